/*
 * tests/guest/mutant_load.c - a little of everything that the later planted bugs touch
 * (shared/mutants.def, load "wide"): one process per piece, all at once, each doing its piece over
 * and over.
 *
 * mutant_load ROUNDS [PIECE...]: rounds per process, all pieces or those named. 0 rounds: a line on
 * stdin arms the bug, a second one ends the load, as with audit_load. Each piece pauses once per
 * round in the state that its bug would spoil, so that a look from outside finds it.
 */
#define _GNU_SOURCE
#include "tests/guest/guest.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define TABLE_BYTES (2ul << 20) /* what one leaf table maps */
#define PAUSE_NS    10000000

static volatile int *over; /* shared by all processes */

static void nap(long nanoseconds)
{
    struct timespec time = {.tv_nsec = nanoseconds};

    nanosleep(&time, NULL);
}

static void pause_a_little(void)
{
    nap(PAUSE_NS);
}

static char *map(size_t bytes)
{
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        fail("mmap");
    return memory;
}

/* Children that do one thing each and are waited for. */
static void with_children(unsigned count, void (*act)(unsigned index))
{
    for (unsigned i = 0; i < count; i++) {
        pid_t pid = fork();

        if (pid < 0)
            fail("fork");
        if (pid == 0) {
            act(i);
            _exit(0);
        }
    }
    while (wait(NULL) > 0)
        ;
}

/* OBJECT_FREED_TWICE: files come and go, some stay open across the pause. */
static void files(void)
{
    int kept[8];

    for (unsigned i = 0; i < 40; i++)
        close(open("/dev/null", O_RDONLY));
    for (unsigned i = 0; i < 8; i++)
        kept[i] = open("/dev/zero", O_RDONLY);
    pause_a_little();
    for (unsigned i = 0; i < 8; i++)
        close(kept[i]);
}

/* TABLE_FREED_LINKED: mappings whose page tables come and go with them. */
static void tables(void)
{
    char *memory = map(16 * TABLE_BYTES);

    for (unsigned i = 0; i < 16; i++)
        memory[i * TABLE_BYTES] = 1;
    munmap(memory, 15 * TABLE_BYTES);
    pause_a_little();
    munmap(memory + 15 * TABLE_BYTES, TABLE_BYTES);
}

/* MPROTECT_NOT_FLUSHED: pages lose the right to be written while another thread has them in use. */
static char *protected;
static volatile bool protect_ends;

static void *read_protected(void *argument)
{
    while (!protect_ends) {
        for (unsigned i = 0; i < 8; i++)
            (void)*(volatile char *)&protected[(size_t)i * PAGE_BYTES];
        nap(PAUSE_NS / 20);
    }
    return argument;
}

static void protect(void)
{
    pthread_t reader;

    protected = map(8 * PAGE_BYTES);
    protect_ends = false;
    if (pthread_create(&reader, NULL, read_protected, NULL) != 0)
        fail("pthread_create");
    for (unsigned i = 0; i < 8; i++) {
        memset(protected, (int)i, 8 * PAGE_BYTES);
        mprotect(protected, 8 * PAGE_BYTES, PROT_READ);
        sched_yield();
        mprotect(protected, 8 * PAGE_BYTES, PROT_READ | PROT_WRITE);
    }
    mprotect(protected, 8 * PAGE_BYTES, PROT_READ);
    pause_a_little();
    protect_ends = true;
    pthread_join(reader, NULL);
    munmap(protected, 8 * PAGE_BYTES);
}

/* BRK_LEAVES_PAGES: a heap that grows and shrinks. */
static void heap(void)
{
    char *start = sbrk(32 * PAGE_BYTES);

    memset(start, 1, 32 * PAGE_BYTES);
    sbrk(-16 * PAGE_BYTES);
    pause_a_little();
    sbrk(-16 * PAGE_BYTES);
}

/* PAGE_NOT_CLEARED: frames that held something become another process's fresh pages. */
static void touch_fresh(unsigned index)
{
    char *memory = map(32 * PAGE_BYTES);
    unsigned dirty = 0;

    for (unsigned i = 0; i < 32; i++) {
        dirty += memory[(size_t)i * PAGE_BYTES + 64] != 0;
        memset(memory + (size_t)i * PAGE_BYTES, 0x50 + (int)index, PAGE_BYTES);
    }
    if (dirty)
        say("%u fresh pages were not zero", dirty);
}

static void zero(void)
{
    with_children(3, touch_fresh);
    pause_a_little();
}

/* WAITER_LEFT_LINKED: sleepers that a write wakes, and that do something else for a while. */
static void waiters(void)
{
    int ends[6][2];
    char byte = 0;

    for (unsigned i = 0; i < 6; i++) {
        if (pipe(ends[i]))
            fail("pipe");
        pid_t pid = fork();
        if (pid < 0)
            fail("fork");
        if (pid == 0) {
            if (read(ends[i][0], &byte, 1) != 1)
                _exit(1);
            nap(20 * PAUSE_NS);
            _exit(0);
        }
    }
    pause_a_little();
    for (unsigned i = 0; i < 6; i++)
        if (write(ends[i][1], &byte, 1) != 1)
            fail("write");
    while (wait(NULL) > 0)
        ;
    for (unsigned i = 0; i < 6; i++) {
        close(ends[i][0]);
        close(ends[i][1]);
    }
}

/* FUTEX_WRONG_BUCKET: threads asleep on words of their own, until they are woken or tire. */
static uint32_t words[8 * 16];

static void *sleep_on(void *word)
{
    struct timespec time = {.tv_nsec = 10 * PAUSE_NS};

    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, &time, NULL, 0);
    return NULL;
}

static void futexes(void)
{
    pthread_t threads[8];

    for (size_t i = 0; i < 8; i++)
        if (pthread_create(&threads[i], NULL, sleep_on, &words[i * 16]) != 0)
            fail("pthread_create");
    nap(5 * PAUSE_NS);
    for (size_t i = 0; i < 8; i++)
        syscall(SYS_futex, &words[i * 16], FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
}

/* SIGNAL_MORE_FORGOTTEN: several of one real-time signal, taken one by one. */
static void signals(void)
{
    struct timespec none = {0};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < 4; i++)
        sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i});
    for (unsigned i = 0; i < 2; i++)
        sigtimedwait(&set, NULL, &none);
    pause_a_little();
    while (sigtimedwait(&set, NULL, &none) > 0)
        ;
}

/* SESSION_NOT_INHERITED, FS_CONTEXT_SHARED: children that live for a moment, each in a directory of
 * its own. */
static void live_a_moment(unsigned index)
{
    umask(index);
    if (chdir(index % 2 ? "/tmp" : "/dev"))
        fail("chdir");
    pause_a_little();
}

static void families(void)
{
    with_children(4, live_a_moment);
}

/* STEAL_IGNORES_AFFINITY: more work than CPU 0 likes, which only CPU 0 may do. */
static void stay_on_first(unsigned index)
{
    cpu_set_t set;
    struct timespec start, now;

    (void)index;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    sched_setaffinity(0, sizeof set, &set);
    clock_gettime(CLOCK_MONOTONIC, &start);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - start.tv_sec) * 1000000000 + now.tv_nsec - start.tv_nsec < PAUSE_NS);
}

static void affinity(void)
{
    with_children(3, stay_on_first);
    pause_a_little();
}

/* TIMER_WRONG_CPU: sleeps with a deadline, most of them cut short, with and without a wake-up. */
static void end_early(unsigned index)
{
    struct timespec time = {.tv_sec = 1 + index};

    nanosleep(&time, NULL);
}

static void timers(void)
{
    pid_t pids[6];

    for (unsigned i = 0; i < 6; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            end_early(i);
            _exit(0);
        }
    }
    nap(8 * PAUSE_NS);
    for (unsigned i = 0; i < 6; i++)
        kill(pids[i], SIGKILL);
    while (wait(NULL) > 0)
        ;
}

/* DUP_NOT_COUNTED: descriptors of one file by dup and fcntl. */
static void dups(void)
{
    int copies[8], file = open("/dev/zero", O_RDONLY);

    for (unsigned i = 0; i < 8; i++)
        copies[i] = i % 2 ? dup(file) : fcntl(file, F_DUPFD, 40);
    pause_a_little();
    for (unsigned i = 0; i < 8; i++)
        close(copies[i]);
    close(file);
}

/* EXEC_KEEPS_DESCRIPTOR: programs started by one that has marked descriptors open. */
static void exec_held(unsigned index)
{
    (void)index;
    for (unsigned i = 0; i < 4; i++)
        open("/dev/null", O_RDONLY | O_CLOEXEC);
    execl("/proc/self/exe", "mutant_load", "held", NULL);
    fail("execl");
}

static void execs(void)
{
    with_children(2, exec_held);
}

static const struct piece {
    const char *name;
    void (*act)(void);
} pieces[] = {
    {"files", files},       {"tables", tables},     {"protect", protect}, {"heap", heap},
    {"zero", zero},         {"waiters", waiters},   {"futexes", futexes}, {"signals", signals},
    {"families", families}, {"affinity", affinity}, {"timers", timers},   {"dups", dups},
    {"execs", execs},
};

static bool chosen(const char *name, char **names)
{
    if (!*names)
        return true;
    for (; *names; names++)
        if (!strcmp(*names, name))
            return true;
    return false;
}

int main(int count, char **arguments)
{
    int gate[2];
    char byte;

    if (count == 2 && !strcmp(arguments[1], "held")) {
        pause_a_little();
        return 0;
    }
    if (count < 2 || pipe(gate))
        fail("usage: mutant_load ROUNDS [PIECE...]");
    unsigned long rounds = strtoul(arguments[1], NULL, 10);
    over = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        if (!chosen(pieces[i].name, arguments + 2))
            continue;
        pid_t pid = fork();
        if (pid < 0)
            fail("fork");
        if (pid)
            continue;
        close(gate[1]);
        if (read(gate[0], &byte, 1) < 0) /* nobody writes: it ends when the gate opens */
            fail("read");
        close(gate[0]);
        for (unsigned long round = 0; rounds ? round < rounds : !*over; round++)
            pieces[i].act();
        return 0;
    }
    close(gate[0]);
    if (!rounds) {
        say("loaded");
        await_host();
    }
    prctl(PR_SET_NAME, "mutant");
    say("armed");
    close(gate[1]);
    if (!rounds)
        await_host();
    *over = 1;
    int failed = 0, status;
    while (wait(&status) > 0)
        failed += status != 0;
    say("done %d", failed);
    return failed != 0;
}
