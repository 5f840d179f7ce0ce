// SOURCES: guest/kernel/observe/describe.c guest/kernel/lib/rbtree.c tests/unit/kernel_guest*.c
// tests/unit/host/kernel.c vmm/inspect/*.c vmm/base/error.c
/*
 * If a guest's memory is broken at random: an answer or an error, in time, and nothing that a
 * sanitizer minds? tests/fuzz/fuzz_inspect.c goes on looking, with better aim.
 */
#include <stdio.h>
#include <time.h>

#include "tests/inspect/read_all.h"
#include "tests/unit/inspect_fixture.h"

INSPECT_SUITE(inspect_broken);

static uint64_t random_state;

static uint64_t random_word(void)
{
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return random_state >> 20;
}

/* What a broken word is likely to be: a small number, an address of something else, anything. */
static uint64_t evil_word(void)
{
    uint64_t base = (uint64_t)kg.memory.base;

    switch (random_word() % 6) {
    case 0:
        return random_word() % 64;
    case 1:
        return base + random_word() % kg.next / 8 * 8;
    case 2:
        return base + random_word() % kg.next;
    case 3:
        return ~(random_word() % 64);
    case 4:
        return 1ull << (random_word() % 64);
    default:
        return random_word() << 40 ^ random_word();
    }
}

static void mutate(uint64_t first, unsigned words)
{
    for (unsigned i = 0; i < words; i++) {
        uint64_t at = first + random_word() % (kg.next - first), word = evil_word();
        size_t bytes = 1ull << (random_word() % 4);

        at = at / bytes * bytes;
        memcpy(kg.memory.base + at, &word, bytes);
    }
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Thousands of guests, each broken in its own way, read by everything there is. Half of them are
 * stopped, half run; VITRINE_TEST_LONG=1: a hundred times as many. */
Test(inspect_broken, broken_at_random)
{
    kernel_guest_populate(&kg);
    uint8_t *whole = malloc(kg.next);
    const char *is_long = getenv("VITRINE_TEST_LONG");
    unsigned rounds = is_long && strcmp(is_long, "1") == 0 ? 300000 : 3000;
    /* The glass and the tables of types are parsed once and have tests of their own: mostly they
     * stay whole, so that what lies behind them is reached. */
    uint64_t objects = kernel_guest_phys(&kg, kg.cpus);
    int64_t slowest = 0;
    unsigned answers = 0;

    memcpy(whole, kg.memory.base, kg.next);
    for (unsigned round = 0; round < rounds; round++) {
        random_state = round * 2654435761u + 1;
        mutate(round % 16 == 0 ? 4096 : objects, 1 + (unsigned)(random_word() % 60));
        kg.glass->stop.epoch = round % 2;
        guest_deinit(&kg.guest);
        kernel_guest_reopen(&kg);
        kg.guest.patience_limit_us = 100;
        int64_t start = now_ms();
        answers += read_all(&kg.guest);
        int64_t took = now_ms() - start;
        if (took > slowest)
            slowest = took;
        cr_assert_lt(took, 20000, "round %u took %ld ms", round, (long)took);
        memcpy(kg.memory.base, whole, kg.next);
    }
    fprintf(stderr, "%u broken guests: %u answers, the slowest guest took %ld ms\n", rounds,
            answers, (long)slowest);
    /* It must not be all errors either: then nothing would be tested but the first check. */
    cr_assert_gt(answers, rounds);
    free(whole);
}

/* Memory of nothing but random bytes behind sane tables. */
Test(inspect_broken, random_memory)
{
    kernel_guest_populate(&kg);
    uint64_t objects = kernel_guest_phys(&kg, kg.tasks);

    for (unsigned round = 0; round < 200; round++) {
        random_state = round + 99;
        for (uint64_t at = objects; at < kg.next; at += 8) {
            uint64_t word = random_word() % 4 ? evil_word() : 0;
            memcpy(kg.memory.base + at, &word, 8);
        }
        kg.glass->stop.epoch = round % 2;
        kg.guest.patience_limit_us = 100;
        read_all(&kg.guest);
    }
}
