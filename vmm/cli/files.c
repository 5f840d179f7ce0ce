/*
 * vmm/cli/files.c - `vitrine files`: every open file of a process by name, as ls -l /proc/PID/fd
 * shows it inside.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/json.h"

/* O_* of Linux */
#define ACCESS_MODE 3u
#define APPEND      02000u
#define NONBLOCK    04000u
#define PATH_ONLY   010000000u

static void flags_text(const struct vt_file *file, char text[6])
{
    static const char *const access[] = {"r-", "-w", "rw", "--"};
    const char *rights = file->flags & PATH_ONLY ? "--" : access[file->flags & ACCESS_MODE];

    text[0] = rights[0];
    text[1] = rights[1];
    text[2] = file->flags & APPEND ? 'a' : '-';
    text[3] = file->flags & NONBLOCK ? 'n' : '-';
    text[4] = file->close_on_exec ? 'c' : '-';
    text[5] = '\0';
}

/* The sockets among a task's files; none if this kernel does not publish them. */
struct sockets {
    struct vt_socket *list;
    size_t count;
};

static const struct vt_socket *socket_of(const struct sockets *sockets, const struct vt_file *file)
{
    for (size_t i = 0; file->kind == VT_FILE_SOCKET && i < sockets->count; i++)
        if (sockets->list[i].fd == file->fd && sockets->list[i].object == file->object)
            return &sockets->list[i];
    return NULL;
}

static void print_peer(const struct vt_socket *socket)
{
    if (socket->peer_closed)
        printf(", peer closed");
    else if (socket->peer_holders)
        printf(" to %d fd %d socket:[%" PRIu64 "]%s", socket->peer_pid, socket->peer_fd,
               socket->peer_inode, socket->peer_holders > 1 ? " and others" : "");
    else
        printf(", %s", socket->peer_inode ? "peer is on its way in a message" : "not accepted yet");
    if (socket->peer_name)
        printf(" at %s", socket->peer_name);
}

/* "  (stream, listening at /tmp/name, 1 waits to be accepted)" */
static void print_socket(const struct vt_socket *socket)
{
    printf("  (%s, %s", vt_socket_type_name(socket->type), vt_socket_state_name(socket->state));
    if (socket->name)
        printf(" at %s", socket->name);
    if (socket->peer)
        print_peer(socket);
    if (socket->state == VT_SOCKET_LISTENING)
        printf(", %u to accept", socket->backlog);
    if (socket->messages)
        printf(", %" PRIu64 " bytes to receive", socket->bytes);
    if (!socket->peer_closed && (socket->receives_no_more || socket->sends_no_more))
        printf(", shut down for %s%s%s", socket->receives_no_more ? "receiving" : "",
               socket->receives_no_more && socket->sends_no_more ? " and " : "",
               socket->sends_no_more ? "sending" : "");
    putchar(')');
}

static json_t *socket_json(const struct vt_socket *socket)
{
    json_t *result = json_pack(
        "{s:s,s:s,s:o*,s:I,s:o,s:b,s:b}", "type", vt_socket_type_name(socket->type), "state",
        vt_socket_state_name(socket->state), "name", socket->name ? json_text(socket->name) : NULL,
        "messages", (json_int_t)socket->messages, "bytes", json_word(socket->bytes),
        "receives_no_more", socket->receives_no_more, "sends_no_more", socket->sends_no_more);

    if (socket->state == VT_SOCKET_LISTENING)
        json_object_set_new(result, "backlog",
                            json_pack("{s:I,s:I}", "length", (json_int_t)socket->backlog, "limit",
                                      (json_int_t)socket->backlog_limit));
    if (!socket->peer)
        return result;
    json_t *peer = json_pack("{s:b,s:I,s:o*}", "closed", socket->peer_closed, "holders",
                             (json_int_t)socket->peer_holders, "name",
                             socket->peer_name ? json_text(socket->peer_name) : NULL);
    if (socket->peer_inode)
        json_object_set_new(peer, "inode", json_word(socket->peer_inode));
    if (socket->peer_holders) {
        json_object_set_new(peer, "pid", json_integer(socket->peer_pid));
        json_object_set_new(peer, "fd", json_integer(socket->peer_fd));
    }
    json_object_set_new(result, "peer", peer);
    return result;
}

static void print(const struct vt_file *file, const struct vt_socket *socket)
{
    char flags[6];

    flags_text(file, flags);
    printf("%5d %-9s %s %10" PRIu64 " %4u %s", file->fd, vt_file_kind_name(file->kind), flags,
           file->position, file->references, file->name ? file->name : "?");
    if (file->kind == VT_FILE_PIPE)
        printf("  (%u of %u bytes, %u readers, %u writers)", file->pipe_bytes, file->pipe_capacity,
               file->pipe_readers, file->pipe_writers);
    if (socket)
        print_socket(socket);
    putchar('\n');
}

static json_t *file_json(const struct vt_file *file, const struct vt_socket *socket)
{
    json_t *result = json_pack("{s:i,s:s,s:o,s:o,s:b,s:o,s:i,s:o,s:i,s:o}", "fd", file->fd, "kind",
                               vt_file_kind_name(file->kind), "name", json_text(file->name),
                               "flags", json_sprintf("%#o", file->flags), "close_on_exec",
                               file->close_on_exec, "position", json_word(file->position),
                               "references", (int)file->references, "inode", json_word(file->inode),
                               "device", (int)file->device, "file", json_address(file->address));

    if (file->kind == VT_FILE_PIPE)
        json_object_set_new(result, "pipe",
                            json_pack("{s:I,s:I,s:I,s:I}", "bytes", (json_int_t)file->pipe_bytes,
                                      "capacity", (json_int_t)file->pipe_capacity, "readers",
                                      (json_int_t)file->pipe_readers, "writers",
                                      (json_int_t)file->pipe_writers));
    if (socket)
        json_object_set_new(result, "socket", socket_json(socket));
    return result;
}

static struct vt_error *show(struct vt_guest *guest, const struct vt_task *task, bool heading,
                             json_t *list)
{
    struct vt_file *files;
    struct sockets sockets = {0};
    size_t count;
    bool any = false;
    struct vt_error *error = vt_guest_files(guest, task, &files, &count);

    if (error)
        return error;
    for (size_t i = 0; i < count; i++)
        any = any || files[i].kind == VT_FILE_SOCKET;
    /* More about them, if it can be had: the process may have ended, the kernel be an older one. */
    if (any)
        vt_error_destroy(vt_guest_sockets(guest, task, &sockets.list, &sockets.count));
    if (list) {
        json_t *open = json_array();

        for (size_t i = 0; i < count; i++)
            json_array_append_new(open, file_json(&files[i], socket_of(&sockets, &files[i])));
        json_array_append_new(list, json_pack("{s:i,s:i,s:s,s:o}", "pid", task->pid, "tid",
                                              task->tid, "comm", task->comm, "files", open));
    } else {
        if (heading)
            printf("%d %s\n", task->tid, task->comm);
        printf("   FD KIND      FLAGS   POSITION REFS NAME\n");
        for (size_t i = 0; i < count; i++)
            print(&files[i], socket_of(&sockets, &files[i]));
    }
    free(files);
    free(sockets.list);
    return NULL;
}

int cli_files(int argc, char **argv)
{
    struct look_options options;

    cli_parse_look_at(argc, argv,
                      "List the open files of a process of a running machine. FLAGS: r read, w "
                      "write, a append, n nonblocking, c closed by exec. REFS counts who shares "
                      "the open file. Of a pipe: what is in it and who has its ends; of a socket: "
                      "type, state, name, and the process and descriptor that have the other end. "
                      "Without a PID: every process.",
                      &options);
    return cli_each_task(&options, show);
}
