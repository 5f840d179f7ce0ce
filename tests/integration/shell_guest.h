/*
 * tests/integration/shell_guest.h - a guest whose shell runs lines of a test, one after the other,
 * each with a deadline of its own.
 *
 * A line that is not done by its deadline is reported with who waits for what in it, its processes
 * are killed from outside, and the next line runs in the same guest; where even that does not end
 * it, in a new one. So one line that hangs costs one line and not the run.
 */
#ifndef TESTS_INTEGRATION_SHELL_GUEST_H
#define TESTS_INTEGRATION_SHELL_GUEST_H

#include "tests/integration/harness.h"

struct shell_guest {
    const struct variant *variant;
    struct session *session;
    const char *root;
    const char *const *environment;
    size_t said; /* bytes of stderr that earlier lines wrote */
};

/* What shell_guest_run() returns of a line that did not end by itself. */
#define SHELL_HUNG (-1)

/* A guest with 1 GiB and the folder `root`; `root` and `environment` stay the caller's and are kept
 * until shell_guest_finish(). A guest that does not start fails the test. */
void shell_guest_start(struct shell_guest *guest, const struct variant *variant, const char *root,
                       const char *const *environment);

/*
 * Runs `text`, shell without single quotes, as a program of its own in /work; its input is
 * /dev/null, its output the guest's stderr. Its exit status, or SHELL_HUNG after `seconds`: then
 * shell_guest_said() ends with who waited for what.
 */
int shell_guest_run(struct shell_guest *guest, const char *text, unsigned seconds);

/* The end of what the last line wrote, and of the report if it hung; valid until the next call. */
const char *shell_guest_said(const struct shell_guest *guest);

/* Ends the shell, which must exit with 0, and frees the session. */
void shell_guest_finish(struct shell_guest *guest);

#endif
