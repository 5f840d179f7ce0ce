/*
 * kernel/process/kcmp.c - kcmp(2): do two threads share a part, do two descriptors mean the same open
 * file? The order that it gives to what is not the same says nothing about addresses.
 */
#include "arch/cpu.h"
#include "kernel/fs/file_table.h"
#include "kernel/mm/address_space.h"
#include "kernel/process/internal.h"
#include "kernel/syscall/syscall.h"
#include "kernel/token/process_gate.h"

enum kcmp_type {
    KCMP_FILE = 0,
    KCMP_VM = 1,
    KCMP_FILES = 2,
    KCMP_FS = 3,
    KCMP_SIGHAND = 4,
    KCMP_IO = 5,
    KCMP_SYSVSEM = 6,
};

static uint64_t order_mask, order_factor; /* set once, by whoever is first */

static int64_t order(const void *one, const void *two)
{
    uint64_t values[2] = {0, 0};

    if (!READ_ONCE(order_factor)) {
        uint64_t none = 0;
        random_bytes(values, sizeof(values));
        __atomic_compare_exchange_n(&order_mask, &none, values[0], false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED);
        none = 0;
        __atomic_compare_exchange_n(&order_factor, &none, values[1] | 1, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED);
    }
    values[0] = ((uint64_t)one ^ order_mask) * order_factor;
    values[1] = ((uint64_t)two ^ order_mask) * order_factor;
    return (values[0] < values[1] ? 1 : 0) | (values[0] > values[1] ? 2 : 0);
}

static bool may_inspect(struct process *process)
{
    return process_may_take_from(process, PROCESS_QUERY_INFORMATION);
}

/* Shared parts are compared while both are held, so that neither address can be used anew. */
#define COMPARE_PARTS(type, get, put)                                                              \
    ({                                                                                             \
        type *parts_[2] = {get(tasks[0]), get(tasks[1])};                                          \
        int64_t result_ = order(parts_[0], parts_[1]);                                             \
        for (int i_ = 0; i_ < 2; i_++) {                                                           \
            if (parts_[i_])                                                                        \
                put(parts_[i_]);                                                                   \
        }                                                                                          \
        result_;                                                                                   \
    })

static struct file *file_of(struct task *task, uint64_t fd)
{
    struct file_table *table = task_files_get(task);
    if (!table)
        return NULL;
    struct file *file = fd > INT32_MAX ? NULL : file_table_find_in(table, (int)fd);
    file_table_put(table);
    return file;
}

static int64_t compare_files(struct task *const tasks[2], const uint64_t fds[2])
{
    struct file *one = file_of(tasks[0], fds[0]), *two = file_of(tasks[1], fds[1]);
    int64_t result = one && two ? order(one, two) : -EBADF;

    if (one)
        file_put(one);
    if (two)
        file_put(two);
    return result;
}

static int64_t compare(struct task *const tasks[2], int type, const uint64_t indexes[2])
{
    switch (type) {
    case KCMP_FILE:
        return compare_files(tasks, indexes);
    case KCMP_VM:
        return COMPARE_PARTS(struct address_space, task_address_space_get, address_space_put);
    case KCMP_FILES:
        return COMPARE_PARTS(struct file_table, task_files_get, file_table_put);
    case KCMP_FS:
        return COMPARE_PARTS(struct fs_context, task_fs_get, fs_context_put);
    case KCMP_SIGHAND:
        return order(READ_ONCE(tasks[0]->actions), READ_ONCE(tasks[1]->actions));
    case KCMP_IO:
    case KCMP_SYSVSEM:
        return 0; /* nobody has one of his own */
    default:
        return -EINVAL;
    }
}

SYSCALL5(kcmp, int, first, int, second, int, type, uint64_t, first_index, uint64_t, second_index)
{
    struct task *tasks[2] = {task_find_get(first), task_find_get(second)};
    const uint64_t indexes[2] = {first_index, second_index};
    int64_t result = -ESRCH;

    if (tasks[0] && tasks[1]) {
        result = -EPERM;
        if (may_inspect(tasks[0]->process) && may_inspect(tasks[1]->process))
            result = compare(tasks, type, indexes);
    }
    for (int i = 0; i < 2; i++) {
        if (tasks[i])
            task_put(tasks[i]);
    }
    return result;
}
