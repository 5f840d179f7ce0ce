/*
 * kernel/mm/fork.c - a second address space that shows the same memory.
 *
 * Leaves of private mappings are copied, and both sides lose the permission to write where they had
 * it: the first write on either side makes a copy (fault.c). The parent's translations are flushed
 * once at the end; until then another thread of the parent may still write to a page, which is as
 * if it had written before the fork.
 *
 * A well filled table of anonymous leaves is not copied but shared (shared_table.c), so that the
 * cost of a fork hardly grows with the memory of the parent.
 *
 * Leaves that show a file's own frame are copied if the parent has used them (the CPU set
 * PTE_ACCESSED): some ten instructions, against several hundred for the fault that would bring one
 * back. What fault-around mapped and nobody touched is left out, and so is all of that in very
 * large mappings.
 */
#include "arch/page_table.h"
#include "kernel/fs/file.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/mm/mapping.h"
#include "kernel/mm/page_table.h"
#include "kernel/observe/audit.h"
#include "kernel/observe/mutant.h"
#include "kernel/sched/task.h"

#define REFAULT_PAGES                                                                              \
    1024u /* larger file mappings: leaves that show the file's frames are not copied */
#define LEAF_TABLE_BYTES (PAGE_SIZE * PAGE_TABLE_ENTRIES)

/* Leaves with one of these bits are copied. */
static pte_t leaves_to_copy(const struct vma *vma)
{
    if (!vma->file)
        return PTE_ANY;
    return vma_pages(vma) > REFAULT_PAGES ? PTE_ANONYMOUS : PTE_ANONYMOUS | PTE_ACCESSED;
}

/* Where the source lost its permission to write: each page while they are few. */
struct lost_writes {
    unsigned count;
    bool table; /* all pages of a table, which is shared now */
    uint64_t pages[TLB_FEW_PAGES];
};

/* The leaves of one table. */
static int copy_leaves(struct address_space *target, const struct vma *vma, pte_t *slot,
                       uint64_t address, uint64_t end, struct lost_writes *lost)
{
    pte_t *first = slot, *slot_end = slot + ((end - address) >> PAGE_SHIFT), *to = NULL;
    pte_t drop = vma->flags & VMA_SHARED ? 0 : PTE_WRITABLE;
    pte_t wanted = leaves_to_copy(vma);
    uint64_t anonymous = 0, total = 0;
    unsigned lost_count = lost->count;

    for (slot = page_table_next(slot, slot_end, wanted); slot;
         slot = page_table_after(slot, slot_end, wanted)) {
        pte_t leaf = *slot;

        if (unlikely(!to)) {
            to = page_table_make(target, address); /* the place of `first` in the child's table */
            if (!to)
                return -ENOMEM;
        }
        if (leaf & drop && !MUTANT_EVERY(COW_PARENT_WRITABLE, 20)) {
            leaf = (leaf & ~drop) | PTE_SOFT_COW;
            *slot = leaf;
            if (lost_count < TLB_FEW_PAGES)
                lost->pages[lost_count] = address + (uint64_t)(slot - first) * PAGE_SIZE;
            lost_count++;
        } else if (MUTANT(COW_PARENT_WRITABLE)) {
            leaf &= ~drop;
        }
        if (!MUTANT_EVERY(FRAME_COUNT_LOW, 200))
            frame_reference_more(frame_of(leaf & PTE_ADDRESS));
        if (MUTANT_EVERY(FRAME_COUNT_HIGH, 20))
            frame_reference_more(frame_of(leaf & PTE_ADDRESS));
        if (leaf & PTE_SOFT_COW && vma->flags & VMA_WRITE && MUTANT_EVERY(COW_CHILD_WRITABLE, 20))
            leaf |= PTE_WRITABLE;
        to[slot - first] = leaf;
        anonymous += (leaf & PTE_ANONYMOUS) != 0;
        total++;
    }
    lost->count = lost_count;
    if (total) {
        *page_table_used(to) += (uint32_t)total;
        target->anonymous_pages += anonymous;
        target->file_pages += total - anonymous;
    }
    return 0;
}

static int copy_pages(struct address_space *target, struct address_space *source,
                      const struct vma *vma, struct lost_writes *lost)
{
    uint64_t start = vma->start, address;
    pte_t *slot, *entry;

    while ((slot = page_table_find_next(source, start, vma->end, &address, &entry))) {
        start = min(vma->end, align_down(address, LEAF_TABLE_BYTES) + LEAF_TABLE_BYTES);
        bool first = !lost->count && !lost->table;
        int shared = likely(vma->file || *page_table_used(slot) <= SHARE_LEAVES_MIN)
                         ? 0
                         : page_table_share(target, source, entry, vma, address, &lost->table);
        int error =
            likely(!shared) ? copy_leaves(target, vma, slot, address, start, lost) : min(shared, 0);
        if (first && (lost->count || lost->table))
            audit_flush(AUDIT_FLUSH_OWED, source->root, 0);
        if (error)
            return error;
        if (start < vma->end)
            preemption_point();
    }
    return 0;
}

static void copy_layout(struct address_space *target, const struct address_space *source)
{
    target->mmap_top = source->mmap_top;
    target->barriers = READ_ONCE(source->barriers);
    target->brk_start = source->brk_start;
    target->brk_end = source->brk_end;
    target->stack_top = source->stack_top;
    target->stack_limit_bytes = source->stack_limit_bytes;
    target->code_start = source->code_start;
    target->code_end = source->code_end;
    target->data_start = source->data_start;
    target->data_end = source->data_end;
    target->argument_start = source->argument_start;
    target->argument_end = source->argument_end;
    target->environment_start = source->environment_start;
    target->environment_end = source->environment_end;
    memcpy(target->auxv, source->auxv, sizeof(target->auxv));
    target->executable = source->executable;
    if (target->executable)
        file_get(target->executable);
}

/* What madvise() asked for, in the child: mappings left out, and no locks; and what is counted. */
static COLD void apply_advice(struct address_space *target)
{
    struct vma *vma, *next;

    for (vma = vma_first(target); vma; vma = next) {
        next = vma_next(vma);
        if (vma->flags & VMA_DONT_FORK) {
            vma_remove(target, vma);
            vma_destroy(
                vma); /* the parent's mapping holds the file too: this is not its last reference */
            continue;
        }
        if (vma->flags & VMA_LOCKED)
            vma_set_flags(target, vma, vma->flags & ~VMA_LOCKED);
        if (vma->flags & VMA_COUNTED)
            mapping_counted(target, vma);
    }
}

__attribute__((flatten)) int address_space_duplicate(struct address_space *source,
                                                     struct address_space **ret)
{
    struct address_space *target = address_space_create_hidden();
    struct lost_writes lost;
    bool advised = false;

    lost.count = 0;
    lost.table = false;
    if (!target)
        return -ENOMEM;
    mutex_lock(&source->lock);
    copy_layout(target, source);
    int error = vma_tree_copy(target, source);
    for (struct vma *vma = error ? NULL : vma_first(source); vma && !error; vma = vma_next(vma)) {
        if (unlikely(vma->flags & (VMA_DONT_FORK | VMA_LOCKED | VMA_COUNTED)))
            advised = true;
        if (unlikely(vma->flags & (VMA_DONT_FORK | VMA_WIPE_ON_FORK)))
            continue;
        error = copy_pages(target, source, vma, &lost);
    }
    if (unlikely(lost.table))
        lost.count = TLB_FEW_PAGES + 1;
    if (lost.count)
        tlb_shootdown_pages(source, lost.pages, lost.count);
    if (advised && !error)
        apply_advice(target);
    target->max_resident = target->anonymous_pages + target->file_pages;
    if (likely(!error)) {
        address_space_publish(target);
        __atomic_fetch_add(&address_spaces_forked, 1, __ATOMIC_RELEASE);
    }
    mutex_unlock(&source->lock);
    if (error) {
        address_space_put(target);
        return error;
    }
    *ret = target;
    return 0;
}
