/*
 * vmm/strace/flags.h - the names of flags and of numbers that stand for something.
 */
#ifndef VITRINE_STRACE_FLAGS_H
#define VITRINE_STRACE_FLAGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Prints `value` in the names of the set `kind` (table.h), what has no name as a number. False if
 * there is no such set: nothing was printed. */
bool flags_write(FILE *out, char kind, uint64_t value);

/* "ENOENT" for 2, also the kernel's own ones for restarting; NULL if there is none. */
const char *flags_errno_name(int number);

#endif
