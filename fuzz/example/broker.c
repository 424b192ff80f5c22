/* A stand-in for the broker that you fuzz: what receives the bytes of a new connection in a program
 * that does its own decoding, for MQTT 3.1.1 and 5.0. It makes one of two mistakes that real ones have
 * made, the one that MISTAKE names. */
#include "broker.h"

#include <stdlib.h>
#include <string.h>

#if !defined(MISTAKE)
#define MISTAKE 1
#endif

struct connection {
    uint8_t version; /* 4 or 5, before the CONNECT 0 */
    char *topic;     /* of the last PUBLISH */
    unsigned subscriptions[3];
    size_t user_properties; /* their bytes */
};

static size_t get_u16(const uint8_t *at)
{
    return (size_t)at[0] * 256 + at[1];
}

/* The size of a variable byte integer, or 0: it is not all there, or has five bytes. */
static size_t read_integer(const uint8_t *bytes, size_t length, size_t *value)
{
    size_t multiplier = 1;
    size_t i;

    *value = 0;
    for (i = 0; i < length && i < 4; i++) {
        *value += bytes[i] % 128 * multiplier;
        if (bytes[i] < 128)
            return i + 1;
        multiplier *= 128;
    }
    return 0;
}

/* Counts user properties up to the first property of another kind. */
static bool receive_properties(struct connection *connection, const uint8_t *list, size_t length)
{
    size_t at = 0;

    while (at + 3 <= length && list[at] == 0x26) {
        const size_t name_length = get_u16(list + at + 1);
        size_t value_length;
        if (name_length > length - at - 3)
            return false;
        at += 3 + name_length;
        /* Mistake 2: nobody has asked whether the value's length is there. */
        if (MISTAKE != 2 && length - at < 2)
            return false;
        value_length = get_u16(list + at);
        if (value_length > length - at - 2)
            return false;
        at += 2 + value_length;
        connection->user_properties += name_length + value_length;
    }
    return true;
}

/* The size of the properties with their length, or 0. */
static size_t read_properties(struct connection *connection, const uint8_t *bytes, size_t length)
{
    size_t list_length = 0;
    const size_t size = read_integer(bytes, length, &list_length);

    if (size == 0 || list_length > length - size ||
        !receive_properties(connection, bytes + size, list_length))
        return 0;
    return size + list_length;
}

static bool receive_connect(struct connection *connection, const uint8_t *body, size_t length)
{
    static const uint8_t start[6] = {0, 4, 'M', 'Q', 'T', 'T'};

    if (connection->version != 0 || length < 12 || memcmp(body, start, sizeof start) != 0 ||
        (body[6] != 4 && body[6] != 5))
        return false;
    connection->version = body[6];
    return connection->version == 4 || read_properties(connection, body + 10, length - 10) > 0;
}

static bool receive_publish(struct connection *connection, const uint8_t *body, size_t length)
{
    size_t topic_length;

    if (length < 2)
        return false;
    topic_length = get_u16(body);
    if (topic_length == 0 || topic_length > length - 2)
        return false;
    free(connection->topic);
    connection->topic = malloc(topic_length + 1);
    if (connection->topic == NULL)
        return false;
    memcpy(connection->topic, body + 2, topic_length);
    connection->topic[topic_length] = '\0';
    return true;
}

static bool receive_subscribe(struct connection *connection, const uint8_t *body, size_t length)
{
    size_t at = 2;

    if (connection->version == 5 && length >= 2) {
        const size_t size = read_properties(connection, body + 2, length - 2);
        if (size == 0)
            return false;
        at += size;
    }
    while (at + 2 <= length) {
        const size_t filter_length = get_u16(body + at);
        if (filter_length > length - at - 2)
            return false;
        at += 2 + filter_length;
        /* Mistake 1: nobody has asked whether the byte with the requested QoS is there. */
        if (MISTAKE != 1 && at == length)
            return false;
        if (body[at] % 4 > 2)
            return false;
        connection->subscriptions[body[at] % 4]++;
        at++;
    }
    return at == length;
}

static bool receive_disconnect(struct connection *connection, const uint8_t *body, size_t length)
{
    return connection->version == 5 && length >= 2 &&
           read_properties(connection, body + 1, length - 1) > 0;
}

static bool receive_packet(struct connection *connection, uint8_t first_byte, const uint8_t *body,
                           size_t length)
{
    if (first_byte / 16 == 1)
        return receive_connect(connection, body, length);
    if (connection->version == 0)
        return false;
    if (first_byte / 16 == 3)
        return receive_publish(connection, body, length);
    if (first_byte / 16 == 8)
        return receive_subscribe(connection, body, length);
    if (first_byte / 16 == 14)
        return receive_disconnect(connection, body, length);
    return true; /* the others would be here */
}

/* The size of the fixed header, or 0: it is not all there, or has five bytes of length. */
static size_t read_fixed_header(const uint8_t *bytes, size_t length, size_t *remaining_length)
{
    const size_t size = length == 0 ? 0 : read_integer(bytes + 1, length - 1, remaining_length);

    return size == 0 ? 0 : 1 + size;
}

void broker_receive(const uint8_t *bytes, size_t length)
{
    struct connection connection = {0, NULL, {0, 0, 0}, 0};
    size_t remaining_length = 0;
    size_t header = read_fixed_header(bytes, length, &remaining_length);

    while (header > 0 && remaining_length <= length - header &&
           receive_packet(&connection, bytes[0], bytes + header, remaining_length)) {
        bytes += header + remaining_length;
        length -= header + remaining_length;
        header = read_fixed_header(bytes, length, &remaining_length);
    }
    free(connection.topic);
}
