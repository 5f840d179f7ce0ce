/*
 * vmm/export/summary.c - the process tree and the context switches of a run, compact enough to
 * read.
 *
 * All switches are counted; rows are kept for the first and the last few, so a run of any length
 * needs the same memory.
 */
#include <inttypes.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/export/event_text.h"
#include "vmm/export/record.h"
#include "vmm/export/summary.h"

#define FIRST_ROWS 16u
#define LAST_ROWS  6u
#define TREE_ROWS  40u

struct switch_row {
    uint64_t time_ns;
    unsigned cpu;
    char from[26], to[26];
    bool from_idle, to_idle;
    char why[64];
};

struct summary_sink {
    struct trace_sink sink;
    struct vt_guest *guest;
    struct process_tree tree;
    uint64_t switches, involuntary, events, lost;
    uint64_t cpu_mask;
    struct switch_row first[FIRST_ROWS], last[LAST_ROWS];
};

struct palette {
    const char *bold, *dim, *red, *green, *cyan, *off;
};

static struct palette palette_of(struct summary_style style)
{
    if (!style.colour)
        return (struct palette){"", "", "", "", "", ""};
    return (struct palette){"\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[36m", "\033[0m"};
}

struct summary_style summary_style_for(FILE *out)
{
    struct winsize size;
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    int fd = fileno(out);
    struct summary_style style = {
        .colour = isatty(fd) && !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0),
        .unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
        .width = 100,
    };

    if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 60)
        style.width = size.ws_col;
    return style;
}

const char *summary_duration(uint64_t ns, char text[16])
{
    if (ns < 1000)
        snprintf(text, 16, "%" PRIu64 " ns", ns);
    else if (ns < 1000000)
        snprintf(text, 16, "%.*f us", ns < 10000 ? 2 : ns < 100000 ? 1 : 0, (double)ns / 1e3);
    else if (ns < 1000000000)
        snprintf(text, 16, "%.*f ms", ns < 10000000 ? 2 : ns < 100000000 ? 1 : 0, (double)ns / 1e6);
    else
        snprintf(text, 16, "%.*f s", ns < 10000000000 ? 2 : 1, (double)ns / 1e9);
    return text;
}

void summary_branches(FILE *out, unsigned depth, const bool *last, bool unicode)
{
    for (unsigned level = 1; level <= depth; level++) {
        bool own = level == depth;

        if (unicode)
            fputs(own ? (last[level] ? "└─ " : "├─ ") : (last[level] ? "   " : "│  "), out);
        else
            fputs(own ? (last[level] ? "`- " : "|- ") : (last[level] ? "   " : "|  "), out);
    }
}

/* ---- collecting ---- */

static void name_task(char name[26], const struct vt_trace *trace, int32_t tid)
{
    if (tid)
        snprintf(name, 26, "%.15s/%d", vt_trace_comm(trace, tid), tid);
    else
        snprintf(name, 26, "idle");
}

static void take(struct trace_sink *sink, const struct vt_trace *trace,
                 const struct trace_record *record)
{
    struct summary_sink *summary = (struct summary_sink *)sink;

    process_tree_take(&summary->tree, trace, record);
    summary->events++;
    summary->lost = vt_trace_lost(trace);
    summary->cpu_mask |= 1ull << (record->cpu % 64);
    if (record->type != TRACE_SWITCH)
        return;
    uint64_t number = summary->switches++;
    struct switch_row *row = number < FIRST_ROWS
                                 ? &summary->first[number]
                                 : &summary->last[(number - FIRST_ROWS) % LAST_ROWS];
    enum switch_reason reason = switch_reason_of(record);

    summary->involuntary += reason == SWITCH_SLICE_OVER || reason == SWITCH_PREEMPTED;
    row->time_ns = vt_guest_tsc_to_ns(summary->guest, record->tsc);
    row->cpu = record->cpu;
    row->from_idle = switch_previous(record) == 0;
    row->to_idle = switch_next(record) == 0;
    name_task(row->from, trace, switch_previous(record));
    name_task(row->to, trace, switch_next(record));
    event_switch_why(record, row->why, sizeof(row->why));
}

static struct vt_error *finish(struct trace_sink *sink, const struct vt_trace *trace)
{
    ((struct summary_sink *)sink)->lost = vt_trace_lost(trace);
    return NULL;
}

static void destroy(struct trace_sink *sink)
{
    process_tree_deinit(&((struct summary_sink *)sink)->tree);
    free(sink);
}

struct vt_error *summary_sink_create(struct vt_guest *guest, struct trace_sink **ret)
{
    struct summary_sink *summary = calloc(1, sizeof(*summary));

    if (!summary)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the summary");
    summary->sink = (struct trace_sink){.take = take, .finish = finish, .destroy = destroy};
    summary->guest = guest;
    process_tree_init(&summary->tree, guest);
    *ret = &summary->sink;
    return NULL;
}

const struct process_tree *summary_tree(const struct trace_sink *sink)
{
    return &((const struct summary_sink *)sink)->tree;
}

/* ---- printing ---- */

struct tree_print {
    FILE *out;
    const struct process_tree *tree;
    struct summary_style style;
    struct palette palette;
    unsigned name_width, rows, hidden;
};

static void measure(void *context, const struct tree_process *process, unsigned depth,
                    const bool *last)
{
    struct tree_print *print = context;
    unsigned width = depth * 3 + (unsigned)strlen(process->comm);

    (void)last;
    if (width > print->name_width)
        print->name_width = width;
}

static void print_process(void *context, const struct tree_process *process, unsigned depth,
                          const bool *last)
{
    struct tree_print *print = context;
    struct palette palette = print->palette;
    char ended[48] = "running", run[16], life[16];
    const char *colour = "";

    if (++print->rows > TREE_ROWS) {
        print->hidden++;
        return;
    }
    if (process->ended) {
        event_status_text(process->status, ended, sizeof(ended));
        colour = process->status == 0 ? palette.green : palette.red;
    }
    fprintf(print->out, "%7d  %s", process->pid, palette.dim);
    summary_branches(print->out, depth, last, print->style.unicode);
    fprintf(print->out, "%s%s%s%s%*s", palette.off, palette.bold, process->comm, palette.off,
            (int)(print->name_width - depth * 3 - strlen(process->comm)), "");
    uint64_t end = process->ended ? process->end_ns : print->tree->last_ns;
    fprintf(print->out, "  %s%-16s%s %9s  %9s  %5" PRIu64 " + %" PRIu64, colour, ended, palette.off,
            summary_duration(end > process->start_ns ? end - process->start_ns : 0, life),
            summary_duration(process->run_ns, run), process->voluntary, process->involuntary);
    if (process->threads)
        fprintf(print->out, " %u more thread%s", process->threads,
                process->threads == 1 ? "" : "s");
    if (process->ended && !process->reaped && process->parent >= 0)
        fprintf(print->out, " %snever noticed%s", palette.dim, palette.off);
    fputc('\n', print->out);
}

static void print_row(const struct switch_row *row, FILE *out, struct summary_style style,
                      struct palette palette)
{
    uint64_t us = row->time_ns / 1000;

    fprintf(out, "%7" PRIu64 ".%03" PRIu64 "  %3u  %s%-20s%s %s %s%-20s%s  %s%s%s\n", us / 1000,
            us % 1000, row->cpu, row->from_idle ? palette.dim : "", row->from, palette.off,
            style.unicode ? "→" : "->", row->to_idle ? palette.dim : palette.cyan, row->to,
            palette.off, palette.dim, row->why, palette.off);
}

static void print_switches(const struct summary_sink *summary, FILE *out,
                           struct summary_style style, struct palette palette)
{
    uint64_t kept_first = summary->switches < FIRST_ROWS ? summary->switches : FIRST_ROWS;
    uint64_t later = summary->switches - kept_first;
    uint64_t kept_last = later < LAST_ROWS ? later : LAST_ROWS;

    fprintf(out, "\n%s%11s  CPU  %-20s %s  %-20s  WHY%s\n", palette.dim, "TIME ms", "FROM", " ",
            "TO", palette.off);
    for (uint64_t i = 0; i < kept_first; i++)
        print_row(&summary->first[i], out, style, palette);
    if (later > kept_last)
        fprintf(out,
                "%s        %s %" PRIu64
                " more; --trace FILE.txt lists them all, FILE.html draws them%s\n",
                palette.dim, style.unicode ? "…" : "...", later - kept_last, palette.off);
    for (uint64_t i = later - kept_last; i < later; i++)
        print_row(&summary->last[i % LAST_ROWS], out, style, palette);
}

void summary_print(const struct trace_sink *sink, FILE *out, struct summary_style style)
{
    const struct summary_sink *summary = (const struct summary_sink *)sink;
    struct palette palette = palette_of(style);
    struct tree_print print = {
        .out = out, .tree = &summary->tree, .style = style, .palette = palette, .name_width = 12};
    int cpus = __builtin_popcountll(summary->cpu_mask);
    size_t processes = summary->tree.count;

    fprintf(out,
            "%s%s %zu process%s, %" PRIu64 " context switch%s (%" PRIu64 " forced) on %d CPU%s%s\n",
            palette.bold, style.unicode ? "──" : "--", processes, processes == 1 ? "" : "es",
            summary->switches, summary->switches == 1 ? "" : "es", summary->involuntary, cpus,
            cpus == 1 ? "" : "s", palette.off);
    if (summary->lost)
        fprintf(out, "%s   %" PRIu64 " events were lost: the figures are too low%s\n", palette.red,
                summary->lost, palette.off);
    process_tree_walk(&summary->tree, measure, &print);
    if (processes) {
        fprintf(out, "%s%7s  %-*s  %-16s %9s  %9s  %s%s\n", palette.dim, "PID",
                (int)print.name_width, "PROGRAM", "ENDED", "LIVED", "ON CPU",
                "SWITCHES own + forced", palette.off);
        process_tree_walk(&summary->tree, print_process, &print);
    }
    if (print.hidden)
        fprintf(out, "%s         %s %u more; --json FILE lists them all%s\n", palette.dim,
                style.unicode ? "…" : "...", print.hidden, palette.off);
    if (summary->switches)
        print_switches(summary, out, style, palette);
}
