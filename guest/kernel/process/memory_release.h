/*
 * kernel/process/memory_release.h - the memory of large programs that have ended is given back by a thread
 * of the kernel's own, mm_release, so that nobody waits for it who only wants to know that they ended.
 */
#ifndef KERNEL_PROCESS_MEMORY_RELEASE_H
#define KERNEL_PROCESS_MEMORY_RELEASE_H

#include "kernel/lib/types.h"

/* Boot: address spaces with much of their own go that way from now on. */
void memory_release_init(void);
/* Is memory about to be given back? Who needs some had better wait. */
bool memory_release_pending(void);

#endif
