/*
 * vmm/machine/probe_kvm.c - finds out by trying what /dev/kvm here is worth.
 *
 * A throw-away VM of 64 KiB runs some hundred instructions. It is run by a child process of its
 * own, which writes its findings into shared memory step by step: if KVM hangs, the parent ends the
 * child after PROBE_LIMIT_MS and still has what was found. The child makes system calls only (it
 * may be the copy of one thread of many).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/boot.h"
#include "vmm/base/clock.h"
#include "vmm/machine/host.h"
#include "vmm/machine/probe_guest.h"

#define PROBE_LIMIT_MS     2000
#define STEP_TICKS         10 /* of TICK_US: how long one step may take */
#define TICK_US            20000
#define CPUID_ENTRIES_MAX  256
#define CPUID_FEATURE_LEAF 7
#define CPUID_HIDDEN                                                                               \
    0x120u /* AVX2, BMI2: hidden from the probe's guest, to see whether it sees them */

#define FAST_INSTRUCTION_NS 50.0 /* slower than this is interpreted */

struct probe {
    struct vt_host host; /* the findings */
    bool finished;
    const char *step; /* literal: what is being tried */
    int error_number;

    int kvm_fd, vm_fd, cpu_fd;
    struct kvm_run *run;
    uint8_t *memory;
    struct kvm_sregs system; /* for the start of every step */
    struct {
        struct kvm_cpuid2 head;
        struct kvm_cpuid_entry2 entries[CPUID_ENTRIES_MAX];
    } cpuid;
};

static volatile sig_atomic_t ticks;

static void tick(int signal)
{
    (void)signal;
    ticks++;
}

static uint64_t guest_address(const unsigned char *symbol)
{
    return PROBE_CODE_PHYS + (uint64_t)(symbol - probe_guest_start);
}

static void write_gate(struct probe *probe, unsigned vector, uint64_t handler)
{
    uint64_t gate[2] = {(handler & 0xffff) | 8ull << 16 | 0x8e00ull << 32 |
                            (handler >> 16 & 0xffff) << 48,
                        handler >> 32};

    memcpy(probe->memory + PROBE_IDT_PHYS + 16ul * vector, gate, sizeof(gate));
}

static void fill_memory(struct probe *probe)
{
    static const uint64_t descriptors[] = {
        0,
        0x00af9b000000ffff,                                  /* 0x08 kernel code */
        0x00cf93000000ffff,                                  /* 0x10 kernel data */
        0x00cffb000000ffff,                                  /* 0x18 user code, 32 bit */
        0x00cff3000000ffff,                                  /* 0x20 user data */
        0x00affb000000ffff,                                  /* 0x28 user code */
        0x0000890000000067 | (uint64_t)PROBE_TSS_PHYS << 16, /* 0x30 TSS */
        0,
    };
    uint64_t *tables = (uint64_t *)(probe->memory + PROBE_TABLES_PHYS);
    const uint64_t kernel_stack = PROBE_STACK_PHYS;
    const uint16_t no_io_map = 0x68; /* behind the limit: CPL3 may use no port */

    memcpy(probe->memory + PROBE_CODE_PHYS, probe_guest_start,
           (size_t)(probe_guest_end - probe_guest_start));
    tables[0] = (PROBE_TABLES_PHYS + 0x1000) | 7; /* present, writable, user */
    tables[512] = (PROBE_TABLES_PHYS + 0x2000) | 7;
    tables[1024] = 0x87; /* and 2 MiB large */
    memcpy(probe->memory + PROBE_GDT_PHYS, descriptors, sizeof(descriptors));
    memcpy(probe->memory + PROBE_TSS_PHYS + 4, &kernel_stack, sizeof(kernel_stack));
    memcpy(probe->memory + PROBE_TSS_PHYS + 0x66, &no_io_map, sizeof(no_io_map));
    for (unsigned vector = 0; vector < 32; vector++)
        write_gate(probe, vector,
                   guest_address(probe_guest_handlers) + (uint64_t)vector * PROBE_HANDLER_BYTES);
    write_gate(probe, PROBE_TIMER_VECTOR, guest_address(probe_guest_timer));
}

static bool make_vm(struct probe *probe)
{
    struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP};
    struct kvm_userspace_memory_region region = {.memory_size = PROBE_BYTES};
    uint64_t identity_map = 0xfffbc000;
    int run_bytes;

    probe->step = "opening /dev/kvm";
    probe->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (probe->kvm_fd < 0)
        return false;
    probe->step = "asking for the API version";
    probe->host.kvm_version = ioctl(probe->kvm_fd, KVM_GET_API_VERSION, 0);
    if (probe->host.kvm_version != KVM_API_VERSION)
        return false;
    probe->step = "making a virtual machine";
    probe->vm_fd = ioctl(probe->kvm_fd, KVM_CREATE_VM, 0);
    if (probe->vm_fd < 0)
        return false;
    (void)ioctl(probe->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
    (void)ioctl(probe->vm_fd, KVM_SET_TSS_ADDR, 0xfffbd000);
    probe->step = "making interrupt controllers";
    if (ioctl(probe->vm_fd, KVM_ENABLE_CAP, &split) < 0 &&
        ioctl(probe->vm_fd, KVM_CREATE_IRQCHIP, 0) < 0)
        return false;
    probe->step = "giving the machine memory";
    probe->memory =
        mmap(NULL, PROBE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (probe->memory == MAP_FAILED)
        return false;
    fill_memory(probe);
    region.userspace_addr = (uintptr_t)probe->memory;
    if (ioctl(probe->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
        return false;
    probe->step = "making a CPU";
    probe->cpu_fd = ioctl(probe->vm_fd, KVM_CREATE_VCPU, 0);
    run_bytes = ioctl(probe->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (probe->cpu_fd < 0 || run_bytes < 0)
        return false;
    probe->run =
        mmap(NULL, (size_t)run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, probe->cpu_fd, 0);
    return probe->run != MAP_FAILED;
}

static const struct kvm_cpuid_entry2 *cpuid_leaf(const struct probe *probe, uint32_t leaf,
                                                 uint32_t index)
{
    for (unsigned i = 0; i < probe->cpuid.head.nent; i++)
        if (probe->cpuid.entries[i].function == leaf && probe->cpuid.entries[i].index == index)
            return &probe->cpuid.entries[i];
    return NULL;
}

static bool set_cpuid(struct probe *probe)
{
    probe->step = "setting the CPU features";
    probe->cpuid.head.nent = CPUID_ENTRIES_MAX;
    if (ioctl(probe->kvm_fd, KVM_GET_SUPPORTED_CPUID, &probe->cpuid) < 0)
        return false;
    for (unsigned i = 0; i < probe->cpuid.head.nent; i++) {
        struct kvm_cpuid_entry2 *entry = &probe->cpuid.entries[i];

        if (entry->function == 1)
            entry->ecx |= 1u << 21 | 1u << 24; /* x2APIC, TSC-deadline */
        if (entry->function == CPUID_FEATURE_LEAF && entry->index == 0)
            entry->ebx &= ~CPUID_HIDDEN;
    }
    return ioctl(probe->cpu_fd, KVM_SET_CPUID2, &probe->cpuid) == 0;
}

static bool set_system_registers(struct probe *probe)
{
    const struct kvm_segment code = {
        .limit = 0xffffffff, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
    const struct kvm_segment data = {
        .limit = 0xffffffff, .selector = 16, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};
    struct kvm_sregs *system = &probe->system;
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entries[3];
    } msrs = {.head.nmsrs = 3,
              .entries = {{.index = 0xc0000081, .data = 0x001b000800000000}, /* STAR */
                          {.index = 0xc0000082, .data = guest_address(probe_guest_syscall)},
                          {.index = 0xc0000084, .data = 0}}};

    probe->step = "entering 64-bit mode";
    if (ioctl(probe->cpu_fd, KVM_GET_SREGS, system) < 0)
        return false;
    system->cs = code;
    system->ds = system->es = system->fs = system->gs = system->ss = data;
    system->gdt = (struct kvm_dtable){.base = PROBE_GDT_PHYS, .limit = 63};
    system->idt = (struct kvm_dtable){.base = PROBE_IDT_PHYS, .limit = 0xfff};
    system->tr = (struct kvm_segment){
        .base = PROBE_TSS_PHYS, .limit = 0x67, .selector = 0x30, .type = 11, .present = 1};
    system->cr0 = 0x80010033;
    system->cr3 = PROBE_TABLES_PHYS;
    system->cr4 = 0x620;
    system->efer = 0xd01;
    return ioctl(probe->cpu_fd, KVM_SET_SREGS, system) == 0 &&
           ioctl(probe->cpu_fd, KVM_SET_MSRS, &msrs) == 3;
}

/* Runs one step: what it put out, or -1 if it ended in any other way. ret_ns may be NULL. */
static int64_t run_step(struct probe *probe, const unsigned char *entry, uint64_t rax, uint64_t rcx,
                        uint64_t *ret_ns)
{
    struct kvm_regs registers = {
        .rip = guest_address(entry), .rax = rax, .rcx = rcx, .rsp = PROBE_STACK_PHYS, .rflags = 2};
    uint64_t start;
    int64_t value = -1;
    uint32_t out = 0;

    if (ioctl(probe->cpu_fd, KVM_SET_SREGS, &probe->system) < 0 ||
        ioctl(probe->cpu_fd, KVM_SET_REGS, &registers) < 0)
        return -1;
    ticks = 0;
    start = clock_ns(CLOCK_MONOTONIC_RAW);
    while (ioctl(probe->cpu_fd, KVM_RUN, 0) < 0)
        if ((errno != EINTR && errno != EAGAIN) || ticks >= STEP_TICKS)
            return -1;
    if (ret_ns)
        *ret_ns = clock_ns(CLOCK_MONOTONIC_RAW) - start;
    if (probe->run->exit_reason == KVM_EXIT_IO && probe->run->io.port == PROBE_PORT &&
        probe->run->io.direction == KVM_EXIT_IO_OUT && probe->run->io.size <= sizeof(out)) {
        memcpy(&out, (uint8_t *)probe->run + probe->run->io.data_offset, probe->run->io.size);
        value = out;
    }
    /* The kernel finishes the `out` before the next step sets the registers. */
    probe->run->immediate_exit = 1;
    (void)ioctl(probe->cpu_fd, KVM_RUN, 0);
    probe->run->immediate_exit = 0;
    return value;
}

/* Nanoseconds per instruction of a loop, the cost of entering and leaving taken off; negative =
 * failed. */
static double instruction_ns(struct probe *probe, uint64_t rounds)
{
    uint64_t least_short = UINT64_MAX, least_long = UINT64_MAX, ns;

    for (int i = 0; i < 3; i++) {
        if (run_step(probe, probe_guest_loop, 0, 1, &ns) != PROBE_YES)
            return -1;
        least_short = ns < least_short ? ns : least_short;
        if (run_step(probe, probe_guest_loop, 0, rounds, &ns) != PROBE_YES)
            return -1;
        least_long = ns < least_long ? ns : least_long;
    }
    return least_long > least_short
               ? (double)(least_long - least_short) / (double)(2 * (rounds - 1))
               : 0;
}

/* Does the guest see the features that it was given, and only those, in kernel mode and in user
 * mode? */
static bool cpuid_obeys(struct probe *probe)
{
    const struct kvm_cpuid_entry2 *leaf = cpuid_leaf(probe, CPUID_FEATURE_LEAF, 0);
    volatile uint32_t *found = (uint32_t *)(probe->memory + PROBE_RESULT_PHYS);
    const unsigned char *entries[] = {probe_guest_cpuid, probe_guest_user_cpuid};

    for (unsigned i = 0; leaf && i < 2; i++) {
        *found = ~leaf->ebx;
        (void)run_step(probe, entries[i], CPUID_FEATURE_LEAF, 0, NULL);
        if (*found != leaf->ebx)
            return false;
    }
    return leaf;
}

/* The vector state that user code reaches, as in XCR0, as far as KVM can show and set it. 0 = none
 * that it knows of. */
static uint64_t user_state(struct probe *probe)
{
    volatile uint32_t *found = (uint32_t *)(probe->memory + PROBE_RESULT_PHYS);
    uint64_t supported = 0;
    struct kvm_device_attr attribute = {.attr = KVM_X86_XCOMP_GUEST_SUPP,
                                        .addr = (uintptr_t)&supported};

    *found = 0;
    (void)run_step(probe, probe_guest_user_state, 0, 0, NULL);
    if (ioctl(probe->kvm_fd, KVM_GET_DEVICE_ATTR, &attribute) < 0)
        return 0;
    return *found & supported;
}

static uint32_t features(const struct probe *probe)
{
    static const struct {
        uint32_t leaf, index;
        uint8_t reg, bit; /* reg: eax ebx ecx edx */
        uint32_t feature;
    } map[] = {
        {1, 0, 2, 28, BOOT_CPU_AVX},
        {7, 0, 1, 7, BOOT_CPU_SMEP},
        {7, 0, 1, 20, BOOT_CPU_SMAP},
        {7, 0, 2, 2, BOOT_CPU_UMIP},
        {1, 0, 2, 17, BOOT_CPU_PCID},
        {7, 0, 1, 0, BOOT_CPU_FSGSBASE},
        {1, 0, 2, 30, BOOT_CPU_RDRAND},
        {0xd, 1, 0, 0, BOOT_CPU_XSAVEOPT},
        {7, 0, 1, 10, BOOT_CPU_INVPCID},
        {7, 0, 1, 16, BOOT_CPU_AVX512},
        {0x80000001, 0, 3, 26, BOOT_CPU_GBPAGES},
    };
    uint32_t found = probe->host.kvm_xsave_works ? BOOT_CPU_XSAVE : 0;

    for (unsigned i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
        const struct kvm_cpuid_entry2 *entry = cpuid_leaf(probe, map[i].leaf, map[i].index);
        const uint32_t needs_xsave = BOOT_CPU_AVX | BOOT_CPU_XSAVEOPT | BOOT_CPU_AVX512;
        uint32_t values[4] = {0};

        if (entry)
            memcpy(values, (uint32_t[]){entry->eax, entry->ebx, entry->ecx, entry->edx},
                   sizeof(values));
        if ((values[map[i].reg] >> map[i].bit & 1) &&
            (probe->host.kvm_xsave_works || !(map[i].feature & needs_xsave)))
            found |= map[i].feature;
    }
    return found;
}

static bool run_steps(struct probe *probe)
{
    struct vt_host *host = &probe->host;
    const struct itimerval interval = {{0, TICK_US}, {0, TICK_US}};
    struct sigaction action = {.sa_handler =
                                   tick}; /* no SA_RESTART: a tick ends a hanging KVM_RUN */
    uint64_t ns;
    int khz;

    if (!make_vm(probe) || !set_cpuid(probe) || !set_system_registers(probe))
        return false;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &interval, NULL);

    probe->step = "running guest code";
    errno = 0;
    if (run_step(probe, probe_guest_loop, 0, 1, &ns) != PROBE_YES)
        return false;
    host->kvm_ring0_ns = instruction_ns(probe, 100);
    if (host->kvm_ring0_ns < FAST_INSTRUCTION_NS) /* too short to be measured: more rounds */
        host->kvm_ring0_ns = instruction_ns(probe, 500000);
    if (host->kvm_ring0_ns < 0)
        return false;
    host->kvm_usable = true;
    khz = ioctl(probe->cpu_fd, KVM_GET_TSC_KHZ, 0);
    host->tsc_khz = khz > 0 ? (uint64_t)khz : 0;

    /* From here on a step that fails is a finding. */
    probe->step = "CPUID";
    host->kvm_cpuid_filtered = cpuid_obeys(probe);
    probe->step = "`syscall` from user mode";
    host->kvm_syscall_works = run_step(probe, probe_guest_user, 0, 0, NULL) == PROBE_YES;
    probe->step = "the x2APIC";
    host->kvm_x2apic = run_step(probe, probe_guest_x2apic, 0, 0, NULL) == PROBE_YES;
    /* SET_SREGS would otherwise put the LAPIC back into its first mode. */
    if (host->kvm_x2apic &&
        ioctl(probe->vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0) {
        struct kvm_sregs now;

        if (ioctl(probe->cpu_fd, KVM_GET_SREGS, &now) == 0)
            probe->system.apic_base = now.apic_base;
        probe->step = "the TSC-deadline timer";
        host->kvm_tsc_deadline = run_step(probe, probe_guest_deadline, 0, 0, NULL) == PROBE_YES;
    }
    probe->step = "user mode's vector state";
    host->kvm_user_state = user_state(probe);
    probe->step = "int3 in kernel mode";
    host->kvm_int3_works = run_step(probe, probe_guest_int3, 0, 0, NULL) == 0x83;
    probe->step = "xsave in kernel mode";
    host->kvm_xsave_works = run_step(probe, probe_guest_xsave, 0, 0, NULL) == PROBE_YES;
    host->kvm_cpu_features = features(probe);
    return true;
}

static void run_child(struct probe *probe, int done_fd)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    probe->finished = run_steps(probe);
    probe->error_number = errno;
    close(done_fd);
    _exit(0);
}

static void describe_problem(struct probe *probe, bool timed_out)
{
    struct vt_host *host = &probe->host;
    const char *step = probe->step ? probe->step : "starting the probe";

    if (timed_out)
        snprintf(host->kvm_problem, sizeof(host->kvm_problem), "the test machine hung at: %s",
                 step);
    else if (!host->kvm_present)
        snprintf(host->kvm_problem, sizeof(host->kvm_problem), "there is no /dev/kvm");
    else if (host->kvm_version > 0 && host->kvm_version != KVM_API_VERSION)
        snprintf(host->kvm_problem, sizeof(host->kvm_problem), "API version %d instead of %d",
                 host->kvm_version, KVM_API_VERSION);
    else
        snprintf(host->kvm_problem, sizeof(host->kvm_problem), "%s failed: %s", step,
                 probe->error_number ? strerror(probe->error_number)
                                     : "the guest did not do what its code says");
}

void host_probe_kvm(struct vt_host *host)
{
    struct probe *probe;
    struct pollfd done = {.events = POLLIN};
    bool timed_out = false;
    int pipes[2];
    pid_t child;

    host->kvm_present = access("/dev/kvm", F_OK) == 0;
    probe = mmap(NULL, sizeof(*probe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (probe == MAP_FAILED)
        return;
    probe->host = *host;
    if (host->kvm_present && pipe2(pipes, O_CLOEXEC) == 0) {
        child = fork();
        if (child == 0)
            run_child(probe, pipes[1]);
        close(pipes[1]);
        if (child > 0) {
            /* The pipe ends with the child, however that ends. */
            done.fd = pipes[0];
            timed_out = poll(&done, 1, PROBE_LIMIT_MS) == 0;
            kill(child, SIGKILL);
            while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
                ;
        }
        close(pipes[0]);
    }
    if (!probe->finished)
        describe_problem(probe, timed_out);
    if (timed_out)
        probe->host.kvm_usable = false;
    *host = probe->host;
    munmap(probe, sizeof(*probe));
}
