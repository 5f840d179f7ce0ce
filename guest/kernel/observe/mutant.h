/*
 * kernel/observe/mutant.h - planted bugs (shared/mutants.def). In a release kernel MUTANT() is the
 * constant 0 and nothing of it is left; in a debug kernel it is one comparison.
 */
#ifndef KERNEL_OBSERVE_MUTANT_H
#define KERNEL_OBSERVE_MUTANT_H

#ifdef KERNEL_DEBUG
#include "kernel/lib/types.h"

enum mutant {
    MUTANT_NONE = 0,
#define M(name, by, load, what) MUTANT_##name,
#include "shared/mutants.def"
#undef M
    MUTANTS_END
};

/* Which one is planted, from the boot on. */
extern uint32_t mutant_planted;
/* The same from the moment on when a task was told to rename itself "mutant" (task_set_comm()): the
 * load is under way. */
extern uint32_t mutant_active;
/* Counts calls and is true at each `every`th one. */
bool mutant_turn(uint32_t every);

void mutant_init(void);
void mutant_arm(const char *comm);

#define MUTANT_AT_BOOT(name)     (unlikely(READ_ONCE(mutant_planted) == MUTANT_##name))
#define MUTANT(name)             (unlikely(READ_ONCE(mutant_active) == MUTANT_##name))
#define MUTANT_EVERY(name, turn) (MUTANT(name) && mutant_turn(turn))
#else
#define MUTANT_AT_BOOT(name)     0
#define MUTANT(name)             0
#define MUTANT_EVERY(name, turn) 0
#define mutant_init()            ((void)0)
#define mutant_arm(comm)         ((void)0)
#endif

#endif
