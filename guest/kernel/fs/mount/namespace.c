/*
 * kernel/fs/mount/namespace.c - mount namespaces: each is one tree of mounts. A process sees that of
 * its namespace; its root and working directory stand in it.
 */
#include "kernel/fs/mount/mount.h"

#include "arch/cpu.h"
#include "kernel/sched/task.h"

struct mount_namespace initial_mount_namespace = {
    .references = 1,
    .mounts = LIST_INIT(initial_mount_namespace.mounts),
};

struct mount_namespace *mount_namespace_current(void)
{
    return &initial_mount_namespace;
}

struct mount_namespace *mount_namespace_of(struct process *process)
{
    (void)process;
    mount_namespace_get(&initial_mount_namespace);
    return &initial_mount_namespace;
}

void mount_namespace_get(struct mount_namespace *namespace)
{
    reference_get(&namespace->references);
}

void mount_namespace_put(struct mount_namespace *namespace)
{
    if (!namespace || !reference_put(&namespace->references))
        return;
}
