/*
 * arch/user_registers.h - a stopped task's registers in the forms of Linux's ptrace and core files,
 * for whoever steers it. The task is at rest in the kernel (kernel/process/ptrace.h).
 */
#ifndef ARCH_USER_REGISTERS_H
#define ARCH_USER_REGISTERS_H

#include "kernel/lib/types.h"

struct task;

/* struct user_regs_struct */
struct user_registers {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t original_rax, rip, cs, rflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs;
};

/* struct user: what PTRACE_PEEKUSER and POKEUSER reach; registers first, debug registers last. */
#define USER_AREA_BYTES      912u
#define USER_DEBUG_REGISTERS 848u

void user_registers_get(const struct task *task, struct user_registers *ret);
/* 0, or -EIO: no program may have such segments or bases. Nothing is changed then. */
int user_registers_set(struct task *task, const struct user_registers *registers);
/* A system call that has not been made yet becomes that one; or its result that value. */
void user_registers_changed(struct task *task);

/* Bytes of the vector state: XSAVE's standard format, or FXSAVE's 512. */
size_t user_vector_bytes(void);
/*
 * The vector state of a task that is not on a CPU: `bytes` of it from the beginning, into or from a
 * buffer of user_vector_bytes(). Setting: 0 or -EINVAL, and then nothing is changed.
 */
void user_vector_get(struct task *task, void *buffer);
int user_vector_set(struct task *task, const void *buffer, size_t bytes);

#endif
