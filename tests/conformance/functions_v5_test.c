/* The functions of MQTT 5.0 that packets alone do not reach: properties, encoders from a program's
 * structs, a PUBLISH changed in place, filters, iterators. */
#include "encode_by_type.h"
#include "support.h"
#include "table_2_4.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* ---- Parts ------------------------------------------------------------------------------------ */

struct level_case {
    const char *bytes;
    int32_t result; /* of all of them; 0: their number */
    uint8_t level;
};

static const struct level_case levels[] = {
    {"10 0C 0004'MQTT'04", 0, 4},
    {"10 0D 0004'MQTT'05", 0, 5},
    {"10 FF FF FF 7F 0004'MQTT'FF", 0, 255},
    {"10 8C 00 0004'MQTT'00", 0, 0}, /* a padded remaining length */
    {"10 07 0004'MQTT'05", 0, 5},
    {"10 09 0006'MQIsdp'03", 0, 3},
    {"00", MQTT_ERROR_TYPE, 0},
    {"0F", MQTT_ERROR_TYPE, 0},
    {"1F", MQTT_ERROR_FLAGS, 0},
    {"F0", MQTT_ERROR_TYPE, 0},
    {"16 03 01", MQTT_ERROR_FLAGS, 0},
    {"20 0C 0004'MQTT'04", MQTT_ERROR_TYPE, 0},
    {"11", MQTT_ERROR_FLAGS, 0},
    {"10 FF FF FF FF", MQTT_ERROR_REMAINING_LENGTH, 0},
    {"10 00", MQTT_ERROR_REMAINING_LENGTH, 0},
    {"10 01", MQTT_ERROR_REMAINING_LENGTH, 0},
    {"10 02", MQTT_PACKET_INCOMPLETE, 0}, /* the length of the name is not there */
    {"10 02 0004", MQTT_ERROR_REMAINING_LENGTH, 0},
    {"10 06 0004", MQTT_ERROR_REMAINING_LENGTH, 0},
    {"10 08 0006", MQTT_ERROR_REMAINING_LENGTH, 0},
    {"10 0C FFFF", MQTT_ERROR_REMAINING_LENGTH, 0},
    {"10 0C 0003", MQTT_ERROR_PROTOCOL_NAME, 0},
    {"10 0C 0005", MQTT_ERROR_PROTOCOL_NAME, 0},
    {"10 0C 0004'X'", MQTT_ERROR_PROTOCOL_NAME, 0},
    {"10 0C 0004'MQTt'", MQTT_ERROR_PROTOCOL_NAME, 0},
    {"10 0C 0006'MQIsdP'", MQTT_ERROR_PROTOCOL_NAME, 0},
};

START_TEST(protocol_level)
{
    const struct level_case *const test = &levels[_i];
    const struct test_block bytes = test_parse(test->bytes);
    uint8_t level = 77;
    size_t length;

    for (length = 0; length < bytes.length; length++) {
        const struct test_block prefix = test_copy(bytes.bytes, length);
        const int32_t result = mqtt_decode_protocol_level(&level, prefix.bytes, length);
        ck_assert_msg(result == MQTT_PACKET_INCOMPLETE ||
                          (test->result < 0 && result == test->result),
                      "%s: %d from %u bytes", test->bytes, result, (unsigned)length);
        ck_assert_int_eq(mqtt_decode_protocol_level(&level, bytes.bytes, length), result);
        test_free(prefix);
    }
    ck_assert_uint_eq(level, 77);
    ck_assert_int_eq(mqtt_decode_protocol_level(&level, bytes.bytes, bytes.length),
                     test->result == 0 ? (int32_t)bytes.length : test->result);
    ck_assert_uint_eq(level, test->result == 0 ? test->level : 77);
    test_free(bytes);
}
END_TEST

struct integer_case {
    const char *bytes;
    int32_t result;
    uint32_t value;
};

static const struct integer_case integers[] = {
    {"00", 1, 0},
    {"7F", 1, 127},
    {"8001", 2, 128},
    {"FF7F", 2, 16383},
    {"808001", 3, 16384},
    {"80808001", 4, 2097152},
    {"FFFFFF7F", 4, 268435455},
    {"8000", MQTT_ERROR_INTEGER_NOT_SHORTEST, 9},
    {"FF8000", MQTT_ERROR_INTEGER_NOT_SHORTEST, 9},
    {"80808000", MQTT_ERROR_INTEGER_NOT_SHORTEST, 9},
    {"80808080", MQTT_ERROR_INTEGER_TOO_LONG, 9},
    {"8080808001", MQTT_ERROR_INTEGER_TOO_LONG, 9},
};

START_TEST(integer)
{
    const struct integer_case *const test = &integers[_i];
    const struct test_block bytes = test_parse(test->bytes);
    uint32_t value = 9;
    size_t length;

    for (length = 0; length < bytes.length && length < 4; length++)
        ck_assert_int_eq(mqtt_v5_decode_integer(&value, bytes.bytes, length),
                         MQTT_PACKET_INCOMPLETE);
    ck_assert_int_eq(mqtt_v5_decode_integer(&value, bytes.bytes, bytes.length), test->result);
    ck_assert_uint_eq(value, test->value);
    test_free(bytes);
}
END_TEST

struct publish_header_case {
    const char *bytes; /* fewer are MQTT_PACKET_INCOMPLETE */
    int32_t status;
};

/* Beginnings of packets. The error is returned as soon as all of these bytes are there. */
static const struct publish_header_case publish_headers[] = {
    {"30 01", MQTT_ERROR_REMAINING_LENGTH},
    {"30 80 00", MQTT_ERROR_INTEGER_NOT_SHORTEST},
    {"30 03 0002", MQTT_ERROR_FIELD_PAST_END},
    {"30 80 01 007F", MQTT_ERROR_FIELD_PAST_END},
    {"30 09 0001'#' 00", MQTT_ERROR_TOPIC_NAME_WILDCARD},
    {"32 05 0003'abc'", MQTT_ERROR_PACKET_ID_MISSING},
    {"32 06 0003'abc'01", MQTT_ERROR_PACKET_ID_MISSING},
    {"32 07 0003'abc'0001", MQTT_ERROR_PROPERTIES_MISSING},
    {"32 09 0001'a' 0000 00", MQTT_ERROR_PACKET_ID_ZERO},
    {"30 03 0001'a'", MQTT_ERROR_PROPERTIES_MISSING},
    {"30 05 0001'a' 8080", MQTT_ERROR_PROPERTIES_MISSING},
    {"30 09 0001'a' 8000", MQTT_ERROR_INTEGER_NOT_SHORTEST},
    {"30 09 0001'a' 80808080", MQTT_ERROR_INTEGER_TOO_LONG},
    {"30 09 0001'a' 06", MQTT_ERROR_PROPERTIES_PAST_END},
    {"30 09 0001'a' 05 0102 230000", MQTT_ERROR_PROPERTY_VALUE},
    {"30 09 0000 00", MQTT_ERROR_TOPIC_MISSING},
};

START_TEST(publish_header_that_is_refused)
{
    const struct test_block bytes = test_parse(publish_headers[_i].bytes);
    struct mqtt_v5_publish publish;
    size_t length;

    for (length = 0; length <= bytes.length; length++) {
        const struct test_block prefix = test_copy(bytes.bytes, length);
        const int32_t result = mqtt_v5_decode_publish_header(&publish, prefix.bytes, length);
        const int32_t expected =
            length < bytes.length ? MQTT_PACKET_INCOMPLETE : publish_headers[_i].status;
        ck_assert_msg(result == expected, "%s: %d from %u bytes", publish_headers[_i].bytes, result,
                      (unsigned)length);
        ck_assert_int_eq(mqtt_v5_decode_publish_header(&publish, bytes.bytes, length), expected);
        test_free(prefix);
    }
    test_free(bytes);
}
END_TEST

/* ---- One property ----------------------------------------------------------------------------- */

struct property_case {
    struct mqtt_v5_property property;
    const char *bytes; /* NULL: refused with the status */
    int32_t status;
};

#define NUMBER(identifier, value)                                                                  \
    {                                                                                              \
        .id = (identifier), .as.number = (value)                                                   \
    }
#define STRING(identifier, text)                                                                   \
    {                                                                                              \
        .id = (identifier), .as.string = TEXT(text)                                                \
    }
#define BYTES(identifier, text)                                                                    \
    {                                                                                              \
        .id = (identifier), .as.bytes = BINARY(text)                                               \
    }
#define PAIR(one, other)                                                                           \
    {                                                                                              \
        .id = MQTT_V5_PROPERTY_USER_PROPERTY, .as.pair = { TEXT(one), TEXT(other) }                \
    }

static const struct property_case properties[] = {
    {NUMBER(0x01, 0), "01 00", 0},
    {NUMBER(0x01, 1), "01 01", 0},
    {NUMBER(0x01, 2), NULL, MQTT_ERROR_PROPERTY_VALUE},
    {NUMBER(0x01, 256), NULL, MQTT_ERROR_PROPERTY_VALUE},
    {NUMBER(0x02, 0), "02 00000000", 0},
    {NUMBER(0x02, 0x12345678), "02 12345678", 0},
    {NUMBER(0x02, UINT32_MAX), "02 FFFFFFFF", 0},
    {STRING(0x03, "a/b"), "03 0003'a/b'", 0},
    {STRING(0x03, ""), "03 0000", 0},
    {STRING(0x03, "a\0"), NULL, MQTT_ERROR_NULL_CHARACTER},
    {STRING(0x03, "\xFF"), NULL, MQTT_ERROR_ILL_FORMED_UTF8},
    {{.id = 0x03, .as.string = {test_letters, 65536}}, NULL, MQTT_ERROR_FIELD_TOO_LONG},
    {{.id = 0x03, .as.string = {test_letters, SIZE_MAX}}, NULL, MQTT_ERROR_FIELD_TOO_LONG},
    {STRING(0x08, "a/b"), "08 0003'a/b'", 0},
    {STRING(0x08, ""), NULL, MQTT_ERROR_TOPIC_EMPTY},
    {STRING(0x08, "a/#"), NULL, MQTT_ERROR_TOPIC_NAME_WILDCARD},
    {BYTES(0x09, "\0\xFF"), "09 0002 00FF", 0},
    {{.id = 0x09, .as.bytes = {NULL, 65536}}, NULL, MQTT_ERROR_FIELD_TOO_LONG},
    {NUMBER(0x0B, 0), NULL, MQTT_ERROR_PROPERTY_VALUE},
    {NUMBER(0x0B, 1), "0B 01", 0},
    {NUMBER(0x0B, 128), "0B 8001", 0},
    {NUMBER(0x0B, 268435455), "0B FFFFFF7F", 0},
    {NUMBER(0x0B, 268435456), NULL, MQTT_ERROR_PROPERTY_VALUE},
    {NUMBER(0x11, UINT32_MAX), "11 FFFFFFFF", 0},
    {STRING(0x12, ""), "12 0000", 0},
    {NUMBER(0x13, 65535), "13 FFFF", 0},
    {NUMBER(0x13, 0), "13 0000", 0},
    {NUMBER(0x13, 65536), NULL, MQTT_ERROR_PROPERTY_VALUE},
    {STRING(0x15, "x"), "15 0001'x'", 0},
    {BYTES(0x16, ""), "16 0000", 0},
    {NUMBER(0x17, 1), "17 01", 0},
    {NUMBER(0x18, 5), "18 00000005", 0},
    {NUMBER(0x19, 1), "19 01", 0},
    {STRING(0x1A, "#"), "1A 0001'#'", 0},
    {STRING(0x1C, "s"), "1C 0001's'", 0},
    {STRING(0x1F, "r"), "1F 0001'r'", 0},
    {NUMBER(0x21, 0), NULL, MQTT_ERROR_PROPERTY_VALUE},
    {NUMBER(0x21, 1), "21 0001", 0},
    {NUMBER(0x21, 65536), NULL, MQTT_ERROR_PROPERTY_VALUE},
    {NUMBER(0x22, 0), "22 0000", 0},
    {NUMBER(0x23, 0), NULL, MQTT_ERROR_TOPIC_ALIAS_ZERO},
    {NUMBER(0x23, 65535), "23 FFFF", 0},
    {NUMBER(0x23, 65536), NULL, MQTT_ERROR_PROPERTY_VALUE},
    {NUMBER(0x24, 1), "24 01", 0},
    {NUMBER(0x24, 2), NULL, MQTT_ERROR_PROPERTY_VALUE},
    {NUMBER(0x25, 0), "25 00", 0},
    {PAIR("n", "v"), "26 0001'n' 0001'v'", 0},
    {PAIR("", ""), "26 0000 0000", 0},
    {PAIR("\xC0", "a\0"), NULL, MQTT_ERROR_ILL_FORMED_UTF8}, /* the name comes first */
    {PAIR("n", "a\0"), NULL, MQTT_ERROR_NULL_CHARACTER},
    {{.id = 0x26, .as.pair = {TEXT("n"), {test_letters, 65536}}}, NULL, MQTT_ERROR_FIELD_TOO_LONG},
    {NUMBER(0x27, 0), NULL, MQTT_ERROR_PROPERTY_VALUE},
    {NUMBER(0x27, 268435461), "27 10000005", 0},
    {NUMBER(0x28, 1), "28 01", 0},
    {NUMBER(0x29, 0), "29 00", 0},
    {NUMBER(0x2A, 1), "2A 01", 0},
    {NUMBER(0x00, 1), NULL, MQTT_ERROR_PROPERTY_ID},
    {NUMBER(0x04, 1), NULL, MQTT_ERROR_PROPERTY_ID},
    {NUMBER(0x2B, 1), NULL, MQTT_ERROR_PROPERTY_ID},
    {NUMBER(0xFF, 1), NULL, MQTT_ERROR_PROPERTY_ID},
};

/* By the standard's types, Table 2-4. */
static char type_of(unsigned id)
{
    static const char types[] = "-nns----sb-n-----nsn-sbnnns-s--s-nnnnnpnnnn";

    return types[id < sizeof types - 1 ? id : 0];
}

static void assert_property(const struct mqtt_v5_property *actual,
                            const struct mqtt_v5_property *expected)
{
    ck_assert_uint_eq(actual->id, expected->id);
    switch (type_of(expected->id)) {
    case 'n':
        ck_assert_uint_eq(actual->as.number, expected->as.number);
        break;
    case 's':
        test_assert_string("string", actual->as.string, expected->as.string);
        break;
    case 'p':
        test_assert_string("name", actual->as.pair.name, expected->as.pair.name);
        test_assert_string("value", actual->as.pair.value, expected->as.pair.value);
        break;
    default:
        ck_assert_uint_eq(actual->as.bytes.length, expected->as.bytes.length);
        test_assert_bytes("bytes", actual->as.bytes.data, expected->as.bytes.data,
                          expected->as.bytes.length);
        break;
    }
}

START_TEST(one_property)
{
    const struct property_case *const test = &properties[_i];
    const struct test_block bytes = test_parse(test->bytes != NULL ? test->bytes : "");
    const struct test_block buffer = test_copy(bytes.bytes, bytes.length);
    struct mqtt_v5_properties list = {.encoded = {bytes.bytes, bytes.length}};
    struct mqtt_v5_property read = {0};
    size_t position = 0;
    size_t capacity;

    ck_assert_int_eq(mqtt_v5_encode_property(NULL, 0, &test->property),
                     test->bytes != NULL ? (int32_t)bytes.length : test->status);
    test_fill(buffer.bytes, buffer.length);
    for (capacity = 0; capacity < buffer.length; capacity++)
        ck_assert_int_eq(mqtt_v5_encode_property(buffer.bytes, capacity, &test->property),
                         MQTT_ERROR_BUFFER_TOO_SMALL);
    test_assert_untouched(buffer.bytes, buffer.length);
    if (test->bytes != NULL) {
        ck_assert_int_eq(mqtt_v5_encode_property(buffer.bytes, buffer.length, &test->property),
                         (int32_t)buffer.length);
        test_assert_bytes(test->bytes, buffer.bytes, bytes.bytes, bytes.length);
        ck_assert(mqtt_v5_next_property(&list, &position, &read));
        ck_assert_uint_eq(position, bytes.length);
        assert_property(&read, &test->property);
        ck_assert(!mqtt_v5_next_property(&list, &position, &read));
        ck_assert(mqtt_v5_find_property(&list, (enum mqtt_v5_property_id)test->property.id, &read));
    }
    for (list.encoded.length = 0; list.encoded.length < bytes.length; list.encoded.length++) {
        position = 0; /* cut */
        ck_assert(!mqtt_v5_next_property(&list, &position, &read));
        ck_assert_uint_eq(position, 0);
    }
    test_free(buffer);
    test_free(bytes);
}
END_TEST

/* Whether a property of zeros is there, if these are left out. */
static bool is_there(uint8_t id, uint32_t without)
{
    static const size_t sizes[] = {
        [V5_BYTE] = 1,   [V5_TWO_BYTES] = 2, [V5_FOUR_BYTES] = 4, [V5_VARIABLE] = 1,
        [V5_STRING] = 2, [V5_BYTES] = 2,     [V5_PAIR] = 4};
    const uint8_t zeros[5] = {id};
    const struct test_block bytes = test_copy(zeros, 1 + sizes[v5_property_kind(id)]);
    const struct mqtt_v5_properties list = {.encoded = {bytes.bytes, bytes.length},
                                            .without = without};
    struct mqtt_v5_property property;
    size_t position = 0;
    const bool is_found = mqtt_v5_next_property(&list, &position, &property);

    ck_assert_uint_eq(position, bytes.length);
    test_free(bytes);
    return is_found;
}

/* No two properties that one packet, or a packet and a will, can hold have one bit. It leaves out
 * this property and no other. */
START_TEST(bits_of_without)
{
    static const char *const packets[] = {
        /* 3.1.2.11 and 3.1.3.2, 3.2.2.3, 3.3.2.3 with 3.1.3.2, 3.8.2.1, 3.14.2.2, 3.15.2.2 */
        "11 21 27 22 19 17 26 15 16",
        "11 21 24 25 27 12 22 1F 26 28 29 2A 13 1A 1C 15 16",
        "01 02 23 08 09 26 0B 03 18",
        "0B 26",
        "11 1F 26 1C",
        "15 16 1F 26"};
    size_t i;

    for (i = 0; i < sizeof packets / sizeof packets[0]; i++) {
        const struct test_block ids = test_parse(packets[i]);
        uint32_t bits = 0;
        size_t k;
        for (k = 0; k < ids.length; k++) {
            ck_assert_uint_eq(bits & MQTT_V5_WITHOUT(ids.bytes[k]), 0);
            bits |= MQTT_V5_WITHOUT(ids.bytes[k]);
            ck_assert(!is_there(ids.bytes[k], MQTT_V5_WITHOUT(ids.bytes[k])));
            ck_assert(is_there(ids.bytes[k], ~MQTT_V5_WITHOUT(ids.bytes[k])));
        }
        test_free(ids);
    }
}
END_TEST

/* ---- Lists of properties ---------------------------------------------------------------------- */

static const struct mqtt_v5_property pairs[] = {PAIR("a", "1"), PAIR("a", "2"), PAIR("b", "3")};

/* Both at once, as an encoder writes them. */
START_TEST(properties_of_both_kinds_in_order)
{
    const struct test_block encoded = test_parse("0100 23 0007 26 0001'x'0000");
    const struct mqtt_v5_properties list = {.list = pairs,
                                            .count = 3,
                                            .encoded = {encoded.bytes, encoded.length},
                                            .without = MQTT_V5_WITHOUT(0x23)};
    static const uint8_t ids[] = {0x01, 0x26, 0x26, 0x26, 0x26};
    struct mqtt_v5_property property = NUMBER(9, 9);
    size_t position = 0;
    size_t i;

    for (i = 0; i < sizeof ids; i++) {
        ck_assert(mqtt_v5_next_property(&list, &position, &property));
        ck_assert_uint_eq(property.id, ids[i]);
    }
    test_assert_string("last", property.as.pair.value, pairs[2].as.pair.value);
    for (i = 0; i < 2; i++)
        ck_assert(!mqtt_v5_next_property(&list, &position, &property));
    position = SIZE_MAX;
    ck_assert(!mqtt_v5_next_property(&list, &position, &property));

    property.id = 9;
    property.as.number = 60;
    ck_assert(!mqtt_v5_find_property(&list, MQTT_V5_PROPERTY_TOPIC_ALIAS, &property));
    ck_assert(!mqtt_v5_find_property(&list, MQTT_V5_PROPERTY_SERVER_KEEP_ALIVE, &property));
    ck_assert_uint_eq(property.id, 9);
    ck_assert_uint_eq(property.as.number, 60); /* the default is still there */
    ck_assert(mqtt_v5_find_property(&list, MQTT_V5_PROPERTY_USER_PROPERTY, &property));
    ck_assert_uint_eq(property.as.pair.value.length, 0); /* the first */
    test_free(encoded);
}
END_TEST

/* Whatever bytes are there: only properties that exist, in bounds, and to the end. */
START_TEST(properties_stay_in_bounds)
{
    unsigned first;
    unsigned second;

    for (first = 0; first < 256; first++) {
        for (second = 0; second < 256; second += 5) {
            const uint8_t bytes[8] = {
                (uint8_t)first, (uint8_t)second, 0x80, 0x26, (uint8_t)(second / 3), 0x80, 0, 1};
            const struct test_block block = test_copy(bytes, sizeof bytes);
            const struct mqtt_v5_properties list = {.encoded = {block.bytes, sizeof bytes}};
            struct mqtt_v5_property property;
            size_t position = 0;
            size_t before = 0;
            while (mqtt_v5_next_property(&list, &position, &property)) {
                ck_assert_uint_gt(position, before);
                ck_assert_uint_le(position, sizeof bytes);
                ck_assert_int_ne(type_of(property.id), '-');
                before = position;
            }
            ck_assert_uint_eq(position, before);
            test_free(block);
        }
    }
}
END_TEST

struct forward_case {
    const char *encoded;
    uint32_t without;
    struct mqtt_v5_property added;
    const char *written; /* the properties with their length; NULL: refused with the status */
    int32_t status;
};

#define NOTHING                                                                                    \
    {                                                                                              \
        0                                                                                          \
    }

/* What a server does with the properties of a PUBLISH that it has received. */
static const struct forward_case forwards[] = {
    {"", 0, NOTHING, "00", 0},
    {"0100 26 0001'a'0000", 0, NOTHING, "08 0100 26 0001'a'0000", 0},
    {"23 0005 26 0001'a'0000 26 0001'a'0000", MQTT_V5_WITHOUT(0x23), NOTHING,
     "0C 26 0001'a'0000 26 0001'a'0000", 0},
    {"26 0001'a'0000 23 0005 0101", MQTT_V5_WITHOUT(0x23), NOTHING, "08 26 0001'a'0000 0101", 0},
    {"23 0005", MQTT_V5_WITHOUT(0x23), NOTHING, "00", 0},
    {"0B 05 0B 8001", 0, NUMBER(0x0B, 7), "07 0B 05 0B 8001 0B 07", 0},
    {"0B 05 0B 8001", MQTT_V5_WITHOUT(0x0B), NUMBER(0x0B, 7), "02 0B 07", 0},
    /* A message expiry interval of its own. */
    {"02 00000064 0101", MQTT_V5_WITHOUT(0x02), NUMBER(0x02, 3), "07 0101 02 00000003", 0},
    {"02 00000064 0101", 0, NUMBER(0x02, 3), NULL, MQTT_ERROR_PROPERTY_TWICE},
    {"26 0001'a'0000", 0, PAIR("b", ""), "0C 26 0001'a'0000 26 0001'b'0000", 0},
    {"26 0001'a'0000", MQTT_V5_WITHOUT(0x26), PAIR("b", ""), "06 26 0001'b'0000", 0},
    /* A will's properties. */
    {"18 00000005 0101", MQTT_V5_WITHOUT(0x18), NOTHING, "02 0101", 0},
    {"18 00000005 0101", 0, NOTHING, NULL, MQTT_ERROR_PROPERTY_ID},
    /* Only what a PUBLISH or a will can hold is left out: 0x21 has the bit of 0x02. */
    {"21 0001 0101", MQTT_V5_WITHOUT(0x21), NOTHING, NULL, MQTT_ERROR_PROPERTY_ID},
    {"11 00000005 0101", MQTT_V5_WITHOUT(0x11), NOTHING, NULL, MQTT_ERROR_PROPERTY_ID},
    {"04 0101", UINT32_MAX, NOTHING, NULL, MQTT_ERROR_PROPERTY_ID},
    /* Of what is left out, only the end is looked for. */
    {"23 0000 23 0000", MQTT_V5_WITHOUT(0x23), NOTHING, "00", 0},
    {"0B 8000", MQTT_V5_WITHOUT(0x0B), NOTHING, "00", 0},
    {"0B 80808080", MQTT_V5_WITHOUT(0x0B), NOTHING, NULL, MQTT_ERROR_INTEGER_TOO_LONG},
    {"0B 8080", MQTT_V5_WITHOUT(0x0B), NOTHING, NULL, MQTT_ERROR_PROPERTY_CUT},
    {"26 0001 FF 0001 00", MQTT_V5_WITHOUT(0x26), NOTHING, "00", 0},
    {"26 0001 FF 0001", MQTT_V5_WITHOUT(0x26), NOTHING, NULL, MQTT_ERROR_PROPERTY_CUT},
    {"03 0001 FF", MQTT_V5_WITHOUT(0x03), NOTHING, "00", 0},
    /* And `encoded` is checked. */
    {"23 0000", 0, NOTHING, NULL, MQTT_ERROR_TOPIC_ALIAS_ZERO},
    {"0100 0100", 0, NOTHING, NULL, MQTT_ERROR_PROPERTY_TWICE},
    {"0B 8000", 0, NOTHING, NULL, MQTT_ERROR_INTEGER_NOT_SHORTEST},
    {"03 0002 41", 0, NOTHING, NULL, MQTT_ERROR_PROPERTY_CUT},
    {"23 0000", 0, NUMBER(0x04, 1), NULL, MQTT_ERROR_TOPIC_ALIAS_ZERO}, /* the first */
    {"", 0, NUMBER(0x04, 1), NULL, MQTT_ERROR_PROPERTY_ID},
    {"", 0, NUMBER(0x11, 1), NULL, MQTT_ERROR_PROPERTY_ID},
    {"", 0, NUMBER(0x23, 0), NULL, MQTT_ERROR_TOPIC_ALIAS_ZERO},
};

START_TEST(forwarded_properties)
{
    const struct forward_case *const test = &forwards[_i];
    const struct test_block encoded = test_parse(test->encoded);
    const struct test_block written = test_parse(test->written != NULL ? test->written : "");
    struct mqtt_v5_publish publish = {.topic = TEXT("a"), .payload = BINARY("xy")};
    const struct test_block buffer = test_parse("00*64");
    struct mqtt_v5_packet packet;
    const size_t size = 2 + 3 + written.length + 2;
    size_t capacity;

    publish.properties.encoded.data = encoded.bytes;
    publish.properties.encoded.length = encoded.length;
    publish.properties.without = test->without;
    publish.properties.list = &test->added;
    publish.properties.count = test->added.id != 0;
    test_fill(buffer.bytes, buffer.length);
    if (test->written == NULL) {
        ck_assert_int_eq(mqtt_v5_encode_publish(buffer.bytes, 64, &publish), test->status);
        ck_assert_int_eq(mqtt_v5_encode_publish(NULL, 0, &publish), test->status);
        ck_assert_int_eq(mqtt_v5_encode_publish_header(buffer.bytes, 64, &publish), test->status);
        test_assert_untouched(buffer.bytes, 64);
    } else {
        ck_assert_int_eq(mqtt_v5_encode_publish(NULL, 0, &publish), (int32_t)size);
        for (capacity = 0; capacity < size; capacity++)
            ck_assert_int_eq(mqtt_v5_encode_publish(buffer.bytes, capacity, &publish),
                             MQTT_ERROR_BUFFER_TOO_SMALL);
        test_assert_untouched(buffer.bytes, 64);
        ck_assert_int_eq(mqtt_v5_encode_publish(buffer.bytes, size, &publish), (int32_t)size);
        test_assert_bytes(test->encoded, buffer.bytes + 5, written.bytes, written.length);
        ck_assert_int_eq(mqtt_v5_decode(&packet, buffer.bytes, 64), (int32_t)size);
        publish.payload.data = NULL;
        test_fill(buffer.bytes, 64);
        ck_assert_int_eq(mqtt_v5_encode_publish_header(buffer.bytes, size - 2, &publish),
                         (int32_t)size - 2);
        test_assert_bytes(test->encoded, buffer.bytes + 5, written.bytes, written.length);
        ck_assert_int_eq(mqtt_v5_encode_publish(NULL, 0, &publish), MQTT_ERROR_PAYLOAD_MISSING);
    }
    test_free(buffer);
    test_free(written);
    test_free(encoded);
}
END_TEST

/* More properties than peers have had room for, and a property length of three bytes. */
START_TEST(many_properties)
{
    enum {
        MANY = 2000
    };
    struct mqtt_v5_property *list = calloc(MANY, sizeof *list);
    struct mqtt_v5_publish publish = {.topic = TEXT("a")};
    const size_t size = 4 + 3 + 3 + MANY * 9;
    uint8_t *bytes = malloc(size);
    struct mqtt_v5_packet packet;
    struct mqtt_v5_property property;
    size_t position = 0;
    size_t i;

    ck_assert(list != NULL && bytes != NULL);
    for (i = 0; i < MANY; i++) {
        list[i] = pairs[i % 3];
        list[i].as.pair.name = mqtt_string_from(i % 2 == 0 ? "abc" : "xyz");
    }
    publish.properties.list = list;
    publish.properties.count = MANY;
    ck_assert_int_eq(mqtt_v5_encode_publish(bytes, size, &publish), (int32_t)size);
    ck_assert_int_eq(mqtt_v5_decode(&packet, bytes, size), (int32_t)size);
    for (i = 0; i < MANY; i++) {
        ck_assert(mqtt_v5_next_property(&packet.as.publish.properties, &position, &property));
        assert_property(&property, &list[i]);
    }
    ck_assert(!mqtt_v5_next_property(&packet.as.publish.properties, &position, &property));
    free(bytes);
    free(list);
}
END_TEST

/* ---- Encoders --------------------------------------------------------------------------------- */

struct encode_case {
    const char *name;
    struct mqtt_v5_packet packet;
    const char *bytes; /* NULL: refused with the status */
    int32_t status;
};

#define LIST(...)                                                                                  \
    .list = (const struct mqtt_v5_property[]){__VA_ARGS__},                                        \
    .count =                                                                                       \
        sizeof((const struct mqtt_v5_property[]){__VA_ARGS__}) / sizeof(struct mqtt_v5_property)

static const uint8_t no_codes[1];

static const struct encode_case encodes[] = {
    {"CONNECT with everything",
     {.type = MQTT_V5_CONNECT,
      .as.connect = {.keep_alive = 60,
                     .clean_start = true,
                     .has_will = true,
                     .has_user_name = true,
                     .has_password = true,
                     .properties = {LIST(NUMBER(0x11, 1), NUMBER(0x21, 2))},
                     .client_id = TEXT("c"),
                     .user_name = TEXT("u"),
                     .password = BINARY("p"),
                     .will = {.qos = 2,
                              .retain = true,
                              .topic = TEXT("w"),
                              .payload = BINARY("m"),
                              .properties = {LIST(NUMBER(0x18, 3))}}}},
     "10 28 0004'MQTT'05 F6 003C 08 1100000001 210002 0001'c' 05 1800000003 0001'w' 0001'm' "
     "0001'u' 0001'p'",
     0},
    {"CONNECT of nothing", {.type = MQTT_V5_CONNECT}, "10 0D 0004'MQTT'05 00 0000 00 0000", 0},
    {"CONNECT, what is not there is not looked at",
     {.type = MQTT_V5_CONNECT,
      .as.connect = {.user_name = TEXT("\xFF"),
                     .password = {NULL, 65536},
                     .will = {.qos = 3, .topic = TEXT("#"), .properties = {LIST(NUMBER(4, 0))}}}},
     "10 0D 0004'MQTT'05 00 0000 00 0000",
     0},
    {"CONNECT, a password alone",
     {.type = MQTT_V5_CONNECT, .as.connect = {.has_password = true, .password = BINARY("p")}},
     "10 10 0004'MQTT'05 40 0000 00 0000 0001'p'",
     0},
    {"CONNECT, will QoS",
     {.type = MQTT_V5_CONNECT,
      .as.connect = {.has_will = true, .will = {.qos = 3}, .properties = {LIST(NUMBER(4, 0))}}},
     NULL,
     MQTT_ERROR_WILL_QOS},
    {"CONNECT, a will's property in its own list",
     {.type = MQTT_V5_CONNECT, .as.connect = {.properties = {LIST(NUMBER(0x18, 0))}}},
     NULL,
     MQTT_ERROR_PROPERTY_ID},
    {"CONNECT, its own property in the will's list",
     {.type = MQTT_V5_CONNECT,
      .as.connect = {.has_will = true,
                     .will = {.topic = TEXT("w"), .properties = {LIST(NUMBER(0x11, 0))}}}},
     NULL,
     MQTT_ERROR_PROPERTY_ID},
    {"CONNECT, one property in each list",
     {.type = MQTT_V5_CONNECT,
      .as.connect = {.properties = {LIST(PAIR("", ""))},
                     .has_will = true,
                     .will = {.topic = TEXT("w"), .properties = {LIST(PAIR("", ""))}}}},
     "10 1D 0004'MQTT'05 04 0000 05 2600000000 0000 05 2600000000 0001'w' 0000",
     0},
    {"CONNECT, data without a method, before the client id",
     {.type = MQTT_V5_CONNECT,
      .as.connect = {.client_id = TEXT("\xFF"), .properties = {LIST(BYTES(0x16, "d"))}}},
     NULL,
     MQTT_ERROR_AUTHENTICATION_METHOD},
    {"CONNECT, client id",
     {.type = MQTT_V5_CONNECT,
      .as.connect = {.client_id = TEXT("\xFF"), .has_will = true, .will = {.topic = TEXT("#")}}},
     NULL,
     MQTT_ERROR_ILL_FORMED_UTF8},
    {"CONNECT, will topic",
     {.type = MQTT_V5_CONNECT, .as.connect = {.has_will = true, .will = {.topic = TEXT("")}}},
     NULL,
     MQTT_ERROR_TOPIC_EMPTY},
    {"CONNECT, too large, before the will QoS",
     {.type = MQTT_V5_CONNECT,
      .as.connect = {.has_will = true,
                     .will = {.qos = 3},
                     .properties = {.encoded = {NULL, 268435456}}}},
     NULL,
     MQTT_ERROR_PACKET_TOO_LARGE},
    {"CONNACK",
     {.type = MQTT_V5_CONNACK,
      .as.connack = {.session_present = true, .properties = {LIST(NUMBER(0x24, 1))}}},
     "20 05 01 00 02 2401",
     0},
    {"CONNACK of nothing", {.type = MQTT_V5_CONNACK}, "20 03 00 00 00", 0},
    {"CONNACK, session present",
     {.type = MQTT_V5_CONNACK, .as.connack = {.session_present = true, .reason_code = 1}},
     NULL,
     MQTT_ERROR_SESSION_PRESENT},
    {"CONNACK, reason code",
     {.type = MQTT_V5_CONNACK, .as.connack = {.reason_code = 1}},
     NULL,
     MQTT_ERROR_REASON_CODE},
    {"PUBLISH with a topic alias alone",
     {.type = MQTT_V5_PUBLISH,
      .as.publish = {.qos = 1,
                     .packet_id = 5,
                     .dup = true,
                     .payload = BINARY("x"),
                     .properties = {LIST(NUMBER(0x23, 1))}}},
     "3A 09 0000 0005 03 230001 'x'",
     0},
    {"PUBLISH with as many properties as encoded bytes",
     {.type = MQTT_V5_PUBLISH,
      .as.publish = {.topic = TEXT("a"),
                     .properties = {LIST(PAIR("", ""), PAIR("", "")), .encoded = BINARY("\1\1")}}},
     "30 10 0001'a' 0C 0101 2600000000 2600000000",
     0},
    {"PUBLISH without topic and alias",
     {.type = MQTT_V5_PUBLISH, .as.publish = {.payload = {NULL, 1}}},
     NULL,
     MQTT_ERROR_TOPIC_MISSING},
    {"PUBLISH, the alias is left out",
     {.type = MQTT_V5_PUBLISH,
      .as.publish = {.properties = {.encoded = BINARY("\x23\0\1"),
                                    .without = MQTT_V5_WITHOUT(0x23)}}},
     NULL,
     MQTT_ERROR_TOPIC_MISSING},
    {"CONNACK, a will's property whose bit is in without",
     {.type = MQTT_V5_CONNACK,
      .as.connack = {.properties = {.encoded = BINARY("\3\0\1x"),
                                    .without = MQTT_V5_WITHOUT(0x22)}}},
     NULL,
     MQTT_ERROR_PROPERTY_ID},
    {"CONNECT, the same",
     {.type = MQTT_V5_CONNECT,
      .as.connect = {.properties = {.encoded = BINARY("\2\0\0\0\11"),
                                    .without = MQTT_V5_WITHOUT(0x21)}}},
     NULL,
     MQTT_ERROR_PROPERTY_ID},
    {"SUBSCRIBE, a filter that is NULL",
     {.type = MQTT_V5_SUBSCRIBE,
      .as.subscribe = {.packet_id = 1,
                       .subscriptions =
                           &(const struct mqtt_v5_subscription){{NULL, 0}, 0, false, false, 0},
                       .count = 1}},
     NULL,
     MQTT_ERROR_TOPIC_EMPTY},
    {"PUBLISH, QoS", {.type = MQTT_V5_PUBLISH, .as.publish = {.qos = 3}}, NULL, MQTT_ERROR_QOS},
    {"PUBLISH, DUP", {.type = MQTT_V5_PUBLISH, .as.publish = {.dup = true}}, NULL, MQTT_ERROR_DUP},
    {"PUBLISH, packet id, before the topic is missing",
     {.type = MQTT_V5_PUBLISH, .as.publish = {.qos = 1}},
     NULL,
     MQTT_ERROR_PACKET_ID_ZERO},
    {"PUBLISH, topic",
     {.type = MQTT_V5_PUBLISH, .as.publish = {.qos = 1, .topic = TEXT("+")}},
     NULL,
     MQTT_ERROR_TOPIC_NAME_WILDCARD},
    {"PUBLISH, too large, before the topic",
     {.type = MQTT_V5_PUBLISH, .as.publish = {.topic = TEXT("+"), .payload = {NULL, SIZE_MAX}}},
     NULL,
     MQTT_ERROR_PACKET_TOO_LARGE},
    {"PUBLISH, the topic before received properties, and those before the list",
     {.type = MQTT_V5_PUBLISH,
      .as.publish = {.topic = TEXT("+"),
                     .properties = {LIST(NUMBER(0x23, 0)), .encoded = BINARY("\1\1")}}},
     NULL,
     MQTT_ERROR_TOPIC_NAME_WILDCARD},
    {"PUBLISH, a received property before the list",
     {.type = MQTT_V5_PUBLISH,
      .as.publish = {.topic = TEXT("a"),
                     .properties = {LIST(NUMBER(0x23, 0)), .encoded = BINARY("\1\2")}}},
     NULL,
     MQTT_ERROR_PROPERTY_VALUE},
    {"PUBLISH, the list after received properties",
     {.type = MQTT_V5_PUBLISH,
      .as.publish = {.topic = TEXT("a"),
                     .properties = {LIST(NUMBER(0x23, 0)), .encoded = BINARY("\1\1")}}},
     NULL,
     MQTT_ERROR_TOPIC_ALIAS_ZERO},
    {"PUBLISH, a property of too many bytes, before the topic",
     {.type = MQTT_V5_PUBLISH,
      .as.publish = {.topic = TEXT("+"),
                     .properties = {LIST({.id = 3, .as.string = {test_letters, 268435456}})}}},
     NULL,
     MQTT_ERROR_PACKET_TOO_LARGE},
    {"PUBLISH, a property of too many bytes",
     {.type = MQTT_V5_PUBLISH,
      .as.publish = {.topic = TEXT("a"),
                     .properties = {LIST({.id = 3, .as.string = {test_letters, 268435456}})}}},
     NULL,
     MQTT_ERROR_PACKET_TOO_LARGE},
    {"PUBLISH, a property of too many bytes, but not for a packet",
     {.type = MQTT_V5_PUBLISH,
      .as.publish = {.topic = TEXT("a"),
                     .properties = {LIST({.id = 3, .as.string = {test_letters, 65536}})}}},
     NULL,
     MQTT_ERROR_FIELD_TOO_LONG},
    {"PUBACK", {.type = MQTT_V5_PUBACK, .as.ack = {.packet_id = 1}}, "40 02 0001", 0},
    {"PUBREC",
     {.type = MQTT_V5_PUBREC, .as.ack = {.packet_id = 1, .reason_code = 0x97}},
     "50 03 0001 97",
     0},
    {"PUBREL",
     {.type = MQTT_V5_PUBREL,
      .as.ack = {.packet_id = 1, .properties = {LIST(STRING(0x1F, "r"), PAIR("", ""))}}},
     "62 0D 0001 00 09 1F0001'r' 2600000000",
     0},
    {"PUBCOMP",
     {.type = MQTT_V5_PUBCOMP,
      .as.ack = {.packet_id = 1,
                 .reason_code = 0x92,
                 .properties = {.encoded = BINARY("\x26\0\0\0\0")}}},
     "70 09 0001 92 05 2600000000",
     0},
    {"PUBACK, its reason string is left out",
     {.type = MQTT_V5_PUBACK,
      .as.ack = {.packet_id = 1,
                 .properties = {.encoded = BINARY("\x1F\0\1r\x26\0\0\0\0"),
                                .without = MQTT_V5_WITHOUT(0x1F)}}},
     "40 09 0001 00 05 2600000000",
     0},
    {"PUBACK, a property of one byte",
     {.type = MQTT_V5_PUBACK,
      .as.ack = {.packet_id = 1, .properties = {.encoded = BINARY("\x1F")}}},
     NULL,
     MQTT_ERROR_PROPERTY_CUT},
    {"PUBACK, packet id",
     {.type = MQTT_V5_PUBACK, .as.ack = {.reason_code = 1}},
     NULL,
     MQTT_ERROR_PACKET_ID_ZERO},
    {"PUBACK, packet id 0 and nothing else",
     {.type = MQTT_V5_PUBACK, .as.ack = {.packet_id = 0}},
     NULL,
     MQTT_ERROR_PACKET_ID_ZERO},
    {"PUBREL, reason code",
     {.type = MQTT_V5_PUBREL, .as.ack = {.packet_id = 1, .reason_code = 0x10}},
     NULL,
     MQTT_ERROR_REASON_CODE},
    {"PUBCOMP, property",
     {.type = MQTT_V5_PUBCOMP,
      .as.ack = {.packet_id = 1, .properties = {LIST(STRING(0x1F, "r"), STRING(0x1F, "s"))}}},
     NULL,
     MQTT_ERROR_PROPERTY_TWICE},
    {"SUBSCRIBE",
     {.type = MQTT_V5_SUBSCRIBE,
      .as.subscribe = {.packet_id = 1,
                       .count = 2,
                       .subscriptions =
                           (const struct mqtt_v5_subscription[]){
                               {TEXT("a"), 2, true, true, 2},
                               {TEXT("$share/n/#"), 1, false, false, 1}},
                       .properties = {LIST(NUMBER(0x0B, 5))}}},
     "82 16 0001 02 0B05 0001'a' 2E 000A'$share/n/#' 11",
     0},
    {"SUBSCRIBE, packet id, then properties, then no filter",
     {.type = MQTT_V5_SUBSCRIBE, .as.subscribe = {.properties = {LIST(NUMBER(0x0B, 0))}}},
     NULL,
     MQTT_ERROR_PACKET_ID_ZERO},
    {"SUBSCRIBE, packet id, then filter",
     {.type = MQTT_V5_SUBSCRIBE,
      .as.subscribe = {.count = 1,
                       .subscriptions =
                           (const struct mqtt_v5_subscription[]){{TEXT("#a"), 0, 0, 0, 0}}}},
     NULL,
     MQTT_ERROR_PACKET_ID_ZERO},
    {"SUBSCRIBE, property, then filter",
     {.type = MQTT_V5_SUBSCRIBE,
      .as.subscribe = {.packet_id = 1,
                       .count = 1,
                       .subscriptions =
                           (const struct mqtt_v5_subscription[]){{TEXT("#a"), 0, 0, 0, 0}},
                       .properties = {LIST(NUMBER(0x0B, 0))}}},
     NULL,
     MQTT_ERROR_PROPERTY_VALUE},
    {"SUBSCRIBE, property, then no filter",
     {.type = MQTT_V5_SUBSCRIBE,
      .as.subscribe = {.packet_id = 1, .properties = {LIST(NUMBER(0x0B, 0))}}},
     NULL,
     MQTT_ERROR_PROPERTY_VALUE},
    {"SUBSCRIBE, no filter",
     {.type = MQTT_V5_SUBSCRIBE,
      .as.subscribe = {.packet_id = 1,
                       .subscriptions =
                           (const struct mqtt_v5_subscription[]){{TEXT("a"), 0, 0, 0, 0}}}},
     NULL,
     MQTT_ERROR_SUBSCRIBE_NO_FILTER},
    {"SUBSCRIBE, nothing encoded",
     {.type = MQTT_V5_SUBSCRIBE, .as.subscribe = {.packet_id = 1, .count = 7}},
     NULL,
     MQTT_ERROR_SUBSCRIBE_NO_FILTER},
    {"SUBSCRIBE, encoded options",
     {.type = MQTT_V5_SUBSCRIBE, .as.subscribe = {.packet_id = 1, .encoded = BINARY("\0\1a\x40")}},
     NULL,
     MQTT_ERROR_SUBSCRIPTION_OPTIONS},
    {"SUBSCRIBE, encoded too long, before the packet id",
     {.type = MQTT_V5_SUBSCRIBE, .as.subscribe = {.encoded = {NULL, 268435455}}},
     NULL,
     MQTT_ERROR_PACKET_TOO_LARGE},
    {"SUBACK",
     {.type = MQTT_V5_SUBACK,
      .as.suback = {.packet_id = 1, .reason_codes = (const uint8_t *)"\0\x80\xA2", .count = 3}},
     "90 06 0001 00 0080A2",
     0},
    {"SUBACK, no code",
     {.type = MQTT_V5_SUBACK, .as.suback = {.packet_id = 1, .reason_codes = no_codes}},
     NULL,
     MQTT_ERROR_SUBACK_NO_RETURN_CODE},
    {"SUBACK, code",
     {.type = MQTT_V5_SUBACK,
      .as.suback = {.packet_id = 1, .reason_codes = (const uint8_t *)"\0\x11", .count = 2}},
     NULL,
     MQTT_ERROR_REASON_CODE},
    {"SUBACK of the largest size, code",
     {.type = MQTT_V5_SUBACK,
      .as.suback = {.packet_id = 1, .reason_codes = (const uint8_t *)"\x11", .count = 268435452}},
     NULL,
     MQTT_ERROR_REASON_CODE},
    {"SUBACK, packet id",
     {.type = MQTT_V5_SUBACK, .as.suback = {.reason_codes = (const uint8_t *)"\x11", .count = 1}},
     NULL,
     MQTT_ERROR_PACKET_ID_ZERO},
    {"SUBACK, too large, before the packet id",
     {.type = MQTT_V5_SUBACK, .as.suback = {.count = 268435453}},
     NULL,
     MQTT_ERROR_PACKET_TOO_LARGE},
    {"SUBACK, too large",
     {.type = MQTT_V5_SUBACK, .as.suback = {.packet_id = 1, .count = 268435453}},
     NULL,
     MQTT_ERROR_PACKET_TOO_LARGE},
    {"UNSUBACK",
     {.type = MQTT_V5_UNSUBACK,
      .as.unsuback = {.packet_id = 1,
                      .reason_codes = (const uint8_t *)"\x11",
                      .count = 1,
                      .properties = {LIST(STRING(0x1F, ""))}}},
     "B0 07 0001 03 1F0000 11",
     0},
    {"UNSUBACK, code",
     {.type = MQTT_V5_UNSUBACK,
      .as.unsuback = {.packet_id = 1, .reason_codes = (const uint8_t *)"\1", .count = 1}},
     NULL,
     MQTT_ERROR_REASON_CODE},
    {"UNSUBSCRIBE",
     {.type = MQTT_V5_UNSUBSCRIBE,
      .as.unsubscribe = {.packet_id = 1,
                         .count = 2,
                         .filters = (const struct mqtt_string[]){TEXT("a"), TEXT("#")}}},
     "A2 09 0001 00 0001'a' 0001'#'",
     0},
    {"UNSUBSCRIBE, nothing encoded",
     {.type = MQTT_V5_UNSUBSCRIBE, .as.unsubscribe = {.packet_id = 1}},
     NULL,
     MQTT_ERROR_UNSUBSCRIBE_NO_FILTER},
    {"UNSUBSCRIBE, share name",
     {.type = MQTT_V5_UNSUBSCRIBE,
      .as.unsubscribe = {.packet_id = 1,
                         .count = 1,
                         .filters = (const struct mqtt_string[]){TEXT("$share/a/")}}},
     NULL,
     MQTT_ERROR_SHARE_NAME},
    {"PINGREQ", {.type = MQTT_V5_PINGREQ}, "C0 00", 0},
    {"PINGRESP", {.type = MQTT_V5_PINGRESP}, "D0 00", 0},
    {"DISCONNECT", {.type = MQTT_V5_DISCONNECT}, "E0 00", 0},
    {"DISCONNECT with a reason code",
     {.type = MQTT_V5_DISCONNECT, .as.disconnect = {.reason_code = 0x8E}},
     "E0 01 8E",
     0},
    {"DISCONNECT of a client",
     {.type = MQTT_V5_DISCONNECT, .as.disconnect = {.properties = {LIST(NUMBER(0x11, 0))}}},
     "E0 07 00 05 1100000000",
     0},
    {"DISCONNECT of neither side",
     {.type = MQTT_V5_DISCONNECT,
      .as.disconnect = {.reason_code = 0x8E, .properties = {LIST(NUMBER(0x11, 0))}}},
     NULL,
     MQTT_ERROR_PROPERTY_DIRECTION},
    {"DISCONNECT, reason code, then properties",
     {.type = MQTT_V5_DISCONNECT,
      .as.disconnect = {.reason_code = 0x85, .properties = {LIST(NUMBER(0x11, 0))}}},
     NULL,
     MQTT_ERROR_REASON_CODE},
    {"AUTH", {.type = MQTT_V5_AUTH}, "F0 00", 0},
    {"AUTH with a method",
     {.type = MQTT_V5_AUTH,
      .as.auth = {.reason_code = 0x18, .properties = {LIST(STRING(0x15, "x"), BYTES(0x16, "d"))}}},
     "F0 0A 18 08 150001'x' 160001'd'",
     0},
    {"AUTH without a method",
     {.type = MQTT_V5_AUTH, .as.auth = {.reason_code = 0x18}},
     NULL,
     MQTT_ERROR_AUTHENTICATION_METHOD},
    {"AUTH 0x00 with properties, without a method",
     {.type = MQTT_V5_AUTH, .as.auth = {.properties = {LIST(PAIR("", ""))}}},
     NULL,
     MQTT_ERROR_AUTHENTICATION_METHOD},
    {"AUTH, its method is left out",
     {.type = MQTT_V5_AUTH,
      .as.auth = {.reason_code = 0x18,
                  .properties = {.encoded = BINARY("\x15\0\0\x26\0\0\0\0"),
                                 .without = MQTT_V5_WITHOUT(0x15)}}},
     NULL,
     MQTT_ERROR_AUTHENTICATION_METHOD},
    {"AUTH, reason code",
     {.type = MQTT_V5_AUTH, .as.auth = {.reason_code = 1}},
     NULL,
     MQTT_ERROR_REASON_CODE},
    {"type 0", {.type = (enum mqtt_v5_packet_type)0}, NULL, MQTT_ERROR_RESERVED_TYPE},
    {"type 16", {.type = (enum mqtt_v5_packet_type)16}, NULL, MQTT_ERROR_RESERVED_TYPE},
};

START_TEST(encoded_structs)
{
    const struct encode_case *const test = &encodes[_i];
    const struct test_block bytes = test_parse(test->bytes != NULL ? test->bytes : "00*64");
    const struct test_block buffer = test_copy(bytes.bytes, bytes.length);
    const int32_t expected = test->bytes != NULL ? (int32_t)bytes.length : test->status;
    struct mqtt_v5_packet again;
    size_t capacity;

    ck_assert_msg(mqtt_v5_encode(NULL, 0, &test->packet) == expected, "%s: %d", test->name,
                  mqtt_v5_encode(NULL, 0, &test->packet));
    ck_assert_int_eq(v5_encode_by_type(NULL, 0, &test->packet), expected);
    test_fill(buffer.bytes, buffer.length);
    for (capacity = 0; capacity < buffer.length; capacity++)
        ck_assert_int_eq(mqtt_v5_encode(buffer.bytes, capacity, &test->packet),
                         test->bytes != NULL ? MQTT_ERROR_BUFFER_TOO_SMALL : expected);
    test_assert_untouched(buffer.bytes, buffer.length);
    ck_assert_int_eq(mqtt_v5_encode(buffer.bytes, buffer.length, &test->packet), expected);
    if (test->bytes != NULL) {
        test_assert_bytes(test->name, buffer.bytes, bytes.bytes, bytes.length);
        test_fill(buffer.bytes, buffer.length);
        ck_assert_int_eq(v5_encode_by_type(buffer.bytes, buffer.length, &test->packet), expected);
        test_assert_bytes(test->name, buffer.bytes, bytes.bytes, bytes.length);
        ck_assert_int_eq(mqtt_v5_decode(&again, buffer.bytes, buffer.length), expected);
        test_fill(bytes.bytes, bytes.length); /* what was decoded is encoded to the same */
        ck_assert_int_eq(mqtt_v5_encode(bytes.bytes, bytes.length, &again), expected);
        test_assert_bytes(test->name, bytes.bytes, buffer.bytes, bytes.length);
    } else {
        test_assert_untouched(buffer.bytes, buffer.length);
    }
    test_free(buffer);
    test_free(bytes);
}
END_TEST

/* Every member of a subscription that is out of range, in the order of the options. */
START_TEST(subscriptions_that_are_refused)
{
    static const struct {
        struct mqtt_v5_subscription subscription;
        int32_t status;
    } refused[] = {
        {{TEXT("a"), 3, false, false, 3}, MQTT_ERROR_REQUESTED_QOS},
        {{TEXT("a"), 4, false, false, 0}, MQTT_ERROR_REQUESTED_QOS},
        {{TEXT("a"), 0, false, false, 3}, MQTT_ERROR_RETAIN_HANDLING},
        {{TEXT("$share/n/a"), 0, true, false, 255}, MQTT_ERROR_RETAIN_HANDLING},
        {{TEXT("$share/n/a"), 0, true, false, 0}, MQTT_ERROR_NO_LOCAL_SHARED},
        {{TEXT("$share/n+/a"), 3, false, false, 0}, MQTT_ERROR_SHARE_NAME},
        {{TEXT(""), 3, false, false, 0}, MQTT_ERROR_TOPIC_EMPTY},
        {{{test_letters, 65536}, 3, false, false, 0}, MQTT_ERROR_FIELD_TOO_LONG},
        {{{test_letters, SIZE_MAX}, 3, false, false, 0}, MQTT_ERROR_PACKET_TOO_LARGE},
    };
    size_t i;

    for (i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct mqtt_v5_subscribe subscribe = {.packet_id = 1, .count = 1};
        subscribe.subscriptions = &refused[i].subscription;
        ck_assert_int_eq(mqtt_v5_encode_subscribe(NULL, 0, &subscribe), refused[i].status);
    }
}
END_TEST

START_TEST(lists_and_their_iterators)
{
    const struct mqtt_v5_subscription subscriptions[] = {{TEXT("a"), 1, true, false, 2},
                                                         {TEXT("$share/n/b"), 2, false, true, 0}};
    const struct mqtt_string filters[] = {TEXT("a"), TEXT("b")};
    const struct mqtt_v5_subscribe subscribe = {
        .packet_id = 1, .subscriptions = subscriptions, .count = 2};
    const struct mqtt_v5_unsubscribe unsubscribe = {.packet_id = 1, .filters = filters, .count = 2};
    struct mqtt_v5_packet s;
    struct mqtt_v5_packet u;
    struct mqtt_v5_subscription out;
    struct mqtt_string filter;
    uint8_t s_bytes[64];
    uint8_t u_bytes[64];
    uint8_t buffer[64];
    size_t positions[4] = {0};
    size_t i;
    const int32_t s_size = mqtt_v5_encode_subscribe(s_bytes, 64, &subscribe);
    const int32_t u_size = mqtt_v5_encode_unsubscribe(u_bytes, 64, &unsubscribe);

    ck_assert_int_eq(mqtt_v5_decode(&s, s_bytes, 64), s_size);
    ck_assert_int_eq(mqtt_v5_decode(&u, u_bytes, 64), u_size);
    ck_assert_uint_eq(s.as.subscribe.count, 2);
    ck_assert_uint_eq(u.as.unsubscribe.count, 2);
    for (i = 0; i < 2; i++) {
        ck_assert(mqtt_v5_next_subscription(&subscribe, &positions[0], &out));
        ck_assert(mqtt_v5_next_subscription(&s.as.subscribe, &positions[1], &out));
        test_assert_string("subscription", out.filter, subscriptions[i].filter);
        ck_assert_uint_eq(out.qos, subscriptions[i].qos);
        ck_assert_int_eq(out.no_local, subscriptions[i].no_local);
        ck_assert_int_eq(out.retain_as_published, subscriptions[i].retain_as_published);
        ck_assert_uint_eq(out.retain_handling, subscriptions[i].retain_handling);
        ck_assert(mqtt_v5_next_filter(&unsubscribe, &positions[2], &filter));
        ck_assert(mqtt_v5_next_filter(&u.as.unsubscribe, &positions[3], &filter));
        test_assert_string("filter", filter, filters[i]);
    }
    ck_assert(!mqtt_v5_next_subscription(&subscribe, &positions[0], &out));
    ck_assert(!mqtt_v5_next_subscription(&s.as.subscribe, &positions[1], &out));
    ck_assert(!mqtt_v5_next_filter(&unsubscribe, &positions[2], &filter));
    ck_assert(!mqtt_v5_next_filter(&u.as.unsubscribe, &positions[3], &filter));
    /* A client does not link the server's decoder: its encoders take no decoded list. */
    ck_assert_int_eq(mqtt_v5_encode_subscribe(buffer, 64, &s.as.subscribe),
                     MQTT_ERROR_SUBSCRIBE_NO_FILTER);
    ck_assert_int_eq(mqtt_v5_encode_unsubscribe(buffer, 64, &u.as.unsubscribe),
                     MQTT_ERROR_UNSUBSCRIBE_NO_FILTER);
}
END_TEST

/* Options that no decoder has checked. */
START_TEST(options_as_they_are)
{
    static const uint8_t payload[] = {0, 1, 'a', 0xFF, 0, 1, 'b'};
    const struct mqtt_v5_subscribe subscribe = {.encoded = {payload, sizeof payload}};
    struct mqtt_v5_subscription out;
    size_t position = 0;

    ck_assert(mqtt_v5_next_subscription(&subscribe, &position, &out));
    ck_assert(out.qos == 3 && out.no_local && out.retain_as_published && out.retain_handling == 3);
    ck_assert(!mqtt_v5_next_subscription(&subscribe, &position, &out));
    ck_assert_uint_eq(position, 4);
}
END_TEST

/* ---- A PUBLISH in place ----------------------------------------------------------------------- */

struct in_place_case {
    const char *bytes;
    const char *dup; /* NULL: refused with the status, as below */
    const char *retained;
    const char *identified; /* with packet id 0x0102 */
    int32_t status;         /* of the first that is refused */
};

static const struct in_place_case in_place[] = {
    {"32 07 0001'a' 0001 00 'x'", "3A 07 0001'a' 0001 00", "33 07 0001'a' 0001 00",
     "32 07 0001'a' 0102 00", 0},
    {"34 09 0000 0001 03 230001 'x'", "3C 09 0000 0001 03 230001", "35 09 0000 0001 03 230001",
     "34 09 0000 0102 03 230001", 0},
    {"3B 07 0001'a' 0001 00 'x'", "3B 07 0001'a' 0001 00", "3B 07 0001'a' 0001 00",
     "3B 07 0001'a' 0102 00", 0},
    {"30 05 0001'a' 00 'x'", NULL, "31 05 0001'a' 00", NULL, MQTT_ERROR_DUP},
    {"40 02 0001", NULL, NULL, NULL, MQTT_ERROR_TYPE},
    {"30 04 0001'#' 00", NULL, NULL, NULL, MQTT_ERROR_TOPIC_NAME_WILDCARD},
};

static void check_in_place(const char *before, const char *after, int32_t result,
                           struct test_block block)
{
    const struct test_block expected = test_parse(after != NULL ? after : before);

    if (after != NULL)
        ck_assert_int_eq(result, (int32_t)expected.length);
    else
        ck_assert_int_lt(result, MQTT_PACKET_INCOMPLETE);
    test_assert_bytes(before, block.bytes, expected.bytes, expected.length);
    test_free(expected);
    test_free(block);
}

START_TEST(publish_changed_in_place)
{
    const struct in_place_case *const test = &in_place[_i];
    struct test_block block = test_parse(test->bytes);
    int32_t result = mqtt_v5_publish_set_dup(block.bytes, block.length, true);

    if (test->dup == NULL)
        ck_assert_int_eq(result, test->status);
    check_in_place(test->bytes, test->dup, result, block);
    block = test_parse(test->bytes);
    result = mqtt_v5_publish_set_retain(block.bytes, block.length, true);
    check_in_place(test->bytes, test->retained, result, block);
    block = test_parse(test->bytes);
    result = mqtt_v5_publish_set_packet_id(block.bytes, block.length, 0x0102);
    if (test->identified == NULL && test->retained != NULL)
        ck_assert_int_eq(result, MQTT_ERROR_PACKET_ID_AT_QOS_0);
    check_in_place(test->bytes, test->identified, result, block);
    if (test->identified != NULL) {
        block = test_parse(test->bytes);
        ck_assert_int_eq(mqtt_v5_publish_set_packet_id(block.bytes, block.length, 0),
                         MQTT_ERROR_PACKET_ID_ZERO);
        ck_assert_int_eq(mqtt_v5_publish_set_dup(block.bytes, block.length - 2, true),
                         MQTT_PACKET_INCOMPLETE);
        ck_assert_int_gt(mqtt_v5_publish_set_dup(block.bytes, block.length, false), 0);
        ck_assert_int_gt(mqtt_v5_publish_set_retain(block.bytes, block.length, false), 0);
        ck_assert_uint_eq(block.bytes[0] & 0x09, 0);
        test_free(block);
    }
}
END_TEST

/* ---- Filters and payloads --------------------------------------------------------------------- */

struct filter_case {
    struct mqtt_string filter;
    bool is_valid;
    const char *share_name; /* NULL: not of a shared subscription */
    const char *matched;
};

static const struct filter_case filters[] = {
    {TEXT("a/+/#"), true, NULL, NULL},
    {TEXT("$share/consumer1/sport/tennis/+"), true, "consumer1", "sport/tennis/+"},
    {TEXT("$share/consumer1//finance"), true, "consumer1", "/finance"},
    {TEXT("$share/n/#"), true, "n", "#"},
    {TEXT("$share/n//"), true, "n", "/"},
    {TEXT("$share/\xC3\xA4/x"), true, "\xC3\xA4", "x"},
    {TEXT("$share/$share/x"), true, "$share", "x"},
    {TEXT("$share"), true, NULL, NULL},
    {TEXT("$shared/a"), true, NULL, NULL},
    {TEXT("$Share/a"), true, NULL, NULL},
    {TEXT("xshare//"), true, NULL, NULL},
    {TEXT("$xhare//"), true, NULL, NULL},
    {TEXT("$sxare//"), true, NULL, NULL},
    {TEXT("$shxre//"), true, NULL, NULL},
    {TEXT("$shaxe//"), true, NULL, NULL},
    {TEXT("$sharx//"), true, NULL, NULL},
    {TEXT("$sharex//"), true, NULL, NULL},
    {TEXT("x/$share//"), true, NULL, NULL},
    {TEXT("$share/"), false, NULL, NULL},
    {TEXT("$share//"), false, NULL, NULL},
    {TEXT("$share//a"), false, NULL, NULL},
    {TEXT("$share/n"), false, NULL, NULL},
    {TEXT("$share/n/"), false, NULL, NULL},
    {TEXT("$share/+/a"), false, NULL, NULL},
    {TEXT("$share/#"), false, NULL, NULL},
    {TEXT("$share/n#/a"), false, NULL, NULL},
    {TEXT("$share/n/a#"), false, "n", "a#"},
    {TEXT("$share/n/a\xFF"), false, "n", "a\xFF"},
    {TEXT("$share/\xFF/a"), false, "\xFF", "a"},
    {TEXT(""), false, NULL, NULL},
    {TEXT("a#"), false, NULL, NULL},
    {{test_letters, 65536}, false, NULL, NULL},
};

START_TEST(shared_filter)
{
    const struct filter_case *const test = &filters[_i];
    const struct test_block block = test_copy(test->filter.data, test->filter.length);
    const struct mqtt_string filter = {(const char *)block.bytes, block.length};
    struct mqtt_string name;
    struct mqtt_string matched;

    ck_assert_int_eq(mqtt_v5_topic_filter_is_valid(filter), test->is_valid);
    ck_assert_int_eq(mqtt_v5_shared_filter(filter, &name, &matched), test->share_name != NULL);
    test_assert_string("name", name,
                       mqtt_string_from(test->share_name != NULL ? test->share_name : ""));
    test_assert_string("matched", matched,
                       test->matched != NULL ? mqtt_string_from(test->matched) : test->filter);
    test_free(block);
}
END_TEST

struct payload_case {
    const char *bytes;
    bool is_utf8;
};

static const struct payload_case payloads[] = {
    {"", true},
    {"'plain text'", true},
    {"00", true},
    {"00 'a' 00 00 'b'", true},
    {"61*70000 00 61*70000", true},
    {"01*40", true}, /* control characters are allowed */
    {"7F", true},
    {"C3 A4", true},
    {"61*40 C3 A4 61*40 E2 82 AC F0 9F 98 80 00", true},
    {"E6 B8 A9 E6 B8 A9 E6 B8 A9 E6 B8 A9 E6 B8 A9 E6 B8 A9 E6 B8 A9 E6 B8 A9", true},
    {"80", false},
    {"C0 80", false},
    {"ED A0 80", false},
    {"F4 90 80 80", false},
    {"61*40 C3", false},
    {"00 80", false},
    {"00 E2 82", false},
    {"61*64 FF 61", false},
};

START_TEST(payload_is_utf8)
{
    const struct test_block block = test_parse(payloads[_i].bytes);
    const struct test_block guarded = test_copy_before_guard(block.bytes, block.length);
    const struct mqtt_bytes payload = {guarded.bytes, guarded.length};

    ck_assert_int_eq(mqtt_v5_payload_is_utf8(payload), payloads[_i].is_utf8);
    test_free(guarded);
    test_free(block);
}
END_TEST

/* ---- A PUBLISH by both decoders --------------------------------------------------------------- */

/* The bytes after the first one that decide where the fields of a PUBLISH stand; 23 is Topic Alias. */
static const uint8_t deciding[] = {0x00, 0x01, 0x03, 0x23, 0x41, 0x7F, 0x80, 0x81, 0xFF};

static void judge_publish(const uint8_t *bytes, size_t length)
{
    struct mqtt_v5_packet packet;
    struct mqtt_v5_fixed_header header;
    struct mqtt_v5_publish expected;
    const struct mqtt_v5_publish *const publish = &packet.as.publish;
    int32_t status = mqtt_v5_decode_fixed_header(&header, bytes, length);
    const int32_t result = mqtt_v5_decode(&packet, bytes, length);

    if (status >= 0 && length - (size_t)status < header.remaining_length)
        status = MQTT_PACKET_INCOMPLETE;
    if (status >= 0)
        status = mqtt_v5_decode_publish_header(&expected, bytes, length);
    if (status >= 0)
        status += (int32_t)expected.payload.length;
    if (result != status ||
        (status > 0 && (publish->topic.data != expected.topic.data ||
                        publish->topic.length != expected.topic.length ||
                        publish->packet_id != expected.packet_id ||
                        publish->properties.encoded.length != expected.properties.encoded.length ||
                        publish->payload.data != bytes + status - expected.payload.length ||
                        publish->payload.length != expected.payload.length)))
        ck_abort_msg("%02X %02X %02X %02X %02X %02X %02X: %d, not %d", bytes[0], bytes[1], bytes[2],
                     bytes[3], bytes[4], bytes[5], bytes[6], (int)result, (int)status);
}

/* mqtt_v5_decode and mqtt_v5_decode_publish_header read the same fields, whatever the lengths of the
 * packet, its topic name and its properties, valid or not, with more bytes after the packet. */
START_TEST(a_publish_is_read_alike_by_both_decoders)
{
    const size_t length = 2200000; /* longer than a remaining length of 2,097,152 */
    uint8_t *const bytes = (uint8_t *)malloc(length);
    unsigned choice;

    ck_assert_ptr_nonnull(bytes);
    memset(bytes, 'a', length);
    /* No properties, after a topic name whose length is taken from the remaining length by mistake. */
    bytes[4 + 0x8003] = 0;
    bytes[4 + 0x8103] = 0;
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

int main(void)
{
    Suite *suite = suite_create("functions_v5");
    TCase *tests = tcase_create("functions_v5");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, protocol_level, 0, COUNT(levels));
    tcase_add_loop_test(tests, integer, 0, COUNT(integers));
    tcase_add_loop_test(tests, publish_header_that_is_refused, 0, COUNT(publish_headers));
    tcase_add_loop_test(tests, one_property, 0, COUNT(properties));
    tcase_add_test(tests, bits_of_without);
    tcase_add_test(tests, properties_of_both_kinds_in_order);
    tcase_add_test(tests, properties_stay_in_bounds);
    tcase_add_loop_test(tests, forwarded_properties, 0, COUNT(forwards));
    tcase_add_test(tests, many_properties);
    tcase_add_loop_test(tests, encoded_structs, 0, COUNT(encodes));
    tcase_add_test(tests, subscriptions_that_are_refused);
    tcase_add_test(tests, lists_and_their_iterators);
    tcase_add_test(tests, options_as_they_are);
    tcase_add_loop_test(tests, publish_changed_in_place, 0, COUNT(in_place));
    tcase_add_loop_test(tests, a_publish_is_read_alike_by_both_decoders, 0, 2 * COUNT(deciding));
    tcase_add_loop_test(tests, shared_filter, 0, COUNT(filters));
    tcase_add_loop_test(tests, payload_is_utf8, 0, COUNT(payloads));
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
