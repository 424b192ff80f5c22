/* What the fuzz targets share: blocks of exactly the size of their bytes, so that a sanitizer sees
 * the first byte read or written outside; the end of a run that breaks a property; input taken
 * piece by piece; and whether two packets say the same. */
#if !defined(FUZZ_H)
#define FUZZ_H

#include "mqtt_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the run, and with it the fuzzer, which then keeps the input. */
#define FUZZ_CHECK(property)                                                                       \
    do {                                                                                           \
        if (!(property))                                                                           \
            fuzz_fail(__FILE__, __LINE__, #property);                                              \
    } while (0)

static inline void fuzz_fail(const char *file, int line, const char *property)
{
    fprintf(stderr, "%s:%d: broken property: %s\n", file, line, property);
    abort();
}

/* `bytes` ends where the memory ends, even if there are none. */
struct fuzz_block {
    uint8_t *memory;
    uint8_t *bytes;
    size_t length;
};

#define FUZZ_UNTOUCHED 0xA5 /* what a new block is filled with */

static inline struct fuzz_block fuzz_new(size_t length)
{
    struct fuzz_block block;

    block.memory = (uint8_t *)malloc(length > 0 ? length : 1);
    if (block.memory == NULL)
        abort();
    block.bytes = length > 0 ? block.memory : block.memory + 1;
    block.length = length;
    memset(block.memory, FUZZ_UNTOUCHED, length > 0 ? length : 1);
    return block;
}

static inline struct fuzz_block fuzz_copy(const uint8_t *data, size_t length)
{
    const struct fuzz_block block = fuzz_new(length);

    if (length > 0)
        memcpy(block.bytes, data, length);
    return block;
}

static inline void fuzz_free(struct fuzz_block block)
{
    free(block.memory);
}

static inline bool fuzz_is_untouched(struct fuzz_block block)
{
    size_t i;

    for (i = 0; i < block.length; i++) {
        if (block.bytes[i] != FUZZ_UNTOUCHED)
            return false;
    }
    return true;
}

/* What is left of the input; at its end every number is 0. */
struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

static inline uint8_t fuzz_u8(struct fuzz_input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->at++;
}

static inline uint16_t fuzz_u16(struct fuzz_input *input)
{
    const unsigned high = fuzz_u8(input);

    return (uint16_t)(high * 256u + fuzz_u8(input));
}

/* Up to `wanted` bytes of the input. */
static inline struct mqtt_bytes fuzz_take(struct fuzz_input *input, size_t wanted)
{
    struct mqtt_bytes bytes;

    bytes.data = input->at;
    bytes.length = wanted < input->left ? wanted : input->left;
    if (bytes.length > 0)
        input->at += bytes.length;
    input->left -= bytes.length;
    return bytes;
}

/* The size of the next piece: 1 to 16 bytes, or now and then up to 256. */
static inline size_t fuzz_next_piece(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return 1 + (*state >> 24) % ((*state >> 16) % 8 == 0 ? 256u : 16u);
}

/* Passes a stream to `decode` in pieces: the bytes that have arrived, how many of them earlier calls
 * have used up, and the size of the whole stream. */
static inline void fuzz_in_pieces(int32_t (*decode)(const uint8_t *stream, size_t used,
                                                    size_t arrived, size_t size),
                                  const uint8_t *stream, size_t size, uint32_t seed)
{
    size_t used = 0;
    size_t arrived = 0;
    int32_t result = MQTT_PACKET_INCOMPLETE;

    while (result == MQTT_PACKET_INCOMPLETE && arrived < size) {
        const size_t piece = fuzz_next_piece(&seed);
        arrived = piece < size - arrived ? arrived + piece : size;
        while ((result = decode(stream, used, arrived, size)) > 0)
            used += (size_t)result;
    }
}

static inline bool fuzz_same_bytes(struct mqtt_bytes a, struct mqtt_bytes b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline bool fuzz_same_string(struct mqtt_string a, struct mqtt_string b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline bool fuzz_same_connect(const struct mqtt_connect *a, const struct mqtt_connect *b)
{
    if (a->keep_alive != b->keep_alive || a->clean_session != b->clean_session ||
        a->has_will != b->has_will || a->has_user_name != b->has_user_name ||
        a->has_password != b->has_password || !fuzz_same_string(a->client_id, b->client_id))
        return false;
    if (a->has_will && (a->will.qos != b->will.qos || a->will.retain != b->will.retain ||
                        !fuzz_same_string(a->will.topic, b->will.topic) ||
                        !fuzz_same_bytes(a->will.message, b->will.message)))
        return false;
    if (a->has_user_name && !fuzz_same_string(a->user_name, b->user_name))
        return false;
    return !a->has_password || fuzz_same_bytes(a->password, b->password);
}

/* But for the payload. */
static inline bool fuzz_same_publish_header(const struct mqtt_publish *a,
                                            const struct mqtt_publish *b)
{
    return a->qos == b->qos && a->dup == b->dup && a->retain == b->retain &&
           (a->qos == 0 || a->packet_id == b->packet_id) && fuzz_same_string(a->topic, b->topic) &&
           a->payload.length == b->payload.length;
}

/* Lists are compared entry by entry: one may be a sender's array, the other as received. */
static inline bool fuzz_same_subscribe(const struct mqtt_subscribe *a,
                                       const struct mqtt_subscribe *b)
{
    size_t a_position = 0;
    size_t b_position = 0;
    struct mqtt_subscription a_entry;
    struct mqtt_subscription b_entry;

    if (a->packet_id != b->packet_id)
        return false;
    while (mqtt_next_subscription(a, &a_position, &a_entry)) {
        if (!mqtt_next_subscription(b, &b_position, &b_entry) || a_entry.qos != b_entry.qos ||
            !fuzz_same_string(a_entry.filter, b_entry.filter))
            return false;
    }
    return !mqtt_next_subscription(b, &b_position, &b_entry);
}

static inline bool fuzz_same_unsubscribe(const struct mqtt_unsubscribe *a,
                                         const struct mqtt_unsubscribe *b)
{
    size_t a_position = 0;
    size_t b_position = 0;
    struct mqtt_string a_entry;
    struct mqtt_string b_entry;

    if (a->packet_id != b->packet_id)
        return false;
    while (mqtt_next_filter(a, &a_position, &a_entry)) {
        if (!mqtt_next_filter(b, &b_position, &b_entry) || !fuzz_same_string(a_entry, b_entry))
            return false;
    }
    return !mqtt_next_filter(b, &b_position, &b_entry);
}

static inline bool fuzz_same_suback(const struct mqtt_suback *a, const struct mqtt_suback *b)
{
    return a->packet_id == b->packet_id && a->count == b->count &&
           (a->count == 0 || memcmp(a->return_codes, b->return_codes, a->count) == 0);
}

/* Whether two valid packets have the same fields, wherever these lie. */
static inline bool fuzz_same_packet(const struct mqtt_packet *a, const struct mqtt_packet *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case MQTT_CONNECT:
        return fuzz_same_connect(&a->as.connect, &b->as.connect);
    case MQTT_CONNACK:
        return a->as.connack.session_present == b->as.connack.session_present &&
               a->as.connack.return_code == b->as.connack.return_code;
    case MQTT_PUBLISH:
        return fuzz_same_publish_header(&a->as.publish, &b->as.publish) &&
               fuzz_same_bytes(a->as.publish.payload, b->as.publish.payload);
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
    case MQTT_UNSUBACK:
        return a->as.ack.packet_id == b->as.ack.packet_id;
    case MQTT_SUBSCRIBE:
        return fuzz_same_subscribe(&a->as.subscribe, &b->as.subscribe);
    case MQTT_SUBACK:
        return fuzz_same_suback(&a->as.suback, &b->as.suback);
    case MQTT_UNSUBSCRIBE:
        return fuzz_same_unsubscribe(&a->as.unsubscribe, &b->as.unsubscribe);
    default:
        return true;
    }
}

/* Whether two decoders said the same: the packet, or the error and where it is. */
static inline bool fuzz_same_answer(int32_t a_result, const struct mqtt_packet *a, int32_t b_result,
                                    const struct mqtt_packet *b)
{
    if (a_result != b_result)
        return false;
    if (a_result > 0)
        return fuzz_same_packet(a, b);
    return a_result == MQTT_PACKET_INCOMPLETE || a->error_offset == b->error_offset;
}

#endif
