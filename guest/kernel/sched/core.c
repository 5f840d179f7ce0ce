/*
 * kernel/sched/core.c - who runs: choosing, switching, blocking. What makes a task ready is wake.c.
 *
 * The contract of a switch: schedule_away() is entered with this CPU's run queue locked. The lock
 * is held across stack_switch() and released by the task that comes (schedule_finish), so a task is
 * never picked elsewhere before its registers are saved: whoever holds the lock of its queue and
 * sees it blocked knows that its kernel stack is at rest.
 */
#include "kernel/sched/task.h"

#include "arch/cpu.h"
#include "arch/machine.h"
#include "arch/page_table.h"
#include "arch/per_cpu.h"
#include "arch/switch.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/panic.h"
#include "kernel/lib/string.h"
#include "kernel/observe/audit.h"
#include "kernel/observe/mutant.h"
#include "kernel/observe/trace.h"
#include "kernel/sched/block.h"
#include "kernel/sched/idle.h"
#include "kernel/sched/parameters.h"
#include "kernel/sched/policy.h"
#include "kernel/sched/queue_inline.h"
#include "kernel/sched/realtime_limit.h"
#include "kernel/sched/record.h"
#include "kernel/sched/run_queue.h"
#include "kernel/sched/scheduler.h"
#include "kernel/sched/state.h"
#include "kernel/time/clock.h"
#include "kernel/time/timer.h"

PER_CPU(struct run_queue, run_queue);

struct run_queue *run_queue_lock(struct task *task)
{
    for (;;) {
        uint32_t cpu = READ_ONCE(task->cpu);
        struct run_queue *queue = &per_cpu(run_queue, cpu);
        spin_lock(&queue->lock);
        if (likely(task->cpu == cpu))
            return queue;
        spin_unlock(&queue->lock);
    }
}

uint64_t scheduler_next_tsc(const struct cpu *cpu)
{
    return per_cpu(run_queue, cpu->index).slice_end_tsc;
}

/* ---- choosing ---- */

/* Work of another CPU for this idle one. Our lock is held; the other is only tried, so no order is
 * needed. */
static COLD bool steal(struct run_queue *queue, bool special_only, uint64_t now)
{
    for (unsigned i = 1; i < cpu_count(); i++) {
        struct run_queue *other = &per_cpu(run_queue, (queue->cpu + i) % cpu_count());
        uint32_t waiting =
            special_only ? READ_ONCE(other->special.waiting) : READ_ONCE(other->ready);
        if (!waiting || !spin_try_lock(&other->lock))
            continue;
        struct task *found = class_spare(other, queue->cpu, !special_only);
        if (found) {
            take_off(other, found);
            trace_event(TRACE_MIGRATE, trace_pair(found->tid, (int32_t)queue->cpu), other->cpu, 0,
                        0);
            uint64_t since = found->ready_tsc;
            enqueue(queue, found, now, false);
            found->ready_tsc = since;
        }
        spin_unlock(&other->lock);
        if (found)
            return true;
    }
    return false;
}

/* As pick(), with all classes: special tasks that wait elsewhere go before normal ones here. */
static NO_INLINE struct task *pick_mixed(struct run_queue *queue, uint64_t *now)
{
    if (cpu_count() > 1 && !queue->special.waiting && steal(queue, true, *now))
        *now = clock_tsc();
    struct task *task = class_pick(queue);
    return task ? task : queue->idle;
}

static inline struct task *pick(struct run_queue *queue, uint64_t *now)
{
    if (!queue->ready) {
        if (cpu_count() == 1 || !steal(queue, false, *now))
            return queue->idle;
        *now = clock_tsc(); /* the stolen one may have been woken since the caller looked */
    }
    if (unlikely(queue->mixed))
        return pick_mixed(queue, now);
    queue->ready--;
    return container_of(fair_pick(&queue->fair), struct task, fair);
}

/* ---- the switch ---- */

void schedule_finish(void)
{
    struct cpu *cpu = this_cpu();
    struct run_queue *queue = cpu->run_queue;
    struct task *previous = queue->previous;
    address_space_switch_finish();
    bool gone = previous->state == TASK_ZOMBIE;
    /* A special one may have a better place, too, where only normal ones run. */
    bool misplaced =
        previous->state == TASK_READY && (!(previous->affinity & 1ull << queue->cpu) ||
                                          (previous->special.queued && cpu_count() > 1));
    if (unlikely(misplaced))
        task_get(previous);
    spin_unlock(&queue->lock);
    if (unlikely(gone)) {
        arch_task_deinit(previous);
        task_put(previous);
    } else if (unlikely(misplaced)) {
        task_move(previous);
        task_put(previous);
    }
}

/* The running task stops being it. Its object is being written. */
static inline void leave_cpu(struct run_queue *queue, struct task *prev, enum task_state state,
                             uint64_t now)
{
    task_set_state(prev, state);
    prev->stime_tsc += now - prev->mode_tsc;
    prev->mode_tsc = now;
    charge(queue, now);
    if (state != TASK_READY) {
        leave_queue(queue, prev);
    } else {
        prev->ready_tsc = now;
        if (prev == queue->idle)
            return;
        if (unlikely(prev->held == HELD_PARKED))
            leave_queue(queue, prev);
        else
            put_back(queue, now);
    }
}

/*
 * The current task gives up this CPU, whose queue is locked, and is in `state` from now on. Returns
 * when it runs again, with the lock released.
 */
static inline __attribute__((always_inline)) void switch_away(struct run_queue *queue,
                                                              struct task *prev,
                                                              enum task_state state,
                                                              enum switch_reason reason)
{
    struct cpu *cpu = this_cpu();
    uint64_t now = clock_tsc();
    object_write_begin(&prev->object);
    leave_cpu(queue, prev, state, now);
    if (unlikely(READ_ONCE(prev->work) & TASK_WORK_RESCHEDULE))
        task_clear_work(prev, TASK_WORK_RESCHEDULE);
    struct task *next = pick(queue, &now);
    if (reason == SWITCH_PREEMPTED && queue->slice_over)
        reason = SWITCH_SLICE_OVER;
    queue->slice_over = false;
    if (unlikely(next == prev)) {
        if (likely(prev->affinity & 1ull << queue->cpu)) {
            task_set_state(prev, TASK_RUNNING);
            object_write_end(&prev->object);
            slice_plan(cpu, queue, now);
            spin_unlock(&queue->lock);
            return;
        }
        /* Nobody else wants this CPU, but it may not have it: whoever comes sends it away. */
        put_back(queue, now);
        next = queue->idle;
    }
    if (reason == SWITCH_PREEMPTED || reason == SWITCH_SLICE_OVER)
        prev->nivcsw++;
    else
        prev->nvcsw++;
    object_write_end(&prev->object);

    object_write_begin(&next->object);
    task_set_state(next, TASK_RUNNING);
    next->wait_kind = WAIT_NONE;
    next->run_delay_tsc += now - next->ready_tsc;
    next->switched_in_tsc = next->mode_tsc = now;
    object_write_end(&next->object);

    cpu->glass->switches++;
    record_switch(cpu, queue, prev, next, now, reason);
    queue->running = next;
    queue->previous = prev;
    slice_plan(cpu, queue, now);
    audit_switch_out(prev); /* while it is still the current task */
    cpu->task = next;
    cpu->glass->running = (uint64_t)next;
    arch_switch_prepare(cpu, prev, next);
    phys_t root =
        MUTANT_EVERY(WRONG_CR3, 100) ? 0 : address_space_switch_prepare(next->address_space);
    uint64_t lost = AUDIT_SWITCH(stack_switch(&prev->arch.kernel_rsp, next->arch.kernel_rsp, root));
    schedule_finish();
    audit_switch_in(lost);
}

/* The one copy for all who do not block; blocking, the commonest by far, has its own. */
static NO_INLINE void schedule_away(struct run_queue *queue, struct task *prev,
                                    enum task_state state, enum switch_reason reason)
{
    switch_away(queue, prev, state, reason);
}

NO_INLINE void schedule_preempt(void)
{
    struct task *task = current;
    struct run_queue *queue = this_cpu()->run_queue;
    spin_lock(&queue->lock);
    schedule_away(queue, task, TASK_READY, task == queue->idle ? SWITCH_IDLE : SWITCH_PREEMPTED);
}

void schedule_parked(struct run_queue *queue)
{
    schedule_away(queue, current, TASK_READY, SWITCH_STOPPED);
}

void task_yield(void)
{
    struct task *task = current;
    struct run_queue *queue = this_cpu()->run_queue;
    spin_lock(&queue->lock);
    if (!queue->ready && !queue->special.running) {
        spin_unlock(&queue->lock);
        return;
    }
    charge(queue, clock_tsc());
    if (unlikely(queue->mixed))
        class_yield(queue);
    else
        fair_yield(&queue->fair);
    schedule_away(queue, task, TASK_READY, SWITCH_YIELD);
}

/* Others see, from outside too, that what this task was at in the kernel is half done. */
static __attribute__((noinline, cold)) void preempt_inside(struct task *task)
{
    task->preempted_inside = true;
    schedule_preempt();
    task->preempted_inside = false;
}

void preemption_point(void)
{
    struct task *task = current;
    __asm__ volatile("sti; nop; cli" ::: "memory");
    if (unlikely(READ_ONCE(task->work) & TASK_WORK_RESCHEDULE) && task != this_cpu()->idle)
        preempt_inside(task);
}

/* ---- blocking ---- */

bool schedule_block(enum task_state state, enum wait_kind kind, uint64_t object,
                    uint32_t interrupting_work)
{
    struct task *task = current;
    struct run_queue *queue = this_cpu()->run_queue;
    spin_lock(&queue->lock);
    if (!task->sleep_intent || (READ_ONCE(task->work) & interrupting_work)) {
        task->sleep_intent = 0;
        spin_unlock(&queue->lock);
        return false;
    }
    task->sleep_intent = 0;
    task->wait_kind = (uint8_t)kind;
    task->wait_object = object;
    switch_away(queue, task, state, state == TASK_STOPPED ? SWITCH_STOPPED : SWITCH_BLOCKED);
    return true;
}

void task_stop_self(int signal)
{
    struct task *task = current;
    WRITE_ONCE(task->sleep_intent, 1);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    /* Whoever continues us clears the bit, then wakes: either we see that here, or the wake-up
     * takes the intent. */
    if (!(READ_ONCE(task->work) & TASK_WORK_STOP)) {
        task->sleep_intent = 0;
        return;
    }
    trace_event(TRACE_STOP_TASK, (uint64_t)(uint32_t)task->tid, (uint64_t)signal, 0, 0);
    schedule_block(TASK_STOPPED, WAIT_NONE, 0, TASK_WORK_EXIT);
}

_Noreturn void task_exit_self(void)
{
    struct task *task = current;
    struct run_queue *queue = this_cpu()->run_queue;
    if (unlikely(task->bandwidth))
        task_release_bandwidth(task);
    spin_lock(&queue->lock);
    arch_task_end();
    schedule_away(queue, task, TASK_ZOMBIE, SWITCH_EXIT);
    panic("task %d ran after its end", task->tid);
}

/* ---- the timer ---- */

void scheduler_tick(void)
{
    struct run_queue *queue = this_cpu()->run_queue;
    bool realtime = false;
    spin_lock(&queue->lock);
    uint64_t now = clock_tsc();
    if (now >= queue->slice_end_tsc) {
        charge(queue, now);
        queue->slice_end_tsc = UINT64_MAX; /* planned anew by the switch */
        if (unlikely(queue->mixed)) {
            class_replenish(queue, now);
            realtime = queue->special.running;
        }
        if ((queue->ready || realtime) && !MUTANT(SLICE_NEVER_ENDS))
            __atomic_fetch_or(&queue->running->work, TASK_WORK_RESCHEDULE, __ATOMIC_RELAXED);
        else if (queue->mixed)
            queue->slice_end_tsc = class_next_look(queue, now);
    }
    spin_unlock(&queue->lock);
    if (unlikely(realtime))
        realtime_limit_look(current);
}

/* ---- start-up and idle ---- */

void scheduler_init(uint64_t boot_stack_top)
{
    policy_init();
    idle_init(0, boot_stack_top);
}

uint64_t scheduler_prepare_cpu(unsigned index)
{
    uint64_t stack_top = kernel_stack_allocate();
    if (!stack_top)
        panic("no memory for the idle stack of CPU %u", index);
    idle_init(index, stack_top);
    return stack_top;
}

_Noreturn void scheduler_run_idle(void)
{
    struct cpu *cpu = this_cpu();
    for (;;) {
        if ((READ_ONCE(cpu->idle->work) & TASK_WORK_RESCHEDULE) || READ_ONCE(cpu->run_queue->ready))
            schedule_preempt();
        /* `sti` takes effect after `hlt` began: an interrupt in between still ends it. */
        __asm__ volatile("sti; hlt; cli" ::: "memory");
    }
}
