/* 3.10 UNSUBSCRIBE */
#include "cases.h"

#define UNSUBSCRIBE(id, ...)                                                                       \
    {                                                                                              \
        .type = MQTT_UNSUBSCRIBE, .as.unsubscribe = {                                              \
            .packet_id = (id),                                                                     \
            .filters = (const struct mqtt_string[]){__VA_ARGS__},                                  \
            .count =                                                                               \
                sizeof((const struct mqtt_string[]){__VA_ARGS__}) / sizeof(struct mqtt_string)     \
        }                                                                                          \
    }
#define ENCODED(id, payload)                                                                       \
    {                                                                                              \
        .type = MQTT_UNSUBSCRIBE, .as.unsubscribe = {.packet_id = (id), .encoded = payload }       \
    }

static const struct test_case cases[] = {
    {.name = "Table 3.7",
     .bytes = "A2 0C 000A 0003'a/b' 0003'c/d'",
     .packet = UNSUBSCRIBE(10, TEXT("a/b"), TEXT("c/d"))},
    {.name = "+/#", .bytes = "A2 07 FFFF 0003'+/#'", .packet = UNSUBSCRIBE(65535, TEXT("+/#"))},
    {.name = "filter of 65,535 bytes",
     .bytes = "A2 838004 0001 FFFF 61*65535",
     .packet = UNSUBSCRIBE(1, {test_letters, 65535})},
    {.name = "remaining length of two bytes", .bytes = "A2 8500 0001 0001'a'"},

    {.name = "flags 0", .bytes = "A0 05 0001 0001'a'", .status = MQTT_ERROR_FLAGS},
    {.name = "remaining length 1",
     .bytes = "A2 01",
     .status = MQTT_ERROR_REMAINING_LENGTH,
     .offset = 1},
    {.name = "packet id 0",
     .bytes = "A2 05 0000 0001'a'",
     .status = MQTT_ERROR_PACKET_ID_ZERO,
     .offset = 2,
     .packet = UNSUBSCRIBE(0, TEXT("a"))},
    {.name = "packet id 0 of a decoded list",
     .status = MQTT_ERROR_PACKET_ID_ZERO,
     .packet = ENCODED(0, BINARY("\0\1a"))},
    {.name = "no filter",
     .bytes = "A2 02 0001",
     .status = MQTT_ERROR_UNSUBSCRIBE_NO_FILTER,
     .offset = 4,
     .packet = {.type = MQTT_UNSUBSCRIBE, .as.unsubscribe = {.packet_id = 1}}},
    {.name = "no filter in an array",
     .status = MQTT_ERROR_UNSUBSCRIBE_NO_FILTER,
     .packet = {.type = MQTT_UNSUBSCRIBE,
                .as.unsubscribe = {.packet_id = 1,
                                   .filters = &(const struct mqtt_string)TEXT("a"),
                                   .count = 0}}},
    {.name = "filter's length cut",
     .bytes = "A2 03 0001 00",
     .status = MQTT_ERROR_FIELD_PAST_END,
     .offset = 4,
     .packet = ENCODED(1, BINARY("\0"))},
    {.name = "second filter runs past the end",
     .bytes = "A2 08 0001 0001'a' 0002'b'",
     .status = MQTT_ERROR_FIELD_PAST_END,
     .offset = 7,
     .packet = ENCODED(1, BINARY("\0\1a\0\2b"))},
    {.name = "a SUBSCRIBE's payload",
     .bytes = "A2 06 0001 0001'a' 00",
     .status = MQTT_ERROR_FIELD_PAST_END,
     .offset = 7},
    {.name = "filter empty",
     .bytes = "A2 04 0001 0000",
     .status = MQTT_ERROR_TOPIC_EMPTY,
     .offset = 4,
     .packet = UNSUBSCRIBE(1, {NULL, 0})},
    {.name = "#/a",
     .bytes = "A2 07 0001 0003'#/a'",
     .status = MQTT_ERROR_FILTER_MULTI_LEVEL,
     .offset = 4,
     .packet = UNSUBSCRIBE(1, TEXT("#/a"))},
    {.name = "a/b+ in the second filter",
     .bytes = "A2 0B 0001 0001'a' 0004'a/b+'",
     .status = MQTT_ERROR_FILTER_SINGLE_LEVEL,
     .offset = 7,
     .packet = UNSUBSCRIBE(1, TEXT("a"), TEXT("a/b+"))},
    {.name = "filter ill-formed",
     .bytes = "A2 06 0001 0002 F488",
     .status = MQTT_ERROR_ILL_FORMED_UTF8,
     .offset = 4,
     .packet = UNSUBSCRIBE(1, TEXT("\xF4\x88"))},
    {.name = "filter with U+0000",
     .bytes = "A2 06 0001 0002'a' 00",
     .status = MQTT_ERROR_NULL_CHARACTER,
     .offset = 4,
     .packet = UNSUBSCRIBE(1, TEXT("a\0"))},
    {.name = "filter of 65,536 bytes",
     .status = MQTT_ERROR_FIELD_TOO_LONG,
     .packet = UNSUBSCRIBE(1, {test_letters, 65536})},
    {.name = "filters that add up to too much, and packet id 0: the length comes first",
     .status = MQTT_ERROR_PACKET_TOO_LARGE,
     .packet = UNSUBSCRIBE(0, TEXT("a"), {test_letters, 268435455 - 2 - 3 - 1})},
    {.name = "filters that add up to more than SIZE_MAX",
     .status = MQTT_ERROR_PACKET_TOO_LARGE,
     .packet = UNSUBSCRIBE(1, TEXT("a"), {test_letters, SIZE_MAX})},
    {.name = "a decoded list too large",
     .status = MQTT_ERROR_PACKET_TOO_LARGE,
     .packet = {.type = MQTT_UNSUBSCRIBE,
                .as.unsubscribe = {.encoded = {(const uint8_t *)test_letters, 268435454}}}},
};

TEST_TABLE(unsubscribe_table, cases);
