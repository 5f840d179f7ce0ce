// SOURCES: guest/kernel/sched/policy.c guest/kernel/sched/policy_list.c guest/kernel/sched/round_robin.c
// guest/kernel/sched/aging.c guest/kernel/sched/fair.c guest/kernel/lib/rbtree.c
/*
 * Does every policy for normal tasks keep its part of the bargain (kernel/sched/policy.h)? The same tests
 * for each; a new policy is one more line in the table.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>

#include "kernel/sched/policy.h"

#define TASKS_MAX 24
#define SLICE     1000000ull

struct tested {
    char name[8];
    unsigned turns_fixed, turns_per_task; /* nobody waits for more turns of others */
};

/* fair: a weight of 15 beside one of 88761 is owed a turn in about 6,000; nice is kept within -5..5 here,
 * a ratio of at most 10 in each step of two. */
static struct tested tested[] = {{"fair", 40, 20}, {"rr", 0, 1}, {"aging", 41, 1}};

ParameterizedTestParameters(sched_policies, random_operations)
{
    return cr_make_param_array(struct tested, tested, sizeof tested / sizeof *tested);
}
ParameterizedTestParameters(sched_policies, nobody_starves)
{
    return cr_make_param_array(struct tested, tested, sizeof tested / sizeof *tested);
}

struct world {
    const struct sched_policy *policy;
    struct fair_queue queue;
    struct fair_entity entities[TASKS_MAX];
    bool waits[TASKS_MAX];
    struct fair_entity *running;
};

static void start(struct world *world, const char *name)
{
    *world = (struct world){.policy = policy_find(name)};
    cr_assert(world->policy != NULL);
    fair_init(&world->queue);
    for (unsigned i = 0; i < TASKS_MAX; i++) {
        int nice = (int)(i % 11) - 5;
        world->entities[i] =
            (struct fair_entity){.nice = (int8_t)nice, .weight = fair_weight(nice), .slice = SLICE};
    }
}

/* Counts and sums are those of the tasks; last() and before() visit each that waits once. */
static void check(const struct world *world)
{
    const struct fair_queue *queue = &world->queue;
    unsigned waiting = 0, visited = 0;
    uint64_t weight = world->running ? world->running->weight : 0;

    for (unsigned i = 0; i < TASKS_MAX; i++) {
        waiting += world->waits[i];
        weight += world->waits[i] ? world->entities[i].weight : 0;
        cr_assert(world->entities[i].queued == world->waits[i], "task %u", i);
    }
    cr_assert(queue->waiting == waiting && queue->running == world->running);
    cr_assert(queue->total_weight == weight);
    for (struct fair_entity *entity = world->policy->last(queue); entity;
         entity = world->policy->before(queue, entity)) {
        cr_assert(world->waits[entity - world->entities]);
        visited++;
    }
    cr_assert(visited == waiting, "%u of %u were visited", visited, waiting);
    cr_assert((world->policy->choose(queue) != NULL) == (waiting > 0));
}

static void take(struct world *world)
{
    struct fair_entity *entity = world->policy->choose(&world->queue);
    if (!entity)
        return;
    world->policy->take(&world->queue, entity);
    world->waits[entity - world->entities] = false;
    world->running = entity;
}

static void step(struct world *world, unsigned *seed)
{
    unsigned which = (unsigned)rand_r(seed) % TASKS_MAX;
    struct fair_entity *entity = &world->entities[which];
    const struct sched_policy *policy = world->policy;
    bool here = world->waits[which] || entity == world->running;

    switch (rand_r(seed) % 6) {
    case 0:
        if (here)
            break;
        policy->enqueue(&world->queue, entity, rand_r(seed) % 2 ? JOIN_NEW : JOIN_WOKEN);
        world->waits[which] = true;
        if (world->running)
            (void)policy->preempts(&world->queue, entity);
        break;
    case 1:
        if (!here)
            break;
        policy->dequeue(&world->queue, entity);
        world->waits[which] = false;
        if (entity == world->running)
            world->running = NULL;
        break;
    case 2:
        if (!world->running)
            take(world);
        break;
    case 3:
        if (!world->running)
            break;
        world->waits[world->running - world->entities] = true;
        policy->put(&world->queue, rand_r(seed) % 2 ? JOIN_OVER : JOIN_PREEMPTED);
        world->running = NULL;
        break;
    case 4:
        if (!world->running)
            break;
        cr_assert(policy->turn_left(&world->queue) <= SLICE);
        policy->account(&world->queue, (uint64_t)rand_r(seed) % SLICE);
        if (rand_r(seed) % 4 == 0)
            policy->yield(&world->queue);
        break;
    default:
        policy->set_weight(&world->queue, entity, fair_weight(rand_r(seed) % 11 - 5), here);
        break;
    }
}

/* Do counts, sums and visits hold after each of a hundred thousand random operations? */
ParameterizedTest(struct tested *one, sched_policies, random_operations)
{
    struct world world;
    unsigned seed = 7;

    start(&world, one->name);
    for (unsigned i = 0; i < 100000; i++) {
        step(&world, &seed);
        check(&world);
    }
}

/* Does everybody who waits run within the policy's bound, and does a turn end? */
ParameterizedTest(struct tested *one, sched_policies, nobody_starves)
{
    struct world world;
    unsigned passed[TASKS_MAX] = {0};

    for (unsigned count = 2; count <= TASKS_MAX; count++) {
        unsigned bound = one->turns_fixed + one->turns_per_task * count;
        start(&world, one->name);
        for (unsigned i = 0; i < count; i++) {
            world.policy->enqueue(&world.queue, &world.entities[i], JOIN_WOKEN);
            world.waits[i] = true;
            passed[i] = 0;
        }
        for (unsigned turn = 0; turn < 40 * bound; turn++) {
            take(&world);
            for (unsigned i = 0; i < count; i++) {
                passed[i] = world.waits[i] ? passed[i] + 1 : 0;
                cr_assert(passed[i] <= bound, "%s: task %u of %u waited for %u turns", one->name, i,
                          count, passed[i]);
            }
            unsigned parts = 0;
            while (!world.policy->account(&world.queue, SLICE / 10))
                cr_assert(++parts < 200, "a turn does not end");
            world.waits[world.running - world.entities] = true;
            world.policy->put(&world.queue, JOIN_OVER);
            world.running = NULL;
        }
    }
}

/* Are names found, and only those that there are? */
Test(sched_policies, names)
{
    cr_assert(policy_find("fair") == &fair_policy && policy_find("rr") == &round_robin_policy);
    cr_assert(policy_find("aging") == &aging_policy && policy_find("") == NULL);
    cr_assert(policy_find("nobody") == NULL);
}
