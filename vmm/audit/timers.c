/*
 * vmm/audit/timers.c - what is to happen at a time will.
 *
 * Reads: the timer tree of each CPU, when each CPU has armed its timer for, and which tasks sleep
 * for a time. Proves: the tree is in order and its timers know where they are; the CPU's timer is
 * armed no later than for the first of them, and no later than for the end of a slice that somebody
 * waits for, unless the CPU is in the middle of seeing to it; a task that sleeps for a time has its
 * timer in a tree; none is overdue by more than a second of guest time, that for which the world
 * was held not counted. Cost: one pass over timers and tasks.
 */
#include "vmm/audit/audit.h"

#define TIMERS_MAX    100000u
#define REQUEST_TIMER (1u << 4) /* enum cpu_request: guest/arch/x86_64/include/arch/cpu.h */
#define OVERDUE_NS    1000000000ll
#define SLACK_NS      2000000 /* conversions, and clocks of CPUs that differ */

struct reading {
    struct vt_audit *audit;
    const struct audit_world *world;
    unsigned index;
    uint64_t first_ns; /* 0 = none */
    uint64_t last_ns;
};

static struct vt_error *read_timer(void *context, uint64_t node)
{
    struct reading *reading = context;
    const struct audit_layout *l = reading->world->layout;
    uint64_t object = node - l->timer_node.offset;
    const uint8_t *timer = audit_at(reading->world, object, l->timer_bytes);
    struct audit_finding where = {.object = object};

    if (!timer)
        return vt_error_create(VT_ERROR_CORRUPT, "a timer lies at no memory");
    uint64_t deadline = audit_get(timer, l->timer_deadline);
    if (deadline < reading->last_ns)
        audit_report(reading->audit, where, "the timers of CPU %u are not in order of time",
                     reading->index);
    if (!audit_get(timer, l->timer_active) || audit_get(timer, l->timer_cpu) != reading->index)
        audit_report(reading->audit, where,
                     "a timer of CPU %u does not know that it is in its tree", reading->index);
    if (!reading->first_ns)
        reading->first_ns = deadline;
    reading->last_ns = deadline;
    struct audit_task *task =
        audit_task_at(reading->world, object - l->task_sleep_timer.offset + l->timer_node.offset);
    if (task)
        task->timers++;
    return NULL;
}

/* The kernel's CLOCK_MONOTONIC at a TSC, and how far that may be off. */
static int64_t monotonic_ns(const struct audit_world *world, uint64_t tsc)
{
    return (int64_t)vt_guest_tsc_to_ns(world->guest, tsc);
}

static void check_armed(struct reading *reading, const struct audit_cpu *cpu)
{
    const struct audit_world *world = reading->world;
    uint64_t armed = AUDIT_GET(world, cpu->raw, cpu_timer_armed);
    uint64_t slice = AUDIT_GET(world, cpu->queue, queue_slice_end);
    int64_t armed_ns = armed == UINT64_MAX ? INT64_MAX : monotonic_ns(world, armed);
    struct audit_finding where = {.object = cpu->queue_address};

    if (reading->first_ns && armed_ns > (int64_t)reading->first_ns + SLACK_NS)
        audit_report(
            reading->audit, where, "CPU %u has armed its timer for %ld us after the first deadline",
            reading->index,
            armed_ns == INT64_MAX ? -1l : (long)((armed_ns - (int64_t)reading->first_ns) / 1000));
    /* Another CPU asked this one to see to it, and it had not yet when it was stopped. */
    bool asked = AUDIT_GET(world, cpu->raw, cpu_requests) & REQUEST_TIMER;
    if (slice != UINT64_MAX && !asked &&
        (armed == UINT64_MAX || armed_ns > monotonic_ns(world, slice) + SLACK_NS))
        audit_report(reading->audit, where, "CPU %u has not armed its timer for the end of a slice",
                     reading->index);
    int64_t held = (int64_t)(audit_stopped_tsc(reading->audit) * 1000000 /
                             (audit_tsc_khz(reading->audit) ? audit_tsc_khz(reading->audit) : 1));
    int64_t late = monotonic_ns(world, world->now_tsc) - (int64_t)reading->first_ns - held;
    if (reading->first_ns && late > OVERDUE_NS)
        audit_report(reading->audit, where, "a timer of CPU %u is overdue by %ld ms",
                     reading->index, (long)(late / 1000000));
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    const struct audit_layout *l = world->layout;

    for (unsigned i = 0; i < world->cpu_count && i < l->timer_queues->count; i++) {
        const struct audit_cpu *cpu = &world->cpus[i];
        uint64_t address = l->timer_queues->address + (uint64_t)i * l->timer_queues->stride;
        const uint8_t *queue = audit_at(world, address, l->timer_queue_bytes);
        struct reading reading = {.audit = audit, .world = world, .index = i};

        if (!cpu->online || !queue || AUDIT_GET(world, queue, timer_queue_lock))
            continue;
        if (!audit_walked(guest_tree_walk(world->guest, address + l->timer_queue_tree.offset,
                                          TIMERS_MAX, "a CPU's timers", read_timer, &reading)))
            audit_report(audit, (struct audit_finding){0}, "the timers of CPU %u are no tree", i);
        if (!AUDIT_GET(world, queue, timer_queue_running))
            check_armed(&reading, cpu);
    }
    for (size_t i = 0; i < world->task_count; i++) {
        const struct audit_task *task = &world->tasks[i];

        if (task->state == TASK_BLOCKED && task->wait_kind == WAIT_SLEEP && task->timers != 1)
            audit_report(audit,
                         (struct audit_finding){
                             .tid = task->tid, .pid = task->tgid, .object = task->address},
                         "task %d sleeps for a time and its timer is in %u trees", task->tid,
                         task->timers);
    }
}

const struct audit_invariant invariant_timers = {
    .name = "timers",
    .proves =
        "timers are in order, armed early enough and not overdue, and who sleeps for a time has "
        "one",
    .needs = AUDIT_NEEDS_WAKES,
    .check = check,
};
