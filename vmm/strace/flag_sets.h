/*
 * vmm/strace/flag_sets.h - names of flags, in sets that a letter stands for (table.h): the inside of flags.c
 * and of the files that list sets for it.
 */
#ifndef VITRINE_STRACE_FLAG_SETS_H
#define VITRINE_STRACE_FLAG_SETS_H

#include <stdbool.h>
#include <stdint.h>

struct flag {
    uint64_t value;
    const char *name;
};
#define F(name)                                                                                    \
    {                                                                                              \
        (uint64_t)(name), #name                                                                    \
    }

/* How a set is read: one of its numbers; or bits, with a field of numbers at the bottom. */
struct set {
    char kind;
    bool bits;
    uint64_t field; /* mask of the field; its number 0 has a name too */
    const struct flag *flags;
    const char *zero; /* of bits without any: a name, or NULL for "0" */
    bool permissions; /* what has no name are permission bits, always shown */
};

/* ipc_flags.c: namespaces, tracing, IPC, splicing; ends with a set without a letter. */
extern const struct set ipc_sets[];

#endif
