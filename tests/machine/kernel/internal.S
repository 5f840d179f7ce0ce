/*
 * Is an instruction that KVM cannot carry out reported with the registers of the CPU? Adds to a vector register from
 * an address without memory: what has no device behind it is emulated on every host, and no emulator of KVM knows
 * this instruction.
 */
#include "tests/machine/kernel/start.inc"
test_main:
    movq $0x1122334455667788, %rbx
    movl $0x5a5a5a5a, %r15d
    ring 'R'
    movl $0xd0000000, %esi
nobody_can_do_this:
    paddb (%rsi), %xmm0
    ring 'D'
#include "tests/machine/kernel/finish.inc"
