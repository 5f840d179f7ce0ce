/*
 * vmm/cli/profile.c - `vitrine profile`: where the time goes, as folded stacks, of a running
 * machine or of a new one; with --usage, what each process used.
 */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/profiler.h"
#include "vmm/cli/run_options.h"

enum option_key { OPTION_OFF_CPU = 0x2000, OPTION_IDLE, OPTION_THREADS, OPTION_USAGE };

struct profile_options {
    struct run_options run;
    struct profiler_settings settings;
    struct usage_options usage;
    bool show_usage;
    const char *output, *name;
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct profile_options *options = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->run;
        return 0;
    case 'j':
        options->settings.json = options->usage.json = true;
        return 0;
    case 'o':
        options->output = argument;
        return 0;
    case 'F':
        options->settings.frequency = cli_parse_number("-F", argument, 0.1, 10000);
        return 0;
    case 'i':
        options->usage.interval = cli_parse_number("-i", argument, 0.01, 3600);
        return 0;
    case 'd':
        options->settings.duration = cli_parse_number("-d", argument, 0.001, 1e6);
        options->usage.duration = options->settings.duration;
        return 0;
    case 'p':
        options->settings.stacks.pid = cli_parse_whole("-p", argument, INT32_MAX);
        return 0;
    case OPTION_OFF_CPU:
        options->settings.stacks.off_cpu = true;
        return 0;
    case OPTION_IDLE:
        options->settings.stacks.idle = true;
        return 0;
    case OPTION_THREADS:
        options->settings.stacks.threads = true;
        return 0;
    case OPTION_USAGE:
        options->show_usage = true;
        return 0;
    case ARGP_KEY_ARG:
        return cli_take_machine_or_program(state, argument, &options->name);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- a running machine ---- */

static struct profiler *interrupted; /* by ^C */

static void on_interrupt(int number)
{
    (void)number;
    profiler_interrupt(interrupted);
}

static struct vt_error *attach(const struct profile_options *options, FILE *out)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    struct vt_guest *guest;
    struct vt_error *error = cli_attach(options->name, &guest);

    if (error)
        return error;
    error = profiler_start(guest, &options->settings, &interrupted);
    if (!error) {
        sigaction(SIGINT, &action, NULL);
        error = profiler_finish(interrupted);
        signal(SIGINT, SIG_IGN); /* nobody is there any more to be told */
        profiler_write(interrupted, out, stderr);
        profiler_destroy(interrupted);
    }
    vt_guest_detach(guest);
    return error;
}

/* ---- the command ---- */

static int check(const struct profile_options *options)
{
    /* The word "run" may stand there for the eye. */
    bool run = options->name && strcmp(options->name, "run") == 0 && options->run.machine.argv;
    int status = cli_check_machine_or_program("profile", &options->run, run ? NULL : options->name);

    if (!status && options->show_usage && options->run.machine.argv) {
        fprintf(stderr, "vitrine: --usage is for a machine that runs already: vitrine profile "
                        "--usage NAME\n");
        status = STATUS_FAILED;
    }
    return status;
}

static int profile_stacks(struct profile_options *options, FILE *out)
{
    if (!options->run.machine.argv) {
        struct vt_error *error = attach(options, out);

        return error ? cli_fail(error) : 0;
    }
    options->run.profile = &options->settings;
    options->run.profile_out = out;
    options->run.quiet = true;
    run_options_finish(&options->run);
    /* The events that `run` shows are not wanted: the guest need not record them. */
    options->run.machine.trace = options->run.trace_files[0] != NULL || options->run.audit;
    return cli_run_with(&options->run);
}

int cli_profile(int argc, char **argv)
{
    static const struct argp_option option_list[] = {
        {"frequency", 'F', "HZ", 0, "Looks per second (99)", 0},
        {"duration", 'd', "SECONDS", 0, "End after so long (when the machine ends)", 0},
        {"output", 'o', "FILE", 0,
         "Write the stacks to FILE (standard output; with a program of one's own, standard error)",
         0},
        {"json", 'j', NULL, 0, "As JSON", 0},
        {"pid", 'p', "PID", 0, "Only this process", 0},
        {"off-cpu", OPTION_OFF_CPU, NULL, 0, "Where tasks sleep, instead of where they run", 0},
        {"idle", OPTION_IDLE, NULL, 0, "CPUs without work too", 0},
        {"threads", OPTION_THREADS, NULL, 0, "Each thread for itself", 0},
        {"usage", OPTION_USAGE, NULL, 0,
         "Instead: what each process used: CPU, waiting for one, switches, page faults, memory", 0},
        {"interval", 'i', "SECONDS", 0, "With --usage: time between two looks (0.5)", 0},
        {0}};
    const struct argp_child children[] = {{&run_options_argp, 0, "For a new machine:", 0}, {0}};
    struct argp argp = {
        .options = option_list,
        .parser = parse_option,
        .args_doc = "[NAME]\n[run] -- PROGRAM [ARGUMENT...]",
        .doc =
            "Show where the time of a running machine goes, or run PROGRAM in a new one and show "
            "where its goes: stacks of programs and kernel, each with how often it was met, as "
            "flame graphs are made from (flamegraph.pl, speedscope)."
            "\vEach look holds all CPUs where they are; how long is told at the end. Frames of "
            "the kernel end in _[k]. Code without unwinding tables or frame pointers shows its "
            "innermost function only.",
        .children = children,
    };
    struct profile_options options = {.settings = {.frequency = 99}, .usage = {.interval = 0.5}};

    run_options_init(&options.run);
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &options);
    int status = check(&options);
    if (status)
        return status;
    if (options.show_usage)
        return profile_usage(options.name, &options.usage);
    FILE *out = options.run.machine.argv ? stderr : stdout;
    if (options.output && !(out = fopen(options.output, "we")))
        return cli_fail(vt_error_system(errno, "cannot write '%s'", options.output));
    status = profile_stacks(&options, out);
    if (options.output && fclose(out) != 0 && status == 0)
        status = cli_fail(vt_error_system(errno, "cannot write '%s'", options.output));
    return status;
}
