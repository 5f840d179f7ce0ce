/* tests/unit/host/tasks.h - one task with its process: what `current` is in a test. */
#ifndef TESTS_UNIT_HOST_TASKS_H
#define TESTS_UNIT_HOST_TASKS_H

#include "kernel/process/process.h"

extern struct task host_task;
extern struct process host_process;

/* No limits, uid 0, no address space; becomes current. */
void host_task_start(void);

#endif
