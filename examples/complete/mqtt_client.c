/* SPDX-License-Identifier: MIT
 *
 * mqtt_client.c: publishes and subscribes from the command line, as mosquitto_pub and mosquitto_sub
 * do: MQTT 3.1.1 with all three qualities of service, in both directions, and what the standard
 * requires after a connection has broken.
 *
 *     cc -o mqtt_client examples/complete/mqtt_client.c
 *     ./mqtt_client --help
 *
 * To copy it, take mqtt_codec.h, network.h, program.h and qos.h too, and change the path of
 * mqtt_codec.h.
 *
 * Worth copying: send_due and take_acknowledgement are the sender of 4.3 and 4.4. take_publish and
 * finish_publish are the receiver. resume_session continues both after a reconnect. Payloads to
 * publish stream through a fixed buffer. No function waits: everything happens between two calls of
 * poll. The client needs nothing from a server that is not in MQTT 3.1.1 [MQTT-7.0.0-2].
 */
#define _POSIX_C_SOURCE 200809L
#define PROGRAM         "mqtt_client"
#define WINDOW_MAX      20u
#define BUFFER_CAPACITY 0x80000u /* the longest CONNECT fits, and much payload */

#include "../../mqtt_codec.h"
#include "network.h"
#include "qos.h"

#include <limits.h>
#include <poll.h>
#include <sys/stat.h>

/* The largest PUBLISH without its payload: type, remaining length, topic name, packet id */
#define PUBLISH_HEADER_MAX (1u + 4u + 2u + MQTT_STRING_LENGTH_MAX + 2u)

#define READ_SIZE   65536u     /* bytes received at a time */
#define PIECE_SIZE  4096u      /* bytes read from a file at a time */
#define SPOOL_LIMIT 0x1000000L /* bytes of published lines; then the file is reused */
#define OUTPUT_SIZE 512u       /* a pipe that poll reports as writable has room for these bytes */

/* In milliseconds */
#define OPEN_TIMEOUT  10000 /* for an address to answer, and then for the CONNACK */
#define CLOSE_TIMEOUT 2000  /* from DISCONNECT until the server has closed */
#define RETRY_FIRST   100
#define RETRY_LONGEST 10000

#define RETRY_DOUBLINGS     7 /* how often the pause doubles */
#define SUBSCRIBE_PACKET_ID 1u

/* The exit statuses of the program. */
enum {
    ALL_IS_WELL = 0,
    FAILED = 1,
    NO_CONNECTION = 2,
    PROTOCOL_VIOLATED = 3,
    TIMED_OUT = 27
};

static struct {
    const char *host;
    const char *client_id;
    const char *user_name;
    const char *password;
    const char *version;
    const char *will_topic;
    const char *will_payload;
    const char *file;
    struct option_list topics;
    struct option_list messages;
    uint32_t port;
    uint32_t qos;
    uint32_t will_qos;
    uint32_t keep_alive; /* seconds */
    uint32_t timeout;    /* seconds; 0: none */
    uint32_t retries;
    uint32_t count; /* of messages to receive; 0: no limit */
    bool publishes;
    bool keep_session;
    bool will_retain;
    bool from_input;
    bool lines;
    bool empty;
    bool retain;
    bool with_topic;
    bool no_newline;
    bool no_retained;
    bool debug;
} options = {
    .host = "localhost", .version = "mqttv311", .port = 1883, .keep_alive = 60, .retries = 10};

static const struct option known_options[] = {
    {"-h HOST", TEXT, &options.host, 0, 0, "the server"},
    {"-p PORT", NUMBER, &options.port, 1, 65535, "its port"},
    {"-t TOPIC", LIST, &options.topics, 0, 0, "a topic name to publish to, or a topic filter"},
    {"-q QOS", NUMBER, &options.qos, 0, 2, "the QoS; for sub, the highest QoS"},
    {"-i ID", TEXT, &options.client_id, 0, 0, "the client id; without it, the server assigns one"},
    {"-c", FLAG, &options.keep_session, 0, 0, "keep the session: clean session 0; needs -i"},
    {"-u USER", TEXT, &options.user_name, 0, 0, "the user name"},
    {"-P PASSWORD", TEXT, &options.password, 0, 0, "the password; needs -u"},
    {"-k SECONDS", NUMBER, &options.keep_alive, 0, UINT16_MAX, "keep alive; 0: none"},
    {"-W SECONDS", NUMBER, &options.timeout, 1, INT32_MAX, "end after this time, with status 27"},
    {"-V VERSION", TEXT, &options.version, 0, 0, "the version of the protocol; there is no other"},
    {"--will-topic TOPIC", TEXT, &options.will_topic, 0, 0,
     "the will's topic; the will is published if this client vanishes"},
    {"--will-payload TEXT", TEXT, &options.will_payload, 0, 0, "the will's payload"},
    {"--will-qos QOS", NUMBER, &options.will_qos, 0, 2, "the will's QoS"}, /* [MQTT-3.1.2-14] */
    {"--will-retain", FLAG, &options.will_retain, 0, 0, "the will is retained"},
    {"--retries N", NUMBER, &options.retries, 0, INT32_MAX, "reconnect up to N times in a row"},
    {"-d", FLAG, &options.debug, 0, 0, "print a line for each packet, on standard error"},
    {"--quiet", FLAG, &is_quiet, 0, 0, "print no error messages"},
    {"-m TEXT", LIST, &options.messages, 0, 0, "pub: publish TEXT"},
    {"-f FILE", TEXT, &options.file, 0, 0, "pub: publish the contents of FILE"},
    {"-s", FLAG, &options.from_input, 0, 0, "pub: publish all of standard input as one message"},
    {"-l", FLAG, &options.lines, 0, 0, "pub: publish each line of standard input"},
    {"-n", FLAG, &options.empty, 0, 0, "pub: publish an empty message"},
    {"-r", FLAG, &options.retain, 0, 0, "pub: publish retained messages"},
    {"-C COUNT", NUMBER, &options.count, 1, INT32_MAX, "sub: end after this many messages"},
    {"-v", FLAG, &options.with_topic, 0, 0, "sub: print the topic name before each payload"},
    {"-N", FLAG, &options.no_newline, 0, 0, "sub: print no newline after a payload"},
    {"-R", FLAG, &options.no_retained, 0, 0, "sub: print no retained messages"},
};

static const struct command_line command_line = {
    "Usage: mqtt_client pub -t TOPIC (-m TEXT | -f FILE | -s | -l | -n) [OPTION]...\n"
    "       mqtt_client sub -t FILTER [-t FILTER]... [OPTION]...\n"
    "Publishes messages to an MQTT 3.1.1 server, or prints those that match a topic filter.\n\n",
    "\nThe exit status is 0 if all is well, 1 if the options are wrong or if a file fails, 2 if\n"
    "the server refuses or the connection is lost for good, 3 if the server breaks a rule of the\n"
    "protocol, 27 if the time of -W is over.\n",
    known_options,
    sizeof known_options / sizeof known_options[0],
};

/* The payloads to be published. Each is a range of a text or of a file, so that it can be sent again
 * and need not be held in memory. Input that cannot be read twice is copied to the spool, a
 * temporary file. */
struct source {
    const char *text; /* NULL: the payloads are in the file */
    int file;         /* -1: the spool */
    int pipe;         /* copied to the spool until its end, then -1 */
    off_t end;        /* of the bytes that are there */
    off_t next;       /* where the next message starts */
    off_t scanned;    /* no line ends between `next` and this */
    bool finished;    /* there is no further message */
};

/* A payload in the source. */
struct range {
    off_t offset;
    size_t length;
    uint32_t losses; /* connections that ended without an acknowledgement of it */
};

enum phase {
    OFFLINE, /* until the time to reconnect */
    CONNECTING,
    AWAITING_CONNACK,
    ONLINE,
    CLOSING, /* the DISCONNECT is sent */
    OVER
};

struct client {
    int status; /* the exit status, when it is over */
    enum phase phase;
    int socket;
    struct addrinfo *addresses;
    const struct addrinfo *address; /* the next to try */
    bool has_connected;             /* ever */
    uint32_t attempts;              /* to reconnect, since the server last was of use */
    int64_t now;                    /* all times are in milliseconds */
    int64_t stop_at;
    int64_t deadline; /* of the phase */
    int64_t sent_at;  /* when the socket last accepted bytes */
    int64_t pinged_at;
    bool awaits_pingresp;
    struct buffer sending;  /* its memory never grows */
    struct buffer received; /* it begins with the first byte of a packet */

    /* The sender */
    struct source source;
    FILE *spool;
    struct window window; /* its messages are a struct range each */
    off_t payload_offset; /* of the payload that is being sent */
    size_t payload_left;

    /* The receiver */
    struct id_set unreleased; /* QoS 2 messages that wait for their PUBREL */
    struct buffer output;     /* of a message that is being printed */
    uint8_t printing_qos;     /* of that message */
    uint16_t printing_id;
    uint32_t printed;
    bool is_subscribed;
};

/* Made of options.topics; pub has one. */
static struct mqtt_subscription *subscriptions;

static void end(struct client *client, int status)
{
    client->status = status;
    client->phase = OVER;
}

/* An error of this program ends the connection too [MQTT-4.8.0-2]. */
static void fail_local(struct client *client, const char *what)
{
    complain("%s: %s", what, strerror(errno));
    end(client, FAILED);
}

/* Closes the connection [MQTT-4.8.0-1], without a DISCONNECT, so that the will is published. */
static void fail_protocol(struct client *client, const char *message, const char *clause)
{
    complain("The server has broken the protocol: %s [%s]", message, clause);
    end(client, PROTOCOL_VIOLATED);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The line that -d prints for a packet. */
static void debug(const char *verb, const struct mqtt_packet *packet)
{
    const struct mqtt_publish *publish = &packet->as.publish;
    const char *name = mqtt_packet_type_name(packet->type);

    if (!options.debug)
        return;
    if (packet->type == MQTT_PUBLISH) /* control characters could command the terminal */
        fprintf(stderr, "%s PUBLISH, id %u, QoS %u, DUP %u, RETAIN %u, %zu bytes, topic %.*s\n",
                verb, publish->packet_id, publish->qos, publish->dup, publish->retain,
                publish->payload.length, (int)publish->topic.length,
                mqtt_string_has_discouraged(publish->topic) ? "?" : publish->topic.data);
    else if (packet->type >= MQTT_PUBACK && packet->type <= MQTT_PUBCOMP)
        fprintf(stderr, "%s %s, id %u\n", verb, name, packet->as.ack.packet_id);
    else
        fprintf(stderr, "%s %s\n", verb, name);
}

/* ---------------------------------------------------------------------------------------------
 * The packets that the options ask for
 * ------------------------------------------------------------------------------------------- */

/* NULL is an empty text. */
static struct mqtt_string string_from(const char *text)
{
    return mqtt_string_from(text == NULL ? "" : text);
}

static struct mqtt_bytes bytes_from(const char *text)
{
    return mqtt_bytes_from(text, text == NULL ? 0 : strlen(text));
}

static struct mqtt_packet make_connect(void)
{
    struct mqtt_packet packet = {.type = MQTT_CONNECT};
    struct mqtt_connect *connect = &packet.as.connect;

    /* Always present [MQTT-3.1.3-3], and the same after a reconnect: it names the session
     * [MQTT-3.1.3-2]. An empty one asks the server to assign one [MQTT-3.1.3-6]. */
    connect->client_id = string_from(options.client_id);
    connect->clean_session = !options.keep_session;
    connect->keep_alive = (uint16_t)options.keep_alive;
    connect->has_user_name = options.user_name != NULL; /* [MQTT-3.1.2-18] [MQTT-3.1.2-19] */
    connect->user_name = string_from(options.user_name);
    connect->has_password = options.password != NULL; /* [MQTT-3.1.2-20] [MQTT-3.1.2-21] */
    connect->password = bytes_from(options.password);
    connect->has_will = options.will_topic != NULL; /* [MQTT-3.1.2-11] [MQTT-3.1.2-13] */
    connect->will.topic = string_from(options.will_topic);
    connect->will.message = bytes_from(options.will_payload); /* [MQTT-3.1.2-9] */
    connect->will.qos = (uint8_t)options.will_qos;
    connect->will.retain = options.will_retain; /* [MQTT-3.1.2-15] */
    return packet;
}

static struct mqtt_packet make_subscribe(void)
{
    const struct mqtt_packet packet = {.type = MQTT_SUBSCRIBE,
                                       .as.subscribe = {.packet_id = SUBSCRIBE_PACKET_ID,
                                                        .subscriptions = subscriptions,
                                                        .count = options.topics.count}};

    return packet;
}

/* A PUBLISH without the bytes of its payload. */
static struct mqtt_packet make_publish(const struct in_flight *message)
{
    struct mqtt_packet packet = {.type = MQTT_PUBLISH};
    struct mqtt_publish *publish = &packet.as.publish;

    publish->topic = subscriptions[0].filter;
    publish->qos = (uint8_t)options.qos;
    publish->retain = options.retain;
    publish->dup = message->is_sent && options.qos > 0; /* [MQTT-3.3.1-1] [MQTT-3.3.1-2] */
    if (options.qos > 0)
        publish->packet_id = message->packet_id; /* QoS 0 has none [MQTT-2.3.1-5] */
    publish->payload.length = ((const struct range *)message->message)->length;
    return packet;
}

/* The size of a PUBLISH, or the rule that it breaks. */
static int32_t check_publish(size_t length)
{
    struct range range = {.length = length};
    const struct in_flight message = {.message = &range, .packet_id = 1};
    const struct mqtt_packet packet = make_publish(&message);

    return mqtt_encode_publish_header(NULL, 0, &packet.as.publish);
}

/* Returns a negative status if an option breaks a rule of the encoders. Strings must be UTF-8
 * [MQTT-1.5.3-1]: the client id [MQTT-3.1.3-4], the will topic [MQTT-3.1.3-10], the user name
 * [MQTT-3.1.3-11], the topic name [MQTT-3.3.2-1] and the filters [MQTT-3.8.3-1]. A password needs a
 * user name [MQTT-3.1.2-22]. A topic has 1 to 65,535 bytes [MQTT-4.7.3-1] [MQTT-4.7.3-3]. A topic
 * name has no wildcards [MQTT-3.3.2-2] [MQTT-4.7.1-1]. A filter has them only at certain places
 * [MQTT-4.7.1-2] [MQTT-4.7.1-3]. An argument of a program cannot contain U+0000
 * [MQTT-1.5.3-2] [MQTT-4.7.3-2]. */
static int32_t check_packets(void)
{
    const struct mqtt_packet connect = make_connect();
    const struct mqtt_packet subscribe = make_subscribe();
    const int32_t first = mqtt_encode(NULL, 0, &connect);

    if (first < 0)
        return first;
    return options.publishes ? check_publish(0) : mqtt_encode(NULL, 0, &subscribe);
}

/* ---------------------------------------------------------------------------------------------
 * The connection
 * ------------------------------------------------------------------------------------------- */

static void fail_to_encode(struct client *client, int32_t status)
{
    complain("%s [%s]", mqtt_status_message(status), mqtt_status_clause(status));
    end(client, FAILED);
}

static size_t room(const struct client *client)
{
    return client->sending.capacity - client->sending.end;
}

/* Appends a packet to the bytes to send. The payload of a PUBLISH is left out; it follows in
 * pieces. The encoder sets the reserved flags [MQTT-2.2.2-1], also of PUBREL [MQTT-3.6.1-1] and
 * SUBSCRIBE [MQTT-3.8.1-1], and the order of the fields of CONNECT [MQTT-3.1.3-1]. */
static void send_packet(struct client *client, const struct mqtt_packet *packet)
{
    uint8_t *const bytes = client->sending.bytes + client->sending.end;
    const int32_t size = packet->type == MQTT_PUBLISH
                             ? mqtt_encode_publish_header(bytes, room(client), &packet->as.publish)
                             : mqtt_encode(bytes, room(client), packet);

    if (size < 0) {
        fail_to_encode(client, size);
        return;
    }
    client->sending.end += (size_t)size;
    debug("sending", packet);
}

/* It has the packet id of the packet that it answers [MQTT-2.3.1-6]. */
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

/* True if all messages that the options ask for are printed. */
static bool is_count_reached(const struct client *client)
{
    return options.count > 0 && client->printed >= options.count;
}

/* True if the server has closed too many connections at the same message. It handles messages in
 * their order, so that is the first one without an acknowledgement. */
static bool is_message_refused(const struct window *window)
{
    const struct in_flight *first = &window->messages[window->released];
    struct range *range = NULL;

    if (window->released < window->count && first->is_sent && !first->is_due)
        range = (struct range *)first->message;
    if (range == NULL)
        return false;
    range->losses++;
    if (range->losses > 1)
        complain("The server has closed the connection %" PRIu32
                 " times without accepting a message of %zu bytes: it may be too large",
                 range->losses, range->length);
    return range->losses > options.retries;
}

/* Plans the next attempt, unless the connection is not needed any more or never existed. */
static void lose_connection(struct client *client, const char *why)
{
    const bool is_refused = client->phase == ONLINE && is_message_refused(&client->window);

    close_connection(client);
    if (client->phase == CLOSING) {
        client->phase = OVER;
        return;
    }
    client->phase = OFFLINE;
    if (is_count_reached(client) && !options.keep_session) { /* no PUBREL will come any more */
        end(client, ALL_IS_WELL);
        return;
    }
    if (!client->has_connected || client->attempts >= options.retries || is_refused) {
        complain("No connection to %s, port %" PRIu32 ": %s", options.host, options.port, why);
        end(client, NO_CONNECTION);
        return;
    }
    client->deadline = client->now + RETRY_LONGEST;
    if (client->attempts < RETRY_DOUBLINGS)
        client->deadline = client->now + (RETRY_FIRST << client->attempts);
    client->attempts++;
    complain("The connection is lost: %s. Attempt %" PRIu32 " of %" PRIu32 " to reconnect follows",
             why, client->attempts, options.retries);
}

/* The first packet of a client is CONNECT [MQTT-3.1.0-1]. */
static void send_connect(struct client *client)
{
    const struct mqtt_packet packet = make_connect();

    client->phase = AWAITING_CONNACK;
    client->has_connected = true;
    client->deadline = client->now + OPEN_TIMEOUT;
    client->sent_at = client->now;
    client->awaits_pingresp = false;
    client->payload_left = 0;
    buffer_drop(&client->received, buffer_length(&client->received));
    buffer_drop(&client->sending, buffer_length(&client->sending));
    send_packet(client, &packet);
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
        client->socket = connect_to(client->address); /* by TCP [MQTT-7.1.2-1] */
        error = errno;
        client->address = client->address->ai_next;
    }
    if (client->socket < 0)
        lose_connection(client, strerror(error));
}

/* The lookup of a name blocks as long as libc waits for its resolver. */
static void open_connection(struct client *client)
{
    char port[8];

    snprintf(port, sizeof port, "%" PRIu32, options.port);
    client->addresses = look_up(options.host, port, 0);
    client->now = milliseconds();
    client->address = client->addresses;
    if (client->addresses == NULL)
        lose_connection(client, "Its address is unknown");
    else
        try_addresses(client, 0);
}

/* Ends with `status`. It sends a DISCONNECT first, but not between the bytes of a payload, and not
 * before the CONNACK. In the phase CLOSING nothing more is sent [MQTT-3.14.4-2]. */
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
    return buffer_length(&client->sending) == 0 && client->payload_left == 0;
}

static void flush_sending(struct client *client)
{
    const size_t before = buffer_length(&client->sending);

    if (before == 0)
        return;
    if (!buffer_send(&client->sending, client->socket)) {
        lose_connection(client, strerror(errno));
        return;
    }
    if (buffer_length(&client->sending) < before)
        client->sent_at = client->now;
    /* close would reset the connection if there is unread input, and the server could lose bytes.
     * So it is called when the server has closed [MQTT-3.14.4-1]. */
    if (client->phase == CLOSING && is_all_sent(client))
        (void)shutdown(client->socket, SHUT_WR);
}

static void receive(struct client *client)
{
    if (client->phase == CLOSING) /* packets are not answered any more */
        buffer_drop(&client->received, buffer_length(&client->received));
    if (!buffer_reserve(&client->received, READ_SIZE)) {
        fail_local(client, "Memory");
        return;
    }
    errno = 0;
    if (!buffer_receive(&client->received, client->socket, READ_SIZE))
        lose_connection(client, errno == 0 ? "The server has closed it" : strerror(errno));
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

/* Returns the number of bytes read, at least 1, or 0 if it fails. */
static size_t read_source(struct client *client, uint8_t *bytes, size_t length, off_t offset)
{
    const struct source *source = &client->source;
    ssize_t count;

    if (source->text != NULL) {
        memcpy(bytes, source->text + offset, length);
        return length;
    }
    do {
        count =
            pread(source->file >= 0 ? source->file : fileno(client->spool), bytes, length, offset);
    } while (count < 0 && errno == EINTR);
    if (count > 0)
        return (size_t)count;
    if (count < 0) {
        fail_local(client, "The payload");
    } else {
        complain("The file has become shorter while it was published");
        end(client, FAILED);
    }
    return 0;
}

static void open_source(struct client *client)
{
    struct source *source = &client->source;
    struct stat state;

    if (options.empty || options.messages.count > 0) {
        source->text = options.empty ? "" : options.messages.items[0];
        source->end = (off_t)strlen(source->text);
        return;
    }
    /* O_NONBLOCK: open does not wait for the writer of a FIFO; poll does. */
    source->file = options.file != NULL ? open(options.file, O_RDONLY | O_NONBLOCK) : STDIN_FILENO;
    if (source->file < 0 || fstat(source->file, &state) != 0) {
        fail_local(client, options.file != NULL ? options.file : "Standard input");
    } else if (S_ISREG(state.st_mode)) {
        source->end = state.st_size;
        source->next = lseek(source->file, 0, SEEK_CUR); /* a part of it may be read already */
        if (source->next > source->end)
            source->next = source->end;
        source->scanned = source->next;
    } else {
        source->pipe = source->file;
        source->file = -1;
    }
}

/* Lines are read when they can be sent, so that the spool exceeds its limit by one line at most. */
static bool wants_input(const struct client *client)
{
    if (client->source.pipe < 0 || client->phase == CLOSING)
        return false;
    if (!options.lines)
        return true;
    return client->phase == ONLINE && is_all_sent(client) && client->window.count < WINDOW_MAX &&
           (client->source.next < SPOOL_LIMIT || client->window.count == 0);
}

/* When all lines are acknowledged, the spool is used from its beginning again; a short part of a
 * line moves there. Input that is too long for a packet is refused at once: it may have no end. */
static void copy_input(struct client *client)
{
    struct source *source = &client->source;
    uint8_t piece[PIECE_SIZE];
    const size_t begun = (size_t)(source->end - source->next);
    const int32_t size = check_publish(begun);
    size_t length = 0;
    ssize_t count;

    if (size < 0) {
        fail_to_encode(client, size);
        return;
    }
    if (client->window.count == 0 && begun < sizeof piece / 2 &&
        (begun == 0 || read_source(client, piece, begun, source->next) == begun)) {
        source->next = source->scanned = source->end = 0;
        length = begun;
    }
    count = read(source->pipe, piece + length, sizeof piece - length);
    if (is_lost(count))
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
        const size_t left = (size_t)(source->end - source->scanned);
        const size_t count =
            read_source(client, piece, smaller(sizeof piece, left), source->scanned);
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

/* Finds the next message; false if there is none, or none yet. */
static bool next_message(struct client *client, struct range *range)
{
    struct source *source = &client->source;
    const bool is_line = options.lines && find_line_end(client);

    if (source->finished || client->phase == OVER || (!is_line && source->pipe >= 0))
        return false;
    range->offset = source->next;
    if (is_line) {
        range->length = (size_t)(source->scanned - source->next);
        source->scanned++;
        source->next = source->scanned;
        return true;
    }
    source->finished = true;
    range->length = (size_t)(source->end - source->next);
    return range->length > 0 || !options.lines;
}

/* ---------------------------------------------------------------------------------------------
 * The sender
 * ------------------------------------------------------------------------------------------- */

/* Adds the next message to the window; false if there is none, or no room. */
static bool begin_message(struct client *client)
{
    struct range next = {0};
    struct range *range;

    if (client->window.count == WINDOW_MAX || !next_message(client, &next))
        return false;
    range = (struct range *)malloc(sizeof *range);
    if (range == NULL) {
        fail_local(client, "Memory");
        return false;
    }
    *range = next;
    window_add(&client->window, range, (uint8_t)options.qos); /* [MQTT-2.3.1-1] [MQTT-2.3.1-2] */
    return true;
}

/* Appends payload to the bytes to send. */
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

/* Appends what is due to the bytes to send, if there is room: PUBREL in the order of the PUBRECs
 * [MQTT-4.6.0-4], then PUBLISH in the order of the messages, for the first time or again
 * [MQTT-4.6.0-1]. */
static void send_due(struct client *client)
{
    struct window *window = &client->window;

    for (;;) {
        struct in_flight *due;
        size_t index = 0;
        send_payload(client);
        if (client->phase != ONLINE || client->payload_left > 0 ||
            room(client) < PUBLISH_HEADER_MAX || (window->due == 0 && !begin_message(client)))
            return;
        due = window_next_due(window, &index);
        if (index < window->released) {
            send_acknowledgement(client, MQTT_PUBREL, due->packet_id);
        } else {
            const struct mqtt_packet packet = make_publish(due);
            const struct range *range = (const struct range *)due->message;
            send_packet(client, &packet);
            client->payload_offset = range->offset;
            client->payload_left = range->length;
            due->is_sent = true;
        }
    }
}

/* At QoS 0 a message is done when the socket has its last byte [MQTT-4.3.1-1]. Before that the
 * server cannot have it; after a reconnect it is sent from its beginning. Returns whether there is
 * room for more. */
static bool finish_at_qos_0(struct client *client)
{
    struct window *window = &client->window;
    const size_t count = window->count;

    if (options.qos == 0 && client->phase == ONLINE && is_all_sent(client))
        while (window->count > 0 && !window->messages[0].is_due)
            free(window_remove(window, 0));
    return window->count < count;
}

/* PUBACK, PUBREC and PUBCOMP: the packets that [MQTT-4.3.2-1] and [MQTT-4.3.3-1] wait for. An
 * unknown packet id is no violation: what it acknowledges is done, or a run before this one sent it.
 * Its PUBREC is answered, so that the server can forget the message. */
static void take_acknowledgement(struct client *client, enum mqtt_packet_type type,
                                 uint16_t packet_id)
{
    void *message = NULL;
    const enum ack_result result = window_acknowledge(&client->window, type, packet_id, &message);

    if (result == ACK_WRONG)
        fail_protocol(client, "This acknowledgement is not what the message is waiting for.",
                      options.qos == 1 ? "MQTT-4.3.2-2" : "MQTT-4.3.3-2");
    else if (result == ACK_DONE)
        free(message); /* the packet id is free again [MQTT-2.3.1-3] */
    else if (result == ACK_UNKNOWN && type == MQTT_PUBREC)
        send_acknowledgement(client, MQTT_PUBREL, packet_id);
}

/* ---------------------------------------------------------------------------------------------
 * The receiver
 * ------------------------------------------------------------------------------------------- */

/* The message is printed or not wanted. It is acknowledged in both cases [MQTT-4.5.0-2], as its QoS
 * requires [MQTT-3.3.4-1]. It is not acknowledged earlier, so that it cannot be lost. */
static void finish_publish(struct client *client, uint8_t qos, uint16_t packet_id)
{
    if (qos == 2)
        id_set_add(&client->unreleased, packet_id);
    if (qos > 0 && client->phase == ONLINE) /* offline: the server sends it again */
        send_acknowledgement(client, qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, packet_id);
}

static bool is_printing(const struct client *client)
{
    return buffer_length(&client->output) > 0;
}

/* Prints a piece that standard output accepts without blocking: even if its reader pauses, the
 * connection must be kept alive. */
static void print(struct client *client)
{
    const ssize_t count = write(STDOUT_FILENO, buffer_front(&client->output),
                                smaller(buffer_length(&client->output), OUTPUT_SIZE));

    if (is_lost(count)) {
        fail_local(client, "Standard output");
        return;
    }
    if (count > 0)
        buffer_drop(&client->output, (size_t)count);
    if (is_printing(client))
        return;
    client->printed++;
    finish_publish(client, client->printing_qos, client->printing_id);
}

/* Packets are handled one after the other, which keeps the order of [MQTT-4.6.0-2] [MQTT-4.6.0-3].
 * Messages after the last one that is asked for are left to the session: the server sends them again
 * when it is resumed. */
static void take_publish(struct client *client, const struct mqtt_publish *publish)
{
    struct buffer *output = &client->output;
    const struct mqtt_bytes payload = publish->payload;
    /* A QoS 2 message whose PUBREL has not come is the message that we have, whatever its DUP says
     * [MQTT-4.3.3-2]. At QoS 1 each message is new [MQTT-4.3.2-2]. */
    const bool is_known = publish->qos == 2 && id_set_has(&client->unreleased, publish->packet_id);

    if (options.publishes || is_known || (publish->retain && options.no_retained)) {
        finish_publish(client, publish->qos, publish->packet_id);
        return;
    }
    if (is_count_reached(client))
        return;
    client->printing_qos = publish->qos;
    client->printing_id = publish->packet_id;
    /* The bytes as they came, U+FEFF too [MQTT-1.5.3-3]. */
    if ((options.with_topic &&
         (!buffer_append(output, publish->topic.data, publish->topic.length) ||
          !buffer_append(output, " ", 1))) ||
        !buffer_append(output, payload.data, payload.length) ||
        (!options.no_newline && !buffer_append(output, "\n", 1)))
        fail_local(client, "Memory");
    else if (!is_printing(client)) /* an empty payload without a newline */
        print(client);
}

/* ---------------------------------------------------------------------------------------------
 * The session
 * ------------------------------------------------------------------------------------------- */

/* The state of the session is kept from the connection before [MQTT-3.1.2-4] [MQTT-4.1.0-1]
 * [MQTT-4.1.0-2]. PUBLISH, with DUP 1, and PUBREL are sent again with their packet ids
 * [MQTT-4.4.0-1]. If the server has no session, because it has lost it or because of clean session
 * 1 [MQTT-3.1.2-6], the messages that are not acknowledged to the end are published as new ones. At
 * QoS 2 they may then arrive twice; otherwise they might not arrive. */
static void resume_session(struct client *client, bool session_present)
{
    window_resume(&client->window, session_present);
    if (session_present)
        return;
    client->is_subscribed = false;
    memset(&client->unreleased, 0, sizeof client->unreleased);
}

/* A subscription of the session is not made again after a reconnect: the server would send its
 * retained messages again [MQTT-3.8.4-3]. */
static void take_connack(struct client *client, const struct mqtt_connack *connack)
{
    static const char *const reasons[] = {"",
                                          "It does not speak MQTT 3.1.1",
                                          "It does not allow this client identifier",
                                          "It is unavailable",
                                          "The user name or the password is malformed",
                                          "This client is not authorized"}; /* Table 3.1 */
    const struct mqtt_packet subscribe = make_subscribe();

    if (connack->return_code != MQTT_CONNACK_CODE_ACCEPTED) {
        complain("The server has refused the connection: %s", reasons[connack->return_code]);
        end(client, NO_CONNECTION);
    } else if (connack->session_present && !options.keep_session) {
        fail_protocol(client, "A session is present although a clean one was requested.",
                      "MQTT-3.2.2-1");
    } else {
        client->phase = ONLINE;
        resume_session(client, connack->session_present);
        if (!options.publishes && !client->is_subscribed && !is_count_reached(client))
            send_packet(client, &subscribe);
    }
}

static void take_suback(struct client *client, const struct mqtt_suback *suback)
{
    size_t refused = 0;
    size_t i;

    if (options.publishes || client->is_subscribed || suback->packet_id != SUBSCRIBE_PACKET_ID) {
        fail_protocol(client, "This SUBACK answers no SUBSCRIBE.", "MQTT-3.8.4-2");
        return;
    }
    if (suback->count != options.topics.count) {
        fail_protocol(client, "A SUBACK must have a return code for each filter.", "MQTT-3.8.4-5");
        return;
    }
    for (i = 0; i < suback->count; i++) { /* in the order of the filters [MQTT-3.9.3-1] */
        if (suback->return_codes[i] == MQTT_SUBACK_CODE_FAILURE) {
            complain("The server has refused the subscription to %s", options.topics.items[i]);
            refused++;
        }
    }
    client->is_subscribed = true;
    if (refused == suback->count)
        disconnect(client, NO_CONNECTION);
}

static void take_packet(struct client *client, const struct mqtt_packet *packet)
{
    debug("received", packet);
    switch (packet->type) {
    case MQTT_CONNACK:
        take_connack(client, &packet->as.connack);
        break;
    case MQTT_SUBACK:
        take_suback(client, &packet->as.suback);
        break;
    case MQTT_PUBLISH:
        take_publish(client, &packet->as.publish);
        break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBCOMP:
        take_acknowledgement(client, packet->type, packet->as.ack.packet_id);
        break;
    case MQTT_PUBREL: /* an unknown packet id is answered too [MQTT-4.3.3-2] */
        id_set_remove(&client->unreleased, packet->as.ack.packet_id);
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

/* Takes the first packet; false if it is not complete, or must wait. */
static bool take_next(struct client *client)
{
    struct mqtt_packet packet = {0};
    const int32_t size = mqtt_decode_from_server(&packet, buffer_front(&client->received),
                                                 buffer_length(&client->received));

    if (size == MQTT_PACKET_INCOMPLETE)
        return false;
    if (size < 0) { /* flags [MQTT-2.2.2-2] [MQTT-3.3.1-4], codes [MQTT-3.9.3-2] and so on */
        fail_protocol(client, mqtt_status_message(size), mqtt_status_clause(size));
        return false;
    }
    if ((packet.type == MQTT_CONNACK) != (client->phase == AWAITING_CONNACK)) {
        fail_protocol(client, "CONNACK must come first, and once.", "MQTT-3.2.0-1");
        return false;
    }
    /* An acknowledgement cannot be sent between the bytes of a payload. */
    if (client->payload_left > 0 &&
        (packet.type == MQTT_PUBLISH || packet.type == MQTT_PUBREL || packet.type == MQTT_PUBREC))
        return false;
    if (packet.type != MQTT_CONNACK && packet.type != MQTT_SUBACK)
        client->attempts = 0; /* a server that only accepts us is of no use */
    take_packet(client, &packet);
    buffer_drop(&client->received, (size_t)size);
    return true;
}

/* True if a packet can be answered now. */
static bool can_take(const struct client *client)
{
    return (client->phase == ONLINE || client->phase == AWAITING_CONNACK) && !is_printing(client) &&
           room(client) >= 4;
}

static void check_whether_done(struct client *client)
{
    const bool is_done = options.publishes
                             ? client->source.finished && client->window.count == 0
                             : is_count_reached(client) && client->unreleased.count == 0;

    if (client->phase == ONLINE && is_done && !is_printing(client))
        disconnect(client, ALL_IS_WELL);
}

/* Does everything that can be done without waiting. */
static void advance(struct client *client)
{
    while (can_take(client) && take_next(client))
        ;
    do {
        if (client->phase == ONLINE && options.publishes)
            send_due(client);
        if (client->phase >= AWAITING_CONNACK && client->phase <= CLOSING)
            flush_sending(client);
    } while (finish_at_qos_0(client));
    check_whether_done(client);
}

/* ---------------------------------------------------------------------------------------------
 * Time
 * ------------------------------------------------------------------------------------------- */

/* True if a PINGRESP could not reach us, without a fault of the server. We read nothing while we
 * print, and not everything while we send a payload. It cannot overtake a packet that arrives. */
static bool is_kept_from_reading(const struct client *client)
{
    return is_printing(client) || buffer_length(&client->received) > 0 || client->payload_left > 0;
}

/* The time when check_time has something to do. */
static int64_t next_time(const struct client *client)
{
    const int64_t interval = (int64_t)options.keep_alive * 1000;

    if (client->phase == OFFLINE && is_printing(client))
        return INT64_MAX; /* finish the message before the next attempt */
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

/* A server that accepts no byte, or does not answer a PINGREQ, for the time of the keep alive is
 * regarded as gone (3.1.2.10). */
static void keep_alive(struct client *client)
{
    const struct mqtt_packet packet = {.type = MQTT_PINGREQ};

    if (!is_all_sent(client)) {
        lose_connection(client, "The server accepts no more bytes");
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
        complain("The time is over");
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

/* How long poll may wait: a minute at most. */
static int poll_timeout(const struct client *client)
{
    int64_t time = next_time(client);

    if (client->stop_at > 0 && client->phase != CLOSING && client->stop_at < time)
        time = client->stop_at;
    if (time <= client->now)
        return 0;
    return time - client->now < 60000 ? (int)(time - client->now) : 60000;
}

/* ---------------------------------------------------------------------------------------------
 * The loop
 * ------------------------------------------------------------------------------------------- */

static short socket_events(const struct client *client)
{
    short events = 0;

    if (client->phase == CONNECTING || !is_all_sent(client))
        events |= POLLOUT;
    if ((client->phase == CLOSING && !is_printing(client)) || can_take(client))
        events |= POLLIN;
    return events;
}

/* One turn: waits until something can be done, and does it. */
static void wait_and_handle(struct client *client)
{
    struct pollfd files[4] = {
        {.fd = -1, .events = POLLIN},  /* the socket */
        {.fd = -1, .events = POLLOUT}, /* standard output */
        {.fd = -1, .events = POLLIN},  /* the input that is published */
        {.fd = -1, .events = POLLIN},  /* signals */
    };

    files[0].events = socket_events(client);
    if (files[0].events != 0) /* otherwise poll would report a broken connection again and again */
        files[0].fd = client->socket;
    if (is_printing(client))
        files[1].fd = STDOUT_FILENO;
    if (wants_input(client))
        files[2].fd = client->source.pipe;
    if (client->phase != CLOSING) /* then a signal changes nothing, and the pipe stays readable */
        files[3].fd = signal_pipe[0];
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
    if (files[0].revents != 0 && client->phase == CONNECTING) {
        const int error = connect_error(client->socket);
        if (error == 0)
            send_connect(client);
        else
            try_addresses(client, error);
    } else if ((files[0].events & POLLIN) != 0 && (files[0].revents & ~POLLOUT) != 0 &&
               client->phase != OVER) {
        receive(client); /* advance sends what can be sent */
    }
}

/* Returns the exit status. The system closes the files and frees the memory. */
static int run(void)
{
    static struct client client = {.socket = -1, .source.pipe = -1};

    client.now = milliseconds();
    if (!buffer_reserve(&client.sending, BUFFER_CAPACITY))
        fail_local(&client, "Memory");
    if (options.timeout > 0)
        client.stop_at = client.now + (int64_t)options.timeout * 1000;
    /* In a session that was kept, the server may still know packet ids of an earlier run. To start
     * with another one makes it unlikely that a new message is taken for an old one. */
    client.window.last_id = (uint16_t)(client.now + (int64_t)getpid() * 257);
    if (options.publishes)
        open_source(&client);
    else if (!watch_signals())
        fail_local(&client, "The signals");
    while (client.phase != OVER) {
        check_time(&client);
        advance(&client);
        if (client.phase != OVER)
            wait_and_handle(&client);
    }
    return client.status;
}

/* Checks what no encoder checks. */
static bool check_options(const char *command)
{
    const size_t payloads = options.messages.count + (options.file != NULL) + options.from_input +
                            options.lines + options.empty;
    const char *fault = NULL;

    options.publishes = strcmp(command, "pub") == 0;
    if (!options.publishes && strcmp(command, "sub") != 0)
        fault = "The command must be pub or sub";
    else if (strcmp(options.version, "mqttv311") != 0 && strcmp(options.version, "311") != 0)
        fault = "-V: The only version is mqttv311";
    else if (options.topics.count == 0) /* [MQTT-3.8.3-3] */
        fault = "-t is missing";
    else if (options.publishes && options.topics.count > 1)
        fault = "pub needs exactly one -t";
    else if (options.publishes && payloads != 1)
        fault = "pub needs exactly one of -m, -f, -s, -l and -n";
    else if (options.publishes &&
             (options.count > 0 || options.with_topic || options.no_newline || options.no_retained))
        fault = "-C, -v, -N and -R are options of sub";
    else if (!options.publishes && (payloads > 0 || options.retain))
        fault = "-m, -f, -s, -l, -n and -r are options of pub";
    else if (options.keep_session && options.client_id == NULL) /* [MQTT-3.1.3-7] */
        fault = "-c needs -i";
    else if (options.will_topic == NULL &&
             (options.will_payload != NULL || options.will_qos > 0 || options.will_retain))
        fault = "a will needs --will-topic";
    if (fault != NULL)
        complain("%s; --help says more", fault);
    return fault == NULL;
}

int main(int argc, char **argv)
{
    const char *command = "";
    enum parse_result parsed = REFUSED_ARGUMENTS;
    int32_t status;
    size_t i;

    ignore_broken_pipes();
    if (occupy_standard_files())
        parsed = parse_arguments(&command_line, argc, argv, &command, 1);
    if (parsed == ANSWERED)
        return ALL_IS_WELL;
    if (parsed != PARSED || !check_options(command))
        return FAILED;
    subscriptions = (struct mqtt_subscription *)calloc(options.topics.count, sizeof *subscriptions);
    if (subscriptions == NULL) {
        complain("Memory: %s", strerror(errno));
        return FAILED;
    }
    for (i = 0; i < options.topics.count; i++) {
        subscriptions[i].filter = mqtt_string_from(options.topics.items[i]);
        subscriptions[i].qos = (uint8_t)options.qos;
    }
    status = check_packets();
    if (status < 0) {
        complain("An option breaks a rule: %s [%s]", mqtt_status_message(status),
                 mqtt_status_clause(status));
        return FAILED;
    }
    return run();
}
