/*
 * vmm/cli/gdb.c - `vitrine gdb`: a debugger on a running machine. Without an address it starts
 * Debian's gdb with the kernel's symbols and our commands; with one it only says where to connect.
 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/cli/cli.h"
#include "vmm/session/places.h"

#define ARGUMENTS_MAX 64

struct gdb_options {
    const char *name, *address;
    char **more; /* for gdb itself */
    int more_count;
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct gdb_options *options = state->input;

    if (key != ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN;
    /* argp has taken the "--" away: what stood before it is told by its place. */
    bool ours = true;
    for (int i = 1; i < state->next - 1; i++)
        ours &= strcmp(state->argv[i], "--") != 0;
    if (!ours) {
        options->more = &state->argv[state->next - 1];
        options->more_count = state->argc - (state->next - 1);
        state->next = state->argc;
    } else if (!options->name) {
        options->name = argument;
    } else if (!options->address) {
        options->address = argument;
    } else {
        argp_error(state, "'%s' is too much", argument);
    }
    return 0;
}

static int start_gdb(const struct gdb_options *options, const char *address, const char *kernel)
{
    CLEANUP_FREE char *script = NULL;
    CLEANUP_FREE char *target = NULL;
    CLEANUP_FREE char *source = NULL;
    const char *arguments[ARGUMENTS_MAX];
    size_t count = 0;
    struct vt_error *error = places_find(PLACES_GDB_SCRIPT, &script);

    if (error)
        return cli_fail(error);
    if (asprintf(&target, "target remote %s", address) < 0 ||
        asprintf(&source, "source %s", script) < 0)
        return cli_fail(vt_error_create(VT_ERROR_MEMORY, "out of memory"));
    arguments[count++] = "gdb";
    arguments[count++] = "-q";
    arguments[count++] = kernel;
    /* Program text that was never touched is not in memory, but it is in the file. */
    arguments[count++] = "-ex";
    arguments[count++] = "set trust-readonly-sections on";
    arguments[count++] = "-ex";
    arguments[count++] = source;
    arguments[count++] = "-ex";
    arguments[count++] = target;
    for (int i = 0; i < options->more_count && count + 1 < ARGUMENTS_MAX; i++)
        arguments[count++] = options->more[i];
    arguments[count] = NULL;
    execvp("gdb", (char *const *)arguments);
    return cli_fail(vt_error_system(errno,
                                    "cannot start gdb (install the package gdb, or connect "
                                    "another one: target remote %s)",
                                    address));
}

int cli_gdb(int argc, char **argv)
{
    struct argp argp = {
        .parser = parse_option,
        .args_doc = "[NAME [PORT|PATH]] [-- GDB-ARGUMENT...]",
        .doc = "Debug a running machine: its tasks are gdb's threads.\v"
               "With a port of this host (0 = any free one) or the path of a socket, the place to "
               "connect to is printed; otherwise gdb is started with the kernel's symbols."};
    struct gdb_options options = {0};
    char *address = NULL, *kernel = NULL;
    char only[64];

    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &options);
    struct vt_error *error = options.name ? NULL : cli_only_machine(only);
    if (!error)
        error = vt_guest_ask_gdb(options.name ? options.name : only, options.address, &address,
                                 &kernel);
    if (error)
        return cli_fail(error);
    int status = 0;
    if (options.address)
        printf("target remote %s\n", address);
    else
        status = start_gdb(&options, address, kernel);
    free(address);
    free(kernel);
    return status;
}
