/* Every status: produced by a case of packets.txt or by a call here, with its clause, its sentence
 * and what CONNACK it asks for. */
#include "corpus.h"

struct status_case {
    int32_t status;
    int32_t number; /* a released number never changes */
    const char *clause;
};

static const struct status_case statuses[] = {
    {MQTT_PACKET_INCOMPLETE, -1, ""},
    {MQTT_ERROR_BUFFER_TOO_SMALL, -2, ""},
    {MQTT_ERROR_PACKET_TOO_LARGE, -3, "2.2.3"},
    {MQTT_ERROR_RESERVED_TYPE, -4, "2.2.1"},
    {MQTT_ERROR_TYPE, -5, "2.2.1"},
    {MQTT_ERROR_DIRECTION, -6, "2.2.1"},
    {MQTT_ERROR_FLAGS, -7, "MQTT-2.2.2-1"},
    {MQTT_ERROR_REMAINING_LENGTH, -8, "2.2.3"},
    {MQTT_ERROR_TRAILING_BYTES, -9, "3.1.3"},
    {MQTT_ERROR_FIELD_PAST_END, -10, "1.5.3"},
    {MQTT_ERROR_FIELD_TOO_LONG, -11, "1.5.3"},
    {MQTT_ERROR_ILL_FORMED_UTF8, -12, "MQTT-1.5.3-1"},
    {MQTT_ERROR_NULL_CHARACTER, -13, "MQTT-1.5.3-2"},
    {MQTT_ERROR_PACKET_ID_MISSING, -14, "MQTT-2.3.1-1"},
    {MQTT_ERROR_PACKET_ID_ZERO, -15, "MQTT-2.3.1-1"},
    {MQTT_ERROR_PACKET_ID_AT_QOS_0, -16, "MQTT-2.3.1-5"},
    {MQTT_ERROR_PROTOCOL_NAME, -17, "MQTT-3.1.2-1"},
    {MQTT_ERROR_PROTOCOL_LEVEL, -18, "MQTT-3.1.2-2"},
    {MQTT_ERROR_CONNECT_RESERVED_FLAG, -19, "MQTT-3.1.2-3"},
    {MQTT_ERROR_WILL_QOS_WITHOUT_WILL, -20, "MQTT-3.1.2-13"},
    {MQTT_ERROR_WILL_RETAIN_WITHOUT_WILL, -21, "MQTT-3.1.2-15"},
    {MQTT_ERROR_WILL_QOS, -22, "MQTT-3.1.2-14"},
    {MQTT_ERROR_PASSWORD_WITHOUT_USER_NAME, -23, "MQTT-3.1.2-22"},
    {MQTT_ERROR_CLIENT_ID, -24, "MQTT-3.1.3-7"},
    {MQTT_ERROR_WILL_MISSING, -25, "MQTT-3.1.2-9"},
    {MQTT_ERROR_USER_NAME_MISSING, -26, "MQTT-3.1.2-19"},
    {MQTT_ERROR_PASSWORD_MISSING, -27, "MQTT-3.1.2-21"},
    {MQTT_ERROR_CONNACK_FLAGS, -28, "3.2.2.1"},
    {MQTT_ERROR_SESSION_PRESENT, -29, "MQTT-3.2.2-4"},
    {MQTT_ERROR_CONNECT_RETURN_CODE, -30, "3.2.2.3"},
    {MQTT_ERROR_DUP, -31, "MQTT-3.3.1-2"},
    {MQTT_ERROR_QOS, -32, "MQTT-3.3.1-4"},
    {MQTT_ERROR_SUBSCRIBE_NO_FILTER, -33, "MQTT-3.8.3-3"},
    {MQTT_ERROR_REQUESTED_QOS_MISSING, -34, "3.8.3"},
    {MQTT_ERROR_REQUESTED_QOS, -35, "MQTT-3.8.3-4"},
    {MQTT_ERROR_SUBACK_NO_RETURN_CODE, -36, "3.9.3"},
    {MQTT_ERROR_SUBACK_RETURN_CODE, -37, "MQTT-3.9.3-2"},
    {MQTT_ERROR_UNSUBSCRIBE_NO_FILTER, -38, "MQTT-3.10.3-2"},
    {MQTT_ERROR_TOPIC_EMPTY, -39, "MQTT-4.7.3-1"},
    {MQTT_ERROR_TOPIC_NAME_WILDCARD, -40, "MQTT-4.7.1-1"},
    {MQTT_ERROR_FILTER_MULTI_LEVEL, -41, "MQTT-4.7.1-2"},
    {MQTT_ERROR_FILTER_SINGLE_LEVEL, -42, "MQTT-4.7.1-3"},
    {MQTT_ERROR_PAYLOAD_MISSING, -43, ""},
};

#define STATUS_COUNT (sizeof statuses / sizeof statuses[0])

/* The statuses are -1 to -last_status(): the first number that the header does not explain. */
static int32_t last_status(void)
{
    const char *unknown = mqtt_status_message(INT32_MIN);
    int32_t number = 1;

    while (strcmp(mqtt_status_message(-number), unknown) != 0)
        number++;
    return number - 1;
}

START_TEST(number_and_clause)
{
    const struct status_case *test = &statuses[_i];

    ck_assert_int_eq(test->status, test->number);
    ck_assert_int_eq(test->number, -(_i + 1));
    ck_assert_str_eq(mqtt_status_clause(test->status), test->clause);
}
END_TEST

START_TEST(no_status_is_left_out)
{
    size_t i;

    ck_assert_int_eq(last_status(), (int32_t)STATUS_COUNT);
    ck_assert_uint_eq(corpus_status_count, STATUS_COUNT);
    for (i = 0; i < STATUS_COUNT; i++) {
        size_t row = 0;
        while (row < corpus_status_count && corpus_statuses[row].status != statuses[i].status)
            row++;
        ck_assert_uint_gt(corpus_status_count, row);
    }
}
END_TEST

/* One plain sentence, and another for each. */
START_TEST(message)
{
    const char *text = mqtt_status_message(statuses[_i].status);
    const size_t length = strlen(text);
    size_t other;

    ck_assert_uint_gt(length, 10);
    ck_assert(text[0] >= 'A' && text[0] <= 'Z');
    ck_assert_int_eq(text[length - 1], '.');
    for (other = 0; other < STATUS_COUNT; other++) {
        if (other != (size_t)_i)
            ck_assert_str_ne(text, mqtt_status_message(statuses[other].status));
    }
}
END_TEST

START_TEST(other_numbers_are_explained_too)
{
    static const int32_t numbers[] = {0, 1, INT32_MAX};
    static const int32_t unknown[] = {-(int32_t)STATUS_COUNT - 1, -1000, INT32_MIN};
    size_t i;

    for (i = 0; i < 3; i++) {
        ck_assert_str_eq(mqtt_status_message(numbers[i]), "No error.");
        ck_assert_str_eq(mqtt_status_clause(numbers[i]), "");
        ck_assert_str_eq(mqtt_status_message(unknown[i]), "This number is not a status.");
        ck_assert_str_eq(mqtt_status_clause(unknown[i]), "");
    }
}
END_TEST

/* The statuses that no case can give, from the functions that do. */
static void produce_others(bool *produced)
{
    struct mqtt_packet packet;
    struct mqtt_publish publish;
    const struct mqtt_publish without_data = {.topic = TEXT("a"), .payload = {NULL, 1}};
    uint8_t pingreq[2] = {0xC0, 0};
    uint8_t qos_0[5] = {0x30, 3, 0, 1, 'a'};
    const int32_t results[] = {
        mqtt_decode(&packet, pingreq, 1),
        mqtt_encode_pingreq(pingreq, 1),
        mqtt_decode_publish_header(&publish, pingreq, 2),
        mqtt_decode_from_server(&packet, pingreq, 2),
        mqtt_publish_set_packet_id(qos_0, 5, 1),
        mqtt_encode_publish(NULL, 0, &without_data),
    };
    size_t i;

    for (i = 0; i < sizeof results / sizeof results[0]; i++) {
        ck_assert_int_lt(results[i], 0);
        produced[-results[i]] = true;
    }
}

START_TEST(every_status_is_produced)
{
    bool produced[1000] = {false};
    const int32_t last = last_status();
    int32_t number;
    static const struct corpus_case *cases; /* kept, so that no leak is seen in it */
    size_t count;
    size_t i;

    cases = corpus_read(CORPUS, &count);

    for (i = 0; i < count; i++) {
        struct mqtt_packet packet;
        int32_t result = 0;
        if (cases[i].has_bytes)
            result = mqtt_decode(&packet, cases[i].bytes.bytes, cases[i].bytes.length);
        else
            result = mqtt_encode(NULL, 0, cases[i].packet);
        if (result < 0)
            produced[-result] = true;
    }
    produce_others(produced);
    for (number = 1; number <= last; number++)
        ck_assert_msg(produced[number], "no test produces %d: %s", -number,
                      mqtt_status_message(-number));
}
END_TEST

START_TEST(connack_code)
{
    const int32_t status = statuses[_i].status;
    int32_t expected = -1; /* [MQTT-3.1.4-1] */

    if (status == MQTT_ERROR_PROTOCOL_LEVEL)
        expected = 1; /* [MQTT-3.1.2-2] */
    if (status == MQTT_ERROR_CLIENT_ID)
        expected = 2; /* [MQTT-3.1.3-8] */
    ck_assert_int_eq(mqtt_connack_code_for(status), expected);
}
END_TEST

START_TEST(connack_code_of_no_error)
{
    ck_assert_int_eq(mqtt_connack_code_for(0), -1);
    ck_assert_int_eq(mqtt_connack_code_for(14), -1);
    ck_assert_int_eq(mqtt_connack_code_for(INT32_MIN), -1);
}
END_TEST

START_TEST(packet_type_names)
{
    static const char *const names[] = {
        "Reserved", "CONNECT",  "CONNACK",    "PUBLISH",  "PUBACK",      "PUBREC",
        "PUBREL",   "PUBCOMP",  "SUBSCRIBE",  "SUBACK",   "UNSUBSCRIBE", "UNSUBACK",
        "PINGREQ",  "PINGRESP", "DISCONNECT", "Reserved", "Reserved",    "Reserved",
    };
    const int type = _i < 17 ? _i : -1;

    ck_assert_str_eq(mqtt_packet_type_name((enum mqtt_packet_type)type), names[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("statuses");
    TCase *tests = tcase_create("statuses");

    tcase_add_loop_test(tests, number_and_clause, 0, (int)STATUS_COUNT);
    tcase_add_test(tests, no_status_is_left_out);
    tcase_add_loop_test(tests, message, 0, (int)STATUS_COUNT);
    tcase_add_test(tests, other_numbers_are_explained_too);
    tcase_add_test(tests, every_status_is_produced);
    tcase_add_loop_test(tests, connack_code, 0, (int)STATUS_COUNT);
    tcase_add_test(tests, connack_code_of_no_error);
    tcase_add_loop_test(tests, packet_type_names, 0, 18);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
