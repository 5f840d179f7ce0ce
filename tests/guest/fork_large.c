/*
 * tests/guest/fork_large.c - what a fork costs a parent with much memory, in ticks of the TSC
 * (under
 * --icount: instructions), and what one write after it costs in frames.
 *
 * `fork_large MIB cost`: the median ticks of fork + exit + wait, and of fork + exec + wait.
 * `fork_large MIB look`: stops before a fork, after it, and after one write by the child and one by
 * the parent, so that the test can count frames.
 */
#include "tests/guest/guest.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <x86intrin.h>

#define ROUNDS 7
#define TABLE  (512ul * PAGE_BYTES)

static int compare(const void *a, const void *b)
{
    unsigned long long left = *(const unsigned long long *)a;
    unsigned long long right = *(const unsigned long long *)b;

    return left < right ? -1 : left > right;
}

static unsigned long long round_trip(char **arguments, int with_exec)
{
    unsigned long long ticks[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        unsigned long long start = __rdtsc();
        int status;
        pid_t child = fork();

        if (child < 0)
            fail("fork");
        if (child == 0) {
            if (with_exec)
                execl(arguments[0], arguments[0], "0", "exit", NULL);
            _exit(with_exec);
        }
        if (waitpid(child, &status, 0) != child || status != 0)
            fail("wait");
        ticks[i] = __rdtsc() - start;
    }
    qsort(ticks, ROUNDS, sizeof(ticks[0]), compare);
    return ticks[ROUNDS / 2];
}

static void look(volatile unsigned char *area, size_t bytes)
{
    int to_child[2], to_parent[2], status;
    unsigned char byte;

    if (pipe(to_child) != 0 || pipe(to_parent) != 0)
        fail("pipe");
    say("filled %d %lx", getpid(), (unsigned long)(uintptr_t)area);
    await_host();
    pid_t child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0) {
        /* Once around before the count: its stack is copied and both pipes have their pages. */
        for (int i = 0; i < 2; i++)
            if (write(to_parent[1], "r", 1) != 1 || read(to_child[0], &byte, 1) != 1)
                _exit(1);
        area[bytes / 2] = 0x55;
        if (write(to_parent[1], "w", 1) != 1 || read(to_child[0], &byte, 1) != 1)
            _exit(2);
        for (size_t at = 0; at < bytes; at += PAGE_BYTES)
            if (area[at] != (at == bytes / 2 ? 0x55 : (unsigned char)(at / PAGE_BYTES)))
                _exit(3);
        _exit(0);
    }
    if (read(to_parent[0], &byte, 1) != 1 || write(to_child[1], "g", 1) != 1 ||
        read(to_parent[0], &byte, 1) != 1)
        fail("child");
    say("forked %d", child);
    await_host();
    if (write(to_child[1], "g", 1) != 1 || read(to_parent[0], &byte, 1) != 1)
        fail("child");
    say("written");
    await_host();
    area[bytes / 2 + TABLE] = 0x66;
    say("answered");
    await_host();
    if (write(to_child[1], "g", 1) != 1 || waitpid(child, &status, 0) != child)
        fail("wait");
    for (size_t at = 0; at < bytes; at += PAGE_BYTES)
        if (area[at] != (at == bytes / 2 + TABLE ? 0x66 : (unsigned char)(at / PAGE_BYTES)))
            fail("content");
    area[bytes / 2] = 1;
    say("alone %d", status);
    await_host();
}

int main(int argument_count, char **arguments)
{
    if (argument_count < 3)
        return 2;
    if (strcmp(arguments[2], "exit") == 0)
        _exit(0);
    size_t bytes = strtoul(arguments[1], NULL, 10) << 20;
    /* Whole leaf tables, so that the counts are the same everywhere. */
    char *room =
        mmap(NULL, bytes + TABLE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        fail("mmap");
    unsigned char *area = (unsigned char *)(((uintptr_t)room + TABLE - 1) & ~(TABLE - 1));
    for (size_t at = 0; at < bytes; at += PAGE_BYTES)
        area[at] = (unsigned char)(at / PAGE_BYTES);
    if (strcmp(arguments[2], "look") == 0) {
        look(area, bytes);
    } else {
        unsigned long long exit_ticks = round_trip(arguments, 0);

        say("ticks %llu %llu", exit_ticks, round_trip(arguments, 1));
    }
    return 0;
}
