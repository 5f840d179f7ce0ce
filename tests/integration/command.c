/*
 * tests/integration/command.c - runs `vitrine` or another tool as a child, streams through
 * temporary files (no thread, no pipe that could fill up).
 */
#include "tests/integration/command.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX    40
#define DEADLINE_SECONDS 120

void command_audited(void)
{
    const char *value = getenv("VITRINE_TEST_AUDIT");

    if (value == NULL || strcmp(value, "no") != 0)
        setenv("VITRINE_AUDIT", "at-end", 0);
}

/* program: NULL = `vitrine`. */
static pid_t start(const char *program, uid_t user, const char *const *arguments, int in, int out,
                   int err)
{
    const char *command = getenv("VITRINE_COMMAND"), *all[ARGUMENTS_MAX + 2];
    size_t count = 1;
    pid_t child;

    if (command == NULL)
        command = "build/vitrine";
    all[0] = program != NULL ? program : command;
    for (; *arguments != NULL; arguments++) {
        cr_assert(count < ARGUMENTS_MAX);
        all[count++] = *arguments;
    }
    all[count] = NULL;
    child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        command_audited();
        dup2(in, 0);
        dup2(out, 1);
        dup2(err, 2);
        if (user != geteuid() &&
            (setgroups(0, NULL) != 0 || setgid(user) != 0 || setuid(user) != 0))
            _exit(124);
        execvp(all[0], (char *const *)all);
        _exit(124);
    }
    return child;
}

int command_wait(pid_t pid)
{
    struct timespec pause = {.tv_nsec = 2000000}, start_time, now;
    int status;

    clock_gettime(CLOCK_MONOTONIC, &start_time);
    for (;;) {
        pid_t got = waitpid(pid, &status, WNOHANG);

        cr_assert(got >= 0, "waitpid: %s", strerror(errno));
        if (got == pid)
            return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec - start_time.tv_sec > DEADLINE_SECONDS) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return -1;
        }
        nanosleep(&pause, NULL);
    }
}

static int scratch(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC);

    cr_assert(fd >= 0);
    return fd;
}

static char *read_all(int fd, size_t *ret_bytes)
{
    struct stat status;
    char *data;

    cr_assert(fstat(fd, &status) == 0);
    data = calloc(1, (size_t)status.st_size + 1);
    cr_assert(data != NULL && pread(fd, data, (size_t)status.st_size, 0) == status.st_size);
    *ret_bytes = (size_t)status.st_size;
    close(fd);
    return data;
}

static struct command_result run(const char *program, uid_t user, const char *const *arguments,
                                 const void *input, size_t input_bytes)
{
    struct command_result result;
    int in = scratch("stdin"), out = scratch("stdout"), err = scratch("stderr");

    cr_assert(input_bytes == 0 || write(in, input, input_bytes) == (ssize_t)input_bytes);
    lseek(in, 0, SEEK_SET);
    result.status = command_wait(start(program, user, arguments, in, out, err));
    close(in);
    result.out = read_all(out, &result.out_bytes);
    result.err = read_all(err, &result.err_bytes);
    return result;
}

struct command_result command_run(const char *const *arguments, const void *input,
                                  size_t input_bytes)
{
    return run(NULL, geteuid(), arguments, input, input_bytes);
}

struct command_result command_run_as(uid_t user, const char *const *arguments)
{
    return run(NULL, user, arguments, NULL, 0);
}

struct command_result tool_run(const char *program, const char *const *arguments,
                               const char *input_file)
{
    char *input = NULL;
    size_t bytes = 0;

    if (input_file != NULL) {
        int fd = open(input_file, O_RDONLY | O_CLOEXEC);

        cr_assert(fd >= 0, "cannot read %s", input_file);
        input = read_all(fd, &bytes);
    }
    struct command_result result = run(program, geteuid(), arguments, input, bytes);
    cr_assert(result.status != 124, "cannot run %s: is its package (mk/setup.mk) installed?",
              program);
    free(input);
    return result;
}

void command_free(struct command_result *result)
{
    free(result->out);
    free(result->err);
}

pid_t command_start(const char *const *arguments, int *ret_input)
{
    return command_start_to(arguments, -1, ret_input);
}

pid_t command_start_to(const char *const *arguments, int out, int *ret_input)
{
    int ends[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
    pid_t child;

    cr_assert(null >= 0 && pipe2(ends, O_CLOEXEC) == 0);
    child = start(NULL, geteuid(), arguments, ends[0], out >= 0 ? out : null, null);
    close(ends[0]);
    close(null);
    *ret_input = ends[1];
    return child;
}
