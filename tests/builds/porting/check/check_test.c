/* The stand-in counts what fails: one test for each of its macros, which fails, and one that passes.
 * Expected by targets.py: "stand-in: N tests, N checks, N - 1 failed". */
#include <check.h>

START_TEST(passes)
{
    ck_assert_int_eq(_i, 0);
}
END_TEST

#define FAILS(name, statement)                                                                     \
    START_TEST(name)                                                                               \
    {                                                                                              \
        statement;                                                                                 \
    }                                                                                              \
    END_TEST

FAILS(condition, ck_assert(_i != 0))
FAILS(message, ck_assert_msg(_i != 0, "a message"))
FAILS(aborts, ck_abort_msg("a message"))
FAILS(int_eq, ck_assert_int_eq(_i, -1))
FAILS(int_ge, ck_assert_int_ge(_i, 1))
FAILS(int_gt, ck_assert_int_gt(_i, 0))
FAILS(int_lt, ck_assert_int_lt(_i, 0))
FAILS(int_ne, ck_assert_int_ne(_i, 0))
FAILS(uint_eq, ck_assert_uint_eq(5u, 6u))
FAILS(uint_ge, ck_assert_uint_ge(5u, 6u))
FAILS(uint_gt, ck_assert_uint_gt(5u, 5u))
FAILS(uint_le, ck_assert_uint_le(UINTMAX_MAX, 5u))
FAILS(uint_ne, ck_assert_uint_ne(5u, 5u))
FAILS(ptr_eq, ck_assert_ptr_eq("a", NULL))
FAILS(ptr_ne, ck_assert_ptr_ne(NULL, NULL))
FAILS(ptr_null, ck_assert_ptr_null(&_i))
FAILS(ptr_nonnull, ck_assert_ptr_nonnull(NULL))
FAILS(str_eq, ck_assert_str_eq("a", "b"))
FAILS(str_ne, ck_assert_str_ne("a", "a"))

int main(void)
{
    Suite *suite = suite_create("stand-in");
    TCase *tests = tcase_create("all");
    SRunner *runner = srunner_create(suite);

    tcase_add_test(tests, condition);
    tcase_add_test(tests, message);
    tcase_add_test(tests, aborts);
    tcase_add_test(tests, int_eq);
    tcase_add_test(tests, int_ge);
    tcase_add_test(tests, int_gt);
    tcase_add_test(tests, int_lt);
    tcase_add_test(tests, int_ne);
    tcase_add_test(tests, uint_eq);
    tcase_add_test(tests, uint_ge);
    tcase_add_test(tests, uint_gt);
    tcase_add_test(tests, uint_le);
    tcase_add_test(tests, uint_ne);
    tcase_add_test(tests, ptr_eq);
    tcase_add_test(tests, ptr_ne);
    tcase_add_test(tests, ptr_null);
    tcase_add_test(tests, ptr_nonnull);
    tcase_add_test(tests, str_eq);
    tcase_add_test(tests, str_ne);
    tcase_add_test(tests, passes);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    return srunner_ntests_failed(runner) == 0 ? 0 : 1;
}
