/*
 * kernel/mm/fault.c - what happens when a program touches a page that its page tables do not allow.
 *
 *   no leaf, anonymous        a zero frame
 *   no leaf, file             the file's own frame, in place: read-only if the mapping is private;
 *                             with it the neighbours in its block that the file has at hand
 *   write to a shared frame   the last user of an anonymous frame gets it writable, everybody else
 *                             a copy
 *   below a stack             the stack grows, within its limit and with a guard gap below it
 *
 * Whether a frame has other users is decided by its exact count: one reference that is this leaf
 * means nobody else can reach it, because a new reference needs a leaf (of a space whose lock is
 * held) to copy from.
 */
#include "arch/page_table.h"
#include "kernel/fs/file.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/mm/mapping.h"
#include "kernel/mm/page_table.h"
#include "kernel/observe/audit.h"
#include "kernel/observe/mutant.h"
#include "kernel/observe/trace.h"
#include "kernel/sched/task.h"

#define FAULT_AROUND 32 /* pages, an aligned block */

bool vma_allows(const struct vma *vma, enum fault_access access)
{
    switch (access) {
    case FAULT_WRITE:
        return vma->flags & VMA_WRITE;
    case FAULT_EXECUTE:
        return vma->flags & VMA_EXECUTE;
    default: /* on x86 whatever may be written or executed may be read */
        return vma->flags & VMA_PROTECTION;
    }
}

/* `slot` is the leaf's place, or NULL while there is no table for it; the same below. */
static int map_zero(struct address_space *space, const struct vma *vma, uint64_t address,
                    pte_t *slot, unsigned *ret)
{
    if (unlikely(!slot) && !(slot = page_table_make(space, address)))
        return -ENOMEM;
    phys_t frame = frame_allocate(FRAME_ANONYMOUS, 0,
                                  MUTANT_EVERY(PAGE_NOT_CLEARED, 10) ? 0 : FRAME_WANT_ZERO);
    if (unlikely(!frame)) {
        page_table_prune(space, address);
        return -ENOMEM;
    }
    page_table_set(space, slot, frame | PTE_ANONYMOUS | vma_leaf_bits(vma->flags));
    *ret = TRACE_FAULT_ZERO;
    return 0;
}

/* A private page that starts as the first `bytes` of a file frame (0 = none of it), zeros behind.
 */
static int map_copy(struct address_space *space, const struct vma *vma, uint64_t address,
                    pte_t *slot, phys_t source, uint64_t bytes, unsigned *ret)
{
    if (!slot && !(slot = page_table_make(space, address)))
        return -ENOMEM;
    phys_t frame = frame_allocate(FRAME_ANONYMOUS, 0, 0);
    if (!frame) {
        page_table_prune(space, address);
        return -ENOMEM;
    }
    char *page = phys_to_virt(frame);
    if (bytes == PAGE_SIZE) {
        page_copy(page, phys_to_virt(source));
    } else {
        memcpy(page, phys_to_virt(source), bytes);
        memset(page + bytes, 0, PAGE_SIZE - bytes);
    }
    page_table_set(space, slot, frame | PTE_ANONYMOUS | vma_leaf_bits(vma->flags));
    *ret = TRACE_FAULT_COW_COPY;
    return 0;
}

/* Bits of a leaf that shows a file's own frame. */
static pte_t file_leaf_bits(const struct vma *vma)
{
    pte_t bits = vma_leaf_bits(vma->flags);

    if (bits & PTE_WRITABLE && !(vma->flags & VMA_SHARED))
        bits = (bits & ~PTE_WRITABLE) | PTE_SOFT_COW;
    return bits;
}

/* Neighbours in the block of FAULT_AROUND pages; whatever is not at hand is left out. */
static void map_around(struct address_space *space, const struct vma *vma, uint64_t address,
                       pte_t *slot)
{
    uint64_t block = align_down(address, FAULT_AROUND * PAGE_SIZE);
    uint64_t start = max(block, vma->start);
    uint64_t end = min(block + FAULT_AROUND * PAGE_SIZE, vma->end);
    phys_t frames[FAULT_AROUND];
    pte_t bits = file_leaf_bits(vma);

    if (vma->file_bytes != UINT64_MAX)
        end = min(end, vma->start + align_down(vma->file_bytes, PAGE_SIZE));
    if (start >= end)
        return;
    unsigned count = (unsigned)((end - start) >> PAGE_SHIFT);
    uint64_t index = (vma->file_offset + (start - vma->start)) >> PAGE_SHIFT;
    if (vma->file->operations->get_present_pages) {
        vma->file->operations->get_present_pages(vma->file, index, count, frames);
    } else {
        for (unsigned i = 0; i < count; i++)
            if (file_get_page(vma->file, index + i, false, &frames[i]))
                frames[i] = 0;
    }
    slot -= (address - start) >> PAGE_SHIFT;
    unsigned mapped = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!frames[i])
            continue;
        if (slot[i]) {
            frame_release(frames[i]);
        } else {
            slot[i] = frames[i] | bits;
            mapped++;
        }
    }
    page_table_count_file(space, slot, mapped);
}

static int map_file(struct address_space *space, struct vma *vma, uint64_t address, pte_t *slot,
                    enum fault_access access, unsigned *ret)
{
    uint64_t offset = address - vma->start;
    uint64_t index = (vma->file_offset + offset) >> PAGE_SHIFT;
    bool shared = vma->flags & VMA_SHARED;
    /* A page that may be written through this mapping one day must be the file's own from the
     * start. */
    bool own = shared && vma->max_protection & VMA_WRITE;
    phys_t frame = 0;
    int error = file_get_page(vma->file, index, own, &frame);

    /* A hole: what appears there one day must be seen here, unless it cannot, or the page is to be
     * written now. */
    if (!error && !frame && (shared || access != FAULT_WRITE)) {
        error = file_get_page(vma->file, index, true, &frame);
        if (error == -EPERM || (error == -ENODEV && !shared))
            error = 0;
    }
    if (error)
        return error == -ENOMEM || error == -EINTR ? -ENOMEM : -ENXIO;
    if (!frame)
        return map_zero(space, vma, address, slot, ret);

    uint64_t file_part = vma->file_bytes - offset; /* > 0 */
    if (!shared && (access == FAULT_WRITE || file_part < PAGE_SIZE)) {
        error = map_copy(space, vma, address, slot, frame, min(file_part, PAGE_SIZE), ret);
        frame_release(frame);
        return error;
    }
    if (!slot && !(slot = page_table_make(space, address))) {
        frame_release(frame);
        return -ENOMEM;
    }
    page_table_set(space, slot, frame | file_leaf_bits(vma));
    if (access == FAULT_WRITE)
        file_page_written(vma->file);
    if (access != FAULT_WRITE && !own)
        map_around(space, vma, address, slot);
    *ret = TRACE_FAULT_FILE;
    return 0;
}

/* A write to a private page that is mapped read-only although the mapping is writable. */
static int copy_on_write(struct address_space *space, const struct vma *vma, uint64_t address,
                         pte_t *slot, unsigned *ret)
{
    phys_t old = *slot & PTE_ADDRESS;
    bool was_anonymous = *slot & PTE_ANONYMOUS;
    pte_t bits = PTE_ANONYMOUS | vma_leaf_bits(vma->flags);

    if (was_anonymous && (__atomic_load_n(&frame_of(old)->references, __ATOMIC_ACQUIRE) == 1 ||
                          MUTANT_EVERY(COW_REUSE_SHARED, 20))) {
        *slot = old | bits;
        tlb_flush_page(address); /* other CPUs at worst fault once more */
        *ret = TRACE_FAULT_COW_REUSE;
        return 0;
    }
    phys_t new = frame_allocate(FRAME_ANONYMOUS, 0, 0);
    if (!new)
        return -ENOMEM;
    page_copy(phys_to_virt(new), phys_to_virt(old));
    audit_flush(AUDIT_FLUSH_OWED, space->root, 0);
    *slot = new | bits;
    tlb_shootdown(space, address, address + PAGE_SIZE);
    if (!was_anonymous) {
        space->anonymous_pages++;
        space->file_pages--;
    }
    frame_release(old);
    if (MUTANT_EVERY(FRAME_FREED_MAPPED, 200) && was_anonymous)
        frame_release(old);
    *ret = TRACE_FAULT_COW_COPY;
    return 0;
}

int fault_page(struct address_space *space, struct vma *vma, uint64_t address,
               enum fault_access access, unsigned *ret)
{
    bool shared = false;
    pte_t *slot = page_table_find(space, address, &shared);

    if (unlikely(shared) && (access == FAULT_WRITE || !*slot)) {
        slot = page_table_own(space, address);
        if (!slot)
            return -ENOMEM;
    } else {
        shared = false;
    }
    if (!slot || !*slot) {
        if (!vma->file || address - vma->start >= vma->file_bytes)
            return map_zero(space, vma, address, slot, ret);
        return map_file(space, vma, address, slot, access, ret);
    }
    pte_t leaf = *slot;
    if (access == FAULT_WRITE && !(leaf & PTE_WRITABLE)) {
        if (likely(!(vma->flags & VMA_SHARED)))
            return copy_on_write(space, vma, address, slot, ret);
        *slot = (leaf & (PTE_ADDRESS | PTE_ANONYMOUS)) | vma_leaf_bits(vma->flags);
    }
    tlb_flush_page(address);
    *ret = unlikely(shared) ? TRACE_FAULT_TABLE : TRACE_FAULT_SPURIOUS;
    return 0;
}

/* The stack `vma` grows down to `address`. False if it must not. */
static COLD bool grow_stack(struct address_space *space, struct vma *vma, uint64_t address)
{
    const struct vma *below = vma_previous(vma);
    uint64_t start = align_down(address, PAGE_SIZE);
    uint64_t pages = (vma->start - start) >> PAGE_SHIFT;

    if (vma->end - start > memory_limit(RLIMIT_STACK) || start < USER_START)
        return false;
    if (below && below->flags & VMA_PROTECTION && !(below->flags & VMA_GROWS_DOWN) &&
        (start < below->end || start - below->end < STACK_GUARD_BYTES))
        return false;
    if (below && start < below->end)
        return false;
    if (!may_expand(space, pages, vma->flags))
        return false;
    if (vma->flags & VMA_LOCKED && check_lock_limit(space, pages, -ENOMEM))
        return false;
    vma_set_bounds(space, vma, start, vma->end);
    return true;
}

static void trace_fault(uint64_t address, uint64_t rip, enum fault_access access, unsigned result)
{
    static const uint8_t error_codes[] = {
        [FAULT_READ] = 4, [FAULT_WRITE] = 6, [FAULT_EXECUTE] = 20};

    trace_event(TRACE_FAULT, address, rip, error_codes[access], result);
}

static int deserves(struct fault_signal *ret, int signal, int code)
{
    ret->signal = signal;
    ret->code = code;
    return -EFAULT;
}

__attribute__((flatten)) int address_space_fault(struct address_space *space, uint64_t address,
                                                 enum fault_access access, uint64_t rip,
                                                 struct fault_signal *ret)
{
    unsigned result = TRACE_FAULT_SIGNAL;
    bool grown = false;
    int error;

    mutex_lock(&space->lock);
    struct vma *vma = vma_find(space, address);
    if (unlikely(!vma || address >= USER_END)) {
        error = deserves(ret, SIGSEGV, SEGV_MAPERR);
    } else if (unlikely(address < vma->start) &&
               !(grown = vma->flags & VMA_GROWS_DOWN && grow_stack(space, vma, address))) {
        error = deserves(ret, SIGSEGV, SEGV_MAPERR);
    } else if (unlikely(!vma_allows(vma, access))) {
        error = deserves(ret, SIGSEGV, SEGV_ACCERR);
    } else {
        error = fault_page(space, vma, address & PAGE_MASK, access, &result);
        if (grown && !error)
            result = TRACE_FAULT_STACK;
        if (error == -ENXIO)
            error = deserves(ret, SIGBUS, BUS_ADRERR);
        if (error)
            result = TRACE_FAULT_SIGNAL;
    }
    mutex_unlock(&space->lock);
    current->min_faults++;
    trace_fault(address, rip, access, result);
    return error;
}

int populate_range(struct address_space *space, uint64_t start, uint64_t end)
{
    unsigned done = 0, result;

    while (start < end) {
        struct vma *vma = vma_find(space, start);

        if (!vma || vma->start > start)
            return -ENOMEM;
        bool write = (vma->flags & (VMA_WRITE | VMA_SHARED)) == VMA_WRITE;
        uint64_t stop = min(end, vma->end);
        if (!vma_allows(vma, FAULT_READ))
            return -ENOMEM;
        for (; start < stop; start += PAGE_SIZE) {
            int error = fault_page(space, vma, start, write ? FAULT_WRITE : FAULT_READ, &result);
            if (error)
                return error == -ENXIO ? -EFAULT : error;
            if (++done % 64 == 0)
                preemption_point();
        }
    }
    return 0;
}
