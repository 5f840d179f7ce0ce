/*
 * vmm/machine/kvm_fpu.c - vector state for kernels that cannot save it themselves.
 *
 * Where KVM interprets kernel code but lets user code run on the processor, user code has whatever
 * XCR0 the host has, while the interpreter knows neither xsave nor any AVX instruction. So the
 * guest's kernel rings, and the state goes between KVM's copy of the CPU's and guest memory here.
 * KVM's form is that of xsave's standard one. KVM_SET_XSAVE refuses what xrstor would; that is
 * passed on.
 */
#include <cpuid.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/machine/kvm.h"

#define LEGACY_COMPONENTS 3ull /* x87 and SSE */
#define LEGACY_BYTES      512
#define X87_BYTES         160 /* of the legacy part, MXCSR's eight bytes excepted */
#define SSE_OFFSET        160
#define SSE_BYTES         256
#define MXCSR_OFFSET      24
#define HEADER_BYTES      64
#define COMPONENTS_MAX    63

/* As xsave lays them out on this processor. */
static uint32_t state_bytes(uint64_t components)
{
    uint32_t bytes = LEGACY_BYTES + HEADER_BYTES;

    for (unsigned i = 2; i < COMPONENTS_MAX; i++) {
        unsigned size, offset, c, d;

        if (!(components >> i & 1) || !__get_cpuid_count(0xd, i, &size, &offset, &c, &d))
            continue;
        if (offset + size > bytes)
            bytes = offset + size;
    }
    return bytes;
}

void kvm_fpu_describe(const struct vt_host *host, struct boot_info *boot)
{
    uint64_t components = host->kvm_user_state;
    uint32_t bytes = state_bytes(components);

    /* With no more than x87 and SSE the kernel's own fxsave will do. */
    if (host->kvm_xsave_works || !(components & ~LEGACY_COMPONENTS) ||
        bytes > sizeof(struct kvm_xsave))
        return;
    boot->flags |= BOOT_FLAG_FPU_BY_HOST;
    boot->fpu_components = components;
    boot->fpu_bytes = bytes;
}

/*
 * A component that the header leaves out has its initial state. For x87 and SSE KVM may take "left
 * out" as "unchanged", so their initial state is written down. MXCSR counts in any case.
 */
static void name_legacy(struct kvm_xsave *state)
{
    uint8_t *bytes = (uint8_t *)state;
    uint64_t components;

    memcpy(&components, bytes + LEGACY_BYTES, sizeof(components));
    if (!(components & 1)) {
        memset(bytes, 0, MXCSR_OFFSET);
        memset(bytes + MXCSR_OFFSET + 8, 0, X87_BYTES - MXCSR_OFFSET - 8);
        bytes[0] = 0x7f; /* FCW 0x37f: all exceptions masked, 64-bit precision */
        bytes[1] = 0x03;
    }
    if (!(components & 2))
        memset(bytes + SSE_OFFSET, 0, SSE_BYTES);
    components |= LEGACY_COMPONENTS;
    memcpy(bytes + LEGACY_BYTES, &components, sizeof(components));
}

void kvm_fpu_exchange(const struct kvm_cpu *cpu, bool load)
{
    const struct kvm_machine *machine = cpu->machine;
    struct glass_cpu *block = kvm_glass_cpu(cpu);
    struct kvm_xsave state = {0};
    uint64_t phys, result = 1;
    uint8_t *area;

    if (!block)
        return;
    phys = __atomic_load_n(&block->fpu_area, __ATOMIC_ACQUIRE);
    area =
        phys % 64 == 0 ? machine_memory_at(machine->base.memory, phys, machine->fpu_bytes) : NULL;
    if (area && machine->fpu_bytes) {
        if (load) {
            memcpy(&state, area, machine->fpu_bytes);
            name_legacy(&state);
            result = ioctl(cpu->fd, KVM_SET_XSAVE, &state) < 0;
        } else if (ioctl(cpu->fd, KVM_GET_XSAVE, &state) == 0) {
            memcpy(area, &state, machine->fpu_bytes);
            result = 0;
        }
    }
    __atomic_store_n(&block->fpu_result, result, __ATOMIC_RELEASE);
}
