/*
 * vmm/audit/socket_waits.c - nobody sleeps at a socket that is ready.
 *
 * Reads: the wait queues of every socket that is found (socket_set.c). Proves, in a world at rest:
 * nobody sleeps to receive while there are messages, connections, an error or an end; to send while
 * the memory of what was sent is low; for another's queue or backlog while that has room - unless
 * another sleeper was woken and is on its way, which passes the wake-up on. Who peeks for more than
 * there is sleeps beside messages: such waiters share their wake-ups, and are not judged. Cost: one
 * pass over sockets and waiters.
 */
#include "vmm/audit/socket_set.h"

#define WAITERS_MAX   65536u
#define DATAGRAMS_MAX 10u /* SOCKET_DATAGRAMS_MAX: guest/kernel/net/socket.h */

struct walk {
    struct vt_audit *audit;
    const struct audit_world *world;
    const struct audit_socket *socket;
    const char *what;
    bool ready;
};

static struct vt_error *visit(void *context, uint64_t node)
{
    const struct walk *walk = context;
    const struct audit_world *world = walk->world;
    const struct audit_layout *l = world->layout;
    const uint8_t *waiter = audit_at(world, node - l->waiter_link.offset, l->waiter_bytes);

    if (!waiter)
        return vt_error_create(VT_ERROR_CORRUPT, "a waiter lies at no memory");
    const struct audit_task *task = audit_task_at(world, audit_get(waiter, l->waiter_task));
    if (!task || audit_get(waiter, l->waiter_notify) || !audit_get(waiter, l->waiter_exclusive) ||
        task->state != TASK_BLOCKED || task->wait_kind != WAIT_SOCKET || !walk->ready)
        return NULL;
    audit_report(walk->audit,
                 (struct audit_finding){
                     .tid = task->tid, .pid = task->tgid, .object = walk->socket->address},
                 "task %d sleeps %s at the socket at %#lx, which is ready: its wake-up was lost",
                 task->tid, walk->what, (unsigned long)walk->socket->address);
    return NULL;
}

static void check_queue(struct walk walk, struct audit_field queue, const char *what, bool ready)
{
    uint64_t address = walk.socket->address + queue.offset;
    const struct audit_world *world = walk.world;

    walk.what = what;
    walk.ready = ready;
    /* That it is a list: `wait_queues`. */
    audit_walked(guest_list_walk(world->guest, address + world->layout->wait_queue_waiters.offset,
                                 WAITERS_MAX, what, visit, &walk));
}

static bool on_its_way(const struct audit_world *world, uint64_t socket)
{
    for (size_t i = 0; i < world->task_count; i++) {
        const struct audit_task *task = &world->tasks[i];

        if (task->state == TASK_READY && task->wait_kind == WAIT_SOCKET &&
            AUDIT_GET(world, task->raw, task_wait_object) == socket)
            return true;
    }
    return false;
}

static void check_socket(struct vt_audit *audit, const struct audit_world *world,
                         const struct audit_socket *socket)
{
    const struct audit_layout *l = world->layout;
    const uint8_t *raw = socket->raw;
    struct walk walk = {.audit = audit, .world = world, .socket = socket};
    uint64_t messages = audit_get(raw, l->socket_message_count);
    uint64_t waiting = audit_get(raw, l->socket_backlog_count);
    uint64_t shutdown = audit_get(raw, l->socket_shutdown);
    bool error = audit_get(raw, l->socket_error);
    bool low = audit_get(raw, l->socket_charged) <= audit_get(raw, l->socket_send_limit) / 4;
    bool room = audit_socket_is_connection(world, socket)
                    ? waiting <= audit_get(raw, l->socket_backlog_limit)
                    : messages <= DATAGRAMS_MAX;

    check_queue(walk, l->socket_read_waiters, "to receive",
                messages || waiting || error || shutdown & AUDIT_SHUTDOWN_RECEIVE);
    check_queue(walk, l->socket_write_waiters, "to send",
                low || error || shutdown & AUDIT_SHUTDOWN_SEND);
    check_queue(walk, l->socket_room_waiters, "for room",
                room || shutdown || audit_get(raw, l->socket_dead));
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    struct audit_sockets set;

    if (!audit_sockets_find(world, &set))
        return;
    for (size_t i = 0; i < set.count; i++)
        if (!set.sockets[i].busy && !on_its_way(world, set.sockets[i].address))
            check_socket(audit, world, &set.sockets[i]);
    audit_sockets_free(&set);
}

const struct audit_invariant invariant_socket_waits = {
    .name = "socket_waits",
    .proves = "nobody sleeps at a socket that is ready",
    .needs = AUDIT_NEEDS_WAKES | AUDIT_NEEDS_MEMORY | AUDIT_NEEDS_FAMILY,
    .check = check,
};
