/*
 * tests/guest/many_forks.c - forks, exits, waits, many times; the test compares counts from outside
 * before and after. Some children touch memory, open files or run a thread, so that their ends have
 * something to release.
 */
#include "tests/guest/guest.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

static void *nothing(void *argument)
{
    return argument;
}

static void child(unsigned which)
{
    volatile char *area;
    pthread_t thread;
    int ends[2];

    if (which % 3 == 1) {
        area =
            mmap(NULL, 20 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (int i = 0; i < 20; i++)
            area[i * PAGE_BYTES] = 1;
        if (pipe(ends) != 0 || write(ends[1], "leave me", 8) != 8)
            _exit(1);
        (void)open("/dev/null", O_WRONLY);
    } else if (which % 3 == 2 && pthread_create(&thread, NULL, nothing, NULL) != 0) {
        _exit(1);
    }
    _exit(0);
}

static pid_t last_child;

static void rounds(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int status;
        pid_t pid = fork();

        if (pid < 0)
            fail("fork");
        if (pid == 0)
            child(i);
        if (waitpid(pid, &status, 0) != pid || status != 0)
            fail("child");
        last_child = pid;
    }
}

int main(int argument_count, char **arguments)
{
    unsigned count = argument_count > 1 ? (unsigned)atoi(arguments[1]) : 1000;

    rounds(12 + count / 4); /* caches and tables grow to their working size */
    say("before %d", last_child);
    await_host();
    rounds(count);
    say("after %d", last_child);
    await_host();
    return 0;
}
