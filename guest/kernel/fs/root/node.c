/*
 * kernel/fs/root/node.c - making and ending nodes, the table of image nodes, symlinks. See node.h.
 */
#include "kernel/fs/root/node.h"

#include "kernel/fs/extended_attribute.h"
#include "kernel/fs/permission.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/sched/task.h"
#include "kernel/sync/refcount.h"

static struct object_cache node_cache = OBJECT_CACHE_INIT("node", struct node);

/* ---- symlinks ---- */

static ssize_t symlink_read(struct inode *inode, char *buffer, size_t size)
{
    const struct node *node = node_of(inode);
    const char *text = node->target;
    if (!text)
        text = (const char *)(node->data.block_bytes ? node->data.blocks : node->data.tail);
    size_t length = min((size_t)inode->bytes, size);
    memcpy(buffer, text, length);
    return (ssize_t)length;
}

struct extended_attribute **node_attributes(struct inode *inode)
{
    return &node_of(inode)->attributes;
}

const struct inode_operations node_symlink_operations = {
    .read_link = symlink_read,
    .attributes = node_attributes,
    .destroy = node_destroy,
};
const struct inode_operations node_special_operations = {
    .attributes = node_attributes,
    .destroy = node_destroy,
};

/* ---- making ---- */

static void node_set_operations(struct node *node)
{
    struct inode *inode = &node->inode;
    inode->file_operations = &empty_file_operations;
    switch (inode->mode & S_IFMT) {
    case S_IFREG:
        inode->operations = &node_regular_operations;
        inode->file_operations = &node_regular_file_operations;
        page_map_init(&node->file.pages);
        node->file.in_place_bytes = 0;
        node->file.stale = false;
        node->file.seals = F_SEAL_SEAL;
        break;
    case S_IFDIR:
        inode->operations = &node_directory_operations;
        inode->file_operations = &node_directory_file_operations;
        inode->links = 2;
        directory_init(node);
        break;
    case S_IFLNK:
        inode->operations = &node_symlink_operations;
        node->target = NULL;
        break;
    default:
        inode->operations = &node_special_operations;
    }
}

int node_create(struct memory_filesystem *memory, uint32_t mode, struct node **ret)
{
    if (__atomic_add_fetch(&memory->inodes_used, 1, __ATOMIC_RELAXED) > memory->inodes_max) {
        __atomic_sub_fetch(&memory->inodes_used, 1, __ATOMIC_RELAXED);
        return -ENOSPC;
    }
    struct node *node = object_cache_allocate(&node_cache);
    if (!node) {
        __atomic_sub_fetch(&memory->inodes_used, 1, __ATOMIC_RELAXED);
        return -ENOMEM;
    }
    inode_init(&node->inode, &memory->filesystem, mode);
    memset(&node->data, 0, sizeof(node->data));
    node->in_table = false;
    node->table_next = NULL;
    node->attributes = NULL;
    node_set_operations(node);
    *ret = node;
    return 0;
}

/* ---- nodes of the image ---- */

static struct node **table_bucket(struct memory_filesystem *memory, uint64_t nid)
{
    return &memory->table[nid % NODE_TABLE_BUCKETS];
}

/* Counted, or NULL; table_lock held. */
static struct node *table_find(struct memory_filesystem *memory, uint64_t nid)
{
    for (struct node *node = *table_bucket(memory, nid); node; node = node->table_next) {
        if (node->nid == nid) {
            inode_get(&node->inode);
            return node;
        }
    }
    return NULL;
}

static int image_node_create(struct memory_filesystem *memory, uint64_t nid, struct node **ret)
{
    struct image_inode from;
    struct node *node;
    int error = image_inode(&memory->image, nid, &from);
    if (!error && (from.mode & S_IFMT) == S_IFLNK && (!from.bytes || from.bytes >= PATH_MAX))
        error = -EIO;
    if (!error)
        error = node_create(memory, from.mode, &node);
    if (error)
        return error;
    struct inode *inode = &node->inode;
    inode->number = image_inode_number(nid);
    inode->links = from.links;
    inode->uid = from.uid;
    inode->gid = from.gid;
    inode->device = from.device;
    inode->bytes = from.bytes;
    inode->access_ns = inode->modify_ns = inode->change_ns = inode->birth_ns = from.modify_ns;
    node->data = from.data;
    node->nid = nid;
    if (inode_is(inode, S_IFREG))
        node->file.in_place_bytes = from.bytes;
    *ret = node;
    return 0;
}

static int image_node_get(struct memory_filesystem *memory, uint64_t nid, struct node **ret)
{
    spin_lock(&memory->table_lock);
    struct node *node = table_find(memory, nid);
    spin_unlock(&memory->table_lock);
    if (node) {
        *ret = node;
        return 0;
    }

    struct node *fresh;
    int error = image_node_create(memory, nid, &fresh);
    if (error)
        return error;
    spin_lock(&memory->table_lock);
    node = table_find(memory, nid); /* another CPU may have been faster, by another name */
    if (!node) {
        fresh->in_table = true;
        fresh->table_next = *table_bucket(memory, nid);
        *table_bucket(memory, nid) = fresh;
        inode_get(&fresh->inode);
    }
    spin_unlock(&memory->table_lock);
    if (node)
        inode_put(&fresh->inode);
    *ret = node ? node : fresh;
    return 0;
}

int node_from_image(struct node *directory, const struct image_entry *entry, struct inode **ret)
{
    struct node *node;
    int error = image_node_get(memory_of(&directory->inode), entry->nid, &node);
    if (error)
        return error;
    if (inode_is(&node->inode, S_IFDIR)) {
        struct node *none = NULL;
        if (__atomic_compare_exchange_n(&node->directory.image_parent, &none, directory, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            node->directory.image_position = entry->position;
        } else if (none != directory || node->directory.image_position != entry->position) {
            inode_put(&node->inode);
            return -EIO;
        }
    }
    *ret = &node->inode;
    return 0;
}

int node_from_image_root(struct memory_filesystem *memory, struct node **ret)
{
    int error = image_node_get(memory, memory->image.root, ret);
    if (!error && !inode_is(&(*ret)->inode, S_IFDIR)) {
        inode_put(&(*ret)->inode);
        error = -EIO;
    }
    if (!error)
        (*ret)->directory.image_parent = *ret;
    return error;
}

void node_forget(struct node *node)
{
    struct memory_filesystem *memory = memory_of(&node->inode);
    if (!node->in_table)
        return;
    spin_lock(&memory->table_lock);
    struct node **link = table_bucket(memory, node->nid);
    while (*link != node)
        link = &(*link)->table_next;
    *link = node->table_next;
    node->in_table = false;
    spin_unlock(&memory->table_lock);
    inode_put(&node->inode);
}

/* ---- the end ---- */

/* Directories below a dying one wait in a list: a tree may be deeper than the stack. */
static void drop_child(void *context, struct inode *inode)
{
    struct node **pending = context, *node = node_of(inode);
    if (!inode_is(inode, S_IFDIR) || node->in_table) {
        inode_put(inode);
        return;
    }
    if (!reference_put(&inode->references))
        return;
    node->table_next = *pending;
    *pending = node;
}

void node_destroy(struct inode *inode)
{
    struct node *pending = node_of(inode), *node;
    pending->table_next = NULL;
    while ((node = pending)) {
        struct memory_filesystem *memory = memory_of(&node->inode);
        pending = node->table_next;
        if (inode_is(&node->inode, S_IFREG)) {
            uint64_t pages = node->file.pages.root ? page_map_clear(&node->file.pages) : 0;
            if (pages)
                __atomic_sub_fetch(&memory->pages_used, pages, __ATOMIC_RELAXED);
        } else if (inode_is(&node->inode, S_IFDIR)) {
            directory_clear(node, drop_child, &pending);
        } else if (inode_is(&node->inode, S_IFLNK)) {
            kfree(node->target);
        }
        extended_attributes_free(&node->attributes);
        __atomic_sub_fetch(&memory->inodes_used, 1, __ATOMIC_RELAXED);
        inode_deinit(&node->inode); /* may free `memory` */
        object_cache_free(&node_cache, node);
    }
}
