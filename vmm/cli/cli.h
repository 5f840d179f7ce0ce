/*
 * vmm/cli/cli.h - what the sub-commands share. Each takes its own argc and argv (argv[0] is
 * "vitrine NAME") and returns the exit status.
 */
#ifndef VITRINE_CLI_CLI_H
#define VITRINE_CLI_CLI_H

#include "vmm/include/vitrine.h"

#define STATUS_TIMEOUT      124 /* as timeout(1) */
#define STATUS_FAILED       125 /* vitrine itself failed */
#define STATUS_NOT_RUNNABLE 126
#define STATUS_NOT_FOUND    127

int cli_run(int argc, char **argv);
int cli_ps(int argc, char **argv);
int cli_tree(int argc, char **argv);
int cli_trace(int argc, char **argv);
int cli_doctor(int argc, char **argv);

/* Prints "vitrine: MESSAGE", frees the error, returns STATUS_FAILED. */
int cli_fail(struct vt_error *error);

/* Options of ps, tree and trace: [NAME] and --json. Exits on bad usage. */
struct look_options {
    const char *name; /* NULL = the only running machine */
    bool json;
};
void cli_parse_look(int argc, char **argv, const char *doc, struct look_options *ret);

/* Attaches to the named or only machine and waits until its kernel is up. */
struct vt_error *cli_attach(const char *name, struct vt_guest **ret);

#endif
