/* kernel/syscall/dispatch.c - the tables of system calls, made from table.def and native.def. */
#include "kernel/syscall/dispatch.h"

#include "kernel/observe/glass.h"
#include "kernel/syscall/native.h"

#define SYSCALL(number, name, arguments, part) int64_t sys_##name(struct trap_frame *frame);
#include "kernel/syscall/native.def"
#include "kernel/syscall/table.def"
#undef SYSCALL

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored                                                                     \
    "-Woverride-init" /* the range is the default, each call overrides its own entry */
/* Behind the other hot tables (kernel.ld): the numbers in use end on the page where those stand. */
__attribute__((section(".rodata.system_calls")))
syscall_handler *const syscall_handlers[SYSCALL_NUMBER_END] = {
    [0 ... SYSCALL_NUMBER_END - 1] = syscall_unknown,
#define SYSCALL(number, name, arguments, part) [number] = sys_##name,
#include "kernel/syscall/table.def"
#undef SYSCALL
};
#pragma GCC diagnostic pop

static syscall_handler *const native_handlers[NATIVE_CALL_COUNT] = {
#define SYSCALL(number, name, arguments, part) [(number)-NATIVE_CALL_FIRST] = sys_##name,
#include "kernel/syscall/native.def"
#undef SYSCALL
};

int64_t syscall_unknown(struct trap_frame *frame)
{
    uint64_t native = frame->original_rax - NATIVE_CALL_FIRST;
    if (native < NATIVE_CALL_COUNT && native_handlers[native])
        return native_handlers[native](frame);
    __atomic_fetch_add(&glass.unknown_system_calls, 1, __ATOMIC_RELAXED);
    trace_event(TRACE_SYSCALL_UNKNOWN, frame->original_rax, 0, 0, 0);
    return -ENOSYS;
}
