/* The declarations, as another header might have included them, then the external definition. */
#define MQTT_CODEC_DECLARE_ONLY
#include "mqtt_codec.h"
#undef MQTT_CODEC_DECLARE_ONLY
#define MQTT_CODEC_IMPLEMENTATION
#include "mqtt_codec.h"
