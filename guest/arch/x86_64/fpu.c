/* fpu.c - see fpu.h. Formats: Intel SDM vol. 1, ch. 10.5 (FXSAVE) and 13 (XSAVE). */
#include "fpu.h"

#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/layout.h"
#include "arch/machine.h"
#include "arch/registers.h"
#include "arch/user_access.h"
#include "fpu_host.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/panic.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/observe/mutant.h"
#include "kernel/observe/option.h"
#include "kernel/sched/task.h"

#define FXSAVE_BYTES          512
#define XSAVE_HEADER_OFFSET   512
#define XSAVE_HEADER_BYTES    64
#define XSAVE_LEGACY          3ull /* x87 and SSE: what FXSAVE holds */
#define MXCSR_OFFSET          24
#define SOFTWARE_BYTES_OFFSET 464 /* unused by the CPU; Linux puts struct _fpx_sw_bytes there */
#define FP_XSTATE_MAGIC1      0x46505853u
#define FP_XSTATE_MAGIC2      0x46505845u

/* On demand: used in this many turns in a row, it is loaded for the next ones without a trap, until
 * it is time to see whether it is still used. */
#define TURNS_EAGER 4
#define TURNS_AGAIN 64
#define LOANS       32 /* of a register to page_copy.S before the current task takes them all */

/* Linux's struct _fpx_sw_bytes, at the end of the legacy area in a signal frame. */
struct software_bytes {
    uint32_t magic1;
    uint32_t extended_size; /* state, header and magic2 */
    uint64_t features;
    uint32_t state_size;
    uint32_t padding[7];
};

static struct object_cache fpu_areas = {
    .name = "fpu", .alignment = 64, .lock = SPINLOCK_INIT(RANK_SLAB), .batch = 8};
READ_MOSTLY struct fpu_frame_format fpu_frame_format;
static READ_MOSTLY uint64_t state_components; /* XCR0; 0 = FXSAVE only */
static READ_MOSTLY bool by_host;              /* fpu_host.h; state_components is set then, too */
static READ_MOSTLY bool on_demand;            /* BOOT_FLAG_FPU_ON_DEMAND, unless overridden */
static uint32_t area_bytes = FXSAVE_BYTES;
static uint8_t initial_state[4096] __attribute__((aligned(64)));

static bool has_xsave(void)
{
    return state_components != 0;
}

static void state_save(void *area)
{
    uint32_t low = (uint32_t)state_components, high = (uint32_t)(state_components >> 32);
    if (cpu_features & BOOT_CPU_XSAVEOPT)
        __asm__ volatile("xsaveopt64 (%0)" : : "r"(area), "a"(low), "d"(high) : "memory");
    else if (unlikely(by_host))
        fpu_host_save(area);
    else if (has_xsave())
        __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(low), "d"(high) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

static void state_load(const void *area)
{
    uint32_t low = (uint32_t)state_components, high = (uint32_t)(state_components >> 32);
    if (unlikely(by_host))
        fpu_host_load(area);
    else if (has_xsave())
        __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(low), "d"(high) : "memory");
    else
        __asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

/*
 * With XSAVE an empty header is enough: components that it does not name are initialised by xrstor,
 * whatever the area holds; only MXCSR is always taken from it. FXSAVE has no such thing.
 */
static void state_initialise(uint8_t *area)
{
    if (has_xsave())
        memset(area + XSAVE_HEADER_OFFSET, 0, XSAVE_HEADER_BYTES);
    else
        memset(area, 0, FXSAVE_BYTES);
    *(uint16_t *)area = 0x37f;                   /* FCW: all exceptions masked, 64-bit precision */
    *(uint32_t *)(area + MXCSR_OFFSET) = 0x1f80; /* all exceptions masked */
}

void fpu_use_host(const struct boot_info *boot)
{
    kernel_assert(boot->fpu_bytes >= XSAVE_HEADER_OFFSET + XSAVE_HEADER_BYTES &&
                  boot->fpu_bytes <= sizeof(initial_state));
    by_host = true;
    state_components = boot->fpu_components;
    area_bytes = boot->fpu_bytes;
}

void fpu_init_cpu(void)
{
    uint32_t a, b, c, d;
    uint64_t wanted = XSAVE_LEGACY;
    if (cpu_features & BOOT_CPU_XSAVE) {
        cpuid(0xd, 0, &a, &b, &c, &d);
        if (cpu_features & BOOT_CPU_AVX)
            wanted |= a & 4;
        if ((cpu_features & BOOT_CPU_AVX512) && (a & 0xe0) == 0xe0)
            wanted |= 0xe0;
        xcr0_write(wanted);
    }
    if (this_cpu()->index)
        return;
    if (cpu_features & BOOT_CPU_XSAVE) {
        cpuid(0xd, 0, &a, &b, &c, &d); /* EBX: bytes for what XCR0 enables now */
        kernel_assert(b <= sizeof(initial_state));
        state_components = wanted;
        area_bytes = b;
    }
    fpu_frame_format.bytes = has_xsave() ? area_bytes + sizeof(uint32_t) : FXSAVE_BYTES;
    fpu_frame_format.highest = USER_END - fpu_frame_format.bytes;
    fpu_frame_format.context_flag = has_xsave() ? 1 : 0;
    fpu_frame_format.sizes = FP_XSTATE_MAGIC1 | fpu_frame_format.bytes << 32;
    fpu_frame_format.components = state_components;
    fpu_frame_format.state_bytes = area_bytes;
    fpu_areas.object_bytes = align_up(area_bytes, 64u);
    state_initialise(initial_state);
    char mode[8] = "";
    on_demand = (boot_flags & BOOT_FLAG_FPU_ON_DEMAND) &&
                !(option_value("fpu", mode, sizeof(mode)) && !strcmp(mode, "eager"));
}

void *fpu_area_allocate(void)
{
    void *area = object_cache_allocate(&fpu_areas);
    if (area)
        state_initialise(area);
    return area;
}

void fpu_area_free(void *area)
{
    if (area)
        object_cache_free(&fpu_areas, area);
}

static inline bool registers_hold(const struct cpu *cpu, const struct task *task)
{
    return cpu->fpu_owner == task && task->arch.fpu_cpu == cpu->index + 1;
}

/* ---- on demand ---- */

static void forbid_use(struct cpu *cpu)
{
    cr0_write(cr0_read() | CR0_TASK_SWITCHED);
    cpu->fpu_trapped = true;
}

static void load_current(struct cpu *cpu, struct task *task)
{
    if (registers_hold(cpu, task))
        return;
    state_load(task->arch.fpu);
    cpu->fpu_owner = task;
    task->arch.fpu_cpu = (uint16_t)(cpu->index + 1);
}

static void allow_use(struct cpu *cpu)
{
    __asm__ volatile("clts" : : : "memory");
    cpu->fpu_trapped = false;
}

/* The registers become the current task's. */
static NO_INLINE void take_registers(void)
{
    struct cpu *cpu = this_cpu();
    allow_use(cpu);
    load_current(cpu, cpu->task);
}

static inline void need_registers(void)
{
    if (unlikely(this_cpu()->fpu_trapped))
        take_registers();
}

void arch_vector_registers_load(void)
{
    need_registers();
}

void fpu_end_loans(void)
{
    this_cpu()->fpu_loans = LOANS;
    if (current->arch.fpu)
        take_registers();
    else
        allow_use(this_cpu());
}

bool fpu_use_trap(void)
{
    struct cpu *cpu = this_cpu();
    if (!cpu->fpu_trapped)
        return false;
    take_registers();
    cpu->task->arch.fpu_turns++;
    return true;
}

static void switch_on_demand(struct cpu *cpu, struct task *prev, struct task *next)
{
    if (prev->arch.fpu) {
        if (cpu->fpu_trapped)
            prev->arch.fpu_turns = 0;
        else if (registers_hold(cpu, prev) && !MUTANT_EVERY(FPU_NOT_SAVED, 10))
            state_save(prev->arch.fpu);
    }
    if (MUTANT_EVERY(FPU_STALE_OWNER, 10) || !next->arch.fpu)
        return;
    if (unlikely(next->arch.fpu_turns >= TURNS_EAGER)) {
        if (cpu->fpu_trapped)
            allow_use(cpu);
        load_current(cpu, next);
        if (++next->arch.fpu_turns == TURNS_AGAIN)
            next->arch.fpu_turns = 0;
    } else if (!cpu->fpu_trapped && !registers_hold(cpu, next)) {
        forbid_use(cpu);
    }
}

/* ---- switch, fork, exec ---- */

void fpu_switch(struct cpu *cpu, struct task *prev, struct task *next)
{
    if (on_demand) {
        switch_on_demand(cpu, prev, next);
        return;
    }
    if (prev->arch.fpu && registers_hold(cpu, prev) && !MUTANT_EVERY(FPU_NOT_SAVED, 10))
        state_save(prev->arch.fpu);
    if (MUTANT_EVERY(FPU_STALE_OWNER, 10))
        return;
    if (next->arch.fpu)
        load_current(cpu, next);
}

static void copy_area(uint8_t *to, const uint8_t *from)
{
    /* Without a component in its header it is as it was initialised, as the target is. */
    if (!has_xsave() || *(const uint64_t *)(from + XSAVE_HEADER_OFFSET))
        memcpy(to, from, area_bytes);
}

void fpu_save_current(void *area)
{
    /* Not xsaveopt: it may leave out what it believes to be in the area already. */
    uint32_t low = (uint32_t)state_components, high = (uint32_t)(state_components >> 32);
    if (this_cpu()->fpu_trapped)
        copy_area(area, current->arch.fpu);
    else if (unlikely(by_host))
        fpu_host_save(area);
    else if (has_xsave())
        __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(low), "d"(high) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

void fpu_area_copy(void *to, const void *from)
{
    memcpy(to, from, area_bytes);
}

void fpu_copy_current(struct task *child)
{
    fpu_save_current(child->arch.fpu);
    child->arch.fpu_cpu = 0;
    child->arch.fpu_turns =
        TURNS_EAGER; /* C libraries use them in a new child, and at their start */
}

static void registers_initialise(void)
{
    state_load(initial_state);
}

/* ---- for a tracer ---- */

#define X87_BYTES       160 /* control words and registers */
#define SSE_BYTES       256 /* behind them */
#define MXCSR_ALLOWED   0xffffu
#define XCOMP_BV_OFFSET 8 /* in the header */

size_t fpu_area_bytes(void)
{
    return area_bytes;
}

void fpu_area_export(const void *area, void *buffer)
{
    uint8_t *to = buffer;
    memcpy(to, area, area_bytes);
    if (has_xsave()) {
        uint64_t present;
        memcpy(&present, to + XSAVE_HEADER_OFFSET, sizeof(present));
        if (!(present & 1)) {
            memset(to, 0, MXCSR_OFFSET);
            memset(to + MXCSR_OFFSET + 8, 0, X87_BYTES - MXCSR_OFFSET - 8);
            *(uint16_t *)to = 0x37f;
        }
        if (!(present & 2))
            memset(to + X87_BYTES, 0, SSE_BYTES);
        if (!(present & ~XSAVE_LEGACY))
            memset(to + XSAVE_HEADER_OFFSET + XSAVE_HEADER_BYTES, 0,
                   area_bytes - XSAVE_HEADER_OFFSET - XSAVE_HEADER_BYTES);
    }
    memset(to + SOFTWARE_BYTES_OFFSET, 0, FXSAVE_BYTES - SOFTWARE_BYTES_OFFSET);
    memcpy(to + SOFTWARE_BYTES_OFFSET, &state_components, sizeof(state_components));
}

int fpu_area_import(void *area, const void *buffer, size_t bytes)
{
    const uint8_t *from = buffer;
    uint8_t *to = area;
    uint64_t header[XSAVE_HEADER_BYTES / 8] = {XSAVE_LEGACY};
    uint32_t mxcsr;
    memcpy(&mxcsr, from + MXCSR_OFFSET, sizeof(mxcsr));
    if (mxcsr & ~MXCSR_ALLOWED)
        return -EINVAL;
    if (has_xsave() && bytes > FXSAVE_BYTES) {
        if (bytes < area_bytes)
            return -EINVAL;
        memcpy(header, from + XSAVE_HEADER_OFFSET, sizeof(header));
        for (unsigned i = 1; i < ARRAY_COUNT(header); i++) {
            if (header[i])
                return -EINVAL; /* xrstor would fault */
        }
        if (header[0] & ~state_components)
            return -EINVAL;
        memcpy(to, from, area_bytes);
        return 0;
    }
    if (has_xsave()) {
        uint64_t present;
        memcpy(&present, to + XSAVE_HEADER_OFFSET, sizeof(present));
        present |= XSAVE_LEGACY;
        memcpy(to + XSAVE_HEADER_OFFSET, &present, sizeof(present));
    }
    memcpy(to, from, SOFTWARE_BYTES_OFFSET);
    return 0;
}

void fpu_reset_current(void)
{
    struct cpu *cpu = this_cpu();
    struct task *task = cpu->task;
    if (!cpu->fpu_trapped) {
        registers_initialise();
        return;
    }
    state_initialise(task->arch.fpu);
    task->arch.fpu_cpu = 0; /* what the registers hold is no longer its state */
}

/* ---- signal frames: straight between the registers and user memory ---- */

size_t fpu_frame_bytes(void)
{
    return fpu_frame_format.bytes;
}

static int __attribute__((noinline)) save_legacy_in_window(uint64_t address)
{
    __asm__ goto("1: fxsave64 %[area]\n" USER_FAULT_TO(fault)
                 :
                 : [area] "m"(*(uint8_t(*)[FXSAVE_BYTES])address)
                 : "memory"
                 : fault);
    for (unsigned i = 0; i < sizeof(struct software_bytes); i += 8)
        user_put_u64_or(fault, address + SOFTWARE_BYTES_OFFSET + i, 0);
    return 0;
fault:
    return -EFAULT;
}

/* Behind the state: what makes it a frame as Linux has it. */
static inline int put_marks_in_window(uint64_t address)
{
    const struct fpu_frame_format *format = &fpu_frame_format;
    const uint64_t software = address + SOFTWARE_BYTES_OFFSET;
    user_put_u64_or(fault, software + 0, format->sizes);
    user_put_u64_or(fault, software + 8, format->components);
    user_put_u64_or(fault, software + 16, format->state_bytes);
    user_put_u64_or(fault, software + 24, 0);
    user_put_u64_or(fault, software + 32, 0);
    user_put_u64_or(fault, software + 40, 0);
    user_put_u32_or(fault, address + format->state_bytes, FP_XSTATE_MAGIC2);
    return 0;
fault:
    return -EFAULT;
}

static NO_INLINE int save_by_host_in_window(uint64_t address)
{
    int error = fpu_host_save_to_user(address, area_bytes);
    user_access_open(); /* the copy has closed it */
    return error ? error : put_marks_in_window(address);
}

static NO_INLINE int load_by_host_in_window(uint64_t address, size_t bytes, uint64_t components)
{
    int error = fpu_host_load_from_user(address, bytes, components);
    user_access_open();
    return error;
}

int fpu_save_in_window(uint64_t address)
{
    const struct fpu_frame_format *format = &fpu_frame_format;
    const uint64_t header = address + XSAVE_HEADER_OFFSET;
    need_registers();
    if (unlikely(!format->components))
        return save_legacy_in_window(address);
    if (unlikely(by_host))
        return save_by_host_in_window(address);
    /* xsave writes the first word of its header only; the rest must be zero for xrstor to accept
     * it. */
    user_put_u64_or(fault, header, 0);
    user_put_u64_or(fault, header + 8, 0);
    user_put_u64_or(fault, header + 16, 0);
    user_put_u64_or(fault, header + 24, 0);
    user_put_u64_or(fault, header + 32, 0);
    user_put_u64_or(fault, header + 40, 0);
    user_put_u64_or(fault, header + 48, 0);
    user_put_u64_or(fault, header + 56, 0);
    __asm__ goto("1: xsave64 %[area]\n" USER_FAULT_TO(fault)
                 :
                 : [area] "m"(*(uint8_t(*)[FXSAVE_BYTES])address),
                   "a"((uint32_t)format->components), "d"((uint32_t)(format->components >> 32))
                 : "memory"
                 : fault);
    /* As Linux: a handler that changes x87 or SSE registers in the frame need not know of the
     * header. */
    __asm__ goto("1: orq %[legacy], %[features]\n" USER_FAULT_TO(fault)
                 :
                 : [legacy] "i"((int)XSAVE_LEGACY), [features] "m"(*(uint64_t *)header)
                 : "cc", "memory"
                 : fault);
    return put_marks_in_window(address);
fault:
    return -EFAULT;
}

static int load_legacy_in_window(uint64_t address)
{
    if (unlikely(by_host))
        return load_by_host_in_window(address, FXSAVE_BYTES, XSAVE_LEGACY);
    registers_initialise(); /* what FXSAVE does not know */
    __asm__ goto("1: fxrstor64 %[area]\n" USER_FAULT_TO(fault)
                 :
                 : [area] "m"(*(const uint8_t(*)[FXSAVE_BYTES])address)
                 : "memory"
                 : fault);
    return 0;
fault:
    return -EFAULT;
}

static inline int load_extended_in_window(uint64_t address, uint64_t components)
{
    if (unlikely(by_host))
        return load_by_host_in_window(address, area_bytes, components);
    __asm__ goto("1: xrstor64 %[area]\n" USER_FAULT_TO(fault)
                 :
                 : [area] "m"(*(const uint8_t(*)[FXSAVE_BYTES])address), "a"((uint32_t)components),
                   "d"((uint32_t)(components >> 32))
                 : "memory"
                 : fault);
    return 0;
fault:
    return -EFAULT;
}

/*
 * A frame that is not as we wrote it, by Linux's rules: without good marks only the legacy part
 * counts, and of the components only those that the marks name are loaded.
 */
static int __attribute__((noinline)) load_changed_in_window(uint64_t address)
{
    const uint64_t software = address + SOFTWARE_BYTES_OFFSET;
    uint64_t sizes, features;
    uint32_t state_bytes, magic2;
    if (!has_xsave())
        return load_legacy_in_window(address);
    user_get_u64_or(fault, sizes, software);
    user_get_u64_or(fault, features, software + 8);
    user_get_u32_or(fault, state_bytes, software + 16);
    if ((uint32_t)sizes != FP_XSTATE_MAGIC1 || state_bytes > area_bytes ||
        state_bytes > sizes >> 32 || state_bytes < XSAVE_HEADER_OFFSET + XSAVE_HEADER_BYTES)
        return load_legacy_in_window(address);
    user_get_u32_or(fault, magic2, address + state_bytes);
    if (magic2 != FP_XSTATE_MAGIC2)
        return load_legacy_in_window(address);
    registers_initialise();
    return load_extended_in_window(address, features & state_components);
fault:
    return -EFAULT;
}

/* What is not the ordinary case: no state, a bad address, or a frame that looks different. */
static int __attribute__((noinline)) restore_slowly_in_window(uint64_t address)
{
    int error = address ? -EFAULT : 0;
    if (address && address <= fpu_frame_format.highest && !(address & (has_xsave() ? 63 : 15)))
        error = load_changed_in_window(address);
    if (error || !address)
        registers_initialise();
    return error;
}

int fpu_restore_in_window(uint64_t address)
{
    const struct fpu_frame_format *format = &fpu_frame_format;
    const uint64_t software = address + SOFTWARE_BYTES_OFFSET;
    uint64_t sizes, features, state_bytes;
    uint32_t magic2;
    need_registers();
    if (unlikely(!format->components || !address || address > format->highest || address & 63))
        return restore_slowly_in_window(address);
    /* Compared one by one: that leaves the least to hold. */
    user_get_u64_or(other, sizes, software);
    if (unlikely(sizes != format->sizes))
        goto other;
    user_get_u64_or(other, features, software + 8);
    if (unlikely(features != format->components))
        goto other;
    user_get_u64_or(other, state_bytes, software + 16);
    if (unlikely(state_bytes != format->state_bytes))
        goto other;
    user_get_u32_or(other, magic2, address + format->state_bytes);
    if (unlikely(magic2 != FP_XSTATE_MAGIC2 ||
                 load_extended_in_window(address, format->components)))
        goto other;
    return 0;
other:
    return restore_slowly_in_window(address);
}
