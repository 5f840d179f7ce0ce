/*
 * kernel/process/out_of_memory.h - who must end when a program's page fault finds no memory.
 *
 * Only page faults come here: system calls say ENOMEM. The kernel's own tables, stacks and objects
 * come from a reserve that user pages may not take (mm/frame.c), so that a process can be ended
 * without any allocation.
 */
#ifndef KERNEL_PROCESS_OUT_OF_MEMORY_H
#define KERNEL_PROCESS_OUT_OF_MEMORY_H

#include "kernel/lib/types.h"

struct process;

/*
 * proc(5), oom_score: thousandths of all memory that the process holds, and oom_score_adj on top; 0
 * to 2000. 0 = it is never chosen: oom_score_adj is -1000, it is init, or it has no memory.
 */
uint32_t out_of_memory_score(struct process *process);
/*
 * Sends SIGKILL to the process with the highest score, unless one that was chosen before has not
 * given its memory back yet, or memory is being released anyway. `may_wait`: the caller holds no lock and tries again afterwards; then
 * others get the CPU first.
 */
void out_of_memory_kill(bool may_wait);

#endif
