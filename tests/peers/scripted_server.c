/* scripted_server RETURN_CODE WHEN [QOS RETAIN TOPIC PAYLOAD]...: serves one client, on a port of
 * 127.0.0.1 that it prints, and prints the fields of every packet that it gets, one a line.
 *
 * It answers a CONNECT with the RETURN_CODE, grants every subscription the QoS asked for, completes
 * every message it gets, and sends those of its arguments after its first answer to the type that
 * WHEN names, SUBSCRIBE or PINGREQ. The client has to end what it was sent at QoS 1 and 2. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "stream.h"

enum {
    MESSAGES_MAX = 16,
    CODES_MAX = 16
};

struct message {
    struct mqtt_publish publish;
    enum mqtt_packet_type awaited; /* the answer to come, or 0 */
};

struct server {
    struct stream stream;
    uint8_t return_code;
    const char *when;
    bool sent;
    struct message messages[MESSAGES_MAX];
    unsigned count;
};

static void send_ack(struct server *server, enum mqtt_packet_type type, uint16_t packet_id)
{
    struct mqtt_packet packet;

    packet.type = type;
    packet.as.ack.packet_id = packet_id;
    stream_send(&server->stream, &packet);
}

static void answer_connect(struct server *server, const struct mqtt_connect *connect)
{
    struct mqtt_packet packet;

    packet.type = MQTT_CONNACK;
    packet.as.connack.return_code = server->return_code;
    packet.as.connack.session_present = server->return_code == 0 && !connect->clean_session;
    stream_send(&server->stream, &packet);
}

static void answer_publish(struct server *server, const struct mqtt_publish *publish)
{
    if (publish->qos == 1)
        send_ack(server, MQTT_PUBACK, publish->packet_id);
    if (publish->qos == 2)
        send_ack(server, MQTT_PUBREC, publish->packet_id);
}

static void answer_subscribe(struct server *server, const struct mqtt_subscribe *subscribe)
{
    struct mqtt_subscription subscription;
    struct mqtt_packet packet;
    uint8_t codes[CODES_MAX];
    size_t position = 0;
    size_t count = 0;

    while (mqtt_next_subscription(subscribe, &position, &subscription)) {
        if (count == CODES_MAX)
            die("more subscriptions than expected");
        codes[count++] = subscription.qos;
    }
    packet.type = MQTT_SUBACK;
    packet.as.suback.packet_id = subscribe->packet_id;
    packet.as.suback.return_codes = codes;
    packet.as.suback.count = count;
    stream_send(&server->stream, &packet);
}

static void send_messages(struct server *server)
{
    struct mqtt_packet packet;
    unsigned i;

    packet.type = MQTT_PUBLISH;
    for (i = 0; i < server->count; i++) {
        packet.as.publish = server->messages[i].publish;
        stream_send(&server->stream, &packet);
        if (packet.as.publish.qos > 0)
            server->messages[i].awaited = packet.as.publish.qos == 1 ? MQTT_PUBACK : MQTT_PUBREC;
    }
    server->sent = true;
}

static void take_ack(struct server *server, const struct mqtt_packet *packet)
{
    unsigned i;

    for (i = 0; i < server->count; i++) {
        struct message *message = &server->messages[i];

        if (message->awaited == packet->type &&
            message->publish.packet_id == packet->as.ack.packet_id) {
            message->awaited = (enum mqtt_packet_type)0;
            if (packet->type == MQTT_PUBREC) {
                message->awaited = MQTT_PUBCOMP;
                send_ack(server, MQTT_PUBREL, packet->as.ack.packet_id);
            }
            return;
        }
    }
    die("a %s for %u that nothing was sent for", mqtt_packet_type_name(packet->type),
        (unsigned)packet->as.ack.packet_id);
}

static void answer(struct server *server, const struct mqtt_packet *packet)
{
    switch (packet->type) {
    case MQTT_CONNECT:
        answer_connect(server, &packet->as.connect);
        break;
    case MQTT_PUBLISH:
        answer_publish(server, &packet->as.publish);
        break;
    case MQTT_PUBREL:
        send_ack(server, MQTT_PUBCOMP, packet->as.ack.packet_id);
        break;
    case MQTT_SUBSCRIBE:
        answer_subscribe(server, &packet->as.subscribe);
        break;
    case MQTT_UNSUBSCRIBE:
        send_ack(server, MQTT_UNSUBACK, packet->as.unsubscribe.packet_id);
        break;
    case MQTT_PINGREQ:
        send_ack(server, MQTT_PINGRESP, 0);
        break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBCOMP:
        take_ack(server, packet);
        break;
    default:
        break;
    }
}

static void serve(struct server *server)
{
    struct mqtt_packet packet;
    const uint8_t *bytes;
    bool refused = false;
    unsigned i;

    while (!refused && stream_receive(&server->stream, &packet, &bytes) > 0) {
        fields_print(stdout, &packet);
        putchar('\n');
        answer(server, &packet);
        refused = server->return_code != 0; /* [MQTT-3.2.2-5] */
        if (!server->sent && strcmp(server->when, mqtt_packet_type_name(packet.type)) == 0)
            send_messages(server);
    }
    for (i = 0; i < server->count; i++)
        if (!server->sent || server->messages[i].awaited != 0)
            die("message %u was not sent, or not acknowledged", i + 1);
}

/* The value of a number below `limit`. */
static uint8_t number(const char *text, unsigned long limit)
{
    char *end;
    const unsigned long value = strtoul(text, &end, 10);

    if (end == text || *end != '\0' || value >= limit)
        die("%s is no number below %lu", text, limit);
    return (uint8_t)value;
}

int main(int argc, char **argv)
{
    static struct server server;
    int i;

    if (argc < 3 || (argc - 3) % 4 != 0 || (argc - 3) / 4 > MESSAGES_MAX)
        die("usage: scripted_server RETURN_CODE WHEN [QOS RETAIN TOPIC PAYLOAD]...");
    server.return_code = number(argv[1], 6);
    server.when = argv[2];
    for (i = 3; i < argc; i += 4) {
        struct mqtt_publish *publish = &server.messages[server.count++].publish;

        publish->qos = number(argv[i], 3);
        publish->packet_id = publish->qos > 0 ? (uint16_t)(server.count * 257) : 0;
        publish->retain = number(argv[i + 1], 2) != 0;
        publish->topic = mqtt_string_from(argv[i + 2]);
        publish->payload.data = (const uint8_t *)argv[i + 3];
        publish->payload.length = strlen(argv[i + 3]);
    }
    stream_limit_time(30);
    stream_accept(&server.stream);
    serve(&server);
    stream_close(&server.stream);
    return 0;
}
