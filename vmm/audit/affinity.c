/*
 * vmm/audit/affinity.c - nobody runs, or waits to run, where it may not.
 *
 * Reads: the state, CPU and affinity of every task. Proves, in a world at rest: a task that runs or
 * is ready is on a CPU of its affinity. One that runs and has been told to give up its CPU
 * (sched_setaffinity from elsewhere) is on its way and left out. Cost: one pass over tasks.
 */
#include "vmm/audit/audit.h"

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    for (size_t i = 0; i < world->task_count; i++) {
        const struct audit_task *task = &world->tasks[i];
        uint64_t affinity = AUDIT_GET(world, task->raw, task_affinity);
        bool leaving = task->state == TASK_RUNNING &&
                       AUDIT_GET(world, task->raw, task_work) & TASK_WORK_RESCHEDULE;

        if (task->idle || leaving || task->cpu >= 64 ||
            (task->state != TASK_RUNNING && task->state != TASK_READY) ||
            affinity & 1ull << task->cpu)
            continue;
        audit_report(
            audit,
            (struct audit_finding){.tid = task->tid, .pid = task->tgid, .object = task->address},
            "task %d is %s on CPU %u, its affinity is %#lx", task->tid,
            vt_task_state_name(task->state), task->cpu, (unsigned long)affinity);
    }
}

const struct audit_invariant invariant_affinity = {
    .name = "affinity",
    .proves = "no task runs or waits to run on a CPU that its affinity excludes",
    .needs = AUDIT_NEEDS_WAKES,
    .check = check,
};
