/* A caller's arrays, shorter than what a packet can be: no compiler takes the codec's reads and
 * writes, once inlined, for reads and writes beyond them. */
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
           mqtt_topic_name_is_valid(mqtt_string_from("ab/c")) +
           mqtt_string_is_valid(mqtt_string_from(text));
}

int main(void)
{
    printf("%d %d %d\n", (int)decode(), (int)encode(), judge());
    return 0;
}
