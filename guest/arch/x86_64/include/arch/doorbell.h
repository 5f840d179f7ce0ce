/* arch/doorbell.h - the one `out` towards the host (shared/hypercall.h). */
#ifndef ARCH_DOORBELL_H
#define ARCH_DOORBELL_H

#include "kernel/lib/types.h"
#include "shared/hypercall.h"

static inline void port_write8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t port_read8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

/* Everything written before is visible to the host when it hears the bell. */
static inline void doorbell(enum hypercall_code code)
{
    port_write8(DOORBELL_PORT, (uint8_t)code);
}

#endif
