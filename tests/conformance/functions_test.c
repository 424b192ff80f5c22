/* The functions that the tables do not reach: every first byte, the largest packets, a PUBLISH
 * changed in place, the iterators. */
#include "support.h"

#include <stdio.h>

/* Tables 2.1 and 2.2 in the test's own words: a row for each first byte that is valid. */
static int32_t first_byte_status(unsigned first_byte, bool client, bool server)
{
    static const char valid[] = "10 C|20 S|30 B|31 B|32 B|33 B|34 B|35 B|3A B|3B B|3C B|3D B|"
                                "40 B|50 B|62 B|70 B|82 C|90 S|A2 C|B0 S|C0 C|D0 S|E0 C|";
    /* Who sends each type, from 0 on; - is reserved. */
    static const char senders[] = "-CSBBBBBCSCSCSC-";
    const char sender = senders[first_byte / 16];
    char row[8];

    if (sender == '-')
        return MQTT_ERROR_RESERVED_TYPE;
    if ((sender == 'C' && !client) || (sender == 'S' && !server))
        return MQTT_ERROR_DIRECTION;
    snprintf(row, sizeof row, "%02X ", first_byte % 256);
    if (strstr(valid, row) != NULL)
        return MQTT_PACKET_INCOMPLETE;
    if (first_byte / 16 != MQTT_PUBLISH)
        return MQTT_ERROR_FLAGS;
    return (first_byte & 6) == 6 ? MQTT_ERROR_QOS : MQTT_ERROR_DUP;
}

START_TEST(every_first_byte_is_classified)
{
    unsigned value;

    for (value = 0; value < 256; value++) {
        const uint8_t byte = (uint8_t)value;
        const struct test_block block = test_copy(&byte, 1);
        const int32_t either = first_byte_status(value, true, true);
        struct mqtt_packet packet;
        struct mqtt_fixed_header header;
        struct mqtt_publish publish;

        packet.error_offset = 9;
        ck_assert_int_eq(mqtt_decode(&packet, block.bytes, 1), either);
        ck_assert_int_eq(mqtt_decode_fixed_header(&header, block.bytes, 1), either);
        if (either != MQTT_PACKET_INCOMPLETE)
            ck_assert_uint_eq(packet.error_offset, 0);
        ck_assert_int_eq(mqtt_decode_from_client(&packet, block.bytes, 1),
                         first_byte_status(value, true, false));
        ck_assert_int_eq(mqtt_decode_from_server(&packet, block.bytes, 1),
                         first_byte_status(value, false, true));
        ck_assert_int_eq(mqtt_decode_publish_header(&publish, block.bytes, 1),
                         value / 16 == 3 ? either : MQTT_ERROR_TYPE);
        test_free(block);
    }
}
END_TEST

/* The shortest valid body of each type; at QoS 1 and 2 a PUBLISH has a packet id. */
static const char *shortest_body(unsigned first_byte)
{
    static const char *const bodies[16] = {
        "",
        "0004'MQTT'04 02 0000 0000",
        "0000",
        "0001'a'",
        "0001",
        "0001",
        "0001",
        "0001",
        "0001 0001'a' 00",
        "0001 00",
        "0001 0001'a'",
        "0001",
        "",
        "",
        "",
        "",
    };

    return first_byte / 16 == 3 && (first_byte & 6) != 0 ? "0001'a' 0001" : bodies[first_byte / 16];
}

/* What the fixed header of these bytes says, in the test's own words: its size, MQTT_PACKET_INCOMPLETE
 * or the rule that it breaks. Sets *remaining. */
static int32_t header_status(const uint8_t *bytes, size_t length, bool client, bool server,
                             size_t *remaining)
{
    /* The remaining lengths of the types from 0 on: the least, and ! if there is no other. */
    static const char *const lengths[16] = {"",  "12", "2!", "2",  "2!", "2!", "2!", "2!",
                                            "2", "2",  "2",  "2!", "0!", "0!", "0!", ""};
    const int32_t status = first_byte_status(bytes[0], client, server);
    const char *rule = lengths[bytes[0] / 16];
    size_t least = (size_t)strtoul(rule, NULL, 10);
    size_t i = 1;

    if (status != MQTT_PACKET_INCOMPLETE)
        return status;
    if (bytes[0] / 16 == 3 && (bytes[0] & 6) != 0)
        least = 4;
    *remaining = 0;
    do {
        if (i == 5)
            return MQTT_ERROR_REMAINING_LENGTH;
        if (i == length)
            return MQTT_PACKET_INCOMPLETE;
        *remaining += (size_t)(bytes[i] % 128) << (7 * (i - 1));
    } while (bytes[i++] >= 128);
    if (*remaining < least || (*remaining > least && strchr(rule, '!') != NULL))
        return MQTT_ERROR_REMAINING_LENGTH;
    return (int32_t)i;
}

typedef int32_t decode_packet(struct mqtt_packet *packet, const void *bytes, size_t length);

/* Compares one decoder with the rules above. What is in a body that is not the shortest one is for
 * other tests. */
static void judge_pair(decode_packet *decode, struct test_block block, bool client, bool server)
{
    const struct test_block body = test_parse(shortest_body(block.bytes[0]));
    struct mqtt_packet packet = {0};
    const int32_t result = decode(&packet, block.bytes, block.length);
    size_t remaining = 0;
    int32_t expected = header_status(block.bytes, block.length, client, server, &remaining);
    const uint32_t offset = expected == MQTT_ERROR_REMAINING_LENGTH ? 1 : 0;
    bool agrees;

    if (expected > 0 && block.length - (size_t)expected < remaining)
        expected = MQTT_PACKET_INCOMPLETE;
    if (expected < 0)
        agrees = result == expected &&
                 (expected == MQTT_PACKET_INCOMPLETE || packet.error_offset == offset);
    else if (remaining == body.length &&
             memcmp(block.bytes + expected, body.bytes, body.length) == 0)
        agrees = result == expected + (int32_t)remaining && packet.type == block.bytes[0] / 16;
    else
        agrees = result == expected + (int32_t)remaining || result < MQTT_ERROR_REMAINING_LENGTH;
    ck_assert_msg(agrees, "%02X %02X and %u more bytes: %d, not %d", block.bytes[0], block.bytes[1],
                  (unsigned)block.length - 2, (int)result, (int)expected);
    test_free(body);
}

/* All 65,536 pairs of first bytes, alone and in front of the shortest body of every type. */
START_TEST(every_pair_of_first_bytes)
{
    const struct test_block body = test_parse(shortest_body(_i == 15 ? 0x32 : (unsigned)_i * 16));
    uint8_t bytes[16];
    unsigned pair;

    memcpy(bytes + 2, body.bytes, body.length);
    for (pair = 0; pair < 65536; pair++) {
        struct test_block block;
        struct mqtt_fixed_header header;
        size_t remaining;
        bytes[0] = (uint8_t)(pair / 256);
        bytes[1] = (uint8_t)(pair % 256);
        block = test_copy(bytes, 2 + body.length);
        judge_pair(mqtt_decode, block, true, true);
        judge_pair(mqtt_decode_from_client, block, true, false);
        judge_pair(mqtt_decode_from_server, block, false, true);
        if (mqtt_decode_fixed_header(&header, block.bytes, block.length) !=
            header_status(block.bytes, block.length, true, true, &remaining))
            ck_abort_msg("fixed header %02X %02X", bytes[0], bytes[1]);
        test_free(block);
    }
    test_free(body);
}
END_TEST

START_TEST(no_bytes_are_incomplete)
{
    struct mqtt_packet packet;
    struct mqtt_fixed_header header;
    struct mqtt_publish publish;
    uint32_t value;

    ck_assert_int_eq(mqtt_decode(&packet, NULL, 0), MQTT_PACKET_INCOMPLETE);
    ck_assert_int_eq(mqtt_decode_from_client(&packet, NULL, 0), MQTT_PACKET_INCOMPLETE);
    ck_assert_int_eq(mqtt_decode_from_server(&packet, NULL, 0), MQTT_PACKET_INCOMPLETE);
    ck_assert_int_eq(mqtt_decode_fixed_header(&header, NULL, 0), MQTT_PACKET_INCOMPLETE);
    ck_assert_int_eq(mqtt_decode_publish_header(&publish, NULL, 0), MQTT_PACKET_INCOMPLETE);
    ck_assert_int_eq(mqtt_decode_remaining_length(&value, NULL, 0), MQTT_PACKET_INCOMPLETE);
    ck_assert_int_eq(mqtt_publish_set_dup(NULL, 0, true), MQTT_PACKET_INCOMPLETE);
    ck_assert_int_eq(mqtt_publish_set_retain(NULL, 0, true), MQTT_PACKET_INCOMPLETE);
    ck_assert_int_eq(mqtt_publish_set_packet_id(NULL, 0, 1), MQTT_PACKET_INCOMPLETE);
}
END_TEST

struct remaining_length_case {
    uint32_t value;
    const char *bytes;
};

/* Table 2.4 and the two examples of 2.2.3. */
static const struct remaining_length_case remaining_lengths[] = {
    {0, "00"},
    {64, "40"},
    {127, "7F"},
    {128, "8001"},
    {321, "C102"},
    {16383, "FF7F"},
    {16384, "808001"},
    {2097151, "FFFF7F"},
    {2097152, "80808001"},
    {268435455, "FFFFFF7F"},
};

START_TEST(remaining_lengths_of_table_2_4)
{
    const struct remaining_length_case *test = &remaining_lengths[_i];
    const struct test_block bytes = test_parse(test->bytes);
    uint8_t buffer[5];
    uint32_t value = 1;
    size_t i;

    test_fill(buffer, sizeof buffer);
    for (i = 0; i < bytes.length; i++) {
        ck_assert_int_eq(mqtt_decode_remaining_length(&value, bytes.bytes, i),
                         MQTT_PACKET_INCOMPLETE);
        ck_assert_int_eq(mqtt_encode_remaining_length(buffer, i, test->value),
                         MQTT_ERROR_BUFFER_TOO_SMALL);
    }
    test_assert_untouched(buffer, sizeof buffer);
    ck_assert_int_eq(mqtt_decode_remaining_length(&value, bytes.bytes, bytes.length),
                     (int32_t)bytes.length);
    ck_assert_uint_eq(value, test->value);
    ck_assert_int_eq(mqtt_encode_remaining_length(NULL, 0, test->value), (int32_t)bytes.length);
    ck_assert_int_eq(mqtt_encode_remaining_length(buffer, bytes.length, test->value),
                     (int32_t)bytes.length);
    test_assert_bytes(test->bytes, buffer, bytes.bytes, bytes.length);
    test_fill(buffer, bytes.length);
    test_assert_untouched(buffer, sizeof buffer);
    test_free(bytes);
}
END_TEST

START_TEST(remaining_lengths_above_the_largest)
{
    uint8_t buffer[8];

    test_fill(buffer, sizeof buffer);
    ck_assert_int_eq(mqtt_encode_remaining_length(buffer, 8, 268435456),
                     MQTT_ERROR_PACKET_TOO_LARGE);
    ck_assert_int_eq(mqtt_encode_remaining_length(NULL, 0, UINT32_MAX),
                     MQTT_ERROR_PACKET_TOO_LARGE);
    test_assert_untouched(buffer, sizeof buffer);
}
END_TEST

/* The largest packets, without their payload: sizes, headers, and the real thing once. */
START_TEST(largest_publish)
{
    const uint32_t remaining_length = remaining_lengths[_i].value;
    struct mqtt_publish publish = {.topic = TEXT("a")};
    struct mqtt_publish decoded;
    uint8_t *packet;
    uint8_t header[8];
    int32_t header_size;
    struct mqtt_packet whole;

    if (remaining_length < 16383)
        return;
    publish.payload.data = header; /* only its length is read until it is copied */
    publish.payload.length = remaining_length - 3;
    header_size = mqtt_encode_publish_header(header, sizeof header, &publish);
    ck_assert_int_eq(header_size, 1 + mqtt_encode_remaining_length(NULL, 0, remaining_length) + 3);
    ck_assert_int_eq(mqtt_encode_publish(NULL, 0, &publish),
                     header_size + (int32_t)publish.payload.length);
    ck_assert_int_eq(mqtt_decode(&whole, header, (size_t)header_size),
                     remaining_length == 3 ? header_size : MQTT_PACKET_INCOMPLETE);
    ck_assert_int_eq(mqtt_decode_publish_header(&decoded, header, (size_t)header_size),
                     header_size);
    ck_assert_uint_eq(decoded.payload.length, publish.payload.length);

    packet = calloc(1, (size_t)header_size + publish.payload.length);
    ck_assert_ptr_nonnull(packet);
    memcpy(packet, header, (size_t)header_size);
    ck_assert_int_eq(mqtt_decode(&whole, packet, (size_t)header_size + publish.payload.length - 1),
                     MQTT_PACKET_INCOMPLETE);
    ck_assert_int_eq(mqtt_decode(&whole, packet, (size_t)header_size + publish.payload.length),
                     header_size + (int32_t)publish.payload.length);
    ck_assert_uint_eq(whole.as.publish.payload.length, publish.payload.length);
    ck_assert_ptr_eq(whole.as.publish.payload.data, packet + header_size);
    free(packet);
}
END_TEST

/* What a publish header cannot be told from its first bytes, is not waited for in vain. */
START_TEST(publish_header_never_waits_beyond_the_packet)
{
    const struct test_block too_long = test_parse("30 07 FFFF");
    const struct test_block no_id = test_parse("32 04 0002 'aa'");
    struct mqtt_publish publish;

    ck_assert_int_eq(mqtt_decode_publish_header(&publish, too_long.bytes, 3),
                     MQTT_PACKET_INCOMPLETE);
    ck_assert_int_eq(mqtt_decode_publish_header(&publish, too_long.bytes, 4),
                     MQTT_ERROR_FIELD_PAST_END);
    ck_assert_int_eq(mqtt_decode_publish_header(&publish, no_id.bytes, 5), MQTT_PACKET_INCOMPLETE);
    ck_assert_int_eq(mqtt_decode_publish_header(&publish, no_id.bytes, 6),
                     MQTT_ERROR_PACKET_ID_MISSING);
    test_free(too_long);
    test_free(no_id);
}
END_TEST

struct in_place_case {
    const char *bytes;
    const char *dup_set; /* NULL: refused with the status */
    int32_t dup_status;
    const char *dup_cleared;
    const char *id_set; /* to 0xFFFE */
    int32_t id_status;
    const char *retain_set; /* succeeds and fails as clearing DUP does */
    const char *retain_cleared;
};

static const struct in_place_case in_place[] = {
    {"32 05 0001'a' 0001", "3A 05 0001'a' 0001", 7, "32 05 0001'a' 0001", "32 05 0001'a' FFFE", 7,
     "33 05 0001'a' 0001", "32 05 0001'a' 0001"},
    {"3D 06 0001'a' 0001'x'", "3D 06 0001'a' 0001'x'", 7, "35 06 0001'a' 0001'x'",
     "3D 06 0001'a' FFFE'x'", 7, "3D 06 0001'a' 0001'x'", "3C 06 0001'a' 0001'x'"},
    /* A remaining length of two bytes, and no byte of its payload there. */
    {"34 8502 0001'a' 0100", "3C 8502 0001'a' 0100", 8, "34 8502 0001'a' 0100",
     "34 8502 0001'a' FFFE", 8, "35 8502 0001'a' 0100", "34 8502 0001'a' 0100"},
    {"30 04 0001'a' 'x'", NULL, MQTT_ERROR_DUP, "30 04 0001'a' 'x'", NULL,
     MQTT_ERROR_PACKET_ID_AT_QOS_0, "31 04 0001'a' 'x'", "30 04 0001'a' 'x'"},
    {"31 04 0001'a' 'x'", NULL, MQTT_ERROR_DUP, "31 04 0001'a' 'x'", NULL,
     MQTT_ERROR_PACKET_ID_AT_QOS_0, "31 04 0001'a' 'x'", "30 04 0001'a' 'x'"},
    {"32 05 0001'a' 00", NULL, MQTT_PACKET_INCOMPLETE, NULL, NULL, MQTT_PACKET_INCOMPLETE, NULL,
     NULL},
    {"32 05 0001'#' 0001", NULL, MQTT_ERROR_TOPIC_NAME_WILDCARD, NULL, NULL,
     MQTT_ERROR_TOPIC_NAME_WILDCARD, NULL, NULL},
    {"32 05 0001'a' 0000", NULL, MQTT_ERROR_PACKET_ID_ZERO, NULL, NULL, MQTT_ERROR_PACKET_ID_ZERO,
     NULL, NULL},
    {"36 05 0001'a' 0001", NULL, MQTT_ERROR_QOS, NULL, NULL, MQTT_ERROR_QOS, NULL, NULL},
    {"40 02 0001", NULL, MQTT_ERROR_TYPE, NULL, NULL, MQTT_ERROR_TYPE, NULL, NULL},
    {"F0 00", NULL, MQTT_ERROR_TYPE, NULL, NULL, MQTT_ERROR_TYPE, NULL, NULL},
};

static void assert_changed(const char *bytes, const char *expected, struct test_block block)
{
    const struct test_block should_be = test_parse(expected != NULL ? expected : bytes);

    ck_assert_uint_eq(block.length, should_be.length);
    test_assert_bytes(bytes, block.bytes, should_be.bytes, block.length);
    test_free(should_be);
    test_free(block);
}

START_TEST(publish_changed_in_place)
{
    const struct in_place_case *test = &in_place[_i];
    const int32_t clear_status = test->dup_status == MQTT_ERROR_DUP ? 5 : test->dup_status;
    struct test_block block = test_parse(test->bytes);

    ck_assert_int_eq(mqtt_publish_set_dup(block.bytes, block.length, true), test->dup_status);
    assert_changed(test->bytes, test->dup_set, block);

    block = test_parse(test->bytes);
    ck_assert_int_eq(mqtt_publish_set_dup(block.bytes, block.length, false), clear_status);
    assert_changed(test->bytes, test->dup_cleared, block);

    block = test_parse(test->bytes);
    ck_assert_int_eq(mqtt_publish_set_retain(block.bytes, block.length, true), clear_status);
    assert_changed(test->bytes, test->retain_set, block);

    block = test_parse(test->bytes);
    ck_assert_int_eq(mqtt_publish_set_retain(block.bytes, block.length, false), clear_status);
    assert_changed(test->bytes, test->retain_cleared, block);

    block = test_parse(test->bytes);
    ck_assert_int_eq(mqtt_publish_set_packet_id(block.bytes, block.length, 0xFFFE),
                     test->id_status);
    assert_changed(test->bytes, test->id_set, block);

    block = test_parse(test->bytes);
    ck_assert_int_eq(mqtt_publish_set_packet_id(block.bytes, block.length, 0),
                     test->id_status > 0 ? MQTT_ERROR_PACKET_ID_ZERO : test->id_status);
    assert_changed(test->bytes, NULL, block);
}
END_TEST

/* A payload that no decoder has seen, read through both iterators from every position. */
START_TEST(iterators_stay_in_bounds)
{
    static const char *const payloads[] = {
        "",
        "00",
        "00 00",
        "00 01",
        "00 01 'a'",
        "00 01 'a' 00",
        "00 00 05 00",
        "FF FF 'a' 00",
        "00 01 'a' 00 00",
        "00 01 'a' 00 00 02 'b'",
        "00 02 'ab'",
    };
    const struct test_block block = test_parse(payloads[_i]);
    const struct test_block bytes = test_copy_before_guard(block.bytes, block.length);
    struct mqtt_subscribe subscribe = {.count = 99, .encoded = {bytes.bytes, bytes.length}};
    struct mqtt_unsubscribe unsubscribe = {.count = 99, .encoded = {bytes.bytes, bytes.length}};
    size_t start;

    for (start = 0; start <= bytes.length + 2; start++) {
        struct mqtt_subscription subscription;
        struct mqtt_string filter;
        size_t position = start;
        size_t before = start;
        while (mqtt_next_subscription(&subscribe, &position, &subscription)) {
            ck_assert_uint_eq(position, before + 3 + subscription.filter.length);
            ck_assert_uint_le(position, bytes.length);
            ck_assert_ptr_eq(subscription.filter.data, bytes.bytes + before + 2);
            ck_assert_uint_eq(subscription.qos, bytes.bytes[position - 1]);
            before = position;
        }
        ck_assert_uint_eq(position, before);
        position = start;
        before = start;
        while (mqtt_next_filter(&unsubscribe, &position, &filter)) {
            ck_assert_uint_eq(position, before + 2 + filter.length);
            ck_assert_uint_le(position, bytes.length);
            ck_assert_ptr_eq(filter.data, bytes.bytes + before + 2);
            before = position;
        }
        ck_assert_uint_eq(position, before);
        position = SIZE_MAX;
        ck_assert(!mqtt_next_subscription(&subscribe, &position, &subscription));
        ck_assert(!mqtt_next_filter(&unsubscribe, &position, &filter));
        ck_assert_uint_eq(position, SIZE_MAX);
    }
    test_free(bytes);
    test_free(block);
}
END_TEST

START_TEST(iterators_read_a_senders_array)
{
    const struct mqtt_subscription subscriptions[] = {{TEXT("a"), 1}, {TEXT("b/#"), 2}};
    const struct mqtt_string filters[] = {TEXT("a"), TEXT("b/#")};
    const struct mqtt_subscribe subscribe = {.subscriptions = subscriptions, .count = 2};
    const struct mqtt_unsubscribe unsubscribe = {.filters = filters, .count = 2};
    struct mqtt_subscription subscription;
    struct mqtt_string filter;
    size_t i;
    size_t s = 0;
    size_t u = 0;

    for (i = 0; i < 2; i++) {
        ck_assert(mqtt_next_subscription(&subscribe, &s, &subscription));
        ck_assert(mqtt_next_filter(&unsubscribe, &u, &filter));
        test_assert_string("subscription", subscription.filter, filters[i]);
        test_assert_string("filter", filter, filters[i]);
        ck_assert_uint_eq(subscription.qos, subscriptions[i].qos);
    }
    for (i = 0; i < 2; i++) {
        ck_assert(!mqtt_next_subscription(&subscribe, &s, &subscription));
        ck_assert(!mqtt_next_filter(&unsubscribe, &u, &filter));
    }
}
END_TEST

/* A client does not link the server's decoder: its encoders take no decoded list. */
START_TEST(list_encoders_take_a_senders_array_only)
{
    const struct test_block subscribe = test_parse("82 06 0001 0001'a' 00");
    const struct test_block unsubscribe = test_parse("A2 05 0001 0001'a'");
    uint8_t buffer[16];
    struct mqtt_packet packet;

    test_fill(buffer, sizeof buffer);
    ck_assert_int_eq(mqtt_decode(&packet, subscribe.bytes, subscribe.length), 8);
    ck_assert_int_eq(mqtt_encode_subscribe(buffer, sizeof buffer, &packet.as.subscribe),
                     MQTT_ERROR_SUBSCRIBE_NO_FILTER);
    ck_assert_int_eq(mqtt_decode(&packet, unsubscribe.bytes, unsubscribe.length), 7);
    ck_assert_int_eq(mqtt_encode_unsubscribe(buffer, sizeof buffer, &packet.as.unsubscribe),
                     MQTT_ERROR_UNSUBSCRIBE_NO_FILTER);
    test_assert_untouched(buffer, sizeof buffer);
    test_free(subscribe);
    test_free(unsubscribe);
}
END_TEST

typedef int32_t encode_ack(void *buffer, size_t capacity, uint16_t packet_id);
typedef int32_t encode_empty(void *buffer, size_t capacity);

START_TEST(acknowledgements_by_name)
{
    static encode_ack *const functions[] = {mqtt_encode_puback, mqtt_encode_pubrec,
                                            mqtt_encode_pubrel, mqtt_encode_pubcomp,
                                            mqtt_encode_unsuback};
    static const uint8_t first_bytes[] = {0x40, 0x50, 0x62, 0x70, 0xB0};
    const uint8_t expected[4] = {first_bytes[_i], 2, 0x12, 0x34};
    uint8_t buffer[4];
    size_t capacity;

    test_fill(buffer, sizeof buffer);
    ck_assert_int_eq(functions[_i](NULL, 0, 0x1234), 4);
    ck_assert_int_eq(functions[_i](NULL, 0, 0), MQTT_ERROR_PACKET_ID_ZERO);
    ck_assert_int_eq(functions[_i](buffer, 4, 0), MQTT_ERROR_PACKET_ID_ZERO);
    for (capacity = 0; capacity < 4; capacity++)
        ck_assert_int_eq(functions[_i](buffer, capacity, 1), MQTT_ERROR_BUFFER_TOO_SMALL);
    test_assert_untouched(buffer, 4);
    ck_assert_int_eq(functions[_i](buffer, 4, 0x1234), 4);
    test_assert_bytes("acknowledgement", buffer, expected, 4);
}
END_TEST

START_TEST(empty_packets_by_name)
{
    static encode_empty *const functions[] = {mqtt_encode_pingreq, mqtt_encode_pingresp,
                                              mqtt_encode_disconnect};
    static const uint8_t first_bytes[] = {0xC0, 0xD0, 0xE0};
    const uint8_t expected[2] = {first_bytes[_i], 0};
    uint8_t buffer[2];

    test_fill(buffer, sizeof buffer);
    ck_assert_int_eq(functions[_i](NULL, 0), 2);
    ck_assert_int_eq(functions[_i](buffer, 0), MQTT_ERROR_BUFFER_TOO_SMALL);
    ck_assert_int_eq(functions[_i](buffer, 1), MQTT_ERROR_BUFFER_TOO_SMALL);
    test_assert_untouched(buffer, 2);
    ck_assert_int_eq(functions[_i](buffer, 2), 2);
    test_assert_bytes("empty packet", buffer, expected, 2);
}
END_TEST

START_TEST(encode_takes_no_other_type)
{
    static const int types[] = {0, 15, 16, 255, -1};
    struct mqtt_packet packet = {0};
    uint8_t buffer[16];

    packet.type = (enum mqtt_packet_type)types[_i];
    test_fill(buffer, sizeof buffer);
    ck_assert_int_eq(mqtt_encode(buffer, sizeof buffer, &packet), MQTT_ERROR_RESERVED_TYPE);
    test_assert_untouched(buffer, sizeof buffer);
}
END_TEST

struct refused_case {
    const char *name;
    int32_t status;
    struct mqtt_packet packet;
};

static const struct mqtt_subscription subscription_a = {TEXT("a"), 0};
static const struct mqtt_string filter_a = TEXT("a");

/* Lengths that are never read: more than there is memory for. And arrays of nothing. */
static const struct refused_case refused[] = {
    {"client id",
     MQTT_ERROR_FIELD_TOO_LONG,
     {.type = MQTT_CONNECT, .as.connect = {.client_id = {test_letters, SIZE_MAX}}}},
    {"payload",
     MQTT_ERROR_PACKET_TOO_LARGE,
     {.type = MQTT_PUBLISH, .as.publish = {.topic = TEXT("a"), .payload = {NULL, SIZE_MAX}}}},
    {"topic and payload",
     MQTT_ERROR_PACKET_TOO_LARGE,
     {.type = MQTT_PUBLISH,
      .as.publish = {.topic = {test_letters, SIZE_MAX}, .payload = {NULL, SIZE_MAX}}}},
    {"return codes, and packet id 0: the length comes first",
     MQTT_ERROR_PACKET_TOO_LARGE,
     {.type = MQTT_SUBACK, .as.suback = {.count = 268435454}}},
    {"return codes",
     MQTT_ERROR_PACKET_TOO_LARGE,
     {.type = MQTT_SUBACK, .as.suback = {.packet_id = 1, .count = 268435454}}},
    {"a decoded SUBSCRIBE, and packet id 0",
     MQTT_ERROR_PACKET_TOO_LARGE,
     {.type = MQTT_SUBSCRIBE,
      .as.subscribe = {.encoded = {(const uint8_t *)test_letters, 268435454}}}},
    {"a decoded UNSUBSCRIBE, and packet id 0",
     MQTT_ERROR_PACKET_TOO_LARGE,
     {.type = MQTT_UNSUBSCRIBE,
      .as.unsubscribe = {.encoded = {(const uint8_t *)test_letters, 268435454}}}},
    {"two filters whose sum is too large, and packet id 0",
     MQTT_ERROR_PACKET_TOO_LARGE,
     {.type = MQTT_SUBSCRIBE,
      .as.subscribe = {.count = 2,
                       .subscriptions =
                           (const struct mqtt_subscription[]){
                               {TEXT("a"), 0}, {{test_letters, 268435455 - 2 - 4 - 2}, 0}}}}},
    {"two filters whose sum is above SIZE_MAX",
     MQTT_ERROR_PACKET_TOO_LARGE,
     {.type = MQTT_SUBSCRIBE,
      .as.subscribe = {.count = 2,
                       .subscriptions =
                           (const struct mqtt_subscription[]){{TEXT("a"), 0},
                                                              {{test_letters, SIZE_MAX}, 0}}}}},
    {"two filters to unsubscribe whose sum is too large",
     MQTT_ERROR_PACKET_TOO_LARGE,
     {.type = MQTT_UNSUBSCRIBE,
      .as.unsubscribe = {.count = 2,
                         .filters =
                             (const struct mqtt_string[]){TEXT("a"),
                                                          {test_letters, 268435455 - 2 - 3 - 1}}}}},
    {"two filters to unsubscribe whose sum is above SIZE_MAX",
     MQTT_ERROR_PACKET_TOO_LARGE,
     {.type = MQTT_UNSUBSCRIBE,
      .as.unsubscribe = {.count = 2,
                         .filters =
                             (const struct mqtt_string[]){TEXT("a"), {test_letters, SIZE_MAX}}}}},
    {"an array of no subscription",
     MQTT_ERROR_SUBSCRIBE_NO_FILTER,
     {.type = MQTT_SUBSCRIBE,
      .as.subscribe = {.packet_id = 1, .subscriptions = &subscription_a, .count = 0}}},
    {"an array of no filter",
     MQTT_ERROR_UNSUBSCRIBE_NO_FILTER,
     {.type = MQTT_UNSUBSCRIBE,
      .as.unsubscribe = {.packet_id = 1, .filters = &filter_a, .count = 0}}},
};

START_TEST(encoders_refuse_what_is_never_read)
{
    const struct refused_case *test = &refused[_i];
    uint8_t buffer[64];

    test_fill(buffer, sizeof buffer);
    ck_assert_msg(mqtt_encode(buffer, sizeof buffer, &test->packet) == test->status, "%s",
                  test->name);
    test_assert_untouched(buffer, sizeof buffer);
    ck_assert_msg(mqtt_encode(NULL, 0, &test->packet) == test->status, "%s", test->name);
}
END_TEST

/* The struct that mqtt_decode_publish_header fills has no payload to encode. */
START_TEST(a_payload_without_data)
{
    const struct test_block block = test_parse("32 06 0001'a' 0001'x'");
    const struct test_block wildcard = test_parse("32 06 0001'#' 0001'x'");
    struct mqtt_packet packet = {.type = MQTT_PUBLISH};
    struct mqtt_publish *const publish = &packet.as.publish;
    uint8_t buffer[8];

    ck_assert_int_eq(mqtt_decode_publish_header(publish, block.bytes, 7), 7);
    test_fill(buffer, sizeof buffer);
    ck_assert_int_eq(mqtt_encode_publish(buffer, 8, publish), MQTT_ERROR_PAYLOAD_MISSING);
    ck_assert_int_eq(mqtt_encode(buffer, 8, &packet), MQTT_ERROR_PAYLOAD_MISSING);
    ck_assert_int_eq(mqtt_encode_publish(NULL, 0, publish), MQTT_ERROR_PAYLOAD_MISSING);
    ck_assert_int_eq(mqtt_encode_publish(buffer, 7, publish), MQTT_ERROR_PAYLOAD_MISSING);
    /* What stands before the payload is reported first. */
    publish->packet_id = 0;
    ck_assert_int_eq(mqtt_encode_publish(buffer, 8, publish), MQTT_ERROR_PACKET_ID_ZERO);
    publish->topic.data = (const char *)wildcard.bytes + 4;
    ck_assert_int_eq(mqtt_encode_publish(buffer, 8, publish), MQTT_ERROR_TOPIC_NAME_WILDCARD);
    test_assert_untouched(buffer, sizeof buffer);
    publish->topic.data = (const char *)block.bytes + 4;
    publish->packet_id = 1;
    ck_assert_int_eq(mqtt_encode_publish_header(buffer, 8, publish), 7);
    test_assert_bytes("header", buffer, block.bytes, 7);
    publish->payload.length = 0;
    ck_assert_int_eq(mqtt_encode_publish(buffer, 8, publish), 7);
    test_free(wildcard);
    test_free(block);
}
END_TEST

/* Of two subscriptions that break a rule the first is reported, and of one the filter. */
START_TEST(lists_report_the_first_fault)
{
    const struct mqtt_subscription both[] = {{TEXT("#/a"), 3}, {TEXT("a"), 3}};
    const struct mqtt_subscription filter_first[] = {{TEXT("#/a"), 0}, {TEXT("a"), 3}};
    const struct mqtt_subscription qos_first[] = {{TEXT("a"), 3}, {TEXT("#/a"), 0}};
    struct mqtt_subscribe subscribe = {.packet_id = 1, .count = 2};

    subscribe.subscriptions = both;
    ck_assert_int_eq(mqtt_encode_subscribe(NULL, 0, &subscribe), MQTT_ERROR_FILTER_MULTI_LEVEL);
    subscribe.subscriptions = filter_first;
    ck_assert_int_eq(mqtt_encode_subscribe(NULL, 0, &subscribe), MQTT_ERROR_FILTER_MULTI_LEVEL);
    subscribe.subscriptions = qos_first;
    ck_assert_int_eq(mqtt_encode_subscribe(NULL, 0, &subscribe), MQTT_ERROR_REQUESTED_QOS);
}
END_TEST

/* The largest remaining length that a list can add up to, and one byte more. */
START_TEST(lists_of_the_largest_size)
{
    const struct mqtt_string longest = {test_letters, 65535};
    const size_t count = 268435453 / 65537; /* after the packet id, and 61,446 bytes remain */
    struct mqtt_string *filters = calloc(count + 1, sizeof *filters);
    struct mqtt_unsubscribe unsubscribe = {filters, count + 1, {NULL, 0}, 1};
    size_t i;

    ck_assert_ptr_nonnull(filters);
    for (i = 0; i < count; i++)
        filters[i] = longest;
    filters[count].data = test_letters;
    filters[count].length = 268435453 - count * 65537 - 2;
    ck_assert_int_eq(mqtt_encode_unsubscribe(NULL, 0, &unsubscribe), 268435460);
    filters[count].length++;
    ck_assert_int_eq(mqtt_encode_unsubscribe(NULL, 0, &unsubscribe), MQTT_ERROR_PACKET_TOO_LARGE);
    free(filters);
}
END_TEST

START_TEST(return_codes_of_the_largest_size)
{
    struct mqtt_suback suback = {.packet_id = 1, .count = 268435453};
    uint8_t *codes = calloc(suback.count, 1);

    ck_assert_ptr_nonnull(codes);
    suback.return_codes = codes;
    ck_assert_int_eq(mqtt_encode_suback(NULL, 0, &suback), 268435460);
    codes[suback.count - 1] = 3;
    ck_assert_int_eq(mqtt_encode_suback(NULL, 0, &suback), MQTT_ERROR_SUBACK_RETURN_CODE);
    free(codes);
}
END_TEST

/* Whatever the length of a topic name says, what is after the packet is not looked at. */
START_TEST(topic_name_behind_the_packet)
{
    const struct test_block block = test_parse("30 05 0000'abc'");
    struct mqtt_packet packet;
    unsigned length;

    for (length = 4; length <= 65535; length++) {
        block.bytes[2] = (uint8_t)(length >> 8);
        block.bytes[3] = (uint8_t)length;
        ck_assert_int_eq(mqtt_decode(&packet, block.bytes, block.length),
                         MQTT_ERROR_FIELD_PAST_END);
        ck_assert_uint_eq(packet.error_offset, 2);
    }
    test_free(block);
}
END_TEST

/* A remaining length of 5 in one to four bytes: no part of the packet is taken for the whole. */
START_TEST(publish_in_parts)
{
    static const char *const packets[] = {
        "30 05 0003'abc'",
        "30 8500 0003'abc'",
        "30 858000 0003'abc'",
        "30 85808000 0003'abc'",
    };
    const struct test_block packet = test_parse(packets[_i]);
    size_t length;

    for (length = 0; length <= packet.length; length++) {
        const struct test_block part = test_copy_before_guard(packet.bytes, length);
        struct mqtt_packet decoded;
        ck_assert_int_eq(mqtt_decode(&decoded, part.bytes, length),
                         length < packet.length ? MQTT_PACKET_INCOMPLETE : (int32_t)length);
        test_free(part);
    }
    test_free(packet);
}
END_TEST

/* 65,536 filters of 65,535 bytes: with their lengths and QoS, 131,072 bytes more than 4 GiB. */
START_TEST(a_list_of_four_gibibytes)
{
    struct mqtt_subscription *const list = (struct mqtt_subscription *)calloc(65536, sizeof *list);
    struct mqtt_subscribe subscribe = {0};
    size_t i;

    ck_assert_ptr_nonnull(list);
    for (i = 0; i < 65536; i++) {
        list[i].filter.data = test_letters;
        list[i].filter.length = 65535;
    }
    subscribe.packet_id = 1;
    subscribe.subscriptions = list;
    subscribe.count = 65536;
    ck_assert_int_eq(mqtt_encode_subscribe(NULL, 0, &subscribe), MQTT_ERROR_PACKET_TOO_LARGE);
    free(list);
}
END_TEST

/* Topic names and payloads of every length up to 150, each byte another one than its neighbours. */
START_TEST(publish_of_every_length)
{
    enum {
        LONGEST_FIELD = 150
    };
    uint8_t expected[LONGEST_FIELD + 5] = {0};
    uint8_t letters[LONGEST_FIELD];
    size_t length;
    size_t i;

    for (i = 0; i < sizeof letters; i++)
        letters[i] = (uint8_t)('0' + i % 70); /* no wildcard among them */
    for (length = 1; length <= LONGEST_FIELD; length++) {
        const struct test_block topic = test_copy_before_guard(letters, length);
        const struct test_block payload = test_copy_before_guard(letters, LONGEST_FIELD - length);
        const size_t remaining = 2 + LONGEST_FIELD;
        const struct test_block buffer = test_copy_before_guard(expected, 3 + remaining);
        const struct mqtt_publish publish = {
            .topic = {(const char *)topic.bytes, topic.length},
            .payload = {payload.bytes, payload.length},
        };
        expected[0] = 0x30;
        expected[1] = (uint8_t)(remaining % 128 + 128);
        expected[2] = (uint8_t)(remaining / 128);
        expected[3] = 0;
        expected[4] = (uint8_t)length;
        memcpy(expected + 5, letters, length);
        memcpy(expected + 5 + length, letters, LONGEST_FIELD - length);
        memset(buffer.bytes, 0, buffer.length);
        ck_assert_int_eq(mqtt_encode_publish(buffer.bytes, buffer.length, &publish),
                         (int32_t)buffer.length);
        test_assert_bytes("PUBLISH", buffer.bytes, expected, buffer.length);
        test_free(topic);
        test_free(payload);
        test_free(buffer);
    }
}
END_TEST

/* The bytes after the first one that decide where the fields of a PUBLISH stand. */
static const uint8_t deciding[] = {0x00, 0x01, 0x02, 0x04, 0x41, 0x7F, 0x80, 0x81, 0xFF};

static void judge_publish(const uint8_t *bytes, size_t length)
{
    struct mqtt_packet packet;
    struct mqtt_fixed_header header;
    struct mqtt_publish expected;
    int32_t status = mqtt_decode_fixed_header(&header, bytes, length);
    const int32_t result = mqtt_decode(&packet, bytes, length);

    if (status >= 0 && length - (size_t)status < header.remaining_length)
        status = MQTT_PACKET_INCOMPLETE;
    if (status >= 0)
        status = mqtt_decode_publish_header(&expected, bytes, length);
    if (status >= 0)
        status += (int32_t)expected.payload.length;
    if (result != status ||
        (status > 0 &&
         (packet.as.publish.topic.data != expected.topic.data ||
          packet.as.publish.topic.length != expected.topic.length ||
          packet.as.publish.packet_id != expected.packet_id ||
          packet.as.publish.payload.data != bytes + status - expected.payload.length ||
          packet.as.publish.payload.length != expected.payload.length)))
        ck_abort_msg("%02X %02X %02X %02X %02X %02X %02X: %d, not %d", bytes[0], bytes[1], bytes[2],
                     bytes[3], bytes[4], bytes[5], bytes[6], (int)result, (int)status);
}

/* mqtt_decode and mqtt_decode_publish_header read the same fields, whatever the lengths of the
 * packet and of its topic name, valid or not, with more bytes after the packet. */
START_TEST(a_publish_is_read_alike_by_both_decoders)
{
    const size_t length = 6500000; /* three times a remaining length of 2,097,152 */
    uint8_t *const bytes = (uint8_t *)malloc(length);
    unsigned choice;

    ck_assert_ptr_nonnull(bytes);
    memset(bytes, 'a', length);
    bytes[0] = _i % 2 == 0 ? 0x30 : 0x32;
    bytes[1] = deciding[_i / 2];
    for (choice = 0; choice < 59049; choice++) { /* 9 to the power of 5 */
        size_t rest = choice;
        size_t i;
        for (i = 2; i < 7; i++) {
            bytes[i] = deciding[rest % sizeof deciding];
            rest /= sizeof deciding;
        }
        judge_publish(bytes, length);
    }
    free(bytes);
}
END_TEST

/* What a flag or a QoS says is not there is not looked at. */
START_TEST(encoders_do_not_look_at_what_is_not_there)
{
    const struct test_block expected = test_parse("10 0C 0004'MQTT'04 02 0000 0000");
    const struct test_block qos_0 = test_parse("30 03 0001'a'");
    const struct mqtt_connect connect = {.clean_session = true,
                                         .will = {.topic = TEXT("#"), .qos = 3, .retain = true},
                                         .user_name = TEXT("\xFF"),
                                         .password = {NULL, 65536}};
    const struct mqtt_publish publish = {.topic = TEXT("a"), .packet_id = 7};
    uint8_t buffer[14];

    ck_assert_int_eq(mqtt_encode_connect(buffer, 14, &connect), 14);
    test_assert_bytes("CONNECT", buffer, expected.bytes, 14);
    ck_assert_int_eq(mqtt_encode_publish(buffer, 5, &publish), 5);
    test_assert_bytes("PUBLISH", buffer, qos_0.bytes, 5);
    test_free(expected);
    test_free(qos_0);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    Suite *suite = suite_create("functions");
    TCase *tests = tcase_create("functions");

    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, every_first_byte_is_classified);
    tcase_add_loop_test(tests, every_pair_of_first_bytes, 0, 16);
    tcase_add_test(tests, no_bytes_are_incomplete);
    tcase_add_loop_test(tests, remaining_lengths_of_table_2_4, 0, COUNT(remaining_lengths));
    tcase_add_test(tests, remaining_lengths_above_the_largest);
    tcase_add_loop_test(tests, largest_publish, 0, COUNT(remaining_lengths));
    tcase_add_test(tests, publish_header_never_waits_beyond_the_packet);
    tcase_add_loop_test(tests, publish_changed_in_place, 0, COUNT(in_place));
    tcase_add_loop_test(tests, iterators_stay_in_bounds, 0, 11);
    tcase_add_test(tests, iterators_read_a_senders_array);
    tcase_add_test(tests, list_encoders_take_a_senders_array_only);
    tcase_add_loop_test(tests, acknowledgements_by_name, 0, 5);
    tcase_add_loop_test(tests, empty_packets_by_name, 0, 3);
    tcase_add_loop_test(tests, encode_takes_no_other_type, 0, 5);
    tcase_add_loop_test(tests, encoders_refuse_what_is_never_read, 0, COUNT(refused));
    tcase_add_test(tests, a_payload_without_data);
    tcase_add_test(tests, lists_report_the_first_fault);
    tcase_add_test(tests, lists_of_the_largest_size);
    tcase_add_test(tests, return_codes_of_the_largest_size);
    tcase_add_test(tests, a_list_of_four_gibibytes);
    tcase_add_test(tests, publish_of_every_length);
    tcase_add_loop_test(tests, publish_in_parts, 0, 4);
    tcase_add_test(tests, topic_name_behind_the_packet);
    tcase_add_loop_test(tests, a_publish_is_read_alike_by_both_decoders, 0, 2 * COUNT(deciding));
    tcase_add_test(tests, encoders_do_not_look_at_what_is_not_there);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
