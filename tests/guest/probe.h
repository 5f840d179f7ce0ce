/*
 * tests/guest/probe.h - for programs whose output is compared with that of the same program on
 * Linux: results as words, and accesses that may end in a signal.
 */
#ifndef TESTS_GUEST_PROBE_H
#define TESTS_GUEST_PROBE_H

#include "tests/guest/guest.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>

static sigjmp_buf probe_place;

static void probe_caught(int signal)
{
    siglongjmp(probe_place, signal);
}

/* SIGSEGV and SIGBUS end the access that is probed, not the program. */
static inline void probe_init(void)
{
    struct sigaction action = {.sa_handler = probe_caught};

    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

static inline const char *probe_word(int signal)
{
    return signal == 0 ? "ok" : signal == SIGSEGV ? "SEGV" : "BUS";
}

static inline const char *probe_read(const volatile char *place)
{
    int signal = sigsetjmp(probe_place, 1);

    if (signal == 0)
        (void)*place;
    return probe_word(signal);
}

static inline const char *probe_write(volatile char *place)
{
    int signal = sigsetjmp(probe_place, 1);

    if (signal == 0)
        *place = 'w';
    return probe_word(signal);
}

/* "what: 3" or "what: EINVAL". */
static inline void report(const char *what, long result)
{
    if (result < 0)
        say("%s: %s", what, strerrorname_np(errno));
    else
        say("%s: %ld", what, result);
}

/* Runs the block in a child and waits; says so if it did not end well. */
#define in_child(...)                                                                              \
    do {                                                                                           \
        int child_status;                                                                          \
        pid_t child_pid = fork();                                                                  \
        if (child_pid == 0) {                                                                      \
            __VA_ARGS__;                                                                           \
            _exit(0);                                                                              \
        }                                                                                          \
        if (waitpid(child_pid, &child_status, 0) != child_pid || child_status != 0)                \
            say("the child ended with %#x", (unsigned)child_status);                               \
    } while (0)

#endif
