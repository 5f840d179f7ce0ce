/*
 * vmm/audit/mount_set.h - every mount that can be found: in the tree of some namespace, or of a file system
 * that has one there. For mounts.c, propagation.c and dentries.c.
 */
#ifndef VITRINE_AUDIT_MOUNT_SET_H
#define VITRINE_AUDIT_MOUNT_SET_H

#include "vmm/audit/files.h"
#include "vmm/audit/namespace_walk.h"

struct audit_mount {
    uint64_t address; /* first: sorted by it */
    const uint8_t *raw;
    uint64_t parent, mountpoint, root, filesystem, namespace, master;
    uint32_t group, id;
    uint32_t listed;   /* in its namespace's list */
    uint32_t children; /* mounts that say they are on it */
    uint32_t child_of; /* lists of children that it was found in */
    uint32_t held;     /* holders that were found */
};

struct audit_mounts {
    struct audit_mount *mounts;
    size_t count;
    bool whole; /* all lists came to their end, and there was memory */
    bool many;  /* ... there are too many to judge; then it is not whole */
};

/* With `listed` filled in. */
void audit_mounts_find(const struct audit_world *world, struct audit_mounts *ret);
struct audit_mount *audit_mount_at(const struct audit_mounts *set, uint64_t address);
void audit_mounts_free(struct audit_mounts *set);

/* The roots and working directories that tasks have, each shared one once. */
void audit_each_fs_context(const struct audit_world *world,
                           void (*visit)(void *context, const uint8_t *raw), void *context);

#endif
