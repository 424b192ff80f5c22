#include "fields.h"

#include "table_2_4.h"

void fields_print_hex(FILE *out, const void *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *byte = bytes;
    size_t i;

    for (i = 0; i < length; i++) {
        putc(digits[byte[i] >> 4], out);
        putc(digits[byte[i] & 15], out);
    }
}

/* In quotes */
static void print_digits(FILE *out, const void *bytes, size_t length)
{
    putc('"', out);
    fields_print_hex(out, bytes, length);
    putc('"', out);
}

static void print_bytes(FILE *out, const char *name, const void *bytes, size_t length)
{
    fprintf(out, ", \"%s\": ", name);
    print_digits(out, bytes, length);
}

static void print_null(FILE *out, const char *name)
{
    fprintf(out, ", \"%s\": null", name);
}

static void print_number(FILE *out, const char *name, unsigned value)
{
    fprintf(out, ", \"%s\": %u", name, value);
}

static void print_flag(FILE *out, const char *name, bool value)
{
    fprintf(out, ", \"%s\": %s", name, value ? "true" : "false");
}

/* null unless it is there */
static void print_optional(FILE *out, const char *name, bool is_there, const void *bytes,
                           size_t length)
{
    if (is_there)
        print_bytes(out, name, bytes, length);
    else
        print_null(out, name);
}

static void print_connect(FILE *out, const struct mqtt_connect *connect)
{
    print_number(out, "keep_alive", connect->keep_alive);
    print_flag(out, "clean_session", connect->clean_session);
    print_bytes(out, "client_id", connect->client_id.data, connect->client_id.length);
    if (connect->has_will) {
        print_number(out, "will_qos", connect->will.qos);
        print_flag(out, "will_retain", connect->will.retain);
        print_bytes(out, "will_topic", connect->will.topic.data, connect->will.topic.length);
        print_bytes(out, "will_message", connect->will.message.data, connect->will.message.length);
    } else {
        print_null(out, "will_qos");
        print_null(out, "will_retain");
        print_null(out, "will_topic");
        print_null(out, "will_message");
    }
    print_optional(out, "user_name", connect->has_user_name, connect->user_name.data,
                   connect->user_name.length);
    print_optional(out, "password", connect->has_password, connect->password.data,
                   connect->password.length);
}

static void print_publish_id(FILE *out, uint8_t qos, uint16_t packet_id)
{
    if (qos == 0)
        print_null(out, "packet_id");
    else
        print_number(out, "packet_id", packet_id);
}

static void print_publish(FILE *out, const struct mqtt_publish *publish)
{
    print_number(out, "qos", publish->qos);
    print_flag(out, "dup", publish->dup);
    print_flag(out, "retain", publish->retain);
    print_publish_id(out, publish->qos, publish->packet_id);
    print_bytes(out, "topic", publish->topic.data, publish->topic.length);
    print_bytes(out, "payload", publish->payload.data, publish->payload.length);
}

static void print_subscription(FILE *out, const struct mqtt_subscription *subscription, size_t i)
{
    fputs(i == 0 ? "[\"" : ", [\"", out);
    fields_print_hex(out, subscription->filter.data, subscription->filter.length);
    fprintf(out, "\", %u]", (unsigned)subscription->qos);
}

static void print_subscribe(FILE *out, const struct mqtt_subscribe *subscribe)
{
    struct mqtt_subscription subscription;
    size_t position = 0;
    size_t i;

    print_number(out, "packet_id", subscribe->packet_id);
    fputs(", \"subscriptions\": [", out);
    if (subscribe->subscriptions != NULL)
        for (i = 0; i < subscribe->count; i++)
            print_subscription(out, &subscribe->subscriptions[i], i);
    else
        for (i = 0; mqtt_next_subscription(subscribe, &position, &subscription); i++)
            print_subscription(out, &subscription, i);
    putc(']', out);
}

static void print_filter(FILE *out, struct mqtt_string filter, size_t i)
{
    fputs(i == 0 ? "" : ", ", out);
    print_digits(out, filter.data, filter.length);
}

static void print_unsubscribe(FILE *out, const struct mqtt_unsubscribe *unsubscribe)
{
    struct mqtt_string filter;
    size_t position = 0;
    size_t i;

    print_number(out, "packet_id", unsubscribe->packet_id);
    fputs(", \"filters\": [", out);
    if (unsubscribe->filters != NULL)
        for (i = 0; i < unsubscribe->count; i++)
            print_filter(out, unsubscribe->filters[i], i);
    else
        for (i = 0; mqtt_next_filter(unsubscribe, &position, &filter); i++)
            print_filter(out, filter, i);
    putc(']', out);
}

static void print_codes(FILE *out, const char *name, const uint8_t *codes, size_t count)
{
    size_t i;

    fprintf(out, ", \"%s\": [", name);
    for (i = 0; i < count; i++)
        fprintf(out, i == 0 ? "%u" : ", %u", (unsigned)codes[i]);
    putc(']', out);
}

void fields_print(FILE *out, const struct mqtt_packet *packet)
{
    fprintf(out, "{\"type\": \"%s\"", mqtt_packet_type_name(packet->type));
    switch (packet->type) {
    case MQTT_CONNECT:
        print_connect(out, &packet->as.connect);
        break;
    case MQTT_CONNACK:
        print_flag(out, "session_present", packet->as.connack.session_present);
        print_number(out, "return_code", packet->as.connack.return_code);
        break;
    case MQTT_PUBLISH:
        print_publish(out, &packet->as.publish);
        break;
    case MQTT_SUBSCRIBE:
        print_subscribe(out, &packet->as.subscribe);
        break;
    case MQTT_SUBACK:
        print_number(out, "packet_id", packet->as.suback.packet_id);
        print_codes(out, "return_codes", packet->as.suback.return_codes, packet->as.suback.count);
        break;
    case MQTT_UNSUBSCRIBE:
        print_unsubscribe(out, &packet->as.unsubscribe);
        break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
    case MQTT_UNSUBACK:
        print_number(out, "packet_id", packet->as.ack.packet_id);
        break;
    default:
        break;
    }
    putc('}', out);
}

/* ---- MQTT 5.0 ---------------------------------------------------------------------------------- */

/* [identifier, value]; the value of a user property is [name, value]. */
static void print_property(FILE *out, const struct mqtt_v5_property *property)
{
    fprintf(out, "[%u, ", (unsigned)property->id);
    switch (v5_property_kind(property->id)) {
    case V5_STRING:
        print_digits(out, property->as.string.data, property->as.string.length);
        break;
    case V5_BYTES:
        print_digits(out, property->as.bytes.data, property->as.bytes.length);
        break;
    case V5_PAIR:
        putc('[', out);
        print_digits(out, property->as.pair.name.data, property->as.pair.name.length);
        fputs(", ", out);
        print_digits(out, property->as.pair.value.data, property->as.pair.value.length);
        putc(']', out);
        break;
    default:
        fprintf(out, "%lu", (unsigned long)property->as.number);
        break;
    }
    putc(']', out);
}

static void print_properties(FILE *out, const char *name,
                             const struct mqtt_v5_properties *properties)
{
    struct mqtt_v5_property property = {0};
    const char *before = "";
    size_t position = 0;

    fprintf(out, ", \"%s\": [", name);
    while (mqtt_v5_next_property(properties, &position, &property)) {
        fputs(before, out);
        print_property(out, &property);
        before = ", ";
    }
    putc(']', out);
}

static void print_v5_connect(FILE *out, const struct mqtt_v5_connect *connect)
{
    const struct mqtt_v5_will *const will = &connect->will;

    print_number(out, "keep_alive", connect->keep_alive);
    print_flag(out, "clean_start", connect->clean_start);
    print_properties(out, "properties", &connect->properties);
    print_bytes(out, "client_id", connect->client_id.data, connect->client_id.length);
    if (connect->has_will) {
        print_number(out, "will_qos", will->qos);
        print_flag(out, "will_retain", will->retain);
        print_properties(out, "will_properties", &will->properties);
        print_bytes(out, "will_topic", will->topic.data, will->topic.length);
        print_bytes(out, "will_payload", will->payload.data, will->payload.length);
    } else {
        print_null(out, "will_qos");
        print_null(out, "will_retain");
        print_null(out, "will_properties");
        print_null(out, "will_topic");
        print_null(out, "will_payload");
    }
    print_optional(out, "user_name", connect->has_user_name, connect->user_name.data,
                   connect->user_name.length);
    print_optional(out, "password", connect->has_password, connect->password.data,
                   connect->password.length);
}

static void print_v5_publish(FILE *out, const struct mqtt_v5_publish *publish)
{
    print_number(out, "qos", publish->qos);
    print_flag(out, "dup", publish->dup);
    print_flag(out, "retain", publish->retain);
    print_publish_id(out, publish->qos, publish->packet_id);
    print_bytes(out, "topic", publish->topic.data, publish->topic.length);
    print_properties(out, "properties", &publish->properties);
    print_bytes(out, "payload", publish->payload.data, publish->payload.length);
}

/* [filter, QoS, No Local, Retain As Published, Retain Handling] of each */
static void print_v5_subscribe(FILE *out, const struct mqtt_v5_subscribe *subscribe)
{
    struct mqtt_v5_subscription subscription;
    const char *before = "";
    size_t position = 0;

    print_number(out, "packet_id", subscribe->packet_id);
    print_properties(out, "properties", &subscribe->properties);
    fputs(", \"subscriptions\": [", out);
    while (mqtt_v5_next_subscription(subscribe, &position, &subscription)) {
        fprintf(out, "%s[", before);
        print_digits(out, subscription.filter.data, subscription.filter.length);
        fprintf(out, ", %u, %s, %s, %u]", (unsigned)subscription.qos,
                subscription.no_local ? "true" : "false",
                subscription.retain_as_published ? "true" : "false",
                (unsigned)subscription.retain_handling);
        before = ", ";
    }
    putc(']', out);
}

static void print_v5_unsubscribe(FILE *out, const struct mqtt_v5_unsubscribe *unsubscribe)
{
    struct mqtt_string filter;
    size_t position = 0;
    size_t i;

    print_number(out, "packet_id", unsubscribe->packet_id);
    print_properties(out, "properties", &unsubscribe->properties);
    fputs(", \"filters\": [", out);
    for (i = 0; mqtt_v5_next_filter(unsubscribe, &position, &filter); i++)
        print_filter(out, filter, i);
    putc(']', out);
}

void fields_v5_print(FILE *out, const struct mqtt_v5_packet *packet)
{
    fprintf(out, "{\"type\": \"%s\"", mqtt_v5_packet_type_name(packet->type));
    switch (packet->type) {
    case MQTT_V5_CONNECT:
        print_v5_connect(out, &packet->as.connect);
        break;
    case MQTT_V5_CONNACK:
        print_flag(out, "session_present", packet->as.connack.session_present);
        print_number(out, "reason_code", packet->as.connack.reason_code);
        print_properties(out, "properties", &packet->as.connack.properties);
        break;
    case MQTT_V5_PUBLISH:
        print_v5_publish(out, &packet->as.publish);
        break;
    case MQTT_V5_PUBACK:
    case MQTT_V5_PUBREC:
    case MQTT_V5_PUBREL:
    case MQTT_V5_PUBCOMP:
        print_number(out, "packet_id", packet->as.ack.packet_id);
        print_number(out, "reason_code", packet->as.ack.reason_code);
        print_properties(out, "properties", &packet->as.ack.properties);
        break;
    case MQTT_V5_SUBSCRIBE:
        print_v5_subscribe(out, &packet->as.subscribe);
        break;
    case MQTT_V5_SUBACK:
    case MQTT_V5_UNSUBACK:
        print_number(out, "packet_id", packet->as.suback.packet_id);
        print_properties(out, "properties", &packet->as.suback.properties);
        print_codes(out, "reason_codes", packet->as.suback.reason_codes, packet->as.suback.count);
        break;
    case MQTT_V5_UNSUBSCRIBE:
        print_v5_unsubscribe(out, &packet->as.unsubscribe);
        break;
    case MQTT_V5_DISCONNECT:
    case MQTT_V5_AUTH:
        print_number(out, "reason_code", packet->as.disconnect.reason_code);
        print_properties(out, "properties", &packet->as.disconnect.properties);
        break;
    default:
        break;
    }
    putc('}', out);
}
