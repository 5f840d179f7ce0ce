/* kernel/process/pidfd.h - the process that a descriptor stands for, for the rest of the kernel. */
#ifndef KERNEL_PROCESS_PIDFD_H
#define KERNEL_PROCESS_PIDFD_H

#include "kernel/lib/types.h"

struct process;

/* The process as a counted reference: 0, -EBADF (no pidfd), -ESRCH (reaped). ret_nonblocking may be
 * NULL. */
int pidfd_process_get(int fd, bool *ret_nonblocking, struct process **ret);
/* Whoever may inspect a process may have what it has open, and copies of it; `rights` (PROCESS_*): what that
 * takes. */
bool process_may_take_from(struct process *process, uint32_t rights);

#endif
