/*
 * kernel/fs/inode.c - making, counting and ending inodes, and the file system that nameless files
 * live on.
 *
 * Lifetime: an inode goes with its last reference (dentries, open files, directory entries of an
 * in-memory tree). It keeps its file system's structure alive. Locks: none of its own.
 */
#include "kernel/fs/inode.h"

#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/sync/refcount.h"

#define FIRST_FREE_DEVICE 0x20u /* below: file systems of which there is one */

static struct object_cache inode_cache = OBJECT_CACHE_INIT("inode", struct inode);

const struct file_operations empty_file_operations;

/* Pipes, eventfds and their kin: never mounted, never ends. */
static struct filesystem anonymous_filesystem = {
    .type = "anonymous", .device = 0x0f, .magic = 0x09041934u, /* ANON_INODE_FS_MAGIC */
};

void filesystem_hold(struct filesystem *filesystem)
{
    __atomic_fetch_add(&filesystem->holders, 1, __ATOMIC_RELAXED);
}

uint32_t filesystem_new_device(void)
{
    static uint32_t last = FIRST_FREE_DEVICE - 1;
    return __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}

void filesystem_drop(struct filesystem *filesystem)
{
    if (__atomic_fetch_sub(&filesystem->holders, 1, __ATOMIC_ACQ_REL) == 1 && filesystem->release)
        filesystem->release(filesystem);
}

uint64_t inode_take_sequence(struct inode *inode)
{
    static uint64_t last;
    uint64_t none = 0, next = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED) << 6; /* futex hash */
    bool first = __atomic_compare_exchange_n(&inode->sequence, &none, next, false, __ATOMIC_RELAXED,
                                             __ATOMIC_RELAXED);
    return first ? next : none;
}

void inode_init(struct inode *inode, struct filesystem *filesystem, uint32_t mode)
{
    memset(inode, 0, sizeof(*inode));
    inode->references = 1;
    inode->mode = mode;
    inode->links = 1;
    inode->number = __atomic_add_fetch(&filesystem->next_inode_number, 1, __ATOMIC_RELAXED);
    inode->filesystem = filesystem;
    inode->access_ns = inode->modify_ns = inode->change_ns = inode->birth_ns = clock_realtime_ns();
    mutex_init(&inode->lock, RANK_INODE);
    filesystem_hold(filesystem);
}

void inode_deinit(struct inode *inode)
{
    filesystem_drop(inode->filesystem);
}

struct inode *inode_create(struct filesystem *filesystem, uint32_t mode)
{
    static HOT_TABLE const struct inode_operations no_operations;
    struct inode *inode = object_cache_allocate(&inode_cache);
    if (!inode)
        return NULL;
    inode_init(inode, filesystem, mode);
    inode->operations = &no_operations;
    inode->file_operations = &empty_file_operations;
    return inode;
}

void inode_free(struct inode *inode)
{
    inode_deinit(inode);
    object_cache_free(&inode_cache, inode);
}

void inode_get(struct inode *inode)
{
    reference_get(&inode->references);
}

void inode_put(struct inode *inode)
{
    if (!reference_put(&inode->references))
        return;
    if (inode->operations->destroy)
        inode->operations->destroy(inode);
    else
        inode_free(inode);
}

struct inode *anonymous_inode(uint32_t mode, const char *kind)
{
    (void)kind;
    return inode_create(&anonymous_filesystem, mode);
}
