/*
 * tests/guest/stop_load.c - contention without end, for stop points: threads that fight for one
 * mutex, pairs that ping through pipes, on all CPUs, until a line comes on stdin.
 */
#include "tests/guest/guest.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define FIGHTERS 3
#define PAIRS    2

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned long fights;
static int over;

static void *fight(void *unused)
{
    while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
        pthread_mutex_lock(&mutex);
        for (int i = 0; i < 50; i++)
            fights++;
        pthread_mutex_unlock(&mutex);
    }
    return unused;
}

static pid_t start_pair(void)
{
    pid_t child = fork(), partner;
    int there[2], back[2];
    char byte = 'x';

    if (child != 0)
        return child;
    if (pipe(there) != 0 || pipe(back) != 0)
        _exit(1);
    partner = fork();
    if (partner < 0)
        _exit(1);
    if (partner == 0) {
        close(there[1]);
        close(back[0]);
        while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
            ;
        _exit(0);
    }
    close(there[0]);
    close(back[1]);
    for (;;)
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
            _exit(1);
}

int main(void)
{
    pthread_t fighters[FIGHTERS];
    pid_t pairs[PAIRS];

    for (int i = 0; i < PAIRS; i++)
        pairs[i] = start_pair();
    for (int i = 0; i < FIGHTERS; i++)
        if (pthread_create(&fighters[i], NULL, fight, NULL) != 0)
            fail("pthread_create");
    say("loaded");
    await_host();
    __atomic_store_n(&over, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < FIGHTERS; i++)
        pthread_join(fighters[i], NULL);
    for (int i = 0; i < PAIRS; i++) {
        kill(pairs[i], SIGKILL);
        waitpid(pairs[i], NULL, 0);
    }
    say("fights %s", fights % 50 == 0 ? "whole" : "TORN");
    return fights % 50 != 0;
}
