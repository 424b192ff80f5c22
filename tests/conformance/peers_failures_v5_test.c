/* MQTT 5.0 where other implementations have failed: a pool of properties that several connections
 * share, a fixed number of properties, the reason code of an error, properties that stand twice, and
 * properties that a server loses or keeps when it forwards a message. */
#include "support_v5.h"

#include <stdio.h>

/* ---- Any number of properties, with nothing shared between connections */

/* The user properties n0: 0, n1: 1, and so on. */
struct many {
    struct mqtt_v5_property *list;
    char (*texts)[16]; /* the name from [0] on, the value from [8] on */
    size_t count;
};

static struct many make_many(size_t count, char letter)
{
    struct many many = {calloc(count, sizeof *many.list), calloc(count, sizeof *many.texts), count};
    size_t i;

    ck_assert(many.list != NULL && many.texts != NULL);
    for (i = 0; i < count; i++) {
        snprintf(many.texts[i], 8, "%c%u", letter, (unsigned)(i % 100000));
        snprintf(many.texts[i] + 8, 8, "%u", (unsigned)(i % 100000));
        many.list[i].id = MQTT_V5_PROPERTY_USER_PROPERTY;
        many.list[i].as.pair.name = mqtt_string_from(many.texts[i]);
        many.list[i].as.pair.value = mqtt_string_from(many.texts[i] + 8);
    }
    return many;
}

static void free_many(struct many many)
{
    free(many.list);
    free(many.texts);
}

/* The PUBLISH with these properties, in an exact-size block. */
static struct test_block encode_many(const struct many *many)
{
    struct mqtt_v5_packet packet = {0};
    struct test_block block;
    int32_t size;

    packet.type = MQTT_V5_PUBLISH;
    packet.as.publish.topic = mqtt_string_from("a");
    packet.as.publish.properties.list = many->list;
    packet.as.publish.properties.count = many->count;
    size = mqtt_v5_encode(NULL, 0, &packet);
    ck_assert_int_gt(size, 0);
    block = test_copy(test_letters, 0);
    block.length = (size_t)size;
    block.bytes = realloc(block.bytes, block.length);
    ck_assert_ptr_nonnull(block.bytes);
    ck_assert_int_eq(mqtt_v5_encode(block.bytes, block.length, &packet), size);
    return block;
}

static const size_t counts[] = {1, 10, 11, 12, 63, 64, 255, 256, 1000, 20000};

START_TEST(any_number_of_properties_is_written_and_read)
{
    const struct many many = make_many(counts[_i], 'n');
    const struct test_block block = encode_many(&many);
    const struct test_block again = test_copy(block.bytes, block.length);
    struct mqtt_v5_packet packet;
    struct mqtt_v5_property property;
    size_t position = 0;
    size_t i;

    ck_assert_int_eq(mqtt_v5_decode(&packet, block.bytes, block.length), (int32_t)block.length);
    for (i = 0; i < many.count; i++) {
        ck_assert(mqtt_v5_next_property(&packet.as.publish.properties, &position, &property));
        test_v5_assert_property("many", &property, &many.list[i]);
    }
    ck_assert(!mqtt_v5_next_property(&packet.as.publish.properties, &position, &property));
    test_fill(again.bytes, again.length);
    ck_assert_int_eq(mqtt_v5_encode(again.bytes, again.length, &packet), (int32_t)again.length);
    test_assert_bytes("many", again.bytes, block.bytes, block.length);
    test_free(again);
    test_free(block);
    free_many(many);
}
END_TEST

#define CONNECTIONS 8

START_TEST(connections_share_no_properties)
{
    struct many many[CONNECTIONS];
    struct test_block blocks[CONNECTIONS];
    struct mqtt_v5_packet packets[CONNECTIONS];
    size_t positions[CONNECTIONS] = {0};
    size_t round;
    size_t i;

    for (i = 0; i < CONNECTIONS; i++) {
        many[i] = make_many(500, (char)('a' + i));
        blocks[i] = encode_many(&many[i]);
        ck_assert_int_eq(mqtt_v5_decode(&packets[i], blocks[i].bytes, blocks[i].length),
                         (int32_t)blocks[i].length);
    }
    for (round = 0; round < 500; round++) { /* one property of each in turn */
        for (i = 0; i < CONNECTIONS; i++) {
            struct mqtt_v5_property property;
            ck_assert(
                mqtt_v5_next_property(&packets[i].as.publish.properties, &positions[i], &property));
            test_v5_assert_property("turn", &property, &many[i].list[round]);
        }
    }
    for (i = 0; i < CONNECTIONS; i++) {
        test_free(blocks[i]);
        free_many(many[i]);
    }
}
END_TEST

/* ---- 4.13: which of the reason codes answers an error */

static const struct {
    const char *bytes;
    int32_t status;
    int32_t reason_code;
} errors[] = {
    /* It cannot be parsed, or the standard calls it malformed: 0x81. */
    {"30 06 0001'a' 02 04 00", MQTT_ERROR_PROPERTY_ID, 0x81},
    {"30 09 0001'a' 05 11 00000000", MQTT_ERROR_PROPERTY_ID, 0x81},
    {"30 06 0001'a' 02 23 00", MQTT_ERROR_PROPERTY_CUT, 0x81},
    {"30 05 0001'a' 02 01", MQTT_ERROR_PROPERTIES_PAST_END, 0x81},
    {"30 03 0001'a'", MQTT_ERROR_PROPERTIES_MISSING, 0x81},
    {"30 05 0001'a' 80 00", MQTT_ERROR_INTEGER_NOT_SHORTEST, 0x81},
    {"30 08 0001'a' 80 80 80 80 00", MQTT_ERROR_INTEGER_TOO_LONG, 0x81},
    {"36 06 0001'a' 0001 00", MQTT_ERROR_QOS, 0x81},
    {"30 04 0001 FF 00", MQTT_ERROR_ILL_FORMED_UTF8, 0x81},
    {"82 07 0001 00 0001'a' 40", MQTT_ERROR_SUBSCRIPTION_OPTIONS, 0x81},
    {"E1 00", MQTT_ERROR_FLAGS, 0x81},
    /* It can be parsed, and the standard forbids it: 0x82. */
    {"30 08 0001'a' 04 01 00 01 00", MQTT_ERROR_PROPERTY_TWICE, 0x82},
    {"30 06 0001'a' 02 01 02", MQTT_ERROR_PROPERTY_VALUE, 0x82},
    {"30 03 0000 00", MQTT_ERROR_TOPIC_MISSING, 0x82},
    {"30 06 0001'#' 00 'xx'", MQTT_ERROR_TOPIC_NAME_WILDCARD, 0x82},
    {"32 06 0001'a' 0000 00", MQTT_ERROR_PACKET_ID_ZERO, 0x82},
    {"10 10 0004'MQTT'05 02 0000 03 21 0000 0000", MQTT_ERROR_PROPERTY_VALUE, 0x82},
    {"10 11 0004'MQTT'05 02 0000 04 16 0001 00 0000", MQTT_ERROR_AUTHENTICATION_METHOD, 0x82},
    {"82 03 0001 00", MQTT_ERROR_SUBSCRIBE_NO_FILTER, 0x82},
    {"82 07 0001 00 0001'a' 03", MQTT_ERROR_REQUESTED_QOS, 0x82},
    {"82 07 0001 00 0001'a' 30", MQTT_ERROR_RETAIN_HANDLING, 0x82},
    {"82 10 0001 00 000A'$share/g/a' 04", MQTT_ERROR_NO_LOCAL_SHARED, 0x82},
    {"82 0D 0001 00 0007'$share/' 00", MQTT_ERROR_SHARE_NAME, 0x82},
    {"40 03 0001 92", MQTT_ERROR_REASON_CODE, 0x82},
    {"E0 07 8E 05 11 00000000", MQTT_ERROR_PROPERTY_DIRECTION, 0x82},
    {"F0 02 18 00", MQTT_ERROR_AUTHENTICATION_METHOD, 0x82},
    /* The standard names another: 0x84 and 0x94. */
    {"10 0D 0004'MQTT'06 02 0000 00 0000", MQTT_ERROR_PROTOCOL_LEVEL, 0x84},
    {"10 0D 0004'mqtt'05 02 0000 00 0000", MQTT_ERROR_PROTOCOL_NAME, 0x84},
    {"30 07 0001'a' 03 23 0000", MQTT_ERROR_TOPIC_ALIAS_ZERO, 0x94},
    {"30 06 0000 03 23 0000", MQTT_ERROR_TOPIC_ALIAS_ZERO, 0x94},
};
#define ERROR_COUNT (sizeof errors / sizeof errors[0])

START_TEST(malformed_packets_and_protocol_errors_are_told_apart)
{
    const struct test_block block = test_parse(errors[_i].bytes);
    struct mqtt_v5_packet packet;

    ck_assert_int_eq(mqtt_v5_decode(&packet, block.bytes, block.length), errors[_i].status);
    ck_assert_int_eq(mqtt_v5_reason_code_for(errors[_i].status), errors[_i].reason_code);
    test_free(block);
}
END_TEST

/* ---- A property that stands twice, near or far, is seen in every place that it can come from */

START_TEST(a_property_that_stands_twice_is_seen_over_any_distance)
{
    const struct many many = make_many(1000, 'n');
    struct mqtt_v5_property *list = calloc(many.count + 2, sizeof *list);
    struct mqtt_v5_publish publish = {0};
    uint8_t encoded[5] = {MQTT_V5_PROPERTY_MESSAGE_EXPIRY_INTERVAL, 0, 0, 0, 1};

    ck_assert_ptr_nonnull(list);
    memcpy(list + 1, many.list, many.count * sizeof *list);
    list[0].id = MQTT_V5_PROPERTY_CONTENT_TYPE;
    list[many.count + 1].id = MQTT_V5_PROPERTY_CONTENT_TYPE;
    publish.topic = mqtt_string_from("a");
    publish.properties.list = list;
    publish.properties.count = many.count + 2;
    ck_assert_int_eq(mqtt_v5_encode_publish(NULL, 0, &publish), MQTT_ERROR_PROPERTY_TWICE);
    publish.properties.count--;
    ck_assert_int_gt(mqtt_v5_encode_publish(NULL, 0, &publish), 0);
    /* One as received and one that is added, with the same value too. */
    list[0].id = MQTT_V5_PROPERTY_MESSAGE_EXPIRY_INTERVAL;
    list[0].as.number = 1;
    publish.properties.encoded = mqtt_bytes_from(encoded, sizeof encoded);
    ck_assert_int_eq(mqtt_v5_encode_publish(NULL, 0, &publish), MQTT_ERROR_PROPERTY_TWICE);
    publish.properties.without = MQTT_V5_WITHOUT(MQTT_V5_PROPERTY_MESSAGE_EXPIRY_INTERVAL);
    ck_assert_int_gt(mqtt_v5_encode_publish(NULL, 0, &publish), 0);
    free(list);
    free_many(many);
}
END_TEST

/* ---- What a server forwards */

/* Asserts that the PUBLISH is written as `expected` says. */
static void check_forwarded(const struct mqtt_v5_publish *publish, const char *expected)
{
    const struct test_block bytes = test_parse(expected);
    const struct test_block block = test_copy(bytes.bytes, bytes.length);
    struct mqtt_v5_packet packet;

    test_fill(block.bytes, block.length);
    ck_assert_int_eq(mqtt_v5_encode_publish(block.bytes, block.length, publish),
                     (int32_t)block.length);
    test_assert_bytes("forwarded", block.bytes, bytes.bytes, bytes.length);
    ck_assert_int_eq(mqtt_v5_decode_from_server(&packet, block.bytes, block.length),
                     (int32_t)block.length);
    test_free(block);
    test_free(bytes);
}

/* [MQTT-3.3.2-4] [MQTT-3.3.2-6] [MQTT-3.3.2-7] [MQTT-3.3.2-15] to [MQTT-3.3.2-18] [MQTT-3.3.2-20]
 * [MQTT-3.3.4-3] */
START_TEST(a_server_forwards_every_property_but_the_alias)
{
    const struct test_block received = test_parse(
        "31 30 0001'a' 2B 26 0001'b' 0001'1' 01 01 23 0001 02 0000003C 26 0001'a' 0001'2'"
        " 08 0001'r' 09 0002 00FF 03 0001't' 26 0001'b' 0000 'x'");
    const struct mqtt_v5_property added[] = {
        {MQTT_V5_PROPERTY_MESSAGE_EXPIRY_INTERVAL, {{{NULL, 0}, {NULL, 0}}}},
        {MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIER, {{{NULL, 0}, {NULL, 0}}}},
        {MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIER, {{{NULL, 0}, {NULL, 0}}}},
    };
    struct mqtt_v5_property list[3];
    struct mqtt_v5_packet packet;
    struct mqtt_v5_property property;
    size_t position = 0;

    ck_assert_int_eq(mqtt_v5_decode_from_client(&packet, received.bytes, received.length),
                     (int32_t)received.length);
    memcpy(list, added, sizeof list);
    list[0].as.number = 50; /* it has waited for 10 seconds */
    list[1].as.number = 7;
    list[2].as.number = 128;
    packet.as.publish.retain = false; /* [MQTT-3.3.1-12] */
    packet.as.publish.properties.without =
        MQTT_V5_WITHOUT(MQTT_V5_PROPERTY_TOPIC_ALIAS) |
        MQTT_V5_WITHOUT(MQTT_V5_PROPERTY_MESSAGE_EXPIRY_INTERVAL);
    packet.as.publish.properties.list = list;
    packet.as.publish.properties.count = 3;
    check_forwarded(&packet.as.publish,
                    "30 32 0001'a' 2D 26 0001'b' 0001'1' 01 01 26 0001'a' 0001'2' 08 0001'r'"
                    " 09 0002 00FF 03 0001't' 26 0001'b' 0000 02 00000032 0B 07 0B 8001 'x'");
    /* The iterator sees what is written. */
    ck_assert(!mqtt_v5_find_property(&packet.as.publish.properties, MQTT_V5_PROPERTY_TOPIC_ALIAS,
                                     &property));
    ck_assert(mqtt_v5_find_property(&packet.as.publish.properties,
                                    MQTT_V5_PROPERTY_MESSAGE_EXPIRY_INTERVAL, &property));
    ck_assert_uint_eq(property.as.number, 50);
    while (mqtt_v5_next_property(&packet.as.publish.properties, &position, &property))
        ck_assert_uint_ne(property.id, MQTT_V5_PROPERTY_TOPIC_ALIAS);
    ck_assert_uint_eq(property.as.number, 128);
    test_free(received);
}
END_TEST

/* [MQTT-3.1.3-10] */
START_TEST(a_will_goes_out_with_all_of_its_properties_but_the_delay)
{
    const struct test_block received = test_parse(
        "10 30 0004'MQTT'05 06 0000 03 21 0001 0001'c' 18 18 0000003C 26 0001'b' 0000 01 01"
        " 02 0000000A 26 0001'a' 0000 0001'w' 0001'm'");
    struct mqtt_v5_publish publish = {0};
    struct mqtt_v5_packet packet;

    ck_assert_int_eq(mqtt_v5_decode_from_client(&packet, received.bytes, received.length),
                     (int32_t)received.length);
    publish.topic = packet.as.connect.will.topic;
    publish.payload = packet.as.connect.will.payload;
    publish.properties = packet.as.connect.will.properties;
    ck_assert_int_eq(mqtt_v5_encode_publish(NULL, 0, &publish), MQTT_ERROR_PROPERTY_ID);
    publish.properties.without = MQTT_V5_WITHOUT(MQTT_V5_PROPERTY_WILL_DELAY_INTERVAL);
    check_forwarded(&publish, "30 18 0001'w' 13 26 0001'b' 0000 01 01 02 0000000A 26 0001'a' 0000 "
                              "'m'");
    test_free(received);
}
END_TEST

/* A client that forwards to another server what its own sent [MQTT-3.3.4-6]. */
START_TEST(a_bridge_leaves_the_subscription_identifiers_behind)
{
    const struct test_block received = test_parse("30 0D 0001'a' 09 0B 01 03 0001't' 0B 8001");
    const struct test_block expected = test_parse("30 08 0001'a' 04 03 0001't'");
    uint8_t sent[10];
    struct mqtt_v5_packet packet;

    ck_assert_int_eq(mqtt_v5_decode_from_server(&packet, received.bytes, received.length),
                     (int32_t)received.length);
    packet.as.publish.properties.without =
        MQTT_V5_WITHOUT(MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIER);
    ck_assert_int_eq(mqtt_v5_encode(sent, sizeof sent, &packet), (int32_t)sizeof sent);
    test_assert_bytes("bridge", sent, expected.bytes, expected.length);
    ck_assert_int_eq(mqtt_v5_decode_from_client(&packet, sent, sizeof sent), (int32_t)sizeof sent);
    test_free(expected);
    test_free(received);
}
END_TEST

/* Leaving one out takes no other with it: of those that a packet can hold, no two share a bit. */
START_TEST(each_property_of_a_publish_is_left_out_alone)
{
    static const char *const properties[] = {
        "01 01",      "02 0000000A", "03 0001't'", "08 0001'r'",
        "09 0001 00", "0B 05",       "23 0001",    "26 0001'n' 0001'v'",
    };
    const size_t left_out = (size_t)_i;
    struct mqtt_v5_publish publish = {0};
    struct test_block encoded = test_copy(test_letters, 64);
    struct test_block expected = test_copy(test_letters, 64);
    struct mqtt_v5_property property;
    uint8_t sent[64];
    size_t i;

    encoded.length = 0;
    expected.length = 0;
    for (i = 0; i < sizeof properties / sizeof properties[0]; i++) {
        const struct test_block one = test_parse(properties[i]);
        memcpy(encoded.bytes + encoded.length, one.bytes, one.length);
        encoded.length += one.length;
        if (i == left_out) {
            publish.properties.without = MQTT_V5_WITHOUT(one.bytes[0]);
        } else {
            memcpy(expected.bytes + expected.length, one.bytes, one.length);
            expected.length += one.length;
        }
        test_free(one);
    }
    publish.topic = mqtt_string_from("a");
    publish.properties.encoded = mqtt_bytes_from(encoded.bytes, encoded.length);
    ck_assert_int_eq(mqtt_v5_encode_publish(sent, sizeof sent, &publish),
                     (int32_t)(6 + expected.length));
    ck_assert_uint_eq(sent[5], expected.length);
    test_assert_bytes(properties[left_out], sent + 6, expected.bytes, expected.length);
    for (i = 0; i < sizeof properties / sizeof properties[0]; i++) {
        const struct test_block one = test_parse(properties[i]);
        ck_assert(mqtt_v5_find_property(&publish.properties, (enum mqtt_v5_property_id)one.bytes[0],
                                        &property) == (i != left_out));
        test_free(one);
    }
    test_free(expected);
    test_free(encoded);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("peers_failures_v5");
    TCase *tests = tcase_create("peers_failures_v5");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, any_number_of_properties_is_written_and_read, 0,
                        (int)(sizeof counts / sizeof counts[0]));
    tcase_add_test(tests, connections_share_no_properties);
    tcase_add_loop_test(tests, malformed_packets_and_protocol_errors_are_told_apart, 0,
                        (int)ERROR_COUNT);
    tcase_add_test(tests, a_property_that_stands_twice_is_seen_over_any_distance);
    tcase_add_test(tests, a_server_forwards_every_property_but_the_alias);
    tcase_add_test(tests, a_will_goes_out_with_all_of_its_properties_but_the_delay);
    tcase_add_test(tests, a_bridge_leaves_the_subscription_identifiers_behind);
    tcase_add_loop_test(tests, each_property_of_a_publish_is_left_out_alone, 0, 8);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
