/*
 * vmm/audit/class_queues.c - the classes above the normal one are served first, and in order.
 *
 * Reads: each run queue that is not locked, all its parts. Proves: each part holds tasks of its own kind,
 * as many as it counts, and in its order (class, then priority or deadline); all together are as many as
 * the CPU counts ready; who is throttled has used up its time; a task's place follows from what it asked
 * for, or is better because somebody lends it more; while a special task waits no lesser one runs that has
 * not been told to look (real time that has had its share of the second excepted, while normal tasks
 * wait); and the fast path is taken only where there are normal tasks under the fair policy alone. Cost:
 * one pass over each queue.
 */
#include "vmm/audit/class_walk.h"

#define MAJOR_DEADLINE 1u
#define MAJOR_NONE     101u

struct part {
    struct vt_audit *audit;
    unsigned cpu;
    enum class_queue which;
    uint32_t count;
    uint64_t major; /* of the one before */
    int64_t minor;
    const struct audit_task *first;
};

static uint64_t own_major(const struct audit_world *world, const struct audit_task *task)
{
    switch (AUDIT_GET(world, task->raw, task_policy)) {
    case SCHED_POLICY_DEADLINE:
        return MAJOR_DEADLINE;
    case SCHED_POLICY_FIFO:
    case SCHED_POLICY_RR:
        return MAJOR_NONE - AUDIT_GET(world, task->raw, task_priority);
    default:
        return MAJOR_NONE;
    }
}

static void look_at(void *context, const struct audit_world *world, const struct audit_task *task)
{
    struct part *part = context;
    bool throttled = part->which == CLASS_QUEUE_THROTTLED;
    bool special = part->which == CLASS_QUEUE_SPECIAL || throttled;

    if (!task) {
        audit_report(part->audit, (struct audit_finding){0},
                     "a part of CPU %u's run queue has an entry that is no task", part->cpu);
        return;
    }
    struct audit_finding where = {.tid = task->tid, .pid = task->tgid, .object = task->address};
    uint64_t major = AUDIT_GET(world, task->raw, special_major);
    int64_t minor = (int64_t)AUDIT_GET(world, task->raw, special_minor);
    uint64_t class = AUDIT_GET(world, task->raw, special_class);
    if (!part->count)
        part->first = task;
    if ((class != SCHED_CLASS_NORMAL) != special)
        audit_report(part->audit, where, "task %d of class %lu is queued with the %s ones",
                     task->tid, (unsigned long)class, special ? "special" : "normal");
    if (special && part->count &&
        (throttled || major == part->major ? minor < part->minor : major < part->major))
        audit_report(part->audit, where,
                     "task %d is behind one that should come after it on CPU %u", task->tid,
                     part->cpu);
    if (!throttled && class == SCHED_CLASS_DEADLINE &&
        !AUDIT_GET(world, task->raw, special_inherited) &&
        (int64_t)AUDIT_GET(world, task->raw, special_budget) <= 0)
        audit_report(part->audit, where, "task %d has used up its time and is not throttled",
                     task->tid);
    if (throttled && (int64_t)AUDIT_GET(world, task->raw, special_budget) > 0)
        audit_report(part->audit, where, "task %d is throttled and has time left", task->tid);
    part->major = major;
    part->minor = minor;
    part->count++;
}

static struct part look(struct vt_audit *audit, const struct audit_world *world, unsigned index,
                        enum class_queue which, uint64_t counted)
{
    static const char *const names[] = {"fair", "list", "special", "throttled"};
    struct part part = {.audit = audit, .cpu = index, .which = which};
    const struct audit_cpu *cpu = &world->cpus[index];
    struct audit_finding where = {.object = cpu->queue_address};

    if (!class_queue_walk(world, cpu, which, look_at, &part))
        audit_report(audit, where, "the %s part of CPU %u's run queue is none", names[which],
                     index);
    else if (part.count != counted)
        audit_report(audit, where, "CPU %u counts %lu tasks in its %s part, %u are there", index,
                     (unsigned long)counted, names[which], part.count);
    return part;
}

/* Is somebody better than who runs? Then that one has been told. */
static void check_running(struct vt_audit *audit, const struct audit_world *world, unsigned index,
                          const struct audit_task *first)
{
    const struct audit_cpu *cpu = &world->cpus[index];
    uint64_t address = AUDIT_GET(world, cpu->queue, queue_running);
    const struct audit_task *running = audit_task_at(world, address);
    bool normal_waits = AUDIT_GET(world, cpu->queue, queue_waiting);
    bool share_used = AUDIT_GET(world, cpu->queue, queue_window_used) >=
                      AUDIT_GET(world, cpu->queue, queue_quota);

    if (!running || !first || AUDIT_GET(world, running->raw, task_work) & TASK_WORK_RESCHEDULE)
        return;
    bool special_runs = AUDIT_GET(world, cpu->queue, queue_special_running);
    uint64_t waits = AUDIT_GET(world, first->raw, special_major);
    uint64_t runs = special_runs ? AUDIT_GET(world, running->raw, special_major) : MAJOR_NONE;
    if (AUDIT_GET(world, first->raw, special_class) == SCHED_CLASS_REALTIME && share_used &&
        (normal_waits || !special_runs))
        return;
    if (waits < runs)
        audit_report(audit, (struct audit_finding){.tid = first->tid, .object = running->address},
                     "task %d waits on CPU %u while task %d, which is behind it, runs", first->tid,
                     index, running->tid);
}

static void check_queue(struct vt_audit *audit, const struct audit_world *world, unsigned index)
{
    const struct audit_cpu *cpu = &world->cpus[index];
    struct audit_finding where = {.object = cpu->queue_address};
    bool listed = AUDIT_GET(world, cpu->queue, queue_listed);
    uint64_t normal = AUDIT_GET(world, cpu->queue, queue_waiting);
    uint64_t special = AUDIT_GET(world, cpu->queue, queue_special_waiting);
    uint64_t throttled = AUDIT_GET(world, cpu->queue, queue_throttled);

    look(audit, world, index, CLASS_QUEUE_FAIR, listed ? 0 : normal);
    look(audit, world, index, CLASS_QUEUE_LIST, listed ? normal : 0);
    struct part part = look(audit, world, index, CLASS_QUEUE_SPECIAL, special);
    look(audit, world, index, CLASS_QUEUE_THROTTLED, throttled);
    if (AUDIT_GET(world, cpu->queue, queue_ready) != normal + special)
        audit_report(audit, where, "CPU %u counts %lu ready tasks, its parts have %lu", index,
                     (unsigned long)AUDIT_GET(world, cpu->queue, queue_ready),
                     (unsigned long)(normal + special));
    bool mixed =
        listed || special || throttled || AUDIT_GET(world, cpu->queue, queue_special_running);
    if (mixed != (AUDIT_GET(world, cpu->queue, queue_mixed) != 0))
        audit_report(audit, where, "CPU %u %s its special tasks", index,
                     mixed ? "overlooks" : "expects");
    check_running(audit, world, index, part.first);
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    for (unsigned i = 0; i < world->cpu_count; i++)
        if (world->cpus[i].online && !world->cpus[i].queue_locked)
            check_queue(audit, world, i);
    for (size_t i = 0; i < world->task_count; i++) {
        const struct audit_task *task = &world->tasks[i];
        uint64_t major = AUDIT_GET(world, task->raw, special_major);
        uint64_t lent = AUDIT_GET(world, task->raw, inherited_major), own = own_major(world, task);

        if (task->cpu < world->cpu_count && !world->cpus[task->cpu].queue_locked &&
            task->published && major != (lent < own ? lent : own))
            audit_report(audit, (struct audit_finding){.tid = task->tid, .object = task->address},
                         "task %d has place %lu, it asked for %lu and was lent %lu", task->tid,
                         (unsigned long)major, (unsigned long)own, (unsigned long)lent);
    }
}

const struct audit_invariant invariant_class_queues = {
    .name = "class_queues",
    .proves = "special tasks are queued in order and served before all others, and every part of a "
              "run queue holds what it counts",
    .check = check,
};
