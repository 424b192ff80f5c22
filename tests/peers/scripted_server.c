/* scripted_server VERSION CODE WHEN [QOS RETAIN TOPIC PAYLOAD]...: serves one client of MQTT 3.1.1 or
 * 5.0, on a port of 127.0.0.1 that it prints, and prints the fields of every packet that it gets, one
 * a line.
 *
 * It answers a CONNECT with the return code or reason code CODE, grants every subscription the QoS
 * asked for, completes every message it gets, and sends those of its arguments after its first answer
 * to the type that WHEN names, SUBSCRIBE or PINGREQ. The client has to end what it was sent at QoS 1
 * and 2. Each packet of 5.0 has properties. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "stream.h"

enum {
    MESSAGES_MAX = 16,
    CODES_MAX = 16
};

/* What the server looks at in a packet that it got, and what it puts into one that it sends, in either
 * version. Their types have the same numbers. */
struct note {
    unsigned type;
    uint16_t packet_id;
    bool session;  /* is asked for, or present */
    bool nameless; /* the client identifier is empty, so that the server assigns one */
    struct mqtt_publish publish;
    uint8_t codes[CODES_MAX]; /* QoS asked for; return codes or reason codes */
    size_t count;
};

struct message {
    struct mqtt_publish publish;
    unsigned awaited; /* the type of the answer to come, or 0 */
};

struct server {
    struct stream stream;
    uint8_t code;
    const char *when;
    bool sent;
    struct message messages[MESSAGES_MAX];
    unsigned count;
};

static void add_code(struct note *note, uint8_t code)
{
    if (note->count == CODES_MAX)
        die("more subscriptions than expected");
    note->codes[note->count++] = code;
}

/* ---- MQTT 3.1.1 -------------------------------------------------------------------------------- */

static bool receive(struct server *server, struct note *note)
{
    struct mqtt_packet packet;
    struct mqtt_subscription subscription;
    size_t position = 0;
    const uint8_t *bytes;

    if (stream_receive(&server->stream, &packet, &bytes) == 0)
        return false;
    fields_print(stdout, &packet);
    note->type = packet.type;
    switch (packet.type) {
    case MQTT_CONNECT:
        note->session = !packet.as.connect.clean_session;
        break;
    case MQTT_PUBLISH:
        note->publish.qos = packet.as.publish.qos;
        note->packet_id = packet.as.publish.packet_id;
        break;
    case MQTT_SUBSCRIBE:
        note->packet_id = packet.as.subscribe.packet_id;
        while (mqtt_next_subscription(&packet.as.subscribe, &position, &subscription))
            add_code(note, subscription.qos);
        break;
    case MQTT_UNSUBSCRIBE:
        note->packet_id = packet.as.unsubscribe.packet_id;
        break;
    case MQTT_PINGREQ:
    case MQTT_DISCONNECT:
        break;
    default:
        note->packet_id = packet.as.ack.packet_id;
        break;
    }
    return true;
}

static void send_note(struct server *server, const struct note *note)
{
    struct mqtt_packet packet = {0};

    packet.type = (enum mqtt_packet_type)note->type;
    switch (packet.type) {
    case MQTT_CONNACK:
        packet.as.connack.return_code = note->codes[0];
        packet.as.connack.session_present = note->session;
        break;
    case MQTT_PUBLISH:
        packet.as.publish = note->publish;
        break;
    case MQTT_SUBACK:
        packet.as.suback.packet_id = note->packet_id;
        packet.as.suback.return_codes = note->codes;
        packet.as.suback.count = note->count;
        break;
    case MQTT_PINGRESP:
        break;
    default:
        packet.as.ack.packet_id = note->packet_id;
        break;
    }
    stream_send(&server->stream, &packet);
}

/* ---- MQTT 5.0 ---------------------------------------------------------------------------------- */

static bool receive_v5(struct server *server, struct note *note)
{
    struct mqtt_v5_packet packet;
    struct mqtt_v5_subscription subscription;
    struct mqtt_string filter;
    size_t position = 0;
    const uint8_t *bytes;

    if (stream_receive(&server->stream, &packet, &bytes) == 0)
        return false;
    fields_v5_print(stdout, &packet);
    note->type = packet.type;
    switch (packet.type) {
    case MQTT_V5_CONNECT:
        note->session = !packet.as.connect.clean_start;
        note->nameless = packet.as.connect.client_id.length == 0;
        break;
    case MQTT_V5_PUBLISH:
        note->publish.qos = packet.as.publish.qos;
        note->packet_id = packet.as.publish.packet_id;
        break;
    case MQTT_V5_SUBSCRIBE:
        note->packet_id = packet.as.subscribe.packet_id;
        while (mqtt_v5_next_subscription(&packet.as.subscribe, &position, &subscription))
            add_code(note, subscription.qos);
        break;
    case MQTT_V5_UNSUBSCRIBE:
        note->packet_id = packet.as.unsubscribe.packet_id;
        while (mqtt_v5_next_filter(&packet.as.unsubscribe, &position, &filter))
            add_code(note, MQTT_V5_REASON_SUCCESS);
        break;
    case MQTT_V5_PINGREQ:
    case MQTT_V5_DISCONNECT:
    case MQTT_V5_AUTH:
        break;
    default:
        note->packet_id = packet.as.ack.packet_id;
        break;
    }
    return true;
}

static struct mqtt_v5_property number(enum mqtt_v5_property_id id, uint32_t value)
{
    struct mqtt_v5_property property = {0};

    property.id = (uint8_t)id;
    property.as.number = value;
    return property;
}

static struct mqtt_v5_property text(enum mqtt_v5_property_id id, const char *value)
{
    struct mqtt_v5_property property = {0};

    property.id = (uint8_t)id;
    property.as.string = mqtt_string_from(value);
    return property;
}

static struct mqtt_v5_property pair(const char *name, const char *value)
{
    struct mqtt_v5_property property = {0};

    property.id = MQTT_V5_PROPERTY_USER_PROPERTY;
    property.as.pair.name = mqtt_string_from(name);
    property.as.pair.value = mqtt_string_from(value);
    return property;
}

/* Every property that a server may send in a PUBLISH, except a topic alias. */
static struct mqtt_v5_properties message_properties(void)
{
    static struct mqtt_v5_property list[8];
    struct mqtt_v5_properties properties = {0};

    list[0] = pair("name", "one");
    list[1] = number(MQTT_V5_PROPERTY_PAYLOAD_FORMAT_INDICATOR, 1);
    list[2] = number(MQTT_V5_PROPERTY_MESSAGE_EXPIRY_INTERVAL, 70000);
    list[3] = text(MQTT_V5_PROPERTY_CONTENT_TYPE, "text/plain");
    list[4] = text(MQTT_V5_PROPERTY_RESPONSE_TOPIC, "answers/σ");
    list[5] = number(MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIER, 268435455);
    list[6] = pair("name", "δύο");
    list[7].id = MQTT_V5_PROPERTY_CORRELATION_DATA;
    list[7].as.bytes = mqtt_bytes_from("c-1", 3);
    properties.list = list;
    properties.count = sizeof list / sizeof list[0];
    return properties;
}

/* Every property that a server may send in a CONNACK and that does not change what a client sends; an
 * identifier for the client only where it has none (3.2.2.3.7). */
static struct mqtt_v5_properties connack_properties(bool nameless)
{
    static struct mqtt_v5_property list[14];
    struct mqtt_v5_properties properties = {0};

    list[0] = number(MQTT_V5_PROPERTY_SESSION_EXPIRY_INTERVAL, 4294967295u);
    list[1] = number(MQTT_V5_PROPERTY_RECEIVE_MAXIMUM, 10);
    list[2] = pair("server", "scripted");
    list[3] = number(MQTT_V5_PROPERTY_RETAIN_AVAILABLE, 1);
    list[4] = number(MQTT_V5_PROPERTY_MAXIMUM_PACKET_SIZE, 268435455);
    list[5] = pair("", "");
    list[6] = number(MQTT_V5_PROPERTY_TOPIC_ALIAS_MAXIMUM, 65535);
    list[7] = text(MQTT_V5_PROPERTY_REASON_STRING, "as scripted");
    list[8] = number(MQTT_V5_PROPERTY_WILDCARD_SUBSCRIPTION_AVAILABLE, 1);
    list[9] = number(MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIERS_AVAILABLE, 1);
    list[10] = number(MQTT_V5_PROPERTY_SHARED_SUBSCRIPTION_AVAILABLE, 1);
    list[11] = text(MQTT_V5_PROPERTY_RESPONSE_INFORMATION, "answers");
    list[12] = text(MQTT_V5_PROPERTY_SERVER_REFERENCE, "another");
    list[13] = text(MQTT_V5_PROPERTY_ASSIGNED_CLIENT_IDENTIFIER, "assigned");
    properties.list = list;
    properties.count = nameless ? 14 : 13;
    return properties;
}

/* Those of an acknowledgement. */
static struct mqtt_v5_properties ack_properties(void)
{
    static struct mqtt_v5_property list[2];
    struct mqtt_v5_properties properties = {0};

    list[0] = text(MQTT_V5_PROPERTY_REASON_STRING, "as scripted");
    list[1] = pair("server", "scripted");
    properties.list = list;
    properties.count = sizeof list / sizeof list[0];
    return properties;
}

static void send_note_v5(struct server *server, const struct note *note)
{
    struct mqtt_v5_packet packet = {0};

    packet.type = (enum mqtt_v5_packet_type)note->type;
    switch (packet.type) {
    case MQTT_V5_CONNACK:
        packet.as.connack.reason_code = note->codes[0];
        packet.as.connack.session_present = note->session;
        packet.as.connack.properties = connack_properties(note->nameless);
        break;
    case MQTT_V5_PUBLISH:
        packet.as.publish.packet_id = note->publish.packet_id;
        packet.as.publish.qos = note->publish.qos;
        packet.as.publish.retain = note->publish.retain;
        packet.as.publish.topic = note->publish.topic;
        packet.as.publish.payload = note->publish.payload;
        packet.as.publish.properties = message_properties();
        break;
    case MQTT_V5_SUBACK:
    case MQTT_V5_UNSUBACK:
        packet.as.suback.packet_id = note->packet_id;
        packet.as.suback.reason_codes = note->codes;
        packet.as.suback.count = note->count;
        packet.as.suback.properties = ack_properties();
        break;
    case MQTT_V5_PINGRESP:
        break;
    default:
        packet.as.ack.packet_id = note->packet_id;
        packet.as.ack.properties = ack_properties();
        break;
    }
    stream_send(&server->stream, &packet);
}

/* ---- The script -------------------------------------------------------------------------------- */

static void send_as(struct server *server, unsigned type, struct note note)
{
    note.type = type;
    (server->stream.is_v5 ? send_note_v5 : send_note)(server, &note);
}

static void answer_connect(struct server *server, const struct note *connect)
{
    struct note connack = {0};

    connack.codes[0] = server->code;
    connack.session = server->code == 0 && connect->session;
    connack.nameless = connect->nameless;
    send_as(server, MQTT_CONNACK, connack);
}

static void send_messages(struct server *server)
{
    struct note note = {0};
    unsigned i;

    for (i = 0; i < server->count; i++) {
        note.publish = server->messages[i].publish;
        send_as(server, MQTT_PUBLISH, note);
        if (note.publish.qos > 0)
            server->messages[i].awaited = note.publish.qos == 1 ? MQTT_PUBACK : MQTT_PUBREC;
    }
    server->sent = true;
}

static void take_ack(struct server *server, const struct note *ack)
{
    unsigned i;

    for (i = 0; i < server->count; i++) {
        struct message *message = &server->messages[i];

        if (message->awaited == ack->type && message->publish.packet_id == ack->packet_id) {
            message->awaited = 0;
            if (ack->type == MQTT_PUBREC) {
                message->awaited = MQTT_PUBCOMP;
                send_as(server, MQTT_PUBREL, *ack);
            }
            return;
        }
    }
    die("a packet of type %u for %u that nothing was sent for", ack->type,
        (unsigned)ack->packet_id);
}

static void answer(struct server *server, const struct note *note)
{
    switch (note->type) {
    case MQTT_CONNECT:
        answer_connect(server, note);
        break;
    case MQTT_PUBLISH:
        if (note->publish.qos > 0)
            send_as(server, note->publish.qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, *note);
        break;
    case MQTT_PUBREL:
        send_as(server, MQTT_PUBCOMP, *note);
        break;
    case MQTT_SUBSCRIBE:
        send_as(server, MQTT_SUBACK, *note);
        break;
    case MQTT_UNSUBSCRIBE:
        send_as(server, MQTT_UNSUBACK, *note);
        break;
    case MQTT_PINGREQ:
        send_as(server, MQTT_PINGRESP, *note);
        break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBCOMP:
        take_ack(server, note);
        break;
    default:
        break;
    }
}

static void serve(struct server *server)
{
    struct note note = {0};
    bool refused = false;
    unsigned i;

    while (!refused && (server->stream.is_v5 ? receive_v5 : receive)(server, &note)) {
        const char *const name = mqtt_v5_packet_type_name((enum mqtt_v5_packet_type)note.type);

        putchar('\n');
        answer(server, &note);
        refused = server->code != 0; /* [MQTT-3.2.2-5]; [MQTT-3.2.2-7] of 5.0 */
        if (!server->sent && strcmp(server->when, name) == 0)
            send_messages(server);
        memset(&note, 0, sizeof note);
    }
    for (i = 0; i < server->count; i++)
        if (!server->sent || server->messages[i].awaited != 0)
            die("message %u was not sent, or not acknowledged", i + 1);
}

/* The value of a number below `limit`. */
static uint8_t number_below(const char *digits, unsigned long limit)
{
    char *end;
    const unsigned long value = strtoul(digits, &end, 10);

    if (end == digits || *end != '\0' || value >= limit)
        die("%s is no number below %lu", digits, limit);
    return (uint8_t)value;
}

int main(int argc, char **argv)
{
    static struct server server;
    bool is_v5;
    int i;

    if (argc < 4 || (argc - 4) % 4 != 0 || (argc - 4) / 4 > MESSAGES_MAX)
        die("usage: scripted_server VERSION CODE WHEN [QOS RETAIN TOPIC PAYLOAD]...");
    is_v5 = strcmp(argv[1], "5.0") == 0;
    if (!is_v5 && strcmp(argv[1], "3.1.1") != 0)
        die("%s is no version", argv[1]);
    server.code = number_below(argv[2], is_v5 ? 256 : 6);
    server.when = argv[3];
    for (i = 4; i < argc; i += 4) {
        struct mqtt_publish *publish = &server.messages[server.count++].publish;

        publish->qos = number_below(argv[i], 3);
        publish->packet_id = publish->qos > 0 ? (uint16_t)(server.count * 257) : 0;
        publish->retain = number_below(argv[i + 1], 2) != 0;
        publish->topic = mqtt_string_from(argv[i + 2]);
        publish->payload.data = (const uint8_t *)argv[i + 3];
        publish->payload.length = strlen(argv[i + 3]);
    }
    stream_limit_time(30);
    stream_accept(&server.stream, is_v5);
    serve(&server);
    stream_close(&server.stream);
    return 0;
}
