/*
 * tests/guest/threads.c - POSIX threads of the C library it is linked with (glibc and musl):
 * creation, join, mutexes, condition variables, thread-local storage, a detached thread, exit of
 * the whole process by one.
 */
#include "tests/guest/guest.h"

#include <pthread.h>
#include <sys/wait.h>

#define THREADS 8
#define ROUNDS  500

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned counter, turn;
static __thread unsigned own;

static void *count(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
        own++;
    }
    return own == ROUNDS ? argument : NULL;
}

static void *take_turns(void *argument)
{
    unsigned which = (unsigned)(uintptr_t)argument;

    for (int i = 0; i < 50; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % THREADS != which)
            pthread_cond_wait(&changed, &mutex);
        turn++;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&mutex);
    }
    return argument;
}

static void run_all(void *(*function)(void *))
{
    pthread_t threads[THREADS];
    void *result;

    for (uintptr_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, function, (void *)(i + (function == count))) != 0)
            fail("pthread_create");
    for (uintptr_t i = 0; i < THREADS; i++)
        if (pthread_join(threads[i], &result) != 0 || result != (void *)(i + (function == count)))
            fail("pthread_join");
}

static void *end_process(void *unused)
{
    (void)unused;
    _exit(42);
}

static void *sleep_long(void *unused)
{
    sleep(1000);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pid_t child;
    int status;

    run_all(count);
    if (counter != THREADS * ROUNDS)
        fail("the mutex let two in");
    run_all(take_turns);
    if (turn != THREADS * 50)
        fail("the turns are wrong");
    child = fork();
    if (child == 0) {
        pthread_create(&thread, NULL, sleep_long, NULL);
        pthread_create(&thread, NULL, end_process, NULL);
        pthread_join(thread, NULL);
        _exit(1);
    }
    if (waitpid(child, &status, 0) != child || status != 42 << 8)
        fail("one thread's _exit must end them all");
    say("threads work");
    return 0;
}
