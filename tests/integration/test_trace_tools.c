/*
 * tests/integration/test_trace_tools.c - are our traces what other people's tools read? Each run is
 * written in every format; trace-cmd, protoc and a strict JSON reader then say what they see, and
 * that is held against our own ftrace text of the same run.
 *
 * trace-cmd is told to use the files' own event descriptions (-N): its plugin for sched_switch
 * knows the state bits of older kernels only.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/broken_kernel.h"
#include "tests/integration/command.h"
#include "tests/integration/harness.h"
#include "tests/integration/perfetto_wire.h"
#include "tests/integration/trace_lines.h"

#define PATH_ROOM 256

/* ---- files ---- */

enum file { TEXT, DAT, PERFETTO, JSON, FILES };

static const char *const endings[FILES] = {"txt", "dat", "pftrace", "json"};
static const enum vt_export formats[FILES] = {VT_EXPORT_FTRACE, VT_EXPORT_TRACE_CMD,
                                              VT_EXPORT_PERFETTO, VT_EXPORT_CHROME_JSON};
static char paths[FILES][PATH_ROOM];

static void name_files(void)
{
    const char *directory = getenv("XDG_RUNTIME_DIR");

    for (unsigned i = 0; i < FILES; i++)
        snprintf(paths[i], PATH_ROOM, "%s/%d-trace.%s", directory != NULL ? directory : "/tmp",
                 (int)getpid(), endings[i]);
}

static void remove_files(void)
{
    for (unsigned i = 0; i < FILES; i++)
        unlink(paths[i]);
}

static char *read_file(const char *path, size_t *ret_bytes)
{
    FILE *file = fopen(path, "r");
    struct stat status;

    cr_assert(file != NULL && fstat(fileno(file), &status) == 0, "%s was not written", path);
    char *data = calloc(1, (size_t)status.st_size + 1);
    *ret_bytes = fread(data, 1, (size_t)status.st_size, file);
    cr_assert(*ret_bytes == (size_t)status.st_size);
    fclose(file);
    return data;
}

/* ---- trace-cmd ---- */

/* `trace-cmd report` with these arguments; it must have nothing to complain of. */
static char *report(const char *const *arguments)
{
    const char *all[16] = {"report"};
    size_t count = 1;

    while (*arguments != NULL)
        all[count++] = *arguments++;
    all[count] = paths[DAT];
    struct command_result result = tool_run("trace-cmd", all, NULL);
    cr_assert(result.status == 0, "trace-cmd: status %d: %s", result.status, result.err);
    cr_assert(result.err_bytes == 0, "trace-cmd complains: %s", result.err);
    free(result.err);
    return result.out;
}
#define REPORT(...) report((const char *const[]){__VA_ARGS__, NULL})

/* Are these the text's events of this CPU (name: NULL = all events), in the same order? */
static void same_lines(const struct trace_lines *text, const struct trace_lines *tool, unsigned cpu,
                       const char *name)
{
    size_t at = 0;

    for (size_t i = 0; i < text->count; i++) {
        const struct trace_line *ours = &text->list[i], *theirs = &tool->list[at];

        if (ours->cpu != cpu || (name != NULL && !trace_line_is(ours, name)))
            continue;
        cr_assert(at < tool->count, "CPU %u: trace-cmd has %zu events and not: %s", cpu,
                  tool->count, ours->event);
        cr_assert(theirs->cpu == cpu && theirs->tid == ours->tid && theirs->us == ours->us &&
                      theirs->name_bytes == ours->name_bytes &&
                      strncmp(theirs->event, ours->event, ours->name_bytes) == 0 &&
                      strcmp(trace_line_body(theirs), trace_line_body(ours)) == 0,
                  "CPU %u: we say\n%ld at %" PRIu64 ": %s\nand trace-cmd\n%ld at %" PRIu64 ": %s",
                  cpu, ours->tid, ours->us, ours->event, theirs->tid, theirs->us, theirs->event);
        at++;
    }
    cr_assert(at == tool->count, "CPU %u: trace-cmd has %zu events, we have %zu", cpu, tool->count,
              at);
}

static void check_trace_cmd(const struct trace_lines *text, unsigned cpus)
{
    char number[16];

    for (unsigned cpu = 0; cpu < cpus; cpu++) {
        snprintf(number, sizeof number, "%u", cpu);
        struct trace_lines all = trace_lines_parse(REPORT("-N", "-t", "--cpu", number), "cpus=");
        same_lines(text, &all, cpu, NULL);
        trace_lines_free(&all);
        struct trace_lines switches =
            trace_lines_parse(REPORT("-N", "-t", "--cpu", number, "-F", "sched_switch"), "cpus=");
        same_lines(text, &switches, cpu, "sched_switch");
        trace_lines_free(&switches);
    }
    /* As people call it, and with the plugins. */
    struct trace_lines plain = trace_lines_parse(REPORT("--ts-check"), "cpus=");
    cr_assert(plain.count == text->count, "%zu events of %zu", plain.count, text->count);
    trace_lines_free(&plain);
    char *events = REPORT("--check-events");
    cr_assert(strstr(events, "ail") == NULL && strstr(events, "rror") == NULL, "%s", events);
    free(events);
}

/* ---- Perfetto ---- */

/* protoc must know every field: unknown ones it shows as numbers. */
static void check_protoc(void)
{
    const char *const arguments[] = {"--decode=perfetto.protos.Trace", "vmm/export/perfetto.proto",
                                     NULL};
    struct command_result result = tool_run("protoc", arguments, paths[PERFETTO]);
    char *rest;

    cr_assert(result.status == 0 && result.err_bytes == 0, "protoc: %s", result.err);
    cr_assert(strstr(result.out, "sched_switch {") != NULL);
    for (char *one = strtok_r(result.out, "\n", &rest); one; one = strtok_r(NULL, "\n", &rest)) {
        one += strspn(one, " ");
        cr_assert(*one < '0' || *one > '9', "a field without a name: %s", one);
    }
    command_free(&result);
}

/* The state bits of Linux 4.14 and later, as Perfetto reads them. */
static int64_t state_bits(const char *letters)
{
    static const char names[] = "SDTtXZPI";
    const char *found = strchr(names, *letters);

    if (*letters == 'R')
        return letters[1] == '+' ? 0x100 : 0;
    cr_assert(found != NULL, "state %s", letters);
    return 1 << (found - names);
}

static void same_switch(const struct trace_line *ours, const struct wire_switch *theirs)
{
    char previous[32], next[32], state[8];
    const char *body = trace_line_body(ours), *arrow = strstr(body, " ==> next_comm=");
    const char *pid = strstr(body, " prev_pid="), *next_pid;
    long previous_tid, next_tid;

    cr_assert(arrow != NULL && pid != NULL);
    next_pid = strstr(arrow, " next_pid=");
    snprintf(previous, sizeof previous, "%.*s", (int)(pid - body - 10), body + 10);
    snprintf(next, sizeof next, "%.*s", (int)(next_pid - arrow - 15), arrow + 15);
    cr_assert(sscanf(pid, " prev_pid=%ld prev_prio=120 prev_state=%7s", &previous_tid, state) == 2);
    next_tid = strtol(next_pid + 10, NULL, 10);
    cr_assert(theirs->ns / 1000 == ours->us && theirs->previous == previous_tid &&
                  theirs->next == next_tid && theirs->state == state_bits(state) &&
                  strcmp(theirs->previous_comm, previous) == 0 &&
                  strcmp(theirs->next_comm, next) == 0,
              "we say %s, Perfetto is told %s/%d (%#x) -> %s/%d", body, theirs->previous_comm,
              (int)theirs->previous, (unsigned)theirs->state, theirs->next_comm, (int)theirs->next);
}

static void check_switches(const struct trace_lines *text, const struct wire_trace *wire,
                           unsigned cpu)
{
    size_t at = 0;

    for (size_t i = 0; i < text->count; i++) {
        if (text->list[i].cpu != cpu || !trace_line_is(&text->list[i], "sched_switch"))
            continue;
        while (at < wire->switch_count && wire->switches[at].cpu != cpu)
            at++;
        cr_assert(at < wire->switch_count, "CPU %u: no such switch: %s", cpu, text->list[i].event);
        same_switch(&text->list[i], &wire->switches[at++]);
    }
}

static struct wire_trace read_perfetto(void)
{
    struct wire_trace wire;
    size_t bytes;
    char *data = read_file(paths[PERFETTO], &bytes);

    wire_read((const unsigned char *)data, bytes, &wire);
    free(data);
    cr_assert(wire.boot_clock, "no boot clock");
    cr_assert(wire.start && wire.end, "no statistics of the start or the end");
    return wire;
}

static void check_perfetto(const struct trace_lines *text, unsigned cpus)
{
    /* Perfetto's number of each event and ours: what is seen there is what is seen here. */
    static const struct {
        const char *name;
        unsigned field;
    } events[] = {
        {"sched_switch", 4},         {"sched_wakeup", 17},        {"sched_process_exec", 237},
        {"sched_process_exit", 238}, {"sched_process_fork", 239}, {"sched_process_free", 240},
        {"signal_deliver", 324},     {"signal_generate", 325},    {"sys_enter", 329},
        {"sys_exit", 330},           {"sched_migrate_task", 491},
    };
    struct wire_trace wire = read_perfetto();
    size_t forks = trace_lines_count(text, "sched_process_fork");

    check_protoc();
    for (unsigned cpu = 0; cpu < cpus; cpu++)
        check_switches(text, &wire, cpu);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        cr_assert(wire.of_field[events[i].field] == trace_lines_count(text, events[i].name),
                  "%zu events %s, should be %zu", wire.of_field[events[i].field], events[i].name,
                  trace_lines_count(text, events[i].name));
    cr_assert(wire.generic_faults == trace_lines_count(text, "page_fault_user"));
    /* What Perfetto's tables of threads need besides. */
    cr_assert(wire.of_field[20] == wire.of_field[17], "sched_waking");
    cr_assert(wire.of_field[235] == forks, "task_newtask");
    cr_assert(wire.processes > forks && wire.threads >= wire.processes,
              "%zu processes, %zu threads told of, %zu forks", wire.processes, wire.threads, forks);
    cr_assert(wire.last_parent > 0, "a forked process without its parent");
    cr_assert(strncmp(wire.release, "6.1.", 4) == 0, "kernel release '%s'", wire.release);
    cr_assert(wire.overrun == 0 && wire.lossy_bundles == 0);
    wire_free(&wire);
}

/* ---- Chrome ---- */

static void check_json(size_t least_slices, size_t lost)
{
    struct command_result result = TOOL("python3", "tests/integration/chrome_json.py", paths[JSON]);
    size_t events, slices, lost_events;

    cr_assert(result.status == 0, "%s", result.err);
    cr_assert(sscanf(result.out, "%zu events, %zu slices, %zu lost", &events, &slices,
                     &lost_events) == 3);
    cr_assert(slices >= least_slices, "%zu slices", slices);
    cr_assert(lost_events == lost, "%zu events lost, it says %zu", lost, lost_events);
    command_free(&result);
}

/* ---- one run, every format ---- */

static void export_all(struct vt_trace *const readers[FILES])
{
    for (unsigned i = 0; i < FILES; i++) {
        FILE *file = fopen(paths[i], "w");

        cr_assert(file != NULL);
        require_ok(vt_trace_export(readers[i], formats[i], fileno(file)), endings[i]);
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
    struct vt_trace *readers[FILES];
    struct vt_stop stop;
    size_t bytes;

    variant_require(variant);
    name_files();
    struct session *session = session_start(variant, &settings);
    require_ok(vt_guest_wait_stop(session_guest(session), session_timeout_ms(session), &stop),
               "vt_guest_wait_stop");
    for (unsigned i = 0; i < FILES; i++)
        require_ok(vt_trace_open(session_guest(session), false, &readers[i]), "vt_trace_open");
    require_ok(vt_guest_resume(session_guest(session)), "vt_guest_resume");
    session_wait_exit(session, 0);
    export_all(readers);
    for (unsigned i = 0; i < FILES; i++) {
        cr_assert(vt_trace_lost(readers[i]) == 0, "the ring is too small for this test");
        vt_trace_close(readers[i]);
    }
    session_destroy(session);

    struct trace_lines text = trace_lines_parse(read_file(paths[TEXT], &bytes), "#");
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        cr_assert(trace_lines_count(&text, wanted[i]) > 0, "no event %s in this run", wanted[i]);
    check_trace_cmd(&text, variant->cpus);
    check_perfetto(&text, variant->cpus);
    check_json(20, 0);
    trace_lines_free(&text);
    remove_files();
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
    struct vt_trace *readers[FILES];
    uint64_t lost, dropped = 0, overrun = 0;
    struct vt_stop stop;
    size_t bytes, marks = 0;
    char expected[96];

    variant_require(variant);
    name_files();
    struct session *session = session_start(variant, &settings);
    require_ok(vt_guest_wait_stop(session_guest(session), session_timeout_ms(session), &stop),
               "vt_guest_wait_stop");
    for (unsigned i = 0; i < FILES; i++)
        require_ok(vt_trace_open(session_guest(session), false, &readers[i]), "vt_trace_open");
    require_ok(vt_guest_resume(session_guest(session)), "vt_guest_resume");
    session_wait_exit(session, 0);
    export_all(readers);
    lost = vt_trace_lost(readers[TEXT]);
    cr_assert(lost > 0, "nothing was lost");
    for (unsigned i = 0; i < FILES; i++) {
        cr_assert(vt_trace_lost(readers[i]) == lost);
        vt_trace_close(readers[i]);
    }
    session_destroy(session);

    /* Ours: in place as Linux says it, and the sum at the end. */
    char *text = read_file(paths[TEXT], &bytes);
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
    char *said = REPORT("-N");
    dropped = 0;
    for (char *at = said; (at = strstr(at, "CPU:")) != NULL; at++) {
        unsigned long cpu, count;

        cr_assert(sscanf(at, "CPU:%lu [%lu EVENTS DROPPED]", &cpu, &count) == 2, "%.60s", at);
        dropped += count;
    }
    free(said);
    cr_assert(dropped == lost, "trace-cmd says %" PRIu64 " of %" PRIu64, dropped, lost);
    said = REPORT("--stat");
    for (char *at = said; (at = strstr(at, "\noverrun: ")) != NULL; at++)
        overrun += strtoul(at + 10, NULL, 10);
    free(said);
    cr_assert(overrun == lost, "trace-cmd's statistics: %" PRIu64, overrun);

    struct wire_trace wire = read_perfetto();
    cr_assert(wire.overrun == lost, "Perfetto: %" PRIu64 " of %" PRIu64, wire.overrun, lost);
    cr_assert(wire.lossy_bundles == marks, "%zu bundles after a loss, %zu losses",
              wire.lossy_bundles, marks);
    wire_free(&wire);
    check_json(1, lost);
    remove_files();
}

/* ---- the command ---- */

/* One run into several files, and each is whole. */
VARIANT_TEST_ONE_CPU(trace_tools, run_writes_every_ending)
{
    const char *accel = vt_accel_name(variant->accel);
    size_t bytes;

    variant_require(variant);
    name_files();
    struct command_result result = COMMAND(
        "run", "--quiet", "--accel", accel, "--trace", paths[TEXT], "--trace", paths[DAT],
        "--trace", paths[PERFETTO], "--trace", paths[JSON], "--", "/bin/sh", "-c", "true | true");
    cr_assert(result.status == 0 && result.err_bytes == 0, "status %d: %s", result.status,
              result.err);
    command_free(&result);
    struct trace_lines text = trace_lines_parse(read_file(paths[TEXT], &bytes), "#");
    check_trace_cmd(&text, 1);
    check_perfetto(&text, 1);
    check_json(10, 0);
    trace_lines_free(&text);
    remove_files();
}

/* A kernel that panics while it starts leaves files without events, but whole ones. */
VARIANT_TEST_ONE_CPU(trace_tools, failure_before_the_trace)
{
    const char *accel = vt_accel_name(variant->accel);
    char kernel[PATH_MAX];

    variant_require(variant);
    name_files();
    broken_kernel_create("cpu_init", kernel);
    setenv("VITRINE_KERNEL", kernel, 1); /* this test is a process of its own */
    struct command_result result =
        COMMAND("run", "--quiet", "--accel", accel, "--trace", paths[TEXT], "--trace", paths[DAT],
                "--trace", paths[PERFETTO], "--trace", paths[JSON], "--", "/bin/true");
    unlink(kernel);
    cr_assert(result.status == 125, "status %d", result.status);
    command_free(&result);
    struct trace_lines none = trace_lines_parse(REPORT("-N"), "cpus=");
    cr_assert(none.count == 0);
    trace_lines_free(&none);
    struct wire_trace wire = read_perfetto();
    cr_assert(wire.events == 0);
    wire_free(&wire);
    check_json(0, 0);
    remove_files();
}

/* What is written of a machine that is killed amid its work? All until then. */
VARIANT_TEST_ONE_CPU(trace_tools, killed_machine)
{
    const char *accel = vt_accel_name(variant->accel);
    size_t bytes;

    variant_require(variant);
    name_files();
    struct command_result result =
        COMMAND("run", "--quiet", "--accel", accel, "--timeout", "1", "--trace", paths[TEXT],
                "--trace", paths[DAT], "--trace", paths[PERFETTO], "--trace", paths[JSON], "--",
                "/bin/sh", "-c", "true | true; while :; do :; done");
    cr_assert(result.status == 124, "status %d", result.status);
    command_free(&result);
    struct trace_lines text = trace_lines_parse(read_file(paths[TEXT], &bytes), "#");
    check_trace_cmd(&text, 1);
    check_perfetto(&text, 1);
    check_json(5, 0);
    trace_lines_free(&text);
    remove_files();
}

/* `vitrine trace NAME --output FILE`, ended by an interrupt or by the end of its machine. */
static void follow_into(const char *machine, enum file kind, int end_by, int input)
{
    const char *arguments[] = {"trace", machine, "--output", paths[kind], NULL};
    int unused;
    pid_t look = command_start(arguments, &unused);

    /* The file is made once the events are being read. */
    for (int i = 0; i < 1000 && access(paths[kind], F_OK) != 0; i++)
        usleep(10000);
    cr_assert(access(paths[kind], F_OK) == 0, "`vitrine trace` writes no file");
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
    name_files();
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
    follow_into(name, DAT, SIGINT, input);
    struct trace_lines lines = trace_lines_parse(REPORT("-N", "-F", "sched_switch"), "cpus=");
    trace_lines_free(&lines);
    follow_into(name, PERFETTO, 0, input);
    cr_assert(command_wait(machine) == 5);
    check_protoc();
    struct wire_trace wire = read_perfetto();
    cr_assert(wire.switch_count > 0 && wire.of_field[238] > 0, "the last exit is not there");
    wire_free(&wire);
    remove_files();
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
        for (unsigned j = 0; j < FILES; j++)
            cr_assert(strstr(err, endings[j]) != NULL, "%s is not named: %s", endings[j], err);
        cr_assert(strstr(err, ".perfetto-trace") != NULL, "%s", err);
        command_free(&results[i]);
    }
}
