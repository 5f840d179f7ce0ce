/*
 * kernel/ipc/sysv/msg.h - System V message queues (msgget(2), msgop(2), msgctl(2)).
 *
 * A sender whose message a sleeping receiver wants gives it to that receiver at once; so no receiver
 * sleeps while there is a message for it. Senders that find no room sleep in the queue's list and
 * look again when something was taken. The lock of the namespace's table of message queues guards
 * queues, messages in them, and who sleeps. Who sleeps stands on its task's stack, leaves the list
 * under the lock, and takes the lock once more before it goes.
 */
#ifndef KERNEL_IPC_SYSV_MSG_H
#define KERNEL_IPC_SYSV_MSG_H

#include "kernel/ipc/sysv/namespace.h"
#include "kernel/lib/list.h"

struct task;

struct sysv_message {
    struct list link;
    int64_t type; /* > 0 */
    size_t bytes;
    char data[];
};

struct message_queue {
    struct ipc_object object;
    struct ipc_namespace *space;
    int64_t send_time, receive_time, change_time;
    uint64_t bytes, count; /* of the messages in it */
    uint64_t bytes_max;    /* so many bytes, and so many messages */
    int32_t last_sender, last_receiver;
    struct list messages;  /* oldest first */
    struct list receivers; /* struct message_sleeper, oldest first */
    struct list senders;
};

enum message_match { MATCH_ANY, MATCH_EQUAL, MATCH_OTHER, MATCH_UP_TO, MATCH_NUMBER };

struct message_sleeper {
    struct list link; /* not linked: somebody has decided */
    struct task *task;
    int result; /* of the decision: 0 or -errno; a sender looks again after 0 */
    /* of a receiver: */
    enum message_match match;
    int64_t type;
    size_t room; /* SIZE_MAX: whatever is too long is cut */
    int32_t pid;
    struct sysv_message *message; /* what it got; NULL: it looks again */
};

static inline struct message_queue *message_queue_of(struct ipc_object *object)
{
    return container_of(object, struct message_queue, object);
}

/* ---- the table's lock is held ---- */

/* More room, or other rights: all senders look again; with `receivers`, they do too. */
void message_queue_wake(struct message_queue *queue, bool receivers);
/* Takes the queue out of the table and ends all waits with -EIDRM. The caller frees it, unlocked. */
void message_queue_remove(struct message_queue *queue);
void message_queue_free(struct message_queue *queue); /* not locked */

#endif
