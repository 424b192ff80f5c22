/* Any bytes, and every prefix of them, to every decoder of both versions that can say
 * MQTT_PACKET_INCOMPLETE.
 *
 * Properties: of what is accepted, each proper prefix is incomplete, and more bytes after it change
 * nothing. An error is the same error for every continuation: no further byte mends it. So a prefix
 * of what is incomplete is incomplete. */
#include "fuzz.h"
#include "mutator.h"

enum {
    LONGEST = 256 /* bytes of an input: every prefix is a block of its own */
};

struct answer {
    int32_t result;
    uint32_t error_offset;
};

typedef struct answer (*decoder)(const uint8_t *bytes, size_t length);

static struct answer answer_of(int32_t result, const uint32_t *error_offset)
{
    const bool is_error = result < 0 && result != MQTT_PACKET_INCOMPLETE;
    struct answer answer;

    answer.result = result;
    /* The analyzer takes a size for negative. Nothing is set beforehand, so that MSan can tell.
     * NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign) */
    answer.error_offset = is_error ? *error_offset : 0;
    return answer;
}

static struct answer any_side(const uint8_t *bytes, size_t length)
{
    struct mqtt_packet packet;
    const int32_t result = mqtt_decode(&packet, bytes, length);

    return answer_of(result, &packet.error_offset);
}

static struct answer from_client(const uint8_t *bytes, size_t length)
{
    struct mqtt_packet packet;
    const int32_t result = mqtt_decode_from_client(&packet, bytes, length);

    return answer_of(result, &packet.error_offset);
}

static struct answer from_server(const uint8_t *bytes, size_t length)
{
    struct mqtt_packet packet;
    const int32_t result = mqtt_decode_from_server(&packet, bytes, length);

    return answer_of(result, &packet.error_offset);
}

static struct answer fixed_header(const uint8_t *bytes, size_t length)
{
    struct mqtt_fixed_header header;
    struct answer answer = {0, 0};

    answer.result = mqtt_decode_fixed_header(&header, bytes, length);
    return answer;
}

static struct answer publish_header(const uint8_t *bytes, size_t length)
{
    struct mqtt_publish publish;
    struct answer answer = {0, 0};

    answer.result = mqtt_decode_publish_header(&publish, bytes, length);
    return answer;
}

static struct answer remaining_length(const uint8_t *bytes, size_t length)
{
    struct answer answer = {0, 0};
    uint32_t value;

    answer.result = mqtt_decode_remaining_length(&value, bytes, length);
    return answer;
}

static struct answer v5_any_side(const uint8_t *bytes, size_t length)
{
    struct mqtt_v5_packet packet;
    const int32_t result = mqtt_v5_decode(&packet, bytes, length);

    return answer_of(result, &packet.error_offset);
}

static struct answer v5_from_client(const uint8_t *bytes, size_t length)
{
    struct mqtt_v5_packet packet;
    const int32_t result = mqtt_v5_decode_from_client(&packet, bytes, length);

    return answer_of(result, &packet.error_offset);
}

static struct answer v5_from_server(const uint8_t *bytes, size_t length)
{
    struct mqtt_v5_packet packet;
    const int32_t result = mqtt_v5_decode_from_server(&packet, bytes, length);

    return answer_of(result, &packet.error_offset);
}

static struct answer v5_fixed_header(const uint8_t *bytes, size_t length)
{
    struct mqtt_v5_fixed_header header;
    struct answer answer = {0, 0};

    answer.result = mqtt_v5_decode_fixed_header(&header, bytes, length);
    return answer;
}

static struct answer v5_publish_header(const uint8_t *bytes, size_t length)
{
    struct mqtt_v5_publish publish;
    struct answer answer = {0, 0};

    answer.result = mqtt_v5_decode_publish_header(&publish, bytes, length);
    return answer;
}

static struct answer v5_integer(const uint8_t *bytes, size_t length)
{
    struct answer answer = {0, 0};
    uint32_t value;

    answer.result = mqtt_v5_decode_integer(&value, bytes, length);
    return answer;
}

static struct answer protocol_level(const uint8_t *bytes, size_t length)
{
    struct answer answer = {0, 0};
    uint8_t level;

    answer.result = mqtt_decode_protocol_level(&level, bytes, length);
    return answer;
}

static bool is_same(struct answer a, struct answer b)
{
    return a.result == b.result && a.error_offset == b.error_offset;
}

/* In a block of exactly that size. */
static struct answer decode_prefix(decoder decode, const uint8_t *data, size_t length)
{
    const struct fuzz_block block = fuzz_copy(data, length);
    const struct answer answer = decode(block.bytes, block.length);

    fuzz_free(block);
    return answer;
}

static void check_prefixes(decoder decode, const uint8_t *data, size_t size)
{
    const struct answer whole = decode_prefix(decode, data, size);
    bool is_known = false; /* a prefix has been more than incomplete */
    size_t length;

    FUZZ_CHECK(whole.result != 0 && (whole.result < 0 || (size_t)whole.result <= size));
    for (length = 0; length < size; length++) {
        const struct answer answer = decode_prefix(decode, data, length);
        if (answer.result == MQTT_PACKET_INCOMPLETE) {
            FUZZ_CHECK(!is_known);
            FUZZ_CHECK(whole.result < 0 || length < (size_t)whole.result);
        } else {
            is_known = true;
            FUZZ_CHECK(is_same(answer, whole));
            FUZZ_CHECK(whole.result < 0 || length >= (size_t)whole.result);
        }
    }
}

/* What is decided stays so whatever follows. */
static void check_continuations(decoder decode, const uint8_t *data, size_t size)
{
    static const uint8_t fills[] = {0x00, 0x01, 0x23, 0x7F, 0x80, 0xFF};
    const struct answer whole = decode_prefix(decode, data, size);
    uint8_t longer[LONGEST + 64];
    size_t i;

    if (whole.result == MQTT_PACKET_INCOMPLETE)
        return;
    for (i = 0; i < sizeof fills; i++) {
        memset(longer, fills[i], sizeof longer);
        if (size > 0)
            memcpy(longer, data, size);
        FUZZ_CHECK(is_same(decode(longer, sizeof longer), whole));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const decoder decoders[] = {
        any_side,          from_client, from_server,    fixed_header,   publish_header,
        remaining_length,  v5_any_side, v5_from_client, v5_from_server, v5_fixed_header,
        v5_publish_header, v5_integer,  protocol_level};
    const size_t length = size < LONGEST ? size : LONGEST;
    size_t i;

    for (i = 0; i < sizeof decoders / sizeof decoders[0]; i++) {
        check_prefixes(decoders[i], data, length);
        check_continuations(decoders[i], data, length);
    }
    return 0;
}
