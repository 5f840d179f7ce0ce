/*
 * kernel/namespace/nsproxy.h - which namespaces a task is in, as one shared object: a new task has
 * its parent's, so that fork pays for one reference; unshare(2), setns(2) and clone's CLONE_NEW...
 * give it a copy with other namespaces in it.
 *
 * Lifetime: counted: one reference per task that has not exited, and per temporary holder. An
 * nsproxy never changes once a task has it. It holds one reference to each of its namespaces; the
 * first one (of PID 1) never goes. Lock: task->namespaces is changed by the task itself under its
 * process's parts_lock, so that others can look (nsproxy_of_task).
 */
#ifndef KERNEL_NAMESPACE_NSPROXY_H
#define KERNEL_NAMESPACE_NSPROXY_H

#include "kernel/namespace/namespace.h"

struct task;

struct nsproxy {
    uint32_t references;  /* atomic */
    bool children_differ; /* a fork gets another time namespace: not the same nsproxy */
    /* Of time: the task's own. Of PID: where its children get numbers; its own is its process's.
     * The user namespace is always the first. */
    struct namespace *of[NAMESPACE_KINDS];
    struct namespace *time_for_children;
};

extern struct nsproxy initial_nsproxy;

static inline struct nsproxy *nsproxy_get(struct nsproxy *proxy)
{
    __atomic_fetch_add(&proxy->references, 1, __ATOMIC_RELAXED);
    return proxy;
}
/* The last reference went: nsproxy_put's slow part. */
void nsproxy_release(struct nsproxy *proxy);
static inline void nsproxy_put(struct nsproxy *proxy)
{
    if (unlikely(__atomic_sub_fetch(&proxy->references, 1, __ATOMIC_ACQ_REL) == 0))
        nsproxy_release(proxy);
}

/* Boot: the first namespaces enter the list of all. */
void namespaces_start(void);

/*
 * A copy with one reference, with new namespaces where `flags` (CLONE_NEW...) asks for them. `fs`:
 * see namespace_type.create. 0, -ENOMEM, -EINVAL or -ENOSPC. May sleep.
 */
int nsproxy_copy(const struct nsproxy *from, uint64_t flags, struct fs_context *fs,
                 struct nsproxy **ret);
/* Puts another namespace into one that no task has yet; takes over the reference. */
void nsproxy_replace(struct nsproxy *proxy, struct namespace *namespace);
/*
 * What a new task gets from the current one: the same nsproxy where nothing was asked for, else a
 * copy. CAP_SYS_ADMIN has been checked. 0 or -errno, as nsproxy_copy().
 */
int nsproxy_for_child(uint64_t flags, struct fs_context *fs, struct nsproxy **ret);
/* The current task begins another program: in the time namespace that was made for its children. 0 or
 * -ENOMEM, then nothing has changed. */
int nsproxy_exec(void);
/* The current task has this one from now on; takes over the reference. */
void nsproxy_switch(struct nsproxy *proxy);
/* Another task's, counted; NULL if it has exited. */
struct nsproxy *nsproxy_of_task(struct task *task);
/* The task leaves it (exit); the caller owns the reference. NULL in kernel threads. */
struct nsproxy *task_detach_namespaces(struct task *task);

#endif
