// SOURCES: guest/kernel/sched/special.c guest/kernel/lib/rbtree.c
/*
 * Do the classes above the normal one keep their rules? First each rule alone, then a simulator with exact
 * time: random sets of periodic tasks that were admitted meet every deadline, and one that wants more than
 * it was admitted with harms none of them.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "kernel/sched/special.h"

#define SECOND    1000000000ull
#define MS        1000000ull
#define TASKS_MAX 8

static struct special_entity realtime(int priority, bool round_robin)
{
    return (struct special_entity){.major = SPECIAL_MAJOR_REALTIME(priority),
                                   .class = SCHED_CLASS_REALTIME,
                                   .round_robin = round_robin};
}

static struct special_entity deadline(uint64_t runtime, uint64_t relative, uint64_t period)
{
    return (struct special_entity){.major = SPECIAL_MAJOR_DEADLINE,
                                   .class = SCHED_CLASS_DEADLINE,
                                   .runtime = runtime,
                                   .relative_deadline = relative,
                                   .period = period};
}

static struct special_entity *pick(struct special_queue *queue)
{
    struct special_entity *first = special_first(queue, false);
    if (first)
        special_take(queue, first);
    return first;
}

/* Is the order stop, deadline, priority, arrival? */
Test(sched_classes, order)
{
    struct special_queue queue;
    struct special_entity stop = {.major = SPECIAL_MAJOR_STOP, .class = SCHED_CLASS_STOP};
    struct special_entity late = deadline(MS, 20 * MS, 20 * MS),
                          soon = deadline(MS, 9 * MS, 9 * MS);
    struct special_entity best = realtime(99, false), first = realtime(50, false);
    struct special_entity second = realtime(50, true), worst = realtime(1, false);
    struct special_entity *const in[] = {&worst, &first, &late, &second, &best, &stop, &soon};
    struct special_entity *const out[] = {&stop, &soon, &late, &best, &first, &second, &worst};

    special_init(&queue, SECOND);
    for (unsigned i = 0; i < 7; i++)
        cr_assert(special_enqueue(&queue, in[i], JOIN_WOKEN, 100));
    cr_assert(queue.waiting == 7);
    for (unsigned i = 0; i < 7; i++) {
        cr_assert(pick(&queue) == out[i], "number %u is another one", i);
        special_dequeue(&queue, out[i]);
    }
    cr_assert(queue.waiting == 0 && !special_first(&queue, false));
}

/* Does a preempted one go on before its equals, and one that yields go behind them? */
Test(sched_classes, places)
{
    struct special_queue queue;
    struct special_entity one = realtime(5, false), other = realtime(5, false);

    special_init(&queue, SECOND);
    special_enqueue(&queue, &one, JOIN_WOKEN, 0);
    special_enqueue(&queue, &other, JOIN_WOKEN, 0);
    cr_assert(pick(&queue) == &one);
    special_put(&queue, JOIN_PREEMPTED, 1);
    cr_assert(pick(&queue) == &one);
    special_yield(&queue);
    special_put(&queue, JOIN_OVER, 2);
    cr_assert(pick(&queue) == &other);
    cr_assert(!special_before(&one, &other) && !special_before(&other, &one));
}

/* Is a slice of RR over when it is used up, and only for RR? */
Test(sched_classes, slices)
{
    struct special_queue queue;
    struct special_entity turns = realtime(5, true), never = realtime(5, false);

    special_init(&queue, SECOND);
    special_enqueue(&queue, &turns, JOIN_WOKEN, 0);
    special_enqueue(&queue, &never, JOIN_WOKEN, 0);
    cr_assert(pick(&queue) == &turns);
    cr_assert(special_turn_end(&queue, false, 0) == ROUND_ROBIN_MS * MS);
    cr_assert(!special_account(&queue, 60 * MS, 60 * MS));
    cr_assert(special_account(&queue, 40 * MS, 100 * MS));
    special_put(&queue, JOIN_OVER, 100 * MS);
    cr_assert(pick(&queue) == &never);
    cr_assert(!special_account(&queue, 500 * MS, 600 * MS));
    cr_assert(special_turn_end(&queue, false, 600 * MS) == UINT64_MAX);
}

/* May real-time tasks use 95 % of a second while a normal one waits, and all of it if none does? */
Test(sched_classes, throttling_of_real_time)
{
    struct special_queue queue;
    struct special_entity task = realtime(5, false);

    special_init(&queue, SECOND);
    special_account(&queue, 0, 5 * SECOND); /* a second begins */
    special_enqueue(&queue, &task, JOIN_WOKEN, 5 * SECOND);
    pick(&queue);
    cr_assert(special_turn_end(&queue, true, 5 * SECOND) == 5 * SECOND + 950 * MS);
    special_account(&queue, 950 * MS, 5 * SECOND + 950 * MS);
    special_put(&queue, JOIN_PREEMPTED, 5 * SECOND + 950 * MS);
    cr_assert(!special_first(&queue, true) && special_first(&queue, false) == &task);
    cr_assert(special_window_end(&queue) == 6 * SECOND);
    special_account(&queue, 0, 6 * SECOND);
    cr_assert(special_first(&queue, true) == &task);
}

/* Is who has used up its time throttled until the next period, and then has it again? */
Test(sched_classes, budgets)
{
    struct special_queue queue;
    struct special_entity task = deadline(2 * MS, 5 * MS, 10 * MS);

    special_init(&queue, SECOND);
    cr_assert(special_enqueue(&queue, &task, JOIN_WOKEN, SECOND));
    cr_assert(task.deadline == SECOND + 5 * MS && task.budget == (int64_t)(2 * MS));
    pick(&queue);
    cr_assert(special_turn_end(&queue, false, SECOND) == SECOND + 2 * MS);
    cr_assert(special_account(&queue, 2 * MS, SECOND + 2 * MS));
    cr_assert(!special_put(&queue, JOIN_OVER, SECOND + 2 * MS));
    cr_assert(task.throttled && queue.throttled == 1 && !queue.waiting);
    cr_assert(special_next_replenish(&queue) == SECOND + 10 * MS);
    cr_assert(!special_replenish(&queue, SECOND + 9 * MS));
    cr_assert(special_replenish(&queue, SECOND + 10 * MS) == &task);
    cr_assert(task.deadline == SECOND + 15 * MS && task.budget == (int64_t)(2 * MS));
    cr_assert(special_next_replenish(&queue) == UINT64_MAX);
}

/* Does who wakes keep its deadline only if the rest of its time fits its bandwidth? */
Test(sched_classes, waking)
{
    struct special_queue queue;
    struct special_entity task = deadline(5 * MS, 10 * MS, 10 * MS);

    special_init(&queue, SECOND);
    special_enqueue(&queue, &task, JOIN_WOKEN, SECOND);
    pick(&queue);
    special_account(&queue, 3 * MS, SECOND + 3 * MS);
    special_dequeue(&queue, &task);
    special_enqueue(&queue, &task, JOIN_WOKEN, SECOND + 5 * MS); /* 2 of 5: fits a half */
    cr_assert(task.deadline == SECOND + 10 * MS && task.budget == (int64_t)(2 * MS));
    special_dequeue(&queue, &task);
    special_enqueue(&queue, &task, JOIN_WOKEN, SECOND + 8 * MS); /* 2 of 2 do not */
    cr_assert(task.deadline == SECOND + 18 * MS && task.budget == (int64_t)(5 * MS));
}

/* ---- the simulator ---- */

struct job {
    struct special_entity entity;
    uint64_t release; /* of the next job */
    uint64_t left;    /* of this one; 0: it sleeps */
    uint64_t due;     /* its deadline */
    bool overruns;    /* never sleeps */
    unsigned finished, missed;
};

static uint64_t random_between(unsigned *seed, uint64_t low, uint64_t high)
{
    return low + (uint64_t)rand_r(seed) % (high - low + 1);
}

/* Periods 1..50 ms; all together at most 95 %, of which the last one, if it overruns, has a part. */
static unsigned make_set(unsigned *seed, struct job *jobs, bool overrun)
{
    unsigned count = (unsigned)random_between(seed, 2, TASKS_MAX);
    uint64_t share_left = 950000; /* millionths */
    for (unsigned i = 0; i < count; i++) {
        uint64_t period = random_between(seed, 1, 50) * MS;
        uint64_t share =
            i + 1 == count ? share_left : random_between(seed, 1, 2 * share_left / (count - i));
        share = share > share_left ? share_left : share;
        uint64_t runtime = period * share / 1000000;
        if (runtime < 1024)
            return i;
        share_left -= share;
        jobs[i] = (struct job){.entity = deadline(runtime, period, period),
                               .release = random_between(seed, 0, 20 * MS) + 1,
                               .overruns = overrun && i == 0};
    }
    return count;
}

static void release(struct special_queue *queue, struct job *job, uint64_t now)
{
    job->left = job->overruns ? UINT64_MAX / 2 : job->entity.runtime;
    job->due = job->release + job->entity.relative_deadline;
    job->release += job->entity.period;
    special_enqueue(queue, &job->entity, JOIN_WOKEN, now);
}

static void run_for(struct special_queue *queue, struct job *jobs, unsigned count, uint64_t end)
{
    uint64_t now = 0;
    while (now < end) {
        struct special_entity *back;
        for (unsigned i = 0; i < count; i++)
            if (!jobs[i].left && jobs[i].release <= now)
                release(queue, &jobs[i], now);
        while ((back = special_replenish(queue, now)))
            special_enqueue(queue, back, JOIN_OVER, now);
        struct special_entity *running = pick(queue);
        uint64_t next = special_next_replenish(queue);
        for (unsigned i = 0; i < count; i++)
            if (!jobs[i].left && jobs[i].release < next)
                next = jobs[i].release;
        if (!running) {
            now = next;
            continue;
        }
        struct job *job = container_of(running, struct job, entity);
        uint64_t turn = special_turn_end(queue, false, now);
        next = next < turn ? next : turn;
        next = next < now + job->left ? next : now + job->left;
        bool over = special_account(queue, next - now, next);
        job->left -= next - now;
        now = next;
        if (!job->left) {
            special_dequeue(queue, running);
            job->finished++;
            job->missed += now > job->due;
        } else {
            special_put(queue, over ? JOIN_OVER : JOIN_PREEMPTED, now);
        }
    }
}

/* Does every task of 20,000 random sets that were admitted meet its deadlines, beside one that wants all? */
Test(sched_classes, admitted_deadlines_are_met)
{
    unsigned seed = 1, finished = 0;

    for (unsigned set = 0; set < 20000; set++) {
        struct job jobs[TASKS_MAX];
        struct special_queue queue;
        unsigned count = make_set(&seed, jobs, set % 2);
        special_init(&queue, SECOND);
        run_for(&queue, jobs, count, 200 * MS);
        for (unsigned i = 0; i < count; i++) {
            finished += jobs[i].finished;
            cr_assert(!jobs[i].missed, "set %u: task %u of %u missed %u of %u deadlines", set, i,
                      count, jobs[i].missed, jobs[i].finished);
        }
    }
    cr_assert(finished > 500000, "only %u jobs", finished);
}
