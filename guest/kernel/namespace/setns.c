/*
 * kernel/namespace/setns.c - setns(2): the current task enters a namespace that a file of
 * /proc/PID/ns stands for, or those of a process that a pidfd stands for.
 */
#include "kernel/fs/file.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/proc/namespace.h"
#include "kernel/namespace/nsproxy.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/clone_flags.h"
#include "kernel/process/internal.h"
#include "kernel/syscall/syscall.h"

/* One step; takes over the reference, also on failure. */
static int enter(struct nsproxy *proxy, struct namespace *namespace)
{
    int error = process_has_capability(current->process, CAP_SYS_ADMIN) ? 0 : -EPERM;
    if (namespace->type->kind == NAMESPACE_USER)
        error = -EINVAL; /* everybody is in it already */
    if (!error && namespace->type->may_enter)
        error = namespace->type->may_enter(proxy, namespace);
    if (error)
        namespace_put(namespace);
    else
        nsproxy_replace(proxy, namespace);
    return error;
}

/* Which namespaces of another process are meant: all steps, or none (the proxy is dropped then). */
static int enter_those_of(struct nsproxy *proxy, int fd, uint64_t flags)
{
    struct process *process;
    int error = pidfd_process_get(fd, NULL, &process);
    if (error)
        return error == -EBADF ? -EINVAL : error;
    struct nsproxy *other = NULL;
    if (!flags || flags & ~CLONE_NAMESPACES) {
        error = -EINVAL;
    } else {
        struct task *leader = process_leader_get(process);
        if (leader) {
            other = nsproxy_of_task(leader);
            task_put(leader);
        }
        error = other ? 0 : -ESRCH;
    }
    for (unsigned kind = 0; !error && kind < NAMESPACE_KINDS; kind++) {
        struct namespace *one =
            kind == NAMESPACE_PID ? &process->pid_namespace->head : other->of[kind];
        if (!(flags & one->type->clone_flag))
            continue;
        namespace_get(one);
        error = enter(proxy, one);
    }
    if (other)
        nsproxy_put(other);
    process_put(process);
    return error;
}

SYSCALL2(setns, int, fd, int, kinds)
{
    uint64_t flags = (uint32_t)kinds;
    struct file *file = file_table_find(fd);
    struct namespace *namespace = NULL;
    struct nsproxy *proxy = NULL;
    if (!file)
        return -EBADF;
    int error = nsproxy_copy(current->namespaces, 0, NULL, &proxy);
    if (!error && proc_namespace_get(file->inode, &namespace)) {
        if (flags && flags != namespace->type->clone_flag) {
            namespace_put(namespace);
            error = -EINVAL;
        } else {
            flags = namespace->type->clone_flag;
            error = enter(proxy, namespace);
        }
    } else if (!error) {
        error = enter_those_of(proxy, fd, flags);
    }
    file_put(file);
    if (error) {
        if (proxy)
            nsproxy_put(proxy);
        return error;
    }
    nsproxy_switch(proxy);
    for (unsigned kind = 0; kind < NAMESPACE_KINDS; kind++) {
        struct namespace *entered = proxy->of[kind];
        if (flags & entered->type->clone_flag && entered->type->entered)
            entered->type->entered(entered);
    }
    return 0;
}
