/*
 * vmm/export/sched_report.c - see sched_report.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/export/event_text.h"
#include "vmm/export/record.h"
#include "vmm/export/sched_report.h"
#include "vmm/export/sched_tasks.h"
#include "vmm/export/summary.h"

struct report_sink {
    struct trace_sink sink;
    FILE *out;
    enum sched_report report;
    bool json, any;
    struct sched_tasks tasks;
    unsigned cpus;                  /* columns of the map so far */
    int32_t running[BOOT_CPUS_MAX]; /* tid per CPU, as the last switch said */
    uint64_t last_sequence[BOOT_CPUS_MAX];
    int32_t *named; /* tids that the map has explained, sorted; with the name they had */
    size_t named_count, named_room;
};

static const char *const names[] = {"none", "latency", "map", "timehist"};

enum sched_report sched_report_named(const char *name)
{
    for (enum sched_report report = SCHED_REPORT_LATENCY; report <= SCHED_REPORT_TIMEHIST; report++)
        if (strcmp(name, names[report]) == 0)
            return report;
    return SCHED_REPORT_NONE;
}

/* Milliseconds with all digits of a microsecond. */
static void write_ms(FILE *out, int width, uint64_t ns)
{
    fprintf(out, " %*" PRIu64 ".%03" PRIu64, width - 4, ns / 1000000, ns / 1000 % 1000);
}

static void write_label(FILE *out, int width, const char *comm, int32_t tid)
{
    char label[32];

    snprintf(label, sizeof(label), "%.15s/%d", comm, tid);
    fprintf(out, "%-*s", width, tid ? label : "idle");
}

static void begin_json_row(struct report_sink *report)
{
    fputs(report->any ? ",\n" : "\n", report->out);
    report->any = true;
}

/* A gap in a CPU's records: what stands on both sides of it does not fit together. */
static void take_gap(struct report_sink *report, const struct trace_record *record)
{
    uint64_t *last = &report->last_sequence[record->cpu];

    if (*last && record->sequence > *last + 1 && !report->json &&
        report->report != SCHED_REPORT_LATENCY)
        fprintf(report->out, "   ... %" PRIu64 " events of CPU %u were lost here\n",
                record->sequence - *last - 1, record->cpu);
    *last = record->sequence;
}

/* ---- map ---- */

/* Two signs per task: a letter and a digit, by its number; those of 26 * 36 tasks are different. */
static void sign_of(int32_t tid, char sign[3])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    uint32_t number = (uint32_t)tid;

    sign[0] = (char)('A' + number % 26);
    sign[1] = digits[number / 26 % 36];
    sign[2] = '\0';
}

/* True the first time that the map has this task. */
static bool first_time(struct report_sink *report, int32_t tid)
{
    size_t low = 0, high = report->named_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (report->named[middle] == tid)
            return false;
        if (report->named[middle] < tid)
            low = middle + 1;
        else
            high = middle;
    }
    if (report->named_count == report->named_room) {
        size_t room = report->named_room ? report->named_room * 2 : 64;
        int32_t *larger =
            room > SCHED_TASKS_MAX ? NULL : realloc(report->named, room * sizeof(*larger));

        if (!larger)
            return true;
        report->named = larger;
        report->named_room = room;
    }
    memmove(&report->named[low + 1], &report->named[low],
            (report->named_count - low) * sizeof(*report->named));
    report->named[low] = tid;
    report->named_count++;
    return true;
}

static void map_switch(struct report_sink *report, const struct vt_trace *trace,
                       const struct trace_record *record, uint64_t now)
{
    int32_t next = switch_next(record);
    char sign[3];

    report->running[record->cpu] = next;
    if (record->cpu >= report->cpus)
        report->cpus = record->cpu + 1u;
    if (report->json) {
        begin_json_row(report);
        fprintf(report->out, "{\"time_ns\":%" PRIu64 ",\"cpu\":%u,\"tid\":%d,\"comm\":", now,
                record->cpu, next);
        event_json_string(report->out, vt_trace_comm(trace, next));
        fputc('}', report->out);
        return;
    }
    for (unsigned cpu = 0; cpu < report->cpus; cpu++) {
        if (report->running[cpu] > 0)
            sign_of(report->running[cpu], sign);
        fprintf(report->out, " %c%-2s", cpu == record->cpu ? '*' : ' ',
                report->running[cpu] > 0 ? sign
                : report->running[cpu]   ? "?"
                                         : ".");
    }
    write_ms(report->out, 14, now);
    fputs(" ms", report->out);
    if (next && first_time(report, next)) {
        sign_of(next, sign);
        fprintf(report->out, "  %s => %s/%d", sign, vt_trace_comm(trace, next), next);
    }
    fputc('\n', report->out);
}

/* ---- timehist ---- */

static void timehist_switch(struct report_sink *report, const struct trace_record *record,
                            uint64_t now)
{
    const struct sched_task *task = sched_task_find(&report->tasks, switch_previous(record));
    uint64_t ran = task && task->in_ns && now > task->in_ns ? now - task->in_ns : 0;
    char why[80];

    if (!task)
        return; /* the idle task */
    event_switch_why(record, why, sizeof(why));
    if (report->json) {
        begin_json_row(report);
        fprintf(report->out,
                "{\"time_ns\":%" PRIu64 ",\"cpu\":%u,\"tid\":%d,\"pid\":%d,\"comm\":", now,
                record->cpu, task->tid, task->tgid);
        event_json_string(report->out, task->comm);
        fprintf(report->out,
                ",\"blocked_ns\":%" PRIu64 ",\"delay_ns\":%" PRIu64 ",\"run_ns\":%" PRIu64
                ",\"why\":",
                task->slept_ns, task->last_delay_ns, ran);
        event_json_string(report->out, why);
        fputc('}', report->out);
        return;
    }
    write_ms(report->out, 13, now);
    fprintf(report->out, "  %3u  ", record->cpu);
    write_label(report->out, 22, task->comm, task->tid);
    write_ms(report->out, 10, task->slept_ns);
    write_ms(report->out, 10, task->last_delay_ns);
    write_ms(report->out, 10, ran);
    fprintf(report->out, "  %s\n", why);
}

/* ---- latency ---- */

static int by_delay(const void *first, const void *second)
{
    const struct sched_task *one = first, *other = second;

    if (one->delay_max_ns != other->delay_max_ns)
        return one->delay_max_ns < other->delay_max_ns ? 1 : -1;
    if (one->run_ns != other->run_ns)
        return one->run_ns < other->run_ns ? 1 : -1;
    return one->tid < other->tid ? -1 : one->tid > other->tid;
}

static void latency_row(const struct report_sink *report, const struct sched_task *task)
{
    uint64_t average = task->delays ? task->delay_sum_ns / task->delays : 0;

    if (report->json) {
        fprintf(report->out, "{\"tid\":%d,\"pid\":%d,\"comm\":", task->tid, task->tgid);
        event_json_string(report->out, task->comm);
        fprintf(report->out,
                ",\"run_ns\":%" PRIu64 ",\"queue_ns\":%" PRIu64 ",\"own\":%" PRIu64
                ",\"forced\":%" PRIu64 ",\"delays\":%" PRIu64 ",\"delay_average_ns\":%" PRIu64
                ",\"delay_max_ns\":%" PRIu64 ",\"delay_max_at_ns\":%" PRIu64 "}",
                task->run_ns, task->queue_ns, task->own, task->forced, task->delays, average,
                task->delay_max_ns, task->delay_max_at_ns);
        return;
    }
    write_label(report->out, 22, task->comm, task->tid);
    write_ms(report->out, 11, task->run_ns);
    fprintf(report->out, " %8" PRIu64 " + %-7" PRIu64, task->own, task->forced);
    write_ms(report->out, 10, task->queue_ns);
    fprintf(report->out, " %8" PRIu64, task->delays);
    write_ms(report->out, 10, average);
    write_ms(report->out, 10, task->delay_max_ns);
    write_ms(report->out, 14, task->delay_max_at_ns);
    fputc('\n', report->out);
}

static void latency_rows(struct report_sink *report)
{
    struct sched_tasks *tasks = &report->tasks;

    /* Who runs at the end has run until now. */
    for (size_t i = 0; i < tasks->count; i++)
        if (tasks->tasks[i].running && tasks->last_ns > tasks->tasks[i].in_ns)
            tasks->tasks[i].run_ns += tasks->last_ns - tasks->tasks[i].in_ns;
    qsort(tasks->tasks, tasks->count, sizeof(*tasks->tasks), by_delay);
    if (!report->json)
        fprintf(report->out, "%-22s %11s %8s + %-7s %10s %8s %10s %10s %14s\n", "TASK", "RUN ms",
                "SWITCHES", "FORCED", "QUEUE ms", "WAKE-UPS", "DELAY avg", "max ms", "max at ms");
    for (size_t i = 0; i < tasks->count; i++) {
        if (report->json)
            begin_json_row(report);
        latency_row(report, &tasks->tasks[i]);
    }
}

/* ---- the sink ---- */

static void take(struct trace_sink *sink, const struct vt_trace *trace,
                 const struct trace_record *record)
{
    struct report_sink *report = (struct report_sink *)sink;
    uint64_t now = vt_guest_tsc_to_ns(report->tasks.guest, record->tsc);

    if (record->cpu >= BOOT_CPUS_MAX)
        return;
    take_gap(report, record);
    if (record->type == TRACE_SWITCH && report->report == SCHED_REPORT_TIMEHIST)
        timehist_switch(report, record, now); /* before the figures of this stay are closed */
    sched_tasks_take(&report->tasks, trace, record);
    if (record->type == TRACE_SWITCH && report->report == SCHED_REPORT_MAP)
        map_switch(report, trace, record, now);
}

static struct vt_error *finish(struct trace_sink *sink, const struct vt_trace *trace)
{
    struct report_sink *report = (struct report_sink *)sink;
    uint64_t lost = trace ? vt_trace_lost(trace) : 0, dropped = report->tasks.dropped;
    uint64_t length = report->tasks.last_ns - report->tasks.first_ns;
    char text[16];

    if (report->report == SCHED_REPORT_LATENCY)
        latency_rows(report);
    if (report->json) {
        fprintf(report->out,
                "\n],\"length_ns\":%" PRIu64 ",\"switches\":%" PRIu64 ",\"wakeups\":%" PRIu64
                ",\"tasks\":%zu,\"tasks_dropped\":%" PRIu64 ",\"lost\":%" PRIu64 "}\n",
                length, report->tasks.switches, report->tasks.wakeups, report->tasks.count, dropped,
                lost);
    } else {
        fprintf(report->out, "%" PRIu64 " switches, %" PRIu64 " wake-ups, %zu tasks in %s; ",
                report->tasks.switches, report->tasks.wakeups, report->tasks.count,
                summary_duration(length, text));
        if (dropped)
            fprintf(report->out, "%" PRIu64 " more tasks were not counted; ", dropped);
        if (lost)
            fprintf(report->out, "%" PRIu64 " events were lost: the figures are too low\n", lost);
        else
            fputs("no events were lost\n", report->out);
    }
    if (fflush(report->out) != 0)
        return vt_error_system(errno, "cannot write the report");
    return NULL;
}

static void pause_writing(struct trace_sink *sink)
{
    fflush(((struct report_sink *)sink)->out);
}

static void destroy(struct trace_sink *sink)
{
    struct report_sink *report = (struct report_sink *)sink;

    sched_tasks_deinit(&report->tasks);
    free(report->named);
    free(report);
}

struct vt_error *sched_report_create(struct vt_guest *guest, enum sched_report kind, bool json,
                                     FILE *out, struct trace_sink **ret)
{
    struct report_sink *report = calloc(1, sizeof(*report));

    if (!report)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the report");
    report->sink = (struct trace_sink){
        .take = take, .finish = finish, .destroy = destroy, .pause = pause_writing};
    report->out = out;
    report->report = kind;
    report->json = json;
    for (unsigned cpu = 0; cpu < BOOT_CPUS_MAX; cpu++)
        report->running[cpu] = -1;
    sched_tasks_init(&report->tasks, guest);
    if (json)
        fprintf(out, "{\"report\":\"%s\",\"rows\":[", names[kind]);
    else if (kind == SCHED_REPORT_TIMEHIST)
        fprintf(out, "%13s  %3s  %-22s %10s %10s %10s  %s\n", "TIME ms", "CPU", "TASK", "BLOCKED",
                "DELAY", "RUN", "WHY IT LEFT");
    *ret = &report->sink;
    return NULL;
}
