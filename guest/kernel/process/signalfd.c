/*
 * signalfd.c - signalfd(2): signals are read as records instead of being delivered. What is read
 * are the signals of whoever reads; the file only holds the set.
 *
 * Who sleeps: a blocking reader on its process's signal_waiters. A poller's registration (epoll's
 * above all) may outlive the process, so it goes to one of a few queues that stand for ever, chosen
 * by the pid: a wake-up for another process's signal costs a look. Senders wake both once the
 * process has signals_watched, which is set under signal_lock before the first look.
 */
#include "kernel/fs/file_table.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/poll.h"
#include "kernel/mm/object_cache.h"
#include "kernel/process/signal_queue.h"
#include "kernel/syscall/syscall.h"

#define POLL_QUEUES 8u

struct linux_signalfd_siginfo {
    uint32_t signo;
    int32_t error, code;
    uint32_t pid, uid;
    int32_t fd;
    uint32_t timer, band, overrun, trap;
    int32_t status, integer;
    uint64_t pointer, utime, stime, address;
    uint16_t address_lsb;
    uint8_t padding[46];
};
_Static_assert(sizeof(struct linux_signalfd_siginfo) == 128, "signalfd_siginfo is part of the ABI");

static struct wait_queue poll_queues[POLL_QUEUES] = {
#define POLL_QUEUE(i) [i] = WAIT_QUEUE_INIT(poll_queues[i])
    POLL_QUEUE(0), POLL_QUEUE(1), POLL_QUEUE(2), POLL_QUEUE(3),
    POLL_QUEUE(4), POLL_QUEUE(5), POLL_QUEUE(6), POLL_QUEUE(7),
};

static struct wait_queue *poll_queue_of(const struct process *process)
{
    return &poll_queues[(uint32_t)process->pid % POLL_QUEUES];
}

void signalfd_wake_signal_locked(struct process *process)
{
    wake_up_all(&process->signal_waiters);
    wake_up_all(poll_queue_of(process));
}

/* The fields that the kind of siginfo has (sigaction(2), "the siginfo_t argument"). */
static void record_make(struct linux_signalfd_siginfo *ret, const struct linux_siginfo *info)
{
    *ret = (struct linux_signalfd_siginfo){
        .signo = (uint32_t)info->signo, .error = info->errno_value, .code = info->code};
    if (info->code == SI_TIMER) {
        ret->timer = (uint32_t)info->timer.timer_id;
        ret->overrun = (uint32_t)info->timer.overrun;
        ret->pointer = info->timer.value;
        ret->integer = (int32_t)info->timer.value;
        return;
    }
    bool from_kernel = info->code > SI_USER && info->code < SI_KERNEL;
    if (from_kernel && signal_bit(info->signo) & SIGNALS_SYNCHRONOUS) {
        ret->address = info->fault.address;
        ret->address_lsb = (uint16_t)info->fault.lsb;
        return;
    }
    ret->pid = (uint32_t)info->sender.pid;
    ret->uid = info->sender.uid;
    if (from_kernel && info->signo == SIGCHLD) {
        ret->status = info->child.status;
        ret->utime = (uint64_t)info->child.utime;
        ret->stime = (uint64_t)info->child.stime;
    } else if (info->code < 0) {
        ret->pointer = info->sender.value;
        ret->integer = (int32_t)info->sender.value;
    }
}

static uint64_t wanted_of(const struct file *file)
{
    return (uint64_t)READ_ONCE(file->private_data);
}

/* Is one of the file's signals pending for the current task? Whoever asks will be told later. */
static bool anything_pending(const struct file *file)
{
    struct task *task = current;
    struct process *process = task->process;
    spin_lock(&process->signal_lock);
    process->signals_watched = true;
    bool result = signal_pending_signal_locked(task) & wanted_of(file);
    spin_unlock(&process->signal_lock);
    return result;
}

/* The next of the file's signals as a record; false if there is none. */
static bool take(const struct file *file, struct linux_signalfd_siginfo *ret)
{
    struct task *task = current;
    struct process *process = task->process;
    spin_lock(&process->signal_lock);
    struct pending_signal *entry = signal_take_signal_locked(task, process, wanted_of(file));
    spin_unlock(&process->signal_lock);
    if (!entry)
        return false;
    record_make(ret, &entry->info);
    pending_release(process, entry);
    return true;
}

static ssize_t signalfd_read(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    struct linux_signalfd_siginfo record;
    ssize_t done = 0;
    (void)position;
    if (buffer->remaining < sizeof(record))
        return -EINVAL;
    while (buffer->remaining >= sizeof(record)) {
        if (!take(file, &record)) {
            if (done || file->flags & O_NONBLOCK)
                return done ? done : -EAGAIN;
            int error = wait_event(&current->process->signal_waiters, WAIT_SIGNAL, (uint64_t)file,
                                   WAIT_INTERRUPTIBLE, 0, anything_pending(file));
            if (error)
                return error;
            continue;
        }
        if (io_copy_to(buffer, &record, sizeof(record)) != sizeof(record))
            return done ? done : -EFAULT;
        done += (ssize_t)sizeof(record);
    }
    return done;
}

static uint32_t signalfd_poll(struct file *file, struct poll_table *table)
{
    poll_wait(table, poll_queue_of(current->process));
    return anything_pending(file) ? POLLIN | POLLRDNORM : 0;
}

/* The set is the private data itself: there is nothing to free. */
static const struct file_operations signalfd_operations = {
    .kind = "anon_inode:[signalfd]",
    .read = signalfd_read,
    .poll = signalfd_poll,
};

static int64_t signalfd_create(uint64_t wanted, uint32_t flags)
{
    struct inode *inode = anonymous_inode(0600, "signalfd");
    if (!inode)
        return -ENOMEM;
    struct file *file = file_create(NULL, inode, O_RDWR | (flags & O_NONBLOCK),
                                    &signalfd_operations, (void *)wanted);
    inode_put(inode);
    if (!file)
        return -ENOMEM;
    int fd = file_table_install(file, 0, flags & O_CLOEXEC);
    if (fd < 0)
        file_put(file);
    return fd;
}

static int64_t signalfd_change(int fd, uint64_t wanted)
{
    struct process *process = current->process;
    struct file *file = file_table_find(fd);
    if (!file)
        return -EBADF;
    bool ours = file->operations == &signalfd_operations;
    if (ours) {
        spin_lock(&process->signal_lock);
        WRITE_ONCE(file->private_data, (void *)wanted);
        signalfd_wake_signal_locked(process);
        spin_unlock(&process->signal_lock);
    }
    file_put(file);
    return ours ? fd : -EINVAL;
}

static int64_t signalfd(int fd, uint64_t mask_address, size_t mask_bytes, uint32_t flags)
{
    uint64_t wanted;
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    if (mask_bytes != sizeof(wanted))
        return -EINVAL;
    if (get_user(wanted, mask_address))
        return -EFAULT;
    wanted &= ~SIGNALS_UNBLOCKABLE;
    return fd == -1 ? signalfd_create(wanted, flags) : signalfd_change(fd, wanted);
}

SYSCALL3(signalfd, int, fd, uint64_t, mask, size_t, mask_bytes)
{
    return signalfd(fd, mask, mask_bytes, 0);
}

SYSCALL4(signalfd4, int, fd, uint64_t, mask, size_t, mask_bytes, uint32_t, flags)
{
    return signalfd(fd, mask, mask_bytes, flags);
}
