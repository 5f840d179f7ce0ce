/*
 * kernel/observe/panic_report.c - the last words, into the glass; and the end of a machine that
 * went well.
 *
 * Nothing here takes a lock or allocates: the report must come out whatever is broken. The first
 * CPU to panic reports; a panic inside the report, or on another CPU meanwhile, only halts.
 */
#include "kernel/observe/panic_report.h"

#include "arch/cpu.h"
#include "arch/doorbell.h"
#include "arch/layout.h"
#include "arch/machine.h"
#include "arch/registers.h"
#include "kernel/lib/panic.h"
#include "kernel/lib/print.h"
#include "kernel/mm/frame.h"
#include "kernel/observe/done.h"
#include "kernel/observe/glass.h"
#include "kernel/observe/stop.h"
#include "kernel/sched/task.h"

#define NO_VECTOR 0xffffu

static uint32_t reporting;
/* The compiler's stack check (-fstack-protector-strong); random from boot on. */
READ_MOSTLY uint64_t __stack_chk_guard = 0x595e9fbd94fda766;
_Noreturn void __stack_chk_fail(void);

static const char *const exception_names[32] = {
    [0] = "divide error",
    [1] = "debug",
    [2] = "NMI",
    [3] = "breakpoint",
    [4] = "overflow",
    [5] = "bound",
    [6] = "invalid opcode",
    [7] = "no FPU",
    [8] = "double fault",
    [10] = "invalid TSS",
    [11] = "segment not present",
    [12] = "stack fault",
    [13] = "general protection",
    [14] = "page fault",
    [16] = "x87 error",
    [17] = "alignment",
    [18] = "machine check",
    [19] = "SIMD error",
};

/* Addresses that a frame pointer may have: a kernel stack, or the boot stack inside the image. */
static bool stack_address(uint64_t address)
{
    if (address & 7)
        return false;
    return (address >= KERNEL_STACKS && address < KERNEL_STACKS_END) ||
           (address >= (uint64_t)image_start && address < (uint64_t)image_end);
}

/* Follows frame pointers within one stack only: a wild one must not fault again. */
static void backtrace(struct glass_panic *report, uint64_t rip, uint64_t rbp)
{
    uint64_t low = rbp, high = align_up(rbp + 1, 8 * PAGE_SIZE);
    report->frames[report->frame_count++] = rip;
    while (report->frame_count < GLASS_PANIC_FRAMES && stack_address(rbp) && rbp >= low &&
           rbp + 16 <= high) {
        const uint64_t *frame = (const uint64_t *)rbp;
        if (!frame[1])
            break;
        report->frames[report->frame_count++] = frame[1];
        low = rbp + 16;
        rbp = frame[0];
    }
}

static _Noreturn void report_and_halt(struct glass_panic *report)
{
    const struct cpu *cpu = this_cpu();
    report->cpu = cpu->index;
    report->tid = cpu->task ? cpu->task->tid : 0;
    report->registers[20] = cr0_read();
    report->registers[21] = cr2_read();
    report->registers[22] = cr3_read();
    report->registers[23] = cr4_read();
    store_release(&glass.state, GLASS_PANICKED);
    doorbell(HYPERCALL_PANIC);
    cpus_halt_others();
    cpu_halt_forever();
}

static struct glass_panic *report_begin(void)
{
    if (__atomic_exchange_n(&reporting, 1, __ATOMIC_ACQ_REL))
        cpu_halt_forever();
    return &glass.panic;
}

_Noreturn void panic(const char *format, ...)
{
    struct glass_panic *report = report_begin();
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->message, sizeof(report->message), format, arguments);
    va_end(arguments);
    report->vector = NO_VECTOR;
    uint64_t rbp = (uint64_t)__builtin_frame_address(0), rsp;
    __asm__("mov %%rsp, %0" : "=r"(rsp));
    report->registers[6] = rbp;
    report->registers[7] = rsp;
    report->registers[16] = (uint64_t)__builtin_return_address(0);
    backtrace(report, (uint64_t)__builtin_return_address(0), *(uint64_t *)rbp);
    report_and_halt(report);
}

_Noreturn void panic_trap(const struct trap_frame *frame, unsigned vector, uint64_t address)
{
    struct glass_panic *report = report_begin();
    const char *name =
        vector < 32 && exception_names[vector] ? exception_names[vector] : "unexpected interrupt";
    if (vector == 14)
        snprintf(report->message, sizeof(report->message), "page fault in the kernel: %s of %#lx",
                 frame->error_code & 16  ? "execution"
                 : frame->error_code & 2 ? "write"
                                         : "read",
                 address);
    else
        snprintf(report->message, sizeof(report->message), "%s in the kernel", name);
    report->vector = vector;
    report->error_code = frame->error_code;
    const uint64_t registers[20] = {frame->rax, frame->rbx, frame->rcx,    frame->rdx, frame->rsi,
                                    frame->rdi, frame->rbp, frame->rsp,    frame->r8,  frame->r9,
                                    frame->r10, frame->r11, frame->r12,    frame->r13, frame->r14,
                                    frame->r15, frame->rip, frame->rflags, frame->cs,  frame->ss};
    for (unsigned i = 0; i < ARRAY_COUNT(registers); i++)
        report->registers[i] = registers[i];
    backtrace(report, frame->rip, frame->rbp);
    report_and_halt(report);
}

_Noreturn void __stack_chk_fail(void)
{
    panic("a kernel stack frame was overwritten");
}

_Noreturn void machine_done(uint32_t wait_status)
{
    stop_others_at_end(); /* who panics meanwhile is heard */
    if (__atomic_exchange_n(&reporting, 1, __ATOMIC_ACQ_REL))
        cpu_halt_forever();
    glass.exit_status = wait_status;
    glass.frames_free = frames_free_count();
    store_release(&glass.state, GLASS_DONE);
    doorbell(HYPERCALL_DONE);
    cpus_halt_others();
    cpu_halt_forever();
}
