/* Every case of packets_v5.txt, through every function of MQTT 5.0 that it concerns. */
#include "corpus.h"
#include "encode_by_type.h"
#include "support_v5.h"
#include "table_2_1.h"

#if !defined(CORPUS) || !defined(CORPUS_V5)
#error "CORPUS and CORPUS_V5 are the paths of packets.txt and packets_v5.txt"
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
static const struct corpus_case *old_cases; /* those of MQTT 3.1.1 */
static size_t old_case_count;

typedef int32_t decode_function(struct mqtt_v5_packet *packet, const void *bytes, size_t length);

/* Without a word of the case, what a side says differs only by Table 2-1. */
static struct corpus_verdict expected_from(const struct corpus_case *test,
                                           const struct corpus_verdict *own,
                                           bool (*may_send)(unsigned))
{
    struct corpus_verdict verdict = {MQTT_ERROR_DIRECTION, 0};

    if (own != NULL)
        return *own;
    if (test->status == MQTT_ERROR_RESERVED_TYPE || may_send(test->bytes.bytes[0] / 16)) {
        verdict.status = test->status;
        verdict.offset = test->offset;
    }
    return verdict;
}

static const struct {
    const char *name;
    decode_function *decode;
} decoders[] = {
    {"", mqtt_v5_decode},
    {" from a client", mqtt_v5_decode_from_client},
    {" from a server", mqtt_v5_decode_from_server},
};
#define DECODER_COUNT (sizeof decoders / sizeof decoders[0])

static struct corpus_verdict expected_of(const struct corpus_case *test, size_t decoder)
{
    const struct corpus_verdict either = {test->status, test->offset};

    return decoder == 0   ? either
           : decoder == 1 ? expected_from(test, test->from_client, v5_client_may_send)
                          : expected_from(test, test->from_server, v5_server_may_send);
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

static bool is_error(int32_t status)
{
    return status < MQTT_PACKET_INCOMPLETE;
}

static int32_t result_of(int32_t status, struct test_block bytes)
{
    return status == 0 ? (int32_t)bytes.length : status;
}

static void check_decode(const struct corpus_case *test, struct test_block bytes)
{
    size_t i;

    for (i = 0; i < DECODER_COUNT; i++) {
        const struct corpus_verdict expected = expected_of(test, i);
        struct mqtt_v5_packet packet;
        const int32_t result = decoders[i].decode(&packet, bytes.bytes, bytes.length);
        ck_assert_msg(result == result_of(expected.status, bytes), "%s: %d%s, not %d", test->name,
                      result, decoders[i].name, expected.status);
        if (expected.status == 0)
            test_v5_assert_packet(test->name, &packet, test->packet);
        if (!is_error(expected.status))
            continue;
        ck_assert_msg(packet.error_offset == expected.offset, "%s: offset %u%s, not %u", test->name,
                      packet.error_offset, decoders[i].name, expected.offset);
        ck_assert_msg((unsigned)packet.type == bytes.bytes[0] / 16u, "%s: type %d%s", test->name,
                      (int)packet.type, decoders[i].name);
    }
}

START_TEST(decode_gives_the_result_the_offset_and_the_fields)
{
    for_each_bytes(check_decode);
}
END_TEST

static void check_decode_guarded(const struct corpus_case *test, struct test_block bytes)
{
    const struct test_block exact = test_copy(bytes.bytes, bytes.length);
    const struct test_block before = test_copy_before_guard(bytes.bytes, bytes.length);
    const struct test_block guarded = test_copy_behind_guard(bytes.bytes, bytes.length);

    check_decode(test, exact);
    check_decode(test, before);
    check_decode(test, guarded);
    test_free(exact);
    test_free(before);
    test_free(guarded);
}

START_TEST(decode_stays_within_its_block)
{
    for_each_bytes(check_decode_guarded);
}
END_TEST

/* What a prefix gives, after what the one before it gave. */
static int32_t check_prefix(const struct corpus_case *test, size_t decoder,
                            struct test_block prefix, int32_t previous)
{
    const struct corpus_verdict expected = expected_of(test, decoder);
    struct mqtt_v5_packet packet;
    const int32_t result = decoders[decoder].decode(&packet, prefix.bytes, prefix.length);

    if (!is_error(expected.status))
        ck_assert_msg(result == MQTT_PACKET_INCOMPLETE, "%s: %d from %zu bytes%s", test->name,
                      result, prefix.length, decoders[decoder].name);
    else if (previous == MQTT_PACKET_INCOMPLETE)
        ck_assert_msg(result == MQTT_PACKET_INCOMPLETE || result == expected.status,
                      "%s: %d from %zu bytes%s", test->name, result, prefix.length,
                      decoders[decoder].name);
    else
        ck_assert_msg(result == previous, "%s: %d from %zu bytes%s, %d before", test->name, result,
                      prefix.length, decoders[decoder].name, previous);
    if (result != MQTT_PACKET_INCOMPLETE)
        ck_assert_msg(packet.error_offset == expected.offset, "%s: offset %u%s", test->name,
                      packet.error_offset, decoders[decoder].name);
    return result;
}

static void check_prefixes(const struct corpus_case *test, struct test_block bytes)
{
    int32_t previous[DECODER_COUNT] = {MQTT_PACKET_INCOMPLETE, MQTT_PACKET_INCOMPLETE,
                                       MQTT_PACKET_INCOMPLETE};
    size_t length;
    size_t i;

    for (length = 0; length < bytes.length; length += length < CLOSE ? 1 : STRIDE) {
        const struct test_block prefix = test_copy(bytes.bytes, length);
        for (i = 0; i < DECODER_COUNT; i++)
            previous[i] = check_prefix(test, i, prefix, previous[i]);
        test_free(prefix);
    }
}

START_TEST(prefixes_of_valid_packets_are_incomplete_and_errors_stay)
{
    for_each_bytes(check_prefixes);
}
END_TEST

/* The one error at the remaining length that another byte reveals: a CONNECT of remaining length 12
 * is too short for level 5, and for no other. */
static bool is_level_5_of_12_bytes(struct test_block bytes)
{
    return bytes.bytes[0] == 0x10 && bytes.bytes[1] == 12;
}

/* At once: when the byte is there that shows the error, the first or the last of the length. */
static void check_told_at_once(const struct corpus_case *test, struct test_block bytes)
{
    struct mqtt_v5_packet packet;
    size_t size = 1;

    if (test->offset == 1) {
        do
            size++;
        while (size < 5 && (bytes.bytes[size - 1] & 0x80) != 0);
    }
    ck_assert_msg(mqtt_v5_decode(&packet, bytes.bytes, size) == test->status,
                  "%s: not told at once", test->name);
}

static void check_header(const struct corpus_case *test, struct test_block bytes)
{
    struct mqtt_v5_fixed_header header = {0};
    uint32_t value = 0;
    const int32_t result = mqtt_v5_decode_fixed_header(&header, bytes.bytes, bytes.length);

    if (is_error(test->status) && test->offset <= 1 && !is_level_5_of_12_bytes(bytes)) {
        ck_assert_msg(result == test->status, "%s: %d", test->name, result);
        check_told_at_once(test, bytes);
        return;
    }
    if (test->status == MQTT_PACKET_INCOMPLETE) {
        ck_assert_msg(result == MQTT_PACKET_INCOMPLETE || (size_t)result <= bytes.length, "%s: %d",
                      test->name, result);
        return;
    }
    ck_assert_msg(result >= 2 && result <= 5, "%s: %d", test->name, result);
    ck_assert_msg((unsigned)header.type == bytes.bytes[0] / 16u, "%s: type", test->name);
    ck_assert_msg(header.flags == bytes.bytes[0] % 16, "%s: flags", test->name);
    ck_assert_msg((size_t)result + header.remaining_length == bytes.length,
                  "%s: the case's remaining length is not that of its bytes", test->name);
    ck_assert_int_eq(mqtt_v5_decode_integer(&value, bytes.bytes + 1, bytes.length - 1), result - 1);
    ck_assert_uint_eq(value, header.remaining_length);
}

START_TEST(fixed_header_agrees_and_its_errors_are_told_at_once)
{
    for_each_bytes(check_header);
}
END_TEST

static void check_stream(const struct corpus_case *test, struct test_block bytes)
{
    struct test_block twice = test_copy(bytes.bytes, bytes.length);
    struct mqtt_v5_packet packet;
    int32_t result;

    if (test->status == MQTT_PACKET_INCOMPLETE) {
        test_free(twice);
        return;
    }
    twice.bytes = realloc(twice.bytes, 2 * bytes.length);
    ck_assert_ptr_nonnull(twice.bytes);
    memcpy(twice.bytes + bytes.length, bytes.bytes, bytes.length);
    result = mqtt_v5_decode(&packet, twice.bytes, 2 * bytes.length);
    ck_assert_msg(result == result_of(test->status, bytes), "%s: %d with bytes after it",
                  test->name, result);
    test_free(twice);
}

START_TEST(bytes_behind_a_packet_are_left_alone)
{
    for_each_bytes(check_stream);
}
END_TEST

/* Encodes into an exact-size block, into a larger one, and into every smaller one. */
static void check_encode(const char *name, const struct mqtt_v5_packet *packet,
                         struct test_block expected)
{
    const size_t larger = expected.length + 9;
    const struct test_block exact = test_copy_before_guard(expected.bytes, expected.length);
    struct test_block buffer = test_copy(expected.bytes, expected.length);
    int32_t result;
    size_t capacity;

    ck_assert_msg(mqtt_v5_encode(NULL, 0, packet) == (int32_t)expected.length, "%s: %d is no size",
                  name, mqtt_v5_encode(NULL, 0, packet));
    ck_assert_int_eq(mqtt_v5_encode(NULL, SIZE_MAX, packet), (int32_t)expected.length);
    test_fill(exact.bytes, exact.length);
    result = mqtt_v5_encode(exact.bytes, exact.length, packet);
    ck_assert_msg(result == (int32_t)expected.length, "%s: %d", name, result);
    test_assert_bytes(name, exact.bytes, expected.bytes, expected.length);
    test_free(exact);

    buffer.bytes = realloc(buffer.bytes, larger);
    ck_assert_ptr_nonnull(buffer.bytes);
    test_fill(buffer.bytes, larger);
    for (capacity = 0; capacity < expected.length; capacity += capacity < CLOSE ? 1 : STRIDE) {
        result = mqtt_v5_encode(buffer.bytes, capacity, packet);
        if (result != MQTT_ERROR_BUFFER_TOO_SMALL)
            ck_abort_msg("%s: %d for %zu bytes", name, result, capacity);
    }
    test_assert_untouched(buffer.bytes, larger);
    ck_assert_int_eq(mqtt_v5_encode(buffer.bytes, larger, packet), (int32_t)expected.length);
    test_assert_bytes(name, buffer.bytes, expected.bytes, expected.length);
    test_fill(buffer.bytes, expected.length);
    test_assert_untouched(buffer.bytes, larger);
    test_free(buffer);
}

static void check_refused(const char *name, const struct mqtt_v5_packet *packet, int32_t status)
{
    uint8_t buffer[200];
    int32_t result;

    test_fill(buffer, sizeof buffer);
    result = mqtt_v5_encode(buffer, sizeof buffer, packet);
    ck_assert_msg(result == status, "%s: %d, not %d", name, result, status);
    ck_assert_int_eq(mqtt_v5_encode(buffer, 0, packet), status);
    test_assert_untouched(buffer, sizeof buffer);
    ck_assert_int_eq(mqtt_v5_encode(NULL, 0, packet), status);
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

START_TEST(encoders_by_name_do_the_same)
{
    size_t i;

    for (i = 0; i < case_count; i++) {
        const struct test_block expected = cases[i].canonical;
        struct test_block block;
        if (cases[i].packet == NULL)
            continue;
        if (cases[i].status != 0) {
            ck_assert_msg(v5_encode_by_type(NULL, 0, cases[i].packet) == cases[i].status, "%s: %d",
                          cases[i].name, v5_encode_by_type(NULL, 0, cases[i].packet));
            continue;
        }
        block = test_copy(expected.bytes, expected.length);
        test_fill(block.bytes, block.length);
        ck_assert_msg(v5_encode_by_type(block.bytes, block.length, cases[i].packet) ==
                          (int32_t)expected.length,
                      "%s: %d", cases[i].name, v5_encode_by_type(NULL, 0, cases[i].packet));
        test_assert_bytes(cases[i].name, block.bytes, expected.bytes, expected.length);
        test_free(block);
    }
}
END_TEST

static void check_again(const struct corpus_case *test, struct test_block bytes)
{
    struct mqtt_v5_packet packet;

    if (test->status == 0) {
        ck_assert_int_eq(mqtt_v5_decode(&packet, bytes.bytes, bytes.length), (int32_t)bytes.length);
        check_encode(test->name, &packet, test->canonical);
    }
}

START_TEST(decoded_packets_are_encoded_to_the_shortest_bytes)
{
    for_each_bytes(check_again);
}
END_TEST

static void check_publish_header(const struct corpus_case *test, struct test_block bytes)
{
    const struct mqtt_v5_packet *expected = test->packet;
    struct mqtt_v5_publish publish;
    struct mqtt_v5_packet whole;
    size_t payload_length;
    size_t header_size;
    size_t length;

    if (bytes.bytes[0] / 16 != MQTT_V5_PUBLISH) {
        ck_assert_msg(mqtt_v5_decode_publish_header(&publish, bytes.bytes, bytes.length) ==
                          MQTT_ERROR_TYPE,
                      "%s: taken for a PUBLISH", test->name);
        ck_assert_int_eq(mqtt_v5_decode_publish_header(&publish, bytes.bytes, 1), MQTT_ERROR_TYPE);
        return;
    }
    if (test->status == MQTT_PACKET_INCOMPLETE)
        return;
    if (test->status != 0) {
        const int32_t result = mqtt_v5_decode_publish_header(&publish, bytes.bytes, bytes.length);
        ck_assert_msg(result == test->status, "%s: %d", test->name, result);
        return;
    }
    payload_length = expected->as.publish.payload.length;
    header_size = bytes.length - payload_length;
    for (length = 0; length <= header_size;
         length += length < CLOSE || header_size - length <= STRIDE ? 1 : STRIDE) {
        const struct test_block prefix = test_copy(bytes.bytes, length);
        const int32_t result = mqtt_v5_decode_publish_header(&publish, prefix.bytes, length);
        if (length < header_size) {
            ck_assert_msg(result == MQTT_PACKET_INCOMPLETE, "%s: %d from %zu bytes", test->name,
                          result, length);
        } else {
            ck_assert_msg(result == (int32_t)header_size, "%s: %d", test->name, result);
            ck_assert_ptr_null(publish.payload.data);
            ck_assert_uint_eq(publish.payload.length, payload_length);
            ck_assert_int_eq(mqtt_v5_decode(&whole, bytes.bytes, bytes.length),
                             (int32_t)bytes.length);
            publish.payload = whole.as.publish.payload;
            ck_assert_ptr_eq(publish.payload.data, bytes.bytes + header_size);
            whole.as.publish = publish;
            test_v5_assert_packet(test->name, &whole, expected);
        }
        test_free(prefix);
    }
}

START_TEST(publish_header_needs_no_payload)
{
    for_each_bytes(check_publish_header);
}
END_TEST

static void check_encode_publish_header(const struct corpus_case *test)
{
    const struct mqtt_v5_packet *packet = test->packet;
    struct mqtt_v5_publish publish = packet->as.publish;
    struct test_block buffer;
    size_t capacity;
    size_t size;

    publish.payload.data = NULL;
    if (test->status != 0) {
        ck_assert_msg(mqtt_v5_encode_publish_header(NULL, 0, &publish) == test->status, "%s: %d",
                      test->name, mqtt_v5_encode_publish_header(NULL, 0, &publish));
        return;
    }
    size = test->canonical.length - publish.payload.length;
    buffer = test_copy_before_guard(test->canonical.bytes, size);
    test_fill(buffer.bytes, size);
    ck_assert_int_eq(mqtt_v5_encode_publish_header(NULL, 0, &publish), (int32_t)size);
    for (capacity = 0; capacity < size; capacity += capacity < CLOSE ? 1 : STRIDE)
        ck_assert_int_eq(mqtt_v5_encode_publish_header(buffer.bytes, capacity, &publish),
                         MQTT_ERROR_BUFFER_TOO_SMALL);
    test_assert_untouched(buffer.bytes, size);
    ck_assert_int_eq(mqtt_v5_encode_publish_header(buffer.bytes, size, &publish), (int32_t)size);
    test_assert_bytes(test->name, buffer.bytes, test->canonical.bytes, size);
    test_free(buffer);
}

START_TEST(encode_publish_header_reads_no_payload)
{
    size_t i;

    for (i = 0; i < case_count; i++) {
        const struct mqtt_v5_packet *packet = cases[i].packet;
        if (packet != NULL && packet->type == MQTT_V5_PUBLISH)
            check_encode_publish_header(&cases[i]);
    }
}
END_TEST

/* Offset of the level of an accepted CONNECT, whose remaining length has `size` bytes. */
static uint32_t level_offset(struct test_block bytes)
{
    uint32_t value = 0;

    return 7 + (uint32_t)mqtt_decode_remaining_length(&value, bytes.bytes + 1, bytes.length - 1);
}

/* An accepted CONNECT or CONNACK of 3.1.1 in this version's decoders. */
static void check_old_packet(const struct corpus_case *test, struct test_block bytes)
{
    const bool is_connect = bytes.bytes[0] == 0x10;
    const bool is_padded = level_offset(bytes) > 8 && bytes.bytes[level_offset(bytes) - 7] == 0;
    int32_t expected = is_padded ? MQTT_ERROR_INTEGER_NOT_SHORTEST : MQTT_ERROR_PROTOCOL_LEVEL;
    const uint32_t offset = is_connect && !is_padded ? level_offset(bytes) : 1;
    struct mqtt_v5_packet packet;
    uint8_t level = 0;

    ck_assert_msg(mqtt_v5_decode(&packet, bytes.bytes, bytes.length) == expected, "%s: %d",
                  test->name, mqtt_v5_decode(&packet, bytes.bytes, bytes.length));
    ck_assert_msg(packet.error_offset == offset, "%s: offset %u", test->name, packet.error_offset);
    ck_assert_int_eq(mqtt_v5_decode_from_client(&packet, bytes.bytes, bytes.length),
                     is_connect ? expected : MQTT_ERROR_DIRECTION);
    ck_assert_int_eq(mqtt_v5_decode_from_server(&packet, bytes.bytes, bytes.length),
                     is_connect ? MQTT_ERROR_DIRECTION : expected);
    if (is_connect) {
        ck_assert_int_eq(mqtt_decode_protocol_level(&level, bytes.bytes, bytes.length),
                         (int32_t)level_offset(bytes) + 1);
        ck_assert_uint_eq(level, 4);
    }
}

/* An accepted CONNECT of this version in the decoders of 3.1.1. */
static void check_new_connect(const struct corpus_case *test, struct test_block bytes)
{
    struct mqtt_packet packet;
    uint8_t level = 0;

    ck_assert_msg(
        mqtt_decode_from_client(&packet, bytes.bytes, bytes.length) == MQTT_ERROR_PROTOCOL_LEVEL,
        "%s: %d", test->name, mqtt_decode_from_client(&packet, bytes.bytes, bytes.length));
    ck_assert_uint_eq(packet.error_offset, level_offset(bytes));
    ck_assert_int_eq(mqtt_decode_protocol_level(&level, bytes.bytes, bytes.length),
                     (int32_t)level_offset(bytes) + 1);
    ck_assert_uint_eq(level, 5);
}

START_TEST(each_version_knows_the_other)
{
    unsigned old_connects = 0;
    unsigned old_connacks = 0;
    unsigned new_connects = 0;
    size_t i;

    for (i = 0; i < old_case_count; i++) {
        const struct corpus_case *test = &old_cases[i];
        if (test->status != 0 || (test->bytes.bytes[0] != 0x10 && test->bytes.bytes[0] != 0x20))
            continue;
        check_old_packet(test, test->bytes);
        old_connects += test->bytes.bytes[0] == 0x10;
        old_connacks += test->bytes.bytes[0] == 0x20;
    }
    for (i = 0; i < case_count; i++) {
        if (cases[i].status == 0 && cases[i].bytes.bytes[0] == 0x10) {
            check_new_connect(&cases[i], cases[i].bytes);
            new_connects++;
        }
    }
    ck_assert_uint_ge(old_connects, 10);
    ck_assert_uint_ge(old_connacks, 8);
    ck_assert_uint_ge(new_connects, 10);
}
END_TEST

/* The clause is in the case's line, or is the section around one that is: 4.8.2 around MQTT-4.8.2-1. */
static bool is_clause_of(const struct corpus_case *test, const char *clause)
{
    const size_t length = strlen(clause);
    const char *at = test->clauses;

    while (at != NULL && length > 0) {
        at += strspn(at, " ");
        if (clause[0] != 'M' && strncmp(at, "MQTT-", 5) == 0)
            at += 5;
        if (strncmp(at, clause, length) == 0 && strchr(" .-", at[length]) != NULL)
            return true;
        at = strchr(at, ' ');
    }
    return false;
}

static void check_clause(const struct corpus_case *test, struct test_block bytes)
{
    size_t i;

    for (i = 0; i < DECODER_COUNT; i++) {
        struct mqtt_v5_packet packet;
        const int32_t result = decoders[i].decode(&packet, bytes.bytes, bytes.length);
        if (is_error(result) && result != MQTT_ERROR_DIRECTION)
            ck_assert_msg(is_clause_of(test, mqtt_v5_status_clause(result, packet.type)),
                          "%s: clause %s%s", test->name, mqtt_v5_status_clause(result, packet.type),
                          decoders[i].name);
    }
}

START_TEST(the_clause_of_the_status_is_one_of_the_case)
{
    size_t i;

    for_each_bytes(check_clause);
    for (i = 0; i < case_count; i++) {
        const struct mqtt_v5_packet *packet = cases[i].packet;
        if (!cases[i].has_bytes)
            ck_assert_msg(
                is_clause_of(&cases[i], mqtt_v5_status_clause(cases[i].status, packet->type)),
                "%s: clause %s", cases[i].name,
                mqtt_v5_status_clause(cases[i].status, packet->type));
    }
}
END_TEST

/* 4.13, as the head of packets_v5.txt says it. All others are answered with 0x82. */
static const struct {
    int32_t reason_code;
    const char *statuses; /* a blank on each side of each */
} answers[] = {
    {0x81, " RESERVED_TYPE FLAGS REMAINING_LENGTH TRAILING_BYTES FIELD_PAST_END ILL_FORMED_UTF8"
           " NULL_CHARACTER PACKET_ID_MISSING CONNECT_RESERVED_FLAG WILL_QOS WILL_MISSING"
           " USER_NAME_MISSING PASSWORD_MISSING CONNACK_FLAGS QOS REQUESTED_QOS_MISSING"
           " SUBACK_NO_RETURN_CODE INTEGER_NOT_SHORTEST INTEGER_TOO_LONG PROPERTIES_MISSING"
           " PROPERTIES_PAST_END PROPERTY_ID PROPERTY_CUT SUBSCRIPTION_OPTIONS "},
    {0x84, " PROTOCOL_NAME PROTOCOL_LEVEL "},
    {0x94, " TOPIC_ALIAS_ZERO "},
    {0x95, " PACKET_TOO_LARGE "},
    {-1, " INCOMPLETE BUFFER_TOO_SMALL TYPE FIELD_TOO_LONG PACKET_ID_AT_QOS_0 PAYLOAD_MISSING "},
};

START_TEST(each_status_has_its_answer)
{
    const struct corpus_status *status = &corpus_v5_statuses[_i];
    char name[64] = " ";
    int32_t expected = 0x82;
    size_t i;

    strcat(name, status->name);
    strcat(name, " ");
    for (i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        if (strstr(answers[i].statuses, name) != NULL)
            expected = answers[i].reason_code;
    }
    ck_assert_msg(mqtt_v5_reason_code_for(status->status) == expected, "%s: %02X", status->name,
                  (unsigned)mqtt_v5_reason_code_for(status->status));
}
END_TEST

/* The corpus itself: a packet is accepted if one of the sides may send it, and what is told of one
 * that no side may send is told of one of the two. */
static void check_verdicts(const struct corpus_case *test, struct test_block bytes)
{
    const struct corpus_verdict client = expected_of(test, 1);
    const struct corpus_verdict server = expected_of(test, 2);

    (void)bytes;
    if (is_error(test->status))
        ck_assert_msg((client.status == test->status && client.offset == test->offset) ||
                          (server.status == test->status && server.offset == test->offset),
                      "%s: from no side", test->name);
    else
        ck_assert_msg(client.status == test->status || server.status == test->status,
                      "%s: from no side", test->name);
    if (client.status == 0 || server.status == 0)
        ck_assert_msg(test->status == 0, "%s: from one side", test->name);
}

START_TEST(the_verdicts_of_a_case_agree)
{
    for_each_bytes(check_verdicts);
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
    Suite *suite = suite_create("corpus_v5");
    TCase *tests = tcase_create("corpus_v5");

    old_cases = corpus_read(CORPUS, &old_case_count);
    cases = corpus_v5_read(CORPUS_V5, &case_count);
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, decode_gives_the_result_the_offset_and_the_fields);
    tcase_add_test(tests, decode_stays_within_its_block);
    tcase_add_test(tests, prefixes_of_valid_packets_are_incomplete_and_errors_stay);
    tcase_add_test(tests, fixed_header_agrees_and_its_errors_are_told_at_once);
    tcase_add_test(tests, bytes_behind_a_packet_are_left_alone);
    tcase_add_test(tests, encode_writes_the_bytes_or_refuses_the_packet);
    tcase_add_test(tests, encoders_by_name_do_the_same);
    tcase_add_test(tests, decoded_packets_are_encoded_to_the_shortest_bytes);
    tcase_add_test(tests, publish_header_needs_no_payload);
    tcase_add_test(tests, encode_publish_header_reads_no_payload);
    tcase_add_test(tests, each_version_knows_the_other);
    tcase_add_test(tests, the_clause_of_the_status_is_one_of_the_case);
    tcase_add_loop_test(tests, each_status_has_its_answer, 0, (int)corpus_v5_status_count);
    tcase_add_test(tests, the_verdicts_of_a_case_agree);
    tcase_add_test(tests, names_are_unique);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
