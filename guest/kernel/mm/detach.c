/* kernel/mm/detach.c - shmdt(2): an attachment is taken out, in whatever parts it lies. */
#include "arch/layout.h"
#include "kernel/fs/file.h"
#include "kernel/lib/errno.h"
#include "kernel/mm/mapping.h"

/* It shows the part of a file that belongs there when the file begins at `address`. */
static bool belongs(const struct vma *vma, uint64_t address)
{
    return vma->flags & VMA_COUNTED && vma->start - address == vma->file_offset;
}

int address_space_detach(struct address_space *space, uint64_t address)
{
    struct removed_vmas removed = {NULL};
    const struct file *file = NULL;
    int error = -EINVAL;

    if (address & ~PAGE_MASK)
        return -EINVAL;
    mutex_lock(&space->lock);
    object_write_begin(&space->object);
    for (struct vma *vma = vma_find(space, address), *next; vma; vma = next) {
        next = vma_next(vma);
        if (file && vma->end - address > align_up(file_size(file), PAGE_SIZE))
            break;
        if (!belongs(vma, address) || (file && vma->file != file))
            continue;
        file = vma->file;
        error = unmap_range(space, vma->start, vma->end, &removed);
        if (error)
            break;
    }
    object_write_end(&space->object);
    mutex_unlock(&space->lock);
    removed_vmas_destroy(&removed);
    return error;
}
