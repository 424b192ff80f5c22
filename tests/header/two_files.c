/* A third file with the header, linked with every_function.c and every_v5_function.c. */
#include "mqtt_codec.h"

#if MQTT_CODEC_VERSION < 1000 || MQTT_CODEC_VERSION != MQTT_CODEC_VERSION_MAJOR * 1000000 +        \
                                                           MQTT_CODEC_VERSION_MINOR * 1000 +       \
                                                           MQTT_CODEC_VERSION_PATCH
#error "the version is not one comparable number"
#endif

int call_every_function(void);
int call_every_v5_function(void);

int main(void)
{
    uint8_t bytes[4];

    if (mqtt_encode_puback(bytes, sizeof bytes, 1) != 4)
        return 1;
    return call_every_function() + call_every_v5_function();
}
