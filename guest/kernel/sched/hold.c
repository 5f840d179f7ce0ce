/*
 * kernel/sched/hold.c - tasks held from outside: kept off every CPU until released, without taking
 * anything down with them.
 *
 * A task is parked only where it holds no lock: in task_park_held(), which it comes to by itself on
 * its way to user mode, or in its queue if it was preempted just there (at_edge). A parked task is
 * ready but in no queue. Being killed ends a hold: what waits for the end of a process waits for
 * its threads.
 */
#include "arch/cpu.h"
#include "kernel/lib/errno.h"
#include "kernel/process/process.h"
#include "kernel/sched/queue_inline.h"
#include "kernel/sched/run_queue.h"
#include "kernel/sched/task.h"

int task_hold(struct task *task)
{
    if (task->flags & (TASK_IDLE | TASK_KERNEL_THREAD))
        return -EPERM;
    struct run_queue *queue = run_queue_lock(task);
    if (task->flags & TASK_EXITING || task->state == TASK_ZOMBIE) {
        spin_unlock(&queue->lock);
        return -ESRCH;
    }
    if (task->held != HELD_NO) {
        spin_unlock(&queue->lock);
        return 0;
    }
    task->held = HELD_WANTED;
    task_add_work(task, TASK_WORK_HOLD);
    if (task_is_queued(task) && task->at_edge) {
        take_off(queue, task);
        task->held = HELD_PARKED;
    }
    spin_unlock(&queue->lock);
    return 0;
}

int task_release(struct task *task)
{
    struct run_queue *queue = run_queue_lock(task);
    uint8_t held = task->held;
    if (held == HELD_WANTED) {
        task->held = HELD_NO;
        task_clear_work(task, TASK_WORK_HOLD);
    }
    spin_unlock(&queue->lock);
    if (held == HELD_PARKED)
        task_wake(task, WAKE_RELEASE);
    return held == HELD_NO ? -EINVAL : 0;
}

void task_park_held(void)
{
    struct task *task = current;
    struct run_queue *queue = this_cpu()->run_queue;
    spin_lock(&queue->lock);
    if (task->held == HELD_WANTED && !(READ_ONCE(task->work) & TASK_WORK_EXIT)) {
        task->held = HELD_PARKED;
        schedule_parked(queue);
        return;
    }
    task->held = HELD_NO;
    task_clear_work(task, TASK_WORK_HOLD);
    spin_unlock(&queue->lock);
}
