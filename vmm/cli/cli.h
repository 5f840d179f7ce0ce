/*
 * vmm/cli/cli.h - what the sub-commands share. Each takes its own argc and argv (argv[0] is
 * "vitrine NAME") and returns the exit status.
 */
#ifndef VITRINE_CLI_CLI_H
#define VITRINE_CLI_CLI_H

#include <argp.h>

#include "vmm/include/vitrine.h"

struct json_t;

#define STATUS_TIMEOUT      124 /* as timeout(1) */
#define STATUS_FAILED       125 /* vitrine itself failed */
#define STATUS_NOT_RUNNABLE 126
#define STATUS_NOT_FOUND    127

int cli_run(int argc, char **argv);
int cli_ps(int argc, char **argv);
int cli_tree(int argc, char **argv);
int cli_trace(int argc, char **argv);
int cli_strace(int argc, char **argv);
int cli_wait(int argc, char **argv);
int cli_maps(int argc, char **argv);
int cli_files(int argc, char **argv);
int cli_processes(int argc, char **argv);
int cli_queues(int argc, char **argv);
int cli_locks(int argc, char **argv);
int cli_namespaces(int argc, char **argv);
int cli_tokens(int argc, char **argv);
int cli_audit_log(int argc, char **argv);
/* trace.c: prints the events of these types (a bit for each), as they come, until the machine ends. */
struct vt_error *cli_follow(struct vt_guest *guest, struct vt_trace *trace, uint64_t types,
                            bool json);
int cli_frames(int argc, char **argv);
int cli_audit(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_gdb(int argc, char **argv);
int cli_core(int argc, char **argv);
int cli_snapshot(int argc, char **argv);
int cli_restore(int argc, char **argv);
int cli_do(int argc, char **argv);
int cli_top(int argc, char **argv);
int cli_profile(int argc, char **argv);

/* `vitrine run` once its command line is read. */
struct run_options;
int cli_run_with(struct run_options *options);

/* Prints "vitrine: MESSAGE", frees the error, returns STATUS_FAILED. */
int cli_fail(struct vt_error *error);

/* Options of all commands that only look: [NAME] or --core FILE, and --json. Exits on bad usage. */
struct look_options {
    const char *name; /* NULL = the only running machine */
    const char *core; /* a core file to look into instead; NULL = none */
    int32_t pid;      /* 0 = not given */
    bool json;
};
void cli_parse_look(int argc, char **argv, const char *doc, struct look_options *ret);
/* The same for commands that look at one task: [NAME] [PID]. A word of digits is a PID. */
void cli_parse_look_at(int argc, char **argv, const char *doc, struct look_options *ret);

/* The value of an option, which is named in the message, from `least` to `most`; cli_parse_whole():
 * a whole number from 1. Anything else ends the program with a message. */
double cli_parse_number(const char *option, const char *text, double least, double most);
int32_t cli_parse_whole(const char *option, const char *text, int32_t most);

/* ARGP_KEY_ARG of commands that take the name of one machine. */
error_t cli_take_machine(struct argp_state *state, const char *argument, const char **name);
/* ... of those that take a program behind -- instead, for run_options_argp; and afterwards: is it
 * the one or the other? STATUS_FAILED after a message, or 0. */
error_t cli_take_machine_or_program(struct argp_state *state, const char *argument,
                                    const char **name);
int cli_check_machine_or_program(const char *command, const struct run_options *run,
                                 const char *name);

/* A signal by name, with or without SIG, or by number. */
struct vt_error *cli_parse_signal(const char *text, int *ret);

/* The name of the only running machine; an error if there is none, or more than one. */
struct vt_error *cli_only_machine(char name[64]);

/* `path` for another process, whose working directory is another one. free(). */
struct vt_error *cli_absolute(const char *path, char **ret);

/* Attaches to the named or only machine and waits until its kernel is up. */
struct vt_error *cli_attach(const char *name, struct vt_guest **ret);
/* The same, or the core file that the options name. */
struct vt_error *cli_look_at(const struct look_options *options, struct vt_guest **ret);

/*
 * What `maps` and `files` do: attaches, takes the task that the options name, or, if they name
 * none, each process that has `part`, and shows them one after the other. `show` prints a task
 * (heading: more than one is shown) or appends to the JSON array `list` if that is not NULL. A task
 * that ends meanwhile is passed over unless it was named. Returns the exit status.
 */
typedef struct vt_error *cli_show_task(struct vt_guest *guest, const struct vt_task *task,
                                       bool heading, struct json_t *list);
int cli_each_task(const struct look_options *options, cli_show_task *show);

#endif
