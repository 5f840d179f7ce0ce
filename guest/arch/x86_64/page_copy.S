/*
 * page_copy.S - clearing and copying whole, aligned pages: 16 or 32 bytes a step instead of the 8 of a string
 * instruction (whose steps are instructions too, wherever they are interpreted or counted). Register 0 belongs to the
 * current program and is given back; the kernel is not preempted, so nobody sees it changed.
 */
#define BOOT_CPU_AVX_BIT 2 /* enum boot_cpu_features; checked in offsets.c */

    .section .rodata
    .balign 32
zero_block:
    .quad 0, 0, 0, 0

    .text
/* void page_clear(void *page) */
    .globl page_clear
    .balign 16
page_clear:
    testl $BOOT_CPU_AVX_BIT, cpu_features(%rip)
    jnz page_clear_avx
    sub $24, %rsp
    movups %xmm0, (%rsp)
    movaps zero_block(%rip), %xmm0
    offset = 0
    .rept 256
    movaps %xmm0, offset(%rdi)
    offset = offset + 16
    .endr
    movups (%rsp), %xmm0
    add $24, %rsp
    ret

/* void page_copy(void *destination, const void *source) */
    .globl page_copy
    .balign 16
page_copy:
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
    offset = 0
    .rept 128
    vmovaps %ymm0, offset(%rdi)
    offset = offset + 32
    .endr
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
