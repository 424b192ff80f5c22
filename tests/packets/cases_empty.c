/* 3.12 PINGREQ, 3.13 PINGRESP, 3.14 DISCONNECT */
#include "cases.h"

static const struct test_case cases[] = {
    {.name = "PINGREQ", .bytes = "C0 00", .packet = {.type = MQTT_PINGREQ}},
    {.name = "PINGRESP", .bytes = "D0 00", .packet = {.type = MQTT_PINGRESP}},
    {.name = "DISCONNECT", .bytes = "E0 00", .packet = {.type = MQTT_DISCONNECT}},

    {.name = "PINGREQ flags 1", .bytes = "C1 00", .status = MQTT_ERROR_FLAGS},
    {.name = "PINGRESP flags 2", .bytes = "D2 00", .status = MQTT_ERROR_FLAGS},
    {.name = "DISCONNECT flags 8", .bytes = "E8 00", .status = MQTT_ERROR_FLAGS},
    {.name = "PINGRESP of 2 bytes",
     .bytes = "D0 02 00 00",
     .status = MQTT_ERROR_REMAINING_LENGTH,
     .offset = 1},
    {.name = "DISCONNECT with a reason code (MQTT 5)",
     .bytes = "E0 01 00",
     .status = MQTT_ERROR_REMAINING_LENGTH,
     .offset = 1},
    {.name = "no type",
     .status = MQTT_ERROR_RESERVED_TYPE,
     .packet = {.type = (enum mqtt_packet_type)15}},
};

TEST_TABLE(empty_table, cases);
