/* Do all CPUs start, each with its own index and LAPIC id? CPU i rings 'a' + i; CPU 0 ends with 'D'. */
#include "tests/machine/kernel/start.inc"
test_main:
    apic_enable
    ring 'a'
    call start_others
    ring 'D'
    jmp sleep_for_ever
test_other:
    movl %edi, %ebx
    apic_enable
    testl $FLAG_X2APIC, BOOT_PAGE + BOOT_FLAGS_OFFSET
    jz 1f
    movl $0x802, %ecx
    rdmsr
    jmp 2f
1:  movl $0xfee00020, %ecx
    movl (%rcx), %eax
    shrl $24, %eax
2:  addb $'a', %al /* what the LAPIC says, so a wrong id shows as a wrong letter */
    outb %al, $BELL_PORT
    movl $1, %eax
    lock xaddl %eax, online
    jmp sleep_for_ever
#include "tests/machine/kernel/cpus.inc"
#include "tests/machine/kernel/finish.inc"
