/* 1.5.3 UTF-8 encoded strings: what is valid, what is discouraged, by every path. */
#include "paths.h"
#include "support.h"

struct string_case {
    const char *bytes;
    bool valid;
    bool discouraged; /* of a valid one */
};

static const struct string_case strings[] = {
    {"", true, false},
    {"'a'", true, false},
    {"00", false, false},
    {"'a' 00", false, false},
    {"01", true, true},
    {"1F", true, true},
    {"20", true, false},
    {"7E", true, false},
    {"7F", true, true},
    {"80", false, false},
    {"BF", false, false},
    {"C080", false, false},
    {"C1BF", false, false},
    {"C280", true, true},
    {"C29F", true, true},
    {"C2A0", true, false},
    {"C27F", false, false},
    {"C2C0", false, false},
    {"C2", false, false},
    {"DFBF", true, false},
    {"C39F", true, false},
    {"E09FBF", false, false},
    {"E0A080", true, false},
    {"E0A0", false, false},
    {"E0", false, false},
    {"E1807F", false, false},
    {"E180C0", false, false},
    {"ED9FBF", true, false},
    {"EDA080", false, false},
    {"EDBFBF", false, false},
    {"EE8080", true, false},
    {"EFB78F", true, false},
    {"EFB790", true, true},
    {"EFB7AF", true, true},
    {"EFB7B0", true, false},
    {"EFB890", true, false},
    {"EFBBBF", true, false}, /* U+FEFF [MQTT-1.5.3-3] */
    {"EFBFBD", true, false},
    {"EFBFBE", true, true},
    {"EFBFBF", true, true},
    {"F08FBFBF", false, false},
    {"F0908080", true, false},
    {"F09080", false, false},
    {"F0AA9B94", true, false}, /* U+2A6D4, Figure 1.2 */
    {"F09FBFBD", true, false},
    {"F09FBFBE", true, true},
    {"F09FBFBF", true, true},
    {"F09FBEBF", true, false},
    {"F0AEBFBF", true, false},
    {"F0AFBFBF", true, true},
    {"F0BFBFBE", true, true},
    {"F48FBFBD", true, false},
    {"F48FBFBE", true, true},
    {"F4908080", false, false},
    {"F5808080", false, false},
    {"F8888080 80", false, false},
    {"FE", false, false},
    {"FF", false, false},
    {"'a' C3A9 'b' E697A5 'c' F0908080 'd'", true, false},
    {"'a' C3A9 'b' E697A5 'c' F0908080 7F", true, true},
    {"'a' C3A9 'b' E697A5 'c' F09080 'd'", false, false},
    {"C3A9*2", false, false},
    {"61*65535", true, false},
    {"61*65536", false, false},
    {"61*65534 C3", false, false},
    {"61*65533 C3A9", true, false},
    {"61*65534 C3A9", false, false},
};

static struct mqtt_string string_of(struct test_block block)
{
    const struct mqtt_string string = {(const char *)block.bytes, block.length};

    return string;
}

START_TEST(validity)
{
    const struct string_case *test = &strings[_i];
    const struct test_block parsed = test_parse(test->bytes);
    const struct test_block before = test_copy_before_guard(parsed.bytes, parsed.length);

    ck_assert_msg(default_path.string_is_valid(string_of(parsed)) == test->valid, "%s",
                  test->bytes);
    ck_assert_msg(default_path.string_is_valid(string_of(before)) == test->valid, "%s",
                  test->bytes);
    ck_assert_msg(portable_path.string_is_valid(string_of(before)) == test->valid, "%s",
                  test->bytes);
    if (test->valid)
        ck_assert_msg(mqtt_string_has_discouraged(string_of(before)) == test->discouraged, "%s",
                      test->bytes);
    else /* in bounds, and it ends */
        (void)mqtt_string_has_discouraged(string_of(before));
    test_free(before);
    test_free(parsed);
}
END_TEST

/* Any sixteen bytes in a row that are no ASCII make a string wrong, wherever a block may begin. */
START_TEST(block_that_is_not_ascii)
{
    enum {
        BLOCK = 16
    };
    uint8_t bytes[160];
    size_t length;
    size_t at;

    for (length = BLOCK; length <= sizeof bytes; length++) {
        for (at = 0; at + BLOCK <= length; at++) {
            struct test_block block;
            memset(bytes, 'a', length);
            memset(bytes + at, 0xFF, BLOCK);
            block = test_copy(bytes, length);
            ck_assert(!default_path.string_is_valid(string_of(block)));
            ck_assert(!portable_path.string_is_valid(string_of(block)));
            ck_assert(!mqtt_topic_name_is_valid(string_of(block)));
            test_free(block);
        }
    }
}
END_TEST

/* Before the string there is nothing to read, wherever in it a character that is not ASCII begins. */
START_TEST(nothing_before_a_string)
{
    static const uint8_t two_bytes[] = {0xC3, 0xA9};
    uint8_t bytes[160];
    size_t length;
    size_t ascii;

    for (length = 1; length <= sizeof bytes; length++) {
        for (ascii = length % 2; ascii <= length; ascii += 2) {
            struct test_block block;
            size_t i;
            memset(bytes, 'a', ascii);
            for (i = ascii; i < length; i += 2)
                memcpy(bytes + i, two_bytes, sizeof two_bytes);
            block = test_copy_behind_guard(bytes, length);
            ck_assert(default_path.string_is_valid(string_of(block)));
            ck_assert(portable_path.string_is_valid(string_of(block)));
            test_free(block);
        }
    }
}
END_TEST

/* Letters, or characters of two bytes, of which one byte is another; before a page that may not be
 * read. */
START_TEST(one_wrong_byte)
{
    static const uint8_t pairs[][2] = {{'b', 'b'}, {0xC3, 0xA9}};
    static const uint8_t others[] = {0, 'b', 0xA9, 0xC3, 0xE4, 0xFF};
    const uint8_t *const pair = pairs[_i];
    uint8_t bytes[160];
    size_t length;
    size_t at;
    size_t i;

    for (i = 0; i < sizeof bytes; i += 2)
        memcpy(bytes + i, pair, 2);
    for (length = 1; length <= sizeof bytes; length++) {
        const struct test_block block = test_copy_before_guard(bytes, length);
        const bool is_whole = pair[0] == 'b' || length % 2 == 0;
        for (at = 0; at < length; at++) {
            const uint8_t right = block.bytes[at];
            for (i = 0; i < sizeof others; i++) {
                const bool is_valid = is_whole && others[i] == right;
                block.bytes[at] = others[i];
                if (is_whole || at + 1 < length)
                    ck_assert(default_path.string_is_valid(string_of(block)) == is_valid &&
                              portable_path.string_is_valid(string_of(block)) == is_valid);
            }
            block.bytes[at] = right;
        }
        test_free(block);
    }
}
END_TEST

START_TEST(string_from_c_string)
{
    static const char text[] = "a\xC3\xA9";

    ck_assert_ptr_eq(mqtt_string_from(text).data, text);
    ck_assert_uint_eq(mqtt_string_from(text).length, 3);
    ck_assert_uint_eq(mqtt_string_from("").length, 0);
    ck_assert_uint_eq(mqtt_string_from("a\0b").length, 1);
}
END_TEST

/* Byte for byte, at every length and with every byte another one, at the end of its block. */
START_TEST(equality)
{
    uint8_t bytes[70];
    size_t length;
    size_t i;

    memset(bytes, 'a', sizeof bytes);
    for (length = 0; length <= sizeof bytes; length++) {
        const struct test_block a = test_copy_before_guard(bytes, length);
        const struct test_block b = test_copy_before_guard(bytes, length);
        ck_assert(mqtt_string_equals(string_of(a), string_of(b)));
        for (i = 0; i < length; i++) {
            const struct mqtt_string shorter = {string_of(b).data, i};
            ck_assert(!mqtt_string_equals(string_of(a), shorter));
            ck_assert(!mqtt_string_equals(shorter, string_of(a)));
            b.bytes[i] = 'b';
            ck_assert(!mqtt_string_equals(string_of(a), string_of(b)));
            b.bytes[i] = 'a';
        }
        test_free(a);
        test_free(b);
    }
    ck_assert(mqtt_string_equals(mqtt_string_from(""), (struct mqtt_string){NULL, 0}));
    /* [MQTT-4.7.3-4]: no normalization, no folding of case. */
    ck_assert(!mqtt_string_equals(mqtt_string_from("A"), mqtt_string_from("a")));
    ck_assert(!mqtt_string_equals(mqtt_string_from("\xC3\xA9"), mqtt_string_from("e\xCC\x81")));
}
END_TEST

START_TEST(bytes_from_pointer_and_length)
{
    static const char text[] = "a\0b";
    const struct mqtt_bytes bytes = mqtt_bytes_from(text, 3);

    ck_assert_ptr_eq(bytes.data, (const uint8_t *)text);
    ck_assert_uint_eq(bytes.length, 3);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    Suite *suite = suite_create("strings");
    TCase *tests = tcase_create("strings");

    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, validity, 0, COUNT(strings));
    tcase_add_test(tests, block_that_is_not_ascii);
    tcase_add_test(tests, nothing_before_a_string);
    tcase_add_loop_test(tests, one_wrong_byte, 0, 2);
    tcase_add_test(tests, string_from_c_string);
    tcase_add_test(tests, equality);
    tcase_add_test(tests, bytes_from_pointer_and_length);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
