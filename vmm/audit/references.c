/*
 * vmm/audit/references.c - tasks, processes, address spaces and descriptor tables are held as often
 * as their counts say.
 *
 * Reads: the counts, the PID table (as tree.c found it), and who points where. Proves, in a world
 * at rest: a task is held by the PID table, by the scheduler until its last switch, and by a parent
 * that waits for it in vfork; a process by the PID table and by each of its tasks; both by timers on
 * their CPU time and by queues that will tell them of a message; an address space
 * and a descriptor table by each task that uses them. So nothing that is used can be freed, and
 * nothing that is unused stays. Cost: one pass over tasks.
 */
#include "vmm/audit/holders.h"

static void wrong(struct vt_audit *audit, struct audit_finding where, const char *what,
                  unsigned long number, uint32_t counted, uint32_t found)
{
    audit_report(audit, where, "%s %lu has %u references, %u holders were found", what, number,
                 counted, found);
}

/* A parent in vfork holds its child until it has run again itself. */
static bool held_by_vfork(const struct audit_world *world, const struct audit_task *task)
{
    for (size_t i = 0; i < world->task_count; i++) {
        const struct audit_task *parent = &world->tasks[i];

        if (parent->wait_kind == WAIT_VFORK &&
            (parent->state == TASK_BLOCKED || parent->state == TASK_BLOCKED_HARD ||
             parent->state == TASK_READY) &&
            AUDIT_GET(world, parent->raw, task_wait_object) == (uint64_t)task->tid)
            return true;
    }
    return false;
}

static uint32_t held_by_others(const struct audit_tally *others, uint64_t address)
{
    const struct audit_tallied *place = audit_tallied(others, address);

    return place ? place->held : 0;
}

static void check_task(struct vt_audit *audit, const struct audit_world *world,
                       const struct audit_tally *others, const struct audit_task *task)
{
    uint32_t found = task->in_pid_table + (task->state != TASK_ZOMBIE) +
                     held_by_vfork(world, task) + held_by_others(others, task->address);

    if (task->state == TASK_DEAD || task->idle)
        return;
    if (task->references != found)
        wrong(audit,
              (struct audit_finding){.tid = task->tid, .pid = task->tgid, .object = task->address},
              "task", (unsigned long)task->tid, task->references, found);
    /* A timer on the CPU time of a thread keeps that when the thread is gone. */
    if (!task->tid || task->in_pid_table ||
        (task->state == TASK_ZOMBIE && held_by_others(others, task->address)))
        return;
    audit_report(audit, (struct audit_finding){.tid = task->tid, .object = task->address},
                 "task %d is %s and not in the PID table", task->tid,
                 vt_task_state_name(task->state));
}

/* Tasks that use the table; each table once. */
static void check_files(struct vt_audit *audit, const struct audit_world *world,
                        const struct audit_task *task)
{
    uint32_t found = 0;

    if (!task->files)
        return;
    for (size_t i = 0; i < world->task_count; i++) {
        if (world->tasks[i].files != task->files)
            continue;
        if (&world->tasks[i] < task)
            return;
        found++;
    }
    const uint8_t *table = audit_at(world, task->files, world->layout->file_table_bytes);
    if (!table)
        audit_report(audit, (struct audit_finding){.tid = task->tid, .object = task->files},
                     "task %d has no descriptor table at %#lx", task->tid,
                     (unsigned long)task->files);
    else if (AUDIT_GET(world, table, table_references) != found)
        wrong(audit, (struct audit_finding){.tid = task->tid, .object = task->files},
              "the descriptor table of task", (unsigned long)task->tid,
              (uint32_t)AUDIT_GET(world, table, table_references), found);
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    struct audit_tally others = {0};
    bool known = audit_find_holders(world, &others);

    for (size_t i = 0; i < world->task_count; i++) {
        struct audit_process *process = audit_process_at(world, world->tasks[i].process);
        struct audit_space *space = audit_space_at(world, world->tasks[i].space);

        if (process)
            process->tasks++;
        else if (world->tasks[i].process)
            audit_report(audit,
                         (struct audit_finding){.tid = world->tasks[i].tid,
                                                .object = world->tasks[i].process},
                         "task %d belongs to a process that has been freed", world->tasks[i].tid);
        if (space)
            space->tasks++;
        else if (world->tasks[i].space)
            audit_report(
                audit,
                (struct audit_finding){.tid = world->tasks[i].tid, .object = world->tasks[i].space},
                "task %d uses an address space that has been freed", world->tasks[i].tid);
    }
    for (size_t i = 0; i < world->task_count; i++) {
        if (known)
            check_task(audit, world, &others, &world->tasks[i]);
        check_files(audit, world, &world->tasks[i]);
    }
    for (size_t i = 0; i < world->process_count; i++) {
        const struct audit_process *process = &world->processes[i];
        uint32_t found =
            process->in_pid_table + process->tasks + held_by_others(&others, process->address);

        if (known && process->references != found)
            wrong(audit, (struct audit_finding){.pid = process->pid, .object = process->address},
                  "process", (unsigned long)process->pid, process->references, found);
    }
    for (size_t i = 0; i < world->space_count; i++) {
        const struct audit_space *space = &world->spaces[i];

        if (space->references != space->tasks)
            wrong(audit, (struct audit_finding){.object = space->address}, "address space",
                  space->id, space->references, space->tasks);
    }
    audit_tally_free(&others);
}

const struct audit_invariant invariant_references = {
    .name = "references",
    .proves = "tasks, processes, address spaces and descriptor tables have as many references as "
              "holders",
    .needs = AUDIT_NEEDS_FAMILY | AUDIT_NEEDS_MEMORY,
    .check = check,
};
