/* Runs a fuzz target on files, and on all files of folders, without a fuzzer: for any compiler, for
 * valgrind, for AFL++ (`afl-fuzz … -- ./fuzz_decode @@`), and for the tests.
 *
 *     fuzz_decode [FILE | FOLDER]...
 *
 * Without arguments it takes one input from standard input. It prints how many inputs there were; a
 * broken property ends it by abort(), after the name of the input. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

enum {
    LARGEST = 1 << 20 /* bytes of an input */
};

static unsigned long inputs;

/* What the mutator of a target asks libFuzzer for; in a replay nothing is mutated. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
    (void)data;
    return size < max_size ? size : max_size;
}

static void fail(const char *path)
{
    perror(path);
    exit(EXIT_FAILURE);
}

static void replay_stream(FILE *file, const char *path)
{
    uint8_t *buffer = (uint8_t *)malloc(LARGEST);
    uint8_t *exact;
    size_t size;

    if (buffer == NULL)
        fail(path);
    size = fread(buffer, 1, LARGEST, file);
    if (ferror(file))
        fail(path);
    exact = (uint8_t *)malloc(size > 0 ? size : 1);
    if (exact == NULL)
        fail(path);
    memcpy(exact, buffer, size);
    free(buffer);
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(exact, size);
    inputs++;
    free(exact);
}

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        fail(path);
    replay_stream(file, path);
    fclose(file);
}

/* Files of one folder, without those of folders within. */
static void replay_folder(DIR *folder, const char *path)
{
    const struct dirent *entry;
    char inner[4096];

    while ((entry = readdir(folder)) != NULL) {
        const int length = snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.' && length > 0 && (size_t)length < sizeof inner)
            replay_file(inner);
    }
}

int main(int argc, char **argv)
{
    int i;

    if (argc < 2)
        replay_stream(stdin, "standard input");
    for (i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (folder == NULL) {
            replay_file(argv[i]);
        } else {
            replay_folder(folder, argv[i]);
            closedir(folder);
        }
    }
    printf("%lu inputs\n", inputs);
    return inputs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
