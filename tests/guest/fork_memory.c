/*
 * tests/guest/fork_memory.c - what fork shares: one page with a pattern, looked at from outside
 * before and after each side writes. `fork_memory parent|child` says who writes.
 */
#include "tests/guest/guest.h"

#include <sys/mman.h>
#include <sys/wait.h>

#define PAGES 8

int main(int argument_count, char **arguments)
{
    int child_writes = argument_count > 1 && strcmp(arguments[1], "child") == 0;
    int to_child[2], to_parent[2], status;
    volatile unsigned char *area;
    unsigned char byte;
    pid_t child;

    area =
        mmap(NULL, PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED || pipe(to_child) != 0 || pipe(to_parent) != 0)
        fail("setup");
    for (int i = 0; i < PAGES; i++)
        area[i * PAGE_BYTES] = (unsigned char)(0xa0 + i);
    child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0) {
        if (read(to_child[0], &byte, 1) != 1)
            _exit(1);
        if (child_writes)
            area[3 * PAGE_BYTES] = 0x55;
        if (write(to_parent[1], "w", 1) != 1 || read(to_child[0], &byte, 1) != 1)
            _exit(2);
        /* The other side's write must not be seen here. */
        _exit(area[3 * PAGE_BYTES] == (child_writes ? 0x55 : 0xa3) ? 0 : 3);
    }
    say("forked %d %d %lx", getpid(), child, (unsigned long)(uintptr_t)area);
    await_host();
    if (!child_writes)
        area[3 * PAGE_BYTES] = 0x55;
    if (write(to_child[1], "g", 1) != 1 || read(to_parent[0], &byte, 1) != 1)
        fail("child");
    say("written");
    await_host();
    if (write(to_child[1], "g", 1) != 1 || waitpid(child, &status, 0) != child)
        fail("wait");
    if (area[3 * PAGE_BYTES] != (child_writes ? 0xa3 : 0x55))
        return 4;
    /* The last user of a shared page may take it over without a copy. */
    area[4 * PAGE_BYTES] = 0x66;
    say("alone");
    await_host();
    return status == 0 ? 0 : 5;
}
