#include "paths.h"

const struct fuzz_path fuzz_default_path = {mqtt_string_is_valid, mqtt_string_has_discouraged,
                                            mqtt_topic_name_is_valid, mqtt_topic_filter_is_valid,
                                            mqtt_topic_matches};
