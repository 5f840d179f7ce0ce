/*
 * vmm/machine/kvm_setup.c - makes the VM: memory slots, interrupt controllers, CPUs and their entry
 * state.
 *
 * Runs once per machine, in the owner's thread, before any CPU thread exists (kvm_setup_entry: in
 * the CPU's own thread). No locks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "vmm/machine/host.h"
#include "vmm/machine/kvm.h"

/* Pages that KVM wants for itself on Intel: in the device hole below 4 GiB, where we never have
 * RAM. */
#define KVM_IDENTITY_MAP_PHYS 0xfffbc000ull
#define KVM_TSS_PHYS          0xfffbd000ull

/* Intel SDM volume 3, 2.5 and 2.2.1; AMD APM volume 2, 3.1. */
#define CR0_ENTRY  0x80010033ull /* PG WP NE ET MP PE */
#define CR4_ENTRY  0x620ull      /* PAE OSFXSR OSXMMEXCPT */
#define EFER_ENTRY 0xd01ull      /* NXE LMA LME SCE */

#define CPUID_ENTRIES_MAX 256

struct vt_error *kvm_setup_machine(struct kvm_machine *machine)
{
    const struct machine_memory *memory = machine->base.memory;
    struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP};
    uint64_t identity_map = KVM_IDENTITY_MAP_PHYS;
    uint64_t offset = 0;
    int most;

    machine->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (machine->kvm_fd < 0)
        return vt_error_create(VT_ERROR_BACKEND,
                               "cannot open /dev/kvm: %s; 'vitrine doctor' tells more, "
                               "'--accel qemu' does without it",
                               strerror(errno));
    if (ioctl(machine->kvm_fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
        return vt_error_create(VT_ERROR_BACKEND, "/dev/kvm has another API version than %d",
                               KVM_API_VERSION);
    most = ioctl(machine->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
    if (most > 0 && machine->base.config.cpus > (unsigned)most)
        return vt_error_create(VT_ERROR_ARGUMENT, "%u CPUs are too many for KVM here: at most %d",
                               machine->base.config.cpus, most);
    do
        machine->vm_fd = ioctl(machine->kvm_fd, KVM_CREATE_VM, 0);
    while (machine->vm_fd < 0 && errno == EINTR);
    if (machine->vm_fd < 0)
        return vt_error_system(errno, "KVM cannot make a virtual machine");

    /* Only Intel without unrestricted mode needs the two; elsewhere they are refused or do nothing.
     */
    (void)ioctl(machine->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
    (void)ioctl(machine->vm_fd, KVM_SET_TSS_ADDR, KVM_TSS_PHYS);

    if (ioctl(machine->vm_fd, KVM_ENABLE_CAP, &split) < 0 &&
        ioctl(machine->vm_fd, KVM_CREATE_IRQCHIP, 0) < 0)
        return vt_error_system(errno, "KVM cannot make interrupt controllers");

    for (unsigned i = 0; i < BOOT_RAM_RANGES_MAX; i++) {
        struct kvm_userspace_memory_region region = {
            .slot = i,
            .guest_phys_addr = memory->ram[i].phys,
            .memory_size = memory->ram[i].bytes,
            .userspace_addr = (uintptr_t)memory->base + offset,
        };

        if (region.memory_size == 0)
            continue;
        if (ioctl(machine->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
            return vt_error_system(errno, "KVM refuses %llu MiB of guest memory at 0x%llx",
                                   (unsigned long long)(region.memory_size >> 20),
                                   (unsigned long long)region.guest_phys_addr);
        offset += region.memory_size;
    }
    machine->deadline_timer =
        ioctl(machine->vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
    machine->run_bytes = (size_t)ioctl(machine->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    return NULL;
}

struct cpuid_list {
    struct kvm_cpuid2 head;
    struct kvm_cpuid_entry2 entries[CPUID_ENTRIES_MAX];
};

/* A third of a millisecond inside another virtual machine, and the same for all of ours. */
static bool supported_cpuid(int kvm_fd, struct cpuid_list *ret)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct cpuid_list known;
    bool good;

    pthread_mutex_lock(&lock);
    good = known.head.nent > 0;
    if (!good) {
        known.head.nent = CPUID_ENTRIES_MAX;
        good = ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, &known) == 0;
        if (!good)
            known.head.nent = 0;
    }
    *ret = known;
    pthread_mutex_unlock(&lock);
    return good;
}

/* What KVM supports, with the fields that differ from CPU to CPU. */
static struct vt_error *set_cpuid(const struct kvm_cpu *cpu)
{
    const unsigned cpus = cpu->machine->base.config.cpus;
    struct cpuid_list cpuid;

    if (!supported_cpuid(cpu->machine->kvm_fd, &cpuid))
        return vt_error_system(errno, "KVM does not tell the CPU features it supports");
    for (unsigned i = 0; i < cpuid.head.nent; i++) {
        struct kvm_cpuid_entry2 *entry = &cpuid.entries[i];

        switch (entry->function) {
        case 0x1:
            entry->ebx = (entry->ebx & 0x0000ffff) | cpus << 16 | cpu->index << 24;
            entry->ecx |= 1u << 21 | 1u << 31; /* x2APIC: KVM's LAPIC has it; hypervisor present */
            if (cpu->machine->deadline_timer)
                entry->ecx |= 1u << 24;
            break;
        case 0xb: /* topology: every CPU a core of its own in one package */
        case 0x1f:
            entry->eax = entry->index == 1 ? 6 : 0;
            entry->ebx = entry->index == 0 ? 1 : entry->index == 1 ? cpus : 0;
            entry->ecx = entry->index | (entry->index < 2 ? (entry->index + 1) << 8 : 0);
            entry->edx = cpu->index;
            break;
        }
    }
    if (ioctl(cpu->fd, KVM_SET_CPUID2, &cpuid) < 0)
        return vt_error_system(errno, "KVM refuses the CPU features that it offered");
    return NULL;
}

struct vt_error *kvm_setup_cpu(struct kvm_machine *machine, unsigned index)
{
    struct kvm_cpu *cpu = &machine->cpus[index];
    /* Inside KVM_RUN the interrupting signal, and only it, is unblocked. The set is the kernel's:
     * 64 bits. */
    struct {
        struct kvm_signal_mask head;
        uint8_t set[8];
    } mask = {.head.len = 8};
    sigset_t current;

    cpu->fd = ioctl(machine->vm_fd, KVM_CREATE_VCPU, (unsigned long)index);
    if (cpu->fd < 0)
        return vt_error_system(errno, "KVM cannot make CPU %u of the machine", index);
    cpu->run = mmap(NULL, machine->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cpu->fd, 0);
    if (cpu->run == MAP_FAILED) {
        cpu->run = NULL;
        return vt_error_system(errno, "cannot map the state of CPU %u", index);
    }
    sigfillset(&current);
    sigdelset(&current, kvm_interrupt_signal());
    memcpy(mask.set, &current, sizeof(mask.set));
    if (ioctl(cpu->fd, KVM_SET_SIGNAL_MASK, &mask) < 0)
        return vt_error_system(errno, "KVM cannot set the signal mask of CPU %u", index);
    return set_cpuid(cpu);
}

int kvm_setup_entry(struct kvm_cpu *cpu)
{
    const struct boot_note *note = &cpu->machine->base.kernel->note;
    const bool first = cpu->index == 0;
    const struct kvm_segment code = {
        .limit = 0xffffffff, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
    const struct kvm_segment data = {
        .limit = 0xffffffff, .selector = 16, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};
    struct kvm_regs registers = {
        .rip = first ? note->entry64 : note->entry64_other,
        .rdi = first ? BOOT_INFO_PHYS : cpu->index,
        .rflags = 2,
    };
    struct kvm_mp_state runnable = {.mp_state = KVM_MP_STATE_RUNNABLE};
    struct kvm_sregs system;

    if (ioctl(cpu->fd, KVM_GET_SREGS, &system) < 0)
        return -errno;
    system.cs = code;
    system.ds = system.es = system.fs = system.gs = system.ss = data;
    system.cr0 = CR0_ENTRY;
    system.cr3 = note->page_tables;
    system.cr4 = CR4_ENTRY;
    system.efer = EFER_ENTRY;
    if (ioctl(cpu->fd, KVM_SET_SREGS, &system) < 0 ||
        ioctl(cpu->fd, KVM_SET_REGS, &registers) < 0 ||
        ioctl(cpu->fd, KVM_SET_MP_STATE, &runnable) < 0)
        return -errno;
    return 0;
}
