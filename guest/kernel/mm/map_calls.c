/*
 * kernel/mm/map_calls.c - mmap, munmap, mprotect, brk. Order of checks and errors as in Linux 6.1
 * (mmap(2), mprotect(2), brk(2)).
 */
#include "kernel/fs/file.h"
#include "kernel/fs/inode_flags.h"
#include "kernel/mm/linux_memory.h"
#include "kernel/mm/mapping.h"
#include "kernel/observe/audit.h"
#include "kernel/observe/mutant.h"
#include "kernel/syscall/syscall.h"

_Static_assert(PROT_READ == (int)VMA_READ && PROT_WRITE == (int)VMA_WRITE &&
                   PROT_EXEC == (int)VMA_EXECUTE,
               "protection bits are flags of a vma as they are");

#define MAP_LEGACY_FLAGS                                                                           \
    (MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_DENYWRITE |        \
     MAP_EXECUTABLE | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK |       \
     MAP_HUGETLB | MAP_UNINITIALIZED)

static uint32_t vma_flags_of(uint64_t protection, uint64_t flags)
{
    return (protection & (PROT_READ | PROT_WRITE | PROT_EXEC)) |
           (flags & MAP_GROWSDOWN ? VMA_GROWS_DOWN : 0) |
           (flags & MAP_NORESERVE ? VMA_NORESERVE : 0) | (flags & MAP_LOCKED ? VMA_LOCKED : 0);
}

/* May the file be mapped so? 0 or -errno. */
static int check_file(const struct file *file, uint64_t protection, uint64_t flags, uint64_t bytes,
                      uint64_t offset)
{
    uint32_t mode = file->flags & O_ACCMODE;

    if (offset > INT64_MAX || bytes > INT64_MAX - offset)
        return -EOVERFLOW;
    switch (flags & MAP_TYPE) {
    case MAP_SHARED_VALIDATE:
        if (flags & ~(uint64_t)(MAP_LEGACY_FLAGS | MAP_FIXED_NOREPLACE))
            return -EOPNOTSUPP;
        __attribute__((fallthrough));
    case MAP_SHARED:
        if (protection & PROT_WRITE && mode == O_RDONLY)
            return -EACCES;
        if (file->inode->flags & INODE_APPEND_ONLY && mode != O_RDONLY)
            return -EACCES;
        __attribute__((fallthrough));
    case MAP_PRIVATE:
        if (mode == O_WRONLY)
            return -EACCES;
        if (!file->operations->get_page)
            return -ENODEV;
        return flags & MAP_GROWSDOWN ? -EINVAL : 0;
    default:
        return -EINVAL;
    }
}

static int check_anonymous(uint64_t flags)
{
    switch (flags & MAP_TYPE) {
    case MAP_SHARED:
        return flags & MAP_GROWSDOWN ? -EINVAL : 0;
    case MAP_PRIVATE:
        return 0;
    default:
        return -EINVAL;
    }
}

static int64_t map_checked(struct file *file, uint64_t address, uint64_t bytes, uint64_t protection,
                           uint64_t flags, uint64_t offset)
{
    struct address_space *space = current->address_space;
    uint64_t length = align_up(bytes, PAGE_SIZE);
    int error;

    if (bytes == 0)
        return -EINVAL;
    if (length == 0 || length > USER_END)
        return -ENOMEM;
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (address > USER_END - length)
            return -ENOMEM;
        if (address & ~PAGE_MASK)
            return -EINVAL;
        if (address < USER_START)
            return -EPERM;
    }
    if (flags & MAP_LOCKED && !memory_privileged() && memory_limit(RLIMIT_MEMLOCK) == 0)
        return -EPERM;
    error = file ? check_file(file, protection, flags, length, offset) : check_anonymous(flags);
    if (error)
        return error;

    struct map_request request = {
        .address = address,
        .bytes = length,
        .flags = vma_flags_of(protection, flags) | (flags & MAP_SHARED ? VMA_SHARED : 0),
        .fixed = flags & MAP_FIXED && !(flags & MAP_FIXED_NOREPLACE),
        .fixed_noreplace = flags & MAP_FIXED_NOREPLACE,
        .populate = flags & MAP_LOCKED || (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE,
        .file = file,
        .file_offset = offset,
        .file_bytes = UINT64_MAX,
    };
    int64_t place = address_space_map(space, &request);
    if (file && place >= 0)
        file_mapped(file);
    return place;
}

SYSCALL6(mmap, uint64_t, address, uint64_t, bytes, uint64_t, protection, uint64_t, flags, int, fd,
         uint64_t, offset)
{
    if (offset & ~PAGE_MASK)
        return -EINVAL;
    if (flags & MAP_ANONYMOUS) {
        if (flags & MAP_HUGETLB)
            return -ENOMEM; /* there are no huge pages */
        return map_checked(NULL, address, bytes, protection, flags, 0);
    }
    struct file *file = file_table_find(fd);
    if (!file)
        return -EBADF;
    int64_t result = -EBADF;
    if (!(file->flags & O_PATH))
        result = flags & MAP_HUGETLB ? -EINVAL
                                     : map_checked(file, address, bytes, protection, flags, offset);
    file_put(file);
    return result;
}

SYSCALL2(munmap, uint64_t, address, uint64_t, bytes)
{
    return address_space_unmap(current->address_space, address, bytes);
}

/* PROT_GROWSDOWN: from the bottom of the stack that `address` lies in. */
static int64_t stack_bottom(struct address_space *space, uint64_t address, uint64_t *ret)
{
    int64_t error = 0;

    mutex_lock(&space->lock);
    const struct vma *vma = vma_find(space, address);
    if (!vma || vma->start >= address + PAGE_SIZE)
        error = -ENOMEM;
    else if (!(vma->flags & VMA_GROWS_DOWN))
        error = -EINVAL;
    else
        *ret = vma->start;
    mutex_unlock(&space->lock);
    return error;
}

static int64_t protect(uint64_t address, uint64_t bytes, uint64_t protection)
{
    struct address_space *space = current->address_space;
    uint64_t grows = protection & (PROT_GROWSDOWN | PROT_GROWSUP);

    if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || address & ~PAGE_MASK)
        return -EINVAL;
    if (bytes == 0)
        return 0;
    uint64_t length = align_up(bytes, PAGE_SIZE);
    if (address + length <= address)
        return -ENOMEM;
    protection &= ~(uint64_t)(PROT_GROWSDOWN | PROT_GROWSUP);
    if (protection & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
        return -EINVAL;
    if (grows & PROT_GROWSUP)
        return -EINVAL; /* no mapping grows up on this architecture */
    if (grows) {
        uint64_t bottom = address;
        int64_t error = stack_bottom(space, address, &bottom);
        if (error)
            return error;
        if (bottom < address) {
            length += address - bottom;
            address = bottom;
        }
    }
    return address_space_protect(space, address, length,
                                 protection & (PROT_READ | PROT_WRITE | PROT_EXEC));
}

SYSCALL3(mprotect, uint64_t, address, uint64_t, bytes, uint64_t, protection)
{
    return protect(address, bytes, protection);
}

/* Keys do not exist here: -1, which asks for none, is the only one. */
SYSCALL4(pkey_mprotect, uint64_t, address, uint64_t, bytes, uint64_t, protection, int, key)
{
    if (key != -1)
        return -EINVAL;
    return protect(address, bytes, protection);
}

/* Makes [from, to) heap. */
static bool extend_heap(struct address_space *space, uint64_t from, uint64_t to,
                        struct removed_vmas *removed)
{
    struct map_request request = {
        .address = from,
        .flags = VMA_READ | VMA_WRITE | VMA_HEAP,
        .fixed = true,
    };

    /* One page stays free above, as everywhere above a heap. */
    if (!vma_range_free(space, from, to + PAGE_SIZE, true))
        return false;
    if (map_range(space, &request, to - from, removed) < 0)
        return false;
    if (space->lock_future)
        populate_range(space, from, to);
    return true;
}

static void set_break(struct address_space *space, uint64_t wanted, struct removed_vmas *removed)
{
    uint64_t data_limit = memory_limit(RLIMIT_DATA);
    uint64_t data_bytes = space->data_end - space->data_start;

    if (space->brk_start == 0 || wanted < space->brk_start || wanted > USER_END - PAGE_SIZE)
        return;
    if (data_limit != UINT64_MAX && wanted - space->brk_start + data_bytes > data_limit)
        return;
    uint64_t old_end = align_up(space->brk_end, PAGE_SIZE), new_end = align_up(wanted, PAGE_SIZE);
    if (new_end > old_end && !extend_heap(space, old_end, new_end, removed))
        return;
    if (new_end < old_end && !MUTANT_EVERY(BRK_LEAVES_PAGES, 3) &&
        unmap_range(space, new_end, old_end, removed))
        return;
    space->brk_end = wanted;
}

SYSCALL1(brk, uint64_t, wanted)
{
    struct address_space *space = current->address_space;
    struct removed_vmas removed = {NULL};

    mutex_lock(&space->lock);
    if (wanted) {
        uint64_t old_end = space->brk_end;
        object_write_begin(&space->object);
        set_break(space, wanted, &removed);
        object_write_end(&space->object);
        audit_break(space->root, old_end, space->brk_end,
                    vma_find(space, align_up(space->brk_end, PAGE_SIZE)));
    }
    int64_t result = (int64_t)space->brk_end;
    mutex_unlock(&space->lock);
    removed_vmas_destroy(&removed);
    return result;
}
