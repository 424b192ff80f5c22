/* Callers of MQTT 5.0 as a compiler sees them that has inlined the codec, like callers.c. None of it is
 * worth a warning. */
#include "mqtt_codec.h"

#include <stdio.h>

static uint8_t one[1] = {0xC0};
static uint8_t two[2] = {0xC0, 0};

static int32_t decode(void)
{
    uint8_t three[3] = {0x30, 3, 0};
    uint8_t four[4] = {0x40, 2, 0, 1};
    uint8_t five[5] = {0x62, 3, 0, 1, 0};
    uint8_t six[6] = {0x30, 4, 0, 1, 'a', 0};
    struct mqtt_v5_packet packet;
    struct mqtt_v5_publish publish;
    struct mqtt_v5_fixed_header header;
    uint32_t value;
    uint8_t level;

    return mqtt_v5_decode(&packet, one, sizeof one) + mqtt_v5_decode(&packet, two, sizeof two) +
           mqtt_v5_decode(&packet, three, sizeof three) +
           mqtt_v5_decode(&packet, four, sizeof four) + mqtt_v5_decode(&packet, six, sizeof six) +
           mqtt_v5_decode_from_client(&packet, two, sizeof two) +
           mqtt_v5_decode_from_server(&packet, five, sizeof five) +
           mqtt_v5_decode_publish_header(&publish, three, sizeof three) +
           mqtt_v5_decode_publish_header(&publish, six, sizeof six) +
           mqtt_v5_decode_fixed_header(&header, one, sizeof one) +
           mqtt_v5_decode_integer(&value, one, sizeof one) +
           mqtt_decode_protocol_level(&level, two, sizeof two) +
           mqtt_v5_publish_set_dup(three, sizeof three, true) +
           mqtt_v5_publish_set_retain(six, sizeof six, true) +
           mqtt_v5_publish_set_packet_id(six, sizeof six, 1);
}

static int32_t encode(void)
{
    uint8_t four[4];
    struct mqtt_v5_publish publish = {0};
    struct mqtt_v5_ack ack = {0};
    struct mqtt_v5_disconnect disconnect = {0};
    struct mqtt_v5_property property = {0};

    publish.topic = mqtt_string_from("a/");
    ack.packet_id = 1;
    property.id = MQTT_V5_PROPERTY_MAXIMUM_PACKET_SIZE;
    property.as.number = 500;
    return mqtt_v5_encode_disconnect(one, sizeof one, &disconnect) +
           mqtt_v5_encode_auth(two, sizeof two, &disconnect) +
           mqtt_v5_encode_puback(two, sizeof two, &ack) +
           mqtt_v5_encode_puback(four, sizeof four, &ack) +
           mqtt_v5_encode_publish(four, sizeof four, &publish) +
           mqtt_v5_encode_publish_header(two, sizeof two, &publish) +
           mqtt_v5_encode_property(four, sizeof four, &property);
}

static int judge(void)
{
    struct mqtt_string filter = mqtt_string_from("$share/a/");
    struct mqtt_string name;
    const int is_shared = mqtt_v5_shared_filter(filter, &name, &filter);

    return is_shared + mqtt_v5_topic_filter_is_valid(filter) +
           mqtt_v5_payload_is_utf8(mqtt_bytes_from(name.data, name.length));
}

/* Each encodes, decodes what that gave, and uses a field of it. */
static int32_t round_of_connect(void)
{
    uint8_t buffer[64];
    struct mqtt_v5_connect connect = {0};
    struct mqtt_v5_property property = {0};
    struct mqtt_v5_packet packet;
    int32_t n;

    property.id = MQTT_V5_PROPERTY_AUTHENTICATION_METHOD;
    property.as.string = mqtt_string_from("m");
    connect.properties.list = &property;
    connect.properties.count = 1;
    connect.has_will = true;
    connect.will.topic = mqtt_string_from("t");
    n = mqtt_v5_encode_connect(buffer, sizeof buffer, &connect);
    if (n > 0)
        n = mqtt_v5_decode_from_client(&packet, buffer, (size_t)n);
    if (n > 0 && mqtt_v5_find_property(&packet.as.connect.properties,
                                       MQTT_V5_PROPERTY_AUTHENTICATION_METHOD, &property))
        n += (int32_t)property.as.string.length;
    return n;
}

static int32_t round_of_publish(uint16_t packet_id)
{
    uint8_t buffer[64];
    struct mqtt_v5_property properties[2] = {{0}, {0}};
    struct mqtt_v5_publish publish = {0};
    struct mqtt_v5_publish received;
    size_t position = 0;
    int32_t n;

    properties[0].id = MQTT_V5_PROPERTY_TOPIC_ALIAS;
    properties[0].as.number = packet_id;
    properties[1].id = MQTT_V5_PROPERTY_USER_PROPERTY;
    properties[1].as.pair.name = mqtt_string_from("n");
    publish.qos = 1;
    publish.packet_id = packet_id;
    publish.properties.list = properties;
    publish.properties.count = 2;
    n = mqtt_v5_encode_publish(buffer, sizeof buffer, &publish);
    if (n > 0)
        n = mqtt_v5_decode_publish_header(&received, buffer, (size_t)n);
    while (n > 0 && mqtt_v5_next_property(&received.properties, &position, properties))
        n += properties[0].id;
    return n;
}

static int32_t round_of_subscribe(uint16_t packet_id)
{
    uint8_t buffer[64];
    struct mqtt_v5_subscription wanted[2] = {{{"a", 1}, 1, false, true, 0},
                                             {{"#", 1}, 2, true, false, 2}};
    struct mqtt_v5_subscribe subscribe = {0};
    struct mqtt_v5_subscription subscription;
    struct mqtt_v5_packet packet;
    size_t position = 0;
    int32_t n;

    subscribe.subscriptions = wanted;
    subscribe.count = 2;
    subscribe.packet_id = packet_id;
    n = mqtt_v5_encode_subscribe(buffer, sizeof buffer, &subscribe);
    if (n > 0)
        n = mqtt_v5_decode(&packet, buffer, (size_t)n);
    while (n > 0 && mqtt_v5_next_subscription(&packet.as.subscribe, &position, &subscription))
        n += subscription.retain_handling;
    return n;
}

static int32_t round_of_suback(uint16_t packet_id)
{
    uint8_t buffer[16];
    uint8_t codes[4];
    struct mqtt_v5_suback suback = {0};
    struct mqtt_v5_packet packet;
    int32_t n;

    codes[0] = 1;
    suback.reason_codes = codes;
    suback.count = 1;
    suback.packet_id = packet_id;
    n = mqtt_v5_encode_suback(buffer, sizeof buffer, &suback);
    if (n > 0)
        n = mqtt_v5_decode_from_server(&packet, buffer, (size_t)n);
    return n > 0 ? packet.as.suback.reason_codes[0] : n;
}

static int32_t round_of_unsubscribe(uint16_t packet_id)
{
    uint8_t buffer[16];
    struct mqtt_string filter = mqtt_string_from("a");
    struct mqtt_v5_unsubscribe unsubscribe = {0};
    struct mqtt_v5_packet packet;
    size_t position = 0;
    int32_t n;

    unsubscribe.filters = &filter;
    unsubscribe.count = 1;
    unsubscribe.packet_id = packet_id;
    n = mqtt_v5_encode_unsubscribe(buffer, sizeof buffer, &unsubscribe);
    if (n > 0)
        n = mqtt_v5_decode_from_client(&packet, buffer, (size_t)n);
    if (n > 0 && mqtt_v5_next_filter(&packet.as.unsubscribe, &position, &filter))
        n += (int32_t)filter.length;
    return n;
}

static int32_t round_of_ack(uint16_t packet_id)
{
    uint8_t buffer[5];
    struct mqtt_v5_ack ack = {0};
    struct mqtt_v5_packet packet;
    int32_t n;

    ack.packet_id = packet_id;
    n = mqtt_v5_encode_pubrel(buffer, sizeof buffer, &ack);
    if (n > 0)
        n = mqtt_v5_decode_from_server(&packet, buffer, (size_t)n);
    if (n > 0)
        n = mqtt_v5_encode(buffer, sizeof buffer, &packet);
    return n > 0 ? packet.as.ack.packet_id + buffer[0] : n;
}

static int32_t round_of_connack(bool session_present)
{
    uint8_t buffer[8];
    struct mqtt_v5_connack connack = {0};
    struct mqtt_v5_packet packet;
    int32_t n;

    connack.session_present = session_present;
    n = mqtt_v5_encode_connack(buffer, sizeof buffer, &connack);
    if (n > 0)
        n = mqtt_v5_decode_from_server(&packet, buffer, (size_t)n);
    return n > 0 ? packet.as.connack.reason_code : n;
}

int main(int argc, char **argv)
{
    const uint16_t id = (uint16_t)argc;

    (void)argv;
    printf("%d %d %d\n", (int)decode(), (int)encode(), judge());
    printf("%d %d %d %d %d %d %d\n", (int)round_of_connect(), (int)round_of_publish(id),
           (int)round_of_subscribe(id), (int)round_of_suback(id), (int)round_of_unsubscribe(id),
           (int)round_of_ack(id), (int)round_of_connack(argc == 1));
    return 0;
}
