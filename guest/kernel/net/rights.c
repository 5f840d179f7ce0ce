/*
 * kernel/net/rights.c - descriptors in messages (SCM_RIGHTS): open files that may have no other
 * holder than a queue. A socket can so be kept by a message in its own queue, or two each by one in
 * the other's; nobody can receive those any more, and a collector finds and ends them.
 *
 * How: a socket whose file has no other references than messages is doubtful. Of what holds a
 * doubtful one, whatever does not lie in the queue of a doubtful one counts as from outside; who is
 * held from outside is reached, and so is everything in the queues of who is reached. The rest is
 * garbage, and its queues are emptied. Safe without stopping anyone, because descriptors are taken
 * from queues only under rights_lock, which the collector holds, and a queue that gains one
 * meanwhile gains one that is counted as from outside. It runs whenever the last reference to a
 * socket's file goes, as Linux's did for long; so garbage may stay until some other socket is
 * closed.
 *
 * Locks: rights_lock (mutex, RANK_RIGHTS), before the sockets'.
 */
#include "arch/cpu.h"
#include "kernel/fs/file.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/net/message.h"
#include "kernel/observe/mutant.h"
#include "kernel/sched/task.h"

struct list rights_list = LIST_INIT(rights_list);
struct mutex rights_lock = {.rank = RANK_RIGHTS, .waiters = WAIT_QUEUE_INIT(rights_lock.waiters)};

struct list sockets_in_flight = LIST_INIT(sockets_in_flight);
static uint32_t in_flight_count; /* sockets; read without the lock */
static bool collect_again;       /* sockets have ended since */

struct rights *rights_allocate(void)
{
    struct rights *rights = kmalloc(sizeof(*rights));
    if (!rights)
        return NULL;
    list_init(&rights->link);
    list_init(&rights->drop_link);
    rights->in_flight = false;
    rights->count = 0;
    return rights;
}

void rights_send(struct rights *rights)
{
    mutex_lock(&rights_lock);
    list_push_back(&rights_list, &rights->link);
    rights->in_flight = true;
    for (uint32_t i = 0; i < rights->count; i++) {
        struct socket *socket = socket_of(rights->files[i]);
        if (MUTANT(SOCKET_TRAVELS_UNCOUNTED))
            continue;
        if (socket && !socket->in_flight++) {
            list_push_back(&sockets_in_flight, &socket->in_flight_link);
            WRITE_ONCE(in_flight_count, in_flight_count + 1);
        }
    }
    mutex_unlock(&rights_lock);
}

void rights_arrive(struct rights *rights)
{
    if (!rights->in_flight)
        return;
    rights->in_flight = false;
    for (uint32_t i = 0; i < rights->count; i++) {
        struct socket *socket = socket_of(rights->files[i]);
        if (socket && !--socket->in_flight) {
            list_remove(&socket->in_flight_link);
            WRITE_ONCE(in_flight_count, in_flight_count - 1);
        }
    }
}

struct rights *rights_copy(const struct rights *rights)
{
    struct rights *copy = rights_allocate();
    if (!copy)
        return NULL;
    for (uint32_t i = 0; i < rights->count; i++) {
        copy->files[i] = rights->files[i];
        file_get(copy->files[i]);
    }
    copy->count = rights->count;
    list_push_back(&rights_list, &copy->link);
    return copy;
}

static void drop_one(struct rights *rights)
{
    mutex_lock(&rights_lock);
    rights_arrive(rights);
    list_remove(&rights->link);
    mutex_unlock(&rights_lock);
    for (uint32_t i = 0; i < rights->count; i++)
        file_put(rights->files[i]);
    kfree(rights);
}

/* The end of an outermost drop. */
static void drop_waiting(struct list *waiting)
{
    while (!list_empty(waiting)) {
        struct rights *rights = list_first(waiting, struct rights, drop_link);
        list_remove(&rights->drop_link);
        drop_one(rights);
    }
    current->dropping = NULL;
}

/*
 * Putting a file may end a socket whose queue holds the next one, and so on: as deep as a program
 * likes. So what is dropped within a drop waits for the outermost, which has the list.
 */
void rights_drop(struct rights *rights)
{
    struct list waiting;

    if (!rights)
        return;
    if (current->dropping) {
        list_push_back(current->dropping, &rights->drop_link);
        return;
    }
    list_init(&waiting);
    list_push_back(&waiting, &rights->drop_link);
    current->dropping = &waiting;
    drop_waiting(&waiting);
    if (READ_ONCE(collect_again))
        rights_collect();
}

/* ---- the collector ---- */

typedef void visit_socket(struct socket *held, struct list *reached);

static void visit_queue(struct socket *socket, visit_socket *visit, struct list *reached)
{
    struct message *message;

    list_for_each(message, &socket->queue, link)
    {
        const struct rights *rights = message->rights;
        for (uint32_t i = 0; rights && i < rights->count; i++) {
            struct socket *held = socket_of(rights->files[i]);
            if (held && held->doubtful)
                visit(held, reached);
        }
    }
}

/* Every doubtful socket that the queues of this one hold, as often as they do. */
static void visit_held(struct socket *socket, visit_socket *visit, struct list *reached)
{
    struct socket *waiting;

    mutex_lock(&socket->lock);
    visit_queue(socket, visit, reached);
    list_for_each(waiting, &socket->backlog, backlog_link)
    {
        mutex_lock(&waiting->lock);
        visit_queue(waiting, visit, reached);
        mutex_unlock(&waiting->lock);
    }
    mutex_unlock(&socket->lock);
}

static void count_inside(struct socket *held, struct list *reached)
{
    (void)reached;
    if (held->held_from_outside)
        held->held_from_outside--;
}

static void reach(struct socket *held, struct list *reached)
{
    if (held->reached)
        return;
    held->reached = true;
    list_push_back(reached, &held->reached_link);
}

static void take_queue(struct socket *socket, struct list *garbage)
{
    while (!list_empty(&socket->queue)) {
        struct message *message = list_first(&socket->queue, struct message, link);
        message_unqueue(socket, message);
        list_push_back(garbage, &message->link);
    }
}

static void empty_queues(struct socket *socket, struct list *garbage)
{
    struct socket *waiting;

    mutex_lock(&socket->lock);
    take_queue(socket, garbage);
    list_for_each(waiting, &socket->backlog, backlog_link)
    {
        mutex_lock(&waiting->lock);
        take_queue(waiting, garbage);
        mutex_unlock(&waiting->lock);
    }
    mutex_unlock(&socket->lock);
}

/* rights_lock held. */
static void find_garbage(struct list *garbage)
{
    struct list reached;
    struct socket *socket;

    list_init(&reached);
    list_for_each(socket, &sockets_in_flight, in_flight_link)
    {
        socket->doubtful = READ_ONCE(socket->file->references) == socket->in_flight;
        socket->reached = false;
        socket->held_from_outside = socket->in_flight;
    }
    list_for_each(socket, &sockets_in_flight, in_flight_link)
    {
        if (socket->doubtful)
            visit_held(socket, count_inside, NULL);
    }
    list_for_each(socket, &sockets_in_flight, in_flight_link)
    {
        if (socket->doubtful && socket->held_from_outside)
            reach(socket, &reached);
    }
    while (!list_empty(&reached)) {
        socket = list_first(&reached, struct socket, reached_link);
        list_remove(&socket->reached_link);
        visit_held(socket, reach, &reached);
    }
    list_for_each(socket, &sockets_in_flight, in_flight_link)
    {
        if (socket->doubtful && !socket->reached)
            empty_queues(socket, garbage);
        socket->doubtful = false;
    }
}

void rights_collect(void)
{
    struct list garbage, waiting;

    if (likely(!READ_ONCE(in_flight_count)))
        return;
    if (current->dropping) { /* a socket ended within a drop: not deeper here, but after it */
        WRITE_ONCE(collect_again, true);
        return;
    }
    do {
        WRITE_ONCE(collect_again, false);
        list_init(&garbage);
        mutex_lock(&rights_lock);
        find_garbage(&garbage);
        mutex_unlock(&rights_lock);
        list_init(&waiting);
        current->dropping = &waiting;
        while (!list_empty(&garbage)) {
            struct message *message = list_first(&garbage, struct message, link);
            list_remove(&message->link);
            message_free(message);
        }
        drop_waiting(&waiting);
    } while (READ_ONCE(collect_again));
}
