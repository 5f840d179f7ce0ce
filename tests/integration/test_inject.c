/*
 * tests/integration/test_inject.c - acting on a running machine from outside: signals, holding
 * threads and processes, scheduling parameters, starting programs, stepping by switch decisions.
 * Failing allocations are in test_failing.c.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/acted_on.h"
#include "tests/integration/command.h"

#define WAIT_MS 20000

static void expect_code(struct vt_error *error, enum vt_error_code code)
{
    cr_assert(error, "it was not refused");
    cr_assert(vt_error_code(error) == code, "code %d: %s", (int)vt_error_code(error),
              vt_error_message(error));
    vt_error_destroy(error);
}

static void start_workers(struct acted_on *program, int32_t tids[2])
{
    session_send(program->session, "work\n");
    cr_assert(sscanf(session_expect(program->session, "workers "), "%d %d", &tids[0], &tids[1]) ==
              2);
}

/*
 * Two threads fight for the lock of one file. Whenever one of them is held, does the other go on
 * (so that the held one does not own the lock), and does the held one stand still until released?
 */
VARIANT_TEST(inject, held_threads_own_no_lock)
{
    int32_t tids[2];

    variant_require(variant);
    struct acted_on program = acted_on_start(variant, NULL);
    start_workers(&program, tids);
    for (unsigned i = 0; i < harness_count(variant, 40, 8, true); i++) {
        unsigned held = i % 2;

        require_ok(vt_guest_hold(program.guest, tids[held]), "hold");
        require_ok(vt_guest_wait_held(program.guest, program.pid, WAIT_MS), "wait_held");
        /* One that has just been given the lock is on its way to park. */
        struct vt_task before = acted_on_task(&program, tids[held]);
        while (before.held != HELD_PARKED && before.state != TASK_BLOCKED_HARD)
            before = acted_on_task(&program, tids[held]);
        uint64_t count = acted_on_count(&program, held);
        for (unsigned step = 0; step < 3; step++)
            acted_on_await_progress(&program, 1 - held, acted_on_count(&program, 1 - held));
        struct vt_task after = acted_on_task(&program, tids[held]);
        /* One that waited for the lock gets it, finishes its call and parks. */
        cr_assert(acted_on_count(&program, held) <= count + 1, "a held thread ran");
        if (before.held == HELD_PARKED)
            cr_assert(after.nvcsw + after.nivcsw == before.nvcsw + before.nivcsw &&
                          after.utime_ns == before.utime_ns,
                      "a parked thread ran");
        require_ok(vt_guest_release(program.guest, tids[held]), "release");
        acted_on_await_progress(&program, held, count + 1);
    }
    session_send(program.session, "quit\n");
    session_wait_exit(program.session, 0);
    session_destroy(program.session);
}

/* Does a thread that is held while it sleeps in read() finish the call, and not one step more? */
VARIANT_TEST(inject, held_in_a_system_call)
{
    variant_require(variant);
    struct acted_on program = acted_on_start(variant, NULL);
    while (acted_on_task(&program, program.pid).state != TASK_BLOCKED)
        usleep(200);
    require_ok(vt_guest_hold(program.guest, program.pid), "hold");
    cr_assert_eq(acted_on_task(&program, program.pid).held, HELD_WANTED);
    session_send(program.session, "echo\n");
    while (acted_on_task(&program, program.pid).held != HELD_PARKED)
        require_ok(vt_guest_wait_held(program.guest, program.pid, WAIT_MS), "wait_held");
    size_t bytes_before, bytes_after;
    session_stdout(program.session, &bytes_before);
    struct vt_task before = acted_on_task(&program, program.pid);
    uint64_t arguments[4] = {7};
    int64_t answer;
    for (unsigned i = 0; i < 20; i++) /* the machine goes on: it answers */
        require_ok(vt_guest_command(program.guest, MAILBOX_PING, arguments, &answer), "ping");
    struct vt_task after = acted_on_task(&program, program.pid);
    session_stdout(program.session, &bytes_after);
    cr_assert(before.nvcsw == after.nvcsw && bytes_before == bytes_after && answer == 7);
    cr_assert_eq(after.state, TASK_READY);
    require_ok(vt_guest_release(program.guest, program.pid), "release");
    session_expect(program.session, "echo");
    session_send(program.session, "quit\n");
    session_wait_exit(program.session, 0);
    session_destroy(program.session);
}

/* Is what cannot be acted on refused, each with its reason, and without harm? */
VARIANT_TEST_ONE_CPU(inject, refusals)
{
    unsigned threads;

    variant_require(variant);
    struct acted_on program = acted_on_start(variant, NULL);
    struct vt_guest *guest = program.guest;
    expect_code(vt_guest_hold(guest, 1), VT_ERROR_DENIED);
    expect_code(vt_guest_freeze(guest, 1, &threads), VT_ERROR_DENIED);
    expect_code(vt_guest_signal(guest, 1, SIGKILL), VT_ERROR_DENIED);
    expect_code(vt_guest_hold(guest, 30000), VT_ERROR_NOT_FOUND);
    expect_code(vt_guest_hold(guest, 0), VT_ERROR_NOT_FOUND); /* the idle tasks have no number */
    expect_code(vt_guest_signal(guest, 30000, SIGTERM), VT_ERROR_NOT_FOUND);
    expect_code(vt_guest_signal(guest, program.pid, 65), VT_ERROR_ARGUMENT);
    expect_code(vt_guest_release(guest, program.pid), VT_ERROR_ARGUMENT);
    expect_code(vt_guest_set_nice(guest, program.pid, 20), VT_ERROR_ARGUMENT);
    expect_code(vt_guest_set_policy(guest, program.pid, 1, 0), VT_ERROR_ARGUMENT);
    expect_code(vt_guest_set_affinity(guest, program.pid, 0), VT_ERROR_ARGUMENT);
    expect_code(vt_guest_fail_start(guest, &(struct vt_failing){.kinds = 16, .count = 1}),
                VT_ERROR_ARGUMENT);
    session_send(program.session, "echo\n");
    session_expect(program.session, "echo");
    session_send(program.session, "quit\n");
    session_wait_exit(program.session, 0);
    session_destroy(program.session);
}

/* Does SIGKILL end a process that is held, and does its parent get to know? */
VARIANT_TEST(inject, kill_ends_a_hold)
{
    int32_t child;

    variant_require(variant);
    struct acted_on program = acted_on_start(variant, NULL);
    session_send(program.session, "child\n");
    child = atoi(session_expect(program.session, "child "));
    acted_on_await_progress(&program, 3, 0);
    require_ok(vt_guest_hold(program.guest, child), "hold");
    require_ok(vt_guest_wait_held(program.guest, child, WAIT_MS), "wait_held");
    uint64_t count = acted_on_count(&program, 3);
    require_ok(vt_guest_signal(program.guest, child, SIGCONT), "cont");
    session_send(program.session, "echo\n");
    session_expect(program.session, "echo");
    cr_assert_eq(acted_on_count(&program, 3), count, "a held process ran");
    session_send(program.session, "wait\n");
    require_ok(vt_guest_signal_thread(program.guest, child, SIGKILL), "kill");
    cr_assert_eq(atoi(session_expect(program.session, "status ")), SIGKILL);
    session_send(program.session, "quit\n");
    session_wait_exit(program.session, 0);
    session_destroy(program.session);
}

static unsigned held_threads(struct acted_on *program, unsigned *ret_all)
{
    struct vt_task *tasks;
    size_t count;
    unsigned held = 0;

    *ret_all = 0;
    require_ok(vt_guest_tasks(program->guest, &tasks, &count), "tasks");
    for (size_t i = 0; i < count; i++)
        if (tasks[i].pid == program->pid && tasks[i].state != TASK_ZOMBIE) {
            ++*ret_all;
            held += tasks[i].held != HELD_NO;
        }
    free(tasks);
    return held;
}

/*
 * A process whose threads come and go all the time is frozen, and thawed. Is every one of its
 * threads held, those under construction too, does nothing of it move, and does all of it go on?
 */
VARIANT_TEST(inject, freeze_while_threads_are_born)
{
    int32_t tids[2];

    variant_require(variant);
    struct acted_on program = acted_on_start(variant, NULL);
    start_workers(&program, tids);
    session_send(program.session, "churn\n");
    session_expect(program.session, "churning");
    for (unsigned i = 0; i < harness_count(variant, 30, 6, true); i++) {
        uint64_t before[3], after[3];
        unsigned threads, all;

        require_ok(vt_guest_freeze(program.guest, i % 2 ? program.pid : 0, &threads), "freeze");
        require_ok(vt_guest_wait_held(program.guest, program.pid, WAIT_MS), "wait_held");
        for (unsigned index = 0; index < 3; index++)
            before[index] = acted_on_count(&program, index);
        /* One that was ending already is not held: it goes. */
        for (unsigned tries = 0; held_threads(&program, &all) < all || all < 4; tries++) {
            cr_assert(tries < 4000, "%u threads, and not all are held", all);
            usleep(500);
        }
        for (unsigned ping = 0; ping < 10; ping++) {
            uint64_t arguments[4] = {1};
            int64_t answer;

            require_ok(vt_guest_command(program.guest, MAILBOX_PING, arguments, &answer), "ping");
        }
        for (unsigned index = 0; index < 3; index++)
            after[index] = acted_on_count(&program, index);
        /* A writer that slept for the file's lock when it was held finishes its one call. */
        cr_assert(after[0] <= before[0] + 1 && after[1] <= before[1] + 1 && after[2] == before[2]);
        require_ok(vt_guest_thaw(program.guest, i % 2 ? program.pid : 0, &threads), "thaw");
        for (unsigned index = 0; index < 3; index++)
            acted_on_await_progress(&program, index, after[index]);
    }
    session_send(program.session, "quit\n");
    session_wait_exit(program.session, 0);
    session_destroy(program.session);
}

/* Do nice value, policy and CPUs change, and does a running thread leave a CPU it may not use? */
VARIANT_TEST(inject, scheduling_parameters)
{
    variant_require(variant);
    struct acted_on program = acted_on_start(variant, NULL);
    session_send(program.session, "child\n");
    int32_t child = atoi(session_expect(program.session, "child "));
    acted_on_await_progress(&program, 3, 0);
    require_ok(vt_guest_set_nice(program.guest, child, 7), "nice");
    cr_assert_eq(acted_on_task(&program, child).nice, 7);
    require_ok(vt_guest_set_policy(program.guest, child, 3, -3), "policy");
    struct vt_task task = acted_on_task(&program, child);
    cr_assert(task.policy == 3 && task.nice == -3);
    for (unsigned i = 0; i < 4; i++) {
        unsigned cpu = i % variant->cpus;

        require_ok(vt_guest_set_affinity(program.guest, child, 1ull << cpu), "affinity");
        for (unsigned tries = 0; acted_on_task(&program, child).cpu != cpu; tries++) {
            cr_assert(tries < 20000, "it still runs on CPU %u", acted_on_task(&program, child).cpu);
            usleep(500);
        }
        task = acted_on_task(&program, child);
        cr_assert_eq(task.affinity, 1ull << cpu);
        acted_on_await_progress(&program, 3, acted_on_count(&program, 3));
    }
    /* Parked with one CPU, released with another: it must run where it may. */
    require_ok(vt_guest_hold(program.guest, child), "hold");
    require_ok(vt_guest_wait_held(program.guest, child, WAIT_MS), "wait_held");
    unsigned other = variant->cpus - 1 - acted_on_task(&program, child).cpu;
    require_ok(vt_guest_set_affinity(program.guest, child, 1ull << other), "affinity");
    require_ok(vt_guest_release(program.guest, child), "release");
    acted_on_await_progress(&program, 3, acted_on_count(&program, 3));
    cr_assert_eq(acted_on_task(&program, child).cpu, other);
    require_ok(vt_guest_signal(program.guest, child, SIGKILL), "kill");
    session_send(program.session, "quit\n");
    session_wait_exit(program.session, 0);
    session_destroy(program.session);
}

/* Does a spawned program get its arguments, environment and directory, and init for a parent? */
VARIANT_TEST(inject, spawn)
{
    static const char *const argv[] = {
        "sh", "-c", "echo \"got $A '$0' $(pwd)\"; read x; exec sleep 1000", "a b", NULL};
    static const char *const envp[] = {"PATH=/nowhere:/bin", "A=one", NULL};
    static const char *const none[] = {"no-such-program", NULL}, *const data[] = {"/etc", NULL};
    struct vt_spawn spawn = {.argv = argv, .envp = envp, .cwd = "/tmp"};
    int32_t pid, ignored;
    struct vt_task task;

    variant_require(variant);
    struct acted_on program = acted_on_start(variant, NULL);
    require_ok(vt_guest_spawn(program.guest, &spawn, &pid), "spawn");
    session_expect(program.session, "got one 'a b' /tmp");
    task = acted_on_task(&program, pid);
    cr_assert(task.ppid == 1 && task.sid == pid && task.pgid == pid);
    for (unsigned tries = 0; strcmp(task.comm, "sleep") != 0; tries++) {
        cr_assert(tries < 20000, "it did not get past the end of its input");
        usleep(500);
        task = acted_on_task(&program, pid);
    }
    require_ok(vt_guest_signal(program.guest, pid, SIGTERM), "signal");
    for (unsigned tries = 0;; tries++) {
        struct vt_error *error = vt_guest_task(program.guest, pid, &task);

        cr_assert(tries < 20000, "init did not reap it");
        if (error) {
            expect_code(error, VT_ERROR_NOT_FOUND);
            break;
        }
        usleep(500);
    }
    struct vt_counters before, after;
    require_ok(vt_guest_counters(program.guest, &before), "counters");
    spawn.argv = none;
    expect_code(vt_guest_spawn(program.guest, &spawn, &ignored), VT_ERROR_NO_PROGRAM);
    spawn.argv = data;
    expect_code(vt_guest_spawn(program.guest, &spawn, &ignored), VT_ERROR_BAD_PROGRAM);
    spawn.argv = argv;
    spawn.cwd = "/no/such/place";
    expect_code(vt_guest_spawn(program.guest, &spawn, &ignored), VT_ERROR_NO_PROGRAM);
    for (unsigned tries = 0; tries < 2000; tries++) {
        require_ok(vt_guest_counters(program.guest, &after), "counters");
        if (after.tasks <= before.tasks && after.processes <= before.processes)
            break;
        usleep(500);
    }
    /* Fewer: when `before` was taken the end of an earlier one was under way. */
    cr_assert(after.tasks <= before.tasks && after.processes <= before.processes);
    session_send(program.session, "quit\n");
    session_wait_exit(program.session, 0);
    session_destroy(program.session);
}

/*
 * A machine that is attached by name, as another process would: do all verbs work through its
 * owner, with the same answers?
 */
VARIANT_TEST_ONE_CPU(inject, attached_by_name)
{
    static const char *const argv[] = {"/bin/busybox", "echo", "spawned", NULL};
    struct vt_spawn spawn = {.argv = argv};
    char name[32];
    int32_t pid;
    unsigned threads;
    uint32_t seen, failed;

    variant_require(variant);
    snprintf(name, sizeof(name), "inject-%d", (int)getpid());
    struct acted_on program = acted_on_start(variant, name);
    require_ok(vt_guest_attach(name, &program.guest), "attach");
    require_ok(vt_guest_ready(program.guest, WAIT_MS), "ready");
    require_ok(vt_guest_ask_trace(program.guest, 1ull << TRACE_EXIT), "ask_trace");
    session_send(program.session, "child\n");
    int32_t child = atoi(session_expect(program.session, "child "));
    require_ok(vt_guest_set_nice(program.guest, child, 3), "nice");
    require_ok(vt_guest_freeze(program.guest, child, &threads), "freeze");
    cr_assert_eq(threads, 1);
    require_ok(vt_guest_wait_held(program.guest, child, WAIT_MS), "wait_held");
    cr_assert(acted_on_task(&program, child).nice == 3 &&
              acted_on_task(&program, child).held == HELD_PARKED);
    require_ok(vt_guest_spawn(program.guest, &spawn, &pid), "spawn");
    session_expect(program.session, "spawned");
    require_ok(
        vt_guest_fail_start(
            program.guest,
            &(struct vt_failing){.kinds = GLASS_FAIL_DESCRIPTORS, .tid = program.pid, .count = 1}),
        "fail_start");
    session_send(program.session, "open\n");
    cr_assert_eq(atoi(session_expect(program.session, "result ")), 24, "open() got no EMFILE");
    require_ok(vt_guest_fail_end(program.guest, &seen, &failed), "fail_end");
    cr_assert(failed == 1 && seen >= 1);
    expect_code(vt_guest_hold(program.guest, 1), VT_ERROR_DENIED);
    expect_code(vt_guest_hold(program.guest, 30000), VT_ERROR_NOT_FOUND);
    /* What belongs to the owner is not for others. */
    int64_t result;
    expect_code(vt_guest_command(program.guest, MAILBOX_SHUTDOWN, (uint64_t[4]){0}, &result),
                VT_ERROR_ARGUMENT);
    session_send(program.session, "wait\n");
    char number[16];
    snprintf(number, sizeof(number), "%d", child);
    struct command_result command = COMMAND("do", name, "signal", number, "KILL");
    cr_assert_eq(command.status, 0, "%s", command.err);
    command_free(&command);
    cr_assert_eq(atoi(session_expect(program.session, "status ")), SIGKILL);
    session_send(program.session, "quit\n");
    session_wait_exit(program.session, 0);
    expect_code(vt_guest_hold(program.guest, program.pid), VT_ERROR_GONE);
    vt_guest_detach(program.guest);
    session_destroy(program.session);
}

static uint64_t switches(struct vt_guest *guest, unsigned cpus)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < cpus; i++) {
        struct glass_cpu cpu;

        require_ok(vt_guest_cpu(guest, i, &cpu), "cpu");
        sum += cpu.switches;
    }
    return sum;
}

/*
 * Step after step: does each stop in the very next switch of any CPU? On two CPUs a second one may
 * have decided at the same moment; its stop is the next step's.
 */
VARIANT_TEST(inject, step_by_switches)
{
    int32_t tids[2];
    struct vt_stop stop;

    variant_require(variant);
    struct acted_on program = acted_on_start(variant, NULL);
    start_workers(&program, tids);
    expect_code(vt_guest_step_switch(program.guest, WAIT_MS, &stop), VT_ERROR_ARGUMENT);
    require_ok(vt_guest_stop_now(program.guest), "stop_now");
    require_ok(vt_guest_wait_stop(program.guest, WAIT_MS, &stop), "wait_stop");
    uint64_t first = switches(program.guest, variant->cpus), epoch = stop.epoch;
    for (unsigned i = 1; i <= harness_count(variant, 100, 10, true); i++) {
        require_ok(vt_guest_step_switch(program.guest, WAIT_MS, &stop), "step");
        cr_assert_eq(stop.event.type, TRACE_SWITCH);
        cr_assert_eq(stop.epoch, epoch + i);
        uint64_t now = switches(program.guest, variant->cpus) - first;
        cr_assert(now >= i && now < i + variant->cpus, "%lu switches in %u steps",
                  (unsigned long)now, i);
    }
    require_ok(vt_guest_resume(program.guest), "resume");
    session_send(program.session, "quit\n");
    session_wait_exit(program.session, 0);
    session_destroy(program.session);
}
