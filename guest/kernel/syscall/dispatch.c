/* kernel/syscall/dispatch.c - the table of system calls (table.def) and the one place that calls them. */
#include "kernel/syscall/dispatch.h"

#include "kernel/observe/glass.h"
#include "kernel/observe/trace.h"
#include "kernel/syscall/syscall.h"

#define SYSCALL(number, name, arguments, part) int64_t sys_##name(struct trap_frame *frame);
#include "kernel/syscall/table.def"
#undef SYSCALL

#define SYSCALL_NUMBER_END 512

static syscall_handler *const handlers[SYSCALL_NUMBER_END] = {
#define SYSCALL(number, name, arguments, part) [number] = sys_##name,
#include "kernel/syscall/table.def"
#undef SYSCALL
};

static void unknown(struct trap_frame *frame)
{
    __atomic_fetch_add(&glass.unknown_system_calls, 1, __ATOMIC_RELAXED);
    trace_event(TRACE_SYSCALL_UNKNOWN, frame->original_rax, 0, 0, 0);
    frame->rax = (uint64_t)-ENOSYS;
}

void syscall_dispatch(struct trap_frame *frame)
{
    uint64_t number = frame->original_rax;
    this_cpu()->glass->system_calls++;
    trace_event(TRACE_SYSCALL_ENTER, number, frame->rdi, frame->rsi, frame->rdx);
    if (likely(number < SYSCALL_NUMBER_END && handlers[number]))
        frame->rax = (uint64_t)handlers[number](frame);
    else
        unknown(frame);
    trace_event(TRACE_SYSCALL_EXIT, number, frame->rax, 0, 0);
}
