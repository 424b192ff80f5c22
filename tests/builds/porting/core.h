/* What the core tests of both versions share. The file that includes this has included mqtt_codec.h and
 * the cases that targets.py has made of packets.txt or packets_v5.txt: case_bytes, and CORE_CASES,
 * the rows of the table below. It has defined CORE_PACKET, CORE_DECODE and CORE_ENCODE. */
#ifndef PORTING_CORE_H
#define PORTING_CORE_H

#if MQTT_CODEC_SIMD != PORTING_PATH
#error "another path is built than the one that is to run"
#endif

struct core_case {
    uint16_t bytes; /* where in case_bytes */
    uint8_t length;
    int8_t status; /* 0: accepted */
    uint8_t offset;
    uint16_t canonical; /* of an accepted packet: as an encoder writes it */
    uint8_t canonical_length;
};

static const struct core_case cases[] = {CORE_CASES};

static unsigned long checks;
static unsigned long failed;

static void write_number(unsigned long number)
{
    char digits[21];
    char *at = digits + sizeof digits - 1;

    *at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    port_write(at);
}

/* Shows the first failures. */
static void fail(const char *what, unsigned long number)
{
    if (failed++ >= 10)
        return;
    port_write("FAILED: ");
    port_write(what);
    port_write(", ");
    write_number(number);
    port_write("\n");
}

static void check(const char *what, unsigned long number, bool holds)
{
    checks++;
    if (!holds)
        fail(what, number);
}

static bool same_bytes(const uint8_t *a, const uint8_t *b, size_t length)
{
    size_t i;

    for (i = 0; i < length; i++) {
        if (a[i] != b[i])
            return false;
    }
    return true;
}

static bool same_text(struct mqtt_string string, const char *text)
{
    const struct mqtt_string expected = mqtt_string_from(text);

    return string.length == expected.length &&
           same_bytes((const uint8_t *)string.data, (const uint8_t *)expected.data,
                      expected.length);
}

static uint8_t input[68];
static uint8_t output[68];
static CORE_PACKET packet;

static void fill_output(void)
{
    size_t i;

    for (i = 0; i < sizeof output; i++)
        output[i] = 0xA5;
}

/* What a size_t of 16 bits cannot count is too large, and never complete. */
static int32_t expected_result(const struct core_case *test, const uint8_t *bytes)
{
    uint32_t value = 0;
    int32_t size;

    if (test->status == 0)
        return test->length;
    if (test->status == MQTT_PACKET_INCOMPLETE && test->length > 1) {
        size = mqtt_decode_remaining_length(&value, bytes + 1, (size_t)test->length - 1);
        if (SIZE_MAX == 0xFFFF && size > 0 && value + (uint32_t)size + 1 > 0xFFFF)
            return MQTT_ERROR_PACKET_TOO_LARGE;
    }
    return test->status;
}

/* The bytes at each alignment. */
static void check_case(unsigned long number, const struct core_case *test, size_t shift)
{
    const uint8_t *canonical = case_bytes + test->canonical;
    uint8_t *bytes = input + shift;
    size_t i;

    port_copy(bytes, case_bytes + test->bytes, test->length);
    check("decode", number,
          CORE_DECODE(&packet, bytes, test->length) == expected_result(test, bytes));
    if (test->status != 0) {
        if (test->status != MQTT_PACKET_INCOMPLETE)
            check("offset", number, packet.error_offset == test->offset);
        return;
    }
    fill_output();
    check("size", number, CORE_ENCODE(NULL, 0, &packet) == test->canonical_length);
    for (i = 0; i < test->canonical_length; i++)
        check("buffer too small", number,
              CORE_ENCODE(output + shift, i, &packet) == MQTT_ERROR_BUFFER_TOO_SMALL);
    for (i = 0; i < sizeof output; i++)
        check("untouched", number, output[i] == 0xA5);
    check("encode", number,
          CORE_ENCODE(output + shift, test->canonical_length, &packet) == test->canonical_length);
    check("encoded", number, same_bytes(output + shift, canonical, test->canonical_length));
    check("bytes after", number, output[shift + test->canonical_length] == 0xA5);
    for (i = 0; i < test->length; i++)
        check("prefix", number, CORE_DECODE(&packet, bytes, i) == MQTT_PACKET_INCOMPLETE);
}

static void check_cases(void)
{
    unsigned long i;
    size_t shift;

    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (shift = 0; shift < 4; shift++)
            check_case(i, &cases[i], shift);
    }
}

/* Says how many checks have failed. Returns what core_test returns. */
static int report(void)
{
    port_write("core: ");
    write_number(checks);
    port_write(" checks, ");
    write_number(failed);
    port_write(" failed, path ");
    write_number(MQTT_CODEC_SIMD);
    port_write("\n");
    return failed == 0 ? 0 : 1;
}

#endif
