/* vmm/audit/socket_set.c - see socket_set.h. */
#include "vmm/audit/socket_set.h"

#include <stdlib.h>

#define SOCKETS_MAX  32768u
#define PLACES       65536u
#define MESSAGES_MAX 1000000u
#define RIGHTS_MAX   253u /* SCM_MAX_FD */

struct search {
    const struct audit_world *world;
    struct audit_sockets *set;
    size_t at; /* whose queues are walked */
};

static uint32_t *place_of(const struct audit_sockets *set, uint64_t address)
{
    uint64_t hash = (address >> 4) * 0x9e3779b97f4a7c15ull >> 48;

    /* Twice as many places as sockets: there is a free one. */
    while (set->places[hash] && set->sockets[set->places[hash] - 1].address != address)
        hash = (hash + 1) % PLACES;
    return &set->places[hash];
}

struct audit_socket *audit_socket_at(const struct audit_sockets *set, uint64_t address)
{
    uint32_t index = *place_of(set, address);

    return index ? &set->sockets[index - 1] : NULL;
}

/* The socket there, found before or now; NULL if there is no memory for one, or the set is full. */
static struct audit_socket *meet(const struct audit_world *world, struct audit_sockets *set,
                                 uint64_t address)
{
    uint32_t *place = place_of(set, address);

    if (*place)
        return &set->sockets[*place - 1];
    const uint8_t *raw = audit_at(world, address, world->layout->socket_bytes);
    if (!raw || set->count == SOCKETS_MAX) {
        set->whole = false;
        return NULL;
    }
    set->sockets[set->count] = (struct audit_socket){
        .address = address, .raw = raw, .busy = AUDIT_GET(world, raw, socket_lock)};
    *place = (uint32_t)++set->count;
    return &set->sockets[set->count - 1];
}

static struct vt_error *meet_message(void *context, uint64_t node)
{
    struct search *search = context;
    const struct audit_world *world = search->world;
    const struct audit_layout *l = world->layout;
    const uint8_t *message = audit_at(world, node - l->message_link.offset, l->message_bytes);

    if (!message || search->set->messages_visited++ == MESSAGES_MAX)
        return vt_error_create(VT_ERROR_CORRUPT, "a message lies at no memory");
    struct audit_socket *receiver = &search->set->sockets[search->at];
    receiver->queued++;
    receiver->bytes +=
        audit_get(message, l->message_bytes_all) - audit_get(message, l->message_taken);
    uint64_t carried = audit_get(message, l->message_rights);
    const uint8_t *rights = carried ? audit_at(world, carried, l->rights_bytes) : NULL;
    receiver->uncounted += carried && (!rights || !audit_get(rights, l->rights_in_flight));
    struct audit_socket *sender = meet(world, search->set, audit_get(message, l->message_sender));
    if (sender) {
        sender->sent++;
        sender->charge += audit_get(message, l->message_charge);
    }
    return NULL;
}

static struct vt_error *meet_waiting(void *context, uint64_t node)
{
    struct search *search = context;
    uint64_t address = node - search->world->layout->socket_backlog_link.offset;
    struct audit_socket *end = meet(search->world, search->set, address);

    search->set->sockets[search->at].waiting++;
    if (end)
        end->backlogs++;
    return NULL;
}

/* Everything that this one leads to. */
static void follow(struct search *search)
{
    const struct audit_world *world = search->world;
    const struct audit_layout *l = world->layout;
    struct audit_socket *socket = &search->set->sockets[search->at];

    if (!socket->raw)
        return; /* never: it was met, and lies somewhere */
    uint64_t peer = audit_get(socket->raw, l->socket_peer);
    struct audit_socket *other = peer ? meet(world, search->set, peer) : NULL;

    if (other)
        other->peers++;
    socket->torn =
        !audit_walked(guest_list_walk(world->guest, socket->address + l->socket_queue.offset,
                                      MESSAGES_MAX, "a socket's queue", meet_message, search)) ||
        !audit_walked(guest_list_walk(world->guest, socket->address + l->socket_backlog.offset,
                                      SOCKETS_MAX, "a socket's backlog", meet_waiting, search));
    search->set->whole = search->set->whole && !socket->torn;
}

/* ---- descriptors on their way ---- */

static struct vt_error *read_rights(void *context, uint64_t node)
{
    struct search *search = context;
    const struct audit_world *world = search->world;
    const struct audit_layout *l = world->layout;
    const uint8_t *rights = audit_at(world, node - l->rights_next.offset, l->rights_bytes);

    if (!rights)
        return vt_error_create(VT_ERROR_CORRUPT, "descriptors lie at no memory");
    uint64_t count = audit_get(rights, l->rights_count);
    for (uint64_t i = 0; audit_get(rights, l->rights_in_flight) && i < count && i < RIGHTS_MAX;
         i++) {
        uint64_t address;

        memcpy(&address, rights + l->rights_files.offset + i * sizeof(address), sizeof(address));
        const uint8_t *file = audit_at(world, address, l->file_bytes);
        if (!file ||
            audit_get(file, l->file_operations) != AUDIT_ROOT(world, roots_socket_operations))
            continue;
        struct audit_socket *socket =
            audit_socket_at(search->set, audit_get(file, l->file_private_data));
        if (socket)
            socket->carried++;
    }
    return NULL;
}

static struct vt_error *read_on_the_way(void *context, uint64_t node)
{
    struct search *search = context;
    uint64_t address = node - search->world->layout->socket_in_flight_link.offset;
    struct audit_socket *socket = audit_socket_at(search->set, address);

    if (socket)
        socket->on_the_way = true;
    return NULL;
}

/* ---- all of it ---- */

static bool find(struct search *search)
{
    const struct audit_world *world = search->world;
    struct audit_sockets *set = search->set;

    struct audit_files files;
    if (!audit_files_find(world, &files))
        return false;
    set->files = files;
    for (size_t i = 0; i < set->files.count; i++) {
        const uint8_t *file = set->files.files[i].raw;

        if (!file ||
            AUDIT_GET(world, file, file_operations) != AUDIT_ROOT(world, roots_socket_operations))
            continue;
        struct audit_socket *socket = meet(world, set, AUDIT_GET(world, file, file_private_data));
        if (socket)
            socket->files++;
    }
    for (search->at = 0; search->at < set->count; search->at++)
        follow(search);
    bool rights =
        audit_walked(guest_list_walk(world->guest, AUDIT_ROOT(world, roots_rights), MESSAGES_MAX,
                                     "descriptors on their way", read_rights, search));
    bool list =
        audit_walked(guest_list_walk(world->guest, world->layout->sockets_in_flight->address,
                                     SOCKETS_MAX, "sockets on their way", read_on_the_way, search));
    set->whole = set->whole && rights && list;
    return true;
}

bool audit_sockets_find(const struct audit_world *world, struct audit_sockets *ret)
{
    struct search search = {.world = world, .set = ret};

    *ret = (struct audit_sockets){.whole = true};
    ret->sockets = calloc(SOCKETS_MAX, sizeof(*ret->sockets));
    ret->places = calloc(PLACES, sizeof(*ret->places));
    if (ret->sockets && ret->places && find(&search))
        return true;
    audit_sockets_free(ret);
    return false;
}

void audit_sockets_free(struct audit_sockets *set)
{
    audit_files_free(&set->files);
    free(set->sockets);
    free(set->places);
    *set = (struct audit_sockets){0};
}
