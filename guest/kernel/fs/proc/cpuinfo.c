/*
 * kernel/fs/proc/cpuinfo.c - /proc/cpuinfo, from the CPUID of whichever CPU writes it (all are
 * alike) and the TSC rate of the boot page. The flags are those of CPUID leaves 1 and 0x80000001
 * that programs ask for, without the ones that this kernel does not let them use.
 */
#include "arch/cpu.h"
#include "arch/layout.h"
#include "arch/machine.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/lib/string.h"
#include "shared/boot.h"

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static struct cpuid cpuid(uint32_t leaf)
{
    struct cpuid result;

    __asm__ volatile("cpuid"
                     : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
                     : "a"(leaf), "c"(0));
    return result;
}

/* Names by bit, "" = no name in /proc/cpuinfo. */
static const char *const leaf1_edx[32] = {
    "fpu",  "vme",  "de",   "pse", "tsc",  "msr", "pae",   "mce", "cx8",     "apic", "",
    "sep",  "mtrr", "pge",  "mca", "cmov", "pat", "pse36", "pn",  "clflush", "",     "dts",
    "acpi", "mmx",  "fxsr", "sse", "sse2", "ss",  "ht",    "tm",  "ia64",    "pbe"};
static const char *const leaf1_ecx[32] = {
    "pni",    "pclmulqdq", "dtes64", "monitor", "ds_cpl",
    "vmx",    "smx",       "est",    "tm2",     "ssse3",
    "cid",    "sdbg",      "fma",    "cx16",    "xtpr",
    "pdcm",   "",          "pcid",   "dca",     "sse4_1",
    "sse4_2", "x2apic",    "movbe",  "popcnt",  "tsc_deadline_timer",
    "aes",    "xsave",     "",       "avx",     "f16c",
    "rdrand", "hypervisor"};
static const char *const extended_edx[32] = {
    [11] = "syscall", [20] = "nx", [26] = "pdpe1gb", [27] = "rdtscp", [29] = "lm"};
static const char *const extended_ecx[32] = {
    [0] = "lahf_lm", [5] = "abm", [6] = "sse4a", [8] = "3dnowprefetch"};

#define LEAF1_ECX_NEEDS_XSAVE (1u << 12 | 1u << 26 | 1u << 28 | 1u << 29)

static void add_flags(struct proc_text *text, uint32_t bits, const char *const names[32])
{
    for (unsigned i = 0; i < 32; i++) {
        if (bits >> i & 1 && names[i] && names[i][0])
            text_print(text, " %s", names[i]);
    }
}

static void add_names(struct proc_text *text, struct cpuid zero)
{
    char vendor[13], model[49];

    memcpy(vendor, &zero.ebx, 4);
    memcpy(vendor + 4, &zero.edx, 4);
    memcpy(vendor + 8, &zero.ecx, 4);
    vendor[12] = 0;
    memset(model, 0, sizeof(model));
    if (cpuid(0x80000000).eax >= 0x80000004) {
        for (uint32_t i = 0; i < 3; i++) {
            struct cpuid part = cpuid(0x80000002 + i);
            memcpy(model + 16ul * i, &part, 16);
        }
    }
    const char *name = model;
    while (*name == ' ')
        name++;
    uint32_t version = cpuid(1).eax;
    uint32_t family = version >> 8 & 15, number = version >> 4 & 15;
    if (family == 6 || family == 15)
        number |= version >> 12 & 0xf0;
    if (family == 15)
        family += version >> 20 & 0xff;
    text_print(
        text,
        "vendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\nstepping\t: %u\n",
        vendor, family, number, *name ? name : "unknown", version & 15);
}

int proc_show_cpuinfo(struct proc_text *text, const struct proc_target *target)
{
    const struct boot_info *boot = phys_to_virt(BOOT_INFO_PHYS);
    struct cpuid zero = cpuid(0), one = cpuid(1), extended = {0}, sizes = {.eax = 48 << 8 | 36};
    uint32_t top = cpuid(0x80000000).eax;
    unsigned cpus = cpu_count();

    (void)target;
    if (top >= 0x80000001)
        extended = cpuid(0x80000001);
    if (top >= 0x80000008)
        sizes = cpuid(0x80000008);
    uint32_t ecx = one.ecx;
    if (!(cpu_features & BOOT_CPU_XSAVE))
        ecx &= ~LEAF1_ECX_NEEDS_XSAVE;
    for (unsigned i = 0; i < cpus; i++) {
        text_print(text, "processor\t: %u\n", i);
        add_names(text, zero);
        text_print(text, "cpu MHz\t\t: %lu.%03lu\n", boot->tsc_khz / 1000, boot->tsc_khz % 1000);
        text_print(
            text,
            "physical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\napicid\t\t: %u\n"
            "initial apicid\t: %u\nfpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: "
            "yes\nflags\t\t:",
            cpus, i, cpus, i, i, zero.eax);
        add_flags(text, one.edx, leaf1_edx);
        add_flags(text, extended.edx, extended_edx);
        add_flags(text, ecx, leaf1_ecx);
        add_flags(text, extended.ecx, extended_ecx);
        text_print(
            text, "\nbugs\t\t:\nbogomips\t: %lu.%02lu\nclflush size\t: %u\ncache_alignment\t: 64\n",
            boot->tsc_khz * 2 / 1000, boot->tsc_khz * 2 / 10 % 100, (one.ebx >> 8 & 0xff) * 8);
        text_print(text,
                   "address sizes\t: %u bits physical, %u bits virtual\npower management:\n\n",
                   sizes.eax & 0xff, sizes.eax >> 8 & 0xff);
    }
    return 0;
}
