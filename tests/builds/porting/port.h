/* What the core test needs of a machine, without a C library. */
#ifndef PORTING_PORT_H
#define PORTING_PORT_H

#include <stddef.h>

#define MQTT_CODEC_MEMCPY port_copy

static inline void *port_copy(void *to, const void *from, size_t length)
{
    unsigned char *t = (unsigned char *)to;
    const unsigned char *f = (const unsigned char *)from;

    while (length-- > 0)
        *t++ = *f++;
    return to;
}

#if defined(__cplusplus)
extern "C" {
#endif

/* Of port.c, or in WebAssembly of run_wasm.js: shows a text. */
#if defined(__wasm__)
__attribute__((import_module("port"), import_name("write")))
#endif
void port_write(const char *text);

/* Of core_test.c: says "core: N checks, F failed, path P", returns F. Called by port.c. */
int core_test(void);

#if defined(__cplusplus)
}
#endif

#endif
