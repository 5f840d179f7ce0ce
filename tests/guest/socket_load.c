/*
 * tests/guest/socket_load.c - sockets in every state, for the bugs that are planted in them
 * (shared/mutants.def, load "sockets"): one process per piece, each doing its piece over and over,
 * with pauses in the states that a bug would spoil. Waits end by themselves: a lost wake-up must not
 * end the load.
 *
 * A line on stdin arms the bug, a second one ends the load, as with audit_load.
 */
#define _GNU_SOURCE
#include "tests/guest/guest.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define PAUSE_NS 10000000
#define WAIT_US  150000

static volatile int *over; /* shared by all processes */

static void nap(void)
{
    struct timespec time = {.tv_nsec = PAUSE_NS};

    nanosleep(&time, NULL);
}

static void limit_waits(int fd)
{
    struct timeval time = {.tv_usec = WAIT_US};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

static void pair(int type, int ends[2])
{
    if (socketpair(AF_UNIX, type, 0, ends))
        fail("socketpair");
    limit_waits(ends[0]);
    limit_waits(ends[1]);
}

static void close_two(const int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

/* A socket bound to an abstract name of this process and number, or to a path. */
static struct sockaddr_un name_of(unsigned number, bool path, socklen_t *bytes)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path + !path, sizeof address.sun_path - 1, "%s%d-%u",
                          path ? "/tmp/socket-" : "load-", (int)getpid(), number);

    *bytes = (socklen_t)(sizeof address.sun_family + !path + (size_t)length);
    return address;
}

static int bound(int type, unsigned number, bool path)
{
    socklen_t bytes;
    struct sockaddr_un address = name_of(number, path, &bytes);
    int fd = socket(AF_UNIX, type, 0);

    if (fd < 0)
        fail("socket");
    if (path)
        unlink(address.sun_path);
    if (bind(fd, (struct sockaddr *)&address, bytes))
        fail("bind");
    limit_waits(fd);
    return fd;
}

static int connected(int type, unsigned number, bool path)
{
    socklen_t bytes;
    struct sockaddr_un address = name_of(number, path, &bytes);
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);

    if (fd < 0)
        fail("socket");
    (void)connect(fd, (struct sockaddr *)&address, bytes); /* a planted bug may hide the name */
    return fd;
}

static ssize_t put(int fd, size_t bytes)
{
    static const char data[8192];

    return send(fd, data, bytes, MSG_NOSIGNAL);
}

/* Messages that are taken in part; ends that stop sending; ends that are left. */
static void streams(void)
{
    char buffer[700];
    int ends[2];

    pair(SOCK_STREAM, ends);
    for (unsigned i = 0; i < 4; i++)
        put(ends[0], 300);
    recv(ends[1], buffer, sizeof buffer, 0);
    nap();
    shutdown(ends[0], SHUT_WR);
    nap();
    close(ends[0]);
    nap();
    close(ends[1]);
}

/* One answers, a program of its own, asleep until something comes; one asks. */
static void answer(void)
{
    char buffer[64];

    for (unsigned i = 0; i < 4; i++)
        if (recv(0, buffer, sizeof buffer, 0) > 0)
            put(0, sizeof buffer);
}

static void talk(void)
{
    char buffer[64];
    int ends[2];

    pair(SOCK_STREAM, ends);
    pid_t pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0) {
        close(ends[0]);
        dup2(ends[1], 0);
        execl("/proc/self/exe", "socket_load", "answer", NULL);
        fail("execl");
    }
    close(ends[1]);
    for (unsigned i = 0; i < 4; i++) {
        nap();
        put(ends[0], sizeof buffer);
        recv(ends[0], buffer, sizeof buffer, 0);
    }
    close(ends[0]);
    waitpid(pid, NULL, 0);
}

/* Listeners with connections that are accepted, or not yet. */
static void connections(void)
{
    int clients[3];

    for (unsigned path = 0; path < 2; path++) {
        int listener = bound(path ? SOCK_STREAM : SOCK_SEQPACKET, path, path);
        listen(listener, 5);
        for (unsigned i = 0; i < 3; i++)
            clients[i] = connected(path ? SOCK_STREAM : SOCK_SEQPACKET, path, path);
        int accepted = accept(listener, NULL, NULL);
        put(clients[1], 100); /* to an end that nobody has accepted */
        nap();
        close(accepted);
        close(listener);
        nap();
        for (unsigned i = 0; i < 3; i++)
            close(clients[i]);
    }
}

/* A full queue, with a sender that sleeps for room in it. */
static void datagrams(void)
{
    char buffer[64];
    int receiver = bound(SOCK_DGRAM, 2, false), sender = connected(SOCK_DGRAM, 2, false);

    while (put(sender, sizeof buffer) > 0)
        ;
    pid_t pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0) {
        close(receiver);
        fcntl(sender, F_SETFL, 0);
        limit_waits(sender);
        put(sender, sizeof buffer);
        _exit(0);
    }
    nap();
    recv(receiver, buffer, sizeof buffer, MSG_DONTWAIT);
    nap();
    while (recv(receiver, buffer, sizeof buffer, MSG_DONTWAIT) > 0)
        ;
    close(receiver);
    waitpid(pid, NULL, 0);
    close(sender);
}

/* Puts a descriptor into a message. */
static void hand_over(int through, int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS}};
    char byte = 'x';
    struct iovec vector = {&byte, 1};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};

    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    sendmsg(through, &message, MSG_NOSIGNAL);
}

/* Sockets that travel, arrive, or are lost in their own queue. */
static void travellers(void)
{
    char buffer[8];
    int road[2], travels[2], lost[2];

    pair(SOCK_STREAM, road);
    pair(SOCK_DGRAM, travels);
    pair(SOCK_STREAM, lost);
    hand_over(road[0], travels[0]);
    hand_over(road[0], travels[1]);
    put(travels[1], sizeof buffer);
    close(travels[0]);
    hand_over(lost[0], lost[1]); /* into its own queue */
    nap();
    close_two(lost);
    recv(road[1], buffer, 1, 0); /* without room for the descriptor: it goes */
    nap();
    close_two(road);
    close(travels[1]);
}

static void (*const pieces[])(void) = {streams, talk, connections, datagrams, travellers};

int main(int count, char **arguments)
{
    int gate[2];
    char byte;

    if (count == 2 && !strcmp(arguments[1], "answer")) {
        answer();
        return 0;
    }
    if (pipe(gate))
        fail("pipe");
    over = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        pid_t pid = fork();
        if (pid < 0)
            fail("fork");
        if (pid)
            continue;
        close(gate[1]);
        if (read(gate[0], &byte, 1) < 0) /* nobody writes: it ends when the gate opens */
            fail("read");
        close(gate[0]);
        while (!*over)
            pieces[i]();
        return 0;
    }
    close(gate[0]);
    say("loaded");
    await_host();
    prctl(PR_SET_NAME, "mutant");
    say("armed");
    close(gate[1]);
    await_host();
    *over = 1;
    int failed = 0, status;
    while (wait(&status) > 0)
        failed += status != 0;
    say("done %d", failed);
    return failed != 0;
}
