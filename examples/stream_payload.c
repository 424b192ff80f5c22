/* SPDX-License-Identifier: MIT
 *
 * stream_payload.c: sends a file as one message, or writes one message to a file. The file may have
 * 256 MB, the buffer has 1 KiB. The connection is standard input and output; here bash opens it.
 * The server must accept packets of that size: ./mqtt_broker -p 1883 --max-packet 268435460.
 * Start the sender after the receiver has printed "subscribed".
 *
 *     cc -o stream_payload examples/stream_payload.c
 *     ./stream_payload receive films/1 copy.mp4 <>/dev/tcp/localhost/1883 >&0 &
 *     ./stream_payload send films/1 film.mp4 <>/dev/tcp/localhost/1883 >&0 */
#define _POSIX_C_SOURCE 200809L

#include "../mqtt_codec.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t buffer[1024];

static void require(bool ok, const char *message)
{
    if (!ok) {
        fprintf(stderr, "stream_payload: %s\n", message);
        exit(1);
    }
}

/* Sends what an encoder wrote into the buffer; `size` is its result. */
static void send_buffer(int32_t size)
{
    require(size > 0, mqtt_status_message(size));
    require(fwrite(buffer, 1, (size_t)size, stdout) == (size_t)size && fflush(stdout) == 0,
            "The connection is lost.");
}

/* Receives a packet byte by byte. It does not read the payload of a PUBLISH. */
static enum mqtt_packet_type receive(struct mqtt_packet *packet)
{
    int32_t size = MQTT_PACKET_INCOMPLETE;

    for (size_t length = 0; size == MQTT_PACKET_INCOMPLETE; length++) {
        const int byte = getchar();
        require(byte != EOF, "The server closed the connection.");
        require(length < sizeof buffer, "The topic is longer than the buffer.");
        buffer[length] = (uint8_t)byte;
        packet->type = MQTT_PUBLISH;
        size = mqtt_decode_publish_header(&packet->as.publish, buffer, length + 1);
        if (size == MQTT_ERROR_TYPE) /* it is not a PUBLISH */
            size = mqtt_decode_from_server(packet, buffer, length + 1);
    }
    require(size > 0, mqtt_status_message(size));
    return packet->type;
}

static void copy_bytes(FILE *from, FILE *to, size_t left)
{
    while (left > 0) {
        const size_t count = left < sizeof buffer ? left : sizeof buffer;
        require(fread(buffer, 1, count, from) == count, "The payload ends too early.");
        require(fwrite(buffer, 1, count, to) == count, "The payload cannot be written.");
        left -= count;
    }
    require(fflush(to) == 0, "The payload cannot be written.");
}

static void send_file(const char *topic, FILE *file)
{
    struct mqtt_publish publish = {.topic = mqtt_string_from(topic), .qos = 1, .packet_id = 1};
    struct mqtt_packet answer;

    require(fseek(file, 0, SEEK_END) == 0, "The size of the file is not known.");
    publish.payload.length = (size_t)ftell(file); /* payload.data stays NULL */
    rewind(file);
    send_buffer(mqtt_encode_publish_header(buffer, sizeof buffer, &publish));
    copy_bytes(file, stdout, publish.payload.length);
    require(receive(&answer) == MQTT_PUBACK, "The server did not acknowledge the message.");
}

static void receive_file(const char *topic, FILE *file)
{
    const struct mqtt_subscription wanted = {mqtt_string_from(topic), 1};
    const struct mqtt_subscribe subscribe = {.subscriptions = &wanted, .count = 1, .packet_id = 1};
    struct mqtt_packet packet;

    send_buffer(mqtt_encode_subscribe(buffer, sizeof buffer, &subscribe));
    while (receive(&packet) != MQTT_PUBLISH) {
        require(packet.type == MQTT_SUBACK && packet.as.suback.return_codes[0] <= 2,
                "The server refused the subscription.");
        fputs("subscribed\n", stderr);
    }
    /* Overwrites the topic in the buffer. */
    copy_bytes(stdin, file, packet.as.publish.payload.length);
    if (packet.as.publish.qos == 1) /* the file is written now */
        send_buffer(mqtt_encode_puback(buffer, sizeof buffer, packet.as.publish.packet_id));
}

int main(int argc, char **argv)
{
    const bool is_sender = argc == 4 && strcmp(argv[1], "send") == 0;
    const bool is_receiver = argc == 4 && strcmp(argv[1], "receive") == 0;
    struct mqtt_connect connect = {0};
    struct mqtt_packet answer;

    require(is_sender || is_receiver, "The arguments are: send or receive, TOPIC, FILE.");
    FILE *file = fopen(argv[3], is_sender ? "rb" : "wb");
    require(file != NULL, "The file cannot be opened.");
    signal(SIGPIPE, SIG_IGN); /* a write to a closed connection fails instead */
    connect.clean_session = true;
    send_buffer(mqtt_encode_connect(buffer, sizeof buffer, &connect));
    require(receive(&answer) == MQTT_CONNACK, "The first packet is not CONNACK.");
    require(answer.as.connack.return_code == 0, "The server refused the connection.");
    if (is_sender)
        send_file(argv[2], file);
    else
        receive_file(argv[2], file);
    send_buffer(mqtt_encode_disconnect(buffer, sizeof buffer));
    return 0;
}
