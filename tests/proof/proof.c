/* The portable code of the header with the contracts that prove.py has proved of it. A file for
 * Frama-C alone, which joins a contract to its function wherever the prototype stands: here after
 * the implementation, whose structures the contracts speak of. */
#include <stddef.h>
#include <stdint.h>

void *proof_memcpy(void *to, const void *from, size_t count);

#define MQTT_CODEC_MEMCPY proof_memcpy
#define MQTT_CODEC_SIMD   0
#define MQTT_CODEC_DECLARE_ONLY
#include "mqtt_codec.h"

#include "logic.h"

#define MQTT_CODEC_IMPLEMENTATION
#include "mqtt_codec.h"

/* A remaining length, encoded and decoded again. */
static uint32_t proof_remaining_length(uint32_t value)
{
    uint8_t bytes[4];
    uint32_t decoded = 0;
    const int32_t size = mqtt_encode_remaining_length(bytes, sizeof bytes, value);

    mqtt_decode_remaining_length(&decoded, bytes, (size_t)size);
    return decoded;
}

/* Its contract contradicts itself, which prove.py has to find. */
static uint32_t proof_contradiction(uint32_t value)
{
    return value;
}

#include "contracts.h"
#if defined(MQTT_V5_WITHOUT)
#include "contracts_v5.h"
#endif
