/*
 * spawn_call.c - spawn(): a child with its program in one call (docs/spawn.md). All or nothing: the
 * child is made in private (spawn_plan.h), and the last step, which checks what depends on others
 * under family_lock, makes it visible. A failure before that undoes what was done, and says which
 * step it was.
 */
#include "kernel/fs/file_table.h"
#include "kernel/fs/tty/tty.h"
#include "kernel/namespace/nsproxy.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/observe/trace.h"
#include "kernel/process/spawn_plan.h"
#include "kernel/process/template.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/cpu_timer.h"
#include "shared/token.h"

_Static_assert(sizeof(struct spawn_arguments) == SPAWN_ARGUMENTS_VER0, "as programs know it");

static int check_request(struct spawn_plan *plan)
{
    const struct spawn_arguments *wanted = &plan->wanted;
    plan->step = SPAWN_STEP_REQUEST;
    if (wanted->flags & ~(uint64_t)SPAWN_FLAGS)
        return -EINVAL;
    if (wanted->flags & SPAWN_SET_GROUP && (wanted->group < 0 || wanted->flags & SPAWN_NEW_SESSION))
        return -EINVAL;
    if (wanted->flags & SPAWN_PIDFD && !wanted->result)
        return -EINVAL;
    if (wanted->flags & SPAWN_FROM_TEMPLATE) {
        if (wanted->program || wanted->arguments || wanted->environment)
            return -EINVAL;
        return wanted->flags & SPAWN_INHERIT_FDS ? -EINVAL : 0;
    }
    return wanted->message || wanted->message_bytes ? -EINVAL : 0;
}

static int make_process(struct spawn_plan *plan)
{
    plan->step = SPAWN_STEP_TEMPLATE;
    if (plan->wanted.flags & SPAWN_FROM_TEMPLATE) {
        int error = template_get(plan->wanted.template_fd, &plan->template);
        if (error)
            return error;
    }
    plan->step = SPAWN_STEP_PROCESS;
    uint32_t mitigations = READ_ONCE(current->process->mitigations);
    if (mitigations & MITIGATION_NO_CHILD)
        return -EPERM;
    struct process *from = plan->template ? plan->template->process : current->process;
    plan->child = task_create(true);
    if (!plan->child)
        return -ENOMEM;
    object_write_begin(&plan->child->object); /* until it has a tid and a place */
    plan->process = process_duplicate(from, plan->template ? 0 : CLONE_CLEAR_SIGHAND);
    if (!plan->process)
        return -ENOMEM;
    plan->process->mitigations |= mitigations;
    return process_too_many_tasks(plan->process) ? -EAGAIN : 0;
}

/* The child's namespaces are known; it may be in the caller's PID namespace or below. */
static int make_numbers(struct spawn_plan *plan)
{
    struct pid_namespace *namespace = pid_namespace_of(plan->child->namespaces->of[NAMESPACE_PID]);
    if (likely(namespace == &initial_pid_namespace && namespace == pid_namespace_own()))
        return 0;
    plan->step = SPAWN_STEP_TEMPLATE;
    if (!pid_namespace_within(namespace, pid_namespace_own()))
        return -EINVAL; /* the caller could not see the copy's number */
    plan->step = SPAWN_STEP_PROCESS;
    plan->numbers = pid_numbers_create(namespace);
    return plan->numbers ? 0 : -ENOMEM;
}

static int make_pidfd(struct spawn_plan *plan)
{
    struct spawn_result result = {.pidfd = -1};
    plan->step = SPAWN_STEP_PIDFD;
    plan->index = 0;
    if (plan->wanted.flags & SPAWN_PIDFD) {
        plan->pidfd = pidfd_create(plan->process, 0);
        if (plan->pidfd < 0)
            return plan->pidfd;
        result.pidfd = plan->pidfd;
    }
    plan->step = SPAWN_STEP_RESULT;
    return plan->wanted.result ? put_user(result, plan->wanted.result) : 0;
}

/* Group and session of the child; family_lock held. */
static int place_locked(struct spawn_plan *plan, int32_t *ret_group, int32_t *ret_session)
{
    const struct process *self = current->process;
    const struct spawn_arguments *wanted = &plan->wanted;
    *ret_group = self->group;
    *ret_session = self->session;
    if (wanted->flags & SPAWN_NEW_SESSION) {
        *ret_group = *ret_session = 0;
        plan->step = SPAWN_STEP_TERMINAL;
        return plan->tty ? tty_may_control_locked(plan->tty) : 0;
    }
    plan->step = SPAWN_STEP_GROUP;
    if (wanted->flags & SPAWN_SET_GROUP) {
        *ret_group = wanted->group ? pid_meant(wanted->group) : 0;
        const struct process *member = wanted->group ? group_first(*ret_group) : self;
        if (!member || member->session != self->session)
            return -EPERM;
    }
    return 0;
}

/* The child becomes a process, or nothing has happened. */
static int publish(struct spawn_plan *plan)
{
    struct task *self = current, *child = plan->child;
    struct process *parent = self->process, *process = plan->process;
    int32_t group, session;
    int error = 0;

    spin_lock(&family_lock);
    /* As in process_clone(): what comes to the group or the process comes before, or to both. */
    if (unlikely(task_interrupted(self) || READ_ONCE(self->work) & TASK_WORK_HOLD))
        error = -ERESTARTNOINTR;
    if (!error)
        error = place_locked(plan, &group, &session);
    if (!error) {
        plan->step = SPAWN_STEP_START;
        error = process_take_numbers_locked(child, plan->numbers, NULL, 0);
    }
    if (error) {
        spin_unlock(&family_lock);
        return error;
    }
    task_get(child); /* for the PID table */
    process->creator_tid = self->tid;
    process->tty = session ? parent->tty : NULL;
    /* NOLINTNEXTLINE(readability-suspicious-call-argument): the caller is the parent */
    process_join_family_locked(process, child, parent, group, session);
    if (unlikely(plan->numbers != NULL)) {
        pid_namespace_joined_locked(plan->numbers->namespace, process);
        plan->numbers = NULL; /* the number has them */
    }
    if (plan->tty)
        tty_make_controlling_locked(plan->tty, process);
    object_publish(&process->object);
    object_write_end(&child->object);
    if (plan->template)
        plan->template->process->template_copies++;
    trace_event(TRACE_FORK, trace_pair(child->tid, child->tgid), (uint64_t)child->exit_signal, 1,
                0);
    spin_unlock(&family_lock);
    return 0;
}

static int make_child(struct spawn_plan *plan)
{
    int error = check_request(plan);
    if (!error)
        error = make_process(plan);
    if (!error)
        error = spawn_limits(plan);
    if (!error)
        error = spawn_files(plan);
    if (!error)
        error = spawn_directory(plan);
    if (!error)
        error = plan->template ? spawn_copy(plan) : spawn_program(plan);
    if (!error)
        error = spawn_signals(plan);
    if (!error)
        error = spawn_scheduling(plan);
    if (!error)
        error = spawn_terminal(plan);
    if (!error)
        error = make_numbers(plan);
    if (!error)
        error = make_pidfd(plan);
    return error ? error : publish(plan);
}

static void undo(struct spawn_plan *plan)
{
    if (plan->pidfd >= 0) {
        spin_lock(&family_lock);
        pidfd_cut_off_locked(plan->process);
        spin_unlock(&family_lock);
        file_table_close(plan->pidfd);
    }
    if (plan->numbers)
        pid_numbers_discard(plan->numbers);
    if (plan->child)
        task_drop_parts(plan->child);
    if (plan->process) {
        cpu_watch_end(plan->process);
        process_put(plan->process);
    }
    if (plan->child)
        task_put(plan->child);
}

SYSCALL2(spawn, uint64_t, address, size_t, size)
{
    struct spawn_plan plan = {.pidfd = -1};
    int error =
        struct_from_user(&plan.wanted, sizeof(plan.wanted), address, size, SPAWN_ARGUMENTS_VER0);
    if (error)
        return error;
    error = make_child(&plan);
    int64_t pid = error ? error : pid_seen(plan.child->tid);
    if (error)
        undo(&plan);
    else
        task_start(plan.child, current);
    if (plan.template)
        template_put(plan.template);
    if (error && error != -ERESTARTNOINTR && plan.wanted.result) {
        struct spawn_result result = {-error, plan.step, plan.index, -1};
        if (put_user(result, plan.wanted.result))
            return -EFAULT;
    }
    return pid;
}
