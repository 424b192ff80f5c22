/* The encoders of the fourteen types, each called by its own name, as an application does. */
#ifndef TESTS_PEERS_ENCODE_H
#define TESTS_PEERS_ENCODE_H

#include "mqtt_codec.h"

/* As mqtt_encode. */
int32_t encode(void *buffer, size_t capacity, const struct mqtt_packet *packet);

#endif
