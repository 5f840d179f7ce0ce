/*
 * tests/guest/templates.c - a prepared process and its copies (docs/spawn.md). The template is this
 * program with the argument "template" or "worker". Only here: Linux has no such call.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <vitrine/spawn.h>

#include "shared/spawn.h"
#include "tests/guest/guest.h"

#define MEMORY_PAGES 512
#define REPORT_FD    20
#define SIGNAL_FD    21 /* the template tells that its signal came */

static char self[256];
static int signalled[2]; /* the owner's end of SIGNAL_FD */

/* ---- the template ---- */

static __thread int of_thread = 1;
static volatile sig_atomic_t signals;

static void on_signal(int signal)
{
    (void)signal;
    signals++;
}

static void *idle(void *unused)
{
    pause();
    return unused;
}

static _Noreturn void be_copy(unsigned *memory, const char *message, ssize_t bytes)
{
    unsigned right = 0;

    for (int i = 0; i < MEMORY_PAGES; i++)
        right += memory[i * (PAGE_BYTES / sizeof *memory)] == (unsigned)i;
    say("copy got %.*s (%zd), %u pages right", (int)bytes, message, bytes, right);
    say("copy rounds up %d, thread variable %d", fegetround() == FE_UPWARD, of_thread);
    pthread_kill(pthread_self(), SIGUSR1); /* by the number that the C library remembers */
    say("copy took %d signals as itself", (int)signals);
    memset(memory, 0xff, MEMORY_PAGES * PAGE_BYTES);
    of_thread++;
    if (message[0] == 'r' && write(REPORT_FD, "told", 4) != 4)
        _exit(1);
    _exit(message[0]);
}

static int be_template(const char *how)
{
    unsigned *memory = mmap(NULL, MEMORY_PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static char message[100];
    ssize_t got;

    for (int i = 0; i < MEMORY_PAGES; i++)
        memory[i * (PAGE_BYTES / sizeof *memory)] = (unsigned)i;
    signal(SIGUSR1, on_signal);
    sigaction(SIGUSR2, &(struct sigaction){.sa_handler = on_signal}, NULL);
    fesetround(FE_UPWARD);
    of_thread = 5;
    if (strcmp(how, "quiet") == 0) {
        got = spawn_template_ready(message, sizeof message);
        _exit(got < 0);
    }
    if (strcmp(how, "misused") == 0) {
        pthread_t thread;

        say("read-only %d", (int)spawn_template_ready((void *)"text", 4) == -1 && errno == EFAULT);
        say("huge %d",
            syscall(TEMPLATE_READY_CALL, message, 1ul << 40, -1) == -1 && errno == EINVAL);
        say("no such fd %d", syscall(TEMPLATE_READY_CALL, message, 4, 77) == -1 && errno == EBADF);
        pthread_create(&thread, NULL, idle, NULL);
        say("threads %d", spawn_template_ready(message, sizeof message) == -1 && errno == EBUSY);
        _exit(0);
    }
    got = spawn_template_ready(message, sizeof message);
    if (got >= 0)
        be_copy(memory, message, got);
    say("template interrupted %d after %d signals", errno == EINTR, (int)signals);
    if (write(SIGNAL_FD, "!", 1) != 1)
        return 1;
    got = spawn_template_ready(message, sizeof message);
    if (got >= 0)
        be_copy(memory, message, got);
    return 1;
}

/* ---- its owner ---- */

static struct spawn_child start_template(const char *role, const char *how, int expected)
{
    struct spawn_builder *builder = spawn_create(self);
    struct spawn_child child = {0};
    struct spawn_failure failure;

    spawn_add_argument(builder, "templates");
    spawn_add_argument(builder, role);
    spawn_add_argument(builder, how);
    spawn_map_standard_fds(builder);
    if (pipe2(signalled, O_CLOEXEC) != 0)
        fail("pipe");
    spawn_map_fd(builder, signalled[1], SIGNAL_FD);
    int error = spawn_template_start(builder, &child, &failure);
    if (error != expected) {
        char text[200];

        spawn_failure_text(&failure, text, sizeof text);
        say("FAILED template: %s", text);
        _exit(99);
    }
    spawn_destroy(builder);
    return child;
}

static int copy(int pidfd, const char *message, int report)
{
    struct spawn_builder *builder = spawn_create_copy(pidfd);
    struct spawn_child child;
    struct spawn_failure failure;
    char text[200];
    int status;

    spawn_set_message(builder, message, strlen(message));
    if (report >= 0)
        spawn_map_fd(builder, report, REPORT_FD);
    if (spawn_start(builder, &child, &failure) != 0) {
        spawn_failure_text(&failure, text, sizeof text);
        say("refused: %s", text);
        spawn_destroy(builder);
        return -1;
    }
    spawn_destroy(builder);
    if (waitpid(child.pid, &status, 0) != child.pid)
        fail("wait");
    close(child.pidfd);
    return status;
}

static void copies(void)
{
    struct spawn_child template = start_template("template", "", 0);
    char text[101], told[8] = "";
    int ends[2], null = open("/dev/null", O_RDONLY);

    say("ended %#x", copy(template.pidfd, "a first message", -1));
    say("ended %#x", copy(template.pidfd, "", -1)); /* nothing of the first one is left */
    if (pipe(ends) != 0)
        fail("pipe");
    say("ended %#x", copy(template.pidfd, "report", ends[1]));
    if (read(ends[0], told, 4) != 4)
        fail("read");
    say("copy wrote %s", told);
    memset(text, 'x', 101);
    text[100] = '\0';
    say("ended %#x", copy(template.pidfd, text, -1));
    char longer[102];
    memset(longer, 'x', 101);
    longer[101] = '\0';
    copy(template.pidfd, longer, -1);
    /* A handled signal ends the wait; then it is ready again. */
    kill(template.pid, SIGUSR2);
    if (read(signalled[0], told, 1) != 1)
        fail("read");
    struct spawn_builder *builder = spawn_create_copy(template.pidfd);
    struct spawn_child child;
    int error, status;
    spawn_set_message(builder, "z", 1);
    while ((error = spawn_start(builder, &child, NULL)) == EAGAIN)
        sched_yield();
    spawn_destroy(builder);
    if (error || waitpid(child.pid, &status, 0) != child.pid)
        say("FAILED after the signal: %d", error);
    close(child.pidfd);
    /* What is no template. */
    copy(null, "x", -1);
    int own = (int)syscall(SYS_pidfd_open, getpid(), 0);
    copy(own, "x", -1);
    kill(template.pid, SIGKILL);
    siginfo_t info;
    waitid(P_PID, (id_t) template.pid, &info, WEXITED | WNOWAIT);
    copy(template.pidfd, "x", -1);
    waitpid(template.pid, NULL, 0);
    copy(template.pidfd, "x", -1);
    start_template("template", "misused", ECHILD);
}

/* ---- a pool ---- */

static int be_worker(void)
{
    char message[64];
    int fds[2];
    ssize_t got = spawn_pool_ready(message, sizeof message, fds, 2);

    if (got < 0)
        return 1;
    char text[100];
    int length = snprintf(text, sizeof text, "%.*s done", (int)got, message);
    return write(fds[0], text, (size_t)length) == length && fds[1] == -1 ? 0 : 2;
}

static void use_pool(void)
{
    struct spawn_child template = start_template("worker", "", 0), child;
    struct spawn_pool *pool = spawn_pool_create(template.pidfd, 3);
    int ends[2], status;

    if (!pool || pipe(ends) != 0)
        fail("pool");
    for (int i = 0; i < 8; i++) {
        char message[16], text[100];

        snprintf(message, sizeof message, "job %d", i);
        if (i == 4) { /* one that waits is killed: the next work finds another */
            int error = spawn_pool_take(pool, message, strlen(message), &ends[1], 1, &child);
            if (error)
                say("FAILED take: %s", strerror(error));
            siginfo_t info;
            kill(child.pid + 1, SIGKILL);
            waitid(P_PID, (id_t)child.pid + 1, &info, WEXITED | WNOWAIT);
        } else {
            int error = spawn_pool_take(pool, message, strlen(message), &ends[1], 1, &child);
            if (error)
                say("FAILED take: %s", strerror(error));
        }
        if (waitpid(child.pid, &status, 0) != child.pid)
            fail("wait");
        close(child.pidfd);
        ssize_t got = read(ends[0], text, sizeof text);
        say("%.*s: %#x", (int)got, text, status);
    }
    spawn_pool_destroy(pool);
    kill(template.pid, SIGKILL);
    waitpid(template.pid, NULL, 0);
    say("children left %d", waitpid(-1, NULL, 0) > 0 || errno != ECHILD);
}

/* ---- what one costs, in ticks of the TSC ---- */

static uint64_t ticks(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

static void wait_for_one(void)
{
    int status;

    if (wait(&status) < 0 || status != 0)
        fail("wait");
}

static void cost(void)
{
    struct spawn_child template = start_template("template", "quiet", 0);
    struct spawn_builder *copies = spawn_create_copy(template.pidfd);
    struct spawn_builder *program = spawn_create(self);
    uint64_t fork_exec = UINT64_MAX, spawn = UINT64_MAX, copied = UINT64_MAX;

    spawn_add_argument(program, "templates");
    spawn_add_argument(program, "nothing");
    for (int i = 0; i < 20; i++) {
        uint64_t start = ticks();
        if (fork() == 0) {
            execl(self, "templates", "nothing", (char *)NULL);
            _exit(1);
        }
        wait_for_one();
        uint64_t after_exec = ticks();
        if (spawn_start(program, NULL, NULL) != 0)
            fail("spawn");
        wait_for_one();
        uint64_t after_spawn = ticks();
        if (spawn_start(copies, NULL, NULL) != 0)
            fail("copy");
        wait_for_one();
        uint64_t end = ticks();
        fork_exec = after_exec - start < fork_exec ? after_exec - start : fork_exec;
        spawn = after_spawn - after_exec < spawn ? after_spawn - after_exec : spawn;
        copied = end - after_spawn < copied ? end - after_spawn : copied;
    }
    say("cost %lu %lu %lu", (unsigned long)fork_exec, (unsigned long)spawn, (unsigned long)copied);
    kill(template.pid, SIGKILL);
    waitpid(template.pid, NULL, 0);
}

/* ---- many ---- */

static void repeat(int pidfd, unsigned count)
{
    struct spawn_builder *builder = spawn_create_copy(pidfd);
    struct spawn_child child;
    int status;

    spawn_set_message(builder, "q", 1);
    for (unsigned i = 0; i < count; i++) {
        if (spawn_start(builder, &child, NULL) != 0 || waitpid(child.pid, &status, 0) < 0 ||
            status != 0)
            say("FAILED copy %u", i);
        close(child.pidfd);
    }
    spawn_destroy(builder);
}

int main(int count, char **arguments)
{
    const char *mode = count > 1 ? arguments[1] : "";

    if (strcmp(mode, "template") == 0 && count > 2)
        return be_template(arguments[2]);
    if (strcmp(mode, "nothing") == 0)
        return 0;
    if (strcmp(mode, "worker") == 0)
        return be_worker();
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        fail("readlink");
    if (strcmp(mode, "cost") == 0) {
        cost();
    } else if (strcmp(mode, "copies") == 0) {
        copies();
    } else if (strcmp(mode, "pool") == 0) {
        use_pool();
    } else if (strcmp(mode, "repeat") == 0 && count > 2) {
        cpu_set_t first;

        CPU_ZERO(&first);
        CPU_SET(0, &first);
        sched_setaffinity(0, sizeof first, &first);
        struct spawn_child template = start_template("template", "quiet", 0);
        repeat(template.pidfd, 20);
        say("template %d", template.pid);
        say("ready");
        await_host();
        repeat(template.pidfd, (unsigned)atoi(arguments[2]));
        say("repeated");
        await_host();
        kill(template.pid, SIGKILL);
        waitpid(template.pid, NULL, 0);
    }
    say("done");
    return 0;
}
