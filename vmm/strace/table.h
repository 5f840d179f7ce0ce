/*
 * vmm/strace/table.h - what is known of each system call: its name, and a letter per argument.
 */
#ifndef VITRINE_STRACE_TABLE_H
#define VITRINE_STRACE_TABLE_H

#include <stdint.h>

#define SYSCALL_ARGUMENTS_MAX 6

/*
 * Letters that say how an argument is printed. The names of sets of flags are in flags.h under the
 * same letter; most capital letters and all digits are such sets.
 */
enum argument_kind {
    KIND_INT = 'd',
    KIND_LONG = 'l',
    KIND_NUMBER = 'n', /* a number of unknown meaning */
    KIND_UNSIGNED = 'u',
    KIND_HEX = 'x', /* an address or bits: 0 is NULL */
    KIND_OFFSET = 'h',
    KIND_DESCRIPTOR = 'f',
    KIND_DIRECTORY = 'D', /* a descriptor or AT_FDCWD */
    KIND_STRING = 's',
    KIND_STRINGS = 'v', /* a NULL-terminated list of strings */
    KIND_MEMORY = 'b',  /* bytes that the call reads; how many is the next argument */
    KIND_MODE = 'm',
    KIND_SIGNAL = 'G',
    KIND_CLONE = 'C', /* flags, the lowest byte is a signal */
    KIND_FCNTL_VALUE = 'y',
    /* printed when the call has returned */
    KIND_RESULT_MEMORY = 'o', /* bytes that the call wrote; how many is the result */
    KIND_STAT = 't',
    KIND_PIPE = 'p',
    KIND_STATUS = 'S', /* address of a wait status */
};

struct syscall_info {
    const char *name; /* NULL: no such call */
    const char *kinds;
};

/* Never NULL; the name of an unknown number is NULL and its kinds are six addresses. */
const struct syscall_info *syscall_info(uint64_t number);

#endif
