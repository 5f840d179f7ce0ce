/*
 * vmm/cli/attach.c - which machine `ps`, `tree` and `trace` look at.
 */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cli/cli.h"

#define READY_MS 5000

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct look_options *options = state->input;

    switch (key) {
    case 'j':
        options->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (options->name)
            argp_error(state, "one machine at a time: '%s' is too much", argument);
        options->name = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void cli_parse_look(int argc, char **argv, const char *doc, struct look_options *ret)
{
    static const struct argp_option options[] = {{"json", 'j', NULL, 0, "Print JSON", 0}, {0}};
    struct argp argp = {
        .options = options, .parser = parse_option, .args_doc = "[NAME]", .doc = doc};

    *ret = (struct look_options){0};
    argp_parse(&argp, argc, argv, 0, NULL, ret);
}

static struct vt_error *only_machine(char name[64])
{
    char **names;
    size_t count;
    struct vt_error *error = vt_guest_names(&names, &count);

    if (error)
        return error;
    if (count == 0) {
        error = vt_error_create(VT_ERROR_NOT_FOUND, "no machine is running");
    } else if (count == 1) {
        snprintf(name, 64, "%s", names[0]);
    } else {
        char *list = NULL;
        size_t bytes;
        FILE *out = open_memstream(&list, &bytes);

        for (size_t i = 0; out && i < count; i++)
            fprintf(out, " %s", names[i]);
        if (out)
            fclose(out);
        error = vt_error_create(VT_ERROR_ARGUMENT, "several machines are running, name one:%s",
                                list ? list : "");
        free(list);
    }
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return error;
}

struct vt_error *cli_attach(const char *name, struct vt_guest **ret)
{
    char only[64];
    struct vt_guest *guest;
    struct vt_error *error = name ? NULL : only_machine(only);

    if (!error)
        error = vt_guest_attach(name ? name : only, &guest);
    if (error)
        return error;
    error = vt_guest_ready(guest, READY_MS);
    if (error) {
        vt_guest_detach(guest);
        return error;
    }
    *ret = guest;
    return NULL;
}
