/*
 * tests/guest/hot_functions.c - two functions that take three quarters and one quarter of the time,
 * and a child that sleeps in a pipe.
 * `hot_functions SECONDS`
 */
#include "tests/guest/guest.h"

#include <sys/wait.h>
#include <time.h>

#define UNIT 20000

static volatile uint64_t sink;

__attribute__((noinline)) static void burn(unsigned long rounds)
{
    for (unsigned long i = 0; i < rounds; i++)
        sink += i;
}

/* Something follows each call, so that it stays one. */
__attribute__((noinline)) static void hot_often(void)
{
    burn(3ul * UNIT);
    sink++;
}

__attribute__((noinline)) static void hot_seldom(void)
{
    burn(UNIT);
    sink++;
}

__attribute__((noinline)) static void sleep_in_pipe(int fd)
{
    char byte;

    while (read(fd, &byte, 1) == 1)
        sink++;
    sink++;
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argument_count, char **arguments)
{
    double end = now() + (argument_count > 1 ? atof(arguments[1]) : 1);
    int ends[2];

    if (pipe(ends) != 0)
        fail("pipe");
    pid_t child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0) {
        close(ends[1]);
        sleep_in_pipe(ends[0]);
        _exit(0);
    }
    close(ends[0]);
    say("child %d", child);
    /* Rarely: where the kernel's instructions are interpreted, a look at the clock takes longer. */
    while (now() < end)
        for (unsigned i = 0; i < 100; i++) {
            hot_often();
            hot_seldom();
        }
    close(ends[1]);
    return waitpid(child, NULL, 0) == child ? 0 : 1;
}
