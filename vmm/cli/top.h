/*
 * vmm/cli/top.h - `vitrine top`: what is shown (top_view.c) apart from where: on a terminal
 * (top_screen.c) or as text and JSON (top.c).
 */
#ifndef VITRINE_CLI_TOP_H
#define VITRINE_CLI_TOP_H

#include "vmm/cli/sampler.h"

enum top_key { TOP_BY_CPU, TOP_BY_MEMORY, TOP_BY_PID, TOP_BY_TIME, TOP_BY_SWITCHES, TOP_BY_DELAY };

#define TOP_FILTER_MAX 32
#define TOP_LINE_MAX   512

struct top_view {
    enum top_key key;
    bool reverse, tree, threads; /* threads: one row each, else one per process */
    char filter[TOP_FILTER_MAX]; /* part of a name, "" = all */
    const char *machine;
    unsigned cpus;
    double total_switches; /* per second, all CPUs */
};

/* One row: which task, and how deep in the tree. */
struct top_row {
    const struct sampled *sampled;
    unsigned depth;
    double cpu_percent, delay_percent, switches, faults; /* of the process if rows are processes */
};

/* The rows in the order they are shown; free(). */
struct top_row *top_rows(struct top_view *view, const struct sample *sample, size_t *ret_count);

const char *top_key_name(enum top_key key);
bool top_key_parse(const char *name, enum top_key *ret);

/* Lines without newline, at most TOP_LINE_MAX - 1 bytes. */
void top_title(const struct top_view *view, const struct sample *sample, char line[TOP_LINE_MAX]);
/* One CPU: how busy, who runs there, who waits there. */
void top_lane(const struct sample *sample, unsigned cpu, char line[TOP_LINE_MAX]);
void top_header(char line[TOP_LINE_MAX]);
void top_row_text(const struct top_row *row, char line[TOP_LINE_MAX]);

/* Until the user quits or the machine ends (VT_ERROR_GONE). */
struct vt_error *top_screen(struct vt_guest *guest, struct sampler *sampler, struct top_view *view,
                            double delay_seconds);

#endif
