/* kernel/observe/mutant.c - which bug is planted, and when it comes alive. */
#include "kernel/observe/mutant.h"

#ifdef KERNEL_DEBUG
#include "kernel/lib/panic.h"
#include "kernel/lib/string.h"
#include "kernel/observe/option.h"

#define ARMING_COMM "mutant"

uint32_t mutant_planted, mutant_active;

static const char *const names[] = {
    [MUTANT_NONE] = "NONE",
#define M(name, by, load, what) [MUTANT_##name] = #name,
#include "shared/mutants.def"
#undef M
};

void mutant_init(void)
{
    char value[40];
    if (!option_value("mutant", value, sizeof(value)))
        return;
    for (uint32_t i = 0; i < MUTANTS_END; i++) {
        if (strcmp(names[i], value))
            continue;
        mutant_planted = i;
        return;
    }
    panic("boot option mutant=%s: there is no such mutant (shared/mutants.def)", value);
}

void mutant_arm(const char *comm)
{
    if (mutant_planted && !strcmp(comm, ARMING_COMM))
        WRITE_ONCE(mutant_active, mutant_planted);
}

bool mutant_turn(uint32_t every)
{
    static uint32_t turns;
    return __atomic_add_fetch(&turns, 1, __ATOMIC_RELAXED) % every == 0;
}
#endif
