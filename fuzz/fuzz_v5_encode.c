/* A packet structure of MQTT 5.0, valid or not, made from the input.
 *
 * Properties: what is encoded decodes to equal fields, and is what the encoder of the type writes; a
 * shorter buffer is refused and not touched. What is refused leaves the buffer alone, and where a
 * plain writer without any checks can write it, the decoder refuses the writer's bytes with the same
 * status. A PUBLISH has its header written alone, which decodes to the same. */
#include "encode_by_type.h"
#include "fuzz_v5.h"

enum {
    LIST_MAX = 4,
    ENCODED_MAX = 48,
    WRITTEN_MAX = 4096
};

struct lists {
    struct mqtt_v5_property properties[2 * LIST_MAX];
    struct mqtt_v5_subscription subscriptions[LIST_MAX];
    struct mqtt_string filters[LIST_MAX];
    bool
        is_joined; /* `encoded` may end within a property, or one is left out: the writer's bytes mean
                       something else */
};

static const uint8_t ids[] = {0x01, 0x02, 0x03, 0x08, 0x09, 0x0B, 0x11, 0x12, 0x13, 0x15,
                              0x16, 0x17, 0x18, 0x19, 0x1A, 0x1C, 0x1F, 0x21, 0x22, 0x23,
                              0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x00};

static struct mqtt_string make_string(struct fuzz_input *input)
{
    const struct mqtt_bytes bytes = fuzz_take(input, fuzz_u8(input) % 40);
    struct mqtt_string string;

    string.data = (const char *)bytes.data;
    string.length = bytes.length;
    return string;
}

static struct mqtt_v5_property make_property(struct fuzz_input *input)
{
    struct mqtt_v5_property property;
    const uint8_t number = fuzz_u8(input);

    memset(&property, 0, sizeof property);
    property.id = ids[fuzz_u8(input) % sizeof ids];
    switch (fuzz_v5_kind(property.id)) {
    case FUZZ_V5_STRING:
        property.as.string = make_string(input);
        break;
    case FUZZ_V5_BYTES:
        property.as.bytes = fuzz_take(input, number % 40);
        break;
    case FUZZ_V5_PAIR:
        property.as.pair.name = make_string(input);
        property.as.pair.value = make_string(input);
        break;
    default:
        property.as.number = number < 4 ? number : fuzz_u16(input) * (uint32_t)number;
        break;
    }
    return property;
}

static void make_properties(struct fuzz_input *input, struct lists *lists, size_t from,
                            struct mqtt_v5_properties *properties)
{
    const uint8_t shape = fuzz_u8(input);
    size_t i;

    properties->list = lists->properties + from;
    properties->count = shape % (LIST_MAX + 1);
    for (i = 0; i < properties->count; i++)
        lists->properties[from + i] = make_property(input);
    if (shape >= 128)
        properties->encoded = fuzz_take(input, fuzz_u8(input) % ENCODED_MAX);
    if (shape >= 192)
        properties->without = MQTT_V5_WITHOUT(ids[fuzz_u8(input) % sizeof ids]);
    if (shape >= 192 || (properties->encoded.length > 0 && properties->count > 0))
        lists->is_joined = true;
}

static uint8_t make_qos(struct fuzz_input *input)
{
    const uint8_t value = fuzz_u8(input);

    return value < 240 ? value % 3 : (uint8_t)(value - 237);
}

static void make_connect(struct fuzz_input *input, struct lists *lists,
                         struct mqtt_v5_connect *connect)
{
    const uint8_t flags = fuzz_u8(input);

    connect->clean_start = (flags & 2) != 0;
    connect->has_will = (flags & 4) != 0;
    connect->has_password = (flags & 0x40) != 0;
    connect->has_user_name = (flags & 0x80) != 0;
    connect->keep_alive = fuzz_u16(input);
    make_properties(input, lists, 0, &connect->properties);
    connect->client_id = make_string(input);
    if (connect->has_will) {
        connect->will.retain = (flags & 0x20) != 0;
        connect->will.qos = make_qos(input);
        make_properties(input, lists, LIST_MAX, &connect->will.properties);
        connect->will.topic = make_string(input);
        connect->will.payload = fuzz_take(input, fuzz_u8(input) % 40);
    }
    connect->user_name = make_string(input);
    connect->password = fuzz_take(input, fuzz_u8(input) % 40);
}

static void make_publish(struct fuzz_input *input, struct mqtt_v5_publish *publish)
{
    const uint8_t flags = fuzz_u8(input);

    publish->retain = (flags & 1) != 0;
    publish->dup = (flags & 8) != 0;
    publish->qos = make_qos(input);
    publish->packet_id = fuzz_u16(input);
    publish->topic = make_string(input);
    publish->payload = fuzz_take(input, fuzz_u8(input) % 40);
}

static void make_packet(struct fuzz_input *input, struct lists *lists,
                        struct mqtt_v5_packet *packet)
{
    struct mqtt_bytes codes;
    size_t i;

    memset(packet, 0, sizeof *packet);
    packet->type = (enum mqtt_v5_packet_type)(fuzz_u8(input) % 16);
    if (packet->type == MQTT_V5_CONNECT) {
        make_connect(input, lists, &packet->as.connect);
        return;
    }
    if (v5_properties_of(packet) != NULL)
        make_properties(input, lists, 0, v5_properties_of(packet));
    switch (packet->type) {
    case MQTT_V5_CONNACK:
        packet->as.connack.session_present = fuzz_u8(input) % 2 != 0;
        packet->as.connack.reason_code = fuzz_u8(input);
        break;
    case MQTT_V5_PUBLISH:
        make_publish(input, &packet->as.publish);
        break;
    case MQTT_V5_PUBACK:
    case MQTT_V5_PUBREC:
    case MQTT_V5_PUBREL:
    case MQTT_V5_PUBCOMP:
        packet->as.ack.packet_id = fuzz_u16(input);
        packet->as.ack.reason_code = fuzz_u8(input);
        break;
    case MQTT_V5_SUBSCRIBE:
        packet->as.subscribe.packet_id = fuzz_u16(input);
        packet->as.subscribe.subscriptions = lists->subscriptions;
        packet->as.subscribe.count = fuzz_u8(input) % (LIST_MAX + 1);
        for (i = 0; i < packet->as.subscribe.count; i++) {
            const uint8_t flags = fuzz_u8(input);
            lists->subscriptions[i].filter = make_string(input);
            lists->subscriptions[i].qos = flags % 4;
            lists->subscriptions[i].no_local = (flags & 4) != 0;
            lists->subscriptions[i].retain_as_published = (flags & 8) != 0;
            lists->subscriptions[i].retain_handling = flags / 16 % 4;
        }
        break;
    case MQTT_V5_UNSUBSCRIBE:
        packet->as.unsubscribe.packet_id = fuzz_u16(input);
        packet->as.unsubscribe.filters = lists->filters;
        packet->as.unsubscribe.count = fuzz_u8(input) % (LIST_MAX + 1);
        for (i = 0; i < packet->as.unsubscribe.count; i++)
            lists->filters[i] = make_string(input);
        break;
    case MQTT_V5_SUBACK:
    case MQTT_V5_UNSUBACK:
        packet->as.suback.packet_id = fuzz_u16(input);
        codes = fuzz_take(input, fuzz_u8(input) % 8);
        packet->as.suback.reason_codes = codes.data;
        packet->as.suback.count = codes.length;
        break;
    case MQTT_V5_DISCONNECT:
    case MQTT_V5_AUTH:
        packet->as.disconnect.reason_code = fuzz_u8(input);
        break;
    default:
        break;
    }
}

/* ---- The plain writer: every field in its place, in the longest form, nothing checked ----------- */

struct written {
    uint8_t bytes[WRITTEN_MAX];
    size_t length;
};

static void put(struct written *to, unsigned byte)
{
    if (to->length == WRITTEN_MAX)
        abort();
    to->bytes[to->length++] = (uint8_t)byte;
}

static void put_16(struct written *to, unsigned number)
{
    put(to, number / 256 % 256);
    put(to, number % 256);
}

static void put_integer(struct written *to, uint32_t number)
{
    for (; number >= 128; number /= 128)
        put(to, number % 128 + 128);
    put(to, number);
}

static void put_all(struct written *to, const void *data, size_t length)
{
    const uint8_t *const bytes = (const uint8_t *)data;
    size_t i;

    for (i = 0; i < length; i++)
        put(to, bytes[i]);
}

static void put_field(struct written *to, const void *data, size_t length)
{
    put_16(to, (unsigned)length);
    put_all(to, data, length);
}

static void put_string(struct written *to, struct mqtt_string string)
{
    put_field(to, string.data, string.length);
}

/* False if no bytes stand for the property. */
static bool put_property(struct written *to, const struct mqtt_v5_property *property)
{
    const uint32_t number = property->as.number;

    put(to, property->id);
    switch (property->id) {
    case MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIER:
        put_integer(to, number);
        return number <= MQTT_REMAINING_LENGTH_MAX;
    case MQTT_V5_PROPERTY_MESSAGE_EXPIRY_INTERVAL:
    case MQTT_V5_PROPERTY_SESSION_EXPIRY_INTERVAL:
    case MQTT_V5_PROPERTY_WILL_DELAY_INTERVAL:
    case MQTT_V5_PROPERTY_MAXIMUM_PACKET_SIZE:
        put_16(to, number / 65536);
        put_16(to, number % 65536);
        return true;
    case MQTT_V5_PROPERTY_SERVER_KEEP_ALIVE:
    case MQTT_V5_PROPERTY_RECEIVE_MAXIMUM:
    case MQTT_V5_PROPERTY_TOPIC_ALIAS_MAXIMUM:
    case MQTT_V5_PROPERTY_TOPIC_ALIAS:
        put_16(to, number % 65536);
        return number < 65536;
    default:
        break;
    }
    switch (fuzz_v5_kind(property->id)) {
    case FUZZ_V5_STRING:
        put_string(to, property->as.string);
        return true;
    case FUZZ_V5_BYTES:
        put_field(to, property->as.bytes.data, property->as.bytes.length);
        return true;
    case FUZZ_V5_PAIR:
        put_string(to, property->as.pair.name);
        put_string(to, property->as.pair.value);
        return true;
    default:
        put(to, number % 256);
        return number < 256;
    }
}

static bool put_properties(struct written *to, const struct mqtt_v5_properties *properties)
{
    struct written list;
    bool can = true;
    size_t i;

    list.length = 0;
    put_all(&list, properties->encoded.data, properties->encoded.length);
    for (i = 0; i < properties->count; i++)
        can = put_property(&list, &properties->list[i]) && can;
    put_integer(to, (uint32_t)list.length);
    put_all(to, list.bytes, list.length);
    return can;
}

static bool put_connect(struct written *to, const struct mqtt_v5_connect *connect)
{
    bool can;

    put_field(to, "MQTT", 4);
    put(to, 5);
    put(to, (connect->clean_start ? 2u : 0u) + (connect->has_will ? 4u : 0u) +
                (connect->has_will ? connect->will.qos * 8u : 0u) +
                (connect->has_will && connect->will.retain ? 0x20u : 0u) +
                (connect->has_password ? 0x40u : 0u) + (connect->has_user_name ? 0x80u : 0u));
    put_16(to, connect->keep_alive);
    can = put_properties(to, &connect->properties);
    put_string(to, connect->client_id);
    if (connect->has_will) {
        can = put_properties(to, &connect->will.properties) && connect->will.qos < 4 && can;
        put_string(to, connect->will.topic);
        put_field(to, connect->will.payload.data, connect->will.payload.length);
    }
    if (connect->has_user_name)
        put_string(to, connect->user_name);
    if (connect->has_password)
        put_field(to, connect->password.data, connect->password.length);
    return can;
}

/* The body. Returns false if no bytes stand for it. */
static bool put_body(struct written *to, struct mqtt_v5_packet *packet)
{
    bool can = true;
    size_t i;

    switch (packet->type) {
    case MQTT_V5_CONNECT:
        return put_connect(to, &packet->as.connect);
    case MQTT_V5_CONNACK:
        put(to, packet->as.connack.session_present);
        put(to, packet->as.connack.reason_code);
        break;
    case MQTT_V5_PUBLISH:
        put_string(to, packet->as.publish.topic);
        if (packet->as.publish.qos > 0)
            put_16(to, packet->as.publish.packet_id);
        break;
    case MQTT_V5_PUBACK:
    case MQTT_V5_PUBREC:
    case MQTT_V5_PUBREL:
    case MQTT_V5_PUBCOMP:
        put_16(to, packet->as.ack.packet_id);
        put(to, packet->as.ack.reason_code);
        break;
    case MQTT_V5_DISCONNECT:
    case MQTT_V5_AUTH:
        put(to, packet->as.disconnect.reason_code);
        break;
    case MQTT_V5_SUBSCRIBE:
        put_16(to, packet->as.subscribe.packet_id);
        break;
    case MQTT_V5_UNSUBSCRIBE:
        put_16(to, packet->as.unsubscribe.packet_id);
        break;
    case MQTT_V5_SUBACK:
    case MQTT_V5_UNSUBACK:
        put_16(to, packet->as.suback.packet_id);
        break;
    default:
        return packet->type == MQTT_V5_PINGREQ || packet->type == MQTT_V5_PINGRESP;
    }
    can = put_properties(to, v5_properties_of(packet));
    switch (packet->type) {
    case MQTT_V5_PUBLISH:
        put_all(to, packet->as.publish.payload.data, packet->as.publish.payload.length);
        return can && packet->as.publish.qos < 4;
    case MQTT_V5_SUBSCRIBE:
        for (i = 0; i < packet->as.subscribe.count; i++) {
            const struct mqtt_v5_subscription *const entry = &packet->as.subscribe.subscriptions[i];
            put_string(to, entry->filter);
            put(to, entry->qos + (entry->no_local ? 4u : 0u) +
                        (entry->retain_as_published ? 8u : 0u) + entry->retain_handling * 16u);
        }
        return can;
    case MQTT_V5_UNSUBSCRIBE:
        for (i = 0; i < packet->as.unsubscribe.count; i++)
            put_string(to, packet->as.unsubscribe.filters[i]);
        return can;
    case MQTT_V5_SUBACK:
    case MQTT_V5_UNSUBACK:
        put_all(to, packet->as.suback.reason_codes, packet->as.suback.count);
        return can;
    default:
        return can;
    }
}

static unsigned first_byte(const struct mqtt_v5_packet *packet)
{
    const struct mqtt_v5_publish *const publish = &packet->as.publish;
    const unsigned type = (unsigned)packet->type * 16;

    switch (packet->type) {
    case MQTT_V5_PUBLISH:
        return type + publish->qos * 2u + (publish->dup ? 8u : 0u) + (publish->retain ? 1u : 0u);
    case MQTT_V5_PUBREL:
    case MQTT_V5_SUBSCRIBE:
    case MQTT_V5_UNSUBSCRIBE:
        return type + 2;
    default:
        return type;
    }
}

/* ------------------------------------------------------------------------------------------------ */

static void check_encoded(struct mqtt_v5_packet *packet, int32_t size)
{
    const struct fuzz_block buffer = fuzz_new((size_t)size);
    struct mqtt_v5_packet decoded;
    size_t capacity;

    for (capacity = 0; capacity < buffer.length; capacity += buffer.length / 16 + 1)
        FUZZ_CHECK(mqtt_v5_encode(buffer.bytes, capacity, packet) == MQTT_ERROR_BUFFER_TOO_SMALL);
    FUZZ_CHECK(fuzz_is_untouched(buffer));
    FUZZ_CHECK(mqtt_v5_encode(buffer.bytes, buffer.length, packet) == size);
    FUZZ_CHECK(mqtt_v5_decode(&decoded, buffer.bytes, buffer.length) == size);
    FUZZ_CHECK(fuzz_v5_same_packet(packet, &decoded));
    FUZZ_CHECK(v5_encode_by_type(NULL, 0, packet) == size);
    if (packet->type == MQTT_V5_PUBLISH) {
        const size_t header_size = buffer.length - packet->as.publish.payload.length;
        const struct fuzz_block header = fuzz_new(header_size);
        FUZZ_CHECK(mqtt_v5_encode_publish_header(header.bytes, header_size, &packet->as.publish) ==
                   (int32_t)header_size);
        FUZZ_CHECK(memcmp(header.bytes, buffer.bytes, header_size) == 0);
        fuzz_free(header);
    }
    fuzz_free(buffer);
}

/* In the writer's bytes the decoder finds the same. */
static void check_refused(struct mqtt_v5_packet *packet, int32_t status)
{
    const struct fuzz_block buffer = fuzz_new(64);
    struct written body;
    struct written written;

    FUZZ_CHECK(mqtt_v5_encode(buffer.bytes, buffer.length, packet) == status);
    FUZZ_CHECK(fuzz_is_untouched(buffer));
    fuzz_free(buffer);
    body.length = 0;
    written.length = 0;
    if (put_body(&body, packet)) {
        struct mqtt_v5_packet decoded;
        struct fuzz_block block;
        put(&written, first_byte(packet));
        put_integer(&written, (uint32_t)body.length);
        put_all(&written, body.bytes, body.length);
        block = fuzz_copy(written.bytes, written.length);
        FUZZ_CHECK(mqtt_v5_decode(&decoded, block.bytes, block.length) == status);
        fuzz_free(block);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct fuzz_block block = fuzz_copy(data, size);
    struct fuzz_input input;
    struct lists lists;
    struct mqtt_v5_packet packet;
    int32_t result;

    input.at = block.bytes;
    input.left = block.length;
    lists.is_joined = false;
    make_packet(&input, &lists, &packet);
    result = mqtt_v5_encode(NULL, 0, &packet);
    FUZZ_CHECK(result != 0 && result != MQTT_PACKET_INCOMPLETE);
    if (result > 0)
        check_encoded(&packet, result);
    else if (!lists.is_joined)
        check_refused(&packet, result);
    fuzz_free(block);
    return 0;
}
