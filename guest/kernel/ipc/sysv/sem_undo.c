/*
 * kernel/ipc/sysv/sem_undo.c - SEM_UNDO: what operations did is taken back when the task ends, or
 * the last of those that share the list (CLONE_SYSVSEM).
 */
#include "arch/cpu.h"
#include "kernel/ipc/sysv/sem.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/process/process.h"
#include "kernel/sync/refcount.h"

struct sem_undo_list *sem_undo_list_own(void)
{
    struct task *task = current;

    if (task->sem_undo)
        return task->sem_undo;
    struct sem_undo_list *list = kmalloc(sizeof(*list));
    if (!list)
        return NULL;
    list->references = 1;
    list->space = ipc_namespace_current();
    namespace_get(&list->space->head);
    list_init(&list->undos);
    return task->sem_undo = list;
}

int sem_undo_share(struct task *child)
{
    struct sem_undo_list *list = sem_undo_list_own();

    if (!list)
        return -ENOMEM;
    reference_get(&list->references);
    child->sem_undo = list;
    return 0;
}

struct sem_undo *sem_undo_find(struct sem_undo_list *list, struct semaphore_set *set)
{
    struct sem_undo *undo;

    list_for_each(undo, &list->undos, list_link)
    {
        if (undo->set == set)
            return undo;
    }
    undo = kzalloc(sizeof(*undo) + set->count * sizeof(undo->adjustments[0]));
    if (!undo)
        return NULL;
    undo->owner = list;
    undo->set = set;
    list_push_back(&list->undos, &undo->list_link);
    list_push_back(&set->undos, &undo->set_link);
    return undo;
}

void sem_undo_clear(struct semaphore_set *set, int32_t number)
{
    struct sem_undo *undo;

    list_for_each(undo, &set->undos, set_link)
    {
        if (number >= 0)
            undo->adjustments[number] = 0;
        else
            memset(undo->adjustments, 0, set->count * sizeof(undo->adjustments[0]));
    }
}

static void drop(struct sem_undo *undo)
{
    list_remove(&undo->set_link);
    list_remove(&undo->list_link);
    kfree(undo);
}

void sem_undo_drop_set(struct semaphore_set *set)
{
    struct sem_undo *undo, *following;

    list_for_each_safe(undo, following, &set->undos, set_link)
    {
        drop(undo);
    }
}

static void take_back(struct sem_undo *undo)
{
    struct semaphore_set *set = undo->set;

    for (uint32_t i = 0; i < set->count; i++) {
        struct semaphore *semaphore = semaphore_at(set, i);

        if (!undo->adjustments[i])
            continue;
        semaphore->value =
            max(0, min(semaphore->value + undo->adjustments[i], SEMAPHORE_VALUE_MAX));
        semaphore->last_pid = ipc_pid();
    }
    drop(undo);
    set->operation_time = ipc_time();
    semaphore_set_changed(set);
}

void sem_undo_leave(struct task *task)
{
    struct sem_undo_list *list = task->sem_undo;
    struct sem_undo *undo, *following;

    task->sem_undo = NULL;
    if (!list || !reference_put(&list->references))
        return;
    struct ipc_table *table = ipc_table_of(list->space, IPC_SEMAPHORES);
    mutex_lock(&table->lock);
    list_for_each_safe(undo, following, &list->undos, list_link)
    {
        take_back(undo);
    }
    mutex_unlock(&table->lock);
    namespace_put(&list->space->head);
    kfree(list);
}
