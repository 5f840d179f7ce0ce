/*
 * kernel/fs/device/tree.c - what /dev holds at boot: a tmpfs with the device nodes, so that
 * programs may add their own. A node that cannot be made for lack of memory is left out; the log
 * says so.
 */
#include "kernel/fs/device/device.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/fs/mount/options.h"
#include "kernel/lib/panic.h"
#include "kernel/lib/string.h"

#define DEVTMPFS_MAGIC 0x01021994u /* tmpfs's: statfs(2) of /dev says so on Linux too */

struct node_description {
    const char *name;
    uint32_t mode;
    uint32_t device;
    const char *target; /* of a symbolic link */
};

static const struct node_description nodes[] = {
    {"null", S_IFCHR | 0666, DEVICE_NUMBER(DEVICE_MEM_MAJOR, 3), NULL},
    {"zero", S_IFCHR | 0666, DEVICE_NUMBER(DEVICE_MEM_MAJOR, 5), NULL},
    {"full", S_IFCHR | 0666, DEVICE_NUMBER(DEVICE_MEM_MAJOR, 7), NULL},
    {"random", S_IFCHR | 0666, DEVICE_NUMBER(DEVICE_MEM_MAJOR, 8), NULL},
    {"urandom", S_IFCHR | 0666, DEVICE_NUMBER(DEVICE_MEM_MAJOR, 9), NULL},
    {"kmsg", S_IFCHR | 0644, DEVICE_NUMBER(DEVICE_MEM_MAJOR, 11), NULL},
    {"tty", S_IFCHR | 0666, DEVICE_NUMBER(DEVICE_TTYAUX_MAJOR, 0), NULL},
    {"ptmx", S_IFCHR | 0666, DEVICE_NUMBER(DEVICE_TTYAUX_MAJOR, 2), NULL},
    {"console", S_IFCHR | 0620, DEVICE_NUMBER(DEVICE_TTYAUX_MAJOR, 1), NULL},
    {"fd", S_IFLNK, 0, "/proc/self/fd"},
    {"stdin", S_IFLNK, 0, "/proc/self/fd/0"},
    {"stdout", S_IFLNK, 0, "/proc/self/fd/1"},
    {"stderr", S_IFLNK, 0, "/proc/self/fd/2"},
    {"pts", S_IFDIR | 0755, 0, NULL},
    {"shm", S_IFDIR | S_ISVTX | 0777, 0, NULL},
};

static int make_node(struct inode *directory, const struct node_description *node)
{
    struct inode *inode = NULL;
    size_t length = strlen(node->name);
    int error;

    if (node->target)
        error = directory->operations->symlink(directory, node->name, length, node->target, &inode);
    else
        error = directory->operations->create(directory, node->name, length, node->mode,
                                              node->device, &inode);
    if (!error && inode)
        inode_put(inode);
    return error;
}

static struct filesystem *the_filesystem;

struct filesystem *device_filesystem_get(void)
{
    if (the_filesystem)
        filesystem_mounts_get(the_filesystem);
    return the_filesystem;
}

struct filesystem *device_filesystem_create(void)
{
    struct filesystem *filesystem = tmpfs_create();
    if (!filesystem)
        return NULL;
    filesystem_mounts_get(filesystem); /* it stays when it is mounted nowhere */
    the_filesystem = filesystem;
    filesystem->reconfigure = NULL;
    filesystem->show_options = NULL;
    filesystem->type = "devtmpfs";
    filesystem->magic = DEVTMPFS_MAGIC;
    struct inode *directory = filesystem->root->inode;
    mutex_lock(&directory->lock);
    directory->mode = S_IFDIR | 0755;
    for (size_t i = 0; i < ARRAY_COUNT(nodes); i++) {
        int error = make_node(directory, &nodes[i]);
        if (error)
            log_line("/dev/%s could not be made: error %d", nodes[i].name, -error);
    }
    mutex_unlock(&directory->lock);
    return filesystem;
}
