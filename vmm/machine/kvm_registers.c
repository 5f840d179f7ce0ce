/*
 * vmm/machine/kvm_registers.c - the registers of a CPU that stands still, and their text form.
 */
#include <stdio.h>
#include <sys/ioctl.h>

#include "vmm/machine/kvm.h"

#define MSR_KERNEL_GS_BASE 0xc0000102u

bool kvm_read_registers(const struct kvm_cpu *cpu, struct machine_registers *ret)
{
    struct kvm_regs general;
    struct kvm_sregs system;
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } msr = {.head.nmsrs = 1, .entry.index = MSR_KERNEL_GS_BASE};

    if (ioctl(cpu->fd, KVM_GET_REGS, &general) < 0 || ioctl(cpu->fd, KVM_GET_SREGS, &system) < 0)
        return false;
    if (ioctl(cpu->fd, KVM_GET_MSRS, &msr) != 1)
        msr.entry.data = 0;
    *ret = (struct machine_registers){
        .rip = general.rip,
        .rflags = general.rflags,
        .cr0 = system.cr0,
        .cr2 = system.cr2,
        .cr3 = system.cr3,
        .cr4 = system.cr4,
        .fs_base = system.fs.base,
        .gs_base = system.gs.base,
        .kernel_gs_base = msr.entry.data,
        .cs = system.cs.selector,
        .ss = system.ss.selector,
    };
#define FROM_KVM(index, name) ret->general[index] = general.name;
    MACHINE_GENERAL_REGISTERS(FROM_KVM)
    return true;
}
