/*
 * vmm/gdb/server.c - the listening socket and the server's thread.
 *
 * Ending: destroy makes stop_fd readable, which ends waiting for a debugger and waiting for the
 * machine, and shuts the connection down, which ends waiting for a packet.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/gdb/client.h"

struct gdb_server {
    struct gdb_target target;
    char *address;
    char *path; /* of a Unix socket, to be removed; NULL for TCP */
    int listen_fd, stop_fd;
    pthread_t thread;
    bool runs;
    bool waits_at_start; /* the guest's first stop is still to be released */
    pthread_mutex_t lock;
    int client_fd; /* under lock; -1 = nobody */
    bool stopping; /* under lock */
};

static struct vt_error *listen_unix(struct gdb_server *server, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;

    if (strlen(path) >= sizeof(address.sun_path))
        return vt_error_create(VT_ERROR_ARGUMENT, "the path '%s' is too long for a socket", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    /* A socket that nobody listens on any more may go; anything else stays. */
    if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode))
        unlink(path);
    server->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask = umask(0177);
    bool bound = server->listen_fd >= 0 &&
                 bind(server->listen_fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    int problem = errno;
    umask(mask);
    if (!bound)
        return vt_error_system(problem, "cannot listen for a debugger on '%s'", path);
    server->path = strdup(path);
    server->address = strdup(path);
    return NULL;
}

static struct vt_error *listen_tcp(struct gdb_server *server, const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int on = 1;
    char *end;

    if (text[0] == ':')
        text++;
    errno = 0;
    unsigned long port = strtoul(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-' || port > 65535)
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "'%s' is no place for a debugger to connect to: a port (0 = any "
                               "free one), or a path with a '/'",
                               text);
    address.sin_port = htons((uint16_t)port);
    server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (server->listen_fd < 0 ||
        setsockopt(server->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(server->listen_fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        getsockname(server->listen_fd, (struct sockaddr *)&address, &length) != 0)
        return vt_error_system(errno, "cannot listen for a debugger on port %lu", port);
    if (asprintf(&server->address, ":%u", ntohs(address.sin_port)) < 0)
        server->address = NULL;
    return NULL;
}

static void converse(struct gdb_server *server, int fd)
{
    struct gdb_client *client = calloc(1, sizeof(*client));
    bool welcome;

    pthread_mutex_lock(&server->lock);
    welcome = client && !server->stopping;
    if (welcome)
        server->client_fd = fd;
    pthread_mutex_unlock(&server->lock);
    if (welcome) {
        int on = 1;

        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        client->target = &server->target;
        client->stop_fd = server->stop_fd;
        client->wait_at_start = server->waits_at_start;
        remote_stream_init(&client->stream, fd);
        gdb_client_serve(client);
        server->waits_at_start = client->wait_at_start;
    }
    pthread_mutex_lock(&server->lock);
    server->client_fd = -1;
    pthread_mutex_unlock(&server->lock);
    free(client);
}

static void *serve(void *argument)
{
    struct gdb_server *server = argument;

    pthread_setname_np(pthread_self(), "vitrine-gdb");
    for (;;) {
        struct pollfd fds[2] = {{.fd = server->stop_fd, .events = POLLIN},
                                {.fd = server->listen_fd, .events = POLLIN}};

        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return NULL;
        if (fds[0].revents)
            return NULL;
        int fd = fds[1].revents ? accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (fd < 0)
            continue;
        converse(server, fd);
        close(fd);
    }
}

static int start_thread(struct gdb_server *server)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int problem = pthread_create(&server->thread, NULL, serve, server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    server->runs = !problem;
    return problem;
}

struct vt_error *gdb_server_create(const struct gdb_target *target, const char *address,
                                   struct gdb_server **ret)
{
    struct gdb_server *server = calloc(1, sizeof(*server));

    if (!server)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a debugger's server");
    server->target = *target;
    server->waits_at_start = target->held_at_start;
    server->listen_fd = server->client_fd = -1;
    server->stop_fd = eventfd(0, EFD_CLOEXEC);
    pthread_mutex_init(&server->lock, NULL);
    struct vt_error *error =
        strchr(address, '/') ? listen_unix(server, address) : listen_tcp(server, address);
    if (!error && (listen(server->listen_fd, 4) != 0 || server->stop_fd < 0))
        error = vt_error_system(errno, "cannot listen for a debugger");
    if (!error && !server->address)
        error = vt_error_create(VT_ERROR_MEMORY, "out of memory for a debugger's server");
    int problem = error ? 0 : start_thread(server);
    if (problem)
        error = vt_error_system(problem, "cannot start the debugger server's thread");
    if (error) {
        gdb_server_destroy(server);
        return error;
    }
    *ret = server;
    return NULL;
}

const char *gdb_server_address(const struct gdb_server *server)
{
    return server->address;
}

bool gdb_server_busy(struct gdb_server *server)
{
    pthread_mutex_lock(&server->lock);
    bool busy = server->client_fd >= 0;
    pthread_mutex_unlock(&server->lock);
    return busy;
}

bool gdb_server_interrupt(struct gdb_server *server)
{
    struct vt_guest *guest = server->target.guest;

    if (!gdb_server_busy(server) || GUEST_LOAD(&guest->frozen))
        return false;
    vt_error_destroy(machine_debug_interrupt(server->target.machine));
    return true;
}

void gdb_server_destroy(struct gdb_server *server)
{
    uint64_t one = 1;

    if (!server)
        return;
    if (server->runs) {
        (void)!write(server->stop_fd, &one, sizeof(one));
        pthread_mutex_lock(&server->lock);
        server->stopping = true;
        /* Only the direction from the debugger: it may still be told how the machine ended. */
        if (server->client_fd >= 0)
            shutdown(server->client_fd, SHUT_RD);
        pthread_mutex_unlock(&server->lock);
        pthread_join(server->thread, NULL);
    }
    if (server->path)
        unlink(server->path);
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    if (server->stop_fd >= 0)
        close(server->stop_fd);
    pthread_mutex_destroy(&server->lock);
    free(server->path);
    free(server->address);
    free(server);
}
