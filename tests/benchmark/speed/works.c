/* What is measured: a function for each packet or string, which makes one call into the header.
 *
 * A count is that of the whole function: it loads the arguments from globals, calls, and returns
 * what the call has returned; `nothing` returns a constant. What is longer of MQTT 5.0 is in works_v5.c. The inputs are no constants: a function
 * fills them, and main.c, which calls, sees none of this, so that nothing is computed beforehand. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, MAP_NORESERVE */

#include "works_v5.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if HAVE_MOSQUITTO
#include <mosquitto.h>
#endif

#define TOPIC         "sensors/building-7/floor-3/room-12/temperature"
#define CHINESE       "传感器数据北京市海淀区三号楼十二层温度值"
#define MIXED         "Gebäude-17/Küche/Größe/Температура/улица"
#define LIST_MAX      10000u
#define TOPIC_MAX     300u
#define NAME_MAX      MQTT_STRING_LENGTH_MAX
#define PAYLOAD_MAX   (MQTT_REMAINING_LENGTH_MAX - 2 - (uint32_t)(sizeof TOPIC - 1))
#define COPIED_MAX    (16u << 20)
#define OUT_SIZE      (COPIED_MAX + NAME_MAX + 16)
#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define ALIGNED       __attribute__((aligned(64))) /* the steps of memcpy depend on it */
#define WORK_FUNCTION __attribute__((noinline)) int32_t

struct input {
    uint8_t bytes[512];
    size_t length;
};

void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "speed: it does not hold that %s\n", what);
        exit(EXIT_FAILURE);
    }
}

size_t size_of(int32_t encoded)
{
    MUST(encoded > 0);
    return (size_t)encoded;
}

/* ---- Packets and strings ---------------------------------------------------------------------- */

struct mqtt_packet *decoded;
struct mqtt_fixed_header fixed_header;
uint8_t *out;
size_t out_size;
uint8_t payload[64] ALIGNED;

struct mqtt_publish publish_qos0;
struct mqtt_publish publish_qos1;
struct mqtt_connect connect_packet;
struct mqtt_subscribe subscribe;
struct mqtt_suback suback;
struct mqtt_connack connack;
uint16_t puback;

struct mqtt_v5_packet *v5_decoded;
struct mqtt_v5_property v5_list[3];
struct mqtt_v5_property v5_connect_list[3];
struct mqtt_v5_publish v5_publish;           /* publish_qos0 */
struct mqtt_v5_publish v5_publish_alias;     /* without its topic */
struct mqtt_v5_publish v5_publish_list;      /* with expiry, content type and a user property */
struct mqtt_v5_connect v5_connect;           /* connect_packet */
struct mqtt_v5_connect v5_connect_with_list; /* session expiry, receive maximum, packet size */
struct mqtt_v5_ack v5_puback;
struct mqtt_v5_ack v5_puback_reason;

struct input publish_qos0_bytes ALIGNED;
struct input publish_qos1_bytes ALIGNED;
struct input topic_bytes[TOPIC_MAX + 1] ALIGNED; /* PUBLISH, by the length of its topic */
struct input connect_bytes ALIGNED;
struct input subscribe_bytes ALIGNED;
struct input puback_bytes ALIGNED;
struct input suback_bytes ALIGNED;
struct input connack_bytes ALIGNED;
struct input v5_publish_bytes ALIGNED;
struct input v5_publish_alias_bytes ALIGNED;
struct input v5_publish_list_bytes ALIGNED;
struct input v5_connect_bytes ALIGNED;
struct input v5_connect_with_list_bytes ALIGNED;
struct input v5_puback_bytes ALIGNED;
struct input v5_puback_reason_bytes ALIGNED;

uint8_t stream_bytes[STREAM * 128] ALIGNED;
size_t stream_length;
size_t stream_lengths[STREAM];
enum mqtt_packet_type stream_types[STREAM];

char texts[4 * NAME_MAX] ALIGNED;
struct mqtt_string topic;
struct mqtt_string exact; /* not the same bytes as the topic's, where a comparison could end */
struct mqtt_string last_level;
struct mqtt_string wildcards;
struct mqtt_string everything;
struct mqtt_string chinese;
struct mqtt_string mixed;
struct mqtt_string long_ascii;
struct mqtt_string long_chinese;
bool matched;

/* ---- Works ------------------------------------------------------------------------------------ */

static int32_t decode_stream(int32_t (*decode)(struct mqtt_packet *, const void *, size_t))
{
    size_t used = 0;
    int32_t n;

    while ((n = decode(decoded, stream_bytes + used, stream_length - used)) > 0)
        used += (size_t)n;
    return (int32_t)used;
}

static int32_t encode_stream(void)
{
    size_t used = 0;
    size_t i;

    for (i = 0; i < STREAM; i++) {
        uint8_t *const at = out + used;
        const size_t left = out_size - used;
        int32_t n;
        switch (stream_types[i]) {
        case MQTT_PUBLISH:
            n = mqtt_encode_publish(at, left, &publish_qos0);
            break;
        case MQTT_PUBACK:
            n = mqtt_encode_puback(at, left, puback);
            break;
        case MQTT_SUBACK:
            n = mqtt_encode_suback(at, left, &suback);
            break;
        default:
            n = mqtt_encode_connack(at, left, &connack);
            break;
        }
        if (n < 0)
            return n;
        used += (size_t)n;
    }
    return (int32_t)used;
}

static int32_t copy(const void *bytes, size_t length)
{
    memcpy(out, bytes, length);
    return (int32_t)length;
}

static int32_t copy_stream(void)
{
    size_t used = 0;
    size_t i;

    for (i = 0; i < STREAM; i++) {
        memcpy(out + used, stream_bytes + used, stream_lengths[i]);
        used += stream_lengths[i];
    }
    return (int32_t)used;
}

#define DECODE(input)          mqtt_decode(decoded, (input).bytes, (input).length)
#define V5_DECODE(input)       mqtt_v5_decode(v5_decoded, (input).bytes, (input).length)
#define COPY(input)            copy((input).bytes, (input).length)
#define ENCODE(type, packet)   mqtt_encode_##type(out, out_size, packet)
#define LENGTH(input)          (int32_t)(input).length
#define STRING_COPY(string)    copy((string).data, (string).length)
#define PUBLISH_HEADER(packet) (int32_t)((packet##_bytes).length - (packet).payload.length)

/* Both directions of a packet of MQTT 5.0 */
#define V5_WORK(type, name)                                                                        \
    WORK(v5_decode_##name, V5_DECODE(v5_##name##_bytes), LENGTH(v5_##name##_bytes), 1)             \
    WORK(v5_encode_##name, mqtt_v5_encode_##type(out, out_size, &v5_##name),                       \
         LENGTH(v5_##name##_bytes), 1)
#define V5_WORKS                                                                                   \
    V5_WORK(publish, publish)                                                                      \
    V5_WORK(publish, publish_alias)                                                                \
    V5_WORK(publish, publish_list)                                                                 \
    V5_WORK(connect, connect)                                                                      \
    V5_WORK(connect, connect_with_list)                                                            \
    V5_WORK(puback, puback)                                                                        \
    V5_WORK(puback, puback_reason)

/* WORK(name, what it calls, what that returns, packets in one run) */
#define WORKS                                                                                      \
    WORK(nothing, 0, 0, 1)                                                                         \
    WORK(decode_publish_qos0, DECODE(publish_qos0_bytes), LENGTH(publish_qos0_bytes), 1)           \
    WORK(decode_publish_qos1, DECODE(publish_qos1_bytes), LENGTH(publish_qos1_bytes), 1)           \
    WORK(decode_publish_topic_1, DECODE(topic_bytes[1]), LENGTH(topic_bytes[1]), 1)                \
    WORK(decode_publish_topic_3, DECODE(topic_bytes[3]), LENGTH(topic_bytes[3]), 1)                \
    WORK(decode_publish_topic_5, DECODE(topic_bytes[5]), LENGTH(topic_bytes[5]), 1)                \
    WORK(decode_publish_topic_7, DECODE(topic_bytes[7]), LENGTH(topic_bytes[7]), 1)                \
    WORK(decode_publish_topic_70, DECODE(topic_bytes[70]), LENGTH(topic_bytes[70]), 1)             \
    WORK(decode_publish_topic_100, DECODE(topic_bytes[100]), LENGTH(topic_bytes[100]), 1)          \
    WORK(decode_publish_topic_200, DECODE(topic_bytes[200]), LENGTH(topic_bytes[200]), 1)          \
    WORK(decode_connect, DECODE(connect_bytes), LENGTH(connect_bytes), 1)                          \
    WORK(decode_subscribe, DECODE(subscribe_bytes), LENGTH(subscribe_bytes), 1)                    \
    WORK(decode_puback, DECODE(puback_bytes), 4, 1)                                                \
    WORK(decode_suback, DECODE(suback_bytes), LENGTH(suback_bytes), 1)                             \
    WORK(decode_connack, DECODE(connack_bytes), 4, 1)                                              \
    WORK(decode_stream, decode_stream(mqtt_decode), (int32_t)stream_length, STREAM)                \
    WORK(decode_stream_from_server, decode_stream(mqtt_decode_from_server),                        \
         (int32_t)stream_length, STREAM)                                                           \
    WORK(decode_publish_header,                                                                    \
         mqtt_decode_publish_header(&decoded->as.publish, publish_qos0_bytes.bytes,                \
                                    publish_qos0_bytes.length),                                    \
         PUBLISH_HEADER(publish_qos0), 1)                                                          \
    WORK(decode_fixed_header,                                                                      \
         mqtt_decode_fixed_header(&fixed_header, publish_qos0_bytes.bytes,                         \
                                  publish_qos0_bytes.length),                                      \
         2, 1)                                                                                     \
    WORK(encode_publish_qos0, ENCODE(publish, &publish_qos0), LENGTH(publish_qos0_bytes), 1)       \
    WORK(encode_publish_qos1, ENCODE(publish, &publish_qos1), LENGTH(publish_qos1_bytes), 1)       \
    WORK(encode_connect, ENCODE(connect, &connect_packet), LENGTH(connect_bytes), 1)               \
    WORK(encode_subscribe, ENCODE(subscribe, &subscribe), LENGTH(subscribe_bytes), 1)              \
    WORK(encode_puback, ENCODE(puback, puback), 4, 1)                                              \
    WORK(encode_suback, ENCODE(suback, &suback), LENGTH(suback_bytes), 1)                          \
    WORK(encode_connack, ENCODE(connack, &connack), 4, 1)                                          \
    WORK(encode_stream, encode_stream(), (int32_t)stream_length, STREAM)                           \
    WORK(v5_decode_stream, v5_decode_stream(), (int32_t)v5_stream_length, STREAM)                  \
    WORK(v5_encode_stream, v5_encode_stream(), (int32_t)v5_stream_length, STREAM)                  \
    WORK(encode_publish_header, ENCODE(publish_header, &publish_qos0),                             \
         PUBLISH_HEADER(publish_qos0), 1)                                                          \
    WORK(matches_wildcards, mqtt_topic_matches(wildcards, topic), true, 1)                         \
    WORK(matches_exact, mqtt_topic_matches(exact, topic), true, 1)                                 \
    WORK(matches_everything, mqtt_topic_matches(everything, topic), true, 1)                       \
    WORK(matches_all_but_the_last_level, mqtt_topic_matches(last_level, topic), false, 1)          \
    WORK(valid_ascii_46, mqtt_string_is_valid(topic), true, 1)                                     \
    WORK(valid_ascii_65535, mqtt_string_is_valid(long_ascii), true, 1)                             \
    WORK(valid_chinese_60, mqtt_string_is_valid(chinese), true, 1)                                 \
    WORK(valid_chinese_65535, mqtt_string_is_valid(long_chinese), true, 1)                         \
    WORK(valid_mixed_60, mqtt_string_is_valid(mixed), true, 1)                                     \
    WORK(valid_name_46, mqtt_topic_name_is_valid(topic), true, 1)                                  \
    WORK(valid_filter_19, mqtt_topic_filter_is_valid(wildcards), true, 1)                          \
    V5_WORKS                                                                                       \
    WORK(memcpy_publish_qos0, COPY(publish_qos0_bytes), LENGTH(publish_qos0_bytes), 1)             \
    WORK(memcpy_publish_qos1, COPY(publish_qos1_bytes), LENGTH(publish_qos1_bytes), 1)             \
    WORK(memcpy_connect, COPY(connect_bytes), LENGTH(connect_bytes), 1)                            \
    WORK(memcpy_subscribe, COPY(subscribe_bytes), LENGTH(subscribe_bytes), 1)                      \
    WORK(memcpy_puback, COPY(puback_bytes), 4, 1)                                                  \
    WORK(memcpy_suback, COPY(suback_bytes), LENGTH(suback_bytes), 1)                               \
    WORK(memcpy_connack, COPY(connack_bytes), 4, 1)                                                \
    WORK(memcpy_stream, copy_stream(), (int32_t)stream_length, STREAM)                             \
    WORK(memcpy_ascii_46, STRING_COPY(topic), 46, 1)                                               \
    WORK(memcpy_ascii_65535, STRING_COPY(long_ascii), 65535, 1)                                    \
    WORK(memcpy_chinese_60, STRING_COPY(chinese), 60, 1)                                           \
    MOSQUITTO_WORKS

/* Of libmosquitto, which counts differently: its check of UTF-8 refuses control characters and
 * non-characters too, those of topics look for wildcards alone, and what it matches it checks. */
#if HAVE_MOSQUITTO
#define MOSQUITTO_UTF8(string) mosquitto_validate_utf8((string).data, (int)(string).length)
#define MOSQUITTO_MATCHES(filter)                                                                  \
    (mosquitto_topic_matches_sub2((filter).data, (filter).length, topic.data, topic.length,        \
                                  &matched),                                                       \
     matched)
#define MOSQUITTO_WORKS                                                                            \
    WORK(mosquitto_matches_wildcards, MOSQUITTO_MATCHES(wildcards), true, 1)                       \
    WORK(mosquitto_matches_exact, MOSQUITTO_MATCHES(exact), true, 1)                               \
    WORK(mosquitto_matches_everything, MOSQUITTO_MATCHES(everything), true, 1)                     \
    WORK(mosquitto_matches_all_but_the_last_level, MOSQUITTO_MATCHES(last_level), false, 1)        \
    WORK(mosquitto_valid_ascii_46, MOSQUITTO_UTF8(topic), MOSQ_ERR_SUCCESS, 1)                     \
    WORK(mosquitto_valid_ascii_65535, MOSQUITTO_UTF8(long_ascii), MOSQ_ERR_SUCCESS, 1)             \
    WORK(mosquitto_valid_chinese_60, MOSQUITTO_UTF8(chinese), MOSQ_ERR_SUCCESS, 1)                 \
    WORK(mosquitto_valid_chinese_65535, MOSQUITTO_UTF8(long_chinese), MOSQ_ERR_SUCCESS, 1)         \
    WORK(mosquitto_valid_mixed_60, MOSQUITTO_UTF8(mixed), MOSQ_ERR_SUCCESS, 1)                     \
    WORK(mosquitto_valid_name_46, mosquitto_pub_topic_check2(topic.data, topic.length),            \
         MOSQ_ERR_SUCCESS, 1)                                                                      \
    WORK(mosquitto_valid_filter_19, mosquitto_sub_topic_check2(wildcards.data, wildcards.length),  \
         MOSQ_ERR_SUCCESS, 1)
#else
#define MOSQUITTO_WORKS
#endif

#define WORK(name, call, expected, packets)                                                        \
    WORK_FUNCTION work_##name(void)                                                                \
    {                                                                                              \
        return (int32_t)(call);                                                                    \
    }
WORKS
#undef WORK

#define WORK(name, call, expected, packets) +1
struct work works[WORKS];
#undef WORK
size_t works_count = COUNT(works);

/* ---- Curves ----------------------------------------------------------------------------------- */

uint8_t *grown; /* a packet; its payload is never touched, so that it needs no memory */
size_t grown_length;
struct mqtt_publish grown_publish;
struct mqtt_subscription grown_subscriptions[LIST_MAX];
struct mqtt_subscribe grown_subscribe;
struct mqtt_string grown_filters[LIST_MAX];
struct mqtt_unsubscribe grown_unsubscribe;
uint8_t grown_codes[LIST_MAX];
struct mqtt_suback grown_suback;
struct mqtt_subscribe next_subscribe;
struct mqtt_unsubscribe next_unsubscribe;
struct mqtt_subscription next_subscription;
struct mqtt_string next_filter;
char grown_name_text[NAME_MAX] ALIGNED;
char grown_filter_text[NAME_MAX] ALIGNED;
struct mqtt_string grown_name;
struct mqtt_string grown_filter;

static void prepare_payload(uint32_t units)
{
    grown_publish = publish_qos0;
    grown_publish.payload.data = grown + OUT_SIZE;
    grown_publish.payload.length = units;
    grown_length = size_of(mqtt_encode_publish_header(grown, NAME_MAX, &grown_publish)) + units;
}

static void prepare_topic(uint32_t units)
{
    grown_publish = publish_qos0;
    grown_publish.topic.data = long_ascii.data;
    grown_publish.topic.length = units;
    grown_length = size_of(mqtt_encode_publish(grown, OUT_SIZE, &grown_publish));
    grown_filter = grown_publish.topic;
    memcpy(grown_name_text, long_ascii.data, units);
    grown_name.data = grown_name_text; /* as with `exact` */
    grown_name.length = units;
}

static void prepare_short_topic(uint32_t units)
{
    memcpy(grown, topic_bytes[units].bytes, topic_bytes[units].length);
    grown_length = topic_bytes[units].length;
}

static void prepare_subscribe(uint32_t units)
{
    grown_subscribe.count = units;
    grown_length = size_of(mqtt_encode_subscribe(grown, OUT_SIZE, &grown_subscribe));
    MUST(mqtt_decode(decoded, grown, grown_length) > 0);
    next_subscribe = decoded->as.subscribe;
}

static void prepare_unsubscribe(uint32_t units)
{
    grown_unsubscribe.count = units;
    grown_length = size_of(mqtt_encode_unsubscribe(grown, OUT_SIZE, &grown_unsubscribe));
    MUST(mqtt_decode(decoded, grown, grown_length) > 0);
    next_unsubscribe = decoded->as.unsubscribe;
}

static void prepare_suback(uint32_t units)
{
    grown_suback.count = units;
    grown_length = size_of(mqtt_encode_suback(grown, OUT_SIZE, &grown_suback));
}

/* A name of slashes alone, the most levels there can be, and a filter of as many. */
static void prepare_levels(uint32_t units)
{
    memset(grown_name_text, '/', units);
    grown_name.data = grown_name_text;
    grown_name.length = units;
    grown_filter.data = grown_filter_text;
}

static void prepare_slashes(uint32_t units)
{
    prepare_levels(units);
    memset(grown_filter_text, '/', units);
    grown_filter.length = units;
}

static void prepare_pluses(uint32_t units)
{
    size_t i;

    prepare_levels(units);
    grown_filter.length = 2 * (size_t)units + 1;
    for (i = 0; i < grown_filter.length; i++)
        grown_filter_text[i] = i % 2 == 0 ? '+' : '/';
}

static void prepare_pluses_in_vain(uint32_t units)
{
    prepare_pluses(units);
    grown_filter_text[grown_filter.length - 1] = 'a';
}

static int32_t next_of_subscribe(void)
{
    size_t position = 0;
    int32_t n = 0;

    while (mqtt_next_subscription(&next_subscribe, &position, &next_subscription))
        n++;
    return n;
}

static int32_t next_of_unsubscribe(void)
{
    size_t position = 0;
    int32_t n = 0;

    while (mqtt_next_filter(&next_unsubscribe, &position, &next_filter))
        n++;
    return n;
}

/* What the check has to refuse: every beginning of a name. */
static int32_t beginnings(void)
{
    struct mqtt_string beginning = {grown_name.data, 0};

    while (beginning.length < grown_name.length) {
        beginning.length++;
        if (!mqtt_string_is_valid(beginning))
            return 0;
    }
    return 1;
}

#define DECODE_GROWN mqtt_decode(decoded, grown, grown_length)
#define MATCHES      mqtt_topic_matches(grown_filter, grown_name)

#define V5_CURVE(name)                                                                             \
    CURVE(name, name(), properties, user properties, linear, 1, PROPERTIES_MAX, properties)

/* CURVE(name, what it calls, picture, unit, shape, from, to, prepared by) */
#define CURVES                                                                                     \
    CURVE(decode_payload, DECODE_GROWN, payload, bytes, flat, 0, PAYLOAD_MAX, payload)             \
    CURVE(decode_header_payload,                                                                   \
          mqtt_decode_publish_header(&decoded->as.publish, grown, grown_length), payload, bytes,   \
          flat, 0, PAYLOAD_MAX, payload)                                                           \
    CURVE(encode_header_payload, ENCODE(publish_header, &grown_publish), payload, bytes, flat, 0,  \
          PAYLOAD_MAX, payload)                                                                    \
    CURVE(encode_payload, ENCODE(publish, &grown_publish), payload, bytes, linear, 0, COPIED_MAX,  \
          payload)                                                                                 \
    CURVE(decode_topic, DECODE_GROWN, topic, bytes, linear, 1, NAME_MAX, topic)                    \
    CURVE(encode_topic, ENCODE(publish, &grown_publish), topic, bytes, linear, 1, NAME_MAX, topic) \
    CURVE(valid_topic, mqtt_topic_name_is_valid(grown_name), topic, bytes, linear, 1, NAME_MAX,    \
          topic)                                                                                   \
    CURVE(matches_topic, MATCHES, topic, bytes, linear, 1, NAME_MAX, topic)                        \
    CURVE(decode_subscribe, DECODE_GROWN, list, entries, linear, 1, LIST_MAX, subscribe)           \
    CURVE(encode_subscribe, ENCODE(subscribe, &grown_subscribe), list, entries, linear, 1,         \
          LIST_MAX, subscribe)                                                                     \
    CURVE(next_subscription, next_of_subscribe(), list, entries, linear, 1, LIST_MAX, subscribe)   \
    CURVE(decode_unsubscribe, DECODE_GROWN, list, entries, linear, 1, LIST_MAX, unsubscribe)       \
    CURVE(encode_unsubscribe, ENCODE(unsubscribe, &grown_unsubscribe), list, entries, linear, 1,   \
          LIST_MAX, unsubscribe)                                                                   \
    CURVE(next_filter, next_of_unsubscribe(), list, entries, linear, 1, LIST_MAX, unsubscribe)     \
    CURVE(decode_suback, DECODE_GROWN, list, entries, linear, 1, LIST_MAX, suback)                 \
    CURVE(encode_suback, ENCODE(suback, &grown_suback), list, entries, linear, 1, LIST_MAX,        \
          suback)                                                                                  \
    V5_CURVE(v5_decode_properties)                                                                 \
    V5_CURVE(v5_encode_properties)                                                                 \
    V5_CURVE(v5_forward_properties)                                                                \
    V5_CURVE(v5_next_property)                                                                     \
    V5_CURVE(v5_find_property_in_vain)                                                             \
    CURVE(decode_publish_short_topic, DECODE_GROWN, short_topic, bytes, smooth, 1, TOPIC_MAX,      \
          short_topic)                                                                             \
    CURVE(matches_slashes, MATCHES, matching, levels, linear, 1, NAME_MAX, slashes)                \
    CURVE(matches_pluses, MATCHES, matching, levels, linear, 1, NAME_MAX / 2, pluses)              \
    CURVE(matches_pluses_in_vain, !MATCHES, matching, levels, linear, 1, NAME_MAX / 2,             \
          pluses_in_vain)                                                                          \
    CURVE(planted, beginnings(), planted, bytes, quadratic, 1, 2000, topic)

#define CURVE(name, call, plot, unit, shape, least, most, prepared)                                \
    WORK_FUNCTION curve_##name(void)                                                               \
    {                                                                                              \
        return (int32_t)(call);                                                                    \
    }
CURVES
#undef CURVE

#define CURVE(name, call, plot, unit, shape, least, most, prepared)                                \
    {#name, curve_##name, #plot, #unit, #shape, least, most, prepare_##prepared},
struct curve curves[] = {CURVES};
#undef CURVE
size_t curves_count = COUNT(curves);

/* ---- Filling ---------------------------------------------------------------------------------- */

/* A text of `length` bytes: `from`, again and again. */
static struct mqtt_string filled(size_t length, const char *from)
{
    static size_t used;
    const size_t period = strlen(from);
    struct mqtt_string string = {texts + used, length};
    size_t i;

    MUST(length == period || length == NAME_MAX);
    MUST(length <= sizeof texts - used);
    for (i = 0; i < length; i++)
        texts[used + i] = from[i % period];
    used += (length + 63) / 64 * 64;
    return string;
}

static void fill_strings(void)
{
    topic = filled(46, TOPIC);
    exact = filled(46, TOPIC);
    last_level = filled(46, "sensors/building-7/floor-3/room-12/temperaturf");
    wildcards = filled(19, "sensors/+/floor-3/#");
    everything = filled(1, "#");
    chinese = filled(60, CHINESE);
    mixed = filled(60, MIXED);
    long_ascii = filled(NAME_MAX, TOPIC);
    long_chinese = filled(NAME_MAX, CHINESE);
}

static struct mqtt_bytes bytes_of(struct mqtt_string string)
{
    const struct mqtt_bytes bytes = {(const uint8_t *)string.data, string.length};

    return bytes;
}

static void fill_connect(void)
{
    connect_packet.keep_alive = 60;
    connect_packet.clean_session = true;
    connect_packet.client_id = filled(23, "sensor-gateway-b7-00042");
    connect_packet.has_will = true;
    connect_packet.will.qos = 1;
    connect_packet.will.topic = filled(38, "devices/sensor-gateway-b7-00042/status");
    connect_packet.will.message = bytes_of(filled(7, "offline"));
    connect_packet.has_user_name = true;
    connect_packet.user_name = filled(14, "building-7-gw1");
    connect_packet.has_password = true;
    connect_packet.password = bytes_of(filled(16, "correct-horse-42"));
}

static void fill_lists(void)
{
    static const uint8_t codes[] = {1, 0, 2, MQTT_SUBACK_CODE_FAILURE};
    size_t i;

    grown_filters[0] = wildcards;
    grown_filters[1] = filled(35, "sensors/building-12/+/+/temperature");
    grown_filters[2] = filled(8, "alerts/#");
    grown_filters[3] = filled(32, "commands/sensor-gateway-b7-00042");
    for (i = 0; i < LIST_MAX; i++) {
        grown_filters[i] = grown_filters[i % 4];
        grown_subscriptions[i].filter = grown_filters[i];
        grown_subscriptions[i].qos = (uint8_t)(i % 3);
        grown_codes[i] = codes[i % 4];
    }
    grown_subscribe.subscriptions = grown_subscriptions;
    grown_subscribe.packet_id = 2;
    grown_unsubscribe.filters = grown_filters;
    grown_unsubscribe.packet_id = 3;
    grown_suback.return_codes = grown_codes;
    grown_suback.packet_id = 2;
    subscribe = grown_subscribe;
    subscribe.count = 4;
    suback = grown_suback;
    suback.count = 4;
}

#define FILL(input, type, packet)                                                                  \
    ((input).length = size_of(mqtt_encode_##type((input).bytes, sizeof(input).bytes, packet)))

static void fill_packets(void)
{
    size_t i;

    publish_qos0.topic = topic;
    publish_qos0.payload.data = payload;
    publish_qos0.payload.length = 64;
    publish_qos1 = publish_qos0;
    publish_qos1.qos = 1;
    publish_qos1.packet_id = 1234;
    publish_qos1.payload.length = 16;
    puback = 1234;
    connack.session_present = true;
    fill_connect();
    fill_lists();
    FILL(publish_qos0_bytes, publish, &publish_qos0);
    FILL(publish_qos1_bytes, publish, &publish_qos1);
    for (i = 1; i <= TOPIC_MAX; i++) {
        struct mqtt_publish publish = publish_qos0;
        publish.topic.data = long_ascii.data;
        publish.topic.length = i;
        FILL(topic_bytes[i], publish, &publish);
    }
    FILL(connect_bytes, connect, &connect_packet);
    FILL(subscribe_bytes, subscribe, &subscribe);
    FILL(puback_bytes, puback, puback);
    FILL(suback_bytes, suback, &suback);
    FILL(connack_bytes, connack, &connack);
}

#define V5_FILL(type, name)                                                                        \
    (v5_##name##_bytes.length = size_of(mqtt_v5_encode_##type(                                     \
         v5_##name##_bytes.bytes, sizeof v5_##name##_bytes.bytes, &v5_##name)))

static struct mqtt_v5_property number_property(enum mqtt_v5_property_id id, uint32_t number)
{
    struct mqtt_v5_property property = {0};

    property.id = (uint8_t)id;
    property.as.number = number;
    return property;
}

static struct mqtt_v5_properties list_of(const struct mqtt_v5_property *list, size_t count)
{
    struct mqtt_v5_properties properties = {0};

    properties.list = list;
    properties.count = count;
    return properties;
}

static void fill_v5_packets(void)
{
    static struct mqtt_v5_property alias;

    alias = number_property(MQTT_V5_PROPERTY_TOPIC_ALIAS, 7);
    v5_list[0] = number_property(MQTT_V5_PROPERTY_MESSAGE_EXPIRY_INTERVAL, 3600);
    v5_list[1].id = MQTT_V5_PROPERTY_CONTENT_TYPE;
    v5_list[1].as.string = filled(16, "application/json");
    v5_list[2].id = MQTT_V5_PROPERTY_USER_PROPERTY;
    v5_list[2].as.pair.name = filled(8, "trace-id");
    v5_list[2].as.pair.value = filled(16, "4bf92f3577b34da6");
    v5_connect_list[0] = number_property(MQTT_V5_PROPERTY_SESSION_EXPIRY_INTERVAL, 3600);
    v5_connect_list[1] = number_property(MQTT_V5_PROPERTY_RECEIVE_MAXIMUM, 20);
    v5_connect_list[2] = number_property(MQTT_V5_PROPERTY_MAXIMUM_PACKET_SIZE, 65536);
    v5_publish.topic = topic;
    v5_publish.payload = publish_qos0.payload;
    v5_publish_alias = v5_publish;
    v5_publish_alias.topic.length = 0;
    v5_publish_alias.properties = list_of(&alias, 1);
    v5_publish_list = v5_publish;
    v5_publish_list.properties = list_of(v5_list, 3);
    v5_connect.keep_alive = connect_packet.keep_alive;
    v5_connect.clean_start = true;
    v5_connect.client_id = connect_packet.client_id;
    v5_connect.has_will = true;
    v5_connect.will.qos = 1;
    v5_connect.will.topic = connect_packet.will.topic;
    v5_connect.will.payload = connect_packet.will.message;
    v5_connect.has_user_name = true;
    v5_connect.user_name = connect_packet.user_name;
    v5_connect.has_password = true;
    v5_connect.password = connect_packet.password;
    v5_connect_with_list = v5_connect;
    v5_connect_with_list.properties = list_of(v5_connect_list, 3);
    v5_puback.packet_id = puback;
    v5_puback_reason.packet_id = puback;
    v5_puback_reason.reason_code = MQTT_V5_REASON_QUOTA_EXCEEDED;
    V5_FILL(publish, publish);
    V5_FILL(publish, publish_alias);
    V5_FILL(publish, publish_list);
    V5_FILL(connect, connect);
    V5_FILL(connect, connect_with_list);
    V5_FILL(puback, puback);
    V5_FILL(puback, puback_reason);
}

/* 80 PUBLISH, 15 PUBACK, 3 SUBACK and 2 CONNACK, mixed: 37 and 100 have no common divisor. */
static void fill_stream(void)
{
    size_t i;

    for (i = 0; i < STREAM; i++) {
        const size_t place = i * 37 % STREAM;
        const bool is_publish = place < 80;
        const bool is_puback = place < 95;
        const bool is_suback = place < 98;
        const struct input *const input = is_publish  ? &publish_qos0_bytes
                                          : is_puback ? &puback_bytes
                                          : is_suback ? &suback_bytes
                                                      : &connack_bytes;
        stream_types[i] = (enum mqtt_packet_type)(input->bytes[0] >> 4);
        stream_lengths[i] = input->length;
        memcpy(stream_bytes + stream_length, input->bytes, input->length);
        stream_length += input->length;
    }
}

static void *reserved(size_t length)
{
    void *const pages = mmap(NULL, length, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    MUST(pages != MAP_FAILED);
    return pages;
}

void works_fill(void)
{
    static struct mqtt_packet packet;
    static struct mqtt_v5_packet v5_packet;
    struct work *work = works;

    decoded = &packet;
    v5_decoded = &v5_packet;
    out_size = OUT_SIZE;
    out = reserved(out_size);
    grown = reserved(NAME_MAX + (size_t)PAYLOAD_MAX);
    fill_strings();
    fill_packets();
    fill_v5_packets();
    fill_stream();
    v5_fill_stream();
#define WORK(name, call, expected, packets)                                                        \
    *work++ = (struct work){#name, work_##name, expected, packets};
    WORKS
#undef WORK
}

void works_about(void)
{
#if defined(__clang__)
    printf("compiler\tclang %d.%d.%d\n", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
    printf("compiler\tgcc %s\n", __VERSION__);
#endif
#if defined(__x86_64__)
    printf("machine\tx86-64\n");
#else
    printf("machine\tanother\n");
#endif
    printf("simd\t%d\n", MQTT_CODEC_SIMD);
#if HAVE_MOSQUITTO
    printf("libmosquitto\t%d.%d.%d\n", LIBMOSQUITTO_MAJOR, LIBMOSQUITTO_MINOR,
           LIBMOSQUITTO_REVISION);
#endif
}

static void take_each(const uint8_t *bytes, const size_t *lengths,
                      void (*take)(const uint8_t *bytes, size_t length))
{
    size_t i;

    for (i = 0; i < STREAM; i++) {
        take(bytes, lengths[i]);
        bytes += lengths[i];
    }
}

void works_stream(bool is_v5, void (*take)(const uint8_t *bytes, size_t length))
{
    if (is_v5)
        take_each(v5_stream_bytes, v5_stream_lengths, take);
    else
        take_each(stream_bytes, stream_lengths, take);
}
