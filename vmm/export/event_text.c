/*
 * vmm/export/event_text.c - events in words.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

#include "vmm/export/event_text.h"
#include "vmm/export/record.h"
#include "vmm/export/security_text.h"

const char *event_signal_name(int signal)
{
    const char *name = signal > 0 && signal < 65 ? sigabbrev_np(signal) : NULL;

    return name ? name : "?";
}

void event_status_text(uint32_t status, char *text, size_t room)
{
    if (WIFSIGNALED((int)status))
        snprintf(text, room, "signal %d (%s)", WTERMSIG((int)status),
                 event_signal_name(WTERMSIG((int)status)));
    else
        snprintf(text, room, "exit %d", WEXITSTATUS((int)status));
}

static void wait_text(enum wait_kind kind, uint64_t object, char *text, size_t room)
{
    switch (kind) {
    case WAIT_PIPE_READ:
        snprintf(text, room, "reads an empty pipe");
        break;
    case WAIT_PIPE_WRITE:
        snprintf(text, room, "writes to a full pipe");
        break;
    case WAIT_CHILD:
        if ((int64_t)object > 0 && object < INT32_MAX)
            snprintf(text, room, "waits for child %" PRIu64, object);
        else
            snprintf(text, room, "waits for a child");
        break;
    case WAIT_FUTEX:
        snprintf(text, room, "waits on futex %#" PRIx64, object);
        break;
    case WAIT_SLEEP:
        snprintf(text, room, "sleeps");
        break;
    case WAIT_POLL:
        snprintf(text, room, "polls");
        break;
    case WAIT_SIGNAL:
        snprintf(text, room, "waits for a signal");
        break;
    case WAIT_CONSOLE_INPUT:
        snprintf(text, room, "reads standard input");
        break;
    case WAIT_CONSOLE_OUTPUT:
        snprintf(text, room, "waits for its output to be read");
        break;
    case WAIT_MUTEX:
        snprintf(text, room, "waits for a kernel mutex");
        break;
    case WAIT_VFORK:
        snprintf(text, room, "waits for its vfork child");
        break;
    case WAIT_KTHREAD:
        snprintf(text, room, "has no work");
        break;
    case WAIT_FILE_LOCK:
        snprintf(text, room, "waits for a file lock");
        break;
    case WAIT_SOCKET:
        snprintf(text, room, "waits on a socket");
        break;
    case WAIT_EVENT:
        snprintf(text, room, "waits for an event");
        break;
    case WAIT_SEMAPHORE:
        snprintf(text, room, "waits on semaphore %" PRIu64 " of set %" PRIu64, object & 0xffff,
                 object >> 16);
        break;
    case WAIT_MESSAGE_READ:
        if (object > INT32_MAX)
            snprintf(text, room, "waits for a message in a POSIX queue");
        else
            snprintf(text, room, "waits for a message in queue %" PRIu64, object);
        break;
    case WAIT_MESSAGE_WRITE:
        if (object > INT32_MAX)
            snprintf(text, room, "waits for room in a POSIX message queue");
        else
            snprintf(text, room, "waits for room in message queue %" PRIu64, object);
        break;
    case WAIT_TEMPLATE:
        snprintf(text, room, "waits to be copied");
        break;
    case WAIT_EXIT:
        snprintf(text, room, "waits for its threads to end");
        break;
    default:
        snprintf(text, room, "blocks");
        break;
    }
}

void event_switch_why(const struct trace_record *record, char *text, size_t room)
{
    switch (switch_reason_of(record)) {
    case SWITCH_BLOCKED:
        wait_text(switch_wait(record), record->arg[2], text, room);
        break;
    case SWITCH_SLICE_OVER:
        snprintf(text, room, "slice over");
        break;
    case SWITCH_PREEMPTED:
        snprintf(text, room, "preempted");
        break;
    case SWITCH_YIELD:
        snprintf(text, room, "yields");
        break;
    case SWITCH_EXIT:
        snprintf(text, room, "ends");
        break;
    case SWITCH_STOPPED:
        snprintf(text, room, "stopped");
        break;
    case SWITCH_IDLE:
        snprintf(text, room, "work to do");
        break;
    case SWITCH_MIGRATED:
        snprintf(text, room, "moves to another CPU");
        break;
    default:
        snprintf(text, room, "?");
        break;
    }
}

const char *event_signal_result(uint64_t result)
{
    static const char *const names[] = {"queued", "ignored",  "handler runs",
                                        "deadly", "stops it", "continues it"};

    return result < sizeof(names) / sizeof(names[0]) ? names[result] : "?";
}

const char *event_fault_result(uint64_t result)
{
    static const char *const names[] = {
        "zero page",     "file page",  "copy on write", "last user, made writable",
        "already there", "stack grew", "bad access",    "page table of its own"};

    return result < sizeof(names) / sizeof(names[0]) ? names[result] : "?";
}

static void write_details(FILE *out, const struct vt_trace *trace,
                          const struct trace_record *record)
{
    char text[96];
    const uint64_t *arg = record->arg;

    switch (record->type) {
    case TRACE_SWITCH:
        event_switch_why(record, text, sizeof(text));
        fprintf(out, "%s/%d -> %s/%d, %s", vt_trace_comm(trace, switch_previous(record)),
                switch_previous(record), vt_trace_comm(trace, switch_next(record)),
                switch_next(record), text);
        break;
    case TRACE_WAKEUP:
        fprintf(out, "wakes %s/%d on CPU %d (it waited: %s)",
                vt_trace_comm(trace, record_low(record, 0)), record_low(record, 0),
                record_high(record, 0), vt_wait_kind_name((enum wait_kind)arg[1]));
        break;
    case TRACE_FORK:
        fprintf(out, "new %s %d, flags %#" PRIx64,
                record_high(record, 0) == record->tgid ? "thread" : "process",
                record_low(record, 0), arg[1]);
        break;
    case TRACE_EXEC:
    case TRACE_COMM:
        fprintf(out, "%s %s", record->type == TRACE_EXEC ? "executes" : "is now called",
                vt_trace_comm(trace, record->tid));
        break;
    case TRACE_EXIT:
        event_status_text((uint32_t)arg[0], text, sizeof(text));
        fprintf(out, "ends: %s%s", text, arg[1] ? "" : " (other threads go on)");
        break;
    case TRACE_REAP:
        event_status_text((uint32_t)(arg[0] >> 32), text, sizeof(text));
        fprintf(out, "zombie %d noticed by %d: %s", record_low(record, 0), (int32_t)arg[1], text);
        break;
    case TRACE_SIGNAL:
        fprintf(out, "signal %d (%s) for %s/%d: %s", record_high(record, 0),
                event_signal_name(record_high(record, 0)),
                vt_trace_comm(trace, record_low(record, 0)), record_low(record, 0),
                event_signal_result(arg[2]));
        break;
    case TRACE_FAULT:
        fprintf(out, "page fault at %#" PRIx64 ", rip %#" PRIx64 ", error %#" PRIx64 ": %s", arg[0],
                arg[1], arg[2], event_fault_result(arg[3]));
        break;
    case TRACE_SYSCALL_ENTER:
        fprintf(out, "system call %" PRIu64 "(%#" PRIx64 ", %#" PRIx64 ", %#" PRIx64 ")", arg[0],
                arg[1], arg[2], arg[3]);
        break;
    case TRACE_SYSCALL_EXIT:
        fprintf(out, "system call %" PRIu64 " = %" PRId64, arg[0], (int64_t)arg[1]);
        break;
    case TRACE_SYSCALL_UNKNOWN:
        fprintf(out, "unknown system call %" PRIu64, arg[0]);
        break;
    case TRACE_MIGRATE:
        fprintf(out, "%s/%d moves from CPU %" PRIu64 " to %d",
                vt_trace_comm(trace, record_low(record, 0)), record_low(record, 0), arg[1],
                record_high(record, 0));
        break;
    case TRACE_PROCESS_EXCEPTION:
        fprintf(out, "exception %" PRIu64 " at %#" PRIx64 ", error %#" PRIx64 ": signal %" PRIu64,
                arg[0], arg[1], arg[2], arg[3]);
        break;
    case TRACE_OUT_OF_MEMORY:
        fprintf(out,
                "no memory: %s/%d with %" PRIu64 " pages must end (score %" PRIu64 ", %" PRIu64
                " frames free)",
                vt_trace_comm(trace, record_low(record, 0)), record_low(record, 0), arg[1], arg[2],
                arg[3]);
        break;
    case TRACE_RENUMBER:
        fprintf(out, "task %d is now %d: its program takes the process's place",
                record_low(record, 0), record_high(record, 0));
        break;
    case TRACE_SECURITY:
        security_text_write(out, trace, record);
        break;
    case TRACE_STOP_TASK:
        fprintf(out, "%s/%d stops, signal %" PRIu64, vt_trace_comm(trace, record_low(record, 0)),
                record_low(record, 0), arg[1]);
        break;
    default:
        fprintf(out, "%#" PRIx64 " %#" PRIx64 " %#" PRIx64 " %#" PRIx64, arg[0], arg[1], arg[2],
                arg[3]);
        break;
    }
}

void event_text_write(FILE *out, struct vt_guest *guest, const struct vt_trace *trace,
                      const struct trace_record *record)
{
    uint64_t ns = vt_guest_tsc_to_ns(guest, record->tsc);

    fprintf(out, "%5" PRIu64 ".%06" PRIu64 " [%u] %s/%d %s: ", ns / 1000000000u,
            ns / 1000 % 1000000u, record->cpu, vt_trace_comm(trace, record->tid), record->tid,
            vt_trace_type_name((enum trace_type)record->type));
    write_details(out, trace, record);
}

void event_json_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", out);
        else
            fputc(c >= ' ' && c < 0x7f ? c : '?', out);
    }
    fputc('"', out);
}

/* JSON readers take integers up to INT64_MAX; what is larger, mostly an address, is written as
 * hexadecimal text. */
static void write_word(FILE *out, uint64_t value)
{
    if (value <= INT64_MAX)
        fprintf(out, "%" PRIu64, value);
    else
        fprintf(out, "\"%#" PRIx64 "\"", value);
}

void event_json_write(FILE *out, struct vt_guest *guest, const struct vt_trace *trace,
                      const struct trace_record *record)
{
    char why[96];

    fprintf(out, "{\"time_ns\":%" PRIu64 ",\"cpu\":%u,\"sequence\":%" PRIu64 ",\"type\":",
            vt_guest_tsc_to_ns(guest, record->tsc), record->cpu, record->sequence);
    event_json_string(out, vt_trace_type_name((enum trace_type)record->type));
    fprintf(out, ",\"tid\":%d,\"pid\":%d,\"comm\":", record->tid, record->tgid);
    event_json_string(out, vt_trace_comm(trace, record->tid));
    if (record->type == TRACE_SWITCH) {
        event_switch_why(record, why, sizeof(why));
        fprintf(out,
                ",\"previous\":%d,\"next\":%d,\"state\":\"%s\",\"reason\":\"%s\",\"wait\":\"%s\","
                "\"why\":",
                switch_previous(record), switch_next(record),
                vt_task_state_name(switch_state(record)),
                vt_switch_reason_name(switch_reason_of(record)),
                vt_wait_kind_name(switch_wait(record)));
        event_json_string(out, why);
    }
    fputs(",\"arguments\":[", out);
    for (unsigned i = 0; i < 4; i++) {
        if (i)
            fputc(',', out);
        write_word(out, record->arg[i]);
    }
    fputs("]}", out);
}
