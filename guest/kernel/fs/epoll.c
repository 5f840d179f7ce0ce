/*
 * kernel/fs/epoll.c - epoll(7): a set of watched files whose watchers stay registered, so that
 * waiting costs by the number of events, not of files.
 *
 * Each item registers on the wait queues of its file with waiter.notify, which moves the item to
 * the instance's ready list and wakes a waiter. epoll_wait() takes items off that list, asks each
 * file for its real state, and puts level-triggered ones back.
 *
 * Locks, in order: links_lock (which instances watch which files; only epoll_ctl and closing take
 * it), the instance's `lock` (interest tree; held while events are collected, so that no watched
 * file is freed then), and `ready_lock`, a spinlock taken inside wake-ups. An item does not keep
 * its file alive: the last file_put() calls epoll_forget_file(). An instance may watch another one
 * that watches none itself: the ranks are raised for the outer one, and deeper nesting is refused
 * with ELOOP (Linux allows five levels).
 */
#include "kernel/fs/epoll.h"

#include "arch/layout.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/poll_time.h"
#include "kernel/lib/rbtree.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/sched/task.h"
#include "kernel/syscall/syscall.h"

#define EPOLL_CTL_ADD      1
#define EPOLL_CTL_DEL      2
#define EPOLL_CTL_MOD      3
#define EPOLLEXCLUSIVE     (1u << 28)
#define EPOLLWAKEUP        (1u << 29)
#define EPOLLONESHOT       (1u << 30)
#define EPOLLET            (1u << 31)
#define EPOLL_CONTROL_BITS (EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET)
#define EPOLLEXCLUSIVE_ALLOWED                                                                     \
    (POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP | EPOLLWAKEUP | EPOLLET |      \
     EPOLLEXCLUSIVE)
#define EPOLL_EVENTS_MAX ((uint32_t)(INT32_MAX / sizeof(struct linux_epoll_event)))
#define ITEM_QUEUES      2 /* the most that a poll operation registers with */

struct linux_epoll_event {
    uint32_t events;
    uint64_t data;
} __attribute__((packed));

struct epoll_registration {
    struct waiter waiter;
    struct wait_queue *queue;
    struct epoll_item *item;
};

struct epoll_item {
    struct rb_node node; /* epoll->lock; by file, then fd */
    struct epoll *epoll;
    struct file *file; /* not counted */
    int fd;
    uint32_t events; /* epoll->lock; 0 after a one-shot event */
    uint64_t data;
    struct epoll_item *next_of_file, **link_of_file; /* links_lock; file->epoll_items */
    struct list ready_link;                          /* ready_lock */
    struct poll_table table;                         /* while registering */
    bool too_many_queues;
    uint32_t queue_count;
    struct epoll_registration registrations[ITEM_QUEUES];
};

struct epoll {
    struct mutex lock; /* RANK_EPOLL, or RANK_EPOLL_OUTER */
    struct rb_tree items;
    struct spinlock ready_lock; /* RANK_EPOLL_READY, or _OUTER_ */
    struct list ready;
    struct wait_queue
        waiters; /* RANK_EPOLL_QUEUE, or _OUTER_; epoll_wait() and whoever polls the instance */
    bool outer;  /* links_lock: watches, or once watched, another instance */
    bool inner;  /* links_lock: is, or once was, watched by one */
};

static struct object_cache item_cache = OBJECT_CACHE_INIT("epoll_item", struct epoll_item);

static struct mutex links_lock = {
    .rank = RANK_EPOLL_LINKS,
    .waiters = {SPINLOCK_INIT(RANK_WAIT_QUEUE), LIST_INIT(links_lock.waiters.waiters)},
};

static const struct file_operations epoll_operations;

/* ---- items ---- */

static bool ready_add(struct epoll_item *item)
{
    struct epoll *epoll = item->epoll;

    spin_lock(&epoll->ready_lock);
    bool added = list_empty(&item->ready_link);
    if (added)
        list_push_back(&epoll->ready, &item->ready_link);
    spin_unlock(&epoll->ready_lock);
    return added;
}

static void item_notify(struct waiter *waiter)
{
    struct epoll_registration *registration =
        container_of(waiter, struct epoll_registration, waiter);
    struct epoll *epoll = registration->item->epoll;

    ready_add(registration->item);
    wake_up_one(&epoll->waiters);
}

static void item_add_queue(struct poll_table *table, struct wait_queue *queue)
{
    struct epoll_item *item = container_of(table, struct epoll_item, table);

    if (item->queue_count == ITEM_QUEUES) {
        item->too_many_queues = true;
        return;
    }
    struct epoll_registration *registration = &item->registrations[item->queue_count++];
    registration->queue = queue;
    registration->item = item;
    waiter_init(&registration->waiter);
    registration->waiter.task = NULL;
    registration->waiter.exclusive = false;
    registration->waiter.notify = item_notify;
    spin_lock(&queue->lock);
    registration->waiter.queue = queue;
    list_push_front(&queue->waiters, &registration->waiter.link);
    spin_unlock(&queue->lock);
}

static uint32_t item_state(struct epoll_item *item, struct poll_table *table)
{
    return item->file->operations->poll(item->file, table) & item->events;
}

/* After this no wake-up reaches the item. */
static void item_unregister(struct epoll_item *item)
{
    for (uint32_t i = 0; i < item->queue_count; i++) {
        struct epoll_registration *registration = &item->registrations[i];
        spin_lock(&registration->queue->lock);
        list_remove(&registration->waiter.link);
        registration->waiter.queue = NULL;
        spin_unlock(&registration->queue->lock);
    }
    item->queue_count = 0;
    spin_lock(&item->epoll->ready_lock);
    list_remove(&item->ready_link);
    spin_unlock(&item->epoll->ready_lock);
}

/* links_lock and epoll->lock held. */
static void item_destroy(struct epoll_item *item)
{
    item_unregister(item);
    rb_remove(&item->epoll->items, &item->node);
    *item->link_of_file = item->next_of_file;
    if (item->next_of_file)
        item->next_of_file->link_of_file = item->link_of_file;
    object_cache_free(&item_cache, item);
}

static int item_compare(const struct epoll_item *item, const struct file *file, int fd)
{
    if (item->file != file)
        return (uint64_t)file < (uint64_t)item->file ? -1 : 1;
    return fd == item->fd ? 0 : fd < item->fd ? -1 : 1;
}

static struct epoll_item *item_find(struct epoll *epoll, const struct file *file, int fd,
                                    struct rb_node **ret_parent, struct rb_node ***ret_link)
{
    struct rb_node *parent = NULL, **link = &epoll->items.root;

    while (*link) {
        struct epoll_item *item = rb_entry(*link, struct epoll_item, node);
        int order = item_compare(item, file, fd);
        if (!order)
            return item;
        parent = *link;
        link = order < 0 ? &parent->left : &parent->right;
    }
    *ret_parent = parent;
    *ret_link = link;
    return NULL;
}

COLD void epoll_forget_file(struct file *file)
{
    mutex_lock(&links_lock);
    while (file->epoll_items) {
        struct epoll_item *item = file->epoll_items;
        struct epoll *epoll = item->epoll;
        mutex_lock(&epoll->lock);
        item_destroy(item);
        mutex_unlock(&epoll->lock);
    }
    mutex_unlock(&links_lock);
}

/* ---- epoll_ctl ---- */

/* links_lock and epoll->lock held. */
static int epoll_add(struct epoll *epoll, struct file *file, int fd,
                     const struct linux_epoll_event *event, struct rb_node *parent,
                     struct rb_node **link)
{
    struct epoll_item *item = object_cache_allocate(&item_cache);
    if (!item)
        return -ENOMEM;
    memset(item, 0, sizeof(*item));
    item->epoll = epoll;
    item->file = file;
    item->fd = fd;
    item->events = event->events | POLLERR | POLLHUP;
    item->data = event->data;
    list_init(&item->ready_link);
    item->table.add = item_add_queue;
    rb_insert(&epoll->items, &item->node, parent, link);
    item->next_of_file = file->epoll_items;
    item->link_of_file = &file->epoll_items;
    if (item->next_of_file)
        item->next_of_file->link_of_file = &item->next_of_file;
    file->epoll_items = item;

    uint32_t state = item_state(item, &item->table);
    if (item->too_many_queues) {
        item_destroy(item);
        return -ENOMEM;
    }
    if (state) {
        ready_add(item);
        wake_up_one(&epoll->waiters);
    }
    return 0;
}

static void epoll_modify(struct epoll *epoll, struct epoll_item *item,
                         const struct linux_epoll_event *event)
{
    item->events = event->events | POLLERR | POLLHUP;
    item->data = event->data;
    if (item_state(item, NULL)) {
        ready_add(item);
        wake_up_one(&epoll->waiters);
    }
}

/* links_lock held: may `epoll` watch the instance `target`? Raises its ranks the first time it
 * does. */
static int check_nesting(struct epoll *epoll, struct epoll *target)
{
    if (target->outer || epoll->inner)
        return -ELOOP;
    if (!epoll->outer) {
        epoll->outer =
            true; /* ranks matter to the lock checker only, so they may change under its users */
        epoll->ready_lock.rank = RANK_EPOLL_OUTER_READY;
        epoll->waiters.lock.rank = RANK_EPOLL_OUTER_QUEUE;
        epoll->lock.rank = RANK_EPOLL_OUTER;
    }
    target->inner = true;
    return 0;
}

static int64_t epoll_control(struct file *epoll_file, int operation, struct file *file, int fd,
                             struct linux_epoll_event *event)
{
    if (epoll_file->flags & O_PATH || file->flags & O_PATH)
        return -EBADF;
    if (!file->operations->poll)
        return -EPERM;
    if (epoll_file->operations != &epoll_operations || file == epoll_file)
        return -EINVAL;
    if (operation != EPOLL_CTL_DEL && event->events & EPOLLEXCLUSIVE) {
        if (operation == EPOLL_CTL_MOD || file->operations == &epoll_operations ||
            event->events & ~EPOLLEXCLUSIVE_ALLOWED)
            return -EINVAL;
    }
    struct epoll *epoll = epoll_file->private_data;
    int64_t result = 0;
    mutex_lock(&links_lock);
    if (operation == EPOLL_CTL_ADD && file->operations == &epoll_operations)
        result = check_nesting(epoll, file->private_data);
    if (!result) {
        struct rb_node *parent, **link;
        mutex_lock(&epoll->lock);
        struct epoll_item *item = item_find(epoll, file, fd, &parent, &link);
        switch (operation) {
        case EPOLL_CTL_ADD:
            result = item ? -EEXIST : epoll_add(epoll, file, fd, event, parent, link);
            break;
        case EPOLL_CTL_DEL:
            if (item)
                item_destroy(item);
            else
                result = -ENOENT;
            break;
        case EPOLL_CTL_MOD:
            if (item)
                epoll_modify(epoll, item, event);
            else
                result = -ENOENT;
            break;
        default:
            result = -EINVAL;
        }
        mutex_unlock(&epoll->lock);
    }
    mutex_unlock(&links_lock);
    return result;
}

SYSCALL4(epoll_ctl, int, epoll_fd, int, operation, int, fd, uint64_t, address)
{
    struct linux_epoll_event event = {0, 0};
    bool epoll_counted, counted;
    int64_t result = -EBADF;

    if (operation != EPOLL_CTL_DEL && get_user(event, address))
        return -EFAULT;
    struct file *epoll_file = file_borrow(epoll_fd, &epoll_counted);
    if (!epoll_file)
        return -EBADF;
    struct file *file = file_borrow(fd, &counted);
    if (file) {
        result = epoll_control(epoll_file, operation, file, fd, &event);
        file_return(file, counted);
    }
    file_return(epoll_file, epoll_counted);
    return result;
}

/* ---- epoll_wait ---- */

static struct epoll_item *ready_take(struct epoll *epoll, struct list *from)
{
    struct epoll_item *item = NULL;

    spin_lock(&epoll->ready_lock);
    if (!list_empty(from)) {
        item = list_first(from, struct epoll_item, ready_link);
        list_remove(&item->ready_link);
    }
    spin_unlock(&epoll->ready_lock);
    return item;
}

/* Copies events of ready items to the user. How many, or -EFAULT if not even one. */
static int64_t collect(struct epoll *epoll, uint64_t address, uint32_t limit)
{
    struct list taken = LIST_INIT(taken);
    struct epoll_item *item;
    int64_t count = 0;

    mutex_lock(&epoll->lock);
    /* One round over what is ready now; what becomes ready meanwhile stays for the next call. */
    spin_lock(&epoll->ready_lock);
    if (!list_empty(&epoll->ready)) {
        list_insert_between(&taken, epoll->ready.previous, epoll->ready.next);
        list_init(&epoll->ready);
    }
    spin_unlock(&epoll->ready_lock);
    while ((uint32_t)count < limit && (item = ready_take(epoll, &taken))) {
        struct linux_epoll_event event = {.events = item_state(item, NULL), .data = item->data};
        if (!event.events)
            continue;
        if (put_user(event, address + (uint64_t)count * sizeof(event))) {
            ready_add(item);
            if (!count)
                count = -EFAULT;
            break;
        }
        count++;
        if (item->events & EPOLLONESHOT)
            item->events &= EPOLL_CONTROL_BITS;
        else if (!(item->events & EPOLLET))
            ready_add(item);
    }
    /* What did not fit comes first the next time. */
    spin_lock(&epoll->ready_lock);
    while (!list_empty(&taken)) {
        item = list_entry(taken.previous, struct epoll_item, ready_link);
        list_remove(&item->ready_link);
        list_push_front(&epoll->ready, &item->ready_link);
    }
    bool more = !list_empty(&epoll->ready);
    spin_unlock(&epoll->ready_lock);
    mutex_unlock(&epoll->lock);
    if (more && count > 0)
        wake_up_one(&epoll->waiters);
    return count;
}

static int64_t epoll_wait_file(struct file *file, uint64_t address, int32_t limit,
                               uint64_t deadline_ns)
{
    struct epoll *epoll = file->private_data;

    for (;;) {
        int64_t result = collect(epoll, address, (uint32_t)limit);
        if (result || deadline_ns == POLL_NO_WAIT)
            return result;
        int error =
            wait_event_mode(&epoll->waiters, WAIT_EVENT, (uint64_t)epoll, WAIT_INTERRUPTIBLE,
                            deadline_ns, true, !list_empty(&epoll->ready));
        if (error == -ETIMEDOUT)
            return collect(epoll, address, (uint32_t)limit);
        if (error)
            return -EINTR;
    }
}

static int64_t epoll_wait_call(int fd, uint64_t address, int32_t limit, uint64_t deadline_ns)
{
    bool counted;
    int64_t result;

    if (limit <= 0 || (uint32_t)limit > EPOLL_EVENTS_MAX)
        return -EINVAL;
    if (!user_range_valid(address, (uint64_t)limit * sizeof(struct linux_epoll_event)))
        return -EFAULT;
    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    if (file->flags & O_PATH)
        result = -EBADF;
    else if (file->operations != &epoll_operations)
        result = -EINVAL;
    else
        result = epoll_wait_file(file, address, limit, deadline_ns);
    file_return(file, counted);
    return result;
}

SYSCALL4(epoll_wait, int, fd, uint64_t, address, int32_t, limit, int32_t, timeout_ms)
{
    return epoll_wait_call(fd, address, limit, poll_deadline_ms(timeout_ms));
}

SYSCALL6(epoll_pwait, int, fd, uint64_t, address, int32_t, limit, int32_t, timeout_ms, uint64_t,
         mask, uint64_t, mask_bytes)
{
    int64_t result = poll_mask_enter(mask, mask_bytes);
    if (result)
        return result;
    result = epoll_wait_call(fd, address, limit, poll_deadline_ms(timeout_ms));
    poll_mask_leave(mask, result == -EINTR);
    return result;
}

SYSCALL6(epoll_pwait2, int, fd, uint64_t, address, int32_t, limit, uint64_t, timeout, uint64_t,
         mask, uint64_t, mask_bytes)
{
    uint64_t deadline_ns;
    int64_t result = poll_deadline_timespec(timeout, &deadline_ns);
    if (!result)
        result = poll_mask_enter(mask, mask_bytes);
    if (result)
        return result;
    result = epoll_wait_call(fd, address, limit, deadline_ns);
    poll_mask_leave(mask, result == -EINTR);
    return result;
}

/* ---- the instance as a file ---- */

static uint32_t epoll_poll(struct file *file, struct poll_table *table)
{
    struct epoll *epoll = file->private_data;
    struct epoll_item *item;
    uint32_t mask = 0;

    poll_wait(table, &epoll->waiters);
    if (list_empty(&epoll->ready))
        return 0;
    mutex_lock(&epoll->lock);
    spin_lock(&epoll->ready_lock);
    struct list *link = epoll->ready.next;
    spin_unlock(&epoll->ready_lock);
    /* Only holders of epoll->lock remove items, so the list can be walked while others append. */
    while (link != &epoll->ready && !mask) {
        item = list_entry(link, struct epoll_item, ready_link);
        if (item_state(item, NULL))
            mask = POLLIN | POLLRDNORM;
        link = READ_ONCE(link->next);
    }
    mutex_unlock(&epoll->lock);
    return mask;
}

static void epoll_release(struct file *file)
{
    struct epoll *epoll = file->private_data;
    struct rb_node *node;

    mutex_lock(&links_lock);
    mutex_lock(&epoll->lock);
    while ((node = rb_first(&epoll->items)))
        item_destroy(rb_entry(node, struct epoll_item, node));
    mutex_unlock(&epoll->lock);
    mutex_unlock(&links_lock);
    kfree(epoll);
}

static const struct file_operations epoll_operations = {
    .kind = "anon_inode:[eventpoll]",
    .poll = epoll_poll,
    .release = epoll_release,
};

static int64_t epoll_create_call(uint32_t flags)
{
    struct epoll *epoll = kzalloc(sizeof(*epoll));
    struct inode *inode = epoll ? anonymous_inode(0600, "eventpoll") : NULL;
    if (!inode) {
        kfree(epoll);
        return -ENOMEM;
    }
    mutex_init(&epoll->lock, RANK_EPOLL);
    spin_init(&epoll->ready_lock, RANK_EPOLL_READY);
    list_init(&epoll->ready);
    wait_queue_init(&epoll->waiters);
    epoll->waiters.lock.rank = RANK_EPOLL_QUEUE;
    struct file *file = file_create(NULL, inode, O_RDWR, &epoll_operations, epoll);
    inode_put(inode);
    if (!file) {
        kfree(epoll);
        return -ENOMEM;
    }
    int fd = file_table_install(file, 0, flags & O_CLOEXEC);
    if (fd < 0)
        file_put(file);
    return fd;
}

SYSCALL1(epoll_create, int32_t, size)
{
    return size <= 0 ? -EINVAL : epoll_create_call(0);
}

SYSCALL1(epoll_create1, uint32_t, flags)
{
    return flags & ~(uint32_t)O_CLOEXEC ? -EINVAL : epoll_create_call(flags);
}
