/*
 * kernel/mm/counted.c - mappings of files that want to know how often they are mapped (VMA_COUNTED):
 * the attachments of System V shared memory. Such mappings are never joined, so that there are as
 * many as on Linux.
 */
#include "kernel/fs/file.h"
#include "kernel/mm/mapping.h"

void mapping_counted(struct address_space *space, const struct vma *vma)
{
    space->counted = true;
    vma->file->operations->mapping_added(vma->file);
}

void mappings_uncount(struct address_space *space)
{
    for (const struct vma *vma = vma_first(space); vma; vma = vma_next(vma))
        if (vma->flags & VMA_COUNTED)
            vma->file->operations->mapping_gone(vma->file);
}
