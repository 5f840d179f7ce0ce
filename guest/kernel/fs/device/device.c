/*
 * kernel/fs/device/device.c - which driver lies behind a device number.
 */
#include "kernel/fs/device/device.h"

#include "kernel/fs/inode.h"
#include "kernel/fs/tty/pty.h"
#include "kernel/lib/errno.h"

int device_open(struct inode *inode, struct file *file)
{
    uint32_t major = inode->device >> 8, minor = inode->device & 0xff;

    if (!inode_is(inode, S_IFCHR))
        return -ENXIO; /* there are no block devices */
    switch (major) {
    case DEVICE_MEM_MAJOR: {
        const struct file_operations *operations = memory_device_operations(minor);
        if (!operations)
            return -ENXIO;
        file->operations = operations;
        return 0;
    }
    case DEVICE_TTYAUX_MAJOR:
        if (minor == 0)
            return controlling_tty_open(file);
        if (minor == 1)
            return console_open(file);
        return minor == 2 ? pty_open_master(file) : -ENXIO;
    case PTY_SLAVE_MAJOR:
        return pty_open_slave(file, minor);
    default:
        return -ENXIO;
    }
}
