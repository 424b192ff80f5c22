/* SPDX-License-Identifier: MIT
 *
 * mqtt_client.c: publishes and subscribes from the command line, in the habit of mosquitto_pub and
 * mosquitto_sub: MQTT 3.1.1 with all three qualities of service, both ways, and what the standard
 * demands after a connection has broken.
 *
 *     cc -o mqtt_client examples/complete/mqtt_client.c
 *     ./mqtt_client --help
 *
 * Worth copying: send_due and take_acknowledgement are the sender of 4.3 and 4.4, take_publish and
 * finish_publish the receiver; resume_session says what is left of both after a reconnect. Payloads
 * of any size pass through fixed buffers, and nothing here waits for one thing alone: everything
 * happens between two calls of poll. A server needs nothing that MQTT 3.1.1 does not ask of it
 * [MQTT-7.0.0-2].
 */
#define _POSIX_C_SOURCE 200809L

#include "../../mqtt_codec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* In-flight messages: those sent and not acknowledged to the end */
#define WINDOW 20u

/* The largest PUBLISH without its payload: type, remaining length, topic name, packet id */
#define PUBLISH_HEADER_MAX (1u + 4u + 2u + MQTT_STRING_LENGTH_MAX + 2u)

#define BUFFER_SIZE 0x80000u   /* bytes: the longest CONNECT, and a good piece of payload */
#define PIECE_SIZE  4096u      /* bytes read from a file at a time */
#define SPOOL_LIMIT 0x1000000L /* bytes of published lines; then the file is used anew */

/* A pipe that poll calls writable takes this much without blocking. */
#if defined(PIPE_BUF)
#define OUTPUT_SIZE ((size_t)PIPE_BUF)
#else
#define OUTPUT_SIZE ((size_t)_POSIX_PIPE_BUF)
#endif

/* In milliseconds */
#define OPEN_TIMEOUT  10000 /* until an address answers, and from there until CONNACK */
#define CLOSE_TIMEOUT 2000  /* from DISCONNECT until the server has closed */
#define RETRY_FIRST   100
#define RETRY_LONGEST 10000

#define RETRY_DOUBLINGS 7 /* of the first pause; then it is the longest */

#define SUBSCRIBE_PACKET_ID 1u

static const char usage[] =
    "Usage: mqtt_client pub -t TOPIC (-m TEXT | -f FILE | -s | -l | -n) [OPTION]...\n"
    "       mqtt_client sub -t FILTER [-t FILTER]... [OPTION]...\n"
    "Publishes messages to an MQTT 3.1.1 server, or prints those that match a topic filter.\n"
    "\n"
    "  -h HOST            the server; default localhost\n"
    "  -p PORT            its port; default 1883\n"
    "  -t TOPIC           a topic name to publish to, or a topic filter to subscribe to\n"
    "  -q QOS             0, 1 or 2: of what is published, or at most of what is received\n"
    "  -i ID              the client identifier; without it the server assigns one\n"
    "  -c                 keep the session: clean session 0; needs -i\n"
    "  -u USER            the user name\n"
    "  -P PASSWORD        the password; needs -u\n"
    "  -k SECONDS         keep alive; default 60, 0 for none\n"
    "  -W SECONDS         stop after this time, with exit status 27\n"
    "  --will-topic TOPIC --will-payload TEXT --will-qos QOS --will-retain\n"
    "                     what the server publishes if this client vanishes\n"
    "  --retries N        reconnect up to N times in a row; default 10\n"
    "  --help             print this and exit\n"
    "\n"
    "pub:\n"
    "  -m TEXT            publish TEXT\n"
    "  -f FILE            publish what is in FILE\n"
    "  -s                 publish all of standard input as one message\n"
    "  -l                 publish each line of standard input\n"
    "  -n                 publish an empty message\n"
    "  -r                 as retained messages\n"
    "\n"
    "sub:\n"
    "  -C COUNT           end after this many messages\n"
    "  -v                 print the topic name and a space before each payload\n"
    "  -N                 print no newline after a payload\n"
    "\n"
    "The exit status is 0 if all is well, 1 if the options are wrong or if a file fails, 2 if the\n"
    "server refuses or the connection is lost for good, 3 if the server breaks a rule of the\n"
    "protocol, 27 if the time of -W is over.\n";

/* What the program exits with. */
enum {
    ALL_IS_WELL = 0,
    FAILED = 1,
    NO_CONNECTION = 2,
    PROTOCOL_VIOLATED = 3,
    TIMED_OUT = 27
};

struct options {
    const char *host;
    const char *port;
    const char *client_id;
    const char *user_name;
    const char *password;
    const char *will_topic;
    const char *will_payload;
    const char *message;
    const char *file;
    struct mqtt_subscription *topics;
    size_t topic_count;
    unsigned long qos;
    unsigned long will_qos;
    unsigned long keep_alive; /* seconds */
    unsigned long timeout;    /* seconds; 0: none */
    unsigned long retries;
    unsigned long count; /* of messages to receive; 0: without end */
    bool publishes;
    bool keep_session;
    bool will_retain;
    bool from_input;
    bool lines;
    bool empty;
    bool retain;
    bool verbose;
    bool no_newline;
    bool help;
};

/* Where payloads come from. Each is a range of a text or of a file, so that it can be sent again
 * and need not be held in memory. What cannot be read twice is copied to a temporary file. */
struct source {
    const char *text; /* NULL: the file */
    int file;         /* -1: the spool */
    int pipe;         /* copied to the spool until its end, then -1 */
    off_t end;        /* of what has been copied */
    off_t next;       /* where the next message starts */
    off_t scanned;    /* no line ends between `next` and this */
    bool finished;    /* there is no next message */
};

/* A message that is being published, until it is acknowledged. */
struct outgoing {
    off_t offset; /* of its payload in the source */
    size_t length;
    uint16_t packet_id;
    bool due; /* its PUBLISH or PUBREL is to be sent on this connection */
    bool dup; /* its PUBLISH has been sent before */
};

/* A message that has arrived, and is printed if it is to be. */
struct printing {
    struct mqtt_publish publish; /* payload.data NULL: it lies in the spool */
    size_t position;
    bool is_under_way;
};

struct buffer {
    uint8_t bytes[BUFFER_SIZE];
    size_t begin;
    size_t end;
};

enum phase {
    OFFLINE, /* until it is time to reconnect */
    CONNECTING,
    AWAITING_CONNACK,
    ONLINE,
    CLOSING, /* DISCONNECT is on its way */
    OVER
};

struct client {
    const struct options *options;
    int status; /* the exit status, once it is over */

    enum phase phase;
    int socket;
    struct addrinfo *addresses;
    const struct addrinfo *address; /* the next to try */
    bool has_connected;             /* ever */
    unsigned long attempts;         /* to reconnect, since the server last was of use */

    int64_t now; /* all times are in milliseconds, of a clock that nobody sets */
    int64_t stop_at;
    int64_t deadline; /* of the phase */
    int64_t sent_at;  /* the last bytes that the socket has taken */
    int64_t pinged_at;
    bool awaits_pingresp;

    struct buffer sending;
    struct buffer received;

    /* The sender. Of outgoing[] the first `released` have had their PUBREC and stand in its order,
     * the others stand in the order of their PUBLISH. */
    struct source source;
    struct outgoing outgoing[WINDOW];
    size_t outgoing_count;
    size_t released;
    uint16_t last_packet_id;
    off_t payload_offset; /* of the payload that is being sent */
    size_t payload_left;

    /* The receiver */
    bool unreleased[65536]; /* by packet id: the QoS 2 messages that await their PUBREL */
    size_t spooled;         /* bytes of the payload that is being received */
    FILE *spool;
    struct printing printing;
    unsigned long printed;
    bool is_subscribed;
};

/* The write end of a pipe: a signal handler can reach nothing else, and poll watches its read end,
 * so that no signal falls between a look at a flag and the wait. */
static int signal_pipe = -1;

static void complain(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("mqtt_client: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

static void end(struct client *client, int status)
{
    client->status = status;
    client->phase = OVER;
}

/* A transient error is one of these: it ends the connection too [MQTT-4.8.0-2]. */
static void fail_local(struct client *client, const char *what)
{
    complain("%s: %s.", what, strerror(errno));
    end(client, FAILED);
}

/* [MQTT-4.8.0-1]: close, and without a DISCONNECT, so that the will is published. */
static void fail_protocol(struct client *client, const char *message, const char *clause)
{
    complain("The server has broken the protocol: %s [%s]", message, clause);
    end(client, PROTOCOL_VIOLATED);
}

static int64_t milliseconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---------------------------------------------------------------------------------------------
 * The packets that the options ask for
 * ------------------------------------------------------------------------------------------- */

static struct mqtt_bytes bytes_from(const char *text)
{
    const struct mqtt_bytes bytes = {(const uint8_t *)text, strlen(text)};

    return bytes;
}

static struct mqtt_connect make_connect(const struct options *options)
{
    struct mqtt_connect connect = {0};

    /* There always [MQTT-3.1.3-3], and the same after a reconnect: it names the session
     * [MQTT-3.1.3-2]. An empty one asks the server to assign one [MQTT-3.1.3-6]. */
    connect.client_id = mqtt_string_from(options->client_id);
    connect.clean_session = !options->keep_session;
    connect.keep_alive = (uint16_t)options->keep_alive;
    if (options->user_name != NULL) { /* [MQTT-3.1.2-18] [MQTT-3.1.2-19] */
        connect.has_user_name = true;
        connect.user_name = mqtt_string_from(options->user_name);
    }
    if (options->password != NULL) { /* [MQTT-3.1.2-20] [MQTT-3.1.2-21] */
        connect.has_password = true;
        connect.password = bytes_from(options->password);
    }
    if (options->will_topic != NULL) { /* both or neither [MQTT-3.1.2-9] [MQTT-3.1.2-11] */
        connect.has_will = true;
        connect.will.topic = mqtt_string_from(options->will_topic);
        connect.will.message = bytes_from(options->will_payload);
        connect.will.qos = (uint8_t)options->will_qos; /* otherwise 0 [MQTT-3.1.2-13] */
        connect.will.retain = options->will_retain;    /* otherwise 0 [MQTT-3.1.2-15] */
    }
    return connect;
}

static struct mqtt_subscribe make_subscribe(const struct options *options)
{
    const struct mqtt_subscribe subscribe = {.packet_id = SUBSCRIBE_PACKET_ID,
                                             .subscriptions = options->topics,
                                             .count = options->topic_count};

    return subscribe;
}

static struct mqtt_publish make_publish(const struct options *options,
                                        const struct outgoing *message)
{
    struct mqtt_publish publish = {0};

    publish.topic = options->topics[0].filter;
    publish.qos = (uint8_t)options->qos;
    publish.retain = options->retain;
    publish.dup = message->dup && options->qos > 0; /* [MQTT-3.3.1-1] [MQTT-3.3.1-2] */
    publish.packet_id = message->packet_id;         /* QoS 0 has none [MQTT-2.3.1-5] */
    publish.payload.length = message->length;
    return publish;
}

/* Returns a negative status if an option breaks a rule of the encoders. Strings are UTF-8
 * [MQTT-1.5.3-1]: the client id [MQTT-3.1.3-4], the will topic [MQTT-3.1.3-10], the user name
 * [MQTT-3.1.3-11], without which there is no password [MQTT-3.1.2-22], the topic name
 * [MQTT-3.3.2-1] and the filters [MQTT-3.8.3-1]. A topic has 1 to 65,535 bytes [MQTT-4.7.3-1]
 * [MQTT-4.7.3-3], a topic name no wildcards [MQTT-3.3.2-2] [MQTT-4.7.1-1], a filter has them in
 * their places [MQTT-4.7.1-2] [MQTT-4.7.1-3]. No argument of a program holds U+0000 [MQTT-1.5.3-2]
 * [MQTT-4.7.3-2]. */
static int32_t check_packets(const struct options *options)
{
    const struct mqtt_connect connect = make_connect(options);
    const struct mqtt_subscribe subscribe = make_subscribe(options);
    const struct outgoing message = {.packet_id = 1};
    const struct mqtt_publish publish = make_publish(options, &message);
    const int32_t first = mqtt_encode_connect(NULL, 0, &connect);
    const int32_t second = options->publishes ? mqtt_encode_publish_header(NULL, 0, &publish)
                                              : mqtt_encode_subscribe(NULL, 0, &subscribe);

    return first < 0 ? first : second;
}

/* ---------------------------------------------------------------------------------------------
 * The connection
 * ------------------------------------------------------------------------------------------- */

static void fail_to_encode(struct client *client, int32_t status)
{
    complain("%s [%s]", mqtt_status_message(status), mqtt_status_clause(status));
    end(client, FAILED);
}

/* Counts what an encoder has put at the end of the bytes to send. */
static void add(struct client *client, int32_t size)
{
    if (size > 0)
        client->sending.end += (size_t)size;
    else
        fail_to_encode(client, size);
}

static size_t room(const struct client *client)
{
    return BUFFER_SIZE - client->sending.end;
}

/* The encoder sets the reserved flags [MQTT-2.2.2-1], those of PUBREL [MQTT-3.6.1-1] and SUBSCRIBE
 * [MQTT-3.8.1-1] too, and the order of what is in a CONNECT [MQTT-3.1.3-1]. */
static void send_packet(struct client *client, const struct mqtt_packet *packet)
{
    add(client, mqtt_encode(client->sending.bytes + client->sending.end, room(client), packet));
}

/* [MQTT-2.3.1-6]: with the packet id of the PUBLISH. */
static void send_acknowledgement(struct client *client, enum mqtt_packet_type type,
                                 uint16_t packet_id)
{
    const struct mqtt_packet packet = {.type = type, .as.ack.packet_id = packet_id};

    send_packet(client, &packet);
}

static void close_connection(struct client *client)
{
    if (client->socket >= 0)
        close(client->socket);
    client->socket = -1;
    if (client->addresses != NULL)
        freeaddrinfo(client->addresses);
    client->addresses = NULL;
}

/* Whether all messages that were asked for are printed. */
static bool is_count_reached(const struct client *client)
{
    return client->options->count > 0 && client->printed >= client->options->count;
}

/* Plans the next attempt, unless the connection is not needed any more or was never there. */
static void lose_connection(struct client *client, const char *why)
{
    const struct options *options = client->options;

    close_connection(client);
    if (client->phase == CLOSING) {
        client->phase = OVER;
        return;
    }
    client->phase = OFFLINE;
    if (is_count_reached(client) && !options->keep_session) { /* no PUBREL will come any more */
        end(client, ALL_IS_WELL);
        return;
    }
    if (!client->has_connected || client->attempts >= options->retries) {
        complain("No connection to %s, port %s: %s.", options->host, options->port, why);
        end(client, NO_CONNECTION);
        return;
    }
    client->deadline =
        client->now +
        (client->attempts < RETRY_DOUBLINGS ? RETRY_FIRST << client->attempts : RETRY_LONGEST);
    client->attempts++;
    complain("The connection is lost: %s. Attempt %lu of %lu to reconnect follows.", why,
             client->attempts, options->retries);
}

/* [MQTT-3.1.0-1]: CONNECT is what a client sends first. */
static void send_connect(struct client *client)
{
    const struct mqtt_packet packet = {.type = MQTT_CONNECT,
                                       .as.connect = make_connect(client->options)};

    client->phase = AWAITING_CONNACK;
    client->has_connected = true;
    client->deadline = client->now + OPEN_TIMEOUT;
    client->sent_at = client->now;
    client->awaits_pingresp = false;
    client->payload_left = 0;
    client->spooled = 0;
    client->received.begin = client->received.end = 0;
    client->sending.begin = client->sending.end = 0;
    send_packet(client, &packet);
}

/* Returns a socket that does not block and is connecting, or -1. TCP keeps the order of the bytes
 * and loses none [MQTT-7.1.2-1]. */
static int open_socket(const struct addrinfo *address)
{
    const int on = 1;
    const int file = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    int error;

    if (file < 0)
        return -1;
    /* No acknowledgement is to wait for the next; if this fails they are slower. */
    (void)setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (fcntl(file, F_SETFL, O_NONBLOCK) == 0 &&
        (connect(file, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS))
        return file;
    error = errno;
    close(file);
    errno = error;
    return -1;
}

/* Tries the addresses that are left, until one does not fail at once. */
static void try_addresses(struct client *client, int error)
{
    client->phase = CONNECTING;
    client->deadline = client->now + OPEN_TIMEOUT;
    if (client->socket >= 0)
        close(client->socket);
    client->socket = -1;
    while (client->address != NULL && client->socket < 0) {
        client->socket = open_socket(client->address);
        error = errno;
        client->address = client->address->ai_next;
    }
    if (client->socket < 0)
        lose_connection(client, strerror(error));
}

/* Names are resolved by libc, which waits as long as its resolver does. */
static void open_connection(struct client *client)
{
    const struct options *options = client->options;
    struct addrinfo hints = {0};
    int error;

    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    error = getaddrinfo(options->host, options->port, &hints, &client->addresses);
    client->now = milliseconds();
    if (error != 0) {
        client->addresses = NULL;
        lose_connection(client, gai_strerror(error));
        return;
    }
    client->address = client->addresses;
    try_addresses(client, 0);
}

static void finish_opening(struct client *client)
{
    int error = 0;
    socklen_t size = sizeof error;

    if (getsockopt(client->socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    if (error != 0)
        try_addresses(client, error);
    else
        send_connect(client);
}

/* Ends with `status`, and with a DISCONNECT where one can be sent: not between the bytes of a
 * payload, and not where there is no session yet. In the phase CLOSING nothing is sent any more
 * [MQTT-3.14.4-2]. */
static void disconnect(struct client *client, int status)
{
    const struct mqtt_packet packet = {.type = MQTT_DISCONNECT};

    if (client->phase == CLOSING)
        return;
    if (client->phase != ONLINE || client->payload_left > 0 || room(client) < 2) {
        end(client, status);
        return;
    }
    client->status = status;
    client->phase = CLOSING;
    client->deadline = client->now + CLOSE_TIMEOUT;
    send_packet(client, &packet);
}

static bool is_all_sent(const struct client *client)
{
    return client->sending.begin == client->sending.end && client->payload_left == 0;
}

static void flush_sending(struct client *client)
{
    struct buffer *sending = &client->sending;

    while (sending->begin < sending->end) {
        const ssize_t count =
            send(client->socket, sending->bytes + sending->begin, sending->end - sending->begin, 0);
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return;
        if (count < 0) {
            lose_connection(client, strerror(errno));
            return;
        }
        sending->begin += (size_t)count;
        client->sent_at = client->now;
    }
    sending->begin = sending->end = 0;
    /* Not close: it would reset the connection if there is something to read, and the server might
     * then lose what it has not read yet. That follows when the server has closed
     * [MQTT-3.14.4-1]. */
    if (client->phase == CLOSING)
        (void)shutdown(client->socket, SHUT_WR);
}

static void receive(struct client *client)
{
    struct buffer *received = &client->received;
    ssize_t count;

    if (received->begin > 0) { /* what is left is less than a packet, and stays at the front */
        received->end -= received->begin;
        memmove(received->bytes, received->bytes + received->begin, received->end);
        received->begin = 0;
    }
    if (client->phase == CLOSING)
        received->end = 0; /* what would not be answered is not kept */
    count = recv(client->socket, received->bytes + received->end, BUFFER_SIZE - received->end, 0);
    if (count > 0)
        received->end += (size_t)count;
    else if (count == 0)
        lose_connection(client, "The server has closed it");
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        lose_connection(client, strerror(errno));
}

/* ---------------------------------------------------------------------------------------------
 * The source of payloads
 * ------------------------------------------------------------------------------------------- */

static bool write_spool(struct client *client, const uint8_t *bytes, size_t length, off_t offset)
{
    if (client->spool == NULL && (client->spool = tmpfile()) == NULL) {
        fail_local(client, "A temporary file");
        return false;
    }
    while (length > 0) {
        const ssize_t count = pwrite(fileno(client->spool), bytes, length, offset);
        if (count < 0 && errno != EINTR) {
            fail_local(client, "The temporary file");
            return false;
        }
        if (count > 0) {
            bytes += count;
            length -= (size_t)count;
            offset += count;
        }
    }
    return true;
}

/* Returns the number of bytes read, at least 1, or 0: it has failed. */
static size_t read_source(struct client *client, uint8_t *bytes, size_t length, off_t offset)
{
    ssize_t count;

    if (client->source.text != NULL) {
        memcpy(bytes, client->source.text + offset, length);
        return length;
    }
    do {
        count = pread(client->source.file >= 0 ? client->source.file : fileno(client->spool), bytes,
                      length, offset);
    } while (count < 0 && errno == EINTR);
    if (count > 0)
        return (size_t)count;
    if (count < 0) {
        fail_local(client, "The payload");
    } else {
        complain("The file has become shorter while it was published.");
        end(client, FAILED);
    }
    return 0;
}

static void open_source(struct client *client)
{
    const struct options *options = client->options;
    struct source *source = &client->source;
    struct stat state;

    if (options->message != NULL || options->empty) {
        source->text = options->empty ? "" : options->message;
        source->end = (off_t)strlen(source->text);
        return;
    }
    /* A FIFO without a writer is waited for by poll, not by open. */
    source->file =
        options->file != NULL ? open(options->file, O_RDONLY | O_NONBLOCK) : STDIN_FILENO;
    if (source->file < 0 || fstat(source->file, &state) != 0) {
        fail_local(client, options->file != NULL ? options->file : "Standard input");
    } else if (S_ISREG(state.st_mode)) {
        source->end = state.st_size;
        source->next = lseek(source->file, 0, SEEK_CUR); /* some of it may be read already */
        if (source->next > source->end)
            source->next = source->end;
        source->scanned = source->next;
    } else {
        source->pipe = source->file;
        source->file = -1;
    }
}

/* Lines are fetched when they can be sent, so that the spool outgrows its limit by no more than a
 * line. */
static bool wants_input(const struct client *client)
{
    if (client->source.pipe < 0 || client->phase == CLOSING)
        return false;
    if (!client->options->lines)
        return true;
    return client->phase == ONLINE && is_all_sent(client) && client->outgoing_count < WINDOW &&
           (client->source.next < SPOOL_LIMIT || client->outgoing_count == 0);
}

/* Where all lines are acknowledged, the spool is used anew: nothing but a line begun is left of it,
 * which moves to its beginning, unless it is long. A message that no packet can hold any more is
 * not copied on: its input may have no end. */
static void copy_input(struct client *client)
{
    struct source *source = &client->source;
    uint8_t piece[PIECE_SIZE];
    const size_t begun = (size_t)(source->end - source->next);
    const struct outgoing message = {.packet_id = 1, .length = begun};
    const struct mqtt_publish publish = make_publish(client->options, &message);
    const int32_t size = mqtt_encode_publish_header(NULL, 0, &publish);
    size_t length = 0;
    ssize_t count;

    if (size < 0) {
        fail_to_encode(client, size);
        return;
    }
    if (client->outgoing_count == 0 && begun < sizeof piece / 2 &&
        (begun == 0 || read_source(client, piece, begun, source->next) == begun)) {
        source->next = source->scanned = source->end = 0;
        length = begun;
    }
    count = read(source->pipe, piece + length, sizeof piece - length);
    if (count < 0 && errno != EINTR && errno != EAGAIN)
        fail_local(client, "The input");
    if (count == 0)
        source->pipe = -1;
    if (count > 0)
        length += (size_t)count;
    if (write_spool(client, piece, length, source->end))
        source->end += (off_t)length;
}

/* Advances `scanned` to the next end of a line; false if there is none yet. */
static bool find_line_end(struct client *client)
{
    struct source *source = &client->source;
    uint8_t piece[PIECE_SIZE];

    while (source->scanned < source->end) {
        const size_t count = read_source(
            client, piece, smaller(sizeof piece, (size_t)(source->end - source->scanned)),
            source->scanned);
        const uint8_t *found = (const uint8_t *)memchr(piece, '\n', count);
        if (count == 0)
            return false;
        if (found != NULL) {
            source->scanned += found - piece;
            return true;
        }
        source->scanned += (off_t)count;
    }
    return false;
}

/* Sets where the next message lies; false if there is none, or none yet. */
static bool next_message(struct client *client, struct outgoing *message)
{
    struct source *source = &client->source;
    const bool is_line = client->options->lines && find_line_end(client);

    if (source->finished || client->phase == OVER || (!is_line && source->pipe >= 0))
        return false;
    message->offset = source->next;
    if (is_line) {
        message->length = (size_t)(source->scanned - source->next);
        source->scanned++;
        source->next = source->scanned;
        return true;
    }
    source->finished = true;
    message->length = (size_t)(source->end - source->next);
    return message->length > 0 || !client->options->lines;
}

/* ---------------------------------------------------------------------------------------------
 * The sender
 * ------------------------------------------------------------------------------------------- */

/* Returns its index, outgoing_count if there is none. */
static size_t find_outgoing(const struct client *client, uint16_t packet_id)
{
    size_t i = 0;

    while (i < client->outgoing_count && client->outgoing[i].packet_id != packet_id)
        i++;
    return i;
}

/* Puts a new message, if there is one, behind those in flight. */
static bool begin_message(struct client *client)
{
    struct outgoing message = {.due = true};

    if (client->outgoing_count == WINDOW || !next_message(client, &message))
        return false;
    do { /* one that is not in use, and not 0 [MQTT-2.3.1-1] [MQTT-2.3.1-2] */
        client->last_packet_id++;
    } while (client->last_packet_id == 0 ||
             find_outgoing(client, client->last_packet_id) < client->outgoing_count);
    message.packet_id = client->last_packet_id;
    client->outgoing[client->outgoing_count++] = message;
    return true;
}

/* The packet id is free again, and not before [MQTT-2.3.1-3]. */
static void finish_message(struct client *client, size_t index)
{
    client->outgoing_count--;
    memmove(client->outgoing + index, client->outgoing + index + 1,
            (client->outgoing_count - index) * sizeof client->outgoing[0]);
    if (index < client->released)
        client->released--;
}

static void send_publish(struct client *client, struct outgoing *message)
{
    const struct mqtt_publish publish = make_publish(client->options, message);
    uint8_t *const bytes = client->sending.bytes + client->sending.end;

    add(client, mqtt_encode_publish_header(bytes, room(client), &publish));
    client->payload_offset = message->offset;
    client->payload_left = message->length;
    message->dup = true;
}

/* Fills the bytes to send with payload. */
static void send_payload(struct client *client)
{
    while (client->payload_left > 0 && room(client) > 0) {
        const size_t count =
            read_source(client, client->sending.bytes + client->sending.end,
                        smaller(client->payload_left, room(client)), client->payload_offset);
        if (count == 0)
            return;
        client->sending.end += count;
        client->payload_offset += (off_t)count;
        client->payload_left -= count;
    }
}

/* Puts what is due behind the bytes to send, as far as there is room: PUBREL in the order of the
 * PUBRECs [MQTT-4.6.0-4], then PUBLISH in the order of the messages, for the first time or again
 * [MQTT-4.6.0-1]. */
static void send_due(struct client *client)
{
    size_t i = 0;

    for (;;) {
        send_payload(client);
        if (client->phase != ONLINE || client->payload_left > 0 ||
            room(client) < PUBLISH_HEADER_MAX)
            return;
        while (i < client->outgoing_count && !client->outgoing[i].due)
            i++;
        if (i == client->outgoing_count && !begin_message(client))
            return;
        client->outgoing[i].due = false;
        if (i < client->released)
            send_acknowledgement(client, MQTT_PUBREL, client->outgoing[i].packet_id);
        else
            send_publish(client, &client->outgoing[i]);
    }
}

/* QoS 0 ends when the socket has the last byte [MQTT-4.3.1-1]. Up to there the server cannot have
 * the message, and after a reconnect it is sent from its beginning. Returns whether there is room
 * for more. */
static bool finish_at_qos_0(struct client *client)
{
    const size_t count = client->outgoing_count;

    if (client->options->qos == 0 && client->phase == ONLINE && is_all_sent(client))
        while (client->outgoing_count > 0 && !client->outgoing[0].due)
            finish_message(client, 0);
    return client->outgoing_count < count;
}

/* PUBACK, PUBREC and PUBCOMP: what ends a state of [MQTT-4.3.2-1] and [MQTT-4.3.3-1]. */
static void take_acknowledgement(struct client *client, enum mqtt_packet_type type,
                                 uint16_t packet_id)
{
    const size_t index = find_outgoing(client, packet_id);
    struct outgoing message;

    if (index == client->outgoing_count)
        return; /* one that repeats another: what it acknowledges is done */
    message = client->outgoing[index];
    if ((client->options->qos == 1) != (type == MQTT_PUBACK) || client->options->qos == 0 ||
        (type == MQTT_PUBCOMP && index >= client->released)) {
        fail_protocol(client, "This acknowledgement is not what the message is waiting for.",
                      client->options->qos == 1 ? "MQTT-4.3.2-2" : "MQTT-4.3.3-2");
    } else if (type != MQTT_PUBREC) {
        finish_message(client, index);
    } else if (index < client->released) {
        client->outgoing[index].due = true; /* the server asks again */
    } else {                                /* from here on PUBREL, never again PUBLISH */
        memmove(client->outgoing + client->released + 1, client->outgoing + client->released,
                (index - client->released) * sizeof message);
        message.due = true;
        client->outgoing[client->released++] = message;
    }
}

/* ---------------------------------------------------------------------------------------------
 * The receiver
 * ------------------------------------------------------------------------------------------- */

/* A PUBLISH with a packet id that awaits its PUBREL is the message that we have, whatever its DUP
 * says [MQTT-4.3.3-2]. Any other is a new one, so at QoS 1 each is [MQTT-4.3.2-2]. */
static bool is_duplicate(const struct client *client, const struct mqtt_publish *publish)
{
    return publish->qos == 2 && client->unreleased[publish->packet_id];
}

static bool is_printed(const struct client *client, const struct mqtt_publish *publish)
{
    return !client->options->publishes && !is_count_reached(client) &&
           !is_duplicate(client, publish);
}

/* The message is printed, known, or not wanted, as where a publisher's session has subscriptions:
 * it is acknowledged [MQTT-4.5.0-2] as its QoS asks [MQTT-3.3.4-1], but not before, so that none is
 * lost. Packets are taken one after the other, which keeps the order of [MQTT-4.6.0-2] and
 * [MQTT-4.6.0-3]. What comes after the last message asked for is left to the session, which sends
 * it again, and has it acknowledged, when it is resumed; until then only a DISCONNECT is sent. */
static void finish_publish(struct client *client)
{
    const struct mqtt_publish *publish = &client->printing.publish;
    const bool is_left = is_count_reached(client) && !is_duplicate(client, publish);

    if (client->printing.is_under_way)
        client->printed++;
    client->printing.is_under_way = false;
    if (is_left || publish->qos == 0)
        return;
    if (publish->qos == 2)
        client->unreleased[publish->packet_id] = true;
    if (client->phase == ONLINE) /* offline: the server sends it again */
        send_acknowledgement(client, publish->qos == 1 ? MQTT_PUBACK : MQTT_PUBREC,
                             publish->packet_id);
}

/* Copies the payload that is there to the spool and drops it from behind the header. Printing it at
 * once would leave half a message on the output where a connection breaks. */
static bool spool_payload(struct client *client, const struct mqtt_publish *publish, size_t header)
{
    struct buffer *received = &client->received;
    uint8_t *const payload = received->bytes + received->begin + header;
    const size_t available = received->end - received->begin - header;
    const size_t count = smaller(available, publish->payload.length - client->spooled);

    if (is_printed(client, publish) && !write_spool(client, payload, count, (off_t)client->spooled))
        return false;
    client->spooled += count;
    received->end -= count;
    memmove(payload, payload + count, available - count);
    return client->spooled == publish->payload.length;
}

/* Takes a PUBLISH, or what is there of one that is larger than the buffer. Returns as
 * mqtt_decode_publish_header, MQTT_PACKET_INCOMPLETE until all of the payload is there. */
static int32_t take_publish(struct client *client)
{
    struct buffer *received = &client->received;
    const uint8_t *bytes = received->bytes + received->begin;
    const size_t length = received->end - received->begin;
    struct mqtt_publish publish;
    const int32_t result = mqtt_decode_publish_header(&publish, bytes, length);
    size_t size = (size_t)result;

    if (result < 0)
        return result;
    if (size + publish.payload.length <= BUFFER_SIZE) {
        publish.payload.data = bytes + size;
        size += publish.payload.length;
        if (length < size)
            return MQTT_PACKET_INCOMPLETE;
    } else if (!spool_payload(client, &publish, size)) {
        return MQTT_PACKET_INCOMPLETE;
    }
    client->spooled = 0;
    received->begin += size; /* its bytes stay where they are until it is printed */
    client->printing.publish = publish;
    client->printing.position = 0;
    client->printing.is_under_way = is_printed(client, &publish);
    if (!client->printing.is_under_way)
        finish_publish(client);
    return result;
}

/* Puts what is printed of a message, from `position` on, into `piece`: bytes as they came, U+FEFF
 * too [MQTT-1.5.3-3]. */
static size_t gather(struct client *client, uint8_t *piece, size_t capacity)
{
    const struct options *options = client->options;
    const struct mqtt_publish *publish = &client->printing.publish;
    const struct mqtt_bytes parts[] = {
        {(const uint8_t *)publish->topic.data, options->verbose ? publish->topic.length : 0},
        {(const uint8_t *)" ", options->verbose ? 1 : 0},
        publish->payload,
        {(const uint8_t *)"\n", options->no_newline ? 0 : 1}};
    size_t skipped = client->printing.position;
    size_t length = 0;
    size_t i;

    for (i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const size_t offset = smaller(skipped, parts[i].length);
        const size_t count = smaller(parts[i].length - offset, capacity - length);
        skipped -= offset;
        if (count > 0 && parts[i].data != NULL) {
            memcpy(piece + length, parts[i].data + offset, count);
        } else if (count > 0 && pread(fileno(client->spool), piece + length, count,
                                      (off_t)offset) != (ssize_t)count) {
            fail_local(client, "The temporary file");
            return 0;
        }
        length += count;
    }
    return length;
}

/* Prints a piece that does not block, so that a reader who pauses does not keep us from the keep
 * alive. */
static void print(struct client *client)
{
    uint8_t piece[OUTPUT_SIZE];
    const size_t length = gather(client, piece, sizeof piece);
    ssize_t count;

    if (client->phase == OVER)
        return;
    count = write(STDOUT_FILENO, piece, length);
    if (count < 0 && errno != EINTR && errno != EAGAIN) {
        fail_local(client, "Standard output");
        return;
    }
    if (count > 0)
        client->printing.position += (size_t)count;
    if (length < sizeof piece && (count == (ssize_t)length))
        finish_publish(client);
}

/* ---------------------------------------------------------------------------------------------
 * The session
 * ------------------------------------------------------------------------------------------- */

/* What the connection before has left is kept until here [MQTT-3.1.2-4] [MQTT-4.1.0-1], all through
 * a connection in any case [MQTT-4.1.0-2]. PUBLISH, then with DUP 1, and PUBREL, both under their
 * packet ids, are due again [MQTT-4.4.0-1]. Where the server has no session any more, with clean
 * session 1 [MQTT-3.1.2-6] or because it has lost it, what is not acknowledged to the end is
 * published as a new message. At QoS 2 it may then arrive twice; the other choice would be that it
 * may not arrive. Nothing that arrives is a duplicate of what came before. */
static void resume_session(struct client *client, bool session_present)
{
    size_t i;

    for (i = 0; i < client->outgoing_count; i++) {
        client->outgoing[i].due = true;
        if (!session_present)
            client->outgoing[i].dup = false;
    }
    if (session_present)
        return;
    client->released = 0;
    client->is_subscribed = false;
    memset(client->unreleased, 0, sizeof client->unreleased);
}

/* A subscription that the session has is not made again after a reconnect: the server would send
 * its retained messages once more [MQTT-3.8.4-3]. */
static void take_connack(struct client *client, const struct mqtt_connack *connack)
{
    static const char *const reasons[] = {"",
                                          "It does not speak MQTT 3.1.1",
                                          "It does not allow this client identifier",
                                          "It is unavailable",
                                          "The user name or the password is wrong",
                                          "This client is not authorized"};

    const struct mqtt_packet subscribe = {.type = MQTT_SUBSCRIBE,
                                          .as.subscribe = make_subscribe(client->options)};

    if (connack->return_code != MQTT_CONNACK_CODE_ACCEPTED) {
        complain("The server has refused the connection: %s.", reasons[connack->return_code]);
        end(client, NO_CONNECTION);
    } else if (connack->session_present && !client->options->keep_session) {
        fail_protocol(client, "A session is present though a clean one was asked for.",
                      "MQTT-3.2.2-1");
    } else {
        client->phase = ONLINE;
        resume_session(client, connack->session_present);
        if (!client->options->publishes && !client->is_subscribed && !is_count_reached(client))
            send_packet(client, &subscribe);
    }
}

static void take_suback(struct client *client, const struct mqtt_suback *suback)
{
    const struct options *options = client->options;
    size_t refused = 0;
    size_t i;

    if (options->publishes || client->is_subscribed || suback->packet_id != SUBSCRIBE_PACKET_ID) {
        fail_protocol(client, "This SUBACK answers no SUBSCRIBE.", "MQTT-3.8.4-2");
        return;
    }
    if (suback->count != options->topic_count) {
        fail_protocol(client, "A SUBACK has not one return code for each filter.", "MQTT-3.8.4-5");
        return;
    }
    /* They stand in the order of the filters [MQTT-3.9.3-1]. */
    for (i = 0; i < suback->count; i++)
        if (suback->return_codes[i] == MQTT_SUBACK_CODE_FAILURE) {
            complain("The server has refused the subscription to %s.",
                     options->topics[i].filter.data);
            refused++;
        }
    client->is_subscribed = true;
    if (refused == suback->count)
        disconnect(client, NO_CONNECTION);
}

static void take_packet(struct client *client, const struct mqtt_packet *packet)
{
    switch (packet->type) {
    case MQTT_CONNACK:
        take_connack(client, &packet->as.connack);
        break;
    case MQTT_SUBACK:
        take_suback(client, &packet->as.suback);
        break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBCOMP:
        take_acknowledgement(client, packet->type, packet->as.ack.packet_id);
        break;
    case MQTT_PUBREL: /* answered even if the id is not known [MQTT-4.3.3-2] */
        client->unreleased[packet->as.ack.packet_id] = false;
        send_acknowledgement(client, MQTT_PUBCOMP, packet->as.ack.packet_id);
        break;
    case MQTT_PINGRESP:
        client->awaits_pingresp = false;
        break;
    default:
        fail_protocol(client, "An UNSUBACK answers no UNSUBSCRIBE.", "MQTT-3.10.4-4");
        break;
    }
}

/* Takes the first packet, if it is there; false if it is not, or has to wait. */
static bool take_next(struct client *client)
{
    struct buffer *received = &client->received;
    const uint8_t *bytes = received->bytes + received->begin;
    const size_t length = received->end - received->begin;
    const unsigned type = length > 0 ? bytes[0] / 16u : 0;
    struct mqtt_packet packet;
    int32_t result;

    /* Between the bytes of a payload there is no place for an acknowledgement. */
    if (length == 0 || ((type == MQTT_PUBLISH || type == MQTT_PUBREL) && client->payload_left > 0))
        return false;
    if ((type == MQTT_CONNACK) != (client->phase == AWAITING_CONNACK)) {
        fail_protocol(client, "CONNACK is to come first, and once.", "MQTT-3.2.0-1");
        return false;
    }
    result = type == MQTT_PUBLISH ? take_publish(client)
                                  : mqtt_decode_from_server(&packet, bytes, length);
    if (result == MQTT_PACKET_INCOMPLETE) {
        if (type != MQTT_PUBLISH && length == BUFFER_SIZE)
            fail_protocol(client, "A SUBACK has too many return codes.", "MQTT-3.8.4-5");
        return false;
    }
    /* flags [MQTT-2.2.2-2] [MQTT-3.3.1-4], return codes [MQTT-3.9.3-2] and more */
    if (result < 0) {
        fail_protocol(client, mqtt_status_message(result), mqtt_status_clause(result));
        return false;
    }
    if (type != MQTT_CONNACK && type != MQTT_SUBACK)
        client->attempts = 0; /* a server that does no more than accept us is of no use */
    if (type != MQTT_PUBLISH) {
        received->begin += (size_t)result;
        take_packet(client, &packet);
    }
    return true;
}

/* Whether a packet can be answered now. */
static bool can_take(const struct client *client)
{
    return (client->phase == ONLINE || client->phase == AWAITING_CONNACK) &&
           !client->printing.is_under_way && room(client) >= 4;
}

static void check_whether_done(struct client *client)
{
    const bool is_done = client->options->publishes
                             ? client->source.finished && client->outgoing_count == 0
                             : is_count_reached(client) &&
                                   memchr(client->unreleased, 1, sizeof client->unreleased) == NULL;

    if (client->phase == ONLINE && is_done && !client->printing.is_under_way)
        disconnect(client, ALL_IS_WELL);
}

/* Does all that can be done without waiting. */
static void advance(struct client *client)
{
    while (can_take(client) && take_next(client))
        ;
    do {
        if (client->phase == ONLINE && client->options->publishes)
            send_due(client);
        if (client->phase >= AWAITING_CONNACK && client->phase <= CLOSING)
            flush_sending(client);
    } while (finish_at_qos_0(client));
    check_whether_done(client);
}

/* ---------------------------------------------------------------------------------------------
 * Time
 * ------------------------------------------------------------------------------------------- */

/* Whether a PINGRESP cannot reach us: we do not read while we print, nor all of it while we send a
 * payload, and it cannot overtake the packet that is arriving. The server is not to blame, and
 * still wants our PINGREQ. */
static bool is_kept_from_reading(const struct client *client)
{
    return client->printing.is_under_way || client->spooled > 0 || client->payload_left > 0;
}

/* When check_time has something to do. */
static int64_t next_time(const struct client *client)
{
    const int64_t interval = (int64_t)client->options->keep_alive * 1000;

    if (client->phase == OFFLINE && client->printing.is_under_way)
        return INT64_MAX; /* a message that is being printed lies among the bytes received */
    if (client->phase != ONLINE)
        return client->deadline;
    if (interval == 0)
        return INT64_MAX;
    if (!is_all_sent(client))
        return client->sent_at + interval;
    if (client->awaits_pingresp && !is_kept_from_reading(client))
        return client->pinged_at + interval;
    return client->sent_at + interval * 3 / 4; /* before it is over [MQTT-3.1.2-23] */
}

/* A server that takes no byte, or does not answer a PINGREQ, as long as the keep alive, is taken
 * for gone (3.1.2.10). */
static void keep_alive(struct client *client)
{
    const struct mqtt_packet packet = {.type = MQTT_PINGREQ};

    if (!is_all_sent(client)) {
        lose_connection(client, "The server takes no more bytes");
    } else if (client->awaits_pingresp && !is_kept_from_reading(client)) {
        lose_connection(client, "The server does not answer a PINGREQ");
    } else {
        client->awaits_pingresp = true;
        client->pinged_at = client->now;
        send_packet(client, &packet);
    }
}

static void check_time(struct client *client)
{
    if (is_kept_from_reading(client))
        client->pinged_at = client->now;
    if (client->stop_at > 0 && client->now >= client->stop_at && client->phase != CLOSING) {
        complain("The time is over.");
        disconnect(client, TIMED_OUT);
    }
    if (client->phase == OVER || client->now < next_time(client))
        return;
    if (client->phase == OFFLINE)
        open_connection(client);
    else if (client->phase == CONNECTING)
        try_addresses(client, ETIMEDOUT);
    else if (client->phase == AWAITING_CONNACK)
        lose_connection(client, "The server does not answer the CONNECT");
    else if (client->phase == ONLINE)
        keep_alive(client);
    else
        client->phase = OVER; /* the server does not close, so we do */
}

/* How long poll waits, at most. */
static int poll_timeout(const struct client *client)
{
    int64_t time = next_time(client);

    if (client->stop_at > 0 && client->phase != CLOSING && client->stop_at < time)
        time = client->stop_at;
    if (time == INT64_MAX)
        return -1;
    if (time - client->now > 60000)
        return 60000;
    return time > client->now ? (int)(time - client->now) : 0;
}

/* ---------------------------------------------------------------------------------------------
 * The loop
 * ------------------------------------------------------------------------------------------- */

static short socket_events(const struct client *client)
{
    short events = 0;

    if (client->phase == CONNECTING || !is_all_sent(client))
        events |= POLLOUT;
    if ((client->phase == CLOSING && !client->printing.is_under_way) ||
        (can_take(client) && client->received.end - client->received.begin < BUFFER_SIZE))
        events |= POLLIN;
    return events;
}

/* One round: wait until something can be done, and do it. */
static void wait_and_handle(struct client *client, int signals)
{
    struct pollfd files[4] = {
        {.fd = -1, .events = POLLIN},  /* the socket */
        {.fd = -1, .events = POLLOUT}, /* standard output */
        {.fd = -1, .events = POLLIN},  /* the input that is published */
        {.fd = -1, .events = POLLIN},  /* signals */
    };

    files[0].events = socket_events(client);
    if (files[0].events != 0) /* otherwise a broken connection would be reported without end */
        files[0].fd = client->socket;
    if (client->printing.is_under_way)
        files[1].fd = STDOUT_FILENO;
    if (wants_input(client))
        files[2].fd = client->source.pipe;
    if (client->phase != CLOSING) /* then a signal changes nothing, and the pipe stays readable */
        files[3].fd = signals;
    if (poll(files, 4, poll_timeout(client)) < 0 && errno != EINTR) {
        fail_local(client, "poll");
        return;
    }
    client->now = milliseconds();
    if (files[1].revents != 0)
        print(client);
    if (files[3].revents != 0 && client->phase != OVER)
        disconnect(client, ALL_IS_WELL);
    if (files[2].revents != 0 && client->phase != OVER)
        copy_input(client);
    if (files[0].revents != 0 && client->phase == CONNECTING)
        finish_opening(client);
    else if ((files[0].events & POLLIN) != 0 && (files[0].revents & ~POLLOUT) != 0 &&
             client->phase != OVER)
        receive(client); /* what can be sent, advance sends */
}

static void handle_signal(int number)
{
    const int error = errno;

    (void)number;
    (void)!write(signal_pipe, "", 1);
    errno = error;
}

/* Returns what becomes readable when the program is to end, or -1: it has failed. */
static int watch_signals(void)
{
    struct sigaction action = {0};
    int ends[2];

    if (pipe(ends) != 0 || fcntl(ends[1], F_SETFL, O_NONBLOCK) != 0)
        return -1;
    signal_pipe = ends[1];
    action.sa_handler = handle_signal;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGINT, &action, NULL) != 0 || sigaction(SIGTERM, &action, NULL) != 0)
        return -1;
    return ends[0];
}

static void run(struct client *client)
{
    int signals = -1;

    client->now = milliseconds();
    if (client->options->timeout > 0)
        client->stop_at = client->now + (int64_t)client->options->timeout * 1000;
    /* In a session that was kept, the server may still know packet ids of an earlier run. To start
     * elsewhere than that one did makes it unlikely that a new message is taken for an old one. */
    client->last_packet_id = (uint16_t)(client->now + (int64_t)getpid() * 257);
    if (client->options->publishes) {
        open_source(client);
    } else {
        signals = watch_signals();
        if (signals < 0)
            fail_local(client, "The signals");
    }
    while (client->phase != OVER) {
        check_time(client);
        advance(client);
        if (client->phase != OVER)
            wait_and_handle(client, signals);
    }
}

static int run_client(const struct options *options)
{
    static struct client client;
    int32_t status;
    size_t i;

    for (i = 0; i < options->topic_count; i++)
        options->topics[i].qos = (uint8_t)options->qos;
    status = check_packets(options);
    if (status < 0) {
        complain("An option breaks a rule: %s [%s]", mqtt_status_message(status),
                 mqtt_status_clause(status));
        return FAILED;
    }
    client.options = options;
    client.socket = -1;
    client.source.pipe = -1;
    run(&client);
    close_connection(&client);
    if (client.spool != NULL)
        fclose(client.spool);
    return client.status;
}

/* ---------------------------------------------------------------------------------------------
 * Options
 * ------------------------------------------------------------------------------------------- */

enum {
    PUB = 1,
    SUB = 2,
    BOTH = PUB | SUB
};

enum kind {
    FLAG,
    TEXT,
    NUMBER,
    TOPIC
};

struct rule {
    const char *name;
    enum kind kind;
    int commands;
    size_t member;
    unsigned long smallest;
    unsigned long largest;
};

#define MEMBER(name) offsetof(struct options, name)

static const struct rule option_rules[] = {
    {"-h", TEXT, BOTH, MEMBER(host), 0, 0},
    {"-p", TEXT, BOTH, MEMBER(port), 0, 0},
    {"-t", TOPIC, BOTH, 0, 0, 0},
    {"-q", NUMBER, BOTH, MEMBER(qos), 0, 2},
    {"-i", TEXT, BOTH, MEMBER(client_id), 0, 0},
    {"-c", FLAG, BOTH, MEMBER(keep_session), 0, 0},
    {"-u", TEXT, BOTH, MEMBER(user_name), 0, 0},
    {"-P", TEXT, BOTH, MEMBER(password), 0, 0},
    {"-k", NUMBER, BOTH, MEMBER(keep_alive), 0, UINT16_MAX},
    {"-W", NUMBER, BOTH, MEMBER(timeout), 1, INT32_MAX},
    {"--will-topic", TEXT, BOTH, MEMBER(will_topic), 0, 0},
    {"--will-payload", TEXT, BOTH, MEMBER(will_payload), 0, 0},
    {"--will-qos", NUMBER, BOTH, MEMBER(will_qos), 0, 2}, /* [MQTT-3.1.2-14] */
    {"--will-retain", FLAG, BOTH, MEMBER(will_retain), 0, 0},
    {"--retries", NUMBER, BOTH, MEMBER(retries), 0, INT32_MAX},
    {"--help", FLAG, BOTH, MEMBER(help), 0, 0},
    {"-m", TEXT, PUB, MEMBER(message), 0, 0},
    {"-f", TEXT, PUB, MEMBER(file), 0, 0},
    {"-s", FLAG, PUB, MEMBER(from_input), 0, 0},
    {"-l", FLAG, PUB, MEMBER(lines), 0, 0},
    {"-n", FLAG, PUB, MEMBER(empty), 0, 0},
    {"-r", FLAG, PUB, MEMBER(retain), 0, 0},
    {"-C", NUMBER, SUB, MEMBER(count), 1, INT32_MAX},
    {"-v", FLAG, SUB, MEMBER(verbose), 0, 0},
    {"-N", FLAG, SUB, MEMBER(no_newline), 0, 0},
};

static bool parse_number(unsigned long *number, const char *text, unsigned long smallest,
                         unsigned long largest)
{
    char *rest;

    if (text[0] < '0' || text[0] > '9') /* strtoul would take a sign and white space */
        return false;
    errno = 0;
    *number = strtoul(text, &rest, 10);
    return errno == 0 && *rest == '\0' && *number >= smallest && *number <= largest;
}

static const struct rule *find_rule(const char *name, int command)
{
    size_t i;

    for (i = 0; i < sizeof option_rules / sizeof option_rules[0]; i++)
        if (strcmp(option_rules[i].name, name) == 0 && (option_rules[i].commands & command) != 0)
            return &option_rules[i];
    complain("There is no option %s here; --help lists them.", name);
    return NULL;
}

static bool set_option(struct options *options, const struct rule *rule, const char *value)
{
    void *const member = (char *)options + rule->member;

    if (rule->kind != FLAG && value == NULL) {
        complain("The option %s needs a value; --help says more.", rule->name);
        return false;
    }
    switch (rule->kind) {
    case FLAG:
        *(bool *)member = true;
        return true;
    case TEXT:
        *(const char **)member = value;
        return true;
    case TOPIC:
        options->topics[options->topic_count++].filter = mqtt_string_from(value);
        return true;
    default:
        if (parse_number((unsigned long *)member, value, rule->smallest, rule->largest))
            return true;
        complain("%s %s: The value is a number from %lu to %lu.", rule->name, value, rule->smallest,
                 rule->largest);
        return false;
    }
}

static bool parse_arguments(struct options *options, int count, char **arguments)
{
    const char *const command = count > 1 ? arguments[1] : "";
    int i;

    options->publishes = strcmp(command, "pub") == 0;
    options->help = strcmp(command, "--help") == 0;
    if (options->help)
        return true;
    if (!options->publishes && strcmp(command, "sub") != 0) {
        complain("The first argument is pub or sub; --help says more.");
        return false;
    }
    for (i = 2; i < count; i++) {
        const struct rule *const rule = find_rule(arguments[i], options->publishes ? PUB : SUB);
        if (rule == NULL || !set_option(options, rule, i + 1 < count ? arguments[i + 1] : NULL))
            return false;
        if (rule->kind != FLAG)
            i++;
    }
    return true;
}

/* What no packet shows to be wrong. */
static bool check_options(const struct options *options)
{
    const int payloads = (options->message != NULL) + (options->file != NULL) +
                         options->from_input + options->lines + options->empty;
    const char *fault = NULL;
    unsigned long port;

    if (!parse_number(&port, options->port, 1, UINT16_MAX))
        fault = "-p takes a number from 1 to 65535";
    else if (options->topic_count == 0) /* [MQTT-3.8.3-3] */
        fault = "-t is missing";
    else if (options->publishes && options->topic_count > 1)
        fault = "pub takes one -t";
    else if (options->publishes && payloads != 1)
        fault = "pub takes one of -m, -f, -s, -l and -n";
    else if (options->keep_session && options->client_id[0] == '\0') /* [MQTT-3.1.3-7] */
        fault = "-c needs -i";
    else if (options->will_topic == NULL &&
             (options->will_payload[0] != '\0' || options->will_qos > 0 || options->will_retain))
        fault = "a will needs --will-topic";
    if (fault != NULL)
        complain("%s; --help says more.", fault);
    return fault == NULL;
}

/* Where standard input, output or error is closed, the next file opened would take its place: the
 * socket would get what is printed. What takes it instead fails when it is used. */
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
    static struct options options = {.host = "localhost",
                                     .port = "1883",
                                     .client_id = "",
                                     .will_payload = "",
                                     .keep_alive = 60,
                                     .retries = 10};
    struct sigaction ignore = {0};
    int status = FAILED;

    ignore.sa_handler = SIG_IGN; /* a pipe without a reader is an error of write */
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, NULL);
    if (!occupy_standard_files())
        return FAILED;
    options.topics = (struct mqtt_subscription *)calloc((size_t)argc + 1, sizeof options.topics[0]);
    if (options.topics == NULL) {
        complain("Memory: %s.", strerror(errno));
    } else if (parse_arguments(&options, argc, argv)) {
        if (options.help)
            status = fputs(usage, stdout) >= 0 && fflush(stdout) == 0 ? ALL_IS_WELL : FAILED;
        else if (check_options(&options))
            status = run_client(&options);
    }
    free(options.topics);
    return status;
}
