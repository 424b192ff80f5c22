/* The path that the compiler offers and the portable one, on one special sequence at every place of
 * a string of letters, in blocks of exactly its length. A program of its own, without Check, so that
 * it also runs under the emulation of another machine. */
#if defined(MQTT_CODEC_SIMD)
#define EXPECTED_SIMD MQTT_CODEC_SIMD
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

#if !defined(LONGEST)
#define LONGEST 100 /* bytes of a string */
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

int main(void)
{
    size_t length;
    size_t i;

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
    printf("%lu strings\n", compared);
    return EXIT_SUCCESS;
}
