/* Does a kick reach a CPU that sleeps in hlt? Rings 'R' when ready and 'K' for every kick. */
#include "tests/machine/kernel/start.inc"
test_main:
    set_gate KICK, kick_handler
    set_gate SERIAL_VECTOR, serial_handler
    apic_enable
    testl $FLAG_KICK_SERIAL, BOOT_PAGE + BOOT_FLAGS_OFFSET
    jz 1f
    movl $0xfec00000, %ecx /* IOAPIC pin 4: to CPU 0, edge, SERIAL_VECTOR */
    movl $0x18, (%rcx)
    movl $SERIAL_VECTOR, 16(%rcx)
    movl $0x19, (%rcx)
    movl $0, 16(%rcx)
    movw $0x3f9, %dx /* UART: interrupt when a byte is there */
    movb $1, %al
    outb %al, %dx
    movw $0x3fc, %dx
    movb $0x0b, %al
    outb %al, %dx
1:  ring 'R'
    jmp sleep_for_ever
serial_handler:
    movw $0x3f8, %dx
    inb %dx, %al
kick_handler:
    ring 'K'
    xorl %eax, %eax
    apic_write 0xb0
    iretq
#include "tests/machine/kernel/finish.inc"
