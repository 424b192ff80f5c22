/* Every value of a byte, or of two, against the rule in the test's own words. */
#include "support.h"

/* Whether the type's flags may be these: Table 2.2, and 3.3.1 for PUBLISH. */
static bool flags_are_valid(unsigned type, unsigned flags)
{
    static const char *const valid[] = {
        "",  "0",
        "0", "0 1 2 3 4 5 A B C D", /* DUP 8, QoS 6, RETAIN 1: no QoS 3, no DUP at QoS 0 */
        "0", "0",
        "2", "0",
        "2", "0",
        "2", "0",
        "0", "0",
        "0", "",
    };
    static const char digits[] = "0123456789ABCDEF";

    return strchr(valid[type], digits[flags]) != NULL;
}

START_TEST(every_flag_nibble_of_every_type)
{
    /* A valid packet of each type, but for its flags. */
    static const char *const packets[] = {
        "",
        "10 0C 0004'MQTT'04 02 0000 0000",
        "20 02 00 00",
        "30 05 0001'a' 0001",
        "40 02 0001",
        "50 02 0001",
        "62 02 0001",
        "70 02 0001",
        "82 06 0001 0001'a' 00",
        "90 03 0001 00",
        "A2 05 0001 0001'a'",
        "B0 02 0001",
        "C0 00",
        "D0 00",
        "E0 00",
        "F0 00",
    };
    const unsigned type = (unsigned)_i;
    const struct test_block packet = test_parse(packets[type]);
    unsigned flags;

    for (flags = 0; flags < 16; flags++) {
        struct mqtt_packet decoded;
        int32_t result;
        packet.bytes[0] = (uint8_t)(type * 16 + flags);
        result = mqtt_decode(&decoded, packet.bytes, packet.length);
        if (flags_are_valid(type, flags)) {
            ck_assert_int_eq(result, (int32_t)packet.length);
        } else {
            ck_assert_int_eq(result, type == 15                      ? MQTT_ERROR_RESERVED_TYPE
                                     : type == 3 && (flags & 6) == 6 ? MQTT_ERROR_QOS
                                     : type == 3                     ? MQTT_ERROR_DUP
                                                                     : MQTT_ERROR_FLAGS);
            ck_assert_uint_eq(decoded.error_offset, 0);
        }
    }
    test_free(packet);
}
END_TEST

/* The fields that connect flags ask for, in their order [MQTT-3.1.3-1], after a client id. */
static size_t put_connect(uint8_t *bytes, unsigned flags)
{
    static const uint8_t start[] = {0x10, 0, 0, 4, 'M', 'Q', 'T', 'T', 4, 0, 0, 0, 0, 1, 'c'};
    static const uint8_t will[] = {0, 1, 'w', 0, 0};
    static const uint8_t text[] = {0, 1, 'x'};
    size_t length = sizeof start;

    memcpy(bytes, start, sizeof start);
    if ((flags & 0x04) != 0) {
        memcpy(bytes + length, will, sizeof will);
        length += sizeof will;
    }
    if ((flags & 0x80) != 0) {
        memcpy(bytes + length, text, sizeof text);
        length += sizeof text;
    }
    if ((flags & 0x40) != 0) {
        memcpy(bytes + length, text, sizeof text);
        length += sizeof text;
    }
    bytes[1] = (uint8_t)(length - 2);
    bytes[9] = (uint8_t)flags;
    return length;
}

/* 3.1.2.3 to 3.1.2.9, bit by bit. */
static int32_t connect_flags_status(unsigned flags)
{
    const bool user_name = (flags & 0x80) != 0;
    const bool password = (flags & 0x40) != 0;
    const bool will_retain = (flags & 0x20) != 0;
    const unsigned will_qos = flags >> 3 & 3;
    const bool will = (flags & 0x04) != 0;

    if ((flags & 0x01) != 0)
        return MQTT_ERROR_CONNECT_RESERVED_FLAG; /* [MQTT-3.1.2-3] */
    if (!will && will_qos != 0)
        return MQTT_ERROR_WILL_QOS_WITHOUT_WILL; /* [MQTT-3.1.2-13] */
    if (!will && will_retain)
        return MQTT_ERROR_WILL_RETAIN_WITHOUT_WILL; /* [MQTT-3.1.2-15] */
    if (will_qos == 3)
        return MQTT_ERROR_WILL_QOS; /* [MQTT-3.1.2-14] */
    if (password && !user_name)
        return MQTT_ERROR_PASSWORD_WITHOUT_USER_NAME; /* [MQTT-3.1.2-22] */
    return 0;
}

START_TEST(every_connect_flags_byte)
{
    const unsigned flags = (unsigned)_i;
    const int32_t status = connect_flags_status(flags);
    uint8_t bytes[64];
    uint8_t again[64];
    struct mqtt_packet packet;
    const size_t length = put_connect(bytes, flags);
    const struct test_block block = test_copy(bytes, length);
    const int32_t result = mqtt_decode(&packet, block.bytes, length);

    if (status != 0) {
        ck_assert_int_eq(result, status);
        ck_assert_uint_eq(packet.error_offset, 9);
    } else {
        ck_assert_int_eq(result, (int32_t)length);
        ck_assert_int_eq(packet.as.connect.clean_session, (flags & 0x02) != 0);
        ck_assert_int_eq(packet.as.connect.has_will, (flags & 0x04) != 0);
        ck_assert_int_eq(packet.as.connect.has_user_name, (flags & 0x80) != 0);
        ck_assert_int_eq(packet.as.connect.has_password, (flags & 0x40) != 0);
        if (packet.as.connect.has_will) {
            ck_assert_uint_eq(packet.as.connect.will.qos, flags >> 3 & 3);
            ck_assert_int_eq(packet.as.connect.will.retain, (flags & 0x20) != 0);
        }
        ck_assert_int_eq(mqtt_encode(again, length, &packet), (int32_t)length);
        test_assert_bytes("CONNECT", again, bytes, length);
    }
    test_free(block);
}
END_TEST

START_TEST(every_connack_pair)
{
    unsigned flags;
    unsigned code;

    for (flags = 0; flags < 256; flags++) {
        for (code = 0; code < 256; code++) {
            const uint8_t bytes[4] = {0x20, 2, (uint8_t)flags, (uint8_t)code};
            struct mqtt_connack connack = {0};
            struct mqtt_packet packet;
            uint8_t again[4];
            int32_t expected = 4;
            uint32_t offset = 2;
            int32_t result;
            if (flags > 1) { /* 3.2.2.1 */
                expected = MQTT_ERROR_CONNACK_FLAGS;
            } else if (flags == 1 && code != 0) { /* [MQTT-3.2.2-4] */
                expected = MQTT_ERROR_SESSION_PRESENT;
            } else if (code > 5) { /* Table 3.1 */
                expected = MQTT_ERROR_CONNECT_RETURN_CODE;
                offset = 3;
            }
            result = mqtt_decode(&packet, bytes, 4);
            if (result != expected || (expected < 0 && packet.error_offset != offset))
                ck_abort_msg("%02X %02X: %d at %u", flags, code, result, packet.error_offset);
            if (flags > 1)
                continue;
            connack.session_present = flags == 1;
            connack.return_code = (uint8_t)code;
            result = mqtt_encode_connack(again, 4, &connack);
            if (result != expected || (result == 4 && memcmp(bytes, again, 4) != 0))
                ck_abort_msg("%02X %02X: encoded, %d", flags, code, result);
        }
    }
}
END_TEST

/* The last byte of a packet, decoded, and in an encoder's input. */
START_TEST(every_subscribe_qos)
{
    const uint8_t qos = (uint8_t)_i;
    const uint8_t bytes[] = {0x82, 6, 0, 1, 0, 1, 'a', qos};
    const int32_t expected = _i <= 2 ? 8 : MQTT_ERROR_REQUESTED_QOS; /* [MQTT-3.8.3-4] */
    const struct mqtt_subscription subscription = {TEXT("a"), qos};
    struct mqtt_subscribe subscribe = {&subscription, 1, {NULL, 0}, 1};
    struct mqtt_packet packet;
    uint8_t again[8];

    ck_assert_int_eq(mqtt_decode(&packet, bytes, 8), expected);
    if (expected < 0)
        ck_assert_uint_eq(packet.error_offset, 7);
    ck_assert_int_eq(mqtt_encode_subscribe(again, 8, &subscribe), expected);
    if (expected > 0)
        test_assert_bytes("SUBSCRIBE", again, bytes, 8);
}
END_TEST

START_TEST(every_suback_code)
{
    const uint8_t code = (uint8_t)_i;
    const uint8_t bytes[] = {0x90, 4, 0, 1, 0, code};
    const bool valid = _i == 0 || _i == 1 || _i == 2 || _i == 128;
    const int32_t expected = valid ? 6 : MQTT_ERROR_SUBACK_RETURN_CODE; /* [MQTT-3.9.3-2] */
    struct mqtt_suback suback = {bytes + 4, 2, 1};
    struct mqtt_packet packet;
    uint8_t again[6];

    ck_assert_int_eq(mqtt_decode(&packet, bytes, 6), expected);
    if (expected < 0)
        ck_assert_uint_eq(packet.error_offset, 5);
    ck_assert_int_eq(mqtt_encode_suback(again, 6, &suback), expected);
    if (expected > 0)
        test_assert_bytes("SUBACK", again, bytes, 6);
}
END_TEST

/* Packets that have nothing after their id but what the row says. */
struct id_case {
    const char *before;
    const char *after;
};

static const struct id_case id_cases[] = {
    {"32 05 0001'a'", ""}, {"34 05 0001'a'", ""}, {"40 02", ""},          {"50 02", ""},
    {"62 02", ""},         {"70 02", ""},         {"82 06", "0001'a'00"}, {"90 03", "00"},
    {"A2 05", "0001'a'"},  {"B0 02", ""},
};

START_TEST(every_packet_id)
{
    const struct test_block before = test_parse(id_cases[_i].before);
    const struct test_block after = test_parse(id_cases[_i].after);
    const size_t length = before.length + 2 + after.length;
    uint8_t bytes[16];
    unsigned id;

    memcpy(bytes, before.bytes, before.length);
    memcpy(bytes + before.length + 2, after.bytes, after.length);
    for (id = 0; id < 65536; id++) {
        struct mqtt_packet packet;
        uint8_t again[16];
        int32_t result;
        bytes[before.length] = (uint8_t)(id >> 8);
        bytes[before.length + 1] = (uint8_t)id;
        result = mqtt_decode(&packet, bytes, length);
        if (id == 0) { /* [MQTT-2.3.1-1] */
            ck_assert_int_eq(result, MQTT_ERROR_PACKET_ID_ZERO);
            ck_assert_uint_eq(packet.error_offset, before.length);
        } else if (result != (int32_t)length || mqtt_encode(again, length, &packet) != result ||
                   memcmp(again, bytes, length) != 0) {
            ck_abort_msg("id %u: %d", id, result);
        }
    }
    test_free(before);
    test_free(after);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("enumerations");
    TCase *tests = tcase_create("enumerations");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, every_flag_nibble_of_every_type, 1, 16);
    tcase_add_loop_test(tests, every_connect_flags_byte, 0, 256);
    tcase_add_test(tests, every_connack_pair);
    tcase_add_loop_test(tests, every_subscribe_qos, 0, 256);
    tcase_add_loop_test(tests, every_suback_code, 0, 256);
    tcase_add_loop_test(tests, every_packet_id, 0, (int)(sizeof id_cases / sizeof id_cases[0]));
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
