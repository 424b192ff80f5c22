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
    ENCODED_MAX = 48
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
    switch (mqtt_write_kind_of(property.id)) {
    case MQTT_WRITE_STRING:
        property.as.string = make_string(input);
        break;
    case MQTT_WRITE_BINARY:
        property.as.bytes = fuzz_take(input, number % 40);
        break;
    case MQTT_WRITE_PAIR:
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
    if (mqtt_write_v5_properties_of(packet) != NULL)
        make_properties(input, lists, 0, mqtt_write_v5_properties_of(packet));
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

static bool properties_have_bytes(const struct mqtt_v5_properties *properties)
{
    size_t i;

    for (i = 0; i < properties->count; i++) {
        const enum mqtt_write_kind kind = mqtt_write_kind_of(properties->list[i].id);
        const uint32_t number = properties->list[i].as.number;
        if ((kind == MQTT_WRITE_BYTE && number > 255) ||
            (kind == MQTT_WRITE_TWO_BYTES && number > 65535) ||
            (kind == MQTT_WRITE_INTEGER && number > MQTT_REMAINING_LENGTH_MAX))
            return false;
    }
    return true;
}

/* Whether bytes can say what the structure does: its numbers have their size. */
static bool has_bytes(struct mqtt_v5_packet *packet)
{
    const struct mqtt_v5_properties *const properties = mqtt_write_v5_properties_of(packet);
    const struct mqtt_v5_will *const will = &packet->as.connect.will;

    if (packet->type == 0 || (properties != NULL && !properties_have_bytes(properties)))
        return false;
    if (packet->type == MQTT_V5_CONNECT && packet->as.connect.has_will)
        return will->qos < 4 && properties_have_bytes(&will->properties);
    return packet->type != MQTT_V5_PUBLISH || packet->as.publish.qos < 4;
}

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

    FUZZ_CHECK(mqtt_v5_encode(buffer.bytes, buffer.length, packet) == status);
    FUZZ_CHECK(fuzz_is_untouched(buffer));
    fuzz_free(buffer);
    if (has_bytes(packet)) {
        struct mqtt_writer writer = MQTT_WRITER_COUNTER;
        struct mqtt_writer body = MQTT_WRITER_COUNTER;
        struct mqtt_v5_packet decoded;
        struct fuzz_block block;
        mqtt_write_v5_body(&body, packet);
        mqtt_write_remaining_length(&writer, body.length, 1);
        block = fuzz_new(1 + writer.length + body.length);
        writer.buffer = block.bytes;
        writer.capacity = block.length;
        writer.length = 0;
        mqtt_write_u8(&writer, mqtt_write_v5_first_byte(packet));
        mqtt_write_remaining_length(&writer, body.length, 1);
        mqtt_write_v5_body(&writer, packet);
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
