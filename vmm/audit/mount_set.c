/* vmm/audit/mount_set.c - see mount_set.h. */
#include "vmm/audit/mount_set.h"

#include <stdlib.h>

#include "vmm/audit/tally.h"

#define MOUNTS_MAX 20000u /* each is compared with all others of its group */

struct finding {
    const struct audit_world *world;
    struct audit_mounts *set;
    size_t room;
    struct audit_tally seen;        /* mounts */
    struct audit_tally filesystems; /* of them */
    struct audit_field link;        /* of the list that is walked */
    uint64_t namespace;             /* 0: the list is a file system's */
};

static struct vt_error *add(void *context, uint64_t node)
{
    struct finding *finding = context;
    const struct audit_layout *l = finding->world->layout;
    struct audit_mounts *set = finding->set;
    uint64_t address = node - finding->link.offset;
    const uint8_t *raw = audit_at(finding->world, address, l->mount_bytes);

    if (!raw)
        return vt_error_create(VT_ERROR_CORRUPT, "a mount lies at no memory");
    struct audit_tallied *seen = audit_tally(&finding->seen, address);
    if (!seen)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for mounts");
    seen->listed += finding->namespace != 0;
    if (seen->held++)
        return NULL;
    if (set->count == MOUNTS_MAX) {
        set->many = true;
        return vt_error_create(VT_ERROR_CORRUPT, "more mounts than an audit judges");
    }
    if (set->count == finding->room) {
        size_t room = finding->room ? finding->room * 2 : 64;
        struct audit_mount *larger = realloc(set->mounts, room * sizeof(*larger));

        if (!larger)
            return vt_error_create(VT_ERROR_MEMORY, "out of memory for mounts");
        set->mounts = larger;
        finding->room = room;
    }
    struct audit_mount *mount = &set->mounts[set->count++];
    *mount = (struct audit_mount){
        .address = address,
        .raw = raw,
        .parent = audit_get(raw, l->mount_parent),
        .mountpoint = audit_get(raw, l->mount_mountpoint),
        .root = audit_get(raw, l->mount_root),
        .filesystem = audit_get(raw, l->mount_filesystem),
        .namespace = audit_get(raw, l->mount_namespace),
        .master = audit_get(raw, l->mount_master),
        .group = (uint32_t)audit_get(raw, l->mount_group),
        .id = (uint32_t)audit_get(raw, l->mount_id),
    };
    audit_tally(&finding->filesystems, mount->filesystem);
    return NULL;
}

static void visit_namespace(void *context, const struct audit_namespace *namespace)
{
    struct finding *finding = context;
    const struct audit_layout *l = finding->world->layout;

    finding->namespace =
        namespace->address - l->mount_namespace_head.offset + l->namespace_references.offset;
    finding->link = l->mount_namespace_link;
    if (!audit_walked(guest_list_walk(finding->world->guest,
                                      finding->namespace + l->mount_namespace_mounts.offset,
                                      MOUNTS_MAX + 1, "a namespace's mounts", add, finding)))
        finding->set->whole = false;
}

static int by_address(const void *a, const void *b)
{
    const struct audit_mount *left = a, *right = b;

    return left->address < right->address ? -1 : left->address > right->address;
}

void audit_mounts_find(const struct audit_world *world, struct audit_mounts *ret)
{
    struct finding finding = {.world = world, .set = ret};

    *ret = (struct audit_mounts){.whole = true};
    if (!audit_each_namespace(world, AUDIT_NAMESPACE_MOUNT, visit_namespace, &finding))
        ret->whole = false;
    finding.namespace = 0;
    finding.link = world->layout->mount_filesystem_link;
    for (size_t i = 0; i < finding.filesystems.room; i++) {
        uint64_t filesystem = finding.filesystems.places[i].address;

        if (filesystem && !audit_walked(guest_list_walk(
                              world->guest, filesystem + world->layout->filesystem_mounts.offset,
                              MOUNTS_MAX + 1, "a file system's mounts", add, &finding)))
            ret->whole = false;
    }
    if (ret->count)
        qsort(ret->mounts, ret->count, sizeof(*ret->mounts), by_address);
    for (size_t i = 0; i < ret->count; i++) {
        const struct audit_tallied *seen = audit_tallied(&finding.seen, ret->mounts[i].address);

        ret->mounts[i].listed = seen ? seen->listed : 0;
    }
    ret->whole = ret->whole && !finding.filesystems.out_of_memory;
    audit_tally_free(&finding.seen);
    audit_tally_free(&finding.filesystems);
}

struct audit_mount *audit_mount_at(const struct audit_mounts *set, uint64_t address)
{
    struct audit_mount key = {.address = address};

    return set->count ? bsearch(&key, set->mounts, set->count, sizeof(key), by_address) : NULL;
}

void audit_mounts_free(struct audit_mounts *set)
{
    free(set->mounts);
    *set = (struct audit_mounts){0};
}

void audit_each_fs_context(const struct audit_world *world,
                           void (*visit)(void *context, const uint8_t *raw), void *context)
{
    struct audit_tally seen = {0};

    for (size_t i = 0; i < world->task_count; i++) {
        uint64_t address = AUDIT_GET(world, world->tasks[i].raw, task_fs);
        struct audit_tallied *place = audit_tally(&seen, address);
        const uint8_t *raw = audit_at(world, address, world->layout->fs_context_bytes);

        if (place && !place->held++ && raw)
            visit(context, raw);
    }
    audit_tally_free(&seen);
}
