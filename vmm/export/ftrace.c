/*
 * vmm/export/ftrace.c - the text format of Linux's ftrace, which trace viewers (Perfetto,
 * trace-cmd's tools) read.
 *
 * Source: Documentation/trace/ftrace.rst of the Linux kernel. Events are in ftrace_event.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/export/file_sink.h"
#include "vmm/export/ftrace_event.h"
#include "vmm/export/loss.h"

struct ftrace_sink {
    struct file_sink head;
    struct trace_loss loss;
};

static void take(struct trace_sink *sink, const struct vt_trace *trace,
                 const struct trace_record *record)
{
    struct ftrace_sink *ftrace = (struct ftrace_sink *)sink;
    uint64_t ns = vt_guest_tsc_to_ns(ftrace->head.guest, record->tsc);
    uint64_t lost = trace_loss_before(&ftrace->loss, trace, record);
    struct ftrace_event event;

    if (lost)
        fprintf(ftrace->head.out, "CPU:%u [LOST %" PRIu64 " EVENTS]\n", record->cpu, lost);
    ftrace_event_make(trace, record, &event);
    fprintf(ftrace->head.out, "%16s-%-7d [%03u] d...%d %5" PRIu64 ".%06" PRIu64 ": ",
            record->tid == 0 ? "<idle>" : vt_trace_comm(trace, record->tid), record->tid,
            record->cpu, FTRACE_PREEMPT_COUNT, ns / 1000000000u, ns / 1000 % 1000000u);
    ftrace_event_write(ftrace->head.out, &event);
    fputc('\n', ftrace->head.out);
}
static struct vt_error *finish(struct trace_sink *sink, const struct vt_trace *trace)
{
    struct ftrace_sink *ftrace = (struct ftrace_sink *)sink;

    if (vt_trace_lost(trace))
        fprintf(ftrace->head.out, "# %" PRIu64 " events were lost\n", vt_trace_lost(trace));
    return file_sink_flush(&ftrace->head);
}

struct vt_error *ftrace_sink_create(struct vt_guest *guest, int fd, struct trace_sink **ret)
{
    static const struct trace_sink calls = {
        .take = take, .finish = finish, .destroy = file_sink_destroy};
    struct vt_error *error = file_sink_create(sizeof(struct ftrace_sink), &calls, guest, fd, ret);

    if (error)
        return error;
    struct ftrace_sink *ftrace = (struct ftrace_sink *)*ret;
    fputs("# tracer: nop\n"
          "#\n"
          "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"
          "#              | |         |   |||||     |         |\n",
          ftrace->head.out);
    return NULL;
}
