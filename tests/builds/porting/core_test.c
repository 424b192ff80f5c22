/* What fits into a small machine of the tests in conformance/: all the cases of packets.txt of up to
 * 64 bytes, one packet of each type by its fields, and strings and topics. C99 and C++11; no C
 * library. */
#include "port.h"

#include "mqtt_codec.h"

#include "core_cases.h"
#define CORE_PACKET struct mqtt_packet
#define CORE_DECODE mqtt_decode
#define CORE_ENCODE mqtt_encode
#include "core.h"

/* Encodes, compares and decodes. */
static bool round_trip(unsigned number, const struct mqtt_packet *given, const char *expected,
                       size_t length)
{
    const int32_t written = mqtt_encode(output, sizeof output, given);

    check("encode by fields", number, written == (int32_t)length);
    check("bytes of fields", number, same_bytes(output, (const uint8_t *)expected, length));
    packet.type = (enum mqtt_packet_type)0;
    check("decode fields", number, mqtt_decode(&packet, output, length) == (int32_t)length);
    check("type", number, packet.type == given->type);
    return packet.type == given->type;
}

#define ROUND_TRIP(given, literal) round_trip(__LINE__, given, literal, sizeof(literal) - 1)
#define CHECK_FIELD(holds)         check("field", __LINE__, holds)

static struct mqtt_packet given;

static void check_connect(void)
{
    struct mqtt_connect *connect = &given.as.connect;
    static const uint8_t password[] = {0, 0xFF};

    given.type = MQTT_CONNECT;
    connect->client_id = mqtt_string_from("c");
    connect->keep_alive = 0x8001;
    connect->clean_session = true;
    connect->has_will = true;
    connect->will.topic = mqtt_string_from("w/t");
    connect->will.message.data = password;
    connect->will.message.length = 1;
    connect->will.qos = 2;
    connect->will.retain = true;
    connect->has_user_name = true;
    connect->user_name = mqtt_string_from("\xC3\xA9");
    connect->has_password = true;
    connect->password.data = password;
    connect->password.length = 2;
    if (!ROUND_TRIP(&given, "\x10\x1D\0\4MQTT\4\xF6\x80\1\0\1c\0\3w/t\0\1\0\0\2\xC3\xA9\0\2\0\xFF"))
        return;
    connect = &packet.as.connect;
    CHECK_FIELD(same_text(connect->client_id, "c"));
    CHECK_FIELD(connect->keep_alive == 0x8001); /* 3.1.2.10 */
    CHECK_FIELD(connect->clean_session && connect->has_will && connect->has_user_name);
    CHECK_FIELD(same_text(connect->will.topic, "w/t") && connect->will.message.length == 1);
    CHECK_FIELD(connect->will.qos == 2 && connect->will.retain);
    CHECK_FIELD(same_text(connect->user_name, "\xC3\xA9"));
    CHECK_FIELD(connect->has_password && connect->password.length == 2 &&
                connect->password.data[1] == 0xFF);
}

static void check_connack(void)
{
    given.type = MQTT_CONNACK;
    given.as.connack.session_present = false;
    given.as.connack.return_code = MQTT_CONNACK_CODE_REFUSED_IDENTIFIER;
    if (ROUND_TRIP(&given, "\x20\2\0\2"))
        CHECK_FIELD(!packet.as.connack.session_present && packet.as.connack.return_code == 2);
}

static void check_publish(void)
{
    struct mqtt_publish *publish = &given.as.publish;

    given.type = MQTT_PUBLISH;
    publish->topic = mqtt_string_from("a/b");
    publish->payload.data = (const uint8_t *)"xyz";
    publish->payload.length = 3;
    publish->packet_id = 0xFF01;
    publish->qos = 1;
    publish->dup = true;
    publish->retain = true;
    if (!ROUND_TRIP(&given, "\x3B\12\0\3a/b\xFF\1xyz"))
        return;
    publish = &packet.as.publish;
    CHECK_FIELD(same_text(publish->topic, "a/b"));
    CHECK_FIELD(publish->payload.length == 3 && publish->payload.data[2] == 'z');
    CHECK_FIELD(publish->packet_id == 0xFF01); /* 2.3.1, of the upper half */
    CHECK_FIELD(publish->qos == 1 && publish->dup && publish->retain);
    CHECK_FIELD(mqtt_publish_set_dup(output, 12, false) == 9 && output[0] == 0x33);
    CHECK_FIELD(mqtt_publish_set_packet_id(output, 12, 0x8000) == 9 && output[7] == 0x80 &&
                output[8] == 0);
}

static void check_acknowledgements(void)
{
    static const uint8_t first_bytes[] = {0x40, 0x50, 0x62, 0x70, 0xB0};
    char expected[4] = {0, 2, (char)0x80, 2};
    size_t i;

    for (i = 0; i < sizeof first_bytes; i++) {
        given.type = (enum mqtt_packet_type)(first_bytes[i] / 16);
        given.as.ack.packet_id = 0x8002;
        expected[0] = (char)first_bytes[i];
        if (round_trip(__LINE__, &given, expected, 4))
            CHECK_FIELD(packet.as.ack.packet_id == 0x8002); /* 2.3.1 */
    }
}

static void check_lists(void)
{
    static struct mqtt_subscription subscriptions[2];
    static struct mqtt_string filters[2];
    static const uint8_t codes[] = {0, 1, 2, 0x80};
    struct mqtt_subscription subscription = {{NULL, 0}, 0};
    struct mqtt_string filter = {NULL, 0};
    size_t position = 0;

    subscriptions[0].filter = mqtt_string_from("a/+");
    subscriptions[0].qos = 2;
    subscriptions[1].filter = mqtt_string_from("#");
    subscriptions[1].qos = 1;
    given.type = MQTT_SUBSCRIBE;
    given.as.subscribe.packet_id = 0x1234;
    given.as.subscribe.count = 2;
    given.as.subscribe.subscriptions = subscriptions;
    if (ROUND_TRIP(&given, "\x82\14\x12\x34\0\3a/+\2\0\1#\1")) {
        const struct mqtt_subscribe *subscribe = &packet.as.subscribe;
        CHECK_FIELD(subscribe->packet_id == 0x1234 && subscribe->count == 2);
        CHECK_FIELD(mqtt_next_subscription(subscribe, &position, &subscription));
        CHECK_FIELD(same_text(subscription.filter, "a/+") && subscription.qos == 2);
        CHECK_FIELD(mqtt_next_subscription(subscribe, &position, &subscription));
        CHECK_FIELD(same_text(subscription.filter, "#") && subscription.qos == 1);
        CHECK_FIELD(!mqtt_next_subscription(subscribe, &position, &subscription));
    }

    given.type = MQTT_SUBACK;
    given.as.suback.packet_id = 0x1234;
    given.as.suback.count = 4;
    given.as.suback.return_codes = codes;
    if (ROUND_TRIP(&given, "\x90\6\x12\x34\0\1\2\x80"))
        CHECK_FIELD(packet.as.suback.packet_id == 0x1234 && packet.as.suback.count == 4 &&
                    packet.as.suback.return_codes[3] == 0x80);

    filters[0] = mqtt_string_from("a/+");
    filters[1] = mqtt_string_from("b");
    given.type = MQTT_UNSUBSCRIBE;
    given.as.unsubscribe.packet_id = 0x1234;
    given.as.unsubscribe.count = 2;
    given.as.unsubscribe.filters = filters;
    if (ROUND_TRIP(&given, "\xA2\12\x12\x34\0\3a/+\0\1b")) {
        const struct mqtt_unsubscribe *unsubscribe = &packet.as.unsubscribe;
        position = 0;
        CHECK_FIELD(unsubscribe->packet_id == 0x1234 && unsubscribe->count == 2);
        CHECK_FIELD(mqtt_next_filter(unsubscribe, &position, &filter));
        CHECK_FIELD(same_text(filter, "a/+"));
        CHECK_FIELD(mqtt_next_filter(unsubscribe, &position, &filter));
        CHECK_FIELD(same_text(filter, "b"));
        CHECK_FIELD(!mqtt_next_filter(unsubscribe, &position, &filter));
    }
}

static void check_empty(void)
{
    given.type = MQTT_PINGREQ;
    ROUND_TRIP(&given, "\xC0\0");
    given.type = MQTT_PINGRESP;
    ROUND_TRIP(&given, "\xD0\0");
    given.type = MQTT_DISCONNECT;
    ROUND_TRIP(&given, "\xE0\0");
}

static void check_remaining_lengths(void)
{
    /* Table 2.4, and the neighbours of powers of two at which an int of 16 bits would wrap. */
    static const uint32_t values[] = {0,     1,     127,   128,   16383,   16384,   32767,
                                      32768, 65535, 65536, 65537, 2097151, 2097152, 268435455};
    size_t i;

    for (i = 0; i < sizeof values / sizeof values[0]; i++) {
        const int32_t size = values[i] < 128       ? 1
                             : values[i] < 16384   ? 2
                             : values[i] < 2097152 ? 3
                                                   : 4;
        uint32_t decoded = ~values[i];
        check("remaining length", i, mqtt_encode_remaining_length(output, 4, values[i]) == size);
        check("remaining length", i,
              mqtt_decode_remaining_length(&decoded, output, (size_t)size) == size);
        check("remaining length", i, decoded == values[i]);
    }
    check("remaining length", i,
          mqtt_encode_remaining_length(output, 4, 268435456) == MQTT_ERROR_PACKET_TOO_LARGE);
}

/* What size_t cannot hold, where it has 16 bits, and can elsewhere. */
static void check_size_t(void)
{
    static const uint8_t whole[] = {0x30, 0xFC, 0xFF, 0x03, 0, 1, 'a'};   /* 65,536 bytes */
    static const uint8_t payload[] = {0x30, 0x83, 0x80, 0x04, 0, 1, 'a'}; /* its 65,536 bytes */
    const bool is_16_bits = SIZE_MAX == 0xFFFF;
    struct mqtt_publish *publish = &given.as.publish;

    check("size_t, whole", 0,
          mqtt_decode(&packet, whole, sizeof whole) ==
              (is_16_bits ? MQTT_ERROR_PACKET_TOO_LARGE : MQTT_PACKET_INCOMPLETE));
    check("size_t, whole", 1,
          mqtt_decode_publish_header(publish, whole, sizeof whole) == (int32_t)sizeof whole);
    check("size_t, whole", 2, publish->payload.length == 65529u);
    check("size_t, payload", 0,
          mqtt_decode_publish_header(publish, payload, sizeof payload) ==
              (is_16_bits ? MQTT_ERROR_PACKET_TOO_LARGE : (int32_t)sizeof payload));
    publish->topic = mqtt_string_from("a");
    publish->payload.length = 65535u;
    publish->qos = 0;
    publish->dup = false;
    publish->retain = false;
    check("size_t, encode", 0,
          mqtt_encode_publish_header(output, sizeof output, publish) == (int32_t)sizeof payload);
    check("size_t, encode", 1, output[1] == 0x82 && output[2] == 0x80 && output[3] == 0x04);
    publish->payload.data = payload; /* only measured */
    check("size_t, encode", 2,
          mqtt_encode_publish(output, sizeof output, publish) == MQTT_ERROR_BUFFER_TOO_SMALL);
}

struct string_case {
    const char *text;
    bool is_string;
    bool is_name;
    bool is_filter;
};

static const struct string_case strings[] = {
    {"", true, false, false},
    {"a", true, true, true},
    {"/", true, true, true},
    {"a/b/c", true, true, true},
    {"\xC3\xA9", true, true, true},
    {"\xE6\x97\xA5\xE6\x9C\xAC", true, true, true},
    {"\xF0\x9F\x98\x80", true, true, true},
    {"\xF4\x8F\xBF\xBF", true, true, true},
    {"\xC0\xAF", false, false, false},
    {"\xED\xA0\x80", false, false, false},
    {"\xF4\x90\x80\x80", false, false, false},
    {"\xE6\x97", false, false, false},
    {"\x80", false, false, false},
    {"\xFF", false, false, false},
    {"#", true, false, true},
    {"+", true, false, true},
    {"a/#", true, false, true},
    {"+/a/+", true, false, true},
    {"a#", true, false, false},
    {"#/a", true, false, false},
    {"a+", true, false, false},
    {"+a", true, false, false},
};

struct match_case {
    const char *filter;
    const char *name;
    bool matches;
};

/* The examples of 4.7.1 and 4.7.2. */
static const struct match_case matches[] = {
    {"sport/tennis/player1/#", "sport/tennis/player1", true},
    {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
    {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
    {"sport/#", "sport", true},
    {"#", "sport", true},
    {"sport/tennis/+", "sport/tennis/player1", true},
    {"sport/tennis/+", "sport/tennis/player1/ranking", false},
    {"sport/+", "sport", false},
    {"sport/+", "sport/", true},
    {"+/+", "/finance", true},
    {"/+", "/finance", true},
    {"+", "/finance", false},
    {"#", "$SYS/a", false},
    {"+/monitor/Clients", "$SYS/monitor/Clients", false},
    {"$SYS/#", "$SYS/a", true},
    {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
    {"ACCOUNTS", "Accounts", false},
};

static void check_strings(void)
{
    struct mqtt_string with_null = {"a\0b", 3};
    size_t i;

    for (i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        const struct mqtt_string string = mqtt_string_from(strings[i].text);
        check("string", i, mqtt_string_is_valid(string) == strings[i].is_string);
        check("topic name", i, mqtt_topic_name_is_valid(string) == strings[i].is_name);
        check("topic filter", i, mqtt_topic_filter_is_valid(string) == strings[i].is_filter);
    }
    check("null character", 0, !mqtt_string_is_valid(with_null)); /* [MQTT-1.5.3-2] */
    check("discouraged", 0, mqtt_string_has_discouraged(mqtt_string_from("\x1F")));
    check("discouraged", 1, mqtt_string_has_discouraged(mqtt_string_from("\xEF\xBF\xBF")));
    check("discouraged", 2, !mqtt_string_has_discouraged(mqtt_string_from("\xC3\xA9")));
    for (i = 0; i < sizeof matches / sizeof matches[0]; i++)
        check("match", i,
              mqtt_topic_matches(mqtt_string_from(matches[i].filter),
                                 mqtt_string_from(matches[i].name)) == matches[i].matches);
}

/* What an encoder refuses that no decoder gives it. */
static void check_refusals(void)
{
    given.type = MQTT_PUBACK;
    given.as.ack.packet_id = 0;
    check("refusal", 0, mqtt_encode(output, 4, &given) == MQTT_ERROR_PACKET_ID_ZERO);
    given.type = (enum mqtt_packet_type)15;
    check("refusal", 1, mqtt_encode(output, 4, &given) == MQTT_ERROR_RESERVED_TYPE);
    given.type = MQTT_CONNACK;
    given.as.connack.session_present = true;
    given.as.connack.return_code = 1;
    check("refusal", 2, mqtt_encode(output, 4, &given) == MQTT_ERROR_SESSION_PRESENT);
    check("message", 0,
          same_text(mqtt_string_from(mqtt_status_clause(MQTT_ERROR_QOS)), "MQTT-3.3.1-4"));
    check("message", 1,
          same_text(mqtt_string_from(mqtt_packet_type_name(MQTT_DISCONNECT)), "DISCONNECT"));
    check("CONNACK code", 0, mqtt_connack_code_for(MQTT_ERROR_PROTOCOL_LEVEL) == 1);
}

int core_test(void)
{
    check_cases();
    check_connect();
    check_connack();
    check_publish();
    check_acknowledgements();
    check_lists();
    check_empty();
    check_remaining_lengths();
    check_size_t();
    check_strings();
    check_refusals();
    return report();
}
