/* A mutator that knows MQTT 3.1.1 and 5.0, for libFuzzer: of a server, a client, or this codec. Include
 * it in one file of the fuzz target, in C or C++, and compile with mqtt_codec.h and writer.h in the
 * include path; docs/fuzzing.md has the whole command:
 *
 *     #include "mutator.h"
 *
 * It defines LLVMFuzzerCustomMutator, which takes the input for a stream of packets. It finds them
 * with the decoder, then changes a field of one, breaks one rule of one on purpose, repeats, removes
 * or inserts one, and writes it with its right length, with a padded one, or with a wrong one. So
 * most inputs get past the first checks of a parser, and many go wrong in a single place after them.
 * In a packet of 5.0 it also changes the properties: it inserts, doubles, removes and cuts them, gives
 * them other values and identifiers, and pads their length or makes it wrong.
 * One time in four, and where it finds nothing to do, it leaves the work to LLVMFuzzerMutate.
 *
 * MQTT_MUTATOR_SKIP   define it first if that many bytes of the input stand in front of the packets;
 *                     they are left to LLVMFuzzerMutate. 0 if it is not defined.
 * MQTT_MUTATOR_VERSION  define it first as 4 for packets of MQTT 3.1.1 only, as 5 for 5.0 only. If it is
 *                     not defined, the CONNECT in the stream decides; without one, either is tried.
 *
 * Nothing is allocated; an input of more than MQTT_MUTATOR_LARGEST bytes is left to LLVMFuzzerMutate. */
#if !defined(MQTT_MUTATOR_H)
#define MQTT_MUTATOR_H

#include "mqtt_codec.h"
#include "writer.h"

#include <string.h>

/* libFuzzer is not compiled with MSan, which therefore takes the bytes that it writes for
 * uninitialized. */
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define MQTT_MUTATOR_IS_INITIALIZED(data, size) __msan_unpoison(data, size)
#endif
#endif
#if !defined(MQTT_MUTATOR_IS_INITIALIZED)
#define MQTT_MUTATOR_IS_INITIALIZED(data, size) ((void)0)
#endif

#if !defined(MQTT_MUTATOR_SKIP)
#define MQTT_MUTATOR_SKIP 0
#endif

#if !defined(MQTT_MUTATOR_VERSION)
#define MQTT_MUTATOR_VERSION 0
#endif

#define MQTT_MUTATOR_LARGEST    4096u
#define MQTT_MUTATOR_LIST       8u    /* entries of a list that are taken apart */
#define MQTT_MUTATOR_STRINGS    8u    /* that can be rewritten in a packet */
#define MQTT_MUTATOR_STRING     256u  /* bytes of a rewritten one */
#define MQTT_MUTATOR_PROPERTIES 1024u /* bytes of a property list that can be rewritten */

#if defined(__cplusplus)
extern "C" {
#endif

/* Yours; in C++ this declaration gives it the linkage that libFuzzer expects. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

#if defined(__cplusplus)
}
#endif

/* A packet being changed, and room for what it points to. */
struct mqtt_mutator {
    uint32_t random;
    size_t strings;
    unsigned version; /* 4: `packet` is the packet, 5: `v5_packet` */
    struct mqtt_packet packet;
    struct mqtt_v5_packet v5_packet;
    struct mqtt_subscription subscriptions[MQTT_MUTATOR_LIST];
    struct mqtt_v5_subscription v5_subscriptions[MQTT_MUTATOR_LIST];
    struct mqtt_string filters[MQTT_MUTATOR_LIST];
    uint8_t codes[MQTT_MUTATOR_LIST];
    uint8_t properties[2][MQTT_MUTATOR_PROPERTIES]; /* of the packet and of the will */
    uint8_t text[MQTT_MUTATOR_STRINGS][MQTT_MUTATOR_STRING];
    uint8_t written[MQTT_MUTATOR_LARGEST];
};

/* 0 to `limit` - 1 */
static inline uint32_t mqtt_mutator_below(struct mqtt_mutator *mutator, uint32_t limit)
{
    mutator->random = mutator->random * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)mutator->random * limit >>
                      32); /* the upper bits are the better ones */
}

/* One of what a parser has to get right, put in, put over what is there, or in place of it. */
static inline size_t mqtt_mutate_piece(struct mqtt_mutator *mutator, uint8_t *text, size_t length)
{
    static const char *const pieces[] = {
        "#",
        "+",
        "/",
        "$",
        "a",
        "/#",
        "/+/",
        "+/#",
        "$SYS",
        "\xFF",
        "\x80",
        "\xC0\xAF",
        "\xC2\x80",
        "\xED\xA0\x80",
        "\xE0\x80",
        "\xEF\xBB\xBF",
        "\xEF\xBF\xBF",
        "\xE2\x82",
        "\xF0\x9F\x98\x80",
        "\xF4\x90\x80\x80",
        "aaaaaaaaaaaaaaaa",
        "", /* the last one stands for U+0000 */
    };
    const uint32_t count = sizeof pieces / sizeof pieces[0];
    const char *piece = pieces[mqtt_mutator_below(mutator, count)];
    const size_t size = piece[0] == '\0' ? 1 : strlen(piece);
    size_t place = mqtt_mutator_below(mutator, (uint32_t)length + 1);

    if (mqtt_mutator_below(mutator, 8) == 0)
        length = place = 0;
    if (length + size > MQTT_MUTATOR_STRING)
        return length;
    if (mqtt_mutator_below(mutator, 2) == 0 && place + size <= length) {
        memcpy(text + place, piece, size);
        return length;
    }
    memmove(text + place + size, text + place, length - place);
    memcpy(text + place, piece, size);
    return length + size;
}

/* Gives a field other contents, in room of the mutator's own. */
static inline void mqtt_mutate_text(struct mqtt_mutator *mutator, const uint8_t **data,
                                    size_t *length)
{
    uint8_t *text;
    const size_t kept = *length < MQTT_MUTATOR_STRING ? *length : MQTT_MUTATOR_STRING;

    if (mutator->strings == MQTT_MUTATOR_STRINGS)
        return;
    text = mutator->text[mutator->strings++];
    if (kept > 0)
        memcpy(text, *data, kept);
    *data = text;
    switch (mqtt_mutator_below(mutator, 6)) {
    case 0:
        *length = 0;
        break;
    case 1:
        *length = mqtt_mutator_below(mutator, (uint32_t)kept + 1);
        break;
    case 2:
        *length = LLVMFuzzerMutate(text, kept, MQTT_MUTATOR_STRING);
        MQTT_MUTATOR_IS_INITIALIZED(text, *length);
        break;
    default:
        *length = mqtt_mutate_piece(mutator, text, kept);
    }
}

static inline void mqtt_mutate_string(struct mqtt_mutator *mutator, struct mqtt_string *string)
{
    const uint8_t *data = (const uint8_t *)string->data;

    mqtt_mutate_text(mutator, &data, &string->length);
    string->data = (const char *)data;
}

static inline void mqtt_mutate_bytes(struct mqtt_mutator *mutator, struct mqtt_bytes *bytes)
{
    mqtt_mutate_text(mutator, &bytes->data, &bytes->length);
}

/* 0 is what no packet id may be. */
static inline uint16_t mqtt_mutate_packet_id(struct mqtt_mutator *mutator)
{
    static const uint16_t ids[] = {0, 1, 2, 255, 256, 65535};
    const uint32_t choice = mqtt_mutator_below(mutator, 8);

    return choice < 6 ? ids[choice] : (uint16_t)mqtt_mutator_below(mutator, 65536);
}

static inline void mqtt_mutate_connect(struct mqtt_mutator *mutator, struct mqtt_connect *connect)
{
    switch (mqtt_mutator_below(mutator, 11)) {
    case 0:
        connect->keep_alive = (uint16_t)mqtt_mutator_below(mutator, 65536);
        break;
    case 1:
        connect->clean_session = !connect->clean_session;
        break;
    case 2:
        connect->has_will = !connect->has_will;
        break;
    case 3:
        connect->has_user_name = !connect->has_user_name;
        break;
    case 4:
        connect->has_password = !connect->has_password;
        break;
    case 5:
        connect->will.qos = (uint8_t)mqtt_mutator_below(mutator, 4);
        break;
    case 6:
        connect->will.retain = !connect->will.retain;
        break;
    case 7:
        mqtt_mutate_string(mutator, &connect->client_id);
        break;
    case 8:
        mqtt_mutate_string(mutator, &connect->will.topic);
        break;
    case 9:
        mqtt_mutate_bytes(mutator, &connect->will.message);
        break;
    default:
        mqtt_mutate_string(mutator, &connect->user_name);
        mqtt_mutate_bytes(mutator, &connect->password);
    }
}

static inline void mqtt_mutate_publish(struct mqtt_mutator *mutator, struct mqtt_publish *publish)
{
    switch (mqtt_mutator_below(mutator, 6)) {
    case 0:
        publish->qos = (uint8_t)mqtt_mutator_below(mutator, 4);
        break;
    case 1:
        publish->dup = !publish->dup;
        break;
    case 2:
        publish->retain = !publish->retain;
        break;
    case 3:
        publish->packet_id = mqtt_mutate_packet_id(mutator);
        break;
    case 4:
        mqtt_mutate_bytes(mutator, &publish->payload);
        break;
    default:
        mqtt_mutate_string(mutator, &publish->topic);
    }
}

/* Takes a decoded list apart, so that its entries can be changed. */
static inline void mqtt_mutator_open_subscribe(struct mqtt_mutator *mutator,
                                               struct mqtt_subscribe *subscribe)
{
    size_t position = 0;
    size_t count = 0;

    while (count < MQTT_MUTATOR_LIST &&
           mqtt_next_subscription(subscribe, &position, &mutator->subscriptions[count]))
        count++;
    subscribe->subscriptions = mutator->subscriptions;
    subscribe->count = count;
}

static inline void mqtt_mutate_subscribe(struct mqtt_mutator *mutator,
                                         struct mqtt_subscribe *subscribe)
{
    struct mqtt_subscription *entry;

    mqtt_mutator_open_subscribe(mutator, subscribe);
    entry = &mutator->subscriptions[mqtt_mutator_below(mutator, MQTT_MUTATOR_LIST)];
    if (entry >= mutator->subscriptions + subscribe->count)
        entry = &mutator->subscriptions[0];
    switch (mqtt_mutator_below(mutator, 6)) {
    case 0:
        subscribe->packet_id = mqtt_mutate_packet_id(mutator);
        break;
    case 1:
        subscribe->count = mqtt_mutator_below(mutator, (uint32_t)subscribe->count + 1);
        break;
    case 2:
        if (subscribe->count > 0 && subscribe->count < MQTT_MUTATOR_LIST)
            mutator->subscriptions[subscribe->count++] = *entry;
        break;
    case 3:
        entry->qos = (uint8_t)mqtt_mutator_below(mutator, 5);
        break;
    default:
        mqtt_mutate_string(mutator, &entry->filter);
    }
}

static inline void mqtt_mutate_unsubscribe(struct mqtt_mutator *mutator,
                                           struct mqtt_unsubscribe *unsubscribe)
{
    size_t position = 0;
    size_t count = 0;

    while (count < MQTT_MUTATOR_LIST &&
           mqtt_next_filter(unsubscribe, &position, &mutator->filters[count]))
        count++;
    unsubscribe->filters = mutator->filters;
    unsubscribe->count = count;
    switch (mqtt_mutator_below(mutator, 5)) {
    case 0:
        unsubscribe->packet_id = mqtt_mutate_packet_id(mutator);
        break;
    case 1:
        unsubscribe->count = mqtt_mutator_below(mutator, (uint32_t)count + 1);
        break;
    case 2:
        if (count > 0 && count < MQTT_MUTATOR_LIST)
            mutator->filters[unsubscribe->count++] = mutator->filters[0];
        break;
    default:
        mqtt_mutate_string(
            mutator,
            &mutator->filters[mqtt_mutator_below(mutator, count > 0 ? (uint32_t)count : 1)]);
    }
}

static inline void mqtt_mutate_suback(struct mqtt_mutator *mutator, struct mqtt_suback *suback)
{
    static const uint8_t codes[] = {0, 1, 2, 0x80, 3, 0x7F, 0x81, 0xFF};
    struct mqtt_bytes bytes;

    if (mqtt_mutator_below(mutator, 3) == 0) {
        suback->packet_id = mqtt_mutate_packet_id(mutator);
        return;
    }
    bytes.data = codes + mqtt_mutator_below(mutator, 4);
    bytes.length = mqtt_mutator_below(mutator, 5);
    suback->return_codes = bytes.data;
    suback->count = bytes.length;
}

/* Changes one field, to what is valid or not. */
static inline void mqtt_mutate_field(struct mqtt_mutator *mutator)
{
    struct mqtt_packet *packet = &mutator->packet;

    switch (packet->type) {
    case MQTT_CONNECT:
        mqtt_mutate_connect(mutator, &packet->as.connect);
        break;
    case MQTT_CONNACK:
        packet->as.connack.return_code = (uint8_t)mqtt_mutator_below(mutator, 8);
        packet->as.connack.session_present = mqtt_mutator_below(mutator, 2) == 0;
        break;
    case MQTT_PUBLISH:
        mqtt_mutate_publish(mutator, &packet->as.publish);
        break;
    case MQTT_SUBSCRIBE:
        mqtt_mutate_subscribe(mutator, &packet->as.subscribe);
        break;
    case MQTT_SUBACK:
        mqtt_mutate_suback(mutator, &packet->as.suback);
        break;
    case MQTT_UNSUBSCRIBE:
        mqtt_mutate_unsubscribe(mutator, &packet->as.unsubscribe);
        break;
    default:
        packet->as.ack.packet_id = mqtt_mutate_packet_id(mutator);
    }
}

/* A packet of any type with everything in it, to start from. */
static inline void mqtt_mutator_new_packet(struct mqtt_mutator *mutator)
{
    struct mqtt_packet *packet = &mutator->packet;

    memset(packet, 0, sizeof *packet);
    packet->type = (enum mqtt_packet_type)(1 + mqtt_mutator_below(mutator, 14));
    if (packet->type == MQTT_CONNECT) {
        packet->as.connect.clean_session = true;
        packet->as.connect.has_will = true;
        packet->as.connect.has_user_name = true;
        packet->as.connect.has_password = true;
        packet->as.connect.client_id = mqtt_string_from("client");
        packet->as.connect.will.topic = mqtt_string_from("a/b");
        packet->as.connect.user_name = mqtt_string_from("user");
    } else if (packet->type == MQTT_PUBLISH) {
        packet->as.publish.qos = (uint8_t)mqtt_mutator_below(mutator, 3);
        packet->as.publish.packet_id = 1;
        packet->as.publish.topic = mqtt_string_from("a/b");
    } else if (packet->type == MQTT_SUBSCRIBE) {
        mutator->subscriptions[0].filter = mqtt_string_from("a/+/#");
        mutator->subscriptions[0].qos = 1;
        packet->as.subscribe.subscriptions = mutator->subscriptions;
        packet->as.subscribe.count = 1;
        packet->as.subscribe.packet_id = 1;
    } else if (packet->type == MQTT_UNSUBSCRIBE) {
        mutator->filters[0] = mqtt_string_from("a/+/#");
        packet->as.unsubscribe.filters = mutator->filters;
        packet->as.unsubscribe.count = 1;
        packet->as.unsubscribe.packet_id = 1;
    } else if (packet->type == MQTT_SUBACK) {
        packet->as.suback.packet_id = 1;
        packet->as.suback.return_codes = (const uint8_t *)"\x80\x02";
        packet->as.suback.count = 2;
    } else if (packet->type != MQTT_CONNACK) {
        packet->as.ack.packet_id = 1;
    }
}

/* ---- MQTT 5.0 ---------------------------------------------------------------------------------- */

/* One of Table 2-6, or any. */
static inline uint8_t mqtt_mutate_v5_reason_code(struct mqtt_mutator *mutator)
{
    static const uint8_t below_0x80[] = {0x00, 0x01, 0x02, 0x04, 0x10, 0x11, 0x18, 0x19};

    switch (mqtt_mutator_below(mutator, 4)) {
    case 0:
        return (uint8_t)mqtt_mutator_below(mutator, 256);
    case 1:
        return below_0x80[mqtt_mutator_below(mutator, sizeof below_0x80)];
    default:
        return (uint8_t)(0x80 + mqtt_mutator_below(mutator, 0xA3 - 0x80));
    }
}

/* One of Table 2-4, whether or not the packet can have it, or any. */
static inline uint8_t mqtt_mutate_v5_property_id(struct mqtt_mutator *mutator)
{
    static const uint8_t ids[] = {0x01, 0x02, 0x03, 0x08, 0x09, 0x0B, 0x11, 0x12, 0x13,
                                  0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1C, 0x1F, 0x21,
                                  0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A};

    if (mqtt_mutator_below(mutator, 16) == 0)
        return (uint8_t)mqtt_mutator_below(mutator, 256);
    return ids[mqtt_mutator_below(mutator, sizeof ids)];
}

/* Writes a property with a value at the limits of its kind, beyond them, or of another form. */
static inline void mqtt_mutate_v5_property(struct mqtt_mutator *mutator, struct mqtt_writer *writer,
                                           uint8_t id)
{
    static const char *const integers[] = {
        "\x01", "\x7F", "\x80\x01", "\xFF\xFF\xFF\x7F", "", "\x81", "\x80\x80\x80\x80\x01"};
    static const uint32_t numbers[] = {0, 1, 1, 2, 255, 256, 65535, 65536, UINT32_MAX};
    struct mqtt_v5_property property;
    const char *integer;

    memset(&property, 0, sizeof property);
    property.id = id;
    switch (mqtt_write_kind_of(id)) {
    case MQTT_WRITE_INTEGER:
        integer = integers[mqtt_mutator_below(mutator, sizeof integers / sizeof integers[0])];
        mqtt_write_u8(writer, id);
        mqtt_write_raw(writer, integer, strlen(integer));
        if (integer[0] == '\0' || integer[0] == '\x81') /* 0 itself, or a padded 1 */
            mqtt_write_u8(writer, 0);
        return;
    case MQTT_WRITE_STRING:
        property.as.string = mqtt_string_from("a/b");
        mqtt_mutate_string(mutator, &property.as.string);
        break;
    case MQTT_WRITE_BINARY:
        property.as.bytes = mqtt_bytes_from("a", 1);
        mqtt_mutate_bytes(mutator, &property.as.bytes);
        break;
    case MQTT_WRITE_PAIR:
        property.as.pair.name = mqtt_string_from("name");
        property.as.pair.value = mqtt_string_from("value");
        mqtt_mutate_string(mutator, mqtt_mutator_below(mutator, 2) == 0 ? &property.as.pair.name
                                                                        : &property.as.pair.value);
        break;
    default:
        property.as.number =
            numbers[mqtt_mutator_below(mutator, sizeof numbers / sizeof numbers[0])];
    }
    mqtt_write_v5_property(writer, &property);
}

/* Inserts, doubles, removes, cuts or changes a property. `room` is for the list that this makes. */
static inline void mqtt_mutate_v5_properties(struct mqtt_mutator *mutator,
                                             struct mqtt_v5_properties *properties, uint8_t *room)
{
    struct mqtt_bytes old = properties->encoded;
    uint8_t list[MQTT_MUTATOR_PROPERTIES];
    struct mqtt_writer writer = MQTT_WRITER_COUNTER;
    struct mqtt_v5_property property;
    size_t position = 0;
    size_t start = 0; /* of the property that is changed */
    uint32_t count = 0;
    uint32_t chosen;
    size_t end; /* of that property */
    uint32_t choice = mqtt_mutator_below(mutator, 8);

    if (old.data == NULL)
        old.data = room; /* so that 0 can be added to it */
    writer.buffer = list;
    writer.capacity = sizeof list;
    while (mqtt_v5_next_property(properties, &position, &property))
        count++;
    position = 0;
    for (chosen = count > 0 ? 1 + mqtt_mutator_below(mutator, count) : 0; chosen > 0; chosen--) {
        start = position;
        mqtt_v5_next_property(properties, &position, &property);
    }
    end = position;
    if (count == 0)
        choice = 0;
    mqtt_write_raw(&writer, old.data, start);
    switch (choice) {
    case 0:
    case 1: /* another one in front */
        mqtt_mutate_v5_property(mutator, &writer, mqtt_mutate_v5_property_id(mutator));
        mqtt_write_raw(&writer, old.data + start, old.length - start);
        break;
    case 2: /* twice */
        mqtt_write_raw(&writer, old.data + start, end - start);
        mqtt_write_raw(&writer, old.data + start, old.length - start);
        break;
    case 3: /* gone */
        mqtt_write_raw(&writer, old.data + end, old.length - end);
        break;
    case 4: /* cut, and the list says so */
        mqtt_write_raw(&writer, old.data + start,
                       mqtt_mutator_below(mutator, (uint32_t)(end - start)));
        break;
    case 5: /* of another identifier */
        mqtt_write_u8(&writer, mqtt_mutate_v5_property_id(mutator));
        mqtt_write_raw(&writer, old.data + start + 1, old.length - start - 1);
        break;
    default: /* of another value */
        mqtt_mutate_v5_property(mutator, &writer, old.data[start]);
        mqtt_write_raw(&writer, old.data + end, old.length - end);
    }
    if (writer.length <= writer.capacity) {
        memcpy(room, list, writer.length);
        properties->encoded.data = room;
        properties->encoded.length = writer.length;
    }
}

/* The fields that both versions have are changed by the same code. */
static inline void mqtt_mutate_v5_connect(struct mqtt_mutator *mutator,
                                          struct mqtt_v5_connect *connect)
{
    struct mqtt_connect fields;

    fields.keep_alive = connect->keep_alive;
    fields.clean_session = connect->clean_start;
    fields.has_will = connect->has_will;
    fields.has_user_name = connect->has_user_name;
    fields.has_password = connect->has_password;
    fields.client_id = connect->client_id;
    fields.user_name = connect->user_name;
    fields.password = connect->password;
    fields.will.qos = connect->will.qos;
    fields.will.retain = connect->will.retain;
    fields.will.topic = connect->will.topic;
    fields.will.message = connect->will.payload;
    mqtt_mutate_connect(mutator, &fields);
    connect->keep_alive = fields.keep_alive;
    connect->clean_start = fields.clean_session;
    connect->has_will = fields.has_will;
    connect->has_user_name = fields.has_user_name;
    connect->has_password = fields.has_password;
    connect->client_id = fields.client_id;
    connect->user_name = fields.user_name;
    connect->password = fields.password;
    connect->will.qos = fields.will.qos;
    connect->will.retain = fields.will.retain;
    connect->will.topic = fields.will.topic;
    connect->will.payload = fields.will.message;
}

static inline void mqtt_mutate_v5_publish(struct mqtt_mutator *mutator,
                                          struct mqtt_v5_publish *publish)
{
    struct mqtt_publish fields;

    fields.packet_id = publish->packet_id;
    fields.qos = publish->qos;
    fields.dup = publish->dup;
    fields.retain = publish->retain;
    fields.topic = publish->topic;
    fields.payload = publish->payload;
    mqtt_mutate_publish(mutator, &fields);
    publish->packet_id = fields.packet_id;
    publish->qos = fields.qos;
    publish->dup = fields.dup;
    publish->retain = fields.retain;
    publish->topic = fields.topic;
    publish->payload = fields.payload;
}

static inline void mqtt_mutate_v5_subscribe(struct mqtt_mutator *mutator,
                                            struct mqtt_v5_subscribe *subscribe)
{
    struct mqtt_v5_subscription *entry = mutator->v5_subscriptions;
    size_t position = 0;
    size_t count = 0;

    while (count < MQTT_MUTATOR_LIST &&
           mqtt_v5_next_subscription(subscribe, &position, &mutator->v5_subscriptions[count]))
        count++;
    subscribe->subscriptions = mutator->v5_subscriptions;
    subscribe->count = count;
    if (count > 0)
        entry += mqtt_mutator_below(mutator, (uint32_t)count);
    switch (mqtt_mutator_below(mutator, 8)) {
    case 0:
        subscribe->packet_id = mqtt_mutate_packet_id(mutator);
        break;
    case 1:
        subscribe->count = mqtt_mutator_below(mutator, (uint32_t)count + 1);
        break;
    case 2:
        if (count > 0 && count < MQTT_MUTATOR_LIST)
            mutator->v5_subscriptions[subscribe->count++] = *entry;
        break;
    case 3:
        entry->qos = (uint8_t)mqtt_mutator_below(mutator, 4);
        break;
    case 4:
        entry->retain_handling = (uint8_t)mqtt_mutator_below(mutator, 8); /* reserved bits too */
        break;
    case 5:
        entry->no_local = !entry->no_local;
        break;
    case 6:
        entry->filter = mqtt_string_from("$share/name/a");
        entry->no_local = mqtt_mutator_below(mutator, 4) == 0;
        if (mqtt_mutator_below(mutator, 2) == 0)
            mqtt_mutate_string(mutator, &entry->filter);
        break;
    default:
        mqtt_mutate_string(mutator, &entry->filter);
    }
}

static inline void mqtt_mutate_v5_unsubscribe(struct mqtt_mutator *mutator,
                                              struct mqtt_v5_unsubscribe *unsubscribe)
{
    struct mqtt_unsubscribe fields;

    fields.packet_id = unsubscribe->packet_id;
    fields.filters = unsubscribe->filters;
    fields.count = unsubscribe->count;
    fields.encoded = unsubscribe->encoded; /* of the same layout */
    mqtt_mutate_unsubscribe(mutator, &fields);
    unsubscribe->packet_id = fields.packet_id;
    unsubscribe->filters = fields.filters;
    unsubscribe->count = fields.count;
}

static inline void mqtt_mutate_v5_suback(struct mqtt_mutator *mutator,
                                         struct mqtt_v5_suback *suback)
{
    size_t i;

    if (mqtt_mutator_below(mutator, 3) == 0) {
        suback->packet_id = mqtt_mutate_packet_id(mutator);
        return;
    }
    suback->reason_codes = mutator->codes;
    suback->count = mqtt_mutator_below(mutator, MQTT_MUTATOR_LIST);
    for (i = 0; i < suback->count; i++)
        mutator->codes[i] = mqtt_mutate_v5_reason_code(mutator);
}

/* Changes one field, or the properties. */
static inline void mqtt_mutate_v5_field(struct mqtt_mutator *mutator)
{
    struct mqtt_v5_packet *packet = &mutator->v5_packet;
    struct mqtt_v5_properties *const properties = mqtt_write_v5_properties_of(packet);

    if (packet->type == MQTT_V5_CONNECT && packet->as.connect.has_will &&
        mqtt_mutator_below(mutator, 4) == 0) {
        mqtt_mutate_v5_properties(mutator, &packet->as.connect.will.properties,
                                  mutator->properties[1]);
        return;
    }
    if (properties != NULL && mqtt_mutator_below(mutator, 2) == 0) {
        mqtt_mutate_v5_properties(mutator, properties, mutator->properties[0]);
        return;
    }
    switch (packet->type) {
    case MQTT_V5_CONNECT:
        mqtt_mutate_v5_connect(mutator, &packet->as.connect);
        break;
    case MQTT_V5_CONNACK:
        packet->as.connack.session_present = mqtt_mutator_below(mutator, 4) == 0;
        packet->as.connack.reason_code = mqtt_mutate_v5_reason_code(mutator);
        break;
    case MQTT_V5_PUBLISH:
        mqtt_mutate_v5_publish(mutator, &packet->as.publish);
        break;
    case MQTT_V5_PUBACK:
    case MQTT_V5_PUBREC:
    case MQTT_V5_PUBREL:
    case MQTT_V5_PUBCOMP:
        if (mqtt_mutator_below(mutator, 2) == 0)
            packet->as.ack.packet_id = mqtt_mutate_packet_id(mutator);
        else
            packet->as.ack.reason_code = mqtt_mutate_v5_reason_code(mutator);
        break;
    case MQTT_V5_SUBSCRIBE:
        mqtt_mutate_v5_subscribe(mutator, &packet->as.subscribe);
        break;
    case MQTT_V5_UNSUBSCRIBE:
        mqtt_mutate_v5_unsubscribe(mutator, &packet->as.unsubscribe);
        break;
    case MQTT_V5_SUBACK:
    case MQTT_V5_UNSUBACK:
        mqtt_mutate_v5_suback(mutator, &packet->as.suback);
        break;
    case MQTT_V5_DISCONNECT:
    case MQTT_V5_AUTH:
        packet->as.disconnect.reason_code = mqtt_mutate_v5_reason_code(mutator);
        break;
    default:
        break;
    }
}

/* A packet of any type, to start from; properties come with mqtt_mutate_v5_field. */
static inline void mqtt_mutator_new_v5_packet(struct mqtt_mutator *mutator)
{
    static const uint8_t method[] = {MQTT_V5_PROPERTY_AUTHENTICATION_METHOD, 0, 1, 'm'};
    struct mqtt_v5_packet *packet = &mutator->v5_packet;

    memset(packet, 0, sizeof *packet);
    packet->type = (enum mqtt_v5_packet_type)(1 + mqtt_mutator_below(mutator, 15));
    if (packet->type == MQTT_V5_CONNECT) {
        packet->as.connect.clean_start = true;
        packet->as.connect.has_will = true;
        packet->as.connect.has_password = true;
        packet->as.connect.client_id = mqtt_string_from("client");
        packet->as.connect.will.topic = mqtt_string_from("a/b");
    } else if (packet->type == MQTT_V5_PUBLISH) {
        packet->as.publish.qos = (uint8_t)mqtt_mutator_below(mutator, 3);
        packet->as.publish.packet_id = 1;
        packet->as.publish.topic = mqtt_string_from("a/b");
    } else if (packet->type == MQTT_V5_SUBSCRIBE) {
        memset(mutator->v5_subscriptions, 0, sizeof mutator->v5_subscriptions);
        mutator->v5_subscriptions[0].filter = mqtt_string_from("a/+/#");
        mutator->v5_subscriptions[0].qos = 1;
        packet->as.subscribe.subscriptions = mutator->v5_subscriptions;
        packet->as.subscribe.count = 1;
        packet->as.subscribe.packet_id = 1;
    } else if (packet->type == MQTT_V5_UNSUBSCRIBE) {
        mutator->filters[0] = mqtt_string_from("a/+/#");
        packet->as.unsubscribe.filters = mutator->filters;
        packet->as.unsubscribe.count = 1;
        packet->as.unsubscribe.packet_id = 1;
    } else if (packet->type == MQTT_V5_SUBACK || packet->type == MQTT_V5_UNSUBACK) {
        mutator->codes[0] = 0;
        packet->as.suback.packet_id = 1;
        packet->as.suback.reason_codes = mutator->codes;
        packet->as.suback.count = 1;
    } else if (packet->type == MQTT_V5_AUTH) {
        packet->as.auth.reason_code = MQTT_V5_REASON_CONTINUE_AUTHENTICATION;
        packet->as.auth.properties.encoded = mqtt_bytes_from(method, sizeof method);
    } else if (packet->type >= MQTT_V5_PUBACK && packet->type <= MQTT_V5_PUBCOMP) {
        packet->as.ack.packet_id = 1;
    }
}

/* How many bytes at the end of a packet without properties can be left out. */
static inline uint32_t mqtt_mutator_v5_optional(const struct mqtt_v5_packet *packet)
{
    switch (packet->type) {
    case MQTT_V5_PUBACK:
    case MQTT_V5_PUBREC:
    case MQTT_V5_PUBREL:
    case MQTT_V5_PUBCOMP:
        return packet->as.ack.properties.encoded.length == 0 ? 2 : 0;
    case MQTT_V5_DISCONNECT:
    case MQTT_V5_AUTH:
        return packet->as.disconnect.properties.encoded.length == 0 ? 2 : 0;
    default:
        return 0;
    }
}

/* ---- Both versions ----------------------------------------------------------------------------- */

/* A wrong length of the first field that has one, or of the packet; reserved bits; a wrong protocol:
 * what no field of a structure can say. `head` is the size of the fixed header. */
static inline void mqtt_mutate_written(struct mqtt_mutator *mutator, size_t head, size_t size)
{
    uint8_t *written = mutator->written;
    const uint8_t off_by = mqtt_mutator_below(mutator, 2) == 0 ? 1 : 0xFF;

    switch (mqtt_mutator_below(mutator, 8)) {
    case 0:
        written[0] ^= (uint8_t)(1u << mqtt_mutator_below(mutator, 4));
        break;
    case 1:
        written[0] = (uint8_t)(written[0] % 16 + mqtt_mutator_below(mutator, 16) * 16);
        break;
    case 2:
        written[1] = (uint8_t)(written[1] + off_by);
        break;
    case 3: /* the length of a topic, of the protocol name, a packet id, acknowledge flags */
        if (size > head + 1)
            written[head + mqtt_mutator_below(mutator, 2)] ^=
                (uint8_t)(1u << mqtt_mutator_below(mutator, 4));
        break;
    case 4: /* the length of the first filter; the level, the flags, the client id of a CONNECT */
        if (size > head + 13)
            written[head + 3 + mqtt_mutator_below(mutator, 11)] ^=
                (uint8_t)(1u << mqtt_mutator_below(mutator, 8));
        break;
    case 5: /* the flags of a CONNECT */
        if (size > head + 7)
            written[head + 7] ^= (uint8_t)(1u << mqtt_mutator_below(mutator, 8));
        break;
    default: /* the last byte: a requested QoS, a return code, the end of a string */
        written[size - 1] = (uint8_t)(written[size - 1] + off_by);
    }
}

static inline void mqtt_mutator_write_body(struct mqtt_mutator *mutator, struct mqtt_writer *writer)
{
    if (mutator->version == 5)
        mqtt_write_v5_body(writer, &mutator->v5_packet);
    else
        mqtt_write_body(writer, &mutator->packet);
}

/* Writes the packet, now and then with padded or wrong lengths of itself and of its properties. */
static inline size_t mqtt_mutator_write(struct mqtt_mutator *mutator)
{
    struct mqtt_writer counter = MQTT_WRITER_COUNTER;
    struct mqtt_writer writer;
    unsigned digits = 1;
    size_t cut = 0;
    size_t head;

    if (mutator->version == 5) {
        if (mqtt_mutator_below(mutator, 16) == 0)
            counter.digits = 2 + mqtt_mutator_below(mutator, 4);
        if (mqtt_mutator_below(mutator, 16) == 0)
            counter.off_by = mqtt_mutator_below(mutator, 2) == 0 ? 1u : (size_t)-1;
        cut = mqtt_mutator_below(mutator, mqtt_mutator_v5_optional(&mutator->v5_packet) + 1);
    }
    writer = counter;
    mqtt_mutator_write_body(mutator, &counter);
    writer.buffer = mutator->written;
    writer.capacity = sizeof mutator->written;
    if (mqtt_mutator_below(mutator, 8) == 0)
        digits += mqtt_mutator_below(mutator, 5);
    if (mqtt_mutator_below(mutator, 8) == 0) /* the packet ends early, and says so */
        cut = mqtt_mutator_below(mutator, (uint32_t)counter.length + 1);
    counter.length -= cut;
    if (counter.length > 0 && mqtt_mutator_below(mutator, 8) == 0)
        counter.length += mqtt_mutator_below(mutator, 2) == 0 ? 1u : (size_t)-1;
    mqtt_write_u8(&writer, mutator->version == 5 ? mqtt_write_v5_first_byte(&mutator->v5_packet)
                                                 : mqtt_write_first_byte(&mutator->packet));
    mqtt_write_remaining_length(&writer, counter.length, digits);
    head = writer.length;
    mqtt_mutator_write_body(mutator, &writer);
    if (writer.length > writer.capacity)
        return 0;
    writer.length -= cut;
    if (mqtt_mutator_below(mutator, 4) == 0)
        mqtt_mutate_written(mutator, head, writer.length);
    return writer.length;
}

/* Decodes the next packet of a stream; what it is becomes the mutator's. */
static inline int32_t mqtt_mutator_decode(struct mqtt_mutator *mutator, unsigned version,
                                          const uint8_t *data, size_t size)
{
    struct mqtt_packet packet;
    struct mqtt_v5_packet v5_packet;
    int32_t n;

    memset(&packet, 0, sizeof packet); /* fields that are absent are empty */
    memset(&v5_packet, 0, sizeof v5_packet);
    n = version == 5 ? mqtt_v5_decode(&v5_packet, data, size) : mqtt_decode(&packet, data, size);
    if (n > 0) {
        mutator->version = version;
        mutator->packet = packet;
        mutator->v5_packet = v5_packet;
    }
    return n;
}

/* The packet to work on: where it starts, and its size, or 0 if what is there is none. */
static inline size_t mqtt_mutator_choose(struct mqtt_mutator *mutator, const uint8_t *data,
                                         size_t size, size_t *start)
{
    unsigned version = MQTT_MUTATOR_VERSION;
    size_t chosen = 0;
    uint32_t seen = 0;
    int32_t n;

    if (version == 0)
        version = 4 + mqtt_mutator_below(mutator, 2);
    mutator->version = version;
    *start = 0;
    for (;;) {
        const size_t at = *start + chosen;
        uint8_t level = 0;
        if (seen > 0 && mqtt_mutator_below(mutator, 4) == 0)
            return chosen;
        if (MQTT_MUTATOR_VERSION == 0 &&
            mqtt_decode_protocol_level(&level, data + at, size - at) > 0 &&
            (level == 4 || level == 5))
            version = level;
        n = mqtt_mutator_decode(mutator, version, data + at, size - at);
        if (MQTT_MUTATOR_VERSION == 0 && n <= 0 && seen == 0) {
            version = 9 - version; /* the other one */
            n = mqtt_mutator_decode(mutator, version, data + at, size - at);
        }
        if (n <= 0)
            break;
        *start = at;
        chosen = (size_t)n;
        seen++;
    }
    return chosen;
}

/* Puts `length` bytes in place of `removed` at `start`; the new size, or 0: there is no room. */
static inline size_t mqtt_mutator_replace(uint8_t *data, size_t size, size_t max_size, size_t start,
                                          size_t removed, const uint8_t *bytes, size_t length)
{
    if (size - removed + length > max_size)
        return 0;
    memmove(data + start + length, data + start + removed, size - start - removed);
    if (length > 0)
        memcpy(data + start, bytes, length);
    return size - removed + length;
}

/* Changes the packets of `data`; the new size, or 0 if it cannot. */
static inline size_t mqtt_mutate_packets(struct mqtt_mutator *mutator, uint8_t *data, size_t size,
                                         size_t max_size)
{
    size_t start;
    size_t removed = mqtt_mutator_choose(mutator, data, size, &start);
    const uint32_t choice = mqtt_mutator_below(mutator, 16);
    size_t length;

    if (removed > MQTT_MUTATOR_LARGEST)
        return 0;
    if (choice == 0 && removed > 0 && removed < size) /* gone */
        return mqtt_mutator_replace(data, size, max_size, start, removed, NULL, 0);
    if (choice == 1 && removed > 0) { /* twice */
        memcpy(mutator->written, data + start, removed);
        return mqtt_mutator_replace(data, size, max_size, start, 0, mutator->written, removed);
    }
    if (removed == 0 || choice == 2) { /* a new one, in front or in place of what is none */
        if (mutator->version == 5)
            mqtt_mutator_new_v5_packet(mutator);
        else
            mqtt_mutator_new_packet(mutator);
        removed = removed == 0 && mqtt_mutator_below(mutator, 2) == 0 ? size : 0;
    }
    do {
        if (mutator->version == 5)
            mqtt_mutate_v5_field(mutator);
        else
            mqtt_mutate_field(mutator);
    } while (mqtt_mutator_below(mutator, 4) == 0);
    length = mqtt_mutator_write(mutator);
    if (length == 0)
        return 0;
    return mqtt_mutator_replace(data, size, max_size, start, removed, mutator->written, length);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    static struct mqtt_mutator mutator;
    size_t changed = 0;

    mutator.random = seed;
    mutator.strings = 0;
    if (size + 1 > MQTT_MUTATOR_SKIP && size <= MQTT_MUTATOR_LARGEST &&
        mqtt_mutator_below(&mutator, 4) > 0)
        changed = mqtt_mutate_packets(&mutator, data + MQTT_MUTATOR_SKIP, size - MQTT_MUTATOR_SKIP,
                                      max_size - MQTT_MUTATOR_SKIP);
    if (changed == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    return changed + MQTT_MUTATOR_SKIP;
}

#endif
