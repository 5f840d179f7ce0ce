/* user_registers.c - see arch/user_registers.h. */
#include "arch/user_registers.h"

#include "arch/cpu.h"
#include "arch/layout.h"
#include "fpu.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/sched/task.h"

void user_registers_get(const struct task *task, struct user_registers *ret)
{
    const struct trap_frame *frame = arch_task_frame(&task->arch);
    memcpy(ret, frame, offsetof(struct user_registers, original_rax)); /* the same order */
    ret->original_rax = frame->original_rax;
    ret->rip = frame->rip;
    ret->cs = frame->cs;
    ret->rflags = frame->rflags;
    ret->rsp = frame->rsp;
    ret->ss = frame->ss;
    ret->fs_base = task->arch.fs_base;
    ret->gs_base = task->arch.gs_base;
    ret->ds = ret->es = ret->fs = ret->gs = 0;
}
_Static_assert(offsetof(struct user_registers, original_rax) ==
                   offsetof(struct trap_frame, original_rax),
               "the general registers are copied as they lie");

int user_registers_set(struct task *task, const struct user_registers *registers)
{
    struct trap_frame *frame = arch_task_frame(&task->arch);
    if (registers->cs != SELECTOR_USER_CODE || registers->ss != SELECTOR_USER_DATA ||
        registers->ds || registers->es || registers->fs || registers->gs ||
        registers->fs_base >= USER_END || registers->gs_base >= USER_END)
        return -EIO;
    memcpy(frame, registers, offsetof(struct user_registers, original_rax));
    frame->original_rax = registers->original_rax;
    frame->rip = registers->rip; /* trap.c looks at it before it is loaded */
    frame->rflags = (registers->rflags & RFLAGS_USER) | RFLAGS_INTERRUPT | RFLAGS_FIXED;
    frame->rsp = registers->rsp;
    task->arch.fs_base = registers->fs_base;
    task->arch.gs_base = registers->gs_base;
    user_registers_changed(task);
    return 0;
}

void user_registers_changed(struct task *task)
{
    arch_task_frame(&task->arch)->error_code = FRAME_REPLACED;
}

size_t user_vector_bytes(void)
{
    return fpu_area_bytes();
}

void user_vector_get(struct task *task, void *buffer)
{
    fpu_area_export(task->arch.fpu, buffer);
}

int user_vector_set(struct task *task, const void *buffer, size_t bytes)
{
    int error = fpu_area_import(task->arch.fpu, buffer, bytes);
    if (!error)
        task->arch.fpu_cpu = 0; /* whatever registers still hold is not its state any more */
    return error;
}
