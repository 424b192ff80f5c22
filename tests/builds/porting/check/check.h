/* As much of the Check library as the tests use, in one process without fork: for targets for which
 * there is no libcheck. The first assertion of a test that fails ends that test. */
#ifndef PORTING_CHECK_H
#define PORTING_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Suite Suite;
typedef struct TCase TCase;
typedef struct SRunner SRunner;

typedef struct {
    const char *name;
    void (*run)(int _i);
} TTest;

enum print_output {
    CK_NORMAL
};

Suite *suite_create(const char *name);
void suite_add_tcase(Suite *suite, TCase *tcase);
TCase *tcase_create(const char *name);
void tcase_add_loop_test(TCase *tcase, const TTest *test, int start, int end);
void tcase_set_timeout(TCase *tcase, double seconds); /* left to who runs the program */
SRunner *srunner_create(Suite *suite);
void srunner_run_all(SRunner *runner, enum print_output mode);
int srunner_ntests_failed(SRunner *runner);
void srunner_free(SRunner *runner);

#define tcase_add_test(tcase, test) tcase_add_loop_test(tcase, test, 0, 1)

#define START_TEST(test)                                                                           \
    static void test##_run(int _i);                                                                \
    static const TTest test[1] = {{#test, test##_run}};                                            \
    static void test##_run(int _i)                                                                 \
    {                                                                                              \
        (void)_i;
#define END_TEST }

/* Prints what does not hold and ends the test. */
void check_fail(const char *file, int line, const char *format, ...) __attribute__((noreturn));

extern unsigned long long check_assertions;

#define CHECK(holds, ...)                                                                          \
    do {                                                                                           \
        check_assertions++;                                                                        \
        if (!(holds))                                                                              \
            check_fail(__FILE__, __LINE__, __VA_ARGS__);                                           \
    } while (0)

#define ck_assert(condition)          CHECK(condition, "%s", #condition)
#define ck_assert_msg(condition, ...) CHECK(condition, __VA_ARGS__)
/* Not counted: it stands where something does not hold. */
#define ck_abort_msg(...) check_fail(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK_NUMBERS(type, format, x, op, y)                                                      \
    do {                                                                                           \
        const type x_ = (x);                                                                       \
        const type y_ = (y);                                                                       \
        CHECK(x_ op y_, "%s: " format ", " format, #x " " #op " " #y, x_, y_);                     \
    } while (0)
#define CHECK_INT(x, op, y)  CHECK_NUMBERS(intmax_t, "%jd", x, op, y)
#define CHECK_UINT(x, op, y) CHECK_NUMBERS(uintmax_t, "%ju", x, op, y)

#define ck_assert_int_eq(x, y)   CHECK_INT(x, ==, y)
#define ck_assert_int_ge(x, y)   CHECK_INT(x, >=, y)
#define ck_assert_int_gt(x, y)   CHECK_INT(x, >, y)
#define ck_assert_int_lt(x, y)   CHECK_INT(x, <, y)
#define ck_assert_int_ne(x, y)   CHECK_INT(x, !=, y)
#define ck_assert_uint_eq(x, y)  CHECK_UINT(x, ==, y)
#define ck_assert_uint_ge(x, y)  CHECK_UINT(x, >=, y)
#define ck_assert_uint_gt(x, y)  CHECK_UINT(x, >, y)
#define ck_assert_uint_le(x, y)  CHECK_UINT(x, <=, y)
#define ck_assert_uint_ne(x, y)  CHECK_UINT(x, !=, y)
#define ck_assert_ptr_eq(x, y)   ck_assert((const void *)(x) == (const void *)(y))
#define ck_assert_ptr_ne(x, y)   ck_assert((const void *)(x) != (const void *)(y))
#define ck_assert_ptr_null(x)    ck_assert((x) == NULL)
#define ck_assert_ptr_nonnull(x) ck_assert((x) != NULL)
#define ck_assert_str_eq(x, y)   ck_assert(strcmp((x), (y)) == 0)
#define ck_assert_str_ne(x, y)   ck_assert(strcmp((x), (y)) != 0)

#endif
