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

void corpus_end_with(const struct corpus_place *place, const char *fault, const char *text)
{
    fprintf(stderr, "%s:%u: %s: %s\n", place->path, place->line, fault, text);
    exit(EXIT_FAILURE);
}

void *corpus_allocate(size_t count, size_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size);

    if (memory == NULL)
        abort();
    return memory;
}

unsigned long corpus_number(const struct corpus_place *place, const char *text,
                            unsigned long largest)
{
    char *end;
    const unsigned long value = strtoul(text, &end, 0);

    if (end == text || *end != '\0' || value > largest)
        corpus_end_with(place, "not a number up to what this field holds", text);
    return value;
}

bool corpus_flag(const struct corpus_place *place, const char *text)
{
    return corpus_number(place, text, 1) == 1;
}

struct mqtt_bytes corpus_bytes(const char *text)
{
    const struct test_block block = test_parse(text);
    const struct mqtt_bytes bytes = {block.bytes, block.length};

    return bytes;
}

struct mqtt_string corpus_string(const char *text)
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

static bool set_connect(const struct corpus_place *place, void *packet, const char *key,
                        const char *value)
{
    struct mqtt_connect *connect = &((struct mqtt_packet *)packet)->as.connect;

    if (strcmp(key, "client_id") == 0) {
        connect->client_id = corpus_string(value);
    } else if (strcmp(key, "keep_alive") == 0) {
        connect->keep_alive = (uint16_t)corpus_number(place, value, 65535);
    } else if (strcmp(key, "clean_session") == 0) {
        connect->clean_session = corpus_flag(place, value);
    } else if (strcmp(key, "will_topic") == 0) {
        connect->has_will = true;
        connect->will.topic = corpus_string(value);
    } else if (strcmp(key, "will_message") == 0) {
        connect->will.message = corpus_bytes(value);
    } else if (strcmp(key, "will_qos") == 0) {
        connect->will.qos = (uint8_t)corpus_number(place, value, 255);
    } else if (strcmp(key, "will_retain") == 0) {
        connect->will.retain = corpus_flag(place, value);
    } else if (strcmp(key, "user_name") == 0) {
        connect->has_user_name = true;
        connect->user_name = corpus_string(value);
    } else if (strcmp(key, "password") == 0) {
        connect->has_password = true;
        connect->password = corpus_bytes(value);
    } else {
        return false;
    }
    return true;
}

static bool set_connack(const struct corpus_place *place, void *packet, const char *key,
                        const char *value)
{
    struct mqtt_connack *connack = &((struct mqtt_packet *)packet)->as.connack;

    if (strcmp(key, "session_present") == 0)
        connack->session_present = corpus_flag(place, value);
    else if (strcmp(key, "return_code") == 0)
        connack->return_code = (uint8_t)corpus_number(place, value, 255);
    else
        return false;
    return true;
}

static bool set_publish(const struct corpus_place *place, void *packet, const char *key,
                        const char *value)
{
    struct mqtt_publish *publish = &((struct mqtt_packet *)packet)->as.publish;

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
        return false;
    return true;
}

static bool set_ack(const struct corpus_place *place, void *packet, const char *key,
                    const char *value)
{
    struct mqtt_ack *ack = &((struct mqtt_packet *)packet)->as.ack;

    if (strcmp(key, "packet_id") != 0)
        return false;
    ack->packet_id = (uint16_t)corpus_number(place, value, 65535);
    return true;
}

/* A filter begins the next entry of a list of at most 16; its QoS follows it. */
#define LONGEST_LIST 16u

static bool set_subscribe(const struct corpus_place *place, void *packet, const char *key,
                          const char *value)
{
    struct mqtt_subscribe *subscribe = &((struct mqtt_packet *)packet)->as.subscribe;
    struct mqtt_subscription *list = NULL;

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
    else if (strcmp(key, "qos") == 0 && subscribe->count > 0)
        list[subscribe->count - 1].qos = (uint8_t)corpus_number(place, value, 255);
    else
        return false;
    return true;
}

static bool set_suback(const struct corpus_place *place, void *packet, const char *key,
                       const char *value)
{
    struct mqtt_suback *suback = &((struct mqtt_packet *)packet)->as.suback;
    struct mqtt_bytes codes;

    if (strcmp(key, "packet_id") == 0) {
        suback->packet_id = (uint16_t)corpus_number(place, value, 65535);
        return true;
    }
    if (strcmp(key, "return_codes") != 0)
        return false;
    codes = corpus_bytes(value);
    suback->return_codes = codes.data;
    suback->count = codes.length;
    return true;
}

static bool set_unsubscribe(const struct corpus_place *place, void *packet, const char *key,
                            const char *value)
{
    struct mqtt_unsubscribe *unsubscribe = &((struct mqtt_packet *)packet)->as.unsubscribe;
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
        return false;
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
    enum mqtt_packet_type type;
    corpus_set_field *set;
} packet_types[] = {
    {"CONNECT", MQTT_CONNECT, set_connect},   {"CONNACK", MQTT_CONNACK, set_connack},
    {"PUBLISH", MQTT_PUBLISH, set_publish},   {"PUBACK", MQTT_PUBACK, set_ack},
    {"PUBREC", MQTT_PUBREC, set_ack},         {"PUBREL", MQTT_PUBREL, set_ack},
    {"PUBCOMP", MQTT_PUBCOMP, set_ack},       {"SUBSCRIBE", MQTT_SUBSCRIBE, set_subscribe},
    {"SUBACK", MQTT_SUBACK, set_suback},      {"UNSUBSCRIBE", MQTT_UNSUBSCRIBE, set_unsubscribe},
    {"UNSUBACK", MQTT_UNSUBACK, set_ack},     {"PINGREQ", MQTT_PINGREQ, set_nothing},
    {"PINGRESP", MQTT_PINGRESP, set_nothing}, {"DISCONNECT", MQTT_DISCONNECT, set_nothing},
};

static void *new_packet(const char *type, corpus_set_field **set)
{
    size_t i;

    for (i = 0; i < sizeof packet_types / sizeof packet_types[0]; i++) {
        if (strcmp(packet_types[i].name, type) == 0) {
            struct mqtt_packet *packet = corpus_allocate(1, sizeof *packet);
            packet->type = packet_types[i].type;
            *set = packet_types[i].set;
            return packet;
        }
    }
    return NULL;
}

/* TYPE key=value ... */
static void read_packet(const struct corpus_place *place, const struct corpus_version *version,
                        struct corpus_case *item, char *text)
{
    const char *type = next_word(&text);
    corpus_set_field *set = NULL;
    void *packet = type == NULL ? NULL : version->new_packet(type, &set);
    char *word;

    if (packet == NULL || item->packet != NULL)
        corpus_end_with(place, "no packet of a known type, or a second one", item->name);
    item->packet = packet;
    while ((word = next_word(&text)) != NULL) {
        char *value = strchr(word, '=');
        if (value == NULL)
            corpus_end_with(place, "no key=value", word);
        *value++ = '\0';
        if (!set(place, packet, word, value))
            corpus_end_with(place, "no field of this packet", word);
    }
}

/* STATUS, or STATUS at OFFSET */
static struct corpus_verdict read_verdict(const struct corpus_place *place,
                                          const struct corpus_version *version,
                                          const struct corpus_case *item, char *text)
{
    const char *name = next_word(&text);
    const char *at = next_word(&text);
    const char *offset = next_word(&text);
    struct corpus_verdict verdict = {0, 0};
    size_t i = 0;

    while (i < version->status_count &&
           (name == NULL || strcmp(version->statuses[i].name, name) != 0))
        i++;
    if (i == version->status_count)
        corpus_end_with(place, "no status", name == NULL ? "" : name);
    verdict.status = version->statuses[i].status;
    if (item->has_bytes != (at != NULL && strcmp(at, "at") == 0 && offset != NULL))
        corpus_end_with(place, "bytes without an offset, or an offset without bytes", item->name);
    if (item->has_bytes)
        verdict.offset = (uint32_t)corpus_number(place, offset, UINT32_MAX);
    return verdict;
}

static const struct corpus_verdict *keep(struct corpus_verdict verdict)
{
    struct corpus_verdict *kept = corpus_allocate(1, sizeof *kept);

    *kept = verdict;
    return kept;
}

/* A line of a case: a keyword and what stands after it. */
static void read_line(const struct corpus_place *place, const struct corpus_version *version,
                      struct corpus_case *item, char *text)
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
        read_packet(place, version, item, text);
    } else if (strcmp(keyword, "reject") == 0) {
        const struct corpus_verdict verdict = read_verdict(place, version, item, text);
        item->status = verdict.status;
        item->offset = verdict.offset;
    } else if (strcmp(keyword, "incomplete") == 0) {
        item->status = MQTT_PACKET_INCOMPLETE;
    } else if (strcmp(keyword, "from_client") == 0) {
        item->from_client = keep(read_verdict(place, version, item, text));
    } else if (strcmp(keyword, "from_server") == 0) {
        item->from_server = keep(read_verdict(place, version, item, text));
    } else {
        corpus_end_with(place, "no keyword", keyword);
    }
}

static void check_case(const struct corpus_place *place, const struct corpus_case *item)
{
    if (item->clauses == NULL)
        corpus_end_with(place, "no clause", item->name);
    if (item->status == 0 ? !item->has_bytes || item->packet == NULL
                          : !item->has_bytes && item->packet == NULL)
        corpus_end_with(place, "says too little", item->name);
}

const struct corpus_case *corpus_read_version(const char *path,
                                              const struct corpus_version *version, size_t *count)
{
    struct corpus_place place = {path, 0};
    const size_t most = 2000;
    struct corpus_case *cases = corpus_allocate(most, sizeof *cases);
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t length;

    *count = 0;
    if (file == NULL)
        corpus_end_with(&place, "cannot be opened", path);
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
            read_line(&place, version, item, line);
        } else if (strncmp(line, "packet  ", 8) == 0 && *count < most - 1) {
            item->name = strdup(line + 8);
            item->line = place.line;
        } else {
            corpus_end_with(&place, "no case begins like this, or there are too many", line);
        }
    }
    if (*count == 0 || cases[*count].name != NULL)
        corpus_end_with(&place, "no empty line after the last case", path);
    free(line);
    fclose(file);
    return cases;
}

const struct corpus_case *corpus_read(const char *path, size_t *count)
{
    const struct corpus_version version = {corpus_statuses, corpus_status_count, new_packet};

    return corpus_read_version(path, &version, count);
}
