/* 3.4 PUBACK, 3.5 PUBREC, 3.6 PUBREL, 3.7 PUBCOMP, 3.11 UNSUBACK: the same five rows for each. */
#include "cases.h"

#define ACK(packet_type, id)                                                                       \
    {                                                                                              \
        .type = (packet_type), .as.ack = {.packet_id = (id) }                                      \
    }

/* `first` and `wrong` are the first byte, right and with its bit 1 turned. */
#define ROWS(packet_type, first, wrong)                                                            \
    {.name = first " packet id 1", .bytes = first "02 0001", .packet = ACK(packet_type, 1)},       \
        {.name = first " packet id 256",                                                           \
         .bytes = first "02 0100",                                                                 \
         .packet = ACK(packet_type, 256)},                                                         \
        {.name = first " packet id 65,535",                                                        \
         .bytes = first "02 FFFF",                                                                 \
         .packet = ACK(packet_type, 65535)},                                                       \
        {.name = first " remaining length of two bytes", .bytes = first "82 00 0001"},             \
        {.name = first " packet id 0",                                                             \
         .bytes = first "02 0000",                                                                 \
         .status = MQTT_ERROR_PACKET_ID_ZERO,                                                      \
         .offset = 2,                                                                              \
         .packet = ACK(packet_type, 0)},                                                           \
        {.name = first " remaining length 0",                                                      \
         .bytes = first "00",                                                                      \
         .status = MQTT_ERROR_REMAINING_LENGTH,                                                    \
         .offset = 1},                                                                             \
        {.name = first " remaining length 1",                                                      \
         .bytes = first "01",                                                                      \
         .status = MQTT_ERROR_REMAINING_LENGTH,                                                    \
         .offset = 1},                                                                             \
        {.name = first " remaining length 3",                                                      \
         .bytes = first "03",                                                                      \
         .status = MQTT_ERROR_REMAINING_LENGTH,                                                    \
         .offset = 1},                                                                             \
    {                                                                                              \
        .name = wrong " flags", .bytes = wrong "02 0001", .status = MQTT_ERROR_FLAGS               \
    }

static const struct test_case cases[] = {
    ROWS(MQTT_PUBACK, "40", "42"),  ROWS(MQTT_PUBREC, "50", "52"),   ROWS(MQTT_PUBREL, "62", "60"),
    ROWS(MQTT_PUBCOMP, "70", "72"), ROWS(MQTT_UNSUBACK, "B0", "B2"),
};

TEST_TABLE(ack_table, cases);
