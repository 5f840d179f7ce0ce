/*
 * kernel/ipc/futex/futex.h - for the kernel's own use of futexes: the word at `address` of the current
 * address space has changed (a thread's tid was cleared, a robust lock lost its owner).
 */
#ifndef KERNEL_IPC_FUTEX_FUTEX_H
#define KERNEL_IPC_FUTEX_FUTEX_H

#include "kernel/lib/types.h"

struct task;

/* Wakes up to `count` waiters of the word, private and shared ones; how many, or -errno. */
int64_t futex_wake_address(uint64_t address, uint32_t count);

/* The task ends or replaces its memory: its locks with priority inheritance go to who waits. */
void futex_pi_exit(struct task *task);

#endif
