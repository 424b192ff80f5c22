/* A packet's fields as one line of JSON: the words in which this suite's programs speak with the
 * scripts that compare. Strings and binary data are hexadecimal; what is not there is null. */
#ifndef TESTS_PEERS_FIELDS_H
#define TESTS_PEERS_FIELDS_H

#include <stdio.h>

#include "mqtt_codec.h"

/* Of a sender's lists the array is printed, of a received one what mqtt_next_… gives. */
void fields_print(FILE *out, const struct mqtt_packet *packet);
void fields_v5_print(FILE *out, const struct mqtt_v5_packet *packet);

void fields_print_hex(FILE *out, const void *bytes, size_t length);

#endif
