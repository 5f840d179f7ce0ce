/*
 * exec_strings.c - see exec_strings.h. The block starts as one page, enough for nearly every exec,
 * and is doubled when it is full.
 */
#include "kernel/process/exec_strings.h"

#include "arch/layout.h"
#include "arch/user_access.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/mm/frame.h"
#include "kernel/sched/task.h"

#define ORDER_MAX                    9u /* 2 MiB, what Linux allows with the usual 8 MiB stack */
#define STRING_MAX                   (32ul * PAGE_SIZE) /* MAX_ARG_STRLEN of execve(2) */
#define POINTERS_AT_ONCE             16u
#define STRINGS_PER_PREEMPTION_POINT 64u

int exec_strings_init(struct exec_strings *strings, size_t limit)
{
    phys_t block = frame_allocate(FRAME_KERNEL, 0, 0);
    if (!block)
        return -ENOMEM;
    *strings = (struct exec_strings){.block = phys_to_virt(block), .limit = limit};
    return 0;
}

void exec_strings_deinit(struct exec_strings *strings)
{
    if (strings->block)
        frame_release(virt_to_phys(strings->block));
    strings->block = NULL;
}

static size_t capacity(const struct exec_strings *strings)
{
    return PAGE_SIZE << strings->order;
}

static int grow(struct exec_strings *strings)
{
    if (strings->order == ORDER_MAX || capacity(strings) >= 2 * strings->limit)
        return -E2BIG;
    phys_t block = frame_allocate(FRAME_KERNEL, strings->order + 1, 0);
    if (!block)
        return -ENOMEM;
    memcpy(phys_to_virt(block), strings->block, strings->used);
    frame_release(virt_to_phys(strings->block));
    strings->block = phys_to_virt(block);
    strings->order++;
    return 0;
}

static int check_limit(const struct exec_strings *strings)
{
    size_t pointers =
        ((size_t)strings->argument_count + strings->environment_count) * sizeof(uint64_t);
    return strings->used + pointers > strings->limit ? -E2BIG : 0;
}

int exec_strings_append(struct exec_strings *strings, const void *bytes, size_t count)
{
    while (capacity(strings) - strings->used < count) {
        int error = grow(strings);
        if (error)
            return error;
    }
    memcpy(strings->block + strings->used, bytes, count);
    strings->used += count;
    return check_limit(strings);
}

static int append_user_string(struct exec_strings *strings, uint64_t address)
{
    for (;;) {
        size_t room = min(capacity(strings) - strings->used, STRING_MAX);
        ssize_t length =
            room ? string_from_user(strings->block + strings->used, address, room) : -ENAMETOOLONG;
        if (length >= 0) {
            strings->used += (size_t)length + 1;
            return 0;
        }
        if (length != -ENAMETOOLONG)
            return (int)length;
        if (room == STRING_MAX)
            return -E2BIG;
        int error = grow(strings);
        if (error)
            return error;
    }
}

int exec_strings_append_user(struct exec_strings *strings, uint64_t array, uint32_t *ret_count)
{
    *ret_count = 0;
    while (array) {
        uint64_t pointers[POINTERS_AT_ONCE];
        size_t got = copy_from_user_partial(pointers, array, sizeof(pointers)) / sizeof(uint64_t);
        if (!got)
            return -EFAULT;
        for (size_t i = 0; i < got; i++) {
            if (!pointers[i])
                return check_limit(strings);
            int error = append_user_string(strings, pointers[i]);
            if (error)
                return error;
            if (++*ret_count % STRINGS_PER_PREEMPTION_POINT == 0)
                preemption_point();
            if ((error = check_limit(strings)))
                return error;
        }
        array += got * sizeof(uint64_t);
    }
    return 0;
}

int exec_strings_replace_first(struct exec_strings *strings, const char *text, size_t bytes,
                               uint32_t count)
{
    size_t first = strings->argument_count ? strlen(strings->block) + 1 : 0;
    while (capacity(strings) - strings->used < bytes) {
        int error = grow(strings);
        if (error)
            return error;
    }
    memmove(strings->block + bytes, strings->block + first, strings->used - first);
    memcpy(strings->block, text, bytes);
    strings->used = strings->used - first + bytes;
    strings->argument_count += count - (first ? 1 : 0);
    return check_limit(strings);
}
