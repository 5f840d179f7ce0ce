/* arch/interrupts.h - vectors of ours, the local APIC, and starting CPUs. */
#ifndef ARCH_INTERRUPTS_H
#define ARCH_INTERRUPTS_H

#include "kernel/lib/types.h"
#include "shared/boot.h"
#include "shared/hypercall.h"

#define VECTOR_TIMER 0xf0
/* KICK_VECTOR 0xf1: shared/hypercall.h */
#define VECTOR_REQUEST  0xf2 /* another CPU set cpu->requests */
#define VECTOR_SERIAL   0xf3 /* the host's kick where it can only use COM1 */
#define VECTOR_SPURIOUS 0xff

void apic_init_cpu(void);
void apic_end_of_interrupt(void);
void apic_send(uint32_t apic_id, uint8_t vector);
void apic_send_init(uint32_t apic_id);
void apic_send_startup(uint32_t apic_id, uint8_t page);
/* Interrupts this CPU with VECTOR_TIMER at (about) that TSC value; a new call replaces the old one.
 */
void apic_timer_arm(uint64_t tsc);

void kick_init(void); /* routes the host's kick to the first CPU */
void kick_serial_drain(void);

/* Starts every further CPU and waits until each is online. */
void smp_start_others(const struct boot_info *boot);

#endif
