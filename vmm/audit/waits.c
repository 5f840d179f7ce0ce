/*
 * vmm/audit/waits.c - no wake-up is lost: futexes and children.
 *
 * Reads: the futex buckets, whose waiters lie on kernel stacks, and the children of every process
 * with a task that waits for one. Proves, in a world at rest: a task that sleeps for a futex is on
 * some bucket (who takes it off wakes it), and every waiter there is a task that sleeps for one or
 * is about to; no task waits for a child while a child that it may reap is a zombie. Waits for a
 * group, or by clone's rules, are left out: their record does not say which children count. Cost:
 * one pass over buckets, and one over processes per waiting parent.
 */
#include "vmm/audit/audit.h"

#define WAITERS_MAX 65536u
#define SIGCHLD     17

static void read_buckets(struct vt_audit *audit, const struct audit_world *world)
{
    const struct audit_layout *l = world->layout;

    for (uint32_t i = 0; i < l->futex_buckets->count && i < 65536; i++) {
        const uint8_t *bucket =
            audit_at(world, l->futex_buckets->address + (uint64_t)i * l->futex_buckets->stride,
                     l->futex_bucket_bytes);
        uint64_t at = bucket ? audit_get(bucket, l->bucket_first) : 0;

        for (uint32_t left = WAITERS_MAX; at && left; left--) {
            const uint8_t *waiter = audit_at(world, at, l->futex_waiter_bytes);
            struct audit_task *task =
                waiter ? audit_task_at(world, audit_get(waiter, l->futex_task)) : NULL;

            if (!task) {
                audit_report(audit, (struct audit_finding){.object = at},
                             "a futex waiter at %#lx belongs to no task", (unsigned long)at);
                break;
            }
            task->futex_queued = true;
            at = audit_get(waiter, l->futex_next);
        }
    }
}

static void check_child_wait(struct vt_audit *audit, const struct audit_world *world,
                             const struct audit_task *task)
{
    uint64_t whom = AUDIT_GET(world, task->raw, task_wait_object);

    if (whom >> 32)
        return;
    for (size_t i = 0; i < world->process_count; i++) {
        const struct audit_process *child = &world->processes[i];
        const struct audit_task *leader = audit_task_at(world, child->leader);

        if (child->parent != task->process || !child->zombie || !child->in_pid_table || !leader ||
            (whom && (int32_t)whom != child->pid) ||
            (int32_t)AUDIT_GET(world, leader->raw, task_exit_signal) != SIGCHLD)
            continue;
        audit_report(
            audit,
            (struct audit_finding){.tid = task->tid, .pid = child->pid, .object = child->address},
            "task %d waits for a child while its child %d is a zombie: its wake-up was lost",
            task->tid, child->pid);
    }
}

/* Somebody else of the process was woken and will take the zombie. */
static bool sibling_on_its_way(const struct audit_world *world, const struct audit_task *task)
{
    for (size_t i = 0; i < world->task_count; i++) {
        const struct audit_task *other = &world->tasks[i];

        if (other != task && other->process == task->process && other->state == TASK_READY)
            return true;
    }
    return false;
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    read_buckets(audit, world);
    for (size_t i = 0; i < world->task_count; i++) {
        const struct audit_task *task = &world->tasks[i];

        if (task->state != TASK_BLOCKED)
            continue;
        if (task->wait_kind == WAIT_FUTEX && !task->futex_queued)
            audit_report(
                audit,
                (struct audit_finding){
                    .tid = task->tid, .pid = task->tgid, .object = task->address},
                "task %d sleeps for a futex and is on no queue of it: its wake-up was lost",
                task->tid);
        if (task->wait_kind == WAIT_CHILD && !sibling_on_its_way(world, task))
            check_child_wait(audit, world, task);
    }
}

const struct audit_invariant invariant_waits = {
    .name = "waits",
    .proves = "no task sleeps for a futex that let it go, or for a child that has ended",
    .needs = AUDIT_NEEDS_WAKES | AUDIT_NEEDS_FAMILY,
    .check = check,
};
