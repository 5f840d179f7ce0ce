/* Is the exit port noticed? Writes 5 to it. */
#include "tests/machine/kernel/start.inc"
test_main:
    movb $5, %al
    outb %al, $END_PORT
    jmp sleep_for_ever
#include "tests/machine/kernel/finish.inc"
