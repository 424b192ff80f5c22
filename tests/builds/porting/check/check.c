#include "check.h"

#include "mqtt_codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_TESTS 32

struct TCase {
    const TTest *tests[MOST_TESTS];
    int starts[MOST_TESTS];
    int ends[MOST_TESTS];
    size_t count;
};

struct Suite {
    const char *name;
    TCase *tcase;
    int failed;
};

struct SRunner {
    Suite *suite;
};

static struct Suite only_suite;
static struct TCase only_tcase;
static struct SRunner only_runner;

static const char *running_name;
static int running_i;
static jmp_buf end_of_test;
unsigned long long check_assertions;

/* What this does not offer must not be left out in silence. */
static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "the stand-in of Check: %s\n", what);
        abort();
    }
}

Suite *suite_create(const char *name)
{
    require(only_suite.name == NULL, "more than one suite");
    only_suite.name = name;
    return &only_suite;
}

TCase *tcase_create(const char *name)
{
    (void)name;
    return &only_tcase;
}

void suite_add_tcase(Suite *suite, TCase *tcase)
{
    require(suite->tcase == NULL, "more than one test case");
    suite->tcase = tcase;
}

void tcase_add_loop_test(TCase *tcase, const TTest *test, int start, int end)
{
    require(tcase->count < MOST_TESTS, "too many tests");
    tcase->tests[tcase->count] = test;
    tcase->starts[tcase->count] = start;
    tcase->ends[tcase->count] = end;
    tcase->count++;
}

void tcase_set_timeout(TCase *tcase, double seconds)
{
    (void)tcase;
    (void)seconds;
}

SRunner *srunner_create(Suite *suite)
{
    only_runner.suite = suite;
    return &only_runner;
}

/* CHECK_LEAVE_OUT: what a machine has no memory for, as {NAME, I}, rows. */
#if !defined(CHECK_LEAVE_OUT)
#define CHECK_LEAVE_OUT
#endif

static const struct {
    const char *name;
    int i;
} left_out[] = {CHECK_LEAVE_OUT{"", 0}};

static bool is_left_out(const TTest *test, int i)
{
    size_t k;

    for (k = 0; k < sizeof left_out / sizeof left_out[0]; k++) {
        if (left_out[k].i == i && strcmp(left_out[k].name, test->name) == 0)
            return true;
    }
    return false;
}

static bool passes(const TTest *test, int i)
{
    running_name = test->name;
    running_i = i;
    if (setjmp(end_of_test) != 0)
        return false;
    test->run(i);
    return true;
}

void srunner_run_all(SRunner *runner, enum print_output mode)
{
    Suite *suite = runner->suite;
    const TCase *tcase = suite->tcase;
    unsigned long tests = 0;
    size_t k;
    int i;

    (void)mode;
    require(tcase != NULL, "no test case");
    for (k = 0; k < tcase->count; k++) {
        for (i = tcase->starts[k]; i < tcase->ends[k]; i++) {
            if (is_left_out(tcase->tests[k], i))
                continue;
            tests++;
            suite->failed += !passes(tcase->tests[k], i);
        }
    }
    printf("%s: %lu tests, %llu checks, %d failed, path %d\n", suite->name, tests, check_assertions,
           suite->failed, MQTT_CODEC_SIMD);
}

int srunner_ntests_failed(SRunner *runner)
{
    return runner->suite->failed;
}

void srunner_free(SRunner *runner)
{
    (void)runner;
    fflush(stdout);
}

void check_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    printf("FAILED %s, %d: %s:%d: ", running_name, running_i, file, line);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    longjmp(end_of_test, 1);
}
