#include "encode.h"

int32_t encode(void *buffer, size_t capacity, const struct mqtt_packet *packet)
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
        return mqtt_encode_subscribe(buffer, capacity, &packet->as.subscribe);
    case MQTT_SUBACK:
        return mqtt_encode_suback(buffer, capacity, &packet->as.suback);
    case MQTT_UNSUBSCRIBE:
        return mqtt_encode_unsubscribe(buffer, capacity, &packet->as.unsubscribe);
    case MQTT_UNSUBACK:
        return mqtt_encode_unsuback(buffer, capacity, packet->as.ack.packet_id);
    case MQTT_PINGREQ:
        return mqtt_encode_pingreq(buffer, capacity);
    case MQTT_PINGRESP:
        return mqtt_encode_pingresp(buffer, capacity);
    default:
        return mqtt_encode_disconnect(buffer, capacity);
    }
}
