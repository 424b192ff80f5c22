#include "support_v5.h"

void test_v5_assert_property(const char *name, const struct mqtt_v5_property *actual,
                             const struct mqtt_v5_property *expected)
{
    ck_assert_msg(actual->id == expected->id, "%s: property %02X, not %02X", name, actual->id,
                  expected->id);
    switch (v5_property_kind(expected->id)) {
    case V5_STRING:
        test_assert_string(name, actual->as.string, expected->as.string);
        break;
    case V5_BYTES:
        test_assert_binary(name, actual->as.bytes, expected->as.bytes);
        break;
    case V5_PAIR:
        test_assert_string(name, actual->as.pair.name, expected->as.pair.name);
        test_assert_string(name, actual->as.pair.value, expected->as.pair.value);
        break;
    default:
        ck_assert_msg(actual->as.number == expected->as.number, "%s: property %02X is %lu, not %lu",
                      name, expected->id, (unsigned long)actual->as.number,
                      (unsigned long)expected->as.number);
        break;
    }
}

/* The next of a sender's list without the iterator, which is tested with it. */
static bool next_expected(const struct mqtt_v5_properties *properties, size_t *position,
                          struct mqtt_v5_property *out)
{
    if (properties->encoded.length > 0)
        return mqtt_v5_next_property(properties, position, out);
    if (*position == properties->count)
        return false;
    *out = properties->list[*position];
    *position += 1;
    return true;
}

/* mqtt_v5_find_property gives the first of each identifier, and nothing for the others. */
static void assert_found(const char *name, const struct mqtt_v5_properties *actual,
                         const struct mqtt_v5_properties *expected)
{
    unsigned id;

    for (id = 0; id < 256; id++) {
        const uint32_t marker = 0xC0DEC0DE;
        struct mqtt_v5_property theirs = {0};
        struct mqtt_v5_property ours = {0};
        size_t position = 0;
        bool is_there = false;
        while (!is_there && next_expected(expected, &position, &theirs))
            is_there = theirs.id == id;
        ours.as.number = marker;
        ck_assert_msg(mqtt_v5_find_property(actual, (enum mqtt_v5_property_id)id, &ours) ==
                          is_there,
                      "%s: property %02X is %sfound", name, id, is_there ? "not " : "");
        if (is_there)
            test_v5_assert_property(name, &ours, &theirs);
        else
            ck_assert_msg(ours.as.number == marker, "%s: the default is touched", name);
    }
}

static void assert_properties(const char *name, const struct mqtt_v5_properties *actual,
                              const struct mqtt_v5_properties *expected)
{
    struct mqtt_v5_property ours = {0};
    struct mqtt_v5_property theirs = {0};
    size_t our_position = 0;
    size_t their_position = 0;

    ck_assert_msg(actual->list == NULL && actual->count == 0 && actual->without == 0,
                  "%s: more than encoded properties", name);
    while (next_expected(expected, &their_position, &theirs)) {
        ck_assert_msg(mqtt_v5_next_property(actual, &our_position, &ours), "%s: too few properties",
                      name);
        test_v5_assert_property(name, &ours, &theirs);
    }
    ck_assert_msg(!mqtt_v5_next_property(actual, &our_position, &ours), "%s: too many properties",
                  name);
    assert_found(name, actual, expected);
}

static void assert_will(const char *name, const struct mqtt_v5_will *actual,
                        const struct mqtt_v5_will *expected)
{
    test_assert_string(name, actual->topic, expected->topic);
    test_assert_binary(name, actual->payload, expected->payload);
    ck_assert_msg(actual->qos == expected->qos, "%s: will QoS", name);
    ck_assert_msg(actual->retain == expected->retain, "%s: will retain", name);
    assert_properties(name, &actual->properties, &expected->properties);
}

static void assert_connect(const char *name, const struct mqtt_v5_connect *actual,
                           const struct mqtt_v5_connect *expected)
{
    test_assert_string(name, actual->client_id, expected->client_id);
    ck_assert_msg(actual->keep_alive == expected->keep_alive, "%s: keep alive", name);
    ck_assert_msg(actual->clean_start == expected->clean_start, "%s: clean start", name);
    ck_assert_msg(actual->has_will == expected->has_will, "%s: will flag", name);
    ck_assert_msg(actual->has_user_name == expected->has_user_name, "%s: user name flag", name);
    ck_assert_msg(actual->has_password == expected->has_password, "%s: password flag", name);
    assert_properties(name, &actual->properties, &expected->properties);
    if (expected->has_will)
        assert_will(name, &actual->will, &expected->will);
    if (expected->has_user_name)
        test_assert_string(name, actual->user_name, expected->user_name);
    if (expected->has_password)
        test_assert_binary(name, actual->password, expected->password);
}

static void assert_connack(const char *name, const struct mqtt_v5_connack *actual,
                           const struct mqtt_v5_connack *expected)
{
    ck_assert_msg(actual->session_present == expected->session_present, "%s: session present",
                  name);
    ck_assert_msg(actual->reason_code == expected->reason_code, "%s: reason code", name);
    assert_properties(name, &actual->properties, &expected->properties);
}

static void assert_publish(const char *name, const struct mqtt_v5_publish *actual,
                           const struct mqtt_v5_publish *expected)
{
    test_assert_string(name, actual->topic, expected->topic);
    test_assert_binary(name, actual->payload, expected->payload);
    ck_assert_msg(actual->qos == expected->qos, "%s: QoS", name);
    ck_assert_msg(actual->dup == expected->dup, "%s: DUP", name);
    ck_assert_msg(actual->retain == expected->retain, "%s: RETAIN", name);
    ck_assert_msg(actual->packet_id == (expected->qos == 0 ? 0 : expected->packet_id),
                  "%s: packet id %u", name, (unsigned)actual->packet_id);
    assert_properties(name, &actual->properties, &expected->properties);
}

static void assert_ack(const char *name, const struct mqtt_v5_ack *actual,
                       const struct mqtt_v5_ack *expected)
{
    ck_assert_msg(actual->packet_id == expected->packet_id, "%s: packet id", name);
    ck_assert_msg(actual->reason_code == expected->reason_code, "%s: reason code", name);
    assert_properties(name, &actual->properties, &expected->properties);
}

static void assert_subscribe(const char *name, const struct mqtt_v5_subscribe *actual,
                             const struct mqtt_v5_subscribe *expected)
{
    struct mqtt_v5_subscription ours = {{NULL, 0}, 9, false, false, 9};
    struct mqtt_v5_subscription theirs = {{NULL, 0}, 9, false, false, 9};
    size_t our_position = 0;
    size_t their_position = 0;

    ck_assert_msg(actual->packet_id == expected->packet_id, "%s: packet id", name);
    ck_assert_msg(actual->count == expected->count, "%s: %zu filters", name, actual->count);
    assert_properties(name, &actual->properties, &expected->properties);
    while (mqtt_v5_next_subscription(expected, &their_position, &theirs)) {
        ck_assert_msg(mqtt_v5_next_subscription(actual, &our_position, &ours), "%s: too few", name);
        test_assert_string(name, ours.filter, theirs.filter);
        ck_assert_msg(ours.qos == theirs.qos, "%s: requested QoS", name);
        ck_assert_msg(ours.no_local == theirs.no_local, "%s: No Local", name);
        ck_assert_msg(ours.retain_as_published == theirs.retain_as_published,
                      "%s: Retain As Published", name);
        ck_assert_msg(ours.retain_handling == theirs.retain_handling, "%s: Retain Handling", name);
    }
    ck_assert_msg(!mqtt_v5_next_subscription(actual, &our_position, &ours), "%s: too many", name);
}

static void assert_unsubscribe(const char *name, const struct mqtt_v5_unsubscribe *actual,
                               const struct mqtt_v5_unsubscribe *expected)
{
    struct mqtt_string ours = {NULL, 0};
    struct mqtt_string theirs = {NULL, 0};
    size_t our_position = 0;
    size_t their_position = 0;

    ck_assert_msg(actual->packet_id == expected->packet_id, "%s: packet id", name);
    ck_assert_msg(actual->count == expected->count, "%s: %zu filters", name, actual->count);
    assert_properties(name, &actual->properties, &expected->properties);
    while (mqtt_v5_next_filter(expected, &their_position, &theirs)) {
        ck_assert_msg(mqtt_v5_next_filter(actual, &our_position, &ours), "%s: too few", name);
        test_assert_string(name, ours, theirs);
    }
    ck_assert_msg(!mqtt_v5_next_filter(actual, &our_position, &ours), "%s: too many", name);
}

static void assert_suback(const char *name, const struct mqtt_v5_suback *actual,
                          const struct mqtt_v5_suback *expected)
{
    const struct mqtt_bytes ours = {actual->reason_codes, actual->count};
    const struct mqtt_bytes theirs = {expected->reason_codes, expected->count};

    ck_assert_msg(actual->packet_id == expected->packet_id, "%s: packet id", name);
    test_assert_binary(name, ours, theirs);
    assert_properties(name, &actual->properties, &expected->properties);
}

static void assert_disconnect(const char *name, const struct mqtt_v5_disconnect *actual,
                              const struct mqtt_v5_disconnect *expected)
{
    ck_assert_msg(actual->reason_code == expected->reason_code, "%s: reason code", name);
    assert_properties(name, &actual->properties, &expected->properties);
}

void test_v5_assert_packet(const char *name, const struct mqtt_v5_packet *actual,
                           const struct mqtt_v5_packet *expected)
{
    ck_assert_msg(actual->type == expected->type, "%s: type %d", name, (int)actual->type);
    switch (expected->type) {
    case MQTT_V5_CONNECT:
        assert_connect(name, &actual->as.connect, &expected->as.connect);
        break;
    case MQTT_V5_CONNACK:
        assert_connack(name, &actual->as.connack, &expected->as.connack);
        break;
    case MQTT_V5_PUBLISH:
        assert_publish(name, &actual->as.publish, &expected->as.publish);
        break;
    case MQTT_V5_PUBACK:
    case MQTT_V5_PUBREC:
    case MQTT_V5_PUBREL:
    case MQTT_V5_PUBCOMP:
        assert_ack(name, &actual->as.ack, &expected->as.ack);
        break;
    case MQTT_V5_SUBSCRIBE:
        assert_subscribe(name, &actual->as.subscribe, &expected->as.subscribe);
        break;
    case MQTT_V5_SUBACK:
        assert_suback(name, &actual->as.suback, &expected->as.suback);
        break;
    case MQTT_V5_UNSUBACK:
        assert_suback(name, &actual->as.unsuback, &expected->as.unsuback);
        break;
    case MQTT_V5_UNSUBSCRIBE:
        assert_unsubscribe(name, &actual->as.unsubscribe, &expected->as.unsubscribe);
        break;
    case MQTT_V5_DISCONNECT:
        assert_disconnect(name, &actual->as.disconnect, &expected->as.disconnect);
        break;
    case MQTT_V5_AUTH:
        assert_disconnect(name, &actual->as.auth, &expected->as.auth);
        break;
    case MQTT_V5_PINGREQ:
    case MQTT_V5_PINGRESP:
        break;
    }
}
