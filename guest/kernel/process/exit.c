/*
 * exit.c - how threads and processes end, and who hears of it.
 *
 * A thread first gives back what it shares (memory, files), then leaves its process under
 * family_lock. The first thread of a process stays in the PID table as a zombie, because its tid is
 * the pid. When the last thread has left, the process is a zombie until its parent, or whoever
 * adopted it, reaps it; one whose parent does not want to know is reaped at once by itself.
 *
 * Locks: family_lock for the tree; the signal_lock of a process inside it. Nothing is freed under
 * them.
 */
#include "arch/page_table.h"
#include "kernel/fs/file.h"
#include "kernel/fs/tty/tty.h"
#include "kernel/ipc/futex/futex.h"
#include "kernel/ipc/sysv/sem.h"
#include "kernel/mm/address_space.h"
#include "kernel/namespace/nsproxy.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/observe/done.h"
#include "kernel/observe/mutant.h"
#include "kernel/observe/trace.h"
#include "kernel/process/internal.h"
#include "kernel/process/ptrace.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/cpu_timer.h"
#include "kernel/time/posix_timer.h"
#include "kernel/token/thread_token.h"

#define NS_PER_TICK 10000000ull /* siginfo times are in 1/100 s */

/* ---- telling the parent ---- */

bool process_notify_parent_locked(struct process *process)
{
    struct process *parent = process->parent;
    int signal = process->leader->exit_signal;
    struct signal_actions *actions = parent->actions;
    bool reap_now = false, silent = parent == init_process;

    if (signal == SIGCHLD && parent != init_process) {
        uint64_t bit = signal_bit(SIGCHLD);
        if (actions->ignored.bits & bit) {
            reap_now = true;
            silent = true;
        } else if (actions->set.bits & bit) {
            reap_now = actions->action[SIGCHLD - 1].flags & SA_NOCLDWAIT;
        } else if (!(actions->caught.bits & bit) && !parent->signals_watched) {
            /* The default action ignores it: no need to build one that nobody blocks or awaits. */
            silent = !(parent->leader->blocked.bits & bit);
        }
    }
    if (!silent && signal > 0 && signal <= SIGNALS) {
        struct linux_siginfo info = {};
        uint64_t user_ns, system_ns;
        uint32_t status = process->exit_status;
        process_times(process, &user_ns, &system_ns);
        info.signo = signal;
        info.code = status & 0x7f ? (status & 0x80 ? CLD_DUMPED : CLD_KILLED) : CLD_EXITED;
        info.child.pid = pid_seen_in(parent->pid_namespace, process->pid);
        info.child.uid = process->credentials.uid;
        info.child.status =
            status & 0x7f ? (int32_t)(status & 0x7f) : (int32_t)(status >> 8 & 0xff);
        info.child.utime = (int64_t)(user_ns / NS_PER_TICK);
        info.child.stime = (int64_t)(system_ns / NS_PER_TICK);
        signal_send(parent, NULL, signal, &info);
    }
    if (wait_queue_active(&parent->child_events) && !MUTANT(WAKEUP_LOST_CHILD))
        wake_up_all(&parent->child_events);
    return reap_now;
}

/* ---- reaping ---- */

struct task *process_reap_locked(struct process *process)
{
    struct task *leader = process->leader;
    trace_event(TRACE_REAP, trace_pair(process->pid, (int32_t)process->exit_status),
                (uint64_t)current->tid, 0, 0);
    list_remove(&process->sibling_link);
    if (unlikely(!list_empty(&process->pidfds)))
        pidfd_cut_off_locked(process);
    group_leave_locked(process);
    session_leave_locked(process);
    spin_lock(&process->signal_lock);
    list_remove(&leader->thread_link);
    spin_unlock(&process->signal_lock);
    pid_drop_task_locked(leader->tid);
    pid_drop_process_locked(process->pid);
    process->zombie = false;
    process->parent = NULL;
    process->leader = NULL;
    process->tty = NULL;
    return leader;
}

void process_reap_finish(struct task *leader)
{
    struct process *process = leader->process;
    task_put(leader);
    process_put(process);
}

/* ---- orphans ---- */

/* Nobody in the group has a parent in another group of the same session; `except` no longer counts.
 */
static bool group_orphaned_without(int32_t group, const struct process *except)
{
    struct process *first = group_first(group), *member = first;
    if (!first)
        return true;
    do {
        struct process *parent = member->parent;
        if (member != except && member->task_count && parent && parent != init_process &&
            parent->group != group && parent->session == member->session)
            return false;
        member = group_next(member);
    } while (member != first);
    return true;
}

bool group_is_orphaned(int32_t group)
{
    return group_orphaned_without(group, NULL);
}

static bool group_has_stopped(int32_t group)
{
    struct process *first = group_first(group), *member = first;
    if (!first)
        return false;
    do {
        if (member->stopped)
            return true;
        member = group_next(member);
    } while (member != first);
    return false;
}

/* Stopped jobs that nobody could continue any more (POSIX, _exit): they are told, and go on. */
static void release_orphaned_group(struct process *member, struct process *parent,
                                   struct process *except)
{
    if (!parent || parent->group == member->group || parent->session != member->session)
        return;
    if (group_orphaned_without(member->group, except) && group_has_stopped(member->group)) {
        signal_send_group_locked(member->group, SIGHUP, NULL);
        signal_send_group_locked(member->group, SIGCONT, NULL);
    }
}

static struct process *find_reaper(struct process *process)
{
    const struct pid_namespace *namespace = process->pid_namespace;
    for (struct process *ancestor = process->parent;
         ancestor && ancestor->pid_namespace == namespace; ancestor = ancestor->parent) {
        if (ancestor->is_subreaper && ancestor->task_count)
            return ancestor;
    }
    return namespace != &initial_pid_namespace && namespace->init ? namespace->init : init_process;
}

static void send_death_signals(struct process *child)
{
    struct task *task;
    list_for_each(task, &child->threads, thread_link)
    {
        if (task->parent_death_signal) {
            struct linux_siginfo info = {.signo = task->parent_death_signal, .code = SI_USER};
            signal_send(child, NULL, task->parent_death_signal, &info);
        }
    }
}

/* A thread goes, its process stays: the children that it made are another thread's from now on. */
static void give_children_to_sibling(struct process *process, const struct task *leaving)
{
    struct process *child;
    struct task *heir = NULL, *task;
    list_for_each(task, &process->threads, thread_link)
    {
        if (task != leaving && !(task->flags & TASK_EXITING)) {
            heir = task;
            break;
        }
    }
    list_for_each(child, &process->children, sibling_link)
    {
        if (child->creator_tid != leaving->tid)
            continue;
        child->creator_tid = heir ? heir->tid : process->pid;
        send_death_signals(child);
    }
}

/* Zombies that the new parent does not want are reaped; their leaders go on `reaped`, through
 * thread_link. */
static void give_children_away(struct process *process, struct list *reaped)
{
    struct process *reaper = find_reaper(process), *child, *following;
    list_for_each_safe(child, following, &process->children, sibling_link)
    {
        list_remove(&child->sibling_link);
        list_push_back(&reaper->children, &child->sibling_link);
        child->parent = reaper;
        child->creator_tid = reaper->pid;
        send_death_signals(child);
        child->leader->exit_signal = SIGCHLD;
        if (child->zombie && process_notify_parent_locked(child)) {
            list_push_back(reaped, &process_reap_locked(child)->thread_link);
            continue;
        }
        if (child->group != process->group && child->session == process->session &&
            group_orphaned_without(child->group, NULL) && group_has_stopped(child->group)) {
            signal_send_group_locked(child->group, SIGHUP, NULL);
            signal_send_group_locked(child->group, SIGCONT, NULL);
        }
    }
}

/* ---- a thread leaves ---- */

void process_vfork_done(struct task *task)
{
    if (likely(!READ_ONCE(task->vfork_done)))
        return;
    spin_lock(&family_lock);
    struct wait_queue *done = task->vfork_done;
    task->vfork_done = NULL;
    if (done)
        wake_up_all(done); /* under the lock: the queue is on the parent's stack */
    spin_unlock(&family_lock);
}

void task_release_memory_promises(struct task *task)
{
    if (task->robust_list)
        robust_list_exit(task);
    if (unlikely(task->pi_owned))
        futex_pi_exit(task);
    uint64_t address = task->clear_child_tid;
    task->clear_child_tid = 0;
    if (address && task->address_space && READ_ONCE(task->address_space->object.references) > 1 &&
        address % sizeof(uint32_t) == 0 && !user_store_u32(address, 0))
        futex_wake_address(address, 1);
}

/*
 * A dying space must not stay loaded. The one to load instead, with a reference, is what this CPU
 * will most likely need next: the parent's, which tends to be waiting for this end. NULL if it does
 * not run here, or if others go on using the task's own.
 */
static struct address_space *likely_next_memory(const struct task *task)
{
    struct address_space *space = NULL;
    if (READ_ONCE(task->address_space->object.references) > 1)
        return NULL;
    spin_lock(&family_lock);
    const struct process *parent = task->process->parent;
    if (parent && parent->leader->cpu == this_cpu()->index)
        space = task_address_space_get(parent->leader);
    spin_unlock(&family_lock);
    return space;
}

static void release_memory(struct task *task)
{
    if (!task->address_space)
        return;
    task_release_memory_promises(task);
    struct process *process = task->process;
    uint64_t resident = task->address_space->max_resident;
    if (resident > process->max_resident)
        process->max_resident = resident;
    struct address_space *next = likely_next_memory(task);
    struct address_space *space = task_detach_address_space(task);
    address_space_activate(next);
    process_vfork_done(task);
    if (MUTANT_EVERY(SPACE_LEAKED, 10))
        return;
    address_space_put(space);
    if (next)
        address_space_put(next);
}

static void release_parts(struct task *task)
{
    release_memory(task);
    if (unlikely(task->sem_undo))
        sem_undo_leave(task);
    struct file_table *files = task_detach_files(task);
    if (files)
        file_table_put(files);
    struct fs_context *fs = task_detach_fs(task);
    if (fs)
        fs_context_put(fs);
    struct nsproxy *namespaces = task_detach_namespaces(task);
    if (!MUTANT_EVERY(NSPROXY_KEPT, 5))
        nsproxy_put(namespaces);
    if (unlikely(task->impersonation != NULL))
        task_revert();
}

/* The last thread has left: from here on there is only a status for somebody to collect. */
static void become_zombie(struct process *process)
{
    struct list reaped = LIST_INIT(reaped);
    struct task *leader = NULL, *other, *following;

    if (process->alarm.callback)
        timer_cancel(&process->alarm);
    if (unlikely(process->timers))
        posix_timers_end(process);
    if (unlikely(process->cpu_watch))
        cpu_watch_end(process);
    if (unlikely(process->tracees != NULL))
        ptrace_tracer_gone(process);
    if (process->session == process->pid)
        tty_disassociate(process);
    spin_lock(&process->signal_lock);
    process->signals_closed = true;
    signal_flush_process_signal_locked(process);
    spin_unlock(&process->signal_lock);

    spin_lock(&family_lock);
    if (unlikely(!list_empty(&process->children)))
        give_children_away(process, &reaped);
    release_orphaned_group(process, process->parent, process);
    object_write_begin(&process->object);
    process->stopped = process->continued = false;
    process->zombie = !MUTANT_EVERY(ZOMBIE_UNREPORTED, 5);
    object_write_end(&process->object);
    if (unlikely(!list_empty(&process->pidfds)))
        pidfd_tell_ended_locked(process);
    if (unlikely(process->leader->tracee != NULL))
        ptrace_task_gone_locked(process->leader, process->exit_status, true);
    if (process_notify_parent_locked(process))
        leader = process_reap_locked(process);
    spin_unlock(&family_lock);

    if (leader)
        process_reap_finish(leader);
    list_for_each_safe(other, following, &reaped, thread_link)
    {
        list_remove(&other->thread_link);
        process_reap_finish(other);
    }
}

/* Takes a child of the process that is a zombie, or NULL: what pid_namespaces(7) has process 1 do. */
static struct task *reap_one_locked(struct process *process)
{
    struct process *child;
    list_for_each(child, &process->children, sibling_link)
    {
        if (child->zombie) {
            process_account_child_locked(process, child);
            return process_reap_locked(child);
        }
    }
    return NULL;
}

/* Are all others of the namespace gone? Reaps those that are left to the process. */
static bool alone_in_namespace(struct process *process)
{
    for (;;) {
        spin_lock(&family_lock);
        struct task *leader = reap_one_locked(process);
        bool alone = process->pid_namespace->count <= 1;
        spin_unlock(&family_lock);
        if (!leader)
            return alone;
        process_reap_finish(leader);
    }
}

/*
 * If the process was process 1 of its PID namespace, everybody in it is killed and nobody can enter
 * it any more; it becomes a zombie when they are gone. Elsewhere nothing happens.
 */
static __attribute__((noinline)) void end_pid_namespace(struct process *process)
{
    struct pid_namespace *namespace = process->pid_namespace;
    int32_t global = 0;
    spin_lock(&family_lock);
    if (namespace->init != process) {
        spin_unlock(&family_lock);
        return;
    }
    namespace->ending = true;
    for (int32_t number = 1; (number = pid_number_next(namespace, number, &global)); number++) {
        struct process *other = process_find_locked(global);
        if (other && other != process)
            signal_send(other, NULL, SIGKILL, NULL);
    }
    spin_unlock(&family_lock);
    wait_event(&process->child_events, WAIT_CHILD, 0, WAIT_HARD, 0, alone_in_namespace(process));
}

static uint32_t final_status(struct process *process, uint32_t own)
{
    return process->exiting ? process->exit_status : own;
}

static _Noreturn void exit_current(uint32_t status)
{
    struct task *task = current;
    struct process *process = task->process;

    kernel_assert(process != init_process);
    if (task_is_traced(task))
        ptrace_event(PTRACE_EVENT_EXIT, final_status(process, status));
    spin_lock(&process->signal_lock);
    task->flags |= TASK_EXITING;
    task->exit_code = (int32_t)status;
    if (unlikely(task->pending.bits))
        signal_flush_task_signal_locked(task);
    if (unlikely(process->pending.bits))
        signal_retarget_signal_locked(task);
    spin_unlock(&process->signal_lock);
    task_clear_work(task, TASK_WORK_SIGNAL | TASK_WORK_STOP | TASK_WORK_EXIT | TASK_WORK_HOLD);

    if (process == program_process && process->task_count == 1) {
        /* The machine ends with its program: nobody will miss what is not cleaned up. */
        status = final_status(process, status);
        trace_event(TRACE_EXIT, status, 1, 0, 0);
        process->exit_status = status;
        machine_done(status);
    }
    release_parts(task);

    spin_lock(&family_lock);
    bool last = --process->task_count == 0, is_leader = task == process->leader;
    if (last)
        process->exit_status = final_status(process, status);
    trace_event(TRACE_EXIT, last ? process->exit_status : final_status(process, status), last, 0,
                0);
    if (!is_leader) {
        spin_lock(&process->signal_lock);
        list_remove(&task->thread_link);
        spin_unlock(&process->signal_lock);
        process_account_thread_locked(process, task);
        pid_drop_task_locked(task->tid);
        if (unlikely(task->tracee != NULL))
            ptrace_task_gone_locked(task, final_status(process, status), false);
    }
    if (!last) {
        if (unlikely(!list_empty(&process->children)))
            give_children_to_sibling(process, task);
        if (process->exec_task)
            wake_up_all(&process->thread_events);
        signal_stop_thread_gone_locked(process);
    }
    spin_unlock(&family_lock);

    if (last) {
        if (process == program_process)
            machine_done(process->exit_status);
        if (unlikely(process->pid_namespace != &initial_pid_namespace))
            end_pid_namespace(process);
        become_zombie(process);
    }
    if (!is_leader)
        task_put(task); /* the PID table's reference */
    task_exit_self();
}

_Noreturn void process_exit_thread(int code)
{
    exit_current(WAIT_STATUS_EXITED(code));
}

_Noreturn void process_exit_group(uint32_t wait_status)
{
    struct task *task = current;
    struct process *process = task->process;
    spin_lock(&process->signal_lock);
    if (process->exiting) {
        wait_status = process->exit_status;
    } else if (!process->exec_task || process->exec_task == task) {
        process->exiting = true;
        process->exit_status = wait_status;
    } /* else: a sibling's exec goes on, only this thread ends */
    if (process->task_count > 1 && process->exiting)
        process_kill_threads_signal_locked(process, task);
    spin_unlock(&process->signal_lock);
    exit_current(wait_status);
}

SYSCALL1(exit, int, code)
{
    process_exit_thread(code);
}

SYSCALL1(exit_group, int, code)
{
    process_exit_group(WAIT_STATUS_EXITED(code));
}
