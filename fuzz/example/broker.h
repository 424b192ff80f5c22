#ifndef FUZZ_EXAMPLE_BROKER_H
#define FUZZ_EXAMPLE_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a new connection has sent, as far as it has arrived. */
void broker_receive(const uint8_t *bytes, size_t length);

#endif
