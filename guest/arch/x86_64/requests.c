/*
 * requests.c - what CPUs ask of each other. A request is a bit; the interrupt only makes the other
 * CPU look. A CPU looks in the interrupt, and in every busy wait of the kernel
 * (cpu_serve_requests), because interrupts are off there. Rescheduling is not done here: it is a
 * work bit of the task, seen on the way to user mode.
 */
#include "requests.h"

#include "arch/cpu.h"
#include "arch/interrupts.h"
#include "arch/machine.h"
#include "kernel/observe/stop.h"
#include "kernel/sched/task.h"
#include "kernel/time/timer.h"

void cpu_send_request(struct cpu *cpu, uint32_t requests)
{
    uint32_t before = __atomic_fetch_or(&cpu->requests, requests, __ATOMIC_SEQ_CST);
    if ((before & requests) != requests)
        apic_send(cpu->apic_id, VECTOR_REQUEST);
}

NO_INLINE void requests_serve(void)
{
    struct cpu *cpu = this_cpu();
    uint32_t requests = __atomic_exchange_n(&cpu->requests, 0, __ATOMIC_SEQ_CST);
    if (requests & CPU_REQUEST_HALT)
        cpu_halt_forever();
    if (requests & CPU_REQUEST_FLUSH)
        tlb_serve_flush();
    if ((requests & CPU_REQUEST_RESCHEDULE) && cpu->task)
        __atomic_fetch_or(&cpu->task->work, TASK_WORK_RESCHEDULE, __ATOMIC_RELAXED);
    if (requests & CPU_REQUEST_TIMER)
        timer_program();
    if (requests & CPU_REQUEST_STOP)
        stop_park();
    if (requests & CPU_REQUEST_REST)
        stop_at_end();
}

void cpu_serve_requests(void)
{
    cpu_relax();
    struct cpu *cpu = this_cpu();
    if (unlikely(READ_ONCE(cpu->requests))) {
        cpu->in_busy_wait = true;
        requests_serve();
        cpu->in_busy_wait = false;
    }
}

void cpus_halt_others(void)
{
    for (unsigned i = 0; i < CPUS_MAX; i++) {
        struct cpu *cpu = cpu_at(i);
        if (cpu != this_cpu() && cpu->glass && READ_ONCE(cpu->glass->online))
            cpu_send_request(cpu, CPU_REQUEST_HALT);
    }
}
