/*
 * vmm/cli/profile_usage.c - `vitrine profile --usage`: what each process of a running machine used
 * over time, and in the end the sums. Everything is read from the machine's memory; its tasks do
 * not notice.
 *
 * The figures are differences of the kernel's own counters between two looks. A process that lived
 * and died between two looks is not seen.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/profiler.h"
#include "vmm/cli/top.h"

/* One process over the whole time. */
struct total {
    uint64_t process_id;
    int32_t pid;
    char comm[16];
    double seconds, cpu_seconds, delay_seconds, switches, faults;
    uint64_t peak_bytes;
};

struct totals {
    struct total *list;
    size_t count, room;
};

static struct total *total_of(struct totals *totals, const struct vt_task *task)
{
    for (size_t i = 0; i < totals->count; i++)
        if (totals->list[i].process_id == task->process_id)
            return &totals->list[i];
    if (totals->count == totals->room) {
        size_t room = totals->room ? 2 * totals->room : 32;
        struct total *larger = realloc(totals->list, room * sizeof(*larger));

        if (!larger)
            return NULL;
        totals->list = larger;
        totals->room = room;
    }
    struct total *total = &totals->list[totals->count++];
    *total = (struct total){.process_id = task->process_id, .pid = task->pid};
    return total;
}

static void add(struct totals *totals, const struct top_row *row, double seconds)
{
    struct total *total = total_of(totals, &row->sampled->task);

    if (!total)
        return;
    memcpy(total->comm, row->sampled->task.comm, sizeof(total->comm));
    total->seconds += seconds;
    total->cpu_seconds += row->cpu_percent / 100 * seconds;
    total->delay_seconds += row->delay_percent / 100 * seconds;
    total->switches += row->switches * seconds;
    total->faults += row->faults * seconds;
    if (row->sampled->resident_bytes > total->peak_bytes)
        total->peak_bytes = row->sampled->resident_bytes;
}

static json_t *row_json(const struct top_row *row)
{
    const struct vt_task *task = &row->sampled->task;

    return json_pack("{s:i,s:s,s:f,s:f,s:f,s:f,s:I}", "pid", task->pid, "comm", task->comm,
                     "cpu_percent", row->cpu_percent, "delay_percent", row->delay_percent,
                     "switches_per_second", row->switches, "faults_per_second", row->faults,
                     "resident_bytes", (json_int_t)row->sampled->resident_bytes);
}

static void print_look(const struct usage_options *options, const struct sample *sample,
                       const struct top_row *rows, size_t count)
{
    json_t *list = options->json ? json_array() : NULL;

    for (size_t i = 0; i < count; i++) {
        const struct top_row *row = &rows[i];

        if (list)
            json_array_append_new(list, row_json(row));
        else if (row->cpu_percent >= 0.05 || row->switches > 0 || row->faults > 0)
            printf("%9.2f %6d %6.1f %6.1f %8.0f %8.0f %8lu  %s\n", sample->at,
                   row->sampled->task.pid, row->cpu_percent, row->delay_percent, row->switches,
                   row->faults, (unsigned long)(row->sampled->resident_bytes >> 10),
                   row->sampled->task.comm);
    }
    if (list) {
        json_t *look = json_pack("{s:f,s:f,s:o}", "at", sample->at, "seconds", sample->seconds,
                                 "processes", list);
        json_dumpf(look, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
        putchar('\n');
        json_decref(look);
    }
    fflush(stdout);
}

static int by_cpu(const void *a, const void *b)
{
    const struct total *left = a, *right = b;

    return left->cpu_seconds != right->cpu_seconds
               ? (left->cpu_seconds < right->cpu_seconds ? 1 : -1)
               : left->pid - right->pid;
}

static void print_totals(const struct usage_options *options, struct totals *totals)
{
    json_t *list = json_array();

    if (totals->count)
        qsort(totals->list, totals->count, sizeof(*totals->list), by_cpu);
    if (!options->json)
        printf("\n%6s %9s %9s %9s %9s %9s %9s  %s\n", "PID", "SEEN s", "CPU s", "DELAY s",
               "SWITCHES", "FAULTS", "PEAK KiB", "NAME");
    for (size_t i = 0; i < totals->count; i++) {
        const struct total *total = &totals->list[i];

        if (!options->json)
            printf("%6d %9.2f %9.3f %9.3f %9.0f %9.0f %9lu  %s\n", total->pid, total->seconds,
                   total->cpu_seconds, total->delay_seconds, total->switches, total->faults,
                   (unsigned long)(total->peak_bytes >> 10), total->comm);
        json_array_append_new(list, json_pack("{s:i,s:s,s:f,s:f,s:f,s:f,s:f,s:I}", "pid",
                                              total->pid, "comm", total->comm, "seen_seconds",
                                              total->seconds, "cpu_seconds", total->cpu_seconds,
                                              "delay_seconds", total->delay_seconds, "switches",
                                              total->switches, "faults", total->faults,
                                              "peak_bytes", (json_int_t)total->peak_bytes));
    }
    if (options->json) {
        json_t *object = json_pack("{s:O}", "totals", list);
        json_dumpf(object, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
        putchar('\n');
        json_decref(object);
    }
    json_decref(list);
}

static struct vt_error *follow(struct sampler *sampler, const struct usage_options *options,
                               struct totals *totals)
{
    struct top_view view = {.key = TOP_BY_CPU};
    const struct sample *sample;
    struct vt_error *error = sampler_take(sampler, &sample); /* to compare with */

    if (!error && !options->json)
        printf("%9s %6s %6s %6s %8s %8s %8s  %s\n", "TIME s", "PID", "CPU%", "DELAY%", "SWITCH/s",
               "FAULT/s", "KiB", "NAME");
    while (!error && (options->duration <= 0 || sample->at < options->duration)) {
        size_t count;

        usleep((useconds_t)(options->interval * 1e6));
        error = sampler_take(sampler, &sample);
        if (error)
            break;
        struct top_row *rows = top_rows(&view, sample, &count);
        for (size_t i = 0; i < count; i++)
            add(totals, &rows[i], sample->seconds);
        print_look(options, sample, rows, count);
        free(rows);
    }
    return error;
}

int profile_usage(const char *name, const struct usage_options *options)
{
    struct totals totals = {0};
    struct sampler *sampler = NULL;
    struct vt_guest *guest;
    struct vt_error *error = cli_attach(name, &guest);

    if (error)
        return cli_fail(error);
    error = sampler_create(guest, &sampler);
    if (!error)
        error = follow(sampler, options, &totals);
    if (error && vt_error_code(error) == VT_ERROR_GONE) {
        fprintf(stderr, "vitrine: machine '%s' has ended\n", vt_guest_name(guest));
        vt_error_destroy(error);
        error = NULL;
    }
    if (!error)
        print_totals(options, &totals);
    int status = error ? cli_fail(error) : 0;
    free(totals.list);
    sampler_destroy(sampler);
    vt_guest_detach(guest);
    return status;
}
