#include "kernel/security/object_tree.h"

#include "kernel/lib/string.h"

bool object_types_check(const struct object_type *types, uint32_t count)
{
    if (!count || count > ACCESS_NODES_MAX || types[0].level != 0)
        return false;
    for (uint32_t i = 1; i < count; i++) {
        if (!types[i].level || types[i].level > types[i - 1].level + 1)
            return false;
        for (uint32_t j = 0; j < i; j++)
            if (!memcmp(types[i].guid, types[j].guid, GUID_BYTES))
                return false;
    }
    return true;
}

int object_tree_find(const struct object_tree *tree, const uint8_t *guid)
{
    for (uint32_t i = 0; tree->types && i < tree->count; i++)
        if (!memcmp(tree->types[i].guid, guid, GUID_BYTES))
            return (int)i;
    return -1;
}

static void allow(struct access_node *node, uint32_t mask)
{
    uint32_t fresh = mask & ~node->decided;
    node->decided |= fresh;
    node->granted |= fresh;
}

static void deny(struct access_node *node, uint32_t mask)
{
    node->decided |= mask;
}

void object_tree_reset(const struct object_tree *tree, uint32_t decided, uint32_t granted)
{
    for (uint32_t i = 0; i < tree->count; i++)
        tree->nodes[i] = (struct access_node){decided, granted};
}

void object_tree_allow_all(const struct object_tree *tree, uint32_t mask)
{
    for (uint32_t i = 0; i < tree->count; i++)
        allow(&tree->nodes[i], mask);
}

void object_tree_deny_all(const struct object_tree *tree, uint32_t mask)
{
    for (uint32_t i = 0; i < tree->count; i++)
        deny(&tree->nodes[i], mask);
}

/* One behind the last node below `index`. */
static uint32_t subtree_end(const struct object_tree *tree, uint32_t index)
{
    uint32_t end = index + 1;
    while (end < tree->count && tree->types[end].level > tree->types[index].level)
        end++;
    return end;
}

/* The nearest node above `index`, which is not the root. */
static uint32_t parent_of(const struct object_tree *tree, uint32_t index)
{
    uint32_t parent = index - 1;
    while (tree->types[parent].level >= tree->types[index].level)
        parent--;
    return parent;
}

/* What all children of `parent` have been granted; it has at least one. */
static uint32_t common_to_children(const struct object_tree *tree, uint32_t parent)
{
    uint32_t common = ~0u;
    uint32_t end = subtree_end(tree, parent);
    for (uint32_t i = parent + 1; i < end; i++)
        if (tree->types[i].level == tree->types[parent].level + 1)
            common &= tree->nodes[i].granted;
    return common;
}

void object_tree_allow(const struct object_tree *tree, uint32_t index, uint32_t mask)
{
    uint32_t end = subtree_end(tree, index);
    for (uint32_t i = index; i < end; i++)
        allow(&tree->nodes[i], mask);
    while (index) {
        index = parent_of(tree, index);
        allow(&tree->nodes[index], common_to_children(tree, index));
    }
}

void object_tree_deny(const struct object_tree *tree, uint32_t index, uint32_t mask)
{
    uint32_t end = subtree_end(tree, index);
    for (uint32_t i = index; i < end; i++)
        deny(&tree->nodes[i], mask);
    while (index) {
        index = parent_of(tree, index);
        deny(&tree->nodes[index], mask);
    }
}

bool object_tree_decided(const struct object_tree *tree, uint32_t mask)
{
    for (uint32_t i = 0; i < tree->count; i++)
        if (mask & ~tree->nodes[i].decided)
            return false;
    return true;
}
