/*
 * kick.c - the host's interrupt to the guest. Our VMM signals KICK_VECTOR directly; under QEMU a
 * byte on COM1 raises IRQ 4, which the IOAPIC (82093AA data sheet) turns into VECTOR_SERIAL.
 */
#include "arch/doorbell.h"
#include "arch/interrupts.h"
#include "arch/machine.h"

#define IOAPIC_PHYS             0xfec00000ul
#define IOAPIC_REDIRECTION(pin) (0x10u + 2 * (pin))
#define COM1                    0x3f8
#define COM1_INTERRUPT_PIN      4
#define UART_INTERRUPT_ENABLE   1
#define UART_INTERRUPT_ID       2
#define UART_MODEM_CONTROL      4
#define UART_LINE_STATUS        5

static volatile uint32_t *ioapic;

static void ioapic_write(uint32_t reg, uint32_t value)
{
    ioapic[0] = reg;
    ioapic[4] = value;
}

void kick_init(void)
{
    if (!(boot_flags & BOOT_FLAG_KICK_SERIAL))
        return;
    ioapic = device_map(IOAPIC_PHYS);
    ioapic_write(IOAPIC_REDIRECTION(COM1_INTERRUPT_PIN) + 1, 0); /* to APIC id 0 */
    ioapic_write(IOAPIC_REDIRECTION(COM1_INTERRUPT_PIN), VECTOR_SERIAL);
    port_write8(COM1 + UART_MODEM_CONTROL, 0x0b); /* DTR, RTS, OUT2: interrupts reach the line */
    port_write8(COM1 + UART_INTERRUPT_ENABLE, 1); /* received data */
}

void kick_serial_drain(void)
{
    while (port_read8(COM1 + UART_LINE_STATUS) & 1)
        (void)port_read8(COM1);
}
