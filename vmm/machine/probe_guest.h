/*
 * vmm/machine/probe_guest.h - the code that the probe runs in its throw-away VM; private to
 * probe_*.c.
 *
 * Each step is entered at its own address with the registers that probe_kvm.c sets, and ends with
 * an `out` of AL to PROBE_PORT: PROBE_YES, or 0x80 + the vector of the exception that it caused.
 * The code is position independent and is copied to guest-physical address PROBE_CODE_PHYS.
 */
#ifndef VITRINE_MACHINE_PROBE_GUEST_H
#define VITRINE_MACHINE_PROBE_GUEST_H

#define PROBE_PORT            0xe9
#define PROBE_YES             1
#define PROBE_CODE_PHYS       0x0000 /* code: at most a page */
#define PROBE_TABLES_PHYS     0x1000 /* three levels of page tables */
#define PROBE_GDT_PHYS        0x4000
#define PROBE_TSS_PHYS        0x4100
#define PROBE_IDT_PHYS        0x5000
#define PROBE_XSAVE_PHYS      0x6000 /* and the page after it */
#define PROBE_RESULT_PHYS     0x8000
#define PROBE_STACK_PHYS      0xa000 /* grows down, CPL0 */
#define PROBE_USER_STACK_PHYS 0xb000
#define PROBE_BYTES           0x10000

#define PROBE_TIMER_VECTOR  0x40
#define PROBE_HANDLER_BYTES 8 /* distance of the exception handlers */

#ifndef __ASSEMBLER__
extern const unsigned char probe_guest_start[], probe_guest_end[];
extern const unsigned char probe_guest_loop[];  /* RCX times two instructions */
extern const unsigned char probe_guest_cpuid[]; /* RAX, RCX: leaf; EBX goes to PROBE_RESULT_PHYS */
extern const unsigned char probe_guest_user_cpuid[]; /* the same at CPL3 */
extern const unsigned char probe_guest_user_state[]; /* at CPL3: XCR0 to PROBE_RESULT_PHYS */
extern const unsigned char probe_guest_int3[];
extern const unsigned char probe_guest_xsave[];
extern const unsigned char probe_guest_x2apic[];
extern const unsigned char probe_guest_deadline[]; /* after x2apic */
extern const unsigned char probe_guest_user[];     /* to CPL3, then `syscall` */
extern const unsigned char probe_guest_syscall[];  /* for LSTAR */
extern const unsigned char probe_guest_timer[];
extern const unsigned char probe_guest_handlers[]; /* of vectors 0 to 31 */
#endif

#endif
