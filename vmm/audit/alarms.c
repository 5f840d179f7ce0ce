/*
 * vmm/audit/alarms.c - timers that send signals are where they will be noticed (timer_create(2),
 * setitimer(2)).
 *
 * Reads: the timer trees of all CPUs, every process's ITIMER_REAL, timers of timer_create(2), and what
 * watches its CPU time. Proves, in a world at rest: a timer that is armed is in a CPU's tree, with the
 * time that it was armed for; one that is not is in none; a timer on a clock of CPU time is in the list of
 * who watches that process; whoever watches for somebody has its own timer armed. Cost: one pass over
 * timers and processes.
 */
#include "vmm/audit/audit.h"

#include "vmm/audit/tally.h"

#define TIMERS_MAX 100000u
#define NOBODY     1 /* SIGEV_NONE */

struct judging {
    struct vt_audit *audit;
    const struct audit_world *world;
    const struct audit_process *process;
    struct audit_tally timers; /* struct timer, by its first member; listed: in trees */
    struct audit_tally alarms; /* struct cpu_alarm; listed: in lists of watches */
};

static struct vt_error *visit_timer(void *context, uint64_t node)
{
    struct judging *judging = context;
    struct audit_tallied *timer = audit_tally(&judging->timers, node);

    if (timer)
        timer->listed++;
    return NULL;
}

static bool find_timers(struct judging *judging)
{
    const struct audit_world *world = judging->world;
    const struct audit_layout *l = world->layout;
    bool whole = true;

    for (unsigned i = 0; i < world->cpu_count && i < l->timer_queues->count; i++)
        whole = whole && audit_walked(guest_tree_walk(
                             world->guest,
                             l->timer_queues->address + (uint64_t)i * l->timer_queues->stride +
                                 l->timer_queue_tree.offset,
                             TIMERS_MAX, "a CPU's timers", visit_timer, judging));
    return whole && !judging->timers.out_of_memory;
}

static struct audit_finding where(const struct judging *judging, uint64_t object)
{
    return (struct audit_finding){.pid = judging->process->pid, .object = object};
}

/* Is the timer in as many trees as it says? `node`: its tree node. */
static void check_timer(const struct judging *judging, uint64_t node, bool active, bool armed,
                        const char *what)
{
    const struct audit_tallied *timer = audit_tallied(&judging->timers, node);
    uint32_t trees = timer ? timer->listed : 0;

    if (trees != active || active != armed)
        audit_report(judging->audit, where(judging, node),
                     "%s of process %d is %sarmed, says that it is %sactive, and is in %u trees",
                     what, judging->process->pid, armed ? "" : "not ", active ? "" : "not ", trees);
}

/* ---- CPU time ---- */

static struct vt_error *visit_alarm(void *context, uint64_t node)
{
    struct judging *judging = context;
    const struct audit_layout *l = judging->world->layout;
    uint64_t address = node - l->alarm_link.offset;
    const uint8_t *raw = audit_at(judging->world, address, l->cpu_alarm_bytes);
    struct audit_tallied *alarm = audit_tally(&judging->alarms, address);

    if (!raw)
        return vt_error_create(VT_ERROR_CORRUPT, "a CPU-time alarm lies at no memory");
    if (alarm)
        alarm->listed++;
    if (!audit_get(raw, l->alarm_active) ||
        audit_get(raw, l->alarm_process) != judging->process->address)
        audit_report(judging->audit, where(judging, address),
                     "process %d is watched for a CPU-time alarm that is %s", judging->process->pid,
                     audit_get(raw, l->alarm_active) ? "another process's" : "not active");
    return NULL;
}

static void check_watch(struct judging *judging)
{
    const struct audit_layout *l = judging->world->layout;
    uint64_t watch = audit_get(judging->process->raw, l->process_cpu_watch);
    const uint8_t *raw = watch ? audit_at(judging->world, watch, l->cpu_watch_bytes) : NULL;
    size_t before = judging->alarms.count;

    if (!raw)
        return;
    if (!audit_walked(guest_list_walk(judging->world->guest, watch + l->watch_alarms.offset,
                                      TIMERS_MAX, "CPU-time alarms", visit_alarm, judging)))
        audit_report(judging->audit, where(judging, watch),
                     "the CPU-time alarms of process %d are no list", judging->process->pid);
    else if (!audit_get(raw, l->watch_closed) && judging->alarms.count > before)
        check_timer(judging, watch + l->watch_timer.offset,
                    audit_get(raw, l->watch_timer_active) != 0, true, "what watches the CPU time");
}

/* ---- timer_create(2) ---- */

static void check_posix(struct judging *judging, uint64_t address, const uint8_t *raw)
{
    const struct audit_layout *l = judging->world->layout;
    bool armed =
        audit_get(raw, l->posix_deadline) != 0 && audit_get(raw, l->posix_notify) != NOBODY;
    bool on_cpu_clock = audit_get(raw, l->posix_on_cpu_clock) != 0;

    if (audit_get(raw, l->posix_process) != judging->process->address)
        audit_report(judging->audit, where(judging, address),
                     "process %d has a timer of another one", judging->process->pid);
    check_timer(judging, address + l->posix_timer.offset,
                audit_get(raw, l->posix_timer_active) != 0, armed && !on_cpu_clock, "a timer");
    if (!on_cpu_clock)
        return;
    const struct audit_tallied *alarm =
        audit_tallied(&judging->alarms, address + l->posix_alarm.offset - l->alarm_link.offset);
    const uint8_t *inner = audit_at(
        judging->world, address + l->posix_alarm.offset - l->alarm_link.offset, l->cpu_alarm_bytes);
    const struct audit_process *clock =
        inner ? audit_process_at(judging->world, audit_get(inner, l->alarm_process)) : NULL;
    /* Who has ended, or is about to, is watched by nobody. */
    if (armed && clock && !clock->zombie && clock->task_count && !alarm)
        audit_report(judging->audit, where(judging, address),
                     "a timer of process %d on CPU time is armed, and nobody watches for it",
                     judging->process->pid);
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    const struct audit_layout *l = world->layout;
    struct judging judging = {.audit = audit, .world = world};
    bool whole = find_timers(&judging);

    for (size_t i = 0; whole && i < world->process_count; i++) {
        judging.process = &world->processes[i];
        if (judging.process->in_pid_table)
            check_watch(&judging);
    }
    whole = whole && !judging.alarms.out_of_memory;
    for (size_t i = 0; whole && i < world->process_count; i++) {
        uint32_t steps = 0;

        judging.process = &world->processes[i];
        if (!judging.process->in_pid_table)
            continue;
        bool active = AUDIT_GET(world, judging.process->raw, process_alarm_active) != 0;
        check_timer(&judging, judging.process->address + l->process_alarm.offset, active, active,
                    "ITIMER_REAL");
        for (uint64_t at = AUDIT_GET(world, judging.process->raw, process_timers);
             at && steps < TIMERS_MAX; steps++) {
            const uint8_t *raw = audit_at(world, at, l->posix_timer_bytes);

            if (!raw)
                break;
            check_posix(&judging, at, raw);
            at = audit_get(raw, l->posix_next);
        }
    }
    audit_tally_free(&judging.timers);
    audit_tally_free(&judging.alarms);
}

const struct audit_invariant invariant_alarms = {
    .name = "alarms",
    .proves =
        "timers that send signals, of real and of CPU time, are armed where they will be noticed",
    .needs = AUDIT_NEEDS_FAMILY | AUDIT_NEEDS_WAKES,
    .check = check,
};
