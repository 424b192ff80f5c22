/* A target for somebody else's broker: its entry for the bytes of a connection, and the mutator. */
#include "../mutator.h"
#include "broker.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A block of exactly this size, so that the sanitizer sees a single byte too many. */
    uint8_t *bytes = malloc(size > 0 ? size : 1);

    if (bytes == NULL)
        return 0;
    if (size > 0)
        memcpy(bytes, data, size);
    broker_receive(bytes, size);
    free(bytes);
    return 0;
}
