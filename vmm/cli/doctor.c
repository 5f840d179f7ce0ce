/*
 * vmm/cli/doctor.c - `vitrine doctor`: what the probe found on this host.
 */
#include <argp.h>
#include <jansson.h>
#include <stdio.h>

#include "vmm/cli/cli.h"

static const struct {
    uint32_t bit;
    const char *name;
} features[] = {
    {BOOT_CPU_XSAVE, "xsave"},       {BOOT_CPU_XSAVEOPT, "xsaveopt"}, {BOOT_CPU_AVX, "avx"},
    {BOOT_CPU_AVX512, "avx512"},     {BOOT_CPU_SMEP, "smep"},         {BOOT_CPU_SMAP, "smap"},
    {BOOT_CPU_UMIP, "umip"},         {BOOT_CPU_PCID, "pcid"},         {BOOT_CPU_INVPCID, "invpcid"},
    {BOOT_CPU_FSGSBASE, "fsgsbase"}, {BOOT_CPU_RDRAND, "rdrand"},     {BOOT_CPU_GBPAGES, "1gpages"},
};
#define FEATURE_COUNT (sizeof(features) / sizeof(features[0]))

struct doctor_options {
    bool json, refresh;
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct doctor_options *options = state->input;

    (void)argument;
    switch (key) {
    case 'j':
        options->json = true;
        return 0;
    case 'r':
        options->refresh = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static json_t *feature_list(uint32_t mask)
{
    json_t *list = json_array();

    for (size_t i = 0; i < FEATURE_COUNT; i++)
        if (mask & features[i].bit)
            json_array_append_new(list, json_string(features[i].name));
    return list;
}

static void print_json(const struct vt_host *host)
{
    json_t *kvm = json_pack(
        "{s:b,s:b,s:i,s:s,s:b,s:f,s:b,s:b,s:b,s:b,s:b,s:b,s:I,s:o}", "present", host->kvm_present,
        "usable", host->kvm_usable, "version", host->kvm_version, "problem", host->kvm_problem,
        "hardware", host->kvm_hardware, "ring0_ns_per_instruction", host->kvm_ring0_ns,
        "syscall_works", host->kvm_syscall_works, "cpuid_filtered", host->kvm_cpuid_filtered,
        "int3_works", host->kvm_int3_works, "xsave_works", host->kvm_xsave_works, "x2apic",
        host->kvm_x2apic, "tsc_deadline", host->kvm_tsc_deadline, "user_state",
        (json_int_t)host->kvm_user_state, "cpu_features", feature_list(host->kvm_cpu_features));
    json_t *qemu = json_pack("{s:b,s:s,s:s,s:o}", "present", host->qemu_present, "path",
                             host->qemu_path, "version", host->qemu_version, "cpu_features",
                             feature_list(host->qemu_cpu_features));
    json_t *object = json_pack(
        "{s:s,s:s,s:s,s:s,s:I,s:b,s:o,s:o}", "verdict", vt_verdict_name(host->verdict), "auto",
        vt_accel_name(host->chosen), "reason", host->reason, "cpu_model", host->cpu_model,
        "tsc_khz", (json_int_t)host->tsc_khz, "cached", host->cached, "kvm", kvm, "qemu", qemu);

    json_dumpf(object, stdout, JSON_INDENT(1) | JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(object);
}

static const char *yes(bool value)
{
    return value ? "yes" : "no";
}

static void print_features(const char *label, uint32_t mask)
{
    printf("%-14s", label);
    for (size_t i = 0; i < FEATURE_COUNT; i++)
        if (mask & features[i].bit)
            printf(" %s", features[i].name);
    puts(mask ? "" : " none");
}

static void print_text(const struct vt_host *host)
{
    printf("verdict        %s (hardware virtualisation as a machine here can use it)\n",
           vt_verdict_name(host->verdict));
    printf("--accel auto   %s: %s\n", vt_accel_name(host->chosen), host->reason);
    printf("processor      %s, TSC %lu.%03lu MHz\n",
           host->cpu_model[0] ? host->cpu_model : "unknown", (unsigned long)host->tsc_khz / 1000,
           (unsigned long)host->tsc_khz % 1000);
    if (host->kvm_usable) {
        printf("KVM            version %d, %s, %.1f ns per kernel-mode instruction\n",
               host->kvm_version, host->kvm_hardware ? "in hardware" : "in software",
               host->kvm_ring0_ns);
        printf("  syscall enters the kernel %s, CPUID obeys us %s, int3 %s, xsave %s, x2APIC %s, "
               "TSC deadline %s\n",
               yes(host->kvm_syscall_works), yes(host->kvm_cpuid_filtered),
               yes(host->kvm_int3_works), yes(host->kvm_xsave_works), yes(host->kvm_x2apic),
               yes(host->kvm_tsc_deadline));
        printf("  user code's vector state (XCR0) %#lx%s\n", (unsigned long)host->kvm_user_state,
               host->kvm_user_state & ~3ul && !host->kvm_xsave_works
                   ? ", saved by us: the kernel cannot"
                   : "");
        print_features("  features", host->kvm_cpu_features);
    } else {
        printf("KVM            not usable: %s\n",
               host->kvm_problem[0] ? host->kvm_problem : "no /dev/kvm");
    }
    if (host->qemu_present) {
        printf("QEMU           %s, %s\n", host->qemu_version, host->qemu_path);
        print_features("  features", host->qemu_cpu_features);
    } else {
        puts("QEMU           not installed (package qemu-system-x86)");
    }
    printf("measured       %s\n",
           host->cached ? "earlier since this host booted (--refresh measures again)" : "now");
}

int cli_doctor(int argc, char **argv)
{
    static const struct argp_option option_list[] = {
        {"json", 'j', NULL, 0, "Print JSON", 0},
        {"refresh", 'r', NULL, 0,
         "Measure again instead of using the result kept since the host booted", 0},
        {0}};
    struct argp argp = {.options = option_list,
                        .parser = parse_option,
                        .doc = "Tell what this host can do, which backend is used, and why."};
    struct doctor_options options = {false, false};
    struct vt_host host;

    argp_parse(&argp, argc, argv, 0, NULL, &options);
    struct vt_error *error = vt_host_probe(options.refresh, &host);
    if (error)
        return cli_fail(error);
    if (options.json)
        print_json(&host);
    else
        print_text(&host);
    return 0;
}
