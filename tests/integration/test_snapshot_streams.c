/*
 * tests/integration/test_snapshot_streams.c - what is under way in a machine's streams when it is
 * saved is neither lost nor doubled; `vitrine snapshot` and `vitrine restore`.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/harness.h"

/* A machine of busybox whose standard streams are two pipes of the test's. */
static struct vt_machine *start_piped(const struct variant *variant, const char *const *arguments,
                                      int input, int output)
{
    struct vt_options options;
    struct vt_machine *machine;

    vt_options_init(&options);
    options.accel = variant->accel;
    options.cpus = variant->cpus;
    options.argv = arguments;
    options.stdin_fd = input;
    options.stdout_fd = output;
    options.stderr_fd = -1;
    require_ok(vt_machine_create(&options, &machine), "vt_machine_create");
    require_ok(vt_machine_start(machine), "vt_machine_start");
    require_ok(vt_guest_ready(vt_machine_guest(machine), 60000), "vt_guest_ready");
    return machine;
}

/* Until the machine's program waits for this. */
static void await_wait(struct vt_machine *machine, enum wait_kind kind)
{
    const struct timespec moment = {.tv_nsec = 1000000};

    for (unsigned i = 0; i < 60000; i++) {
        struct vt_task task = {0};

        vt_error_destroy(vt_guest_task(vt_machine_guest(machine), 2, &task));
        if (task.state == TASK_BLOCKED && task.wait_kind == kind)
            return;
        nanosleep(&moment, NULL);
    }
    cr_assert_fail("the program never waited for %s", vt_wait_kind_name(kind));
}

#define NUMBERS 60000

static char *numbers_text(size_t *ret_bytes)
{
    char *text = malloc(NUMBERS * 6 + 1);
    size_t used = 0;

    cr_assert(text != NULL);
    for (unsigned i = 1; i <= NUMBERS; i++)
        used += (size_t)sprintf(text + used, "%u\n", i);
    *ret_bytes = used;
    return text;
}

/*
 * A program writes more than anybody reads: into the pipe, into the ring, and waits. Is what had
 * left before the snapshot, and what the copy's new reader gets, together all of it and nothing
 * twice?
 */
VARIANT_TEST(snapshot, output_under_way)
{
    static const char *const arguments[] = {"/bin/busybox", "seq", "1", "60000", NULL};
    char path[HARNESS_PATH];
    struct vt_machine *machine;
    struct session *copy;
    int ends[2];
    size_t bytes, left = 0, rest_bytes;
    ssize_t got;
    const char *rest;
    char *expected, *part;

    variant_require(variant);
    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    machine = start_piped(variant, arguments, -1, ends[1]);
    await_wait(machine, WAIT_CONSOLE_OUTPUT);
    require_ok(vt_machine_save(machine, fresh_path(path)), "save");
    vt_machine_destroy(machine); /* its last words find no room */
    close(ends[1]);
    expected = numbers_text(&bytes);
    part = malloc(bytes + 1);
    cr_assert(part != NULL);
    while ((got = read(ends[0], part + left, bytes - left)) > 0)
        left += (size_t)got;
    close(ends[0]);

    copy = session_restore(variant, path);
    session_launch(copy);
    session_wait_exit(copy, 0);
    rest = session_stdout(copy, &rest_bytes);
    cr_assert(left > 0 && rest_bytes > 0 && left + rest_bytes == bytes,
              "%zu bytes had left, %zu came later; %zu were written", left, rest_bytes, bytes);
    cr_assert(memcmp(part, expected, left) == 0 && memcmp(rest, expected + left, rest_bytes) == 0,
              "something is in the wrong place");
    session_destroy(copy);
    free(part);
    free(expected);
    unlink(path);
}

/* Input that the guest has not read yet: does its copy read it, once, and what comes later as well?
 */
VARIANT_TEST(snapshot, input_under_way)
{
    static const char *const arguments[] = {"/bin/busybox", "cat", NULL};
    const struct timespec moment = {.tv_nsec = 1000000};
    char path[HARNESS_PATH];
    struct vt_machine *machine;
    struct session *copy;
    struct vt_stop stop;
    int input[2], waiting = 1;

    variant_require(variant);
    cr_assert(pipe2(input, O_CLOEXEC) == 0);
    machine = start_piped(variant, arguments, input[0], -1);
    await_wait(machine, WAIT_CONSOLE_INPUT);
    require_ok(vt_guest_stop_now(vt_machine_guest(machine)), "stop_now");
    require_ok(vt_guest_wait_stop(vt_machine_guest(machine), 60000, &stop), "wait_stop");
    cr_assert(write(input[1], "one\n", 4) == 4);
    for (unsigned i = 0; waiting > 0 && i < 60000; i++) { /* our side moves it into the guest */
        cr_assert(ioctl(input[0], FIONREAD, &waiting) == 0);
        nanosleep(&moment, NULL);
    }
    cr_assert(waiting == 0, "the input stays where it is");
    require_ok(vt_machine_save(machine, fresh_path(path)), "save");
    vt_machine_destroy(machine);
    close(input[0]);
    close(input[1]);

    copy = session_restore(variant, path);
    session_launch(copy);
    require_ok(vt_guest_resume(session_guest(copy)), "resume");
    session_expect(copy, "one");
    session_send(copy, "two\n");
    session_close_input(copy);
    session_wait_exit(copy, 0);
    cr_assert_str_eq(session_stdout(copy, NULL), "one\ntwo\n");
    session_destroy(copy);
    unlink(path);
}

/*
 * `vitrine snapshot` of a running machine by name, and `vitrine restore` of the file: does the
 * program go on with new input, and end with its own status, audited?
 */
VARIANT_TEST(snapshot, commands)
{
    static const char *const program = "echo ready; read word; echo got $word; exit 7";
    char path[HARNESS_PATH], name[32], text[64] = "";
    const char *run[] = {"run",     "--quiet",
                         "--accel", vt_accel_name(variant->accel),
                         "--cpus",  variant->cpus == 2 ? "2" : "1",
                         "--name",  name,
                         "--",      "/bin/busybox",
                         "sh",      "-c",
                         program,   NULL};
    const char *restore[] = {"restore", "--audit", path, NULL};
    struct command_result result;
    int input, output[2];
    pid_t machine;

    variant_require(variant);
    fresh_path(path);
    snprintf(name, sizeof name, "snapshot-%d", (int)getpid());
    cr_assert(pipe2(output, O_CLOEXEC) == 0);
    machine = command_start_to(run, output[1], &input);
    close(output[1]);
    cr_assert(read(output[0], text, sizeof text - 1) > 0 && strcmp(text, "ready\n") == 0, "'%s'",
              text);
    result = COMMAND("snapshot", name, path);
    cr_assert(result.status == 0 && result.err_bytes == 0, "%s", result.err);
    command_free(&result);
    result = COMMAND("snapshot", "--show", path);
    cr_assert(result.status == 0 && strstr(result.out, "/bin/busybox") != NULL &&
                  strstr(result.out, variant->cpus == 2 ? "2 CPUs, 128 MiB" : "1 CPU, 128 MiB"),
              "%s", result.out);
    command_free(&result);
    cr_assert(write(input, "here\n", 5) == 5);
    cr_assert(command_wait(machine) == 7, "the saved machine does not go on");
    close(input);
    close(output[0]);

    result = command_run(restore, "there\n", 6);
    cr_assert(result.status == 7, "status %d: %s", result.status, result.err);
    cr_assert_str_eq(result.out, "got there\n");
    cr_assert(strstr(result.err, "audit: 0 violations") != NULL, "%s", result.err);
    command_free(&result);
    result = COMMAND("restore", "--cpus", "2", path);
    cr_assert(result.status == 125 && strstr(result.err, "cannot be changed") != NULL, "%s",
              result.err);
    command_free(&result);
    result = COMMAND("restore", "/proc/self/exe");
    cr_assert(result.status == 125 && strstr(result.err, "no snapshot") != NULL, "%s", result.err);
    command_free(&result);
    unlink(path);
}
