/* kernel/sync/spinlock.c - waiting for a spinlock, and the check of the written order in debug
 * builds. */
#include "kernel/sync/spinlock.h"

#include "arch/cpu.h"
#include "kernel/lib/panic.h"

COLD void spin_lock_contended(struct spinlock *lock)
{
    struct glass_cpu *glass = this_cpu()->glass;
    if (glass)
        glass->lock_contentions++;
    for (;;) {
        /* Only read while it is taken, so that the line is not torn between the waiters. */
        while (READ_ONCE(lock->taken)) {
            cpu_serve_requests();
            if (glass)
                glass->lock_spins++;
        }
        if (!__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE))
            break;
    }
#ifndef KERNEL_DEBUG
    if (lock->contentions != UINT16_MAX)
        lock->contentions++;
#endif
}

#ifdef KERNEL_DEBUG
void spin_check_take(struct spinlock *lock, bool nested)
{
    struct cpu *cpu = this_cpu();
    if (!cpu->self || cpu->checking)
        return;
    lock->owner = (uint16_t)(cpu->index + 1);
    for (uint32_t i = 0; i < cpu->held_lock_count; i++) {
        const struct spinlock *held = cpu->held_locks[i];
        if (held->rank > lock->rank ? !nested : held->rank == lock->rank && !nested) {
            cpu->checking = true;
            panic("lock order: rank %u taken while rank %u is held", lock->rank, held->rank);
        }
    }
    if (cpu->held_lock_count == CPU_HELD_LOCKS_MAX) {
        cpu->checking = true;
        panic("more than %u spinlocks held at once", CPU_HELD_LOCKS_MAX);
    }
    cpu->held_locks[cpu->held_lock_count++] = lock;
}

void spin_check_release(struct spinlock *lock)
{
    struct cpu *cpu = this_cpu();
    if (!cpu->self || cpu->checking)
        return;
    for (uint32_t i = cpu->held_lock_count; i-- > 0;) {
        if (cpu->held_locks[i] != lock)
            continue;
        lock->owner = 0;
        for (; i + 1 < cpu->held_lock_count; i++)
            cpu->held_locks[i] = cpu->held_locks[i + 1];
        cpu->held_lock_count--;
        return;
    }
    cpu->checking = true;
    panic("spinlock of rank %u released by a CPU that does not hold it", lock->rank);
}

void spin_check_none(void)
{
    const struct cpu *cpu = this_cpu();
    if (cpu->self && !cpu->checking && cpu->held_lock_count)
        panic("waiting, with a spinlock of rank %u held, for something that may want it",
              cpu->held_locks[0]->rank);
}
#endif
