/*
 * kernel/lib/random.c - random bytes from ChaCha20 (RFC 8439, 2.3) with fast key erasure: of every
 * two blocks the first 32 bytes become the next key and the rest is given out once and wiped, so
 * that a look into the kernel's memory tells nothing about bytes that were given out before.
 *
 * A CPU's generator is keyed at its first use from the boot seed, the CPU's index and the
 * time-stamp counter.
 */
#include "kernel/lib/random.h"

#include "arch/cpu.h"
#include "kernel/lib/string.h"

#define KEY_WORDS   8
#define BLOCK_WORDS 16
#define POOL_WORDS  (2 * BLOCK_WORDS)

struct generator {
    uint32_t key[KEY_WORDS];
    uint64_t mixed; /* stirred in at the next refill, as the nonce */
    uint32_t pool[POOL_WORDS];
    uint32_t available; /* bytes at the end of the pool that were not given out */
    bool ready;
} __attribute__((aligned(64)));

static uint32_t root_key[KEY_WORDS];
static struct generator generators[CPUS_MAX];

static inline uint32_t rotate(uint32_t value, unsigned by)
{
    return value << by | value >> (32 - by);
}

#define QUARTER_ROUND(a, b, c, d)                                                                  \
    do {                                                                                           \
        a += b;                                                                                    \
        d = rotate(d ^ a, 16);                                                                     \
        c += d;                                                                                    \
        b = rotate(b ^ c, 12);                                                                     \
        a += b;                                                                                    \
        d = rotate(d ^ a, 8);                                                                      \
        c += d;                                                                                    \
        b = rotate(b ^ c, 7);                                                                      \
    } while (0)

static void chacha20_block(const uint32_t key[KEY_WORDS], uint32_t counter, const uint32_t nonce[3],
                           uint32_t output[BLOCK_WORDS])
{
    uint32_t input[BLOCK_WORDS] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    uint32_t state[BLOCK_WORDS];

    memcpy(input + 4, key, KEY_WORDS * sizeof(uint32_t));
    input[12] = counter;
    memcpy(input + 13, nonce, 3 * sizeof(uint32_t));
    memcpy(state, input, sizeof(state));
    for (int round = 0; round < 20; round += 2) {
        QUARTER_ROUND(state[0], state[4], state[8], state[12]);
        QUARTER_ROUND(state[1], state[5], state[9], state[13]);
        QUARTER_ROUND(state[2], state[6], state[10], state[14]);
        QUARTER_ROUND(state[3], state[7], state[11], state[15]);
        QUARTER_ROUND(state[0], state[5], state[10], state[15]);
        QUARTER_ROUND(state[1], state[6], state[11], state[12]);
        QUARTER_ROUND(state[2], state[7], state[8], state[13]);
        QUARTER_ROUND(state[3], state[4], state[9], state[14]);
    }
    for (int i = 0; i < BLOCK_WORDS; i++)
        output[i] = state[i] + input[i];
}

static uint64_t time_stamp(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return low | (uint64_t)high << 32;
}

/* Bytes that were used or given out do not stay in memory. */
static void wipe(void *memory, size_t bytes)
{
    memset(memory, 0, bytes);
}

static void refill(struct generator *generator)
{
    uint32_t nonce[3] = {(uint32_t)generator->mixed, (uint32_t)(generator->mixed >> 32), 0};

    chacha20_block(generator->key, 0, nonce, generator->pool);
    chacha20_block(generator->key, 1, nonce, generator->pool + BLOCK_WORDS);
    memcpy(generator->key, generator->pool, sizeof(generator->key));
    wipe(generator->pool, sizeof(generator->key));
    generator->available = sizeof(generator->pool) - sizeof(generator->key);
}

static struct generator *own_generator(void)
{
    unsigned cpu = this_cpu()->index;
    struct generator *generator = &generators[cpu];

    if (unlikely(!generator->ready)) {
        uint64_t now = time_stamp();
        uint32_t nonce[3] = {cpu, (uint32_t)now, (uint32_t)(now >> 32)};
        uint32_t block[BLOCK_WORDS];

        chacha20_block(root_key, 0, nonce, block);
        memcpy(generator->key, block, sizeof(generator->key));
        wipe(block, sizeof(block));
        generator->ready = true;
    }
    return generator;
}

void random_init(const uint64_t seed[4])
{
    memcpy(root_key, seed, sizeof(root_key));
}

void random_mix(uint64_t word)
{
    struct generator *generator = own_generator();

    generator->mixed = rotate((uint32_t)generator->mixed, 13) ^ generator->mixed << 17 ^ word;
    if (generator->available) {
        /* What is left was made without the word: the next bytes shall depend on it. */
        wipe(generator->pool, sizeof(generator->pool));
        generator->available = 0;
    }
}

void random_bytes(void *buffer, size_t bytes)
{
    struct generator *generator = own_generator();
    char *to = buffer;

    while (bytes) {
        if (!generator->available)
            refill(generator);
        size_t part = min(bytes, (size_t)generator->available);
        char *from = (char *)generator->pool + sizeof(generator->pool) - generator->available;

        memcpy(to, from, part);
        wipe(from, part);
        generator->available -= (uint32_t)part;
        to += part;
        bytes -= part;
    }
}

uint64_t random_below(uint64_t limit)
{
    /* Values at or above the largest multiple of `limit` would favour the small results. */
    uint64_t uneven = -limit % limit; /* 2^64 mod limit */
    uint64_t value;

    do {
        random_bytes(&value, sizeof(value));
    } while (value < uneven);
    return value % limit;
}
