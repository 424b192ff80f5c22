/* SPDX-License-Identifier: MIT
 *
 * request_response.c: a request and its response in MQTT 5.0 [4.10]. The responder answers each
 * request with the number of its bytes. The requester names the topic for the response, and knows
 * the response by its Correlation Data. Both use QoS 0 and no keep alive.
 *
 *     cc -o request_response examples/request_response.c
 *     ./request_response respond localhost 1883 &
 *     ./request_response request localhost 1883 'how are you' */
#define _POSIX_C_SOURCE 200809L
#include "../mqtt_codec.h"

#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 5000 /* milliseconds to wait for an answer */
#define DATA     MQTT_V5_PROPERTY_CORRELATION_DATA

static int server;                            /* the socket */
static char own_topic[256] = "requests/size"; /* to which the program subscribes */
static uint8_t output[16384], input[16384];
static size_t received; /* bytes in `input` */
static size_t used;     /* the size of the last packet, at the beginning of `input` */

/* Ends the program with an error message, unless `ok`. */
static void require(bool ok, const char *message)
{
    if (!ok) {
        fprintf(stderr, "request_response: %s\n", message);
        exit(1);
    }
}

/* Sends the packet in `output`. `size` is what the encoder returned. */
static void send_output(int32_t size)
{
    require(size > 0, mqtt_v5_status_message(size));
    require(send(server, output, (size_t)size, MSG_NOSIGNAL) == size, "The connection is lost.");
}

/* Waits for the next packet of this type, and ignores others. It is valid until the next call. */
static void receive(struct mqtt_v5_packet *packet, enum mqtt_v5_packet_type type, int patience)
{
    struct pollfd file = {server, POLLIN, 0};
    do {
        received -= used;
        memmove(input, input + used, received);
        int32_t size;
        while ((size = mqtt_v5_decode_from_server(packet, input, received)) ==
               MQTT_PACKET_INCOMPLETE) {
            require(received < sizeof input, "A packet is larger than 16 KiB.");
            require(poll(&file, 1, patience) > 0, "No answer came in time.");
            const ssize_t count = recv(server, input + received, sizeof input - received, 0);
            require(count > 0, "The connection is lost.");
            received += (size_t)count;
        }
        require(size > 0, mqtt_v5_status_message(size));
        used = (size_t)size;
    } while (packet->type != type);
}

/* Connects. The requester's topic is its own: it contains the client id that the server assigns. */
static void open_session(bool responds)
{
    const struct mqtt_v5_connect connect = {.clean_start = true};
    struct mqtt_v5_property id = {0};
    struct mqtt_v5_packet packet;
    send_output(mqtt_v5_encode_connect(output, sizeof output, &connect));
    receive(&packet, MQTT_V5_CONNACK, PATIENCE);
    require(packet.as.connack.reason_code == 0, "The server refused the connection.");
    mqtt_v5_find_property(&packet.as.connack.properties,
                          MQTT_V5_PROPERTY_ASSIGNED_CLIENT_IDENTIFIER, &id);
    if (!responds)
        snprintf(own_topic, sizeof own_topic, "responses/%.*s", (int)id.as.string.length,
                 id.as.string.data);
    const struct mqtt_v5_subscription wanted = {.filter = mqtt_string_from(own_topic)};
    const struct mqtt_v5_subscribe s = {.packet_id = 1, .subscriptions = &wanted, .count = 1};
    send_output(mqtt_v5_encode_subscribe(output, sizeof output, &s));
    receive(&packet, MQTT_V5_SUBACK, PATIENCE);
    require(packet.as.suback.reason_codes[0] < 0x80, "The server refused the subscription.");
}

static void send_to(struct mqtt_string to, struct mqtt_bytes payload,
                    struct mqtt_v5_properties properties)
{
    const struct mqtt_v5_publish p = {.topic = to, .payload = payload, .properties = properties};
    send_output(mqtt_v5_encode_publish(output, sizeof output, &p));
}

/* Answers each request. A message without a Response Topic is none. */
static void respond(void)
{
    struct mqtt_v5_property data = {0}, to;
    struct mqtt_v5_packet packet;
    char text[24];
    for (;;) {
        receive(&packet, MQTT_V5_PUBLISH, -1);
        const struct mqtt_v5_publish *p = &packet.as.publish;
        struct mqtt_v5_properties answer = {.list = &data};
        answer.count = mqtt_v5_find_property(&p->properties, DATA, &data); /* it may have none */
        snprintf(text, sizeof text, "%zu", p->payload.length);
        if (mqtt_v5_find_property(&p->properties, MQTT_V5_PROPERTY_RESPONSE_TOPIC, &to))
            send_to(to.as.string, mqtt_bytes_from(text, strlen(text)), answer);
    }
}

static void request(const char *text)
{
    const long now = (long)time(NULL); /* any bytes that tell one request from another */
    const struct mqtt_v5_property list[2] = {
        {.id = MQTT_V5_PROPERTY_RESPONSE_TOPIC, .as.string = mqtt_string_from(own_topic)},
        {.id = DATA, .as.bytes = mqtt_bytes_from(&now, sizeof now)},
    };
    const struct mqtt_v5_properties properties = {.list = list, .count = 2};
    struct mqtt_v5_property data;
    struct mqtt_v5_packet packet;
    send_to(mqtt_string_from("requests/size"), mqtt_bytes_from(text, strlen(text)), properties);
    do {
        receive(&packet, MQTT_V5_PUBLISH, PATIENCE);
    } while (!mqtt_v5_find_property(&packet.as.publish.properties, DATA, &data) ||
             data.as.bytes.length != sizeof now ||
             memcmp(data.as.bytes.data, &now, sizeof now) != 0);
    fwrite(packet.as.publish.payload.data, 1, packet.as.publish.payload.length, stdout);
    puts("");
}

int main(int argc, char **argv)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    const struct mqtt_v5_disconnect disconnect = {0};
    struct addrinfo *a = NULL;
    const bool responds = argc == 4 && strcmp(argv[1], "respond") == 0;
    require(responds || (argc == 5 && strcmp(argv[1], "request") == 0),
            "The arguments are respond HOST PORT, or request HOST PORT TEXT.");
    require(getaddrinfo(argv[2], argv[3], &hints, &a) == 0, "There is no such address.");
    server = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
    require(server >= 0 && connect(server, a->ai_addr, a->ai_addrlen) == 0, "No server answers.");
    freeaddrinfo(a);
    open_session(responds);
    if (responds)
        respond();
    request(argv[4]);
    send_output(mqtt_v5_encode_disconnect(output, sizeof output, &disconnect));
}
