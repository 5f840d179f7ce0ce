/*
 * kernel/sched/wake.c - how a task becomes ready: woken, started or moved, and on which CPU.
 */
#include "kernel/sched/idle.h"
#include "kernel/sched/queue_inline.h"
#include "kernel/sched/record.h"
#include "kernel/sched/scheduler.h"
#include "kernel/sched/state.h"
#include "kernel/time/clock.h"

static bool cpu_idle(unsigned index)
{
    struct run_queue *queue = &per_cpu(run_queue, index);
    return READ_ONCE(queue->running) == queue->idle && !READ_ONCE(queue->ready);
}

/* No CPU is idle: the one that runs what matters least, its own among equals. */
static COLD unsigned choose_special(const struct task *task, uint64_t allowed)
{
    unsigned best = allowed & 1ull << task->cpu ? task->cpu : (unsigned)__builtin_ctzll(allowed);
    uint32_t worst = max(class_running_major(&per_cpu(run_queue, best)), task->special.major);
    for (uint64_t rest = allowed; rest; rest &= rest - 1) {
        unsigned cpu = (unsigned)__builtin_ctzll(rest);
        uint32_t major = class_running_major(&per_cpu(run_queue, cpu));
        if (major > worst) {
            best = cpu;
            worst = major;
        }
    }
    return best;
}

/* Where a task that becomes ready should run: where it was if that CPU is idle, else an idle one,
 * else there. */
static unsigned choose_cpu(const struct task *task)
{
    unsigned count = cpu_count();
    uint64_t allowed = task->affinity & (count == 64 ? UINT64_MAX : (1ull << count) - 1);
    if (count == 1 || !allowed)
        return 0;
    if ((allowed & 1ull << task->cpu) && cpu_idle(task->cpu))
        return task->cpu;
    for (uint64_t rest = allowed; rest; rest &= rest - 1)
        if (cpu_idle((unsigned)__builtin_ctzll(rest)))
            return (unsigned)__builtin_ctzll(rest);
    if (unlikely(task->special.class != SCHED_CLASS_NORMAL))
        return choose_special(task, allowed);
    return allowed & 1ull << task->cpu ? task->cpu : (unsigned)__builtin_ctzll(allowed);
}

static inline void look_again(struct run_queue *queue, bool here)
{
    __atomic_fetch_or(&queue->running->work, TASK_WORK_RESCHEDULE, __ATOMIC_RELAXED);
    if (!here)
        cpu_send_request(cpu_at(queue->cpu), CPU_REQUEST_RESCHEDULE);
}

static NO_INLINE void notice_mixed(struct run_queue *queue, struct task *task, uint64_t now)
{
    bool here = queue->cpu == this_cpu()->index;
    if (task_is_queued(task) && class_preempts(queue, task)) {
        look_again(queue, here);
        return;
    }
    uint64_t before = queue->slice_end_tsc;
    if (here) {
        slice_plan(this_cpu(), queue, now);
    } else {
        queue->slice_end_tsc = class_next_look(queue, now);
        if (queue->slice_end_tsc < before)
            cpu_send_request(cpu_at(queue->cpu), CPU_REQUEST_TIMER);
    }
}

/* The CPU whose queue just got `task` looks at it soon. Queue locked. */
static inline void notice(struct run_queue *queue, struct task *task, uint64_t now)
{
    struct cpu *cpu = this_cpu();
    bool here = queue->cpu == cpu->index;
    if (unlikely(queue->mixed)) {
        notice_mixed(queue, task, now);
        return;
    }
    if (likely(queue->fair.running) && !fair_should_preempt(&queue->fair, &task->fair)) {
        if (queue->slice_end_tsc != UINT64_MAX)
            return; /* others wait already: the end of the slice is planned */
        if (here) {
            slice_plan(cpu, queue, now);
        } else {
            queue->slice_end_tsc = now + fair_slice_left(&queue->fair);
            cpu_send_request(cpu_at(queue->cpu), CPU_REQUEST_TIMER);
        }
        return;
    }
    look_again(queue, here);
}

static void lock_pair(struct run_queue *a, struct run_queue *b)
{
    if (a == b) {
        spin_lock(&a->lock);
    } else if (a < b) {
        spin_lock(&a->lock);
        spin_lock_nested(&b->lock);
    } else {
        spin_lock(&b->lock);
        spin_lock_nested(&a->lock);
    }
}

static void unlock_pair(struct run_queue *a, struct run_queue *b)
{
    if (a != b)
        spin_unlock(&b->lock);
    spin_unlock(&a->lock);
}

static bool may_wake(const struct task *task, enum wake_reason reason)
{
    switch (task->state) {
    case TASK_BLOCKED:
        return true;
    case TASK_BLOCKED_HARD:
        return reason == WAKE_NORMAL;
    case TASK_STOPPED:
        return reason == WAKE_CONTINUE || reason == WAKE_KILL;
    default:
        return false;
    }
}

/* A task that does not sleep: a hold may end, or its intent to fall asleep. Queues locked. */
static COLD bool wake_awake(struct task *task, enum wake_reason reason, struct run_queue *target)
{
    if (task->held == HELD_PARKED && (reason == WAKE_KILL || reason == WAKE_RELEASE)) {
        uint64_t now = clock_tsc();
        charge(target, now);
        object_write_begin(&task->object);
        task->held = HELD_NO;
        task_clear_work(task, TASK_WORK_HOLD);
        enqueue(target, task, now, false);
        object_write_end(&task->object);
        notice(target, task, now);
        return true;
    }
    if (!task->sleep_intent || (reason != WAKE_NORMAL && reason != WAKE_CONTINUE))
        return false;
    task->sleep_intent = 0;
    return true;
}

/* Both queues are locked: the one that the task belongs to, and the one where it shall run. */
static inline __attribute__((always_inline)) bool
wake_locked(struct task *task, enum wake_reason reason, struct run_queue *target)
{
    if (!may_wake(task, reason))
        return wake_awake(task, reason, target);
    uint64_t now = clock_tsc();
    charge(target, now);
    object_write_begin(&task->object);
    task_set_state(task, TASK_READY);
    enqueue(target, task, now, false);
    object_write_end(&task->object);
    record_wakeup(target, task, now);
    notice(target, task, now);
    return true;
}

static __attribute__((noinline)) bool wake_across(struct task *task, enum wake_reason reason)
{
    for (;;) {
        uint32_t cpu = READ_ONCE(task->cpu);
        struct run_queue *old = &per_cpu(run_queue, cpu);
        struct run_queue *target = &per_cpu(run_queue, choose_cpu(task));
        bool woke = false;
        lock_pair(old, target);
        bool moved = task->cpu != cpu;
        if (!moved)
            woke = wake_locked(task, reason, target);
        unlock_pair(old, target);
        if (!moved)
            return woke;
    }
}

bool task_wake(struct task *task, enum wake_reason reason)
{
    if (cpu_count() > 1)
        return wake_across(task, reason);
    struct run_queue *queue = &per_cpu(run_queue, 0);
    spin_lock(&queue->lock);
    bool woke = wake_locked(task, reason, queue);
    spin_unlock(&queue->lock);
    return woke;
}

void task_start(struct task *task, struct task *parent)
{
    (void)parent;
    struct run_queue *target = &per_cpu(run_queue, choose_cpu(task));
    spin_lock(&target->lock);
    uint64_t now = clock_tsc();
    charge(target, now);
    object_write_begin(&task->object);
    task_set_state(task, TASK_READY);
    task->start_tsc = now;
    enqueue(target, task, now, true);
    object_write_end(&task->object);
    notice(target, task, now);
    spin_unlock(&target->lock);
}

void task_add_work(struct task *task, uint32_t work)
{
    __atomic_fetch_or(&task->work, work, __ATOMIC_SEQ_CST);
    if (task == current)
        return;
    uint32_t cpu = READ_ONCE(task->cpu);
    if (READ_ONCE(per_cpu(run_queue, cpu).running) == task && cpu != this_cpu()->index)
        cpu_send_request(cpu_at(cpu), CPU_REQUEST_LOOK);
}

/*
 * A waiting task moves at once; a running one was told to reschedule and moves then (schedule_away
 * puts it where it may be); a blocked one moves when it wakes.
 */
void task_move(struct task *task)
{
    for (;;) {
        uint32_t cpu = READ_ONCE(task->cpu);
        struct run_queue *old = &per_cpu(run_queue, cpu);
        struct run_queue *target = &per_cpu(run_queue, choose_cpu(task));
        lock_pair(old, target);
        if (task->cpu != cpu) {
            unlock_pair(old, target);
            continue;
        }
        if (task_is_queued(task) && old != target) {
            take_off(old, task);
            trace_event(TRACE_MIGRATE, trace_pair(task->tid, (int32_t)target->cpu), old->cpu, 0, 0);
            uint64_t now = clock_tsc();
            charge(target, now);
            enqueue(target, task, now, false);
            notice(target, task, now);
        } else if (task->state == TASK_RUNNING && old != target && task != current) {
            cpu_send_request(cpu_at(cpu), CPU_REQUEST_LOOK);
        }
        unlock_pair(old, target);
        return;
    }
}
