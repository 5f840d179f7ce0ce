/* kernel/ipc/mqueue/mqueue.c - POSIX message queues: names, opening, and queues as files. */
#include "kernel/ipc/mqueue/mqueue.h"

#include "arch/cpu.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/permission.h"
#include "kernel/fs/poll.h"
#include "kernel/ipc/sysv/namespace.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/process/process.h"
#include "kernel/sync/refcount.h"
#include "kernel/syscall/syscall.h"

#define MESSAGES_DEFAULT 10
#define BYTES_DEFAULT    8192
#define MESSAGES_HARD    65536
#define BYTES_HARD       65000 /* what the kernel can hold in one piece */
#define QUEUES_MAX       256u
#define MESSAGE_COST     48u /* of Linux's head of a message, and of a priority in use */
#define FSTAT_BYTES      80

struct mutex mqueue_lock = {.rank = RANK_IPC, .waiters = WAIT_QUEUE_INIT(mqueue_lock.waiters)};
struct list mqueues_all = LIST_INIT(mqueues_all);

struct process *mqueue_forget_told(struct mqueue *queue)
{
    struct process *process = queue->told;

    queue->told = NULL;
    return process;
}

void mqueue_put(struct mqueue *queue)
{
    struct mq_message *message, *following;

    mutex_lock(&mqueue_lock);
    bool last = reference_put(&queue->references);
    if (last)
        list_remove(&queue->all_link);
    mutex_unlock(&mqueue_lock);
    if (!last)
        return;
    struct process *told = mqueue_forget_told(queue);
    if (told)
        process_put(told);
    list_for_each_safe(message, following, &queue->messages, link)
    {
        kfree(message);
    }
    inode_put(queue->inode);
    kfree(queue);
}

/* ---- as files ---- */

static ssize_t read_state(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    struct mqueue *queue = file->private_data;
    char text[FSTAT_BYTES];

    mutex_lock(&mqueue_lock);
    const struct process *told = queue->told;
    int length =
        snprintf(text, sizeof(text), "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n",
                 queue->bytes, told ? queue->notify : 0,
                 told && queue->notify == 0 ? queue->signal : 0, told ? told->pid : 0);
    mutex_unlock(&mqueue_lock);
    if (*position >= (uint64_t)length)
        return 0;
    size_t bytes = min(buffer->remaining, (size_t)length - *position);
    if (io_copy_to(buffer, text + *position, bytes) != bytes)
        return -EFAULT;
    *position += bytes;
    return (ssize_t)bytes;
}

static int64_t seek(struct file *file, int64_t offset, int whence)
{
    return file_seek_within(file, offset, whence, FSTAT_BYTES);
}

static uint32_t poll_state(struct file *file, struct poll_table *table)
{
    struct mqueue *queue = file->private_data;

    poll_wait(table, &queue->readers);
    poll_wait(table, &queue->writers);
    uint64_t count = READ_ONCE(queue->count);
    return (count ? POLLIN | POLLRDNORM : 0) |
           (count < queue->messages_max ? POLLOUT | POLLWRNORM : 0);
}

static void release(struct file *file)
{
    struct mqueue *queue = file->private_data;
    struct process *told = NULL;

    mutex_lock(&mqueue_lock);
    if (queue->told == current->process)
        told = mqueue_forget_told(queue);
    mutex_unlock(&mqueue_lock);
    if (told)
        process_put(told);
    mqueue_put(queue);
}

const struct file_operations mqueue_operations = {
    .read = read_state,
    .seek = seek,
    .poll = poll_state,
    .release = release,
};

/* ---- names ---- */

static struct mqueue *find(struct ipc_namespace *space, const char *name)
{
    struct mqueue *queue;

    list_for_each(queue, &space->mqueues, name_link)
    {
        if (!strcmp(queue->name, name))
            return queue;
    }
    return NULL;
}

/* The user's name, behind a slash. 0 or -errno. */
static int copy_name(char name[MQ_NAME_MAX + 2], uint64_t address)
{
    name[0] = '/';
    ssize_t length = string_from_user(name + 1, address, MQ_NAME_MAX + 1);
    if (length < 0)
        return (int)length;
    if (!length)
        return -ENOENT;
    if (strchr(name + 1, '/') || !strcmp(name + 1, ".") || !strcmp(name + 1, ".."))
        return -EACCES;
    return 0;
}

/* RLIMIT_MSGQUEUE counts the queues of a user. Locked. */
static bool may_cost(uint32_t uid, uint64_t cost)
{
    struct mqueue *queue;
    uint64_t sum = cost;

    list_for_each(queue, &mqueues_all, all_link)
    {
        if (queue->uid == uid)
            sum += queue->cost;
    }
    return sum <= current->process->rlimits[RLIMIT_MSGQUEUE].soft;
}

/* A new queue with a name, which holds the only reference. Locked. */
static int create(struct ipc_namespace *space, const char *name, uint32_t mode,
                  const struct linux_mq_attr *wanted, struct mqueue **ret)
{
    bool privileged = process_has_capability(current->process, CAP_SYS_RESOURCE);
    int64_t messages = wanted ? wanted->messages_max : MESSAGES_DEFAULT;
    int64_t bytes = wanted ? wanted->bytes_max : BYTES_DEFAULT;
    uint32_t uid = current->process->credentials.uid;

    if (space->mqueue_count >= QUEUES_MAX && !privileged)
        return -ENOSPC;
    if (messages <= 0 || bytes <= 0 || messages > (privileged ? MESSAGES_HARD : MESSAGES_DEFAULT) ||
        bytes > (privileged ? BYTES_HARD : BYTES_DEFAULT))
        return -EINVAL;
    uint64_t cost = (uint64_t)messages * (MESSAGE_COST + (uint64_t)bytes) +
                    min((uint64_t)messages, (uint64_t)MQ_PRIORITIES) * MESSAGE_COST;
    if (!may_cost(uid, cost))
        return -EMFILE;
    struct mqueue *queue = kzalloc(sizeof(*queue));
    struct inode *inode = queue ? anonymous_inode(S_IFREG | mode, "mqueue") : NULL;
    if (!inode) {
        kfree(queue);
        return -ENOMEM;
    }
    inode_set_owner(inode, NULL);
    inode->bytes = FSTAT_BYTES;
    queue->references = 1;
    queue->space = space;
    string_copy(queue->name, name, sizeof(queue->name));
    queue->inode = inode;
    queue->uid = uid;
    queue->cost = cost;
    queue->messages_max = (uint64_t)messages;
    queue->bytes_max = (uint64_t)bytes;
    list_init(&queue->messages);
    wait_queue_init(&queue->readers);
    wait_queue_init(&queue->writers);
    list_push_back(&space->mqueues, &queue->name_link);
    list_push_back(&mqueues_all, &queue->all_link);
    space->mqueue_count++;
    *ret = queue;
    return 0;
}

static int check_existing(const struct mqueue *queue, uint32_t flags)
{
    static const uint32_t masks[] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE};

    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return -EEXIST;
    if ((flags & O_ACCMODE) == O_ACCMODE)
        return -EINVAL;
    return inode_permission(queue->inode, masks[flags & O_ACCMODE]);
}

static int open_queue(struct mqueue *queue, uint32_t flags)
{
    struct dentry *dentry = dentry_create(NULL, queue->name, strlen(queue->name), queue->inode);
    const struct path place = {NULL, dentry};
    struct file *file = dentry ? file_create(&place, queue->inode, flags & (O_ACCMODE | O_NONBLOCK),
                                             &mqueue_operations, queue)
                               : NULL;

    if (dentry)
        dentry_put(dentry);
    if (!file) {
        mqueue_put(queue);
        return -ENOMEM;
    }
    int fd = file_table_install(file, 0, true);
    if (fd < 0)
        file_put(file);
    return fd;
}

SYSCALL4(mq_open, uint64_t, address, int, flags, uint32_t, mode, uint64_t, attributes)
{
    struct ipc_namespace *space = ipc_namespace_current();
    struct linux_mq_attr wanted;
    char name[MQ_NAME_MAX + 2];

    if (attributes && copy_from_user(&wanted, attributes, sizeof(wanted)))
        return -EFAULT;
    int error = copy_name(name, address);
    if (error)
        return error;
    mutex_lock(&mqueue_lock);
    struct mqueue *queue = find(space, name);
    if (queue)
        error = check_existing(queue, (uint32_t)flags);
    else if (!(flags & O_CREAT))
        error = -ENOENT;
    else
        error = create(space, name, mode & 0777 & ~fs_umask(), attributes ? &wanted : NULL, &queue);
    if (!error)
        reference_get(&queue->references);
    mutex_unlock(&mqueue_lock);
    return error ? error : open_queue(queue, (uint32_t)flags);
}

static void drop_name(struct mqueue *queue)
{
    list_remove(&queue->name_link);
    queue->space->mqueue_count--;
    queue->space = NULL;
}

SYSCALL1(mq_unlink, uint64_t, address)
{
    char name[MQ_NAME_MAX + 2];

    int error = copy_name(name, address);
    if (error)
        return error;
    mutex_lock(&mqueue_lock);
    struct mqueue *queue = find(ipc_namespace_current(), name);
    if (!queue)
        error = -ENOENT;
    else if (!inode_owner_or_privileged(queue->inode)) /* as in a directory with the sticky bit */
        error = -EPERM;
    else
        drop_name(queue);
    mutex_unlock(&mqueue_lock);
    if (!error)
        mqueue_put(queue);
    return error;
}

void mqueues_remove_all(struct ipc_namespace *space)
{
    while (!list_empty(&space->mqueues)) {
        struct mqueue *queue = list_first(&space->mqueues, struct mqueue, name_link);

        mutex_lock(&mqueue_lock);
        drop_name(queue);
        mutex_unlock(&mqueue_lock);
        mqueue_put(queue);
    }
}
