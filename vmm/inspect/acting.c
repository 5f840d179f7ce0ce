/*
 * vmm/inspect/acting.c - the mailbox's commands as functions: what the kernel answers becomes a
 * value, or a sentence about what it refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/cleanup.h"
#include "vmm/inspect/guest.h"

static struct vt_error *refused(const char *what, const char *kind, int32_t id, int64_t result)
{
    switch (result) {
    case -ESRCH:
        return vt_error_create(VT_ERROR_NOT_FOUND, "cannot %s %s %d: there is none (any more)",
                               what, kind, id);
    case -EPERM:
        return vt_error_create(VT_ERROR_DENIED, "cannot %s %s %d: it belongs to the kernel", what,
                               kind, id);
    case -EINVAL:
        return vt_error_create(VT_ERROR_ARGUMENT, "cannot %s %s %d: the kernel refuses the value",
                               what, kind, id);
    default:
        return vt_error_system((int)-result, "cannot %s %s %d", what, kind, id);
    }
}

/* Sends a command about a process or thread; *ret_result is not negative. */
static struct vt_error *act(struct vt_guest *guest, enum mailbox_command number, const char *what,
                            const char *kind, int32_t id, uint64_t first, uint64_t second,
                            int64_t *ret_result)
{
    struct guest_command command = {.command = number,
                                    .arguments = {(uint64_t)id, first, second, 0}};
    int64_t result;

    if (id < 0)
        return vt_error_create(VT_ERROR_ARGUMENT, "cannot %s %s %d: the number is negative", what,
                               kind, id);
    struct vt_error *error = guest_send_command(guest, &command, &result);
    if (error)
        return error;
    if (result < 0)
        return refused(what, kind, id, result);
    if (ret_result)
        *ret_result = result;
    return NULL;
}

struct vt_error *vt_guest_signal(struct vt_guest *guest, int32_t pid, int signal)
{
    return act(guest, MAILBOX_SIGNAL, "signal", "process", pid, (uint64_t)signal, 0, NULL);
}

struct vt_error *vt_guest_signal_thread(struct vt_guest *guest, int32_t tid, int signal)
{
    return act(guest, MAILBOX_SIGNAL_THREAD, "signal", "thread", tid, (uint64_t)signal, 0, NULL);
}

struct vt_error *vt_guest_hold(struct vt_guest *guest, int32_t tid)
{
    return act(guest, MAILBOX_HOLD, "hold", "thread", tid, 0, 0, NULL);
}

struct vt_error *vt_guest_release(struct vt_guest *guest, int32_t tid)
{
    struct vt_error *error = act(guest, MAILBOX_RELEASE, "release", "thread", tid, 0, 0, NULL);

    if (error && vt_error_code(error) == VT_ERROR_ARGUMENT && tid >= 0) {
        vt_error_destroy(error);
        error = vt_error_create(VT_ERROR_ARGUMENT, "thread %d is not held", tid);
    }
    return error;
}

static struct vt_error *act_on_threads(struct vt_guest *guest, enum mailbox_command command,
                                       const char *what, int32_t pid, unsigned *ret_threads)
{
    int64_t count;
    struct vt_error *error = act(guest, command, what, "process", pid, 0, 0, &count);

    if (!error)
        *ret_threads = (unsigned)count;
    return error;
}

struct vt_error *vt_guest_freeze(struct vt_guest *guest, int32_t pid, unsigned *ret_threads)
{
    return act_on_threads(guest, MAILBOX_FREEZE, "freeze", pid, ret_threads);
}

struct vt_error *vt_guest_thaw(struct vt_guest *guest, int32_t pid, unsigned *ret_threads)
{
    return act_on_threads(guest, MAILBOX_THAW, "thaw", pid, ret_threads);
}

static bool may_run(const struct vt_task *task)
{
    if (task->held == HELD_NO)
        return false;
    if (task->held == HELD_PARKED)
        return task->state == TASK_RUNNING; /* on its way off its CPU */
    return task->state == TASK_RUNNING || task->state == TASK_READY || task->state == TASK_CREATED;
}

struct vt_error *vt_guest_wait_held(struct vt_guest *guest, int32_t pid, int timeout_ms)
{
    int64_t deadline = guest_deadline_us(timeout_ms);

    for (;;) {
        struct vt_task *tasks;
        size_t count;
        const struct vt_task *running = NULL;
        int32_t tid = 0;
        uint64_t seen = guest_changes(guest);
        struct vt_error *error = vt_guest_tasks(guest, &tasks, &count);

        if (error)
            return error;
        for (size_t i = 0; i < count; i++)
            if ((!pid || tasks[i].pid == pid) && may_run(&tasks[i]))
                running = &tasks[i];
        if (running)
            tid = running->tid;
        free(tasks);
        if (!running)
            return NULL;
        if (guest_has_ended(guest))
            return vt_error_create(VT_ERROR_GONE, "the machine ended before thread %d was held",
                                   tid);
        if (guest_clock_us() >= deadline)
            return vt_error_create(VT_ERROR_TIMEOUT, "thread %d still ran %d ms after it was held",
                                   tid, timeout_ms);
        guest_wait_change(guest, seen, 1000);
    }
}

struct vt_error *vt_guest_set_nice(struct vt_guest *guest, int32_t tid, int nice)
{
    return act(guest, MAILBOX_SET_NICE, "set the nice value of", "thread", tid,
               (uint64_t)(int64_t)nice, 0, NULL);
}

struct vt_error *vt_guest_set_policy(struct vt_guest *guest, int32_t tid, uint32_t policy, int nice)
{
    return act(guest, MAILBOX_SET_POLICY, "set the scheduling policy of", "thread", tid, policy,
               (uint64_t)(int64_t)nice, NULL);
}

struct vt_error *vt_guest_set_affinity(struct vt_guest *guest, int32_t tid, uint64_t cpus)
{
    return act(guest, MAILBOX_SET_AFFINITY, "choose the CPUs of", "thread", tid, cpus, 0, NULL);
}

/* ---- failing allocations ---- */

struct vt_error *vt_guest_fail_start(struct vt_guest *guest, const struct vt_failing *failing)
{
    struct guest_command command = {
        .command = MAILBOX_FAIL,
        .arguments = {failing->kinds, (uint64_t)failing->tid, failing->skip, failing->count}};
    int64_t result;
    struct vt_error *error = guest_send_command(guest, &command, &result);

    if (!error && result < 0)
        error = vt_error_create(VT_ERROR_ARGUMENT,
                                "allocations cannot fail so: name kinds (mask %#x), a thread or 0, "
                                "and at least one failure",
                                GLASS_FAIL_ALL);
    return error;
}

struct vt_error *vt_guest_fail_end(struct vt_guest *guest, uint32_t *ret_seen, uint32_t *ret_failed)
{
    struct guest_command command = {.command = MAILBOX_FAIL_END};
    int64_t result;
    struct vt_error *error = guest_send_command(guest, &command, &result);

    if (error)
        return error;
    *ret_seen = (uint32_t)result;
    *ret_failed = (uint32_t)((uint64_t)result >> 32);
    return NULL;
}

/* ---- starting a program ---- */

static const char *const default_environment[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=linux",
    NULL};

struct packed {
    char *text;
    size_t bytes;
};

static bool pack(struct packed *packed, const char *string, size_t length)
{
    if (length + 1 > GLASS_MAILBOX_DATA - packed->bytes)
        return false;
    memcpy(packed->text + packed->bytes, string, length);
    packed->bytes += length;
    packed->text[packed->bytes++] = '\0';
    return true;
}

/* `directory` is "" for a path that is used as it is. */
static struct vt_error *spawn_at(struct vt_guest *guest, const struct vt_spawn *spawn,
                                 const char *const *envp, const char *directory,
                                 size_t directory_length, int64_t *ret_result)
{
    CLEANUP_FREE char *data = malloc(GLASS_MAILBOX_DATA);
    CLEANUP_FREE char *path = NULL;
    struct packed packed = {.text = data};
    struct guest_command command = {.command = MAILBOX_SPAWN, .data = data};

    if (!data || asprintf(&path, "%.*s%s%s", (int)directory_length, directory,
                          directory_length ? "/" : "", spawn->argv[0]) < 0)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): data is CLEANUP_FREE */
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the program's arguments");
    const char *cwd = spawn->cwd ? spawn->cwd : "/";
    bool fits = pack(&packed, cwd, strlen(cwd)) && pack(&packed, path, strlen(path));
    for (size_t i = 0; fits && spawn->argv[i]; i++, command.arguments[1]++)
        fits = pack(&packed, spawn->argv[i], strlen(spawn->argv[i]));
    for (size_t i = 0; fits && envp[i]; i++, command.arguments[2]++)
        fits = pack(&packed, envp[i], strlen(envp[i]));
    if (!fits)
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "the arguments and environment of '%s' are longer than %u bytes",
                               spawn->argv[0], GLASS_MAILBOX_DATA);
    command.arguments[0] = command.bytes = packed.bytes;
    return guest_send_command(guest, &command, ret_result);
}

static struct vt_error *spawn_in_path(struct vt_guest *guest, const struct vt_spawn *spawn,
                                      const char *const *envp, int64_t *ret_result)
{
    const char *path = "/bin:/usr/bin";

    for (size_t i = 0; envp[i]; i++)
        if (strncmp(envp[i], "PATH=", 5) == 0)
            path = envp[i] + 5;
    *ret_result = -ENOENT;
    while (*path) {
        size_t length = strcspn(path, ":");

        if (length) {
            struct vt_error *error = spawn_at(guest, spawn, envp, path, length, ret_result);
            if (error || (*ret_result != -ENOENT && *ret_result != -ENOTDIR))
                return error;
        }
        path += length + (path[length] == ':');
    }
    return NULL;
}

struct vt_error *vt_guest_spawn(struct vt_guest *guest, const struct vt_spawn *spawn,
                                int32_t *ret_pid)
{
    const char *const *envp = spawn->envp ? spawn->envp : default_environment;
    int64_t result;

    if (!spawn->argv || !spawn->argv[0] || !*spawn->argv[0])
        return vt_error_create(VT_ERROR_ARGUMENT, "no program to start was named");
    struct vt_error *error = strchr(spawn->argv[0], '/')
                                 ? spawn_at(guest, spawn, envp, "", 0, &result)
                                 : spawn_in_path(guest, spawn, envp, &result);
    if (error)
        return error;
    if (result == -ENOENT || result == -ENOTDIR)
        return vt_error_create(VT_ERROR_NO_PROGRAM,
                               "cannot start '%s': there is no such file (or working directory) in "
                               "the machine",
                               spawn->argv[0]);
    if (result == -EACCES || result == -ENOEXEC || result == -EISDIR)
        return vt_error_create(VT_ERROR_BAD_PROGRAM, "cannot start '%s': %s", spawn->argv[0],
                               strerror((int)-result));
    if (result < 0)
        return vt_error_system((int)-result, "cannot start '%s'", spawn->argv[0]);
    *ret_pid = (int32_t)result;
    return NULL;
}
