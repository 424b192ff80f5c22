/* SPDX-License-Identifier: MIT
 *
 * mqtt_broker.c: a complete MQTT 3.1.1 server: QoS 0, 1 and 2, sessions, retained messages, wills,
 * keep alive, users. One thread, one poll loop, all state in memory.
 *
 *     cc -o mqtt_broker examples/complete/mqtt_broker.c
 *     ./mqtt_broker --help
 *
 * How it is built, from the bottom up:
 *
 *   message     an application message, counted by reference: one copy, however many wait for it
 *   delivery    a message in a session's queue, in flight or waiting
 *   session     what the server keeps under a client id: subscriptions, queue, received QoS 2 ids
 *   connection  a socket, what has come from it and what has still to go out, and its will
 *
 * A message is first given a delivery for every subscriber, and is queued when all of them could be
 * allocated: so nobody gets a message for which its sender gets no acknowledgement. What fails for
 * one connection, memory included, dooms that connection alone; doomed ones are ended at the end of
 * the turn, so that no function finds a connection gone which it was given.
 *
 * Tags such as [MQTT-3.3.1-8] stand where a statement of the standard is met. What mqtt_codec.h
 * checks in the bytes of a packet is tagged there.
 *
 * A message is compared with each subscription of each session, and a new subscription with each
 * retained message. For hundreds of thousands of them replace subscribed_qos by a tree of topic
 * levels that leads to the sessions, and retained_buckets by a tree of the retained topics.
 */
#define _POSIX_C_SOURCE 200809L

#include "../../mqtt_codec.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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
#include <time.h>
#include <unistd.h>

#define VERSION "mqtt_broker 0.2.0"

#define BUCKETS          1024u  /* of the two hash tables */
#define RETAINED_AT_ONCE 128u   /* messages, or buckets of them, compared with a new subscription */
#define IN_FLIGHT_MAX    64u    /* PUBLISH packets of a session that wait for an acknowledgement */
#define BUFFER_CAPACITY  8192u  /* bytes, to begin with */
#define WRITE_SOON       65536u /* bytes of output that do not wait for the end of the turn */
#define NEVER            INT64_MAX
#define TURN_MAX         500  /* milliseconds: a signal that comes just before poll waits so long */
#define LINGER           3000 /* milliseconds that a refused client has to read its CONNACK */
#define TAKEOVER_WAIT    2000 /* milliseconds that a CONNECT leaves to the old connection */
#define LOOK_AGAIN       5    /* milliseconds, for that CONNECT */
#define ACCEPT_PAUSE     1000 /* milliseconds without accept when there are no descriptors left */
#define PACKET_IDS       65536u
#define ACCEPTS_PER_TURN 64u
#define PACKETS_PER_TURN 32u   /* of one connection */
#define FILTERS_AT_ONCE  4096u /* of an UNSUBSCRIBE */
#define TURN_YOUNG       10    /* milliseconds; in an older turn, one packet of each connection */
#define LOG_LINE_MAX     512   /* bytes that a pipe takes whole, _POSIX_PIPE_BUF */
#define LOG_ID_MAX       64    /* bytes of a client id in a line, to leave room for the rest */

static const char usage[] =
    "Usage: mqtt_broker [OPTION]...\n"
    "An MQTT 3.1.1 server that keeps everything in memory.\n"
    "\n"
    "  -p PORT                  listen on this port; 0: a free one (1883)\n"
    "  -b ADDRESS               listen on this address (127.0.0.1)\n"
    "  --users FILE             who may log in: lines of name:password, in plain text\n"
    "  --no-anonymous           refuse clients without a user name\n"
    "  --max-packet BYTES       longest packet that is taken (1048576)\n"
    "  --max-topic BYTES        longest topic name of a message (4096)\n"
    "  --max-queue N            messages in the queue of a session (1000)\n"
    "  --max-connections N      connections at a time (1000)\n"
    "  --max-sessions N         sessions, those of absent clients included (10000)\n"
    "  --max-subscriptions N    subscriptions of a session (100)\n"
    "  --max-subscription-bytes BYTES  all subscriptions; of one session, a tenth (1048576)\n"
    "  --max-retained N         topics with a retained message (10000)\n"
    "  --max-output BYTES       output that a connection may have pending (1048576)\n"
    "  --connect-timeout SECONDS  time for a client to send its CONNECT (10)\n"
    "  --sys-interval SECONDS   how often the $SYS topics are brought up to date; 0: never (10)\n"
    "  -v                       log what clients do\n"
    "  --help                   print this and exit\n"
    "\n"
    "Once it can be used it prints: listening on ADDRESS:PORT. The log goes to standard error.\n"
    "SIGINT and SIGTERM end it, with status 0; the status is 1 if it cannot start.\n";

struct options {
    const char *address;
    const char *users_path;
    uint32_t port;
    uint32_t max_packet;
    uint32_t max_topic;
    uint32_t max_queue;
    uint32_t max_connections;
    uint32_t max_sessions;
    uint32_t max_subscriptions;
    uint32_t max_subscription_bytes;
    uint32_t max_retained;
    uint32_t max_output;
    uint32_t connect_timeout;
    uint32_t sys_interval;
    bool no_anonymous;
    bool verbose;
    bool help;
};

struct message {
    struct message *next_retained; /* in its bucket, which is in the order of the numbers */
    uint64_t number;               /* of the topic among the retained ones, from 1 */
    size_t references;
    struct mqtt_publish publish; /* as it was published; its strings are in `bytes` */
    uint8_t bytes[];             /* topic name, payload */
};

struct delivery {
    struct delivery *previous;
    struct delivery *next;
    struct session *session;
    struct message *message; /* NULL once it is released */
    uint16_t packet_id;      /* 0 until it is first sent, and at QoS 0 */
    uint8_t qos;
    bool retain;
    bool sent;     /* at least once: the next PUBLISH has DUP 1 */
    bool released; /* QoS 2: the PUBREC has come, what is sent from now on is the PUBREL */
};

struct subscription {
    struct subscription *next;
    uint8_t qos;     /* granted */
    size_t bucket;   /* of the retained messages, where to go on sending; BUCKETS: all are sent */
    uint64_t number; /* the last one in it that is done with, or 0 */
    size_t length;
    char filter[];
};

struct session {
    struct session *next_in_bucket;
    struct connection *connection; /* NULL: the client is away */
    struct subscription *subscriptions;
    size_t subscription_count;
    size_t subscription_bytes;
    size_t owing;           /* subscriptions for which there are retained messages to be sent */
    struct delivery *first; /* the queue: those in flight in the order sent, then those waiting */
    struct delivery *last;
    struct delivery *next_to_send; /* on this connection; NULL: all are sent */
    size_t queued;
    size_t queued_qos_0;
    size_t in_flight;
    uint8_t *received;  /* a bit for each QoS 2 id not yet released; NULL: none ever came */
    int64_t away_since; /* if it is without a connection */
    uint16_t last_packet_id;
    bool clean;
    bool overflowing; /* it is logged that messages are dropped */
    size_t id_length;
    char id[];
};

/* The bytes from `begin` to `end` are in it. */
struct buffer {
    uint8_t *bytes;
    size_t begin;
    size_t end;
    size_t capacity;
};

enum connection_state {
    AWAITING_CONNECT,
    CONNECTED,
    REFUSED, /* the CONNACK goes out; what comes in is thrown away */
    DOOMED   /* to be ended at the end of the turn */
};

struct connection {
    int socket;
    enum connection_state state;
    struct session *session;
    struct message *will;
    struct buffer input;  /* received and not yet processed */
    struct buffer output; /* not yet written */
    size_t position;      /* in an UNSUBSCRIBE that takes more than a turn */
    int64_t deadline;     /* when it is ended unless something comes */
    uint16_t keep_alive;
    bool backlog; /* a whole packet may be in the input */
    bool again;   /* the first of them, with which an earlier turn began */
    char peer[80];
};

struct broker {
    struct options options;
    struct pollfd *polls; /* 0 is the listener, i + 1 belongs to connections[i] */
    struct connection **connections;
    size_t connection_count;
    struct session *session_buckets[BUCKETS];
    size_t session_count;
    size_t subscription_bytes; /* of all sessions */
    struct message *retained_buckets[BUCKETS];
    size_t retained_count;
    uint64_t retained_number; /* the last one given */
    char **users;             /* lines of name:password */
    size_t user_count;
    uint64_t assigned_ids;
    int64_t now; /* milliseconds, read once a turn */
    int64_t next_sys;
    int64_t accept_after;
    size_t told_connected; /* what $SYS says, to publish changes only */
    int listener;
};

static volatile sig_atomic_t must_end;

/* ---------------------------------------------------------------------------------------------
 * The log
 * ------------------------------------------------------------------------------------------- */

/* How much of a session's client id a line shows. */
static int shown_length(const struct session *session)
{
    return session->id_length < LOG_ID_MAX ? (int)session->id_length : LOG_ID_MAX;
}

/* Who reads the log holds up nobody: a line that would have to wait is lost. */
static void report(const struct connection *connection, const char *format, ...)
{
    const struct session *session = connection == NULL ? NULL : connection->session;
    struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};
    char line[LOG_LINE_MAX];
    size_t length;
    size_t i;
    va_list arguments;

    snprintf(line, sizeof line, "mqtt_broker: %s%s%.*s%s",
             connection == NULL ? "" : connection->peer, connection == NULL ? "" : ": ",
             session == NULL ? 0 : shown_length(session), session == NULL ? "" : session->id,
             session == NULL ? "" : ": ");
    length = strlen(line);
    va_start(arguments, format);
    vsnprintf(line + length, sizeof line - length, format, arguments);
    va_end(arguments);
    length = strlen(line);
    /* What a stranger sent cannot command the terminal that shows the log. */
    for (i = 0; i < length; i++) {
        if (line[i] < ' ' || line[i] > '~')
            line[i] = '?';
    }
    line[length] = '\n'; /* in place of the NUL */
    if (poll(&log, 1, 0) == 1)
        (void)!write(STDERR_FILENO, line, length + 1);
}

static void doom(struct connection *connection)
{
    connection->state = DOOMED;
}

static void doom_without_memory(struct connection *connection)
{
    report(connection, "out of memory, the connection is closed");
    doom(connection); /* [MQTT-4.8.0-2] */
}

/* ---------------------------------------------------------------------------------------------
 * Messages
 * ------------------------------------------------------------------------------------------- */

/* Copies what is decoded, which points into the input. NULL: out of memory. */
static struct message *message_new(const struct mqtt_publish *publish)
{
    const size_t topic = publish->topic.length;
    const size_t payload = publish->payload.length;
    struct message *message = (struct message *)malloc(sizeof *message + topic + payload);

    if (message == NULL)
        return NULL;
    memset(message, 0, sizeof *message);
    message->references = 1;
    /* The name is kept byte for byte [MQTT-4.7.3-4] [MQTT-1.5.3-3]. */
    memcpy(message->bytes, publish->topic.data, topic);
    if (payload > 0)
        memcpy(message->bytes + topic, publish->payload.data, payload);
    message->publish = *publish;
    message->publish.topic.data = (const char *)message->bytes;
    message->publish.payload.data = message->bytes + topic;
    return message;
}

static struct message *message_hold(struct message *message)
{
    message->references++;
    return message;
}

static void message_release(struct message *message)
{
    if (message != NULL && --message->references == 0)
        free(message);
}

/* ---------------------------------------------------------------------------------------------
 * Output
 * ------------------------------------------------------------------------------------------- */

static size_t buffer_length(const struct buffer *buffer)
{
    return buffer->end - buffer->begin;
}

/* Makes room for so many bytes behind the end. What is there moves to the front if no more is to be
 * moved than was taken out, else to a larger place: appending byte by byte takes linear time. */
static bool buffer_reserve(struct buffer *buffer, size_t size)
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
        memmove(bytes, buffer->bytes + buffer->begin, length);
    if (bytes != buffer->bytes)
        free(buffer->bytes);
    buffer->bytes = bytes;
    buffer->begin = 0;
    buffer->end = length;
    buffer->capacity = capacity;
    return true;
}

/* What grew for much is given back when it is empty. */
static void buffer_shrink(struct buffer *buffer)
{
    if (buffer_length(buffer) > 0 || buffer->capacity <= BUFFER_CAPACITY)
        return;
    free(buffer->bytes);
    memset(buffer, 0, sizeof *buffer);
}

/* Writes what the socket takes. Where nobody is left to read it, receive will say so when all that
 * the client sent is read, a DISCONNECT perhaps. */
static void write_output(struct connection *connection)
{
    struct buffer *output = &connection->output;
    const ssize_t sent =
        write(connection->socket, output->bytes + output->begin, buffer_length(output));

    if (sent >= 0)
        output->begin += (size_t)sent;
    else if (errno != EAGAIN && errno != EINTR)
        output->begin = output->end;
    /* To close at once, with input unread, could take the CONNACK from the client. */
    if (connection->state == REFUSED && buffer_length(output) == 0)
        shutdown(connection->socket, SHUT_WR); /* [MQTT-3.2.2-5] */
    buffer_shrink(output);
}

static void send_packet(struct connection *connection, const struct mqtt_packet *packet)
{
    struct buffer *output = &connection->output;
    const int32_t size = mqtt_encode(NULL, 0, packet);

    if (size <= 0 || !buffer_reserve(output, (size_t)size)) {
        doom_without_memory(connection);
        return;
    }
    mqtt_encode(output->bytes + output->end, (size_t)size, packet);
    output->end += (size_t)size;
    if (buffer_length(output) >= WRITE_SOON)
        write_output(connection);
}

/* Sends a packet that is nothing but a packet id, that of what it answers [MQTT-2.3.1-6]; a
 * PINGRESP has not even this. */
static void send_answer(struct connection *connection, enum mqtt_packet_type type,
                        uint16_t packet_id)
{
    struct mqtt_packet packet = {0};

    packet.type = type;
    packet.as.ack.packet_id = packet_id;
    send_packet(connection, &packet);
}

static void send_connack(struct connection *connection, bool session_present, uint8_t code)
{
    struct mqtt_packet packet = {0};

    packet.type = MQTT_CONNACK;
    packet.as.connack.session_present = session_present;
    packet.as.connack.return_code = code;
    send_packet(connection, &packet);
}

/* ---------------------------------------------------------------------------------------------
 * Sessions
 * ------------------------------------------------------------------------------------------- */

/* FNV-1a. Who chooses colliding names makes chains as long as the limits allow, no longer. */
static size_t bucket_of(const char *bytes, size_t length)
{
    uint32_t hash = 2166136261u;
    size_t i;

    for (i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)bytes[i]) * 16777619u;
    return (hash ^ (hash >> 16)) % BUCKETS;
}

/* A session is known by its client id alone [MQTT-3.1.3-2]. */
static struct session *session_find(const struct broker *broker, struct mqtt_string id)
{
    struct session *session = broker->session_buckets[bucket_of(id.data, id.length)];

    while (session != NULL &&
           (session->id_length != id.length || memcmp(session->id, id.data, id.length) != 0))
        session = session->next_in_bucket;
    return session;
}

/* Before `next`; NULL: at the end. */
static void queue_insert(struct session *session, struct delivery *delivery, struct delivery *next)
{
    delivery->next = next;
    delivery->previous = next == NULL ? session->last : next->previous;
    *(delivery->previous == NULL ? &session->first : &delivery->previous->next) = delivery;
    *(next == NULL ? &session->last : &next->previous) = delivery;
}

static void queue_unlink(struct session *session, const struct delivery *delivery)
{
    *(delivery->previous == NULL ? &session->first : &delivery->previous->next) = delivery->next;
    *(delivery->next == NULL ? &session->last : &delivery->next->previous) = delivery->previous;
    if (session->next_to_send == delivery)
        session->next_to_send = delivery->next;
}

static void queue_append(struct session *session, struct delivery *delivery)
{
    queue_insert(session, delivery, NULL);
    if (session->next_to_send == NULL)
        session->next_to_send = delivery;
    session->queued++;
    session->queued_qos_0 += delivery->qos == 0;
}

static void delivery_free(struct delivery *delivery)
{
    message_release(delivery->message);
    free(delivery);
}

static void queue_remove(struct session *session, struct delivery *delivery)
{
    queue_unlink(session, delivery);
    session->queued--;
    session->queued_qos_0 -= delivery->qos == 0;
    session->in_flight -= delivery->packet_id != 0;
    if (session->first == NULL)
        session->overflowing = false;
    delivery_free(delivery);
}

/* Drops QoS 0 messages, which are never kept for a client that is away. */
static void queue_drop_qos_0(struct session *session, size_t count)
{
    struct delivery *delivery = session->first;

    while (count > 0 && session->queued_qos_0 > 0) {
        struct delivery *next = delivery->next;
        if (delivery->qos == 0) {
            queue_remove(session, delivery);
            count--;
        }
        delivery = next;
    }
}

/* What it counts against --max-subscription-bytes. That, with --max-topic, limits what it takes to
 * compare a topic name with all of them. */
static size_t subscription_size(size_t filter_length)
{
    return sizeof(struct subscription) + filter_length;
}

static void subscription_remove(struct broker *broker, struct session *session,
                                struct subscription **link)
{
    struct subscription *subscription = *link;
    const size_t size = subscription_size(subscription->length);

    *link = subscription->next;
    session->subscription_count--;
    session->subscription_bytes -= size;
    broker->subscription_bytes -= size;
    session->owing -= subscription->bucket < BUCKETS;
    free(subscription);
}

/* Forgets all of it; retained messages are no part of it [MQTT-3.1.2-7]. */
static void session_end(struct broker *broker, struct session *session)
{
    struct session **link = &broker->session_buckets[bucket_of(session->id, session->id_length)];

    while (*link != session)
        link = &(*link)->next_in_bucket;
    *link = session->next_in_bucket;
    broker->session_count--;
    while (session->first != NULL)
        queue_remove(session, session->first);
    while (session->subscriptions != NULL)
        subscription_remove(broker, session, &session->subscriptions);
    free(session->received);
    free(session);
}

/* Ends the session of the client that has been away longest. Without that, who makes sessions and
 * goes away would leave no place for others. */
static void end_oldest_session(struct broker *broker)
{
    struct session *oldest = NULL;
    struct session *session;
    size_t i;

    for (i = 0; i < BUCKETS; i++) {
        for (session = broker->session_buckets[i]; session != NULL;
             session = session->next_in_bucket) {
            if (session->connection == NULL &&
                (oldest == NULL || session->away_since < oldest->away_since))
                oldest = session;
        }
    }
    if (oldest == NULL)
        return;
    report(NULL, "%.*s: its session ends, another client needs the place", shown_length(oldest),
           oldest->id);
    session_end(broker, oldest);
}

/* NULL: out of memory, or there are as many as there may be, all with a connection. */
static struct session *session_new(struct broker *broker, struct mqtt_string id)
{
    const size_t bucket = bucket_of(id.data, id.length);
    struct session *session;

    if (broker->session_count == broker->options.max_sessions)
        end_oldest_session(broker);
    if (broker->session_count == broker->options.max_sessions)
        return NULL;
    session = (struct session *)calloc(1, sizeof *session + id.length);
    if (session == NULL)
        return NULL;
    memcpy(session->id, id.data, id.length);
    session->id_length = id.length;
    session->next_in_bucket = broker->session_buckets[bucket];
    broker->session_buckets[bucket] = session;
    broker->session_count++;
    return session;
}

/* The deliveries in flight stand first. */
static struct delivery *in_flight_find(const struct session *session, uint16_t packet_id)
{
    struct delivery *delivery = session->first;

    while (delivery != NULL && delivery->packet_id != 0 && delivery->packet_id != packet_id)
        delivery = delivery->next;
    return delivery != NULL && delivery->packet_id == packet_id ? delivery : NULL;
}

/* An id that is not in use [MQTT-2.3.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1], and not 0. */
static uint16_t unused_packet_id(struct session *session)
{
    do {
        session->last_packet_id = (uint16_t)(session->last_packet_id + 1u);
    } while (session->last_packet_id == 0 ||
             in_flight_find(session, session->last_packet_id) != NULL);
    return session->last_packet_id;
}

/* ---------------------------------------------------------------------------------------------
 * Deliveries
 * ------------------------------------------------------------------------------------------- */

static void send_publish(struct connection *connection, struct delivery *delivery)
{
    struct mqtt_packet packet = {0};
    struct mqtt_publish *publish = &packet.as.publish;

    packet.type = MQTT_PUBLISH;
    *publish = delivery->message->publish;
    publish->packet_id = delivery->packet_id; /* the same each time [MQTT-2.3.1-4] [MQTT-4.4.0-1] */
    publish->qos = delivery->qos;
    publish->retain = delivery->retain;
    /* Whether it is sent again [MQTT-3.3.1-1]; the sender's DUP goes no further [MQTT-3.3.1-3]. */
    publish->dup = delivery->sent;
    send_packet(connection, &packet);
    delivery->sent = delivery->qos > 0;
}

/* Whether the output takes another PUBLISH. */
static bool takes_publish(const struct broker *broker, const struct connection *connection)
{
    return connection != NULL && connection->state == CONNECTED &&
           buffer_length(&connection->output) < broker->options.max_output;
}

/* Sends from the queue, in its order [MQTT-4.6.0-5] [MQTT-4.6.0-6], until so much is in flight or
 * in the output that the rest has to wait. */
static void send_queued(const struct broker *broker, struct session *session)
{
    struct connection *connection = session->connection;
    struct delivery *delivery;

    while (takes_publish(broker, connection) && (delivery = session->next_to_send) != NULL) {
        if (delivery->qos > 0 && delivery->packet_id == 0) {
            if (session->in_flight >= IN_FLIGHT_MAX)
                return;
            delivery->packet_id = unused_packet_id(session);
            session->in_flight++;
        }
        if (delivery->released)
            send_answer(connection, MQTT_PUBREL, delivery->packet_id);
        else
            send_publish(connection, delivery);
        if (connection->state == DOOMED)
            return;
        session->next_to_send = delivery->next;
        if (delivery->qos == 0)
            queue_remove(session, delivery);
    }
}

/* Whether a message may enter the queue, which may cost a QoS 0 message its place. */
static bool queue_has_room(const struct broker *broker, struct session *session, uint8_t qos)
{
    if (session->queued >= broker->options.max_queue && qos > 0)
        queue_drop_qos_0(session, 1);
    if (session->queued < broker->options.max_queue)
        return true;
    if (!session->overflowing && qos > 0) {
        report(NULL, "%.*s: the queue is full, new messages are dropped", shown_length(session),
               session->id);
        session->overflowing = true;
    }
    return false;
}

/* The highest QoS that the subscriptions which match the topic have been granted [MQTT-3.3.5-1], or
 * -1: none matches. One delivery stands for all of them. */
static int subscribed_qos(const struct session *session, struct mqtt_string topic)
{
    const struct subscription *subscription = session->subscriptions;
    int qos = -1;

    for (; subscription != NULL && qos < 2; subscription = subscription->next) {
        const struct mqtt_string filter = {subscription->filter, subscription->length};
        /* [MQTT-3.3.2-3], and [MQTT-4.7.2-1] for topics that begin with $ */
        if (subscription->qos > qos && mqtt_topic_matches(filter, topic))
            qos = subscription->qos;
    }
    return qos;
}

/* Adds a delivery to the list, unless it is to be dropped. False: out of memory. */
static bool make_delivery(const struct broker *broker, struct session *session,
                          struct message *message, uint8_t granted, bool retain,
                          struct delivery **list)
{
    const uint8_t published = message->publish.qos;
    const uint8_t qos = published < granted ? published : granted; /* [MQTT-3.8.4-6] */
    struct delivery *delivery;

    /* What needs an acknowledgement can wait, for a client that is away too [MQTT-3.1.2-5]. What is
     * retained comes when there is room. */
    if (!retain && ((qos == 0 && !takes_publish(broker, session->connection)) ||
                    !queue_has_room(broker, session, qos)))
        return true;
    delivery = (struct delivery *)calloc(1, sizeof *delivery);
    if (delivery == NULL)
        return false;
    delivery->session = session;
    delivery->message = message_hold(message);
    delivery->qos = qos;
    delivery->retain = retain;
    delivery->next = *list;
    *list = delivery;
    return true;
}

/* Makes a delivery for each session that is to have the message [MQTT-4.5.0-1], a list in *list.
 * False: out of memory. */
static bool make_deliveries(const struct broker *broker, struct message *message,
                            struct delivery **list)
{
    struct session *session;
    size_t i;

    for (i = 0; i < BUCKETS; i++) {
        for (session = broker->session_buckets[i]; session != NULL;
             session = session->next_in_bucket) {
            const int granted = subscribed_qos(session, message->publish.topic);
            if (granted >= 0 && /* RETAIN 0 [MQTT-3.3.1-9] */
                !make_delivery(broker, session, message, (uint8_t)granted, false, list))
                return false;
        }
    }
    return true;
}

/* Queues the deliveries of a list, or frees them. */
static void use_deliveries(const struct broker *broker, struct delivery *list, bool are_taken)
{
    while (list != NULL) {
        struct delivery *delivery = list;
        list = delivery->next;
        if (are_taken) {
            queue_append(delivery->session, delivery);
            send_queued(broker, delivery->session);
        } else {
            delivery_free(delivery);
        }
    }
}

/* ---------------------------------------------------------------------------------------------
 * Retained messages
 * ------------------------------------------------------------------------------------------- */

/* The place of what is retained for a topic, or where the next one goes. */
static struct message **retained_find(struct broker *broker, struct mqtt_string topic)
{
    struct message **link = &broker->retained_buckets[bucket_of(topic.data, topic.length)];

    while (*link != NULL && ((*link)->publish.topic.length != topic.length ||
                             memcmp((*link)->bytes, topic.data, topic.length) != 0))
        link = &(*link)->next_retained;
    return link;
}

static void retained_remove(struct broker *broker, struct message **link)
{
    struct message *message = *link;

    *link = message->next_retained;
    broker->retained_count--;
    message_release(message);
}

/* Whether the message takes its place; where there is none for another topic, a QoS 0 message need
 * not be retained, and a sender that asks for more is told by the end of its connection. */
static bool retain_message(struct broker *broker, struct message *message)
{
    struct message **link = retained_find(broker, message->publish.topic);

    message->number = *link != NULL ? (*link)->number : ++broker->retained_number;
    if (*link != NULL)
        retained_remove(broker, link);        /* [MQTT-3.3.1-7] [MQTT-3.3.1-10] */
    if (message->publish.payload.length == 0) /* never stored [MQTT-3.3.1-11] */
        return true;
    if (broker->retained_count >= broker->options.max_retained)
        return message->publish.qos == 0;
    message->next_retained = *link;
    *link = message_hold(message); /* and its QoS [MQTT-3.3.1-5] */
    broker->retained_count++;
    return true;
}

/* Whether retained messages for new subscriptions can be sent. They wait while the queue is full,
 * so that none is lost, however many there are. */
static bool owes_retained(const struct broker *broker, const struct session *session)
{
    return session != NULL && session->owing > 0 && session->queued < broker->options.max_queue;
}

/* Sends what is retained for a new subscription [MQTT-3.3.1-6], some of it: to match thousands of
 * topics takes milliseconds. */
static void send_retained(const struct broker *broker, struct session *session)
{
    struct subscription *subscription = session->subscriptions;
    struct message *message;
    unsigned count;

    while (subscription->bucket == BUCKETS)
        subscription = subscription->next;
    message = broker->retained_buckets[subscription->bucket];
    while (message != NULL && message->number <= subscription->number)
        message = message->next_retained;
    for (count = 0; count < RETAINED_AT_ONCE && owes_retained(broker, session); count++) {
        const struct mqtt_string filter = {subscription->filter, subscription->length};
        struct delivery *delivery = NULL;
        if (message == NULL) {
            subscription->number = 0;
            if (++subscription->bucket == BUCKETS) {
                session->owing--;
                return;
            }
            message = broker->retained_buckets[subscription->bucket];
            continue;
        }
        if (mqtt_topic_matches(filter, message->publish.topic) &&
            !make_delivery(broker, session, message, subscription->qos, true /* [MQTT-3.3.1-8] */,
                           &delivery)) {
            doom_without_memory(session->connection);
            return;
        }
        use_deliveries(broker, delivery, true);
        subscription->number = message->number;
        message = message->next_retained;
    }
}

/* ---------------------------------------------------------------------------------------------
 * Publishing
 * ------------------------------------------------------------------------------------------- */

/* Takes the message for every subscriber and for those to come, or, when its topic name is too
 * long, or memory or the place for retained messages runs out, for nobody: then it is false. */
static bool publish_message(struct broker *broker, struct message *message)
{
    struct delivery *list = NULL;
    bool taken = message->publish.topic.length <= broker->options.max_topic &&
                 make_deliveries(broker, message, &list);

    /* Without RETAIN nothing that is retained changes [MQTT-3.3.1-12]. */
    if (taken && message->publish.retain)
        taken = retain_message(broker, message);
    use_deliveries(broker, list, taken);
    return taken;
}

static bool is_sys_topic(struct mqtt_string topic)
{
    return topic.length >= 4 && memcmp(topic.data, "$SYS", 4) == 0 &&
           (topic.length == 4 || topic.data[4] == '/');
}

/* A retained message of the server's own; what memory does not allow is left out. */
static void publish_sys(struct broker *broker, const char *topic, const char *text)
{
    struct mqtt_publish sys = {0};
    struct message *message;

    sys.topic = mqtt_string_from(topic);
    sys.payload.data = (const uint8_t *)text;
    sys.payload.length = strlen(text);
    sys.retain = true;
    message = message_new(&sys);
    if (message != NULL)
        publish_message(broker, message);
    message_release(message);
}

static void update_sys(struct broker *broker)
{
    char text[24];
    size_t connected = 0;
    size_t i;

    if (broker->options.sys_interval == 0 || broker->now < broker->next_sys)
        return;
    broker->next_sys = broker->now + (int64_t)broker->options.sys_interval * 1000;
    for (i = 0; i < broker->connection_count; i++)
        connected += broker->connections[i]->state == CONNECTED;
    if (connected == broker->told_connected)
        return;
    broker->told_connected = connected;
    snprintf(text, sizeof text, "%zu", connected);
    publish_sys(broker, "$SYS/broker/clients/connected", text);
}

/* ---------------------------------------------------------------------------------------------
 * The end of a connection
 * ------------------------------------------------------------------------------------------- */

/* Everything but to close the socket: that is for remove_doomed. Called twice, it has nothing left
 * to do. */
static void end_connection(struct broker *broker, struct connection *connection)
{
    struct session *session = connection->session;
    struct message *will = connection->will;

    doom(connection);
    connection->session = NULL;
    connection->will = NULL; /* [MQTT-3.1.2-10] */
    if (session != NULL) {
        session->connection = NULL;
        session->away_since = broker->now;
        if (session->clean)
            session_end(broker, session); /* [MQTT-3.1.2-6], no sooner [MQTT-4.1.0-2] */
        else
            queue_drop_qos_0(session, session->queued); /* the rest stays [MQTT-4.1.0-1] */
    }
    /* There is a will if the client asked for one [MQTT-3.1.2-12] and sent no DISCONNECT. Its
     * retain flag is the message's [MQTT-3.1.2-16] [MQTT-3.1.2-17]. */
    if (will != NULL && !publish_message(broker, will)) { /* [MQTT-3.1.2-8] */
        report(connection, "its will cannot be retained, or not be taken");
        will->publish.retain = false; /* its sender cannot be told, so others get what they can */
        publish_message(broker, will);
    }
    message_release(will);
}

static void connection_free(struct connection *connection)
{
    message_release(connection->will);
    free(connection->input.bytes);
    free(connection->output.bytes);
    close(connection->socket);
    free(connection);
}

/* A will may doom further connections; these have to wait for the next pass. */
static void remove_doomed(struct broker *broker)
{
    bool again = true;
    size_t i;

    while (again) {
        again = false;
        for (i = broker->connection_count; i-- > 0;) {
            struct connection *connection = broker->connections[i];
            if (connection->state != DOOMED)
                continue;
            again = true;
            if (broker->options.verbose)
                report(connection, "closed");
            end_connection(broker, connection);
            broker->connections[i] = broker->connections[--broker->connection_count];
            connection_free(connection);
        }
    }
}

/* ---------------------------------------------------------------------------------------------
 * CONNECT
 * ------------------------------------------------------------------------------------------- */

static void refuse(const struct broker *broker, struct connection *connection, uint8_t code)
{
    report(connection, "refused with return code %u", (unsigned)code);
    connection->state = REFUSED; /* nothing behind the CONNECT is processed [MQTT-3.1.4-5] */
    connection->deadline = broker->now + LINGER;
    send_connack(connection, false, code); /* [MQTT-3.2.2-4] */
}

/* The time tells how long the password is, but not how much of a guess is right. */
static bool is_password(const char *password, struct mqtt_bytes guess)
{
    unsigned difference = 0;
    size_t i;

    if (strlen(password) != guess.length)
        return false;
    for (i = 0; i < guess.length; i++)
        difference |= (unsigned)(uint8_t)password[i] ^ guess.data[i];
    return difference == 0;
}

static uint8_t check_login(const struct broker *broker, const struct mqtt_connect *connect)
{
    struct mqtt_bytes password = {0};
    size_t i;

    if (!connect->has_user_name)
        return broker->options.no_anonymous ? MQTT_CONNACK_CODE_REFUSED_NOT_AUTHORIZED
                                            : MQTT_CONNACK_CODE_ACCEPTED;
    if (broker->options.users_path == NULL) /* there is nothing to compare it with */
        return MQTT_CONNACK_CODE_ACCEPTED;
    if (connect->has_password)
        password = connect->password;
    for (i = 0; i < broker->user_count; i++) {
        const char *line = broker->users[i];
        const size_t length = (size_t)(strchr(line, ':') - line);
        if (length == connect->user_name.length &&
            memcmp(line, connect->user_name.data, length) == 0)
            return is_password(line + length + 1, password)
                       ? MQTT_CONNACK_CODE_ACCEPTED
                       : MQTT_CONNACK_CODE_REFUSED_USER_NAME_OR_PASSWORD;
    }
    return MQTT_CONNACK_CODE_REFUSED_USER_NAME_OR_PASSWORD;
}

/* False: out of memory. */
static bool keep_will(struct connection *connection, const struct mqtt_connect *connect)
{
    struct mqtt_publish will = {0};

    /* One for $SYS is dropped as a PUBLISH to it is. */
    if (!connect->has_will || is_sys_topic(connect->will.topic)) /* [MQTT-3.1.2-12] */
        return true;
    will.topic = connect->will.topic;
    will.payload = connect->will.message;
    will.qos = connect->will.qos;
    will.retain = connect->will.retain;
    connection->will = message_new(&will); /* [MQTT-3.1.2-9] */
    return connection->will != NULL;
}

/* The client's id, of which any is allowed [MQTT-3.1.3-5], or, if it brought none, one that is not
 * in use [MQTT-3.1.3-6]; `text` is to hold that. */
static struct mqtt_string client_id_of(struct broker *broker, const struct mqtt_connect *connect,
                                       char *text, size_t size)
{
    struct mqtt_string id = connect->client_id;

    if (id.length > 0)
        return id;
    do {
        snprintf(text, size, "auto%" PRIu64, ++broker->assigned_ids);
        id = mqtt_string_from(text);
    } while (session_find(broker, id) != NULL);
    return id;
}

/* Whether a CONNECT is to wait, but no longer than TAKEOVER_WAIT: its client has sent on the old
 * connection what is not yet processed, a DISCONNECT perhaps [MQTT-3.14.4-3]. */
static bool has_to_wait(const struct broker *broker, struct connection *connection,
                        struct mqtt_string id)
{
    const struct session *session = session_find(broker, id);
    const struct connection *old = session == NULL ? NULL : session->connection;
    char byte;

    if (!connection->again)
        connection->deadline = broker->now + TAKEOVER_WAIT;
    return old != NULL && old->state == CONNECTED && broker->now < connection->deadline &&
           (old->backlog || recv(old->socket, &byte, 1, MSG_PEEK) > 0);
}

/* The session that the client is to have, and whether it was stored. NULL: there is no place for a
 * new one. */
static struct session *open_session(struct broker *broker, struct mqtt_string id, bool clean,
                                    bool *present)
{
    struct session *session = session_find(broker, id);

    if (session != NULL && session->connection != NULL) {
        report(session->connection, "another connection takes its client id over");
        end_connection(broker, session->connection); /* [MQTT-3.1.4-2] */
        session = session_find(broker, id);
    }
    if (session != NULL && clean) {
        session_end(broker, session); /* [MQTT-3.1.2-6] */
        session = NULL;
    }
    *present = session != NULL; /* [MQTT-3.2.2-1] [MQTT-3.2.2-2] [MQTT-3.2.2-3] */
    if (session == NULL)        /* else it goes on [MQTT-3.1.2-4] [MQTT-3.1.4-3] */
        session = session_new(broker, id);
    if (session != NULL)
        session->clean = clean;
    return session;
}

/* False: the packet is to come again in the next turn. */
static bool handle_connect(struct broker *broker, struct connection *connection,
                           const struct mqtt_connect *connect)
{
    const uint8_t code = check_login(broker, connect);
    struct mqtt_string id;
    struct session *session;
    char text[32];
    bool present;

    if (code != MQTT_CONNACK_CODE_ACCEPTED) {
        refuse(broker, connection, code);
        return true;
    }
    id = client_id_of(broker, connect, text, sizeof text);
    if (has_to_wait(broker, connection, id))
        return false;
    if (!keep_will(connection, connect)) {
        doom_without_memory(connection);
        return true;
    }
    session = open_session(broker, id, connect->clean_session, &present);
    if (session == NULL) {
        message_release(connection->will); /* the connection was never accepted */
        connection->will = NULL;
        refuse(broker, connection, MQTT_CONNACK_CODE_REFUSED_SERVER_UNAVAILABLE);
        return true;
    }
    session->connection = connection;
    connection->session = session;
    connection->state = CONNECTED;
    connection->keep_alive = connect->keep_alive;
    send_connack(connection, present,
                 MQTT_CONNACK_CODE_ACCEPTED); /* [MQTT-3.1.4-4] [MQTT-3.2.0-1] */
    /* Everything that is not acknowledged goes out again, with its id [MQTT-4.4.0-1] and in its
     * order [MQTT-4.6.0-1]. */
    session->next_to_send = session->first;
    send_queued(broker, session);
    return true;
}

/* ---------------------------------------------------------------------------------------------
 * PUBLISH and its acknowledgements
 * ------------------------------------------------------------------------------------------- */

/* False: the connection cannot go on, and nobody has got the message. */
static bool take_message(struct broker *broker, struct connection *connection,
                         const struct mqtt_publish *received)
{
    struct message *message;
    bool taken;

    if (is_sys_topic(received->topic))
        return true; /* dropped, and acknowledged as usual [MQTT-3.3.5-2] */
    message = message_new(received);
    taken = message != NULL && publish_message(broker, message);
    message_release(message);
    if (!taken) {
        report(connection, "its message cannot be taken or retained, the connection is closed");
        doom(connection); /* [MQTT-4.8.0-2] */
    }
    return taken;
}

static void handle_publish_qos_2(struct broker *broker, struct connection *connection,
                                 const struct mqtt_publish *received)
{
    struct session *session = connection->session;
    const size_t byte = received->packet_id / 8u;
    const unsigned bit = 1u << received->packet_id % 8u;

    if (session->received == NULL)
        session->received = (uint8_t *)calloc(PACKET_IDS / 8, 1);
    if (session->received == NULL) {
        doom_without_memory(connection);
        return;
    }
    /* Until the PUBREL comes, the same id is the same message [MQTT-4.3.3-2]. */
    if ((session->received[byte] & bit) == 0) {
        if (!take_message(broker, connection, received))
            return;
        session->received[byte] = (uint8_t)(session->received[byte] | bit);
    }
    send_answer(connection, MQTT_PUBREC, received->packet_id);
}

/* What the standard asks for at each QoS [MQTT-3.3.4-1]. */
static void handle_publish(struct broker *broker, struct connection *connection,
                           const struct mqtt_publish *received)
{
    if (received->qos == 2)
        handle_publish_qos_2(broker, connection, received);
    else if (take_message(broker, connection, received) && received->qos == 1)
        send_answer(connection, MQTT_PUBACK, received->packet_id); /* [MQTT-4.3.2-2] */
}

/* The last acknowledgement: a PUBACK at QoS 1, a PUBCOMP at QoS 2 [MQTT-2.3.1-4]. */
static void handle_last(const struct broker *broker, struct session *session, uint8_t qos,
                        uint16_t packet_id)
{
    struct delivery *delivery = in_flight_find(session, packet_id);

    if (delivery != NULL && delivery->qos == qos && delivery->released == (qos == 2))
        queue_remove(session, delivery); /* [MQTT-4.3.2-1] */
    send_queued(broker, session);
}

/* The PUBREC has come: the PUBLISH is never sent again [MQTT-4.3.3-1]. The PUBRELs stand first in
 * the queue, so that they go out again in the order in which they were first sent
 * [MQTT-4.6.0-4]. */
static void release(struct session *session, struct delivery *delivery)
{
    struct delivery *next;

    queue_unlink(session, delivery);
    next = session->first;
    while (next != NULL && next->released)
        next = next->next;
    queue_insert(session, delivery, next);
    delivery->released = true;
    message_release(delivery->message);
    delivery->message = NULL;
}

/* Answers an id that is not known, too: a client that lost track would ask for ever. */
static void handle_pubrec(struct connection *connection, uint16_t packet_id)
{
    struct delivery *delivery = in_flight_find(connection->session, packet_id);

    if (delivery != NULL && delivery->qos == 2 && !delivery->released)
        release(connection->session, delivery);
    /* At once, so in the order in which they are asked for [MQTT-4.6.0-4]. */
    send_answer(connection, MQTT_PUBREL, packet_id);
}

static void handle_pubrel(struct connection *connection, uint16_t packet_id)
{
    uint8_t *received = connection->session->received;

    if (received != NULL) /* the next PUBLISH with this id is a new message [MQTT-4.3.3-2] */
        received[packet_id / 8u] = (uint8_t)(received[packet_id / 8u] & ~(1u << packet_id % 8u));
    send_answer(connection, MQTT_PUBCOMP, packet_id); /* [MQTT-4.3.3-2] */
}

/* ---------------------------------------------------------------------------------------------
 * SUBSCRIBE and UNSUBSCRIBE
 * ------------------------------------------------------------------------------------------- */

/* The place of a subscription, or where the next one goes. Filters are compared byte by byte
 * [MQTT-3.10.4-1] [MQTT-4.7.3-4]. */
static struct subscription **subscription_find(struct session *session, struct mqtt_string filter)
{
    struct subscription **link = &session->subscriptions;

    while (*link != NULL && ((*link)->length != filter.length ||
                             memcmp((*link)->filter, filter.data, filter.length) != 0))
        link = &(*link)->next;
    return link;
}

/* The return code for one filter [MQTT-3.8.4-5]. */
static uint8_t subscribe_one(struct broker *broker, struct session *session,
                             const struct mqtt_subscription *wanted)
{
    const struct options *options = &broker->options;
    const size_t size = subscription_size(wanted->filter.length);
    struct subscription **link = subscription_find(session, wanted->filter);
    struct subscription *added = NULL;

    if (*link != NULL) { /* takes its place, with the retained messages once more [MQTT-3.8.4-3] */
        session->owing += (*link)->bucket == BUCKETS;
        (*link)->bucket = 0;
        (*link)->number = 0;
        (*link)->qos = wanted->qos;
        return wanted->qos;
    }
    if (session->subscription_count < options->max_subscriptions &&
        session->subscription_bytes + size <= options->max_subscription_bytes / 10 &&
        broker->subscription_bytes + size <= options->max_subscription_bytes)
        added = (struct subscription *)malloc(size);
    if (added == NULL)
        return MQTT_SUBACK_CODE_FAILURE;
    added->next = NULL;
    added->bucket = 0;
    added->number = 0;
    added->qos = wanted->qos;
    added->length = wanted->filter.length;
    memcpy(added->filter, wanted->filter.data, added->length);
    *link = added;
    session->subscription_count++;
    session->subscription_bytes += size;
    broker->subscription_bytes += size;
    session->owing++;
    return wanted->qos;
}

static void handle_subscribe(struct broker *broker, struct connection *connection,
                             const struct mqtt_subscribe *subscribe)
{
    struct mqtt_packet answer = {0};
    struct mqtt_subscription wanted;
    uint8_t *codes = (uint8_t *)malloc(subscribe->count);
    size_t position = 0;
    size_t i;

    if (codes == NULL) {
        doom_without_memory(connection);
        return;
    }
    /* One by one [MQTT-3.8.4-4], with codes in their order [MQTT-3.9.3-1]. How many filters a
     * packet may bring is bounded: each is looked for among the subscriptions. */
    for (i = 0; i < subscribe->count; i++)
        codes[i] = mqtt_next_subscription(subscribe, &position, &wanted) &&
                           i < broker->options.max_subscriptions
                       ? subscribe_one(broker, connection->session, &wanted)
                       : MQTT_SUBACK_CODE_FAILURE;
    answer.type = MQTT_SUBACK;
    answer.as.suback.packet_id = subscribe->packet_id; /* [MQTT-3.8.4-2] [MQTT-2.3.1-7] */
    answer.as.suback.return_codes = codes;
    answer.as.suback.count = subscribe->count;
    send_packet(connection, &answer); /* [MQTT-3.8.4-1] */
    free(codes);
}

/* False: there are more filters than for a turn, the packet is to come again in the next one. */
static bool handle_unsubscribe(struct broker *broker, struct connection *connection,
                               const struct mqtt_unsubscribe *unsubscribe)
{
    struct session *session = connection->session;
    struct mqtt_string filter;
    unsigned count = 0;

    while (mqtt_next_filter(unsubscribe, &connection->position, &filter)) { /* [MQTT-3.10.4-6] */
        struct subscription **link = subscription_find(session, filter);
        /* No new messages from now on [MQTT-3.10.4-2]; what is queued goes out [MQTT-3.10.4-3]. */
        if (*link != NULL)
            subscription_remove(broker, session, link);
        if (++count == FILTERS_AT_ONCE)
            return false;
    }
    connection->position = 0;
    /* Whether there was one or not [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-2.3.1-7]. */
    send_answer(connection, MQTT_UNSUBACK, unsubscribe->packet_id);
    return true;
}

/* ---------------------------------------------------------------------------------------------
 * Input
 * ------------------------------------------------------------------------------------------- */

/* The packets of the standard, and no other, are all that a client needs [MQTT-7.0.0-2]. False:
 * this one is to come again in the next turn. */
static bool handle_packet(struct broker *broker, struct connection *connection,
                          const struct mqtt_packet *packet)
{
    bool is_done = true;

    if (broker->options.verbose && !connection->again)
        report(connection, "%s", mqtt_packet_type_name(packet->type));
    switch (packet->type) {
    case MQTT_CONNECT:
        is_done = handle_connect(broker, connection, &packet->as.connect);
        break;
    case MQTT_PUBLISH:
        handle_publish(broker, connection, &packet->as.publish);
        break;
    case MQTT_PUBACK:
        handle_last(broker, connection->session, 1, packet->as.ack.packet_id);
        break;
    case MQTT_PUBREC:
        handle_pubrec(connection, packet->as.ack.packet_id);
        break;
    case MQTT_PUBREL:
        handle_pubrel(connection, packet->as.ack.packet_id);
        break;
    case MQTT_PUBCOMP:
        handle_last(broker, connection->session, 2, packet->as.ack.packet_id);
        break;
    case MQTT_SUBSCRIBE:
        handle_subscribe(broker, connection, &packet->as.subscribe);
        break;
    case MQTT_UNSUBSCRIBE:
        is_done = handle_unsubscribe(broker, connection, &packet->as.unsubscribe);
        break;
    case MQTT_PINGREQ:
        send_answer(connection, MQTT_PINGRESP, 0); /* [MQTT-3.12.4-1] */
        break;
    default: /* DISCONNECT; the decoder refuses what only a server may send */
        message_release(connection->will); /* [MQTT-3.14.4-3] */
        connection->will = NULL;
        doom(connection);
        break;
    }
    if (connection->state == CONNECTED) /* one and a half times the keep alive [MQTT-3.1.2-24] */
        connection->deadline = connection->keep_alive == 0
                                   ? NEVER
                                   : broker->now + (int64_t)connection->keep_alive * 1500;
    return is_done;
}

/* What the decoder refuses closes the connection, without a CONNACK unless the standard has a
 * return code for it. No client id is refused but one that the decoder refuses. */
static void handle_malformed(const struct broker *broker, struct connection *connection,
                             int32_t status, uint32_t error_offset)
{
    const int32_t code = mqtt_connack_code_for(status);

    report(connection, "byte %" PRIu32 " of a packet: %s [%s]", error_offset,
           mqtt_status_message(status), mqtt_status_clause(status));
    if (connection->state == AWAITING_CONNECT && code >= 0)
        refuse(broker, connection,
               (uint8_t)code); /* [MQTT-3.1.2-2] [MQTT-3.1.3-8] [MQTT-3.1.3-9] */
    else
        doom(connection); /* [MQTT-4.8.0-1] [MQTT-3.1.4-1] [MQTT-3.2.2-6] */
}

/* Judges a packet by its fixed header, before memory is spent on the rest. */
static bool is_expected(const struct broker *broker, struct connection *connection,
                        const uint8_t *bytes, size_t length)
{
    struct mqtt_fixed_header header;
    const int32_t size = mqtt_decode_fixed_header(&header, bytes, length);

    if (size <= 0) /* not there yet, or for the decoder to judge */
        return true;
    if (connection->state == AWAITING_CONNECT && header.type != MQTT_CONNECT)
        report(connection, "the first packet is no CONNECT [MQTT-3.1.0-1]");
    else if (connection->state == CONNECTED && header.type == MQTT_CONNECT)
        report(connection, "a second CONNECT [MQTT-3.1.0-2]");
    else if ((uint32_t)size + header.remaining_length > broker->options.max_packet)
        report(connection, "a packet of %" PRIu32 " bytes is too large",
               (uint32_t)size + header.remaining_length);
    else
        return true;
    doom(connection); /* [MQTT-4.8.0-1] */
    return false;
}

/* Whether the connection is to be read: not while it leaves unread more than the PUBLISH packets
 * that it can be sent, our answers. */
static bool is_read(const struct broker *broker, const struct connection *connection)
{
    return connection->state != DOOMED &&
           buffer_length(&connection->output) <
               (size_t)broker->options.max_output + broker->options.max_packet;
}

static int64_t milliseconds(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Processes the packets that have arrived whole, some of them: the others have their turn too. What
 * is retained for one SUBSCRIBE goes out before the next packet is processed, if the queue allows.
 */
static void take_packets(struct broker *broker, struct connection *connection)
{
    unsigned count;

    connection->backlog = false;
    for (count = 0;
         count < PACKETS_PER_TURN && is_read(broker, connection) && connection->state != REFUSED &&
         (count == 0 || milliseconds() - broker->now <= TURN_YOUNG);
         count++) {
        const size_t length = buffer_length(&connection->input);
        const uint8_t *bytes;
        struct mqtt_packet packet;
        int32_t size;
        if (owes_retained(broker, connection->session)) {
            send_retained(broker, connection->session);
            continue;
        }
        if (length == 0)
            return;
        bytes = connection->input.bytes + connection->input.begin;
        if (!is_expected(broker, connection, bytes, length))
            return;
        size = mqtt_decode_from_client(&packet, bytes, length);
        if (size == MQTT_PACKET_INCOMPLETE)
            return;
        if (size < 0) {
            handle_malformed(broker, connection, size, packet.error_offset);
            return;
        }
        connection->again = !handle_packet(broker, connection, &packet);
        if (connection->again)
            break;
        connection->input.begin += (size_t)size;
    }
    connection->backlog = connection->state != REFUSED && connection->state != DOOMED &&
                          buffer_length(&connection->input) > 0;
}

static void receive(struct connection *connection)
{
    struct buffer *input = &connection->input;
    ssize_t count;

    if (connection->state == REFUSED) /* nothing of it is processed [MQTT-3.1.4-5] */
        input->begin = input->end;
    /* Memory grows with what has come, not with what a fixed header announces. */
    if (!buffer_reserve(input, 1)) {
        doom_without_memory(connection);
        return;
    }
    count = recv(connection->socket, input->bytes + input->end, input->capacity - input->end, 0);
    if (count > 0)
        input->end += (size_t)count;
    else if (count == 0 || (errno != EAGAIN && errno != EINTR))
        doom(connection);
}

/* ---------------------------------------------------------------------------------------------
 * The loop
 * ------------------------------------------------------------------------------------------- */

static bool set_non_blocking(int socket)
{
    const int flags = fcntl(socket, F_GETFL);

    return flags >= 0 && fcntl(socket, F_SETFL, flags | O_NONBLOCK) >= 0;
}

/* Writes "ADDRESS:PORT". */
static void name_address(char *text, size_t size, const struct sockaddr *address, socklen_t length)
{
    char host[64];
    char port[8];

    if (getnameinfo(address, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(text, size, "%s:%s", host, port);
    else
        snprintf(text, size, "unknown");
}

/* False: the limit is reached, or there is no memory. */
static bool connection_new(struct broker *broker, int socket, const struct sockaddr *address,
                           socklen_t length)
{
    const int on = 1;
    struct connection *connection;

    if (broker->connection_count == broker->options.max_connections || !set_non_blocking(socket))
        return false;
    connection = (struct connection *)calloc(1, sizeof *connection);
    if (connection == NULL)
        return false;
    /* Packets are gathered here; to wait for more of them would only delay them. */
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* A client without keep alive whose machine is gone is noticed, if late. */
    setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    connection->socket = socket;
    connection->state = AWAITING_CONNECT;
    connection->deadline = broker->now + (int64_t)broker->options.connect_timeout * 1000;
    name_address(connection->peer, sizeof connection->peer, address, length);
    broker->connections[broker->connection_count++] = connection;
    return true;
}

static void accept_connections(struct broker *broker)
{
    unsigned count;

    for (count = 0; count < ACCEPTS_PER_TURN; count++) {
        struct sockaddr_storage storage;
        struct sockaddr *address = (struct sockaddr *)&storage;
        socklen_t length = sizeof storage;
        const int socket = accept(broker->listener, address, &length);
        if (socket < 0 &&
            (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
            report(NULL, "accept: %s", strerror(errno));
            broker->accept_after = broker->now + ACCEPT_PAUSE; /* poll would return at once */
        }
        if (socket < 0)
            return;
        if (!connection_new(broker, socket, address, length)) {
            report(NULL, "there is no place for another connection");
            close(socket);
        }
    }
}

/* Whether there is something to do without new input. */
static bool has_work(const struct broker *broker, const struct connection *connection)
{
    return connection->backlog || owes_retained(broker, connection->session);
}

/* Says what to wait for, and for how long at most, in milliseconds. */
static int prepare_poll(struct broker *broker)
{
    int64_t wait = TURN_MAX;
    size_t i;

    broker->polls[0].fd = broker->now < broker->accept_after ? -1 : broker->listener;
    broker->polls[0].events = POLLIN;
    for (i = 0; i < broker->connection_count; i++) {
        const struct connection *connection = broker->connections[i];
        struct pollfd *entry = &broker->polls[i + 1];
        const bool reads = is_read(broker, connection);
        entry->fd = connection->socket;
        entry->events = 0;
        if (!reads || !has_work(broker, connection))
            entry->events = reads ? POLLIN : 0;
        else if (connection->state == CONNECTED)
            wait = 0;
        else if (wait > LOOK_AGAIN) /* a CONNECT that waits for the other connection */
            wait = LOOK_AGAIN;
        if (buffer_length(&connection->output) > 0)
            entry->events |= POLLOUT;
        if (connection->deadline - broker->now < wait)
            wait = connection->deadline - broker->now;
    }
    return wait < 0 ? 0 : (int)wait;
}

static void serve_connection(struct broker *broker, struct connection *connection, int events)
{
    if (connection->state == DOOMED) /* by another connection, in this turn */
        return;
    if ((events & ~POLLOUT) != 0 && !connection->backlog) /* POLLHUP: there may be input still */
        receive(connection);
    if ((events & ~POLLOUT) != 0 || has_work(broker, connection)) {
        take_packets(broker, connection);
        buffer_shrink(&connection->input);
    }
}

static void check_deadline(const struct broker *broker, struct connection *connection)
{
    if (broker->now < connection->deadline || connection->state == DOOMED)
        return;
    if (connection->state == AWAITING_CONNECT)
        report(connection, "no CONNECT came in time");
    else if (connection->state == CONNECTED)
        report(connection, "nothing came in one and a half times the keep alive [MQTT-3.1.2-24]");
    doom(connection); /* as if the network had failed: the will is published */
}

/* Writes what this turn and earlier ones have left, then fills the output again. A doomed one has
 * its last chance: the CONNACK, say, that a malformed packet came right behind. */
static void send_output(const struct broker *broker, struct connection *connection)
{
    if (buffer_length(&connection->output) > 0)
        write_output(connection);
    if (connection->session != NULL)
        send_queued(broker, connection->session);
}

static void run(struct broker *broker)
{
    broker->now = milliseconds();
    while (!must_end) {
        const int wait = prepare_poll(broker);
        const size_t count = broker->connection_count;
        const int ready = poll(broker->polls, (nfds_t)count + 1, wait);
        size_t i;
        broker->now = milliseconds();
        if (ready < 0) { /* a signal came, or memory is short */
            if (errno != EINTR)
                report(NULL, "poll: %s", strerror(errno));
            continue;
        }
        for (i = 0; i < count; i++)
            serve_connection(broker, broker->connections[i], broker->polls[i + 1].revents);
        for (i = 0; i < count; i++)
            check_deadline(broker, broker->connections[i]);
        update_sys(broker);
        for (i = 0; i < count; i++)
            send_output(broker, broker->connections[i]);
        remove_doomed(broker);
        if (broker->polls[0].revents != 0)
            accept_connections(broker);
    }
}

/* ---------------------------------------------------------------------------------------------
 * The beginning and the end
 * ------------------------------------------------------------------------------------------- */

static void handle_signal(int number)
{
    (void)number;
    must_end = 1;
}

static bool set_signals(void)
{
    struct sigaction end = {0};
    struct sigaction ignore = {0};

    end.sa_handler = handle_signal;
    ignore.sa_handler = SIG_IGN;
    return sigaction(SIGINT, &end, NULL) == 0 && sigaction(SIGTERM, &end, NULL) == 0 &&
           sigaction(SIGPIPE, &ignore, NULL) == 0;
}

static bool start_listening(struct broker *broker)
{
    const int on = 1;
    struct addrinfo hints = {0};
    struct addrinfo *address = NULL;
    struct sockaddr_storage storage;
    struct sockaddr *bound = (struct sockaddr *)&storage;
    socklen_t length = sizeof storage;
    bool is_listening;
    char name[80];
    int error;

    snprintf(name, sizeof name, "%" PRIu32, broker->options.port);
    hints.ai_socktype = SOCK_STREAM; /* ordered and lossless [MQTT-7.1.1-1] */
    hints.ai_flags = AI_PASSIVE;
    error = getaddrinfo(broker->options.address, name, &hints, &address);
    if (error != 0) {
        report(NULL, "%s: %s", broker->options.address, gai_strerror(error));
        return false;
    }
    broker->listener = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    is_listening = broker->listener >= 0 &&
                   setsockopt(broker->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                   bind(broker->listener, address->ai_addr, address->ai_addrlen) == 0 &&
                   listen(broker->listener, SOMAXCONN) == 0 && set_non_blocking(broker->listener) &&
                   getsockname(broker->listener, bound, &length) == 0;
    if (!is_listening)
        report(NULL, "%s:%s: %s", broker->options.address, name, strerror(errno));
    freeaddrinfo(address);
    if (!is_listening)
        return false;
    name_address(name, sizeof name, bound, length);
    if (printf("listening on %s\n", name) > 0 && fflush(stdout) == 0)
        return true;
    report(NULL, "standard output: %s", strerror(errno));
    return false;
}

/* Takes over a line "name:password", or frees an empty one. False: it is neither, or there is no
 * memory. */
static bool add_user(struct broker *broker, char *line)
{
    const bool is_user = strchr(line, ':') != NULL;
    const bool is_empty = line[0] == '\0';
    char **users = NULL;

    if (is_user) /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
        users = (char **)realloc(broker->users, (broker->user_count + 1) * sizeof *users);
    if (users == NULL) {
        free(line);
        return is_empty;
    }
    broker->users = users;
    users[broker->user_count++] = line;
    return true;
}

static bool load_users(struct broker *broker)
{
    const char *path = broker->options.users_path;
    FILE *file = fopen(path, "r");
    bool is_good = file != NULL;

    while (is_good) {
        char *line = NULL;
        size_t capacity = 0;
        if (getline(&line, &capacity, file) < 0) {
            free(line);
            break;
        }
        line[strcspn(line, "\r\n")] = '\0';
        is_good = add_user(broker, line);
        if (!is_good)
            report(NULL, "%s: not a line of name:password, or no memory", path);
    }
    if (file == NULL || ferror(file)) {
        report(NULL, "%s: %s", path, strerror(errno));
        is_good = false;
    }
    if (file != NULL)
        fclose(file);
    return is_good;
}

static bool start(struct broker *broker)
{
    const struct options *options = &broker->options;

    broker->told_connected = SIZE_MAX;
    broker->connections =
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is what is wanted */
        (struct connection **)calloc(options->max_connections, sizeof *broker->connections);
    broker->polls =
        (struct pollfd *)calloc((size_t)options->max_connections + 1, sizeof *broker->polls);
    if (broker->connections == NULL || broker->polls == NULL) {
        report(NULL, "there is no memory for so many connections");
        return false;
    }
    if (options->users_path != NULL && !load_users(broker))
        return false;
    if (options->sys_interval > 0)
        publish_sys(broker, "$SYS/broker/version", VERSION);
    return set_signals() && start_listening(broker);
}

/* Frees everything. No will is published: the connections of all who could receive it end too. */
static void finish(struct broker *broker)
{
    size_t i;

    for (i = 0; i < broker->connection_count; i++)
        connection_free(broker->connections[i]);
    for (i = 0; i < BUCKETS; i++) {
        while (broker->session_buckets[i] != NULL)
            session_end(broker, broker->session_buckets[i]);
        while (broker->retained_buckets[i] != NULL)
            retained_remove(broker, &broker->retained_buckets[i]);
    }
    for (i = 0; i < broker->user_count; i++)
        free(broker->users[i]);
    free(broker->users);
    free(broker->connections);
    free(broker->polls);
    if (broker->listener >= 0)
        close(broker->listener);
}

/* ---------------------------------------------------------------------------------------------
 * Options
 * ------------------------------------------------------------------------------------------- */

struct number_option {
    const char *name;
    uint32_t *value;
    uint32_t least;
    uint32_t most;
};

static bool parse_number(const struct number_option *option, const char *text)
{
    char *end;
    unsigned long long value;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < option->least ||
        value > option->most)
        return false;
    *option->value = (uint32_t)value;
    return true;
}

/* Takes an option with a value; false: there is none of this name, or it cannot have this value. */
static bool parse_value(struct options *options, const char *name, const char *value)
{
    const struct number_option numbers[] = {
        {"-p", &options->port, 0, 65535},
        {"--max-packet", &options->max_packet, 16, MQTT_REMAINING_LENGTH_MAX + 5},
        {"--max-topic", &options->max_topic, 1, MQTT_STRING_LENGTH_MAX},
        {"--max-queue", &options->max_queue, 1, 1000000000},
        {"--max-connections", &options->max_connections, 1, 1000000},
        {"--max-sessions", &options->max_sessions, 1, 100000000},
        {"--max-subscriptions", &options->max_subscriptions, 1, 1000000},
        {"--max-subscription-bytes", &options->max_subscription_bytes, 10, 1000000000},
        {"--max-retained", &options->max_retained, 0, 1000000000},
        {"--max-output", &options->max_output, 1, 1000000000},
        {"--connect-timeout", &options->connect_timeout, 1, 86400},
        {"--sys-interval", &options->sys_interval, 0, 86400},
    };
    size_t i;

    if (strcmp(name, "-b") == 0)
        options->address = value;
    else if (strcmp(name, "--users") == 0)
        options->users_path = value;
    else {
        for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            if (strcmp(name, numbers[i].name) == 0)
                return parse_number(&numbers[i], value);
        }
        return false;
    }
    return true;
}

static bool parse_arguments(struct options *options, int count, char **arguments)
{
    int i;

    for (i = 1; i < count; i++) {
        const char *name = arguments[i];
        if (strcmp(name, "-v") == 0)
            options->verbose = true;
        else if (strcmp(name, "--no-anonymous") == 0)
            options->no_anonymous = true;
        else if (strcmp(name, "--help") == 0)
            options->help = true;
        else if (i + 1 < count && parse_value(options, name, arguments[i + 1]))
            i++;
        else {
            report(NULL, "%s: no such option or value; --help lists them", name);
            return false;
        }
    }
    if (options->no_anonymous && options->users_path == NULL && !options->help) {
        report(NULL, "with --no-anonymous, --users must tell who may log in");
        return false;
    }
    return true;
}

/* Where standard input, output or error is closed, the next file opened would take its place: a
 * client would get the log. What takes it instead fails when it is used. */
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
    struct broker broker = {
        .options = {.address = "127.0.0.1",
                    .port = 1883,
                    .max_packet = 1048576,
                    .max_topic = 4096,
                    .max_queue = 1000,
                    .max_connections = 1000,
                    .max_sessions = 10000,
                    .max_subscriptions = 100,
                    .max_subscription_bytes = 1048576,
                    .max_retained = 10000,
                    .max_output = 1048576,
                    .connect_timeout = 10,
                    .sys_interval = 10},
        .listener = -1,
    };
    bool is_started;

    if (!occupy_standard_files() || !parse_arguments(&broker.options, argc, argv))
        return EXIT_FAILURE;
    if (broker.options.help)
        return fputs(usage, stdout) >= 0 && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    is_started = start(&broker);
    if (is_started)
        run(&broker);
    finish(&broker);
    return is_started ? EXIT_SUCCESS : EXIT_FAILURE;
}
