/*
 * tests/guest/same_namespaces.c - unshare(2), setns(2), clone's CLONE_NEW..., and the files of
 * /proc/PID/ns, as a list of lines that must be the same on Linux (as root).
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static const struct {
    const char *name;
    int flag;
} kinds[] = {
    {"cgroup", CLONE_NEWCGROUP},
    {"ipc", CLONE_NEWIPC},
    {"net", CLONE_NEWNET},
    {"uts", CLONE_NEWUTS},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static char *link_of(const char *who, const char *name, char text[64])
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%s/ns/%s", who, name);
    ssize_t got = readlink(path, text, 63);
    text[got < 0 ? 0 : got] = '\0';
    return text;
}

static int open_of(const char *who, const char *name)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%s/ns/%s", who, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Is the thread in the namespace that the descriptor holds? */
static int in_same(const char *name, int fd)
{
    struct stat mine, other;
    char path[64];

    snprintf(path, sizeof path, "/proc/thread-self/ns/%s", name);
    return stat(path, &mine) == 0 && fstat(fd, &other) == 0 && mine.st_ino == other.st_ino &&
           mine.st_dev == other.st_dev;
}

static void files(void)
{
    static const char *const names[] = {
        "cgroup",           "ipc",  "mnt",  "net", "pid",
        "pid_for_children", "time", "user", "uts", "time_for_children"};
    char text[64], line[100];

    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        struct stat by_name = {0}, by_fd = {0}, by_link = {0};
        char path[64], expected[64];
        snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
        int fd = open(path, O_RDONLY);
        if (show_good(path, fd) < 0)
            continue;
        stat(path, &by_name);
        fstat(fd, &by_fd);
        lstat(path, &by_link);
        link_of("self", names[i], text);
        snprintf(expected, sizeof expected, "%.*s:[%lu]", (int)strcspn(names[i], "_"), names[i],
                 (unsigned long)by_fd.st_ino);
        say("text %d, same file %d, mode %o, link %o, links %lu, size %ld", !strcmp(text, expected),
            by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev, by_fd.st_mode,
            by_link.st_mode, (unsigned long)by_fd.st_nlink, (long)by_fd.st_size);
        snprintf(line, sizeof line, "/proc/self/fd/%d", fd);
        ssize_t got = readlink(line, expected, sizeof expected - 1);
        expected[got < 0 ? 0 : got] = '\0';
        say("through the descriptor: %d", !strcmp(text, expected));
        say("type %#x", ioctl(fd, NS_GET_NSTYPE));
        int other = ioctl(fd, NS_GET_USERNS);
        show_good("NS_GET_USERNS", other);
        if (other >= 0)
            say("type %#x, close-on-exec %d", ioctl(other, NS_GET_NSTYPE), fcntl(other, F_GETFD));
        close(other);
        show("NS_GET_PARENT", ioctl(fd, NS_GET_PARENT));
        unsigned uid = 77;
        show("NS_GET_OWNER_UID", ioctl(fd, NS_GET_OWNER_UID, &uid));
        show("unknown ioctl", ioctl(fd, 0x5401, &uid));
        show("read", read(fd, text, 1));
        close(fd);
        show("writable", open(path, O_RDWR));
    }
    DIR *directory = opendir("/proc/self/ns");
    unsigned entries = 0;
    while (directory && readdir(directory))
        entries++;
    closedir(directory);
    say("%u entries", entries);
}

static unsigned kind_now;

static int unshares(void)
{
    const char *name = kinds[kind_now].name;
    int flag = kinds[kind_now].flag, before = open_of("self", name);

    show("unshare", unshare(flag));
    int after = open_of("self", name);
    say("in the old one %d, in the new one %d", in_same(name, before), in_same(name, after));
    show("unshare again", unshare(flag));
    say("in another one %d", !in_same(name, before) && !in_same(name, after));
    pid_t child = fork();
    if (child == 0)
        _exit(in_same(name, before) || in_same(name, after));
    show_end("a child too", child);
    show("setns other kind", setns(after, flag == CLONE_NEWUTS ? CLONE_NEWIPC : CLONE_NEWUTS));
    show("setns unknown kind", setns(after, 1));
    show("setns two kinds", setns(after, CLONE_NEWUTS | CLONE_NEWIPC));
    show("setns", setns(after, flag));
    say("in the first new one %d", in_same(name, after));
    show("setns any kind", setns(before, 0));
    say("in the old one %d", in_same(name, before));
    child = (pid_t)syscall(SYS_clone, flag | SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        _exit(in_same(name, before));
    show_end("clone", child);
    return 0;
}

static int unprivileged(void)
{
    int uts = open_of("self", "uts");

    if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
        fail("setresuid");
    for (unsigned i = 0; i < KINDS; i++) {
        show(kinds[i].name, unshare(kinds[i].flag));
        pid_t child = (pid_t)syscall(SYS_clone, kinds[i].flag | SIGCHLD, 0, 0, 0, 0);
        if (child == 0)
            _exit(0);
        show("clone", child);
    }
    show("unshare NEWPID", unshare(CLONE_NEWPID));
    show("unshare NEWTIME", unshare(CLONE_NEWTIME));
    show("unshare NEWNS", unshare(CLONE_NEWNS));
    show("setns", setns(uts, CLONE_NEWUTS));
    show("setns wrong kind", setns(uts, CLONE_NEWNET));
    return 0;
}

/* A namespace outlives its last process while a file stands for it. */
static int keeps(void)
{
    int ready[2], go[2], fd;
    char byte, name[65] = "", text[20];

    if (pipe(ready) || pipe(go))
        fail("pipe");
    pid_t child = fork();
    if (child == 0) {
        close(go[1]);
        if (unshare(CLONE_NEWUTS) || sethostname("kept", 4) || setdomainname("dom", 3))
            fail("unshare");
        if (write(ready[1], "x", 1) != 1)
            fail("write");
        _exit(read(go[0], &byte, 1) > 0);
    }
    if (read(ready[0], &byte, 1) != 1)
        fail("read");
    snprintf(text, sizeof text, "%d", child);
    fd = open_of(text, "uts");
    int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    show("setns pidfd no kind", setns(pidfd, 0));
    show("setns pidfd unknown kind", setns(pidfd, CLONE_NEWUTS | 1));
    show("setns pidfd user", setns(pidfd, CLONE_NEWUSER));
    show("setns pidfd thread flag", setns(pidfd, CLONE_THREAD));
    int old = open_of("self", "uts");
    show("setns pidfd uts, ipc, net", setns(pidfd, CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET));
    gethostname(name, sizeof name);
    say("host name %s", name);
    show("back", setns(old, 0));
    gethostname(name, sizeof name);
    say("kept: %d", !strcmp(name, "kept"));
    close(go[1]);
    siginfo_t info;
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    snprintf(text, sizeof text, "%d", child);
    show("a zombie's", open_of(text, "uts"));
    char link[64], path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/uts", child);
    show("a zombie's link", readlink(path, link, sizeof link));
    show("setns to a zombie", setns(pidfd, CLONE_NEWUTS));
    show_end("it ends", child);
    show("setns to nobody", setns(pidfd, CLONE_NEWUTS));
    show("setns to what it left", setns(fd, 0));
    memset(name, 0, sizeof name);
    gethostname(name, sizeof name);
    say("host name %s", name);
    show("setns standard input", setns(0, 0));
    return 0;
}

/* ---- namespaces belong to threads ---- */

static void *other_thread(void *old)
{
    show("a thread's unshare", unshare(CLONE_NEWUTS));
    say("in the old one %d", in_same("uts", *(int *)old));
    show("unshare NEWUSER in a thread", unshare(CLONE_NEWUSER));
    return NULL;
}

static int threads(void)
{
    int old = open_of("self", "uts");
    pthread_t thread;

    pthread_create(&thread, NULL, other_thread, &old);
    pthread_join(thread, NULL);
    say("the first thread is in the old one: %d", in_same("uts", old));
    return 0;
}

int main(void)
{
    files();
    for (kind_now = 0; kind_now < KINDS; kind_now++) {
        say("%s", kinds[kind_now].name);
        show_end("unshares", spawn(unshares));
    }
    show_end("unprivileged", spawn(unprivileged));
    show_end("keeps", spawn(keeps));
    show_end("threads", spawn(threads));
    show("unshare unknown", unshare(0x40000));
    show("unshare unknown", unshare(0x1000));
    say("done");
    return 0;
}
