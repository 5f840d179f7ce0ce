/*
 * vmm/machine/kvm_machine.c - the operations of the KVM backend: start, freeze, release, kick, end.
 *
 * Requests are flags under machine->lock; CPU threads look at them between two KVM_RUNs
 * (kvm_run.c). A CPU inside KVM_RUN is brought out by a signal that is blocked in its thread and
 * unblocked only in KVM_RUN: one that comes too early stays pending and ends the next KVM_RUN at
 * once, so no request is ever missed, and no handler is installed behind the back of the program
 * that uses the library.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/hypercall.h"
#include "vmm/machine/host.h"
#include "vmm/machine/kvm.h"

#define LAPIC_BUS_HZ     1000000000ull /* KVM's in-kernel LAPIC counts nanoseconds */
#define MSI_ADDRESS_CPU0 0xfee00000u

static struct kvm_machine *kvm_of(struct machine *machine)
{
    return (struct kvm_machine *)machine;
}

int kvm_interrupt_signal(void)
{
    return SIGRTMIN + 6;
}

void kvm_interrupt_all(struct kvm_machine *machine)
{
    pthread_cond_broadcast(&machine->wake);
    for (unsigned i = 0; i < machine->base.config.cpus; i++) {
        struct kvm_cpu *cpu = &machine->cpus[i];

        if (cpu->has_thread && cpu->state == KVM_CPU_RUNNING)
            pthread_kill(cpu->thread, kvm_interrupt_signal());
    }
}

int kvm_start_cpu(struct kvm_machine *machine, unsigned index)
{
    struct kvm_cpu *cpu = &machine->cpus[index];
    sigset_t all, before;
    int problem = 0;

    /* A CPU thread takes no signals of the program: they belong to the program's own threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&machine->lock);
    if (cpu->state != KVM_CPU_OFFLINE) {
        problem = EBUSY;
    } else if (!machine->stopping) {
        cpu->state = KVM_CPU_RUNNING;
        problem = pthread_create(&cpu->thread, NULL, kvm_cpu_thread, cpu);
        if (problem)
            cpu->state = KVM_CPU_OFFLINE;
        else
            cpu->has_thread = true;
    }
    pthread_mutex_unlock(&machine->lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return problem;
}

static void kvm_destroy(struct machine *base)
{
    struct kvm_machine *machine = kvm_of(base);

    for (unsigned i = 0; i < base->config.cpus; i++) {
        free(machine->cpus[i].loaded);
        if (machine->cpus[i].run)
            munmap(machine->cpus[i].run, machine->run_bytes);
        if (machine->cpus[i].fd >= 0)
            close(machine->cpus[i].fd);
    }
    if (machine->vm_fd >= 0)
        close(machine->vm_fd);
    if (machine->kvm_fd >= 0)
        close(machine->kvm_fd);
    if (machine->debug.event_fd >= 0)
        close(machine->debug.event_fd);
    pthread_cond_destroy(&machine->changed);
    pthread_cond_destroy(&machine->wake);
    pthread_mutex_destroy(&machine->lock);
    free(machine->cpus);
    free(machine);
}

/* What this host's KVM can do, told to the guest; from the probe, cached per boot of the host. */
static struct vt_error *fill_boot(struct kvm_machine *machine, struct boot_info *boot)
{
    struct vt_host host;
    struct vt_error *error = vt_host_probe(false, &host);
    int khz;

    if (error)
        return error;
    if (!host.kvm_usable)
        return vt_error_create(VT_ERROR_BACKEND,
                               "KVM is not usable here: %s; '--accel qemu' does without it",
                               host.kvm_problem);
    boot->flags |= BOOT_FLAG_DIRECT_CPU_START | BOOT_FLAG_BELL_BLOCKS;
    if (!host.kvm_syscall_works)
        boot->flags |= BOOT_FLAG_SOFT_SYSCALL;
    machine->interpreted = host.verdict == VT_VERDICT_SOFT;
    if (machine->interpreted)
        boot->flags |= BOOT_FLAG_INTERPRETED;
    if (host.kvm_x2apic)
        boot->flags |= BOOT_FLAG_X2APIC;
    if (host.kvm_tsc_deadline && machine->deadline_timer)
        boot->flags |= BOOT_FLAG_TSC_DEADLINE;
    boot->cpu_features = host.kvm_cpu_features;
    kvm_fpu_describe(&host, boot);
    machine->fpu_bytes = boot->fpu_bytes;
    khz = ioctl(machine->cpus[0].fd, KVM_GET_TSC_KHZ, 0);
    boot->tsc_khz = khz > 0 ? (uint64_t)khz : host.tsc_khz;
    boot->lapic_timer_hz = LAPIC_BUS_HZ;
    boot->wall_tsc = 0; /* the guest's TSC at entry belongs to wall_ns */
    return NULL;
}

static struct vt_error *kvm_create(const struct machine *arguments, struct machine **ret)
{
    struct kvm_machine *machine = calloc(1, sizeof(*machine));
    struct vt_error *error;

    if (!machine)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory");
    machine->base = *arguments;
    machine->kvm_fd = machine->vm_fd = machine->debug.event_fd = -1;
    machine->cpus = calloc(arguments->config.cpus, sizeof(*machine->cpus));
    if (!machine->cpus) {
        free(machine);
        return vt_error_create(VT_ERROR_MEMORY, "out of memory");
    }
    pthread_mutex_init(&machine->lock, NULL);
    pthread_cond_init(&machine->wake, NULL);
    pthread_cond_init(&machine->changed, NULL);
    for (unsigned i = 0; i < arguments->config.cpus; i++) {
        machine->cpus[i].machine = machine;
        machine->cpus[i].index = i;
        machine->cpus[i].fd = -1;
    }
    error = kvm_setup_machine(machine);
    for (unsigned i = 0; !error && i < arguments->config.cpus; i++)
        error = kvm_setup_cpu(machine, i);
    if (!error)
        error = fill_boot(machine, arguments->boot);
    if (error) {
        kvm_destroy(&machine->base);
        return error;
    }
    *ret = &machine->base;
    return NULL;
}

static struct vt_error *kvm_start(struct machine *base)
{
    struct kvm_machine *machine = kvm_of(base);
    struct vt_error *error = base->config.restores ? kvm_load_clock(machine) : NULL;
    int problem = 0;

    for (unsigned i = 0; !error && i < base->config.cpus; i++) {
        if (base->config.restores ? !machine->cpus[i].loaded : i > 0)
            continue; /* the guest starts it, if it wants it */
        problem = kvm_start_cpu(machine, i);
        if (problem == EBUSY)
            error = vt_error_create(VT_ERROR_BUSY, "the machine was started already");
        else if (problem)
            error = vt_error_system(problem, "cannot start the thread of CPU %u", i);
    }
    return error;
}

static void kvm_kick(struct machine *base)
{
    struct kvm_msi message = {.address_lo = MSI_ADDRESS_CPU0, .data = KICK_VECTOR};

    /* Fails only when the guest has not enabled its LAPIC yet; it looks at the glass when it does.
     */
    (void)ioctl(kvm_of(base)->vm_fd, KVM_SIGNAL_MSI, &message);
}

static void kvm_release(struct machine *base)
{
    struct kvm_machine *machine = kvm_of(base);

    pthread_mutex_lock(&machine->lock);
    pthread_cond_broadcast(&machine->wake);
    pthread_mutex_unlock(&machine->lock);
}

static bool all_stand_still(const struct kvm_machine *machine)
{
    for (unsigned i = 0; i < machine->base.config.cpus; i++)
        if (machine->cpus[i].state == KVM_CPU_RUNNING ||
            (machine->cpus[i].state == KVM_CPU_RESTING && !machine->cpus[i].paused))
            return false;
    return true;
}

static struct vt_error *kvm_pause(struct machine *base)
{
    struct kvm_machine *machine = kvm_of(base);

    pthread_mutex_lock(&machine->lock);
    machine->pausing = true;
    kvm_interrupt_all(machine);
    while (!all_stand_still(machine))
        pthread_cond_wait(&machine->changed, &machine->lock);
    pthread_mutex_unlock(&machine->lock);
    return NULL;
}

static struct vt_error *kvm_resume(struct machine *base)
{
    struct kvm_machine *machine = kvm_of(base);

    pthread_mutex_lock(&machine->lock);
    machine->pausing = false;
    for (unsigned i = 0; i < base->config.cpus; i++)
        machine->cpus[i].paused = false;
    pthread_cond_broadcast(&machine->wake);
    pthread_mutex_unlock(&machine->lock);
    return NULL;
}

static struct vt_error *kvm_registers(struct machine *base, unsigned index,
                                      struct machine_registers *ret)
{
    struct kvm_machine *machine = kvm_of(base);
    const struct kvm_cpu *cpu = &machine->cpus[index];
    struct vt_error *error = NULL;

    pthread_mutex_lock(&machine->lock);
    if (cpu->state == KVM_CPU_RUNNING || (cpu->state == KVM_CPU_RESTING && !cpu->paused))
        error = vt_error_create(VT_ERROR_BUSY, "CPU %u runs: pause the machine first", index);
    else if (!kvm_read_registers(cpu, ret))
        error = vt_error_system(errno, "KVM does not give the registers of CPU %u", index);
    pthread_mutex_unlock(&machine->lock);
    return error;
}

static void kvm_stop(struct machine *base)
{
    struct kvm_machine *machine = kvm_of(base);

    pthread_mutex_lock(&machine->lock);
    machine->stopping = true;
    kvm_interrupt_all(machine);
    kvm_debug_notify(machine);
    /* From now on no thread is created: has_thread is constant, and one caller joins for all. */
    if (machine->joining) {
        while (!machine->joined)
            pthread_cond_wait(&machine->changed, &machine->lock);
        pthread_mutex_unlock(&machine->lock);
        return;
    }
    machine->joining = true;
    pthread_mutex_unlock(&machine->lock);
    for (unsigned i = 0; i < base->config.cpus; i++)
        if (machine->cpus[i].has_thread)
            pthread_join(machine->cpus[i].thread, NULL);
    pthread_mutex_lock(&machine->lock);
    machine->joined = true;
    pthread_cond_broadcast(&machine->changed);
    pthread_mutex_unlock(&machine->lock);
}

static bool kvm_stats(struct machine *base, unsigned index, struct machine_cpu_stats *ret)
{
    struct kvm_cpu *cpu = &kvm_of(base)->cpus[index];

    for (unsigned i = 0; i < MACHINE_EXIT_KINDS; i++)
        ret->exits[i] = atomic_load_explicit(&cpu->exits[i], memory_order_relaxed);
    return true;
}

const struct machine_backend machine_backend_kvm = {
    .name = "kvm",
    .create = kvm_create,
    .start = kvm_start,
    .kick = kvm_kick,
    .release = kvm_release,
    .pause = kvm_pause,
    .resume = kvm_resume,
    .registers = kvm_registers,
    .save = kvm_save,
    .load = kvm_load,
    .stop = kvm_stop,
    .destroy = kvm_destroy,
    .stats = kvm_stats,
    .debugger = &kvm_debugger,
};
