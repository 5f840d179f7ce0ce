/*
 * kernel/fs/mount/namespace.c - mount namespaces (mount_namespaces(7)): each is one tree of mounts.
 * A process sees that of its namespace; its root and working directory stand in it.
 */
#include "kernel/fs/mount/mount.h"

#include "arch/cpu.h"
#include "kernel/fs/fs_context.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/nsproxy.h"
#include "kernel/process/clone_flags.h"
#include "kernel/process/process.h"

struct mount_namespace initial_mount_namespace = {
    .head = NAMESPACE_INIT(&mount_namespace_type, NAMESPACE_FIRST_MOUNT),
    .mounts = LIST_INIT(initial_mount_namespace.mounts),
};

static struct mount_namespace *from_head(struct namespace *head)
{
    return container_of(head, struct mount_namespace, head);
}

struct mount_namespace *mount_namespace_current(void)
{
    const struct task *task = current;
    const struct nsproxy *proxy = task ? task->namespaces : NULL;
    return proxy ? from_head(proxy->of[NAMESPACE_MOUNT]) : &initial_mount_namespace;
}

struct mount_namespace *mount_namespace_of(struct task *task)
{
    struct nsproxy *proxy = nsproxy_of_task(task);
    if (!proxy)
        return NULL;
    struct mount_namespace *namespace = from_head(proxy->of[NAMESPACE_MOUNT]);
    namespace_get(&namespace->head);
    nsproxy_put(proxy);
    return namespace;
}

void mount_namespace_put(struct mount_namespace *namespace)
{
    if (namespace)
        namespace_put(&namespace->head);
}

/* ---- a new one ---- */

/* The same place in the tree that was just copied; *old is what was held before. */
static void follow_copy(struct path *place, const struct mount_namespace *from, struct path *old)
{
    *old = (struct path){NULL, NULL};
    if (!place->mount || place->mount->namespace != from || !place->mount->copy)
        return;
    *old = *place;
    place->mount = place->mount->copy;
    path_get(place);
}

/* Mounts that were left out must not be taken for copied ones. */
static void forget_copies(struct mount_namespace *namespace)
{
    struct mount *mount;
    list_for_each(mount, &namespace->mounts, namespace_link) mount->copy = NULL;
}

static int create(struct namespace *head, struct fs_context *fs, struct namespace **ret)
{
    struct mount_namespace *from = from_head(head), *fresh = kzalloc(sizeof(*fresh));
    struct path old_root = {NULL, NULL}, old_cwd = {NULL, NULL};
    if (!fresh)
        return -ENOMEM;
    list_init(&fresh->mounts);
    mutex_lock(&mount_lock);
    forget_copies(from);
    int error =
        mount_copy_tree(from->root, from->root->root, MOUNT_COPY_PLAIN, true, true, &fresh->root);
    if (!error) {
        mount_tree_enter(fresh->root, fresh);
        spin_lock(&fs->lock);
        follow_copy(&fs->root, from, &old_root);
        follow_copy(&fs->cwd, from, &old_cwd);
        spin_unlock(&fs->lock);
    }
    mutex_unlock(&mount_lock);
    if (error) {
        kfree(fresh);
        return error;
    }
    if (old_root.dentry)
        path_put(&old_root);
    if (old_cwd.dentry)
        path_put(&old_cwd);
    namespace_publish(&fresh->head, &mount_namespace_type);
    *ret = &fresh->head;
    return 0;
}

static void release(struct namespace *head)
{
    struct mount_graveyard graveyard = MOUNT_GRAVEYARD_INIT(graveyard);
    struct mount_namespace *namespace = from_head(head);
    mutex_lock(&mount_lock);
    mount_remove_tree(namespace->root, false, &graveyard);
    mutex_unlock(&mount_lock);
    mount_graveyard_bury(&graveyard);
    kfree(namespace);
}

/* ---- entering another one ---- */

static int may_enter(const struct nsproxy *proxy, struct namespace *head)
{
    (void)proxy;
    (void)head;
    if (!process_has_capability(current->process, CAP_SYS_CHROOT))
        return -EPERM;
    return READ_ONCE(current->fs->references) > 1 ? -EINVAL : 0;
}

/* Root and working directory are the root of the tree, as it is seen from above. */
static void entered(struct namespace *head)
{
    struct mount_namespace *namespace = from_head(head);
    mutex_lock(&mount_lock);
    struct path top = {namespace->root, namespace->root->root};
    path_get(&top);
    mutex_unlock(&mount_lock);
    path_cross(&top);
    path_get(&top);
    fs_context_replace_root(&top);
    fs_context_replace_cwd(&top);
}

const struct namespace_type mount_namespace_type = {
    .kind = NAMESPACE_MOUNT,
    .name = "mnt",
    .clone_flag = CLONE_NEWNS,
    .create = create,
    .release = release,
    .may_enter = may_enter,
    .entered = entered,
};
