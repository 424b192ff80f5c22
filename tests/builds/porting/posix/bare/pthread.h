/* A thread without threads: it runs to its end when it is created, which fails if it has needed more
 * stack than it was given. */
#ifndef PORTING_PTHREAD_H
#define PORTING_PTHREAD_H

#include <stddef.h>

#define pthread_t      void * /* what the thread returned */
#define pthread_attr_t size_t /* of its stack */

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument);

static inline int pthread_attr_init(pthread_attr_t *attributes)
{
    *attributes = 0;
    return 0;
}

static inline int pthread_attr_setstacksize(pthread_attr_t *attributes, size_t size)
{
    *attributes = size;
    return 0;
}

static inline int pthread_join(pthread_t thread, void **result)
{
    *result = thread;
    return 0;
}

#endif
