/*
 * vmm/audit/processors.c - each CPU runs one task, on that task's page tables.
 *
 * Reads: what each CPU says it runs (glass, struct cpu, run queue), the states of all tasks, and
 * the CR3 that the CPU read from its own register when it parked. Proves: exactly one task is
 * Running per CPU, and it is the one that all three name; CR3 is the root of its address space (a
 * task without one borrows the last one's); the space knows that the CPU may hold translations of
 * it. A CPU in the middle of a switch, whose run queue is locked, is only counted. Cost: none to
 * speak of.
 */
#include "vmm/audit/audit.h"

#define CR3_ADDRESS 0x000ffffffffff000ull

static void check_tables(struct vt_audit *audit, const struct audit_world *world, unsigned index,
                         const struct audit_task *task)
{
    const struct audit_cpu *cpu = &world->cpus[index];
    uint64_t root = cpu->glass.parked_cr3 & CR3_ADDRESS;
    uint64_t borrowed = AUDIT_GET(world, cpu->raw, cpu_active_space);
    const struct audit_space *space = audit_space_at(world, task->space ? task->space : borrowed);
    uint64_t expected = space ? space->root : GUEST_LOAD(&world->guest->glass->kernel_page_table);

    if (root != expected)
        audit_report(audit,
                     (struct audit_finding){
                         .tid = task->tid, .pid = task->tgid, .object = task->space, .phys = root},
                     "CPU %u runs task %d on page tables %#lx, the task's own are %#lx", index,
                     task->tid, (unsigned long)root, (unsigned long)expected);
    else if (space && !(AUDIT_GET(world, space->raw, space_cpu_mask) & 1ull << index))
        audit_report(audit, (struct audit_finding){.tid = task->tid, .object = space->address},
                     "CPU %u has address space %lu loaded, which does not know it", index,
                     (unsigned long)space->id);
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    for (unsigned i = 0; i < world->cpu_count; i++) {
        const struct audit_cpu *cpu = &world->cpus[i];
        const struct audit_task *task = NULL;
        unsigned running = 0;

        if (!cpu->online)
            continue;
        for (size_t j = 0; j < world->task_count; j++)
            if (world->tasks[j].state == TASK_RUNNING && world->tasks[j].cpu == i) {
                task = &world->tasks[j];
                running++;
            }
        /* Between the task that goes and the one that comes there is none for a moment. */
        if (running > 1 || (!running && !cpu->queue_locked))
            audit_report(audit, (struct audit_finding){.object = cpu->queue_address},
                         "%u tasks are running on CPU %u", running, i);
        if (running != 1 || cpu->queue_locked)
            continue;
        if (cpu->glass.running != task->address ||
            AUDIT_GET(world, cpu->raw, cpu_task) != task->address ||
            AUDIT_GET(world, cpu->queue, queue_running) != task->address)
            audit_report(audit, (struct audit_finding){.tid = task->tid, .object = task->address},
                         "task %d is running on CPU %u, which says that it runs another", task->tid,
                         i);
        if (cpu->at_rest && cpu->parked) /* else it never read its CR3 for us */
            check_tables(audit, world, i, task);
    }
}

const struct audit_invariant invariant_processors = {
    .name = "processors",
    .proves = "exactly one task is running per CPU, on its own page tables",
    .check = check,
};
