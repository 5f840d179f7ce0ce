/*
 * tests/guest/same_socket_pairs.c - pairs of connected sockets, and what is no socket, as a list of
 * lines that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

static volatile sig_atomic_t broken;

static void note(int signal)
{
    (void)signal;
    broken++;
}

static void no_sockets(void)
{
    char byte;
    struct sockaddr address;
    socklen_t bytes = sizeof address;

    show("family", socket(99, SOCK_STREAM, 0));
    show("type", socket(AF_UNIX, 0x100000, 0));
    show("pair of another family", socketpair(AF_UNIX, SOCK_STREAM, 77, (int[2]){0}));
    show("pair, bad address", syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 8));
    show("getpeername of a file", getpeername(0, &address, &bytes));
    show("getpeername of nothing", getpeername(999, &address, &bytes));
    show("send on a file", send(1, "x", 1, 0));
    show("recv on a file", recv(0, &byte, 1, 0));
    show("shutdown of a file", shutdown(0, SHUT_RD));
    show("listen on a file", listen(0, 1));
}

static void show_poll(const char *what, int fd)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};

    poll(&entry, 1, 0);
    say("%s: %#x", what, entry.revents);
}

static void pairs(void)
{
    int ends[2], value = -1;
    char bytes[100];
    struct stat status;
    struct sockaddr address = {0};
    socklen_t size = sizeof address;

    show("pair", socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
    fstat(ends[0], &status);
    say("a socket %d, close on exec %d", S_ISSOCK(status.st_mode), fcntl(ends[0], F_GETFD));
    show("peer", getpeername(ends[0], &address, &size));
    say("family %d, %u bytes", address.sa_family, size);
    size = sizeof value;
    show("SO_TYPE", getsockopt(ends[0], SOL_SOCKET, SO_TYPE, &value, &size));
    say("type %d", value);
    show("SO_ERROR", getsockopt(ends[0], SOL_SOCKET, SO_ERROR, &value, &size));
    say("error %d", value);
    show("SO_SNDBUF", setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &value, sizeof value));
    show_poll("poll", ends[0]);
    show("write", write(ends[0], "hello", 5));
    show_poll("poll of the other", ends[1]);
    show("FIONREAD", ioctl(ends[1], FIONREAD, &value));
    say("bytes %d", value);
    show("peek", recv(ends[1], bytes, 3, MSG_PEEK));
    struct iovec pieces[2] = {{bytes, 2}, {bytes + 2, 98}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    show("recvmsg", recvmsg(ends[1], &message, 0));
    say("it is %.5s, flags %d", bytes, message.msg_flags);
    show("nothing left", recv(ends[1], bytes, 9, MSG_DONTWAIT));
    struct iovec words[2] = {{"ab", 2}, {"cde", 3}};
    message = (struct msghdr){.msg_iov = words, .msg_iovlen = 2};
    show("sendmsg", sendmsg(ends[1], &message, 0));
    show("read", read(ends[0], bytes, sizeof bytes));
    say("it is %.5s", bytes);
    pid_t child = fork();
    if (!child) {
        usleep(5000);
        _exit(write(ends[1], "later", 5) != 5);
    }
    show("read that waits", read(ends[0], bytes, sizeof bytes));
    show_end("writer", child);
    show("seek", lseek(ends[0], 0, SEEK_SET));

    signal(SIGPIPE, note);
    show("shutdown", shutdown(ends[0], SHUT_WR));
    show("shutdown badly", shutdown(ends[0], 7));
    show("write after it", write(ends[0], "x", 1));
    say("SIGPIPE %d", broken);
    show("MSG_NOSIGNAL", send(ends[0], "x", 1, MSG_NOSIGNAL));
    say("SIGPIPE %d", broken);
    show("end of file", read(ends[1], bytes, 1));
    show_poll("poll of the other", ends[1]);
    show("the other direction", write(ends[1], "y", 1));
    show("arrives", read(ends[0], bytes, 1));
    close(ends[1]);
    show_poll("poll after close", ends[0]);
    show("end of file", read(ends[0], bytes, 1));
    close(ends[0]);

    socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    if (write(ends[0], "unread", 6) != 6)
        fail("write");
    close(ends[1]);
    show("closed with bytes unread", read(ends[0], bytes, 1));
    show("then", read(ends[0], bytes, 1));
    show("write", write(ends[0], "x", 1));
    close(ends[0]);
}

int main(void)
{
    no_sockets();
    pairs();
    say("done");
    return 0;
}
