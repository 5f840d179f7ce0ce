/*
 * vmm/export/perfetto.c - Perfetto's own trace format, for its UI and its SQL tables.
 *
 * Events go into bundles, one CPU each; a bundle is written when it is full, when events were lost
 * behind it, and at the end, so the file grows as the trace does. Perfetto sorts by time itself.
 * What its tables need and Linux records besides is derived here: sched_waking in front of each
 * sched_wakeup (from which a thread's state turns to runnable), task_newtask in front of each fork
 * (parent, and thread or process), and the process tree.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/export/file_sink.h"
#include "vmm/export/loss.h"
#include "vmm/export/perfetto_event.h"
#include "vmm/export/record.h"
#include "vmm/inspect/guest.h"

#define BUNDLE_EVENTS 128
#define SEQUENCE      1         /* of packets: we have one writer */
#define TIDS_MAX      (1 << 22) /* as Linux's largest pid_max */

enum clock { CLOCK_IS_MONOTONIC = 3, CLOCK_IS_BOOT_TIME = 6 };

struct bundle {
    unsigned count;
    bool lost; /* events in front of it */
    uint64_t written;
    struct perfetto_event events[BUNDLE_EVENTS];
};

struct perfetto_sink {
    struct file_sink head;
    bool began;
    bool no_memory;
    struct trace_loss loss;
    struct bundle *cpus[BOOT_CPUS_MAX]; /* NULL = no event yet */
    uint64_t *told;                     /* bit per tid: Perfetto knows its process */
    int32_t told_tids;                  /* room, a multiple of 64 */
};

/* ---- packets ---- */

/* Writes a trace of one packet: laid one after the other they are the whole trace. */
static void write_packet(struct perfetto_sink *file, Perfetto__Protos__TracePacket *packet)
{
    Perfetto__Protos__Trace trace = PERFETTO__PROTOS__TRACE__INIT;

    packet->has_trusted_packet_sequence_id = true;
    packet->trusted_packet_sequence_id = SEQUENCE;
    trace.n_packet = 1;
    trace.packet = &packet;
    size_t bytes = perfetto__protos__trace__get_packed_size(&trace);
    unsigned char *buffer = malloc(bytes);
    if (!buffer) {
        file->no_memory = true;
        return;
    }
    perfetto__protos__trace__pack(&trace, buffer);
    fwrite(buffer, bytes, 1, file->head.out);
    free(buffer);
}

static void write_bundle(struct perfetto_sink *file, unsigned cpu)
{
    Perfetto__Protos__TracePacket packet = PERFETTO__PROTOS__TRACE_PACKET__INIT;
    Perfetto__Protos__FtraceEventBundle message = PERFETTO__PROTOS__FTRACE_EVENT_BUNDLE__INIT;
    Perfetto__Protos__FtraceEvent *list[BUNDLE_EVENTS];
    struct bundle *bundle = file->cpus[cpu];

    if (!bundle || bundle->count == 0)
        return;
    for (unsigned i = 0; i < bundle->count; i++)
        list[i] = &bundle->events[i].message;
    message.has_cpu = true;
    message.cpu = cpu;
    message.event = list;
    message.n_event = bundle->count;
    message.has_lost_events = bundle->lost;
    message.lost_events = bundle->lost;
    packet.data_case = PERFETTO__PROTOS__TRACE_PACKET__DATA_FTRACE_EVENTS;
    packet.ftrace_events = &message;
    write_packet(file, &packet);
    bundle->written += bundle->count;
    bundle->count = 0;
    bundle->lost = false;
}

static void write_clocks(struct perfetto_sink *file)
{
    static const enum clock ids[] = {CLOCK_IS_BOOT_TIME, CLOCK_IS_MONOTONIC};
    Perfetto__Protos__TracePacket packet = PERFETTO__PROTOS__TRACE_PACKET__INIT;
    Perfetto__Protos__ClockSnapshot message = PERFETTO__PROTOS__CLOCK_SNAPSHOT__INIT;
    Perfetto__Protos__ClockSnapshot__Clock clocks[2], *list[2];

    /* The guest never sleeps as a whole: all its clocks but the wall's are the same. */
    for (unsigned i = 0; i < 2; i++) {
        perfetto__protos__clock_snapshot__clock__init(&clocks[i]);
        clocks[i].has_clock_id = true;
        clocks[i].clock_id = ids[i];
        clocks[i].has_timestamp = true;
        list[i] = &clocks[i];
    }
    message.clocks = list;
    message.n_clocks = 2;
    message.has_primary_trace_clock = true;
    message.primary_trace_clock = CLOCK_IS_BOOT_TIME;
    packet.data_case = PERFETTO__PROTOS__TRACE_PACKET__DATA_CLOCK_SNAPSHOT;
    packet.clock_snapshot = &message;
    packet.has_timestamp = true;
    write_packet(file, &packet);
}

static void write_system(struct perfetto_sink *file)
{
    Perfetto__Protos__TracePacket packet = PERFETTO__PROTOS__TRACE_PACKET__INIT;
    Perfetto__Protos__SystemInfo message = PERFETTO__PROTOS__SYSTEM_INFO__INIT;
    Perfetto__Protos__Utsname names = PERFETTO__PROTOS__UTSNAME__INIT;

    names.sysname = "Linux"; /* whose task states and system calls these are */
    names.release = "6.1.0-vitrine";
    names.version = "Vitrine";
    names.machine = "x86_64";
    message.utsname = &names;
    message.has_page_size = true;
    message.page_size = 4096;
    message.has_num_cpus = true;
    message.num_cpus = guest_cpu_count(file->head.guest);
    packet.data_case = PERFETTO__PROTOS__TRACE_PACKET__DATA_SYSTEM_INFO;
    packet.system_info = &message;
    write_packet(file, &packet);
}

/* Losses and counts of all CPUs, as they were before the first event and after the last. */
static void write_statistics(struct perfetto_sink *file, bool at_end)
{
    Perfetto__Protos__TracePacket packet = PERFETTO__PROTOS__TRACE_PACKET__INIT;
    Perfetto__Protos__FtraceStats message = PERFETTO__PROTOS__FTRACE_STATS__INIT;
    Perfetto__Protos__FtraceCpuStats cpus[BOOT_CPUS_MAX], *list[BOOT_CPUS_MAX];

    for (unsigned cpu = 0; cpu < BOOT_CPUS_MAX; cpu++) {
        if (!file->loss.seen[cpu])
            continue;
        Perfetto__Protos__FtraceCpuStats *one = &cpus[message.n_cpu_stats];
        perfetto__protos__ftrace_cpu_stats__init(one);
        one->has_cpu = one->has_entries = one->has_overrun = one->has_commit_overrun = true;
        one->has_dropped_events = one->has_read_events = true;
        one->cpu = cpu;
        one->overrun = at_end ? file->loss.lost[cpu] : 0;
        one->read_events = at_end && file->cpus[cpu] ? file->cpus[cpu]->written : 0;
        list[message.n_cpu_stats++] = one;
    }
    message.has_phase = true;
    message.phase = at_end ? PERFETTO__PROTOS__FTRACE_STATS__PHASE__END_OF_TRACE
                           : PERFETTO__PROTOS__FTRACE_STATS__PHASE__START_OF_TRACE;
    message.cpu_stats = list;
    packet.data_case = PERFETTO__PROTOS__TRACE_PACKET__DATA_FTRACE_STATS;
    packet.ftrace_stats = &message;
    write_packet(file, &packet);
}

/* ---- the process tree ---- */

/* Whether Perfetto was told of this thread already; from now on it was. A thread number too large
 * for Linux counts as known. */
static bool test_and_tell(struct perfetto_sink *file, int32_t tid)
{
    if (tid <= 0 || tid >= TIDS_MAX)
        return true;
    if (tid >= file->told_tids) {
        int32_t room = file->told_tids ? file->told_tids : 1024;
        while (room <= tid)
            room *= 2;
        uint64_t *larger = realloc(file->told, (size_t)room / 8);

        if (!larger) {
            file->no_memory = true;
            return true;
        }
        memset((char *)larger + file->told_tids / 8, 0, (size_t)(room - file->told_tids) / 8);
        file->told = larger;
        file->told_tids = room;
    }
    uint64_t *word = &file->told[tid / 64], bit = 1ull << tid % 64;
    bool known = *word & bit;
    *word |= bit;
    return known;
}

/* A process (tid == tgid) or a further thread of one. parent: 0 = not known. */
static void write_task(struct perfetto_sink *file, uint64_t ns, int32_t tid, int32_t tgid,
                       int32_t parent, const char *comm)
{
    Perfetto__Protos__TracePacket packet = PERFETTO__PROTOS__TRACE_PACKET__INIT;
    Perfetto__Protos__ProcessTree message = PERFETTO__PROTOS__PROCESS_TREE__INIT;
    Perfetto__Protos__ProcessTree__Process process = PERFETTO__PROTOS__PROCESS_TREE__PROCESS__INIT;
    Perfetto__Protos__ProcessTree__Process *processes[] = {&process};
    Perfetto__Protos__ProcessTree__Thread thread = PERFETTO__PROTOS__PROCESS_TREE__THREAD__INIT;
    Perfetto__Protos__ProcessTree__Thread *threads[] = {&thread};
    char *words[] = {(char *)comm};

    process.has_pid = true;
    process.pid = tgid;
    process.has_ppid = parent != 0;
    process.ppid = parent;
    process.cmdline = words;
    process.n_cmdline = 1;
    thread.has_tid = thread.has_tgid = true;
    thread.tid = tid;
    thread.tgid = tgid;
    thread.name = (char *)comm;
    message.processes = processes;
    message.n_processes = tid == tgid;
    message.threads = threads;
    message.n_threads = 1;
    packet.has_timestamp = true;
    packet.timestamp = ns;
    packet.data_case = PERFETTO__PROTOS__TRACE_PACKET__DATA_PROCESS_TREE;
    packet.process_tree = &message;
    write_packet(file, &packet);
}

/* Tasks whose fork is not in the trace are told of when they are first seen to run. */
static void tell_tasks(struct perfetto_sink *file, const struct vt_trace *trace,
                       const struct trace_record *record, uint64_t ns)
{
    if (!test_and_tell(file, record->tid))
        write_task(file, ns, record->tid, record->tgid, 0, vt_trace_comm(trace, record->tid));
    if (record->type != TRACE_FORK)
        return;
    int32_t child = record_low(record, 0), group = record_high(record, 0);
    test_and_tell(file, child);
    /* With this flag the parent is our own, whom no record names. */
    if (!(record->arg[1] & CLONE_PARENT) || child != group)
        /* A nanosecond later, so that it is sorted behind task_newtask, which makes the process. */
        write_task(file, ns + 1, child, group, record->tgid, vt_trace_comm(trace, child));
}

/* ---- events ---- */

/* Room for one more event of this CPU; NULL without memory. */
static struct perfetto_event *next_event(struct perfetto_sink *file, unsigned cpu)
{
    if (!file->cpus[cpu])
        file->cpus[cpu] = calloc(1, sizeof(*file->cpus[cpu]));
    if (!file->cpus[cpu]) {
        file->no_memory = true;
        return NULL;
    }
    if (file->cpus[cpu]->count == BUNDLE_EVENTS)
        write_bundle(file, cpu);
    return &file->cpus[cpu]->events[file->cpus[cpu]->count++];
}

static void add_event(struct perfetto_sink *file, const struct trace_record *record, uint64_t ns,
                      const struct ftrace_event *source)
{
    struct perfetto_event *event = next_event(file, record->cpu);

    if (!event)
        return;
    event->source = *source;
    perfetto_event_make(event, ns, record->tid);
}

static void add_new_task(struct perfetto_sink *file, const struct vt_trace *trace,
                         const struct trace_record *record, uint64_t ns)
{
    struct ftrace_event event = {.kind = FTRACE_TASK_NEWTASK};
    int32_t child = record_low(record, 0);
    uint64_t flags = record->arg[1] & ~0xffull & ~(uint64_t)CLONE_THREAD; /* without the signal */

    /* This flag decides between thread and process: whose it is, the record says itself. */
    if (record_high(record, 0) == record->tgid)
        flags |= CLONE_THREAD;
    event.values[0].number = child;
    snprintf(event.values[1].text, sizeof(event.values[1].text), "%s", vt_trace_comm(trace, child));
    event.values[2].number = (int64_t)flags;
    add_event(file, record, ns, &event);
}

static void take(struct trace_sink *sink, const struct vt_trace *trace,
                 const struct trace_record *record)
{
    struct perfetto_sink *file = (struct perfetto_sink *)sink;
    uint64_t ns = vt_guest_tsc_to_ns(file->head.guest, record->tsc);
    uint64_t lost = trace_loss_before(&file->loss, trace, record);
    struct ftrace_event event;

    if (!file->began) {
        file->began = true;
        write_system(file);
    }
    tell_tasks(file, trace, record, ns);
    /* The idle thread names others before they run; to Perfetto it would rename itself. */
    if (record->type == TRACE_COMM && record->tid == 0)
        return;
    if (lost)
        write_bundle(file, record->cpu);
    if (record->type == TRACE_FORK)
        add_new_task(file, trace, record, ns);
    ftrace_event_make(trace, record, &event);
    if (event.kind == FTRACE_SCHED_WAKEUP) {
        event.kind = FTRACE_SCHED_WAKING; /* the same fields */
        add_event(file, record, ns, &event);
        event.kind = FTRACE_SCHED_WAKEUP;
    }
    add_event(file, record, ns, &event);
    if (lost && file->cpus[record->cpu])
        file->cpus[record->cpu]->lost = true;
}

static struct vt_error *finish(struct trace_sink *sink, const struct vt_trace *trace)
{
    struct perfetto_sink *file = (struct perfetto_sink *)sink;

    trace_loss_finish(&file->loss, trace);
    for (unsigned cpu = 0; cpu < BOOT_CPUS_MAX; cpu++)
        write_bundle(file, cpu);
    write_statistics(file, false);
    write_statistics(file, true);
    if (file->no_memory)
        return vt_error_create(VT_ERROR_MEMORY,
                               "out of memory for the trace file: it is not complete");
    return file_sink_flush(&file->head);
}

static void destroy(struct trace_sink *sink)
{
    struct perfetto_sink *file = (struct perfetto_sink *)sink;

    for (unsigned cpu = 0; cpu < BOOT_CPUS_MAX; cpu++)
        free(file->cpus[cpu]);
    free(file->told);
    file_sink_destroy(sink);
}

struct vt_error *perfetto_sink_create(struct vt_guest *guest, int fd, struct trace_sink **ret)
{
    static const struct trace_sink calls = {.take = take, .finish = finish, .destroy = destroy};
    struct vt_error *error = file_sink_create(sizeof(struct perfetto_sink), &calls, guest, fd, ret);

    if (error)
        return error;
    struct perfetto_sink *file = (struct perfetto_sink *)*ret;
    write_clocks(file);
    return NULL;
}
