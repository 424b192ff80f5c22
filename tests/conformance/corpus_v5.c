#define _POSIX_C_SOURCE 200809L
#include "corpus.h"
#include "support_v5.h"

/* The names of Table 2-4, in lower case and without blanks. */
static const struct {
    const char *name;
    enum mqtt_v5_property_id id;
} property_names[] = {
    {"payload_format_indicator", MQTT_V5_PROPERTY_PAYLOAD_FORMAT_INDICATOR},
    {"message_expiry_interval", MQTT_V5_PROPERTY_MESSAGE_EXPIRY_INTERVAL},
    {"content_type", MQTT_V5_PROPERTY_CONTENT_TYPE},
    {"response_topic", MQTT_V5_PROPERTY_RESPONSE_TOPIC},
    {"correlation_data", MQTT_V5_PROPERTY_CORRELATION_DATA},
    {"subscription_identifier", MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIER},
    {"session_expiry_interval", MQTT_V5_PROPERTY_SESSION_EXPIRY_INTERVAL},
    {"assigned_client_identifier", MQTT_V5_PROPERTY_ASSIGNED_CLIENT_IDENTIFIER},
    {"server_keep_alive", MQTT_V5_PROPERTY_SERVER_KEEP_ALIVE},
    {"authentication_method", MQTT_V5_PROPERTY_AUTHENTICATION_METHOD},
    {"authentication_data", MQTT_V5_PROPERTY_AUTHENTICATION_DATA},
    {"request_problem_information", MQTT_V5_PROPERTY_REQUEST_PROBLEM_INFORMATION},
    {"will_delay_interval", MQTT_V5_PROPERTY_WILL_DELAY_INTERVAL},
    {"request_response_information", MQTT_V5_PROPERTY_REQUEST_RESPONSE_INFORMATION},
    {"response_information", MQTT_V5_PROPERTY_RESPONSE_INFORMATION},
    {"server_reference", MQTT_V5_PROPERTY_SERVER_REFERENCE},
    {"reason_string", MQTT_V5_PROPERTY_REASON_STRING},
    {"receive_maximum", MQTT_V5_PROPERTY_RECEIVE_MAXIMUM},
    {"topic_alias_maximum", MQTT_V5_PROPERTY_TOPIC_ALIAS_MAXIMUM},
    {"topic_alias", MQTT_V5_PROPERTY_TOPIC_ALIAS},
    {"maximum_qos", MQTT_V5_PROPERTY_MAXIMUM_QOS},
    {"retain_available", MQTT_V5_PROPERTY_RETAIN_AVAILABLE},
    {"user_property", MQTT_V5_PROPERTY_USER_PROPERTY},
    {"maximum_packet_size", MQTT_V5_PROPERTY_MAXIMUM_PACKET_SIZE},
    {"wildcard_subscription_available", MQTT_V5_PROPERTY_WILDCARD_SUBSCRIPTION_AVAILABLE},
    {"subscription_identifiers_available", MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIERS_AVAILABLE},
    {"shared_subscription_available", MQTT_V5_PROPERTY_SHARED_SUBSCRIPTION_AVAILABLE},
};

/* The identifier of the property whose name the text begins with; 0: there is none. */
static uint8_t property_id(const char *text, size_t length)
{
    size_t i;

    for (i = 0; i < sizeof property_names / sizeof property_names[0]; i++) {
        if (strlen(property_names[i].name) == length &&
            strncmp(property_names[i].name, text, length) == 0)
            return (uint8_t)property_names[i].id;
    }
    return 0;
}

/* The colon between the two strings of a pair, outside of quotes; NULL: there is none. */
static char *find_colon(char *text)
{
    bool quoted = false;

    for (; *text != '\0'; text++) {
        if (*text == ':' && !quoted)
            return text;
        quoted = quoted != (*text == '\'');
    }
    return NULL;
}

static bool set_value(const struct corpus_place *place, struct mqtt_v5_property *property,
                      char *value)
{
    char *colon;

    switch (v5_property_kind(property->id)) {
    case V5_STRING:
        return corpus_set_string(place, &property->as.string, value);
    case V5_BYTES:
        return corpus_set_bytes(place, &property->as.bytes, value);
    case V5_PAIR:
        colon = find_colon(value);
        if (colon == NULL)
            return false;
        *colon = '\0';
        return corpus_set_string(place, &property->as.pair.name, value) &&
               corpus_set_string(place, &property->as.pair.value, colon + 1);
    default:
        property->as.number = (uint32_t)corpus_number(place, value, UINT32_MAX);
        return true;
    }
}

/* NAME:VALUE, NAME:NAME:VALUE, or only an identifier that no property has: the next of the list */
static bool add_property(const struct corpus_place *place, void *field, const char *text)
{
    struct mqtt_v5_properties *properties = field;
    struct mqtt_v5_property *property =
        corpus_entry(place, &properties->list, properties->count++, sizeof *property);
    const size_t length = strcspn(text, ":");
    char *value;
    bool is_set;

    property->id = property_id(text, length);
    if (property->id == 0) {
        property->id = (uint8_t)corpus_number(place, text, 255);
        return v5_property_kind(property->id) == V5_UNKNOWN;
    }
    if (text[length] == '\0')
        return false;
    value = strdup(text + length + 1);
    is_set = set_value(place, property, value);
    free(value);
    return is_set;
}

static bool set_without(const struct corpus_place *place, void *field, const char *text)
{
    const uint8_t id = property_id(text, strlen(text));
    struct mqtt_v5_properties *properties = field;

    (void)place;
    properties->without |= MQTT_V5_WITHOUT(id);
    return id != 0;
}

static void *new_packet(unsigned type)
{
    struct mqtt_v5_packet *packet = corpus_allocate(1, sizeof *packet);

    packet->type = (enum mqtt_v5_packet_type)type;
    return packet;
}

static void *new_subscription(const struct corpus_place *place, void *packet)
{
    struct mqtt_v5_subscribe *subscribe = &((struct mqtt_v5_packet *)packet)->as.subscribe;

    return corpus_entry(place, &subscribe->subscriptions, subscribe->count++,
                        sizeof subscribe->subscriptions[0]);
}

static void *last_subscription(const struct corpus_place *place, void *packet)
{
    struct mqtt_v5_subscribe *subscribe = &((struct mqtt_v5_packet *)packet)->as.subscribe;

    return corpus_entry(place, &subscribe->subscriptions, subscribe->count - 1,
                        sizeof subscribe->subscriptions[0]);
}

static void *new_filter(const struct corpus_place *place, void *packet)
{
    struct mqtt_v5_unsubscribe *unsubscribe = &((struct mqtt_v5_packet *)packet)->as.unsubscribe;

    return corpus_entry(place, &unsubscribe->filters, unsubscribe->count++,
                        sizeof unsubscribe->filters[0]);
}

static bool set_reason_codes(const struct corpus_place *place, void *field, const char *text)
{
    struct mqtt_v5_suback *suback = field;
    struct mqtt_bytes codes;

    corpus_set_bytes(place, &codes, text);
    suback->reason_codes = codes.data;
    suback->count = codes.length;
    return true;
}

#define OF(type)                (1u << MQTT_V5_##type)
#define ACKS                    (OF(PUBACK) | OF(PUBREC) | OF(PUBREL) | OF(PUBCOMP))
#define SUBACKS                 (OF(SUBACK) | OF(UNSUBACK))
#define ENDS                    (OF(DISCONNECT) | OF(AUTH))
#define IN_PACKET(member)       offsetof(struct mqtt_v5_packet, as.member), NULL
#define IN_SUBSCRIPTION(member) offsetof(struct mqtt_v5_subscription, member)
#define PROPERTIES(types, prefix, member)                                                          \
    {types, prefix "property", add_property, IN_PACKET(member)},                                   \
        {types, prefix "without", set_without, IN_PACKET(member)},                                 \
    {                                                                                              \
        types, prefix "properties_encoded", corpus_set_bytes, IN_PACKET(member.encoded)            \
    }

static const struct corpus_field fields[] = {
    {OF(CONNECT), "client_id", corpus_set_string, IN_PACKET(connect.client_id)},
    {OF(CONNECT), "keep_alive", corpus_set_u16, IN_PACKET(connect.keep_alive)},
    {OF(CONNECT), "clean_start", corpus_set_flag, IN_PACKET(connect.clean_start)},
    PROPERTIES(OF(CONNECT), "", connect.properties),
    {OF(CONNECT), "will_topic", corpus_set_present, IN_PACKET(connect.has_will)},
    {OF(CONNECT), "will_topic", corpus_set_string, IN_PACKET(connect.will.topic)},
    {OF(CONNECT), "will_payload", corpus_set_bytes, IN_PACKET(connect.will.payload)},
    {OF(CONNECT), "will_qos", corpus_set_u8, IN_PACKET(connect.will.qos)},
    {OF(CONNECT), "will_retain", corpus_set_flag, IN_PACKET(connect.will.retain)},
    PROPERTIES(OF(CONNECT), "will_", connect.will.properties),
    {OF(CONNECT), "user_name", corpus_set_present, IN_PACKET(connect.has_user_name)},
    {OF(CONNECT), "user_name", corpus_set_string, IN_PACKET(connect.user_name)},
    {OF(CONNECT), "password", corpus_set_present, IN_PACKET(connect.has_password)},
    {OF(CONNECT), "password", corpus_set_bytes, IN_PACKET(connect.password)},
    {OF(CONNACK), "session_present", corpus_set_flag, IN_PACKET(connack.session_present)},
    {OF(CONNACK), "reason_code", corpus_set_u8, IN_PACKET(connack.reason_code)},
    PROPERTIES(OF(CONNACK), "", connack.properties),
    {OF(PUBLISH), "topic", corpus_set_string, IN_PACKET(publish.topic)},
    {OF(PUBLISH), "payload", corpus_set_bytes, IN_PACKET(publish.payload)},
    {OF(PUBLISH), "payload_length", corpus_set_size, IN_PACKET(publish.payload.length)},
    {OF(PUBLISH), "packet_id", corpus_set_u16, IN_PACKET(publish.packet_id)},
    {OF(PUBLISH), "qos", corpus_set_u8, IN_PACKET(publish.qos)},
    {OF(PUBLISH), "dup", corpus_set_flag, IN_PACKET(publish.dup)},
    {OF(PUBLISH), "retain", corpus_set_flag, IN_PACKET(publish.retain)},
    PROPERTIES(OF(PUBLISH), "", publish.properties),
    {ACKS, "packet_id", corpus_set_u16, IN_PACKET(ack.packet_id)},
    {ACKS, "reason_code", corpus_set_u8, IN_PACKET(ack.reason_code)},
    PROPERTIES(ACKS, "", ack.properties),
    {OF(SUBSCRIBE), "packet_id", corpus_set_u16, IN_PACKET(subscribe.packet_id)},
    {OF(SUBSCRIBE), "encoded", corpus_set_bytes, IN_PACKET(subscribe.encoded)},
    {OF(SUBSCRIBE), "filter", corpus_set_string, IN_SUBSCRIPTION(filter), new_subscription},
    {OF(SUBSCRIBE), "qos", corpus_set_u8, IN_SUBSCRIPTION(qos), last_subscription},
    {OF(SUBSCRIBE), "no_local", corpus_set_flag, IN_SUBSCRIPTION(no_local), last_subscription},
    {OF(SUBSCRIBE), "retain_as_published", corpus_set_flag, IN_SUBSCRIPTION(retain_as_published),
     last_subscription},
    {OF(SUBSCRIBE), "retain_handling", corpus_set_u8, IN_SUBSCRIPTION(retain_handling),
     last_subscription},
    PROPERTIES(OF(SUBSCRIBE), "", subscribe.properties),
    {SUBACKS, "packet_id", corpus_set_u16, IN_PACKET(suback.packet_id)},
    {SUBACKS, "reason_codes", set_reason_codes, IN_PACKET(suback)},
    PROPERTIES(SUBACKS, "", suback.properties),
    {OF(UNSUBSCRIBE), "packet_id", corpus_set_u16, IN_PACKET(unsubscribe.packet_id)},
    {OF(UNSUBSCRIBE), "encoded", corpus_set_bytes, IN_PACKET(unsubscribe.encoded)},
    {OF(UNSUBSCRIBE), "filter", corpus_set_string, 0, new_filter},
    PROPERTIES(OF(UNSUBSCRIBE), "", unsubscribe.properties),
    {ENDS, "reason_code", corpus_set_u8, IN_PACKET(disconnect.reason_code)},
    PROPERTIES(ENDS, "", disconnect.properties),
};

const struct corpus_case *corpus_v5_read(const char *path, size_t *count)
{
    const struct corpus_version version = {corpus_v5_statuses, corpus_v5_status_count, fields,
                                           sizeof fields / sizeof fields[0], new_packet};

    return corpus_read_version(path, &version, count);
}
