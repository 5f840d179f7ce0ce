/*
 * kernel/namespace/pid_namespace.h - PID namespaces (pid_namespaces(7)): numbers of their own for
 * the processes inside, each below the namespace that it was made in. Every task has one global
 * number, that of the first namespace, which is the only one that the kernel works with (PID table,
 * groups, sessions, events); programs' numbers are translated where they come in and go out.
 *
 * A number in use: a task, process, group or session has it. Its numbers in inner namespaces live
 * exactly as long as the global one. Locks: numbers are taken and given back under family_lock and
 * numbers_lock (pid_namespace.c) together; translating takes the second alone, so it may be done with
 * any lock held that ranks lower (RANK_PID_NUMBERS).
 */
#ifndef KERNEL_NAMESPACE_PID_NAMESPACE_H
#define KERNEL_NAMESPACE_PID_NAMESPACE_H

#include "arch/cpu.h"
#include "kernel/namespace/namespace.h"
#include "kernel/process/process.h"

#define PID_NAMESPACE_LEVELS  32u /* below the first one, as on Linux */
#define PID_NUMBERS_PER_CHUNK 1024u
#define PID_NUMBER_CHUNKS     32u /* up to PID_MAX */

struct pid_namespace {
    struct namespace head;
    struct pid_namespace *parent; /* counted; NULL: the first one */
    uint32_t level;               /* 0: the first one */
    /* -- family_lock and numbers_lock -- */
    struct process *init;               /* its process 1, not counted; NULL: not yet, or reaped */
    bool had_init;                      /* there was a process 1, maybe there still is */
    bool ending;                        /* process 1 is ending: no new numbers */
    uint32_t count;                     /* numbers in use */
    int32_t last;                       /* number given out last */
    int32_t *chunks[PID_NUMBER_CHUNKS]; /* number -> global number, 0 = free; NULL while unused */
};

/* What one global number is in the namespaces below the first. */
struct pid_numbers {
    struct pid_namespace *namespace; /* the innermost, counted */
    uint32_t level;                  /* of it; at least 1 */
    int32_t number[];                /* by level; [0] is the global one */
};

/* By global number, where it has inner ones; each chunk one frame, never given back. numbers_lock. */
extern struct pid_numbers **pid_global_chunks[];

extern struct pid_namespace initial_pid_namespace;
extern const struct namespace_type pid_namespace_type;

static inline struct pid_namespace *pid_namespace_of(struct namespace *namespace)
{
    return container_of(namespace, struct pid_namespace, head);
}
/* The running process's own. */
static inline struct pid_namespace *pid_namespace_own(void)
{
    return current->process->pid_namespace;
}

/* The slow halves of the next two. */
int32_t pid_inner(const struct pid_namespace *namespace, int32_t global);
int32_t pid_global(const struct pid_namespace *namespace, int32_t number);

/* What the namespace calls that global number: 0 if it is not visible there. */
static inline int32_t pid_seen_in(const struct pid_namespace *namespace, int32_t global)
{
    return likely(namespace == &initial_pid_namespace) ? global : pid_inner(namespace, global);
}
/* ... what the running process calls it. */
static inline int32_t pid_seen(int32_t global)
{
    return pid_seen_in(pid_namespace_own(), global);
}
/*
 * The global number that a positive number from the running program means. One that nobody has there
 * becomes PID_NOBODY, which no table has either; what is not positive stays as it is.
 */
#define PID_NOBODY INT32_MAX
static inline int32_t pid_meant(int32_t number)
{
    const struct pid_namespace *namespace = pid_namespace_own();
    return likely(namespace == &initial_pid_namespace) || number <= 0
               ? number
               : pid_global(namespace, number);
}

/* ---- for fork: room first, then the numbers ---- */
/* NULL = out of memory. Holds a reference to the namespace. */
struct pid_numbers *pid_numbers_create(struct pid_namespace *namespace);
void pid_numbers_discard(struct pid_numbers *numbers);
/*
 * The global number's numbers in every level; `wanted`, of the innermost level first, are the
 * `count` that must be taken. 0: the numbers belong to the global number from now on. -ENOMEM: out
 * of memory, or the namespace's process 1 has ended. -EAGAIN, -EEXIST, -EINVAL. family_lock held.
 */
int pid_numbers_take_locked(struct pid_numbers *numbers, int32_t global, const int32_t *wanted,
                            uint32_t count);
/* The process has its first thread's number: it may be a process 1. family_lock held. */
void pid_namespace_joined_locked(struct pid_namespace *namespace, struct process *process);
/* How many global numbers have inner ones: 0 and the next one has nothing to do. */
extern uint32_t pid_numbers_in_use;
/* The global number is free again. family_lock held. */
void pid_numbers_drop_locked(int32_t global);

/* The smallest number >= from that is in use there, or 0; *ret_global is its global one. */
int32_t pid_number_next(const struct pid_namespace *namespace, int32_t from, int32_t *ret_global);
/* The one that it is in (or is) at that level, at most its own. */
const struct pid_namespace *pid_namespace_at(const struct pid_namespace *namespace, uint32_t level);
/* Is `namespace` the other one, or below it? */
bool pid_namespace_within(const struct pid_namespace *namespace, const struct pid_namespace *other);

#endif
