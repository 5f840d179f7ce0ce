/*
 * tests/integration/test_sockets.c - sockets seen from outside: what is each, who has its other
 * end, what does a task wait for at one, and who could end that?
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/role.h"

enum { STREAM = 1, DATAGRAM = 2, PACKETS = 5 }; /* SOCK_* of Linux */

struct picture {
    struct vt_socket *sockets;
    size_t count;
};

static const struct vt_socket *socket_at(const struct picture *picture, int fd)
{
    for (size_t i = 0; i < picture->count; i++)
        if (picture->sockets[i].fd == fd)
            return &picture->sockets[i];
    cr_assert_fail("descriptor %d is no socket", fd);
    return NULL;
}

static struct vt_task task_of(struct session *session, int32_t pid)
{
    struct vt_task task;

    require_ok(vt_guest_task(session_guest(session), pid, &task), "vt_guest_task");
    return task;
}

static struct picture look(struct session *session, int32_t pid)
{
    struct vt_task task = task_of(session, pid);
    struct picture picture;

    require_ok(vt_guest_sockets(session_guest(session), &task, &picture.sockets, &picture.count),
               "vt_guest_sockets");
    return picture;
}

static bool has_name(const char *name, const char *expected)
{
    return name && strcmp(name, expected) == 0;
}

/* `fd` leads to `peer_fd` of the process `pid`, among `holders` descriptors. */
static void expect_peer(const struct picture *picture, int fd, int32_t pid, int peer_fd,
                        unsigned holders)
{
    const struct vt_socket *socket = socket_at(picture, fd);

    cr_expect(socket->state == VT_SOCKET_CONNECTED && socket->peer && !socket->peer_closed);
    cr_expect(socket->peer_pid == pid && socket->peer_fd == peer_fd &&
                  socket->peer_holders == holders && socket->peer_inode,
              "%d leads to %d of %d, one of %u", fd, socket->peer_fd, socket->peer_pid,
              socket->peer_holders);
}

static void check_states(const struct picture *p, const int fds[13], int32_t pid, int32_t child)
{
    enum {
        STREAM_A,
        STREAM_B,
        PACKETS_A,
        PACKETS_B,
        SHARED_A,
        SHARED_B,
        GONE,
        LISTENER,
        CLIENT,
        ACCEPTED,
        SECOND,
        BOX,
        SENDER
    };

    /* The child has all of it open, too, but one end. */
    expect_peer(p, fds[STREAM_A], pid, fds[STREAM_B], 2);
    expect_peer(p, fds[STREAM_B], pid, fds[STREAM_A], 2);
    expect_peer(p, fds[SHARED_A], child, fds[SHARED_B], 1);
    expect_peer(p, fds[CLIENT], pid, fds[ACCEPTED], 2);
    expect_peer(p, fds[ACCEPTED], pid, fds[CLIENT], 2);
    expect_peer(p, fds[SENDER], pid, fds[BOX], 2);
    const struct vt_socket *socket = socket_at(p, fds[STREAM_B]);
    cr_expect(socket->type == STREAM && socket->messages == 1 && socket->bytes == 12);
    cr_expect(socket->peer == socket_at(p, fds[STREAM_A])->object &&
              socket->peer_inode == socket_at(p, fds[STREAM_A])->inode && !socket->name);
    socket = socket_at(p, fds[PACKETS_A]);
    cr_expect(socket->type == PACKETS && socket->sends_no_more && !socket->receives_no_more);
    socket = socket_at(p, fds[PACKETS_B]);
    cr_expect(socket->receives_no_more && !socket->sends_no_more);
    socket = socket_at(p, fds[GONE]);
    cr_expect(socket->peer_closed && !socket->peer_holders && socket->peer_fd == -1);
    socket = socket_at(p, fds[LISTENER]);
    cr_expect(socket->state == VT_SOCKET_LISTENING && has_name(socket->name, "/tmp/listening") &&
              socket->backlog == 1 && socket->backlog_limit == 5 && !socket->peer);
    cr_expect(has_name(socket_at(p, fds[ACCEPTED])->name, "/tmp/listening"));
    cr_expect(has_name(socket_at(p, fds[CLIENT])->peer_name, "/tmp/listening"));
    socket = socket_at(p, fds[SECOND]); /* nobody has accepted it */
    cr_expect(socket->state == VT_SOCKET_CONNECTED && socket->peer && !socket->peer_closed &&
              !socket->peer_inode && !socket->peer_holders);
    socket = socket_at(p, fds[BOX]);
    cr_expect(socket->type == DATAGRAM && socket->state == VT_SOCKET_UNCONNECTED &&
                  has_name(socket->name, "@letters\\001box") && socket->messages == 2 &&
                  socket->bytes == 11,
              "%s: %u of %lu bytes", socket->name, socket->messages, (unsigned long)socket->bytes);
}

/* The line of `vitrine files` about this descriptor. */
static void expect_line(const char *text, int fd, const char *expected)
{
    char start[16];
    const char *line = text;

    snprintf(start, sizeof(start), "%5d ", fd);
    while (line && strncmp(line, start, strlen(start)) != 0) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    cr_assert(line, "no descriptor %d in: %s", fd, text);
    size_t length = strcspn(line, "\n"), wanted = strlen(expected);
    cr_expect(length >= wanted && strncmp(line + length - wanted, expected, wanted) == 0,
              "%.*s, expected: %s", (int)length, line, expected);
}

/* Type, state, names, what is to be received, and whose the other end is: as the program made it?
 */
VARIANT_TEST(sockets, states)
{
    char name[32], pid_text[16], text[128];
    int fds[13];
    struct session *session;

    variant_require(variant);
    session = role_start(variant, "socket_ends", "states", NULL, name);
    int32_t pid = atoi(session_expect(session, "pid "));
    int32_t child = atoi(session_expect(session, "child "));
    const char *told = session_expect(session, "fds ");
    for (int i = 0; i < 12; i++)
        fds[i] = (int)strtol(told, (char **)&told, 10);
    fds[12] = atoi(session_expect(session, "sender "));
    session_expect(session, "ready");
    struct picture picture = look(session, pid);
    check_states(&picture, fds, pid, child);
    snprintf(text, sizeof(text), "(stream, connected to %d fd %d socket:[%lu])", child, fds[5],
             (unsigned long)socket_at(&picture, fds[4])->peer_inode);
    free(picture.sockets);
    snprintf(pid_text, sizeof(pid_text), "%d", pid);
    struct command_result result = COMMAND("files", name, pid_text);
    cr_assert(result.status == 0, "%s", result.err);
    expect_line(result.out, fds[4], text);
    expect_line(result.out, fds[6], "(stream, connected, peer closed)");
    expect_line(result.out, fds[7], "(stream, listening at /tmp/listening, 1 to accept)");
    expect_line(result.out, fds[10], "(stream, connected, not accepted yet at /tmp/listening)");
    command_free(&result);
    result = COMMAND("files", name, pid_text, "--json");
    json_t *list = json_loads(result.out, 0, NULL), *files, *file;
    size_t index, sockets = 0;
    files = json_object_get(json_array_get(list, 0), "files");
    json_array_foreach(files, index, file)
    {
        json_t *socket = json_object_get(file, "socket");

        sockets += socket != NULL;
        if (json_integer_value(json_object_get(file, "fd")) == fds[4])
            cr_expect_eq(
                json_integer_value(json_object_get(json_object_get(socket, "peer"), "pid")), child);
    }
    cr_expect_eq(sockets, 12);
    json_decref(list);
    command_free(&result);
    role_end(session);
}

/* ---- waits ---- */

static const struct vt_wait *wait_of(const struct vt_wait *waits, size_t count, int32_t tid)
{
    for (size_t i = 0; i < count; i++)
        if (waits[i].tid == tid && waits[i].kind == WAIT_SOCKET &&
            strcmp(waits[i].what, "socket") != 0)
            return &waits[i];
    return NULL;
}

static bool is_waker(const struct vt_wait *wait, int32_t tid)
{
    for (size_t i = 0; i < wait->waker_count; i++)
        if (wait->wakers[i] == tid)
            return true;
    return false;
}

/* Six processes wait at sockets, each for something else: is that told, and who could help? */
VARIANT_TEST(sockets, waits)
{
    static const struct {
        const char *word, *what, *who;
    } kinds[] = {
        {"receives ", "stream socket, to receive", "has the other end"},
        {"sends ", "stream socket, to send", "has the other end"},
        {"accepts ", "stream socket /tmp/quiet, a connection to accept", ""},
        {"connects ", "stream socket /tmp/full, a place in its backlog", "accepts from it"},
        {"posts ", "dgram socket @full, room in its queue", "receives from it"},
        {"unaccepted ", "stream socket, to receive", "can accept the connection"},
    };
    enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };
    char name[32];
    int32_t tids[KINDS];
    struct session *session;

    variant_require(variant);
    session = role_start(variant, "socket_ends", "waits", NULL, name);
    for (int i = 0; i < KINDS; i++)
        tids[i] = atoi(session_expect(session, kinds[i].word));
    int32_t pid = atoi(session_expect(session, "pid "));
    session_expect(session, "ready");
    for (int64_t left = session_timeout_ms(session);; left -= 2) {
        struct vt_wait *waits;
        size_t count, found = 0;

        cr_assert(left > 0, "not all of them come to wait");
        require_ok(vt_guest_waits(session_guest(session), &waits, &count), "vt_guest_waits");
        for (int i = 0; i < KINDS; i++)
            found += wait_of(waits, count, tids[i]) != NULL;
        for (int i = 0; i < KINDS && found == KINDS; i++) {
            const struct vt_wait *wait = wait_of(waits, count, tids[i]);

            cr_expect_str_eq(wait->what, kinds[i].what);
            cr_expect_str_eq(wait->who, kinds[i].who);
            cr_expect(!wait->dead);
            cr_expect(is_waker(wait, pid) == (kinds[i].who[0] != '\0'), "%s", kinds[i].what);
        }
        free(waits);
        if (found == KINDS)
            break;
        usleep(2000);
    }
    role_end(session);
}
