/*
 * kernel/sched/membarrier.c - membarrier(2): every CPU that runs the caller's address space, or any,
 * executes a full barrier before the call returns. All commands are served by one request to all CPUs;
 * what differs is who must have registered first, which Linux asks for and programs check.
 */
#include "arch/cpu.h"
#include "kernel/mm/address_space.h"
#include "kernel/process/process.h"
#include "kernel/syscall/syscall.h"

enum membarrier_command {
    MEMBARRIER_QUERY = 0,
    MEMBARRIER_GLOBAL = 1u << 0,
    MEMBARRIER_GLOBAL_EXPEDITED = 1u << 1,
    MEMBARRIER_REGISTER_GLOBAL_EXPEDITED = 1u << 2,
    MEMBARRIER_PRIVATE_EXPEDITED = 1u << 3,
    MEMBARRIER_REGISTER_PRIVATE_EXPEDITED = 1u << 4,
    MEMBARRIER_PRIVATE_EXPEDITED_SYNC_CORE = 1u << 5,
    MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 1u << 6,
    MEMBARRIER_PRIVATE_EXPEDITED_RSEQ = 1u << 7,
    MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_RSEQ = 1u << 8,
    MEMBARRIER_GET_REGISTRATIONS = 1u << 9,
};
#define MEMBARRIER_ALL      ((1u << 10) - 1)
#define MEMBARRIER_FLAG_CPU 1u

/* A request served by every CPU is a full barrier on each: the interrupt serialises, and the return
 * from it restarts a sequence of rseq(2). */
static void barrier_everywhere(void)
{
    for (unsigned i = 0; i < cpu_count(); i++) {
        struct cpu *other = cpu_at(i);
        if (other == this_cpu())
            continue;
        uint32_t wanted = __atomic_add_fetch(&other->flush_wanted, 1, __ATOMIC_SEQ_CST);
        cpu_send_request(other, CPU_REQUEST_FLUSH);
        while ((int32_t)(load_acquire(&other->flush_done) - wanted) < 0)
            cpu_serve_requests();
    }
}

SYSCALL3(membarrier, uint32_t, command, uint32_t, flags, int, cpu)
{
    uint32_t *registered = &current->address_space->barriers;

    (void)cpu; /* MEMBARRIER_FLAG_CPU names one: all are asked */
    if (flags & ~(command == MEMBARRIER_PRIVATE_EXPEDITED_RSEQ ? MEMBARRIER_FLAG_CPU : 0))
        return -EINVAL;
    switch (command) {
    case MEMBARRIER_QUERY:
        return MEMBARRIER_ALL;
    case MEMBARRIER_REGISTER_GLOBAL_EXPEDITED:
    case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED:
    case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
    case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_RSEQ:
        __atomic_fetch_or(registered, command, __ATOMIC_RELAXED);
        return 0;
    case MEMBARRIER_GET_REGISTRATIONS:
        return READ_ONCE(*registered);
    case MEMBARRIER_PRIVATE_EXPEDITED:
    case MEMBARRIER_PRIVATE_EXPEDITED_SYNC_CORE:
    case MEMBARRIER_PRIVATE_EXPEDITED_RSEQ:
        if (!(READ_ONCE(*registered) & command << 1)) /* each is followed by its registration */
            return -EPERM;
        __attribute__((fallthrough));
    case MEMBARRIER_GLOBAL:
    case MEMBARRIER_GLOBAL_EXPEDITED:
        barrier_everywhere();
        return 0;
    default:
        return -EINVAL;
    }
}
