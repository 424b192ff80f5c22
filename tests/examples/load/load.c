/* SPDX-License-Identifier: MIT
 *
 * load.c: many connections to one MQTT 3.1.1 server, from one process.
 *
 *     load PORT PUBLISHERS SUBSCRIBERS QOS MESSAGES WINDOW
 *
 * Each publisher has a topic and sends MESSAGES messages to it; the subscribers are spread over the
 * topics, the same number for each. WINDOW is how many messages of a topic may be on their way. With
 * 0 messages the connections stay idle.
 *
 * When all are connected and subscribed it prints "ready" and waits for a line on standard input.
 * When all is delivered and acknowledged, or nothing comes any more, it prints a JSON object with
 * what arrived, and waits for another line before it disconnects. Judging that is for load.py; what
 * no server may send ends the program with status 1. */
#define _POSIX_C_SOURCE 200809L

#include "mqtt_codec.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 10000 /* milliseconds without an event: the rest will not come */
#define CAPACITY 16384u
#define PAYLOAD  64u
#define EVENTS   256

struct topic {
    char name[16];
    struct client *publisher;
    size_t subscribers;
    uint32_t published;
    uint32_t acknowledged;
    uint64_t received; /* by all its subscribers */
};

struct client {
    struct topic *topic;
    struct client *next_unsent;
    int socket;
    bool is_unsent; /* it is in the list of those with output of this turn */
    uint32_t next;  /* above the numbers of all messages that it has received */
    bool *seen;     /* by number of the message; NULL: it is no subscriber */
    size_t in_length;
    size_t out_length;
    uint8_t in[CAPACITY];
    uint8_t out[CAPACITY];
};

static struct {
    struct topic *topics;
    struct client *clients;
    struct client *unsent;
    size_t publishers;
    size_t subscribers;
    uint32_t messages;
    uint32_t window;
    uint8_t qos;
    int poll;
    uint64_t ready; /* clients that are connected and subscribed */
    uint64_t done;  /* messages received, acknowledged, and at QoS 2 released */
    uint64_t pongs; /* clients that have answered the PINGREQ */
    uint64_t received;
    uint64_t acknowledged;
    uint64_t repeated;  /* received again */
    uint64_t misplaced; /* received after a later one */
} load;

static void fail(const char *format, ...)
{
    va_list arguments;

    fputs("load: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

/* ---------------------------------------------------------------------------------------------
 * Sending
 * ------------------------------------------------------------------------------------------- */

static void send_packet(struct client *client, const struct mqtt_packet *packet)
{
    const int32_t size =
        mqtt_encode(client->out + client->out_length, CAPACITY - client->out_length, packet);

    if (size <= 0)
        fail("%s", mqtt_status_message(size));
    client->out_length += (size_t)size;
    if (!client->is_unsent) {
        client->is_unsent = true;
        client->next_unsent = load.unsent;
        load.unsent = client;
    }
}

static void send_ack(struct client *client, enum mqtt_packet_type type, uint16_t packet_id)
{
    struct mqtt_packet packet = {0};

    packet.type = type;
    packet.as.ack.packet_id = packet_id;
    send_packet(client, &packet);
}

/* Writes what the socket takes; for the rest epoll tells when it takes more. */
static void flush_client(struct client *client)
{
    ssize_t sent;

    if (client->out_length == 0)
        return;
    sent = send(client->socket, client->out, client->out_length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        fail("send: %s", strerror(errno));
    if (sent > 0) {
        client->out_length -= (size_t)sent;
        memmove(client->out, client->out + sent, client->out_length);
    }
}

static void flush_all(void)
{
    while (load.unsent != NULL) {
        struct client *client = load.unsent;
        load.unsent = client->next_unsent;
        client->is_unsent = false;
        flush_client(client);
    }
}

/* The payload says which message of which topic it is. */
static void fill_payload(uint8_t *payload, const struct topic *topic, uint32_t number)
{
    memset(payload, 0, PAYLOAD);
    memcpy(payload, topic->name, sizeof topic->name);
    memcpy(payload + sizeof topic->name, &number, sizeof number);
}

static void publish_more(struct topic *topic)
{
    uint8_t payload[PAYLOAD];
    struct mqtt_packet packet = {0};

    packet.type = MQTT_PUBLISH;
    packet.as.publish.qos = load.qos;
    packet.as.publish.topic = mqtt_string_from(topic->name);
    packet.as.publish.payload.data = payload;
    packet.as.publish.payload.length = sizeof payload;
    while (topic->published < load.messages &&
           topic->published - topic->acknowledged < load.window &&
           topic->published * topic->subscribers - topic->received <
               load.window * topic->subscribers) {
        fill_payload(payload, topic, topic->published);
        packet.as.publish.packet_id = (uint16_t)(topic->published % 65535 + 1);
        send_packet(topic->publisher, &packet);
        topic->published++;
        if (load.qos == 0)
            topic->acknowledged++; /* nobody else does */
    }
}

/* ---------------------------------------------------------------------------------------------
 * Receiving
 * ------------------------------------------------------------------------------------------- */

static void handle_publish(struct client *client, const struct mqtt_publish *received)
{
    struct topic *topic = client->topic;
    uint8_t expected[PAYLOAD];
    uint32_t number;

    if (received->payload.length != PAYLOAD || received->qos != load.qos)
        fail("a message of other length or QoS than was published");
    memcpy(&number, received->payload.data + sizeof topic->name, sizeof number);
    fill_payload(expected, topic, number);
    if (client == topic->publisher || number >= load.messages ||
        received->topic.length != strlen(topic->name) ||
        memcmp(received->topic.data, topic->name, received->topic.length) != 0 ||
        memcmp(received->payload.data, expected, PAYLOAD) != 0)
        fail("a message that was not published so, or is another's");
    if (client->seen[number]) {
        load.repeated++;
    } else {
        client->seen[number] = true;
        load.misplaced += number < client->next;
        load.received++;
        load.done++;
        topic->received++;
    }
    if (number >= client->next)
        client->next = number + 1;
    if (load.qos == 1)
        send_ack(client, MQTT_PUBACK, received->packet_id);
    else if (load.qos == 2)
        send_ack(client, MQTT_PUBREC, received->packet_id);
    publish_more(topic);
}

static void handle_acknowledged(struct topic *topic)
{
    topic->acknowledged++;
    load.acknowledged++;
    load.done++;
    publish_more(topic);
}

static void handle_packet(struct client *client, const struct mqtt_packet *packet)
{
    const bool publishes = client == client->topic->publisher;

    switch (packet->type) {
    case MQTT_CONNACK:
        if (packet->as.connack.return_code != MQTT_CONNACK_CODE_ACCEPTED)
            fail("refused with return code %d", packet->as.connack.return_code);
        load.ready += publishes;
        break;
    case MQTT_SUBACK:
        if (packet->as.suback.count != 1 || packet->as.suback.return_codes[0] != load.qos)
            fail("the subscription was not granted");
        load.ready++;
        break;
    case MQTT_PUBLISH:
        handle_publish(client, &packet->as.publish);
        break;
    case MQTT_PUBACK:
    case MQTT_PUBCOMP:
        handle_acknowledged(client->topic);
        break;
    case MQTT_PUBREC:
        send_ack(client, MQTT_PUBREL, packet->as.ack.packet_id);
        break;
    case MQTT_PUBREL:
        load.done++;
        send_ack(client, MQTT_PUBCOMP, packet->as.ack.packet_id);
        break;
    case MQTT_PINGRESP:
        load.pongs++;
        break;
    default:
        fail("%s was not asked for", mqtt_packet_type_name(packet->type));
    }
}

static void take_packets(struct client *client)
{
    struct mqtt_packet packet;
    size_t used = 0;
    int32_t size;

    while ((size = mqtt_decode_from_server(&packet, client->in + used, client->in_length - used)) >
           0) {
        used += (size_t)size;
        handle_packet(client, &packet);
    }
    if (size != MQTT_PACKET_INCOMPLETE)
        fail("%s [%s]", mqtt_status_message(size), mqtt_status_clause(size));
    client->in_length -= used;
    memmove(client->in, client->in + used, client->in_length);
}

/* Reads all there is: epoll tells only of what comes later. */
static void receive(struct client *client)
{
    size_t room;
    ssize_t count;

    do {
        room = CAPACITY - client->in_length;
        count = recv(client->socket, client->in + client->in_length, room, 0);
        if (count < 0 && errno == EAGAIN)
            return;
        if (count <= 0)
            fail("the server has closed a connection");
        client->in_length += (size_t)count;
        take_packets(client);
    } while ((size_t)count == room);
}

/* ---------------------------------------------------------------------------------------------
 * The run
 * ------------------------------------------------------------------------------------------- */

/* Goes on until *count is `wanted`, or nothing comes any more: then it is false. */
static bool run_until(const uint64_t *count, uint64_t wanted)
{
    struct epoll_event events[EVENTS];
    int i;

    flush_all();
    while (*count < wanted) {
        const int ready = epoll_wait(load.poll, events, EVENTS, PATIENCE);
        if (ready == 0)
            return false;
        if (ready < 0 && errno != EINTR)
            fail("epoll_wait: %s", strerror(errno));
        for (i = 0; i < ready; i++) {
            struct client *client = (struct client *)events[i].data.ptr;
            if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0)
                receive(client);
            if ((events[i].events & EPOLLOUT) != 0)
                flush_client(client);
        }
        flush_all();
    }
    return true;
}

static void open_client(size_t index, uint16_t port)
{
    struct client *client = &load.clients[index];
    struct sockaddr_in address = {0};
    struct epoll_event event = {0};
    struct mqtt_packet packet = {0};
    char id[32];
    const int on = 1;

    client->topic = &load.topics[index % load.publishers];
    client->socket = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = client;
    if (client->socket < 0 ||
        connect(client->socket, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        fcntl(client->socket, F_SETFL, O_NONBLOCK) != 0 ||
        epoll_ctl(load.poll, EPOLL_CTL_ADD, client->socket, &event) != 0)
        fail("connection %zu: %s", index, strerror(errno));
    snprintf(id, sizeof id, "load%zu", index);
    packet.type = MQTT_CONNECT;
    packet.as.connect.clean_session = true;
    packet.as.connect.client_id = mqtt_string_from(id);
    send_packet(client, &packet);
}

static void send_subscribe(struct client *client)
{
    struct mqtt_packet packet = {0};
    struct mqtt_subscription subscription;

    subscription.filter = mqtt_string_from(client->topic->name);
    subscription.qos = load.qos;
    packet.type = MQTT_SUBSCRIBE;
    packet.as.subscribe.subscriptions = &subscription;
    packet.as.subscribe.count = 1;
    packet.as.subscribe.packet_id = 1;
    send_packet(client, &packet);
}

static void open_all(uint16_t port)
{
    const size_t count = load.publishers + load.subscribers;
    size_t i;

    load.poll = epoll_create1(0);
    load.topics = (struct topic *)calloc(load.publishers, sizeof *load.topics);
    load.clients = (struct client *)calloc(count, sizeof *load.clients);
    if (load.poll < 0 || load.topics == NULL || load.clients == NULL)
        fail("there is no memory");
    for (i = 0; i < count; i++) {
        struct topic *topic = &load.topics[i % load.publishers];
        if (i < load.publishers) {
            snprintf(topic->name, sizeof topic->name, "load/%u", (unsigned)i);
            topic->publisher = &load.clients[i];
        }
        open_client(i, port);
        if (i >= load.publishers) {
            load.clients[i].seen = (bool *)calloc((size_t)load.messages + 1, sizeof(bool));
            if (load.clients[i].seen == NULL)
                fail("there is no memory");
            topic->subscribers++;
            send_subscribe(&load.clients[i]);
        }
        flush_all();
    }
    if (!run_until(&load.ready, count))
        fail("%llu of %zu clients are connected", (unsigned long long)load.ready, count);
}

static void wait_for_line(void)
{
    fflush(stdout);
    while (getchar() != '\n') {
        if (feof(stdin))
            exit(EXIT_FAILURE);
    }
}

static double seconds(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Gives the seconds it took. */
static double exchange_messages(void)
{
    const uint64_t sent = (uint64_t)load.publishers * load.messages;
    const uint64_t delivered = sent / load.publishers * load.subscribers;
    const double start = seconds();
    size_t i;

    for (i = 0; i < load.publishers; i++)
        publish_more(&load.topics[i]);
    run_until(&load.done, load.qos == 0 ? delivered : delivered * load.qos + sent);
    return seconds() - start;
}

/* A message that is delivered once too often stands before the answer. */
static void ping_all(void)
{
    const size_t count = load.publishers + load.subscribers;
    size_t i;

    for (i = 0; i < count; i++)
        send_ack(&load.clients[i], MQTT_PINGREQ, 0);
    if (!run_until(&load.pongs, count))
        fail("a PINGREQ was not answered");
}

static void disconnect_all(void)
{
    size_t i;

    for (i = 0; i < load.publishers + load.subscribers; i++)
        send_ack(&load.clients[i], MQTT_DISCONNECT, 0);
    flush_all();
}

static uint32_t parse_number(const char *text, uint32_t least, uint32_t most)
{
    char *end;
    const unsigned long value = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || value < least || value > most)
        fail("%s: not a number from %u to %u", text, (unsigned)least, (unsigned)most);
    return (uint32_t)value;
}

int main(int argc, char **argv)
{
    double duration;

    if (argc != 7)
        fail("usage: load PORT PUBLISHERS SUBSCRIBERS QOS MESSAGES WINDOW");
    load.publishers = parse_number(argv[2], 1, 100000);
    load.subscribers = parse_number(argv[3], 0, 100000);
    load.qos = (uint8_t)parse_number(argv[4], 0, 2);
    load.messages = parse_number(argv[5], 0, 1000000);
    load.window = parse_number(argv[6], 1, 100); /* so much has room in `out` */
    open_all((uint16_t)parse_number(argv[1], 1, 65535));
    puts("ready");
    wait_for_line();
    duration = exchange_messages();
    ping_all();
    printf("{\"seconds\": %.3f, \"received\": %llu, \"acknowledged\": %llu, \"repeated\": %llu, "
           "\"misplaced\": %llu}\n",
           duration, (unsigned long long)load.received, (unsigned long long)load.acknowledged,
           (unsigned long long)load.repeated, (unsigned long long)load.misplaced);
    wait_for_line();
    disconnect_all();
    return EXIT_SUCCESS;
}
