/* spinners.c - two processes that want the processor all the time, and never make a system call. */
#include <unistd.h>

int main(void)
{
    volatile unsigned long count = 0;

    if (fork() < 0)
        return 1;
    for (;;) /* the parent and the child */
        count++;
}
