/*
 * tests/unit/host/files.h - files whose pages a test can count: each holds `pages` frames of its
 * own (kind FRAME_FILE, one reference by the file) or, `image`, frames of the rootfs image in
 * place. Page n starts with the 8-byte number n + 1.
 */
#ifndef TESTS_UNIT_HOST_FILES_H
#define TESTS_UNIT_HOST_FILES_H

#include "kernel/fs/file.h"
#include "kernel/fs/inode.h"

#define HOST_FILE_PAGES_MAX 4096

struct host_file {
    struct file file; /* one reference for the test */
    struct inode inode;
    unsigned pages;
    bool lazy; /* shared memory: pages appear as they are asked for with `write` */
    phys_t frames[HOST_FILE_PAGES_MAX];
};

struct host_file *host_file_create(unsigned pages);
struct host_file *host_image_file(phys_t first, unsigned pages);
/* Drops the test's reference; the file's frames go with its last one. */
void host_file_put(struct host_file *file);
extern unsigned host_files_alive;

#endif
