/*
 * signal_stop.c - job control: a process stops when every thread of it has stopped, and continues
 * all at once.
 *
 * TASK_WORK_STOP is set in every thread that must stop and stays set while it is stopped; SIGCONT
 * clears it before it wakes with WAKE_CONTINUE. task_stop_self() does not stop a task whose bit is
 * clear, which is why a SIGCONT just before it is not lost.
 *
 * Locks: stop_active, stopped and the per-task job_stopped under signal_lock; the parent is told
 * with family_lock held.
 */
#include "kernel/process/internal.h"
#include "kernel/process/ptrace.h"

#define TICKS_PER_SECOND 100ull

static bool all_stopped(struct process *process)
{
    struct task *task;
    list_for_each(task, &process->threads, thread_link)
    {
        if (!(task->flags & TASK_EXITING) && !task->job_stopped)
            return false;
    }
    return true;
}

/* family_lock held, no signal_lock. */
static void tell_parent_locked(struct process *process, int code, int status)
{
    struct process *parent = process->parent;
    if (!parent)
        return;
    struct linux_siginfo info = {.signo = SIGCHLD, .code = code};
    uint64_t user_ns, system_ns;
    process_times(process, &user_ns, &system_ns);
    info.child.pid = process->pid;
    info.child.uid = process->credentials.uid;
    info.child.status = status;
    info.child.utime = (int64_t)(user_ns / (1000000000ull / TICKS_PER_SECOND));
    info.child.stime = (int64_t)(system_ns / (1000000000ull / TICKS_PER_SECOND));
    struct signal_actions *actions = parent->actions;
    uint64_t bit = signal_bit(SIGCHLD);
    bool unwanted =
        actions && actions->set.bits & bit && actions->action[SIGCHLD - 1].flags & SA_NOCLDSTOP;
    if (!unwanted)
        signal_send(parent, NULL, SIGCHLD, &info);
    wake_up_all(&parent->child_events);
}

/* signal_lock held: has the stop just become complete? */
static bool stop_completes(struct process *process)
{
    if (!process->stop_active || process->stopped || !all_stopped(process))
        return false;
    process->stopped = true;
    process->stop_reported = false;
    process->continued = false;
    return true;
}

void signal_stop_begin(int signal, bool only_if_not_orphaned)
{
    struct process *process = current->process;
    spin_lock(&family_lock);
    if (only_if_not_orphaned && group_is_orphaned(process->group)) {
        spin_unlock(&family_lock);
        return;
    }
    spin_lock(&process->signal_lock);
    if (process->stop_dequeued && !process->exiting && !process->exec_task) {
        process->stop_active = true;
        process->stop_signal = signal;
        struct task *task;
        list_for_each(task, &process->threads, thread_link)
        {
            if (task->flags & TASK_EXITING)
                continue;
            task_add_work(task, TASK_WORK_STOP);
            if (task != current)
                task_wake(task, WAKE_SIGNAL);
        }
    }
    process->stop_dequeued = false;
    spin_unlock(&process->signal_lock);
    spin_unlock(&family_lock);
}

void signal_stop_take_part(void)
{
    struct task *task = current;
    struct process *process = task->process;
    spin_lock(&family_lock);
    spin_lock(&process->signal_lock);
    if (!process->stop_active) {
        task_clear_work(task, TASK_WORK_STOP);
        spin_unlock(&process->signal_lock);
        spin_unlock(&family_lock);
        return;
    }
    task->job_stopped = true;
    int signal = process->stop_signal;
    bool complete = stop_completes(process);
    spin_unlock(&process->signal_lock);
    if (complete)
        tell_parent_locked(process, CLD_STOPPED, signal);
    spin_unlock(&family_lock);

    while (READ_ONCE(process->stop_active) && !(READ_ONCE(task->work) & TASK_WORK_EXIT)) {
        if (READ_ONCE(task->tracee) && ptrace_group_stop(task, signal))
            break; /* the tracer has let it go on */
        task_stop_self(signal);
    }
    spin_lock(&process->signal_lock);
    task->job_stopped = false;
    spin_unlock(&process->signal_lock);
}

void signal_stop_thread_gone_locked(struct process *process)
{
    spin_lock(&process->signal_lock);
    bool complete = process->task_count && stop_completes(process);
    int signal = process->stop_signal;
    spin_unlock(&process->signal_lock);
    if (complete)
        tell_parent_locked(process, CLD_STOPPED, signal);
}

void signal_stop_end_signal_locked(struct process *process)
{
    process->stop_dequeued = false;
    if (!process->stop_active)
        return;
    bool was_stopped = process->stopped;
    process->stop_active = false;
    process->stopped = false;
    struct task *task, *teller = NULL;
    list_for_each(task, &process->threads, thread_link)
    {
        if (task->flags & TASK_EXITING)
            continue;
        task_clear_work(task, TASK_WORK_STOP);
        if (unlikely(task->tracee))
            ptrace_continued_signal_locked(task);
        if (was_stopped && !teller) {
            teller = task;
            process->continued = true;
            process->continue_reported = false;
            process->continue_notice = true;
            task_add_work(task, TASK_WORK_SIGNAL);
        }
        task_wake(task, WAKE_CONTINUE);
    }
}

/* Called by a thread of the process, without locks. */
void signal_tell_continued(struct process *process)
{
    spin_lock(&family_lock);
    spin_lock(&process->signal_lock);
    bool tell = process->continue_notice;
    process->continue_notice = false;
    spin_unlock(&process->signal_lock);
    if (tell)
        tell_parent_locked(process, CLD_CONTINUED, SIGCONT);
    spin_unlock(&family_lock);
}
