/* SPDX-License-Identifier: MIT
 *
 * print_packet.h: prints packets of MQTT 3.1.1 and 5.0, one line each, as text or as JSON. For a
 * malformed packet it shows which byte breaks which rule of the standard. mqtt_inspect.c and
 * mqtt_tap.c use it. It needs hosted C and POSIX. A program includes mqtt_codec.h and defines PROGRAM, its name,
 * before it includes this file.
 *
 * Worth copying: put_escaped prints text from strangers.
 */
#if !defined(PRINT_PACKET_H)
#define PRINT_PACKET_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREVIEW_LENGTH 64u /* bytes of a payload that a line of text shows */

/* The largest packet: its type, four bytes of remaining length, the rest */
#define PACKET_SIZE_MAX (5u + MQTT_REMAINING_LENGTH_MAX)

#define STYLE_TYPE   "\033[1;36m"
#define STYLE_STRING "\033[32m"
#define STYLE_ERROR  "\033[1;31m"
#define STYLE_NONE   "\033[0m"

/* A packet of either version */
struct any_packet {
    bool is_v5; /* says which of the others is set */
    struct mqtt_packet old;
    struct mqtt_v5_packet v5;
};

struct output {
    FILE *file;
    void (*put_label)(struct output *out); /* prints what each line begins with; NULL: nothing */
    const void *labelled;                  /* for put_label */
    const char *comma;                     /* in JSON, what is printed before the next member */
    bool is_v5;                            /* the stream is of MQTT 5.0 */
    bool json;
    bool colour;
};

static bool wants_colour(bool always, bool never, int file)
{
#if defined(_WIN32)
    static const char usual[] = "dumb"; /* an old console prints the codes */
#else
    static const char usual[] = "";
#endif
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    if (always || never)
        return !never;
    if (no_color != NULL && no_color[0] != '\0')
        return false;
    return isatty(file) != 0 && strcmp(term == NULL ? usual : term, "dumb") != 0;
}

static void style(const struct output *out, const char *code)
{
    if (out->colour)
        fputs(code, out->file);
}

/* ---------------------------------------------------------------------------------------------
 * Text from strangers
 * ------------------------------------------------------------------------------------------- */

/* The size of the well-formed UTF-8 character at `s`, or 0 if there is none. */
static size_t character_size(const uint8_t *s, size_t left)
{
    struct mqtt_string character;

    if (s[0] < 0x80)
        return 1;
    character.data = (const char *)s;
    character.length = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    /* The first byte of a character says how many bytes it has: a valid string of this length is
     * one character. */
    return character.length <= left && mqtt_string_is_valid(character) ? character.length : 0;
}

static uint32_t code_point(const uint8_t *s, size_t size)
{
    uint32_t value = s[0] & (size == 1 ? 0x7Fu : 0x7Fu >> size);
    size_t i;

    for (i = 1; i < size; i++)
        value = value * 64 + (s[i] & 0x3F);
    return value;
}

/* True if a character cannot control a terminal, reorder the line or end a string. */
static bool is_harmless(uint32_t c)
{
    if (c < 0x20 || (c >= 0x7F && c <= 0x9F)) /* C0, DEL, C1 */
        return false;
    if (c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x2066 && c <= 0x2069)) /* direction */
        return false;
    if (c >= 0x2028 && c <= 0x202E) /* separators of lines and paragraphs, direction */
        return false;
    return c != '"' && c != '\\';
}

/* Every character that is_harmless refuses is below U+10000: four digits are enough. */
static void put_escape(FILE *file, uint32_t c)
{
    if (c == '\n')
        fputs("\\n", file);
    else if (c == '\t')
        fputs("\\t", file);
    else if (c == '"' || c == '\\')
        fprintf(file, "\\%c", (int)c);
    else
        fprintf(file, "\\u%04" PRIx32, c);
}

/* Writes UTF-8 as a JSON string has it between its quotes, and any other byte as \xXX. */
static void put_escaped(FILE *file, const uint8_t *s, size_t length)
{
    size_t from = 0;
    size_t i = 0;

    while (i < length) {
        const size_t size = character_size(s + i, length - i);
        const uint32_t c = code_point(s + i, size);
        if (size > 0 && is_harmless(c)) {
            i += size;
            continue;
        }
        fwrite(s + from, 1, i - from, file);
        if (size > 0)
            put_escape(file, c);
        else
            fprintf(file, "\\x%02x", s[i]);
        i += size > 0 ? size : 1;
        from = i;
    }
    fwrite(s + from, 1, length - from, file);
}

static bool is_utf8(struct mqtt_bytes bytes)
{
    size_t i = 0;

    while (i < bytes.length) {
        const size_t size = character_size(bytes.data + i, bytes.length - i);
        if (size == 0)
            return false;
        i += size;
    }
    return true;
}

/* ---------------------------------------------------------------------------------------------
 * The fields of a packet. Each has two names: text shows the name in the standard, and the key in
 * JSON is the name in mqtt_codec.h.
 * ------------------------------------------------------------------------------------------- */

static void put_quoted(const struct output *out, const uint8_t *text, size_t length)
{
    style(out, STYLE_STRING);
    putc('"', out->file);
    put_escaped(out->file, text, length);
    putc('"', out->file);
    style(out, STYLE_NONE);
}

/* The key of an element of an array is NULL. */
static void put_name(struct output *out, const char *name, const char *key)
{
    if (!out->json) {
        fprintf(out->file, "  %s ", name);
        return;
    }
    fputs(out->comma, out->file);
    out->comma = ",";
    if (key != NULL)
        fprintf(out->file, "\"%s\":", key);
}

static void put_number(struct output *out, const char *name, const char *key, uint64_t value)
{
    put_name(out, name, key);
    fprintf(out->file, "%" PRIu64, value);
}

static void put_flag(struct output *out, const char *name, const char *key, bool value)
{
    put_name(out, name, key);
    if (out->json)
        fputs(value ? "true" : "false", out->file);
    else
        putc(value ? '1' : '0', out->file);
}

static void put_string(struct output *out, const char *name, const char *key,
                       struct mqtt_string string)
{
    put_name(out, name, key);
    put_quoted(out, (const uint8_t *)string.data, string.length);
}

/* The next three print nothing in text. */
static void put_null(struct output *out, const char *key)
{
    if (!out->json)
        return;
    put_name(out, "", key);
    fputs("null", out->file);
}

static void put_open(struct output *out, const char *key, char bracket)
{
    if (!out->json)
        return;
    put_name(out, "", key);
    putc(bracket, out->file);
    out->comma = "";
}

static void put_close(struct output *out, char bracket)
{
    if (!out->json)
        return;
    putc(bracket, out->file);
    out->comma = ",";
}

/* A line of text shows the beginning. It is not cut within a character. */
static void put_preview(const struct output *out, const uint8_t *text, size_t length)
{
    size_t shown = length;

    if (shown > PREVIEW_LENGTH) {
        shown = PREVIEW_LENGTH;
        while (shown > PREVIEW_LENGTH - 3 && text[shown] / 64 == 2)
            shown--;
    }
    put_quoted(out, text, shown);
    if (shown < length)
        fputs("...", out->file);
}

static void put_bytes(struct output *out, const char *name, const char *key,
                      struct mqtt_bytes bytes)
{
    static const char digits[] = "0123456789abcdef";
    size_t i;

    put_name(out, name, key);
    if (!out->json) {
        fprintf(out->file, "%zu %s ", bytes.length, bytes.length == 1 ? "byte" : "bytes");
        put_preview(out, bytes.data, bytes.length);
        return;
    }
    fprintf(out->file, "{\"length\":%zu,\"hex\":\"", bytes.length);
    for (i = 0; i < bytes.length; i++) {
        putc(digits[bytes.data[i] / 16], out->file);
        putc(digits[bytes.data[i] % 16], out->file);
    }
    putc('"', out->file);
    if (is_utf8(bytes)) {
        put_name(out, "", "text");
        put_quoted(out, bytes.data, bytes.length);
    }
    putc('}', out->file);
}

/* A return code of 3.1.1 or a reason code of 5.0 */
static void put_code(struct output *out, const char *name, const char *key, uint8_t code,
                     bool refused, const char *meaning)
{
    put_number(out, name, key, code);
    if (out->json)
        return;
    fputs(" (", out->file);
    style(out, refused ? STYLE_ERROR : STYLE_NONE);
    fputs(meaning, out->file);
    style(out, STYLE_NONE);
    putc(')', out->file);
}

/* ---------------------------------------------------------------------------------------------
 * Packets, in the order of their types
 * ------------------------------------------------------------------------------------------- */

static void put_will(struct output *out, const struct mqtt_will *will)
{
    put_open(out, "will", '{');
    put_string(out, "Will Topic", "topic", will->topic);
    put_bytes(out, "Will Message", "message", will->message);
    put_number(out, "Will QoS", "qos", will->qos);
    put_flag(out, "Will Retain", "retain", will->retain);
    put_close(out, '}');
}

static void put_connect(struct output *out, const struct mqtt_connect *connect)
{
    put_string(out, "ClientId", "client_id", connect->client_id);
    put_number(out, "Keep Alive", "keep_alive", connect->keep_alive);
    put_flag(out, "Clean Session", "clean_session", connect->clean_session);
    if (connect->has_will)
        put_will(out, &connect->will);
    else
        put_null(out, "will");
    if (connect->has_user_name)
        put_string(out, "User Name", "user_name", connect->user_name);
    else
        put_null(out, "user_name");
    if (connect->has_password)
        put_bytes(out, "Password", "password", connect->password);
    else
        put_null(out, "password");
}

static void put_connack_code(struct output *out, uint8_t code)
{
    static const char *const meanings[] = {
        "Connection Accepted",
        "Connection Refused, unacceptable protocol version",
        "Connection Refused, identifier rejected",
        "Connection Refused, Server unavailable",
        "Connection Refused, bad user name or password",
        "Connection Refused, not authorized",
    }; /* Table 3.1; the decoder refuses other codes */

    put_code(out, "Return Code", "return_code", code, code != MQTT_CONNACK_CODE_ACCEPTED,
             meanings[code]);
}

static void put_connack(struct output *out, const struct mqtt_connack *connack)
{
    put_flag(out, "Session Present", "session_present", connack->session_present);
    put_connack_code(out, connack->return_code);
}

static void put_publish(struct output *out, const struct mqtt_publish *publish)
{
    put_string(out, "Topic Name", "topic", publish->topic);
    if (publish->qos > 0)
        put_number(out, "Packet Identifier", "packet_id", publish->packet_id);
    else
        put_null(out, "packet_id");
    put_number(out, "QoS", "qos", publish->qos);
    put_flag(out, "DUP", "dup", publish->dup);
    put_flag(out, "RETAIN", "retain", publish->retain);
    put_bytes(out, "Payload", "payload", publish->payload);
}

static void put_subscribe(struct output *out, const struct mqtt_subscribe *subscribe)
{
    struct mqtt_subscription subscription;
    size_t position = 0;

    put_number(out, "Packet Identifier", "packet_id", subscribe->packet_id);
    put_open(out, "subscriptions", '[');
    while (mqtt_next_subscription(subscribe, &position, &subscription)) {
        put_open(out, NULL, '{');
        put_string(out, "Topic Filter", "filter", subscription.filter);
        put_number(out, "Requested QoS", "qos", subscription.qos);
        put_close(out, '}');
    }
    put_close(out, ']');
}

static void put_suback_code(struct output *out, uint8_t code)
{
    static const char *const meanings[] = {
        "Success - Maximum QoS 0",
        "Success - Maximum QoS 1",
        "Success - Maximum QoS 2",
    }; /* 3.9.3; the decoder refuses other codes, except 0x80 */
    const bool failed = code == MQTT_SUBACK_CODE_FAILURE;

    put_code(out, "Return Code", NULL, code, failed, failed ? "Failure" : meanings[code]);
}

static void put_suback(struct output *out, const struct mqtt_suback *suback)
{
    size_t i;

    put_number(out, "Packet Identifier", "packet_id", suback->packet_id);
    put_open(out, "return_codes", '[');
    for (i = 0; i < suback->count; i++)
        put_suback_code(out, suback->return_codes[i]);
    put_close(out, ']');
}

static void put_unsubscribe(struct output *out, const struct mqtt_unsubscribe *unsubscribe)
{
    struct mqtt_string filter;
    size_t position = 0;

    put_number(out, "Packet Identifier", "packet_id", unsubscribe->packet_id);
    put_open(out, "filters", '[');
    while (mqtt_next_filter(unsubscribe, &position, &filter))
        put_string(out, "Topic Filter", NULL, filter);
    put_close(out, ']');
}

static void put_fields(struct output *out, const struct mqtt_packet *packet)
{
    switch (packet->type) {
    case MQTT_CONNECT:
        put_connect(out, &packet->as.connect);
        break;
    case MQTT_CONNACK:
        put_connack(out, &packet->as.connack);
        break;
    case MQTT_PUBLISH:
        put_publish(out, &packet->as.publish);
        break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
    case MQTT_UNSUBACK:
        put_number(out, "Packet Identifier", "packet_id", packet->as.ack.packet_id);
        break;
    case MQTT_SUBSCRIBE:
        put_subscribe(out, &packet->as.subscribe);
        break;
    case MQTT_SUBACK:
        put_suback(out, &packet->as.suback);
        break;
    case MQTT_UNSUBSCRIBE:
        put_unsubscribe(out, &packet->as.unsubscribe);
        break;
    case MQTT_PINGREQ:
    case MQTT_PINGRESP:
    case MQTT_DISCONNECT:
        break;
    }
}

/* ---------------------------------------------------------------------------------------------
 * Packets of 5.0. Properties have the names of Table 2-4, reason codes those of Table 2-6.
 * ------------------------------------------------------------------------------------------- */

/* In JSON a property is an object of its name and its value. */
static void put_property(struct output *out, const struct mqtt_v5_property *property)
{
    const char *name = mqtt_v5_property_name((enum mqtt_v5_property_id)property->id);

    put_open(out, NULL, '{');
    if (out->json)
        put_string(out, "", "name", mqtt_string_from(name));
    switch (property->id) {
    case MQTT_V5_PROPERTY_CONTENT_TYPE:
    case MQTT_V5_PROPERTY_RESPONSE_TOPIC:
    case MQTT_V5_PROPERTY_ASSIGNED_CLIENT_IDENTIFIER:
    case MQTT_V5_PROPERTY_AUTHENTICATION_METHOD:
    case MQTT_V5_PROPERTY_RESPONSE_INFORMATION:
    case MQTT_V5_PROPERTY_SERVER_REFERENCE:
    case MQTT_V5_PROPERTY_REASON_STRING:
        put_string(out, name, "value", property->as.string);
        break;
    case MQTT_V5_PROPERTY_CORRELATION_DATA:
    case MQTT_V5_PROPERTY_AUTHENTICATION_DATA:
        put_bytes(out, name, "value", property->as.bytes);
        break;
    case MQTT_V5_PROPERTY_USER_PROPERTY:
        put_string(out, name, "key", property->as.pair.name);
        fputs(out->json ? ",\"value\":" : " = ", out->file);
        put_quoted(out, (const uint8_t *)property->as.pair.value.data,
                   property->as.pair.value.length);
        break;
    default:
        put_number(out, name, "value", property->as.number);
        break;
    }
    put_close(out, '}');
}

static void put_properties(struct output *out, const struct mqtt_v5_properties *properties)
{
    struct mqtt_v5_property property = {0};
    size_t position = 0;

    put_open(out, "properties", '[');
    while (mqtt_v5_next_property(properties, &position, &property))
        put_property(out, &property);
    put_close(out, ']');
}

static void put_reason_code(struct output *out, const char *key, uint8_t code,
                            enum mqtt_v5_packet_type type)
{
    put_code(out, "Reason Code", key, code, code >= 0x80, mqtt_v5_reason_code_name(code, type));
}

static void put_v5_will(struct output *out, const struct mqtt_v5_will *will)
{
    put_open(out, "will", '{');
    put_properties(out, &will->properties);
    put_string(out, "Will Topic", "topic", will->topic);
    put_bytes(out, "Will Payload", "payload", will->payload);
    put_number(out, "Will QoS", "qos", will->qos);
    put_flag(out, "Will Retain", "retain", will->retain);
    put_close(out, '}');
}

static void put_v5_connect(struct output *out, const struct mqtt_v5_connect *connect)
{
    put_string(out, "Client Identifier", "client_id", connect->client_id);
    put_number(out, "Keep Alive", "keep_alive", connect->keep_alive);
    put_flag(out, "Clean Start", "clean_start", connect->clean_start);
    put_properties(out, &connect->properties);
    if (connect->has_will)
        put_v5_will(out, &connect->will);
    else
        put_null(out, "will");
    if (connect->has_user_name)
        put_string(out, "User Name", "user_name", connect->user_name);
    else
        put_null(out, "user_name");
    if (connect->has_password)
        put_bytes(out, "Password", "password", connect->password);
    else
        put_null(out, "password");
}

static void put_v5_publish(struct output *out, const struct mqtt_v5_publish *publish)
{
    put_string(out, "Topic Name", "topic", publish->topic);
    if (publish->qos > 0)
        put_number(out, "Packet Identifier", "packet_id", publish->packet_id);
    else
        put_null(out, "packet_id");
    put_number(out, "QoS", "qos", publish->qos);
    put_flag(out, "DUP", "dup", publish->dup);
    put_flag(out, "RETAIN", "retain", publish->retain);
    put_properties(out, &publish->properties);
    put_bytes(out, "Payload", "payload", publish->payload);
}

static void put_subscription_options(struct output *out,
                                     const struct mqtt_v5_subscription *subscription)
{
    put_number(out, "Maximum QoS", "qos", subscription->qos);
    put_flag(out, "No Local", "no_local", subscription->no_local);
    put_flag(out, "Retain As Published", "retain_as_published", subscription->retain_as_published);
    put_number(out, "Retain Handling", "retain_handling", subscription->retain_handling);
}

static void put_v5_subscribe(struct output *out, const struct mqtt_v5_subscribe *subscribe)
{
    struct mqtt_v5_subscription subscription;
    size_t position = 0;

    put_number(out, "Packet Identifier", "packet_id", subscribe->packet_id);
    put_properties(out, &subscribe->properties);
    put_open(out, "subscriptions", '[');
    while (mqtt_v5_next_subscription(subscribe, &position, &subscription)) {
        put_open(out, NULL, '{');
        put_string(out, "Topic Filter", "filter", subscription.filter);
        put_subscription_options(out, &subscription);
        put_close(out, '}');
    }
    put_close(out, ']');
}

/* SUBACK or UNSUBACK */
static void put_v5_suback(struct output *out, const struct mqtt_v5_suback *suback,
                          enum mqtt_v5_packet_type type)
{
    size_t i;

    put_number(out, "Packet Identifier", "packet_id", suback->packet_id);
    put_properties(out, &suback->properties);
    put_open(out, "reason_codes", '[');
    for (i = 0; i < suback->count; i++)
        put_reason_code(out, NULL, suback->reason_codes[i], type);
    put_close(out, ']');
}

static void put_v5_unsubscribe(struct output *out, const struct mqtt_v5_unsubscribe *unsubscribe)
{
    struct mqtt_string filter;
    size_t position = 0;

    put_number(out, "Packet Identifier", "packet_id", unsubscribe->packet_id);
    put_properties(out, &unsubscribe->properties);
    put_open(out, "filters", '[');
    while (mqtt_v5_next_filter(unsubscribe, &position, &filter))
        put_string(out, "Topic Filter", NULL, filter);
    put_close(out, ']');
}

static void put_v5_fields(struct output *out, const struct mqtt_v5_packet *packet)
{
    switch (packet->type) {
    case MQTT_V5_CONNECT:
        put_v5_connect(out, &packet->as.connect);
        break;
    case MQTT_V5_CONNACK:
        put_flag(out, "Session Present", "session_present", packet->as.connack.session_present);
        put_reason_code(out, "reason_code", packet->as.connack.reason_code, packet->type);
        put_properties(out, &packet->as.connack.properties);
        break;
    case MQTT_V5_PUBLISH:
        put_v5_publish(out, &packet->as.publish);
        break;
    case MQTT_V5_PUBACK:
    case MQTT_V5_PUBREC:
    case MQTT_V5_PUBREL:
    case MQTT_V5_PUBCOMP:
        put_number(out, "Packet Identifier", "packet_id", packet->as.ack.packet_id);
        put_reason_code(out, "reason_code", packet->as.ack.reason_code, packet->type);
        put_properties(out, &packet->as.ack.properties);
        break;
    case MQTT_V5_SUBSCRIBE:
        put_v5_subscribe(out, &packet->as.subscribe);
        break;
    case MQTT_V5_SUBACK:
    case MQTT_V5_UNSUBACK: /* the same struct */
        put_v5_suback(out, &packet->as.suback, packet->type);
        break;
    case MQTT_V5_UNSUBSCRIBE:
        put_v5_unsubscribe(out, &packet->as.unsubscribe);
        break;
    case MQTT_V5_DISCONNECT:
    case MQTT_V5_AUTH: /* the same struct */
        put_reason_code(out, "reason_code", packet->as.disconnect.reason_code, packet->type);
        put_properties(out, &packet->as.disconnect.properties);
        break;
    case MQTT_V5_PINGREQ:
    case MQTT_V5_PINGRESP:
        break;
    }
}

/* ---------------------------------------------------------------------------------------------
 * The line of a packet
 * ------------------------------------------------------------------------------------------- */

/* The name of a packet type of the stream's version */
static const char *type_name(const struct output *out, unsigned type)
{
    return out->is_v5 ? mqtt_v5_packet_type_name((enum mqtt_v5_packet_type)type)
                      : mqtt_packet_type_name((enum mqtt_packet_type)type);
}

static void put_label(struct output *out)
{
    if (out->put_label != NULL)
        out->put_label(out);
}

/* The beginning of every line of JSON. */
static void begin_json(struct output *out, uint64_t offset, unsigned type)
{
    out->comma = "";
    put_open(out, NULL, '{');
    put_label(out);
    put_number(out, "", "offset", offset);
    put_string(out, "", "type", mqtt_string_from(type_name(out, type)));
}

static void put_packet(struct output *out, const struct any_packet *packet, uint64_t offset,
                       int32_t size)
{
    const unsigned type = packet->is_v5 ? (unsigned)packet->v5.type : (unsigned)packet->old.type;

    out->is_v5 = packet->is_v5;
    if (out->json) {
        begin_json(out, offset, type);
        put_number(out, "", "size", (uint64_t)size);
    } else {
        put_label(out);
        fprintf(out->file, "%8" PRIu64 "  ", offset);
        style(out, STYLE_TYPE);
        fprintf(out->file, "%-11s", type_name(out, type));
        style(out, STYLE_NONE);
        fprintf(out->file, "  %5" PRId32 " bytes", size);
    }
    if (packet->is_v5)
        put_v5_fields(out, &packet->v5);
    else
        put_fields(out, &packet->old);
    put_close(out, '}');
    putc('\n', out->file);
}

/* ---------------------------------------------------------------------------------------------
 * A malformed packet, or a stream that ends within a packet: in JSON an object, in text a sentence
 * and the bytes around the fault
 * ------------------------------------------------------------------------------------------- */

/* A part of the stream; `start`, `end` and `mark` are offsets in the stream. */
struct dump {
    const uint8_t *bytes;
    uint64_t start;
    uint64_t end;
    uint64_t mark; /* the byte to mark; if it is `end`, a byte is missing */
};

static void dump_mark(struct output *out, int indent)
{
    put_label(out);
    fprintf(out->file, "%*s", indent, "");
    style(out, STYLE_ERROR);
    fputs("^^", out->file);
    style(out, STYLE_NONE);
    putc('\n', out->file);
}

/* 16 bytes, from the offset `line` on, in hexadecimal and in ASCII. */
static void dump_line(struct output *out, const struct dump *dump, uint64_t line)
{
    char characters[] = "                ";
    char label[24];
    unsigned i;

    snprintf(label, sizeof label, "%08" PRIx64 " ", line);
    put_label(out);
    fputs(label, out->file);
    for (i = 0; i < 16; i++) {
        const uint64_t offset = line + i;
        if (offset >= dump->start && offset < dump->end) {
            const uint8_t byte = dump->bytes[offset - dump->start];
            if (offset == dump->mark)
                style(out, STYLE_ERROR);
            fprintf(out->file, " %02x", byte);
            if (offset == dump->mark)
                style(out, STYLE_NONE);
            if (byte >= 0x20 && byte < 0x7F)
                characters[i] = (char)byte;
            else
                characters[i] = '.';
        } else {
            fputs("   ", out->file);
        }
    }
    fprintf(out->file, "  |%s|\n", characters);
    if (dump->mark / 16 * 16 == line)
        dump_mark(out, (int)(strlen(label) + dump->mark % 16 * 3 + 1));
}

/* The line of the mark, at most two lines before it, and at most one after it. */
static void put_dump(struct output *out, const struct dump *dump)
{
    const uint64_t first = dump->start / 16 * 16;
    const uint64_t marked = dump->mark / 16 * 16;
    uint64_t line = marked - first > 32 ? marked - 32 : first;

    for (; line <= marked; line += 16)
        dump_line(out, dump, line);
    if (line < dump->end)
        dump_line(out, dump, line);
}

/* A part of a stream that begins with the first byte of a packet. It has at least one byte. */
struct part {
    const uint8_t *bytes;
    size_t length;
    uint64_t offset; /* of bytes[0] in the stream */
};

/* After an error, the type in a packet of 3.1.1 has no meaning. */
static unsigned part_type(const struct part *part)
{
    return part->bytes[0] / 16u;
}

/* The size of the packet, or 0 if the remaining length is incomplete or malformed. The first byte may
 * be wrong: the packet ends where the remaining length says. */
static uint32_t packet_size(const struct part *part)
{
    uint32_t remaining;
    const int32_t size =
        mqtt_decode_remaining_length(&remaining, part->bytes + 1, part->length - 1);

    return size < 0 ? 0 : 1 + (uint32_t)size + remaining;
}

/* True if the packets from this part on are of MQTT 5.0. A CONNECT decides it; before any other
 * packet it is what it was. */
static bool version_from(const struct part *part, bool was_v5)
{
    uint8_t level;

    if (part_type(part) != MQTT_CONNECT ||
        mqtt_decode_protocol_level(&level, part->bytes, part->length) < 0)
        return was_v5;
    return level == 5;
}

/* The version of MQTT in a CONNECT, by its protocol name and level, or "" if they are unknown or
 * missing. A bridge of mosquitto sets the bit 0x80 of the level. */
static const char *connect_version(const struct part *part)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *version;
    } known[] = {
        {"\0\6MQIsdp\3", 9, "MQTT 3.1"},
        {"\0\4MQTT\x84", 7, "MQTT 3.1.1 of a bridge"},
        {"\0\6MQIsdp\x83", 9, "MQTT 3.1 of a bridge"},
    };
    uint32_t remaining;
    const int32_t size =
        mqtt_decode_remaining_length(&remaining, part->bytes + 1, part->length - 1);
    const size_t head = size < 0 ? part->length : 1 + (size_t)size;
    size_t i;

    for (i = 0; i < sizeof known / sizeof known[0]; i++)
        if (part_type(part) == MQTT_CONNECT && part->length - head >= known[i].length &&
            memcmp(part->bytes + head, known[i].bytes, known[i].length) == 0)
            return known[i].version;
    return "";
}

/* The members that every JSON line of an error begins with and ends with */
static void begin_error(struct output *out, const struct part *part, const char *error)
{
    begin_json(out, part->offset, part_type(part));
    put_string(out, "", "error", mqtt_string_from(error));
}

static void end_error(struct output *out, const char *clause, const char *message, const char *hint)
{
    put_string(out, "", "clause", mqtt_string_from(clause));
    put_string(out, "", "message", mqtt_string_from(message));
    if (hint != NULL)
        put_string(out, "", "hint", mqtt_string_from(hint));
    fputs("}\n", out->file);
}

/* The other version of MQTT, if the packet is well-formed there but not in that of the stream; else
 * "". A PUBLISH of 5.0 without its properties is not told from one of 3.1.1: any bytes are a payload. */
static const char *well_formed_in(const struct output *out, const struct part *part)
{
    struct mqtt_packet old;
    struct mqtt_v5_packet v5;
    const bool is_old = mqtt_decode(&old, part->bytes, part->length) > 0;
    const bool is_v5 = mqtt_v5_decode(&v5, part->bytes, part->length) > 0;

    if (is_old == is_v5 || is_v5 == out->is_v5 || (is_old && old.type == MQTT_PUBLISH))
        return "";
    return is_v5 ? "MQTT 5.0" : "MQTT 3.1.1";
}

/* The reason code of 5.0 for a malformed packet. Only the answer to a CONNECT can have 0x84. */
static uint8_t reason_code_for(int32_t status, unsigned type)
{
    const int32_t code = mqtt_v5_reason_code_for(status);

    if (code == MQTT_V5_REASON_UNSUPPORTED_PROTOCOL_VERSION && type != MQTT_CONNECT)
        return MQTT_V5_REASON_PROTOCOL_ERROR;
    return (uint8_t)code;
}

/* All offsets are offsets in the stream. If there is a hint, text shows only the hint. */
static void put_malformed(struct output *out, const struct part *part, int32_t status,
                          uint32_t error_offset, const char *hint)
{
    const unsigned type = part_type(part);
    const char *version = out->is_v5 ? "" : connect_version(part);
    const char *other = well_formed_in(out, part);
    const char *message = out->is_v5 ? mqtt_v5_status_message(status) : mqtt_status_message(status);
    const char *clause = out->is_v5 ? mqtt_v5_status_clause(status, (enum mqtt_v5_packet_type)type)
                                    : mqtt_status_clause(status);
    const uint8_t reason = reason_code_for(status, type);
    const uint32_t size = packet_size(part);
    struct dump dump = {part->bytes, part->offset, part->offset, part->offset};

    dump.mark += error_offset;
    dump.end += size > 0 && size < part->length ? size : part->length;
    if (out->json) {
        begin_error(out, part, "malformed");
        put_number(out, "", "error_offset", dump.mark);
        if (version[0] != '\0')
            put_string(out, "", "version", mqtt_string_from(version));
        if (other[0] != '\0')
            put_string(out, "", "well_formed_in", mqtt_string_from(other));
        if (out->is_v5)
            put_number(out, "", "reason_code", reason);
        end_error(out, clause, message, hint);
        return;
    }
    put_label(out);
    if (hint != NULL) {
        fprintf(out->file, "%s\n", hint);
        return;
    }
    fprintf(out->file, "byte %" PRIu64 " (0x%" PRIx64 "): %s", dump.mark, dump.mark, message);
    if (version[0] != '\0')
        fprintf(out->file, " This is %s.", version);
    if (other[0] != '\0')
        fprintf(out->file, " It is well-formed in %s.", other);
    fprintf(out->file, " [%s]\n", clause);
    put_label(out);
    fprintf(out->file, "The packet: %s, from byte %" PRIu64 " (0x%" PRIx64 ") on",
            type_name(out, type), dump.start, dump.start);
    if (out->is_v5) /* these codes have one name, whatever the packet */
        fprintf(out->file, "; the reason code for it is %u (%s)", (unsigned)reason,
                mqtt_v5_reason_code_name(reason, MQTT_V5_DISCONNECT));
    putc('\n', out->file);
    put_dump(out, &dump);
}

static void put_truncated(struct output *out, const struct part *part, const char *hint)
{
    const uint32_t size = packet_size(part);

    if (out->json) {
        begin_error(out, part, "truncated");
        put_number(out, "", "received", part->length);
        if (size > 0)
            put_number(out, "", "size", size);
        else
            put_null(out, "size");
        end_error(out, "", "The stream ends within the packet.", hint);
        return;
    }
    put_label(out);
    if (hint != NULL) {
        fprintf(out->file, "%s\n", hint);
        return;
    }
    fprintf(out->file,
            "The stream ends within the %s packet that starts at byte %" PRIu64 " (0x%" PRIx64
            "); bytes received: %zu, bytes needed: ",
            type_name(out, part_type(part)), part->offset, part->offset, part->length);
    if (size > 0)
        fprintf(out->file, "%" PRIu32 ".\n", size);
    else
        fputs("unknown, the fixed header is incomplete.\n", out->file);
}

#endif
