/* SPDX-License-Identifier: MIT
 *
 * mqtt_inspect.c: prints the packets of a recorded MQTT 3.1.1 byte stream, one line each, as text
 * or as JSON, and shows of a malformed one which byte breaks which rule of the standard.
 *
 *     cc -o mqtt_inspect examples/complete/mqtt_inspect.c
 *     ./mqtt_inspect --help
 *
 * Worth copying: receive, show_packets and inspect read packets of any size from any kind of
 * stream.
 */
#define _POSIX_C_SOURCE 200809L

#include "../../mqtt_codec.h"
#include "print_packet.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INITIAL_CAPACITY 65536u /* bytes */

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

struct options {
    const char *path;
    int32_t (*decode)(struct mqtt_packet *packet, const void *bytes, size_t length);
    enum colour_choice colour;
    bool hex;
    bool json;
    bool help;
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

static struct part first_packet(const struct stream *stream)
{
    const struct part part = {"mqtt_inspect", stream->name, stream->bytes, stream->length,
                              stream->offset};

    return part;
}

static int report_end(const struct stream *stream, struct output *out, const struct output *err)
{
    const struct part part = first_packet(stream);

    if (stream->length == 0)
        return ALL_IS_WELL;
    report_truncated(&part, out, err);
    return TRUNCATED;
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
        if (status != MQTT_PACKET_INCOMPLETE) {
            const struct part part = first_packet(stream);
            report_malformed(&part, out, err, status, error_offset);
            return MALFORMED;
        }
        if (input == INPUT_END)
            return report_end(stream, out, err);
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

int main(int argc, char **argv)
{
    struct options options = {.decode = mqtt_decode};
    struct output out = {.file = stdout, .label = ""};
    struct output err = {.file = stderr, .label = ""};
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
