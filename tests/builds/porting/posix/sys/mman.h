/* What the tests use of POSIX, for Windows and for machines without an operating system. There, of
 * which posix.c says it, pages are plain memory: nothing guards them. */
#ifndef PORTING_SYS_MMAN_H
#define PORTING_SYS_MMAN_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#define PROT_NONE     0
#define PROT_READ     1
#define PROT_WRITE    2
#define MAP_PRIVATE   1
#define MAP_ANONYMOUS 2
#define MAP_FAILED    NULL

void *mmap(void *address, size_t length, int protection, int flags, int file, long offset);
int munmap(void *address, size_t length);
int mprotect(void *address, size_t length, int protection);

#if !defined(_SC_PAGESIZE)
#define _SC_PAGESIZE 8
#endif
long sysconf(int name);

#if defined(_WIN32)
ssize_t getline(char **line, size_t *room, FILE *file);
#endif

#endif
