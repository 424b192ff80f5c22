/* MQTT 5.0: every value of a byte, or of two, against the rule in the test's own words. */
#include "support_v5.h"
#include "table_2_1.h"

enum place {
    CONNECT,
    WILL,
    CONNACK,
    PUBLISH,
    PUBACK,
    PUBREC,
    PUBREL,
    PUBCOMP,
    SUBSCRIBE,
    SUBACK,
    UNSUBSCRIBE,
    UNSUBACK,
    DISCONNECT,
    AUTH,
    PINGREQ,
    PINGRESP
};

/* Where property lists stand: the type, what comes between the fixed header and the list, the list's
 * first property, which must be there, and what comes after the list. */
static const struct {
    const char *name;
    enum mqtt_v5_packet_type type;
    const char *before;
    const char *needed;
    const char *after;
} places[] = {
    {"CONNECT", MQTT_V5_CONNECT, "0004'MQTT'05 02 0000", "", "0000"},
    {"will", MQTT_V5_CONNECT, "0004'MQTT'05 06 0000 00 0000", "", "0001'w' 0000"},
    {"CONNACK", MQTT_V5_CONNACK, "00 00", "", ""},
    {"PUBLISH", MQTT_V5_PUBLISH, "0001'a'", "", ""},
    {"PUBACK", MQTT_V5_PUBACK, "0001 00", "", ""},
    {"PUBREC", MQTT_V5_PUBREC, "0001 00", "", ""},
    {"PUBREL", MQTT_V5_PUBREL, "0001 00", "", ""},
    {"PUBCOMP", MQTT_V5_PUBCOMP, "0001 00", "", ""},
    {"SUBSCRIBE", MQTT_V5_SUBSCRIBE, "0001", "", "0001'a' 00"},
    {"SUBACK", MQTT_V5_SUBACK, "0001", "", "00"},
    {"UNSUBSCRIBE", MQTT_V5_UNSUBSCRIBE, "0001", "", "0001'a'"},
    {"UNSUBACK", MQTT_V5_UNSUBACK, "0001", "", "00"},
    {"DISCONNECT", MQTT_V5_DISCONNECT, "00", "", ""},
    {"AUTH", MQTT_V5_AUTH, "18", "15 0000", ""},
    {"PINGREQ", MQTT_V5_PINGREQ, "", "", ""},
    {"PINGRESP", MQTT_V5_PINGRESP, "", "", ""},
};
#define PLACE_COUNT (sizeof places / sizeof places[0])

/* Table 2-4, its last column. In a PUBLISH the subscription identifier is the server's, in a
 * DISCONNECT the session expiry interval the client's. */
static const char *const allowed[256] = {
    [0x01] = "PUBLISH will",
    [0x02] = "PUBLISH will",
    [0x03] = "PUBLISH will",
    [0x08] = "PUBLISH will",
    [0x09] = "PUBLISH will",
    [0x0B] = "PUBLISH SUBSCRIBE",
    [0x11] = "CONNECT CONNACK DISCONNECT",
    [0x12] = "CONNACK",
    [0x13] = "CONNACK",
    [0x15] = "CONNECT CONNACK AUTH",
    [0x16] = "CONNECT CONNACK AUTH",
    [0x17] = "CONNECT",
    [0x18] = "will",
    [0x19] = "CONNECT",
    [0x1A] = "CONNACK",
    [0x1C] = "CONNACK DISCONNECT",
    [0x1F] = "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH",
    [0x21] = "CONNECT CONNACK",
    [0x22] = "CONNECT CONNACK",
    [0x23] = "PUBLISH",
    [0x24] = "CONNACK",
    [0x25] = "CONNACK",
    [0x26] = "everywhere",
    [0x27] = "CONNECT CONNACK",
    [0x28] = "CONNACK",
    [0x29] = "CONNACK",
    [0x2A] = "CONNACK",
};

static bool contains_word(const char *text, const char *word)
{
    const size_t length = strlen(word);
    const char *at = text;

    while (at != NULL) {
        if (strncmp(at, word, length) == 0 && (at[length] == ' ' || at[length] == '\0'))
            return true;
        at = strchr(at, ' ');
        if (at != NULL)
            at++;
    }
    return false;
}

static bool is_allowed(unsigned id, size_t place)
{
    const char *where = allowed[id];

    if (where == NULL || place == PINGREQ || place == PINGRESP)
        return false;
    return strcmp(where, "everywhere") == 0 || contains_word(where, places[place].name);
}

/* A property of this identifier with a value that is right everywhere. */
static struct mqtt_v5_property sample(unsigned id)
{
    static const struct mqtt_string letter = {"x", 1};
    struct mqtt_v5_property property = {0};

    property.id = (uint8_t)id;
    switch (v5_property_kind(id)) {
    case V5_STRING:
        property.as.string = letter;
        break;
    case V5_BYTES:
        property.as.bytes = mqtt_bytes_from("x", 1);
        break;
    case V5_PAIR:
        property.as.pair.name = letter;
        property.as.pair.value = letter;
        break;
    default:
        property.as.number = 1;
        break;
    }
    return property;
}

/* Writes the sample; of an unknown identifier one byte of value. */
static size_t put_sample(uint8_t *bytes, unsigned id)
{
    static const char *const values[] = {
        "01", "01", "0001", "00000001", "01", "0001'x'", "0001'x'", "0001'x' 0001'x'",
    };
    const struct test_block value = test_parse(values[v5_property_kind(id)]);
    const size_t length = value.length;

    bytes[0] = (uint8_t)id;
    memcpy(bytes + 1, value.bytes, length);
    test_free(value);
    return 1 + length;
}

/* Writes what the text stands for. */
static size_t put_text(uint8_t *bytes, const char *text)
{
    const struct test_block block = test_parse(text);
    const size_t length = block.length;

    memcpy(bytes, block.bytes, length);
    test_free(block);
    return length;
}

struct made {
    uint8_t bytes[64];
    size_t length;
    uint32_t offset[2]; /* of the first sample and the second */
    uint32_t end;       /* of the list */
};

static uint8_t first_byte(enum mqtt_v5_packet_type type)
{
    const bool has_flag_1 =
        type == MQTT_V5_PUBREL || type == MQTT_V5_SUBSCRIBE || type == MQTT_V5_UNSUBSCRIBE;

    return (uint8_t)((unsigned)type * 16 + (has_flag_1 ? 2 : 0));
}

/* The packet with `count` samples at the place. */
static struct made make(size_t place, unsigned id, unsigned count)
{
    struct made made = {{0}, 0, {0, 0}, 0};
    const char *needed = id == 0x15 ? "" : places[place].needed;
    size_t length_at;
    unsigned i;

    made.bytes[0] = first_byte(places[place].type);
    made.length = 2 + put_text(made.bytes + 2, places[place].before);
    length_at = made.length++;
    made.length += put_text(made.bytes + made.length, needed);
    for (i = 0; i < count; i++) {
        made.offset[i] = (uint32_t)made.length;
        made.length += put_sample(made.bytes + made.length, id);
    }
    made.bytes[length_at] = (uint8_t)(made.length - length_at - 1);
    made.end = (uint32_t)made.length;
    made.length += put_text(made.bytes + made.length, places[place].after);
    made.bytes[1] = (uint8_t)(made.length - 2);
    return made;
}

/* The same in an encoder's input. */
static void fill(struct mqtt_v5_packet *packet, size_t place,
                 const struct mqtt_v5_properties *properties)
{
    static const struct mqtt_v5_subscription subscription = {{"a", 1}, 0, false, false, 0};
    static const struct mqtt_string filter = {"a", 1};
    static const uint8_t code = 0;

    memset(packet, 0, sizeof *packet);
    packet->type = places[place].type;
    switch (place) {
    case CONNECT:
        packet->as.connect.clean_start = true;
        packet->as.connect.properties = *properties;
        break;
    case WILL:
        packet->as.connect.clean_start = true;
        packet->as.connect.has_will = true;
        packet->as.connect.will.topic = mqtt_string_from("w");
        packet->as.connect.will.properties = *properties;
        break;
    case CONNACK:
        packet->as.connack.properties = *properties;
        break;
    case PUBLISH:
        packet->as.publish.topic = filter;
        packet->as.publish.properties = *properties;
        break;
    case PUBACK:
    case PUBREC:
    case PUBREL:
    case PUBCOMP:
        packet->as.ack.packet_id = 1;
        packet->as.ack.properties = *properties;
        break;
    case SUBSCRIBE:
        packet->as.subscribe.packet_id = 1;
        packet->as.subscribe.subscriptions = &subscription;
        packet->as.subscribe.count = 1;
        packet->as.subscribe.properties = *properties;
        break;
    case SUBACK:
    case UNSUBACK:
        packet->as.suback.packet_id = 1;
        packet->as.suback.reason_codes = &code;
        packet->as.suback.count = 1;
        packet->as.suback.properties = *properties;
        break;
    case UNSUBSCRIBE:
        packet->as.unsubscribe.packet_id = 1;
        packet->as.unsubscribe.filters = &filter;
        packet->as.unsubscribe.count = 1;
        packet->as.unsubscribe.properties = *properties;
        break;
    case DISCONNECT:
        packet->as.disconnect.properties = *properties;
        break;
    case AUTH:
        packet->as.auth.reason_code = 0x18;
        packet->as.auth.properties = *properties;
        break;
    default:
        break;
    }
}

/* The samples in a sender's list, after what the place needs; refused or written as `made`. */
static void check_encoder(size_t place, unsigned id, unsigned count, const struct made *made,
                          int32_t expected)
{
    struct mqtt_v5_property list[3] = {{0}, {0}, {0}};
    struct mqtt_v5_properties properties = {0};
    struct mqtt_v5_packet packet;
    uint8_t again[64];
    size_t i = 0;
    int32_t result;

    if (place == AUTH && id != 0x15)
        list[i++].id = 0x15; /* an empty method */
    properties.list = list;
    properties.count = i + count;
    for (; i < properties.count; i++)
        list[i] = sample(id);
    fill(&packet, place, &properties);
    result = mqtt_v5_encode(again, sizeof again, &packet);
    ck_assert_msg(result == expected, "%s, %02X: encoded, %d, not %d", places[place].name, id,
                  result, expected);
    if (result > 0)
        test_assert_bytes(places[place].name, again, made->bytes, made->length);
}

typedef int32_t decode_function(struct mqtt_v5_packet *packet, const void *bytes, size_t length);

static void check_decoder(decode_function *decode, const struct made *made, const char *name,
                          unsigned id, int32_t expected, uint32_t offset)
{
    const struct test_block block = test_copy(made->bytes, made->length);
    struct mqtt_v5_packet packet;
    const int32_t result = decode(&packet, block.bytes, block.length);

    ck_assert_msg(result == expected, "%s, %02X: %d, not %d", name, id, result, expected);
    if (result < 0)
        ck_assert_msg(packet.error_offset == offset, "%s, %02X: offset %u, not %u", name, id,
                      packet.error_offset, offset);
    test_free(block);
}

/* What a list with `count` samples gives, from either side; *offset: of the error. */
static int32_t list_result(size_t place, unsigned id, unsigned count, const struct made *made,
                           uint32_t *offset)
{
    *offset = made->offset[0];
    if (!is_allowed(id, place))
        return MQTT_ERROR_PROPERTY_ID;
    if (count == 2 && id != 0x26 && (id != 0x0B || place != PUBLISH)) {
        *offset = made->offset[1];
        return MQTT_ERROR_PROPERTY_TWICE;
    }
    if (place == CONNECT && id == 0x16) {
        *offset = made->end;
        return MQTT_ERROR_AUTHENTICATION_METHOD;
    }
    return (int32_t)made->length;
}

static void check_properties(size_t place, unsigned id, unsigned count)
{
    const char *name = places[place].name;
    const bool server_only = place == PUBLISH && id == 0x0B;
    const bool client_only = place == DISCONNECT && id == 0x11;
    const struct made made = make(place, id, count);
    int32_t from_client;
    int32_t from_server;
    uint32_t offset;
    int32_t result = list_result(place, id, count, &made, &offset);

    if (place == PINGREQ || place == PINGRESP) { /* no list is there, whatever it holds */
        result = MQTT_ERROR_REMAINING_LENGTH;
        offset = 1;
    } else {
        check_encoder(place, id, count, &made, result);
    }
    check_decoder(mqtt_v5_decode, &made, name, id, result, offset);
    from_client = server_only ? MQTT_ERROR_PROPERTY_DIRECTION : result;
    from_server = client_only ? MQTT_ERROR_PROPERTY_DIRECTION : result;
    if (!v5_client_may_send(places[place].type))
        from_client = MQTT_ERROR_DIRECTION;
    if (!v5_server_may_send(places[place].type))
        from_server = MQTT_ERROR_DIRECTION;
    check_decoder(mqtt_v5_decode_from_client, &made, name, id, from_client,
                  from_client == MQTT_ERROR_DIRECTION ? 0
                  : server_only                       ? made.offset[0]
                                                      : offset);
    check_decoder(mqtt_v5_decode_from_server, &made, name, id, from_server,
                  from_server == MQTT_ERROR_DIRECTION ? 0
                  : client_only                       ? made.offset[0]
                                                      : offset);
}

START_TEST(every_property_identifier_in_every_place_once_and_twice)
{
    unsigned id;

    for (id = 0; id < 256; id++) {
        check_properties((size_t)_i, id, 1);
        check_properties((size_t)_i, id, 2);
    }
}
END_TEST

/* 2.2.2.2 and the sections of the properties: those whose byte is 0 or 1 */
static const struct {
    size_t place;
    uint8_t id;
} byte_properties[] = {
    {PUBLISH, 0x01}, {WILL, 0x01},    {CONNECT, 0x17}, {CONNECT, 0x19}, {CONNACK, 0x24},
    {CONNACK, 0x25}, {CONNACK, 0x28}, {CONNACK, 0x29}, {CONNACK, 0x2A},
};

START_TEST(every_value_of_a_byte)
{
    const size_t place = byte_properties[_i].place;
    const unsigned id = byte_properties[_i].id;
    struct made made = make(place, id, 1);
    unsigned value;

    for (value = 0; value < 256; value++) {
        made.bytes[made.offset[0] + 1] = (uint8_t)value;
        check_decoder(mqtt_v5_decode, &made, places[place].name, id,
                      value <= 1 ? (int32_t)made.length : MQTT_ERROR_PROPERTY_VALUE,
                      made.offset[0]);
    }
}
END_TEST

/* Tables 3-1, 3-4 to 3-11 and 2-6: the codes by packet; C after one that only a client may send, S
 * that only a server may. The side of a type that only one may send is Table 2-1's. The types that
 * are not here have no reason code. */
static const struct {
    enum mqtt_v5_packet_type type;
    const char *codes;
    const char *before; /* the code */
    const char *after;
} reason_codes[] = {
    {MQTT_V5_CONNACK, "00 80 81 82 83 84 85 86 87 88 89 8A 8C 90 95 97 99 9A 9B 9C 9D 9F", "00",
     "00"},
    {MQTT_V5_PUBACK, "00 10S 80 83 87 90 91 97 99", "0001", ""},
    {MQTT_V5_PUBACK, "00 10S 80 83 87 90 91 97 99", "0001", "03 1F 0000"},
    {MQTT_V5_PUBREC, "00 10S 80 83 87 90 91 97 99", "0001", ""},
    {MQTT_V5_PUBREC, "00 10S 80 83 87 90 91 97 99", "0001", "03 1F 0000"},
    {MQTT_V5_PUBREL, "00 92", "0001", ""},
    {MQTT_V5_PUBREL, "00 92", "0001", "03 1F 0000"},
    {MQTT_V5_PUBCOMP, "00 92", "0001", ""},
    {MQTT_V5_PUBCOMP, "00 92", "0001", "03 1F 0000"},
    {MQTT_V5_SUBACK, "00 01 02 80 83 87 8F 91 97 9E A1 A2", "0001 00", ""},
    {MQTT_V5_SUBACK, "00 01 02 80 83 87 8F 91 97 9E A1 A2", "0001 00 02", "80"},
    {MQTT_V5_UNSUBACK, "00 11 80 83 87 8F 91", "0001 00", ""},
    {MQTT_V5_UNSUBACK, "00 11 80 83 87 8F 91", "0001 00 11", "80"},
    {MQTT_V5_DISCONNECT,
     "00 04C 80 81 82 83 87S 89S 8BS 8C 8DS 8ES 8FS 90 93 94 95 96 97 98 99 9AS 9B 9CS 9DS 9ES 9FS "
     "A0S A1S A2S",
     "", ""},
    {MQTT_V5_DISCONNECT,
     "00 04C 80 81 82 83 87S 89S 8BS 8C 8DS 8ES 8FS 90 93 94 95 96 97 98 99 9AS 9B 9CS 9DS 9ES 9FS "
     "A0S A1S A2S",
     "", "03 1F 0000"},
    {MQTT_V5_AUTH, "00S 18 19C", "", "04 15 0001'm'"},
};
#define REASON_CODE_ROWS (sizeof reason_codes / sizeof reason_codes[0])

/* The mark after a code in the row: C, S, 'b' for both, or 0 if the packet does not have it. */
static char code_mark(const char *codes, unsigned code)
{
    static const char digits[] = "0123456789ABCDEF";

    for (; *codes != '\0'; codes += strcspn(codes, " "), codes += strspn(codes, " ")) {
        if (codes[0] == digits[code / 16] && codes[1] == digits[code % 16])
            break;
    }
    if (*codes == '\0')
        return '\0';
    if (codes[2] == 'C' || codes[2] == 'S')
        return codes[2];
    return 'b';
}

START_TEST(every_reason_code_in_every_packet_from_each_side)
{
    const enum mqtt_v5_packet_type type = reason_codes[_i].type;
    const char *name = reason_codes[_i].codes;
    struct made made = {{0}, 0, {0, 0}, 0};
    unsigned code;
    uint32_t at;

    made.bytes[0] = first_byte(type);
    at = 2 + (uint32_t)put_text(made.bytes + 2, reason_codes[_i].before);
    made.length = at + 1 + put_text(made.bytes + at + 1, reason_codes[_i].after);
    made.bytes[1] = (uint8_t)(made.length - 2);
    for (code = 0; code < 256; code++) {
        const char mark = code_mark(name, code);
        const int32_t good = (int32_t)made.length;
        int32_t from_client = mark == 'b' || mark == 'C' ? good : MQTT_ERROR_REASON_CODE;
        int32_t from_server = mark == 'b' || mark == 'S' ? good : MQTT_ERROR_REASON_CODE;
        made.bytes[at] = (uint8_t)code;
        check_decoder(mqtt_v5_decode, &made, name, code,
                      mark != '\0' ? good : MQTT_ERROR_REASON_CODE, at);
        if (!v5_client_may_send(type))
            from_client = MQTT_ERROR_DIRECTION;
        check_decoder(mqtt_v5_decode_from_client, &made, name, code, from_client,
                      from_client == MQTT_ERROR_DIRECTION ? 0 : at);
        check_decoder(mqtt_v5_decode_from_server, &made, name, code, from_server, at);
    }
}
END_TEST

/* Of the types that have a reason code, the code in an encoder's input; the others have none. */
static bool set_reason_code(struct mqtt_v5_packet *packet, const uint8_t *code)
{
    static const struct mqtt_v5_property method = {0x15, {{{NULL, 0}, {NULL, 0}}}};

    switch (packet->type) {
    case MQTT_V5_CONNACK:
        packet->as.connack.reason_code = *code;
        return true;
    case MQTT_V5_PUBACK:
    case MQTT_V5_PUBREC:
    case MQTT_V5_PUBREL:
    case MQTT_V5_PUBCOMP:
        packet->as.ack.packet_id = 1;
        packet->as.ack.reason_code = *code;
        return true;
    case MQTT_V5_SUBACK:
    case MQTT_V5_UNSUBACK:
        packet->as.suback.packet_id = 1;
        packet->as.suback.reason_codes = code;
        packet->as.suback.count = 1;
        return true;
    case MQTT_V5_DISCONNECT:
        packet->as.disconnect.reason_code = *code;
        return true;
    case MQTT_V5_AUTH:
        packet->as.auth.reason_code = *code;
        packet->as.auth.properties.list = &method;
        packet->as.auth.properties.count = 1;
        return true;
    default:
        return false;
    }
}

START_TEST(encoders_refuse_every_reason_code_that_no_side_may_send)
{
    unsigned value;

    for (value = 0; value < 256; value++) {
        const uint8_t code = (uint8_t)value;
        const bool is_known = code_mark(reason_codes[_i].codes, code) != '\0';
        struct mqtt_v5_packet packet = {0};
        int32_t result;
        packet.type = reason_codes[_i].type;
        ck_assert(set_reason_code(&packet, &code));
        result = mqtt_v5_encode(NULL, 0, &packet);
        ck_assert_msg(is_known ? result > 0 : result == MQTT_ERROR_REASON_CODE, "%02X: %d", value,
                      result);
    }
}
END_TEST

/* 3.8.3.1, bit by bit */
static int32_t options_status(unsigned options, bool is_shared)
{
    if ((options & 0xC0) != 0)
        return MQTT_ERROR_SUBSCRIPTION_OPTIONS; /* [MQTT-3.8.3-5] */
    if ((options & 0x03) == 3)
        return MQTT_ERROR_REQUESTED_QOS;
    if ((options & 0x30) == 0x30)
        return MQTT_ERROR_RETAIN_HANDLING;
    if ((options & 0x04) != 0 && is_shared)
        return MQTT_ERROR_NO_LOCAL_SHARED; /* [MQTT-3.8.3-4] */
    return 0;
}

START_TEST(every_subscription_options_byte)
{
    const unsigned options = (unsigned)_i / 2;
    const bool is_shared = _i % 2 == 1;
    const int32_t status = options_status(options, is_shared);
    struct mqtt_v5_subscription subscription = {{NULL, 0}, 0, false, false, 0};
    struct mqtt_v5_subscribe subscribe = {0};
    struct mqtt_v5_packet packet;
    struct made made = {{0}, 0, {0, 0}, 0};
    uint8_t again[64];
    size_t position = 0;

    made.length = put_text(made.bytes, is_shared ? "82 10 0001 00 000A'$share/g/a' 00"
                                                 : "82 07 0001 00 0001'a' 00");
    made.bytes[made.length - 1] = (uint8_t)options;
    check_decoder(mqtt_v5_decode_from_client, &made, "SUBSCRIBE", options,
                  status == 0 ? (int32_t)made.length : status, (uint32_t)made.length - 1);
    subscription.filter = mqtt_string_from(is_shared ? "$share/g/a" : "a");
    subscription.qos = options & 3;
    subscription.no_local = (options & 4) != 0;
    subscription.retain_as_published = (options & 8) != 0;
    subscription.retain_handling = options >> 4 & 3;
    subscribe.packet_id = 1;
    subscribe.subscriptions = &subscription;
    subscribe.count = 1;
    if (options < 0x40)
        ck_assert_int_eq(mqtt_v5_encode_subscribe(again, sizeof again, &subscribe),
                         status == 0 ? (int32_t)made.length : status);
    if (status != 0)
        return;
    test_assert_bytes("SUBSCRIBE", again, made.bytes, made.length);
    ck_assert_int_eq(mqtt_v5_decode(&packet, made.bytes, made.length), (int32_t)made.length);
    ck_assert(mqtt_v5_next_subscription(&packet.as.subscribe, &position, &subscription));
    ck_assert_uint_eq(subscription.qos, options & 3);
    ck_assert_int_eq(subscription.no_local, (options & 4) != 0);
    ck_assert_int_eq(subscription.retain_as_published, (options & 8) != 0);
    ck_assert_uint_eq(subscription.retain_handling, options >> 4 & 3);
}
END_TEST

/* What the first byte says, from sides of which this one or that is possible. */
static int32_t first_byte_status(unsigned byte, bool may_be_client, bool may_be_server)
{
    const unsigned type = byte / 16;
    const unsigned flags = byte % 16;

    if (type == 0)
        return MQTT_ERROR_RESERVED_TYPE; /* Table 2-1 */
    if (!(may_be_client && v5_client_may_send(type)) &&
        !(may_be_server && v5_server_may_send(type)))
        return MQTT_ERROR_DIRECTION;
    if (type == MQTT_V5_PUBLISH) {
        if ((flags & 6) == 6)
            return MQTT_ERROR_QOS; /* [MQTT-3.3.1-4] */
        if ((flags & 6) == 0 && (flags & 8) != 0)
            return MQTT_ERROR_DUP; /* [MQTT-3.3.1-2] */
        return 0;
    }
    return byte == first_byte((enum mqtt_v5_packet_type)type) ? 0 : MQTT_ERROR_FLAGS;
}

/* And the second, which is the remaining length, or the beginning of it. */
static int32_t second_byte_status(unsigned byte, unsigned length)
{
    static const uint8_t least[] = {0, 12, 3, 3, 2, 2, 2, 2, 3, 3, 3, 3, 0, 0, 0, 0};
    const unsigned type = byte / 16;
    const unsigned packet_id = type == MQTT_V5_PUBLISH && (byte & 6) != 0 ? 2 : 0;

    if (length >= 128)
        return MQTT_PACKET_INCOMPLETE;
    if (type == MQTT_V5_CONNACK && length == 2)
        return MQTT_ERROR_PROTOCOL_LEVEL; /* the CONNACK of 3.1.1 */
    if (length < least[type] + packet_id)
        return MQTT_ERROR_REMAINING_LENGTH;
    if ((type == MQTT_V5_PINGREQ || type == MQTT_V5_PINGRESP) && length > 0)
        return MQTT_ERROR_REMAINING_LENGTH;
    return length == 0 ? 2 : MQTT_PACKET_INCOMPLETE;
}

/* Of an AUTH without anything, a client may not send the 0x00 that it stands for. */
static int32_t pair_result(unsigned byte, unsigned length, bool client, bool server,
                           uint32_t *offset)
{
    const int32_t status = first_byte_status(byte, client, server);

    *offset = status < 0 ? 0 : 1;
    if (status < 0)
        return status;
    if (byte == 0xF0 && length == 0 && !server) {
        *offset = 2;
        return MQTT_ERROR_REASON_CODE;
    }
    return second_byte_status(byte, length);
}

START_TEST(every_pair_of_first_two_bytes)
{
    static const struct {
        decode_function *decode;
        bool client;
        bool server;
    } sides[] = {
        {mqtt_v5_decode, true, true},
        {mqtt_v5_decode_from_client, true, false},
        {mqtt_v5_decode_from_server, false, true},
    };
    const unsigned byte = (unsigned)_i;
    uint8_t bytes[2 + 255] = {(uint8_t)byte, 0, 0, 1, 'a', 0, 1};
    unsigned length;
    size_t i;

    for (length = 0; length < 256; length++) {
        struct test_block block;
        struct mqtt_v5_fixed_header header;
        uint32_t offset;
        int32_t expected;
        int32_t result;
        bytes[1] = (uint8_t)length;
        block = test_copy(bytes, 2);
        for (i = 0; i < 3; i++) {
            struct mqtt_v5_packet packet;
            expected = pair_result(byte, length, sides[i].client, sides[i].server, &offset);
            result = sides[i].decode(&packet, block.bytes, block.length);
            ck_assert_msg(result == expected, "%02X %02X: %d, not %d", byte, length, result,
                          expected);
            if (expected < MQTT_PACKET_INCOMPLETE)
                ck_assert_msg(packet.error_offset == offset, "%02X %02X: offset %u", byte, length,
                              packet.error_offset);
            if (expected != MQTT_PACKET_INCOMPLETE) /* whatever follows */
                ck_assert_int_eq(sides[i].decode(&packet, bytes, sizeof bytes), expected);
        }
        expected = pair_result(byte, length, true, true, &offset);
        result = mqtt_v5_decode_fixed_header(&header, block.bytes, block.length);
        if (expected == MQTT_PACKET_INCOMPLETE && length < 128)
            expected = 2;
        ck_assert_msg(result == expected, "%02X %02X: header, %d", byte, length, result);
        test_free(block);
    }
}
END_TEST

/* 3.1.2.3 to 3.1.2.9, bit by bit */
static int32_t connect_flags_status(unsigned flags)
{
    const bool will = (flags & 0x04) != 0;

    if ((flags & 0x01) != 0)
        return MQTT_ERROR_CONNECT_RESERVED_FLAG; /* [MQTT-3.1.2-3] */
    if (!will && (flags & 0x18) != 0)
        return MQTT_ERROR_WILL_QOS_WITHOUT_WILL; /* [MQTT-3.1.2-11] */
    if (!will && (flags & 0x20) != 0)
        return MQTT_ERROR_WILL_RETAIN_WITHOUT_WILL; /* [MQTT-3.1.2-13] */
    if ((flags & 0x18) == 0x18)
        return MQTT_ERROR_WILL_QOS; /* [MQTT-3.1.2-12] */
    return 0;
}

/* The fields that connect flags ask for, in their order [MQTT-3.1.3-1], after a client id. */
static struct made make_connect(unsigned flags)
{
    struct made made = {{0}, 0, {0, 0}, 0};

    made.length = put_text(made.bytes, "10 00 0004'MQTT'05 00 0000 00 0001'c'");
    if ((flags & 0x04) != 0)
        made.length += put_text(made.bytes + made.length, "00 0001'w' 0000");
    if ((flags & 0x80) != 0)
        made.length += put_text(made.bytes + made.length, "0001'u'");
    if ((flags & 0x40) != 0)
        made.length += put_text(made.bytes + made.length, "0001'p'");
    made.bytes[1] = (uint8_t)(made.length - 2);
    made.bytes[9] = (uint8_t)flags;
    return made;
}

START_TEST(every_connect_flags_byte)
{
    const unsigned flags = (unsigned)_i;
    const int32_t status = connect_flags_status(flags);
    const struct made made = make_connect(flags);
    struct mqtt_v5_packet packet;
    const struct mqtt_v5_connect *connect = &packet.as.connect;
    uint8_t again[64];

    check_decoder(mqtt_v5_decode_from_client, &made, "CONNECT", flags,
                  status == 0 ? (int32_t)made.length : status, 9);
    if (status != 0)
        return;
    ck_assert_int_eq(mqtt_v5_decode(&packet, made.bytes, made.length), (int32_t)made.length);
    ck_assert_int_eq(connect->clean_start, (flags & 0x02) != 0);
    ck_assert_int_eq(connect->has_will, (flags & 0x04) != 0);
    ck_assert_int_eq(connect->has_user_name, (flags & 0x80) != 0);
    ck_assert_int_eq(connect->has_password, (flags & 0x40) != 0);
    if (connect->has_will) {
        ck_assert_uint_eq(connect->will.qos, flags >> 3 & 3);
        ck_assert_int_eq(connect->will.retain, (flags & 0x20) != 0);
    }
    ck_assert_int_eq(mqtt_v5_encode(again, made.length, &packet), (int32_t)made.length);
    test_assert_bytes("CONNECT", again, made.bytes, made.length);
}
END_TEST

START_TEST(every_connack_flags_byte_and_reason_code)
{
    const unsigned flags = (unsigned)_i;
    unsigned code;

    for (code = 0; code < 256; code++) {
        const struct made made = {{0x20, 3, (uint8_t)flags, (uint8_t)code, 0}, 5, {0, 0}, 0};
        int32_t expected = 5;
        uint32_t offset = 2;
        if (flags > 1) { /* [MQTT-3.2.2-1] */
            expected = MQTT_ERROR_CONNACK_FLAGS;
        } else if (flags == 1 && code != 0) { /* [MQTT-3.2.2-6] */
            expected = MQTT_ERROR_SESSION_PRESENT;
        } else if (code_mark(reason_codes[0].codes, code) == '\0') { /* Table 3-1 */
            expected = MQTT_ERROR_REASON_CODE;
            offset = 3;
        }
        check_decoder(mqtt_v5_decode, &made, "CONNACK", flags * 256 + code, expected, offset);
        if (flags <= 1) {
            struct mqtt_v5_connack connack = {0};
            connack.session_present = flags == 1;
            connack.reason_code = (uint8_t)code;
            ck_assert_int_eq(mqtt_v5_encode_connack(NULL, 0, &connack), expected);
        }
    }
}
END_TEST

/* Packets that have nothing around their id but what the row says. */
static const struct {
    const char *before;
    const char *after;
} id_packets[] = {
    {"32 06 0001'a'", "00"},
    {"34 06 0001'a'", "00"},
    {"40 02", ""},
    {"50 02", ""},
    {"62 02", ""},
    {"70 02", ""},
    {"82 07", "000001'a'00"},
    {"90 04", "0000"},
    {"A2 06", "000001'a'"},
    {"B0 04", "0000"},
};

START_TEST(every_packet_id)
{
    struct made made = {{0}, 0, {0, 0}, 0};
    size_t at;
    unsigned id;

    at = put_text(made.bytes, id_packets[_i].before);
    made.length = at + 2 + put_text(made.bytes + at + 2, id_packets[_i].after);
    for (id = 0; id < 65536; id++) {
        struct mqtt_v5_packet packet;
        uint8_t again[16];
        int32_t result;
        made.bytes[at] = (uint8_t)(id >> 8);
        made.bytes[at + 1] = (uint8_t)id;
        result = mqtt_v5_decode(&packet, made.bytes, made.length);
        if (id == 0) { /* [MQTT-2.2.1-3] [MQTT-2.2.1-4], and what repeats it */
            ck_assert_int_eq(result, MQTT_ERROR_PACKET_ID_ZERO);
            ck_assert_uint_eq(packet.error_offset, at);
        } else if (result != (int32_t)made.length ||
                   mqtt_v5_encode(again, made.length, &packet) != result ||
                   memcmp(again, made.bytes, made.length) != 0) {
            ck_abort_msg("id %u: %d", id, result);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("enumerations_v5");
    TCase *tests = tcase_create("enumerations_v5");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, every_property_identifier_in_every_place_once_and_twice, 0,
                        (int)PLACE_COUNT);
    tcase_add_loop_test(tests, every_value_of_a_byte, 0,
                        (int)(sizeof byte_properties / sizeof byte_properties[0]));
    tcase_add_loop_test(tests, every_reason_code_in_every_packet_from_each_side, 0,
                        (int)REASON_CODE_ROWS);
    tcase_add_loop_test(tests, encoders_refuse_every_reason_code_that_no_side_may_send, 0,
                        (int)REASON_CODE_ROWS);
    tcase_add_loop_test(tests, every_subscription_options_byte, 0, 512);
    tcase_add_loop_test(tests, every_pair_of_first_two_bytes, 0, 256);
    tcase_add_loop_test(tests, every_connect_flags_byte, 0, 256);
    tcase_add_loop_test(tests, every_connack_flags_byte_and_reason_code, 0, 256);
    tcase_add_loop_test(tests, every_packet_id, 0, (int)(sizeof id_packets / sizeof id_packets[0]));
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
