/*
 * tests/guest/same_messages.c - what travels beside the bytes of sockets (unix(7)): descriptors,
 * credentials, several messages in one call; and what becomes of descriptors that nobody takes, as
 * a list of lines that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define QUIET (MSG_DONTWAIT | MSG_NOSIGNAL)

union control {
    struct cmsghdr header;
    char bytes[2048];
};

static void put(union control *control, struct msghdr *message, int type, const void *data,
                size_t bytes)
{
    message->msg_control = control->bytes;
    message->msg_controllen = CMSG_SPACE(bytes);
    control->header.cmsg_level = SOL_SOCKET;
    control->header.cmsg_type = type;
    control->header.cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(&control->header), data, bytes);
}

static long send_with(int fd, const char *text, int type, const void *data, size_t bytes)
{
    union control control = {.bytes = ""};
    struct iovec piece = {(char *)text, strlen(text)};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

    put(&control, &message, type, data, bytes);
    return sendmsg(fd, &message, QUIET);
}

static long send_fds(int fd, const char *text, const int *fds, size_t count)
{
    return send_with(fd, text, SCM_RIGHTS, fds, count * sizeof *fds);
}

/* Receives and tells of everything but numbers of descriptors, which go to `fds`. */
static int receive(const char *what, int fd, size_t room, size_t control_room, int flags, int *fds)
{
    union control control;
    char text[64] = "";
    struct iovec piece = {text, room};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_flags = 0x55};
    int found = 0;

    message.msg_control = control_room ? control.bytes : NULL;
    message.msg_controllen = control_room;
    long got = recvmsg(fd, &message, flags | MSG_DONTWAIT);
    if (got < 0) {
        show(what, got);
        return 0;
    }
    say("%s: %ld bytes %.*s flags %#x control %zu", what, got, (int)got, text,
        (unsigned)message.msg_flags, message.msg_controllen);
    for (struct cmsghdr *header = message.msg_controllen ? CMSG_FIRSTHDR(&message) : NULL; header;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_type == SCM_RIGHTS) {
            int count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            memcpy(fds + found, CMSG_DATA(header), (size_t)count * sizeof(int));
            found += count;
            say("  %d descriptors", count);
        } else if (header->cmsg_type == SCM_CREDENTIALS && header->cmsg_len >= CMSG_LEN(12)) {
            struct ucred who;
            memcpy(&who, CMSG_DATA(header), sizeof who);
            say("  from %s uid %d gid %d",
                who.pid == getpid()    ? "me"
                : who.pid == getppid() ? "parent"
                : who.pid              ? "another"
                                       : "nobody",
                who.uid == getuid() ? 0 : (int)who.uid, who.gid == getgid() ? 0 : (int)who.gid);
        }
    }
    return found;
}

static void close_all(const int *fds, int count)
{
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

static int at_end(int fd)
{
    char byte;
    struct pollfd entry = {.fd = fd, .events = POLLIN};

    return poll(&entry, 1, 10000) == 1 && read(fd, &byte, 1) == 0;
}

/* ---- descriptors ---- */

static void passing(int type)
{
    int pair[2], pipe_ends[2], fds[300] = {0};
    char byte = 0;

    say("passing, type %d", type);
    socketpair(AF_UNIX, type, 0, pair);
    pipe(pipe_ends);
    show("send", send_fds(pair[0], "one", &pipe_ends[1], 1));
    close(pipe_ends[1]);
    show("peek", receive("peek", pair[1], 8, 64, MSG_PEEK, fds));
    write(fds[0], "p", 1);
    close(fds[0]);
    show("receive", receive("receive", pair[1], 8, 64, MSG_CMSG_CLOEXEC, fds));
    show("F_GETFD", fcntl(fds[0], F_GETFD));
    write(fds[0], "x", 1);
    close(fds[0]);
    show("through", read(pipe_ends[0], &byte, 1));
    show("through", read(pipe_ends[0], &byte, 1));
    show("then the end", at_end(pipe_ends[0]));
    close(pipe_ends[0]);

    pipe(pipe_ends);
    show("send two", send_fds(pair[0], "two", pipe_ends, 2));
    show("room for one", receive("room for one", pair[1], 8, CMSG_LEN(4), 0, fds));
    close(fds[0]);
    close(pipe_ends[1]);
    show("the other was dropped", at_end(pipe_ends[0]));
    close(pipe_ends[0]);
    show("send", send_fds(pair[0], "none", pair, 2));
    show("no room", receive("no room", pair[1], 8, 0, 0, fds));
    show("send", send_fds(pair[0], "none", pair, 2));
    show("no room at all", receive("no room at all", pair[1], 8, 8, 0, fds));
    show("send", send_fds(pair[0], "read", pair, 2));
    show("read", read(pair[1], fds, 8));
    fds[0] = 999;
    show("bad descriptor", send_fds(pair[0], "bad", fds, 1));
    fds[0] = -1;
    show("descriptor -1", send_fds(pair[0], "bad", fds, 1));
    for (int i = 0; i < 300; i++)
        fds[i] = pair[0];
    show("253", send_fds(pair[0], "many", fds, 253));
    show("came", receive("came", pair[1], 8, 2048, 0, fds));
    close_all(fds, 253);
    for (int i = 0; i < 300; i++)
        fds[i] = pair[0];
    show("254", send_fds(pair[0], "more", fds, 254));
    show("none", send_fds(pair[0], "none", fds, 0));
    show("came", receive("came", pair[1], 8, 64, 0, fds));
    show("unknown type", send_with(pair[0], "bad", 77, fds, 4));
    close(pair[0]);
    close(pair[1]);
}

/* A reader of a stream stops behind descriptors, and not before them. */
static void in_streams(void)
{
    int pair[2], fds[8];

    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    send(pair[0], "ab", 2, 0);
    send_fds(pair[0], "cd", pair, 1);
    send(pair[0], "ef", 2, 0);
    send_fds(pair[0], "gh", pair, 2);
    close_all(fds, receive("up to descriptors", pair[1], 16, 64, 0, fds));
    close_all(fds, receive("a part", pair[1], 3, 64, 0, fds));
    close_all(fds, receive("the rest", pair[1], 16, 64, 0, fds));
    show("nothing with descriptors", send_fds(pair[0], "", pair, 1));
    receive("nothing came", pair[1], 16, 64, 0, fds);
    close_all(pair, 2);
}

static void headers(void)
{
    union control control = {.bytes = ""};
    struct msghdr message = {.msg_control = &control, .msg_controllen = CMSG_SPACE(4)};
    struct iovec pieces[2] = {{"abc", 3}, {"def", 3}};
    int pair[2], fds[4];

    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    message.msg_iov = pieces;
    message.msg_iovlen = 2;
    show("length 0", sendmsg(pair[0], &message, QUIET));
    control.header.cmsg_len = CMSG_SPACE(4) + 1;
    show("too long", sendmsg(pair[0], &message, QUIET));
    control.header.cmsg_len = CMSG_LEN(4);
    control.header.cmsg_level = 5;
    show("another level", sendmsg(pair[0], &message, QUIET));
    receive("came", pair[1], 16, 64, 0, fds);
    message.msg_controllen = 8;
    show("short", sendmsg(pair[0], &message, QUIET));
    receive("came", pair[1], 16, 64, 0, fds);
    message.msg_control = (void *)16;
    message.msg_controllen = 64;
    show("control nowhere", sendmsg(pair[0], &message, QUIET));
    message.msg_controllen = 1ul << 40;
    show("control huge", sendmsg(pair[0], &message, QUIET));
    message.msg_controllen = 0;
    message.msg_iovlen = 1025;
    show("pieces", sendmsg(pair[0], &message, QUIET));
    message.msg_iovlen = 2;
    pieces[1].iov_len = (size_t)-1;
    show("a piece of -1", sendmsg(pair[0], &message, QUIET));
    pieces[1].iov_len = 3;
    message.msg_name = &control;
    message.msg_namelen = (socklen_t)-1;
    show("name of -1", sendmsg(pair[0], &message, QUIET));
    message.msg_namelen = 1;
    show("name of 1", sendmsg(pair[0], &message, QUIET));
    show("no header", sendmsg(pair[0], NULL, QUIET));
    show("no header to receive", recvmsg(pair[0], NULL, QUIET));
    show("flag COMPAT", sendmsg(pair[0], &message, (int)0x80000000));
    close_all(pair, 2);
}

/* ---- credentials ---- */

static int to_child;

static int receive_from_parent(void)
{
    int fds[4];

    poll(&(struct pollfd){.fd = to_child, .events = POLLIN}, 1, 10000);
    receive("in the child", to_child, 8, 64, 0, fds);
    return 0;
}

static void credentials(int type)
{
    struct ucred mine = {getpid(), getuid(), getgid()}, other = mine;
    int pair[2], fds[4], on = 1;

    say("credentials, type %d", type);
    socketpair(AF_UNIX, type, 0, pair);
    show("before", send(pair[0], "before", 6, 0));
    setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
    show("after", send(pair[0], "after", 5, 0));
    receive("one", pair[1], 16, 128, 0, fds);
    receive("two", pair[1], 16, 128, 0, fds);
    show("said", send_with(pair[0], "said", SCM_CREDENTIALS, &mine, sizeof mine));
    receive("three", pair[1], 16, 128, 0, fds);
    other.pid = 9999999;
    long result = send_with(pair[0], "nobody", SCM_CREDENTIALS, &other, sizeof other);
    say("nobody's pid: %d", result < 0 && (errno == ESRCH || errno == EPERM));
    show("short", send_with(pair[0], "short", SCM_CREDENTIALS, &mine, 8));
    send_fds(pair[0], "both", pair, 1);
    close_all(fds, receive("both", pair[1], 16, 128, 0, fds));
    send(pair[0], "cut", 3, 0);
    receive("cut", pair[1], 16, 20, 0, fds);
    send(pair[0], "without", 7, 0);
    receive("without", pair[1], 16, 0, 0, fds);
    to_child = pair[1];
    pid_t child = spawn(receive_from_parent);
    send(pair[0], "child", 5, 0);
    show_end("child", child);
    close_all(pair, 2);
}

/* ---- descriptors that nobody takes ---- */

static void dropped(void)
{
    int pair[2], inner[2], pipe_ends[2];

    pipe(pipe_ends);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    send_fds(pair[0], "x", &pipe_ends[1], 1);
    close(pipe_ends[1]);
    close_all(pair, 2);
    show("dropped with the socket", at_end(pipe_ends[0]));
    close(pipe_ends[0]);

    /* A socket in its own queue, with a pipe's end beside it. */
    pipe(pipe_ends);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    int both[2] = {pair[1], pipe_ends[1]};
    send_fds(pair[0], "x", both, 2);
    close(pipe_ends[1]);
    close_all(pair, 2);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair); /* another one's end may set the collector off */
    close_all(pair, 2);
    show("dropped from its own queue", at_end(pipe_ends[0]));
    close(pipe_ends[0]);

    /* Two, each in the other's. */
    pipe(pipe_ends);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    socketpair(AF_UNIX, SOCK_STREAM, 0, inner);
    send_fds(pair[0], "x", &inner[1], 1);
    both[0] = pair[1];
    send_fds(inner[0], "x", both, 2);
    close(pipe_ends[1]);
    close_all(inner, 2);
    close_all(pair, 2);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    close_all(pair, 2);
    show("dropped from a ring", at_end(pipe_ends[0]));
    close(pipe_ends[0]);

    /* Held from outside, a ring is none. */
    pipe(pipe_ends);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    both[0] = pair[1];
    both[1] = pipe_ends[1];
    send_fds(pair[0], "kept", both, 2);
    close(pipe_ends[1]);
    close(pair[0]);
    socketpair(AF_UNIX, SOCK_STREAM, 0, inner);
    close_all(inner, 2);
    int fds[4], count = receive("kept", pair[1], 16, 64, 0, fds);
    close_all(fds, count);
    close(pair[1]);
    show("then dropped", at_end(pipe_ends[0]));
    close(pipe_ends[0]);

    /* A chain: each socket's queue holds the next; the last holds a pipe's end. */
    pipe(pipe_ends);
    int next = pipe_ends[1];
    for (int i = 0; i < 500; i++) {
        socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
        long result = send_fds(pair[0], "x", &next, 1);
        if (result == -1 && errno == ETOOMANYREFS) /* Linux without privilege ends it early */
            i = 500;
        close(next);
        close(pair[0]);
        next = pair[1];
    }
    close(next);
    show("dropped from a chain", at_end(pipe_ends[0]));
    close(pipe_ends[0]);
}

/* ---- several at once ---- */

static void several(void)
{
    struct mmsghdr messages[4];
    struct iovec pieces[4];
    char texts[4][8];
    int pair[2];

    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < 4; i++) {
        snprintf(texts[i], sizeof texts[i], "%.*s", i + 1, "abcd");
        pieces[i] = (struct iovec){texts[i], (size_t)i + 1};
        messages[i].msg_hdr.msg_iov = &pieces[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    show("sendmmsg", sendmmsg(pair[0], messages, 3, 0));
    say("%u %u %u %u", messages[0].msg_len, messages[1].msg_len, messages[2].msg_len,
        messages[3].msg_len);
    pieces[1].iov_base = (void *)16;
    show("bad second", sendmmsg(pair[0], messages, 3, 0));
    show("bad first", sendmmsg(pair[0], messages + 1, 2, 0));
    memset(texts, 0, sizeof texts);
    for (int i = 0; i < 4; i++)
        pieces[i] = (struct iovec){texts[i], sizeof texts[i]};
    struct timespec time = {0, 2000000000};
    show("bad time", recvmmsg(pair[1], messages, 4, MSG_DONTWAIT, &time));
    show("two", recvmmsg(pair[1], messages, 2, 0, NULL));
    say("%s %s", texts[0], texts[1]);
    show("wait for one", recvmmsg(pair[1], messages, 4, MSG_WAITFORONE, NULL));
    say("%u %u", messages[0].msg_len, messages[1].msg_len);
    show("none", recvmmsg(pair[1], messages, 4, MSG_DONTWAIT, NULL));
    close_all(pair, 2);
}

/* ---- both directions at once, from two CPUs where there are two ---- */

#define ROUNDS 2000

static void *echo(void *argument)
{
    int fd = *(int *)argument, passed;
    union control control;
    char text[32];

    for (int i = 0; i < ROUNDS; i++) {
        struct iovec piece = {text, sizeof text};
        struct msghdr message = {.msg_iov = &piece,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof control};
        long got = recvmsg(fd, &message, 0);
        if (got <= 0)
            return (void *)"lost";
        if (message.msg_controllen) {
            memcpy(&passed, CMSG_DATA(&control.header), sizeof passed);
            close(passed);
        }
        if (send(fd, text, (size_t)got, MSG_NOSIGNAL) != got)
            return (void *)"not sent";
    }
    return (void *)"all";
}

static void stress(int type)
{
    char text[32], answer[32] = "";
    const char *result = "";
    pthread_t thread;
    int pair[2], wrong = 0;

    socketpair(AF_UNIX, type, 0, pair);
    pthread_create(&thread, NULL, echo, &pair[1]);
    for (int i = 0; i < ROUNDS; i++) {
        int length = snprintf(text, sizeof text, "round %d", i);
        if (i % 8)
            send(pair[0], text, (size_t)length, MSG_NOSIGNAL);
        else
            send_fds(pair[0], text, &pair[i / 8 % 2], 1);
        wrong += recv(pair[0], answer, sizeof answer, 0) != length ||
                 memcmp(text, answer, (size_t)length) != 0;
    }
    pthread_join(thread, (void **)&result);
    say("stress of type %d: %s, %d wrong", type, result, wrong);
    close_all(pair, 2);
}

int main(void)
{
    passing(SOCK_STREAM);
    passing(SOCK_DGRAM);
    passing(SOCK_SEQPACKET);
    in_streams();
    headers();
    credentials(SOCK_STREAM);
    credentials(SOCK_DGRAM);
    dropped();
    several();
    stress(SOCK_STREAM);
    stress(SOCK_SEQPACKET);
    return 0;
}
