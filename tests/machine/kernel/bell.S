/* Do the bytes of the doorbell arrive, all of them and in order? Rings every byte value once, then 'D'. */
#include "tests/machine/kernel/start.inc"
test_main:
    xorl %ebx, %ebx
1:  movl %ebx, %eax
    cmpb $'S', %al /* 'S', 'P', 'C', 'f' and 'F' have a meaning for the machine itself */
    je 2f
    cmpb $'f', %al
    je 2f
    cmpb $'F', %al
    je 2f
    cmpb $'P', %al
    je 2f
    cmpb $'C', %al
    je 2f
    cmpb $'D', %al
    je 2f
    outb %al, $BELL_PORT
2:  incl %ebx
    cmpl $256, %ebx
    jne 1b
    ring 'D'
    jmp sleep_for_ever
#include "tests/machine/kernel/finish.inc"
