/*
 * kernel/fs/poll.h - waiting for several files at once. A file's poll operation reports its state and, when a
 * table is given, registers its wait queues with poll_wait(); the poller then sleeps until any of them wakes.
 */
#ifndef KERNEL_FS_POLL_H
#define KERNEL_FS_POLL_H

#include "kernel/sync/wait_queue.h"

#define POLLIN 0x001u
#define POLLPRI 0x002u
#define POLLOUT 0x004u
#define POLLERR 0x008u
#define POLLHUP 0x010u
#define POLLNVAL 0x020u
#define POLLRDNORM 0x040u
#define POLLWRNORM 0x100u
#define POLLRDHUP 0x2000u

struct poll_table;
void poll_wait(struct poll_table *table, struct wait_queue *queue);

#endif
