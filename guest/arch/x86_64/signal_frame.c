/*
 * signal_frame.c - what a signal handler finds on its stack, exactly as Linux lays it out for x86-64 (struct
 * rt_sigframe of arch/x86/include/asm/sigframe.h, struct ucontext and sigcontext of the uapi headers): C
 * libraries, unwinders and garbage collectors read and change it.
 *
 * From high to low addresses: the 128 bytes below RSP that leaf functions use (System V ABI, red zone), the
 * floating-point state (64-byte aligned), then the frame, whose first word is the handler's return address.
 *
 * What comes back through rt_sigreturn is hostile: selectors are the user's fixed ones, flags are masked, and
 * an instruction pointer outside the user half is refused.
 */
#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/layout.h"
#include "arch/machine.h"
#include "arch/user_access.h"
#include "kernel/lib/errno.h"
#include "kernel/process/signal.h"

#define RED_ZONE_BYTES 128
#define UC_FP_XSTATE 1u
#define UC_SIGCONTEXT_SS 2u
#define UC_STRICT_RESTORE_SS 4u

#define SS_ONSTACK 1u
#define SS_DISABLE 2u
#define SS_AUTODISARM (1u << 31)
#define MINSIGSTKSZ 2048

struct sigcontext {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
    uint16_t cs, gs, fs, ss;
    uint64_t error_code, trap_number, old_mask, cr2;
    uint64_t fpu_state; /* user address, or 0 */
    uint64_t reserved[8];
};
_Static_assert(sizeof(struct sigcontext) == 256, "sigcontext is part of the ABI");

struct user_stack {
    uint64_t address;
    uint32_t flags;
    uint32_t padding;
    uint64_t bytes;
};

struct signal_frame {
    uint64_t return_address;
    uint64_t context_flags;
    uint64_t context_link;
    struct user_stack stack;
    struct sigcontext registers;
    uint64_t mask;
    struct linux_siginfo info;
};
_Static_assert(sizeof(struct signal_frame) == 440, "rt_sigframe is part of the ABI");

/* The end of siginfo carries nothing and is not written. */
#define FRAME_BYTES_WRITTEN (offsetof(struct signal_frame, info) + SIGINFO_BYTES)

static bool on_alternate_stack(const struct task *task, uint64_t rsp)
{
    if ((uint32_t)task->alternate_stack_flags & SS_AUTODISARM)
        return false;
    return rsp > task->alternate_stack && rsp - task->alternate_stack <= task->alternate_stack_bytes;
}

static uint32_t stack_flags(const struct task *task, uint64_t rsp)
{
    uint32_t flags = (uint32_t)task->alternate_stack_flags & SS_AUTODISARM;
    if (!task->alternate_stack_bytes)
        return flags | SS_DISABLE;
    return on_alternate_stack(task, rsp) ? flags | SS_ONSTACK : flags;
}

static uint64_t trap_number_of(const struct linux_siginfo *info)
{
    if (info->code <= 0)
        return 0;
    switch (info->signo) {
    case SIGSEGV:
        return info->code == SI_KERNEL ? 13 : 14;
    case SIGBUS:
        return info->code == BUS_ADRALN ? 17 : 14;
    case SIGILL:
        return 6;
    case SIGTRAP:
        return info->code == TRAP_BRKPT || info->code == SI_KERNEL ? 3 : 1;
    default:
        return 0;
    }
}

int arch_signal_frame_push(struct task *task, const struct pending_signal *signal,
                           const struct signal_action *action, uint64_t saved_mask)
{
    struct trap_frame *regs = arch_task_frame(&task->arch);
    struct signal_frame frame;
    uint64_t rsp = regs->rsp;
    bool nested = on_alternate_stack(task, rsp);
    bool switching = action->flags & SA_ONSTACK && task->alternate_stack_bytes && !nested;

    if (!(action->flags & SA_RESTORER))
        return -EFAULT; /* x86-64 has no other way back */
    if (switching)
        rsp = task->alternate_stack + task->alternate_stack_bytes;
    else
        rsp -= RED_ZONE_BYTES;
    uint64_t fpu_bytes = fpu_frame_bytes();
    if (rsp < fpu_bytes + sizeof(frame) + 128)
        return -EFAULT;
    uint64_t fpu = align_down(rsp - fpu_bytes, 64ul);
    uint64_t address = align_down(fpu - sizeof(frame), 16ul) - 8;
    /* A handler that overflows its alternate stack must not run on into whatever lies below. */
    if ((switching || nested) && (address < task->alternate_stack || fpu + fpu_bytes > task->alternate_stack +
                                                                                         task->alternate_stack_bytes))
        return -EFAULT;

    if (fpu_save_to_user(fpu))
        return -EFAULT;
    frame.return_address = action->restorer;
    frame.context_flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (cpu_features & BOOT_CPU_XSAVE ? UC_FP_XSTATE : 0);
    frame.context_link = 0;
    frame.stack = (struct user_stack){.address = task->alternate_stack,
                                      .flags = stack_flags(task, regs->rsp),
                                      .bytes = task->alternate_stack_bytes};
    struct sigcontext *saved = &frame.registers;
    saved->r8 = regs->r8;
    saved->r9 = regs->r9;
    saved->r10 = regs->r10;
    saved->r11 = regs->r11;
    saved->r12 = regs->r12;
    saved->r13 = regs->r13;
    saved->r14 = regs->r14;
    saved->r15 = regs->r15;
    saved->rdi = regs->rdi;
    saved->rsi = regs->rsi;
    saved->rbp = regs->rbp;
    saved->rbx = regs->rbx;
    saved->rdx = regs->rdx;
    saved->rax = regs->rax;
    saved->rcx = regs->rcx;
    saved->rsp = regs->rsp;
    saved->rip = regs->rip;
    saved->rflags = regs->rflags;
    saved->cs = (uint16_t)regs->cs;
    saved->gs = saved->fs = 0;
    saved->ss = (uint16_t)regs->ss;
    saved->trap_number = trap_number_of(&signal->info);
    saved->error_code = saved->trap_number ? regs->error_code : 0;
    saved->cr2 = saved->trap_number == 14 ? signal->info.fault.address : 0;
    saved->old_mask = saved_mask;
    saved->fpu_state = fpu;
    for (unsigned i = 0; i < ARRAY_COUNT(saved->reserved); i++)
        saved->reserved[i] = 0;
    frame.mask = saved_mask;
    const uint64_t *from = (const uint64_t *)&signal->info;
    uint64_t *to = (uint64_t *)&frame.info;
    for (unsigned i = 0; i < SIGINFO_BYTES / 8; i++)
        to[i] = from[i];
    if (copy_to_user(address, &frame, FRAME_BYTES_WRITTEN))
        return -EFAULT;

    if ((uint32_t)task->alternate_stack_flags & SS_AUTODISARM) {
        task->alternate_stack = task->alternate_stack_bytes = 0;
        task->alternate_stack_flags = SS_DISABLE;
    }
    regs->rdi = (uint64_t)signal->info.signo;
    regs->rsi = address + offsetof(struct signal_frame, info);
    regs->rdx = address + offsetof(struct signal_frame, context_flags);
    regs->rax = 0;
    regs->rip = action->handler;
    regs->rsp = address;
    regs->cs = SELECTOR_USER_CODE;
    regs->ss = SELECTOR_USER_DATA;
    regs->error_code = FRAME_REPLACED;
    regs->rflags &= ~(RFLAGS_DIRECTION | RFLAGS_RESUME | RFLAGS_TRAP);
    /* The handler's address is whatever the program said: outside the user half it faults there, not in iret. */
    if (regs->rip >= USER_END)
        return -EFAULT;
    return 0;
}

static void restore_alternate_stack(struct task *task, const struct user_stack *stack, uint64_t rsp)
{
    uint32_t mode = stack->flags & ~SS_AUTODISARM;
    if (on_alternate_stack(task, rsp) || (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0))
        return;
    if (mode == SS_DISABLE) {
        task->alternate_stack = task->alternate_stack_bytes = 0;
    } else if (stack->bytes >= MINSIGSTKSZ) {
        task->alternate_stack = stack->address;
        task->alternate_stack_bytes = stack->bytes;
    } else {
        return;
    }
    task->alternate_stack_flags = (int32_t)stack->flags;
}

int arch_signal_frame_pop(struct task *task, uint64_t *ret_mask)
{
    struct trap_frame *regs = arch_task_frame(&task->arch);
    struct signal_frame frame;
    /* The restorer was reached by `ret`: the return address is gone from the stack. */
    uint64_t address = regs->rsp - 8;
    if (copy_from_user(&frame, address, offsetof(struct signal_frame, info)))
        return -EFAULT;
    const struct sigcontext *saved = &frame.registers;
    if (saved->rip >= USER_END)
        return -EFAULT;
    regs->error_code = FRAME_REPLACED;
    regs->r8 = saved->r8;
    regs->r9 = saved->r9;
    regs->r10 = saved->r10;
    regs->r11 = saved->r11;
    regs->r12 = saved->r12;
    regs->r13 = saved->r13;
    regs->r14 = saved->r14;
    regs->r15 = saved->r15;
    regs->rdi = saved->rdi;
    regs->rsi = saved->rsi;
    regs->rbp = saved->rbp;
    regs->rbx = saved->rbx;
    regs->rdx = saved->rdx;
    regs->rax = saved->rax;
    regs->rcx = saved->rcx;
    regs->rsp = saved->rsp;
    regs->rip = saved->rip;
    regs->rflags = (saved->rflags & RFLAGS_USER) | RFLAGS_INTERRUPT | RFLAGS_FIXED;
    regs->cs = SELECTOR_USER_CODE;
    regs->ss = SELECTOR_USER_DATA;
    if (fpu_restore_from_user(saved->fpu_state))
        return -EFAULT;
    restore_alternate_stack(task, &frame.stack, regs->rsp);
    *ret_mask = frame.mask;
    return 0;
}
