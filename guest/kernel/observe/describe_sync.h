/* kernel/observe/describe_sync.h - published: lists, trees, locks, wait queues, timers.
 * F(struct, member, kind, target type), T(struct, published name, field list), R(name, type,
 * object, count), P(name, type, per-CPU variable); see describe.c. */
#ifndef KERNEL_OBSERVE_DESCRIBE_SYNC_H
#define KERNEL_OBSERVE_DESCRIBE_SYNC_H

#include "kernel/ipc/futex/futex_queue.h"
#include "kernel/lib/list.h"
#include "kernel/lib/rbtree.h"
#include "kernel/process/process.h"
#include "kernel/sync/mutex.h"
#include "kernel/time/timer_queue.h"

#define LIST_FIELDS(F)                                                                             \
    F(list, next, ADDRESS, "list")                                                                 \
    F(list, previous, ADDRESS, "list")

#define RB_NODE_FIELDS(F)                                                                          \
    F(rb_node, parent, ADDRESS, "rb_node")                                                         \
    F(rb_node, left, ADDRESS, "rb_node")                                                           \
    F(rb_node, right, ADDRESS, "rb_node")                                                          \
    F(rb_node, red, UNSIGNED, "")

#define RB_TREE_FIELDS(F) F(rb_tree, root, ADDRESS, "rb_node")

/* Who holds a lock is known only where that is checked anyway. */
#ifdef KERNEL_DEBUG
#define SPINLOCK_FIELDS(F)                                                                         \
    F(spinlock, taken, UNSIGNED, "")                                                               \
    F(spinlock, rank, UNSIGNED, "")                                                                \
    F(spinlock, owner, UNSIGNED, "")
#define MUTEX_OWNER(F) F(mutex, owner, ADDRESS, "task")
#else
#define SPINLOCK_FIELDS(F)                                                                         \
    F(spinlock, taken, UNSIGNED, "")                                                               \
    F(spinlock, rank, UNSIGNED, "")                                                                \
    F(spinlock, contentions, UNSIGNED, "")
#define MUTEX_OWNER(F)
#endif

#define WAIT_QUEUE_FIELDS(F)                                                                       \
    F(wait_queue, lock, STRUCT, "spinlock")                                                        \
    F(wait_queue, waiters, STRUCT, "list")

#define WAITER_FIELDS(F)                                                                           \
    F(waiter, link, STRUCT, "list")                                                                \
    F(waiter, task, ADDRESS, "task")                                                               \
    F(waiter, queue, ADDRESS, "wait_queue")                                                        \
    F(waiter, exclusive, UNSIGNED, "")                                                             \
    F(waiter, woken, UNSIGNED, "")                                                                 \
    F(waiter, notify, UNSIGNED, "")

#define MUTEX_FIELDS(F)                                                                            \
    F(mutex, state, UNSIGNED, "")                                                                  \
    F(mutex, rank, UNSIGNED, "")                                                                   \
    F(mutex, waiters, STRUCT, "wait_queue")                                                        \
    MUTEX_OWNER(F)

#define FUTEX_WAITER_FIELDS(F)                                                                     \
    F(futex_waiter, next, ADDRESS, "futex_waiter")                                                 \
    F(futex_waiter, previous, ADDRESS, "futex_waiter")                                             \
    F(futex_waiter, bucket, ADDRESS, "futex_bucket")                                               \
    F(futex_waiter, key.space, UNSIGNED, "")                                                       \
    F(futex_waiter, key.word, UNSIGNED, "")                                                        \
    F(futex_waiter, task, ADDRESS, "task")                                                         \
    F(futex_waiter, bits, UNSIGNED, "")

#define FUTEX_BUCKET_FIELDS(F)                                                                     \
    F(futex_bucket, lock, STRUCT, "spinlock")                                                      \
    F(futex_bucket, first, ADDRESS, "futex_waiter")                                                \
    F(futex_bucket, last, ADDRESS, "futex_waiter")

#define TIMER_FIELDS(F)                                                                            \
    F(timer, node, STRUCT, "rb_node")                                                              \
    F(timer, deadline_ns, UNSIGNED, "")                                                            \
    F(timer, callback, UNSIGNED, "")                                                               \
    F(timer, cpu, UNSIGNED, "")                                                                    \
    F(timer, active, UNSIGNED, "")

#define TIMER_QUEUE_FIELDS(F)                                                                      \
    F(timer_queue, lock, STRUCT, "spinlock")                                                       \
    F(timer_queue, tree, STRUCT, "rb_tree")                                                        \
    F(timer_queue, running, ADDRESS, "timer")                                                      \
    F(timer_queue, next_tsc, UNSIGNED, "")

#define SYNC_TYPES(T)                                                                              \
    T(list, "list", LIST_FIELDS)                                                                   \
    T(rb_node, "rb_node", RB_NODE_FIELDS)                                                          \
    T(rb_tree, "rb_tree", RB_TREE_FIELDS)                                                          \
    T(spinlock, "spinlock", SPINLOCK_FIELDS)                                                       \
    T(wait_queue, "wait_queue", WAIT_QUEUE_FIELDS)                                                 \
    T(waiter, "waiter", WAITER_FIELDS)                                                             \
    T(mutex, "mutex", MUTEX_FIELDS)                                                                \
    T(futex_waiter, "futex_waiter", FUTEX_WAITER_FIELDS)                                           \
    T(futex_bucket, "futex_bucket", FUTEX_BUCKET_FIELDS)                                           \
    T(timer, "timer", TIMER_FIELDS)                                                                \
    T(timer_queue, "timer_queue", TIMER_QUEUE_FIELDS)

#define SYNC_ROOTS(R)                                                                              \
    R("futex_buckets", "futex_bucket", futex_buckets, FUTEX_BUCKETS)                               \
    R("family_lock", "spinlock", &family_lock, 1)

#define SYNC_PER_CPU(P) P("timer_queues", "timer_queue", timer_queue)

#endif
