/*
 * arch/page_table.h - the format of x86-64 page tables (AMD64 manual vol. 2, ch. 5; Intel SDM vol.
 * 3, ch. 4) and what the memory manager does to them. Four levels: level 3 is the root, level 0
 * holds 4 KiB leaves.
 */
#ifndef ARCH_PAGE_TABLE_H
#define ARCH_PAGE_TABLE_H

#include "arch/layout.h"
#include "kernel/lib/types.h"

typedef uint64_t pte_t;

#define PTE_PRESENT       (1ull << 0)
#define PTE_WRITABLE      (1ull << 1)
#define PTE_USER          (1ull << 2)
#define PTE_WRITE_THROUGH (1ull << 3)
#define PTE_UNCACHED      (1ull << 4)
#define PTE_ACCESSED      (1ull << 5)
#define PTE_DIRTY         (1ull << 6)
#define PTE_LARGE         (1ull << 7)
#define PTE_GLOBAL        (1ull << 8)
/* Ours. SOFT_COW: write-protected because it is shared, not because the vma is. HELD: not PRESENT,
 * but the leaf still holds its frame (PROT_NONE). ANONYMOUS: the leaf's frame is FRAME_ANONYMOUS,
 * not a file's own. */
#define PTE_SOFT_COW   (1ull << 9)
#define PTE_HELD       (1ull << 10)
#define PTE_ANONYMOUS  (1ull << 11)
#define PTE_NO_EXECUTE (1ull << 63)
#define PTE_ADDRESS    0x000ffffffffff000ull

#define PAGE_TABLE_ENTRIES    512
#define PAGE_TABLE_ROOT_LEVEL 3

static inline unsigned page_table_index(uint64_t address, unsigned level)
{
    return (address >> (PAGE_SHIFT + 9 * level)) & (PAGE_TABLE_ENTRIES - 1);
}

static inline pte_t *page_table_at(phys_t table)
{
    return phys_to_virt(table);
}

struct address_space;

/* The kernel's own root table. */
phys_t kernel_root_phys(void);
/* Fills in the upper half (and nothing else) of a fresh, all-zero root table. */
void arch_root_table_init(phys_t root);
/* Clears what arch_root_table_init() wrote, so that the frame can go back to a cache of zeroed
 * tables. */
void arch_root_table_clear(phys_t root);

/* On this CPU. */
void tlb_flush_page(uint64_t address);
void tlb_flush_all_user(void);

/*
 * Forgets translations of [start, end) on every CPU that may hold them for this address space (its
 * cpu_mask), this one included; returns when all have. Call it after the entries were changed and
 * before any frame that was reachable through them is freed or reused. May be called with spinlocks
 * or mutexes held; never from an interrupt handler.
 */
void tlb_shootdown(struct address_space *space, uint64_t start, uint64_t end);
/* The same for single pages that lie anywhere; count > TLB_FEW_PAGES: for all, the list is not
 * read. */
#define TLB_FEW_PAGES 32 /* beyond, this CPU had better forget everything */
void tlb_shootdown_pages(struct address_space *space, const uint64_t *pages, unsigned count);

/*
 * Makes `space` the one that user addresses mean on this CPU, and keeps cpu_mask right. NULL (a
 * task without user memory) loads nothing: the last one stays, borrowed, until another is needed or
 * it is retired.
 */
void address_space_activate(struct address_space *space);
/* The same in two halves, for the switch of tasks: what stack_switch() is to load into CR3, 0 =
 * nothing; and what is left to do when it was loaded. */
phys_t address_space_switch_prepare(struct address_space *space);
void address_space_switch_finish(void);
/* The last holder is gone: no CPU, this one included, may keep it loaded. Before its tables are
 * freed. */
void address_space_retire(struct address_space *space);

#endif
