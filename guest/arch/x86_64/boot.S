/*
 * The two ways into the kernel (shared/boot.h): PVH in 32-bit protected mode, and directly in 64-bit mode on
 * the static page tables below. Both end in kernel_main() with interrupts off on the boot stack.
 */
#include "arch/layout.h"
#define TRAMPOLINE_PHYS 0x8000

#define PHYS(symbol) (symbol - KERNEL_IMAGE_ASM)
#define KERNEL_IMAGE_ASM 0xffffffff80000000

    .section .note.pvh, "a", @note
    .align 4
    .long 4, 4, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long PHYS(entry32)

    .section .note.vitrine, "a", @note
    .align 4
    .long 8, 40, 1 /* VITRINE_NOTE_BOOT: struct boot_note */
    .asciz "Vitrine"
    .quad entry64
    .quad entry64_other
    .quad PHYS(boot_root_table)
    .quad PHYS(glass)
    .quad PHYS(image_end)

    .section .text.boot, "ax"
    .code32
    .globl entry32
entry32:
    cli
    cld
    movl $PHYS(boot_root_table), %eax
    movl %eax, %cr3
    movl %cr4, %eax
    orl $0x620, %eax /* PAE, OSFXSR, OSXMMEXCPT */
    movl %eax, %cr4
    movl $0xc0000080, %ecx /* EFER: system calls, long mode, no-execute */
    rdmsr
    orl $0x901, %eax
    wrmsr
    movl $0x80010033, %eax /* CR0: paging, write protect, NE, ET, MP, protected mode */
    movl %eax, %cr0
    lgdt PHYS(boot_gdt_pointer)
    ljmp $8, $PHYS(entry64_from_32)

    .code64
entry64_from_32:
    movl $0x10, %eax
    movl %eax, %ss
    movl %eax, %ds
    movl %eax, %es
    movabs $entry64, %rax
    jmp *%rax

    .globl entry64
entry64:
    lea boot_stack_top(%rip), %rsp
    xorl %ebp, %ebp
    call kernel_main
    ud2

/* Further CPUs: RDI = index. Their idle task's stack was prepared by smp_start_others(). */
    .globl entry64_other
entry64_other:
    movl %edi, %edi
    mov $secondary_stacks, %rax
    mov (%rax,%rdi,8), %rsp
    xorl %ebp, %ebp
    call cpu_start_secondary
    ud2

/*
 * INIT/SIPI lands here in real mode: this code is copied to TRAMPOLINE_PHYS, below 1 MiB, and runs there.
 * It finds its index in the APIC id, which is the CPU's number in our machines.
 */
    .section .rodata
    .globl trampoline_start, trampoline_end
    .code16
    .balign 16
trampoline_start:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    lgdtl (trampoline_gdt_pointer - trampoline_start)
    movl $PHYS(boot_root_table), %eax
    movl %eax, %cr3
    movl $0x620, %eax
    movl %eax, %cr4
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x901, %eax
    wrmsr
    movl $0x80010033, %eax
    movl %eax, %cr0
    ljmpl $8, $(TRAMPOLINE_PHYS + trampoline64 - trampoline_start)
    .code64
trampoline64:
    movl $0x10, %eax
    movl %eax, %ss
    movl %eax, %ds
    movl %eax, %es
    movl $1, %eax
    cpuid
    shrl $24, %ebx
    movl %ebx, %edi
    movabs $entry64_other, %rax
    jmp *%rax
    .balign 8
trampoline_gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
trampoline_gdt_pointer:
    .word 23
    .long TRAMPOLINE_PHYS + trampoline_gdt - trampoline_start
trampoline_end:

    .section .rodata
    .balign 8
boot_gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
boot_gdt_pointer:
    .word 23
    .long PHYS(boot_gdt)

/*
 * Static tables: the first GiB, mapped at 0, at the direct map and at the kernel image, all of it writable and
 * executable. They serve the first thousand instructions of each CPU; paging_init() makes the real ones.
 */
    .section .data.page_aligned, "aw"
    .balign 4096
    .globl boot_root_table
boot_root_table:
    .quad PHYS(boot_table_low) + 3
    .fill 510, 8, 0
    .quad PHYS(boot_table_high) + 3
boot_table_low:
    .quad PHYS(boot_directory) + 3
    .fill 511, 8, 0
boot_table_high: /* the direct map and the image */
    .quad PHYS(boot_directory) + 3
    .fill 509, 8, 0
    .quad PHYS(boot_directory) + 3
    .quad 0
boot_directory:
    address = 0
    .rept 512
    .quad address + 0x83
    address = address + 0x200000
    .endr

    .section .bss.page_aligned, "aw", @nobits
    .balign 4096
    .globl boot_stack_guard, boot_stack_top
boot_stack_guard:
    .skip 4096
    .skip 16384
boot_stack_top:
    .section .note.GNU-stack, "", @progbits
