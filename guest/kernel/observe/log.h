/* kernel/observe/log.h - the kernel's log, readable from outside and by syslog(2). */
#ifndef KERNEL_OBSERVE_LOG_H
#define KERNEL_OBSERVE_LOG_H

#include "kernel/lib/types.h"
#include "shared/glass.h"

extern struct glass_log kernel_log;
/* Where the log begins for who asks for what is new since it was cleared (syslog(2)). */
extern uint64_t log_cleared;

/* Copies up to `bytes` of the log, from its absolute position on; returns how many. For syslog(2).
 */
size_t log_read(uint64_t position, char *buffer, size_t bytes);
/* The oldest position that is still there. */
uint64_t log_oldest(void);

#endif
