/*
 * vmm/inspect/names.c - words for the numbers of the glass protocol.
 */
#include "vmm/include/vitrine.h"

#define NAME_OF(table, value)                                                                      \
    ((unsigned)(value) < sizeof(table) / sizeof((table)[0]) && (table)[value] ? (table)[value]     \
                                                                              : "?")

const char *vt_task_state_name(enum task_state state)
{
    static const char *const names[TASK_STATES] = {
        [TASK_UNUSED] = "unused",   [TASK_CREATED] = "created",
        [TASK_READY] = "ready",     [TASK_RUNNING] = "running",
        [TASK_BLOCKED] = "blocked", [TASK_BLOCKED_HARD] = "blocked-hard",
        [TASK_STOPPED] = "stopped", [TASK_ZOMBIE] = "zombie",
        [TASK_DEAD] = "dead",
    };

    return NAME_OF(names, state);
}

char vt_task_state_letter(enum task_state state)
{
    static const char letters[] = "-NRRSDTZX";

    return (char)((unsigned)state < TASK_STATES ? letters[state] : '?');
}

const char *vt_wait_kind_name(enum wait_kind kind)
{
    static const char *const names[WAIT_KINDS] = {
        [WAIT_NONE] = "none",
        [WAIT_PIPE_READ] = "pipe read",
        [WAIT_PIPE_WRITE] = "pipe write",
        [WAIT_CHILD] = "child",
        [WAIT_FUTEX] = "futex",
        [WAIT_SLEEP] = "sleep",
        [WAIT_POLL] = "poll",
        [WAIT_SIGNAL] = "signal",
        [WAIT_CONSOLE_INPUT] = "console input",
        [WAIT_CONSOLE_OUTPUT] = "console output",
        [WAIT_MUTEX] = "kernel mutex",
        [WAIT_VFORK] = "vfork",
        [WAIT_KTHREAD] = "kernel work",
        [WAIT_FILE_LOCK] = "file lock",
        [WAIT_SOCKET] = "socket",
        [WAIT_EVENT] = "event",
        [WAIT_EXIT] = "thread exit",
        [WAIT_SEMAPHORE] = "semaphore",
        [WAIT_MESSAGE_READ] = "message read",
        [WAIT_MESSAGE_WRITE] = "message write",
        [WAIT_TEMPLATE] = "template",
    };

    return NAME_OF(names, kind);
}

const char *vt_switch_reason_name(enum switch_reason reason)
{
    static const char *const names[] = {
        [SWITCH_BLOCKED] = "blocked",     [SWITCH_SLICE_OVER] = "slice over",
        [SWITCH_PREEMPTED] = "preempted", [SWITCH_YIELD] = "yield",
        [SWITCH_EXIT] = "exit",           [SWITCH_STOPPED] = "stopped",
        [SWITCH_IDLE] = "work to do",     [SWITCH_MIGRATED] = "migrated",
    };

    return NAME_OF(names, reason);
}

const char *vt_trace_type_name(enum trace_type type)
{
    static const char *const names[TRACE_TYPES] = {
        [TRACE_SWITCH] = "switch",
        [TRACE_WAKEUP] = "wakeup",
        [TRACE_FORK] = "fork",
        [TRACE_EXEC] = "exec",
        [TRACE_EXIT] = "exit",
        [TRACE_REAP] = "reap",
        [TRACE_SIGNAL] = "signal",
        [TRACE_FAULT] = "fault",
        [TRACE_SYSCALL_ENTER] = "syscall-enter",
        [TRACE_SYSCALL_EXIT] = "syscall-exit",
        [TRACE_SYSCALL_UNKNOWN] = "syscall-unknown",
        [TRACE_MIGRATE] = "migrate",
        [TRACE_MARK] = "mark",
        [TRACE_PROCESS_EXCEPTION] = "exception",
        [TRACE_COMM] = "comm",
        [TRACE_STOP_TASK] = "stop-task",
        [TRACE_AUDIT_OUT] = "audit-out",
        [TRACE_AUDIT_IN] = "audit-in",
        [TRACE_AUDIT_RETURN] = "audit-return",
        [TRACE_AUDIT_FLUSH] = "audit-flush",
        [TRACE_AUDIT_MASK] = "audit-mask",
        [TRACE_AUDIT_BREAK] = "audit-break",
        [TRACE_SYSCALL_ARGUMENTS] = "syscall-arguments",
        [TRACE_SYSCALL_TEXT] = "syscall-text",
        [TRACE_OUT_OF_MEMORY] = "out-of-memory",
        [TRACE_SECURITY] = "security",
        [TRACE_RENUMBER] = "renumber",
    };

    return NAME_OF(names, type);
}

const char *vt_frame_kind_name(uint32_t kind)
{
    static const char *const names[] = {"free", "kernel", "page table", "anonymous",
                                        "file", "image",  "reserved"};

    return NAME_OF(names, kind);
}

const char *vt_file_kind_name(enum vt_file_kind kind)
{
    static const char *const names[VT_FILE_KINDS] = {
        [VT_FILE_OTHER] = "other",
        [VT_FILE_REGULAR] = "file",
        [VT_FILE_DIRECTORY] = "directory",
        [VT_FILE_DEVICE] = "device",
        [VT_FILE_TTY] = "tty",
        [VT_FILE_PIPE] = "pipe",
        [VT_FILE_STREAM] = "stream",
        [VT_FILE_SOCKET] = "socket",
        [VT_FILE_EVENTFD] = "eventfd",
        [VT_FILE_EPOLL] = "epoll",
        [VT_FILE_TIMERFD] = "timerfd",
        [VT_FILE_SIGNALFD] = "signalfd",
        [VT_FILE_INOTIFY] = "inotify",
    };

    return NAME_OF(names, kind);
}
