/* SPDX-License-Identifier: MIT
 *
 * small_broker.c: a server for this machine, with QoS 0 and 1, retained messages and wills. It has
 * no QoS 2, no passwords and no storage. A session ends with its connection. It drops slow readers.
 *
 *     cc -o small_broker examples/small_broker.c
 *     ./small_broker 1883 */
#define _POSIX_C_SOURCE 200809L

#include "../mqtt_codec.h"

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

struct stored_message {
    struct mqtt_publish copy; /* points into `bytes`; its topic is empty if nothing is stored */
    uint8_t bytes[PACKET_MAX];
};

struct subscription {
    char filter[PACKET_MAX];
    uint8_t qos;
};

struct client {
    int socket;         /* 0: this struct is free */
    int unacknowledged; /* messages at QoS 1 */
    int64_t heard_at;   /* when the last packet came, in milliseconds */
    int64_t timeout;    /* the longest wait for the next one; 0: no limit */
    size_t input_length;
    size_t output_length;
    size_t subscription_count;
    struct stored_message will;
    uint16_t last_packet_id;
    bool is_over;                                         /* close it at the end of this round */
    char id[PACKET_MAX];                                  /* empty until CONNECT has come */
    struct subscription subscriptions[SUBSCRIPTIONS_MAX]; /* from here on nothing is cleared */
    uint8_t input[PACKET_MAX];
    uint8_t output[OUTPUT_MAX];
};

static struct client clients[CLIENTS_MAX]; /* 250 MB; the system provides what is used */
static struct stored_message retained[RETAINED_MAX];
static uint8_t scratch[PACKET_MAX];
static int64_t now; /* in milliseconds */

/* Ends a connection. It is closed later, because callers may still work with it. */
static void drop(struct client *client, const char *why, const char *detail)
{
    if (!client->is_over)
        fprintf(stderr, "small_broker: client %d: %s %s\n", (int)(client - clients), why, detail);
    client->is_over = true;
}

/* Adds the packet in `scratch` to the client's output. `size` is what the encoder returned. */
static void put(struct client *client, int32_t size)
{
    if (size < 0) {
        drop(client, mqtt_status_message(size), mqtt_status_clause(size));
    } else if ((size_t)size > OUTPUT_MAX - client->output_length) {
        drop(client, "It reads too slowly.", "");
    } else {
        memcpy(client->output + client->output_length, scratch, (size_t)size);
        client->output_length += (size_t)size;
    }
}

/* Puts a message at its own QoS or the granted one, whichever is lower. */
static void forward(struct client *client, struct mqtt_publish message, uint8_t qos, bool retain)
{
    message.dup = false;
    message.retain = retain;
    if (message.qos > qos)
        message.qos = qos;
    if (message.qos > 0) {
        client->last_packet_id = (uint16_t)(client->last_packet_id % 65535 + 1); /* never 0 */
        message.packet_id = client->last_packet_id;
        client->unacknowledged++;
    }
    put(client, mqtt_encode_publish(scratch, sizeof scratch, &message));
    if (client->unacknowledged == 65535) /* the next packet id would still be in use */
        drop(client, "It acknowledges nothing.", "");
}

/* Copies a message, because it points into the input of a client. */
static void store(struct stored_message *stored, const struct mqtt_publish *message)
{
    struct mqtt_packet packet = {0};
    stored->copy.topic.length = 0;
    const int32_t size = mqtt_encode_publish(stored->bytes, PACKET_MAX, message);
    if (size > 0 && mqtt_decode(&packet, stored->bytes, (size_t)size) > 0)
        stored->copy = packet.as.publish;
}

static void retain(const struct mqtt_publish *message)
{
    struct stored_message *place = NULL;
    for (size_t i = 0; i < RETAINED_MAX; i++) {
        if (mqtt_string_equals(retained[i].copy.topic, message->topic))
            retained[i].copy.topic.length = 0; /* the new one replaces it */
        if (retained[i].copy.topic.length == 0)
            place = &retained[i];
    }
    if (message->payload.length > 0 && place != NULL)
        store(place, message);
    else if (message->payload.length > 0) /* without a payload it only removes the old one */
        fputs("small_broker: A message is not retained: there is no room.\n", stderr);
}

static void distribute(const struct mqtt_publish *message)
{
    if (message->retain)
        retain(message);
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        int granted = -1; /* the highest QoS of the subscriptions that match */
        for (size_t k = 0; k < clients[i].subscription_count; k++) {
            const struct subscription *s = &clients[i].subscriptions[k];
            if (s->qos > granted && mqtt_topic_matches(mqtt_string_from(s->filter), message->topic))
                granted = s->qos;
        }
        if (granted >= 0 && !clients[i].is_over)
            forward(&clients[i], *message, (uint8_t)granted, false);
    }
}

static void remove_subscription(struct client *client, struct mqtt_string filter)
{
    for (size_t i = 0; i < client->subscription_count; i++)
        if (mqtt_string_equals(mqtt_string_from(client->subscriptions[i].filter), filter)) {
            client->subscription_count--;
            client->subscriptions[i] = client->subscriptions[client->subscription_count];
        }
}

/* Returns the code for the SUBACK. */
static uint8_t add_subscription(struct client *client, struct mqtt_string filter, uint8_t qos)
{
    remove_subscription(client, filter); /* a new subscription replaces the old one */
    if (client->subscription_count == SUBSCRIPTIONS_MAX)
        return MQTT_SUBACK_CODE_FAILURE;
    struct subscription *subscription = &client->subscriptions[client->subscription_count++];
    snprintf(subscription->filter, PACKET_MAX, "%.*s", (int)filter.length, filter.data);
    subscription->qos = qos;
    /* The retained messages may come before the SUBACK [3.8.4]. */
    for (size_t i = 0; i < RETAINED_MAX; i++)
        if (retained[i].copy.topic.length > 0 && mqtt_topic_matches(filter, retained[i].copy.topic))
            forward(client, retained[i].copy, qos, true);
    return qos;
}

static void handle_subscribe(struct client *client, const struct mqtt_subscribe *packet)
{
    static uint8_t codes[PACKET_MAX / 4]; /* a filter takes four bytes of the packet or more */
    struct mqtt_suback suback = {0};
    struct mqtt_subscription wanted;
    size_t position = 0;
    while (mqtt_next_subscription(packet, &position, &wanted))
        codes[suback.count++] = add_subscription(client, wanted.filter, wanted.qos == 0 ? 0 : 1);
    suback.return_codes = codes;
    suback.packet_id = packet->packet_id;
    put(client, mqtt_encode_suback(scratch, sizeof scratch, &suback));
}

static void handle_unsubscribe(struct client *client, const struct mqtt_unsubscribe *packet)
{
    struct mqtt_string filter;
    size_t position = 0;
    while (mqtt_next_filter(packet, &position, &filter))
        remove_subscription(client, filter);
    put(client, mqtt_encode_unsuback(scratch, sizeof scratch, packet->packet_id));
}

static void handle_connect(struct client *client, const struct mqtt_connect *connect)
{
    const struct mqtt_connack accepted = {0};
    const struct mqtt_string id = connect->client_id;
    snprintf(client->id, PACKET_MAX, "%.*s", (int)id.length, id.data);
    if (id.length == 0) /* assign one that no client can choose, because it is not UTF-8 */
        snprintf(client->id, PACKET_MAX, "\xff%d", client->socket);
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (&clients[i] != client && strcmp(clients[i].id, client->id) == 0)
            drop(&clients[i], "Its client id connects again.", "MQTT-3.1.4-2");
    client->timeout = connect->keep_alive * INT64_C(1500);
    if (connect->has_will) {
        struct mqtt_publish will = {0};
        will.topic = connect->will.topic;
        will.payload = connect->will.message;
        will.qos = connect->will.qos;
        will.retain = connect->will.retain;
        will.packet_id = 1; /* any: each receiver gets its own */
        store(&client->will, &will);
    }
    put(client, mqtt_encode_connack(scratch, sizeof scratch, &accepted));
}

static void handle_packet(struct client *client, const struct mqtt_packet *packet)
{
    if ((client->id[0] == '\0') != (packet->type == MQTT_CONNECT)) {
        drop(client, "CONNECT must come first, and only once.", "MQTT-3.1.0-1");
    } else if (packet->type == MQTT_CONNECT) {
        handle_connect(client, &packet->as.connect);
    } else if (packet->type == MQTT_PUBLISH && packet->as.publish.qos < 2) {
        distribute(&packet->as.publish);
        if (packet->as.publish.qos == 1) /* not before it is passed on */
            put(client, mqtt_encode_puback(scratch, sizeof scratch, packet->as.publish.packet_id));
    } else if (packet->type == MQTT_SUBSCRIBE) {
        handle_subscribe(client, &packet->as.subscribe);
    } else if (packet->type == MQTT_UNSUBSCRIBE) {
        handle_unsubscribe(client, &packet->as.unsubscribe);
    } else if (packet->type == MQTT_PINGREQ) {
        put(client, mqtt_encode_pingresp(scratch, sizeof scratch));
    } else if (packet->type == MQTT_DISCONNECT) {
        client->will.copy.topic.length = 0; /* the will is not published */
        client->is_over = true;
    } else if (packet->type == MQTT_PUBACK && client->unacknowledged > 0) {
        client->unacknowledged--;
    } else {
        drop(client, "Not a packet of QoS 0 or 1:", mqtt_packet_type_name(packet->type));
    }
}

static void receive(struct client *client)
{
    const ssize_t count = recv(client->socket, client->input + client->input_length,
                               PACKET_MAX - client->input_length, 0);
    if (count > 0)
        client->input_length += (size_t)count;
    else if (count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        drop(client, "The connection is lost.", "");
    struct mqtt_connack refused = {0};
    struct mqtt_packet packet;
    size_t used = 0;
    int32_t size = 0;
    while (!client->is_over && size != MQTT_PACKET_INCOMPLETE) {
        size = mqtt_decode_from_client(&packet, client->input + used, client->input_length - used);
        if (size > 0) {
            client->heard_at = now;
            handle_packet(client, &packet);
            used += (size_t)size;
        } else if (size != MQTT_PACKET_INCOMPLETE) {
            refused.return_code = (uint8_t)mqtt_connack_code_for(size);
            if (client->id[0] == '\0' && mqtt_connack_code_for(size) > 0)
                put(client, mqtt_encode_connack(scratch, sizeof scratch, &refused));
            drop(client, mqtt_status_message(size), mqtt_status_clause(size));
        }
    }
    client->input_length -= used;
    memmove(client->input, client->input + used, client->input_length);
    if (client->input_length == PACKET_MAX)
        drop(client, "Its packet is larger than 16 KiB.", "");
}

static void flush(struct client *client)
{
    const ssize_t count = send(client->socket, client->output, client->output_length, MSG_NOSIGNAL);
    if (count > 0) {
        client->output_length -= (size_t)count;
        memmove(client->output, client->output + count, client->output_length);
    } else if (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        drop(client, "The connection is lost.", "");
    }
}

static void accept_client(int listener)
{
    const int file = accept(listener, NULL, NULL);
    if (file < 0)
        return;
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (clients[i].socket == 0 && fcntl(file, F_SETFL, O_NONBLOCK) == 0) {
            clients[i].socket = file;
            clients[i].heard_at = now;
            clients[i].timeout = 5000; /* for the CONNECT */
            return;
        }
    }
    fputs("small_broker: Another client cannot be accepted.\n", stderr);
    close(file);
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
            drop(&clients[i], "No packet came in time.", "MQTT-3.1.2-24");
    }
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (clients[i].output_length > 0)
            flush(&clients[i]);
        if (clients[i].is_over) {
            close(clients[i].socket);
            if (clients[i].will.copy.topic.length > 0)
                distribute(&clients[i].will.copy);
            memset(&clients[i], 0, offsetof(struct client, subscriptions));
        }
    }
    if (files[0].revents != 0)
        accept_client(listener);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {0};
    const int on = 1;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    char *end = NULL;
    const long port = argc == 2 ? strtol(argv[1], &end, 10) : 0;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
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
