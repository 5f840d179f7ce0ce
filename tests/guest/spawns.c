/*
 * tests/guest/spawns.c - children made by spawn(): what they have, what is refused and at which
 * step, and that a refused one leaves nothing behind. Its own child programs are itself with other
 * arguments. Only here: Linux has no such call.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <vitrine/spawn.h>

#include "shared/spawn.h"
#include "tests/guest/guest.h"

static const char *self_path;

/* ---- children ---- */

static int child_show(int count, char **arguments)
{
    char directory[256];
    struct rlimit limit;
    sigset_t mask;
    struct sigaction action;
    struct stat status;
    cpu_set_t cpus;

    say("child arguments %d last %s", count, arguments[count - 1]);
    say("child variable %s", getenv("COLOUR") ? getenv("COLOUR") : "none");
    say("child in %s", getcwd(directory, sizeof directory));
    getrlimit(RLIMIT_NOFILE, &limit);
    say("child files %lu %lu", (unsigned long)limit.rlim_cur, (unsigned long)limit.rlim_max);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    sigaction(SIGUSR2, NULL, &action);
    say("child blocks usr1 %d ignores usr2 %d", sigismember(&mask, SIGUSR1),
        action.sa_handler == SIG_IGN);
    say("child leads group %d session %d", getpgrp() == getpid(), getsid(0) == getpid());
    say("child nice %d policy %d", getpriority(PRIO_PROCESS, 0),
        (int)syscall(SYS_sched_getscheduler, 0));
    if (strcmp(arguments[count - 1], "more") == 0) { /* else: how many the machine has */
        sched_getaffinity(0, sizeof cpus, &cpus);
        say("child cpus %d first %d", (int)CPU_COUNT(&cpus), (int)CPU_ISSET(0, &cpus));
    }
    for (int fd = 0; fd < 100; fd++)
        if (fstat(fd, &status) == 0)
            say("child has fd %d", fd);
    return 7;
}

/* Reads from both and tells which is which. */
static int child_fds(const char *first, const char *second)
{
    char a = '?', b = '?';

    if (read(atoi(first), &a, 1) != 1 || read(atoi(second), &b, 1) != 1)
        return 1;
    say("child read %c %c", a, b);
    return 0;
}

/* ---- starting ---- */

static struct spawn_builder *self_builder(const char *mode)
{
    struct spawn_builder *builder = spawn_create(self_path);

    spawn_add_argument(builder, "spawns");
    spawn_add_argument(builder, mode);
    spawn_map_standard_fds(builder);
    return builder;
}

static int start_and_wait(struct spawn_builder *builder)
{
    struct spawn_child child;
    struct spawn_failure failure;
    struct pollfd ended = {.events = POLLIN};
    char text[256];
    int status;

    if (spawn_start(builder, &child, &failure) != 0) {
        spawn_failure_text(&failure, text, sizeof text);
        say("FAILED to start: %s", text);
        _exit(99);
    }
    ended.fd = child.pidfd;
    if (poll(&ended, 1, -1) != 1 || waitpid(child.pid, &status, 0) != child.pid)
        fail("wait");
    close(child.pidfd);
    return status;
}

static void show_children(void)
{
    struct spawn_builder *builder = self_builder("show");
    sigset_t mask;
    int status;

    /* A plain one, then one with everything. */
    signal(SIGUSR2, SIG_IGN);
    status = start_and_wait(builder);
    say("plain ended %#x", status);
    spawn_add_argument(builder, "more");
    spawn_add_variable(builder, "COLOUR=green");
    spawn_set_directory(builder, "/bin");
    spawn_set_limit(builder, RLIMIT_NOFILE, 50, 60);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    spawn_reset_signals(builder);
    spawn_set_signal_mask(builder, &mask);
    spawn_new_session(builder);
    spawn_set_nice(builder, 5);
    spawn_set_policy(builder, SCHED_BATCH);
    spawn_set_affinity(builder, 1);
    spawn_map_fd(builder, 1, 40);
    status = start_and_wait(builder);
    say("full ended %#x", status);
    spawn_destroy(builder);
}

static void exchange(void)
{
    int a[2], b[2];
    char text_a[12], text_b[12];

    if (pipe(a) != 0 || pipe(b) != 0 || write(a[1], "a", 1) != 1 || write(b[1], "b", 1) != 1)
        fail("pipes");
    struct spawn_builder *builder = self_builder("fds");
    snprintf(text_a, sizeof text_a, "%d", a[0]);
    snprintf(text_b, sizeof text_b, "%d", b[0]);
    spawn_add_argument(builder, text_a);
    spawn_add_argument(builder, text_b);
    spawn_map_fd(builder, a[0], b[0]); /* each takes the other's place */
    spawn_map_fd(builder, b[0], a[0]);
    say("exchanged %#x", start_and_wait(builder));
    spawn_destroy(builder);
    close(a[0]);
    close(a[1]);
    close(b[0]);
    close(b[1]);
}

static void relative(void)
{
    /* Program and interpreter of a script are looked up from the child's directory. */
    int fd;

    mkdir("/tmp/there", 0755);
    unlink("/tmp/there/tool");
    if (symlink(self_path, "/tmp/there/tool") != 0)
        fail("symlink");
    fd = open("/tmp/there/script", O_WRONLY | O_CREAT | O_TRUNC, 0755);
    if (fd < 0 || write(fd, "#!./tool show\n", 14) != 14)
        fail("script");
    close(fd);
    struct spawn_builder *builder = spawn_create("./script");
    spawn_add_argument(builder, "script");
    spawn_map_standard_fds(builder);
    fd = open("/tmp/there", O_RDONLY | O_DIRECTORY);
    spawn_set_directory_fd(builder, fd);
    say("script ended %#x", start_and_wait(builder));
    spawn_destroy(builder);
    close(fd);
    /* By a descriptor that is open on the program; the caller's directory stays the caller's. */
    fd = open(self_path, O_RDONLY);
    builder = spawn_create_fd(fd);
    spawn_add_argument(builder, "spawns");
    spawn_add_argument(builder, "quit");
    say("by descriptor %#x", start_and_wait(builder));
    spawn_destroy(builder);
    close(fd);
    char directory[256];
    say("parent in %s", getcwd(directory, sizeof directory));
}

/* ---- refused ---- */

static struct spawn_arguments good_request(struct spawn_result *result)
{
    static char *arguments[] = {"spawns", "quit", NULL};

    *result = (struct spawn_result){.pidfd = -7};
    return (struct spawn_arguments){.program = (uintptr_t)self_path,
                                    .program_fd = AT_FDCWD,
                                    .arguments = (uintptr_t)arguments,
                                    .exit_signal = SIGCHLD,
                                    .result = (uintptr_t)result};
}

static const char *error_name(int error)
{
    static const struct {
        int error;
        const char *name;
    } names[] = {{EINVAL, "EINVAL"}, {EBADF, "EBADF"},       {E2BIG, "E2BIG"},
                 {ENOENT, "ENOENT"}, {ENOTDIR, "ENOTDIR"},   {EACCES, "EACCES"},
                 {EFAULT, "EFAULT"}, {ENOEXEC, "ENOEXEC"},   {EPERM, "EPERM"},
                 {ENOTTY, "ENOTTY"}, {EAGAIN, "EAGAIN"},     {EMFILE, "EMFILE"},
                 {ESRCH, "ESRCH"},   {EMSGSIZE, "EMSGSIZE"}, {EBUSY, "EBUSY"}};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].error == error)
            return names[i].name;
    return strerror(error);
}

static const char *step_name(unsigned step)
{
    static const char *const names[SPAWN_STEPS] = {
        "none",       "request",   "process",     "template", "limit",    "fd",      "directory",
        "program",    "arguments", "environment", "load",     "memory",   "message", "signals",
        "scheduling", "pidfd",     "result",      "group",    "terminal", "start"};

    return step < SPAWN_STEPS ? names[step] : "?";
}

/* One refused call: errno, step, index; and no child of ours is there. */
static void refuse(const char *what, const struct spawn_arguments *wanted, size_t size)
{
    struct spawn_result *result = (void *)(uintptr_t)wanted->result;
    long pid = syscall(SPAWN_CALL, wanted, size);
    int error = errno;

    if (pid >= 0) {
        say("FAILED %s was not refused", what);
        waitpid((pid_t)pid, NULL, 0);
        return;
    }
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
        say("FAILED %s left a child", what);
    say("%s: %s %s %u", what, error_name(error), result ? step_name(result->step) : "-",
        result ? result->index : 0);
    if (result && result->step && (result->error != error || result->pidfd != -1))
        say("FAILED %s: result %d pidfd %d", what, result->error, result->pidfd);
}

#define REFUSE(what, ...)                                                                          \
    do {                                                                                           \
        struct spawn_result result;                                                                \
        struct spawn_arguments wanted = good_request(&result);                                     \
        __VA_ARGS__;                                                                               \
        refuse(what, &wanted, sizeof wanted);                                                      \
    } while (0)

static uint64_t address_of(const void *object)
{
    return (uintptr_t)object;
}

static void refuse_descriptors(void)
{
    static const struct spawn_fd bad_from[] = {{0, 0, 0, 0}, {1, 1, 0, 0}, {77, 2, 0, 0}},
                                 twice[] = {{0, 5, 0, 0}, {1, 5, 0, 0}},
                                 negative[] = {{0, -1, 0, 0}}, huge[] = {{0, 1 << 30, 0, 0}},
                                 flagged[] = {{0, 0, 2, 0}}, reserved[] = {{0, 0, 0, 1}};

    REFUSE("fd not open", wanted.fds = address_of(bad_from), wanted.fd_count = 3);
    REFUSE("fd twice", wanted.fds = address_of(twice), wanted.fd_count = 2);
    REFUSE("fd negative", wanted.fds = address_of(negative), wanted.fd_count = 1);
    REFUSE("fd beyond the limit", wanted.fds = address_of(huge), wanted.fd_count = 1);
    REFUSE("fd flag", wanted.fds = address_of(flagged), wanted.fd_count = 1);
    REFUSE("fd reserved", wanted.fds = address_of(reserved), wanted.fd_count = 1);
    REFUSE("fd list bad", wanted.fds = 8, wanted.fd_count = 1);
    REFUSE("fd list in the kernel", wanted.fds = 0xffffffff80200000, wanted.fd_count = 1);
    REFUSE("fd list huge", wanted.fds = address_of(twice), wanted.fd_count = UINT32_MAX);
}

static void refuse_all(void)
{
    static const struct spawn_limit limits[] = {{RLIMIT_NOFILE, 0, 20, 20}, {RLIMIT_CORE, 0, 2, 1}},
                                    unknown[] = {{99, 0, 1, 1}};
    static const char *no_strings[] = {(char *)8, NULL};
    struct spawn_arguments larger[2] = {0};
    struct spawn_result larger_result;
    int null = open("/dev/null", O_RDWR);

    REFUSE("unknown flag", wanted.flags = 1ull << 40);
    REFUSE("group and session", wanted.flags = SPAWN_SET_GROUP | SPAWN_NEW_SESSION);
    REFUSE("pidfd without result", wanted.flags = SPAWN_PIDFD, wanted.result = 0);
    REFUSE("message without template", wanted.message_bytes = 1);
    REFUSE("template and program", wanted.flags = SPAWN_FROM_TEMPLATE);
    REFUSE("no pidfd", wanted.flags = SPAWN_FROM_TEMPLATE, wanted.program = wanted.arguments = 0,
           wanted.template_fd = null);
    REFUSE("limit", wanted.limits = address_of(limits), wanted.limit_count = 2);
    REFUSE("limit unknown", wanted.limits = address_of(unknown), wanted.limit_count = 1);
    REFUSE("limit list bad", wanted.limits = 8, wanted.limit_count = 1);
    REFUSE("limit list huge", wanted.limits = address_of(limits), wanted.limit_count = UINT32_MAX);
    refuse_descriptors();
    REFUSE("no directory", wanted.flags = SPAWN_SET_DIRECTORY, wanted.directory = address_of("/no"),
           wanted.directory_fd = AT_FDCWD);
    REFUSE("directory is a file", wanted.flags = SPAWN_SET_DIRECTORY, wanted.directory_fd = null);
    REFUSE("no program", wanted.program = address_of("/bin/none"));
    REFUSE("program empty", wanted.program = address_of(""));
    REFUSE("program is a directory", wanted.program = address_of("/bin"));
    REFUSE("program address", wanted.program = 8);
    REFUSE("program fd", wanted.program = 0, wanted.program_fd = 99);
    REFUSE("program not executable", wanted.program = 0, wanted.program_fd = null);
    REFUSE("arguments address", wanted.arguments = 8);
    REFUSE("arguments strings", wanted.arguments = address_of(no_strings));
    REFUSE("environment strings", wanted.environment = address_of(no_strings));
    int text = open("/tmp/text", O_WRONLY | O_CREAT | O_TRUNC, 0755);
    if (write(text, "no program", 10) != 10)
        fail("write");
    close(text);
    REFUSE("not a program", wanted.program = address_of("/tmp/text"));
    REFUSE("exit signal", wanted.exit_signal = 65);
    REFUSE("policy", wanted.flags = SPAWN_SET_POLICY, wanted.policy = SCHED_DEADLINE);
    REFUSE("nice", wanted.flags = SPAWN_SET_NICE, wanted.nice = 20);
    REFUSE("affinity", wanted.flags = SPAWN_SET_AFFINITY, wanted.affinity = 0);
    REFUSE("no result wanted", wanted.result = 0, wanted.program = address_of("/bin/none"));
    REFUSE("no group", wanted.flags = SPAWN_SET_GROUP, wanted.group = 12345);
    REFUSE("group of another session", wanted.flags = SPAWN_SET_GROUP, wanted.group = 1);
    REFUSE("terminal without session", wanted.flags = SPAWN_SET_TERMINAL, wanted.terminal_fd = 0);
    REFUSE("terminal not open", wanted.flags = SPAWN_SET_TERMINAL | SPAWN_NEW_SESSION,
           wanted.terminal_fd = 0);
    static const struct spawn_fd zero[] = {{0, 0, 0, 0}};
    REFUSE("not a terminal", wanted.flags = SPAWN_SET_TERMINAL | SPAWN_NEW_SESSION,
           wanted.fds = address_of(zero), wanted.fd_count = 1, wanted.terminal_fd = 0);
    {
        struct spawn_result result;
        struct spawn_arguments wanted = good_request(&result);

        wanted.result = address_of(good_request);
        long pid = syscall(SPAWN_CALL, &wanted, sizeof wanted);
        say("result not writable: %s", pid < 0 ? error_name(errno) : "started");
    }
    larger[0] = good_request(&larger_result);
    refuse("too small", larger, sizeof larger[0] - 8);
    refuse("too large", larger, 4097);
    larger[1].flags = 1;
    refuse("larger, not zero", larger, sizeof larger);
    refuse("structure address", (void *)&larger[0], 0);
    larger[1].flags = 0;
    long pid = syscall(SPAWN_CALL, larger, sizeof larger); /* a newer caller's: fine */
    int status = -1;
    waitpid((pid_t)pid, &status, 0);
    say("larger, zero: %#x", status);
    struct rlimit few = {5, 4096}, before;
    getrlimit(RLIMIT_NOFILE, &before);
    int fds[8], count = 0;
    while ((fds[count] = dup(null)) >= 0 && count < 5 && fds[count] < 4)
        count++;
    setrlimit(RLIMIT_NOFILE, &few);
    REFUSE("no descriptor for the pidfd", wanted.flags = SPAWN_PIDFD);
    setrlimit(RLIMIT_NOFILE, &before);
    for (int i = 0; i <= count; i++)
        close(fds[i]);
    if (setresuid(1000, 1000, 0) != 0)
        fail("setresuid");
    struct rlimit none = {0, 0};
    getrlimit(RLIMIT_NPROC, &before);
    none.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_NPROC, &none);
    REFUSE("too many processes", wanted.flags = 0);
    setrlimit(RLIMIT_NPROC, &before);
    /* Not ourselves: where we lie may be nobody else's to look into. */
    REFUSE("nice without the right", wanted.program = (uintptr_t) "/bin/busybox",
           wanted.flags = SPAWN_SET_NICE, wanted.nice = -1);
    if (setresuid(0, 0, 0) != 0)
        fail("setresuid");
    close(null);
}

/* ---- counts ---- */

/* Many failures at the last step, then as many children: the host counts around each. */
static void repeat_refused(unsigned count)
{
    struct spawn_result result;
    struct spawn_arguments wanted = good_request(&result);

    wanted.flags = SPAWN_PIDFD | SPAWN_SET_GROUP | SPAWN_INHERIT_FDS;
    wanted.group = 12345;
    for (unsigned i = 0; i < count; i++)
        if (syscall(SPAWN_CALL, &wanted, sizeof wanted) >= 0)
            say("FAILED not refused");
}

static void repeat(unsigned count)
{
    struct spawn_result result;
    struct spawn_arguments wanted = good_request(&result);
    int status;

    wanted.flags = SPAWN_PIDFD;
    for (unsigned i = 0; i < count; i++) {
        pid_t pid = (pid_t)syscall(SPAWN_CALL, &wanted, sizeof wanted);
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0 || close(result.pidfd) != 0)
            say("FAILED spawn %u: %d", i, pid);
    }
}

/* In a process that leaves its PID namespace for its children: the first is their process 1. */
static int outside_namespace(void)
{
    struct spawn_result result;
    struct spawn_arguments wanted = good_request(&result);
    int status;

    if (unshare(CLONE_NEWPID) != 0)
        fail("unshare");
    pid_t pid = (pid_t)syscall(SPAWN_CALL, &wanted, sizeof wanted);
    if (pid <= 2 || waitpid(pid, &status, 0) != pid || status != 0)
        say("FAILED spawn of process 1: %d", pid);
    pid = (pid_t)syscall(SPAWN_CALL, &wanted, sizeof wanted);
    say("after process 1: %d errno %d step %d", pid, result.error,
        (int)(result.step == SPAWN_STEP_START));
    return 0;
}

/* As process 1 of a PID namespace. */
static int inside_namespace(void)
{
    struct spawn_result result;
    struct spawn_arguments wanted = good_request(&result);
    int status;

    pid_t pid = (pid_t)syscall(SPAWN_CALL, &wanted, sizeof wanted);
    say("inside: child %d", pid);
    say("inside: waited %d", waitpid(pid, &status, 0));
    wanted.flags = SPAWN_SET_GROUP;
    pid = (pid_t)syscall(SPAWN_CALL, &wanted, sizeof wanted);
    say("inside: leader %d", pid);
    wanted.group = pid;
    say("inside: member %d", (int)syscall(SPAWN_CALL, &wanted, sizeof wanted));
    int waited = waitpid(-pid, &status, 0) > 0;
    waited += waitpid(-pid, &status, 0) > 0;
    say("inside: waited %d", waited == 2);
    wanted.group = 1000;
    pid = (pid_t)syscall(SPAWN_CALL, &wanted, sizeof wanted);
    say("inside: nobody's group %d errno %d", pid, result.error);
    return 0;
}

static void namespaces(void)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(outside_namespace());
    if (waitpid(pid, &status, 0) != pid || status != 0)
        fail("outside");
    pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(inside_namespace());
    if (waitpid(pid, &status, 0) != pid || status != 0)
        fail("inside");
}

int main(int count, char **arguments)
{
    const char *mode = count > 1 ? arguments[1] : "";

    self_path = "/proc/self/exe";
    if (strcmp(mode, "quit") == 0)
        return 0;
    if (strcmp(mode, "show") == 0)
        return child_show(count, arguments);
    if (strcmp(mode, "fds") == 0 && count > 3)
        return child_fds(arguments[2], arguments[3]);
    static char path[256];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length > 0)
        self_path = path;
    if (strcmp(mode, "children") == 0) {
        show_children();
        exchange();
        relative();
    } else if (strcmp(mode, "namespaces") == 0) {
        namespaces();
    } else if (strcmp(mode, "refused") == 0) {
        refuse_all();
    } else if (strcmp(mode, "repeat") == 0 && count > 2) {
        /* What is freed on another CPU fills the caches there, and is missing here. */
        cpu_set_t first;
        CPU_ZERO(&first);
        CPU_SET(0, &first);
        sched_setaffinity(0, sizeof first, &first);
        repeat(20); /* the caches grow to the size that they keep */
        repeat_refused(20);
        say("ready");
        await_host();
        repeat_refused((unsigned)atoi(arguments[2]));
        say("refused");
        await_host();
        repeat((unsigned)atoi(arguments[2]));
        say("repeated");
        await_host();
    }
    say("done");
    return 0;
}
