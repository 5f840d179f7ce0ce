/*
 * tests/integration/test_command.c - the `vitrine` command as people and scripts use it: statuses,
 * streams, traces in files, looking at a machine by name, and one clear line for every kind of bad
 * input.
 */
#include <criterion/hooks.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/harness.h"

#define RUN_MAX 24

/* `vitrine run --quiet --accel A --cpus N ARGUMENTS...` */
static struct command_result run_variant(const struct variant *variant, const char *const *more,
                                         const void *input, size_t input_bytes)
{
    const char *arguments[RUN_MAX] = {"run",     "--quiet",
                                      "--accel", vt_accel_name(variant->accel),
                                      "--cpus",  variant->cpus == 2 ? "2" : "1"};
    size_t count = 6;

    while (*more != NULL && count < RUN_MAX - 1)
        arguments[count++] = *more++;
    return command_run(arguments, input, input_bytes);
}

#define RUN_VARIANT(variant, ...)                                                                  \
    run_variant(variant, (const char *const[]){__VA_ARGS__, NULL}, NULL, 0)

static void expect(struct command_result result, int status, const char *out)
{
    cr_assert(result.status == status, "status %d instead of %d; stderr: %s", result.status, status,
              result.err);
    if (out != NULL)
        cr_assert_str_eq(result.out, out);
    command_free(&result);
}

/* The main job, as the manual says it. --quiet: nothing but the program's own output. */
VARIANT_TEST(command, pipeline)
{
    struct command_result result;

    variant_require(variant);
    result = RUN_VARIANT(variant, "--", "/bin/busybox", "sh", "-c", "ls -la / | grep bin | wc -l");
    cr_assert_str_eq(result.err, "");
    expect(result, 0, "1\n");
}

VARIANT_TEST(command, statuses)
{
    variant_require(variant);
    expect(RUN_VARIANT(variant, "--", "/bin/sh", "-c", "exit 7"), 7, "");
    expect(RUN_VARIANT(variant, "--", "/bin/sh", "-c", "kill -9 $$"), 137, "");
    expect(RUN_VARIANT(variant, "--", "/bin/not-there"), 127, "");
    expect(RUN_VARIANT(variant, "--", "/etc/passwd"), 126, "");
    expect(RUN_VARIANT(variant, "--env", "COLOUR=blue", "--cwd", "/tmp", "--", "/bin/sh", "-c",
                       "echo $COLOUR; pwd"),
           0, "blue\n/tmp\n");
    expect(RUN_VARIANT(variant, "--timeout", "1", "--", "/bin/sleep", "1000"), 124, "");
}

VARIANT_TEST(command, bytes)
{
    unsigned char data[70000], *p = data;
    const char *cat[] = {"--", "/bin/cat", NULL};
    struct command_result result;

    variant_require(variant);
    for (size_t i = 0; i < sizeof data; i++)
        *p++ = (unsigned char)(i * 7 + i / 251);
    result = run_variant(variant, cat, data, sizeof data);
    cr_assert(result.status == 0, "%s", result.err);
    cr_assert(result.out_bytes == sizeof data && memcmp(result.out, data, sizeof data) == 0,
              "%zu bytes of %zu came back, or others", result.out_bytes, sizeof data);
    command_free(&result);
}

/* ---- trace files ---- */

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t room = 0;
    ssize_t got;

    cr_assert(file != NULL, "%s was not written", path);
    got = getdelim(&text, &room, '\0', file);
    cr_assert(got > 0, "%s is empty", path);
    fclose(file);
    return text;
}

static const char *scratch_path(const char *name)
{
    static char path[256];
    const char *directory = getenv("XDG_RUNTIME_DIR");

    snprintf(path, sizeof path, "%s/%d-%s", directory != NULL ? directory : "/tmp", (int)getpid(),
             name);
    return path;
}

/* One line of ftrace's text format: comm-pid [cpu] flags seconds.micros: event: fields */
static bool is_ftrace_line(const char *line)
{
    int cpu, pid;
    double seconds;
    char event[64];
    const char *bracket = strchr(line, '['), *dash;

    if (bracket == NULL || sscanf(bracket, "[%d] %*s %lf: %63[a-z_]:", &cpu, &seconds, event) != 3)
        return false;
    for (dash = bracket; dash > line && *dash != '-'; dash--)
        ;
    return *dash == '-' && sscanf(dash + 1, "%d", &pid) == 1;
}

VARIANT_TEST(command, trace_text)
{
    const char *path = scratch_path("trace.txt");
    unsigned lines = 0;
    char *text, *line, *rest;

    variant_require(variant);
    expect(RUN_VARIANT(variant, "--trace", path, "--", "/bin/sh", "-c", "true | true"), 0, "");
    text = read_file(path);
    cr_assert(strncmp(text, "# tracer: nop", 13) == 0, "no ftrace header");
    cr_assert(strstr(text, "sched_switch: prev_comm=") && strstr(text, "sched_wakeup: comm=") &&
                  strstr(text, "sched_process_fork: ") && strstr(text, "sched_process_exec: ") &&
                  strstr(text, "sched_process_exit: "),
              "an event is missing");
    for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        if (*line == '#')
            continue;
        cr_assert(is_ftrace_line(line), "not ftrace: %s", line);
        lines++;
    }
    cr_assert(lines > 20);
    free(text);
    unlink(path);
}

VARIANT_TEST(command, trace_json)
{
    const char *path = scratch_path("trace.json");
    json_error_t problem;
    json_t *root, *events, *event;
    size_t index, complete = 0;

    variant_require(variant);
    expect(RUN_VARIANT(variant, "--trace", path, "--", "/bin/sh", "-c", "true | true"), 0, "");
    root = json_load_file(path, 0, &problem);
    cr_assert(root != NULL, "line %d: %s", problem.line, problem.text);
    events = json_is_array(root) ? root : json_object_get(root, "traceEvents");
    cr_assert(json_array_size(events) > 10);
    json_array_foreach(events, index, event)
    {
        const char *phase = json_string_value(json_object_get(event, "ph"));

        cr_assert(phase != NULL && json_object_get(event, "pid") != NULL, "event %zu", index);
        cr_assert(*phase == 'M' || json_is_number(json_object_get(event, "ts")), "event %zu",
                  index);
        complete += *phase == 'X' || *phase == 'B';
    }
    cr_assert(complete > 0, "no slice of running time");
    json_decref(root);
    unlink(path);
}

/* ---- a running machine, by name ---- */

static struct command_result wait_for_name(const char *name)
{
    struct command_result result;

    for (int i = 0; i < 200; i++) {
        result = COMMAND("ps", "--json", name);
        if (result.status == 0 && strstr(result.out, "sleep") != NULL)
            return result;
        command_free(&result);
        usleep(50000);
    }
    cr_assert_fail("`vitrine ps %s` never showed the machine", name);
    return result;
}

static void check_task_json(const json_t *task, size_t index)
{
    static const char *const integers[] = {"pid",  "tid",      "ppid",     "pgid",  "sid",   "cpu",
                                           "nice", "utime_ns", "stime_ns", "nvcsw", "nivcsw"};

    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
        cr_assert(json_is_integer(json_object_get(task, integers[i])), "task %zu has no %s", index,
                  integers[i]);
    cr_assert(json_is_string(json_object_get(task, "state")) &&
                  json_is_string(json_object_get(task, "comm")) &&
                  json_object_get(task, "policy") != NULL,
              "task %zu", index);
}

VARIANT_TEST(command, look_by_name)
{
    char name[64];
    const char *arguments[] = {"run",     "--quiet",
                               "--accel", vt_accel_name(variant->accel),
                               "--cpus",  variant->cpus == 2 ? "2" : "1",
                               "--name",  name,
                               "--",      "/bin/sh",
                               "-c",      "sleep 1000 & sleep 1000 & read line; exit 5",
                               NULL};
    struct command_result result;
    json_t *tasks, *task;
    json_error_t problem;
    size_t index;
    unsigned sleepers = 0;
    pid_t machine;
    int input;

    variant_require(variant);
    snprintf(name, sizeof name, "look-%d", (int)getpid());
    machine = command_start(arguments, &input);
    result = wait_for_name(name);
    command_free(&result);
    usleep(300000);
    result = COMMAND("ps", "--json", name);
    tasks = json_loads(result.out, 0, &problem);
    cr_assert(json_is_array(tasks), "ps --json: %s", problem.text);
    json_array_foreach(tasks, index, task)
    {
        check_task_json(task, index);
        sleepers += strcmp(json_string_value(json_object_get(task, "comm")), "sleep") == 0;
    }
    cr_assert(sleepers == 2, "%u tasks are called sleep: %s", sleepers, result.out);
    json_decref(tasks);
    command_free(&result);
    result = COMMAND("tree", name);
    cr_assert(result.status == 0 && strstr(result.out, "sleep") != NULL, "%s", result.err);
    command_free(&result);
    result = COMMAND("tree", "--json", name);
    tasks = json_loads(result.out, 0, &problem);
    cr_assert(tasks != NULL, "tree --json: %s", problem.text);
    json_decref(tasks);
    command_free(&result);
    /* The name is taken as long as the machine runs. */
    result = COMMAND("run", "--quiet", "--name", name, "--", "/bin/true");
    cr_assert(result.status == 125 && strstr(result.err, name) != NULL, "status %d: %s",
              result.status, result.err);
    command_free(&result);
    cr_assert(write(input, "end\n", 4) == 4);
    close(input);
    cr_assert(command_wait(machine) == 5);
    result = COMMAND("ps", name);
    cr_assert(result.status != 0, "an ended machine is still there");
    command_free(&result);
}

/* ---- bad input: one clear line, status 125 ---- */

static void expect_refusal(struct command_result result, const char *about)
{
    size_t lines = 0;

    for (const char *p = result.err; *p != '\0'; p++)
        lines += *p == '\n';
    cr_assert(result.status == 125, "status %d for a bad %s; stderr: %s", result.status, about,
              result.err);
    cr_assert(lines == 1, "%zu lines about a bad %s: %s", lines, about, result.err);
    cr_assert(strncmp(result.err, "vitrine: ", 9) == 0, "%s", result.err);
    cr_assert(result.out_bytes == 0);
    command_free(&result);
}

static struct command_result run_with_environment(const char *name, const char *value)
{
    struct command_result result;
    const char *set = getenv(name);
    char *old = set != NULL ? strdup(set) : NULL;

    setenv(name, value, 1);
    result = COMMAND("run", "--quiet", "--accel", "qemu", "--", "/bin/true");
    if (old != NULL)
        setenv(name, old, 1);
    else
        unsetenv(name);
    free(old);
    return result;
}

Test(refusals, values)
{
    expect_refusal(COMMAND("run", "--cpus", "0", "--", "/bin/true"), "--cpus");
    expect_refusal(COMMAND("run", "--cpus", "65", "--", "/bin/true"), "--cpus");
    expect_refusal(COMMAND("run", "--cpus", "two", "--", "/bin/true"), "--cpus");
    expect_refusal(COMMAND("run", "--mem", "0", "--", "/bin/true"), "--mem");
    expect_refusal(COMMAND("run", "--mem", "-5M", "--", "/bin/true"), "--mem");
    expect_refusal(COMMAND("run", "--mem", "12X", "--", "/bin/true"), "--mem");
    expect_refusal(COMMAND("run", "--mem", "1M", "--", "/bin/true"), "too little --mem");
    expect_refusal(COMMAND("run", "--accel", "xen", "--", "/bin/true"), "--accel");
    expect_refusal(COMMAND("run", "--timeout", "soon", "--", "/bin/true"), "--timeout");
    expect_refusal(COMMAND("run", "--env", "=x", "--", "/bin/true"), "--env");
    expect_refusal(COMMAND("run", "--trace", "file.doc", "--", "/bin/true"), "--trace");
    expect_refusal(COMMAND("run", "--icount", "--cpus", "2", "--", "/bin/true"), "--icount");
    expect_refusal(COMMAND("run", "--gdb", "99999", "--", "/bin/true"), "--gdb");
    expect_refusal(COMMAND("run", "--name", "a/b", "--", "/bin/true"), "--name");
    expect_refusal(COMMAND("run"), "missing program");
    expect_refusal(COMMAND("profile", "-p", "1.5"), "-p wants a whole number");
    expect_refusal(COMMAND("profile", "-F", "0"), "-F wants a number from 0.1 to 10000");
    expect_refusal(COMMAND("strace", "--pid", "0"), "--pid wants a number from 1 to 2147483647");
    expect_refusal(COMMAND("top", "--batch", "-n", "some"), "-n wants a number");
    expect_refusal(COMMAND("trace", "--summary", "--seconds", "0"), "--seconds wants a number");
}

/* Options of the contract that do not work yet are refused, never ignored. */
Test(refusals, planned_options)
{
    struct command_result help = COMMAND("run", "--help");

    cr_assert(help.status == 0);
    cr_assert(strstr(help.out, "--policy") == NULL);
    command_free(&help);
    expect_refusal(COMMAND("run", "--policy", "file", "--", "/bin/true"), "--policy");
    expect_refusal(COMMAND("run", "--audit=sometimes", "--", "/bin/true"), "--audit");
}

/* Is a run that breaks no promise as it would be without an audit: the program's own status, no
 * violation; with JSON that says what was judged? */
VARIANT_TEST(command, audited_run)
{
    const char *path = scratch_path("audit.json");
    char *text;

    variant_require(variant);
    expect(RUN_VARIANT(variant, "--audit", "--json", path, "--", "/bin/sh", "-c",
                       "ls / >/dev/null; exit 3"),
           3, "");
    text = read_file(path);
    cr_assert(strstr(text, "\"violations\": []") != NULL, "%s", text);
    cr_assert(strstr(text, "\"worlds\": 0") == NULL, "nothing was judged");
    free(text);
}

Test(refusals, files)
{
    char path[300];
    FILE *file;

    expect_refusal(COMMAND("run", "--rootfs", "/nowhere/at/all", "--", "/bin/true"), "--rootfs");
    expect_refusal(COMMAND("run", "--rootfs", "/dev/null", "--", "/bin/true"), "--rootfs");
    snprintf(path, sizeof path, "%s", scratch_path("not-an-archive.tar"));
    file = fopen(path, "w");
    cr_assert(file != NULL);
    fputs("this is no archive\n", file);
    fclose(file);
    expect_refusal(COMMAND("run", "--rootfs", path, "--", "/bin/true"), "archive");
    unlink(path);
    expect_refusal(COMMAND("run", "--quiet", "--trace", "/nowhere/x.txt", "--", "/bin/true"),
                   "--trace file");
    expect_refusal(COMMAND("ps", "no-such-machine"), "machine's name");
    expect_refusal(COMMAND("frobnicate"), "sub-command");
}

Test(refusals, backends_and_kernels)
{
    char path[300];
    FILE *file;

    expect_refusal(run_with_environment("PATH", "/nowhere"), "PATH without QEMU");
    expect_refusal(run_with_environment("VITRINE_KERNEL", "/nowhere/kernel"), "kernel path");
    expect_refusal(run_with_environment("VITRINE_KERNEL", "/bin/busybox"),
                   "kernel without PVH note");
    snprintf(path, sizeof path, "%s", scratch_path("short-kernel"));
    file = fopen(path, "w");
    cr_assert(file != NULL);
    fwrite("\177ELF\2\1\1", 1, 7, file);
    fclose(file);
    expect_refusal(run_with_environment("VITRINE_KERNEL", path), "truncated kernel");
    unlink(path);
}

/* ---- doctor ---- */

Test(doctor, text_and_json)
{
    struct command_result result = COMMAND("doctor");
    json_t *root;
    json_error_t problem;
    const char *verdict;

    cr_assert(result.status == 0 && result.out_bytes > 0, "%s", result.err);
    command_free(&result);
    result = COMMAND("doctor", "--json");
    root = json_loads(result.out, 0, &problem);
    cr_assert(root != NULL, "%s", problem.text);
    verdict = json_string_value(json_object_get(root, "verdict"));
    cr_assert(verdict != NULL && (strcmp(verdict, "native") == 0 || strcmp(verdict, "soft") == 0 ||
                                  strcmp(verdict, "none") == 0));
    json_decref(root);
    command_free(&result);
}

/* ---- how long it takes ---- */

/* `vitrine run -- /bin/true` from start to end, with the image in the cache; the fastest of some.
 */
VARIANT_TEST_ONE_CPU(command, time_of_true)
{
    struct timespec before, after;
    double best = 1e9, limit = variant->accel == VT_ACCEL_QEMU ? 0.3 : 0.6;

    variant_require(variant);
    for (int i = 0; i < 6; i++) {
        double seconds;

        clock_gettime(CLOCK_MONOTONIC, &before);
        expect(RUN_VARIANT(variant, "--", "/bin/true"), 0, "");
        clock_gettime(CLOCK_MONOTONIC, &after);
        seconds =
            (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
        if (seconds < best)
            best = seconds;
    }
    cr_assert(best <= limit, "the fastest of 6 took %.3f s, the limit is %.1f s", best, limit);
}

/* From the kernel's entry point to the first user instruction: at most 150,000 instructions. */
Test(doctor, boot_instructions)
{
    const char *path = scratch_path("boot.json");
    json_t *root;
    json_error_t problem;

    if (!harness_host()->qemu_present)
        cr_skip_test("qemu-system-x86_64 is not installed");
    expect(
        COMMAND("run", "--quiet", "--accel", "qemu", "--icount", "--json", path, "--", "/bin/true"),
        0, "");
    root = json_load_file(path, 0, &problem);
    cr_assert(root != NULL, "%s", problem.text);
    cr_assert(json_integer_value(json_object_get(root, "boot_ns")) > 0);
    cr_assert(json_integer_value(json_object_get(root, "boot_ns")) <= 150000,
              "boot takes %lld instructions",
              (long long)json_integer_value(json_object_get(root, "boot_ns")));
    json_decref(root);
    unlink(path);
}
