#define _DEFAULT_SOURCE
#include "support.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

char test_letters[65536];

/* The number of bytes that the text stands for; writes them if there is where. */
static size_t parse(uint8_t *bytes, const char *text)
{
    size_t length = 0;
    bool quoted = false;

    while (*text != '\0') {
        unsigned byte = 0;
        unsigned long times = 1;
        if (*text == '\'') {
            quoted = !quoted;
            text++;
            continue;
        }
        if (!quoted && (*text == ' ' || *text == '|')) {
            text++;
            continue;
        }
        if (quoted) {
            byte = (uint8_t)*text++;
        } else {
            const char digits[3] = {text[0], text[1], '\0'};
            char *end;
            byte = (unsigned)strtoul(digits, &end, 16);
            if (end != digits + 2) { /* no assertion: this is also called outside of a test */
                fprintf(stderr, "not a byte: %s\n", text);
                abort();
            }
            text += 2;
            if (*text == '*') {
                times = strtoul(text + 1, &end, 10);
                text = end;
            }
        }
        if (bytes != NULL)
            memset(bytes + length, (int)byte, times);
        length += times;
    }
    return length;
}

static struct test_block allocate(size_t length)
{
    struct test_block block = {NULL, length, NULL, 0};

    block.bytes = malloc(length > 0 ? length : 1);
    if (block.bytes == NULL)
        abort();
    return block;
}

struct test_block test_parse(const char *text)
{
    struct test_block block = allocate(parse(NULL, text));

    parse(block.bytes, text);
    return block;
}

struct test_block test_copy(const void *bytes, size_t length)
{
    struct test_block block = allocate(length);

    if (length > 0)
        memcpy(block.bytes, bytes, length);
    return block;
}

/* `bytes` are left at the start of the pages that may be touched. */
static struct test_block map_guarded(size_t length)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t room = (length / page + 1) * page;
    struct test_block block = {NULL, length, NULL, room + 2 * page};

    block.pages = mmap(NULL, block.pages_length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(block.pages, MAP_FAILED);
    block.bytes = (uint8_t *)block.pages + page;
    ck_assert_int_eq(mprotect(block.bytes, room, PROT_READ | PROT_WRITE), 0);
    return block;
}

struct test_block test_copy_behind_guard(const void *bytes, size_t length)
{
    struct test_block block = map_guarded(length);

    if (length > 0)
        memcpy(block.bytes, bytes, length);
    return block;
}

struct test_block test_copy_before_guard(const void *bytes, size_t length)
{
    struct test_block block = map_guarded(length);
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);

    block.bytes = (uint8_t *)block.pages + block.pages_length - page - length;
    if (length > 0)
        memcpy(block.bytes, bytes, length);
    return block;
}

void test_free(struct test_block block)
{
    if (block.pages == NULL)
        free(block.bytes);
    else
        ck_assert_int_eq(munmap(block.pages, block.pages_length), 0);
}

static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 7 + 0xA5);
}

void test_fill(uint8_t *bytes, size_t length)
{
    size_t i;

    for (i = 0; i < length; i++)
        bytes[i] = pattern(i);
}

void test_assert_untouched(const uint8_t *bytes, size_t length)
{
    size_t i;

    for (i = 0; i < length; i++) {
        if (bytes[i] != pattern(i))
            ck_abort_msg("byte %zu of %zu is touched", i, length);
    }
}

void test_assert_bytes(const char *name, const uint8_t *actual, const uint8_t *expected,
                       size_t length)
{
    size_t i;

    for (i = 0; i < length; i++) {
        if (actual[i] != expected[i])
            ck_abort_msg("%s: byte %zu is %02X, not %02X", name, i, actual[i], expected[i]);
    }
}

void test_assert_string(const char *name, struct mqtt_string actual, struct mqtt_string expected)
{
    ck_assert_msg(actual.length == expected.length, "%s: a string of %zu bytes, not %zu", name,
                  actual.length, expected.length);
    test_assert_bytes(name, (const uint8_t *)actual.data, (const uint8_t *)expected.data,
                      expected.length);
}

void test_assert_binary(const char *name, struct mqtt_bytes actual, struct mqtt_bytes expected)
{
    ck_assert_msg(actual.length == expected.length, "%s: %zu bytes, not %zu", name, actual.length,
                  expected.length);
    test_assert_bytes(name, actual.data, expected.data, expected.length);
}

static void assert_connect(const char *name, const struct mqtt_connect *actual,
                           const struct mqtt_connect *expected)
{
    test_assert_string(name, actual->client_id, expected->client_id);
    ck_assert_msg(actual->keep_alive == expected->keep_alive, "%s: keep alive", name);
    ck_assert_msg(actual->clean_session == expected->clean_session, "%s: clean session", name);
    ck_assert_msg(actual->has_will == expected->has_will, "%s: will flag", name);
    ck_assert_msg(actual->has_user_name == expected->has_user_name, "%s: user name flag", name);
    ck_assert_msg(actual->has_password == expected->has_password, "%s: password flag", name);
    if (expected->has_will) {
        test_assert_string(name, actual->will.topic, expected->will.topic);
        test_assert_binary(name, actual->will.message, expected->will.message);
        ck_assert_msg(actual->will.qos == expected->will.qos, "%s: will QoS", name);
        ck_assert_msg(actual->will.retain == expected->will.retain, "%s: will retain", name);
    }
    if (expected->has_user_name)
        test_assert_string(name, actual->user_name, expected->user_name);
    if (expected->has_password)
        test_assert_binary(name, actual->password, expected->password);
}

static void assert_publish(const char *name, const struct mqtt_publish *actual,
                           const struct mqtt_publish *expected)
{
    test_assert_string(name, actual->topic, expected->topic);
    test_assert_binary(name, actual->payload, expected->payload);
    ck_assert_msg(actual->qos == expected->qos, "%s: QoS", name);
    ck_assert_msg(actual->dup == expected->dup, "%s: DUP", name);
    ck_assert_msg(actual->retain == expected->retain, "%s: RETAIN", name);
    ck_assert_msg(actual->packet_id == (expected->qos == 0 ? 0 : expected->packet_id),
                  "%s: packet id %u", name, (unsigned)actual->packet_id);
}

static void assert_subscribe(const char *name, const struct mqtt_subscribe *actual,
                             const struct mqtt_subscribe *expected)
{
    struct mqtt_subscription ours = {{NULL, 0}, 9};
    struct mqtt_subscription theirs = {{NULL, 0}, 9};
    size_t our_position = 0;
    size_t their_position = 0;

    ck_assert_msg(actual->packet_id == expected->packet_id, "%s: packet id", name);
    ck_assert_msg(actual->count == expected->count, "%s: %zu filters", name, actual->count);
    while (mqtt_next_subscription(expected, &their_position, &theirs)) {
        ck_assert_msg(mqtt_next_subscription(actual, &our_position, &ours), "%s: too few", name);
        test_assert_string(name, ours.filter, theirs.filter);
        ck_assert_msg(ours.qos == theirs.qos, "%s: requested QoS", name);
    }
    ck_assert_msg(!mqtt_next_subscription(actual, &our_position, &ours), "%s: too many", name);
}

static void assert_unsubscribe(const char *name, const struct mqtt_unsubscribe *actual,
                               const struct mqtt_unsubscribe *expected)
{
    struct mqtt_string ours = {NULL, 0};
    struct mqtt_string theirs = {NULL, 0};
    size_t our_position = 0;
    size_t their_position = 0;

    ck_assert_msg(actual->packet_id == expected->packet_id, "%s: packet id", name);
    ck_assert_msg(actual->count == expected->count, "%s: %zu filters", name, actual->count);
    while (mqtt_next_filter(expected, &their_position, &theirs)) {
        ck_assert_msg(mqtt_next_filter(actual, &our_position, &ours), "%s: too few", name);
        test_assert_string(name, ours, theirs);
    }
    ck_assert_msg(!mqtt_next_filter(actual, &our_position, &ours), "%s: too many", name);
}

void test_assert_packet(const char *name, const struct mqtt_packet *actual,
                        const struct mqtt_packet *expected)
{
    ck_assert_msg(actual->type == expected->type, "%s: type %d", name, (int)actual->type);
    switch (expected->type) {
    case MQTT_CONNECT:
        assert_connect(name, &actual->as.connect, &expected->as.connect);
        break;
    case MQTT_CONNACK:
        ck_assert_msg(actual->as.connack.session_present == expected->as.connack.session_present,
                      "%s: session present", name);
        ck_assert_msg(actual->as.connack.return_code == expected->as.connack.return_code,
                      "%s: return code", name);
        break;
    case MQTT_PUBLISH:
        assert_publish(name, &actual->as.publish, &expected->as.publish);
        break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
    case MQTT_UNSUBACK:
        ck_assert_msg(actual->as.ack.packet_id == expected->as.ack.packet_id, "%s: packet id",
                      name);
        break;
    case MQTT_SUBSCRIBE:
        assert_subscribe(name, &actual->as.subscribe, &expected->as.subscribe);
        break;
    case MQTT_SUBACK: {
        const struct mqtt_bytes ours = {actual->as.suback.return_codes, actual->as.suback.count};
        const struct mqtt_bytes theirs = {expected->as.suback.return_codes,
                                          expected->as.suback.count};
        test_assert_binary(name, ours, theirs);
        ck_assert_msg(actual->as.suback.packet_id == expected->as.suback.packet_id, "%s: packet id",
                      name);
        break;
    }
    case MQTT_UNSUBSCRIBE:
        assert_unsubscribe(name, &actual->as.unsubscribe, &expected->as.unsubscribe);
        break;
    case MQTT_PINGREQ:
    case MQTT_PINGRESP:
    case MQTT_DISCONNECT:
        break;
    }
}

int test_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    memset(test_letters, 'a', sizeof test_letters);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
