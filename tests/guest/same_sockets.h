/*
 * tests/guest/same_sockets.h - for the programs that compare sockets with Linux's: addresses in a
 * directory of the program's own, and showing names, events and options.
 */
#ifndef TESTS_GUEST_SAME_SOCKETS_H
#define TESTS_GUEST_SAME_SOCKETS_H

#include "tests/guest/same.h"

#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define QUIET (MSG_DONTWAIT | MSG_NOSIGNAL)

static char directory[] = "/tmp/same_sockets.XXXXXX";

/* An address for a name in our directory, or an abstract one when it begins with '@'. */
static inline socklen_t address_of(struct sockaddr_un *address, const char *name)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (*name == '@') { /* the pid keeps runs on one host apart */
        int length = snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "same%07d%s",
                              getpid(), name + 1);
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    }
    snprintf(address->sun_path, sizeof address->sun_path, "%s/%s", directory, name);
    return sizeof *address;
}

static inline int bind_to(int fd, const char *name)
{
    struct sockaddr_un address = {0};
    socklen_t bytes = address_of(&address, name);
    return bind(fd, (struct sockaddr *)&address, bytes);
}

static inline int connect_to(int fd, const char *name)
{
    struct sockaddr_un address = {0};
    socklen_t bytes = address_of(&address, name);
    return connect(fd, (struct sockaddr *)&address, bytes);
}

/* A name without what differs from run to run. */
static inline void show_name(const char *what, const struct sockaddr_un *address, socklen_t bytes)
{
    size_t path = offsetof(struct sockaddr_un, sun_path);

    if (bytes <= path)
        say("%s: family %d, %u bytes", what, bytes ? address->sun_family : -1, bytes);
    else if (address->sun_path[0])
        say("%s: path %s, right length %d", what, strrchr(address->sun_path, '/'),
            bytes == path + strlen(address->sun_path) + 1);
    else
        say("%s: abstract %.*s, %u bytes", what, bytes > path + 12 ? (int)(bytes - path - 12) : 0,
            address->sun_path + 12, bytes);
}

static inline void show_names(const char *what, int fd)
{
    struct sockaddr_un address = {0};
    socklen_t bytes = sizeof address;
    char line[80];

    snprintf(line, sizeof line, "%s itself", what);
    if (getsockname(fd, (struct sockaddr *)&address, &bytes) < 0)
        show(line, -1);
    else
        show_name(line, &address, bytes);
    bytes = sizeof address;
    snprintf(line, sizeof line, "%s peer", what);
    if (getpeername(fd, (struct sockaddr *)&address, &bytes) < 0)
        show(line, -1);
    else
        show_name(line, &address, bytes);
}

static inline int events_of(int fd)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI};

    return poll(&entry, 1, 0) < 0 ? -1 : entry.revents;
}

static inline void show_events(const char *what, int fd)
{
    say("%s: events %#x", what, (unsigned)events_of(fd));
}

static inline long option_of(int fd, int option)
{
    int value = -1;
    socklen_t bytes = sizeof value;

    return getsockopt(fd, SOL_SOCKET, option, &value, &bytes) ? -1 : value;
}

static inline void make_directory(void)
{
    if (!mkdtemp(directory))
        fail("mkdtemp");
}

/* With what the program has left there. */
static inline void remove_directory(const char *const *names)
{
    char path[160];

    for (; *names; names++) {
        snprintf(path, sizeof path, "%s/%s", directory, *names);
        unlink(path);
    }
    show("directory", rmdir(directory));
}

#endif
