/*
 * tests/guest/spinners.c - two processes on one CPU that never make a system call: both must
 * progress, and one killed with SIGKILL must end. `spinners MILLISECONDS`
 */
#define _GNU_SOURCE
#include "tests/guest/guest.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

int main(int argument_count, char **arguments)
{
    unsigned milliseconds = argument_count > 1 ? (unsigned)atoi(arguments[1]) : 300;
    volatile uint64_t *counts;
    pid_t spinners[2];
    cpu_set_t set;
    int status;

    CPU_ZERO(&set);
    CPU_SET(0, &set);
    counts = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (counts == MAP_FAILED || sched_setaffinity(0, sizeof set, &set) != 0)
        fail("setup");
    for (int i = 0; i < 2; i++) {
        spinners[i] = fork();
        if (spinners[i] < 0)
            fail("fork");
        if (spinners[i] == 0)
            for (;;)
                counts[i * 8]++;
    }
    usleep(milliseconds * 1000);
    say("counts %lu %lu", (unsigned long)counts[0], (unsigned long)counts[8]);
    for (int i = 0; i < 2; i++) {
        if (kill(spinners[i], SIGKILL) != 0 || waitpid(spinners[i], &status, 0) != spinners[i])
            fail("kill");
        say("ended %d %d", spinners[i], status);
    }
    return 0;
}
