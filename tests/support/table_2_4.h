/* Table 2-4 of MQTT 5.0: what a property is. And where a packet has its properties. */
#ifndef TESTS_TABLE_2_4_H
#define TESTS_TABLE_2_4_H

#include "mqtt_codec.h"

/* The member of struct mqtt_v5_property that a property has its value in, and how many bytes an
 * integer has there */
enum v5_kind {
    V5_UNKNOWN,
    V5_BYTE,
    V5_TWO_BYTES,
    V5_FOUR_BYTES,
    V5_VARIABLE,
    V5_STRING,
    V5_BYTES,
    V5_PAIR
};

static inline enum v5_kind v5_property_kind(unsigned id)
{
    switch (id) {
    case 0x01:
    case 0x17:
    case 0x19:
    case 0x24:
    case 0x25:
    case 0x28:
    case 0x29:
    case 0x2A:
        return V5_BYTE;
    case 0x13:
    case 0x21:
    case 0x22:
    case 0x23:
        return V5_TWO_BYTES;
    case 0x02:
    case 0x11:
    case 0x18:
    case 0x27:
        return V5_FOUR_BYTES;
    case 0x0B:
        return V5_VARIABLE;
    case 0x03:
    case 0x08:
    case 0x12:
    case 0x15:
    case 0x1A:
    case 0x1C:
    case 0x1F:
        return V5_STRING;
    case 0x09:
    case 0x16:
        return V5_BYTES;
    case 0x26:
        return V5_PAIR;
    default:
        return V5_UNKNOWN;
    }
}

/* The properties of a packet, NULL if it has none. */
static inline struct mqtt_v5_properties *v5_properties_of(struct mqtt_v5_packet *packet)
{
    switch (packet->type) {
    case MQTT_V5_CONNECT:
        return &packet->as.connect.properties;
    case MQTT_V5_CONNACK:
        return &packet->as.connack.properties;
    case MQTT_V5_PUBLISH:
        return &packet->as.publish.properties;
    case MQTT_V5_PUBACK:
    case MQTT_V5_PUBREC:
    case MQTT_V5_PUBREL:
    case MQTT_V5_PUBCOMP:
        return &packet->as.ack.properties;
    case MQTT_V5_SUBSCRIBE:
        return &packet->as.subscribe.properties;
    case MQTT_V5_SUBACK:
    case MQTT_V5_UNSUBACK:
        return &packet->as.suback.properties;
    case MQTT_V5_UNSUBSCRIBE:
        return &packet->as.unsubscribe.properties;
    case MQTT_V5_DISCONNECT:
    case MQTT_V5_AUTH:
        return &packet->as.disconnect.properties;
    default:
        return NULL;
    }
}

#endif
