/* What the tests share: bytes written as text, memory in which a single byte too many is noticed,
 * and the comparison of packets. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Check writes to a file at each assertion that holds. Some tests have millions of them. */
#if defined(CHECK_MAJOR_VERSION)
#undef ck_assert_msg
#define ck_assert_msg(holds, ...)                                                                  \
    do {                                                                                           \
        if (!(holds))                                                                              \
            ck_abort_msg(__VA_ARGS__);                                                             \
    } while (0)
#endif

#include "mqtt_codec.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
#define BINARY(literal)                                                                            \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

/* 65,536 times the letter a; set by test_main. */
extern char test_letters[65536];

/* `length` bytes: an exact-size block on the heap, or in pages of their own between two that may
 * not be touched. */
struct test_block {
    uint8_t *bytes;
    size_t length;
    void *pages; /* NULL: on the heap */
    size_t pages_length;
};

/* Bytes from text: hexadecimal digits in pairs, 'characters in quotes', and *N after a byte, which
 * stands N times. Blanks and | are for the eye. */
struct test_block test_parse(const char *text);
struct test_block test_copy(const void *bytes, size_t length);
struct test_block test_copy_before_guard(const void *bytes, size_t length);
struct test_block test_copy_behind_guard(const void *bytes, size_t length);
void test_free(struct test_block block);

/* Fills with bytes that depend on their place, and asserts that they are still there. */
void test_fill(uint8_t *bytes, size_t length);
void test_assert_untouched(const uint8_t *bytes, size_t length);

void test_assert_bytes(const char *name, const uint8_t *actual, const uint8_t *expected,
                       size_t length);
void test_assert_string(const char *name, struct mqtt_string actual, struct mqtt_string expected);
void test_assert_binary(const char *name, struct mqtt_bytes actual, struct mqtt_bytes expected);

/* Asserts that the two say the same; lists are compared through mqtt_next_…. */
void test_assert_packet(const char *name, const struct mqtt_packet *actual,
                        const struct mqtt_packet *expected);

/* Runs a suite and returns main's result. */
int test_main(Suite *suite);

#endif
