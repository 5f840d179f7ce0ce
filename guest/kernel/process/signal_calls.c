/*
 * signal_calls.c - the system calls about signals. Order of checks and error numbers as the manual
 * pages of section 2 give them.
 */
#include "kernel/lib/string.h"
#include "kernel/observe/audit.h"
#include "kernel/observe/mutant.h"
#include "kernel/observe/trace.h"
#include "kernel/process/signal_queue.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/clock.h"

#define SIGSET_BYTES 8
#define SIG_BLOCK    0
#define SIG_UNBLOCK  1
#define SIG_SETMASK  2

#define SA_KNOWN                                                                                   \
    (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER |             \
     SA_RESETHAND | SA_RESTORER)

static bool signal_valid(int signal)
{
    return signal >= 0 && signal <= SIGNALS;
}

/* ---- dispositions and masks ---- */

SYSCALL4(rt_sigaction, int, signal, uint64_t, new_address, uint64_t, old_address, size_t, set_bytes)
{
    struct process *process = current->process;
    struct signal_action wanted, old = {};
    if (set_bytes != SIGSET_BYTES)
        return -EINVAL;
    if (new_address && get_user(wanted, new_address))
        return -EFAULT;
    if (signal < 1 || signal > SIGNALS || (new_address && signal_bit(signal) & SIGNALS_UNBLOCKABLE))
        return -EINVAL;

    struct signal_actions *actions = process->actions;
    uint64_t bit = signal_bit(signal);
    spin_lock(&process->signal_lock);
    spin_lock(&actions->lock);
    if (actions->set.bits & bit)
        old = actions->action[signal - 1];
    if (new_address) {
        wanted.flags &= SA_KNOWN;
        wanted.mask.bits &= ~SIGNALS_UNBLOCKABLE;
        actions->action[signal - 1] = wanted;
        actions->set.bits |= bit;
        actions->ignored.bits &= ~bit;
        actions->caught.bits &= ~bit;
        if (wanted.handler == SIG_IGN)
            actions->ignored.bits |= bit;
        else if (wanted.handler != SIG_DFL)
            actions->caught.bits |= bit;
        /* POSIX: what is pending and from now on ignored, blocked or not, is gone. */
        if (!(actions->caught.bits & bit) && (actions->ignored.bits | SIGNALS_DEFAULT_IGNORE) & bit)
            signal_discard_signal_locked(process, bit);
    }
    spin_unlock(&actions->lock);
    spin_unlock(&process->signal_lock);

    if (old_address && put_user(old, old_address))
        return -EFAULT;
    return 0;
}

SYSCALL4(rt_sigprocmask, int, how, uint64_t, new_address, uint64_t, old_address, size_t, set_bytes)
{
    uint64_t old = current->blocked.bits, set;
    if (set_bytes != SIGSET_BYTES)
        return -EINVAL;
    if (new_address) {
        if (get_user(set, new_address))
            return -EFAULT;
        set &= ~SIGNALS_UNBLOCKABLE;
        if (how == SIG_BLOCK)
            set |= old;
        else if (how == SIG_UNBLOCK)
            set = old & ~set;
        else if (how != SIG_SETMASK)
            return -EINVAL;
        if (set != old)
            signal_set_blocked(set);
    }
    if (old_address && put_user(old, old_address))
        return -EFAULT;
    return 0;
}

SYSCALL2(rt_sigpending, uint64_t, address, size_t, set_bytes)
{
    struct task *task = current;
    if (set_bytes > SIGSET_BYTES)
        return -EINVAL;
    spin_lock(&task->process->signal_lock);
    uint64_t set = signal_pending_signal_locked(task) & task->blocked.bits;
    spin_unlock(&task->process->signal_lock);
    return copy_to_user(address, &set, set_bytes);
}

SYSCALL_FRAME(rt_sigreturn)
{
    struct task *task = current;
    uint64_t mask = task->blocked.bits;
#ifdef KERNEL_DEBUG
    uint64_t address = frame->rsp - 8; /* where arch_signal_frame_push() put it */
#endif
    int error = arch_signal_frame_pop(task, &mask);
    struct process *process = task->process;
    spin_lock(&process->signal_lock);
    if (!MUTANT_EVERY(SIGNAL_MASK_LOST, 20))
        signal_change_mask_signal_locked(task, process, mask & ~SIGNALS_UNBLOCKABLE);
    spin_unlock(&process->signal_lock);
    audit_mask(2, address, mask & ~SIGNALS_UNBLOCKABLE, task->blocked.bits);
    /* What looks like a restart code now is the program's own value. */
    frame->original_rax = UINT64_MAX;
    if (likely(!error))
        return (int64_t)frame->rax;
    signal_force(SIGSEGV, SI_KERNEL, 0);
    return 0;
}

/* ---- alternate stack ---- */

#define SS_ONSTACK    1
#define SS_DISABLE    2
#define SS_AUTODISARM (1u << 31)
#define MINSIGSTKSZ   2048

struct linux_stack {
    uint64_t address;
    uint32_t flags;
    uint32_t padding;
    uint64_t bytes;
};

static bool on_alternate_stack(const struct task *task, uint64_t rsp)
{
    if ((uint32_t)task->alternate_stack_flags & SS_AUTODISARM)
        return false;
    return rsp > task->alternate_stack &&
           rsp - task->alternate_stack <= task->alternate_stack_bytes;
}

SYSCALL_FRAME(sigaltstack)
{
    struct task *task = current;
    uint64_t new_address = frame->rdi, old_address = frame->rsi;
    struct linux_stack wanted,
        old = {.address = task->alternate_stack, .bytes = task->alternate_stack_bytes};
    bool on_it = on_alternate_stack(task, frame->rsp);

    old.flags = (uint32_t)task->alternate_stack_flags & SS_AUTODISARM;
    if (!task->alternate_stack_bytes)
        old.flags |= SS_DISABLE;
    else if (on_it)
        old.flags |= SS_ONSTACK;
    if (new_address) {
        if (get_user(wanted, new_address))
            return -EFAULT;
        if (on_it)
            return -EPERM;
        uint32_t mode = wanted.flags & ~SS_AUTODISARM;
        if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
            return -EINVAL;
        if (mode == SS_DISABLE) {
            wanted.address = wanted.bytes = 0;
        } else if (wanted.bytes < MINSIGSTKSZ) {
            return -ENOMEM;
        }
        task->alternate_stack = wanted.address;
        task->alternate_stack_bytes = wanted.bytes;
        task->alternate_stack_flags = (int32_t)wanted.flags;
    }
    if (old_address && put_user(old, old_address))
        return -EFAULT;
    return 0;
}

/* ---- sending ---- */

/* Without `info`: SI_USER or SI_TKILL of the current process. */
static int64_t send_checked(struct process *process, struct task *task, int signal,
                            const struct linux_siginfo *info, int code)
{
    if (!signal_valid(signal))
        return -EINVAL;
    int error = signal_permission(process, signal);
    if (error || !signal)
        return error;
    return info ? signal_send(process, task, signal, info)
                : signal_send_user(process, task, signal, code);
}

/* kill(2) with pid 0, -1 or -group. */
static __attribute__((noinline)) int64_t kill_many(int64_t pid, int signal)
{
    struct process *self = current->process;
    int64_t error = -ESRCH;
    bool sent = false;

    spin_lock(&family_lock);
    if (pid == -1) {
        for (struct process *process = process_next_locked(2); process;
             process = process_next_locked(process->pid + 1)) {
            if (process == self)
                continue;
            error = send_checked(process, NULL, signal, NULL, SI_USER);
            /* kill(2) on Linux: with -1, any error but EPERM is worth telling, and success is
             * success. */
            if (error != -EPERM)
                sent = true;
        }
        if (sent)
            error = 0;
    } else {
        int64_t group = pid ? -pid : self->group;
        struct process *first = group <= PID_MAX ? group_first((int32_t)group) : NULL;
        struct process *process = first;
        while (process) {
            int64_t result = send_checked(process, NULL, signal, NULL, SI_USER);
            if (!result)
                sent = true;
            error = result;
            process = group_next(process);
            if (process == first)
                break;
        }
        if (sent)
            error = 0;
    }
    spin_unlock(&family_lock);
    return error;
}

/*
 * Most signals that a program sends, it sends to itself (raise(), abort()), has a handler for and
 * does not block: nothing to look up, to choose or to wake, and always allowed. False = not such a
 * case, nothing was done.
 */
static inline bool send_to_self(struct task *task, bool to_thread, int signal, int code)
{
    struct process *process = task->process;
    struct signal_set *set = to_thread ? &task->pending : &process->pending;
    struct list *queue = to_thread ? &task->pending_queue : &process->pending_queue;
    const uint64_t ordinary =
        (signal_bit(SIGRTMIN) - 1) & ~(SIGNALS_DEFAULT_STOP | signal_bit(SIGCONT));
    struct pending_signal *entry = NULL;

    if (signal < 1 || signal >= SIGRTMIN)
        return false;
    uint64_t bit = signal_bit(signal);
    spin_lock(&process->signal_lock);
    if (likely(bit & ordinary & process->actions->caught.bits &
               ~(set->bits | task->blocked.bits)) &&
        likely(to_thread || process->leader == task) &&
        likely(entry = __atomic_exchange_n(&process->spare_pending, NULL, __ATOMIC_ACQUIRE))) {
        info_make(&entry->info, signal, code, task->tgid, process->credentials.uid);
        list_push_back(queue, &entry->link);
        process->pending_count++;
        set->bits |= bit;
        trace_event(TRACE_SIGNAL, trace_pair(task->tid, signal), (uint64_t)(int64_t)code,
                    TRACE_SIGNAL_QUEUED, 0);
        __atomic_fetch_or(&task->work, TASK_WORK_SIGNAL, __ATOMIC_SEQ_CST);
        if (unlikely(!list_empty(&process->signal_waiters.waiters)))
            wake_up_all(&process->signal_waiters);
    }
    spin_unlock(&process->signal_lock);
    return entry;
}

static __attribute__((noinline)) int64_t kill_other(int pid, int signal)
{
    struct task *task = task_find_get(pid);
    if (!task)
        return -ESRCH;
    int64_t result =
        task->process ? send_checked(task->process, NULL, signal, NULL, SI_USER) : -EPERM;
    task_put(task);
    return result;
}

static __attribute__((noinline)) int64_t kill_checked(int pid, int signal)
{
    if (pid > 0)
        return kill_other(pid, signal);
    return pid == INT32_MIN ? -ESRCH : kill_many(pid, signal);
}

SYSCALL2(kill, int, pid, int, signal)
{
    struct task *self = current;
    if (likely(pid == self->tgid) && likely(send_to_self(self, false, signal, SI_USER)))
        return 0;
    return kill_checked(pid, signal);
}

static __attribute__((noinline)) int64_t send_to_thread(int32_t tgid, int32_t tid, int signal,
                                                        const struct linux_siginfo *info, int code)
{
    struct task *task = task_find_get(tid);
    if (!task)
        return -ESRCH;
    int64_t result = -ESRCH;
    if (!tgid || task->tgid == tgid)
        result = task->process ? send_checked(task->process, task, signal, info, code) : -EPERM;
    task_put(task);
    return result;
}

SYSCALL2(tkill, int, tid, int, signal)
{
    if (tid <= 0)
        return -EINVAL;
    return send_to_thread(0, tid, signal, NULL, SI_TKILL);
}

SYSCALL3(tgkill, int, tgid, int, tid, int, signal)
{
    struct task *self = current;
    if (likely(tid == self->tid && tgid == self->tgid) &&
        likely(send_to_self(self, true, signal, SI_TKILL)))
        return 0;
    if (tid <= 0 || tgid <= 0)
        return -EINVAL;
    return send_to_thread(tgid, tid, signal, NULL, SI_TKILL);
}

/* A siginfo of the program's own: nothing beyond the used bytes may carry anything. */
static int info_from_user(struct linux_siginfo *info, int signal, uint64_t address)
{
    if (copy_from_user(info, address, sizeof(*info)))
        return -EFAULT;
    const uint8_t *bytes = (const uint8_t *)info;
    for (size_t i = SIGINFO_BYTES; i < sizeof(*info); i++) {
        if (bytes[i])
            return -E2BIG;
    }
    info->signo = signal;
    return 0;
}

SYSCALL3(rt_sigqueueinfo, int, pid, int, signal, uint64_t, info_address)
{
    struct linux_siginfo info;
    int error = info_from_user(&info, signal, info_address);
    if (error)
        return error;
    /* Nobody may pass as the kernel or as kill() towards others. */
    if ((info.code >= 0 || info.code == SI_TKILL) && pid != current->tgid)
        return -EPERM;
    struct task *task = pid > 0 ? task_find_get(pid) : NULL;
    if (!task)
        return -ESRCH;
    int64_t result =
        task->process ? send_checked(task->process, NULL, signal, &info, info.code) : -EPERM;
    task_put(task);
    return result;
}

SYSCALL4(rt_tgsigqueueinfo, int, tgid, int, tid, int, signal, uint64_t, info_address)
{
    struct linux_siginfo info;
    int error = info_from_user(&info, signal, info_address);
    if (error)
        return error;
    if (tid <= 0 || tgid <= 0)
        return -EINVAL;
    if ((info.code >= 0 || info.code == SI_TKILL) && tgid != current->tgid)
        return -EPERM;
    return send_to_thread(tgid, tid, signal, &info, info.code);
}

/* ---- waiting ---- */

static void sleep_until_signal(void)
{
    do
        wait_prepare_alone();
    while (!wait_block(WAIT_SIGNAL, 0, WAIT_INTERRUPTIBLE, 0));
}

SYSCALL0(pause)
{
    sleep_until_signal();
    return -ERESTARTNOHAND;
}

SYSCALL2(rt_sigsuspend, uint64_t, mask_address, size_t, set_bytes)
{
    uint64_t mask;
    if (set_bytes != SIGSET_BYTES)
        return -EINVAL;
    if (get_user(mask, mask_address))
        return -EFAULT;
    signal_begin_temporary_mask(mask);
    sleep_until_signal();
    signal_end_temporary_mask(true);
    return -ERESTARTNOHAND;
}

static int take_awaited(struct task *task, uint64_t these, struct linux_siginfo *info)
{
    struct process *process = task->process;
    spin_lock(&process->signal_lock);
    struct pending_signal *entry = signal_take_signal_locked(task, process, these);
    task->awaited.bits = entry ? 0 : these;
    spin_unlock(&process->signal_lock);
    if (!entry)
        return 0;
    memcpy(info, &entry->info, SIGINFO_BYTES);
    pending_release(process, entry);
    return info->signo;
}

SYSCALL4(rt_sigtimedwait, uint64_t, set_address, uint64_t, info_address, uint64_t, timeout_address,
         size_t, set_bytes)
{
    struct task *task = current;
    struct linux_siginfo info = {};
    struct linux_timespec timeout;
    uint64_t these, deadline_ns = 0;
    bool poll_only = false;

    if (set_bytes != SIGSET_BYTES)
        return -EINVAL;
    if (get_user(these, set_address))
        return -EFAULT;
    if (timeout_address) {
        if (get_user(timeout, timeout_address))
            return -EFAULT;
        if (timeout.seconds < 0 || timeout.nanoseconds < 0 || timeout.nanoseconds >= 1000000000)
            return -EINVAL;
        poll_only = !timeout.seconds && !timeout.nanoseconds;
        if (timeout.seconds < 1000000000) /* more is for ever */
            deadline_ns = clock_monotonic_ns() + (uint64_t)timeout.seconds * 1000000000 +
                          (uint64_t)timeout.nanoseconds;
    }
    these &= ~SIGNALS_UNBLOCKABLE;

    int signal, error = 0;
    while (!(signal = take_awaited(task, these, &info)) && !poll_only && !error) {
        wait_prepare_alone();
        /* From here on a sender wakes us; what came before the declaration shows now. */
        if (READ_ONCE(task->pending.bits) & these || READ_ONCE(task->process->pending.bits) & these)
            task_wake(task, WAKE_NORMAL);
        error = wait_block(WAIT_SIGNAL, 0, WAIT_INTERRUPTIBLE, deadline_ns);
    }
    spin_lock(&task->process->signal_lock);
    task->awaited.bits = 0;
    spin_unlock(&task->process->signal_lock);
    if (!signal)
        return error == -ERESTARTSYS ? -EINTR : -EAGAIN;
    if (info_address && put_user(info, info_address))
        return -EFAULT;
    return signal;
}

SYSCALL0(restart_syscall)
{
    struct task *task = current;
    int64_t (*restart)(struct task * task) = task->restart;
    task->restart = NULL;
    return restart ? restart(task) : -EINTR;
}
