/*
 * tests/integration/command.h - runs `vitrine` itself, and other people's tools, as a
 * person would, with a deadline.
 */
#ifndef TESTS_INTEGRATION_COMMAND_H
#define TESTS_INTEGRATION_COMMAND_H

#include <stddef.h>
#include <sys/types.h>

struct command_result {
    int status;      /* as a shell would say: 128+N for a signal; -1 = killed at the deadline */
    char *out, *err; /* NUL-terminated */
    size_t out_bytes, err_bytes;
};

/* Runs `vitrine` with these arguments (NULL-terminated, without argv[0]) and this input; waits for
 * its end. */
struct command_result command_run(const char *const *arguments, const void *input,
                                  size_t input_bytes);
/* The same without input as user and group `user`, without other groups; only root can name another
 * than itself. */
struct command_result command_run_as(uid_t user, const char *const *arguments);
#define COMMAND(...) command_run((const char *const[]){__VA_ARGS__, NULL}, NULL, 0)

/* Another program, found in $PATH; its standard input is what the file holds (NULL: nothing). A
 * program that is not there fails the test. */
struct command_result tool_run(const char *program, const char *const *arguments,
                               const char *input_file);
#define TOOL(program, ...) tool_run(program, (const char *const[]){__VA_ARGS__, NULL}, NULL)

void command_free(struct command_result *result);

/* Starts `vitrine` in the background, stdin from a pipe whose writing end is returned in
 * *ret_input. */
pid_t command_start(const char *const *arguments, int *ret_input);
/* The same with its standard output into `out`. */
pid_t command_start_to(const char *const *arguments, int out, int *ret_input);
int command_wait(pid_t pid);

/* In a child before exec: a machine that `vitrine` starts is judged at its end, as those of
 * sessions are (harness.h); a broken promise is status 125. */
void command_audited(void);

#endif
