/*
 * tests/integration/test_trace_text.c - traces as text, read as a strict parser would: one regular
 * expression per kind of event, taken from the formats of Linux's own tracepoints (the `print fmt`
 * of events/.../format); no line may be of another form. And `vitrine trace NAME`, as text and
 * JSON.
 */
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/harness.h"

#define COMM       "[ -~]{1,15}" /* a name may have spaces and signs */
#define PID        "[0-9]+"
#define HEX        "[0-9a-f]+"
#define WORDS_ONLY HEX "( " HEX "){3}"

struct kind {
    const char *name, *expression;
    regex_t regex;
    unsigned seen;
};

/* Compiles the expressions, each between `before` and the end of the line. */
static void kinds_compile(struct kind *kinds, size_t count, const char *before)
{
    char whole[512];

    for (size_t i = 0; i < count; i++) {
        snprintf(whole, sizeof whole, "%s%s%s%s$", before, kinds[i].name, before[0] ? ": " : "",
                 kinds[i].expression);
        cr_assert(regcomp(&kinds[i].regex, whole, REG_EXTENDED) == 0, "%s", whole);
        kinds[i].seen = 0;
    }
}

static void kinds_free(struct kind *kinds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        regfree(&kinds[i].regex);
}

/* The one kind that a line is of. Its matched groups are returned. */
static struct kind *kind_of(struct kind *kinds, size_t count, const char *line, regmatch_t *groups,
                            size_t room)
{
    for (size_t i = 0; i < count; i++)
        if (regexec(&kinds[i].regex, line, room, groups, 0) == 0) {
            kinds[i].seen++;
            return &kinds[i];
        }
    cr_assert_fail("a line of no known form: %s", line);
    return NULL;
}

static void expect_seen(const struct kind *kinds, size_t count, const char *const *wanted)
{
    for (; *wanted != NULL; wanted++) {
        unsigned seen = 0;

        for (size_t i = 0; i < count; i++)
            if (strcmp(kinds[i].name, *wanted) == 0)
                seen += kinds[i].seen;
        cr_assert(seen > 0, "no event '%s' in the trace", *wanted);
    }
}

static long number(const char *line, regmatch_t group)
{
    return strtol(line + group.rm_so, NULL, 10);
}

/* What a memory file holds; NUL-terminated. */
static char *text_of(int fd)
{
    struct stat status;
    char *text;

    cr_assert(fstat(fd, &status) == 0);
    text = calloc(1, (size_t)status.st_size + 1);
    cr_assert(text != NULL && pread(fd, text, (size_t)status.st_size, 0) == status.st_size);
    return text;
}

/* ---- ftrace ---- */

#define FTRACE_HEAD                                                                                \
    "^ *(" COMM "|<idle>)-(" PID ") +\\[([0-9]{3})\\] [d.][.][.][.][1] +([0-9]+)\\.([0-9]{6}): "

static struct kind ftrace_kinds[] = {
    {.name = "sched_switch",
     .expression = "prev_comm=" COMM " prev_pid=(" PID ") prev_prio=[0-9]+ prev_state="
                   "(R|R\\+|S|D|T|Z|X) ==> next_comm=" COMM " next_pid=(" PID ") next_prio=[0-9]+"},
    {.name = "sched_wakeup",
     .expression = "comm=" COMM " pid=" PID " prio=[0-9]+ target_cpu=[0-9]{3}"},
    {.name = "sched_process_fork",
     .expression = "comm=" COMM " pid=" PID " child_comm=" COMM " child_pid=" PID},
    {.name = "sched_process_exec", .expression = "filename=[^ ]+ pid=" PID " old_pid=" PID},
    {.name = "sched_process_exit", .expression = "comm=" COMM " pid=" PID " prio=[0-9]+"},
    {.name = "sched_process_free", .expression = "comm=" COMM " pid=" PID " prio=[0-9]+"},
    {.name = "sched_migrate_task",
     .expression = "comm=" COMM " pid=" PID " prio=[0-9]+ orig_cpu=[0-9]+ dest_cpu=[0-9]+"},
    {.name = "signal_generate",
     .expression =
         "sig=[0-9]+ errno=-?[0-9]+ code=-?[0-9]+ comm=" COMM " pid=" PID " grp=[01] res=[0-4]"},
    {.name = "signal_deliver",
     .expression = "sig=[0-9]+ errno=-?[0-9]+ code=-?[0-9]+ sa_handler=" HEX " sa_flags=" HEX},
    {.name = "page_fault_user", .expression = "address=0x" HEX " ip=0x" HEX " error_code=0x" HEX},
    {.name = "sys_enter", .expression = "NR [0-9]+ \\(" HEX "(, " HEX "){5}\\)"},
    {.name = "sys_exit", .expression = "NR [0-9]+ = -?[0-9]+"},
    {.name = "task_rename",
     .expression = "pid=" PID " oldcomm=" COMM " newcomm=" COMM " oom_score_adj=-?[0-9]+"},
    /* Events of ours that Linux has not: names as tracepoints have them, then four words. */
    {.name = "vitrine_exception", .expression = WORDS_ONLY},
    {.name = "vitrine_syscall_unknown", .expression = WORDS_ONLY},
    {.name = "vitrine_stop_task", .expression = WORDS_ONLY},
    {.name = "vitrine_mark", .expression = WORDS_ONLY},
};
#define FTRACE_KINDS (sizeof ftrace_kinds / sizeof *ftrace_kinds)

struct ftrace_state {
    uint64_t last_us[BOOT_CPUS_MAX]; /* between CPUs a live trace may be a little out of order */
    long running[BOOT_CPUS_MAX];     /* tid as the last switch of the CPU says; -1 = none yet */
    size_t lines;
};

static void check_ftrace_line(struct ftrace_state *state, const char *line)
{
    regmatch_t groups[9];
    const struct kind *kind = kind_of(ftrace_kinds, FTRACE_KINDS, line, groups, 9);
    long tid = number(line, groups[2]), cpu = number(line, groups[3]);
    uint64_t now = (uint64_t)number(line, groups[4]) * 1000000 + (uint64_t)number(line, groups[5]);

    cr_assert(cpu >= 0 && cpu < BOOT_CPUS_MAX);
    cr_assert(now >= state->last_us[cpu], "time goes back on its CPU: %s", line);
    state->last_us[cpu] = now;
    state->lines++;
    /* Who is named as running is who was switched to. */
    cr_assert(state->running[cpu] < 0 || state->running[cpu] == tid,
              "CPU %ld ran %ld, but this line is of %ld: %s", cpu, state->running[cpu], tid, line);
    if (strcmp(kind->name, "sched_switch") != 0)
        return;
    cr_assert(number(line, groups[6]) == tid, "not by the task that leaves: %s", line);
    state->running[cpu] = number(line, groups[8]);
}

static void check_ftrace(char *text)
{
    struct ftrace_state state = {.lines = 0};
    char *rest;

    for (size_t i = 0; i < BOOT_CPUS_MAX; i++)
        state.running[i] = -1;
    cr_assert(strncmp(text, "# tracer: nop\n", 14) == 0, "no ftrace header");
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        if (*line != '#')
            check_ftrace_line(&state, line);
        else
            cr_assert(strstr(line, "lost") == NULL, "%s", line);
    cr_assert(state.lines > 50, "only %zu lines", state.lines);
}

/* A shell at its daily work; job control; a call that does not exist; a wild jump. */
#define ALL_SORTS                                                                                  \
    "sleep 100 & kill -STOP $!; kill -CONT $!; kill $!; wait; true | cat; rmmod nothing; "         \
    "sh -c 'kill -SEGV $$'; exit 0"

VARIANT_TEST(trace_text, ftrace_is_what_linux_writes)
{
    static const char *const wanted[] = {"sched_switch",
                                         "sched_wakeup",
                                         "sched_process_fork",
                                         "sched_process_exec",
                                         "sched_process_exit",
                                         "sched_process_free",
                                         "signal_generate",
                                         "signal_deliver",
                                         "page_fault_user",
                                         "sys_enter",
                                         "sys_exit",
                                         "task_rename",
                                         "vitrine_syscall_unknown",
                                         NULL};
    static const char *const arguments[] = {"/bin/sh", "-c", ALL_SORTS, NULL};
    struct session_settings settings = {
        .arguments = arguments, .trace = true, .trace_lossless = true, .trace_syscalls = true};
    struct session *session;
    struct vt_trace *trace;
    char *text;
    int fd;

    variant_require(variant);
    kinds_compile(ftrace_kinds, FTRACE_KINDS, FTRACE_HEAD);
    session = session_start(variant, &settings);
    require_ok(vt_trace_open(session_guest(session), false, &trace), "vt_trace_open");
    fd = memfd_create("trace", MFD_CLOEXEC);
    cr_assert(fd >= 0);
    require_ok(vt_trace_export(trace, VT_EXPORT_FTRACE, fd), "vt_trace_export");
    cr_assert(vt_trace_lost(trace) == 0);
    vt_trace_close(trace);
    session_wait_exit(session, 0);
    text = text_of(fd);
    check_ftrace(text);
    expect_seen(ftrace_kinds, FTRACE_KINDS, wanted);
    free(text);
    close(fd);
    kinds_free(ftrace_kinds, FTRACE_KINDS);
    session_destroy(session);
}

/* The same from the command, and with exceptions. */
VARIANT_TEST_ONE_CPU(trace_text, ftrace_of_faults)
{
    static const char *const wanted[] = {"vitrine_exception", "page_fault_user", "signal_deliver",
                                         NULL};
    const char *directory = getenv("XDG_RUNTIME_DIR");
    struct command_result result;
    char path[256], *text;
    int fd;

    variant_require(variant);
    kinds_compile(ftrace_kinds, FTRACE_KINDS, FTRACE_HEAD);
    snprintf(path, sizeof path, "%s/%d-faults.txt", directory != NULL ? directory : "/tmp",
             (int)getpid());
    result = COMMAND("run", "--quiet", "--accel", vt_accel_name(variant->accel), "--trace", path,
                     "--", guest_program("faults"));
    cr_assert(result.status == 0, "status %d: %s", result.status, result.err);
    command_free(&result);
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL);
    fd = fileno(file);
    text = text_of(fd);
    check_ftrace(text);
    expect_seen(ftrace_kinds, FTRACE_KINDS, wanted);
    free(text);
    fclose(file);
    unlink(path);
    kinds_free(ftrace_kinds, FTRACE_KINDS);
}

/* ---- vitrine trace NAME ---- */

#define WHO       COMM "/" PID
#define LINE_HEAD "^ *[0-9]+\\.[0-9]{6} \\[[01]\\] " WHO " "
#define ENDING    "(exit [0-9]+|signal [0-9]+ \\([A-Z0-9?+-]+\\))"

static struct kind line_kinds[] = {
    {.name = "switch", .expression = WHO " -> " WHO ", [a-z].+"},
    {.name = "wakeup", .expression = "wakes " WHO " on CPU [01] \\(it waited: [a-z ]+\\)"},
    {.name = "fork", .expression = "new (process|thread) " PID ", flags (0|0x" HEX ")"},
    {.name = "exec", .expression = "executes " COMM},
    {.name = "comm", .expression = "is now called " COMM},
    {.name = "exit", .expression = "ends: " ENDING "( \\(other threads go on\\))?"},
    {.name = "reap", .expression = "zombie " PID " noticed by " PID ": " ENDING},
    {.name = "signal",
     .expression = "signal [0-9]+ \\([A-Z0-9?+-]+\\) for " WHO
                   ": (queued|ignored|handler runs|deadly|stops it|continues it)"},
    {.name = "migrate", .expression = WHO " moves from CPU [01] to [01]"},
    {.name = "exception", .expression = "exception [0-9]+ at .+: signal [0-9]+"},
    {.name = "stop-task", .expression = WHO " stops, signal [0-9]+"},
    {.name = "syscall-unknown", .expression = "unknown system call [0-9]+"},
    {.name = "mark", .expression = ".+"},
};
#define LINE_KINDS (sizeof line_kinds / sizeof *line_kinds)

/*
 * Starts a machine that forks without end until a line comes, and `vitrine trace` beside it; sends
 * the line when the first event was printed. Returns what was printed.
 */
static char *follow(const struct variant *variant, bool json)
{
    char name[64];
    const char *machine_arguments[] = {
        "run",     "--quiet",
        "--accel", vt_accel_name(variant->accel),
        "--cpus",  variant->cpus == 2 ? "2" : "1",
        "--name",  name,
        "--",      "/bin/sh",
        "-c",      "(while :; do sleep 0.05; done) & read line; kill $!; true | true; exit 5",
        NULL};
    const char *look_arguments[] = {"trace", name, json ? "--json" : NULL, NULL};
    int input, look_input, fd = memfd_create("lines", MFD_CLOEXEC);
    struct stat status = {.st_size = 0};
    struct command_result result;
    pid_t machine, look;

    cr_assert(fd >= 0);
    snprintf(name, sizeof name, "trace-%d", (int)getpid());
    machine = command_start(machine_arguments, &input);
    for (int i = 0; i < 400; i++) {
        result = COMMAND("ps", name);
        int found = result.status == 0 && strstr(result.out, "sleep") != NULL;
        command_free(&result);
        if (found)
            break;
        usleep(25000);
    }
    look = command_start_to(look_arguments, fd, &look_input);
    for (int i = 0; i < 1000 && status.st_size < 2000; i++) {
        usleep(10000);
        cr_assert(fstat(fd, &status) == 0);
    }
    cr_assert(status.st_size > 0, "`vitrine trace` shows nothing of a running machine");
    cr_assert(write(input, "end\n", 4) == 4);
    close(input);
    cr_assert(command_wait(machine) == 5);
    cr_assert(command_wait(look) == 0, "`vitrine trace` does not end well with its machine");
    close(look_input);
    char *text = text_of(fd);
    close(fd);
    return text;
}

VARIANT_TEST(trace_text, follow_by_name)
{
    static const char *const wanted[] = {"switch", "wakeup", "fork", "exit",
                                         "reap",   "signal", "exec", NULL};
    char *text, *rest;

    variant_require(variant);
    kinds_compile(line_kinds, LINE_KINDS, LINE_HEAD);
    text = follow(variant, false);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        kind_of(line_kinds, LINE_KINDS, line, NULL, 0);
    expect_seen(line_kinds, LINE_KINDS, wanted);
    kinds_free(line_kinds, LINE_KINDS);
    free(text);
}

/* A line each, an object each; what is no integer for JSON is hexadecimal text. */
static void check_json_line(const char *line)
{
    static const char *const integers[] = {"time_ns", "cpu", "sequence", "tid", "pid"};
    json_error_t problem;
    json_t *event = json_loads(line, 0, &problem), *argument;
    size_t index;

    cr_assert(event != NULL, "%s: %s", problem.text, line);
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
        cr_assert(json_is_integer(json_object_get(event, integers[i])) &&
                      json_integer_value(json_object_get(event, integers[i])) >= 0,
                  "%s: %s", integers[i], line);
    cr_assert(json_is_string(json_object_get(event, "type")));
    cr_assert(json_array_size(json_object_get(event, "arguments")) == 4);
    json_array_foreach(json_object_get(event, "arguments"), index, argument)
    {
        const char *word = json_string_value(argument);

        if (word != NULL)
            cr_assert(strncmp(word, "0x", 2) == 0 && strtoull(word, NULL, 16) > INT64_MAX, "%s",
                      line);
        else
            cr_assert(json_is_integer(argument) && json_integer_value(argument) >= 0, "%s", line);
    }
    json_decref(event);
}

VARIANT_TEST_ONE_CPU(trace_text, follow_as_json)
{
    char *text, *rest;
    size_t lines = 0;

    variant_require(variant);
    text = follow(variant, true);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest), lines++)
        check_json_line(line);
    cr_assert(lines > 10);
    free(text);
}
