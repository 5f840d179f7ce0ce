/*
 * vmm/cli/restore.c - `vitrine restore`: `vitrine run`, but from a snapshot instead of a boot.
 */
#include <argp.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/run_options.h"

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct run_options *options = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = options;
        return 0;
    case ARGP_KEY_ARG:
        if (options->restore)
            argp_error(state, "one snapshot at a time: '%s' is too much", argument);
        options->restore = argument;
        return 0;
    case ARGP_KEY_END:
        if (!options->restore)
            argp_error(state, "no file was given");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int cli_restore(int argc, char **argv)
{
    const struct argp_child children[] = {{&run_options_argp, 0, "As for run:", 0}, {0}};
    struct argp argp = {
        .parser = parse_option,
        .args_doc = "FILE",
        .doc = "Let a machine go on from a snapshot (vitrine snapshot), and show what it did."
               "\vIts standard streams are ours from now on, its exit status is its program's. Its "
               "clock goes on where it stood. What a machine gets at its boot is in the snapshot: "
               "--cpus, --mem, --icount, --rootfs, --cwd, --env and --gdb are refused.",
        .children = children,
    };
    struct run_options options;

    run_options_init(&options);
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    run_options_finish(&options);
    return cli_run_with(&options);
}
