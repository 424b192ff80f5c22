/* A program of a project that uses the codec: found by pkg-config, or as a Meson subproject. */
#include <mqtt_codec.h>

#include <stdio.h>

int main(void)
{
    uint8_t bytes[2];

    printf("%d\n", (int)mqtt_encode_pingreq(bytes, sizeof bytes));
    return 0;
}
