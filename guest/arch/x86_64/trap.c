/*
 * trap.c - every way into the kernel ends here with a complete trap frame, and every way back to
 * user mode leaves through leave_to_user(): pending work first, then a last check of what is about
 * to be loaded.
 *
 * Interrupts are off throughout. Interrupts that arrive in kernel mode can only hit the idle task
 * and preemption_point().
 */
#include "arch/cpu.h"
#include "arch/interrupts.h"
#include "arch/layout.h"
#include "arch/machine.h"
#include "arch/registers.h"
#include "arch/trap_frame.h"
#include "arch/user_access.h"
#include "fpu.h"
#include "kernel/fs/async.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/panic.h"
#include "kernel/mm/address_space.h"
#include "kernel/mm/failing.h"
#include "kernel/observe/mailbox.h"
#include "kernel/observe/panic_report.h"
#include "kernel/observe/stop.h"
#include "kernel/observe/trace.h"
#include "kernel/process/out_of_memory.h"
#include "kernel/process/process.h"
#include "kernel/process/signal.h"
#include "kernel/sched/scheduler.h"
#include "kernel/sched/task.h"
#include "kernel/syscall/dispatch.h"
#include "kernel/time/clock.h"
#include "kernel/time/timer.h"
#include "requests.h"

#define VECTOR_DIVIDE              0
#define VECTOR_DEBUG               1
#define VECTOR_NMI                 2
#define VECTOR_BREAKPOINT          3
#define VECTOR_INVALID_OPCODE      6
#define VECTOR_NO_DEVICE           7
#define VECTOR_DOUBLE_FAULT        8
#define VECTOR_SEGMENT_NOT_PRESENT 11
#define VECTOR_STACK               12
#define VECTOR_GENERAL_PROTECTION  13
#define VECTOR_PAGE_FAULT          14
#define VECTOR_X87                 16
#define VECTOR_ALIGNMENT           17
#define VECTOR_SIMD                19
#define VECTOR_EXTERNAL            32 /* from here on: interrupts */

#define FAULT_CODE_WRITE 2u
#define FAULT_CODE_FETCH 16u

struct exception_entry {
    uint64_t instruction, fixup;
};
extern const struct exception_entry exception_table_start[], exception_table_end[];

void return_with_work(struct trap_frame *frame);
void trap_from_user(struct trap_frame *frame, unsigned vector);
void trap_from_kernel(struct trap_frame *frame, unsigned vector);
void trap_paranoid(struct trap_frame *frame, unsigned vector);
void first_return_to_user(struct trap_frame *frame);

/* ---- accounting: where the time between two looks at the clock went ---- */

static inline void account_enter(struct task *task)
{
    uint64_t now = clock_tsc();
    task->utime_tsc += now - task->mode_tsc;
    task->mode_tsc = now;
}

static inline void account_leave(struct task *task)
{
    uint64_t now = clock_tsc();
    task->stime_tsc += now - task->mode_tsc;
    task->mode_tsc = now;
}

/* ---- the way back ---- */

/* Work and doubts; interrupts may have come and gone in between, so it looks until nothing is left.
 */
static __attribute__((noinline)) void leave_slowly(struct trap_frame *frame)
{
    struct task *task = current;
    for (;;) {
        uint32_t work = READ_ONCE(task->work);
        if (work & (TASK_WORK_SIGNAL | TASK_WORK_EXIT | TASK_WORK_STOP | TASK_WORK_HOLD |
                    TASK_WORK_TRACE)) {
            signal_deliver(frame);
        } else if (work & (TASK_WORK_RESCHEDULE | TASK_WORK_ASYNC)) {
            if (unlikely(work & TASK_WORK_ASYNC)) {
                task_clear_work(task, TASK_WORK_ASYNC);
                file_async_run();
                continue;
            }
            task->at_edge = 1;
            schedule_preempt();
            task->at_edge = 0;
        } else if (frame->rip >= USER_END) {
            /* A return to a place that no program can have would fault in the kernel, in iretq. */
            signal_force(SIGSEGV, SEGV_MAPERR, frame->rip);
        } else {
            break;
        }
    }
}

void first_return_to_user(struct trap_frame *frame)
{
    struct glass_cpu *glass = this_cpu()->glass;
    if (unlikely(!glass->first_user_tsc)) {
        glass->first_user_tsc = clock_tsc();
        stop_at_start();
    }
    leave_slowly(frame);
    account_leave(current);
}

/* ---- system calls ---- */

/* entry.S, at the end of a system call that left work to do or other registers in the frame. */
void return_with_work(struct trap_frame *frame)
{
    leave_slowly(frame);
    account_leave(current);
}

/*
 * Soft hosts only (docs/hosts.md): `syscall` went to SOFT_SYSCALL_PAGE without leaving user mode,
 * and the ud2 there brought us here. A program can jump to that page itself: then RCX and R11 are
 * simply its choice, as they would be for a real `syscall` at that address.
 */
static void soft_syscall(struct trap_frame *frame)
{
    frame->rip = frame->rcx;
    frame->rflags = (frame->r11 & RFLAGS_USER) | RFLAGS_INTERRUPT | RFLAGS_FIXED;
    frame->original_rax = frame->rax;
    syscall_dispatch(frame);
}

/* ---- exceptions ---- */

static void user_page_fault(struct trap_frame *frame, uint64_t address)
{
    struct task *task = current;
    struct fault_signal signal = {SIGSEGV, SEGV_MAPERR};
    enum fault_access access = frame->error_code & FAULT_CODE_WRITE   ? FAULT_WRITE
                               : frame->error_code & FAULT_CODE_FETCH ? FAULT_EXECUTE
                                                                      : FAULT_READ;
    int error = -EFAULT;
    this_cpu()->glass->faults++;
    if (address < USER_END)
        error = address_space_fault(task->address_space, address, access, frame->rip, &signal);
    if (!error)
        return;
    if (error == -ENOMEM) {
        out_of_memory_kill(true);
        return;
    }
    trace_event(TRACE_PROCESS_EXCEPTION, VECTOR_PAGE_FAULT, frame->rip, frame->error_code,
                (uint64_t)signal.signal);
    signal_force(signal.signal, signal.code, address);
}

static void user_exception(struct trap_frame *frame, unsigned vector)
{
    int signal, code = SI_KERNEL;
    uint64_t address = 0;
    switch (vector) {
    case VECTOR_DIVIDE:
        signal = SIGFPE;
        code = FPE_INTDIV;
        address = frame->rip;
        break;
    case VECTOR_DEBUG:
        signal = SIGTRAP;
        code = TRAP_TRACE;
        address = frame->rip;
        frame->rflags &= ~RFLAGS_TRAP; /* once is enough: whoever steps the program sets it again */
        break;
    case VECTOR_BREAKPOINT:
        signal = SIGTRAP;
        break;
    case VECTOR_INVALID_OPCODE:
        signal = SIGILL;
        code = ILL_ILLOPN;
        address = frame->rip;
        break;
    case VECTOR_SEGMENT_NOT_PRESENT:
    case VECTOR_STACK:
        signal = SIGBUS;
        break;
    case VECTOR_ALIGNMENT:
        signal = SIGBUS;
        code = BUS_ADRALN;
        break;
    case VECTOR_X87:
    case VECTOR_SIMD:
        signal = SIGFPE;
        code = FPE_FLTINV;
        address = frame->rip;
        break;
    default:
        signal = SIGSEGV;
        break;
    }
    trace_event(TRACE_PROCESS_EXCEPTION, vector, frame->rip, frame->error_code, (uint64_t)signal);
    signal_force(signal, code, address);
}

/* ---- interrupts ---- */

static void interrupt(unsigned vector, enum cpu_interrupt of)
{
    struct cpu *cpu = this_cpu();
    cpu->in_interrupt = (uint8_t)of;
    cpu->glass->interrupts++;
    if (vector != VECTOR_SPURIOUS)
        apic_end_of_interrupt();
    switch (vector) {
    case VECTOR_TIMER:
        timer_interrupt();
        break;
    case VECTOR_REQUEST:
        requests_serve();
        break;
    case VECTOR_SERIAL:
        kick_serial_drain();
        mailbox_kicked();
        break;
    case KICK_VECTOR:
        mailbox_kicked();
        break;
    default:
        break;
    }
    cpu->in_interrupt = INTERRUPT_NONE;
}

/* ---- entries ---- */

/* A page fault, the commonest exception by far, is tested for first. */
void trap_from_user(struct trap_frame *frame, unsigned vector)
{
    uint64_t fault_address = vector == VECTOR_PAGE_FAULT ? cr2_read() : 0;
    user_access_close(); /* the program's own AC flag must not open the window for the kernel */
    account_enter(current);
    if (vector == VECTOR_PAGE_FAULT)
        user_page_fault(frame, fault_address);
    else if (vector >= VECTOR_EXTERNAL)
        interrupt(vector, INTERRUPT_OF_USER);
    else if (vector == VECTOR_INVALID_OPCODE && frame->rip == SOFT_SYSCALL_PAGE &&
             (boot_flags & BOOT_FLAG_SOFT_SYSCALL))
        soft_syscall(frame);
    else if (vector != VECTOR_NO_DEVICE || !fpu_use_trap())
        user_exception(frame, vector);
    if (unlikely(READ_ONCE(current->work) || frame->rip >= USER_END))
        leave_slowly(frame);
    account_leave(current);
}

/* The table is long, but nearly every fault is at the same entry: user_copy's. */
static const struct exception_entry *exception_find(uint64_t rip)
{
    static const struct exception_entry *recent = exception_table_start;
    const struct exception_entry *entry = READ_ONCE(recent);
    if (likely(entry->instruction == rip))
        return entry;
    for (entry = exception_table_start; entry < exception_table_end; entry++) {
        if (entry->instruction == rip) {
            WRITE_ONCE(recent, entry);
            return entry;
        }
    }
    return NULL;
}

void trap_from_kernel(struct trap_frame *frame, unsigned vector)
{
    if (vector >= VECTOR_EXTERNAL) {
        interrupt(vector, INTERRUPT_OF_KERNEL);
        return;
    }
    if (vector == VECTOR_PAGE_FAULT) {
        uint64_t address = cr2_read();
        if (cpu_features & BOOT_CPU_SMAP)
            __asm__ volatile("clac" ::: "cc");
        const struct exception_entry *entry = exception_find(frame->rip);
        struct task *task = current;
        if (entry && address < USER_END && task->address_space) {
            struct fault_signal ignored;
            enum fault_access access =
                frame->error_code & FAULT_CODE_WRITE ? FAULT_WRITE : FAULT_READ;
            this_cpu()->glass->faults++;
            int error =
                address_space_fault(task->address_space, address, access, frame->rip, &ignored);
            if (!error)
                return;
            /* Locks may be held: this call fails all the same. Nobody ends for a failure that the
             * host asked for. */
            if (error == -ENOMEM && !READ_ONCE(failing_kinds))
                out_of_memory_kill(false);
            frame->rip = entry->fixup;
            return;
        }
        panic_trap(frame, vector, address);
    }
    if (vector == VECTOR_GENERAL_PROTECTION) {
        /* xrstor of a state that a program made up */
        const struct exception_entry *entry = exception_find(frame->rip);
        if (entry) {
            frame->rip = entry->fixup;
            return;
        }
    }
    panic_trap(frame, vector, 0);
}

void trap_paranoid(struct trap_frame *frame, unsigned vector)
{
    if (vector == VECTOR_NMI)
        panic_trap(frame, vector, 0); /* only the host's operator sends one: show where we are */
    panic_trap(frame, vector, cr2_read());
}
