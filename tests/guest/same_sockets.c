/*
 * tests/guest/same_sockets.c - sockets between processes (unix(7)), as a list of lines that must be
 * the same on Linux: making and naming, connecting, options. What they carry is in
 * same_conversations.c, what travels beside the bytes in same_messages.c.
 */
#define _GNU_SOURCE
#include "tests/guest/same_sockets.h"

#include <sys/ioctl.h>
#include <sys/stat.h>

/* ---- making ---- */

static void making(void)
{
    struct stat status;
    char link[64] = "";
    int pair[2], fd;

    show("family -1", socket(-1, SOCK_STREAM, 0));
    show("family 46", socket(46, SOCK_STREAM, 0));
    show("family 44 of nobody", socket(20, SOCK_STREAM, 0));
    show("type 0", socket(AF_UNIX, 0, 0));
    show("type 4", socket(AF_UNIX, 4, 0));
    show("type 11", socket(AF_UNIX, 11, 0));
    show("type flags", socket(AF_UNIX, SOCK_STREAM | 0x100, 0));
    show("protocol 2", socket(AF_UNIX, SOCK_STREAM, 2));
    fd = (int)show_good("protocol 1", socket(AF_UNIX, SOCK_STREAM, 1));
    show("protocol", option_of(fd, SO_PROTOCOL));
    close(fd);
    fd = (int)show_good("raw", socket(AF_UNIX, SOCK_RAW, 0));
    show("raw is", option_of(fd, SO_TYPE));
    close(fd);
    fd = (int)show_good("flags", socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    show("type", option_of(fd, SO_TYPE));
    show("F_GETFD", fcntl(fd, F_GETFD));
    say("F_GETFL %#x", (unsigned)fcntl(fd, F_GETFL));
    show("fstat", fstat(fd, &status));
    say("mode %o size %ld links %ld", status.st_mode, (long)status.st_size, (long)status.st_nlink);
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    show_good("readlink", readlink(path, link, sizeof link - 1));
    say("link %.8s", link);
    show("open it", open(path, O_RDWR));
    show("lseek", lseek(fd, 0, SEEK_SET));
    show("pread", pread(fd, link, 1, 0));
    show("ioctl", ioctl(fd, TCGETS, link));
    close(fd);
    show("pair of type 4", socketpair(AF_UNIX, 4, 0, pair));
    show("pair nowhere", socketpair(AF_UNIX, SOCK_STREAM, 0, NULL));
    show("pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    show_names("pair", pair[0]);
    show("no socket", listen(1, 1));
    show("no file", listen(999, 1));
    int by_path = open("/tmp", O_PATH);
    show("O_PATH", getsockname(by_path, NULL, NULL));
    close(by_path);
    close(pair[0]);
    close(pair[1]);
}

static void naming(void)
{
    struct sockaddr_un address = {0};
    struct stat status;
    char path[160];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);

    address_of(&address, "name");
    show("bind 1 byte", bind(fd, (struct sockaddr *)&address, 1));
    show("bind 111 bytes", bind(fd, (struct sockaddr *)&address, 111));
    show("bind 200 bytes", bind(fd, (struct sockaddr *)&address, 200));
    show("bind -1 bytes", bind(fd, (struct sockaddr *)&address, (socklen_t)-1));
    show("bind nowhere", bind(fd, NULL, sizeof address));
    address.sun_family = AF_INET;
    show("bind another family", bind(fd, (struct sockaddr *)&address, sizeof address));
    show("bind no directory", bind_to(fd, "none/name"));
    umask(027);
    show("bind", bind_to(fd, "name"));
    umask(022);
    show("bind taken", bind_to(other, "name"));
    show("bind again", bind_to(fd, "second"));
    show("bind again taken", bind_to(fd, "name"));
    show_names("bound", fd);
    snprintf(path, sizeof path, "%s/name", directory);
    show("stat", stat(path, &status));
    say("mode %o", status.st_mode);
    show("open", open(path, O_RDWR));
    show("connect before listen", connect_to(other, "name"));
    show("listen", listen(fd, 2));
    show("connect", connect_to(other, "name"));
    show_names("connected", other);
    show("connect again", connect_to(other, "name"));
    show("connect itself", connect_to(fd, "name"));
    unlink(path);
    int third = socket(AF_UNIX, SOCK_STREAM, 0), datagram = socket(AF_UNIX, SOCK_DGRAM, 0);
    show("connect removed", connect_to(third, "name"));
    show("bind removed", bind_to(datagram, "name"));
    show("connect other type", connect_to(third, "name"));
    snprintf(path, sizeof path, "%s/file", directory);
    close(open(path, O_CREAT | O_RDWR, 0600));
    show("connect file", connect_to(third, "file"));
    show("listen datagram", listen(datagram, 1));
    show("listen unbound", listen(third, 1));
    show("listen connected", listen(other, 1));
    close(fd);
    close(other);
    close(third);
    close(datagram);
    show("left behind", stat(path, &status));
}

static void abstract_names(void)
{
    struct sockaddr_un address = {0};
    socklen_t bytes = sizeof address;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);
    int datagram = socket(AF_UNIX, SOCK_DGRAM, 0);

    show("bind abstract", bind_to(fd, "@one"));
    show("bind abstract taken", bind_to(other, "@one"));
    show("bind abstract other type", bind_to(datagram, "@one"));
    show("bind abstract longer", bind_to(other, "@one\0x"));
    show("bind abstract other", bind_to(other, "@onex"));
    show_names("abstract", fd);
    show("connect abstract none", connect_to(datagram, "@none"));
    listen(fd, 1);
    show("connect abstract", connect_to(other, "@one"));
    int end = (int)show_good("accept", accept(fd, (struct sockaddr *)&address, &bytes));
    show_name("accepted", &address, bytes);
    show_names("accepted", end);
    close(fd);
    close(end);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    show("bind abstract again", bind_to(fd, "@one"));
    close(fd);
    fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    address.sun_family = AF_UNIX;
    show("bind any", bind(fd, (struct sockaddr *)&address, 2));
    bytes = sizeof address;
    getsockname(fd, (struct sockaddr *)&address, &bytes);
    say("any: %u bytes, abstract %d", bytes, !address.sun_path[0]);
    bytes = 4;
    memset(&address, 'x', sizeof address);
    show("name cut", getsockname(fd, (struct sockaddr *)&address, &bytes));
    say("cut: %u bytes, then %c", bytes, address.sun_path[2]);
    bytes = (socklen_t)-1;
    show("name -1", getsockname(fd, (struct sockaddr *)&address, &bytes));
    close(fd);
    close(other);
    close(datagram);
}

/* ---- connections ---- */

static void accepting(int type)
{
    struct sockaddr_un address = {0};
    socklen_t bytes = sizeof address;
    int listener = socket(AF_UNIX, type | SOCK_NONBLOCK, 0), ends[4];

    say("type %d", type);
    show("accept unbound", accept(listener, NULL, NULL));
    show("accept flags", accept4(listener, NULL, NULL, 1));
    bind_to(listener, "@accept");
    show("accept not listening", accept(listener, NULL, NULL));
    show("listen", listen(listener, 1));
    show("listening", option_of(listener, SO_ACCEPTCONN));
    show("accept none", accept(listener, NULL, NULL));
    show_events("nobody", listener);
    for (int i = 0; i < 3; i++) {
        ends[i] = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
        show_events("unconnected", ends[i]);
        show("connect", connect_to(ends[i], "@accept"));
    }
    show_events("knocking", listener);
    show_events("not accepted", ends[0]);
    show("write before accept", send(ends[0], "early", 5, QUIET));
    ends[3] = (int)show_good("accept", accept4(listener, (struct sockaddr *)&address, &bytes,
                                               SOCK_CLOEXEC | SOCK_NONBLOCK));
    show_name("from", &address, bytes);
    show("F_GETFD", fcntl(ends[3], F_GETFD));
    say("F_GETFL %#x", (unsigned)fcntl(ends[3], F_GETFL));
    show("read early", recv(ends[3], &address, sizeof address, 0));
    show("recv on listener", recv(listener, &address, 1, QUIET));
    show("send on listener", send(listener, "x", 1, QUIET));
    close(listener);
    show("reset", recv(ends[1], &address, 1, QUIET));
    show("then", recv(ends[1], &address, 1, QUIET));
    show("send reset", send(ends[1], "x", 1, QUIET));
    show("not reset", recv(ends[0], &address, 1, QUIET));
    show_events("reset", ends[1]);
    for (int i = 0; i < 4; i++)
        close(ends[i]);
}

static void unconnected(int type)
{
    char byte;
    int fd = socket(AF_UNIX, type, 0);
    struct sockaddr_un address = {0};
    socklen_t bytes = address_of(&address, "@nobody");

    say("unconnected type %d", type);
    show("send", send(fd, "x", 1, QUIET));
    show("sendto", sendto(fd, "x", 1, QUIET, (struct sockaddr *)&address, bytes));
    show("recv", recv(fd, &byte, 1, QUIET));
    show("write", write(fd, "x", 1));
    show("getpeername", getpeername(fd, NULL, NULL));
    show("shutdown", shutdown(fd, SHUT_RDWR));
    show("shutdown 3", shutdown(fd, 3));
    show_events("shut", fd);
    close(fd);
}

/* ---- options ---- */

static void options(void)
{
    struct ucred credentials;
    socklen_t bytes = sizeof credentials;
    int pair[2], value = 100000, fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    show("domain", option_of(fd, SO_DOMAIN));
    show("send buffer", option_of(fd, SO_SNDBUF));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, sizeof value);
    show("send buffer then", option_of(fd, SO_SNDBUF));
    value = 1;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, sizeof value);
    show("small buffer", option_of(fd, SO_RCVBUF));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, sizeof value);
    show("small send buffer", option_of(fd, SO_SNDBUF));
    show("pass", setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &value, sizeof value));
    show("passes", option_of(fd, SO_PASSCRED));
    show("set type", setsockopt(fd, SOL_SOCKET, SO_TYPE, &value, sizeof value));
    show("set unknown", setsockopt(fd, SOL_SOCKET, 999, &value, sizeof value));
    show("set short", setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &value, 3));
    show("set nowhere", setsockopt(fd, SOL_SOCKET, SO_PASSCRED, NULL, 4));
    show("set level", setsockopt(fd, 77, SO_PASSCRED, &value, 4));
    show("get unknown", option_of(fd, 999));
    show("get level", getsockopt(fd, 77, SO_PASSCRED, &value, &bytes));
    show("get nowhere", getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, NULL));
    bytes = (socklen_t)-1;
    show("get -1", getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &bytes));
    bytes = 2;
    value = 0;
    show("get cut", getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &bytes));
    say("cut %d, %u bytes", value, bytes);
    bytes = sizeof credentials;
    show("nobody's ids", getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes));
    say("pid %d uid %d gid %d", credentials.pid, (int)credentials.uid, (int)credentials.gid);
    show("own ids", getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &credentials, &bytes));
    say("mine %d", credentials.pid == getpid() && credentials.uid == geteuid() &&
                       credentials.gid == getegid());
    show("keep alive", option_of(fd, SO_KEEPALIVE));
    show("reuse", setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &pair[0], sizeof value));
    show("reuses", option_of(fd, SO_REUSEADDR));
    close(fd);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    make_directory();
    making();
    naming();
    abstract_names();
    accepting(SOCK_STREAM);
    accepting(SOCK_SEQPACKET);
    unconnected(SOCK_DGRAM);
    unconnected(SOCK_SEQPACKET);
    options();
    remove_directory((const char *const[]){"name", "file", NULL});
    return 0;
}
