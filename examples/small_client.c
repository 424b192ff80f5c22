/* SPDX-License-Identifier: MIT
 *
 * small_client.c: connects with user name, password and will, subscribes to two filters, publishes
 * a message at QoS 1, and prints what arrives. Enter, or the end of input, ends it. If it ends in
 * any other way, its will is published. It does not reconnect. It accepts packets up to 64 KiB.
 *
 *     cc -o small_client examples/small_client.c
 *     ./small_client localhost 1883 ann secret 'rooms/+' 'alerts/#' rooms/kitchen 21.5 */
#define _POSIX_C_SOURCE 200809L

#include "../mqtt_codec.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define KEEP_ALIVE 6 /* seconds: short, so that you see it work; 60 is usual */

static int server; /* the socket */
static bool is_connected;
static bool is_unreleased[65536]; /* ids of QoS 2 messages that are printed and await a PUBREL */
static struct timespec now;
static time_t sent_at;  /* when we sent the last packet, in seconds */
static time_t heard_at; /* when we received the last bytes */
static uint8_t output[1024];
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

    require(size > 0, mqtt_status_message(size), mqtt_status_clause(size));
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
    struct mqtt_connect connect = {0};
    connect.clean_session = true; /* the client id may then be empty: the server chooses one */
    connect.keep_alive = KEEP_ALIVE;
    connect.has_user_name = true;
    connect.user_name = mqtt_string_from(user_name);
    connect.has_password = true;
    connect.password = mqtt_bytes_from(password, strlen(password));
    connect.has_will = true;
    connect.will.topic = mqtt_string_from("clients/small");
    connect.will.message = mqtt_bytes_from("lost", 4);
    connect.will.qos = 1;
    send_output(mqtt_encode_connect(output, sizeof output, &connect));
}

static void subscribe_and_publish(char **arguments)
{
    const struct mqtt_subscription wanted[2] = {{mqtt_string_from(arguments[5]), 2},
                                                {mqtt_string_from(arguments[6]), 2}};
    struct mqtt_subscribe subscribe = {0};
    struct mqtt_publish publish = {0};

    subscribe.packet_id = 1; /* any but 0 */
    subscribe.subscriptions = wanted;
    subscribe.count = 2;
    send_output(mqtt_encode_subscribe(output, sizeof output, &subscribe));
    publish.packet_id = 2; /* not 1, which is in use until the SUBACK */
    publish.qos = 1;
    publish.topic = mqtt_string_from(arguments[7]);
    publish.payload = mqtt_bytes_from(arguments[8], strlen(arguments[8]));
    send_output(mqtt_encode_publish(output, sizeof output, &publish));
}

static void handle_publish(const struct mqtt_publish *publish)
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
        send_output(mqtt_encode_puback(output, sizeof output, id));
    if (publish->qos == 2) {
        is_unreleased[id] = true;
        send_output(mqtt_encode_pubrec(output, sizeof output, id));
    }
}

static void handle_packet(const struct mqtt_packet *packet, char **arguments)
{
    static const char *const refusals[] = {
        "", "wrong version", "bad client id", "unavailable", "bad user/password", "not authorized"};

    require(is_connected != (packet->type == MQTT_CONNACK),
            "CONNACK must come first, and only once.", "MQTT-3.2.0-1");
    if (packet->type == MQTT_CONNACK) {
        const uint8_t code = packet->as.connack.return_code; /* 0 to 5: the decoder checks it */
        require(code == 0, "The server refused the connection:", refusals[code]);
        is_connected = true;
        subscribe_and_publish(arguments);
    } else if (packet->type == MQTT_SUBACK) {
        require(packet->as.suback.count == 2, "SUBACK must have two return codes.", "MQTT-3.8.4-5");
        for (int i = 0; i < 2; i++)
            require(packet->as.suback.return_codes[i] != MQTT_SUBACK_CODE_FAILURE,
                    "The server refused the subscription to", arguments[5 + i]);
    } else if (packet->type == MQTT_PUBACK) {
        fputs("The server has the message.\n", stderr);
    } else if (packet->type == MQTT_PUBLISH) {
        handle_publish(&packet->as.publish);
    } else if (packet->type == MQTT_PUBREL) {
        is_unreleased[packet->as.ack.packet_id] = false;
        send_output(mqtt_encode_pubcomp(output, sizeof output, packet->as.ack.packet_id));
    }
}

static void receive(char **arguments)
{
    const ssize_t count = recv(server, input + input_length, sizeof input - input_length, 0);
    struct mqtt_packet packet;
    size_t taken = 0;
    int32_t size;

    require(count >= 0, "The connection is lost:", strerror(errno));
    require(count > 0, "The connection is lost:", "the server closed it.");
    heard_at = now.tv_sec;
    input_length += (size_t)count;
    while ((size = mqtt_decode_from_server(&packet, input + taken, input_length - taken)) > 0) {
        handle_packet(&packet, arguments);
        taken += (size_t)size;
    }
    require(size == MQTT_PACKET_INCOMPLETE, mqtt_status_message(size), mqtt_status_clause(size));
    input_length -= taken;
    memmove(input, input + taken, input_length);
    /* recv without room would return 0, as if the server had closed the connection. */
    require(input_length < sizeof input, "The server sent a packet of more than", "64 KiB.");
}

int main(int argc, char **argv)
{
    require(argc == 9, "The arguments are", "HOST PORT USER PASSWORD FILTER FILTER TOPIC TEXT.");
    connect_to(argv[1], argv[2]);
    struct pollfd files[2] = {{server, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    clock_gettime(CLOCK_MONOTONIC, &now);
    send_connect(argv[3], argv[4]);
    while (files[1].revents == 0) { /* until Enter is pressed, or the input ends */
        const int count = poll(files, 2, 1000);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (count > 0 && files[0].revents != 0)
            receive(argv);
        if (now.tv_sec >= sent_at + KEEP_ALIVE / 2) {
            require(heard_at >= sent_at, "The server does not answer", "what was sent last.");
            send_output(mqtt_encode_pingreq(output, sizeof output));
        }
    }
    send_output(mqtt_encode_disconnect(output, sizeof output));
    /* Let the server close first: closing with unread bytes could destroy the DISCONNECT. */
    while (poll(files, 1, 1000) > 0 && recv(server, input, sizeof input, 0) > 0)
        ;
    return 0;
}
