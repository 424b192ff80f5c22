/* A target whose size_t has 16 bits, as AVR and MSP430 have: emulated, so that the sanitizers look on.
 * What wraps there is a sum of lengths, each of which fits. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef SIZE_MAX
#define SIZE_MAX        65535
#define size_t          uint16_t
#define MQTT_CODEC_SIMD 0
#include "mqtt_codec.h"

static int faults;

static void expect(const char *what, int32_t actual, int32_t expected)
{
    if (actual == expected)
        return;
    printf("%s: %d, not %d\n", what, (int)actual, (int)expected);
    faults++;
}

/* A CONNECT of 66,017 bytes: no buffer holds it, and nothing is written to one. One of 15 is written. */
static void encode_connect(const char *letters)
{
    static const uint8_t short_one[] = {0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 1, 'a'};
    struct mqtt_connect connect = {0};
    uint8_t *buffer = malloc(1000);
    unsigned i;

    if (buffer == NULL)
        abort();
    memset(buffer, 0xA5, 1000);
    connect.clean_session = true;
    connect.client_id.data = letters;
    connect.client_id.length = 33000;
    connect.has_user_name = true;
    connect.user_name = connect.client_id;
    expect("CONNECT, its size", mqtt_encode_connect(NULL, 0, &connect), 66018);
    expect("CONNECT", mqtt_encode_connect(buffer, 1000, &connect), MQTT_ERROR_BUFFER_TOO_SMALL);
    for (i = 0; i < 1000; i++)
        expect("a byte of the buffer", buffer[i], 0xA5);
    connect.client_id.length = 1;
    connect.has_user_name = false;
    expect("a short CONNECT", mqtt_encode_connect(buffer, 15, &connect), 15);
    expect("its bytes", memcmp(buffer, short_one, 15), 0);
    free(buffer);
}

struct publish_case {
    const char *what;
    uint8_t bytes[7];
    int32_t decode;
    int32_t decode_header;
};

static const struct publish_case publishes[] = {
    {"65,535 bytes", {0x30, 0xFB, 0xFF, 0x03, 0, 1, 'a'}, MQTT_PACKET_INCOMPLETE, 7},
    {"65,536 bytes", {0x30, 0xFC, 0xFF, 0x03, 0, 1, 'a'}, MQTT_ERROR_PACKET_TOO_LARGE, 7},
    {"a payload of 65,535 bytes",
     {0x30, 0x82, 0x80, 0x04, 0, 1, 'a'},
     MQTT_ERROR_PACKET_TOO_LARGE,
     7},
    {"a payload of 65,536 bytes",
     {0x30, 0x83, 0x80, 0x04, 0, 1, 'a'},
     MQTT_ERROR_PACKET_TOO_LARGE,
     MQTT_ERROR_PACKET_TOO_LARGE},
    {"a topic of 65,535 bytes at QoS 1",
     {0x32, 0x83, 0x80, 0x04, 0xFF, 0xFF, 'a'},
     MQTT_ERROR_PACKET_TOO_LARGE,
     MQTT_PACKET_INCOMPLETE},
    {"a topic longer than the packet",
     {0x32, 0x80, 0x80, 0x02, 0xFF, 0xFF, 'a'},
     MQTT_PACKET_INCOMPLETE,
     MQTT_ERROR_FIELD_PAST_END},
};

static void decode_publish(const struct publish_case *test)
{
    struct mqtt_packet packet;
    struct mqtt_publish publish;

    expect(test->what, mqtt_decode(&packet, test->bytes, 7), test->decode);
    if (test->decode == MQTT_ERROR_PACKET_TOO_LARGE)
        expect("its error_offset", (int32_t)packet.error_offset, 1);
    expect(test->what, mqtt_decode_publish_header(&publish, test->bytes, 7), test->decode_header);
}

/* A topic whose end is further from the start of the packet than a 16-bit ptrdiff_t reaches: the
 * packet id stands behind 39,990 bytes of it, then 10 bytes of payload. */
static void decode_long_topic(void)
{
    static const uint8_t start[] = {0x32, 0xC4, 0xB8, 0x02, 0x9C, 0x36};
    uint8_t *bytes = malloc(40008);
    struct mqtt_publish publish;

    if (bytes == NULL)
        abort();
    memset(bytes, 'a', 40008);
    memcpy(bytes, start, sizeof start);
    expect("a long topic", mqtt_decode_publish_header(&publish, bytes, 39998), 39998);
    expect("its length", publish.topic.length, 39990);
    expect("the payload's length", publish.payload.length, 10);
    expect("a long topic, its packet id", mqtt_publish_set_packet_id(bytes, 39998, 0x1234), 39998);
    expect("the packet id", bytes[39996] * 256 + bytes[39997], 0x1234);
    free(bytes);
}

int main(void)
{
    static char letters[33000];
    unsigned i;

    memset(letters, 'a', sizeof letters);
    encode_connect(letters);
    for (i = 0; i < sizeof publishes / sizeof publishes[0]; i++)
        decode_publish(&publishes[i]);
    decode_long_topic();
    return faults == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
