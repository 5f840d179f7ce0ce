/*
 * vmm/export/ftrace.c - the text format of Linux's ftrace, which trace viewers (Perfetto,
 * trace-cmd's tools) read.
 *
 * Source: Documentation/trace/ftrace.rst of the Linux kernel. Events are in ftrace_event.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/export/ftrace_event.h"
#include "vmm/export/loss.h"
#include "vmm/export/sink.h"

struct ftrace_sink {
    struct trace_sink sink;
    struct vt_guest *guest;
    FILE *out;
    struct trace_loss loss;
};

static void take(struct trace_sink *sink, const struct vt_trace *trace,
                 const struct trace_record *record)
{
    struct ftrace_sink *ftrace = (struct ftrace_sink *)sink;
    uint64_t ns = vt_guest_tsc_to_ns(ftrace->guest, record->tsc);
    uint64_t lost = trace_loss_before(&ftrace->loss, trace, record);
    struct ftrace_event event;

    if (lost)
        fprintf(ftrace->out, "CPU:%u [LOST %" PRIu64 " EVENTS]\n", record->cpu, lost);
    ftrace_event_make(trace, record, &event);
    fprintf(ftrace->out, "%16s-%-7d [%03u] d...%d %5" PRIu64 ".%06" PRIu64 ": ",
            record->tid == 0 ? "<idle>" : vt_trace_comm(trace, record->tid), record->tid,
            record->cpu, FTRACE_PREEMPT_COUNT, ns / 1000000000u, ns / 1000 % 1000000u);
    ftrace_event_write(ftrace->out, &event);
    fputc('\n', ftrace->out);
}
static struct vt_error *finish(struct trace_sink *sink, const struct vt_trace *trace)
{
    struct ftrace_sink *ftrace = (struct ftrace_sink *)sink;

    if (vt_trace_lost(trace))
        fprintf(ftrace->out, "# %" PRIu64 " events were lost\n", vt_trace_lost(trace));
    if (fflush(ftrace->out) != 0 || ferror(ftrace->out))
        return vt_error_system(errno, "cannot write the trace file");
    return NULL;
}

static void destroy(struct trace_sink *sink)
{
    fclose(((struct ftrace_sink *)sink)->out);
    free(sink);
}

struct vt_error *ftrace_sink_create(struct vt_guest *guest, int fd, struct trace_sink **ret)
{
    struct ftrace_sink *ftrace = calloc(1, sizeof(*ftrace));
    struct vt_error *error =
        ftrace ? sink_out_open(fd, &ftrace->out)
               : vt_error_create(VT_ERROR_MEMORY, "out of memory for the trace file");

    if (error) {
        free(ftrace);
        return error;
    }
    ftrace->sink = (struct trace_sink){.take = take, .finish = finish, .destroy = destroy};
    ftrace->guest = guest;
    fputs("# tracer: nop\n"
          "#\n"
          "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"
          "#              | |         |   |||||     |         |\n",
          ftrace->out);
    *ret = &ftrace->sink;
    return NULL;
}
