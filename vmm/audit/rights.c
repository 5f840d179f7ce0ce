/*
 * vmm/audit/rights.c - descriptors on their way are counted in the sockets that travel.
 *
 * Reads: the kernel's list of descriptors in messages, its list of sockets among them, and the
 * queues of all sockets (socket_set.c). Proves, in a world at rest: a socket counts as many messages
 * that carry it as there are, and is listed if there is any - the collector of sockets that only
 * hold each other relies on it; and no queue has descriptors that are not counted. (That their files
 * have these references: `files`.) Cost: one pass over descriptors on their way.
 */
#include "vmm/audit/socket_set.h"

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    struct audit_sockets set;

    if (!audit_sockets_find(world, &set))
        return;
    for (size_t i = 0; i < set.count && set.whole; i++) {
        const struct audit_socket *socket = &set.sockets[i];
        uint64_t counted = AUDIT_GET(world, socket->raw, socket_in_flight);
        struct audit_finding where = {.object = socket->address};

        if (counted != socket->carried)
            audit_report(audit, where,
                         "the socket at %#lx counts %lu messages that carry it, there are %u",
                         (unsigned long)socket->address, (unsigned long)counted, socket->carried);
        else if (socket->on_the_way != (counted != 0))
            audit_report(audit, where, "the socket at %#lx is carried %lu times and is%s listed so",
                         (unsigned long)socket->address, (unsigned long)counted,
                         socket->on_the_way ? "" : " not");
        if (socket->uncounted)
            audit_report(audit, where,
                         "%u messages for the socket at %#lx have descriptors that are not counted",
                         socket->uncounted, (unsigned long)socket->address);
    }
    audit_sockets_free(&set);
}

const struct audit_invariant invariant_rights = {
    .name = "rights",
    .proves = "sockets that travel in messages are counted as often as they do",
    .needs = AUDIT_NEEDS_WAKES | AUDIT_NEEDS_MEMORY | AUDIT_NEEDS_FAMILY,
    .check = check,
};
