/*
 * tests/guest/counting.c - a program that would notice it if its machine were saved badly: one
 * thread per CPU counts in general, vector and memory registers at once and checks that they agree,
 * one sleeps again and again, and the main thread answers its test line by line: state      "state
 * COUNTS SLEEPS NANOSECONDS NUMBER": the clock is CLOCK_MONOTONIC set N      keeps a number, in
 * memory and in a file; answers "set" end        "whole", and the end
 */
#define _GNU_SOURCE
#include "tests/guest/guest.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#define COUNTERS_MAX 8
#define FILE_NAME    "/tmp/number"

static struct {
    volatile uint64_t count;
    uint64_t pad[7];
} counters[COUNTERS_MAX];
static volatile uint64_t sleeps;
static volatile bool ending;
static long number;

/* Three copies of one count; whoever loses one of them is found out within the same round. */
static void *count(void *argument)
{
    volatile uint64_t *shown = argument;
    uint64_t general = 0;

    __asm__ volatile("pxor %%xmm7, %%xmm7" ::: "xmm7");
    while (!ending) {
        uint64_t vector;

        /* xmm7 lives from round to round: the compiler uses no vector registers in this file. */
        __asm__ volatile("incq %0\n\t"
                         "movq %%xmm7, %1\n\t"
                         "incq %1\n\t"
                         "movq %1, %%xmm7"
                         : "+r"(general), "=&r"(vector));
        (*shown)++;
        if (vector != general || *shown != general) {
            say("FAILED torn: %lu in registers, %lu in vectors, %lu in memory", general, vector,
                *shown);
            _exit(97);
        }
    }
    return NULL;
}

static void *sleep_often(void *argument)
{
    const struct timespec moment = {.tv_nsec = 5000000};

    (void)argument;
    while (!ending) {
        if (nanosleep(&moment, NULL) != 0)
            fail("nanosleep");
        sleeps++;
    }
    return NULL;
}

static void keep(long value)
{
    int fd = open(FILE_NAME, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    number = value;
    if (fd < 0 || write(fd, &value, sizeof value) != sizeof value || close(fd) != 0)
        fail(FILE_NAME);
}

static long kept(void)
{
    int fd = open(FILE_NAME, O_RDONLY);
    long value;

    if (fd < 0 || read(fd, &value, sizeof value) != sizeof value || close(fd) != 0)
        fail(FILE_NAME);
    if (value != number)
        fail("memory and file differ");
    return value;
}

static void tell_state(unsigned threads)
{
    struct timespec now;
    uint64_t sum = 0;

    for (unsigned i = 0; i < threads; i++)
        sum += counters[i].count;
    clock_gettime(CLOCK_MONOTONIC, &now);
    say("state %lu %lu %lu %ld", sum, sleeps,
        (unsigned long)now.tv_sec * 1000000000u + (unsigned long)now.tv_nsec, kept());
}

int main(void)
{
    unsigned threads = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    pthread_t workers[COUNTERS_MAX], sleeper;
    char line[64];

    if (threads > COUNTERS_MAX)
        threads = COUNTERS_MAX;
    keep(1);
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&workers[i], NULL, count, (void *)&counters[i].count) != 0)
            fail("a thread");
    if (pthread_create(&sleeper, NULL, sleep_often, NULL) != 0)
        fail("a thread");
    say("counting");
    while (fgets(line, sizeof line, stdin) != NULL && strcmp(line, "end\n") != 0) {
        if (strcmp(line, "state\n") == 0) {
            tell_state(threads);
        } else if (strncmp(line, "set ", 4) == 0) {
            keep(atol(line + 4));
            say("set");
        } else {
            say("FAILED what is '%s'", line);
            return 96;
        }
    }
    ending = true;
    for (unsigned i = 0; i < threads; i++)
        pthread_join(workers[i], NULL);
    pthread_join(sleeper, NULL);
    say("whole");
    return 0;
}
