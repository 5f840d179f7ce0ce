/*
 * tests/guest/socket_ends.c - sockets in every state, and tasks that wait at them, for a test that
 * looks from outside: what is each, who has its other end, who can end each wait?
 */
#define _GNU_SOURCE
#include "tests/guest/guest.h"

#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LISTENING "/tmp/listening"

static int make(int type)
{
    int fd = socket(AF_UNIX, type, 0);

    if (fd < 0)
        fail("socket");
    return fd;
}

static void pair(int type, int ends[2])
{
    if (socketpair(AF_UNIX, type, 0, ends))
        fail("socketpair");
}

/* A name with a leading '@' is an abstract one. */
static socklen_t address_of(const char *name, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret->sun_path, name, strlen(name));
    if (name[0] != '@')
        return sizeof(*ret);
    ret->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
}

static void take_name(int fd, const char *name)
{
    struct sockaddr_un address;

    if (bind(fd, (struct sockaddr *)&address, address_of(name, &address)))
        fail("bind");
}

static void go_to(int fd, const char *name)
{
    struct sockaddr_un address;

    if (connect(fd, (struct sockaddr *)&address, address_of(name, &address)))
        fail("connect");
}

static int listen_at(const char *name, int backlog)
{
    int fd = make(SOCK_STREAM);

    take_name(fd, name);
    if (listen(fd, backlog))
        fail("listen");
    return fd;
}

static void put(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        fail("write");
}

/* A child that only waits to be killed; in it, `keep` stays open and `drop` is closed. */
static pid_t keeper(int drop)
{
    pid_t child = fork();

    if (child < 0)
        fail("fork");
    if (child == 0) {
        close(drop);
        for (;;)
            pause();
    }
    return child;
}

/* ---- states ---- */

static void show_states(void)
{
    int stream[2], packets[2], shared[2], gone[2];
    int listener = listen_at(LISTENING, 5), client = make(SOCK_STREAM), second = make(SOCK_STREAM);
    int datagrams = make(SOCK_DGRAM), sender = make(SOCK_DGRAM);

    pair(SOCK_STREAM, stream);
    pair(SOCK_SEQPACKET, packets);
    pair(SOCK_STREAM, shared);
    pair(SOCK_STREAM, gone);
    go_to(client, LISTENING);
    int accepted = accept(listener, NULL, NULL);
    go_to(second, LISTENING);
    take_name(datagrams, "@letters\001box");
    go_to(sender, "@letters\001box");
    put(sender, "four");
    put(sender, "letters");
    put(stream[0], "twelve bytes");
    shutdown(packets[0], SHUT_WR);
    close(gone[1]);
    pid_t child = keeper(shared[0]);
    close(shared[1]);
    say("pid %d", getpid());
    say("child %d", child);
    say("fds %d %d %d %d %d %d %d %d %d %d %d %d", stream[0], stream[1], packets[0], packets[1],
        shared[0], shared[1], gone[0], listener, client, accepted, second, datagrams);
    say("sender %d", sender);
    say("ready");
    await_host();
    kill(child, SIGKILL);
}

/* ---- waits ---- */

/* Runs `wait` in a child, which has everything open that its parent has. */
static pid_t waiter(const char *what, void (*wait)(int fd), int fd)
{
    pid_t child = fork();

    if (child < 0)
        fail("fork");
    if (child == 0) {
        wait(fd);
        _exit(0);
    }
    say("%s %d", what, child);
    return child;
}

static void receive(int fd)
{
    char byte;

    (void)!read(fd, &byte, 1);
}

static void send_for_ever(int fd)
{
    static char page[PAGE_BYTES];

    while (write(fd, page, sizeof(page)) > 0)
        ;
}

static void accept_one(int fd)
{
    accept(fd, NULL, NULL);
}

static void connect_for_ever(int fd)
{
    (void)fd;
    for (;;)
        go_to(make(SOCK_STREAM), "/tmp/full");
}

static void letters_for_ever(int fd)
{
    struct sockaddr_un address;
    socklen_t bytes = address_of("@full", &address);

    while (sendto(fd, "x", 1, 0, (struct sockaddr *)&address, bytes) == 1)
        ;
}

static void wait_in_all_ways(void)
{
    pid_t children[7];
    int ends[2], kept[2];
    unsigned count = 0;

    /* The parent, which has all of it open, could end each of them. */
    pair(SOCK_STREAM, ends);
    pair(SOCK_STREAM, kept);
    children[count++] = waiter("receives", receive, ends[1]);
    children[count++] = waiter("sends", send_for_ever, kept[1]);
    children[count++] = waiter("accepts", accept_one, listen_at("/tmp/quiet", 1));
    int full = listen_at("/tmp/full", 1);
    children[count++] = waiter("connects", connect_for_ever, full);
    take_name(make(SOCK_DGRAM), "@full");
    children[count++] = waiter("posts", letters_for_ever, make(SOCK_DGRAM));
    int early = make(SOCK_STREAM);
    listen_at("/tmp/door", 1);
    go_to(early, "/tmp/door"); /* nobody has accepted it */
    children[count++] = waiter("unaccepted", receive, early);
    say("pid %d", getpid());
    say("ready");
    await_host();
    while (count > 0)
        kill(children[--count], SIGKILL);
}

/* Two processes, each of which wants to hear from the other first. */
static void wait_for_each_other(void)
{
    int ends[2];

    pair(SOCK_STREAM, ends);
    pid_t first = fork();
    if (first == 0) {
        close(ends[1]);
        receive(ends[0]);
        _exit(0);
    }
    close(ends[0]);
    pid_t second = fork();
    if (second == 0) {
        receive(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    say("thread %d", first);
    say("thread %d", second);
    await_host();
    kill(first, SIGKILL);
    kill(second, SIGKILL);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (strcmp(what, "states") == 0)
        show_states();
    else if (strcmp(what, "waits") == 0)
        wait_in_all_ways();
    else if (strcmp(what, "circle") == 0)
        wait_for_each_other();
    else
        return 1;
    return 0;
}
