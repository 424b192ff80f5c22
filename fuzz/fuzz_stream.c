/* A stream of packets that arrives in pieces. The first two bytes of the input choose the pieces, the
 * rest is the stream.
 *
 * Properties: the packets, or the error, are the same as of the stream in one piece. The decoder of
 * a PUBLISH without its payload says the same as the one of the whole packet, needs nothing of the
 * payload, and what it says of a part it says of the whole; and the functions that change a PUBLISH
 * in place change only the field that they are about. */
#define MQTT_MUTATOR_SKIP    2
#define MQTT_MUTATOR_VERSION 4
#include "fuzz.h"
#include "mutator.h"

enum {
    LONGEST = 4096,        /* bytes of a stream */
    LONGEST_PAYLOAD = 4096 /* that is made up for a PUBLISH whose own is not there */
};

/* Decodes the bytes that have arrived and are not used up, in a block of their own. Compares the
 * result with that of the whole stream. */
static int32_t decode_arrived(const uint8_t *stream, size_t used, size_t arrived, size_t size)
{
    const struct fuzz_block block = fuzz_copy(stream + used, arrived - used);
    struct mqtt_packet packet;
    struct mqtt_packet whole;
    const int32_t result = mqtt_decode(&packet, block.bytes, block.length);

    if (result != MQTT_PACKET_INCOMPLETE || arrived == size)
        FUZZ_CHECK(fuzz_same_answer(result, &packet,
                                    mqtt_decode(&whole, stream + used, size - used), &whole));
    fuzz_free(block);
    return result;
}

static int32_t publish_header_of(const uint8_t *bytes, size_t length)
{
    const struct fuzz_block block = fuzz_copy(bytes, length);
    struct mqtt_publish publish;
    const int32_t result = mqtt_decode_publish_header(&publish, block.bytes, block.length);

    fuzz_free(block);
    return result;
}

/* Compares it with the whole packet, which has arrived. */
static void check_whole(const struct mqtt_publish *publish, int32_t start,
                        const struct mqtt_packet *packet, int32_t size, const uint8_t *bytes)
{
    if (size < 0) {
        FUZZ_CHECK(start == size);
        return;
    }
    FUZZ_CHECK(start > 0 && publish->payload.data == NULL);
    FUZZ_CHECK((size_t)start + publish->payload.length == (size_t)size);
    FUZZ_CHECK(packet->as.publish.payload.data == bytes + start);
    FUZZ_CHECK(fuzz_same_publish_header(publish, &packet->as.publish));
}

/* It decides on the header alone: not earlier than with its last byte, and then for good. */
static void check_header_alone(const uint8_t *bytes, int32_t start)
{
    FUZZ_CHECK(publish_header_of(bytes, (size_t)start) == start);
    FUZZ_CHECK(publish_header_of(bytes, (size_t)start - 1) == MQTT_PACKET_INCOMPLETE);
}

/* What is said before all of the packet is there is true whatever follows: here zeros. */
static void check_made_up(const uint8_t *bytes, size_t length, int32_t said)
{
    struct mqtt_fixed_header header;
    const int32_t digits = mqtt_decode_fixed_header(&header, bytes, length);
    struct mqtt_packet packet;
    struct fuzz_block block;
    int32_t size;

    if (digits < 0 || header.remaining_length > LONGEST_PAYLOAD)
        return;
    block = fuzz_new((size_t)digits + header.remaining_length);
    memset(block.bytes, 0, block.length);
    memcpy(block.bytes, bytes, length < block.length ? length : block.length);
    size = mqtt_decode(&packet, block.bytes, block.length);
    FUZZ_CHECK(size == (said > 0 ? (int32_t)block.length : said));
    fuzz_free(block);
}

static void check_set_dup(const uint8_t *bytes, int32_t start, const struct mqtt_publish *publish)
{
    const struct fuzz_block block = fuzz_copy(bytes, (size_t)start);
    const int32_t result = mqtt_publish_set_dup(block.bytes, block.length, !publish->dup);

    if (publish->qos == 0) { /* where it is not set already */
        FUZZ_CHECK(result == MQTT_ERROR_DUP);
        FUZZ_CHECK(memcmp(block.bytes, bytes, block.length) == 0);
    } else {
        FUZZ_CHECK(result == start);
        FUZZ_CHECK(block.bytes[0] == (bytes[0] ^ 8));
        FUZZ_CHECK(memcmp(block.bytes + 1, bytes + 1, block.length - 1) == 0);
    }
    fuzz_free(block);
}

static void check_set_packet_id(const uint8_t *bytes, int32_t start,
                                const struct mqtt_publish *publish)
{
    const struct fuzz_block block = fuzz_copy(bytes, (size_t)start);
    const int32_t result = mqtt_publish_set_packet_id(block.bytes, block.length, 0x1234);
    struct mqtt_publish changed;

    if (publish->qos == 0) {
        FUZZ_CHECK(result == MQTT_ERROR_PACKET_ID_AT_QOS_0);
        FUZZ_CHECK(memcmp(block.bytes, bytes, block.length) == 0);
    } else {
        FUZZ_CHECK(result == start);
        FUZZ_CHECK(memcmp(block.bytes, bytes, block.length - 2) == 0);
        FUZZ_CHECK(mqtt_decode_publish_header(&changed, block.bytes, block.length) == start);
        FUZZ_CHECK(changed.packet_id == 0x1234);
        FUZZ_CHECK(mqtt_publish_set_packet_id(block.bytes, block.length, 0) ==
                   MQTT_ERROR_PACKET_ID_ZERO);
    }
    fuzz_free(block);
}

static void check_publish_header(const uint8_t *bytes, size_t length)
{
    struct mqtt_packet packet;
    struct mqtt_publish publish;
    const int32_t size = mqtt_decode(&packet, bytes, length);
    const int32_t start = mqtt_decode_publish_header(&publish, bytes, length);

    FUZZ_CHECK(publish_header_of(bytes, length) == start); /* reads no further than it may */
    if (length > 0 && bytes[0] / 16 != MQTT_PUBLISH) {
        FUZZ_CHECK(start == MQTT_ERROR_TYPE);
        return;
    }
    if (size != MQTT_PACKET_INCOMPLETE)
        check_whole(&publish, start, &packet, size, bytes);
    else if (start != MQTT_PACKET_INCOMPLETE)
        check_made_up(bytes, length, start);
    if (start > 0) {
        check_header_alone(bytes, start);
        check_set_dup(bytes, start, &publish);
        check_set_packet_id(bytes, start, &publish);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mqtt_packet packet;
    size_t used = 0;
    int32_t result;

    if (size < 2 || size - 2 > LONGEST)
        return 0;
    fuzz_in_pieces(decode_arrived, data + 2, size - 2, data[0] * 256u + data[1]);
    do {
        check_publish_header(data + 2 + used, size - 2 - used);
        result = mqtt_decode(&packet, data + 2 + used, size - 2 - used);
        used += result > 0 ? (size_t)result : 0;
    } while (result > 0);
    return 0;
}
