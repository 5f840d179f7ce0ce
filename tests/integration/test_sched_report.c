/*
 * tests/integration/test_sched_report.c - the reports of `--summary` against figures that the test
 * adds up itself from the same trace, and through the command.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/harness.h"
#include "vmm/export/sched_report.h"

#define RING_RECORDS (1u << 16)
#define TIDS         512

/* By the records alone: the time run is what the kernel wrote into each switch. */
struct expected {
    uint64_t switches, wakeups, user_stays;
    uint64_t run_ns[TIDS], leaves[TIDS], enters[TIDS], delays[TIDS], delay_max_ns[TIDS],
        ready_ns[TIDS];
};

static void expect_record(struct expected *expected, struct vt_guest *guest,
                          const struct trace_record *record)
{
    uint64_t now = vt_guest_tsc_to_ns(guest, record->tsc);
    uint32_t low = (uint32_t)record->arg[0] % TIDS, high = (uint32_t)(record->arg[0] >> 32) % TIDS;

    switch (record->type) {
    case TRACE_SWITCH:
        expected->switches++;
        expected->user_stays += low != 0;
        expected->leaves[low]++;
        expected->enters[high]++;
        expected->run_ns[low] += now - vt_guest_tsc_to_ns(guest, record->tsc - record->arg[3]);
        if (expected->ready_ns[high]) {
            uint64_t delay = now > expected->ready_ns[high] ? now - expected->ready_ns[high] : 0;

            expected->delays[high]++;
            if (delay > expected->delay_max_ns[high])
                expected->delay_max_ns[high] = delay;
        }
        expected->ready_ns[high] = 0;
        break;
    case TRACE_WAKEUP:
        expected->wakeups++;
        expected->ready_ns[low] = now;
        break;
    case TRACE_FORK:
        expected->ready_ns[low] = now;
        break;
    default:
        break;
    }
}

/* The report over everything that the ended machine's rings have; json_decref() it. */
static json_t *report_of(struct vt_guest *guest, enum sched_report kind)
{
    struct trace_sink *sink;
    struct vt_trace *trace;
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);

    require_ok(vt_trace_open(guest, false, &trace), "vt_trace_open");
    require_ok(sched_report_create(guest, kind, true, out, &sink), "sched_report_create");
    require_ok(trace_pump(trace, &sink, 1, NULL), "trace_pump");
    sink->destroy(sink);
    vt_trace_close(trace);
    fclose(out);
    json_t *report = json_loads(text, 0, NULL);
    cr_assert(report != NULL, "not JSON: %.400s", text);
    free(text);
    cr_expect(json_integer_value(json_object_get(report, "lost")) == 0);
    return report;
}

static uint64_t number_of(const json_t *row, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(row, name));
}

/* Do the figures of all three reports follow from the records? */
VARIANT_TEST(sched_report, figures_are_those_of_the_trace)
{
    const char *arguments[] = {guest_program("many_forks"), "20", NULL};
    struct session_settings settings = {.arguments = arguments,
                                        .input = "go\ngo\n",
                                        .input_bytes = 6,
                                        .trace = true,
                                        .trace_ring_records = RING_RECORDS};
    struct expected *expected = calloc(1, sizeof *expected);
    struct trace_record record;
    struct vt_trace *trace;
    unsigned compared = 0;

    variant_require(variant);
    struct session *session = session_start(variant, &settings);
    session_wait_exit(session, 0);
    struct vt_guest *guest = session_guest(session);
    require_ok(vt_trace_open(guest, false, &trace), "vt_trace_open");
    struct vt_error *error;
    while ((error = vt_trace_next(trace, 1000, &record)) == NULL)
        expect_record(expected, guest, &record);
    cr_assert(vt_error_code(error) == VT_ERROR_GONE && vt_trace_lost(trace) == 0);
    vt_error_destroy(error);
    vt_trace_close(trace);

    json_t *latency = report_of(guest, SCHED_REPORT_LATENCY);
    json_t *rows = json_object_get(latency, "rows"), *row;
    size_t i;
    cr_expect(number_of(latency, "switches") == expected->switches && expected->switches > 40);
    cr_expect(number_of(latency, "wakeups") == expected->wakeups);
    json_array_foreach(rows, i, row)
    {
        uint64_t tid = number_of(row, "tid"), run = number_of(row, "run_ns");

        cr_assert(tid > 0 && tid < TIDS);
        cr_expect(number_of(row, "own") + number_of(row, "forced") == expected->leaves[tid],
                  "task %lu left its CPU %lu times", tid, expected->leaves[tid]);
        cr_expect(number_of(row, "delays") == expected->delays[tid],
                  "task %lu: %lu delays, not %lu", tid, number_of(row, "delays"),
                  expected->delays[tid]);
        cr_expect(number_of(row, "delay_max_ns") == expected->delay_max_ns[tid]);
        /* Who still runs at the end has a stay without a record; who ran at the start, too. */
        if (expected->enters[tid] && expected->leaves[tid] == expected->enters[tid]) {
            uint64_t apart = run > expected->run_ns[tid] ? run - expected->run_ns[tid]
                                                         : expected->run_ns[tid] - run;

            cr_expect(apart <= expected->leaves[tid] * 20000 + run / 50,
                      "task %lu ran %lu ns, not %lu", tid, run, expected->run_ns[tid]);
            compared++;
        }
    }
    cr_expect(compared > 10, "only %u run times were compared", compared);
    json_decref(latency);

    json_t *map = report_of(guest, SCHED_REPORT_MAP);
    cr_expect(json_array_size(json_object_get(map, "rows")) == expected->switches);
    json_decref(map);
    json_t *timehist = report_of(guest, SCHED_REPORT_TIMEHIST);
    cr_expect(json_array_size(json_object_get(timehist, "rows")) == expected->user_stays);
    json_decref(timehist);
    free(expected);
    session_destroy(session);
}

/* Does the command print each report, of a run and of a machine that runs already? */
VARIANT_TEST_ONE_CPU(sched_report, command_prints_them)
{
    const char *accel = vt_accel_name(variant->accel);
    static const struct {
        const char *name, *words;
    } reports[] = {{"latency", "DELAY avg"}, {"map", " => "}, {"timehist", "waits for a child"}};
    char name[40];
    int input;

    variant_require(variant);
    for (size_t i = 0; i < sizeof reports / sizeof *reports; i++) {
        struct command_result result =
            COMMAND("run", "--quiet", "--accel", accel, "--summary", reports[i].name, "--",
                    "/bin/sh", "-c", "true | cat; exit 3");
        cr_expect(result.status == 3, "status %d: %s", result.status, result.err);
        cr_expect(strstr(result.err, reports[i].words) != NULL, "%s", result.err);
        cr_expect(strstr(result.err, "no events were lost") != NULL, "%s", result.err);
        command_free(&result);
    }
    struct command_result wrong = COMMAND("run", "--summary", "nonsense", "--", "/bin/true");
    cr_expect(wrong.status == 125 && strstr(wrong.err, "latency, map or timehist") != NULL, "%s",
              wrong.err);
    command_free(&wrong);

    snprintf(name, sizeof name, "report-%d", (int)getpid());
    pid_t machine = command_start((const char *const[]){"run", "--quiet", "--accel", accel,
                                                        "--name", name, "--", "/bin/cat", NULL},
                                  &input);
    struct command_result result = {.status = -1};
    for (unsigned tries = 0; tries < 400; tries++) { /* until the machine has its name */
        result = COMMAND("trace", "--summary=latency", "--json", "--seconds", "1", name);
        if (result.status == 0)
            break;
        cr_assert(tries < 399, "%s", result.err);
        command_free(&result);
    }
    json_t *report = json_loads(result.out, 0, NULL);
    cr_expect(report != NULL && json_object_get(report, "lost") != NULL, "%s", result.out);
    json_decref(report);
    command_free(&result);
    close(input);
    cr_expect(command_wait(machine) == 0);
}
