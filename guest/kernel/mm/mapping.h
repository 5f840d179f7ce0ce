/*
 * kernel/mm/mapping.h - what the files of kernel/mm share about address spaces beyond the public
 * header.
 */
#ifndef KERNEL_MM_MAPPING_H
#define KERNEL_MM_MAPPING_H

#include "arch/cpu.h"
#include "arch/layout.h"
#include "kernel/lib/errno.h"
#include "kernel/mm/vma.h"
#include "kernel/process/process.h"

/* ---- address_space.c ---- */

/* address_space_create() without the publishing: readers outside do not see it before
 * object_publish(). */
struct address_space *address_space_create_hidden(void);
/* ... which this does, for searches within the kernel, too. */
static inline void address_space_publish(struct address_space *space)
{
    store_release(&space->complete, true);
    object_publish(&space->object);
}

/* ---- file_mappings.c ---- */

extern uint64_t address_spaces_forked; /* raised after the copy, under the source's lock; atomic */

/* ---- fault.c, under space->lock ---- */

/* The mapping permits the access. */
bool vma_allows(const struct vma *vma, enum fault_access access);
/*
 * Makes the page at `address` (page aligned, in the vma, which allows the access) accessible. *ret
 * gets an enum trace_fault_result. 0, -ENOMEM, or -ENXIO (beyond the end of the file: SIGBUS).
 */
int fault_page(struct address_space *space, struct vma *vma, uint64_t address,
               enum fault_access access, unsigned *ret);
/*
 * Makes all pages of [start, end) accessible as far as their mappings allow. 0; -ENOMEM at a hole
 * or without memory; -EFAULT where the file ends. Stops at the first failure. Takes preemption
 * points.
 */
int populate_range(struct address_space *space, uint64_t start, uint64_t end);

/* ---- counted.c: files that hear of their mappings ---- */

/* A vma with VMA_COUNTED was entered; its space's lock is held. */
void mapping_counted(struct address_space *space, const struct vma *vma);
/* All mappings of a space that nobody uses any more are about to go. */
void mappings_uncount(struct address_space *space);

/* ---- map.c, under space->lock ---- */

/*
 * Mappings that were taken out. Their files are dropped after space->lock is released: the last
 * user of a file takes locks that come before it.
 */
struct removed_vmas {
    struct vma *first;
};
void removed_vmas_destroy(struct removed_vmas *removed);
/* Takes out [start, end), mappings and pages. 0 or -ENOMEM (then nothing was taken out). */
int unmap_range(struct address_space *space, uint64_t start, uint64_t end,
                struct removed_vmas *removed);
/* address_space_map() without the lock and its checks of the request; `bytes` is whole pages. */
int64_t map_range(struct address_space *space, const struct map_request *request, uint64_t bytes,
                  struct removed_vmas *removed);
/* RLIMIT_AS, RLIMIT_DATA and the machine's memory allow `pages` more of these flags. */
bool may_expand(const struct address_space *space, uint64_t pages, uint32_t flags);
/*
 * Changes the flags of all mappings in [start, end): (flags & ~clear) | set. Joins equal
 * neighbours. 0, or -ENOMEM (no memory, or a hole: then what comes before it was changed, and with
 * skip_holes what follows too).
 */
int change_flags(struct address_space *space, uint64_t start, uint64_t end, uint32_t clear,
                 uint32_t set, bool skip_holes);

/* ---- limits of the calling process ---- */

static inline uint64_t memory_limit(enum rlimit_index limit)
{
    const struct task *task = current;

    return task && task->process ? READ_ONCE(task->process->rlimits[limit].soft) : UINT64_MAX;
}

/* CAP_IPC_LOCK and CAP_SYS_RAWIO, which the super-user has. */
static inline bool memory_privileged(void)
{
    const struct task *task = current;

    return !task || !task->process || process_has_capability(task->process, CAP_IPC_LOCK);
}

/* May `pages` more be locked? 0, -EPERM (no locking at all), or `error`. */
static inline int check_lock_limit(const struct address_space *space, uint64_t pages, int error)
{
    uint64_t limit = memory_limit(RLIMIT_MEMLOCK);

    if (memory_privileged())
        return 0;
    if (limit == 0)
        return -EPERM;
    return space->locked_pages + pages > limit >> PAGE_SHIFT ? error : 0;
}

#endif
