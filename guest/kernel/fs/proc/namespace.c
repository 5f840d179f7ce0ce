/*
 * kernel/fs/proc/namespace.c - /proc/PID/ns: links whose text names a namespace by kind and number,
 * and which lead to a file that holds it; the questions of ioctl_nsfs(2) about such files.
 */
#include "kernel/fs/proc/namespace.h"

#include "kernel/fs/file.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/namespace/nsproxy.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/process.h"
#include "kernel/syscall/syscall.h"

#define NSFS_MAGIC  0x6e736673u
#define NSFS_DEVICE 4u

#define NS_GET_USERNS    0xb701
#define NS_GET_PARENT    0xb702
#define NS_GET_NSTYPE    0xb703
#define NS_GET_OWNER_UID 0xb704

static struct filesystem namespaces = {.type = "nsfs",
                                       .magic = NSFS_MAGIC,
                                       .device = NSFS_DEVICE,
                                       .holders = 1,
                                       .mount_count = 1,
                                       .mounts = LIST_INIT(namespaces.mounts)};

static size_t name_of(const struct namespace *namespace, char *name, size_t size)
{
    return (size_t)snprintf(name, size, "%s:[%lu]", namespace->type->name, namespace->number);
}

static void destroy(struct inode *inode)
{
    namespace_put(inode->private_data);
    inode_free(inode);
}

/* The files cannot change: writing is refused at once, as for an immutable file. */
static int open_inode(struct inode *inode, struct file *file)
{
    return (file->flags & O_ACCMODE) == O_RDONLY ? 0 : -EPERM;
}

const struct inode_operations proc_namespace_operations = {.destroy = destroy, .open = open_inode};

static int64_t nsfs_ioctl(struct file *file, uint32_t command, uint64_t argument);

static const struct file_operations nsfs_file_operations = {
    .ioctl = nsfs_ioctl,
};

/* A name for the namespace outside of any directory; takes over the reference, also on failure. */
static int make_dentry(struct namespace *namespace, struct path *ret)
{
    char name[40];
    struct inode *inode = inode_create(&namespaces, S_IFREG | 0444);
    if (!inode) {
        namespace_put(namespace);
        return -ENOMEM;
    }
    inode->number = namespace->number;
    inode->links = 1;
    inode->private_data = namespace;
    inode->operations = &proc_namespace_operations;
    inode->file_operations = &nsfs_file_operations;
    ret->mount = NULL;
    ret->dentry = dentry_create(NULL, name, name_of(namespace, name, sizeof(name)), inode);
    inode_put(inode);
    return ret->dentry ? 0 : -ENOMEM;
}

/* Where children of the task would be; NULL while that one has no process 1. */
static struct namespace *for_children(const struct nsproxy *proxy)
{
    struct namespace *namespace = proxy->of[NAMESPACE_PID];
    return READ_ONCE(pid_namespace_of(namespace)->had_init) ? namespace : NULL;
}

/* What the link of this name leads to, counted; NULL: the thread has ended. */
static struct namespace *behind(const struct proc_target *target)
{
    const char *name = target->key->entry->name;
    struct nsproxy *proxy = nsproxy_of_task(target->task);
    struct namespace *found = NULL;
    if (!proxy)
        return NULL;
    if (!strcmp(name, "time_for_children"))
        found = proxy->time_for_children;
    else if (!strcmp(name, "pid"))
        found = &target->process->pid_namespace->head;
    else if (!strcmp(name, "pid_for_children"))
        found = for_children(proxy);
    else
        for (unsigned kind = 0; kind < NAMESPACE_KINDS; kind++) {
            if (!strcmp(name, proxy->of[kind]->type->name))
                found = proxy->of[kind];
        }
    if (found)
        namespace_get(found);
    nsproxy_put(proxy);
    return found;
}

static ssize_t read_link(const struct proc_target *target, char *buffer, size_t size)
{
    char name[40];
    struct namespace *namespace = behind(target);
    if (!namespace)
        return -ENOENT;
    size_t length = min(name_of(namespace, name, sizeof(name)), size);
    namespace_put(namespace);
    memcpy(buffer, name, length);
    return (ssize_t)length;
}

static int follow(const struct proc_target *target, struct path *ret)
{
    struct namespace *namespace = behind(target);
    return namespace ? make_dentry(namespace, ret) : -ENOENT;
}

bool proc_namespace_get(const struct inode *inode, struct namespace **ret)
{
    if (inode->operations != &proc_namespace_operations)
        return false;
    *ret = inode->private_data;
    namespace_get(*ret);
    return true;
}

#define LINK(link_name)                                                                            \
    {                                                                                              \
        .name = (link_name), .mode = S_IFLNK | 0777, .read_link = read_link, .follow = follow,     \
        .private = true                                                                            \
    }

const struct proc_entry proc_namespace_children[] = {
    LINK("cgroup"), LINK("ipc"),
    LINK("mnt"),    LINK("net"),
    LINK("pid"),    LINK("pid_for_children"),
    LINK("time"),   LINK("time_for_children"),
    LINK("user"),   LINK("uts"),
    {.name = NULL},
};

/* ---- ioctl_nsfs(2) ---- */

/* A descriptor for the namespace; takes over the reference. */
static int64_t open_namespace(struct namespace *namespace)
{
    struct path place;
    int error = make_dentry(namespace, &place);
    if (error)
        return error;
    struct file *file =
        file_create(&place, place.dentry->inode, O_RDONLY, &nsfs_file_operations, NULL);
    path_put(&place);
    if (!file)
        return -ENOMEM;
    int fd = file_table_install(file, 0, true);
    if (fd < 0)
        file_put(file);
    return fd;
}

static int64_t nsfs_ioctl(struct file *file, uint32_t command, uint64_t argument)
{
    struct namespace *namespace = file->inode->private_data, *other = NULL;
    const uint32_t owner = 0;
    switch (command) {
    case NS_GET_NSTYPE:
        return (int64_t) namespace->type->clone_flag;
    case NS_GET_USERNS:
        /* Whoever looks is in the first one, which has none around it. */
        if (namespace->type->kind == NAMESPACE_USER)
            return -EPERM;
        other = current->namespaces->of[NAMESPACE_USER];
        break;
    case NS_GET_PARENT:
        if (namespace->type->kind == NAMESPACE_USER)
            return -EPERM;
        if (!namespace->type->parent)
            return -EINVAL;
        other = namespace->type->parent(namespace);
        if (!other)
            return -EPERM;
        break;
    case NS_GET_OWNER_UID:
        return namespace->type->kind == NAMESPACE_USER ? put_user(owner, argument) : -EINVAL;
    default:
        return -ENOTTY;
    }
    namespace_get(other);
    return open_namespace(other);
}
