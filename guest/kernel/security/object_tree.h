/*
 * kernel/security/object_tree.h - rights that are decided for an object and each of its parts.
 *
 * An object without parts is a tree of one node that has no GUID. Whoever decides a bit of a node
 * first has decided it for this pass. Pure: any context, no locks.
 */
#ifndef KERNEL_SECURITY_OBJECT_TREE_H
#define KERNEL_SECURITY_OBJECT_TREE_H

#include "kernel/security/access_types.h"

struct access_node {
    uint32_t decided, granted;
};

struct object_tree {
    const struct object_type *types; /* NULL: one node without a GUID */
    struct access_node *nodes;
    uint32_t count; /* at least 1 */
};

/*
 * Whether `types` is a tree in preorder with one root, no level left out, no GUID twice, and 1 to
 * ACCESS_NODES_MAX nodes.
 */
bool object_types_check(const struct object_type *types, uint32_t count);

/* The node with this GUID, or -1. */
int object_tree_find(const struct object_tree *tree, const uint8_t *guid);

/* The same for all nodes. */
void object_tree_reset(const struct object_tree *tree, uint32_t decided, uint32_t granted);
void object_tree_allow_all(const struct object_tree *tree, uint32_t mask);
void object_tree_deny_all(const struct object_tree *tree, uint32_t mask);

/*
 * Grants `mask` to node `index` and all below it. Then each node above, from the nearest on, is
 * granted what all its children have been granted.
 */
void object_tree_allow(const struct object_tree *tree, uint32_t index, uint32_t mask);
/* Denies it to node `index`, all below it and all above it. */
void object_tree_deny(const struct object_tree *tree, uint32_t index, uint32_t mask);

/* Whether every node has decided all of `mask`. */
bool object_tree_decided(const struct object_tree *tree, uint32_t mask);

#endif
