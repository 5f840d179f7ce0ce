/*
 * kernel/process/exec_strings.h - arguments and environment of a program while the old one is being
 * replaced: all strings, NUL-terminated, one after the other in one block of kernel memory, in the
 * order that the new stack will show them: arguments, environment, then what only the auxiliary
 * vector refers to.
 */
#ifndef KERNEL_PROCESS_EXEC_STRINGS_H
#define KERNEL_PROCESS_EXEC_STRINGS_H

#include "kernel/lib/types.h"

struct exec_strings {
    char *block;
    unsigned order; /* the block has PAGE_SIZE << order bytes */
    size_t used;
    size_t limit; /* strings and pointers together may have so many bytes: beyond is -E2BIG */
    uint32_t argument_count, environment_count;
};

/* 0 or -ENOMEM. */
int exec_strings_init(struct exec_strings *strings, size_t limit);
void exec_strings_deinit(struct exec_strings *strings);
/* Appends bytes of the kernel's. 0, -E2BIG, -ENOMEM. */
int exec_strings_append(struct exec_strings *strings, const void *bytes, size_t count);
/* Appends every string of a user's NULL-terminated array; address 0 = an empty one. Also -EFAULT.
 */
int exec_strings_append_user(struct exec_strings *strings, uint64_t array, uint32_t *ret_count);
/* `#!`: `count` strings (in `bytes` bytes) take the place of argument 0. */
int exec_strings_replace_first(struct exec_strings *strings, const char *text, size_t bytes,
                               uint32_t count);

#endif
