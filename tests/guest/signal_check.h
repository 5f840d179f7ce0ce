/*
 * tests/guest/signal_check.h - what the programs that test signals share: checks that count, and a
 * handler that keeps what it was given.
 */
#ifndef TESTS_GUEST_SIGNAL_CHECK_H
#define TESTS_GUEST_SIGNAL_CHECK_H

#include "tests/guest/guest.h"

#include <signal.h>
#include <ucontext.h>

#define ALTERNATE_BYTES (16 * PAGE_BYTES)
#define SOFTWARE_BYTES  464 /* struct _fpx_sw_bytes in the frame's floating-point state */
#define MAGIC1          0x46505853u

static int bad;

#define check(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            say("WRONG line %d: %s", __LINE__, #condition);                                        \
            bad++;                                                                                 \
        }                                                                                          \
    } while (0)

static inline void handle(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

    if (sigaction(signal, &action, NULL) != 0)
        fail("sigaction");
}

static inline bool is_blocked(int signal)
{
    sigset_t set;

    sigprocmask(SIG_SETMASK, NULL, &set);
    return sigismember(&set, signal);
}

/* What remember() found: the program's own state, and the handler's. */
static siginfo_t last_info;
static ucontext_t last_context;
static volatile int calls, masked;
static volatile uintptr_t handler_stack;
/* From the stack pointer of the program down to the frame's first byte. */
static volatile uint64_t frame_bytes;

static inline void remember(int signal, siginfo_t *info, void *context)
{
    uint32_t *marks =
        (uint32_t *)((char *)((ucontext_t *)context)->uc_mcontext.fpregs + SOFTWARE_BYTES);

    last_info = *info;
    last_context = *(ucontext_t *)context;
    handler_stack = (uintptr_t)__builtin_frame_address(0);
    frame_bytes = (uint64_t)last_context.uc_mcontext.gregs[REG_RSP] - ((uintptr_t)context - 8);
    masked = is_blocked(signal);
    calls++;
    if (last_context.uc_flags & 1)
        check(marks[0] == MAGIC1);
}

/* The last line: "NAME ok" if all checks held. Returns the program's exit status. */
static inline int finish(const char *name)
{
    if (bad)
        say("%s WRONG: %d", name, bad);
    else
        say("%s ok", name);
    return bad != 0;
}

#endif
