/*
 * tests/guest/debugged.c - a program for a debugger: a function that parent and child both call
 * (their text is the same pages), a variable that is written now and then, an open file, and
 * waiting for a line of input before it all.
 */
#include "tests/guest/guest.h"

#include <fcntl.h>
#include <sys/wait.h>

volatile int total;
volatile int steps[4];

__attribute__((noinline)) int add(int value)
{
    total = total + value;
    return total;
}

__attribute__((noinline)) int three_steps(void)
{
    steps[0] = 1;
    steps[1] = steps[0] + 1;
    steps[2] = steps[1] + 1;
    return steps[2];
}

/* These calls must not stop a debugger that looks at the parent. */
static int child(void)
{
    for (int i = 0; i < 5; i++)
        add(100);
    return total == 500 ? 0 : 1;
}

int main(void)
{
    int status = 0;

    if (open("/etc/passwd", O_RDONLY) < 0)
        fail("open");
    say("ready");
    await_host();
    pid_t pid = fork();
    if (pid == 0)
        _exit(child());
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        fail("child");
    for (int i = 1; i <= 3; i++)
        add(i);
    say("total %d steps %d child %d", total, three_steps(), status);
    return total;
}
