/* A target whose size_t has 16 bits, as AVR and MSP430 have: emulated, so that the sanitizers look on.
 * What wraps there is a sum of lengths, each of which fits. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef SIZE_MAX
#define SIZE_MAX        65535
#define size_t          uint16_t
#define MQTT_CODEC_SIMD 0
#include "mqtt_codec.h"

static int faults;

static void expect(const char *what, int32_t actual, int32_t expected)
{
    if (actual == expected)
        return;
    printf("%s: %d, not %d\n", what, (int)actual, (int)expected);
    faults++;
}

/* A CONNECT of 66,017 bytes: no buffer holds it, and nothing is written to one. One of 15 is written. */
static void encode_connect(const char *letters)
{
    static const uint8_t short_one[] = {0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 1, 'a'};
    struct mqtt_connect connect = {0};
    uint8_t *buffer = malloc(1000);
    unsigned i;

    if (buffer == NULL)
        abort();
    memset(buffer, 0xA5, 1000);
    connect.clean_session = true;
    connect.client_id.data = letters;
    connect.client_id.length = 33000;
    connect.has_user_name = true;
    connect.user_name = connect.client_id;
    expect("CONNECT, its size", mqtt_encode_connect(NULL, 0, &connect), 66018);
    expect("CONNECT", mqtt_encode_connect(buffer, 1000, &connect), MQTT_ERROR_BUFFER_TOO_SMALL);
    for (i = 0; i < 1000; i++)
        expect("a byte of the buffer", buffer[i], 0xA5);
    connect.client_id.length = 1;
    connect.has_user_name = false;
    expect("a short CONNECT", mqtt_encode_connect(buffer, 15, &connect), 15);
    expect("its bytes", memcmp(buffer, short_one, 15), 0);
    free(buffer);
}

struct publish_case {
    const char *what;
    uint8_t bytes[7];
    int32_t decode;
    int32_t decode_header;
};

static const struct publish_case publishes[] = {
    {"65,535 bytes", {0x30, 0xFB, 0xFF, 0x03, 0, 1, 'a'}, MQTT_PACKET_INCOMPLETE, 7},
    {"65,536 bytes", {0x30, 0xFC, 0xFF, 0x03, 0, 1, 'a'}, MQTT_ERROR_PACKET_TOO_LARGE, 7},
    {"a payload of 65,535 bytes",
     {0x30, 0x82, 0x80, 0x04, 0, 1, 'a'},
     MQTT_ERROR_PACKET_TOO_LARGE,
     7},
    {"a payload of 65,536 bytes",
     {0x30, 0x83, 0x80, 0x04, 0, 1, 'a'},
     MQTT_ERROR_PACKET_TOO_LARGE,
     MQTT_ERROR_PACKET_TOO_LARGE},
    {"a topic of 65,535 bytes at QoS 1",
     {0x32, 0x83, 0x80, 0x04, 0xFF, 0xFF, 'a'},
     MQTT_ERROR_PACKET_TOO_LARGE,
     MQTT_PACKET_INCOMPLETE},
    {"a topic longer than the packet",
     {0x32, 0x80, 0x80, 0x02, 0xFF, 0xFF, 'a'},
     MQTT_PACKET_INCOMPLETE,
     MQTT_ERROR_FIELD_PAST_END},
};

static void decode_publish(const struct publish_case *test)
{
    struct mqtt_packet packet;
    struct mqtt_publish publish;

    expect(test->what, mqtt_decode(&packet, test->bytes, 7), test->decode);
    if (test->decode == MQTT_ERROR_PACKET_TOO_LARGE)
        expect("its error_offset", (int32_t)packet.error_offset, 1);
    expect(test->what, mqtt_decode_publish_header(&publish, test->bytes, 7), test->decode_header);
}

/* A topic whose end is further from the start of the packet than a 16-bit ptrdiff_t reaches: the
 * packet id stands after 39,990 bytes of it, then 10 bytes of payload. */
static void decode_long_topic(void)
{
    static const uint8_t start[] = {0x32, 0xC4, 0xB8, 0x02, 0x9C, 0x36};
    uint8_t *bytes = malloc(40008);
    struct mqtt_publish publish;

    if (bytes == NULL)
        abort();
    memset(bytes, 'a', 40008);
    memcpy(bytes, start, sizeof start);
    expect("a long topic", mqtt_decode_publish_header(&publish, bytes, 39998), 39998);
    expect("its length", publish.topic.length, 39990);
    expect("the payload's length", publish.payload.length, 10);
    expect("a long topic, its packet id", mqtt_publish_set_packet_id(bytes, 39998, 0x1234), 39998);
    expect("the packet id", bytes[39996] * 256 + bytes[39997], 0x1234);
    free(bytes);
}

/* A PUBLISH of MQTT 5.0 of 66,019 bytes, whose topic name and user property fill half of it each. */
static void encode_v5_publish(const char *letters)
{
    struct mqtt_v5_property property = {0};
    struct mqtt_v5_publish publish = {0};
    uint8_t *encoded = malloc(33000);
    uint8_t *buffer = malloc(1000);
    unsigned i;

    if (buffer == NULL || encoded == NULL)
        abort();
    memset(buffer, 0xA5, 1000);
    publish.topic.data = letters;
    publish.topic.length = 33000;
    property.id = MQTT_V5_PROPERTY_USER_PROPERTY;
    property.as.pair.name.data = letters;
    property.as.pair.name.length = 32995;
    expect("the property", mqtt_v5_encode_property(encoded, 33000, &property), 33000);
    publish.properties.list = &property;
    publish.properties.count = 1;
    expect("PUBLISH, its size", mqtt_v5_encode_publish(NULL, 0, &publish), 66009);
    publish.properties.count = 0;
    publish.properties.encoded.data = encoded;
    publish.properties.encoded.length = 33000;
    expect("PUBLISH, its size", mqtt_v5_encode_publish(NULL, 0, &publish), 66009);
    expect("PUBLISH", mqtt_v5_encode_publish(buffer, 1000, &publish), MQTT_ERROR_BUFFER_TOO_SMALL);
    for (i = 0; i < 1000; i++)
        expect("a byte of the buffer", buffer[i], 0xA5);
    free(buffer);
    free(encoded);
}

struct v5_publish_case {
    const char *what;
    uint8_t bytes[10];
    int32_t decode;
    int32_t decode_header;
};

static const struct v5_publish_case v5_publishes[] = {
    {"5.0, 65,535 bytes",
     {0x30, 0xFB, 0xFF, 0x03, 0, 1, 'a', 0, 'b', 'c'},
     MQTT_PACKET_INCOMPLETE,
     8},
    {"5.0, 65,536 bytes",
     {0x30, 0xFC, 0xFF, 0x03, 0, 1, 'a', 0, 'b', 'c'},
     MQTT_ERROR_PACKET_TOO_LARGE,
     8},
    {"5.0, a payload of 65,535 bytes",
     {0x30, 0x83, 0x80, 0x04, 0, 1, 'a', 0, 'b', 'c'},
     MQTT_ERROR_PACKET_TOO_LARGE,
     8},
    {"5.0, a payload of 65,536 bytes",
     {0x30, 0x84, 0x80, 0x04, 0, 1, 'a', 0, 'b', 'c'},
     MQTT_ERROR_PACKET_TOO_LARGE,
     MQTT_ERROR_PACKET_TOO_LARGE},
    {"5.0, 65,536 bytes more than are there",
     {0x30, 0x86, 0x80, 0x04, 0, 1, 'a', 0, 'b', 'c'},
     MQTT_ERROR_PACKET_TOO_LARGE,
     MQTT_ERROR_PACKET_TOO_LARGE},
    {"5.0, properties of 65,535 bytes",
     {0x30, 0x85, 0x80, 0x04, 0, 1, 'a', 0xFF, 0xFF, 0x03},
     MQTT_ERROR_PACKET_TOO_LARGE,
     MQTT_PACKET_INCOMPLETE},
    {"5.0, properties longer than the packet",
     {0x30, 0x80, 0x80, 0x02, 0, 1, 'a', 0xFF, 0xFF, 0x03},
     MQTT_PACKET_INCOMPLETE,
     MQTT_ERROR_PROPERTIES_PAST_END},
};

static void decode_v5_publish(const struct v5_publish_case *test)
{
    struct mqtt_v5_packet packet;
    struct mqtt_v5_publish publish;

    expect(test->what, mqtt_v5_decode(&packet, test->bytes, 10), test->decode);
    if (test->decode == MQTT_ERROR_PACKET_TOO_LARGE)
        expect("its error_offset", (int32_t)packet.error_offset, 1);
    expect(test->what, mqtt_v5_decode_publish_header(&publish, test->bytes, 10),
           test->decode_header);
}

/* As decode_long_topic, with a property list of one byte after the packet id. */
static void decode_long_v5_topic(void)
{
    static const uint8_t start[] = {0x32, 0xC4, 0xB8, 0x02, 0x9C, 0x35};
    uint8_t *bytes = malloc(40008);
    struct mqtt_v5_publish publish;

    if (bytes == NULL)
        abort();
    memset(bytes, 'a', 40008);
    memcpy(bytes, start, sizeof start);
    bytes[39997] = 0;
    expect("5.0, a long topic", mqtt_v5_decode_publish_header(&publish, bytes, 39998), 39998);
    expect("5.0, its length", publish.topic.length, 39989);
    expect("5.0, the payload's length", publish.payload.length, 10);
    expect("5.0, the call", mqtt_v5_publish_set_packet_id(bytes, 39998, 0x1234), 39998);
    expect("5.0, the packet id", bytes[39995] * 256 + bytes[39996], 0x1234);
    free(bytes);
}

int main(void)
{
    static char letters[33000];
    unsigned i;

    memset(letters, 'a', sizeof letters);
    encode_connect(letters);
    for (i = 0; i < sizeof publishes / sizeof publishes[0]; i++)
        decode_publish(&publishes[i]);
    decode_long_topic();
    encode_v5_publish(letters);
    for (i = 0; i < sizeof v5_publishes / sizeof v5_publishes[0]; i++)
        decode_v5_publish(&v5_publishes[i]);
    decode_long_v5_topic();
    return faults == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
