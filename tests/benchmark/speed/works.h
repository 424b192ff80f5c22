#if !defined(WORKS_H)
#define WORKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct work {
    const char *name;
    int32_t (*run)(void);
    int32_t expected;
    uint32_t packets; /* in one run */
};

/* What a curve has to be over its units. QUADRATIC is planted: the check has to refuse it. */
struct curve {
    const char *name;
    int32_t (*run)(void); /* above 0, or it has failed */
    const char *plot;     /* the picture it is drawn in */
    const char *unit;
    const char *shape;
    uint32_t least;
    uint32_t most;
    void (*prepare)(uint32_t units);
};

extern struct work works[];
extern size_t works_count;
extern struct curve curves[];
extern size_t curves_count;

/* Fills the inputs and `works`. */
void works_fill(void);

/* Prints with what it is built: lines of a name, a tab and a value. */
void works_about(void);

/* Calls take(packet, length) for each packet of the stream, of 3.1.1 or 5.0. */
void works_stream(bool is_v5, void (*take)(const uint8_t *bytes, size_t length));

#endif
