/* offsets.c - the numbers in arch/asm_offsets.h are the C types' own. */
#include "arch/asm_offsets.h"
#include "arch/cpu.h"
#include "arch/trap_frame.h"
#include "kernel/observe/mutant.h"
#include "kernel/observe/trace.h"
#include "kernel/sched/task.h"
#include "shared/boot.h"

_Static_assert(offsetof(struct cpu, self) == CPU_SELF, "known to entry.S");
_Static_assert(offsetof(struct cpu, task) == CPU_CURRENT, "known to entry.S");
_Static_assert(offsetof(struct cpu, kernel_stack_top) == CPU_KERNEL_STACK_TOP, "known to entry.S");
_Static_assert(offsetof(struct cpu, user_rsp) == CPU_USER_RSP, "known to entry.S");
_Static_assert(offsetof(struct trap_frame, rbp) == FRAME_RBP, "known to entry.S");
_Static_assert(offsetof(struct trap_frame, r11) == FRAME_R11, "known to entry.S");
_Static_assert(offsetof(struct trap_frame, original_rax) == FRAME_ORIGINAL_RAX, "known to entry.S");
_Static_assert(offsetof(struct trap_frame, rip) == FRAME_RIP, "known to entry.S");
_Static_assert(offsetof(struct trap_frame, cs) == FRAME_CS, "known to entry.S");
_Static_assert(offsetof(struct trap_frame, rsp) == FRAME_RSP, "known to entry.S");
_Static_assert(sizeof(struct trap_frame) == FRAME_BYTES, "known to entry.S");
_Static_assert(BOOT_CPU_AVX == 2, "known to page_copy.S");
_Static_assert(BOOT_CPU_SMAP == 8, "known to user_copy.S");

#ifdef KERNEL_DEBUG
_Static_assert(MUTANT_CALLEE_SAVED_CLOBBERED == MUTANT_CALLEE_SAVED_CLOBBERED_NUMBER,
               "known to entry.S");
#endif

#define CHECK(type, member, number)                                                                \
    _Static_assert(offsetof(struct type, member) == (number), "known to entry.S")
CHECK(cpu, glass, CPU_GLASS);
CHECK(cpu, fpu_trapped, CPU_FPU_TRAPPED);
CHECK(cpu, fpu_loans, CPU_FPU_LOANS);
CHECK(task, utime_tsc, TASK_UTIME_TSC);
CHECK(task, stime_tsc, TASK_STIME_TSC);
CHECK(task, mode_tsc, TASK_MODE_TSC);
CHECK(task, work, TASK_WORK);
CHECK(glass_cpu, system_calls, GLASS_CPU_SYSTEM_CALLS);
CHECK(trap_frame, rbx, FRAME_RBX);
CHECK(trap_frame, rax, FRAME_RAX);
CHECK(trap_frame, error_code, FRAME_ERROR_CODE);
_Static_assert(TRACE_ACTIVE_SYSCALLS ==
                   (1 << TRACE_SYSCALL_ENTER | 1 << TRACE_SYSCALL_EXIT | TRACE_ACTIVE_TRACEES),
               "known to entry.S");
