/*
 * vmm/base/cleanup.h - variables that give back what they hold when they go out of scope.
 *
 *     CLEANUP_FREE char *text = NULL;    CLEANUP_CLOSE int fd = -1;    CLEANUP_FILE FILE *file =
 * NULL;
 *
 * Such a variable must be initialised; take() moves its value out so that it survives the scope.
 */
#ifndef VITRINE_BASE_CLEANUP_H
#define VITRINE_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void cleanup_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void cleanup_file(FILE **file)
{
    if (*file)
        fclose(*file);
}

#define CLEANUP_FREE  __attribute__((cleanup(cleanup_free)))
#define CLEANUP_CLOSE __attribute__((cleanup(cleanup_close)))
#define CLEANUP_FILE  __attribute__((cleanup(cleanup_file)))

/* The pointer's value; the variable holds NULL afterwards. */
#define take(pointer)                                                                              \
    ({                                                                                             \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

static inline int take_fd(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

#endif
