/*
 * vmm/audit/socket_names.c - who is bound to a name is found under it.
 *
 * Reads: the table of names and every socket that is found (socket_set.c). Proves, in a world at
 * rest: each socket in the table is open, has an address and is in the bucket where a search for
 * that begins, once; each socket that is bound, and was not born in a backlog with its listener's
 * address, is in the table. Cost: one pass over the table.
 */
#include "vmm/audit/socket_set.h"

#define NAMES_MAX    65536u
#define FAMILY_BYTES 2u

struct walk {
    struct vt_audit *audit;
    const struct audit_world *world;
    const struct audit_sockets *set;
    uint32_t bucket;
};

/* guest/kernel/net/names.c: bucket_of() for 64 buckets. */
static uint32_t bucket_of(const struct audit_world *world, const struct audit_socket *socket)
{
    const struct audit_layout *l = world->layout;
    uint64_t inode = audit_get(socket->raw, l->socket_inode), hash = inode >> 6;
    const uint8_t *address =
        audit_at(world, audit_get(socket->raw, l->socket_address), l->socket_address_bytes);
    uint64_t bytes = address ? audit_get(address, l->address_bytes) : 0;
    uint64_t room = l->socket_address_bytes - l->address_path.offset;

    for (uint64_t i = 0; !inode && address && i + FAMILY_BYTES < bytes && i < room; i++)
        hash = hash * 31 + address[l->address_path.offset + i];
    return (uint32_t)(hash * 0x9e3779b97f4a7c15ull >> 58);
}

static struct vt_error *visit(void *context, uint64_t node)
{
    const struct walk *walk = context;
    const struct audit_world *world = walk->world;
    uint64_t address = node - world->layout->socket_name_link.offset;
    struct audit_socket *socket = audit_socket_at(walk->set, address);
    struct audit_finding where = {.object = address};

    if (!socket) {
        if (walk->set->whole && !walk->set->files.slack)
            audit_report(walk->audit, where,
                         "a name leads to %#lx, where no socket that anybody holds is",
                         (unsigned long)address);
        return NULL;
    }
    socket->names++;
    if (AUDIT_GET(world, socket->raw, socket_dead) ||
        !AUDIT_GET(world, socket->raw, socket_address))
        audit_report(walk->audit, where, "a name leads to the socket at %#lx, which %s",
                     (unsigned long)address,
                     AUDIT_GET(world, socket->raw, socket_dead) ? "is closed" : "has no address");
    else if (bucket_of(world, socket) != walk->bucket)
        audit_report(walk->audit, where,
                     "the socket at %#lx is named in bucket %u, a search looks in %u",
                     (unsigned long)address, walk->bucket, bucket_of(world, socket));
    return NULL;
}

/* Accepted sockets, and those that will be, have their listener's address and no name. */
static bool must_be_named(const struct audit_world *world, const struct audit_socket *socket)
{
    const struct audit_layout *l = world->layout;

    if (audit_get(socket->raw, l->socket_dead) || !audit_get(socket->raw, l->socket_address))
        return false;
    return audit_get(socket->raw, l->socket_inode) || !audit_socket_is_connection(world, socket) ||
           audit_get(socket->raw, l->socket_state) != AUDIT_SOCKET_CONNECTED;
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    const struct glass_root *names = world->layout->socket_names;
    struct audit_sockets set;

    if (!audit_sockets_find(world, &set))
        return;
    struct walk walk = {.audit = audit, .world = world, .set = &set};
    for (walk.bucket = 0; walk.bucket < names->count && walk.bucket < 64; walk.bucket++)
        if (!audit_walked(guest_list_walk(world->guest,
                                          names->address + (uint64_t)walk.bucket * names->stride,
                                          NAMES_MAX, "names of sockets", visit, &walk)))
            audit_report(audit, (struct audit_finding){.object = names->address},
                         "bucket %u of the names of sockets is no list", walk.bucket);
    for (size_t i = 0; i < set.count; i++) {
        const struct audit_socket *socket = &set.sockets[i];
        struct audit_finding where = {.object = socket->address};

        if (socket->names > 1 || (!socket->names && must_be_named(world, socket)))
            audit_report(audit, where, "the bound socket at %#lx is found under %u names",
                         (unsigned long)socket->address, socket->names);
    }
    audit_sockets_free(&set);
}

const struct audit_invariant invariant_socket_names = {
    .name = "socket_names",
    .proves = "every bound socket is found under its name, and every name leads to an open socket",
    .needs = AUDIT_NEEDS_WAKES | AUDIT_NEEDS_MEMORY | AUDIT_NEEDS_FAMILY,
    .check = check,
};
