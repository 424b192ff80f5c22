/* SPDX-License-Identifier: MIT
 *
 * mqtt_inspect.c: prints the packets of a recorded MQTT 3.1.1 byte stream, one line each, as text
 * or as JSON, and shows of a malformed one which byte breaks which rule of the standard.
 *
 *     cc -o mqtt_inspect examples/mqtt_inspect.c
 *     ./mqtt_inspect --help
 *
 * Worth copying: receive, show_packets and inspect read packets of any size from any kind of
 * stream; put_escaped prints text that a stranger has sent.
 */
#define _POSIX_C_SOURCE 200809L

#include "../mqtt_codec.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREVIEW_LENGTH   64u    /* bytes of a payload that a line of text shows */
#define INITIAL_CAPACITY 65536u /* bytes */

/* The largest packet: its type, four bytes of remaining length, the rest */
#define PACKET_SIZE_MAX (5u + MQTT_REMAINING_LENGTH_MAX)

#define STYLE_TYPE   "\033[1;36m"
#define STYLE_STRING "\033[32m"
#define STYLE_ERROR  "\033[1;31m"
#define STYLE_NONE   "\033[0m"

static const char usage[] =
    "Usage: mqtt_inspect [OPTION]... [FILE]\n"
    "Prints the packets of a recorded MQTT 3.1.1 byte stream, of one direction, one line each.\n"
    "Reads standard input if there is no FILE, or if it is -.\n"
    "\n"
    "  --hex          the input is hexadecimal text; white space and # comments are skipped\n"
    "  --json         print each packet, and an error in the stream, as a line of JSON\n"
    "  --from-client  the stream is a client's: refuse what only a server may send\n"
    "  --from-server  the stream is a server's: refuse what only a client may send\n"
    "  --color        print in colours; without this, a terminal gets them unless the\n"
    "                 environment has NO_COLOR, or TERM is dumb\n"
    "  --no-color     print without colours\n"
    "  --help         print this and exit\n"
    "\n"
    "The exit status is 0 if all is well, 1 if a packet is malformed, 2 if the stream ends within\n"
    "a packet, 3 if the options are wrong or if the input or the output fails.\n";

/* What the program exits with. */
enum {
    ALL_IS_WELL = 0,
    MALFORMED = 1,
    TRUNCATED = 2,
    FAILED = 3
};

enum colour_choice {
    COLOUR_AUTOMATIC,
    COLOUR_ALWAYS,
    COLOUR_NEVER
};

struct options {
    const char *path;
    int32_t (*decode)(struct mqtt_packet *packet, const void *bytes, size_t length);
    enum colour_choice colour;
    bool hex;
    bool json;
    bool help;
};

struct output {
    FILE *file;
    const char *comma; /* in JSON, what stands before the next member */
    bool json;
    bool colour;
};

/* How far hexadecimal text is read; reads may split it anywhere. */
struct hex_text {
    unsigned long line; /* of the next character */
    unsigned long column;
    int first_digit; /* of the byte begun; -1: none is */
    bool in_comment;
};

/* The bytes received and not shown yet. They begin at a packet's first byte. */
struct stream {
    const char *name;
    uint8_t *bytes;
    size_t length;
    size_t capacity;
    uint64_t offset;      /* of bytes[0] in the stream */
    struct hex_text text; /* if is_hex */
    bool is_hex;
    int file;
};

static void style(const struct output *out, const char *code)
{
    if (out->colour)
        fputs(code, out->file);
}

/* ---------------------------------------------------------------------------------------------
 * Text that a stranger has sent
 * ------------------------------------------------------------------------------------------- */

/* The size of the well-formed UTF-8 character at `s`, or 0: there is none. */
static size_t character_size(const uint8_t *s, size_t left)
{
    struct mqtt_string character;

    if (s[0] < 0x80)
        return 1;
    character.data = (const char *)s;
    character.length = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    /* The first byte asks for all of these, so that what is valid is one character. */
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

/* Whether a character can neither command a terminal nor reorder the line, nor ends a string. */
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

/* All that is_harmless refuses is below U+10000, which JSON's four digits can express. */
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

/* Writes UTF-8 as the inside of a JSON string, and any other byte as \xXX. */
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
 * The fields of a packet: each with the standard's name for it, which text shows, and the header's,
 * which is the key in JSON
 * ------------------------------------------------------------------------------------------- */

static void put_quoted(const struct output *out, const uint8_t *text, size_t length)
{
    style(out, STYLE_STRING);
    putc('"', out->file);
    put_escaped(out->file, text, length);
    putc('"', out->file);
    style(out, STYLE_NONE);
}

/* An element of an array has no key: NULL. */
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

/* In JSON alone: what this packet does not have, and an object or array around the next fields. */
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

/* A line of text shows the beginning, up to the end of a character. */
static void put_preview(const struct output *out, struct mqtt_bytes bytes)
{
    size_t shown = bytes.length;

    if (shown > PREVIEW_LENGTH) {
        shown = PREVIEW_LENGTH;
        while (shown > PREVIEW_LENGTH - 3 && bytes.data[shown] / 64 == 2)
            shown--;
    }
    fprintf(out->file, "%zu %s ", bytes.length, bytes.length == 1 ? "byte" : "bytes");
    put_quoted(out, bytes.data, shown);
    if (shown < bytes.length)
        fputs("...", out->file);
}

static void put_bytes(struct output *out, const char *name, const char *key,
                      struct mqtt_bytes bytes)
{
    static const char digits[] = "0123456789abcdef";
    size_t i;

    put_name(out, name, key);
    if (!out->json) {
        put_preview(out, bytes);
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

static void put_return_code(struct output *out, const char *key, uint8_t code, bool refused,
                            const char *meaning)
{
    put_number(out, "Return Code", key, code);
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

static void put_connack(struct output *out, const struct mqtt_connack *connack)
{
    static const char *const meanings[] = {
        "Connection Accepted",
        "Connection Refused, unacceptable protocol version",
        "Connection Refused, identifier rejected",
        "Connection Refused, Server unavailable",
        "Connection Refused, bad user name or password",
        "Connection Refused, not authorized",
    }; /* Table 3.1; the decoder refuses every other code */
    const uint8_t code = connack->return_code;

    put_flag(out, "Session Present", "session_present", connack->session_present);
    put_return_code(out, "return_code", code, code != MQTT_CONNECTION_ACCEPTED, meanings[code]);
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

static void put_suback(struct output *out, const struct mqtt_suback *suback)
{
    static const char *const meanings[] = {
        "Success - Maximum QoS 0",
        "Success - Maximum QoS 1",
        "Success - Maximum QoS 2",
    }; /* 3.9.3; the decoder refuses every other code but that of a failure */
    size_t i;

    put_number(out, "Packet Identifier", "packet_id", suback->packet_id);
    put_open(out, "return_codes", '[');
    for (i = 0; i < suback->count; i++) {
        const uint8_t code = suback->return_codes[i];
        const bool failed = code == MQTT_SUBACK_FAILURE;
        put_return_code(out, NULL, code, failed, failed ? "Failure" : meanings[code]);
    }
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

/* What every line of JSON begins with. */
static void begin_json(struct output *out, uint64_t offset, enum mqtt_packet_type type)
{
    out->comma = "";
    put_open(out, NULL, '{');
    put_number(out, "", "offset", offset);
    put_string(out, "", "type", mqtt_string_from(mqtt_packet_type_name(type)));
}

static void put_packet(struct output *out, const struct mqtt_packet *packet, uint64_t offset,
                       int32_t size)
{
    if (out->json) {
        begin_json(out, offset, packet->type);
        put_number(out, "", "size", (uint64_t)size);
    } else {
        fprintf(out->file, "%8" PRIu64 "  ", offset);
        style(out, STYLE_TYPE);
        fprintf(out->file, "%-11s", mqtt_packet_type_name(packet->type));
        style(out, STYLE_NONE);
        fprintf(out->file, "  %5" PRId32 " bytes", size);
    }
    put_fields(out, packet);
    put_close(out, '}');
    putc('\n', out->file);
}

/* ---------------------------------------------------------------------------------------------
 * A malformed packet, a stream that ends within one
 * ------------------------------------------------------------------------------------------- */

/* A part of the stream, and the place in it to show; `start`, `end` and `mark` are offsets. */
struct dump {
    const uint8_t *bytes;
    uint64_t start;
    uint64_t end;
    uint64_t mark; /* `end` is one too: something is missing there */
};

static void dump_mark(const struct output *err, int indent)
{
    fprintf(err->file, "%*s", indent, "");
    style(err, STYLE_ERROR);
    fputs("^^", err->file);
    style(err, STYLE_NONE);
    putc('\n', err->file);
}

/* The 16 bytes from the offset `line` on, in hexadecimal and in ASCII. */
static void dump_line(const struct output *err, const struct dump *dump, uint64_t line)
{
    char characters[] = "                ";
    char label[24];
    unsigned i;

    snprintf(label, sizeof label, "%08" PRIx64 " ", line);
    fputs(label, err->file);
    for (i = 0; i < 16; i++) {
        const uint64_t offset = line + i;
        if (offset >= dump->start && offset < dump->end) {
            const uint8_t byte = dump->bytes[offset - dump->start];
            if (offset == dump->mark)
                style(err, STYLE_ERROR);
            fprintf(err->file, " %02x", byte);
            if (offset == dump->mark)
                style(err, STYLE_NONE);
            if (byte >= 0x20 && byte < 0x7F)
                characters[i] = (char)byte;
            else
                characters[i] = '.';
        } else {
            fputs("   ", err->file);
        }
    }
    fprintf(err->file, "  |%s|\n", characters);
    if (dump->mark / 16 * 16 == line)
        dump_mark(err, (int)(strlen(label) + dump->mark % 16 * 3 + 1));
}

/* The line of the mark, up to two before it and up to one behind it, as far as there are bytes. */
static void put_dump(const struct output *err, const struct dump *dump)
{
    const uint64_t first = dump->start / 16 * 16;
    const uint64_t marked = dump->mark / 16 * 16;
    uint64_t line = marked - first > 32 ? marked - 32 : first;

    for (; line <= marked; line += 16)
        dump_line(err, dump, line);
    if (line < dump->end)
        dump_line(err, dump, line);
}

/* The size of the first packet, or 0: its fixed header does not say. */
static uint32_t packet_size(const struct stream *stream)
{
    struct mqtt_fixed_header header;
    const int32_t size = mqtt_decode_fixed_header(&header, stream->bytes, stream->length);

    return size < 0 ? 0 : (uint32_t)size + header.remaining_length;
}

/* All offsets are those in the stream, on a line of JSON too. */
static int report_malformed(const struct stream *stream, struct output *out,
                            const struct output *err, int32_t status, uint32_t error_offset)
{
    /* after an error packet->type is not to be looked at */
    const enum mqtt_packet_type type = (enum mqtt_packet_type)(stream->bytes[0] / 16);
    const struct mqtt_string clause = mqtt_string_from(mqtt_status_clause(status));
    const struct mqtt_string message = mqtt_string_from(mqtt_status_message(status));
    const uint32_t size = packet_size(stream);
    struct dump dump = {stream->bytes, stream->offset, stream->offset, stream->offset};

    dump.mark += error_offset;
    dump.end += size > 0 && size < stream->length ? size : stream->length;
    if (out->json) {
        begin_json(out, stream->offset, type);
        put_string(out, "", "error", mqtt_string_from("malformed"));
        put_number(out, "", "error_offset", dump.mark);
        put_string(out, "", "clause", clause);
        put_string(out, "", "message", message);
        fputs("}\n", out->file);
    }
    fprintf(err->file, "mqtt_inspect: %s: byte %" PRIu64 " (0x%" PRIx64 "): %s [%s]\n",
            stream->name, dump.mark, dump.mark, message.data, clause.data);
    fprintf(err->file, "The packet: %s, from byte %" PRIu64 " (0x%" PRIx64 ") on\n",
            mqtt_packet_type_name(type), dump.start, dump.start);
    put_dump(err, &dump);
    return MALFORMED;
}

static int report_truncated(const struct stream *stream, struct output *out,
                            const struct output *err)
{
    const enum mqtt_packet_type type = (enum mqtt_packet_type)(stream->bytes[0] / 16);
    const uint32_t size = packet_size(stream);

    if (out->json) {
        begin_json(out, stream->offset, type);
        put_string(out, "", "error", mqtt_string_from("truncated"));
        put_number(out, "", "received", stream->length);
        if (size > 0)
            put_number(out, "", "size", size);
        else
            put_null(out, "size");
        put_string(out, "", "clause", mqtt_string_from(""));
        put_string(out, "", "message", mqtt_string_from("The stream ends within the packet."));
        fputs("}\n", out->file);
    }
    fprintf(err->file,
            "mqtt_inspect: %s: The stream ends within the %s packet that starts at byte %" PRIu64
            " (0x%" PRIx64 "); bytes received: %zu, bytes needed: ",
            stream->name, mqtt_packet_type_name(type), stream->offset, stream->offset,
            stream->length);
    if (size > 0)
        fprintf(err->file, "%" PRIu32 ".\n", size);
    else
        fputs("unknown, the fixed header is incomplete.\n", err->file);
    return TRUNCATED;
}

/* ---------------------------------------------------------------------------------------------
 * Input
 * ------------------------------------------------------------------------------------------- */

/* What receive has met. */
enum input {
    INPUT_MORE,
    INPUT_END,
    INPUT_FAILED, /* errno says why */
    INPUT_NOT_HEX,
    INPUT_HALF_A_BYTE
};

/* -1: no digit. Unlike isxdigit, of no locale. */
static int digit_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Converts `count` characters in place: a byte is never written before its characters are read.
 * Returns false at a character that has no business there; *length is the number of bytes. */
static bool convert_hex(struct hex_text *text, uint8_t *bytes, size_t count, size_t *length)
{
    size_t i;

    *length = 0;
    for (i = 0; i < count; i++) {
        const uint8_t c = bytes[i];
        const int value = digit_value(c);
        if (c == '\n' || c == '#')
            text->in_comment = c == '#';
        if (text->in_comment || c == ' ' || (c >= '\t' && c <= '\r')) {
            /* skipped */
        } else if (value < 0) {
            return false;
        } else if (text->first_digit < 0) {
            text->first_digit = value;
        } else {
            bytes[*length] = (uint8_t)(text->first_digit * 16 + value);
            *length += 1;
            text->first_digit = -1;
        }
        text->column++;
        if (c == '\n') {
            text->line++;
            text->column = 1;
        }
    }
    return true;
}

/* Twice the capacity, so that copying costs linear time; not what a fixed header asks for, so that
 * a sender cannot make us allocate what it does not send. */
static bool grow(struct stream *stream)
{
    const size_t capacity =
        stream->capacity < PACKET_SIZE_MAX / 2 ? stream->capacity * 2 : PACKET_SIZE_MAX;
    uint8_t *bytes = (uint8_t *)realloc(stream->bytes, capacity);

    if (bytes == NULL)
        return false;
    stream->bytes = bytes;
    stream->capacity = capacity;
    return true;
}

/* Waits for some bytes, not for a full buffer, so that a packet is shown when it arrives. There is
 * always something to grow into: an incomplete packet is smaller than PACKET_SIZE_MAX. */
static enum input receive(struct stream *stream)
{
    uint8_t *end;
    ssize_t count;
    size_t length;
    bool is_valid = true;

    if (stream->length == stream->capacity && !grow(stream))
        return INPUT_FAILED;
    end = stream->bytes + stream->length;
    do {
        count = read(stream->file, end, stream->capacity - stream->length);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return INPUT_FAILED;
    if (count == 0)
        return stream->text.first_digit < 0 ? INPUT_END : INPUT_HALF_A_BYTE;
    length = (size_t)count;
    if (stream->is_hex)
        is_valid = convert_hex(&stream->text, end, length, &length);
    stream->length += length;
    return is_valid ? INPUT_MORE : INPUT_NOT_HEX;
}

/* ---------------------------------------------------------------------------------------------
 * From input to output
 * ------------------------------------------------------------------------------------------- */

/* Shows every packet that is complete and drops its bytes. Returns what the decoder says of the
 * next one. */
static int32_t show_packets(struct stream *stream, const struct options *options,
                            struct output *out, uint32_t *error_offset)
{
    struct mqtt_packet packet;
    size_t used = 0;
    int32_t size;

    while ((size = options->decode(&packet, stream->bytes + used, stream->length - used)) > 0) {
        put_packet(out, &packet, stream->offset + used, size);
        used += (size_t)size;
    }
    if (used > 0) { /* no byte is moved twice: what is left moves to the front, and stays there */
        stream->length -= used;
        stream->offset += used;
        memmove(stream->bytes, stream->bytes + used, stream->length);
    }
    *error_offset = packet.error_offset;
    return size;
}

static int report_input(const struct stream *stream, const struct output *err, enum input input,
                        int error)
{
    fprintf(err->file, "mqtt_inspect: %s: ", stream->name);
    if (input == INPUT_FAILED)
        fprintf(err->file, "Reading stopped after %" PRIu64 " bytes: %s.\n",
                stream->offset + stream->length, strerror(error));
    else
        fprintf(err->file, "line %lu, column %lu: %s\n", stream->text.line, stream->text.column,
                input == INPUT_NOT_HEX ? "This is not a hexadecimal digit."
                                       : "The second digit of a byte is missing.");
    return FAILED;
}

/* Output is flushed before an error is reported, which goes elsewhere; main says if it fails. */
static int inspect(struct stream *stream, const struct options *options, struct output *out,
                   const struct output *err)
{
    for (;;) {
        uint32_t error_offset;
        const enum input input = receive(stream);
        const int error = errno;
        const int32_t status = show_packets(stream, options, out, &error_offset);
        if (fflush(out->file) != 0 || ferror(out->file))
            return FAILED;
        if (status != MQTT_INCOMPLETE)
            return report_malformed(stream, out, err, status, error_offset);
        if (input == INPUT_END)
            return stream->length == 0 ? ALL_IS_WELL : report_truncated(stream, out, err);
        if (input != INPUT_MORE)
            return report_input(stream, err, input, error);
    }
}

static int inspect_file(const struct options *options, struct output *out, const struct output *err)
{
    struct stream stream = {.name = "standard input", .file = STDIN_FILENO};
    int result = FAILED;

    stream.is_hex = options->hex;
    stream.text.line = 1;
    stream.text.column = 1;
    stream.text.first_digit = -1;
    stream.capacity = INITIAL_CAPACITY;
    stream.bytes = (uint8_t *)malloc(stream.capacity);
    if (stream.bytes != NULL && options->path != NULL) {
        stream.name = options->path;
        stream.file = open(options->path, O_RDONLY);
    }
    if (stream.file < 0 || stream.bytes == NULL)
        fprintf(err->file, "mqtt_inspect: %s: %s.\n", stream.name, strerror(errno));
    else
        result = inspect(&stream, options, out, err);
    free(stream.bytes);
    if (stream.file > STDIN_FILENO)
        close(stream.file);
    return result;
}

/* ---------------------------------------------------------------------------------------------
 * Options
 * ------------------------------------------------------------------------------------------- */

static bool parse_option(struct options *options, const char *text)
{
    if (strcmp(text, "--hex") == 0)
        options->hex = true;
    else if (strcmp(text, "--json") == 0)
        options->json = true;
    else if (strcmp(text, "--from-client") == 0 && options->decode != mqtt_decode_from_server)
        options->decode = mqtt_decode_from_client;
    else if (strcmp(text, "--from-server") == 0 && options->decode != mqtt_decode_from_client)
        options->decode = mqtt_decode_from_server;
    else if (strcmp(text, "--color") == 0)
        options->colour = COLOUR_ALWAYS;
    else if (strcmp(text, "--no-color") == 0)
        options->colour = COLOUR_NEVER;
    else if (strcmp(text, "--help") == 0)
        options->help = true;
    else
        return false;
    return true;
}

static bool parse_arguments(struct options *options, int count, char **arguments)
{
    int files = 0;
    int i;

    for (i = 1; i < count; i++) {
        const char *text = arguments[i];
        const bool is_file = text[0] != '-' || text[1] == '\0';
        if (!is_file && !parse_option(options, text)) {
            fprintf(stderr, "mqtt_inspect: There is no option %s here; --help lists them.\n", text);
            return false;
        }
        files += is_file;
        if (files > 1) {
            fprintf(stderr, "mqtt_inspect: %s is a second FILE; --help says more.\n", text);
            return false;
        }
        if (is_file && strcmp(text, "-") != 0)
            options->path = text;
    }
    return true;
}

static bool wants_colour(enum colour_choice choice, int file)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    if (choice != COLOUR_AUTOMATIC)
        return choice == COLOUR_ALWAYS;
    if (no_color != NULL && no_color[0] != '\0')
        return false;
    return isatty(file) == 1 && (term == NULL || strcmp(term, "dumb") != 0);
}

int main(int argc, char **argv)
{
    struct options options = {.decode = mqtt_decode};
    struct output out = {.file = stdout};
    struct output err = {.file = stderr};
    int result = ALL_IS_WELL;

    if (!parse_arguments(&options, argc, argv))
        return FAILED;
    out.json = options.json;
    out.colour = !options.json && wants_colour(options.colour, STDOUT_FILENO);
    err.colour = wants_colour(options.colour, STDERR_FILENO);
    if (options.help)
        fputs(usage, stdout);
    else
        result = inspect_file(&options, &out, &err);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "mqtt_inspect: standard output: %s.\n", strerror(errno));
        return FAILED;
    }
    return result;
}
