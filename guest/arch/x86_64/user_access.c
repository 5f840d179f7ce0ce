/*
 * user_access.c - the checked doors to user memory (arch/user_access.h). The accesses
 * themselves are in user_copy.S.
 */
#include "arch/user_access.h"

#include "arch/layout.h"
#include "arch/machine.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"

size_t user_copy(void *destination, const void *source, size_t bytes);
size_t user_clear(void *destination, size_t bytes);
int user_store32(uint32_t *address, uint32_t value);
int user_exchange32(uint32_t *address, uint32_t expected, uint32_t value, uint32_t *ret_old);

size_t copy_from_user_partial(void *destination, uint64_t source, size_t bytes)
{
    if (!user_range_valid(source, bytes)) {
        if (source >= USER_END)
            return 0;
        bytes = USER_END - source;
    }
    size_t left = user_copy(destination, (const void *)source, bytes);
    return bytes - left;
}

size_t copy_to_user_partial(uint64_t destination, const void *source, size_t bytes)
{
    if (!user_range_valid(destination, bytes)) {
        if (destination >= USER_END)
            return 0;
        bytes = USER_END - destination;
    }
    size_t left = user_copy((void *)destination, source, bytes);
    return bytes - left;
}

int copy_from_user(void *destination, uint64_t source, size_t bytes)
{
    if (!user_range_valid(source, bytes))
        return -EFAULT;
    size_t left = user_copy(destination, (const void *)source, bytes);
    return left ? -EFAULT : 0;
}

int copy_to_user(uint64_t destination, const void *source, size_t bytes)
{
    if (!user_range_valid(destination, bytes))
        return -EFAULT;
    size_t left = user_copy((void *)destination, source, bytes);
    return left ? -EFAULT : 0;
}

int clear_user(uint64_t destination, size_t bytes)
{
    if (!user_range_valid(destination, bytes))
        return -EFAULT;
    size_t left = user_clear((void *)destination, bytes);
    return left ? -EFAULT : 0;
}

/* In pieces that do not cross a page, so that a string near the end of memory is still found. */
ssize_t string_from_user(char *destination, uint64_t source, size_t size)
{
    size_t done = 0;
    while (done < size) {
        size_t piece = min(size - done, PAGE_SIZE - ((source + done) & (PAGE_SIZE - 1)));
        piece = min(piece, 64ul); /* most paths are short: do not copy a page for them */
        size_t copied = copy_from_user_partial(destination + done, source + done, piece);
        size_t length = strnlen(destination + done, copied);
        if (length < copied)
            return (ssize_t)(done + length);
        if (copied < piece)
            return -EFAULT;
        done += piece;
    }
    return -ENAMETOOLONG;
}

static bool word_valid(uint64_t address)
{
    return !(address & 3) && user_range_valid(address, sizeof(uint32_t));
}

int user_store_u32(uint64_t address, uint32_t value)
{
    if (!word_valid(address))
        return -EFAULT;
    int fault = user_store32((uint32_t *)address, value);
    return fault ? -EFAULT : 0;
}

int user_compare_exchange_u32(uint64_t address, uint32_t expected, uint32_t value,
                              uint32_t *ret_old)
{
    if (!word_valid(address))
        return -EFAULT;
    int fault = user_exchange32((uint32_t *)address, expected, value, ret_old);
    return fault ? -EFAULT : 0;
}
