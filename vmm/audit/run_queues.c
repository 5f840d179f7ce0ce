/*
 * vmm/audit/run_queues.c - the fair class keeps its books, and its bound.
 *
 * Reads: each run queue that is not locked, its tree, and the entities of its tasks. Proves: the
 * tree is in order of deadlines and its augmentation true; counts and sums are those of the
 * entities in it (so V, the place where a perfectly fair CPU would be, is right); nobody is further
 * from V than the theory allows: two slices, plus the time for which the auditor itself held the
 * world or the host did not run the CPU, which the kernel charges to whoever ran. At a switch: a
 * task that leaves takes along the lag that it had. Cost: one pass over each queue.
 */
#include <stdlib.h>

#include "vmm/audit/audit.h"

#define LAG_SLICES 4   /* two by the theorem, and two for the scaling at joins */
#define GRACE_MS   200 /* for what the host did not run that the stream has not told yet */

struct reading {
    const struct audit_world *world;
    struct vt_audit *audit;
    const struct audit_cpu *cpu;
    unsigned index;
    uint32_t count;
    uint64_t weight, last_deadline;
    __int128 sum;
    uint64_t base;
};

static void add(struct reading *reading, const uint8_t *raw)
{
    uint64_t weight = AUDIT_GET(reading->world, raw, task_weight);
    int64_t vruntime = (int64_t)(AUDIT_GET(reading->world, raw, task_vruntime) - reading->base);

    reading->weight += weight;
    reading->sum += (__int128)vruntime * (int64_t)weight;
}

static struct vt_error *read_entity(void *context, uint64_t node)
{
    struct reading *reading = context;
    uint64_t object = node - reading->world->layout->task_fair.offset;
    const struct audit_task *task = audit_task_at(reading->world, object);

    if (!task) {
        audit_report(reading->audit, (struct audit_finding){.object = object},
                     "the run queue of CPU %u has an entry at %#lx that is no task", reading->index,
                     (unsigned long)object);
        return NULL;
    }
    uint64_t deadline = AUDIT_GET(reading->world, task->raw, task_deadline);
    if (reading->count && (int64_t)(deadline - reading->last_deadline) < 0)
        audit_report(reading->audit,
                     (struct audit_finding){.tid = task->tid, .object = task->address},
                     "the run queue of CPU %u is not in order of deadlines at task %d",
                     reading->index, task->tid);
    if (task->cpu != reading->index || task->state != TASK_READY)
        audit_report(reading->audit,
                     (struct audit_finding){.tid = task->tid, .object = task->address},
                     "task %d is on the run queue of CPU %u, but %s on CPU %u", task->tid,
                     reading->index, vt_task_state_name(task->state), task->cpu);
    reading->last_deadline = deadline;
    reading->count++;
    add(reading, task->raw);
    return NULL;
}

/* Smallest vruntime of a subtree; reports where the stored one differs. */
static uint64_t check_smallest(struct reading *reading, uint64_t node, unsigned depth)
{
    const struct audit_layout *l = reading->world->layout;
    const uint8_t *at = audit_at(reading->world, node, 24);
    const struct audit_task *task = audit_task_at(reading->world, node - l->task_fair.offset);

    if (!at || !task || depth > 64)
        return 0;
    uint64_t smallest = audit_get(task->raw, l->task_vruntime);
    uint64_t children[2] = {audit_get(at, l->node_left), audit_get(at, l->node_right)};
    for (unsigned i = 0; i < 2; i++) {
        uint64_t below = children[i] ? check_smallest(reading, children[i], depth + 1) : smallest;
        if ((int64_t)(below - smallest) < 0)
            smallest = below;
    }
    if (audit_get(task->raw, l->task_min_vruntime) != smallest)
        audit_report(reading->audit,
                     (struct audit_finding){.tid = task->tid, .object = task->address},
                     "task %d knows a wrong smallest virtual time of its subtree", task->tid);
    return smallest;
}

static void check_lag(struct reading *reading, const struct audit_task *task, int64_t v)
{
    const struct audit_world *world = reading->world;
    uint64_t slice = AUDIT_GET(world, task->raw, task_slice);
    uint64_t weight = AUDIT_GET(world, task->raw, task_weight);
    int64_t lag = v - (int64_t)(AUDIT_GET(world, task->raw, task_vruntime) - reading->base);
    uint64_t scale = weight ? 1024ul * 1000 / weight : 1000;
    uint64_t unfair = audit_stopped_tsc(reading->audit) + audit_overrun_tsc(reading->audit) +
                      GRACE_MS * audit_tsc_khz(reading->audit);
    /* Time that a task of little weight is charged for moves it the further. */
    int64_t bound = (int64_t)((LAG_SLICES * slice + unfair) * (scale > 1000 ? scale : 1000) / 1000);

    if (lag > bound || lag < -bound)
        audit_report(reading->audit,
                     (struct audit_finding){.tid = task->tid, .object = task->address},
                     "task %d on CPU %u has a lag of %ld us, the bound is %ld us", task->tid,
                     reading->index, (long)(lag * 1000 / (int64_t)audit_tsc_khz(reading->audit)),
                     (long)(bound * 1000 / (int64_t)audit_tsc_khz(reading->audit)));
}

static void check_queue(struct vt_audit *audit, const struct audit_world *world, unsigned index)
{
    const struct audit_cpu *cpu = &world->cpus[index];
    struct audit_finding where = {.object = cpu->queue_address};
    uint32_t node = world->layout->task_fair.offset;
    struct reading reading = {.world = world,
                              .audit = audit,
                              .cpu = cpu,
                              .index = index,
                              .base = AUDIT_GET(world, cpu->queue, queue_base)};
    uint64_t lone = AUDIT_GET(world, cpu->queue, queue_lone);
    uint64_t tree = AUDIT_GET(world, cpu->queue, queue_tree_root);
    uint64_t running = AUDIT_GET(world, cpu->queue, queue_fair_running);

    if (AUDIT_GET(world, cpu->queue, queue_listed))
        return; /* another policy's: class_queues.c */
    if (lone)
        read_entity(&reading, lone);
    if (!audit_walked(
            guest_tree_walk(world->guest, cpu->queue_address + world->layout->queue_tree.offset,
                            (uint32_t)world->task_count + 1, "a run queue", read_entity, &reading)))
        audit_report(audit, where, "the run queue of CPU %u is no tree", index);
    else if (tree)
        check_smallest(&reading, tree, 0);
    const struct audit_task *current = running ? audit_task_at(world, running - node) : NULL;
    if (current)
        add(&reading, current->raw);
    if (reading.count != AUDIT_GET(world, cpu->queue, queue_waiting) ||
        reading.count + AUDIT_GET(world, cpu->queue, queue_special_waiting) !=
            AUDIT_GET(world, cpu->queue, queue_ready))
        audit_report(audit, where, "CPU %u counts %lu ready tasks, %u are on its queue", index,
                     (unsigned long)AUDIT_GET(world, cpu->queue, queue_ready), reading.count);
    int64_t sum = (int64_t)AUDIT_GET(world, cpu->queue, queue_weighted_sum);
    if (reading.weight != AUDIT_GET(world, cpu->queue, queue_total_weight) || reading.sum != sum)
        audit_report(audit, where,
                     "the sums behind CPU %u's virtual time are weight %lu and %ld, its tasks make "
                     "%lu and %ld",
                     index, (unsigned long)AUDIT_GET(world, cpu->queue, queue_total_weight),
                     (long)sum, (unsigned long)reading.weight, (long)reading.sum);
    if (!reading.weight)
        return;
    int64_t v = (int64_t)(reading.sum / (__int128)reading.weight);
    for (size_t i = 0; i < world->task_count; i++) {
        const struct audit_task *task = &world->tasks[i];

        if (task->cpu == index && !task->idle &&
            AUDIT_GET(world, task->raw, special_class) == SCHED_CLASS_NORMAL &&
            (task == current || (task->state == TASK_READY && task->queues)))
            check_lag(&reading, task, v);
    }
}

/*
 * At a switch the task that goes has left the queue a moment ago, and nothing has moved since. With
 * it V was (V' W + v w) / (W + w) of what is left; its lag is the distance from there to its own
 * time, within two slices.
 */
static void check_leaving(struct vt_audit *audit, const struct audit_world *world)
{
    const struct trace_record *event = &world->event;
    unsigned state = event->arg[1] & 0xff;
    int32_t tid = (int32_t)(uint32_t)event->arg[0];

    if (event->type != TRACE_SWITCH || world->stopper >= world->cpu_count ||
        (state != TASK_BLOCKED && state != TASK_BLOCKED_HARD))
        return;
    const struct audit_cpu *cpu = &world->cpus[world->stopper];
    const struct audit_task *task = NULL;
    for (size_t i = 0; i < world->task_count && !task; i++)
        if (world->tasks[i].tid == tid && tid)
            task = &world->tasks[i];
    uint64_t total = AUDIT_GET(world, cpu->queue, queue_total_weight);
    if (!task || !total || AUDIT_GET(world, cpu->queue, queue_listed) ||
        AUDIT_GET(world, task->raw, special_class) != SCHED_CLASS_NORMAL)
        return;
    uint64_t base = AUDIT_GET(world, cpu->queue, queue_base);
    int64_t v = (int64_t)AUDIT_GET(world, cpu->queue, queue_weighted_sum) / (int64_t)total;
    int64_t own = (int64_t)(AUDIT_GET(world, task->raw, task_vruntime) - base);
    int64_t weight = (int64_t)AUDIT_GET(world, task->raw, task_weight);
    int64_t expected = (int64_t)((__int128)(v - own) * (int64_t)total / ((int64_t)total + weight));
    int64_t lag = (int64_t)AUDIT_GET(world, task->raw, task_lag);
    int64_t bound = (int64_t)(2 * AUDIT_GET(world, task->raw, task_slice)) * 1024 / weight;
    expected = expected > bound ? bound : expected < -bound ? -bound : expected;
    if (llabs(lag - expected) > 16)
        audit_report(audit, (struct audit_finding){.tid = tid, .object = task->address},
                     "task %d leaves CPU %u with a lag of %ld cycles, it was %ld", tid,
                     world->stopper, (long)lag, (long)expected);
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    for (unsigned i = 0; i < world->cpu_count; i++)
        if (world->cpus[i].online && !world->cpus[i].queue_locked)
            check_queue(audit, world, i);
    check_leaving(audit, world);
}

const struct audit_invariant invariant_run_queues = {
    .name = "run_queues",
    .proves = "run queues are in order, their sums are those of their tasks, and no task's lag "
              "exceeds the bound",
    .check = check,
};
