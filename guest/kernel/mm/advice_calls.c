/*
 * kernel/mm/advice_calls.c - madvise, msync, mincore. Memory is never written to a disk or swapped
 * here, so much advice is accepted and changes nothing, which is what it promises.
 */
#include "kernel/fs/file.h"
#include "kernel/mm/linux_memory.h"
#include "kernel/mm/mapping.h"
#include "kernel/mm/page_table.h"
#include "kernel/syscall/syscall.h"

/* 0, or -ENOMEM: nothing was dropped. */
static int drop_pages(struct address_space *space, uint64_t start, uint64_t end)
{
    int error = page_table_own_range(space, start, end, false);

    if (!error)
        page_table_unmap(space, start, end, false);
    return error;
}

/* One mapping's part of an advised range. 0 or -errno. */
static int advise_part(struct address_space *space, struct vma *vma, uint64_t start, uint64_t end,
                       int advice)
{
    bool anonymous = !vma->file && !(vma->flags & VMA_SHARED);
    bool locked = vma->flags & VMA_LOCKED;

    switch (advice) {
    case MADV_DONTNEED:
        if (locked)
            return -EINVAL;
        __attribute__((fallthrough));
    case MADV_DONTNEED_LOCKED:
        return drop_pages(space, start, end);
    case MADV_FREE: /* may come back as zeros at any time: that is now */
        if (!anonymous || locked)
            return -EINVAL;
        return drop_pages(space, start, end);
    case MADV_COLD:
    case MADV_PAGEOUT:
        return locked ? -EINVAL : 0;
    case MADV_WIPEONFORK:
        return anonymous ? 0 : -EINVAL;
    default:
        return 0;
    }
}

/* Flags that the advice leaves in the mapping. */
static bool advice_flags(int advice, uint32_t *ret_clear, uint32_t *ret_set)
{
    *ret_clear = *ret_set = 0;
    switch (advice) {
    case MADV_DONTFORK:
        *ret_set = VMA_DONT_FORK;
        return true;
    case MADV_DOFORK:
        *ret_clear = VMA_DONT_FORK;
        return true;
    case MADV_WIPEONFORK:
        *ret_set = VMA_WIPE_ON_FORK;
        return true;
    case MADV_KEEPONFORK:
        *ret_clear = VMA_WIPE_ON_FORK;
        return true;
    default:
        return false;
    }
}

static bool advice_known(int advice)
{
    switch (advice) {
    case MADV_NORMAL ... MADV_DONTNEED:
    case MADV_FREE ... MADV_DOFORK:
    case MADV_MERGEABLE ... MADV_NOHUGEPAGE: /* advice that nothing here follows */
    case MADV_DONTDUMP ... MADV_DONTNEED_LOCKED:
        return true;
    default:
        return false;
    }
}

/* Every mapping in turn; holes are skipped and reported at the end, as Linux does. */
static int advise(struct address_space *space, uint64_t start, uint64_t end, int advice)
{
    uint32_t clear, set;
    bool flags = advice_flags(advice, &clear, &set);
    int hole = 0;

    while (start < end) {
        struct vma *vma = vma_find(space, start);

        if (!vma || vma->start >= end)
            return -ENOMEM;
        if (vma->start > start) {
            hole = -ENOMEM;
            start = vma->start;
        }
        uint64_t stop = min(end, vma->end);
        int error = advise_part(space, vma, start, stop, advice);
        if (!error && flags)
            error = change_flags(space, start, stop, clear, set, false);
        if (error)
            return error;
        start = stop;
    }
    return hole;
}

static int populate_for(struct address_space *space, uint64_t start, uint64_t end,
                        enum fault_access access)
{
    unsigned result;

    for (; start < end; start += PAGE_SIZE) {
        struct vma *vma = vma_find(space, start);

        if (!vma || vma->start > start)
            return -ENOMEM;
        if (!vma_allows(vma, access))
            return -EINVAL;
        int error = fault_page(space, vma, start, access, &result);
        if (error)
            return error == -ENXIO ? -EFAULT : error;
        if ((start >> PAGE_SHIFT) % 64 == 0)
            preemption_point();
        if (task_interrupted(current))
            return -EINTR;
    }
    return 0;
}

/* The part of the range that the next mapping covers becomes a hole in its file. *start moves on.
 */
static int punch_next(struct address_space *space, uint64_t *start, uint64_t end, int *hole)
{
    struct file *file = NULL;
    uint64_t offset = 0, stop = end;
    int error = 0;

    mutex_lock(&space->lock);
    const struct vma *vma = vma_find(space, *start);
    if (!vma || vma->start >= end) {
        error = -ENOMEM;
    } else if (vma->flags & VMA_LOCKED || !vma->file) {
        error = -EINVAL;
    } else if ((vma->flags & (VMA_SHARED | VMA_WRITE)) != (VMA_SHARED | VMA_WRITE)) {
        error = -EACCES;
    } else {
        if (vma->start > *start)
            *hole = -ENOMEM;
        *start = max(*start, vma->start);
        stop = min(end, vma->end);
        offset = vma->file_offset + (*start - vma->start);
        file = vma->file;
        file_get(file);
    }
    mutex_unlock(&space->lock); /* the file's lock comes before it */
    if (error)
        return error;
    error = file_punch_hole(file, offset, stop - *start);
    file_put(file);
    *start = stop;
    return error;
}

static int punch_holes(struct address_space *space, uint64_t start, uint64_t end)
{
    int error = 0, hole = 0;

    while (start < end && !error)
        error = punch_next(space, &start, end, &hole);
    return error ? error : hole;
}

SYSCALL3(madvise, uint64_t, address, uint64_t, bytes, int, advice)
{
    struct address_space *space = current->address_space;
    uint64_t length = align_up(bytes, PAGE_SIZE), end = address + length;
    int error;

    if (!advice_known(advice) || address & ~PAGE_MASK || (bytes && !length) || end < address)
        return -EINVAL;
    if (end == address)
        return 0;
    if (advice == MADV_REMOVE)
        return punch_holes(space, address, end);
    mutex_lock(&space->lock);
    if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE) {
        error = populate_for(space, address, min(end, USER_END),
                             advice == MADV_POPULATE_WRITE ? FAULT_WRITE : FAULT_READ);
        if (!error && end > USER_END)
            error = -ENOMEM;
    } else {
        error = advise(space, address, end, advice);
    }
    mutex_unlock(&space->lock);
    return error;
}

SYSCALL3(msync, uint64_t, address, uint64_t, bytes, int, flags)
{
    struct address_space *space = current->address_space;
    uint64_t end = address + align_up(bytes, PAGE_SIZE);
    int error = 0;

    if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || address & ~PAGE_MASK ||
        (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
        return -EINVAL;
    if (end < address)
        return -ENOMEM;
    /* A shared mapping shows the file's own frames: it is in step with the file at any time. */
    mutex_lock(&space->lock);
    while (address < end) {
        const struct vma *vma = vma_find(space, address);

        if (!vma || vma->start >= end) {
            error = -ENOMEM;
            break;
        }
        if (vma->start > address)
            error = -ENOMEM;
        if (flags & MS_INVALIDATE && vma->flags & VMA_LOCKED) {
            error = -EBUSY;
            break;
        }
        address = vma->end;
    }
    mutex_unlock(&space->lock);
    return error;
}

/* Would an access to the page do without making or fetching anything? */
static bool page_resident(struct address_space *space, const struct vma *vma, uint64_t address)
{
    bool shared;
    const pte_t *slot = page_table_find(space, address, &shared);
    phys_t frame = 0;

    if (slot && *slot)
        return true;
    uint64_t offset = address - vma->start;
    if (!vma->file || offset >= vma->file_bytes ||
        file_get_page(vma->file, (vma->file_offset + offset) >> PAGE_SHIFT, false, &frame) ||
        !frame)
        return false;
    frame_release(frame);
    return true;
}

SYSCALL3(mincore, uint64_t, address, uint64_t, bytes, uint64_t, vector)
{
    struct address_space *space = current->address_space;
    uint8_t answers[256];

    if (address & ~PAGE_MASK)
        return -EINVAL;
    if (!user_range_valid(address, bytes) && bytes)
        return -ENOMEM;
    uint64_t pages = align_up(bytes, PAGE_SIZE) >> PAGE_SHIFT;
    if (!user_range_valid(vector, pages))
        return -EFAULT;
    while (pages) {
        uint64_t count = 0, part = min(pages, (uint64_t)sizeof(answers));

        mutex_lock(&space->lock);
        for (; count < part; count++, address += PAGE_SIZE) {
            const struct vma *vma = vma_find(space, address);

            if (!vma || vma->start > address)
                break;
            answers[count] = page_resident(space, vma, address);
        }
        mutex_unlock(&space->lock);
        if (count && copy_to_user(vector, answers, count))
            return -EFAULT;
        if (count < part)
            return -ENOMEM;
        vector += count;
        pages -= count;
        preemption_point();
    }
    return 0;
}
