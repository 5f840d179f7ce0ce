/*
 * tests/guest/zombies.c - children that end before anyone waits, each with its own exit status; an
 * orphan whose parent has gone; then the parent looks at each.
 */
#include "tests/guest/guest.h"

#include <sys/wait.h>

#define CHILDREN 12

int main(void)
{
    pid_t children[CHILDREN], middle;
    int status, ends[2];
    char byte;

    if (pipe(ends) != 0)
        fail("pipe");
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] < 0)
            fail("fork");
        if (children[i] == 0)
            _exit(10 + i);
        say("child %d %d", children[i], 10 + i);
    }
    /* A process whose parent ends first must be noticed by init. */
    middle = fork();
    if (middle == 0) {
        pid_t orphan = fork();

        if (orphan == 0) {
            close(ends[1]);
            if (read(ends[0], &byte, 1) < 0)
                _exit(1);
            _exit(77);
        }
        say("orphan %d", orphan);
        _exit(0);
    }
    if (waitpid(middle, &status, 0) != middle || status != 0)
        fail("middle");
    usleep(20000);
    say("ended");
    await_host();
    for (int i = CHILDREN - 1; i >= 0; i--)
        if (waitpid(children[i], &status, 0) != children[i] || !WIFEXITED(status) ||
            WEXITSTATUS(status) != 10 + i)
            fail("wrong status");
    if (waitpid(-1, &status, 0) != -1 || errno != ECHILD)
        fail("a child too many");
    close(ends[1]); /* lets the orphan end */
    usleep(20000);
    say("reaped");
    await_host();
    return 0;
}
