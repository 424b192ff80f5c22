/* Strings a second time, as plainly as the standards put them, to compare with. */
#if !defined(FUZZ_REFERENCE_H)
#define FUZZ_REFERENCE_H

#include "mqtt_codec.h"

/* A row of Table 3-7 of the Unicode Standard, "Well-Formed UTF-8 Byte Sequences". */
struct reference_row {
    size_t size;
    uint8_t first[4];
    uint8_t last[4];
};

static inline bool reference_row_fits(const struct reference_row *row, const uint8_t *bytes,
                                      size_t left)
{
    size_t i;

    if (left < row->size)
        return false;
    for (i = 0; i < row->size; i++) {
        if (bytes[i] < row->first[i] || bytes[i] > row->last[i])
            return false;
    }
    return true;
}

/* The size of the well-formed sequence at the start, or 0. */
static inline size_t reference_sequence(const uint8_t *bytes, size_t left)
{
    static const struct reference_row table[] = {
        {1, {0x00}, {0x7F}},
        {2, {0xC2, 0x80}, {0xDF, 0xBF}},
        {3, {0xE0, 0xA0, 0x80}, {0xE0, 0xBF, 0xBF}},
        {3, {0xE1, 0x80, 0x80}, {0xEC, 0xBF, 0xBF}},
        {3, {0xED, 0x80, 0x80}, {0xED, 0x9F, 0xBF}},
        {3, {0xEE, 0x80, 0x80}, {0xEF, 0xBF, 0xBF}},
        {4, {0xF0, 0x90, 0x80, 0x80}, {0xF0, 0xBF, 0xBF, 0xBF}},
        {4, {0xF1, 0x80, 0x80, 0x80}, {0xF3, 0xBF, 0xBF, 0xBF}},
        {4, {0xF4, 0x80, 0x80, 0x80}, {0xF4, 0x8F, 0xBF, 0xBF}},
    };
    size_t i;

    for (i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (reference_row_fits(&table[i], bytes, left))
            return table[i].size;
    }
    return 0;
}

/* 1.5.3 */
static inline bool reference_string_is_valid(struct mqtt_string string)
{
    const uint8_t *bytes = (const uint8_t *)string.data;
    size_t i = 0;

    if (string.length > 65535)
        return false;
    while (i < string.length) {
        const size_t size = reference_sequence(bytes + i, string.length - i);
        if (size == 0 || bytes[i] == 0)
            return false;
        i += size;
    }
    return true;
}

#endif
