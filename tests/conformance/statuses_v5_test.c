/* What MQTT 5.0 says of every status: clause, sentence, reason code; and the names of its values. */
#include "support.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

struct status_case {
    int32_t status;
    int32_t reason_code;
    const char *clause;
    const char
        *clauses; /* in packets that have one of their own: TYPE CLAUSE, a blank after each */
};

#define PROPERTIES                                                                                 \
    "1 3.1.2.11 2 3.2.2.3 3 3.3.2.3 4 3.4.2.2 5 3.5.2.2 6 3.6.2.2 7 3.7.2.2 8 3.8.2.1 9 3.9.2.1 "  \
    "10 3.10.2.1 11 3.11.2.1 14 3.14.2.2 15 3.15.2.2 "

/* By number, from -1 on [4.13]. */
static const struct status_case statuses[] = {
    {MQTT_PACKET_INCOMPLETE, -1, "", ""},
    {MQTT_ERROR_BUFFER_TOO_SMALL, -1, "", ""},
    {MQTT_ERROR_PACKET_TOO_LARGE, 0x95, "2.1.4", ""},
    {MQTT_ERROR_RESERVED_TYPE, 0x81, "2.1.2", ""},
    {MQTT_ERROR_TYPE, -1, "", ""},
    {MQTT_ERROR_DIRECTION, 0x82, "2.1.2", ""},
    {MQTT_ERROR_FLAGS, 0x81, "MQTT-2.1.3-1",
     "6 MQTT-3.6.1-1 8 MQTT-3.8.1-1 10 MQTT-3.10.1-1 14 MQTT-3.14.1-1 15 MQTT-3.15.1-1 "},
    {MQTT_ERROR_REMAINING_LENGTH, 0x81, "2.1.4", ""},
    {MQTT_ERROR_TRAILING_BYTES, 0x81, "2.3", "1 3.1.3 "},
    {MQTT_ERROR_FIELD_PAST_END, 0x81, "1.5.4", ""},
    {MQTT_ERROR_FIELD_TOO_LONG, -1, "1.5.4", ""},
    {MQTT_ERROR_ILL_FORMED_UTF8, 0x81, "MQTT-1.5.4-1", ""},
    {MQTT_ERROR_NULL_CHARACTER, 0x81, "MQTT-1.5.4-2", ""},
    {MQTT_ERROR_PACKET_ID_MISSING, 0x81, "2.2.1", ""},
    {MQTT_ERROR_PACKET_ID_ZERO, 0x82, "MQTT-2.2.1-3",
     "4 MQTT-2.2.1-5 5 MQTT-2.2.1-5 6 MQTT-2.2.1-5 7 MQTT-2.2.1-5 9 MQTT-2.2.1-6 11 MQTT-2.2.1-6 "},
    {MQTT_ERROR_PACKET_ID_AT_QOS_0, -1, "MQTT-2.2.1-2", ""},
    {MQTT_ERROR_PROTOCOL_NAME, 0x84, "MQTT-3.1.2-1", ""},
    {MQTT_ERROR_PROTOCOL_LEVEL, 0x84, "MQTT-3.1.2-2", ""},
    {MQTT_ERROR_CONNECT_RESERVED_FLAG, 0x81, "MQTT-3.1.2-3", ""},
    {MQTT_ERROR_WILL_QOS_WITHOUT_WILL, 0x82, "MQTT-3.1.2-11", ""},
    {MQTT_ERROR_WILL_RETAIN_WITHOUT_WILL, 0x82, "MQTT-3.1.2-13", ""},
    {MQTT_ERROR_WILL_QOS, 0x81, "MQTT-3.1.2-12", ""},
    {MQTT_ERROR_PASSWORD_WITHOUT_USER_NAME, -1, "", ""},
    {MQTT_ERROR_CLIENT_ID, -1, "", ""},
    {MQTT_ERROR_WILL_MISSING, 0x81, "MQTT-3.1.2-9", ""},
    {MQTT_ERROR_USER_NAME_MISSING, 0x81, "MQTT-3.1.2-17", ""},
    {MQTT_ERROR_PASSWORD_MISSING, 0x81, "MQTT-3.1.2-19", ""},
    {MQTT_ERROR_CONNACK_FLAGS, 0x81, "MQTT-3.2.2-1", ""},
    {MQTT_ERROR_SESSION_PRESENT, 0x82, "MQTT-3.2.2-6", ""},
    {MQTT_ERROR_CONNECT_RETURN_CODE, -1, "", ""},
    {MQTT_ERROR_DUP, 0x82, "MQTT-3.3.1-2", ""},
    {MQTT_ERROR_QOS, 0x81, "MQTT-3.3.1-4", ""},
    {MQTT_ERROR_SUBSCRIBE_NO_FILTER, 0x82, "MQTT-3.8.3-2", ""},
    {MQTT_ERROR_REQUESTED_QOS_MISSING, 0x81, "3.8.3", ""},
    {MQTT_ERROR_REQUESTED_QOS, 0x82, "3.8.3.1", ""},
    {MQTT_ERROR_SUBACK_NO_RETURN_CODE, 0x81, "2.3", "9 3.9.3 11 3.11.3 "},
    {MQTT_ERROR_SUBACK_RETURN_CODE, -1, "", ""},
    {MQTT_ERROR_UNSUBSCRIBE_NO_FILTER, 0x82, "MQTT-3.10.3-2", ""},
    {MQTT_ERROR_TOPIC_EMPTY, 0x82, "MQTT-4.7.3-1", ""},
    {MQTT_ERROR_TOPIC_NAME_WILDCARD, 0x82, "MQTT-4.7.0-1", ""},
    {MQTT_ERROR_FILTER_MULTI_LEVEL, 0x82, "MQTT-4.7.1-1", ""},
    {MQTT_ERROR_FILTER_SINGLE_LEVEL, 0x82, "MQTT-4.7.1-2", ""},
    {MQTT_ERROR_PAYLOAD_MISSING, -1, "", ""},
    {MQTT_ERROR_INTEGER_NOT_SHORTEST, 0x81, "MQTT-1.5.5-1", ""},
    {MQTT_ERROR_INTEGER_TOO_LONG, 0x81, "1.5.5", ""},
    {MQTT_ERROR_PROPERTIES_MISSING, 0x81, "MQTT-2.2.2-1", ""},
    {MQTT_ERROR_PROPERTIES_PAST_END, 0x81, "2.2.2.1", ""},
    {MQTT_ERROR_PROPERTY_ID, 0x81, "2.2.2.2", ""},
    {MQTT_ERROR_PROPERTY_DIRECTION, 0x82, "2.2.2.2", "3 MQTT-3.3.4-6 14 MQTT-3.14.2-2 "},
    {MQTT_ERROR_PROPERTY_CUT, 0x81, "2.2.2.2", ""},
    {MQTT_ERROR_PROPERTY_TWICE, 0x82, "2.2.2", PROPERTIES},
    {MQTT_ERROR_PROPERTY_VALUE, 0x82, "2.2.2", PROPERTIES},
    {MQTT_ERROR_TOPIC_ALIAS_ZERO, 0x94, "MQTT-3.3.2-8", ""},
    {MQTT_ERROR_TOPIC_MISSING, 0x82, "3.3.2.1", ""},
    {MQTT_ERROR_AUTHENTICATION_METHOD, 0x82, "4.12", "1 3.1.2.11.10 15 3.15.2.2.2 "},
    {MQTT_ERROR_REASON_CODE, 0x82, "2.4",
     "2 MQTT-3.2.2-8 4 MQTT-3.4.2-1 5 MQTT-3.5.2-1 6 MQTT-3.6.2-1 7 MQTT-3.7.2-1 9 MQTT-3.9.3-2 "
     "11 MQTT-3.11.3-2 14 MQTT-3.14.2-1 15 MQTT-3.15.2-1 "},
    {MQTT_ERROR_SUBSCRIPTION_OPTIONS, 0x81, "MQTT-3.8.3-5", ""},
    {MQTT_ERROR_RETAIN_HANDLING, 0x82, "3.8.3.1", ""},
    {MQTT_ERROR_NO_LOCAL_SHARED, 0x82, "MQTT-3.8.3-4", ""},
    {MQTT_ERROR_SHARE_NAME, 0x82, "4.8.2", ""},
};

/* The clause of a packet type in `clauses`, or `general`. */
static void own_clause(char *out, const char *clauses, int type, const char *general)
{
    strcpy(out, general);
    while (*clauses != '\0') {
        char *end;
        const bool is_of_type = strtol(clauses, &end, 10) == type;
        const size_t length = strcspn(end + 1, " ");
        if (is_of_type) {
            memcpy(out, end + 1, length);
            out[length] = '\0';
        }
        clauses = end + 1 + length + 1;
    }
}

START_TEST(number_reason_code_and_clauses)
{
    const struct status_case *const test = &statuses[_i];
    char clause[64];
    int type;

    ck_assert_int_eq(test->status, -(_i + 1));
    ck_assert_int_eq(mqtt_v5_reason_code_for(test->status), test->reason_code);
    for (type = -1; type <= 17; type++) {
        own_clause(clause, test->clauses, type, test->clause);
        ck_assert_str_eq(mqtt_v5_status_clause(test->status, (enum mqtt_v5_packet_type)type),
                         clause);
    }
}
END_TEST

/* One plain sentence, and another for each. */
START_TEST(message)
{
    const char *text = mqtt_v5_status_message(statuses[_i].status);
    const size_t length = strlen(text);
    int other;

    ck_assert_uint_gt(length, 10);
    ck_assert(text[0] >= 'A' && text[0] <= 'Z');
    ck_assert_int_eq(text[length - 1], '.');
    for (other = 0; other < COUNT(statuses); other++) {
        if (other != _i)
            ck_assert_str_ne(text, mqtt_v5_status_message(statuses[other].status));
    }
}
END_TEST

START_TEST(other_numbers)
{
    static const int32_t numbers[] = {0, 1, INT32_MAX, -61, -1000, INT32_MIN};
    int i;

    ck_assert_int_eq(COUNT(statuses), 60);
    for (i = 0; i < COUNT(numbers); i++) {
        ck_assert_str_eq(mqtt_v5_status_message(numbers[i]),
                         numbers[i] >= 0 ? "No error." : "This number is not a status.");
        ck_assert_str_eq(mqtt_v5_status_clause(numbers[i], MQTT_V5_PUBLISH), "");
        ck_assert_int_eq(mqtt_v5_reason_code_for(numbers[i]), -1);
    }
    /* To the functions of 3.1.1 the new statuses are none. */
    ck_assert_str_eq(mqtt_status_message(-44), "This number is not a status.");
    ck_assert_str_eq(mqtt_status_clause(-60), "");
}
END_TEST

START_TEST(packet_type_names)
{
    static const char *const names[] = {
        "Reserved", "CONNECT",  "CONNACK",    "PUBLISH", "PUBACK",      "PUBREC",
        "PUBREL",   "PUBCOMP",  "SUBSCRIBE",  "SUBACK",  "UNSUBSCRIBE", "UNSUBACK",
        "PINGREQ",  "PINGRESP", "DISCONNECT", "AUTH",    "Reserved",    "Reserved"};
    const int type = _i < 17 ? _i : -1;

    ck_assert_str_eq(mqtt_v5_packet_type_name((enum mqtt_v5_packet_type)type), names[_i]);
}
END_TEST

struct name_case {
    unsigned value;
    const char *name;
};

/* Table 2-6 */
static const struct name_case reason_codes[] = {
    {0x00, "Success"},
    {0x01, "Granted QoS 1"},
    {0x02, "Granted QoS 2"},
    {0x04, "Disconnect with Will Message"},
    {0x10, "No matching subscribers"},
    {0x11, "No subscription existed"},
    {0x18, "Continue authentication"},
    {0x19, "Re-authenticate"},
    {0x80, "Unspecified error"},
    {0x81, "Malformed Packet"},
    {0x82, "Protocol Error"},
    {0x83, "Implementation specific error"},
    {0x84, "Unsupported Protocol Version"},
    {0x85, "Client Identifier not valid"},
    {0x86, "Bad User Name or Password"},
    {0x87, "Not authorized"},
    {0x88, "Server unavailable"},
    {0x89, "Server busy"},
    {0x8A, "Banned"},
    {0x8B, "Server shutting down"},
    {0x8C, "Bad authentication method"},
    {0x8D, "Keep Alive timeout"},
    {0x8E, "Session taken over"},
    {0x8F, "Topic Filter invalid"},
    {0x90, "Topic Name invalid"},
    {0x91, "Packet Identifier in use"},
    {0x92, "Packet Identifier not found"},
    {0x93, "Receive Maximum exceeded"},
    {0x94, "Topic Alias invalid"},
    {0x95, "Packet too large"},
    {0x96, "Message rate too high"},
    {0x97, "Quota exceeded"},
    {0x98, "Administrative action"},
    {0x99, "Payload format invalid"},
    {0x9A, "Retain not supported"},
    {0x9B, "QoS not supported"},
    {0x9C, "Use another server"},
    {0x9D, "Server moved"},
    {0x9E, "Shared Subscriptions not supported"},
    {0x9F, "Connection rate exceeded"},
    {0xA0, "Maximum connect time"},
    {0xA1, "Subscription Identifiers not supported"},
    {0xA2, "Wildcard Subscriptions not supported"},
};

/* Table 2-4 */
static const struct name_case property_names[] = {
    {0x01, "Payload Format Indicator"},
    {0x02, "Message Expiry Interval"},
    {0x03, "Content Type"},
    {0x08, "Response Topic"},
    {0x09, "Correlation Data"},
    {0x0B, "Subscription Identifier"},
    {0x11, "Session Expiry Interval"},
    {0x12, "Assigned Client Identifier"},
    {0x13, "Server Keep Alive"},
    {0x15, "Authentication Method"},
    {0x16, "Authentication Data"},
    {0x17, "Request Problem Information"},
    {0x18, "Will Delay Interval"},
    {0x19, "Request Response Information"},
    {0x1A, "Response Information"},
    {0x1C, "Server Reference"},
    {0x1F, "Reason String"},
    {0x21, "Receive Maximum"},
    {0x22, "Topic Alias Maximum"},
    {0x23, "Topic Alias"},
    {0x24, "Maximum QoS"},
    {0x25, "Retain Available"},
    {0x26, "User Property"},
    {0x27, "Maximum Packet Size"},
    {0x28, "Wildcard Subscription Available"},
    {0x29, "Subscription Identifier Available"},
    {0x2A, "Shared Subscription Available"},
};

static const char *named(const struct name_case *names, int count, unsigned value)
{
    int i;

    for (i = 0; i < count; i++) {
        if (names[i].value == value)
            return names[i].name;
    }
    return "Reserved";
}

START_TEST(names)
{
    unsigned value;
    int type;

    for (value = 0; value < 256; value++) {
        ck_assert_str_eq(mqtt_v5_property_name((enum mqtt_v5_property_id)value),
                         named(property_names, COUNT(property_names), value));
        for (type = 0; type <= 16; type++) {
            const char *name =
                mqtt_v5_reason_code_name((uint8_t)value, (enum mqtt_v5_packet_type)type);
            if (value == 0 && type == MQTT_V5_DISCONNECT)
                ck_assert_str_eq(name, "Normal disconnection");
            else if (value == 0 && type == MQTT_V5_SUBACK)
                ck_assert_str_eq(name, "Granted QoS 0");
            else
                ck_assert_str_eq(name, named(reason_codes, COUNT(reason_codes), value));
            if (value > 0xA2) /* the name that 0x03 has, not what stands behind the last one */
                ck_assert_ptr_eq(name, mqtt_v5_reason_code_name(3, (enum mqtt_v5_packet_type)type));
        }
    }
    ck_assert_str_eq(mqtt_v5_property_name((enum mqtt_v5_property_id) - 1), "Reserved");
    if (sizeof(enum mqtt_v5_property_id) > 1) /* it has one byte with -fshort-enums */
        ck_assert_str_eq(mqtt_v5_property_name((enum mqtt_v5_property_id)0x101), "Reserved");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("statuses_v5");
    TCase *tests = tcase_create("statuses_v5");

    tcase_add_loop_test(tests, number_reason_code_and_clauses, 0, COUNT(statuses));
    tcase_add_loop_test(tests, message, 0, COUNT(statuses));
    tcase_add_test(tests, other_numbers);
    tcase_add_loop_test(tests, packet_type_names, 0, 18);
    tcase_add_test(tests, names);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
