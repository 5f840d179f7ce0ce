/* kernel/sched/classes.c - see classes.h. */
#include "kernel/sched/classes.h"

#include "arch/cpu.h"
#include "kernel/lib/panic.h"
#include "kernel/observe/option.h"
#include "kernel/sched/policy.h"
#include "kernel/sched/realtime_limit.h"
#include "kernel/time/clock.h"

static struct task *task_of(struct special_entity *entity)
{
    return container_of(entity, struct task, special);
}

static struct task *normal_task_of(struct fair_entity *entity)
{
    return container_of(entity, struct task, fair);
}

static void update_mixed(struct run_queue *queue)
{
    const struct special_queue *special = &queue->special;
    queue->mixed = queue->fair.listed || special->running || special->waiting || special->throttled;
}

void policy_init(void)
{
    char name[16];
    if (!option_value("sched", name, sizeof(name)))
        return;
    normal_policy = policy_find(name);
    if (!normal_policy)
        panic("boot option sched=%s: there is no such policy (fair, rr, aging)", name);
}

void classes_init(struct run_queue *queue)
{
    fair_init(&queue->fair);
    queue->fair.listed = normal_policy != &fair_policy;
    special_init(&queue->special, clock_ns_to_tsc(1000000000));
    update_mixed(queue);
}

NO_INLINE void class_charge(struct run_queue *queue, uint64_t cycles, uint64_t now)
{
    struct special_queue *special = &queue->special;
    bool over = special_account(special, cycles, now);
    if (!special->running && !queue->fair.running) {
        cpu_at(queue->cpu)->glass->idle_tsc += cycles;
        return;
    }
    queue->running->exec_tsc += cycles;
    if (!special->running)
        over = normal_policy->account(&queue->fair, cycles);
    if (over)
        queue->slice_over = true;
}

NO_INLINE bool class_enqueue(struct run_queue *queue, struct task *task, enum sched_join how,
                             uint64_t now)
{
    bool waits = true;
    if (task->special.class != SCHED_CLASS_NORMAL)
        waits = special_enqueue(&queue->special, &task->special, how, now);
    else
        normal_policy->enqueue(&queue->fair, &task->fair, how);
    if (waits)
        queue->ready++;
    update_mixed(queue);
    return waits;
}

NO_INLINE void class_dequeue(struct run_queue *queue, struct task *task)
{
    if (task_is_queued(task))
        queue->ready--;
    else
        task->special.ran = 0; /* it sleeps, or changes its ways */
    if (task->special.class != SCHED_CLASS_NORMAL)
        special_dequeue(&queue->special, &task->special);
    else
        normal_policy->dequeue(&queue->fair, &task->fair);
    update_mixed(queue);
}

NO_INLINE void class_put(struct run_queue *queue, enum sched_join how, uint64_t now)
{
    bool waits = true;
    if (queue->slice_over)
        how = JOIN_OVER;
    if (queue->special.running)
        waits = special_put(&queue->special, how, now);
    else
        normal_policy->put(&queue->fair, how);
    if (waits)
        queue->ready++;
}

static bool normal_waits(const struct run_queue *queue)
{
    return queue->fair.waiting != 0;
}

NO_INLINE struct task *class_pick(struct run_queue *queue)
{
    struct special_entity *first = special_first(&queue->special, normal_waits(queue));
    if (MUTANT(NORMAL_BEFORE_SPECIAL) && normal_waits(queue))
        first = NULL;
    struct fair_entity *normal = first ? NULL : normal_policy->choose(&queue->fair);
    struct task *task = first ? task_of(first) : normal ? normal_task_of(normal) : NULL;
    if (task)
        class_take(queue, task);
    return task;
}

NO_INLINE void class_take(struct run_queue *queue, struct task *task)
{
    queue->ready--;
    if (task->special.class != SCHED_CLASS_NORMAL)
        special_take(&queue->special, &task->special);
    else
        normal_policy->take(&queue->fair, &task->fair);
    update_mixed(queue);
}

NO_INLINE bool class_preempts(const struct run_queue *queue, const struct task *task)
{
    const struct special_entity *running = queue->special.running;
    if (queue->running == queue->idle)
        return true;
    if (task->special.class != SCHED_CLASS_NORMAL)
        return !running ? special_first(&queue->special, normal_waits(queue)) == &task->special
                        : special_before(&task->special, running);
    return !running && normal_policy->preempts(&queue->fair, &task->fair);
}

NO_INLINE void class_yield(struct run_queue *queue)
{
    if (queue->special.running)
        special_yield(&queue->special);
    else if (queue->fair.running)
        normal_policy->yield(&queue->fair);
    queue->slice_over = true;
}

NO_INLINE uint64_t class_next_look(struct run_queue *queue, uint64_t now)
{
    struct special_queue *special = &queue->special;
    uint64_t look = special_next_replenish(special);
    if (special->running) {
        uint64_t end = special_turn_end(special, normal_waits(queue), now);
        look = min(look, end);
        if (special->running->class == SCHED_CLASS_REALTIME) {
            end = realtime_limit_next_look(queue->running, now);
            look = min(look, end);
        }
    } else if (queue->fair.running) {
        if (queue->ready) {
            uint64_t end = now + normal_policy->turn_left(&queue->fair);
            look = min(look, end);
        }
        if (special->waiting) { /* real time lets others run until this second is over */
            uint64_t end = special_window_end(special);
            look = min(look, end);
        }
    }
    return look;
}

NO_INLINE bool class_replenish(struct run_queue *queue, uint64_t now)
{
    struct special_entity *entity;
    bool any = false;
    while ((entity = special_replenish(&queue->special, now))) {
        class_enqueue(queue, task_of(entity), JOIN_OVER, now);
        any = true;
    }
    return any;
}

NO_INLINE struct task *class_spare(struct run_queue *queue, unsigned cpu, bool normal)
{
    uint64_t bit = 1ull << cpu;
    for (struct rb_node *node = rb_first(&queue->special.waiting_tree); node;
         node = rb_next(node)) {
        struct task *task = task_of(rb_entry(node, struct special_entity, node));
        if (task->affinity & bit)
            return task;
    }
    for (struct fair_entity *entity = normal ? normal_policy->last(&queue->fair) : NULL; entity;
         entity = normal_policy->before(&queue->fair, entity)) {
        struct task *task = normal_task_of(entity);
        if (task->affinity & bit || MUTANT(STEAL_IGNORES_AFFINITY))
            return task;
    }
    return NULL;
}

uint32_t class_running_major(const struct run_queue *queue)
{
    const struct special_entity *running = READ_ONCE(queue->special.running);
    return running ? READ_ONCE(running->major) : SPECIAL_MAJOR_NONE;
}
