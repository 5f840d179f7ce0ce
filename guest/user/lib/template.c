/* guest/user/lib/template.c - templates and pools: see vitrine/spawn.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/user/lib/builder.h"

/* The template closes it when it is ready; only its owner knows the other end. */
#define ANNOUNCE_FD       960
#define ANNOUNCE_VARIABLE "VITRINE_TEMPLATE_FD"
/* A waiting copy's end of the socket by which it gets its work. */
#define POOL_FD      961
#define POOL_FDS_MAX 64u

ssize_t spawn_template_ready(void *buffer, size_t bytes)
{
    const char *announce = getenv(ANNOUNCE_VARIABLE);
    int fd = announce ? atoi(announce) : -1;

    unsetenv(ANNOUNCE_VARIABLE);
    return syscall(TEMPLATE_READY_CALL, buffer, bytes, fd);
}

/* Does it wait to be copied? A request that fails at the step after the template's tells. 0, EAGAIN
 * or ESRCH. */
static int probe(int pidfd)
{
    struct spawn_result result = {0};
    struct spawn_arguments wanted = {.flags = SPAWN_FROM_TEMPLATE,
                                     .template_fd = pidfd,
                                     .limit_count = UINT32_MAX,
                                     .result = (uintptr_t)&result};

    if (syscall(SPAWN_CALL, &wanted, sizeof(wanted)) < 0 && result.step == SPAWN_STEP_TEMPLATE)
        return errno;
    return 0;
}

int spawn_template_start(struct spawn_builder *builder, struct spawn_child *ret,
                         struct spawn_failure *failure)
{
    char variable[64], byte;
    int ends[2], error;
    struct pollfd ended = {.events = POLLIN};

    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    snprintf(variable, sizeof(variable), ANNOUNCE_VARIABLE "=%d", ANNOUNCE_FD);
    spawn_add_variable(builder, variable);
    spawn_map_fd(builder, ends[1], ANNOUNCE_FD);
    error = spawn_start(builder, ret, failure);
    close(ends[1]);
    while (!error && read(ends[0], &byte, 1) < 0 && errno == EINTR)
        ;
    close(ends[0]);
    if (error)
        return error;
    ended.fd = ret->pidfd;
    /* Closed because it is ready, or because it ends. */
    while (poll(&ended, 1, 0) == 0) {
        if (probe(ret->pidfd) == 0)
            return 0;
        poll(&ended, 1, 1);
    }
    waitpid(ret->pid, NULL, 0);
    close(ret->pidfd);
    if (failure)
        *failure = (struct spawn_failure){.error = ECHILD, .step = SPAWN_STEP_TEMPLATE};
    return ECHILD;
}

struct spawn_builder *spawn_create_copy(int template_pidfd)
{
    struct spawn_builder *builder = spawn_create_fd(AT_FDCWD);

    if (builder) {
        builder->wanted.flags |= SPAWN_FROM_TEMPLATE;
        builder->wanted.template_fd = template_pidfd;
    }
    return builder;
}

/* ---- pools ---- */

struct member {
    struct spawn_child child;
    int socket;
};

struct spawn_pool {
    int template_pidfd;
    unsigned size, count;
    struct member members[]; /* `count` of them, the oldest first */
};

/* Makes copies until there are as many as there should be. */
static int refill(struct spawn_pool *pool)
{
    while (pool->count < pool->size) {
        struct member *member = &pool->members[pool->count];
        struct spawn_builder *builder;
        int ends[2], error;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
            return errno;
        builder = spawn_create_copy(pool->template_pidfd);
        error = ENOMEM;
        if (builder) {
            spawn_map_fd(builder, ends[1], POOL_FD);
            error = spawn_start(builder, &member->child, NULL);
        }
        spawn_destroy(builder);
        close(ends[1]);
        if (error) {
            close(ends[0]);
            return error;
        }
        member->socket = ends[0];
        pool->count++;
    }
    return 0;
}

struct spawn_pool *spawn_pool_create(int template_pidfd, unsigned ready)
{
    struct spawn_pool *pool = NULL;
    int error = EINVAL;

    if (ready && ready <= 1000)
        pool = calloc(1, sizeof(*pool) + ready * sizeof(struct member));
    if (pool) {
        pool->template_pidfd = template_pidfd;
        pool->size = ready;
        error = refill(pool);
    } else if (ready) {
        error = ENOMEM;
    }
    if (error) {
        spawn_pool_destroy(pool);
        errno = error;
        return NULL;
    }
    return pool;
}

static int give(int socket, const void *message, size_t bytes, const int *fds, unsigned fd_count)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(POOL_FDS_MAX * sizeof(int))];
    } control;
    struct iovec text = {.iov_base = (void *)message, .iov_len = bytes};
    struct msghdr header = {.msg_iov = &text, .msg_iovlen = 1};

    if (fd_count) {
        memset(&control, 0, sizeof(control));
        header.msg_control = &control;
        header.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, fd_count * sizeof(int));
    }
    return sendmsg(socket, &header, MSG_NOSIGNAL) == (ssize_t)bytes ? 0 : errno;
}

int spawn_pool_take(struct spawn_pool *pool, const void *message, size_t bytes, const int *fds,
                    unsigned fd_count, struct spawn_child *ret)
{
    int error;

    if (!bytes || bytes > SPAWN_MESSAGE_MAX || fd_count > POOL_FDS_MAX)
        return EINVAL;
    for (unsigned tries = 0;; tries++) {
        error = pool->count ? 0 : refill(pool);
        if (error)
            return error;
        struct member member = pool->members[0];
        memmove(pool->members, pool->members + 1, --pool->count * sizeof(member));
        error = give(member.socket, message, bytes, fds, fd_count);
        close(member.socket);
        if (!error) {
            *ret = member.child;
            break;
        }
        kill(member.child.pid, SIGKILL); /* it has ended already, or got nothing */
        waitpid(member.child.pid, NULL, 0);
        close(member.child.pidfd);
        if ((error != EPIPE && error != ECONNRESET) || tries > pool->size)
            return error;
    }
    refill(pool); /* what fails now is tried again, and reported, when it is needed */
    return 0;
}

ssize_t spawn_pool_ready(void *buffer, size_t bytes, int *fds, unsigned fd_count)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(POOL_FDS_MAX * sizeof(int))];
    } control;
    struct iovec text = {.iov_base = buffer, .iov_len = bytes};
    struct msghdr header = {.msg_iov = &text,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control)};
    unsigned got_fds = 0;
    ssize_t got = spawn_template_ready(NULL, 0);

    if (got < 0)
        return got;
    do
        got = recvmsg(POOL_FD, &header, 0);
    while (got < 0 && errno == EINTR);
    close(POOL_FD);
    if (got <= 0)
        _exit(0); /* the pool is gone */
    struct cmsghdr *first = CMSG_FIRSTHDR(&header);
    if (first && first->cmsg_type == SCM_RIGHTS) {
        unsigned sent = (unsigned)((first->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (unsigned i = 0; i < sent; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(first) + i * sizeof(int), sizeof(int));
            if (got_fds < fd_count)
                fds[got_fds++] = fd;
            else
                close(fd);
        }
    }
    while (got_fds < fd_count)
        fds[got_fds++] = -1;
    return got;
}

void spawn_pool_destroy(struct spawn_pool *pool)
{
    if (!pool)
        return;
    for (unsigned i = 0; i < pool->count; i++)
        close(pool->members[i].socket);
    for (unsigned i = 0; i < pool->count; i++) {
        waitpid(pool->members[i].child.pid, NULL, 0);
        close(pool->members[i].child.pidfd);
    }
    free(pool);
}
