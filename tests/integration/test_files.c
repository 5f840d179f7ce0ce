/*
 * tests/integration/test_files.c - questions about files that cannot be asked of this host's Linux
 * at the same time (test_linux.c), as they change what all of its programs share. The program in
 * the machine says what is wrong and fails.
 */
#include "tests/integration/harness.h"

static void run_in_machine(const struct variant *variant, const char *program)
{
    variant_require(variant);
    if (harness_is_slow(variant) && variant->cpus > 1)
        cr_skip_test("kernel code is interpreted here: tried with one CPU only");
    struct session *session = session_start_program(variant, program, NULL);
    struct vt_outcome outcome = session_wait(session);
    cr_assert(outcome.kind == VT_OUTCOME_EXITED && outcome.status == 0, "%s: kind %d status %d\n%s",
              program, outcome.kind, outcome.status, session_stdout(session, NULL));
    session_destroy(session);
}

/* Do the limits of inotify hold: instances and watches of a user, events that nobody reads? */
VARIANT_TEST(files, inotify_limits)
{
    run_in_machine(variant, "inotify_limits");
}
