/*
 * kernel/observe/stop.h - stopping the world inside an event.
 *
 * The CPU whose event matched writes glass.stop, asks every other CPU to park, rings, and waits for
 * the host to raise control.resume_epoch. It may hold any spinlock and has interrupts off, as all
 * of the kernel. The others park where they notice: in the interrupt (user mode, idle, a preemption
 * point) or in any busy wait of the kernel, which includes waiting for a lock that the stopped CPU
 * holds. A CPU in the middle of kernel code finishes that first; nothing it can wait for there
 * depends on the stopped CPU except through busy waits. So every CPU parks, and the guest cannot
 * deadlock against its own stop.
 */
#ifndef KERNEL_OBSERVE_STOP_H
#define KERNEL_OBSERVE_STOP_H

#include "shared/trace.h"

/* Stops the world if a filter of the host matches the record. */
void stop_if_matching(const struct trace_record *record);
/* The host wants the world stopped here and now. */
void stop_here(void);
/* A CPU goes to user mode for the first time: BOOT_FLAG_HOLD_AT_START stops the world at the first
 * of them. */
void stop_at_start(void);
/* This CPU was asked to park. */
void stop_park(void);
/*
 * The end of the machine: returns when every other CPU has stopped where nothing is half done, in
 * user mode or idle, so that the host can judge the memory that is left; or after a tenth of a
 * second. No lock is held.
 */
void stop_others_at_end(void);
/* This CPU was asked to do so: returns if it cannot yet. */
void stop_at_end(void);

#endif
