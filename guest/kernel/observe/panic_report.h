/* kernel/observe/panic_report.h - panics that come with registers. */
#ifndef KERNEL_OBSERVE_PANIC_REPORT_H
#define KERNEL_OBSERVE_PANIC_REPORT_H

#include "arch/trap_frame.h"

/* An exception that the kernel cannot explain. `address` is CR2 of a page fault. */
_Noreturn void panic_trap(const struct trap_frame *frame, unsigned vector, uint64_t address);

#endif
