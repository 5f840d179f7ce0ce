/* tests/unit/host/arch/cpu.h - the one CPU of a test. host_cpu.index may be changed to play
 * several. */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include "arch/cpu_limits.h"
#include "kernel/lib/types.h"
#include "shared/glass.h"

struct address_space;
struct task;

/* What the kernel publishes of its own must be here, too (observe/describe_audit.h). */
struct cpu {
    struct task *task;
    uint64_t kernel_stack_top;
    struct task *fpu_owner;
    bool in_interrupt, in_busy_wait;
    uint32_t requests;
    uint64_t timer_armed_tsc;
    uint32_t index;
    struct glass_cpu *glass;
    struct address_space *active_space;
};

extern struct cpu host_cpu;

static inline struct cpu *this_cpu(void)
{
    return &host_cpu;
}

struct cpu *cpu_at(unsigned index); /* from tests that play several */

#define current (host_cpu.task)

static inline void cpu_relax(void)
{
}
static inline void interrupts_off(void)
{
}
static inline void interrupts_on(void)
{
}
void cpu_serve_requests(void);
void random_bytes(void *buffer, size_t bytes);

#endif
