/* Any bytes, decoded as one packet.
 *
 * Properties: what is consumed, what is pointed to and error_offset lie within the input. A packet
 * that is accepted encodes to the bytes it came from, but for a padded remaining length; the size
 * query says as much; every shorter capacity is refused and nothing written. The same bytes in a
 * block of exactly the packet's size, and with others after them, give the same answer. The
 * decoders for one direction say the same, or MQTT_ERROR_DIRECTION by Table 2.1. The fixed header
 * alone agrees. A list has as many entries as `count` says, and all of them are valid. */
#define MQTT_MUTATOR_VERSION 4
#include "fuzz.h"
#include "mutator.h"
#include "table_2_1.h"

static bool is_within(struct fuzz_block block, const void *data, size_t length)
{
    const uint8_t *at = (const uint8_t *)data;

    return length == 0 || (at >= block.bytes && at + length <= block.bytes + block.length);
}

static void check_connect_is_within(struct fuzz_block block, const struct mqtt_connect *connect)
{
    FUZZ_CHECK(is_within(block, connect->client_id.data, connect->client_id.length));
    if (connect->has_will) {
        FUZZ_CHECK(is_within(block, connect->will.topic.data, connect->will.topic.length));
        FUZZ_CHECK(is_within(block, connect->will.message.data, connect->will.message.length));
    }
    if (connect->has_user_name)
        FUZZ_CHECK(is_within(block, connect->user_name.data, connect->user_name.length));
    if (connect->has_password)
        FUZZ_CHECK(is_within(block, connect->password.data, connect->password.length));
}

static void check_subscriptions(struct fuzz_block block, const struct mqtt_subscribe *subscribe)
{
    struct mqtt_subscription entry;
    size_t position = 0;
    size_t count = 0;

    while (mqtt_next_subscription(subscribe, &position, &entry)) {
        FUZZ_CHECK(is_within(block, entry.filter.data, entry.filter.length));
        FUZZ_CHECK(mqtt_topic_filter_is_valid(entry.filter));
        FUZZ_CHECK(entry.qos <= 2);
        count++;
    }
    FUZZ_CHECK(count > 0 && count == subscribe->count);
}

static void check_filters(struct fuzz_block block, const struct mqtt_unsubscribe *unsubscribe)
{
    struct mqtt_string filter;
    size_t position = 0;
    size_t count = 0;

    while (mqtt_next_filter(unsubscribe, &position, &filter)) {
        FUZZ_CHECK(is_within(block, filter.data, filter.length));
        FUZZ_CHECK(mqtt_topic_filter_is_valid(filter));
        count++;
    }
    FUZZ_CHECK(count > 0 && count == unsubscribe->count);
}

static void check_fields(struct fuzz_block block, const struct mqtt_packet *packet)
{
    FUZZ_CHECK(packet->type >= MQTT_CONNECT && packet->type <= MQTT_DISCONNECT);
    switch (packet->type) {
    case MQTT_CONNECT:
        check_connect_is_within(block, &packet->as.connect);
        break;
    case MQTT_PUBLISH:
        FUZZ_CHECK(mqtt_topic_name_is_valid(packet->as.publish.topic));
        FUZZ_CHECK(
            is_within(block, packet->as.publish.topic.data, packet->as.publish.topic.length));
        FUZZ_CHECK(
            is_within(block, packet->as.publish.payload.data, packet->as.publish.payload.length));
        break;
    case MQTT_SUBSCRIBE:
        check_subscriptions(block, &packet->as.subscribe);
        break;
    case MQTT_SUBACK:
        FUZZ_CHECK(is_within(block, packet->as.suback.return_codes, packet->as.suback.count));
        break;
    case MQTT_UNSUBSCRIBE:
        check_filters(block, &packet->as.unsubscribe);
        break;
    default:
        break;
    }
}

/* The fixed header alone, and what it says of when the rest is there. */
static void check_fixed_header(struct fuzz_block block, int32_t result,
                               const struct mqtt_packet *packet)
{
    struct mqtt_fixed_header header;
    const int32_t size = mqtt_decode_fixed_header(&header, block.bytes, block.length);
    uint32_t value;

    FUZZ_CHECK(size != 0 && size <= 5);
    if (size <= 0) {
        FUZZ_CHECK(size == result);
        return;
    }
    FUZZ_CHECK(size >= 2 && (size_t)size <= block.length);
    FUZZ_CHECK((unsigned)header.type == block.bytes[0] / 16u);
    FUZZ_CHECK(header.flags == block.bytes[0] % 16u);
    FUZZ_CHECK(mqtt_decode_remaining_length(&value, block.bytes + 1, block.length - 1) == size - 1);
    FUZZ_CHECK(value == header.remaining_length);
    if (block.length - (size_t)size < header.remaining_length)
        FUZZ_CHECK(result == MQTT_PACKET_INCOMPLETE);
    else if (result > 0)
        FUZZ_CHECK(packet->type == header.type &&
                   (uint32_t)result == (uint32_t)size + header.remaining_length);
    else
        FUZZ_CHECK(result != MQTT_PACKET_INCOMPLETE &&
                   packet->error_offset <= (uint32_t)size + header.remaining_length);
}

/* A reserved type is refused as such whoever sends it. */
static bool may_send(bool client, unsigned type)
{
    return type == 0 || type == 15 || (client ? client_may_send : server_may_send)(type);
}

static void check_direction(struct fuzz_block block, int32_t result,
                            const struct mqtt_packet *packet, bool client)
{
    struct mqtt_packet other;
    const int32_t other_result = client
                                     ? mqtt_decode_from_client(&other, block.bytes, block.length)
                                     : mqtt_decode_from_server(&other, block.bytes, block.length);

    if (block.length == 0 || may_send(client, block.bytes[0] / 16u))
        FUZZ_CHECK(fuzz_same_answer(result, packet, other_result, &other));
    else
        FUZZ_CHECK(other_result == MQTT_ERROR_DIRECTION && other.error_offset == 0);
}

/* With bytes after them, and, of an accepted packet, without those after it. */
static void check_surroundings(struct fuzz_block block, int32_t result,
                               const struct mqtt_packet *packet)
{
    struct fuzz_block longer = fuzz_new(block.length + 3);
    struct mqtt_packet other;

    if (result == MQTT_PACKET_INCOMPLETE) {
        fuzz_free(longer);
        return;
    }
    if (block.length > 0)
        memcpy(longer.bytes, block.bytes, block.length);
    FUZZ_CHECK(
        fuzz_same_answer(result, packet, mqtt_decode(&other, longer.bytes, longer.length), &other));
    fuzz_free(longer);
    if (result > 0) {
        const struct fuzz_block exact = fuzz_copy(block.bytes, (size_t)result);
        FUZZ_CHECK(fuzz_same_answer(result, packet, mqtt_decode(&other, exact.bytes, exact.length),
                                    &other));
        fuzz_free(exact);
    }
}

/* Every capacity below the size, of a large packet some. */
static void check_short_capacities(const struct mqtt_packet *packet, struct fuzz_block buffer)
{
    const size_t step = buffer.length / 64 + 1;
    size_t capacity;

    for (capacity = 0; capacity < buffer.length; capacity += step)
        FUZZ_CHECK(mqtt_encode(buffer.bytes, capacity, packet) == MQTT_ERROR_BUFFER_TOO_SMALL);
    FUZZ_CHECK(mqtt_encode(buffer.bytes, buffer.length - 1, packet) == MQTT_ERROR_BUFFER_TOO_SMALL);
    FUZZ_CHECK(fuzz_is_untouched(buffer));
}

static size_t shortest_remaining_length(uint32_t value)
{
    return value < 128 ? 1 : value < 16384 ? 2 : value < 2097152 ? 3 : 4;
}

static void check_encoder(struct fuzz_block block, int32_t result, const struct mqtt_packet *packet)
{
    const int32_t size = mqtt_encode(NULL, 0, packet);
    struct fuzz_block buffer;
    uint32_t body = 0;
    const int32_t digits = mqtt_decode_remaining_length(&body, block.bytes + 1, block.length - 1);
    const size_t shortest = shortest_remaining_length(body);

    FUZZ_CHECK(digits > 0 && size > 0);
    FUZZ_CHECK((size_t)size == 1 + shortest + body);
    buffer = fuzz_new((size_t)size);
    check_short_capacities(packet, buffer);
    FUZZ_CHECK(mqtt_encode(buffer.bytes, buffer.length, packet) == size);
    FUZZ_CHECK(buffer.bytes[0] == block.bytes[0]);
    if (shortest == (size_t)digits)
        FUZZ_CHECK(memcmp(buffer.bytes, block.bytes, 1 + shortest) == 0);
    FUZZ_CHECK(memcmp(buffer.bytes + buffer.length - body, block.bytes + result - body, body) == 0);
    fuzz_free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct fuzz_block block = fuzz_copy(data, size);
    struct mqtt_packet packet;
    const int32_t result = mqtt_decode(&packet, block.bytes, block.length);

    FUZZ_CHECK(result != 0);
    if (result > 0) {
        FUZZ_CHECK((size_t)result <= size);
        check_fields(block, &packet);
        check_encoder(block, result, &packet);
    } else if (result != MQTT_PACKET_INCOMPLETE) {
        FUZZ_CHECK(packet.error_offset <= size);
        FUZZ_CHECK(mqtt_status_clause(result)[0] != '\0');
    }
    check_fixed_header(block, result, &packet);
    check_direction(block, result, &packet, true);
    check_direction(block, result, &packet, false);
    check_surroundings(block, result, &packet);
    fuzz_free(block);
    return 0;
}
