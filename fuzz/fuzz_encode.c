/* A packet structure, valid or not, made from the input.
 *
 * Properties: what is encoded are the bytes that a plain writer without any checks (writer.h)
 * writes, and they decode to equal fields; the encoder of the type says the same; a shorter buffer
 * is refused and not touched. What is refused leaves the buffer alone, and where it can be written at
 * all, the decoder refuses the writer's bytes with the same status. A PUBLISH with a payload of any
 * length up to the largest has its header written, which decodes to the same; a larger one is
 * MQTT_ERROR_PACKET_TOO_LARGE. */
#include "encode_by_type.h"
#include "fuzz.h"
#include "writer.h"

enum {
    LIST_MAX = 8,
    LONG_SIZE = 70000 /* bytes of the letters that over-long fields are made of */
};

static char letters[LONG_SIZE];

/* The entries of a list, which live as long as the packet. */
struct lists {
    struct mqtt_subscription subscriptions[LIST_MAX];
    struct mqtt_string filters[LIST_MAX];
};

static const char *long_letters(void)
{
    if (letters[0] == '\0')
        memset(letters, 'a', sizeof letters);
    return letters;
}

/* Mostly some of the input; else NULL or empty, or about as long as a field can be. */
static struct mqtt_bytes make_bytes(struct fuzz_input *input)
{
    const uint8_t kind = fuzz_u8(input);
    struct mqtt_bytes bytes = {NULL, 0};

    if (kind < 240)
        return fuzz_take(input, kind % 48);
    if (kind < 248) {
        bytes.data = kind % 2 == 0 ? NULL : (const uint8_t *)long_letters();
        return bytes;
    }
    bytes.data = (const uint8_t *)long_letters();
    bytes.length = kind < 252 ? 65535 : kind < 254 ? 65536 : LONG_SIZE;
    return bytes;
}

static struct mqtt_string make_string(struct fuzz_input *input)
{
    const struct mqtt_bytes bytes = make_bytes(input);
    struct mqtt_string string;

    string.data = (const char *)bytes.data;
    string.length = bytes.length;
    return string;
}

/* 0 to 2 mostly, so that there are valid packets enough. */
static uint8_t make_qos(struct fuzz_input *input)
{
    const uint8_t value = fuzz_u8(input);

    return value < 192 ? value % 3 : (uint8_t)(value - 190);
}

static void make_connect(struct fuzz_input *input, struct mqtt_connect *connect)
{
    const uint8_t flags = fuzz_u8(input);

    connect->clean_session = (flags & 2) != 0;
    connect->has_will = (flags & 4) != 0;
    connect->will.retain = (flags & 0x20) != 0;
    connect->has_password = (flags & 0x40) != 0;
    connect->has_user_name = (flags & 0x80) != 0;
    connect->will.qos = make_qos(input);
    connect->keep_alive = fuzz_u16(input);
    connect->client_id = make_string(input);
    connect->will.topic = make_string(input);
    connect->will.message = make_bytes(input);
    connect->user_name = make_string(input);
    connect->password = make_bytes(input);
}

static void make_publish(struct fuzz_input *input, struct mqtt_publish *publish)
{
    const uint8_t flags = fuzz_u8(input);

    publish->retain = (flags & 1) != 0;
    publish->dup = (flags & 8) != 0;
    publish->qos = make_qos(input);
    publish->packet_id = fuzz_u16(input);
    publish->topic = make_string(input);
    publish->payload = make_bytes(input);
}

static void make_subscribe(struct fuzz_input *input, struct lists *lists,
                           struct mqtt_subscribe *subscribe)
{
    const uint8_t count = fuzz_u8(input);
    size_t i;

    subscribe->packet_id = fuzz_u16(input);
    if (count >= 192) { /* as a decoder leaves it */
        subscribe->encoded = make_bytes(input);
        return;
    }
    subscribe->subscriptions = lists->subscriptions;
    subscribe->count = count % (LIST_MAX + 1);
    for (i = 0; i < subscribe->count; i++) {
        lists->subscriptions[i].filter = make_string(input);
        lists->subscriptions[i].qos = make_qos(input);
    }
}

static void make_unsubscribe(struct fuzz_input *input, struct lists *lists,
                             struct mqtt_unsubscribe *unsubscribe)
{
    const uint8_t count = fuzz_u8(input);
    size_t i;

    unsubscribe->packet_id = fuzz_u16(input);
    if (count >= 192) {
        unsubscribe->encoded = make_bytes(input);
        return;
    }
    unsubscribe->filters = lists->filters;
    unsubscribe->count = count % (LIST_MAX + 1);
    for (i = 0; i < unsubscribe->count; i++)
        lists->filters[i] = make_string(input);
}

static void make_suback(struct fuzz_input *input, struct mqtt_suback *suback)
{
    struct mqtt_bytes codes;

    suback->packet_id = fuzz_u16(input);
    codes = make_bytes(input);
    suback->return_codes = codes.data;
    suback->count = codes.length;
}

static void make_packet(struct fuzz_input *input, struct lists *lists, struct mqtt_packet *packet)
{
    memset(packet, 0, sizeof *packet);
    packet->type = (enum mqtt_packet_type)(fuzz_u8(input) % 16);
    switch (packet->type) {
    case MQTT_CONNECT:
        make_connect(input, &packet->as.connect);
        break;
    case MQTT_CONNACK:
        packet->as.connack.session_present = fuzz_u8(input) % 2 != 0;
        packet->as.connack.return_code = fuzz_u8(input);
        break;
    case MQTT_PUBLISH:
        make_publish(input, &packet->as.publish);
        break;
    case MQTT_SUBSCRIBE:
        make_subscribe(input, lists, &packet->as.subscribe);
        break;
    case MQTT_SUBACK:
        make_suback(input, &packet->as.suback);
        break;
    case MQTT_UNSUBSCRIBE:
        make_unsubscribe(input, lists, &packet->as.unsubscribe);
        break;
    default:
        packet->as.ack.packet_id = fuzz_u16(input);
    }
}

static void check_accepted(const struct mqtt_packet *packet, int32_t size)
{
    const struct fuzz_block buffer = fuzz_new((size_t)size);
    const struct fuzz_block written = fuzz_new((size_t)size);
    struct mqtt_packet decoded;

    FUZZ_CHECK(mqtt_encode(buffer.bytes, buffer.length - 1, packet) == MQTT_ERROR_BUFFER_TOO_SMALL);
    FUZZ_CHECK(mqtt_encode(buffer.bytes, buffer.length / 2, packet) == MQTT_ERROR_BUFFER_TOO_SMALL);
    FUZZ_CHECK(fuzz_is_untouched(buffer));
    FUZZ_CHECK(mqtt_encode(buffer.bytes, buffer.length, packet) == size);
    FUZZ_CHECK(mqtt_write_packet(written.bytes, written.length, packet) == written.length);
    FUZZ_CHECK(memcmp(buffer.bytes, written.bytes, buffer.length) == 0);
    FUZZ_CHECK(mqtt_decode(&decoded, buffer.bytes, buffer.length) == size);
    FUZZ_CHECK(fuzz_same_packet(packet, &decoded));
    memset(buffer.bytes, FUZZ_UNTOUCHED, buffer.length);
    FUZZ_CHECK(encode_by_type(buffer.bytes, buffer.length, packet) == size);
    FUZZ_CHECK(memcmp(buffer.bytes, written.bytes, buffer.length) == 0);
    fuzz_free(buffer);
    fuzz_free(written);
}

/* A QoS that has no place on the wire, where it would come out as another. */
static bool can_be_written(const struct mqtt_packet *packet)
{
    if (packet->type == MQTT_CONNECT && packet->as.connect.has_will)
        return packet->as.connect.will.qos <= 3;
    return packet->type != MQTT_PUBLISH || packet->as.publish.qos <= 3;
}

static void check_refused(const struct mqtt_packet *packet, int32_t status)
{
    const size_t size = mqtt_write_packet(NULL, 0, packet);
    const struct fuzz_block buffer = fuzz_new(size);
    struct mqtt_packet decoded;

    FUZZ_CHECK(encode_by_type(buffer.bytes, buffer.length, packet) == status);
    FUZZ_CHECK(mqtt_encode(buffer.bytes, buffer.length, packet) == status);
    FUZZ_CHECK(fuzz_is_untouched(buffer));
    FUZZ_CHECK(status != MQTT_PACKET_INCOMPLETE && status != MQTT_ERROR_BUFFER_TOO_SMALL);
    FUZZ_CHECK(mqtt_status_clause(status)[0] != '\0');
    if (!can_be_written(packet)) {
        FUZZ_CHECK(status == (packet->type == MQTT_PUBLISH ? MQTT_ERROR_QOS : MQTT_ERROR_WILL_QOS));
    } else if (status != MQTT_ERROR_FIELD_TOO_LONG && status != MQTT_ERROR_PACKET_TOO_LARGE) {
        /* A later field may have been cut: the first error is in front of it. */
        mqtt_write_packet(buffer.bytes, buffer.length, packet);
        FUZZ_CHECK(mqtt_decode(&decoded, buffer.bytes, buffer.length) == status);
    }
    fuzz_free(buffer);
}

/* About the largest, or anything up to twice that. */
static size_t make_payload_length(struct fuzz_input *input, uint32_t before_payload)
{
    const uint32_t kind = fuzz_u8(input);
    const uint32_t high = fuzz_u16(input);

    if (kind % 2 != 0)
        return MQTT_REMAINING_LENGTH_MAX - before_payload - 4 + kind / 2 % 8;
    return (high << 13) + fuzz_u16(input);
}

/* The payload's length alone counts, so it can be any. */
static void check_publish_header(struct fuzz_input *input, const struct mqtt_publish *original)
{
    struct mqtt_publish publish = *original;
    struct mqtt_publish decoded;
    struct fuzz_block buffer;
    const uint32_t body = 2 + (uint32_t)publish.topic.length + (publish.qos > 0 ? 2u : 0u);
    int32_t size;

    publish.payload.data = NULL;
    publish.payload.length = make_payload_length(input, body);
    size = mqtt_encode_publish_header(NULL, 0, &publish);
    if (publish.qos <= 2 && (publish.qos > 0 || !publish.dup))
        FUZZ_CHECK((size == MQTT_ERROR_PACKET_TOO_LARGE) ==
                   (body + publish.payload.length > MQTT_REMAINING_LENGTH_MAX));
    if (size < 0)
        return;
    buffer = fuzz_new((size_t)size);
    FUZZ_CHECK(mqtt_encode_publish_header(buffer.bytes, buffer.length - 1, &publish) ==
               MQTT_ERROR_BUFFER_TOO_SMALL);
    FUZZ_CHECK(fuzz_is_untouched(buffer));
    FUZZ_CHECK(mqtt_encode_publish_header(buffer.bytes, buffer.length, &publish) == size);
    FUZZ_CHECK(mqtt_decode_publish_header(&decoded, buffer.bytes, buffer.length) == size);
    FUZZ_CHECK(fuzz_same_publish_header(&publish, &decoded));
    fuzz_free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input;
    struct lists lists;
    struct mqtt_packet packet;
    int32_t result;

    input.at = data;
    input.left = size;
    make_packet(&input, &lists, &packet);
    result = mqtt_encode(NULL, 0, &packet);
    FUZZ_CHECK(result != 0);
    FUZZ_CHECK(encode_by_type(NULL, 0, &packet) == result);
    if (result > 0)
        check_accepted(&packet, result);
    else
        check_refused(&packet, result);
    if (packet.type == MQTT_PUBLISH)
        check_publish_header(&input, &packet.as.publish);
    return 0;
}
