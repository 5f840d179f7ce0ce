/* kernel/observe/audit.c - see audit.h. Everything here is read back from the registers themselves.
 */
#include "kernel/observe/audit.h"

#ifdef KERNEL_DEBUG
#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/machine.h"
#include "arch/registers.h"
#include "arch/trap_frame.h"
#include "kernel/lib/string.h"
#include "kernel/mm/address_space.h"
#include "kernel/observe/option.h"
#include "kernel/observe/trace.h"
#include "kernel/sched/task.h"

#define FXSAVE_BYTES 512
#define FXSAVE_USED  416 /* what comes after XMM15 is nobody's */
#define LAST_INSTRUCTION                                                                           \
    8                   /* FIP and FDP: not every CPU restores them when no exception is pending */
#define XSAVE_BYTES 832 /* legacy area, header, upper halves of YMM */
#define XSAVE_YMM   576

bool audit_on;
static uint8_t scratch[CPUS_MAX][XSAVE_BYTES] __attribute__((aligned(64)));

void audit_init(void)
{
    char value[8];
    audit_on = option_value("audit", value, sizeof(value));
}

/* FNV-1a over words: differences count, not strength. */
static uint64_t hash(uint64_t from, const void *data, size_t bytes)
{
    const uint64_t *words = data;
    for (size_t i = 0; i < bytes / 8; i++)
        from = (from ^ words[i]) * 0x100000001b3ull;
    return from;
}
#define HASH_START 0xcbf29ce484222325ull

static uint64_t hash_fpu(void)
{
    uint8_t *area = scratch[this_cpu()->index];
    __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
    memset(area + LAST_INSTRUCTION, 0, 16);
    uint64_t result = hash(HASH_START, area, FXSAVE_USED);
    if (cpu_features & BOOT_CPU_AVX) {
        /* Halves in their initial state are not written: they are zero, and so is the area. */
        memset(area + FXSAVE_BYTES, 0, XSAVE_BYTES - FXSAVE_BYTES);
        __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(4), "d"(0) : "memory");
        result = hash(result, area + XSAVE_YMM, XSAVE_BYTES - XSAVE_YMM);
    }
    return result;
}

static void record(enum trace_type type, struct task *task)
{
    if (!audit_on || !task->arch.fpu || (task->flags & TASK_KERNEL_THREAD))
        return;
    arch_vector_registers_load(); /* hash_fpu() reads them */
    uint64_t bases[2] = {msr_read(MSR_FS_BASE), msr_read(MSR_KERNEL_GS_BASE)};
    trace_event(type, hash(HASH_START, arch_task_frame(&task->arch), sizeof(struct trap_frame)),
                hash_fpu(), hash(HASH_START, bases, sizeof(bases)),
                task->address_space ? cr3_read() : 0); /* at its end it borrows somebody's */
}

void audit_switch_out(struct task *task)
{
    record(TRACE_AUDIT_OUT, task);
}

void audit_switch_in(uint64_t lost)
{
    struct task *task = current;
    record(TRACE_AUDIT_IN, task);
    if (audit_on && lost)
        trace_event(TRACE_AUDIT_RETURN, lost, 0, 0, 0);
    task->audit_returns = true;
}

void audit_return(const struct trap_frame *frame, uint64_t r12, uint64_t r13, uint64_t r14,
                  uint64_t r15)
{
    if (!audit_on || !current->audit_returns)
        return;
    current->audit_returns = false;
    uint64_t now[4] = {r12, r13, r14, r15};
    uint64_t then[4] = {frame->r12, frame->r13, frame->r14, frame->r15};
    trace_event(TRACE_AUDIT_RETURN, hash(HASH_START, now, sizeof(now)),
                hash(HASH_START, then, sizeof(then)), 0, 0);
}

void audit_flush(unsigned step, uint64_t root, uint64_t mask)
{
    if (audit_on)
        trace_event(TRACE_AUDIT_FLUSH, step, root, mask, 0);
}

void audit_mask(unsigned step, uint64_t frame, uint64_t held, uint64_t now)
{
    if (audit_on)
        trace_event(TRACE_AUDIT_MASK, step, frame, held, now);
}

void audit_break(uint64_t root, uint64_t old_end, uint64_t new_end, const struct vma *next)
{
    if (audit_on && old_end != new_end)
        trace_event(TRACE_AUDIT_BREAK, old_end, new_end, next ? next->start : UINT64_MAX, root);
}
#endif
