/*
 * kernel/ipc/sysv/sem.h - System V semaphores (semget(2), semop(2), semctl(2)): sets of counters, on
 * which several operations succeed together or not at all.
 *
 * Who cannot go on waits in the set's list, in the order of arrival; whoever changes a value does
 * what the waiting ones want, as far as it is possible now, and only then wakes them: a waiter whose
 * operations are possible is never asleep. The lock of the namespace's table of semaphores guards
 * sets, waiters and undo lists alike. A waiter lives on its task's stack; it leaves the list under
 * the lock, and takes the lock once more before it goes.
 */
#ifndef KERNEL_IPC_SYSV_SEM_H
#define KERNEL_IPC_SYSV_SEM_H

#include "kernel/ipc/sysv/namespace.h"
#include "kernel/lib/list.h"

#define SEMAPHORE_VALUE_MAX      32767 /* SEMVMX */
#define SEMAPHORES_PER_SET_MAX   32000u
#define SEMAPHORE_OPERATIONS_MAX 4096u
#define SEMAPHORE_CHUNK          1024u
#define SEM_UNDO                 0x1000

struct semaphore {
    int32_t value; /* 0 to SEMAPHORE_VALUE_MAX */
    int32_t last_pid;
};

struct semaphore_set {
    struct ipc_object object;
    struct ipc_namespace *space;
    uint32_t count;
    int64_t operation_time, change_time;
    struct list waiters; /* struct semaphore_waiter, oldest first */
    struct list undos;   /* struct sem_undo, through set_link */
    struct semaphore *chunks[(SEMAPHORES_PER_SET_MAX + SEMAPHORE_CHUNK - 1) / SEMAPHORE_CHUNK];
};

/* struct sembuf of the Linux ABI. */
struct linux_sembuf {
    uint16_t number;
    int16_t operation;
    int16_t flags;
};

struct sem_undo;
struct task;

struct semaphore_waiter {
    struct list link;
    struct task *task;
    const struct linux_sembuf *operations;
    uint32_t count;
    bool alters; /* some operation is not a wait for zero */
    int32_t pid;
    struct sem_undo *undo; /* NULL: no operation has SEM_UNDO */
    const struct linux_sembuf *blocking;
    int result; /* SEMAPHORE_WAITS until somebody decided */
};
#define SEMAPHORE_WAITS 1

/* What one undo list has to add to a set's values at the end. */
struct sem_undo {
    struct list set_link, list_link;
    struct sem_undo_list *owner;
    struct semaphore_set *set;
    int16_t adjustments[]; /* one per semaphore */
};

/* Shared by tasks cloned with CLONE_SYSVSEM: each holds a reference. */
struct sem_undo_list {
    uint32_t references;
    struct ipc_namespace *space; /* all its sets are there; counted */
    struct list undos;           /* struct sem_undo, through list_link */
};

static inline struct semaphore_set *semaphore_set_of(struct ipc_object *object)
{
    return container_of(object, struct semaphore_set, object);
}
static inline struct semaphore *semaphore_at(struct semaphore_set *set, uint32_t number)
{
    return &set->chunks[number / SEMAPHORE_CHUNK][number % SEMAPHORE_CHUNK];
}

/* ---- sem.c; the table's lock is held ---- */

/* Values have changed: does what waiters want, as far as possible, and wakes them. */
void semaphore_set_changed(struct semaphore_set *set);
/* Takes the set out of the table and ends all waits with -EIDRM. The caller frees it, unlocked. */
void semaphore_set_remove(struct semaphore_set *set);
void semaphore_set_free(struct semaphore_set *set); /* not locked */

/* ---- sem_undo.c ---- */

/* The list of the current task, made if need be; NULL when out of memory. Takes no lock. */
struct sem_undo_list *sem_undo_list_own(void);
/* Its entry for the set, made if need be; NULL when out of memory. Locked. */
struct sem_undo *sem_undo_find(struct sem_undo_list *list, struct semaphore_set *set);
/* A semaphore was set (all of them: number -1): nothing is left to undo. Locked. */
void sem_undo_clear(struct semaphore_set *set, int32_t number);
/* The set goes. Locked. */
void sem_undo_drop_set(struct semaphore_set *set);

/* clone: the child shares the current task's list. 0 or -ENOMEM. */
int sem_undo_share(struct task *child);
/* The task ends, or leaves the list (unshare): the last one undoes all. */
void sem_undo_leave(struct task *task);

#endif
