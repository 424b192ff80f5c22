/* Any bytes, decoded as one packet of MQTT 5.0.
 *
 * Properties: mqtt_v5_decode accepts what one of the decoders for one side accepts, with the same
 * fields. What is consumed, what is pointed to and error_offset lie within the input. The same bytes
 * in a block of exactly the packet's size, and with others after them, give the same answer; every
 * prefix is incomplete or is refused for the same reason. The fixed header and the header of a
 * PUBLISH say the same. Properties are written again as they were received; one that is left out is
 * gone, and the others are not. A packet that is accepted encodes to one of the same fields, and
 * that to the same bytes; every shorter capacity is refused and nothing written. The iterators stay
 * in bounds in bytes that no decoder has seen. 3.1.1 takes no CONNECT of 5.0, nor the reverse. */
#define MQTT_MUTATOR_VERSION 5
#include "fuzz_v5.h"
#include "mutator.h"

enum {
    PREFIX_MAX = 256
};

static bool is_within(struct fuzz_block block, const void *data, size_t length)
{
    const uint8_t *at = (const uint8_t *)data;

    return length == 0 || (at >= block.bytes && at + length <= block.bytes + block.length);
}

static void check_property(struct fuzz_block block, const struct mqtt_v5_property *property)
{
    switch (mqtt_write_kind_of(property->id)) {
    case MQTT_WRITE_STRING:
        FUZZ_CHECK(is_within(block, property->as.string.data, property->as.string.length));
        break;
    case MQTT_WRITE_BINARY:
        FUZZ_CHECK(is_within(block, property->as.bytes.data, property->as.bytes.length));
        break;
    case MQTT_WRITE_PAIR:
        FUZZ_CHECK(is_within(block, property->as.pair.name.data, property->as.pair.name.length));
        FUZZ_CHECK(is_within(block, property->as.pair.value.data, property->as.pair.value.length));
        break;
    default:
        break;
    }
}

/* Each property, written again by itself: together they are what was received. */
static void check_properties(struct fuzz_block block, const struct mqtt_v5_properties *properties)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): decoders set the properties of their type */
    const struct fuzz_block again = fuzz_new(properties->encoded.length);
    struct mqtt_v5_property property;
    size_t position = 0;
    size_t used = 0;

    FUZZ_CHECK(properties->list == NULL && properties->count == 0 && properties->without == 0);
    FUZZ_CHECK(is_within(block, properties->encoded.data, properties->encoded.length));
    while (mqtt_v5_next_property(properties, &position, &property)) {
        struct mqtt_v5_property found;
        const int32_t size =
            mqtt_v5_encode_property(again.bytes + used, again.length - used, &property);
        FUZZ_CHECK(size > 0);
        used += (size_t)size;
        FUZZ_CHECK(used == position);
        check_property(block, &property);
        FUZZ_CHECK(mqtt_v5_property_name((enum mqtt_v5_property_id)property.id)[0] != 'R' ||
                   property.id != 0);
        FUZZ_CHECK(
            mqtt_v5_find_property(properties, (enum mqtt_v5_property_id)property.id, &found));
        FUZZ_CHECK(found.id == property.id);
    }
    FUZZ_CHECK(used == again.length);
    FUZZ_CHECK(used == 0 || memcmp(again.bytes, properties->encoded.data, used) == 0);
    fuzz_free(again);
}

static void check_list(struct fuzz_block block, const struct mqtt_v5_packet *packet)
{
    struct mqtt_v5_subscription subscription;
    struct mqtt_string filter;
    struct mqtt_string name;
    struct mqtt_string matched;
    size_t position = 0;
    size_t count = 0;

    if (packet->type == MQTT_V5_SUBSCRIBE) {
        while (mqtt_v5_next_subscription(&packet->as.subscribe, &position, &subscription)) {
            const bool is_shared = mqtt_v5_shared_filter(subscription.filter, &name, &matched);
            FUZZ_CHECK(is_within(block, subscription.filter.data, subscription.filter.length));
            FUZZ_CHECK(mqtt_v5_topic_filter_is_valid(subscription.filter));
            FUZZ_CHECK(mqtt_topic_filter_is_valid(matched));
            FUZZ_CHECK(!is_shared || (name.length > 0 && !subscription.no_local));
            FUZZ_CHECK(subscription.qos <= 2 && subscription.retain_handling <= 2);
            count++;
        }
        FUZZ_CHECK(count > 0 && count == packet->as.subscribe.count);
    } else if (packet->type == MQTT_V5_UNSUBSCRIBE) {
        while (mqtt_v5_next_filter(&packet->as.unsubscribe, &position, &filter)) {
            FUZZ_CHECK(is_within(block, filter.data, filter.length));
            FUZZ_CHECK(mqtt_v5_topic_filter_is_valid(filter));
            count++;
        }
        FUZZ_CHECK(count > 0 && count == packet->as.unsubscribe.count);
    }
}

/* One side's decoder against that of both. */
static void check_sides(struct fuzz_block block, int32_t result,
                        const struct mqtt_v5_packet *packet)
{
    struct mqtt_v5_packet client;
    struct mqtt_v5_packet server;
    const int32_t from_client = mqtt_v5_decode_from_client(&client, block.bytes, block.length);
    const int32_t from_server = mqtt_v5_decode_from_server(&server, block.bytes, block.length);

    FUZZ_CHECK(result != MQTT_ERROR_DIRECTION);
    FUZZ_CHECK((result > 0) == (from_client > 0 || from_server > 0));
    if (from_client > 0)
        FUZZ_CHECK(fuzz_v5_same_answer(result, packet, from_client, &client));
    if (from_server > 0)
        FUZZ_CHECK(fuzz_v5_same_answer(result, packet, from_server, &server));
    /* Where both refuse, that of both goes as far as the side that goes further. */
    if (result < 0 && result != MQTT_PACKET_INCOMPLETE)
        FUZZ_CHECK(fuzz_v5_same_answer(result, packet, from_client, &client) ||
                   fuzz_v5_same_answer(result, packet, from_server, &server) ||
                   result == MQTT_ERROR_PROPERTY_DIRECTION);
}

static void check_fixed_header(struct fuzz_block block, int32_t result,
                               const struct mqtt_v5_packet *packet)
{
    struct mqtt_v5_fixed_header header;
    const int32_t size = mqtt_v5_decode_fixed_header(&header, block.bytes, block.length);

    FUZZ_CHECK(size != 0 && size <= 5);
    if (size <= 0) {
        FUZZ_CHECK(size == result);
        return;
    }
    FUZZ_CHECK(header.type == packet->type);
    if (block.length - (size_t)size < header.remaining_length)
        FUZZ_CHECK(result == MQTT_PACKET_INCOMPLETE);
    else if (result > 0)
        FUZZ_CHECK((uint32_t)result == (uint32_t)size + header.remaining_length);
    else
        FUZZ_CHECK(result != MQTT_PACKET_INCOMPLETE &&
                   packet->error_offset <= (uint32_t)size + header.remaining_length);
}

static void check_publish_header(struct fuzz_block block, int32_t result,
                                 const struct mqtt_v5_packet *packet)
{
    struct mqtt_v5_publish publish;
    const int32_t size = mqtt_v5_decode_publish_header(&publish, block.bytes, block.length);

    if (block.length > 0 && block.bytes[0] / 16 != MQTT_V5_PUBLISH) {
        FUZZ_CHECK(size == MQTT_ERROR_TYPE);
    } else if (result > 0) {
        const struct fuzz_block header = fuzz_copy(block.bytes, (size_t)size);
        struct mqtt_v5_publish again;
        FUZZ_CHECK(size > 0 && fuzz_v5_same_publish_header(&publish, &packet->as.publish));
        FUZZ_CHECK((uint32_t)result == (uint32_t)size + publish.payload.length);
        FUZZ_CHECK(mqtt_v5_decode_publish_header(&again, header.bytes, header.length) == size);
        FUZZ_CHECK(mqtt_v5_publish_set_retain(header.bytes, header.length, !publish.retain) ==
                   size);
        FUZZ_CHECK((header.bytes[0] ^ block.bytes[0]) == 1);
        if (publish.qos > 0) {
            FUZZ_CHECK(mqtt_v5_publish_set_packet_id(header.bytes, header.length, 0xABCD) == size);
            FUZZ_CHECK(mqtt_v5_publish_set_dup(header.bytes, header.length, true) == size);
            FUZZ_CHECK(mqtt_v5_decode_publish_header(&again, header.bytes, header.length) == size);
            FUZZ_CHECK(again.packet_id == 0xABCD && again.dup && again.retain != publish.retain);
        }
        fuzz_free(header);
    } else if (result != MQTT_PACKET_INCOMPLETE) {
        FUZZ_CHECK(size == result);
    }
}

/* In a longer block, in one of its size, and cut. */
static void check_surroundings(struct fuzz_block block, int32_t result,
                               const struct mqtt_v5_packet *packet)
{
    const struct fuzz_block longer = fuzz_new(block.length + 3);
    struct mqtt_v5_packet other;
    size_t length;

    if (block.length > 0)
        memcpy(longer.bytes, block.bytes, block.length);
    if (result != MQTT_PACKET_INCOMPLETE)
        FUZZ_CHECK(fuzz_v5_same_answer(
            result, packet, mqtt_v5_decode(&other, longer.bytes, longer.length), &other));
    fuzz_free(longer);
    for (length = 0; length < block.length && length < PREFIX_MAX; length++) {
        const struct fuzz_block prefix = fuzz_copy(block.bytes, length);
        const int32_t cut = mqtt_v5_decode(&other, prefix.bytes, prefix.length);
        FUZZ_CHECK(cut == MQTT_PACKET_INCOMPLETE ||
                   (result > 0 && length >= (size_t)result && cut == result) ||
                   (result < 0 && fuzz_v5_same_answer(result, packet, cut, &other)));
        fuzz_free(prefix);
    }
}

static void check_encoder(struct mqtt_v5_packet *packet, int32_t result)
{
    const int32_t size = mqtt_v5_encode(NULL, 0, packet);
    struct fuzz_block buffer;
    struct fuzz_block again;
    struct mqtt_v5_packet other;
    size_t capacity;

    FUZZ_CHECK(size > 0 && size <= result);
    buffer = fuzz_new((size_t)size);
    for (capacity = 0; capacity < buffer.length; capacity += buffer.length / 16 + 1)
        FUZZ_CHECK(mqtt_v5_encode(buffer.bytes, capacity, packet) == MQTT_ERROR_BUFFER_TOO_SMALL);
    FUZZ_CHECK(fuzz_is_untouched(buffer));
    FUZZ_CHECK(mqtt_v5_encode(buffer.bytes, buffer.length, packet) == size);
    FUZZ_CHECK(mqtt_v5_decode(&other, buffer.bytes, buffer.length) == size);
    FUZZ_CHECK(fuzz_v5_same_packet(packet, &other));
    again = fuzz_new((size_t)size);
    FUZZ_CHECK(mqtt_v5_encode(again.bytes, again.length, &other) == size);
    FUZZ_CHECK(memcmp(again.bytes, buffer.bytes, again.length) == 0);
    fuzz_free(again);
    fuzz_free(buffer);
}

/* A PUBLISH forwarded without each of its properties. */
static void check_without(const struct mqtt_v5_packet *packet)
{
    struct mqtt_v5_packet forwarded = *packet;
    struct mqtt_v5_properties *const properties = &forwarded.as.publish.properties;
    struct mqtt_v5_property property;
    size_t position = 0;

    FUZZ_CHECK(forwarded.as.publish.payload.data != NULL);
    while (mqtt_v5_next_property(&packet->as.publish.properties, &position, &property)) {
        struct mqtt_v5_packet received;
        struct fuzz_block buffer;
        int32_t size;
        properties->without = MQTT_V5_WITHOUT(property.id);
        size = mqtt_v5_encode(NULL, 0, &forwarded);
        if (property.id == MQTT_V5_PROPERTY_TOPIC_ALIAS && packet->as.publish.topic.length == 0) {
            FUZZ_CHECK(size == MQTT_ERROR_TOPIC_MISSING);
            continue;
        }
        FUZZ_CHECK(size > 0);
        buffer = fuzz_new((size_t)size);
        FUZZ_CHECK(mqtt_v5_encode(buffer.bytes, buffer.length, &forwarded) == size);
        FUZZ_CHECK(mqtt_v5_decode(&received, buffer.bytes, buffer.length) == size);
        FUZZ_CHECK(fuzz_v5_same_packet(&forwarded, &received));
        FUZZ_CHECK(!mqtt_v5_find_property(&received.as.publish.properties,
                                          (enum mqtt_v5_property_id)property.id, &property));
        fuzz_free(buffer);
    }
}

/* Bytes that no decoder has seen. */
static void check_iterators(struct fuzz_block block)
{
    struct mqtt_v5_properties properties;
    struct mqtt_v5_subscribe subscribe;
    struct mqtt_v5_unsubscribe unsubscribe;
    struct mqtt_v5_property property;
    struct mqtt_v5_subscription subscription;
    struct mqtt_string filter;
    size_t position = 0;

    memset(&properties, 0, sizeof properties);
    memset(&subscribe, 0, sizeof subscribe);
    memset(&unsubscribe, 0, sizeof unsubscribe);
    properties.encoded.data = block.bytes;
    properties.encoded.length = block.length;
    subscribe.encoded = properties.encoded;
    unsubscribe.encoded = properties.encoded;
    while (mqtt_v5_next_property(&properties, &position, &property))
        check_property(block, &property);
    position = 0;
    while (mqtt_v5_next_subscription(&subscribe, &position, &subscription))
        FUZZ_CHECK(is_within(block, subscription.filter.data, subscription.filter.length));
    position = 0;
    while (mqtt_v5_next_filter(&unsubscribe, &position, &filter))
        FUZZ_CHECK(is_within(block, filter.data, filter.length));
}

static void check_versions(struct fuzz_block block, int32_t result,
                           const struct mqtt_v5_packet *packet)
{
    struct mqtt_packet old;
    const int32_t old_result = mqtt_decode(&old, block.bytes, block.length);
    uint8_t level = 0;
    const int32_t size = mqtt_decode_protocol_level(&level, block.bytes, block.length);

    if (result > 0 && packet->type == MQTT_V5_CONNECT)
        FUZZ_CHECK(old_result == MQTT_ERROR_PROTOCOL_LEVEL && size > 0 && level == 5);
    if (old_result > 0 && old.type == MQTT_CONNECT) {
        FUZZ_CHECK(size > 0 && level == 4);
        FUZZ_CHECK(result == MQTT_ERROR_PROTOCOL_LEVEL ||
                   result == MQTT_ERROR_INTEGER_NOT_SHORTEST);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct fuzz_block block = fuzz_copy(data, size);
    struct mqtt_v5_packet packet;
    const int32_t result = mqtt_v5_decode(&packet, block.bytes, block.length);

    FUZZ_CHECK(result != 0);
    if (result > 0) {
        FUZZ_CHECK((size_t)result <= size);
        if (mqtt_write_v5_properties_of(&packet) != NULL)
            check_properties(block, mqtt_write_v5_properties_of(&packet));
        if (packet.type == MQTT_V5_CONNECT && packet.as.connect.has_will)
            check_properties(block, &packet.as.connect.will.properties);
        check_list(block, &packet);
        check_encoder(&packet, result);
        if (packet.type == MQTT_V5_PUBLISH)
            check_without(&packet);
    } else if (result != MQTT_PACKET_INCOMPLETE) {
        const int32_t code = mqtt_v5_reason_code_for(result);
        FUZZ_CHECK(packet.error_offset <= size);
        FUZZ_CHECK(mqtt_v5_status_clause(result, packet.type)[0] != '\0');
        FUZZ_CHECK(code == 0x81 || code == 0x82 || code == 0x84 || code == 0x94);
    }
    check_sides(block, result, &packet);
    check_fixed_header(block, result, &packet);
    check_publish_header(block, result, &packet);
    check_surroundings(block, result, &packet);
    check_iterators(block);
    check_versions(block, result, &packet);
    fuzz_free(block);
    return 0;
}
