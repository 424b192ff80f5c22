/* Writes a packet as it is told, right or wrong: no rule is checked, and what is given is what is
 * written. It knows the layouts of chapter 3 a second time, on purpose: mqtt_codec.h, which does
 * check, is compared with it, and refuses what it writes.
 *
 * What has no place on the wire is cut: a field to 65,535 bytes, a QoS in the flags to its two bits,
 * a type to its four. */
#if !defined(MQTT_WRITER_H)
#define MQTT_WRITER_H

#include "mqtt_codec.h"

#include <string.h>

/* Where the next byte goes; what does not fit is counted, but not written. */
struct mqtt_writer {
    uint8_t *buffer;
    size_t capacity;
    size_t length;
};

static inline void mqtt_write_u8(struct mqtt_writer *writer, unsigned value)
{
    if (writer->length < writer->capacity)
        writer->buffer[writer->length] = (uint8_t)value;
    writer->length++;
}

static inline void mqtt_write_u16(struct mqtt_writer *writer, unsigned value)
{
    mqtt_write_u8(writer, value / 256);
    mqtt_write_u8(writer, value % 256);
}

static inline void mqtt_write_raw(struct mqtt_writer *writer, const void *data, size_t length)
{
    if (length > 0 && writer->length < writer->capacity &&
        length <= writer->capacity - writer->length)
        memcpy(writer->buffer + writer->length, data, length);
    writer->length += length;
}

static inline void mqtt_write_field(struct mqtt_writer *writer, const void *data, size_t length)
{
    const size_t cut = length < 65535 ? length : 65535;

    mqtt_write_u16(writer, (unsigned)cut);
    mqtt_write_raw(writer, data, cut);
}

static inline void mqtt_write_string(struct mqtt_writer *writer, struct mqtt_string string)
{
    mqtt_write_field(writer, string.data, string.length);
}

/* In `digits` bytes, or as many as it takes, if that is more. */
static inline void mqtt_write_remaining_length(struct mqtt_writer *writer, size_t value,
                                               unsigned digits)
{
    while (value >= 128 || digits > 1) {
        mqtt_write_u8(writer, (unsigned)(value % 128) + 128);
        value /= 128;
        digits = digits > 0 ? digits - 1 : 0;
    }
    mqtt_write_u8(writer, (unsigned)value);
}

static inline unsigned mqtt_write_connect_flags(const struct mqtt_connect *connect)
{
    unsigned flags = connect->clean_session ? 2 : 0;

    if (connect->has_will)
        flags |= 4u | (connect->will.qos & 3u) << 3 | (connect->will.retain ? 0x20u : 0u);
    return flags | (connect->has_password ? 0x40u : 0u) | (connect->has_user_name ? 0x80u : 0u);
}

static inline void mqtt_write_connect(struct mqtt_writer *writer,
                                      const struct mqtt_connect *connect)
{
    mqtt_write_field(writer, "MQTT", 4);
    mqtt_write_u8(writer, 4);
    mqtt_write_u8(writer, mqtt_write_connect_flags(connect));
    mqtt_write_u16(writer, connect->keep_alive);
    mqtt_write_string(writer, connect->client_id);
    if (connect->has_will) {
        mqtt_write_string(writer, connect->will.topic);
        mqtt_write_field(writer, connect->will.message.data, connect->will.message.length);
    }
    if (connect->has_user_name)
        mqtt_write_string(writer, connect->user_name);
    if (connect->has_password)
        mqtt_write_field(writer, connect->password.data, connect->password.length);
}

static inline void mqtt_write_publish(struct mqtt_writer *writer,
                                      const struct mqtt_publish *publish)
{
    mqtt_write_string(writer, publish->topic);
    if ((publish->qos & 3) > 0)
        mqtt_write_u16(writer, publish->packet_id);
    mqtt_write_raw(writer, publish->payload.data, publish->payload.length);
}

/* A sender's array, or what a decoder has found. */
static inline void mqtt_write_subscribe(struct mqtt_writer *writer,
                                        const struct mqtt_subscribe *subscribe)
{
    size_t i;

    mqtt_write_u16(writer, subscribe->packet_id);
    if (subscribe->subscriptions == NULL)
        mqtt_write_raw(writer, subscribe->encoded.data, subscribe->encoded.length);
    for (i = 0; subscribe->subscriptions != NULL && i < subscribe->count; i++) {
        mqtt_write_string(writer, subscribe->subscriptions[i].filter);
        mqtt_write_u8(writer, subscribe->subscriptions[i].qos);
    }
}

static inline void mqtt_write_unsubscribe(struct mqtt_writer *writer,
                                          const struct mqtt_unsubscribe *unsubscribe)
{
    size_t i;

    mqtt_write_u16(writer, unsubscribe->packet_id);
    if (unsubscribe->filters == NULL)
        mqtt_write_raw(writer, unsubscribe->encoded.data, unsubscribe->encoded.length);
    for (i = 0; unsubscribe->filters != NULL && i < unsubscribe->count; i++)
        mqtt_write_string(writer, unsubscribe->filters[i]);
}

/* Everything after the fixed header. */
static inline void mqtt_write_body(struct mqtt_writer *writer, const struct mqtt_packet *packet)
{
    switch (packet->type) {
    case MQTT_CONNECT:
        mqtt_write_connect(writer, &packet->as.connect);
        break;
    case MQTT_CONNACK:
        mqtt_write_u8(writer, packet->as.connack.session_present ? 1 : 0);
        mqtt_write_u8(writer, packet->as.connack.return_code);
        break;
    case MQTT_PUBLISH:
        mqtt_write_publish(writer, &packet->as.publish);
        break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
    case MQTT_UNSUBACK:
        mqtt_write_u16(writer, packet->as.ack.packet_id);
        break;
    case MQTT_SUBSCRIBE:
        mqtt_write_subscribe(writer, &packet->as.subscribe);
        break;
    case MQTT_SUBACK:
        mqtt_write_u16(writer, packet->as.suback.packet_id);
        mqtt_write_raw(writer, packet->as.suback.return_codes, packet->as.suback.count);
        break;
    case MQTT_UNSUBSCRIBE:
        mqtt_write_unsubscribe(writer, &packet->as.unsubscribe);
        break;
    default:
        break;
    }
}

/* Table 2.2; those of a PUBLISH are fields. */
static inline unsigned mqtt_write_first_byte(const struct mqtt_packet *packet)
{
    const struct mqtt_publish *publish = &packet->as.publish;
    const unsigned type = ((unsigned)packet->type & 15u) * 16;

    switch (packet->type) {
    case MQTT_PUBLISH:
        return type | (publish->dup ? 8u : 0u) | (publish->qos & 3u) * 2 |
               (publish->retain ? 1u : 0u);
    case MQTT_PUBREL:
    case MQTT_SUBSCRIBE:
    case MQTT_UNSUBSCRIBE:
        return type | 2;
    default:
        return type;
    }
}

/* The whole packet with the shortest remaining length. Returns its size, which may be more than the
 * capacity: then the buffer holds nothing of use. */
static inline size_t mqtt_write_packet(uint8_t *buffer, size_t capacity,
                                       const struct mqtt_packet *packet)
{
    struct mqtt_writer counter = {NULL, 0, 0};
    struct mqtt_writer writer = {NULL, 0, 0};

    mqtt_write_body(&counter, packet);
    writer.buffer = buffer;
    writer.capacity = capacity;
    mqtt_write_u8(&writer, mqtt_write_first_byte(packet));
    mqtt_write_remaining_length(&writer, counter.length, 1);
    mqtt_write_body(&writer, packet);
    return writer.length;
}

#endif
