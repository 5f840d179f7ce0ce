/* fpu.c - see fpu.h. Formats: Intel SDM vol. 1, ch. 10.5 (FXSAVE) and 13 (XSAVE). */
#include "fpu.h"

#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/machine.h"
#include "arch/registers.h"
#include "arch/user_access.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/sched/task.h"

#define FXSAVE_BYTES 512
#define XSAVE_HEADER_OFFSET 512
#define XSAVE_HEADER_BYTES 64
#define MXCSR_OFFSET 24
#define MXCSR_MASK_OFFSET 28
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
static uint32_t mxcsr_mask = 0xffbf;

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

static void state_initialise(void *area)
{
    memset(area, 0, area_bytes);
    uint8_t *bytes = area;
    *(uint16_t *)bytes = 0x37f;                     /* FCW: all exceptions masked, 64-bit precision */
    *(uint32_t *)(bytes + MXCSR_OFFSET) = 0x1f80;   /* all exceptions masked */
}

void fpu_init_cpu(void)
{
    if (!(cpu_features & BOOT_CPU_XSAVE)) {
        fpu_areas.object_bytes = FXSAVE_BYTES;
        return;
    }
    uint32_t a, b, c, d;
    uint64_t wanted = 3; /* x87, SSE */
    cpuid(0xd, 0, &a, &b, &c, &d);
    if (cpu_features & BOOT_CPU_AVX)
        wanted |= a & 4;
    if ((cpu_features & BOOT_CPU_AVX512) && (a & 0xe0) == 0xe0)
        wanted |= 0xe0;
    xcr0_write(wanted);
    cpuid(0xd, 0, &a, &b, &c, &d); /* EBX: bytes for what XCR0 enables now */
    if (!state_components) {
        state_components = wanted;
        area_bytes = b;
        fpu_areas.object_bytes = (b + 63) & ~63u;
    }
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

static bool registers_hold(const struct cpu *cpu, const struct task *task)
{
    return cpu->fpu_owner == task && task->arch.fpu_cpu == cpu->index + 1;
}

void fpu_switch_out(struct cpu *cpu, struct task *prev)
{
    /* fpu_valid: it was not in user mode since the last save, so the area is the truth already. */
    if (!prev->arch.fpu || prev->arch.fpu_valid || !registers_hold(cpu, prev))
        return;
    state_save(prev->arch.fpu);
    prev->arch.fpu_valid = 1;
}

void fpu_switch_in(struct cpu *cpu, struct task *next)
{
    (void)cpu;
    /* Even when the registers still hold it: fpu_valid must fall before it runs in user mode. */
    if (next->arch.fpu)
        __atomic_fetch_or(&next->work, TASK_WORK_FPU, __ATOMIC_RELAXED);
}

void fpu_load_current(struct cpu *cpu, struct task *task)
{
    if (!registers_hold(cpu, task)) {
        state_load(task->arch.fpu);
        cpu->fpu_owner = task;
        task->arch.fpu_cpu = cpu->index + 1;
    }
    task->arch.fpu_valid = 0;
    task_clear_work(task, TASK_WORK_FPU);
}

/* The area becomes the truth and may be changed; the registers are reloaded before user mode. */
static void current_state_to_area(struct task *task)
{
    struct cpu *cpu = this_cpu();
    fpu_switch_out(cpu, task);
    task->arch.fpu_valid = 1;
    task->arch.fpu_cpu = 0;
    __atomic_fetch_or(&task->work, TASK_WORK_FPU, __ATOMIC_RELAXED);
}

void fpu_area_copy(struct task *child, struct task *parent)
{
    fpu_switch_out(this_cpu(), parent);
    __atomic_fetch_or(&parent->work, TASK_WORK_FPU, __ATOMIC_RELAXED);
    memcpy(child->arch.fpu, parent->arch.fpu, area_bytes);
    child->arch.fpu_valid = 1;
    child->arch.fpu_cpu = 0;
}

void fpu_reset_current(struct task *task)
{
    task->arch.fpu_valid = 1;
    task->arch.fpu_cpu = 0;
    __atomic_fetch_or(&task->work, TASK_WORK_FPU, __ATOMIC_RELAXED);
    state_initialise(task->arch.fpu);
}

size_t fpu_frame_bytes(void)
{
    return has_xsave() ? area_bytes + sizeof(uint32_t) : FXSAVE_BYTES;
}

int fpu_save_to_user(uint64_t address)
{
    struct task *task = current;
    current_state_to_area(task);
    uint8_t *area = task->arch.fpu;
    struct software_bytes software = {0};
    if (has_xsave()) {
        software.magic1 = FP_XSTATE_MAGIC1;
        software.extended_size = (uint32_t)fpu_frame_bytes();
        software.features = state_components;
        software.state_size = area_bytes;
    }
    if (copy_to_user(address, area, area_bytes) ||
        copy_to_user(address + SOFTWARE_BYTES_OFFSET, &software, sizeof(software)))
        return -EFAULT;
    if (has_xsave()) {
        uint32_t magic2 = FP_XSTATE_MAGIC2;
        return copy_to_user(address + area_bytes, &magic2, sizeof(magic2));
    }
    return 0;
}

/* A state that the CPU would refuse must never reach xrstor: it would fault inside the kernel. */
static bool state_acceptable(const uint8_t *area)
{
    if (*(const uint32_t *)(area + MXCSR_OFFSET) & ~mxcsr_mask)
        return false;
    if (!has_xsave())
        return true;
    const uint64_t *header = (const uint64_t *)(area + XSAVE_HEADER_OFFSET);
    if ((header[0] & ~state_components) || header[1])
        return false;
    for (unsigned i = 2; i < XSAVE_HEADER_BYTES / 8; i++)
        if (header[i])
            return false;
    return true;
}

int fpu_restore_from_user(uint64_t address)
{
    struct task *task = current;
    current_state_to_area(task);
    uint8_t *area = task->arch.fpu;
    if (!address) {
        state_initialise(area);
        return 0;
    }
    struct software_bytes software;
    size_t bytes = FXSAVE_BYTES;
    if (copy_from_user(&software, address + SOFTWARE_BYTES_OFFSET, sizeof(software)))
        return -EFAULT;
    if (has_xsave() && software.magic1 == FP_XSTATE_MAGIC1 && software.state_size == area_bytes) {
        uint32_t magic2;
        if (copy_from_user(&magic2, address + area_bytes, sizeof(magic2)))
            return -EFAULT;
        if (magic2 == FP_XSTATE_MAGIC2)
            bytes = area_bytes;
    }
    state_initialise(area);
    if (copy_from_user(area, address, bytes)) {
        state_initialise(area);
        return -EFAULT;
    }
    if (has_xsave() && bytes == FXSAVE_BYTES)
        *(uint64_t *)(area + XSAVE_HEADER_OFFSET) = 3; /* only the legacy part was given */
    memset(area + SOFTWARE_BYTES_OFFSET, 0, FXSAVE_BYTES - SOFTWARE_BYTES_OFFSET);
    if (!state_acceptable(area)) {
        state_initialise(area);
        return -EINVAL;
    }
    return 0;
}
