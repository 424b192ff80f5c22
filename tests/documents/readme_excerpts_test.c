/* The excerpts of README.md, which readme_test.py finds here word for word, at work. */
#define _DEFAULT_SOURCE
#include "support.h"

#include <sys/socket.h>
#include <unistd.h>

/* Encodes CONNECT and SUBSCRIBE, one after the other. Returns their size, or a status. */
static int32_t open_session(uint8_t *buffer, size_t capacity, const char *client_id)
{
    const struct mqtt_subscription wanted[] = {{mqtt_string_from("sensors/+"), 1},
                                               {mqtt_string_from("alerts/#"), 2}};
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

/* Handles all whole packets in the buffer. Returns their size: remove that many bytes from the front
 * of the buffer, and receive more. Returns a status if the server breaks a rule. */
static int32_t handle_packets(const uint8_t *bytes, size_t length)
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

struct inbox {
    char text[16]; /* topics and payloads */
    size_t used;
    bool awaits_pubrel[8]; /* by packet id */
};

static bool awaits_pubrel(const struct inbox *inbox, uint16_t id)
{
    return inbox->awaits_pubrel[id];
}

static bool store(struct inbox *inbox, const struct mqtt_publish *publish)
{
    const size_t topic = publish->topic.length;
    const size_t payload = publish->payload.length;

    if (topic + payload > sizeof inbox->text - inbox->used)
        return false;
    memcpy(inbox->text + inbox->used, publish->topic.data, topic);
    memcpy(inbox->text + inbox->used + topic, publish->payload.data, payload);
    inbox->used += topic + payload;
    inbox->awaits_pubrel[publish->packet_id] = publish->qos == 2;
    return true;
}

static void release(struct inbox *inbox, uint16_t id)
{
    inbox->awaits_pubrel[id] = false;
}

/* Stores a message, then encodes its acknowledgement. Returns its size, 0 if there is none, or a
 * status. */
static int32_t handle_publish(struct inbox *inbox, uint8_t *buffer, size_t capacity,
                              const struct mqtt_publish *publish)
{
    const uint16_t id = publish->packet_id;
    const bool is_known = publish->qos == 2 && awaits_pubrel(inbox, id);

    if (!is_known && !store(inbox, publish))
        return 0; /* not stored, so not acknowledged: the sender keeps it */
    if (publish->qos == 1)
        return mqtt_encode_puback(buffer, capacity, id);
    if (publish->qos == 2)
        return mqtt_encode_pubrec(buffer, capacity, id);
    return 0;
}

/* The sender has forgotten the message, so its id may stand for a new one. */
static int32_t handle_pubrel(struct inbox *inbox, uint8_t *buffer, size_t capacity, uint16_t id)
{
    release(inbox, id);
    return mqtt_encode_pubcomp(buffer, capacity, id);
}

struct subscriber {
    int socket;
    uint16_t last_packet_id;
    bool is_lost;
};

static uint16_t free_packet_id(struct subscriber *subscriber)
{
    return ++subscriber->last_packet_id;
}

static bool send_all(int socket, const void *data, size_t length)
{
    const uint8_t *bytes = data;

    while (length > 0) {
        const ssize_t sent = send(socket, bytes, length, MSG_NOSIGNAL);
        if (sent < 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

/* Encodes everything before the payload once. The payload is sent from where it is. Call it once for
 * each QoS that was granted, with dup and retain false. At QoS 1 or 2 publish->packet_id may be any
 * but 0: each subscriber gets an id of its own. Takes topics of up to about 250 bytes. */
static bool publish_to_all(struct subscriber *subscribers, size_t count,
                           const struct mqtt_publish *publish)
{
    uint8_t header[256];
    const int32_t n = mqtt_encode_publish_header(header, sizeof header, publish);
    size_t i;

    for (i = 0; n > 0 && i < count; i++) {
        struct subscriber *to = &subscribers[i];
        if ((publish->qos > 0 &&
             mqtt_publish_set_packet_id(header, (size_t)n, free_packet_id(to)) < 0) ||
            !send_all(to->socket, header, (size_t)n) ||
            !send_all(to->socket, publish->payload.data, publish->payload.length))
            to->is_lost = true; /* the others still get the message */
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

    ck_assert_int_eq(handle_packets(whole.bytes, whole.length), 12);
    ck_assert_uint_eq(handled, 3);
    ck_assert_int_eq(handled_size, 12);
    ck_assert_int_eq(handle_packets(broken.bytes, broken.length), MQTT_ERROR_DIRECTION);
    test_free(whole);
    test_free(broken);
}
END_TEST

START_TEST(messages_are_stored_before_they_are_acknowledged)
{
    static const struct {
        const char *packet, *answer, *stored;
    } steps[] = {
        {"30 04 0001'a' 'x'", "", "ax"},
        {"32 06 0001'b' 0001 'x'", "40 02 0001", "axbx"},
        {"3A 06 0001'b' 0001 'x'", "40 02 0001", "axbxbx"}, /* QoS 1: at least once */
        {"34 06 0001'c' 0002 'x'", "50 02 0002", "axbxbxcx"},
        {"3C 06 0001'c' 0002 'x'", "50 02 0002", "axbxbxcx"}, /* the same message again */
        {"62 02 0002", "70 02 0002", "axbxbxcx"},
        {"34 06 0001'd' 0002 'x'", "50 02 0002", "axbxbxcxdx"}, /* a new one */
        {"32 0C 0001'e' 0003 'toolong'", "", "axbxbxcxdx"},     /* no room */
    };
    struct inbox inbox = {0};
    size_t i;

    for (i = 0; i < sizeof steps / sizeof *steps; i++) {
        const struct test_block question = test_parse(steps[i].packet);
        const struct test_block expected = test_parse(steps[i].answer);
        struct mqtt_packet packet;
        uint8_t buffer[4];
        int32_t n;

        ck_assert_int_eq(mqtt_decode(&packet, question.bytes, question.length),
                         (int32_t)question.length);
        if (packet.type == MQTT_PUBREL)
            n = handle_pubrel(&inbox, buffer, sizeof buffer, packet.as.ack.packet_id);
        else
            n = handle_publish(&inbox, buffer, sizeof buffer, &packet.as.publish);
        ck_assert_int_eq(n, (int32_t)expected.length);
        test_assert_bytes(steps[i].packet, buffer, expected.bytes, expected.length);
        ck_assert_uint_eq(inbox.used, strlen(steps[i].stored));
        ck_assert_mem_eq(inbox.text, steps[i].stored, inbox.used);
        test_free(question);
        test_free(expected);
    }
}
END_TEST

START_TEST(one_payload_reaches_many_subscribers)
{
    struct mqtt_publish publish = {
        .topic = TEXT("a"), .payload = BINARY("hello"), .packet_id = 1, .qos = 1};
    struct subscriber subscribers[4] = {{0}};
    int ends[4][2];
    int i;

    for (i = 0; i < 4; i++) {
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[i]), 0);
        subscribers[i].socket = ends[i][0];
        subscribers[i].last_packet_id = (uint16_t)(0x0A0A + i);
    }
    subscribers[3].last_packet_id = 65535; /* so it gets no id, and must get no packet */
    close(ends[1][1]);
    ck_assert(publish_to_all(subscribers, 4, &publish));
    publish.topic.length = 0;
    ck_assert(!publish_to_all(subscribers, 4, &publish));
    for (i = 0; i < 4; i++) {
        const uint8_t expected[12] = {0x32, 10,  0,   1,   'a', 0x0A, (uint8_t)(0x0B + i),
                                      'h',  'e', 'l', 'l', 'o'};
        uint8_t received[13];
        ck_assert_int_eq(subscribers[i].is_lost, i == 1 || i == 3);
        close(ends[i][0]);
        if (i == 1)
            continue;
        ck_assert_int_eq(read(ends[i][1], received, sizeof received), i == 3 ? 0 : 12);
        if (i != 3)
            test_assert_bytes("subscriber", received, expected, 12);
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
    tcase_add_test(tests, messages_are_stored_before_they_are_acknowledged);
    tcase_add_test(tests, one_payload_reaches_many_subscribers);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
