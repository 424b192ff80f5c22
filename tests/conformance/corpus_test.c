/* Every case of packets.txt, through every function that it concerns. */
#include "corpus.h"
#include "table_2_1.h"

#if !defined(CORPUS)
#error "CORPUS is the path of packets.txt"
#endif

/* Every prefix and every capacity of the longest packets would take minutes without optimization. */
#if !defined(STRIDE)
#if defined(__OPTIMIZE__)
#define STRIDE 1
#else
#define STRIDE 251
#endif
#endif
#if !defined(CLOSE)
#define CLOSE 600 /* up to here it is 1 */
#endif

static const struct corpus_case *cases;
static size_t case_count;

/* What the first byte alone says, by its type; not for the reserved ones. */
static int32_t expected_from(const struct corpus_case *test, uint8_t first_byte, int32_t expected,
                             bool (*may_send)(unsigned))
{
    if (test->status == MQTT_ERROR_RESERVED_TYPE)
        return MQTT_ERROR_RESERVED_TYPE;
    return may_send(first_byte / 16) ? expected : MQTT_ERROR_DIRECTION;
}

typedef void case_check(const struct corpus_case *test, struct test_block bytes);

/* Calls `check` for every case that has bytes. */
static void for_each_bytes(case_check *check)
{
    size_t i;

    for (i = 0; i < case_count; i++) {
        if (cases[i].has_bytes)
            check(&cases[i], cases[i].bytes);
    }
}

static bool is_rejected(const struct corpus_case *test)
{
    return test->status != 0 && test->status != MQTT_PACKET_INCOMPLETE;
}

static int32_t result_of(const struct corpus_case *test, struct test_block bytes)
{
    return test->status == 0 ? (int32_t)bytes.length : test->status;
}

static void check_decode(const struct corpus_case *test, struct test_block bytes)
{
    const int32_t expected = result_of(test, bytes);
    struct mqtt_packet packet;
    int32_t result = mqtt_decode(&packet, bytes.bytes, bytes.length);

    ck_assert_msg(result == expected, "%s: %d, not %d", test->name, result, expected);
    if (is_rejected(test))
        ck_assert_msg(packet.error_offset == test->offset, "%s: offset %u, not %u", test->name,
                      packet.error_offset, test->offset);
    else if (test->status == 0)
        test_assert_packet(test->name, &packet, test->packet);
    result = mqtt_decode_from_client(&packet, bytes.bytes, bytes.length);
    ck_assert_msg(result == expected_from(test, bytes.bytes[0], expected, client_may_send),
                  "%s: %d from a client", test->name, result);
    if (is_rejected(test) && result == test->status)
        ck_assert_msg(packet.error_offset == test->offset, "%s: offset %u from a client",
                      test->name, packet.error_offset);
    result = mqtt_decode_from_server(&packet, bytes.bytes, bytes.length);
    ck_assert_msg(result == expected_from(test, bytes.bytes[0], expected, server_may_send),
                  "%s: %d from a server", test->name, result);
    if (is_rejected(test) && result == test->status)
        ck_assert_msg(packet.error_offset == test->offset, "%s: offset %u from a server",
                      test->name, packet.error_offset);
}

START_TEST(decode_gives_the_result_the_offset_and_the_fields)
{
    for_each_bytes(check_decode);
}
END_TEST

static void check_decode_guarded(const struct corpus_case *test, struct test_block bytes)
{
    const struct test_block before = test_copy_before_guard(bytes.bytes, bytes.length);
    const struct test_block guarded = test_copy_behind_guard(bytes.bytes, bytes.length);

    check_decode(test, before);
    check_decode(test, guarded);
    test_free(before);
    test_free(guarded);
}

START_TEST(decode_stays_within_its_pages)
{
    for_each_bytes(check_decode_guarded);
}
END_TEST

/* The bytes in front of a guard, each time with one more of them. */
static void check_prefixes(const struct corpus_case *test, struct test_block bytes)
{
    int32_t previous = MQTT_PACKET_INCOMPLETE;
    size_t length;

    for (length = 0; length < bytes.length; length += length < CLOSE ? 1 : STRIDE) {
        const struct test_block prefix = test_copy(bytes.bytes, length);
        struct mqtt_packet packet;
        const int32_t result = mqtt_decode(&packet, prefix.bytes, length);
        test_free(prefix);
        if (!is_rejected(test))
            ck_assert_msg(result == MQTT_PACKET_INCOMPLETE, "%s: %d from %zu bytes", test->name,
                          result, length);
        else if (previous == MQTT_PACKET_INCOMPLETE)
            ck_assert_msg(result == MQTT_PACKET_INCOMPLETE || result == test->status,
                          "%s: %d from %zu bytes", test->name, result, length);
        else
            ck_assert_msg(result == previous, "%s: %d from %zu bytes, %d before", test->name,
                          result, length, previous);
        if (result != MQTT_PACKET_INCOMPLETE)
            ck_assert_msg(packet.error_offset == test->offset, "%s: offset %u", test->name,
                          packet.error_offset);
        previous = result;
    }
}

START_TEST(prefixes_of_valid_packets_are_incomplete_and_errors_stay)
{
    for_each_bytes(check_prefixes);
}
END_TEST

static void check_header_error(const struct corpus_case *test, struct test_block bytes)
{
    const bool early = test->status == MQTT_ERROR_RESERVED_TYPE ||
                       test->status == MQTT_ERROR_FLAGS || test->status == MQTT_ERROR_QOS ||
                       test->status == MQTT_ERROR_DUP ||
                       test->status == MQTT_ERROR_REMAINING_LENGTH;
    struct mqtt_fixed_header header;
    struct mqtt_packet packet;
    int32_t size = 2;
    uint32_t value = 0;
    const int32_t result = mqtt_decode_fixed_header(&header, bytes.bytes, bytes.length);

    if (early) {
        /* At once: when the fixed header ends, or its fifth byte does. */
        while (size < 5 && (bytes.bytes[size - 1] & 0x80) != 0)
            size++;
        ck_assert_msg(result == test->status, "%s: %d", test->name, result);
        if (test->status != MQTT_ERROR_REMAINING_LENGTH)
            size = 1;
        ck_assert_msg(mqtt_decode(&packet, bytes.bytes, (size_t)size) == test->status,
                      "%s: not told at once", test->name);
        return;
    }
    if (test->status == MQTT_PACKET_INCOMPLETE) {
        ck_assert_msg(result == MQTT_PACKET_INCOMPLETE || (size_t)result <= bytes.length, "%s: %d",
                      test->name, result);
        return;
    }
    ck_assert_msg(result >= 2 && result <= 5, "%s: %d", test->name, result);
    ck_assert_msg(header.type == (enum mqtt_packet_type)(bytes.bytes[0] >> 4), "%s: type",
                  test->name);
    ck_assert_msg(header.flags == (bytes.bytes[0] & 15), "%s: flags", test->name);
    ck_assert_msg((size_t)result + header.remaining_length == bytes.length,
                  "%s: the case's remaining length is not that of its bytes", test->name);
    ck_assert_int_eq(mqtt_decode_remaining_length(&value, bytes.bytes + 1, bytes.length - 1),
                     result - 1);
    ck_assert_uint_eq(value, header.remaining_length);
}

START_TEST(fixed_header_agrees_and_its_errors_are_told_at_once)
{
    for_each_bytes(check_header_error);
}
END_TEST

static void check_stream(const struct corpus_case *test, struct test_block bytes)
{
    struct test_block twice = test_copy(bytes.bytes, bytes.length);
    struct mqtt_packet packet;
    int32_t result;

    if (test->status == MQTT_PACKET_INCOMPLETE) {
        test_free(twice);
        return;
    }
    twice.bytes = realloc(twice.bytes, 2 * bytes.length);
    ck_assert_ptr_nonnull(twice.bytes);
    memcpy(twice.bytes + bytes.length, bytes.bytes, bytes.length);
    result = mqtt_decode(&packet, twice.bytes, 2 * bytes.length);
    ck_assert_msg(result == result_of(test, bytes), "%s: %d with bytes after it", test->name,
                  result);
    test_free(twice);
}

START_TEST(bytes_behind_a_packet_are_left_alone)
{
    for_each_bytes(check_stream);
}
END_TEST

/* Encodes into an exact-size block, into a larger one, and into every smaller one. */
static void check_encode(const char *name, const struct mqtt_packet *packet,
                         struct test_block expected)
{
    const size_t larger = expected.length + 9;
    const struct test_block exact = test_copy_before_guard(expected.bytes, expected.length);
    const struct test_block buffer = test_parse("00*300000");
    int32_t result;
    size_t capacity;

    ck_assert_uint_le(larger, buffer.length);
    ck_assert_msg(mqtt_encode(NULL, 0, packet) == (int32_t)expected.length, "%s: %d is no size",
                  name, mqtt_encode(NULL, 0, packet));
    ck_assert_int_eq(mqtt_encode(NULL, SIZE_MAX, packet), (int32_t)expected.length);
    test_fill(exact.bytes, exact.length);
    result = mqtt_encode(exact.bytes, exact.length, packet);
    ck_assert_msg(result == (int32_t)expected.length, "%s: %d", name, result);
    test_assert_bytes(name, exact.bytes, expected.bytes, expected.length);
    test_free(exact);

    test_fill(buffer.bytes, larger);
    for (capacity = 0; capacity < expected.length; capacity += capacity < CLOSE ? 1 : STRIDE) {
        result = mqtt_encode(buffer.bytes, capacity, packet);
        if (result != MQTT_ERROR_BUFFER_TOO_SMALL)
            ck_abort_msg("%s: %d for %zu bytes", name, result, capacity);
    }
    test_assert_untouched(buffer.bytes, larger);
    ck_assert_int_eq(mqtt_encode(buffer.bytes, larger, packet), (int32_t)expected.length);
    test_assert_bytes(name, buffer.bytes, expected.bytes, expected.length);
    test_fill(buffer.bytes, expected.length);
    test_assert_untouched(buffer.bytes, larger);
    test_free(buffer);
}

static void check_refused(const char *name, const struct mqtt_packet *packet, int32_t status)
{
    uint8_t buffer[200];
    int32_t result;

    test_fill(buffer, sizeof buffer);
    result = mqtt_encode(buffer, sizeof buffer, packet);
    ck_assert_msg(result == status, "%s: %d, not %d", name, result, status);
    ck_assert_int_eq(mqtt_encode(buffer, 0, packet), status);
    test_assert_untouched(buffer, sizeof buffer);
    ck_assert_int_eq(mqtt_encode(NULL, 0, packet), status);
}

START_TEST(encode_writes_the_bytes_or_refuses_the_packet)
{
    size_t i;

    for (i = 0; i < case_count; i++) {
        if (cases[i].status == 0)
            check_encode(cases[i].name, cases[i].packet, cases[i].canonical);
        else if (cases[i].packet != NULL)
            check_refused(cases[i].name, cases[i].packet, cases[i].status);
    }
}
END_TEST

static void check_again(const struct corpus_case *test, struct test_block bytes)
{
    struct mqtt_packet packet;

    if (test->status == 0) {
        ck_assert_int_eq(mqtt_decode(&packet, bytes.bytes, bytes.length), (int32_t)bytes.length);
        check_encode(test->name, &packet, test->canonical);
    }
}

START_TEST(decoded_packets_are_encoded_to_the_same_bytes)
{
    for_each_bytes(check_again);
}
END_TEST

static void check_publish_header(const struct corpus_case *test, struct test_block bytes)
{
    struct mqtt_publish publish;
    struct mqtt_packet whole;
    const struct mqtt_packet *expected = test->packet;
    size_t payload_length;
    size_t header_size;
    size_t length;

    if (bytes.bytes[0] / 16 != MQTT_PUBLISH) {
        ck_assert_msg(mqtt_decode_publish_header(&publish, bytes.bytes, bytes.length) ==
                          MQTT_ERROR_TYPE,
                      "%s: taken for a PUBLISH", test->name);
        ck_assert_int_eq(mqtt_decode_publish_header(&publish, bytes.bytes, 1), MQTT_ERROR_TYPE);
        return;
    }
    if (test->status == MQTT_PACKET_INCOMPLETE)
        return;
    if (test->status != 0) {
        ck_assert_msg(
            mqtt_decode_publish_header(&publish, bytes.bytes, bytes.length) == test->status,
            "%s: %d", test->name, mqtt_decode_publish_header(&publish, bytes.bytes, bytes.length));
        return;
    }
    payload_length = expected->as.publish.payload.length;
    header_size = bytes.length - payload_length;
    for (length = 0; length <= header_size;
         length += length < CLOSE || header_size - length <= STRIDE ? 1 : STRIDE) {
        const struct test_block prefix = test_copy(bytes.bytes, length);
        const int32_t result = mqtt_decode_publish_header(&publish, prefix.bytes, length);
        if (length < header_size) {
            ck_assert_msg(result == MQTT_PACKET_INCOMPLETE, "%s: %d from %zu bytes", test->name,
                          result, length);
        } else {
            ck_assert_msg(result == (int32_t)header_size, "%s: %d", test->name, result);
            ck_assert_ptr_null(publish.payload.data);
            ck_assert_uint_eq(publish.payload.length, payload_length);
            ck_assert_int_eq(mqtt_decode(&whole, bytes.bytes, bytes.length), (int32_t)bytes.length);
            publish.payload = whole.as.publish.payload;
            ck_assert_ptr_eq(publish.payload.data, bytes.bytes + header_size);
            whole.as.publish = publish;
            test_assert_packet(test->name, &whole, expected);
        }
        test_free(prefix);
    }
}

START_TEST(publish_header_needs_no_payload)
{
    for_each_bytes(check_publish_header);
}
END_TEST

static void check_encode_publish_header(const struct corpus_case *test, struct test_block bytes)
{
    const struct mqtt_packet *packet = test->packet;
    struct mqtt_publish publish;
    struct test_block buffer;
    size_t capacity;
    size_t size;

    (void)bytes;
    if (packet == NULL || packet->type != MQTT_PUBLISH)
        return;
    publish = packet->as.publish;
    if (test->status != 0) {
        ck_assert_int_eq(mqtt_encode_publish_header(NULL, 0, &publish), test->status);
        return;
    }
    publish.payload.data = NULL;
    size = test->canonical.length - publish.payload.length;
    buffer = test_copy_before_guard(test->canonical.bytes, size);
    test_fill(buffer.bytes, size);
    ck_assert_int_eq(mqtt_encode_publish_header(NULL, 0, &publish), (int32_t)size);
    for (capacity = 0; capacity < size; capacity++)
        ck_assert_int_eq(mqtt_encode_publish_header(buffer.bytes, capacity, &publish),
                         MQTT_ERROR_BUFFER_TOO_SMALL);
    test_assert_untouched(buffer.bytes, size);
    ck_assert_int_eq(mqtt_encode_publish_header(buffer.bytes, size, &publish), (int32_t)size);
    test_assert_bytes(test->name, buffer.bytes, test->canonical.bytes, size);
    test_free(buffer);
}

START_TEST(encode_publish_header_reads_no_payload)
{
    for_each_bytes(check_encode_publish_header);
}
END_TEST

START_TEST(names_are_unique)
{
    size_t i;
    size_t other;

    for (i = 0; i < case_count; i++) {
        for (other = 0; other < i; other++)
            ck_assert_msg(strcmp(cases[i].name, cases[other].name) != 0, "line %u: %s",
                          cases[i].line, cases[i].name);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("corpus");
    TCase *tests = tcase_create("corpus");

    cases = corpus_read(CORPUS, &case_count);
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, decode_gives_the_result_the_offset_and_the_fields);
    tcase_add_test(tests, decode_stays_within_its_pages);
    tcase_add_test(tests, prefixes_of_valid_packets_are_incomplete_and_errors_stay);
    tcase_add_test(tests, fixed_header_agrees_and_its_errors_are_told_at_once);
    tcase_add_test(tests, bytes_behind_a_packet_are_left_alone);
    tcase_add_test(tests, encode_writes_the_bytes_or_refuses_the_packet);
    tcase_add_test(tests, decoded_packets_are_encoded_to_the_same_bytes);
    tcase_add_test(tests, publish_header_needs_no_payload);
    tcase_add_test(tests, encode_publish_header_reads_no_payload);
    tcase_add_test(tests, names_are_unique);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
