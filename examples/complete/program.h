/* SPDX-License-Identifier: MIT
 *
 * program.h: what the programs of this folder share and what is not MQTT: options, the clock,
 * signals, a buffer that grows, sockets. It needs hosted C and POSIX. A program includes mqtt_codec.h
 * and defines PROGRAM, its name, before it includes this file.
 */
#if !defined(PROGRAM_H)
#define PROGRAM_H

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
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

/* If standard input, output or error is closed, the next file that is opened gets its number: a
 * socket would receive what the program prints. This opens files in their place. Using one of these
 * fails, as using a closed one would. */
static inline bool occupy_standard_files(void)
{
    int file;

    for (file = STDIN_FILENO; file <= STDERR_FILENO; file++)
        if (fcntl(file, F_GETFD) < 0 &&
            open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY) != file)
            return false;
    return true;
}

/* False, with an explanation, if something that was printed is lost. */
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

/* `value` is the argument behind the option, or NULL. False, with an explanation: it is wrong. */
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

/* Sets the options, and stores the other arguments in `operands`, where there is room for `most`. */
static inline enum parse_result parse_arguments(const struct command_line *line, int count,
                                                char **arguments, const char **operands,
                                                size_t most)
{
    size_t given = 0;
    int i;

    for (i = 1; i < count && arguments[i] != NULL; i++) {
        const char *name = arguments[i];
        const char *value = arguments[i + 1]; /* NULL behind the last argument */
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
 * Time and signals
 * ------------------------------------------------------------------------------------------- */

/* Of a clock that nobody sets. */
static inline int64_t milliseconds(void)
{
    struct timespec time = {0};

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static inline bool set_nonblocking(int file)
{
    const int flags = fcntl(file, F_GETFL);

    return flags >= 0 && fcntl(file, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* Reading end and writing end. A signal handler can reach a global variable only. */
static int signal_pipe[2] = {-1, -1};

static inline void handle_signal(int number)
{
    const int error = errno;

    (void)number;
    (void)!write(signal_pipe[1], "", 1); /* if the pipe is full, it is readable already */
    errno = error;
}

/* From here on SIGINT and SIGTERM make signal_pipe[0] readable, which poll can wait for. If the
 * handler only set a flag, a signal could come between a look at the flag and the call of poll. */
static inline bool watch_signals(void)
{
    struct sigaction action = {0};

    action.sa_handler = handle_signal;
    sigemptyset(&action.sa_mask);
    return pipe(signal_pipe) == 0 && set_nonblocking(signal_pipe[1]) &&
           sigaction(SIGINT, &action, NULL) == 0 && sigaction(SIGTERM, &action, NULL) == 0;
}

/* To write to a pipe or socket that nobody reads is then an error of write. */
static inline void ignore_broken_pipes(void)
{
    struct sigaction action = {0};

    action.sa_handler = SIG_IGN;
    sigemptyset(&action.sa_mask);
    sigaction(SIGPIPE, &action, NULL);
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

/* An empty buffer may have no memory: then it is NULL, to which nothing may be added. */
static inline uint8_t *buffer_front(const struct buffer *buffer)
{
    return buffer->begin == 0 ? buffer->bytes : buffer->bytes + buffer->begin;
}

/* Makes room for `size` bytes behind the end. The bytes in use move to the front if at least as many
 * were dropped before them, else to a buffer of twice the capacity: so appending takes linear time.
 * Callers ask for what has come, not for what a fixed header announces, so that nobody can make the
 * program allocate memory for bytes that never come. False: there is no memory. */
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

/* Appends a packet as the encoder writes it; the encoder is asked for the size first. False: there is
 * no memory, or the packet breaks a rule. */
static inline bool buffer_append_packet(struct buffer *buffer, const struct mqtt_packet *packet)
{
    const int32_t size = mqtt_encode(NULL, 0, packet);

    if (size < 0 || !buffer_reserve(buffer, (size_t)size))
        return false;
    buffer->end += (size_t)mqtt_encode(buffer->bytes + buffer->end, (size_t)size, packet);
    return true;
}

/* Whether a call on a socket that does not block has failed for good. */
static inline bool is_lost(ssize_t count)
{
    return count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
}

/* Sends what the socket accepts now. False: the other side is gone. */
static inline bool buffer_send(struct buffer *buffer, int socket)
{
    const ssize_t count = send(socket, buffer_front(buffer), buffer_length(buffer), 0);

    if (count > 0)
        buffer_drop(buffer, (size_t)count);
    return !is_lost(count);
}

/* Receives what has come, at most `size` bytes; there must be room for them. False: the other side
 * has closed, or is gone. */
static inline bool buffer_receive(struct buffer *buffer, int socket, size_t size)
{
    const ssize_t count = recv(socket, buffer->bytes + buffer->end, size, 0);

    if (count > 0)
        buffer->end += (size_t)count;
    return count != 0 && !is_lost(count);
}

/* ---------------------------------------------------------------------------------------------
 * Sockets: TCP keeps the order of the bytes and loses none [MQTT-7.1.1-1] [MQTT-7.1.2-1]
 * ------------------------------------------------------------------------------------------- */

/* NULL, with an explanation, if there is no such address. */
static inline struct addrinfo *look_up(const char *host, const char *port, int flags)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *found = NULL;
    const int error = getaddrinfo(host, port, &hints, &found);

    if (error == 0)
        return found;
    complain("%s, port %s: %s", host, port, gai_strerror(error));
    return NULL;
}

/* Without this a small packet could wait for the acknowledgement of the bytes before it. */
static inline void send_at_once(int socket)
{
    const int on = 1;

    (void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Begins to connect and does not wait. -1: errno says why that fails. */
static inline int connect_to(const struct addrinfo *address)
{
    const int file = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    int error;

    if (file < 0)
        return -1;
    send_at_once(file);
    if (set_nonblocking(file) &&
        (connect(file, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS))
        return file;
    error = errno;
    close(file);
    errno = error;
    return -1;
}

/* How a connection that connect_to began has ended: 0, or an errno. */
static inline int connect_error(int socket)
{
    int error = 0;
    socklen_t size = sizeof error;

    return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

/* -1, with an explanation, if nobody can connect there. */
static inline int listen_at(const char *host, const char *port)
{
    struct addrinfo *address = look_up(host, port, AI_PASSIVE);
    const int on = 1;
    int file;

    if (address == NULL)
        return -1;
    file = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    if (file < 0 || setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(file, address->ai_addr, address->ai_addrlen) != 0 || listen(file, SOMAXCONN) != 0 ||
        !set_nonblocking(file)) {
        complain("%s, port %s: %s", host, port, strerror(errno));
        if (file >= 0)
            close(file);
        file = -1;
    }
    freeaddrinfo(address);
    return file;
}

#define ACCEPT_PAUSE 1000 /* milliseconds, if must_pause_accepting */

/* An address as text: host, separator, port. */
static inline void name_address(char *text, size_t size, const struct sockaddr *address,
                                socklen_t length, const char *separator)
{
    char host[64];
    char port[8];

    if (getnameinfo(address, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(text, size, "%s%s%s", host, separator, port);
    else
        snprintf(text, size, "unknown");
}

/* Accepts a waiting connection and writes the address of its other side to `name`, unless `size` is
 * 0. Returns its socket, which does not block, or -1 if there is none. */
static inline int accept_client(int listener, char *name, size_t size)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr *address = (struct sockaddr *)&storage;
    socklen_t length = sizeof storage;
    const int file = accept(listener, address, &length);

    if (file < 0)
        return -1;
    name_address(name, size, address, length, ":");
    send_at_once(file);
    if (set_nonblocking(file))
        return file;
    close(file);
    return -1;
}

/* Whether accept failed because too many files are open. poll would report the connection again at
 * once: the program pauses. */
static inline bool must_pause_accepting(void)
{
    return errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
}

/* The address that a socket listens at; its port may have been chosen for it. */
static inline void name_listener(char *text, size_t size, int listener, const char *separator)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr *address = (struct sockaddr *)&storage;
    socklen_t length = sizeof storage;

    if (getsockname(listener, address, &length) != 0)
        length = 0;
    name_address(text, size, address, length, separator);
}

#endif
