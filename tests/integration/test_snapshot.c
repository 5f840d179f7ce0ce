/*
 * tests/integration/test_snapshot.c - a machine saved, restored and forked: the same guest bit for
 * bit, whose programs, clock, timers and streams go on as if nothing had been; and files that are
 * no good snapshot.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/harness.h"

#define BLOCK      (2u << 20)
#define OUTSIDE_NS 300000000ull /* so long a guest lies in its file */

struct state {
    unsigned long count, sleeps, ns;
    long number;
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void stop_world(struct session *session)
{
    struct vt_stop stop;

    require_ok(vt_guest_stop_now(session_guest(session)), "stop_now");
    require_ok(vt_guest_wait_stop(session_guest(session), session_timeout_ms(session), &stop),
               "wait_stop");
}

static struct state ask_state(struct session *session)
{
    struct state state;
    const char *line;

    session_send(session, "state\n");
    line = session_expect(session, "state ");
    cr_assert(
        sscanf(line, "%lu %lu %lu %ld", &state.count, &state.sleeps, &state.ns, &state.number) == 4,
        "'%s' is no state", line);
    return state;
}

static void end_whole(struct session *session)
{
    session_send(session, "end\n");
    session_expect(session, "whole");
    session_wait_exit(session, 0);
    session_destroy(session);
}

static void audit(struct session *session)
{
    const struct vt_violation *violations;
    struct vt_audit *audit;

    require_ok(vt_audit_create(session_guest(session), NULL, &audit), "vt_audit_create");
    require_ok(vt_audit_check(audit, NULL), "vt_audit_check");
    if (vt_audit_violations(audit, &violations) > 0)
        cr_assert_fail("%s: %s", violations[0].invariant, violations[0].message);
    cr_assert(vt_audit_numbers(audit).checks == 1);
    vt_audit_destroy(audit);
}

static char *read_whole(const char *path, size_t *ret_bytes)
{
    FILE *file = fopen(path, "re");
    struct stat status;
    char *data;

    cr_assert(file != NULL && fstat(fileno(file), &status) == 0, "%s: %s", path, strerror(errno));
    data = malloc((size_t)status.st_size + 1);
    cr_assert(data != NULL &&
              fread(data, 1, (size_t)status.st_size, file) == (size_t)status.st_size);
    fclose(file);
    *ret_bytes = (size_t)status.st_size;
    return data;
}

/*
 * Compares the memory of two guests whose worlds stand still. The host side of the first one's
 * streams may wait for bytes and have said so in memory: a 1 in one of three words, which no guest
 * sees.
 */
static void compare_memory(struct session *first, struct session *second, uint64_t bytes)
{
    uint64_t *one = malloc(BLOCK), *other = malloc(BLOCK);
    unsigned waits = 0;

    cr_assert(one != NULL && other != NULL);
    for (uint64_t at = 0; at < bytes; at += BLOCK) {
        require_ok(vt_guest_read_phys(session_guest(first), at, one, BLOCK), "read_phys");
        require_ok(vt_guest_read_phys(session_guest(second), at, other, BLOCK), "read_phys");
        if (memcmp(one, other, BLOCK) == 0)
            continue;
        for (unsigned i = 0; i < BLOCK / 8; i++)
            if (one[i] != other[i]) {
                cr_assert((one[i] ^ other[i]) == 1ull << 32 || (one[i] ^ other[i]) == 1ull,
                          "physical %#lx: %#lx became %#lx", (unsigned long)(at + i * 8),
                          (unsigned long)one[i], (unsigned long)other[i]);
                waits++;
            }
    }
    cr_assert(waits <= CHANNEL_COUNT, "%u words differ", waits);
    free(one);
    free(other);
}

/*
 * Is a restored guest the saved one, to the last bit of its memory and of its processors? A
 * snapshot of the copy that has not run yet must be the very same file. Are the kernel's promises
 * kept in it, and does the load go on?
 */
VARIANT_TEST(snapshot, bit_for_bit)
{
    char first_path[HARNESS_PATH], second_path[HARNESS_PATH];
    struct session *session, *copy;
    char *first, *second;
    size_t first_bytes, second_bytes;

    variant_require(variant);
    session = session_start_program(variant, "stop_load", NULL);
    session_expect(session, "loaded");
    stop_world(session);
    require_ok(vt_machine_save(session_machine(session), fresh_path(first_path)), "save");
    copy = session_restore(variant, first_path);
    compare_memory(session, copy, 128u << 20);
    require_ok(vt_machine_save(session_machine(copy), fresh_path(second_path)), "save the copy");
    first = read_whole(first_path, &first_bytes);
    second = read_whole(second_path, &second_bytes);
    cr_assert(first_bytes == second_bytes && memcmp(first, second, first_bytes) == 0,
              "a snapshot of the restored machine is another one");
    free(first);
    free(second);
    audit(copy);

    session_launch(copy);
    require_ok(vt_guest_resume(session_guest(copy)), "resume the copy");
    session_send(copy, "end\n");
    session_expect(copy, "fights whole");
    session_wait_exit(copy, 0);
    session_destroy(copy);
    require_ok(vt_guest_resume(session_guest(session)), "resume");
    session_send(session, "end\n");
    session_expect(session, "fights whole");
    session_wait_exit(session, 0);
    session_destroy(session);
    unlink(first_path);
    unlink(second_path);
}

/*
 * Does a program that counts, sleeps and looks at the clock go on where it was, after it was paused
 * at any instruction, its machine ended, and some time passed that is not to pass for it?
 */
VARIANT_TEST(snapshot, goes_on)
{
    const struct timespec moment = {.tv_nsec = 10000000};
    char path[HARNESS_PATH];
    struct session *session;
    struct state before, after, later;
    uint64_t asked, saved, outside;

    variant_require(variant);
    session = session_start_program(variant, "counting", NULL);
    session_expect(session, "counting");
    asked = now_ns();
    before = ask_state(session);
    require_ok(vt_machine_save(session_machine(session), fresh_path(path)), "save");
    saved = now_ns();
    session_destroy(session);
    while (now_ns() - saved < OUTSIDE_NS)
        nanosleep(&moment, NULL);
    outside = now_ns() - saved;

    session = session_restore(variant, path);
    session_launch(session);
    after = ask_state(session);
    cr_assert(after.count > before.count && after.sleeps >= before.sleeps && after.number == 1,
              "it did not go on: %lu counts, then %lu; %lu sleeps, then %lu", before.count,
              after.count, before.sleeps, after.sleeps);
    cr_assert(after.ns > before.ns, "the clock went back from %lu to %lu", before.ns, after.ns);
    /* This KVM cannot set a guest's clock: it is the host's (docs/snapshot.md). */
    if (harness_is_slow(variant))
        outside = 0;
    cr_assert(after.ns - before.ns <= now_ns() - asked - outside,
              "%lu ns passed for the guest, of them some while it lay in a file",
              after.ns - before.ns);
    do /* timers fire: nobody else wakes the thread that sleeps */
        later = ask_state(session);
    while (later.sleeps < after.sleeps + 3);
    end_whole(session);
    unlink(path);
}

/* ---- forks ---- */

/*
 * Three machines from one: does each keep a number of its own, in memory and in a file, while the
 * others change theirs?
 */
VARIANT_TEST(snapshot, forks_diverge)
{
    struct session *machines[3];
    struct state at_fork, states[3];

    variant_require(variant);
    machines[0] = session_start_program(variant, "counting", NULL);
    session_expect(machines[0], "counting");
    session_send(machines[0], "set 7\n");
    session_expect(machines[0], "set");
    at_fork = ask_state(machines[0]);
    for (unsigned i = 1; i < 3; i++)
        machines[i] = session_fork(variant, machines[0]);
    for (unsigned i = 1; i < 3; i++)
        session_launch(machines[i]);
    session_send(machines[1], "set 100\n");
    session_expect(machines[1], "set");
    session_send(machines[2], "set 200\n");
    session_expect(machines[2], "set");
    for (unsigned i = 0; i < 3; i++) {
        states[i] = ask_state(machines[i]);
        cr_assert(states[i].count > at_fork.count, "machine %u did not go on", i);
    }
    cr_assert(states[0].number == 7 && states[1].number == 100 && states[2].number == 200,
              "numbers %ld %ld %ld", states[0].number, states[1].number, states[2].number);
    for (unsigned i = 0; i < 3; i++)
        end_whole(machines[i]);
}

/* From one stopped world, again and again: does each copy begin in that very event? */
VARIANT_TEST(snapshot, forks_of_a_stop)
{
    static const char *const arguments[] = {"/bin/busybox", "sh", "-c", "true | true; echo end",
                                            NULL};
    struct session_settings settings = {.arguments = arguments, .hold_at_start = true};
    struct glass_filter filter = vt_filter(TRACE_FORK);
    struct session *session;
    struct vt_stop stop;
    int index;

    variant_require(variant);
    session = session_start(variant, &settings);
    require_ok(vt_guest_wait_stop(session_guest(session), session_timeout_ms(session), &stop),
               "wait_stop");
    require_ok(vt_guest_stop_on(session_guest(session), &filter, &index), "stop_on");
    require_ok(vt_guest_resume(session_guest(session)), "resume");
    require_ok(vt_guest_wait_stop(session_guest(session), session_timeout_ms(session), &stop),
               "wait_stop");
    for (unsigned i = 0; i < 3; i++) {
        struct session *copy = session_fork(variant, session);
        struct vt_stop again;

        session_launch(copy);
        require_ok(vt_guest_wait_stop(session_guest(copy), session_timeout_ms(copy), &again),
                   "the copy's stop");
        cr_assert(again.epoch == stop.epoch && again.filter == index &&
                      again.event.type == TRACE_FORK &&
                      again.event.sequence == stop.event.sequence &&
                      again.event.arg[0] == stop.event.arg[0],
                  "copy %u stands in another stop", i);
        audit(copy);
        require_ok(vt_guest_stop_off(session_guest(copy), index), "stop_off");
        require_ok(vt_guest_resume(session_guest(copy)), "resume");
        session_wait_exit(copy, 0);
        cr_assert_str_eq(session_stdout(copy, NULL), "end\n");
        session_destroy(copy);
    }
    require_ok(vt_guest_stop_off(session_guest(session), index), "stop_off");
    require_ok(vt_guest_resume(session_guest(session)), "resume");
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* Does a machine that counts instructions go on so, and to the same end every time? */
Test(snapshot, icount)
{
    static const char *const arguments[] = {"/bin/busybox", "sh", "-c",
                                            "read x; ls -l / | wc -l; cat /proc/uptime", NULL};
    const struct variant variant = {VT_ACCEL_QEMU, 1};
    struct session_settings settings = {
        .arguments = arguments, .icount = true, .no_aslr = true, .hold_at_start = true};
    struct session *session, *copies[2];
    struct vt_stop stop;

    variant_require(&variant);
    session = session_start(&variant, &settings);
    require_ok(vt_guest_wait_stop(session_guest(session), session_timeout_ms(session), &stop),
               "wait_stop");
    for (unsigned i = 0; i < 2; i++) {
        copies[i] = session_fork(&variant, session);
        session_close_input(copies[i]);
        session_launch(copies[i]);
        require_ok(vt_guest_resume(session_guest(copies[i])), "resume");
        session_wait_exit(copies[i], 0);
    }
    cr_assert_str_eq(session_stdout(copies[0], NULL), session_stdout(copies[1], NULL));
    cr_assert(strlen(session_stdout(copies[0], NULL)) > 4);
    for (unsigned i = 0; i < 2; i++)
        session_destroy(copies[i]);
    require_ok(vt_guest_resume(session_guest(session)), "resume");
    session_close_input(session);
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* ---- refusals ---- */

static void expect_error(struct vt_error *error, enum vt_error_code code, const char *word)
{
    cr_assert(error != NULL, "no error that says '%s'", word);
    cr_assert(vt_error_code(error) == code && strstr(vt_error_message(error), word) != NULL,
              "error %d: %s; expected %d with '%s'", (int)vt_error_code(error),
              vt_error_message(error), (int)code, word);
    vt_error_destroy(error);
}

/* Does what cannot be restored, or saved, end in a sentence? */
VARIANT_TEST_ONE_CPU(snapshot, refusals)
{
    static const char *const arguments[] = {"/bin/busybox", "cat", NULL};
    struct session_settings settings = {.arguments = arguments, .keep_input_open = true};
    struct vt_options options;
    struct vt_machine *machine, *none = NULL;
    struct session *session;
    char path[HARNESS_PATH];

    variant_require(variant);
    session = session_start(variant, &settings);
    machine = session_machine(session);
    expect_error(vt_machine_save(machine, "/nowhere/at/all"), VT_ERROR_SYSTEM, "/nowhere/at/all");
    require_ok(vt_machine_save(machine, fresh_path(path)), "save");

    vt_options_init(&options);
    options.accel = variant->accel == VT_ACCEL_KVM ? VT_ACCEL_QEMU : VT_ACCEL_KVM;
    expect_error(vt_machine_restore(path, &options, &none), VT_ERROR_BACKEND, "cannot be restored");
    vt_options_init(&options);
    options.argv = arguments;
    expect_error(vt_machine_restore(path, &options, &none), VT_ERROR_ARGUMENT, "program");
    vt_options_init(&options);
    options.cpus = 2;
    expect_error(vt_machine_restore(path, &options, &none), VT_ERROR_ARGUMENT, "CPUs");
    vt_options_init(&options);
    options.trace = true;
    expect_error(vt_fork(machine, &options, &none), VT_ERROR_ARGUMENT, "tracing");
    expect_error(vt_machine_restore("/nowhere", NULL, &none), VT_ERROR_NOT_FOUND, "/nowhere");
    expect_error(vt_machine_restore("/proc/self/exe", NULL, &none), VT_ERROR_FORMAT, "no snapshot");
    cr_assert(truncate(path, 100000) == 0);
    expect_error(vt_machine_restore(path, NULL, &none), VT_ERROR_FORMAT, "cut short");

    session_close_input(session);
    session_wait_exit(session, 0);
    expect_error(vt_machine_save(machine, path), VT_ERROR_GONE, "ended");
    expect_error(vt_fork(machine, NULL, &none), VT_ERROR_GONE, "ended");
    cr_assert(none == NULL);
    session_destroy(session);
    unlink(path);
}
