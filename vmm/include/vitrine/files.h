/*
 * vitrine/files.h - open files by descriptor and name.
 * guest.h says how such readings behave.
 */
#ifndef VITRINE_FILES_H
#define VITRINE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "guest.h"
#include "tasks.h"
#include "version.h"

VITRINE_BEGIN

enum vt_file_kind {
    VT_FILE_OTHER = 0,
    VT_FILE_REGULAR,
    VT_FILE_DIRECTORY,
    VT_FILE_DEVICE,
    VT_FILE_TTY,
    VT_FILE_PIPE,   /* also a FIFO */
    VT_FILE_STREAM, /* a standard stream of the machine: the guest takes it for a pipe */
    VT_FILE_SOCKET,
    VT_FILE_EVENTFD,
    VT_FILE_EPOLL,
    VT_FILE_TIMERFD,
    VT_FILE_SIGNALFD,
    VT_FILE_INOTIFY,
    VT_FILE_KINDS
};
/* One descriptor and the open file behind it. */
struct vt_file {
    int32_t fd;
    bool close_on_exec;
    enum vt_file_kind kind;
    uint32_t flags;      /* O_* of Linux, as fcntl(F_GETFL) */
    uint32_t references; /* descriptors, mappings and calls under way that hold the open file */
    uint64_t position;   /* 0 in streams */
    uint64_t address;    /* of the kernel's struct file: descriptors that share it share position
                            and flags */
    uint64_t object;     /* what lies behind it (of a pipe both ends have the same): compare only */
    uint64_t inode, bytes;  /* number and size */
    uint64_t inode_address; /* of the kernel's struct inode: compare only */
    uint32_t mode;          /* st_mode of Linux */
    uint32_t device;        /* of the file system: major << 8 | minor */
    /* pipes: bytes in it and room in all, open ends */
    uint32_t pipe_bytes, pipe_capacity, pipe_readers, pipe_writers;
    const char *name; /* path as the task sees it, "pipe:[17]", "anon_inode:[eventfd]" ... */
};
/* The open files of a task, by descriptor: what /proc/PID/fd shows inside. */
struct vt_error *vt_guest_files(struct vt_guest *guest, const struct vt_task *task,
                                struct vt_file **ret_files, size_t *ret_count);
const char *vt_file_kind_name(enum vt_file_kind kind); /* "file" "pipe" "tty" ... */

VITRINE_END

#endif
