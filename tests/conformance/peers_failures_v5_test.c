/* MQTT 5.0 where other implementations have failed: a pool of properties that several connections
 * share, a fixed number of properties, the reason code of an error, properties that stand twice,
 * properties that a server loses or keeps when it forwards a message, and short forms, values and
 * lengths that the standard allows. A number after a project's name is that of a public report: an
 * issue or a pull request on GitHub. */
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

/* ---- What the standard allows and others refuse, lose or change */

static const struct {
    const char *bytes;
    const char *shortest; /* how the same is encoded, if not with these bytes */
} allowed[] = {
    /* 3.14.2.1, 3.14.2.2.1, 3.15.2.1: without a reason code, or without a property length.
     * mqtt-packet 76, MQTTnet 1994; rust-mqtt 59, paho.golang 302; mosquitto 3591, mqtt-packet 160 */
    {"E0 00", NULL},
    {"E0 01 8E", NULL},
    {"F0 00", NULL},
    /* 3.4.2.1, 3.6.2.1: an acknowledgement of each length.
     * mqtt-packet 80, contiki-ng 3230; mqtt_cpp 650, ntex-mqtt 56; paho.mqtt.python 481 */
    {"40 02 002A", NULL},
    {"40 03 002A 10", NULL},
    {"40 04 002A 00 00", "40 02 002A"},
    {"62 04 0001 00 00", "62 02 0001"},
    /* The same sections: user properties rule out the short form, also with reason code 0.
     * netty 16574 */
    {"40 0B 002A 00 07 26 0001'a' 0001'b'", NULL},
    {"50 0B 002A 00 07 26 0001'a' 0001'b'", NULL},
    {"62 0B 002A 00 07 26 0001'a' 0001'b'", NULL},
    {"70 0B 002A 00 07 26 0001'a' 0001'b'", NULL},
    {"E0 09 00 07 26 0001'a' 0001'b'", NULL},
    /* 3.3.2.3.7, 1.5.4: a name that stands twice, first with an empty value; an empty name.
     * mqtt-packet 161 */
    {"30 11 0001'a' 0D 26 0001'a' 0000 26 0001'a' 0001'b'", NULL},
    {"30 09 0001'a' 05 26 0000 0000", NULL},
    /* 1.5.6, 3.3.2.3.6: correlation data of any bytes, or of none.
     * mqtt_cpp 888, aws-crt-python 560; ktor-mqtt 25 */
    {"30 0B 0001'a' 06 09 0003 00FF00 'x'", NULL},
    {"30 08 0001'a' 03 09 0000 'x'", NULL},
    /* 3.3.2.3.8: several subscription identifiers, two of them the same.
     * zMQTT 80, emqtt 198 */
    {"30 0A 0001'a' 06 0B 01 0B 02 0B 01", NULL},
    /* 3.3.2.3.4: a topic alias for an empty topic. emqx 1888 */
    {"30 06 0000 03 23 0001", NULL},
    /* 3.3.3: no payload after properties. esp-mqtt 250 */
    {"30 06 0001'a' 02 01 00", NULL},
    /* 2.1.4: a remaining length above 65,535. contiki-ng 3230 */
    {"30 82 80 04 0001'a' 00 78*65534", NULL},
    /* 3.1.2.9: a password without a user name.
     * mosquitto 1274, paho.mqtt.python 726, netty 16828, mqtt-packet 148 */
    {"10 10 0004'MQTT'05 42 003C 00 0000 0001'p'", NULL},
    /* [MQTT-3.1.2-17]: an empty user name is a user name. mochi-mqtt 178 */
    {"10 0F 0004'MQTT'05 82 003C 00 0000 0000", NULL},
    /* 3.1.2.11.2, 3.14.2.2.2: a session expiry interval of 0 is not an absent one; the longest is
     * above that of an int32_t. hivemq-mqtt-client 415, esp-mqtt 313; paho.mqtt.cpp 498 */
    {"10 12 0004'MQTT'05 02 003C 05 11 00000000 0000", NULL},
    {"10 12 0004'MQTT'05 02 003C 05 11 FFFFFFFF 0000", NULL},
    {"E0 07 00 05 11 00000000", NULL},
    /* 3.9.3: every reason code of a failure. esp-mqtt 272 */
    {"90 0C 0001 00 80 83 87 8F 91 97 9E A1 A2", NULL},
    /* 3.11.3: an UNSUBACK has reason codes, and 0x11 is one of a success. mosquitto 1167, zMQTT 81 */
    {"B0 05 0002 00 00 11", NULL},
};

/* Bytes that are to be written. */
static struct test_block room(size_t length)
{
    const struct test_block block = {(uint8_t *)malloc(length), length, NULL, 0};

    ck_assert_ptr_nonnull(block.bytes);
    return block;
}

/* mqtt-packet 162 read the reason code of a short DISCONNECT or AUTH from the packet after it. */
START_TEST(what_is_allowed_is_kept_whatever_follows)
{
    const struct test_block alone = test_parse(allowed[_i].bytes);
    const struct test_block followed = room(alone.length + 2);
    const struct test_block expected =
        test_parse(allowed[_i].shortest != NULL ? allowed[_i].shortest : allowed[_i].bytes);
    const struct test_block encoded = room(expected.length);
    struct mqtt_v5_packet packet;

    memcpy(followed.bytes, alone.bytes, alone.length);
    memcpy(followed.bytes + alone.length, "\xC0", 2); /* a PINGREQ */
    ck_assert_int_eq(mqtt_v5_decode(&packet, followed.bytes, followed.length),
                     (int32_t)alone.length);
    ck_assert_int_eq(mqtt_v5_encode(encoded.bytes, encoded.length, &packet),
                     (int32_t)expected.length);
    test_assert_bytes("followed", encoded.bytes, expected.bytes, expected.length);
    test_fill(encoded.bytes, encoded.length);
    ck_assert_int_eq(mqtt_v5_decode(&packet, alone.bytes, alone.length), (int32_t)alone.length);
    ck_assert_int_eq(mqtt_v5_encode(encoded.bytes, encoded.length, &packet),
                     (int32_t)expected.length);
    test_assert_bytes("alone", encoded.bytes, expected.bytes, expected.length);
    ck_assert_int_eq(mqtt_v5_decode(&packet, alone.bytes, alone.length - 1),
                     MQTT_PACKET_INCOMPLETE);
    test_free(encoded);
    test_free(expected);
    test_free(followed);
    test_free(alone);
}
END_TEST

/* ---- 2.2.2.1: the property length does not count its own bytes. With more than one of them, others
 * took the last property for payload: netty 17096, paho.mqtt.python 541, mochi-mqtt 171 */

static const size_t list_lengths[] = {127, 128, 129, 16383, 16384, 16385};

START_TEST(a_property_length_of_more_than_one_byte_leaves_the_payload_alone)
{
    const size_t length = list_lengths[_i];
    const struct mqtt_string value = {test_letters,
                                      length - 8}; /* the rest is 26 0001'n' XXXX 01 01 */
    struct mqtt_v5_property list[2] = {
        {MQTT_V5_PROPERTY_USER_PROPERTY, {{{"n", 1}, {NULL, 0}}}},
        {MQTT_V5_PROPERTY_PAYLOAD_FORMAT_INDICATOR, {{{NULL, 0}, {NULL, 0}}}}};
    struct mqtt_v5_publish publish = {0};
    struct mqtt_v5_packet packet;
    struct mqtt_v5_property property;
    struct test_block block;
    size_t position = 0;

    list[0].as.pair.value = value;
    list[1].as.number = 1;
    publish.topic = mqtt_string_from("a");
    publish.payload = mqtt_bytes_from("\x01\x01{}", 4); /* it begins like the last property */
    publish.properties.list = list;
    publish.properties.count = 2;
    block = test_copy(test_letters, (size_t)mqtt_v5_encode_publish(NULL, 0, &publish));
    ck_assert_int_eq(mqtt_v5_encode_publish(block.bytes, block.length, &publish),
                     (int32_t)block.length);
    ck_assert_int_eq(mqtt_v5_decode(&packet, block.bytes, block.length), (int32_t)block.length);
    ck_assert_uint_eq(packet.as.publish.properties.encoded.length, length);
    test_assert_binary("payload", packet.as.publish.payload, publish.payload);
    ck_assert(mqtt_v5_next_property(&packet.as.publish.properties, &position, &property));
    test_v5_assert_property("first", &property, &list[0]);
    ck_assert(mqtt_v5_next_property(&packet.as.publish.properties, &position, &property));
    test_v5_assert_property("last", &property, &list[1]);
    ck_assert(!mqtt_v5_next_property(&packet.as.publish.properties, &position, &property));
    test_free(block);
}
END_TEST

/* ---- 3.1.2.11 and so on: what a decoder takes, an encoder writes. wolfMQTT 618: a broker took a
 * byte of another value, acknowledged the message, could not encode it, and dropped it */

static const struct {
    uint8_t id;
    const char *before; /* the packet up to the property length */
    const char *after;
} byte_properties[] = {
    {MQTT_V5_PROPERTY_PAYLOAD_FORMAT_INDICATOR, "30 06 0001'a' 02", ""},
    {MQTT_V5_PROPERTY_REQUEST_PROBLEM_INFORMATION, "10 0F 0004'MQTT'05 02 0000 02", "0000"},
    {MQTT_V5_PROPERTY_REQUEST_RESPONSE_INFORMATION, "10 0F 0004'MQTT'05 02 0000 02", "0000"},
    {MQTT_V5_PROPERTY_MAXIMUM_QOS, "20 05 0000 02", ""},
    {MQTT_V5_PROPERTY_RETAIN_AVAILABLE, "20 05 0000 02", ""},
    {MQTT_V5_PROPERTY_WILDCARD_SUBSCRIPTION_AVAILABLE, "20 05 0000 02", ""},
    {MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIERS_AVAILABLE, "20 05 0000 02", ""},
    {MQTT_V5_PROPERTY_SHARED_SUBSCRIPTION_AVAILABLE, "20 05 0000 02", ""},
};
#define BYTE_PROPERTY_COUNT (sizeof byte_properties / sizeof byte_properties[0])

START_TEST(a_byte_that_is_taken_can_be_written)
{
    struct mqtt_v5_property property = {0};
    struct mqtt_v5_packet packet;
    char text[64];

    property.id = byte_properties[_i].id;
    for (property.as.number = 0; property.as.number <= 255; property.as.number++) {
        const int32_t status = property.as.number <= 1 ? 0 : MQTT_ERROR_PROPERTY_VALUE;
        const unsigned value = (unsigned)property.as.number;
        struct test_block block;
        int32_t decoded;
        snprintf(text, sizeof text, "%s %02X %02X %s", byte_properties[_i].before, property.id,
                 value, byte_properties[_i].after);
        block = test_parse(text);
        decoded = mqtt_v5_decode(&packet, block.bytes, block.length);
        ck_assert_int_eq(decoded, status == 0 ? (int32_t)block.length : status);
        ck_assert_int_eq(mqtt_v5_encode_property(NULL, 0, &property), status == 0 ? 2 : status);
        test_free(block);
    }
    ck_assert_int_eq(mqtt_v5_encode_property(NULL, 0, &property), MQTT_ERROR_PROPERTY_VALUE);
}
END_TEST

/* ---- What the standard forbids and others take or send */

static const struct {
    const char *bytes;
    int32_t status;
} forbidden[] = {
    /* 3.11.3: an UNSUBACK without a reason code, and that of 3.1.1. mosquitto 1167 */
    {"B0 03 0002 00", MQTT_ERROR_SUBACK_NO_RETURN_CODE},
    {"B0 02 0002", MQTT_ERROR_REMAINING_LENGTH},
    /* [MQTT-3.15.1-1]. paho.mqtt.java 980 */
    {"F1 00", MQTT_ERROR_FLAGS},
    /* [MQTT-3.3.2-14], also in a will. paho.mqtt.java 545 */
    {"30 0A 0001'a' 06 08 0003'a/#'", MQTT_ERROR_TOPIC_NAME_WILDCARD},
    {"10 19 0004'MQTT'05 06 0000 00 0000 06 08 0003'a/+' 0001'w' 0000",
     MQTT_ERROR_TOPIC_NAME_WILDCARD},
    /* 3.2.2.3.3. rabbitmq-server 17057 */
    {"20 06 0000 03 21 0000", MQTT_ERROR_PROPERTY_VALUE},
    /* 3.9.3: a reason code of UNSUBACK. */
    {"90 04 0001 00 11", MQTT_ERROR_REASON_CODE},
    /* 3.1.2.11.9, 3.15.2.2.3: authentication data without a method. */
    {"F0 05 18 03 16 0000", MQTT_ERROR_AUTHENTICATION_METHOD},
};

START_TEST(what_is_forbidden_is_refused)
{
    const struct test_block block = test_parse(forbidden[_i].bytes);
    struct mqtt_v5_packet packet;

    ck_assert_int_eq(mqtt_v5_decode(&packet, block.bytes, block.length), forbidden[_i].status);
    test_free(block);
}
END_TEST

/* Of 3.1.1, whose clauses these are: a connection of this version has nothing of 5.0. */
static const struct {
    const char *bytes;
    int32_t status;
} not_of_3_1_1[] = {
    /* Table 2.1: type 15 is reserved. wolfMQTT 580, 586 */
    {"F0 00", MQTT_ERROR_RESERVED_TYPE},
    /* 3.4, 3.11, 3.14: no reason code. hivemq-mqtt-client 139, mochi-mqtt 353 */
    {"40 03 0001 10", MQTT_ERROR_REMAINING_LENGTH},
    {"B0 04 0002 00 00", MQTT_ERROR_REMAINING_LENGTH},
    {"E0 01 00", MQTT_ERROR_REMAINING_LENGTH},
    /* [MQTT-3.1.2-22]. emqx 17913 */
    {"10 0F 0004'MQTT'04 42 003C 0000 0001'p'", MQTT_ERROR_PASSWORD_WITHOUT_USER_NAME},
};

START_TEST(nothing_of_5_0_is_taken_in_3_1_1)
{
    const struct test_block block = test_parse(not_of_3_1_1[_i].bytes);
    struct mqtt_packet packet;

    ck_assert_int_eq(mqtt_decode(&packet, block.bytes, block.length), not_of_3_1_1[_i].status);
    test_free(block);
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
    tcase_add_loop_test(tests, what_is_allowed_is_kept_whatever_follows, 0,
                        (int)(sizeof allowed / sizeof allowed[0]));
    tcase_add_loop_test(tests, a_property_length_of_more_than_one_byte_leaves_the_payload_alone, 0,
                        (int)(sizeof list_lengths / sizeof list_lengths[0]));
    tcase_add_loop_test(tests, a_byte_that_is_taken_can_be_written, 0, (int)BYTE_PROPERTY_COUNT);
    tcase_add_loop_test(tests, what_is_forbidden_is_refused, 0,
                        (int)(sizeof forbidden / sizeof forbidden[0]));
    tcase_add_loop_test(tests, nothing_of_5_0_is_taken_in_3_1_1, 0,
                        (int)(sizeof not_of_3_1_1 / sizeof not_of_3_1_1[0]));
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
