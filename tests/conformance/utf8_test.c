/* 1.5.3: every code point, every byte sequence of up to three bytes, and every one of four bytes
 * that begins with F0 to F7, against Table 3-7 of the Unicode Standard. */
#include "support.h"

struct table_3_7_row {
    size_t length;
    uint8_t first[4];
    uint8_t last[4];
};

static const struct table_3_7_row table_3_7[] = {
    {1, {0x00, 0, 0, 0}, {0x7F, 0, 0, 0}},
    {2, {0xC2, 0x80, 0, 0}, {0xDF, 0xBF, 0, 0}},
    {3, {0xE0, 0xA0, 0x80, 0}, {0xE0, 0xBF, 0xBF, 0}},
    {3, {0xE1, 0x80, 0x80, 0}, {0xEC, 0xBF, 0xBF, 0}},
    {3, {0xED, 0x80, 0x80, 0}, {0xED, 0x9F, 0xBF, 0}},
    {3, {0xEE, 0x80, 0x80, 0}, {0xEF, 0xBF, 0xBF, 0}},
    {4, {0xF0, 0x90, 0x80, 0x80}, {0xF0, 0xBF, 0xBF, 0xBF}},
    {4, {0xF1, 0x80, 0x80, 0x80}, {0xF3, 0xBF, 0xBF, 0xBF}},
    {4, {0xF4, 0x80, 0x80, 0x80}, {0xF4, 0x8F, 0xBF, 0xBF}},
};

/* The length of the row that the bytes are of, or 0. */
static size_t row_length(const uint8_t *bytes, size_t length)
{
    size_t row;

    for (row = 0; row < sizeof table_3_7 / sizeof table_3_7[0]; row++) {
        const struct table_3_7_row *r = &table_3_7[row];
        size_t i = 0;
        if (r->length > length)
            continue;
        while (i < r->length && bytes[i] >= r->first[i] && bytes[i] <= r->last[i])
            i++;
        if (i == r->length)
            return i;
    }
    return 0;
}

/* Well-formed, and no U+0000. */
static bool is_valid_by_table(const uint8_t *bytes, size_t length)
{
    size_t i = 0;

    while (i < length) {
        const size_t size = row_length(bytes + i, length - i);
        if (size == 0 || bytes[i] == 0)
            return false;
        i += size;
    }
    return true;
}

static void check_sequence(const uint8_t *bytes, size_t length)
{
    const struct mqtt_string string = {(const char *)bytes, length};
    const bool expected = is_valid_by_table(bytes, length);

    if (mqtt_string_is_valid(string) != expected)
        ck_abort_msg("%zu bytes, %02X …: not %d", length, bytes[0], expected);
}

/* Every value of bytes[place] and of those after it. */
static void check_from(uint8_t *bytes, size_t place, size_t length)
{
    unsigned value;

    if (place == length) {
        check_sequence(bytes, length);
        return;
    }
    for (value = 0; value < 256; value++) {
        bytes[place] = (uint8_t)value;
        check_from(bytes, place + 1, length);
    }
}

START_TEST(sequences_of_up_to_three_bytes)
{
    const size_t length = (size_t)_i;
    const struct test_block block = test_copy(test_letters, length);

    check_from(block.bytes, 0, length);
    test_free(block);
}
END_TEST

START_TEST(sequences_of_four_bytes)
{
    const struct test_block block = test_copy(test_letters, 4);

    block.bytes[0] = (uint8_t)_i;
    check_from(block.bytes, 1, 4);
    test_free(block);
}
END_TEST

/* Table 3-6: the bits of a code point in its bytes. */
static size_t encode_code_point(uint8_t *bytes, uint32_t code_point)
{
    static const uint8_t leads[] = {0x00, 0x00, 0xC0, 0xE0, 0xF0};
    const size_t length = code_point < 0x80      ? 1
                          : code_point < 0x800   ? 2
                          : code_point < 0x10000 ? 3
                                                 : 4;
    size_t i;

    for (i = length - 1; i > 0; i--) {
        bytes[i] = (uint8_t)(0x80 + code_point % 64);
        code_point /= 64;
    }
    bytes[0] = (uint8_t)(leads[length] + code_point);
    return length;
}

static bool is_discouraged(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7F && code_point <= 0x9F) ||
           (code_point >= 0xFDD0 && code_point <= 0xFDEF) || (code_point & 0xFFFE) == 0xFFFE;
}

START_TEST(code_points)
{
    uint32_t code_point;

    for (code_point = 0; code_point < 0x200000; code_point++) {
        uint8_t bytes[4];
        const size_t length = encode_code_point(bytes, code_point);
        const struct test_block block = test_copy(bytes, length);
        const struct mqtt_string string = {(const char *)block.bytes, block.length};
        const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
        const bool valid = code_point != 0 && !surrogate && code_point <= 0x10FFFF;
        if (mqtt_string_is_valid(string) != valid)
            ck_abort_msg("U+%04X: valid is not %d", code_point, valid);
        if (valid && mqtt_string_has_discouraged(string) != is_discouraged(code_point))
            ck_abort_msg("U+%04X: discouraged is not %d", code_point, is_discouraged(code_point));
        test_free(block);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("utf8");
    TCase *tests = tcase_create("all");

    tcase_set_timeout(tests, 240);
    tcase_add_loop_test(tests, sequences_of_up_to_three_bytes, 0, 4);
    tcase_add_loop_test(tests, sequences_of_four_bytes, 0xF0, 0xF8);
    tcase_add_test(tests, code_points);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
