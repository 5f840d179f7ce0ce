/*
 * robust.c - robust mutexes: a thread keeps a list, in its own memory, of the locks it holds; when
 * it dies, the kernel marks each as orphaned and wakes one waiter (get_robust_list(2)).
 *
 * The list is hostile: its length is bounded, every step may fault, and failing means stopping.
 */
#include "kernel/ipc/futex/futex.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/internal.h"
#include "kernel/process/pidfd.h"
#include "kernel/security/default_descriptor.h"
#include "kernel/syscall/syscall.h"

#define FUTEX_WAITERS     0x80000000u
#define FUTEX_OWNER_DIED  0x40000000u
#define FUTEX_TID_MASK    0x3fffffffu
#define ROBUST_LIST_LIMIT 2048
#define ENTRY_IS_PI       1ull /* low bit of an entry's address */

struct robust_list_head {
    uint64_t next;
    int64_t futex_offset;
    uint64_t pending; /* a lock that was about to be taken or given back */
};

/* False: the word could not be touched, nothing more can be done. */
static bool orphan_lock(struct task *task, uint64_t address, bool pi, bool pending)
{
    uint32_t value, seen;
    if (address % sizeof(uint32_t) || user_load_u32(address, &seen))
        return false;
    do {
        value = seen;
        uint32_t owner = value & FUTEX_TID_MASK;
        /* Given back but its waiter not yet woken: the wake-up would otherwise be lost with the
         * thread. */
        if (pending && !pi && !owner) {
            futex_wake_address(address, 1);
            return true;
        }
        if (owner != (uint32_t)task->seen_tid)
            return true;
        if (user_compare_exchange_u32(address, value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED,
                                      &seen))
            return false;
    } while (seen != value);
    if (!pi && value & FUTEX_WAITERS)
        futex_wake_address(address, 1);
    return true;
}

void robust_list_exit(struct task *task)
{
    struct robust_list_head head;
    uint64_t list = task->robust_list;
    task->robust_list = 0;
    if (get_user(head, list))
        return;
    uint64_t offset = (uint64_t)head.futex_offset, entry = head.next;
    uint64_t pending = head.pending & ~ENTRY_IS_PI;
    for (unsigned count = 0; (entry & ~ENTRY_IS_PI) != list && count < ROBUST_LIST_LIMIT; count++) {
        uint64_t next, address = entry & ~ENTRY_IS_PI;
        bool readable = !get_user(next, address);
        if (address != pending && !orphan_lock(task, address + offset, entry & ENTRY_IS_PI, false))
            return;
        if (!readable)
            return;
        entry = next;
        if (count % 64 == 63)
            preemption_point();
    }
    if (pending)
        orphan_lock(task, pending + offset, head.pending & ENTRY_IS_PI, true);
}

SYSCALL2(set_robust_list, uint64_t, head, size_t, bytes)
{
    if (bytes != sizeof(struct robust_list_head))
        return -EINVAL;
    current->robust_list = head;
    return 0;
}

SYSCALL3(get_robust_list, int, tid, uint64_t, head_address, uint64_t, bytes_address)
{
    uint64_t head, bytes = sizeof(struct robust_list_head);
    if (!tid) {
        head = current->robust_list;
    } else {
        struct task *task = task_find_get(pid_meant(tid));
        if (!task)
            return -ESRCH;
        struct process *target = task->process;
        bool allowed = target && process_may_take_from(target, PROCESS_VM_READ);
        head = task->robust_list;
        task_put(task);
        if (!allowed)
            return -EPERM;
    }
    if (put_user(bytes, bytes_address) || put_user(head, head_address))
        return -EFAULT;
    return 0;
}
