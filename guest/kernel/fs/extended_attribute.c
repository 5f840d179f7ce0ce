/* kernel/fs/extended_attribute.c - lists of extended attributes. See extended_attribute.h. */
#include "kernel/fs/extended_attribute.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"

#define XATTR_CREATE  1
#define XATTR_REPLACE 2

static struct extended_attribute **find_link(struct extended_attribute **link, const char *name,
                                             size_t name_length)
{
    while (*link &&
           ((*link)->name_length != name_length || memcmp((*link)->text, name, name_length) != 0))
        link = &(*link)->next;
    return link;
}

struct extended_attribute *extended_attribute_find(struct extended_attribute *first,
                                                   const char *name, size_t name_length)
{
    return *find_link(&first, name, name_length);
}

struct extended_attribute *extended_attribute_create(const char *name, size_t name_length,
                                                     size_t value_bytes)
{
    struct extended_attribute *attribute = kmalloc(sizeof(*attribute) + name_length + value_bytes);
    if (!attribute)
        return NULL;
    attribute->next = NULL;
    attribute->name_length = (uint8_t)name_length;
    attribute->value_bytes = (uint32_t)value_bytes;
    memcpy(attribute->text, name, name_length);
    return attribute;
}

static size_t cost_of(const struct extended_attribute *attribute)
{
    return sizeof(*attribute) + attribute->name_length + attribute->value_bytes;
}

int extended_attribute_set(struct extended_attribute **list, struct extended_attribute *fresh,
                           int flags)
{
    struct extended_attribute **link = find_link(list, fresh->text, fresh->name_length);
    struct extended_attribute *old = *link;
    size_t bytes = cost_of(fresh);

    if (old && flags & XATTR_CREATE)
        return -EEXIST;
    if (!old && flags & XATTR_REPLACE)
        return -ENODATA;
    for (const struct extended_attribute *other = *list; other; other = other->next)
        bytes += other == old ? 0 : cost_of(other);
    if (bytes > XATTR_SIZE_MAX)
        return -ENOSPC;
    if (old)
        fresh->next = old->next;
    *link = fresh;
    kfree(old);
    return 0;
}

int extended_attribute_remove(struct extended_attribute **list, const char *name,
                              size_t name_length)
{
    struct extended_attribute **link = find_link(list, name, name_length), *old = *link;
    if (!old)
        return -ENODATA;
    *link = old->next;
    kfree(old);
    return 0;
}

void extended_attributes_free(struct extended_attribute **list)
{
    for (struct extended_attribute *attribute = *list, *next; attribute; attribute = next) {
        next = attribute->next;
        kfree(attribute);
    }
    *list = NULL;
}
