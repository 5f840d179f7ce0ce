/*
 * tests/integration/test_stop.c - stop points: the world stops inside the event, all CPUs parked,
 * the picture stays the same while it is stopped, and goes on. Under contention, on two CPUs, many
 * times, without a hang.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/harness.h"

static void check_parked(struct vt_guest *guest, unsigned cpus, const struct vt_stop *stop)
{
    unsigned stopped = 0;

    for (unsigned i = 0; i < cpus; i++) {
        struct glass_cpu cpu;

        require_ok(vt_guest_cpu(guest, i, &cpu), "vt_guest_cpu");
        if (!cpu.online)
            continue;
        cr_assert(cpu.park != PARK_RUNNING, "CPU %u runs in a stopped world", i);
        stopped += cpu.park == PARK_STOPPED;
    }
    cr_assert(stopped <= 1);
    cr_assert(stop->cpu < cpus, "a stop on CPU %u of %u", stop->cpu, cpus);
}

static void check_one_running_per_cpu(struct vt_guest *guest, unsigned cpus)
{
    struct vt_task *tasks;
    size_t count;
    unsigned running[BOOT_CPUS_MAX] = {0};

    require_ok(vt_guest_tasks(guest, &tasks, &count), "vt_guest_tasks");
    for (size_t i = 0; i < count; i++)
        if (tasks[i].state == TASK_RUNNING) {
            cr_assert(tasks[i].cpu < cpus);
            running[tasks[i].cpu]++;
        }
    for (unsigned i = 0; i < cpus; i++)
        cr_assert(running[i] == 1, "%u tasks run on CPU %u", running[i], i);
    free(tasks);
}

/* Does the world stop before the first user instruction, and stay stopped until resumed? */
VARIANT_TEST(stop, hold_at_start)
{
    static const char *const arguments[] = {"/bin/busybox", "echo", "free", NULL};
    struct session_settings settings = {.arguments = arguments, .hold_at_start = true};
    struct session *session;
    struct vt_counters first, second;
    struct vt_stop stop;
    size_t bytes;

    variant_require(variant);
    session = session_start(variant, &settings);
    require_ok(vt_guest_wait_stop(session_guest(session), session_timeout_ms(session), &stop),
               "wait_stop");
    check_parked(session_guest(session), variant->cpus, &stop);
    require_ok(vt_guest_counters(session_guest(session), &first), "vt_guest_counters");
    usleep(100000);
    require_ok(vt_guest_counters(session_guest(session), &second), "vt_guest_counters");
    cr_assert(first.switches == second.switches && first.system_calls == second.system_calls &&
                  first.faults == second.faults,
              "a stopped world moves");
    session_stdout(session, &bytes);
    cr_assert(bytes == 0, "the program has run already");
    require_ok(vt_guest_resume(session_guest(session)), "vt_guest_resume");
    session_wait_exit(session, 0);
    cr_assert_str_eq(session_stdout(session, NULL), "free\n");
    session_destroy(session);
}

/* Does each fork stop the world inside the event, with the child there and not yet run? */
VARIANT_TEST(stop, inside_each_fork)
{
    static const char *const arguments[] = {"/bin/busybox", "sh", "-c",
                                            "ls / | wc -l; true | true; echo end", NULL};
    struct session_settings settings = {
        .arguments = arguments, .trace = true, .hold_at_start = true};
    struct glass_filter filter = vt_filter(TRACE_FORK);
    struct session *session;
    struct vt_guest *guest;
    struct vt_stop stop;
    int index;
    unsigned forks = 0;

    variant_require(variant);
    session = session_start(variant, &settings);
    guest = session_guest(session);
    require_ok(vt_guest_wait_stop(guest, session_timeout_ms(session), &stop), "wait_stop");
    require_ok(vt_guest_stop_on(guest, &filter, &index), "stop_on");
    for (;;) {
        struct vt_task child;
        struct vt_error *error;

        require_ok(vt_guest_resume(guest), "vt_guest_resume");
        error = vt_guest_wait_stop(guest, session_timeout_ms(session), &stop);
        if (error != NULL && vt_error_code(error) == VT_ERROR_GONE) {
            vt_error_destroy(error);
            break;
        }
        require_ok(error, "wait_stop");
        forks++;
        cr_assert(stop.filter == index && stop.event.type == TRACE_FORK);
        check_parked(guest, variant->cpus, &stop);
        check_one_running_per_cpu(guest, variant->cpus);
        require_ok(vt_guest_task(guest, (int32_t)(uint32_t)stop.event.arg[0], &child), "the child");
        cr_assert(child.nvcsw + child.nivcsw == 0, "the child has run already");
    }
    cr_assert(forks >= 4, "only %u forks stopped the world", forks);
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* A CPU that had matched before stop_off() may still stop once, after the one that was reported:
 * let it go. */
static void resume_late_stops(struct vt_guest *guest, unsigned cpus)
{
    for (unsigned i = 0; i < cpus; i++) {
        struct vt_stop stop;
        struct vt_error *error = vt_guest_wait_stop(guest, 2000, &stop);

        if (error != NULL) {
            cr_assert(vt_error_code(error) == VT_ERROR_TIMEOUT, "%s", vt_error_message(error));
            vt_error_destroy(error);
            return;
        }
        require_ok(vt_guest_resume(guest), "vt_guest_resume");
    }
}

/* 2,000 stops (100,000 in the long run) under a contended lock and busy pipes: no hang, nothing
 * torn. */
VARIANT_TEST(stop, many_under_contention)
{
    struct glass_filter filter = vt_filter(TRACE_SWITCH);
    unsigned count = harness_count(variant, 2000, 10, true);
    struct session *session;
    struct vt_guest *guest;
    int index;

    variant_require(variant);
    session = session_start_program(variant, "stop_load", NULL);
    session_stops_itself(session);
    guest = session_guest(session);
    session_expect(session, "loaded");
    filter.skip = 5;
    require_ok(vt_guest_stop_on(guest, &filter, &index), "stop_on");
    for (unsigned i = 0; i < count; i++) {
        struct vt_stop stop;

        require_ok(vt_guest_wait_stop(guest, session_timeout_ms(session), &stop), "wait_stop");
        check_parked(guest, variant->cpus, &stop);
        if (i % 100 == 0)
            check_one_running_per_cpu(guest, variant->cpus);
        if (i + 1 == count)
            require_ok(vt_guest_stop_off(guest, index), "stop_off");
        require_ok(vt_guest_resume(guest), "vt_guest_resume");
    }
    resume_late_stops(guest, variant->cpus);
    session_send(session, "end\n");
    session_expect(session, "fights whole");
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* Stops from outside at any moment, under the same load. */
VARIANT_TEST(stop, now)
{
    unsigned count = harness_count(variant, 300, 10, true);
    struct session *session;
    struct vt_guest *guest;

    variant_require(variant);
    session = session_start_program(variant, "stop_load", NULL);
    session_stops_itself(session);
    guest = session_guest(session);
    session_expect(session, "loaded");
    for (unsigned i = 0; i < count; i++) {
        struct vt_stop stop;

        require_ok(vt_guest_stop_now(guest), "stop_now");
        require_ok(vt_guest_wait_stop(guest, session_timeout_ms(session), &stop), "wait_stop");
        check_parked(guest, variant->cpus, &stop);
        require_ok(vt_guest_resume(guest), "vt_guest_resume");
    }
    session_send(session, "end\n");
    session_expect(session, "fights whole");
    session_wait_exit(session, 0);
    session_destroy(session);
}
