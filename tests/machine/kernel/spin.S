/* Can a CPU that never leaves the guest by itself be paused, read, resumed and ended? */
#include "tests/machine/kernel/start.inc"
test_main:
    movq $0x0123456789abcdef, %rbx
    ring 'R'
1:  incq COUNTER_PHYS
    jmp 1b
#include "tests/machine/kernel/finish.inc"
