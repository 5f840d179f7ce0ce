/*
 * kernel/mm/shared_table.c - leaf tables that several address spaces show after a fork.
 *
 * fork gives the child the parent's own leaf table instead of a copy, if the table is well filled
 * and shows anonymous memory only: both entries that lead to it lose PTE_WRITABLE, which takes the
 * permission to write from all 512 pages at once, and the table's frame counts one reference per
 * entry. Its leaves stay as they are; each counts once in its frame, however many spaces see it.
 * Whoever wants to change a leaf first makes the table its own: by taking it over, if the others
 * have gone, or by copying it.
 *
 * No lock beyond each space's own is needed:
 *   - only a holder can make new holders, so a count of 1 seen under the own space's lock stays 1;
 *   - who copies takes the permission to write from the old table's leaves, because their frames
 *     have two leaves from now on. Two who do that at once write the same value. Nobody else writes
 *     to a shared table;
 *   - a reference is dropped last, after this space's translations through the table are flushed:
 *     then the holder that remains may change it.
 * So a leaf with PTE_WRITABLE shows a frame that no other table shows, in shared tables too.
 */
#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/page_table.h"
#include "arch/trap_frame.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/panic.h"
#include "kernel/mm/page_table.h"
#include "kernel/observe/mutant.h"
#include "kernel/sched/task.h"

#define TABLE_BYTES (PAGE_SIZE * PAGE_TABLE_ENTRIES)

static uint64_t
    shared_entries; /* entries that lead to a shared table, less one per table; atomic */

uint64_t page_tables_shared(void)
{
    return __atomic_load_n(&shared_entries, __ATOMIC_RELAXED);
}

/*
 * The tables of the stack and of the thread's own variables are written as soon as fork returns, on
 * both sides: sharing them would be a fault and a copy instead of a copy.
 */
static bool written_at_once(uint64_t start)
{
    const struct arch_task *arch = &current->arch;

    return arch_task_frame(arch)->rsp - start < TABLE_BYTES || arch->fs_base - start < TABLE_BYTES;
}

/* Does a fork copy all mappings in the table's range as they are, and has none of them a file? */
static bool shareable(const struct vma *vma, uint64_t start)
{
    const struct vma *previous = vma->start > start ? vma_previous(vma) : NULL;

    /* What comes before was judged, and found wanting, when the fork came to it. */
    if (previous && previous->end > start)
        return false;
    if (!vma->file && vma->start <= start && vma->end >= start + TABLE_BYTES)
        return true;
    for (; vma && vma->start < start + TABLE_BYTES; vma = vma_next(vma))
        if (vma->file || vma->flags & (VMA_SHARED | VMA_DONT_FORK | VMA_WIPE_ON_FORK))
            return false;
    return true;
}

NO_INLINE int page_table_share(struct address_space *target, struct address_space *source,
                               pte_t *from, const struct vma *vma, uint64_t address,
                               bool *ret_protected)
{
    uint64_t start = align_down(address, TABLE_BYTES);
    pte_t *to;

    if (vma->start > start && (to = page_table_entry(target, address)) && *to)
        return !(*to & PTE_WRITABLE); /* an earlier mapping in its range decided */
    if (written_at_once(start) || !shareable(vma, start))
        return 0;
    to = page_table_make_entry(target, address);
    if (!to)
        return -ENOMEM;
    if (*from & PTE_WRITABLE && !MUTANT(TABLE_SHARED_WRITABLE)) {
        *from &= ~PTE_WRITABLE;
        source->shared_tables++;
        *ret_protected = true;
    }
    if (!MUTANT_EVERY(TABLE_SHARED_UNCOUNTED, 10))
        frame_reference_more(frame_of(*from & PTE_ADDRESS));
    __atomic_fetch_add(&shared_entries, 1, __ATOMIC_RELAXED);
    *to = *from & ~(PTE_ACCESSED | PTE_WRITABLE);
    ++*page_table_used(to);
    target->table_pages++;
    target->shared_tables++;
    target->anonymous_pages += frame_of(*from & PTE_ADDRESS)->next;
    return 1;
}

/* The last holder is gone. */
static void destroy(phys_t table)
{
    pte_t *slot = page_table_at(table), *end = slot + PAGE_TABLE_ENTRIES;

    for (; slot < end; slot++) {
        if (*slot)
            frame_release(*slot & PTE_ADDRESS);
        *slot = 0;
    }
    frame_of(table)->references = 1;
    frame_of(table)->next = 0;
    frame_release_clean(table);
}

NO_INLINE void page_table_put(phys_t table)
{
    if (__atomic_sub_fetch(&frame_of(table)->references, 1, __ATOMIC_ACQ_REL) == 0)
        destroy(table);
    else
        __atomic_fetch_sub(&shared_entries, 1, __ATOMIC_RELAXED);
}

/* Every leaf of the table in a second one; none may write to its page in either. */
static void copy_leaves(pte_t *to, pte_t *from)
{
    pte_t *first = from, *end = from + PAGE_TABLE_ENTRIES;

    for (from = page_table_next(from, end, PTE_ANY); from;
         from = page_table_after(from, end, PTE_ANY)) {
        pte_t leaf = *from;

        if (leaf & PTE_WRITABLE) {
            leaf = (leaf & ~PTE_WRITABLE) | PTE_SOFT_COW;
            if (!MUTANT(TABLE_COPY_WRITABLE))
                *from = leaf;
        }
        frame_reference_more(frame_of(leaf & PTE_ADDRESS));
        to[from - first] = leaf;
    }
    *page_table_used(to) = *page_table_used(first);
}

NO_INLINE pte_t *page_table_own(struct address_space *space, uint64_t address)
{
    pte_t *entry = page_table_entry(space, address);
    phys_t table = *entry & PTE_ADDRESS;
    unsigned index = page_table_index(address, 0);

    if (*entry & PTE_WRITABLE)
        return page_table_at(table) + index;
    if (__atomic_load_n(&frame_of(table)->references, __ATOMIC_ACQUIRE) == 1) {
        *entry |= PTE_WRITABLE;
        space->shared_tables--;
        /* Pages that were read meanwhile would fault once each; other CPUs' may. */
        tlb_flush_all_user();
        return page_table_at(table) + index;
    }
    phys_t own = frame_allocate(FRAME_PAGE_TABLE, 0, FRAME_WANT_ZERO | FRAME_MAY_USE_RESERVE);
    if (!own)
        return NULL;
    copy_leaves(page_table_at(own), page_table_at(table));
    *entry = own | (*entry & ~PTE_ADDRESS) | PTE_WRITABLE;
    space->shared_tables--;
    /* One page stands for all: what matters are the cached entries above the leaves. */
    address = align_down(address, PAGE_SIZE);
    tlb_shootdown(space, address, address + PAGE_SIZE);
    page_table_put(table);
    return page_table_at(own) + index;
}

/* Leaves in use from `slot` on. */
static uint32_t count_leaves(const pte_t *slot, uint64_t pages)
{
    uint32_t count = 0;

    for (uint64_t i = 0; i < pages; i++)
        count += slot[i] != 0;
    return count;
}

int page_table_own_range_slow(struct address_space *space, uint64_t start, uint64_t end, bool all)
{
    uint64_t address;
    pte_t *slot, *entry;

    while ((slot = page_table_find_next(space, start, end, &address, &entry))) {
        start = min(end, align_down(address, TABLE_BYTES) + TABLE_BYTES);
        if (*entry & PTE_WRITABLE)
            continue;
        uint32_t inside = count_leaves(slot, (start - address) >> PAGE_SHIFT);
        if (inside && (all || inside < *page_table_used(slot)) && !page_table_own(space, address))
            return -ENOMEM;
        preemption_point();
    }
    return 0;
}
