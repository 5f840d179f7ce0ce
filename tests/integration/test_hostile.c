/*
 * tests/integration/test_hostile.c - programs that do what they must not: each dies or gets an
 * error, and the kernel lives on. "Lives" means: the program afterwards still forks, prints and
 * exits as it should.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/events.h"

/* Faults, kernel memory, privileged instructions, stack overflow: the right signal for each? */
VARIANT_TEST(hostile, faults_become_signals)
{
    const char *arguments[] = {guest_program("faults"), NULL};
    struct session_settings settings = {
        .arguments = arguments, .keep_input_open = true, .trace = true, .trace_lossless = true};
    struct event_log log;
    struct session *session;
    size_t position = 0, deadly = 0;
    const struct trace_record *record;
    struct vt_outcome outcome;

    variant_require(variant);
    session = session_start(variant, &settings);
    events_collect(session, &log);
    outcome = session_wait(session);
    cr_assert(outcome.kind == VT_OUTCOME_EXITED && outcome.status == 0, "%s",
              session_stdout(session, NULL));
    cr_assert(strstr(session_stdout(session, NULL), "survived\n") != NULL);
    events_finish(&log);
    while ((record = events_next(&log, &position, TRACE_SIGNAL, 0)) != NULL)
        deadly += record->arg[2] == TRACE_SIGNAL_DEADLY;
    cr_assert(deadly >= 30, "only %zu deadly signals in the trace", deadly);
    events_check_transitions(&log);
    events_free(&log);
    session_destroy(session);
}

/* Does no damaged ELF file bring the kernel down? */
VARIANT_TEST(hostile, bad_elf_files)
{
    char step[16];
    const char *arguments[] = {guest_program("bad_elf"), step, NULL};
    struct session_settings settings = {.arguments = arguments, .seconds = 300};
    struct session *session;

    variant_require(variant);
    snprintf(step, sizeof step, "%d", harness_is_long() ? 1 : harness_is_slow(variant) ? 101 : 5);
    session = session_start(variant, &settings);
    session_expect(session, "survived");
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* Does no system call with bad pointers or numbers bring the kernel down? */
VARIANT_TEST(hostile, bad_pointers)
{
    char step[16];
    const char *arguments[] = {guest_program("bad_pointers"), step, NULL};
    /* It holds addresses of the kernel, to pass them: not audited for having any. */
    struct session_settings settings = {.arguments = arguments, .seconds = 300, .unaudited = true};
    struct session *session;

    variant_require(variant);
    if (harness_is_slow(variant) && variant->cpus > 1 && !harness_is_long())
        cr_skip_test("kernel code is interpreted here: tried with one CPU only");
    snprintf(step, sizeof step, "%d", harness_is_slow(variant) && !harness_is_long() ? 13 : 1);
    session = session_start(variant, &settings);
    session_expect(session, "survived");
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* Do arguments, environment and auxiliary vector arrive as they should, in both C libraries? */
VARIANT_TEST(hostile, exec_arguments)
{
    static const char *const names[] = {"exec_args", "exec_args-musl"};

    variant_require(variant);
    for (int i = 0; i < 2; i++) {
        const char *program = guest_program(names[i]);
        const char *arguments[] = {program, "one", "", "three three", NULL};
        const char *environment[] = {"A=1", "B=x y", NULL};
        struct session_settings settings = {.arguments = arguments, .environment = environment};
        struct session *session;
        char expected[4096];

        snprintf(expected, sizeof expected,
                 "argument 0 <%s>\nargument 1 <one>\nargument 2 <>\nargument 3 <three three>\n"
                 "environment <A=1>\nenvironment <B=x y>\nchild 0\n",
                 program);
        session = session_start(variant, &settings);
        session_wait_exit(session, 0);
        cr_assert_str_eq(session_stdout(session, NULL), expected);
        session_destroy(session);
    }
}

/* Is a system call that does not exist an error, and counted? */
VARIANT_TEST(hostile, unknown_calls_are_counted)
{
    static const char *const arguments[] = {"/bin/busybox", "sh", "-c", "rmmod nothing; echo lives",
                                            NULL};
    struct session_settings settings = {.arguments = arguments, .trace = true};
    struct vt_counters counters;
    struct session *session;

    variant_require(variant);
    session = session_start(variant, &settings);
    session_expect(session, "lives");
    session_wait_exit(session, 0);
    require_ok(vt_guest_counters(session_guest(session), &counters), "vt_guest_counters");
    cr_assert(counters.unknown_system_calls >= 1, "delete_module() went uncounted");
    session_destroy(session);
}

static void expect_ok(const struct variant *variant, const char *program, const char *rounds)
{
    const char *arguments[] = {guest_program(program), rounds, NULL};
    struct session_settings settings = {.arguments = arguments, .seconds = 300};
    struct session *session;
    char line[64];

    variant_require(variant);
    session = session_start(variant, &settings);
    snprintf(line, sizeof(line), "%s ok", program);
    session_expect(session, line);
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* Does a handler find, and may it change, what Linux says? */
VARIANT_TEST(hostile, signal_handlers)
{
    expect_ok(variant, "signals", NULL);
}

/* Does a program have its vector registers again after a handler that used them? */
VARIANT_TEST(hostile, signal_vectors)
{
    expect_ok(variant, "signal_vectors", harness_is_slow(variant) ? "3" : "20");
}

/* Do forged signal frames only hurt the program that made them? */
VARIANT_TEST(hostile, signal_forgery)
{
    expect_ok(variant, "signal_forgery", NULL);
}
