/* A program of a project that uses the codec; C and C++. */
#include <mqtt_codec.h>

#include <stdio.h>

int main(void)
{
    uint8_t bytes[2];

    printf("%d\n", (int)mqtt_encode_pingreq(bytes, sizeof bytes));
    return 0;
}
