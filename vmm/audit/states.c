/*
 * vmm/audit/states.c - every task is in one state, and where that state belongs.
 *
 * Reads: all tasks and all run queues. Proves: a Ready task is on exactly one run queue, that of
 * its CPU (a held one on none); a task in any other state on none; a task that sleeps does not
 * intend to; no two tasks have the same tid. Tasks whose run queue is locked are in the middle of a
 * change and left out. Cost: one pass over the tasks, and one over each queue.
 */
#include "vmm/audit/audit.h"

static struct vt_error *count_queued(void *context, uint64_t node)
{
    const struct audit_world *world = context;
    struct audit_task *task = audit_task_at(world, node - world->layout->task_fair.offset);

    if (task)
        task->queues++;
    return NULL;
}

static void count_all(const struct audit_world *world)
{
    for (size_t i = 0; i < world->task_count; i++)
        world->tasks[i].queues = 0;
    for (unsigned i = 0; i < world->cpu_count; i++) {
        const struct audit_cpu *cpu = &world->cpus[i];

        if (!cpu->online)
            continue;
        uint64_t lone = AUDIT_GET(world, cpu->queue, queue_lone);
        if (lone)
            count_queued((void *)world, lone);
        /* What is wrong with the tree itself is for run_queues.c to say. */
        vt_error_destroy(guest_tree_walk(
            world->guest, cpu->queue_address + world->layout->queue_tree.offset,
            (uint32_t)world->task_count + 1, "a run queue", count_queued, (void *)world));
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
    bool should = task->state == TASK_READY && task->held != HELD_PARKED && !task->idle;

    if (task->state >= TASK_STATES || task->state == TASK_UNUSED) {
        audit_report(audit, where, "task %d is in state %d, which is none", task->tid, task->state);
        return;
    }
    if (in_change(world, task))
        return;
    if (task->queues != (should ? 1u : 0u))
        audit_report(audit, where, "task %d is %s and on %u run queues", task->tid,
                     vt_task_state_name(task->state), task->queues);
    if (should != (AUDIT_GET(world, task->raw, task_queued) != 0))
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
