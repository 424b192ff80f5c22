/* Callers as a compiler sees them that has inlined the codec: arrays shorter than what a packet can
 * be, buffers and packets that nobody else sets. None of it is worth a warning. */
#include "mqtt_codec.h"

#include <stdio.h>

static uint8_t one[1] = {0xC0};
static uint8_t two[2] = {0xC0, 0};

static int32_t decode(void)
{
    uint8_t three[3] = {0x30, 1, 0};
    uint8_t four[4] = {0x40, 2, 0, 1};
    uint8_t five[5] = {0x30, 3, 0, 1, 'a'};
    struct mqtt_packet packet;
    struct mqtt_publish publish;
    struct mqtt_fixed_header header;
    uint32_t value;

    return mqtt_decode(&packet, one, sizeof one) + mqtt_decode(&packet, two, sizeof two) +
           mqtt_decode(&packet, three, sizeof three) + mqtt_decode(&packet, four, sizeof four) +
           mqtt_decode(&packet, five, sizeof five) +
           mqtt_decode_from_client(&packet, two, sizeof two) +
           mqtt_decode_from_server(&packet, four, sizeof four) +
           mqtt_decode_publish_header(&publish, three, sizeof three) +
           mqtt_decode_publish_header(&publish, five, sizeof five) +
           mqtt_decode_fixed_header(&header, one, sizeof one) +
           mqtt_decode_remaining_length(&value, one, sizeof one) +
           mqtt_publish_set_dup(three, sizeof three, true) +
           mqtt_publish_set_retain(five, sizeof five, true) +
           mqtt_publish_set_packet_id(five, sizeof five, 1);
}

static int32_t encode(void)
{
    uint8_t four[4];
    char text[3] = "a/";
    struct mqtt_publish publish = {0};
    struct mqtt_connack connack = {0};

    publish.topic.data = text;
    publish.topic.length = 2;
    return mqtt_encode_pingreq(one, sizeof one) + mqtt_encode_pingreq(two, sizeof two) +
           mqtt_encode_puback(two, sizeof two, 1) + mqtt_encode_puback(four, sizeof four, 1) +
           mqtt_encode_connack(two, sizeof two, &connack) +
           mqtt_encode_publish(four, sizeof four, &publish) +
           mqtt_encode_publish_header(two, sizeof two, &publish) +
           mqtt_encode_remaining_length(one, sizeof one, 500);
}

static int judge(void)
{
    char text[3] = "a/";
    struct mqtt_string filter;

    filter.data = text;
    filter.length = 2;
    return mqtt_topic_filter_is_valid(filter) + mqtt_string_has_discouraged(filter) +
           mqtt_topic_matches(filter, mqtt_string_from("a")) +
           mqtt_string_equals(filter, mqtt_string_from("a")) +
           mqtt_topic_name_is_valid(mqtt_string_from("ab/c")) +
           mqtt_string_is_valid(mqtt_string_from(text));
}

/* Each encodes, decodes what that gave, and uses a field of it. */
static int32_t round_of_connect(void)
{
    uint8_t buffer[64];
    struct mqtt_connect connect = {0};
    struct mqtt_packet packet;
    int32_t n;

    connect.client_id = mqtt_string_from("c");
    connect.has_user_name = true;
    connect.user_name = mqtt_string_from("u");
    n = mqtt_encode_connect(buffer, sizeof buffer, &connect);
    if (n > 0)
        n = mqtt_decode_from_client(&packet, buffer, (size_t)n);
    return n > 0 && packet.as.connect.has_user_name ? (int32_t)packet.as.connect.user_name.length
                                                    : n;
}

static int32_t round_of_publish(uint16_t packet_id)
{
    uint8_t buffer[64];
    struct mqtt_publish publish = {0};
    struct mqtt_publish received;
    int32_t n;

    publish.topic = mqtt_string_from("a");
    publish.qos = 1;
    publish.packet_id = packet_id;
    n = mqtt_encode_publish(buffer, sizeof buffer, &publish);
    if (n > 0)
        n = mqtt_decode_publish_header(&received, buffer, (size_t)n);
    return n > 0 ? received.packet_id + (int32_t)received.topic.length : n;
}

static int32_t round_of_subscribe(uint16_t packet_id)
{
    uint8_t buffer[64];
    struct mqtt_subscription wanted[2] = {{{"a", 1}, 1}, {{"#", 1}, 2}};
    struct mqtt_subscribe subscribe = {0};
    struct mqtt_subscription subscription;
    struct mqtt_packet packet;
    size_t position = 0;
    int32_t n;

    subscribe.subscriptions = wanted;
    subscribe.count = 2;
    subscribe.packet_id = packet_id;
    n = mqtt_encode_subscribe(buffer, sizeof buffer, &subscribe);
    if (n > 0)
        n = mqtt_decode(&packet, buffer, (size_t)n);
    while (n > 0 && mqtt_next_subscription(&packet.as.subscribe, &position, &subscription))
        n += subscription.qos;
    return n;
}

static int32_t round_of_suback(uint16_t packet_id)
{
    uint8_t buffer[16];
    uint8_t codes[4];
    struct mqtt_suback suback = {0};
    struct mqtt_packet packet;
    int32_t n;

    codes[0] = 1;
    suback.return_codes = codes;
    suback.count = 1;
    suback.packet_id = packet_id;
    n = mqtt_encode_suback(buffer, sizeof buffer, &suback);
    if (n > 0)
        n = mqtt_decode_from_server(&packet, buffer, (size_t)n);
    return n > 0 ? packet.as.suback.return_codes[0] : n;
}

static int32_t round_of_unsubscribe(uint16_t packet_id)
{
    uint8_t buffer[16];
    struct mqtt_string filter = mqtt_string_from("a");
    struct mqtt_unsubscribe unsubscribe = {0};
    struct mqtt_packet packet;
    size_t position = 0;
    int32_t n;

    unsubscribe.filters = &filter;
    unsubscribe.count = 1;
    unsubscribe.packet_id = packet_id;
    n = mqtt_encode_unsubscribe(buffer, sizeof buffer, &unsubscribe);
    if (n > 0)
        n = mqtt_decode_from_client(&packet, buffer, (size_t)n);
    if (n > 0 && mqtt_next_filter(&packet.as.unsubscribe, &position, &filter))
        n += (int32_t)filter.length;
    return n;
}

static int32_t round_of_ack(uint16_t packet_id)
{
    uint8_t buffer[4];
    struct mqtt_packet packet;
    int32_t n = mqtt_encode_puback(buffer, sizeof buffer, packet_id);

    if (n > 0)
        n = mqtt_decode_from_server(&packet, buffer, (size_t)n);
    if (n > 0)
        n = mqtt_encode(buffer, sizeof buffer, &packet);
    return n > 0 ? packet.as.ack.packet_id + buffer[0] : n;
}

static int32_t round_of_connack(bool session_present)
{
    uint8_t buffer[4];
    struct mqtt_connack connack;
    struct mqtt_packet packet;
    int32_t n;

    connack.session_present = session_present;
    connack.return_code = 0;
    n = mqtt_encode_connack(buffer, sizeof buffer, &connack);
    if (n > 0)
        n = mqtt_decode_from_server(&packet, buffer, (size_t)n);
    return n > 0 ? packet.as.connack.return_code : n;
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
