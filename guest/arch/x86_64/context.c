/* context.c - the machine's part of a task: kernel stack, first register frame, thread pointers. */
#include "arch/context.h"

#include "arch/cpu.h"
#include "arch/layout.h"
#include "arch/machine.h"
#include "arch/registers.h"
#include "arch/switch.h"
#include "arch/user_access.h"
#include "fault_stacks.h"
#include "fpu.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/observe/mutant.h"
#include "kernel/sched/task.h"

#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define ARCH_GET_GS 0x1004

extern char task_entry_kernel[], task_entry_user[];

/* What stack_switch() pops, innermost first. */
struct switch_frame {
    uint64_t r15, r14, r13, r12, rbx, rbp, return_address;
};

int arch_task_init(struct task *task, bool user)
{
    task->arch.stack_top = kernel_stack_allocate();
    if (!task->arch.stack_top)
        return -ENOMEM;
    if (user) {
        task->arch.fpu = fpu_area_allocate();
        if (!task->arch.fpu) {
            kernel_stack_free(task->arch.stack_top);
            return -ENOMEM;
        }
    }
    return 0;
}

void arch_task_deinit(struct task *task)
{
    fpu_area_free(task->arch.fpu);
    task->arch.fpu = NULL;
    if (task->arch.stack_top)
        kernel_stack_free(task->arch.stack_top);
    task->arch.stack_top = 0;
}

void arch_task_end(void)
{
    this_cpu()->fpu_owner = NULL;
}

static void prepare_switch_frame(struct task *task, uint64_t below, const char *entry, uint64_t r12,
                                 uint64_t r13)
{
    struct switch_frame *frame = (struct switch_frame *)(below - sizeof(*frame));
    *frame = (struct switch_frame){.r12 = r12, .r13 = r13, .return_address = (uint64_t)entry};
    task->arch.kernel_rsp = (uint64_t)frame;
}

void arch_task_start_kernel(struct task *task, void (*function)(void *), void *argument)
{
    /* The entry code calls on: RSP must be 16-byte aligned there, which is where the switch frame
     * ends. */
    /* A user task may get a program later (exec): the place of its trap frame is kept free. */
    uint64_t below = task->arch.fpu ? (uint64_t)arch_task_frame(&task->arch) : task->arch.stack_top;
    prepare_switch_frame(task, below, task_entry_kernel, (uint64_t)function, (uint64_t)argument);
}

void arch_task_start_at_user_return(struct task *task)
{
    prepare_switch_frame(task, (uint64_t)arch_task_frame(&task->arch), task_entry_user, 0, 0);
}

static void read_user_bases(struct task *task)
{
    if (cpu_features & BOOT_CPU_FSGSBASE) {
        uint64_t fs, gs;
        __asm__ volatile("rdfsbase %0" : "=r"(fs));
        __asm__ volatile("swapgs; rdgsbase %0; swapgs" : "=r"(gs));
        task->arch.fs_base = fs;
        task->arch.gs_base = gs;
    }
}

void arch_task_copy_user(struct task *child, const struct task *parent)
{
    struct task *self =
        (struct task *)parent; /* the current task: its registers are brought up to date */
    read_user_bases(self);
    struct trap_frame *frame = arch_task_frame(&child->arch);
    *frame = *arch_task_frame(&parent->arch);
    frame->rax = 0;
    frame->original_rax = UINT64_MAX; /* nothing to restart */
    child->arch.fs_base = parent->arch.fs_base;
    child->arch.gs_base = parent->arch.gs_base;
    fpu_copy_current(child);
    arch_task_start_at_user_return(child);
}

int arch_user_state_save(struct arch_user_state *state)
{
    read_user_bases(current);
    state->frame = arch_task_frame(&current->arch);
    state->fs_base = current->arch.fs_base;
    state->gs_base = current->arch.gs_base;
    state->fpu = fpu_area_allocate();
    if (!state->fpu)
        return -ENOMEM;
    fpu_save_current(state->fpu);
    return 0;
}

void arch_user_state_drop(struct arch_user_state *state)
{
    fpu_area_free(state->fpu);
    state->fpu = NULL;
}

void arch_task_copy_state(struct task *child, const struct arch_user_state *state, int64_t result)
{
    struct trap_frame *frame = arch_task_frame(&child->arch);
    *frame = *state->frame;
    frame->rax = (uint64_t)result;
    frame->original_rax = UINT64_MAX; /* nothing to restart */
    child->arch.fs_base = state->fs_base;
    child->arch.gs_base = state->gs_base;
    fpu_area_copy(child->arch.fpu, state->fpu);
    child->arch.fpu_cpu = 0;
    arch_task_start_at_user_return(child);
}

static void write_fs_base(uint64_t base)
{
    if (cpu_features & BOOT_CPU_FSGSBASE)
        __asm__ volatile("wrfsbase %0" : : "r"(base));
    else
        msr_write(MSR_FS_BASE, base);
}

static void write_user_gs_base(uint64_t base)
{
    if (cpu_features & BOOT_CPU_FSGSBASE)
        __asm__ volatile("swapgs; wrgsbase %0; swapgs" : : "r"(base));
    else
        msr_write(MSR_KERNEL_GS_BASE, base);
}

void arch_task_start_user(struct task *task, uint64_t rip, uint64_t rsp)
{
    struct trap_frame *frame = arch_task_frame(&task->arch);
    memset(frame, 0, sizeof(*frame));
    frame->original_rax = UINT64_MAX;
    frame->error_code = FRAME_REPLACED;
    frame->rip = rip;
    frame->rsp = rsp;
    frame->cs = SELECTOR_USER_CODE;
    frame->ss = SELECTOR_USER_DATA;
    frame->rflags = RFLAGS_INTERRUPT | RFLAGS_FIXED;
    task->arch.fs_base = task->arch.gs_base = 0;
    if (task == current) {
        write_fs_base(0);
        write_user_gs_base(0);
        /* Selectors are the program's own to change; the next one starts with none. */
        __asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(0));
        fpu_reset_current();
    }
}

/* Called with interrupts off, between the accounting and the stack switch of schedule(). */
void arch_switch_prepare(struct cpu *cpu, struct task *prev, struct task *next)
{
    fpu_switch(cpu, prev, next);
    if (prev->arch.fpu)
        read_user_bases(prev);
    if (next->arch.fpu) {
        /* The base is only as saved if nobody else's was loaded since; comparing costs as much as
         * writing. */
        if (!MUTANT_EVERY(TLS_NOT_SWITCHED, 50))
            write_fs_base(next->arch.fs_base);
        if (next->arch.gs_base || !prev->arch.fpu || prev->arch.gs_base)
            write_user_gs_base(next->arch.gs_base);
    }
    cpu_set_kernel_stack(cpu, next->arch.stack_top);
    if (MUTANT_EVERY(RFLAGS_WRONG, 50) && next->arch.fpu)
        arch_task_frame(&next->arch)->rflags ^= RFLAGS_CARRY;
    if (MUTANT_EVERY(INTERRUPTS_OFF, 50) && prev->arch.fpu)
        arch_task_frame(&prev->arch)->rflags &= ~RFLAGS_INTERRUPT;
}

int64_t arch_prctl(struct task *task, int code, uint64_t address)
{
    switch (code) {
    case ARCH_SET_FS:
        if (address >= USER_END)
            return -EPERM;
        arch_set_thread_pointer(task, address);
        return 0;
    case ARCH_SET_GS:
        if (address >= USER_END)
            return -EPERM;
        task->arch.gs_base = address;
        if (task == current)
            write_user_gs_base(address);
        return 0;
    case ARCH_GET_FS:
    case ARCH_GET_GS:
        if (task == current)
            read_user_bases(task);
        return copy_to_user(address,
                            code == ARCH_GET_FS ? &task->arch.fs_base : &task->arch.gs_base,
                            sizeof(uint64_t));
    default:
        return -EINVAL;
    }
}

void arch_set_thread_pointer(struct task *task, uint64_t fs_base)
{
    task->arch.fs_base = fs_base;
    if (task == current)
        write_fs_base(fs_base);
}

void arch_restart_system_call(struct trap_frame *frame, uint64_t number)
{
    frame->error_code = FRAME_REPLACED;
    frame->rax = number;
    frame->rip -= 2; /* `syscall` is two bytes long */
}
