/*
 * kernel/mm/access.c - another task's memory, read or written through the direct map.
 */
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/mm/mapping.h"
#include "kernel/mm/page_table.h"

/*
 * A private page, whatever the mapping allows the program: for a breakpoint in its text, say, which
 * gets a copy of its own as a write by the program would. 0 = no such access.
 */
static phys_t page_forced(struct address_space *space, uint64_t address, bool write)
{
    struct vma *vma = vma_find(space, address);
    bool shared = false;
    unsigned result;

    if (!vma || address < vma->start || (write && vma->flags & VMA_SHARED) ||
        !(vma->flags & VMA_PROTECTION))
        return 0;
    pte_t *slot = page_table_find(space, address, &shared);
    bool own = slot && *slot & PTE_PRESENT && *slot & PTE_ANONYMOUS && !shared &&
               READ_ONCE(frame_of(*slot & PTE_ADDRESS)->references) == 1;
    if (write ? !own : !slot || !(*slot & PTE_PRESENT)) {
        if (fault_page(space, vma, address & PAGE_MASK, write ? FAULT_WRITE : FAULT_READ, &result))
            return 0;
        slot = page_table_find(space, address, &shared);
        if (!slot || !(*slot & PTE_PRESENT))
            return 0;
    }
    return *slot & PTE_ADDRESS;
}

/* The page's frame, made accessible first. 0 = no such access. */
static phys_t page_for(struct address_space *space, uint64_t address, bool write)
{
    enum fault_access access = write ? FAULT_WRITE : FAULT_READ;
    pte_t needed = PTE_PRESENT | (write ? PTE_WRITABLE : 0);
    struct vma *vma = vma_find(space, address);
    bool shared = false;
    unsigned result;

    if (!vma || address < vma->start || !vma_allows(vma, access))
        return 0;
    pte_t *slot = page_table_find(space, address, &shared);
    if (!slot || (*slot & needed) != needed || (write && shared)) {
        if (fault_page(space, vma, address & PAGE_MASK, access, &result))
            return 0;
        slot = page_table_find(space, address, &shared);
        if (!slot || (*slot & needed) != needed)
            return 0;
    }
    return *slot & PTE_ADDRESS;
}

static inline ssize_t access_pages(struct address_space *space, uint64_t address, void *buffer,
                                   size_t bytes, bool write, bool force)
{
    size_t done = 0;

    if (bytes == 0)
        return 0;
    if (!user_range_valid(address, 1))
        return -EFAULT;
    bytes = min(bytes, (size_t)(USER_END - address));
    mutex_lock(&space->lock);
    while (done < bytes) {
        uint64_t offset = (address + done) & ~PAGE_MASK;
        size_t part = min(bytes - done, (size_t)(PAGE_SIZE - offset));
        phys_t frame = page_for(space, address + done, write);

        if (!frame && force)
            frame = page_forced(space, address + done, write);
        if (!frame)
            break;
        char *place = (char *)phys_to_virt(frame) + offset;
        if (write)
            memcpy(place, (char *)buffer + done, part);
        else
            memcpy((char *)buffer + done, place, part);
        done += part;
        if (done % (64 * PAGE_SIZE) < part)
            preemption_point();
    }
    mutex_unlock(&space->lock);
    return done ? (ssize_t)done : -EFAULT;
}

ssize_t address_space_access(struct address_space *space, uint64_t address, void *buffer,
                             size_t bytes, bool write)
{
    return access_pages(space, address, buffer, bytes, write, false);
}

ssize_t address_space_access_forced(struct address_space *space, uint64_t address, void *buffer,
                                    size_t bytes, bool write)
{
    return access_pages(space, address, buffer, bytes, write, true);
}
