/*
 * vmm/machine/kvm_state.c - the state of all CPUs of a KVM machine as bytes for a file, and back.
 *
 * What is kept are the kernel's own structures, one kvm_cpu_image per CPU; none of it is trusted
 * when it comes back: sizes and counts are checked here, the contents by KVM. Registers that KVM
 * lists (KVM_GET_MSR_INDEX_LIST) are kept all, and written only where a new CPU has another value:
 * what the guest never touched needs no writing, and some of it cannot be written.
 *
 * The clock is the guest's TSC. It stands still in the file, so it is set last, when the machine
 * starts; all CPUs' from one reading of the host's, so that they agree as they did before. Where
 * KVM does not tell its offset (KVM_VCPU_TSC_OFFSET), every CPU is given the first one's value, and
 * KVM's own rule for such writes keeps them together.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <x86intrin.h>

#include "vmm/machine/kvm.h"

#define STATE_VERSION 1
#define MSRS_MAX      256u

#define MSR_TSC          0x10u
#define MSR_TSC_DEADLINE 0x6e0u
#define LAPIC_TIMER_LEFT 0x390u /* offset of the current count */

struct kvm_state_head {
    uint32_t version;
    uint32_t cpus;
    uint32_t cpu_bytes; /* sizeof(struct kvm_cpu_image) */
    uint32_t reserved;
};

struct kvm_cpu_image {
    uint32_t started;
    uint32_t msr_count;
    uint64_t held_epoch; /* the stop in whose doorbell it was held */
    uint64_t tsc;        /* of one moment for all CPUs */
    uint64_t deadline;   /* of the TSC-deadline timer; 0 = not armed */
    struct kvm_regs general;
    struct kvm_sregs system;
    struct kvm_mp_state activity;
    uint32_t reserved;
    struct kvm_vcpu_events events;
    struct kvm_debugregs debug;
    struct kvm_xcrs extended;
    struct kvm_lapic_state lapic;
    struct kvm_xsave vectors;
    struct kvm_msr_entry msrs[MSRS_MAX];
};

struct msr_list {
    struct kvm_msrs head;
    struct kvm_msr_entry entries[MSRS_MAX];
};

/* ---- registers by number ---- */

/* Those that KVM lists and that can be read. The two of the clock are treated apart. */
static void read_listed(const struct kvm_cpu *cpu, struct kvm_cpu_image *image)
{
    struct {
        struct kvm_msr_list head;
        uint32_t numbers[MSRS_MAX];
    } known = {.head.nmsrs = MSRS_MAX};
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } one = {.head.nmsrs = 1};

    image->msr_count = 0;
    if (ioctl(cpu->machine->kvm_fd, KVM_GET_MSR_INDEX_LIST, &known) < 0)
        return;
    for (uint32_t i = 0; i < known.head.nmsrs; i++) {
        one.entry = (struct kvm_msr_entry){.index = known.numbers[i]};
        if (one.entry.index != MSR_TSC && one.entry.index != MSR_TSC_DEADLINE &&
            ioctl(cpu->fd, KVM_GET_MSRS, &one) == 1)
            image->msrs[image->msr_count++] = one.entry;
    }
}

static bool read_msr(const struct kvm_cpu *cpu, uint32_t number, uint64_t *ret)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } one = {.head.nmsrs = 1, .entry.index = number};

    if (ioctl(cpu->fd, KVM_GET_MSRS, &one) != 1)
        return false;
    *ret = one.entry.data;
    return true;
}

static bool write_msr(const struct kvm_cpu *cpu, uint32_t number, uint64_t value)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } one = {.head.nmsrs = 1, .entry = {.index = number, .data = value}};

    return ioctl(cpu->fd, KVM_SET_MSRS, &one) == 1;
}

static struct vt_error *write_changed(const struct kvm_cpu *cpu, const struct kvm_cpu_image *image)
{
    struct msr_list now = {.head.nmsrs = image->msr_count};

    for (uint32_t i = 0; i < image->msr_count; i++)
        now.entries[i].index = image->msrs[i].index;
    const int got = ioctl(cpu->fd, KVM_GET_MSRS, &now); /* so many from the first on */
    for (uint32_t i = 0; i < image->msr_count; i++) {
        const struct kvm_msr_entry *entry = &image->msrs[i];

        if ((int)i < got && now.entries[i].data == entry->data)
            continue;
        if (entry->index == MSR_TSC || entry->index == MSR_TSC_DEADLINE ||
            !write_msr(cpu, entry->index, entry->data))
            return vt_error_create(VT_ERROR_BACKEND,
                                   "KVM here does not take the value 0x%llx of register 0x%x that "
                                   "CPU %u had where it was saved",
                                   (unsigned long long)entry->data, entry->index, cpu->index);
    }
    return NULL;
}

/* ---- the clock ---- */

static bool tsc_offset(const struct kvm_cpu *cpu, bool set, uint64_t *offset)
{
    struct kvm_device_attr attribute = {
        .group = KVM_VCPU_TSC_CTRL,
        .attr = KVM_VCPU_TSC_OFFSET,
        .addr = (uintptr_t)offset,
    };

    return ioctl(cpu->fd, set ? KVM_SET_DEVICE_ATTR : KVM_GET_DEVICE_ATTR, &attribute) == 0;
}

static void read_clock(const struct kvm_machine *machine, struct kvm_cpu_image *images)
{
    uint64_t now = __rdtsc(), offset, first = 0;

    (void)read_msr(&machine->cpus[0], MSR_TSC, &first);
    for (unsigned i = 0; i < machine->base.config.cpus; i++) {
        const struct kvm_cpu *cpu = &machine->cpus[i];

        if (cpu->loaded && cpu->state == KVM_CPU_OFFLINE) { /* its clock has not begun yet */
            images[i].tsc = cpu->loaded->tsc;
            images[i].deadline = cpu->loaded->deadline;
            continue;
        }
        images[i].tsc = tsc_offset(cpu, false, &offset) ? now + offset : first;
        if (!read_msr(cpu, MSR_TSC_DEADLINE, &images[i].deadline))
            images[i].deadline = 0;
    }
}

/*
 * Where kernel code is interpreted, KVM may take an offset and forget it: `rdtsc` is the host's
 * there, in user mode anyway. Then the time outside has passed for the guest, too; it must not have
 * gone back.
 */
static struct vt_error *set_tsc(struct kvm_machine *machine, const struct kvm_cpu *cpu,
                                uint64_t now)
{
    const uint64_t saved = cpu->loaded->tsc, wanted = saved - now;
    uint64_t offset = wanted, found;

    if (!tsc_offset(cpu, true, &offset)) {
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): where any is loaded, the first is */
        if (write_msr(cpu, MSR_TSC, machine->cpus[0].loaded->tsc))
            return NULL;
        return vt_error_create(VT_ERROR_BACKEND, "KVM does not set the clock of CPU %u",
                               cpu->index);
    }
    if (tsc_offset(cpu, false, &found) && found == wanted)
        return NULL;
    if (saved > now)
        return vt_error_create(VT_ERROR_BACKEND,
                               "this KVM shows guests the host's own clock, which is behind the "
                               "snapshot's: the host was restarted since it was taken");
    machine->base.outside_ns =
        (uint64_t)((unsigned __int128)(now - saved) * 1000000u / machine->base.boot->tsc_khz);
    return NULL;
}

static struct vt_error *set_all_tscs(struct kvm_machine *machine)
{
    const uint64_t now = __rdtsc();
    struct vt_error *error = NULL;

    for (unsigned i = 0; i < machine->base.config.cpus && !error; i++)
        if (machine->cpus[i].loaded)
            error = set_tsc(machine, &machine->cpus[i], now);
    return error;
}

struct vt_error *kvm_load_clock(struct kvm_machine *machine)
{
    struct vt_error *error = set_all_tscs(machine);

    if (error)
        return error;
    for (unsigned i = 0; i < machine->base.config.cpus; i++) {
        const struct kvm_cpu *cpu = &machine->cpus[i];
        const struct kvm_cpu_image *image = cpu->loaded;

        if (!image)
            continue;
        /* A timer that counts has counted on since it was loaded: once more. */
        if (ioctl(cpu->fd, KVM_SET_LAPIC, &image->lapic) < 0)
            return vt_error_system(errno, "KVM does not set the timer of CPU %u", i);
        if (image->deadline && !write_msr(cpu, MSR_TSC_DEADLINE, image->deadline))
            return vt_error_create(VT_ERROR_BACKEND, "KVM does not set the deadline of CPU %u", i);
    }
    return NULL;
}

/* ---- one CPU ---- */

static struct vt_error *save_cpu(const struct kvm_cpu *cpu, struct kvm_cpu_image *image)
{
    const bool waits = cpu->loaded && cpu->state == KVM_CPU_OFFLINE;

    image->started = cpu->loaded || cpu->state != KVM_CPU_OFFLINE;
    if (!image->started)
        return NULL;
    image->held_epoch = cpu->held_epoch;
    if (ioctl(cpu->fd, KVM_GET_MP_STATE, &image->activity) < 0 ||
        ioctl(cpu->fd, KVM_GET_REGS, &image->general) < 0 ||
        ioctl(cpu->fd, KVM_GET_SREGS, &image->system) < 0 ||
        ioctl(cpu->fd, KVM_GET_XSAVE, &image->vectors) < 0 ||
        ioctl(cpu->fd, KVM_GET_LAPIC, &image->lapic) < 0 ||
        ioctl(cpu->fd, KVM_GET_VCPU_EVENTS, &image->events) < 0 ||
        ioctl(cpu->fd, KVM_GET_DEBUGREGS, &image->debug) < 0)
        return vt_error_system(errno, "KVM does not give the state of CPU %u", cpu->index);
    if (ioctl(cpu->fd, KVM_GET_XCRS, &image->extended) < 0)
        image->extended.nr_xcrs = 0; /* a processor without */
    if (waits)
        memcpy(&image->lapic.regs[LAPIC_TIMER_LEFT], &cpu->loaded->lapic.regs[LAPIC_TIMER_LEFT],
               sizeof(uint32_t));
    read_listed(cpu, image);
    return NULL;
}

static struct vt_error *refused(const struct kvm_cpu *cpu, const char *part)
{
    return vt_error_create(VT_ERROR_BACKEND,
                           "KVM here does not take the saved %s of CPU %u (%s): another processor, "
                           "or a damaged snapshot",
                           part, cpu->index, strerror(errno));
}

static struct vt_error *load_cpu(struct kvm_cpu *cpu)
{
    const struct kvm_cpu_image *image = cpu->loaded;

    cpu->held_epoch = image->held_epoch;
    if (ioctl(cpu->fd, KVM_SET_SREGS, &image->system) < 0)
        return refused(cpu, "system registers");
    if (ioctl(cpu->fd, KVM_SET_REGS, &image->general) < 0)
        return refused(cpu, "registers");
    if (image->extended.nr_xcrs && ioctl(cpu->fd, KVM_SET_XCRS, &image->extended) < 0)
        return refused(cpu, "XCR0");
    if (ioctl(cpu->fd, KVM_SET_XSAVE, &image->vectors) < 0)
        return refused(cpu, "vector state");
    struct vt_error *error = write_changed(cpu, image);
    if (error)
        return error;
    if (ioctl(cpu->fd, KVM_SET_LAPIC, &image->lapic) < 0)
        return refused(cpu, "interrupt controller");
    if (ioctl(cpu->fd, KVM_SET_VCPU_EVENTS, &image->events) < 0)
        return refused(cpu, "pending events");
    if (ioctl(cpu->fd, KVM_SET_DEBUGREGS, &image->debug) < 0)
        return refused(cpu, "debug registers");
    if (ioctl(cpu->fd, KVM_SET_MP_STATE, &image->activity) < 0)
        return refused(cpu, "activity");
    return NULL;
}

/* ---- the machine ---- */

struct vt_error *kvm_save(struct machine *base, struct machine_state *ret)
{
    struct kvm_machine *machine = (struct kvm_machine *)base;
    const unsigned cpus = base->config.cpus;
    const size_t bytes = sizeof(struct kvm_state_head) + cpus * sizeof(struct kvm_cpu_image);
    uint8_t *state = calloc(1, bytes);
    struct kvm_state_head head = {
        .version = STATE_VERSION, .cpus = cpus, .cpu_bytes = sizeof(struct kvm_cpu_image)};
    struct kvm_cpu_image *images;
    struct vt_error *error = NULL;

    if (!state)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the state of %u CPUs", cpus);
    memcpy(state, &head, sizeof(head));
    images = (struct kvm_cpu_image *)(state + sizeof(head));
    pthread_mutex_lock(&machine->lock);
    for (unsigned i = 0; i < cpus && !error; i++)
        if (machine->cpus[i].state == KVM_CPU_ENDED)
            error = vt_error_create(VT_ERROR_GONE, "the machine has ended");
    if (!error)
        read_clock(machine, images);
    for (unsigned i = 0; i < cpus && !error; i++)
        error = save_cpu(&machine->cpus[i], &images[i]);
    pthread_mutex_unlock(&machine->lock);
    if (error) {
        free(state);
        return error;
    }
    *ret = (struct machine_state){.bytes = state, .size = bytes};
    return NULL;
}

static struct vt_error *damaged(const char *what)
{
    return vt_error_create(VT_ERROR_FORMAT,
                           "the snapshot's CPUs make no sense (%s): it is damaged, or of another "
                           "version of Vitrine",
                           what);
}

struct vt_error *kvm_load(struct machine *base, const struct machine_state *state)
{
    struct kvm_machine *machine = (struct kvm_machine *)base;
    const unsigned cpus = base->config.cpus;
    struct kvm_state_head head;

    if (state->size < sizeof(head))
        return damaged("too short");
    memcpy(&head, state->bytes, sizeof(head));
    if (head.version != STATE_VERSION || head.cpu_bytes != sizeof(struct kvm_cpu_image))
        return damaged("unknown form");
    if (head.cpus != cpus || state->size != sizeof(head) + cpus * sizeof(struct kvm_cpu_image))
        return damaged("wrong size");
    for (unsigned i = 0; i < cpus; i++) {
        const uint8_t *from = state->bytes + sizeof(head) + i * sizeof(struct kvm_cpu_image);
        struct kvm_cpu *cpu = &machine->cpus[i];
        struct kvm_cpu_image *image = malloc(sizeof(*image));

        if (!image)
            return vt_error_create(VT_ERROR_MEMORY, "out of memory for the state of CPU %u", i);
        memcpy(image, from, sizeof(*image));
        if (!image->started && i > 0) {
            free(image);
            continue;
        }
        cpu->loaded = image;
        if (!image->started || image->msr_count > MSRS_MAX ||
            image->extended.nr_xcrs > KVM_MAX_XCRS)
            return damaged("counts that cannot be");
        struct vt_error *error = load_cpu(cpu);
        if (error)
            return error;
    }
    return set_all_tscs(machine); /* once more when it starts; here for those that cannot */
}
