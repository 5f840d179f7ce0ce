/*
 * tests/guest/same_net_namespaces.c - sockets in network namespaces: abstract names belong to the
 * namespace that a socket was made in, paths do not; as a list of lines that must be the same on
 * Linux (as root).
 */
#define _GNU_SOURCE
#include "tests/guest/same_sockets.h"

#include <sched.h>

static int socket_of(int type)
{
    int fd = socket(AF_UNIX, type, 0);

    if (fd < 0)
        fail("socket");
    return fd;
}

static int bind_text(int fd, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);

    memcpy(address.sun_path + 1, name, length);
    return bind(fd, (struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length));
}

static int connect_text(int fd, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);

    memcpy(address.sun_path + 1, name, length);
    return connect(fd, (struct sockaddr *)&address,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length));
}

static long try_connect(int type, const char *name)
{
    int fd = socket_of(type);
    long result = connect_text(fd, name);

    close(fd);
    return result;
}

static long try_path(int type, const char *name)
{
    int fd = socket_of(type);
    long result = connect_to(fd, name);

    close(fd);
    return result;
}

int main(void)
{
    make_directory();
    show("into an own one", unshare(CLONE_NEWNET)); /* whatever runs on this host */

    int old = open("/proc/self/ns/net", O_RDONLY);
    int stream = socket_of(SOCK_STREAM), datagram = socket_of(SOCK_DGRAM);
    int early = socket_of(SOCK_STREAM), by_path = socket_of(SOCK_STREAM);
    show("bind stream", bind_text(stream, "name"));
    show("bind datagram", bind_text(datagram, "name"));
    show("bind path", bind_to(by_path, "path"));
    show("listen", listen(stream, 5));
    show("listen path", listen(by_path, 5));
    show("taken", bind_text(early, "name"));
    show("connect", try_connect(SOCK_STREAM, "name"));

    show("unshare", unshare(CLONE_NEWNET));
    show("not seen", try_connect(SOCK_STREAM, "name"));
    show("datagram not seen", try_connect(SOCK_DGRAM, "name"));
    show("a path is seen", try_path(SOCK_STREAM, "path"));
    show("an older socket sees it", connect_text(early, "name"));
    int other = socket_of(SOCK_STREAM);
    show("free here", bind_text(other, "name"));
    show("listens not yet", try_connect(SOCK_STREAM, "name"));
    show("listen", listen(other, 5));
    show("connect", try_connect(SOCK_STREAM, "name"));
    int again = socket_of(SOCK_STREAM);
    show("taken here", bind_text(again, "name"));
    int new = open("/proc/self/ns/net", O_RDONLY);

    show("back", setns(old, CLONE_NEWNET));
    show("taken by another one", connect_text(again, "name"));
    close(other);
    show("the one here is left", try_connect(SOCK_STREAM, "name"));
    show("there again", setns(new, CLONE_NEWNET));
    show("gone there", try_connect(SOCK_STREAM, "name"));

    int one = socket_of(SOCK_DGRAM), two = socket_of(SOCK_DGRAM);
    show("autobind", bind(one, &(struct sockaddr){.sa_family = AF_UNIX}, sizeof(sa_family_t)));
    show("datagram", bind_text(two, "name"));
    show("to it", connect_text(one, "name"));
    show("send", send(one, "here", 4, QUIET));
    char bytes[8];
    show("receive", recv(two, bytes, sizeof bytes, QUIET));
    show("nothing for the other", recv(datagram, bytes, sizeof bytes, QUIET));
    remove_directory((const char *const[]){"path", NULL});
    return 0;
}
