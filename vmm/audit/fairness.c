/*
 * vmm/audit/fairness.c - who is ready runs within a bound, and time adds up.
 *
 * Reads: every switch, wake-up and migration. Proves: while a task is ready on a CPU, the others
 * there run for at most eight slices each before it does (by the theorem of Stoica and Abdel-Wahab,
 * 1995, nobody falls behind by more than one; eight leave room for tasks that come and go, and for
 * nice levels, which the records do not tell), or 300 ms in all if that is more; no task runs on
 * for a second while others wait; the time a task ran, as its switch record says, is the time
 * between the two switches.
 *
 * A host that does not run the CPU makes single runs long, and the kernel charges them to who ran.
 * So each counts for two slices at most in the first bound; who ran beyond its slice waits for that
 * as well; and what went beyond is told to run_queues.c. Cost: one pass over the tasks that are
 * ready per switch.
 */
#include "vmm/audit/stream.h"

#define SLICE_US      3000ull
#define WAIT_SLICES   8ull /* per task that is ready or running there; nice levels included */
#define WAIT_LEAST_US 300000ull
#define LONGEST_US    1000000ull
#define READY_MAX     256

struct waiting {
    int32_t tid;
    uint64_t since;  /* TSC */
    uint64_t passed; /* cycles that others ran meanwhile, each run cut to two slices */
};

struct cpu_state {
    bool seen;
    bool mixed; /* other classes or another policy are at work: no bound of the fair one holds */
    int32_t running;
    uint64_t since;
    uint64_t stopped; /* audit_stopped_tsc() then */
    struct waiting ready[READY_MAX];
    unsigned count, most;
};

struct fairness {
    unsigned cpu_count; /* seen so far */
    struct cpu_state cpus[BOOT_CPUS_MAX];
    int16_t where[AUDIT_TIDS]; /* CPU + 1 on which it is ready, 0 = none */
    uint64_t debt[AUDIT_TIDS]; /* cycles that it ran beyond its slice and has not waited for yet */
};

static void *create(void)
{
    return calloc(1, sizeof(struct fairness));
}

static void add_ready(struct fairness *fairness, unsigned cpu, int32_t tid, uint64_t tsc)
{
    struct cpu_state *state = &fairness->cpus[cpu];

    if (!stream_tid_ok(tid) || !tid || fairness->where[tid] || state->count == READY_MAX)
        return;
    state->ready[state->count++] = (struct waiting){.tid = tid, .since = tsc};
    state->most = state->count > state->most ? state->count : state->most;
    fairness->where[tid] = (int16_t)(cpu + 1);
}

static void remove_ready(struct fairness *fairness, int32_t tid)
{
    if (!stream_tid_ok(tid) || !fairness->where[tid])
        return;
    struct cpu_state *state = &fairness->cpus[fairness->where[tid] - 1];
    for (unsigned i = 0; i < state->count; i++)
        if (state->ready[i].tid == tid) {
            uint64_t paid = state->ready[i].passed / (state->most + 1);

            fairness->debt[tid] -= paid < fairness->debt[tid] ? paid : fairness->debt[tid];
            state->ready[i] = state->ready[--state->count];
            break;
        }
    fairness->where[tid] = 0;
}

static void pass_time(struct vt_audit *audit, struct fairness *fairness, unsigned cpu, uint64_t ran)
{
    struct cpu_state *state = &fairness->cpus[cpu];
    uint64_t khz = audit_tsc_khz(audit), slice = SLICE_US * khz / 1000;
    uint64_t counted = ran > 2 * slice ? 2 * slice : ran;

    for (unsigned i = 0; i < state->count; i++) {
        struct waiting *waiting = &state->ready[i];
        uint64_t bound = (WAIT_SLICES * slice + fairness->debt[waiting->tid]) * (state->most + 1);
        uint64_t least = WAIT_LEAST_US * khz / 1000;

        waiting->passed += counted;
        if (waiting->passed > (bound > least ? bound : least)) {
            audit_report(audit, (struct audit_finding){.tid = waiting->tid},
                         "task %d is ready on CPU %u and was passed over for %lu ms of others' "
                         "running",
                         waiting->tid, cpu, (unsigned long)(waiting->passed / khz));
            waiting->passed = 0;
        }
    }
}

/* Nobody has been passed over yet. */
static void start_anew(struct cpu_state *state, uint64_t tsc)
{
    for (unsigned i = 0; i < state->count; i++) {
        state->ready[i].since = tsc;
        state->ready[i].passed = 0;
    }
}

static void check_switch(struct vt_audit *audit, struct fairness *fairness,
                         const struct trace_record *record)
{
    struct cpu_state *state = &fairness->cpus[record->cpu];
    int32_t previous = low_half(record->arg[0]), next = high_half(record->arg[0]);
    uint64_t khz = audit_tsc_khz(audit), slice = SLICE_US * khz / 1000;

    if (!khz)
        return;
    if (state->seen && previous) {
        uint64_t ran = record->tsc - state->since;

        if (ran != record->arg[3])
            audit_report(
                audit, (struct audit_finding){.tid = previous},
                "task %d is said to have run %lu cycles on CPU %u, between its switches were "
                "%lu",
                previous, (unsigned long)record->arg[3], record->cpu, (unsigned long)ran);
        if (state->mixed || switch_mixed(record))
            start_anew(state, record->tsc);
        else if (ran > 2 * slice && state->count)
            audit_add_overrun(audit, ran - 2 * slice);
        if (!state->mixed && !switch_mixed(record))
            pass_time(audit, fairness, record->cpu, ran);
        if (ran > slice && stream_tid_ok(previous))
            fairness->debt[previous] += ran - slice;
    }
    remove_ready(fairness, next);
    if (!state->count)
        state->most = 0;
    if (previous && switch_state(record) == TASK_READY)
        add_ready(fairness, record->cpu, previous, record->tsc);
    state->seen = true;
    state->mixed = switch_mixed(record);
    state->running = next;
    state->since = record->tsc;
    state->stopped = audit_stopped_tsc(audit);
}

/* Who runs on and on, while the same others wait all the time, is seen by what is written
 * meanwhile.
 */
static void check_running(struct vt_audit *audit, struct fairness *fairness,
                          const struct trace_record *record)
{
    uint64_t khz = audit_tsc_khz(audit);
    uint64_t stopped = audit_stopped_tsc(audit);

    for (unsigned i = 0; i < fairness->cpu_count; i++) {
        const struct cpu_state *state = &fairness->cpus[i];
        int64_t longest = (int64_t)(LONGEST_US * khz / 1000 + stopped - state->stopped);

        if (!state->seen || state->mixed || !state->running ||
            (int64_t)(record->tsc - state->since) <= longest)
            continue;
        for (unsigned j = 0; j < state->count; j++)
            if ((int64_t)(record->tsc - state->ready[j].since) > longest)
                audit_report(audit,
                             (struct audit_finding){.tid = state->running,
                                                    .object = (uint64_t)state->ready[j].tid},
                             "task %d runs on CPU %u for %lu ms while task %d is ready",
                             state->running, i, (unsigned long)((record->tsc - state->since) / khz),
                             state->ready[j].tid);
    }
}

static void record(struct vt_audit *audit, const struct trace_record *record)
{
    struct fairness *fairness = audit_state(audit);

    if (record->cpu >= BOOT_CPUS_MAX)
        return;
    if (record->cpu >= fairness->cpu_count)
        fairness->cpu_count = record->cpu + 1u;
    check_running(audit, fairness, record);
    switch (record->type) {
    case TRACE_SWITCH:
        check_switch(audit, fairness, record);
        break;
    case TRACE_WAKEUP: {
        uint32_t cpu = (uint32_t)high_half(record->arg[0]);

        if (cpu < BOOT_CPUS_MAX)
            add_ready(fairness, cpu, low_half(record->arg[0]), record->tsc);
        break;
    }
    case TRACE_MIGRATE: {
        uint32_t cpu = (uint32_t)high_half(record->arg[0]);

        remove_ready(fairness, low_half(record->arg[0]));
        if (cpu < BOOT_CPUS_MAX)
            add_ready(fairness, cpu, low_half(record->arg[0]), record->tsc);
        break;
    }
    case TRACE_RENUMBER:
        if (stream_tid_ok(low_half(record->arg[0])) && stream_tid_ok(record->tid))
            fairness->debt[record->tid] = fairness->debt[low_half(record->arg[0])];
        break;
    default:
        break;
    }
}

const struct audit_invariant invariant_fairness = {
    .name = "fairness",
    .proves = "a ready task is not passed over beyond the scheduler's bound, and run times add up",
    .record = record,
    .state_create = create,
    .state_destroy = free,
};
