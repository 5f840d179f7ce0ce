/*
 * user_copy.S - the instructions that touch user memory. Each has an entry in the exception table: a fault that cannot
 * be resolved goes on at the second address of its pair. With SMAP the window (EFLAGS.AC) is open for these
 * instructions alone, so that nothing else of the kernel is ever reached with it open; without SMAP, stac and clac do
 * not exist.
 */
#define BOOT_CPU_SMAP_BIT 8 /* enum boot_cpu_features; checked in offsets.c */

    .macro ON_FAULT instruction, fixup
    .pushsection .exception_table, "a"
    .quad \instruction, \fixup
    .popsection
    .endm

/* Both ways of a function: `body` is a macro that takes the instructions to open and close the window. */
    .macro WITH_AND_WITHOUT_SMAP body
    testl $BOOT_CPU_SMAP_BIT, cpu_features(%rip)
    jz 9f
    \body stac, clac
9:  \body
    .endm

    .section .text.entry, "ax"

/*
 * size_t user_copy(void *destination, const void *source, size_t bytes): bytes NOT copied. Eight bytes at a time,
 * because string instructions cost per step wherever they are interpreted or counted.
 */
    .macro COPY open, close
    \open
1:  rep movsq
    movl %edx, %ecx
2:  rep movsb
    \close
    mov %rcx, %rax
    ret
3:  lea (%rdx,%rcx,8), %rcx
4:  \close
    mov %rcx, %rax
    ret
    ON_FAULT 1b, 3b
    ON_FAULT 2b, 4b
    .endm

    .globl user_copy
    .balign 16
user_copy:
    mov %rdx, %rcx
    shr $3, %rcx
    andl $7, %edx
    WITH_AND_WITHOUT_SMAP COPY

/* size_t user_clear(void *destination, size_t bytes): bytes NOT cleared. */
    .macro CLEAR open, close
    \open
1:  rep stosq
    movl %edx, %ecx
2:  rep stosb
    \close
    mov %rcx, %rax
    ret
3:  lea (%rdx,%rcx,8), %rcx
4:  \close
    mov %rcx, %rax
    ret
    ON_FAULT 1b, 3b
    ON_FAULT 2b, 4b
    .endm

    .globl user_clear
    .balign 16
user_clear:
    mov %rsi, %rcx
    mov %rsi, %rdx
    shr $3, %rcx
    andl $7, %edx
    xorl %eax, %eax
    WITH_AND_WITHOUT_SMAP CLEAR

/* int user_store32(uint32_t *address, uint32_t value): 0, or 1 = fault */
    .macro STORE open, close
    \open
1:  movl %esi, (%rdi)
    \close
    xorl %eax, %eax
    ret
2:  \close
    movl $1, %eax
    ret
    ON_FAULT 1b, 2b
    .endm

    .globl user_store32
    .balign 16
user_store32:
    WITH_AND_WITHOUT_SMAP STORE

/* int user_exchange32(uint32_t *address, uint32_t expected, uint32_t value, uint32_t *ret_old): 0, or 1 = fault */
    .macro EXCHANGE open, close
    movl %esi, %eax
    \open
1:  lock cmpxchgl %edx, (%rdi)
    \close
    movl %eax, (%rcx)
    xorl %eax, %eax
    ret
2:  \close
    movl $1, %eax
    ret
    ON_FAULT 1b, 2b
    .endm

    .globl user_exchange32
    .balign 16
user_exchange32:
    WITH_AND_WITHOUT_SMAP EXCHANGE
    .section .note.GNU-stack, "", @progbits
