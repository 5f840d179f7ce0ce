/*
 * tests/guest/same_mqueue.c - POSIX message queues (mq_overview(7)): names, attributes, priorities,
 * waiting, being told, polling, rights, limits, as a list of lines that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>

static struct mq_attr small = {.mq_maxmsg = 3, .mq_msgsize = 16};

static long raw_open(const char *name, int flags, int mode, struct mq_attr *attributes)
{
    return syscall(SYS_mq_open, name, flags, mode, attributes);
}

static void get(const char *what, mqd_t queue)
{
    char text[64] = "";
    unsigned priority = 77;
    ssize_t got = mq_receive(queue, text, sizeof text, &priority);

    if (got < 0)
        show(what, got);
    else
        say("%s: %zd bytes %.*s, priority %u", what, got, (int)got, text, priority);
}

static void tell(const char *what, mqd_t queue)
{
    struct mq_attr now;

    if (mq_getattr(queue, &now))
        show(what, -1);
    else
        say("%s: flags %ld, %ld of %ld messages of up to %ld bytes", what, now.mq_flags,
            now.mq_curmsgs, now.mq_maxmsg, now.mq_msgsize);
}

static void names(void)
{
    char name[300];

    memset(name, 'n', sizeof name);
    name[255] = '\0';
    show("empty", raw_open("", O_RDWR | O_CREAT, 0600, NULL));
    show("a slash", raw_open("/x", O_RDWR | O_CREAT, 0600, NULL));
    show("in it", raw_open("x/y", O_RDWR | O_CREAT, 0600, NULL));
    show("dot", raw_open(".", O_RDWR | O_CREAT, 0600, NULL));
    show("dots", raw_open("..", O_RDWR | O_CREAT, 0600, NULL));
    show("nowhere", raw_open((char *)16, O_RDWR | O_CREAT, 0600, NULL));
    show_good("255", raw_open(name, O_RDWR | O_CREAT, 0600, NULL));
    show("unlink 255", syscall(SYS_mq_unlink, name));
    name[255] = 'n';
    name[256] = '\0';
    show("256", raw_open(name, O_RDWR | O_CREAT, 0600, NULL));
    show("unlink 256", syscall(SYS_mq_unlink, name));
    show("missing", raw_open("missing", O_RDWR, 0, NULL));
    show("unlink missing", mq_unlink("/missing"));
    show("unlink a slash", syscall(SYS_mq_unlink, "/"));
}

static void making(void)
{
    struct mq_attr bad = {.mq_maxmsg = 0, .mq_msgsize = 16};
    char path[64], target[64] = "";
    struct stat status;

    show("no messages", raw_open("q", O_RDWR | O_CREAT, 0600, &bad));
    bad = (struct mq_attr){.mq_maxmsg = 3, .mq_msgsize = 0};
    show("no bytes", raw_open("q", O_RDWR | O_CREAT, 0600, &bad));
    bad = (struct mq_attr){.mq_maxmsg = -1, .mq_msgsize = 5};
    show("-1", raw_open("q", O_RDWR | O_CREAT, 0600, &bad));
    bad = (struct mq_attr){.mq_maxmsg = 65537, .mq_msgsize = 5};
    show("65537", raw_open("q", O_RDWR | O_CREAT, 0600, &bad));
    show("attributes nowhere", raw_open("q", O_RDWR | O_CREAT, 0600, (void *)16));
    mqd_t queue = mq_open("/q", O_RDWR | O_CREAT | O_EXCL, 0640, NULL);
    show_good("defaults", queue);
    tell("defaults", queue);
    show("close on exec", fcntl(queue, F_GETFD));
    show("again", mq_open("/q", O_RDWR | O_CREAT | O_EXCL, 0640, NULL));
    show("mode 3", raw_open("q", 3, 0, NULL));
    fstat(queue, &status);
    say("mode %o size %ld", status.st_mode & 07777, (long)status.st_size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", queue);
    readlink(path, target, sizeof target - 1);
    say("name %s", target);
    show("read", read(queue, target, 24));
    say("%.24s", target);
    show("write", write(queue, target, 24));
    mqd_t reader = mq_open("/q", O_RDONLY);
    show("send to a reader", mq_send(reader, "x", 1, 0));
    mqd_t writer = mq_open("/q", O_WRONLY | O_NONBLOCK);
    get("receive from a writer", writer);
    tell("writer", writer);
    show("unlink", mq_unlink("/q"));
    show("unlink again", mq_unlink("/q"));
    show("send without a name", mq_send(queue, "kept", 4, 0));
    tell("as seen by the reader", reader);
    mq_close(queue);
    mq_close(reader);
    show("close", mq_close(writer));
    show("close again", mq_close(writer));
}

static void messages(void)
{
    mqd_t queue = mq_open("/m", O_RDWR | O_CREAT | O_NONBLOCK, 0600, &small);
    struct timespec bad = {0, 1000000000}, past = {0, 0};
    char text[64];
    unsigned priority;

    mq_unlink("/m");
    tell("small", queue);
    get("empty", queue);
    show("too long", mq_send(queue, "12345678901234567", 17, 0));
    show("priority 32768", mq_send(queue, "x", 1, 32768));
    show("priority 32767", mq_send(queue, "last", 4, 32767));
    show("low", mq_send(queue, "low", 3, 1));
    show("high", mq_send(queue, "high", 4, 9));
    show("full", mq_send(queue, "more", 4, 9));
    tell("full", queue);
    show("room for 15", mq_receive(queue, text, 15, &priority));
    get("first", queue);
    show("low again", mq_send(queue, "low again", 9, 1));
    get("then", queue);
    get("then", queue);
    get("then", queue);
    show("nothing in it", mq_send(queue, "", 0, 0));
    get("nothing in it", queue);
    show("from nowhere", mq_send(queue, (void *)16, 4, 0));
    mq_send(queue, "lost", 4, 0);
    show("to nowhere", mq_receive(queue, (void *)16, 16, NULL));
    tell("it is lost", queue);
    show("no queue", mq_send(0, "x", 1, 0));
    show("no descriptor", mq_send(-1, "x", 1, 0));
    show("bad time", mq_timedreceive(queue, text, 64, NULL, &bad));
    show("time nowhere", syscall(SYS_mq_timedreceive, queue, text, 64, NULL, (void *)16));
    show("bad time, bad priority", mq_timedsend(queue, "x", 1, 40000, &bad));
    struct mq_attr attributes = {.mq_flags = 0, .mq_maxmsg = 99}, old;
    show("blocking", mq_setattr(queue, &attributes, &old));
    say("was %d", old.mq_flags == O_NONBLOCK);
    tell("now", queue);
    attributes.mq_flags = O_APPEND;
    show("other flags", mq_setattr(queue, &attributes, NULL));
    show("past", mq_timedreceive(queue, text, 64, NULL, &past));
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 2000000;
    if (soon.tv_nsec > 999999999) {
        soon.tv_nsec -= 1000000000;
        soon.tv_sec++;
    }
    show("soon", mq_timedreceive(queue, text, 64, NULL, &soon));
    mq_close(queue);
}

/* ---- waiting ---- */

static mqd_t shared;

static int receive_one(void)
{
    get("received", shared);
    return 0;
}

static int send_one(void)
{
    return mq_send(shared, "sent", 4, 5) ? errno : 0;
}

static void nothing(int signal)
{
    (void)signal;
}

static int receive_interrupted(void)
{
    struct sigaction action = {.sa_handler = nothing};

    sigaction(SIGUSR1, &action, NULL);
    get("interrupted", shared);
    return 0;
}

/* The state that /proc gives: S while it sleeps. */
static bool sleeps(pid_t pid)
{
    char path[64], text[256] = "";

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY);
    read(fd, text, sizeof text - 1);
    close(fd);
    char *at = strrchr(text, ')');
    return at && at[2] == 'S';
}

static pid_t sleeper(int (*function)(void))
{
    pid_t child = spawn(function);

    UNTIL(sleeps(child));
    return child;
}

static void waiting(void)
{
    shared = mq_open("/w", O_RDWR | O_CREAT, 0600, &small);
    mq_unlink("/w");
    pid_t child = sleeper(receive_one);
    mq_send(shared, "for it", 6, 2);
    show_end("child", child);
    child = sleeper(receive_interrupted);
    kill(child, SIGUSR1);
    show_end("child", child);
    for (int i = 0; i < 3; i++)
        mq_send(shared, "fill", 4, 0);
    child = sleeper(send_one);
    get("make room", shared);
    show_end("child", child);
    get("what it sent", shared);
    struct pollfd entry = {.fd = shared, .events = POLLIN | POLLOUT};
    poll(&entry, 1, 0);
    show("both", entry.revents);
    mq_send(shared, "full", 4, 0);
    poll(&entry, 1, 0);
    show("full", entry.revents);
    for (int i = 0; i < 3; i++)
        get("take", shared);
    poll(&entry, 1, 0);
    show("empty", entry.revents);
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(epoll, EPOLL_CTL_ADD, shared, &event);
    child = spawn(send_one);
    show("epoll", epoll_wait(epoll, &event, 1, 10000));
    show_end("child", child);
    close(epoll);
    mq_close(shared);
}

/* ---- being told ---- */

static int notify_busy(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_NONE};

    show("another", mq_notify(shared, &event));
    show("none of ours", mq_notify(shared, NULL));
    return 0;
}

static void told(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    sigset_t set;
    siginfo_t info;
    struct timespec now = {0, 0};

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    shared = mq_open("/t", O_RDWR | O_CREAT, 0600, &small);
    mq_unlink("/t");
    event.sigev_value.sival_int = 42;
    show("tell me", mq_notify(shared, &event));
    show_end("child", spawn(notify_busy));
    pid_t child = spawn(send_one);
    show_end("child", child);
    show("signal", sigtimedwait(&set, &info, &now));
    say("code %d value %d from the child %d", info.si_code, info.si_value.sival_int,
        info.si_pid == child);
    show("once", mq_notify(shared, &event));
    show("not empty", mq_send(shared, "x", 1, 0));
    show("no signal", sigtimedwait(&set, &info, &now));
    get("take", shared);
    get("take", shared);
    child = sleeper(receive_one);
    mq_send(shared, "taken", 5, 0);
    show_end("child", child);
    show("no signal", sigtimedwait(&set, &info, &now));
    mq_send(shared, "told", 4, 0);
    show("signal", sigtimedwait(&set, &info, &now));
    get("take", shared);
    mq_notify(shared, &event);
    show("no more", mq_notify(shared, NULL));
    show("again", mq_notify(shared, NULL));
    event.sigev_signo = 65;
    show("signal 65", mq_notify(shared, &event));
    event.sigev_notify = 77;
    show("kind 77", mq_notify(shared, &event));
    show("nowhere", syscall(SYS_mq_notify, shared, 16));
    event.sigev_notify = SIGEV_NONE;
    show("nothing", mq_notify(shared, &event));
    show("nothing again", mq_notify(shared, &event));
    show("no queue", mq_notify(0, NULL));
    mq_close(shared);
}

static int as_another_user(void)
{
    struct rlimit limit = {10000, 10000};

    if (setgid(1000) || setuid(1000))
        fail("setuid");
    show_good("to read", mq_open("/r", O_RDONLY));
    show("to write", mq_open("/r", O_WRONLY));
    show("both", mq_open("/r", O_RDWR));
    show("unlink", mq_unlink("/r"));
    struct mq_attr large = {.mq_maxmsg = 11, .mq_msgsize = 16};
    show("11 messages", mq_open("/large", O_RDWR | O_CREAT, 0600, &large));
    large = (struct mq_attr){.mq_maxmsg = 10, .mq_msgsize = 8193};
    show("8193 bytes", mq_open("/large", O_RDWR | O_CREAT, 0600, &large));
    setrlimit(RLIMIT_MSGQUEUE, &limit);
    large = (struct mq_attr){.mq_maxmsg = 10, .mq_msgsize = 904};
    show_good("10000 bytes", mq_open("/exact", O_RDWR | O_CREAT, 0600, &large));
    show("a little more", mq_open("/more", O_RDWR | O_CREAT, 0600, &small));
    mq_unlink("/exact");
    show("open still", mq_open("/more", O_RDWR | O_CREAT, 0600, &small));
    return 0;
}

int main(void)
{
    show("unshare", unshare(CLONE_NEWIPC));
    umask(022);
    names();
    making();
    messages();
    waiting();
    told();
    mqd_t queue = mq_open("/r", O_RDWR | O_CREAT, 0666, &small);
    show_end("child", spawn(as_another_user));
    mq_close(queue);
    show("unshare", unshare(CLONE_NEWIPC));
    show("in another namespace", mq_open("/r", O_RDWR));
    return 0;
}
