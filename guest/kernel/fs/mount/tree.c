/*
 * kernel/fs/mount/tree.c - trees of mounts: walking, copying, hanging one into another, taking one
 * apart. All with mount_lock held.
 *
 * What a tree that is taken apart held is given back later, without the lock (the graveyard): a file
 * system may end with its last mount.
 */
#include "kernel/fs/mount/mount.h"

#include "arch/cpu.h"
#include "kernel/fs/proc/namespace.h"
#include "kernel/observe/mutant.h"
#include "kernel/sched/task.h"

#define MOUNTS_MAX 100000u /* of one namespace; Linux's fs.mount-max */

/* ---- walking ---- */

struct mount *mount_next_beside(struct mount *mount, const struct mount *top)
{
    while (mount != top) {
        struct mount *parent = mount->parent;
        if (mount->child_link.next != &parent->children)
            return list_entry(mount->child_link.next, struct mount, child_link);
        mount = parent;
    }
    return NULL;
}

struct mount *mount_next(struct mount *mount, const struct mount *top)
{
    if (!list_empty(&mount->children))
        return list_first(&mount->children, struct mount, child_link);
    return mount_next_beside(mount, top);
}

void mount_tree_enter(struct mount *top, struct mount_namespace *namespace)
{
    for (struct mount *mount = top; mount; mount = mount_next(mount, top)) {
        if (mount->namespace)
            continue;
        mount->namespace = namespace;
        namespace->mount_count += MUTANT(MOUNT_COUNTED_TWICE) ? 2 : 1;
        list_push_back(&namespace->mounts, &mount->namespace_link);
    }
    namespace->event++;
}

bool mount_in_my_tree(const struct mount *mount)
{
    return mount && mount->namespace && mount->namespace == mount_namespace_current();
}

bool mount_is_detached(const struct mount *mount)
{
    while (mount && mount->parent != mount)
        mount = mount->parent;
    return mount && mount->detached;
}

static uint32_t count_tree(struct mount *top)
{
    uint32_t count = 0;
    for (struct mount *mount = top; mount; mount = mount_next(mount, top))
        count++;
    return count;
}

/* ---- copying ---- */

static struct mount *copy_one(struct mount *source, struct dentry *root, enum mount_copy kind)
{
    filesystem_mounts_get(source->filesystem);
    struct mount *mount = mount_create(source->filesystem, root, source->source);
    if (!mount) {
        filesystem_mounts_put(source->filesystem); /* not the last: `source` has one */
        return NULL;
    }
    mount->flags = source->flags;
    switch (kind) {
    case MOUNT_COPY_PLAIN:
        if (source->group)
            mount_join_peers(mount, source);
        if (source->master)
            mount_follow_master(mount, source->master);
        break;
    case MOUNT_COPY_PRIVATE:
        break;
    case MOUNT_COPY_SHARED_SLAVE:
        mount->group = mount_new_group();
        __attribute__((fallthrough));
    case MOUNT_COPY_SLAVE:
        if (source->group)
            mount_follow_master(mount, source);
        else if (source->master)
            mount_follow_master(mount, source->master);
        break;
    }
    return mount;
}

/* The file of a mount namespace: not copied with a tree, or trees could hold each other. */
static bool keeps_tree(const struct mount *mount)
{
    struct namespace *namespace;
    if (!proc_namespace_get(mount->root->inode, &namespace))
        return false;
    bool keeps = namespace->type == &mount_namespace_type;
    namespace_put(namespace);
    return keeps;
}

int mount_copy_tree(struct mount *top, struct dentry *root, enum mount_copy kind, bool recursive,
                    bool all, struct mount **ret)
{
    struct mount_graveyard graveyard = MOUNT_GRAVEYARD_INIT(graveyard);
    struct mount *source, *next, *copied = copy_one(top, root, kind);
    uint32_t count = 1;
    int error = 0;
    if (!copied)
        return -ENOMEM;
    top->copy = copied;
    for (source = recursive ? mount_next(top, top) : NULL; source && !error; source = next) {
        if ((all ? keeps_tree(source) : source->flags & MOUNT_UNBINDABLE) ||
            (source->parent == top && !dentry_is_below(source->mountpoint, root))) {
            next = mount_next_beside(source, top);
            continue;
        }
        source->copy = copy_one(source, source->root, kind);
        if (!source->copy || ++count > MOUNTS_MAX) {
            error = source->copy ? -ENOSPC : -ENOMEM;
            if (source->copy)
                mount_connect(source->copy, source->parent->copy, source->mountpoint);
            break;
        }
        mount_connect(source->copy, source->parent->copy, source->mountpoint);
        next = mount_next(source, top);
        if (count % 64 == 0)
            preemption_point();
    }
    if (error) {
        mount_remove_tree(copied, false, &graveyard);
        mount_graveyard_bury(&graveyard); /* ends nothing: the source holds the same */
        return error;
    }
    *ret = copied;
    return 0;
}

/* ---- taking apart ---- */

static void doom(struct mount *mount, struct list *doomed)
{
    mount->doomed = true;
    list_push_back(doomed, &mount->grave_link);
}

/* Where the mount's parent propagates to, what was mounted there with it: first a candidate. */
static void find_candidates(struct mount *mount, struct list *candidates)
{
    struct list places = LIST_INIT(places);
    if (mount->parent == mount || (!mount->parent->group && list_empty(&mount->parent->slaves)))
        return;
    mount_propagation_collect(mount->parent, &places);
    while (!list_empty(&places)) {
        struct mount *place = list_first(&places, struct mount, work_link);
        list_remove(&place->work_link);
        struct mount *other = mount_find(place, mount->mountpoint);
        if (other && !other->doomed && list_empty(&other->grave_link))
            list_push_front(candidates, &other->grave_link); /* children come before parents */
    }
}

/* Everything on it goes too, but for what lies over its own root. */
static bool goes_too(const struct mount *candidate)
{
    struct mount *child;
    list_for_each(child, &candidate->children, child_link)
    {
        if (!child->doomed && child->mountpoint != candidate->root)
            return false;
    }
    return true;
}

/* What lies over the root of a mount that goes falls onto the place that it covered. */
static void let_fall(struct mount *mount, const struct path *place)
{
    struct mount *child, *following;
    list_for_each_safe(child, following, &mount->children, child_link)
    {
        struct path held;
        if (child->doomed)
            continue;
        mount_disconnect(child, &held);
        mount_connect(child, place->mount, place->dentry);
        path_put(&held); /* the doomed mount, and its root: held by itself */
    }
}

static void leave_tree(struct mount *mount)
{
    mount->covered = (struct path){NULL, NULL};
    if (mount->parent != mount) {
        struct path held;
        mount_disconnect(mount, &held);
        mount->covered = held;
        let_fall(mount, &held);
    }
    mount_set_propagation(mount, MOUNT_PRIVATE);
    if (mount->namespace) {
        mount->namespace->mount_count--;
        mount->namespace->event++;
        list_remove(&mount->namespace_link);
        mount->namespace = NULL;
    }
}

void mount_remove_tree(struct mount *top, bool propagate, struct mount_graveyard *graveyard)
{
    struct list doomed = LIST_INIT(doomed), candidates = LIST_INIT(candidates);
    struct mount *mount, *following;
    for (mount = top; mount; mount = mount_next(mount, top))
        doom(mount, &doomed);
    if (propagate) {
        list_for_each(mount, &doomed, grave_link) find_candidates(mount, &candidates);
        list_for_each_safe(mount, following, &candidates, grave_link)
        {
            list_remove(&mount->grave_link);
            if (goes_too(mount))
                doom(mount, &doomed);
        }
    }
    list_for_each(mount, &doomed, grave_link) leave_tree(mount);
    while (!list_empty(&doomed)) {
        mount = list_first(&doomed, struct mount, grave_link);
        list_remove(&mount->grave_link);
        list_push_back(&graveyard->mounts, &mount->grave_link);
    }
}

void mount_graveyard_bury(struct mount_graveyard *graveyard)
{
    while (!list_empty(&graveyard->mounts)) {
        struct mount *mount = list_first(&graveyard->mounts, struct mount, grave_link);
        struct path covered = mount->covered;
        list_remove(&mount->grave_link);
        mount_put(mount);
        if (MUTANT(MOUNT_PARENT_KEPT))
            continue;
        if (covered.dentry)
            path_put(&covered);
    }
}

/* ---- hanging in ---- */

/* What is mounted in a shared mount is shared. */
static void share_tree(struct mount *top)
{
    for (struct mount *mount = top; mount; mount = mount_next(mount, top)) {
        mount->fresh_group = !mount->group;
        if (!mount->group)
            mount->group = mount_new_group();
    }
}

static void unshare_tree(struct mount *top)
{
    for (struct mount *mount = top; mount; mount = mount_next(mount, top)) {
        if (mount->fresh_group)
            mount->group = 0;
    }
}

/* A copy for one place of the propagation; *ret NULL if the place cannot be seen there. */
static int copy_for(struct mount *target, const struct path *place, struct mount **ret)
{
    struct mount *from = target->reached_from;
    bool slave = from->source_is_master || target->reached_as_slave;
    target->source_tree = from->source_tree;
    target->source_is_master = slave;
    *ret = NULL;
    if (!target->namespace || !dentry_is_below(place->dentry, target->root))
        return 0;
    enum mount_copy kind = !slave          ? MOUNT_COPY_PLAIN
                           : target->group ? MOUNT_COPY_SHARED_SLAVE
                                           : MOUNT_COPY_SLAVE;
    int error = mount_copy_tree(from->source_tree, from->source_tree->root, kind, true, true, ret);
    if (error)
        return error;
    if (target->namespace->mount_count + count_tree(*ret) > MOUNTS_MAX)
        error = -ENOSPC; /* the copy is in the caller's list all the same */
    target->source_tree = *ret;
    target->source_is_master = false;
    if (slave && !target->reached_as_slave) { /* by way of a peer that did not get one */
        from->source_tree = *ret;
        from->source_is_master = false;
    }
    return error;
}

static int copy_for_all(struct mount *top, const struct path *place, struct list *copies)
{
    struct list targets = LIST_INIT(targets);
    int error = 0;
    mount_propagation_collect(place->mount, &targets);
    place->mount->source_tree = top;
    place->mount->source_is_master = false;
    while (!list_empty(&targets)) {
        struct mount *target = list_first(&targets, struct mount, work_link), *copied = NULL;
        list_remove(&target->work_link);
        if (target == place->mount || error)
            continue;
        error = copy_for(target, place, &copied);
        if (!copied)
            continue;
        copied->reached_from = target;
        list_push_back(copies, &copied->grave_link);
    }
    return error;
}

/* A propagated mount goes below what is mounted at the place already. */
static void connect_copy(struct mount *copied, struct mount *parent, struct dentry *mountpoint)
{
    struct mount *above = mount_find(parent, mountpoint);
    struct path held = {NULL, NULL};
    if (above)
        mount_disconnect(above, &held);
    mount_connect(copied, parent, mountpoint);
    mount_tree_enter(copied, parent->namespace);
    if (above) {
        mount_connect(above, copied, copied->root);
        path_put(&held); /* held by the copy */
    }
}

int mount_attach_tree(struct mount *top, const struct path *place,
                      struct mount_graveyard *graveyard)
{
    struct list copies = LIST_INIT(copies);
    struct mount *parent = place->mount;
    int error = 0;
    if (!top->namespace && parent->namespace->mount_count + count_tree(top) > MOUNTS_MAX)
        return -ENOSPC;
    if (parent->group) {
        share_tree(top);
        error = copy_for_all(top, place, &copies);
    } else if (!list_empty(&parent->slaves)) {
        error = copy_for_all(top, place, &copies);
    }
    if (!error) {
        mount_connect(top, parent, place->dentry);
        mount_tree_enter(top, parent->namespace);
    }
    while (!list_empty(&copies)) {
        struct mount *copied = list_first(&copies, struct mount, grave_link);
        list_remove(&copied->grave_link);
        if (error)
            mount_remove_tree(copied, false, graveyard);
        else
            connect_copy(copied, copied->reached_from, place->dentry);
    }
    if (error && parent->group)
        unshare_tree(top);
    return error;
}
