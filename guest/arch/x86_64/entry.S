/*
 * Entries from user mode and exceptions, the way back, and the stack switch. Every entry leaves a complete
 * struct trap_frame at the top of the task's kernel stack. Interrupts stay off in the kernel.
 */
#include "arch/asm_offsets.h"
#include "arch/layout.h"

#define SELECTOR_USER_DATA 0x2b
#define SELECTOR_USER_CODE 0x33

    .macro PUSH_REGISTERS
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %rax
    push %r8
    push %r9
    push %r10
    push %r11
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    .endm

    .macro POP_REGISTERS
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rax
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
    .endm

/*
 * For debuggers only (.debug_frame, which is not loaded): RSP points at a trap frame, and what was interrupted
 * goes on with the registers in it. So a backtrace leads from the kernel into the program.
 */
    .cfi_sections .debug_frame
    .macro CFI_TRAP_FRAME
    .cfi_def_cfa rsp, 0
    .cfi_offset r15, 0
    .cfi_offset r14, 8
    .cfi_offset r13, 16
    .cfi_offset r12, 24
    .cfi_offset rbp, FRAME_RBP
    .cfi_offset rbx, FRAME_RBX
    .cfi_offset rip, FRAME_RIP
    .cfi_offset rsp, FRAME_RSP
    .endm

/* RAX = now; the time since the task's last change of mode goes to `counter`. RBX = the task; RDX is lost. */
    .macro ACCOUNT counter
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    mov TASK_MODE_TSC(%rbx), %rdx
    mov %rax, TASK_MODE_TSC(%rbx)
    sub %rdx, %rax
    add %rax, \counter(%rbx)
    .endm

/*
 * System calls. The path of all of them is short enough to be written here: frame, accounting, handler, and back
 * with sysret if nothing else is to be done. RBX and RBP are the kernel's meanwhile; the frame has the program's.
 */
    .section .text.entry, "ax"
    .globl syscall_entry
    .balign 16
syscall_entry:
    .cfi_startproc
    .cfi_signal_frame
    .cfi_def_cfa rsp, 0
    .cfi_register rip, rcx
    swapgs
    mov %rsp, %gs:CPU_USER_RSP
    mov %gs:CPU_KERNEL_STACK_TOP, %rsp
    push $SELECTOR_USER_DATA
    push %gs:CPU_USER_RSP
    push %r11
    push $SELECTOR_USER_CODE
    push %rcx
    push $0
    push %rax
    PUSH_REGISTERS
    CFI_TRAP_FRAME
    xorl %ebp, %ebp /* the kernel's chain of frame pointers ends here */
    mov %gs:CPU_CURRENT, %rbx
    ACCOUNT TASK_UTIME_TSC
    mov %gs:CPU_GLASS, %rcx
    incq GLASS_CPU_SYSTEM_CALLS(%rcx)
    mov %rsp, %rdi
    mov FRAME_ORIGINAL_RAX(%rsp), %rax
    testl $TRACE_ACTIVE_SYSCALLS, trace_active(%rip)
    jnz 3f
    cmp $SYSCALL_NUMBER_END - 1, %rax
    ja 4f
    call *syscall_handlers(,%rax,8)
1:  mov %rax, FRAME_RAX(%rsp)
2:  movl TASK_WORK(%rbx), %eax
    orl FRAME_ERROR_CODE(%rsp), %eax
    jnz 5f
#ifdef KERNEL_DEBUG
    mov %rsp, %rdi
    mov %r12, %rsi
    mov %r13, %rdx
    mov %r14, %rcx
    mov %r15, %r8
    call audit_return
#endif
    ACCOUNT TASK_STIME_TSC
/*
 * Nobody replaced registers in the frame, so it is what sysret produces (rip = rcx, flags = r11), and those that C
 * functions preserve still hold the program's values, except the two that were used above.
 */
    mov FRAME_RBX(%rsp), %rbx
    mov FRAME_RBP(%rsp), %rbp
    add $FRAME_R11, %rsp
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rax
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
    mov FRAME_RSP-FRAME_ORIGINAL_RAX(%rsp), %rsp
    swapgs
    sysretq
3:  call syscall_dispatch_traced
    jmp 2b
4:  call syscall_unknown
    jmp 1b
5:  mov %rsp, %rdi
    call return_with_work
    jmp return_by_iret
    .cfi_endproc

/* A new task's first return to user mode; also the end of every other entry from user mode. */
    .globl return_by_iret
return_by_iret:
    .cfi_startproc
    .cfi_signal_frame
    CFI_TRAP_FRAME
    POP_REGISTERS
    add $16, %rsp
    swapgs
    .globl return_iretq
return_iretq:
    iretq
    .cfi_endproc

    .macro ENTRY_WITHOUT_CODE vector
    .globl entry_\vector
    .balign 16
entry_\vector:
    push $0
    push $\vector
    jmp exception_common
    .endm
    .macro ENTRY_WITH_CODE vector
    .globl entry_\vector
    .balign 16
entry_\vector:
    push $\vector
    jmp exception_common
    .endm

    ENTRY_WITHOUT_CODE 0
    ENTRY_WITHOUT_CODE 1
    ENTRY_WITHOUT_CODE 3
    ENTRY_WITHOUT_CODE 4
    ENTRY_WITHOUT_CODE 5
    ENTRY_WITHOUT_CODE 6
    ENTRY_WITHOUT_CODE 7
    ENTRY_WITH_CODE 10
    ENTRY_WITH_CODE 11
    ENTRY_WITH_CODE 12
    ENTRY_WITH_CODE 13
    ENTRY_WITH_CODE 14
    ENTRY_WITHOUT_CODE 16
    ENTRY_WITH_CODE 17
    ENTRY_WITHOUT_CODE 19
    ENTRY_WITHOUT_CODE 240
    ENTRY_WITHOUT_CODE 241
    ENTRY_WITHOUT_CODE 242
    ENTRY_WITHOUT_CODE 243
    ENTRY_WITHOUT_CODE 255

exception_common:
    .cfi_startproc
    .cfi_signal_frame
    PUSH_REGISTERS
    CFI_TRAP_FRAME
    cld
    movl FRAME_ORIGINAL_RAX(%rsp), %esi
    movq $-1, FRAME_ORIGINAL_RAX(%rsp)
    mov %rsp, %rdi
    xorl %ebp, %ebp
    testb $3, FRAME_CS(%rsp)
    jz 1f
    swapgs
    call trap_from_user
    jmp return_by_iret
1:  mov 32(%rsp), %rbp /* the chain of frames goes on with the interrupted RBP */
    call trap_from_kernel
    POP_REGISTERS
    add $16, %rsp
    iretq
    .cfi_endproc

/*
 * Entries on stacks of their own (IST), which may hit anywhere, even before swapgs: the GS base itself tells
 * whose it is (the kernel's is in the upper half). They never return to a schedulable place.
 */
    .macro ENTRY_PARANOID vector code
    .globl entry_\vector
    .balign 16
entry_\vector:
    .if \code == 0
    push $0
    .endif
    push $\vector
    jmp paranoid_common
    .endm
    ENTRY_PARANOID 2 0
    ENTRY_PARANOID 8 1
    ENTRY_PARANOID 18 0

paranoid_common:
    .cfi_startproc
    .cfi_signal_frame
    PUSH_REGISTERS
    CFI_TRAP_FRAME
    cld
    movl FRAME_ORIGINAL_RAX(%rsp), %esi
    movq $-1, FRAME_ORIGINAL_RAX(%rsp)
    movl $0xc0000101, %ecx
    rdmsr
    xorl %ebx, %ebx
    testl %edx, %edx
    js 1f
    swapgs
    incl %ebx
1:  mov %rsp, %rdi
    xorl %ebp, %ebp
    call trap_paranoid
    testl %ebx, %ebx
    jz 2f
    swapgs
2:  POP_REGISTERS
    add $16, %rsp
    iretq
    .cfi_endproc

#ifdef KERNEL_DEBUG
    .data
stack_switch_turns: /* of the mutant: every 256th switch */
    .byte 0
    .text
#endif
/* void stack_switch(uint64_t *save_rsp, uint64_t load_rsp, phys_t root): the rest of the caller runs when switched back. */
    .globl stack_switch
    .balign 16
stack_switch:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    test %rdx, %rdx
    jz 2f
    mov %rdx, %cr3
2:  mov %rsi, %rsp
    pop %r15
#ifdef KERNEL_DEBUG
    cmpl $MUTANT_CALLEE_SAVED_CLOBBERED_NUMBER, mutant_active(%rip)
    jne 1f
    incb stack_switch_turns(%rip)
    jnz 1f
    not %r15
1:
#endif
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
#ifdef KERNEL_DEBUG
    mov -48(%rsp), %rax
    xor %r15, %rax
    mov -40(%rsp), %rcx
    xor %r14, %rcx
    or %rcx, %rax
    mov -32(%rsp), %rcx
    xor %r13, %rcx
    or %rcx, %rax
    mov -24(%rsp), %rcx
    xor %r12, %rcx
    or %rcx, %rax
    mov -16(%rsp), %rcx
    xor %rbx, %rcx
    or %rcx, %rax
    mov -8(%rsp), %rcx
    xor %rbp, %rcx
    or %rcx, %rax
#endif
    ret

/* First code of a new kernel thread: R12 = function, R13 = argument. */
    .globl task_entry_kernel
task_entry_kernel:
    .cfi_startproc
    .cfi_undefined rip
    xorl %ebp, %ebp
    call schedule_finish
    mov %r13, %rdi
    call *%r12
    ud2
    .cfi_endproc

/* First code of a new user task: its trap frame is ready above. */
    .globl task_entry_user
task_entry_user:
    .cfi_startproc
    .cfi_signal_frame
    CFI_TRAP_FRAME
    xorl %ebp, %ebp
    call schedule_finish
    mov %rsp, %rdi
    call first_return_to_user
    jmp return_by_iret
    .cfi_endproc

/* The current task's first return to user mode, from wherever it is on its kernel stack. */
    .globl arch_enter_user_mode
arch_enter_user_mode:
    .cfi_startproc
    .cfi_signal_frame
    mov %gs:CPU_KERNEL_STACK_TOP, %rsp
    sub $FRAME_BYTES, %rsp
    CFI_TRAP_FRAME
    xorl %ebp, %ebp
    mov %rsp, %rdi
    call first_return_to_user
    jmp return_by_iret
    .cfi_endproc

/* The page that soft hosts jump to on `syscall` (docs/hosts.md): trap.c recognises the address. */
    .section .data.page_aligned, "aw"
    .balign 4096
    .globl soft_syscall_page
soft_syscall_page:
    ud2
    .fill 4094, 1, 0xcc
    .section .note.GNU-stack, "", @progbits
