/* kernel/namespace/nsproxy.c - the set of namespaces of a task: see nsproxy.h. */
#include "kernel/namespace/nsproxy.h"

#include "arch/cpu.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/ipc/sysv/namespace.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/namespace/time_namespace.h"
#include "kernel/namespace/uts.h"
#include "kernel/observe/mutant.h"
#include "kernel/process/clone_flags.h"
#include "kernel/process/process.h"

struct nsproxy initial_nsproxy = {
    .references = 1,
    .of =
        {
            [NAMESPACE_CGROUP] = &initial_cgroup_namespace,
            [NAMESPACE_IPC] = &initial_ipc_namespace.head,
            [NAMESPACE_MOUNT] = &initial_mount_namespace.head,
            [NAMESPACE_NET] = &initial_net_namespace,
            [NAMESPACE_PID] = &initial_pid_namespace.head,
            [NAMESPACE_TIME] = &initial_time_namespace.head,
            [NAMESPACE_USER] = &initial_user_namespace,
            [NAMESPACE_UTS] = &initial_uts_namespace.head,
        },
    .time_for_children = &initial_time_namespace.head,
};

void namespaces_start(void)
{
    spin_lock(&namespace_list_lock);
    for (unsigned kind = 0; kind < NAMESPACE_KINDS; kind++) {
        namespace_get(initial_nsproxy.of[kind]);
        list_push_back(&namespace_list, &initial_nsproxy.of[kind]->link);
    }
    namespace_get(initial_nsproxy.time_for_children);
    spin_unlock(&namespace_list_lock);
}

void nsproxy_release(struct nsproxy *proxy)
{
    for (unsigned kind = 0; kind < NAMESPACE_KINDS; kind++)
        namespace_put(proxy->of[kind]);
    namespace_put(proxy->time_for_children);
    kfree(proxy);
}

/* Where the proxy has what a new namespace of this kind replaces. */
static struct namespace **place_of(struct nsproxy *proxy, enum namespace_kind kind)
{
    return kind == NAMESPACE_TIME ? &proxy->time_for_children : &proxy->of[kind];
}

int nsproxy_copy(const struct nsproxy *from, uint64_t flags, struct fs_context *fs,
                 struct nsproxy **ret)
{
    struct nsproxy *proxy = kmalloc(sizeof(*proxy));
    if (!proxy)
        return -ENOMEM;
    *proxy = *from;
    proxy->references = 1;
    for (unsigned kind = MUTANT_EVERY(NAMESPACE_UNCOUNTED, 3); kind < NAMESPACE_KINDS; kind++)
        namespace_get(proxy->of[kind]);
    namespace_get(proxy->time_for_children);
    for (unsigned kind = 0; kind < NAMESPACE_KINDS; kind++) {
        struct namespace **place = place_of(proxy, kind), *fresh;
        const struct namespace_type *type = (*place)->type;
        if (!(flags & type->clone_flag))
            continue;
        int error = type->create ? type->create(*place, fs, &fresh) : -EINVAL;
        if (error) {
            nsproxy_put(proxy);
            return error;
        }
        namespace_put(*place);
        *place = fresh;
    }
    proxy->children_differ = proxy->time_for_children != proxy->of[NAMESPACE_TIME];
    *ret = proxy;
    return 0;
}

void nsproxy_replace(struct nsproxy *proxy, struct namespace *namespace)
{
    struct namespace **place = &proxy->of[namespace->type->kind];
    namespace_put(*place);
    *place = namespace;
    if (namespace->type->kind == NAMESPACE_TIME) {
        namespace_get(namespace);
        namespace_put(proxy->time_for_children);
        proxy->time_for_children = namespace;
        proxy->children_differ = false;
    }
}

/* Whoever gets it is in the time namespace that was made for children. */
static void join_time(struct nsproxy *proxy)
{
    struct namespace *namespace = proxy->time_for_children;
    namespace_get(namespace);
    nsproxy_replace(proxy, namespace);
    time_namespace_join(namespace);
}

int nsproxy_for_child(uint64_t flags, struct fs_context *fs, struct nsproxy **ret)
{
    struct nsproxy *own = current->namespaces;
    if (!(flags & CLONE_NAMESPACES) && (flags & CLONE_VM || !own->children_differ)) {
        *ret = nsproxy_get(own);
        return 0;
    }
    int error = nsproxy_copy(own, flags, fs, ret);
    if (error || flags & CLONE_VM)
        return error;
    join_time(*ret);
    return 0;
}

int nsproxy_exec(void)
{
    struct nsproxy *proxy;
    if (likely(!current->namespaces->children_differ))
        return 0;
    int error = nsproxy_copy(current->namespaces, 0, NULL, &proxy);
    if (error)
        return error;
    join_time(proxy);
    nsproxy_switch(proxy);
    return 0;
}

void nsproxy_switch(struct nsproxy *proxy)
{
    struct task *task = current;
    spin_lock(&task->process->parts_lock);
    struct nsproxy *old = task->namespaces;
    task->namespaces = proxy;
    spin_unlock(&task->process->parts_lock);
    nsproxy_put(old);
}

struct nsproxy *nsproxy_of_task(struct task *task)
{
    if (!task->process)
        return NULL;
    spin_lock(&task->process->parts_lock);
    struct nsproxy *proxy = task->namespaces;
    if (proxy)
        nsproxy_get(proxy);
    spin_unlock(&task->process->parts_lock);
    return proxy;
}

struct nsproxy *task_detach_namespaces(struct task *task)
{
    spin_lock(&task->process->parts_lock);
    struct nsproxy *proxy = task->namespaces;
    task->namespaces = NULL;
    spin_unlock(&task->process->parts_lock);
    return proxy;
}
