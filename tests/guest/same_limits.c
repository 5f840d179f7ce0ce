/*
 * tests/guest/same_limits.c - resource limits as a user without privileges meets them, and what a
 * process is said to have used; lines that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/times.h>

#define NOBODY_ELSE 54321 /* a user id that nothing else runs with */

static long limit(int resource, rlim_t soft, rlim_t hard)
{
    return setrlimit(resource, &(struct rlimit){soft, hard});
}

/* The soft limit; RLIM_INFINITY: as high as the hard one, which differs from host to host. */
static void limit_soft(int resource, rlim_t soft)
{
    struct rlimit now;

    getrlimit(resource, &now);
    now.rlim_cur = soft == RLIM_INFINITY ? now.rlim_max : soft;
    if (setrlimit(resource, &now))
        fail("setrlimit");
}

static void setting(void)
{
    struct rlimit now = {0, 0};

    show("bad resource", limit(99, 1, 1));
    show("soft above hard", limit(RLIMIT_CORE, 2, 1));
    show("lower", limit(RLIMIT_MSGQUEUE, 100, 200));
    show("raise soft", limit(RLIMIT_MSGQUEUE, 200, 200));
    show("raise hard", limit(RLIMIT_MSGQUEUE, 200, 201));
    show("of nobody", prlimit(99999, RLIMIT_CORE, NULL, &now));
    show("of PID 1", prlimit(1, RLIMIT_CORE, NULL, &now));
    show("own by pid", prlimit(getpid(), RLIMIT_MSGQUEUE, NULL, &now));
    say("%lu %lu", now.rlim_cur, now.rlim_max);
    show("nowhere", syscall(SYS_getrlimit, RLIMIT_CORE, NULL));
}

/* ---- RLIMIT_SIGPENDING: one count for all processes of the user ---- */

static sigset_t only(int signal)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signal);
    return set;
}

static void pending(void)
{
    sigset_t set = only(SIGRTMIN);
    int id;

    sigprocmask(SIG_BLOCK, &set, NULL);
    pid_t other = spawn(sleep_for_ever);
    limit(RLIMIT_SIGPENDING, 3, 3);
    union sigval value = {.sival_int = 1};
    show("to us", sigqueue(getpid(), SIGRTMIN, value));
    show("to the other", sigqueue(other, SIGRTMIN, value));
    show("a timer", syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id));
    show("no more", sigqueue(getpid(), SIGRTMIN, value));
    show("no more timers", syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id));
    show("kill gets through", kill(getpid(), SIGRTMIN));
    show("ordinary ones too", sigqueue(getpid(), SIGURG, value));
    show("delete", syscall(SYS_timer_delete, id));
    show("room again", sigqueue(getpid(), SIGRTMIN, value));
    show("and none", sigqueue(getpid(), SIGRTMIN, value));
    kill(other, SIGKILL);
    show_end("the other", other);
    show("its room", sigqueue(getpid(), SIGRTMIN, value));
    siginfo_t info;
    int taken = 0;
    while (sigtimedwait(&set, &info, &(struct timespec){0, 0}) > 0)
        taken++;
    say("taken %d", taken);
}

static void priorities(void)
{
    limit(RLIMIT_NICE, 0, 0);
    show("better", setpriority(PRIO_PROCESS, 0, -5));
    show("worse", setpriority(PRIO_PROCESS, 0, 3));
    show("not back", setpriority(PRIO_PROCESS, 0, 2));
}

static int nothing(void)
{
    return 0;
}

static void *no_thread(void *unused)
{
    return unused;
}

static void processes(void)
{
    pthread_t thread;

    limit_soft(RLIMIT_NPROC, 1);
    show("fork", fork());
    say("thread: %s", strerrorname_np(pthread_create(&thread, NULL, no_thread, NULL)));
    limit_soft(RLIMIT_NPROC, RLIM_INFINITY);
    show_end("child", spawn(nothing));
}

static void files(void)
{
    char block[100] = "";
    int fd = memfd_create("limited", 0);

    signal(SIGXFSZ, SIG_IGN);
    limit_soft(RLIMIT_FSIZE, 150);
    show("write", write(fd, block, 100));
    show("write to the limit", write(fd, block, 100));
    show("write behind", write(fd, block, 100));
    show("truncate", ftruncate(fd, 151));
    show("shorter", ftruncate(fd, 10));
    limit_soft(RLIMIT_FSIZE, RLIM_INFINITY);
    limit(RLIMIT_NOFILE, (rlim_t)fd + 1, 100);
    show("dup", dup(fd));
    show("dup2", dup2(fd, fd + 1));
    show("F_DUPFD", fcntl(fd, F_DUPFD, fd + 1));
    show("open", open("/", O_RDONLY));
    limit(RLIMIT_NOFILE, 100, 100);
    close((int)show_good("dup", dup(fd)));
    close(fd);
}

static void memory(void)
{
    struct rlimit old;

    getrlimit(RLIMIT_AS, &old);
    limit_soft(RLIMIT_AS, 64 << 20);
    void *where = mmap(NULL, 128 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    show("map", where == MAP_FAILED ? -1 : 0);
    setrlimit(RLIMIT_AS, &old);
    limit(RLIMIT_MEMLOCK, 8192, 8192);
    where = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    show("lock", mlock(where, 8192));
    show("lock more", mlock(where, 65536));
}

/* No core is written with a limit of 0, and the status says so. */
static int abort_now(void)
{
    limit(RLIMIT_CORE, 0, 0);
    signal(SIGABRT, SIG_DFL);
    kill(getpid(), SIGABRT);
    return 0;
}

static void cores(void)
{
    pid_t child = spawn(abort_now);
    int status = 0;

    waitpid(child, &status, 0);
    say("status %#x", status);
}

/* ---- what was used ---- */

static int use_some(void)
{
    struct timespec end, now;

    volatile char *memory =
        mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 8 << 20; i += 4096)
        memory[i] = 1;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    end.tv_nsec += 30000000;
    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    while ((now.tv_sec - end.tv_sec) * 1000000000 + now.tv_nsec - end.tv_nsec < 0);
    for (int i = 0; i < 3; i++)
        usleep(1000);
    return 0;
}

static void usage(void)
{
    struct rusage own, children;
    struct tms ticks;

    show_end("user", spawn(use_some));
    show("bad", getrusage(7, &own));
    show("nowhere", syscall(SYS_getrusage, RUSAGE_SELF, NULL));
    getrusage(RUSAGE_SELF, &own);
    getrusage(RUSAGE_CHILDREN, &children);
    long used_us = children.ru_utime.tv_usec + children.ru_stime.tv_usec +
                   1000000 * (children.ru_utime.tv_sec + children.ru_stime.tv_sec);
    say("time %d, faults %d, slept %d, memory %d", used_us >= 29000, children.ru_minflt >= 2048,
        children.ru_nvcsw >= 3, children.ru_maxrss >= 8192);
    say("our own: memory %d, less %d", own.ru_maxrss > 0, own.ru_maxrss < 8192);
    times(&ticks);
    say("in ticks: %d", ticks.tms_cutime + ticks.tms_cstime >= 2);
    getrusage(RUSAGE_THREAD, &own);
    say("thread: memory %d", own.ru_maxrss > 0);
}

static int as_user(void)
{
    setting();
    pending();
    priorities();
    processes();
    files();
    memory();
    cores();
    usage();
    return 0;
}

static int become_user(void)
{
    limit(RLIMIT_NOFILE, 1024, 4096);
    limit(RLIMIT_SIGPENDING, 100, 100);
    limit(RLIMIT_MSGQUEUE, 819200, 819200);
    limit(RLIMIT_MEMLOCK, 65536, 65536);
    if (setpriority(PRIO_PROCESS, 0, 0) || setresgid(NOBODY_ELSE, NOBODY_ELSE, NOBODY_ELSE) ||
        setresuid(NOBODY_ELSE, NOBODY_ELSE, NOBODY_ELSE))
        fail("set ids");
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    return as_user();
}

int main(void)
{
    show_end("user", spawn(become_user));
    return 0;
}
