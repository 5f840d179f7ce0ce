/*
 * kernel/fs/root/node.h - one file or directory of the in-memory file systems: the root (over an
 * image), every tmpfs, and the memory behind memfd_create() and shared anonymous mappings.
 *
 * A node of the image is made when its name is first looked up and then stays (a table finds it by
 * its number in the image, so that hard links meet in one node); changed attributes, private pages
 * and changed directory entries live in the node, what was not changed is read from the image.
 * Other nodes live as long as a directory entry, dentry or open file holds them.
 *
 * Locks: inode.lock as in inode.h; file.pages has its own, so that page faults need not take
 * inode.lock.
 */
#ifndef KERNEL_FS_ROOT_NODE_H
#define KERNEL_FS_ROOT_NODE_H

#include "kernel/fs/inode.h"
#include "kernel/fs/root/image.h"
#include "kernel/fs/root/page_map.h"
#include "kernel/lib/rbtree.h"

#define NODE_TABLE_BUCKETS 256u

struct node {
    struct inode inode;
    struct image_data data;  /* in-place content; never changes */
    uint64_t nid;            /* in the image; only with in_table */
    struct node *table_next; /* table's lock; while being destroyed: list of what to destroy next */
    bool in_table;
    struct extended_attribute *attributes; /* user. and trusted. (xattr(7)); inode.lock */
    union {
        struct {
            struct page_map pages;   /* private pages: they hide the in-place ones */
            uint64_t in_place_bytes; /* how much of `data` still shows; shrinks with truncate;
                                        inode.lock */
            uint32_t seals;          /* F_SEAL_*; inode.lock */
            bool stale; /* a page in place was replaced: mappings may still show the old one */
        } file;
        struct {
            struct rb_tree names; /* struct entry by name: what differs from the image */
            struct rb_tree order; /* those that stand for an inode, by position */
            uint64_t next_position;
            struct node
                *image_parent; /* the only place in the image where this directory may hang ... */
            uint64_t image_position; /* ... : a damaged image must not make a directory its own
                                        ancestor */
        } directory;
        char *target; /* symlinks that are not in the image */
    };
};

/* Seals of fcntl(2). */
#define F_SEAL_SEAL         0x1u
#define F_SEAL_SHRINK       0x2u
#define F_SEAL_GROW         0x4u
#define F_SEAL_WRITE        0x8u
#define F_SEAL_FUTURE_WRITE 0x10u
#define F_SEAL_EXEC         0x20u

struct memory_filesystem {
    struct filesystem filesystem;
    struct image image;               /* base NULL: none */
    uint64_t pages_used, pages_max;   /* atomic; private pages of files */
    uint64_t inodes_used, inodes_max; /* atomic */
    uint32_t shown; /* options that were given (enum mount_option) and are not the default */
    uint32_t mode, uid, gid;    /* as they were given */
    struct spinlock table_lock; /* RANK_DENTRY (no dentry is locked inside): the table's chains */
    struct node *table[NODE_TABLE_BUCKETS]; /* nodes of the image by nid; one reference each */
};

static inline struct node *node_of(const struct inode *inode)
{
    return container_of(inode, struct node, inode);
}
static inline struct memory_filesystem *memory_of(const struct inode *inode)
{
    return container_of(inode->filesystem, struct memory_filesystem, filesystem);
}

/* A node of its own (no image), links = 1 (directories 2), one reference. 0, -ENOSPC or -ENOMEM. */
int node_create(struct memory_filesystem *memory, uint32_t mode, struct node **ret);
/* The node of an image entry found in `directory`: counted. 0, -EIO, -ENOSPC or -ENOMEM. */
int node_from_image(struct node *directory, const struct image_entry *entry, struct inode **ret);
int node_from_image_root(struct memory_filesystem *memory, struct node **ret);
static inline uint64_t image_inode_number(uint64_t nid)
{
    return nid + 1;
}
/* The last name is gone: the table lets go of it. */
void node_forget(struct node *node);

/* directory.c */
extern const struct inode_operations node_directory_operations;
extern const struct file_operations node_directory_file_operations;
void directory_init(struct node *directory);
/* Frees all entries, passing each entry's inode (with its reference) to drop(). */
void directory_clear(struct node *directory, void (*drop)(void *context, struct inode *inode),
                     void *context);

/* regular.c */
extern const struct inode_operations node_regular_operations;
extern const struct file_operations node_regular_file_operations;

/* node.c */
void node_destroy(struct inode *inode); /* the `destroy` of all four kinds */
struct extended_attribute **node_attributes(struct inode *inode); /* their `attributes` */
extern const struct inode_operations node_symlink_operations;
extern const struct inode_operations node_special_operations;

/* limits.c: the default limits, and the operations that know them. */
void memory_limits_init(struct memory_filesystem *memory);

/* filesystem.c */
/* An empty file system with a root directory (0755); NULL when out of memory. */
struct memory_filesystem *memory_filesystem_create(const struct image *image);

#endif
