/* vmm/cli/top_view.c - the rows and lines of `vitrine top`; see top.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "vmm/cli/top.h"
#include "vmm/export/summary.h"

#define DEPTH_MAX 32u

static const char *const key_names[] = {"cpu", "memory", "pid", "time", "switches", "delay"};

const char *top_key_name(enum top_key key)
{
    return key_names[key];
}

bool top_key_parse(const char *name, enum top_key *ret)
{
    for (size_t i = 0; i < sizeof(key_names) / sizeof(key_names[0]); i++)
        if (strcmp(name, key_names[i]) == 0) {
            *ret = (enum top_key)i;
            return true;
        }
    return false;
}

static double value_of(const struct top_row *row, enum top_key key)
{
    const struct vt_task *task = &row->sampled->task;

    switch (key) {
    case TOP_BY_CPU:
        return row->cpu_percent;
    case TOP_BY_MEMORY:
        return (double)row->sampled->resident_bytes;
    case TOP_BY_TIME:
        return (double)(task->utime_ns + task->stime_ns);
    case TOP_BY_SWITCHES:
        return row->switches;
    case TOP_BY_DELAY:
        return row->delay_percent;
    default:
        return -(double)task->tid; /* numbers ascend, everything else descends */
    }
}

static int compare_rows(const void *a, const void *b, void *context)
{
    const struct top_view *view = context;
    const struct top_row *left = a, *right = b;
    double first = value_of(left, view->key), second = value_of(right, view->key);

    if (first != second)
        return (first > second) == view->reverse ? 1 : -1;
    return left->sampled->task.tid < right->sampled->task.tid ? -1 : 1;
}

static bool is_wanted(const struct top_view *view, const struct vt_task *task)
{
    if (task->idle || (!view->threads && task->tid != task->pid))
        return false;
    return !view->filter[0] || strcasestr(task->comm, view->filter);
}

static void add_thread(struct top_row *row, const struct sampled *sampled)
{
    row->cpu_percent += sampled->cpu_percent;
    row->delay_percent += sampled->delay_percent;
    row->switches += sampled->switches;
    row->faults += sampled->faults;
}

/* Parents before their children; a row whose parent is not shown is a root. */
static void order_as_tree(struct top_row *rows, size_t count, struct top_row *ordered, size_t *used,
                          const struct top_row *parent, unsigned depth)
{
    for (size_t i = 0; i < count && depth < DEPTH_MAX; i++) {
        struct top_row *row = &rows[i];
        if (!row->sampled)
            continue;
        const struct vt_task *task = &row->sampled->task;
        bool child = false;

        if (parent) {
            int32_t above = parent->sampled->task.tid;
            child = task->tid == task->pid ? task->ppid == above : task->pid == above;
        } else {
            int32_t wanted = task->tid == task->pid ? task->ppid : task->pid;
            child = true;
            for (size_t j = 0; j < count; j++)
                if (j != i && rows[j].sampled && rows[j].sampled->task.tid == wanted)
                    child = false;
        }
        if (!child)
            continue;
        struct top_row *placed = &ordered[(*used)++];
        *placed = *row;
        placed->depth = depth;
        row->sampled = NULL;
        order_as_tree(rows, count, ordered, used, placed, depth + 1);
    }
}

struct top_row *top_rows(struct top_view *view, const struct sample *sample, size_t *ret_count)
{
    struct top_row *rows = calloc(sample->count + 1, sizeof(*rows));
    size_t count = 0;

    view->total_switches = 0;
    for (size_t i = 0; rows && i < sample->count; i++) {
        view->total_switches += sample->tasks[i].switches;
        if (!is_wanted(view, &sample->tasks[i].task))
            continue;
        struct top_row *row = &rows[count++];
        row->sampled = &sample->tasks[i];
        for (size_t j = 0; j < sample->count; j++)
            if (j == i || (!view->threads && !sample->tasks[j].task.idle &&
                           sample->tasks[j].task.pid == row->sampled->task.pid))
                add_thread(row, &sample->tasks[j]);
    }
    if (rows)
        qsort_r(rows, count, sizeof(*rows), compare_rows, view);
    struct top_row *ordered = rows && view->tree ? calloc(count + 1, sizeof(*ordered)) : NULL;
    if (ordered) {
        size_t used = 0;

        order_as_tree(rows, count, ordered, &used, NULL, 0);
        free(rows);
        rows = ordered;
        count = used;
    }
    *ret_count = rows ? count : 0;
    return rows;
}

/* ---- lines ---- */

static const char *bytes_text(uint64_t bytes, char text[16])
{
    static const char units[] = "KMGT";
    double value = (double)bytes / 1024;
    unsigned unit = 0;

    while (value >= 1000 && unit < 3) {
        value /= 1024;
        unit++;
    }
    snprintf(text, 16, value < 10 && unit ? "%.1f%c" : "%.0f%c", value, units[unit]);
    return text;
}

void top_title(const struct top_view *view, const struct sample *sample, char line[TOP_LINE_MAX])
{
    size_t running = 0, asleep = 0, zombies = 0, held = 0, all = 0;

    for (size_t i = 0; i < sample->count; i++) {
        const struct vt_task *task = &sample->tasks[i].task;

        if (task->idle)
            continue;
        all++;
        running += task->state == TASK_RUNNING || task->state == TASK_READY;
        asleep += task->state == TASK_BLOCKED || task->state == TASK_BLOCKED_HARD;
        zombies += task->state == TASK_ZOMBIE;
        held += task->held != HELD_NO;
    }
    snprintf(
        line, TOP_LINE_MAX,
        "%s  %zu tasks: %zu runnable, %zu asleep, %zu zombie, %zu held  %.0f switches/s  sort: "
        "%s%s%s%s",
        view->machine, all, running, asleep, zombies, held, view->total_switches,
        top_key_name(view->key), view->reverse ? " (reversed)" : "",
        view->filter[0] ? "  filter: " : "", view->filter);
}

void top_lane(const struct sample *sample, unsigned cpu, char line[TOP_LINE_MAX])
{
    double idle = 0;
    const struct vt_task *running = NULL;
    char waiting[TOP_LINE_MAX / 2] = "";
    size_t used = 0, waits = 0;

    for (size_t i = 0; i < sample->count; i++) {
        const struct vt_task *task = &sample->tasks[i].task;

        if (task->cpu != cpu)
            continue;
        if (task->idle)
            idle = sample->tasks[i].cpu_percent;
        if (task->state == TASK_RUNNING)
            running = task;
        if (task->state != TASK_READY || task->idle || task->held == HELD_PARKED)
            continue;
        waits++;
        if (used < sizeof(waiting) - 40)
            used += (size_t)snprintf(waiting + used, sizeof(waiting) - used, " %s/%d", task->comm,
                                     task->tid);
    }
    unsigned bars = (unsigned)((100.0 - idle) / 5 + 0.5);
    if (!sample->seconds || bars > 20)
        bars = 0;
    char runs[40] = "-";
    if (running && !running->idle)
        snprintf(runs, sizeof(runs), "%s/%d", running->comm, running->tid);
    snprintf(line, TOP_LINE_MAX, "CPU%-2u [%-20.*s] %5.1f%%  runs %-18s %zu wait%s%s", cpu,
             (int)bars, "||||||||||||||||||||", 100.0 - idle, runs, waits, waits ? ":" : "",
             waiting);
}

void top_header(char line[TOP_LINE_MAX])
{
    snprintf(line, TOP_LINE_MAX, "%6s %6s S %2s %3s %6s %6s %8s %8s %6s %9s  %s", "PID", "TID", "C",
             "NI", "CPU%", "DELAY%", "SWITCH/s", "FAULT/s", "MEMORY", "TIME", "NAME");
}

void top_row_text(const struct top_row *row, char line[TOP_LINE_MAX])
{
    const struct vt_task *task = &row->sampled->task;
    char memory[16], duration[16];
    const char *waits = "";

    if (task->held != HELD_NO)
        waits = "held";
    else if (task->state == TASK_BLOCKED || task->state == TASK_BLOCKED_HARD)
        waits = vt_wait_kind_name(task->wait_kind);
    snprintf(line, TOP_LINE_MAX,
             "%6d %6d %c %2u %3d %6.1f %6.1f %8.0f %8.0f %6s %9s  %*s%s%s%s%s%s%s%s", task->pid,
             task->tid, task->held == HELD_PARKED ? 'H' : vt_task_state_letter(task->state),
             task->cpu, task->nice, row->cpu_percent, row->delay_percent, row->switches,
             row->faults, bytes_text(row->sampled->resident_bytes, memory),
             summary_duration(task->utime_ns + task->stime_ns, duration), (int)(2 * row->depth), "",
             task->kernel_thread      ? "["
             : task->tid != task->pid ? "{"
                                      : "",
             task->comm,
             task->kernel_thread      ? "]"
             : task->tid != task->pid ? "}"
                                      : "",
             *waits ? "  (" : "", waits, *waits ? ")" : "", "");
}
