/* packets_v5.txt, read into memory. */
#ifndef TESTS_CORPUS_V5_H
#define TESTS_CORPUS_V5_H

#include "corpus.h"

/* Reads packets_v5.txt; a fault in it ends the program with a word on where. */
const struct corpus_case *corpus_v5_read(const char *path, size_t *count);

/* One row for each status of MQTT 5.0. */
extern const struct corpus_status corpus_v5_statuses[];
extern const size_t corpus_v5_status_count;

#endif
