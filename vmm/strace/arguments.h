/*
 * vmm/strace/arguments.h - a system call's arguments in words.
 */
#ifndef VITRINE_STRACE_ARGUMENTS_H
#define VITRINE_STRACE_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/strace/table.h"

/* As much as the kernel records of one text (guest/kernel/syscall/traced.c); more is not believed.
 */
#define CALL_TEXT_BYTES 96u
#define CALL_TEXTS      16u

/* What an argument pointed at, as the kernel saw it. */
struct call_text {
    uint8_t argument, element;
    bool result; /* written by the call; else given to it */
    bool cut;    /* there was more */
    uint8_t bytes;
    char data[CALL_TEXT_BYTES];
};

struct call {
    uint64_t number;
    uint64_t arguments[SYSCALL_ARGUMENTS_MAX];
    unsigned known; /* so many of the arguments were recorded */
    unsigned text_count;
    struct call_text texts[CALL_TEXTS];
};

/* Adds one piece from a TRACE_SYSCALL_TEXT record (its four arguments). Nonsense is ignored. */
void call_add_text(struct call *call, const uint64_t record[4]);

/* "read", or "syscall_999" for an unknown number. */
void call_write_name(FILE *out, const struct call *call);

/* The first argument that can be told only after the call; the number of arguments if there is
 * none. */
unsigned call_first_result(const struct call *call);

/* Arguments first..end-1 with commas between them. `result` is
 * the call's result where it is known. */
void call_write_arguments(FILE *out, const struct call *call, unsigned first, unsigned end,
                          int64_t result);
unsigned call_argument_count(const struct call *call);

/* "3", "-1 ENOENT (No such file or directory)", "0x7f0000000000". */
void call_write_result(FILE *out, const struct call *call, int64_t result);

#endif
