/* packets_writer SEED ROUNDS: writes ROUNDS random valid packets of each of the fourteen types, one
 * a line: the encoder's bytes in hexadecimal, a blank, and the fields as they were set.
 *
 * The first round is of the shortest packets, the second of the longest strings, the third of
 * remaining lengths of four bytes where a packet can have them at little cost; the others are of
 * mixed sizes, mostly small. */
#include <stdlib.h>
#include <string.h>

#include "encode_by_type.h"
#include "fields.h"

enum {
    SHORTEST,
    LONGEST,
    LARGEST,
    MIXED
};

/* What the fields of one packet point to. */
static uint8_t arena[4u << 20];
static size_t arena_used;

static uint64_t state;
static unsigned size_class;
static unsigned round_number;

static void die(const char *message)
{
    fprintf(stderr, "packets_writer: %s\n", message);
    exit(1);
}

/* splitmix64 */
static uint64_t random_bits(void)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint32_t below(uint32_t limit)
{
    return (uint32_t)((random_bits() >> 32) * limit >> 32);
}

static uint32_t between(uint32_t first, uint32_t last)
{
    return first + below(last - first + 1);
}

static bool flip(void)
{
    return below(2) != 0;
}

static void *take(size_t length)
{
    uint8_t *taken = arena + arena_used;

    if (length > sizeof arena - arena_used)
        die("the arena is too small");
    arena_used += (length + 15) & ~(size_t)15;
    return taken;
}

static size_t random_length(size_t minimum)
{
    const uint32_t kind = below(40);

    if (size_class == SHORTEST)
        return minimum;
    if (size_class == LONGEST)
        return MQTT_STRING_LENGTH_MAX;
    if (kind < 4)
        return minimum;
    if (kind < 36)
        return minimum + below(25);
    if (kind < 39)
        return between(60, 400);
    return between(2000, 18000);
}

/* Characters of every length in UTF-8, with the first and the last of each, the control characters
 * and non-characters that 1.5.3 discourages but allows, and U+FEFF of [MQTT-1.5.3-3]. */
static uint32_t random_character(void)
{
    static const uint32_t edges[] = {0x1,    0x1f,    0x7f,    0x80,    0x9f,     0x7ff,
                                     0x800,  0xd7ff,  0xe000,  0xfdd0,  0xfeff,   0xfffe,
                                     0xffff, 0x10000, 0x1ffff, 0x2f800, 0x10fffe, 0x10ffff};

    switch (below(16)) {
    case 0:
        return edges[below(sizeof edges / sizeof edges[0])];
    case 1:
        return between(0x80, 0x7ff);
    case 2:
        return between(0x800, 0xd7ff);
    case 3:
        return between(0x10000, 0x10ffff);
    case 4:
        return '/';
    case 5:
        return '$';
    default:
        return between(0x20, 0x7e);
    }
}

static size_t put_character(char *out, uint32_t c)
{
    const uint32_t tail = 0x80;

    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(tail | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(tail | (c >> 6 & 63));
        out[2] = (char)(tail | (c & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(tail | (c >> 12 & 63));
    out[2] = (char)(tail | (c >> 6 & 63));
    out[3] = (char)(tail | (c & 63));
    return 4;
}

static struct mqtt_string random_text(size_t minimum)
{
    struct mqtt_string text;
    const size_t length = random_length(minimum);
    char *data = take(length);
    size_t used = 0;

    while (used + 4 <= length)
        used += put_character(data + used, random_character());
    while (used < length)
        used += put_character(data + used, between('a', 'z'));
    text.data = data;
    text.length = length;
    return text;
}

static struct mqtt_bytes random_bytes(size_t length)
{
    struct mqtt_bytes bytes;
    uint8_t *data = take(length);
    size_t i;

    for (i = 0; i < length; i++)
        data[i] = (uint8_t)below(256);
    bytes.data = data;
    bytes.length = length;
    return bytes;
}

/* A text with other characters for the wildcards; 4.7.1 */
static struct mqtt_string random_topic(void)
{
    struct mqtt_string topic = random_text(1);
    char *data = take(topic.length);
    size_t i;

    memcpy(data, topic.data, topic.length);
    for (i = 0; i < topic.length; i++)
        if (data[i] == '#' || data[i] == '+')
            data[i] = '-';
    topic.data = data;
    return topic;
}

/* A topic, some of whose levels are made wildcards: a single character between two separators can
 * be '+', and the last '#'. */
static struct mqtt_string random_filter(void)
{
    const struct mqtt_string topic = random_topic();
    const size_t extra = topic.length + 6 <= MQTT_STRING_LENGTH_MAX ? below(4) : 0;
    static const char *const ends[] = {"", "/#", "/+", "/+/x/#"};
    struct mqtt_string filter;
    char *data = take(topic.length + 6);
    size_t i;

    memcpy(data, topic.data, topic.length);
    for (i = 0; i < topic.length; i++)
        if (flip() && (unsigned char)data[i] < 0x80 && data[i] != '/' &&
            (i == 0 || data[i - 1] == '/') && (i + 1 == topic.length || data[i + 1] == '/'))
            data[i] = '+';
    memcpy(data + topic.length, ends[extra], strlen(ends[extra]));
    filter.data = data;
    filter.length = topic.length + strlen(ends[extra]);
    if (filter.length == 1 && flip())
        data[0] = '#';
    return filter;
}

static uint16_t random_packet_id(void)
{
    static const uint16_t edges[] = {1, 127, 128, 255, 256, 32768, 65280, 65535};

    return flip() ? edges[below(sizeof edges / sizeof edges[0])] : (uint16_t)between(1, 65535);
}

static size_t random_count(size_t longest)
{
    if (size_class == SHORTEST)
        return 1;
    return size_class == LONGEST ? longest : between(1, 9);
}

static void make_connect(struct mqtt_connect *connect)
{
    const bool all = size_class == LONGEST;
    const bool none = size_class == SHORTEST;

    connect->keep_alive = (uint16_t)(none || below(4) == 0 ? 0 : between(1, 65535));
    connect->has_will = all || (!none && flip());
    connect->has_user_name = all || (!none && flip());
    connect->has_password = all || (connect->has_user_name && flip());
    connect->client_id = random_text(0);
    /* [MQTT-3.1.3-7] */
    connect->clean_session = connect->client_id.length == 0 || flip();
    if (connect->has_will) {
        connect->will.qos = (uint8_t)below(3);
        connect->will.retain = flip();
        connect->will.topic = random_topic();
        connect->will.message = random_bytes(random_length(0));
    }
    if (connect->has_user_name)
        connect->user_name = random_text(0);
    if (connect->has_password)
        connect->password = random_bytes(random_length(0));
}

static void make_connack(struct mqtt_connack *connack)
{
    connack->return_code = (uint8_t)(round_number % 6);
    /* [MQTT-3.2.2-4] */
    connack->session_present = connack->return_code == 0 && flip();
}

static void make_publish(struct mqtt_publish *publish)
{
    publish->qos = (uint8_t)below(3);
    publish->dup = publish->qos > 0 && flip();
    publish->retain = flip();
    publish->packet_id = publish->qos > 0 ? random_packet_id() : 0;
    publish->topic = random_topic();
    publish->payload =
        random_bytes(size_class == LARGEST ? (size_t)128 * 128 * 128 : random_length(0));
}

static void make_subscribe(struct mqtt_subscribe *subscribe)
{
    const size_t count = random_count(3);
    struct mqtt_subscription *subscriptions = take(count * sizeof *subscriptions);
    size_t i;

    for (i = 0; i < count; i++) {
        subscriptions[i].filter = random_filter();
        subscriptions[i].qos = (uint8_t)below(3);
    }
    subscribe->packet_id = random_packet_id();
    subscribe->subscriptions = subscriptions;
    subscribe->count = count;
}

static void make_suback(struct mqtt_suback *suback)
{
    static const uint8_t codes[] = {0, 1, 2, MQTT_SUBACK_CODE_FAILURE};
    const size_t count = size_class == MIXED && flip() ? between(1, 300) : random_count(20000);
    uint8_t *return_codes = take(count);
    size_t i;

    for (i = 0; i < count; i++)
        return_codes[i] = codes[below(4)];
    suback->packet_id = random_packet_id();
    suback->return_codes = return_codes;
    suback->count = count;
}

static void make_unsubscribe(struct mqtt_unsubscribe *unsubscribe)
{
    const size_t count = random_count(3);
    struct mqtt_string *filters = take(count * sizeof *filters);
    size_t i;

    for (i = 0; i < count; i++)
        filters[i] = random_filter();
    unsubscribe->packet_id = random_packet_id();
    unsubscribe->filters = filters;
    unsubscribe->count = count;
}

static void make_packet(struct mqtt_packet *packet, enum mqtt_packet_type type)
{
    memset(packet, 0, sizeof *packet);
    arena_used = 0;
    packet->type = type;
    switch (type) {
    case MQTT_CONNECT:
        make_connect(&packet->as.connect);
        break;
    case MQTT_CONNACK:
        make_connack(&packet->as.connack);
        break;
    case MQTT_PUBLISH:
        make_publish(&packet->as.publish);
        break;
    case MQTT_SUBSCRIBE:
        make_subscribe(&packet->as.subscribe);
        break;
    case MQTT_SUBACK:
        make_suback(&packet->as.suback);
        break;
    case MQTT_UNSUBSCRIBE:
        make_unsubscribe(&packet->as.unsubscribe);
        break;
    case MQTT_PINGREQ:
    case MQTT_PINGRESP:
    case MQTT_DISCONNECT:
        break;
    default:
        packet->as.ack.packet_id = random_packet_id();
        break;
    }
}

static void write_packet(const struct mqtt_packet *packet)
{
    const int32_t size = mqtt_encode(NULL, 0, packet);
    const size_t length = size > 0 ? (size_t)size : 0;
    uint8_t *bytes;

    if (size <= 0)
        die(mqtt_status_message(size));
    bytes = malloc(2 * length);
    if (bytes == NULL)
        die("no memory");
    if (encode_by_type(bytes, length, packet) != size ||
        mqtt_encode(bytes + length, length, packet) != size)
        die("an encoder does not write what mqtt_encode has announced");
    if (memcmp(bytes, bytes + length, length) != 0)
        die("an encoder and mqtt_encode write different bytes");
    fields_print_hex(stdout, bytes, length);
    putchar(' ');
    fields_print(stdout, packet);
    putchar('\n');
    free(bytes);
}

int main(int argc, char **argv)
{
    unsigned long rounds;
    int type;

    if (argc != 3)
        die("usage: packets_writer SEED ROUNDS");
    state = strtoul(argv[1], NULL, 10);
    rounds = strtoul(argv[2], NULL, 10);
    for (round_number = 0; round_number < rounds; round_number++) {
        size_class = round_number < MIXED ? round_number : MIXED;
        for (type = MQTT_CONNECT; type <= MQTT_DISCONNECT; type++) {
            struct mqtt_packet packet;

            make_packet(&packet, (enum mqtt_packet_type)type);
            write_packet(&packet);
        }
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
