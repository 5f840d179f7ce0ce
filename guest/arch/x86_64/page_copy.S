/*
 * page_copy.S - clearing and copying whole, aligned pages: 16 or 32 bytes a step instead of the 8 of a string
 * instruction (whose steps are instructions too, wherever they are interpreted or counted). Register 0 belongs to the
 * current program, or to whoever's state the registers hold, and is given back; the kernel is not preempted, so nobody
 * sees it changed.
 */
#include "arch/asm_offsets.h"

#define CLEAR_BYTES       512 /* a step of the loop: what an emulator makes of it fits the caches */
#define CR0_TASK_SWITCHED 8
#define BOOT_CPU_AVX_BIT 2 /* enum boot_cpu_features; checked in offsets.c */

    .section .rodata
    .balign 32
zero_block:
    .quad 0, 0, 0, 0

/* Where CR0.TS forbids the registers (fpu.h) it is lifted meanwhile; after many times the current task takes them. */
    .macro WITH_REGISTERS
    cmpb $0, %gs:CPU_FPU_TRAPPED
    je 5f
    decb %gs:CPU_FPU_LOANS
    js 4f
    clts
    call 5f
    mov %cr0, %rax
    or $CR0_TASK_SWITCHED, %rax
    mov %rax, %cr0
    ret
4:  push %rdi
    push %rsi
    call fpu_end_loans
    pop %rsi
    pop %rdi
5:
    .endm

    .text
/* void page_clear(void *page) */
    .globl page_clear
    .balign 16
page_clear:
    WITH_REGISTERS
    testl $BOOT_CPU_AVX_BIT, cpu_features(%rip)
    jnz page_clear_avx
    sub $24, %rsp
    movups %xmm0, (%rsp)
    movaps zero_block(%rip), %xmm0
    lea 4096(%rdi), %rax
1:  offset = 0
    .rept CLEAR_BYTES / 16
    movaps %xmm0, offset(%rdi)
    offset = offset + 16
    .endr
    add $CLEAR_BYTES, %rdi
    cmp %rax, %rdi
    jne 1b
    movups (%rsp), %xmm0
    add $24, %rsp
    ret

/* void page_copy(void *destination, const void *source) */
    .globl page_copy
    .balign 16
page_copy:
    WITH_REGISTERS
    testl $BOOT_CPU_AVX_BIT, cpu_features(%rip)
    jnz page_copy_avx
    sub $24, %rsp
    movups %xmm0, (%rsp)
    offset = 0
    .rept 256
    movaps offset(%rsi), %xmm0
    movaps %xmm0, offset(%rdi)
    offset = offset + 16
    .endr
    movups (%rsp), %xmm0
    add $24, %rsp
    ret

/* The same with 32 bytes a step. Saving and loading all of YMM0 leaves its upper half as it was. */
page_clear_avx:
    sub $40, %rsp
    vmovups %ymm0, (%rsp)
    vmovaps zero_block(%rip), %ymm0
    lea 4096(%rdi), %rax
1:  offset = 0
    .rept CLEAR_BYTES / 32
    vmovaps %ymm0, offset(%rdi)
    offset = offset + 32
    .endr
    add $CLEAR_BYTES, %rdi
    cmp %rax, %rdi
    jne 1b
    vmovups (%rsp), %ymm0
    add $40, %rsp
    ret

page_copy_avx:
    sub $40, %rsp
    vmovups %ymm0, (%rsp)
    offset = 0
    .rept 128
    vmovaps offset(%rsi), %ymm0
    vmovaps %ymm0, offset(%rdi)
    offset = offset + 32
    .endr
    vmovups (%rsp), %ymm0
    add $40, %rsp
    ret
    .section .note.GNU-stack, "", @progbits
