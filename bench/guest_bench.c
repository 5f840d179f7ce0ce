/*
 * bench/guest_bench.c - what the basic operations of a process kernel cost, seen from a program.
 *
 * One static binary, run unmodified under `vitrine run` and as the first program of a Linux machine
 * (bench/run.py does both). Every operation is timed with the TSC in batches; one sample is the
 * mean of one batch, so that reading the clock does not drown a short operation. Output: one JSON
 * object per line, first the clock, then one per operation with the distribution of its samples in
 * TSC ticks and in nanoseconds, and in "loops": after each sample a loop of a fixed number of user
 * instructions is timed, and the sample is divided by it. A host whose speed changes, between jobs or
 * within one, changes both; what is left is the kernels' difference.
 *
 * Under QEMU's -icount the TSC counts executed instructions, user side included: then ticks are
 * instructions.
 *
 * guest_bench [--scale N] [OPERATION...]     N divides the number of samples, for slow machines
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE_BYTES    4096l
#define FAULT_PAGES   256
#define LOOP_ROUNDS   4000 /* some microseconds, less than most samples */
#define EXEC_CHILD    "--exec-child"
#define ONE_OPERATION "--one" /* NAME SCALE NS_PER_TICK: measure it in this process */

struct operation {
    const char *name;
    void (*setup)(void);
    void (*run)(unsigned count); /* performs `count` operations */
    void (*teardown)(void);
    unsigned batch;   /* operations per sample */
    unsigned samples; /* samples kept */
};

static const char *own_path;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "guest_bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

static inline uint64_t read_tsc(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

static uint64_t read_nanoseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- operations ---- */

static void run_nothing(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        __asm__ volatile("");
}

static void run_getppid(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        syscall(SYS_getppid);
}

static pid_t partner;

static void kill_partner(void)
{
    kill(partner, SIGKILL);
    waitpid(partner, NULL, 0);
}

static void pin_to_first_cpu(void)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(0, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        fail("sched_setaffinity");
}

static void setup_yield(void)
{
    partner = fork();
    if (partner < 0)
        fail("fork");
    if (partner == 0)
        for (;;)
            sched_yield();
    sched_yield();
}

/* One call is two switches: the partner runs, and yields back before the call returns. */
static void run_yield(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        sched_yield();
}

static int ping[2], pong[2];

static void setup_pipe(void)
{
    char byte;

    if (pipe(ping) != 0 || pipe(pong) != 0)
        fail("pipe");
    partner = fork();
    if (partner < 0)
        fail("fork");
    if (partner == 0) {
        close(ping[1]);
        close(pong[0]);
        while (read(ping[0], &byte, 1) == 1)
            if (write(pong[1], &byte, 1) != 1)
                break;
        _exit(0);
    }
    close(ping[0]);
    close(pong[1]);
}

static void run_pipe(unsigned count)
{
    char byte = 'x';

    for (unsigned i = 0; i < count; i++)
        if (write(ping[1], &byte, 1) != 1 || read(pong[0], &byte, 1) != 1)
            fail("pipe round trip");
}

static void teardown_pipe(void)
{
    close(ping[1]);
    close(pong[0]);
    waitpid(partner, NULL, 0);
}

static int turn; /* 0: the main thread's, 1: the partner's, 2: the end */
static pthread_t partner_thread;

static void turn_wait(int unwanted)
{
    while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) == unwanted)
        syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, unwanted, NULL, NULL, 0);
}

static void turn_set(int value)
{
    __atomic_store_n(&turn, value, __ATOMIC_RELEASE);
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *futex_partner(void *unused)
{
    for (;;) {
        turn_wait(0);
        if (turn == 2)
            return unused;
        turn_set(0);
    }
}

static void setup_futex(void)
{
    turn = 0;
    if (pthread_create(&partner_thread, NULL, futex_partner, NULL) != 0)
        fail("pthread_create");
}

static void run_futex(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        turn_set(1);
        turn_wait(1);
    }
}

static void teardown_futex(void)
{
    turn_set(2);
    pthread_join(partner_thread, NULL);
}

static void wait_for(pid_t child)
{
    int status;

    if (child < 0)
        fail("fork");
    if (waitpid(child, &status, 0) != child || status != 0)
        fail("child");
}

static void run_fork(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        pid_t child = fork();

        if (child == 0)
            _exit(0);
        wait_for(child);
    }
}

static void run_program(const char *path, unsigned count)
{
    char *arguments[] = {(char *)path, EXEC_CHILD, NULL};
    char *environment[] = {NULL};

    for (unsigned i = 0; i < count; i++) {
        pid_t child = fork();

        if (child == 0) {
            execve(path, arguments, environment);
            _exit(1);
        }
        wait_for(child);
    }
}

/* bench/exit_child.S, linked by itself; the Makefile names the file. */
__asm__(".section .rodata\n"
        "exit_child_start: .incbin \"" EXIT_CHILD "\"\n"
        "exit_child_end:\n"
        ".previous");
extern const char exit_child_start[], exit_child_end[];

static const char exit_child_path[] = "/guest_bench_child";

static void setup_exec(void)
{
    ssize_t bytes = exit_child_end - exit_child_start;
    int fd = open(exit_child_path, O_WRONLY | O_CREAT | O_TRUNC, 0755);

    if (fd < 0 || write(fd, exit_child_start, (size_t)bytes) != bytes)
        fail(exit_child_path);
    close(fd);
}

static void run_exec(unsigned count)
{
    run_program(exit_child_path, count);
}

static void teardown_exec(void)
{
    unlink(exit_child_path);
}

/* The same with a static program of the C library: this one. Half of it is that library's start. */
static void run_exec_libc(unsigned count)
{
    run_program(own_path, count);
}

static void *thread_nothing(void *argument)
{
    return argument;
}

static void run_thread(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, thread_nothing, NULL) != 0)
            fail("pthread_create");
        pthread_join(thread, NULL);
    }
}

static char *fault_area;

static void setup_fault(void)
{
    fault_area = mmap(NULL, FAULT_PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fault_area == MAP_FAILED)
        fail("mmap");
    /* One fault per page is what is measured; Linux would otherwise be free to use one huge page.
     */
    madvise(fault_area, FAULT_PAGES * PAGE_BYTES, MADV_NOHUGEPAGE);
}

static void run_fault(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        *(volatile char *)(fault_area + (size_t)i * PAGE_BYTES) = 1;
}

static void teardown_fault(void)
{
    munmap(fault_area, FAULT_PAGES * PAGE_BYTES);
}

static volatile sig_atomic_t signals_seen;

static void on_signal(int number)
{
    (void)number;
    signals_seen++;
}

static void setup_signal(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGUSR1, &action, NULL);
}

static void run_signal(unsigned count)
{
    pid_t self = getpid();

    for (unsigned i = 0; i < count; i++)
        kill(self, SIGUSR1);
}

static void run_mmap(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        void *area =
            mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (area == MAP_FAILED)
            fail("mmap");
        munmap(area, PAGE_BYTES);
    }
}

static void run_open(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int fd = open(own_path, O_RDONLY);

        if (fd < 0)
            fail(own_path);
        close(fd);
    }
}

/* Samples are few enough that the whole program stays below ten seconds of Linux under TCG. */
static const struct operation operations[] = {
    {"nothing", NULL, run_nothing, NULL, 1000, 100},
    {"getppid", NULL, run_getppid, NULL, 200, 200},
    {"yield", setup_yield, run_yield, kill_partner, 50, 200},
    {"pipe_round_trip", setup_pipe, run_pipe, teardown_pipe, 20, 200},
    {"futex_round_trip", setup_futex, run_futex, teardown_futex, 20, 200},
    {"fork_exit_wait", NULL, run_fork, NULL, 2, 200},
    {"fork_exec_wait", setup_exec, run_exec, teardown_exec, 1, 200},
    {"fork_exec_libc_wait", NULL, run_exec_libc, NULL, 1, 200},
    {"thread_create_join", NULL, run_thread, NULL, 4, 200},
    {"page_fault", setup_fault, run_fault, teardown_fault, FAULT_PAGES, 60},
    {"signal_self", setup_signal, run_signal, NULL, 20, 200},
    {"mmap_munmap", NULL, run_mmap, NULL, 20, 200},
    {"open_close", NULL, run_open, NULL, 20, 200},
};

#define OPERATION_COUNT (sizeof operations / sizeof *operations)

/* ---- measuring ---- */

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* The q-quantile of ascending values, linear between neighbours. */
static double quantile(const double *values, unsigned count, double q)
{
    double place = q * (count - 1);
    unsigned below = (unsigned)place;

    if (below + 1 >= count)
        return values[count - 1];
    return values[below] + (place - below) * (values[below + 1] - values[below]);
}

static void print_distribution(const char *key, const double *values, unsigned count, double unit)
{
    double sum = 0, squares = 0, mean;

    for (unsigned i = 0; i < count; i++)
        sum += values[i];
    mean = sum / count;
    for (unsigned i = 0; i < count; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    printf("\"%s\":{\"min\":%.7g,\"q1\":%.7g,\"median\":%.7g,\"mean\":%.7g,\"q3\":%.7g,"
           "\"max\":%.7g,\"stddev\":%.7g,\"n\":%u}",
           key, values[0] * unit, quantile(values, count, 0.25) * unit,
           quantile(values, count, 0.5) * unit, mean * unit, quantile(values, count, 0.75) * unit,
           values[count - 1] * unit, count > 1 ? sqrt(squares / (count - 1)) * unit : 0.0, count);
}

/* Ticks of a fixed number of user instructions: no system call, no memory, so no kernel's merit. */
static double time_loop(void)
{
    uint64_t start = read_tsc(), rounds = LOOP_ROUNDS;

    __asm__ volatile("1: dec %0; jnz 1b" : "+r"(rounds)::"cc");
    return (double)(read_tsc() - start);
}

static void measure(const struct operation *operation, unsigned scale, double nanoseconds_per_tick)
{
    unsigned count = operation->samples / scale;
    double *values, *loops;
    /* Memory that is mapped once cannot fault twice: its operation is set up anew for each sample.
     */
    int each = operation->run == run_fault;

    if (count < 3)
        count = 3;
    values = calloc(count, sizeof *values);
    loops = calloc(count, sizeof *loops);
    if (values == NULL || loops == NULL)
        fail("calloc");
    if (operation->setup != NULL && !each)
        operation->setup();
    if (!each)
        operation->run(operation->batch > 4 ? 4 : operation->batch);
    for (unsigned i = 0; i < count; i++) {
        uint64_t start;

        if (each)
            operation->setup(); /* NOLINT(clang-analyzer-core.CallAndMessage): it has one */
        start = read_tsc();
        operation->run(operation->batch);
        values[i] = (double)(read_tsc() - start) / operation->batch;
        loops[i] = values[i] / time_loop();
        if (each)
            operation->teardown();
    }
    if (operation->teardown != NULL && !each)
        operation->teardown();
    qsort(values, count, sizeof *values, compare_doubles);
    qsort(loops, count, sizeof *loops, compare_doubles);
    printf("{\"operation\":\"%s\",\"batch\":%u,", operation->name, operation->batch);
    print_distribution("ticks", values, count, 1.0);
    printf(",");
    print_distribution("ns", values, count, nanoseconds_per_tick);
    printf(",");
    print_distribution("loops", loops, count, 1.0);
    printf("}\n");
    fflush(stdout);
    free(values);
    free(loops);
}

/* Ticks per nanosecond by the kernel's own clock, over 20 ms. */
static double measure_clock(void)
{
    uint64_t tsc = read_tsc(), start = read_nanoseconds(), now;

    do
        now = read_nanoseconds();
    while (now - start < 20000000);
    return (double)(now - start) / (double)(read_tsc() - tsc);
}

static int wanted(const char *name, char **names)
{
    if (*names == NULL)
        return 1;
    for (; *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return 1;
    return 0;
}

/*
 * Each operation runs in a program of its own, so that none is measured with the memory, threads
 * and descriptors that another left behind (fork costs what there is to copy).
 */
static void measure_alone(const struct operation *operation, unsigned scale,
                          double nanoseconds_per_tick)
{
    char scale_text[16], clock_text[32];
    int status;

    snprintf(scale_text, sizeof scale_text, "%u", scale);
    snprintf(clock_text, sizeof clock_text, "%.17g", nanoseconds_per_tick);
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0) {
        execl(own_path, own_path, ONE_OPERATION, operation->name, scale_text, clock_text,
              (char *)NULL);
        _exit(127);
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        fail(operation->name);
}

static int measure_one(char **arguments)
{
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        if (strcmp(operations[i].name, arguments[0]) == 0)
            measure(&operations[i], (unsigned)strtoul(arguments[1], NULL, 10),
                    strtod(arguments[2], NULL));
    return 0;
}

int main(int argument_count, char **arguments)
{
    unsigned scale = 1;
    double nanoseconds_per_tick;
    char **names = arguments + 1;

    if (argument_count > 1 && strcmp(arguments[1], EXEC_CHILD) == 0)
        return 0;
    own_path = arguments[0];
    if (argument_count == 5 && strcmp(arguments[1], ONE_OPERATION) == 0)
        return measure_one(arguments + 2);
    if (argument_count > 2 && strcmp(arguments[1], "--scale") == 0) {
        scale = (unsigned)strtoul(arguments[2], NULL, 10);
        if (scale == 0)
            scale = 1;
        names += 2;
    }
    pin_to_first_cpu();
    nanoseconds_per_tick = measure_clock();
    printf("{\"clock\":\"tsc\",\"tsc_khz\":%.0f}\n", 1e6 / nanoseconds_per_tick);
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        if (wanted(operations[i].name, names))
            measure_alone(&operations[i], scale, nanoseconds_per_tick);
    printf("{\"end\":true}\n");
    fflush(stdout);
    if (getpid() == 1) { /* the only program of a Linux machine: end the machine */
        sync();
        reboot(RB_AUTOBOOT);
    }
    return 0;
}
