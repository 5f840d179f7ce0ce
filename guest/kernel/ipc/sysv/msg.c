/* kernel/ipc/sysv/msg.c - queues of messages: making, sending, receiving. See msg.h. */
#include "kernel/ipc/sysv/msg.h"

#include "arch/cpu.h"
#include "kernel/lib/errno.h"
#include "kernel/mm/object_cache.h"
#include "kernel/observe/mutant.h"
#include "kernel/process/process.h"
#include "kernel/sync/wait_queue.h"
#include "kernel/syscall/syscall.h"

#define MSG_NOERROR 010000
#define MSG_EXCEPT  020000
#define MSG_COPY    040000

/* ---- queues ---- */

void message_queue_free(struct message_queue *queue)
{
    struct sysv_message *message, *following;

    list_for_each_safe(message, following, &queue->messages, link)
    {
        kfree(message);
    }
    kfree(queue);
}

static int64_t create(struct ipc_namespace *space, const struct ipc_get *request)
{
    struct message_queue *queue = kzalloc(sizeof(*queue));

    if (!queue)
        return -ENOMEM;
    queue->space = space;
    queue->change_time = ipc_time();
    queue->bytes_max = space->queue_max;
    list_init(&queue->messages);
    list_init(&queue->receivers);
    list_init(&queue->senders);
    int error =
        ipc_insert(ipc_table_of(space, IPC_MESSAGES), &queue->object, request->key, request->flags);
    if (error) {
        kfree(queue);
        return error;
    }
    return queue->object.id;
}

SYSCALL2(msgget, int32_t, key, int, flags)
{
    struct ipc_namespace *space = ipc_namespace_current();
    struct ipc_get request = {.key = key, .flags = (uint32_t)flags};

    return ipc_get(space, ipc_table_of(space, IPC_MESSAGES), &request, NULL, create);
}

/* ---- who sleeps ---- */

static void decide(struct message_sleeper *sleeper, int result)
{
    list_remove(&sleeper->link);
    sleeper->result = result;
    task_wake(sleeper->task, WAKE_NORMAL);
}

static void decide_all(struct list *sleepers, int result)
{
    struct message_sleeper *sleeper, *following;

    list_for_each_safe(sleeper, following, sleepers, link)
    {
        decide(sleeper, result);
    }
}

void message_queue_wake(struct message_queue *queue, bool receivers)
{
    decide_all(&queue->senders, 0);
    if (receivers)
        decide_all(&queue->receivers, 0);
}

void message_queue_remove(struct message_queue *queue)
{
    decide_all(&queue->senders, -EIDRM);
    decide_all(&queue->receivers, -EIDRM);
    queue->space->message_bytes -= queue->bytes;
    queue->space->message_count -= queue->count;
    ipc_remove(ipc_table_of(queue->space, IPC_MESSAGES), &queue->object);
}

void message_queues_remove_all(struct ipc_namespace *space)
{
    struct ipc_table *table = ipc_table_of(space, IPC_MESSAGES);

    mutex_lock(&table->lock);
    while (table->end) {
        struct message_queue *queue = message_queue_of(ipc_at(table, table->end - 1));

        message_queue_remove(queue);
        message_queue_free(queue);
    }
    mutex_unlock(&table->lock);
}

/*
 * Sleeps until somebody decided or a signal came; locked before and after. 0 or -errno. After an
 * error the queue may be gone.
 */
static int sleep_on(struct ipc_table *table, struct message_queue *queue, struct list *sleepers,
                    struct message_sleeper *sleeper, enum wait_kind kind)
{
    uint64_t object = (uint64_t)queue->object.id;

    sleeper->task = current;
    sleeper->message = NULL;
    list_push_back(sleepers, &sleeper->link);
    for (;;) {
        wait_prepare_alone();
        mutex_unlock(&table->lock);
        int error = wait_block(kind, object, WAIT_INTERRUPTIBLE, 0);
        mutex_lock(&table->lock);
        if (list_empty(&sleeper->link))
            return sleeper->result;
        if (error) {
            list_remove(&sleeper->link);
            return -ERESTARTNOHAND;
        }
    }
}

/* ---- sending ---- */

static bool wants(const struct message_sleeper *receiver, int64_t type)
{
    switch (receiver->match) {
    case MATCH_ANY:
    case MATCH_NUMBER:
        return true;
    case MATCH_EQUAL:
        return type == receiver->type;
    case MATCH_OTHER:
        return type != receiver->type;
    case MATCH_UP_TO:
        return type <= receiver->type;
    }
    return false;
}

/* To the first receiver that wants it and has room. Those that have none fail on the way. */
static bool give_to_receiver(struct message_queue *queue, struct sysv_message *message)
{
    struct message_sleeper *receiver, *following;

    if (MUTANT(MESSAGE_PAST_RECEIVER))
        return false;
    list_for_each_safe(receiver, following, &queue->receivers, link)
    {
        if (!wants(receiver, message->type))
            continue;
        if (receiver->room < message->bytes) {
            decide(receiver, -E2BIG);
            continue;
        }
        receiver->message = message;
        queue->last_receiver = receiver->pid;
        queue->receive_time = ipc_time();
        decide(receiver, 0);
        return true;
    }
    return false;
}

static bool has_room(const struct message_queue *queue, size_t bytes)
{
    return queue->bytes + bytes <= queue->bytes_max && queue->count + 1 <= queue->bytes_max;
}

/* Takes over the message on success. */
static int64_t send(int id, struct sysv_message *message, int flags)
{
    struct ipc_namespace *space = ipc_namespace_current();
    struct ipc_table *table = ipc_table_of(space, IPC_MESSAGES);
    struct message_sleeper sender;
    int result = 0;

    mutex_lock(&table->lock);
    struct ipc_object *object = ipc_find(table, id);
    struct message_queue *queue = object ? message_queue_of(object) : NULL;
    if (!queue)
        result = -EINVAL;
    while (!result) {
        if (!ipc_permitted(object, IPC_WRITE)) {
            result = -EACCES;
            break;
        }
        if (has_room(queue, message->bytes))
            break;
        result = flags & IPC_NOWAIT
                     ? -EAGAIN
                     : sleep_on(table, queue, &queue->senders, &sender, WAIT_MESSAGE_WRITE);
    }
    if (!result) {
        queue->last_sender = ipc_pid();
        queue->send_time = ipc_time();
        if (!give_to_receiver(queue, message)) {
            list_push_back(&queue->messages, &message->link);
            queue->bytes += message->bytes;
            queue->count++;
            space->message_bytes += message->bytes;
            space->message_count++;
        }
    }
    mutex_unlock(&table->lock);
    return result;
}

SYSCALL4(msgsnd, int, id, uint64_t, address, uint64_t, bytes, int, flags)
{
    int64_t type;

    if (get_user(type, address))
        return -EFAULT;
    if (bytes > ipc_namespace_current()->message_max || id < 0 || type < 1)
        return -EINVAL;
    struct sysv_message *message = kmalloc(sizeof(*message) + bytes);
    if (!message)
        return -ENOMEM;
    message->type = type;
    message->bytes = bytes;
    int64_t result = -EFAULT;
    if (!copy_from_user(message->data, address + sizeof(type), bytes))
        result = send(id, message, flags);
    if (result)
        kfree(message);
    return result;
}

/* ---- receiving ---- */

static void choose_match(struct message_sleeper *receiver, int64_t type, int flags)
{
    receiver->type = type;
    if (flags & MSG_COPY) {
        receiver->match = MATCH_NUMBER;
    } else if (!type) {
        receiver->match = MATCH_ANY;
    } else if (type < 0) {
        receiver->match = MATCH_UP_TO;
        receiver->type = type == INT64_MIN ? INT64_MAX : -type;
    } else {
        receiver->match = flags & MSG_EXCEPT ? MATCH_OTHER : MATCH_EQUAL;
    }
}

/* The oldest that it wants; of MATCH_UP_TO the one with the smallest type; or NULL. */
static struct sysv_message *find_message(struct message_queue *queue,
                                         const struct message_sleeper *receiver)
{
    struct sysv_message *message, *best = NULL;
    int64_t number = 0;

    list_for_each(message, &queue->messages, link)
    {
        if (receiver->match == MATCH_NUMBER) {
            if (number++ == receiver->type)
                return message;
            continue;
        }
        if (!wants(receiver, message->type) || (best && message->type >= best->type))
            continue;
        if (receiver->match != MATCH_UP_TO)
            return message;
        best = message;
    }
    return best;
}

static void take_out(struct message_queue *queue, struct sysv_message *message)
{
    list_remove(&message->link);
    queue->count--;
    queue->bytes -= message->bytes;
    queue->space->message_count--;
    if (!MUTANT(MESSAGE_BYTES_KEPT))
        queue->space->message_bytes -= message->bytes;
    queue->last_receiver = ipc_pid();
    queue->receive_time = ipc_time();
    message_queue_wake(queue, false);
}

/* A copy of what there is at the place of MSG_COPY. */
static int copy_message(const struct sysv_message *source, struct sysv_message *copy, size_t room)
{
    if (source->bytes > room)
        return -EINVAL;
    copy->type = source->type;
    copy->bytes = source->bytes;
    __builtin_memcpy(copy->data, source->data, source->bytes);
    return 0;
}

/* *ret: the message, the caller's now. `copy` has room for receiver->room bytes with MSG_COPY. */
static int64_t receive(int id, struct message_sleeper *receiver, int flags,
                       struct sysv_message *copy, size_t copy_room, struct sysv_message **ret)
{
    struct ipc_table *table = ipc_table_of(ipc_namespace_current(), IPC_MESSAGES);
    int result = 0;

    *ret = NULL;
    mutex_lock(&table->lock);
    struct ipc_object *object = ipc_find(table, id);
    struct message_queue *queue = object ? message_queue_of(object) : NULL;
    if (!queue)
        result = -EINVAL;
    while (!result && !*ret) {
        if (!ipc_permitted(object, IPC_READ)) {
            result = -EACCES;
            break;
        }
        struct sysv_message *message = find_message(queue, receiver);
        if (message && receiver->room < message->bytes) {
            result = -E2BIG;
        } else if (message && copy) {
            result = copy_message(message, copy, copy_room);
            *ret = copy;
        } else if (message) {
            take_out(queue, message);
            *ret = message;
        } else if (flags & IPC_NOWAIT) {
            result = -ENOMSG;
        } else {
            result = sleep_on(table, queue, &queue->receivers, receiver, WAIT_MESSAGE_READ);
            *ret = receiver->message;
        }
    }
    mutex_unlock(&table->lock);
    return result;
}

SYSCALL5(msgrcv, int, id, uint64_t, address, uint64_t, bytes, int64_t, type, int, flags)
{
    struct message_sleeper receiver = {.pid = ipc_pid()};
    struct sysv_message *message, *copy = NULL;
    size_t copy_room = min(bytes, (uint64_t)ipc_namespace_current()->message_max);

    if (id < 0 || (int64_t)bytes < 0)
        return -EINVAL;
    if (flags & MSG_COPY) {
        if (flags & MSG_EXCEPT || !(flags & IPC_NOWAIT))
            return -EINVAL;
        copy = kmalloc(sizeof(*copy) + copy_room);
        if (!copy)
            return -ENOMEM;
    }
    choose_match(&receiver, type, flags);
    receiver.room = flags & MSG_NOERROR ? SIZE_MAX : bytes;
    int64_t result = receive(id, &receiver, flags, copy, copy_room, &message);
    if (!result) {
        size_t taken = min(message->bytes, bytes);

        result = (int64_t)taken;
        if (put_user(message->type, address) ||
            copy_to_user(address + sizeof(message->type), message->data, taken))
            result = -EFAULT;
        if (message != copy)
            kfree(message);
    }
    kfree(copy);
    return result;
}
