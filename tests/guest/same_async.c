/*
 * tests/guest/same_async.c - signals about open files: owners, F_SETSIG, O_ASYNC on pipes, sockets
 * and terminals, as a list of lines that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same_files.h"

#include <pty.h>
#include <sys/inotify.h>
#include <sys/socket.h>

#define MISSING 99999

static sigset_t watched;

/* Which of the signals came, without waiting. */
static void show_signals(const char *what)
{
    siginfo_t info;
    int count = 0, signal;

    while ((signal = sigtimedwait(&watched, &info, &(struct timespec){0, 0})) > 0) {
        count++;
        if (signal == SIGIO)
            say("%s: SIGIO, code %d", what, info.si_code);
        else
            say("%s: signal %d, code %d, band %#lx, fd %d", what, signal - SIGRTMIN, info.si_code,
                (long)info.si_band, info.si_fd);
    }
    if (!count)
        say("%s: no signal", what);
}

static void owners(void)
{
    struct f_owner_ex owner = {F_OWNER_PID, 0};
    int ends[2];

    if (pipe(ends))
        fail("pipe");
    int fd = ends[0];
    show("no owner", fcntl(fd, F_GETOWN));
    show("set a process", fcntl(fd, F_SETOWN, getpid()));
    show("it is", fcntl(fd, F_GETOWN) == getpid());
    show("get it", fcntl(fd, F_GETOWN_EX, &owner));
    say("type %d, us: %d", owner.type, owner.pid == getpid());
    show("set a group", fcntl(fd, F_SETOWN, -getpgrp()));
    show("get it", fcntl(fd, F_GETOWN_EX, &owner));
    say("type %d, us: %d", owner.type, owner.pid == getpgrp());
    show("set nobody", fcntl(fd, F_SETOWN, 0));
    show("get it", fcntl(fd, F_GETOWN));
    show("set what is not there", fcntl(fd, F_SETOWN, MISSING));
    show("set a group that is not there", fcntl(fd, F_SETOWN, -MISSING));
    show("set the smallest", fcntl(fd, F_SETOWN, (int)0x80000000));
    owner = (struct f_owner_ex){F_OWNER_TID, getpid()};
    show("set a thread", fcntl(fd, F_SETOWN_EX, &owner));
    owner = (struct f_owner_ex){7, 7};
    show("get it", fcntl(fd, F_GETOWN_EX, &owner));
    say("type %d, us: %d", owner.type, owner.pid == getpid());
    owner.type = 3;
    show("another type", fcntl(fd, F_SETOWN_EX, &owner));
    owner = (struct f_owner_ex){F_OWNER_TID, MISSING};
    show("a thread that is not there", fcntl(fd, F_SETOWN_EX, &owner));
    owner = (struct f_owner_ex){F_OWNER_PGRP, getpgrp()};
    show("a group", fcntl(fd, F_SETOWN_EX, &owner));
    owner = (struct f_owner_ex){F_OWNER_PID, 0};
    show("nobody", fcntl(fd, F_SETOWN_EX, &owner));
    show("a bad address", fcntl(fd, F_SETOWN_EX, 8));
    show("a bad address", fcntl(fd, F_GETOWN_EX, 8));
    show("signal", fcntl(fd, F_GETSIG));
    show("set signal", fcntl(fd, F_SETSIG, SIGUSR1));
    show("signal", fcntl(fd, F_GETSIG) == SIGUSR1);
    show("set no signal", fcntl(fd, F_SETSIG, 65));
    show("set no signal", fcntl(fd, F_SETSIG, -1));
    show("the usual one", fcntl(fd, F_SETSIG, 0));
    close(ends[0]);
    close(ends[1]);
}

/* Of the end that is read (or written): what others do there. */
static void pipes(void)
{
    char bytes[65536] = {0};
    int ends[2], on = 1;

    if (pipe2(ends, O_NONBLOCK))
        fail("pipe");
    show("O_ASYNC", fcntl(ends[0], F_SETFL, O_NONBLOCK | O_ASYNC));
    say("flags %#o", fcntl(ends[0], F_GETFL));
    write(ends[1], "x", 1);
    show_signals("no owner");
    fcntl(ends[0], F_SETOWN, getpid());
    write(ends[1], "x", 1);
    show_signals("write");
    write(ends[1], "x", 1);
    write(ends[1], "x", 1);
    show_signals("write twice");
    fcntl(ends[0], F_SETSIG, SIGRTMIN);
    write(ends[1], "x", 1);
    show_signals("write, by the chosen signal");
    read(ends[0], bytes, sizeof bytes);
    show_signals("read");
    int second = dup(ends[0]);
    write(ends[1], "x", 1);
    show_signals("write, with a second descriptor");
    close(second);
    show("without O_ASYNC", fcntl(ends[0], F_SETFL, O_NONBLOCK));
    write(ends[1], "x", 1);
    show_signals("write, without");
    show("FIOASYNC", ioctl(ends[0], FIOASYNC, &on));
    say("flags %#o", fcntl(ends[0], F_GETFL));
    write(ends[1], "x", 1);
    show_signals("write, again with it");
    close(ends[1]);
    show_signals("the last writer closes");
    close(ends[0]);
    if (pipe2(ends, O_NONBLOCK))
        fail("pipe");
    fcntl(ends[1], F_SETFL, O_NONBLOCK | O_ASYNC);
    fcntl(ends[1], F_SETOWN, getpid());
    fcntl(ends[1], F_SETSIG, SIGRTMIN);
    while (write(ends[1], bytes, sizeof bytes) > 0)
        ;
    show_signals("full");
    read(ends[0], bytes, sizeof bytes);
    show_signals("empty");
    close(ends[0]);
    close(ends[1]);
}

static void sockets(void)
{
    char bytes[64];
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends))
        fail("socketpair");
    fcntl(ends[0], F_SETFL, O_NONBLOCK | O_ASYNC);
    fcntl(ends[0], F_SETOWN, getpid());
    write(ends[1], "x", 1);
    show_signals("socket: write");
    read(ends[0], bytes, sizeof bytes);
    show_signals("socket: read");
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    write(ends[1], "x", 1);
    show_signals("socket: without");
    close(ends[0]);
    close(ends[1]);
}

static void terminals(void)
{
    struct termios raw;
    int master, slave;

    if (openpty(&master, &slave, NULL, NULL, NULL))
        fail("openpty");
    tcgetattr(slave, &raw);
    cfmakeraw(&raw);
    tcsetattr(slave, TCSANOW, &raw);
    fcntl(slave, F_SETOWN, getpid());
    fcntl(slave, F_SETFL, O_RDWR | O_ASYNC);
    write(master, "x", 1);
    usleep(20000); /* Linux hands it over later */
    show_signals("terminal: a byte");
    close(slave);
    close(master);
}

/* Owners that are others, or have gone. */
static int wait_for_signal(void)
{
    siginfo_t info;
    int signal = sigwaitinfo(&watched, &info);

    return signal == SIGIO ? 1 : signal == SIGRTMIN ? 2 : 3;
}

static void others(void)
{
    int ends[2];
    pid_t child = spawn(wait_for_signal);

    if (pipe(ends))
        fail("pipe");
    fcntl(ends[0], F_SETFL, O_ASYNC);
    show("a child", fcntl(ends[0], F_SETOWN, child));
    write(ends[1], "x", 1);
    show_end("the child", child);
    write(ends[1], "x", 1);
    show_signals("not to us");
    show("its number", fcntl(ends[0], F_GETOWN));
    close(ends[0]);
    close(ends[1]);
}

static void other_files(void)
{
    int fd = open("file", O_RDWR);

    show("a file", fcntl(fd, F_SETFL, O_ASYNC));
    fcntl(fd, F_SETOWN, getpid());
    say("flags %#o", fcntl(fd, F_GETFL) & ~O_LARGEFILE & ~0100000);
    write(fd, "x", 1);
    show_signals("a file");
    close(fd);
    int queue = inotify_init1(IN_NONBLOCK);
    inotify_add_watch(queue, "file", IN_OPEN);
    fcntl(queue, F_SETFL, O_NONBLOCK | O_ASYNC);
    fcntl(queue, F_SETOWN, getpid());
    close(open("file", O_RDONLY));
    show_signals("inotify");
    close(queue);
}

int main(void)
{
    own_directory();
    make_names();
    sigemptyset(&watched);
    sigaddset(&watched, SIGIO);
    sigaddset(&watched, SIGRTMIN);
    sigaddset(&watched, SIGUSR1);
    sigprocmask(SIG_BLOCK, &watched, NULL);
    owners();
    pipes();
    sockets();
    terminals();
    others();
    other_files();
    leave_directory();
    return 0;
}
