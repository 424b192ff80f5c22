/* SPDX-License-Identifier: MIT
 *
 * mqtt_tap.c: a proxy between clients and their server, for MQTT 3.1.1 and 5.0. It passes on what
 * they send. It prints each packet as mqtt_inspect does, with its time, connection, sender and client id.
 *
 *     cc -o mqtt_tap examples/complete/mqtt_tap.c
 *     ./mqtt_tap --listen 1884 --to localhost:1883
 *
 * To copy it, take mqtt_codec.h, network.h, program.h and print_packet.h too, and change the path of
 * mqtt_codec.h.
 *
 * Worth copying: take_packets and the functions around it decode, check and pass on packets of any
 * size in bounded memory. The program stops reading from one side while the other does not read.
 */
#define _POSIX_C_SOURCE 200809L
#define PROGRAM         "mqtt_tap"

#include "../../mqtt_codec.h"
#include "network.h"
#include "print_packet.h"

#include <limits.h>
#include <poll.h>
#include <strings.h>

/* A connection has two sockets and two recordings; the usual limit is 1024 open files. */
#define CONNECTIONS_MAX 240

#define READ_SIZE 65536u /* bytes, at most, from each side in a turn */

/* While a direction has this many bytes to send, it does not receive more. */
#define PENDING_MAX 65536u

#define LINGER 3000 /* milliseconds for a client to close after its server has closed */

static struct {
    const char *listen;
    const char *to;
    const char *record;
    const char *malformed;
    struct option_list types;
    struct option_list topics;
    uint32_t packet_max;
    unsigned shown_types; /* a bit for each; 0: all types */
    bool forwards_malformed;
    bool reencodes;
    bool json;
    bool once;
} options = {.malformed = "refuse", .packet_max = PACKET_SIZE_MAX};

static const struct option known_options[] = {
    {"--listen [HOST:]PORT", TEXT, &options.listen, 0, 0,
     "where clients connect; HOST is 127.0.0.1 if not given, and an\n"
     "                             IPv6 address is in [brackets]; PORT 0 is any free port"},
    {"--to HOST:PORT", TEXT, &options.to, 0, 0, "the server"},
    {"--malformed POLICY", TEXT, &options.malformed, 0, 0,
     "refuse: close a connection with a malformed packet; or\n"
     "                             forward: pass on the rest of that direction undecoded"},
    {"--max-packet BYTES", NUMBER, &options.packet_max, 2, PACKET_SIZE_MAX,
     "treat packets that are larger as malformed"},
    {"--reencode", FLAG, &options.reencodes, 0, 0,
     "send each packet as the encoder writes it, not as it arrived"},
    {"--json", FLAG, &options.json, 0, 0,
     "print each packet, and an error in a stream, as a line of JSON"},
    {"--type TYPE", LIST, &options.types, 0, 0,
     "print only packets of this type; repeat it for more types"},
    {"--topic FILTER", LIST, &options.topics, 0, 0,
     "print only PUBLISH packets with a topic that the filter matches;\n"
     "                             repeat it for more filters"},
    {"--record DIR", TEXT, &options.record, 0, 0,
     "write what each side sends to DIR/NNN.client.bin, NNN.server.bin"},
    {"--once", FLAG, &options.once, 0, 0, "end after the first connection"},
};

static const struct command_line command_line = {
    "Usage: mqtt_tap --listen [HOST:]PORT --to HOST:PORT [OPTION]...\n"
    "Passes connections of MQTT 3.1.1 and 5.0 on to a server and prints the packets in both "
    "directions.\n\n",
    "\nEnds at SIGINT and SIGTERM. The exit status is 0 if all is well, 1 if a packet was\n"
    "malformed, 3 if the options are wrong, the output fails or there is no socket.\n",
    known_options,
    sizeof known_options / sizeof known_options[0],
};

/* The exit statuses of the program. */
enum {
    ALL_IS_WELL = 0,
    MALFORMED = 1,
    FAILED = 3
};

/* What one side of a connection sends to the other. */
struct direction {
    int32_t (*decode)(struct mqtt_packet *packet, const void *bytes, size_t length);
    int32_t (*decode_v5)(struct mqtt_v5_packet *packet, const void *bytes, size_t length);
    struct connection *connection;
    const char *side;            /* the source: "client" or "server" */
    char stream[64];             /* the name in explanations */
    struct buffer in;            /* received; it begins with the first byte of a packet */
    struct buffer out;           /* to be sent */
    uint64_t offset;             /* of the first byte of `in` in the stream */
    struct timespec received_at; /* its last bytes, or its end */
    FILE *record;
    int source;
    int target;
    bool is_blind;    /* passes on bytes without decoding them */
    bool has_ended;   /* the source has closed */
    bool is_finished; /* the target knows that, or does not receive any more */
};

struct connection {
    struct direction up; /* from the client to the server */
    struct direction down;
    const struct addrinfo *next_address; /* to try if the last one does not answer */
    unsigned long number;
    struct buffer client_id; /* from its CONNECT, with a NUL; empty: unknown */
    int64_t close_at;        /* set when the server has closed; 0: it has not */
    int client;
    int server;
    bool is_v5;         /* its CONNECT is of MQTT 5.0 */
    bool is_connecting; /* to the server */
    bool is_closed;
};

struct tap {
    struct output out;
    struct addrinfo *server;
    struct connection *connections[CONNECTIONS_MAX];
    size_t count;
    unsigned long accepted;
    int64_t now; /* all times are in milliseconds */
    int64_t accept_after;
    int listener;
    bool met_malformed;
};

/* ---------------------------------------------------------------------------------------------
 * From one side to the other: receive, decode, show, append to `out`, transmit. The functions that
 * return bool return false if the connection must be closed.
 * ------------------------------------------------------------------------------------------- */

static bool fail(const struct direction *way, const char *what, int error)
{
    complain("%s: %s: %s", way->stream, what, strerror(error));
    return false;
}

/* Called once in a turn, so that a fast connection leaves time to the others. A lost source is
 * treated like one that has closed: what it sent before is passed on. */
static bool receive(struct direction *way)
{
    const uint8_t *bytes;
    size_t before;
    size_t count;

    if (!buffer_reserve(&way->in, READ_SIZE))
        return fail(way, "receiving", ENOMEM);
    clock_gettime(CLOCK_REALTIME, &way->received_at);
    before = way->in.end;
    bytes = way->in.bytes + before;
    way->has_ended = !buffer_receive(&way->in, way->source, READ_SIZE);
    count = way->in.end - before;
    if (way->record != NULL && fwrite(bytes, 1, count, way->record) != count)
        return fail(way, "the recording", errno);
    return true;
}

/* Sends as much as the target accepts now. Bytes for a target that is gone are dropped. */
static void transmit(struct direction *way)
{
    if (buffer_length(&way->out) == 0 || buffer_send(&way->out, way->target))
        return;
    buffer_drop(&way->out, buffer_length(&way->out));
    way->is_finished = true;
}

/* Writes the time in UTC with milliseconds, in the format of ISO 8601. */
static void format_time(char *text, size_t size, const struct timespec *time)
{
    struct tm parts = {0};
    size_t length;

    gmtime_r(&time->tv_sec, &parts);
    length = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + length, size - length, ".%03ldZ", time->tv_nsec / 1000000);
}

/* Prints the beginning of a line: time, connection, side, client id. */
static void put_direction(struct output *out)
{
    const struct direction *way = (const struct direction *)out->labelled;
    const struct connection *connection = way->connection;
    const bool is_known = buffer_length(&connection->client_id) > 0;
    const char *id = is_known ? (const char *)buffer_front(&connection->client_id) : "";
    char time[40];

    format_time(time, sizeof time, &way->received_at);
    if (out->json) {
        put_string(out, "", "time", mqtt_string_from(time));
        put_number(out, "", "connection", connection->number);
        put_string(out, "", "from", mqtt_string_from(way->side));
        if (is_known)
            put_string(out, "", "client", mqtt_string_from(id));
        else
            put_null(out, "client");
        return;
    }
    fprintf(out->file, "%s %lu %s ", time, connection->number, way->side);
    if (is_known)
        put_preview(out, (const uint8_t *)id, strlen(id));
    else
        putc('-', out->file);
    putc(' ', out->file);
}

static unsigned type_of(const struct any_packet *packet)
{
    return packet->is_v5 ? (unsigned)packet->v5.type : (unsigned)packet->old.type;
}

/* Without memory the id remains unknown. */
static void note_client_id(struct connection *connection, const struct any_packet *packet)
{
    struct buffer *id = &connection->client_id;
    const struct mqtt_string sent =
        packet->is_v5 ? packet->v5.as.connect.client_id : packet->old.as.connect.client_id;

    if (type_of(packet) != MQTT_CONNECT)
        return;
    buffer_drop(id, buffer_length(id));
    if (buffer_append(id, sent.data, sent.length) && !buffer_append(id, "", 1))
        buffer_drop(id, buffer_length(id));
}

/* True if the options --type and --topic select the packet. */
static bool is_wanted(const struct any_packet *packet)
{
    const unsigned type = type_of(packet);
    struct mqtt_string topic;
    size_t i;

    if (options.shown_types != 0 && (options.shown_types >> type & 1) == 0)
        return false;
    if (options.topics.count == 0 || type != MQTT_PUBLISH)
        return options.topics.count == 0;
    topic = packet->is_v5 ? packet->v5.as.publish.topic : packet->old.as.publish.topic;
    for (i = 0; i < options.topics.count; i++)
        if (mqtt_topic_matches(mqtt_string_from(options.topics.items[i]), topic))
            return true;
    return false;
}

static void show(struct tap *tap, const struct direction *way, const struct any_packet *packet,
                 int32_t size)
{
    note_client_id(way->connection, packet);
    tap->out.labelled = way;
    if (is_wanted(packet))
        put_packet(&tap->out, packet, way->offset, size);
}

static void advance(struct direction *way, size_t count)
{
    buffer_drop(&way->in, count);
    way->offset += count;
}

static struct part unseen_part(const struct direction *way)
{
    const struct part part = {buffer_front(&way->in), buffer_length(&way->in), way->offset};

    return part;
}

/* It is unknown where the next packet begins, so this direction is not decoded from here on. */
static bool give_up(struct tap *tap, struct direction *way)
{
    tap->met_malformed = true;
    way->is_blind = true;
    if (options.forwards_malformed)
        return true;
    transmit(way); /* the packets before the malformed one */
    return false;
}

static bool meet_malformed(struct tap *tap, struct direction *way, int32_t status,
                           uint32_t error_offset)
{
    const struct part part = unseen_part(way);

    tap->out.labelled = way;
    tap->out.is_v5 = way->connection->is_v5;
    put_malformed(&tap->out, &part, status, error_offset, NULL);
    return give_up(tap, way);
}

/* The first packet is incomplete, or larger than --max-packet. */
static bool meet_incomplete(struct tap *tap, struct direction *way)
{
    const struct part part = unseen_part(way);
    const uint32_t size = packet_size(&part);

    if (size <= options.packet_max)
        return true;
    tap->out.labelled = way;
    tap->out.is_v5 = way->connection->is_v5;
    if (tap->out.json) {
        begin_error(&tap->out, &part, "too large");
        put_number(&tap->out, "", "size", size);
        end_error(&tap->out, "", "The packet is larger than --max-packet.", NULL);
    } else {
        put_label(&tap->out);
        fprintf(tap->out.file,
                "The %s packet that starts at byte %" PRIu64 " has %" PRIu32
                " bytes, more than --max-packet.\n",
                type_name(&tap->out, part_type(&part)), part.offset, size);
    }
    return give_up(tap, way);
}

static bool append_encoded(struct buffer *buffer, const struct any_packet *packet)
{
    int32_t size;

    if (!packet->is_v5)
        return buffer_append_packet(buffer, &packet->old);
    size = mqtt_v5_encode(NULL, 0, &packet->v5);
    if (size < 0 || !buffer_reserve(buffer, (size_t)size))
        return false;
    mqtt_v5_encode(buffer->bytes + buffer->end, (size_t)size, &packet->v5);
    buffer->end += (size_t)size;
    return true;
}

static bool pass_packet(struct tap *tap, struct direction *way, const struct any_packet *packet,
                        size_t size)
{
    const bool has_room = options.reencodes
                              ? append_encoded(&way->out, packet)
                              : buffer_append(&way->out, buffer_front(&way->in), size);

    if (!has_room)
        return fail(way, "passing on", ENOMEM);
    show(tap, way, packet, (int32_t)size);
    advance(way, size);
    return true;
}

static bool pass_blindly(struct direction *way)
{
    const size_t count = buffer_length(&way->in);

    if (count > 0 && !buffer_append(&way->out, buffer_front(&way->in), count))
        return fail(way, "passing on", ENOMEM);
    advance(way, count);
    return true;
}

/* The client's first packet decides the version. A server of 3.1.1 answers a CONNECT of 5.0 in its
 * own version. */
static int32_t decode_next(struct direction *way, struct any_packet *packet)
{
    const struct part part = unseen_part(way);
    struct connection *connection = way->connection;
    int32_t size = MQTT_ERROR_PROTOCOL_LEVEL;

    if (way == &connection->up && way->offset == 0)
        connection->is_v5 = version_from(&part, false);
    packet->is_v5 = connection->is_v5;
    if (packet->is_v5)
        size = way->decode_v5(&packet->v5, part.bytes, part.length);
    if (way == &connection->down && size == MQTT_ERROR_PROTOCOL_LEVEL)
        connection->is_v5 = packet->is_v5 = false;
    return packet->is_v5 ? size : way->decode(&packet->old, part.bytes, part.length);
}

/* Passes on the packets that are complete. One above --max-packet is refused even if it came in one
 * piece. */
static bool take_packets(struct tap *tap, struct direction *way)
{
    while (!way->is_blind && buffer_length(&way->in) > 0) {
        struct any_packet packet;
        const int32_t size = decode_next(way, &packet);
        if (size < 0 && size != MQTT_PACKET_INCOMPLETE) {
            if (!meet_malformed(tap, way, size,
                                packet.is_v5 ? packet.v5.error_offset : packet.old.error_offset))
                return false;
        } else if (size < 0 || (size_t)size > options.packet_max) {
            if (!meet_incomplete(tap, way))
                return false;
            if (!way->is_blind)
                break;
        } else if (!pass_packet(tap, way, &packet, (size_t)size)) {
            return false;
        }
    }
    return !way->is_blind || pass_blindly(way);
}

/* The source has ended within a packet. */
static bool meet_end(struct tap *tap, struct direction *way)
{
    const struct part part = unseen_part(way);

    tap->out.labelled = way;
    tap->out.is_v5 = way->connection->is_v5;
    put_truncated(&tap->out, &part, NULL);
    if (options.forwards_malformed)
        return pass_blindly(way);
    advance(way, buffer_length(&way->in));
    return true;
}

/* Everything is passed on. Tells the target that the source has ended. The target may still send. */
static void finish(struct direction *way)
{
    shutdown(way->target, SHUT_WR);
    way->is_finished = true;
}

/* False while the other side does not read: then nothing more is read from this side. */
static bool wants_input(const struct direction *way)
{
    return !way->has_ended && buffer_length(&way->out) < PENDING_MAX;
}

static bool serve_direction(struct tap *tap, struct direction *way, bool is_readable)
{
    if (is_readable && wants_input(way) && !(receive(way) && take_packets(tap, way)))
        return false;
    if (way->has_ended && buffer_length(&way->in) > 0 && !meet_end(tap, way))
        return false;
    transmit(way);
    if (way->has_ended && buffer_length(&way->out) == 0 && !way->is_finished)
        finish(way);
    return true;
}

/* ---------------------------------------------------------------------------------------------
 * Connections
 * ------------------------------------------------------------------------------------------- */

static void free_direction(struct direction *way)
{
    if (way->record != NULL)
        fclose(way->record);
    buffer_free(&way->in);
    buffer_free(&way->out);
}

static void free_connection(struct connection *connection)
{
    free_direction(&connection->up);
    free_direction(&connection->down);
    buffer_free(&connection->client_id);
    close(connection->client);
    if (connection->server >= 0)
        close(connection->server);
    free(connection);
}

/* Unbuffered, so that the recording is always up to date. */
static bool open_record(const struct connection *connection, struct direction *way,
                        const char *side)
{
    char path[PATH_MAX];
    const int length =
        snprintf(path, sizeof path, "%s/%03lu.%s.bin", options.record, connection->number, side);

    if (length < 0 || (size_t)length >= sizeof path)
        return fail(way, "the recording", ENAMETOOLONG);
    way->record = fopen(path, "wb");
    if (way->record == NULL)
        return fail(way, path, errno);
    setvbuf(way->record, NULL, _IONBF, 0);
    return true;
}

static bool open_direction(struct connection *connection, struct direction *way, const char *side)
{
    way->connection = connection;
    way->side = side;
    snprintf(way->stream, sizeof way->stream, "connection %lu, %s", connection->number, side);
    return options.record == NULL || open_record(connection, way, side);
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
    up->decode_v5 = mqtt_v5_decode_from_client;
    down->decode = mqtt_decode_from_server;
    down->decode_v5 = mqtt_v5_decode_from_server;
    if (!open_direction(connection, up, "client") || !open_direction(connection, down, "server"))
        return false;
    up->source = connection->client;
    down->target = connection->client;
    connection->is_connecting = true;
    connection->next_address = tap->server;
    if (!try_next_address(connection))
        return fail(down, "connecting", errno);
    return true;
}

static void accept_connection(struct tap *tap)
{
    struct connection *connection;
    const int client = accept_client(tap->listener, NULL, 0);

    if (client < 0 && must_pause_accepting()) {
        complain("accepting: %s", strerror(errno));
        tap->accept_after = tap->now + ACCEPT_PAUSE;
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
static bool serve_connecting(struct connection *connection)
{
    const int error = connect_error(connection->server);

    connection->is_connecting = error != 0;
    if (error == 0)
        return true;
    close(connection->server);
    connection->server = -1;
    return try_next_address(connection) || fail(&connection->down, "connecting", error);
}

/* When the server has closed, nothing that the client sends matters. The client is still read for a
 * while: closing a socket with unread bytes would destroy bytes that the client has not received. */
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
        return server->revents == 0 || serve_connecting(connection);
    if (!serve_direction(tap, &connection->up, (client->revents & ~POLLOUT) != 0) ||
        !serve_direction(tap, &connection->down, (server->revents & ~POLLOUT) != 0))
        return false;
    return !is_over(tap, connection);
}

/* If nothing is expected from a socket, its file is -1, which poll ignores. Otherwise poll would
 * report a failed socket again and again. */
static struct pollfd interest(int file, const struct direction *from, const struct direction *to)
{
    struct pollfd result = {.fd = file};

    if (wants_input(from))
        result.events |= POLLIN;
    if (buffer_length(&to->out) > 0)
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
           !(options.once && tap->accepted > 0);
}

/* How long poll may wait; all times that are left are later than tap->now. */
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

/* Waits until something can be done, and does it. Returns false after a signal. */
static bool turn(struct tap *tap)
{
    struct pollfd polls[2 + 2 * CONNECTIONS_MAX];
    const size_t count = tap->count;
    size_t i;

    polls[0] = (struct pollfd){.fd = signal_pipe[0], .events = POLLIN};
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
        goes_on = turn(tap) && !(options.once && tap->accepted > 0 && tap->count == 0);
        has_failed = !flush_output();
    }
    for (i = 0; i < tap->count; i++)
        free_connection(tap->connections[i]);
    if (has_failed)
        return FAILED;
    return tap->met_malformed ? MALFORMED : ALL_IS_WELL;
}

/* ---------------------------------------------------------------------------------------------
 * Options
 * ------------------------------------------------------------------------------------------- */

/* Splits [HOST:]PORT at its last colon. An IPv6 address is in brackets. If the text has no host,
 * `host` keeps its value. Returns false, with an explanation, if `host` is too small. */
static bool split_address(const char *text, char *host, size_t size, const char **port)
{
    const char *colon = strrchr(text, ':');
    size_t length = colon == NULL ? 0 : (size_t)(colon - text);

    *port = colon == NULL ? text : colon + 1;
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
    }
    if (length >= size) {
        complain("%s: The host name is too long", text);
        return false;
    }
    if (length > 0)
        snprintf(host, size, "%.*s", (int)length, text);
    return true;
}

/* Returns -1, with an explanation, if that fails. */
static int start_listening(const char *text)
{
    char host[256] = "127.0.0.1";
    const char *port;
    int file;

    if (!split_address(text, host, sizeof host, &port))
        return -1;
    file = listen_at(host, port);
    if (file >= 0) {
        char name[96];
        name_listener(name, sizeof name, file, ", port ");
        fprintf(stderr, "mqtt_tap: listening at %s\n", name);
    }
    return file;
}

/* Returns NULL, with an explanation, if there is no such server. */
static struct addrinfo *look_up_server(const char *text)
{
    char host[256] = "";
    const char *port;

    if (!split_address(text, host, sizeof host, &port))
        return NULL;
    if (host[0] == '\0') {
        complain("--to %s: The value must be HOST:PORT", text);
        return NULL;
    }
    return look_up(host, port, 0);
}

/* The bit of a packet type, or 0, with an explanation, if none has the name. */
static unsigned type_bit(const char *name)
{
    unsigned type;

    for (type = MQTT_V5_CONNECT; type <= MQTT_V5_AUTH; type++)
        if (strcasecmp(name, mqtt_v5_packet_type_name((enum mqtt_v5_packet_type)type)) == 0)
            return 1u << type;
    complain("--type %s: There is no such packet type", name);
    return 0;
}

static bool check_filters(void)
{
    size_t i;

    for (i = 0; i < options.types.count; i++) {
        const unsigned bit = type_bit(options.types.items[i]);
        if (bit == 0)
            return false;
        options.shown_types |= bit;
    }
    for (i = 0; i < options.topics.count; i++) {
        if (mqtt_topic_filter_is_valid(mqtt_string_from(options.topics.items[i])))
            continue;
        complain("--topic %s: This is not a topic filter", options.topics.items[i]);
        return false;
    }
    return true;
}

static bool check_options(void)
{
    options.forwards_malformed = strcmp(options.malformed, "forward") == 0;
    if (!options.forwards_malformed && strcmp(options.malformed, "refuse") != 0) {
        complain("--malformed %s: The value must be refuse or forward", options.malformed);
        return false;
    }
    if (options.listen == NULL || options.to == NULL) {
        complain("--listen and --to are needed; --help says more");
        return false;
    }
    return check_filters();
}

int main(int argc, char **argv)
{
    struct tap tap = {.listener = -1};
    enum parse_result parsed = REFUSED_ARGUMENTS;
    int result = FAILED;

    if (occupy_standard_files())
        parsed = parse_arguments(&command_line, argc, argv, NULL, 0);
    if (parsed == ANSWERED)
        return ALL_IS_WELL;
    if (parsed != PARSED || !check_options())
        return FAILED;
    tap.out.file = stdout;
    tap.out.json = options.json;
    tap.out.colour = !options.json && wants_colour(false, false, STDOUT_FILENO);
    tap.out.put_label = put_direction;
    ignore_broken_pipes();
    tap.server = look_up_server(options.to);
    if (tap.server == NULL)
        return FAILED;
    if (!watch_signals())
        complain("watching signals: %s", strerror(errno));
    else
        tap.listener = start_listening(options.listen);
    if (tap.listener >= 0) {
        result = run(&tap);
        close(tap.listener);
    }
    freeaddrinfo(tap.server);
    return result;
}
