/*
 * page_copy.S - clearing and copying whole, aligned pages: 16 bytes a step instead of the 8 of a string
 * instruction (whose steps are instructions too, wherever they are interpreted or counted). XMM0 belongs to the
 * current program and is given back; the kernel is not preempted, so nobody sees it changed.
 */
    .section .rodata
    .balign 16
zero_block:
    .quad 0, 0

    .text
/* void page_clear(void *page) */
    .globl page_clear
    .balign 16
page_clear:
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
    .section .note.GNU-stack, "", @progbits
