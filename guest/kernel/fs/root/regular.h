/*
 * kernel/fs/root/regular.h - the pages of a regular file: what reading and writing them (regular.c)
 * and changing their number (space.c) have in common.
 */
#ifndef KERNEL_FS_ROOT_REGULAR_H
#define KERNEL_FS_ROOT_REGULAR_H

#include "arch/layout.h"
#include "kernel/fs/root/node.h"

#define FILE_BYTES_MAX ((uint64_t)INT64_MAX)
#define PAGES_PER_REST 64u /* between preemption points */

static inline uint64_t pages_of(uint64_t bytes)
{
    return (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

/* The image frame that is page `index` as it stands, or 0. */
static inline phys_t in_place_frame(const struct node *node, uint64_t index)
{
    uint64_t start = index << PAGE_SHIFT;
    if (start >= READ_ONCE(node->file.in_place_bytes) || start >= node->data.block_bytes)
        return 0;
    return virt_to_phys(node->data.blocks + start);
}

/* ---- regular.c ---- */

/* A frame of the file system's share, or 0. */
phys_t page_allocate(struct node *node, bool zero);
/* One that is in no file (any more). */
void page_give_back(struct node *node, phys_t frame);
/* Private pages [first, end) go. */
void pages_remove(struct node *node, uint64_t first, uint64_t end);
/* The private frame of the page, made if need be, with a reference for the caller. 0, -ENOSPC or
 * -ENOMEM. */
int page_own(struct node *node, uint64_t index, phys_t *ret);
bool page_present(struct node *node, uint64_t index);
/* Mappings that show pages in place which have a private frame now look again; inode.lock. */
void show_replaced(struct node *node);

/* ---- space.c: operations of the inode, with its lock ---- */

int regular_truncate(struct inode *inode, uint64_t bytes);
int regular_allocate(struct inode *inode, int mode, uint64_t offset, uint64_t bytes);
uint64_t regular_blocks(const struct inode *inode);

#endif
