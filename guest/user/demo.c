/*
 * guest/user/demo.c - a small busy world to watch from outside: a chain of processes joined by
 * pipes, threads that compete for a lock, a process that sleeps, one that faults. `demo [ROUNDS]`
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STAGES  3
#define THREADS 3

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long total;
static unsigned rounds = 200;

/* Passes numbers on from one pipe to the next, each one larger by one. */
static _Noreturn void stage(int from, int to)
{
    unsigned value;

    while (read(from, &value, sizeof value) == sizeof value) {
        value++;
        if (write(to, &value, sizeof value) != sizeof value)
            _exit(1);
    }
    _exit(0);
}

static int run_chain(void)
{
    int first[2], from, failed = 0;

    if (pipe(first) != 0)
        return 1;
    from = first[0];
    for (int i = 0; i < STAGES; i++) {
        int next[2];
        pid_t child;

        if (pipe(next) != 0 || (child = fork()) < 0)
            return 1;
        if (child == 0) {
            close(first[1]);
            close(next[0]);
            stage(from, next[1]);
        }
        close(from);
        close(next[1]);
        from = next[0];
    }
    for (unsigned i = 0; i < rounds; i++) {
        unsigned value = i;

        if (write(first[1], &value, sizeof value) != sizeof value ||
            read(from, &value, sizeof value) != sizeof value || value != i + STAGES)
            failed = 1;
    }
    close(first[1]);
    close(from);
    for (int i = 0; i < STAGES; i++) {
        int status;

        if (wait(&status) < 0 || status != 0)
            failed = 1;
    }
    return failed;
}

static void *compete(void *unused)
{
    for (unsigned i = 0; i < rounds; i++) {
        pthread_mutex_lock(&lock);
        total++;
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

static int run_threads(void)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, compete, NULL) != 0)
            return 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return total != (unsigned long)THREADS * rounds;
}

static int run_special(void)
{
    struct timespec nap = {.tv_nsec = 20000000};
    pid_t sleeper = fork(), faulter;
    int status;

    if (sleeper == 0) {
        nanosleep(&nap, NULL);
        _exit(0);
    }
    faulter = fork();
    if (faulter == 0) {
        volatile int *nowhere = (int *)8;

        __asm__("" : "+r"(nowhere));
        _exit(*nowhere);
    }
    if (waitpid(faulter, &status, 0) != faulter || !WIFSIGNALED(status) ||
        WTERMSIG(status) != SIGSEGV)
        return 1;
    return waitpid(sleeper, &status, 0) != sleeper || status != 0;
}

int main(int argument_count, char **arguments)
{
    int failed;

    if (argument_count > 1 && atoi(arguments[1]) > 0)
        rounds = (unsigned)atoi(arguments[1]);
    failed = run_chain() | run_threads() | run_special();
    printf("%u numbers through %d processes, %lu turns of %d threads, one fault: %s\n", rounds,
           STAGES, total, THREADS, failed ? "something is wrong" : "all well");
    return failed;
}
