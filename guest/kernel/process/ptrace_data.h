/* kernel/process/ptrace_data.h - between ptrace.c and ptrace_data.c. */
#ifndef KERNEL_PROCESS_PTRACE_DATA_H
#define KERNEL_PROCESS_PTRACE_DATA_H

#include "kernel/process/ptrace.h"

/* Requests that look at or change what a stopped tracee of the caller's has. What ptrace(2) returns. */
int64_t ptrace_data(struct tracee *tracee, int64_t request, uint64_t address, uint64_t data);

#endif
