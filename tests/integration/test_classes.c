/*
 * tests/integration/test_classes.c - the scheduler's classes, watched from outside: who goes
 * before whom, who is throttled, who lends what to whom.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/events.h"

static struct session *start_part(const struct variant *variant, const char *part, bool trace)
{
    const char *arguments[] = {guest_program("classes"), part, NULL};
    struct session_settings settings = {
        .arguments = arguments, .keep_input_open = true, .trace = trace, .trace_lossless = trace};

    variant_require(variant);
    return session_start(variant, &settings);
}

/* Does a real-time task that wakes get the CPU before any normal one runs on? */
VARIANT_TEST(classes, a_woken_realtime_task_runs_next)
{
    struct event_log log;
    struct session *session = start_part(variant, "wakes", true);
    const struct trace_record *record;
    int32_t tid = 0;
    unsigned wakeups = 0, late = 0;
    int32_t woken_on = -1;

    events_collect(session, &log);
    const char *line = session_expect(session, "realtime");
    cr_assert(sscanf(line, "%d", &tid) == 1, "%s", line);
    session_wait_exit(session, 0);
    events_finish(&log);
    for (size_t i = 0; i < log.count; i++) {
        record = &log.records[i];
        if (record->type == TRACE_WAKEUP && (int32_t)(uint32_t)record->arg[0] == tid &&
            record->arg[1] == WAIT_SLEEP) {
            woken_on = (int32_t)(record->arg[0] >> 32);
            wakeups++;
        }
        if (record->type != TRACE_SWITCH || record->cpu != woken_on)
            continue;
        late += (int32_t)(uint32_t)(record->arg[0] >> 32) != tid;
        woken_on = -1;
    }
    cr_assert(wakeups >= 30, "only %u wake-ups were seen", wakeups);
    cr_assert(late == 0, "%u of %u times another task ran first", late, wakeups);
    events_free(&log);
    session_destroy(session);
}

/* Do FIFO tasks run by priority? b and c lowered theirs to the same one, which puts each before whom it
 * finds there: as on Linux the later one goes first. */
VARIANT_TEST(classes, fifo_runs_by_priority_and_order)
{
    struct session *session = start_part(variant, "order", false);

    session_expect(session, "order cbda");
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* Do RR tasks of one priority take turns? */
VARIANT_TEST(classes, round_robin_takes_turns)
{
    struct event_log log;
    struct session *session = start_part(variant, "turns", true);
    const struct trace_record *record;
    size_t position = 0;
    unsigned over = 0;

    events_collect(session, &log);
    session_wait_exit(session, 0);
    events_finish(&log);
    while ((record = events_next(&log, &position, TRACE_SWITCH, 0)) != NULL)
        over += switch_reason_of(record) == SWITCH_SLICE_OVER;
    cr_assert(over >= 4, "only %u turns of 100 ms ended, of 750 ms", over);
    events_free(&log);
    session_destroy(session);
}

/* Does a deadline task get the share that it was admitted with, and no more? */
VARIANT_TEST(classes, deadline_is_throttled)
{
    struct session *session = start_part(variant, "deadline", false);
    int took = 0;

    const char *line = session_expect(session, "20 ms took");
    cr_assert(sscanf(line, "%d", &took) == 1, "%s", line);
    /* Ten budgets of 2 ms: the last begins with the tenth period. */
    cr_assert(took >= 170, "20 ms of CPU took %d ms at a tenth of the CPU", took);
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* Is no more bandwidth given away than there is, and is it given back? */
VARIANT_TEST(classes, deadlines_are_admitted)
{
    struct session *session = start_part(variant, "admission", false);
    char expected[64];

    /* 0.3 of a CPU each, of 0.95 for each CPU. */
    snprintf(expected, sizeof expected, "admitted %u of %u, refused %u", variant->cpus * 95 / 30,
             4 * variant->cpus, 4 * variant->cpus - variant->cpus * 95 / 30);
    session_expect(session, expected);
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* Does the owner of a lock get the class and priority of whoever waits for it? */
VARIANT_TEST(classes, a_waiter_lends_its_priority)
{
    struct session *session = start_part(variant, "lends", false);
    struct vt_special *tasks;
    size_t count, lent = 0;

    session_expect(session, "lent");
    struct vt_guest *guest = session_guest(session);
    require_ok(vt_guest_special_tasks(guest, 0, &tasks, &count), "vt_guest_special_tasks");
    for (size_t i = 0; i < count; i++) {
        lent += tasks[i].inherited;
        if (tasks[i].inherited)
            cr_assert(tasks[i].sched_class == SCHED_CLASS_REALTIME && tasks[i].priority == 60,
                      "task %d has class %u, priority %u", tasks[i].tid, tasks[i].sched_class,
                      tasks[i].priority);
    }
    cr_assert(lent == 1, "%zu tasks have a place that was lent to them", lent);
    free(tasks);
    session_send(session, "go on\n");
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* Do RLIMIT_RTPRIO, RLIMIT_NICE and RLIMIT_RTTIME allow what they say, and no more? */
VARIANT_TEST(classes, limits)
{
    struct session *session = start_part(variant, "limits", false);

    session_expect(session,
                   "fifo 5: 0, 6: 1, deadline: 1, other: 0, nice -5: 0, -6: 13, idle: 0, back: 0");
    session_expect(session, "told 0 times while it slept");
    session_expect(session, "told after");
    session_expect(session, "ended by signal 9");
    session_wait_exit(session, 0);
    session_destroy(session);
}
