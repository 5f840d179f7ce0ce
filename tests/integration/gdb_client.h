/*
 * tests/integration/gdb_client.h - Debian's gdb as the judge: a machine run by the `vitrine`
 * command, a gdb with a script on it, and what gdb printed.
 */
#ifndef TESTS_INTEGRATION_GDB_CLIENT_H
#define TESTS_INTEGRATION_GDB_CLIENT_H

#include "tests/integration/harness.h"

#include <sys/types.h>

struct debugged {
    char name[64];    /* of the machine */
    char socket[256]; /* where its stub listens */
    char output[256]; /* file with what the program printed */
    pid_t machine;
    int input;           /* the program's standard input */
    char send[64];       /* gdb's command that sends the program a line */
    char interrupt[400]; /* gdb's command that makes ^C come once the program waits for input */
};

/*
 * Runs a program of tests/guest (arguments after it, NULL-terminated) and waits until it has
 * printed `ready`; with at_start it waits for gdb before the program instead. Skips the test
 * without gdb.
 */
struct debugged debugged_start(const struct variant *variant, bool at_start, const char *program);
/* One line of input to the program. */
void debugged_send(const struct debugged *debugged);
/* The machine's exit status, and the program's output (free()). */
int debugged_wait(struct debugged *debugged, char **ret_output);
/* Ends the machine if it lives. */
void debugged_kill(struct debugged *debugged);

/*
 * Runs gdb -batch with the kernel's symbols, the program's, our script, and these lines as commands
 * (NULL-terminated); what it printed is returned (free()). `target` is an argument of `target
 * remote`, or NULL to connect to nothing. At the deadline gdb is killed and the test fails.
 */
char *gdb_run_lines(const char *target, const char *program, const char *const *lines);
#define GDB(target, program, ...)                                                                  \
    gdb_run_lines(target, program, (const char *const[]){__VA_ARGS__, NULL})

/* Each text must come after the one before it; the test fails with all of the output otherwise. */
void gdb_expect(const char *output, const char *const *texts);
#define GDB_EXPECT(output, ...) gdb_expect(output, (const char *const[]){__VA_ARGS__, NULL})
/* How often a text is in the output. */
unsigned gdb_count(const char *output, const char *text);

const char *gdb_kernel(void); /* build/vitrine-kernel */

#endif
