/* guest/user/lib/builder.h - what a builder holds; for the files of this folder only. */
#ifndef GUEST_USER_LIB_BUILDER_H
#define GUEST_USER_LIB_BUILDER_H

#include "shared/spawn.h"
#include <vitrine/spawn.h>

struct spawn_builder {
    struct spawn_arguments wanted; /* but for the addresses: those of the fields below */
    char *program, *directory;
    char **arguments, **environment;
    size_t argument_count, variable_count;
    struct spawn_fd *fds;
    struct spawn_limit *limits;
    void *message;
    int error; /* the first that a setter met */
};

#endif
