/*
 * vmm/export/chrome_json.c - the Trace Event Format that chrome://tracing and Perfetto read.
 *
 * Two groups of lanes: "CPUs" (process 0) has one lane per CPU with the task that runs there; every
 * process has one lane per thread with its states: running, ready, and what it waits for. Written
 * as a stream; memory is needed only for what is still open (per task and per CPU).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/export/event_text.h"
#include "vmm/export/file_sink.h"
#include "vmm/export/loss.h"
#include "vmm/export/record.h"

#define LANES_MAX (1u << 20)

struct lane {
    int32_t tid, tgid;
    uint64_t since_ns;
    char comm[16];
    char state[80]; /* "" = not known yet */
};

struct chrome_sink {
    struct file_sink head;
    bool first;
    uint64_t last_ns;
    struct trace_loss loss;
    struct {
        bool known;
        int32_t tid;
        uint64_t since_ns;
    } cpus[BOOT_CPUS_MAX];
    struct lane *lanes; /* sorted by tid */
    size_t lane_count, lane_room;
};

static void separator(struct chrome_sink *chrome)
{
    fputs(chrome->first ? "\n" : ",\n", chrome->head.out);
    chrome->first = false;
}

static void write_slice(struct chrome_sink *chrome, int32_t pid, int32_t tid, const char *name,
                        const char *category, uint64_t from_ns, uint64_t to_ns)
{
    uint64_t length = to_ns > from_ns ? to_ns - from_ns : 0;

    separator(chrome);
    fprintf(chrome->head.out, "{\"ph\":\"X\",\"pid\":%d,\"tid\":%d,\"cat\":\"%s\",\"name\":", pid,
            tid, category);
    event_json_string(chrome->head.out, name);
    fprintf(chrome->head.out,
            ",\"ts\":%" PRIu64 ".%03" PRIu64 ",\"dur\":%" PRIu64 ".%03" PRIu64 "}", from_ns / 1000,
            from_ns % 1000, length / 1000, length % 1000);
}

static void write_name(struct chrome_sink *chrome, const char *what, int32_t pid, int32_t tid,
                       const char *name)
{
    separator(chrome);
    fprintf(chrome->head.out,
            "{\"ph\":\"M\",\"pid\":%d,\"tid\":%d,\"name\":\"%s\",\"args\":{\"name\":", pid, tid,
            what);
    event_json_string(chrome->head.out, name);
    fputs("}}", chrome->head.out);
}

static struct lane *lane_of(struct chrome_sink *chrome, int32_t tid, int32_t tgid)
{
    size_t low = 0, high = chrome->lane_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (chrome->lanes[middle].tid == tid)
            return &chrome->lanes[middle];
        if (chrome->lanes[middle].tid < tid)
            low = middle + 1;
        else
            high = middle;
    }
    if (chrome->lane_count == chrome->lane_room) {
        size_t room = chrome->lane_room ? chrome->lane_room * 2 : 64;
        struct lane *larger =
            room > LANES_MAX ? NULL : realloc(chrome->lanes, room * sizeof(*larger));

        if (!larger)
            return NULL;
        chrome->lanes = larger;
        chrome->lane_room = room;
    }
    memmove(&chrome->lanes[low + 1], &chrome->lanes[low],
            (chrome->lane_count - low) * sizeof(*chrome->lanes));
    chrome->lane_count++;
    chrome->lanes[low] = (struct lane){.tid = tid, .tgid = tgid};
    return &chrome->lanes[low];
}

/* Ends the task's open state and begins another. */
static void set_state(struct chrome_sink *chrome, const struct vt_trace *trace, int32_t tid,
                      uint64_t now, const char *state)
{
    if (tid == 0)
        return;
    struct lane *lane = lane_of(chrome, tid, tid);
    if (!lane)
        return;
    if (lane->state[0])
        write_slice(chrome, lane->tgid, tid, lane->state, "state", lane->since_ns, now);
    lane->since_ns = now;
    snprintf(lane->state, sizeof(lane->state), "%s", state);
    snprintf(lane->comm, sizeof(lane->comm), "%.15s", vt_trace_comm(trace, tid));
}

static void take_switch(struct chrome_sink *chrome, const struct vt_trace *trace,
                        const struct trace_record *record, uint64_t now)
{
    int32_t previous = switch_previous(record), next = switch_next(record);
    char why[80] = "ready";

    if (chrome->cpus[record->cpu].known && chrome->cpus[record->cpu].tid != 0) {
        char name[48];

        snprintf(name, sizeof(name), "%s/%d", vt_trace_comm(trace, previous), previous);
        write_slice(chrome, 0, record->cpu, name, "cpu", chrome->cpus[record->cpu].since_ns, now);
    }
    chrome->cpus[record->cpu].known = true;
    chrome->cpus[record->cpu].tid = next;
    chrome->cpus[record->cpu].since_ns = now;
    if (switch_reason_of(record) == SWITCH_BLOCKED || switch_reason_of(record) == SWITCH_STOPPED)
        event_switch_why(record, why, sizeof(why));
    if (switch_reason_of(record) == SWITCH_EXIT)
        why[0] = '\0';
    set_state(chrome, trace, previous, now, why);
    set_state(chrome, trace, next, now, "running");
}

static void write_instant(struct chrome_sink *chrome, const struct vt_trace *trace,
                          const struct trace_record *record, uint64_t now)
{
    separator(chrome);
    fprintf(chrome->head.out,
            "{\"ph\":\"i\",\"s\":\"t\",\"pid\":%d,\"tid\":%d,\"ts\":%" PRIu64 ".%03" PRIu64
            ",\"name\":",
            record->tgid, record->tid, now / 1000, now % 1000);
    event_json_string(chrome->head.out, vt_trace_type_name((enum trace_type)record->type));
    fputs(",\"args\":{\"event\":", chrome->head.out);
    event_json_write(chrome->head.out, chrome->head.guest, trace, record);
    fputs("}}", chrome->head.out);
}

/* A mark over the whole height of the timeline: what is seen before it may be wrong. */
static void write_loss(struct chrome_sink *chrome, unsigned cpu, uint64_t lost, uint64_t now)
{
    separator(chrome);
    fprintf(chrome->head.out,
            "{\"ph\":\"i\",\"s\":\"g\",\"pid\":0,\"tid\":%u,\"ts\":%" PRIu64 ".%03" PRIu64
            ",\"name\":\"%" PRIu64 " events lost on CPU %u\"}",
            cpu, now / 1000, now % 1000, lost, cpu);
}

static void take(struct trace_sink *sink, const struct vt_trace *trace,
                 const struct trace_record *record)
{
    struct chrome_sink *chrome = (struct chrome_sink *)sink;
    uint64_t now = vt_guest_tsc_to_ns(chrome->head.guest, record->tsc);

    if (record->cpu >= BOOT_CPUS_MAX)
        return;
    chrome->last_ns = now > chrome->last_ns ? now : chrome->last_ns;
    uint64_t lost = trace_loss_before(&chrome->loss, trace, record);
    if (lost)
        write_loss(chrome, record->cpu, lost, now);
    if (record->tid) {
        struct lane *lane = lane_of(chrome, record->tid, record->tgid);

        if (lane)
            lane->tgid = record->tgid;
    }
    switch (record->type) {
    case TRACE_SWITCH:
        take_switch(chrome, trace, record, now);
        return;
    case TRACE_WAKEUP:
        set_state(chrome, trace, record_low(record, 0), now, "ready");
        return;
    case TRACE_FORK: {
        struct lane *child = lane_of(chrome, record_low(record, 0), record_high(record, 0));

        if (child)
            child->tgid = record_high(record, 0);
        set_state(chrome, trace, record_low(record, 0), now, "ready");
        break;
    }
    default:
        break;
    }
    write_instant(chrome, trace, record, now);
}

static struct vt_error *finish(struct trace_sink *sink, const struct vt_trace *trace)
{
    struct chrome_sink *chrome = (struct chrome_sink *)sink;
    char name[48];

    write_name(chrome, "process_name", 0, 0, "CPUs");
    for (unsigned cpu = 0; cpu < BOOT_CPUS_MAX; cpu++) {
        if (!chrome->cpus[cpu].known)
            continue;
        int32_t tid = chrome->cpus[cpu].tid;
        if (tid) {
            snprintf(name, sizeof(name), "%s/%d", vt_trace_comm(trace, tid), tid);
            write_slice(chrome, 0, (int32_t)cpu, name, "cpu", chrome->cpus[cpu].since_ns,
                        chrome->last_ns);
        }
        snprintf(name, sizeof(name), "CPU %u", cpu);
        write_name(chrome, "thread_name", 0, (int32_t)cpu, name);
    }
    for (size_t i = 0; i < chrome->lane_count; i++) {
        struct lane *lane = &chrome->lanes[i];

        if (lane->state[0])
            write_slice(chrome, lane->tgid, lane->tid, lane->state, "state", lane->since_ns,
                        chrome->last_ns);
        snprintf(name, sizeof(name), "%s", vt_trace_comm(trace, lane->tid));
        write_name(chrome, "thread_name", lane->tgid, lane->tid, name);
        if (lane->tid == lane->tgid)
            write_name(chrome, "process_name", lane->tgid, lane->tid, name);
    }
    fprintf(chrome->head.out,
            "\n],\"displayTimeUnit\":\"ns\",\"otherData\":{\"lost_events\":%" PRIu64 "}}\n",
            vt_trace_lost(trace));
    return file_sink_flush(&chrome->head);
}

static void destroy(struct trace_sink *sink)
{
    struct chrome_sink *chrome = (struct chrome_sink *)sink;

    free(chrome->lanes);
    file_sink_destroy(sink);
}

struct vt_error *chrome_json_sink_create(struct vt_guest *guest, int fd, struct trace_sink **ret)
{
    static const struct trace_sink calls = {.take = take, .finish = finish, .destroy = destroy};
    struct vt_error *error = file_sink_create(sizeof(struct chrome_sink), &calls, guest, fd, ret);

    if (error)
        return error;
    struct chrome_sink *chrome = (struct chrome_sink *)*ret;
    chrome->first = true;
    fputs("{\"traceEvents\":[", chrome->head.out);
    return NULL;
}
