/* broker_session_v5 PORT RESTRICTED_PORT: clients of MQTT 5.0 of a broker on 127.0.0.1, which knows one
 * user on the first port, and on the second lets everyone in but refuses subscriptions to private/#.
 * Their packets come from our encoders. What the broker sends goes through mqtt_v5_decode_from_server
 * and is compared with what was sent to it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

#define USER            "μαρία"
#define PASSWORD        "κωδικός"
#define USER_PROPERTIES 12 /* more than ten */
#define MUST(condition) must(condition, #condition, __LINE__)

struct client {
    struct stream stream;
    struct mqtt_v5_packet packet; /* the last one */
};

static unsigned long port;

static void must(bool holds, const char *what, int line)
{
    if (!holds)
        die("line %d: not so: %s", line, what);
}

static bool is_text(struct mqtt_string string, const char *text)
{
    return mqtt_string_equals(string, mqtt_string_from(text));
}

static struct mqtt_v5_packet packet_of(enum mqtt_v5_packet_type type)
{
    struct mqtt_v5_packet packet;

    memset(&packet, 0, sizeof packet);
    packet.type = type;
    return packet;
}

static struct mqtt_v5_property number(enum mqtt_v5_property_id id, uint32_t value)
{
    struct mqtt_v5_property property;

    memset(&property, 0, sizeof property);
    property.id = (uint8_t)id;
    property.as.number = value;
    return property;
}

static struct mqtt_v5_property text(enum mqtt_v5_property_id id, const char *value)
{
    struct mqtt_v5_property property;

    memset(&property, 0, sizeof property);
    property.id = (uint8_t)id;
    property.as.string = mqtt_string_from(value);
    return property;
}

/* ---- A connection ------------------------------------------------------------------------------ */

/* The next packet, which has to be of this type. It can be encoded again. */
static const struct mqtt_v5_packet *take(struct client *client, enum mqtt_v5_packet_type type)
{
    const uint8_t *bytes;
    const size_t size = stream_receive(&client->stream, &client->packet, &bytes);

    MUST(size > 0);
    printf("    received %s, %lu bytes\n", mqtt_v5_packet_type_name(client->packet.type),
           (unsigned long)size);
    MUST(client->packet.type == type);
    MUST(mqtt_v5_encode(NULL, 0, &client->packet) > 0);
    return &client->packet;
}

/* Returns the CONNACK, which has this reason code. */
static const struct mqtt_v5_connack *try_client(struct client *client, unsigned long to,
                                                const struct mqtt_v5_packet *hello,
                                                uint8_t reason_code)
{
    memset(client, 0, sizeof *client);
    stream_connect(&client->stream, true, to);
    stream_send(&client->stream, hello);
    MUST(take(client, MQTT_V5_CONNACK)->as.connack.reason_code == reason_code);
    return &client->packet.as.connack;
}

static const struct mqtt_v5_connack *open_client(struct client *client,
                                                 const struct mqtt_v5_packet *hello)
{
    return try_client(client, port, hello, MQTT_V5_REASON_SUCCESS);
}

static void close_client(struct client *client, uint8_t reason_code)
{
    struct mqtt_v5_packet packet = packet_of(MQTT_V5_DISCONNECT);

    packet.as.disconnect.reason_code = reason_code;
    stream_send(&client->stream, &packet);
    stream_close(&client->stream);
}

/* The broker answers with this reason code. */
static void subscribe(struct client *client, const char *filter, uint32_t identifier,
                      uint8_t reason_code)
{
    struct mqtt_v5_subscription wanted = {mqtt_string_from(filter), 2, false, true, 0};
    struct mqtt_v5_property property = number(MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIER, identifier);
    struct mqtt_v5_packet packet = packet_of(MQTT_V5_SUBSCRIBE);

    packet.as.subscribe.packet_id = 77;
    packet.as.subscribe.subscriptions = &wanted;
    packet.as.subscribe.count = 1;
    packet.as.subscribe.properties.list = &property;
    packet.as.subscribe.properties.count = 1;
    stream_send(&client->stream, &packet);
    MUST(take(client, MQTT_V5_SUBACK)->as.suback.packet_id == 77);
    MUST(client->packet.as.suback.count == 1);
    MUST(client->packet.as.suback.reason_codes[0] == reason_code);
}

static uint32_t identifier_of(const struct mqtt_v5_publish *publish)
{
    struct mqtt_v5_property property = number(MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIER, 0);

    mqtt_v5_find_property(&publish->properties, MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIER,
                          &property);
    return property.as.number;
}

static void answer(struct client *client, enum mqtt_v5_packet_type type, uint16_t packet_id)
{
    struct mqtt_v5_packet packet = packet_of(type);

    packet.as.ack.packet_id = packet_id;
    stream_send(&client->stream, &packet);
}

/* Whether it is a sender's property. Only the expiry interval may have become less [MQTT-3.3.2-6]. */
static bool is_one_of(const struct mqtt_v5_property *list, size_t count,
                      const struct mqtt_v5_property *received)
{
    const uint32_t seconds_gone = 60;
    uint8_t bytes[64];
    uint8_t again[64];
    const int32_t size = mqtt_v5_encode_property(again, sizeof again, received);
    size_t i;

    for (i = 0; i < count; i++) {
        if (list[i].id != received->id)
            continue;
        if (received->id == MQTT_V5_PROPERTY_MESSAGE_EXPIRY_INTERVAL)
            return list[i].as.number - received->as.number <= seconds_gone;
        return size > 0 && mqtt_v5_encode_property(bytes, sizeof bytes, &list[i]) == size &&
               memcmp(bytes, again, (size_t)size) == 0;
    }
    return false;
}

/* ---- What is tried ------------------------------------------------------------------------------ */

/* All properties of a message come back as they were sent, in their order. */
static void forward_every_property(struct client *sender, struct client *client)
{
    struct mqtt_v5_property sent[5 + USER_PROPERTIES];
    struct mqtt_v5_property received;
    struct mqtt_v5_packet packet = packet_of(MQTT_V5_PUBLISH);
    struct mqtt_v5_publish *const publish = &packet.as.publish;
    const struct mqtt_v5_publish *const got = &client->packet.as.publish;
    size_t position = 0;
    size_t pairs = 0;
    size_t others = 0;
    size_t i;
    uint16_t packet_id;

    sent[0] = number(MQTT_V5_PROPERTY_PAYLOAD_FORMAT_INDICATOR, 1);
    sent[1] = number(MQTT_V5_PROPERTY_MESSAGE_EXPIRY_INTERVAL, 1000);
    sent[2] = text(MQTT_V5_PROPERTY_CONTENT_TYPE, "text/plain");
    sent[3] = text(MQTT_V5_PROPERTY_RESPONSE_TOPIC, "v5/answers");
    sent[4] = number(MQTT_V5_PROPERTY_CORRELATION_DATA, 0);
    sent[4].as.bytes = mqtt_bytes_from("\0\1\2", 3);
    for (i = 0; i < USER_PROPERTIES; i++) {
        static const char *const names[] = {"a", "b", "a"};
        static const char letters[] = "abcdefghijklmnop";
        memset(&sent[5 + i], 0, sizeof sent[0]);
        sent[5 + i].id = MQTT_V5_PROPERTY_USER_PROPERTY;
        sent[5 + i].as.pair.name = mqtt_string_from(names[i % 3]);
        sent[5 + i].as.pair.value.data = &letters[i];
        sent[5 + i].as.pair.value.length = i % 4;
    }
    publish->qos = 2;
    publish->packet_id = 5;
    publish->topic = mqtt_string_from("v5/Küche");
    publish->payload = mqtt_bytes_from("21.5", 4);
    publish->properties.list = sent;
    publish->properties.count = 5 + USER_PROPERTIES;
    stream_send(&sender->stream, &packet);
    MUST(take(sender, MQTT_V5_PUBREC)->as.ack.packet_id == 5);
    MUST(sender->packet.as.ack.reason_code == MQTT_V5_REASON_SUCCESS);
    answer(sender, MQTT_V5_PUBREL, 5);
    MUST(take(sender, MQTT_V5_PUBCOMP)->as.ack.packet_id == 5);
    take(client, MQTT_V5_PUBLISH);
    MUST(is_text(got->topic, "v5/Küche") && got->payload.length == 4 && got->qos == 2);
    MUST(identifier_of(got) == 7);
    while (mqtt_v5_next_property(&got->properties, &position, &received)) {
        if (received.id == MQTT_V5_PROPERTY_USER_PROPERTY) {
            const struct mqtt_v5_pair *const pair = &sent[5 + pairs++].as.pair;
            MUST(mqtt_string_equals(received.as.pair.name, pair->name));
            MUST(mqtt_string_equals(received.as.pair.value, pair->value));
        } else if (received.id != MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIER) {
            MUST(is_one_of(sent, 5, &received));
            others++;
        }
    }
    MUST(pairs == USER_PROPERTIES && others == 5);
    packet_id = got->packet_id;
    answer(client, MQTT_V5_PUBREC, packet_id);
    MUST(take(client, MQTT_V5_PUBREL)->as.ack.packet_id == packet_id);
    answer(client, MQTT_V5_PUBCOMP, packet_id);
}

/* The second message has no topic, and still comes back with it. */
static void stand_in_by_an_alias(struct client *sender, struct client *client)
{
    struct mqtt_v5_property alias = number(MQTT_V5_PROPERTY_TOPIC_ALIAS, 3);
    struct mqtt_v5_packet packet = packet_of(MQTT_V5_PUBLISH);
    int i;

    packet.as.publish.topic = mqtt_string_from("v5/alias");
    packet.as.publish.properties.list = &alias;
    packet.as.publish.properties.count = 1;
    for (i = 0; i < 2; i++) {
        stream_send(&sender->stream, &packet);
        MUST(is_text(take(client, MQTT_V5_PUBLISH)->as.publish.topic, "v5/alias"));
        MUST(identifier_of(&client->packet.as.publish) == 7);
        packet.as.publish.topic.length = 0;
    }
}

static void unsubscribe_twice(struct client *client)
{
    const struct mqtt_string filter = mqtt_string_from("v5/#");
    struct mqtt_v5_packet packet = packet_of(MQTT_V5_UNSUBSCRIBE);

    packet.as.unsubscribe.packet_id = 9;
    packet.as.unsubscribe.filters = &filter;
    packet.as.unsubscribe.count = 1;
    stream_send(&client->stream, &packet);
    MUST(take(client, MQTT_V5_UNSUBACK)->as.unsuback.reason_codes[0] == MQTT_V5_REASON_SUCCESS);
    stream_send(&client->stream, &packet);
    MUST(take(client, MQTT_V5_UNSUBACK)->as.unsuback.reason_codes[0] ==
         MQTT_V5_REASON_NO_SUBSCRIPTION_EXISTED);
}

/* A client asks for its will when it goes; another has a shared subscription to it. */
static void leave_a_will(const struct mqtt_v5_packet *plain)
{
    static struct client heir;
    static struct client other;
    struct mqtt_v5_packet connect = *plain;
    struct mqtt_v5_will *const will = &connect.as.connect.will;
    struct mqtt_v5_property properties[2];
    struct mqtt_v5_property received;

    open_client(&heir, plain);
    subscribe(&heir, "$share/heirs/wills/+", 8, MQTT_V5_REASON_GRANTED_QOS_2);
    properties[0] = number(MQTT_V5_PROPERTY_WILL_DELAY_INTERVAL, 0);
    properties[1] = text(MQTT_V5_PROPERTY_CONTENT_TYPE, "will");
    connect.as.connect.has_will = true;
    will->topic = mqtt_string_from("wills/one");
    will->payload = mqtt_bytes_from("gone", 4);
    will->properties.list = properties;
    will->properties.count = 2;
    open_client(&other, &connect);
    close_client(&other, MQTT_V5_REASON_DISCONNECT_WITH_WILL_MESSAGE);
    MUST(is_text(take(&heir, MQTT_V5_PUBLISH)->as.publish.topic, "wills/one"));
    MUST(identifier_of(&heir.packet.as.publish) == 8);
    MUST(mqtt_v5_find_property(&heir.packet.as.publish.properties, MQTT_V5_PROPERTY_CONTENT_TYPE,
                               &received));
    MUST(is_text(received.as.string, "will"));
    close_client(&heir, MQTT_V5_REASON_NORMAL_DISCONNECTION);
}

/* A topic alias of 0 is 0x94 [3.3.2.3.4]; mosquitto 2.0 says 0x81. */
static void break_a_rule(const struct mqtt_v5_packet *plain)
{
    static const uint8_t alias_0[] = {0x30, 7, 0, 1, 'a', 3, 0x23, 0, 0};
    static struct client client;
    struct mqtt_v5_packet packet;
    const int32_t status = mqtt_v5_decode_from_client(&packet, alias_0, sizeof alias_0);
    uint8_t code;

    MUST(mqtt_v5_reason_code_for(status) == MQTT_V5_REASON_TOPIC_ALIAS_INVALID);
    open_client(&client, plain);
    stream_send_bytes(&client.stream, alias_0, sizeof alias_0);
    code = take(&client, MQTT_V5_DISCONNECT)->as.disconnect.reason_code;
    MUST(code == MQTT_V5_REASON_TOPIC_ALIAS_INVALID || code == MQTT_V5_REASON_MALFORMED_PACKET);
    stream_close(&client.stream);
}

/* Here a server has several reason codes where it had one return code. */
static void be_refused(const struct mqtt_v5_packet *plain, unsigned long restricted_port)
{
    struct mqtt_v5_packet connect = *plain;
    static struct client client;

    connect.as.connect.password = mqtt_bytes_from("wrong", 5);
    try_client(&client, port, &connect, MQTT_V5_REASON_NOT_AUTHORIZED);
    stream_close(&client.stream);
    connect.as.connect.has_user_name = false;
    connect.as.connect.has_password = false;
    try_client(&client, restricted_port, &connect, MQTT_V5_REASON_SUCCESS);
    subscribe(&client, "private/#", 9, MQTT_V5_REASON_NOT_AUTHORIZED);
    subscribe(&client, "public/#", 9, MQTT_V5_REASON_GRANTED_QOS_2);
    close_client(&client, MQTT_V5_REASON_NORMAL_DISCONNECTION);
}

int main(int argc, char **argv)
{
    static struct client client;
    static struct client sender;
    struct mqtt_v5_property properties[3];
    struct mqtt_v5_property assigned;
    struct mqtt_v5_packet connect = packet_of(MQTT_V5_CONNECT);

    if (argc != 3)
        die("usage: broker_session_v5 PORT RESTRICTED_PORT");
    port = strtoul(argv[1], NULL, 10);
    stream_limit_time(60);
    properties[0] = number(MQTT_V5_PROPERTY_SESSION_EXPIRY_INTERVAL, 60);
    properties[1] = number(MQTT_V5_PROPERTY_RECEIVE_MAXIMUM, 10);
    properties[2] = number(MQTT_V5_PROPERTY_MAXIMUM_PACKET_SIZE, 4000);
    connect.as.connect.clean_start = true;
    connect.as.connect.keep_alive = 30;
    connect.as.connect.has_user_name = true;
    connect.as.connect.has_password = true;
    connect.as.connect.user_name = mqtt_string_from(USER);
    connect.as.connect.password = mqtt_bytes_from(PASSWORD, strlen(PASSWORD));
    connect.as.connect.properties.list = properties;
    connect.as.connect.properties.count = 3;
    MUST(mqtt_v5_find_property(&open_client(&client, &connect)->properties,
                               MQTT_V5_PROPERTY_ASSIGNED_CLIENT_IDENTIFIER, &assigned));
    MUST(assigned.as.string.length > 0);
    subscribe(&client, "v5/#", 7, MQTT_V5_REASON_GRANTED_QOS_2);
    open_client(&sender, &connect);
    forward_every_property(&sender, &client);
    stand_in_by_an_alias(&sender, &client);
    close_client(&sender, MQTT_V5_REASON_NORMAL_DISCONNECTION);
    unsubscribe_twice(&client);
    close_client(&client, MQTT_V5_REASON_NORMAL_DISCONNECTION);
    leave_a_will(&connect);
    break_a_rule(&connect);
    be_refused(&connect, strtoul(argv[2], NULL, 10));
    printf("all as the standard says\n");
    return 0;
}
