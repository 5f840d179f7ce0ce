/*
 * kernel/mm/map.c - making, removing and changing mappings: the half of mmap(2) and friends below
 * the system call, also used by exec. Pages come later, by faults.
 */
#include "arch/page_table.h"
#include "kernel/fs/file.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/lib/errno.h"
#include "kernel/mm/mapping.h"
#include "kernel/mm/page_table.h"
#include "kernel/sched/task.h"

/* ---- taking out ---- */

void removed_vmas_destroy(struct removed_vmas *removed)
{
    struct vma *vma = removed->first, *next;

    for (; vma; vma = next) {
        next = vma->node.parent ? rb_entry(vma->node.parent, struct vma, node) : NULL;
        if (unlikely(vma->flags & VMA_COUNTED))
            vma->file->operations->mapping_gone(vma->file);
        vma_destroy(vma);
    }
    removed->first = NULL;
}

int unmap_range(struct address_space *space, uint64_t start, uint64_t end,
                struct removed_vmas *removed)
{
    struct vma *vma = vma_find(space, start), *next;
    int error;

    if (!vma || vma->start >= end)
        return 0;
    /* What can fail comes first: tables of its own, and cutting. */
    if ((error = page_table_own_range(space, start, end, false)))
        return error;
    if (vma->start < start && (error = vma_split(space, vma, start, &vma)))
        return error;
    struct vma *last = vma_find_below(space, end);
    if (last->end > end && (error = vma_split(space, last, end, &next))) {
        vma_merge(space, vma);
        return error;
    }
    page_table_unmap(space, start, end, false);
    for (; vma && vma->start < end; vma = next) {
        next = vma_next(vma);
        vma_remove(space, vma);
        vma->node.parent = removed->first ? &removed->first->node : NULL;
        removed->first = vma;
    }
    return 0;
}

int address_space_unmap(struct address_space *space, uint64_t address, uint64_t bytes)
{
    struct removed_vmas removed = {NULL};

    if (address & ~PAGE_MASK || address > USER_END || bytes > USER_END - address)
        return -EINVAL;
    bytes = align_up(bytes, PAGE_SIZE);
    if (bytes == 0)
        return -EINVAL;
    mutex_lock(&space->lock);
    object_write_begin(&space->object);
    int error = unmap_range(space, address, address + bytes, &removed);
    object_write_end(&space->object);
    mutex_unlock(&space->lock);
    removed_vmas_destroy(&removed);
    return error;
}

/* ---- making ---- */

bool may_expand(const struct address_space *space, uint64_t pages, uint32_t flags)
{
    if (space->mapped_pages + pages > memory_limit(RLIMIT_AS) >> PAGE_SHIFT)
        return false;
    if (!vma_flags_are_data(flags))
        return true;
    if (space->data_pages + pages > memory_limit(RLIMIT_DATA) >> PAGE_SHIFT)
        return false;
    /* The obvious overcommit: one mapping larger than all memory (proc(5), overcommit_memory 0). */
    return flags & VMA_NORESERVE || pages <= frames_total_count();
}

/* Pages of [start, end) that are mapped now. */
static uint64_t mapped_pages_in(struct address_space *space, uint64_t start, uint64_t end)
{
    uint64_t pages = 0;

    for (struct vma *vma = vma_find(space, start); vma && vma->start < end; vma = vma_next(vma))
        pages += (min(end, vma->end) - max(start, vma->start)) >> PAGE_SHIFT;
    return pages;
}

/* Where the mapping goes, or 0. */
static uint64_t choose_place(struct address_space *space, const struct map_request *request,
                             uint64_t bytes)
{
    uint64_t hint = align_down(request->address, PAGE_SIZE);

    if (request->address) {
        hint = max(hint, USER_START);
        if (hint < USER_END && bytes <= USER_END - hint &&
            vma_range_free(space, hint, hint + bytes, true))
            return hint;
    }
    uint64_t place = vma_find_gap(space, bytes, space->mmap_top);
    return place ? place : vma_find_gap(space, bytes, USER_END);
}

/* An anonymous mapping that continues its lower or upper neighbour just makes that one longer. */
static bool extend_neighbour(struct address_space *space, uint64_t start, uint64_t end,
                             uint32_t flags)
{
    struct vma *below = vma_find_below(space, start);
    struct vma *above = below ? vma_next(below) : vma_first(space);

    if (flags & VMA_GROWS_DOWN)
        return false;
    if (below && below->end == start && below->flags == flags && !below->file &&
        below->max_protection == VMA_PROTECTION) {
        vma_set_bounds(space, below, below->start, end);
        if (above && above->start == end)
            vma_merge(space, below);
        return true;
    }
    if (above && above->start == end && above->flags == flags && !above->file &&
        above->max_protection == VMA_PROTECTION) {
        vma_set_bounds(space, above, start, above->end);
        return true;
    }
    return false;
}

/* What mprotect may give: a shared file mapping never more than the file was opened for, or its
 * seals allow; and nothing is executed where the mount forbids it. */
static uint32_t max_protection_of(const struct map_request *request)
{
    const struct file *file = request->file;
    uint32_t most = VMA_PROTECTION;
    if (file && request->flags & VMA_SHARED &&
        ((file->flags & O_ACCMODE) == O_RDONLY || file_seals_forbid_writing(request->file)))
        most = VMA_READ | VMA_EXECUTE;
    if (file && mount_forbids(file->mount, MOUNT_NO_EXECUTE))
        most &= ~(uint32_t)VMA_EXECUTE;
    return most;
}

int64_t map_range(struct address_space *space, const struct map_request *request, uint64_t bytes,
                  struct removed_vmas *removed)
{
    struct file *file = request->file;
    uint64_t pages = bytes >> PAGE_SHIFT, replaced = 0, start;
    uint32_t flags = request->flags | (space->lock_future ? VMA_LOCKED : 0);
    bool fixed = request->fixed || request->fixed_noreplace;

    if (fixed) {
        start = request->address;
        if (request->fixed_noreplace && !vma_range_free(space, start, start + bytes, false))
            return -EEXIST;
        replaced = mapped_pages_in(space, start, start + bytes);
    } else {
        start = choose_place(space, request, bytes);
        if (!start)
            return -ENOMEM;
    }
    if (space->vma_count >= VMAS_MAX || !may_expand(space, pages - replaced, flags))
        return -ENOMEM;
    if (flags & VMA_LOCKED) {
        int error = check_lock_limit(space, pages, -EAGAIN);
        if (error)
            return error;
    }
    struct vma *vma = NULL;
    uint32_t max_protection = max_protection_of(request);
    if (flags & VMA_PROTECTION & ~max_protection)
        return -EPERM;
    if (!replaced && !file && extend_neighbour(space, start, start + bytes, flags))
        return (int64_t)start;
    vma = vma_create();
    if (!vma)
        return -ENOMEM;
    if (replaced) {
        int error = unmap_range(space, start, start + bytes, removed);
        if (error) {
            vma->file = NULL;
            vma_destroy(vma);
            return error;
        }
    }
    vma->start = start;
    vma->end = start + bytes;
    vma->flags = flags;
    vma->max_protection = max_protection;
    vma->file = file;
    vma->file_offset = file ? request->file_offset : 0;
    vma->file_bytes = file ? request->file_bytes : 0;
    if (file) {
        file_get(file);
        if (!file->inode->mapped)
            WRITE_ONCE(file->inode->mapped, true);
    }
    vma_insert(space, vma);
    if (unlikely(flags & VMA_COUNTED))
        mapping_counted(space, vma);
    if (file)
        vma_merge(space, vma);
    return (int64_t)start;
}

int64_t address_space_map(struct address_space *space, const struct map_request *request)
{
    struct removed_vmas removed = {NULL};
    struct file *file = request->file, *shared_memory = NULL;
    uint64_t bytes = align_up(request->bytes, PAGE_SIZE);
    struct map_request shared_request;

    if (request->bytes == 0)
        return -EINVAL;
    if (bytes == 0 || bytes > USER_END)
        return -ENOMEM;
    if (request->fixed || request->fixed_noreplace) {
        if (request->address > USER_END - bytes)
            return -ENOMEM;
        if (request->address & ~PAGE_MASK)
            return -EINVAL;
        if (request->address < USER_START)
            return -EPERM;
    }
    if (!file && request->flags & VMA_SHARED) {
        shared_memory = shared_memory_file_create(bytes);
        if (!shared_memory)
            return -ENOMEM;
        file = shared_memory;
        shared_request = *request;
        shared_request.file = file;
        shared_request.file_offset = 0;
        shared_request.file_bytes = UINT64_MAX;
        request = &shared_request;
    }
    mutex_lock(&space->lock);
    object_write_begin(&space->object);
    int64_t place = map_range(space, request, bytes, &removed);
    object_write_end(&space->object);
    /* As in Linux the mapping stands even if not all of it could be populated. */
    if (place >= 0 && (request->populate || space->lock_future))
        populate_range(space, (uint64_t)place, (uint64_t)place + bytes);
    mutex_unlock(&space->lock);
    removed_vmas_destroy(&removed);
    if (shared_memory)
        file_put(shared_memory);
    return place;
}

/* ---- changing ---- */

int change_flags(struct address_space *space, uint64_t start, uint64_t end, uint32_t clear,
                 uint32_t set, bool skip_holes)
{
    bool hole = false;

    while (start < end) {
        struct vma *vma = vma_find(space, start);

        if (!vma) {
            hole = true;
            break;
        }
        if (vma->start > start) {
            hole = true;
            if (!skip_holes || vma->start >= end)
                break;
            start = vma->start;
        }
        uint64_t stop = min(end, vma->end);
        uint32_t flags = (vma->flags & ~clear) | set;
        if (flags != vma->flags) {
            object_write_begin(&space->object); /* cutting takes two steps */
            int error = vma_isolate(space, &vma, start, stop);
            if (!error) {
                vma_set_flags(space, vma, flags);
                vma_merge(space, vma);
            }
            object_write_end(&space->object);
            if (error)
                return error;
        }
        start = stop;
    }
    return hole ? -ENOMEM : 0;
}

static int protect_locked(struct address_space *space, uint64_t start, uint64_t end,
                          uint32_t protection)
{
    while (start < end) {
        struct vma *vma = vma_find(space, start);

        if (!vma || vma->start > start)
            return -ENOMEM;
        if (protection & ~vma->max_protection)
            return -EACCES;
        uint64_t stop = min(end, vma->end);
        uint32_t flags = (vma->flags & ~VMA_PROTECTION) | protection;
        if (flags != vma->flags) {
            if (vma_flags_are_data(flags) && !vma_flags_are_data(vma->flags) &&
                space->data_pages + ((stop - start) >> PAGE_SHIFT) > memory_limit(RLIMIT_DATA) >>
                    PAGE_SHIFT)
                return -ENOMEM;
            int error = page_table_own_range(space, start, stop, true);
            if (!error)
                error = vma_isolate(space, &vma, start, stop);
            if (error)
                return error;
            vma_set_flags(space, vma, flags);
            page_table_protect(space, vma, start, stop);
            vma_merge(space, vma);
        }
        start = stop;
    }
    return 0;
}

int address_space_protect(struct address_space *space, uint64_t address, uint64_t bytes,
                          uint32_t flags)
{
    uint64_t end = address + align_up(bytes, PAGE_SIZE);

    if (address & ~PAGE_MASK || flags & ~VMA_PROTECTION)
        return -EINVAL;
    if (bytes == 0)
        return 0;
    if (end <= address || end > USER_END)
        return -ENOMEM;
    mutex_lock(&space->lock);
    object_write_begin(&space->object);
    int error = protect_locked(space, address, end, flags);
    object_write_end(&space->object);
    mutex_unlock(&space->lock);
    return error;
}

/* ---- looking ---- */

int address_space_for_each(struct address_space *space,
                           int (*visit)(void *context, const struct vma *vma), void *context)
{
    int result = 0;

    mutex_lock(&space->lock);
    for (struct vma *vma = vma_first(space); vma && !result; vma = vma_next(vma))
        result = visit(context, vma);
    mutex_unlock(&space->lock);
    return result;
}
