/* Every function of the header where there is no C library: an object that needs nothing. */
#include "port.h"

#define MQTT_CODEC_IMPLEMENTATION
#include "mqtt_codec.h"
