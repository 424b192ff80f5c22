/* What the tests of MQTT 5.0 share, beside support.h. */
#ifndef TESTS_SUPPORT_V5_H
#define TESTS_SUPPORT_V5_H

#include "support.h"
#include "table_2_4.h"

/* Asserts that a decoded packet says the same as another, which a sender or a decoder made. */
void test_v5_assert_packet(const char *name, const struct mqtt_v5_packet *actual,
                           const struct mqtt_v5_packet *expected);

/* Asserts that the two properties are the same. */
void test_v5_assert_property(const char *name, const struct mqtt_v5_property *actual,
                             const struct mqtt_v5_property *expected);

#endif
