/*
 * signal_delivery.c - on the way back to user mode: what the program gets to see of its signals, and what
 * becomes of the system call that they interrupted (signal(7), "Interruption of system calls").
 *
 * Runs as the task itself, no lock held on entry.
 */
#include "arch/user_access.h"
#include "kernel/lib/errno.h"
#include "kernel/observe/trace.h"
#include "kernel/process/internal.h"

#define NR_RESTART_SYSCALL 219
#define NO_SYSTEM_CALL UINT64_MAX

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
static void settle_call_before_handler(struct trap_frame *frame, const struct signal_action *action)
{
    if (frame->original_rax == NO_SYSTEM_CALL)
        return;
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

/* The mask during the handler is set already; `saved` is the one that its return restores. */
static void run_handler(struct task *task, struct trap_frame *frame, int signal, const struct signal_action *action,
                        const struct pending_signal *pending, uint64_t saved)
{
    struct process *process = task->process;

    settle_call_before_handler(frame, action);
    if (unlikely(arch_signal_frame_push(task, pending, action, saved))) {
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
        return;
    }
    trace_event(TRACE_SIGNAL, trace_pair(task->tid, signal), (uint64_t)(int64_t)pending->info.code,
                TRACE_SIGNAL_HANDLER, 0);
}

/* One signal, if there is one: its default action, or a frame for its handler. */
static void deliver_one(struct task *task, struct trap_frame *frame)
{
    struct process *process = task->process;
    struct pending_signal pending;
    struct signal_action action;
    uint64_t saved = 0;
    bool caught = false;

    spin_lock(&process->signal_lock);
    task_clear_work(task, TASK_WORK_SIGNAL);
    int signal = signal_take_signal_locked(task, ~task->blocked.bits, &pending.info);
    if (!signal) {
        spin_unlock(&process->signal_lock);
        return;
    }
    uint64_t bit = signal_bit(signal);
    struct signal_actions *actions = process->actions;
    bool ignored = actions->ignored.bits & bit;
    if (actions->caught.bits & bit) {
        spin_lock(&actions->lock);
        if (likely(actions->caught.bits & bit)) {
            caught = true;
            action = actions->action[signal - 1];
            if (action.flags & SA_RESETHAND) {
                actions->caught.bits &= ~bit;
                actions->action[signal - 1].handler = SIG_DFL;
            }
        }
        spin_unlock(&actions->lock);
    }
    if (caught) {
        saved = task->restore_saved_mask ? task->saved_mask.bits : task->blocked.bits;
        task->restore_saved_mask = false;
        uint64_t more = (action.mask.bits | (action.flags & SA_NODEFER ? 0 : bit)) & ~SIGNALS_UNBLOCKABLE;
        uint64_t newly_blocked = more & ~task->blocked.bits;
        task->blocked.bits |= more;
        if (unlikely(process->pending.bits & newly_blocked))
            signal_retarget_signal_locked(task);
    } else if (bit & SIGNALS_DEFAULT_STOP && !ignored) {
        process->stop_dequeued = true;
    }
    signal_recheck_signal_locked(task);
    spin_unlock(&process->signal_lock);

    if (caught) {
        run_handler(task, frame, signal, &action, &pending, saved);
        return;
    }
    if (ignored || bit & SIGNALS_DEFAULT_IGNORE)
        return;
    if (bit & SIGNALS_DEFAULT_STOP) {
        trace_event(TRACE_SIGNAL, trace_pair(task->tid, signal), (uint64_t)(int64_t)pending.info.code,
                    TRACE_SIGNAL_STOP, 0);
        signal_stop_begin(signal, signal != SIGSTOP);
        return;
    }
    trace_event(TRACE_SIGNAL, trace_pair(task->tid, signal), (uint64_t)(int64_t)pending.info.code,
                TRACE_SIGNAL_DEADLY, 0);
    process->deadly_reported = true;
    process_exit_group((uint32_t)signal);
}

void signal_deliver(struct trap_frame *frame)
{
    struct task *task = current;
    struct process *process = task->process;
    const uint32_t ours = TASK_WORK_SIGNAL | TASK_WORK_STOP | TASK_WORK_EXIT;

    if (!process || task->flags & TASK_KERNEL_THREAD) {
        task_clear_work(task, ours);
        return;
    }
    if (unlikely(task->set_child_tid)) {
        /* CLONE_CHILD_SETTID is the child's own first act: only its memory may show it. */
        int32_t tid = task->tid;
        uint64_t address = task->set_child_tid;
        task->set_child_tid = 0;
        copy_to_user(address, &tid, sizeof(tid));
    }
    for (;;) {
        uint32_t work = READ_ONCE(task->work) & ours;
        if (work & TASK_WORK_EXIT)
            leave(task);
        if (unlikely(READ_ONCE(process->continue_notice)))
            signal_tell_continued(process);
        if (work & TASK_WORK_STOP) {
            signal_stop_take_part();
        } else if (work & TASK_WORK_SIGNAL) {
            deliver_one(task, frame);
        } else {
            settle_call_without_handler(frame);
            if (likely(!task->restore_saved_mask))
                return;
            task->restore_saved_mask = false;
            signal_set_blocked(task->saved_mask.bits);
        }
    }
}
