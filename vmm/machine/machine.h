/*
 * vmm/machine/machine.h - one virtual machine, whichever backend runs it.
 *
 * A machine is: a memory (shared memfd), CPUs, a doorbell towards us and a kick towards the guest.
 * It knows nothing about tasks or glass; vmm/inspect reads those from the same memory, vmm/session
 * serves the streams. Backends: kvm_*.c (/dev/kvm) and qemu_*.c (qemu-system-x86_64 -M microvm as a
 * child process).
 *
 * Threads: a backend calls the functions of struct machine_events from threads of its own;
 * everything else here is called by the owner, one call at a time, except machine_kick() and
 * machine_stop(), which any thread may call at any moment between start and destroy.
 */
#ifndef VITRINE_MACHINE_MACHINE_H
#define VITRINE_MACHINE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/boot.h"
#include "vmm/include/vitrine.h"

/* ---- guest memory: one sealed-size memfd, mapped shared ---- */

struct machine_memory {
    int fd;         /* memfd; pages never touched cost nothing and read as zero */
    uint8_t *base;  /* our mapping of the whole fd */
    uint64_t bytes; /* multiple of 2 MiB */
    struct boot_range ram[BOOT_RAM_RANGES_MAX]; /* guest-physical ranges, in fd order */
};

struct vt_error *machine_memory_init(struct machine_memory *memory, uint64_t bytes);
void machine_memory_deinit(struct machine_memory *memory);
/* The memory for a new owner; the old variable has none afterwards. */
struct machine_memory machine_memory_take(struct machine_memory *memory);

/* The host address of `bytes` bytes of guest-physical memory; NULL if any of them is not RAM. */
void *machine_memory_at(const struct machine_memory *memory, uint64_t phys, uint64_t bytes);

/* ---- the kernel ---- */

struct machine_kernel {
    struct boot_note note;
    uint32_t entry32; /* PVH entry, physical */
    char *path;       /* owned */
};

/*
 * Checks every header, offset and size of the ELF file and copies its segments to their physical
 * addresses. Errors name the file, what is wrong with it and what was expected.
 */
struct vt_error *machine_kernel_load(const char *path, struct machine_memory *memory,
                                     struct machine_kernel *ret);
/*
 * The same checks, but copies nothing: the kernel is in the memory already. VT_ERROR_NOT_FOUND if
 * it is not this one, by what it cannot have changed since: its code and constants.
 */
struct vt_error *machine_kernel_recognize(const char *path, struct machine_memory *memory,
                                          struct machine_kernel *ret);
void machine_kernel_deinit(struct machine_kernel *kernel);

/* ---- the machine ---- */

struct machine_config {
    enum vt_accel accel; /* VT_ACCEL_KVM or VT_ACCEL_QEMU; `auto` was decided before */
    unsigned cpus;       /* 1..BOOT_CPUS_MAX */
    bool icount;         /* QEMU only, with one CPU: time advances 1 ns per instruction */
    bool restores;       /* its CPUs do not boot: machine_load() gives them their state */
    int diagnostics_fd;  /* where a backend's own complaints go; -1 = nowhere */
};

enum machine_failure_kind {
    MACHINE_FAILED_TRIPLE_FAULT = 1,
    MACHINE_FAILED_INTERNAL = 2,    /* KVM internal error, QEMU abort ... */
    MACHINE_FAILED_BACKEND_GONE = 3 /* the QEMU process ended by itself */
};

/* The order in which general registers stand everywhere on the host, as debuggers have it:
 * ITEM(index, name) of each. */
#define MACHINE_GENERAL_REGISTERS(ITEM)                                                            \
    ITEM(0, rax)                                                                                   \
    ITEM(1, rbx)                                                                                   \
    ITEM(2, rcx)                                                                                   \
    ITEM(3, rdx)                                                                                   \
    ITEM(4, rsi)                                                                                   \
    ITEM(5, rdi)                                                                                   \
    ITEM(6, rbp)                                                                                   \
    ITEM(7, rsp)                                                                                   \
    ITEM(8, r8)                                                                                    \
    ITEM(9, r9)                                                                                    \
    ITEM(10, r10)                                                                                  \
    ITEM(11, r11)                                                                                  \
    ITEM(12, r12)                                                                                  \
    ITEM(13, r13)                                                                                  \
    ITEM(14, r14)                                                                                  \
    ITEM(15, r15)

struct machine_registers {
    uint64_t general[16]; /* MACHINE_GENERAL_REGISTERS */
    uint64_t rip, rflags, cr0, cr2, cr3, cr4, fs_base, gs_base, kernel_gs_base;
    uint16_t cs, ss;
};

struct machine_failure {
    enum machine_failure_kind kind;
    unsigned cpu;
    bool has_registers;
    struct machine_registers registers;
    char text[512]; /* what the backend said, one or more lines */
};

/* Called from backend threads. `context` is the owner's. None may call back into the machine except
 * kick. */
struct machine_events {
    /* The guest wrote `code` to the doorbell. cpu is -1 where the backend cannot tell (QEMU). */
    void (*doorbell)(void *context, int cpu, uint8_t code);
    /* The machine cannot go on. Called at most once; every CPU has stopped or will. */
    void (*failed)(void *context, const struct machine_failure *failure);
    void *context;
};

/* Exits per CPU by kind, KVM only (QEMU has none to count: it counts doorbells). */
enum machine_exit_kind {
    MACHINE_EXIT_DOORBELL,
    MACHINE_EXIT_IO,
    MACHINE_EXIT_MMIO,
    MACHINE_EXIT_HALT,
    MACHINE_EXIT_INTERRUPTED,
    MACHINE_EXIT_MSR,
    MACHINE_EXIT_SHUTDOWN,
    MACHINE_EXIT_INTERNAL,
    MACHINE_EXIT_OTHER,
    MACHINE_EXIT_KINDS
};

struct machine_cpu_stats {
    uint64_t exits[MACHINE_EXIT_KINDS];
};

struct machine;

/*
 * Makes the machine, CPUs not running. Memory, kernel and boot page are in place already; `boot` is
 * the page inside the memory: the backend sets the fields that depend on it (flags, cpu_features,
 * tsc_khz, lapic_timer_hz, wall_tsc). `memory`, `kernel` and `events` must outlive the machine.
 */
struct vt_error *machine_create(const struct machine_config *config, struct machine_memory *memory,
                                const struct machine_kernel *kernel, struct boot_info *boot,
                                const struct machine_events *events, struct machine **ret);

struct vt_error *machine_start(struct machine *machine);

/* Interrupts one CPU of the guest (KICK_VECTOR, or COM1): "look at glass_control and the channels".
 */
void machine_kick(struct machine *machine);

/*
 * A CPU that rang HYPERCALL_STOPPED or HYPERCALL_PARKED may be held inside the `out`
 * (BOOT_FLAG_BELL_BLOCKS); this lets all held CPUs go on, after the owner raised
 * glass_control.resume_epoch. No-op on QEMU.
 */
void machine_release(struct machine *machine);

/* Freezes and thaws all CPUs where they are (not a stop point: any instruction). For snapshots,
 * watchdog. */
struct vt_error *machine_pause(struct machine *machine);
struct vt_error *machine_resume(struct machine *machine);

/*
 * Everything of a machine that is not its memory: CPUs, interrupt controllers, timers, the guest's
 * clock. Only the backend that made it understands it, and checks it: it may come from a file.
 */
struct machine_state {
    uint8_t *bytes; /* owner: free() */
    size_t size;
};
#define MACHINE_STATE_MOST (16u << 20)

/* Copies the state of a machine that is paused, or was loaded and not started. It stays as it is.
 */
struct vt_error *machine_save(struct machine *machine, struct machine_state *ret);

/*
 * Gives a machine made with config.restores its state; its memory is complete. Once, before
 * machine_start(), from which on the guest's clock goes on where it was saved.
 */
struct vt_error *machine_load(struct machine *machine, const struct machine_state *state);

/*
 * How long the clock of a loaded machine that was started ran on while its state was saved; 0 where
 * it stood still, as it should. Not so on hosts whose KVM cannot set it (docs/snapshot.md).
 */
uint64_t machine_outside_ns(const struct machine *machine);

/* Registers of a CPU while it is paused or has failed. */
struct vt_error *machine_registers(struct machine *machine, unsigned cpu,
                                   struct machine_registers *ret);

/* Ends the machine now; returns when no CPU runs any more. Idempotent. */
void machine_stop(struct machine *machine);
void machine_destroy(struct machine *machine);

/* Copies the statistics of one CPU; false where the backend has none. */
bool machine_stats(struct machine *machine, unsigned cpu, struct machine_cpu_stats *ret);
const char *machine_exit_kind_name(enum machine_exit_kind kind);

#endif
