/*
 * tests/guest/audit_load.c - a little of everything that the kernel promises something about, at
 * once and without end: forks and copies on write, threads and futexes, pipes that run empty and
 * full, signals, sleepers, mappings that come, change and go, children waited for, vector
 * registers, CPU hogs. A line on stdin arms what the kernel has planted; a second one ends the
 * load.
 */
#define _GNU_SOURCE
#include "tests/guest/guest.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define PAGES       16
#define TABLE_BYTES (512ul * PAGE_BYTES) /* what one leaf table maps */

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

/* The busy ones stay on the first CPU: the other one is often idle. */
static void stay_on(unsigned cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

/* Parent and child write to the same pages; each must see its own. */
static void fork_and_copy(void)
{
    char *pages =
        mmap(NULL, PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (unsigned round = 0; going(); round++) {
        for (unsigned i = 0; i < PAGES; i++)
            pages[i * PAGE_BYTES] = (char)round;
        pid_t child = fork();
        if (child == 0) {
            for (unsigned i = 0; i < PAGES; i += 2)
                pages[i * PAGE_BYTES] = (char)(round + 1);
            nap(500);
            _exit(0);
        }
        for (unsigned i = 0; i < PAGES; i += 3)
            pages[i * PAGE_BYTES] = (char)(round + 2);
        struct rusage usage;
        if (child < 0 || wait4(child, NULL, 0, &usage) != child)
            _exit(1);
    }
}

/* Well filled leaf tables, which fork shares; both sides change theirs while others show them. */
static void share_tables(void)
{
    char *room =
        mmap(NULL, 3 * TABLE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *pages = (char *)(((uintptr_t)room + TABLE_BYTES - 1) & ~(TABLE_BYTES - 1));

    for (unsigned i = 0; i < 2 * TABLE_BYTES / PAGE_BYTES; i += 5)
        pages[i * PAGE_BYTES] = (char)i;
    for (unsigned round = 0; going(); round++) {
        pid_t children[2];

        for (int i = 0; i < 2; i++) {
            children[i] = fork();
            if (children[i] == 0) {
                nap(1000);
                pages[(round % 100 * 5 + (unsigned)i) * PAGE_BYTES] = (char)round;
                if (i)
                    munmap(pages + TABLE_BYTES, TABLE_BYTES);
                nap(1000);
                _exit(0);
            }
        }
        nap(500);
        pages[TABLE_BYTES + round % 500 * PAGE_BYTES] = (char)round;
        for (int i = 0; i < 2; i++)
            if (children[i] < 0 || waitpid(children[i], NULL, 0) != children[i])
                _exit(1);
        for (unsigned i = 0; i < 500; i++)
            pages[i * PAGE_BYTES] = (char)i;
    }
}

/* A second generation, and orphans that somebody else must notice. */
static void grandchildren(void)
{
    while (going()) {
        pid_t child = fork();

        if (child == 0) {
            for (int i = 0; i < 2; i++)
                if (fork() == 0) {
                    nap(3000);
                    _exit(0);
                }
            nap(1000);
            _exit(0);
        }
        waitpid(child, NULL, 0);
        nap(1000);
    }
}

static void ping_pong(void)
{
    int there[2], back[2];
    char byte = 'x';

    stay_on(0);
    if (pipe(there) != 0 || pipe(back) != 0)
        _exit(1);
    pid_t partner = fork();
    if (partner == 0) {
        close(there[1]);
        close(back[0]);
        while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
            ;
        _exit(0);
    }
    close(there[0]);
    close(back[1]);
    while (going() && write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1)
        ;
    close(there[1]);
    close(back[0]);
    waitpid(partner, NULL, 0);
}

/* A pipe that runs full: the reader is slower than the writer. */
static void full_pipe(void)
{
    static char block[70000];
    int ends[2];

    if (pipe(ends) != 0)
        _exit(1);
    pid_t reader = fork();
    if (reader == 0) {
        close(ends[1]);
        while (read(ends[0], block, 9000) > 0)
            nap(200);
        _exit(0);
    }
    close(ends[0]);
    while (going() && write(ends[1], block, sizeof block) > 0)
        ;
    close(ends[1]);
    waitpid(reader, NULL, 0);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static unsigned turn;

static void *take_turns(void *number)
{
    unsigned own = (unsigned)(uintptr_t)number;

    pthread_mutex_lock(&mutex);
    while (going()) {
        while (going() && turn % 3 != own)
            pthread_cond_wait(&condition, &mutex);
        turn++;
        pthread_cond_broadcast(&condition);
    }
    pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

/* Each thread's vector and x87 registers hold its own number while it spins. */
static void *hold_registers(void *number)
{
    double own = (double)(uintptr_t)number;

    stay_on((uintptr_t)number % 2); /* one process on both CPUs */
    for (unsigned round = 0; going(); round++) {
        double sum = 0;

        for (unsigned i = 0; i < 20000; i++)
            sum += own;
        if (sum != own * 20000)
            _exit(3);
        if (round % 4 == 0)
            sched_yield();
        else
            nap(1000);
    }
    return NULL;
}

static void *map_and_unmap(void *far)
{
    stay_on((uintptr_t)far >> 44 & 1);
    for (unsigned round = 0; going(); round++) {
        char *pages = mmap(NULL, PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        for (unsigned i = 0; i < PAGES; i++)
            pages[i * PAGE_BYTES] = 1;
        mprotect(pages + 4 * PAGE_BYTES, 4 * PAGE_BYTES, PROT_READ);
        mprotect(pages + 12 * PAGE_BYTES, 2 * PAGE_BYTES, PROT_NONE);
        nap(300);
        munmap(pages + 8 * PAGE_BYTES, 2 * PAGE_BYTES);
        nap(300);
        munmap(pages, PAGES * PAGE_BYTES);
        /* Far from everything: page tables of its own come and go. */
        pages = mmap(far, PAGE_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        *pages = 1;
        munmap(pages, PAGE_BYTES);
    }
    return NULL;
}

static void threads(void)
{
    pthread_t all[9];
    unsigned count = 0;

    for (uintptr_t i = 0; i < 3; i++)
        pthread_create(&all[count++], NULL, take_turns, (void *)i);
    for (uintptr_t i = 1; i < 5; i++)
        pthread_create(&all[count++], NULL, hold_registers, (void *)i);
    pthread_create(&all[count++], NULL, map_and_unmap, (void *)0x200000000000);
    pthread_create(&all[count++], NULL, map_and_unmap, (void *)0x300000000000);
    while (count > 0)
        pthread_join(all[--count], NULL);
}

static volatile sig_atomic_t handled;

static void handle(int signal)
{
    handled += signal;
}

static void signals(void)
{
    struct sigaction action = {.sa_handler = handle};
    struct itimerval often = {{0, 2000}, {0, 2000}};

    stay_on(0);
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    while (going()) {
        kill(getpid(), SIGUSR1);
        for (volatile int i = 0; i < 2000; i++)
            ;
    }
}

static void sleeper(void)
{
    while (going())
        nap(1500);
}

static void hog(void)
{
    stay_on(0);
    while (going())
        for (volatile int i = 0; i < 100000; i++)
            ;
}

static void exec_often(void)
{
    while (going()) {
        /* NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork): what the load is to do */
        pid_t child = vfork();

        if (child == 0) {
            execl("/bin/busybox", "true", (char *)NULL);
            _exit(127);
        }
        waitpid(child, NULL, 0);
        nap(5000);
    }
}

int main(int argc, char **argv)
{
    /* The first few leave the CPUs idle most of the time: all that "light" asks for. */
    static void (*const parts[])(void) = {sleeper,   sleeper,       grandchildren, ping_pong,
                                          full_pipe, fork_and_copy, threads,       signals,
                                          hog,       hog,           exec_often,    share_tables};
    bool light = argc > 1 && strcmp(argv[1], "light") == 0;
    unsigned count = light ? 4 : sizeof parts / sizeof *parts;
    pid_t children[sizeof parts / sizeof *parts];

    over = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (unsigned i = 0; i < count; i++) {
        children[i] = fork();
        if (children[i] == 0) {
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
    for (unsigned i = 0; i < count; i++) {
        int status;

        waitpid(children[i], &status, 0);
        failed += status != 0;
        if (status != 0)
            say("part %u ended with status %#x", i, (unsigned)status);
    }
    say("done %d", failed);
    return failed != 0;
}
