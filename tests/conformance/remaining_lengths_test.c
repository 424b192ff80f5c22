/* 2.2.3: all 268,435,456 remaining lengths, against the algorithm that the standard prints. */
#include "support.h"

#define PARTS 64

static size_t encode_as_printed(uint8_t *bytes, uint32_t value)
{
    size_t length = 0;

    do {
        uint8_t encoded = (uint8_t)(value % 128);
        value /= 128;
        if (value > 0)
            encoded |= 128;
        bytes[length++] = encoded;
    } while (value > 0);
    return length;
}

START_TEST(survive_encode_and_decode)
{
    const uint32_t part = 268435456 / PARTS;
    const uint32_t first = (uint32_t)_i * part;
    uint32_t value;

    for (value = first; value < first + part; value++) {
        uint8_t expected[4] = {0};
        uint8_t bytes[4] = {0};
        uint32_t decoded = ~value;
        const size_t length = encode_as_printed(expected, value);
        const int32_t written = mqtt_encode_remaining_length(bytes, length, value);
        const int32_t read = mqtt_decode_remaining_length(&decoded, bytes, length);
        if (written != (int32_t)length || memcmp(bytes, expected, 4) != 0 || read != written ||
            decoded != value)
            ck_abort_msg("%u: %d written, %d read, %u", value, written, read, decoded);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("remaining_lengths");
    TCase *tests = tcase_create("all");

    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, survive_encode_and_decode, 0, PARTS);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
