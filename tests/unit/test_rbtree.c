// SOURCES: guest/kernel/lib/rbtree.c
/* Does the tree stay ordered, balanced and correctly summarised under any insertions and removals?
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "kernel/lib/rbtree.h"

struct item {
    struct rb_node node;
    unsigned key;
    unsigned smallest; /* in the subtree: the augmentation under test */
    bool used;
};

#define ITEMS 600
static struct item items[ITEMS];

static struct item *item_of(struct rb_node *node)
{
    return rb_entry(node, struct item, node);
}

static void update(struct rb_node *node)
{
    struct item *item = item_of(node);

    item->smallest = item->key;
    if (node->left && item_of(node->left)->smallest < item->smallest)
        item->smallest = item_of(node->left)->smallest;
    if (node->right && item_of(node->right)->smallest < item->smallest)
        item->smallest = item_of(node->right)->smallest;
}

static void insert(struct rb_tree *tree, struct item *item)
{
    struct rb_node **link = &tree->root, *parent = NULL;

    while (*link) {
        parent = *link;
        link = item->key < item_of(parent)->key ? &parent->left : &parent->right;
    }
    rb_insert(tree, &item->node, parent, link);
}

/* Black height of a subtree; checks parent links, colours and summaries on the way. */
static int check(struct rb_node *node, struct rb_node *parent)
{
    if (!node)
        return 1;
    cr_assert(node->parent == parent);
    cr_assert(!(node->red && parent && parent->red), "two red nodes in a row");
    int left = check(node->left, node), right = check(node->right, node);
    cr_assert_eq(left, right, "paths with different numbers of black nodes");
    unsigned smallest = item_of(node)->smallest;
    update(node);
    cr_assert_eq(smallest, item_of(node)->smallest, "stale summary");
    return left + !node->red;
}

Test(rbtree, random_insertions_and_removals)
{
    struct rb_tree tree = {NULL, update};
    unsigned count = 0;

    srand(1);
    for (unsigned i = 0; i < ITEMS; i++)
        items[i].key = i * 7;
    for (int step = 0; step < 6000; step++) {
        struct item *item = &items[rand() % ITEMS];

        if (item->used) {
            rb_remove(&tree, &item->node);
            count--;
        } else {
            insert(&tree, item);
            count++;
        }
        item->used = !item->used;
        cr_assert(!tree.root || !tree.root->red);
        check(tree.root, NULL);
        if (step % 50)
            continue;
        unsigned forward = 0, backward = 0;
        unsigned previous = 0;
        for (struct rb_node *node = rb_first(&tree); node; node = rb_next(node)) {
            cr_assert(forward == 0 || item_of(node)->key > previous);
            previous = item_of(node)->key;
            forward++;
        }
        for (struct rb_node *node = rb_last(&tree); node; node = rb_previous(node))
            backward++;
        cr_assert_eq(forward, count);
        cr_assert_eq(backward, count);
    }
}

Test(rbtree, empty_tree)
{
    struct rb_tree tree = {NULL, NULL};

    cr_assert_null(rb_first(&tree));
    cr_assert_null(rb_last(&tree));
    struct rb_node node;
    rb_insert(&tree, &node, NULL, &tree.root);
    cr_assert(rb_first(&tree) == &node && rb_last(&tree) == &node);
    cr_assert_null(rb_next(&node));
    rb_remove(&tree, &node);
    cr_assert_null(tree.root);
}
