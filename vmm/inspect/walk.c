/*
 * vmm/inspect/walk.c - trees by left and right links, lists by next links, both with limits.
 */
#include "vmm/inspect/walk.h"

/* A red-black tree of 2^30 nodes is at most 60 deep. */
#define DEPTH_MAX 64

#define LIST_FIELDS(F) F(next, "next") F(previous, "previous")
LAYOUT(list_layout, LIST_FIELDS);

#define NODE_FIELDS(F) F(left, "left") F(right, "right")
LAYOUT(node_layout, NODE_FIELDS);

#define TREE_FIELDS(F) F(root, "root")
LAYOUT(tree_layout, TREE_FIELDS);

static struct vt_error *too_many(const char *what, uint32_t limit)
{
    return vt_error_create(VT_ERROR_CORRUPT,
                           "%s of the guest has more than %u members: it seems to contain itself",
                           what, limit);
}

struct vt_error *guest_tree_walk(const struct vt_guest *guest, uint64_t tree, uint32_t limit,
                                 const char *what, guest_visit *visit, void *context)
{
    struct guest_loads loads = {.guest = guest};
    uint64_t above[DEPTH_MAX]; /* nodes whose left side is being walked */
    unsigned depth = 0;
    uint32_t seen = 0;
    struct tree_layout tree_layout;
    struct node_layout layout;
    struct vt_error *error = LAYOUT_FIND(guest, &tree_layout, "rb_tree", 1, TREE_FIELDS);

    if (!error)
        error = LAYOUT_FIND(guest, &layout, "rb_node", 2, NODE_FIELDS);
    if (error)
        return error;
    uint64_t node = guest_load(&loads, tree, tree_layout.root);
    while (node || depth > 0) {
        while (node) {
            if (depth == DEPTH_MAX)
                return vt_error_create(VT_ERROR_CORRUPT,
                                       "%s of the guest is deeper than a balanced tree can be",
                                       what);
            above[depth++] = node;
            node = guest_load(&loads, node, layout.left);
        }
        if (loads.failed)
            break;
        node = above[--depth];
        if (seen++ == limit)
            return too_many(what, limit);
        error = visit(context, node);
        if (error)
            return error;
        node = guest_load(&loads, node, layout.right);
    }
    return guest_loads_error(&loads, what);
}

struct vt_error *guest_list_walk(const struct vt_guest *guest, uint64_t head, uint32_t limit,
                                 const char *what, guest_visit *visit, void *context)
{
    struct guest_loads loads = {.guest = guest};
    struct list_layout layout;
    uint64_t before = head;
    struct vt_error *error = LAYOUT_FIND(guest, &layout, "list", 2, LIST_FIELDS);

    if (error)
        return error;
    uint64_t node = guest_load(&loads, head, layout.next);
    if (!loads.failed && !node && !guest_load(&loads, head, layout.previous))
        return NULL;
    for (uint32_t seen = 0; node != head && !loads.failed; seen++) {
        if (seen == limit)
            return too_many(what, limit);
        uint64_t previous = guest_load(&loads, node, layout.previous);
        if (!loads.failed && previous != before)
            return vt_error_create(VT_ERROR_CORRUPT,
                                   "%s of the guest is torn: %#lx does not lead back to %#lx", what,
                                   (unsigned long)node, (unsigned long)before);
        if (loads.failed)
            break;
        error = visit(context, node);
        if (error)
            return error;
        before = node;
        node = guest_load(&loads, node, layout.next);
    }
    return guest_loads_error(&loads, what);
}
