/*
 * kernel/fs/notify/inotify.h - instances of inotify(7): a queue of events and the watches that fill
 * it. notify_lock guards both; the file's readers take one event after the other off the queue.
 */
#ifndef KERNEL_FS_NOTIFY_INOTIFY_H
#define KERNEL_FS_NOTIFY_INOTIFY_H

#include "kernel/fs/notify/notify.h"
#include "kernel/lib/rbtree.h"
#include "kernel/sync/wait_queue.h"

/* Bits of a watch, and of what add_watch is told, besides the events. */
#define INOTIFY_OVERFLOW    0x4000u
#define INOTIFY_IGNORED     0x8000u
#define INOTIFY_ONLY_DIR    0x01000000u
#define INOTIFY_NO_FOLLOW   0x02000000u
#define INOTIFY_EXCL_UNLINK 0x04000000u
#define INOTIFY_MASK_CREATE 0x10000000u
#define INOTIFY_MASK_ADD    0x20000000u
#define INOTIFY_ONE_SHOT    0x80000000u
#define INOTIFY_WATCH_BITS  (NOTIFY_EVENTS | INOTIFY_EXCL_UNLINK | INOTIFY_ONE_SHOT)

struct inotify_entry {
    struct list link;
    int32_t watch; /* descriptor; -1: the queue overflowed */
    uint32_t mask, cookie;
    uint32_t name_length;
    char name[]; /* not terminated */
};

struct inotify_watch {
    struct notify_watch watch;
    struct inotify *instance;
    struct rb_node node; /* by number */
    int32_t number;
};

struct inotify {
    struct list all_link;
    struct rb_tree watches;
    uint32_t uid; /* whose limits count it */
    uint32_t watch_count;
    int32_t last_number; /* of a watch; none is used again */
    uint32_t queued, queued_max;
    struct list queue;
    struct inotify_entry overflow; /* in the queue at most once */
    struct wait_queue waiters;
};

struct inotify_limits {
    uint32_t queued_events, instances, watches; /* /proc/sys/fs/inotify; the last two per user */
};
extern struct inotify_limits inotify_limits;

/* ---- inotify.c ---- */

extern const struct file_operations inotify_operations;
/* 0, or -EMFILE: the user has as many as it may. */
int inotify_register(struct inotify *instance, uint32_t uid);
void inotify_destroy(struct inotify *instance);
/*
 * Watches the inode, or changes the watch there. mask: INOTIFY_WATCH_BITS, INOTIFY_MASK_ADD and
 * INOTIFY_MASK_CREATE. The watch's number, -EEXIST, -ENOSPC or -ENOMEM.
 */
int32_t inotify_watch_inode(struct inotify *instance, struct inode *inode, uint32_t mask);
/* 0, or -EINVAL: there is no such watch. */
int inotify_unwatch(struct inotify *instance, int32_t number);
/* All watches in the file system end; notify_lock held. */
void inotify_unmounted(struct filesystem *filesystem, struct notify_watch **dead);

#endif
