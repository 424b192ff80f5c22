/* A target without <string.h>: it gives a memory function of its own. */
#include <stddef.h>

static void *copy(void *to, const void *from, size_t length)
{
    unsigned char *t = (unsigned char *)to;
    const unsigned char *f = (const unsigned char *)from;

    while (length-- > 0)
        *t++ = *f++;
    return to;
}

#define MQTT_CODEC_MEMCPY copy
#include "mqtt_codec.h"

#if defined(memcpy) || defined(_STRING_H)
#error "<string.h> is included"
#endif

int main(void)
{
    uint8_t bytes[16];
    struct mqtt_publish publish = {0};

    publish.topic = mqtt_string_from("a");
    return mqtt_encode_publish(bytes, sizeof bytes, &publish) == 5 && bytes[4] == 'a' ? 0 : 1;
}
