/*
 * vmm/image/writer.h - writing an EROFS image into a file, one inode after the other.
 *
 * Use: init, any number of adds and links (data of a regular file is appended right after its add),
 * finish, deinit. Missing parent directories are made (0755, root). Adding a path again replaces
 * it, as in an archive. Data go to the file as they come; the tree stays in memory and is written
 * by finish. After an error only deinit is allowed. One thread.
 */
#ifndef VITRINE_IMAGE_WRITER_H
#define VITRINE_IMAGE_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/include/vitrine.h"

struct image_attributes {
    uint32_t mode; /* type and permissions, as st_mode */
    uint32_t uid, gid;
    uint64_t rdev; /* makedev() of a device node */
    int64_t mtime;
    uint32_t mtime_nsec;
};

struct image_inode;
struct image_link_target;

struct image_writer {
    int fd;
    uint32_t next_block; /* the first that nothing uses */
    struct image_inode *root;
    struct image_inode **inodes; /* every inode ever made; owned */
    size_t inode_count, inode_room;
    struct image_link_target *targets; /* symlink texts that have their block already */
    size_t target_count, target_room;
    struct image_inode *open_file; /* the regular file that image_writer_append() extends */
};

/* fd: an empty file, borrowed. */
struct vt_error *image_writer_init(struct image_writer *writer, int fd);

/*
 * path: any leading "/" and "./" are ignored; ".." is refused. target: the text of a symbolic link,
 * else NULL. *ret (may be NULL) is valid until deinit.
 */
struct vt_error *image_writer_add(struct image_writer *writer, const char *path,
                                  const struct image_attributes *attributes, const char *target,
                                  struct image_inode **ret);
struct vt_error *image_writer_append(struct image_writer *writer, const void *data, size_t bytes);

/* Another name for an inode: by the path it was added under, or by its inode. */
struct vt_error *image_writer_link_path(struct image_writer *writer, const char *path,
                                        const char *existing, struct image_inode **ret);
struct vt_error *image_writer_link(struct image_writer *writer, const char *path,
                                   struct image_inode *inode);

/* Data of a regular file from now on go to this inode, replacing what it had. */
struct vt_error *image_writer_reopen(struct image_writer *writer, struct image_inode *inode);

struct vt_error *image_writer_finish(struct image_writer *writer);
void image_writer_deinit(struct image_writer *writer);

#endif
