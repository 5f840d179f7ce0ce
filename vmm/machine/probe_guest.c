/*
 * vmm/machine/probe_guest.c - the probe's guest code, see probe_guest.h. Assembler only.
 */
#include "vmm/machine/probe_guest.h"

#define TEXT(x)   #x
#define NUMBER(x) TEXT(x)

/* clang-format off */
__asm__(
    ".pushsection .rodata.probe_guest, \"a\", @progbits\n"
    ".macro probe_symbol name\n"
    "    .global \\name\n"
    "    .hidden \\name\n"
    "\\name:\n"
    ".endm\n"
    ".balign 16\n"
    "probe_symbol probe_guest_start\n"

    "probe_symbol probe_guest_loop\n"
    "1:  dec %ecx\n"
    "    jnz 1b\n"
    "    jmp probe_yes\n"

    "probe_symbol probe_guest_cpuid\n"
    "    cpuid\n"
    "    mov $" NUMBER(PROBE_RESULT_PHYS) ", %edi\n"
    "    mov %ebx, (%rdi)\n"
    "    jmp probe_yes\n" /* at CPL3 its `out` is a #GP, which ends the step as well */

    "probe_symbol probe_guest_user_cpuid\n"
    "    lea probe_guest_cpuid(%rip), %rbx\n"
    "    jmp probe_enter_user\n"

    "probe_symbol probe_guest_user_state\n"
    "    lea probe_state(%rip), %rbx\n"
    "    jmp probe_enter_user\n"
    "probe_state:\n"
    "    mov $1, %eax\n"
    "    cpuid\n"
    "    bt $27, %ecx\n" /* OSXSAVE: xgetbv exists */
    "    jnc probe_yes\n"
    "    xor %ecx, %ecx\n"
    "    xgetbv\n"
    "    mov $" NUMBER(PROBE_RESULT_PHYS) ", %edi\n"
    "    mov %eax, (%rdi)\n"
    "    jmp probe_yes\n"

    "probe_symbol probe_guest_int3\n"
    "    int3\n"
    "    jmp probe_yes\n"

    "probe_symbol probe_guest_xsave\n"
    "    mov %cr4, %rax\n"
    "    or $0x40000, %eax\n" /* CR4.OSXSAVE */
    "    mov %rax, %cr4\n"
    "    xor %ecx, %ecx\n"
    "    xgetbv\n"
    "    mov $" NUMBER(PROBE_XSAVE_PHYS) ", %esi\n"
    "    xsave64 (%rsi)\n"
    "    xrstor64 (%rsi)\n"
    "    jmp probe_yes\n"

    "probe_symbol probe_guest_x2apic\n"
    "    mov $0x1b, %ecx\n" /* IA32_APIC_BASE: enable, extended */
    "    rdmsr\n"
    "    or $0xc00, %eax\n"
    "    wrmsr\n"
    "    mov $0x80f, %ecx\n" /* spurious vector: software enable */
    "    mov $0x1ff, %eax\n"
    "    xor %edx, %edx\n"
    "    wrmsr\n"
    "    mov $0x802, %ecx\n" /* id */
    "    rdmsr\n"
    "probe_yes:\n"
    "    mov $" NUMBER(PROBE_YES) ", %al\n"
    "    out %al, $" NUMBER(PROBE_PORT) "\n"
    "    hlt\n"

    "probe_symbol probe_guest_deadline\n"
    "    mov $0x832, %ecx\n" /* LVT timer: TSC-deadline */
    "    mov $0x40000 + " NUMBER(PROBE_TIMER_VECTOR) ", %eax\n"
    "    xor %edx, %edx\n"
    "    wrmsr\n"
    "    rdtsc\n"
    "    add $20000, %eax\n"
    "    adc $0, %edx\n"
    "    mov $0x6e0, %ecx\n" /* IA32_TSC_DEADLINE */
    "    wrmsr\n"
    "    sti\n"
    "1:  hlt\n"
    "    jmp 1b\n"

    "probe_symbol probe_guest_timer\n"
    "    jmp probe_yes\n"

    "probe_symbol probe_guest_user\n"
    "    lea probe_user(%rip), %rbx\n"
    "probe_enter_user:\n" /* to RBX at CPL3 */
    "    pushq $0x23\n"
    "    pushq $" NUMBER(PROBE_USER_STACK_PHYS) "\n"
    "    pushq $2\n"
    "    pushq $0x2b\n"
    "    push %rbx\n"
    "    iretq\n"
    "probe_user:\n"
    "    syscall\n"
    "    ud2\n"

    "probe_symbol probe_guest_syscall\n" /* still at CPL3, the `out` is a #GP, which says so */
    "    jmp probe_yes\n"

    "    .balign 16\n"
    "probe_symbol probe_guest_handlers\n"
    "    .set vector, 0\n"
    "    .rept 32\n"
    "1:  mov $0x80 + vector, %al\n"
    "    out %al, $" NUMBER(PROBE_PORT) "\n"
    "    hlt\n"
    "    .balign " NUMBER(PROBE_HANDLER_BYTES) "\n"
    "    .set vector, vector + 1\n"
    "    .endr\n"
    "probe_symbol probe_guest_end\n"
    ".popsection\n");
/* clang-format on */
