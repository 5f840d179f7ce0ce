/*
 * vmm/cli/core.c - `vitrine core`: a core file of a running machine, which goes on afterwards.
 */
#include <argp.h>
#include <stdlib.h>

#include "vmm/cli/cli.h"

struct core_options {
    const char *words[2];
    unsigned count;
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct core_options *options = state->input;

    if (key == ARGP_KEY_ARG) {
        if (options->count == 2)
            argp_error(state, "'%s' is too much", argument);
        options->words[options->count++] = argument;
        return 0;
    }
    if (key == ARGP_KEY_END && options->count == 0)
        argp_error(state, "no file was given");
    return key == ARGP_KEY_END ? 0 : ARGP_ERR_UNKNOWN;
}

int cli_core(int argc, char **argv)
{
    struct argp argp = {
        .parser = parse_option,
        .args_doc = "[NAME] FILE",
        .doc =
            "Write a core file of a running machine: its tasks as threads, the "
            "kernel's memory.\v"
            "`gdb KERNEL FILE` opens it, with the kernel file of this build "
            "(vitrine-kernel); ps, tree, wait, maps, files, processes, tokens, namespaces, queues, "
            "locks, frames and trace look into it with --core FILE."};
    struct core_options options = {0};
    char only[64], *path = NULL;

    argp_parse(&argp, argc, argv, 0, NULL, &options);
    const char *file = options.words[options.count - 1];
    struct vt_error *error = options.count == 2 ? NULL : cli_only_machine(only);
    if (!error)
        error = cli_absolute(file, &path);
    if (!error)
        error = vt_guest_ask_core(options.count == 2 ? options.words[0] : only, path);
    free(path);
    return error ? cli_fail(error) : 0;
}
