/* Any bytes as a string: what is valid, and what is discouraged.
 *
 * Property: the header as it comes, with vector code, and the header with portable code alone answer
 * as Table 3-7 of the Unicode Standard and 1.5.3 do, read row by row.
 *
 * The first two bytes of the input put letters before and after the rest, so that it stands at every
 * place of a vector, and at the very end of the longest string. */
#include "fuzz.h"
#include "paths.h"
#include "reference.h"

static uint32_t code_point(const uint8_t *bytes, size_t size)
{
    static const uint8_t lead_bits[5] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t value = bytes[0] & lead_bits[size];
    size_t i;

    for (i = 1; i < size; i++)
        value = value * 64 + (bytes[i] & 0x3Fu);
    return value;
}

/* 1.5.3, of a valid string */
static bool reference_has_discouraged(struct mqtt_string string)
{
    const uint8_t *bytes = (const uint8_t *)string.data;
    size_t i = 0;

    while (i < string.length) {
        const size_t size = reference_sequence(bytes + i, string.length - i);
        const uint32_t value = code_point(bytes + i, size);
        if (value <= 0x1F || (value >= 0x7F && value <= 0x9F) ||
            (value >= 0xFDD0 && value <= 0xFDEF) || (value & 0xFFFE) == 0xFFFE)
            return true;
        i += size;
    }
    return false;
}

static void check_string(struct mqtt_string string)
{
    const bool is_valid = reference_string_is_valid(string);
    const bool is_default_discouraged = default_path.string_has_discouraged(string);
    const bool is_portable_discouraged = portable_path.string_has_discouraged(string);

    FUZZ_CHECK(default_path.string_is_valid(string) == is_valid);
    FUZZ_CHECK(portable_path.string_is_valid(string) == is_valid);
    if (is_valid) {
        FUZZ_CHECK(is_default_discouraged == reference_has_discouraged(string));
        FUZZ_CHECK(is_portable_discouraged == reference_has_discouraged(string));
    }
}

/* As a client id: the decoder's view. */
static void check_decoder(struct mqtt_string string)
{
    static const uint8_t header[10] = {0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0};
    const size_t body = sizeof header + 2 + string.length;
    struct fuzz_block block;
    struct mqtt_packet packet;
    int32_t result;

    if (body > 127) /* a remaining length of one byte */
        return;
    block = fuzz_new(2 + body);
    block.bytes[0] = MQTT_CONNECT * 16;
    block.bytes[1] = (uint8_t)body;
    memcpy(block.bytes + 2, header, sizeof header);
    block.bytes[12] = 0;
    block.bytes[13] = (uint8_t)string.length;
    if (string.length > 0)
        memcpy(block.bytes + 14, string.data, string.length);
    result = mqtt_decode(&packet, block.bytes, block.length);
    FUZZ_CHECK((result > 0) == reference_string_is_valid(string));
    fuzz_free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_block block;
    struct mqtt_string string;
    size_t before;
    size_t after;

    if (size < 2 || size > 1024)
        return 0;
    before = data[0] < 255 ? data[0] % 32u : 65535 - (size - 2);
    after = data[0] < 255 ? data[1] % 32u : data[1] % 2u;
    block = fuzz_new(before + size - 2 + after);
    memset(block.memory, 'a', block.length > 0 ? block.length : 1);
    memcpy(block.bytes + before, data + 2, size - 2);
    string.data = (const char *)block.bytes;
    string.length = block.length;
    check_string(string);
    check_decoder(string);
    fuzz_free(block);
    return 0;
}
