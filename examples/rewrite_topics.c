/* SPDX-License-Identifier: MIT
 *
 * rewrite_topics.c: copies packets from standard input to standard output. If a topic or filter of
 * a PUBLISH, SUBSCRIBE, UNSUBSCRIBE or will begins with OLD, it replaces OLD by NEW. Others do not
 * change, not even # and +/kitchen. For the other direction, exchange OLD and NEW.
 *
 *     cc -o rewrite_topics examples/rewrite_topics.c
 *     ./rewrite_topics house/ street/house/ < examples/captures/filters.client.bin | od -c */
#include "../mqtt_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACKET_MAX 1000000 /* bytes, without the payload of a PUBLISH */

static const char *old_prefix, *new_prefix;
static uint8_t input[PACKET_MAX];
static uint8_t output[PACKET_MAX]; /* a decoded packet points into `input` */
static char text[PACKET_MAX];      /* the new topics of a packet */
static size_t text_length;

static void require(bool ok, const char *message)
{
    if (!ok) {
        fprintf(stderr, "rewrite_topics: %s\n", message);
        exit(1);
    }
}

/* Reads a packet, but not the payload of a PUBLISH. Returns false at the end of the input. */
static bool read_packet(struct mqtt_packet *packet)
{
    int32_t size = MQTT_PACKET_INCOMPLETE;

    for (size_t length = 0; size == MQTT_PACKET_INCOMPLETE; length++) {
        const int byte = getchar();
        if (byte == EOF && length == 0)
            return false;
        require(byte != EOF, "The input ends within a packet.");
        require(length < PACKET_MAX, "The input has a packet that is larger than 1 MB.");
        input[length] = (uint8_t)byte;
        packet->type = MQTT_PUBLISH;
        size = mqtt_decode_publish_header(&packet->as.publish, input, length + 1);
        if (size == MQTT_ERROR_TYPE) /* it is not a PUBLISH */
            size = mqtt_decode(packet, input, length + 1);
    }
    require(size > 0, mqtt_status_message(size));
    return true;
}

static struct mqtt_string rewrite(struct mqtt_string topic)
{
    const size_t old_length = strlen(old_prefix);
    char *name = text + text_length;

    if (topic.length < old_length || memcmp(topic.data, old_prefix, old_length) != 0)
        return topic;
    text_length += 1 + (size_t)snprintf(name, sizeof text - text_length, "%s%.*s", new_prefix,
                                        (int)(topic.length - old_length), topic.data + old_length);
    require(text_length <= sizeof text, "The new topics of a packet are larger than 1 MB.");
    return mqtt_string_from(name);
}

static int32_t encode_rewritten(struct mqtt_packet *packet)
{
    static struct mqtt_subscription wanted[PACKET_MAX / 4]; /* each takes four bytes or more */
    static struct mqtt_string unwanted[PACKET_MAX / 3];     /* each takes three bytes or more */
    size_t position = 0;
    size_t i;

    text_length = 0;
    if (packet->type == MQTT_PUBLISH) {
        packet->as.publish.topic = rewrite(packet->as.publish.topic);
        return mqtt_encode_publish_header(output, sizeof output, &packet->as.publish);
    }
    if (packet->type == MQTT_CONNECT && packet->as.connect.has_will)
        packet->as.connect.will.topic = rewrite(packet->as.connect.will.topic);
    if (packet->type == MQTT_SUBSCRIBE) {
        for (i = 0; mqtt_next_subscription(&packet->as.subscribe, &position, &wanted[i]); i++)
            wanted[i].filter = rewrite(wanted[i].filter);
        packet->as.subscribe.subscriptions = wanted;
    }
    if (packet->type == MQTT_UNSUBSCRIBE) {
        for (i = 0; mqtt_next_filter(&packet->as.unsubscribe, &position, &unwanted[i]); i++)
            unwanted[i] = rewrite(unwanted[i]);
        packet->as.unsubscribe.filters = unwanted;
    }
    return mqtt_encode(output, sizeof output, packet);
}

static void copy_payload(size_t length)
{
    for (size_t i = 0; i < length; i++) {
        const int byte = getchar();
        require(byte != EOF, "The input ends within a packet.");
        putchar(byte);
    }
}

int main(int argc, char **argv)
{
    struct mqtt_packet packet;

    require(argc == 3, "The arguments are OLD and NEW.");
    old_prefix = argv[1];
    new_prefix = argv[2];
    require(strpbrk(old_prefix, "#+") == NULL, "OLD contains a wildcard.");
    require(strpbrk(new_prefix, "#+") == NULL, "NEW contains a wildcard.");
    while (read_packet(&packet)) {
        const int32_t size = encode_rewritten(&packet);
        require(size > 0, mqtt_status_message(size));
        fwrite(output, 1, (size_t)size, stdout);
        if (packet.type == MQTT_PUBLISH)
            copy_payload(packet.as.publish.payload.length);
        require(fflush(stdout) == 0 && !ferror(stdout), "The output cannot be written.");
    }
    require(!ferror(stdin), "The input cannot be read.");
    return 0;
}
