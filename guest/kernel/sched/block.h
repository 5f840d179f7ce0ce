/* kernel/sched/block.h - the scheduler's side of sleeping, for sync/wait_queue.c only. */
#ifndef KERNEL_SCHED_BLOCK_H
#define KERNEL_SCHED_BLOCK_H

#include "kernel/lib/types.h"
#include "shared/trace.h"

/*
 * The current task leaves the CPU in `state`, unless its sleep intent was withdrawn or one of the
 * work bits is set. True if it slept (and is running again now).
 */
bool schedule_block(enum task_state state, enum wait_kind kind, uint64_t object,
                    uint32_t interrupting_work);

#endif
