#define _POSIX_C_SOURCE 200809L
#include "corpus.h"

#include <stdio.h>

#define STATUS(name)                                                                               \
    {                                                                                              \
#name, MQTT_ERROR_##name                                                                   \
    }

const struct corpus_status corpus_statuses[] = {
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
    STATUS(PASSWORD_WITHOUT_USER_NAME),
    STATUS(CLIENT_ID),
    STATUS(WILL_MISSING),
    STATUS(USER_NAME_MISSING),
    STATUS(PASSWORD_MISSING),
    STATUS(CONNACK_FLAGS),
    STATUS(SESSION_PRESENT),
    STATUS(CONNECT_RETURN_CODE),
    STATUS(DUP),
    STATUS(QOS),
    STATUS(SUBSCRIBE_NO_FILTER),
    STATUS(REQUESTED_QOS_MISSING),
    STATUS(REQUESTED_QOS),
    STATUS(SUBACK_NO_RETURN_CODE),
    STATUS(SUBACK_RETURN_CODE),
    STATUS(UNSUBSCRIBE_NO_FILTER),
    STATUS(TOPIC_EMPTY),
    STATUS(TOPIC_NAME_WILDCARD),
    STATUS(FILTER_MULTI_LEVEL),
    STATUS(FILTER_SINGLE_LEVEL),
    STATUS(PAYLOAD_MISSING),
};
const size_t corpus_status_count = sizeof corpus_statuses / sizeof corpus_statuses[0];

/* Where the reader is, for what it has to say of a fault. */
struct place {
    const char *path;
    unsigned line;
};

static void end_with(const struct place *place, const char *fault, const char *text)
{
    fprintf(stderr, "%s:%u: %s: %s\n", place->path, place->line, fault, text);
    exit(EXIT_FAILURE);
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size);

    if (memory == NULL)
        abort();
    return memory;
}

static unsigned long number(const struct place *place, const char *text, unsigned long largest)
{
    char *end;
    const unsigned long value = strtoul(text, &end, 10);

    if (end == text || *end != '\0' || value > largest)
        end_with(place, "not a number up to what this field holds", text);
    return value;
}

static bool flag(const struct place *place, const char *text)
{
    return number(place, text, 1) == 1;
}

static struct mqtt_bytes binary(const char *text)
{
    const struct test_block block = test_parse(text);
    const struct mqtt_bytes bytes = {block.bytes, block.length};

    return bytes;
}

static struct mqtt_string string(const char *text)
{
    const struct test_block block = test_parse(text);
    const struct mqtt_string result = {(const char *)block.bytes, block.length};

    return result;
}

/* Cuts the next word, which blanks in quotes do not end, off the text; NULL: there is none. */
static char *next_word(char **text)
{
    char *word = *text + strspn(*text, " ");
    char *end = word;
    bool quoted = false;

    if (*word == '\0')
        return NULL;
    while (*end != '\0' && (quoted || *end != ' ')) {
        quoted = quoted != (*end == '\'');
        end++;
    }
    *text = *end == '\0' ? end : end + 1;
    *end = '\0';
    return word;
}

typedef bool set_field(const struct place *place, struct mqtt_packet *packet, const char *key,
                       const char *value);

static bool set_connect(const struct place *place, struct mqtt_packet *packet, const char *key,
                        const char *value)
{
    struct mqtt_connect *connect = &packet->as.connect;

    if (strcmp(key, "client_id") == 0) {
        connect->client_id = string(value);
    } else if (strcmp(key, "keep_alive") == 0) {
        connect->keep_alive = (uint16_t)number(place, value, 65535);
    } else if (strcmp(key, "clean_session") == 0) {
        connect->clean_session = flag(place, value);
    } else if (strcmp(key, "will_topic") == 0) {
        connect->has_will = true;
        connect->will.topic = string(value);
    } else if (strcmp(key, "will_message") == 0) {
        connect->will.message = binary(value);
    } else if (strcmp(key, "will_qos") == 0) {
        connect->will.qos = (uint8_t)number(place, value, 255);
    } else if (strcmp(key, "will_retain") == 0) {
        connect->will.retain = flag(place, value);
    } else if (strcmp(key, "user_name") == 0) {
        connect->has_user_name = true;
        connect->user_name = string(value);
    } else if (strcmp(key, "password") == 0) {
        connect->has_password = true;
        connect->password = binary(value);
    } else {
        return false;
    }
    return true;
}

static bool set_connack(const struct place *place, struct mqtt_packet *packet, const char *key,
                        const char *value)
{
    if (strcmp(key, "session_present") == 0)
        packet->as.connack.session_present = flag(place, value);
    else if (strcmp(key, "return_code") == 0)
        packet->as.connack.return_code = (uint8_t)number(place, value, 255);
    else
        return false;
    return true;
}

static bool set_publish(const struct place *place, struct mqtt_packet *packet, const char *key,
                        const char *value)
{
    struct mqtt_publish *publish = &packet->as.publish;

    if (strcmp(key, "topic") == 0)
        publish->topic = string(value);
    else if (strcmp(key, "payload") == 0)
        publish->payload = binary(value);
    else if (strcmp(key, "payload_length") == 0)
        publish->payload.length = number(place, value, UINT32_MAX);
    else if (strcmp(key, "packet_id") == 0)
        publish->packet_id = (uint16_t)number(place, value, 65535);
    else if (strcmp(key, "qos") == 0)
        publish->qos = (uint8_t)number(place, value, 255);
    else if (strcmp(key, "dup") == 0)
        publish->dup = flag(place, value);
    else if (strcmp(key, "retain") == 0)
        publish->retain = flag(place, value);
    else
        return false;
    return true;
}

static bool set_ack(const struct place *place, struct mqtt_packet *packet, const char *key,
                    const char *value)
{
    if (strcmp(key, "packet_id") != 0)
        return false;
    packet->as.ack.packet_id = (uint16_t)number(place, value, 65535);
    return true;
}

/* A filter begins the next entry of a list of at most 16; its QoS follows it. */
#define LONGEST_LIST 16u

static bool set_subscribe(const struct place *place, struct mqtt_packet *packet, const char *key,
                          const char *value)
{
    struct mqtt_subscribe *subscribe = &packet->as.subscribe;
    struct mqtt_subscription *list = NULL;

    if (subscribe->subscriptions == NULL && strcmp(key, "filter") == 0)
        subscribe->subscriptions = allocate(LONGEST_LIST, sizeof *list);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): the pointer is copied, for want of its const */
    memcpy(&list, &subscribe->subscriptions, sizeof list);
    if (strcmp(key, "packet_id") == 0)
        subscribe->packet_id = (uint16_t)number(place, value, 65535);
    else if (strcmp(key, "encoded") == 0)
        subscribe->encoded = binary(value);
    else if (strcmp(key, "filter") == 0 && subscribe->count < LONGEST_LIST)
        list[subscribe->count++].filter = string(value);
    else if (strcmp(key, "qos") == 0 && subscribe->count > 0)
        list[subscribe->count - 1].qos = (uint8_t)number(place, value, 255);
    else
        return false;
    return true;
}

static bool set_suback(const struct place *place, struct mqtt_packet *packet, const char *key,
                       const char *value)
{
    struct mqtt_bytes codes;

    if (strcmp(key, "packet_id") == 0) {
        packet->as.suback.packet_id = (uint16_t)number(place, value, 65535);
        return true;
    }
    if (strcmp(key, "return_codes") != 0)
        return false;
    codes = binary(value);
    packet->as.suback.return_codes = codes.data;
    packet->as.suback.count = codes.length;
    return true;
}

static bool set_unsubscribe(const struct place *place, struct mqtt_packet *packet, const char *key,
                            const char *value)
{
    struct mqtt_unsubscribe *unsubscribe = &packet->as.unsubscribe;
    struct mqtt_string *list = NULL;

    if (unsubscribe->filters == NULL && strcmp(key, "filter") == 0)
        unsubscribe->filters = allocate(LONGEST_LIST, sizeof *list);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): the pointer is copied, for want of its const */
    memcpy(&list, &unsubscribe->filters, sizeof list);
    if (strcmp(key, "packet_id") == 0)
        unsubscribe->packet_id = (uint16_t)number(place, value, 65535);
    else if (strcmp(key, "encoded") == 0)
        unsubscribe->encoded = binary(value);
    else if (strcmp(key, "filter") == 0 && unsubscribe->count < LONGEST_LIST)
        list[unsubscribe->count++] = string(value);
    else
        return false;
    return true;
}

static bool set_nothing(const struct place *place, struct mqtt_packet *packet, const char *key,
                        const char *value)
{
    (void)place;
    (void)packet;
    (void)key;
    (void)value;
    return false;
}

struct packet_type {
    const char *name;
    enum mqtt_packet_type type;
    set_field *set;
};

static const struct packet_type packet_types[] = {
    {"CONNECT", MQTT_CONNECT, set_connect},   {"CONNACK", MQTT_CONNACK, set_connack},
    {"PUBLISH", MQTT_PUBLISH, set_publish},   {"PUBACK", MQTT_PUBACK, set_ack},
    {"PUBREC", MQTT_PUBREC, set_ack},         {"PUBREL", MQTT_PUBREL, set_ack},
    {"PUBCOMP", MQTT_PUBCOMP, set_ack},       {"SUBSCRIBE", MQTT_SUBSCRIBE, set_subscribe},
    {"SUBACK", MQTT_SUBACK, set_suback},      {"UNSUBSCRIBE", MQTT_UNSUBSCRIBE, set_unsubscribe},
    {"UNSUBACK", MQTT_UNSUBACK, set_ack},     {"PINGREQ", MQTT_PINGREQ, set_nothing},
    {"PINGRESP", MQTT_PINGRESP, set_nothing}, {"DISCONNECT", MQTT_DISCONNECT, set_nothing},
};

/* TYPE key=value ... */
static void read_packet(const struct place *place, struct corpus_case *item, char *text)
{
    const char *type = next_word(&text);
    char *word;
    size_t i = 0;

    if (type == NULL || item->has_packet)
        end_with(place, "no packet, or a second one", item->name);
    while (i < sizeof packet_types / sizeof packet_types[0] &&
           strcmp(packet_types[i].name, type) != 0)
        i++;
    if (i == sizeof packet_types / sizeof packet_types[0])
        end_with(place, "no packet type", type);
    item->has_packet = true;
    item->packet.type = packet_types[i].type;
    while ((word = next_word(&text)) != NULL) {
        char *value = strchr(word, '=');
        if (value == NULL)
            end_with(place, "no key=value", word);
        *value++ = '\0';
        if (!packet_types[i].set(place, &item->packet, word, value))
            end_with(place, "no field of this packet", word);
    }
}

/* STATUS, or STATUS at OFFSET */
static void read_status(const struct place *place, struct corpus_case *item, char *text)
{
    const char *name = next_word(&text);
    const char *at = next_word(&text);
    const char *offset = next_word(&text);
    size_t i = 0;

    while (i < corpus_status_count && (name == NULL || strcmp(corpus_statuses[i].name, name) != 0))
        i++;
    if (i == corpus_status_count)
        end_with(place, "no status", name == NULL ? "" : name);
    item->status = corpus_statuses[i].status;
    if (item->has_bytes != (at != NULL && strcmp(at, "at") == 0 && offset != NULL))
        end_with(place, "bytes without an offset, or an offset without bytes", item->name);
    if (item->has_bytes)
        item->offset = (uint32_t)number(place, offset, UINT32_MAX);
}

/* A line of a case: a keyword and what stands behind it. */
static void read_line(const struct place *place, struct corpus_case *item, char *text)
{
    const char *keyword = next_word(&text);

    text += strspn(text, " ");
    if (strcmp(keyword, "clause") == 0) {
        item->clauses = strdup(text);
    } else if (strcmp(keyword, "bytes") == 0) {
        item->bytes = test_parse(text);
        item->canonical = item->bytes;
        item->has_bytes = true;
    } else if (strcmp(keyword, "shortest") == 0) {
        item->canonical = test_parse(text);
    } else if (strcmp(keyword, "accept") == 0 || strcmp(keyword, "encode") == 0) {
        read_packet(place, item, text);
    } else if (strcmp(keyword, "reject") == 0) {
        read_status(place, item, text);
    } else if (strcmp(keyword, "incomplete") == 0) {
        item->status = MQTT_PACKET_INCOMPLETE;
    } else {
        end_with(place, "no keyword", keyword);
    }
}

static void check_case(const struct place *place, const struct corpus_case *item)
{
    if (item->clauses == NULL)
        end_with(place, "no clause", item->name);
    if (item->status == 0 ? !item->has_bytes || !item->has_packet
                          : !item->has_bytes && !item->has_packet)
        end_with(place, "says too little", item->name);
}

const struct corpus_case *corpus_read(const char *path, size_t *count)
{
    struct place place = {path, 0};
    const size_t most = 2000;
    struct corpus_case *cases = allocate(most, sizeof *cases);
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t length;

    *count = 0;
    if (file == NULL)
        end_with(&place, "cannot be opened", path);
    while ((length = getline(&line, &room, file)) > 0) {
        struct corpus_case *item = &cases[*count];
        place.line++;
        line[length - 1] = '\0';
        if (line[0] == '#' || (line[0] == '\0' && item->name == NULL))
            continue;
        if (line[0] == '\0') {
            check_case(&place, item);
            *count += 1;
        } else if (item->name != NULL) {
            read_line(&place, item, line);
        } else if (strncmp(line, "packet  ", 8) == 0 && *count < most - 1) {
            item->name = strdup(line + 8);
            item->line = place.line;
        } else {
            end_with(&place, "no case begins like this, or there are too many", line);
        }
    }
    if (*count == 0 || cases[*count].name != NULL)
        end_with(&place, "no empty line behind the last case", path);
    free(line);
    fclose(file);
    return cases;
}
