/* tests/integration/trace_files.c - see trace_files.h. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/trace_files.h"

/* ---- files ---- */

const char *const trace_endings[FILE_KINDS] = {"txt", "dat", "pftrace", "json"};
char trace_paths[FILE_KINDS][TRACE_PATH];

void trace_files_name(void)
{
    const char *directory = getenv("XDG_RUNTIME_DIR");

    for (unsigned i = 0; i < FILE_KINDS; i++)
        snprintf(trace_paths[i], TRACE_PATH, "%s/%d-trace.%s",
                 directory != NULL ? directory : "/tmp", (int)getpid(), trace_endings[i]);
}

void trace_files_remove(void)
{
    for (unsigned i = 0; i < FILE_KINDS; i++)
        unlink(trace_paths[i]);
}

char *trace_file_read(const char *path, size_t *ret_bytes)
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
char *trace_cmd_report(const char *const *arguments)
{
    const char *all[16] = {"report"};
    size_t count = 1;

    while (*arguments != NULL)
        all[count++] = *arguments++;
    all[count] = trace_paths[FILE_DAT];
    struct command_result result = tool_run("trace-cmd", all, NULL);
    cr_assert(result.status == 0, "trace-cmd: status %d: %s", result.status, result.err);
    cr_assert(result.err_bytes == 0, "trace-cmd complains: %s", result.err);
    free(result.err);
    return result.out;
}

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

void trace_cmd_check(const struct trace_lines *text, unsigned cpus)
{
    char number[16];

    for (unsigned cpu = 0; cpu < cpus; cpu++) {
        snprintf(number, sizeof number, "%u", cpu);
        struct trace_lines all =
            trace_lines_parse(TRACE_CMD_REPORT("-N", "-t", "--cpu", number), "cpus=");
        same_lines(text, &all, cpu, NULL);
        trace_lines_free(&all);
        struct trace_lines switches = trace_lines_parse(
            TRACE_CMD_REPORT("-N", "-t", "--cpu", number, "-F", "sched_switch"), "cpus=");
        same_lines(text, &switches, cpu, "sched_switch");
        trace_lines_free(&switches);
    }
    /* As people call it, and with the plugins. */
    struct trace_lines plain = trace_lines_parse(TRACE_CMD_REPORT("--ts-check"), "cpus=");
    cr_assert(plain.count == text->count, "%zu events of %zu", plain.count, text->count);
    trace_lines_free(&plain);
    char *events = TRACE_CMD_REPORT("--check-events");
    cr_assert(strstr(events, "ail") == NULL && strstr(events, "rror") == NULL, "%s", events);
    free(events);
}

/* ---- Perfetto ---- */

/* protoc must know every field: unknown ones it shows as numbers. */
void perfetto_check_protoc(void)
{
    const char *const arguments[] = {"--decode=perfetto.protos.Trace", "vmm/export/perfetto.proto",
                                     NULL};
    struct command_result result = tool_run("protoc", arguments, trace_paths[FILE_PERFETTO]);
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

struct wire_trace perfetto_read(void)
{
    struct wire_trace wire;
    size_t bytes;
    char *data = trace_file_read(trace_paths[FILE_PERFETTO], &bytes);

    wire_read((const unsigned char *)data, bytes, &wire);
    free(data);
    cr_assert(wire.boot_clock, "no boot clock");
    cr_assert(wire.start && wire.end, "no statistics of the start or the end");
    return wire;
}

void perfetto_check(const struct trace_lines *text, unsigned cpus)
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
    struct wire_trace wire = perfetto_read();
    size_t forks = trace_lines_count(text, "sched_process_fork");

    perfetto_check_protoc();
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

void chrome_json_check(size_t least_slices, size_t lost)
{
    struct command_result result =
        TOOL("python3", "tests/integration/chrome_json.py", trace_paths[FILE_JSON]);
    size_t events, slices, lost_events;

    cr_assert(result.status == 0, "%s", result.err);
    cr_assert(sscanf(result.out, "%zu events, %zu slices, %zu lost", &events, &slices,
                     &lost_events) == 3);
    cr_assert(slices >= least_slices, "%zu slices", slices);
    cr_assert(lost_events == lost, "%zu events lost, it says %zu", lost, lost_events);
    command_free(&result);
}
