/*
 * vmm/image/image.c - from what the user named as the root to a mapped image: cache first, else
 * build.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/image/cache.h"
#include "vmm/image/erofs_format.h"
#include "vmm/image/image.h"
#include "vmm/image/source.h"

/* Raised when the same source gives another image, so that old cached ones are not taken. */
#define IMAGE_BUILDER_VERSION 1

enum source_kind { SOURCE_DEFAULT, SOURCE_DIRECTORY, SOURCE_ARCHIVE };

static struct vt_error *map_image(int fd, struct image *ret)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return vt_error_system(errno, "cannot examine the root image");
    if (status.st_size < (off_t)EROFS_BLOCK || status.st_size % EROFS_BLOCK)
        return vt_error_create(VT_ERROR_FORMAT, "the root image has an impossible size");
    void *base = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (base == MAP_FAILED)
        return vt_error_system(errno, "cannot map the root image");
    const struct erofs_super *super = (const void *)((const uint8_t *)base + EROFS_SUPER_OFFSET);
    if (super->magic != EROFS_MAGIC ||
        (uint64_t)super->blocks * EROFS_BLOCK != (uint64_t)status.st_size) {
        munmap(base, (size_t)status.st_size);
        return vt_error_create(VT_ERROR_FORMAT, "the root image is damaged");
    }
    *ret = (struct image){.fd = fd, .base = base, .bytes = (uint64_t)status.st_size};
    return NULL;
}

static struct vt_error *hash_source(enum source_kind kind, const char *rootfs, const char *programs,
                                    char key[33])
{
    struct image_hash hash;
    struct vt_error *error;

    image_hash_init(&hash);
    image_hash_add_number(&hash, IMAGE_BUILDER_VERSION);
    if (kind == SOURCE_DEFAULT)
        error = source_default_hash(programs, &hash);
    else if (kind == SOURCE_DIRECTORY)
        error = source_directory_hash(rootfs, &hash);
    else
        error = source_archive_hash(rootfs, &hash);
    if (!error)
        image_hash_text(&hash, key);
    return error;
}

static struct vt_error *build(enum source_kind kind, const char *rootfs, const char *programs,
                              const char *key, struct image *ret)
{
    struct image_writer writer;
    CLEANUP_FREE char *temporary = NULL;
    CLEANUP_CLOSE int fd = -1;
    struct vt_error *error = image_cache_begin(&fd, &temporary);

    if (error)
        return error;
    error = image_writer_init(&writer, fd);
    if (!error && kind == SOURCE_DEFAULT)
        error = source_default_write(programs, &writer);
    else if (!error && kind == SOURCE_DIRECTORY)
        error = source_directory_write(rootfs, &writer);
    else if (!error)
        error = source_archive_write(rootfs, &writer);
    if (!error)
        error = image_writer_finish(&writer);
    image_writer_deinit(&writer);
    if (!error)
        error = map_image(fd, ret);
    if (error) {
        image_cache_abandon(temporary);
        return error;
    }
    take_fd(&fd);
    if (temporary)
        image_cache_commit(temporary, key);
    return NULL;
}

struct vt_error *image_open(const char *rootfs, const char *programs, struct image *ret)
{
    enum source_kind kind = SOURCE_DEFAULT;
    char key[33];

    if (rootfs) {
        struct stat status;

        if (stat(rootfs, &status) != 0)
            return vt_error_system(errno, "cannot use the rootfs '%s'", rootfs);
        if (S_ISDIR(status.st_mode))
            kind = SOURCE_DIRECTORY;
        else if (S_ISREG(status.st_mode))
            kind = SOURCE_ARCHIVE;
        else
            return vt_error_create(VT_ERROR_ARGUMENT,
                                   "the rootfs '%s' is neither a directory nor a file", rootfs);
    }
    struct vt_error *error = hash_source(kind, rootfs, programs, key);
    if (error)
        return error;
    int fd = image_cache_find(key);
    if (fd >= 0) {
        error = map_image(fd, ret);
        if (!error) {
            ret->cached = true;
            return NULL;
        }
        vt_error_destroy(error); /* a damaged one is built again */
        close(fd);
    }
    return build(kind, rootfs, programs, key, ret);
}

void image_close(struct image *image)
{
    if (image->base)
        munmap((void *)image->base, image->bytes);
    if (image->base && image->fd >= 0)
        close(image->fd);
    *image = (struct image){.fd = -1};
}
