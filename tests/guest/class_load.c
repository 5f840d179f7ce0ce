/*
 * tests/guest/class_load.c - tasks of every class at once, that run in bursts, change their ways and lend
 * each other their places: what the promises about run queues are checked under. A line on stdin arms
 * what the kernel has planted; a second one ends the load.
 */
#define _GNU_SOURCE
#include "tests/guest/guest.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static volatile int *over; /* shared by all processes */

static bool going(void)
{
    return !__atomic_load_n(over, __ATOMIC_RELAXED);
}

static void nap(long microseconds)
{
    struct timespec time = {0, microseconds * 1000};

    nanosleep(&time, NULL);
}

static void spin(int rounds)
{
    for (volatile int i = 0; i < rounds; i++)
        ;
}

static void stay_on(unsigned cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static void become(int policy, int priority)
{
    const struct sched_param parameter = {.sched_priority = priority};

    if (sched_setscheduler(0, policy, &parameter) != 0)
        _exit(1);
}

static void hog(void)
{
    stay_on(0);
    while (going())
        spin(1000);
}

/* Two of the same priority and one below, on the CPU of the hogs. */
static void bursts(int policy, int priority)
{
    stay_on(0);
    become(policy, priority);
    while (going()) {
        spin(20000);
        sched_yield();
        spin(20000);
        nap(5000);
    }
}

static void fifo(void)
{
    bursts(SCHED_FIFO, 20);
}

static void fifo_too(void)
{
    bursts(SCHED_FIFO, 20);
}

static void fifo_below(void)
{
    bursts(SCHED_FIFO, 10);
}

static void turns(void)
{
    bursts(SCHED_RR, 15);
}

/* 2 ms of every 10, and it always wants more. */
static void deadline(void)
{
    const struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attribute = {48, 6, 0, 0, 0, 2000000, 10000000, 10000000};

    if (syscall(SYS_sched_setattr, 0, &attribute, 0) != 0)
        _exit(1);
    for (unsigned round = 0; going(); round++) {
        spin(5000);
        if (round % 64 == 0)
            nap(3000);
    }
}

static void changes(void)
{
    while (going()) {
        become(SCHED_FIFO, 5);
        spin(3000);
        nap(300);
        become(SCHED_RR, 30);
        spin(3000);
        become(SCHED_IDLE, 0);
        nap(300);
        become(SCHED_OTHER, 0);
        spin(3000);
    }
}

static pthread_mutex_t lock;

static void *owner(void *unused)
{
    stay_on(0);
    become(SCHED_OTHER, 0);
    while (going()) {
        pthread_mutex_lock(&lock);
        spin(30000);
        pthread_mutex_unlock(&lock);
        nap(200);
    }
    return unused;
}

/* A real-time thread waits for what a normal one has. */
static void lends(void)
{
    pthread_mutexattr_t attribute;
    pthread_t thread;

    pthread_mutexattr_init(&attribute);
    pthread_mutexattr_setprotocol(&attribute, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&lock, &attribute);
    if (pthread_create(&thread, NULL, owner, NULL) != 0)
        _exit(1);
    stay_on(0);
    become(SCHED_FIFO, 40);
    while (going()) {
        nap(700);
        pthread_mutex_lock(&lock);
        spin(500);
        pthread_mutex_unlock(&lock);
    }
    pthread_join(thread, NULL);
}

int main(void)
{
    static void (*const parts[])(void) = {hog,   hog,      fifo,     fifo_too, fifo_below,
                                          turns, deadline, deadline, changes,  lends};
    enum { PARTS = sizeof parts / sizeof *parts };
    pid_t children[PARTS];

    over = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    become(SCHED_FIFO, 90); /* who starts, arms and ends it all is not kept waiting */
    for (unsigned i = 0; i < PARTS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            become(SCHED_OTHER, 0);
            parts[i]();
            _exit(0);
        }
    }
    say("loaded");
    await_host();
    prctl(PR_SET_NAME, "mutant");
    say("armed");
    await_host();
    __atomic_store_n(over, 1, __ATOMIC_RELAXED);
    int failed = 0;
    for (unsigned i = 0; i < PARTS; i++) {
        int status;

        waitpid(children[i], &status, 0);
        failed += status != 0;
        if (status != 0)
            say("part %u ended with status %#x", i, (unsigned)status);
    }
    say("done %d", failed);
    return failed != 0;
}
