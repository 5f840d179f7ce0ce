/*
 * vmm/export/timeline.c - one HTML file that shows a run: the page from vmm/export/timeline/ with
 * the events inside, as JSON.
 *
 * The page needs nothing else: no network, no other file. Events are rows of seven numbers in one
 * flat list, in the order in which they were read; texts are numbers of a list of strings that
 * follows the rows. What a guest can choose (names, above all) passes only through write_string().
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/export/event_text.h"
#include "vmm/export/file_sink.h"
#include "vmm/export/record.h"
#include "vmm/export/strings.h"

/* The place in the page where the data goes. */
#define PLACE "@trace@"

/* Kinds of rows beside enum trace_type; vmm/export/timeline/model.js knows the same numbers. */
enum row_kind {
    ROW_NAME = 100, /* tid: its process (0 = not known yet), its name */
    ROW_LOSS = 101, /* so many records of the CPU are missing in front of its next one */
};

extern const char timeline_page[], timeline_page_end[]; /* timeline_page.S */

struct known_task {
    int32_t tid; /* 0 = free */
    int32_t tgid;
    uint32_t name;
};

struct timeline_sink {
    struct file_sink head;
    const char *rest; /* of the page, behind the data */
    bool any;
    uint64_t last_ns, records, system_calls;
    uint64_t sequence[BOOT_CPUS_MAX]; /* last seen */
    struct string_list strings;
    struct known_task *tasks; /* open addressing by tid, task_room is a power of two */
    uint32_t task_count, task_room;
};

#define TASKS_MAX (1u << 21)

static struct known_task *slot_of(const struct timeline_sink *timeline, int32_t tid)
{
    uint32_t mask = timeline->task_room - 1;

    for (uint32_t i = (uint32_t)tid * 2654435761u & mask;; i = (i + 1) & mask)
        if (timeline->tasks[i].tid == tid || timeline->tasks[i].tid == 0)
            return &timeline->tasks[i];
}

/* The entry of a task; NULL when there are too many: their names stay unknown. */
static struct known_task *known(struct timeline_sink *timeline, int32_t tid)
{
    if (timeline->task_count * 2 >= timeline->task_room) {
        uint32_t old_room = timeline->task_room, room = old_room ? old_room * 2 : 256;
        struct known_task *old = timeline->tasks;
        struct known_task *larger = room > TASKS_MAX ? NULL : calloc(room, sizeof(*larger));

        if (!larger)
            return NULL;
        timeline->tasks = larger;
        timeline->task_room = room;
        for (uint32_t i = 0; i < old_room; i++)
            if (old[i].tid)
                *slot_of(timeline, old[i].tid) = old[i];
        free(old);
    }
    struct known_task *task = slot_of(timeline, tid);
    if (task->tid == 0) {
        timeline->task_count++;
        *task = (struct known_task){.tid = tid, .name = UINT32_MAX};
    }
    return task;
}

/* Script elements end at "</script", whatever the quotes around it: no '<' leaves this function. */
static void write_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c == '\'' || c < ' ' ||
            c >= 0x7f)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

/* JavaScript's numbers are exact up to 2^53. */
static void write_word(FILE *out, uint64_t value)
{
    if (value < 1ull << 53)
        fprintf(out, ",%" PRIu64, value);
    else
        fprintf(out, ",\"%#" PRIx64 "\"", value);
}

static void begin_row(struct timeline_sink *timeline, const struct trace_record *record,
                      unsigned kind, int32_t tid)
{
    uint64_t now = vt_guest_tsc_to_ns(timeline->head.guest, record->tsc);

    if (timeline->any)
        fputs(",\n", timeline->head.out);
    timeline->any = true;
    fprintf(timeline->head.out, "%" PRId64 ",%u,%u,%d", (int64_t)(now - timeline->last_ns),
            record->cpu, kind, tid);
    timeline->last_ns = now;
}

static void write_row(struct timeline_sink *timeline, const struct trace_record *record,
                      unsigned kind, int32_t tid, uint64_t a, uint64_t b, uint64_t c)
{
    begin_row(timeline, record, kind, tid);
    write_word(timeline->head.out, a);
    write_word(timeline->head.out, b);
    write_word(timeline->head.out, c);
}

/* A row with the task's name and process, if the page does not have them yet. tgid 0 = unknown. */
static void tell_name(struct timeline_sink *timeline, const struct vt_trace *trace,
                      const struct trace_record *record, int32_t tid, int32_t tgid, bool again)
{
    if (tid == 0)
        return;
    uint32_t name = string_number(&timeline->strings, vt_trace_comm(trace, tid));
    struct known_task *task = known(timeline, tid);

    if (!task)
        return;
    if (!tgid && !again)
        tgid = task->tgid;
    if (!again && task->name == name && task->tgid == tgid)
        return;
    task->name = name;
    task->tgid = tgid;
    write_row(timeline, record, ROW_NAME, tid, (uint32_t)tgid, name, 0);
}

static uint64_t text(struct timeline_sink *timeline, const char *words)
{
    return string_number(&timeline->strings, words);
}

static uint64_t status_text(struct timeline_sink *timeline, uint32_t status)
{
    char words[48];

    event_status_text(status, words, sizeof(words));
    return text(timeline, words);
}

static void take_event(struct timeline_sink *timeline, const struct trace_record *record)
{
    const uint64_t *arg = record->arg;
    uint32_t low = (uint32_t)record_low(record, 0), high = (uint32_t)record_high(record, 0);
    unsigned kind = record->type;
    int32_t tid = record->tid;
    char words[96];

    switch (record->type) {
    case TRACE_SWITCH:
        event_switch_why(record, words, sizeof(words));
        write_row(timeline, record, kind, switch_previous(record), high, arg[1] & 0xffffff,
                  text(timeline, words));
        break;
    case TRACE_WAKEUP:
        write_row(timeline, record, kind, tid, low, high,
                  text(timeline, vt_wait_kind_name((enum wait_kind)arg[1])));
        break;
    case TRACE_FORK:
        write_row(timeline, record, kind, tid, low, high, arg[1]);
        break;
    case TRACE_EXIT:
        write_row(timeline, record, kind, tid, status_text(timeline, (uint32_t)arg[0]), arg[1],
                  (uint32_t)arg[0]);
        break;
    case TRACE_REAP:
        write_row(timeline, record, kind, tid, low, (uint32_t)arg[1], status_text(timeline, high));
        break;
    case TRACE_SIGNAL:
        snprintf(words, sizeof(words), "%s: %s", event_signal_name((int)high),
                 event_signal_result(arg[2]));
        write_row(timeline, record, kind, tid, low, high, text(timeline, words));
        break;
    case TRACE_FAULT:
        write_row(timeline, record, kind, tid, arg[0], arg[1],
                  text(timeline, event_fault_result(arg[3])));
        break;
    case TRACE_MIGRATE:
        write_row(timeline, record, kind, tid, low, high, arg[1]);
        break;
    case TRACE_PROCESS_EXCEPTION:
        write_row(timeline, record, kind, tid, arg[0], arg[1],
                  text(timeline, event_signal_name((int)arg[3])));
        break;
    case TRACE_STOP_TASK:
        write_row(timeline, record, kind, tid, low, text(timeline, event_signal_name((int)arg[1])),
                  0);
        break;
    case TRACE_SYSCALL_ENTER:
    case TRACE_SYSCALL_EXIT:
        timeline->system_calls += record->type == TRACE_SYSCALL_ENTER; /* no lane has room */
        break;
    case TRACE_SYSCALL_ARGUMENTS:
    case TRACE_SYSCALL_TEXT:
        break;
    case TRACE_EXEC: /* the name is told by a row of its own */
    case TRACE_COMM:
        write_row(timeline, record, kind, tid, text(timeline, ""), 0, 0);
        break;
    default:
        write_row(timeline, record, kind, tid, arg[0], arg[1], arg[2]);
        break;
    }
}

static void take(struct trace_sink *sink, const struct vt_trace *trace,
                 const struct trace_record *record)
{
    struct timeline_sink *timeline = (struct timeline_sink *)sink;

    if (record->cpu >= BOOT_CPUS_MAX)
        return;
    timeline->records++;
    uint64_t *sequence = &timeline->sequence[record->cpu];
    if (*sequence && record->sequence > *sequence + 1)
        write_row(timeline, record, ROW_LOSS, 0, record->sequence - *sequence - 1, 0, 0);
    *sequence = record->sequence;
    tell_name(timeline, trace, record, record->tid, record->tgid, false);
    switch (record->type) {
    case TRACE_SWITCH:
        tell_name(timeline, trace, record, switch_next(record), 0, false);
        break;
    case TRACE_WAKEUP:
        tell_name(timeline, trace, record, record_low(record, 0), 0, false);
        break;
    default:
        break;
    }
    take_event(timeline, record);
    /* Behind the fork: a number that is used again means another task from there on. */
    if (record->type == TRACE_FORK)
        tell_name(timeline, trace, record, record_low(record, 0), record_high(record, 0), true);
}

static void write_names(FILE *out, const char *label, unsigned count,
                        const char *(*name)(unsigned number))
{
    fprintf(out, ",\"%s\":[", label);
    for (unsigned i = 0; i < count; i++) {
        if (i)
            fputc(',', out);
        write_string(out, name(i));
    }
    fputs("]", out);
}

static const char *state_name(unsigned number)
{
    return vt_task_state_name((enum task_state)number);
}

static const char *reason_name(unsigned number)
{
    return vt_switch_reason_name((enum switch_reason)number);
}

static struct vt_error *finish(struct trace_sink *sink, const struct vt_trace *trace)
{
    struct timeline_sink *timeline = (struct timeline_sink *)sink;
    FILE *out = timeline->head.out;

    fputs("]", out);
    write_names(out, "states", TASK_STATES, state_name);
    write_names(out, "reasons", SWITCH_MIGRATED + 1, reason_name);
    fputs(",\"strings\":[", out);
    for (uint32_t i = 0; i < timeline->strings.count; i++) {
        fputs(i ? ",\n" : "\n", out);
        write_string(out, timeline->strings.texts[i]);
    }
    fprintf(out, "],\"records\":%" PRIu64 ",\"systemCalls\":%" PRIu64 ",\"lost\":%" PRIu64 "}",
            timeline->records, timeline->system_calls, trace ? vt_trace_lost(trace) : 0);
    fputs(timeline->rest, out);
    return file_sink_flush(&timeline->head);
}

static void destroy(struct trace_sink *sink)
{
    struct timeline_sink *timeline = (struct timeline_sink *)sink;

    string_list_deinit(&timeline->strings);
    free(timeline->tasks);
    file_sink_destroy(sink);
}

struct vt_error *timeline_sink_create(struct vt_guest *guest, int fd, struct trace_sink **ret)
{
    static const struct trace_sink calls = {.take = take, .finish = finish, .destroy = destroy};
    const char *place = strstr(timeline_page, PLACE);
    struct vt_error *error = file_sink_create(sizeof(struct timeline_sink), &calls, guest, fd, ret);

    if (error)
        return error;
    struct timeline_sink *timeline = (struct timeline_sink *)*ret;
    timeline->rest = place + strlen(PLACE);
    fwrite(timeline_page, 1, (size_t)(place - timeline_page), timeline->head.out);
    fputs("{\"format\":1,\"rows\":[\n", timeline->head.out);
    return NULL;
}
