/*
 * vmm/inspect/special_tasks.c - a CPU's tasks of the classes above the normal one. As in queues.c, a walk
 * that finds the queue's lock taken is repeated.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/inspect/objects.h"
#include "vmm/inspect/settle.h"
#include "vmm/inspect/walk.h"

#define QUEUED_MAX 65536u
#define MAJOR_NONE 101u /* guest/kernel/sched/special.h: real time has 101 - priority */

#define RUN_QUEUE_FIELDS(F) F(lock, "lock") F(special, "special")
LAYOUT(run_queue_layout, RUN_QUEUE_FIELDS);

#define SPINLOCK_FIELDS(F) F(taken, "taken")
LAYOUT(spinlock_layout, SPINLOCK_FIELDS);

#define QUEUE_FIELDS(F)                                                                            \
    F(waiting, "waiting_tree") F(throttled, "throttled_tree") F(running, "running")
LAYOUT(special_queue_layout, QUEUE_FIELDS);

#define TASK_FIELDS(F) F(special, "special") F(tid, "tid") F(comm, "comm") F(object, "object")
LAYOUT(task_layout, TASK_FIELDS);

#define ENTITY_FIELDS(F)                                                                           \
    F(node, "node")                                                                                \
    F(major, "major")                                                                              \
    F(minor, "minor")                                                                              \
    F(class, "class") F(inherited, "inherited") F(budget, "budget") F(deadline, "deadline")
LAYOUT(special_entity_layout, ENTITY_FIELDS);

#define OBJECT_FIELDS(F) F(id, "id")
LAYOUT(object_layout, OBJECT_FIELDS);

enum part { PART_RUNNING, PART_WAITING, PART_THROTTLED };

struct special_walk {
    unsigned cpu;
    uint64_t queue; /* address */
    enum part part;
    struct guest_loads loads;
    struct guest_list *list;
    struct guest_slots tasks;
    struct run_queue_layout run_queue;
    struct spinlock_layout spinlock;
    struct special_queue_layout special;
    struct task_layout task;
    struct special_entity_layout entity;
    struct object_layout object;
};

static int64_t signed_span_to_ns(const struct vt_guest *guest, int64_t span)
{
    return span < 0 ? -(int64_t)guest_tsc_span_to_ns(guest, (uint64_t)-span)
                    : (int64_t)guest_tsc_span_to_ns(guest, (uint64_t)span);
}

static void describe(struct special_walk *walk, uint64_t task, struct vt_special *ret)
{
    struct guest_loads *loads = &walk->loads;
    uint64_t entity = task + walk->task.special->offset;
    struct glass_field here = {.size = walk->task.comm->size < 16 ? walk->task.comm->size : 16};
    uint8_t comm[16] = {0};
    uint32_t major = (uint32_t)guest_load(loads, entity, walk->entity.major);
    uint64_t minor = guest_load(loads, entity, walk->entity.minor);

    ret->id = guest_load(loads, task + walk->task.object->offset, walk->object.id);
    ret->tid = (int32_t)guest_load(loads, task, walk->task.tid);
    if (guest_load_bytes(loads, task + walk->task.comm->offset, comm, here.size))
        guest_copy_comm(ret->comm, &here, comm);
    ret->sched_class = (uint32_t)guest_load(loads, entity, walk->entity.class);
    ret->priority = ret->sched_class == SCHED_CLASS_REALTIME ? MAJOR_NONE - major : 0;
    ret->running = walk->part == PART_RUNNING;
    ret->throttled = walk->part == PART_THROTTLED;
    ret->inherited = guest_load(loads, entity, walk->entity.inherited);
    if (ret->sched_class != SCHED_CLASS_DEADLINE)
        return;
    ret->deadline_ns = vt_guest_tsc_to_ns(
        loads->guest, ret->inherited ? minor : guest_load(loads, entity, walk->entity.deadline));
    ret->budget_ns =
        signed_span_to_ns(loads->guest, (int64_t)guest_load(loads, entity, walk->entity.budget));
    if (ret->throttled)
        ret->replenish_ns = vt_guest_tsc_to_ns(loads->guest, minor);
}

static struct vt_error *visit(void *context, uint64_t node)
{
    struct special_walk *walk = context;
    uint64_t task = node - walk->entity.node->offset - walk->task.special->offset;

    if (guest_slots_find(&walk->tasks, task) == UINT32_MAX)
        return vt_error_create(VT_ERROR_CORRUPT,
                               "the run queue of CPU %u holds %#lx, which is no task", walk->cpu,
                               (unsigned long)task);
    struct vt_special *special = guest_list_add(walk->list);
    if (!special)
        return NULL;
    describe(walk, task, special);
    guest_list_prove(walk->list, special->id);
    guest_list_prove(walk->list, special->deadline_ns);
    return guest_loads_error(&walk->loads, "a run queue");
}

static struct vt_error *refuse_if_locked(struct vt_guest *guest, struct special_walk *walk)
{
    if (!guest_load(&walk->loads, walk->queue + walk->run_queue.lock->offset,
                    walk->spinlock.taken) ||
        guest_stands_still(guest))
        return NULL;
    return vt_error_create(VT_ERROR_BUSY, "a queue of CPU %u is being changed all the time",
                           walk->cpu);
}

static struct vt_error *walk_all(struct vt_guest *guest, void *context, struct guest_list *list)
{
    struct special_walk *walk = context;

    walk->list = list;
    walk->loads.failed = false;
    struct vt_error *error = refuse_if_locked(guest, walk);
    uint64_t special = walk->queue + walk->run_queue.special->offset;
    uint64_t running = error ? 0 : guest_load(&walk->loads, special, walk->special.running);
    walk->part = PART_RUNNING;
    if (!error && running)
        error = visit(walk, running + walk->entity.node->offset);
    walk->part = PART_WAITING;
    if (!error)
        error = guest_tree_walk(guest, special + walk->special.waiting->offset, QUEUED_MAX,
                                "a run queue", visit, walk);
    walk->part = PART_THROTTLED;
    if (!error)
        error = guest_tree_walk(guest, special + walk->special.throttled->offset, QUEUED_MAX,
                                "a run queue", visit, walk);
    return error ? error : refuse_if_locked(guest, walk);
}

struct vt_error *vt_guest_special_tasks(struct vt_guest *guest, unsigned cpu,
                                        struct vt_special **ret, size_t *ret_count)
{
    const struct guest_listing listing = {
        .what = "a run queue",
        .item_bytes = sizeof(struct vt_special),
        .walk = walk_all,
    };
    struct special_walk walk = {.cpu = cpu, .loads.guest = guest};
    const struct glass_root *root;
    void *items;
    struct vt_error *error = guest_require_ready(guest);

    if (error)
        return error;
    const struct glass_cpu *block = guest_cpu(guest, cpu);
    if (!block || !GUEST_LOAD(&block->online))
        return vt_error_create(VT_ERROR_NOT_FOUND, "the guest has no CPU %u online", cpu);
    error = guest_root_require(guest, "run_queues", "run_queue", &root);
    if (!error && cpu >= root->count)
        error = vt_error_create(VT_ERROR_CORRUPT,
                                "the guest's 'run_queues' has no entry for CPU %u", cpu);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.run_queue, "run_queue", 2, RUN_QUEUE_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.spinlock, "spinlock", 1, SPINLOCK_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.special, "special_queue", 3, QUEUE_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.task, "task", 4, TASK_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.entity, "special_entity", 7, ENTITY_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.object, "object", 1, OBJECT_FIELDS);
    if (!error)
        error = guest_slots_open(guest, guest->tasks, "task", &walk.tasks);
    if (error)
        return error;
    walk.queue = root->address + (uint64_t)cpu * root->stride;
    error = guest_settle(guest, &listing, &walk, &items, ret_count);
    if (!error)
        *ret = items;
    return error;
}
