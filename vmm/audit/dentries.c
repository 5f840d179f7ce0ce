/*
 * vmm/audit/dentries.c - cached names are one tree per file system, and are held as often as their counts
 * say at least.
 *
 * Reads: the cached names below the root of every file system that is mounted, their hash tables, mounts,
 * roots and working directories, open files. Proves, in a world at rest: a cached name's parent is the
 * directory that lists it; a directory counts as many names as it lists, and finds each of them in its
 * table under its hash; a name counts the mounts that cover it; it has at least as many references as
 * names below it, mounts, directories of processes and open files hold, so that none is freed in use.
 * (Who else may hold one is not known to it: walks under way, sockets, segments.) Cost: one pass over
 * cached names.
 */
#include "vmm/audit/mount_set.h"

#include <stdlib.h>

#include "vmm/audit/tally.h"

#define DENTRIES_MAX 200000u
#define BUCKETS_MAX  (1u << 20)
#define UNHASHED     0x80000000u /* DENTRY_UNHASHED: guest/kernel/fs/inode.h */

struct judging {
    struct vt_audit *audit;
    const struct audit_world *world;
    struct audit_tally
        names;       /* held: holders found; listed: children; other: mounts that cover it */
    uint64_t *queue; /* directories that were not looked at yet */
    size_t queued, room;
    uint64_t directory; /* whose children are walked */
    const uint8_t *raw; /* ... of it */
    uint32_t children;
    bool whole;
};

static void enqueue(struct judging *judging, uint64_t address)
{
    if (judging->queued == judging->room) {
        size_t room = judging->room ? judging->room * 2 : 1024;
        uint64_t *larger = judging->queued >= DENTRIES_MAX
                               ? NULL
                               : realloc(judging->queue, room * sizeof(*larger));

        if (!larger) {
            judging->whole = false;
            return;
        }
        judging->queue = larger;
        judging->room = room;
    }
    judging->queue[judging->queued++] = address;
}

static const uint8_t *dentry_at(const struct judging *judging, uint64_t address)
{
    return audit_at(judging->world, address, judging->world->layout->dentry_bytes);
}

/* Is it in the bucket of its hash, in its directory's table? */
static bool in_bucket(const struct judging *judging, uint64_t address, const uint8_t *child)
{
    const struct audit_layout *l = judging->world->layout;
    uint64_t count = audit_get(judging->raw, l->dentry_bucket_count), at = 0;

    if (!count)
        return true;
    if (count > BUCKETS_MAX || count & (count - 1))
        return false;
    uint64_t bucket = audit_get(child, l->dentry_name_hash) & (count - 1);
    const uint8_t *place =
        audit_at(judging->world, audit_get(judging->raw, l->dentry_buckets) + bucket * 8, 8);
    if (place)
        memcpy(&at, place, sizeof(at));
    for (uint32_t steps = 0; at && at != address && steps < DENTRIES_MAX; steps++) {
        const uint8_t *raw = dentry_at(judging, at);

        at = raw ? audit_get(raw, l->dentry_hash_next) : 0;
    }
    return at == address;
}

static struct vt_error *visit_child(void *context, uint64_t node)
{
    struct judging *judging = context;
    const struct audit_layout *l = judging->world->layout;
    uint64_t address = node - l->dentry_sibling_link.offset;
    const uint8_t *raw = dentry_at(judging, address);
    struct audit_finding where = {.object = judging->directory, .address = address};

    if (!raw)
        return vt_error_create(VT_ERROR_CORRUPT, "a name lies at no memory");
    judging->children++;
    struct audit_tallied *name = audit_tally(&judging->names, address);
    if (!name)
        return NULL;
    if (audit_get(raw, l->dentry_parent) != judging->directory)
        audit_report(judging->audit, where,
                     "the directory at %#lx lists a name at %#lx of another one",
                     (unsigned long)judging->directory, (unsigned long)address);
    else if (audit_get(raw, l->dentry_references) & UNHASHED)
        audit_report(judging->audit, where,
                     "the directory at %#lx lists a name at %#lx that has left it",
                     (unsigned long)judging->directory, (unsigned long)address);
    else if (!in_bucket(judging, address, raw))
        audit_report(judging->audit, where,
                     "the directory at %#lx does not find the name at %#lx in its table",
                     (unsigned long)judging->directory, (unsigned long)address);
    if (name->listed++)
        audit_report(judging->audit, where, "the name at %#lx is in the lists of two directories",
                     (unsigned long)address);
    else
        enqueue(judging, address);
    audit_tally_hold(&judging->names, judging->directory);
    return NULL;
}

static void check_children(struct judging *judging, uint64_t directory)
{
    const struct audit_layout *l = judging->world->layout;
    struct audit_finding where = {.object = directory};

    judging->directory = directory;
    judging->raw = dentry_at(judging, directory);
    judging->children = 0;
    if (!judging->raw || audit_get(judging->raw, l->dentry_lock))
        return;
    if (!audit_walked(guest_list_walk(judging->world->guest, directory + l->dentry_children.offset,
                                      DENTRIES_MAX, "cached names", visit_child, judging)))
        audit_report(judging->audit, where, "the names in the directory at %#lx are no list",
                     (unsigned long)directory);
    else if (judging->children != audit_get(judging->raw, l->dentry_child_count))
        audit_report(
            judging->audit, where, "the directory at %#lx counts %lu cached names, %u were found",
            (unsigned long)directory, (unsigned long)audit_get(judging->raw, l->dentry_child_count),
            judging->children);
}

/* Every cached name, from the roots of file systems on. */
static void walk_trees(struct judging *judging, const struct audit_mounts *set)
{
    const struct audit_layout *l = judging->world->layout;
    struct audit_tally roots = {0};

    for (size_t i = 0; i < set->count; i++) {
        const uint8_t *filesystem =
            audit_at(judging->world, set->mounts[i].filesystem, l->filesystem_bytes);
        uint64_t root = filesystem ? audit_get(filesystem, l->filesystem_root) : 0;
        struct audit_tallied *place = audit_tally(&roots, root);

        if (!place || place->held++)
            continue;
        audit_tally_hold(&judging->names, root); /* the file system's */
        enqueue(judging, root);
    }
    audit_tally_free(&roots);
    for (size_t i = 0; i < judging->queued; i++)
        check_children(judging, judging->queue[i]);
}

static void visit_context(void *context, const uint8_t *raw)
{
    struct judging *judging = context;

    audit_tally_hold(&judging->names, AUDIT_GET(judging->world, raw, fs_root_dentry));
    audit_tally_hold(&judging->names, AUDIT_GET(judging->world, raw, fs_cwd_dentry));
}

static void find_holders(struct judging *judging, const struct audit_mounts *set)
{
    struct audit_files files;

    for (size_t i = 0; i < set->count; i++) {
        audit_tally_hold(&judging->names, set->mounts[i].root);
        audit_tally_hold(&judging->names, set->mounts[i].mountpoint);
        struct audit_tallied *covered = audit_tally(&judging->names, set->mounts[i].mountpoint);
        if (covered)
            covered->other++;
    }
    audit_each_fs_context(judging->world, visit_context, judging);
    if (!audit_files_find(judging->world, &files)) {
        judging->whole = false;
        return;
    }
    for (size_t i = 0; i < files.count; i++)
        if (files.files[i].raw)
            audit_tally_hold(&judging->names,
                             AUDIT_GET(judging->world, files.files[i].raw, file_dentry));
    audit_files_free(&files);
}

static void check_counts(struct judging *judging)
{
    const struct audit_layout *l = judging->world->layout;

    for (size_t i = 0; i < judging->names.room; i++) {
        const struct audit_tallied *name = &judging->names.places[i];
        const uint8_t *raw = name->address ? dentry_at(judging, name->address) : NULL;
        struct audit_finding where = {.object = name->address};

        if (!raw)
            continue;
        uint64_t counted = audit_get(raw, l->dentry_references) & ~(uint64_t)UNHASHED;
        if (counted < name->held)
            audit_report(judging->audit, where,
                         "the name at %#lx has %lu references, %u holders were found",
                         (unsigned long)name->address, (unsigned long)counted, name->held);
        if (audit_get(raw, l->dentry_mounts) != name->other)
            audit_report(judging->audit, where,
                         "the name at %#lx counts %lu mounts that cover it, %u were found",
                         (unsigned long)name->address,
                         (unsigned long)audit_get(raw, l->dentry_mounts), name->other);
    }
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    struct judging judging = {.audit = audit, .world = world};
    struct audit_mounts set;

    audit_mounts_find(world, &set);
    judging.whole = set.whole;
    if (set.whole) {
        walk_trees(&judging, &set);
        find_holders(&judging, &set);
    }
    if (judging.whole && !judging.names.out_of_memory)
        check_counts(&judging);
    free(judging.queue);
    audit_tally_free(&judging.names);
    audit_mounts_free(&set);
}

const struct audit_invariant invariant_dentries = {
    .name = "dentries",
    .proves =
        "cached names are a tree in which directories find theirs, know what covers them, and "
        "none is freed in use",
    .needs = AUDIT_NEEDS_FAMILY | AUDIT_NEEDS_MEMORY | AUDIT_NEEDS_WAKES,
    .check = check,
};
