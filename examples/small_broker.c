/* SPDX-License-Identifier: MIT
 *
 * small_broker.c: a server for this machine, for MQTT 3.1.1 and 5.0, with QoS 0 and 1, retained
 * messages and wills. It has no QoS 2, no shared subscriptions, no passwords and no storage. A
 * session ends with its connection. It drops slow readers. Copy it with mqtt_codec.h and small.h.
 *
 *     cc -o small_broker examples/small_broker.c
 *     ./small_broker 1883 */
#define _POSIX_C_SOURCE 200809L
#include "../mqtt_codec.h"
#include "small.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX       100
#define SUBSCRIPTIONS_MAX 50                                  /* of a client */
#define PACKET_MAX        16384                               /* bytes */
#define RETAINED_MAX      100                                 /* messages */
#define OUTPUT_MAX        ((size_t)RETAINED_MAX * PACKET_MAX) /* room for all retained messages */
#define EXPIRY            MQTT_V5_PROPERTY_MESSAGE_EXPIRY_INTERVAL

struct stored_message {
    struct mqtt_v5_publish copy;   /* points into `bytes`; its topic is empty if there is none */
    int64_t expires_at;            /* in milliseconds; 0 if there is none */
    uint8_t bytes[PACKET_MAX + 1]; /* a packet of 5.0 has one byte more: the property length */
};

struct subscription {
    char filter[PACKET_MAX];
    struct mqtt_v5_subscription options; /* all but its filter */
};

struct client {
    int socket;              /* 0: this struct is free */
    uint32_t packet_max;     /* bytes of a packet that the client accepts */
    uint32_t receive_max;    /* messages at QoS 1 that may be unacknowledged; more are held */
    uint32_t unacknowledged; /* messages at QoS 1, with those that are held */
    int64_t heard_at;        /* when the last packet came, in milliseconds */
    int64_t timeout;         /* the longest wait for the next one; 0: no limit */
    size_t input_length;
    size_t output_length;
    size_t held_length; /* bytes in `output` after those to be sent now */
    size_t subscription_count;
    struct stored_message will;
    uint16_t last_packet_id;
    uint8_t level;       /* of the protocol: 4 is 3.1.1, 5 is 5.0; 0: it is not known yet */
    bool is_over;        /* close it at the end of this round */
    char id[PACKET_MAX]; /* empty until CONNECT is accepted */
    struct subscription subscriptions[SUBSCRIPTIONS_MAX]; /* from here on nothing is cleared */
    uint8_t input[PACKET_MAX];
    uint8_t output[OUTPUT_MAX];
};

static struct client clients[CLIENTS_MAX]; /* 250 MB; the system provides what is used */
static struct stored_message retained[RETAINED_MAX];
static uint8_t scratch[PACKET_MAX + 1];
static uint8_t codes[PACKET_MAX / 3]; /* a filter takes three bytes of a packet or more */
static int64_t now;                   /* in milliseconds */

/* Adds `size` bytes of `scratch` to the client's output. Returns false if there is no room. */
static bool append(struct client *client, size_t size, bool is_held)
{
    uint8_t *place = client->output + client->output_length + (is_held ? client->held_length : 0);
    if (size > OUTPUT_MAX - client->output_length - client->held_length)
        return false;
    memmove(place + size, place, is_held ? 0 : client->held_length);
    memcpy(place, scratch, size);
    client->output_length += is_held ? 0 : size;
    client->held_length += is_held ? size : 0;
    return true;
}

/* Ends a connection. It is closed later, because callers may still work with it. The client gets
 * the reason in a CONNACK, or later in the DISCONNECT of 5.0, if that packet can have this code. */
static void drop(struct client *client, uint8_t reason, const char *why, const char *detail)
{
    struct mqtt_v5_packet last = {.type = MQTT_V5_CONNACK, .as.connack.reason_code = reason};
    if (client->is_over)
        return;
    fprintf(stderr, "small_broker: client %d: %s %s\n", (int)(client - clients), why, detail);
    client->is_over = true;
    if (client->id[0] != '\0')
        last = (struct mqtt_v5_packet){.type = MQTT_V5_DISCONNECT,
                                       .as.disconnect.reason_code = reason};
    if (reason != 0 && (client->level >= 5 || client->id[0] == '\0')) {
        const int32_t size = encode_packet(client->level, scratch, sizeof scratch, &last);
        append(client, size > 0 ? (size_t)size : 0, false);
    }
}

/* Sends a packet. Holds a message if too many are unacknowledged [MQTT-3.3.4-9]. */
static void put(struct client *client, const struct mqtt_v5_packet *packet)
{
    const int32_t size = encode_packet(client->level, scratch, sizeof scratch, packet);
    const bool is_counted = packet->type == MQTT_V5_PUBLISH && packet->as.publish.qos > 0;
    if (size < 0)
        drop(client, MQTT_V5_REASON_UNSPECIFIED_ERROR, mqtt_v5_status_message(size), "");
    if (client->is_over || (uint32_t)size > client->packet_max) /* [MQTT-3.1.2-24] */
        return;
    client->unacknowledged += is_counted;
    if (!append(client, (size_t)size, is_counted && client->unacknowledged > client->receive_max) ||
        client->unacknowledged == 65535) /* the next packet id would still be in use */
        drop(client, MQTT_V5_REASON_QUOTA_EXCEEDED, "It reads or acknowledges too slowly.", "");
}

/* Puts a message at its own QoS or the granted one, whichever is lower. */
static void forward(struct client *client, struct mqtt_v5_publish message, uint8_t qos, bool retain)
{
    message.dup = false;
    message.retain = retain;
    if (message.qos > qos)
        message.qos = qos;
    if (message.qos > 0)
        client->last_packet_id = (uint16_t)(client->last_packet_id % 65535 + 1); /* never 0 */
    message.packet_id = client->last_packet_id;
    const struct mqtt_v5_packet packet = {.type = MQTT_V5_PUBLISH, .as.publish = message};
    put(client, &packet);
}

static void handle_puback(struct client *client)
{
    struct mqtt_v5_packet held;
    const int32_t size =
        mqtt_v5_decode(&held, client->output + client->output_length, client->held_length);
    client->unacknowledged--;
    client->output_length += size > 0 ? (size_t)size : 0;
    client->held_length -= size > 0 ? (size_t)size : 0;
}

/* Copies a message, because it points into the input of a client. */
static void store(struct stored_message *stored, struct mqtt_v5_publish message)
{
    struct mqtt_v5_packet packet = {0};
    const int32_t size = mqtt_v5_encode_publish(scratch, sizeof scratch, &message);
    if (size > 0)
        mqtt_v5_decode(&packet, memcpy(stored->bytes, scratch, (size_t)size), (size_t)size);
    stored->copy = packet.as.publish;
    stored->expires_at = now + INT64_C(1000) * number_of(&message.properties, EXPIRY, UINT32_MAX);
}

static void retain(const struct mqtt_v5_publish *message)
{
    struct stored_message *place = NULL;
    for (size_t i = 0; i < RETAINED_MAX; i++) {
        if (mqtt_string_equals(retained[i].copy.topic, message->topic))
            retained[i].expires_at = 0; /* the new one replaces it */
        if (retained[i].expires_at < now)
            place = &retained[i];
    }
    if (message->payload.length > 0 && place != NULL)
        store(place, *message);
    else if (message->payload.length > 0) /* without a payload it only removes the old one */
        fputs("small_broker: A message is not retained: there is no room.\n", stderr);
}

static void forward_retained(struct client *client, struct mqtt_string filter, uint8_t qos)
{
    for (size_t i = 0; i < RETAINED_MAX; i++) {
        struct mqtt_v5_publish message = retained[i].copy;
        struct mqtt_v5_property expiry = {0};
        if (retained[i].expires_at < now || !mqtt_topic_matches(filter, message.topic))
            continue; /* [MQTT-3.3.2-5] */
        if (mqtt_v5_find_property(&message.properties, EXPIRY, &expiry)) {
            expiry.as.number = (uint32_t)((retained[i].expires_at - now + 999) / 1000);
            message.properties.without = MQTT_V5_WITHOUT(EXPIRY);
            message.properties.list = &expiry; /* the seconds that are left [MQTT-3.3.2-6] */
            message.properties.count = 1;
        }
        forward(client, message, qos, true);
    }
}

static void distribute(const struct client *from, const struct mqtt_v5_publish *message)
{
    if (message->retain)
        retain(message);
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        int granted = -1; /* the highest QoS of the subscriptions that match */
        bool retain_as_published = false;
        for (size_t k = 0; k < clients[i].subscription_count; k++) {
            const struct subscription *s = &clients[i].subscriptions[k];
            if ((s->options.no_local && from == &clients[i]) ||
                !mqtt_topic_matches(mqtt_string_from(s->filter), message->topic))
                continue;
            granted = s->options.qos > granted ? s->options.qos : granted;
            retain_as_published |= s->options.retain_as_published;
        }
        if (granted >= 0 && !clients[i].is_over)
            forward(&clients[i], *message, (uint8_t)granted,
                    message->retain && retain_as_published);
    }
}

/* Returns the code for the UNSUBACK. */
static uint8_t remove_subscription(struct client *client, struct mqtt_string filter)
{
    for (size_t i = 0; i < client->subscription_count; i++)
        if (mqtt_string_equals(mqtt_string_from(client->subscriptions[i].filter), filter)) {
            client->subscription_count--;
            client->subscriptions[i] = client->subscriptions[client->subscription_count];
            return MQTT_V5_REASON_SUCCESS;
        }
    return MQTT_V5_REASON_NO_SUBSCRIPTION_EXISTED;
}

/* Returns the code for the SUBACK. */
static uint8_t add_subscription(struct client *client, const struct mqtt_v5_subscription *wanted)
{
    const struct mqtt_string filter = wanted->filter;
    struct mqtt_string share_name, matched;
    if (client->level >= 5 && mqtt_v5_shared_filter(filter, &share_name, &matched))
        return MQTT_V5_REASON_SHARED_SUBSCRIPTIONS_NOT_SUPPORTED;
    const bool is_new = remove_subscription(client, filter) != MQTT_V5_REASON_SUCCESS;
    if (client->subscription_count == SUBSCRIPTIONS_MAX)
        return MQTT_V5_REASON_UNSPECIFIED_ERROR; /* 0x80, which 3.1.1 has too */
    struct subscription *subscription = &client->subscriptions[client->subscription_count++];
    snprintf(subscription->filter, PACKET_MAX, "%.*s", (int)filter.length, filter.data);
    subscription->options = *wanted;
    subscription->options.qos = wanted->qos == 0 ? 0 : 1;
    /* The retained messages may come before the SUBACK [3.8.4]. */
    if (wanted->retain_handling == 0 || (wanted->retain_handling == 1 && is_new))
        forward_retained(client, filter, subscription->options.qos);
    return subscription->options.qos;
}

static void put_codes(struct client *client, enum mqtt_v5_packet_type type, uint16_t id,
                      size_t count)
{
    const struct mqtt_v5_packet packet = {
        .type = type, .as.suback = {.packet_id = id, .reason_codes = codes, .count = count}};
    put(client, &packet); /* as.unsuback is the same struct */
}

static void handle_subscribe(struct client *client, const struct mqtt_v5_subscribe *packet)
{
    struct mqtt_v5_subscription wanted;
    size_t count = 0, position = 0;
    while (mqtt_v5_next_subscription(packet, &position, &wanted))
        codes[count++] = add_subscription(client, &wanted);
    put_codes(client, MQTT_V5_SUBACK, packet->packet_id, count);
}

static void handle_unsubscribe(struct client *client, const struct mqtt_v5_unsubscribe *packet)
{
    struct mqtt_string filter;
    size_t count = 0, position = 0;
    while (mqtt_v5_next_filter(packet, &position, &filter))
        codes[count++] = remove_subscription(client, filter);
    put_codes(client, MQTT_V5_UNSUBACK, packet->packet_id, count);
}

static void handle_connect(struct client *client, const struct mqtt_v5_connect *connect)
{
    const struct mqtt_string id = connect->client_id;
    const struct mqtt_v5_properties *properties = &connect->properties;
    struct mqtt_v5_packet connack = {.type = MQTT_V5_CONNACK};
    struct mqtt_v5_property method;
    if (mqtt_v5_find_property(properties, MQTT_V5_PROPERTY_AUTHENTICATION_METHOD, &method))
        drop(client, MQTT_V5_REASON_BAD_AUTHENTICATION_METHOD, "It wants to authenticate.", "4.12");
    else if (client->level >= 5 && connect->has_will && connect->will.qos == 2)
        drop(client, MQTT_V5_REASON_QOS_NOT_SUPPORTED, "Its will has QoS 2.", "MQTT-3.2.2-12");
    if (client->is_over)
        return;
    snprintf(client->id, PACKET_MAX, "%.*s", (int)id.length, id.data);
    if (id.length == 0)
        snprintf(client->id, PACKET_MAX, "assigned-%lld-%d", (long long)now, client->socket);
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (&clients[i] != client && strcmp(clients[i].id, client->id) == 0)
            drop(&clients[i], MQTT_V5_REASON_SESSION_TAKEN_OVER, "Its client id connects again.",
                 "MQTT-3.1.4-2");
    client->timeout = connect->keep_alive * INT64_C(1500);
    client->receive_max = number_of(properties, MQTT_V5_PROPERTY_RECEIVE_MAXIMUM, 65535);
    client->packet_max = number_of(properties, MQTT_V5_PROPERTY_MAXIMUM_PACKET_SIZE, UINT32_MAX);
    store(&client->will, publish_of_will(connect));
    const struct mqtt_v5_property limits[] = {
        {.id = MQTT_V5_PROPERTY_SESSION_EXPIRY_INTERVAL, .as.number = 0},
        {.id = MQTT_V5_PROPERTY_MAXIMUM_QOS, .as.number = 1},
        {.id = MQTT_V5_PROPERTY_MAXIMUM_PACKET_SIZE, .as.number = PACKET_MAX},
        {.id = MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIERS_AVAILABLE, .as.number = 0},
        {.id = MQTT_V5_PROPERTY_SHARED_SUBSCRIPTION_AVAILABLE, .as.number = 0},
        {.id = MQTT_V5_PROPERTY_ASSIGNED_CLIENT_IDENTIFIER,
         .as.string = mqtt_string_from(client->id)},
    }; /* without a Topic Alias Maximum, clients use no topic alias */
    connack.as.connack.properties.list = limits;
    connack.as.connack.properties.count = id.length == 0 ? 6 : 5;
    put(client, &connack);
}

static void handle_publish(struct client *client, const struct mqtt_v5_publish *publish)
{
    const struct mqtt_v5_packet puback = {.type = MQTT_V5_PUBACK,
                                          .as.ack.packet_id = publish->packet_id};
    if (publish->qos == 2)
        drop(client, MQTT_V5_REASON_QOS_NOT_SUPPORTED, "Its message has QoS 2.", "3.2.2.3.4");
    else if (number_of(&publish->properties, MQTT_V5_PROPERTY_TOPIC_ALIAS, 0) > 0)
        drop(client, MQTT_V5_REASON_TOPIC_ALIAS_INVALID, "It uses a topic alias.", "MQTT-3.3.2-9");
    else
        distribute(client, publish);
    if (publish->qos == 1) /* not before it is passed on */
        put(client, &puback);
}

static void handle_packet(struct client *client, const struct mqtt_v5_packet *packet)
{
    if ((client->id[0] == '\0') != (packet->type == MQTT_V5_CONNECT)) {
        drop(client, MQTT_V5_REASON_PROTOCOL_ERROR, "CONNECT must come first, and only once.",
             "MQTT-3.1.0-1");
    } else if (packet->type == MQTT_V5_CONNECT) {
        handle_connect(client, &packet->as.connect);
    } else if (packet->type == MQTT_V5_PUBLISH) {
        handle_publish(client, &packet->as.publish);
    } else if (packet->type == MQTT_V5_SUBSCRIBE) {
        handle_subscribe(client, &packet->as.subscribe);
    } else if (packet->type == MQTT_V5_UNSUBSCRIBE) {
        handle_unsubscribe(client, &packet->as.unsubscribe);
    } else if (packet->type == MQTT_V5_PINGREQ) {
        put(client, &(struct mqtt_v5_packet){.type = MQTT_V5_PINGRESP});
    } else if (packet->type == MQTT_V5_DISCONNECT) {
        if (packet->as.disconnect.reason_code == MQTT_V5_REASON_NORMAL_DISCONNECTION)
            client->will.copy.topic.length = 0; /* the will is not published */
        client->is_over = true;
    } else if (packet->type == MQTT_V5_PUBACK && client->unacknowledged > 0) {
        handle_puback(client);
    } else {
        drop(client, MQTT_V5_REASON_PROTOCOL_ERROR,
             "Not a packet of QoS 0 or 1:", mqtt_v5_packet_type_name(packet->type));
    }
}

static void receive(struct client *client)
{
    const ssize_t count = recv(client->socket, client->input + client->input_length,
                               PACKET_MAX - client->input_length, 0);
    if (count > 0)
        client->input_length += (size_t)count;
    else if (count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        drop(client, 0, "The connection is lost.", "");
    struct mqtt_v5_packet packet = {0};
    size_t used = 0;
    int32_t size = 0;
    while (!client->is_over && size != MQTT_PACKET_INCOMPLETE) {
        size = decode_from_client(&client->level, &packet, client->input + used,
                                  client->input_length - used);
        if (size > 0) {
            client->heard_at = now;
            handle_packet(client, &packet);
            used += (size_t)size;
        } else if (size != MQTT_PACKET_INCOMPLETE) {
            drop(client, refusal_code(client->level, size), status_message(client->level, size),
                 status_clause(client->level, size, packet.type));
        }
    }
    client->input_length -= used;
    memmove(client->input, client->input + used, client->input_length);
    if (client->input_length == PACKET_MAX)
        drop(client, MQTT_V5_REASON_PACKET_TOO_LARGE, "Its packet is larger than 16 KiB.", "");
}

static void flush(struct client *client)
{
    const ssize_t count = send(client->socket, client->output, client->output_length, MSG_NOSIGNAL);
    if (count > 0) {
        client->output_length -= (size_t)count;
        memmove(client->output, client->output + count,
                client->output_length + client->held_length);
    } else if (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        drop(client, 0, "The connection is lost.", "");
    }
}

static void accept_client(int listener)
{
    const int file = accept(listener, NULL, NULL);
    size_t i = 0;
    while (i < CLIENTS_MAX && clients[i].socket != 0)
        i++;
    if (file >= 0 && i < CLIENTS_MAX && fcntl(file, F_SETFL, O_NONBLOCK) == 0) {
        clients[i].socket = file;
        clients[i].heard_at = now;
        clients[i].timeout = 5000; /* for the CONNECT */
    } else if (file >= 0) {
        fputs("small_broker: Another client cannot be accepted.\n", stderr);
        close(file);
    }
}

static void run_round(int listener)
{
    struct pollfd files[CLIENTS_MAX + 1] = {{listener, POLLIN, 0}};
    struct timespec time = {0};
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        files[i + 1].fd = clients[i].socket != 0 ? clients[i].socket : -1; /* poll ignores -1 */
        files[i + 1].events = clients[i].output_length > 0 ? POLLIN | POLLOUT : POLLIN;
    }
    if (poll(files, CLIENTS_MAX + 1, 500) < 0 && errno != EINTR) {
        perror("small_broker: poll");
        exit(1);
    }
    clock_gettime(CLOCK_MONOTONIC, &time);
    now = (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if ((files[i + 1].revents & ~POLLOUT) != 0)
            receive(&clients[i]);
        if (clients[i].timeout > 0 && now - clients[i].heard_at > clients[i].timeout)
            drop(&clients[i], MQTT_V5_REASON_KEEP_ALIVE_TIMEOUT, "No packet came in time.",
                 "MQTT-3.1.2-24");
    }
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (clients[i].output_length > 0)
            flush(&clients[i]);
        if (clients[i].is_over) {
            close(clients[i].socket);
            if (clients[i].will.copy.topic.length > 0)
                distribute(&clients[i], &clients[i].will.copy);
            memset(&clients[i], 0, offsetof(struct client, subscriptions));
        }
    }
    if (files[0].revents != 0)
        accept_client(listener);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    char *end = NULL;
    const long port = argc == 2 ? strtol(argv[1], &end, 10) : 0;
    address.sin_port = htons((uint16_t)port);
    if (port < 1 || port > 65535 || *end != '\0' || listener < 0 ||
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 16) != 0 || fcntl(listener, F_SETFL, O_NONBLOCK) != 0) {
        fputs("small_broker: The argument must be a free port, 1 to 65535.\n", stderr);
        return 1;
    }
    fprintf(stderr, "small_broker: listening on 127.0.0.1, port %ld\n", port);
    for (;;)
        run_round(listener);
}
