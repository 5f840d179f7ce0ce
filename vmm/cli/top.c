/*
 * vmm/cli/top.c - `vitrine top`: its options, and the ways to print without a terminal.
 */
#include <argp.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/task_json.h"
#include "vmm/cli/top.h"

struct options {
    const char *name;
    bool batch, json;
    double delay;
    int32_t rounds; /* 0 = until the machine ends */
    struct top_view view;
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case 'b':
        options->batch = true;
        return 0;
    case 'j':
        options->json = true;
        return 0;
    case 'n':
        options->rounds = cli_parse_whole("-n", argument, INT32_MAX);
        return 0;
    case 'd':
        options->delay = cli_parse_number("-d", argument, 0.05, 3600);
        return 0;
    case 's':
        if (!top_key_parse(argument, &options->view.key))
            argp_error(state, "--sort wants cpu, memory, pid, time, switches or delay, not '%s'",
                       argument);
        return 0;
    case 'f':
        snprintf(options->view.filter, sizeof(options->view.filter), "%s", argument);
        return 0;
    case 't':
        options->view.tree = true;
        return 0;
    case 'H':
        options->view.threads = true;
        return 0;
    case ARGP_KEY_ARG:
        return cli_take_machine(state, argument, &options->name);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {"batch", 'b', NULL, 0, "Print text instead of using the terminal", 0},
    {"json", 'j', NULL, 0, "Print each picture as a line of JSON", 0},
    {"rounds", 'n', "N", 0, "With --batch or --json: so many pictures (1)", 0},
    {"delay", 'd', "SECONDS", 0, "Time between pictures (1)", 0},
    {"sort", 's', "KEY", 0, "cpu (default), memory, pid, time, switches or delay", 0},
    {"filter", 'f', "TEXT", 0, "Only tasks whose name contains the text", 0},
    {"tree", 't', NULL, 0, "Children below their parents", 0},
    {"threads", 'H', NULL, 0, "One row per thread instead of per process", 0},
    {0}};

static void print_text(struct top_view *view, const struct sample *sample)
{
    char line[TOP_LINE_MAX];
    size_t count;
    struct top_row *rows = top_rows(view, sample, &count);

    top_title(view, sample, line);
    puts(line);
    for (unsigned cpu = 0; cpu < view->cpus; cpu++) {
        top_lane(sample, cpu, line);
        puts(line);
    }
    top_header(line);
    puts(line);
    for (size_t i = 0; i < count; i++) {
        top_row_text(&rows[i], line);
        puts(line);
    }
    free(rows);
}

static void print_json(struct top_view *view, const struct sample *sample)
{
    size_t count;
    struct top_row *rows = top_rows(view, sample, &count);
    json_t *tasks = json_array(), *cpus = json_array();

    for (unsigned cpu = 0; cpu < view->cpus; cpu++)
        for (size_t i = 0; i < sample->count; i++)
            if (sample->tasks[i].task.idle && sample->tasks[i].task.cpu == cpu)
                json_array_append_new(cpus, json_pack("{s:i,s:f}", "cpu", (int)cpu, "busy_percent",
                                                      100.0 - sample->tasks[i].cpu_percent));
    for (size_t i = 0; i < count; i++) {
        json_t *task = task_json(&rows[i].sampled->task);

        json_object_update_new(
            task,
            json_pack("{s:f,s:f,s:f,s:f,s:I,s:i}", "cpu_percent", rows[i].cpu_percent,
                      "delay_percent", rows[i].delay_percent, "switches_per_second",
                      rows[i].switches, "faults_per_second", rows[i].faults, "resident_bytes",
                      (json_int_t)rows[i].sampled->resident_bytes, "depth", (int)rows[i].depth));
        json_array_append_new(tasks, task);
    }
    json_t *picture = json_pack("{s:s,s:f,s:f,s:f,s:o,s:o}", "machine", view->machine, "at",
                                sample->at, "seconds", sample->seconds, "switches_per_second",
                                view->total_switches, "cpus", cpus, "tasks", tasks);
    json_dumpf(picture, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(picture);
    free(rows);
}

static struct vt_error *print_pictures(struct sampler *sampler, struct options *options)
{
    const struct sample *sample;
    struct vt_error *error = sampler_take(sampler, &sample); /* to compare with */

    for (int32_t round = 0; !error && round < options->rounds; round++) {
        usleep((useconds_t)(options->delay * 1e6));
        error = sampler_take(sampler, &sample);
        if (error)
            break;
        if (options->json) {
            print_json(&options->view, sample);
        } else {
            if (round)
                putchar('\n');
            print_text(&options->view, sample);
        }
        fflush(stdout);
    }
    return error;
}

int cli_top(int argc, char **argv)
{
    struct options options = {.delay = 1, .rounds = 1};
    struct argp argp = {.options = option_list,
                        .parser = parse_option,
                        .args_doc = "[NAME]",
                        .doc = "Show what the tasks of a running machine do, again and again; and "
                               "act on them. `?` lists the keys."};
    struct vt_guest *guest;
    struct vt_counters counters;
    struct sampler *sampler;

    argp_parse(&argp, argc, argv, 0, NULL, &options);
    bool screen = !options.batch && !options.json;
    if (screen && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
        return cli_fail(vt_error_create(VT_ERROR_ARGUMENT, "there is no terminal to draw on: use "
                                                           "--batch or --json"));
    struct vt_error *error = cli_attach(options.name, &guest);
    if (error)
        return cli_fail(error);
    options.view.machine = vt_guest_name(guest);
    error = vt_guest_counters(guest, &counters);
    if (!error) {
        options.view.cpus = counters.cpus;
        error = sampler_create(guest, &sampler);
    }
    if (!error) {
        error = screen ? top_screen(guest, sampler, &options.view, options.delay)
                       : print_pictures(sampler, &options);
        sampler_destroy(sampler);
    }
    if (error && vt_error_code(error) == VT_ERROR_GONE) {
        fprintf(stderr, "vitrine: machine '%s' has ended\n", options.view.machine);
        vt_error_destroy(error);
        error = NULL;
    }
    int status = error ? cli_fail(error) : 0;
    vt_guest_detach(guest);
    return status;
}
