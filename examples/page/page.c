/* SPDX-License-Identifier: MIT
 *
 * page.c: the functions of mqtt_inspect.html that use mqtt_codec.h. build.py compiles it to
 * WebAssembly.
 *
 * The codec says which packets are valid, which rule a packet breaks and where. It also writes
 * packets. This file adds only a table: for each packet type, the fields in the order of their bytes.
 * The page uses it to name the bytes of a packet, and to make the form of its editor.
 *
 * The functions whose names begin with v311_ are called by codec.js, which also knows the structs
 * below. The page copies all bytes into the memory after __heap_base first.
 */
#define MQTT_CODEC_MEMCPY __builtin_memcpy
#include "../../mqtt_codec.h"

/* ---------------------------------------------------------------------------------------------
 * The fields
 * ------------------------------------------------------------------------------------------- */

enum kind {
    KIND_FLAGS,  /* one byte; the TYPE and BITS after it are its bits */
    KIND_TYPE,   /* bits: the packet type */
    KIND_BITS,   /* bits: a flag or a small number */
    KIND_BYTE,   /* one byte: a number */
    KIND_NUMBER, /* two bytes: a number [1.5.2] */
    KIND_LENGTH, /* one to four bytes: the remaining length [2.2.3] */
    KIND_STRING, /* two bytes of length, then UTF-8 [1.5.3] */
    KIND_BINARY, /* two bytes of length, then any bytes */
    KIND_REST    /* all bytes that are left */
};

/* What a value means. The last one of a list has no text. */
struct meaning {
    uint32_t value;
    const char *text;
};

#define NO_MEMBER UINT32_MAX

/* A row of the table. */
struct field {
    const char *name;    /* as in the standard */
    const char *section; /* of the standard */
    enum kind kind;
    uint32_t bits; /* of TYPE and BITS: which bits of the FLAGS before them */
    /* 0, or bits of the last FLAGS: the field is only there if one of them is 1. BITS are always
     * there, but mean nothing if none of them is 1. */
    uint32_t when;
    uint32_t member; /* its offset in struct mqtt_packet, or in an entry of its list */
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

/* The 16 layouts, one for each value of the packet type. */
const struct layout *v311_layouts(void)
{
    return layouts;
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

static struct record inspect(const uint8_t *bytes, uint32_t length, enum side side)
{
    struct record record = {0, length, 0, 0, 0};
    struct mqtt_fixed_header header;
    struct mqtt_packet packet = {0};
    int32_t size = decode(&packet, bytes, length, side);

    if (size > 0) {
        record.total = (uint32_t)size;
    } else {
        record.status = size;
        if (size != MQTT_PACKET_INCOMPLETE)
            record.error_offset = packet.error_offset;
        size = mqtt_decode_fixed_header(&header, bytes, length);
        if (size > 0)
            record.total = (uint32_t)size + header.remaining_length;
    }
    if (record.total > 0 && record.total < length)
        record.size = record.total;
    return record;
}

/* Writes records of the packets from `offset` on, at most `capacity`. Returns how many. The caller
 * continues where the last one ends. */
uint32_t v311_index(const uint8_t *bytes, uint32_t length, uint32_t offset, enum side side,
                    struct record *records, uint32_t capacity)
{
    uint32_t count = 0;

    while (offset < length && count < capacity) {
        records[count] = inspect(bytes + offset, length - offset, side);
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

/* The number of bytes of a field. It is more than `left` if the packet ends within the field. */
static uint32_t field_length(const struct field *field, const uint8_t *bytes, uint32_t left)
{
    uint32_t length;

    switch (field->kind) {
    case KIND_NUMBER:
        return 2;
    case KIND_LENGTH:
        length = 1;
        while (length < 4 && length <= left && bytes[length - 1] >= 128)
            length++;
        return length;
    case KIND_STRING:
    case KIND_BINARY:
        return left < 2 ? 2 : 2 + get_number(bytes, 2);
    case KIND_REST:
        return left;
    case KIND_FLAGS:
    case KIND_TYPE:
    case KIND_BITS:
    case KIND_BYTE:
        break;
    }
    return 1;
}

/* The bits of a byte that `bits` selects, as a number. `bits` is not 0. */
static uint32_t bits_of(uint32_t byte, uint32_t bits)
{
    return (byte & bits) / (bits & (~bits + 1));
}

/* The value of a field that is whole, if it is a number. */
static uint32_t field_value(struct walk *walk, const struct field *field, uint32_t length)
{
    const uint8_t *bytes = walk->bytes + walk->offset;
    uint32_t value = 0;

    switch (field->kind) {
    case KIND_FLAGS:
        walk->flags = bytes[0];
        return walk->flags;
    case KIND_BYTE:
    case KIND_NUMBER:
        return get_number(bytes, length);
    case KIND_LENGTH:
        mqtt_decode_remaining_length(&value, bytes, length);
        walk->is_cut = value > walk->length - walk->offset - length;
        return value;
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
    const uint32_t left = walk->length - walk->offset;
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

/* Names the fields in the bytes of a packet, at most `capacity`, and returns how many. `stop` is the
 * error_offset of a refused packet, otherwise UINT32_MAX. */
uint32_t v311_parts(const uint8_t *bytes, uint32_t length, uint32_t stop, struct part *parts,
                    uint32_t capacity)
{
    struct walk walk = {bytes, length, 0, 0, false, parts, 0, capacity};
    const struct layout *layout = &layouts[length > 0 ? bytes[0] / 16 : 0];
    bool has_stopped = false;
    uint32_t i;

    for (i = 0; i < layout->count && walk.count < capacity; i++) {
        const struct field *field = &layout->fields[i];
        if (is_bits(field)) {
            add_bits(&walk, field);
        } else if (has_stopped) {
            break;
        } else if (field->when == 0 || (field->when & walk.flags) != 0) {
            has_stopped = walk.offset == stop;
            if (!has_stopped && walk.offset == length && (field->kind != KIND_REST || walk.is_cut))
                break;
            add_field(&walk, field, has_stopped ? STATE_BAD : STATE_GOOD);
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

static void set_member(void *object, const struct field *field, const struct input *input)
{
    uint8_t *member = (uint8_t *)object + field->member;
    const struct mqtt_bytes bytes = {input->data, input->length};
    const struct mqtt_string string = {(const char *)input->data, input->length};
    const uint16_t number = (uint16_t)input->number;
    const bool flag = input->number != 0;

    switch (field->kind) {
    case KIND_BITS:
        if ((field->bits & (field->bits - 1)) == 0)
            MQTT_CODEC_MEMCPY(member, &flag, sizeof flag);
        else
            *member = (uint8_t)input->number;
        break;
    case KIND_BYTE:
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
    case KIND_FLAGS:
    case KIND_TYPE:
    case KIND_LENGTH:
        break;
    }
}

/* Sets the members of the fields from `first` to before `last`. Returns the next unused input. */
static const struct input *set_members(void *object, const struct layout *layout, uint32_t first,
                                       uint32_t last, const struct input *input)
{
    uint32_t i;

    for (i = first; i < last; i++) {
        if (layout->fields[i].member != NO_MEMBER)
            set_member(object, &layout->fields[i], input++);
    }
    return input;
}

static void set_list(struct mqtt_packet *packet, const void *entries, uint32_t count)
{
    if (packet->type == MQTT_SUBSCRIBE) {
        packet->as.subscribe.subscriptions = (const struct mqtt_subscription *)entries;
        packet->as.subscribe.count = count;
    } else if (packet->type == MQTT_UNSUBSCRIBE) {
        packet->as.unsubscribe.filters = (const struct mqtt_string *)entries;
        packet->as.unsubscribe.count = count;
    } else if (packet->type == MQTT_SUBACK) {
        packet->as.suback.return_codes = (const uint8_t *)entries;
        packet->as.suback.count = count;
    }
}

/* Encodes a packet as mqtt_encode does. `inputs` has an input for each field with a member, in the
 * order of the fields. The inputs of a list entry repeat `entry_count` times. The list is made in
 * `entries`, which has layout.entry_size bytes for each entry. */
int32_t v311_encode(uint32_t type, const struct input *inputs, uint8_t *entries,
                    uint32_t entry_count, uint8_t *buffer, uint32_t capacity)
{
    const struct layout *layout = &layouts[type % 16];
    struct mqtt_packet packet = {0};
    uint32_t i;

    packet.type = (enum mqtt_packet_type)type;
    inputs = set_members(&packet, layout, 0, layout->list, inputs);
    for (i = 0; i < entry_count; i++)
        inputs = set_members(entries + (size_t)i * layout->entry_size, layout, layout->list,
                             layout->count, inputs);
    set_list(&packet, entries, entry_count);
    return mqtt_encode(buffer, capacity, &packet);
}

/* ---------------------------------------------------------------------------------------------
 * Explanations
 * ------------------------------------------------------------------------------------------- */

const char *v311_message(int32_t status)
{
    return mqtt_status_message(status);
}

const char *v311_clause(int32_t status)
{
    return mqtt_status_clause(status);
}

/* Writes the answer of a server to a CONNECT that is refused with this status: a CONNACK, 4 bytes.
 * Returns its size, or -1 if the server closes the connection without one. */
int32_t v311_answer(int32_t status, uint8_t *buffer, uint32_t capacity)
{
    struct mqtt_connack connack = {0};
    const int32_t code = mqtt_connack_code_for(status);

    connack.return_code = (uint8_t)code;
    return code < 0 ? -1 : mqtt_encode_connack(buffer, capacity, &connack);
}
