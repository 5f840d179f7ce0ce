/*
 * kernel/lib/rbtree.c - red-black tree: insertion and removal with rebalancing (CLRS, 3rd
 * ed., 13.2-13.4), with NULL for the sentinel and the parent carried along where the textbook reads
 * nil.parent.
 *
 * The augmentation rule: whoever changes the set below a node recomputes that node; rotations
 * recompute the two nodes they turn, and one walk to the root after the change of shape recomputes
 * the rest.
 */
#include "kernel/lib/rbtree.h"

static bool is_red(const struct rb_node *node)
{
    return node && node->red;
}

static void replace_child(struct rb_tree *tree, struct rb_node *parent, struct rb_node *old,
                          struct rb_node *new)
{
    if (!parent)
        tree->root = new;
    else if (parent->left == old)
        parent->left = new;
    else
        parent->right = new;
}

static void rotate_left(struct rb_tree *tree, struct rb_node *node)
{
    struct rb_node *pivot = node->right;

    node->right = pivot->left;
    if (pivot->left)
        pivot->left->parent = node;
    pivot->parent = node->parent;
    replace_child(tree, node->parent, node, pivot);
    pivot->left = node;
    node->parent = pivot;
    if (tree->update) {
        tree->update(node);
        tree->update(pivot);
    }
}

static void rotate_right(struct rb_tree *tree, struct rb_node *node)
{
    struct rb_node *pivot = node->left;

    node->left = pivot->right;
    if (pivot->right)
        pivot->right->parent = node;
    pivot->parent = node->parent;
    replace_child(tree, node->parent, node, pivot);
    pivot->right = node;
    node->parent = pivot;
    if (tree->update) {
        tree->update(node);
        tree->update(pivot);
    }
}

void rb_updated(struct rb_tree *tree, struct rb_node *node)
{
    if (!tree->update)
        return;
    for (; node; node = node->parent)
        tree->update(node);
}

void rb_insert(struct rb_tree *tree, struct rb_node *node, struct rb_node *parent,
               struct rb_node **link)
{
    node->parent = parent;
    node->left = node->right = NULL;
    node->red = true;
    *link = node;
    rb_updated(tree, node);

    while (is_red(parent = node->parent)) {
        struct rb_node *grandparent = parent->parent; /* exists: a red node is never the root */
        bool left = parent == grandparent->left;
        struct rb_node *uncle = left ? grandparent->right : grandparent->left;

        if (is_red(uncle)) {
            parent->red = uncle->red = false;
            grandparent->red = true;
            node = grandparent;
            continue;
        }
        if (left) {
            if (node == parent->right) {
                rotate_left(tree, parent);
                parent = node;
            }
            parent->red = false;
            grandparent->red = true;
            rotate_right(tree, grandparent);
        } else {
            if (node == parent->left) {
                rotate_right(tree, parent);
                parent = node;
            }
            parent->red = false;
            grandparent->red = true;
            rotate_left(tree, grandparent);
        }
        break;
    }
    tree->root->red = false;
}

/* `node` (perhaps NULL) below `parent` lacks one black node on every path through it. */
static void repair_removal(struct rb_tree *tree, struct rb_node *node, struct rb_node *parent)
{
    while (parent && !is_red(node)) {
        if (node == parent->left) {
            struct rb_node *sibling = parent->right;

            /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it has a black node to spare */
            if (sibling->red) {
                sibling->red = false;
                parent->red = true;
                rotate_left(tree, parent);
                sibling = parent->right;
            }
            if (!is_red(sibling->left) && !is_red(sibling->right)) {
                sibling->red = true;
                node = parent;
                parent = node->parent;
                continue;
            }
            if (!is_red(sibling->right)) {
                sibling->left->red = false;
                sibling->red = true;
                rotate_right(tree, sibling);
                sibling = parent->right;
            }
            sibling->red = parent->red;
            parent->red = false;
            sibling->right->red = false;
            rotate_left(tree, parent);
        } else {
            struct rb_node *sibling = parent->left;

            if (sibling->red) {
                sibling->red = false;
                parent->red = true;
                rotate_right(tree, parent);
                sibling = parent->left;
            }
            if (!is_red(sibling->left) && !is_red(sibling->right)) {
                sibling->red = true;
                node = parent;
                parent = node->parent;
                continue;
            }
            if (!is_red(sibling->left)) {
                sibling->right->red = false;
                sibling->red = true;
                rotate_left(tree, sibling);
                sibling = parent->left;
            }
            sibling->red = parent->red;
            parent->red = false;
            sibling->left->red = false;
            rotate_right(tree, parent);
        }
        return;
    }
    if (node)
        node->red = false;
}

void rb_remove(struct rb_tree *tree, struct rb_node *node)
{
    struct rb_node *child, *parent;
    bool removed_red;

    if (node->left && node->right) {
        /* Its successor has no left child: it is unlinked instead and takes the node's place and
         * colour. */
        struct rb_node *successor = node->right;

        while (successor->left)
            successor = successor->left;
        removed_red = successor->red;
        child = successor->right;
        parent = successor->parent;
        if (parent == node) {
            parent = successor;
        } else {
            parent->left = child;
            if (child)
                child->parent = parent;
            successor->right = node->right;
            node->right->parent = successor;
        }
        successor->left = node->left;
        node->left->parent = successor;
        successor->parent = node->parent;
        successor->red = node->red;
        replace_child(tree, node->parent, node, successor);
    } else {
        child = node->left ? node->left : node->right;
        parent = node->parent;
        removed_red = node->red;
        if (child)
            child->parent = parent;
        replace_child(tree, parent, node, child);
    }
    rb_updated(tree, parent);
    if (!removed_red)
        repair_removal(tree, child, parent);
    node->parent = node->left = node->right = NULL;
}

struct rb_node *rb_first(const struct rb_tree *tree)
{
    struct rb_node *node = tree->root;

    while (node && node->left)
        node = node->left;
    return node;
}

struct rb_node *rb_last(const struct rb_tree *tree)
{
    struct rb_node *node = tree->root;

    while (node && node->right)
        node = node->right;
    return node;
}

struct rb_node *rb_next(const struct rb_node *node)
{
    if (node->right) {
        node = node->right;
        while (node->left)
            node = node->left;
        return (struct rb_node *)node;
    }
    while (node->parent && node == node->parent->right)
        node = node->parent;
    return node->parent;
}

struct rb_node *rb_previous(const struct rb_node *node)
{
    if (node->left) {
        node = node->left;
        while (node->right)
            node = node->right;
        return (struct rb_node *)node;
    }
    while (node->parent && node == node->parent->left)
        node = node->parent;
    return node->parent;
}
