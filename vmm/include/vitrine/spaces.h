/*
 * vitrine/spaces.h - address spaces and what is mapped in them.
 * guest.h says how such readings behave.
 */
#ifndef VITRINE_SPACES_H
#define VITRINE_SPACES_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "guest.h"
#include "shared/objects.h"
#include "tasks.h"
#include "version.h"

VITRINE_BEGIN

struct vt_address_space {
    uint64_t id;         /* never reused; vt_task.address_space_id */
    uint64_t address;    /* of the kernel's struct address_space */
    uint64_t page_table; /* physical address of its root */
    uint32_t references; /* tasks that use it, and temporary holders */
    uint32_t vma_count;
    uint64_t cpu_mask; /* CPUs that may hold translations of it */
    /* layout, as exec set it; addresses */
    uint64_t mmap_top, brk_start, brk_end, stack_top, stack_limit_bytes;
    uint64_t code_start, code_end, argument_start, argument_end, environment_start, environment_end;
    /* what the kernel counts; pages of 4 KiB; table_pages with leaf tables that others share */
    uint64_t mapped_pages, data_pages, anonymous_pages, file_pages, table_pages, max_resident,
        locked_pages;
};
/* Every address space there is, each proven by itself; also those that no task uses any more. */
struct vt_error *vt_guest_address_spaces(struct vt_guest *guest,
                                         struct vt_address_space **ret_spaces, size_t *ret_count);

/* One mapping, [start, end). */
struct vt_vma {
    uint64_t start, end;
    uint32_t flags;          /* enum vma_flags of shared/objects.h */
    uint32_t max_protection; /* VMA_READ | VMA_WRITE | VMA_EXECUTE that mprotect may give */
    uint64_t file;           /* address of the kernel's struct file; 0 = anonymous */
    uint64_t file_offset;    /* of `start`, bytes; 0 if anonymous */
    uint64_t file_bytes;     /* from `start` on so many bytes come from the file (UINT64_MAX: all);
                                the rest is zero memory of its own */
    uint64_t inode;
    uint32_t device;  /* major << 8 | minor */
    const char *name; /* path as the task sees it, "[heap]", "[stack]"; NULL = none */
};
/* The mappings of a task, by address: what /proc/PID/maps shows inside. */
struct vt_error *vt_guest_vmas(struct vt_guest *guest, const struct vt_task *task,
                               struct vt_vma **ret_vmas, size_t *ret_count);
/* The same of an address space, used or not; paths from the root of the tree. */
struct vt_error *vt_guest_space_vmas(struct vt_guest *guest, const struct vt_address_space *space,
                                     struct vt_vma **ret_vmas, size_t *ret_count);

VITRINE_END

#endif
