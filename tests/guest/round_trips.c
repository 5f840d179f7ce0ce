/*
 * tests/guest/round_trips.c - what a pipe round trip costs, in ticks of the TSC; under -icount
 * these are instructions. `round_trips`: the cheapest of many batches, so that the odd interrupt is
 * left out.
 */
#include "tests/guest/guest.h"

#include <sys/wait.h>

#define BATCHES 60
#define BATCH   20

static uint64_t now(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
    return low | (uint64_t)high << 32;
}

int main(void)
{
    int there[2], back[2];
    uint64_t least = UINT64_MAX;
    char byte = 'x';

    if (pipe(there) != 0 || pipe(back) != 0)
        fail("pipe");
    pid_t partner = fork();
    if (partner < 0)
        fail("fork");
    if (partner == 0) {
        close(there[1]);
        while (read(there[0], &byte, 1) == 1)
            if (write(back[1], &byte, 1) != 1)
                _exit(1);
        _exit(0);
    }
    for (unsigned i = 0; i < BATCHES; i++) {
        uint64_t start = now();

        for (unsigned j = 0; j < BATCH; j++)
            if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
                fail("round trip");
        uint64_t ticks = now() - start;
        least = ticks < least ? ticks : least;
    }
    say("ticks %lu of %u round trips", (unsigned long)least, BATCH);
    close(there[1]);
    return waitpid(partner, NULL, 0) == partner ? 0 : 1;
}
