/*
 * kernel/mm/file_mappings.h - from a file to the mappings that show it, for file systems whose
 * pages change or go.
 *
 * There is no list of a file's mappings: fork and exit would pay for it at every mapping, and files
 * that lose pages while they are mapped are rare. All address spaces are searched instead, if the
 * inode was ever mapped (inode.mapped).
 *
 * The caller holds inode->lock and nothing that comes after it (RANK_ADDRESS_SPACE is taken). May
 * sleep.
 */
#ifndef KERNEL_MM_FILE_MAPPINGS_H
#define KERNEL_MM_FILE_MAPPINGS_H

#include "kernel/lib/types.h"

struct inode;

/*
 * Takes pages [first, end) of the file out of every mapping, after the file itself has changed: the
 * next access looks for them again. `copies`: what private mappings have written there, too (the
 * file ends before it); otherwise only the file's own frames go.
 */
void file_mappings_remove(struct inode *inode, uint64_t first, uint64_t end, bool copies);
/* Does a shared mapping exist through which the file may be written, now or after an mprotect? */
bool file_mappings_writable(struct inode *inode);

#endif
