#include "fields.h"

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

static void print_bytes(FILE *out, const char *name, const void *bytes, size_t length)
{
    fprintf(out, ", \"%s\": \"", name);
    fields_print_hex(out, bytes, length);
    putc('"', out);
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
    if (connect->has_user_name)
        print_bytes(out, "user_name", connect->user_name.data, connect->user_name.length);
    else
        print_null(out, "user_name");
    if (connect->has_password)
        print_bytes(out, "password", connect->password.data, connect->password.length);
    else
        print_null(out, "password");
}

static void print_publish(FILE *out, const struct mqtt_publish *publish)
{
    print_number(out, "qos", publish->qos);
    print_flag(out, "dup", publish->dup);
    print_flag(out, "retain", publish->retain);
    if (publish->qos == 0)
        print_null(out, "packet_id");
    else
        print_number(out, "packet_id", publish->packet_id);
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
    fputs(i == 0 ? "\"" : ", \"", out);
    fields_print_hex(out, filter.data, filter.length);
    putc('"', out);
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

static void print_suback(FILE *out, const struct mqtt_suback *suback)
{
    size_t i;

    print_number(out, "packet_id", suback->packet_id);
    fputs(", \"return_codes\": [", out);
    for (i = 0; i < suback->count; i++)
        fprintf(out, i == 0 ? "%u" : ", %u", (unsigned)suback->return_codes[i]);
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
        print_suback(out, &packet->as.suback);
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
