/*
 * kernel/mm/page_table.c - walking, filling and emptying user page tables.
 *
 * Order when something is taken out: entries cleared, translations flushed on every CPU that may
 * hold them, and only then frames and tables released (Intel SDM vol. 3, 4.10: a CPU may use a
 * cached translation, or a cached upper-level entry, until it is told). A batch of frames on the
 * stack makes that one flush per many.
 */
#include "kernel/mm/page_table.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/panic.h"
#include "kernel/observe/audit.h"
#include "kernel/observe/mutant.h"
#include "kernel/sched/task.h"

#define TABLE_BITS       (PTE_PRESENT | PTE_WRITABLE | PTE_USER)
#define LEAF_TABLE_BYTES (PAGE_SIZE * PAGE_TABLE_ENTRIES)

static inline pte_t *table_below(pte_t entry)
{
    return page_table_at(entry & PTE_ADDRESS);
}

static inline uint64_t level_bytes(unsigned level)
{
    return PAGE_SIZE << (9 * level);
}

static inline uint64_t leaf_table_end(uint64_t address, uint64_t end)
{
    return min(end, align_down(address, LEAF_TABLE_BYTES) + LEAF_TABLE_BYTES);
}

static bool make_table(struct address_space *space, pte_t *entry)
{
    phys_t phys = frame_allocate(FRAME_PAGE_TABLE, 0, FRAME_WANT_ZERO | FRAME_MAY_USE_RESERVE);

    if (!phys)
        return false;
    frame_of(phys)->next = 0;
    *entry = phys | TABLE_BITS;
    ++*page_table_used(entry);
    space->table_pages++;
    return true;
}

pte_t *page_table_make_entry(struct address_space *space, uint64_t address)
{
    pte_t *table = page_table_at(space->root);

    for (unsigned level = PAGE_TABLE_ROOT_LEVEL; level > 1; level--) {
        pte_t *entry = &table[page_table_index(address, level)];

        if (unlikely(!*entry) && !make_table(space, entry)) {
            page_table_prune(space, address);
            return NULL;
        }
        table = table_below(*entry);
    }
    return &table[page_table_index(address, 1)];
}

pte_t *page_table_make(struct address_space *space, uint64_t address)
{
    pte_t *table = page_table_at(space->root), *entry = NULL;

    for (unsigned level = PAGE_TABLE_ROOT_LEVEL; level > 0; level--) {
        entry = &table[page_table_index(address, level)];
        if (unlikely(!*entry) && !make_table(space, entry)) {
            page_table_prune(space, address);
            return NULL;
        }
        table = table_below(*entry);
    }
    if (unlikely(!(*entry & PTE_WRITABLE)))
        return page_table_own(space, address);
    return &table[page_table_index(address, 0)];
}

pte_t *page_table_entry(struct address_space *space, uint64_t address)
{
    pte_t *table = page_table_at(space->root);

    for (unsigned level = PAGE_TABLE_ROOT_LEVEL; level > 1; level--) {
        pte_t entry = table[page_table_index(address, level)];

        if (!entry)
            return NULL;
        table = table_below(entry);
    }
    return &table[page_table_index(address, 1)];
}

pte_t *page_table_find(struct address_space *space, uint64_t address, bool *ret_shared)
{
    pte_t *table = page_table_at(space->root), entry = 0;

    for (unsigned level = PAGE_TABLE_ROOT_LEVEL; level > 0; level--) {
        entry = table[page_table_index(address, level)];
        if (!entry)
            return NULL;
        table = table_below(entry);
    }
    *ret_shared = !(entry & PTE_WRITABLE);
    return &table[page_table_index(address, 0)];
}

pte_t *page_table_find_next(struct address_space *space, uint64_t address, uint64_t end,
                            uint64_t *ret, pte_t **ret_entry)
{
    while (address < end) {
        pte_t *table = page_table_at(space->root), *entry = NULL;
        unsigned level = PAGE_TABLE_ROOT_LEVEL;

        for (; level > 0; level--) {
            entry = &table[page_table_index(address, level)];
            if (!*entry)
                break;
            table = table_below(*entry);
        }
        if (level == 0) {
            *ret_entry = entry;
            *ret = address;
            return &table[page_table_index(address, 0)];
        }
        address = align_down(address, level_bytes(level)) + level_bytes(level);
    }
    return NULL;
}

static inline void note_resident(struct address_space *space)
{
    uint64_t resident = space->anonymous_pages + space->file_pages;
    if (resident > space->max_resident)
        space->max_resident = resident;
}

void page_table_set(struct address_space *space, pte_t *slot, pte_t value)
{
    if (value & PTE_ANONYMOUS)
        space->anonymous_pages++;
    else
        space->file_pages++;
    note_resident(space);
    ++*page_table_used(slot);
    *slot = value;
    if (MUTANT_EVERY(USER_EXECUTABLE, 10))
        *slot &= ~PTE_NO_EXECUTE;
}

void page_table_count_file(struct address_space *space, const pte_t *slot, unsigned count)
{
    space->file_pages += count;
    note_resident(space);
    *page_table_used(slot) += count;
}

/* ---- taking out ---- */

#define BATCH_FRAMES 64u
#define BATCH_TABLE  1ull /* tag in the address: a page table, and clean */
#define BATCH_SHARED 2ull /* a leaf table that other spaces may show, too */

struct batch {
    struct address_space *space;
    bool dying;
    unsigned count;
    uint64_t flush_start, flush_end;
    uint64_t anonymous, file;
    phys_t frames[BATCH_FRAMES];
};

static void batch_finish(struct batch *batch)
{
    batch->space->anonymous_pages -= batch->anonymous;
    batch->space->file_pages -= batch->file;
    batch->anonymous = batch->file = 0;
    if (batch->flush_end && !batch->dying)
        tlb_shootdown(batch->space, batch->flush_start, batch->flush_end);
    for (unsigned i = 0; i < batch->count; i++) {
        phys_t frame = batch->frames[i];
        if (frame & BATCH_TABLE)
            frame_release_clean(frame & PTE_ADDRESS);
        else if (unlikely(frame & BATCH_SHARED))
            page_table_put(frame & PTE_ADDRESS);
        else
            frame_release(frame);
    }
    batch->count = 0;
    batch->flush_end = 0;
}

static inline void batch_cover(struct batch *batch, uint64_t start, uint64_t end)
{
    if (!batch->flush_end && !batch->dying)
        audit_flush(AUDIT_FLUSH_OWED, batch->space->root, 0);
    if (!batch->flush_end || start < batch->flush_start)
        batch->flush_start = start;
    if (end > batch->flush_end)
        batch->flush_end = end;
}

/* Takes out empty tables on the way to `address`, from the leaf table up. The root stays. */
static void detach_empty(struct batch *batch, uint64_t address)
{
    pte_t *path[PAGE_TABLE_ROOT_LEVEL + 1];
    pte_t *table = page_table_at(batch->space->root);
    unsigned level = PAGE_TABLE_ROOT_LEVEL;

    for (; level > 0; level--) {
        path[level] = &table[page_table_index(address, level)];
        if (!*path[level])
            break;
        table = table_below(*path[level]);
    }
    if (batch->count + PAGE_TABLE_ROOT_LEVEL + 1 > BATCH_FRAMES)
        batch_finish(batch);
    while (++level <= PAGE_TABLE_ROOT_LEVEL) {
        phys_t child = *path[level] & PTE_ADDRESS;

        if (frame_of(child)->next)
            break;
        if (batch->dying || !MUTANT_EVERY(TABLE_FREED_LINKED, 10))
            *path[level] = 0;
        --*page_table_used(path[level]);
        batch->space->table_pages--;
        if (!MUTANT_EVERY(PAGE_TABLE_LEAKED, 10))
            batch->frames[batch->count++] = child | BATCH_TABLE;
        batch_cover(batch, align_down(address, PAGE_SIZE),
                    align_down(address, PAGE_SIZE) + PAGE_SIZE);
    }
}

NO_INLINE void page_table_prune(struct address_space *space, uint64_t address)
{
    struct batch batch;

    batch.space = space;
    batch.dying = false;
    batch.count = 0;
    batch.flush_start = batch.flush_end = batch.anonymous = batch.file = 0;
    detach_empty(&batch, address);
    batch_finish(&batch);
}

/* Clears the leaves [slot, end) of one table; stops early when the table is empty. */
static void clear_leaves(struct batch *batch, pte_t *slot, pte_t *end, uint64_t address)
{
    uint32_t *used = page_table_used(slot);
    pte_t *first = slot;

    for (slot = page_table_next(slot, end, PTE_ANY); slot;
         slot = page_table_after(slot, end, PTE_ANY)) {
        uint64_t place = address + (uint64_t)(slot - first) * PAGE_SIZE;

        if (*slot & PTE_ANONYMOUS)
            batch->anonymous++;
        else
            batch->file++;
        if (MUTANT_EVERY(MUNMAP_LEAVES_PAGE, 50))
            continue;
        batch->frames[batch->count++] = *slot & PTE_ADDRESS;
        *slot = 0;
        --*used;
        batch_cover(batch, place, place + PAGE_SIZE);
        if (batch->count == BATCH_FRAMES)
            batch_finish(batch);
        if (!*used)
            break;
    }
}

/* The same where no CPU has a translation left and nobody reads the space's counters any more. */
static void clear_leaves_dying(pte_t *slot, pte_t *end)
{
    uint32_t *used = page_table_used(slot);
    uint32_t left = *used;

    for (slot = page_table_next(slot, end, PTE_ANY); slot;
         slot = page_table_after(slot, end, PTE_ANY)) {
        pte_t leaf = *slot;

        *slot = 0;
        if (leaf & PTE_ANONYMOUS)
            frame_release(leaf & PTE_ADDRESS);
        else
            frame_release_shared(leaf & PTE_ADDRESS);
        if (--left == 0)
            break;
    }
    *used = left;
}

/*
 * The space gives up its share of a whole leaf table. Its other tables on the way are taken out by
 * detach_empty(), which finds a place with no leaf table in it.
 */
static void detach_shared(struct batch *batch, pte_t *entry, uint64_t address)
{
    phys_t table = *entry & PTE_ADDRESS;

    batch->anonymous += frame_of(table)->next;
    *entry = 0;
    batch->space->table_pages--;
    batch->space->shared_tables--;
    batch->frames[batch->count++] = table | BATCH_SHARED;
    batch_cover(batch, address, address + PAGE_SIZE);
    if (--*page_table_used(entry) == 0)
        detach_empty(batch, address);
    else if (batch->count == BATCH_FRAMES)
        batch_finish(batch);
}

/* The leaves [slot, end) may be cleared one by one; false: the table was shared and is gone now. */
static NO_INLINE bool clear_shared(struct batch *batch, pte_t *entry, const pte_t *slot,
                                   const pte_t *end, uint64_t address)
{
    uint32_t inside = 0;

    if (READ_ONCE(frame_of(virt_to_phys(slot))->references) == 1)
        return page_table_own(batch->space, address);
    for (; slot < end && !batch->dying; slot++)
        inside += *slot != 0;
    if (batch->dying || inside) {
        kernel_assert(batch->dying || inside == *page_table_used(slot - 1));
        detach_shared(batch, entry, address);
    }
    return false;
}

__attribute__((flatten)) void page_table_unmap(struct address_space *space, uint64_t start,
                                               uint64_t end, bool dying)
{
    struct batch batch;
    uint64_t address;
    pte_t *slot, *entry;

    batch.space = space;
    batch.dying = dying;
    batch.count = 0;
    batch.flush_start = batch.flush_end = batch.anonymous = batch.file = 0;
    while ((slot = page_table_find_next(space, start, end, &address, &entry))) {
        uint64_t stop = leaf_table_end(address, end);

        if (unlikely(!(*entry & PTE_WRITABLE)) &&
            !clear_shared(&batch, entry, slot, slot + ((stop - address) >> PAGE_SHIFT), address)) {
            start = stop;
            preemption_point();
            continue;
        }
        /* A long table is done in parts, with the door open to interrupts in between. */
        if (stop - address > 128 * PAGE_SIZE && *page_table_used(slot) > 128)
            stop = address + 128 * PAGE_SIZE;
        pte_t *slot_end = slot + ((stop - address) >> PAGE_SHIFT);
        if (dying)
            clear_leaves_dying(slot, slot_end);
        else
            clear_leaves(&batch, slot, slot_end, address);
        if (*page_table_used(slot) == 0) {
            detach_empty(&batch, address);
            stop = leaf_table_end(address, end);
        }
        start = stop;
        if (start >= end)
            break;
        preemption_point();
    }
    batch_finish(&batch);
}

/* Slow and rare, so with a batch for each table. A table that is shared shows no files. */
void page_table_unmap_file(struct address_space *space, uint64_t start, uint64_t end, bool copies)
{
    struct batch batch = {.space = space};
    uint64_t address;
    pte_t *slot, *entry;

    while ((slot = page_table_find_next(space, start, end, &address, &entry))) {
        start = leaf_table_end(address, end);
        for (; address < start; slot++, address += PAGE_SIZE) {
            if (!*slot || (*slot & PTE_ANONYMOUS && !copies))
                continue;
            kernel_assert(*entry & PTE_WRITABLE);
            if (*slot & PTE_ANONYMOUS)
                batch.anonymous++;
            else
                batch.file++;
            batch.frames[batch.count++] = *slot & PTE_ADDRESS;
            *slot = 0;
            --*page_table_used(slot);
            batch_cover(&batch, address, address + PAGE_SIZE);
            if (batch.count == BATCH_FRAMES)
                batch_finish(&batch);
        }
        batch_finish(&batch);
        page_table_prune(space, start - PAGE_SIZE);
        preemption_point();
    }
}

/* ---- changing and moving ---- */

void page_table_protect(struct address_space *space, const struct vma *vma, uint64_t start,
                        uint64_t end)
{
    pte_t bits = vma_leaf_bits(vma->flags);
    uint64_t first = start, address;
    bool changed = false;
    pte_t *slot, *entry;

    while ((slot = page_table_find_next(space, start, end, &address, &entry))) {
        uint64_t stop = leaf_table_end(address, end);

        for (; address < stop; slot++, address += PAGE_SIZE) {
            pte_t leaf = *slot;

            if (!leaf)
                continue;
            phys_t phys = leaf & PTE_ADDRESS;
            pte_t wanted = phys | bits | (leaf & PTE_ANONYMOUS);
            if (wanted & PTE_WRITABLE && !(vma->flags & VMA_SHARED) &&
                !(leaf & PTE_ANONYMOUS && READ_ONCE(frame_of(phys)->references) == 1))
                wanted = (wanted & ~PTE_WRITABLE) | PTE_SOFT_COW;
            if (MUTANT(MPROTECT_KEEPS_RIGHTS))
                continue;
            if (!changed)
                audit_flush(AUDIT_FLUSH_OWED, space->root, 0);
            *slot = wanted;
            changed = true;
        }
        start = stop;
        if (start < end)
            preemption_point();
    }
    if (changed && !MUTANT(MPROTECT_NOT_FLUSHED))
        tlb_shootdown(space, first, end);
}

int page_table_move(struct address_space *space, uint64_t from, uint64_t to, uint64_t bytes)
{
    uint64_t end = from + bytes, next = from, address;
    uint64_t made =
        UINT64_MAX; /* the target's table that is there for sure, as address / LEAF_TABLE_BYTES */
    bool shared;
    pte_t *slot, *entry;

    /* All tables first: nothing can fail once leaves have moved. */
    if (page_table_own_range(space, from, end, true))
        return -ENOMEM;
    while ((slot = page_table_find_next(space, next, end, &address, &entry))) {
        next = leaf_table_end(address, end);
        for (; address < next; slot++, address += PAGE_SIZE) {
            uint64_t target = to + (address - from);

            if (!*slot || target / LEAF_TABLE_BYTES == made)
                continue;
            if (!page_table_make(space, target)) {
                /* Those made for nothing are empty; one prune per table, the last one's included.
                 */
                for (next = to; next < target; next += LEAF_TABLE_BYTES)
                    page_table_prune(space, next);
                page_table_prune(space, target);
                return -ENOMEM;
            }
            made = target / LEAF_TABLE_BYTES;
        }
    }
    for (next = from; (slot = page_table_find_next(space, next, end, &address, &entry));) {
        uint64_t first = address;
        pte_t *target = NULL;

        audit_flush(AUDIT_FLUSH_OWED, space->root, 0);

        next = leaf_table_end(address, end);
        for (; address < next; slot++, address += PAGE_SIZE) {
            if (target && ((uintptr_t)++target & ~PAGE_MASK) == 0)
                target = NULL; /* the target's place crossed into another table */
            if (!*slot)
                continue;
            if (!target)
                target = page_table_find(space, to + (address - from), &shared);
            *target = *slot;
            ++*page_table_used(target);
            *slot = 0;
            --*page_table_used(slot);
        }
        tlb_shootdown(space, first, next);
    }
    page_table_unmap(space, from, end, false); /* only the empty tables are left to be taken out */
    return 0;
}
