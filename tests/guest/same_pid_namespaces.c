/*
 * tests/guest/same_pid_namespaces.c - PID namespaces: numbers inside and outside, process 1 and its
 * end, signals across, chosen numbers, nesting; as a list of lines that must be the same on Linux (as
 * root).
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

static struct {
    volatile int word[64];
} * shared;
static int to_child[2], to_parent[2];

static void pipes(void)
{
    if (pipe2(to_child, O_CLOEXEC) || pipe2(to_parent, O_CLOEXEC))
        fail("pipe");
}

static void tell(const int ends[2])
{
    if (write(ends[1], "x", 1) != 1)
        fail("write");
}

static void hear(const int ends[2])
{
    char byte;

    if (read(ends[0], &byte, 1) != 1)
        fail("read");
}

/* A child by raw clone; the function's result is its exit code. */
static pid_t clone_into(unsigned long flags, int (*function)(void))
{
    long child = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

    if (child == 0)
        _exit(function());
    if (child < 0)
        fail("clone");
    return (pid_t)child;
}

/* ---- what children do ---- */

static int crash(void)
{
    __asm__ volatile("movl $0, 8");
    return 0;
}

static int stays(void)
{
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    tell(to_parent);
    return sleep_for_ever();
}

static int one(void)
{
    say("pid %d, parent %d", getpid(), getppid());
    tell(to_parent);
    hear(to_child);
    return 0;
}

static int nothing(void)
{
    return 0;
}

/* Lines of /proc/PID/status that speak of numbers; where the global one differs from run to run, only
 * how many there are, and the last. */
static void status_lines(const char *who)
{
    char path[64], line[200];

    snprintf(path, sizeof path, "/proc/%s/status", who);
    FILE *file = fopen(path, "r");
    if (!file) {
        show("status", -1);
        return;
    }
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, "NS", 2) != 0)
            continue;
        int numbers = 0, last = 0;
        char *name = strtok(line, ":"), *rest;
        while ((rest = strtok(NULL, "\t\n"))) {
            numbers++;
            last = atoi(rest);
        }
        say("%s: %d numbers, last %d", name, numbers, numbers > 1 ? last : 0);
    }
    fclose(file);
}

/* ---- numbers ---- */

static int grandchild(void)
{
    say("second: pid %d, parent %d, group %d, session %d", getpid(), getppid(), getpgrp(),
        getsid(0));
    return 5;
}

static void *thread_numbers(void *unused)
{
    (void)unused;
    say("thread: tid %ld, pid %d", syscall(SYS_gettid), getpid());
    return NULL;
}

static int numbers_inside(void)
{
    pthread_t thread;

    say("first: pid %d, tid %ld, parent %d, group %d, session %d", getpid(), syscall(SYS_gettid),
        getppid(), getpgrp(), getsid(0));
    show_end("second", clone_into(0, grandchild));
    pthread_create(&thread, NULL, thread_numbers, NULL);
    pthread_join(thread, NULL);
    show("getpgid(1)", getpgid(1));
    show("getpgid of a number without process", getpgid(77));
    show("kill(77)", kill(77, 0));
    show("kill(1, 0)", kill(1, 0));
    show("kill(-77)", kill(-77, 0));
    show("tgkill", syscall(SYS_tgkill, 1, 1, 0));
    show("tkill 77", syscall(SYS_tkill, 77, 0));
    show("setpgid", setpgid(0, 0));
    say("group %d", getpgrp());
    show("setsid", setsid());
    show("pidfd_open(77)", syscall(SYS_pidfd_open, 77, 0));
    show("sched_getscheduler(77)", sched_getscheduler(77));
    show("sched_getscheduler(1)", sched_getscheduler(1));
    pid_t child = clone_into(0, sleep_for_ever);
    say("setsid child: %d", child);
    show("getsid(child)", getsid(child));
    show("getpgid(child)", getpgid(child));
    show("setpgid(child, child)", setpgid(child, child));
    show("getpgid(child)", getpgid(child));
    show("kill(-child)", kill(-child, SIGTERM));
    show_end("it", child);
    show("wait for anybody", waitpid(-1, NULL, 0));
    show("wait for 77", waitpid(77, NULL, 0));
    show("wait for group 77", waitpid(-77, NULL, 0));
    show("self", readlink("/proc/self", (char[32]){0}, 32) > 0);
    int fd = open("/proc/self/ns/pid", O_RDONLY);
    show("parent", ioctl(fd, NS_GET_PARENT));
    close(fd);
    return 0;
}

static void numbers(void)
{
    pid_t child = clone_into(CLONE_NEWPID, numbers_inside);

    show_end("the first", child);
}

/* From outside: the global number works, and status lists both. */
static int waits_to_be_told(void)
{
    tell(to_parent);
    hear(to_child);
    return 0;
}

static void outside(void)
{
    char text[32], a[64] = "", b[64] = "", path[64];

    pipes();
    pid_t child = clone_into(CLONE_NEWPID, waits_to_be_told);
    hear(to_parent);
    snprintf(text, sizeof text, "%d", child);
    status_lines(text);
    snprintf(path, sizeof path, "/proc/%d/ns/pid", child);
    ssize_t got = readlink(path, a, sizeof a - 1);
    got += readlink("/proc/self/ns/pid", b, sizeof b - 1);
    say("links %d, same %d", got > 20, !strcmp(a, b));
    int fd = open(path, O_RDONLY), parent = ioctl(fd, NS_GET_PARENT);
    struct stat mine, theirs;
    fstat(parent, &theirs);
    stat("/proc/self/ns/pid", &mine);
    say("its parent is mine: %d", mine.st_ino == theirs.st_ino);
    show("kill 0", kill(child, 0));
    tell(to_child);
    show_end("it", child);
    /* Nobody can be made in what is left of it. */
    show("setns", setns(fd, CLONE_NEWPID));
    show("fork in a dead one", fork());
    show("back", setns(parent, CLONE_NEWPID));
    show_end("fork", clone_into(0, nothing));
    close(fd);
    close(parent);
}

/* ---- process 1 ---- */

static int orphan_maker(void)
{
    if (fork() == 0) {
        UNTIL(getppid() == 1);
        shared->word[0] = getpid();
        _exit(7);
    }
    return 3;
}

static int adopts(void)
{
    int status;

    show_end("the middle one", clone_into(0, orphan_maker));
    pid_t got = wait(&status);
    say("the orphan: %d, its own view %d, exit %d", got, shared->word[0], WEXITSTATUS(status));
    return 0;
}

/* An orphan goes to process 1 of its namespace, not to the subreaper outside. */
static void orphans(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    show_end("process 1", clone_into(CLONE_NEWPID, adopts));
    show("nobody else", waitpid(-1, NULL, WNOHANG));
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void got_signal(int signal)
{
    shared->word[1] = signal;
}

static void got_info(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    shared->word[2] = info->si_pid;
    shared->word[3] = info->si_code;
}

static int sends_to_one(void)
{
    show("TERM to 1", kill(1, SIGTERM));
    show("KILL to 1", kill(1, SIGKILL));
    show("STOP to 1", kill(1, SIGSTOP));
    show("USR1 to 1", kill(1, SIGUSR1));
    return 0;
}

static int hard_to_kill(void)
{
    sigset_t set;

    signal(SIGUSR1, got_signal);
    show("KILL to itself", kill(getpid(), SIGKILL));
    show("TERM to itself", raise(SIGTERM));
    show("STOP to itself", raise(SIGSTOP));
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGTERM);
    sigpending(&set);
    say("a blocked one is pending: %d", sigismember(&set, SIGTERM));
    sigemptyset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    say("and does nothing");
    show_end("a child that sends", clone_into(0, sends_to_one));
    say("USR1 has a handler: %d", shared->word[1] == SIGUSR1);
    tell(to_parent);
    hear(to_child);
    say("TERM from outside does nothing");
    tell(to_parent);
    sleep_for_ever();
    return 0;
}

static void unkillable(void)
{
    int status;

    pipes();
    pid_t child = clone_into(CLONE_NEWPID, hard_to_kill);
    hear(to_parent);
    show("TERM from outside", kill(child, SIGTERM));
    tell(to_child);
    hear(to_parent);
    show("STOP from outside", kill(child, SIGSTOP));
    show("wait", waitpid(child, &status, WUNTRACED) == child);
    show_status("it", status);
    show("CONT", kill(child, SIGCONT));
    show("KILL from outside", kill(child, SIGKILL));
    show_end("it", child);

    pipes();
    child = clone_into(CLONE_NEWPID, waits_to_be_told);
    hear(to_parent);
    kill(child, SIGKILL);
    show_end("killed from outside", child);
    child = clone_into(CLONE_NEWPID, crash);
    show_end("its own fault", child);
}

/* Its end kills all others, and nobody comes after. */
static int leaves_others(void)
{
    for (int i = 0; i < 3; i++)
        clone_into(0, stays);
    for (int i = 0; i < 3; i++)
        hear(to_parent);
    return 9;
}

static void end_of_one(void)
{
    char byte;

    pipes();
    pid_t child = clone_into(CLONE_NEWPID, leaves_others);
    show_end("process 1", child);
    close(to_parent[1]);
    show("all the others are gone", read(to_parent[0], &byte, 1));
}

/* ---- signals and numbers ---- */

static int tells_parent(void)
{
    show("kill(getppid())", kill(getppid(), SIGUSR2)); /* 0: its own group */
    return 0;
}

static int inner_sends(void)
{
    struct sigaction action = {.sa_sigaction = got_info, .sa_flags = SA_SIGINFO};

    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    tell(to_parent);
    UNTIL(shared->word[3] == 77);
    say("from outside: pid %d", shared->word[2]);
    setpgid(0, 0);
    show_end("child", clone_into(0, tells_parent));
    UNTIL(shared->word[2] != 0);
    say("from a child: pid %d, code %d", shared->word[2], shared->word[3]);
    return 0;
}

static void numbers_of_senders(void)
{
    pipes();
    memset((void *)shared, 0, sizeof *shared);
    pid_t child = clone_into(CLONE_NEWPID, inner_sends);
    siginfo_t info = {.si_code = SI_QUEUE};
    hear(to_parent);
    shared->word[2] = -1;
    info.si_pid = getpid();
    show("queue", syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &info));
    UNTIL(shared->word[2] != -1);
    say("si_pid of somebody outside: %d", shared->word[2]);
    shared->word[2] = -1;
    kill(child, SIGUSR2);
    UNTIL(shared->word[2] != -1);
    say("and by kill: %d", shared->word[2]);
    shared->word[2] = 0;
    shared->word[3] = 77;
    show_end("it", child);

    struct sigaction action = {.sa_sigaction = got_info, .sa_flags = SA_SIGINFO};
    sigaction(SIGCHLD, &action, NULL);
    pipes();
    child = clone_into(CLONE_NEWPID, waits_to_be_told);
    hear(to_parent);
    shared->word[2] = 0;
    tell(to_child);
    show_end("it", child);
    say("SIGCHLD names it as its parent sees it: %d", shared->word[2] == child);
    signal(SIGCHLD, SIG_DFL);
}

/* Who sent a message, as the receiver sees it. */
static int socket_ends[2];

static int sends_message(void)
{
    if (write(socket_ends[1], "x", 1) != 1)
        fail("write");
    return 0;
}

static int sends_and_stays(void)
{
    sends_message();
    hear(to_child);
    return 0;
}

static int receives_message(void)
{
    char byte, control[100];
    pid_t sender = 0;
    struct iovec part = {&byte, 1};

    for (int i = 0; i < 2; i++) {
        struct msghdr header = {.msg_iov = &part,
                                .msg_iovlen = 1,
                                .msg_control = control,
                                .msg_controllen = sizeof control};
        if (i == 1)
            sender = clone_into(0, sends_and_stays);
        if (recvmsg(socket_ends[0], &header, 0) != 1)
            fail("recvmsg");
        struct cmsghdr *message = CMSG_FIRSTHDR(&header);
        struct ucred who = {-1, 0, 0};
        if (message && message->cmsg_type == SCM_CREDENTIALS)
            memcpy(&who, CMSG_DATA(message), sizeof who);
        say("sender %d", who.pid);
    }
    tell(to_child);
    show_end("inner sender", sender);
    return 0;
}

static void credentials(void)
{
    int on = 1;

    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, socket_ends))
        fail("socketpair");
    setsockopt(socket_ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
    sends_message();
    show_end("receiver", clone_into(CLONE_NEWPID, receives_message));
}

/* ---- unshare ---- */

static int unshares_twice(void)
{
    show("unshare", unshare(CLONE_NEWPID));
    say("pid stays: %d", getpid() != 1);
    char text[64];
    show("no process 1 yet", readlink("/proc/self/ns/pid_for_children", text, sizeof text));
    show("unshare again", unshare(CLONE_NEWPID));
    show("a thread", syscall(SYS_clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, 0, 0, 0, 0));
    pid_t first = clone_into(0, one);
    hear(to_parent);
    show("now there is", readlink("/proc/self/ns/pid_for_children", text, sizeof text) > 0);
    show_end("second", clone_into(0, grandchild));
    tell(to_child);
    show_end("first", first);
    show("third", fork());
    show("vfork", syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0));
    return 0;
}

/* ---- nesting and chosen numbers ---- */

static long clone3_raw(struct clone_args *arguments)
{
    return syscall(SYS_clone3, arguments, sizeof *arguments);
}

static void try_set(const char *what, uint64_t flags, int count, int a, int b, int c)
{
    int wanted[] = {a, b, c, 0};
    struct clone_args arguments = {.flags = flags,
                                   .exit_signal = SIGCHLD,
                                   .set_tid = (uintptr_t)wanted,
                                   .set_tid_size = (unsigned)count};
    long child = clone3_raw(&arguments);

    if (child == 0) {
        say("%s: pid %d", what, getpid());
        _exit(0);
    }
    if (child < 0)
        show(what, child);
    else
        show_end(what, (pid_t)child);
}

static int sets(void)
{
    int outer = shared->word[10];

    try_set("inner 50", 0, 1, 50, 0, 0);
    try_set("inner 50 again", 0, 1, 50, 0, 0);
    try_set("inner 1", 0, 1, 1, 0, 0);
    try_set("inner 0", 0, 1, 0, 0, 0);
    try_set("both", 0, 2, 60, outer, 0);
    try_set("outer taken", 0, 2, 61, shared->word[11], 0);
    try_set("three levels with two", 0, 3, 60, outer, outer);
    try_set("new one, not 1", CLONE_NEWPID, 1, 2, 0, 0);
    try_set("new one, 1", CLONE_NEWPID, 1, 1, 0, 0);
    try_set("new one, 1 and 70", CLONE_NEWPID, 2, 1, 70, 0);
    try_set("new one, all three", CLONE_NEWPID, 3, 1, 71, outer);
    return 0;
}

static void chosen(void)
{
    pid_t gone = clone_into(0, nothing);
    waitpid(gone, NULL, 0);
    shared->word[10] = gone;
    shared->word[11] = getpid();
    show_end("sets", clone_into(CLONE_NEWPID, sets));
}

static int depth;

static int nest(void)
{
    long child = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);

    depth++;
    if (child == 0)
        _exit(nest());
    if (child < 0) {
        say("refused at depth %d: %s", depth, strerrorname_np(errno));
        return 1;
    }
    int status;
    if (waitpid((pid_t)child, &status, 0) != child)
        fail("wait");
    return WEXITSTATUS(status);
}

/* ---- all at once ---- */

static int kills_all(void)
{
    pid_t one = clone_into(0, sleep_for_ever), two = clone_into(0, sleep_for_ever);

    show("kill(-1)", kill(-1, SIGTERM));
    show_end("one", one);
    show_end("two", two);
    show("kill(-1) with nobody", kill(-1, SIGTERM));
    return 0;
}

static void refused(void)
{
    show("THREAD|NEWPID",
         syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_NEWPID, 0, 0, 0, 0));
    show("NEWIPC|SYSVSEM", syscall(SYS_clone, CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD, 0, 0, 0, 0));
    show("NEWUSER|FS", syscall(SYS_clone, CLONE_NEWUSER | CLONE_FS | SIGCHLD, 0, 0, 0, 0));
    show("NEWNS|FS", syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0));
}

static int sibling(void)
{
    show("PARENT from process 1", syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0));
    return 0;
}

int main(void)
{
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    numbers();
    outside();
    orphans();
    unkillable();
    end_of_one();
    numbers_of_senders();
    credentials();
    pipes();
    show_end("unshare", spawn(unshares_twice));
    chosen();
    show_end("nest", clone_into(CLONE_NEWPID, nest));
    show_end("kill all", clone_into(CLONE_NEWPID, kills_all));
    refused();
    show_end("sibling", clone_into(CLONE_NEWPID, sibling));
    say("done");
    return 0;
}
