/*
 * kernel/lib/random.h - unpredictable bytes. random_bytes() itself is declared in arch/cpu.h.
 *
 * Each CPU has a generator of its own, so nobody waits for a lock; interrupts are off in the
 * kernel, so nobody interrupts it either.
 */
#ifndef KERNEL_LIB_RANDOM_H
#define KERNEL_LIB_RANDOM_H

#include "kernel/lib/types.h"

/* Called once by the first CPU, before any random_bytes(): the host's entropy from the boot page.
 */
void random_init(const uint64_t seed[4]);

/* Stirs a word into this CPU's generator (RDRAND, interrupt times ...); a known word does no harm.
 */
void random_mix(uint64_t word);

/* A value below `limit` (not 0), each equally likely. */
uint64_t random_below(uint64_t limit);

#endif
