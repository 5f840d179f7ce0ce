/*
 * kernel/fs/device/device.h - character devices: what lies behind a device number, whatever file
 * system the node is on.
 */
#ifndef KERNEL_FS_DEVICE_DEVICE_H
#define KERNEL_FS_DEVICE_DEVICE_H

#include "kernel/fs/file.h"

struct inode;

#define DEVICE_NUMBER(major, minor) ((uint32_t)(major) << 8 | (uint32_t)(minor))
#define DEVICE_MEM_MAJOR            1
#define DEVICE_TTY_MAJOR            4
#define DEVICE_TTYAUX_MAJOR         5

/*
 * Called by open() for an inode of type S_IFCHR or S_IFBLK, after file_create() and without any
 * lock: sets operations and private data. 0, -ENXIO if no device has that number, or what the
 * device says. On an error the caller just puts the file.
 */
int device_open(struct inode *inode, struct file *file);

/* device/memory.c: the operations of /dev/null and its kin; NULL if there is no such minor. */
const struct file_operations *memory_device_operations(uint32_t minor);
/* device/kernel_log.c: /dev/kmsg */
extern const struct file_operations kernel_log_operations;

#endif
