/*
 * unshare.c - unshare(2): a task gets its own copy of what clone's flags let it share. Of namespaces
 * there are those of UTS (uts.h); asking for another is EINVAL, as on a kernel without them, or EPERM
 * first for whoever may not.
 */
#include "kernel/fs/file.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/fs_context.h"
#include "kernel/fs/proc/namespace.h"
#include "kernel/mm/address_space.h"
#include "kernel/process/internal.h"
#include "kernel/process/uts.h"
#include "kernel/syscall/syscall.h"

#define NAMESPACES                                                                                 \
    (CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWCGROUP | CLONE_NEWTIME)
#define UNSHARE_KNOWN                                                                              \
    (CLONE_NEWUTS | CLONE_THREAD | CLONE_FS | CLONE_SIGHAND | CLONE_VM | CLONE_FILES |             \
     CLONE_SYSVSEM | CLONE_NEWUSER | NAMESPACES)

/* What only a process of one thread that shares nothing may unshare: there it is a no-op. */
static int check_alone(uint64_t flags)
{
    struct process *process = current->process;
    if (flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM) && READ_ONCE(process->task_count) > 1)
        return -EINVAL;
    if (flags & (CLONE_SIGHAND | CLONE_VM) && READ_ONCE(process->actions->references) > 1)
        return -EINVAL;
    if (flags & CLONE_VM && READ_ONCE(current->address_space->object.references) > 1)
        return -EINVAL;
    return 0;
}

int task_own_files(struct task *task)
{
    struct file_table *shared = task->files;
    if (READ_ONCE(shared->references) == 1)
        return 0;
    struct file_table *own = file_table_duplicate(shared);
    if (!own)
        return -ENOMEM;
    spin_lock(&task->process->parts_lock);
    task->files = own;
    spin_unlock(&task->process->parts_lock);
    file_table_put(shared);
    return 0;
}

static int own_directories(struct task *task)
{
    struct fs_context *shared = task->fs;
    struct fs_context *own = fs_context_duplicate(shared);
    if (!own)
        return -ENOMEM;
    spin_lock(&task->process->parts_lock);
    task->fs = own;
    spin_unlock(&task->process->parts_lock);
    fs_context_put(shared);
    return 0;
}

SYSCALL1(unshare, uint64_t, flags)
{
    struct task *task = current;
    if (flags & ~UNSHARE_KNOWN)
        return -EINVAL;
    if (flags & CLONE_NEWUSER)
        flags |= CLONE_THREAD | CLONE_FS;
    if (flags & CLONE_VM)
        flags |= CLONE_SIGHAND;
    if (flags & CLONE_SIGHAND)
        flags |= CLONE_THREAD;
    int error = check_alone(flags);
    if (error)
        return error;
    if (flags & CLONE_NEWUSER)
        return -EPERM;
    if (flags & NAMESPACES)
        return process_has_capability(task->process, CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
    if (flags & CLONE_NEWUTS) {
        if (!process_has_capability(task->process, CAP_SYS_ADMIN))
            return -EPERM;
        if (READ_ONCE(task->process->task_count) > 1)
            return -EINVAL; /* names belong to whole processes here */
    }
    struct uts_namespace *uts = NULL;
    if (flags & CLONE_NEWUTS && !(uts = uts_duplicate(task->process->uts)))
        return -ENOMEM;
    if (flags & CLONE_FS)
        error = own_directories(task);
    if (!error && flags & CLONE_FILES)
        error = task_own_files(task);
    if (uts && !error)
        uts_enter(uts);
    else
        uts_put(uts);
    return error;
}

SYSCALL2(setns, int, fd, int, kind)
{
    struct file *file = file_table_find(fd);
    struct uts_namespace *uts;
    if (!file)
        return -EBADF;
    int64_t error = -EINVAL;
    if ((!kind || (uint32_t)kind == CLONE_NEWUTS) && proc_namespace_get(file->inode, &uts)) {
        error = 0;
        if (!process_has_capability(current->process, CAP_SYS_ADMIN))
            error = -EPERM;
        else if (READ_ONCE(current->process->task_count) > 1)
            error = -EINVAL;
        else
            uts_enter(uts);
        if (error)
            uts_put(uts);
    }
    file_put(file);
    return error;
}
