/*
 * kernel/mm/vma.h - the ordered set of an address space's mappings. Internal to kernel/mm; every
 * function needs space->lock (or a space that nobody else knows yet), and none touches page tables.
 */
#ifndef KERNEL_MM_VMA_H
#define KERNEL_MM_VMA_H

#include "kernel/mm/address_space.h"

#define VMA_PROTECTION (VMA_READ | VMA_WRITE | VMA_EXECUTE)
/* Linux keeps 256 pages below a stack free of other mappings ("stack_guard_gap"). */
#define STACK_GUARD_BYTES (256 * PAGE_SIZE)

static inline uint64_t vma_pages(const struct vma *vma)
{
    return (vma->end - vma->start) >> PAGE_SHIFT;
}

static inline bool vma_flags_are_data(uint32_t flags)
{
    return (flags & (VMA_WRITE | VMA_SHARED | VMA_GROWS_DOWN)) == VMA_WRITE;
}

/* An undefined one; NULL when out of memory. vma_destroy drops its file too. */
struct vma *vma_create(void);
void vma_destroy(struct vma *vma);

void vma_tree_init(struct address_space *space);
/* The first mapping that ends above `address` (it may start above it, too), or NULL. */
struct vma *vma_find(struct address_space *space, uint64_t address);
struct vma *vma_next(const struct vma *vma);
struct vma *vma_previous(const struct vma *vma);
struct vma *vma_first(const struct address_space *space);
/* The last one that starts below `address`. */
struct vma *vma_find_below(struct address_space *space, uint64_t address);

/* In the tree and the counters; [start, end) must be free. */
void vma_insert(struct address_space *space, struct vma *vma);
/* Out of both; the caller destroys it. */
void vma_remove(struct address_space *space, struct vma *vma);
/* Moves a bound (not past a neighbour), keeping file_offset and file_bytes true. */
void vma_set_bounds(struct address_space *space, struct vma *vma, uint64_t start, uint64_t end);
/* Changes flags, keeping the counters true. */
void vma_set_flags(struct address_space *space, struct vma *vma, uint32_t flags);

/* Cuts at `address`, strictly inside; *ret = the upper part. 0 or -ENOMEM. */
int vma_split(struct address_space *space, struct vma *vma, uint64_t address, struct vma **ret);
/* Makes [start, end), which must lie inside the vma, a mapping of its own: *vma becomes it. 0 or
 * -ENOMEM. */
int vma_isolate(struct address_space *space, struct vma **vma, uint64_t start, uint64_t end);
/* Joins equal neighbours; returns the mapping that now covers vma's range. */
struct vma *vma_merge(struct address_space *space, struct vma *vma);

/* The highest free range of `bytes` that ends at or below `limit`; 0 = none. */
uint64_t vma_find_gap(struct address_space *space, uint64_t bytes, uint64_t limit);
/* Nothing mapped in [start, end); with_guard: nor a stack that may grow into the neighbourhood. */
bool vma_range_free(struct address_space *space, uint64_t start, uint64_t end, bool with_guard);

/* Same shape, same contents (files referenced) in an empty space. 0 or -ENOMEM; then *target is
 * partial. */
int vma_tree_copy(struct address_space *target, const struct address_space *source);

#endif
