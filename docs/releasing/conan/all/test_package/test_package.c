#include <mqtt_codec.h>

int main(void)
{
    uint8_t bytes[2];

    return mqtt_encode_pingreq(bytes, sizeof bytes) == 2 ? 0 : 1;
}
