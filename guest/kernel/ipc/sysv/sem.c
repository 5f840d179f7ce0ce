/* kernel/ipc/sysv/sem.c - sets of semaphores and operations on them: see sem.h. */
#include "kernel/ipc/sysv/sem.h"

#include "arch/cpu.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/panic.h"
#include "kernel/mm/object_cache.h"
#include "kernel/observe/mutant.h"
#include "kernel/process/process.h"
#include "kernel/sync/wait_queue.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/program_clock.h"
#include "kernel/time/timespec.h"

#define OPERATIONS_ON_STACK 8u
#define UNDO_MAX            SEMAPHORE_VALUE_MAX /* SEMAEM: adjustments lie in -UNDO_MAX-1 .. UNDO_MAX */

/* ---- sets ---- */

void semaphore_set_free(struct semaphore_set *set)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(set->chunks); i++)
        kfree(set->chunks[i]);
    kfree(set);
}

static struct semaphore_set *set_allocate(uint32_t count)
{
    struct semaphore_set *set = kzalloc(sizeof(*set));

    if (!set)
        return NULL;
    set->count = count;
    list_init(&set->waiters);
    list_init(&set->undos);
    for (uint32_t i = 0; i * SEMAPHORE_CHUNK < count; i++) {
        uint32_t here = min(count - i * SEMAPHORE_CHUNK, SEMAPHORE_CHUNK);

        set->chunks[i] = kzalloc(here * sizeof(struct semaphore));
        if (!set->chunks[i]) {
            semaphore_set_free(set);
            return NULL;
        }
    }
    return set;
}

static int64_t create(struct ipc_namespace *space, const struct ipc_get *request)
{
    uint32_t count = (uint32_t)request->size;

    if (!count)
        return -EINVAL;
    if (space->semaphores + count > space->sem_all)
        return -ENOSPC;
    struct semaphore_set *set = set_allocate(count);
    if (!set)
        return -ENOMEM;
    set->space = space;
    set->change_time = ipc_time();
    int error =
        ipc_insert(ipc_table_of(space, IPC_SEMAPHORES), &set->object, request->key, request->flags);
    if (error) {
        semaphore_set_free(set);
        return error;
    }
    space->semaphores += count;
    return set->object.id;
}

static int large_enough(const struct ipc_object *object, uint64_t count)
{
    return count > container_of(object, const struct semaphore_set, object)->count ? -EINVAL : 0;
}

SYSCALL3(semget, int32_t, key, int, count, int, flags)
{
    struct ipc_namespace *space = ipc_namespace_current();
    struct ipc_get request = {.key = key, .flags = (uint32_t)flags, .size = (uint32_t)count};

    if (count < 0 || (uint32_t)count > min(space->sem_per_set, SEMAPHORES_PER_SET_MAX))
        return -EINVAL;
    return ipc_get(space, ipc_table_of(space, IPC_SEMAPHORES), &request, large_enough, create);
}

/* ---- operations ---- */

/* The waiter's task goes on with the result; the waiter is on no list any more. */
static void decide(struct semaphore_waiter *waiter, int result)
{
    list_remove(&waiter->link);
    waiter->result = result;
    task_wake(waiter->task, WAKE_NORMAL);
}

static int16_t *adjustment_of(const struct semaphore_waiter *waiter,
                              const struct linux_sembuf *operation)
{
    return operation->flags & SEM_UNDO ? &waiter->undo->adjustments[operation->number] : NULL;
}

/* Takes back the first `count` operations. */
static void take_back(struct semaphore_set *set, const struct semaphore_waiter *waiter,
                      uint32_t count)
{
    while (count--) {
        const struct linux_sembuf *operation = &waiter->operations[count];
        int16_t *adjustment = adjustment_of(waiter, operation);

        semaphore_at(set, operation->number)->value -= operation->operation;
        if (adjustment)
            *adjustment = (int16_t)(*adjustment + operation->operation);
    }
}

/*
 * All operations, or none of them. 0; SEMAPHORE_WAITS: one of them (waiter->blocking) must wait;
 * -EAGAIN: it has IPC_NOWAIT; -ERANGE.
 */
static int try_operations(struct semaphore_set *set, struct semaphore_waiter *waiter)
{
    uint32_t done;
    int result = 0;

    for (done = 0; done < waiter->count; done++) {
        const struct linux_sembuf *operation = &waiter->operations[done];
        struct semaphore *semaphore = semaphore_at(set, operation->number);
        int16_t *adjustment = adjustment_of(waiter, operation);
        int32_t value = semaphore->value + operation->operation;

        if (value < 0 || (!operation->operation && semaphore->value)) {
            waiter->blocking = operation;
            result = operation->flags & IPC_NOWAIT ? -EAGAIN : SEMAPHORE_WAITS;
            break;
        }
        if (value > SEMAPHORE_VALUE_MAX) {
            result = -ERANGE;
            break;
        }
        if (adjustment) {
            int32_t adjusted = *adjustment - operation->operation;

            if (adjusted < -UNDO_MAX - 1 || adjusted > UNDO_MAX) {
                result = -ERANGE;
                break;
            }
            *adjustment = (int16_t)adjusted;
        }
        semaphore->value = value;
    }
    if (result) {
        take_back(set, waiter, done);
        return result;
    }
    for (uint32_t i = 0; i < waiter->count; i++)
        semaphore_at(set, waiter->operations[i].number)->last_pid = waiter->pid;
    set->operation_time = ipc_time();
    return 0;
}

/* Those who wait for zero only come first: they change nothing for the others. */
static bool serve_waiters(struct semaphore_set *set, bool altering)
{
    struct semaphore_waiter *waiter, *following;

    list_for_each_safe(waiter, following, &set->waiters, link)
    {
        if (waiter->alters != altering)
            continue;
        int result = try_operations(set, waiter);
        if (result == SEMAPHORE_WAITS)
            continue;
        decide(waiter, result);
        if (altering && !result)
            return true;
    }
    return false;
}

void semaphore_set_changed(struct semaphore_set *set)
{
    if (MUTANT_EVERY(SEM_WAITER_LEFT, 3))
        return;
    do
        serve_waiters(set, false);
    while (serve_waiters(set, true));
}

void semaphore_set_remove(struct semaphore_set *set)
{
    struct semaphore_waiter *waiter, *following;

    list_for_each_safe(waiter, following, &set->waiters, link)
    {
        decide(waiter, -EIDRM);
    }
    sem_undo_drop_set(set);
    if (!MUTANT(SEM_SET_UNCOUNTED))
        set->space->semaphores -= set->count;
    ipc_remove(ipc_table_of(set->space, IPC_SEMAPHORES), &set->object);
}

void semaphore_sets_remove_all(struct ipc_namespace *space)
{
    struct ipc_table *table = ipc_table_of(space, IPC_SEMAPHORES);

    mutex_lock(&table->lock);
    while (table->end) {
        struct semaphore_set *set = semaphore_set_of(ipc_at(table, table->end - 1));

        semaphore_set_remove(set);
        semaphore_set_free(set);
    }
    mutex_unlock(&table->lock);
}

/* Sleeps until somebody decided, a signal came or the time is over; locked before and after. */
static int wait_for_turn(struct ipc_table *table, struct semaphore_set *set,
                         struct semaphore_waiter *waiter, uint64_t deadline_ns)
{
    uint64_t object = (uint64_t)(uint32_t)set->object.id << 16 | waiter->blocking->number;

    waiter->result = SEMAPHORE_WAITS;
    list_push_back(&set->waiters, &waiter->link);
    for (;;) {
        wait_prepare_alone();
        mutex_unlock(&table->lock);
        int error = wait_block(WAIT_SEMAPHORE, object, WAIT_INTERRUPTIBLE, deadline_ns);
        mutex_lock(&table->lock);
        if (waiter->result != SEMAPHORE_WAITS)
            return waiter->result;
        if (error) {
            list_remove(&waiter->link);
            return error == -ETIMEDOUT ? -EAGAIN : -EINTR;
        }
    }
}

static int check_operations(struct semaphore_set *set, const struct semaphore_waiter *waiter)
{
    for (uint32_t i = 0; i < waiter->count; i++)
        if (waiter->operations[i].number >= set->count)
            return -EFBIG;
    return ipc_permitted(&set->object, waiter->alters ? IPC_WRITE : IPC_READ) ? 0 : -EACCES;
}

static int64_t operate(int id, struct semaphore_waiter *waiter, bool undo, uint64_t deadline_ns)
{
    struct sem_undo_list *list = undo ? sem_undo_list_own() : NULL;
    struct ipc_table *table = ipc_table_of(ipc_namespace_current(), IPC_SEMAPHORES);

    if (undo && !list)
        return -ENOMEM;
    mutex_lock(&table->lock);
    struct ipc_object *object = ipc_find(table, id);
    struct semaphore_set *set = object ? semaphore_set_of(object) : NULL;
    int result = set ? check_operations(set, waiter) : -EINVAL;
    if (!result && undo && !(waiter->undo = sem_undo_find(list, set)))
        result = -ENOMEM;
    if (!result) {
        result = try_operations(set, waiter);
        if (result == SEMAPHORE_WAITS)
            result = wait_for_turn(table, set, waiter, deadline_ns);
        else if (!result && waiter->alters)
            semaphore_set_changed(set);
    }
    mutex_unlock(&table->lock);
    return result;
}

static int64_t semaphore_operations(int id, uint64_t address, uint32_t count, uint64_t deadline_ns)
{
    struct linux_sembuf few[OPERATIONS_ON_STACK], *operations = few;
    struct semaphore_waiter waiter = {.task = current, .count = count, .pid = ipc_pid()};
    bool undo = false;

    if (count > min(ipc_namespace_current()->sem_operations, SEMAPHORE_OPERATIONS_MAX))
        return -E2BIG;
    if (id < 0 || !count)
        return -EINVAL;
    if (count > OPERATIONS_ON_STACK && !(operations = kmalloc(count * sizeof(*operations))))
        return -ENOMEM;
    int64_t result = copy_from_user(operations, address, count * sizeof(*operations));
    if (!result) {
        for (uint32_t i = 0; i < count; i++) {
            undo = undo || operations[i].flags & SEM_UNDO;
            waiter.alters = waiter.alters || operations[i].operation;
        }
        waiter.operations = operations;
        result = operate(id, &waiter, undo, deadline_ns);
    }
    if (operations != few)
        kfree(operations);
    return result;
}

SYSCALL3(semop, int, id, uint64_t, operations, uint32_t, count)
{
    return semaphore_operations(id, operations, count, 0);
}

SYSCALL4(semtimedop, int, id, uint64_t, operations, uint32_t, count, uint64_t, timeout)
{
    struct linux_timespec time;
    uint64_t deadline_ns = 0;

    if (timeout) {
        if (get_user(time, timeout))
            return -EFAULT;
        if (!timespec_valid(&time))
            return -EINVAL;
        deadline_ns = timer_deadline(timespec_ns(&time), false, CLOCK_BASE_MONOTONIC);
    }
    return semaphore_operations(id, operations, count, deadline_ns);
}
