/* kernel/mm/usage.c - see usage.h. */
#include "kernel/mm/usage.h"

#include "kernel/mm/page_table.h"

#define PARTS 4096u /* of a page, in memory_usage.proportional */

/* How many mappings show the leaf's frame. A shared leaf table's leaf counts once for all spaces. */
static uint32_t viewers(pte_t leaf, pte_t entry)
{
    phys_t frame = leaf & PTE_ADDRESS;
    uint32_t count = READ_ONCE(frame_of(frame)->references);
    if (frame_kind_of(frame) != FRAME_ANONYMOUS && count > 1)
        count--; /* its file has it, too */
    if (!(entry & PTE_WRITABLE))
        count += max(READ_ONCE(frame_of(entry & PTE_ADDRESS)->references), 1u) - 1;
    return max(count, 1u);
}

void memory_usage_add(struct address_space *space, const struct vma *vma,
                      struct memory_usage *usage)
{
    uint64_t address = vma->start;
    pte_t *slot, *entry;
    usage->size += vma_pages(vma);
    if (vma->flags & VMA_LOCKED)
        usage->locked += vma_pages(vma);
    for (uint64_t at; (slot = page_table_find_next(space, address, vma->end, &at, &entry));
         address = at + PAGE_SIZE) {
        pte_t leaf = *slot;
        if (!leaf)
            continue;
        uint32_t count = viewers(leaf, *entry);
        bool anonymous = frame_kind_of(leaf & PTE_ADDRESS) == FRAME_ANONYMOUS;
        bool dirty = anonymous || leaf & PTE_DIRTY;
        usage->resident++;
        usage->anonymous += anonymous;
        usage->referenced += anonymous || leaf & PTE_ACCESSED;
        usage->proportional += PARTS / count;
        if (count > 1)
            *(dirty ? &usage->shared_dirty : &usage->shared_clean) += 1;
        else
            *(dirty ? &usage->private_dirty : &usage->private_clean) += 1;
    }
}

static uint64_t pagemap_entry(struct address_space *space, uint64_t address)
{
    const struct vma *vma = vma_find(space, address);
    bool shared = false;
    if (!vma || address < vma->start)
        return 0;
    const pte_t *slot = page_table_find(space, address, &shared);
    if (!slot || !*slot)
        return PAGEMAP_SOFT_DIRTY;
    phys_t frame = *slot & PTE_ADDRESS;
    bool anonymous = frame_kind_of(frame) == FRAME_ANONYMOUS;
    bool alone = anonymous && !shared && READ_ONCE(frame_of(frame)->references) == 1;
    return PAGEMAP_PRESENT | PAGEMAP_SOFT_DIRTY | (anonymous ? 0 : PAGEMAP_FILE) |
           (alone ? PAGEMAP_EXCLUSIVE : 0) | frame >> PAGE_SHIFT;
}

void address_space_pagemap(struct address_space *space, uint64_t first, uint64_t *entries,
                           size_t count)
{
    mutex_lock(&space->lock);
    for (size_t i = 0; i < count; i++) {
        uint64_t page = first + i;
        entries[i] = page < USER_END >> PAGE_SHIFT ? pagemap_entry(space, page << PAGE_SHIFT) : 0;
    }
    mutex_unlock(&space->lock);
}
