/* SPDX-License-Identifier: MIT
 *
 * mqtt_inspect.c: prints the packets of recorded byte streams of MQTT 3.1.1 and 5.0, one line each,
 * as text or as JSON, or byte by byte with the meaning of each field. For a malformed packet it shows which byte
 * breaks which rule of the standard.
 *
 *     cc -o mqtt_inspect examples/complete/mqtt_inspect.c
 *
 * To copy it, take mqtt_codec.h, program.h, print_packet.h and hex_text.h too, and change the path of
 * mqtt_codec.h. It needs POSIX, or Windows and MinGW.
 *
 * Worth copying: receive, show_packets and inspect read packets of any size from any kind of
 * stream.
 */
#define _POSIX_C_SOURCE 200809L
#define PROGRAM         "mqtt_inspect"

#include "../../mqtt_codec.h"
#include "program.h"
#include "print_packet.h"
#include "hex_text.h"

#define READ_SIZE 65536u /* bytes */

static struct {
    bool hex;
    bool json;
    bool bytes;
    bool goes_on;
    bool from_client;
    bool from_server;
    bool v311;
    bool v5;
    bool colour;
    bool no_colour;
} options;

static const struct option known_options[] = {
    {"--hex", FLAG, &options.hex, 0, 0,
     "the input is hexadecimal text: digits, a dump of xxd, hexdump -C, od\n"
     "                             or Wireshark, or an array of C"},
    {"--json", FLAG, &options.json, 0, 0,
     "print each packet, and an error in the stream, as a line of JSON"},
    {"--bytes", FLAG, &options.bytes, 0, 0,
     "print the bytes of each packet, field by field; --hex reads that"},
    {"--continue", FLAG, &options.goes_on, 0, 0,
     "go on after a malformed packet, if it is known where it ends"},
    {"--from-client", FLAG, &options.from_client, 0, 0,
     "the stream is a client's: refuse what only a server may send"},
    {"--from-server", FLAG, &options.from_server, 0, 0,
     "the stream is a server's: refuse what only a client may send"},
    {"--v311", FLAG, &options.v311, 0, 0,
     "the stream is of MQTT 3.1.1, even if its CONNECT or CONNACK is of 5.0"},
    {"--v5", FLAG, &options.v5, 0, 0,
     "the stream is of MQTT 5.0; needed only if it does not begin with\n"
     "                             CONNECT, CONNACK or AUTH, which say so"},
    {"--color", FLAG, &options.colour, 0, 0,
     "print in colours; this is the default on a terminal, unless the\n"
     "                             environment has NO_COLOR or TERM is dumb"},
    {"--no-color", FLAG, &options.no_colour, 0, 0, "print without colours"},
};

static const struct command_line command_line = {
    "Usage: mqtt_inspect [OPTION]... [FILE]...\n"
    "Prints the packets of recorded byte streams of MQTT 3.1.1 or 5.0, one line each. Each FILE "
    "is\n"
    "a stream of one direction. Without a FILE, or for -, it reads standard input.\n\n",
    "\nThe exit status is 0 if all is well, 1 if a packet is malformed, 2 if a stream ends within "
    "a\n"
    "packet, 3 if the options are wrong or if the input or the output fails; the highest of "
    "them.\n",
    known_options,
    sizeof known_options / sizeof known_options[0],
};

/* The exit statuses of the program. */
enum {
    ALL_IS_WELL = 0,
    MALFORMED = 1,
    TRUNCATED = 2,
    FAILED = 3
};

struct stream {
    const char *path;       /* "-": standard input */
    struct buffer received; /* not shown yet; begins with the first byte of a packet */
    uint64_t offset;        /* of that byte in the stream */
    struct hex_text text;   /* if options.hex */
    int file;
    bool is_v5; /* the packets are of MQTT 5.0 */
};

static const char *name_of(const struct stream *stream)
{
    return strcmp(stream->path, "-") == 0 ? "standard input" : stream->path;
}

/* ---------------------------------------------------------------------------------------------
 * Input
 * ------------------------------------------------------------------------------------------- */

enum input {
    INPUT_MORE,
    INPUT_END,
    INPUT_FAILED, /* errno says why */
    INPUT_NOT_HEX
};

/* Reads what is there, without waiting for more: a packet is shown when it arrives. */
static enum input receive(struct stream *stream)
{
    struct buffer *target = options.hex ? &stream->text.unread : &stream->received;
    ssize_t count;

    if (!buffer_reserve(target, READ_SIZE))
        return INPUT_FAILED;
    do {
        count = read(stream->file, target->bytes + target->end, READ_SIZE);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return INPUT_FAILED;
    target->end += (size_t)count;
    if (options.hex && !read_hex(&stream->text, &stream->received, count == 0))
        return INPUT_NOT_HEX;
    return count == 0 ? INPUT_END : INPUT_MORE;
}

static int report_input(const struct stream *stream, enum input input, int error)
{
    if (input == INPUT_FAILED)
        complain("%s: Reading stopped after %" PRIu64 " bytes: %s", name_of(stream),
                 stream->offset + buffer_length(&stream->received), strerror(error));
    else
        complain("%s: line %lu, column %zu: %s", name_of(stream), stream->text.line,
                 stream->text.column, stream->text.fault);
    return FAILED;
}

/* ---------------------------------------------------------------------------------------------
 * Streams that are not MQTT 3.1.1 or 5.0, known by their first bytes
 * ------------------------------------------------------------------------------------------- */

enum kind {
    KIND_UNKNOWN,
    KIND_MQTT_3_1,
    KIND_BRIDGE,
    KIND_CAPTURE,
    KIND_TLS,
    KIND_HTTP,
    KIND_WEBSOCKET,
    KIND_HEX
};

/* No first packet of MQTT begins with any of these. */
static const struct {
    const char *bytes;
    size_t length;
    enum kind kind;
} beginnings[] = {
    {"\xD4\xC3\xB2\xA1", 4, KIND_CAPTURE}, /* pcap, in microseconds */
    {"\xA1\xB2\xC3\xD4", 4, KIND_CAPTURE},
    {"\x4D\x3C\xB2\xA1", 4, KIND_CAPTURE}, /* pcap, in nanoseconds */
    {"\xA1\xB2\x3C\x4D", 4, KIND_CAPTURE},
    {"\x0A\x0D\x0D\x0A", 4, KIND_CAPTURE}, /* pcapng */
    {"\x16\x03", 2, KIND_TLS},             /* a handshake */
    {"\x15\x03", 2, KIND_TLS},             /* an alert */
    {"GET ", 4, KIND_HTTP},
    {"HEAD ", 5, KIND_HTTP},
    {"POST ", 5, KIND_HTTP},
    {"PUT ", 4, KIND_HTTP},
    {"DELETE ", 7, KIND_HTTP},
    {"CONNECT ", 8, KIND_HTTP},
    {"OPTIONS ", 8, KIND_HTTP},
    {"PRI * HTTP/2", 12, KIND_HTTP},
    {"HTTP/1.", 7, KIND_HTTP},
};

/* True if "websocket" is in the bytes. The request for a WebSocket connection and its answer have it
 * in their headers. */
static bool has_websocket(const struct part *part)
{
    static const char word[] = "websocket";
    size_t matched = 0;
    size_t i;

    for (i = 0; i < part->length && matched < sizeof word - 1; i++) {
        const int letter = part->bytes[i] | 0x20;
        matched = letter == word[matched] ? matched + 1 : letter == word[0];
    }
    return matched == sizeof word - 1;
}

static bool is_hex(const struct part *part)
{
    size_t i;

    for (i = 0; i < part->length && i < 16; i++)
        if (digit_value(part->bytes[i]) < 0 && !is_blank(part->bytes[i]) &&
            strchr("xX,:\\#", part->bytes[i]) == NULL)
            return false;
    return i >= 4;
}

/* The kind of a stream whose first packet is refused. */
static enum kind kind_of(const struct part *part)
{
    const char *version = connect_version(part);
    size_t i;

    if (strcmp(version, "MQTT 3.1") == 0)
        return KIND_MQTT_3_1;
    if (version[0] != '\0')
        return KIND_BRIDGE;
    for (i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        if (part->length < beginnings[i].length ||
            memcmp(part->bytes, beginnings[i].bytes, beginnings[i].length) != 0)
            continue;
        return beginnings[i].kind == KIND_HTTP && has_websocket(part) ? KIND_WEBSOCKET
                                                                      : beginnings[i].kind;
    }
    return !options.hex && is_hex(part) ? KIND_HEX : KIND_UNKNOWN;
}

/* A path as an argument for the shell. If it needs quotes, it is in `text`. */
static const char *shell_path(const char *path, char *text, size_t size)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
    size_t i;

    if (strspn(path, plain) == strlen(path) && strlen(path) < size)
        return path;
    for (i = 0; path[i] != '\0'; i++)
        if (path[i] == '\'' || (path[i] >= 0 && path[i] < ' '))
            return "FILE";
    if (i + 3 > size || !is_utf8(mqtt_bytes_from(path, i)))
        return "FILE";
    snprintf(text, size, "'%s'", path);
    return text;
}

/* A line that helps the user, or NULL. */
static const char *hint_for(const struct stream *stream, enum kind kind, char *text, size_t size)
{
    char path[300];

    switch (kind) {
    case KIND_MQTT_3_1:
        return "This is MQTT 3.1, with the protocol name MQIsdp, and not 3.1.1 [MQTT-3.1.2-1]. The"
               " packets after its CONNECT can be seen with --continue.";
    case KIND_BRIDGE:
        return "This is a bridge of mosquitto, which sets the bit 0x80 of the protocol level"
               " [MQTT-3.1.2-2]. With its option try_private false it does not.";
    case KIND_CAPTURE:
        snprintf(
            text, size,
            "This is a capture file. What the client of its TCP connection 0 sent: tshark -r %s"
            " -q -z follow,tcp,raw,0 | grep -x '[0-9a-f]*' | mqtt_inspect --hex",
            shell_path(stream->path, path, sizeof path));
        return text;
    case KIND_TLS:
        return "This is TLS: the packets are encrypted. Record them before encryption, or without.";
    case KIND_HTTP:
        return "This is HTTP. Perhaps one side expects a web server, or MQTT over WebSocket.";
    case KIND_WEBSOCKET:
        return "This is the beginning of a WebSocket connection. If its frames are in a capture "
               "file,"
               " this shows what the client sent: tshark -r FILE -Y 'websocket.mask == 1' -T fields"
               " -e data.data | mqtt_inspect --hex";
    case KIND_HEX:
        return "This is hexadecimal text. It can be read with --hex.";
    case KIND_UNKNOWN:
        break;
    }
    return NULL;
}

/* ---------------------------------------------------------------------------------------------
 * The bytes of a packet, field by field (--bytes). The lines are a dump that --hex reads.
 * ------------------------------------------------------------------------------------------- */

#define BYTES_PER_LINE 16u

struct fields {
    struct output *out;
    const uint8_t *bytes; /* of the packet */
    uint64_t offset;      /* of the packet in the stream */
    size_t at;            /* the next byte */
    size_t end;           /* of the field */
};

/* Prints the field's bytes for one line. Returns their number. */
static unsigned put_field_bytes(struct fields *fields)
{
    FILE *file = fields->out->file;
    unsigned i;

    fprintf(file, "%08" PRIx64 " ", fields->offset + fields->at);
    for (i = 0; i < BYTES_PER_LINE && fields->at < fields->end; i++) {
        fprintf(file, " %02x", fields->bytes[fields->at]);
        fields->at++;
    }
    return i;
}

/* The callers print a field's name and value between begin_field and end_field. */
static void begin_field(struct fields *fields, size_t size)
{
    unsigned count;

    fields->end = fields->at + size;
    count = put_field_bytes(fields);
    fprintf(fields->out->file, "%*s  #", (int)((BYTES_PER_LINE - count) * 3), "");
}

static void end_field(struct fields *fields, const char *section)
{
    fprintf(fields->out->file, "  [%s]\n", section);
    while (fields->at < fields->end) {
        put_field_bytes(fields);
        putc('\n', fields->out->file);
    }
}

static void field_number(struct fields *fields, size_t size, const char *name, uint32_t value,
                         const char *section)
{
    begin_field(fields, size);
    put_number(fields->out, name, NULL, value);
    end_field(fields, section);
}

/* A string with its length. */
static void field_string(struct fields *fields, const char *name, struct mqtt_string string,
                         const char *section)
{
    begin_field(fields, 2 + string.length);
    put_name(fields->out, name, NULL);
    put_preview(fields->out, (const uint8_t *)string.data, string.length);
    end_field(fields, section);
}

/* Binary data, with or without its length. `prefix` is the size of the length, or 0. */
static void field_bytes(struct fields *fields, size_t prefix, const char *name,
                        struct mqtt_bytes bytes, const char *section)
{
    begin_field(fields, prefix + bytes.length);
    put_bytes(fields->out, name, NULL, bytes);
    end_field(fields, section);
}

static void connect_fields(struct fields *fields, const struct mqtt_connect *connect)
{
    struct output *out = fields->out;
    const struct mqtt_will *will = &connect->will;

    field_string(fields, "Protocol Name", mqtt_string_from("MQTT"), "3.1.2.1");
    field_number(fields, 1, "Protocol Level", 4, "3.1.2.2");
    begin_field(fields, 1);
    put_flag(out, "User Name Flag", NULL, connect->has_user_name);
    put_flag(out, "Password Flag", NULL, connect->has_password);
    put_flag(out, "Will Retain", NULL, connect->has_will && will->retain);
    put_number(out, "Will QoS", NULL, connect->has_will ? will->qos : 0);
    put_flag(out, "Will Flag", NULL, connect->has_will);
    put_flag(out, "Clean Session", NULL, connect->clean_session);
    end_field(fields, "3.1.2.3");
    field_number(fields, 2, "Keep Alive", connect->keep_alive, "3.1.2.10");
    field_string(fields, "ClientId", connect->client_id, "3.1.3.1");
    if (connect->has_will) {
        field_string(fields, "Will Topic", will->topic, "3.1.3.2");
        field_bytes(fields, 2, "Will Message", will->message, "3.1.3.3");
    }
    if (connect->has_user_name)
        field_string(fields, "User Name", connect->user_name, "3.1.3.4");
    if (connect->has_password)
        field_bytes(fields, 2, "Password", connect->password, "3.1.3.5");
}

static void connack_fields(struct fields *fields, const struct mqtt_connack *connack)
{
    begin_field(fields, 1);
    put_flag(fields->out, "Session Present", NULL, connack->session_present);
    end_field(fields, "3.2.2.2");
    begin_field(fields, 1);
    put_connack_code(fields->out, connack->return_code);
    end_field(fields, "3.2.2.3");
}

static void publish_fields(struct fields *fields, const struct mqtt_publish *publish)
{
    field_string(fields, "Topic Name", publish->topic, "3.3.2.1");
    if (publish->qos > 0)
        field_number(fields, 2, "Packet Identifier", publish->packet_id, "3.3.2.2");
    if (publish->payload.length > 0)
        field_bytes(fields, 0, "Payload", publish->payload, "3.3.3");
}

static void subscribe_fields(struct fields *fields, const struct mqtt_subscribe *subscribe)
{
    struct mqtt_subscription subscription;
    size_t position = 0;

    field_number(fields, 2, "Packet Identifier", subscribe->packet_id, "3.8.2");
    while (mqtt_next_subscription(subscribe, &position, &subscription)) {
        field_string(fields, "Topic Filter", subscription.filter, "3.8.3");
        field_number(fields, 1, "Requested QoS", subscription.qos, "3.8.3");
    }
}

static void suback_fields(struct fields *fields, const struct mqtt_suback *suback)
{
    size_t i;

    field_number(fields, 2, "Packet Identifier", suback->packet_id, "3.9.2");
    for (i = 0; i < suback->count; i++) {
        begin_field(fields, 1);
        put_suback_code(fields->out, suback->return_codes[i]);
        end_field(fields, "3.9.3");
    }
}

static void unsubscribe_fields(struct fields *fields, const struct mqtt_unsubscribe *unsubscribe)
{
    struct mqtt_string filter;
    size_t position = 0;

    field_number(fields, 2, "Packet Identifier", unsubscribe->packet_id, "3.10.2");
    while (mqtt_next_filter(unsubscribe, &position, &filter))
        field_string(fields, "Topic Filter", filter, "3.10.3");
}

/* The variable header and the payload, in the order of the standard */
static void body_fields(struct fields *fields, const struct mqtt_packet *packet)
{
    char section[16];

    switch (packet->type) {
    case MQTT_CONNECT:
        connect_fields(fields, &packet->as.connect);
        break;
    case MQTT_CONNACK:
        connack_fields(fields, &packet->as.connack);
        break;
    case MQTT_PUBLISH:
        publish_fields(fields, &packet->as.publish);
        break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
    case MQTT_UNSUBACK:
        snprintf(section, sizeof section, "3.%u.2", (unsigned)packet->type);
        field_number(fields, 2, "Packet Identifier", packet->as.ack.packet_id, section);
        break;
    case MQTT_SUBSCRIBE:
        subscribe_fields(fields, &packet->as.subscribe);
        break;
    case MQTT_SUBACK:
        suback_fields(fields, &packet->as.suback);
        break;
    case MQTT_UNSUBSCRIBE:
        unsubscribe_fields(fields, &packet->as.unsubscribe);
        break;
    case MQTT_PINGREQ:
    case MQTT_PINGRESP:
    case MQTT_DISCONNECT:
        break;
    }
}

/* The same for MQTT 5.0, from here to v5_body_fields */
static size_t integer_size(uint32_t value)
{
    return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : 4;
}

/* Each property has a line. It ends where the next one begins, or with the list. */
static void v5_properties_fields(struct fields *fields, const struct mqtt_v5_properties *properties,
                                 const char *section)
{
    const size_t length = properties->encoded.length;
    struct mqtt_v5_property property = {0};
    size_t start = 0;
    size_t position = 0;

    field_number(fields, integer_size((uint32_t)length), "Property Length", (uint32_t)length,
                 section);
    while (mqtt_v5_next_property(properties, &position, &property)) {
        begin_field(fields, position - start);
        put_property(fields->out, &property);
        end_field(fields, "2.2.2.2");
        start = position;
    }
}

static void v5_reason_code_field(struct fields *fields, uint8_t code, enum mqtt_v5_packet_type type,
                                 const char *section)
{
    begin_field(fields, 1);
    put_reason_code(fields->out, NULL, code, type);
    end_field(fields, section);
}

static void v5_connect_fields(struct fields *fields, const struct mqtt_v5_connect *connect)
{
    struct output *out = fields->out;
    const struct mqtt_v5_will *will = &connect->will;

    field_string(fields, "Protocol Name", mqtt_string_from("MQTT"), "3.1.2.1");
    field_number(fields, 1, "Protocol Version", 5, "3.1.2.2");
    begin_field(fields, 1);
    put_flag(out, "User Name Flag", NULL, connect->has_user_name);
    put_flag(out, "Password Flag", NULL, connect->has_password);
    put_flag(out, "Will Retain", NULL, connect->has_will && will->retain);
    put_number(out, "Will QoS", NULL, connect->has_will ? will->qos : 0);
    put_flag(out, "Will Flag", NULL, connect->has_will);
    put_flag(out, "Clean Start", NULL, connect->clean_start);
    end_field(fields, "3.1.2.3");
    field_number(fields, 2, "Keep Alive", connect->keep_alive, "3.1.2.10");
    v5_properties_fields(fields, &connect->properties, "3.1.2.11.1");
    field_string(fields, "Client Identifier", connect->client_id, "3.1.3.1");
    if (connect->has_will) {
        v5_properties_fields(fields, &will->properties, "3.1.3.2.1");
        field_string(fields, "Will Topic", will->topic, "3.1.3.3");
        field_bytes(fields, 2, "Will Payload", will->payload, "3.1.3.4");
    }
    if (connect->has_user_name)
        field_string(fields, "User Name", connect->user_name, "3.1.3.5");
    if (connect->has_password)
        field_bytes(fields, 2, "Password", connect->password, "3.1.3.6");
}

static void v5_subscribe_fields(struct fields *fields, const struct mqtt_v5_subscribe *subscribe)
{
    struct mqtt_v5_subscription subscription;
    size_t position = 0;

    field_number(fields, 2, "Packet Identifier", subscribe->packet_id, "3.8.2");
    v5_properties_fields(fields, &subscribe->properties, "3.8.2.1.1");
    while (mqtt_v5_next_subscription(subscribe, &position, &subscription)) {
        field_string(fields, "Topic Filter", subscription.filter, "3.8.3");
        begin_field(fields, 1);
        put_subscription_options(fields->out, &subscription);
        end_field(fields, "3.8.3.1");
    }
}

/* `end` is the end of the packet. A shorter form has no bytes for the fields that it leaves out. */
static void v5_ack_fields(struct fields *fields, const struct mqtt_v5_packet *packet, size_t end)
{
    const unsigned number = packet->type;
    char section[16];

    snprintf(section, sizeof section, "3.%u.2", number);
    field_number(fields, 2, "Packet Identifier", packet->as.ack.packet_id, section);
    snprintf(section, sizeof section, "3.%u.2.1", number);
    if (fields->at < end)
        v5_reason_code_field(fields, packet->as.ack.reason_code, packet->type, section);
    snprintf(section, sizeof section, "3.%u.2.2.1", number);
    if (fields->at < end)
        v5_properties_fields(fields, &packet->as.ack.properties, section);
}

static void v5_suback_fields(struct fields *fields, const struct mqtt_v5_packet *packet)
{
    const struct mqtt_v5_suback *suback = &packet->as.suback;
    const unsigned number = packet->type;
    char section[16];
    size_t i;

    snprintf(section, sizeof section, "3.%u.2", number);
    field_number(fields, 2, "Packet Identifier", suback->packet_id, section);
    snprintf(section, sizeof section, "3.%u.2.1.1", number);
    v5_properties_fields(fields, &suback->properties, section);
    snprintf(section, sizeof section, "3.%u.3", number);
    for (i = 0; i < suback->count; i++)
        v5_reason_code_field(fields, suback->reason_codes[i], packet->type, section);
}

static void v5_unsubscribe_fields(struct fields *fields,
                                  const struct mqtt_v5_unsubscribe *unsubscribe)
{
    struct mqtt_string filter;
    size_t position = 0;

    field_number(fields, 2, "Packet Identifier", unsubscribe->packet_id, "3.10.2");
    v5_properties_fields(fields, &unsubscribe->properties, "3.10.2.1.1");
    while (mqtt_v5_next_filter(unsubscribe, &position, &filter))
        field_string(fields, "Topic Filter", filter, "3.10.3");
}

/* DISCONNECT and AUTH have the same fields. */
static void v5_disconnect_fields(struct fields *fields, const struct mqtt_v5_packet *packet,
                                 size_t end)
{
    const bool is_auth = packet->type == MQTT_V5_AUTH;

    if (fields->at < end)
        v5_reason_code_field(fields, packet->as.disconnect.reason_code, packet->type,
                             is_auth ? "3.15.2.1" : "3.14.2.1");
    if (fields->at < end)
        v5_properties_fields(fields, &packet->as.disconnect.properties,
                             is_auth ? "3.15.2.2.1" : "3.14.2.2.1");
}

static void v5_body_fields(struct fields *fields, const struct mqtt_v5_packet *packet, size_t end)
{
    const struct mqtt_v5_publish *publish = &packet->as.publish;

    switch (packet->type) {
    case MQTT_V5_CONNECT:
        v5_connect_fields(fields, &packet->as.connect);
        break;
    case MQTT_V5_CONNACK:
        begin_field(fields, 1);
        put_flag(fields->out, "Session Present", NULL, packet->as.connack.session_present);
        end_field(fields, "3.2.2.1.1");
        v5_reason_code_field(fields, packet->as.connack.reason_code, packet->type, "3.2.2.2");
        v5_properties_fields(fields, &packet->as.connack.properties, "3.2.2.3.1");
        break;
    case MQTT_V5_PUBLISH:
        field_string(fields, "Topic Name", publish->topic, "3.3.2.1");
        if (publish->qos > 0)
            field_number(fields, 2, "Packet Identifier", publish->packet_id, "3.3.2.2");
        v5_properties_fields(fields, &publish->properties, "3.3.2.3.1");
        if (publish->payload.length > 0)
            field_bytes(fields, 0, "Payload", publish->payload, "3.3.3");
        break;
    case MQTT_V5_PUBACK:
    case MQTT_V5_PUBREC:
    case MQTT_V5_PUBREL:
    case MQTT_V5_PUBCOMP:
        v5_ack_fields(fields, packet, end);
        break;
    case MQTT_V5_SUBSCRIBE:
        v5_subscribe_fields(fields, &packet->as.subscribe);
        break;
    case MQTT_V5_SUBACK:
    case MQTT_V5_UNSUBACK:
        v5_suback_fields(fields, packet);
        break;
    case MQTT_V5_UNSUBSCRIBE:
        v5_unsubscribe_fields(fields, &packet->as.unsubscribe);
        break;
    case MQTT_V5_DISCONNECT:
    case MQTT_V5_AUTH:
        v5_disconnect_fields(fields, packet, end);
        break;
    case MQTT_V5_PINGREQ:
    case MQTT_V5_PINGRESP:
        break;
    }
}

/* The sections of chapter 3 have the numbers of the packet types. */
static void put_packet_bytes(struct output *out, const struct any_packet *packet,
                             const struct part *part, size_t size)
{
    struct fields fields = {.out = out, .bytes = part->bytes, .offset = part->offset};
    const unsigned number = part_type(part);
    uint32_t remaining = 0;
    const int32_t digits = mqtt_decode_remaining_length(&remaining, part->bytes + 1, size - 1);
    char section[16];

    out->is_v5 = packet->is_v5;
    fprintf(out->file, "# %s, %zu bytes from byte %" PRIu64 " on\n", type_name(out, number), size,
            part->offset);
    begin_field(&fields, 1);
    put_name(out, "Control Packet Type", NULL);
    fprintf(out->file, "%u (", number);
    style(out, STYLE_TYPE);
    fputs(type_name(out, number), out->file);
    style(out, STYLE_NONE);
    putc(')', out->file);
    if (number == MQTT_PUBLISH) {
        put_flag(out, "DUP", NULL, (part->bytes[0] & 8) != 0);
        put_number(out, "QoS", NULL, part->bytes[0] / 2 % 4);
        put_flag(out, "RETAIN", NULL, (part->bytes[0] & 1) != 0);
    } else {
        put_number(out, "Flags", NULL, part->bytes[0] % 16);
    }
    snprintf(section, sizeof section, "3.%u.1", number);
    end_field(&fields, section);
    field_number(&fields, (size_t)digits, "Remaining Length", remaining,
                 packet->is_v5 ? "2.1.4" : "2.2.3");
    if (packet->is_v5)
        v5_body_fields(&fields, &packet->v5, size);
    else
        body_fields(&fields, &packet->old);
}

/* ---------------------------------------------------------------------------------------------
 * From input to output
 * ------------------------------------------------------------------------------------------- */

static struct part unseen_part(const struct stream *stream)
{
    const struct part part = {buffer_front(&stream->received), buffer_length(&stream->received),
                              stream->offset};

    return part;
}

static void drop(struct stream *stream, size_t size)
{
    buffer_drop(&stream->received, size);
    stream->offset += size;
}

static int32_t decode_old(struct mqtt_packet *packet, const struct part *part)
{
    if (options.from_client)
        return mqtt_decode_from_client(packet, part->bytes, part->length);
    if (options.from_server)
        return mqtt_decode_from_server(packet, part->bytes, part->length);
    return mqtt_decode(packet, part->bytes, part->length);
}

static int32_t decode_v5(struct mqtt_v5_packet *packet, const struct part *part)
{
    if (options.from_client)
        return mqtt_v5_decode_from_client(packet, part->bytes, part->length);
    if (options.from_server)
        return mqtt_v5_decode_from_server(packet, part->bytes, part->length);
    return mqtt_v5_decode(packet, part->bytes, part->length);
}

/* Whether the first packet of a server is of 5.0: a CONNACK, which has the remaining length 2 in 3.1.1 and
 * at least 3 in 5.0, or an AUTH. */
static bool begins_v5(const struct part *part)
{
    uint32_t length;

    if (part_type(part) == MQTT_V5_AUTH)
        return true;
    return part_type(part) == MQTT_CONNACK &&
           mqtt_decode_remaining_length(&length, part->bytes + 1, part->length - 1) > 0 &&
           length > 2;
}

static int32_t decode(struct stream *stream, struct any_packet *packet, const struct part *part)
{
    if (!options.v311) {
        stream->is_v5 = version_from(part, stream->is_v5);
        if (part->offset == 0 && (options.v5 || begins_v5(part)))
            stream->is_v5 = true;
    }
    packet->is_v5 = stream->is_v5;
    return packet->is_v5 ? decode_v5(&packet->v5, part) : decode_old(&packet->old, part);
}

/* Shows every complete packet and drops it from the buffer. Returns the decoder's status for the
 * bytes after them. */
static int32_t show_packets(struct stream *stream, struct output *out, uint32_t *error_offset)
{
    while (buffer_length(&stream->received) > 0) {
        const struct part part = unseen_part(stream);
        struct any_packet packet;
        const int32_t size = decode(stream, &packet, &part);
        if (size < 0) {
            *error_offset = packet.is_v5 ? packet.v5.error_offset : packet.old.error_offset;
            return size;
        }
        if (options.bytes)
            put_packet_bytes(out, &packet, &part, (size_t)size);
        else
            put_packet(out, &packet, part.offset, size);
        drop(stream, (size_t)size);
    }
    return MQTT_PACKET_INCOMPLETE;
}

/* Reports a packet that is malformed, or incomplete at the end of the stream. Returns true if there
 * may be MQTT packets after it. */
static bool report_packet(const struct stream *stream, struct output *out, struct output *err,
                          int32_t status, uint32_t error_offset)
{
    const struct part part = unseen_part(stream);
    const enum kind kind = part.offset == 0 ? kind_of(&part) : KIND_UNKNOWN;
    char text[512];
    const char *hint = hint_for(stream, kind, text, sizeof text);
    struct output *const outputs[] = {out, err};
    size_t i;

    out->is_v5 = stream->is_v5;
    err->is_v5 = stream->is_v5;
    fprintf(err->file, PROGRAM ": %s: ", name_of(stream));
    for (i = out->json ? 0 : 1; i < 2; i++) {
        if (status == MQTT_PACKET_INCOMPLETE)
            put_truncated(outputs[i], &part, hint);
        else
            put_malformed(outputs[i], &part, status, error_offset, hint);
    }
    return kind == KIND_UNKNOWN || kind == KIND_MQTT_3_1 || kind == KIND_BRIDGE;
}

/* True if --continue must wait for the end of a malformed packet, to go on after it. */
static bool awaits_end(const struct part *part)
{
    uint32_t remaining;
    const int32_t size =
        mqtt_decode_remaining_length(&remaining, part->bytes + 1, part->length - 1);

    return options.goes_on && (size == MQTT_PACKET_INCOMPLETE || packet_size(part) > part->length);
}

/* Shows what has been received. Returns true if there can be more. */
static bool show_received(struct stream *stream, struct output *out, struct output *err,
                          bool is_last, int *result)
{
    for (;;) {
        uint32_t error_offset = 0;
        const int32_t status = show_packets(stream, out, &error_offset);
        const struct part part = unseen_part(stream);
        bool is_known;
        /* An error goes to standard error, so print the packets before it first. */
        if (fflush(stdout) != 0 || ferror(stdout)) {
            *result = FAILED; /* main reports it */
            return false;
        }
        if (status == MQTT_PACKET_INCOMPLETE || (!is_last && awaits_end(&part)))
            return true;
        *result = MALFORMED;
        is_known = report_packet(stream, out, err, status, error_offset) && packet_size(&part) > 0;
        if (!is_known || !options.goes_on)
            return false;
        drop(stream, packet_size(&part) < part.length ? packet_size(&part) : part.length);
    }
}

static int inspect(struct stream *stream, struct output *out, struct output *err)
{
    enum input input = INPUT_MORE;
    int result = ALL_IS_WELL;
    int error = 0;

    while (input == INPUT_MORE) {
        input = receive(stream);
        error = errno;
        if (!show_received(stream, out, err, input != INPUT_MORE, &result))
            return result;
    }
    if (input != INPUT_END)
        return report_input(stream, input, error);
    if (buffer_length(&stream->received) == 0)
        return result;
    report_packet(stream, out, err, MQTT_PACKET_INCOMPLETE, 0);
    return TRUNCATED;
}

static int inspect_file(const char *path, struct output *out, struct output *err)
{
    struct stream stream = {.path = path, .file = STDIN_FILENO};
    int result;

    if (strcmp(path, "-") != 0)
        stream.file = open(path, O_RDONLY);
    if (stream.file < 0) {
        complain("%s: %s", path, strerror(errno));
        return FAILED;
    }
    set_binary(stream.file);
    result = inspect(&stream, out, err);
    buffer_free(&stream.received);
    buffer_free(&stream.text.unread);
    if (stream.file != STDIN_FILENO)
        close(stream.file);
    return result;
}

/* The first member of a line of JSON, if there are several files */
static void put_file(struct output *out)
{
    const char *path = (const char *)out->labelled;
    const struct mqtt_bytes bytes = mqtt_bytes_from(path, strlen(path));

    if (is_utf8(bytes))
        put_string(out, "", "file", mqtt_string_from(path));
    else
        put_bytes(out, "", "file", bytes);
}

/* Returns the highest exit status of the files. */
static int inspect_files(const char *const *paths, struct output *out, struct output *err)
{
    const bool are_several = paths[1] != NULL;
    int highest = ALL_IS_WELL;

    if (!options.json && !options.bytes && isatty(STDOUT_FILENO) != 0)
        printf("%8s  %-11s  %5s        %s\n", "offset", "type", "size", "fields");
    if (options.json && are_several)
        out->put_label = put_file;
    for (; *paths != NULL; paths++) {
        int result;
        if (are_several && !options.json) {
            fputs("==> ", stdout);
            put_escaped(stdout, (const uint8_t *)*paths, strlen(*paths));
            fputs(" <==\n", stdout);
        }
        out->labelled = *paths;
        result = inspect_file(*paths, out, err);
        if (result > highest)
            highest = result;
    }
    return highest;
}

static bool check_options(void)
{
    if (options.from_client && options.from_server)
        complain("--from-client and --from-server exclude each other");
    else if (options.json && options.bytes)
        complain("--json and --bytes exclude each other");
    else
        return true;
    return false;
}

int main(int argc, char **argv)
{
    struct output out = {.file = stdout};
    struct output err = {.file = stderr};
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
    const char **paths = (const char **)calloc((size_t)argc + 2, sizeof *paths);
    enum parse_result parsed = REFUSED_ARGUMENTS;
    int result = FAILED;

    if (paths != NULL && occupy_standard_files())
        parsed = parse_arguments(&command_line, argc, argv, paths, (size_t)argc);
    if (parsed == ANSWERED)
        result = ALL_IS_WELL;
    if (parsed == PARSED && check_options()) {
        if (paths[0] == NULL)
            paths[0] = "-";
        set_binary(STDOUT_FILENO);
        out.json = options.json;
        out.colour =
            !options.json && wants_colour(options.colour, options.no_colour, STDOUT_FILENO);
        err.colour = wants_colour(options.colour, options.no_colour, STDERR_FILENO);
        result = inspect_files(paths, &out, &err);
        if (!flush_output())
            result = FAILED;
    }
    free((void *)paths);
    return result;
}
