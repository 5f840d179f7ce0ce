/*
 * vmm/export/ftrace.c - the text format of Linux's ftrace, which trace viewers (Perfetto,
 * trace-cmd's tools) read.
 *
 * Source: Documentation/trace/ftrace.rst and events/ of the Linux kernel. Priorities are not in our
 * records: every task is shown with 120, the middle of the fair class.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmm/export/record.h"
#include "vmm/export/sink.h"
#include "vmm/inspect/trace_reader.h"

#define PRIORITY 120

struct ftrace_sink {
    struct trace_sink sink;
    struct vt_guest *guest;
    FILE *out;
};

static const char *name_of(const struct vt_trace *trace, int32_t tid)
{
    return tid == 0 ? "<idle>" : vt_trace_comm(trace, tid);
}

/* Inside an event Linux calls the idle task by its own name. */
static const char *inner_name(const struct vt_trace *trace, int32_t tid)
{
    return tid == 0 ? "swapper" : vt_trace_comm(trace, tid);
}

static const char *state_of(const struct trace_record *record)
{
    switch (switch_state(record)) {
    case TASK_BLOCKED:
        return "S";
    case TASK_BLOCKED_HARD:
        return "D";
    case TASK_STOPPED:
        return "T";
    case TASK_ZOMBIE:
        return "Z";
    case TASK_DEAD:
        return "X";
    default:
        return switch_reason_of(record) == SWITCH_YIELD ? "R" : "R+";
    }
}

/* An event that Linux has not. Names of events have underlines only. */
static void write_own_name(FILE *out, enum trace_type type)
{
    fputs("vitrine_", out);
    for (const char *c = vt_trace_type_name(type); *c; c++)
        fputc(*c == '-' ? '_' : *c, out);
}

static void write_event(FILE *out, const struct vt_trace *trace, const struct trace_record *record)
{
    const uint64_t *arg = record->arg;
    int32_t low = record_low(record, 0), high = record_high(record, 0);
    char comm[16];

    switch (record->type) {
    case TRACE_SWITCH:
        fprintf(out,
                "sched_switch: prev_comm=%s prev_pid=%d prev_prio=%d prev_state=%s ==> "
                "next_comm=%s next_pid=%d "
                "next_prio=%d",
                inner_name(trace, low), low, PRIORITY, state_of(record), inner_name(trace, high),
                high, PRIORITY);
        break;
    case TRACE_WAKEUP:
        fprintf(out, "sched_wakeup: comm=%s pid=%d prio=%d target_cpu=%03d", inner_name(trace, low),
                low, PRIORITY, high);
        break;
    case TRACE_FORK:
        fprintf(out, "sched_process_fork: comm=%s pid=%d child_comm=%s child_pid=%d",
                name_of(trace, record->tid), record->tid, vt_trace_comm(trace, low), low);
        break;
    case TRACE_EXEC:
        fprintf(out, "sched_process_exec: filename=%s pid=%d old_pid=%d",
                vt_trace_comm(trace, record->tid), record->tid, record->tid);
        break;
    case TRACE_EXIT:
        fprintf(out, "sched_process_exit: comm=%s pid=%d prio=%d", name_of(trace, record->tid),
                record->tid, PRIORITY);
        break;
    case TRACE_REAP:
        fprintf(out, "sched_process_free: comm=%s pid=%d prio=%d", vt_trace_comm(trace, low), low,
                PRIORITY);
        break;
    case TRACE_SIGNAL:
        if (arg[2] == TRACE_SIGNAL_QUEUED || arg[2] == TRACE_SIGNAL_IGNORED)
            fprintf(out, "signal_generate: sig=%d errno=0 code=%d comm=%s pid=%d grp=1 res=%d",
                    high, (int32_t)arg[1], vt_trace_comm(trace, low), low,
                    arg[2] == TRACE_SIGNAL_IGNORED);
        else
            fprintf(out, "signal_deliver: sig=%d errno=0 code=%d sa_handler=0 sa_flags=0", high,
                    (int32_t)arg[1]);
        break;
    case TRACE_FAULT:
        fprintf(out,
                "page_fault_user: address=0x%" PRIx64 " ip=0x%" PRIx64 " error_code=0x%" PRIx64,
                arg[0], arg[1], arg[2]);
        break;
    case TRACE_SYSCALL_ENTER:
        fprintf(out, "sys_enter: NR %" PRIu64 " (%" PRIx64 ", %" PRIx64 ", %" PRIx64 ", 0, 0, 0)",
                arg[0], arg[1], arg[2], arg[3]);
        break;
    case TRACE_SYSCALL_EXIT:
        fprintf(out, "sys_exit: NR %" PRIu64 " = %" PRId64, arg[0], (int64_t)arg[1]);
        break;
    case TRACE_MIGRATE:
        fprintf(out, "sched_migrate_task: comm=%s pid=%d prio=%d orig_cpu=%" PRIu64 " dest_cpu=%d",
                vt_trace_comm(trace, low), low, PRIORITY, arg[1], high);
        break;
    case TRACE_COMM:
        trace_record_comm(record, comm);
        fprintf(out, "task_rename: pid=%d oldcomm=%s newcomm=%s oom_score_adj=0", record->tid,
                record->tid == 0 ? "swapper" : trace->old_comm, comm);
        break;
    default:
        write_own_name(out, (enum trace_type)record->type);
        fprintf(out, ": %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64, arg[0], arg[1], arg[2],
                arg[3]);
        break;
    }
}

static void take(struct trace_sink *sink, const struct vt_trace *trace,
                 const struct trace_record *record)
{
    struct ftrace_sink *ftrace = (struct ftrace_sink *)sink;
    uint64_t ns = vt_guest_tsc_to_ns(ftrace->guest, record->tsc);

    fprintf(ftrace->out, "%16s-%-7d [%03u] d...1 %5" PRIu64 ".%06" PRIu64 ": ",
            name_of(trace, record->tid), record->tid, record->cpu, ns / 1000000000u,
            ns / 1000 % 1000000u);
    write_event(ftrace->out, trace, record);
    fputc('\n', ftrace->out);
}

static struct vt_error *finish(struct trace_sink *sink, const struct vt_trace *trace)
{
    struct ftrace_sink *ftrace = (struct ftrace_sink *)sink;

    if (vt_trace_lost(trace))
        fprintf(ftrace->out, "# %" PRIu64 " events were lost\n", vt_trace_lost(trace));
    if (fflush(ftrace->out) != 0)
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
    int copy = dup(fd);

    if (ftrace && copy >= 0)
        ftrace->out = fdopen(copy, "w");
    if (!ftrace || !ftrace->out) {
        struct vt_error *error = vt_error_system(errno, "cannot write a trace");

        if (copy >= 0)
            close(copy);
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
