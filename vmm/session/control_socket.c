/*
 * vmm/session/control_socket.c - the machine's side of the control socket.
 *
 * The name is held by a lock on NAME.lock, not by the socket: the kernel drops the lock when the
 * process dies however it dies, so a socket without a locked file is stale and may be replaced.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/session/control_internal.h"
#include "vmm/session/control_socket.h"

/* Opens and locks NAME.lock. A file that was removed between the two is not the one that others
 * see. */
static struct vt_error *take_name(struct control_socket *control, const char *name)
{
    for (unsigned tries = 0; tries < 16; tries++) {
        struct stat held, seen;
        int fd = open(control->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
            return vt_error_system(errno, "cannot make '%s'", control->lock_path);
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            int error_number = errno;

            close(fd);
            if (error_number == EWOULDBLOCK)
                return vt_error_create(
                    VT_ERROR_EXISTS,
                    "a machine called '%s' is running already: choose another --name", name);
            return vt_error_system(error_number, "cannot lock '%s'", control->lock_path);
        }
        if (fstat(fd, &held) == 0 && stat(control->lock_path, &seen) == 0 &&
            held.st_ino == seen.st_ino && held.st_dev == seen.st_dev) {
            control->lock_fd = fd;
            return NULL;
        }
        close(fd);
    }
    return vt_error_create(VT_ERROR_BUSY, "the name '%s' is being taken by others all the time",
                           name);
}

struct vt_error *control_socket_create(const char *name, struct control_socket **ret)
{
    CLEANUP_FREE char *directory = NULL;
    struct sockaddr_un address;
    struct vt_error *error = control_check_name(name);

    if (!error)
        error = control_directory(true, &directory);
    if (!error)
        error = control_address(directory, name, &address);
    if (error)
        return error;
    struct control_socket *control = calloc(1, sizeof(*control));
    if (!control)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the control socket");
    control->lock_fd = control->listen_fd = control->memory_fd = -1;
    control->stopper = control->holder = -1;
    control->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (asprintf(&control->lock_path, "%s/%s.lock", directory, name) < 0)
        control->lock_path = NULL;
    if (control->stop_fd < 0 || !control->lock_path)
        error = vt_error_create(VT_ERROR_MEMORY, "out of memory for the control socket");
    if (!error)
        error = take_name(control, name);
    if (!error) {
        unlink(address.sun_path);
        control->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (control->listen_fd < 0 ||
            bind(control->listen_fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
            listen(control->listen_fd, 16) != 0)
            error = vt_error_system(errno, "cannot listen on '%s'", address.sun_path);
        else
            control->socket_path = strdup(address.sun_path);
    }
    if (error) {
        control_socket_destroy(control);
        return error;
    }
    *ret = control;
    return NULL;
}

/* ---- what clients get ---- */

static char *describe(const struct vt_machine *machine)
{
    json_t *ram = json_array();

    for (unsigned i = 0; i < BOOT_RAM_RANGES_MAX; i++)
        json_array_append_new(ram, json_pack("[I,I]", (json_int_t)machine->memory.ram[i].phys,
                                             (json_int_t)machine->memory.ram[i].bytes));
    json_t *object = json_pack(
        "{s:i,s:s,s:i,s:I,s:o,s:I,s:I,s:s,s:s,s:i,s:s,s:s*}", "vitrine", CONTROL_VERSION, "name",
        machine->name, "pid", (int)getpid(), "memory_bytes", (json_int_t)machine->memory.bytes,
        "ram", ram, "glass_phys", (json_int_t)machine->kernel.note.glass_phys, "ready_ns",
        (json_int_t)GUEST_LOAD(&machine->guest.ready_ns), "accel",
        vt_accel_name(machine->config.accel), "verdict", vt_verdict_name(machine->host.verdict),
        "cpus", (int)machine->config.cpus, "program", machine->program.path, "kernel",
        machine->kernel.path);
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

    json_decref(object);
    return text;
}

static bool send_description(struct control_socket *control, int fd)
{
    CLEANUP_FREE char *text = describe(control->machine);
    CLEANUP_FREE char *line = NULL;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } ancillary = {0};

    if (!text || asprintf(&line, "%s\n", text) < 0)
        return false;
    struct iovec data = {.iov_base = line, .iov_len = strlen(line)};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = ancillary.bytes,
                             .msg_controllen = sizeof(ancillary.bytes)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(header), &control->memory_fd, sizeof(int));
    /* A few hundred bytes into an empty socket buffer: all of it or an error. */
    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)data.iov_len;
}

static void accept_client(struct control_socket *control)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);
    int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return;
    bool allowed = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
                   (peer.uid == geteuid() || peer.uid == 0);
    if (!allowed || control->client_count == CONTROL_CLIENTS_MAX ||
        !send_description(control, fd)) {
        close(fd);
        return;
    }
    struct control_client *client = &control->clients[control->client_count++];
    client->fd = fd;
    client->used = 0;
    client->types = 0;
}

static void drop_client(struct control_socket *control, struct control_client *client)
{
    control_forget(control, client);
    close(client->fd);
    *client = control->clients[--control->client_count];
}

/* False when the client is to be dropped. */
static bool serve_client(struct control_socket *control, struct control_client *client)
{
    ssize_t got =
        recv(client->fd, client->line + client->used, sizeof(client->line) - 1 - client->used, 0);

    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    if (got == 0)
        return false;
    client->used += (size_t)got;
    client->line[client->used] = '\0';
    for (char *end; (end = memchr(client->line, '\n', client->used)) != NULL;) {
        *end = '\0';
        CLEANUP_FREE char *answer = control_obey(control, client, client->line);
        size_t taken = (size_t)(end + 1 - client->line);

        client->used -= taken;
        memmove(client->line, end + 1, client->used);
        if (!answer || send(client->fd, answer, strlen(answer), MSG_NOSIGNAL | MSG_DONTWAIT) !=
                           (ssize_t)strlen(answer))
            return false;
    }
    return client->used < sizeof(client->line) - 1;
}

static void *serve(void *argument)
{
    struct control_socket *control = argument;

    for (;;) {
        struct pollfd fds[2 + CONTROL_CLIENTS_MAX] = {{.fd = control->stop_fd, .events = POLLIN},
                                                      {.fd = control->listen_fd, .events = POLLIN}};
        unsigned count = control->client_count;

        for (unsigned i = 0; i < count; i++)
            fds[2 + i] = (struct pollfd){.fd = control->clients[i].fd, .events = POLLIN};
        if (poll(fds, 2 + count, -1) < 0 && errno != EINTR)
            return NULL;
        if (fds[0].revents)
            return NULL;
        /* From the back: a dropped client's place is taken by the last one, which was served
         * already. */
        for (unsigned i = count; i-- > 0;)
            if (fds[2 + i].revents && !serve_client(control, &control->clients[i]))
                drop_client(control, &control->clients[i]);
        if (fds[1].revents)
            accept_client(control);
    }
}

struct vt_error *control_socket_serve(struct control_socket *control, struct vt_machine *machine)
{
    char path[40];

    control->machine = machine;
    /* A description of its own that was opened for reading: a mapping of it can never be writable.
     */
    snprintf(path, sizeof(path), "/proc/self/fd/%d", machine->memory.fd);
    control->memory_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (control->memory_fd < 0)
        return vt_error_system(errno, "cannot reopen the guest's memory for reading");
    int failed = pthread_create(&control->thread, NULL, serve, control);
    if (failed)
        return vt_error_system(failed, "cannot start the control socket's thread");
    control->serves = true;
    return NULL;
}

void control_socket_destroy(struct control_socket *control)
{
    uint64_t one = 1;

    if (!control)
        return;
    if (control->serves) {
        (void)!write(control->stop_fd, &one, sizeof(one));
        pthread_join(control->thread, NULL);
    }
    for (unsigned i = 0; i < control->client_count; i++)
        close(control->clients[i].fd);
    if (control->socket_path)
        unlink(control->socket_path);
    if (control->lock_path &&
        control->lock_fd >= 0) /* while it is locked: afterwards it may be another machine's */
        unlink(control->lock_path);
    int fds[] = {control->lock_fd, control->listen_fd, control->stop_fd, control->memory_fd};
    for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(control->lock_path);
    free(control->socket_path);
    free(control);
}
