/*
 * kernel/fs/root/directory.h - entries of directories: what changing them (directory.c) and reading
 * them in order (directory_read.c) have in common.
 */
#ifndef KERNEL_FS_ROOT_DIRECTORY_H
#define KERNEL_FS_ROOT_DIRECTORY_H

#include "kernel/fs/root/node.h"

#define POSITION_IMAGE 2ull
#define POSITION_MADE  (1ull << 40)

struct entry {
    struct rb_node by_name;
    struct rb_node by_position; /* only if inode */
    struct inode *inode;        /* counted; NULL: whiteout */
    uint64_t position;
    uint32_t hash;
    uint8_t length;
    bool hides_image; /* the image has this name too */
    char name[];
};

static inline bool has_image(const struct node *directory)
{
    return directory->data.block_bytes + directory->data.tail_bytes != 0;
}

/* The entry of that name, or NULL: then the image decides. The directory's mutex is held. */
struct entry *entry_find(const struct node *directory, const char *name, size_t length);

#endif
