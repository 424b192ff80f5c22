/* Table 2.1: the packet types by their value, and the sides that may send them. peers.py reads these
 * lines too. */
#ifndef TESTS_TABLE_2_1_H
#define TESTS_TABLE_2_1_H

#include "mqtt_codec.h"

static const struct table_2_1_row {
    const char *name;
    bool client;
    bool server;
} table_2_1[16] = {
    {"Reserved", false, false},   /* 0 */
    {"CONNECT", true, false},     /* 1 */
    {"CONNACK", false, true},     /* 2 */
    {"PUBLISH", true, true},      /* 3 */
    {"PUBACK", true, true},       /* 4 */
    {"PUBREC", true, true},       /* 5 */
    {"PUBREL", true, true},       /* 6 */
    {"PUBCOMP", true, true},      /* 7 */
    {"SUBSCRIBE", true, false},   /* 8 */
    {"SUBACK", false, true},      /* 9 */
    {"UNSUBSCRIBE", true, false}, /* 10 */
    {"UNSUBACK", false, true},    /* 11 */
    {"PINGREQ", true, false},     /* 12 */
    {"PINGRESP", false, true},    /* 13 */
    {"DISCONNECT", true, false},  /* 14 */
    {"Reserved", false, false},   /* 15 */
};

static inline bool client_may_send(unsigned type)
{
    return table_2_1[type].client;
}

static inline bool server_may_send(unsigned type)
{
    return table_2_1[type].server;
}

/* Table 2-1 of MQTT 5.0: a server may send DISCONNECT too, and both may send AUTH. */
static inline bool v5_client_may_send(unsigned type)
{
    return client_may_send(type) || type == MQTT_V5_AUTH;
}

static inline bool v5_server_may_send(unsigned type)
{
    return server_may_send(type) || type == MQTT_V5_DISCONNECT || type == MQTT_V5_AUTH;
}

#endif
