/*
 * kernel/fs/async.c - who owns an open file, and signals of O_ASYNC. See async.h.
 *
 * Nobody pays for O_ASYNC who does not use it: a file that has it waits on its own wait queues, as
 * epoll does. A wake-up there can send no signal, as it holds the queue's lock. It notes the file and
 * marks the current task, which sends them on its way to user mode; process 1 is woken to do it
 * where that is far (the writer sleeps next, or it was an interrupt).
 */
#include "kernel/fs/async.h"

#include "arch/user_access.h"
#include "kernel/fs/fcntl.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/poll.h"
#include "kernel/lib/list.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/process.h"
#include "kernel/sched/task.h"

#define QUEUES   2 /* the most that a poll operation registers with */
#define BAND_IN  (POLLIN | POLLRDNORM)
#define BAND_OUT (POLLOUT | POLLWRNORM | POLLWRBAND)

struct async_file;
struct async_queue {
    struct waiter waiter;
    struct wait_queue *queue;
    struct async_file *of;
};

struct async_file {
    struct file *file; /* not counted */
    int fd;
    struct list link;        /* async_lock */
    struct list raised_link; /* raised_lock */
    struct poll_table table;
    uint32_t queue_count;
    struct async_queue queues[QUEUES];
};

static struct list files = LIST_INIT(files);   /* async_lock */
static struct list raised = LIST_INIT(raised); /* raised_lock */
static struct spinlock raised_lock = SPINLOCK_INIT(RANK_ASYNC_RAISED);
static struct task *helper;
static struct mutex async_lock = {
    .rank = RANK_ASYNC,
    .waiters = {SPINLOCK_INIT(RANK_WAIT_QUEUE), LIST_INIT(async_lock.waiters.waiters)},
};

/* ---- owners ---- */

struct linux_owner {
    int32_t type, pid;
};
enum owner_type { OWNER_THREAD, OWNER_PROCESS, OWNER_GROUP };

static void set_owner(struct file *file, int32_t pid, bool thread)
{
    const struct credentials *credentials = &current->process->credentials;
    mutex_lock(&async_lock);
    file->owner_uid = credentials->uid;
    file->owner_euid = credentials->euid;
    file->owner_is_thread = thread;
    WRITE_ONCE(file->owner_pid, pid);
    mutex_unlock(&async_lock);
}

/* By its global number. */
static bool is_there(int32_t pid, enum owner_type type)
{
    bool there = false;
    if (type == OWNER_THREAD) {
        struct task *task = task_find_get(pid);
        there = task != NULL;
        if (task)
            task_put(task);
    } else if (type == OWNER_PROCESS) {
        struct process *process = process_find_get(pid);
        there = process != NULL;
        if (process)
            process_put(process);
    } else {
        spin_lock(&family_lock);
        there = group_first(pid) != NULL;
        spin_unlock(&family_lock);
    }
    return there;
}

/* Number 0: nobody. */
static int64_t choose_owner(struct file *file, int32_t number, enum owner_type type)
{
    int32_t pid = pid_meant(number);
    if (number && !is_there(pid, type))
        return -ESRCH;
    set_owner(file, type == OWNER_GROUP ? -pid : pid, type == OWNER_THREAD);
    return 0;
}

/* As the current process numbers it; a group is negative. 0: nobody, or it has gone. */
static int32_t owner_seen(const struct file *file)
{
    int32_t pid = READ_ONCE(file->owner_pid);
    enum owner_type type = pid < 0                 ? OWNER_GROUP
                           : file->owner_is_thread ? OWNER_THREAD
                                                   : OWNER_PROCESS;
    if (!pid || !is_there(pid < 0 ? -pid : pid, type))
        return 0;
    return pid < 0 ? -pid_seen(-pid) : pid_seen(pid);
}

int64_t file_owner_call(struct file *file, int command, uint64_t argument)
{
    struct linux_owner owner;
    int32_t pid = owner_seen(file), number = (int32_t)argument;
    switch (command) {
    case F_SETOWN:
        if (number == INT32_MIN)
            return -EINVAL;
        return number < 0 ? choose_owner(file, -number, OWNER_GROUP)
                          : choose_owner(file, number, OWNER_PROCESS);
    case F_GETOWN:
        return pid;
    case F_GETOWN_EX:
        owner.type = pid < 0 ? OWNER_GROUP : file->owner_is_thread ? OWNER_THREAD : OWNER_PROCESS;
        owner.pid = pid < 0 ? -pid : pid;
        return put_user(owner, argument);
    case F_SETOWN_EX:
        if (get_user(owner, argument))
            return -EFAULT;
        if (owner.type < OWNER_THREAD || owner.type > OWNER_GROUP)
            return -EINVAL;
        if (owner.pid < 0)
            return -ESRCH;
        return choose_owner(file, owner.pid, (enum owner_type)owner.type);
    case F_SETSIG:
        if (argument > SIGNALS)
            return -EINVAL;
        WRITE_ONCE(file->owner_signal, (uint8_t)argument);
        return 0;
    default: /* F_GETSIG */
        return READ_ONCE(file->owner_signal);
    }
}

void file_owner_default(struct file *file)
{
    if (!READ_ONCE(file->owner_pid))
        set_owner(file, current->tgid, false);
}

/* Whoever chose the owner must have been allowed to send it signals. */
static bool may_signal(const struct file *file, const struct process *process)
{
    const struct credentials *target = &process->credentials;
    return !file->owner_euid || file->owner_euid == target->suid ||
           file->owner_euid == target->uid || file->owner_uid == target->suid ||
           file->owner_uid == target->uid;
}

void file_owner_signal(struct file *file, int fd, int code, int64_t band)
{
    struct linux_siginfo info = {.code = code}, *told = file->owner_signal ? &info : NULL;
    int signal = file->owner_signal ? file->owner_signal : SIGIO;
    int32_t pid = READ_ONCE(file->owner_pid);
    info.poll.band = band;
    info.poll.fd = fd;
    if (pid < 0) {
        signal_send_group(-pid, signal, told);
    } else if (pid && file->owner_is_thread) {
        struct task *task = task_find_get(pid);
        if (task && may_signal(file, task->process))
            signal_send_task(task, signal, told);
        if (task)
            task_put(task);
    } else if (pid) {
        struct process *process = process_find_get(pid);
        if (process && may_signal(file, process))
            signal_send_process(process, signal, told);
        if (process)
            process_put(process);
    }
}

/* ---- O_ASYNC ---- */

/* In a wake-up: the queue's lock is held. */
static void notify(struct waiter *waiter)
{
    struct async_file *async = container_of(waiter, struct async_queue, waiter)->of;
    struct task *task = current;
    spin_lock(&raised_lock);
    if (list_empty(&async->raised_link))
        list_push_back(&raised, &async->raised_link);
    spin_unlock(&raised_lock);
    if (task && task->address_space)
        __atomic_fetch_or(&task->work, TASK_WORK_ASYNC, __ATOMIC_RELAXED);
    if (helper)
        task_wake(helper, WAKE_NORMAL);
}

static void add_queue(struct poll_table *table, struct wait_queue *queue)
{
    struct async_file *async = container_of(table, struct async_file, table);
    if (async->queue_count == QUEUES)
        return;
    struct async_queue *entry = &async->queues[async->queue_count++];
    entry->queue = queue;
    entry->of = async;
    waiter_init(&entry->waiter);
    entry->waiter.task = NULL;
    entry->waiter.exclusive = false;
    entry->waiter.notify = notify;
    spin_lock(&queue->lock);
    entry->waiter.queue = queue;
    list_push_front(&queue->waiters, &entry->waiter.link);
    spin_unlock(&queue->lock);
}

/* async_lock held. */
static struct async_file *find(const struct file *file)
{
    struct async_file *async;
    list_for_each(async, &files, link)
    {
        if (async->file == file)
            return async;
    }
    return NULL;
}

static void end(struct async_file *async)
{
    for (uint32_t i = 0; i < async->queue_count; i++) {
        struct wait_queue *queue = async->queues[i].queue;
        spin_lock(&queue->lock);
        list_remove(&async->queues[i].waiter.link);
        spin_unlock(&queue->lock);
    }
    spin_lock(&raised_lock);
    list_remove(&async->raised_link);
    spin_unlock(&raised_lock);
    list_remove(&async->link);
    kfree(async);
}

/* Not of those that have none on Linux either: eventfd, timerfd, epoll ... */
bool file_can_be_async(const struct file *file)
{
    const char *kind = file->operations->kind;
    return file->operations->poll && !(kind && !strncmp(kind, "anon_inode:[", 12));
}

int file_async_set(struct file *file, int fd, bool on)
{
    int error = 0;
    if (!file_can_be_async(file))
        return 0;
    mutex_lock(&async_lock);
    struct async_file *async = find(file);
    if (async && !on) {
        end(async);
    } else if (async) {
        async->fd = fd;
    } else if (on) {
        async = kzalloc(sizeof(*async));
        if (async) {
            async->file = file;
            async->fd = fd;
            list_init(&async->raised_link);
            list_push_back(&files, &async->link);
            async->table.add = add_queue;
            file->operations->poll(file, &async->table);
            __atomic_fetch_or(&file->held, FILE_IS_ASYNC, __ATOMIC_RELAXED);
        } else {
            error = -ENOMEM;
        }
    }
    mutex_unlock(&async_lock);
    return error;
}

void file_async_forget(struct file *file)
{
    mutex_lock(&async_lock);
    struct async_file *async = find(file);
    if (async)
        end(async);
    mutex_unlock(&async_lock);
}

/* ---- sending ---- */

static struct async_file *take_raised(void)
{
    struct async_file *async = NULL;
    spin_lock(&raised_lock);
    if (!list_empty(&raised)) {
        async = list_first(&raised, struct async_file, raised_link);
        list_remove(&async->raised_link);
        list_init(&async->raised_link);
    }
    spin_unlock(&raised_lock);
    return async;
}

void file_async_run(void)
{
    struct async_file *async;
    mutex_lock(&async_lock);
    while ((async = take_raised())) {
        struct file *file = async->file;
        uint32_t state = file->operations->poll(file, NULL);
        if (state & (POLLIN | POLLHUP))
            file_owner_signal(file, async->fd, POLL_CODE_IN, BAND_IN);
        else if (state & (POLLOUT | POLLERR))
            file_owner_signal(file, async->fd, POLL_CODE_OUT, BAND_OUT);
    }
    mutex_unlock(&async_lock);
}

bool file_async_raised(void)
{
    return READ_ONCE(raised.next) != &raised;
}

void file_async_helper(void)
{
    helper = current;
}
