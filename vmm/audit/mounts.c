/*
 * vmm/audit/mounts.c - each mount namespace has one tree of mounts, and mounts are held as often as their
 * counts say.
 *
 * Reads: the mounts of all namespaces and of the file systems in them, who stands in them: roots and
 * working directories, open files. Proves, in a world at rest: a mount is in the list of the namespace
 * that it names, once, and in no other; its parent is in the same one and has it among its children,
 * once; from every mount one comes, by parents, to the root of its namespace; the number of mounts is
 * true; a mount has as many references as its tree, mounts on it, roots, working directories and files
 * hold. A system call under way may hold one more. Cost: one pass over mounts, files and tasks.
 */
#include "vmm/audit/mount_set.h"

struct judging {
    struct vt_audit *audit;
    const struct audit_world *world;
    struct audit_mounts *set;
    const struct audit_mount *parent; /* whose children are walked */
};

static struct audit_finding at_mount(const struct audit_mount *mount)
{
    return (struct audit_finding){.object = mount->address};
}

/* ---- the tree ---- */

static struct vt_error *visit_child(void *context, uint64_t node)
{
    const struct judging *judging = context;
    uint64_t address = node - judging->world->layout->mount_child_link.offset;
    struct audit_mount *child = audit_mount_at(judging->set, address);

    if (!child || child->parent != judging->parent->address) {
        audit_report(judging->audit, at_mount(judging->parent),
                     "mount %u has a child at %#lx that %s", judging->parent->id,
                     (unsigned long)address, child ? "is on another mount" : "is no mount");
        return NULL;
    }
    child->child_of++;
    return NULL;
}

static void check_tree(const struct judging *judging, const struct audit_mount *mount)
{
    const struct audit_mount *parent = audit_mount_at(judging->set, mount->parent);
    bool on_nothing = mount->parent == mount->address;
    size_t steps = 0;

    if (mount->listed != (mount->namespace != 0))
        audit_report(judging->audit, at_mount(mount),
                     "mount %u is in the lists of %u namespaces and says that it is in %s",
                     mount->id, mount->listed, mount->namespace ? "one" : "none");
    if (on_nothing != (mount->mountpoint == 0) || mount->child_of != !on_nothing)
        audit_report(judging->audit, at_mount(mount),
                     "mount %u is on %s, covers %s and is a child of %u mounts", mount->id,
                     on_nothing ? "nothing" : "a mount", mount->mountpoint ? "a place" : "no place",
                     mount->child_of);
    if (!on_nothing && (!parent || parent->namespace != mount->namespace))
        audit_report(judging->audit, at_mount(mount), "mount %u is on a mount %s", mount->id,
                     parent ? "of another namespace" : "that has been freed");
    if (!mount->namespace)
        return;
    while (parent && parent->address != parent->parent && steps++ <= judging->set->count)
        parent = audit_mount_at(judging->set, parent->parent);
    const uint8_t *namespace =
        audit_at(judging->world, mount->namespace, judging->world->layout->mount_namespace_bytes);
    if (!parent || !namespace ||
        AUDIT_GET(judging->world, namespace, mount_namespace_root) != parent->address)
        audit_report(judging->audit, at_mount(mount),
                     "from mount %u one does not come to the root of its namespace", mount->id);
}

static void check_count(void *context, const struct audit_namespace *namespace)
{
    const struct judging *judging = context;
    const struct audit_layout *l = judging->world->layout;
    uint64_t address =
        namespace->address - l->mount_namespace_head.offset + l->namespace_references.offset;
    const uint8_t *raw = audit_at(judging->world, address, l->mount_namespace_bytes);
    uint32_t found = 0;

    for (size_t i = 0; i < judging->set->count; i++)
        found += judging->set->mounts[i].namespace == address;
    if (raw && audit_get(raw, l->mount_namespace_count) != found)
        audit_report(judging->audit, (struct audit_finding){.object = address},
                     "a mount namespace counts %lu mounts, %u were found",
                     (unsigned long)audit_get(raw, l->mount_namespace_count), found);
}

/* ---- who holds them ---- */

static void hold(const struct judging *judging, uint64_t address)
{
    struct audit_mount *mount = audit_mount_at(judging->set, address);

    if (mount)
        mount->held++;
}

static void visit_context(void *context, const uint8_t *raw)
{
    const struct judging *judging = context;

    hold(judging, AUDIT_GET(judging->world, raw, fs_root_mount));
    hold(judging, AUDIT_GET(judging->world, raw, fs_cwd_mount));
}

/* False: what holds them is not known. */
static bool find_holders(const struct judging *judging, uint32_t *ret_slack)
{
    const struct audit_world *world = judging->world;
    const uint8_t *initial = audit_at(world, AUDIT_ROOT(world, roots_initial_root_mount), 8);
    struct audit_files files;
    uint64_t first;

    if (!audit_files_find(world, &files))
        return false;
    for (size_t i = 0; i < files.count; i++)
        if (files.files[i].raw)
            hold(judging, AUDIT_GET(world, files.files[i].raw, file_mount));
    *ret_slack = files.slack;
    audit_files_free(&files);
    audit_each_fs_context(world, visit_context, (void *)judging);
    for (size_t i = 0; i < judging->set->count; i++) {
        struct audit_mount *mount = &judging->set->mounts[i];

        mount->held += mount->namespace != 0;
        if (mount->parent != mount->address)
            hold(judging, mount->parent);
    }
    if (initial) {
        memcpy(&first, initial, sizeof(first));
        hold(judging, first);
    }
    return true;
}

/* Tasks that wait in the middle of a system call, which may hold a place or a file of its own. */
static uint32_t calls_under_way(const struct audit_world *world)
{
    uint32_t count = 0;

    for (size_t i = 0; i < world->task_count; i++) {
        const struct audit_task *task = &world->tasks[i];

        count += !task->kernel_thread && !task->idle && task->state != TASK_ZOMBIE &&
                 task->state != TASK_DEAD && !audit_left_user_mode(world, task) &&
                 task->wait_kind != WAIT_CHILD && task->wait_kind != WAIT_SLEEP &&
                 task->wait_kind != WAIT_FUTEX;
    }
    return count;
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    struct audit_mounts set;
    struct judging judging = {.audit = audit, .world = world, .set = &set};
    uint32_t slack = 0;

    audit_mounts_find(world, &set);
    if (!set.whole) {
        if (!set.many)
            audit_report(audit, (struct audit_finding){0}, "the mounts of a namespace are no list");
        audit_mounts_free(&set);
        return;
    }
    for (size_t i = 0; i < set.count; i++) {
        judging.parent = &set.mounts[i];
        if (!audit_walked(guest_list_walk(
                world->guest, judging.parent->address + world->layout->mount_children.offset,
                (uint32_t)set.count + 1, "children of a mount", visit_child, &judging)))
            audit_report(audit, at_mount(judging.parent), "the children of mount %u are no list",
                         judging.parent->id);
    }
    for (size_t i = 0; i < set.count; i++)
        check_tree(&judging, &set.mounts[i]);
    audit_each_namespace(world, AUDIT_NAMESPACE_MOUNT, check_count, &judging);
    bool known = find_holders(&judging, &slack);
    slack += calls_under_way(world);
    for (size_t i = 0; known && i < set.count; i++) {
        const struct audit_mount *mount = &set.mounts[i];
        uint64_t counted = AUDIT_GET(world, mount->raw, mount_references);

        if (counted < mount->held || counted > mount->held + slack)
            audit_report(audit, at_mount(mount),
                         "mount %u has %lu references, %u holders were found", mount->id,
                         (unsigned long)counted, mount->held);
    }
    audit_mounts_free(&set);
}

const struct audit_invariant invariant_mounts = {
    .name = "mounts",
    .proves = "each mount namespace has one tree of mounts, and mounts have as many references as "
              "holders",
    .needs = AUDIT_NEEDS_FAMILY | AUDIT_NEEDS_MEMORY | AUDIT_NEEDS_WAKES,
    .check = check,
};
