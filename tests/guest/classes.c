/*
 * tests/guest/classes.c - one task class at a time, for a test that watches from outside: classes PART.
 * What can be judged from inside is, and said.
 */
#define _GNU_SOURCE
#include "tests/guest/guest.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static void stay_on_first(void)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(0, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static int become(int policy, int priority)
{
    const struct sched_param parameter = {.sched_priority = priority};

    return sched_setscheduler(0, policy, &parameter) == 0 ? 0 : errno;
}

static int become_deadline(uint64_t runtime, uint64_t period)
{
    const struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attribute = {48, 6, 0, 0, 0, runtime, period, period};

    return syscall(SYS_sched_setattr, 0, &attribute, 0) == 0 ? 0 : errno;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void spin_ns(uint64_t own)
{
    uint64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID);

    while (clock_ns(CLOCK_THREAD_CPUTIME_ID) - start < own)
        ;
}

static void nap_ns(long ns)
{
    const struct timespec time = {0, ns};

    nanosleep(&time, NULL);
}

static pid_t hog(void)
{
    pid_t child = fork();

    if (child == 0)
        for (;;)
            ;
    return child;
}

/* A real-time task that sleeps and wakes beside two that only spin. */
static int wakes(void)
{
    pid_t hogs[2];

    stay_on_first();
    for (int i = 0; i < 2; i++)
        hogs[i] = hog();
    if (become(SCHED_FIFO, 30) != 0)
        return 1;
    say("realtime %d", getpid());
    for (int i = 0; i < 30; i++) {
        nap_ns(2000000);
        spin_ns(100000);
    }
    for (int i = 0; i < 2; i++) {
        kill(hogs[i], SIGKILL);
        waitpid(hogs[i], NULL, 0);
    }
    return 0;
}

/* FIFO: the better priority first, and nobody is interrupted by an equal. */
static int order(void)
{
    static const struct {
        char name;
        int priority;
    } tasks[] = {{'a', 10}, {'b', 20}, {'c', 20}, {'d', 15}};
    int gate[2], out[2];
    char names[5] = {0}, byte;

    stay_on_first();
    if (become(SCHED_FIFO, 50) != 0 || pipe(gate) != 0 || pipe(out) != 0)
        return 1;
    for (unsigned i = 0; i < 4; i++) {
        if (fork() != 0)
            continue;
        become(SCHED_FIFO, tasks[i].priority);
        spin_ns(2000000);
        if (write(out[1], &tasks[i].name, 1) != 1)
            _exit(1);
        _exit(0);
    }
    for (unsigned i = 0; i < 4; i++)
        if (read(out[0], &byte, 1) == 1)
            names[i] = byte;
    while (wait(NULL) > 0)
        ;
    say("order %s", names);
    return 0;
}

/* Each of three gets its slices in turn. */
static int turns(void)
{
    stay_on_first();
    if (become(SCHED_RR, 40) != 0)
        return 1;
    for (int i = 0; i < 3; i++)
        if (fork() == 0) {
            spin_ns(250000000);
            _exit(0);
        }
    while (wait(NULL) > 0)
        ;
    return 0;
}

/* A tenth of the CPU, however much it wants. */
static int deadline(void)
{
    if (become_deadline(2000000, 20000000) != 0)
        return 1;
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    spin_ns(20000000);
    say("20 ms took %lu ms", (unsigned long)((clock_ns(CLOCK_MONOTONIC) - start) / 1000000));
    return 0;
}

/* Not more than there is. */
static int admission(void)
{
    int ends[2];
    char byte;

    if (pipe(ends) != 0)
        return 1;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN), admitted = 0;
    for (long i = 0; i < 4 * cpus; i++) {
        pid_t child = fork();
        if (child == 0) {
            close(ends[1]);
            if (become_deadline(30000000, 100000000) != 0)
                _exit(errno == EBUSY ? 2 : 3);
            if (read(ends[0], &byte, 1) < 0)
                _exit(1);
            _exit(0);
        }
    }
    close(ends[0]);
    nap_ns(300000000);
    close(ends[1]);
    int status, refused = 0;
    while (wait(&status) > 0) {
        admitted += WEXITSTATUS(status) == 0;
        refused += WEXITSTATUS(status) == 2;
    }
    say("admitted %ld of %ld, refused %d", admitted, 4 * cpus, refused);
    return become_deadline(90000000, 100000000); /* all of it is free again */
}

static pthread_mutex_t lock;
static volatile int stage;

static void *owner(void *unused)
{
    become(SCHED_OTHER, 0);
    pthread_mutex_lock(&lock);
    stage = 1;
    while (stage != 3)
        ;
    pthread_mutex_unlock(&lock);
    return unused;
}

static void *waiter(void *unused)
{
    become(SCHED_FIFO, 60);
    stage = 2;
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    return unused;
}

/* A real-time thread waits for a normal one, which runs in spite of one in between. */
static int lends(void)
{
    pthread_mutexattr_t attribute;
    pthread_t threads[2];

    stay_on_first();
    pthread_mutexattr_init(&attribute);
    pthread_mutexattr_setprotocol(&attribute, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&lock, &attribute);
    pthread_create(&threads[0], NULL, owner, NULL);
    while (stage != 1)
        nap_ns(1000000);
    pthread_create(&threads[1], NULL, waiter, NULL);
    while (stage != 2)
        nap_ns(1000000);
    say("lent");
    await_host();
    stage = 3;
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    return 0;
}

static void limit(int resource, rlim_t soft, rlim_t hard)
{
    const struct rlimit value = {soft, hard};

    setrlimit(resource, &value);
}

static volatile sig_atomic_t told;

static void on_limit(int signal)
{
    (void)signal;
    told++;
}

/* What an ordinary user may, as limits say; and how long a real-time task may go without sleep. */
static int limits(void)
{
    int status;

    if (fork() == 0) {
        limit(RLIMIT_RTPRIO, 5, 5);
        limit(RLIMIT_NICE, 25, 25);
        if (setuid(65534) != 0)
            _exit(1);
        int five = become(SCHED_FIFO, 5), six = become(SCHED_FIFO, 6);
        int deadline = become_deadline(1000000, 30000000), other = become(SCHED_OTHER, 0);
        int nice_5 = setpriority(PRIO_PROCESS, 0, -5) == 0 ? 0 : errno;
        int nice_6 = setpriority(PRIO_PROCESS, 0, -6) == 0 ? 0 : errno;
        int idle = become(SCHED_IDLE, 0), out = become(SCHED_OTHER, 0);
        say("fifo 5: %d, 6: %d, deadline: %d, other: %d, nice -5: %d, -6: %d, idle: %d, back: %d",
            five, six, deadline, other, nice_5, nice_6, idle, out);
        _exit(0);
    }
    wait(&status);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXCPU, on_limit);
        limit(RLIMIT_RTTIME, 400000, 1700000);
        become(SCHED_FIFO, 1);
        for (int i = 0; i < 25; i++) { /* who sleeps begins anew */
            spin_ns(20000000);
            nap_ns(1000000);
        }
        say("told %d times while it slept", (int)told);
        while (told < 1)
            ;
        say("told after %d looks", (int)told);
        for (;;)
            ;
    }
    waitpid(child, &status, 0);
    say("ended by signal %d", WTERMSIG(status));
    return 0;
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        int (*run)(void);
    } parts[] = {{"wakes", wakes},       {"order", order},         {"turns", turns},
                 {"deadline", deadline}, {"admission", admission}, {"lends", lends},
                 {"limits", limits}};

    for (unsigned i = 0; count == 2 && i < sizeof parts / sizeof *parts; i++)
        if (strcmp(parts[i].name, arguments[1]) == 0)
            return parts[i].run();
    return 99;
}
