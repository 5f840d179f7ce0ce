/*
 * vmm/image/image.h - the root file system as a finished image, and questions about what is in it.
 *
 * Lifetime: image_open() maps the image read-only until image_close(). Threads: one per image;
 * several processes may build the same image at once, the first finished one stays in the cache.
 */
#ifndef VITRINE_IMAGE_IMAGE_H
#define VITRINE_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/include/vitrine.h"

struct image {
    int fd;
    const uint8_t *base;
    uint64_t bytes; /* a multiple of 4096 */
    bool cached;    /* taken from the cache instead of built now */
};

/*
 * rootfs: a directory, a .cpio or .tar file (libarchive's compressions), or NULL for the default
 * root: Debian's static busybox with its applets, and the regular executables in `programs` (NULL =
 * none).
 */
struct vt_error *image_open(const char *rootfs, const char *programs, struct image *ret);
void image_close(struct image *image);

/* What a path of the image leads to, symbolic links followed. */
struct image_stat {
    uint32_t mode; /* type and permissions, as st_mode */
    uint64_t bytes;
    uint64_t offset; /* of the data in the image */
};

/* False if there is no such file. `path` is absolute or relative to the root. Any bytes may be in
 * the image. */
bool image_lookup(const struct image *image, const char *path, struct image_stat *ret);

#endif
