/* A stream of packets of MQTT 3.1.1 that arrives in pieces: fuzz_stream.h says what is checked. */
#define MQTT_MUTATOR_SKIP    2
#define MQTT_MUTATOR_VERSION 4
#include "fuzz.h"
#include "mutator.h"

#define CODEC(name) mqtt_##name
#define SAME(name)  fuzz_same_##name
#include "fuzz_stream.h"
