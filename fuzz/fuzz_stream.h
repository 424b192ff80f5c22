/* The fuzz target of a stream of packets that arrives in pieces, for one version of MQTT. Before it is
 * included, CODEC(name) is the name in mqtt_codec.h of that version, SAME(name) that in fuzz.h or
 * fuzz_v5.h. The first two bytes of the input choose the pieces, the rest is the stream.
 *
 * Properties: the packets, or the error, are the same as of the stream in one piece. The decoder of a
 * PUBLISH without its payload says the same as the one of the whole packet, and needs the bytes before
 * the payload, no more and no less; what it says of a part it says of the whole. The functions that
 * change a PUBLISH in place change only the field that they are about. */

enum {
    LONGEST = 4096,        /* bytes of a stream */
    LONGEST_PAYLOAD = 4096 /* that is made up for a PUBLISH whose own is not there */
};

/* Decodes the bytes that have arrived and are not used up, in a block of their own. Compares the
 * result with that of the whole stream. */
static int32_t decode_arrived(const uint8_t *stream, size_t used, size_t arrived, size_t size)
{
    const struct fuzz_block block = fuzz_copy(stream + used, arrived - used);
    struct CODEC(packet) packet;
    struct CODEC(packet) whole;
    const int32_t result = CODEC(decode)(&packet, block.bytes, block.length);

    if (result != MQTT_PACKET_INCOMPLETE || arrived == size)
        FUZZ_CHECK(SAME(answer)(result, &packet, CODEC(decode)(&whole, stream + used, size - used),
                                &whole));
    fuzz_free(block);
    return result;
}

static int32_t publish_header_of(const uint8_t *bytes, size_t length)
{
    const struct fuzz_block block = fuzz_copy(bytes, length);
    struct CODEC(publish) publish;
    const int32_t result = CODEC(decode_publish_header)(&publish, block.bytes, block.length);

    fuzz_free(block);
    return result;
}

/* Compares it with the whole packet, which has arrived. */
static void check_whole(const struct CODEC(publish) * publish, int32_t start,
                        const struct CODEC(packet) * packet, int32_t size, const uint8_t *bytes)
{
    if (size < 0) {
        FUZZ_CHECK(start == size);
        return;
    }
    FUZZ_CHECK(start > 0 && publish->payload.data == NULL);
    FUZZ_CHECK((size_t)start + publish->payload.length == (size_t)size);
    FUZZ_CHECK(packet->as.publish.payload.data == bytes + start);
    FUZZ_CHECK(SAME(publish_header)(publish, &packet->as.publish));
}

/* What is said before all of the packet is there is true whatever follows: here zeros. */
static void check_made_up(const uint8_t *bytes, size_t length, int32_t said)
{
    struct CODEC(fixed_header) header;
    const int32_t digits = CODEC(decode_fixed_header)(&header, bytes, length);
    struct CODEC(packet) packet;
    struct fuzz_block block;

    if (digits < 0 || header.remaining_length > LONGEST_PAYLOAD)
        return;
    block = fuzz_new((size_t)digits + header.remaining_length);
    memset(block.bytes, 0, block.length);
    memcpy(block.bytes, bytes, length < block.length ? length : block.length);
    FUZZ_CHECK(CODEC(decode)(&packet, block.bytes, block.length) ==
               (said > 0 ? (int32_t)block.length : said));
    fuzz_free(block);
}

/* The header alone, changed in each way and back. */
static void check_changes(const uint8_t *bytes, int32_t start,
                          const struct CODEC(publish) * publish)
{
    const struct fuzz_block block = fuzz_copy(bytes, (size_t)start);
    const uint8_t first = bytes[0];
    struct CODEC(publish) changed;

    FUZZ_CHECK(CODEC(publish_set_retain)(block.bytes, block.length, !publish->retain) == start);
    FUZZ_CHECK(block.bytes[0] == (first ^ 1));
    FUZZ_CHECK(CODEC(publish_set_retain)(block.bytes, block.length, publish->retain) == start);
    if (publish->qos == 0) {
        FUZZ_CHECK(CODEC(publish_set_dup)(block.bytes, block.length, true) == MQTT_ERROR_DUP);
        FUZZ_CHECK(CODEC(publish_set_packet_id)(block.bytes, block.length, 0x1234) ==
                   MQTT_ERROR_PACKET_ID_AT_QOS_0);
    } else {
        FUZZ_CHECK(CODEC(publish_set_dup)(block.bytes, block.length, !publish->dup) == start);
        FUZZ_CHECK(block.bytes[0] == (first ^ 8));
        FUZZ_CHECK(CODEC(publish_set_dup)(block.bytes, block.length, publish->dup) == start);
        FUZZ_CHECK(CODEC(publish_set_packet_id)(block.bytes, block.length, 0x1234) == start);
        FUZZ_CHECK(CODEC(decode_publish_header)(&changed, block.bytes, block.length) == start);
        FUZZ_CHECK(changed.packet_id == 0x1234);
        FUZZ_CHECK(CODEC(publish_set_packet_id)(block.bytes, block.length, 0) ==
                   MQTT_ERROR_PACKET_ID_ZERO);
        FUZZ_CHECK(CODEC(publish_set_packet_id)(block.bytes, block.length, publish->packet_id) ==
                   start);
    }
    FUZZ_CHECK(memcmp(block.bytes, bytes, block.length) == 0);
    fuzz_free(block);
}

static void check_publish_header(const uint8_t *bytes, size_t length)
{
    struct CODEC(packet) packet;
    struct CODEC(publish) publish;
    const int32_t size = CODEC(decode)(&packet, bytes, length);
    const int32_t start = CODEC(decode_publish_header)(&publish, bytes, length);

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
        FUZZ_CHECK(publish_header_of(bytes, (size_t)start) == start);
        FUZZ_CHECK(publish_header_of(bytes, (size_t)start - 1) == MQTT_PACKET_INCOMPLETE);
        check_changes(bytes, start, &publish);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct CODEC(packet) packet;
    size_t used = 0;
    int32_t result;

    if (size < 2 || size - 2 > LONGEST)
        return 0;
    fuzz_in_pieces(decode_arrived, data + 2, size - 2, data[0] * 256u + data[1]);
    do {
        check_publish_header(data + 2 + used, size - 2 - used);
        result = CODEC(decode)(&packet, data + 2 + used, size - 2 - used);
        used += result > 0 ? (size_t)result : 0;
    } while (result > 0);
    return 0;
}
