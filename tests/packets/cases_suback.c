/* 3.9 SUBACK */
#include "cases.h"

#define SUBACK(id, codes)                                                                          \
    {                                                                                              \
        .type = MQTT_SUBACK, .as.suback = {                                                        \
            .packet_id = (id),                                                                     \
            .return_codes = (const uint8_t *)(codes),                                              \
            .count = sizeof(codes) - 1                                                             \
        }                                                                                          \
    }

static const struct test_case cases[] = {
    {.name = "Table 3.6", .bytes = "90 05 000A 00 02 80", .packet = SUBACK(10, "\x00\x02\x80")},
    {.name = "one code", .bytes = "90 03 0001 01", .packet = SUBACK(1, "\x01")},
    {.name = "remaining length of two bytes", .bytes = "90 8300 0001 80"},

    {.name = "flags 2", .bytes = "92 03 0001 00", .status = MQTT_ERROR_FLAGS},
    {.name = "remaining length 1",
     .bytes = "90 01",
     .status = MQTT_ERROR_REMAINING_LENGTH,
     .offset = 1},
    {.name = "packet id 0",
     .bytes = "90 03 0000 00",
     .status = MQTT_ERROR_PACKET_ID_ZERO,
     .offset = 2,
     .packet = SUBACK(0, "\x00")},
    {.name = "no return code",
     .bytes = "90 02 0001",
     .status = MQTT_ERROR_SUBACK_NO_RETURN_CODE,
     .offset = 4,
     .packet = SUBACK(1, "")},
    {.name = "return code 3",
     .bytes = "90 03 0001 03",
     .status = MQTT_ERROR_SUBACK_RETURN_CODE,
     .offset = 4,
     .packet = SUBACK(1, "\x03")},
    {.name = "third return code 0x7F",
     .bytes = "90 05 0001 00 02 7F",
     .status = MQTT_ERROR_SUBACK_RETURN_CODE,
     .offset = 6,
     .packet = SUBACK(1, "\x00\x02\x7F")},
    {.name = "return code 0x81",
     .bytes = "90 04 0001 81 00",
     .status = MQTT_ERROR_SUBACK_RETURN_CODE,
     .offset = 4,
     .packet = SUBACK(1, "\x81\x00")},
    {.name = "too many return codes, never read, and packet id 0: the length comes first",
     .status = MQTT_ERROR_PACKET_TOO_LARGE,
     .packet = {.type = MQTT_SUBACK, .as.suback = {.count = 268435454}}},
};

TEST_TABLE(suback_table, cases);
