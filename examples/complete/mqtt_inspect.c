/* SPDX-License-Identifier: MIT
 *
 * mqtt_inspect.c: prints the packets of a recorded MQTT 3.1.1 byte stream, one line each, as text
 * or as JSON. For a malformed packet it shows which byte breaks which rule of the standard.
 *
 *     cc -o mqtt_inspect examples/complete/mqtt_inspect.c
 *
 * To copy it, take mqtt_codec.h, program.h and print_packet.h too, and change the path of
 * mqtt_codec.h.
 *
 * Worth copying: receive, show_packets and inspect read packets of any size from any kind of
 * stream.
 */
#define _POSIX_C_SOURCE 200809L
#define PROGRAM         "mqtt_inspect"

#include "../../mqtt_codec.h"
#include "program.h"
#include "print_packet.h"

#define READ_SIZE 65536u /* bytes */

static struct {
    bool hex;
    bool json;
    bool from_client;
    bool from_server;
    bool colour;
    bool no_colour;
} options;

static const struct option known_options[] = {
    {"--hex", FLAG, &options.hex, 0, 0,
     "the input is hexadecimal text; white space and # comments are skipped"},
    {"--json", FLAG, &options.json, 0, 0,
     "print each packet, and an error in the stream, as a line of JSON"},
    {"--from-client", FLAG, &options.from_client, 0, 0,
     "the stream is a client's: refuse what only a server may send"},
    {"--from-server", FLAG, &options.from_server, 0, 0,
     "the stream is a server's: refuse what only a client may send"},
    {"--color", FLAG, &options.colour, 0, 0,
     "print in colours; this is the default on a terminal, unless the\n"
     "                             environment has NO_COLOR or TERM is dumb"},
    {"--no-color", FLAG, &options.no_colour, 0, 0, "print without colours"},
};

static const struct command_line command_line = {
    "Usage: mqtt_inspect [OPTION]... [FILE]\n"
    "Prints the packets of a recorded MQTT 3.1.1 byte stream, of one direction, one line each.\n"
    "Reads standard input if there is no FILE, or if it is -.\n\n",
    "\nThe exit status is 0 if all is well, 1 if a packet is malformed, 2 if the stream ends "
    "within\n"
    "a packet, 3 if the options are wrong or if the input or the output fails.\n",
    known_options,
    sizeof known_options / sizeof known_options[0],
};

/* What the program exits with. */
enum {
    ALL_IS_WELL = 0,
    MALFORMED = 1,
    TRUNCATED = 2,
    FAILED = 3
};

/* Where the reader of hexadecimal text is. A read may end between the two digits of a byte. */
struct hex_text {
    unsigned long line; /* of the next character */
    unsigned long column;
    int first_digit; /* of a byte whose second digit is missing; -1: of none */
    bool in_comment;
};

struct stream {
    const char *name;
    struct buffer received; /* and not shown yet; it begins with the first byte of a packet */
    uint64_t offset;        /* of that byte in the stream */
    struct hex_text text;   /* if is_hex */
    bool is_hex;
    int file;
};

/* ---------------------------------------------------------------------------------------------
 * Input
 * ------------------------------------------------------------------------------------------- */

enum input {
    INPUT_MORE,
    INPUT_END,
    INPUT_FAILED, /* errno says why */
    INPUT_NOT_HEX,
    INPUT_HALF_A_BYTE
};

/* -1: not a digit. Unlike isxdigit it does not depend on the locale. */
static int digit_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Converts `count` characters in place; *length is the number of bytes they give. Returns false at
 * a character that is not allowed. */
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

/* Reads what is there, without waiting for more: a packet is shown when it arrives. */
static enum input receive(struct stream *stream)
{
    struct buffer *received = &stream->received;
    uint8_t *end;
    ssize_t count;
    size_t length;
    bool is_valid = true;

    if (!buffer_reserve(received, READ_SIZE))
        return INPUT_FAILED;
    end = received->bytes + received->end;
    do {
        count = read(stream->file, end, READ_SIZE);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return INPUT_FAILED;
    if (count == 0)
        return stream->text.first_digit < 0 ? INPUT_END : INPUT_HALF_A_BYTE;
    length = (size_t)count;
    if (stream->is_hex)
        is_valid = convert_hex(&stream->text, end, length, &length);
    received->end += length;
    return is_valid ? INPUT_MORE : INPUT_NOT_HEX;
}

/* ---------------------------------------------------------------------------------------------
 * From input to output
 * ------------------------------------------------------------------------------------------- */

/* Shows every complete packet and drops it from the buffer. Returns the decoder's status for the
 * bytes behind them. */
static int32_t show_packets(struct stream *stream, struct output *out, uint32_t *error_offset)
{
    struct buffer *received = &stream->received;

    while (buffer_length(received) > 0) {
        const uint8_t *bytes = buffer_front(received);
        const size_t length = buffer_length(received);
        struct mqtt_packet packet;
        int32_t size;
        if (options.from_client)
            size = mqtt_decode_from_client(&packet, bytes, length);
        else if (options.from_server)
            size = mqtt_decode_from_server(&packet, bytes, length);
        else
            size = mqtt_decode(&packet, bytes, length);
        if (size < 0) {
            *error_offset = packet.error_offset;
            return size;
        }
        put_packet(out, &packet, stream->offset, size);
        buffer_drop(received, (size_t)size);
        stream->offset += (size_t)size;
    }
    return MQTT_PACKET_INCOMPLETE;
}

static int report_input(const struct stream *stream, enum input input, int error)
{
    const struct hex_text *text = &stream->text;

    if (input == INPUT_FAILED)
        complain("%s: Reading stopped after %" PRIu64 " bytes: %s", stream->name,
                 stream->offset + buffer_length(&stream->received), strerror(error));
    else if (input == INPUT_NOT_HEX)
        complain("%s: line %lu, column %lu: This is not a hexadecimal digit", stream->name,
                 text->line, text->column);
    else
        complain("%s: line %lu, column %lu: The second digit of a byte is missing", stream->name,
                 text->line, text->column);
    return FAILED;
}

static int inspect(struct stream *stream, struct output *out, const struct output *err)
{
    for (;;) {
        uint32_t error_offset = 0;
        const enum input input = receive(stream);
        const int error = errno;
        const int32_t status = show_packets(stream, out, &error_offset);
        const struct part part = {stream->name, buffer_front(&stream->received),
                                  buffer_length(&stream->received), stream->offset};
        /* An error is printed elsewhere, and after the packets before it. */
        if (fflush(stdout) != 0 || ferror(stdout))
            return FAILED; /* main says so */
        if (status != MQTT_PACKET_INCOMPLETE) {
            report_malformed(&part, out, err, status, error_offset);
            return MALFORMED;
        }
        if (input == INPUT_END && part.length == 0)
            return ALL_IS_WELL;
        if (input == INPUT_END) {
            report_truncated(&part, out, err);
            return TRUNCATED;
        }
        if (input != INPUT_MORE)
            return report_input(stream, input, error);
    }
}

static int inspect_file(const char *path, struct output *out, const struct output *err)
{
    struct stream stream = {.name = "standard input", .file = STDIN_FILENO};
    int result;

    stream.is_hex = options.hex;
    stream.text.line = 1;
    stream.text.column = 1;
    stream.text.first_digit = -1;
    if (path != NULL && strcmp(path, "-") != 0) {
        stream.name = path;
        stream.file = open(path, O_RDONLY);
    }
    if (stream.file < 0) {
        complain("%s: %s", stream.name, strerror(errno));
        return FAILED;
    }
    result = inspect(&stream, out, err);
    buffer_free(&stream.received);
    close(stream.file);
    return result;
}

int main(int argc, char **argv)
{
    struct output out = {.file = stdout, .label = ""};
    struct output err = {.file = stderr, .label = ""};
    const char *path = NULL;
    enum parse_result parsed = REFUSED_ARGUMENTS;
    int result;

    if (occupy_standard_files())
        parsed = parse_arguments(&command_line, argc, argv, &path, 1);
    if (parsed == ANSWERED)
        return ALL_IS_WELL;
    if (parsed == PARSED && options.from_client && options.from_server)
        complain("--from-client and --from-server exclude each other");
    if (parsed != PARSED || (options.from_client && options.from_server))
        return FAILED;
    out.json = options.json;
    out.colour = !options.json && wants_colour(options.colour, options.no_colour, STDOUT_FILENO);
    err.colour = wants_colour(options.colour, options.no_colour, STDERR_FILENO);
    result = inspect_file(path, &out, &err);
    return flush_output() ? result : FAILED;
}
