/*
 * tests/guest/token_holders.c - a process with two threads, and a child of it; says the numbers of their tokens.
 */
#define _GNU_SOURCE
#include "tests/guest/guest.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* What a file of /proc says behind a word at the beginning of a line. */
static unsigned long said(const char *path, const char *word)
{
    char text[4096];
    int fd = open(path, O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (got < 0)
        fail(path);
    close(fd);
    text[got] = '\0';
    const char *at = strstr(text, word);
    return at ? strtoul(at + strlen(word), NULL, 10) : 0;
}

static void *thread(void *unused)
{
    char path[64];

    (void)unused;
    snprintf(path, sizeof path, "/proc/self/task/%ld/token", syscall(SYS_gettid));
    say("thread %lu", said(path, "Token:\t"));
    return NULL;
}

int main(void)
{
    pthread_t other;
    int ready[2];
    char byte;

    say("parent %lu", said("/proc/self/token", "Token:\t"));
    if (pthread_create(&other, NULL, thread, NULL) || pthread_join(other, NULL) || pipe(ready))
        fail("a thread");
    pid_t child = fork();
    if (child == 0) {
        say("child %lu of session %lu", said("/proc/self/token", "Token:\t"),
            said("/proc/self/token", "Session:\t"));
        if (write(ready[1], "x", 1) != 1)
            fail("write");
        while (pause())
            ;
    }
    if (read(ready[0], &byte, 1) != 1)
        fail("read");
    say("pid %d", child);
    await_host();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    say("alone");
    await_host();
    return 0;
}
