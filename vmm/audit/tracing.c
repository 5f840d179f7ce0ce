/*
 * vmm/audit/tracing.c - tracer and tracee know each other (ptrace(2)).
 *
 * Reads: the list of tracees of every process, what each task says of being one. Proves, in a world at
 * rest: what is in a process's list names that process as its tracer, is in no other list, and leads to a
 * task that leads back, or its task has ended; a task's tracee that has a tracer is in that one's list; it
 * has as many references as the two; a tracee that is stopped for its tracer has one, does not run, and
 * waits where the tracer will wake it. Cost: one pass over processes and tasks.
 */
#include "vmm/audit/audit.h"

#include "vmm/audit/tally.h"

#define TRACEES_MAX 100000u

struct judging {
    struct vt_audit *audit;
    const struct audit_world *world;
    struct audit_tally tracees; /* listed: in lists of tracers; held: tasks */
};

static const uint8_t *tracee_at(const struct judging *judging, uint64_t address)
{
    return audit_at(judging->world, address, judging->world->layout->tracee_bytes);
}

static void walk_list(struct judging *judging, const struct audit_process *tracer)
{
    const struct audit_layout *l = judging->world->layout;
    uint64_t at = audit_get(tracer->raw, l->process_tracees);
    struct audit_finding where = {.pid = tracer->pid, .object = tracer->address};
    uint32_t steps = 0;

    for (; at && steps < TRACEES_MAX; steps++) {
        const uint8_t *raw = tracee_at(judging, at);
        struct audit_tallied *place = audit_tally(&judging->tracees, at);

        if (!raw || !place)
            break;
        if (place->listed++)
            break; /* a circle, or two lists: check_tracee() says so */
        if (audit_get(raw, l->tracee_tracer) != tracer->address)
            audit_report(judging->audit, where,
                         "process %d lists task %d as its tracee, which has another tracer",
                         tracer->pid, (int)audit_get(raw, l->tracee_tid));
        at = audit_get(raw, l->tracee_next);
    }
    if (steps == TRACEES_MAX)
        audit_report(judging->audit, where, "the tracees of process %d have no end", tracer->pid);
}

static void check_stopped(const struct judging *judging, const uint8_t *raw,
                          const struct audit_task *task, struct audit_finding where)
{
    const struct audit_layout *l = judging->world->layout;

    if (!audit_get(raw, l->tracee_stopped))
        return;
    if (!audit_get(raw, l->tracee_tracer))
        audit_report(judging->audit, where, "task %d is stopped for a tracer that it has not",
                     where.tid);
    else if (task && task->state == TASK_RUNNING)
        audit_report(judging->audit, where, "task %d runs while it is stopped for its tracer",
                     where.tid);
}

static void check_tracee(const struct judging *judging, const struct audit_tallied *known)
{
    const struct audit_layout *l = judging->world->layout;
    const uint8_t *raw = tracee_at(judging, known->address);
    struct audit_finding where = {.object = known->address};

    if (!raw) {
        audit_report(judging->audit, where, "a tracee would be at %#lx",
                     (unsigned long)known->address);
        return;
    }
    uint64_t tracer = audit_get(raw, l->tracee_tracer), owner = audit_get(raw, l->tracee_task);
    const struct audit_task *task = audit_task_at(judging->world, owner);
    where.tid = (int32_t)audit_get(raw, l->tracee_tid);
    if (known->listed != (tracer != 0))
        audit_report(judging->audit, where, "task %d has %s tracer and is in the lists of %u",
                     where.tid, tracer ? "a" : "no", known->listed);
    if (tracer && !audit_process_at(judging->world, tracer))
        audit_report(judging->audit, where, "the tracer of task %d has been freed", where.tid);
    if (owner && (!task || audit_get(task->raw, l->task_tracee) != known->address))
        audit_report(judging->audit, where, "task %d, a tracee, %s", where.tid,
                     task ? "does not know it" : "has been freed");
    if ((owner == 0) != (audit_get(raw, l->tracee_ended) != 0))
        audit_report(judging->audit, where, "the tracee %d has %s and is %s ended", where.tid,
                     owner ? "a task" : "no task", owner ? "said to have" : "not said to have");
    if (audit_get(raw, l->tracee_references) != known->listed + known->held)
        audit_report(judging->audit, where, "the tracee %d has %lu references, %u were found",
                     where.tid, (unsigned long)audit_get(raw, l->tracee_references),
                     known->listed + known->held);
    check_stopped(judging, raw, task, where);
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    struct judging judging = {.audit = audit, .world = world};

    for (size_t i = 0; i < world->process_count; i++)
        if (world->processes[i].in_pid_table)
            walk_list(&judging, &world->processes[i]);
    for (size_t i = 0; i < world->task_count; i++)
        if (world->tasks[i].state != TASK_DEAD)
            audit_tally_hold(&judging.tracees, AUDIT_GET(world, world->tasks[i].raw, task_tracee));
    for (size_t i = 0; !judging.tracees.out_of_memory && i < judging.tracees.room; i++)
        if (judging.tracees.places[i].address)
            check_tracee(&judging, &judging.tracees.places[i]);
    audit_tally_free(&judging.tracees);
}

const struct audit_invariant invariant_tracing = {
    .name = "tracing",
    .proves = "tracers and tracees know each other, and who is stopped for a tracer does not run",
    .needs = AUDIT_NEEDS_FAMILY | AUDIT_NEEDS_WAKES,
    .check = check,
};
