/*
 * vmm/audit/signals.c - no signal that was sent is forgotten.
 *
 * Reads: the sets and queues of pending signals of every process and thread. Proves, in a world at
 * rest: each entry of a queue has its bit in the set, and is a signal that there is; a process
 * counts as many entries as it and its threads have queued; where a thread would take a pending
 * signal at once, it, or for a signal to the process one of those that would, is told to look.
 * Cost: one pass over tasks and entries.
 */
#include "vmm/audit/audit.h"

#define QUEUED_MAX 65536u
#define SIGNALS    64u

struct queue {
    struct vt_audit *audit;
    const struct audit_world *world;
    struct audit_finding where;
    uint64_t set;
    uint32_t entries;
};

static struct vt_error *read_entry(void *context, uint64_t node)
{
    struct queue *queue = context;
    const struct audit_layout *l = queue->world->layout;
    const uint8_t *entry =
        audit_at(queue->world, node - l->signal_link.offset, l->pending_signal_bytes);
    uint64_t signal = entry ? audit_get(entry, l->signal_number) : 0;

    queue->entries++;
    if (signal < 1 || signal > SIGNALS)
        audit_report(queue->audit, queue->where, "a signal with number %lu is queued",
                     (unsigned long)signal);
    else if (!(queue->set >> (signal - 1) & 1))
        audit_report(queue->audit, queue->where,
                     "signal %lu is queued for %s %d, but not pending: it is lost",
                     (unsigned long)signal, queue->where.tid ? "task" : "process",
                     queue->where.tid ? queue->where.tid : queue->where.pid);
    return NULL;
}

static uint32_t read_queue(struct queue *queue, uint64_t head)
{
    if (!audit_walked(guest_list_walk(queue->world->guest, head, QUEUED_MAX, "a signal queue",
                                      read_entry, queue)))
        audit_report(queue->audit, queue->where, "the pending signals of process %d are no list",
                     queue->where.pid);
    return queue->entries;
}

/* A thread on its way out takes none; what is pending then goes with its process. */
static bool takes_signals(const struct audit_world *world, const struct audit_task *task)
{
    return task->state != TASK_ZOMBIE && task->state != TASK_DEAD && task->state != TASK_CREATED &&
           task->published && !(AUDIT_GET(world, task->raw, task_flags) & TASK_EXITING);
}

static void check_process(struct vt_audit *audit, const struct audit_world *world,
                          const struct audit_process *process)
{
    const struct audit_layout *l = world->layout;
    struct queue queue = {.audit = audit,
                          .world = world,
                          .where = {.pid = process->pid, .object = process->address},
                          .set = AUDIT_GET(world, process->raw, process_pending)};
    uint32_t entries = read_queue(&queue, process->address + l->process_pending_queue.offset);
    uint32_t takers = 0, told = 0;

    for (size_t i = 0; i < world->task_count; i++) {
        const struct audit_task *task = &world->tasks[i];

        if (task->process != process->address)
            continue;
        struct queue own = {
            .audit = audit,
            .world = world,
            .where = {.tid = task->tid, .pid = process->pid, .object = task->address},
            .set = AUDIT_GET(world, task->raw, task_pending)};
        entries += read_queue(&own, task->address + l->task_pending_queue.offset);
        uint64_t open = ~AUDIT_GET(world, task->raw, task_blocked);
        bool looks = AUDIT_GET(world, task->raw, task_work) & (TASK_WORK_SIGNAL | TASK_WORK_EXIT);
        if (!takes_signals(world, task))
            continue;
        if (own.set & open && !looks)
            audit_report(audit, own.where,
                         "task %d would take the pending signals %#lx and does not look", task->tid,
                         (unsigned long)(own.set & open));
        takers += (queue.set & open) != 0;
        told += (queue.set & open) != 0 && looks;
    }
    if (takers && !told)
        audit_report(audit, queue.where,
                     "%u threads of process %d would take its pending signals %#lx, and none looks",
                     takers, process->pid, (unsigned long)queue.set);
    if (entries != AUDIT_GET(world, process->raw, process_pending_count))
        audit_report(audit, queue.where, "process %d counts %lu queued signals, %u were found",
                     process->pid,
                     (unsigned long)AUDIT_GET(world, process->raw, process_pending_count), entries);
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    for (size_t i = 0; i < world->process_count; i++)
        if (world->processes[i].in_pid_table)
            check_process(audit, world, &world->processes[i]);
}

const struct audit_invariant invariant_signals = {
    .name = "signals",
    .proves = "every queued signal is pending, is counted, and whoever would take it is told to "
              "look",
    .needs = AUDIT_NEEDS_WAKES | AUDIT_NEEDS_FAMILY,
    .check = check,
};
