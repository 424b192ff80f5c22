/* Stands for a libc's, so that none is needed and its frame is known. */
#include <stddef.h>

void *memcpy(void *to, const void *from, size_t length);

void *memcpy(void *to, const void *from, size_t length)
{
    unsigned char *t = (unsigned char *)to;
    const unsigned char *f = (const unsigned char *)from;

    while (length-- > 0)
        *t++ = *f++;
    return to;
}
