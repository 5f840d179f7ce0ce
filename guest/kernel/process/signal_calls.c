/*
 * signal_calls.c - the system calls about a task's own signals: dispositions, masks, waiting. Order
 * of checks and error numbers as the manual pages of section 2 give them. Sending is in kill.c.
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
     SA_RESETHAND | SA_RESTORER | SA_EXPOSE_TAGBITS)

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
