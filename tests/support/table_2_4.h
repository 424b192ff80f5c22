/* Table 2-4 of MQTT 5.0: what a property is. */
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

#endif
