/* 3.2 CONNACK */
#include "cases.h"

#define CONNACK(session, code)                                                                     \
    {                                                                                              \
        .type = MQTT_CONNACK, .as.connack = {.session_present = (session), .return_code = (code) } \
    }

static const struct test_case cases[] = {
    {.name = "accepted", .bytes = "20 02 00 00", .packet = CONNACK(false, 0)},
    {.name = "session present", .bytes = "20 02 01 00", .packet = CONNACK(true, 0)},
    {.name = "refused, protocol version", .bytes = "20 02 00 01", .packet = CONNACK(false, 1)},
    {.name = "refused, identifier", .bytes = "20 02 00 02", .packet = CONNACK(false, 2)},
    {.name = "refused, server unavailable", .bytes = "20 02 00 03", .packet = CONNACK(false, 3)},
    {.name = "refused, user name or password", .bytes = "20 02 00 04", .packet = CONNACK(false, 4)},
    {.name = "refused, not authorized", .bytes = "20 02 00 05", .packet = CONNACK(false, 5)},
    {.name = "remaining length of three bytes for 2", .bytes = "20 82 80 00 01 00"},

    {.name = "flags 2", .bytes = "22 02 00 00", .status = MQTT_ERROR_FLAGS},
    {.name = "remaining length 0",
     .bytes = "20 00",
     .status = MQTT_ERROR_REMAINING_LENGTH,
     .offset = 1},
    {.name = "remaining length 1",
     .bytes = "20 01",
     .status = MQTT_ERROR_REMAINING_LENGTH,
     .offset = 1},
    {.name = "remaining length 3 (MQTT 5)",
     .bytes = "20 03 00 00 00",
     .status = MQTT_ERROR_REMAINING_LENGTH,
     .offset = 1},
    {.name = "acknowledge flag 1",
     .bytes = "20 02 02 00",
     .status = MQTT_ERROR_CONNACK_FLAGS,
     .offset = 2},
    {.name = "acknowledge flag 7",
     .bytes = "20 02 81 00",
     .status = MQTT_ERROR_CONNACK_FLAGS,
     .offset = 2},
    {.name = "session present though refused",
     .bytes = "20 02 01 05",
     .status = MQTT_ERROR_SESSION_PRESENT,
     .offset = 2,
     .packet = CONNACK(true, 5)},
    {.name = "session present and a reserved code: the flag comes first",
     .bytes = "20 02 01 06",
     .status = MQTT_ERROR_SESSION_PRESENT,
     .offset = 2,
     .packet = CONNACK(true, 6)},
    {.name = "return code 6",
     .bytes = "20 02 00 06",
     .status = MQTT_ERROR_CONNECT_RETURN_CODE,
     .offset = 3,
     .packet = CONNACK(false, 6)},
    {.name = "return code 255",
     .bytes = "20 82 00 00 FF",
     .status = MQTT_ERROR_CONNECT_RETURN_CODE,
     .offset = 4,
     .packet = CONNACK(false, 255)},
};

TEST_TABLE(connack_table, cases);
