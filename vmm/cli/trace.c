/*
 * vmm/cli/trace.c - `vitrine trace`: the events of a running machine, as they happen, until it
 * ends; as lines, or into a file for another tool.
 */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/cli/cli.h"
#include "vmm/export/event_text.h"
#include "vmm/export/sched_report.h"
#include "vmm/export/trace_file.h"

/* Everything but faults and system calls, which come in floods. */
#define WANTED_TYPES                                                                               \
    (1ull << TRACE_SWITCH | 1ull << TRACE_WAKEUP | 1ull << TRACE_FORK | 1ull << TRACE_EXEC |       \
     1ull << TRACE_EXIT | 1ull << TRACE_REAP | 1ull << TRACE_SIGNAL | 1ull << TRACE_MIGRATE |      \
     1ull << TRACE_PROCESS_EXCEPTION | 1ull << TRACE_COMM | 1ull << TRACE_STOP_TASK |              \
     1ull << TRACE_SYSCALL_UNKNOWN | 1ull << TRACE_MARK | 1ull << TRACE_OUT_OF_MEMORY |            \
     1ull << TRACE_SECURITY | 1ull << TRACE_RENUMBER)
#define FLUSH_MS 20

struct vt_error *cli_follow(struct vt_guest *guest, struct vt_trace *trace, uint64_t types,
                            bool json)
{
    bool unflushed = false;

    for (;;) {
        struct trace_record record;
        struct vt_error *error = vt_trace_next(trace, unflushed ? FLUSH_MS : 1000, &record);

        if (error) {
            enum vt_error_code code = vt_error_code(error);

            if (code != VT_ERROR_TIMEOUT && code != VT_ERROR_GONE)
                return error;
            vt_error_destroy(error);
            if (fflush(stdout) != 0 || code == VT_ERROR_GONE)
                return NULL; /* our reader has gone, or the machine has */
            unflushed = false;
            continue;
        }
        if (!(types >> record.type & 1))
            continue;
        if (json)
            event_json_write(stdout, guest, trace, &record);
        else
            event_text_write(stdout, guest, trace, &record);
        putchar('\n');
        unflushed = true;
    }
}

enum option_key { OPTION_SUMMARY = 256, OPTION_SECONDS };

struct trace_options {
    const char *name, *output, *core;
    bool json;
    enum sched_report report;
    unsigned seconds; /* of a report; 0 = until the machine ends */
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct trace_options *options = state->input;
    enum vt_export format;

    switch (key) {
    case 'j':
        options->json = true;
        return 0;
    case 'o':
        options->output = argument;
        return 0;
    case OPTION_SUMMARY:
        options->report = sched_report_named(argument ? argument : "latency");
        if (!options->report)
            argp_failure(state, STATUS_FAILED, 0, "--summary '%s' is unknown: " SCHED_REPORT_NAMES,
                         argument);
        return 0;
    case OPTION_SECONDS:
        options->seconds = (unsigned)cli_parse_whole("--seconds", argument, 1000000);
        return 0;
    case 'c':
        options->core = argument;
        return 0;
    case ARGP_KEY_ARG:
        return cli_take_machine(state, argument, &options->name);
    case ARGP_KEY_END:
        if (options->seconds && !options->report)
            argp_failure(state, STATUS_FAILED, 0, "--seconds is for --summary");
        if (options->output && options->report)
            argp_failure(state, STATUS_FAILED, 0, "--output and --summary at once: one of the two");
        if (options->output && !trace_file_format(options->output, &format))
            argp_failure(state, STATUS_FAILED, 0, "--output '%s': the name must end in %s",
                         options->output, TRACE_FILE_ENDINGS);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void parse(int argc, char **argv, struct trace_options *ret)
{
    static const struct argp_option list[] = {
        {"json", 'j', NULL, 0, "Print JSON", 0},
        {"core", 'c', "FILE", 0, "Print the last events in a core file ('vitrine core') instead",
         0},
        {"output", 'o', "FILE", 0,
         "Write a file instead of lines, in the format that the name ends in: " TRACE_FILE_ENDINGS
         "; an interrupt (Ctrl-C) completes it",
         0},
        {"summary", OPTION_SUMMARY, "REPORT", OPTION_ARG_OPTIONAL,
         "Report on scheduling instead: latency (default; per task, at the end), map (who runs "
         "where, per "
         "switch) or timehist (every stay on a CPU)",
         0},
        {"seconds", OPTION_SECONDS, "N", 0,
         "End the report after this time (default: with the machine, or at an interrupt)", 0},
        {0}};
    struct argp argp = {.options = list,
                        .parser = parse_option,
                        .args_doc = "[NAME]",
                        .doc =
                            "Print the events of a running machine as they happen, until it ends."};

    *ret = (struct trace_options){0};
    argp_parse(&argp, argc, argv, 0, NULL, ret);
}

static bool interrupted;

static void interrupt(int signal)
{
    (void)signal;
    __atomic_store_n(&interrupted, true, __ATOMIC_RELEASE);
}

static struct vt_error *write_file(struct vt_guest *guest, struct vt_trace *trace, const char *path)
{
    const struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESETHAND};
    struct trace_sink *sink;
    struct vt_error *error = trace_file_create(guest, path, &sink);

    if (error)
        return error;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    error = trace_pump(trace, &sink, 1, &interrupted);
    sink->destroy(sink);
    return error;
}

static struct vt_error *write_report(struct vt_guest *guest, struct vt_trace *trace,
                                     const struct trace_options *options)
{
    const struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESETHAND};
    struct trace_sink *sink;
    struct vt_error *error =
        sched_report_create(guest, options->report, options->json, stdout, &sink);

    if (error)
        return error;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    alarm(options->seconds);
    error = trace_pump(trace, &sink, 1, &interrupted);
    sink->destroy(sink);
    return error;
}

int cli_trace(int argc, char **argv)
{
    struct trace_options options;
    struct vt_guest *guest;
    struct vt_trace *trace;

    parse(argc, argv, &options);
    const struct look_options look = {.name = options.name, .core = options.core};
    struct vt_error *error = cli_look_at(&look, &guest);
    if (error)
        return cli_fail(error);
    if (!options.core)
        error = vt_guest_ask_trace(guest, WANTED_TYPES);
    if (!error)
        error = vt_trace_open(guest, false, &trace);
    if (!error) {
        if (options.report)
            error = write_report(guest, trace, &options);
        else if (options.output)
            error = write_file(guest, trace, options.output);
        else
            error = cli_follow(guest, trace, UINT64_MAX, options.json);
        if (vt_trace_lost(trace) && !options.report) /* a report says it itself */
            fprintf(stderr,
                    "vitrine: %lu events were lost: they came faster than they could be read\n",
                    (unsigned long)vt_trace_lost(trace));
        vt_trace_close(trace);
    }
    vt_guest_detach(guest);
    return error ? cli_fail(error) : 0;
}
