/* The encoders of the packet types, each called by its own name, as an application does. */
#ifndef TESTS_ENCODE_BY_TYPE_H
#define TESTS_ENCODE_BY_TYPE_H

#include "mqtt_codec.h"

/* As mqtt_encode, which it calls only for what no encoder of a type takes: the list that a decoder has
 * found, and a reserved type. */
static inline int32_t encode_by_type(void *buffer, size_t capacity,
                                     const struct mqtt_packet *packet)
{
    switch (packet->type) {
    case MQTT_CONNECT:
        return mqtt_encode_connect(buffer, capacity, &packet->as.connect);
    case MQTT_CONNACK:
        return mqtt_encode_connack(buffer, capacity, &packet->as.connack);
    case MQTT_PUBLISH:
        return mqtt_encode_publish(buffer, capacity, &packet->as.publish);
    case MQTT_PUBACK:
        return mqtt_encode_puback(buffer, capacity, packet->as.ack.packet_id);
    case MQTT_PUBREC:
        return mqtt_encode_pubrec(buffer, capacity, packet->as.ack.packet_id);
    case MQTT_PUBREL:
        return mqtt_encode_pubrel(buffer, capacity, packet->as.ack.packet_id);
    case MQTT_PUBCOMP:
        return mqtt_encode_pubcomp(buffer, capacity, packet->as.ack.packet_id);
    case MQTT_SUBSCRIBE:
        if (packet->as.subscribe.subscriptions != NULL)
            return mqtt_encode_subscribe(buffer, capacity, &packet->as.subscribe);
        break;
    case MQTT_SUBACK:
        return mqtt_encode_suback(buffer, capacity, &packet->as.suback);
    case MQTT_UNSUBSCRIBE:
        if (packet->as.unsubscribe.filters != NULL)
            return mqtt_encode_unsubscribe(buffer, capacity, &packet->as.unsubscribe);
        break;
    case MQTT_UNSUBACK:
        return mqtt_encode_unsuback(buffer, capacity, packet->as.ack.packet_id);
    case MQTT_PINGREQ:
        return mqtt_encode_pingreq(buffer, capacity);
    case MQTT_PINGRESP:
        return mqtt_encode_pingresp(buffer, capacity);
    case MQTT_DISCONNECT:
        return mqtt_encode_disconnect(buffer, capacity);
    default:
        break;
    }
    return mqtt_encode(buffer, capacity, packet);
}

/* The same of MQTT 5.0. */
static inline int32_t v5_encode_by_type(void *buffer, size_t capacity,
                                        const struct mqtt_v5_packet *packet)
{
    switch (packet->type) {
    case MQTT_V5_CONNECT:
        return mqtt_v5_encode_connect(buffer, capacity, &packet->as.connect);
    case MQTT_V5_CONNACK:
        return mqtt_v5_encode_connack(buffer, capacity, &packet->as.connack);
    case MQTT_V5_PUBLISH:
        return mqtt_v5_encode_publish(buffer, capacity, &packet->as.publish);
    case MQTT_V5_PUBACK:
        return mqtt_v5_encode_puback(buffer, capacity, &packet->as.ack);
    case MQTT_V5_PUBREC:
        return mqtt_v5_encode_pubrec(buffer, capacity, &packet->as.ack);
    case MQTT_V5_PUBREL:
        return mqtt_v5_encode_pubrel(buffer, capacity, &packet->as.ack);
    case MQTT_V5_PUBCOMP:
        return mqtt_v5_encode_pubcomp(buffer, capacity, &packet->as.ack);
    case MQTT_V5_SUBSCRIBE:
        if (packet->as.subscribe.subscriptions != NULL)
            return mqtt_v5_encode_subscribe(buffer, capacity, &packet->as.subscribe);
        break;
    case MQTT_V5_SUBACK:
        return mqtt_v5_encode_suback(buffer, capacity, &packet->as.suback);
    case MQTT_V5_UNSUBSCRIBE:
        if (packet->as.unsubscribe.filters != NULL)
            return mqtt_v5_encode_unsubscribe(buffer, capacity, &packet->as.unsubscribe);
        break;
    case MQTT_V5_UNSUBACK:
        return mqtt_v5_encode_unsuback(buffer, capacity, &packet->as.unsuback);
    case MQTT_V5_PINGREQ:
        return mqtt_encode_pingreq(buffer, capacity);
    case MQTT_V5_PINGRESP:
        return mqtt_encode_pingresp(buffer, capacity);
    case MQTT_V5_DISCONNECT:
        return mqtt_v5_encode_disconnect(buffer, capacity, &packet->as.disconnect);
    case MQTT_V5_AUTH:
        return mqtt_v5_encode_auth(buffer, capacity, &packet->as.auth);
    default:
        break;
    }
    return mqtt_v5_encode(buffer, capacity, packet);
}

#endif
