/*
 * vmm/audit/propagation.c - what is mounted in one place appears where it is promised
 * (mount_namespaces(7)).
 *
 * Reads: group, ring of peers, master and slaves of every mount. Proves, in a world at rest: from each
 * member of a group its ring leads to all others, and to nobody else; a mount in no group has no peers;
 * a slave is in its master's list, once, and that master is shared; following masters comes to an end.
 * Cost: one pass over mounts for each group.
 */
#include "vmm/audit/mount_set.h"

#include "vmm/audit/tally.h"

struct judging {
    struct vt_audit *audit;
    const struct audit_world *world;
    const struct audit_mounts *set;
    const struct audit_mount *mount;
    uint32_t peers;
    bool strangers;
    struct audit_tally slaves; /* lists that a slave was found in */
};

static struct audit_finding where(const struct judging *judging)
{
    return (struct audit_finding){.object = judging->mount->address};
}

static struct vt_error *visit_peer(void *context, uint64_t node)
{
    struct judging *judging = context;
    const struct audit_mount *peer =
        audit_mount_at(judging->set, node - judging->world->layout->mount_peers.offset);

    judging->peers++;
    if (!peer || peer->group != judging->mount->group)
        judging->strangers = true;
    return NULL;
}

static struct vt_error *visit_slave(void *context, uint64_t node)
{
    struct judging *judging = context;
    uint64_t address = node - judging->world->layout->mount_slave_link.offset;
    const struct audit_mount *slave = audit_mount_at(judging->set, address);

    if (!slave || slave->master != judging->mount->address)
        audit_report(judging->audit, where(judging), "mount %u has a slave at %#lx that %s",
                     judging->mount->id, (unsigned long)address,
                     slave ? "follows another one" : "is no mount");
    audit_tally_hold(&judging->slaves, address);
    return NULL;
}

/* The peers in the ring are the members of the group. */
static void check_group(struct judging *judging)
{
    const struct audit_mount *mount = judging->mount;
    uint32_t members = 0;

    for (size_t i = 0; mount->group && i < judging->set->count; i++)
        members += judging->set->mounts[i].group == mount->group;
    judging->peers = 0;
    judging->strangers = false;
    bool walked = audit_walked(guest_list_walk(
        judging->world->guest, mount->address + judging->world->layout->mount_peers.offset,
        (uint32_t)judging->set->count + 1, "a ring of peers", visit_peer, judging));
    if (!walked || judging->strangers || judging->peers + 1 != (members ? members : 1))
        audit_report(judging->audit, where(judging),
                     "%u mounts say that they are in group %u, from mount %u one comes to %u%s",
                     members, mount->group, mount->id, judging->peers + 1,
                     judging->strangers ? ", of which some are not" : "");
}

static void check_master(struct judging *judging)
{
    const struct audit_mount *mount = judging->mount, *at = mount;
    const struct audit_tallied *listed = audit_tallied(&judging->slaves, mount->address);
    size_t steps = 0;

    if ((listed ? listed->held : 0) != (mount->master != 0))
        audit_report(judging->audit, where(judging),
                     "mount %u follows %s and is in the lists of %u masters", mount->id,
                     mount->master ? "a master" : "nobody", listed ? listed->held : 0);
    while (at && at->master && steps++ <= judging->set->count) {
        at = audit_mount_at(judging->set, at->master);
        if (at && at->group)
            continue;
        audit_report(judging->audit, where(judging), "the master of mount %u %s", mount->id,
                     at ? "is not shared" : "has been freed");
        return;
    }
    if (steps > judging->set->count)
        audit_report(judging->audit, where(judging), "the masters of mount %u are a circle",
                     mount->id);
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    struct audit_mounts set;
    struct judging judging = {.audit = audit, .world = world, .set = &set};

    audit_mounts_find(world, &set);
    for (size_t i = 0; set.whole && i < set.count; i++) {
        judging.mount = &set.mounts[i];
        check_group(&judging);
        if (!audit_walked(guest_list_walk(
                world->guest, judging.mount->address + world->layout->mount_slaves.offset,
                (uint32_t)set.count + 1, "slaves of a mount", visit_slave, &judging)))
            audit_report(audit, where(&judging), "the slaves of mount %u are no list",
                         judging.mount->id);
    }
    for (size_t i = 0; set.whole && !judging.slaves.out_of_memory && i < set.count; i++) {
        judging.mount = &set.mounts[i];
        check_master(&judging);
    }
    audit_tally_free(&judging.slaves);
    audit_mounts_free(&set);
}

const struct audit_invariant invariant_propagation = {
    .name = "propagation",
    .proves = "peers of a group find each other, and slaves are known to a master that is shared",
    .needs = AUDIT_NEEDS_FAMILY | AUDIT_NEEDS_MEMORY | AUDIT_NEEDS_WAKES,
    .check = check,
};
