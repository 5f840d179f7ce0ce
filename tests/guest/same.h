/*
 * tests/guest/same.h - for programs whose output must be the same here and on Linux (test_linux.c
 * runs them on both and compares): names instead of numbers that differ from run to run.
 */
#ifndef TESTS_GUEST_SAME_H
#define TESTS_GUEST_SAME_H

#include "tests/guest/guest.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

/* One line: what was done, and the result or the error's name. */
static inline void show(const char *what, long result)
{
    if (result == -1)
        say("%s: %s", what, strerrorname_np(errno));
    else
        say("%s: %ld", what, result);
}

/* The same for a result that is only good or bad (a descriptor, a pid). */
static inline long show_good(const char *what, long result)
{
    if (result < 0)
        show(what, result);
    else
        say("%s: good", what);
    return result;
}

/* A wait status in words. */
static inline void show_status(const char *what, int status)
{
    if (WIFEXITED(status))
        say("%s: exit %d", what, WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        say("%s: killed by %d", what, WTERMSIG(status));
    else if (WIFSTOPPED(status))
        say("%s: stopped by %d", what, WSTOPSIG(status));
    else
        say("%s: status %#x", what, status);
}

/* Waits for that child and says how it ended. */
static inline void show_end(const char *what, pid_t child)
{
    int status = 0;
    pid_t got;

    do
        got = (pid_t)syscall(SYS_wait4, child, &status, __WALL, NULL);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        show(what, -1);
    else if (got != child)
        say("%s: another child", what);
    else
        show_status(what, status);
}

/* fork() whose child runs the function and exits with what it returns. */
static inline pid_t spawn(int (*function)(void))
{
    pid_t child = fork();

    if (child == 0)
        _exit(function());
    if (child < 0)
        fail("fork");
    return child;
}

/* For children that only signals end. */
static inline int sleep_for_ever(void)
{
    while (pause())
        ;
    return 0;
}

/* Until `what` holds, looking again every millisecond: for states that nobody reports. */
#define UNTIL(what)                                                                                \
    do {                                                                                           \
        for (int tries = 0; !(what); tries++) {                                                    \
            if (tries > 20000)                                                                     \
                fail("never came: " #what);                                                        \
            nanosleep(&(struct timespec){0, 1000000}, NULL);                                       \
        }                                                                                          \
    } while (0)

#endif
