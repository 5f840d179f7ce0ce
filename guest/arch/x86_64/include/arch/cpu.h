/*
 * arch/cpu.h - the CPU that executes this, and its own data. The GS base points at struct cpu while
 * in the kernel. The kernel is not preemptible, so `this_cpu()` stays right until the caller blocks
 * or reaches a preemption point.
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include "arch/cpu_limits.h"
#include "kernel/lib/types.h"
#include "shared/glass.h"

struct address_space;
struct run_queue;
struct task;

#define CPU_HELD_LOCKS_MAX 16

struct cpu {
    /* -- offsets known to entry.S: see arch/asm_offsets.h -- */
    struct cpu *self;
    struct task *task;         /* the current one */
    uint64_t kernel_stack_top; /* of the current task */
    uint64_t user_rsp;         /* scratch of the system-call entry */
    struct glass_cpu *glass;

    uint32_t index;
    uint32_t apic_id;
    uint64_t
        *entry_stack; /* where the TSS has the stack for exceptions from user mode (unaligned) */
    struct run_queue *run_queue;
    struct task *idle;
    struct address_space *active_space; /* what CR3 holds; NULL = kernel tables */
    struct address_space *left_space;   /* during a switch: what it held before */
    struct task *fpu_owner;             /* whose state is in the FPU registers */
    uint32_t requests;                  /* enum cpu_request; atomic: others set, this CPU clears */
    uint8_t in_interrupt; /* enum cpu_interrupt; not 0: a handler runs, which may not block */
    bool in_busy_wait;    /* requests are served from a busy wait of the kernel */
    bool fpu_trapped;     /* CR0.TS is set: see fpu.h */
    int8_t fpu_loans;     /* page_copy.S may still lift it this many times */
    uint32_t flush_wanted, flush_done; /* requests for CPU_REQUEST_FLUSH, and those carried out */
    uint64_t timer_armed_tsc;          /* when the LAPIC timer will fire; UINT64_MAX = not armed */
    struct trace_record *trace_next;   /* where the next record goes (observe/trace_slot.h) */
    struct trace_record *trace_short_end; /* up to here nothing need be looked at; or NULL */
    struct trace_record *trace_half_end;  /* end of the half of the ring that is being filled */
    struct spinlock *held_locks[CPU_HELD_LOCKS_MAX]; /* debug builds */
    uint32_t held_lock_count;
    bool checking; /* the lock checker is at work: do not recurse */
};

/* What an interrupt came into. For the host: what the kernel was at there may be half done. */
enum cpu_interrupt {
    INTERRUPT_NONE = 0,
    INTERRUPT_OF_USER = 1,
    INTERRUPT_OF_KERNEL = 2, /* idle, or a preemption point */
};

enum cpu_request {
    CPU_REQUEST_FLUSH = 1u << 0, /* flush user translations */
    CPU_REQUEST_RESCHEDULE = 1u << 1,
    CPU_REQUEST_STOP = 1u << 2,  /* the world stops: park */
    CPU_REQUEST_HALT = 1u << 3,  /* panic or shutdown: never return */
    CPU_REQUEST_TIMER = 1u << 4, /* the run queue's slice end has changed */
    CPU_REQUEST_LOOK = 1u << 5,  /* nothing: just leave user mode and look at the task's work */
    CPU_REQUEST_REST = 1u << 6,  /* the machine ends: halt, if nothing is half done here */
};

static inline struct cpu *this_cpu(void)
{
    struct cpu *cpu;
    __asm__("mov %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

/* Not cached across blocking by the compiler: a task's own `current` never changes for itself. */
static inline struct task *cpu_current(void)
{
    struct task *task;
    __asm__("mov %%gs:8, %0" : "=r"(task));
    return task;
}
#define current (cpu_current())

struct cpu *cpu_at(unsigned index);
extern unsigned cpus_online;
static inline unsigned cpu_count(void) /* online */
{
    return READ_ONCE(cpus_online);
}

/* Busy waiting: pause, then serve what other CPUs ask of this one (flush, stop). Never reschedules.
 */
void cpu_serve_requests(void);
static inline void cpu_relax(void)
{
    __asm__ volatile("pause" ::: "memory");
}
/* Sets request bits of another CPU and interrupts it. */
void cpu_send_request(struct cpu *cpu, uint32_t requests);

static inline void interrupts_off(void)
{
    __asm__ volatile("cli" ::: "memory");
}
static inline void interrupts_on(void)
{
    __asm__ volatile("sti" ::: "memory");
}

/* Fills the buffer from RDRAND where it works, mixed with the boot seed and the TSC
 * (kernel/lib/random.c). */
void random_bytes(void *buffer, size_t bytes);

#endif
