/* What is measured of MQTT 5.0 beside single packets: a stream, and lists of properties.
 *
 * It is not in works.c, because there it would change the counts: a function with more callers is
 * inlined at fewer places. */
#include "works_v5.h"

#define ALIGNED __attribute__((aligned(64)))

struct mqtt_v5_packet v5_stream[STREAM];
uint8_t v5_stream_bytes[STREAM * 256] ALIGNED;
size_t v5_stream_length;
size_t v5_stream_lengths[STREAM];

/* As that of 3.1.1: 80 PUBLISH, 15 PUBACK, 3 SUBACK and 2 CONNACK. Of the PUBLISH, 20 have a topic
 * alias for their topic and 20 three properties; of the PUBACK, 5 have a reason code. */
static struct mqtt_v5_packet packet_at(size_t place)
{
    struct mqtt_v5_packet packet = {0};

    if (place < 80) {
        packet.type = MQTT_V5_PUBLISH;
        packet.as.publish = place < 40   ? v5_publish
                            : place < 60 ? v5_publish_alias
                                         : v5_publish_list;
    } else if (place < 95) {
        packet.type = MQTT_V5_PUBACK;
        packet.as.ack = place < 90 ? v5_puback : v5_puback_reason;
    } else if (place < 98) {
        packet.type = MQTT_V5_SUBACK;
        packet.as.suback.packet_id = suback.packet_id;
        packet.as.suback.reason_codes = suback.return_codes;
        packet.as.suback.count = suback.count;
    } else {
        packet.type = MQTT_V5_CONNACK;
        packet.as.connack.session_present = connack.session_present;
    }
    return packet;
}

void v5_fill_stream(void)
{
    size_t i;

    for (i = 0; i < STREAM; i++) {
        v5_stream[i] = packet_at(i * 37 % STREAM);
        v5_stream_lengths[i] =
            size_of(mqtt_v5_encode(v5_stream_bytes + v5_stream_length,
                                   sizeof v5_stream_bytes - v5_stream_length, &v5_stream[i]));
        v5_stream_length += v5_stream_lengths[i];
    }
}

int32_t v5_decode_stream(void)
{
    size_t used = 0;
    int32_t n;

    while ((n = mqtt_v5_decode(v5_decoded, v5_stream_bytes + used, v5_stream_length - used)) > 0)
        used += (size_t)n;
    return (int32_t)used;
}

int32_t v5_encode_stream(void)
{
    size_t used = 0;
    size_t i;

    for (i = 0; i < STREAM; i++) {
        const int32_t n = mqtt_v5_encode(out + used, out_size - used, &v5_stream[i]);
        if (n < 0)
            return n;
        used += (size_t)n;
    }
    return (int32_t)used;
}

/* ---- Curves: a PUBLISH with user properties, to be sent, received, and forwarded -------------- */

struct mqtt_v5_property properties[PROPERTIES_MAX];
struct mqtt_v5_publish sent_publish;
struct mqtt_v5_publish received_publish;
struct mqtt_v5_property found_property;
size_t sent_length;

void prepare_properties(uint32_t units)
{
    size_t i;

    for (i = 0; i < units; i++)
        properties[i] = v5_list[2];
    sent_publish = v5_publish;
    sent_publish.properties.list = properties;
    sent_publish.properties.count = units;
    sent_length = size_of(mqtt_v5_encode_publish(grown, out_size, &sent_publish));
    MUST(mqtt_v5_decode(v5_decoded, grown, sent_length) > 0);
    received_publish = v5_decoded->as.publish;
    received_publish.properties.without = MQTT_V5_WITHOUT(MQTT_V5_PROPERTY_TOPIC_ALIAS);
}

int32_t v5_decode_properties(void)
{
    return mqtt_v5_decode(v5_decoded, grown, sent_length);
}

int32_t v5_encode_properties(void)
{
    return mqtt_v5_encode_publish(out, out_size, &sent_publish);
}

int32_t v5_forward_properties(void)
{
    return mqtt_v5_encode_publish(out, out_size, &received_publish);
}

int32_t v5_next_property(void)
{
    size_t position = 0;
    int32_t n = 0;

    while (mqtt_v5_next_property(&received_publish.properties, &position, &found_property))
        n++;
    return n;
}

int32_t v5_find_property_in_vain(void)
{
    return !mqtt_v5_find_property(&received_publish.properties, MQTT_V5_PROPERTY_CONTENT_TYPE,
                                  &found_property);
}
