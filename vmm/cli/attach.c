/*
 * vmm/cli/attach.c - which machine, and which task of it, the commands look at.
 */
#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/cli/cli.h"

#define READY_MS 5000

struct parsing {
    struct look_options *options;
    bool takes_pid;
};

/* A PID if the word is one and one is wanted; 0 otherwise. */
static int32_t as_pid(const struct parsing *parsing, const char *word)
{
    char *end;
    long value;

    if (!parsing->takes_pid || parsing->options->pid)
        return 0;
    errno = 0;
    value = strtol(word, &end, 10);
    return *end == '\0' && !errno && value > 0 && value <= INT32_MAX ? (int32_t)value : 0;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct parsing *parsing = state->input;
    struct look_options *options = parsing->options;
    int32_t pid;

    switch (key) {
    case 'j':
        options->json = true;
        return 0;
    case 'c':
        options->core = argument;
        return 0;
    case ARGP_KEY_END:
        if (options->core && options->name)
            argp_error(state, "a core file or a running machine, not both");
        return 0;
    case ARGP_KEY_ARG:
        pid = as_pid(parsing, argument);
        if (pid)
            options->pid = pid;
        else if (options->name || options->pid)
            argp_error(state, "one machine at a time: '%s' is too much", argument);
        else
            options->name = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void parse(int argc, char **argv, const char *doc, bool takes_pid, struct look_options *ret)
{
    static const struct argp_option options[] = {
        {"json", 'j', NULL, 0, "Print JSON", 0},
        {"core", 'c', "FILE", 0, "Look into a core file ('vitrine core') instead", 0},
        {0}};
    struct argp argp = {.options = options,
                        .parser = parse_option,
                        .args_doc = takes_pid ? "[NAME] [PID]" : "[NAME]",
                        .doc = doc};
    struct parsing parsing = {.options = ret, .takes_pid = takes_pid};

    *ret = (struct look_options){0};
    argp_parse(&argp, argc, argv, 0, NULL, &parsing);
}

void cli_parse_look(int argc, char **argv, const char *doc, struct look_options *ret)
{
    parse(argc, argv, doc, false, ret);
}

void cli_parse_look_at(int argc, char **argv, const char *doc, struct look_options *ret)
{
    parse(argc, argv, doc, true, ret);
}

struct vt_error *cli_only_machine(char name[64])
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

struct vt_error *cli_absolute(const char *path, char **ret)
{
    char directory[PATH_MAX] = "";

    if (path[0] != '/' && !getcwd(directory, sizeof(directory)))
        return vt_error_create(VT_ERROR_SYSTEM, "the working directory has no name");
    if (asprintf(ret, "%s%s%s", directory, directory[0] ? "/" : "", path) < 0)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a path");
    return NULL;
}

struct vt_error *cli_attach(const char *name, struct vt_guest **ret)
{
    char only[64];
    struct vt_guest *guest;
    struct vt_error *error = name ? NULL : cli_only_machine(only);

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

struct vt_error *cli_look_at(const struct look_options *options, struct vt_guest **ret)
{
    struct vt_guest *guest;

    if (!options->core)
        return cli_attach(options->name, ret);
    struct vt_error *error = vt_guest_open_core(options->core, &guest);
    if (error)
        return error;
    error = vt_guest_ready(guest, 0);
    if (error) {
        vt_guest_detach(guest);
        return error;
    }
    *ret = guest;
    return NULL;
}
