/*
 * vmm/cli/strace.c - `vitrine strace`: system calls in words, of a running machine or of a new one.
 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/run_options.h"

enum option_key { OPTION_TID = 'T' + 0x1000, OPTION_PLAIN };

struct strace_options {
    struct run_options run;
    struct strace_settings settings;
    const char *output, *name;
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct strace_options *options = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->run;
        return 0;
    case 'f':
        return 0;
    case 'o':
        options->output = argument;
        return 0;
    case 'p':
        options->settings.pid = cli_parse_whole("--pid", argument, INT32_MAX);
        return 0;
    case OPTION_TID:
        options->settings.tid = cli_parse_whole("--tid", argument, INT32_MAX);
        return 0;
    case OPTION_PLAIN:
        options->settings.plain = true;
        return 0;
    case ARGP_KEY_ARG:
        return cli_take_machine_or_program(state, argument, &options->name);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static struct vt_error *attach(const struct strace_options *options, FILE *out)
{
    struct vt_guest *guest;
    struct vt_trace *trace;
    struct trace_sink *sink;
    struct vt_error *error = cli_attach(options->name, &guest);

    if (error)
        return error;
    error = vt_trace_open(guest, true, &trace);
    if (!error) {
        error = vt_guest_ask_trace(guest, STRACE_TYPES);
        if (!error)
            error = strace_sink_create(guest, out, &options->settings, &sink);
        if (!error) {
            error = trace_pump(trace, &sink, 1, NULL);
            sink->destroy(sink);
        }
        vt_trace_close(trace);
    }
    vt_guest_detach(guest);
    return error;
}

int cli_strace(int argc, char **argv)
{
    static const struct argp_option option_list[] = {
        {"output", 'o', "FILE", 0, "Write the calls to FILE instead of standard error", 0},
        {"pid", 'p', "PID", 0, "Only this process and its descendants", 0},
        {"tid", OPTION_TID, "TID", 0, "Only this thread", 0},
        {"plain", OPTION_PLAIN, NULL, 0, "Without times", 0},
        {"follow", 'f', NULL, 0, "Children too; they always are", 0},
        {0}};
    const struct argp_child children[] = {{&run_options_argp, 0, "For a new machine:", 0}, {0}};
    struct argp argp = {
        .options = option_list,
        .parser = parse_option,
        .args_doc = "[NAME]\n-- PROGRAM [ARGUMENT...]",
        .doc =
            "Print the system calls of a running machine, or run PROGRAM in a new one and print "
            "its "
            "calls, as strace does."
            "\vEach line: seconds since the machine's start, the thread if there are several, the "
            "call, its result, and how long it took. Strings were read by the kernel as the call "
            "began (or ended, for what it wrote); a thread that changes them meanwhile can "
            "deceive.",
        .children = children,
    };
    struct strace_options options = {.output = NULL};
    FILE *out = stderr;

    run_options_init(&options.run);
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &options);
    int status = cli_check_machine_or_program("strace", &options.run, options.name);
    if (status)
        return status;
    if (options.output && !(out = fopen(options.output, "we")))
        return cli_fail(vt_error_system(errno, "cannot write '%s'", options.output));
    /* In blocks: the sink flushes it whenever nothing happens. */
    static char buffer[1 << 16];
    setvbuf(out, buffer, _IOFBF, sizeof(buffer));
    if (options.run.machine.argv) {
        options.run.strace = &options.settings;
        options.run.strace_out = out;
        options.run.quiet = true;
        run_options_finish(&options.run);
        status = cli_run_with(&options.run);
    } else {
        struct vt_error *error = attach(&options, out);

        status = error ? cli_fail(error) : 0;
    }
    if (out != stderr && fclose(out) != 0 && status == 0)
        status = cli_fail(vt_error_system(errno, "cannot write '%s'", options.output));
    return status;
}
