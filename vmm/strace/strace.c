/*
 * vmm/strace/strace.c - see strace.h.
 *
 * A call's line begins when the call does. If another thread has something to tell before it
 * returns, the line ends with "<unfinished ...>" and goes on as "<... read resumed>". Memory per
 * thread that is inside a call only, up to THREADS_MAX.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "vmm/export/event_text.h"
#include "vmm/export/record.h"
#include "vmm/strace/arguments.h"
#include "vmm/strace/flags.h"
#include "vmm/strace/strace.h"

#define THREADS_MAX   (1u << 16)
#define RESULT_COLUMN 40

struct thread {
    int32_t tid;
    bool inside;     /* a call was entered and has not returned */
    unsigned told;   /* arguments that its line has already */
    unsigned column; /* of its line */
    uint64_t entered_ns;
    struct call call;
};

struct strace_sink {
    struct trace_sink sink;
    struct vt_guest *guest;
    FILE *out;
    struct strace_settings settings;
    struct thread **threads; /* sorted by tid */
    size_t thread_count, thread_room;
    int32_t *processes; /* that settings.pid stands for */
    size_t process_count, process_room;
    int32_t open_tid; /* whose line has no end yet; 0 = nobody's */
    int32_t first_tid;
    bool several; /* threads were seen: lines say whose they are */
};

/* ---- threads ---- */

static size_t place_of(const struct strace_sink *strace, int32_t tid)
{
    size_t low = 0, high = strace->thread_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (strace->threads[middle]->tid < tid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct thread *thread_of(struct strace_sink *strace, int32_t tid, bool make)
{
    size_t place = place_of(strace, tid);

    if (place < strace->thread_count && strace->threads[place]->tid == tid)
        return strace->threads[place];
    if (!make || strace->thread_count == THREADS_MAX)
        return NULL;
    if (strace->thread_count == strace->thread_room) {
        size_t room = strace->thread_room ? strace->thread_room * 2 : 64;
        struct thread **larger = realloc(strace->threads, room * sizeof(struct thread *));

        if (!larger)
            return NULL;
        strace->threads = larger;
        strace->thread_room = room;
    }
    struct thread *thread = calloc(1, sizeof(*thread));
    if (!thread)
        return NULL;
    thread->tid = tid;
    memmove(&strace->threads[place + 1], &strace->threads[place],
            (strace->thread_count - place) * sizeof(struct thread *));
    strace->threads[place] = thread;
    strace->thread_count++;
    return thread;
}

static void forget_thread(struct strace_sink *strace, int32_t tid)
{
    size_t place = place_of(strace, tid);

    if (place == strace->thread_count || strace->threads[place]->tid != tid)
        return;
    free(strace->threads[place]);
    strace->thread_count--;
    memmove(&strace->threads[place], &strace->threads[place + 1],
            (strace->thread_count - place) * sizeof(struct thread *));
}

/* ---- who is wanted ---- */

static void add_process(struct strace_sink *strace, int32_t pid)
{
    if (strace->process_count == strace->process_room) {
        size_t room = strace->process_room ? strace->process_room * 2 : 64;
        int32_t *larger =
            room > THREADS_MAX ? NULL : realloc(strace->processes, room * sizeof(int32_t));

        if (!larger)
            return;
        strace->processes = larger;
        strace->process_room = room;
    }
    strace->processes[strace->process_count++] = pid;
}

static bool wanted(const struct strace_sink *strace, const struct trace_record *record)
{
    /* A signal is its target's. Of that the thread is known, not the process. */
    int32_t tid = record->type == TRACE_SIGNAL ? record_low(record, 0) : record->tid;
    int32_t pid = record->type == TRACE_SIGNAL && tid != record->tid ? tid : record->tgid;

    if (strace->settings.tid && tid != strace->settings.tid)
        return false;
    if (!strace->settings.pid)
        return tid != 0;
    for (size_t i = 0; i < strace->process_count; i++)
        if (strace->processes[i] == pid)
            return true;
    return false;
}

/* ---- lines ---- */

/* Prints `text` (freed) and returns how many columns it took. */
static unsigned put(struct strace_sink *strace, FILE *stream, char **text)
{
    unsigned columns = 0;

    if (fclose(stream) == 0 && *text) {
        fputs(*text, strace->out);
        columns = (unsigned)strlen(*text);
    }
    free(*text);
    return columns;
}

static void write_prefix(struct strace_sink *strace, const struct vt_trace *trace, int32_t tid,
                         uint64_t now)
{
    if (!strace->first_tid)
        strace->first_tid = tid;
    strace->several |= tid != strace->first_tid;
    if (!strace->settings.plain)
        fprintf(strace->out, "%" PRIu64 ".%06" PRIu64 " ", now / 1000000000, now / 1000 % 1000000);
    if (strace->several)
        fprintf(strace->out, "[%s/%d] ", vt_trace_comm(trace, tid), tid);
}

static void interrupt_line(struct strace_sink *strace)
{
    if (strace->open_tid)
        fputs(" <unfinished ...>\n", strace->out);
    strace->open_tid = 0;
}

static void begin_line(struct strace_sink *strace, const struct vt_trace *trace,
                       struct thread *thread, uint64_t now)
{
    char *text = NULL;
    size_t bytes;

    interrupt_line(strace);
    write_prefix(strace, trace, thread->tid, now);
    FILE *stream = open_memstream(&text, &bytes);
    if (!stream)
        return;
    thread->told = call_first_result(&thread->call);
    call_write_name(stream, &thread->call);
    fputc('(', stream);
    call_write_arguments(stream, &thread->call, 0, thread->told, 0);
    if (thread->told && thread->told < call_argument_count(&thread->call))
        fputs(", ", stream);
    thread->column = put(strace, stream, &text);
    strace->open_tid = thread->tid;
}

static void write_spaces(FILE *out, unsigned column)
{
    for (; column < RESULT_COLUMN - 1; column++)
        fputc(' ', out);
}

/* The rest of the call's line: what it answered. result NULL: it never returns. */
static void end_line(struct strace_sink *strace, const struct vt_trace *trace,
                     struct thread *thread, uint64_t now, const int64_t *result)
{
    char *text = NULL;
    size_t bytes;

    if (strace->open_tid != thread->tid) {
        interrupt_line(strace);
        write_prefix(strace, trace, thread->tid, now);
        thread->column = 0;
    }
    FILE *stream = open_memstream(&text, &bytes);
    if (stream) {
        if (strace->open_tid != thread->tid) {
            fputs("<... ", stream);
            call_write_name(stream, &thread->call);
            fputs(" resumed>", stream);
        }
        call_write_arguments(stream, &thread->call, thread->told,
                             call_argument_count(&thread->call), result ? *result : -1);
        fputc(')', stream);
        thread->column += put(strace, stream, &text);
    }
    write_spaces(strace->out, thread->column);
    fputs(" = ", strace->out);
    if (result)
        call_write_result(strace->out, &thread->call, *result);
    else
        fputc('?', strace->out);
    if (!strace->settings.plain && result && thread->entered_ns && now >= thread->entered_ns)
        fprintf(strace->out, " <%" PRIu64 ".%06" PRIu64 ">",
                (now - thread->entered_ns) / 1000000000,
                (now - thread->entered_ns) / 1000 % 1000000);
    fputc('\n', strace->out);
    strace->open_tid = 0;
    *thread = (struct thread){.tid = thread->tid};
}

/* ---- records ---- */

static void take_enter(struct strace_sink *strace, const struct vt_trace *trace,
                       const struct trace_record *record, uint64_t now)
{
    struct thread *thread = thread_of(strace, record->tid, true);

    if (!thread)
        return;
    if (thread->inside) /* how it ended was lost */
        end_line(strace, trace, thread, now, NULL);
    struct call *call = &thread->call;
    call->number = record->arg[0];
    memcpy(call->arguments, &record->arg[1], 3 * sizeof(uint64_t));
    if (call->known < 3)
        call->known = 3;
    thread->inside = true;
    thread->entered_ns = now;
    begin_line(strace, trace, thread, now);
    if (call->number == SYS_exit || call->number == SYS_exit_group)
        end_line(strace, trace, thread, now, NULL); /* it never returns */
}

static void take_exit(struct strace_sink *strace, const struct vt_trace *trace,
                      const struct trace_record *record, uint64_t now)
{
    struct thread *thread = thread_of(strace, record->tid, true);
    int64_t result = (int64_t)record->arg[1];

    if (!thread)
        return;
    if (!thread->inside || thread->call.number != record->arg[0]) {
        /* We came too late for its beginning: only what is known now can be told. */
        thread->call.number = record->arg[0];
        thread->call.known = 0;
        thread->entered_ns = 0;
        thread->told = call_argument_count(&thread->call);
    }
    end_line(strace, trace, thread, now, &result);
}

static void take_more(struct strace_sink *strace, const struct trace_record *record)
{
    struct thread *thread = thread_of(strace, record->tid, true);

    if (!thread)
        return;
    if (record->type == TRACE_SYSCALL_TEXT) {
        call_add_text(&thread->call, record->arg);
        return;
    }
    memcpy(&thread->call.arguments[3], record->arg, 3 * sizeof(uint64_t));
    thread->call.known = SYSCALL_ARGUMENTS_MAX;
}

static void take_end(struct strace_sink *strace, const struct vt_trace *trace,
                     const struct trace_record *record, uint64_t now)
{
    struct thread *thread = thread_of(strace, record->tid, false);
    uint32_t status = (uint32_t)record->arg[0];

    if (thread && thread->inside)
        end_line(strace, trace, thread, now, NULL);
    interrupt_line(strace);
    write_prefix(strace, trace, record->tid, now);
    if (status & 0x7f)
        fprintf(strace->out, "+++ killed by SIG%s%s +++\n", event_signal_name((int)(status & 0x7f)),
                status & 0x80 ? " (core dumped)" : "");
    else
        fprintf(strace->out, "+++ exited with %u +++\n", status >> 8 & 0xff);
    forget_thread(strace, record->tid);
}

/* A call that was entered under one number and returns under another. */
static void take_renumber(struct strace_sink *strace, const struct vt_trace *trace,
                          const struct trace_record *record, uint64_t now)
{
    int32_t former_tid = record_low(record, 0);
    struct thread *former = thread_of(strace, former_tid, false), *thread;

    interrupt_line(strace);
    write_prefix(strace, trace, former_tid, now);
    fprintf(strace->out, "+++ is %d from here on, by its execve +++\n", record->tid);
    forget_thread(strace, record->tid);
    thread = former ? thread_of(strace, record->tid, true) : NULL;
    former = former ? thread_of(strace, former_tid, false) : NULL;
    if (thread && former) {
        *thread = *former;
        thread->tid = record->tid;
    }
    forget_thread(strace, former_tid);
}

static void take_signal(struct strace_sink *strace, const struct vt_trace *trace,
                        const struct trace_record *record, uint64_t now)
{
    if (record->arg[2] == TRACE_SIGNAL_QUEUED)
        return; /* its target will tell */
    interrupt_line(strace);
    write_prefix(strace, trace, record_low(record, 0), now);
    fprintf(strace->out, "--- SIG%s {si_code=%d}: %s ---\n",
            event_signal_name(record_high(record, 0)), (int)record->arg[1],
            event_signal_result(record->arg[2]));
}

static void take(struct trace_sink *sink, const struct vt_trace *trace,
                 const struct trace_record *record)
{
    struct strace_sink *strace = (struct strace_sink *)sink;
    uint64_t now = vt_guest_tsc_to_ns(strace->guest, record->tsc);

    if (!wanted(strace, record))
        return;
    switch (record->type) {
    case TRACE_SYSCALL_ARGUMENTS:
    case TRACE_SYSCALL_TEXT:
        take_more(strace, record);
        break;
    case TRACE_SYSCALL_ENTER:
        take_enter(strace, trace, record, now);
        break;
    case TRACE_SYSCALL_EXIT:
        take_exit(strace, trace, record, now);
        break;
    case TRACE_FORK:
        if (strace->settings.pid && record_high(record, 0) != record->tgid)
            add_process(strace, record_high(record, 0));
        break;
    case TRACE_SIGNAL:
        take_signal(strace, trace, record, now);
        break;
    case TRACE_RENUMBER:
        take_renumber(strace, trace, record, now);
        break;
    case TRACE_EXIT:
        take_end(strace, trace, record, now);
        break;
    default:
        break;
    }
}

static struct vt_error *finish(struct trace_sink *sink, const struct vt_trace *trace)
{
    struct strace_sink *strace = (struct strace_sink *)sink;
    uint64_t lost = trace ? vt_trace_lost(trace) : 0;

    interrupt_line(strace);
    if (lost)
        fprintf(strace->out, "vitrine: %" PRIu64 " events were lost: calls are missing above\n",
                lost);
    if (fflush(strace->out) != 0)
        return vt_error_system(errno, "cannot write the system calls");
    return NULL;
}

static void pause_writing(struct trace_sink *sink)
{
    fflush(((struct strace_sink *)sink)->out);
}

static void destroy(struct trace_sink *sink)
{
    struct strace_sink *strace = (struct strace_sink *)sink;

    for (size_t i = 0; i < strace->thread_count; i++)
        free(strace->threads[i]);
    free(strace->threads);
    free(strace->processes);
    free(strace);
}

struct vt_error *strace_sink_create(struct vt_guest *guest, FILE *out,
                                    const struct strace_settings *settings, struct trace_sink **ret)
{
    struct strace_sink *strace = calloc(1, sizeof(*strace));

    if (!strace)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the system calls");
    strace->sink = (struct trace_sink){
        .take = take, .finish = finish, .destroy = destroy, .pause = pause_writing};
    strace->guest = guest;
    strace->out = out;
    strace->settings = *settings;
    if (settings->pid)
        add_process(strace, settings->pid);
    *ret = &strace->sink;
    return NULL;
}
