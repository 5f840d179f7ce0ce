/*
 * vmm/machine/kvm.h - the KVM backend's own types; private to kvm_*.c.
 *
 * One VM, one memory slot per RAM range, in-kernel LAPICs, no PIC, no IOAPIC, no devices but two
 * ports. One thread per started CPU runs it (kvm_run.c); kvm_machine.c starts, freezes and ends
 * them.
 *
 * Locking: `lock` protects the states of all CPUs and the requests to them. A CPU thread holds it
 * only between two KVM_RUNs, and never while it calls an event of the owner.
 */
#ifndef VITRINE_MACHINE_KVM_H
#define VITRINE_MACHINE_KVM_H

#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>

#include "shared/glass.h"
#include "vmm/machine/backend.h"

enum kvm_cpu_state {
    KVM_CPU_OFFLINE, /* no thread yet */
    KVM_CPU_RUNNING, /* in the guest, or handling an exit */
    KVM_CPU_RESTING, /* held in a stop, or paused: does nothing until `wake` */
    KVM_CPU_ENDED,   /* its thread is gone, or about to go without entering the guest again */
};

struct kvm_machine;

struct kvm_cpu {
    struct kvm_machine *machine;
    unsigned index;
    int fd;
    struct kvm_run *run; /* shared with the kernel; ours only while the CPU is not in KVM_RUN */
    pthread_t thread;

    /* protected by machine->lock */
    enum kvm_cpu_state state;
    bool has_thread; /* to be joined */
    bool paused;     /* resting, with its registers complete */
    bool frozen;     /* a debugger wants it to rest */

    /* written by the CPU's thread only */
    bool exit_unfinished; /* the last exit is completed by the kernel at the next KVM_RUN only */
    uint64_t held_epoch;  /* the stop for which it rang; 0 = none. Also read while it rests */
    struct kvm_cpu_image *loaded; /* the state it was given instead of the entry's; NULL = none */
    _Atomic uint64_t exits[MACHINE_EXIT_KINDS];
};

#define KVM_POINTS 4 /* debug registers of the processor that hold an address */

/* A debugger's requests and what came of them (kvm_debug.c); protected by machine->lock. */
struct kvm_debug {
    int event_fd; /* eventfd: an event is there, or the machine ends; -1 = no debugger ever came */
    bool has_event;
    struct machine_debug_event event;
    struct {
        bool used;
        enum machine_point_kind kind;
        uint64_t address;
        unsigned bytes;
    } points[KVM_POINTS];
};

struct kvm_machine {
    struct machine base;
    int kvm_fd, vm_fd;
    size_t run_bytes;
    bool deadline_timer;
    uint32_t fpu_bytes;   /* of a state that the guest has us save; 0 = it does so itself */
    bool interpreted;     /* the kernel's instructions are: user code cannot be debugged */
    struct kvm_cpu *cpus; /* config.cpus of them */

    pthread_mutex_t lock;
    pthread_cond_t wake;    /* resting CPUs look again: release, resume, pause, stop */
    pthread_cond_t changed; /* a CPU's state, or `joined`, changed */
    bool stopping;          /* no CPU enters the guest any more; never falls */
    bool pausing;
    bool joining, joined; /* somebody joins the threads; done */
    struct kvm_debug debug;
};

/* kvm_setup.c: the VM without threads. On error the caller still closes what is open. */
struct vt_error *kvm_setup_machine(struct kvm_machine *machine);
struct vt_error *kvm_setup_cpu(struct kvm_machine *machine, unsigned index);
/* Sets the registers for a 64-bit entry: 0 or -errno. The CPU's own thread, before its first
 * KVM_RUN. */
int kvm_setup_entry(struct kvm_cpu *cpu);

/* kvm_state.c: the state of all CPUs, in a form for files. */
struct vt_error *kvm_save(struct machine *base, struct machine_state *ret);
struct vt_error *kvm_load(struct machine *base, const struct machine_state *state);
/* Sets the clock of the loaded CPUs, which runs from now on. */
struct vt_error *kvm_load_clock(struct kvm_machine *machine);

/* kvm_registers.c. The CPU must not be in KVM_RUN. */
bool kvm_read_registers(const struct kvm_cpu *cpu, struct machine_registers *ret);

/* kvm_debug.c. */
extern const struct machine_debugger kvm_debugger;
/* The CPU left the guest for the debugger's sake: freezes all. The CPU's thread, no lock held. */
void kvm_debug_exit(struct kvm_cpu *cpu);
/* lock held: a waiting debugger is to look again. */
void kvm_debug_notify(struct kvm_machine *machine);

/* kvm_run.c: the thread of a CPU; `argument` is its struct kvm_cpu. */
void *kvm_cpu_thread(void *argument);
/* The CPU's block in the glass, in guest memory; NULL if the guest does not say where it is. */
struct glass_cpu *kvm_glass_cpu(const struct kvm_cpu *cpu);

/* kvm_fpu.c: HYPERCALL_FPU_SAVE and _LOAD. The CPU's own thread, inside the `out`. */
void kvm_fpu_exchange(const struct kvm_cpu *cpu, bool load);
/* If the guest needs them here (the probe says so): the boot page's flag, components and size. */
void kvm_fpu_describe(const struct vt_host *host, struct boot_info *boot);

/* kvm_machine.c. lock held: makes CPU threads leave the guest (or not enter it) and look at the
 * requests. */
void kvm_interrupt_all(struct kvm_machine *machine);
/* Starts the thread of an offline CPU: 0 or an errno value. Takes the lock. */
int kvm_start_cpu(struct kvm_machine *machine, unsigned index);
/* The signal that interrupts KVM_RUN: blocked everywhere else, so it needs no handler. */
int kvm_interrupt_signal(void);

#endif
