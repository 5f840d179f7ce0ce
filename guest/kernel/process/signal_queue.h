/*
 * signal_queue.h - pending signals of a process and of its threads: the entries, taking one, and
 * what a change of the mask makes deliverable. Inline, because a signal passes here on its way in
 * and on its way out.
 *
 * Lifetime of an entry: queued by the sender; whoever takes the signal owns it until
 * pending_release(). One unused entry stays with the process (spare_pending) for its next signal,
 * until its last thread is gone. Lock: signal_lock for the queues and sets; the spare entry changes
 * hands atomically.
 */
#ifndef KERNEL_PROCESS_SIGNAL_QUEUE_H
#define KERNEL_PROCESS_SIGNAL_QUEUE_H

#include "kernel/mm/object_cache.h"
#include "kernel/process/internal.h"
#include "kernel/process/user_count.h"

extern struct object_cache pending_cache;

/* NULL = out of memory. Only SIGINFO_BYTES of its info are ever read. */
static inline struct pending_signal *pending_allocate(struct process *process)
{
    struct pending_signal *entry =
        __atomic_exchange_n(&process->spare_pending, NULL, __ATOMIC_ACQUIRE);
    return likely(entry) ? entry : object_cache_allocate(&pending_cache);
}

/*
 * A signal of which there was no memory to keep more than the bit, or too many were queued, is
 * taken as an entry that belongs to nobody, marked by `link.next == NULL`: sent by nobody, as Linux
 * has it.
 */
struct pending_signal *pending_lost(int signal);

/* No lock needed. */
static inline void pending_release(struct process *process, struct pending_signal *entry)
{
    if (unlikely(!entry->link.next))
        return;
    entry = __atomic_exchange_n(&process->spare_pending, entry, __ATOMIC_ACQ_REL);
    if (unlikely(entry))
        object_cache_free(&pending_cache, entry);
}

/* All of a siginfo that kill() and its kin fill in. */
static inline void info_make(struct linux_siginfo *info, int signal, int code, int32_t pid,
                             uint32_t uid)
{
    uint64_t *words = (uint64_t *)info;
    words[0] = (uint32_t)signal;
    words[1] = (uint32_t)code;
    words[2] = (uint32_t)pid | (uint64_t)uid << 32;
    words[3] = words[4] = words[5] = 0;
}

static inline uint64_t signal_pending_signal_locked(const struct task *task)
{
    return task->pending.bits | task->process->pending.bits;
}

/* After a change of masks: sets or leaves the work bit. */
static inline void signal_recheck_signal_locked(struct task *task)
{
    if (unlikely(signal_pending_signal_locked(task) & ~task->blocked.bits))
        task_add_work(task, TASK_WORK_SIGNAL);
}

/* The slow part of the next one: there are pending signals, which the old mask kept from another
 * thread, say. */
void signal_mask_changed_signal_locked(struct task *task, uint64_t newly_blocked);

/* The current task's mask (without SIGKILL and SIGSTOP). */
static inline void signal_change_mask_signal_locked(struct task *task, struct process *process,
                                                    uint64_t mask)
{
    uint64_t old = task->blocked.bits;
    task->blocked.bits = mask;
    if (unlikely(task->pending.bits | process->pending.bits))
        signal_mask_changed_signal_locked(task, mask & ~old);
}

/* More than one entry may carry the signal: the first is taken, the bit stays while there are
 * others. */
struct pending_signal *signal_take_among_signal_locked(struct process *process,
                                                       struct signal_set *set, struct list *queue,
                                                       int signal);

/* Faults of the program's own come first, then the lowest number (signal(7)). */
static inline int first_signal(uint64_t bits)
{
    if (unlikely(bits & SIGNALS_SYNCHRONOUS))
        bits &= SIGNALS_SYNCHRONOUS;
    return __builtin_ctzll(bits) + 1;
}

/* Takes the next signal out of `wanted`, as an entry that is the caller's until pending_release();
 * NULL = none. */
static inline struct pending_signal *
signal_take_signal_locked(struct task *task, struct process *process, uint64_t wanted)
{
    struct signal_set *set = &process->pending;
    struct list *queue = &process->pending_queue;
    uint64_t bits = task->pending.bits & wanted;
    if (unlikely(bits)) {
        set = &task->pending;
        queue = &task->pending_queue;
    } else {
        bits = set->bits & wanted;
        if (unlikely(!bits))
            return NULL;
    }
    int signal = first_signal(bits);
    struct pending_signal *entry = list_first(queue, struct pending_signal, link);
    if (unlikely(queue->next == queue || entry->info.signo != signal || signal >= SIGRTMIN))
        return signal_take_among_signal_locked(process, set, queue, signal);
    set->bits &= ~signal_bit(signal); /* ordinary ones are queued at most once */
    process->pending_count--;
    queue->next = entry->link.next;
    queue->next->previous = queue;
    return entry;
}

#endif
