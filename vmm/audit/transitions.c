/*
 * vmm/audit/transitions.c - the state machine of a task, judged from the records alone
 * (docs/model.md):
 *
 *   Created -> Ready -> Running -> { Ready, Blocked, Stopped, Zombie }, Blocked -> Ready, Stopped
 * -> Ready, Zombie -> Dead.
 *
 * Reads: every switch, wake-up, fork, exit, reaping and renumbering. Nothing here asks the kernel what it thinks
 * the state is, except where a switch record states the new one. Proves: each step is a legal one,
 * its reason fits, a CPU switches from who ran there to somebody ready. Cost: a few comparisons per
 * record.
 */
#include "vmm/audit/stream.h"

struct life {
    enum task_state state;
    uint16_t cpu;     /* where it runs */
    uint16_t leaving; /* CPU + 1 on which the former bearer of the number has its last switch to come:
                         it is gone for everybody else; 0 = nobody */
    bool ends;        /* a thread whose number is free from now on, last switch or not */
};

struct replay {
    struct life tasks[AUDIT_TIDS];
    int32_t running[BOOT_CPUS_MAX];
    bool seen[BOOT_CPUS_MAX];
};

static void *create(void)
{
    return calloc(1, sizeof(struct replay));
}

static struct life *life_of(struct vt_audit *audit, struct replay *replay, int32_t tid)
{
    if (stream_tid_ok(tid))
        return &replay->tasks[tid];
    audit_report(audit, (struct audit_finding){.tid = tid}, "a record names task %d", tid);
    return &replay->tasks[0];
}

/* Whoever has the number is gone. If another CPU saw to that before the last switch of the dead
 * task, then that switch says nothing about who bears the number next. */
static void give_up_number(struct life *life)
{
    if (life->state == TASK_RUNNING)
        life->leaving = (uint16_t)(life->cpu + 1);
    life->state = TASK_DEAD;
    life->ends = false;
}

static bool state_fits_reason(enum task_state state, enum switch_reason reason)
{
    switch (reason) {
    case SWITCH_BLOCKED:
        /* Woken between its decision and its switch, it leaves the CPU ready. */
        return state == TASK_BLOCKED || state == TASK_BLOCKED_HARD || state == TASK_READY;
    case SWITCH_SLICE_OVER:
    case SWITCH_PREEMPTED:
    case SWITCH_YIELD:
    case SWITCH_MIGRATED:
    case SWITCH_IDLE:
        return state == TASK_READY;
    case SWITCH_EXIT:
        return state == TASK_ZOMBIE || state == TASK_DEAD;
    case SWITCH_STOPPED:
        return state == TASK_STOPPED || state == TASK_READY;
    }
    return false;
}

static void check_switch(struct vt_audit *audit, struct replay *replay,
                         const struct trace_record *record)
{
    int32_t previous = low_half(record->arg[0]), next = high_half(record->arg[0]);
    enum task_state state = switch_state(record);
    unsigned cpu = record->cpu;

    if (!state_fits_reason(state, switch_reason(record)))
        audit_report(audit, (struct audit_finding){.tid = previous},
                     "task %d left CPU %u in state %s because of %s", previous, cpu,
                     vt_task_state_name(state), vt_switch_reason_name(switch_reason(record)));
    if (replay->seen[cpu] && replay->running[cpu] != previous)
        audit_report(audit, (struct audit_finding){.tid = previous},
                     "CPU %u switches from task %d, but %d ran there", cpu, previous,
                     replay->running[cpu]);
    struct life *life = life_of(audit, replay, previous);
    if (life->leaving == cpu + 1 && switch_reason(record) == SWITCH_EXIT) {
        life->leaving = 0;
    } else if (previous != 0) { /* idle tasks have no number: every CPU has one */
        if (life->state != TASK_UNUSED && (life->state != TASK_RUNNING || life->cpu != cpu))
            audit_report(audit, (struct audit_finding){.tid = previous},
                         "task %d leaves CPU %u while %s", previous, cpu,
                         vt_task_state_name(life->state));
        life->state = state;
    }
    if (next != 0) {
        life = life_of(audit, replay, next);
        if (life->state != TASK_UNUSED && life->state != TASK_READY)
            audit_report(audit, (struct audit_finding){.tid = next},
                         "CPU %u switches to task %d, which is %s", cpu, next,
                         vt_task_state_name(life->state));
        life->state = TASK_RUNNING;
        life->cpu = (uint16_t)cpu;
    }
    replay->running[cpu] = next;
    replay->seen[cpu] = true;
}

static void check_wakeup(struct vt_audit *audit, struct replay *replay, int32_t tid)
{
    struct life *life = life_of(audit, replay, tid);

    switch (life->state) {
    case TASK_BLOCKED:
    case TASK_BLOCKED_HARD:
    case TASK_STOPPED:
    case TASK_UNUSED: /* not seen yet: it slept before the first record */
        life->state = TASK_READY;
        break;
    case TASK_RUNNING: /* it had only decided to sleep: no transition */
        break;
    default:
        audit_report(audit, (struct audit_finding){.tid = tid}, "task %d is woken while %s", tid,
                     vt_task_state_name(life->state));
    }
}

static void record(struct vt_audit *audit, const struct trace_record *record)
{
    struct replay *replay = audit_state(audit);
    struct life *life;

    if (record->cpu >= BOOT_CPUS_MAX)
        return;
    switch (record->type) {
    case TRACE_SWITCH:
        check_switch(audit, replay, record);
        break;
    case TRACE_WAKEUP:
        check_wakeup(audit, replay, low_half(record->arg[0]));
        break;
    case TRACE_FORK:
        life = life_of(audit, replay, low_half(record->arg[0]));
        if (life->ends)
            give_up_number(life);
        if (life->state != TASK_UNUSED && life->state != TASK_DEAD)
            audit_report(audit, (struct audit_finding){.tid = low_half(record->arg[0])},
                         "new task %d exists already", low_half(record->arg[0]));
        life->state = TASK_READY;
        break;
    case TRACE_EXIT:
        life = life_of(audit, replay, record->tid);
        if (life->state != TASK_RUNNING && life->state != TASK_UNUSED)
            audit_report(audit, (struct audit_finding){.tid = record->tid}, "task %d ends while %s",
                         record->tid, vt_task_state_name(life->state));
        life->ends = record->tid != record->tgid; /* others stay as zombies */
        break;
    case TRACE_REAP:
        life = life_of(audit, replay, low_half(record->arg[0]));
        /* Who reaps may be faster on another CPU than the dead task's last switch. */
        if (life->state != TASK_ZOMBIE && life->state != TASK_UNUSED && life->state != TASK_RUNNING)
            audit_report(audit, (struct audit_finding){.tid = low_half(record->arg[0])},
                         "task %d is reaped while %s", low_half(record->arg[0]),
                         vt_task_state_name(life->state));
        give_up_number(life);
        break;
    case TRACE_RENUMBER: {
        struct life *former = life_of(audit, replay, low_half(record->arg[0]));

        life = life_of(audit, replay, high_half(record->arg[0]));
        /* The process's first thread, which had the number, may be in its last switch on another CPU
         * and have either. */
        if (life->state == TASK_RUNNING && life->cpu != record->cpu)
            replay->seen[life->cpu] = false;
        give_up_number(life);
        life->state = former->state;
        life->cpu = former->cpu;
        former->state = TASK_DEAD;
        former->leaving = life->leaving;
        replay->running[record->cpu] = high_half(record->arg[0]);
        break;
    }
    default:
        break;
    }
}

const struct audit_invariant invariant_transitions = {
    .name = "transitions",
    .proves =
        "every task goes through legal states for reasons that fit, and CPUs switch from who ran "
        "to who is ready",
    .record = record,
    .state_create = create,
    .state_destroy = free,
};
