/*
 * kernel/syscall/syscall.h - defining system calls. A handler is written with its real parameters:
 *
 *     SYSCALL3(lseek, int, fd, int64_t, offset, int, whence) { ... return position; }
 *
 * which makes `int64_t sys_lseek(struct trap_frame *)`, the form that the table (table.c) holds.
 * The arguments are whatever the program put into the registers: nothing has been checked. Every
 * handler is listed once in syscall/table.def.
 */
#ifndef KERNEL_SYSCALL_SYSCALL_H
#define KERNEL_SYSCALL_SYSCALL_H

#include "arch/cpu.h"
#include "arch/trap_frame.h"
#include "arch/user_access.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/types.h"

typedef int64_t syscall_handler(struct trap_frame *frame);

#define SYSCALL0(name)                                                                             \
    static int64_t do_##name(void);                                                                \
    int64_t sys_##name(struct trap_frame *frame);                                                  \
    int64_t sys_##name(struct trap_frame *frame)                                                   \
    {                                                                                              \
        (void)frame;                                                                               \
        return do_##name();                                                                        \
    }                                                                                              \
    static int64_t do_##name(void)
#define SYSCALL_N(name, parameters, arguments)                                                     \
    static inline int64_t do_##name parameters;                                                    \
    int64_t sys_##name(struct trap_frame *frame);                                                  \
    int64_t sys_##name(struct trap_frame *frame)                                                   \
    {                                                                                              \
        return do_##name arguments;                                                                \
    }                                                                                              \
    static inline int64_t do_##name parameters
#define SYSCALL1(name, t1, a1) SYSCALL_N(name, (t1 a1), ((t1)frame->rdi))
#define SYSCALL2(name, t1, a1, t2, a2)                                                             \
    SYSCALL_N(name, (t1 a1, t2 a2), ((t1)frame->rdi, (t2)frame->rsi))
#define SYSCALL3(name, t1, a1, t2, a2, t3, a3)                                                     \
    SYSCALL_N(name, (t1 a1, t2 a2, t3 a3), ((t1)frame->rdi, (t2)frame->rsi, (t3)frame->rdx))
#define SYSCALL4(name, t1, a1, t2, a2, t3, a3, t4, a4)                                             \
    SYSCALL_N(name, (t1 a1, t2 a2, t3 a3, t4 a4),                                                  \
              ((t1)frame->rdi, (t2)frame->rsi, (t3)frame->rdx, (t4)frame->r10))
#define SYSCALL5(name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5)                                     \
    SYSCALL_N(name, (t1 a1, t2 a2, t3 a3, t4 a4, t5 a5),                                           \
              ((t1)frame->rdi, (t2)frame->rsi, (t3)frame->rdx, (t4)frame->r10, (t5)frame->r8))
#define SYSCALL6(name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, t6, a6)                             \
    SYSCALL_N(name, (t1 a1, t2 a2, t3 a3, t4 a4, t5 a5, t6 a6),                                    \
              ((t1)frame->rdi, (t2)frame->rsi, (t3)frame->rdx, (t4)frame->r10, (t5)frame->r8,      \
               (t6)frame->r9))
/* For calls that need all registers (clone, rt_sigreturn ...). */
#define SYSCALL_FRAME(name)                                                                        \
    int64_t sys_##name(struct trap_frame *frame);                                                  \
    int64_t sys_##name(struct trap_frame *frame)

#endif
