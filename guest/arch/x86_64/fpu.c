/* fpu.c - see fpu.h. Formats: Intel SDM vol. 1, ch. 10.5 (FXSAVE) and 13 (XSAVE). */
#include "fpu.h"

#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/layout.h"
#include "arch/machine.h"
#include "arch/registers.h"
#include "arch/user_access.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/panic.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/sched/task.h"

#define FXSAVE_BYTES 512
#define XSAVE_HEADER_OFFSET 512
#define XSAVE_HEADER_BYTES 64
#define XSAVE_LEGACY 3ull /* x87 and SSE: what FXSAVE holds */
#define MXCSR_OFFSET 24
#define SOFTWARE_BYTES_OFFSET 464 /* unused by the CPU; Linux puts struct _fpx_sw_bytes there */
#define FP_XSTATE_MAGIC1 0x46505853u
#define FP_XSTATE_MAGIC2 0x46505845u

/* Linux's struct _fpx_sw_bytes, at the end of the legacy area in a signal frame. */
struct software_bytes {
    uint32_t magic1;
    uint32_t extended_size; /* state, header and magic2 */
    uint64_t features;
    uint32_t state_size;
    uint32_t padding[7];
};

static struct object_cache fpu_areas = {.name = "fpu", .alignment = 64, .lock = SPINLOCK_INIT(RANK_SLAB), .batch = 8};
static uint64_t state_components; /* XCR0; 0 = FXSAVE only */
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
    else if (has_xsave())
        __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(low), "d"(high) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

static void state_load(const void *area)
{
    uint32_t low = (uint32_t)state_components, high = (uint32_t)(state_components >> 32);
    if (has_xsave())
        __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(low), "d"(high) : "memory");
    else
        __asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

/*
 * With XSAVE an empty header is enough: components that it does not name are initialised by xrstor, whatever the
 * area holds; only MXCSR is always taken from it. FXSAVE has no such thing.
 */
static void state_initialise(uint8_t *area)
{
    if (has_xsave())
        memset(area + XSAVE_HEADER_OFFSET, 0, XSAVE_HEADER_BYTES);
    else
        memset(area, 0, FXSAVE_BYTES);
    *(uint16_t *)area = 0x37f;                    /* FCW: all exceptions masked, 64-bit precision */
    *(uint32_t *)(area + MXCSR_OFFSET) = 0x1f80;  /* all exceptions masked */
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
    fpu_areas.object_bytes = align_up(area_bytes, 64u);
    state_initialise(initial_state);
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

void fpu_switch(struct cpu *cpu, struct task *prev, struct task *next)
{
    if (prev->arch.fpu && registers_hold(cpu, prev))
        state_save(prev->arch.fpu);
    if (next->arch.fpu && !registers_hold(cpu, next)) {
        state_load(next->arch.fpu);
        cpu->fpu_owner = next;
        next->arch.fpu_cpu = cpu->index + 1;
    }
}

void fpu_copy_current(struct task *child)
{
    /* Not xsaveopt: it may leave out what it believes to be in the area already. */
    uint32_t low = (uint32_t)state_components, high = (uint32_t)(state_components >> 32);
    if (has_xsave())
        __asm__ volatile("xsave64 (%0)" : : "r"(child->arch.fpu), "a"(low), "d"(high) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(child->arch.fpu) : "memory");
    child->arch.fpu_cpu = 0;
}

void fpu_reset_current(void)
{
    state_load(initial_state);
}

/* ---- signal frames: straight between the registers and user memory ---- */

/* entry.S; 0, or 1 when the memory is not there or holds no valid state. */
int user_xsave(uint64_t address, uint64_t components);
int user_xrstor(uint64_t address, uint64_t components);
int user_fxsave(uint64_t address);
int user_fxrstor(uint64_t address);

size_t fpu_frame_bytes(void)
{
    return has_xsave() ? area_bytes + sizeof(uint32_t) : FXSAVE_BYTES;
}

int fpu_save_to_user(uint64_t address)
{
    if (!user_range_valid(address, fpu_frame_bytes()))
        return -EFAULT;
    if (!has_xsave()) {
        user_access_open();
        int fault = user_fxsave(address);
        user_access_close();
        return fault || clear_user(address + SOFTWARE_BYTES_OFFSET, sizeof(struct software_bytes)) ? -EFAULT : 0;
    }
    const struct software_bytes software = {
        .magic1 = FP_XSTATE_MAGIC1,
        .extended_size = (uint32_t)fpu_frame_bytes(),
        .features = state_components,
        .state_size = area_bytes,
    };
    const uint32_t magic2 = FP_XSTATE_MAGIC2;
    /* xsave writes the first word of its header only; the rest must be zero for xrstor to accept it. */
    if (clear_user(address + XSAVE_HEADER_OFFSET, XSAVE_HEADER_BYTES))
        return -EFAULT;
    user_access_open();
    int fault = user_xsave(address, state_components);
    user_access_close();
    if (fault || copy_to_user(address + SOFTWARE_BYTES_OFFSET, &software, sizeof(software)))
        return -EFAULT;
    return copy_to_user(address + area_bytes, &magic2, sizeof(magic2));
}

/* Is there an extended state of ours behind the legacy part? */
static bool extended_state_at(uint64_t address)
{
    struct software_bytes software;
    uint32_t magic2;
    return has_xsave() && !copy_from_user(&software, address + SOFTWARE_BYTES_OFFSET, sizeof(software)) &&
           software.magic1 == FP_XSTATE_MAGIC1 && software.state_size == area_bytes &&
           !copy_from_user(&magic2, address + area_bytes, sizeof(magic2)) && magic2 == FP_XSTATE_MAGIC2;
}

int fpu_restore_from_user(uint64_t address)
{
    fpu_reset_current();
    if (!address)
        return 0;
    if (!user_range_valid(address, fpu_frame_bytes()) || (address & (has_xsave() ? 63 : 15)))
        return -EFAULT;
    bool extended = extended_state_at(address);
    user_access_open();
    int fault = extended ? user_xrstor(address, state_components) : user_fxrstor(address);
    user_access_close();
    if (fault)
        fpu_reset_current();
    return fault ? -EINVAL : 0;
}
