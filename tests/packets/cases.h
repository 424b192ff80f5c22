/* The packets that the tests are run on, a table for each type in a file of its own. */
#ifndef TESTS_CASES_H
#define TESTS_CASES_H

#include "support.h"

/* One packet, in both its forms. A row says for each what comes of it:
 *
 * status 0   the bytes are accepted, and decode to the packet if it has a type; the packet is
 *            encoded to the bytes.
 * otherwise  the bytes are refused with the status at the offset, if there are any; encoding the
 *            packet is refused with the status, if it has a type. */
struct test_case {
    const char *name;
    const char *bytes; /* for test_parse */
    int32_t status;
    uint32_t offset;
    struct mqtt_packet packet;
};

struct test_table {
    const char *name;
    const struct test_case *cases;
    size_t count;
};

extern const struct test_table fixed_header_table;
extern const struct test_table connect_table;
extern const struct test_table connack_table;
extern const struct test_table publish_table;
extern const struct test_table ack_table;
extern const struct test_table subscribe_table;
extern const struct test_table suback_table;
extern const struct test_table unsubscribe_table;
extern const struct test_table empty_table;

/* All of the above, and their number. */
extern const struct test_table *const test_tables[];
extern const size_t test_table_count;

#define TEST_TABLE(table, cases)                                                                   \
    const struct test_table table = {#table, cases, sizeof(cases) / sizeof((cases)[0])}

#endif
