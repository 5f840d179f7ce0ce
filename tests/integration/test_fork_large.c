/*
 * tests/integration/test_fork_large.c - a fork of a parent with much memory: page tables are
 * shared, and each side's first write makes one its own. Frames are counted from outside.
 */
#include <stdio.h>

#include "tests/integration/harness.h"

#define MIB         (1ull << 20)
#define MEMORY      (400 * MIB)
#define LEAF_TABLES 128 /* of 256 MiB */

static struct session *start(const struct variant *variant, unsigned mib, const char *what,
                             bool icount)
{
    static char size[16];

    snprintf(size, sizeof(size), "%u", mib);
    const char *arguments[] = {guest_program("fork_large"), size, what, NULL};
    struct session_settings settings = {
        .arguments = arguments,
        .keep_input_open = true,
        .icount = icount,
        .memory_bytes = MEMORY,
    };
    return session_start(variant, &settings);
}

/* After a fork, does one write take exactly one table and one page, on either side, and nothing
 * when the other side is gone? */
VARIANT_TEST(fork_large, one_write_costs_one_table)
{
    variant_require(variant);
    unsigned mib = harness_count(variant, 256, 32, false);
    struct session *session = start(variant, mib, "look", false);
    struct vt_guest *guest = session_guest(session);

    session_expect(session, "filled ");
    uint64_t filled = frames_in_use(guest);
    session_send(session, "fork\n");
    session_expect(session, "forked ");
    uint64_t forked = frames_in_use(guest);
    /* A task, its stack, a root, tables of code, data and stack with their pages; far below one
     * leaf table for each 2 MiB. */
    cr_assert(forked - filled < 48, "the fork of %u MiB took %llu frames", mib,
              (unsigned long long)(forked - filled));
    session_send(session, "write\n");
    session_expect(session, "written");
    uint64_t written = frames_in_use(guest);
    cr_assert(written - forked == 2, "one write by the child took %lld frames",
              (long long)(written - forked));
    session_send(session, "answer\n");
    session_expect(session, "answered");
    uint64_t answered = frames_in_use(guest);
    cr_assert(answered - written == 2, "one write by the parent took %lld frames",
              (long long)(answered - written));
    session_send(session, "go on\n");
    cr_assert_str_eq(session_expect(session, "alone "), "0");
    uint64_t alone = frames_in_use(guest);
    cr_assert(alone <= filled + 16, "%llu frames before the fork, %llu when all is over",
              (unsigned long long)filled, (unsigned long long)alone);
    session_send(session, "end\n");
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* Does the cost of fork + exit + wait, and of fork + exec + wait, hardly grow with the parent's
 * memory? In instructions. */
Test(fork_large, cost_hardly_grows)
{
    static const struct variant qemu = {VT_ACCEL_QEMU, 1};
    static const unsigned sizes[] = {1, 256};
    unsigned long long ticks[2][2];

    variant_require(&qemu);
    for (int i = 0; i < 2; i++) {
        struct session *session = start(&qemu, sizes[i], "cost", true);

        cr_assert(sscanf(session_expect(session, "ticks "), "%llu %llu", &ticks[i][0],
                         &ticks[i][1]) == 2);
        session_wait_exit(session, 0);
        session_destroy(session);
    }
    for (int i = 0; i < 2; i++)
        cr_assert(ticks[1][i] < ticks[0][i] + LEAF_TABLES * 600ull,
                  "%s: %llu instructions with 1 MiB, %llu with 256 MiB",
                  i ? "fork, exec, wait" : "fork, exit, wait", ticks[0][i], ticks[1][i]);
}
