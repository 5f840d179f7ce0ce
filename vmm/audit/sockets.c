/*
 * vmm/audit/sockets.c - sockets know each other, their queues and who holds them.
 *
 * Reads: every socket that is found (socket_set.c), and its queues. Proves, in a world at rest: two
 * ends of a connection are each other's peer, and what one will not send the other cannot receive;
 * the messages and bytes counted are those that are queued, so are the connections in a backlog, and
 * the memory that a sender is charged with is that of its messages; a socket has one reference for
 * its file or its place in a backlog, one for each peer and one for each of its messages - and
 * whoever waits for room may hold two more; one that is closed holds nothing. Cost: one pass over
 * sockets and messages.
 */
#include "vmm/audit/socket_set.h"

struct judging {
    struct vt_audit *audit;
    const struct audit_world *world;
    const struct audit_sockets *set;
    uint32_t in_hand; /* references that sleepers may hold */
};

#define WAITERS_MAX 65536u

static struct vt_error *count_one(void *context, uint64_t node)
{
    (void)node;
    *(uint32_t *)context += 2;
    return NULL;
}

/* Who waits for room at a socket holds that, and may have a message in hand, which holds its sender;
 * who was woken may have been such a one. */
static uint32_t in_hand(const struct audit_world *world, const struct audit_sockets *set)
{
    const struct audit_layout *l = world->layout;
    uint32_t count = 0;

    for (size_t i = 0; i < world->task_count; i++)
        if (world->tasks[i].state == TASK_READY && world->tasks[i].wait_kind == WAIT_SOCKET)
            count += 2;
    for (size_t i = 0; i < set->count; i++)
        audit_walked(guest_list_walk(world->guest,
                                     set->sockets[i].address + l->socket_room_waiters.offset +
                                         l->wait_queue_waiters.offset,
                                     WAITERS_MAX, "waits for room", count_one, &count));
    return count;
}

static void check_peer(const struct judging *judging, const struct audit_socket *socket,
                       struct audit_finding where)
{
    const struct audit_world *world = judging->world;
    uint64_t state = AUDIT_GET(world, socket->raw, socket_state);
    uint64_t address = AUDIT_GET(world, socket->raw, socket_peer);
    bool connected = state == AUDIT_SOCKET_CONNECTED;

    if (connected != (address != 0)) {
        audit_report(judging->audit, where, "the socket at %#lx is %s and has %s other end",
                     (unsigned long)socket->address, connected ? "connected" : "not connected",
                     address ? "an" : "no");
        return;
    }
    const struct audit_socket *peer = address ? audit_socket_at(judging->set, address) : NULL;
    if (!peer || !audit_socket_is_connection(world, socket) ||
        AUDIT_GET(world, peer->raw, socket_dead))
        return;
    if (AUDIT_GET(world, peer->raw, socket_peer) != socket->address)
        audit_report(judging->audit, where,
                     "the socket at %#lx is connected to the one at %#lx, which is not to it",
                     (unsigned long)socket->address, (unsigned long)address);
    uint64_t mine = AUDIT_GET(world, socket->raw, socket_shutdown);
    uint64_t others = AUDIT_GET(world, peer->raw, socket_shutdown);
    if (!(mine & AUDIT_SHUTDOWN_SEND) != !(others & AUDIT_SHUTDOWN_RECEIVE))
        audit_report(judging->audit, where,
                     "the socket at %#lx is shut down (%lu) and its other end has not heard of it "
                     "(%lu)",
                     (unsigned long)socket->address, (unsigned long)mine, (unsigned long)others);
}

static void check_queues(const struct judging *judging, const struct audit_socket *socket,
                         struct audit_finding where)
{
    const struct audit_world *world = judging->world;
    uint64_t messages = AUDIT_GET(world, socket->raw, socket_message_count);
    uint64_t bytes = AUDIT_GET(world, socket->raw, socket_queued_bytes);
    uint64_t waiting = AUDIT_GET(world, socket->raw, socket_backlog_count);

    if (socket->torn) {
        audit_report(judging->audit, where,
                     "the queue or the backlog of the socket at %#lx is torn",
                     (unsigned long)socket->address);
        return;
    }
    if (messages != socket->queued || bytes != socket->bytes)
        audit_report(judging->audit, where,
                     "the socket at %#lx counts %lu messages and %lu bytes, %u and %lu were found",
                     (unsigned long)socket->address, (unsigned long)messages, (unsigned long)bytes,
                     socket->queued, (unsigned long)socket->bytes);
    if (waiting != socket->waiting)
        audit_report(judging->audit, where,
                     "the socket at %#lx counts %lu connections that wait, %u were found",
                     (unsigned long)socket->address, (unsigned long)waiting, socket->waiting);
}

/* Only where everything was found. */
static void check_holders(const struct judging *judging, const struct audit_socket *socket,
                          struct audit_finding where)
{
    const struct audit_world *world = judging->world;
    bool dead = AUDIT_GET(world, socket->raw, socket_dead);
    uint64_t counted = AUDIT_GET(world, socket->raw, socket_references);
    uint64_t charged = AUDIT_GET(world, socket->raw, socket_charged);
    uint32_t owners = socket->files + socket->backlogs;
    uint32_t found = (dead ? 0 : 1) + socket->peers + socket->sent;

    if (owners > 1 || (dead && owners) || (!dead && !owners && !judging->set->files.slack))
        audit_report(judging->audit, where,
                     "the %s socket at %#lx belongs to %u open files and %u backlogs",
                     dead ? "closed" : "open", (unsigned long)socket->address, socket->files,
                     socket->backlogs);
    if (counted < found || counted > found + judging->in_hand)
        audit_report(judging->audit, where,
                     "the socket at %#lx has %lu references, %u holders were found",
                     (unsigned long)socket->address, (unsigned long)counted, found);
    if (charged < socket->charge ||
        (charged > socket->charge &&
         (!judging->in_hand || audit_socket_is_connection(world, socket))))
        audit_report(judging->audit, where,
                     "the socket at %#lx is charged with %lu bytes, its messages have %lu",
                     (unsigned long)socket->address, (unsigned long)charged,
                     (unsigned long)socket->charge);
    if (dead && (socket->queued || socket->waiting || AUDIT_GET(world, socket->raw, socket_peer)))
        audit_report(judging->audit, where, "the socket at %#lx is closed and holds something",
                     (unsigned long)socket->address);
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    struct audit_sockets set;

    if (!audit_sockets_find(world, &set))
        return;
    struct judging judging = {
        .audit = audit, .world = world, .set = &set, .in_hand = in_hand(world, &set)};
    for (size_t i = 0; i < set.count; i++) {
        const struct audit_socket *socket = &set.sockets[i];
        struct audit_finding where = {.object = socket->address};

        if (socket->busy)
            continue;
        check_queues(&judging, socket, where);
        if (!AUDIT_GET(world, socket->raw, socket_dead))
            check_peer(&judging, socket, where);
        if (set.whole)
            check_holders(&judging, socket, where);
    }
    audit_sockets_free(&set);
}

const struct audit_invariant invariant_sockets = {
    .name = "sockets",
    .proves =
        "two ends of a connection know each other, queues are as long as counted, and sockets "
        "have the references that hold them",
    .needs = AUDIT_NEEDS_WAKES | AUDIT_NEEDS_MEMORY | AUDIT_NEEDS_FAMILY,
    .check = check,
};
