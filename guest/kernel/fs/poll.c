/*
 * kernel/fs/poll.c - poll(2) and ppoll(2).
 *
 * The list of descriptors is copied in once and only its `revents` are copied out. Restarting:
 * poll() that was stopped and continued goes on until its first deadline; ppoll() starts again
 * unless a handler ran.
 */
#include "kernel/fs/poll.h"

#include "kernel/fs/file_table.h"
#include "kernel/fs/poll_time.h"
#include "kernel/mm/object_cache.h"
#include "kernel/process/process.h"
#include "kernel/syscall/syscall.h"

struct linux_pollfd {
    int32_t fd;
    int16_t events;
    int16_t revents;
};

#define POLL_ON_STACK 16
#define POLL_MAX      (65536 / sizeof(struct linux_pollfd)) /* what one allocation can hold */

/* One look at every descriptor; registers until the first one is ready. Returns how many are. */
static int look(struct linux_pollfd *list, uint32_t count, struct poll_waiters *waiters)
{
    int ready = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t state = 0;
        /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): assembly copied it */
        if (list[i].fd >= 0) {
            bool counted;
            struct file *file = file_borrow(list[i].fd, &counted);
            state = POLLNVAL;
            if (file && !(file->flags & O_PATH)) {
                state = poll_file(file, counted, waiters);
                state &= (uint16_t)list[i].events | POLLERR | POLLHUP;
            }
            if (file)
                file_return(file, counted);
        }
        list[i].revents = (int16_t)state;
        if (state) {
            ready++;
            waiters = NULL;
        }
        if (i % 64 == 63)
            preemption_point();
    }
    return ready;
}

/* deadline_ns 0 = for ever, 1 = do not wait at all. */
static int64_t poll_list(struct linux_pollfd *list, uint32_t count, uint64_t deadline_ns)
{
    struct poll_waiters waiters;

    if (deadline_ns == POLL_NO_WAIT)
        return look(list, count, NULL);
    poll_waiters_init(&waiters);
    int64_t result = look(list, count, &waiters);
    while (!result) {
        if (waiters.out_of_memory) {
            result = -ENOMEM;
            break;
        }
        int error = poll_waiters_block(&waiters, deadline_ns);
        result = look(list, count, NULL);
        if (error == -ETIMEDOUT)
            break;
        if (error && !result)
            result = -EINTR;
    }
    poll_waiters_finish(&waiters);
    return result;
}

static int64_t poll_user_list(uint64_t address, uint32_t count, uint64_t deadline_ns)
{
    struct linux_pollfd on_stack[POLL_ON_STACK];
    struct linux_pollfd *list = on_stack;

    if (count > READ_ONCE(current->process->rlimits[RLIMIT_NOFILE].soft) || count > POLL_MAX)
        return -EINVAL;
    uint64_t bytes = count * sizeof(*list);
    if (count > POLL_ON_STACK) {
        list = kmalloc(bytes);
        if (!list)
            return -ENOMEM;
    }
    int64_t result = -EFAULT;
    if (!bytes || !copy_from_user(list, address, bytes)) {
        result = poll_list(list, count, deadline_ns);
        for (uint32_t i = 0; result >= 0 && i < count; i++) {
            if (put_user(list[i].revents,
                         address + i * sizeof(*list) + offsetof(struct linux_pollfd, revents)))
                result = -EFAULT;
        }
    }
    if (list != on_stack)
        kfree(list);
    return result;
}

static int64_t poll_restart(struct task *task);

static int64_t poll_restartable(uint64_t address, uint32_t count, uint64_t deadline_ns)
{
    struct task *task = current;

    int64_t result = poll_user_list(address, count, deadline_ns);
    if (result != -EINTR)
        return result;
    task->restart = poll_restart;
    task->restart_argument[0] = address;
    task->restart_argument[1] = count;
    task->restart_argument[2] = deadline_ns;
    return -ERESTART_RESTARTBLOCK;
}

static int64_t poll_restart(struct task *task)
{
    return poll_restartable(task->restart_argument[0], (uint32_t)task->restart_argument[1],
                            task->restart_argument[2]);
}

SYSCALL3(poll, uint64_t, address, uint32_t, count, int32_t, timeout_ms)
{
    return poll_restartable(address, count, poll_deadline_ms(timeout_ms));
}

SYSCALL5(ppoll, uint64_t, address, uint32_t, count, uint64_t, timeout, uint64_t, mask, uint64_t,
         mask_bytes)
{
    uint64_t deadline_ns;

    int64_t result = poll_deadline_timespec(timeout, &deadline_ns);
    if (!result)
        result = poll_mask_enter(mask, mask_bytes);
    if (result)
        return result;
    result = poll_user_list(address, count, deadline_ns);
    poll_mask_leave(mask, result == -EINTR);
    if (result == -EINTR)
        result = -ERESTARTNOHAND;
    return poll_report_rest(timeout, deadline_ns, false, result);
}
