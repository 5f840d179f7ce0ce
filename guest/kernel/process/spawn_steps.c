/*
 * spawn_steps.c - what a spawned child has beside its memory: limits, descriptors, working
 * directory, signals, scheduling. See spawn_plan.h.
 *
 * Every entry of a list is read from the caller's memory once, then checked, then used.
 */
#include "kernel/fs/file_table.h"
#include "kernel/fs/fs_context.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/path.h"
#include "kernel/fs/tty/tty.h"
#include "kernel/namespace/nsproxy.h"
#include "kernel/process/spawn_plan.h"
#include "kernel/process/template.h"
#include "kernel/sched/parameters.h"
#include "kernel/syscall/syscall.h"

int spawn_limits(struct spawn_plan *plan)
{
    const struct spawn_arguments *wanted = &plan->wanted;
    plan->step = SPAWN_STEP_LIMIT;
    plan->index = 0;
    if (wanted->limit_count > SPAWN_LIMITS_MAX)
        return -E2BIG;
    for (; plan->index < wanted->limit_count; plan->index++) {
        struct spawn_limit limit;
        if (get_user(limit, wanted->limits + plan->index * sizeof(limit)))
            return -EFAULT;
        const struct rlimit value = {limit.soft, limit.hard};
        int error =
            limit.reserved ? -EINVAL : limits_change(plan->process, limit.resource, &value, NULL);
        if (error)
            return error;
    }
    return 0;
}

/* ---- descriptors ---- */

static int install_one(struct spawn_plan *plan, const struct spawn_fd *entry)
{
    if (entry->reserved || entry->flags & ~(uint32_t)SPAWN_FD_CLOSE_ON_EXEC)
        return -EINVAL;
    struct file *file = file_table_find(entry->from);
    if (!file)
        return -EBADF;
    uint64_t limit = process_limit(plan->process, RLIMIT_NOFILE);
    int error = file_table_install_at(plan->child->files, entry->to, file,
                                      entry->flags & SPAWN_FD_CLOSE_ON_EXEC,
                                      (uint32_t)min(limit, (uint64_t)INT32_MAX));
    file_put(file);
    return error == -EEXIST ? -EINVAL : error; /* two entries want the same one */
}

/* What no entry named: the template's own descriptors, or what the caller's program would have
 * after exec. */
static int inherit(struct spawn_plan *plan)
{
    struct file_table *source =
        plan->template ? task_files_get(plan->template->task) : current->files;
    struct file_table *copy = source ? file_table_duplicate(source) : NULL;
    int error = -ENOMEM;
    if (copy) {
        if (!plan->template)
            file_table_close_on_exec(copy);
        error = file_table_fill_from(plan->child->files, copy);
        file_table_put(copy);
    }
    if (plan->template && source)
        file_table_put(source);
    return error;
}

int spawn_files(struct spawn_plan *plan)
{
    const struct spawn_arguments *wanted = &plan->wanted;
    plan->step = SPAWN_STEP_FD;
    plan->index = 0;
    if (wanted->fd_count > SPAWN_FDS_MAX)
        return -E2BIG;
    plan->child->files = file_table_create();
    if (!plan->child->files)
        return -ENOMEM;
    for (; plan->index < wanted->fd_count; plan->index++) {
        struct spawn_fd entry;
        if (get_user(entry, wanted->fds + plan->index * sizeof(entry)))
            return -EFAULT;
        int error = install_one(plan, &entry);
        if (error)
            return error;
        if (plan->index % 64 == 63)
            preemption_point();
    }
    return plan->template || wanted->flags & SPAWN_INHERIT_FDS ? inherit(plan) : 0;
}

/* ---- working directory ---- */

/* Those that a child of whom it is made of would have. */
static int take_namespaces(struct spawn_plan *plan)
{
    if (!plan->template)
        return nsproxy_for_child(0, plan->child->fs, &plan->child->namespaces);
    plan->child->namespaces = nsproxy_of_task(plan->template->task);
    return plan->child->namespaces ? 0 : -ESRCH;
}

int spawn_directory(struct spawn_plan *plan)
{
    const struct spawn_arguments *wanted = &plan->wanted;
    plan->step = SPAWN_STEP_DIRECTORY;
    plan->index = 0;
    struct fs_context *source = plan->template ? task_fs_get(plan->template->task) : current->fs;
    plan->child->fs = source ? fs_context_duplicate(source) : NULL;
    if (plan->template && source)
        fs_context_put(source);
    if (!plan->child->fs)
        return -ENOMEM;
    int error = take_namespaces(plan);
    if (error)
        return error;
    if (!(wanted->flags & SPAWN_SET_DIRECTORY))
        return 0;
    struct path directory;
    error = wanted->directory
                ? path_lookup_user(wanted->directory_fd, wanted->directory,
                                   PATH_FOLLOW | PATH_DIRECTORY, &directory)
                : path_lookup(wanted->directory_fd, "", PATH_EMPTY | PATH_DIRECTORY, &directory);
    if (error)
        return error;
    error = inode_permission(directory.dentry->inode, 1);
    if (error)
        path_put(&directory);
    else
        fs_context_replace_cwd_of(plan->child->fs, &directory);
    return error;
}

int spawn_terminal(struct spawn_plan *plan)
{
    const struct spawn_arguments *wanted = &plan->wanted;
    if (!(wanted->flags & SPAWN_SET_TERMINAL))
        return 0;
    plan->step = SPAWN_STEP_TERMINAL;
    plan->index = 0;
    if (!(wanted->flags & SPAWN_NEW_SESSION))
        return -EINVAL;
    /* The table has no other holder: nobody takes the file away. */
    struct file *file = file_table_at(plan->child->files, wanted->terminal_fd);
    if (!file)
        return -EBADF;
    if (file->operations != &tty_file_operations)
        return -ENOTTY;
    if (!file_readable(file) && !process_has_capability(current->process, CAP_SYS_ADMIN))
        return -EPERM;
    plan->tty = file->private_data;
    return 0;
}

/* ---- signals and scheduling ---- */

int spawn_signals(struct spawn_plan *plan)
{
    const struct spawn_arguments *wanted = &plan->wanted;
    const struct task *from = plan->template ? plan->template->task : current;
    struct task *child = plan->child;
    plan->step = SPAWN_STEP_SIGNALS;
    plan->index = 0;
    if (wanted->exit_signal > SIGNALS)
        return -EINVAL;
    child->exit_signal = (int32_t)wanted->exit_signal;
    child->blocked = from->blocked;
    if (wanted->flags & SPAWN_SET_MASK)
        child->blocked.bits = wanted->signal_mask & ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP));
    /* The actions are the child's alone until it is published. */
    struct signal_actions *actions = plan->process->actions;
    actions->set.bits &= ~wanted->signal_default;
    actions->ignored.bits &= ~wanted->signal_default;
    actions->caught.bits &= ~wanted->signal_default;
    return 0;
}

int spawn_scheduling(struct spawn_plan *plan)
{
    const struct spawn_arguments *wanted = &plan->wanted;
    const struct task *from = plan->template ? plan->template->task : current;
    struct task *child = plan->child;
    plan->step = SPAWN_STEP_SCHEDULING;
    uint32_t policy = wanted->flags & SPAWN_SET_POLICY ? wanted->policy : from->policy;
    int nice = wanted->flags & SPAWN_SET_NICE ? wanted->nice : from->nice;
    plan->index = 1;
    if (nice < from->nice && !process_has_capability(current->process, CAP_SYS_NICE))
        return -EACCES;
    if (nice < -20 || nice > 19)
        return -EINVAL;
    plan->index = 0;
    if (policy || nice) {
        struct sched_parameters parameters = {.policy = policy, .nice = nice};
        int error = sched_parameters_check(&parameters);
        if (!error)
            error = task_set_parameters(child, &parameters);
        if (error)
            return error;
    }
    plan->index = 2;
    child->affinity = from->affinity;
    child->timer_slack_ns = from->timer_slack_ns;
    child->io_priority = from->io_priority;
    if (wanted->flags & SPAWN_SET_AFFINITY) {
        unsigned count = cpu_count();
        child->affinity = wanted->affinity & (count == 64 ? UINT64_MAX : (1ull << count) - 1);
        if (!child->affinity)
            return -EINVAL;
    }
    return 0;
}
