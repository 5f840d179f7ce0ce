/* kernel/observe/act.c - see act.h. */
#include "kernel/observe/act.h"

#include "kernel/lib/errno.h"
#include "kernel/process/internal.h"
#include "kernel/process/signal.h"
#include "kernel/sched/parameters.h"

/* Runs an operation on the task with that tid, if there is one. */
static int64_t with_task(uint64_t tid,
                         int64_t (*operation)(struct task *task, uint64_t first, uint64_t second),
                         uint64_t first, uint64_t second)
{
    struct task *task = tid <= INT32_MAX ? task_find_get((int32_t)tid) : NULL;
    if (!task)
        return -ESRCH;
    int64_t result = operation(task, first, second);
    task_put(task);
    return result;
}

/* ---- signals ---- */

int64_t act_signal_process(uint64_t pid, uint64_t signal)
{
    if (signal < 1 || signal > SIGNALS || pid > INT32_MAX)
        return -EINVAL;
    struct process *process = process_find_get((int32_t)pid);
    if (!process)
        return -ESRCH;
    int64_t result = process->kernel ? -EPERM : signal_send_process(process, (int)signal, NULL);
    process_put(process);
    return result;
}

static int64_t signal_thread(struct task *task, uint64_t signal, uint64_t unused)
{
    (void)unused;
    if (!task->process || task->process->kernel)
        return -EPERM;
    return signal_send_task(task, (int)signal, NULL);
}

int64_t act_signal_thread(uint64_t tid, uint64_t signal)
{
    if (signal < 1 || signal > SIGNALS)
        return -EINVAL;
    return with_task(tid, signal_thread, signal, 0);
}

/* ---- holding ---- */

static int64_t hold(struct task *task, uint64_t held, uint64_t unused)
{
    (void)unused;
    return held ? task_hold(task) : task_release(task);
}

int64_t act_hold(uint64_t tid)
{
    return with_task(tid, hold, 1, 0);
}

int64_t act_release(uint64_t tid)
{
    return with_task(tid, hold, 0, 0);
}

/* family_lock held: no thread is born, and a clone under way comes too late and is made again. */
static int64_t hold_threads_locked(struct process *process, bool held)
{
    int64_t count = 0;
    struct task *task;
    list_for_each(task, &process->threads, thread_link)
    {
        if (!(held ? task_hold(task) : task_release(task)))
            count++;
    }
    return count;
}

static int64_t hold_process(uint64_t pid, bool held)
{
    int64_t result = 0;
    spin_lock(&family_lock);
    if (pid) {
        struct process *process = pid <= INT32_MAX ? process_find_locked((int32_t)pid) : NULL;
        result = !process ? -ESRCH : process->kernel ? -EPERM : hold_threads_locked(process, held);
    } else {
        for (struct process *process = process_next_locked(1); process;
             process = process_next_locked(process->pid + 1))
            result += hold_threads_locked(process, held);
    }
    spin_unlock(&family_lock);
    return result;
}

int64_t act_freeze(uint64_t pid)
{
    return hold_process(pid, true);
}

int64_t act_thaw(uint64_t pid)
{
    return hold_process(pid, false);
}

/* ---- scheduling ---- */

/* `value` is a nice value, or the priority for FIFO and RR. */
static int64_t set_policy(struct task *task, uint64_t policy, uint64_t value)
{
    bool realtime = policy == SCHED_POLICY_FIFO || policy == SCHED_POLICY_RR;
    struct sched_parameters parameters;
    if ((int64_t)value < -20 || (int64_t)value > 99 || policy > UINT32_MAX)
        return -EINVAL;
    if (task->flags & TASK_IDLE)
        return -EPERM;
    task_parameters(task, &parameters);
    parameters.policy = (uint32_t)policy;
    parameters.priority = realtime ? (int32_t)value : 0;
    if (!realtime)
        parameters.nice = (int32_t)value;
    int error = sched_parameters_check(&parameters);
    return error ? error : task_set_parameters(task, &parameters);
}

static int64_t set_nice(struct task *task, uint64_t nice, uint64_t unused)
{
    (void)unused;
    if ((int64_t)nice < -20 || (int64_t)nice > 19)
        return -EINVAL;
    if (task->flags & TASK_IDLE)
        return -EPERM;
    task_set_nice(task, (int)nice);
    return 0;
}

static int64_t set_affinity(struct task *task, uint64_t mask, uint64_t unused)
{
    (void)unused;
    return task->flags & TASK_IDLE ? -EPERM : task_set_affinity(task, mask);
}

int64_t act_set_nice(uint64_t tid, uint64_t nice)
{
    return with_task(tid, set_nice, nice, 0);
}

int64_t act_set_policy(uint64_t tid, uint64_t policy, uint64_t value)
{
    return with_task(tid, set_policy, policy, value);
}

int64_t act_set_affinity(uint64_t tid, uint64_t mask)
{
    return with_task(tid, set_affinity, mask, 0);
}
