/* Encodes a CONNECT and a PUBLISH into one buffer, and decodes both again.
 *
 *     cc -o quickstart examples/quickstart.c && ./quickstart */
#include "../mqtt_codec.h"

#include <stdio.h>

static int fail(int32_t status)
{
    fprintf(stderr, "%s [%s]\n", mqtt_status_message(status), mqtt_status_clause(status));
    return 1;
}

int main(void)
{
    struct mqtt_connect connect = {0}; /* what you do not set is 0, empty or absent */
    struct mqtt_publish publish = {0};
    struct mqtt_packet packet;
    uint8_t buffer[64];
    size_t length;
    size_t used = 0;
    int32_t n; /* above 0: a number of bytes; below 0: a status */

    connect.client_id = mqtt_string_from("kitchen");
    connect.clean_session = true;
    connect.has_user_name = true; /* otherwise the user name is not sent */
    connect.user_name = mqtt_string_from("alice");
    n = mqtt_encode_connect(buffer, sizeof buffer, &connect);
    if (n < 0)
        return fail(n);
    length = (size_t)n;

    publish.topic = mqtt_string_from("sensors/kitchen");
    publish.payload = mqtt_bytes_from("21.5", 4);
    n = mqtt_encode_publish(buffer + length, sizeof buffer - length, &publish);
    if (n < 0)
        return fail(n);
    length += (size_t)n;

    while ((n = mqtt_decode_from_client(&packet, buffer + used, length - used)) > 0) {
        used += (size_t)n;
        printf("%s, %d bytes\n", mqtt_packet_type_name(packet.type), (int)n);
        if (packet.type == MQTT_PUBLISH)
            printf("%.*s = %.*s\n", (int)packet.as.publish.topic.length,
                   packet.as.publish.topic.data, (int)packet.as.publish.payload.length,
                   (const char *)packet.as.publish.payload.data);
    }
    return n == MQTT_PACKET_INCOMPLETE ? 0 : fail(n); /* no packet is left */
}
