/*
 * pidfd.c - descriptors that stand for a process (pidfd_open(2)): readable once it has ended, and
 * never another process with the same number.
 *
 * Lifetime: a pidfd lives as long as its file and holds no reference to the process; the process
 * lists its pidfds, and whoever reaps it cuts them off. Lock: family_lock for the list and both
 * fields. The wait queue is the pidfd's own, so that a poller's registration outlives the process.
 */
#include "kernel/fs/file_table.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/proc/text.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/internal.h"
#include "kernel/syscall/syscall.h"
#include "kernel/token/process_gate.h"

struct pidfd {
    struct process *process; /* NULL: reaped */
    bool ended;              /* all of its threads are gone */
    struct list link;        /* process->pidfds */
    struct wait_queue waiters;
};

static uint32_t pidfd_poll(struct file *file, struct poll_table *table)
{
    struct pidfd *pidfd = file->private_data;
    poll_wait(table, &pidfd->waiters);
    return READ_ONCE(pidfd->ended) ? POLLIN | POLLRDNORM : 0;
}

static void pidfd_release(struct file *file)
{
    struct pidfd *pidfd = file->private_data;
    spin_lock(&family_lock);
    if (pidfd->process)
        list_remove(&pidfd->link);
    spin_unlock(&family_lock);
    kfree(pidfd);
}

/*
 * The process as that namespace numbers it, and as each one further in does: 0 where it has no number,
 * -1 once it is reaped. A process keeps its PID namespace until then.
 */
static void pidfd_show_details(struct file *file, struct proc_text *text,
                               const struct pid_namespace *namespace)
{
    struct pidfd *pidfd = file->private_data;
    int32_t global = 0;
    spin_lock(&family_lock);
    struct process *process = pidfd->process;
    if (process) {
        process_get(process);
        global = process->pid;
    }
    spin_unlock(&family_lock);

    int32_t seen = process ? pid_seen_in(namespace, global) : -1;
    text_print(text, "Pid:\t%d\nNSpid:\t%d", seen, seen);
    if (process && seen > 0) {
        const struct pid_namespace *inner = process->pid_namespace;
        for (uint32_t level = namespace->level + 1; level <= inner->level; level++)
            text_print(text, "\t%d", pid_seen_in(pid_namespace_at(inner, level), global));
    }
    text_print(text, "\n");
    if (process)
        process_put(process);
}

static const struct file_operations pidfd_operations = {
    .kind = "anon_inode:[pidfd]",
    .poll = pidfd_poll,
    .release = pidfd_release,
    .show_details = pidfd_show_details,
};

void pidfd_tell_ended_locked(struct process *process)
{
    struct pidfd *pidfd;
    list_for_each(pidfd, &process->pidfds, link)
    {
        WRITE_ONCE(pidfd->ended, true);
        wake_up_all(&pidfd->waiters);
    }
}

void pidfd_cut_off_locked(struct process *process)
{
    struct pidfd *pidfd, *following;
    list_for_each_safe(pidfd, following, &process->pidfds, link)
    {
        list_remove(&pidfd->link);
        pidfd->process = NULL;
    }
}

int pidfd_create(struct process *process, uint32_t flags)
{
    struct pidfd *pidfd = kmalloc(sizeof(*pidfd));
    struct inode *inode = pidfd ? anonymous_inode(0600, "pidfd") : NULL;
    struct file *file = NULL;
    if (inode) {
        wait_queue_init(&pidfd->waiters);
        list_init(&pidfd->link);
        pidfd->process = NULL;
        pidfd->ended = false;
        file = file_create(NULL, inode, O_RDWR | (flags & O_NONBLOCK), &pidfd_operations, pidfd);
        inode_put(inode);
    }
    if (!file) {
        kfree(pidfd);
        return -ENOMEM;
    }
    spin_lock(&family_lock);
    /* A process that is not in the tree yet (clone's) has neither parent nor end. */
    if (process->zombie || !process->pid || process_find_locked(process->pid) == process) {
        pidfd->process = process;
        pidfd->ended = process->zombie;
        list_push_back(&process->pidfds, &pidfd->link);
    } else {
        pidfd->ended = true; /* reaped since the caller found it */
    }
    spin_unlock(&family_lock);
    int fd = file_table_install(file, 0, true);
    if (fd < 0)
        file_put(file);
    return fd;
}

int pidfd_process_get(int fd, bool *ret_nonblocking, struct process **ret)
{
    struct file *file = file_table_find(fd);
    int error = -EBADF;
    if (!file)
        return error;
    if (file->operations == &pidfd_operations) {
        struct pidfd *pidfd = file->private_data;
        spin_lock(&family_lock);
        *ret = pidfd->process;
        error = *ret ? 0 : -ESRCH;
        if (!error)
            process_get(*ret);
        spin_unlock(&family_lock);
        if (ret_nonblocking)
            *ret_nonblocking = file->flags & O_NONBLOCK;
    }
    file_put(file);
    return error;
}

SYSCALL2(pidfd_open, int, pid, uint32_t, flags)
{
    if (flags & ~(uint32_t)O_NONBLOCK || pid <= 0)
        return -EINVAL;
    struct process *process = process_find_get(pid_meant(pid));
    if (!process) {
        struct task *task = task_find_get(pid_meant(pid));
        if (!task)
            return -ESRCH;
        task_put(task);
        return -EINVAL; /* a thread that leads no process */
    }
    int fd = process_allows(process, PROCESS_QUERY_LIMITED, true) ? pidfd_create(process, flags)
                                                                  : -EACCES;
    process_put(process);
    return fd;
}

bool process_may_take_from(struct process *process, uint32_t rights)
{
    const struct credentials *mine = &current->process->credentials,
                             *theirs = &process->credentials;
    bool allowed =
        process == current->process ||
        (mine->uid == theirs->uid && mine->uid == theirs->euid && mine->uid == theirs->suid) ||
        process_has_capability(current->process, CAP_SYS_PTRACE);
    return process_allows(process, rights, allowed);
}

SYSCALL3(pidfd_getfd, int, fd, int, target_fd, uint32_t, flags)
{
    struct process *process;
    if (flags)
        return -EINVAL;
    int error = pidfd_process_get(fd, NULL, &process);
    if (error)
        return error;
    struct file_table *table = NULL;
    struct file *file = NULL;
    if (!process_may_take_from(process, PROCESS_DUP_HANDLE)) {
        error = -EPERM;
    } else {
        struct task *leader = process_leader_get(process);
        if (leader) {
            table = task_files_get(leader);
            task_put(leader);
        }
        error = table ? 0 : -ESRCH;
    }
    process_put(process);
    if (table) {
        file = file_table_find_in(table, target_fd);
        file_table_put(table);
        error = file ? file_table_install(file, 0, true) : -EBADF;
        if (file && error < 0)
            file_put(file);
    }
    return error;
}
