/*
 * futex_key.c - keys of futexes, the rare cases: a private mapping of a file, a page that must be
 * brought in first. The usual ones are in futex_internal.h.
 */
#include "kernel/ipc/futex/futex_internal.h"

/*
 * A private mapping of a file shows the file's page until it is written to. Where it is writable
 * the copy is made first: otherwise the first write would leave the waiters behind. No key: fault
 * it in. The space's lock is held.
 */
struct futex_key futex_private_file_key(const struct address_space *space, const struct vma *vma,
                                        uint64_t address)
{
    pte_t leaf = futex_leaf(space, address),
          wanted = PTE_USER | (vma->flags & VMA_WRITE ? PTE_WRITABLE : 0);
    if ((leaf & wanted) != wanted)
        return futex_no_key(-EFAULT);
    return leaf & PTE_ANONYMOUS ? futex_own_key(address) : futex_file_key(vma, address);
}

/* The page must be brought in or copied, the stack must grow, or the address is none. */
struct futex_key futex_fault_key(uint64_t address, bool read_only)
{
    struct address_space *space = current->address_space;
    enum fault_access access = FAULT_WRITE;
    for (unsigned tries = 0; tries < 8; tries++) {
        struct fault_signal ignored;
        int error = address_space_fault(space, address, access, 0, &ignored);
        if (error && access == FAULT_WRITE && read_only) {
            access = FAULT_READ;
            continue;
        }
        if (error)
            return futex_no_key(error == -ENOMEM ? -ENOMEM : -EFAULT);
        mutex_lock(&space->lock);
        struct futex_key key = futex_key_by_mapping(space, address, read_only);
        mutex_unlock(&space->lock);
        if (key.space)
            return key;
    }
    return futex_no_key(-EFAULT);
}
