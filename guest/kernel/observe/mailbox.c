/*
 * kernel/observe/mailbox.c - carrying out what the host asks. The host is trusted with the machine
 * (it can end it), but its numbers are checked like anybody's.
 */
#include "kernel/observe/mailbox.h"

#include "arch/cpu.h"
#include "arch/doorbell.h"
#include "kernel/fs/file.h"
#include "kernel/lib/errno.h"
#include "kernel/mm/frame.h"
#include "kernel/observe/control.h"
#include "kernel/observe/done.h"
#include "kernel/observe/glass.h"
#include "kernel/observe/stop.h"
#include "kernel/process/process.h"
#include "kernel/process/signal.h"

static uint64_t answered;
static uint64_t stops_taken;

/* Runs an operation on the task with that tid, if there is one. */
static int64_t with_task(uint64_t tid, int64_t (*operation)(struct task *task, uint64_t argument),
                         uint64_t argument)
{
    struct task *task = tid <= INT32_MAX ? task_find_get((int32_t)tid) : NULL;
    if (!task)
        return -ESRCH;
    int64_t result = operation(task, argument);
    task_put(task);
    return result;
}

static int64_t hold(struct task *task, uint64_t held)
{
    if (task->flags & TASK_IDLE)
        return -EINVAL;
    task_hold(task, held);
    return 0;
}

static int64_t set_nice(struct task *task, uint64_t nice)
{
    int64_t value = (int64_t)nice;
    if (value < -20 || value > 19)
        return -EINVAL;
    return task_set_policy(task, task->policy, task->rt_priority, (int)value);
}

static int64_t set_affinity(struct task *task, uint64_t mask)
{
    return task_set_affinity(task, mask);
}

static int64_t send_signal(uint64_t pid, uint64_t signal)
{
    if (signal < 1 || signal > SIGNALS || pid > INT32_MAX)
        return -EINVAL;
    struct process *process = process_find_get((int32_t)pid);
    if (!process)
        return -ESRCH;
    int64_t result = signal_send_process(process, (int)signal, NULL);
    process_put(process);
    return result;
}

static int64_t carry_out(uint32_t command, const uint64_t *argument)
{
    switch (command) {
    case MAILBOX_PING:
        return (int64_t)argument[0];
    case MAILBOX_SIGNAL:
        return send_signal(argument[0], argument[1]);
    case MAILBOX_HOLD:
        return with_task(argument[0], hold, 1);
    case MAILBOX_RELEASE:
        return with_task(argument[0], hold, 0);
    case MAILBOX_WINDOW:
        console_set_window((uint16_t)argument[0], (uint16_t)argument[1]);
        return 0;
    case MAILBOX_SET_NICE:
        return with_task(argument[0], set_nice, argument[1]);
    case MAILBOX_SET_AFFINITY:
        return with_task(argument[0], set_affinity, argument[1]);
    case MAILBOX_SHUTDOWN:
        machine_done(SIGKILL);
    default:
        return -ENOSYS;
    }
}

void mailbox_kicked(void)
{
    const struct glass_mailbox *mailbox = &glass.control.mailbox;
    control_refresh();
    glass.frames_free = frames_free_count();
    console_host_notified();
    uint64_t sequence = load_acquire(&mailbox->sequence);
    if (sequence != answered) {
        uint64_t argument[4];
        for (unsigned i = 0; i < 4; i++)
            argument[i] = READ_ONCE(mailbox->argument[i]);
        glass.answer.result = carry_out(READ_ONCE(mailbox->command), argument);
        answered = sequence;
        store_release(&glass.answer.sequence, sequence);
        doorbell(HYPERCALL_MAILBOX);
    }
    uint64_t wanted = READ_ONCE(glass.control.stop_request);
    if (wanted != stops_taken) {
        stops_taken = wanted;
        stop_here();
    }
}
