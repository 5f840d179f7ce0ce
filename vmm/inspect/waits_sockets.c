/*
 * vmm/inspect/waits_sockets.c - who can wake a task that waits at a socket.
 *
 * The kernel says at which socket it waits; in which of its queues says for what: for messages or
 * connections, for its own messages to be read, or for room at somebody else's. Then the holders of
 * the other end can wake it, or those of that other socket. Whoever has the same end open could
 * shut it down: they keep the task from being called dead, but are not named.
 */
#include <stdio.h>
#include <string.h>

#include "vmm/inspect/waits_finder.h"
#include "vmm/inspect/walk.h"

#define WAITERS_MAX 65536u

#define WAITER_FIELDS(F) F(link, "link") F(task, "task")
LAYOUT(waiter_layout, WAITER_FIELDS);

#define QUEUE_FIELDS(F) F(waiters, "waiters")
LAYOUT(queue_layout, QUEUE_FIELDS);

struct search {
    struct finder *finder;
    struct wait_task *task;
    struct guest_loads loads; /* what is torn here only means that nothing is claimed */
    struct waiter_layout waiter;
    struct queue_layout queue;
    bool found;
};

static struct vt_error *visit_waiter(void *context, uint64_t node)
{
    struct search *search = context;
    uint64_t waiter = node - search->waiter.link->offset;

    if (guest_load(&search->loads, waiter, search->waiter.task) == search->task->address)
        search->found = true;
    return guest_loads_error(&search->loads, "a wait queue");
}

/* Is the task in this queue of the socket? */
static bool is_in(struct search *search, const struct glass_field *queue)
{
    if (!queue || !waits_step(search->finder, search->task))
        return false;
    search->found = false;
    vt_error_destroy(
        guest_list_walk(search->finder->waits->guest,
                        search->task->wait_object + queue->offset + search->queue.waiters->offset,
                        WAITERS_MAX, "a wait queue", visit_waiter, search));
    return search->found;
}

static uint64_t load(struct search *search, uint64_t socket, const struct glass_field *field)
{
    return guest_load(&search->loads, socket, field);
}

/* Everybody who has this file open. False: nobody has. */
static bool add_holders(struct search *search, uint64_t file, bool quiet)
{
    struct finder *finder = search->finder;
    size_t count = finder->waits->open_files.count;
    bool any = false;

    for (size_t i = waits_by_file(finder, file);
         i < count && finder->by_file[i]->file == file && waits_step(finder, search->task); i++) {
        any = true;
        waits_add_group(finder->waits, search->task,
                        (struct wait_group){GROUP_TABLE, finder->by_file[i]->table, quiet});
    }
    return any;
}

/* Nobody has accepted the other end: whoever can will read from it and write to it. */
static bool add_listeners(struct search *search, uint64_t address)
{
    struct finder *finder = search->finder;
    const struct guest_socket_layout *layout = &finder->waits->sockets.socket;
    bool any = false;

    for (size_t i = 0; address && i < finder->waits->open_files.count; i++) {
        const struct wait_file *file = finder->by_file[i];

        if (!waits_step(finder, search->task))
            return false;
        if (file->kind == VT_FILE_SOCKET &&
            load(search, file->object, layout->state) == VT_SOCKET_LISTENING &&
            load(search, file->object, layout->address) == address) {
            any = true;
            waits_add_group(finder->waits, search->task,
                            (struct wait_group){GROUP_TABLE, file->table, false});
        }
    }
    return any;
}

/* Those who have the peer. What is on its way in a message, anybody may get. */
static void find_peer(struct search *search, uint64_t socket)
{
    const struct guest_sockets *sockets = &search->finder->waits->sockets;
    const struct guest_socket_layout *layout = &sockets->socket;
    uint64_t peer = load(search, socket, layout->peer);
    uint64_t file = peer ? guest_socket_file(sockets, &search->loads, peer) : 0;

    if (!peer || load(search, peer, layout->dead) || load(search, peer, layout->in_flight) ||
        load(search, socket, layout->in_flight)) {
        search->task->open = true;
    } else if (!file) {
        search->task->who = "can accept the connection";
        if (!add_listeners(search, load(search, peer, layout->address)))
            search->task->open = true;
    } else if (!add_holders(search, file, false)) {
        search->task->open = true;
    }
}

/* Somebody else's socket: its holders make room. */
static void find_room(struct search *search, uint64_t socket, bool listens)
{
    const struct guest_sockets *sockets = &search->finder->waits->sockets;
    uint64_t file = guest_socket_file(sockets, &search->loads, socket);

    search->task->who = listens ? "accepts from it" : "receives from it";
    if (!file || load(search, socket, sockets->socket.in_flight) ||
        !add_holders(search, file, false))
        search->task->open = true;
}

/* "stream socket /tmp/name, to receive" */
static void describe(struct search *search, uint64_t socket, const char *purpose)
{
    const struct guest_sockets *sockets = &search->finder->waits->sockets;
    struct wait_task *task = search->task;
    char name[GUEST_SOCKET_NAME_MAX];
    size_t length = guest_socket_name(sockets, &search->loads, socket, name);
    const char *type = vt_socket_type_name((uint32_t)load(search, socket, sockets->socket.kind));

    /* Bytes of an abstract name may be 0: they are shown as its '@' is. */
    for (size_t i = 0; i < length; i++)
        if (!name[i])
            name[i] = '@';
    snprintf(task->what, sizeof(task->what), "%s socket%s%.*s, %s", type, length ? " " : "",
             (int)length, name, purpose);
}

void waits_find_socket(struct finder *finder, struct wait_task *task)
{
    struct waits *waits = finder->waits;
    const struct guest_socket_layout *layout = &waits->sockets.socket;
    struct search search = {.finder = finder, .task = task, .loads.guest = waits->guest};
    uint64_t socket = task->wait_object;
    struct vt_error *error = NULL;

    if (layout->type == NULL || !socket) { /* a kernel that does not publish its sockets */
        task->open = true;
        return;
    }
    error = LAYOUT_FIND(waits->guest, &search.waiter, "waiter", 2, WAITER_FIELDS);
    if (!error)
        error = LAYOUT_FIND(waits->guest, &search.queue, "wait_queue", 1, QUEUE_FIELDS);
    if (error) {
        vt_error_destroy(error);
        task->open = true;
        return;
    }
    bool listens = load(&search, socket, layout->state) == VT_SOCKET_LISTENING;
    if (is_in(&search, layout->read_waiters)) {
        describe(&search, socket, listens ? "a connection to accept" : "to receive");
        task->who = listens ? "" : "has the other end";
        if (listens) /* whoever can name it may come */
            task->open = true;
        else
            find_peer(&search, socket);
        add_holders(&search, guest_socket_file(&waits->sockets, &search.loads, socket), true);
    } else if (is_in(&search, layout->write_waiters)) {
        describe(&search, socket, "to send");
        task->who = "has the other end";
        find_peer(&search, socket);
        add_holders(&search, guest_socket_file(&waits->sockets, &search.loads, socket), true);
    } else if (is_in(&search, layout->room_waiters)) {
        describe(&search, socket, listens ? "a place in its backlog" : "room in its queue");
        find_room(&search, socket, listens);
    } else { /* it is being woken */
        task->open = true;
    }
    if (search.loads.failed)
        task->open = true;
}
