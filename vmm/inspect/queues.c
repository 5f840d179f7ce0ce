/*
 * vmm/inspect/queues.c - what each CPU has before it: its run queue and its timers.
 *
 * Both are guarded by a spinlock, which is held for a few instructions: a walk that finds it taken
 * is repeated (in a stopped world it is accepted: its holder stands in the middle, and what the
 * walk finds is what there is).
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/inspect/objects.h"
#include "vmm/inspect/settle.h"
#include "vmm/inspect/walk.h"

#define QUEUED_MAX 65536u
#define TIMERS_MAX (1u << 20)

#define SPINLOCK_FIELDS(F) F(taken, "taken")
LAYOUT(spinlock_layout, SPINLOCK_FIELDS);

#define RUN_QUEUE_FIELDS(F)                                                                        \
    F(lock, "lock")                                                                                \
    F(fair, "fair")                                                                                \
    F(running, "running")                                                                          \
    F(idle, "idle") F(ready, "ready") F(slice_end, "slice_end_tsc") F(charged, "charged_tsc")
LAYOUT(run_queue_layout, RUN_QUEUE_FIELDS);

#define FAIR_QUEUE_FIELDS(F)                                                                       \
    F(lone, "lone")                                                                                \
    F(tree, "tree")                                                                                \
    F(weighted_sum, "weighted_sum")                                                                \
    F(total_weight, "total_weight") F(base, "base") F(list, "list") F(listed, "listed")
LAYOUT(fair_queue_layout, FAIR_QUEUE_FIELDS);

#define ENTITY_FIELDS(F)                                                                           \
    F(node, "node")                                                                                \
    F(deadline, "deadline") F(vruntime, "vruntime") F(slice, "slice") F(weight, "weight")
LAYOUT(entity_layout, ENTITY_FIELDS);

#define TASK_FIELDS(F)                                                                             \
    F(fair, "fair")                                                                                \
    F(tid, "tid")                                                                                  \
    F(comm, "comm") F(object, "object") F(work, "work") F(sleep_timer, "sleep_timer")
LAYOUT(task_layout, TASK_FIELDS);

#define PROCESS_FIELDS(F) F(alarm, "alarm") F(pid, "pid")
LAYOUT(process_layout, PROCESS_FIELDS);

#define OBJECT_FIELDS(F) F(id, "id")
LAYOUT(object_layout, OBJECT_FIELDS);

#define TIMER_FIELDS(F) F(node, "node") F(deadline, "deadline_ns") F(callback, "callback")
LAYOUT(timer_layout, TIMER_FIELDS);

#define TIMER_QUEUE_FIELDS(F) F(lock, "lock") F(tree, "tree")
LAYOUT(timer_queue_layout, TIMER_QUEUE_FIELDS);

struct queue_walk {
    unsigned cpu;
    uint64_t queue; /* address */
    struct guest_loads loads;
    struct guest_list *list;
    struct guest_slots tasks, processes;
    struct spinlock_layout spinlock;
    struct run_queue_layout run_queue;
    struct fair_queue_layout fair_queue;
    struct entity_layout entity;
    struct task_layout task;
    struct process_layout process;
    struct object_layout object;
    struct timer_layout timer;
    struct timer_queue_layout timer_queue;
    struct vt_run_queue result;
};

/* ---- both ---- */

/* Queue number `cpu` of a published array. */
static struct vt_error *open_queue(struct vt_guest *guest, unsigned cpu, const char *root_name,
                                   const char *type, struct queue_walk *ret)
{
    const struct glass_root *root;
    struct vt_error *error = guest_require_ready(guest);

    *ret = (struct queue_walk){.cpu = cpu, .loads.guest = guest};
    if (error)
        return error;
    const struct glass_cpu *block = guest_cpu(guest, cpu);
    if (!block || !GUEST_LOAD(&block->online))
        return vt_error_create(VT_ERROR_NOT_FOUND, "the guest has no CPU %u online", cpu);
    error = guest_root_require(guest, root_name, type, &root);
    if (!error && cpu >= root->count)
        error = vt_error_create(VT_ERROR_CORRUPT, "the guest's '%s' has no entry for CPU %u",
                                root_name, cpu);
    if (!error)
        error = LAYOUT_FIND(guest, &ret->spinlock, "spinlock", 1, SPINLOCK_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &ret->task, "task", 4, TASK_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &ret->object, "object", 1, OBJECT_FIELDS);
    if (!error)
        error = guest_slots_open(guest, guest->tasks, "task", &ret->tasks);
    if (!error)
        ret->queue = root->address + (uint64_t)cpu * root->stride;
    return error;
}

/* Half a change must not be taken for a state. */
static struct vt_error *refuse_if_locked(struct vt_guest *guest, struct queue_walk *walk,
                                         const struct glass_field *lock)
{
    if (!guest_load(&walk->loads, walk->queue + lock->offset, walk->spinlock.taken) ||
        guest_stands_still(guest))
        return NULL;
    return vt_error_create(VT_ERROR_BUSY, "a queue of CPU %u is being changed all the time",
                           walk->cpu);
}

static uint64_t object_id(struct queue_walk *walk, uint64_t object)
{
    return guest_load(&walk->loads, object + walk->task.object->offset, walk->object.id);
}

/* ---- run queues ---- */

static void name_task(struct queue_walk *walk, uint64_t task, struct vt_queued *ret)
{
    uint8_t comm[16] = {0};
    const struct glass_field *field = walk->task.comm;
    struct glass_field here = {.size = field->size < 16 ? field->size : 16};

    ret->id = object_id(walk, task);
    ret->tid = (int32_t)guest_load(&walk->loads, task, walk->task.tid);
    if (guest_load_bytes(&walk->loads, task + field->offset, comm, here.size))
        guest_copy_comm(ret->comm, &here, comm);
}

static void read_entity(struct queue_walk *walk, uint64_t entity, struct vt_queued *ret)
{
    struct guest_loads *loads = &walk->loads;

    ret->vruntime = guest_load(loads, entity, walk->entity.vruntime);
    ret->deadline = guest_load(loads, entity, walk->entity.deadline);
    ret->weight = (uint32_t)guest_load(loads, entity, walk->entity.weight);
    ret->slice_ns =
        guest_tsc_span_to_ns(loads->guest, guest_load(loads, entity, walk->entity.slice));
    ret->lag = (int64_t)(walk->result.virtual_time - ret->vruntime);
}

static struct vt_error *add_entity(struct queue_walk *walk, uint64_t entity)
{
    uint64_t task = entity - walk->task.fair->offset;

    if (guest_slots_find(&walk->tasks, task) == UINT32_MAX)
        return vt_error_create(VT_ERROR_CORRUPT,
                               "the run queue of CPU %u holds %#lx, which is no task", walk->cpu,
                               (unsigned long)task);
    struct vt_queued *queued = guest_list_add(walk->list);
    if (!queued)
        return NULL;
    name_task(walk, task, queued);
    read_entity(walk, entity, queued);
    guest_list_prove(walk->list, queued->id);
    guest_list_prove(walk->list, queued->vruntime);
    guest_list_prove(walk->list, queued->deadline);
    return guest_loads_error(&walk->loads, "a run queue");
}

static struct vt_error *visit_entity(void *context, uint64_t node)
{
    struct queue_walk *walk = context;

    return add_entity(walk, node - walk->entity.node->offset);
}

/* V = base + weighted_sum / total_weight, rounded down as the kernel does. */
static uint64_t virtual_time(uint64_t base, int64_t sum, uint64_t weight)
{
    __int128 total = (__int128)weight, value = sum;

    if (!weight)
        return base;
    if (value < 0)
        value -= total - 1;
    return base + (uint64_t)(int64_t)(value / total);
}

static struct vt_error *walk_run_queue(struct vt_guest *guest, void *context,
                                       struct guest_list *list)
{
    struct queue_walk *walk = context;
    struct guest_loads *loads = &walk->loads;
    struct vt_run_queue *result = &walk->result;
    uint64_t fair = walk->queue + walk->run_queue.fair->offset;

    walk->list = list;
    loads->failed = false;
    struct vt_error *error = refuse_if_locked(guest, walk, walk->run_queue.lock);
    if (error)
        return error;
    uint64_t running = guest_load(loads, walk->queue, walk->run_queue.running);
    uint64_t idle = guest_load(loads, walk->queue, walk->run_queue.idle);
    uint64_t slice_end = guest_load(loads, walk->queue, walk->run_queue.slice_end);
    *result = (struct vt_run_queue){
        .cpu = walk->cpu,
        .idle = running == idle,
        .length = (uint32_t)guest_load(loads, walk->queue, walk->run_queue.ready),
        .total_weight = guest_load(loads, fair, walk->fair_queue.total_weight),
        .slice_end_ns = slice_end == UINT64_MAX ? UINT64_MAX : vt_guest_tsc_to_ns(guest, slice_end),
    };
    result->virtual_time = virtual_time(
        guest_load(loads, fair, walk->fair_queue.base),
        (int64_t)guest_load(loads, fair, walk->fair_queue.weighted_sum), result->total_weight);
    if (running && guest_slots_find(&walk->tasks, running) == UINT32_MAX)
        return vt_error_create(VT_ERROR_CORRUPT, "CPU %u of the guest runs %#lx, which is no task",
                               walk->cpu, (unsigned long)running);
    if (running) {
        name_task(walk, running, &result->running);
        if (!result->idle)
            read_entity(walk, running + walk->task.fair->offset, &result->running);
        result->need_reschedule =
            guest_load(loads, running, walk->task.work) & TASK_WORK_RESCHEDULE;
    }
    const uint64_t proof[] = {running, result->length, result->virtual_time, result->total_weight,
                              guest_load(loads, walk->queue, walk->run_queue.charged)};
    for (size_t i = 0; i < sizeof(proof) / sizeof(proof[0]); i++)
        guest_list_prove(list, proof[i]);
    error = guest_loads_error(loads, "a run queue");
    uint64_t lone = guest_load(loads, fair, walk->fair_queue.lone);
    if (!error && guest_load(loads, fair, walk->fair_queue.listed))
        error = guest_list_walk(guest, fair + walk->fair_queue.list->offset, QUEUED_MAX,
                                "a run queue", visit_entity, walk);
    else if (!error && lone)
        error = add_entity(walk, lone);
    else if (!error)
        error = guest_tree_walk(guest, fair + walk->fair_queue.tree->offset, QUEUED_MAX,
                                "a run queue", visit_entity, walk);
    return error ? error : refuse_if_locked(guest, walk, walk->run_queue.lock);
}

struct vt_error *vt_guest_run_queue(struct vt_guest *guest, unsigned cpu, struct vt_run_queue **ret)
{
    const struct guest_listing listing = {
        .what = "a run queue",
        .item_bytes = sizeof(struct vt_queued),
        .walk = walk_run_queue,
    };
    struct queue_walk walk;
    void *queued;
    size_t count;
    struct vt_error *error = open_queue(guest, cpu, "run_queues", "run_queue", &walk);

    if (!error)
        error = LAYOUT_FIND(guest, &walk.run_queue, "run_queue", 4, RUN_QUEUE_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.fair_queue, "fair_queue", 2, FAIR_QUEUE_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.entity, "fair_entity", 1, ENTITY_FIELDS);
    if (!error)
        error = guest_settle(guest, &listing, &walk, &queued, &count);
    if (error)
        return error;
    struct vt_run_queue *result = malloc(sizeof(*result) + count * sizeof(struct vt_queued));
    if (!result) {
        free(queued);
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a run queue of %zu", count);
    }
    *result = walk.result;
    result->queued = (struct vt_queued *)(result + 1);
    result->queued_count = count;
    if (count)
        memcpy(result + 1, queued, count * sizeof(struct vt_queued));
    free(queued);
    *ret = result;
    return NULL;
}

/* ---- timers ---- */

/* Whose timer it is: one that lies in a task or a process, at its timer's place. */
static void find_owner(struct queue_walk *walk, struct vt_timer *timer)
{
    uint64_t task = timer->address - (walk->task.sleep_timer ? walk->task.sleep_timer->offset : 0);
    uint64_t process = timer->address - walk->process.alarm->offset;

    if (walk->task.sleep_timer && guest_slots_find(&walk->tasks, task) != UINT32_MAX) {
        timer->use = VT_TIMER_SLEEP;
        timer->tid = (int32_t)guest_load(&walk->loads, task, walk->task.tid);
        timer->object_id = object_id(walk, task);
    } else if (guest_slots_find(&walk->processes, process) != UINT32_MAX) {
        timer->use = VT_TIMER_ALARM;
        timer->pid = (int32_t)guest_load(&walk->loads, process, walk->process.pid);
        timer->object_id =
            guest_load(&walk->loads, process + walk->processes.object_offset, walk->object.id);
    }
}

static struct vt_error *visit_timer(void *context, uint64_t node)
{
    struct queue_walk *walk = context;
    struct vt_timer *timer = guest_list_add(walk->list);

    if (!timer)
        return NULL;
    timer->address = node - walk->timer.node->offset;
    timer->deadline_ns = guest_load(&walk->loads, timer->address, walk->timer.deadline);
    timer->callback = guest_load(&walk->loads, timer->address, walk->timer.callback);
    find_owner(walk, timer);
    guest_list_prove(walk->list, timer->address);
    guest_list_prove(walk->list, timer->deadline_ns);
    guest_list_prove(walk->list, timer->object_id);
    return guest_loads_error(&walk->loads, "a timer");
}

static struct vt_error *walk_timers(struct vt_guest *guest, void *context, struct guest_list *list)
{
    struct queue_walk *walk = context;

    walk->list = list;
    walk->loads.failed = false;
    struct vt_error *error = refuse_if_locked(guest, walk, walk->timer_queue.lock);
    if (!error)
        error = guest_tree_walk(guest, walk->queue + walk->timer_queue.tree->offset, TIMERS_MAX,
                                "a tree of timers", visit_timer, walk);
    return error ? error : refuse_if_locked(guest, walk, walk->timer_queue.lock);
}

struct vt_error *vt_guest_timers(struct vt_guest *guest, unsigned cpu, struct vt_timer **ret_timers,
                                 size_t *ret_count)
{
    const struct guest_listing listing = {
        .what = "a CPU's timers",
        .item_bytes = sizeof(struct vt_timer),
        .walk = walk_timers,
    };
    struct queue_walk walk;
    void *timers;
    struct vt_error *error = open_queue(guest, cpu, "timer_queues", "timer_queue", &walk);

    if (!error)
        error = LAYOUT_FIND(guest, &walk.timer_queue, "timer_queue", 2, TIMER_QUEUE_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.timer, "timer", 2, TIMER_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.process, "process", 2, PROCESS_FIELDS);
    if (!error)
        error = guest_slots_open(guest, guest->processes, "process", &walk.processes);
    if (!error)
        error = guest_settle(guest, &listing, &walk, &timers, ret_count);
    if (!error)
        *ret_timers = timers;
    return error;
}
