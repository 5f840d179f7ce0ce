/*
 * tests/guest/namespace_holders.c - a process in a namespace of its own of each kind, and after its end one
 * namespace that only an open file holds; says their numbers.
 */
#define _GNU_SOURCE
#include "tests/guest/guest.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static void show(const char *kind)
{
    char path[64], text[64];

    snprintf(path, sizeof path, "/proc/self/ns/%s", kind);
    ssize_t got = readlink(path, text, sizeof text - 1);
    if (got < 0)
        fail(path);
    text[got] = '\0';
    say("%s %lu", kind, strtoul(strchr(text, '[') + 1, NULL, 10));
}

static void inside(void)
{
    static const char *const kinds[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "uts"};

    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
        show(kinds[i]);
    say("inside");
    while (pause())
        ;
}

int main(void)
{
    static const char offsets[] = "monotonic 1000 0\nboottime 2000 0\n";
    int up[2];
    char byte;

    if (pipe(up))
        fail("pipe");
    pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID |
                    CLONE_NEWTIME | CLONE_NEWUTS))
            fail("unshare");
        int fd = open("/proc/self/timens_offsets", O_WRONLY);
        if (write(fd, offsets, sizeof offsets - 1) != (ssize_t)sizeof offsets - 1)
            fail("offsets");
        close(fd);
        pid_t first = fork();
        if (first == 0)
            inside();
        if (read(up[0], &byte, 1) != 1)
            fail("read");
        kill(first, SIGKILL);
        waitpid(first, NULL, 0);
        _exit(0);
    }
    await_host();
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/uts", child);
    int held = open(path, O_RDONLY);
    if (held < 0)
        fail(path);
    if (write(up[1], "x", 1) != 1)
        fail("write");
    waitpid(child, NULL, 0);
    say("held");
    await_host();
    close(held);
    say("let go");
    await_host();
    return 0;
}
