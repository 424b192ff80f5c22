#define _POSIX_C_SOURCE 200809L
#include "corpus.h"
#include "table_2_1.h"

#include <stdio.h>

#define STATUS(name)                                                                               \
    {                                                                                              \
#name, MQTT_ERROR_##name                                                                   \
    }

/* Those that only 3.1.1 has, those of both versions, and those that only 5.0 has. */
static const struct corpus_status statuses[] = {
    STATUS(PASSWORD_WITHOUT_USER_NAME),
    STATUS(CLIENT_ID),
    STATUS(CONNECT_RETURN_CODE),
    STATUS(SUBACK_RETURN_CODE),

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

enum {
    STATUS_COUNT = sizeof statuses / sizeof statuses[0],
    ONLY_3_1_1 = 4,
    ONLY_5_0 = 17
};

const struct corpus_status *const corpus_statuses = statuses;
const size_t corpus_status_count = STATUS_COUNT - ONLY_5_0;
const struct corpus_status *const corpus_v5_statuses = statuses + ONLY_3_1_1;
const size_t corpus_v5_status_count = STATUS_COUNT - ONLY_3_1_1;

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

bool corpus_set_string(const struct corpus_place *place, void *field, const char *text)
{
    const struct test_block block = test_parse(text);
    struct mqtt_string *string = field;

    (void)place;
    string->data = (const char *)block.bytes;
    string->length = block.length;
    return true;
}

bool corpus_set_bytes(const struct corpus_place *place, void *field, const char *text)
{
    const struct test_block block = test_parse(text);
    struct mqtt_bytes *bytes = field;

    (void)place;
    bytes->data = block.bytes;
    bytes->length = block.length;
    return true;
}

bool corpus_set_u8(const struct corpus_place *place, void *field, const char *text)
{
    *(uint8_t *)field = (uint8_t)corpus_number(place, text, 255);
    return true;
}

bool corpus_set_u16(const struct corpus_place *place, void *field, const char *text)
{
    *(uint16_t *)field = (uint16_t)corpus_number(place, text, 65535);
    return true;
}

bool corpus_set_size(const struct corpus_place *place, void *field, const char *text)
{
    *(size_t *)field = corpus_number(place, text, UINT32_MAX);
    return true;
}

bool corpus_set_flag(const struct corpus_place *place, void *field, const char *text)
{
    *(bool *)field = corpus_number(place, text, 1) == 1;
    return true;
}

bool corpus_set_present(const struct corpus_place *place, void *field, const char *text)
{
    (void)place;
    (void)text;
    *(bool *)field = true;
    return true;
}

void *corpus_entry(const struct corpus_place *place, void *list, size_t index, size_t size)
{
    const size_t most = 64;
    void *entries;

    if (index >= most)
        corpus_end_with(place, "no entry of a list", "which has 0 to 64");
    memcpy(&entries, list, sizeof entries);
    if (entries == NULL) {
        entries = corpus_allocate(most, size);
        memcpy(list, &entries, sizeof entries);
    }
    return (uint8_t *)entries + index * size;
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

/* The number of the type with this name; 0: there is none. */
static unsigned packet_type(const char *name)
{
    unsigned type = 15;

    while (type > 0 && strcmp(type == 15 ? "AUTH" : table_2_1[type].name, name) != 0)
        type--;
    return type;
}

/* Sets what the rows with this key say; false if there is none, or one cannot be set. */
static bool set_field(const struct corpus_place *place, const struct corpus_version *version,
                      unsigned type, void *packet, const char *key, const char *value)
{
    bool is_set = false;
    size_t i;

    for (i = 0; i < version->field_count; i++) {
        const struct corpus_field *field = &version->fields[i];
        if ((field->types >> type & 1) != 0 && strcmp(field->key, key) == 0) {
            void *base = field->entry == NULL ? packet : field->entry(place, packet);
            is_set = field->set(place, (uint8_t *)base + field->offset, value);
            if (!is_set)
                break;
        }
    }
    return is_set;
}

/* TYPE key=value ... */
static void read_packet(const struct corpus_place *place, const struct corpus_version *version,
                        struct corpus_case *item, char *text)
{
    const char *name = next_word(&text);
    const unsigned type = name == NULL ? 0 : packet_type(name);
    void *packet = version->new_packet(type);
    char *word;

    if (type == 0 || item->packet != NULL)
        corpus_end_with(place, "no packet of a known type, or a second one", item->name);
    item->packet = packet;
    while ((word = next_word(&text)) != NULL) {
        char *value = strchr(word, '=');
        if (value == NULL)
            corpus_end_with(place, "no key=value", word);
        *value++ = '\0';
        if (!set_field(place, version, type, packet, word, value))
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

/* ---- The fields of 3.1.1 */

static void *new_packet(unsigned type)
{
    struct mqtt_packet *packet = corpus_allocate(1, sizeof *packet);

    packet->type = (enum mqtt_packet_type)type;
    return packet;
}

static void *new_subscription(const struct corpus_place *place, void *packet)
{
    struct mqtt_subscribe *subscribe = &((struct mqtt_packet *)packet)->as.subscribe;

    return corpus_entry(place, &subscribe->subscriptions, subscribe->count++,
                        sizeof subscribe->subscriptions[0]);
}

static void *last_subscription(const struct corpus_place *place, void *packet)
{
    struct mqtt_subscribe *subscribe = &((struct mqtt_packet *)packet)->as.subscribe;

    return corpus_entry(place, &subscribe->subscriptions, subscribe->count - 1,
                        sizeof subscribe->subscriptions[0]);
}

static void *new_filter(const struct corpus_place *place, void *packet)
{
    struct mqtt_unsubscribe *unsubscribe = &((struct mqtt_packet *)packet)->as.unsubscribe;

    return corpus_entry(place, &unsubscribe->filters, unsubscribe->count++,
                        sizeof unsubscribe->filters[0]);
}

static bool set_return_codes(const struct corpus_place *place, void *field, const char *text)
{
    struct mqtt_suback *suback = field;
    struct mqtt_bytes codes;

    corpus_set_bytes(place, &codes, text);
    suback->return_codes = codes.data;
    suback->count = codes.length;
    return true;
}

#define OF(type)                (1u << MQTT_##type)
#define ACKS                    (OF(PUBACK) | OF(PUBREC) | OF(PUBREL) | OF(PUBCOMP) | OF(UNSUBACK))
#define IN_PACKET(member)       offsetof(struct mqtt_packet, as.member), NULL
#define IN_SUBSCRIPTION(member) offsetof(struct mqtt_subscription, member)

static const struct corpus_field fields[] = {
    {OF(CONNECT), "client_id", corpus_set_string, IN_PACKET(connect.client_id)},
    {OF(CONNECT), "keep_alive", corpus_set_u16, IN_PACKET(connect.keep_alive)},
    {OF(CONNECT), "clean_session", corpus_set_flag, IN_PACKET(connect.clean_session)},
    {OF(CONNECT), "will_topic", corpus_set_present, IN_PACKET(connect.has_will)},
    {OF(CONNECT), "will_topic", corpus_set_string, IN_PACKET(connect.will.topic)},
    {OF(CONNECT), "will_message", corpus_set_bytes, IN_PACKET(connect.will.message)},
    {OF(CONNECT), "will_qos", corpus_set_u8, IN_PACKET(connect.will.qos)},
    {OF(CONNECT), "will_retain", corpus_set_flag, IN_PACKET(connect.will.retain)},
    {OF(CONNECT), "user_name", corpus_set_present, IN_PACKET(connect.has_user_name)},
    {OF(CONNECT), "user_name", corpus_set_string, IN_PACKET(connect.user_name)},
    {OF(CONNECT), "password", corpus_set_present, IN_PACKET(connect.has_password)},
    {OF(CONNECT), "password", corpus_set_bytes, IN_PACKET(connect.password)},
    {OF(CONNACK), "session_present", corpus_set_flag, IN_PACKET(connack.session_present)},
    {OF(CONNACK), "return_code", corpus_set_u8, IN_PACKET(connack.return_code)},
    {OF(PUBLISH), "topic", corpus_set_string, IN_PACKET(publish.topic)},
    {OF(PUBLISH), "payload", corpus_set_bytes, IN_PACKET(publish.payload)},
    {OF(PUBLISH), "payload_length", corpus_set_size, IN_PACKET(publish.payload.length)},
    {OF(PUBLISH), "packet_id", corpus_set_u16, IN_PACKET(publish.packet_id)},
    {OF(PUBLISH), "qos", corpus_set_u8, IN_PACKET(publish.qos)},
    {OF(PUBLISH), "dup", corpus_set_flag, IN_PACKET(publish.dup)},
    {OF(PUBLISH), "retain", corpus_set_flag, IN_PACKET(publish.retain)},
    {ACKS, "packet_id", corpus_set_u16, IN_PACKET(ack.packet_id)},
    {OF(SUBSCRIBE), "packet_id", corpus_set_u16, IN_PACKET(subscribe.packet_id)},
    {OF(SUBSCRIBE), "encoded", corpus_set_bytes, IN_PACKET(subscribe.encoded)},
    {OF(SUBSCRIBE), "filter", corpus_set_string, IN_SUBSCRIPTION(filter), new_subscription},
    {OF(SUBSCRIBE), "qos", corpus_set_u8, IN_SUBSCRIPTION(qos), last_subscription},
    {OF(SUBACK), "packet_id", corpus_set_u16, IN_PACKET(suback.packet_id)},
    {OF(SUBACK), "return_codes", set_return_codes, IN_PACKET(suback)},
    {OF(UNSUBSCRIBE), "packet_id", corpus_set_u16, IN_PACKET(unsubscribe.packet_id)},
    {OF(UNSUBSCRIBE), "encoded", corpus_set_bytes, IN_PACKET(unsubscribe.encoded)},
    {OF(UNSUBSCRIBE), "filter", corpus_set_string, 0, new_filter},
};

const struct corpus_case *corpus_read(const char *path, size_t *count)
{
    const struct corpus_version version = {statuses, STATUS_COUNT - ONLY_5_0, fields,
                                           sizeof fields / sizeof fields[0], new_packet};

    return corpus_read_version(path, &version, count);
}
