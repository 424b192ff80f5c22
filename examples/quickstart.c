/* The smallest round: a PUBLISH is encoded, and decoded again.
 *
 *     cc -o quickstart examples/quickstart.c && ./quickstart */
#include "../mqtt_codec.h"

#include <stdio.h>

int main(void)
{
    uint8_t buffer[64];
    struct mqtt_publish publish = {0};
    struct mqtt_packet packet;

    publish.topic = mqtt_string_from("sensors/kitchen");
    publish.payload.data = (const uint8_t *)"21.5";
    publish.payload.length = 4;
    int32_t size = mqtt_encode_publish(buffer, sizeof buffer, &publish);
    if (size > 0)
        size = mqtt_decode(&packet, buffer, (size_t)size);
    if (size < 0) {
        fprintf(stderr, "%s [%s]\n", mqtt_status_message(size), mqtt_status_clause(size));
        return 1;
    }
    printf("%s, %d bytes\n", mqtt_packet_type_name(packet.type), (int)size);
    if (packet.type == MQTT_PUBLISH)
        printf("%.*s = %.*s\n", (int)packet.as.publish.topic.length, packet.as.publish.topic.data,
               (int)packet.as.publish.payload.length, (const char *)packet.as.publish.payload.data);
    return 0;
}
