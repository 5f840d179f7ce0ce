/*
 * vmm/export/ftrace_event.c - the table of ftrace's events, and records as such events.
 *
 * Priorities are not in our records: every task is shown with 120, the middle of the fair class.
 */
#include <inttypes.h>
#include <string.h>

#include "vmm/export/ftrace_event.h"
#include "vmm/export/record.h"
#include "vmm/inspect/trace_reader.h"

#define PRIORITY 120

/* include/linux/sched.h */
const struct ftrace_state_bit ftrace_state_bits[FTRACE_STATE_BITS] = {
    {0x01, 'S'}, {0x02, 'D'}, {0x04, 'T'}, {0x08, 't'},
    {0x10, 'X'}, {0x20, 'Z'}, {0x40, 'P'}, {0x80, 'I'},
};
#define STATE_INTERRUPTIBLE   0x01
#define STATE_UNINTERRUPTIBLE 0x02
#define STATE_STOPPED         0x04
#define STATE_DEAD            0x10
#define STATE_ZOMBIE          0x20

#define COMM_PID_PRIO                                                                              \
    {"comm=", "comm", FTRACE_COMM}, {" pid=", "pid", FTRACE_INT},                                  \
    {                                                                                              \
        " prio=", "prio", FTRACE_INT                                                               \
    }
#define FOUR_WORDS(first, second, third, fourth)                                                   \
    {"", first, FTRACE_HEX}, {" ", second, FTRACE_HEX}, {" ", third, FTRACE_HEX},                  \
    {                                                                                              \
        " ", fourth, FTRACE_HEX                                                                    \
    }

const struct ftrace_format ftrace_formats[FTRACE_EVENT_KINDS] = {
    [FTRACE_SCHED_SWITCH] = {"sched",
                             "sched_switch",
                             {{"prev_comm=", "prev_comm", FTRACE_COMM},
                              {" prev_pid=", "prev_pid", FTRACE_INT},
                              {" prev_prio=", "prev_prio", FTRACE_INT},
                              {" prev_state=", "prev_state", FTRACE_STATE},
                              {" ==> next_comm=", "next_comm", FTRACE_COMM},
                              {" next_pid=", "next_pid", FTRACE_INT},
                              {" next_prio=", "next_prio", FTRACE_INT}}},
    [FTRACE_SCHED_WAKEUP] = {"sched",
                             "sched_wakeup",
                             {COMM_PID_PRIO, {" target_cpu=", "target_cpu", FTRACE_CPU}}},
    [FTRACE_SCHED_WAKING] = {"sched",
                             "sched_waking",
                             {COMM_PID_PRIO, {" target_cpu=", "target_cpu", FTRACE_CPU}}},
    [FTRACE_SCHED_PROCESS_FORK] = {"sched",
                                   "sched_process_fork",
                                   {{"comm=", "parent_comm", FTRACE_COMM},
                                    {" pid=", "parent_pid", FTRACE_INT},
                                    {" child_comm=", "child_comm", FTRACE_COMM},
                                    {" child_pid=", "child_pid", FTRACE_INT}}},
    [FTRACE_SCHED_PROCESS_EXEC] = {"sched",
                                   "sched_process_exec",
                                   {{"filename=", "filename", FTRACE_STRING},
                                    {" pid=", "pid", FTRACE_INT},
                                    {" old_pid=", "old_pid", FTRACE_INT}}},
    [FTRACE_SCHED_PROCESS_EXIT] = {"sched", "sched_process_exit", {COMM_PID_PRIO}},
    [FTRACE_SCHED_PROCESS_FREE] = {"sched", "sched_process_free", {COMM_PID_PRIO}},
    [FTRACE_SCHED_MIGRATE_TASK] = {"sched",
                                   "sched_migrate_task",
                                   {COMM_PID_PRIO,
                                    {" orig_cpu=", "orig_cpu", FTRACE_INT},
                                    {" dest_cpu=", "dest_cpu", FTRACE_INT}}},
    [FTRACE_SIGNAL_GENERATE] = {"signal",
                                "signal_generate",
                                {{"sig=", "sig", FTRACE_INT},
                                 {" errno=", "errno", FTRACE_INT},
                                 {" code=", "code", FTRACE_INT},
                                 {" comm=", "comm", FTRACE_COMM},
                                 {" pid=", "pid", FTRACE_INT},
                                 {" grp=", "group", FTRACE_INT},
                                 {" res=", "result", FTRACE_INT}}},
    [FTRACE_SIGNAL_DELIVER] = {"signal",
                               "signal_deliver",
                               {{"sig=", "sig", FTRACE_INT},
                                {" errno=", "errno", FTRACE_INT},
                                {" code=", "code", FTRACE_INT},
                                {" sa_handler=", "sa_handler", FTRACE_HEX},
                                {" sa_flags=", "sa_flags", FTRACE_HEX}}},
    [FTRACE_PAGE_FAULT_USER] = {"exceptions",
                                "page_fault_user",
                                {{"address=", "address", FTRACE_ADDRESS},
                                 {" ip=", "ip", FTRACE_ADDRESS},
                                 {" error_code=", "error_code", FTRACE_ADDRESS}}},
    [FTRACE_SYS_ENTER] = {"raw_syscalls",
                          "sys_enter",
                          {{"NR ", "id", FTRACE_LONG}, {" ", "args", FTRACE_SIX_WORDS}}},
    [FTRACE_SYS_EXIT] = {"raw_syscalls",
                         "sys_exit",
                         {{"NR ", "id", FTRACE_LONG}, {" = ", "ret", FTRACE_LONG}}},
    [FTRACE_TASK_RENAME] = {"task",
                            "task_rename",
                            {{"pid=", "pid", FTRACE_INT},
                             {" oldcomm=", "oldcomm", FTRACE_COMM},
                             {" newcomm=", "newcomm", FTRACE_COMM},
                             {" oom_score_adj=", "oom_score_adj", FTRACE_SHORT}}},
    [FTRACE_TASK_NEWTASK] = {"task",
                             "task_newtask",
                             {{"pid=", "pid", FTRACE_INT},
                              {" comm=", "comm", FTRACE_COMM},
                              {" clone_flags=", "clone_flags", FTRACE_HEX},
                              {" oom_score_adj=", "oom_score_adj", FTRACE_SHORT}}},
    [FTRACE_VITRINE_SYSCALL_UNKNOWN] = {"vitrine",
                                        "vitrine_syscall_unknown",
                                        {FOUR_WORDS("number", "word1", "word2", "word3")}},
    [FTRACE_VITRINE_MARK] = {"vitrine",
                             "vitrine_mark",
                             {FOUR_WORDS("word0", "word1", "word2", "word3")}},
    [FTRACE_VITRINE_EXCEPTION] = {"vitrine",
                                  "vitrine_exception",
                                  {FOUR_WORDS("vector", "ip", "error_code", "signal")}},
    [FTRACE_VITRINE_STOP_TASK] = {"vitrine",
                                  "vitrine_stop_task",
                                  {FOUR_WORDS("pid", "signal", "word2", "word3")}},
};

static int64_t state_of(const struct trace_record *record)
{
    switch (switch_state(record)) {
    case TASK_BLOCKED:
        return STATE_INTERRUPTIBLE;
    case TASK_BLOCKED_HARD:
        return STATE_UNINTERRUPTIBLE;
    case TASK_STOPPED:
        return STATE_STOPPED;
    case TASK_ZOMBIE:
        return STATE_ZOMBIE;
    case TASK_DEAD:
        return STATE_DEAD;
    default:
        /* The idle task leaves of its own will, too: Linux shows it as R. */
        return switch_reason_of(record) == SWITCH_YIELD || switch_previous(record) == 0
                   ? 0
                   : FTRACE_STATE_PREEMPTED;
    }
}

/* Fills an event value by value, in the order of its fields. */
struct filler {
    struct ftrace_event *event;
    unsigned next;
};

static void add_number(struct filler *filler, int64_t number)
{
    filler->event->values[filler->next++].number = number;
}

static void add_text(struct filler *filler, const char *text)
{
    snprintf(filler->event->values[filler->next++].text, FTRACE_COMM_BYTES, "%.15s", text);
}

/* Linux calls the idle task "swapper" inside events, and "<idle>" in front of them. */
static const char *name_of(const struct vt_trace *trace, int32_t tid, const char *idle)
{
    return tid == 0 ? idle : vt_trace_comm(trace, tid);
}

static void add_task(struct filler *filler, const struct vt_trace *trace, int32_t tid,
                     const char *idle)
{
    add_text(filler, name_of(trace, tid, idle));
    add_number(filler, tid);
    add_number(filler, PRIORITY);
}

static struct filler begin(struct ftrace_event *event, enum ftrace_event_kind kind)
{
    memset(event, 0, sizeof(*event));
    event->kind = kind;
    return (struct filler){.event = event};
}

static void make_switch(const struct vt_trace *trace, const struct trace_record *record,
                        struct ftrace_event *ret)
{
    struct filler to = begin(ret, FTRACE_SCHED_SWITCH);

    add_task(&to, trace, switch_previous(record), "swapper");
    add_number(&to, state_of(record));
    add_task(&to, trace, switch_next(record), "swapper");
}

static void make_signal(const struct vt_trace *trace, const struct trace_record *record,
                        struct ftrace_event *ret)
{
    uint64_t result = record->arg[2];
    bool generated = result == TRACE_SIGNAL_QUEUED || result == TRACE_SIGNAL_IGNORED;
    struct filler to = begin(ret, generated ? FTRACE_SIGNAL_GENERATE : FTRACE_SIGNAL_DELIVER);

    add_number(&to, record_high(record, 0));
    add_number(&to, 0);
    add_number(&to, record_low(record, 1));
    if (!generated)
        return;
    add_text(&to, vt_trace_comm(trace, record_low(record, 0)));
    add_number(&to, record_low(record, 0));
    add_number(&to, 1);
    add_number(&to, result == TRACE_SIGNAL_IGNORED);
}

static void make_rename(const struct vt_trace *trace, const struct trace_record *record,
                        struct ftrace_event *ret)
{
    struct filler to = begin(ret, FTRACE_TASK_RENAME);
    char comm[16];

    trace_record_comm(record, comm);
    add_number(&to, record->tid);
    add_text(&to, record->tid == 0 ? "swapper" : trace->old_comm);
    add_text(&to, comm);
    add_number(&to, 0);
}

static void make_words(const struct trace_record *record, enum ftrace_event_kind kind,
                       unsigned count, struct ftrace_event *ret)
{
    struct filler to = begin(ret, kind);

    for (unsigned i = 0; i < count; i++)
        add_number(&to, (int64_t)record->arg[i]);
}

void ftrace_event_make(const struct vt_trace *trace, const struct trace_record *record,
                       struct ftrace_event *ret)
{
    int32_t low = record_low(record, 0), high = record_high(record, 0);
    struct filler to;

    switch (record->type) {
    case TRACE_SWITCH:
        make_switch(trace, record, ret);
        return;
    case TRACE_WAKEUP:
        to = begin(ret, FTRACE_SCHED_WAKEUP);
        add_task(&to, trace, low, "swapper");
        add_number(&to, high);
        return;
    case TRACE_FORK:
        to = begin(ret, FTRACE_SCHED_PROCESS_FORK);
        add_text(&to, name_of(trace, record->tid, "<idle>"));
        add_number(&to, record->tid);
        add_text(&to, vt_trace_comm(trace, low));
        add_number(&to, low);
        return;
    case TRACE_EXEC:
        to = begin(ret, FTRACE_SCHED_PROCESS_EXEC);
        add_text(&to, vt_trace_comm(trace, record->tid));
        add_number(&to, record->tid);
        add_number(&to, record->tid);
        return;
    case TRACE_EXIT:
        to = begin(ret, FTRACE_SCHED_PROCESS_EXIT);
        add_task(&to, trace, record->tid, "<idle>");
        return;
    case TRACE_REAP:
        to = begin(ret, FTRACE_SCHED_PROCESS_FREE);
        add_task(&to, trace, low, "idle");
        return;
    case TRACE_SIGNAL:
        make_signal(trace, record, ret);
        return;
    case TRACE_FAULT:
        make_words(record, FTRACE_PAGE_FAULT_USER, 3, ret);
        return;
    case TRACE_SYSCALL_ENTER:
        make_words(record, FTRACE_SYS_ENTER, 1, ret);
        memcpy(ret->values[1].words, &record->arg[1], 3 * sizeof(record->arg[1]));
        return;
    case TRACE_SYSCALL_EXIT:
        make_words(record, FTRACE_SYS_EXIT, 2, ret);
        return;
    case TRACE_MIGRATE:
        to = begin(ret, FTRACE_SCHED_MIGRATE_TASK);
        add_task(&to, trace, low, "idle");
        add_number(&to, record_low(record, 1));
        add_number(&to, high);
        return;
    case TRACE_COMM:
        make_rename(trace, record, ret);
        return;
    case TRACE_SYSCALL_UNKNOWN:
        make_words(record, FTRACE_VITRINE_SYSCALL_UNKNOWN, 4, ret);
        return;
    case TRACE_PROCESS_EXCEPTION:
        make_words(record, FTRACE_VITRINE_EXCEPTION, 4, ret);
        return;
    case TRACE_STOP_TASK:
        make_words(record, FTRACE_VITRINE_STOP_TASK, 4, ret);
        return;
    default:
        make_words(record, FTRACE_VITRINE_MARK, 4, ret);
        return;
    }
}

static void write_state(FILE *out, uint64_t state)
{
    bool first = true;

    for (unsigned i = 0; i < FTRACE_STATE_BITS; i++)
        if (state & ftrace_state_bits[i].bit) {
            fprintf(out, "%s%c", first ? "" : "|", ftrace_state_bits[i].letter);
            first = false;
        }
    if (first)
        fputc('R', out);
    if (state & FTRACE_STATE_PREEMPTED)
        fputc('+', out);
}

static void write_value(FILE *out, enum ftrace_field_kind kind, const struct ftrace_value *value)
{
    switch (kind) {
    case FTRACE_INT:
    case FTRACE_SHORT:
    case FTRACE_LONG:
        fprintf(out, "%" PRId64, value->number);
        break;
    case FTRACE_CPU:
        fprintf(out, "%03d", (int)value->number);
        break;
    case FTRACE_HEX:
        fprintf(out, "%" PRIx64, (uint64_t)value->number);
        break;
    case FTRACE_ADDRESS:
        fprintf(out, "0x%" PRIx64, (uint64_t)value->number);
        break;
    case FTRACE_COMM:
    case FTRACE_STRING:
        fputs(value->text, out);
        break;
    case FTRACE_STATE:
        write_state(out, (uint64_t)value->number);
        break;
    case FTRACE_SIX_WORDS:
        for (unsigned i = 0; i < FTRACE_ARGUMENTS; i++)
            fprintf(out, "%s%" PRIx64, i ? ", " : "(", value->words[i]);
        fputc(')', out);
        break;
    default:
        break;
    }
}

void ftrace_event_write(FILE *out, const struct ftrace_event *event)
{
    const struct ftrace_format *format = &ftrace_formats[event->kind];

    fprintf(out, "%s: ", format->name);
    for (unsigned i = 0; i < FTRACE_FIELDS_MAX && format->fields[i].kind; i++) {
        fputs(format->fields[i].before, out);
        write_value(out, format->fields[i].kind, &event->values[i]);
    }
}
