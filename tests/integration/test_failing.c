/*
 * tests/integration/test_failing.c - each allocation of a system call made to fail in turn: the
 * call fails cleanly, and nothing that it had taken is lost.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/acted_on.h"

#define ALLOCATIONS_MAX 2000u

struct holdings {
    uint64_t frames;
    uint64_t tasks, processes, address_spaces;
};

static struct holdings look(struct vt_guest *guest)
{
    struct vt_counters counters;

    require_ok(vt_guest_counters(guest, &counters), "counters");
    return (struct holdings){frames_in_use(guest), counters.tasks, counters.processes,
                             counters.address_spaces};
}

/* The last pieces of an ended task may go a moment after its parent knows. */
static void expect_holdings(struct vt_guest *guest, const struct holdings *wanted, const char *call,
                            unsigned number)
{
    struct holdings now;

    for (unsigned tries = 0; tries < 4000; tries++) {
        now = look(guest);
        if (memcmp(&now, wanted, sizeof(now)) == 0)
            return;
        usleep(500);
    }
    cr_assert_fail("%s with allocation %u failing: %ld frames, %d tasks, %d processes, %d address "
                   "spaces too many",
                   call, number, (long)(now.frames - wanted->frames),
                   (int)(now.tasks - wanted->tasks), (int)(now.processes - wanted->processes),
                   (int)(now.address_spaces - wanted->address_spaces));
}

static bool is_expected(int result)
{
    switch (result) {
    case 0:
    case ENOMEM:
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOSPC:
    case EFAULT:   /* memory of the caller could not be provided */
    case 127:      /* the new program had no memory to start with, and said so */
    case 1000 + 9: /* exec past the point where the old program is gone */
    case 1000 + 11:
        return true;
    default:
        return false;
    }
}

/* Makes allocation `number` of the call fail; false: the call made fewer, and none failed. */
static bool fail_one(struct acted_on *program, const char *call, unsigned number)
{
    struct vt_failing failing = {.kinds = GLASS_FAIL_ALL, .skip = number, .count = 1};
    uint32_t seen, failed;
    bool exec = strcmp(call, "exec\n") == 0;

    failing.tid = program->pid;
    if (exec) { /* the child's allocations count, not those of the fork before */
        session_send(program->session, call);
        failing.tid = atoi(session_expect(program->session, "child "));
    }
    require_ok(vt_guest_fail_start(program->guest, &failing), "fail_start");
    session_send(program->session, exec ? "go\n" : call);
    int result = atoi(session_expect(program->session, "result "));
    require_ok(vt_guest_fail_end(program->guest, &seen, &failed), "fail_end");
    cr_assert(is_expected(result), "%.4s with allocation %u failing: %d", call, number, result);
    cr_assert(failed || result == 0, "%.4s failed with %d though no allocation did", call, result);
    return failed;
}

/* Counts how often the call itself failed, so that the test cannot pass without having tested. */
static unsigned fail_each(const struct variant *variant, struct acted_on *program, const char *call)
{
    unsigned number = 0, step = harness_count(variant, 1, 1, false);

    if (harness_is_slow(variant))
        step = 7;
    /* Once unjudged: caches grow to the size that they keep. */
    cr_assert(!fail_one(program, call, ALLOCATIONS_MAX));
    for (number = 0; fail_one(program, call, number); number += step)
        cr_assert(number < ALLOCATIONS_MAX);
    number = 0;
    struct holdings before = look(program->guest), settled;
    for (unsigned tries = 0; tries < 100; tries++, before = settled) {
        usleep(2000);
        settled = look(program->guest);
        if (memcmp(&before, &settled, sizeof(before)) == 0)
            break;
    }
    for (; fail_one(program, call, number); number += step)
        expect_holdings(program->guest, &before, call, number);
    return number / step;
}

/*
 * fork, exec, open, mmap and spawn, with each of their allocations failing in turn. Do they fail with an
 * error or not at all, and do frames, tasks, processes and address spaces return to where they
 * were?
 */
VARIANT_TEST(failing, each_allocation)
{
    static const char *const calls[] = {"fork\n", "exec\n", "open\n", "mmap\n", "spawn\n"};

    variant_require(variant);
    struct acted_on program = acted_on_start(variant, NULL);
    /* On one CPU: what is freed on another one fills the caches there, and is missing here. */
    require_ok(vt_guest_set_affinity(program.guest, program.pid, 1), "affinity");
    for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++)
        cr_assert(fail_each(variant, &program, calls[i]) >= 1, "%s allocated nothing", calls[i]);
    session_send(program.session, "quit\n");
    session_wait_exit(program.session, 0);
    session_destroy(program.session);
}
