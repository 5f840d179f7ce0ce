/*
 * kernel/observe/act.h - what the host may do to the machine's tasks; called by mailbox.c. All run
 * in the kick interrupt, check every number, and return 0, a value, or -errno.
 */
#ifndef KERNEL_OBSERVE_ACT_H
#define KERNEL_OBSERVE_ACT_H

#include "kernel/lib/types.h"

/* -EPERM for PID 1, which takes no signals. */
int64_t act_signal_process(uint64_t pid, uint64_t signal);
int64_t act_signal_thread(uint64_t tid, uint64_t signal);
int64_t act_hold(uint64_t tid);
int64_t act_release(uint64_t tid);
/* Every thread of a process, or with pid 0 of every process: how many were held, or released. */
int64_t act_freeze(uint64_t pid);
int64_t act_thaw(uint64_t pid);
int64_t act_set_nice(uint64_t tid, uint64_t nice);
/* value: a nice value, or FIFO's or RR's priority. */
int64_t act_set_policy(uint64_t tid, uint64_t policy, uint64_t value);
int64_t act_set_affinity(uint64_t tid, uint64_t mask);

#endif
