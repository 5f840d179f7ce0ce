/* kernel/sched/parameters.c - see parameters.h. */
#include "kernel/sched/parameters.h"

#include "arch/cpu.h"
#include "kernel/lib/errno.h"
#include "kernel/sched/policy.h"
#include "kernel/sched/queue_inline.h"
#include "kernel/time/clock.h"

#define WEIGHT_IDLE      3
#define NICE_IDLE        20 /* behind all that can be asked for */
#define SLICE_NS_MIN     100000u
#define SLICE_NS_MAX     100000000u
#define RUNTIME_NS_MIN   1024u
#define PERIOD_NS_MIN    100000u
#define PERIOD_NS_MAX    4194304000u /* 2^22 us */
#define BANDWIDTH_SHIFT  20
#define BANDWIDTH_OF_CPU ((95ull << BANDWIDTH_SHIFT) / 100)

static bool is_realtime(uint32_t policy)
{
    return policy == SCHED_POLICY_FIFO || policy == SCHED_POLICY_RR;
}

int sched_parameters_check(struct sched_parameters *parameters)
{
    bool realtime = is_realtime(parameters->policy);
    switch (parameters->policy) {
    case SCHED_POLICY_OTHER:
    case SCHED_POLICY_BATCH:
    case SCHED_POLICY_IDLE:
    case SCHED_POLICY_FIFO:
    case SCHED_POLICY_RR:
        break;
    case SCHED_POLICY_DEADLINE:
        if (!parameters->deadline_ns || parameters->runtime_ns < RUNTIME_NS_MIN ||
            (parameters->deadline_ns | parameters->period_ns) >> 63)
            return -EINVAL;
        if (!parameters->period_ns)
            parameters->period_ns = parameters->deadline_ns;
        if (parameters->period_ns < parameters->deadline_ns ||
            parameters->deadline_ns < parameters->runtime_ns ||
            parameters->period_ns < PERIOD_NS_MIN || parameters->period_ns > PERIOD_NS_MAX)
            return -EINVAL;
        break;
    default:
        return -EINVAL;
    }
    if (parameters->priority < 0 || parameters->priority > REALTIME_PRIORITY_MAX ||
        realtime != (parameters->priority != 0) || parameters->nice < -20 || parameters->nice > 19)
        return -EINVAL;
    return 0;
}

void task_parameters(struct task *task, struct sched_parameters *ret)
{
    struct run_queue *queue = run_queue_lock(task);
    bool deadline = task->policy == SCHED_POLICY_DEADLINE;
    *ret = (struct sched_parameters){
        .policy = task->policy,
        .nice = task->nice,
        .priority = task->rt_priority,
        .reset_on_fork = task->reset_on_fork,
        .slice_ns = task->slice_ns,
        .runtime_ns = deadline ? task->runtime_ns : 0,
        .deadline_ns = deadline ? task->deadline_ns : 0,
        .period_ns = deadline ? task->period_ns : 0,
    };
    spin_unlock(&queue->lock);
}

/* ---- admission ---- */

static uint64_t bandwidth_used; /* of all deadline tasks, in 2^-20 of a CPU; atomic */

static uint64_t bandwidth(uint64_t runtime, uint64_t period)
{
    return (uint64_t)(((unsigned __int128)runtime << BANDWIDTH_SHIFT) / period);
}

/* 0, or -EBUSY if that is more than there is. */
static int change_bandwidth(uint64_t old, uint64_t wanted)
{
    uint64_t used = READ_ONCE(bandwidth_used);
    do {
        if (wanted > old && used - old + wanted > BANDWIDTH_OF_CPU * cpu_count())
            return -EBUSY;
    } while (!__atomic_compare_exchange_n(&bandwidth_used, &used, used - old + wanted, false,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return 0;
}

void task_release_bandwidth(struct task *task)
{
    change_bandwidth(task->bandwidth, 0);
    task->bandwidth = 0;
}

/* ---- effect ---- */

static uint32_t own_weight(const struct task *task)
{
    return task->policy == SCHED_POLICY_IDLE ? WEIGHT_IDLE : fair_weight(task->nice);
}

static uint32_t own_major(const struct task *task)
{
    if (task->policy == SCHED_POLICY_DEADLINE)
        return SPECIAL_MAJOR_DEADLINE;
    return is_realtime(task->policy) ? SPECIAL_MAJOR_REALTIME(task->rt_priority)
                                     : SPECIAL_MAJOR_NONE;
}

static uint8_t class_of(uint32_t major)
{
    return major == SPECIAL_MAJOR_STOP       ? SCHED_CLASS_STOP
           : major == SPECIAL_MAJOR_DEADLINE ? SCHED_CLASS_DEADLINE
           : major == SPECIAL_MAJOR_NONE     ? SCHED_CLASS_NORMAL
                                             : SCHED_CLASS_REALTIME;
}

/* Class and place from what the task asked for and what it inherits. It is in no queue. */
static void place(struct task *task)
{
    struct special_entity *special = &task->special;
    uint32_t own = own_major(task);
    special->major = min(own, task->inherited.major);
    special->class = class_of(special->major);
    special->round_robin = task->policy == SCHED_POLICY_RR;
    /* Of two deadlines the earlier one counts, which may be that of whoever waits. */
    special->inherited =
        special->major < own || (own == SPECIAL_MAJOR_DEADLINE && task->inherited.major == own &&
                                 (int64_t)(task->inherited.minor - (int64_t)special->deadline) < 0);
    if (special->inherited)
        special->minor = task->inherited.minor;
    else if (special->class == SCHED_CLASS_DEADLINE && special->budget <= 0 &&
             task->state == TASK_RUNNING)
        special->budget = 1; /* it is throttled in a moment, as a running one */
}

/* The weight of a normal task; it need not leave its queue for that. */
static void weigh(struct run_queue *queue, struct task *task)
{
    bool queued = task->fair.queued || queue->fair.running == &task->fair;
    uint32_t weight = max(own_weight(task), task->inherited.weight);
    task->fair.nice = (int8_t)(task->policy == SCHED_POLICY_IDLE ? NICE_IDLE : task->nice);
    if (weight != task->fair.weight)
        normal_policy->set_weight(&queue->fair, &task->fair, weight, queued);
}

/* The running task may not be the best any more, and its turn may end at another time. */
static void look_again(struct run_queue *queue)
{
    __atomic_fetch_or(&queue->running->work, TASK_WORK_RESCHEDULE, __ATOMIC_RELAXED);
    if (queue->cpu != this_cpu()->index)
        cpu_send_request(cpu_at(queue->cpu), CPU_REQUEST_RESCHEDULE);
}

/* What the task asked for or inherits has changed. Queue locked. */
static void take_effect(struct run_queue *queue, struct task *task)
{
    struct special_entity *special = &task->special;
    bool running = queue->running == task && task->state == TASK_RUNNING;
    bool waits = task_is_queued(task) || special->throttled;
    if (special->class == SCHED_CLASS_NORMAL && own_major(task) == SPECIAL_MAJOR_NONE &&
        task->inherited.major == SPECIAL_MAJOR_NONE) {
        weigh(queue, task);
        return;
    }
    uint64_t now = clock_tsc();
    charge(queue, now);
    if (running || waits)
        class_dequeue(queue, task);
    place(task);
    weigh(queue, task);
    if (running || waits)
        class_enqueue(queue, task, running ? JOIN_PREEMPTED : JOIN_WOKEN, now);
    if (running)
        class_take(queue, task);
    if (running || waits)
        look_again(queue);
}

static void set_own(struct task *task, const struct sched_parameters *parameters)
{
    struct special_entity *special = &task->special;
    uint64_t slice = parameters->slice_ns ? parameters->slice_ns : FAIR_SLICE_NS;
    slice = slice < SLICE_NS_MIN ? SLICE_NS_MIN : slice > SLICE_NS_MAX ? SLICE_NS_MAX : slice;
    task->policy = parameters->policy;
    task->nice = parameters->nice;
    task->rt_priority = parameters->priority;
    task->reset_on_fork = parameters->reset_on_fork;
    task->slice_ns = parameters->slice_ns ? (uint32_t)slice : 0;
    task->fair.slice = clock_ns_to_tsc(slice);
    if (parameters->policy != SCHED_POLICY_DEADLINE)
        return;
    task->runtime_ns = parameters->runtime_ns;
    task->deadline_ns = parameters->deadline_ns;
    task->period_ns = parameters->period_ns;
    special->runtime = clock_ns_to_tsc(parameters->runtime_ns);
    special->relative_deadline = clock_ns_to_tsc(parameters->deadline_ns);
    special->period = clock_ns_to_tsc(parameters->period_ns);
    special->deadline = clock_tsc() + special->relative_deadline;
    special->budget = (int64_t)special->runtime;
}

int task_set_parameters(struct task *task, const struct sched_parameters *parameters)
{
    bool deadline = parameters->policy == SCHED_POLICY_DEADLINE;
    uint64_t all = cpu_count() == 64 ? UINT64_MAX : (1ull << cpu_count()) - 1;
    uint64_t wanted = deadline ? bandwidth(parameters->runtime_ns, parameters->period_ns) : 0;
    struct run_queue *queue = run_queue_lock(task);
    int error = deadline && (task->affinity & all) != all
                    ? -EPERM
                    : change_bandwidth(task->bandwidth, wanted);
    if (!error) {
        task->bandwidth = wanted;
        set_own(task, parameters);
        take_effect(queue, task);
    }
    spin_unlock(&queue->lock);
    return error;
}

void task_set_nice(struct task *task, int nice)
{
    struct run_queue *queue = run_queue_lock(task);
    task->nice = nice;
    weigh(queue, task);
    spin_unlock(&queue->lock);
}

int task_copy_parameters(struct task *child, const struct task *parent)
{
    struct sched_parameters parameters = {
        .policy = parent->policy,
        .nice = parent->nice,
        .priority = parent->rt_priority,
        .slice_ns = parent->slice_ns,
    };
    bool special = own_major(parent) != SPECIAL_MAJOR_NONE;
    if (parent->reset_on_fork) {
        if (special) {
            parameters = (struct sched_parameters){.policy = SCHED_POLICY_OTHER};
        } else {
            parameters.nice = max(parameters.nice, 0);
        }
    } else if (parent->policy == SCHED_POLICY_DEADLINE) {
        return -EAGAIN;
    }
    return task_set_parameters(child, &parameters);
}

/* ---- inheritance ---- */

void sched_claim_add(struct sched_claim *claim, const struct task *waiter)
{
    const struct special_entity *special = &waiter->special;
    int64_t minor = special->class == SCHED_CLASS_DEADLINE && !special->inherited
                        ? (int64_t)special->deadline
                        : special->minor;
    if (special->major < claim->major || (special->class == SCHED_CLASS_DEADLINE &&
                                          special->major == claim->major && minor < claim->minor)) {
        claim->major = special->major;
        claim->minor = minor;
    }
    claim->weight = max(claim->weight, waiter->fair.weight);
}

bool task_inherit(struct task *task, const struct sched_claim *claim)
{
    struct run_queue *queue = run_queue_lock(task);
    uint32_t major = task->special.major, weight = task->fair.weight;
    int64_t minor = task->inherited.minor;
    task->inherited = *claim;
    if (!MUTANT(CLAIM_WITHOUT_EFFECT))
        take_effect(queue, task);
    bool changed = task->special.major != major || task->fair.weight != weight ||
                   (major == SPECIAL_MAJOR_DEADLINE && task->inherited.minor != minor);
    spin_unlock(&queue->lock);
    return changed;
}
