// SOURCES: guest/kernel/sched/fair.c guest/kernel/lib/rbtree.c
/*
 * Does the fair class keep the promises of EEVDF? A simulator with exact time runs random task sets
 * and checks after every decision: the sum of weighted lags is zero, each lag stays within one
 * slice plus one tick, shares follow the weights, nobody starves.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "kernel/sched/fair.h"

#define TICK_NS   100000ull
#define TASKS_MAX 32

static struct fair_entity entity_make(int nice)
{
    return (struct fair_entity){.weight = fair_weight(nice), .slice = FAIR_SLICE_NS};
}

static int64_t weighted_lag_sum(struct fair_queue *queue, struct fair_entity *entities,
                                const bool *in, unsigned count)
{
    int64_t sum = 0;
    for (unsigned i = 0; i < count; i++)
        if (in[i])
            sum += fair_lag(queue, &entities[i]) * entities[i].weight;
    return sum;
}

static void check_bounds(struct fair_queue *queue, struct fair_entity *entities, const bool *in,
                         unsigned count, uint64_t total_weight)
{
    int64_t sum = weighted_lag_sum(queue, entities, in, count);
    /* V is kept in whole nanoseconds: each entity's lag may be off by less than one of them. */
    cr_assert(llabs(sum) <= (int64_t)total_weight, "weighted lags sum to %ld", sum);
    for (unsigned i = 0; i < count; i++) {
        if (!in[i])
            continue;
        int64_t real_ns =
            fair_lag(queue, &entities[i]) * (int64_t)entities[i].weight / FAIR_WEIGHT_NICE_0;
        int64_t bound = (int64_t)(FAIR_SLICE_NS + TICK_NS);
        cr_assert(llabs(real_ns) <= bound + 1, "entity %u: lag %ld ns, bound %ld", i, real_ns,
                  bound);
    }
}

/* Do tasks that always want to run get shares in proportion to their weights, within the lag bound?
 */
Test(fair, shares_follow_weights)
{
    for (unsigned seed = 1; seed <= 40; seed++) {
        srand(seed);
        struct fair_queue queue;
        struct fair_entity entities[TASKS_MAX];
        uint64_t ran[TASKS_MAX] = {0}, total_weight = 0, total_ns = 0;
        bool in[TASKS_MAX];
        unsigned count = 2 + (unsigned)rand() % (TASKS_MAX - 2);
        fair_init(&queue);
        for (unsigned i = 0; i < count; i++) {
            entities[i] = entity_make(rand() % 21 - 10);
            total_weight += entities[i].weight;
            in[i] = true;
            fair_enqueue(&queue, &entities[i], false);
        }
        struct fair_entity *running = fair_pick(&queue);
        for (unsigned step = 0; step < 60000; step++) {
            ran[running - entities] += TICK_NS;
            total_ns += TICK_NS;
            if (fair_account(&queue, TICK_NS)) {
                fair_put(&queue);
                running = fair_pick(&queue);
            }
            if (step % 16 == 0)
                check_bounds(&queue, entities, in, count, total_weight);
        }
        for (unsigned i = 0; i < count; i++) {
            double fair_ns = (double)total_ns * entities[i].weight / (double)total_weight;
            double off = (double)ran[i] - fair_ns;
            cr_assert(off < 2.0 * (FAIR_SLICE_NS + TICK_NS) &&
                          off > -2.0 * (FAIR_SLICE_NS + TICK_NS),
                      "seed %u entity %u: %.0f ns off", seed, i, off);
        }
    }
}

/* With tasks that come and go at random: does every waiting task run again within a bounded time?
 */
Test(fair, sleepers_and_wakers_never_starve)
{
    for (unsigned seed = 1; seed <= 40; seed++) {
        srand(seed);
        struct fair_queue queue;
        struct fair_entity entities[TASKS_MAX];
        bool in[TASKS_MAX] = {false};
        uint64_t waiting_since[TASKS_MAX] = {0}, now = 0;
        fair_init(&queue);
        for (unsigned i = 0; i < TASKS_MAX; i++)
            entities[i] = entity_make(0);
        struct fair_entity *running = NULL;
        for (unsigned step = 0; step < 60000; step++) {
            unsigned who = (unsigned)rand() % TASKS_MAX;
            if (!in[who]) {
                fair_enqueue(&queue, &entities[who], false);
                in[who] = true;
                waiting_since[who] = now;
            } else if (rand() % 3 == 0) {
                fair_dequeue(&queue, &entities[who]);
                in[who] = false;
                if (running == &entities[who])
                    running = NULL;
            }
            if (!running && (running = fair_pick(&queue)))
                waiting_since[running - entities] = now;
            if (!running)
                continue;
            now += TICK_NS;
            if (fair_account(&queue, TICK_NS)) {
                waiting_since[running - entities] = now;
                fair_put(&queue);
                running = fair_pick(&queue);
                waiting_since[running - entities] = now;
            }
            for (unsigned i = 0; i < TASKS_MAX; i++)
                if (in[i] && &entities[i] != running)
                    cr_assert(now - waiting_since[i] <= 3 * TASKS_MAX * (FAIR_SLICE_NS + TICK_NS),
                              "seed %u: entity %u waits %lu ns", seed, i, now - waiting_since[i]);
        }
    }
}

/* Does a yielding task let the other one run? */
Test(fair, yield_gives_way)
{
    struct fair_queue queue;
    struct fair_entity a = entity_make(0), b = entity_make(0);
    fair_init(&queue);
    fair_enqueue(&queue, &a, false);
    fair_enqueue(&queue, &b, false);
    struct fair_entity *running = fair_pick(&queue);
    for (unsigned i = 0; i < 1000; i++) {
        fair_account(&queue, 500);
        fair_yield(&queue);
        fair_put(&queue);
        struct fair_entity *next = fair_pick(&queue);
        cr_assert(next != running, "yield %u changed nothing", i);
        running = next;
    }
}
