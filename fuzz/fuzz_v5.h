/* What the fuzz targets of MQTT 5.0 share: whether two packets say the same. */
#if !defined(FUZZ_V5_H)
#define FUZZ_V5_H

#include "fuzz.h"
#include "writer.h"

static inline bool fuzz_v5_same_property(const struct mqtt_v5_property *a,
                                         const struct mqtt_v5_property *b)
{
    if (a->id != b->id)
        return false;
    switch (mqtt_write_kind_of(a->id)) {
    case MQTT_WRITE_STRING:
        return fuzz_same_string(a->as.string, b->as.string);
    case MQTT_WRITE_BINARY:
        return fuzz_same_bytes(a->as.bytes, b->as.bytes);
    case MQTT_WRITE_PAIR:
        return fuzz_same_string(a->as.pair.name, b->as.pair.name) &&
               fuzz_same_string(a->as.pair.value, b->as.pair.value);
    default:
        return a->as.number == b->as.number;
    }
}

/* One by one: one may be a sender's, the other as received. */
static inline bool fuzz_v5_same_properties(const struct mqtt_v5_properties *a,
                                           const struct mqtt_v5_properties *b)
{
    size_t a_position = 0;
    size_t b_position = 0;
    struct mqtt_v5_property a_entry;
    struct mqtt_v5_property b_entry;

    while (mqtt_v5_next_property(a, &a_position, &a_entry)) {
        if (!mqtt_v5_next_property(b, &b_position, &b_entry) ||
            !fuzz_v5_same_property(&a_entry, &b_entry))
            return false;
    }
    return !mqtt_v5_next_property(b, &b_position, &b_entry);
}

static inline bool fuzz_v5_same_connect(const struct mqtt_v5_connect *a,
                                        const struct mqtt_v5_connect *b)
{
    if (a->keep_alive != b->keep_alive || a->clean_start != b->clean_start ||
        a->has_will != b->has_will || a->has_user_name != b->has_user_name ||
        a->has_password != b->has_password || !fuzz_same_string(a->client_id, b->client_id) ||
        !fuzz_v5_same_properties(&a->properties, &b->properties))
        return false;
    if (a->has_will && (a->will.qos != b->will.qos || a->will.retain != b->will.retain ||
                        !fuzz_same_string(a->will.topic, b->will.topic) ||
                        !fuzz_same_bytes(a->will.payload, b->will.payload) ||
                        !fuzz_v5_same_properties(&a->will.properties, &b->will.properties)))
        return false;
    if (a->has_user_name && !fuzz_same_string(a->user_name, b->user_name))
        return false;
    return !a->has_password || fuzz_same_bytes(a->password, b->password);
}

/* But for the bytes of the payload. */
static inline bool fuzz_v5_same_publish_header(const struct mqtt_v5_publish *a,
                                               const struct mqtt_v5_publish *b)
{
    return a->qos == b->qos && a->dup == b->dup && a->retain == b->retain &&
           (a->qos == 0 || a->packet_id == b->packet_id) && fuzz_same_string(a->topic, b->topic) &&
           a->payload.length == b->payload.length &&
           fuzz_v5_same_properties(&a->properties, &b->properties);
}

static inline bool fuzz_v5_same_subscribe(const struct mqtt_v5_subscribe *a,
                                          const struct mqtt_v5_subscribe *b)
{
    size_t a_position = 0;
    size_t b_position = 0;
    struct mqtt_v5_subscription a_entry;
    struct mqtt_v5_subscription b_entry;

    if (a->packet_id != b->packet_id || !fuzz_v5_same_properties(&a->properties, &b->properties))
        return false;
    while (mqtt_v5_next_subscription(a, &a_position, &a_entry)) {
        if (!mqtt_v5_next_subscription(b, &b_position, &b_entry) || a_entry.qos != b_entry.qos ||
            a_entry.no_local != b_entry.no_local ||
            a_entry.retain_as_published != b_entry.retain_as_published ||
            a_entry.retain_handling != b_entry.retain_handling ||
            !fuzz_same_string(a_entry.filter, b_entry.filter))
            return false;
    }
    return !mqtt_v5_next_subscription(b, &b_position, &b_entry);
}

static inline bool fuzz_v5_same_unsubscribe(const struct mqtt_v5_unsubscribe *a,
                                            const struct mqtt_v5_unsubscribe *b)
{
    size_t a_position = 0;
    size_t b_position = 0;
    struct mqtt_string a_entry;
    struct mqtt_string b_entry;

    if (a->packet_id != b->packet_id || !fuzz_v5_same_properties(&a->properties, &b->properties))
        return false;
    while (mqtt_v5_next_filter(a, &a_position, &a_entry)) {
        if (!mqtt_v5_next_filter(b, &b_position, &b_entry) || !fuzz_same_string(a_entry, b_entry))
            return false;
    }
    return !mqtt_v5_next_filter(b, &b_position, &b_entry);
}

static inline bool fuzz_v5_same_suback(const struct mqtt_v5_suback *a,
                                       const struct mqtt_v5_suback *b)
{
    return a->packet_id == b->packet_id && a->count == b->count &&
           (a->count == 0 || memcmp(a->reason_codes, b->reason_codes, a->count) == 0) &&
           fuzz_v5_same_properties(&a->properties, &b->properties);
}

/* Whether two valid packets have the same fields, wherever these lie. */
static inline bool fuzz_v5_same_packet(const struct mqtt_v5_packet *a,
                                       const struct mqtt_v5_packet *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case MQTT_V5_CONNECT:
        return fuzz_v5_same_connect(&a->as.connect, &b->as.connect);
    case MQTT_V5_CONNACK:
        return a->as.connack.session_present == b->as.connack.session_present &&
               a->as.connack.reason_code == b->as.connack.reason_code &&
               fuzz_v5_same_properties(&a->as.connack.properties, &b->as.connack.properties);
    case MQTT_V5_PUBLISH:
        return fuzz_v5_same_publish_header(&a->as.publish, &b->as.publish) &&
               fuzz_same_bytes(a->as.publish.payload, b->as.publish.payload);
    case MQTT_V5_PUBACK:
    case MQTT_V5_PUBREC:
    case MQTT_V5_PUBREL:
    case MQTT_V5_PUBCOMP:
        return a->as.ack.packet_id == b->as.ack.packet_id &&
               a->as.ack.reason_code == b->as.ack.reason_code &&
               fuzz_v5_same_properties(&a->as.ack.properties, &b->as.ack.properties);
    case MQTT_V5_SUBSCRIBE:
        return fuzz_v5_same_subscribe(&a->as.subscribe, &b->as.subscribe);
    case MQTT_V5_SUBACK:
    case MQTT_V5_UNSUBACK:
        return fuzz_v5_same_suback(&a->as.suback, &b->as.suback);
    case MQTT_V5_UNSUBSCRIBE:
        return fuzz_v5_same_unsubscribe(&a->as.unsubscribe, &b->as.unsubscribe);
    case MQTT_V5_DISCONNECT:
    case MQTT_V5_AUTH:
        return a->as.disconnect.reason_code == b->as.disconnect.reason_code &&
               fuzz_v5_same_properties(&a->as.disconnect.properties, &b->as.disconnect.properties);
    default:
        return true;
    }
}

/* Whether two decoders said the same: the packet, or the error and where it is. */
static inline bool fuzz_v5_same_answer(int32_t a_result, const struct mqtt_v5_packet *a,
                                       int32_t b_result, const struct mqtt_v5_packet *b)
{
    if (a_result != b_result)
        return false;
    if (a_result > 0)
        return fuzz_v5_same_packet(a, b);
    return a_result == MQTT_PACKET_INCOMPLETE ||
           (a->error_offset == b->error_offset && a->type == b->type);
}

#endif
