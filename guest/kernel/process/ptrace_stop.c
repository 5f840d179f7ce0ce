/*
 * ptrace_stop.c - a traced task meets what its tracer wants to see: signals, events, system calls.
 * It tells the tracer, sleeps, and goes on as it is told. Everything here runs as the tracee, at
 * places from which it can go back to user mode (or is about to end).
 */
#include "arch/cpu.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/internal.h"
#include "kernel/process/ptrace.h"

#define TRAP_SYSGOOD 0x80u

/* The tracer is told as a parent is. family_lock held. */
static void tell_tracer_locked(struct tracee *tracee)
{
    struct process *tracer = tracee->tracer;
    const struct signal_actions *actions = tracer->actions;
    struct linux_siginfo info = {.signo = SIGCHLD, .code = CLD_TRAPPED};
    uint64_t bit = signal_bit(SIGCHLD);
    info.child.pid = tracee->seen_tid;
    info.child.uid = tracee->uid;
    info.child.status = (int32_t)(tracee->status & 0x7f);
    bool unwanted = actions->set.bits & bit && actions->action[SIGCHLD - 1].flags & SA_NOCLDSTOP;
    if (!unwanted && !(actions->ignored.bits & bit))
        signal_send(tracer, NULL, SIGCHLD, &info);
    wake_up_all(&tracer->child_events);
}

/* What PTRACE_GETEVENTMSG will say: a number of a task as the tracer sees it, 0 if it does not. */
static uint64_t message_for(const struct process *tracer, uint32_t event, uint64_t message)
{
    switch (event) {
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE:
    case PTRACE_EVENT_VFORK_DONE:
        return (uint64_t)(uint32_t)pid_seen_in(tracer->pid_namespace, (int32_t)message);
    default:
        return message;
    }
}

/*
 * Stops with that status (signal | event << 8) until the tracer lets it go on, or at once if there is
 * none any more. Returns the signal that the tracer gave; without a tracer, `unchanged`.
 */
static int stop(struct tracee *tracee, uint32_t status, uint64_t message,
                const struct linux_siginfo *info, enum ptrace_place place, int unchanged)
{
    spin_lock(&family_lock);
    if (!tracee->tracer || READ_ONCE(current->work) & TASK_WORK_EXIT) {
        spin_unlock(&family_lock);
        return unchanged;
    }
    tracee->status = status;
    tracee->message = message_for(tracee->tracer, status >> 8, message);
    tracee->has_info = true;
    if (info) {
        tracee->info = *info;
    } else {
        tracee->info = (struct linux_siginfo){.signo = SIGTRAP, .code = (int32_t)status};
        tracee->info.sender.pid = current->seen_tid;
        tracee->info.sender.uid = current->process->credentials.uid;
    }
    tracee->place = (uint8_t)place;
    tracee->resume_signal = 0;
    tracee->reported = tracee->listening = false;
    WRITE_ONCE(tracee->stopped, true);
    tell_tracer_locked(tracee);
    spin_unlock(&family_lock);

    wait_event(&tracee->resumed, WAIT_SIGNAL, 0, WAIT_KILLABLE, 0, !READ_ONCE(tracee->stopped));

    spin_lock(&family_lock);
    int signal = tracee->stopped ? unchanged : tracee->resume_signal; /* killed: as it was */
    tracee->stopped = false;
    tracee->place = PTRACE_AT_NONE;
    spin_unlock(&family_lock);
    return signal;
}

/* The tracee of the current task. */
static struct tracee *mine(void)
{
    return current->tracee;
}

/* What the task knows of itself follows what its tracer asked for. */
static void update(struct task *task)
{
    struct tracee *gone = NULL;
    task_clear_work(task, TASK_WORK_TRACE);
    spin_lock(&family_lock);
    spin_lock(&task->process->signal_lock);
    if (task->tracee && !task->tracee->tracer) {
        gone = task->tracee;
        task->tracee = NULL;
    }
    if (task->tracee)
        task->flags |= TASK_TRACED;
    else
        task->flags &= ~(uint32_t)TASK_TRACED;
    spin_unlock(&task->process->signal_lock);
    spin_unlock(&family_lock);
    if (gone && gone->stepping)
        arch_task_frame(&task->arch)->rflags &= ~RFLAGS_TRAP;
    if (gone)
        tracee_put(gone);
}

bool ptrace_work(struct task *task)
{
    if (READ_ONCE(task->work) & TASK_WORK_TRACE)
        update(task);
    struct tracee *tracee = task->tracee;
    if (!tracee || !READ_ONCE(tracee->trap_wanted) || READ_ONCE(task->work) & TASK_WORK_EXIT)
        return false;
    WRITE_ONCE(tracee->trap_wanted, false);
    stop(tracee, SIGTRAP | PTRACE_EVENT_STOP << 8, 0, NULL, PTRACE_AT_NONE, 0);
    return true;
}

bool ptrace_signal(struct task *task, struct linux_siginfo *info)
{
    struct tracee *tracee = task->tracee;
    int before = info->signo;
    int signal = stop(tracee, (uint32_t)before, 0, info, PTRACE_AT_NONE, before);
    if (!signal)
        return false;
    *info = tracee->info; /* the tracer may have changed it */
    if (signal != before) {
        memset(info, 0, sizeof(*info));
        info->signo = signal;
        info->code = SI_USER;
        spin_lock(&family_lock);
        if (tracee->tracer) {
            info->sender.pid = tracee->tracer->pid;
            info->sender.uid = tracee->tracer->credentials.uid;
        }
        spin_unlock(&family_lock);
    }
    info->signo = signal;
    if (!(task->blocked.bits & signal_bit(signal)))
        return true;
    signal_send(task->process, task, signal, info); /* for later */
    return false;
}

/* ---- system calls ---- */

static void syscall_stop(struct trap_frame *frame, enum ptrace_place place)
{
    struct tracee *tracee = mine();
    if (!tracee || READ_ONCE(tracee->mode) != PTRACE_TO_SYSCALL)
        return;
    uint32_t status = SIGTRAP | (tracee->options & PTRACE_O_TRACESYSGOOD ? TRAP_SYSGOOD : 0);
    int signal = stop(tracee, status, place == PTRACE_AT_ENTRY ? 1 : 2, NULL, place, 0);
    if (signal) {
        struct linux_siginfo info = {.signo = signal, .code = SI_USER};
        signal_send(current->process, current, signal, &info);
    }
    (void)frame;
}

void ptrace_syscall_enter(struct trap_frame *frame)
{
    if (READ_ONCE(mine()->mode) == PTRACE_TO_SYSCALL)
        frame->rax = (uint64_t)-ENOSYS; /* the result so far, and if the tracer takes it away */
    syscall_stop(frame, PTRACE_AT_ENTRY);
}

void ptrace_syscall_exit(struct trap_frame *frame)
{
    syscall_stop(frame, PTRACE_AT_EXIT);
    ptrace_step_over(current);
}

/* ---- events ---- */

static bool wants(const struct tracee *tracee, unsigned event)
{
    return tracee && tracee->tracer && tracee->options & PTRACE_O_TRACE(event);
}

void ptrace_event(unsigned event, uint64_t message)
{
    struct tracee *tracee = mine();
    if (wants(tracee, event))
        stop(tracee, SIGTRAP | event << 8, message, NULL, PTRACE_AT_NONE, 0);
}

int32_t ptrace_number_of(struct task *task)
{
    int32_t number = 0;

    if (likely(!task_is_traced(task)))
        return 0;
    spin_lock(&family_lock);
    if (task->tracee && task->tracee->tracer)
        number = pid_seen_in(task->tracee->tracer->pid_namespace, task->tid);
    spin_unlock(&family_lock);
    return number;
}

void ptrace_exec(int32_t old_tid)
{
    struct tracee *tracee = mine();
    if (!tracee || !tracee->tracer)
        return;
    tracee->stepping = false;
    if (wants(tracee, PTRACE_EVENT_EXEC)) {
        ptrace_event(PTRACE_EVENT_EXEC, (uint64_t)(uint32_t)old_tid);
    } else if (!tracee->seized) {
        struct linux_siginfo info = {.signo = SIGTRAP, .code = SI_USER};
        info.sender.pid = current->seen_tgid;
        info.sender.uid = current->process->credentials.uid;
        signal_send(current->process, current, SIGTRAP, &info);
    }
}

bool ptrace_group_stop(struct task *task, int signal)
{
    struct tracee *tracee = task->tracee;
    if (!tracee || !tracee->tracer)
        return false;
    stop(tracee, (uint32_t)signal | (tracee->seized ? PTRACE_EVENT_STOP << 8 : 0), 0, NULL,
         PTRACE_AT_NONE, 0);
    return true;
}

void ptrace_continued_signal_locked(struct task *task)
{
    struct tracee *tracee = task->tracee;
    if (!tracee->seized)
        return;
    WRITE_ONCE(tracee->trap_wanted, true);
    task_add_work(task, TASK_WORK_SIGNAL);
    if (!tracee->listening)
        return;
    WRITE_ONCE(tracee->stopped, false);
    wake_up_all(&tracee->resumed);
}

void ptrace_step_over(struct task *task)
{
    struct tracee *tracee = task->tracee;
    if (!tracee || tracee->mode != PTRACE_STEPS)
        return;
    struct trap_frame *frame = arch_task_frame(&task->arch);
    frame->rflags &= ~RFLAGS_TRAP;
    struct linux_siginfo info = {.signo = SIGTRAP, .code = TRAP_TRACE};
    info.fault.address = frame->rip;
    tracee->stepping = false;
    int signal = stop(tracee, SIGTRAP, 0, &info, PTRACE_AT_NONE, 0);
    if (signal) {
        struct linux_siginfo given = {.signo = signal, .code = SI_USER};
        signal_send(task->process, task, signal, &given);
    }
}
