/* The excerpts of README.md, which readme_test.py finds here word for word, at work. */
#define _DEFAULT_SOURCE
#include "support.h"

#include <sys/socket.h>
#include <unistd.h>

/* CONNECT and SUBSCRIBE, back to back: their size, or the rule that an argument breaks. */
static int32_t open_session(uint8_t *buffer, size_t capacity, const char *client_id)
{
    const struct mqtt_subscription wanted[] = {{{"sensors/+", 9}, 1}, {{"alerts/#", 8}, 2}};
    struct mqtt_connect connect = {0};
    struct mqtt_subscribe subscribe = {0};
    int32_t first;
    int32_t second;

    connect.client_id = mqtt_string_from(client_id);
    connect.clean_session = true; /* false: the server keeps the session */
    connect.keep_alive = 60;      /* seconds */
    subscribe.packet_id = 1;      /* any but 0 */
    subscribe.subscriptions = wanted;
    subscribe.count = 2;
    first = mqtt_encode_connect(buffer, capacity, &connect);
    if (first < 0)
        return first;
    second = mqtt_encode_subscribe(buffer + first, capacity - (size_t)first, &subscribe);
    return second < 0 ? second : first + second;
}

static unsigned handled;
static int32_t handled_size;

static void handle(const struct mqtt_packet *packet)
{
    handled++;
    handled_size += mqtt_encode(NULL, 0, packet);
}

/* Handles the packets that have arrived whole; returns how many bytes they were, to be dropped from
 * the front of the buffer, or the rule that the server has broken. */
static int32_t take_packets(const uint8_t *bytes, size_t length)
{
    struct mqtt_packet packet;
    size_t used = 0;
    int32_t n;

    while ((n = mqtt_decode_from_server(&packet, bytes + used, length - used)) > 0) {
        handle(&packet);
        used += (size_t)n;
    }
    return n == MQTT_PACKET_INCOMPLETE ? (int32_t)used : n;
}

/* The acknowledgement of a packet, for `buffer`: its size, or 0 where none is due. */
static int32_t answer(uint8_t *buffer, size_t capacity, const struct mqtt_packet *packet)
{
    switch (packet->type) {
    case MQTT_PUBLISH:
        if (packet->as.publish.qos == 0)
            return 0;
        if (packet->as.publish.qos == 1)
            return mqtt_encode_puback(buffer, capacity, packet->as.publish.packet_id);
        return mqtt_encode_pubrec(buffer, capacity, packet->as.publish.packet_id);
    case MQTT_PUBREC:
        return mqtt_encode_pubrel(buffer, capacity, packet->as.ack.packet_id);
    case MQTT_PUBREL:
        return mqtt_encode_pubcomp(buffer, capacity, packet->as.ack.packet_id);
    case MQTT_PINGREQ:
        return mqtt_encode_pingresp(buffer, capacity);
    default:
        return 0;
    }
}

struct subscriber {
    int socket;
    uint16_t next_packet_id; /* never 0 */
};

static bool send_all(int socket, const void *data, size_t length)
{
    const uint8_t *bytes = data;

    while (length > 0) {
        const ssize_t sent = send(socket, bytes, length, 0);
        if (sent < 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

/* Encodes what stands before the payload once, and sends the payload from where it lies. At QoS 1 or
 * 2 publish->packet_id may be any but 0: each subscriber gets its own. */
static bool publish_to_all(struct subscriber *subscribers, size_t count,
                           const struct mqtt_publish *publish)
{
    uint8_t header[256];
    const int32_t n = mqtt_encode_publish_header(header, sizeof header, publish);
    size_t i;

    for (i = 0; n > 0 && i < count; i++) {
        if (publish->qos > 0)
            mqtt_publish_set_packet_id(header, (size_t)n, subscribers[i].next_packet_id);
        if (!send_all(subscribers[i].socket, header, (size_t)n) ||
            !send_all(subscribers[i].socket, publish->payload.data, publish->payload.length))
            return false;
    }
    return n > 0;
}

START_TEST(a_session_is_opened)
{
    const struct test_block expected =
        test_parse("10 0D 0004'MQTT' 04 02 003C 0001'c'"
                   "82 19 0001 0009'sensors/+' 01 0008'alerts/#' 02");
    uint8_t buffer[64];

    ck_assert_int_eq(open_session(buffer, sizeof buffer, "c"), (int32_t)expected.length);
    test_assert_bytes("session", buffer, expected.bytes, expected.length);
    ck_assert_int_eq(open_session(buffer, 20, "c"), MQTT_ERROR_BUFFER_TOO_SMALL);
    ck_assert_int_eq(open_session(buffer, sizeof buffer, "\xFF"), MQTT_ERROR_ILL_FORMED_UTF8);
    test_free(expected);
}
END_TEST

START_TEST(a_stream_is_decoded)
{
    const struct test_block whole =
        test_parse("20 02 00 00 | D0 00 | 30 04 0001'a' 'x' | 40 02 00");
    const struct test_block broken = test_parse("20 02 00 00 | C0 00");

    ck_assert_int_eq(take_packets(whole.bytes, whole.length), 12);
    ck_assert_uint_eq(handled, 3);
    ck_assert_int_eq(handled_size, 12);
    ck_assert_int_eq(take_packets(broken.bytes, broken.length), MQTT_ERROR_DIRECTION);
    test_free(whole);
    test_free(broken);
}
END_TEST

START_TEST(packets_are_answered)
{
    static const char *const pairs[][2] = {
        {"30 03 0001'a'", ""},
        {"32 05 0001'a' 0102", "40 02 0102"},
        {"34 05 0001'a' 0102", "50 02 0102"},
        {"50 02 0102", "62 02 0102"},
        {"62 02 0102", "70 02 0102"},
        {"C0 00", "D0 00"},
        {"E0 00", ""},
    };
    const struct test_block question = test_parse(pairs[_i][0]);
    const struct test_block expected = test_parse(pairs[_i][1]);
    struct mqtt_packet packet;
    uint8_t buffer[4];

    ck_assert_int_gt(mqtt_decode(&packet, question.bytes, question.length), 0);
    ck_assert_int_eq(answer(buffer, sizeof buffer, &packet), (int32_t)expected.length);
    test_assert_bytes(pairs[_i][0], buffer, expected.bytes, expected.length);
    test_free(question);
    test_free(expected);
}
END_TEST

START_TEST(one_payload_reaches_many_subscribers)
{
    struct mqtt_publish publish = {
        .topic = TEXT("a"), .payload = BINARY("hello"), .packet_id = 1, .qos = 1};
    struct subscriber subscribers[2];
    int ends[2][2];
    int i;

    for (i = 0; i < 2; i++) {
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[i]), 0);
        subscribers[i].socket = ends[i][0];
        subscribers[i].next_packet_id = (uint16_t)(0x0A0B + i);
    }
    ck_assert(publish_to_all(subscribers, 2, &publish));
    publish.topic.length = 0;
    ck_assert(!publish_to_all(subscribers, 2, &publish));
    for (i = 0; i < 2; i++) {
        const uint8_t expected[12] = {0x32, 10,  0,   1,   'a', 0x0A, (uint8_t)(0x0B + i),
                                      'h',  'e', 'l', 'l', 'o'};
        uint8_t received[13];
        ck_assert_int_eq(read(ends[i][1], received, sizeof received), 12);
        test_assert_bytes("subscriber", received, expected, 12);
        close(ends[i][0]);
        close(ends[i][1]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("excerpts");
    TCase *tests = tcase_create("excerpts");

    tcase_add_test(tests, a_session_is_opened);
    tcase_add_test(tests, a_stream_is_decoded);
    tcase_add_loop_test(tests, packets_are_answered, 0, 7);
    tcase_add_test(tests, one_payload_reaches_many_subscribers);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
