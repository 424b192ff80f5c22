/* Cannot be: the functions are static in this file. Has to be said in plain words. */
#include "mqtt_codec.h"
#define MQTT_CODEC_IMPLEMENTATION
#include "mqtt_codec.h"
