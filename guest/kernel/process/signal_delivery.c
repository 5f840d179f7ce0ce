/*
 * signal_delivery.c - on the way back to user mode: what the program gets to see of its signals,
 * and what becomes of the system call that they interrupted (signal(7), "Interruption of system
 * calls").
 *
 * Runs as the task itself, no lock held on entry.
 */
#include "arch/user_access.h"
#include "kernel/lib/errno.h"
#include "kernel/observe/audit.h"
#include "kernel/observe/trace.h"
#include "kernel/process/ptrace.h"
#include "kernel/process/signal_queue.h"

#define NR_RESTART_SYSCALL 219
#define NO_SYSTEM_CALL     UINT64_MAX

/* The process ends, or a sibling's exec wants this thread gone. */
static _Noreturn void leave(struct task *task)
{
    struct process *process = task->process;
    spin_lock(&process->signal_lock);
    uint32_t status = process->exit_status;
    int signal = (int)(status & 0x7f);
    bool report = process->exiting && signal && !process->deadly_reported;
    if (report)
        process->deadly_reported = true;
    spin_unlock(&process->signal_lock);
    if (report)
        trace_event(TRACE_SIGNAL, trace_pair(task->tid, signal), 0, TRACE_SIGNAL_DEADLY, 0);
    process_exit_group(status);
}

/* A handler will run: an interrupted call fails or is made again after the handler. */
static inline void settle_call_before_handler(struct trap_frame *frame,
                                              const struct signal_action *action)
{
    /* Without a system call, original_rax is NO_SYSTEM_CALL, and rax whatever the program had in
     * it. */
    if (likely(frame->rax + ERESTART_RESTARTBLOCK > ERESTART_RESTARTBLOCK - ERESTARTSYS) ||
        frame->original_rax == NO_SYSTEM_CALL) {
        frame->original_rax = NO_SYSTEM_CALL;
        return;
    }
    switch ((int64_t)frame->rax) {
    case -ERESTARTSYS:
        if (!(action->flags & SA_RESTART)) {
            frame->rax = (uint64_t)-EINTR;
            break;
        }
        /* fall through */
    case -ERESTARTNOINTR:
        arch_restart_system_call(frame, frame->original_rax);
        break;
    case -ERESTARTNOHAND:
    case -ERESTART_RESTARTBLOCK:
        frame->rax = (uint64_t)-EINTR;
        break;
    default:
        break;
    }
    frame->original_rax = NO_SYSTEM_CALL;
}

static void settle_call_without_handler(struct trap_frame *frame)
{
    if (frame->original_rax == NO_SYSTEM_CALL)
        return;
    switch ((int64_t)frame->rax) {
    case -ERESTARTSYS:
    case -ERESTARTNOINTR:
    case -ERESTARTNOHAND:
        arch_restart_system_call(frame, frame->original_rax);
        frame->original_rax = NO_SYSTEM_CALL;
        break;
    case -ERESTART_RESTARTBLOCK:
        arch_restart_system_call(frame, NR_RESTART_SYSCALL);
        frame->original_rax = NO_SYSTEM_CALL;
        break;
    default:
        break;
    }
}

/* The frame could not be written, or cannot lead anywhere. */
static __attribute__((noinline)) void fail_handler(struct process *process, int signal,
                                                   uint64_t saved)
{
    if (signal == SIGSEGV) {
        /* No stack to report it on: nothing but the default action is left. */
        spin_lock(&process->signal_lock);
        spin_lock(&process->actions->lock);
        process->actions->set.bits &= ~signal_bit(SIGSEGV);
        process->actions->caught.bits &= ~signal_bit(SIGSEGV);
        spin_unlock(&process->actions->lock);
        spin_unlock(&process->signal_lock);
    }
    signal_set_blocked(saved);
    signal_force(SIGSEGV, SI_KERNEL, 0);
}

/* No handler: the default action, or none. The signal_lock is held and given up, the entry
 * released. */
static __attribute__((noinline)) void deliver_uncaught(struct task *task, int signal,
                                                       struct pending_signal *entry)
{
    struct process *process = task->process;
    uint64_t bit = signal_bit(signal), code = (uint64_t)(int64_t)entry->info.code;
    bool ignored = (process->actions->ignored.bits | SIGNALS_DEFAULT_IGNORE) & bit ||
                   (process->unkillable && !(bit & SIGNALS_UNBLOCKABLE));
    bool stops = bit & SIGNALS_DEFAULT_STOP && !ignored;

    if (stops)
        process->stop_dequeued = true;
    signal_recheck_signal_locked(task);
    spin_unlock(&process->signal_lock);
    pending_release(process, entry);
    if (ignored)
        return;
    if (stops) {
        trace_event(TRACE_SIGNAL, trace_pair(task->tid, signal), code, TRACE_SIGNAL_STOP, 0);
        signal_stop_begin(signal, signal != SIGSTOP);
        return;
    }
    trace_event(TRACE_SIGNAL, trace_pair(task->tid, signal), code, TRACE_SIGNAL_DEADLY, 0);
    process->deadly_reported = true;
    process_exit_group((uint32_t)signal);
}

/*
 * A signal that was taken is the tracer's to see first. What it makes of it, an entry that belongs
 * to nobody; NULL = nothing. signal_lock is held, and given up meanwhile.
 */
static __attribute__((noinline)) struct pending_signal *
ask_tracer(struct task *task, struct process *process, struct pending_signal *entry)
{
    struct pending_signal *given = &task->tracee->given; /* there until its task lets go of it */

    signal_recheck_signal_locked(task);
    spin_unlock(&process->signal_lock);
    __builtin_memset(given, 0, sizeof(*given));
    __builtin_memcpy(&given->info, &entry->info, SIGINFO_BYTES);
    pending_release(process, entry);
    bool passes = ptrace_signal(task, &given->info);
    spin_lock(&process->signal_lock);
    return passes ? given : NULL;
}

/* One signal, if there is one: its default action (false), or a frame for its handler (true). */
static inline bool deliver_one(struct task *task, struct trap_frame *frame)
{
    struct process *process = task->process;

    spin_lock(&process->signal_lock);
    task_clear_work(task, TASK_WORK_SIGNAL);
    struct pending_signal *entry = signal_take_signal_locked(task, process, ~task->blocked.bits);
    if (unlikely(task_is_traced(task)) && entry)
        entry = ask_tracer(task, process, entry);
    if (unlikely(!entry)) {
        spin_unlock(&process->signal_lock);
        return false;
    }
    int signal = entry->info.signo;
    uint64_t bit = signal_bit(signal);
    struct signal_actions *actions = process->actions;
    spin_lock(&actions->lock);
    if (unlikely(!(actions->caught.bits & bit))) {
        spin_unlock(&actions->lock);
        deliver_uncaught(task, signal, entry);
        return false;
    }
    struct signal_action *set = &actions->action[(unsigned)signal - 1], action = *set;
    if (unlikely(action.flags & SA_RESETHAND)) {
        actions->caught.bits &= ~bit;
        set->handler = SIG_DFL;
    }
    spin_unlock(&actions->lock);

    /* The mask that the handler's return restores; and the one while it runs, from now on. */
    uint64_t saved = task->blocked.bits;
    uint64_t blocked = saved | action.mask.bits | (action.flags & SA_NODEFER ? 0 : bit);
    if (unlikely(task->restore_saved_mask)) {
        saved = task->saved_mask.bits;
        task->restore_saved_mask = false;
    }
    signal_change_mask_signal_locked(task, process, blocked);
    spin_unlock(&process->signal_lock);

    settle_call_before_handler(frame, &action);
    if (unlikely(arch_signal_frame_push(task, &entry->info, &action, saved)))
        fail_handler(process, signal, saved);
    else
        trace_event(TRACE_SIGNAL, trace_pair(task->tid, signal),
                    (uint64_t)(int64_t)entry->info.code, TRACE_SIGNAL_HANDLER, 0);
    audit_mask(1, frame->rsp, saved, task->blocked.bits);
    if (likely(entry->link.next))
        pending_release(process, entry);
    else if (task_is_traced(task)) /* only nobody's entries come from a tracer */
        ptrace_step_over(task);
    return true;
}

/* CLONE_CHILD_SETTID is the child's own first act: only its memory may show it. */
static __attribute__((noinline)) void show_tid(struct task *task)
{
    int32_t tid = task->seen_tid;
    uint64_t address = task->set_child_tid;
    task->set_child_tid = 0;
    copy_to_user(address, &tid, sizeof(tid));
}

/* All work but a signal alone. True = look again; false = there is no more, and no handler will
 * run. */
static __attribute__((noinline)) bool settle_work(struct task *task, struct trap_frame *frame)
{
    struct process *process = task->process;
    uint32_t work = READ_ONCE(task->work);

    if (task->flags & TASK_KERNEL_THREAD) {
        task_clear_work(task, TASK_WORK_SIGNAL | TASK_WORK_STOP | TASK_WORK_EXIT | TASK_WORK_HOLD);
        return false;
    }
    if (task->set_child_tid)
        show_tid(task);
    if (work & TASK_WORK_EXIT)
        leave(task);
    if (work & TASK_WORK_HOLD) {
        task_park_held();
        return true;
    }
    if ((work & TASK_WORK_TRACE || task_is_traced(task)) && ptrace_work(task))
        return true;
    if (READ_ONCE(process->continue_notice))
        signal_tell_continued(process);
    if (work & TASK_WORK_STOP) {
        signal_stop_take_part();
        return true;
    }
    if (work & TASK_WORK_SIGNAL)
        return true;
    settle_call_without_handler(frame);
    if (likely(!task->restore_saved_mask))
        return false;
    task->restore_saved_mask = false;
    signal_set_blocked(task->saved_mask.bits);
    return true;
}

static inline bool only_a_signal(const struct task *task)
{
    return (READ_ONCE(task->work) & (TASK_WORK_SIGNAL | TASK_WORK_STOP | TASK_WORK_EXIT |
                                     TASK_WORK_HOLD | TASK_WORK_TRACE)) == TASK_WORK_SIGNAL &&
           !task->set_child_tid && !(task->flags & TASK_KERNEL_THREAD) &&
           !READ_ONCE(task->process->continue_notice);
}

/*
 * Not inlined, because trap.c comes here from a path that mostly has little to do. After a
 * handler's frame there is nothing left to settle; if there are more signals, trap.c comes again.
 */
__attribute__((noinline)) void signal_deliver(struct trap_frame *frame)
{
    struct task *task = current;
    do {
        if (likely(only_a_signal(task)) && likely(deliver_one(task, frame)))
            return;
    } while (settle_work(task, frame));
}
