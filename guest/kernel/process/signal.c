/*
 * signal.c - sending signals: who takes one, what is queued, who must wake up. Delivery to the program is
 * signal_delivery.c, job control signal_stop.c.
 *
 * A signal whose default action ends the process and that some thread would take at once is not queued at
 * all: the process is marked as exiting with that status, and every thread is told to go.
 *
 * Lock: signal_lock of the target process. TASK_WORK_SIGNAL is set by senders under it and cleared only by
 * the task itself under it, so the bit is never missing while a signal can be delivered; it may be there for
 * nothing.
 */
#include "kernel/lib/errno.h"
#include "kernel/mm/object_cache.h"
#include "kernel/observe/trace.h"
#include "kernel/process/internal.h"

static struct object_cache pending_cache = OBJECT_CACHE_INIT("pending_signal", struct pending_signal);

static inline void info_copy(struct linux_siginfo *destination, const struct linux_siginfo *source)
{
    uint64_t *to = (uint64_t *)destination;
    const uint64_t *from = (const uint64_t *)source;
    for (unsigned i = 0; i < SIGINFO_BYTES / 8; i++)
        to[i] = from[i];
}

static inline void info_clear(struct linux_siginfo *info)
{
    uint64_t *to = (uint64_t *)info;
    for (unsigned i = 0; i < SIGINFO_BYTES / 8; i++)
        to[i] = 0;
}

void signal_info_user(struct linux_siginfo *info, int signal, int code)
{
    info_clear(info);
    info->signo = signal;
    info->code = code;
    info->sender.pid = current->tgid;
    info->sender.uid = current->process->credentials.uid;
}

int signal_permission(struct process *target, int signal)
{
    struct process *self = current->process;
    const struct credentials *mine = &self->credentials, *theirs = &target->credentials;
    if (self == target || mine->euid == 0 || mine->euid == theirs->suid || mine->euid == theirs->uid ||
        mine->uid == theirs->suid || mine->uid == theirs->uid)
        return 0;
    return signal == SIGCONT && self->session == target->session ? 0 : -EPERM;
}

/* ---- queues ---- */

static void discard_from(struct process *process, struct signal_set *set, struct list *queue, uint64_t signals)
{
    if (!(set->bits & signals))
        return;
    set->bits &= ~signals;
    struct pending_signal *entry, *following;
    list_for_each_safe(entry, following, queue, link) {
        if (signal_bit(entry->info.signo) & signals) {
            list_remove(&entry->link);
            object_cache_free(&pending_cache, entry);
            process->pending_count--;
        }
    }
}

void signal_discard_signal_locked(struct process *process, uint64_t signals)
{
    discard_from(process, &process->pending, &process->pending_queue, signals);
    struct task *task;
    list_for_each(task, &process->threads, thread_link)
        discard_from(process, &task->pending, &task->pending_queue, signals);
}

void signal_flush_task_signal_locked(struct task *task)
{
    discard_from(task->process, &task->pending, &task->pending_queue, UINT64_MAX);
}

void signal_flush_process_signal_locked(struct process *process)
{
    discard_from(process, &process->pending, &process->pending_queue, UINT64_MAX);
}

uint64_t signal_pending_signal_locked(const struct task *task)
{
    return task->pending.bits | task->process->pending.bits;
}

static void take_from(struct process *process, struct signal_set *set, struct list *queue, int signal,
                      struct linux_siginfo *ret_info)
{
    struct pending_signal *entry, *found = NULL;
    bool more = false;
    list_for_each(entry, queue, link) {
        if (entry->info.signo != signal)
            continue;
        if (found) {
            more = true;
            break;
        }
        found = entry;
        if (signal < SIGRTMIN)
            break; /* queued at most once */
    }
    if (!more)
        set->bits &= ~signal_bit(signal);
    if (!found) {
        info_clear(ret_info);
        ret_info->signo = signal;
        return;
    }
    list_remove(&found->link);
    process->pending_count--;
    info_copy(ret_info, &found->info);
    object_cache_free(&pending_cache, found);
}

/* Faults of the program's own come first, then the lowest number (signal(7)). */
static int first_signal(uint64_t bits)
{
    if (bits & SIGNALS_SYNCHRONOUS)
        bits &= SIGNALS_SYNCHRONOUS;
    return __builtin_ctzll(bits) + 1;
}

int signal_take_signal_locked(struct task *task, uint64_t wanted, struct linux_siginfo *ret_info)
{
    struct process *process = task->process;
    uint64_t bits = task->pending.bits & wanted;
    int signal;
    if (bits) {
        signal = first_signal(bits);
        take_from(process, &task->pending, &task->pending_queue, signal, ret_info);
        return signal;
    }
    bits = process->pending.bits & wanted;
    if (!bits)
        return 0;
    signal = first_signal(bits);
    take_from(process, &process->pending, &process->pending_queue, signal, ret_info);
    return signal;
}

/* ---- waking ---- */

static inline bool would_take(const struct task *task, uint64_t bit)
{
    return !(task->flags & TASK_EXITING) && (!(task->blocked.bits & bit) || task->awaited.bits & bit);
}

static struct task *choose_taker(struct process *process, uint64_t bit)
{
    if (process->leader && would_take(process->leader, bit))
        return process->leader;
    struct task *task;
    list_for_each(task, &process->threads, thread_link) {
        if (would_take(task, bit))
            return task;
    }
    return NULL;
}

static void wake_taker(struct task *task, uint64_t bit)
{
    if (task->blocked.bits & bit) { /* awaited, not delivered */
        task_wake(task, WAKE_NORMAL);
        return;
    }
    task_add_work(task, TASK_WORK_SIGNAL);
    if (task != current)
        task_wake(task, WAKE_SIGNAL);
}

void process_kill_threads_signal_locked(struct process *process, struct task *except)
{
    struct task *task;
    list_for_each(task, &process->threads, thread_link) {
        if (task == except || task->flags & TASK_EXITING)
            continue;
        task_add_work(task, TASK_WORK_EXIT);
        if (task != current)
            task_wake(task, WAKE_KILL);
    }
}

void signal_recheck_signal_locked(struct task *task)
{
    if (signal_pending_signal_locked(task) & ~task->blocked.bits)
        task_add_work(task, TASK_WORK_SIGNAL);
}

void signal_retarget_signal_locked(struct task *leaving)
{
    struct process *process = leaving->process;
    if (!process->pending.bits)
        return;
    struct task *task;
    list_for_each(task, &process->threads, thread_link) {
        uint64_t bits = process->pending.bits & ~task->blocked.bits;
        if (task != leaving && bits && !(task->flags & TASK_EXITING))
            wake_taker(task, bits);
    }
}

/* ---- sending ---- */

static bool is_ignored(const struct signal_actions *actions, uint64_t bit)
{
    return (actions->ignored.bits | (SIGNALS_DEFAULT_IGNORE & ~actions->caught.bits)) & bit;
}

static bool is_deadly(const struct signal_actions *actions, uint64_t bit)
{
    if (bit == signal_bit(SIGKILL))
        return true;
    return !((actions->caught.bits | actions->ignored.bits | SIGNALS_DEFAULT_IGNORE | SIGNALS_DEFAULT_STOP) & bit);
}

static int send_signal_locked(struct process *process, struct task *task, int signal,
                              const struct linux_siginfo *info)
{
    uint64_t bit = signal_bit(signal);
    uint64_t code = (uint64_t)(int64_t)(info ? info->code : SI_KERNEL);
    int32_t target_id = task ? task->tid : process->pid;
    struct task *probe = task ? task : process->leader;

    if (process->signals_closed || !probe || (task && task->flags & TASK_EXITING))
        return 0;
    if (bit & SIGNALS_DEFAULT_STOP) {
        signal_discard_signal_locked(process, signal_bit(SIGCONT));
    } else if (signal == SIGCONT) {
        signal_discard_signal_locked(process, SIGNALS_DEFAULT_STOP);
        signal_stop_end_signal_locked(process);
    }

    if (!(probe->blocked.bits & bit) && is_ignored(process->actions, bit)) {
        trace_event(TRACE_SIGNAL, trace_pair(target_id, signal), code, TRACE_SIGNAL_IGNORED, 0);
        return 0;
    }

    struct signal_set *set = task ? &task->pending : &process->pending;
    if (signal < SIGRTMIN && set->bits & bit)
        return 0; /* pending already: ordinary signals do not count */
    struct task *taker = task ? (would_take(task, bit) || signal == SIGKILL ? task : NULL) : choose_taker(process, bit);
    if (signal == SIGKILL || (taker && !(taker->blocked.bits & bit) && is_deadly(process->actions, bit))) {
        trace_event(TRACE_SIGNAL, trace_pair(target_id, signal), code, TRACE_SIGNAL_QUEUED, 0);
        if (!process->exiting) {
            process->exiting = true;
            process->exit_status = (uint32_t)signal;
        }
        process_kill_threads_signal_locked(process, NULL);
        return 0;
    }

    struct pending_signal *entry = NULL;
    bool over_limit = signal >= SIGRTMIN && process->pending_count >= process_limit(process, RLIMIT_SIGPENDING);
    if (!over_limit)
        entry = object_cache_allocate(&pending_cache);
    if (entry) {
        if (info) {
            info_copy(&entry->info, info);
        } else {
            info_clear(&entry->info);
            entry->info.code = SI_KERNEL;
        }
        entry->info.signo = signal;
        list_push_back(task ? &task->pending_queue : &process->pending_queue, &entry->link);
        process->pending_count++;
    } else if (signal >= SIGRTMIN && info && info->code < 0) {
        return -EAGAIN; /* its value would be lost; a plain kill() still gets through as a bit */
    }
    set->bits |= bit;
    trace_event(TRACE_SIGNAL, trace_pair(target_id, signal), code, TRACE_SIGNAL_QUEUED, 0);
    if (taker)
        wake_taker(taker, bit);
    if (wait_queue_active(&process->signal_waiters))
        wake_up_all(&process->signal_waiters);
    return 0;
}

int signal_send(struct process *process, struct task *task, int signal, const struct linux_siginfo *info)
{
    if (!process || process == init_process)
        return 0; /* the kernel's own take no signals */
    spin_lock(&process->signal_lock);
    int result = send_signal_locked(process, task, signal, info);
    spin_unlock(&process->signal_lock);
    return result;
}

int signal_send_process(struct process *process, int signal, const struct linux_siginfo *info)
{
    return signal_send(process, NULL, signal, info);
}

int signal_send_task(struct task *task, int signal, const struct linux_siginfo *info)
{
    return signal_send(task->process, task, signal, info);
}

int signal_send_group_locked(int32_t group, int signal, const struct linux_siginfo *info)
{
    struct process *first = group_first(group);
    if (!first)
        return -ESRCH;
    struct process *process = first;
    do {
        signal_send(process, NULL, signal, info);
        process = group_next(process);
    } while (process != first);
    return 0;
}

int signal_send_group(int32_t group, int signal, const struct linux_siginfo *info)
{
    spin_lock(&family_lock);
    int result = signal_send_group_locked(group, signal, info);
    spin_unlock(&family_lock);
    return result;
}

void signal_force(int signal, int code, uint64_t address)
{
    struct task *task = current;
    struct process *process = task->process;
    struct linux_siginfo info;
    uint64_t bit = signal_bit(signal);

    info_clear(&info);
    info.signo = signal;
    info.code = code;
    info.fault.address = address;
    spin_lock(&process->signal_lock);
    if ((task->blocked.bits | process->actions->ignored.bits) & bit) {
        struct signal_actions *actions = process->actions;
        spin_lock(&actions->lock);
        actions->set.bits &= ~bit;
        actions->caught.bits &= ~bit;
        actions->ignored.bits &= ~bit;
        spin_unlock(&actions->lock);
        task->blocked.bits &= ~bit;
        signal_recheck_signal_locked(task);
    }
    send_signal_locked(process, task, signal, &info);
    spin_unlock(&process->signal_lock);
}

/* ---- masks ---- */

void signal_set_blocked(uint64_t mask)
{
    struct task *task = current;
    struct process *process = task->process;
    spin_lock(&process->signal_lock);
    uint64_t newly_blocked = mask & ~task->blocked.bits;
    task->blocked.bits = mask & ~SIGNALS_UNBLOCKABLE;
    if (unlikely(process->pending.bits & newly_blocked))
        signal_retarget_signal_locked(task);
    signal_recheck_signal_locked(task);
    spin_unlock(&process->signal_lock);
}

void signal_begin_temporary_mask(uint64_t mask)
{
    current->saved_mask = current->blocked;
    signal_set_blocked(mask);
}

void signal_end_temporary_mask(bool interrupted)
{
    struct task *task = current;
    if (!interrupted) {
        signal_set_blocked(task->saved_mask.bits);
        return;
    }
    task->restore_saved_mask = true;
    task_add_work(task, TASK_WORK_SIGNAL);
}

bool signal_blocked_or_ignored(int signal)
{
    struct task *task = current;
    return (task->blocked.bits | task->process->actions->ignored.bits) & signal_bit(signal);
}

void signal_summarise(struct task *task, struct signal_summary *ret)
{
    *ret = (struct signal_summary){};
    struct process *process = task->process;
    if (!process || !process->actions)
        return;
    spin_lock(&process->signal_lock);
    ret->thread_pending = task->pending;
    ret->process_pending = process->pending;
    ret->blocked = task->blocked;
    ret->ignored = process->actions->ignored;
    ret->caught = process->actions->caught;
    ret->queued = process->pending_count;
    spin_unlock(&process->signal_lock);
}
