/*
 * kernel/process/pid_table.h - the inside of the PID table, for pid.c and for whoever describes it
 * to the host. Lock: family_lock.
 */
#ifndef KERNEL_PROCESS_PID_TABLE_H
#define KERNEL_PROCESS_PID_TABLE_H

#include "kernel/process/internal.h"

struct pid_entry {
    struct task *task;
    struct process *process;
    struct process *group;   /* any member of the group with this id */
    struct process *session; /* any member of the session */
};

#define PID_ENTRIES_PER_CHUNK (PAGE_SIZE / sizeof(struct pid_entry))
#define PID_CHUNKS            ((PID_MAX + 1) / PID_ENTRIES_PER_CHUNK)

/* Each one frame, or NULL while none of its numbers was used. */
extern struct pid_entry *pid_chunks[PID_CHUNKS];

#endif
