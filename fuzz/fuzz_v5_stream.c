/* A stream of packets of MQTT 5.0 that arrives in pieces: fuzz_stream.h says what is checked. */
#define MQTT_MUTATOR_SKIP    2
#define MQTT_MUTATOR_VERSION 5
#include "fuzz_v5.h"
#include "mutator.h"

#define CODEC(name) mqtt_v5_##name
#define SAME(name)  fuzz_v5_same_##name
#include "fuzz_stream.h"
