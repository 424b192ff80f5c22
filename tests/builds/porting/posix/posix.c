#include <sys/mman.h>

#include <stdlib.h>

#define PAGE 4096

long sysconf(int name)
{
    return name == _SC_PAGESIZE ? PAGE : -1;
}

#if defined(_WIN32)

#include <windows.h>

void *mmap(void *address, size_t length, int protection, int flags, int file, long offset)
{
    void *pages = VirtualAlloc(NULL, length, MEM_RESERVE | MEM_COMMIT, PAGE_NOACCESS);

    (void)address;
    (void)protection; /* always PROT_NONE */
    (void)flags;
    (void)file;
    (void)offset;
    return pages;
}

int munmap(void *address, size_t length)
{
    (void)length;
    return VirtualFree(address, 0, MEM_RELEASE) ? 0 : -1;
}

int mprotect(void *address, size_t length, int protection)
{
    DWORD before;

    (void)protection; /* always PROT_READ | PROT_WRITE */
    return VirtualProtect(address, length, PAGE_READWRITE, &before) ? 0 : -1;
}

ssize_t getline(char **line, size_t *room, FILE *file)
{
    size_t length = 0;
    int c;

    while ((c = getc(file)) != EOF) {
        if (length + 2 > *room) {
            *room = 2 * *room + 128;
            *line = realloc(*line, *room);
            if (*line == NULL)
                abort();
        }
        (*line)[length++] = (char)c;
        if (c == '\n')
            break;
    }
    if (length == 0)
        return -1;
    (*line)[length] = '\0';
    return (ssize_t)length;
}

#else

#include <pthread.h>

void *mmap(void *address, size_t length, int protection, int flags, int file, long offset)
{
    void *pages = malloc(length);

    (void)address;
    (void)protection;
    (void)flags;
    (void)file;
    (void)offset;
    return pages;
}

int munmap(void *address, size_t length)
{
    (void)length;
    free(address);
    return 0;
}

int mprotect(void *address, size_t length, int protection)
{
    (void)address;
    (void)length;
    (void)protection;
    return 0;
}

/* Whether as many words after the end of a stack of that size are as they were. */
static int leaves_alone(size_t stack_size, void *(*start)(void *), void *argument, void **result)
{
    volatile unsigned here = 0;
    volatile unsigned *end = &here - stack_size / sizeof here;
    const size_t words = stack_size / sizeof here;
    size_t i;

    for (i = 0; i < words; i++)
        *(end - i) = 0xA5A5A5A5u;
    *result = start(argument);
    for (i = 0; i < words; i++) {
        if (*(end - i) != 0xA5A5A5A5u)
            return 0;
    }
    return 1;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument)
{
    return leaves_alone(*attributes, start, argument, thread) ? 0 : -1;
}

#endif
