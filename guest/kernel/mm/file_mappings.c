/*
 * kernel/mm/file_mappings.c - the search through all address spaces (file_mappings.h).
 *
 * A space that a fork makes meanwhile may lie in a slot that the search has passed. So forks are
 * counted when they are done, with the source still locked, and the search begins again if there
 * was one: a child that it did not see was copied from a source that it had been through.
 */
#include "kernel/mm/file_mappings.h"

#include "arch/page_table.h"
#include "kernel/fs/file.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/mapping.h"
#include "kernel/mm/page_table.h"
#include "kernel/sched/task.h"

uint64_t address_spaces_forked;

struct search {
    struct inode *inode;
    uint64_t first, end; /* pages of the file */
    bool copies;
    bool found_writable;
};

/* The space in the slot, counted, if it is complete. NULL: none, or gone. */
static struct address_space *space_get(uint32_t index)
{
    const struct glass_slots *slots = &address_space_slots.glass;
    struct address_space *space =
        (struct address_space *)(slots->chunks[index / slots->slots_per_chunk] +
                                 (uint64_t)(index % slots->slots_per_chunk) * slots->stride);

    if (!load_acquire(&space->complete) || !reference_get_if_held(&space->object.references))
        return NULL;
    if (load_acquire(&space->complete))
        return space;
    address_space_put(space); /* it went, and the slot has been given out again */
    return NULL;
}

/* Calls for every mapping of the file, its space locked. */
static void search_all(struct search *search,
                       void (*visit)(struct search *search, struct address_space *space,
                                     const struct vma *vma))
{
    uint64_t forked;

    do {
        forked = __atomic_load_n(&address_spaces_forked, __ATOMIC_ACQUIRE);
        for (uint32_t i = 0; i < load_acquire(&address_space_slots.glass.high_water); i++) {
            struct address_space *space = space_get(i);

            if (!space)
                continue;
            mutex_lock(&space->lock);
            for (const struct vma *vma = vma_first(space); vma; vma = vma_next(vma))
                if (vma->file && vma->file->inode == search->inode)
                    visit(search, space, vma);
            mutex_unlock(&space->lock);
            address_space_put(space);
            preemption_point();
        }
    } while (__atomic_load_n(&address_spaces_forked, __ATOMIC_ACQUIRE) != forked);
}

static void remove_from(struct search *search, struct address_space *space, const struct vma *vma)
{
    uint64_t start = vma->file_offset >> PAGE_SHIFT;
    uint64_t pages = vma_pages(vma);

    /* The rest of an ELF segment is no part of the file. */
    if (vma->file_bytes < pages << PAGE_SHIFT)
        pages = align_up(vma->file_bytes, PAGE_SIZE) >> PAGE_SHIFT;
    uint64_t first = max(start, search->first), end = min(start + pages, search->end);
    if (first < end)
        page_table_unmap_file(space, vma->start + ((first - start) << PAGE_SHIFT),
                              vma->start + ((end - start) << PAGE_SHIFT), search->copies);
}

void file_mappings_remove(struct inode *inode, uint64_t first, uint64_t end, bool copies)
{
    struct search search = {.inode = inode, .first = first, .end = end, .copies = copies};

    if (READ_ONCE(inode->mapped) && first < end)
        search_all(&search, remove_from);
}

static void note_writable(struct search *search, struct address_space *space, const struct vma *vma)
{
    (void)space;
    if (vma->flags & VMA_SHARED && vma->max_protection & VMA_WRITE)
        search->found_writable = true;
}

bool file_mappings_writable(struct inode *inode)
{
    struct search search = {.inode = inode};

    if (READ_ONCE(inode->mapped))
        search_all(&search, note_writable);
    return search.found_writable;
}
