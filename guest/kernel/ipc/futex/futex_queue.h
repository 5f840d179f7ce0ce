/*
 * kernel/ipc/futex/futex_queue.h - who sleeps on which word, for futex.c and for whoever describes it to
 * the host. Locks and lifetime: futex.c.
 */
#ifndef KERNEL_IPC_FUTEX_FUTEX_QUEUE_H
#define KERNEL_IPC_FUTEX_FUTEX_QUEUE_H

#include "kernel/sync/spinlock.h"

struct futex_pi;
struct task;

struct futex_key {
    uint64_t space; /* address space, or inode of a shared word: their addresses, only compared; 0 =
                       no key */
    uint64_t word;  /* user address, or position in the file; no key: -errno */
};

struct futex_waiter {
    struct futex_waiter *next, *previous;
    struct futex_bucket *bucket; /* NULL = woken */
    struct futex_key key;
    struct task *task;
    uint32_t bits;
    bool granted;        /* with `pi`: the lock is this waiter's; it leaves the queue by itself */
    struct futex_pi *pi; /* it waits for a lock with priority inheritance (futex_pi.c) */
};

struct futex_bucket {
    struct spinlock lock;
    struct futex_waiter *first, *last;
} __attribute__((aligned(32)));

#define FUTEX_BUCKETS 256
extern struct futex_bucket futex_buckets[FUTEX_BUCKETS];

#endif
