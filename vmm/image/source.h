/*
 * vmm/image/source.h - the kinds of root that an image can be made from.
 *
 * Each has two functions: one adds everything that decides the image's contents to a hash (cheap:
 * no file data where size and time tell enough), the other writes the image.
 */
#ifndef VITRINE_IMAGE_SOURCE_H
#define VITRINE_IMAGE_SOURCE_H

#include "vmm/image/hash.h"
#include "vmm/image/writer.h"

struct vt_error *source_directory_hash(const char *path, struct image_hash *hash);
struct vt_error *source_directory_write(const char *path, struct image_writer *writer);

struct vt_error *source_archive_hash(const char *path, struct image_hash *hash);
struct vt_error *source_archive_write(const char *path, struct image_writer *writer);

/* programs: a directory whose executables go to /bin, or NULL. */
struct vt_error *source_default_hash(const char *programs, struct image_hash *hash);
struct vt_error *source_default_write(const char *programs, struct image_writer *writer);

/* Adds the data of an open regular file to the inode that was just added. `path` is for messages.
 */
struct vt_error *source_append_file(struct image_writer *writer, int fd, const char *path);

#endif
