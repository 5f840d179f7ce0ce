/* guest/user/lib/spawn.c - the builder: see vitrine/spawn.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/user/lib/builder.h"

extern char **environ;

struct spawn_builder *spawn_create(const char *program)
{
    struct spawn_builder *builder = spawn_create_fd(AT_FDCWD);

    if (builder && !(builder->program = strdup(program))) {
        free(builder);
        return NULL;
    }
    return builder;
}

struct spawn_builder *spawn_create_fd(int program_fd)
{
    struct spawn_builder *builder = calloc(1, sizeof(*builder));

    if (builder) {
        builder->wanted.program_fd = program_fd;
        builder->wanted.exit_signal = SIGCHLD;
    }
    return builder;
}

static void free_list(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

void spawn_destroy(struct spawn_builder *builder)
{
    if (!builder)
        return;
    free(builder->program);
    free(builder->directory);
    free_list(builder->arguments);
    free_list(builder->environment);
    free(builder->fds);
    free(builder->limits);
    free(builder->message);
    free(builder);
}

static void remember(struct spawn_builder *builder, int error)
{
    if (!builder->error)
        builder->error = error;
}

/* Room for one more element in an array that has `count`. */
static void *grown(struct spawn_builder *builder, void *array, size_t count, size_t element)
{
    void *larger = realloc(array, (count + 1) * element);

    if (!larger)
        remember(builder, ENOMEM);
    return larger;
}

static void add_string(struct spawn_builder *builder, char ***list, size_t *count, const char *text)
{
    char **larger = grown(builder, *list, *count + 1, sizeof(char *)); /* and the NULL */

    if (!larger)
        return;
    *list = larger;
    larger[*count] = strdup(text);
    larger[*count + 1] = NULL;
    if (larger[*count])
        ++*count;
    else
        remember(builder, ENOMEM);
}

void spawn_add_argument(struct spawn_builder *builder, const char *text)
{
    add_string(builder, &builder->arguments, &builder->argument_count, text);
}

void spawn_add_variable(struct spawn_builder *builder, const char *text)
{
    add_string(builder, &builder->environment, &builder->variable_count, text);
}

void spawn_inherit_environment(struct spawn_builder *builder)
{
    for (char **variable = environ; variable && *variable; variable++)
        spawn_add_variable(builder, *variable);
}

void spawn_map_fd(struct spawn_builder *builder, int from, int to)
{
    struct spawn_fd *larger =
        grown(builder, builder->fds, builder->wanted.fd_count, sizeof(*larger));

    if (!larger)
        return;
    builder->fds = larger;
    larger[builder->wanted.fd_count++] = (struct spawn_fd){.from = from, .to = to};
}

void spawn_map_standard_fds(struct spawn_builder *builder)
{
    for (int fd = 0; fd <= 2; fd++)
        spawn_map_fd(builder, fd, fd);
}

void spawn_inherit_fds(struct spawn_builder *builder)
{
    builder->wanted.flags |= SPAWN_INHERIT_FDS;
}

void spawn_set_directory(struct spawn_builder *builder, const char *path)
{
    free(builder->directory);
    builder->directory = strdup(path);
    if (!builder->directory)
        remember(builder, ENOMEM);
    builder->wanted.flags |= SPAWN_SET_DIRECTORY;
    builder->wanted.directory_fd = AT_FDCWD;
}

void spawn_set_directory_fd(struct spawn_builder *builder, int directory_fd)
{
    free(builder->directory);
    builder->directory = NULL;
    builder->wanted.flags |= SPAWN_SET_DIRECTORY;
    builder->wanted.directory_fd = directory_fd;
}

void spawn_set_limit(struct spawn_builder *builder, unsigned resource, uint64_t soft, uint64_t hard)
{
    struct spawn_limit *larger =
        grown(builder, builder->limits, builder->wanted.limit_count, sizeof(*larger));

    if (!larger)
        return;
    builder->limits = larger;
    larger[builder->wanted.limit_count++] =
        (struct spawn_limit){.resource = resource, .soft = soft, .hard = hard};
}

void spawn_set_group(struct spawn_builder *builder, pid_t group)
{
    builder->wanted.flags |= SPAWN_SET_GROUP;
    builder->wanted.group = group;
}

void spawn_new_session(struct spawn_builder *builder)
{
    builder->wanted.flags |= SPAWN_NEW_SESSION;
}

void spawn_set_terminal(struct spawn_builder *builder, int fd)
{
    builder->wanted.flags |= SPAWN_SET_TERMINAL;
    builder->wanted.terminal_fd = fd;
}

void spawn_set_signal_mask(struct spawn_builder *builder, const sigset_t *mask)
{
    builder->wanted.flags |= SPAWN_SET_MASK;
    builder->wanted.signal_mask = 0;
    for (int signal = 1; signal <= 64; signal++)
        if (sigismember(mask, signal) == 1)
            builder->wanted.signal_mask |= 1ull << (signal - 1);
}

void spawn_reset_signals(struct spawn_builder *builder)
{
    builder->wanted.flags |= SPAWN_SET_MASK;
    builder->wanted.signal_mask = 0;
    builder->wanted.signal_default = UINT64_MAX;
}

void spawn_set_nice(struct spawn_builder *builder, int nice)
{
    builder->wanted.flags |= SPAWN_SET_NICE;
    builder->wanted.nice = nice;
}

void spawn_set_policy(struct spawn_builder *builder, int policy)
{
    builder->wanted.flags |= SPAWN_SET_POLICY;
    builder->wanted.policy = (uint32_t)policy;
}

void spawn_set_affinity(struct spawn_builder *builder, uint64_t cpus)
{
    builder->wanted.flags |= SPAWN_SET_AFFINITY;
    builder->wanted.affinity = cpus;
}

void spawn_set_exit_signal(struct spawn_builder *builder, int signal)
{
    builder->wanted.exit_signal = (uint32_t)signal;
}

void spawn_set_message(struct spawn_builder *builder, const void *message, size_t bytes)
{
    free(builder->message);
    builder->message = malloc(bytes + 1);
    builder->wanted.message_bytes = bytes;
    if (builder->message)
        memcpy(builder->message, message, bytes);
    else
        remember(builder, ENOMEM);
}

static int failed(struct spawn_failure *failure, int error, unsigned step, unsigned index)
{
    if (failure)
        *failure = (struct spawn_failure){.error = error, .step = step, .index = index};
    return error;
}

int spawn_start(struct spawn_builder *builder, struct spawn_child *ret,
                struct spawn_failure *failure)
{
    struct spawn_arguments wanted = builder->wanted;
    struct spawn_result result = {.pidfd = -1};

    if (builder->error)
        return failed(failure, builder->error, SPAWN_STEP_NONE, 0);
    wanted.program = (uintptr_t)builder->program;
    wanted.arguments = (uintptr_t)builder->arguments;
    wanted.environment = (uintptr_t)builder->environment;
    wanted.directory = (uintptr_t)builder->directory;
    wanted.fds = (uintptr_t)builder->fds;
    wanted.limits = (uintptr_t)builder->limits;
    wanted.message = (uintptr_t)builder->message;
    wanted.result = (uintptr_t)&result;
    if (ret)
        wanted.flags |= SPAWN_PIDFD;
    long pid = syscall(SPAWN_CALL, &wanted, sizeof(wanted));
    if (pid < 0) /* a kernel that does not know the call wrote no result */
        return failed(failure, errno, result.error ? result.step : SPAWN_STEP_REQUEST,
                      result.index);
    if (ret)
        *ret = (struct spawn_child){.pid = (pid_t)pid, .pidfd = result.pidfd};
    return 0;
}

void spawn_failure_text(const struct spawn_failure *failure, char *text, size_t bytes)
{
    static const char *const steps[SPAWN_STEPS] = {
        [SPAWN_STEP_NONE] = "the builder",
        [SPAWN_STEP_REQUEST] = "the request",
        [SPAWN_STEP_PROCESS] = "a new process",
        [SPAWN_STEP_TEMPLATE] = "the template",
        [SPAWN_STEP_LIMIT] = "limit",
        [SPAWN_STEP_FD] = "descriptor",
        [SPAWN_STEP_DIRECTORY] = "the working directory",
        [SPAWN_STEP_PROGRAM] = "the program",
        [SPAWN_STEP_ARGUMENTS] = "the arguments",
        [SPAWN_STEP_ENVIRONMENT] = "the environment",
        [SPAWN_STEP_LOAD] = "loading the program",
        [SPAWN_STEP_MEMORY] = "the template's memory",
        [SPAWN_STEP_MESSAGE] = "the message",
        [SPAWN_STEP_SIGNALS] = "signals",
        [SPAWN_STEP_SCHEDULING] = "scheduling",
        [SPAWN_STEP_PIDFD] = "the pidfd",
        [SPAWN_STEP_RESULT] = "the result",
        [SPAWN_STEP_GROUP] = "the process group",
        [SPAWN_STEP_TERMINAL] = "the terminal",
        [SPAWN_STEP_START] = "a process number",
    };
    const char *step = failure->step < SPAWN_STEPS ? steps[failure->step] : "an unknown step";
    const char *why = strerror(failure->error);

    if (failure->step == SPAWN_STEP_FD || failure->step == SPAWN_STEP_LIMIT)
        snprintf(text, bytes, "%s %u of the list: %s", step, failure->index, why);
    else
        snprintf(text, bytes, "%s: %s", step, why);
}
