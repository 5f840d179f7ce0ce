/*
 * vmm/image/inode.h - the writer's tree in memory, shared by the two files that build it and write
 * it out.
 */
#ifndef VITRINE_IMAGE_INODE_H
#define VITRINE_IMAGE_INODE_H

#include "vmm/image/erofs_format.h"
#include "vmm/image/writer.h"

struct image_child {
    char *name;
    struct image_inode *inode;
};

struct image_inode {
    struct image_attributes attributes;
    uint64_t size;
    uint32_t start; /* first data block */
    uint32_t links; /* names; directories: 2 + subdirectories */
    uint64_t nid;
    struct image_inode *parent;   /* of a directory */
    struct image_child *children; /* sorted by name */
    size_t child_count, child_room;
};

static inline uint32_t image_blocks_of(uint64_t bytes)
{
    return (uint32_t)((bytes + EROFS_BLOCK - 1) / EROFS_BLOCK);
}

/* Ends the regular file that takes data: the next block is free again. */
void image_writer_close_file(struct image_writer *writer);
struct vt_error *image_writer_no_memory(void);
struct vt_error *image_writer_write(const struct image_writer *writer, const void *data,
                                    size_t bytes, uint64_t offset);

#endif
