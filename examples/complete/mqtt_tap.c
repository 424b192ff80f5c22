/* SPDX-License-Identifier: MIT
 *
 * mqtt_tap.c: stands between MQTT 3.1.1 clients and their server, passes on what they send, and
 * prints it, packet by packet, as mqtt_inspect does.
 *
 *     cc -o mqtt_tap examples/complete/mqtt_tap.c
 *     ./mqtt_tap --listen 1884 --to localhost:1883
 *
 * Worth copying: take_packets and the functions around it decode, check and pass on packets of any
 * size in bounded memory, and stop reading where the other side does not.
 */
#define _POSIX_C_SOURCE 200809L

#include "../../mqtt_codec.h"
#include "print_packet.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* With two sockets and two recordings each, below the usual limit of 1024 open files. */
#define CONNECTIONS_MAX 240

#define READ_SIZE 65536u /* bytes, at most, for each direction in a turn */

/* A direction that has as much as this to send receives nothing more. */
#define PENDING_MAX 65536u /* bytes */

/* In milliseconds */
#define LINGER       3000 /* that a client has to close, once it is told that the server has */
#define ACCEPT_PAUSE 1000 /* without accept, when no descriptor is left for a connection */

/* A packet that was not all there, one more reading, and what waited to be sent before */
#define CAPACITY_MAX (PACKET_SIZE_MAX + READ_SIZE + PENDING_MAX)

static const char usage[] =
    "Usage: mqtt_tap --listen [HOST:]PORT --to HOST:PORT [OPTION]...\n"
    "Passes MQTT 3.1.1 connections on to a server and prints the packets in both directions.\n"
    "\n"
    "  --listen [HOST:]PORT  where clients connect; HOST is 127.0.0.1 if not given, and an IPv6\n"
    "                        address stands in [brackets]; PORT 0 is any free one\n"
    "  --to HOST:PORT        the server\n"
    "  --malformed refuse    close a connection in which a packet is malformed; this is what\n"
    "                        happens if nothing is said\n"
    "  --malformed forward   from a malformed packet on pass on that direction unseen\n"
    "  --max-packet BYTES    treat packets that are larger as malformed\n"
    "  --reencode            send each packet as the encoder writes it, not as it came\n"
    "  --json                print each packet, and an error in a stream, as a line of JSON\n"
    "  --record DIR          write what each side sends to DIR/NNN.client.bin, NNN.server.bin\n"
    "  --once                end after the first connection\n"
    "  --help                print this and exit\n"
    "\n"
    "Ends at SIGINT and SIGTERM. The exit status is 0 if all is well, 1 if a packet was "
    "malformed,\n"
    "3 if the options are wrong or if the output fails or no socket can be had.\n";

/* What the program exits with. */
enum {
    ALL_IS_WELL = 0,
    MALFORMED = 1,
    FAILED = 3
};

struct options {
    const char *listen;
    const char *to;
    const char *record;
    size_t packet_max;
    bool forwards_malformed;
    bool reencodes;
    bool json;
    bool once;
    bool help;
};

/* The bytes from `start` to `end` are in use. */
struct buffer {
    uint8_t *bytes;
    size_t start;
    size_t end;
    size_t capacity;
};

/* What one side of a connection sends to the other. */
struct direction {
    int32_t (*decode)(struct mqtt_packet *packet, const void *bytes, size_t length);
    char label[64];    /* of lines */
    char stream[64];   /* of explanations */
    struct buffer in;  /* received, from a packet's first byte on */
    struct buffer out; /* to be sent */
    uint64_t offset;   /* of the first byte in `in`, in the stream */
    FILE *record;
    int source;
    int target;
    bool is_blind;    /* passes on what it does not understand */
    bool has_ended;   /* the source has */
    bool is_finished; /* the target has been told, or takes nothing any more */
};

struct connection {
    struct direction up; /* from the client to the server */
    struct direction down;
    const struct addrinfo *next_address; /* to try if the one before does not answer */
    unsigned long number;
    int64_t close_at; /* the client has that long still, or 0: the server has not ended */
    int client;
    int server;
    bool is_connecting; /* to the server */
    bool is_closed;
};

struct tap {
    struct options options;
    struct output out;
    struct output err;
    struct addrinfo *server;
    struct connection *connections[CONNECTIONS_MAX];
    size_t count;
    unsigned long accepted;
    int64_t now; /* all times are milliseconds of a clock that nobody sets */
    int64_t accept_after;
    int listener;
    bool met_malformed;
};

/* Where the signal handler writes to: it can be told by a global alone. Set once, by main. */
static int stop_pipe[2] = {-1, -1};

static int64_t milliseconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* ---------------------------------------------------------------------------------------------
 * Buffers
 * ------------------------------------------------------------------------------------------- */

static size_t held(const struct buffer *buffer)
{
    return buffer->end - buffer->start;
}

static uint8_t *front(const struct buffer *buffer)
{
    return buffer->bytes + buffer->start;
}

/* The memory that a large packet has taken is not kept for the next one, which may never come. */
static void drop(struct buffer *buffer, size_t count)
{
    buffer->start += count;
    if (buffer->start < buffer->end)
        return;
    buffer->start = 0;
    buffer->end = 0;
    if (buffer->capacity > READ_SIZE) {
        free(buffer->bytes);
        buffer->bytes = NULL;
        buffer->capacity = 0;
    }
}

/* Makes room for `count` bytes behind the end; all together are at most CAPACITY_MAX. Twice the
 * capacity, so that copying costs linear time; not what a fixed header asks for, so that a sender
 * cannot make us allocate what it does not send. Returns false if there is no memory. */
static bool reserve(struct buffer *buffer, size_t count)
{
    size_t capacity = buffer->capacity < READ_SIZE ? READ_SIZE : buffer->capacity;
    uint8_t *bytes;

    if (buffer->start > 0 && count > buffer->capacity - buffer->end) {
        memmove(buffer->bytes, front(buffer), held(buffer));
        buffer->end -= buffer->start;
        buffer->start = 0;
    }
    if (count <= buffer->capacity - buffer->end)
        return true;
    while (capacity - buffer->end < count)
        capacity = capacity < CAPACITY_MAX / 2 ? capacity * 2 : CAPACITY_MAX;
    bytes = (uint8_t *)realloc(buffer->bytes, capacity);
    if (bytes == NULL)
        return false;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

static bool append(struct buffer *buffer, const uint8_t *bytes, size_t count)
{
    if (!reserve(buffer, count))
        return false;
    memcpy(buffer->bytes + buffer->end, bytes, count);
    buffer->end += count;
    return true;
}

/* ---------------------------------------------------------------------------------------------
 * From one side to the other: receive, decode, show, put into `out`, transmit. Functions that
 * return bool return false if the connection is to be closed.
 * ------------------------------------------------------------------------------------------- */

static bool fail(const struct tap *tap, const struct direction *way, const char *what, int error)
{
    fprintf(tap->err.file, "mqtt_tap: %s: %s: %s.\n", way->stream, what, strerror(error));
    return false;
}

static bool record(const struct tap *tap, const struct direction *way, const uint8_t *bytes,
                   size_t count)
{
    if (way->record == NULL || fwrite(bytes, 1, count, way->record) == count)
        return true;
    return fail(tap, way, "the recording", errno);
}

/* Once for each turn, so that a fast connection leaves time to the others. A side that is lost ends
 * as one that closes: what it has sent until then is passed on. */
static bool receive(const struct tap *tap, struct direction *way)
{
    ssize_t count;
    uint8_t *end;

    if (!reserve(&way->in, READ_SIZE))
        return fail(tap, way, "receiving", ENOMEM);
    end = way->in.bytes + way->in.end;
    count = recv(way->source, end, READ_SIZE, 0);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return true;
    if (count <= 0) {
        way->has_ended = true;
        return true;
    }
    way->in.end += (size_t)count;
    return record(tap, way, end, (size_t)count);
}

/* As much as the target takes now. What is for one that takes nothing any more is dropped. */
static void transmit(struct direction *way)
{
    ssize_t count;

    if (held(&way->out) == 0)
        return;
    count = send(way->target, front(&way->out), held(&way->out), MSG_NOSIGNAL);
    if (count >= 0) {
        drop(&way->out, (size_t)count);
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        drop(&way->out, held(&way->out));
        way->is_finished = true;
    }
}

static void show(struct tap *tap, const struct direction *way, const struct mqtt_packet *packet,
                 int32_t size)
{
    tap->out.label = way->label;
    put_packet(&tap->out, packet, way->offset, size);
}

/* The encoder is asked for the size first, so that the packet is written where it is sent from. */
static bool append_encoded(struct buffer *buffer, const struct mqtt_packet *packet)
{
    const int32_t size = mqtt_encode(NULL, 0, packet);

    if (size < 0 || !reserve(buffer, (size_t)size))
        return false;
    buffer->end += (size_t)mqtt_encode(buffer->bytes + buffer->end, (size_t)size, packet);
    return true;
}

static void advance(struct direction *way, size_t count)
{
    drop(&way->in, count);
    way->offset += count;
}

static struct part unseen_part(const struct direction *way)
{
    const struct part part = {"mqtt_tap", way->stream, front(&way->in), held(&way->in),
                              way->offset};

    return part;
}

/* What is on standard output already is shown before what comes on standard error. */
static void begin_report(struct tap *tap, const struct direction *way)
{
    tap->out.label = way->label;
    fflush(tap->out.file);
}

/* From here on nothing of this direction can be understood: where its next packet begins, nobody
 * knows. */
static bool give_up(struct tap *tap, struct direction *way)
{
    tap->met_malformed = true;
    way->is_blind = true;
    if (tap->options.forwards_malformed)
        return true;
    transmit(way); /* the packets before it were in order */
    return false;
}

static bool meet_malformed(struct tap *tap, struct direction *way, int32_t status,
                           uint32_t error_offset)
{
    const struct part part = unseen_part(way);

    begin_report(tap, way);
    report_malformed(&part, &tap->out, &tap->err, status, error_offset);
    return give_up(tap, way);
}

/* A packet that is not all there, or too large: is it one to wait for? */
static bool meet_incomplete(struct tap *tap, struct direction *way)
{
    const struct part part = unseen_part(way);
    const uint32_t size = packet_size(&part);

    if (size <= tap->options.packet_max)
        return true;
    begin_report(tap, way);
    if (tap->out.json) {
        begin_error(&tap->out, &part, "too large");
        put_number(&tap->out, "", "size", size);
        end_error(&tap->out, "", "The packet is larger than --max-packet.");
    }
    fprintf(tap->err.file,
            "mqtt_tap: %s: The %s packet that starts at byte %" PRIu64 " has %" PRIu32
            " bytes, more than --max-packet.\n",
            way->stream, mqtt_packet_type_name((enum mqtt_packet_type)(part.bytes[0] / 16)),
            part.offset, size);
    return give_up(tap, way);
}

static bool pass_packet(struct tap *tap, struct direction *way, const struct mqtt_packet *packet,
                        size_t size)
{
    const bool has_room = tap->options.reencodes ? append_encoded(&way->out, packet)
                                                 : append(&way->out, front(&way->in), size);

    if (!has_room)
        return fail(tap, way, "passing on", ENOMEM);
    show(tap, way, packet, (int32_t)size);
    advance(way, size);
    return true;
}

static bool pass_blindly(struct tap *tap, struct direction *way)
{
    const size_t count = held(&way->in);

    if (count > 0 && !append(&way->out, front(&way->in), count))
        return fail(tap, way, "passing on", ENOMEM);
    advance(way, count);
    return true;
}

/* Passes on what is there of whole packets. A packet above --max-packet is refused even if it came
 * in one piece. */
static bool take_packets(struct tap *tap, struct direction *way)
{
    while (!way->is_blind && held(&way->in) > 0) {
        struct mqtt_packet packet;
        const int32_t size = way->decode(&packet, front(&way->in), held(&way->in));
        if (size < 0 && size != MQTT_PACKET_INCOMPLETE) {
            if (!meet_malformed(tap, way, size, packet.error_offset))
                return false;
        } else if (size < 0 || (size_t)size > tap->options.packet_max) {
            if (!meet_incomplete(tap, way))
                return false;
            if (!way->is_blind)
                break;
        } else if (!pass_packet(tap, way, &packet, (size_t)size)) {
            return false;
        }
    }
    return !way->is_blind || pass_blindly(tap, way);
}

/* The source has ended, perhaps within a packet. */
static bool meet_end(struct tap *tap, struct direction *way)
{
    const struct part part = unseen_part(way);

    begin_report(tap, way);
    report_truncated(&part, &tap->out, &tap->err);
    if (tap->options.forwards_malformed)
        return pass_blindly(tap, way);
    advance(way, held(&way->in));
    return true;
}

/* All is passed on: the target is told of the end, and may still have something to say. */
static void finish(struct direction *way)
{
    shutdown(way->target, SHUT_WR);
    way->is_finished = true;
}

/* This is what stops a side whose packets the other side does not take. */
static bool wants_input(const struct direction *way)
{
    return !way->has_ended && held(&way->out) < PENDING_MAX;
}

static bool serve_direction(struct tap *tap, struct direction *way, bool is_readable)
{
    if (is_readable && wants_input(way) && !(receive(tap, way) && take_packets(tap, way)))
        return false;
    if (way->has_ended && held(&way->in) > 0 && !meet_end(tap, way))
        return false;
    transmit(way);
    if (way->has_ended && held(&way->out) == 0 && !way->is_finished)
        finish(way);
    return true;
}

/* ---------------------------------------------------------------------------------------------
 * Connections
 * ------------------------------------------------------------------------------------------- */

static void close_record(struct direction *way)
{
    if (way->record != NULL)
        fclose(way->record);
    way->record = NULL;
}

static void free_connection(struct connection *connection)
{
    close_record(&connection->up);
    close_record(&connection->down);
    free(connection->up.in.bytes);
    free(connection->up.out.bytes);
    free(connection->down.in.bytes);
    free(connection->down.out.bytes);
    if (connection->client >= 0)
        close(connection->client);
    if (connection->server >= 0)
        close(connection->server);
    free(connection);
}

/* Unbuffered, so that the recording is whole up to the moment in which somebody looks at it. */
static bool open_record(const struct tap *tap, const struct connection *connection,
                        struct direction *way, const char *side)
{
    char path[PATH_MAX];
    const int length = snprintf(path, sizeof path, "%s/%03lu.%s.bin", tap->options.record,
                                connection->number, side);

    if (length < 0 || (size_t)length >= sizeof path)
        return fail(tap, way, "the recording", ENAMETOOLONG);
    way->record = fopen(path, "wb");
    if (way->record == NULL)
        return fail(tap, way, path, errno);
    setvbuf(way->record, NULL, _IONBF, 0);
    return true;
}

static bool open_direction(const struct tap *tap, const struct connection *connection,
                           struct direction *way, const char *side)
{
    const char *format = tap->options.json ? "\"connection\":%lu,\"from\":\"%s\"," : "%lu %s ";

    snprintf(way->label, sizeof way->label, format, connection->number, side);
    snprintf(way->stream, sizeof way->stream, "connection %lu, %s", connection->number, side);
    return tap->options.record == NULL || open_record(tap, connection, way, side);
}

static bool set_nonblocking(int file)
{
    const int flags = fcntl(file, F_GETFL);

    return flags >= 0 && fcntl(file, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* No packet is to wait for the acknowledgement of the one before; if this fails they are slower. */
static void send_at_once(int socket)
{
    const int on = 1;

    (void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Does not wait for the server. */
static int connect_to(const struct addrinfo *address)
{
    const int file = socket(address->ai_family, address->ai_socktype, address->ai_protocol);

    if (file < 0)
        return -1;
    send_at_once(file);
    if (set_nonblocking(file) &&
        (connect(file, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS))
        return file;
    close(file);
    return -1;
}

/* Begins to connect to the next of the server's addresses. */
static bool try_next_address(struct connection *connection)
{
    while (connection->server < 0 && connection->next_address != NULL) {
        connection->server = connect_to(connection->next_address);
        connection->next_address = connection->next_address->ai_next;
    }
    connection->up.target = connection->server;
    connection->down.source = connection->server;
    return connection->server >= 0;
}

static bool open_connection(struct tap *tap, struct connection *connection)
{
    struct direction *up = &connection->up;
    struct direction *down = &connection->down;

    up->decode = mqtt_decode_from_client;
    down->decode = mqtt_decode_from_server;
    if (!open_direction(tap, connection, up, "client") ||
        !open_direction(tap, connection, down, "server"))
        return false;
    up->source = connection->client;
    down->target = connection->client;
    connection->is_connecting = true;
    connection->next_address = tap->server;
    send_at_once(connection->client);
    if (!set_nonblocking(connection->client) || !try_next_address(connection))
        return fail(tap, down, "connecting", errno);
    return true;
}

static void accept_connection(struct tap *tap)
{
    struct connection *connection;
    const int client = accept(tap->listener, NULL, NULL);

    if (client < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        fprintf(tap->err.file, "mqtt_tap: accepting: %s.\n", strerror(errno));
        tap->accept_after = tap->now + ACCEPT_PAUSE; /* poll would return at once */
    }
    if (client < 0)
        return;
    connection = (struct connection *)calloc(1, sizeof *connection);
    if (connection == NULL) {
        close(client);
        return;
    }
    tap->accepted++;
    connection->number = tap->accepted;
    connection->client = client;
    connection->server = -1;
    connection->is_closed = !open_connection(tap, connection);
    tap->connections[tap->count] = connection;
    tap->count++;
}

/* Returns false if the server cannot be reached. */
static bool serve_connecting(const struct tap *tap, struct connection *connection)
{
    int error = 0;
    socklen_t length = sizeof error;

    if (getsockopt(connection->server, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        error = errno;
    connection->is_connecting = error != 0;
    if (error == 0)
        return true;
    close(connection->server);
    connection->server = -1;
    return try_next_address(connection) || fail(tap, &connection->down, "connecting", error);
}

/* When the server has ended, nothing that the client says matters any more. It is read from for a
 * while yet: a close with something unread would take from the client what it has not received. */
static bool is_over(const struct tap *tap, struct connection *connection)
{
    if (!connection->down.is_finished)
        return false;
    if (connection->close_at == 0)
        connection->close_at = tap->now + LINGER;
    return tap->now >= connection->close_at ||
           (connection->up.has_ended && connection->up.is_finished);
}

static bool serve(struct tap *tap, struct connection *connection, const struct pollfd *client,
                  const struct pollfd *server)
{
    if (connection->is_connecting)
        return server->revents == 0 || serve_connecting(tap, connection);
    if (!serve_direction(tap, &connection->up, (client->revents & ~POLLOUT) != 0) ||
        !serve_direction(tap, &connection->down, (server->revents & ~POLLOUT) != 0))
        return false;
    return !is_over(tap, connection);
}

/* What to wait for at a socket: a negative file is passed over, so that one that has failed, which
 * poll would tell of at once, is left alone while it is of no interest. */
static struct pollfd interest(int file, const struct direction *from, const struct direction *to)
{
    struct pollfd result = {.fd = file};

    if (wants_input(from))
        result.events |= POLLIN;
    if (held(&to->out) > 0)
        result.events |= POLLOUT;
    if (result.events == 0)
        result.fd = -1;
    return result;
}

static void set_interests(const struct connection *connection, struct pollfd *client,
                          struct pollfd *server)
{
    const struct pollfd nothing = {.fd = -1};
    const struct pollfd connecting = {.fd = connection->server, .events = POLLOUT};

    if (connection->is_connecting) {
        *client = nothing;
        *server = connecting;
        return;
    }
    *client = interest(connection->client, &connection->up, &connection->down);
    *server = interest(connection->server, &connection->down, &connection->up);
}

static void remove_closed(struct tap *tap)
{
    size_t left = 0;
    size_t i;

    for (i = 0; i < tap->count; i++) {
        struct connection *connection = tap->connections[i];
        if (connection->is_closed) {
            free_connection(connection);
        } else {
            tap->connections[left] = connection;
            left++;
        }
    }
    tap->count = left;
}

/* ---------------------------------------------------------------------------------------------
 * The loop
 * ------------------------------------------------------------------------------------------- */

static bool accepts(const struct tap *tap)
{
    return tap->count < CONNECTIONS_MAX && tap->now >= tap->accept_after &&
           !(tap->options.once && tap->accepted > 0);
}

/* How long poll waits, at most: the times that are still to come, come after tap->now. */
static int poll_timeout(const struct tap *tap)
{
    int64_t time = tap->now < tap->accept_after ? tap->accept_after : INT64_MAX;
    size_t i;

    for (i = 0; i < tap->count; i++) {
        const int64_t close_at = tap->connections[i]->close_at;
        if (close_at > 0 && close_at < time)
            time = close_at;
    }
    return time == INT64_MAX ? -1 : (int)(time - tap->now);
}

/* Waits until something can be done, and does it. Returns false when a signal has come. */
static bool turn(struct tap *tap)
{
    struct pollfd polls[2 + 2 * CONNECTIONS_MAX];
    const size_t count = tap->count;
    size_t i;

    polls[0] = (struct pollfd){.fd = stop_pipe[0], .events = POLLIN};
    polls[1] = (struct pollfd){.fd = accepts(tap) ? tap->listener : -1, .events = POLLIN};
    for (i = 0; i < count; i++)
        set_interests(tap->connections[i], &polls[2 + 2 * i], &polls[3 + 2 * i]);
    if (poll(polls, (nfds_t)(2 + 2 * count), poll_timeout(tap)) < 0)
        return errno == EINTR || errno == EAGAIN;
    tap->now = milliseconds();
    for (i = 0; i < count; i++) {
        struct connection *connection = tap->connections[i];
        connection->is_closed = !serve(tap, connection, &polls[2 + 2 * i], &polls[3 + 2 * i]);
    }
    if (polls[1].revents != 0)
        accept_connection(tap);
    remove_closed(tap);
    return polls[0].revents == 0;
}

/* Returns the exit status. */
static int run(struct tap *tap)
{
    bool goes_on = true;
    bool has_failed = false;
    size_t i;

    while (goes_on && !has_failed) {
        goes_on = turn(tap) && !(tap->options.once && tap->accepted > 0 && tap->count == 0);
        has_failed = fflush(tap->out.file) != 0 || ferror(tap->out.file);
    }
    if (has_failed)
        fprintf(tap->err.file, "mqtt_tap: standard output: %s.\n", strerror(errno));
    for (i = 0; i < tap->count; i++)
        free_connection(tap->connections[i]);
    if (has_failed)
        return FAILED;
    return tap->met_malformed ? MALFORMED : ALL_IS_WELL;
}

/* ---------------------------------------------------------------------------------------------
 * Addresses and signals
 * ------------------------------------------------------------------------------------------- */

/* Splits HOST:PORT at its last colon; an IPv6 address may stand in brackets. Returns NULL, with an
 * explanation, if there is no such address. */
static struct addrinfo *look_up(const char *text, const char *default_host, int flags)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(text, ':');
    const char *port = colon == NULL ? text : colon + 1;
    size_t length = colon == NULL ? strlen(default_host) : (size_t)(colon - text);
    const char *from = colon == NULL ? default_host : text;
    char host[256];
    int error;

    if (length >= 2 && from[0] == '[' && from[length - 1] == ']') {
        from++;
        length -= 2;
    }
    if (length == 0 || length >= sizeof host) {
        fprintf(stderr, "mqtt_tap: %s: This is not HOST:PORT; --help says more.\n", text);
        return NULL;
    }
    memcpy(host, from, length);
    host[length] = '\0';
    error = getaddrinfo(host, port, &hints, &found);
    if (error != 0)
        fprintf(stderr, "mqtt_tap: %s: %s.\n", text, gai_strerror(error));
    return error == 0 ? found : NULL;
}

/* Says where it listens: the port may have been 0. */
static void report_listener(int file)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    char host[256];
    char port[32];

    if (getsockname(file, (struct sockaddr *)&address, &length) == 0 &&
        getnameinfo((struct sockaddr *)&address, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        fprintf(stderr, "mqtt_tap: listening at %s, port %s\n", host, port);
}

/* Returns -1, with an explanation, if that cannot be. */
static int listen_at(const char *text)
{
    struct addrinfo *address = look_up(text, "127.0.0.1", AI_PASSIVE);
    const int yes = 1;
    int file;

    if (address == NULL)
        return -1;
    file = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    if (file < 0 || setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
        bind(file, address->ai_addr, address->ai_addrlen) < 0 || listen(file, SOMAXCONN) < 0 ||
        !set_nonblocking(file)) {
        fprintf(stderr, "mqtt_tap: %s: %s.\n", text, strerror(errno));
        if (file >= 0)
            close(file);
        file = -1;
    } else {
        report_listener(file);
    }
    freeaddrinfo(address);
    return file;
}

/* A flag alone could be set between a look at it and the call of poll, which then would wait. */
static void stop(int signal_number)
{
    const int error = errno;
    const char byte = (char)signal_number;

    if (write(stop_pipe[1], &byte, 1) < 0) {
        /* the pipe is full: it was written to before */
    }
    errno = error;
}

static bool catch_signals(void)
{
    struct sigaction action = {.sa_handler = stop};

    sigemptyset(&action.sa_mask);
    return pipe(stop_pipe) == 0 && set_nonblocking(stop_pipe[1]) &&
           sigaction(SIGINT, &action, NULL) == 0 && sigaction(SIGTERM, &action, NULL) == 0;
}

/* ---------------------------------------------------------------------------------------------
 * Options
 * ------------------------------------------------------------------------------------------- */

static bool parse_flag(struct options *options, const char *name)
{
    if (strcmp(name, "--reencode") == 0)
        options->reencodes = true;
    else if (strcmp(name, "--json") == 0)
        options->json = true;
    else if (strcmp(name, "--once") == 0)
        options->once = true;
    else if (strcmp(name, "--help") == 0)
        options->help = true;
    else
        return false;
    return true;
}

static bool parse_size(size_t *size, const char *text)
{
    unsigned long value;
    char *end;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < 2 ||
        value > PACKET_SIZE_MAX)
        return false;
    *size = (size_t)value;
    return true;
}

static bool parse_value(struct options *options, const char *name, const char *value)
{
    if (strcmp(name, "--listen") == 0)
        options->listen = value;
    else if (strcmp(name, "--to") == 0)
        options->to = value;
    else if (strcmp(name, "--record") == 0)
        options->record = value;
    else if (strcmp(name, "--malformed") == 0 && strcmp(value, "refuse") == 0)
        options->forwards_malformed = false;
    else if (strcmp(name, "--malformed") == 0 && strcmp(value, "forward") == 0)
        options->forwards_malformed = true;
    else
        return strcmp(name, "--max-packet") == 0 && parse_size(&options->packet_max, value);
    return true;
}

static bool parse_arguments(struct options *options, int count, char **arguments)
{
    int i = 1;

    while (i < count) {
        if (parse_flag(options, arguments[i])) {
            i++;
        } else if (i + 1 < count && parse_value(options, arguments[i], arguments[i + 1])) {
            i += 2;
        } else {
            fprintf(stderr,
                    "mqtt_tap: %s is no option here, or its value is wrong; --help says"
                    " more.\n",
                    arguments[i]);
            return false;
        }
    }
    if (!options->help && (options->listen == NULL || options->to == NULL)) {
        fputs("mqtt_tap: --listen and --to are needed; --help says more.\n", stderr);
        return false;
    }
    return true;
}

/* Where standard input, output or error is closed, the next file opened would take its place: a
 * socket or the pipe would get what is printed. What takes it instead fails when it is used. */
static bool occupy_standard_files(void)
{
    int file;

    for (file = STDIN_FILENO; file <= STDERR_FILENO; file++)
        if (fcntl(file, F_GETFD) < 0 &&
            open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY) != file)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    struct tap tap = {.options = {.packet_max = PACKET_SIZE_MAX}, .listener = -1};
    int result = FAILED;

    if (!occupy_standard_files() || !parse_arguments(&tap.options, argc, argv))
        return FAILED;
    if (tap.options.help)
        return fputs(usage, stdout) < 0 || fflush(stdout) != 0 ? FAILED : ALL_IS_WELL;
    tap.out.file = stdout;
    tap.out.json = tap.options.json;
    tap.out.colour = !tap.options.json && wants_colour(COLOUR_AUTOMATIC, STDOUT_FILENO);
    tap.err.file = stderr;
    tap.err.label = "";
    tap.err.colour = wants_colour(COLOUR_AUTOMATIC, STDERR_FILENO);
    tap.server = look_up(tap.options.to, "", 0);
    if (tap.server == NULL)
        return FAILED;
    if (!catch_signals())
        fprintf(stderr, "mqtt_tap: %s.\n", strerror(errno));
    else
        tap.listener = listen_at(tap.options.listen);
    if (tap.listener >= 0) {
        result = run(&tap);
        close(tap.listener);
    }
    freeaddrinfo(tap.server);
    return result;
}
