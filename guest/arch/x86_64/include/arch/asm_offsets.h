/* arch/asm_offsets.h - numbers that assembly needs; each is checked against the C type in
 * offsets.c. */
#ifndef ARCH_ASM_OFFSETS_H
#define ARCH_ASM_OFFSETS_H

#define CPU_SELF             0
#define CPU_CURRENT          8
#define CPU_KERNEL_STACK_TOP 16
#define CPU_USER_RSP         24
#define CPU_GLASS            32
#define CPU_FPU_TRAPPED      102
#define CPU_FPU_LOANS        103

#define TASK_UTIME_TSC 168
#define TASK_STIME_TSC 176
#define TASK_MODE_TSC  184
#define TASK_WORK      232

#define GLASS_CPU_SYSTEM_CALLS 80
#define TRACE_ACTIVE_SYSCALLS  0x601 /* trace_active: system-call enter and exit, or a traced task */
#define SYSCALL_NUMBER_END     512

/* enum mutant, debug kernels (shared/mutants.def) */
#define MUTANT_CALLEE_SAVED_CLOBBERED_NUMBER 23

#define FRAME_RBP          32
#define FRAME_RBX          40
#define FRAME_R11          48
#define FRAME_RAX          80
#define FRAME_ORIGINAL_RAX 120
#define FRAME_ERROR_CODE   128
#define FRAME_RIP          136
#define FRAME_CS           144
#define FRAME_RSP          160
#define FRAME_BYTES        176

#endif
