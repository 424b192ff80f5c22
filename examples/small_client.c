/* SPDX-License-Identifier: MIT
 *
 * small_client.c: connects with user name, password and will, subscribes to two filters, publishes
 * a message at QoS 1, and prints what arrives. Enter, or the end of input, ends it. If it ends in
 * any other way, its will is published. It does not reconnect. It accepts packets up to 64 KiB. It
 * speaks MQTT 3.1.1, or with -5 as the first argument MQTT 5.0.
 *
 *     cc -o small_client examples/small_client.c
 *     ./small_client -5 localhost 1883 ann secret 'rooms/+' 'alerts/#' rooms/kitchen 21.5 */
#define _POSIX_C_SOURCE 200809L
#include "../mqtt_codec.h"
#include "versions.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

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
static size_t input_length;

/* Ends the program with an error message, unless `ok`. */
static void require(bool ok, const char *message, const char *detail)
{
    if (ok)
        return;
    fprintf(stderr, "small_client: %s %s\n", message, detail);
    exit(1);
}

static void connect_to(const char *host, const char *port)
{
    struct addrinfo *addresses = NULL;
    bool is_open = false;
    struct addrinfo hints = {0};
    hints.ai_socktype = SOCK_STREAM;
    require(getaddrinfo(host, port, &hints, &addresses) == 0, "There is no address for", host);
    for (struct addrinfo *a = addresses; a != NULL && !is_open; a = a->ai_next) {
        server = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
        is_open = server >= 0 && connect(server, a->ai_addr, a->ai_addrlen) == 0;
        if (server >= 0 && !is_open)
            close(server);
    }
    freeaddrinfo(addresses);
    require(is_open, "No server answers at", host);
}

/* Sends the packet in `output`. `size` is what the encoder returned. */
static void send_output(int32_t size)
{
    int32_t sent = 0;
    require(size > 0, status_message(protocol, size),
            status_clause(protocol, size, MQTT_V5_PUBLISH));
    require((uint32_t)size <= output_max, "The packet is larger than", "the server accepts.");
    while (sent < size) {
        const ssize_t count = send(server, output + sent, (size_t)(size - sent), MSG_NOSIGNAL);
        require(count >= 0 || errno == EINTR, "The connection is lost:", strerror(errno));
        if (count > 0)
            sent += (int32_t)count;
    }
    sent_at = now.tv_sec;
}

static void send_packet(const struct mqtt_v5_packet *packet)
{
    send_output(encode_packet(protocol, output, sizeof output, packet));
}

static void send_ack(enum mqtt_v5_packet_type type, uint16_t packet_id)
{
    send_packet(&(struct mqtt_v5_packet){.type = type, .as.ack.packet_id = packet_id});
}

static void send_connect(const char *user_name, const char *password)
{
    struct mqtt_connect old = {0};
    old.clean_session = true; /* the client id may then be empty: the server chooses one */
    old.keep_alive = keep_alive;
    old.has_user_name = true;
    old.user_name = mqtt_string_from(user_name);
    old.has_password = true;
    old.password = mqtt_bytes_from(password, strlen(password));
    old.has_will = true;
    old.will.topic = mqtt_string_from("clients/small");
    old.will.message = mqtt_bytes_from("lost", 4);
    old.will.qos = 1;
    if (protocol < 5) {
        send_output(mqtt_encode_connect(output, sizeof output, &old));
        return;
    }
    const struct mqtt_v5_property size = {.id = MQTT_V5_PROPERTY_MAXIMUM_PACKET_SIZE,
                                          .as.number = sizeof input};
    struct mqtt_v5_connect connect = {0};
    connect.clean_start = true;
    connect.keep_alive = keep_alive;
    connect.properties.list = &size;
    connect.properties.count = 1;
    connect.has_user_name = true;
    connect.user_name = old.user_name;
    connect.has_password = true;
    connect.password = old.password;
    connect.has_will = true;
    connect.will.topic = old.will.topic;
    connect.will.payload = old.will.message;
    connect.will.qos = old.will.qos;
    send_output(mqtt_v5_encode_connect(output, sizeof output, &connect));
}

static void subscribe_and_publish(char **arguments)
{
    const struct mqtt_subscription old_wanted[2] = {{mqtt_string_from(arguments[5]), 2},
                                                    {mqtt_string_from(arguments[6]), 2}};
    const struct mqtt_v5_subscription wanted[2] = {{.filter = old_wanted[0].filter, .qos = 2},
                                                   {.filter = old_wanted[1].filter, .qos = 2}};
    const struct mqtt_subscribe old = {.packet_id = 1, .subscriptions = old_wanted, .count = 2};
    const struct mqtt_v5_subscribe subscribe = {
        .packet_id = 1, .subscriptions = wanted, .count = 2}; /* any packet id but 0 */
    struct mqtt_v5_packet packet = {.type = MQTT_V5_PUBLISH};
    struct mqtt_v5_publish *publish = &packet.as.publish;

    send_output(protocol >= 5 ? mqtt_v5_encode_subscribe(output, sizeof output, &subscribe)
                              : mqtt_encode_subscribe(output, sizeof output, &old));
    publish->packet_id = 2; /* not 1, which is in use until the SUBACK */
    publish->qos = most_qos;
    publish->topic = mqtt_string_from(arguments[7]);
    publish->payload = mqtt_bytes_from(arguments[8], strlen(arguments[8]));
    send_packet(&packet);
}

static void handle_connack(const struct mqtt_v5_connack *connack)
{
    static const char *const refusals[] = {
        "", "wrong version", "bad client id", "unavailable", "bad user/password", "not authorized"};
    const struct mqtt_v5_properties *properties = &connack->properties;
    const uint8_t code = connack->reason_code; /* in 3.1.1 0 to 5: the decoder checks it */

    require(code == 0, "The server refused the connection:",
            protocol >= 5 ? mqtt_v5_reason_code_name(code, MQTT_V5_CONNACK) : refusals[code]);
    keep_alive = (uint16_t)number_of(properties, MQTT_V5_PROPERTY_SERVER_KEEP_ALIVE, keep_alive);
    most_qos = (uint8_t)number_of(properties, MQTT_V5_PROPERTY_MAXIMUM_QOS, most_qos);
    output_max = number_of(properties, MQTT_V5_PROPERTY_MAXIMUM_PACKET_SIZE, sizeof output);
    is_connected = true;
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
        send_ack(MQTT_V5_PUBACK, id);
    if (publish->qos == 2) {
        is_unreleased[id] = true;
        send_ack(MQTT_V5_PUBREC, id);
    }
}

static void handle_packet(const struct mqtt_v5_packet *packet, char **arguments)
{
    require(is_connected != (packet->type == MQTT_V5_CONNACK) || packet->type == MQTT_V5_DISCONNECT,
            "CONNACK must come first, and only once.", "MQTT-3.2.0-1");
    if (packet->type == MQTT_V5_CONNACK) {
        handle_connack(&packet->as.connack);
        subscribe_and_publish(arguments);
    } else if (packet->type == MQTT_V5_SUBACK) {
        require(packet->as.suback.count == 2, "SUBACK must have two return codes.", "MQTT-3.8.4-5");
        for (int i = 0; i < 2; i++)
            require(packet->as.suback.reason_codes[i] < 0x80,
                    "The server refused the subscription to", arguments[5 + i]);
    } else if (packet->type == MQTT_V5_PUBACK) {
        const uint8_t code = packet->as.ack.reason_code; /* 0x80 and above mean failure */
        require(code < 0x80,
                "The server refused the message:", mqtt_v5_reason_code_name(code, MQTT_V5_PUBACK));
        fputs("The server has the message.\n", stderr);
    } else if (packet->type == MQTT_V5_PUBLISH) {
        handle_publish(&packet->as.publish);
    } else if (packet->type == MQTT_V5_PUBREL) {
        is_unreleased[packet->as.ack.packet_id] = false;
        send_ack(MQTT_V5_PUBCOMP, packet->as.ack.packet_id);
    } else if (packet->type == MQTT_V5_DISCONNECT) {
        require(false, "The server ends the connection:",
                mqtt_v5_reason_code_name(packet->as.disconnect.reason_code, packet->type));
    }
}

static void receive(char **arguments)
{
    const ssize_t count = recv(server, input + input_length, sizeof input - input_length, 0);
    struct mqtt_v5_packet packet = {0};
    size_t taken = 0;
    int32_t size;

    require(count >= 0, "The connection is lost:", strerror(errno));
    require(count > 0, "The connection is lost:", "the server closed it.");
    heard_at = now.tv_sec;
    input_length += (size_t)count;
    while ((size = decode_from_server(protocol, &packet, input + taken, input_length - taken)) >
           0) {
        handle_packet(&packet, arguments);
        taken += (size_t)size;
    }
    require(size == MQTT_PACKET_INCOMPLETE, status_message(protocol, size),
            status_clause(protocol, size, packet.type));
    input_length -= taken;
    memmove(input, input + taken, input_length);
    /* recv without room would return 0, as if the server had closed the connection. */
    require(input_length < sizeof input, "The server sent a packet of more than", "64 KiB.");
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "-5") == 0) {
        protocol = 5;
        argc--;
        argv++;
    }
    require(argc == 9, "The arguments are",
            "[-5] HOST PORT USER PASSWORD FILTER FILTER TOPIC TEXT.");
    connect_to(argv[1], argv[2]);
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
            send_output(mqtt_encode_pingreq(output, sizeof output));
        }
    }
    send_packet(&(struct mqtt_v5_packet){.type = MQTT_V5_DISCONNECT});
    /* Let the server close first: closing with unread bytes could destroy the DISCONNECT. */
    while (poll(files, 1, 1000) > 0 && recv(server, input, sizeof input, 0) > 0)
        ;
    return 0;
}
