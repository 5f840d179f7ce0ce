/*
 * kernel/fs/proc/namespace.c - /proc/PID/ns/uts: a link whose text names a namespace by its number,
 * and which leads to a file that holds it. See namespace.h.
 */
#include "kernel/fs/proc/namespace.h"

#include "kernel/fs/inode.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/process/process.h"
#include "kernel/process/uts.h"

#define NSFS_MAGIC  0x6e736673u
#define NSFS_DEVICE 4u

static struct filesystem namespaces = {
    .type = "nsfs", .magic = NSFS_MAGIC, .device = NSFS_DEVICE, .holders = 1};

static size_t name_of(const struct uts_namespace *uts, char *name, size_t size)
{
    return (size_t)snprintf(name, size, "uts:[%lu]", uts_number(uts));
}

ssize_t proc_uts_read_link(const struct proc_target *target, char *buffer, size_t size)
{
    char name[40];
    struct uts_namespace *uts = uts_of(target->process);
    size_t length = min(name_of(uts, name, sizeof(name)), size);
    uts_put(uts);
    memcpy(buffer, name, length);
    return (ssize_t)length;
}

static void destroy(struct inode *inode)
{
    uts_put(inode->private_data);
    inode_free(inode);
}

static const struct inode_operations operations = {.destroy = destroy};

int proc_uts_follow(const struct proc_target *target, struct dentry **ret)
{
    char name[40];
    struct inode *inode = inode_create(&namespaces, S_IFREG | 0444);
    if (!inode)
        return -ENOMEM;
    struct uts_namespace *uts = uts_of(target->process);
    inode->number = uts_number(uts);
    inode->links = 1;
    inode->private_data = uts;
    inode->operations = &operations;
    inode->file_operations = &empty_file_operations;
    *ret = dentry_create(NULL, name, name_of(uts, name, sizeof(name)), inode);
    inode_put(inode);
    return *ret ? 0 : -ENOMEM;
}

bool proc_namespace_get(const struct inode *inode, struct uts_namespace **ret)
{
    if (inode->operations != &operations)
        return false;
    *ret = inode->private_data;
    uts_get(*ret);
    return true;
}
