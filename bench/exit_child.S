/*
 * bench/exit_child.S - the program that guest_bench's fork_exec_wait runs: it ends at once, so that
 * what is measured is the kernel's part (a C library's start-up is more instructions than that).
 */
    .globl _start
_start:
    mov $231, %eax /* exit_group(0) */
    xor %edi, %edi
    syscall
    ud2

    .section .note.GNU-stack,"",@progbits
