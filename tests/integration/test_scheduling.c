/*
 * tests/integration/test_scheduling.c - switching: registers survive it, blocked tasks cost
 * nothing, spinners share a CPU and die when told, every state change is a legal one, every zombie
 * gets noticed.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/events.h"

static struct session *start_collected(const struct variant *variant, const char *const *arguments,
                                       const char *kernel_options, struct event_log *log)
{
    struct session_settings settings = {.arguments = arguments,
                                        .kernel_options = kernel_options,
                                        .keep_input_open = true,
                                        .trace = true,
                                        .trace_lossless = true};
    struct session *session = session_start(variant, &settings);

    events_collect(session, log);
    return session;
}

static void check_registers(const struct variant *variant, const char *kernel_options)
{
    char switches[16], spins[16];
    const char *arguments[] = {guest_program("registers"), switches, spins, NULL};
    struct event_log log;
    struct session *session;
    unsigned wanted = harness_count(variant, 10000, 20, true);
    size_t seen = 0, position = 0, preempted = 0;
    const struct trace_record *record;

    variant_require(variant);
    snprintf(switches, sizeof switches, "%u", wanted);
    snprintf(spins, sizeof spins, "%u", 10u);
    session = start_collected(variant, arguments, kernel_options, &log);
    session_expect(session, "registers intact");
    session_wait_exit(session, 0);
    events_finish(&log);
    while ((record = events_next(&log, &position, TRACE_SWITCH, 0)) != NULL) {
        seen += switch_reason_of(record) == SWITCH_YIELD;
        preempted += switch_reason_of(record) == SWITCH_SLICE_OVER ||
                     switch_reason_of(record) == SWITCH_PREEMPTED;
    }
    /* The last process of the three yields alone for a while. */
    cr_assert(seen >= wanted / 2, "only %zu of %u yields switched", seen, wanted);
    cr_assert(preempted > 0, "nobody was ever preempted");
    events_check_transitions(&log);
    events_free(&log);
    session_destroy(session);
}

/* Are all registers, the flags and the FPU the same after 10,000 switches, by yield and by
 * preemption? */
VARIANT_TEST(scheduling, registers_survive)
{
    check_registers(variant, NULL);
}

/* And where every switch loads the FPU at once, as on a real processor, and no first use traps? */
Test(scheduling, registers_survive_eager_switches)
{
    check_registers(&(struct variant){VT_ACCEL_QEMU, 1}, "fpu=eager");
    check_registers(&(struct variant){VT_ACCEL_QEMU, 2}, "fpu=eager");
}

struct cpu_use {
    uint64_t time_ns, switches;
};

static struct cpu_use cpu_use(struct vt_guest *guest, int32_t tid)
{
    struct vt_task task;

    require_ok(vt_guest_task(guest, tid, &task), "vt_guest_task");
    return (struct cpu_use){task.utime_ns + task.stime_ns, task.nvcsw + task.nivcsw};
}

/* Does a blocked task get no CPU time and no switch, whatever it waits for, while another computes?
 */
VARIANT_TEST(scheduling, blocked_costs_nothing)
{
    struct session *session;
    struct vt_guest *guest;
    struct cpu_use before[5], after[5], spinner_before, spinner_after;
    static const enum wait_kind kinds[5] = {WAIT_PIPE_READ, WAIT_FUTEX, WAIT_SLEEP, WAIT_POLL,
                                            WAIT_SIGNAL};
    int32_t tids[5], spinner;

    variant_require(variant);
    session = session_start_program(variant, "blocked", NULL);
    guest = session_guest(session);
    for (int i = 0; i < 5; i++)
        tids[i] = atoi(session_expect(session, "waiting "));
    spinner = atoi(session_expect(session, "spinning "));
    for (int i = 0; i < 5; i++) {
        struct vt_task task;

        require_ok(vt_guest_task(guest, tids[i], &task), "vt_guest_task");
        cr_assert(task.state == TASK_BLOCKED, "task %d is %s", tids[i],
                  vt_task_state_name(task.state));
        cr_assert(task.wait_kind == kinds[i], "task %d waits for %s instead of %s", tids[i],
                  vt_wait_kind_name(task.wait_kind), vt_wait_kind_name(kinds[i]));
        before[i] = cpu_use(guest, tids[i]);
    }
    spinner_before = cpu_use(guest, spinner);
    usleep(500000);
    for (int i = 0; i < 5; i++)
        after[i] = cpu_use(guest, tids[i]);
    spinner_after = cpu_use(guest, spinner);
    for (int i = 0; i < 5; i++) {
        cr_assert(after[i].time_ns == before[i].time_ns, "blocked task %d used %llu ns", tids[i],
                  (unsigned long long)(after[i].time_ns - before[i].time_ns));
        cr_assert(after[i].switches == before[i].switches, "blocked task %d was switched", tids[i]);
    }
    /* Its time is brought up to date at each tick or switch; half of the wall time is ample slack.
     */
    cr_assert(spinner_after.time_ns > spinner_before.time_ns, "the spinning task got no time");
    session_send(session, "end\n");
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* Do two tasks that never make a call share one CPU, and does SIGKILL end them? */
VARIANT_TEST(scheduling, spinners_share_and_die)
{
    struct event_log log;
    const char *arguments[] = {guest_program("spinners"), harness_is_slow(variant) ? "2000" : "400",
                               NULL};
    struct session *session;
    unsigned long counts[2];
    double ratio;

    variant_require(variant);
    session = start_collected(variant, arguments, NULL, &log);
    cr_assert(sscanf(session_expect(session, "counts "), "%lu %lu", &counts[0], &counts[1]) == 2);
    cr_assert(counts[0] > 0 && counts[1] > 0, "a spinner starved: %lu and %lu", counts[0],
              counts[1]);
    ratio = (double)counts[0] / (double)counts[1];
    cr_assert(ratio > 0.4 && ratio < 2.5, "an unfair share: %lu and %lu", counts[0], counts[1]);
    for (int i = 0; i < 2; i++) {
        int pid, status;

        cr_assert(sscanf(session_expect(session, "ended "), "%d %d", &pid, &status) == 2);
        cr_assert(status == SIGKILL, "wait status %x instead of SIGKILL", (unsigned)status);
    }
    session_wait_exit(session, 0);
    events_finish(&log);
    events_check_transitions(&log);
    events_free(&log);
    session_destroy(session);
}

static size_t count_state(struct vt_guest *guest, enum task_state state)
{
    struct vt_task *tasks;
    size_t count, found = 0;

    require_ok(vt_guest_tasks(guest, &tasks, &count), "vt_guest_tasks");
    for (size_t i = 0; i < count; i++)
        found += tasks[i].state == state;
    free(tasks);
    return found;
}

/* Is every zombie there until its parent looks, with its status, and reaped by exactly that parent?
 */
VARIANT_TEST(scheduling, zombies_are_seen)
{
    const char *arguments[] = {guest_program("zombies"), NULL};
    struct event_log log;
    struct session *session;
    int32_t pids[12], orphan, main_tid = 0;
    int statuses[12];
    size_t position;
    const struct trace_record *record;

    variant_require(variant);
    session = start_collected(variant, arguments, NULL, &log);
    for (int i = 0; i < 12; i++)
        cr_assert(sscanf(session_expect(session, "child "), "%d %d", &pids[i], &statuses[i]) == 2);
    orphan = atoi(session_expect(session, "orphan "));
    session_expect(session, "ended");
    for (int i = 0; i < 12; i++) {
        struct vt_task task;

        require_ok(vt_guest_task(session_guest(session), pids[i], &task), "vt_guest_task");
        cr_assert(task.state == TASK_ZOMBIE, "ended child %d is %s", pids[i],
                  vt_task_state_name(task.state));
        cr_assert(task.exit_status == statuses[i] << 8, "zombie %d shows wait status %x", pids[i],
                  (unsigned)task.exit_status);
    }
    session_send(session, "reap\n");
    session_expect(session, "reaped");
    cr_assert(count_state(session_guest(session), TASK_ZOMBIE) == 0, "a zombie is left over");
    session_send(session, "end\n");
    session_wait_exit(session, 0);
    events_finish(&log);
    for (int i = 0; i < 12; i++) {
        position = 0;
        do
            record = events_next(&log, &position, TRACE_REAP, 0);
        while (record != NULL && low_half(record->arg[0]) != pids[i]);
        cr_assert(record != NULL, "no reap of child %d in the trace", pids[i]);
        cr_assert(high_half(record->arg[0]) == statuses[i] << 8);
        if (main_tid == 0)
            main_tid = (int32_t)record->arg[1];
        cr_assert((int32_t)record->arg[1] == main_tid, "child %d was reaped by task %d", pids[i],
                  (int)record->arg[1]);
    }
    position = 0;
    do
        record = events_next(&log, &position, TRACE_REAP, 0);
    while (record != NULL && low_half(record->arg[0]) != orphan);
    cr_assert(record != NULL && (int32_t)record->arg[1] == 1, "the orphan was not reaped by init");
    events_check_transitions(&log);
    events_free(&log);
    session_destroy(session);
}

/* Do both C libraries' threads work? */
VARIANT_TEST(scheduling, threads)
{
    static const char *const names[] = {"threads", "threads-musl"};

    variant_require(variant);
    for (int i = 0; i < 2; i++) {
        const char *arguments[] = {guest_program(names[i]), NULL};
        struct event_log log;
        struct session *session = start_collected(variant, arguments, NULL, &log);

        session_expect(session, "threads work");
        session_wait_exit(session, 0);
        events_finish(&log);
        events_check_transitions(&log);
        events_free(&log);
        session_destroy(session);
    }
}

/* Do threads get through setting alarms that are just firing, on CPU time and real time? */
VARIANT_TEST(scheduling, alarms_set_while_they_fire)
{
    char rounds[16];
    const char *arguments[] = {guest_program("timer_races"), rounds, NULL};
    struct session_settings settings = {.arguments = arguments};

    variant_require(variant);
    snprintf(rounds, sizeof rounds, "%u", harness_count(variant, 10000, 10, true));
    struct session *session = session_start(variant, &settings);
    session_expect(session, "done");
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* The weight of a task that spins, as its CPU's queue shows it. */
static uint32_t weight_of(struct session *session, int32_t tid)
{
    for (unsigned tries = 0; tries < 100000; tries++) {
        struct vt_run_queue *queue;
        uint32_t weight = 0;

        require_ok(vt_guest_run_queue(session_guest(session), 0, &queue), "vt_guest_run_queue");
        if (!queue->idle && queue->running.tid == tid)
            weight = queue->running.weight;
        for (size_t i = 0; i < queue->queued_count; i++) {
            if (queue->queued[i].tid == tid)
                weight = queue->queued[i].weight;
        }
        free(queue);
        if (weight)
            return weight;
    }
    cr_assert_fail("task %d is never ready", tid);
    return 0;
}

/* Does the owner of a lock run with the weight of whoever waits for it, along a chain too, and only
 * as long? */
VARIANT_TEST_ONE_CPU(scheduling, priority_inheritance)
{
    const char *arguments[] = {guest_program("inherits"), NULL};
    struct session_settings settings = {.arguments = arguments, .keep_input_open = true};
    struct session *session;

    variant_require(variant);
    session = session_start(variant, &settings);
    int32_t tid = atoi(session_expect(session, "inherits "));
    uint32_t weight = weight_of(session, tid);
    cr_assert(weight == 1024, "nice 19 with nice 0 waiting weighs %u", weight);
    session_send(session, "unlock\n");
    session_expect(session, "alone ");
    weight = weight_of(session, tid);
    cr_assert(weight == 15, "nice 19 alone weighs %u", weight);
    session_send(session, "end\n");
    session_wait_exit(session, 0);
    session_destroy(session);
}
