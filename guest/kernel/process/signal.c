/*
 * signal.c - sending signals: who takes one, what is queued, who must wake up. Delivery to the
 * program is signal_delivery.c, job control signal_stop.c.
 *
 * A signal whose default action ends the process and that some thread would take at once is not
 * queued at all: the process is marked as exiting with that status, and every thread is told to go.
 *
 * Lock: signal_lock of the target process. TASK_WORK_SIGNAL is set by senders under it and cleared
 * only by the task itself under it, so the bit is never missing while a signal can be delivered; it
 * may be there for nothing.
 */
#include "kernel/lib/errno.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/observe/mutant.h"
#include "kernel/observe/trace.h"
#include "kernel/process/signal_queue.h"
#include "kernel/token/process_gate.h"

struct object_cache pending_cache = OBJECT_CACHE_INIT("pending_signal", struct pending_signal);

/* Words, unrolled: on every signal's way. */
static inline void info_copy(struct linux_siginfo *destination, const struct linux_siginfo *source)
{
    uint64_t *to = (uint64_t *)destination;
    const uint64_t *from = (const uint64_t *)source;
#pragma GCC unroll 8
    for (unsigned i = 0; i < SIGINFO_BYTES / 8; i++)
        to[i] = from[i];
}

static inline void info_clear(struct linux_siginfo *info)
{
    uint64_t *to = (uint64_t *)info;
#pragma GCC unroll 8
    for (unsigned i = 0; i < SIGINFO_BYTES / 8; i++)
        to[i] = 0;
}

/* What sending it is, by what it does to who has no handler for it (KACS, "process SD"). */
static uint32_t right_for(int signal)
{
    switch (signal) {
    case 0:
        return PROCESS_QUERY_LIMITED;
    case SIGCHLD:
    case SIGURG:
    case SIGWINCH:
        return PROCESS_SIGNAL;
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
    case SIGCONT:
        return PROCESS_SUSPEND_RESUME;
    default:
        return PROCESS_TERMINATE;
    }
}

int signal_permission(struct process *target, int signal)
{
    struct process *self = current->process;
    const struct credentials *mine = &self->credentials, *theirs = &target->credentials;
    if (self == target)
        return 0;
    bool allowed = process_has_capability(self, CAP_KILL) || mine->euid == theirs->suid ||
                   mine->euid == theirs->uid || mine->uid == theirs->suid ||
                   mine->uid == theirs->uid ||
                   (signal == SIGCONT && self->session == target->session);
    return process_allows(target, right_for(signal), allowed) ? 0 : -EPERM;
}

/* ---- queues ---- */

static void discard_from(struct process *process, struct signal_set *set, struct list *queue,
                         uint64_t signals)
{
    if (!(set->bits & signals))
        return;
    set->bits &= ~signals;
    struct pending_signal *entry, *following;
    list_for_each_safe(entry, following, queue, link)
    {
        if (signal_bit(entry->info.signo) & signals) {
            list_remove(&entry->link);
            if (entry->info.signo >= SIGRTMIN)
                user_count_give(entry->counted_uid);
            pending_release(process, entry);
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
    struct pending_signal *spare =
        __atomic_exchange_n(&process->spare_pending, NULL, __ATOMIC_ACQUIRE);
    if (spare)
        object_cache_free(&pending_cache, spare);
}

struct pending_signal *signal_take_among_signal_locked(struct process *process,
                                                       struct signal_set *set, struct list *queue,
                                                       int signal)
{
    struct pending_signal *entry, *found = NULL;
    bool more = false;
    list_for_each(entry, queue, link)
    {
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
    if (!more || MUTANT_EVERY(SIGNAL_MORE_FORGOTTEN, 5))
        set->bits &= ~signal_bit(signal);
    if (!found)
        return pending_lost(signal);
    list_remove(&found->link);
    process->pending_count--;
    if (signal >= SIGRTMIN)
        user_count_give(found->counted_uid);
    return found;
}

struct pending_signal *pending_lost(int signal)
{
    /* Everyone writes the same. */
    static struct pending_signal lost[SIGNALS];
    WRITE_ONCE(lost[signal - 1].info.signo, signal);
    return &lost[signal - 1];
}

/* ---- waking ---- */

static inline bool would_take(const struct task *task, uint64_t bit)
{
    return !(task->flags & TASK_EXITING) &&
           (!(task->blocked.bits & bit) || task->awaited.bits & bit);
}

static struct task *choose_taker(struct process *process, uint64_t bit)
{
    if (process->leader && would_take(process->leader, bit))
        return process->leader;
    struct task *task;
    list_for_each(task, &process->threads, thread_link)
    {
        if (would_take(task, bit))
            return task;
    }
    return NULL;
}

/* A full memory barrier in any case. */
static inline void wake_taker(struct task *task, uint64_t bit)
{
    if (unlikely(task->blocked.bits & bit)) { /* awaited, not delivered */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        task_wake(task, WAKE_NORMAL);
        return;
    }
    if (task == current) {
        __atomic_fetch_or(&task->work, TASK_WORK_SIGNAL, __ATOMIC_SEQ_CST);
        return;
    }
    task_add_work(task, TASK_WORK_SIGNAL);
    task_wake(task, WAKE_SIGNAL);
}

void process_kill_threads_signal_locked(struct process *process, struct task *except)
{
    struct task *task;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the list is a ring */
    list_for_each(task, &process->threads, thread_link)
    {
        if (task == except || task->flags & TASK_EXITING)
            continue;
        task_add_work(task, TASK_WORK_EXIT);
        if (task != current)
            task_wake(task, WAKE_KILL);
    }
}

void signal_mask_changed_signal_locked(struct task *task, uint64_t newly_blocked)
{
    if (task->process->pending.bits & newly_blocked)
        signal_retarget_signal_locked(task);
    signal_recheck_signal_locked(task);
}

void signal_retarget_signal_locked(struct task *leaving)
{
    struct process *process = leaving->process;
    if (!process->pending.bits)
        return;
    struct task *task;
    list_for_each(task, &process->threads, thread_link)
    {
        uint64_t bits = process->pending.bits & ~task->blocked.bits;
        if (task != leaving && bits && !(task->flags & TASK_EXITING))
            wake_taker(task, bits);
    }
}

/* ---- sending ---- */

static __attribute__((noinline)) void settle_stop_and_continue(struct process *process, int signal)
{
    if (signal == SIGCONT) {
        signal_discard_signal_locked(process, SIGNALS_DEFAULT_STOP);
        signal_stop_end_signal_locked(process);
    } else {
        signal_discard_signal_locked(process, signal_bit(SIGCONT));
    }
}

/*
 * Did a process of the target's own PID namespace (or below) send it? Only from above can one kill
 * or stop a process 1. What the kernel itself sends comes from above.
 */
static bool signal_from_inside(const struct process *target, int code)
{
    return code <= SI_USER && code != SI_KERNEL &&
           pid_seen_in(target->pid_namespace, current->tgid);
}

/*
 * No handler will run: true = there is nothing to queue, because it is ignored, pending already, or
 * the end of the process at once. `probe` is whose mask says whether an ignored signal is kept;
 * `task` NULL = any thread.
 */
static __attribute__((noinline)) bool settle_uncaught(struct process *process, struct task *task,
                                                      struct task *probe, int signal, uint64_t code)
{
    const struct signal_actions *actions = process->actions;
    uint64_t bit = signal_bit(signal);
    int32_t target_id = task ? task->tid : process->pid;
    bool protected = process->unkillable && !(actions->ignored.bits & bit) &&
                     (signal_from_inside(process, (int)code) || !(bit & SIGNALS_UNBLOCKABLE));

    /* A tracer sees every signal, and decides what becomes of it. */
    if (unlikely(probe->tracee) && signal != SIGKILL)
        return signal < SIGRTMIN && (task ? task->pending.bits : process->pending.bits) & bit;
    if (!(probe->blocked.bits & bit) &&
        (protected || (actions->ignored.bits | SIGNALS_DEFAULT_IGNORE) & bit)) {
        trace_event(TRACE_SIGNAL, trace_pair(target_id, signal), code, TRACE_SIGNAL_IGNORED, 0);
        return true;
    }
    if (signal < SIGRTMIN && (task ? task->pending.bits : process->pending.bits) & bit)
        return true;
    if (signal != SIGKILL) {
        if (unlikely(protected))
            return false; /* blocked: dropped when it is taken */
        if ((actions->ignored.bits | SIGNALS_DEFAULT_IGNORE | SIGNALS_DEFAULT_STOP) & bit)
            return false;
        const struct task *taker =
            task ? (would_take(task, bit) ? task : NULL) : choose_taker(process, bit);
        /* A stopped process ends by nothing but SIGKILL: the rest waits for SIGCONT. */
        if (!taker || taker->blocked.bits & bit || taker->job_stopped)
            return false;
    }
    trace_event(TRACE_SIGNAL, trace_pair(target_id, signal), code, TRACE_SIGNAL_QUEUED, 0);
    if (!process->exiting) {
        process->exiting = true;
        process->exit_status = (uint32_t)signal;
    }
    process_kill_threads_signal_locked(process, NULL);
    return true;
}

/* An entry for the signal, counted for its user; NULL: too many, or no memory. */
static __attribute__((noinline)) struct pending_signal *allocate_counted(struct process *process)
{
    uint32_t uid = process->credentials.uid;
    if (!user_count_take(uid, process_limit(process, RLIMIT_SIGPENDING)))
        return NULL;
    struct pending_signal *entry = pending_allocate(process);
    if (entry)
        entry->counted_uid = uid;
    else
        user_count_give(uid);
    return entry;
}

/* A sender that the target's PID namespace has no number for is shown as 0. */
static inline void info_from_outside(struct linux_siginfo *to, const struct linux_siginfo *info,
                                     const struct process *target)
{
    info_copy(to, info);
    if (unlikely(target->pid_namespace != &initial_pid_namespace) && info->code <= SI_USER &&
        info->code != SI_TIMER && !pid_seen_in(target->pid_namespace, current->tgid))
        to->sender.pid = 0;
}

/* Without `info`: the current process's own, with `code`, or for SI_KERNEL nobody's. */
static inline __attribute__((always_inline)) int
send_signal_locked(struct process *process, struct task *task, int signal,
                   const struct linux_siginfo *info, int code)
{
    uint64_t bit = signal_bit(signal);
    struct task *probe = task ? task : process->leader;
    struct signal_set *set = task ? &task->pending : &process->pending;
    struct list *queue = task ? &task->pending_queue : &process->pending_queue;

    if (unlikely(process->signals_closed || !probe || (task && task->flags & TASK_EXITING)))
        return 0;
    if (unlikely(bit & (SIGNALS_DEFAULT_STOP | signal_bit(SIGCONT))))
        settle_stop_and_continue(process, signal);
    if (unlikely(!(process->actions->caught.bits & bit)) &&
        settle_uncaught(process, task, probe, signal, (uint64_t)(int64_t)code))
        return 0;
    if (signal < SIGRTMIN && set->bits & bit)
        return 0; /* pending already: ordinary signals do not count */

    struct pending_signal *entry =
        likely(signal < SIGRTMIN) ? pending_allocate(process) : allocate_counted(process);
    if (likely(entry)) {
        if (info)
            info_from_outside(&entry->info, info, process);
        else if (code == SI_KERNEL)
            info_make(&entry->info, signal, code, 0, 0);
        else
            info_make(&entry->info, signal, code,
                      pid_seen_in(process->pid_namespace, current->tgid),
                      current->process->credentials.uid);
        entry->info.signo = signal;
        list_push_back(queue, &entry->link);
        process->pending_count++;
    } else if (signal >= SIGRTMIN && code < 0) {
        return -EAGAIN; /* its value would be lost; a plain kill() still gets through as a bit */
    }
    set->bits |= bit;
    trace_event(TRACE_SIGNAL, trace_pair(task ? task->tid : process->pid, signal),
                (uint64_t)(int64_t)code, TRACE_SIGNAL_QUEUED, 0);
    struct task *taker = likely(would_take(probe, bit)) ? probe
                         : task                         ? NULL
                                                        : choose_taker(process, bit);
    if (likely(taker))
        wake_taker(taker, bit);
    else
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (unlikely(process->signals_watched))
        signalfd_wake_signal_locked(process);
    return 0;
}

int signal_send(struct process *process, struct task *task, int signal,
                const struct linux_siginfo *info)
{
    if (unlikely(!process || process->kernel))
        return 0; /* the kernel's own take no signals */
    spin_lock(&process->signal_lock);
    int result = info ? send_signal_locked(process, task, signal, info, info->code)
                      : send_signal_locked(process, task, signal, NULL, SI_KERNEL);
    spin_unlock(&process->signal_lock);
    return result;
}

int signal_send_user(struct process *process, struct task *task, int signal, int code)
{
    if (unlikely(process->kernel))
        return 0;
    spin_lock(&process->signal_lock);
    int result = send_signal_locked(process, task, signal, NULL, code);
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
    if (!(process->actions->caught.bits & bit))
        process->unkillable = false; /* its own fault ends even a process 1 */
    send_signal_locked(process, task, signal, &info, code);
    spin_unlock(&process->signal_lock);
}

/* ---- masks ---- */

void signal_set_blocked(uint64_t mask)
{
    struct task *task = current;
    struct process *process = task->process;
    spin_lock(&process->signal_lock);
    signal_change_mask_signal_locked(task, process, mask & ~SIGNALS_UNBLOCKABLE);
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
    ret->queued = user_count_of(process->credentials.uid);
    spin_unlock(&process->signal_lock);
}
