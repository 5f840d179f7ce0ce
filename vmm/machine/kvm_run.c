/*
 * vmm/machine/kvm_run.c - the thread of one CPU: enter the guest, handle the exit, again.
 *
 * The only exits in normal life are doorbells. A CPU that rings HYPERCALL_STOPPED or
 * HYPERCALL_PARKED rests here until the host has raised resume_epoch to the epoch for which that
 * CPU stopped. Comparing epochs, instead of counting releases, makes every order of "rings", "is
 * released" and "stops again" right: the CPU's own epoch cannot change while the CPU is in the
 * `out`.
 *
 * Locks: machine->lock as kvm.h says. What is read from the guest is checked before use.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "shared/glass.h"
#include "shared/hypercall.h"
#include "vmm/machine/kvm.h"

static void count(struct kvm_cpu *cpu, enum machine_exit_kind kind)
{
    atomic_fetch_add_explicit(&cpu->exits[kind], 1, memory_order_relaxed);
}

static void fail(struct kvm_cpu *cpu, struct machine_failure *failure)
{
    failure->cpu = cpu->index;
    failure->has_registers = kvm_read_registers(cpu, &failure->registers);
    pthread_mutex_lock(&cpu->machine->lock);
    cpu->machine->stopping = true;
    kvm_interrupt_all(cpu->machine);
    kvm_debug_notify(cpu->machine);
    pthread_mutex_unlock(&cpu->machine->lock);
    machine_report_failure(&cpu->machine->base, failure);
}

/* The loader has checked that the whole glass lies in RAM. */
static struct glass *glass_of(const struct kvm_machine *machine)
{
    return machine_memory_at(machine->base.memory, machine->base.kernel->note.glass_phys,
                             sizeof(struct glass));
}

struct glass_cpu *kvm_glass_cpu(const struct kvm_cpu *cpu)
{
    const struct glass *glass = glass_of(cpu->machine);
    uint64_t into_image = glass->cpus - glass->image_virtual;
    uint64_t block = (uint64_t)glass->cpu_stride * cpu->index; /* below 2^38 */

    if (into_image > glass->image_bytes ||
        block + sizeof(struct glass_cpu) > glass->image_bytes - into_image ||
        ((glass->image_phys + into_image + block) & 7))
        return NULL;
    return machine_memory_at(cpu->machine->base.memory, glass->image_phys + into_image + block,
                             sizeof(struct glass_cpu));
}

/* The epoch for which this CPU rang STOPPED or PARKED; 0 = unknown, do not hold it. */
static uint64_t stop_epoch(const struct kvm_cpu *cpu, uint8_t code)
{
    const struct glass_cpu *block;

    /* The CPU that stopped the world owns glass.stop until it goes on. */
    if (code == HYPERCALL_STOPPED)
        return __atomic_load_n(&glass_of(cpu->machine)->stop.epoch, __ATOMIC_ACQUIRE);
    block = kvm_glass_cpu(cpu);
    return block ? __atomic_load_n(&block->parked_epoch, __ATOMIC_ACQUIRE) : 0;
}

/* Lets the kernel finish the last exit without entering the guest, so that the registers are
 * complete. */
static void finish_exit(struct kvm_cpu *cpu)
{
    if (!cpu->exit_unfinished)
        return;
    cpu->run->immediate_exit = 1;
    (void)ioctl(cpu->fd, KVM_RUN, 0);
    cpu->run->immediate_exit = 0;
    cpu->exit_unfinished = false;
}

/*
 * Rests while the CPU is held in its stop or the machine is paused. False when
 * the machine ends. machine_release() takes the lock after resume_epoch was raised, so no release
 * is missed.
 */
static bool may_go_on(struct kvm_cpu *cpu)
{
    struct kvm_machine *machine = cpu->machine;
    struct glass_control *control = &glass_of(machine)->control;
    bool go_on;

    pthread_mutex_lock(&machine->lock);
    for (;;) {
        bool held = cpu->held_epoch > __atomic_load_n(&control->resume_epoch, __ATOMIC_ACQUIRE);

        go_on = !machine->stopping;
        if (!go_on || (!held && !machine->pausing && !cpu->frozen))
            break;
        if (machine->pausing || cpu->frozen)
            finish_exit(cpu);
        cpu->state = KVM_CPU_RESTING;
        cpu->paused = machine->pausing || cpu->frozen;
        pthread_cond_broadcast(&machine->changed);
        pthread_cond_wait(&machine->wake, &machine->lock);
    }
    cpu->state = go_on ? KVM_CPU_RUNNING : KVM_CPU_ENDED;
    cpu->paused = false;
    pthread_mutex_unlock(&machine->lock);
    return go_on;
}

static void start_other_cpu(struct kvm_cpu *cpu)
{
    struct kvm_machine *machine = cpu->machine;
    uint32_t index = __atomic_load_n(&glass_of(machine)->start_cpu, __ATOMIC_ACQUIRE);
    struct machine_failure failure = {.kind = MACHINE_FAILED_INTERNAL};
    int problem =
        index >= 1 && index < machine->base.config.cpus ? kvm_start_cpu(machine, index) : EINVAL;

    if (!problem)
        return;
    snprintf(failure.text, sizeof(failure.text), "the guest asked for CPU %u: %s", index,
             problem == EINVAL  ? "there is no such CPU"
             : problem == EBUSY ? "it runs already"
                                : strerror(problem));
    fail(cpu, &failure);
}

static void ring(struct kvm_cpu *cpu, uint8_t code)
{
    struct machine *machine = &cpu->machine->base;

    count(cpu, MACHINE_EXIT_DOORBELL);
    if (cpu->machine->fpu_bytes && (code == HYPERCALL_FPU_SAVE || code == HYPERCALL_FPU_LOAD)) {
        kvm_fpu_exchange(cpu, code == HYPERCALL_FPU_LOAD);
        return; /* between this CPU and us */
    }
    if (code == HYPERCALL_STOPPED || code == HYPERCALL_PARKED)
        cpu->held_epoch = stop_epoch(cpu, code);
    if (code == HYPERCALL_START_CPU)
        start_other_cpu(cpu);
    machine->events.doorbell(machine->events.context, (int)cpu->index, code);
}

static void handle_io(struct kvm_cpu *cpu)
{
    struct kvm_run *run = cpu->run;
    const size_t bytes = (size_t)run->io.size * run->io.count;
    uint8_t *data = (uint8_t *)run + run->io.data_offset;

    if (run->io.direction == KVM_EXIT_IO_IN) {
        count(cpu, MACHINE_EXIT_IO);
        memset(data, 0xff, bytes); /* no device answers: the bus floats */
    } else if (run->io.port == DOORBELL_PORT) {
        for (uint32_t i = 0; i < run->io.count; i++)
            ring(cpu, data[(size_t)i * run->io.size]);
    } else if (run->io.port == EXIT_PORT) {
        struct machine_failure failure = {.kind = MACHINE_FAILED_BACKEND_GONE};

        count(cpu, MACHINE_EXIT_IO);
        snprintf(failure.text, sizeof(failure.text),
                 "the guest ended the machine through its exit port (value %u)", data[0]);
        fail(cpu, &failure);
    } else {
        count(cpu, MACHINE_EXIT_IO);
    }
}

static void fail_internal(struct kvm_cpu *cpu)
{
    const struct kvm_run *run = cpu->run;
    struct machine_failure failure = {.kind = MACHINE_FAILED_INTERNAL};
    size_t used;

    if (run->exit_reason == KVM_EXIT_FAIL_ENTRY) {
        snprintf(failure.text, sizeof(failure.text),
                 "the processor refused to enter the guest (hardware reason 0x%llx)",
                 (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
    } else if (run->exit_reason != KVM_EXIT_INTERNAL_ERROR) {
        snprintf(failure.text, sizeof(failure.text),
                 "KVM left the guest for reason %u, which "
                 "this program does not know",
                 run->exit_reason);
    } else {
        used = (size_t)snprintf(failure.text, sizeof(failure.text), "KVM internal error %u%s",
                                run->internal.suberror,
                                run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION
                                    ? ": it cannot emulate an instruction of the guest's kernel"
                                    : "");
        if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION && run->internal.ndata >= 4 &&
            (run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES)) {
            used += (size_t)snprintf(failure.text + used, sizeof(failure.text) - used,
                                     "; bytes at RIP:");
            for (unsigned i = 0; i < run->emulation_failure.insn_size && i < 15; i++)
                used += (size_t)snprintf(failure.text + used, sizeof(failure.text) - used, " %02x",
                                         run->emulation_failure.insn_bytes[i]);
        }
    }
    fail(cpu, &failure);
}

static void fail_shutdown(struct kvm_cpu *cpu)
{
    struct machine_failure failure = {.kind = MACHINE_FAILED_TRIPLE_FAULT};

    snprintf(failure.text, sizeof(failure.text),
             "triple fault: an exception could not be delivered, nor the double fault after it");
    fail(cpu, &failure);
}

static void handle_exit(struct kvm_cpu *cpu)
{
    cpu->exit_unfinished = true;
    switch (cpu->run->exit_reason) {
    case KVM_EXIT_IO:
        handle_io(cpu);
        break;
    case KVM_EXIT_MMIO: /* nothing there: reads give all ones, writes are lost */
        count(cpu, MACHINE_EXIT_MMIO);
        memset(cpu->run->mmio.data, 0xff, sizeof(cpu->run->mmio.data));
        break;
    case KVM_EXIT_HLT:
        count(cpu, MACHINE_EXIT_HALT);
        break;
    case KVM_EXIT_INTR:
    case KVM_EXIT_IRQ_WINDOW_OPEN:
        count(cpu, MACHINE_EXIT_INTERRUPTED);
        cpu->exit_unfinished = false;
        break;
    case KVM_EXIT_IOAPIC_EOI:
        count(cpu, MACHINE_EXIT_OTHER);
        break;
    case KVM_EXIT_X86_RDMSR:
    case KVM_EXIT_X86_WRMSR:
        count(cpu, MACHINE_EXIT_MSR);
        cpu->run->msr.error = 1;
        break;
    case KVM_EXIT_DEBUG:
        count(cpu, MACHINE_EXIT_OTHER);
        cpu->exit_unfinished = false;
        kvm_debug_exit(cpu);
        break;
    case KVM_EXIT_SHUTDOWN:
        count(cpu, MACHINE_EXIT_SHUTDOWN);
        fail_shutdown(cpu);
        break;
    default:
        count(cpu, MACHINE_EXIT_INTERNAL);
        fail_internal(cpu);
        break;
    }
}

/* The interrupting signal stays pending after KVM_RUN, because it is blocked out here: take it
 * away. */
static void consume_signal(void)
{
    const struct timespec now = {0};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, kvm_interrupt_signal());
    while (sigtimedwait(&set, NULL, &now) > 0)
        ;
}

static void end_thread(struct kvm_cpu *cpu)
{
    pthread_mutex_lock(&cpu->machine->lock);
    cpu->state = KVM_CPU_ENDED;
    pthread_cond_broadcast(&cpu->machine->changed);
    pthread_mutex_unlock(&cpu->machine->lock);
}

void *kvm_cpu_thread(void *argument)
{
    struct kvm_cpu *cpu = argument;
    struct machine_failure failure = {.kind = MACHINE_FAILED_INTERNAL};
    char name[16];
    int problem = 0;

    snprintf(name, sizeof(name), "vitrine-cpu%u", cpu->index % 1000);
    pthread_setname_np(pthread_self(), name);
    if (!cpu->loaded)
        problem = kvm_setup_entry(cpu);
    if (problem) {
        snprintf(failure.text, sizeof(failure.text), "KVM refuses the entry state of CPU %u: %s",
                 cpu->index, strerror(-problem));
        fail(cpu, &failure);
    }
    while (may_go_on(cpu)) {
        cpu->held_epoch = 0;
        if (ioctl(cpu->fd, KVM_RUN, 0) == 0) {
            handle_exit(cpu);
        } else if (errno == EINTR || errno == EAGAIN) {
            count(cpu, MACHINE_EXIT_INTERRUPTED);
            cpu->exit_unfinished = false;
            consume_signal();
        } else {
            snprintf(failure.text, sizeof(failure.text), "KVM cannot run CPU %u: %s", cpu->index,
                     strerror(errno));
            count(cpu, MACHINE_EXIT_INTERNAL);
            fail(cpu, &failure);
        }
    }
    end_thread(cpu);
    return NULL;
}
