/*
 * client_token.c - who knocked: the token of whoever connected is kept at the server's end as it was then, for
 * the server to look at or to act as (KACS, "impersonation"). How far that goes the client says before it
 * connects; nobody else has a say. Pairs and datagrams know no client.
 */
#include "arch/cpu.h"
#include "kernel/fs/file_table.h"
#include "kernel/net/socket.h"
#include "kernel/security/token_derive.h"
#include "kernel/syscall/syscall.h"
#include "kernel/token/thread_token.h"
#include "kernel/token/token_handle.h"
#include "kernel/token/token_make.h"

int socket_keep_client(struct socket *end, const struct socket *socket)
{
    struct token_object *token = task_token_get(current);
    struct token_state *says = token_state_get(token);
    const struct access_subject *subject = &says->token.subject;
    end->client = token_clone(token);
    end->client_level = READ_ONCE(socket->client_level);
    if (subject->type == TOKEN_IMPERSONATION)
        end->client_level = min(end->client_level, (uint8_t)subject->level);
    token_state_put(says);
    token_put(token);
    return end->client ? 0 : -ENOMEM;
}

void socket_forget_client(struct socket *end)
{
    token_put(end->client);
    end->client = NULL;
}

/* The socket behind a descriptor, with its file; -EBADF or -ENOTSOCK. */
static int find_socket(int fd, struct file **ret_file, struct socket **ret)
{
    *ret_file = file_table_find(fd);
    if (!*ret_file)
        return -EBADF;
    *ret = socket_of(*ret_file);
    if (*ret)
        return 0;
    file_put(*ret_file);
    return -ENOTSOCK;
}

SYSCALL2(set_impersonation_level, int, fd, uint32_t, level)
{
    struct file *file;
    struct socket *socket;
    int error = find_socket(fd, &file, &socket);
    if (error)
        return error;
    mutex_lock(&socket->lock);
    if (level > LEVEL_DELEGATION || !socket_is_connection(socket))
        error = -EINVAL;
    else if (socket->state != SOCKET_UNCONNECTED)
        error = socket->state == SOCKET_CONNECTED ? -EISCONN : -EINVAL;
    else
        WRITE_ONCE(socket->client_level, (uint8_t)level);
    mutex_unlock(&socket->lock);
    file_put(file);
    return error;
}

/* The client's token to act as, counted: 0, -ENOMEM. */
static int token_of_client(const struct socket *end, struct token_object **ret)
{
    if (end->client_level == LEVEL_ANONYMOUS) {
        token_get(token_anonymous);
        *ret = token_anonymous;
        return 0;
    }
    struct token token;
    struct token_state *says = token_describe(end->client, &token);
    int error;
    token.subject.type = TOKEN_IMPERSONATION;
    token.subject.level = (enum impersonation_level)end->client_level;
    token.elevation = ELEVATION_DEFAULT;
    *ret = token_make(&token, token.session, SECURITY_OF_CLIENT, &error);
    token_state_put(says);
    return error;
}

static int client_get(int fd, struct token_object **ret)
{
    struct file *file;
    struct socket *socket;
    int error = find_socket(fd, &file, &socket);
    if (error)
        return error;
    error = socket->client ? token_of_client(socket, ret) : -EACCES;
    file_put(file);
    return error;
}

SYSCALL1(open_peer_token, int, fd)
{
    struct token_object *token;
    int error = client_get(fd, &token);
    return error ? error : token_handle_create(token, TOKEN_QUERY | TOKEN_IMPERSONATE);
}

SYSCALL1(impersonate_peer, int, fd)
{
    struct token_object *token;
    int error = client_get(fd, &token);
    if (error)
        return error;
    error = token_impersonate(token);
    token_put(token);
    return error;
}
