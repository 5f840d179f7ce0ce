/*
 * tests/guest/same_conversations.c - what sockets carry (unix(7)), as a list of lines that must be
 * the same on Linux: bytes and datagrams, full queues, ends, waiting and what ends it.
 */
#define _GNU_SOURCE
#include "tests/guest/same_sockets.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/uio.h>

/* ---- bytes ---- */

static void bytes_in_streams(void)
{
    char data[64] = "";
    int pair[2], left = -1;

    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
    show("empty", read(pair[0], data, 8));
    show("empty for nothing", read(pair[0], data, 0));
    show("write", write(pair[1], "hello", 5));
    show("send", send(pair[1], " world", 6, 0));
    show("FIONREAD", ioctl(pair[0], FIONREAD, &left));
    say("left %d", left);
    show_events("bytes", pair[0]);
    show("peek", recv(pair[0], data, 8, MSG_PEEK));
    say("%.8s", data);
    show("peek all", recv(pair[0], data, 64, MSG_PEEK));
    say("%.11s", data);
    show("some", read(pair[0], data, 3));
    show("peek", recv(pair[0], data, 4, MSG_PEEK));
    say("%.4s", data);
    struct iovec pieces[2] = {{data, 2}, {data + 2, 60}};
    show("readv", readv(pair[0], pieces, 2));
    say("%.8s", data);
    show("truncated", send(pair[1], "abc", 3, 0));
    show("recv MSG_TRUNC", recv(pair[0], data, 2, MSG_TRUNC));
    show("rest", recv(pair[0], data, 2, MSG_WAITALL));
    show("out of band", recv(pair[0], data, 2, MSG_OOB));
    show("bad read", recv(pair[0], (char *)16, 2, 0));
    send(pair[1], "abc", 3, 0);
    show("bad read of some", recv(pair[0], (char *)16, 2, 0));
    show("still there", recv(pair[0], data, 8, 0));
    show("bad write", send(pair[1], (char *)16, 2, 0));
    show("kernel's write", send(pair[1], (char *)-4096, 2, 0));
    show("nothing", send(pair[1], data, 0, 0));
    show("nothing came", recv(pair[0], data, 8, 0));
    show("sendto connected", sendto(pair[1], "x", 1, 0, (struct sockaddr *)data, 8));

    long filled = 0, got, drained = 0;
    static char block[8192];
    memset(block, 'b', sizeof block);
    while ((got = write(pair[1], block, sizeof block)) > 0)
        filled += got;
    show("full", got);
    say("a lot: %d", filled > 100000 && filled < 300000);
    show_events("full", pair[1]);
    while ((got = read(pair[0], block, 1000)) > 0)
        drained += got;
    say("all came: %d", filled == drained);
    show_events("drained", pair[1]);
    close(pair[0]);
    close(pair[1]);
}

static void datagrams(int type)
{
    char data[64];
    int pair[2], left = -1;

    say("pair of type %d", type);
    socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair);
    show("empty", recv(pair[0], data, 8, 0));
    show("send 5", send(pair[1], "first", 5, 0));
    show("send 6", send(pair[1], "second", 6, 0));
    show("send 0", send(pair[1], "", 0, 0));
    show("write", write(pair[1], "fourth", 6));
    ioctl(pair[0], FIONREAD, &left);
    say("left %d", left);
    show("peek 3", recv(pair[0], data, 3, MSG_PEEK));
    show("peek length", recv(pair[0], data, 3, MSG_PEEK | MSG_TRUNC));
    show("cut", recv(pair[0], data, 3, 0));
    say("%.3s", data);
    show("cut length", recv(pair[0], data, 3, MSG_TRUNC));
    say("%.3s", data);
    show("nothing", recv(pair[0], data, 3, 0));
    show("bad read", recv(pair[0], (char *)16, 8, 0));
    show("gone", recv(pair[0], data, 8, 0));
    static char large[300000];
    show("too large", send(pair[1], large, sizeof large, 0));
    memset(large, 'l', 100000);
    show("large", send(pair[1], large, 100000, 0));
    memset(large, 0, sizeof large);
    show("large came", recv(pair[0], large, sizeof large, 0));
    say("its end %c", large[99999]);
    show("shutdown write", shutdown(pair[1], SHUT_WR));
    show("send", send(pair[1], "x", 1, MSG_NOSIGNAL));
    show("recv", recv(pair[0], data, 1, 0));
    show_events("writer shut", pair[0]);
    show_events("shut", pair[1]);
    close(pair[1]);
    show_events("closed", pair[0]);
    show("send to closed", send(pair[0], "x", 1, MSG_NOSIGNAL));
    show("send again", send(pair[0], "x", 1, MSG_NOSIGNAL));
    show("recv from closed", recv(pair[0], data, 1, 0));
    show_names("left alone", pair[0]);
    close(pair[0]);
}

static void datagrams_by_name(void)
{
    struct sockaddr_un address = {0}, from = {0};
    socklen_t bytes, from_bytes = sizeof from;
    char data[16];
    int a = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    int b = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    int c = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    bind_to(a, "@a");
    bind_to(b, "datagram");
    bytes = address_of(&address, "@a");
    show("sendto", sendto(b, "hi", 2, 0, (struct sockaddr *)&address, bytes));
    show("recvfrom", recvfrom(a, data, 16, 0, (struct sockaddr *)&from, &from_bytes));
    show_name("from", &from, from_bytes);
    show("answer", sendto(a, "yo", 2, 0, (struct sockaddr *)&from, from_bytes));
    show("answered", recv(b, data, 16, 0));
    from_bytes = sizeof from;
    show("unnamed", sendto(c, "hi", 2, 0, (struct sockaddr *)&address, bytes));
    show("recvfrom", recvfrom(a, data, 16, 0, (struct sockaddr *)&from, &from_bytes));
    show_name("from", &from, from_bytes);
    show("short address", sendto(c, "hi", 2, 0, (struct sockaddr *)&address, 2));
    show("connect", connect_to(a, "datagram"));
    show("from a stranger", sendto(c, "x", 1, 0, (struct sockaddr *)&address, bytes));
    show("connect to taken", connect_to(c, "@a"));
    show("connect back", connect_to(b, "@a"));
    for (int i = 0; i < 20; i++)
        send(b, "x", 1, 0);
    int count = 0;
    while (recv(a, data, 16, 0) == 1)
        count++;
    say("between friends %d", count);
    address.sun_family = AF_UNSPEC;
    show("disconnect", connect(a, (struct sockaddr *)&address, sizeof address));
    show("send", send(a, "x", 1, 0));
    show_names("disconnected", a);
    connect_to(c, "@a");
    connect_to(b, "datagram");
    for (count = 0; send(c, "x", 1, 0) == 1; count++)
        ;
    show("full", -1);
    say("to a stranger %d", count);
    show_events("full", c);
    struct epoll_event event = {.events = EPOLLOUT};
    int watch = epoll_create1(0);
    epoll_ctl(watch, EPOLL_CTL_ADD, c, &event);
    show("epoll full", epoll_wait(watch, &event, 1, 0));
    recv(a, data, 16, 0);
    show("epoll room", epoll_wait(watch, &event, 1, 5000));
    show_events("room", c);
    close(a);
    show("to the dead", send(c, "x", 1, 0));
    show("after that", send(c, "x", 1, 0));
    close(watch);
    close(b);
    close(c);
}

/* ---- ends ---- */

static int write_to_closed(void)
{
    int pair[2];

    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    close(pair[0]);
    write(pair[1], "x", 1);
    return 3;
}

static int send_packet_to_closed(void)
{
    int pair[2];

    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
    close(pair[0]);
    write(pair[1], "x", 1);
    return 3;
}

static void ends(void)
{
    char data[8];
    int pair[2];

    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
    write(pair[0], "ab", 2);
    show("shut reading", shutdown(pair[1], SHUT_RD));
    show_events("reader", pair[1]);
    show_events("writer", pair[0]);
    show("write", send(pair[0], "x", 1, QUIET));
    show("read what was there", read(pair[1], data, 8));
    show("read end", read(pair[1], data, 8));
    show("other way", write(pair[1], "y", 1));
    close(pair[1]);
    show("read rest", read(pair[0], data, 8));
    show("read end", read(pair[0], data, 8));
    close(pair[0]);
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
    write(pair[0], "unread", 6);
    write(pair[1], "answer", 6);
    close(pair[1]);
    show_events("reset", pair[0]);
    show("read answer", read(pair[0], data, 8));
    show("reset", read(pair[0], data, 8));
    show("then the end", read(pair[0], data, 8));
    close(pair[0]);
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
    write(pair[0], "unread", 6);
    close(pair[1]);
    show("SO_ERROR", option_of(pair[0], SO_ERROR));
    show("SO_ERROR again", option_of(pair[0], SO_ERROR));
    close(pair[0]);
    show_end("SIGPIPE", spawn(write_to_closed));
    show_end("no SIGPIPE for packets", spawn(send_packet_to_closed));
}

static int parent_end;

static int talk_to_parent(void)
{
    char word[8] = "";

    if (read(parent_end, word, 4) != 4 || strcmp(word, "ping") != 0)
        return 1;
    return write(parent_end, "pong", 4) == 4 ? 0 : 2;
}

static void *shut_later(void *fd)
{
    usleep(20000);
    shutdown(*(int *)fd, SHUT_RD);
    return NULL;
}

static void on_alarm(int signal)
{
    (void)signal;
}

static void waiting(void)
{
    struct timeval time = {0, 100000};
    socklen_t bytes = sizeof time;
    char word[8] = "";
    pthread_t thread;
    int pair[2];

    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    parent_end = pair[1];
    pid_t child = spawn(talk_to_parent);
    write(pair[0], "ping", 4);
    show("answer", read(pair[0], word, 4));
    say("%s", word);
    show_end("child", child);
    time.tv_usec = 1000000;
    show("bad timeout", setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    show("short timeout", setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, 8));
    time.tv_usec = 100000;
    show("timeout", setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    memset(&time, 0, sizeof time);
    show("ask", getsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, &bytes));
    say("%ld s %ld us, %u bytes", time.tv_sec, time.tv_usec, bytes);
    show("timed out", read(pair[0], word, 4));
    write(pair[1], "ab", 2);
    show("timed out with some", recv(pair[0], word, 4, MSG_WAITALL));
    struct itimerval soon = {.it_value = {0, 30000}};
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    time = (struct timeval){20, 0};
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    setitimer(ITIMER_REAL, &soon, NULL);
    show("interrupted", read(pair[0], word, 4));
    pthread_create(&thread, NULL, shut_later, &pair[0]);
    time = (struct timeval){0, 0};
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    show("shut while reading", read(pair[0], word, 4));
    pthread_join(thread, NULL);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    make_directory();
    bytes_in_streams();
    datagrams(SOCK_DGRAM);
    datagrams(SOCK_SEQPACKET);
    datagrams_by_name();
    ends();
    waiting();
    remove_directory((const char *const[]){"datagram", NULL});
    return 0;
}
