/*
 * kernel/ipc/mqueue/mqueue.h - POSIX message queues (mq_overview(7)): queues with a name in an IPC
 * namespace, whose messages come out by priority, and which are used through descriptors.
 *
 * One mutex (mqueue_lock, RANK_IPC) guards all queues, their names and messages. Lifetime: one
 * reference for the name and one per open file; what a name is in goes with the namespace.
 */
#ifndef KERNEL_IPC_MQUEUE_MQUEUE_H
#define KERNEL_IPC_MQUEUE_MQUEUE_H

#include "kernel/fs/file.h"
#include "kernel/lib/list.h"
#include "kernel/sync/mutex.h"

#define MQ_PRIORITIES 32768u /* MQ_PRIO_MAX */
#define MQ_NAME_MAX   255

struct inode;
struct ipc_namespace;
struct process;

/* struct mq_attr of the Linux ABI. */
struct linux_mq_attr {
    int64_t flags, messages_max, bytes_max, messages;
    int64_t reserved[4];
};
_Static_assert(sizeof(struct linux_mq_attr) == 64, "mq_attr is part of the ABI");

struct mq_message {
    struct list link;
    uint32_t priority;
    size_t bytes;
    char data[];
};

struct mqueue {
    uint32_t references;
    struct ipc_namespace *space; /* NULL: it has no name any more */
    struct list name_link;       /* space->mqueues */
    struct list all_link;        /* every queue that there is */
    char name[MQ_NAME_MAX + 2];  /* with a slash before it */
    struct inode *inode;         /* owner and permissions; counted */
    uint32_t uid;                /* whose RLIMIT_MSGQUEUE its `cost` counts against */
    uint64_t cost;               /* bytes */
    uint64_t messages_max, bytes_max, count, bytes;
    struct list messages; /* highest priority first, then oldest */
    struct wait_queue readers, writers;
    uint32_t waiting_readers;
    /* mq_notify(3): whom a message to the empty queue is told, once. NULL: nobody */
    struct process *told; /* counted */
    int32_t notify, signal;
    uint64_t value;
};

extern struct mutex mqueue_lock;
extern struct list mqueues_all; /* struct mqueue, through all_link; mqueue_lock */
extern const struct file_operations mqueue_operations;

/* The queue of an open file, or NULL if it is no queue's. */
static inline struct mqueue *mqueue_of(const struct file *file)
{
    return file->operations == &mqueue_operations ? file->private_data : NULL;
}

/* ---- mqueue.c ---- */

/* Locked: nobody is told any more; the caller puts the process that is returned (or NULL). */
struct process *mqueue_forget_told(struct mqueue *queue);
void mqueue_put(struct mqueue *queue);
/* The namespace goes: its queues lose their names. */
void mqueues_remove_all(struct ipc_namespace *space);

#endif
