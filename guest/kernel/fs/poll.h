/*
 * kernel/fs/poll.h - waiting for several files at once. A file's poll operation reports its state
 * and, when a table is given, registers its wait queues with poll_wait(); the poller then sleeps
 * until any of them wakes. The operation must register first and look at its state afterwards.
 */
#ifndef KERNEL_FS_POLL_H
#define KERNEL_FS_POLL_H

#include "kernel/sync/wait_queue.h"

#define POLLIN     0x001u
#define POLLPRI    0x002u
#define POLLOUT    0x004u
#define POLLERR    0x008u
#define POLLHUP    0x010u
#define POLLNVAL   0x020u
#define POLLRDNORM 0x040u
#define POLLRDBAND 0x080u
#define POLLWRNORM 0x100u
#define POLLWRBAND 0x200u
#define POLLRDHUP  0x2000u
#define POLL_ALWAYS_READY                                                                          \
    (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM) /* files without a poll operation */

struct file;
struct poll_block;

/* Takes registrations; poll, select and epoll each have their own way of keeping them. */
struct poll_table {
    void (*add)(struct poll_table *table, struct wait_queue *queue);
};

static inline void poll_wait(struct poll_table *table, struct wait_queue *queue)
{
    if (table)
        table->add(table, queue);
}

/* ---- the sleeping side of poll and select (poll_waiters.c) ---- */

struct poll_entry {
    struct waiter waiter;
    struct wait_queue *queue;
    struct file *file; /* counted while registered, if the table of descriptors is shared */
};

#define POLL_INLINE_ENTRIES 8

struct poll_waiters {
    struct poll_table table;
    struct file *file; /* whose poll operation is being called ... */
    bool file_counted; /* ... and whether it must be kept */
    bool out_of_memory;
    uint32_t count;
    struct poll_block *blocks; /* further entries */
    struct poll_entry entries[POLL_INLINE_ENTRIES];
};

void poll_waiters_init(struct poll_waiters *waiters);
/* The file's state; registers with the waiters if they are not NULL. */
uint32_t poll_file(struct file *file, bool counted, struct poll_waiters *waiters);
/*
 * Sleeps until any registered queue woke, a signal came or the deadline (0 = none) passed: 0,
 * -ERESTARTSYS, -ETIMEDOUT. May return 0 for nothing.
 */
int poll_waiters_block(struct poll_waiters *waiters, uint64_t deadline_ns);
void poll_waiters_finish(struct poll_waiters *waiters);

/*
 * The temporary signal mask of ppoll, pselect6 and epoll_pwait. enter(): address 0 = leave the mask
 * alone; 0, -EINVAL or -EFAULT. leave(): puts the old mask back, at once or - if `interrupted` -
 * when the signal's handler has been set up.
 */
int poll_mask_enter(uint64_t address, uint64_t bytes);
void poll_mask_leave(uint64_t address, bool interrupted);

#endif
