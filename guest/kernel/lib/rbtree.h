/*
 * kernel/lib/rbtree.h - intrusive red-black tree (Cormen et al., "Introduction to Algorithms", ch.
 * 13) with an optional augmentation: a value per node that summarises its subtree, recomputed
 * bottom up wherever the shape changes. The caller finds the place of insertion and holds whatever
 * lock guards the tree.
 */
#ifndef KERNEL_LIB_RBTREE_H
#define KERNEL_LIB_RBTREE_H

#include "kernel/lib/types.h"

struct rb_node {
    struct rb_node *parent, *left, *right;
    bool red;
};

/* Recomputes the summary of one node from its own value and its two children. */
typedef void rb_update(struct rb_node *node);

struct rb_tree {
    struct rb_node *root;
    rb_update *update; /* NULL: not augmented */
};

/*
 * Links `node` below `parent` at `*link` (the NULL child pointer where a search for it ended;
 * &tree->root and parent NULL for an empty tree) and rebalances.
 */
void rb_insert(struct rb_tree *tree, struct rb_node *node, struct rb_node *parent,
               struct rb_node **link);
void rb_remove(struct rb_tree *tree, struct rb_node *node);
/* Recomputes summaries from `node` up to the root, after its own value changed. */
void rb_updated(struct rb_tree *tree, struct rb_node *node);

struct rb_node *rb_first(const struct rb_tree *tree);
struct rb_node *rb_last(const struct rb_tree *tree);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_previous(const struct rb_node *node);

#define rb_entry(node, type, member) container_of(node, type, member)

#endif
