/* A property list of MQTT 5.0, valid or not, in any packet that can have one. The first byte of the
 * input chooses the packet, the second a property, the rest is the list.
 *
 * Properties: Table 2-4 and 2.2.2 stand here a second time, as plainly as the standard puts them. By
 * them the decoders find the same error at the same byte, or the same properties; so do the encoder,
 * whether it has the list as received, or in part as a sender's array, and the functions that iterate
 * and find. A list that is encoded without one property and with a new one is the old list without
 * that property, followed by the new one. */
#include "fuzz_v5.h"
#include "reference.h"

enum {
    LONGEST = 1024, /* bytes of a list */
    AROUND = 64     /* of a packet around it */
};

enum {
    CLIENT = 1,
    SERVER = 2,
    BOTH = CLIENT | SERVER
};

enum place {
    CONNECT,
    WILL,
    CONNACK,
    PUBLISH,
    ALIASED, /* a PUBLISH without a topic name */
    PUBACK,
    PUBREC,
    PUBREL,
    PUBCOMP,
    SUBSCRIBE,
    SUBACK,
    UNSUBSCRIBE,
    UNSUBACK,
    DISCONNECT,
    AUTH,
    PLACES
};

struct part {
    const char *bytes;
    size_t length;
};

#define PART(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

/* What stands around the list, and `needed`, a list with which the packet is valid. */
static const struct {
    uint8_t first_byte;
    uint8_t senders;
    struct part before;
    struct part needed;
    struct part after;
} places[PLACES] = {
    [CONNECT] = {0x10, CLIENT, PART("\0\4MQTT\5\2\0\0"), PART(""), PART("\0\0")},
    [WILL] = {0x10, CLIENT, PART("\0\4MQTT\5\6\0\0\0\0\0"), PART(""), PART("\0\1w\0\0")},
    [CONNACK] = {0x20, SERVER, PART("\0\0"), PART(""), PART("")},
    [PUBLISH] = {0x30, BOTH, PART("\0\1a"), PART(""), PART("payload")},
    [ALIASED] = {0x30, BOTH, PART("\0\0"), PART("\x23\0\1"), PART("payload")},
    [PUBACK] = {0x40, BOTH, PART("\0\1\0"), PART(""), PART("")},
    [PUBREC] = {0x50, BOTH, PART("\0\1\0"), PART(""), PART("")},
    [PUBREL] = {0x62, BOTH, PART("\0\1\0"), PART(""), PART("")},
    [PUBCOMP] = {0x70, BOTH, PART("\0\1\0"), PART(""), PART("")},
    [SUBSCRIBE] = {0x82, CLIENT, PART("\0\1"), PART(""), PART("\0\1a\0")},
    [SUBACK] = {0x90, SERVER, PART("\0\1"), PART(""), PART("\0")},
    [UNSUBSCRIBE] = {0xA2, CLIENT, PART("\0\1"), PART(""), PART("\0\1a")},
    [UNSUBACK] = {0xB0, SERVER, PART("\0\1"), PART(""), PART("\0")},
    [DISCONNECT] = {0xE0, BOTH, PART("\0"), PART(""), PART("")},
    [AUTH] = {0xF0, BOTH, PART("\x18"), PART("\x15\0\0"), PART("")},
};

#define IN(place)   (1u << (place))
#define IN_MESSAGE  (IN(PUBLISH) | IN(ALIASED) | IN(WILL))
#define IN_ACK      (IN(PUBACK) | IN(PUBREC) | IN(PUBREL) | IN(PUBCOMP))
#define IN_ANSWER   (IN(CONNACK) | IN_ACK | IN(SUBACK) | IN(UNSUBACK) | IN(DISCONNECT) | IN(AUTH))
#define INTEGER_MAX 268435455u

/* Table 2-4 and the ranges of the sections that it names. A string has no range. */
static const struct {
    unsigned places;
    uint32_t least;
    uint32_t most;
} table[256] = {
    [0x01] = {IN_MESSAGE, 0, 1},
    [0x02] = {IN_MESSAGE, 0, UINT32_MAX},
    [0x03] = {IN_MESSAGE, 0, 0},
    [0x08] = {IN_MESSAGE, 0, 0},
    [0x09] = {IN_MESSAGE, 0, 0},
    [0x0B] = {IN(PUBLISH) | IN(ALIASED) | IN(SUBSCRIBE), 1, INTEGER_MAX},
    [0x11] = {IN(CONNECT) | IN(CONNACK) | IN(DISCONNECT), 0, UINT32_MAX},
    [0x12] = {IN(CONNACK), 0, 0},
    [0x13] = {IN(CONNACK), 0, 65535},
    [0x15] = {IN(CONNECT) | IN(CONNACK) | IN(AUTH), 0, 0},
    [0x16] = {IN(CONNECT) | IN(CONNACK) | IN(AUTH), 0, 0},
    [0x17] = {IN(CONNECT), 0, 1},
    [0x18] = {IN(WILL), 0, UINT32_MAX},
    [0x19] = {IN(CONNECT), 0, 1},
    [0x1A] = {IN(CONNACK), 0, 0},
    [0x1C] = {IN(CONNACK) | IN(DISCONNECT), 0, 0},
    [0x1F] = {IN_ANSWER, 0, 0},
    [0x21] = {IN(CONNECT) | IN(CONNACK), 1, 65535},
    [0x22] = {IN(CONNECT) | IN(CONNACK), 0, 65535},
    [0x23] = {IN(PUBLISH) | IN(ALIASED), 1, 65535},
    [0x24] = {IN(CONNACK), 0, 1},
    [0x25] = {IN(CONNACK), 0, 1},
    [0x26] = {~0u, 0, 0},
    [0x27] = {IN(CONNECT) | IN(CONNACK), 1, UINT32_MAX},
    [0x28] = {IN(CONNACK), 0, 1},
    [0x29] = {IN(CONNACK), 0, 1},
    [0x2A] = {IN(CONNACK), 0, 1},
};

/* A list as the table sees it. */
struct list {
    int32_t status;
    size_t error_at;
    size_t count;
    size_t starts[LONGEST / 2 + 1]; /* of the properties, and the end of the last */
    bool has[256];
};

static bool is_publish(size_t place)
{
    return place == PUBLISH || place == ALIASED;
}

/* 1.5.4 and 4.7: 0, or what is wrong. */
static int32_t check_string(const uint8_t *bytes, size_t length, bool is_topic)
{
    size_t i = 0;

    while (i < length) {
        const size_t size = reference_sequence(bytes + i, length - i);
        if (size == 0)
            return MQTT_ERROR_ILL_FORMED_UTF8;
        if (bytes[i] == 0)
            return MQTT_ERROR_NULL_CHARACTER;
        if (is_topic && (bytes[i] == '#' || bytes[i] == '+'))
            return MQTT_ERROR_TOPIC_NAME_WILDCARD;
        i += size;
    }
    return is_topic && length == 0 ? MQTT_ERROR_TOPIC_EMPTY : 0;
}

/* The size of a string or binary data with its length, 0 if it is cut. */
static size_t field_size(const uint8_t *bytes, size_t left)
{
    const size_t size = left < 2 ? 0 : 2 + bytes[0] * 256u + bytes[1];

    return size <= left ? size : 0;
}

/* 1.5.5, and the sizes of Table 2-4. Sets the size of the number. */
static int32_t check_number(const uint8_t *bytes, size_t left, unsigned id, bool is_left_out,
                            size_t *size)
{
    const enum mqtt_write_kind kind = mqtt_write_kind_of(id);
    const bool is_integer = kind == MQTT_WRITE_INTEGER;
    uint32_t number = 0;
    size_t i = 0;

    *size = (size_t)kind;
    if (is_integer) {
        for (; i < left && i < 4 && bytes[i] >= 128; i++)
            number += (bytes[i] - 128u) << 7 * i;
        if (i == 4)
            return MQTT_ERROR_INTEGER_TOO_LONG;
        *size = i + 1;
    }
    if (left < *size)
        return MQTT_ERROR_PROPERTY_CUT;
    if (is_left_out)
        return 0;
    if (is_integer) {
        number += (uint32_t)bytes[i] << 7 * i;
        if (i > 0 && bytes[i] == 0)
            return MQTT_ERROR_INTEGER_NOT_SHORTEST;
    } else {
        for (i = 0; i < *size; i++)
            number = number * 256 + bytes[i];
    }
    if (number >= table[id].least && number <= table[id].most)
        return 0;
    return id == MQTT_V5_PROPERTY_TOPIC_ALIAS ? MQTT_ERROR_TOPIC_ALIAS_ZERO
                                              : MQTT_ERROR_PROPERTY_VALUE;
}

/* Sets the size of the value. Of one that is left out nothing else matters. */
static int32_t check_value(const uint8_t *bytes, size_t left, unsigned id, bool is_left_out,
                           size_t *size)
{
    const enum mqtt_write_kind kind = mqtt_write_kind_of(id);
    size_t first;
    size_t second = 0;
    int32_t status;

    if (kind <= MQTT_WRITE_INTEGER)
        return check_number(bytes, left, id, is_left_out, size);
    first = field_size(bytes, left);
    if (kind == MQTT_WRITE_PAIR)
        second = field_size(bytes + first, left - first);
    if (first == 0 || (kind == MQTT_WRITE_PAIR && second == 0))
        return MQTT_ERROR_PROPERTY_CUT;
    *size = first + second;
    if (is_left_out || kind == MQTT_WRITE_BINARY)
        return 0;
    status = check_string(bytes + 2, first - 2, id == MQTT_V5_PROPERTY_RESPONSE_TOPIC);
    if (status == 0 && second > 0)
        status = check_string(bytes + first + 2, second - 2, false);
    return status;
}

static int32_t check_id(const struct list *list, size_t place, unsigned senders, unsigned id)
{
    if ((table[id].places & IN(place)) == 0)
        return MQTT_ERROR_PROPERTY_ID;
    if (id == MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIER && is_publish(place))
        return (senders & SERVER) != 0 ? 0 : MQTT_ERROR_PROPERTY_DIRECTION;
    if (id == MQTT_V5_PROPERTY_SESSION_EXPIRY_INTERVAL && place == DISCONNECT &&
        (senders & CLIENT) == 0)
        return MQTT_ERROR_PROPERTY_DIRECTION;
    return list->has[id] && id != MQTT_V5_PROPERTY_USER_PROPERTY ? MQTT_ERROR_PROPERTY_TWICE : 0;
}

/* What an encoder leaves out of this packet, or out of a will that is published. */
static bool is_without(unsigned id, size_t place, uint32_t without)
{
    const unsigned here = IN(place) | (is_publish(place) ? IN(WILL) : 0);

    return (table[id].places & here) != 0 && (without & MQTT_V5_WITHOUT(id)) != 0;
}

/* Reads a list from one of the senders, as an encoder does without the properties of `without`. */
static void read_list(struct list *list, struct mqtt_bytes bytes, size_t place, unsigned senders,
                      uint32_t without)
{
    size_t at = 0;

    memset(list, 0, sizeof *list);
    while (at < bytes.length && list->status == 0) {
        const unsigned id = bytes.data[at];
        const bool is_left_out = is_without(id, place, without);
        size_t size = 0;
        if (!is_left_out)
            list->status = check_id(list, place, senders, id);
        if (list->status == 0)
            list->status =
                check_value(bytes.data + at + 1, bytes.length - at - 1, id, is_left_out, &size);
        list->error_at = at;
        list->starts[list->count++] = at;
        list->has[id] = list->has[id] || !is_left_out;
        at += 1 + size;
    }
    if (list->status != 0)
        return;
    list->error_at = list->starts[list->count] = at;
    if (list->has[MQTT_V5_PROPERTY_AUTHENTICATION_METHOD])
        return;
    if (place == AUTH ||
        (place == CONNECT && list->has[MQTT_V5_PROPERTY_AUTHENTICATION_DATA])) /* 4.12 */
        list->status = MQTT_ERROR_AUTHENTICATION_METHOD;
    if (place == ALIASED && !list->has[MQTT_V5_PROPERTY_TOPIC_ALIAS])
        list->status = MQTT_ERROR_TOPIC_MISSING; /* 3.3.2.1 */
}

/* The packet around a list. Sets where the list begins in it. */
static struct fuzz_block packet_around(struct mqtt_bytes list, size_t place, size_t *list_at)
{
    uint8_t bytes[2 * LONGEST + AROUND];
    struct mqtt_writer writer = MQTT_WRITER_COUNTER;
    struct mqtt_writer counter = MQTT_WRITER_COUNTER;

    mqtt_write_remaining_length(&counter, list.length, 1);
    writer.buffer = bytes;
    writer.capacity = sizeof bytes;
    mqtt_write_u8(&writer, places[place].first_byte);
    mqtt_write_remaining_length(
        &writer,
        places[place].before.length + counter.length + list.length + places[place].after.length, 1);
    mqtt_write_raw(&writer, places[place].before.bytes, places[place].before.length);
    mqtt_write_remaining_length(&writer, list.length, 1);
    *list_at = writer.length;
    mqtt_write_raw(&writer, list.data, list.length);
    mqtt_write_raw(&writer, places[place].after.bytes, places[place].after.length);
    return fuzz_copy(bytes, writer.length);
}

static struct mqtt_v5_properties *properties_of(struct mqtt_v5_packet *packet, size_t place)
{
    return place == WILL ? &packet->as.connect.will.properties
                         : mqtt_write_v5_properties_of(packet);
}

/* Where the error is in the packet: in the list, at its end, or at the length of the topic name. */
static size_t offset_of(const struct list *list, struct mqtt_bytes bytes, size_t list_at)
{
    if (list->status == MQTT_ERROR_TOPIC_MISSING)
        return list_at - (bytes.length < 128 ? 1 : 2) - places[ALIASED].before.length;
    return list_at + list->error_at;
}

static void check_decoder(struct mqtt_bytes bytes, size_t place, unsigned senders,
                          int32_t (*decode)(struct mqtt_v5_packet *packet, const void *bytes,
                                            size_t length))
{
    struct list list;
    struct mqtt_v5_packet packet;
    size_t list_at;
    const struct fuzz_block block = packet_around(bytes, place, &list_at);
    const int32_t result = decode(&packet, block.bytes, block.length);

    read_list(&list, bytes, place, senders, 0);
    if (list.status == 0) {
        const struct mqtt_bytes encoded = properties_of(&packet, place)->encoded;
        FUZZ_CHECK(result == (int32_t)block.length);
        FUZZ_CHECK(encoded.length == bytes.length &&
                   (bytes.length == 0 || encoded.data == block.bytes + list_at));
    } else {
        FUZZ_CHECK(result == list.status);
        FUZZ_CHECK(packet.error_offset == offset_of(&list, bytes, list_at));
    }
    fuzz_free(block);
}

/* Whether a property is the one at `index` in the list. */
static bool is_property(const struct mqtt_v5_property *property, struct mqtt_bytes bytes,
                        const struct list *list, size_t index)
{
    const size_t size = list->starts[index + 1] - list->starts[index];
    const struct fuzz_block written = fuzz_new(size);
    const bool is_same = mqtt_v5_encode_property(written.bytes, size, property) == (int32_t)size &&
                         memcmp(written.bytes, bytes.data + list->starts[index], size) == 0;

    fuzz_free(written);
    return is_same;
}

/* Each property of a valid list, and the first of each identifier. */
static void check_iteration(struct mqtt_bytes bytes, const struct list *list)
{
    const struct mqtt_v5_properties properties = {NULL, 0, bytes, 0};
    struct mqtt_v5_property property;
    size_t position = 0;
    size_t i;
    unsigned id;

    for (i = 0; i < list->count; i++) {
        FUZZ_CHECK(mqtt_v5_next_property(&properties, &position, &property));
        FUZZ_CHECK(is_property(&property, bytes, list, i));
    }
    FUZZ_CHECK(!mqtt_v5_next_property(&properties, &position, &property));
    for (id = 0; id < 48; id++) {
        const bool is_found =
            mqtt_v5_find_property(&properties, (enum mqtt_v5_property_id)id, &property);
        FUZZ_CHECK(is_found == list->has[id]);
        for (i = 0; is_found && bytes.data[list->starts[i]] != id; i++)
            ;
        FUZZ_CHECK(!is_found || is_property(&property, bytes, list, i));
    }
}

/* What the encoder makes of the packet is `status`, or the shortest form of the packet around
 * `expected`. */
static void check_encoder(const struct mqtt_v5_packet *packet, size_t place,
                          struct mqtt_bytes expected, int32_t status)
{
    const int32_t size = mqtt_v5_encode(NULL, 0, packet);
    struct fuzz_block written;
    struct fuzz_block block;
    struct mqtt_v5_packet decoded;
    size_t list_at;

    if (status < 0) {
        written = fuzz_new(LONGEST);
        FUZZ_CHECK(size == status);
        FUZZ_CHECK(mqtt_v5_encode(written.bytes, written.length, packet) == status);
        FUZZ_CHECK(fuzz_is_untouched(written));
        fuzz_free(written);
        return;
    }
    FUZZ_CHECK(size > 0);
    written = fuzz_new((size_t)size);
    FUZZ_CHECK(mqtt_v5_encode(written.bytes, written.length, packet) == size);
    block = packet_around(expected, place, &list_at);
    if (expected.length == 0 && written.length < block.length) { /* 3.4.2.2.1 and so on */
        FUZZ_CHECK(mqtt_v5_decode(&decoded, written.bytes, written.length) == size);
        FUZZ_CHECK(properties_of(&decoded, place)->encoded.length == 0);
    } else {
        FUZZ_CHECK(written.length == block.length);
        FUZZ_CHECK(memcmp(written.bytes, block.bytes, block.length) == 0);
    }
    fuzz_free(block);
    fuzz_free(written);
}

/* The properties from the chosen one on as a sender's array. */
static void check_joined(const struct mqtt_v5_packet *base, size_t place, struct mqtt_bytes bytes,
                         const struct list *list, size_t chosen)
{
    struct mqtt_v5_property array[LONGEST / 2];
    struct mqtt_v5_packet packet = *base;
    struct mqtt_v5_properties *const properties = properties_of(&packet, place);
    const struct mqtt_v5_properties all = {NULL, 0, bytes, 0};
    size_t position = 0;
    size_t i;

    for (i = 0; i < list->count; i++)
        FUZZ_CHECK(mqtt_v5_next_property(&all, &position, &array[i]));
    properties->list = array + chosen;
    properties->count = list->count - chosen;
    properties->encoded.data = bytes.data;
    properties->encoded.length = list->starts[chosen];
    check_encoder(&packet, place, bytes, 0);
}

/* Without the properties of an identifier, and with the first of them at the end. */
static void check_replaced(const struct mqtt_v5_packet *base, size_t place, struct mqtt_bytes bytes,
                           unsigned id)
{
    struct mqtt_v5_packet packet = *base;
    struct mqtt_v5_properties *const properties = properties_of(&packet, place);
    const uint32_t without = MQTT_V5_WITHOUT(id);
    uint8_t kept[2 * LONGEST];
    struct mqtt_writer writer = {kept, sizeof kept, 0, 0, 0};
    struct mqtt_bytes expected = {kept, 0};
    struct mqtt_v5_property again;
    struct list list;
    size_t i;

    read_list(&list, bytes, place, BOTH, without);
    for (i = 0; list.error_at == bytes.length && i < list.count; i++) {
        if (!is_without(bytes.data[list.starts[i]], place, without))
            mqtt_write_raw(&writer, bytes.data + list.starts[i],
                           list.starts[i + 1] - list.starts[i]);
    }
    expected.length = writer.length;
    properties->without = without;
    check_encoder(&packet, place, expected, list.status);
    if (list.error_at < bytes.length)
        return;
    properties->without = 0;
    FUZZ_CHECK(mqtt_v5_find_property(properties, (enum mqtt_v5_property_id)id, &again));
    mqtt_write_v5_property(&writer, &again);
    expected.length = writer.length;
    read_list(&list, expected, place, BOTH, 0);
    properties->without = without;
    properties->list = &again;
    properties->count = 1;
    check_encoder(&packet, place, expected, list.status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct list list;
    struct mqtt_bytes bytes;
    struct mqtt_bytes needed;
    struct mqtt_v5_packet packet;
    struct fuzz_block block;
    struct fuzz_block valid;
    size_t place;
    size_t list_at;

    if (size < 2 || size - 2 > LONGEST)
        return 0;
    place = data[0] % PLACES;
    block = fuzz_copy(data + 2, size - 2);
    bytes.data = block.bytes;
    bytes.length = block.length;
    check_decoder(bytes, place, BOTH, mqtt_v5_decode);
    if ((places[place].senders & CLIENT) != 0)
        check_decoder(bytes, place, CLIENT, mqtt_v5_decode_from_client);
    if ((places[place].senders & SERVER) != 0)
        check_decoder(bytes, place, SERVER, mqtt_v5_decode_from_server);

    needed.data = (const uint8_t *)places[place].needed.bytes;
    needed.length = places[place].needed.length;
    valid = packet_around(needed, place, &list_at);
    FUZZ_CHECK(mqtt_v5_decode(&packet, valid.bytes, valid.length) == (int32_t)valid.length);
    properties_of(&packet, place)->encoded = bytes;
    read_list(&list, bytes, place, BOTH, 0);
    check_encoder(&packet, place, bytes, list.status);
    if (list.status == 0) {
        check_iteration(bytes, &list);
        check_joined(&packet, place, bytes, &list, data[1] % (list.count + 1));
    }
    if (list.count > 0)
        check_replaced(&packet, place, bytes, bytes.data[list.starts[data[1] % list.count]]);
    fuzz_free(valid);
    fuzz_free(block);
    return 0;
}
