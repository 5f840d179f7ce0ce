/* Is a triple fault reported with the registers of the faulting CPU? Faults with an empty IDT. */
#include "tests/machine/kernel/start.inc"
test_main:
    movq $0x1122334455667788, %rbx
    movl $0x5a5a5a5a, %r15d
    lidt no_interrupts
    ring 'R'
triple_fault_here:
    ud2
    .data
no_interrupts:
    .word 0
    .quad 0
    .text
#include "tests/machine/kernel/finish.inc"
