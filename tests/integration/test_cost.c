/*
 * tests/integration/test_cost.c - what being looked at costs the guest, in instructions: QEMU
 * counts them, so the figures are the same on any host and at any load.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/events.h"

#define ROUND_TRIPS     1200 /* at least, by tests/guest/round_trips.c */
#define TRACING_PERCENT 5.0

/* bench/guest_bench.c's operations and what each may cost: instructions, user side included. */
static const struct {
    const char *operation;
    double ceiling;
} ceilings[] = {
    {"getppid", 120},          {"pipe_round_trip", 2400},    {"futex_round_trip", 1800},
    {"fork_exit_wait", 20000}, {"fork_exec_libc_wait", 1e5}, {"thread_create_join", 10000},
    {"page_fault", 800},       {"signal_self", 700},
};

TestSuite(cost, .timeout = 180);

/* Instructions per round trip; with `log`, every event is recorded and collected. */
static double round_trip(struct event_log *log)
{
    const struct variant variant = {VT_ACCEL_QEMU, 1};
    const char *arguments[] = {guest_program("round_trips"), NULL};
    struct session_settings settings = {.arguments = arguments,
                                        .icount = true,
                                        .trace = log != NULL,
                                        .trace_lossless = log != NULL};
    unsigned long ticks;
    unsigned trips;

    variant_require(&variant);
    struct session *session = session_start(&variant, &settings);
    if (log)
        events_collect(session, log);
    const char *line = session_expect(session, "ticks ");
    cr_assert_eq(sscanf(line, "%lu of %u", &ticks, &trips), 2, "%s", line);
    session_wait_exit(session, 0);
    if (log)
        events_finish(log);
    session_destroy(session);
    return (double)ticks / trips;
}

/* Does recording every switch and every wake-up cost a pipe round trip at most five per cent? */
Test(cost, tracing)
{
    struct event_log log;
    double off = round_trip(NULL), on = round_trip(&log);

    cr_expect_geq(events_count(&log, TRACE_SWITCH), 2 * ROUND_TRIPS);
    cr_expect_geq(events_count(&log, TRACE_WAKEUP), 2 * ROUND_TRIPS);
    cr_expect_geq(on, off + 20, "a record cannot cost next to nothing: %.1f and %.1f", off, on);
    cr_expect_leq(on, off * (1 + TRACING_PERCENT / 100),
                  "tracing costs %.1f instructions of %.1f: %.2f %%", on - off, off,
                  100 * (on - off) / off);
    events_free(&log);
}

/* Does every basic operation stay within the instructions it may cost? */
Test(cost, operations)
{
    const struct variant variant = {VT_ACCEL_QEMU, 1};
    const char *arguments[] = {guest_program("../../bench/guest_bench"), NULL};
    struct session_settings settings = {.arguments = arguments, .icount = true};

    variant_require(&variant);
    struct session *session = session_start(&variant, &settings);
    for (size_t i = 0; i < sizeof ceilings / sizeof *ceilings; i++) {
        char wanted[64];
        double median = 0;

        snprintf(wanted, sizeof wanted, "{\"operation\":\"%s\"", ceilings[i].operation);
        const char *line = session_expect(session, wanted);
        const char *at = strstr(line, "\"median\":");
        cr_assert(at != NULL && sscanf(at, "\"median\":%lf", &median) == 1, "%s", line);
        cr_expect_leq(median, ceilings[i].ceiling, "%s takes %.0f instructions, %.0f allowed",
                      ceilings[i].operation, median, ceilings[i].ceiling);
    }
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* Does a record say how much the CPU has to do: the weights of those that are ready or run there?
 */
Test(cost, records_tell_the_load)
{
    struct event_log log;
    size_t position = 0, busy = 0;
    const struct trace_record *record;

    round_trip(&log);
    while ((record = events_next(&log, &position, TRACE_SWITCH, 0)) != NULL) {
        cr_assert_eq(record->load == 0, high_half(record->arg[0]) == 0, "a switch to %d says %u",
                     high_half(record->arg[0]), record->load);
        busy += record->load == 2 * 1024;
    }
    cr_expect_gt(busy, 0, "nobody was ever ready beside the one that ran");
    position = 0;
    while ((record = events_next(&log, &position, TRACE_WAKEUP, 0)) != NULL)
        cr_assert_geq(record->load, 1024);
    events_free(&log);
}
