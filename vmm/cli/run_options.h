/*
 * vmm/cli/run_options.h - the command line of `vitrine run`.
 */
#ifndef VITRINE_CLI_RUN_OPTIONS_H
#define VITRINE_CLI_RUN_OPTIONS_H

#include <argp.h>
#include <stdio.h>

#include "vmm/cli/collector.h"
#include "vmm/cli/profiler.h"
#include "vmm/export/sched_report.h"
#include "vmm/include/vitrine.h"
#include "vmm/strace/strace.h"

#define RUN_ENVIRONMENT_MAX 256

struct run_options {
    struct vt_options machine;
    const char *trace_files[COLLECTOR_FILES_MAX + 1]; /* --trace, each with a known ending */
    const char *json_file;                            /* --json */
    const char *gdb;                                  /* --gdb: where to wait for a debugger */
    double timeout_seconds;                           /* 0 = none */
    const char *restore;         /* a snapshot to go on from; `vitrine restore`. NULL = boot */
    struct vt_snapshot snapshot; /* what it says of itself */
    const char *program;         /* what runs, for messages */
    bool follow;                 /* its events are read */
    bool environment_given;
    bool sched_given;
    bool stats, quiet;
    bool given;                           /* any option at all */
    const struct strace_settings *strace; /* NULL = none; `vitrine strace` */
    FILE *strace_out;
    const struct profiler_settings *profile; /* NULL = none; `vitrine profile` */
    FILE *profile_out;
    enum sched_report report; /* --summary */
    FILE *report_out;         /* filled in by the run */
    bool audit;
    uint32_t audit_every; /* events between two judgements; 0 = at the end only */
    bool last_look;       /* $VITRINE_AUDIT: judge what is left in the end, and tell of bad only */
    const char *environment[RUN_ENVIRONMENT_MAX + 1];
    char name[64]; /* given, or made from the program and our pid */
};

/* Exits with 125 and one clear line on bad usage. ret must stay where it is: machine points into
 * it. */
void run_options_parse(int argc, char **argv, struct run_options *ret);

/* The same in steps, for a command that has these options and more: fill in the defaults, let argp
 * parse with this parser (its input is the struct), then make the rest of it. */
extern const struct argp run_options_argp;
void run_options_init(struct run_options *ret);
void run_options_finish(struct run_options *ret);

#endif
