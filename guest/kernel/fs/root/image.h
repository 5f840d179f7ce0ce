/*
 * kernel/fs/root/image.h - reading the read-only root image in place: EROFS, uncompressed, 4 KiB
 * blocks (the on-disk format is described in the Linux kernel's Documentation/filesystems/erofs.rst
 * and by mkfs.erofs).
 *
 * The image is input from outside: every offset, count and length is checked against its bounds
 * before use, so a damaged image gives -EIO or a missing name, never a wild access. It never
 * changes; there are no locks.
 */
#ifndef KERNEL_FS_ROOT_IMAGE_H
#define KERNEL_FS_ROOT_IMAGE_H

#include "kernel/lib/types.h"

#define IMAGE_BLOCK 4096u

struct image {
    const uint8_t *base; /* whole image, page aligned */
    uint64_t bytes;
    uint64_t inodes_start; /* byte offset of inode 0 */
    uint64_t root;         /* nid */
    uint64_t build_ns;     /* time of compact inodes, CLOCK_REALTIME */
};

/*
 * A file's bytes: `block_bytes` of them in consecutive blocks from `blocks`, then `tail_bytes` from
 * `tail`. Also describes files that the host put into memory (boot files), which have no tail.
 */
struct image_data {
    const uint8_t *blocks; /* page aligned */
    uint64_t block_bytes;
    const uint8_t *tail;
    uint32_t tail_bytes;
};

struct image_inode {
    uint64_t nid;
    uint32_t mode; /* type and permissions; the type is a known one */
    uint32_t uid, gid;
    uint32_t links;  /* at least 1 */
    uint32_t device; /* of device nodes, Linux encoding */
    uint64_t bytes;
    uint64_t modify_ns;     /* CLOCK_REALTIME */
    struct image_data data; /* of regular files, directories and symlinks */
};

struct image_entry {
    const char *name; /* not terminated */
    uint32_t length;  /* 1..255 */
    uint64_t nid;
    uint32_t mode;     /* type bits, 0 = unknown */
    uint64_t position; /* of this entry in its directory: see image_next() */
};

/* Checks the superblock. 0 or -EIO. */
int image_open(struct image *image, const void *base, uint64_t bytes);
/* 0 or -EIO. */
int image_inode(const struct image *image, uint64_t nid, struct image_inode *ret);
/* Finds a name by binary search: 0, -ENOENT, or -EIO. */
int image_find(const struct image_data *directory, const char *name, size_t length,
               struct image_entry *ret);
/*
 * The first entry at or after *position ("." and ".." are left out); *position moves behind it.
 * False at the end. Positions are block number * 512 + index in the block.
 */
bool image_next(const struct image_data *directory, uint64_t *position, struct image_entry *ret);

#endif
