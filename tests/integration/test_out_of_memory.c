/*
 * tests/integration/test_out_of_memory.c - a machine whose memory is taken whole: who ends, who
 * lives, and what the trace says.
 */
#include <stdio.h>

#include "tests/integration/harness.h"

#define MEMORY  (64ull << 20)
#define ROUNDS  3
#define SIGKILL 9

static struct session *start(const struct variant *variant, const char *how)
{
    variant_require(variant);
    if (harness_is_slow(variant) && variant->cpus > 1)
        cr_skip_test("to take all memory takes too long here; with one CPU it is done");
    const char *arguments[] = {guest_program("memory_hog"), how, NULL};
    struct session_settings settings = {
        .arguments = arguments, .memory_bytes = MEMORY, .trace = true, .trace_lossless = false};

    return session_start(variant, &settings);
}

/* The hogs end by SIGKILL, in each round, and their parent is well afterwards. */
static int expect_hogs(struct session *session)
{
    int hog = 0, signal = 0;

    for (int i = 0; i < ROUNDS; i++) {
        cr_assert(sscanf(session_expect(session, "hog "), "%d ended: signal %d", &hog, &signal) ==
                  2);
        cr_assert(signal == SIGKILL, "hog %d ended by signal %d", hog, signal);
    }
    session_expect(session, "well");
    return hog;
}

/* Does the hog get SIGKILL and its parent live, again and again, with an event that names it? */
VARIANT_TEST(out_of_memory, hog_ends_parent_lives)
{
    struct trace_record record;
    struct vt_trace *trace;
    unsigned events = 0;
    int last = 0;

    variant_require(variant);
    struct session *session = start(variant, NULL);
    require_ok(vt_guest_trace_types(session_guest(session), 1ull << TRACE_OUT_OF_MEMORY),
               "vt_guest_trace_types"); /* not the floods of page faults */
    require_ok(vt_trace_open(session_guest(session), false, &trace), "vt_trace_open");
    int hog = expect_hogs(session);
    session_wait_exit(session, 0);
    struct vt_error *error;
    while ((error = vt_trace_next(trace, 0, &record)) == NULL)
        if (record.type == TRACE_OUT_OF_MEMORY) {
            events++;
            last = (int)record.arg[0];
        }
    vt_error_destroy(error);
    vt_trace_close(trace);
    cr_assert(events == ROUNDS, "%u events of %d", events, ROUNDS);
    cr_assert(last == hog, "the last event names %d, the last hog was %d", last, hog);
    session_destroy(session);
}

/* Is a larger process spared that asked for it with oom_score_adj? */
VARIANT_TEST(out_of_memory, adjustment_spares)
{
    int score = -1, own = 0;

    variant_require(variant);
    struct session *session = start(variant, "spared");
    cr_assert(sscanf(session_expect(session, "scores "), "%d %d", &score, &own) == 2);
    cr_assert(score == 0 && own == 1, "scores %d and %d", score, own);
    expect_hogs(session);
    session_wait_exit(session, 0);
    session_destroy(session);
}
