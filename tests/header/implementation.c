/* The one external definition. */
#define MQTT_CODEC_IMPLEMENTATION
#include "mqtt_codec.h"
#include "mqtt_codec.h"
