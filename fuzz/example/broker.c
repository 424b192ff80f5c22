/* A stand-in for the broker that you fuzz: what receives the bytes of a new connection in a program
 * that does its own decoding. It makes a mistake that real ones have made. */
#include "broker.h"

#include <stdlib.h>
#include <string.h>

struct connection {
    bool connected;
    char *topic; /* of the last PUBLISH */
    unsigned subscriptions[3];
};

static size_t get_u16(const uint8_t *at)
{
    return (size_t)at[0] * 256 + at[1];
}

static bool receive_connect(struct connection *connection, const uint8_t *body, size_t length)
{
    static const uint8_t start[7] = {0, 4, 'M', 'Q', 'T', 'T', 4};

    if (connection->connected || length < 12 || memcmp(body, start, sizeof start) != 0)
        return false;
    connection->connected = true;
    return true;
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

    while (at + 2 <= length) {
        const size_t filter_length = get_u16(body + at);
        if (filter_length > length - at - 2)
            return false;
        at += 2 + filter_length;
        /* The mistake: nobody has asked whether the byte with the requested QoS is there. */
        if (body[at] > 2)
            return false;
        connection->subscriptions[body[at]]++;
        at++;
    }
    return at == length;
}

static bool receive_packet(struct connection *connection, uint8_t first_byte, const uint8_t *body,
                           size_t length)
{
    if (first_byte / 16 == 1)
        return receive_connect(connection, body, length);
    if (!connection->connected)
        return false;
    if (first_byte / 16 == 3)
        return receive_publish(connection, body, length);
    if (first_byte / 16 == 8)
        return receive_subscribe(connection, body, length);
    return true; /* the others would be here */
}

/* The size of the fixed header, or 0: it is not all there, or has five bytes of length. */
static size_t read_fixed_header(const uint8_t *bytes, size_t length, size_t *remaining_length)
{
    size_t multiplier = 1;
    size_t i;

    *remaining_length = 0;
    for (i = 1; i < length && i <= 4; i++) {
        *remaining_length += bytes[i] % 128 * multiplier;
        if (bytes[i] < 128)
            return i + 1;
        multiplier *= 128;
    }
    return 0;
}

void broker_receive(const uint8_t *bytes, size_t length)
{
    struct connection connection = {false, NULL, {0, 0, 0}};
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
