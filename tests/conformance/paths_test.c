/* The path that the compiler offers and the portable one, which other tests hold to the standard, on
 * the same strings and topics, in blocks of exactly their length. A program of its own, without
 * Check, so that it also runs under the emulation of another machine. */
#if defined(MQTT_CODEC_SIMD)
#define EXPECTED_SIMD MQTT_CODEC_SIMD
#elif defined(__OPTIMIZE_SIZE__)
#define EXPECTED_SIMD 0
#elif defined(__AVX2__)
#define EXPECTED_SIMD 3
#elif defined(__SSE2__)
#define EXPECTED_SIMD 1
#elif defined(__aarch64__)
#define EXPECTED_SIMD 2
#else
#define EXPECTED_SIMD 0
#endif

#include "paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if !defined(LONGEST)
#define LONGEST 80 /* bytes of a string that is tried at every length */
#endif

struct sequence {
    uint8_t bytes[4];
    size_t length;
    bool is_string;
    bool is_name;
};

static const struct sequence sequences[] = {
    {{0xC2, 0x80}, 2, true, true},
    {{0xC3, 0x28}, 2, false, false},
    {{0xE6, 0x97, 0xA5}, 3, true, true},
    {{0xED, 0xA0, 0x80}, 3, false, false},
    {{0xF0, 0x90, 0x80, 0x80}, 4, true, true},
    {{0xF4, 0x90, 0x80, 0x80}, 4, false, false},
};

static unsigned long compared;

static bool agree(const uint8_t *bytes, size_t length, bool is_string, bool is_name)
{
    const struct mqtt_string string = {(const char *)bytes, length};

    compared++;
    return default_path.string_is_valid(string) == is_string &&
           portable_path.string_is_valid(string) == is_string &&
           default_path.topic_name_is_valid(string) == is_name &&
           portable_path.topic_name_is_valid(string) == is_name &&
           default_path.topic_filter_is_valid(string) ==
               portable_path.topic_filter_is_valid(string);
}

/* The sequence at every place of `length` letters, at each of 16 offsets into a block. */
static bool check(const struct sequence *sequence, size_t length)
{
    size_t offset;
    size_t place;
    size_t i;

    for (offset = 0; offset < 16; offset++) {
        uint8_t *block = malloc(offset + length);
        uint8_t *bytes = block + offset;
        if (block == NULL)
            return false;
        for (i = 0; i < length; i++)
            bytes[i] = 'a';
        for (place = 0; place + sequence->length <= length; place++) {
            for (i = 0; i < sequence->length; i++)
                bytes[place + i] = sequence->bytes[i];
            if (!agree(bytes, length, sequence->is_string, sequence->is_name)) {
                printf("%02X at %zu of %zu bytes, offset %zu\n", sequence->bytes[0], place, length,
                       offset);
                free(block);
                return false;
            }
            for (i = 0; i < sequence->length; i++)
                bytes[place + i] = 'a';
        }
        free(block);
    }
    return true;
}

/* What a string is filled with, its last character cut where the string ends. */
static const char *const fillers[] = {
    "a",
    "\xC3\xA9",
    "\xE6\x97\xA5",
    "\xE0\xA4\x85",
    "\xED\x9F\xBF",
    "\xF0\x9F\x98\x80",
    "a\xC3\xA9\xE6\x97\xA5-",
};

/* The first and the last byte of every class that Table 3-7 of the Unicode Standard, or a topic,
 * tells apart. */
static const uint8_t limits[] = {
    0x00, 0x01, '#',  '+',  ',',  '/',  0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1,
    0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
};

#define LIMITS (sizeof limits / sizeof limits[0])

static bool paths_agree(const uint8_t *bytes, size_t length)
{
    const struct mqtt_string string = {(const char *)bytes, length};

    return agree(bytes, length, portable_path.string_is_valid(string),
                 portable_path.topic_name_is_valid(string));
}

/* Each run of `run` limits at `place` of `length` bytes of a filler. */
static bool check_limits(const char *filler, size_t length, size_t place, size_t run)
{
    const size_t filler_length = strlen(filler);
    uint8_t *bytes = malloc(length);
    size_t runs = 1;
    size_t i;
    size_t j;
    bool result = true;

    if (bytes == NULL)
        return false;
    for (i = 0; i < length; i++)
        bytes[i] = (uint8_t)filler[i % filler_length];
    for (i = 0; i < run; i++)
        runs *= LIMITS;
    for (i = 0; i < runs && result; i++) {
        size_t rest = i;
        for (j = 0; j < run; j++) {
            bytes[place + j] = limits[rest % LIMITS];
            rest /= LIMITS;
        }
        result = paths_agree(bytes, length);
        if (!result)
            printf("%s, run %zu of limits at %zu of %zu bytes\n", filler, i, place, length);
    }
    free(bytes);
    return result;
}

/* A filler up to `place`, from there on one of the limits again and again. */
static bool check_tails(const char *filler, size_t length, size_t place)
{
    const size_t filler_length = strlen(filler);
    uint8_t *bytes = malloc(length);
    size_t i;
    size_t j;
    bool result = true;

    if (bytes == NULL)
        return false;
    for (i = 0; i < place; i++)
        bytes[i] = (uint8_t)filler[i % filler_length];
    for (i = 0; i < LIMITS && result; i++) {
        for (j = place; j < length; j++)
            bytes[j] = limits[i];
        result = paths_agree(bytes, length);
        if (!result)
            printf("%s, then %02X from %zu to %zu\n", filler, limits[i], place, length);
    }
    free(bytes);
    return result;
}

static bool check_characters(void)
{
    size_t filler;
    size_t length;
    size_t place;

    for (filler = 0; filler < sizeof fillers / sizeof fillers[0]; filler++) {
        for (length = 2; length <= LONGEST; length++) {
            for (place = 0; place + 2 <= length; place++) {
                if (!check_limits(fillers[filler], length, place, 1 + (place % 5 == 0)) ||
                    !check_tails(fillers[filler], length, place))
                    return false;
            }
        }
        if (!check_limits(fillers[filler], 53, 18, 3) || !check_limits(fillers[filler], 75, 70, 3))
            return false;
    }
    return true;
}

static bool matching_agrees(const char *filter, size_t filter_length, const char *name,
                            size_t name_length, bool matches)
{
    const struct mqtt_string filter_string = {filter, filter_length};
    const struct mqtt_string name_string = {name, name_length};

    compared++;
    return default_path.topic_matches(filter_string, name_string) == matches &&
           portable_path.topic_matches(filter_string, name_string) == matches;
}

/* A name of `length` bytes, with a slash at `place` if it `has_slash`, and filters of two parts, the
 * first as in the name, split there. */
static bool check_matching(size_t length, size_t place, bool has_slash)
{
    char *name = malloc(length);
    char *filter = malloc(length + 1);
    bool result = name != NULL && filter != NULL;
    size_t level_end = place;
    size_t i;

    if (result) {
        for (i = 0; i < length; i++)
            name[i] = i % 11 == 10 || (has_slash && i == place) ? '/' : 'a';
        memcpy(filter, name, length);
        filter[place] = 'b';
        result = matching_agrees(filter, length, name, length, false);
        if (name[place] == '/' || place == 0) {
            const size_t start = place == 0 ? 0 : place + 1;
            while (level_end < start || (level_end < length && name[level_end] != '/'))
                level_end++;
            memcpy(filter, name, start);
            filter[start] = '#';
            result = result && matching_agrees(filter, start + 1, name, length, true);
            filter[start] = '+';
            memcpy(filter + start + 1, name + level_end, length - level_end);
            i = start + 1 + length - level_end;
            result = result && i <= length + 1 && matching_agrees(filter, i, name, length, true) &&
                     matching_agrees(filter, i - 1, name, length, start == length);
        }
    }
    if (!result)
        printf("matching at %zu of %zu bytes\n", place, length);
    free(name);
    free(filter);
    return result;
}

int main(void)
{
    size_t length;
    size_t i;

#if EXPECTED_SIMD == 3
    if (!__builtin_cpu_supports("avx2")) {
        printf("skipped: this processor has no AVX2\n");
        return 77;
    }
#endif
    printf("paths %d and %d\n", default_path.simd, portable_path.simd);
    if (default_path.simd != EXPECTED_SIMD || portable_path.simd != 0) {
        printf("another path is built than path %d\n", EXPECTED_SIMD);
        return EXIT_FAILURE;
    }
    for (length = 1; length <= LONGEST; length++) {
        for (i = 0; i < 256; i++) {
            const bool is_string = i > 0 && i < 0x80;
            const struct sequence byte = {
                {(uint8_t)i}, 1, is_string, is_string && i != '#' && i != '+'};
            if (!check(&byte, length))
                return EXIT_FAILURE;
        }
        for (i = 0; i < sizeof sequences / sizeof sequences[0]; i++) {
            if (!check(&sequences[i], length))
                return EXIT_FAILURE;
        }
    }
    for (length = 17; length <= 320; length += length < 64 ? 1 : 32) { /* all the steps there are */
        for (i = 0; i < LIMITS; i++) {
            const bool is_string = limits[i] > 0 && limits[i] < 0x80;
            const struct sequence byte = {
                {limits[i]}, 1, is_string, is_string && limits[i] != '#' && limits[i] != '+'};
            if (!check(&byte, length))
                return EXIT_FAILURE;
        }
        for (i = 0; i < length; i++) {
            if (!check_tails("a", length, i))
                return EXIT_FAILURE;
        }
    }
    if (!check_characters())
        return EXIT_FAILURE;
    for (length = 1; length <= LONGEST; length++) {
        for (i = 0; i < length; i++) {
            if (!check_matching(length, i, false) || !check_matching(length, i, true))
                return EXIT_FAILURE;
        }
    }
    printf("%lu strings and topics\n", compared);
    return EXIT_SUCCESS;
}
