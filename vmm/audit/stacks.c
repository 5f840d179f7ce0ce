/*
 * vmm/audit/stacks.c - every task has a kernel stack of its own, and stays on it.
 *
 * Reads: the stack of each task, its saved stack pointer, and the stack pointer that each CPU had
 * when it parked. Proves: no two tasks share a stack; whoever is switched out left its stack
 * pointer inside its own; whoever runs is inside its own; the page below each stack is not mapped.
 * Cost: one short page-table walk per task.
 */
#include "vmm/audit/audit.h"

static bool inside(const struct audit_world *world, uint64_t rsp, uint64_t top)
{
    return rsp < top && rsp >= top - AUDIT_ROOT(world, roots_kernel_stack_bytes);
}

static void check_task(struct vt_audit *audit, const struct audit_world *world,
                       const struct audit_task *task)
{
    struct audit_finding where = {.tid = task->tid, .pid = task->tgid, .object = task->stack_top};

    if (task->state != TASK_RUNNING && task->state != TASK_ZOMBIE && task->state != TASK_DEAD &&
        task->published && !world->cpus[task->cpu % BOOT_CPUS_MAX].queue_locked &&
        !inside(world, task->kernel_rsp, task->stack_top))
        audit_report(audit, where, "task %d left its stack pointer at %#lx, its stack ends at %#lx",
                     task->tid, (unsigned long)task->kernel_rsp, (unsigned long)task->stack_top);
    for (const struct audit_task *other = world->tasks; other < task; other++)
        if (other->stack_top == task->stack_top)
            audit_report(audit, where, "tasks %d and %d have the same kernel stack", other->tid,
                         task->tid);
    uint64_t below = task->stack_top - AUDIT_ROOT(world, roots_kernel_stack_bytes) - 8;
    if (task->stack_top - AUDIT_ROOT(world, roots_kernel_stacks) < 1ull << 37 &&
        audit_at(world, below, 8))
        audit_report(audit, where, "below the kernel stack of task %d there is a page", task->tid);
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    for (size_t i = 0; i < world->task_count; i++)
        if (world->tasks[i].stack_top)
            check_task(audit, world, &world->tasks[i]);
    for (unsigned i = 0; i < world->cpu_count; i++) {
        const struct audit_cpu *cpu = &world->cpus[i];

        if (!cpu->online || !cpu->at_rest)
            continue;
        const struct audit_task *task = audit_task_at(world, AUDIT_GET(world, cpu->raw, cpu_task));
        if (task && task->stack_top && cpu->parked &&
            !inside(world, cpu->glass.parked_rsp, task->stack_top))
            audit_report(audit, (struct audit_finding){.tid = task->tid, .object = task->stack_top},
                         "task %d runs on CPU %u outside its kernel stack", task->tid, i);
        if (task && !task->idle &&
            AUDIT_GET(world, cpu->raw, cpu_kernel_stack_top) != task->stack_top)
            audit_report(audit, (struct audit_finding){.tid = task->tid, .object = task->stack_top},
                         "CPU %u would enter the kernel on another stack than that of task %d", i,
                         task->tid);
    }
}

const struct audit_invariant invariant_stacks = {
    .name = "stacks",
    .proves =
        "every task has a kernel stack of its own, stays on it, and has nothing mapped below it",
    .check = check,
};
