/* What the tests of MQTT 5.0 share, beside support.h. */
#ifndef TESTS_SUPPORT_V5_H
#define TESTS_SUPPORT_V5_H

#include "support.h"

/* Table 2-4: the member of struct mqtt_v5_property that a property has its value in, and how many
 * bytes an integer has there */
enum v5_kind {
    V5_UNKNOWN,
    V5_BYTE,
    V5_TWO_BYTES,
    V5_FOUR_BYTES,
    V5_VARIABLE,
    V5_STRING,
    V5_BYTES,
    V5_PAIR
};

enum v5_kind v5_property_kind(unsigned id);

/* Asserts that a decoded packet says the same as another, which a sender or a decoder made. */
void test_v5_assert_packet(const char *name, const struct mqtt_v5_packet *actual,
                           const struct mqtt_v5_packet *expected);

/* Asserts that the two properties are the same. */
void test_v5_assert_property(const char *name, const struct mqtt_v5_property *actual,
                             const struct mqtt_v5_property *expected);

#endif
