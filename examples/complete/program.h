/* SPDX-License-Identifier: MIT
 *
 * program.h: messages, options and a buffer that grows, for the programs of this folder. It needs
 * hosted C, and POSIX or MinGW. A program includes mqtt_codec.h and defines PROGRAM, its name,
 * before it includes this file.
 */
#if !defined(PROGRAM_H)
#define PROGRAM_H

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------------------------------------
 * Messages and standard files
 * ------------------------------------------------------------------------------------------- */

static bool is_quiet; /* an option of some programs */

static inline void complain(const char *format, ...)
{
    va_list arguments;

    if (is_quiet)
        return;
    fputs(PROGRAM ": ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs(".\n", stderr);
}

/* If standard input, output or error is closed, the next file that is opened gets its number. If
 * that is a socket, it receives what the program prints. So this opens a file in place of each
 * closed one. Using it fails, as using the closed one would. */
static inline bool occupy_standard_files(void)
{
#if !defined(_WIN32)
    int file;

    for (file = STDIN_FILENO; file <= STDERR_FILENO; file++)
        if (fcntl(file, F_GETFD) < 0 &&
            open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY) != file)
            return false;
#endif
    return true;
}

/* Windows changes the ends of lines, and stops at a byte 1A, unless a file is in binary mode. */
static inline void set_binary(int file)
{
#if defined(_WIN32)
    (void)_setmode(file, _O_BINARY);
#else
    (void)file;
#endif
}

/* Returns false, with an explanation, if something that was printed is lost. */
static inline bool flush_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    complain("standard output: %s", strerror(errno));
    return false;
}

/* ---------------------------------------------------------------------------------------------
 * Options
 * ------------------------------------------------------------------------------------------- */

enum option_kind {
    FLAG,   /* sets a bool */
    TEXT,   /* sets a const char * */
    LIST,   /* adds to a struct option_list */
    NUMBER, /* sets a uint32_t */
};

struct option {
    const char *name; /* followed by a word for its value, if it has one: "-p PORT" */
    enum option_kind kind;
    void *value;    /* the variable that it sets, which holds the default */
    uint32_t least; /* of a number */
    uint32_t most;
    const char *help;
};

struct option_list {
    const char **items;
    size_t count;
};

struct command_line {
    const char *head; /* of the text of --help */
    const char *tail;
    const struct option *options;
    size_t option_count;
};

enum parse_result {
    PARSED,
    REFUSED_ARGUMENTS, /* an explanation is printed */
    ANSWERED           /* --help or --version */
};

/* NULL if there is no option of this name. */
static inline const struct option *find_option(const struct command_line *line, const char *name)
{
    size_t i;

    for (i = 0; i < line->option_count; i++) {
        const struct option *option = &line->options[i];
        if (strncmp(option->name, name, strlen(name)) == 0 &&
            strcspn(option->name, " ") == strlen(name))
            return option;
    }
    return NULL;
}

static inline enum parse_result print_help(const struct command_line *line)
{
    const struct option *option = line->options;

    fputs(line->head, stdout);
    for (; option < line->options + line->option_count; option++) {
        printf("  %-26s %s", option->name, option->help);
        if (option->kind == NUMBER && *(const uint32_t *)option->value >= option->least)
            printf(" (%" PRIu32 ")", *(const uint32_t *)option->value);
        if (option->kind == TEXT && *(const char *const *)option->value != NULL)
            printf(" (%s)", *(const char *const *)option->value);
        putchar('\n');
    }
    printf("  %-26s print this and exit\n",
           find_option(line, "-h") == NULL ? "-h, --help" : "--help");
    printf("  %-26s print the version and exit\n%s", "--version", line->tail);
    return flush_output() ? ANSWERED : REFUSED_ARGUMENTS;
}

static inline enum parse_result print_version(void)
{
    printf(PROGRAM " %d.%d.%d\n", MQTT_CODEC_VERSION_MAJOR, MQTT_CODEC_VERSION_MINOR,
           MQTT_CODEC_VERSION_PATCH);
    return flush_output() ? ANSWERED : REFUSED_ARGUMENTS;
}

/* Digits only: strtoull also accepts white space and a sign. */
static inline bool set_number(const struct option *option, const char *text)
{
    char *rest;
    unsigned long long value;

    errno = 0;
    value = strtoull(text, &rest, 10);
    if (text[0] < '0' || text[0] > '9' || *rest != '\0' || errno != 0 || value < option->least ||
        value > option->most)
        return false;
    *(uint32_t *)option->value = (uint32_t)value;
    return true;
}

static inline bool add_to_list(const struct option *option, const char *text)
{
    struct option_list *list = (struct option_list *)option->value;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
    const char **items =
        (const char **)realloc((void *)list->items, (list->count + 1) * sizeof *items);

    if (items == NULL) {
        complain("%s: %s", text, strerror(errno));
        return false;
    }
    list->items = items;
    items[list->count] = text;
    list->count++;
    return true;
}

/* `value` is the argument after the option, or NULL. Returns false, with an explanation, if it is
 * wrong. */
static inline bool set_option(const struct option *option, const char *name, const char *value)
{
    if (option->kind == FLAG) {
        *(bool *)option->value = true;
        return true;
    }
    if (value == NULL) {
        complain("The option %s needs a value; --help says more", name);
        return false;
    }
    if (option->kind == LIST)
        return add_to_list(option, value);
    if (option->kind == TEXT) {
        *(const char **)option->value = value;
        return true;
    }
    if (set_number(option, value))
        return true;
    complain("%s %s: The value must be a number from %" PRIu32 " to %" PRIu32, name, value,
             option->least, option->most);
    return false;
}

/* Sets the options. Stores the other arguments in `operands`, which has room for `most`. */
static inline enum parse_result parse_arguments(const struct command_line *line, int count,
                                                char **arguments, const char **operands,
                                                size_t most)
{
    size_t given = 0;
    int i;

    for (i = 1; i < count && arguments[i] != NULL; i++) {
        const char *name = arguments[i];
        const char *value = arguments[i + 1]; /* NULL after the last argument */
        const struct option *option = find_option(line, name);
        if (option != NULL && (value != NULL || strcmp(name, "-h") != 0)) {
            if (!set_option(option, name, value))
                return REFUSED_ARGUMENTS;
            if (option->kind != FLAG)
                i++;
        } else if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
            return print_help(line);
        } else if (strcmp(name, "--version") == 0) {
            return print_version();
        } else if (name[0] == '-' && name[1] != '\0') {
            complain("There is no option %s here; --help lists them", name);
            return REFUSED_ARGUMENTS;
        } else if (given == most) {
            complain("%s is one argument too many; --help says more", name);
            return REFUSED_ARGUMENTS;
        } else {
            operands[given] = name;
            given++;
        }
    }
    return PARSED;
}

/* ---------------------------------------------------------------------------------------------
 * A buffer that grows
 * ------------------------------------------------------------------------------------------- */

#if !defined(BUFFER_CAPACITY)
#define BUFFER_CAPACITY 8192u /* bytes, to begin with */
#endif

/* The bytes from `begin` to `end` are in use. It starts as {0}. */
struct buffer {
    uint8_t *bytes;
    size_t begin;
    size_t end;
    size_t capacity;
};

static inline size_t buffer_length(const struct buffer *buffer)
{
    return buffer->end - buffer->begin;
}

/* The first byte in use. A buffer without memory is NULL, and C does not allow NULL + 0. */
static inline uint8_t *buffer_front(const struct buffer *buffer)
{
    return buffer->begin == 0 ? buffer->bytes : buffer->bytes + buffer->begin;
}

/* Makes room for `size` bytes after the end. If at least as many bytes were dropped as are in use,
 * the bytes in use move to the front, else to a buffer of twice the capacity. So appending takes
 * linear time. Callers ask for room for bytes that have come, not for what a fixed header announces.
 * So a peer cannot make the program allocate memory for bytes that never come. Returns false if there
 * is no memory. */
static inline bool buffer_reserve(struct buffer *buffer, size_t size)
{
    const size_t length = buffer_length(buffer);
    size_t capacity = buffer->capacity;
    uint8_t *bytes = buffer->bytes;

    if (capacity - buffer->end >= size)
        return true;
    if (buffer->begin < length || capacity - length < size) {
        do {
            capacity = capacity == 0 ? BUFFER_CAPACITY : capacity * 2;
        } while (capacity - length < size);
        bytes = (uint8_t *)malloc(capacity);
        if (bytes == NULL)
            return false;
    }
    if (length > 0)
        memmove(bytes, buffer_front(buffer), length);
    if (bytes != buffer->bytes)
        free(buffer->bytes);
    buffer->bytes = bytes;
    buffer->begin = 0;
    buffer->end = length;
    buffer->capacity = capacity;
    return true;
}

static inline bool buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
    if (!buffer_reserve(buffer, size))
        return false;
    if (size > 0)
        memcpy(buffer->bytes + buffer->end, bytes, size);
    buffer->end += size;
    return true;
}

static inline void buffer_free(struct buffer *buffer)
{
    free(buffer->bytes);
    buffer->bytes = NULL;
    buffer->begin = 0;
    buffer->end = 0;
    buffer->capacity = 0;
}

/* Drops bytes from the front. An empty buffer that has grown gives its memory back. */
static inline void buffer_drop(struct buffer *buffer, size_t size)
{
    buffer->begin += size;
    if (buffer->begin < buffer->end)
        return;
    buffer->begin = 0;
    buffer->end = 0;
    if (buffer->capacity > BUFFER_CAPACITY)
        buffer_free(buffer);
}

/* Encodes a packet at the end. It calls the encoder without a buffer first, to get the size. Returns
 * false if there is no memory, or if the packet breaks a rule. */
static inline bool buffer_append_packet(struct buffer *buffer, const struct mqtt_packet *packet)
{
    const int32_t size = mqtt_encode(NULL, 0, packet);

    if (size < 0 || !buffer_reserve(buffer, (size_t)size))
        return false;
    buffer->end += (size_t)mqtt_encode(buffer->bytes + buffer->end, (size_t)size, packet);
    return true;
}

#endif
