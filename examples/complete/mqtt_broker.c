/* SPDX-License-Identifier: MIT
 *
 * mqtt_broker.c: a complete MQTT 3.1.1 server: QoS 0, 1 and 2, sessions, retained messages, wills,
 * keep alive, users. One thread, one poll loop, all state in memory.
 *
 *     cc -O2 -o mqtt_broker examples/complete/mqtt_broker.c
 *     ./mqtt_broker --help
 *
 * To copy it, take mqtt_codec.h, network.h, program.h and qos.h too, and change the path of
 * mqtt_codec.h.
 *
 * The parts, from the bottom up:
 *
 *   message     an application message, counted by reference: one copy for all its receivers
 *   delivery    a message for one session; it waits in the session's queue or is in flight
 *   session     the state of a client id: subscriptions, queue, received QoS 2 ids
 *   connection  a socket, its input and output, and the client's will
 *
 * The server loses no message that it has acknowledged, as long as its receivers are connected and
 * read. While the queue of such a receiver is full, a PUBLISH for it waits (holds_publishers). When
 * many packets of a connection wait, the connection is not read.
 *
 * An error of one connection, such as no memory, closes only that connection. It gets the state
 * CLOSING and is removed at the end of the turn, so functions can use it until then.
 *
 * Tags such as [MQTT-3.3.1-8] name the statement of the standard that a line meets. What
 * mqtt_codec.h checks in the bytes of a packet is tagged there.
 *
 * A message is compared with every subscription, and a new subscription with every retained message.
 * For hundreds of thousands of them replace subscribed_qos by a tree of topic levels that leads to
 * the sessions, and retained_buckets by a tree of the retained topics.
 */
#define _POSIX_C_SOURCE 200809L
#define PROGRAM         "mqtt_broker"
#define WINDOW_MAX      64u

#include "../../mqtt_codec.h"
#include "network.h"
#include "qos.h"

#include <poll.h>

#define BUCKETS          1024u  /* of the hash tables of sessions and of retained messages */
#define FILTER_BUCKETS   65536u /* of the hash table of subscriptions */
#define WRITE_SOON       65536u /* bytes of output that are written before the end of the turn */
#define HELD_PACKETS     4u     /* times --max-packet: bytes of packets that may wait */
#define ACCEPTS_PER_TURN 64u
#define PACKETS_PER_TURN 32u     /* of one connection */
#define LOG_LINE_MAX     512     /* bytes; a pipe takes so many at once, _POSIX_PIPE_BUF */
#define LOG_ID           "%.64s" /* a client id in a line, cut to 64 bytes */

/* In milliseconds */
#define TURN_MAX      500  /* the longest wait, so that a stalled client is noticed */
#define TURN_LONG     10   /* after this time each connection gets one more packet in the turn */
#define LINGER        3000 /* for a refused client to read its CONNACK */
#define TAKEOVER_WAIT 2000 /* of a CONNECT, for the old connection of its client */
#define NEVER         INT64_MAX

/* The options, with their defaults. Only parse_arguments changes them. */
static const char *listen_address = "127.0.0.1";
static uint32_t listen_port = 1883;
static const char *users_path;
static bool no_anonymous;
static uint32_t max_packet = 1048576;
static uint32_t max_topic = 4096;
static uint32_t max_queue = 1000;
static uint32_t max_stall = 10;
static uint32_t max_connections = 1000;
static uint32_t max_sessions = 10000;
static uint32_t max_subscriptions = 10000;
static uint32_t max_retained = 10000;
static uint32_t max_output = 1048576;
static uint32_t connect_timeout = 10;
static bool is_verbose;

static const struct option known_options[] = {
    {"-p PORT", NUMBER, &listen_port, 0, 65535, "listen on this port; 0: a free one"},
    {"-b ADDRESS", TEXT, &listen_address, 0, 0, "listen on this address"},
    {"--users FILE", TEXT, &users_path, 0, 0,
     "who may log in: lines of name:password, in plain text"},
    {"--no-anonymous", FLAG, &no_anonymous, 0, 0, "refuse clients without a user name"},
    {"--max-packet BYTES", NUMBER, &max_packet, 16, MQTT_REMAINING_LENGTH_MAX + 5,
     "longest packet that is accepted"},
    {"--max-topic BYTES", NUMBER, &max_topic, 1, MQTT_STRING_LENGTH_MAX,
     "longest topic name of a message, and topic filter"},
    {"--max-queue N", NUMBER, &max_queue, 1, 1000000000, "messages in the queue of a session"},
    {"--max-stall SECONDS", NUMBER, &max_stall, 0, 86400,
     "how long publishers wait for a client whose queue is full\n"
     "                             and that acknowledges nothing"},
    {"--max-connections N", NUMBER, &max_connections, 1, 1000000, "connections at a time"},
    {"--max-sessions N", NUMBER, &max_sessions, 1, 100000000,
     "sessions, including those of absent clients"},
    {"--max-subscriptions N", NUMBER, &max_subscriptions, 1, 100000000,
     "subscriptions of a session; all may have ten times as many"},
    {"--max-retained N", NUMBER, &max_retained, 0, 1000000000, "topics with a retained message"},
    {"--max-output BYTES", NUMBER, &max_output, 1, 1000000000, "unsent output of a connection"},
    {"--connect-timeout SECONDS", NUMBER, &connect_timeout, 1, 86400,
     "time for a client to send its CONNECT"},
    {"-v", FLAG, &is_verbose, 0, 0, "log the packets of clients, and the end of their connections"},
};

static const struct command_line command_line = {
    "Usage: mqtt_broker [OPTION]...\n"
    "An MQTT 3.1.1 server that keeps everything in memory.\n\n",
    "\nWhen it is ready it prints: listening on ADDRESS:PORT. The log goes to standard error.\n"
    "SIGINT and SIGTERM end it, with status 0. The status is 1 if it cannot start.\n",
    known_options,
    sizeof known_options / sizeof known_options[0],
};

struct message {
    struct message *next_retained; /* in its bucket */
    size_t references;
    struct mqtt_publish publish; /* as it was published; its strings are in `bytes` */
    uint8_t bytes[];             /* topic name, payload */
};

struct delivery {
    struct delivery *next;
    struct session *session;
    struct message *message; /* NULL after its PUBREC */
    uint8_t qos;
    bool retain;
};

struct subscription {
    struct subscription *next_in_bucket;
    struct subscription *previous; /* in its session */
    struct subscription *next;
    const struct session *session;
    uint8_t qos; /* granted */
    size_t length;
    char filter[];
};

struct session {
    struct session *next;          /* in its bucket */
    struct connection *connection; /* NULL: the client is away */
    struct subscription *first_subscription;
    struct subscription *last_subscription;
    struct subscription *first_owed; /* from here on, the retained messages are not queued yet */
    size_t subscription_count;
    struct window window;     /* the deliveries in flight */
    struct delivery *waiting; /* the deliveries that were never sent */
    struct delivery **waiting_end;
    size_t waiting_count;
    size_t waiting_qos_0;
    struct id_set *received; /* QoS 2 ids; NULL: none ever came */
    size_t dropped;          /* messages, since this was last logged */
    int64_t progress_at;     /* the last acknowledgement, or the time when the queue became full */
    int64_t away_since;
    bool clean;
    size_t id_length;
    char id[]; /* a NUL ends it */
};

enum connection_state {
    AWAITING_CONNECT,
    CONNECTED,
    REFUSED, /* the CONNACK is being sent; input is ignored */
    CLOSING  /* removed at the end of the turn */
};

struct connection {
    int socket;
    enum connection_state state;
    struct session *session;
    struct session *waits_for; /* its next packet must wait for this session, or NULL */
    struct message *will;
    struct buffer input;  /* received and not yet handled */
    struct buffer held;   /* whole packets that had to wait; they come before `input` */
    struct buffer output; /* not yet written */
    int64_t deadline;     /* it is closed then, unless a packet comes */
    const char *end;      /* how it ended, if the server has not ended it */
    uint16_t keep_alive;
    bool has_input; /* there may be a whole packet in `input` */
    bool has_ended; /* the client has closed its side, or is gone */
    char peer[80];
};

struct broker {
    struct pollfd *polls; /* for signals, the listener, and then each connection */
    struct connection **connections;
    size_t connection_count;
    struct session *session_buckets[BUCKETS];
    size_t session_count;
    struct subscription *filter_buckets[FILTER_BUCKETS];
    size_t subscription_count; /* of all sessions */
    struct message *retained_buckets[BUCKETS];
    size_t retained_count;
    struct buffer users; /* lines of name:password; a NUL ends each */
    uint64_t assigned_ids;
    int64_t now; /* milliseconds, read once in a turn */
    int64_t accept_after;
    size_t turns;
    int listener;
};

/* ---------------------------------------------------------------------------------------------
 * The log
 * ------------------------------------------------------------------------------------------- */

/* The server does not wait for the reader of its log: if a line does not fit, it is lost. */
static void report(const struct connection *connection, const char *format, ...)
{
    const struct session *session = connection == NULL ? NULL : connection->session;
    struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};
    char line[LOG_LINE_MAX];
    size_t length;
    size_t i;
    va_list arguments;

    snprintf(line, sizeof line, PROGRAM ": %s%s" LOG_ID "%s",
             connection == NULL ? "" : connection->peer, connection == NULL ? "" : ": ",
             session == NULL ? "" : session->id, session == NULL ? "" : ": ");
    length = strlen(line);
    va_start(arguments, format);
    vsnprintf(line + length, sizeof line - length, format, arguments);
    va_end(arguments);
    length = strlen(line);
    for (i = 0; i < length; i++) /* a client must not control the terminal that shows the log */
        if (line[i] < ' ' || line[i] > '~')
            line[i] = '?';
    line[length] = '\n'; /* in place of the NUL */
    if (poll(&log, 1, 0) == 1)
        (void)!write(STDERR_FILENO, line, length + 1);
}

/* What -v prints for a packet. A long field comes last. */
static void report_packet(const struct connection *connection, const struct mqtt_packet *packet)
{
    const struct mqtt_string *id = &packet->as.connect.client_id;
    const struct mqtt_publish *publish = &packet->as.publish;

    if (packet->type == MQTT_CONNECT)
        report(connection, "CONNECT, client id %.*s", (int)id->length, id->data);
    else if (packet->type == MQTT_PUBLISH)
        report(connection, "PUBLISH at QoS %u, %zu bytes of payload, topic %.*s",
               (unsigned)publish->qos, publish->payload.length, (int)publish->topic.length,
               publish->topic.data);
    else
        report(connection, "%s", mqtt_packet_type_name(packet->type));
}

static void close_without_memory(struct connection *connection)
{
    report(connection, "out of memory, the connection is closed");
    connection->state = CLOSING; /* [MQTT-4.8.0-2] */
}

/* ---------------------------------------------------------------------------------------------
 * Messages and output
 * ------------------------------------------------------------------------------------------- */

/* Copies a decoded PUBLISH, which points into the input. NULL: out of memory. */
static struct message *message_new(const struct mqtt_publish *publish)
{
    const size_t topic = publish->topic.length;
    const size_t payload = publish->payload.length;
    struct message *message = (struct message *)malloc(sizeof *message + topic + payload);

    if (message == NULL)
        return NULL;
    *message = (struct message){.references = 1, .publish = *publish};
    /* The name is kept byte for byte [MQTT-4.7.3-4] [MQTT-1.5.3-3]. */
    memcpy(message->bytes, publish->topic.data, topic);
    if (payload > 0)
        memcpy(message->bytes + topic, publish->payload.data, payload);
    message->publish.topic.data = (const char *)message->bytes;
    message->publish.payload.data = message->bytes + topic;
    return message;
}

static void message_release(struct message *message)
{
    if (message == NULL)
        return;
    message->references--;
    if (message->references == 0)
        free(message);
}

/* Writes what the socket accepts. If the client does not read any more, the output is dropped. What
 * the client has sent, perhaps a DISCONNECT, is still received. */
static void write_output(struct connection *connection)
{
    struct buffer *output = &connection->output;

    if (!buffer_send(output, connection->socket))
        buffer_drop(output, buffer_length(output));
    /* close would reset the connection if there is unread input, and the CONNACK could be lost. */
    if (connection->state == REFUSED && buffer_length(output) == 0)
        shutdown(connection->socket, SHUT_WR); /* [MQTT-3.2.2-5] */
}

static void send_packet(struct connection *connection, const struct mqtt_packet *packet)
{
    if (!buffer_append_packet(&connection->output, packet))
        close_without_memory(connection);
    if (buffer_length(&connection->output) >= WRITE_SOON)
        write_output(connection);
}

/* Sends an acknowledgement, with the packet id of the packet that it answers [MQTT-2.3.1-6], or a
 * PINGRESP. */
static void send_answer(struct connection *connection, enum mqtt_packet_type type,
                        uint16_t packet_id)
{
    const struct mqtt_packet packet = {.type = type, .as.ack.packet_id = packet_id};

    send_packet(connection, &packet);
}

static void send_connack(struct connection *connection, bool session_present, uint8_t code)
{
    const struct mqtt_packet packet = {.type = MQTT_CONNACK, .as.connack = {session_present, code}};

    send_packet(connection, &packet);
}

/* ---------------------------------------------------------------------------------------------
 * Subscriptions
 * ------------------------------------------------------------------------------------------- */

/* FNV-1a. A client can choose names with the same hash; the limits bound what that costs. */
static uint32_t hash_of(struct mqtt_string string)
{
    uint32_t hash = 2166136261u;
    size_t i;

    for (i = 0; i < string.length; i++)
        hash = (hash ^ (uint8_t)string.data[i]) * 16777619u;
    return hash ^ (hash >> 16);
}

static struct mqtt_string id_of(const struct session *session)
{
    return (struct mqtt_string){session->id, session->id_length};
}

static struct mqtt_string filter_of(const struct subscription *subscription)
{
    return (struct mqtt_string){subscription->filter, subscription->length};
}

/* The link to a session's subscription, or to the end of its bucket. Filters are compared byte by
 * byte [MQTT-3.10.4-1] [MQTT-4.7.3-4]. */
static struct subscription **subscription_find(struct broker *broker, const struct session *session,
                                               struct mqtt_string filter)
{
    const uint32_t hash = hash_of(filter) ^ hash_of(id_of(session));
    struct subscription **link = &broker->filter_buckets[hash % FILTER_BUCKETS];

    while (*link != NULL &&
           ((*link)->session != session || !mqtt_string_equals(filter_of(*link), filter)))
        link = &(*link)->next_in_bucket;
    return link;
}

static void subscription_remove(struct broker *broker, struct session *session,
                                struct mqtt_string filter)
{
    struct subscription **link = subscription_find(broker, session, filter);
    struct subscription *removed = *link;

    if (removed == NULL)
        return;
    *link = removed->next_in_bucket;
    if (removed->previous == NULL)
        session->first_subscription = removed->next;
    else
        removed->previous->next = removed->next;
    if (removed->next == NULL)
        session->last_subscription = removed->previous;
    else
        removed->next->previous = removed->previous;
    if (session->first_owed == removed)
        session->first_owed = removed->next;
    session->subscription_count--;
    broker->subscription_count--;
    free(removed);
}

/* Returns the return code for one filter [MQTT-3.8.4-5]. */
static uint8_t subscription_add(struct broker *broker, struct session *session,
                                const struct mqtt_subscription *wanted)
{
    const struct mqtt_string filter = wanted->filter;
    struct subscription *added = NULL;

    subscription_remove(broker, session, filter); /* it is replaced [MQTT-3.8.4-3] */
    if (filter.length <= max_topic && session->subscription_count < max_subscriptions &&
        broker->subscription_count / 10 < max_subscriptions)
        added = (struct subscription *)malloc(sizeof *added + filter.length);
    if (added == NULL)
        return MQTT_SUBACK_CODE_FAILURE;
    *added = (struct subscription){.session = session, .qos = wanted->qos, .length = filter.length};
    memcpy(added->filter, filter.data, filter.length);
    *subscription_find(broker, session, filter) = added;
    added->previous = session->last_subscription;
    if (added->previous == NULL)
        session->first_subscription = added;
    else
        added->previous->next = added;
    session->last_subscription = added;
    if (session->first_owed == NULL)
        session->first_owed = added;
    session->subscription_count++;
    broker->subscription_count++;
    return wanted->qos;
}

/* The highest QoS granted by the subscriptions that match the topic [MQTT-3.3.5-1], or -1 if none
 * matches. The session gets one delivery for all of them. */
static int subscribed_qos(const struct session *session, struct mqtt_string topic)
{
    const struct subscription *subscription = session->first_subscription;
    int qos = -1;

    for (; subscription != NULL && qos < 2; subscription = subscription->next) {
        /* [MQTT-3.3.2-3], and [MQTT-4.7.2-1] for topics that begin with $ */
        if (subscription->qos > qos && mqtt_topic_matches(filter_of(subscription), topic))
            qos = subscription->qos;
    }
    return qos;
}

/* ---------------------------------------------------------------------------------------------
 * Sessions
 * ------------------------------------------------------------------------------------------- */

/* Only the client id names a session [MQTT-3.1.3-2]. */
static struct session *session_find(const struct broker *broker, struct mqtt_string id)
{
    struct session *session = broker->session_buckets[hash_of(id) % BUCKETS];

    while (session != NULL && !mqtt_string_equals(id_of(session), id))
        session = session->next;
    return session;
}

static void delivery_free(struct delivery *delivery)
{
    message_release(delivery->message);
    free(delivery);
}

static bool is_full(const struct session *session)
{
    return session->waiting_count + session->window.count >= max_queue;
}

/* Removes the delivery at *link from the list of those that wait. */
static struct delivery *queue_take(struct session *session, struct delivery **link)
{
    struct delivery *delivery = *link;

    *link = delivery->next;
    if (delivery->next == NULL)
        session->waiting_end = link;
    session->waiting_count--;
    if (delivery->qos == 0)
        session->waiting_qos_0--;
    return delivery;
}

/* Drops the oldest QoS 0 messages, at most `count`. */
static void queue_drop_qos_0(struct session *session, size_t count)
{
    struct delivery **link = &session->waiting;

    while (count > 0 && session->waiting_qos_0 > 0 && *link != NULL) {
        if ((*link)->qos > 0) {
            link = &(*link)->next;
        } else {
            delivery_free(queue_take(session, link));
            count--;
        }
    }
}

static void report_dropped(struct session *session)
{
    if (session->dropped > 0)
        report(NULL, LOG_ID ": %zu messages were dropped", session->id, session->dropped);
    session->dropped = 0;
}

/* A full queue drops a QoS 0 message for the new one. If it has none, the new one is dropped. But a
 * retained message for a new subscription is never dropped. */
static void queue_append(struct session *session, struct delivery *delivery)
{
    const bool was_full = is_full(session);

    if (was_full && !delivery->retain)
        queue_drop_qos_0(session, 1);
    if (is_full(session) && !delivery->retain) {
        if (session->dropped == 0)
            report(NULL, LOG_ID ": the queue is full, messages are dropped: the client %s",
                   session->id, session->connection == NULL ? "is away" : "does not keep up");
        session->dropped++;
        delivery_free(delivery);
        return;
    }
    report_dropped(session);
    delivery->next = NULL;
    *session->waiting_end = delivery;
    session->waiting_end = &delivery->next;
    session->waiting_count++;
    if (delivery->qos == 0)
        session->waiting_qos_0++;
    if (!was_full && is_full(session))
        session->progress_at = milliseconds();
}

/* Forgets all of its state; retained messages do not belong to it [MQTT-3.1.2-7]. */
static void session_end(struct broker *broker, struct session *session)
{
    struct session **link = &broker->session_buckets[hash_of(id_of(session)) % BUCKETS];
    size_t i;

    report_dropped(session);
    for (i = 0; i < broker->connection_count; i++)
        if (broker->connections[i]->waits_for == session)
            broker->connections[i]->waits_for = NULL;
    while (*link != session)
        link = &(*link)->next;
    *link = session->next;
    broker->session_count--;
    while (session->window.count > 0)
        delivery_free((struct delivery *)window_remove(&session->window, 0));
    while (session->waiting != NULL)
        delivery_free(queue_take(session, &session->waiting));
    while (session->first_subscription != NULL)
        subscription_remove(broker, session, filter_of(session->first_subscription));
    free(session->received);
    free(session);
}

/* Ends the session of the client that has been away longest. Otherwise a client could make sessions
 * and go away, until there is no place for others. */
static void end_oldest_session(struct broker *broker)
{
    struct session *oldest = NULL;
    struct session *session;
    size_t i;

    for (i = 0; i < BUCKETS; i++)
        for (session = broker->session_buckets[i]; session != NULL; session = session->next)
            if (session->connection == NULL &&
                (oldest == NULL || session->away_since < oldest->away_since))
                oldest = session;
    if (oldest == NULL)
        return;
    report(NULL, LOG_ID ": its session ends, another client needs the place", oldest->id);
    session_end(broker, oldest);
}

/* NULL: out of memory, or --max-sessions is reached and no client is away. */
static struct session *session_new(struct broker *broker, struct mqtt_string id)
{
    struct session **bucket = &broker->session_buckets[hash_of(id) % BUCKETS];
    struct session *session = NULL;

    if (broker->session_count == max_sessions)
        end_oldest_session(broker);
    if (broker->session_count < max_sessions)
        session = (struct session *)calloc(1, sizeof *session + id.length + 1);
    if (session == NULL)
        return NULL;
    memcpy(session->id, id.data, id.length);
    session->id_length = id.length;
    session->waiting_end = &session->waiting;
    session->next = *bucket;
    *bucket = session;
    broker->session_count++;
    return session;
}

/* ---------------------------------------------------------------------------------------------
 * Deliveries
 * ------------------------------------------------------------------------------------------- */

/* True if a publisher must wait for a session: its queue is full, and its client is connected and
 * still acknowledges. So the server loses no message that it acknowledged. After the client
 * has acknowledged nothing for --max-stall, nobody waits for it, and messages for it are dropped. */
static bool holds_publishers(const struct session *session)
{
    return is_full(session) && session->waiting_qos_0 == 0 && session->connection != NULL &&
           session->connection->state == CONNECTED &&
           milliseconds() - session->progress_at < (int64_t)max_stall * 1000;
}

/* True if the output has room for another PUBLISH. */
static bool takes_publish(const struct connection *connection)
{
    return connection != NULL && connection->state == CONNECTED &&
           buffer_length(&connection->output) < max_output;
}

/* `sent` is the state of a delivery in flight; NULL at QoS 0. */
static void send_publish(struct connection *connection, const struct delivery *delivery,
                         struct in_flight *sent)
{
    struct mqtt_packet packet = {.type = MQTT_PUBLISH, .as.publish = delivery->message->publish};
    struct mqtt_publish *publish = &packet.as.publish;

    publish->qos = delivery->qos;
    publish->retain = delivery->retain;
    publish->dup = false; /* the publisher's DUP is not passed on [MQTT-3.3.1-3] */
    if (sent != NULL) {
        publish->packet_id = sent->packet_id; /* each time [MQTT-2.3.1-4] [MQTT-4.4.0-1] */
        publish->dup = sent->is_sent;         /* [MQTT-3.3.1-1] */
        sent->is_sent = true;
    }
    send_packet(connection, &packet);
}

/* Sends what is due, then the queue in its order [MQTT-4.6.0-5] [MQTT-4.6.0-6], until the output or
 * the window is full. */
static void send_queued(struct session *session)
{
    struct connection *connection = session->connection;
    struct window *window = &session->window;

    while (takes_publish(connection)) {
        size_t index;
        struct in_flight *due = window_next_due(window, &index);
        if (due != NULL && index < window->released) {
            send_answer(connection, MQTT_PUBREL, due->packet_id); /* [MQTT-4.6.0-4] */
        } else if (due != NULL) {
            send_publish(connection, (struct delivery *)due->message, due);
        } else if (session->waiting != NULL && session->waiting->qos == 0) {
            struct delivery *delivery = queue_take(session, &session->waiting);
            send_publish(connection, delivery, NULL);
            delivery_free(delivery);
        } else if (session->waiting != NULL && window->count < WINDOW_MAX) {
            struct delivery *delivery = queue_take(session, &session->waiting);
            window_add(window, delivery, delivery->qos);
        } else {
            return;
        }
    }
}

/* Adds a delivery to the list, at the lower of two QoS [MQTT-3.8.4-6]. False: out of memory. */
static bool make_delivery(struct session *session, struct message *message, uint8_t granted,
                          bool retain, struct delivery **list)
{
    const uint8_t qos = message->publish.qos < granted ? message->publish.qos : granted;
    struct delivery *delivery = (struct delivery *)malloc(sizeof *delivery);

    if (delivery == NULL)
        return false;
    message->references++;
    *delivery = (struct delivery){*list, session, message, qos, retain};
    *list = delivery;
    return true;
}

enum publish_result {
    PUBLISHED,
    NOT_PUBLISHED, /* a limit is reached, or there is no memory */
    MUST_WAIT      /* for publisher->waits_for */
};

/* Makes a delivery for each session that must get the message [MQTT-4.5.0-1], as a list in *list.
 * `publisher` is NULL for a will, which cannot wait. */
static enum publish_result make_deliveries(const struct broker *broker,
                                           struct connection *publisher, struct message *message,
                                           struct delivery **list)
{
    struct session *session;
    size_t i;

    for (i = 0; i < BUCKETS; i++) {
        for (session = broker->session_buckets[i]; session != NULL; session = session->next) {
            const int granted = subscribed_qos(session, message->publish.topic);
            const bool is_qos_0 = message->publish.qos == 0 || granted == 0;
            /* QoS 0 messages are not kept for a client that is away or slow. The others are
             * [MQTT-3.1.2-5]. */
            if (granted < 0 ||
                (is_qos_0 && (!takes_publish(session->connection) || is_full(session))))
                continue;
            if (!is_qos_0 && publisher != NULL && holds_publishers(session)) {
                publisher->waits_for = session;
                return MUST_WAIT;
            }
            if (!make_delivery(session, message, (uint8_t)granted, false /* [MQTT-3.3.1-9] */,
                               list))
                return NOT_PUBLISHED;
        }
    }
    return PUBLISHED;
}

/* Queues the deliveries of a list, or frees them. */
static void use_deliveries(struct delivery *list, bool are_queued)
{
    while (list != NULL) {
        struct delivery *delivery = list;
        struct session *session = delivery->session;
        list = delivery->next;
        if (are_queued) {
            queue_append(session, delivery);
            send_queued(session);
        } else {
            delivery_free(delivery);
        }
    }
}

/* ---------------------------------------------------------------------------------------------
 * Retained messages, publishing
 * ------------------------------------------------------------------------------------------- */

/* The link to the message that is retained for a topic, or to the end of its bucket. */
static struct message **retained_find(struct broker *broker, struct mqtt_string topic)
{
    struct message **link = &broker->retained_buckets[hash_of(topic) % BUCKETS];

    while (*link != NULL && !mqtt_string_equals((*link)->publish.topic, topic))
        link = &(*link)->next_retained;
    return link;
}

/* False if there are too many topics and the message has QoS 1 or 2. A QoS 0 message need not be
 * retained. */
static bool retain_message(struct broker *broker, struct message *message)
{
    struct message **link = retained_find(broker, message->publish.topic);
    struct message *old = *link;

    if (old != NULL) { /* [MQTT-3.3.1-7] [MQTT-3.3.1-10] */
        *link = old->next_retained;
        broker->retained_count--;
        message_release(old);
    }
    if (message->publish.payload.length == 0) /* never stored [MQTT-3.3.1-11] */
        return true;
    if (broker->retained_count >= max_retained)
        return message->publish.qos == 0;
    message->references++; /* with its QoS [MQTT-3.3.1-5] */
    message->next_retained = *link;
    *link = message;
    broker->retained_count++;
    return true;
}

/* True if retained messages for a subscription can be queued now. They wait while the queue is
 * full, so that a client cannot fill the memory with them. */
static bool owes_retained(const struct session *session)
{
    return session != NULL && session->first_owed != NULL && !is_full(session);
}

/* Queues what is retained for one new subscription [MQTT-3.3.1-6]. */
static void queue_retained(struct broker *broker, struct session *session)
{
    const struct subscription *subscription = session->first_owed;
    const struct mqtt_string filter = filter_of(subscription);
    /* A filter without a wildcard matches one topic only, which has one bucket. */
    const bool is_name = mqtt_topic_name_is_valid(filter);
    size_t i = is_name ? hash_of(filter) % BUCKETS : 0;
    const size_t end = is_name ? i + 1 : BUCKETS;
    struct delivery *list = NULL;
    bool is_good = true;

    session->first_owed = subscription->next;
    for (; i < end && is_good; i++) {
        struct message *message = broker->retained_buckets[i];
        for (; message != NULL && is_good; message = message->next_retained)
            if (mqtt_topic_matches(filter, message->publish.topic))
                is_good = make_delivery(session, message, subscription->qos,
                                        true /* [MQTT-3.3.1-8] */, &list);
    }
    use_deliveries(list, is_good);
    if (!is_good)
        close_without_memory(session->connection);
}

/* Queues the message for all its receivers, or for none of them. */
static enum publish_result publish_message(struct broker *broker, struct connection *publisher,
                                           struct message *message)
{
    struct delivery *list = NULL;
    enum publish_result result = NOT_PUBLISHED;

    if (message->publish.topic.length <= max_topic)
        result = make_deliveries(broker, publisher, message, &list);
    /* Without RETAIN nothing that is retained changes [MQTT-3.3.1-12]. */
    if (result == PUBLISHED && message->publish.retain && !retain_message(broker, message))
        result = NOT_PUBLISHED;
    use_deliveries(list, result == PUBLISHED);
    return result;
}

/* ---------------------------------------------------------------------------------------------
 * The end and the beginning of a connection
 * ------------------------------------------------------------------------------------------- */

/* Does everything except closing the socket. A second call does nothing. */
static void end_connection(struct broker *broker, struct connection *connection)
{
    struct session *session = connection->session;
    struct message *will = connection->will;

    connection->state = CLOSING;
    connection->session = NULL;
    connection->will = NULL; /* [MQTT-3.1.2-10] */
    if (session != NULL) {
        session->connection = NULL;
        session->away_since = milliseconds();
        if (session->clean)
            session_end(broker, session); /* [MQTT-3.1.2-6], not earlier [MQTT-4.1.0-2] */
        else
            queue_drop_qos_0(session, session->waiting_count); /* not the rest [MQTT-4.1.0-1] */
    }
    /* There is a will if the client asked for one [MQTT-3.1.2-12] and sent no DISCONNECT. It has the
     * retain flag of the CONNECT [MQTT-3.1.2-16] [MQTT-3.1.2-17]. */
    if (will != NULL && publish_message(broker, NULL, will) != PUBLISHED) { /* [MQTT-3.1.2-8] */
        report(connection, "its will cannot be published or retained");
        will->publish.retain = false; /* others may get it at least */
        publish_message(broker, NULL, will);
    }
    message_release(will);
}

static void remove_closing(struct broker *broker)
{
    size_t i;

    for (i = broker->connection_count; i-- > 0;) {
        struct connection *connection = broker->connections[i];
        if (connection->state != CLOSING)
            continue;
        if (is_verbose)
            report(connection, "closed %s",
                   connection->end == NULL ? "by the server" : connection->end);
        end_connection(broker, connection);
        broker->connection_count--;
        broker->connections[i] = broker->connections[broker->connection_count];
        buffer_free(&connection->input);
        buffer_free(&connection->held);
        buffer_free(&connection->output);
        close(connection->socket);
        free(connection);
    }
}

static void refuse(struct connection *connection, uint8_t code)
{
    report(connection, "refused with return code %u", (unsigned)code);
    connection->state = REFUSED; /* what follows the CONNECT is not handled [MQTT-3.1.4-5] */
    connection->deadline = milliseconds() + LINGER;
    send_connack(connection, false, code); /* [MQTT-3.2.2-4] */
}

static bool may_log_in(const struct broker *broker, const struct mqtt_connect *connect)
{
    struct mqtt_string password = {0};
    size_t i = 0;

    if (!connect->has_user_name)
        return !no_anonymous;
    if (connect->has_password)
        password =
            (struct mqtt_string){(const char *)connect->password.data, connect->password.length};
    while (i < buffer_length(&broker->users)) {
        const char *line = (const char *)broker->users.bytes + i;
        const struct mqtt_string name = {line, strcspn(line, ":")};
        if (mqtt_string_equals(name, connect->user_name))
            return mqtt_string_equals(mqtt_string_from(line + name.length + 1), password);
        i += strlen(line) + 1;
    }
    return users_path == NULL;
}

/* The client's id; any is allowed [MQTT-3.1.3-5]. A client without one gets an id that is not in use
 * [MQTT-3.1.3-6], which is written to `text`. */
static struct mqtt_string client_id_of(struct broker *broker, const struct mqtt_connect *connect,
                                       char *text, size_t size)
{
    struct mqtt_string id = connect->client_id;

    while (id.length == 0 || (id.data == text && session_find(broker, id) != NULL)) {
        broker->assigned_ids++;
        snprintf(text, size, "auto%" PRIu64, broker->assigned_ids);
        id = mqtt_string_from(text);
    }
    return id;
}

/* True if the client has sent something on its old connection that is not handled yet. It may be a
 * DISCONNECT [MQTT-3.14.4-3]. */
static bool has_unfinished_input(const struct session *session)
{
    const struct connection *old = session->connection;
    char byte;

    return old != NULL && old->state == CONNECTED &&
           (old->has_input || buffer_length(&old->held) > 0 ||
            recv(old->socket, &byte, 1, MSG_PEEK) > 0);
}

/* The client's session, old or new. NULL: there is no place for it. */
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
    if (session == NULL)        /* an old one goes on [MQTT-3.1.2-4] [MQTT-3.1.4-3] */
        session = session_new(broker, id);
    if (session != NULL)
        session->clean = clean;
    return session;
}

/* False: the CONNECT must wait. */
static bool handle_connect(struct broker *broker, struct connection *connection,
                           const struct mqtt_connect *connect)
{
    const struct mqtt_will *will = &connect->will;
    const struct mqtt_publish will_message = {0,           will->qos,    false, will->retain,
                                              will->topic, will->message};
    struct mqtt_string id;
    struct session *session;
    char text[32];
    bool present;

    if (!may_log_in(broker, connect)) {
        refuse(connection, MQTT_CONNACK_CODE_REFUSED_NOT_AUTHORIZED);
        return true;
    }
    id = client_id_of(broker, connect, text, sizeof text);
    session = session_find(broker, id);
    if (connection->waits_for == NULL && session != NULL && has_unfinished_input(session)) {
        connection->waits_for = session;
        connection->deadline = milliseconds() + TAKEOVER_WAIT;
        return false;
    }
    connection->waits_for = NULL;
    session = open_session(broker, id, connect->clean_session, &present);
    if (session == NULL) {
        refuse(connection, MQTT_CONNACK_CODE_REFUSED_SERVER_UNAVAILABLE);
        return true;
    }
    session->connection = connection;
    session->progress_at = milliseconds();
    connection->session = session;
    connection->state = CONNECTED;
    connection->keep_alive = connect->keep_alive;
    if (connect->has_will) {                           /* [MQTT-3.1.2-12] */
        connection->will = message_new(&will_message); /* [MQTT-3.1.2-9] */
        if (connection->will == NULL) {
            close_without_memory(connection);
            return true;
        }
    }
    report_dropped(session);
    send_connack(connection, present,
                 MQTT_CONNACK_CODE_ACCEPTED); /* [MQTT-3.1.4-4] [MQTT-3.2.0-1] */
    /* Everything that is not acknowledged goes out again, with its packet id [MQTT-4.4.0-1] and in
     * its order [MQTT-4.6.0-1]. */
    window_resume(&session->window, true);
    send_queued(session);
    return true;
}

/* ---------------------------------------------------------------------------------------------
 * The other packets
 * ------------------------------------------------------------------------------------------- */

/* Each QoS has its answer [MQTT-3.3.4-1]. False: the message must wait. */
static bool handle_publish(struct broker *broker, struct connection *connection,
                           const struct mqtt_publish *received)
{
    struct session *session = connection->session;
    struct message *message = message_new(received);
    enum publish_result result = NOT_PUBLISHED;

    if (received->qos == 2 && session->received == NULL)
        session->received = (struct id_set *)calloc(1, sizeof *session->received);
    /* At QoS 2 the same id is the same message, until its PUBREL comes [MQTT-4.3.3-2]. */
    if (received->qos == 2 && session->received != NULL &&
        id_set_has(session->received, received->packet_id))
        result = PUBLISHED;
    else if (message != NULL && (received->qos < 2 || session->received != NULL))
        result = publish_message(broker, connection, message);
    message_release(message);
    if (result == MUST_WAIT)
        return false;
    if (result == NOT_PUBLISHED) { /* [MQTT-3.3.5-2] [MQTT-4.8.0-2] */
        report(connection, "its message cannot be published or retained, the connection is closed");
        connection->state = CLOSING;
    } else if (received->qos == 1) {
        send_answer(connection, MQTT_PUBACK, received->packet_id); /* [MQTT-4.3.2-2] */
    } else if (received->qos == 2) {
        id_set_add(session->received, received->packet_id);
        send_answer(connection, MQTT_PUBREC, received->packet_id);
    }
    return true;
}

/* PUBACK, PUBREC or PUBCOMP. An unknown packet id is no violation: the client may have a session
 * that this server has lost. Its PUBREC is answered, so that the client can forget the message. */
static void handle_acknowledgement(struct connection *connection, enum mqtt_packet_type type,
                                   uint16_t packet_id)
{
    struct session *session = connection->session;
    void *message = NULL;
    const enum ack_result result = window_acknowledge(&session->window, type, packet_id, &message);
    struct delivery *delivery = (struct delivery *)message;

    if (result == ACK_WRONG) {
        report(connection, "the message with packet id %u does not wait for a %s [MQTT-4.8.0-1]",
               (unsigned)packet_id, mqtt_packet_type_name(type));
        connection->state = CLOSING;
    } else if (result == ACK_DONE) {
        delivery_free(delivery);         /* [MQTT-4.3.2-1] */
    } else if (result == ACK_RELEASED) { /* the PUBLISH is not sent again [MQTT-4.3.3-1] */
        message_release(delivery->message);
        delivery->message = NULL;
    } else if (type == MQTT_PUBREC) {
        send_answer(connection, MQTT_PUBREL, packet_id);
    }
    if (message != NULL)
        session->progress_at = milliseconds();
    send_queued(session);
}

static void handle_pubrel(struct connection *connection, uint16_t packet_id)
{
    if (connection->session->received != NULL) /* a PUBLISH with this id is new [MQTT-4.3.3-2] */
        id_set_remove(connection->session->received, packet_id);
    send_answer(connection, MQTT_PUBCOMP, packet_id); /* [MQTT-4.3.3-2] */
}

static void handle_subscribe(struct broker *broker, struct connection *connection,
                             const struct mqtt_subscribe *subscribe)
{
    uint8_t *codes = (uint8_t *)malloc(subscribe->count);
    const struct mqtt_packet answer = {
        .type = MQTT_SUBACK,
        .as.suback = {codes, subscribe->count, subscribe->packet_id}}; /* [MQTT-3.8.4-2] */
    struct mqtt_subscription wanted;
    size_t position = 0;
    size_t i = 0;

    if (codes == NULL) {
        close_without_memory(connection);
        return;
    }
    /* One by one [MQTT-3.8.4-4], with return codes in their order [MQTT-3.9.3-1]. */
    while (mqtt_next_subscription(subscribe, &position, &wanted)) {
        codes[i] = subscription_add(broker, connection->session, &wanted);
        i++;
    }
    send_packet(connection, &answer); /* [MQTT-3.8.4-1] [MQTT-2.3.1-7] */
    free(codes);
}

static void handle_unsubscribe(struct broker *broker, struct connection *connection,
                               const struct mqtt_unsubscribe *unsubscribe)
{
    struct mqtt_string filter;
    size_t position = 0;

    /* No new messages from now on [MQTT-3.10.4-2]; the queue stays [MQTT-3.10.4-3]. */
    while (mqtt_next_filter(unsubscribe, &position, &filter)) /* [MQTT-3.10.4-6] */
        subscription_remove(broker, connection->session, filter);
    /* Even if there was no subscription [MQTT-3.10.4-4] [MQTT-3.10.4-5]. */
    send_answer(connection, MQTT_UNSUBACK, unsubscribe->packet_id);
}

/* The packets of the standard are all that a client needs [MQTT-7.0.0-2]. False: the packet must
 * wait. */
static bool handle_packet(struct broker *broker, struct connection *connection,
                          const struct mqtt_packet *packet)
{
    switch (packet->type) {
    case MQTT_CONNECT:
        return handle_connect(broker, connection, &packet->as.connect);
    case MQTT_PUBLISH:
        return handle_publish(broker, connection, &packet->as.publish);
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBCOMP:
        handle_acknowledgement(connection, packet->type, packet->as.ack.packet_id);
        return true;
    case MQTT_PUBREL:
        handle_pubrel(connection, packet->as.ack.packet_id);
        return true;
    case MQTT_SUBSCRIBE:
        handle_subscribe(broker, connection, &packet->as.subscribe);
        return true;
    case MQTT_UNSUBSCRIBE:
        handle_unsubscribe(broker, connection, &packet->as.unsubscribe);
        return true;
    case MQTT_PINGREQ:
        send_answer(connection, MQTT_PINGRESP, 0); /* [MQTT-3.12.4-1] */
        return true;
    default: /* DISCONNECT; the decoder refuses what only a server may send */
        message_release(connection->will); /* [MQTT-3.14.4-3] */
        connection->will = NULL;
        connection->end = "after its DISCONNECT";
        connection->state = CLOSING;
        return true;
    }
}

/* ---------------------------------------------------------------------------------------------
 * Input
 * ------------------------------------------------------------------------------------------- */

/* True for packets that need not wait for others. The acknowledgements of a client that publishes
 * must be handled even while its messages wait. Otherwise two clients that publish to each other
 * would wait for each other. */
static bool may_overtake(enum mqtt_packet_type type)
{
    return type == MQTT_PUBACK || type == MQTT_PUBREC || type == MQTT_PUBREL ||
           type == MQTT_PUBCOMP || type == MQTT_PINGREQ;
}

/* True if the connection's next packet must still wait. */
static bool must_wait(const struct connection *connection)
{
    if (connection->waits_for == NULL)
        return false;
    if (connection->state == AWAITING_CONNECT)
        return milliseconds() < connection->deadline && has_unfinished_input(connection->waits_for);
    return holds_publishers(connection->waits_for);
}

/* True if so many packets wait that no more are read. */
static bool holds_too_much(const struct connection *connection)
{
    return buffer_length(&connection->held) >= (size_t)max_packet * HELD_PACKETS;
}

/* If a client does not read its answers, the server does not read from it. The output has room for
 * --max-output bytes, and for --max-packet bytes of answers after them. */
static bool reads_answers(const struct connection *connection)
{
    return buffer_length(&connection->output) < (size_t)max_output + max_packet;
}

/* True if there is something to do without new input. */
static bool has_work(const struct connection *connection)
{
    if ((connection->state != AWAITING_CONNECT && connection->state != CONNECTED) ||
        !reads_answers(connection))
        return false;
    if (owes_retained(connection->session))
        return true;
    if (must_wait(connection))
        return connection->state == CONNECTED && connection->has_input &&
               !holds_too_much(connection);
    return connection->has_input || buffer_length(&connection->held) > 0;
}

/* One and a half times the keep alive [MQTT-3.1.2-24]. */
static void renew_deadline(struct connection *connection)
{
    const int64_t wait = (int64_t)connection->keep_alive * 1500;

    if (connection->state == CONNECTED)
        connection->deadline = wait == 0 ? NEVER : milliseconds() + wait;
}

/* A packet that the decoder refuses closes the connection. If the standard has a return code for it,
 * a CONNACK comes before. Only the decoder refuses client ids. */
static void handle_malformed(struct connection *connection, int32_t status, uint32_t error_offset)
{
    const int32_t code = mqtt_connack_code_for(status);

    report(connection, "byte %" PRIu32 " of a packet: %s [%s]", error_offset,
           mqtt_status_message(status), mqtt_status_clause(status));
    if (connection->state == AWAITING_CONNECT && code >= 0)
        refuse(connection, (uint8_t)code); /* [MQTT-3.1.2-2] [MQTT-3.1.3-8] [MQTT-3.1.3-9] */
    else
        connection->state = CLOSING; /* [MQTT-4.8.0-1] [MQTT-3.1.4-1] [MQTT-3.2.2-6] */
}

/* Checks the fixed header, before memory is spent on the rest. False: the connection is closed. */
static bool is_expected(struct connection *connection, const uint8_t *bytes, size_t length)
{
    struct mqtt_fixed_header header;
    const int32_t size = mqtt_decode_fixed_header(&header, bytes, length);

    if (size <= 0) /* incomplete, or for the decoder to refuse */
        return true;
    if (connection->state == AWAITING_CONNECT && header.type != MQTT_CONNECT)
        report(connection, "the first packet is not CONNECT [MQTT-3.1.0-1]");
    else if (connection->state == CONNECTED && header.type == MQTT_CONNECT)
        report(connection, "a second CONNECT [MQTT-3.1.0-2]");
    else if ((uint32_t)size + header.remaining_length > max_packet)
        report(connection,
               "a %s of %" PRIu32 " bytes is larger than --max-packet, %" PRIu32
               "; the connection is closed",
               mqtt_packet_type_name(header.type), (uint32_t)size + header.remaining_length,
               max_packet);
    else
        return true;
    connection->state = CLOSING; /* [MQTT-4.8.0-1] */
    return false;
}

/* Takes the next packet. Packets that had to wait come first. While they still wait, some types
 * overtake them, and the others wait too. */
static void take_packet(struct broker *broker, struct connection *connection)
{
    const bool waits = must_wait(connection);
    const bool is_held = !waits && buffer_length(&connection->held) > 0;
    struct buffer *source = is_held ? &connection->held : &connection->input;
    const uint8_t *bytes = buffer_front(source);
    const size_t length = buffer_length(source);
    struct mqtt_packet packet = {0};
    int32_t size;
    bool is_done = false;

    if (!is_expected(connection, bytes, length))
        return;
    size = mqtt_decode_from_client(&packet, bytes, length);
    if (size == MQTT_PACKET_INCOMPLETE)
        connection->has_input = false;
    else if (size < 0)
        handle_malformed(connection, size, packet.error_offset);
    if (size < 0)
        return;
    if (is_verbose && !is_held && connection->waits_for == NULL)
        report_packet(connection, &packet);
    if (!waits || may_overtake(packet.type))
        is_done = handle_packet(broker, connection, &packet);
    renew_deadline(connection);
    if (!is_done && (is_held || connection->state == AWAITING_CONNECT))
        return; /* it stays where it is */
    if (!is_done && !buffer_append(&connection->held, bytes, (size_t)size))
        close_without_memory(connection);
    buffer_drop(source, (size_t)size);
}

/* Takes packets, but not too many: the other connections have their turn too. What is retained for
 * a SUBSCRIBE is queued before the next packet is handled, if the queue has room. */
static void take_packets(struct broker *broker, struct connection *connection)
{
    unsigned count;

    for (count = 0; count < PACKETS_PER_TURN && has_work(connection) &&
                    (count == 0 || milliseconds() - broker->now <= TURN_LONG);
         count++) {
        if (owes_retained(connection->session))
            queue_retained(broker, connection->session);
        else
            take_packet(broker, connection);
    }
}

static void receive(struct connection *connection)
{
    struct buffer *input = &connection->input;

    if (connection->state == REFUSED)
        buffer_drop(input, buffer_length(input)); /* [MQTT-3.1.4-5] */
    if (!buffer_reserve(input, 1)) {
        close_without_memory(connection);
        return;
    }
    connection->has_ended =
        !buffer_receive(input, connection->socket, input->capacity - input->end);
    connection->has_input = buffer_length(input) > 0;
}

/* ---------------------------------------------------------------------------------------------
 * The loop
 * ------------------------------------------------------------------------------------------- */

static void accept_connections(struct broker *broker)
{
    const int on = 1;
    unsigned count;

    for (count = 0; count < ACCEPTS_PER_TURN; count++) {
        struct connection *connection = NULL;
        char peer[80];
        const int socket = accept_client(broker->listener, peer, sizeof peer);
        if (socket < 0 && must_pause_accepting()) {
            report(NULL, "accept: %s", strerror(errno));
            broker->accept_after = broker->now + ACCEPT_PAUSE;
        }
        if (socket < 0)
            return;
        if (broker->connection_count < max_connections)
            connection = (struct connection *)calloc(1, sizeof *connection);
        if (connection == NULL) {
            report(NULL, "there is no place for another connection");
            close(socket);
            continue;
        }
        /* Without keep alive, a client whose machine is gone is noticed at last. */
        setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        connection->socket = socket;
        connection->deadline = broker->now + (int64_t)connect_timeout * 1000;
        memcpy(connection->peer, peer, sizeof peer);
        broker->connections[broker->connection_count] = connection;
        broker->connection_count++;
    }
}

/* Fills broker->polls and returns how long poll may wait, in milliseconds. */
static int prepare_poll(struct broker *broker)
{
    int64_t wait = TURN_MAX;
    size_t i;

    broker->polls[0] = (struct pollfd){.fd = signal_pipe[0], .events = POLLIN};
    broker->polls[1] = (struct pollfd){.fd = broker->listener, .events = POLLIN};
    if (broker->now < broker->accept_after)
        broker->polls[1].fd = -1;
    for (i = 0; i < broker->connection_count; i++) {
        const struct connection *connection = broker->connections[i];
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there are connection_count */
        struct pollfd interest = {.fd = connection->socket};
        if (reads_answers(connection) && !connection->has_input && !connection->has_ended &&
            !holds_too_much(connection))
            interest.events |= POLLIN;
        if (buffer_length(&connection->output) > 0)
            interest.events |= POLLOUT;
        if (interest.events == 0) /* else poll would report the end of the connection each time */
            interest.fd = -1;
        broker->polls[i + 2] = interest;
        if (has_work(connection))
            wait = 0;
        else if (connection->deadline - broker->now < wait)
            wait = connection->deadline - broker->now;
    }
    return wait < 0 ? 0 : (int)wait;
}

static void serve_connection(struct broker *broker, struct connection *connection, int events)
{
    if (connection->state == CLOSING) /* closed by another connection in this turn */
        return;
    /* Unread input may be there even after the client has closed. */
    if ((events & ~POLLOUT) != 0 && !connection->has_input && !connection->has_ended)
        receive(connection);
    take_packets(broker, connection);
    /* What the client sent before it closed is handled. */
    if (!connection->has_ended || connection->state == CLOSING)
        return;
    if (connection->state == REFUSED ||
        (!connection->has_input && buffer_length(&connection->held) == 0)) {
        connection->end = connection->state == REFUSED ? NULL : "by the client, without DISCONNECT";
        connection->state = CLOSING;
    }
}

static void check_deadline(struct connection *connection)
{
    if (holds_too_much(connection)) /* its PINGREQ may have come, but is not read */
        renew_deadline(connection);
    if (milliseconds() < connection->deadline || connection->state == CLOSING)
        return;
    if (connection->state == AWAITING_CONNECT)
        report(connection, "no CONNECT came in time");
    else if (connection->state == CONNECTED)
        report(connection, "nothing came in one and a half times the keep alive [MQTT-3.1.2-24]");
    connection->state = CLOSING; /* as if the network had failed: the will is published */
}

/* Runs one turn. Returns false if a signal tells the server to end. */
static bool turn(struct broker *broker)
{
    const int wait = prepare_poll(broker);
    const size_t count = broker->connection_count;
    const int ready = poll(broker->polls, (nfds_t)count + 2, wait);
    size_t i;

    broker->now = milliseconds();
    if (ready < 0) { /* a signal came, or memory is short */
        if (errno != EINTR)
            report(NULL, "poll: %s", strerror(errno));
        return true;
    }
    broker->turns++;
    for (i = 0; i < count; i++) { /* in each turn another one is the first */
        const size_t next = (broker->turns + i) % count;
        serve_connection(broker, broker->connections[next], broker->polls[next + 2].revents);
    }
    for (i = 0; i < count; i++)
        check_deadline(broker->connections[i]);
    /* The last output of a connection that closes is written too, perhaps a CONNACK. */
    for (i = 0; i < count; i++) {
        if (buffer_length(&broker->connections[i]->output) > 0)
            write_output(broker->connections[i]);
        if (broker->connections[i]->session != NULL)
            send_queued(broker->connections[i]->session);
    }
    remove_closing(broker);
    if (broker->polls[1].revents != 0)
        accept_connections(broker);
    return broker->polls[0].revents == 0;
}

/* ---------------------------------------------------------------------------------------------
 * The beginning and the end
 * ------------------------------------------------------------------------------------------- */

static bool load_users(struct broker *broker)
{
    FILE *file = fopen(users_path, "r");
    const char *fault = NULL;
    unsigned long number = 0;
    char *line = NULL;
    size_t capacity = 0;

    if (file == NULL) {
        complain("%s: %s", users_path, strerror(errno));
        return false;
    }
    while (fault == NULL && getline(&line, &capacity, file) >= 0) {
        line[strcspn(line, "\r\n")] = '\0';
        number++;
        if (line[0] != '\0' && strchr(line, ':') == NULL)
            fault = "This is not name:password";
        else if (line[0] != '\0' && !buffer_append(&broker->users, line, strlen(line) + 1))
            fault = "There is no memory";
    }
    if (fault == NULL && ferror(file))
        fault = strerror(errno);
    if (fault != NULL)
        complain("%s, line %lu: %s", users_path, number, fault);
    free(line);
    fclose(file);
    return fault == NULL;
}

static bool start_broker(struct broker *broker)
{
    char name[80];

    broker->connections =
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
        (struct connection **)calloc(max_connections, sizeof *broker->connections);
    broker->polls = (struct pollfd *)calloc((size_t)max_connections + 2, sizeof *broker->polls);
    if (broker->connections == NULL || broker->polls == NULL || !watch_signals()) {
        complain("starting: %s", strerror(errno));
        return false;
    }
    if (users_path != NULL && !load_users(broker))
        return false;
    ignore_broken_pipes();
    snprintf(name, sizeof name, "%" PRIu32, listen_port);
    broker->listener = listen_at(listen_address, name); /* by TCP [MQTT-7.1.1-1] */
    if (broker->listener < 0)
        return false;
    name_listener(name, sizeof name, broker->listener, ":");
    printf("listening on %s\n", name);
    return flush_output();
}

int main(int argc, char **argv)
{
    static struct broker broker;
    enum parse_result parsed = REFUSED_ARGUMENTS;
    struct session *session;
    size_t i;

    if (occupy_standard_files())
        parsed = parse_arguments(&command_line, argc, argv, NULL, 0);
    if (parsed == ANSWERED)
        return EXIT_SUCCESS;
    if (parsed == PARSED && no_anonymous && users_path == NULL) {
        complain("With --no-anonymous, --users must say who may log in");
        return EXIT_FAILURE;
    }
    if (parsed != PARSED || !start_broker(&broker))
        return EXIT_FAILURE;
    broker.now = milliseconds();
    while (turn(&broker))
        ;
    /* The system closes the sockets and frees the memory. Wills are not published: the connections
     * of their receivers end too. */
    for (i = 0; i < BUCKETS; i++)
        for (session = broker.session_buckets[i]; session != NULL; session = session->next)
            report_dropped(session);
    return EXIT_SUCCESS;
}
