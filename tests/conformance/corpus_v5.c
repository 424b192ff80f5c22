#define _POSIX_C_SOURCE 200809L
#include "corpus_v5.h"
#include "support_v5.h"

#define STATUS(name)                                                                               \
    {                                                                                              \
#name, MQTT_ERROR_##name                                                                   \
    }

const struct corpus_status corpus_v5_statuses[] = {
    {"INCOMPLETE", MQTT_PACKET_INCOMPLETE},
    STATUS(BUFFER_TOO_SMALL),
    STATUS(PACKET_TOO_LARGE),
    STATUS(RESERVED_TYPE),
    STATUS(TYPE),
    STATUS(DIRECTION),
    STATUS(FLAGS),
    STATUS(REMAINING_LENGTH),
    STATUS(TRAILING_BYTES),
    STATUS(FIELD_PAST_END),
    STATUS(FIELD_TOO_LONG),
    STATUS(ILL_FORMED_UTF8),
    STATUS(NULL_CHARACTER),
    STATUS(PACKET_ID_MISSING),
    STATUS(PACKET_ID_ZERO),
    STATUS(PACKET_ID_AT_QOS_0),
    STATUS(PROTOCOL_NAME),
    STATUS(PROTOCOL_LEVEL),
    STATUS(CONNECT_RESERVED_FLAG),
    STATUS(WILL_QOS_WITHOUT_WILL),
    STATUS(WILL_RETAIN_WITHOUT_WILL),
    STATUS(WILL_QOS),
    STATUS(WILL_MISSING),
    STATUS(USER_NAME_MISSING),
    STATUS(PASSWORD_MISSING),
    STATUS(CONNACK_FLAGS),
    STATUS(SESSION_PRESENT),
    STATUS(DUP),
    STATUS(QOS),
    STATUS(SUBSCRIBE_NO_FILTER),
    STATUS(REQUESTED_QOS_MISSING),
    STATUS(REQUESTED_QOS),
    STATUS(SUBACK_NO_RETURN_CODE),
    STATUS(UNSUBSCRIBE_NO_FILTER),
    STATUS(TOPIC_EMPTY),
    STATUS(TOPIC_NAME_WILDCARD),
    STATUS(FILTER_MULTI_LEVEL),
    STATUS(FILTER_SINGLE_LEVEL),
    STATUS(PAYLOAD_MISSING),
    STATUS(INTEGER_NOT_SHORTEST),
    STATUS(INTEGER_TOO_LONG),
    STATUS(PROPERTIES_MISSING),
    STATUS(PROPERTIES_PAST_END),
    STATUS(PROPERTY_ID),
    STATUS(PROPERTY_DIRECTION),
    STATUS(PROPERTY_CUT),
    STATUS(PROPERTY_TWICE),
    STATUS(PROPERTY_VALUE),
    STATUS(TOPIC_ALIAS_ZERO),
    STATUS(TOPIC_MISSING),
    STATUS(AUTHENTICATION_METHOD),
    STATUS(REASON_CODE),
    STATUS(SUBSCRIPTION_OPTIONS),
    STATUS(RETAIN_HANDLING),
    STATUS(NO_LOCAL_SHARED),
    STATUS(SHARE_NAME),
};
const size_t corpus_v5_status_count = sizeof corpus_v5_statuses / sizeof corpus_v5_statuses[0];

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
        property->as.string = corpus_string(value);
        return true;
    case V5_BYTES:
        property->as.bytes = corpus_bytes(value);
        return true;
    case V5_PAIR:
        colon = find_colon(value);
        if (colon == NULL)
            return false;
        *colon = '\0';
        property->as.pair.name = corpus_string(value);
        property->as.pair.value = corpus_string(colon + 1);
        return true;
    default:
        property->as.number = (uint32_t)corpus_number(place, value, UINT32_MAX);
        return true;
    }
}

/* NAME:VALUE, NAME:NAME:VALUE, or only an identifier that no property has */
static bool read_property(const struct corpus_place *place, struct mqtt_v5_property *property,
                          const char *text)
{
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

/* A list of at most this many entries; of filters too. */
#define LONGEST_LIST 64u

static bool set_properties(const struct corpus_place *place, struct mqtt_v5_properties *properties,
                           const char *key, const char *value)
{
    struct mqtt_v5_property *list = NULL;

    if (strcmp(key, "properties_encoded") == 0) {
        properties->encoded = corpus_bytes(value);
        return true;
    }
    if (strcmp(key, "without") == 0) {
        const uint8_t id = property_id(value, strlen(value));
        properties->without |= MQTT_V5_WITHOUT(id);
        return id != 0;
    }
    if (strcmp(key, "property") != 0 || properties->count == LONGEST_LIST)
        return false;
    if (properties->list == NULL)
        properties->list = corpus_allocate(LONGEST_LIST, sizeof *list);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): the pointer is copied, for want of its const */
    memcpy(&list, &properties->list, sizeof list);
    return read_property(place, &list[properties->count++], value);
}

static bool set_will(const struct corpus_place *place, struct mqtt_v5_connect *connect,
                     const char *key, const char *value)
{
    struct mqtt_v5_will *will = &connect->will;

    if (strcmp(key, "topic") == 0) {
        connect->has_will = true;
        will->topic = corpus_string(value);
    } else if (strcmp(key, "payload") == 0) {
        will->payload = corpus_bytes(value);
    } else if (strcmp(key, "qos") == 0) {
        will->qos = (uint8_t)corpus_number(place, value, 255);
    } else if (strcmp(key, "retain") == 0) {
        will->retain = corpus_flag(place, value);
    } else {
        return set_properties(place, &will->properties, key, value);
    }
    return true;
}

static bool set_connect(const struct corpus_place *place, void *packet, const char *key,
                        const char *value)
{
    struct mqtt_v5_connect *connect = &((struct mqtt_v5_packet *)packet)->as.connect;

    if (strncmp(key, "will_", 5) == 0)
        return set_will(place, connect, key + 5, value);
    if (strcmp(key, "client_id") == 0) {
        connect->client_id = corpus_string(value);
    } else if (strcmp(key, "keep_alive") == 0) {
        connect->keep_alive = (uint16_t)corpus_number(place, value, 65535);
    } else if (strcmp(key, "clean_start") == 0) {
        connect->clean_start = corpus_flag(place, value);
    } else if (strcmp(key, "user_name") == 0) {
        connect->has_user_name = true;
        connect->user_name = corpus_string(value);
    } else if (strcmp(key, "password") == 0) {
        connect->has_password = true;
        connect->password = corpus_bytes(value);
    } else {
        return set_properties(place, &connect->properties, key, value);
    }
    return true;
}

static bool set_connack(const struct corpus_place *place, void *packet, const char *key,
                        const char *value)
{
    struct mqtt_v5_connack *connack = &((struct mqtt_v5_packet *)packet)->as.connack;

    if (strcmp(key, "session_present") == 0)
        connack->session_present = corpus_flag(place, value);
    else if (strcmp(key, "reason_code") == 0)
        connack->reason_code = (uint8_t)corpus_number(place, value, 255);
    else
        return set_properties(place, &connack->properties, key, value);
    return true;
}

static bool set_publish(const struct corpus_place *place, void *packet, const char *key,
                        const char *value)
{
    struct mqtt_v5_publish *publish = &((struct mqtt_v5_packet *)packet)->as.publish;

    if (strcmp(key, "topic") == 0)
        publish->topic = corpus_string(value);
    else if (strcmp(key, "payload") == 0)
        publish->payload = corpus_bytes(value);
    else if (strcmp(key, "payload_length") == 0)
        publish->payload.length = corpus_number(place, value, UINT32_MAX);
    else if (strcmp(key, "packet_id") == 0)
        publish->packet_id = (uint16_t)corpus_number(place, value, 65535);
    else if (strcmp(key, "qos") == 0)
        publish->qos = (uint8_t)corpus_number(place, value, 255);
    else if (strcmp(key, "dup") == 0)
        publish->dup = corpus_flag(place, value);
    else if (strcmp(key, "retain") == 0)
        publish->retain = corpus_flag(place, value);
    else
        return set_properties(place, &publish->properties, key, value);
    return true;
}

static bool set_ack(const struct corpus_place *place, void *packet, const char *key,
                    const char *value)
{
    struct mqtt_v5_ack *ack = &((struct mqtt_v5_packet *)packet)->as.ack;

    if (strcmp(key, "packet_id") == 0)
        ack->packet_id = (uint16_t)corpus_number(place, value, 65535);
    else if (strcmp(key, "reason_code") == 0)
        ack->reason_code = (uint8_t)corpus_number(place, value, 255);
    else
        return set_properties(place, &ack->properties, key, value);
    return true;
}

/* A filter begins the next entry of the list; its options follow it. */
static bool set_subscription(const struct corpus_place *place,
                             struct mqtt_v5_subscription *subscription, const char *key,
                             const char *value)
{
    if (strcmp(key, "qos") == 0)
        subscription->qos = (uint8_t)corpus_number(place, value, 255);
    else if (strcmp(key, "no_local") == 0)
        subscription->no_local = corpus_flag(place, value);
    else if (strcmp(key, "retain_as_published") == 0)
        subscription->retain_as_published = corpus_flag(place, value);
    else if (strcmp(key, "retain_handling") == 0)
        subscription->retain_handling = (uint8_t)corpus_number(place, value, 255);
    else
        return false;
    return true;
}

static bool set_subscribe(const struct corpus_place *place, void *packet, const char *key,
                          const char *value)
{
    struct mqtt_v5_subscribe *subscribe = &((struct mqtt_v5_packet *)packet)->as.subscribe;
    struct mqtt_v5_subscription *list = NULL;

    if (subscribe->subscriptions == NULL && strcmp(key, "filter") == 0)
        subscribe->subscriptions = corpus_allocate(LONGEST_LIST, sizeof *list);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): the pointer is copied, for want of its const */
    memcpy(&list, &subscribe->subscriptions, sizeof list);
    if (strcmp(key, "packet_id") == 0)
        subscribe->packet_id = (uint16_t)corpus_number(place, value, 65535);
    else if (strcmp(key, "encoded") == 0)
        subscribe->encoded = corpus_bytes(value);
    else if (strcmp(key, "filter") == 0 && subscribe->count < LONGEST_LIST)
        list[subscribe->count++].filter = corpus_string(value);
    else
        return (subscribe->count > 0 &&
                set_subscription(place, &list[subscribe->count - 1], key, value)) ||
               set_properties(place, &subscribe->properties, key, value);
    return true;
}

/* SUBACK and UNSUBACK */
static bool set_suback(const struct corpus_place *place, void *packet, const char *key,
                       const char *value)
{
    struct mqtt_v5_suback *suback = &((struct mqtt_v5_packet *)packet)->as.suback;

    if (strcmp(key, "packet_id") == 0) {
        suback->packet_id = (uint16_t)corpus_number(place, value, 65535);
    } else if (strcmp(key, "reason_codes") == 0) {
        const struct mqtt_bytes codes = corpus_bytes(value);
        suback->reason_codes = codes.data;
        suback->count = codes.length;
    } else {
        return set_properties(place, &suback->properties, key, value);
    }
    return true;
}

static bool set_unsubscribe(const struct corpus_place *place, void *packet, const char *key,
                            const char *value)
{
    struct mqtt_v5_unsubscribe *unsubscribe = &((struct mqtt_v5_packet *)packet)->as.unsubscribe;
    struct mqtt_string *list = NULL;

    if (unsubscribe->filters == NULL && strcmp(key, "filter") == 0)
        unsubscribe->filters = corpus_allocate(LONGEST_LIST, sizeof *list);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): the pointer is copied, for want of its const */
    memcpy(&list, &unsubscribe->filters, sizeof list);
    if (strcmp(key, "packet_id") == 0)
        unsubscribe->packet_id = (uint16_t)corpus_number(place, value, 65535);
    else if (strcmp(key, "encoded") == 0)
        unsubscribe->encoded = corpus_bytes(value);
    else if (strcmp(key, "filter") == 0 && unsubscribe->count < LONGEST_LIST)
        list[unsubscribe->count++] = corpus_string(value);
    else
        return set_properties(place, &unsubscribe->properties, key, value);
    return true;
}

/* DISCONNECT and AUTH */
static bool set_disconnect(const struct corpus_place *place, void *packet, const char *key,
                           const char *value)
{
    struct mqtt_v5_disconnect *disconnect = &((struct mqtt_v5_packet *)packet)->as.disconnect;

    if (strcmp(key, "reason_code") != 0)
        return set_properties(place, &disconnect->properties, key, value);
    disconnect->reason_code = (uint8_t)corpus_number(place, value, 255);
    return true;
}

static bool set_nothing(const struct corpus_place *place, void *packet, const char *key,
                        const char *value)
{
    (void)place;
    (void)packet;
    (void)key;
    (void)value;
    return false;
}

static const struct {
    const char *name;
    enum mqtt_v5_packet_type type;
    corpus_set_field *set;
} packet_types[] = {
    {"CONNECT", MQTT_V5_CONNECT, set_connect},
    {"CONNACK", MQTT_V5_CONNACK, set_connack},
    {"PUBLISH", MQTT_V5_PUBLISH, set_publish},
    {"PUBACK", MQTT_V5_PUBACK, set_ack},
    {"PUBREC", MQTT_V5_PUBREC, set_ack},
    {"PUBREL", MQTT_V5_PUBREL, set_ack},
    {"PUBCOMP", MQTT_V5_PUBCOMP, set_ack},
    {"SUBSCRIBE", MQTT_V5_SUBSCRIBE, set_subscribe},
    {"SUBACK", MQTT_V5_SUBACK, set_suback},
    {"UNSUBSCRIBE", MQTT_V5_UNSUBSCRIBE, set_unsubscribe},
    {"UNSUBACK", MQTT_V5_UNSUBACK, set_suback},
    {"PINGREQ", MQTT_V5_PINGREQ, set_nothing},
    {"PINGRESP", MQTT_V5_PINGRESP, set_nothing},
    {"DISCONNECT", MQTT_V5_DISCONNECT, set_disconnect},
    {"AUTH", MQTT_V5_AUTH, set_disconnect},
};

static void *new_packet(const char *type, corpus_set_field **set)
{
    size_t i;

    for (i = 0; i < sizeof packet_types / sizeof packet_types[0]; i++) {
        if (strcmp(packet_types[i].name, type) == 0) {
            struct mqtt_v5_packet *packet = corpus_allocate(1, sizeof *packet);
            packet->type = packet_types[i].type;
            *set = packet_types[i].set;
            return packet;
        }
    }
    return NULL;
}

const struct corpus_case *corpus_v5_read(const char *path, size_t *count)
{
    const struct corpus_version version = {corpus_v5_statuses, corpus_v5_status_count, new_packet};

    return corpus_read_version(path, &version, count);
}
