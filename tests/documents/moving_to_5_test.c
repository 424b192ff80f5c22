/* The code of docs/moving-to-5.md, which readme_test.py finds here word for word, at work. */
#include "support.h"

/* Encodes a CONNECT. The session ends an hour after the connection. Returns its size, or a status. */
static int32_t open_session(uint8_t *buffer, size_t capacity, const char *client_id)
{
    struct mqtt_v5_property list[2] = {{0}};
    struct mqtt_v5_connect connect = {0};

    list[0].id = MQTT_V5_PROPERTY_SESSION_EXPIRY_INTERVAL;
    list[0].as.number = 3600; /* seconds */
    list[1].id = MQTT_V5_PROPERTY_RECEIVE_MAXIMUM;
    list[1].as.number = 16; /* messages that the server may send before we acknowledge one */
    connect.client_id = mqtt_string_from(client_id);
    connect.keep_alive = 60;
    connect.properties.list = list;
    connect.properties.count = 2;
    return mqtt_v5_encode_connect(buffer, capacity, &connect);
}

/* What the server takes */
struct limits {
    uint32_t receive_maximum;     /* messages at QoS 1 and 2 that it has not acknowledged */
    uint32_t maximum_packet_size; /* bytes */
    uint32_t maximum_qos;
    uint32_t topic_alias_maximum; /* 0: it takes no topic aliases */
    uint32_t keep_alive;          /* seconds */
};

/* The value of a property that is a number, or `otherwise` if it is not there. */
static uint32_t number_of(const struct mqtt_v5_properties *properties, enum mqtt_v5_property_id id,
                          uint32_t otherwise)
{
    struct mqtt_v5_property property = {0};

    property.as.number = otherwise;
    mqtt_v5_find_property(properties, id, &property);
    return property.as.number;
}

static struct limits read_limits(const struct mqtt_v5_connack *connack, uint16_t keep_alive)
{
    const struct mqtt_v5_properties *properties = &connack->properties;
    struct limits limits;

    limits.receive_maximum = number_of(properties, MQTT_V5_PROPERTY_RECEIVE_MAXIMUM, 65535);
    limits.maximum_packet_size =
        number_of(properties, MQTT_V5_PROPERTY_MAXIMUM_PACKET_SIZE, UINT32_MAX);
    limits.maximum_qos = number_of(properties, MQTT_V5_PROPERTY_MAXIMUM_QOS, 2);
    limits.topic_alias_maximum = number_of(properties, MQTT_V5_PROPERTY_TOPIC_ALIAS_MAXIMUM, 0);
    limits.keep_alive = number_of(properties, MQTT_V5_PROPERTY_SERVER_KEEP_ALIVE, keep_alive);
    return limits;
}

/* Finds the first user property of a name. If there is none, returns false. */
static bool find_user_property(const struct mqtt_v5_properties *properties, const char *name,
                               struct mqtt_string *value)
{
    struct mqtt_v5_property property;
    size_t position = 0;

    while (mqtt_v5_next_property(properties, &position, &property)) {
        if (property.id == MQTT_V5_PROPERTY_USER_PROPERTY &&
            mqtt_string_equals(property.as.pair.name, mqtt_string_from(name))) {
            *value = property.as.pair.value;
            return true;
        }
    }
    return false;
}

/* Decodes the first packet of a connection, and stores its protocol level: call mqtt_decode_from_client
 * for the packets of level 4, and mqtt_v5_decode_from_client for those of level 5. Returns the size of
 * the packet, or a status. */
static int32_t first_packet(uint8_t *level, struct mqtt_packet *packet,
                            struct mqtt_v5_packet *v5_packet, const uint8_t *bytes, size_t length)
{
    const int32_t n = mqtt_decode_protocol_level(level, bytes, length);

    if (n < 0)
        return n;
    if (*level <= 4)
        return mqtt_decode_from_client(packet, bytes, length);
    return mqtt_v5_decode_from_client(v5_packet, bytes, length);
}

/* Encodes what a server sends before it closes the connection, because a decoder has returned
 * `status`. Returns its size, or 0 if there is nothing to send. */
static int32_t refuse(uint8_t *buffer, size_t capacity, int32_t status, bool is_accepted)
{
    struct mqtt_v5_connack connack = {0};
    struct mqtt_v5_disconnect disconnect = {0};
    const int32_t code = mqtt_v5_reason_code_for(status);
    int32_t n;

    if (code < 0)
        return 0;
    connack.reason_code = (uint8_t)code;
    disconnect.reason_code = (uint8_t)code;
    n = is_accepted ? mqtt_v5_encode_disconnect(buffer, capacity, &disconnect)
                    : mqtt_v5_encode_connack(buffer, capacity, &connack);
    return n > 0 ? n : 0; /* below 0: this packet cannot have the code */
}

/* Encodes the acknowledgement of a message at QoS 1. */
static int32_t acknowledge(uint8_t *buffer, size_t capacity, uint16_t packet_id, bool is_stored)
{
    struct mqtt_v5_ack ack = {0};

    ack.packet_id = packet_id;
    ack.reason_code = is_stored ? MQTT_V5_REASON_SUCCESS : MQTT_V5_REASON_QUOTA_EXCEEDED;
    return mqtt_v5_encode_puback(buffer, capacity, &ack);
}

#define ALIASES 10 /* the Topic Alias Maximum that we have sent */

/* The topics of one connection. Begin with none at each connection [MQTT-3.3.2-7]. */
struct aliases {
    struct {
        size_t length; /* 0: the alias is unknown */
        char text[64];
    } topics[ALIASES + 1];
};

/* Replaces an empty topic by the one that its alias stands for. Returns 0, or the reason code for a
 * DISCONNECT. */
static uint8_t find_topic(struct aliases *known, struct mqtt_v5_publish *publish)
{
    const uint32_t alias = number_of(&publish->properties, MQTT_V5_PROPERTY_TOPIC_ALIAS, 0);

    if (alias == 0)
        return 0;
    if (alias > ALIASES)
        return MQTT_V5_REASON_TOPIC_ALIAS_INVALID;
    if (publish->topic.length > sizeof known->topics[alias].text)
        return MQTT_V5_REASON_IMPLEMENTATION_SPECIFIC_ERROR;
    if (publish->topic.length > 0) { /* the alias stands for this topic from now on */
        known->topics[alias].length = publish->topic.length;
        memcpy(known->topics[alias].text, publish->topic.data, publish->topic.length);
    }
    publish->topic.data = known->topics[alias].text;
    publish->topic.length = known->topics[alias].length;
    return publish->topic.length > 0 ? 0 : MQTT_V5_REASON_PROTOCOL_ERROR;
}

/* Encodes a message for a subscriber, after find_topic. `waited` is the number of seconds that the
 * server has had the message. Returns its size, a status, or 0 if the message has expired. */
static int32_t forward(uint8_t *buffer, size_t capacity, const struct mqtt_v5_publish *received,
                       uint8_t qos, uint16_t packet_id, uint32_t waited)
{
    struct mqtt_v5_publish publish = *received;
    struct mqtt_v5_property expiry;

    publish.dup = false;
    publish.retain = false; /* unless the subscription has retain_as_published */
    publish.qos = qos;
    publish.packet_id = packet_id;
    publish.properties.without = MQTT_V5_WITHOUT(MQTT_V5_PROPERTY_TOPIC_ALIAS);
    if (mqtt_v5_find_property(&received->properties, MQTT_V5_PROPERTY_MESSAGE_EXPIRY_INTERVAL,
                              &expiry)) {
        if (expiry.as.number <= waited)
            return 0;               /* [MQTT-3.3.2-5] */
        expiry.as.number -= waited; /* [MQTT-3.3.2-6] */
        publish.properties.without += MQTT_V5_WITHOUT(MQTT_V5_PROPERTY_MESSAGE_EXPIRY_INTERVAL);
        publish.properties.list = &expiry;
        publish.properties.count = 1;
    }
    return mqtt_v5_encode_publish(buffer, capacity, &publish);
}

/* Whether the message may be sent now. `in_flight` is the number of messages at QoS 1 and 2 that
 * were sent and are not acknowledged. */
static bool may_send(const struct limits *limits, const struct mqtt_v5_publish *publish,
                     uint32_t in_flight)
{
    const int32_t size = mqtt_v5_encode_publish(NULL, 0, publish);

    return size > 0 && (uint32_t)size <= limits->maximum_packet_size &&
           publish->qos <= limits->maximum_qos &&
           (publish->qos == 0 || in_flight < limits->receive_maximum);
}

/* A decoded packet of 5.0 that points into `block`. */
static struct mqtt_v5_packet decoded(struct test_block block)
{
    struct mqtt_v5_packet packet;

    ck_assert_int_eq(mqtt_v5_decode(&packet, block.bytes, block.length), (int32_t)block.length);
    return packet;
}

static void assert_written(const char *what, int32_t n, const uint8_t *buffer, const char *expected)
{
    const struct test_block block = test_parse(expected);

    ck_assert_msg(n == (int32_t)block.length, "%s: %d", what, (int)n);
    test_assert_bytes(what, buffer, block.bytes, block.length);
    test_free(block);
}

START_TEST(a_session_is_opened)
{
    uint8_t buffer[32];

    assert_written("CONNECT", open_session(buffer, sizeof buffer, "c"), buffer,
                   "10 16 0004'MQTT' 05 00 003C 08 11 00000E10 21 0010 0001'c'");
}
END_TEST

START_TEST(limits_are_read)
{
    const struct test_block some =
        test_parse("20 13 00 00 10 21 0002 27 00000010 24 01 22 0003 13 0005");
    const struct test_block none = test_parse("20 03 00 00 00");
    struct mqtt_v5_packet packet = decoded(some);
    struct limits limits = read_limits(&packet.as.connack, 60);

    ck_assert_uint_eq(limits.receive_maximum, 2);
    ck_assert_uint_eq(limits.maximum_packet_size, 16);
    ck_assert_uint_eq(limits.maximum_qos, 1);
    ck_assert_uint_eq(limits.topic_alias_maximum, 3);
    ck_assert_uint_eq(limits.keep_alive, 5);
    packet = decoded(none);
    limits = read_limits(&packet.as.connack, 60);
    ck_assert_uint_eq(limits.receive_maximum, 65535);
    ck_assert_uint_eq(limits.maximum_packet_size, UINT32_MAX);
    ck_assert_uint_eq(limits.maximum_qos, 2);
    ck_assert_uint_eq(limits.topic_alias_maximum, 0);
    ck_assert_uint_eq(limits.keep_alive, 60);
    test_free(some);
    test_free(none);
}
END_TEST

START_TEST(a_user_property_is_found)
{
    const struct test_block block =
        test_parse("30 19 0001'a' 15 26 0001'x' 0001'1' 26 0001'y' 0001'2' 26 0001'y' 0001'3'");
    const struct mqtt_v5_packet packet = decoded(block);
    struct mqtt_string value = mqtt_string_from("untouched");

    ck_assert(!find_user_property(&packet.as.publish.properties, "z", &value));
    ck_assert(mqtt_string_equals(value, mqtt_string_from("untouched")));
    ck_assert(find_user_property(&packet.as.publish.properties, "y", &value));
    ck_assert(mqtt_string_equals(value, mqtt_string_from("2")));
    test_free(block);
}
END_TEST

START_TEST(the_first_packet_says_the_version)
{
    static const struct {
        const char *bytes;
        int32_t n;
        uint8_t level;
        const char *answer; /* of 5.0 */
    } table[] = {
        {"10 0D 0004'MQTT' 04 02 0000 0001'c'", 15, 4, ""},
        {"10 0E 0004'MQTT' 05 02 0000 00 0001'c'", 16, 5, ""},
        {"10 0E 0004'MQTT' 06 02 0000 00 0001'c'", MQTT_ERROR_PROTOCOL_LEVEL, 6, "20 03 00 84 00"},
        {"10 0E 0004'MQTT' 05 03 0000 00 0001'c'", MQTT_ERROR_CONNECT_RESERVED_FLAG, 5,
         "20 03 00 81 00"},
        {"10 0F 0006'MQIsdp' 03 02 0000 0001'c'", MQTT_ERROR_PROTOCOL_NAME, 3, ""},
        {"10 0D 0004'MQTT'", MQTT_PACKET_INCOMPLETE, 0, ""},
        {"C0 00", MQTT_ERROR_TYPE, 0, ""},
    };
    size_t i;

    for (i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct test_block block = test_parse(table[i].bytes);
        struct mqtt_packet packet;
        struct mqtt_v5_packet v5_packet;
        uint8_t level = 0;
        uint8_t buffer[8];
        ck_assert_int_eq(first_packet(&level, &packet, &v5_packet, block.bytes, block.length),
                         table[i].n);
        ck_assert_uint_eq(level, table[i].level);
        if (table[i].n < 0 && level >= 5)
            assert_written(table[i].bytes, refuse(buffer, sizeof buffer, table[i].n, false), buffer,
                           table[i].answer);
        test_free(block);
    }
}
END_TEST

START_TEST(refused_packets_are_answered)
{
    uint8_t buffer[8];

    assert_written("malformed", refuse(buffer, 8, MQTT_ERROR_PROPERTY_ID, true), buffer,
                   "E0 01 81");
    assert_written("protocol error", refuse(buffer, 8, MQTT_ERROR_PROPERTY_TWICE, true), buffer,
                   "E0 01 82");
    assert_written("alias 0", refuse(buffer, 8, MQTT_ERROR_TOPIC_ALIAS_ZERO, true), buffer,
                   "E0 01 94");
    ck_assert_int_eq(refuse(buffer, 8, MQTT_ERROR_PROTOCOL_LEVEL, true), 0);
    ck_assert_int_eq(refuse(buffer, 8, MQTT_PACKET_INCOMPLETE, true), 0);
    assert_written("stored", acknowledge(buffer, 8, 7, true), buffer, "40 02 0007");
    assert_written("not stored", acknowledge(buffer, 8, 7, false), buffer, "40 03 0007 97");
}
END_TEST

START_TEST(aliases_stand_for_topics)
{
    static const struct {
        const char *packet, *topic;
        uint8_t code;
    } steps[] = {
        {"30 06 0000 03 23 0001", "", MQTT_V5_REASON_PROTOCOL_ERROR},
        {"30 07 0001'a' 03 23 0001", "a", 0},
        {"30 07 0001'b' 03 23 000A", "b", 0},
        {"30 06 0000 03 23 0001", "a", 0},
        {"30 06 0000 03 23 000A", "b", 0},
        {"30 07 0001'c' 03 23 0001", "c", 0},
        {"30 06 0000 03 23 0001", "c", 0},
        {"30 04 0001'd' 00", "d", 0},
        {"30 06 0000 03 23 000B", "", MQTT_V5_REASON_TOPIC_ALIAS_INVALID},
        {"30 47 0041 61*65 03 23 0001", NULL, MQTT_V5_REASON_IMPLEMENTATION_SPECIFIC_ERROR},
        {"30 06 0000 03 23 0001", "c", 0},
    };
    struct aliases known = {0};
    size_t i;

    for (i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const struct test_block block = test_parse(steps[i].packet);
        struct mqtt_v5_packet packet = decoded(block);
        ck_assert_uint_eq(find_topic(&known, &packet.as.publish), steps[i].code);
        if (steps[i].topic != NULL)
            ck_assert(
                mqtt_string_equals(packet.as.publish.topic, mqtt_string_from(steps[i].topic)));
        test_free(block);
    }
}
END_TEST

START_TEST(messages_are_forwarded)
{
    const struct test_block block =
        test_parse("3D 1B 0001'a' 0005 14 23 0001 02 0000000A 26 0001'k' 0001'v' 03 0002'ct' 'p'");
    const struct test_block plain = test_parse("31 05 0001'a' 00 'p'");
    struct mqtt_v5_packet packet = decoded(block);
    uint8_t buffer[32];

    assert_written("forwarded", forward(buffer, 32, &packet.as.publish, 1, 9, 4), buffer,
                   "32 18 0001'a' 0009 11 26 0001'k' 0001'v' 03 0002'ct' 02 00000006 'p'");
    ck_assert_int_eq(forward(buffer, 32, &packet.as.publish, 1, 9, 10), 0);
    packet = decoded(plain);
    assert_written("plain", forward(buffer, 32, &packet.as.publish, 0, 0, 10), buffer,
                   "30 05 0001'a' 00 'p'");
    test_free(block);
    test_free(plain);
}
END_TEST

START_TEST(limits_are_kept)
{
    const struct limits limits = {2, 8, 1, 0, 60};
    struct mqtt_v5_publish publish = {0};

    publish.topic = mqtt_string_from("a");
    publish.packet_id = 1;
    publish.qos = 1;
    ck_assert(may_send(&limits, &publish, 1)); /* 8 bytes */
    ck_assert(!may_send(&limits, &publish, 2));
    publish.topic = mqtt_string_from("ab");
    ck_assert(!may_send(&limits, &publish, 1)); /* 9 bytes */
    publish.qos = 0;
    ck_assert(may_send(&limits, &publish, 2));
    publish.qos = 2;
    publish.topic = mqtt_string_from("a");
    ck_assert(!may_send(&limits, &publish, 1));
    publish.topic = mqtt_string_from("#");
    publish.qos = 0;
    ck_assert(!may_send(&limits, &publish, 1));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("moving to 5.0");
    TCase *tests = tcase_create("moving to 5.0");

    tcase_add_test(tests, a_session_is_opened);
    tcase_add_test(tests, limits_are_read);
    tcase_add_test(tests, a_user_property_is_found);
    tcase_add_test(tests, the_first_packet_says_the_version);
    tcase_add_test(tests, refused_packets_are_answered);
    tcase_add_test(tests, aliases_stand_for_topics);
    tcase_add_test(tests, messages_are_forwarded);
    tcase_add_test(tests, limits_are_kept);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
