/*
 * vmm/audit/states.c - every task is in one state, and where that state belongs.
 *
 * Reads: all tasks and all run queues. Proves: a Ready task is on exactly one run queue, that of
 * its CPU (a held one on none, and none a deadline task that has used up its time); a task in any other state on none; a task that sleeps does not
 * intend to; no two tasks have the same tid. Tasks whose run queue is locked are in the middle of a
 * change and left out. Cost: one pass over the tasks, and one over each queue.
 */
#include "vmm/audit/class_walk.h"

static void count_queued(void *context, const struct audit_world *world,
                         const struct audit_task *task)
{
    (void)world;
    (void)context;
    if (task)
        ((struct audit_task *)task)->queues++;
}

static void count_all(const struct audit_world *world)
{
    for (size_t i = 0; i < world->task_count; i++)
        world->tasks[i].queues = 0;
    for (unsigned i = 0; i < world->cpu_count; i++) {
        const struct audit_cpu *cpu = &world->cpus[i];

        if (!cpu->online)
            continue;
        /* What is wrong with the queues themselves is for run_queues.c and class_queues.c to say. */
        for (enum class_queue which = CLASS_QUEUE_FAIR; which <= CLASS_QUEUE_SPECIAL; which++)
            class_queue_walk(world, cpu, which, count_queued, NULL);
    }
}

static bool in_change(const struct audit_world *world, const struct audit_task *task)
{
    return !task->published || task->cpu >= world->cpu_count || world->cpus[task->cpu].queue_locked;
}

static void check_one(struct vt_audit *audit, const struct audit_world *world,
                      const struct audit_task *task)
{
    struct audit_finding where = {.tid = task->tid, .pid = task->tgid, .object = task->address};
    bool should = task->state == TASK_READY && task->held != HELD_PARKED && !task->idle &&
                  !AUDIT_GET(world, task->raw, special_throttled);
    bool says =
        AUDIT_GET(world, task->raw, task_queued) || AUDIT_GET(world, task->raw, special_queued);

    if (task->state >= TASK_STATES || task->state == TASK_UNUSED) {
        audit_report(audit, where, "task %d is in state %d, which is none", task->tid, task->state);
        return;
    }
    if (in_change(world, task))
        return;
    if (task->queues != (should ? 1u : 0u))
        audit_report(audit, where, "task %d is %s and on %u run queues", task->tid,
                     vt_task_state_name(task->state), task->queues);
    if (should != says)
        audit_report(audit, where, "task %d is %s, but its entity says that it is %squeued",
                     task->tid, vt_task_state_name(task->state), should ? "not " : "");
    if ((task->state == TASK_BLOCKED || task->state == TASK_BLOCKED_HARD ||
         task->state == TASK_STOPPED) &&
        task->sleep_intent)
        audit_report(audit, where, "task %d sleeps and still intends to", task->tid);
    for (const struct audit_task *other = world->tasks; other < task; other++)
        if (other->tid == task->tid && task->tid && other->published)
            audit_report(audit, where, "two tasks have the tid %d", task->tid);
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    count_all(world);
    for (size_t i = 0; i < world->task_count; i++)
        check_one(audit, world, &world->tasks[i]);
}

const struct audit_invariant invariant_states = {
    .name = "states",
    .proves = "ready tasks are on exactly one run queue, all others on none, and tids are unique",
    .check = check,
};
