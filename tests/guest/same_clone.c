/*
 * tests/guest/same_clone.c - clone(2), clone3(2), unshare(2) and pidfds, as a list of lines that
 * must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int shared_word;

/*
 * Inline: a child that shares memory and stack (VM|VFORK) must not return into a frame that it then
 * overwrites.
 */
__attribute__((always_inline)) static inline long clone_raw(unsigned long flags, void *parent_tid,
                                                            void *child_tid)
{
    register void *fourth __asm__("r10") = child_tid;
    register long fifth __asm__("r8") = 0;
    long result = SYS_clone;

    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"(flags), "S"(0L), "d"(parent_tid), "r"(fourth), "r"(fifth)
                     : "rcx", "r11", "memory");
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

static long clone3_raw(struct clone_args *arguments, size_t bytes)
{
    return syscall(SYS_clone3, arguments, bytes);
}

/* Refused by both calls: a child, if there is one after all, ends at once. */
static void refuse(const char *what, unsigned long flags)
{
    struct clone_args arguments = {.flags = flags};
    long result = clone_raw(flags | SIGCHLD, NULL, NULL);
    char line[100];

    if (result == 0)
        _exit(0);
    if (result > 0)
        waitpid((pid_t)result, NULL, __WALL);
    snprintf(line, sizeof line, "clone %s", what);
    show(line, result > 0 ? 0 : result);
    result = clone3_raw(&arguments, sizeof arguments);
    if (result == 0)
        _exit(0);
    if (result > 0)
        waitpid((pid_t)result, NULL, __WALL);
    snprintf(line, sizeof line, "clone3 %s", what);
    show(line, result > 0 ? 0 : result);
}

static void refused(void)
{
    struct clone_args arguments = {0};
    struct {
        struct clone_args known;
        uint64_t more;
    } larger = {.more = 1};

    refuse("THREAD", CLONE_THREAD);
    refuse("THREAD|SIGHAND", CLONE_THREAD | CLONE_SIGHAND);
    refuse("SIGHAND", CLONE_SIGHAND);
    refuse("NEWNS|FS", CLONE_NEWNS | CLONE_FS);
    refuse("NEWUSER|FS", CLONE_NEWUSER | CLONE_FS);
    refuse("IO|SYSVSEM|UNTRACED", CLONE_IO | CLONE_SYSVSEM | CLONE_UNTRACED);
    refuse("FILES|FS", CLONE_FILES | CLONE_FS);
    show("clone3 too small", clone3_raw(&arguments, CLONE_ARGS_SIZE_VER0 - 1));
    show("clone3 unknown field", clone3_raw(&larger.known, sizeof larger));
    show("clone3 huge", clone3_raw(&arguments, 8192));
    show("clone3 bad address", clone3_raw((void *)8, sizeof arguments));
    arguments = (struct clone_args){.exit_signal = 65};
    show("clone3 exit_signal 65", clone3_raw(&arguments, sizeof arguments));
    arguments = (struct clone_args){.exit_signal = 256};
    show("clone3 exit_signal 256", clone3_raw(&arguments, sizeof arguments));
    arguments = (struct clone_args){.flags = 1ull << 40};
    show("clone3 unknown flag", clone3_raw(&arguments, sizeof arguments));
    arguments = (struct clone_args){.flags = SIGCHLD};
    show("clone3 signal in flags", clone3_raw(&arguments, sizeof arguments));
    arguments = (struct clone_args){.flags = CLONE_DETACHED};
    show("clone3 DETACHED", clone3_raw(&arguments, sizeof arguments));
    arguments = (struct clone_args){.flags = CLONE_VM | CLONE_SIGHAND | CLONE_CLEAR_SIGHAND};
    show("clone3 SIGHAND|CLEAR_SIGHAND", clone3_raw(&arguments, sizeof arguments));
    arguments = (struct clone_args){.flags = CLONE_PARENT, .exit_signal = SIGCHLD};
    show("clone3 PARENT with a signal", clone3_raw(&arguments, sizeof arguments));
    arguments = (struct clone_args){.stack = 4096};
    show("clone3 stack without size", clone3_raw(&arguments, sizeof arguments));
    arguments = (struct clone_args){.stack_size = 4096};
    show("clone3 size without stack", clone3_raw(&arguments, sizeof arguments));
    arguments = (struct clone_args){.set_tid_size = 1};
    show("clone3 set_tid missing", clone3_raw(&arguments, sizeof arguments));
    arguments = (struct clone_args){.set_tid = (uintptr_t)&shared_word};
    show("clone3 set_tid_size missing", clone3_raw(&arguments, sizeof arguments));
    arguments = (struct clone_args){.set_tid = 8, .set_tid_size = 1};
    show("clone3 set_tid bad address", clone3_raw(&arguments, sizeof arguments));
    shared_word = 0;
    arguments = (struct clone_args){.set_tid = (uintptr_t)&shared_word, .set_tid_size = 1};
    show("clone3 set_tid 0", clone3_raw(&arguments, sizeof arguments));
    arguments.set_tid_size = 33;
    show("clone3 set_tid too many", clone3_raw(&arguments, sizeof arguments));
    shared_word = getpid();
    arguments.set_tid_size = 1;
    show("clone3 set_tid taken", clone3_raw(&arguments, sizeof arguments));
    show("clone PIDFD and PARENT_SETTID in one place",
         clone_raw(CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, &shared_word, NULL));
    show("clone3 PIDFD bad address",
         clone3_raw(&(struct clone_args){.flags = CLONE_PIDFD, .exit_signal = SIGCHLD},
                    sizeof arguments));
}

/* ---- what the flags do ---- */

static void tids(void)
{
    int *words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    long child =
        clone_raw(CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, &words[0], &words[1]);

    if (child == 0)
        _exit(words[0] == getpid() && words[1] == getpid() ? 3 : 4);
    show_end("PARENT_SETTID and CHILD_SETTID", (pid_t)child);
    say("both in the parent: %d", words[0] == child && words[1] == child);

    /* The word is cleared, because the memory has another user. */
    words[2] = 7;
    child = clone_raw(CLONE_VM | CLONE_VFORK | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, &words[2]);
    if (child == 0)
        _exit(5);
    show_end("VM|VFORK|CHILD_CLEARTID", (pid_t)child);
    say("cleared: %d", words[2] == 0);

    int wanted = getpid() + 77;
    struct clone_args arguments = {
        .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&wanted, .set_tid_size = 1};
    /* A busy host may have given the number to somebody. */
    while ((child = clone3_raw(&arguments, sizeof arguments)) < 0 && wanted < getpid() + 177)
        wanted++;
    if (child == 0)
        _exit(getpid() == wanted ? 6 : 7);
    say("set_tid: %d", child == wanted);
    if (child > 0)
        show_end("set_tid", (pid_t)child);
    munmap(words, 4096);
}

static void shares(void)
{
    int status, fd = open("/dev/null", O_RDONLY);
    long child;

    shared_word = 1;
    child = clone_raw(CLONE_VM | CLONE_VFORK | SIGCHLD, NULL, NULL);
    if (child == 0) {
        shared_word = 2;
        _exit(0);
    }
    waitpid((pid_t)child, &status, 0);
    say("VM shows the child's store: %d", shared_word);

    child = clone_raw(CLONE_FILES | SIGCHLD, NULL, NULL);
    if (child == 0)
        _exit(close(fd));
    waitpid((pid_t)child, &status, 0);
    show("FILES: closed by the child", fcntl(fd, F_GETFD));

    if (chdir("/"))
        fail("chdir");
    child = clone_raw(CLONE_FS | SIGCHLD, NULL, NULL);
    if (child == 0)
        _exit(chdir("/dev") ? 1 : (umask(0123), 0));
    waitpid((pid_t)child, &status, 0);
    char where[100];
    say("FS: %s, umask %o", getcwd(where, sizeof where), umask(022));

    signal(SIGUSR1, SIG_IGN);
    child = clone_raw(CLONE_VM | CLONE_VFORK | CLONE_SIGHAND | SIGCHLD, NULL, NULL);
    if (child == 0) {
        signal(SIGUSR1, SIG_DFL);
        _exit(0);
    }
    waitpid((pid_t)child, &status, 0);
    struct sigaction action;
    sigaction(SIGUSR1, NULL, &action);
    say("SIGHAND: the child's disposition is %s", action.sa_handler == SIG_DFL ? "ours" : "not");
}

static void handler(int signal)
{
    (void)signal;
}

static void clear_handlers(void)
{
    struct clone_args arguments = {.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
    struct sigaction caught, ignored;

    signal(SIGUSR1, handler);
    signal(SIGUSR2, SIG_IGN);
    long child = clone3_raw(&arguments, sizeof arguments);
    if (child == 0) {
        sigaction(SIGUSR1, NULL, &caught);
        sigaction(SIGUSR2, NULL, &ignored);
        _exit((caught.sa_handler == SIG_DFL) + 2 * (ignored.sa_handler == SIG_IGN));
    }
    show_end("CLEAR_SIGHAND", (pid_t)child);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
}

static volatile sig_atomic_t caught_signal, caught_code;

static void note(int signal, siginfo_t *info, void *context)
{
    (void)context;
    caught_signal = signal;
    caught_code = info->si_code;
}

static void exit_signals(void)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    int status;

    sigaction(SIGUSR1, &action, NULL);
    long child = clone_raw(SIGUSR1, NULL, NULL);
    if (child == 0)
        _exit(0);
    show("plain wait for a child with another signal", waitpid((pid_t)child, &status, 0));
    UNTIL(caught_signal);
    say("exit signal %d code %d", caught_signal, caught_code);
    long got = waitpid((pid_t)child, &status, __WCLONE);
    say("wait __WCLONE: %s", got == child ? "the child" : "not");
    child = clone_raw(0, NULL, NULL);
    if (child == 0)
        _exit(1);
    show_end("no exit signal", (pid_t)child);
    signal(SIGUSR1, SIG_DFL);

    /* A sibling: its parent is ours, so waiting for it is not for us. */
    child = clone_raw(CLONE_PARENT | SIGCHLD, NULL, NULL);
    if (child == 0)
        _exit(0);
    show("wait for a PARENT child", waitpid((pid_t)child, &status, __WALL));
}

/* ---- pidfds ---- */

/* Of which process does fdinfo say that the descriptor is? */
static void pidfd_details(const char *when, int fd, long child)
{
    char path[64], line[200];

    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    FILE *file = fopen(path, "r");
    if (!file) {
        show("fdinfo", -1);
        return;
    }
    while (fgets(line, sizeof line, file)) {
        char *number = strchr(line, ':');
        if (!number || (strncmp(line, "Pid:", 4) != 0 && strncmp(line, "NSpid:", 6) != 0))
            continue;
        *number++ = 0;
        say("%s %s: %s", when, line,
            atol(number) == child ? "the child"
            : atol(number) == -1  ? "-1"
                                  : "another");
    }
    fclose(file);
}

static void pidfds(void)
{
    int fd = -1, status;
    siginfo_t info = {0};
    struct clone_args arguments = {
        .flags = CLONE_PIDFD, .pidfd = (uintptr_t)&fd, .exit_signal = SIGCHLD};
    long child = clone3_raw(&arguments, sizeof arguments);

    if (child == 0)
        sleep_for_ever();
    say("pidfd: %s, close on exec %d", fd >= 0 ? "good" : "none", fcntl(fd, F_GETFD));
    pidfd_details("while it runs", fd, child);
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    say("poll before: %d", poll(&entry, 1, 0));
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    show("epoll_ctl", epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    say("epoll before: %d", epoll_wait(epoll, &event, 1, 0));
    show("signal 0", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    show("bad flags", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 1u << 31));
    show("bad signal", syscall(SYS_pidfd_send_signal, fd, 65, NULL, 0));
    info.si_signo = SIGUSR2;
    show("info of another signal", syscall(SYS_pidfd_send_signal, fd, SIGUSR1, &info, 0));
    info.si_signo = SIGUSR1;
    show("info of the kernel", syscall(SYS_pidfd_send_signal, fd, SIGUSR1, &info, 0));
    show("no pidfd", syscall(SYS_pidfd_send_signal, 0, SIGUSR1, NULL, 0));
    show("read", read(fd, &info, 1));
    show("waitid WNOHANG", waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG));
    say("nothing yet: %d", info.si_pid);
    show("kill", syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0));
    say("poll: %d", poll(&entry, 1, -1));
    say("events: %#x", entry.revents & (POLLIN | POLLERR));
    say("epoll: %d", epoll_wait(epoll, &event, 1, -1));
    show("signal to a zombie", syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0));
    show("waitid WNOWAIT", waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOWAIT));
    pidfd_details("zombie", fd, child);
    show("waitid", waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
    pidfd_details("reaped", fd, child);
    say("the child: %d, code %d status %d", info.si_pid == child, info.si_code, info.si_status);
    show("waitid again", waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
    show("signal after", syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0));
    say("poll after: %d", poll(&entry, 1, 0));
    show("waitid no pidfd", waitid(P_PIDFD, 0, &info, WEXITED));
    show("waitid no descriptor", waitid(P_PIDFD, 999, &info, WEXITED));
    close(fd);
    close(epoll);

    child = spawn(sleep_for_ever);
    fd = (int)show_good("pidfd_open", syscall(SYS_pidfd_open, child, 0));
    int patient = (int)show_good("pidfd_open NONBLOCK", syscall(SYS_pidfd_open, child, O_NONBLOCK));
    show("waitid on NONBLOCK", waitid(P_PIDFD, (id_t)patient, &info, WEXITED));
    show("pidfd_open pid 0", syscall(SYS_pidfd_open, 0, 0));
    show("pidfd_open pid -1", syscall(SYS_pidfd_open, -1, 0));
    show("pidfd_open no such pid", syscall(SYS_pidfd_open, 0x3ffffff, 0));
    show("pidfd_open bad flags", syscall(SYS_pidfd_open, child, 1));
    int taken = (int)show_good("pidfd_getfd", syscall(SYS_pidfd_getfd, fd, 1, 0));
    say("close on exec: %d", fcntl(taken, F_GETFD));
    show("pidfd_getfd no such fd", syscall(SYS_pidfd_getfd, fd, 999, 0));
    show("pidfd_getfd bad flags", syscall(SYS_pidfd_getfd, fd, 1, 1));
    show("pidfd_getfd no pidfd", syscall(SYS_pidfd_getfd, 0, 1, 0));
    kill((pid_t)child, SIGTERM);
    waitpid((pid_t)child, &status, 0);
    show("pidfd_getfd after the end", syscall(SYS_pidfd_getfd, fd, 1, 0));
}

static void unsharing(void)
{
    int fd = open("/dev/null", O_RDONLY);
    long child = clone_raw(CLONE_FILES | CLONE_FS | SIGCHLD, NULL, NULL);

    if (child == 0) {
        show("unshare FILES|FS", unshare(CLONE_FILES | CLONE_FS));
        close(fd);
        _exit(chdir("/proc") ? 1 : 0);
    }
    show_end("after unshare", (pid_t)child);
    char where[100];
    say("the parent keeps its: %d %s", fcntl(fd, F_GETFD), getcwd(where, sizeof where));
    show("unshare nothing", unshare(0));
    show("unshare THREAD|SIGHAND|VM alone", unshare(CLONE_THREAD | CLONE_SIGHAND | CLONE_VM));
    show("unshare SYSVSEM", unshare(CLONE_SYSVSEM));
    show("unshare VFORK", unshare(CLONE_VFORK));
    show("setns bad descriptor", syscall(SYS_setns, 999, 0));
    show("setns no namespace", syscall(SYS_setns, fd, 0));
    close(fd);
}

int main(void)
{
    refused();
    tids();
    shares();
    clear_handlers();
    exit_signals();
    pidfds();
    unsharing();
    say("done");
    return 0;
}
