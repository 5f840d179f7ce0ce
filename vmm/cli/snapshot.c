/*
 * vmm/cli/snapshot.c - `vitrine snapshot`: a running machine as a file; or what such a file says.
 */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "vmm/cli/cli.h"

enum option_key { OPTION_SHOW = 256 };

struct snapshot_options {
    const char *words[2];
    unsigned count;
    const char *show;
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct snapshot_options *options = state->input;

    switch (key) {
    case OPTION_SHOW:
        options->show = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (options->count == 2 || options->show)
            argp_error(state, "'%s' is too much", argument);
        options->words[options->count++] = argument;
        return 0;
    case ARGP_KEY_END:
        if (options->count == 0 && !options->show)
            argp_error(state, "no file was given");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static struct vt_error *show(const char *path)
{
    struct vt_snapshot snapshot;
    char when[64] = "?";
    struct tm local;
    struct vt_error *error = vt_snapshot_describe(path, &snapshot);

    if (error)
        return error;
    time_t seconds = (time_t)(snapshot.taken_ns / 1000000000u);
    if (localtime_r(&seconds, &local))
        strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &local);
    printf("program  %s\n"
           "saved    %s, on %s%s\n"
           "machine  %s%s, %u CPU%s, %lu MiB\n",
           snapshot.program, when, snapshot.cpu_model[0] ? snapshot.cpu_model : "?",
           snapshot.stopped ? ", in a stop" : "",
           snapshot.accel == VT_ACCEL_KVM ? "KVM" : "QEMU TCG",
           snapshot.icount ? " counting instructions" : "", snapshot.cpus,
           snapshot.cpus == 1 ? "" : "s", (unsigned long)(snapshot.memory_bytes >> 20));
    return NULL;
}

int cli_snapshot(int argc, char **argv)
{
    static const struct argp_option option_list[] = {
        {"show", OPTION_SHOW, "FILE", 0, "Tell what is in a snapshot instead of writing one", 0},
        {0}};
    struct argp argp = {.options = option_list,
                        .parser = parse_option,
                        .args_doc = "[NAME] FILE\n--show FILE",
                        .doc =
                            "Save a running machine, all of it, in FILE; it goes on afterwards.\v"
                            "vitrine restore FILE goes on from there, as often as you like. The "
                            "file holds the guest's whole memory, secrets included: it is "
                            "readable for you only."};
    struct snapshot_options options = {.count = 0};
    struct vt_error *error = NULL;
    char only[64], *path = NULL;

    argp_parse(&argp, argc, argv, 0, NULL, &options);
    if (options.show) {
        error = show(options.show);
        return error ? cli_fail(error) : 0;
    }
    if (options.count == 1)
        error = cli_only_machine(only);
    if (!error)
        error = cli_absolute(options.words[options.count - 1], &path);
    if (!error)
        error = vt_guest_ask_save(options.count == 2 ? options.words[0] : only, path);
    free(path);
    return error ? cli_fail(error) : 0;
}
