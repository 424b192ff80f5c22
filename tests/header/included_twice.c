/* The plain mode, twice in one file. */
#include "mqtt_codec.h"
#include "mqtt_codec.h"

int main(void)
{
    return mqtt_encode_pingreq(NULL, 0) == 2 ? 0 : 1;
}
