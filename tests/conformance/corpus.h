/* packets.txt, read into memory: what its head describes, as C. */
#ifndef TESTS_CORPUS_H
#define TESTS_CORPUS_H

#include "support.h"

struct corpus_case {
    char *name;
    char *clauses; /* separated by blanks */
    unsigned line; /* of its first line in the file */

    struct test_block bytes; /* if has_bytes */
    bool has_bytes;
    int32_t status;              /* 0: accepted; MQTT_PACKET_INCOMPLETE; or the error */
    uint32_t offset;             /* of an error, if has_bytes */
    struct test_block canonical; /* of an accepted packet: as an encoder writes it */

    /* What accepted bytes decode to, and what is encoded to `canonical`; or the packet that an
     * encoder refuses with `status`. */
    struct mqtt_packet packet;
    bool has_packet;
};

/* Reads the file; a fault in it ends the program with a word on where. */
const struct corpus_case *corpus_read(const char *path, size_t *count);

/* One row for each status. */
struct corpus_status {
    const char *name; /* without MQTT_ and MQTT_ERROR_ */
    int32_t status;
};

extern const struct corpus_status corpus_statuses[];
extern const size_t corpus_status_count;

#endif
