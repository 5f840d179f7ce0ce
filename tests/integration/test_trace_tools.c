/*
 * tests/integration/test_trace_tools.c - are our traces what other people's tools read? Each run is
 * written in every format; trace-cmd, protoc and a strict JSON reader then say what they see, and
 * that is held against our own ftrace text of the same run.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/broken_kernel.h"
#include "tests/integration/command.h"
#include "tests/integration/harness.h"
#include "tests/integration/trace_files.h"

/* ---- one run, every format ---- */

static const enum vt_export formats[FILE_KINDS] = {VT_EXPORT_FTRACE, VT_EXPORT_TRACE_CMD,
                                                   VT_EXPORT_PERFETTO, VT_EXPORT_CHROME_JSON};

static void export_all(struct vt_trace *const readers[FILE_KINDS])
{
    for (unsigned i = 0; i < FILE_KINDS; i++) {
        FILE *file = fopen(trace_paths[i], "w");

        cr_assert(file != NULL);
        require_ok(vt_trace_export(readers[i], formats[i], fileno(file)), trace_endings[i]);
        fclose(file);
    }
}

/* A shell at its daily work; job control; a call that does not exist; a wild jump; long waits. */
#define ALL_SORTS                                                                                  \
    "sleep 100 & kill -STOP $!; kill -CONT $!; kill $!; wait; true | cat; rmmod nothing; "         \
    "sleep 0.2; sh -c 'kill -SEGV $$'; exit 0"

/* Do all tools see the same switches, tasks, states and times? */
VARIANT_TEST(trace_tools, every_format_tells_the_same)
{
    static const char *const arguments[] = {"/bin/sh", "-c", ALL_SORTS, NULL};
    static const char *const wanted[] = {
        "sched_switch",           "sched_wakeup",       "sched_process_fork", "sched_process_exec",
        "sched_process_exit",     "sched_process_free", "signal_generate",    "signal_deliver",
        "page_fault_user",        "sys_enter",          "sys_exit",           "task_rename",
        "vitrine_syscall_unknown"};
    struct session_settings settings = {.arguments = arguments,
                                        .trace = true,
                                        .trace_syscalls = true,
                                        .trace_ring_records = 1 << 17,
                                        .hold_at_start = true};
    struct vt_trace *readers[FILE_KINDS];
    struct vt_stop stop;
    size_t bytes;

    variant_require(variant);
    trace_files_name();
    struct session *session = session_start(variant, &settings);
    require_ok(vt_guest_wait_stop(session_guest(session), session_timeout_ms(session), &stop),
               "vt_guest_wait_stop");
    for (unsigned i = 0; i < FILE_KINDS; i++)
        require_ok(vt_trace_open(session_guest(session), false, &readers[i]), "vt_trace_open");
    require_ok(vt_guest_resume(session_guest(session)), "vt_guest_resume");
    session_wait_exit(session, 0);
    export_all(readers);
    for (unsigned i = 0; i < FILE_KINDS; i++) {
        cr_assert(vt_trace_lost(readers[i]) == 0, "the ring is too small for this test");
        vt_trace_close(readers[i]);
    }
    session_destroy(session);

    struct trace_lines text =
        trace_lines_parse(trace_file_read(trace_paths[FILE_TEXT], &bytes), "#");
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        cr_assert(trace_lines_count(&text, wanted[i]) > 0, "no event %s in this run", wanted[i]);
    trace_cmd_check(&text, variant->cpus);
    perfetto_check(&text, variant->cpus);
    chrome_json_check(20, 0);
    trace_lines_free(&text);
    trace_files_remove();
}

/* ---- losses ---- */

/* Do all formats say how many events are missing, and before which one? */
VARIANT_TEST(trace_tools, losses_are_stated)
{
    /* More events than the rings of all CPUs hold, however they are spread. */
    static const char *const arguments[] = {
        "/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8; do true | true | true; done", NULL};
    struct session_settings settings = {
        .arguments = arguments, .trace = true, .trace_ring_records = 64, .hold_at_start = true};
    struct vt_trace *readers[FILE_KINDS];
    uint64_t lost, dropped = 0, overrun = 0;
    struct vt_stop stop;
    size_t bytes, marks = 0;
    char expected[96];

    variant_require(variant);
    trace_files_name();
    struct session *session = session_start(variant, &settings);
    require_ok(vt_guest_wait_stop(session_guest(session), session_timeout_ms(session), &stop),
               "vt_guest_wait_stop");
    for (unsigned i = 0; i < FILE_KINDS; i++)
        require_ok(vt_trace_open(session_guest(session), false, &readers[i]), "vt_trace_open");
    require_ok(vt_guest_resume(session_guest(session)), "vt_guest_resume");
    session_wait_exit(session, 0);
    export_all(readers);
    lost = vt_trace_lost(readers[FILE_TEXT]);
    cr_assert(lost > 0, "nothing was lost");
    for (unsigned i = 0; i < FILE_KINDS; i++) {
        cr_assert(vt_trace_lost(readers[i]) == lost);
        vt_trace_close(readers[i]);
    }
    session_destroy(session);

    /* Ours: in place as Linux says it, and the sum at the end. */
    char *text = trace_file_read(trace_paths[FILE_TEXT], &bytes);
    snprintf(expected, sizeof expected, "\n# %" PRIu64 " events were lost\n", lost);
    cr_assert(strstr(text, expected) != NULL, "no \"%s\"", expected);
    for (char *at = text; (at = strstr(at, "\nCPU:")) != NULL; at++, marks++) {
        unsigned long cpu, count;

        cr_assert(sscanf(at, "\nCPU:%lu [LOST %lu EVENTS]", &cpu, &count) == 2);
        dropped += count;
    }
    cr_assert(dropped == lost, "%" PRIu64 " of %" PRIu64 " in place", dropped, lost);
    free(text);

    /* trace-cmd: from the pages, and from its statistics. */
    char *said = TRACE_CMD_REPORT("-N");
    dropped = 0;
    for (char *at = said; (at = strstr(at, "CPU:")) != NULL; at++) {
        unsigned long cpu, count;

        cr_assert(sscanf(at, "CPU:%lu [%lu EVENTS DROPPED]", &cpu, &count) == 2, "%.60s", at);
        dropped += count;
    }
    free(said);
    cr_assert(dropped == lost, "trace-cmd says %" PRIu64 " of %" PRIu64, dropped, lost);
    said = TRACE_CMD_REPORT("--stat");
    for (char *at = said; (at = strstr(at, "\noverrun: ")) != NULL; at++)
        overrun += strtoul(at + 10, NULL, 10);
    free(said);
    cr_assert(overrun == lost, "trace-cmd's statistics: %" PRIu64, overrun);

    struct wire_trace wire = perfetto_read();
    cr_assert(wire.overrun == lost, "Perfetto: %" PRIu64 " of %" PRIu64, wire.overrun, lost);
    cr_assert(wire.lossy_bundles == marks, "%zu bundles after a loss, %zu losses",
              wire.lossy_bundles, marks);
    wire_free(&wire);
    chrome_json_check(1, lost);
    trace_files_remove();
}

/* ---- the command ---- */

/* One run into several files, and each is whole. */
VARIANT_TEST_ONE_CPU(trace_tools, run_writes_every_ending)
{
    const char *accel = vt_accel_name(variant->accel);
    size_t bytes;

    variant_require(variant);
    trace_files_name();
    struct command_result result =
        COMMAND("run", "--quiet", "--accel", accel, "--trace", trace_paths[FILE_TEXT], "--trace",
                trace_paths[FILE_DAT], "--trace", trace_paths[FILE_PERFETTO], "--trace",
                trace_paths[FILE_JSON], "--", "/bin/sh", "-c", "true | true");
    cr_assert(result.status == 0 && result.err_bytes == 0, "status %d: %s", result.status,
              result.err);
    command_free(&result);
    struct trace_lines text =
        trace_lines_parse(trace_file_read(trace_paths[FILE_TEXT], &bytes), "#");
    trace_cmd_check(&text, 1);
    perfetto_check(&text, 1);
    chrome_json_check(10, 0);
    trace_lines_free(&text);
    trace_files_remove();
}

/* A kernel that panics while it starts leaves files without events, but whole ones. */
VARIANT_TEST_ONE_CPU(trace_tools, failure_before_the_trace)
{
    const char *accel = vt_accel_name(variant->accel);
    char kernel[PATH_MAX];

    variant_require(variant);
    trace_files_name();
    broken_kernel_create("cpu_init", kernel);
    setenv("VITRINE_KERNEL", kernel, 1); /* this test is a process of its own */
    struct command_result result =
        COMMAND("run", "--quiet", "--accel", accel, "--trace", trace_paths[FILE_TEXT], "--trace",
                trace_paths[FILE_DAT], "--trace", trace_paths[FILE_PERFETTO], "--trace",
                trace_paths[FILE_JSON], "--", "/bin/true");
    unlink(kernel);
    cr_assert(result.status == 125, "status %d", result.status);
    command_free(&result);
    struct trace_lines none = trace_lines_parse(TRACE_CMD_REPORT("-N"), "cpus=");
    cr_assert(none.count == 0);
    trace_lines_free(&none);
    struct wire_trace wire = perfetto_read();
    cr_assert(wire.events == 0);
    wire_free(&wire);
    chrome_json_check(0, 0);
    trace_files_remove();
}

/* What is written of a machine that is killed amid its work? All until then. */
VARIANT_TEST_ONE_CPU(trace_tools, killed_machine)
{
    const char *accel = vt_accel_name(variant->accel);
    size_t bytes;

    variant_require(variant);
    trace_files_name();
    struct command_result result = COMMAND(
        "run", "--quiet", "--accel", accel, "--timeout", "1", "--trace", trace_paths[FILE_TEXT],
        "--trace", trace_paths[FILE_DAT], "--trace", trace_paths[FILE_PERFETTO], "--trace",
        trace_paths[FILE_JSON], "--", "/bin/sh", "-c", "true | true; while :; do :; done");
    cr_assert(result.status == 124, "status %d", result.status);
    command_free(&result);
    struct trace_lines text =
        trace_lines_parse(trace_file_read(trace_paths[FILE_TEXT], &bytes), "#");
    trace_cmd_check(&text, 1);
    perfetto_check(&text, 1);
    chrome_json_check(5, 0);
    trace_lines_free(&text);
    trace_files_remove();
}

/* `vitrine trace NAME --output FILE`, ended by an interrupt or by the end of its machine. */
static void follow_into(const char *machine, enum trace_file_kind kind, int end_by, int input)
{
    const char *arguments[] = {"trace", machine, "--output", trace_paths[kind], NULL};
    int unused;
    pid_t look = command_start(arguments, &unused);

    /* The file is made once the events are being read. */
    for (int i = 0; i < 1000 && access(trace_paths[kind], F_OK) != 0; i++)
        usleep(10000);
    cr_assert(access(trace_paths[kind], F_OK) == 0, "`vitrine trace` writes no file");
    if (end_by != 0) {
        kill(look, end_by);
    } else {
        cr_assert(write(input, "end\n", 4) == 4);
        close(input);
    }
    cr_assert(command_wait(look) == 0, "`vitrine trace --output` does not end well");
    close(unused);
}

VARIANT_TEST_ONE_CPU(trace_tools, follow_into_a_file)
{
    char name[64];
    const char *arguments[] = {
        "run",     "--quiet",
        "--accel", vt_accel_name(variant->accel),
        "--name",  name,
        "--",      "/bin/sh",
        "-c",      "(while :; do sleep 0.05; done) & read line; kill $!; exit 5",
        NULL};
    struct command_result result;
    int input;

    variant_require(variant);
    trace_files_name();
    snprintf(name, sizeof name, "tools-%d", (int)getpid());
    pid_t machine = command_start(arguments, &input);
    for (int i = 0; i < 400; i++) {
        result = COMMAND("ps", name);
        int found = result.status == 0 && strstr(result.out, "sleep") != NULL;
        command_free(&result);
        if (found)
            break;
        usleep(25000);
    }
    follow_into(name, FILE_DAT, SIGINT, input);
    struct trace_lines lines =
        trace_lines_parse(TRACE_CMD_REPORT("-N", "-F", "sched_switch"), "cpus=");
    trace_lines_free(&lines);
    follow_into(name, FILE_PERFETTO, 0, input);
    cr_assert(command_wait(machine) == 5);
    perfetto_check_protoc();
    struct wire_trace wire = perfetto_read();
    cr_assert(wire.switch_count > 0 && wire.of_field[238] > 0, "the last exit is not there");
    wire_free(&wire);
    trace_files_remove();
}

/* Is a name without a known ending refused in one line that names them, before anything happens? */
Test(trace_tools, unknown_ending)
{
    struct command_result results[] = {
        COMMAND("run", "--trace", "/nowhere/trace.doc", "--", "/bin/true"),
        COMMAND("run", "--trace", ".dat", "--", "/bin/true"),
        COMMAND("trace", "no-such-machine", "--output", "/nowhere/trace.doc"),
    };

    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        const char *err = results[i].err;

        cr_assert(results[i].status == 125, "status %d", results[i].status);
        cr_assert(strchr(err, '\n') == err + strlen(err) - 1, "not one line: %s", err);
        for (unsigned j = 0; j < FILE_KINDS; j++)
            cr_assert(strstr(err, trace_endings[j]) != NULL, "%s is not named: %s",
                      trace_endings[j], err);
        cr_assert(strstr(err, ".perfetto-trace") != NULL, "%s", err);
        command_free(&results[i]);
    }
}
