/*
 * kernel/mm/page_table.h - the user half of an address space's page tables. Internal to kernel/mm;
 * every function needs space->lock.
 *
 * Each table's struct frame counts the table's entries in use (`next`), so that a table is known to
 * be empty without a look at its 512 entries: it is then taken out and given back as a clean frame.
 * A leaf in use is one that is not 0: PRESENT, or PTE_HELD (its mapping is PROT_NONE at the
 * moment). A leaf table whose entry one level up lacks PTE_WRITABLE may be other spaces', too: it
 * is read as it is, and made this space's own before a leaf is changed (shared_table.c).
 */
#ifndef KERNEL_MM_PAGE_TABLE_H
#define KERNEL_MM_PAGE_TABLE_H

#include "arch/page_table.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/vma.h"

/* The number of entries in use of the table that holds `slot`. */
static inline uint32_t *page_table_used(const pte_t *slot)
{
    return &frame_of(virt_to_phys(slot))->next;
}

/* The leaf's place in a table of this space's own, tables made as needed; NULL = out of memory
 * (then nothing was left behind). */
pte_t *page_table_make(struct address_space *space, uint64_t address);
/* The leaf's place, or NULL if there is no table for it; *ret_shared: page_table_own() before any
 * change. */
pte_t *page_table_find(struct address_space *space, uint64_t address, bool *ret_shared);
/* The same from `address` on: skips what has no table; NULL when none below `end`. *ret = its
 * address, *ret_entry = the entry that leads to its table. */
pte_t *page_table_find_next(struct address_space *space, uint64_t address, uint64_t end,
                            uint64_t *ret, pte_t **ret_entry);

/* The entry that leads to the leaf table of `address`: NULL if there is no place for it; 0 in it if
 * there is no leaf table. _make: the place is made; NULL = out of memory. */
pte_t *page_table_entry(struct address_space *space, uint64_t address);
pte_t *page_table_make_entry(struct address_space *space, uint64_t address);

/* A leaf that was 0. Counts it, by the kind of its frame, in the space too. */
void page_table_set(struct address_space *space, pte_t *slot, pte_t value);
/* What page_table_set() counts, for `count` leaves of one table that the caller has set: file
 * frames. */
void page_table_count_file(struct address_space *space, const pte_t *slot, unsigned count);

/*
 * Clears all leaves of [start, end), drops their references and takes out tables that became empty.
 * `dying`: no CPU uses the space any more, so no translation is flushed. Takes preemption points.
 * Cannot fail: page_table_own_range() comes first, unless dying.
 */
void page_table_unmap(struct address_space *space, uint64_t start, uint64_t end, bool dying);
/*
 * Clears the leaves of [start, end), which a mapping of a file covers, that show the file's own
 * frames, and with `copies` all others; empty tables go. Takes preemption points.
 */
void page_table_unmap_file(struct address_space *space, uint64_t start, uint64_t end, bool copies);
/* Takes out the tables that lead to `address` as far as they are empty (after a failure). */
void page_table_prune(struct address_space *space, uint64_t address);

/* Gives the leaves of the mapping's [start, end) the protection that its flags ask for now, and
 * flushes. The tables are the space's own: page_table_own_range(all). */
void page_table_protect(struct address_space *space, const struct vma *vma, uint64_t start,
                        uint64_t end);
/* mremap: leaves of [from, from + bytes) move to `to`, where none are. 0, or -ENOMEM (nothing has
 * moved). */
int page_table_move(struct address_space *space, uint64_t from, uint64_t to, uint64_t bytes);

/* ---- shared_table.c ---- */

/* fork shares leaf tables with more leaves in use; below, copying costs less than the fault that
 * the first write to a shared table takes. */
#define SHARE_LEAVES_MIN 64u

/*
 * fork: the target gets the source's leaf table for `address`, to which `from` leads, in the
 * mapping `vma`, if fork copies all that lies in its range as it is. 1 = it has it (or had it
 * already); 0 = it must be copied; -ENOMEM. *ret_protected is set if the source has lost a
 * permission to write: flush.
 */
int page_table_share(struct address_space *target, struct address_space *source, pte_t *from,
                     const struct vma *vma, uint64_t address, bool *ret_protected);
/* Makes the leaf table for `address`, which is there, the space's own: the leaf's place, or NULL =
 * out of memory (nothing has changed). */
pte_t *page_table_own(struct address_space *space, uint64_t address);
/*
 * Before an unmapping: makes the shared tables the space's own that have leaves in [start, end) and
 * beyond it; with `all`, before a change of the leaves, those that have any in it. 0 or -ENOMEM.
 */
int page_table_own_range_slow(struct address_space *space, uint64_t start, uint64_t end, bool all);
static inline int page_table_own_range(struct address_space *space, uint64_t start, uint64_t end,
                                       bool all)
{
    return likely(!space->shared_tables) ? 0 : page_table_own_range_slow(space, start, end, all);
}
/* Drops a reference to a leaf table that no translation leads to any more, and with the last one
 * its leaves. */
void page_table_put(phys_t table);

/*
 * The hot paths over this file's functions (fault, fork, unmap) are marked `flatten`: everything
 * that they call is compiled into them. Their work comes in many small steps, and entering a
 * function costs as much as a step.
 */

/*
 * The first entry of [slot, end) with a bit of `mask`, or NULL. Whole cache lines of eight over
 * empty stretches, one by one inside a line: tables are mostly empty, and fork and exit look at all
 * that a program's mappings cover.
 */
static inline pte_t *page_table_next(pte_t *slot, pte_t *end, pte_t mask)
{
    while (slot < end) {
        pte_t *line_end = (pte_t *)(((uintptr_t)slot | 63) + 1);

        if (line_end > end)
            line_end = end;
        for (; slot < line_end; slot++)
            if (*slot & mask)
                return slot;
        while (slot + 8 <= end &&
               !((slot[0] | slot[1] | slot[2] | slot[3] | slot[4] | slot[5] | slot[6] | slot[7]) &
                 mask))
            slot += 8;
    }
    return NULL;
}
/* The first one behind `slot`, which is before `end`. Most often its neighbour, so that is cheap. */
static inline pte_t *page_table_after(pte_t *slot, pte_t *end, pte_t mask)
{
    if (++slot >= end)
        return NULL;
    return *slot & mask ? slot : page_table_next(slot + 1, end, mask);
}
#define PTE_ANY (~0ull) /* mask: whatever is in use */

/* Protection bits of a leaf of this mapping; PTE_WRITABLE only as far as the mapping goes. */
static inline pte_t vma_leaf_bits(uint32_t flags)
{
    if (unlikely(!(flags & VMA_PROTECTION)))
        return PTE_HELD;
    return PTE_PRESENT | PTE_USER | (flags & VMA_WRITE ? PTE_WRITABLE : 0) |
           (flags & VMA_EXECUTE ? 0 : PTE_NO_EXECUTE);
}

#endif
