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

/* Reads packets.txt, or packets_v5.txt; a fault in it ends the program with a word on where. */
const struct corpus_case *corpus_read(const char *path, size_t *count);
const struct corpus_case *corpus_v5_read(const char *path, size_t *count);

struct corpus_status {
    const char *name; /* without MQTT_ and MQTT_ERROR_ */
    int32_t status;
};

/* One row for each status of 3.1.1, and one for each of 5.0. */
extern const struct corpus_status *const corpus_statuses;
extern const size_t corpus_status_count;
extern const struct corpus_status *const corpus_v5_statuses;
extern const size_t corpus_v5_status_count;

/* ---- For the reader of another version's packets */

/* Where the reader is, for what it has to say of a fault. */
struct corpus_place {
    const char *path;
    unsigned line;
};

/* Sets the field to what the text stands for; false if that is nothing for it. */
typedef bool corpus_set(const struct corpus_place *place, void *field, const char *text);

corpus_set corpus_set_string; /* struct mqtt_string */
corpus_set corpus_set_bytes;  /* struct mqtt_bytes */
corpus_set corpus_set_u8;
corpus_set corpus_set_u16;
corpus_set corpus_set_size;
corpus_set corpus_set_flag;    /* bool */
corpus_set corpus_set_present; /* bool: true, whatever the text */

/* What a key sets. Several rows with one key are set in their order. */
struct corpus_field {
    unsigned types; /* of the packets that have it: bit 1 is CONNECT */
    const char *key;
    corpus_set *set;
    size_t offset; /* in the packet, or in what `entry` gives */
    void *(*entry)(const struct corpus_place *place, void *packet); /* of a list; NULL: in none */
};

struct corpus_version {
    const struct corpus_status *statuses;
    size_t status_count;
    const struct corpus_field *fields;
    size_t field_count;
    void *(*new_packet)(unsigned type);
};

const struct corpus_case *corpus_read_version(const char *path,
                                              const struct corpus_version *version, size_t *count);

/* An entry of a list to which `list` is a pointer; of a new list if that is NULL. */
void *corpus_entry(const struct corpus_place *place, void *list, size_t index, size_t size);

unsigned long corpus_number(const struct corpus_place *place, const char *text,
                            unsigned long largest);
void *corpus_allocate(size_t count, size_t size);
void corpus_end_with(const struct corpus_place *place, const char *fault, const char *text);

#endif
