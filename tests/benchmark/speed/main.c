/* speed about:        with what it is built
 * speed count:        runs each work many times, for callgrind to count; prints name and packets
 * speed grow:         runs each point of each curve, likewise; prints what it has run
 * speed time SECONDS: prints name and nanoseconds per packet, the least of many repeats
 * speed stream 4|5:   prints the packets of the stream of 3.1.1 or 5.0, in hexadecimal */
#define _POSIX_C_SOURCE 200809L

#include "works.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CALLS        200
#define REPEAT_NANOS 20000 /* of one work in a row: long for the clock, short for an interruption */

static volatile int32_t sink;

static bool count(void)
{
    size_t i;
    int call;

    for (i = 0; i < works_count; i++) {
        for (call = 0; call < CALLS; call++)
            sink = works[i].run();
        printf("%s\t%u\n", works[i].name, (unsigned)works[i].packets);
    }
    return true;
}

/* ---- Curves ----------------------------------------------------------------------------------- */

/* callgrind keeps apart what a function costs when others call it: so that each point has a cost of
 * its own, each is called by a function of its own. The number keeps them from being folded. */
#define POINT(number)                                                                              \
    __attribute__((noinline)) int point_##number(int32_t (*run)(void))                             \
    {                                                                                              \
        sink = run();                                                                              \
        return sink > 0 ? number : -1;                                                             \
    }
#define TEN_POINTS(tens)                                                                           \
    POINT(tens##0)                                                                                 \
    POINT(tens##1)                                                                                 \
    POINT(tens##2)                                                                                 \
    POINT(tens##3)                                                                                 \
    POINT(tens##4)                                                                                 \
    POINT(tens##5)                                                                                 \
    POINT(tens##6)                                                                                 \
    POINT(tens##7)                                                                                 \
    POINT(tens##8)                                                                                 \
    POINT(tens##9)
#define TEN_NAMES(tens)                                                                            \
    point_##tens##0, point_##tens##1, point_##tens##2, point_##tens##3, point_##tens##4,           \
        point_##tens##5, point_##tens##6, point_##tens##7, point_##tens##8, point_##tens##9,
/* 1000 to 1299: no number begins with 0, which would be octal. */
#define FIRST_POINT 1000
#define ALL(DO)                                                                                    \
    DO(100)                                                                                        \
    DO(101)                                                                                        \
    DO(102)                                                                                        \
    DO(103)                                                                                        \
    DO(104)                                                                                        \
    DO(105)                                                                                        \
    DO(106)                                                                                        \
    DO(107)                                                                                        \
    DO(108)                                                                                        \
    DO(109)                                                                                        \
    DO(110)                                                                                        \
    DO(111)                                                                                        \
    DO(112)                                                                                        \
    DO(113)                                                                                        \
    DO(114)                                                                                        \
    DO(115)                                                                                        \
    DO(116)                                                                                        \
    DO(117)                                                                                        \
    DO(118)                                                                                        \
    DO(119)                                                                                        \
    DO(120)                                                                                        \
    DO(121)                                                                                        \
    DO(122)                                                                                        \
    DO(123)                                                                                        \
    DO(124)                                                                                        \
    DO(125)                                                                                        \
    DO(126)                                                                                        \
    DO(127)                                                                                        \
    DO(128)                                                                                        \
    DO(129)

ALL(TEN_POINTS)

static int (*const points[])(int32_t (*run)(void)) = {ALL(TEN_NAMES)};
#define POINTS ((int)(sizeof points / sizeof points[0]))

/* 0, 1, 2, 5, 10, 20, 50 and so on */
static uint32_t next_step(uint32_t units)
{
    uint32_t decade = 1;

    if (units == 0)
        return 1;
    while (units / decade >= 10)
        decade *= 10;
    return units / decade == 2 ? 5 * decade : 2 * units;
}

static bool grow_curve(const struct curve *curve)
{
    const bool every_unit = strcmp(curve->shape, "smooth") == 0;
    uint32_t units = curve->least;
    int point = 0;

    for (;;) {
        if (units > curve->most)
            units = curve->most;
        curve->prepare(units);
        if (point == POINTS || points[point](curve->run) != FIRST_POINT + point)
            return false;
        printf("%s\t%s\t%s\t%s\t%d\t%u\n", curve->name, curve->plot, curve->unit, curve->shape,
               FIRST_POINT + point, (unsigned)units);
        if (units == curve->most)
            return true;
        units = every_unit ? units + 1 : next_step(units);
        point++;
    }
}

static bool grow(void)
{
    size_t i;

    for (i = 0; i < curves_count; i++) {
        if (!grow_curve(&curves[i])) {
            fprintf(stderr, "speed: the curve %s has failed\n", curves[i].name);
            return false;
        }
    }
    return true;
}

/* ---- Time ------------------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double nanos(const struct work *work, unsigned long calls)
{
    const double start = now();
    unsigned long call;

    for (call = 0; call < calls; call++)
        sink = work->run();
    return now() - start;
}

/* The works take turns, so that what else the machine does hits them all alike. */
static bool measure(double seconds)
{
    const double end = now() + seconds * 1e9;
    unsigned long *const calls = calloc(works_count, sizeof *calls);
    double *const least = calloc(works_count, sizeof *least);
    const bool enough = calls != NULL && least != NULL;
    size_t i;

    for (i = 0; enough && i < works_count; i++) {
        calls[i] = 1;
        while ((least[i] = nanos(&works[i], calls[i])) < REPEAT_NANOS)
            calls[i] *= 2;
    }
    while (enough && now() < end) {
        for (i = 0; i < works_count; i++) {
            const double taken = nanos(&works[i], calls[i]);
            if (taken < least[i])
                least[i] = taken;
        }
    }
    for (i = 0; enough && i < works_count; i++)
        printf("%s\t%.2f\n", works[i].name, least[i] / (double)calls[i] / (double)works[i].packets);
    free(calls);
    free(least);
    return enough;
}

/* ----------------------------------------------------------------------------------------------- */

static void print_packet(const uint8_t *bytes, size_t length)
{
    size_t i;

    for (i = 0; i < length; i++)
        printf("%02x", bytes[i]);
    printf("\n");
}

/* A work that fails would be fast. */
static bool all_right(void)
{
    size_t i;

    works_fill();
    for (i = 0; i < works_count; i++) {
        sink = works[i].run();
        if (sink != works[i].expected) {
            fprintf(stderr, "speed: %s gives %ld, not %ld\n", works[i].name, (long)sink,
                    (long)works[i].expected);
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    const char *const mode = argc > 1 ? argv[1] : "";
    bool done = false;

    if (!all_right())
        return EXIT_FAILURE;
    if (strcmp(mode, "about") == 0) {
        works_about();
        done = true;
    } else if (strcmp(mode, "count") == 0)
        done = count();
    else if (strcmp(mode, "grow") == 0)
        done = grow();
    else if (strcmp(mode, "time") == 0 && argc == 3)
        done = measure(strtod(argv[2], NULL));
    else if (strcmp(mode, "stream") == 0 && argc == 3) {
        works_stream(strcmp(argv[2], "5") == 0, print_packet);
        done = true;
    } else
        fprintf(stderr, "usage: speed about | count | grow | time SECONDS | stream 4|5\n");
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
