/* kernel/fs/notify/notify.c - watches of inodes, and handing events to them. See notify.h. */
#include "kernel/fs/notify/notify.h"

#include "kernel/fs/notify/inotify.h"
#include "kernel/lib/string.h"

struct spinlock notify_lock = SPINLOCK_INIT(RANK_NOTIFY);
uint32_t notify_watch_count;

/* ---- watches ---- */

void notify_watch_add(struct notify_watch *watch, struct inode *inode)
{
    inode_get(inode);
    watch->inode = inode;
    watch->next = inode->watches;
    watch->link = &inode->watches;
    if (watch->next)
        watch->next->link = &watch->next;
    WRITE_ONCE(inode->watches, watch);
    __atomic_fetch_add(&notify_watch_count, 1, __ATOMIC_RELAXED);
}

void notify_watch_remove(struct notify_watch *watch, struct notify_watch **dead)
{
    WRITE_ONCE(*watch->link, watch->next);
    if (watch->next)
        watch->next->link = watch->link;
    watch->next = *dead;
    *dead = watch;
    __atomic_fetch_sub(&notify_watch_count, 1, __ATOMIC_RELAXED);
}

void notify_bury(struct notify_watch *dead)
{
    while (dead) {
        struct notify_watch *watch = dead;
        dead = watch->next;
        inode_put(watch->inode);
        watch->kind->free(watch);
    }
}

/* ---- events ---- */

/* notify_lock is held. */
static void deliver(const struct inode *inode, struct notify_event *event)
{
    struct notify_watch *watch, *next;
    for (watch = inode->watches; watch; watch = next) {
        next = watch->next;
        if (watch->mask & event->mask & NOTIFY_EVENTS)
            watch->kind->event(watch, event);
    }
}

static uint32_t directory_bit(const struct inode *inode)
{
    return inode_is(inode, S_IFDIR) ? NOTIFY_DIRECTORY : 0;
}

void notify_dentry_told(struct dentry *dentry, uint32_t mask, bool unlinked)
{
    char name[NAME_MAX + 1];
    struct inode *inode = dentry->inode;
    struct dentry *parent = NULL;
    if (!inode)
        return;
    struct notify_event event = {.mask = mask | directory_bit(inode), .unlinked = unlinked};
    spin_lock(&dentry->lock);
    if (dentry->parent != dentry && dentry->parent->inode &&
        READ_ONCE(dentry->parent->inode->watches)) {
        parent = dentry->parent;
        dentry_get(parent);
        event.name_length = dentry->name_length;
        memcpy(name, dentry->name, event.name_length);
        name[event.name_length] = '\0';
    }
    spin_unlock(&dentry->lock);
    if (!parent && !READ_ONCE(inode->watches))
        return;
    spin_lock(&notify_lock);
    if (parent) {
        event.name = name;
        deliver(parent->inode, &event);
    }
    event.name = NULL;
    event.name_length = 0;
    deliver(inode, &event);
    spin_unlock(&notify_lock);
    notify_bury(event.dead);
    if (parent)
        dentry_put(parent);
}

void notify_file_told(struct file *file, uint32_t mask)
{
    if (file->dentry && !(file->flags & O_PATH))
        notify_dentry_told(file->dentry, mask, READ_ONCE(file->dentry->deleted));
}

static void deliver_to(struct inode *inode, struct notify_event *event)
{
    if (!READ_ONCE(inode->watches))
        return;
    spin_lock(&notify_lock);
    deliver(inode, event);
    spin_unlock(&notify_lock);
    notify_bury(event->dead);
}

void notify_inode_told(struct inode *inode, uint32_t mask)
{
    struct notify_event event = {.mask = mask | directory_bit(inode)};
    deliver_to(inode, &event);
}

void notify_entry_told(struct inode *directory, const char *name, size_t length,
                       const struct inode *inode, uint32_t mask, uint32_t cookie)
{
    struct notify_event event = {
        .mask = mask | directory_bit(inode), .cookie = cookie, .name = name, .name_length = length};
    deliver_to(directory, &event);
}

void notify_gone_told(struct inode *inode)
{
    struct notify_event event = {.mask = NOTIFY_DELETE_SELF | directory_bit(inode)};
    if (!READ_ONCE(inode->watches))
        return;
    spin_lock(&notify_lock);
    deliver(inode, &event);
    while (inode->watches)
        inode->watches->kind->gone(inode->watches, &event);
    spin_unlock(&notify_lock);
    notify_bury(event.dead);
}

void notify_unmounted_told(struct filesystem *filesystem)
{
    struct notify_watch *dead = NULL;
    spin_lock(&notify_lock);
    inotify_unmounted(filesystem, &dead);
    spin_unlock(&notify_lock);
    notify_bury(dead);
}

uint32_t notify_next_cookie(void)
{
    static uint32_t last;
    return __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}
