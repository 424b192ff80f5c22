#include "cases.h"

const struct test_table *const test_tables[] = {
    &fixed_header_table, &connect_table, &connack_table,     &publish_table, &ack_table,
    &subscribe_table,    &suback_table,  &unsubscribe_table, &empty_table,
};
const size_t test_table_count = sizeof test_tables / sizeof test_tables[0];
