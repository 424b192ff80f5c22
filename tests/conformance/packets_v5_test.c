/* Packets of MQTT 5.0: a row for each rule, and for what is valid next to it. */
#include "support.h"
#include "table_2_1.h"

#include <stdio.h>

typedef int32_t decode_packet(struct mqtt_v5_packet *packet, const void *bytes, size_t length);

/* What a row says of the sides: the status of both, or of one only. */
enum side {
    BOTH,
    CLIENT, /* from a server it is refused, by another rule */
    SERVER,
    NEITHER /* each side is refused by a rule of its own */
};

struct v5_case {
    const char *bytes;
    int32_t status; /* 0: accepted; mqtt_v5_decode accepts it too if one side may send it */
    uint32_t offset;
    enum side side;
    const char *shortest; /* what an encoder writes, if that is not the same */
};

#define CONNECT_START "0004'MQTT'05 "
#define OK            0, 0, BOTH, NULL

static const struct v5_case cases[] = {
    /* 2.1 Fixed header */
    {"00 00", MQTT_ERROR_RESERVED_TYPE, 0, BOTH, NULL},
    {"41 02 0001", MQTT_ERROR_FLAGS, 0, BOTH, NULL},
    {"60 02 0001", MQTT_ERROR_FLAGS, 0, BOTH, NULL},
    {"F2 00", MQTT_ERROR_FLAGS, 0, BOTH, NULL},
    {"36 06 0001'a' 0001 00", MQTT_ERROR_QOS, 0, BOTH, NULL},
    {"38 04 0001'a' 00", MQTT_ERROR_DUP, 0, BOTH, NULL},
    {"C0 80 00", MQTT_ERROR_INTEGER_NOT_SHORTEST, 1, BOTH, NULL},
    {"C0 81 80 00", MQTT_ERROR_INTEGER_NOT_SHORTEST, 1, BOTH, NULL},
    {"30 85 00 0001'a' 00 'b'", MQTT_ERROR_INTEGER_NOT_SHORTEST, 1, BOTH, NULL},
    {"10 8D 00 " CONNECT_START "02 0000 00 0000", MQTT_ERROR_INTEGER_NOT_SHORTEST, 1, BOTH, NULL},
    {"30 FF FF FF FF", MQTT_ERROR_REMAINING_LENGTH, 1, BOTH, NULL},
    {"C0 01 00", MQTT_ERROR_REMAINING_LENGTH, 1, BOTH, NULL},
    {"D0 01 00", MQTT_ERROR_REMAINING_LENGTH, 1, BOTH, NULL},
    {"10 0B " CONNECT_START "02 0000 00", MQTT_ERROR_REMAINING_LENGTH, 1, BOTH, NULL},
    {"20 01 00", MQTT_ERROR_REMAINING_LENGTH, 1, BOTH, NULL},
    {"20 02 00 00", MQTT_ERROR_PROTOCOL_LEVEL, 1, BOTH, NULL},
    {"30 02 0000", MQTT_ERROR_REMAINING_LENGTH, 1, BOTH, NULL},
    {"32 04 0001'a' 00", MQTT_ERROR_REMAINING_LENGTH, 1, BOTH, NULL},
    {"32 04 0000 0001", MQTT_ERROR_REMAINING_LENGTH, 1, BOTH, NULL},
    {"40 01 00", MQTT_ERROR_REMAINING_LENGTH, 1, BOTH, NULL},
    {"82 02 0001", MQTT_ERROR_REMAINING_LENGTH, 1, BOTH, NULL},
    {"90 02 0001", MQTT_ERROR_REMAINING_LENGTH, 1, BOTH, NULL},
    {"A2 02 0001", MQTT_ERROR_REMAINING_LENGTH, 1, BOTH, NULL},
    {"B0 02 0001", MQTT_ERROR_REMAINING_LENGTH, 1, BOTH, NULL},
    {"C0 00", OK},
    {"D0 00", OK},

    /* 3.1 CONNECT */
    {"10 0D " CONNECT_START "02 003C 00 0000", OK},
    {"10 0D " CONNECT_START "00 003C 00 0000", OK}, /* an empty client id without clean start */
    {"10 0C 0004'MQTT'04 02 0000 0000", MQTT_ERROR_PROTOCOL_LEVEL, 8, BOTH, NULL},
    {"10 0E 0006'MQIsdp'03 02 003C 0000", MQTT_ERROR_PROTOCOL_NAME, 2, BOTH, NULL},
    {"10 0D 0104'MQTT'05 02 003C 00 0000", MQTT_ERROR_PROTOCOL_NAME, 2, BOTH, NULL},
    {"10 0D 0004'XQTT'05 02 003C 00 0000", MQTT_ERROR_PROTOCOL_NAME, 2, BOTH, NULL},
    {"10 0D 0004'MQTt'05 02 003C 00 0000", MQTT_ERROR_PROTOCOL_NAME, 2, BOTH, NULL},
    {"10 0D 0004'MQTT'06 01 003C 00 0000", MQTT_ERROR_PROTOCOL_LEVEL, 8, BOTH, NULL},
    {"10 0C " CONNECT_START "02 0000 0000", MQTT_ERROR_REMAINING_LENGTH, 1, BOTH, NULL},
    {"10 0C " CONNECT_START "01 0000 0000", MQTT_ERROR_REMAINING_LENGTH, 1, BOTH, NULL},
    {"10 0D " CONNECT_START "01 003C 00 0000", MQTT_ERROR_CONNECT_RESERVED_FLAG, 9, BOTH, NULL},
    {"10 0D " CONNECT_START "0A 003C 00 0000", MQTT_ERROR_WILL_QOS_WITHOUT_WILL, 9, BOTH, NULL},
    {"10 0D " CONNECT_START "22 003C 00 0000", MQTT_ERROR_WILL_RETAIN_WITHOUT_WILL, 9, BOTH, NULL},
    {"10 0D " CONNECT_START "1E 003C 00 0000", MQTT_ERROR_WILL_QOS, 9, BOTH, NULL},
    {"10 10 " CONNECT_START "42 003C 00 0000 0001'p'", OK}, /* a password without a user name */
    {"10 1B " CONNECT_START "EE 003C 00 0001'c' 00 0001'w' 0001'm' 0001'u' 0001'p'", OK},
    {"10 0D " CONNECT_START "02 003C 80 0000", MQTT_ERROR_INTEGER_NOT_SHORTEST, 12, BOTH, NULL},
    {"10 0D " CONNECT_START "02 003C 80 80 80", MQTT_ERROR_PROPERTIES_MISSING, 12, BOTH, NULL},
    {"10 0E " CONNECT_START "02 003C 80 80 80 80", MQTT_ERROR_INTEGER_TOO_LONG, 12, BOTH, NULL},
    {"10 0D " CONNECT_START "02 003C 03 0000", MQTT_ERROR_PROPERTIES_PAST_END, 12, BOTH, NULL},
    {"10 0D " CONNECT_START "02 003C 02 2600", MQTT_ERROR_PROPERTY_CUT, 13, BOTH, NULL},
    {"10 10 " CONNECT_START "02 003C 05 11 00000001", MQTT_ERROR_FIELD_PAST_END, 18, BOTH, NULL},
    {"10 0D " CONNECT_START "02 003C 00 0001", MQTT_ERROR_FIELD_PAST_END, 13, BOTH, NULL},
    {"10 0E " CONNECT_START "02 003C 00 0001 FF", MQTT_ERROR_ILL_FORMED_UTF8, 13, BOTH, NULL},
    {"10 0E " CONNECT_START "02 003C 00 0001 00", MQTT_ERROR_NULL_CHARACTER, 13, BOTH, NULL},
    {"10 0E " CONNECT_START "02 003C 00 0000 00", MQTT_ERROR_TRAILING_BYTES, 15, BOTH, NULL},
    {"10 0D " CONNECT_START "06 003C 00 0000", MQTT_ERROR_PROPERTIES_MISSING, 15, BOTH, NULL},
    {"10 0F " CONNECT_START "06 003C 00 0000 0100", MQTT_ERROR_PROPERTY_ID, 16, BOTH, NULL},
    {"10 0E " CONNECT_START "06 003C 00 0000 00", MQTT_ERROR_WILL_MISSING, 16, BOTH, NULL},
    {"10 10 " CONNECT_START "06 003C 00 0000 00 0000", MQTT_ERROR_TOPIC_EMPTY, 16, BOTH, NULL},
    {"10 11 " CONNECT_START "06 003C 00 0000 00 0001'+'", MQTT_ERROR_TOPIC_NAME_WILDCARD, 16, BOTH,
     NULL},
    {"10 11 " CONNECT_START "06 003C 00 0000 00 0001'w'", MQTT_ERROR_WILL_MISSING, 19, BOTH, NULL},
    {"10 12 " CONNECT_START "06 003C 00 0000 00 0001'w'00", MQTT_ERROR_FIELD_PAST_END, 19, BOTH,
     NULL},
    {"10 18 " CONNECT_START "06 003C 00 0000 05 1800000005 0001'w' 0000", OK},
    {"10 0D " CONNECT_START "82 003C 00 0000", MQTT_ERROR_USER_NAME_MISSING, 15, BOTH, NULL},
    {"10 0D " CONNECT_START "42 003C 00 0000", MQTT_ERROR_PASSWORD_MISSING, 15, BOTH, NULL},
    {"10 11 " CONNECT_START "02 003C 04 160001 FF 0000", MQTT_ERROR_AUTHENTICATION_METHOD, 17, BOTH,
     NULL},
    {"10 14 " CONNECT_START "02 003C 07 160000 150001'x' 0001", MQTT_ERROR_FIELD_PAST_END, 20, BOTH,
     NULL},
    {"10 14 " CONNECT_START "02 003C 07 160000 150001'x' 0000", OK},
    {"10 11 " CONNECT_START "02 003C 04 150001'x' 0000", OK},
    /* The method is missing: before the errors of the client id, and before trailing bytes. */
    {"10 10 " CONNECT_START "02 003C 03 160000 0001", MQTT_ERROR_AUTHENTICATION_METHOD, 16, BOTH,
     NULL},
    {"10 11 " CONNECT_START "02 003C 03 160000 0000 00", MQTT_ERROR_AUTHENTICATION_METHOD, 16, BOTH,
     NULL},

    /* 3.2 CONNACK */
    {"20 03 00 00 00", OK},
    {"20 03 01 00 00", OK},
    {"20 03 00 87 00", OK},
    {"20 03 02 00 00", MQTT_ERROR_CONNACK_FLAGS, 2, BOTH, NULL},
    {"20 03 01 87 00", MQTT_ERROR_SESSION_PRESENT, 2, BOTH, NULL},
    {"20 03 01 01 00", MQTT_ERROR_SESSION_PRESENT, 2, BOTH, NULL},
    {"20 03 00 01 00", MQTT_ERROR_REASON_CODE, 3, BOTH, NULL},
    {"20 04 00 00 00 00", MQTT_ERROR_TRAILING_BYTES, 5, BOTH, NULL},
    {"20 06 00 00 03 120000", OK},    /* an assigned client identifier of no bytes */
    {"20 07 00 00 04 160001 00", OK}, /* authentication data without a method */
    {"20 06 00 00 03 1C0000", OK},    /* a server reference beside reason code 0x00 */

    /* 3.3 PUBLISH */
    {"30 04 0001'a' 00", OK},
    {"3D 08 0001'a' 0001 00 'xy'", OK},
    {"30 03 0001 00", MQTT_ERROR_NULL_CHARACTER, 2, BOTH, NULL},
    {"30 03 0001'a'", MQTT_ERROR_PROPERTIES_MISSING, 5, BOTH, NULL},
    {"30 03 0002'a'", MQTT_ERROR_FIELD_PAST_END, 2, BOTH, NULL},
    {"30 05 0002'a#' 00", MQTT_ERROR_TOPIC_NAME_WILDCARD, 2, BOTH, NULL},
    {"30 05 0002 C3 28 00", MQTT_ERROR_ILL_FORMED_UTF8, 2, BOTH, NULL},
    {"30 06 0003 E2 82 AC 00", OK},
    {"32 05 0003'abc'", MQTT_ERROR_PACKET_ID_MISSING, 7, BOTH, NULL},
    {"32 06 0003'abc' 01", MQTT_ERROR_PACKET_ID_MISSING, 7, BOTH, NULL},
    {"32 06 0001'a' 0000 00", MQTT_ERROR_PACKET_ID_ZERO, 5, BOTH, NULL},
    {"32 05 0001'a' 0001", MQTT_ERROR_PROPERTIES_MISSING, 7, BOTH, NULL},
    {"30 04 0001'a' 80", MQTT_ERROR_PROPERTIES_MISSING, 5, BOTH, NULL},
    {"30 05 0001'a' 80 00", MQTT_ERROR_INTEGER_NOT_SHORTEST, 5, BOTH, NULL},
    {"30 07 0001'a' 80 80 80 80", MQTT_ERROR_INTEGER_TOO_LONG, 5, BOTH, NULL},
    {"30 05 0001'a' 02 23", MQTT_ERROR_PROPERTIES_PAST_END, 5, BOTH, NULL},
    {"30 03 0000 00", MQTT_ERROR_TOPIC_MISSING, 2, BOTH, NULL},
    {"30 05 0000 02 0101", MQTT_ERROR_TOPIC_MISSING, 2, BOTH, NULL},
    {"30 06 0000 03 230001", OK}, /* the alias stands for the topic */
    {"32 08 0000 0001 03 230001", OK},
    {"32 08 0000 0000 03 230001", MQTT_ERROR_PACKET_ID_ZERO, 4, BOTH, NULL}, /* before the topic */
    {"30 06 0000 03 230000", MQTT_ERROR_TOPIC_ALIAS_ZERO, 5, BOTH, NULL},
    {"30 06 0000 03 0100 23", MQTT_ERROR_PROPERTY_CUT, 7, BOTH, NULL},
    {"30 89 01 0080 'a'", MQTT_PACKET_INCOMPLETE, 0, BOTH, NULL},
    {"30 83 01 0080 61*128 00", OK},
    {"30 06 0001'a' 02 0101", OK},
    {"30 06 0001'a' 02 0102", MQTT_ERROR_PROPERTY_VALUE, 6, BOTH, NULL},
    {"30 09 0001'a' 05 02FFFFFFFF", OK},
    {"30 08 0001'a' 04 0300 0231", MQTT_ERROR_PROPERTY_CUT, 6, BOTH, NULL},
    {"30 08 0001'a' 04 030001 FF", MQTT_ERROR_ILL_FORMED_UTF8, 6, BOTH, NULL},
    {"30 07 0001'a' 03 080000", MQTT_ERROR_TOPIC_EMPTY, 6, BOTH, NULL},
    {"30 08 0001'a' 04 080001'#'", MQTT_ERROR_TOPIC_NAME_WILDCARD, 6, BOTH, NULL},
    {"30 08 0001'a' 04 080001'r'", OK},
    {"30 08 0001'a' 04 090001 00", OK},
    {"30 06 0001'a' 02 0B05", 0, 0, SERVER, NULL}, /* [MQTT-3.3.4-6] */
    {"30 08 0001'a' 04 0B05 0B05", 0, 0, SERVER, NULL},
    {"30 07 0001'a' 03 0BFF7F", 0, 0, SERVER, NULL},
    {"30 09 0001'a' 05 0BFFFFFF7F", 0, 0, SERVER, NULL},
    {"30 06 0001'a' 02 0B00", MQTT_ERROR_PROPERTY_VALUE, 6, SERVER, NULL},
    {"30 07 0001'a' 03 0B8000", MQTT_ERROR_INTEGER_NOT_SHORTEST, 6, SERVER, NULL},
    {"30 07 0001'a' 03 0B8100", MQTT_ERROR_INTEGER_NOT_SHORTEST, 6, SERVER, NULL},
    {"30 09 0001'a' 05 0B80808080", MQTT_ERROR_INTEGER_TOO_LONG, 6, SERVER, NULL},
    {"30 08 0001'a' 04 0B808080", MQTT_ERROR_PROPERTY_CUT, 6, SERVER, NULL},
    {"30 05 0001'a' 01 0B", MQTT_ERROR_PROPERTY_CUT, 6, SERVER, NULL},
    {"30 05 0001'a' 01 01", MQTT_ERROR_PROPERTY_CUT, 6, BOTH, NULL},
    {"30 0A 0001'a' 06 23 0001 23 0001", MQTT_ERROR_PROPERTY_TWICE, 9, BOTH, NULL},
    {"30 08 0001'a' 04 0100 0101", MQTT_ERROR_PROPERTY_TWICE, 8, BOTH, NULL},
    {"30 08 0001'a' 04 0100 01", MQTT_PACKET_INCOMPLETE, 0, BOTH, NULL},
    {"30 07 0001'a' 03 0100 01", MQTT_ERROR_PROPERTY_TWICE, 8, BOTH, NULL}, /* twice, then cut */
    {"30 06 0001'a' 02 0400", MQTT_ERROR_PROPERTY_ID, 6, BOTH, NULL},
    {"30 06 0001'a' 02 2B00", MQTT_ERROR_PROPERTY_ID, 6, BOTH, NULL},
    {"30 06 0001'a' 02 8100", MQTT_ERROR_PROPERTY_ID, 6, BOTH, NULL},
    {"30 06 0001'a' 02 FF00", MQTT_ERROR_PROPERTY_ID, 6, BOTH, NULL},
    {"30 09 0001'a' 05 1100000000", MQTT_ERROR_PROPERTY_ID, 6, BOTH, NULL},
    {"30 09 0001'a' 05 1800000000", MQTT_ERROR_PROPERTY_ID, 6, BOTH, NULL}, /* a will's only */
    {"30 09 0001'a' 05 2600000000", OK},
    {"30 0E 0001'a' 0A 2600000000 2600000000", OK},
    {"30 09 0001'a' 05 260001 FF 00", MQTT_ERROR_PROPERTY_CUT, 6, BOTH, NULL}, /* cut, then value */
    {"30 0B 0001'a' 07 260001 FF 0001 00", MQTT_ERROR_ILL_FORMED_UTF8, 6, BOTH, NULL},
    {"30 0B 0001'a' 07 260001'n' 0001 00", MQTT_ERROR_NULL_CHARACTER, 6, BOTH, NULL},

    /* 3.4 to 3.7 PUBACK, PUBREC, PUBREL, PUBCOMP */
    {"40 02 0001", OK},
    {"40 03 0001 00", 0, 0, BOTH, "40 02 0001"},
    {"40 04 0001 00 00", 0, 0, BOTH, "40 02 0001"},
    {"40 04 0001 80 00", 0, 0, BOTH, "40 03 0001 80"},
    {"40 03 0001 80", OK},
    {"40 03 0001 10", 0, 0, SERVER, NULL}, /* Table 3-4 */
    {"50 03 0001 10", 0, 0, SERVER, NULL},
    {"40 08 0001 00 04 1F0001'r'", OK},
    {"62 03 0001 92", OK},
    {"70 03 0001 92", OK},
    {"40 03 0001 92", MQTT_ERROR_REASON_CODE, 4, BOTH, NULL},
    {"62 03 0001 80", MQTT_ERROR_REASON_CODE, 4, BOTH, NULL},
    {"40 02 0000", MQTT_ERROR_PACKET_ID_ZERO, 2, BOTH, NULL},
    {"40 03 0000 80", MQTT_ERROR_PACKET_ID_ZERO, 2, BOTH, NULL},
    {"40 05 0001 00 00 00", MQTT_ERROR_TRAILING_BYTES, 6, BOTH, NULL},
    {"40 05 0001 80 02 1F", MQTT_ERROR_PROPERTIES_PAST_END, 5, BOTH, NULL},
    {"40 09 0001 80 05 1100000000", MQTT_ERROR_PROPERTY_ID, 6, BOTH, NULL},

    /* 3.8 SUBSCRIBE */
    {"82 07 0001 00 0001'a' 00", OK},
    {"82 07 0001 00 0001'a' 2E", OK},
    {"82 03 0001 00", MQTT_ERROR_SUBSCRIBE_NO_FILTER, 5, BOTH, NULL},
    {"82 03 0000 00", MQTT_ERROR_PACKET_ID_ZERO, 2, BOTH, NULL},
    {"82 04 0001 00 00", MQTT_ERROR_FIELD_PAST_END, 5, BOTH, NULL},
    {"82 05 0001 00 0000", MQTT_ERROR_TOPIC_EMPTY, 5, BOTH, NULL},
    {"82 06 0001 00 0001'a'", MQTT_ERROR_REQUESTED_QOS_MISSING, 8, BOTH, NULL},
    {"82 07 0001 00 0001 FF 00", MQTT_ERROR_ILL_FORMED_UTF8, 5, BOTH, NULL},
    {"82 08 0001 00 0002'a#' 00", MQTT_ERROR_FILTER_MULTI_LEVEL, 5, BOTH, NULL},
    {"82 08 0001 00 0002'a+' 00", MQTT_ERROR_FILTER_SINGLE_LEVEL, 5, BOTH, NULL},
    {"82 07 0001 00 0001'a' 03", MQTT_ERROR_REQUESTED_QOS, 8, BOTH, NULL},
    {"82 07 0001 00 0001'a' 30", MQTT_ERROR_RETAIN_HANDLING, 8, BOTH, NULL},
    {"82 07 0001 00 0001'a' 40", MQTT_ERROR_SUBSCRIPTION_OPTIONS, 8, BOTH, NULL},
    {"82 07 0001 00 0001'a' FF", MQTT_ERROR_SUBSCRIPTION_OPTIONS, 8, BOTH, NULL},
    {"82 07 0001 00 0001'a' 33", MQTT_ERROR_REQUESTED_QOS, 8, BOTH, NULL},
    {"82 10 0001 00 000A'$share/n/a' 02", OK},
    {"82 10 0001 00 000A'$share/n/a' 04", MQTT_ERROR_NO_LOCAL_SHARED, 17, BOTH, NULL},
    {"82 10 0001 00 000A'$share/n/a' 34", MQTT_ERROR_RETAIN_HANDLING, 17, BOTH, NULL},
    {"82 10 0001 00 000A'$share//ab' 00", MQTT_ERROR_SHARE_NAME, 5, BOTH, NULL},
    {"82 0C 0001 00 0006'$share' 04", OK},
    {"82 09 0001 02 0B05 0001'a' 00", OK},
    {"82 0B 0001 04 0B05 0B05 0001'a' 00", MQTT_ERROR_PROPERTY_TWICE, 7, BOTH, NULL},
    {"82 0B 0001 00 0001'a' 00 0001'b' 01", OK},
    {"82 0B 0001 00 0001'a' 00 0001'#' 03", MQTT_ERROR_REQUESTED_QOS, 12, BOTH, NULL},

    /* 3.9 SUBACK, 3.11 UNSUBACK */
    {"90 04 0001 00 00", OK},
    {"90 05 0001 00 02 A2", OK},
    {"90 03 0001 00", MQTT_ERROR_SUBACK_NO_RETURN_CODE, 5, BOTH, NULL},
    {"90 05 0001 00 00 11", MQTT_ERROR_REASON_CODE, 6, BOTH, NULL},
    {"90 04 0000 00 00", MQTT_ERROR_PACKET_ID_ZERO, 2, BOTH, NULL},
    {"B0 04 0001 00 11", OK},
    {"B0 03 0001 00", MQTT_ERROR_SUBACK_NO_RETURN_CODE, 5, BOTH, NULL},
    {"B0 04 0001 00 01", MQTT_ERROR_REASON_CODE, 5, BOTH, NULL},
    {"B0 08 0001 04 1F0001'r' 00", OK},

    /* 3.10 UNSUBSCRIBE */
    {"A2 06 0001 00 0001'a'", OK},
    {"A2 03 0001 00", MQTT_ERROR_UNSUBSCRIBE_NO_FILTER, 5, BOTH, NULL},
    {"A2 03 0000 00", MQTT_ERROR_PACKET_ID_ZERO, 2, BOTH, NULL},
    {"A2 05 0001 02 0B05", MQTT_ERROR_PROPERTY_ID, 5, BOTH, NULL},
    {"A2 0E 0001 00 0009'$share/+/'", MQTT_ERROR_SHARE_NAME, 5, BOTH, NULL},
    {"A2 09 0001 00 0001'a' 0001 00", MQTT_ERROR_NULL_CHARACTER, 8, BOTH, NULL},

    /* 3.14 DISCONNECT */
    {"E0 00", OK},
    {"E0 01 00", 0, 0, BOTH, "E0 00"},
    {"E0 02 00 00", 0, 0, BOTH, "E0 00"},
    {"E0 01 81", OK},
    {"E0 02 81 00", 0, 0, BOTH, "E0 01 81"},
    {"E0 01 04", 0, 0, CLIENT, NULL}, /* Table 3-10 */
    {"E0 01 8E", 0, 0, SERVER, NULL},
    {"E0 01 8C", OK},
    {"E0 01 9B", OK},
    {"E0 01 01", MQTT_ERROR_REASON_CODE, 2, BOTH, NULL},
    {"E0 07 00 05 1100000001", 0, 0, CLIENT, NULL}, /* [MQTT-3.14.2-2] */
    {"E0 07 8E 05 1100000001", MQTT_ERROR_PROPERTY_DIRECTION, 4, NEITHER, NULL},
    {"E0 06 00 04 1C0001'x'", OK}, /* a server reference from a client */
    {"E0 03 00 00 00", MQTT_ERROR_TRAILING_BYTES, 4, BOTH, NULL},

    /* 3.15 AUTH */
    {"F0 00", 0, 0, SERVER, NULL},
    {"F0 02 00 00", 0, 0, SERVER, "F0 00"},
    {"F0 01 00", MQTT_ERROR_PROPERTIES_MISSING, 3, SERVER, NULL},
    {"F0 01 18", MQTT_ERROR_PROPERTIES_MISSING, 3, BOTH, NULL},
    {"F0 01 19", MQTT_ERROR_PROPERTIES_MISSING, 3, CLIENT, NULL},
    {"F0 01 17", MQTT_ERROR_REASON_CODE, 2, BOTH, NULL},
    {"F0 02 18 00", MQTT_ERROR_AUTHENTICATION_METHOD, 4, BOTH, NULL},
    {"F0 06 18 04 160001 00", MQTT_ERROR_AUTHENTICATION_METHOD, 8, BOTH, NULL},
    {"F0 06 00 04 1F0001'r'", MQTT_ERROR_AUTHENTICATION_METHOD, 8, SERVER, NULL},
    {"F0 03 18 00 00", MQTT_ERROR_AUTHENTICATION_METHOD, 4, BOTH, NULL},
    {"F0 06 18 04 150001'x'", OK},
    {"F0 06 19 04 150001'x'", 0, 0, CLIENT, NULL},
    {"F0 06 00 04 150001'x'", 0, 0, SERVER, NULL},
    {"F0 07 18 04 150001'x' 00", MQTT_ERROR_TRAILING_BYTES, 8, BOTH, NULL},
};

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static bool is_rejected(const struct v5_case *test)
{
    return test->status != 0 && test->status != MQTT_PACKET_INCOMPLETE;
}

/* Whether the side is one of whose packets the row speaks. */
static bool is_of(const struct v5_case *test, enum side side)
{
    return test->side == BOTH || test->side == side;
}

static void check_side(const struct v5_case *test, struct test_block bytes, decode_packet *decode,
                       enum side side)
{
    const unsigned type = bytes.bytes[0] / 16;
    struct mqtt_v5_packet packet;
    const int32_t result = decode(&packet, bytes.bytes, bytes.length);

    if (type != 0 && !(side == CLIENT ? v5_client_may_send : v5_server_may_send)(type))
        ck_assert_msg(result == MQTT_ERROR_DIRECTION, "%s: %d, no direction", test->bytes, result);
    else if (!is_of(test, side)) /* refused because of the side */
        ck_assert_msg(result == MQTT_ERROR_REASON_CODE || result == MQTT_ERROR_PROPERTY_DIRECTION,
                      "%s: %d from the other side", test->bytes, result);
    else
        ck_assert_msg(result == (test->status == 0 ? (int32_t)bytes.length : test->status),
                      "%s: %d from side %d", test->bytes, result, (int)side);
    if (result < MQTT_PACKET_INCOMPLETE)
        ck_assert_uint_eq(packet.type, bytes.bytes[0] / 16);
    if (result == test->status && is_rejected(test))
        ck_assert_msg(packet.error_offset == test->offset, "%s: at %u", test->bytes,
                      packet.error_offset);
}

START_TEST(every_row_is_judged)
{
    const struct v5_case *const test = &cases[_i];
    const struct test_block bytes = test_parse(test->bytes);
    struct mqtt_v5_packet packet;
    const int32_t expected = test->status == 0 ? (int32_t)bytes.length : test->status;
    const int32_t result = mqtt_v5_decode(&packet, bytes.bytes, bytes.length);

    ck_assert_msg(result == expected, "%s: %d, not %d", test->bytes, result, expected);
    if (is_rejected(test))
        ck_assert_msg(packet.error_offset == test->offset, "%s: at %u, not %u", test->bytes,
                      packet.error_offset, test->offset);
    if (result != MQTT_PACKET_INCOMPLETE)
        ck_assert_uint_eq(packet.type, bytes.bytes[0] / 16);
    check_side(test, bytes, mqtt_v5_decode_from_client, CLIENT);
    check_side(test, bytes, mqtt_v5_decode_from_server, SERVER);
    test_free(bytes);
}
END_TEST

/* Also that a packet is read only within its bytes: it stands before a page that may not be read. */
START_TEST(prefixes_are_incomplete_or_have_the_same_error)
{
    const struct v5_case *const test = &cases[_i];
    const struct test_block bytes = test_parse(test->bytes);
    size_t length;

    for (length = 0; length < bytes.length; length++) {
        const struct test_block prefix = test_copy_before_guard(bytes.bytes, length);
        struct mqtt_v5_packet packet;
        const int32_t result = mqtt_v5_decode(&packet, prefix.bytes, length);
        ck_assert_msg(result == MQTT_PACKET_INCOMPLETE ||
                          (is_rejected(test) && result == test->status &&
                           packet.error_offset == test->offset),
                      "%s: %d from %u bytes", test->bytes, result, (unsigned)length);
        test_free(prefix);
    }
    test_free(bytes);
}
END_TEST

/* What was decoded is encoded in the shortest form, into exactly as many bytes as it has. */
START_TEST(what_is_accepted_is_encoded_again)
{
    const struct v5_case *const test = &cases[_i];
    const struct test_block bytes = test_parse(test->bytes);
    const struct test_block expected = test_parse(test->shortest ? test->shortest : test->bytes);
    const struct test_block buffer = test_copy(expected.bytes, expected.length);
    struct mqtt_v5_packet packet;
    size_t capacity;

    if (test->status == 0) {
        ck_assert_int_gt(mqtt_v5_decode(&packet, bytes.bytes, bytes.length), 0);
        ck_assert_int_eq(mqtt_v5_encode(NULL, 0, &packet), (int32_t)expected.length);
        test_fill(buffer.bytes, buffer.length);
        for (capacity = 0; capacity < buffer.length; capacity++)
            ck_assert_int_eq(mqtt_v5_encode(buffer.bytes, capacity, &packet),
                             MQTT_ERROR_BUFFER_TOO_SMALL);
        test_assert_untouched(buffer.bytes, buffer.length);
        ck_assert_int_eq(mqtt_v5_encode(buffer.bytes, buffer.length, &packet),
                         (int32_t)buffer.length);
        test_assert_bytes(test->bytes, buffer.bytes, expected.bytes, expected.length);
    }
    test_free(buffer);
    test_free(expected);
    test_free(bytes);
}
END_TEST

/* The header of a PUBLISH has the same rules, and never waits for more than the packet can have. */
START_TEST(publish_headers_are_judged_alike)
{
    const struct v5_case *const test = &cases[_i];
    const struct test_block bytes = test_parse(test->bytes);
    struct mqtt_v5_packet packet;
    struct mqtt_v5_publish publish;
    int32_t previous = MQTT_PACKET_INCOMPLETE;
    size_t length;

    for (length = 0; length <= bytes.length; length++) {
        const struct test_block prefix = test_copy(bytes.bytes, length);
        const int32_t result = mqtt_v5_decode_publish_header(&publish, prefix.bytes, length);
        if (length == 0) {
            ck_assert_int_eq(result, MQTT_PACKET_INCOMPLETE);
        } else if (bytes.bytes[0] / 16 != MQTT_V5_PUBLISH) {
            ck_assert_int_eq(result, MQTT_ERROR_TYPE);
        } else if (test->status != 0) {
            ck_assert_msg(result == MQTT_PACKET_INCOMPLETE || result == test->status,
                          "%s: %d from %u bytes", test->bytes, result, (unsigned)length);
        } else if (result != MQTT_PACKET_INCOMPLETE) {
            ck_assert_int_gt(mqtt_v5_decode(&packet, bytes.bytes, bytes.length), 0);
            ck_assert_int_eq(result, (int32_t)(packet.as.publish.payload.data - bytes.bytes));
            ck_assert_ptr_null(publish.payload.data);
            ck_assert_uint_eq(publish.payload.length, packet.as.publish.payload.length);
            ck_assert_uint_eq(publish.properties.encoded.length,
                              packet.as.publish.properties.encoded.length);
            ck_assert_uint_eq(publish.packet_id, packet.as.publish.packet_id);
            ck_assert_uint_eq(publish.qos, packet.as.publish.qos);
            test_assert_string(test->bytes, publish.topic, packet.as.publish.topic);
        }
        ck_assert(previous == MQTT_PACKET_INCOMPLETE || result == previous);
        previous = result;
        test_free(prefix);
    }
    if (bytes.bytes[0] / 16 == MQTT_V5_PUBLISH && test->status != MQTT_PACKET_INCOMPLETE)
        ck_assert_int_ne(previous, MQTT_PACKET_INCOMPLETE);
    test_free(bytes);
}
END_TEST

START_TEST(bytes_behind_a_publish_are_left_alone)
{
    const struct test_block block = test_parse("30 04 0001'a' 00 FF FF");
    struct mqtt_v5_packet packet;
    struct mqtt_v5_publish publish;

    ck_assert_int_eq(mqtt_v5_decode(&packet, block.bytes, block.length), 6);
    ck_assert_uint_eq(packet.as.publish.payload.length, 0);
    ck_assert_int_eq(mqtt_v5_decode_publish_header(&publish, block.bytes, block.length), 6);
    ck_assert_uint_eq(publish.payload.length, 0);
    block.bytes[1] = 3; /* the properties are missing, whatever follows the packet */
    ck_assert_int_eq(mqtt_v5_decode_publish_header(&publish, block.bytes, block.length),
                     MQTT_ERROR_PROPERTIES_MISSING);
    test_free(block);
}
END_TEST

/* A fixed header says at once what is wrong with it. */
START_TEST(fixed_headers_are_judged_alike)
{
    const struct v5_case *const test = &cases[_i];
    const struct test_block bytes = test_parse(test->bytes);
    struct mqtt_v5_fixed_header header;
    const int32_t result = mqtt_v5_decode_fixed_header(&header, bytes.bytes, bytes.length);

    if (is_rejected(test) && test->offset <= 1 && result < 0) {
        ck_assert_int_eq(result, test->status);
    } else {
        ck_assert_int_ge(result, 2);
        ck_assert_uint_eq(header.type, bytes.bytes[0] / 16);
        ck_assert_uint_eq(header.flags, bytes.bytes[0] % 16);
        if (test->status != MQTT_PACKET_INCOMPLETE)
            ck_assert_uint_eq((size_t)result + header.remaining_length, bytes.length);
    }
    ck_assert_int_eq(mqtt_v5_decode_fixed_header(&header, NULL, 0), MQTT_PACKET_INCOMPLETE);
    test_free(bytes);
}
END_TEST

/* But for those that only encoders and functions for a part of a packet have, or no function. */
START_TEST(every_status_of_a_decoder_has_a_row)
{
    static const int32_t others[] = {MQTT_ERROR_BUFFER_TOO_SMALL,
                                     MQTT_ERROR_PACKET_TOO_LARGE,
                                     MQTT_ERROR_TYPE,
                                     MQTT_ERROR_DIRECTION,
                                     MQTT_ERROR_FIELD_TOO_LONG,
                                     MQTT_ERROR_PACKET_ID_AT_QOS_0,
                                     MQTT_ERROR_PAYLOAD_MISSING,
                                     MQTT_ERROR_PASSWORD_WITHOUT_USER_NAME,
                                     MQTT_ERROR_CLIENT_ID,
                                     MQTT_ERROR_CONNECT_RETURN_CODE,
                                     MQTT_ERROR_SUBACK_RETURN_CODE};
    int32_t status;
    int i;

    for (status = -1; status >= MQTT_ERROR_SHARE_NAME; status--) {
        bool found = false;
        for (i = 0; i < COUNT(others); i++)
            found |= others[i] == status;
        for (i = 0; i < COUNT(cases); i++)
            found |= cases[i].status == status;
        ck_assert_msg(found, "no row has %d: %s", status, mqtt_v5_status_message(status));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("packets_v5");
    TCase *tests = tcase_create("packets_v5");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, every_row_is_judged, 0, COUNT(cases));
    tcase_add_loop_test(tests, prefixes_are_incomplete_or_have_the_same_error, 0, COUNT(cases));
    tcase_add_loop_test(tests, what_is_accepted_is_encoded_again, 0, COUNT(cases));
    tcase_add_loop_test(tests, publish_headers_are_judged_alike, 0, COUNT(cases));
    tcase_add_loop_test(tests, fixed_headers_are_judged_alike, 0, COUNT(cases));
    tcase_add_test(tests, bytes_behind_a_publish_are_left_alone);
    tcase_add_test(tests, every_status_of_a_decoder_has_a_row);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
