/* The mutator without libFuzzer. From a session of each version it makes packets that break every rule
 * that the decoder of that version knows, and sessions that break none. */
#include "mutator.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ROUNDS = 100000,
    LARGEST = 600, /* bytes of a mutated session */
    STATUSES = 61
};

/* CONNECT with a will and properties, PUBLISH with properties, PUBACK, SUBSCRIBE, UNSUBSCRIBE. */
static const uint8_t session[] = "\x10\x12\x00\x04MQTT\x04\x06\x00\x3C\x00\x01"
                                 "c\x00\x01"
                                 "w\x00\x00"
                                 "\x32\x06\x00\x01"
                                 "a\x00\x01x"
                                 "\x40\x02\x00\x01"
                                 "\x82\x06\x00\x02\x00\x01#\x01"
                                 "\xA2\x05\x00\x03\x00\x01#";
static const uint8_t v5_session[] = "\x10\x19\x00\x04MQTT\x05\x06\x00\x3C\x03\x21\x00\x01\x00\x01"
                                    "c\x02\x01\x01\x00\x01"
                                    "w\x00\x00"
                                    "\x32\x13\x00\x01"
                                    "a\x00\x01\x0C\x23\x00\x01\x26\x00\x01n\x00\x01v\x01\x01x"
                                    "\x40\x02\x00\x01"
                                    "\x82\x09\x00\x02\x02\x0B\x01\x00\x01#\x01"
                                    "\xA2\x06\x00\x03\x00\x00\x01#";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)data;
    (void)size;
    return 0;
}

/* Takes the place of libFuzzer's mutations. It changes nothing. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
    (void)data;
    return size < max_size ? size : max_size;
}

typedef int32_t (*decoder)(const uint8_t *bytes, size_t length);

static int32_t decode(const uint8_t *bytes, size_t length)
{
    struct mqtt_packet packet;

    return mqtt_decode(&packet, bytes, length);
}

static int32_t decode_from_client(const uint8_t *bytes, size_t length)
{
    struct mqtt_packet packet;

    return mqtt_decode_from_client(&packet, bytes, length);
}

static int32_t v5_decode(const uint8_t *bytes, size_t length)
{
    struct mqtt_v5_packet packet;

    return mqtt_v5_decode(&packet, bytes, length);
}

static int32_t v5_decode_from_client(const uint8_t *bytes, size_t length)
{
    struct mqtt_v5_packet packet;

    return mqtt_v5_decode_from_client(&packet, bytes, length);
}

/* The status of the first packet that is refused or cut, 0 if there is none. */
static int32_t decode_stream(decoder decode_next, const uint8_t *bytes, size_t length)
{
    size_t used = 0;
    int32_t n = 0;

    while (used < length && n >= 0) {
        n = decode_next(bytes + used, length - used);
        used += n > 0 ? (size_t)n : 0;
    }
    return n < 0 ? n : 0;
}

/* Not what only other functions return, or only the decoders of the other version. */
static bool is_expected(unsigned version, int32_t status)
{
    switch (status) {
    case MQTT_ERROR_BUFFER_TOO_SMALL:
    case MQTT_ERROR_PACKET_TOO_LARGE:
    case MQTT_ERROR_TYPE:
    case MQTT_ERROR_FIELD_TOO_LONG:
    case MQTT_ERROR_PACKET_ID_AT_QOS_0:
    case MQTT_ERROR_PAYLOAD_MISSING:
        return false;
    case MQTT_ERROR_PASSWORD_WITHOUT_USER_NAME:
    case MQTT_ERROR_CLIENT_ID:
    case MQTT_ERROR_CONNECT_RETURN_CODE:
    case MQTT_ERROR_SUBACK_RETURN_CODE:
        return version == 4;
    default:
        return version == 5 || status > MQTT_ERROR_INTEGER_NOT_SHORTEST;
    }
}

static bool check_session(unsigned version, const uint8_t *bytes, size_t length)
{
    const decoder any_side = version == 5 ? v5_decode : decode;
    const decoder from_client = version == 5 ? v5_decode_from_client : decode_from_client;
    unsigned counts[STATUSES] = {0};
    unsigned valid = 0;
    uint8_t *stream = (uint8_t *)malloc(LARGEST);
    uint32_t i;
    int32_t status;
    bool is_right = stream != NULL && decode_stream(from_client, bytes, length) == 0;

    for (i = 0; i < ROUNDS && is_right; i++) {
        size_t size;
        memcpy(stream, bytes, length);
        size = LLVMFuzzerCustomMutator(stream, length, LARGEST, i * 2654435761u);
        is_right = size <= LARGEST;
        if (is_right) {
            status = decode_stream(any_side, stream, size);
            valid += status == 0;
            counts[-status]++;
            counts[-decode_stream(from_client, stream, size)]++;
        }
    }
    free(stream);
    printf("version %u: %u of %u are valid\n", version, valid, (unsigned)ROUNDS);
    for (status = -1; status > -STATUSES; status--) {
        if ((counts[-status] > 0) != is_expected(version, status)) {
            printf("version %u: status %d: %u times\n", version, (int)status, counts[-status]);
            is_right = false;
        }
    }
    return is_right && valid > ROUNDS / 4 && valid < ROUNDS / 4 * 3;
}

int main(void)
{
    const bool is_right = check_session(4, session, sizeof session - 1);

    return check_session(5, v5_session, sizeof v5_session - 1) && is_right ? EXIT_SUCCESS
                                                                           : EXIT_FAILURE;
}
