/* The functions on strings and topics of two builds of the header: as it comes, and with portable
 * code alone. */
#if !defined(FUZZ_PATHS_H)
#define FUZZ_PATHS_H

#include "mqtt_codec.h"

struct fuzz_path {
    bool (*string_is_valid)(struct mqtt_string string);
    bool (*string_has_discouraged)(struct mqtt_string string);
    bool (*name_is_valid)(struct mqtt_string name);
    bool (*filter_is_valid)(struct mqtt_string filter);
    bool (*matches)(struct mqtt_string filter, struct mqtt_string name);
};

extern const struct fuzz_path fuzz_default_path;
extern const struct fuzz_path fuzz_portable_path;

#endif
