/*
 * kernel/mm/lock_calls.c - mlock, mlock2, munlock, mlockall, munlockall. Nothing is ever swapped
 * here: to lock memory is to make it present now (mlock(2)) and to count it against RLIMIT_MEMLOCK.
 */
#include "kernel/mm/linux_memory.h"
#include "kernel/mm/mapping.h"
#include "kernel/syscall/syscall.h"

/* Pages of the range that are locked already. */
static uint64_t locked_pages_in(struct address_space *space, uint64_t start, uint64_t end)
{
    uint64_t pages = 0;

    for (const struct vma *vma = vma_find(space, start); vma && vma->start < end;
         vma = vma_next(vma))
        if (vma->flags & VMA_LOCKED)
            pages += (min(end, vma->end) - max(start, vma->start)) >> PAGE_SHIFT;
    return pages;
}

static int64_t lock_range(uint64_t address, uint64_t bytes, bool populate)
{
    struct address_space *space = current->address_space;
    uint64_t start = align_down(address, PAGE_SIZE);
    uint64_t length = align_up(bytes + (address - start), PAGE_SIZE), end = start + length;
    int64_t error;

    if (!memory_privileged() && memory_limit(RLIMIT_MEMLOCK) == 0)
        return -EPERM;
    mutex_lock(&space->lock);
    uint64_t more = (length >> PAGE_SHIFT) - (end > start ? locked_pages_in(space, start, end) : 0);
    error = check_lock_limit(space, more, -ENOMEM);
    if (!error && end < start)
        error = -EINVAL;
    if (!error && end > start) {
        error = change_flags(space, start, end, 0, VMA_LOCKED, false);
        if (!error && populate)
            error = populate_range(space, start, end) ? -ENOMEM : 0;
    }
    mutex_unlock(&space->lock);
    return error;
}

SYSCALL2(mlock, uint64_t, address, uint64_t, bytes)
{
    return lock_range(address, bytes, true);
}

SYSCALL3(mlock2, uint64_t, address, uint64_t, bytes, int, flags)
{
    if (flags & ~MLOCK_ONFAULT)
        return -EINVAL;
    return lock_range(address, bytes, !(flags & MLOCK_ONFAULT));
}

SYSCALL2(munlock, uint64_t, address, uint64_t, bytes)
{
    struct address_space *space = current->address_space;
    uint64_t start = align_down(address, PAGE_SIZE);
    uint64_t end = start + align_up(bytes + (address - start), PAGE_SIZE);

    if (end < start)
        return -EINVAL;
    if (end == start)
        return 0;
    mutex_lock(&space->lock);
    int error = change_flags(space, start, end, VMA_LOCKED, 0, false);
    mutex_unlock(&space->lock);
    return error;
}

SYSCALL1(mlockall, int, flags)
{
    struct address_space *space = current->address_space;
    int64_t error = 0;

    if (flags == 0 || flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags == MCL_ONFAULT)
        return -EINVAL;
    if (!memory_privileged() && memory_limit(RLIMIT_MEMLOCK) == 0)
        return -EPERM;
    mutex_lock(&space->lock);
    if (flags & MCL_CURRENT && !memory_privileged() &&
        space->mapped_pages > memory_limit(RLIMIT_MEMLOCK) >> PAGE_SHIFT) {
        error = -ENOMEM;
    } else {
        space->lock_future = flags & MCL_FUTURE;
        if (flags & MCL_CURRENT) {
            error = change_flags(space, USER_START, USER_END, 0, VMA_LOCKED, true);
            error = error == -ENOMEM ? 0 : error; /* the holes between mappings */
            if (!(flags & MCL_ONFAULT))
                for (struct vma *vma = vma_first(space); vma; vma = vma_next(vma))
                    if (vma->flags & VMA_PROTECTION)
                        populate_range(space, vma->start,
                                       vma->end); /* as far as it goes, as Linux */
        }
    }
    mutex_unlock(&space->lock);
    return error;
}

SYSCALL0(munlockall)
{
    struct address_space *space = current->address_space;

    mutex_lock(&space->lock);
    space->lock_future = false;
    change_flags(space, USER_START, USER_END, VMA_LOCKED, 0, true);
    mutex_unlock(&space->lock);
    return 0;
}
