/*
 * kernel/ipc/mqueue/transfer.c - messages into and out of POSIX message queues, their attributes, and
 * being told of a message: mq_send(3), mq_receive(3), mq_getattr(3), mq_notify(3).
 */
#include "arch/cpu.h"
#include "kernel/fs/file_table.h"
#include "kernel/ipc/mqueue/mqueue.h"
#include "kernel/lib/errno.h"
#include "kernel/mm/object_cache.h"
#include "kernel/observe/mutant.h"
#include "kernel/process/process.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/program_clock.h"
#include "kernel/time/timespec.h"

#define SIGEV_SIGNAL 0
#define SIGEV_NONE   1
#define SIGEV_THREAD 2
#define SI_MESGQ     (-3)

struct linux_sigevent {
    uint64_t value;
    int32_t signal, notify;
    int32_t padding[12];
};
_Static_assert(sizeof(struct linux_sigevent) == 64, "sigevent is part of the ABI");

/* The deadline that a struct timespec of CLOCK_REALTIME means; 0 = none. */
static int copy_deadline(uint64_t address, uint64_t *ret_ns)
{
    struct linux_timespec time;

    *ret_ns = 0;
    if (!address)
        return 0;
    if (get_user(time, address))
        return -EFAULT;
    if (!timespec_valid(&time))
        return -EINVAL;
    *ret_ns = timer_deadline(timespec_ns(&time), true, CLOCK_BASE_REALTIME);
    return 0;
}

/* The file of a queue that is open so, counted; NULL: there is none. */
static struct file *find_file(int fd, bool (*open_so)(const struct file *file))
{
    struct file *file = file_table_find(fd);

    if (file && mqueue_of(file) && (!open_so || open_so(file)))
        return file;
    if (file)
        file_put(file);
    return NULL;
}

/* By priority; behind those of the same one. */
static void insert(struct mqueue *queue, struct mq_message *message)
{
    struct mq_message *other;

    list_for_each(other, &queue->messages, link)
    {
        if (other->priority < message->priority && !MUTANT(MQ_PRIORITY_IGNORED))
            break;
    }
    list_push_back(&other->link, &message->link);
    queue->bytes += message->bytes;
    WRITE_ONCE(queue->count, queue->count + 1);
}

/* A message came to the empty queue and nobody waits for it. The process is returned for its put. */
static struct process *tell(struct mqueue *queue)
{
    struct process *told = mqueue_forget_told(queue);

    if (told && queue->notify == SIGEV_SIGNAL && queue->signal) {
        struct linux_siginfo info = {.signo = queue->signal, .code = SI_MESGQ};

        info.sender.pid = current->process->pid;
        info.sender.uid = current->process->credentials.uid;
        info.sender.value = queue->value;
        signal_send_process(told, queue->signal, &info);
    }
    return told;
}

static int64_t send(struct file *file, struct mq_message *message, uint64_t deadline_ns)
{
    struct mqueue *queue = mqueue_of(file);
    struct process *told = NULL;

    mutex_lock(&mqueue_lock);
    while (queue->count >= queue->messages_max) {
        mutex_unlock(&mqueue_lock);
        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        int error = wait_event_mode(&queue->writers, WAIT_MESSAGE_WRITE, (uint64_t)queue,
                                    WAIT_INTERRUPTIBLE, deadline_ns, true,
                                    READ_ONCE(queue->count) < queue->messages_max);
        if (error)
            return error;
        mutex_lock(&mqueue_lock);
    }
    insert(queue, message);
    if (queue->count == 1 && !queue->waiting_readers)
        told = tell(queue);
    if (!MUTANT(MQ_READER_ASLEEP))
        wake_up_one(&queue->readers);
    if (queue->count < queue->messages_max)
        wake_up_one(&queue->writers);
    mutex_unlock(&mqueue_lock);
    if (told)
        process_put(told);
    return 0;
}

SYSCALL5(mq_timedsend, int, fd, uint64_t, address, uint64_t, bytes, uint32_t, priority, uint64_t,
         timeout)
{
    uint64_t deadline_ns;

    int64_t result = copy_deadline(timeout, &deadline_ns);
    if (result)
        return result;
    if (priority >= MQ_PRIORITIES)
        return -EINVAL;
    struct file *file = find_file(fd, file_writable);
    if (!file)
        return -EBADF;
    struct mq_message *message = NULL;
    if (bytes > mqueue_of(file)->bytes_max)
        result = -EMSGSIZE;
    else if (!(message = kmalloc(sizeof(*message) + bytes)))
        result = -ENOMEM;
    else if (copy_from_user(message->data, address, bytes))
        result = -EFAULT;
    if (!result) {
        message->priority = priority;
        message->bytes = bytes;
        result = send(file, message, deadline_ns);
    }
    if (result)
        kfree(message);
    file_put(file);
    return result;
}

/* *ret: the message, the caller's now. */
static int64_t receive(struct file *file, uint64_t deadline_ns, struct mq_message **ret)
{
    struct mqueue *queue = mqueue_of(file);

    mutex_lock(&mqueue_lock);
    while (!queue->count) {
        if (file->flags & O_NONBLOCK) {
            mutex_unlock(&mqueue_lock);
            return -EAGAIN;
        }
        queue->waiting_readers++;
        mutex_unlock(&mqueue_lock);
        int error =
            wait_event_mode(&queue->readers, WAIT_MESSAGE_READ, (uint64_t)queue, WAIT_INTERRUPTIBLE,
                            deadline_ns, true, READ_ONCE(queue->count) != 0);
        mutex_lock(&mqueue_lock);
        queue->waiting_readers--;
        if (error) {
            mutex_unlock(&mqueue_lock);
            return error;
        }
    }
    struct mq_message *message = list_first(&queue->messages, struct mq_message, link);
    list_remove(&message->link);
    queue->bytes -= message->bytes;
    WRITE_ONCE(queue->count, queue->count - 1);
    wake_up_one(&queue->writers);
    if (queue->count)
        wake_up_one(&queue->readers);
    mutex_unlock(&mqueue_lock);
    *ret = message;
    return 0;
}

SYSCALL5(mq_timedreceive, int, fd, uint64_t, address, uint64_t, bytes, uint64_t, priority, uint64_t,
         timeout)
{
    struct mq_message *message;
    uint64_t deadline_ns;

    int64_t result = copy_deadline(timeout, &deadline_ns);
    if (result)
        return result;
    struct file *file = find_file(fd, file_readable);
    if (!file)
        return -EBADF;
    if (bytes < mqueue_of(file)->bytes_max)
        result = -EMSGSIZE;
    else
        result = receive(file, deadline_ns, &message);
    if (!result) {
        result = (int64_t)message->bytes;
        if ((priority && put_user(message->priority, priority)) ||
            copy_to_user(address, message->data, message->bytes))
            result = -EFAULT;
        kfree(message);
    }
    file_put(file);
    return result;
}

SYSCALL3(mq_getsetattr, int, fd, uint64_t, new_address, uint64_t, old_address)
{
    struct linux_mq_attr wanted = {.flags = 0}, old = {.flags = 0};

    if (new_address) {
        if (copy_from_user(&wanted, new_address, sizeof(wanted)))
            return -EFAULT;
        if (wanted.flags & ~(int64_t)O_NONBLOCK)
            return -EINVAL;
    }
    struct file *file = find_file(fd, NULL);
    if (!file)
        return -EBADF;
    const struct mqueue *queue = mqueue_of(file);
    mutex_lock(&mqueue_lock);
    old.messages_max = (int64_t)queue->messages_max;
    old.bytes_max = (int64_t)queue->bytes_max;
    old.messages = (int64_t)queue->count;
    old.flags = file->flags & O_NONBLOCK;
    if (new_address)
        file->flags = (file->flags & ~(uint32_t)O_NONBLOCK) | (uint32_t)wanted.flags;
    mutex_unlock(&mqueue_lock);
    file_put(file);
    return old_address && copy_to_user(old_address, &old, sizeof(old)) ? -EFAULT : 0;
}

SYSCALL2(mq_notify, int, fd, uint64_t, address)
{
    struct linux_sigevent event;
    struct process *process = current->process, *old = NULL;
    int64_t result = 0;

    if (address) {
        if (copy_from_user(&event, address, sizeof(event)))
            return -EFAULT;
        if (event.notify != SIGEV_SIGNAL && event.notify != SIGEV_NONE &&
            event.notify != SIGEV_THREAD)
            return -EINVAL;
        if (event.notify == SIGEV_SIGNAL && (uint32_t)event.signal > SIGNALS)
            return -EINVAL;
        if (event.notify == SIGEV_THREAD)
            return -EBADF; /* the C library's helper wants a netlink socket */
    }
    struct file *file = find_file(fd, NULL);
    if (!file)
        return -EBADF;
    struct mqueue *queue = mqueue_of(file);
    mutex_lock(&mqueue_lock);
    if (!address) {
        if (queue->told == process)
            old = mqueue_forget_told(queue);
    } else if (queue->told) {
        result = -EBUSY;
    } else {
        process_get(process);
        queue->told = process;
        queue->notify = event.notify;
        queue->signal = event.signal;
        queue->value = event.value;
    }
    mutex_unlock(&mqueue_lock);
    if (old)
        process_put(old);
    file_put(file);
    return result;
}
