/*
 * vmm/strace/strace.h - the records of system calls as lines, in the manner of strace(1).
 */
#ifndef VITRINE_STRACE_STRACE_H
#define VITRINE_STRACE_STRACE_H

#include <stdio.h>

#include "vmm/export/sink.h"

/* The records that it needs. */
#define STRACE_TYPES                                                                               \
    (1ull << TRACE_SYSCALL_ENTER | 1ull << TRACE_SYSCALL_EXIT | 1ull << TRACE_SYSCALL_ARGUMENTS |  \
     1ull << TRACE_SYSCALL_TEXT | 1ull << TRACE_FORK | 1ull << TRACE_EXIT |                        \
     1ull << TRACE_SIGNAL | 1ull << TRACE_RENUMBER)

struct strace_settings {
    int32_t pid; /* only this process and its descendants; 0 = all */
    int32_t tid; /* only this thread; 0 = all */
    bool plain;  /* without times */
};

/*
 * out: borrowed, flushed whenever the guest pauses. A sink for trace_pump(); after its finish() the
 * last line says whether events were lost.
 */
struct vt_error *strace_sink_create(struct vt_guest *guest, FILE *out,
                                    const struct strace_settings *settings,
                                    struct trace_sink **ret);

#endif
