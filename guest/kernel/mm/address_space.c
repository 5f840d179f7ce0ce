/*
 * kernel/mm/address_space.c - birth and death of address spaces.
 */
#include "kernel/mm/address_space.h"

#include "arch/cpu.h"
#include "arch/page_table.h"
#include "kernel/fs/file.h"
#include "kernel/lib/panic.h"
#include "kernel/mm/mapping.h"
#include "kernel/mm/page_table.h"
#include "kernel/sync/refcount.h"

#define TABLES_MUCH 64u /* page tables: of 128 MiB, if there are no holes */

bool (*address_space_release_later)(struct address_space *space);
struct slot_table address_space_slots = SLOT_TABLE_INIT("address_space", struct address_space);

struct address_space *address_space_create_hidden(void)
{
    struct address_space *space = slot_allocate(&address_space_slots);

    if (!space)
        return NULL;
    phys_t root = frame_allocate(FRAME_PAGE_TABLE, 0, FRAME_WANT_ZERO | FRAME_MAY_USE_RESERVE);
    if (!root) {
        slot_free(&address_space_slots, space);
        return NULL;
    }
    frame_of(root)->next = 0;
    arch_root_table_init(root);
    space->root = root;
    space->table_pages = 1;
    space->mmap_top = USER_END;
    mutex_init(&space->lock, RANK_ADDRESS_SPACE);
    vma_tree_init(space);
    return space;
}

struct address_space *address_space_create(void)
{
    struct address_space *space = address_space_create_hidden();

    if (space)
        address_space_publish(space);
    return space;
}

void address_space_get(struct address_space *space)
{
    reference_get(&space->object.references);
}

/* No CPU uses the space, nobody can find it: no lock, no flush. The tree is taken apart without
 * rebalancing. */
NO_INLINE void address_space_release(struct address_space *space)
{
    struct vma *vma, *next;

    if (unlikely(space->counted))
        mappings_uncount(space);
    for (vma = vma_first(space); vma; vma = vma_next(vma))
        page_table_unmap(space, vma->start, vma->end, true);
    kernel_assert(space->table_pages == 1);

    /* Each node is freed after its children; a child is unhooked when it goes. */
    for (vma = space->vmas.root ? rb_entry(space->vmas.root, struct vma, node) : NULL; vma;
         vma = next) {
        struct rb_node *node = &vma->node;
        struct rb_node *child = node->left ? node->left : node->right;

        if (child) {
            if (node->left)
                node->left = NULL;
            else
                node->right = NULL;
            next = rb_entry(child, struct vma, node);
            continue;
        }
        next = node->parent ? rb_entry(node->parent, struct vma, node) : NULL;
        vma_destroy(vma);
    }
    vma_tree_init(space);
    if (space->executable)
        file_put(space->executable);
    space->executable = NULL;
    arch_root_table_clear(space->root);
    frame_release_clean(space->root);
    slot_free(&address_space_slots, space);
}

/* What others show, too, is quickly let go. */
static bool has_much(const struct address_space *space)
{
    return space->table_pages - space->shared_tables > TABLES_MUCH;
}

void address_space_put(struct address_space *space)
{
    if (!reference_put(&space->object.references))
        return;
    address_space_retire(space);
    if (unlikely(has_much(space)) && address_space_release_later &&
        address_space_release_later(space))
        return;
    address_space_release(space);
}
