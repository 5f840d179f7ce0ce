/*
 * timerfd.c - timers as files (timerfd_create(2)): readable once they have expired; reading gives
 * the number of times and starts the next interval.
 *
 * The timer itself fires once and is started again by whoever reads or asks, so that an unread
 * timer with a short interval costs nothing. Those that were given a time of CLOCK_REALTIME are on a
 * list, for when that clock is set.
 *
 * Locks: a mutex per timer (RANK_PIPE) for everything but `expired`, which the timer's interrupt
 * sets, and `link`, which is following_mutex's; that one is taken first.
 */
#include "kernel/fs/file_table.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/poll.h"
#include "kernel/mm/object_cache.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/clock_set.h"
#include "kernel/time/program_clock.h"
#include "kernel/time/timer.h"
#include "kernel/time/timespec.h"

#define TFD_TIMER_ABSTIME       1
#define TFD_TIMER_CANCEL_ON_SET 2

struct timer_file {
    struct mutex lock;
    struct timer timer;
    enum clock_base clock;
    bool expired;         /* atomic; since the last read */
    uint64_t interval_ns; /* 0 = once */
    uint64_t deadline_ns; /* of the next expiry, or of the one that was not read; 0 = unarmed */
    struct list link;     /* following, if at_clock_time */
    bool at_clock_time;   /* following_mutex to change */
    bool cancel_on_set;
    bool canceled; /* the clock was set since */
    struct wait_queue waiters;
};

static struct mutex following_mutex = {.rank = RANK_CLOCK_FOLLOWERS,
                                       .waiters = WAIT_QUEUE_INIT(following_mutex.waiters)};
static struct list following = LIST_INIT(following);

static void fired(struct timer *timer)
{
    struct timer_file *file = container_of(timer, struct timer_file, timer);
    __atomic_store_n(&file->expired, true, __ATOMIC_SEQ_CST);
    wake_up_all(&file->waiters);
}

/*
 * The expiries up to now, 0 if there was none, and the next interval begins (deadline_ns is the
 * first one that is still to come). Lock held.
 */
static uint64_t take_expiries(struct timer_file *file)
{
    uint64_t count = 1, now = clock_monotonic_ns();
    if (!__atomic_exchange_n(&file->expired, false, __ATOMIC_SEQ_CST))
        return 0;
    if (!file->interval_ns) {
        file->deadline_ns = 0;
        return 1;
    }
    if (now > file->deadline_ns)
        count += (now - file->deadline_ns) / file->interval_ns;
    file->deadline_ns += count * file->interval_ns;
    timer_start(&file->timer, file->deadline_ns);
    return count;
}

static ssize_t timerfd_read(struct file *open, struct io_buffer *buffer, uint64_t *position)
{
    struct timer_file *file = open->private_data;
    uint64_t count;
    (void)position;
    if (buffer->remaining < sizeof(count))
        return -EINVAL;
    for (;;) {
        mutex_lock(&file->lock);
        bool canceled = file->canceled;
        file->canceled = false;
        count = take_expiries(file);
        mutex_unlock(&file->lock);
        if (canceled)
            return -ECANCELED;
        if (count)
            break;
        if (open->flags & O_NONBLOCK)
            return -EAGAIN;
        int error = wait_event(&file->waiters, WAIT_EVENT, (uint64_t)file, WAIT_INTERRUPTIBLE, 0,
                               READ_ONCE(file->expired) || READ_ONCE(file->canceled));
        if (error)
            return error;
    }
    return io_copy_to(buffer, &count, sizeof(count)) == sizeof(count) ? (ssize_t)sizeof(count)
                                                                      : -EFAULT;
}

static uint32_t timerfd_poll(struct file *open, struct poll_table *table)
{
    struct timer_file *file = open->private_data;
    poll_wait(table, &file->waiters);
    return READ_ONCE(file->expired) || READ_ONCE(file->canceled) ? POLLIN : 0;
}

/* Whether the file hears of settings of the clock. following_mutex held. */
static void follow(struct timer_file *file, bool on)
{
    if (file->at_clock_time == on)
        return;
    file->at_clock_time = on;
    if (on)
        list_push_back(&following, &file->link);
    else
        list_remove(&file->link);
}

void timer_files_follow_clock(int64_t by_ns)
{
    struct timer_file *file;

    mutex_lock(&following_mutex);
    list_for_each(file, &following, link)
    {
        mutex_lock(&file->lock);
        timer_cancel(&file->timer);
        if (file->deadline_ns && !READ_ONCE(file->expired)) {
            file->deadline_ns = clock_moved_deadline(file->deadline_ns, by_ns);
            timer_start(&file->timer, file->deadline_ns);
        }
        if (file->cancel_on_set) {
            WRITE_ONCE(file->canceled, true);
            wake_up_all(&file->waiters);
        }
        mutex_unlock(&file->lock);
    }
    mutex_unlock(&following_mutex);
}

static void timerfd_release(struct file *open)
{
    struct timer_file *file = open->private_data;
    if (READ_ONCE(file->at_clock_time)) {
        mutex_lock(&following_mutex);
        follow(file, false);
        mutex_unlock(&following_mutex);
    }
    timer_cancel(&file->timer);
    kfree(file);
}

static const struct file_operations timerfd_operations = {
    .kind = "anon_inode:[timerfd]",
    .read = timerfd_read,
    .poll = timerfd_poll,
    .release = timerfd_release,
};

SYSCALL2(timerfd_create, int, clock, uint32_t, flags)
{
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME &&
        clock != CLOCK_REALTIME_ALARM && clock != CLOCK_BOOTTIME_ALARM)
        return -EINVAL;
    struct timer_file *file = kzalloc(sizeof(*file));
    struct inode *inode = file ? anonymous_inode(0600, "timerfd") : NULL;
    struct file *open = NULL;
    if (inode) {
        mutex_init(&file->lock, RANK_PIPE);
        timer_init(&file->timer, fired);
        wait_queue_init(&file->waiters);
        file->clock = clock_base_of(clock);
        open = file_create(NULL, inode, O_RDWR | (flags & O_NONBLOCK), &timerfd_operations, file);
        inode_put(inode);
    }
    if (!open) {
        kfree(file);
        return -ENOMEM;
    }
    int fd = file_table_install(open, 0, flags & O_CLOEXEC);
    if (fd < 0)
        file_put(open);
    return fd;
}

/* The file behind a timerfd, counted: 0, -EBADF or -EINVAL. */
static int timer_file_get(int fd, struct file **ret)
{
    struct file *open = file_table_find(fd);
    if (!open)
        return -EBADF;
    *ret = open;
    if (open->operations == &timerfd_operations)
        return 0;
    file_put(open);
    return -EINVAL;
}

/* What is left and the interval. Expiries that nobody read count on. Lock held. */
static struct linux_itimerspec setting_of(struct timer_file *file)
{
    uint64_t now = clock_monotonic_ns(), next = file->deadline_ns, left = 0;
    if (next && READ_ONCE(file->expired))
        next = file->interval_ns ? next + ((now > next ? now - next : 0) / file->interval_ns + 1) *
                                              file->interval_ns
                                 : 0;
    if (next)
        left = next > now ? next - now : 1;
    return (struct linux_itimerspec){.interval = timespec_of(file->interval_ns),
                                     .value = timespec_of(left)};
}

SYSCALL4(timerfd_settime, int, fd, int, flags, uint64_t, new_address, uint64_t, old_address)
{
    struct linux_itimerspec wanted, old;
    struct file *open;
    if (get_user(wanted, new_address))
        return -EFAULT;
    if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) || !timespec_valid(&wanted.value) ||
        !timespec_valid(&wanted.interval))
        return -EINVAL;
    int error = timer_file_get(fd, &open);
    if (error)
        return error;
    struct timer_file *file = open->private_data;
    bool at_clock_time = flags & TFD_TIMER_ABSTIME && file->clock == CLOCK_BASE_REALTIME;
    mutex_lock(&following_mutex);
    follow(file, at_clock_time);
    mutex_lock(&file->lock);
    timer_cancel(&file->timer);
    old = setting_of(file);
    file->cancel_on_set = at_clock_time && flags & TFD_TIMER_CANCEL_ON_SET;
    if (file->canceled && file->cancel_on_set)
        error = -ECANCELED; /* the setting is made all the same */
    file->canceled = false;
    __atomic_store_n(&file->expired, false, __ATOMIC_SEQ_CST);
    uint64_t value = timespec_ns(&wanted.value);
    file->interval_ns = timespec_ns(&wanted.interval);
    file->deadline_ns = value ? timer_deadline(value, flags & TFD_TIMER_ABSTIME, file->clock) : 0;
    if (value)
        timer_start(&file->timer, file->deadline_ns);
    mutex_unlock(&file->lock);
    mutex_unlock(&following_mutex);
    file_put(open);
    return error ?: old_address && put_user(old, old_address) ? -EFAULT : 0;
}

SYSCALL2(timerfd_gettime, int, fd, uint64_t, address)
{
    struct file *open;
    int error = timer_file_get(fd, &open);
    if (error)
        return error;
    struct timer_file *file = open->private_data;
    mutex_lock(&file->lock);
    struct linux_itimerspec now = setting_of(file);
    mutex_unlock(&file->lock);
    file_put(open);
    return put_user(now, address);
}
