/*
 * kernel/syscall/dispatch.h - from a trap frame to a handler. The fast entry does the same in
 * assembly (arch/x86_64/entry.S); this is for hosts where `syscall` cannot be used.
 */
#ifndef KERNEL_SYSCALL_DISPATCH_H
#define KERNEL_SYSCALL_DISPATCH_H

#include "arch/cpu.h"
#include "kernel/observe/trace.h"
#include "kernel/syscall/syscall.h"

#include "arch/asm_offsets.h" /* SYSCALL_NUMBER_END */

extern syscall_handler *const syscall_handlers[SYSCALL_NUMBER_END];

/* The calls of native.def; for any other number ENOSYS, counted and traced. Also the entry of every
 * number that has no handler. */
int64_t syscall_unknown(struct trap_frame *frame);
/* The same as below, with trace records before and after (traced.c). */
void syscall_dispatch_traced(struct trap_frame *frame);

/* Calls the handler of frame->original_rax and leaves its result in frame->rax. */
static inline void syscall_dispatch(struct trap_frame *frame)
{
    uint64_t number = frame->original_rax;
    this_cpu()->glass->system_calls++;
    if (unlikely(READ_ONCE(trace_active) &
                 (1ull << TRACE_SYSCALL_ENTER | 1ull << TRACE_SYSCALL_EXIT | TRACE_ACTIVE_TRACEES)))
        syscall_dispatch_traced(frame);
    else
        frame->rax = (uint64_t)(likely(number < SYSCALL_NUMBER_END) ? syscall_handlers[number]
                                                                    : syscall_unknown)(frame);
}

#endif
