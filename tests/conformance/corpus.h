/* packets.txt or packets_v5.txt, read into memory: what their heads describe, as C. */
#ifndef TESTS_CORPUS_H
#define TESTS_CORPUS_H

#include "support.h"

struct corpus_verdict {
    int32_t status;  /* 0: accepted; MQTT_PACKET_INCOMPLETE; or the error */
    uint32_t offset; /* of an error in bytes */
};

struct corpus_case {
    char *name;
    char *clauses; /* separated by blanks */
    unsigned line; /* of its first line in the file */

    struct test_block bytes; /* if has_bytes */
    bool has_bytes;
    int32_t status;              /* as in struct corpus_verdict */
    uint32_t offset;             /* of an error, if has_bytes */
    struct test_block canonical; /* of an accepted packet: as an encoder writes it */

    /* What accepted bytes decode to, and what is encoded to `canonical`; or the packet that an
     * encoder refuses with `status`. A struct mqtt_packet, in packets_v5.txt a struct
     * mqtt_v5_packet; NULL: there is none. */
    const void *packet;

    /* Of packets_v5.txt: what a decoder says that knows who sent the bytes, where that is neither
     * `status` nor due to the packet type; or NULL. */
    const struct corpus_verdict *from_client;
    const struct corpus_verdict *from_server;
};

/* Reads packets.txt; a fault in it ends the program with a word on where. */
const struct corpus_case *corpus_read(const char *path, size_t *count);

/* One row for each status. */
struct corpus_status {
    const char *name; /* without MQTT_ and MQTT_ERROR_ */
    int32_t status;
};

extern const struct corpus_status corpus_statuses[];
extern const size_t corpus_status_count;

/* ---- For the reader of another version's packets */

/* Where the reader is, for what it has to say of a fault. */
struct corpus_place {
    const char *path;
    unsigned line;
};

/* Sets a field of a packet; false if it has no such field. */
typedef bool corpus_set_field(const struct corpus_place *place, void *packet, const char *key,
                              const char *value);

struct corpus_version {
    const struct corpus_status *statuses;
    size_t status_count;
    /* A new packet of the type with this name, and what sets its fields; NULL: no such type. */
    void *(*new_packet)(const char *type, corpus_set_field **set);
};

const struct corpus_case *corpus_read_version(const char *path,
                                              const struct corpus_version *version, size_t *count);

/* What the values of fields stand for. */
unsigned long corpus_number(const struct corpus_place *place, const char *text,
                            unsigned long largest);
bool corpus_flag(const struct corpus_place *place, const char *text);
struct mqtt_bytes corpus_bytes(const char *text);
struct mqtt_string corpus_string(const char *text);

void *corpus_allocate(size_t count, size_t size);
void corpus_end_with(const struct corpus_place *place, const char *fault, const char *text);

#endif
