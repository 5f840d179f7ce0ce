/*
 * signal_frame.c - what a signal handler finds on its stack, exactly as Linux lays it out for
 * x86-64 (struct rt_sigframe of arch/x86/include/asm/sigframe.h, struct ucontext and sigcontext of
 * the uapi headers): C libraries, unwinders and garbage collectors read and change it.
 *
 * From high to low addresses: the 128 bytes below RSP that leaf functions use (System V ABI, red
 * zone), the floating-point state (64-byte aligned), then the frame, whose first word is the
 * handler's return address.
 *
 * What comes back through rt_sigreturn is hostile: selectors are the user's fixed ones, flags are
 * masked, and an instruction pointer outside the user half ends in SIGSEGV.
 *
 * Frames are written and read in place, word by word, in one access window (arch/user_access.h): a
 * signal costs no copy of its frame. Other threads may change or unmap the frame meanwhile; every
 * word is read once only.
 */
#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/layout.h"
#include "arch/machine.h"
#include "arch/user_access.h"
#include "fpu.h"
#include "kernel/lib/errno.h"
#include "kernel/process/signal.h"

#define RED_ZONE_BYTES       128
#define UC_SIGCONTEXT_SS     2u
#define UC_STRICT_RESTORE_SS 4u

#define SS_ONSTACK    1u
#define SS_DISABLE    2u
#define SS_AUTODISARM (1u << 31)
#define MINSIGSTKSZ   2048

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

#define FRAME_BYTES_READ offsetof(struct signal_frame, info)

static bool on_alternate_stack(const struct task *task, uint64_t rsp)
{
    if ((uint32_t)task->alternate_stack_flags & SS_AUTODISARM)
        return false;
    return rsp > task->alternate_stack &&
           rsp - task->alternate_stack <= task->alternate_stack_bytes;
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

#define FRAME_PUT(field, value)    user_put_u64_or(fault, &frame->field, value)
#define FRAME_GET(variable, field) user_get_u64_or(fault, variable, &frame->field)

/* As Linux's copy_siginfo_to_user(): the end, which carries nothing, is zero. */
static int write_info_in_window(struct signal_frame *frame, const struct linux_siginfo *info)
{
    const uint64_t *words = (const uint64_t *)info;
    uint64_t *to = (uint64_t *)&frame->info;
#pragma GCC unroll 16
    for (unsigned i = 0; i < sizeof(*info) / 8; i++)
        user_put_u64_or(fault, to + i, i < SIGINFO_BYTES / 8 ? words[i] : 0);
    return 0;
fault:
    return -EFAULT;
}

/* If the signal stands for a fault of the program's own: which. */
static __attribute__((noinline)) int write_trap_in_window(struct signal_frame *frame,
                                                          const struct linux_siginfo *info,
                                                          uint64_t error_code)
{
    uint64_t number = trap_number_of(info);
    if (!number)
        return 0;
    FRAME_PUT(registers.error_code, error_code);
    FRAME_PUT(registers.trap_number, number);
    FRAME_PUT(registers.cr2, number == 14 ? info->fault.address : 0);
    return 0;
fault:
    return -EFAULT;
}

/*
 * The floating-point state is at a multiple of 64 and the frame below it at one of 16 less 8
 * (System V ABI: as if the handler had been called), so the distance is always the same.
 */
#define FRAME_TO_FPU (align_up(sizeof(struct signal_frame), 16ul) + 8)

/* Where the floating-point state goes on the alternate stack, if that is wanted or in use; 0 = no
 * room. */
static __attribute__((noinline)) uint64_t place_alternate(const struct task *task, uint64_t rsp,
                                                          bool wanted)
{
    bool nested = on_alternate_stack(task, rsp);
    uint64_t end = task->alternate_stack + task->alternate_stack_bytes;
    uint64_t top = wanted && !nested ? end : rsp - RED_ZONE_BYTES;
    uint64_t fpu = align_down(top - fpu_frame_format.bytes, 64ul);
    /* A handler that overflows its alternate stack must not run on into whatever lies below. */
    if ((wanted || nested) && (fpu - FRAME_TO_FPU < task->alternate_stack || top > end))
        return 0;
    return fpu;
}

int arch_signal_frame_push(struct task *task, const struct linux_siginfo *info,
                           const struct signal_action *action, uint64_t saved_mask)
{
    struct trap_frame *regs = arch_task_frame(&task->arch);
    uint64_t fpu = align_down(regs->rsp - RED_ZONE_BYTES - fpu_frame_format.bytes, 64ul);

    if (unlikely(!(action->flags & SA_RESTORER)))
        return -EFAULT; /* x86-64 has no other way back */
    if (unlikely(task->alternate_stack_bytes))
        fpu = place_alternate(task, regs->rsp, action->flags & SA_ONSTACK);
    /* Neither below address 0 nor beyond the user half, wherever RSP pointed. */
    if (unlikely(fpu < PAGE_SIZE || fpu > fpu_frame_format.highest))
        return -EFAULT;
    struct signal_frame *frame = (struct signal_frame *)(fpu - FRAME_TO_FPU);

    user_access_open();
    if (unlikely(fpu_save_in_window(fpu)))
        goto fault;
    FRAME_PUT(return_address, action->restorer);
    FRAME_PUT(context_flags,
              UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | fpu_frame_format.context_flag);
    FRAME_PUT(context_link, 0);
    FRAME_PUT(stack.address, task->alternate_stack);
    FRAME_PUT(stack.flags, (uint32_t)task->alternate_stack_flags); /* and the padding */
    FRAME_PUT(stack.bytes, task->alternate_stack_bytes);
    FRAME_PUT(registers.r8, regs->r8);
    FRAME_PUT(registers.r9, regs->r9);
    FRAME_PUT(registers.r10, regs->r10);
    FRAME_PUT(registers.r11, regs->r11);
    FRAME_PUT(registers.r12, regs->r12);
    FRAME_PUT(registers.r13, regs->r13);
    FRAME_PUT(registers.r14, regs->r14);
    FRAME_PUT(registers.r15, regs->r15);
    FRAME_PUT(registers.rdi, regs->rdi);
    FRAME_PUT(registers.rsi, regs->rsi);
    FRAME_PUT(registers.rbp, regs->rbp);
    FRAME_PUT(registers.rbx, regs->rbx);
    FRAME_PUT(registers.rdx, regs->rdx);
    FRAME_PUT(registers.rax, regs->rax);
    FRAME_PUT(registers.rcx, regs->rcx);
    FRAME_PUT(registers.rsp, regs->rsp);
    FRAME_PUT(registers.rip, regs->rip);
    FRAME_PUT(registers.rflags, regs->rflags);
    /* cs, gs, fs and ss in one word */
    FRAME_PUT(registers.cs, SELECTOR_USER_CODE | (uint64_t)SELECTOR_USER_DATA << 48);
    FRAME_PUT(registers.error_code, 0);
    FRAME_PUT(registers.trap_number, 0);
    FRAME_PUT(registers.old_mask, saved_mask);
    FRAME_PUT(registers.cr2, 0);
    FRAME_PUT(registers.fpu_state, fpu);
    FRAME_PUT(mask, saved_mask);
    if (action->flags & SA_SIGINFO && unlikely(write_info_in_window(frame, info)))
        goto fault;
    if (unlikely(info->code > 0) && write_trap_in_window(frame, info, regs->error_code))
        goto fault;
    user_access_close();

    if (unlikely((uint32_t)task->alternate_stack_flags & SS_AUTODISARM)) {
        task->alternate_stack = task->alternate_stack_bytes = 0;
        task->alternate_stack_flags = SS_DISABLE;
    }
    regs->rdi = (uint64_t)info->signo;
    regs->rsi = (uint64_t)&frame->info;
    regs->rdx = (uint64_t)&frame->context_flags;
    regs->rax = 0;
    regs->rip = action->handler;
    regs->rsp = (uint64_t)frame;
    regs->error_code =
        FRAME_REPLACED; /* cs and ss are the user's already: there are no others to load */
    regs->rflags &= ~(RFLAGS_DIRECTION | RFLAGS_RESUME | RFLAGS_TRAP);
    /* The handler's address is whatever the program said: outside the user half it faults there,
     * not in iret. */
    return unlikely(action->handler >= USER_END) ? -EFAULT : 0;
fault:
    user_access_close();
    return -EFAULT;
}

/* sigaltstack() with what the frame says, but for its errors, which have nobody to go to. */
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
    /* The restorer was reached by `ret`: the return address is gone from the stack. */
    uint64_t address = regs->rsp - 8;
    const struct signal_frame *frame = (const struct signal_frame *)address;
    uint64_t mask, rflags, fpu, word, stack_address, stack_bytes;
    uint32_t stack_flags;

    if (unlikely(address > USER_END - FRAME_BYTES_READ))
        return -EFAULT;
    user_access_open();
    /* Both ends first: a frame that is not all there then leaves the registers as they are, as on
     * Linux. */
    FRAME_GET(mask, mask);
    FRAME_GET(stack_address, stack.address);
    user_get_u32_or(fault, stack_flags, &frame->stack.flags);
    FRAME_GET(stack_bytes, stack.bytes);
    *ret_mask = mask;
#define RESTORE(name)                                                                              \
    FRAME_GET(word, registers.name);                                                               \
    regs->name = word
    RESTORE(r8);
    RESTORE(r9);
    RESTORE(r10);
    RESTORE(r11);
    RESTORE(r12);
    RESTORE(r13);
    RESTORE(r14);
    RESTORE(r15);
    RESTORE(rdi);
    RESTORE(rsi);
    RESTORE(rbp);
    RESTORE(rbx);
    RESTORE(rdx);
    RESTORE(rax);
    RESTORE(rcx);
    RESTORE(rsp);
    RESTORE(rip); /* trap.c looks at it before it is loaded */
#undef RESTORE
    FRAME_GET(rflags, registers.rflags);
    FRAME_GET(fpu, registers.fpu_state);
    regs->rflags = (rflags & RFLAGS_USER) | RFLAGS_INTERRUPT | RFLAGS_FIXED;
    regs->error_code = FRAME_REPLACED;
    int error = fpu_restore_in_window(fpu);
    user_access_close();
    if (unlikely(error))
        return error;
    /* Mostly it is still what it was when the handler began. */
    if (unlikely(stack_address != task->alternate_stack ||
                 stack_bytes != task->alternate_stack_bytes ||
                 stack_flags != (uint32_t)task->alternate_stack_flags)) {
        const struct user_stack stack = {
            .address = stack_address, .flags = stack_flags, .bytes = stack_bytes};
        restore_alternate_stack(task, &stack, regs->rsp);
    }
    return 0;
fault:
    user_access_close();
    return -EFAULT;
}
