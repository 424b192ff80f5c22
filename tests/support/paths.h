/* The functions on strings and topics of two builds of the header, by whatever path the compiler
 * offers and by the portable one, side by side in one program. */
#ifndef TESTS_PATHS_H
#define TESTS_PATHS_H

#include "mqtt_codec.h"

struct path {
    int simd; /* MQTT_CODEC_SIMD as the header left it */
    bool (*string_is_valid)(struct mqtt_string string);
    bool (*string_has_discouraged)(struct mqtt_string string);
    bool (*topic_name_is_valid)(struct mqtt_string name);
    bool (*topic_filter_is_valid)(struct mqtt_string filter);
    bool (*topic_matches)(struct mqtt_string filter, struct mqtt_string name);
};

extern const struct path default_path;
extern const struct path portable_path;

#endif
