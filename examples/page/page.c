/* SPDX-License-Identifier: MIT
 *
 * page.c: the functions of mqtt_inspect.html that use mqtt_codec.h. build.py compiles it to
 * WebAssembly.
 *
 * The codec says which packets are valid, which rule a packet breaks and where. It also writes
 * packets. This file adds only tables: for each packet type of both versions, the fields in the order
 * of their bytes, and for each property of MQTT 5.0 the kind of its value. The page uses them to name
 * the bytes of a packet, and to make the form of its editor.
 *
 * The functions whose names begin with page_ are called by codec.js, which also knows the structs
 * below. The page copies all bytes into the memory after __heap_base first.
 */
#define MQTT_CODEC_MEMCPY __builtin_memcpy
#include "../../mqtt_codec.h"

/* The protocol level of a version. */
enum version {
    VERSION_3_1_1 = 4,
    VERSION_5_0 = 5
};

/* ---------------------------------------------------------------------------------------------
 * The fields
 * ------------------------------------------------------------------------------------------- */

enum kind {
    KIND_FLAGS,  /* one byte; the TYPE and BITS after it are its bits */
    KIND_TYPE,   /* bits: the packet type */
    KIND_BITS,   /* bits: a flag or a small number */
    KIND_BYTE,   /* one byte: a number */
    KIND_NUMBER, /* two bytes: a number */
    KIND_LENGTH, /* one to four bytes: the remaining length */
    KIND_STRING, /* two bytes of length, then UTF-8 */
    KIND_BINARY, /* two bytes of length, then any bytes */
    KIND_REST,   /* all bytes that are left */
    /* MQTT 5.0 */
    KIND_REASON,     /* one byte: a reason code */
    KIND_PROPERTIES, /* one to four bytes: the length of the properties after it */
    KIND_LONG,       /* four bytes: a number */
    KIND_INTEGER,    /* one to four bytes: a number */
    KIND_PAIR        /* two strings */
};

/* What a value means. The last one of a list has no text. */
struct meaning {
    uint32_t value;
    const char *text;
};

#define NO_MEMBER UINT32_MAX

/* A row of a table: a field, or a property. A property has one byte, its identifier, before its value. */
struct field {
    const char *name;    /* as in the standard; NULL: a property, whose name the codec knows */
    const char *section; /* of the standard */
    enum kind kind;
    uint32_t
        bits; /* of TYPE and BITS: which bits of the FLAGS before them; of a property: its identifier */
    /* 0, or bits of the last FLAGS: the field is only there if one of them is 1. BITS are always
     * there, but mean nothing if none of them is 1. */
    uint32_t when;
    uint32_t member; /* its offset in the packet of its version, or in an entry of its list */
    const struct meaning *meanings;
};

/* The fields of a packet type. */
struct layout {
    const char *name; /* of the type */
    const struct field *fields;
    uint32_t count;
    uint32_t list;       /* index of the first field of a list entry; `count` if there is no list */
    uint32_t entry_size; /* size of an entry in the list for the encoder */
};

#define MEMBER(name) (uint32_t) offsetof(struct mqtt_packet, as.name)

/* 2.2: the first byte, then the remaining length. The flags of a PUBLISH have names. */
#define PACKET_TYPE                                                                                \
    {"Fixed header, byte 1", "2.2", KIND_FLAGS, 0, 0, NO_MEMBER, NULL},                            \
    {                                                                                              \
        "MQTT Control Packet type", "2.2.1", KIND_TYPE, 0xF0, 0, NO_MEMBER, NULL                   \
    }
#define REMAINING_LENGTH                                                                           \
    {                                                                                              \
        "Remaining Length", "2.2.3", KIND_LENGTH, 0, 0, NO_MEMBER, NULL                            \
    }
#define FIXED_HEADER                                                                               \
    PACKET_TYPE, {"Flags", "2.2.2", KIND_BITS, 0x0F, 0, NO_MEMBER, NULL}, REMAINING_LENGTH

/* Table 3.1 */
static const struct meaning connack_codes[] = {
    {MQTT_CONNACK_CODE_ACCEPTED, "Connection Accepted"},
    {MQTT_CONNACK_CODE_REFUSED_PROTOCOL_VERSION,
     "Connection Refused, unacceptable protocol version"},
    {MQTT_CONNACK_CODE_REFUSED_IDENTIFIER, "Connection Refused, identifier rejected"},
    {MQTT_CONNACK_CODE_REFUSED_SERVER_UNAVAILABLE, "Connection Refused, Server unavailable"},
    {MQTT_CONNACK_CODE_REFUSED_USER_NAME_OR_PASSWORD,
     "Connection Refused, bad user name or password"},
    {MQTT_CONNACK_CODE_REFUSED_NOT_AUTHORIZED, "Connection Refused, not authorized"},
    {0, NULL},
};

/* 3.9.3 */
static const struct meaning suback_codes[] = {
    {MQTT_SUBACK_CODE_QOS_0, "Success - Maximum QoS 0"},
    {MQTT_SUBACK_CODE_QOS_1, "Success - Maximum QoS 1"},
    {MQTT_SUBACK_CODE_QOS_2, "Success - Maximum QoS 2"},
    {MQTT_SUBACK_CODE_FAILURE, "Failure"},
    {0, NULL},
};

/* Table 4.1 */
static const struct meaning qos_levels[] = {
    {0, "At most once delivery"},
    {1, "At least once delivery"},
    {2, "Exactly once delivery"},
    {0, NULL},
};

/* 3.1.2.2, and the levels of other versions */
static const struct meaning protocol_levels[] = {
    {3, "MQTT 3.1"},
    {4, "MQTT 3.1.1"},
    {5, "MQTT 5.0"},
    {0, NULL},
};

static const struct field connect_fields[] = {
    FIXED_HEADER,
    {"Protocol Name", "3.1.2.1", KIND_STRING, 0, 0, NO_MEMBER, NULL},
    {"Protocol Level", "3.1.2.2", KIND_BYTE, 0, 0, NO_MEMBER, protocol_levels},
    {"Connect Flags", "3.1.2.3", KIND_FLAGS, 0, 0, NO_MEMBER, NULL},
    {"User Name Flag", "3.1.2.8", KIND_BITS, 0x80, 0, MEMBER(connect.has_user_name), NULL},
    {"Password Flag", "3.1.2.9", KIND_BITS, 0x40, 0, MEMBER(connect.has_password), NULL},
    {"Will Retain", "3.1.2.7", KIND_BITS, 0x20, 0x04, MEMBER(connect.will.retain), NULL},
    {"Will QoS", "3.1.2.6", KIND_BITS, 0x18, 0x04, MEMBER(connect.will.qos), qos_levels},
    {"Will Flag", "3.1.2.5", KIND_BITS, 0x04, 0, MEMBER(connect.has_will), NULL},
    {"Clean Session", "3.1.2.4", KIND_BITS, 0x02, 0, MEMBER(connect.clean_session), NULL},
    {"Reserved", "3.1.2.3", KIND_BITS, 0x01, 0, NO_MEMBER, NULL},
    {"Keep Alive", "3.1.2.10", KIND_NUMBER, 0, 0, MEMBER(connect.keep_alive), NULL},
    {"Client Identifier", "3.1.3.1", KIND_STRING, 0, 0, MEMBER(connect.client_id), NULL},
    {"Will Topic", "3.1.3.2", KIND_STRING, 0, 0x04, MEMBER(connect.will.topic), NULL},
    {"Will Message", "3.1.3.3", KIND_BINARY, 0, 0x04, MEMBER(connect.will.message), NULL},
    {"User Name", "3.1.3.4", KIND_STRING, 0, 0x80, MEMBER(connect.user_name), NULL},
    {"Password", "3.1.3.5", KIND_BINARY, 0, 0x40, MEMBER(connect.password), NULL},
};

static const struct field connack_fields[] = {
    FIXED_HEADER,
    {"Connect Acknowledge Flags", "3.2.2.1", KIND_FLAGS, 0, 0, NO_MEMBER, NULL},
    {"Reserved", "3.2.2.1", KIND_BITS, 0xFE, 0, NO_MEMBER, NULL},
    {"Session Present", "3.2.2.2", KIND_BITS, 0x01, 0, MEMBER(connack.session_present), NULL},
    {"Connect Return code", "3.2.2.3", KIND_BYTE, 0, 0, MEMBER(connack.return_code), connack_codes},
};

static const struct field publish_fields[] = {
    PACKET_TYPE,
    {"DUP", "3.3.1.1", KIND_BITS, 0x08, 0, MEMBER(publish.dup), NULL},
    {"QoS", "3.3.1.2", KIND_BITS, 0x06, 0, MEMBER(publish.qos), qos_levels},
    {"RETAIN", "3.3.1.3", KIND_BITS, 0x01, 0, MEMBER(publish.retain), NULL},
    REMAINING_LENGTH,
    {"Topic Name", "3.3.2.1", KIND_STRING, 0, 0, MEMBER(publish.topic), NULL},
    {"Packet Identifier", "3.3.2.2", KIND_NUMBER, 0, 0x06, MEMBER(publish.packet_id), NULL},
    {"Payload", "3.3.3", KIND_REST, 0, 0, MEMBER(publish.payload), NULL},
};

static const struct field ack_fields[] = {
    FIXED_HEADER,
    {"Packet Identifier", "2.3.1", KIND_NUMBER, 0, 0, MEMBER(ack.packet_id), NULL},
};

static const struct field subscribe_fields[] = {
    FIXED_HEADER,
    {"Packet Identifier", "3.8.2", KIND_NUMBER, 0, 0, MEMBER(subscribe.packet_id), NULL},
    {"Topic Filter", "3.8.3", KIND_STRING, 0, 0, offsetof(struct mqtt_subscription, filter), NULL},
    {"Requested QoS", "3.8.3", KIND_BYTE, 0, 0, offsetof(struct mqtt_subscription, qos),
     qos_levels},
};

static const struct field suback_fields[] = {
    FIXED_HEADER,
    {"Packet Identifier", "3.9.2", KIND_NUMBER, 0, 0, MEMBER(suback.packet_id), NULL},
    {"Return Code", "3.9.3", KIND_BYTE, 0, 0, 0, suback_codes},
};

static const struct field unsubscribe_fields[] = {
    FIXED_HEADER,
    {"Packet Identifier", "3.10.2", KIND_NUMBER, 0, 0, MEMBER(unsubscribe.packet_id), NULL},
    {"Topic Filter", "3.10.3", KIND_STRING, 0, 0, 0, NULL},
};

static const struct field empty_fields[] = {FIXED_HEADER};

/* Bytes that are no field. */
static const struct field trailing_bytes = {
    "Bytes after the last field", "3.1.3", KIND_REST, 0, 0, NO_MEMBER, NULL};
static const struct field bytes_not_read = {
    "Bytes that are not read", "", KIND_REST, 0, 0, NO_MEMBER, NULL};

#define COUNT(array) (uint32_t)(sizeof(array) / sizeof(array)[0])
#define PLAIN(name, fields)                                                                        \
    {                                                                                              \
        name, fields, COUNT(fields), COUNT(fields), 0                                              \
    }
#define LIST(name, fields, list, entry)                                                            \
    {                                                                                              \
        name, fields, COUNT(fields), list, sizeof(entry)                                           \
    }

static const struct layout layouts[16] = {
    PLAIN("Reserved", empty_fields),
    PLAIN("CONNECT", connect_fields),
    PLAIN("CONNACK", connack_fields),
    PLAIN("PUBLISH", publish_fields),
    PLAIN("PUBACK", ack_fields),
    PLAIN("PUBREC", ack_fields),
    PLAIN("PUBREL", ack_fields),
    PLAIN("PUBCOMP", ack_fields),
    LIST("SUBSCRIBE", subscribe_fields, 5, struct mqtt_subscription),
    LIST("SUBACK", suback_fields, 5, uint8_t),
    LIST("UNSUBSCRIBE", unsubscribe_fields, 5, struct mqtt_string),
    PLAIN("UNSUBACK", ack_fields),
    PLAIN("PINGREQ", empty_fields),
    PLAIN("PINGRESP", empty_fields),
    PLAIN("DISCONNECT", empty_fields),
    PLAIN("Reserved", empty_fields),
};

/* ---------------------------------------------------------------------------------------------
 * The fields of MQTT 5.0
 * ------------------------------------------------------------------------------------------- */

#define V5_MEMBER(name)       (uint32_t) offsetof(struct mqtt_v5_packet, as.name)
#define V5_SUBSCRIPTION(name) offsetof(struct mqtt_v5_subscription, name)

#define V5_PACKET_TYPE                                                                             \
    {"Fixed header, byte 1", "2.1.1", KIND_FLAGS, 0, 0, NO_MEMBER, NULL},                          \
    {                                                                                              \
        "MQTT Control Packet type", "2.1.2", KIND_TYPE, 0xF0, 0, NO_MEMBER, NULL                   \
    }
#define V5_REMAINING_LENGTH                                                                        \
    {                                                                                              \
        "Remaining Length", "2.1.4", KIND_LENGTH, 0, 0, NO_MEMBER, NULL                            \
    }
#define V5_FIXED_HEADER                                                                            \
    V5_PACKET_TYPE, {"Flags", "2.1.3", KIND_BITS, 0x0F, 0, NO_MEMBER, NULL}, V5_REMAINING_LENGTH
#define V5_PACKET_ID(member)                                                                       \
    {                                                                                              \
        "Packet Identifier", "2.2.1", KIND_NUMBER, 0, 0, member, NULL                              \
    }
#define V5_REASON_CODE(section, member)                                                            \
    {                                                                                              \
        "Reason Code", section, KIND_REASON, 0, 0, member, NULL                                    \
    }
#define V5_PROPERTIES(section, member)                                                             \
    {                                                                                              \
        "Property Length", section, KIND_PROPERTIES, 0, 0, member, NULL                            \
    }

/* 3.8.3.1 */
static const struct meaning retain_handlings[] = {
    {0, "Send retained messages at the time of the subscribe"},
    {1, "Send retained messages only if the subscription is new"},
    {2, "Do not send retained messages at the time of the subscribe"},
    {0, NULL},
};

static const struct field v5_connect_fields[] = {
    V5_FIXED_HEADER,
    {"Protocol Name", "3.1.2.1", KIND_STRING, 0, 0, NO_MEMBER, NULL},
    {"Protocol Version", "3.1.2.2", KIND_BYTE, 0, 0, NO_MEMBER, protocol_levels},
    {"Connect Flags", "3.1.2.3", KIND_FLAGS, 0, 0, NO_MEMBER, NULL},
    {"User Name Flag", "3.1.2.8", KIND_BITS, 0x80, 0, V5_MEMBER(connect.has_user_name), NULL},
    {"Password Flag", "3.1.2.9", KIND_BITS, 0x40, 0, V5_MEMBER(connect.has_password), NULL},
    {"Will Retain", "3.1.2.7", KIND_BITS, 0x20, 0x04, V5_MEMBER(connect.will.retain), NULL},
    {"Will QoS", "3.1.2.6", KIND_BITS, 0x18, 0x04, V5_MEMBER(connect.will.qos), qos_levels},
    {"Will Flag", "3.1.2.5", KIND_BITS, 0x04, 0, V5_MEMBER(connect.has_will), NULL},
    {"Clean Start", "3.1.2.4", KIND_BITS, 0x02, 0, V5_MEMBER(connect.clean_start), NULL},
    {"Reserved", "3.1.2.3", KIND_BITS, 0x01, 0, NO_MEMBER, NULL},
    {"Keep Alive", "3.1.2.10", KIND_NUMBER, 0, 0, V5_MEMBER(connect.keep_alive), NULL},
    V5_PROPERTIES("3.1.2.11", V5_MEMBER(connect.properties)),
    {"Client Identifier", "3.1.3.1", KIND_STRING, 0, 0, V5_MEMBER(connect.client_id), NULL},
    {"Will Property Length", "3.1.3.2", KIND_PROPERTIES, 0, 0x04,
     V5_MEMBER(connect.will.properties), NULL},
    {"Will Topic", "3.1.3.3", KIND_STRING, 0, 0x04, V5_MEMBER(connect.will.topic), NULL},
    {"Will Payload", "3.1.3.4", KIND_BINARY, 0, 0x04, V5_MEMBER(connect.will.payload), NULL},
    {"User Name", "3.1.3.5", KIND_STRING, 0, 0x80, V5_MEMBER(connect.user_name), NULL},
    {"Password", "3.1.3.6", KIND_BINARY, 0, 0x40, V5_MEMBER(connect.password), NULL},
};

static const struct field v5_connack_fields[] = {
    V5_FIXED_HEADER,
    {"Connect Acknowledge Flags", "3.2.2.1", KIND_FLAGS, 0, 0, NO_MEMBER, NULL},
    {"Reserved", "3.2.2.1", KIND_BITS, 0xFE, 0, NO_MEMBER, NULL},
    {"Session Present", "3.2.2.1.1", KIND_BITS, 0x01, 0, V5_MEMBER(connack.session_present), NULL},
    V5_REASON_CODE("3.2.2.2", V5_MEMBER(connack.reason_code)),
    V5_PROPERTIES("3.2.2.3", V5_MEMBER(connack.properties)),
};

static const struct field v5_publish_fields[] = {
    V5_PACKET_TYPE,
    {"DUP", "3.3.1.1", KIND_BITS, 0x08, 0, V5_MEMBER(publish.dup), NULL},
    {"QoS", "3.3.1.2", KIND_BITS, 0x06, 0, V5_MEMBER(publish.qos), qos_levels},
    {"RETAIN", "3.3.1.3", KIND_BITS, 0x01, 0, V5_MEMBER(publish.retain), NULL},
    V5_REMAINING_LENGTH,
    {"Topic Name", "3.3.2.1", KIND_STRING, 0, 0, V5_MEMBER(publish.topic), NULL},
    {"Packet Identifier", "3.3.2.2", KIND_NUMBER, 0, 0x06, V5_MEMBER(publish.packet_id), NULL},
    V5_PROPERTIES("3.3.2.3", V5_MEMBER(publish.properties)),
    {"Payload", "3.3.3", KIND_REST, 0, 0, V5_MEMBER(publish.payload), NULL},
};

static const struct field v5_ack_fields[] = {
    V5_FIXED_HEADER,
    V5_PACKET_ID(V5_MEMBER(ack.packet_id)),
    V5_REASON_CODE("2.4", V5_MEMBER(ack.reason_code)),
    V5_PROPERTIES("2.2.2", V5_MEMBER(ack.properties)),
};

static const struct field v5_subscribe_fields[] = {
    V5_FIXED_HEADER,
    V5_PACKET_ID(V5_MEMBER(subscribe.packet_id)),
    V5_PROPERTIES("3.8.2.1", V5_MEMBER(subscribe.properties)),
    {"Topic Filter", "3.8.3", KIND_STRING, 0, 0, V5_SUBSCRIPTION(filter), NULL},
    {"Subscription Options", "3.8.3.1", KIND_FLAGS, 0, 0, NO_MEMBER, NULL},
    {"Reserved", "3.8.3.1", KIND_BITS, 0xC0, 0, NO_MEMBER, NULL},
    {"Retain Handling", "3.8.3.1", KIND_BITS, 0x30, 0, V5_SUBSCRIPTION(retain_handling),
     retain_handlings},
    {"Retain As Published", "3.8.3.1", KIND_BITS, 0x08, 0, V5_SUBSCRIPTION(retain_as_published),
     NULL},
    {"No Local", "3.8.3.1", KIND_BITS, 0x04, 0, V5_SUBSCRIPTION(no_local), NULL},
    {"Maximum QoS", "3.8.3.1", KIND_BITS, 0x03, 0, V5_SUBSCRIPTION(qos), qos_levels},
};

static const struct field v5_suback_fields[] = {
    V5_FIXED_HEADER,
    V5_PACKET_ID(V5_MEMBER(suback.packet_id)),
    V5_PROPERTIES("3.9.2.1", V5_MEMBER(suback.properties)),
    {"Reason Code", "3.9.3", KIND_REASON, 0, 0, 0, NULL},
};

static const struct field v5_unsubscribe_fields[] = {
    V5_FIXED_HEADER,
    V5_PACKET_ID(V5_MEMBER(unsubscribe.packet_id)),
    V5_PROPERTIES("3.10.2.1", V5_MEMBER(unsubscribe.properties)),
    {"Topic Filter", "3.10.3", KIND_STRING, 0, 0, 0, NULL},
};

static const struct field v5_unsuback_fields[] = {
    V5_FIXED_HEADER,
    V5_PACKET_ID(V5_MEMBER(unsuback.packet_id)),
    V5_PROPERTIES("3.11.2.1", V5_MEMBER(unsuback.properties)),
    {"Reason Code", "3.11.3", KIND_REASON, 0, 0, 0, NULL},
};

static const struct field v5_disconnect_fields[] = {
    V5_FIXED_HEADER,
    V5_REASON_CODE("3.14.2.1", V5_MEMBER(disconnect.reason_code)),
    V5_PROPERTIES("3.14.2.2", V5_MEMBER(disconnect.properties)),
};

static const struct field v5_auth_fields[] = {
    V5_FIXED_HEADER,
    V5_REASON_CODE("3.15.2.1", V5_MEMBER(auth.reason_code)),
    V5_PROPERTIES("3.15.2.2", V5_MEMBER(auth.properties)),
};

static const struct field v5_empty_fields[] = {V5_FIXED_HEADER};

static const struct layout v5_layouts[16] = {
    PLAIN("Reserved", v5_empty_fields),
    PLAIN("CONNECT", v5_connect_fields),
    PLAIN("CONNACK", v5_connack_fields),
    PLAIN("PUBLISH", v5_publish_fields),
    PLAIN("PUBACK", v5_ack_fields),
    PLAIN("PUBREC", v5_ack_fields),
    PLAIN("PUBREL", v5_ack_fields),
    PLAIN("PUBCOMP", v5_ack_fields),
    LIST("SUBSCRIBE", v5_subscribe_fields, 6, struct mqtt_v5_subscription),
    LIST("SUBACK", v5_suback_fields, 6, uint8_t),
    LIST("UNSUBSCRIBE", v5_unsubscribe_fields, 6, struct mqtt_string),
    LIST("UNSUBACK", v5_unsuback_fields, 6, uint8_t),
    PLAIN("PINGREQ", v5_empty_fields),
    PLAIN("PINGRESP", v5_empty_fields),
    PLAIN("DISCONNECT", v5_disconnect_fields),
    PLAIN("AUTH", v5_auth_fields),
};

/* Table 2-4 */
#define PROPERTY(id, kind)                                                                         \
    {                                                                                              \
        NULL, "2.2.2.2", kind, MQTT_V5_PROPERTY_##id, 0, NO_MEMBER, NULL                           \
    }
static const struct field properties[] = {
    PROPERTY(PAYLOAD_FORMAT_INDICATOR, KIND_BYTE),
    PROPERTY(MESSAGE_EXPIRY_INTERVAL, KIND_LONG),
    PROPERTY(CONTENT_TYPE, KIND_STRING),
    PROPERTY(RESPONSE_TOPIC, KIND_STRING),
    PROPERTY(CORRELATION_DATA, KIND_BINARY),
    PROPERTY(SUBSCRIPTION_IDENTIFIER, KIND_INTEGER),
    PROPERTY(SESSION_EXPIRY_INTERVAL, KIND_LONG),
    PROPERTY(ASSIGNED_CLIENT_IDENTIFIER, KIND_STRING),
    PROPERTY(SERVER_KEEP_ALIVE, KIND_NUMBER),
    PROPERTY(AUTHENTICATION_METHOD, KIND_STRING),
    PROPERTY(AUTHENTICATION_DATA, KIND_BINARY),
    PROPERTY(REQUEST_PROBLEM_INFORMATION, KIND_BYTE),
    PROPERTY(WILL_DELAY_INTERVAL, KIND_LONG),
    PROPERTY(REQUEST_RESPONSE_INFORMATION, KIND_BYTE),
    PROPERTY(RESPONSE_INFORMATION, KIND_STRING),
    PROPERTY(SERVER_REFERENCE, KIND_STRING),
    PROPERTY(REASON_STRING, KIND_STRING),
    PROPERTY(RECEIVE_MAXIMUM, KIND_NUMBER),
    PROPERTY(TOPIC_ALIAS_MAXIMUM, KIND_NUMBER),
    PROPERTY(TOPIC_ALIAS, KIND_NUMBER),
    PROPERTY(MAXIMUM_QOS, KIND_BYTE),
    PROPERTY(RETAIN_AVAILABLE, KIND_BYTE),
    PROPERTY(USER_PROPERTY, KIND_PAIR),
    PROPERTY(MAXIMUM_PACKET_SIZE, KIND_LONG),
    PROPERTY(WILDCARD_SUBSCRIPTION_AVAILABLE, KIND_BYTE),
    PROPERTY(SUBSCRIPTION_IDENTIFIERS_AVAILABLE, KIND_BYTE),
    PROPERTY(SHARED_SUBSCRIPTION_AVAILABLE, KIND_BYTE),
};
static const struct field unknown_property = {
    "Property identifier", "2.2.2.2", KIND_BYTE, 0, 0, NO_MEMBER, NULL};

static bool is_property(const struct field *field)
{
    return field->name == NULL;
}

static const struct field *find_property(uint32_t id)
{
    uint32_t i;

    for (i = 0; i < COUNT(properties); i++) {
        if (properties[i].bits == id)
            return &properties[i];
    }
    return &unknown_property;
}

/* The property at an index, or NULL after the last one. */
const struct field *page_property(uint32_t index)
{
    return index < COUNT(properties) ? &properties[index] : NULL;
}

const char *page_property_name(uint32_t id)
{
    return mqtt_v5_property_name((enum mqtt_v5_property_id)id);
}

const char *page_reason_code_name(uint32_t code, uint32_t type)
{
    return mqtt_v5_reason_code_name((uint8_t)code, (enum mqtt_v5_packet_type)type);
}

/* The 16 layouts of a version, one for each value of the packet type. */
const struct layout *page_layouts(enum version version)
{
    return version == VERSION_5_0 ? v5_layouts : layouts;
}

/* ---------------------------------------------------------------------------------------------
 * A stream: where its packets begin, and which are refused
 * ------------------------------------------------------------------------------------------- */

enum side {
    SIDE_CLIENT,
    SIDE_SERVER,
    SIDE_EITHER
};

/* A packet, or what is left of the stream after one whose end is not known. */
struct record {
    uint32_t offset;       /* in the stream */
    uint32_t size;         /* its bytes that are there */
    int32_t status;        /* 0, or what the decoder says */
    uint32_t error_offset; /* in the packet, if it is refused */
    uint32_t total;        /* the bytes that it should have; 0: not known */
    enum version version;
};

static int32_t decode(struct mqtt_packet *packet, const uint8_t *bytes, size_t length,
                      enum side side)
{
    switch (side) {
    case SIDE_CLIENT:
        return mqtt_decode_from_client(packet, bytes, length);
    case SIDE_SERVER:
        return mqtt_decode_from_server(packet, bytes, length);
    case SIDE_EITHER:
        break;
    }
    return mqtt_decode(packet, bytes, length);
}

static int32_t decode_v5(struct mqtt_v5_packet *packet, const uint8_t *bytes, size_t length,
                         enum side side)
{
    switch (side) {
    case SIDE_CLIENT:
        return mqtt_v5_decode_from_client(packet, bytes, length);
    case SIDE_SERVER:
        return mqtt_v5_decode_from_server(packet, bytes, length);
    case SIDE_EITHER:
        break;
    }
    return mqtt_v5_decode(packet, bytes, length);
}

static struct record inspect_v311(const uint8_t *bytes, uint32_t length, enum side side)
{
    struct record record = {0, length, 0, 0, 0, VERSION_3_1_1};
    struct mqtt_fixed_header header;
    struct mqtt_packet packet = {0};
    int32_t size = decode(&packet, bytes, length, side);

    if (size > 0) {
        record.total = (uint32_t)size;
    } else {
        record.status = size;
        record.error_offset = packet.error_offset;
        size = mqtt_decode_fixed_header(&header, bytes, length);
        if (size > 0)
            record.total = (uint32_t)size + header.remaining_length;
    }
    return record;
}

static struct record inspect_v5(const uint8_t *bytes, uint32_t length, enum side side)
{
    struct record record = {0, length, 0, 0, 0, VERSION_5_0};
    struct mqtt_v5_fixed_header header;
    struct mqtt_v5_packet packet = {0};
    int32_t size = decode_v5(&packet, bytes, length, side);

    if (size > 0) {
        record.total = (uint32_t)size;
    } else {
        record.status = size;
        record.error_offset = packet.error_offset;
        size = mqtt_v5_decode_fixed_header(&header, bytes, length);
        if (size > 0)
            record.total = (uint32_t)size + header.remaining_length;
    }
    return record;
}

static struct record inspect(const uint8_t *bytes, uint32_t length, enum side side,
                             enum version version)
{
    struct record record = version == VERSION_5_0 ? inspect_v5(bytes, length, side)
                                                  : inspect_v311(bytes, length, side);

    if (record.status == MQTT_PACKET_INCOMPLETE)
        record.error_offset = 0;
    if (record.total > 0 && record.total < length)
        record.size = record.total;
    return record;
}

/* The version of a CONNECT: above 3.1.1 it is answered as one of 5.0. Another packet has that of the
 * packet before it. */
static enum version version_at(const uint8_t *bytes, uint32_t length, enum version before)
{
    uint8_t level;

    if (mqtt_decode_protocol_level(&level, bytes, length) < 0)
        return before;
    return level > VERSION_3_1_1 ? VERSION_5_0 : VERSION_3_1_1;
}

/* Writes records of the packets from `offset` on, at most `capacity`. Returns how many. The caller
 * continues where the last one ends, with its version. If `is_fixed`, all packets are of `version`,
 * otherwise each CONNECT says that of the packets from it on. */
uint32_t page_index(const uint8_t *bytes, uint32_t length, uint32_t offset, enum side side,
                    enum version version, bool is_fixed, struct record *records, uint32_t capacity)
{
    uint32_t count = 0;

    while (offset < length && count < capacity) {
        if (!is_fixed)
            version = version_at(bytes + offset, length - offset, version);
        records[count] = inspect(bytes + offset, length - offset, side, version);
        records[count].offset = offset;
        offset += records[count].size;
        count++;
    }
    return count;
}

/* ---------------------------------------------------------------------------------------------
 * A packet: which bytes are which field
 * ------------------------------------------------------------------------------------------- */

enum state {
    STATE_GOOD,
    STATE_BAD,     /* it breaks the rule; if it has no bytes, it is missing */
    STATE_CUT,     /* the stream ends within it */
    STATE_NOT_READ /* it is after the BAD field */
};

/* A field in the bytes of a packet. */
struct part {
    const struct field *field;
    uint32_t offset;
    uint32_t length;
    uint32_t value; /* of numbers and bits */
    enum state state;
};

struct walk {
    const uint8_t *bytes;
    uint32_t length;
    uint32_t end;    /* of the packet, or of the properties while these are read */
    uint32_t stop;   /* where the BAD field is, or UINT32_MAX */
    uint32_t offset; /* of the next field */
    uint32_t flags;  /* the last FLAGS */
    bool is_cut;     /* bytes of the packet are missing */
    struct part *parts;
    uint32_t count;
    uint32_t capacity;
};

static void add_part(struct walk *walk, const struct field *field, uint32_t length, uint32_t value,
                     enum state state)
{
    const struct part part = {field, walk->offset, length, value, state};

    if (walk->count < walk->capacity)
        walk->parts[walk->count++] = part;
}

static uint32_t get_number(const uint8_t *bytes, uint32_t length)
{
    uint32_t number = 0;
    uint32_t i;

    for (i = 0; i < length; i++)
        number = number << 8 | bytes[i];
    return number;
}

static uint32_t string_length(const uint8_t *bytes, uint32_t left)
{
    return left < 2 ? 2 : 2 + get_number(bytes, 2);
}

/* The number of bytes of a value. It is more than `left` if the packet ends within the value. */
static uint32_t value_length(enum kind kind, const uint8_t *bytes, uint32_t left)
{
    uint32_t length;

    switch (kind) {
    case KIND_NUMBER:
        return 2;
    case KIND_LONG:
        return 4;
    case KIND_LENGTH:
    case KIND_PROPERTIES:
    case KIND_INTEGER:
        length = 1;
        while (length < 4 && length <= left && bytes[length - 1] >= 128)
            length++;
        return length;
    case KIND_STRING:
    case KIND_BINARY:
        return string_length(bytes, left);
    case KIND_PAIR:
        length = string_length(bytes, left);
        return length > left ? length : length + string_length(bytes + length, left - length);
    case KIND_REST:
        return left;
    case KIND_FLAGS:
    case KIND_TYPE:
    case KIND_BITS:
    case KIND_BYTE:
    case KIND_REASON:
        break;
    }
    return 1;
}

static uint32_t field_length(const struct field *field, const uint8_t *bytes, uint32_t left)
{
    return is_property(field) ? 1 + value_length(field->kind, bytes + 1, left - 1)
                              : value_length(field->kind, bytes, left);
}

/* The bits of a byte that `bits` selects, as a number. `bits` is not 0. */
static uint32_t bits_of(uint32_t byte, uint32_t bits)
{
    return (byte & bits) / (bits & (~bits + 1));
}

/* The value of a field that is whole, if it is a number. */
static uint32_t field_value(struct walk *walk, const struct field *field, uint32_t length)
{
    const uint32_t identifier = is_property(field) ? 1 : 0;
    const uint8_t *bytes = walk->bytes + walk->offset + identifier;
    uint32_t value = 0;

    switch (field->kind) {
    case KIND_FLAGS:
        walk->flags = bytes[0];
        return walk->flags;
    case KIND_BYTE:
    case KIND_REASON:
    case KIND_NUMBER:
    case KIND_LONG:
        return get_number(bytes, length - identifier);
    case KIND_LENGTH:
        mqtt_decode_remaining_length(&value, bytes, length);
        walk->is_cut = value > walk->length - walk->offset - length;
        return value;
    case KIND_PROPERTIES:
    case KIND_INTEGER:
        mqtt_decode_remaining_length(&value, bytes, length - identifier);
        return value;
    case KIND_PAIR:
    case KIND_TYPE:
    case KIND_BITS:
    case KIND_STRING:
    case KIND_BINARY:
    case KIND_REST:
        break;
    }
    return 0;
}

static void add_field(struct walk *walk, const struct field *field, enum state state)
{
    const uint32_t left = walk->end - walk->offset;
    uint32_t length = field_length(field, walk->bytes + walk->offset, left);
    uint32_t value = 0;

    if (length > left) {
        length = left;
        if (state == STATE_GOOD)
            state = STATE_CUT;
    } else {
        value = field_value(walk, field, length);
    }
    if (field->kind == KIND_REST && walk->is_cut && state == STATE_GOOD)
        state = STATE_CUT;
    add_part(walk, field, length, value, state);
    walk->offset += length;
}

/* Bits are part of the byte before them. */
static void add_bits(struct walk *walk, const struct field *field)
{
    walk->offset--;
    add_part(walk, field, 1, bits_of(walk->flags, field->bits), STATE_GOOD);
    walk->offset++;
}

static bool is_bits(const struct field *field)
{
    return field->kind == KIND_TYPE || field->kind == KIND_BITS;
}

/* Adds the properties after their length. Returns true if one of them is BAD. */
static bool add_properties(struct walk *walk, uint32_t size)
{
    const uint32_t left = walk->length - walk->offset;
    bool has_stopped = false;

    walk->end = walk->offset + (size < left ? size : left);
    while (!has_stopped && walk->offset < walk->end && walk->count < walk->capacity) {
        has_stopped = walk->offset == walk->stop;
        add_field(walk, find_property(walk->bytes[walk->offset]),
                  has_stopped ? STATE_BAD : STATE_GOOD);
    }
    walk->end = walk->length;
    return has_stopped;
}

/* Adds a field, and the properties after it if it is their length. Returns true if one is BAD. */
static bool add_whole_field(struct walk *walk, const struct field *field, int32_t status)
{
    const bool is_bad = walk->offset == walk->stop;

    add_field(walk, field, is_bad ? STATE_BAD : STATE_GOOD);
    if (is_bad || field->kind != KIND_PROPERTIES)
        return is_bad;
    if (add_properties(walk, walk->parts[walk->count - 1].value))
        return true;
    if (status != MQTT_ERROR_AUTHENTICATION_METHOD || walk->offset != walk->stop)
        return false;
    add_part(walk, find_property(MQTT_V5_PROPERTY_AUTHENTICATION_METHOD), 0, 0, STATE_BAD);
    return true;
}

/* Names the fields in the bytes of a packet, at most `capacity`, and returns how many. Of a refused
 * packet `status` and `stop` are its status and error_offset, otherwise 0 and UINT32_MAX. */
uint32_t page_parts(enum version version, const uint8_t *bytes, uint32_t length, int32_t status,
                    uint32_t stop, struct part *parts, uint32_t capacity)
{
    struct walk walk = {bytes, length, length, stop, 0, 0, false, parts, 0, capacity};
    const struct layout *layout = &page_layouts(version)[length > 0 ? bytes[0] / 16 : 0];
    bool has_stopped = false;
    uint32_t i;

    for (i = 0; i < layout->count && walk.count < walk.capacity; i++) {
        const struct field *field = &layout->fields[i];
        if (is_bits(field)) {
            add_bits(&walk, field);
        } else if (has_stopped) {
            break;
        } else if (field->when == 0 || (field->when & walk.flags) != 0) {
            if (walk.offset != stop && walk.offset == length &&
                (field->kind != KIND_REST || walk.is_cut))
                break;
            has_stopped = add_whole_field(&walk, field, status);
        }
        if (i + 1 == layout->count && layout->list < layout->count && walk.offset < length)
            i = layout->list - 1; /* the next entry */
    }
    if (!has_stopped && walk.offset == stop)
        add_field(&walk, &trailing_bytes, STATE_BAD);
    if (walk.offset < length)
        add_field(&walk, &bytes_not_read, STATE_NOT_READ);
    return walk.count;
}

/* ---------------------------------------------------------------------------------------------
 * The editor
 * ------------------------------------------------------------------------------------------- */

/* The value of a field that has a member: a number, or bytes. */
struct input {
    uint32_t number;
    uint32_t length;
    const uint8_t *data;
};

/* What is left of the inputs, and of the memory for properties and list entries. */
struct form {
    const struct input *input;
    uint8_t *memory;
};

static struct mqtt_bytes bytes_of(const struct input *input)
{
    return mqtt_bytes_from(input->data, input->length);
}

static struct mqtt_string string_of(const struct input *input)
{
    const struct mqtt_string string = {(const char *)input->data, input->length};

    return string;
}

/* A property has an input for its identifier, and one for its value; a pair has two. */
static void set_property(struct mqtt_v5_property *property, struct form *form)
{
    property->id = (uint8_t)form->input->number;
    form->input++;
    switch (find_property(property->id)->kind) {
    case KIND_STRING:
        property->as.string = string_of(form->input);
        break;
    case KIND_BINARY:
        property->as.bytes = bytes_of(form->input);
        break;
    case KIND_PAIR:
        property->as.pair.name = string_of(form->input);
        form->input++;
        property->as.pair.value = string_of(form->input);
        break;
    default:
        property->as.number = form->input->number;
        break;
    }
    form->input++;
}

/* Properties have an input for their number, and then their own. */
static void set_properties(struct mqtt_v5_properties *list, struct form *form)
{
    struct mqtt_v5_property *property = (struct mqtt_v5_property *)(void *)form->memory;
    size_t i;

    list->list = property;
    list->count = form->input->number;
    form->input++;
    for (i = 0; i < list->count; i++)
        set_property(&property[i], form);
    form->memory += list->count * sizeof *property;
}

static void set_member(void *object, const struct field *field, struct form *form)
{
    uint8_t *member = (uint8_t *)object + field->member;
    const struct input *input = form->input;
    const struct mqtt_bytes bytes = bytes_of(input);
    const struct mqtt_string string = string_of(input);
    const uint16_t number = (uint16_t)input->number;
    const bool flag = input->number != 0;

    if (field->kind == KIND_PROPERTIES) {
        set_properties((struct mqtt_v5_properties *)(void *)member, form);
        return;
    }
    form->input++;
    switch (field->kind) {
    case KIND_BITS:
        if ((field->bits & (field->bits - 1)) == 0)
            MQTT_CODEC_MEMCPY(member, &flag, sizeof flag);
        else
            *member = (uint8_t)input->number;
        break;
    case KIND_BYTE:
    case KIND_REASON:
        *member = (uint8_t)input->number;
        break;
    case KIND_NUMBER:
        MQTT_CODEC_MEMCPY(member, &number, sizeof number);
        break;
    case KIND_STRING:
        MQTT_CODEC_MEMCPY(member, &string, sizeof string);
        break;
    case KIND_BINARY:
    case KIND_REST:
        MQTT_CODEC_MEMCPY(member, &bytes, sizeof bytes);
        break;
    default:
        break; /* no field with a member has another kind */
    }
}

/* Sets the members of the fields from `first` to before `last`. */
static void set_members(void *object, const struct layout *layout, uint32_t first, uint32_t last,
                        struct form *form)
{
    uint32_t i;

    for (i = first; i < last; i++) {
        if (layout->fields[i].member != NO_MEMBER)
            set_member(object, &layout->fields[i], form);
    }
}

/* Sets the members of a packet, and returns its list, which is made in the memory of the form. */
static const void *set_packet(void *packet, const struct layout *layout, struct form *form,
                              uint32_t entry_count)
{
    uint8_t *entries;
    uint32_t i;

    set_members(packet, layout, 0, layout->list, form);
    entries = form->memory;
    for (i = 0; i < entry_count; i++)
        set_members(entries + (size_t)i * layout->entry_size, layout, layout->list, layout->count,
                    form);
    return entries;
}

static int32_t encode_v311(uint32_t type, struct form *form, uint32_t entry_count, uint8_t *buffer,
                           uint32_t capacity)
{
    struct mqtt_packet packet = {0};
    const void *entries = set_packet(&packet, &layouts[type % 16], form, entry_count);

    packet.type = (enum mqtt_packet_type)type;
    if (packet.type == MQTT_SUBSCRIBE) {
        packet.as.subscribe.subscriptions = (const struct mqtt_subscription *)entries;
        packet.as.subscribe.count = entry_count;
    } else if (packet.type == MQTT_UNSUBSCRIBE) {
        packet.as.unsubscribe.filters = (const struct mqtt_string *)entries;
        packet.as.unsubscribe.count = entry_count;
    } else if (packet.type == MQTT_SUBACK) {
        packet.as.suback.return_codes = (const uint8_t *)entries;
        packet.as.suback.count = entry_count;
    }
    return mqtt_encode(buffer, capacity, &packet);
}

static int32_t encode_v5(uint32_t type, struct form *form, uint32_t entry_count, uint8_t *buffer,
                         uint32_t capacity)
{
    struct mqtt_v5_packet packet = {0};
    const void *entries = set_packet(&packet, &v5_layouts[type % 16], form, entry_count);

    packet.type = (enum mqtt_v5_packet_type)type;
    if (packet.type == MQTT_V5_SUBSCRIBE) {
        packet.as.subscribe.subscriptions = (const struct mqtt_v5_subscription *)entries;
        packet.as.subscribe.count = entry_count;
    } else if (packet.type == MQTT_V5_UNSUBSCRIBE) {
        packet.as.unsubscribe.filters = (const struct mqtt_string *)entries;
        packet.as.unsubscribe.count = entry_count;
    } else if (packet.type == MQTT_V5_SUBACK || packet.type == MQTT_V5_UNSUBACK) {
        packet.as.suback.reason_codes = (const uint8_t *)entries;
        packet.as.suback.count = entry_count;
    }
    return mqtt_v5_encode(buffer, capacity, &packet);
}

/* Encodes a packet as mqtt_encode or mqtt_v5_encode does. `inputs` has an input for each field with
 * a member, in the order of the fields. The inputs of a list entry repeat `entry_count` times.
 * `memory` has 16 bytes for each input, which is enough for the properties and the list. */
int32_t page_encode(enum version version, uint32_t type, const struct input *inputs,
                    uint8_t *memory, uint32_t entry_count, uint8_t *buffer, uint32_t capacity)
{
    struct form form = {inputs, memory};

    return version == VERSION_5_0 ? encode_v5(type, &form, entry_count, buffer, capacity)
                                  : encode_v311(type, &form, entry_count, buffer, capacity);
}

/* ---------------------------------------------------------------------------------------------
 * Explanations
 * ------------------------------------------------------------------------------------------- */

const char *page_message(enum version version, int32_t status)
{
    return version == VERSION_5_0 ? mqtt_v5_status_message(status) : mqtt_status_message(status);
}

const char *page_clause(enum version version, int32_t status, uint32_t type)
{
    return version == VERSION_5_0 ? mqtt_v5_status_clause(status, (enum mqtt_v5_packet_type)type)
                                  : mqtt_status_clause(status);
}

/* Writes the answer to a packet that is refused with this status, at most 8 bytes: a CONNACK to a
 * CONNECT, in MQTT 5.0 a DISCONNECT to any other. Returns its size, or a negative number if the
 * connection is closed without one. */
int32_t page_answer(enum version version, int32_t status, uint32_t type, uint8_t *buffer)
{
    struct mqtt_connack v311_connack = {0};
    struct mqtt_v5_connack connack = {0};
    struct mqtt_v5_disconnect disconnect = {0};
    const int32_t code =
        version == VERSION_5_0 ? mqtt_v5_reason_code_for(status) : mqtt_connack_code_for(status);

    v311_connack.return_code = (uint8_t)code;
    connack.reason_code = (uint8_t)code;
    disconnect.reason_code = (uint8_t)code;
    if (code < 0)
        return -1;
    if (version == VERSION_3_1_1)
        return type == MQTT_CONNECT ? mqtt_encode_connack(buffer, 8, &v311_connack) : -1;
    return type == MQTT_CONNECT ? mqtt_v5_encode_connack(buffer, 8, &connack)
                                : mqtt_v5_encode_disconnect(buffer, 8, &disconnect);
}
