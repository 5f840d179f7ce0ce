/*
 * unshare.c - unshare(2): a task gets its own copy of what clone's flags let it share. Namespaces
 * are kernel/namespace's.
 */
#include "kernel/fs/file.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/fs_context.h"
#include "kernel/ipc/sysv/sem.h"
#include "kernel/mm/address_space.h"
#include "kernel/namespace/nsproxy.h"
#include "kernel/process/internal.h"
#include "kernel/syscall/syscall.h"

#define UNSHARE_KNOWN                                                                              \
    (CLONE_THREAD | CLONE_FS | CLONE_SIGHAND | CLONE_VM | CLONE_FILES | CLONE_SYSVSEM |            \
     CLONE_NAMESPACES)

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

SYSCALL1(unshare, uint64_t, flags)
{
    struct task *task = current;
    struct fs_context *own_fs = NULL;
    struct nsproxy *own_namespaces = NULL;
    if (flags & ~UNSHARE_KNOWN)
        return -EINVAL;
    if (flags & CLONE_NEWUSER)
        flags |= CLONE_THREAD | CLONE_FS;
    if (flags & CLONE_VM)
        flags |= CLONE_SIGHAND;
    if (flags & CLONE_SIGHAND)
        flags |= CLONE_THREAD;
    if (flags & CLONE_NEWNS)
        flags |= CLONE_FS;
    int error = check_alone(flags);
    if (error)
        return error;
    if (flags & CLONE_NEWUSER)
        return -EPERM;
    if (flags & CLONE_NAMESPACES && !process_has_capability(task->process, CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & CLONE_FS && !(own_fs = fs_context_duplicate(task->fs)))
        return -ENOMEM;
    if (flags & CLONE_NAMESPACES)
        error = nsproxy_copy(task->namespaces, flags, own_fs ? own_fs : task->fs, &own_namespaces);
    if (!error && flags & CLONE_FILES)
        error = task_own_files(task);
    if (!error && own_fs) {
        struct fs_context *shared = task->fs;
        spin_lock(&task->process->parts_lock);
        task->fs = own_fs;
        spin_unlock(&task->process->parts_lock);
        own_fs = shared;
    }
    if (own_fs)
        fs_context_put(own_fs);
    if (!error && flags & (CLONE_SYSVSEM | CLONE_NEWIPC))
        sem_undo_leave(task);
    if (own_namespaces && !error)
        nsproxy_switch(own_namespaces);
    else if (own_namespaces)
        nsproxy_put(own_namespaces);
    return error;
}
