/* SPDX-License-Identifier: MIT
 *
 * small_client.c: connects with user name, password and will, subscribes to two filters, publishes
 * a message at QoS 1, and prints what arrives. Enter, or the end of input, ends it. If it ends in
 * any other way, its will is published. It does not reconnect. It accepts packets up to 64 KiB. It
 * speaks MQTT 3.1.1, or with -5 as the first argument MQTT 5.0. To copy it, take mqtt_codec.h and
 * small.h too.
 *
 *     cc -o small_client examples/small_client.c
 *     ./small_client -5 localhost 1883 ann secret 'rooms/+' 'alerts/#' rooms/kitchen 21.5 */
#define _POSIX_C_SOURCE 200809L
#include "../mqtt_codec.h"
#include "small.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint8_t protocol = 4; /* its level: 4 is 3.1.1, 5 is 5.0 */
static int server;           /* the socket */
static bool is_connected;
static uint16_t keep_alive = 6;   /* seconds: short, so that you see it work; 60 is usual */
static uint8_t most_qos = 1;      /* with which the server takes a message */
static bool is_unreleased[65536]; /* ids of QoS 2 messages that are printed and await a PUBREL */
static struct timespec now;
static time_t sent_at;  /* when we sent the last packet, in seconds */
static time_t heard_at; /* when we received the last bytes */
static uint8_t output[1024];
static uint32_t output_max = sizeof output; /* or what the server accepts, if that is less */
static uint8_t input[65536];
static size_t received;

/* Ends the program with an error message, unless `ok`. */
static void require(bool ok, const char *message, const char *detail)
{
    if (ok)
        return;
    fprintf(stderr, "small_client: %s %s\n", message, detail);
    exit(1);
}

static void send_packet(const struct mqtt_v5_packet *packet)
{
    const int32_t size = encode_packet(protocol, output, sizeof output, packet);
    int32_t sent = 0;
    require(size > 0, status_message(protocol, size), status_clause(protocol, size, packet->type));
    require((uint32_t)size <= output_max, "The packet is larger than", "the server accepts.");
    while (sent < size) {
        const ssize_t count = send(server, output + sent, (size_t)(size - sent), MSG_NOSIGNAL);
        require(count >= 0 || errno == EINTR, "The connection is lost:", strerror(errno));
        if (count > 0)
            sent += (int32_t)count;
    }
    sent_at = now.tv_sec;
}

static void send_connect(const char *user_name, const char *password)
{
    const struct mqtt_v5_property size = {.id = MQTT_V5_PROPERTY_MAXIMUM_PACKET_SIZE,
                                          .as.number = sizeof input};
    struct mqtt_v5_packet packet = {.type = MQTT_V5_CONNECT};
    struct mqtt_v5_connect *connect = &packet.as.connect;
    connect->properties.list = &size;
    connect->properties.count = 1;
    connect->clean_start = true; /* the client id may then be empty: the server chooses one */
    connect->keep_alive = keep_alive;
    connect->has_user_name = true;
    connect->user_name = mqtt_string_from(user_name);
    connect->has_password = true;
    connect->password = mqtt_bytes_from(password, strlen(password));
    connect->has_will = true;
    connect->will.topic = mqtt_string_from("clients/small");
    connect->will.payload = mqtt_bytes_from("lost", 4);
    connect->will.qos = 1;
    send_packet(&packet);
}

static void subscribe_and_publish(char **arguments)
{
    const struct mqtt_v5_subscription wanted[2] = {
        {.filter = mqtt_string_from(arguments[5]), .qos = 2},
        {.filter = mqtt_string_from(arguments[6]), .qos = 2}};
    struct mqtt_v5_packet packet = {.type = MQTT_V5_SUBSCRIBE};
    packet.as.subscribe.packet_id = 1; /* any but 0 */
    packet.as.subscribe.subscriptions = wanted;
    packet.as.subscribe.count = 2;
    send_packet(&packet);
    packet = (struct mqtt_v5_packet){.type = MQTT_V5_PUBLISH};
    packet.as.publish.packet_id = 2; /* not 1, which is in use until the SUBACK */
    packet.as.publish.qos = most_qos;
    packet.as.publish.topic = mqtt_string_from(arguments[7]);
    packet.as.publish.payload = mqtt_bytes_from(arguments[8], strlen(arguments[8]));
    send_packet(&packet);
}

static void handle_publish(const struct mqtt_v5_publish *publish)
{
    const uint16_t id = publish->packet_id;
    if (publish->qos < 2 || !is_unreleased[id]) { /* else it was printed before */
        printf("%.*s: ", (int)publish->topic.length, publish->topic.data);
        fwrite(publish->payload.data, 1, publish->payload.length, stdout);
        putchar('\n');
        const bool is_printed = fflush(stdout) == 0 && !ferror(stdout);
        require(is_printed, "The message cannot be printed:", strerror(errno));
    }
    /* Not earlier: the server forgets a message that is acknowledged. */
    if (publish->qos == 1)
        send_packet(&(struct mqtt_v5_packet){.type = MQTT_V5_PUBACK, .as.ack.packet_id = id});
    if (publish->qos == 2) {
        is_unreleased[id] = true;
        send_packet(&(struct mqtt_v5_packet){.type = MQTT_V5_PUBREC, .as.ack.packet_id = id});
    }
}

static void handle_connack(const struct mqtt_v5_properties *properties)
{
    is_connected = true;
    keep_alive = (uint16_t)number_of(properties, MQTT_V5_PROPERTY_SERVER_KEEP_ALIVE, keep_alive);
    most_qos = (uint8_t)number_of(properties, MQTT_V5_PROPERTY_MAXIMUM_QOS, most_qos);
    output_max = number_of(properties, MQTT_V5_PROPERTY_MAXIMUM_PACKET_SIZE, sizeof output);
}

static void handle_packet(const struct mqtt_v5_packet *packet, char **arguments)
{
    const char *what = "";
    const char *why = "";
    require(is_connected != (packet->type == MQTT_V5_CONNACK),
            "CONNACK must come first, and only once.", "MQTT-3.2.0-1");
    if (is_refusal(protocol, packet, &what, &why))
        require(false, what, why);
    if (packet->type == MQTT_V5_CONNACK) {
        handle_connack(&packet->as.connack.properties);
        subscribe_and_publish(arguments);
    } else if (packet->type == MQTT_V5_SUBACK) {
        require(packet->as.suback.count == 2, "SUBACK must have two return codes.", "MQTT-3.8.4-5");
    } else if (packet->type == MQTT_V5_PUBACK) {
        fputs("The server has the message.\n", stderr);
    } else if (packet->type == MQTT_V5_PUBLISH) {
        handle_publish(&packet->as.publish);
    } else if (packet->type == MQTT_V5_PUBREL) {
        is_unreleased[packet->as.ack.packet_id] = false;
        send_packet(&(struct mqtt_v5_packet){.type = MQTT_V5_PUBCOMP,
                                             .as.ack.packet_id = packet->as.ack.packet_id});
    }
}

static void receive(char **arguments)
{
    const ssize_t count = recv(server, input + received, sizeof input - received, 0);
    struct mqtt_v5_packet packet = {0};
    size_t taken = 0;
    int32_t size;

    require(count >= 0, "The connection is lost:", strerror(errno));
    require(count > 0, "The connection is lost:", "the server closed it.");
    heard_at = now.tv_sec;
    received += (size_t)count;
    while ((size = decode_from_server(protocol, &packet, input + taken, received - taken)) > 0) {
        handle_packet(&packet, arguments);
        taken += (size_t)size;
    }
    require(size == MQTT_PACKET_INCOMPLETE, status_message(protocol, size),
            status_clause(protocol, size, packet.type));
    received -= taken;
    memmove(input, input + taken, received);
    /* recv without room would return 0, as if the server had closed the connection. */
    require(received < sizeof input, "The server sent a packet of more than", "64 KiB.");
}

int main(int argc, char **argv)
{
    if (argc == 10 && strcmp(*++argv, "-5") == 0)
        protocol = 5;
    require(argc == (protocol < 5 ? 9 : 10), "The arguments are",
            "[-5] HOST PORT USER PASSWORD FILTER FILTER TOPIC TEXT.");
    server = connect_to(argv[1], argv[2]);
    require(server >= 0, "No server answers at", argv[1]);
    struct pollfd files[2] = {{server, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    clock_gettime(CLOCK_MONOTONIC, &now);
    send_connect(argv[3], argv[4]);
    while (files[1].revents == 0) { /* until Enter is pressed, or the input ends */
        const int count = poll(files, 2, 1000);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (count > 0 && files[0].revents != 0)
            receive(argv);
        if (keep_alive > 0 && now.tv_sec >= sent_at + keep_alive / 2) {
            require(heard_at >= sent_at, "The server does not answer", "what was sent last.");
            send_packet(&(struct mqtt_v5_packet){.type = MQTT_V5_PINGREQ});
        }
    }
    send_packet(&(struct mqtt_v5_packet){.type = MQTT_V5_DISCONNECT});
    /* Let the server close first: closing with unread bytes could destroy the DISCONNECT. */
    while (poll(files, 1, 1000) > 0 && recv(server, input, sizeof input, 0) > 0)
        ;
    return 0;
}
