/*
 * kernel/mm/remap_calls.c - mremap(2): a mapping changes its size, its place, or both. Pages move
 * as leaves of the page tables; no byte is copied.
 */
#include "kernel/fs/file.h"
#include "kernel/lib/panic.h"
#include "kernel/mm/linux_memory.h"
#include "kernel/mm/mapping.h"
#include "kernel/mm/page_table.h"
#include "kernel/syscall/syscall.h"

/* The mapping that [address, address + old_bytes) lies in, if it may become new_bytes long; else
 * *error. */
static struct vma *resizable(struct address_space *space, uint64_t address, uint64_t old_bytes,
                             uint64_t new_bytes, uint64_t flags, int *error)
{
    struct vma *vma = vma_find(space, address);

    *error = -EFAULT;
    if (!vma || vma->start > address)
        return NULL;
    *error = -EINVAL;
    if (old_bytes == 0 &&
        !(vma->flags & VMA_SHARED)) /* a second view makes sense for shared memory only */
        return NULL;
    if (flags & MREMAP_DONTUNMAP && vma->flags & VMA_SHARED && vma->file == NULL)
        return NULL;
    *error = -EFAULT;
    if (old_bytes > vma->end - address)
        return NULL;
    if (new_bytes <= old_bytes)
        return vma;
    uint64_t more = (new_bytes - old_bytes) >> PAGE_SHIFT;
    if (vma->file) {
        uint64_t offset = vma->file_offset + (address - vma->start);
        *error = -EINVAL;
        if (offset + new_bytes < offset)
            return NULL;
    }
    if (vma->flags & VMA_LOCKED && (*error = check_lock_limit(space, more, -EAGAIN)))
        return NULL;
    *error = -ENOMEM;
    return may_expand(space, more, vma->flags) ? vma : NULL;
}

/* The part [address, address + old_bytes) of a mapping goes to `target`, which is free, with
 * new_bytes. */
static int64_t move_mapping(struct address_space *space, struct vma *vma, uint64_t address,
                            uint64_t old_bytes, uint64_t target, uint64_t new_bytes, uint64_t flags,
                            struct removed_vmas *removed)
{
    struct vma *moved;
    uint64_t moved_bytes = min(old_bytes, new_bytes), cut = 0;
    int error;

    /* The part becomes a mapping of its own first: taking it out afterwards cannot fail. */
    if (space->vma_count + 3 > VMAS_MAX)
        return -ENOMEM;
    error = old_bytes ? vma_isolate(space, &vma, address, address + old_bytes) : 0;
    moved = error ? NULL : vma_create();
    if (!moved) {
        vma_merge(space, vma);
        return -ENOMEM;
    }
    if (!old_bytes)
        cut = address - vma->start;
    *moved = *vma;
    moved->start = target;
    moved->end = target + new_bytes;
    if (moved->file) {
        file_get(moved->file);
        moved->file_offset += cut;
        if (moved->file_bytes != UINT64_MAX)
            moved->file_bytes = moved->file_bytes > cut ? moved->file_bytes - cut : 0;
    }
    error = page_table_move(space, address, target, moved_bytes);
    if (error) {
        vma_destroy(moved); /* not the file's last reference: vma has one */
        vma_merge(space, vma);
        return error;
    }
    vma_insert(space, moved);
    if (unlikely(moved->flags & VMA_COUNTED))
        mapping_counted(space, moved);
    if (old_bytes && !(flags & MREMAP_DONTUNMAP)) {
        error = unmap_range(space, address, address + old_bytes, removed);
        kernel_assert(!error);
    } else if (flags & MREMAP_DONTUNMAP) {
        vma_set_flags(space, vma, vma->flags & ~VMA_LOCKED);
        vma_merge(space, vma);
    }
    vma_merge(space, moved);
    return (int64_t)target;
}

/* MREMAP_FIXED, MREMAP_DONTUNMAP: the place is given, or any other. */
static int64_t remap_to(struct address_space *space, uint64_t address, uint64_t old_bytes,
                        uint64_t new_bytes, uint64_t flags, uint64_t target,
                        struct removed_vmas *removed)
{
    int error;

    if (target & ~PAGE_MASK || new_bytes > USER_END || target > USER_END - new_bytes)
        return -EINVAL;
    if (address + old_bytes > target && target + new_bytes > address)
        return -EINVAL;
    if (flags & MREMAP_FIXED) {
        if (target < USER_START)
            return -EPERM;
        if (space->vma_count + 4 > VMAS_MAX)
            return -ENOMEM;
        error = unmap_range(space, target, target + new_bytes, removed);
        if (error)
            return error;
    }
    if (old_bytes > new_bytes) {
        error = unmap_range(space, address + new_bytes, address + old_bytes, removed);
        if (error)
            return error;
        old_bytes = new_bytes;
    }
    struct vma *vma = resizable(space, address, old_bytes, new_bytes, flags, &error);
    if (!vma)
        return error;
    if (flags & MREMAP_DONTUNMAP && !may_expand(space, old_bytes >> PAGE_SHIFT, vma->flags))
        return -ENOMEM;
    if (!(flags & MREMAP_FIXED)) {
        target = vma_find_gap(space, new_bytes, space->mmap_top);
        if (!target)
            return -ENOMEM;
    }
    return move_mapping(space, vma, address, old_bytes, target, new_bytes, flags, removed);
}

static int64_t remap(struct address_space *space, uint64_t address, uint64_t old_bytes,
                     uint64_t new_bytes, uint64_t flags, uint64_t target,
                     struct removed_vmas *removed)
{
    struct vma *vma = vma_find(space, address);
    int error;

    if (!vma || vma->start > address)
        return -EFAULT;
    if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
        return remap_to(space, address, old_bytes, new_bytes, flags, target, removed);
    if (old_bytes >= new_bytes) {
        if (old_bytes > new_bytes) {
            if (old_bytes > USER_END || address + new_bytes > USER_END - (old_bytes - new_bytes))
                return -EINVAL;
            error = unmap_range(space, address + new_bytes, address + old_bytes, removed);
            if (error)
                return error;
        }
        return (int64_t)address;
    }
    if (new_bytes > USER_END)
        return -EINVAL;
    vma = resizable(space, address, old_bytes, new_bytes, flags, &error);
    if (!vma)
        return error;
    /* In place, if the mapping ends here and there is room behind it. */
    if (old_bytes && address + old_bytes == vma->end && new_bytes <= USER_END - address &&
        vma_range_free(space, vma->end, address + new_bytes, true)) {
        uint64_t old_end = vma->end, new_end = address + new_bytes;

        vma_set_bounds(space, vma, vma->start, new_end);
        vma = vma_merge(space, vma);
        if (vma->flags & VMA_LOCKED)
            populate_range(space, old_end, new_end);
        return (int64_t)address;
    }
    if (!(flags & MREMAP_MAYMOVE))
        return -ENOMEM;
    uint64_t place = vma_find_gap(space, new_bytes, space->mmap_top);
    if (!place)
        return -ENOMEM;
    bool locked = vma->flags & VMA_LOCKED;
    int64_t result = move_mapping(space, vma, address, old_bytes, place, new_bytes, flags, removed);
    if (result >= 0 && locked)
        populate_range(space, place + old_bytes, place + new_bytes);
    return result;
}

SYSCALL5(mremap, uint64_t, address, uint64_t, old_bytes, uint64_t, new_bytes, uint64_t, flags,
         uint64_t, target)
{
    struct address_space *space = current->address_space;
    struct removed_vmas removed = {NULL};

    if (flags & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
        return -EINVAL;
    if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) && !(flags & MREMAP_MAYMOVE))
        return -EINVAL;
    if (flags & MREMAP_DONTUNMAP && old_bytes != new_bytes)
        return -EINVAL;
    if (address & ~PAGE_MASK || address >= USER_END)
        return address & ~PAGE_MASK ? -EINVAL : -EFAULT;
    old_bytes = align_up(old_bytes, PAGE_SIZE);
    new_bytes = align_up(new_bytes, PAGE_SIZE);
    if (new_bytes == 0)
        return -EINVAL;
    if (old_bytes > USER_END - address && new_bytes >= old_bytes)
        return -EFAULT;
    if (old_bytes > USER_END)
        return -EINVAL;
    mutex_lock(&space->lock);
    object_write_begin(&space->object);
    int64_t result = remap(space, address, old_bytes, new_bytes, flags, target, &removed);
    object_write_end(&space->object);
    mutex_unlock(&space->lock);
    removed_vmas_destroy(&removed);
    return result;
}
