/*
 * tests/guest/objects.c - makes objects of every kind and says what it knows about them itself, so
 * that the test can compare that with what it sees from outside. The first argument says which.
 */
#define _GNU_SOURCE
#include "tests/guest/guest.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* A file of /proc, line by line, each with a mark in front; without using the heap meanwhile. */
static void tell_file(const char *path, const char *mark)
{
    static char text[65536];
    size_t length = 0;
    ssize_t got;
    int fd = open(path, O_RDONLY);

    while (fd >= 0 && (got = read(fd, text + length, sizeof text - 1 - length)) > 0)
        length += (size_t)got;
    close(fd);
    text[length] = '\0';
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        say("%s%s", mark, line);
}

static void *map(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    void *place = mmap(at, bytes, protection, flags, fd, offset);

    if (place == MAP_FAILED)
        fail("mmap");
    return place;
}

static void tell_maps(void)
{
    int fd = open("/tmp/a file", O_RDWR | O_CREAT, 0600),
        gone = open("/tmp/gone", O_RDWR | O_CREAT, 0600);
    volatile char *stack = __builtin_alloca(200000);

    if (fd < 0 || gone < 0 || ftruncate(fd, 5 * PAGE_BYTES) || ftruncate(gone, PAGE_BYTES))
        fail("open");
    map(NULL, 2 * PAGE_BYTES, PROT_READ, MAP_PRIVATE, fd, PAGE_BYTES);
    map(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    map(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, gone, 0);
    map(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    map(NULL, 7 * PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *cut =
        map(NULL, 9 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(cut + 2 * PAGE_BYTES, PAGE_BYTES, PROT_READ | PROT_EXEC);
    munmap(cut + 5 * PAGE_BYTES, PAGE_BYTES);
    if (!sbrk(300000) || unlink("/tmp/gone"))
        fail("sbrk");
    stack[0] = 1; /* the stack has grown */
    say("pid %d", getpid());
    tell_file("/proc/self/maps", "map ");
    say("ready");
    await_host();
}

static void tell_fd(int fd)
{
    char path[64], name[256];
    ssize_t length;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    length = readlink(path, name, sizeof name - 1);
    if (length < 0)
        fail("readlink");
    name[length] = '\0';
    off_t position = lseek(fd, 0, SEEK_CUR);
    say("fd %d %o %d %lld %s", fd, fcntl(fd, F_GETFL), fcntl(fd, F_GETFD),
        position < 0 ? 0ll : (long long)position, name);
}

static void tell_files(void)
{
    int ends[2], fds[] = {open("/etc/passwd", O_RDONLY),
                          open("/tmp/log", O_WRONLY | O_CREAT | O_APPEND, 0600),
                          open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                          open("/dev/null", O_RDWR),
                          open("/tmp/gone", O_RDWR | O_CREAT, 0600),
                          open("/etc", O_PATH),
                          eventfd(3, EFD_NONBLOCK),
                          epoll_create1(EPOLL_CLOEXEC),
                          memfd_create("memory", 0)};
    char bytes[5];

    if (pipe2(ends, O_NONBLOCK) || write(ends[1], "seven b", 7) != 7 || unlink("/tmp/gone") ||
        read(fds[0], bytes, sizeof bytes) != sizeof bytes || dup2(fds[0], 200) != 200)
        fail("files");
    for (int fd = 0; fd < 300; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            tell_fd(fd);
    say("pid %d", getpid());
    say("pipe %d %d", ends[0], ends[1]);
    say("ready");
    await_host();
}

static void *idle(void *unused)
{
    pause();
    return unused;
}

static void tell_process(const char *what)
{
    say("process %d %d %d %d %s", getpid(), getppid(), getpgrp(), getsid(0), what);
}

static void tell_processes(void)
{
    pthread_t threads[3];
    pid_t group, session, zombie, stopped;
    int ready[2];
    char byte;

    if (pipe(ready))
        fail("pipe");
    if ((group = fork()) == 0) {
        setpgid(0, 0);
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){77, 88});
        tell_process("group");
        if (write(ready[1], "", 1) != 1)
            _exit(1);
        pause();
    }
    if ((session = fork()) == 0) {
        setsid();
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        tell_process("session");
        if (write(ready[1], "", 1) != 1)
            _exit(1);
        pause();
    }
    if ((zombie = fork()) == 0)
        _exit(33);
    if ((stopped = fork()) == 0) {
        raise(SIGSTOP);
        pause();
    }
    waitid(P_PID, (id_t)zombie, NULL, WEXITED | WNOWAIT);
    waitid(P_PID, (id_t)stopped, NULL, WSTOPPED | WNOWAIT);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, idle, NULL);
    for (int i = 0; i < 2; i++)
        if (read(ready[0], &byte, 1) != 1)
            fail("read");
    tell_process("parent");
    say("zombie %d", zombie);
    say("stopped %d", stopped);
    say("children %d %d %d %d", group, session, zombie, stopped);
    say("ready");
    await_host();
    kill(group, SIGKILL);
    kill(session, SIGKILL);
    kill(stopped, SIGKILL);
}

/* ---- deadlocks ---- */

/* A mutex as robust ones are: the word is the owner's tid, with a bit for "somebody waits". */
static void take(uint32_t *word)
{
    uint32_t self = (uint32_t)syscall(SYS_gettid), old = 0;

    if (__atomic_compare_exchange_n(word, &old, self, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return;
    for (;;) {
        old = __atomic_fetch_or(word, FUTEX_WAITERS, __ATOMIC_ACQUIRE) | FUTEX_WAITERS;
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
    }
}

static uint32_t words[2];
static pthread_mutex_t mutexes[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static pthread_barrier_t both;

static void *cross_futexes(void *argument)
{
    int own = argument != NULL;

    take(&words[own]);
    say("thread %ld", syscall(SYS_gettid));
    pthread_barrier_wait(&both);
    take(&words[!own]);
    return NULL;
}

static void *cross_mutexes(void *argument)
{
    int own = argument != NULL;

    pthread_mutex_lock(&mutexes[own]);
    say("thread %ld", syscall(SYS_gettid));
    pthread_barrier_wait(&both);
    pthread_mutex_lock(&mutexes[!own]);
    return NULL;
}

/* The main thread goes on, so that the program can be told to end. */
static void cross_threads(void *(*cross)(void *))
{
    pthread_t threads[2];

    pthread_barrier_init(&both, NULL, 2);
    pthread_create(&threads[0], NULL, cross, NULL);
    pthread_create(&threads[1], NULL, cross, (void *)1);
    say("ready");
    await_host();
    _exit(0);
}

static void cross_pipes(void)
{
    int first[2], second[2];
    pid_t children[2];
    char byte;

    if (pipe(first) || pipe(second))
        fail("pipe");
    for (int i = 0; i < 2; i++) {
        if ((children[i] = fork()) != 0)
            continue;
        int *in = i ? second : first, *out = i ? first : second;
        close(in[1]);
        close(out[0]);
        if (read(in[0], &byte, 1) == 1)
            _exit(write(out[1], "", 1) != 1);
        _exit(1);
    }
    close(first[0]);
    close(first[1]);
    close(second[0]);
    close(second[1]);
    say("thread %d", children[0]);
    say("thread %d", children[1]);
    say("ready");
    await_host();
    kill(children[0], SIGKILL);
    kill(children[1], SIGKILL);
}

/* Two locks of a file each, taken in opposite order: flock's, or those of open file descriptions.
 */
static int lock_file(int fd, bool by_flock)
{
    struct flock request = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return by_flock ? flock(fd, LOCK_EX) : fcntl(fd, F_OFD_SETLKW, &request);
}

static void cross_locks(bool by_flock)
{
    static const char *const names[] = {"/tmp/one", "/tmp/two"};
    pid_t children[2];
    int ready[2][2];
    char byte;

    close(open(names[0], O_RDWR | O_CREAT, 0600));
    close(open(names[1], O_RDWR | O_CREAT, 0600));
    if (pipe(ready[0]) || pipe(ready[1]))
        fail("pipe");
    for (int i = 0; i < 2; i++) {
        if ((children[i] = fork()) != 0)
            continue;
        int own = open(names[i], O_RDWR), other = open(names[!i], O_RDWR);
        if (lock_file(own, by_flock) || write(ready[!i][1], "", 1) != 1 ||
            read(ready[i][0], &byte, 1) != 1)
            _exit(1);
        lock_file(other, by_flock);
        _exit(0);
    }
    say("thread %d", children[0]);
    say("thread %d", children[1]);
    say("ready");
    await_host();
    kill(children[0], SIGKILL);
    kill(children[1], SIGKILL);
}

/* Waits of the same kinds that all can end: their owner only sleeps, or reads what we will send. */
static void *hold_and_read(void *argument)
{
    int *ends = argument;
    char byte;

    pthread_mutex_lock(&mutexes[0]);
    pthread_barrier_wait(&both);
    if (read(ends[0], &byte, 1) != 1)
        fail("read");
    pthread_mutex_unlock(&mutexes[0]);
    return NULL;
}

static void *lock_once(void *unused)
{
    pthread_mutex_lock(&mutexes[0]);
    return unused;
}

static void wait_without_deadlock(void)
{
    pthread_t threads[2];
    int ends[2];

    if (pipe(ends))
        fail("pipe");
    pthread_barrier_init(&both, NULL, 2);
    pthread_create(&threads[0], NULL, hold_and_read, ends);
    pthread_barrier_wait(&both);
    pthread_create(&threads[1], NULL, lock_once, NULL);
    pid_t child = fork();
    if (child == 0) {
        close(ends[1]);
        sleep(1000);
    }
    say("ready");
    await_host();
    if (write(ends[1], "", 1) != 1)
        fail("write");
    pthread_join(threads[1], NULL);
    kill(child, SIGKILL);
}

/* ---- for readings while things move ---- */

static volatile bool stop_changing;

/*
 * [region, region + 32 pages) is always mapped, in ever other pieces; fd 50 is always open. In
 * bursts with a moment between them: who changes faster than anybody can look twice has no state
 * that could be seen without stopping him.
 */
static void *change_for_ever(void *argument)
{
    const struct timespec moment = {.tv_nsec = 500000};
    char *region = argument;
    int files[] = {open("/etc/passwd", O_RDONLY), open("/tmp/other", O_RDWR | O_CREAT, 0600)};

    for (unsigned i = 0; !stop_changing; i++) {
        unsigned first = i * 7 % 31, pages = 1 + i * 5 % (32 - first);

        map(region + first * PAGE_BYTES, pages * PAGE_BYTES,
            i % 2 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
            0);
        mprotect(region + (i * 3 % 32) * PAGE_BYTES, PAGE_BYTES, i % 3 ? PROT_NONE : PROT_READ);
        if (i % 5 == 0)
            mlock(region + (i % 32) * PAGE_BYTES, PAGE_BYTES);
        dup2(files[i % 2], 50);
        if (i % 8 == 7)
            nanosleep(&moment, NULL);
    }
    return NULL;
}

static void change(void)
{
    pthread_t thread;
    char *region = map(NULL, 34 * PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    dup2(0, 50);
    map(region + PAGE_BYTES, 32 * PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
        -1, 0);
    munmap(region, PAGE_BYTES);
    munmap(region + 33 * PAGE_BYTES, PAGE_BYTES);
    pthread_create(&thread, NULL, change_for_ever, region + PAGE_BYTES);
    say("region %lx", (unsigned long)region + PAGE_BYTES);
    say("pid %d", getpid());
    say("ready");
    await_host();
    stop_changing = true;
    pthread_join(thread, NULL);
}

static void many(int count)
{
    int ends[2];
    char byte;

    if (pipe(ends))
        fail("pipe");
    for (int i = 0; i < count; i++) {
        pid_t child = fork();
        if (child < 0)
            fail("fork");
        if (child == 0) {
            close(ends[1]);
            _exit(read(ends[0], &byte, 1) != 0);
        }
    }
    say("ready");
    await_host();
    _exit(0);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (strcmp(what, "maps") == 0)
        tell_maps();
    else if (strcmp(what, "files") == 0)
        tell_files();
    else if (strcmp(what, "processes") == 0)
        tell_processes();
    else if (strcmp(what, "futexes") == 0)
        cross_threads(cross_futexes);
    else if (strcmp(what, "mutexes") == 0)
        cross_threads(cross_mutexes);
    else if (strcmp(what, "pipes") == 0)
        cross_pipes();
    else if (strcmp(what, "flock") == 0)
        cross_locks(true);
    else if (strcmp(what, "fcntl") == 0)
        cross_locks(false);
    else if (strcmp(what, "none") == 0)
        wait_without_deadlock();
    else if (strcmp(what, "change") == 0)
        change();
    else if (strcmp(what, "many") == 0)
        many(atoi(argv[2]));
    else
        return 1;
    return 0;
}
