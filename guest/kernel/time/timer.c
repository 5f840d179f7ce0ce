/*
 * kernel/time/timer.c - one tree of timers per CPU, by deadline.
 *
 * Locks: the queue's lock (RANK_TIMER) guards its tree and the `active`, `cpu` fields of its
 * timers. A timer is started on the CPU that calls, or on the one that runs its callback; it may be
 * cancelled from any. next_tsc may be
 * read without the lock: it is at worst too early, which costs one needless interrupt.
 */
#include "kernel/time/timer.h"

#include "arch/cpu.h"
#include "arch/interrupts.h"
#include "arch/per_cpu.h"
#include "kernel/observe/mutant.h"
#include "kernel/sched/scheduler.h"
#include "kernel/sync/spinlock.h"
#include "kernel/time/clock.h"
#include "kernel/time/clock_init.h"
#include "kernel/time/timer_queue.h"

PER_CPU(struct timer_queue, timer_queue); /* any CPU, under its lock */

void timer_queues_init(void)
{
    for (unsigned i = 0; i < CPUS_MAX; i++) {
        spin_init(&per_cpu(timer_queue, i).lock, RANK_TIMER);
        per_cpu(timer_queue, i).next_tsc = UINT64_MAX;
        cpu_at(i)->timer_armed_tsc = UINT64_MAX;
    }
}

static struct timer *timer_of(struct rb_node *node)
{
    return rb_entry(node, struct timer, node);
}

static void update_next(struct timer_queue *queue)
{
    struct rb_node *first = rb_first(&queue->tree);
    WRITE_ONCE(queue->next_tsc,
               first ? clock_monotonic_to_tsc(timer_of(first)->deadline_ns) : UINT64_MAX);
}

static void insert(struct timer_queue *queue, struct timer *timer)
{
    struct rb_node *parent = NULL, **link = &queue->tree.root;
    while (*link) {
        parent = *link;
        link = timer->deadline_ns < timer_of(parent)->deadline_ns ? &parent->left : &parent->right;
    }
    rb_insert(&queue->tree, &timer->node, parent, link);
    timer->active = true;
}

static void take_out(struct timer_queue *queue, struct timer *timer)
{
    rb_remove(&queue->tree, &timer->node);
    WRITE_ONCE(timer->active, false);
}

void timer_init(struct timer *timer, void (*callback)(struct timer *timer))
{
    *timer = (struct timer){.callback = callback};
}

/*
 * Takes the timer out of its queue and locks the one that it goes into: of the CPU that runs its
 * callback now, so that one CPU at a time has to do with it, else of this one. Waits for nobody:
 * the callback may be waiting for a lock that the caller holds.
 */
static uint32_t lock_new_queue(struct timer *timer)
{
    for (;;) {
        uint32_t cpu = READ_ONCE(timer->cpu);
        struct timer_queue *queue = &per_cpu(timer_queue, cpu);
        if (likely(!READ_ONCE(timer->active) && READ_ONCE(queue->running) != timer))
            break;
        spin_lock(&queue->lock);
        if (timer->cpu == cpu) {
            if (timer->active) {
                take_out(queue, timer);
                update_next(queue);
            }
            if (queue->running == timer)
                return cpu;
        }
        spin_unlock(&queue->lock);
    }
    uint32_t here = this_cpu()->index;
    spin_lock(&per_cpu(timer_queue, here).lock);
    return here;
}

NO_INLINE void timer_start(struct timer *timer, uint64_t deadline_ns)
{
    uint32_t cpu = lock_new_queue(timer);
    struct timer_queue *queue = &per_cpu(timer_queue, cpu);
    timer->deadline_ns = deadline_ns;
    timer->cpu = MUTANT_EVERY(TIMER_WRONG_CPU, 20) ? !cpu : cpu;
    if (!MUTANT_EVERY(TIMER_LOST, 20))
        insert(queue, timer);
    update_next(queue);
    spin_unlock(&queue->lock);
    timer_program(); /* another CPU does so when the callback has returned */
}

NO_INLINE bool timer_cancel(struct timer *timer)
{
    spin_check_none();
    for (;;) {
        uint32_t cpu = READ_ONCE(timer->cpu);
        struct timer_queue *queue = &per_cpu(timer_queue, cpu);
        if (!READ_ONCE(timer->active) && READ_ONCE(queue->running) != timer)
            return false;
        spin_lock(&queue->lock);
        if (timer->cpu != cpu) {
            spin_unlock(&queue->lock);
            continue;
        }
        bool was_active = timer->active;
        if (was_active) {
            take_out(queue, timer);
            update_next(queue);
        }
        /* On this very CPU a running callback is our caller: it has nothing to wait for. */
        bool wait = queue->running == timer && cpu != this_cpu()->index;
        spin_unlock(&queue->lock);
        if (!wait)
            return was_active;
        while (READ_ONCE(queue->running) == timer)
            cpu_serve_requests();
    }
}

void timer_program(void)
{
    struct cpu *cpu = this_cpu();
    uint64_t next = READ_ONCE(per_cpu(timer_queue, cpu->index).next_tsc);
    uint64_t slice = scheduler_next_tsc(cpu);
    if (slice < next)
        next = slice;
    if (next >= cpu->timer_armed_tsc)
        return; /* it will fire early enough, and then be armed again */
    if (MUTANT(TIMER_LATE))
        next += clock_ns_to_tsc(1000000000);
    cpu->timer_armed_tsc = next;
    apic_timer_arm(next);
}

void timer_interrupt(void)
{
    struct cpu *cpu = this_cpu();
    struct timer_queue *queue = &per_cpu(timer_queue, cpu->index);
    cpu->timer_armed_tsc = UINT64_MAX;
    spin_lock(&queue->lock);
    for (;;) {
        struct rb_node *first = rb_first(&queue->tree);
        if (!first || timer_of(first)->deadline_ns > clock_monotonic_ns())
            break;
        struct timer *timer = timer_of(first);
        /* In this order: who sees, without the lock, that it is not queued sees that it runs. */
        WRITE_ONCE(queue->running, timer);
        take_out(queue, timer);
        spin_unlock(&queue->lock);
        timer->callback(timer);
        spin_lock(&queue->lock);
        WRITE_ONCE(queue->running, NULL);
    }
    update_next(queue);
    spin_unlock(&queue->lock);
    scheduler_tick();
    timer_program();
}
