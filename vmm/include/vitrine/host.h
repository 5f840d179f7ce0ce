/*
 * vitrine/host.h - what this host can do, and which backend that means.
 */
#ifndef VITRINE_HOST_H
#define VITRINE_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "version.h"

VITRINE_BEGIN

enum vt_accel { VT_ACCEL_AUTO = 0, VT_ACCEL_KVM = 1, VT_ACCEL_QEMU = 2 };
enum vt_verdict { VT_VERDICT_NONE = 0, VT_VERDICT_SOFT = 1, VT_VERDICT_NATIVE = 2 };

/* What the probe found. Strings are NUL-terminated, empty when unknown. */
struct vt_host {
    enum vt_verdict verdict; /* about /dev/kvm */
    enum vt_accel chosen;    /* what `auto` takes here */
    char reason[256];        /* why */
    bool kvm_present, kvm_usable;
    int kvm_version;
    char kvm_problem[192];   /* why it is not usable */
    bool kvm_hardware;       /* VMX or SVM */
    double kvm_ring0_ns;     /* nanoseconds per kernel-mode instruction */
    bool kvm_syscall_works;  /* `syscall` from user mode enters the kernel */
    bool kvm_cpuid_filtered; /* the guest's CPUID obeys KVM_SET_CPUID2 */
    bool kvm_int3_works, kvm_xsave_works, kvm_x2apic, kvm_tsc_deadline;
    uint64_t kvm_user_state;   /* vector state that user code reaches, as in XCR0 */
    uint32_t kvm_cpu_features; /* enum boot_cpu_features that work */
    bool qemu_present;
    char qemu_path[128];
    char qemu_version[32];
    uint32_t qemu_cpu_features; /* enum boot_cpu_features */
    char cpu_model[64];
    uint64_t tsc_khz;
    bool cached; /* read from this boot's cache instead of measured now */
};

/* Probes the host, or takes the result cached for this boot of it (refresh = measure again). */
struct vt_error *vt_host_probe(bool refresh, struct vt_host *ret);
const char *vt_verdict_name(enum vt_verdict verdict); /* "native" "soft" "none" */
const char *vt_accel_name(enum vt_accel accel);       /* "auto" "kvm" "qemu" */

VITRINE_END

#endif
