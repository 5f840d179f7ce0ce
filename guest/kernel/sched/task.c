/* kernel/sched/task.c - making and unmaking tasks, and what is known about one. */
#include "kernel/sched/task.h"

#include "arch/cpu.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/panic.h"
#include "kernel/lib/string.h"
#include "kernel/observe/mutant.h"
#include "kernel/observe/trace.h"
#include "kernel/sched/classes.h"
#include "kernel/sched/idle.h"
#include "kernel/sched/run_queue.h"
#include "kernel/sched/scheduler.h"
#include "kernel/sched/state.h"
#include "kernel/time/clock.h"

struct slot_table task_slots = SLOT_TABLE_INIT("task", struct task);
void (*task_released)(struct task *task);

static struct task *task_new(void)
{
    struct task *task = slot_allocate(&task_slots);
    if (!task)
        return NULL;
    task_set_state(task, TASK_CREATED);
    task->affinity = UINT64_MAX;
    task->fair.weight = FAIR_WEIGHT_NICE_0;
    task->fair.slice = clock_ns_to_tsc(FAIR_SLICE_NS);
    task->special.major = task->inherited.major = SPECIAL_MAJOR_NONE;
    task->cpu = this_cpu()->index;
    list_init(&task->pending_queue);
    list_init(&task->thread_link);
    return task;
}

struct task *task_create(bool user)
{
    struct task *task = task_new();
    if (!task)
        return NULL;
    if (arch_task_init(task, user)) {
        task_set_state(task, TASK_DEAD);
        slot_free(&task_slots, task);
        return NULL;
    }
    if (!user)
        task->flags |= TASK_KERNEL_THREAD;
    object_publish(&task->object);
    return task;
}

void task_put(struct task *task)
{
    if (__atomic_sub_fetch(&task->object.references, 1, __ATOMIC_ACQ_REL))
        return;
    /* Never started: the stack was not given up by a last switch. */
    if (task->state == TASK_CREATED)
        arch_task_deinit(task);
    task_set_state(task, TASK_DEAD);
    if (task_released)
        task_released(task);
    slot_free(&task_slots, task);
}

struct task *kernel_thread(const char *name, void (*function)(void *), void *argument)
{
    struct task *task = task_create(false);
    if (!task)
        return NULL;
    string_copy(task->comm, name, sizeof(task->comm));
    arch_task_start_kernel(task, function, argument);
    task_start(task, NULL);
    return task;
}

void task_set_comm(struct task *task, const char *name)
{
    char comm[TASK_COMM_BYTES] = {0};
    uint64_t halves[2];
    string_copy(comm, name, sizeof(comm));
    object_write_begin(&task->object);
    memcpy(task->comm, comm, sizeof(comm));
    object_write_end(&task->object);
    memcpy(halves, comm, sizeof(halves));
    mutant_arm(comm);
    trace_event(TRACE_COMM, halves[0], halves[1], 0, 0);
}

bool task_look_at_rest(struct task *task, void (*look)(struct task *task, void *context),
                       void *context)
{
    struct run_queue *queue = run_queue_lock(task);
    /* The switch away from it was over before its queue was unlocked. */
    bool at_rest = task->state != TASK_RUNNING;
    if (at_rest)
        look(task, context);
    spin_unlock(&queue->lock);
    return at_rest;
}

void task_times(struct task *task, uint64_t *ret_utime_ns, uint64_t *ret_stime_ns)
{
    uint64_t user = READ_ONCE(task->utime_tsc), system = READ_ONCE(task->stime_tsc);
    /* Since the last look at the clock: the current task is in the kernel, one that runs elsewhere
     * in user mode. */
    if (task->state == TASK_RUNNING) {
        int64_t since = (int64_t)(clock_tsc() - READ_ONCE(task->mode_tsc));
        if (since > 0)
            *(task == current ? &system : &user) += (uint64_t)since;
    }
    *ret_utime_ns = clock_tsc_to_ns(user);
    *ret_stime_ns = clock_tsc_to_ns(system);
}

/* ---- affinity ---- */

int task_set_affinity(struct task *task, uint64_t mask)
{
    unsigned count = cpu_count();
    mask &= count == 64 ? UINT64_MAX : (1ull << count) - 1;
    if (!mask)
        return -EINVAL;
    struct run_queue *queue = run_queue_lock(task);
    bool all = mask == (count == 64 ? UINT64_MAX : (1ull << count) - 1);
    if (unlikely(task->policy == SCHED_POLICY_DEADLINE) && !all) {
        spin_unlock(&queue->lock);
        return -EBUSY; /* it was admitted to all of them */
    }
    task->affinity = mask;
    bool misplaced = !(mask & 1ull << task->cpu);
    if (misplaced && task->state == TASK_RUNNING)
        __atomic_fetch_or(&task->work, TASK_WORK_RESCHEDULE, __ATOMIC_RELAXED);
    spin_unlock(&queue->lock);
    /* Off and on again: it becomes ready where it is allowed to be. */
    if (misplaced)
        task_move(task);
    return 0;
}

/* ---- idle tasks ---- */

static struct task *idle_create(unsigned index, uint64_t stack_top)
{
    struct task *idle = task_new();
    if (!idle)
        panic("no memory for the idle task of CPU %u", index);
    idle->flags = TASK_KERNEL_THREAD | TASK_IDLE;
    idle->cpu = index;
    idle->arch.stack_top = stack_top;
    string_copy(idle->comm, "idle", sizeof(idle->comm));
    task_set_state(idle, TASK_READY);
    task_set_state(idle, TASK_RUNNING);
    idle->mode_tsc = idle->switched_in_tsc = clock_tsc();
    object_publish(&idle->object);
    return idle;
}

void idle_init(unsigned index, uint64_t stack_top)
{
    struct run_queue *queue = &per_cpu(run_queue, index);
    struct cpu *cpu = cpu_at(index);
    spin_init(&queue->lock, RANK_RUN_QUEUE);
    queue->cpu = index;
    classes_init(queue);
    queue->slice_end_tsc = UINT64_MAX;
    queue->charged_tsc = clock_tsc();
    queue->idle = queue->running = idle_create(index, stack_top);
    cpu->idle = cpu->task = queue->idle;
    cpu->run_queue = queue;
    cpu->glass->running = (uint64_t)queue->idle;
    cpu->glass->boot_tsc = clock_tsc();
}
