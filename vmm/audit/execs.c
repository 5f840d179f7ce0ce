/*
 * vmm/audit/execs.c - a new program gets nothing that was not meant for it.
 *
 * Reads: at the event of an exec, before the new program has run an instruction, the descriptor
 * table and the memory of the task. Proves: no descriptor is open that was marked close-on-exec;
 * the memory is its own alone, and so is the process: every other thread is gone. At any other
 * event it has nothing to say. Cost: one pass over a descriptor table.
 */
#include "vmm/audit/audit.h"

#define DESCRIPTORS_MAX 65536u

static void check_descriptors(struct vt_audit *audit, const struct audit_world *world,
                              const struct audit_task *task)
{
    const uint8_t *table = audit_at(world, task->files, world->layout->file_table_bytes);
    uint64_t capacity = table ? AUDIT_GET(world, table, table_capacity) : 0;

    if (!capacity || capacity > DESCRIPTORS_MAX)
        return;
    const uint8_t *open = audit_at(world, AUDIT_GET(world, table, table_open), capacity / 8);
    const uint8_t *marked =
        audit_at(world, AUDIT_GET(world, table, table_close_on_exec), capacity / 8);
    for (uint64_t fd = 0; open && marked && fd < capacity; fd++)
        if (open[fd / 8] & marked[fd / 8] & 1u << fd % 8) {
            audit_report(
                audit,
                (struct audit_finding){.tid = task->tid, .pid = task->tgid, .object = task->files},
                "task %d starts a program with descriptor %lu open, which is marked close-on-exec",
                task->tid, (unsigned long)fd);
            return;
        }
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    const struct audit_task *task = audit_event_task(world, TRACE_EXEC);

    if (!task)
        return;
    check_descriptors(audit, world, task);
    for (size_t i = 0; i < world->task_count; i++) {
        const struct audit_task *other = &world->tasks[i];

        if (other == task || other->space != task->space || !task->space)
            continue;
        audit_report(
            audit,
            (struct audit_finding){.tid = task->tid, .pid = task->tgid, .object = other->address},
            "task %d starts a program in memory that task %d uses, too", task->tid, other->tid);
    }
    const struct audit_process *process = audit_process_at(world, task->process);
    if (process && process->task_count != 1)
        audit_report(audit, (struct audit_finding){.tid = task->tid, .pid = process->pid},
                     "process %d starts a program while it has %u threads", process->pid,
                     process->task_count);
}

const struct audit_invariant invariant_execs = {
    .name = "execs",
    .proves = "a new program starts with no descriptor that was marked close-on-exec, in memory of "
              "its own, alone in its process",
    .check = check,
};
