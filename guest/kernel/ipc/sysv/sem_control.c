/* kernel/ipc/sysv/sem_control.c - semctl(2), and what /proc/sysvipc/sem says. */
#include "kernel/fs/proc/text.h"
#include "kernel/ipc/sysv/sem.h"
#include "kernel/ipc/sysv/show.h"
#include "kernel/lib/errno.h"
#include "kernel/mm/object_cache.h"
#include "kernel/syscall/syscall.h"

enum {
    GETPID = 11,
    GETVAL = 12,
    GETALL = 13,
    GETNCNT = 14,
    GETZCNT = 15,
    SETVAL = 16,
    SETALL = 17,
    SEM_STAT = 18,
    SEM_INFO = 19,
    SEM_STAT_ANY = 20,
};

struct linux_semid_ds {
    struct linux_ipc_perm permissions;
    int64_t operation_time, unused1, change_time, unused2;
    uint64_t count, unused3, unused4;
};
_Static_assert(sizeof(struct linux_semid_ds) == 104, "semid64_ds is part of the ABI");

static int64_t info(struct ipc_namespace *space, struct ipc_table *table, int command,
                    uint64_t address)
{
    struct {
        int32_t map, sets, all, undos, per_set, operations, undo_entries, undo_bytes, value_max,
            adjust_max;
    } info;

    mutex_lock(&table->lock);
    info.sets = (int32_t)table->count_max;
    info.all = info.undos = info.map = (int32_t)space->sem_all;
    info.per_set = (int32_t)space->sem_per_set;
    info.operations = info.undo_entries = (int32_t)space->sem_operations;
    info.undo_bytes = 20;
    info.value_max = info.adjust_max = SEMAPHORE_VALUE_MAX;
    if (command == SEM_INFO) {
        info.undo_bytes = (int32_t)table->count;
        info.adjust_max = (int32_t)space->semaphores;
    }
    int64_t highest = ipc_highest(table);
    mutex_unlock(&table->lock);
    return copy_to_user(address, &info, sizeof(info)) ? -EFAULT : highest;
}

static int64_t status(struct ipc_table *table, int id, int command, uint64_t address)
{
    struct linux_semid_ds status = {.count = 0};
    int64_t result = -EINVAL;

    mutex_lock(&table->lock);
    struct ipc_object *object =
        command == IPC_STAT ? ipc_find(table, id) : ipc_at(table, (uint32_t)id);
    if (object && command != SEM_STAT_ANY && !ipc_permitted(object, IPC_READ)) {
        result = -EACCES;
    } else if (object) {
        const struct semaphore_set *set = semaphore_set_of(object);

        ipc_get_permissions(object, &status.permissions);
        status.operation_time = set->operation_time;
        status.change_time = set->change_time;
        status.count = set->count;
        result = command == IPC_STAT ? 0 : object->id;
    }
    mutex_unlock(&table->lock);
    if (result >= 0 && copy_to_user(address, &status, sizeof(status)))
        return -EFAULT;
    return result;
}

static int64_t change(struct ipc_table *table, int id, int command, uint64_t address)
{
    struct linux_semid_ds wanted;

    if (command == IPC_SET && copy_from_user(&wanted, address, sizeof(wanted)))
        return -EFAULT;
    mutex_lock(&table->lock);
    struct ipc_object *object = ipc_find(table, id);
    struct semaphore_set *removed = NULL;
    int error = object ? ipc_check_owner(object) : -EINVAL;
    if (!error && command == IPC_RMID) {
        removed = semaphore_set_of(object);
        semaphore_set_remove(removed);
    } else if (!error) {
        error = ipc_set_permissions(object, &wanted.permissions);
        if (!error)
            semaphore_set_of(object)->change_time = ipc_time();
    }
    mutex_unlock(&table->lock);
    if (removed)
        semaphore_set_free(removed);
    return error;
}

/* How many wait for the semaphore to become zero, or to grow: each for the first thing that stops
 * it. */
static int64_t count_waiters(struct semaphore_set *set, uint32_t number, bool zero)
{
    struct semaphore_waiter *waiter;
    int64_t count = 0;

    list_for_each(waiter, &set->waiters, link)
    {
        const struct linux_sembuf *blocking = waiter->blocking;

        count += blocking->number == number && zero == !blocking->operation;
    }
    return count;
}

static int64_t get_one(struct ipc_table *table, int id, int number, int command)
{
    int64_t result = -EINVAL;

    mutex_lock(&table->lock);
    struct ipc_object *object = ipc_find(table, id);
    struct semaphore_set *set = object ? semaphore_set_of(object) : NULL;
    if (set && !ipc_permitted(object, IPC_READ)) {
        result = -EACCES;
    } else if (set && number >= 0 && (uint32_t)number < set->count) {
        const struct semaphore *semaphore = semaphore_at(set, (uint32_t)number);

        if (command == GETVAL)
            result = semaphore->value;
        else if (command == GETPID)
            result = semaphore->last_pid;
        else
            result = count_waiters(set, (uint32_t)number, command == GETZCNT);
    }
    mutex_unlock(&table->lock);
    return result;
}

static int64_t set_one(struct ipc_table *table, int id, int number, int value)
{
    int64_t result = -EINVAL;

    if (value < 0 || value > SEMAPHORE_VALUE_MAX)
        return -ERANGE;
    mutex_lock(&table->lock);
    struct ipc_object *object = ipc_find(table, id);
    struct semaphore_set *set = object ? semaphore_set_of(object) : NULL;
    if (set && number >= 0 && (uint32_t)number < set->count) {
        result = -EACCES;
        if (ipc_permitted(object, IPC_WRITE)) {
            struct semaphore *semaphore = semaphore_at(set, (uint32_t)number);

            sem_undo_clear(set, number);
            semaphore->value = value;
            semaphore->last_pid = ipc_pid();
            set->change_time = ipc_time();
            semaphore_set_changed(set);
            result = 0;
        }
    }
    mutex_unlock(&table->lock);
    return result;
}

/* The set, if the current process may do that with it. 0 or -errno. Locked. */
static int find_set(struct ipc_table *table, int id, uint32_t wanted, struct semaphore_set **ret)
{
    struct ipc_object *object = ipc_find(table, id);

    if (!object)
        return -EINVAL;
    *ret = semaphore_set_of(object);
    return ipc_permitted(object, wanted) ? 0 : -EACCES;
}

static int set_values(struct semaphore_set *set, const uint16_t *values)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (values[i] > SEMAPHORE_VALUE_MAX)
            return -ERANGE;
    for (uint32_t i = 0; i < set->count; i++) {
        semaphore_at(set, i)->value = values[i];
        semaphore_at(set, i)->last_pid = ipc_pid();
    }
    sem_undo_clear(set, -1);
    set->change_time = ipc_time();
    semaphore_set_changed(set);
    return 0;
}

/* GETALL, SETALL. How many there are must be known before values can be copied: a set keeps its
 * size, and an id is not soon that of another set. */
static int64_t all(struct ipc_table *table, int id, bool set_them, uint64_t address)
{
    struct semaphore_set *set;

    mutex_lock(&table->lock);
    int64_t error = find_set(table, id, set_them ? IPC_WRITE : IPC_READ, &set);
    uint32_t count = error ? 0 : set->count;
    mutex_unlock(&table->lock);
    if (error)
        return error;
    uint16_t *values = kmalloc(count * sizeof(*values));
    if (!values)
        return -ENOMEM;
    if (set_them)
        error = copy_from_user(values, address, count * sizeof(*values));
    if (!error) {
        mutex_lock(&table->lock);
        error = find_set(table, id, set_them ? IPC_WRITE : IPC_READ, &set);
        if (error == -EINVAL || (!error && set->count != count))
            error = -EIDRM;
        else if (!error && set_them)
            error = set_values(set, values);
        else if (!error)
            for (uint32_t i = 0; i < count; i++)
                values[i] = (uint16_t)semaphore_at(set, i)->value;
        mutex_unlock(&table->lock);
    }
    if (!error && !set_them)
        error = copy_to_user(address, values, count * sizeof(*values));
    kfree(values);
    return error;
}

SYSCALL4(semctl, int, id, int, number, int, command, uint64_t, argument)
{
    struct ipc_namespace *space = ipc_namespace_current();
    struct ipc_table *table = ipc_table_of(space, IPC_SEMAPHORES);

    if (id < 0)
        return -EINVAL;
    switch (command) {
    case IPC_INFO:
    case SEM_INFO:
        return info(space, table, command, argument);
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY:
        return status(table, id, command, argument);
    case IPC_SET:
    case IPC_RMID:
        return change(table, id, command, argument);
    case GETVAL:
    case GETPID:
    case GETNCNT:
    case GETZCNT:
        return get_one(table, id, number, command);
    case SETVAL:
        return set_one(table, id, number, (int)argument);
    case GETALL:
    case SETALL:
        return all(table, id, command == SETALL, argument);
    default:
        return -EINVAL;
    }
}

void ipc_show_sem(struct ipc_namespace *space, struct proc_text *text)
{
    struct ipc_table *table = ipc_table_of(space, IPC_SEMAPHORES);

    text_print(text,
               "       key      semid perms      nsems   uid   gid  cuid  cgid      otime     "
               " ctime\n");
    mutex_lock(&table->lock);
    for (uint32_t place = 0; place < table->end; place++) {
        struct ipc_object *object = ipc_at(table, place);
        if (!object)
            continue;
        const struct semaphore_set *set = semaphore_set_of(object);
        text_print(text, "%10d %10d  %4o %10u %5u %5u %5u %5u %10lu %10lu\n", object->key,
                   object->id, object->mode, set->count, object->uid, object->gid, object->cuid,
                   object->cgid, (uint64_t)set->operation_time, (uint64_t)set->change_time);
    }
    mutex_unlock(&table->lock);
}
