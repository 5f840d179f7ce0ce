/*
 * kernel/fs/mount/propagation.c - who repeats whose changes (mount_namespaces(7)): groups of peers,
 * and slaves of a group. All with mount_lock held.
 *
 * A slave hangs in the list of one member of its master's group; when that member leaves, another
 * takes its slaves over.
 */
#include "kernel/fs/mount/mount.h"

#include "kernel/observe/mutant.h"

static uint32_t last_group, last_epoch;

uint32_t mount_new_group(void)
{
    if (!++last_group)
        last_group = 1;
    return last_group;
}

void mount_join_peers(struct mount *mount, struct mount *peer)
{
    mount->group = peer->group;
    if (MUTANT(PEER_NOT_JOINED))
        return;
    list_push_front(&peer->peers, &mount->peers);
}

void mount_follow_master(struct mount *mount, struct mount *master)
{
    mount->master = master;
    if (MUTANT(SLAVE_NOT_LISTED))
        return;
    list_push_front(&master->slaves, &mount->slave_link);
}

static void leave_master(struct mount *mount)
{
    list_remove(&mount->slave_link);
    mount->master = NULL;
}

/* Of its peers, one that shows the same directory, if there is one. */
static struct mount *likest_peer(struct mount *mount)
{
    struct mount *peer;
    list_for_each(peer, &mount->peers, peers)
    {
        if (peer->root == mount->root)
            return peer;
    }
    return list_first(&mount->peers, struct mount, peers);
}

/* It leaves its group, and follows it from then on (or its own master, if it was alone). */
static void become_slave(struct mount *mount)
{
    struct mount *master = mount->master, *slave;
    if (!list_empty(&mount->peers)) {
        master = likest_peer(mount);
        list_remove(&mount->peers);
    }
    mount->group = 0;
    while (!list_empty(&mount->slaves)) {
        slave = list_first(&mount->slaves, struct mount, slave_link);
        leave_master(slave);
        if (master)
            mount_follow_master(slave, master);
    }
    if (mount->master)
        leave_master(mount);
    if (master)
        mount_follow_master(mount, master);
}

void mount_set_propagation(struct mount *mount, enum mount_propagation type)
{
    if (type == MOUNT_SHARED) {
        if (!mount->group)
            mount->group = mount_new_group();
        WRITE_ONCE(mount->flags, mount->flags & ~(uint32_t)MOUNT_UNBINDABLE);
        return;
    }
    become_slave(mount);
    if (type == MOUNT_SLAVE)
        return;
    if (mount->master)
        leave_master(mount);
    uint32_t flags = mount->flags & ~(uint32_t)MOUNT_UNBINDABLE;
    WRITE_ONCE(mount->flags, type == MOUNT_UNBOUND ? flags | MOUNT_UNBINDABLE : flags);
}

/* ---- who is reached ---- */

static void reach(struct mount *reached, struct mount *from, bool as_slave, struct list *list)
{
    reached->epoch = last_epoch;
    reached->reached_from = from;
    reached->reached_as_slave = as_slave;
    list_push_back(list, &reached->work_link);
}

static void reach_with_peers(struct mount *reached, struct mount *from, struct list *list)
{
    struct mount *peer;
    reach(reached, from, from != NULL, list);
    list_for_each(peer, &reached->peers, peers)
    {
        if (peer->epoch != last_epoch)
            /* NOLINTNEXTLINE(readability-suspicious-call-argument): it is reached from there */
            reach(peer, reached, false, list);
    }
}

void mount_propagation_collect(struct mount *origin, struct list *ret)
{
    struct mount *mount, *slave;
    last_epoch++;
    reach_with_peers(origin, NULL, ret);
    list_for_each(mount, ret, work_link)
    { /* grows at its end meanwhile */
        list_for_each(slave, &mount->slaves, slave_link)
        {
            if (slave->epoch != last_epoch)
                reach_with_peers(slave, mount, ret);
        }
    }
}

/* ---- for /proc/PID/mountinfo ---- */

bool mount_reaches(const struct mount *mount, struct dentry *dentry, const struct path *root)
{
    while (mount != root->mount && mount->parent != mount) {
        dentry = mount->mountpoint;
        mount = mount->parent;
    }
    return mount == root->mount && dentry_is_below(dentry, root->dentry);
}

static bool group_reaches(struct mount *member, const struct mount_namespace *namespace,
                          const struct path *root)
{
    struct mount *peer;
    if (member->namespace == namespace && mount_reaches(member, member->root, root))
        return true;
    list_for_each(peer, &member->peers, peers)
    {
        if (peer->namespace == namespace && mount_reaches(peer, peer->root, root))
            return true;
    }
    return false;
}

uint32_t mount_dominating_group(const struct mount *mount, const struct path *root)
{
    for (struct mount *master = mount->master; master; master = master->master) {
        if (group_reaches(master, mount->namespace, root))
            return master->group;
    }
    return 0;
}
