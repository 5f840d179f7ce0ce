/*
 * vmm/machine/probe.c - the verdict about this host: native, soft or none, and which backend `auto`
 * takes.
 *
 * Opening /dev/kvm proves nothing: some hosts offer KVM without hardware behind it, where user code
 * runs at full speed and every kernel instruction is interpreted. So the verdict comes from what
 * probe_kvm.c ran.
 */
#include <cpuid.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/clock.h"
#include "vmm/machine/host.h"

#define NATIVE_INSTRUCTION_NS 20.0 /* hardware needs below 1 ns, an interpreter hundreds */
#define TSC_MEASURE_NS        20000000ull

static bool cpu_has_virtualization(void)
{
    unsigned a, b, c, d;

    if (__get_cpuid(1, &a, &b, &c, &d) && (c >> 5 & 1))
        return true;                                                /* VMX */
    return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c >> 2 & 1); /* SVM */
}

static void read_cpu_model(struct vt_host *host)
{
    unsigned words[13] = {0};
    const char *name = (const char *)words;
    size_t length;

    for (unsigned i = 0; i < 3; i++) {
        unsigned *part = words + 4ul * i;

        if (!__get_cpuid(0x80000002 + i, &part[0], &part[1], &part[2], &part[3]))
            return;
    }
    while (*name == ' ')
        name++;
    length = strlen(name);
    while (length > 0 && name[length - 1] == ' ')
        length--;
    snprintf(host->cpu_model, sizeof(host->cpu_model), "%.*s", (int)length, name);
}

/* One reading of both clocks, with the TSC in the middle of the shortest of some tries. */
static void read_clocks(uint64_t *ret_tsc, uint64_t *ret_ns)
{
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < 8; i++) {
        uint64_t before = __builtin_ia32_rdtsc();
        uint64_t ns = clock_ns(CLOCK_MONOTONIC_RAW);
        uint64_t after = __builtin_ia32_rdtsc();

        if (after - before < best) {
            best = after - before;
            *ret_tsc = before + best / 2;
            *ret_ns = ns;
        }
    }
}

static uint64_t measure_tsc_khz(void)
{
    const struct timespec pause = {.tv_nsec = TSC_MEASURE_NS};
    uint64_t tsc[2], ns[2];

    read_clocks(&tsc[0], &ns[0]);
    nanosleep(&pause, NULL);
    read_clocks(&tsc[1], &ns[1]);
    return (uint64_t)((double)(tsc[1] - tsc[0]) * 1e6 / (double)(ns[1] - ns[0]) + 0.5);
}

static void decide(struct vt_host *host)
{
    const char *qemu = host->qemu_present ? "" : ", and QEMU is not installed";

    if (!host->kvm_usable)
        host->verdict = VT_VERDICT_NONE;
    else if (host->kvm_hardware && host->kvm_ring0_ns < NATIVE_INSTRUCTION_NS &&
             host->kvm_syscall_works)
        host->verdict = VT_VERDICT_NATIVE;
    else
        host->verdict = VT_VERDICT_SOFT;

    switch (host->verdict) {
    case VT_VERDICT_NATIVE:
        host->chosen = VT_ACCEL_KVM;
        snprintf(host->reason, sizeof(host->reason),
                 "KVM runs on the processor's own virtualisation");
        break;
    case VT_VERDICT_SOFT:
        host->chosen = host->qemu_present ? VT_ACCEL_QEMU : VT_ACCEL_KVM;
        snprintf(host->reason, sizeof(host->reason),
                 "this KVM interprets kernel code (%.0f ns per instruction%s)%s",
                 host->kvm_ring0_ns, host->kvm_hardware ? "" : ", no VMX or SVM",
                 host->qemu_present ? "; QEMU is much faster for it"
                                    : ", but QEMU is not installed: apt install qemu-system-x86");
        break;
    default:
        host->chosen = host->qemu_present ? VT_ACCEL_QEMU : VT_ACCEL_AUTO;
        snprintf(host->reason, sizeof(host->reason), "KVM is not usable (%s)%s", host->kvm_problem,
                 qemu);
        break;
    }
}

struct vt_error *vt_host_probe(bool refresh, struct vt_host *ret)
{
    /* Several threads may start machines at once; one probe is enough for all of a process. */
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct vt_host known;
    static bool is_known;
    struct vt_host host;

    pthread_mutex_lock(&lock);
    if (!refresh && is_known) {
        *ret = known;
        pthread_mutex_unlock(&lock);
        return NULL;
    }
    memset(&host, 0, sizeof(host));
    if (!refresh && host_cache_read(&host)) {
        host.cached = true;
    } else {
        memset(&host, 0, sizeof(host));
        read_cpu_model(&host);
        host_probe_kvm(&host);
        host.kvm_hardware = host.kvm_present && cpu_has_virtualization();
        host_probe_qemu(&host);
        if (!host.tsc_khz)
            host.tsc_khz = measure_tsc_khz();
        decide(&host);
        host_cache_write(&host);
    }
    known = host;
    is_known = true;
    *ret = host;
    pthread_mutex_unlock(&lock);
    return NULL;
}

const char *vt_verdict_name(enum vt_verdict verdict)
{
    return verdict == VT_VERDICT_NATIVE ? "native" : verdict == VT_VERDICT_SOFT ? "soft" : "none";
}

const char *vt_accel_name(enum vt_accel accel)
{
    return accel == VT_ACCEL_KVM ? "kvm" : accel == VT_ACCEL_QEMU ? "qemu" : "auto";
}
