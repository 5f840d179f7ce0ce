// SOURCES: guest/kernel/time/timer.c guest/kernel/lib/rbtree.c
/*
 * Timers on two CPUs, played by one thread that is the one or the other: what timer.h promises to
 * who starts and cancels timers while callbacks run elsewhere.
 */
#include <criterion/criterion.h>
#include <setjmp.h>

#include "arch/cpu.h"
#include "arch/interrupts.h"
#include "kernel/sched/scheduler.h"
#include "kernel/time/clock.h"
#include "kernel/time/clock_init.h"
#include "kernel/time/timer.h"
#include "kernel/time/timer_queue.h"

struct cpu host_cpu;
static struct cpu cpus[CPUS_MAX];
static uint64_t now = 1000;
static struct timer timer;
static unsigned fired, waits;
static void (*meanwhile)(void); /* what the other CPU does while a callback runs */
static jmp_buf waiting;
static bool may_wait;

struct cpu *cpu_at(unsigned index)
{
    return &cpus[index];
}

uint64_t clock_monotonic_ns(void)
{
    return now;
}

uint64_t clock_monotonic_to_tsc(uint64_t nanoseconds)
{
    return nanoseconds;
}

uint64_t clock_ns_to_tsc(uint64_t nanoseconds)
{
    return nanoseconds;
}

uint64_t scheduler_next_tsc(const struct cpu *cpu)
{
    return UINT64_MAX;
}

void scheduler_tick(void)
{
}

void apic_timer_arm(uint64_t tsc)
{
}

void spin_lock_contended(struct spinlock *lock)
{
    cr_assert_fail("the lock of a queue is held while something else runs");
}

/* Somebody waits for a callback. It will never return in this test, so leave. */
void cpu_serve_requests(void)
{
    waits++;
    cr_assert(may_wait, "waits for a callback");
    longjmp(waiting, 1);
}

static void on_cpu(unsigned index)
{
    host_cpu.index = index;
}

static void callback(struct timer *which)
{
    void (*other)(void) = meanwhile;

    fired++;
    meanwhile = NULL;
    if (other) {
        on_cpu(1);
        other();
        on_cpu(0);
    }
}

static void start(void)
{
    timer_queues_init();
    timer_init(&timer, callback);
    host_cpu.timer_armed_tsc = UINT64_MAX;
}

static void starts_again(void)
{
    timer_start(&timer, now + 5);
    timer_start(&timer, now + 10);
}

/* Does a start wait for a callback that runs on another CPU, and may want the starter's locks? */
Test(timer, a_start_waits_for_nobody)
{
    start();
    timer_start(&timer, 1000);
    meanwhile = starts_again;
    timer_interrupt();
    cr_assert_eq(fired, 1);
    cr_assert_eq(waits, 0);
    cr_assert(timer.active);
}

/* Is a timer that is started while its callback runs run by the same CPU, which is awake for it? */
Test(timer, a_running_timer_stays_where_it_runs)
{
    start();
    timer_start(&timer, 1000);
    meanwhile = starts_again;
    timer_interrupt();
    cr_assert_eq(timer.cpu, 0);
    cr_assert_eq(per_cpu(timer_queue, 0).next_tsc, 1010);
    now = 1010;
    timer_interrupt();
    cr_assert_eq(fired, 2);
}

static void starts_and_cancels(void)
{
    timer_start(&timer, now + 5);
    may_wait = true;
    if (setjmp(waiting) == 0)
        timer_cancel(&timer);
    may_wait = false;
}

/* Does a cancel wait for the callback on another CPU even if the timer has been started since? */
Test(timer, a_cancel_waits_for_the_callback)
{
    start();
    timer_start(&timer, 1000);
    meanwhile = starts_and_cancels;
    timer_interrupt();
    cr_assert_eq(waits, 1);
    cr_assert(!timer.active);
}

/* Does a timer that is at rest go to the CPU that starts it? */
Test(timer, starts_where_it_is_started)
{
    start();
    timer_start(&timer, 2000);
    on_cpu(1);
    timer_start(&timer, 1500);
    cr_assert_eq(timer.cpu, 1);
    cr_assert_eq(per_cpu(timer_queue, 0).next_tsc, UINT64_MAX);
    cr_assert_eq(per_cpu(timer_queue, 1).next_tsc, 1500);
    cr_assert(timer_cancel(&timer));
    cr_assert_not(timer_cancel(&timer));
}
