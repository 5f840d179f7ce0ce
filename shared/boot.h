/*
 * shared/boot.h - what the VMM hands to the kernel before the first instruction runs.
 *
 * Two ways in, one boot page:
 *   - PVH (QEMU, or any PVH loader): 32-bit protected mode, EBX = struct hvm_start_info. The entry
 * point is the ELF note XEN_ELFNOTE_PHYS32_ENTRY (type 18, name "Xen").
 *   - direct (our KVM VMM): 64-bit mode with the kernel's own static page tables in CR3, at the
 * address that the ELF note VITRINE_NOTE_BOOT gives. Either way the boot page lies at
 * BOOT_INFO_PHYS and is the only source of configuration.
 *
 * Contract: all guest RAM that no field here names, and that no loaded kernel segment covers, reads
 * as zero. The kernel relies on this: frames that were never used need no clearing.
 */
#ifndef VITRINE_SHARED_BOOT_H
#define VITRINE_SHARED_BOOT_H

#include <stdint.h>

/* "Vriebo" + "ot", little endian; checked with the version. */
#define BOOT_MAGIC   0x746f6f6265697256ull
#define BOOT_VERSION 3

/* Physical addresses: struct boot_info (one page); the program's arguments and environment, packed
 * as boot_info says, and how many bytes there are for them; the lowest one of a kernel segment. */
#define BOOT_INFO_PHYS    0x100000ull
#define BOOT_STRINGS_PHYS 0x101000ull
#define BOOT_STRINGS_MAX  0x7f000ull
#define BOOT_KERNEL_PHYS  0x200000ull

#define BOOT_CPUS_MAX       64
#define BOOT_FILES_MAX      16
#define BOOT_RAM_RANGES_MAX 2

/* ELF note of the kernel: name "Vitrine", type VITRINE_NOTE_BOOT, descriptor struct boot_note. */
#define VITRINE_NOTE_NAME "Vitrine"
#define VITRINE_NOTE_BOOT 1

struct boot_note {
    uint64_t entry64; /* virtual address of the 64-bit entry, first CPU: RDI = BOOT_INFO_PHYS */
    uint64_t entry64_other; /* the same for further CPUs: RDI = index of the CPU, RSP is ignored */
    uint64_t page_tables;   /* physical address for CR3 at either 64-bit entry */
    uint64_t glass_phys;    /* physical address of struct glass (shared/glass.h) */
    uint64_t memory_end; /* first physical address after the kernel's last segment, .bss included */
};

enum boot_flags {
    BOOT_FLAG_SOFT_SYSCALL =
        1u << 0,                /* `syscall` stays at CPL3: use the ud2 page (docs/hosts.md) */
    BOOT_FLAG_X2APIC = 1u << 1, /* x2APIC MSRs work; otherwise MMIO LAPIC at 0xfee00000 */
    BOOT_FLAG_TSC_DEADLINE = 1u << 2,     /* the LAPIC timer has TSC-deadline mode */
    BOOT_FLAG_DIRECT_CPU_START = 1u << 3, /* HYPERCALL_START_CPU works; otherwise INIT/SIPI */
    BOOT_FLAG_KICK_SERIAL = 1u << 4, /* host-to-guest interrupts arrive as COM1 receive interrupts
                                        (IOAPIC pin 4); otherwise as vector KICK_VECTOR */
    BOOT_FLAG_BELL_BLOCKS = 1u << 5, /* the `out` of a stop returns only when the host resumes */
    BOOT_FLAG_TRACE = 1u << 6,       /* record events from the first task on */
    BOOT_FLAG_TRACE_LOSSLESS = 1u << 7, /* a full ring makes the guest wait for the reader */
    BOOT_FLAG_TRACE_SYSCALLS = 1u << 8, /* system-call enter and exit too */
    BOOT_FLAG_NO_ASLR = 1u << 9,        /* fixed layout, for tests and exact replay */
    BOOT_FLAG_TTY_STDIN = 1u << 10,     /* what the host's isatty() said of each stream */
    BOOT_FLAG_TTY_STDOUT = 1u << 11,
    BOOT_FLAG_TTY_STDERR = 1u << 12,
    BOOT_FLAG_HOLD_AT_START =
        1u << 13, /* stop (as by a stop point) before the first user instruction */
    BOOT_FLAG_INTERPRETED = 1u << 14, /* each kernel instruction costs about a microsecond: do not
                                         clear what may be had from the host as zero */
    BOOT_FLAG_FPU_BY_HOST =
        1u << 15, /* vector state is saved and loaded by HYPERCALL_FPU_SAVE and _LOAD: user code
                     reaches more of it than kernel code can save (docs/hosts.md) */
    BOOT_FLAG_TTY_COOKED = 1u << 16, /* the host's terminal itself turns LF into CR LF */
    BOOT_FLAG_TRACE_TEXT = 1u << 17, /* system calls with all arguments and texts, for strace */
    BOOT_FLAG_FPU_ON_DEMAND =
        1u << 18, /* no speculation here, and saving vector state is dear: load
                                           it at first use (the option fpu=eager overrides) */
};

/*
 * CPU features that the kernel may use. The guest's CPUID cannot be trusted on every host, so a
 * feature is used only when CPUID has it AND its bit is set here.
 */
enum boot_cpu_features {
    BOOT_CPU_XSAVE = 1u << 0,
    BOOT_CPU_AVX = 1u << 1,
    BOOT_CPU_SMEP = 1u << 2,
    BOOT_CPU_SMAP = 1u << 3,
    BOOT_CPU_UMIP = 1u << 4,
    BOOT_CPU_PCID = 1u << 5,
    BOOT_CPU_FSGSBASE = 1u << 6,
    BOOT_CPU_RDRAND = 1u << 7,
    BOOT_CPU_XSAVEOPT = 1u << 8,
    BOOT_CPU_GBPAGES = 1u << 9,
    BOOT_CPU_INVPCID = 1u << 10,
    BOOT_CPU_AVX512 = 1u << 11,
};

struct boot_range {
    uint64_t phys;  /* bytes, page aligned */
    uint64_t bytes; /* page aligned */
};

/* A file of the host that appears in the guest's root without being in the image. */
struct boot_file {
    uint64_t phys;  /* page aligned; the rest of the last page is zero */
    uint64_t bytes; /* length of the file */
    uint32_t mode;  /* permission bits */
    uint32_t path;  /* offset into the strings block of the absolute path, NUL-terminated */
};

struct boot_info {
    uint64_t magic;
    uint32_t version;
    uint32_t flags;          /* enum boot_flags */
    uint32_t cpu_features;   /* enum boot_cpu_features */
    uint32_t cpu_count;      /* 1..BOOT_CPUS_MAX; APIC id of CPU i is i */
    uint64_t tsc_khz;        /* frequency of the guest's TSC */
    uint64_t wall_ns;        /* CLOCK_REALTIME of the host at wall_tsc, nanoseconds since 1970 */
    uint64_t wall_tsc;       /* guest TSC that belongs to wall_ns; 0 = the TSC at kernel entry */
    uint64_t lapic_timer_hz; /* count rate of the LAPIC timer at divider 1 where it has no
                                TSC-deadline */
    uint64_t random_seed[4]; /* host entropy */
    struct boot_range ram[BOOT_RAM_RANGES_MAX]; /* ascending; unused entries have bytes = 0 */
    struct boot_range image; /* EROFS image, page aligned, read-only; bytes = 0: none */
    uint32_t file_count;
    uint32_t argument_count; /* argv[] of the first program, argument 0 is its path */
    uint32_t environment_count;
    uint32_t strings_bytes; /* used bytes at BOOT_STRINGS_PHYS */
    uint32_t arguments;   /* offset of the first argument; they follow each other, NUL-terminated */
    uint32_t environment; /* offset of the first KEY=VALUE string */
    uint32_t working_directory; /* offset of an absolute path */
    uint32_t kernel_options; /* offset of the kernel's option string ("name=value name ..."), may be
                                "" */
    uint32_t program;        /* offset of the path to execute */
    uint32_t trace_ring_records; /* per CPU, a power of two; 0 = the kernel's default */
    uint16_t window_rows;        /* terminal size, 0 = unknown */
    uint16_t window_columns;
    uint32_t fpu_bytes; /* BOOT_FLAG_FPU_BY_HOST: size of a state, as of xsave's standard form */
    uint64_t fpu_components; /* ... and what it holds, as in XCR0 */
    struct boot_file files[BOOT_FILES_MAX];
    uint32_t token; /* offset of who the program is to be: a token's specification in hexadecimal
                       digits; "" = SYSTEM */
};

#ifndef __cplusplus /* which has another word for it */
_Static_assert(sizeof(struct boot_info) <= 4096, "the boot information is one page");
#endif

#endif
