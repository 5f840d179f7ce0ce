/*
 * tests/guest/blocked.c - tasks that wait in every way there is, beside one that computes. The test
 * watches that the waiting ones get no CPU time and no switch.
 */
#define _GNU_SOURCE
#include "tests/guest/guest.h"

#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int word;

static void wait_somehow(int how, const int *pipe_ends)
{
    char byte;
    struct pollfd poll_entry = {.fd = pipe_ends[0], .events = POLLIN};

    switch (how) {
    case 0:
        if (read(pipe_ends[0], &byte, 1) != 1)
            _exit(1);
        break;
    case 1:
        syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
        break;
    case 2:
        sleep(1000);
        break;
    case 3:
        poll(&poll_entry, 1, -1);
        break;
    default:
        pause();
        break;
    }
}

int main(void)
{
    static const char *const names[] = {"pipe", "futex", "sleep", "poll", "pause"};
    pid_t children[5], spinner;
    int ends[2];

    if (pipe(ends) != 0)
        fail("pipe");
    for (int i = 0; i < 5; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            wait_somehow(i, ends);
            _exit(0);
        }
    }
    spinner = fork();
    if (spinner == 0)
        for (;;)
            __asm__ volatile("pause");
    usleep(20000);
    for (int i = 0; i < 5; i++)
        say("waiting %d %s", children[i], names[i]);
    say("spinning %d", spinner);
    await_host();
    for (int i = 0; i < 5; i++)
        kill(children[i], SIGKILL);
    kill(spinner, SIGKILL);
    while (wait(NULL) > 0)
        ;
    return 0;
}
