/*
 * kernel/fs/extended_attribute.h - the named values that xattr(7) lets programs hang on a file:
 * how a file system keeps them.
 *
 * A file system whose inode_operations have `attributes` keeps a list per inode; the calls
 * (attribute_names.c) do everything else. Locks: the inode's mutex. Lifetime: the list belongs to
 * the inode, which frees it with extended_attributes_free().
 */
#ifndef KERNEL_FS_EXTENDED_ATTRIBUTE_H
#define KERNEL_FS_EXTENDED_ATTRIBUTE_H

#include "kernel/lib/types.h"

#define XATTR_NAME_MAX 255u
#define XATTR_SIZE_MAX 65536u

struct extended_attribute {
    struct extended_attribute *next;
    uint32_t value_bytes;
    uint8_t name_length;
    char text[]; /* the name, then the value; neither is terminated */
};

/* What is there by this name, or NULL. */
struct extended_attribute *extended_attribute_find(struct extended_attribute *first,
                                                   const char *name, size_t name_length);
/*
 * One that belongs to no list yet, with room for its value, which the caller fills in; freed with
 * kfree(). NULL: out of memory, or larger than the kernel's largest block.
 */
struct extended_attribute *extended_attribute_create(const char *name, size_t name_length,
                                                     size_t value_bytes);
/*
 * Enters `fresh`, in the place of the one with its name if there is one. 0; -EEXIST or -ENODATA by
 * the flags of setxattr(2); -ENOSPC if the file's attributes would exceed XATTR_SIZE_MAX together.
 * Takes `fresh` over only on success.
 */
int extended_attribute_set(struct extended_attribute **list, struct extended_attribute *fresh,
                           int flags);
/* 0 or -ENODATA. */
int extended_attribute_remove(struct extended_attribute **list, const char *name,
                              size_t name_length);
void extended_attributes_free(struct extended_attribute **list);

static inline char *extended_attribute_value(struct extended_attribute *attribute)
{
    return attribute->text + attribute->name_length;
}

#endif
