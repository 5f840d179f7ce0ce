/*
 * kernel/fs/device/devpts.c - the file system on /dev/pts: ptmx and one node per pseudo-terminal.
 *
 * Names are volatile (filesystem.volatile_names): a lookup asks the table of ptys. A pty has one
 * inode as long as its master is open, so that owner and mode stay what chown and chmod made them.
 */
#include "arch/cpu.h"
#include "kernel/fs/device/device.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/fs/mount/options.h"
#include "kernel/fs/tty/pty.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/process/process.h"

#define DEVPTS_MAGIC    0x1cd1u
#define DEVPTS_DEVICE   0x12u
#define TTY_GROUP       5u /* Debian's "tty", which grantpt(3) and write(1) expect */
#define FIRST_POSITION  3u /* of the numbers: 0 ".", 1 "..", 2 "ptmx" */
#define INODE_OF_NUMBER 3u /* inode numbers as Linux gives them */

static struct filesystem devpts;
static struct inode *ptmx_node;

static const struct inode_operations node_operations;

struct inode *devpts_node_create(uint32_t index)
{
    struct inode *node = inode_create(&devpts, S_IFCHR | 0620);
    if (!node)
        return NULL;
    const struct credentials *owner = &current->process->credentials;
    node->number = INODE_OF_NUMBER + index;
    node->uid = owner->fsuid;
    node->gid = TTY_GROUP;
    node->device = DEVICE_NUMBER(PTY_SLAVE_MAJOR, index);
    node->operations = &node_operations;
    return node;
}

/* A decimal number without leading zeros; -1 if the name is none. */
static int32_t parse_number(const char *name, size_t length)
{
    int32_t value = 0;
    if (!length || length > 4 || (name[0] == '0' && length > 1))
        return -1;
    for (size_t i = 0; i < length; i++) {
        if (name[i] < '0' || name[i] > '9')
            return -1;
        value = value * 10 + (name[i] - '0');
    }
    return value;
}

static int lookup(struct inode *directory, const char *name, size_t length, struct inode **ret)
{
    (void)directory;
    *ret = NULL;
    if (length == 4 && !memcmp(name, "ptmx", 4)) {
        inode_get(ptmx_node);
        *ret = ptmx_node;
        return 0;
    }
    int32_t number = parse_number(name, length);
    if (number >= 0)
        *ret = pty_node((uint32_t)number);
    return 0;
}

static int read_directory(struct file *file, void *argument)
{
    struct directory_context *context = argument;
    for (; context->position < 2; context->position++) {
        if (context->emit(context->context, "..", context->position ? 2 : 1, file->inode->number,
                          S_IFDIR, context->position + 1))
            return 0;
    }
    if (context->position == 2) {
        if (context->emit(context->context, "ptmx", 4, ptmx_node->number, S_IFCHR, FIRST_POSITION))
            return 0;
        context->position = FIRST_POSITION;
    }
    for (;;) {
        char name[12];
        int32_t number = pty_next((uint32_t)(context->position - FIRST_POSITION));
        if (number < 0)
            return 0;
        int length = snprintf(name, sizeof(name), "%d", number);
        uint64_t next = FIRST_POSITION + (uint64_t)number + 1;
        if (context->emit(context->context, name, (size_t)length,
                          INODE_OF_NUMBER + (uint32_t)number, S_IFCHR, next))
            return 0;
        context->position = next;
    }
}

static int64_t seek_directory(struct file *file, int64_t offset, int whence)
{
    return whence == SEEK_END ? -EINVAL : file_seek_within(file, offset, whence, 0);
}

static const struct inode_operations directory_inode_operations = {
    .lookup = lookup,
};

static const struct file_operations directory_operations = {
    .read_directory = read_directory,
    .seek = seek_directory,
};

struct filesystem *devpts_get(void)
{
    if (!devpts.root)
        return NULL;
    filesystem_mounts_get(&devpts);
    return &devpts;
}

struct filesystem *devpts_create(void)
{
    devpts.type = "devpts";
    devpts.magic = DEVPTS_MAGIC;
    devpts.device = DEVPTS_DEVICE;
    devpts.volatile_names = true;
    devpts.holders = 1;
    filesystem_mounts_init(&devpts);
    filesystem_mounts_get(&devpts); /* it stays when it is mounted nowhere */
    struct inode *root = inode_create(&devpts, S_IFDIR | 0755);
    ptmx_node = inode_create(&devpts, S_IFCHR | 0666);
    if (!root || !ptmx_node)
        return NULL;
    root->links = 2;
    root->operations = &directory_inode_operations;
    root->file_operations = &directory_operations;
    ptmx_node->operations = &node_operations;
    ptmx_node->device = DEVICE_NUMBER(DEVICE_TTYAUX_MAJOR, 2);
    devpts.root = dentry_create(NULL, "/", 1, root);
    inode_put(root);
    return devpts.root ? &devpts : NULL;
}
