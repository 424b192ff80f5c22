/* Writes a packet of MQTT 3.1.1 or 5.0 from its fields, valid or not: it checks no rule. It repeats the
 * layouts of chapter 3 on purpose: tests and fuzz targets compare mqtt_codec.h with it.
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
    unsigned digits; /* least size of each property length; more than it takes pads it */
    size_t off_by;   /* added to each property length, to make it wrong */
};

#define MQTT_WRITER_COUNTER                                                                        \
    {                                                                                              \
        NULL, 0, 0, 0, 0                                                                           \
    } /* only counts */

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
    struct mqtt_writer counter = MQTT_WRITER_COUNTER;
    struct mqtt_writer writer = MQTT_WRITER_COUNTER;

    mqtt_write_body(&counter, packet);
    writer.buffer = buffer;
    writer.capacity = capacity;
    mqtt_write_u8(&writer, mqtt_write_first_byte(packet));
    mqtt_write_remaining_length(&writer, counter.length, 1);
    mqtt_write_body(&writer, packet);
    return writer.length;
}

/* ---- MQTT 5.0 ---------------------------------------------------------------------------------- */

/* What kind of value Table 2-4 gives a property; the first three are sizes. */
enum mqtt_write_kind {
    MQTT_WRITE_BYTE = 1,
    MQTT_WRITE_TWO_BYTES = 2,
    MQTT_WRITE_FOUR_BYTES = 4,
    MQTT_WRITE_INTEGER,
    MQTT_WRITE_STRING,
    MQTT_WRITE_BINARY,
    MQTT_WRITE_PAIR
};

/* An unknown property has a byte. */
static inline enum mqtt_write_kind mqtt_write_kind_of(unsigned id)
{
    switch (id) {
    case MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIER:
        return MQTT_WRITE_INTEGER;
    case MQTT_V5_PROPERTY_MESSAGE_EXPIRY_INTERVAL:
    case MQTT_V5_PROPERTY_SESSION_EXPIRY_INTERVAL:
    case MQTT_V5_PROPERTY_WILL_DELAY_INTERVAL:
    case MQTT_V5_PROPERTY_MAXIMUM_PACKET_SIZE:
        return MQTT_WRITE_FOUR_BYTES;
    case MQTT_V5_PROPERTY_SERVER_KEEP_ALIVE:
    case MQTT_V5_PROPERTY_RECEIVE_MAXIMUM:
    case MQTT_V5_PROPERTY_TOPIC_ALIAS_MAXIMUM:
    case MQTT_V5_PROPERTY_TOPIC_ALIAS:
        return MQTT_WRITE_TWO_BYTES;
    case MQTT_V5_PROPERTY_CONTENT_TYPE:
    case MQTT_V5_PROPERTY_RESPONSE_TOPIC:
    case MQTT_V5_PROPERTY_ASSIGNED_CLIENT_IDENTIFIER:
    case MQTT_V5_PROPERTY_AUTHENTICATION_METHOD:
    case MQTT_V5_PROPERTY_RESPONSE_INFORMATION:
    case MQTT_V5_PROPERTY_SERVER_REFERENCE:
    case MQTT_V5_PROPERTY_REASON_STRING:
        return MQTT_WRITE_STRING;
    case MQTT_V5_PROPERTY_CORRELATION_DATA:
    case MQTT_V5_PROPERTY_AUTHENTICATION_DATA:
        return MQTT_WRITE_BINARY;
    case MQTT_V5_PROPERTY_USER_PROPERTY:
        return MQTT_WRITE_PAIR;
    default:
        return MQTT_WRITE_BYTE;
    }
}

/* A number is cut to the size that it has. */
static inline void mqtt_write_v5_property(struct mqtt_writer *writer,
                                          const struct mqtt_v5_property *property)
{
    const uint32_t number = property->as.number;

    mqtt_write_u8(writer, property->id);
    switch (mqtt_write_kind_of(property->id)) {
    case MQTT_WRITE_STRING:
        mqtt_write_string(writer, property->as.string);
        break;
    case MQTT_WRITE_BINARY:
        mqtt_write_field(writer, property->as.bytes.data, property->as.bytes.length);
        break;
    case MQTT_WRITE_PAIR:
        mqtt_write_string(writer, property->as.pair.name);
        mqtt_write_string(writer, property->as.pair.value);
        break;
    case MQTT_WRITE_INTEGER:
        mqtt_write_remaining_length(writer, number, 1);
        break;
    case MQTT_WRITE_FOUR_BYTES:
        mqtt_write_u16(writer, number / 65536);
        mqtt_write_u16(writer, number % 65536);
        break;
    case MQTT_WRITE_TWO_BYTES:
        mqtt_write_u16(writer, number % 65536);
        break;
    default:
        mqtt_write_u8(writer, number % 256);
    }
}

/* Those in `encoded` and then those of the list; none is left out. */
static inline void mqtt_write_v5_list(struct mqtt_writer *writer,
                                      const struct mqtt_v5_properties *properties)
{
    size_t i;

    mqtt_write_raw(writer, properties->encoded.data, properties->encoded.length);
    for (i = 0; i < properties->count; i++)
        mqtt_write_v5_property(writer, &properties->list[i]);
}

static inline void mqtt_write_v5_properties(struct mqtt_writer *writer,
                                            const struct mqtt_v5_properties *properties)
{
    struct mqtt_writer counter = MQTT_WRITER_COUNTER;

    mqtt_write_v5_list(&counter, properties);
    mqtt_write_remaining_length(writer, counter.length + writer->off_by, writer->digits);
    mqtt_write_v5_list(writer, properties);
}

/* The properties of a packet, NULL if its type has none. */
static inline struct mqtt_v5_properties *mqtt_write_v5_properties_of(struct mqtt_v5_packet *packet)
{
    switch (packet->type) {
    case MQTT_V5_CONNECT:
        return &packet->as.connect.properties;
    case MQTT_V5_CONNACK:
        return &packet->as.connack.properties;
    case MQTT_V5_PUBLISH:
        return &packet->as.publish.properties;
    case MQTT_V5_PUBACK:
    case MQTT_V5_PUBREC:
    case MQTT_V5_PUBREL:
    case MQTT_V5_PUBCOMP:
        return &packet->as.ack.properties;
    case MQTT_V5_SUBSCRIBE:
        return &packet->as.subscribe.properties;
    case MQTT_V5_SUBACK:
    case MQTT_V5_UNSUBACK:
        return &packet->as.suback.properties;
    case MQTT_V5_UNSUBSCRIBE:
        return &packet->as.unsubscribe.properties;
    case MQTT_V5_DISCONNECT:
    case MQTT_V5_AUTH:
        return &packet->as.disconnect.properties;
    default:
        return NULL;
    }
}

static inline void mqtt_write_v5_connect(struct mqtt_writer *writer,
                                         const struct mqtt_v5_connect *connect)
{
    unsigned flags = connect->clean_start ? 2 : 0;

    if (connect->has_will)
        flags |= 4u | (connect->will.qos & 3u) << 3 | (connect->will.retain ? 0x20u : 0u);
    flags |= (connect->has_password ? 0x40u : 0u) | (connect->has_user_name ? 0x80u : 0u);
    mqtt_write_field(writer, "MQTT", 4);
    mqtt_write_u8(writer, 5);
    mqtt_write_u8(writer, flags);
    mqtt_write_u16(writer, connect->keep_alive);
    mqtt_write_v5_properties(writer, &connect->properties);
    mqtt_write_string(writer, connect->client_id);
    if (connect->has_will) {
        mqtt_write_v5_properties(writer, &connect->will.properties);
        mqtt_write_string(writer, connect->will.topic);
        mqtt_write_field(writer, connect->will.payload.data, connect->will.payload.length);
    }
    if (connect->has_user_name)
        mqtt_write_string(writer, connect->user_name);
    if (connect->has_password)
        mqtt_write_field(writer, connect->password.data, connect->password.length);
}

static inline void mqtt_write_v5_subscription(struct mqtt_writer *writer,
                                              const struct mqtt_v5_subscription *subscription)
{
    mqtt_write_string(writer, subscription->filter);
    mqtt_write_u8(writer, subscription->qos | (subscription->no_local ? 4u : 0u) |
                              (subscription->retain_as_published ? 8u : 0u) |
                              subscription->retain_handling * 16u);
}

/* What comes before the properties. */
static inline void mqtt_write_v5_beginning(struct mqtt_writer *writer,
                                           const struct mqtt_v5_packet *packet)
{
    switch (packet->type) {
    case MQTT_V5_CONNACK:
        mqtt_write_u8(writer, packet->as.connack.session_present ? 1 : 0);
        mqtt_write_u8(writer, packet->as.connack.reason_code);
        break;
    case MQTT_V5_PUBLISH:
        mqtt_write_string(writer, packet->as.publish.topic);
        if ((packet->as.publish.qos & 3) > 0)
            mqtt_write_u16(writer, packet->as.publish.packet_id);
        break;
    case MQTT_V5_PUBACK:
    case MQTT_V5_PUBREC:
    case MQTT_V5_PUBREL:
    case MQTT_V5_PUBCOMP:
        mqtt_write_u16(writer, packet->as.ack.packet_id);
        mqtt_write_u8(writer, packet->as.ack.reason_code);
        break;
    case MQTT_V5_SUBSCRIBE:
        mqtt_write_u16(writer, packet->as.subscribe.packet_id);
        break;
    case MQTT_V5_UNSUBSCRIBE:
        mqtt_write_u16(writer, packet->as.unsubscribe.packet_id);
        break;
    case MQTT_V5_SUBACK:
    case MQTT_V5_UNSUBACK:
        mqtt_write_u16(writer, packet->as.suback.packet_id);
        break;
    case MQTT_V5_DISCONNECT:
    case MQTT_V5_AUTH:
        mqtt_write_u8(writer, packet->as.disconnect.reason_code);
        break;
    default:
        break;
    }
}

/* What comes after them: a sender's array, or what a decoder has found. */
static inline void mqtt_write_v5_payload(struct mqtt_writer *writer,
                                         const struct mqtt_v5_packet *packet)
{
    const struct mqtt_v5_subscribe *const subscribe = &packet->as.subscribe;
    const struct mqtt_v5_unsubscribe *const unsubscribe = &packet->as.unsubscribe;
    size_t i;

    switch (packet->type) {
    case MQTT_V5_PUBLISH:
        mqtt_write_raw(writer, packet->as.publish.payload.data, packet->as.publish.payload.length);
        break;
    case MQTT_V5_SUBSCRIBE:
        if (subscribe->subscriptions == NULL)
            mqtt_write_raw(writer, subscribe->encoded.data, subscribe->encoded.length);
        for (i = 0; subscribe->subscriptions != NULL && i < subscribe->count; i++)
            mqtt_write_v5_subscription(writer, &subscribe->subscriptions[i]);
        break;
    case MQTT_V5_UNSUBSCRIBE:
        if (unsubscribe->filters == NULL)
            mqtt_write_raw(writer, unsubscribe->encoded.data, unsubscribe->encoded.length);
        for (i = 0; unsubscribe->filters != NULL && i < unsubscribe->count; i++)
            mqtt_write_string(writer, unsubscribe->filters[i]);
        break;
    case MQTT_V5_SUBACK:
    case MQTT_V5_UNSUBACK:
        mqtt_write_raw(writer, packet->as.suback.reason_codes, packet->as.suback.count);
        break;
    default:
        break;
    }
}

/* Everything after the fixed header, in the longest form: reason code and property length are always
 * there. */
static inline void mqtt_write_v5_body(struct mqtt_writer *writer, struct mqtt_v5_packet *packet)
{
    const struct mqtt_v5_properties *const properties = mqtt_write_v5_properties_of(packet);

    if (packet->type == MQTT_V5_CONNECT) {
        mqtt_write_v5_connect(writer, &packet->as.connect);
        return;
    }
    mqtt_write_v5_beginning(writer, packet);
    if (properties != NULL)
        mqtt_write_v5_properties(writer, properties);
    mqtt_write_v5_payload(writer, packet);
}

/* Table 2-2; the flags of a PUBLISH are fields. */
static inline unsigned mqtt_write_v5_first_byte(const struct mqtt_v5_packet *packet)
{
    const struct mqtt_v5_publish *publish = &packet->as.publish;
    const unsigned type = ((unsigned)packet->type & 15u) * 16;

    switch (packet->type) {
    case MQTT_V5_PUBLISH:
        return type | (publish->dup ? 8u : 0u) | (publish->qos & 3u) * 2 |
               (publish->retain ? 1u : 0u);
    case MQTT_V5_PUBREL:
    case MQTT_V5_SUBSCRIBE:
    case MQTT_V5_UNSUBSCRIBE:
        return type | 2;
    default:
        return type;
    }
}

#endif
