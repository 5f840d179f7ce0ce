/*
 * tests/guest/acted_on.c - does what it is told, line by line, while the test acts on it from
 * outside: threads that keep taking a lock of the kernel, threads and children that come and go,
 * and system calls whose allocations are made to fail.
 *
 * Everything that a system call reads or writes lies in shared memory that is touched once: a
 * private page could need a frame in the middle of the call.
 */
#define _GNU_SOURCE
#include "tests/guest/guest.h"

#include <vitrine/spawn.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define MAPPED_BYTES (64 * PAGE_BYTES)

struct shared {
    volatile uint64_t counts[4]; /* the test reads them from the guest's memory */
    int tids[2];
    int status;
    char line[256];
};

static struct shared *shared;
static char *self;

static void *hammer(void *argument)
{
    size_t index = (size_t)argument;
    int file = open("/tmp/hammered", O_RDWR | O_CREAT, 0600);

    if (file < 0)
        fail("open");
    __atomic_store_n(&shared->tids[index], (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
    for (;;) {
        if (pwrite(file, shared->line, sizeof shared->line, 0) < 0)
            fail("pwrite");
        shared->counts[index]++;
    }
    return NULL;
}

static void *nothing(void *argument)
{
    return argument;
}

static void *churn(void *argument)
{
    (void)argument;
    for (;;) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, nothing, NULL) != 0)
            fail("pthread_create");
        pthread_join(thread, NULL);
        shared->counts[2]++;
    }
    return NULL;
}

static void start(void *(*function)(void *), size_t index)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, function, (void *)index) != 0)
        fail("pthread_create");
    pthread_detach(thread);
}

static void start_workers(void)
{
    start(hammer, 0);
    start(hammer, 1);
    while (!__atomic_load_n(&shared->tids[0], __ATOMIC_ACQUIRE) ||
           !__atomic_load_n(&shared->tids[1], __ATOMIC_ACQUIRE))
        sched_yield();
    say("workers %d %d", shared->tids[0], shared->tids[1]);
}

static pid_t start_child(void)
{
    pid_t pid = fork();

    if (pid == 0)
        for (;;)
            shared->counts[3]++;
    if (pid < 0)
        fail("fork");
    return pid;
}

/* One failing allocation may hit this call too: the second try succeeds. */
static void collect(void)
{
    pid_t pid;

    do
        pid = waitpid(-1, &shared->status, 0);
    while (pid < 0 && errno != ECHILD);
    if (pid < 0)
        fail("waitpid");
}

static void try_fork(void)
{
    pid_t pid = fork();
    int error = errno;

    if (pid == 0)
        _exit(0);
    if (pid < 0) {
        say("result %d", error);
        return;
    }
    collect();
    say("result %d", shared->status ? 1000 : 0);
}

/* The child execs this program, which says so; an exec that failed is told by its exit status. */
static void try_exec(void)
{
    char *arguments[] = {self, "executed", NULL};
    pid_t pid = fork();

    if (pid == 0) {
        say("child %d", getpid());
        await_host();
        execv(self, arguments);
        _exit(errno);
    }
    if (pid < 0)
        fail("fork");
    collect();
    if (WIFSIGNALED(shared->status))
        say("result %d", 1000 + WTERMSIG(shared->status));
    else
        say("result %d", WEXITSTATUS(shared->status));
}

/* The builder is made once: only the call's own allocations count. */
static void try_spawn(void)
{
    static struct spawn_builder *builder;

    if (!builder) {
        builder = spawn_create(self);
        spawn_add_argument(builder, self);
        spawn_add_argument(builder, "executed");
        spawn_map_standard_fds(builder);
    }
    int error = spawn_start(builder, NULL, NULL);
    if (!error)
        collect();
    say("result %d", error ? error : shared->status ? 1000 : 0);
}

static void try_open(void)
{
    int file = open("/tmp/new", O_RDWR | O_CREAT, 0600), error = errno;

    if (file < 0) {
        say("result %d", error);
        return;
    }
    error = write(file, shared->line, sizeof shared->line) < 0 ? errno : 0;
    close(file);
    while (unlink("/tmp/new") != 0)
        if (errno == ENOENT)
            fail("unlink");
    say("result %d", error);
}

static void try_mmap(void)
{
    void *memory = mmap(NULL, MAPPED_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    int error = errno;

    if (memory == MAP_FAILED) {
        say("result %d", error);
        return;
    }
    while (munmap(memory, MAPPED_BYTES) != 0)
        ;
    say("result 0");
}

static const char *next_line(void)
{
    size_t length = 0;

    for (;;) {
        ssize_t got = read(0, shared->line + length, 1);

        if (got < 0)
            continue;
        if (got == 0)
            _exit(0);
        if (shared->line[length] == '\n') {
            shared->line[length] = '\0';
            return shared->line;
        }
        length++;
    }
}

int main(int argument_count, char **arguments)
{
    if (argument_count > 1 && strcmp(arguments[1], "executed") == 0)
        return 0;
    self = arguments[0];
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        fail("mmap");
    memset(shared, 0, sizeof *shared);
    say("ready %d %lx", getpid(), (unsigned long)shared);
    for (;;) {
        const char *line = next_line();

        if (strcmp(line, "work") == 0) {
            start_workers();
        } else if (strcmp(line, "churn") == 0) {
            start(churn, 0);
            say("churning");
        } else if (strcmp(line, "child") == 0) {
            say("child %d", start_child());
        } else if (strcmp(line, "wait") == 0) {
            collect();
            say("status %d", shared->status);
        } else if (strcmp(line, "fork") == 0) {
            try_fork();
        } else if (strcmp(line, "exec") == 0) {
            try_exec();
        } else if (strcmp(line, "spawn") == 0) {
            try_spawn();
        } else if (strcmp(line, "open") == 0) {
            try_open();
        } else if (strcmp(line, "mmap") == 0) {
            try_mmap();
        } else if (strcmp(line, "echo") == 0) {
            say("echo");
        } else if (strcmp(line, "quit") == 0) {
            _exit(0);
        } else {
            errno = EINVAL;
            fail(line);
        }
    }
}
