/* kernel/syscall/dispatch.h - from a trap frame to a handler. */
#ifndef KERNEL_SYSCALL_DISPATCH_H
#define KERNEL_SYSCALL_DISPATCH_H

#include "arch/trap_frame.h"

/* Calls the handler of frame->original_rax and leaves its result in frame->rax. */
void syscall_dispatch(struct trap_frame *frame);

#endif
