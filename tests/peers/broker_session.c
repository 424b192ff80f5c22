/* broker_session PORT RESTRICTED_PORT: clients of a broker on 127.0.0.1. Their packets come from our
 * encoders; what the broker sends goes through mqtt_decode_from_server and is held against the
 * standard.
 *
 * PORT lets in the user "μαρία" with the password "κωδικός" alone. RESTRICTED_PORT lets everyone
 * in, and refuses subscriptions to what begins with "private/". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

enum {
    HELD_MAX = 64,
    LARGE = 100000
};

#define USER     "μαρία"
#define PASSWORD "κωδικός"

/* A packet received, with bytes of its own. */
struct held {
    struct mqtt_packet packet;
    uint8_t *bytes;
    bool taken;
};

struct client {
    struct stream stream;
    struct held held[HELD_MAX];
    unsigned count;
};

static unsigned long port;

static void check(bool holds, const char *what)
{
    if (!holds)
        die("not so: %s", what);
}

static struct mqtt_bytes bytes_from(const char *text)
{
    struct mqtt_bytes bytes;

    bytes.data = (const uint8_t *)text;
    bytes.length = strlen(text);
    return bytes;
}

static bool same_bytes(struct mqtt_bytes a, struct mqtt_bytes b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static bool same_text(struct mqtt_string a, struct mqtt_string b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* ---- Receiving ------------------------------------------------------------------------------- */

/* False: the broker has closed the connection. */
static bool receive(struct client *client)
{
    struct held *held = &client->held[client->count];
    const uint8_t *bytes;
    size_t length;

    check(client->count < HELD_MAX, "so many packets are awaited");
    length = stream_receive(&client->stream, &held->packet, &bytes);
    if (length == 0)
        return false;
    held->bytes = malloc(length);
    if (held->bytes == NULL)
        die("no memory");
    memcpy(held->bytes, bytes, length);
    if (mqtt_decode_from_server(&held->packet, held->bytes, length) != (int32_t)length)
        die("a copy of a packet decodes otherwise");
    held->taken = false;
    client->count++;
    printf("    received %s, %lu bytes\n", mqtt_packet_type_name(held->packet.type),
           (unsigned long)length);
    return true;
}

/* The next packet of a type, whatever comes before it; it is there until the client is closed. */
static const struct mqtt_packet *take(struct client *client, enum mqtt_packet_type type)
{
    unsigned i = 0;

    for (;; i++) {
        if (i == client->count && !receive(client))
            die("a %s is awaited, and the connection is closed", mqtt_packet_type_name(type));
        if (!client->held[i].taken && client->held[i].packet.type == type) {
            client->held[i].taken = true;
            return &client->held[i].packet;
        }
    }
}

static void take_ack(struct client *client, enum mqtt_packet_type type, uint16_t packet_id)
{
    check(take(client, type)->as.ack.packet_id == packet_id,
          "an acknowledgement has the packet id of what it acknowledges [MQTT-2.3.1-6]");
}

static void check_nothing_left(const struct client *client)
{
    unsigned i;

    for (i = 0; i < client->count; i++)
        if (!client->held[i].taken)
            die("a %s that nothing asked for", mqtt_packet_type_name(client->held[i].packet.type));
}

/* ---- Sending --------------------------------------------------------------------------------- */

static void send_packet(struct client *client, const struct mqtt_packet *packet)
{
    printf("    sent %s, %ld bytes\n", mqtt_packet_type_name(packet->type),
           (long)mqtt_encode(NULL, 0, packet));
    stream_send(&client->stream, packet);
}

static struct mqtt_packet packet_of(enum mqtt_packet_type type)
{
    struct mqtt_packet packet;

    memset(&packet, 0, sizeof packet);
    packet.type = type;
    return packet;
}

static void send_empty(struct client *client, enum mqtt_packet_type type)
{
    const struct mqtt_packet packet = packet_of(type);

    send_packet(client, &packet);
}

static void send_ack(struct client *client, enum mqtt_packet_type type, uint16_t packet_id)
{
    struct mqtt_packet packet = packet_of(type);

    packet.as.ack.packet_id = packet_id;
    send_packet(client, &packet);
}

static struct mqtt_publish message(uint8_t qos, uint16_t packet_id, const char *topic,
                                   struct mqtt_bytes payload)
{
    struct mqtt_publish publish;

    memset(&publish, 0, sizeof publish);
    publish.qos = qos;
    publish.packet_id = packet_id;
    publish.topic = mqtt_string_from(topic);
    publish.payload = payload;
    return publish;
}

static void send_publish(struct client *client, const struct mqtt_publish *publish)
{
    struct mqtt_packet packet = packet_of(MQTT_PUBLISH);

    packet.as.publish = *publish;
    send_packet(client, &packet);
}

/* ---- The parts of a session ------------------------------------------------------------------ */

static struct mqtt_connect credentials(const char *client_id, const char *password)
{
    struct mqtt_connect connect;

    memset(&connect, 0, sizeof connect);
    connect.clean_session = true;
    connect.keep_alive = 60;
    connect.client_id = mqtt_string_from(client_id);
    connect.has_user_name = true;
    connect.user_name = mqtt_string_from(USER);
    connect.has_password = true;
    connect.password = bytes_from(password);
    return connect;
}

/* Returns the CONNACK. */
static struct mqtt_connack open_client(struct client *client, unsigned long to,
                                       const struct mqtt_connect *connect)
{
    struct mqtt_packet packet = packet_of(MQTT_CONNECT);

    memset(client, 0, sizeof *client);
    stream_connect(&client->stream, false, to);
    packet.as.connect = *connect;
    send_packet(client, &packet);
    check(receive(client) && client->held[0].packet.type == MQTT_CONNACK,
          "a CONNACK is the first packet from the server [MQTT-3.2.0-1]");
    client->held[0].taken = true;
    return client->held[0].packet.as.connack;
}

static void enter(struct client *client, const struct mqtt_connect *connect, bool session_present)
{
    const struct mqtt_connack connack = open_client(client, port, connect);

    check(connack.return_code == MQTT_CONNACK_CODE_ACCEPTED, "the connection is accepted");
    check(connack.session_present == session_present,
          "whether there is a session is told [MQTT-3.2.2-1] to [MQTT-3.2.2-3]");
}

/* Without a DISCONNECT. */
static void drop(struct client *client)
{
    unsigned i;

    check_nothing_left(client);
    for (i = 0; i < client->count; i++)
        free(client->held[i].bytes);
    stream_close(&client->stream);
}

static void leave(struct client *client)
{
    send_empty(client, MQTT_DISCONNECT);
    check(!receive(client), "after a DISCONNECT the connection is closed, 3.14.4");
    drop(client);
}

static void subscribe(struct client *client, uint16_t packet_id,
                      const struct mqtt_subscription *subscriptions, const uint8_t *codes,
                      size_t count)
{
    struct mqtt_packet packet = packet_of(MQTT_SUBSCRIBE);
    const struct mqtt_suback *suback;

    packet.as.subscribe.packet_id = packet_id;
    packet.as.subscribe.subscriptions = subscriptions;
    packet.as.subscribe.count = count;
    send_packet(client, &packet);
    suback = &take(client, MQTT_SUBACK)->as.suback;
    check(suback->packet_id == packet_id, "a SUBACK has its packet id [MQTT-3.8.4-2]");
    check(suback->count == count, "a return code for each filter [MQTT-3.8.4-5]");
    check(memcmp(suback->return_codes, codes, count) == 0,
          "the QoS asked for, or failure, is told in order [MQTT-3.9.3-1]");
}

static void subscribe_to_one(struct client *client, const char *filter, uint8_t qos)
{
    struct mqtt_subscription subscription;

    subscription.filter = mqtt_string_from(filter);
    subscription.qos = qos;
    subscribe(client, 7, &subscription, &qos, 1);
}

/* Sends a message and awaits what completes it. */
static void publish(struct client *client, const struct mqtt_publish *publish)
{
    send_publish(client, publish);
    if (publish->qos == 1)
        take_ack(client, MQTT_PUBACK, publish->packet_id);
    if (publish->qos == 2) {
        take_ack(client, MQTT_PUBREC, publish->packet_id);
        send_ack(client, MQTT_PUBREL, publish->packet_id);
        take_ack(client, MQTT_PUBCOMP, publish->packet_id);
    }
}

static void check_delivered(const struct mqtt_publish *delivered, const struct mqtt_publish *sent,
                            uint8_t qos)
{
    check(same_text(delivered->topic, sent->topic), "the topic is that of the message");
    check(same_bytes(delivered->payload, sent->payload), "the payload is that of the message");
    check(delivered->qos == qos, "the QoS is the lower of the two [MQTT-3.8.4-6]");
}

/* Awaits a message, and completes it. */
static void deliver(struct client *client, const struct mqtt_publish *sent, uint8_t qos,
                    bool retain, bool dup)
{
    const struct mqtt_publish *delivered = &take(client, MQTT_PUBLISH)->as.publish;

    check_delivered(delivered, sent, qos);
    check(delivered->retain == retain, "RETAIN is as in [MQTT-3.3.1-8] and [MQTT-3.3.1-9]");
    check(delivered->dup == dup, "DUP is as in [MQTT-3.3.1-1] and [MQTT-3.3.1-3]");
    if (qos == 1)
        send_ack(client, MQTT_PUBACK, delivered->packet_id);
    if (qos == 2) {
        send_ack(client, MQTT_PUBREC, delivered->packet_id);
        take_ack(client, MQTT_PUBREL, delivered->packet_id);
        send_ack(client, MQTT_PUBCOMP, delivered->packet_id);
    }
}

/* Everything the broker has to say has come when this is answered. */
static void ping(struct client *client)
{
    send_empty(client, MQTT_PINGREQ);
    take(client, MQTT_PINGRESP);
    check_nothing_left(client);
}

/* ---- The sessions ---------------------------------------------------------------------------- */

static void wrong_password(void)
{
    const struct mqtt_connect connect = credentials("refused", "wrong");
    struct mqtt_connack connack;
    struct client client;

    connack = open_client(&client, port, &connect);
    check(connack.return_code == MQTT_CONNACK_CODE_REFUSED_NOT_AUTHORIZED ||
              connack.return_code == MQTT_CONNACK_CODE_REFUSED_USER_NAME_OR_PASSWORD,
          "a wrong password is refused, 3.2.2.3");
    check(!connack.session_present, "no session is present when refused [MQTT-3.2.2-4]");
    check(!receive(&client), "the connection is closed when refused [MQTT-3.2.2-5]");
    drop(&client);
}

/* Messages at each QoS through subscriptions at each, of several sizes, and what ends them. */
static void messages(void)
{
    static const char *const filters[] = {"zero/#", "one/+", "δύο/+/x"};
    static const char *const topics[] = {"zero/a/b", "one/🌡", "δύο//x"};
    static const uint8_t qos[] = {0, 1, 2};
    static const size_t sizes[] = {0, 1, 200, LARGE};
    static uint8_t payload[LARGE];
    const struct mqtt_connect connect = credentials("κλήση", PASSWORD);
    struct mqtt_subscription subscriptions[3];
    struct mqtt_string given_up[2];
    struct mqtt_packet unsubscribe = packet_of(MQTT_UNSUBSCRIBE);
    struct mqtt_publish sent;
    struct mqtt_bytes bytes;
    struct client client;
    unsigned i;

    for (i = 0; i < LARGE; i++)
        payload[i] = (uint8_t)(i * 31 % 256);
    for (i = 0; i < 3; i++) {
        subscriptions[i].filter = mqtt_string_from(filters[i]);
        subscriptions[i].qos = (uint8_t)i;
    }
    enter(&client, &connect, false);
    subscribe(&client, 65535, subscriptions, qos, 3);
    for (i = 0; i < 36; i++) {
        const uint8_t published = (uint8_t)(i % 3);
        const uint8_t subscribed = (uint8_t)(i / 3 % 3);

        bytes.data = payload;
        bytes.length = sizes[i / 9];
        sent = message(published, (uint16_t)(1 + i * 1000), topics[subscribed], bytes);
        publish(&client, &sent);
        deliver(&client, &sent, published < subscribed ? published : subscribed, false, false);
        if (i % 9 == 8) {
            ping(&client);
            leave(&client);
            enter(&client, &connect, false);
            subscribe(&client, 256, subscriptions, qos, 3);
        }
    }

    given_up[0] = subscriptions[0].filter;
    given_up[1] = subscriptions[2].filter;
    unsubscribe.as.unsubscribe.packet_id = 513;
    unsubscribe.as.unsubscribe.filters = given_up;
    unsubscribe.as.unsubscribe.count = 2;
    send_packet(&client, &unsubscribe);
    take_ack(&client, MQTT_UNSUBACK, 513); /* [MQTT-3.10.4-4] */
    sent = message(1, 2, topics[0], bytes_from("no longer"));
    publish(&client, &sent);
    sent = message(2, 3, topics[2], bytes_from("no longer"));
    publish(&client, &sent);
    sent = message(1, 4, topics[1], bytes_from("still"));
    publish(&client, &sent);
    deliver(&client, &sent, 1, false, false);
    ping(&client);
    leave(&client);
}

static void retained(void)
{
    const struct mqtt_connect connect = credentials("", PASSWORD);
    struct mqtt_publish sent = message(1, 9, "kept/x", bytes_from("for later"));
    struct client client;

    sent.retain = true;
    enter(&client, &connect, false);
    publish(&client, &sent);
    subscribe_to_one(&client, "kept/#", 2);
    deliver(&client, &sent, 1, true, false);
    sent.payload.length = 0; /* [MQTT-3.3.1-10] */
    publish(&client, &sent);
    deliver(&client, &sent, 1, false, false);
    subscribe_to_one(&client, "kept/+", 2);
    ping(&client);
    leave(&client);
}

/* The will of a client that is gone without a DISCONNECT, and not of one that takes its leave. */
static void will(void)
{
    const struct mqtt_connect heir = credentials("heir", PASSWORD);
    struct mqtt_connect owner = credentials("owner", PASSWORD);
    struct mqtt_publish sent;
    struct client client;
    struct client other;
    uint8_t qos;

    enter(&client, &heir, false);
    subscribe_to_one(&client, "διαθήκη/+", 2);
    owner.has_will = true;
    owner.will.topic = mqtt_string_from("διαθήκη/1");
    owner.will.message = bytes_from("gone without a word");
    for (qos = 0; qos < 3; qos++) {
        owner.will.qos = qos;
        owner.will.retain = qos == 1;
        enter(&other, &owner, false);
        drop(&other);
        sent = message(qos, 1, "διαθήκη/1", owner.will.message);
        deliver(&client, &sent, qos, false, false);
    }
    enter(&other, &owner, false);
    leave(&other);
    ping(&client);

    /* The second will was to be retained. */
    sent.qos = 1;
    subscribe_to_one(&client, "διαθήκη/1", 2);
    deliver(&client, &sent, 1, true, false);
    leave(&client);
}

/* What waits for a client that keeps its session, and comes again until it is acknowledged. */
static void kept_session(void)
{
    const struct mqtt_connect sender = credentials("sender", PASSWORD);
    struct mqtt_connect connect = credentials("keeper", PASSWORD);
    struct mqtt_publish sent = message(1, 77, "post/1", bytes_from("a letter"));
    const struct mqtt_publish *delivered;
    uint16_t packet_id;
    struct client client;
    struct client other;

    connect.clean_session = false;
    enter(&client, &connect, false);
    subscribe_to_one(&client, "post/#", 1);
    leave(&client);
    enter(&other, &sender, false);
    publish(&other, &sent);
    leave(&other);

    enter(&client, &connect, true);
    delivered = &take(&client, MQTT_PUBLISH)->as.publish;
    check_delivered(delivered, &sent, 1);
    check(!delivered->dup, "DUP is not set in the first delivery [MQTT-3.3.1-3]");
    packet_id = delivered->packet_id;
    drop(&client);

    enter(&client, &connect, true);
    deliver(&client, &sent, 1, false, true);
    check(client.held[client.count - 1].packet.as.publish.packet_id == packet_id,
          "a message comes again with its packet id [MQTT-4.4.0-1]");
    ping(&client);
    leave(&client);

    connect.clean_session = true;
    enter(&client, &connect, false);
    leave(&client);
}

/* A PUBLISH of QoS 2 that is sent again, marked by mqtt_publish_set_dup, is delivered once. */
static void exactly_once(void)
{
    const struct mqtt_connect connect = credentials("once", PASSWORD);
    const struct mqtt_publish sent = message(2, 4660, "once/x", bytes_from("exactly"));
    uint8_t bytes[64];
    int32_t size;
    struct client client;

    enter(&client, &connect, false);
    subscribe_to_one(&client, "once/x", 2);
    size = mqtt_encode_publish(bytes, sizeof bytes, &sent);
    check(size > 0, "the PUBLISH is encoded");
    stream_send_bytes(&client.stream, bytes, (size_t)size);
    take_ack(&client, MQTT_PUBREC, sent.packet_id);
    check(mqtt_publish_set_dup(bytes, sizeof bytes, true) > 0, "DUP is set");
    stream_send_bytes(&client.stream, bytes, (size_t)size);
    take_ack(&client, MQTT_PUBREC, sent.packet_id);
    send_ack(&client, MQTT_PUBREL, sent.packet_id);
    take_ack(&client, MQTT_PUBCOMP, sent.packet_id);
    deliver(&client, &sent, 2, false, false);
    ping(&client); /* nothing is left: [MQTT-4.3.3-2] */
    leave(&client);
}

static void refused_subscription(unsigned long restricted_port)
{
    static const char *const filters[] = {"public/news", "private/diary", "public/+", "private/#"};
    static const uint8_t codes[] = {2, MQTT_SUBACK_CODE_FAILURE, 1, MQTT_SUBACK_CODE_FAILURE};
    static const uint8_t qos[] = {2, 2, 1, 0};
    struct mqtt_subscription subscriptions[4];
    struct mqtt_connect connect;
    struct client client;
    unsigned i;

    for (i = 0; i < 4; i++) {
        subscriptions[i].filter = mqtt_string_from(filters[i]);
        subscriptions[i].qos = qos[i];
    }
    memset(&connect, 0, sizeof connect);
    connect.clean_session = true;
    check(open_client(&client, restricted_port, &connect).return_code == MQTT_CONNACK_CODE_ACCEPTED,
          "everyone is let in");
    subscribe(&client, 128, subscriptions, codes, 4);
    ping(&client);
    leave(&client);
}

static unsigned long port_of(const char *text)
{
    const unsigned long value = strtoul(text, NULL, 10);

    if (value == 0 || value > 65535)
        die("%s is no port", text);
    return value;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        die("usage: broker_session PORT RESTRICTED_PORT");
    port = port_of(argv[1]);
    stream_limit_time(60);
    puts("wrong password");
    wrong_password();
    puts("messages");
    messages();
    puts("retained");
    retained();
    puts("will");
    will();
    puts("kept session");
    kept_session();
    puts("exactly once");
    exactly_once();
    puts("refused subscription");
    refused_subscription(port_of(argv[2]));
    puts("done");
    return 0;
}
