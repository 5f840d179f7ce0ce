/*
 * tests/integration/transitions.c - the state machine of a task, judged from the trace alone
 * (docs/model.md):
 *
 *   Created -> Ready -> Running -> { Ready, Blocked, Stopped, Zombie }, Blocked -> Ready, Stopped
 * -> Ready, Zombie -> Dead.
 *
 * Nothing here asks the kernel what it thinks the state is, except where a switch record states the
 * new one.
 */
#include "tests/integration/events.h"

#include <stdlib.h>

#define TIDS 32768 /* as the kernel's largest PID */

struct life {
    enum task_state state;
    uint16_t cpu; /* where it runs */
};

struct replay {
    struct life tasks[TIDS];
    int32_t running[BOOT_CPUS_MAX];
    bool seen[BOOT_CPUS_MAX];
    uint64_t sequence[BOOT_CPUS_MAX];
    uint64_t tsc[BOOT_CPUS_MAX];
};

static struct life *life_of(struct replay *replay, int32_t tid, size_t index)
{
    cr_assert(tid >= 0 && tid < TIDS, "record %zu names task %d", index, tid);
    return &replay->tasks[tid];
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

static void check_switch(struct replay *replay, const struct trace_record *record, size_t index)
{
    int32_t previous = low_half(record->arg[0]), next = high_half(record->arg[0]);
    enum task_state state = switch_state(record);
    enum switch_reason reason = switch_reason_of(record);
    unsigned cpu = record->cpu;

    cr_assert(state_fits_reason(state, reason),
              "record %zu: task %d left CPU %u in state %s because of %s", index, previous, cpu,
              vt_task_state_name(state), vt_switch_reason_name(reason));
    if (replay->seen[cpu])
        cr_assert(replay->running[cpu] == previous,
                  "record %zu: CPU %u switches from task %d, but %d ran there", index, cpu,
                  previous, replay->running[cpu]);
    if (previous != 0) { /* idle tasks have no number: every CPU has one */
        struct life *life = life_of(replay, previous, index);

        cr_assert(life->state == TASK_UNUSED || (life->state == TASK_RUNNING && life->cpu == cpu),
                  "record %zu: task %d leaves CPU %u while %s", index, previous, cpu,
                  vt_task_state_name(life->state));
        life->state = state;
    }
    if (next != 0) {
        struct life *life = life_of(replay, next, index);

        cr_assert(life->state == TASK_UNUSED || life->state == TASK_READY,
                  "record %zu: CPU %u switches to task %d, which is %s", index, cpu, next,
                  vt_task_state_name(life->state));
        life->state = TASK_RUNNING;
        life->cpu = (uint16_t)cpu;
    }
    replay->running[cpu] = next;
    replay->seen[cpu] = true;
}

static void check_wakeup(struct replay *replay, const struct trace_record *record, size_t index)
{
    int32_t tid = low_half(record->arg[0]);
    struct life *life = life_of(replay, tid, index);

    switch (life->state) {
    case TASK_BLOCKED:
    case TASK_BLOCKED_HARD:
    case TASK_STOPPED:
        life->state = TASK_READY;
        break;
    case TASK_UNUSED: /* not seen yet: it slept before the first record */
        life->state = TASK_READY;
        break;
    case TASK_RUNNING: /* it had only decided to sleep: no transition */
        break;
    default:
        cr_assert_fail("record %zu: task %d is woken while %s", index, tid,
                       vt_task_state_name(life->state));
    }
}

static void check_record(struct replay *replay, const struct trace_record *record, size_t index)
{
    struct life *life;

    cr_assert(record->type > TRACE_NONE && record->type < TRACE_TYPES, "record %zu has type %u",
              index, record->type);
    cr_assert(record->cpu < BOOT_CPUS_MAX, "record %zu is of CPU %u", index, record->cpu);
    if (replay->sequence[record->cpu] != 0)
        cr_assert(record->sequence == replay->sequence[record->cpu] + 1,
                  "record %zu: CPU %u jumps from sequence %llu to %llu", index, record->cpu,
                  (unsigned long long)replay->sequence[record->cpu],
                  (unsigned long long)record->sequence);
    cr_assert(record->tsc >= replay->tsc[record->cpu], "record %zu: time of CPU %u runs backwards",
              index, record->cpu);
    replay->sequence[record->cpu] = record->sequence;
    replay->tsc[record->cpu] = record->tsc;
    switch (record->type) {
    case TRACE_SWITCH:
        check_switch(replay, record, index);
        break;
    case TRACE_WAKEUP:
        check_wakeup(replay, record, index);
        break;
    case TRACE_FORK:
        life = life_of(replay, low_half(record->arg[0]), index);
        cr_assert(life->state == TASK_UNUSED || life->state == TASK_DEAD,
                  "record %zu: new task %d exists already", index, low_half(record->arg[0]));
        life->state = TASK_READY;
        break;
    case TRACE_EXIT:
        life = life_of(replay, record->tid, index);
        cr_assert(life->state == TASK_RUNNING || life->state == TASK_UNUSED,
                  "record %zu: task %d ends while %s", index, record->tid,
                  vt_task_state_name(life->state));
        break;
    case TRACE_REAP:
        life = life_of(replay, low_half(record->arg[0]), index);
        /* Who reaps may be faster on another CPU than the dead task's last switch. */
        cr_assert(life->state == TASK_ZOMBIE || life->state == TASK_UNUSED ||
                      life->state == TASK_RUNNING,
                  "record %zu: task %d is reaped while %s", index, low_half(record->arg[0]),
                  vt_task_state_name(life->state));
        if (life->state == TASK_ZOMBIE)
            life->state = TASK_DEAD;
        break;
    default:
        break;
    }
}

void events_check_transitions(const struct event_log *log)
{
    struct replay *replay = calloc(1, sizeof *replay);

    cr_assert(replay != NULL);
    for (size_t i = 0; i < log->count; i++)
        check_record(replay, &log->records[i], i);
    free(replay);
}
