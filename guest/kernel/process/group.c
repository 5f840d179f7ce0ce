/*
 * group.c - process groups and sessions (POSIX.1, "General Terminal Interface"; setpgid(2),
 * setsid(2)). Lock: family_lock.
 */
#include "kernel/fs/tty/tty.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/internal.h"
#include "kernel/syscall/syscall.h"

SYSCALL2(setpgid, int, pid, int, group)
{
    struct process *self = current->process;
    if (pid < 0 || group < 0)
        return -EINVAL;
    pid = pid ? pid_meant(pid) : self->pid;
    group = group ? pid_meant(group) : pid;

    int64_t error = -ESRCH;
    spin_lock(&family_lock);
    struct process *target = process_find_locked(pid);
    if (!target || (target != self && target->parent != self))
        goto out; /* a thread's id is no process either: Linux says EINVAL there, POSIX ESRCH */
    error = -EPERM;
    if (target != self) {
        if (target->session != self->session)
            goto out;
        error = -EACCES;
        if (target->did_exec)
            goto out;
        error = -EPERM;
    }
    if (target->session == target->pid)
        goto out; /* a session leader stays where it is */
    if (group != target->pid) {
        struct process *member = group_first(group);
        if (!member || member->session != self->session)
            goto out;
    }
    error = 0;
    if (target->group != group) {
        group_leave_locked(target);
        group_join_locked(target, group);
    }
out:
    spin_unlock(&family_lock);
    return error;
}

static int64_t process_id_of(int pid, bool session)
{
    struct process *self = current->process;
    if (!pid)
        return pid_seen(session ? self->session : self->group);
    int64_t result = -ESRCH;
    spin_lock(&family_lock);
    struct task *task = task_find_locked(pid_meant(pid));
    if (task && task->process)
        result = pid_seen(session ? task->process->session : task->process->group);
    spin_unlock(&family_lock);
    return result;
}

SYSCALL1(getpgid, int, pid)
{
    return process_id_of(pid, false);
}

SYSCALL1(getsid, int, pid)
{
    return process_id_of(pid, true);
}

SYSCALL0(getpgrp)
{
    return pid_seen(current->process->group);
}

SYSCALL0(setsid)
{
    struct process *self = current->process;
    int64_t result = -EPERM;
    spin_lock(&family_lock);
    /* Neither a leader nor anybody who would find members in "its" group already. */
    if (self->session != self->pid && !group_first(self->pid)) {
        group_leave_locked(self);
        session_leave_locked(self);
        session_join_locked(self, self->pid);
        group_join_locked(self, self->pid);
        self->tty = NULL;
        result = current->seen_tgid;
    }
    spin_unlock(&family_lock);
    return result;
}

/* ---- who am I ---- */

SYSCALL0(getpid)
{
    return current->seen_tgid;
}

SYSCALL0(gettid)
{
    return current->seen_tid;
}

SYSCALL0(getppid)
{
    /*
     * Without family_lock: slots are never reused for another type, and a parent gives its children
     * away before its own slot is freed. If it is still the parent after the look, the pid was
     * right.
     */
    struct process *self = current->process;
    for (;;) {
        struct process *parent = READ_ONCE(self->parent);
        int32_t pid = READ_ONCE(parent->pid);
        compiler_barrier();
        if (likely(READ_ONCE(self->parent) == parent))
            return pid_seen(pid);
    }
}
