/*
 * kernel/fs/notify/inotify.c - instances of inotify: watches, the queue of events, and reading it.
 *
 * An event that is equal to the youngest one in the queue is not added. Above the limit one event
 * says that some are missing.
 */
#include "kernel/fs/notify/inotify.h"

#include "arch/cpu.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/proc/text.h"
#include "kernel/fs/tty/termios.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/sched/task.h"

#define HEADER_BYTES 16u
#define NAME_UNIT    16u

/* struct inotify_event without its name. */
struct linux_event {
    int32_t watch;
    uint32_t mask, cookie, name_bytes;
};
_Static_assert(sizeof(struct linux_event) == HEADER_BYTES, "ABI");

struct inotify_limits inotify_limits = {.queued_events = 16384, .instances = 128, .watches = 65536};

static struct list instances = LIST_INIT(instances); /* notify_lock */
static const struct notify_kind kind;

static struct inotify_watch *watch_of(struct notify_watch *watch)
{
    return container_of(watch, struct inotify_watch, watch);
}

/* ---- the queue; notify_lock held ---- */

/* Room for the name with at least one NUL behind it. */
static uint32_t name_bytes(const struct inotify_entry *entry)
{
    return entry->name_length ? (entry->name_length + NAME_UNIT) & ~(NAME_UNIT - 1) : 0;
}

static void queue_append(struct inotify *instance, struct inotify_entry *entry)
{
    list_push_back(&instance->queue, &entry->link);
    instance->queued++;
    wake_up_all(&instance->waiters);
}

static void queue_overflow(struct inotify *instance)
{
    if (list_empty(&instance->overflow.link))
        queue_append(instance, &instance->overflow);
}

/* The youngest event says the same already. */
static bool is_repeated(const struct inotify *instance, int32_t number, uint32_t mask,
                        const char *name, size_t length)
{
    if (list_empty(&instance->queue))
        return false;
    const struct inotify_entry *last =
        list_entry(instance->queue.previous, struct inotify_entry, link);
    return last->watch == number && last->mask == mask && last->name_length == length &&
           !memcmp(last->name, name, length);
}

static void queue_event(struct inotify *instance, int32_t number, uint32_t mask, uint32_t cookie,
                        const char *name, size_t length)
{
    if (instance->queued >= instance->queued_max) {
        queue_overflow(instance);
        return;
    }
    if (is_repeated(instance, number, mask, name, length))
        return;
    struct inotify_entry *entry = kmalloc(sizeof(*entry) + length);
    if (!entry) {
        queue_overflow(instance);
        return;
    }
    entry->watch = number;
    entry->mask = mask;
    entry->cookie = cookie;
    entry->name_length = (uint32_t)length;
    memcpy(entry->name, name, length);
    queue_append(instance, entry);
}

/* ---- watches ---- */

/* notify_lock held; says so in the queue. */
static void watch_end(struct inotify_watch *watch, struct notify_watch **dead)
{
    struct inotify *instance = watch->instance;
    queue_event(instance, watch->number, INOTIFY_IGNORED, 0, "", 0);
    rb_remove(&instance->watches, &watch->node);
    instance->watch_count--;
    notify_watch_remove(&watch->watch, dead);
}

static void watch_event(struct notify_watch *base, struct notify_event *event)
{
    struct inotify_watch *watch = watch_of(base);
    uint32_t mask = event->mask;
    if (base->mask & INOTIFY_EXCL_UNLINK && event->unlinked)
        return;
    if (mask & (NOTIFY_DELETE_SELF | NOTIFY_MOVE_SELF))
        mask &= ~NOTIFY_DIRECTORY; /* never told with these */
    queue_event(watch->instance, watch->number, mask, event->cookie, event->name ? event->name : "",
                event->name_length);
    if (base->mask & INOTIFY_ONE_SHOT)
        watch_end(watch, &event->dead);
}

static void watch_gone(struct notify_watch *watch, struct notify_event *event)
{
    watch_end(watch_of(watch), &event->dead);
}

static void watch_free(struct notify_watch *watch)
{
    kfree(watch_of(watch));
}

static const struct notify_kind kind = {
    .event = watch_event, .gone = watch_gone, .free = watch_free};

static uint32_t watches_of_user(uint32_t uid)
{
    struct inotify *instance;
    uint32_t count = 0;
    list_for_each(instance, &instances, all_link)
    {
        if (instance->uid == uid)
            count += instance->watch_count;
    }
    return count;
}

static struct inotify_watch *find_by_inode(const struct inotify *instance,
                                           const struct inode *inode)
{
    for (struct notify_watch *watch = inode->watches; watch; watch = watch->next) {
        if (watch->kind == &kind && watch_of(watch)->instance == instance)
            return watch_of(watch);
    }
    return NULL;
}

static int32_t change_watch(struct inotify_watch *watch, uint32_t mask)
{
    if (mask & INOTIFY_MASK_CREATE)
        return -EEXIST;
    if (mask & INOTIFY_MASK_ADD)
        watch->watch.mask |= mask & INOTIFY_WATCH_BITS;
    else
        watch->watch.mask = mask & INOTIFY_WATCH_BITS;
    return watch->number;
}

static int32_t insert_watch(struct inotify *instance, struct inotify_watch *watch,
                            struct inode *inode, uint32_t mask)
{
    if (instance->last_number == INT32_MAX)
        return -ENOSPC;
    instance->last_number++; /* taken also by one that there is no room for */
    if (watches_of_user(instance->uid) >= READ_ONCE(inotify_limits.watches))
        return -ENOSPC;
    watch->watch.kind = &kind;
    watch->watch.mask = mask & INOTIFY_WATCH_BITS;
    watch->instance = instance;
    watch->number = instance->last_number;
    struct rb_node **link = &instance->watches.root, *parent = NULL;
    while (*link) { /* the largest number so far */
        parent = *link;
        link = &parent->right;
    }
    rb_insert(&instance->watches, &watch->node, parent, link);
    instance->watch_count++;
    notify_watch_add(&watch->watch, inode);
    return watch->number;
}

int32_t inotify_watch_inode(struct inotify *instance, struct inode *inode, uint32_t mask)
{
    struct inotify_watch *fresh = kmalloc(sizeof(*fresh));
    if (!fresh)
        return -ENOMEM;
    spin_lock(&notify_lock);
    struct inotify_watch *there = find_by_inode(instance, inode);
    int32_t result = there ? change_watch(there, mask) : insert_watch(instance, fresh, inode, mask);
    spin_unlock(&notify_lock);
    if (there || result < 0)
        kfree(fresh);
    return result;
}

int inotify_unwatch(struct inotify *instance, int32_t number)
{
    struct notify_watch *dead = NULL;
    spin_lock(&notify_lock);
    struct rb_node *at = instance->watches.root;
    while (at && rb_entry(at, struct inotify_watch, node)->number != number)
        at = number < rb_entry(at, struct inotify_watch, node)->number ? at->left : at->right;
    if (at)
        watch_end(rb_entry(at, struct inotify_watch, node), &dead);
    spin_unlock(&notify_lock);
    notify_bury(dead);
    return at ? 0 : -EINVAL;
}

void inotify_unmounted(struct filesystem *filesystem, struct notify_watch **dead)
{
    struct inotify *instance;
    list_for_each(instance, &instances, all_link)
    {
        struct rb_node *next; /* the youngest first, as Linux mostly does */
        for (struct rb_node *at = rb_last(&instance->watches); at; at = next) {
            struct inotify_watch *watch = rb_entry(at, struct inotify_watch, node);
            const struct inode *inode = watch->watch.inode;
            next = rb_previous(at);
            if (inode->filesystem != filesystem)
                continue;
            queue_event(instance, watch->number,
                        NOTIFY_UNMOUNT | (inode_is(inode, S_IFDIR) ? NOTIFY_DIRECTORY : 0), 0, "",
                        0);
            watch_end(watch, dead);
        }
    }
}

/* ---- instances ---- */

int inotify_register(struct inotify *instance, uint32_t uid)
{
    const struct inotify *other;
    uint32_t count = 0;
    memset(instance, 0, sizeof(*instance));
    instance->uid = uid;
    instance->queued_max = READ_ONCE(inotify_limits.queued_events);
    list_init(&instance->queue);
    list_init(&instance->overflow.link);
    instance->overflow.watch = -1;
    instance->overflow.mask = INOTIFY_OVERFLOW;
    wait_queue_init(&instance->waiters);
    spin_lock(&notify_lock);
    list_for_each(other, &instances, all_link) count += other->uid == uid;
    bool full = count >= READ_ONCE(inotify_limits.instances);
    if (!full)
        list_push_back(&instances, &instance->all_link);
    spin_unlock(&notify_lock);
    return full ? -EMFILE : 0;
}

void inotify_destroy(struct inotify *instance)
{
    struct notify_watch *dead;
    struct inotify_entry *entry, *following;
    bool more = true;
    spin_lock(&notify_lock);
    list_remove(&instance->all_link);
    spin_unlock(&notify_lock);
    while (more) { /* in pieces: there may be many */
        dead = NULL;
        spin_lock(&notify_lock);
        for (unsigned i = 0; i < 64 && instance->watches.root; i++) {
            struct inotify_watch *watch =
                rb_entry(instance->watches.root, struct inotify_watch, node);
            rb_remove(&instance->watches, &watch->node);
            notify_watch_remove(&watch->watch, &dead);
        }
        more = instance->watches.root != NULL;
        spin_unlock(&notify_lock);
        notify_bury(dead);
        preemption_point();
    }
    list_for_each_safe(entry, following, &instance->queue, link)
    {
        if (entry != &instance->overflow)
            kfree(entry);
    }
    kfree(instance);
}

static void inotify_release(struct file *file)
{
    inotify_destroy(file->private_data);
}

/* ---- reading ---- */

/* In this piece of a vectored read; events do not cross from one into the next, as each would be a
 * read of its own. */
static uint64_t room_in_piece(const struct io_buffer *buffer)
{
    if (buffer->piece || !buffer->remaining)
        return buffer->piece;
    return buffer->following->bytes;
}

/* Takes the oldest event off the queue. *ret NULL: there is none. -EINVAL: it is larger. */
static int take_event(struct inotify *instance, uint64_t room, struct inotify_entry **ret)
{
    int error = 0;
    *ret = NULL;
    spin_lock(&notify_lock);
    if (!list_empty(&instance->queue)) {
        struct inotify_entry *entry = list_first(&instance->queue, struct inotify_entry, link);
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed has been taken off before */
        if (HEADER_BYTES + name_bytes(entry) > room) {
            error = -EINVAL;
        } else {
            list_remove(&entry->link);
            instance->queued--;
            *ret = entry;
        }
    }
    spin_unlock(&notify_lock);
    return error;
}

static int copy_event(const struct inotify_entry *entry, struct io_buffer *buffer)
{
    struct linux_event event = {entry->watch, entry->mask, entry->cookie, name_bytes(entry)};
    size_t rest = event.name_bytes - entry->name_length;
    if (io_copy_to(buffer, &event, sizeof(event)) != sizeof(event) ||
        io_copy_to(buffer, entry->name, entry->name_length) != entry->name_length ||
        io_zero(buffer, rest) != rest)
        return -EFAULT;
    return 0;
}

static ssize_t inotify_read(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    struct inotify *instance = file->private_data;
    uint64_t wanted = buffer->remaining;
    struct inotify_entry *entry;
    unsigned count = 0;
    (void)position;
    for (;;) {
        int error = take_event(instance, room_in_piece(buffer), &entry);
        if (entry) {
            error = copy_event(entry, buffer);
            if (entry != &instance->overflow)
                kfree(entry);
            if (error)
                return error;
            if (++count % 64 == 0)
                preemption_point();
            continue;
        }
        if (buffer->remaining < wanted)
            return (ssize_t)(wanted - buffer->remaining);
        if (error)
            return error;
        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        error = wait_event(&instance->waiters, WAIT_EVENT, (uint64_t)instance, WAIT_INTERRUPTIBLE,
                           0, READ_ONCE(instance->queued) != 0);
        if (error)
            return error;
    }
}

static uint32_t inotify_poll(struct file *file, struct poll_table *table)
{
    struct inotify *instance = file->private_data;
    poll_wait(table, &instance->waiters);
    return READ_ONCE(instance->queued) ? POLLIN | POLLRDNORM : 0;
}

static int64_t inotify_ioctl(struct file *file, uint32_t command, uint64_t argument)
{
    struct inotify *instance = file->private_data;
    const struct inotify_entry *entry;
    int32_t bytes = 0;
    if (command != FIONREAD)
        return -ENOTTY;
    spin_lock(&notify_lock);
    list_for_each(entry, &instance->queue, link) bytes +=
        (int32_t)(HEADER_BYTES + name_bytes(entry));
    spin_unlock(&notify_lock);
    return put_user(bytes, argument);
}

/* The first one behind that number; notify_lock held. */
static struct inotify_watch *next_watch(const struct inotify *instance, int32_t number)
{
    struct inotify_watch *found = NULL;
    for (struct rb_node *at = instance->watches.root; at;) {
        struct inotify_watch *watch = rb_entry(at, struct inotify_watch, node);
        if (watch->number > number)
            found = watch;
        at = watch->number > number ? at->left : at->right;
    }
    return found;
}

/* One at a time: the text may have to grow, not under a spinlock. */
static void inotify_show_details(struct file *file, struct proc_text *text,
                                 const struct pid_namespace *namespace __attribute__((unused)))
{
    struct inotify *instance = file->private_data;
    int32_t number = 0;
    for (;;) {
        uint64_t inode_number = 0;
        uint32_t device = 0, mask = 0;
        spin_lock(&notify_lock);
        const struct inotify_watch *watch = next_watch(instance, number);
        if (watch) {
            number = watch->number;
            inode_number = watch->watch.inode->number;
            device = watch->watch.inode->filesystem->device;
            mask = watch->watch.mask & INOTIFY_WATCH_BITS;
        }
        spin_unlock(&notify_lock);
        if (!watch)
            return;
        text_print(text, "inotify wd:%x ino:%lx sdev:%x mask:%x ignored_mask:0 \n", number,
                   inode_number, device, mask);
    }
}

const struct file_operations inotify_operations = {
    .kind = "anon_inode:inotify",
    .read = inotify_read,
    .poll = inotify_poll,
    .ioctl = inotify_ioctl,
    .release = inotify_release,
    .show_details = inotify_show_details,
};
