/*
 * arch/trap_frame.h - the user's registers as every entry into the kernel leaves them on top of the
 * task's kernel stack. The layout is shared with entry.S.
 */
#ifndef ARCH_TRAP_FRAME_H
#define ARCH_TRAP_FRAME_H

#include "kernel/lib/types.h"

struct trap_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t original_rax; /* system-call number, or -1 when the entry was no system call */
    uint64_t error_code;   /* of an exception; in a system call FRAME_REPLACED or 0 */
    uint64_t rip, cs, rflags, rsp, ss;
};

/* Somebody wrote other registers than the result into the frame: all of them must be loaded on
 * return. */
#define FRAME_REPLACED 1

#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_DATA   0x2b /* order fixed by sysret: data, then code */
#define SELECTOR_USER_CODE   0x33

#define RFLAGS_CARRY     (1ull << 0)
#define RFLAGS_FIXED     (1ull << 1)
#define RFLAGS_TRAP      (1ull << 8)
#define RFLAGS_INTERRUPT (1ull << 9)
#define RFLAGS_DIRECTION (1ull << 10)
#define RFLAGS_RESUME    (1ull << 16)
#define RFLAGS_ALIGNMENT (1ull << 18)
/* The flags that a user program may choose for itself: CF PF AF ZF SF TF DF OF RF AC ID. */
#define RFLAGS_USER 0x250dd5ull

static inline bool trap_frame_from_user(const struct trap_frame *frame)
{
    return (frame->cs & 3) == 3;
}

#endif
