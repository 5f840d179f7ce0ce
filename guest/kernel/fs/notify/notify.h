/*
 * kernel/fs/notify/notify.h - telling those who watch an inode what happened to it. The places
 * where things happen call the inline functions here, which test one flag while nobody watches
 * anything. A watch sees what happens to its inode and, if that is a directory, to what is in it,
 * with the name there.
 *
 * Locks: notify_lock (spinlock, RANK_NOTIFY) guards all watches, their masks and the queues of who
 * is told. The functions take it; they may be called with mutexes held, but not with spinlocks of
 * its rank or above.
 *
 * Lifetime: a watch holds its inode, until it is removed by its owner, or the inode lost its last
 * name and its last user, or its file system was unmounted.
 */
#ifndef KERNEL_FS_NOTIFY_NOTIFY_H
#define KERNEL_FS_NOTIFY_NOTIFY_H

#include "kernel/fs/inode.h"

/* Events, with inotify's values. */
#define NOTIFY_ACCESS      0x1u
#define NOTIFY_MODIFY      0x2u
#define NOTIFY_ATTRIBUTES  0x4u
#define NOTIFY_CLOSE_WRITE 0x8u
#define NOTIFY_CLOSE       0x10u /* of a file that was not open for writing */
#define NOTIFY_OPEN        0x20u
#define NOTIFY_MOVED_FROM  0x40u
#define NOTIFY_MOVED_TO    0x80u
#define NOTIFY_CREATE      0x100u
#define NOTIFY_DELETE      0x200u
#define NOTIFY_DELETE_SELF 0x400u
#define NOTIFY_MOVE_SELF   0x800u
#define NOTIFY_EVENTS      0xfffu
#define NOTIFY_UNMOUNT     0x2000u
#define NOTIFY_DIRECTORY   0x40000000u /* with an event: it happened to a directory */

struct notify_event {
    uint32_t mask;    /* one event, perhaps with NOTIFY_DIRECTORY */
    uint32_t cookie;  /* the same in both halves of a rename; else 0 */
    const char *name; /* in the watched directory; NULL: it is about the watched inode itself */
    size_t name_length;
    bool unlinked;             /* it came through an open file whose name is gone */
    struct notify_watch *dead; /* watches that were removed meanwhile, through `next` */
};

struct notify_watch;
struct notify_kind {
    /* An event of the watch's mask. It may remove the watch. notify_lock is held. */
    void (*event)(struct notify_watch *watch, struct notify_event *event);
    /* There is nothing to watch any more: removes the watch. notify_lock is held. */
    void (*gone)(struct notify_watch *watch, struct notify_event *event);
    void (*free)(struct notify_watch *watch); /* after its inode was given back; without locks */
};

struct notify_watch {
    const struct notify_kind *kind;
    struct inode *inode;               /* counted */
    uint32_t mask;                     /* events; and bits above them that the kind defines */
    struct notify_watch *next, **link; /* inode->watches; `next` also in a list of dead ones */
};

extern struct spinlock notify_lock;
extern uint32_t notify_watch_count; /* of all inodes; atomic */

/* ---- for who watches; notify_lock held ---- */

/* Counts the inode. */
void notify_watch_add(struct notify_watch *watch, struct inode *inode);
/* Takes it off its inode; it ends in notify_bury(). */
void notify_watch_remove(struct notify_watch *watch, struct notify_watch **dead);
/* Without the lock: gives back what removed watches held, and frees them. */
void notify_bury(struct notify_watch *dead);

/* ---- for where things happen ---- */

void notify_dentry_told(struct dentry *dentry, uint32_t mask, bool unlinked);
void notify_file_told(struct file *file, uint32_t mask);
void notify_inode_told(struct inode *inode, uint32_t mask);
void notify_entry_told(struct inode *directory, const char *name, size_t length,
                       const struct inode *inode, uint32_t mask, uint32_t cookie);
void notify_gone_told(struct inode *inode);
void notify_unmounted_told(struct filesystem *filesystem);
uint32_t notify_next_cookie(void);

static inline bool notify_wanted(void)
{
    return unlikely(READ_ONCE(notify_watch_count) != 0);
}

/* To the file's inode, and to its directory under its name. */
static inline void notify_file(struct file *file, uint32_t event)
{
    if (notify_wanted())
        notify_file_told(file, event);
}
/* The same by its name; NULL is fine. */
static inline void notify_dentry(struct dentry *dentry, uint32_t event)
{
    if (notify_wanted() && dentry)
        notify_dentry_told(dentry, event, false);
}
/* To the inode alone. */
static inline void notify_inode(struct inode *inode, uint32_t event)
{
    if (notify_wanted())
        notify_inode_told(inode, event);
}
/* To a directory: of its entry of that name, which stands or stood for `inode`. */
static inline void notify_entry(struct inode *directory, const char *name, size_t length,
                                const struct inode *inode, uint32_t event, uint32_t cookie)
{
    if (notify_wanted())
        notify_entry_told(directory, name, length, inode, event, cookie);
}
/* A name of the inode went, with whoever held it: was it the last one? */
static inline void notify_name_gone(struct inode *inode)
{
    if (notify_wanted() && !inode->links)
        notify_gone_told(inode);
}
/* The file system shows nowhere any more. */
static inline void notify_unmounted(struct filesystem *filesystem)
{
    if (notify_wanted())
        notify_unmounted_told(filesystem);
}

#endif
