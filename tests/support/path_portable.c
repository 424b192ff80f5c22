#undef MQTT_CODEC_DECLARE_ONLY /* the codec that the program is linked with may have vectors */
#undef MQTT_CODEC_SIMD
#define MQTT_CODEC_SIMD 0
#include "paths.h"

const struct path portable_path = {
    MQTT_CODEC_SIMD,          mqtt_string_is_valid,       mqtt_string_has_discouraged,
    mqtt_topic_name_is_valid, mqtt_topic_filter_is_valid, mqtt_topic_matches};
