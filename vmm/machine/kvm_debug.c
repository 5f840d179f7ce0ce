/*
 * vmm/machine/kvm_debug.c - the debugger's part of the KVM backend: debug registers and single
 * steps through KVM_SET_GUEST_DEBUG.
 *
 * A CPU that is `frozen` rests between two KVM_RUNs like a paused one. Whoever meets an event
 * freezes all; the debugger takes the event when all stand still. Breakpoints use the four debug
 * registers only: nothing is written into guest memory, where several processes may share the page.
 *
 * On a soft host (docs/hosts.md) KVM interprets kernel code and can stop in it, though not at
 * accesses to data; but user code runs on the processor itself, where neither a step nor a debug
 * register reaches us: a step's trap goes to the guest, which would take it for a signal. So these
 * are refused there.
 *
 * Locks: machine->lock protects requests and events. Registers are read and written without it, by
 * the debugger's thread, while the CPUs rest.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/machine/kvm.h"

#define USER_ADDRESSES 0x800000000000ull /* first address that is no user address */
#define DR6_POINTS     0xfull
#define DR7_FIXED      0x400ull
#define XSAVE_HEADER   512 /* bytes into the area: which components are valid */
#define XSAVE_LEGACY   3ull
#define NOT_HERE                                                                                   \
    "on this host KVM runs user code without telling the debugger (docs/hosts.md, 'A soft host')"

static struct kvm_machine *kvm_of(struct machine *machine)
{
    return (struct kvm_machine *)machine;
}

void kvm_debug_notify(struct kvm_machine *machine)
{
    uint64_t one = 1;

    if (machine->debug.event_fd >= 0)
        (void)!write(machine->debug.event_fd, &one, sizeof(one));
}

/* lock held */
static void freeze_all(struct kvm_machine *machine)
{
    for (unsigned i = 0; i < machine->base.config.cpus; i++)
        machine->cpus[i].frozen = true;
    kvm_interrupt_all(machine);
}

/* lock held */
static void take_event(struct kvm_machine *machine, struct machine_debug_event event)
{
    if (!machine->debug.has_event) {
        machine->debug.event = event;
        machine->debug.has_event = true;
    }
    freeze_all(machine);
    kvm_debug_notify(machine);
}

void kvm_debug_exit(struct kvm_cpu *cpu)
{
    struct kvm_machine *machine = cpu->machine;
    struct machine_debug_event event = {.reason = MACHINE_DEBUG_TRAP, .cpu = cpu->index};
    uint64_t hits = cpu->run->debug.arch.dr6 & DR6_POINTS;

    pthread_mutex_lock(&machine->lock);
    for (unsigned i = 0; i < KVM_POINTS; i++)
        if ((hits & 1ull << i) && machine->debug.points[i].used &&
            machine->debug.points[i].kind != MACHINE_POINT_EXECUTE) {
            event.reason = MACHINE_DEBUG_WATCH;
            event.address = machine->debug.points[i].address;
        }
    take_event(machine, event);
    pthread_mutex_unlock(&machine->lock);
}

/* lock held; a CPU without a thread does nothing either. */
static bool all_rest(const struct kvm_machine *machine)
{
    for (unsigned i = 0; i < machine->base.config.cpus; i++)
        if (machine->cpus[i].state == KVM_CPU_RUNNING ||
            (machine->cpus[i].state == KVM_CPU_RESTING && !machine->cpus[i].paused))
            return false;
    return true;
}

static struct vt_error *kvm_debug_start(struct machine *base)
{
    struct kvm_machine *machine = kvm_of(base);
    struct vt_error *error = NULL;

    pthread_mutex_lock(&machine->lock);
    if (machine->debug.event_fd < 0)
        machine->debug.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (machine->debug.event_fd < 0) {
        error = vt_error_system(errno, "cannot make an event descriptor for the debugger");
    } else {
        freeze_all(machine);
        while (!all_rest(machine))
            pthread_cond_wait(&machine->changed, &machine->lock);
        machine->debug.has_event = false;
        if (machine->stopping)
            error = vt_error_create(VT_ERROR_GONE, "the machine has ended");
    }
    pthread_mutex_unlock(&machine->lock);
    return error;
}

/* Tells KVM what to watch on this CPU, which rests. */
static bool arm(const struct kvm_machine *machine, const struct kvm_cpu *cpu, bool step)
{
    static const uint64_t lengths[9] = {[1] = 0, [2] = 1, [4] = 3, [8] = 2};
    static const uint64_t accesses[] = {
        [MACHINE_POINT_EXECUTE] = 0, [MACHINE_POINT_WRITE] = 1, [MACHINE_POINT_ACCESS] = 3};
    struct kvm_guest_debug debug = {.control = step ? KVM_GUESTDBG_SINGLESTEP : 0};
    uint64_t enabled = DR7_FIXED;

    for (unsigned i = 0; i < KVM_POINTS; i++) {
        if (!machine->debug.points[i].used)
            continue;
        debug.arch.debugreg[i] = machine->debug.points[i].address;
        enabled |= 2ull << (2 * i);
        enabled |=
            (accesses[machine->debug.points[i].kind] | lengths[machine->debug.points[i].bytes] << 2)
            << (16 + 4 * i);
        debug.control |= KVM_GUESTDBG_USE_HW_BP;
    }
    debug.arch.debugreg[7] = enabled;
    if (debug.control)
        debug.control |= KVM_GUESTDBG_ENABLE;
    return ioctl(cpu->fd, KVM_SET_GUEST_DEBUG, &debug) == 0;
}

static void kvm_debug_end(struct machine *base)
{
    struct kvm_machine *machine = kvm_of(base);

    pthread_mutex_lock(&machine->lock);
    memset(machine->debug.points, 0, sizeof(machine->debug.points));
    for (unsigned i = 0; i < base->config.cpus; i++) {
        (void)arm(machine, &machine->cpus[i], false);
        machine->cpus[i].frozen = false;
    }
    pthread_cond_broadcast(&machine->wake);
    pthread_mutex_unlock(&machine->lock);
}

/* ---- registers ---- */

/* FXSAVE keeps one bit per register, "in use"; debuggers know the older form of two. */
static uint32_t full_tags(uint8_t abridged)
{
    uint32_t tags = 0;

    for (unsigned i = 0; i < 8; i++)
        if (!(abridged & 1u << i))
            tags |= 3u << (2 * i);
    return tags;
}

static uint8_t abridged_tags(uint32_t tags)
{
    uint8_t abridged = 0;

    for (unsigned i = 0; i < 8; i++)
        if ((tags >> (2 * i) & 3) != 3)
            abridged |= (uint8_t)(1u << i);
    return abridged;
}

static struct vt_error *kvm_state(struct machine *base, unsigned index,
                                  struct machine_cpu_state *ret)
{
    const struct kvm_cpu *cpu = &kvm_of(base)->cpus[index];
    struct kvm_sregs system;
    struct kvm_fpu fpu;

    memset(ret, 0, sizeof(*ret));
    if (!kvm_read_registers(cpu, &ret->core) || ioctl(cpu->fd, KVM_GET_SREGS, &system) < 0 ||
        ioctl(cpu->fd, KVM_GET_FPU, &fpu) < 0)
        return vt_error_system(errno, "KVM does not give the registers of CPU %u", index);
    ret->ds = system.ds.selector;
    ret->es = system.es.selector;
    ret->fs = system.fs.selector;
    ret->gs = system.gs.selector;
    for (unsigned i = 0; i < 8; i++)
        memcpy(ret->x87[i], fpu.fpr[i], sizeof(ret->x87[i]));
    ret->x87_control[0] = fpu.fcw;
    ret->x87_control[1] = fpu.fsw;
    ret->x87_control[2] = full_tags(fpu.ftwx);
    ret->x87_control[7] = fpu.last_opcode;
    memcpy(ret->xmm, fpu.xmm, sizeof(ret->xmm));
    ret->mxcsr = fpu.mxcsr;
    return NULL;
}

/* KVM_SET_FPU does nothing on soft hosts while the state counts as initial: XSAVE says that it is
 * not. */
static bool set_fpu(const struct kvm_cpu *cpu, const struct machine_cpu_state *state)
{
    struct kvm_xsave area;
    uint8_t *bytes = (uint8_t *)area.region;
    uint64_t components;

    if (ioctl(cpu->fd, KVM_GET_XSAVE, &area) < 0)
        return false;
    memcpy(bytes, &state->x87_control[0], 2);
    memcpy(bytes + 2, &state->x87_control[1], 2);
    bytes[4] = abridged_tags(state->x87_control[2]);
    memcpy(bytes + 24, &state->mxcsr, 4);
    for (size_t i = 0; i < 8; i++)
        memcpy(bytes + 32 + 16 * i, state->x87[i], sizeof(state->x87[i]));
    memcpy(bytes + 160, state->xmm, sizeof(state->xmm));
    memcpy(&components, bytes + XSAVE_HEADER, sizeof(components));
    components |= XSAVE_LEGACY;
    memcpy(bytes + XSAVE_HEADER, &components, sizeof(components));
    return ioctl(cpu->fd, KVM_SET_XSAVE, &area) == 0;
}

static struct vt_error *kvm_set_state(struct machine *base, unsigned index,
                                      const struct machine_cpu_state *state)
{
    const struct kvm_cpu *cpu = &kvm_of(base)->cpus[index];
    struct machine_cpu_state old;
    struct kvm_regs registers = {.rip = state->core.rip, .rflags = state->core.rflags};
    struct kvm_sregs system;
    struct vt_error *error = kvm_state(base, index, &old);

    if (error)
        return error;
    if (state->core.cs != old.core.cs || state->core.ss != old.core.ss || state->ds != old.ds ||
        state->es != old.es || state->fs != old.fs || state->gs != old.gs)
        return vt_error_create(VT_ERROR_BACKEND,
                               "segment registers cannot be changed under KVM, only their bases");
#define TO_KVM(index, name) registers.name = state->core.general[index];
    MACHINE_GENERAL_REGISTERS(TO_KVM)
    bool good = ioctl(cpu->fd, KVM_SET_REGS, &registers) == 0;
    if (good &&
        (state->core.fs_base != old.core.fs_base || state->core.gs_base != old.core.gs_base)) {
        good = ioctl(cpu->fd, KVM_GET_SREGS, &system) == 0;
        system.fs.base = state->core.fs_base;
        system.gs.base = state->core.gs_base;
        good = good && ioctl(cpu->fd, KVM_SET_SREGS, &system) == 0;
    }
    if (good && (memcmp(state->x87, old.x87, sizeof(old.x87)) != 0 ||
                 memcmp(state->xmm, old.xmm, sizeof(old.xmm)) != 0 || state->mxcsr != old.mxcsr ||
                 memcmp(state->x87_control, old.x87_control, sizeof(old.x87_control)) != 0))
        good = set_fpu(cpu, state);
    return good ? NULL : vt_error_system(errno, "KVM does not take the registers of CPU %u", index);
}

/* ---- points, running ---- */

static struct vt_error *kvm_point(struct machine *base, bool set, enum machine_point_kind kind,
                                  uint64_t address, unsigned bytes)
{
    struct kvm_machine *machine = kvm_of(base);
    struct vt_error *error = NULL;
    int found = -1, room = -1;

    if (set && address < USER_ADDRESSES && machine->interpreted)
        return vt_error_create(
            VT_ERROR_BACKEND, "user address %#lx cannot be watched: " NOT_HERE "; use --accel qemu",
            (unsigned long)address);
    if (set && kind != MACHINE_POINT_EXECUTE && machine->interpreted)
        return vt_error_create(VT_ERROR_BACKEND,
                               "%#lx cannot be watched: on this host KVM interprets the kernel's "
                               "code and looks at the addresses of instructions only, not of data "
                               "(docs/hosts.md, 'A soft host'); use --accel qemu",
                               (unsigned long)address);
    pthread_mutex_lock(&machine->lock);
    for (int i = 0; i < KVM_POINTS; i++) {
        if (!machine->debug.points[i].used)
            room = room < 0 ? i : room;
        else if (machine->debug.points[i].kind == kind &&
                 machine->debug.points[i].address == address &&
                 machine->debug.points[i].bytes == bytes)
            found = i;
    }
    if (!set) {
        if (found >= 0)
            machine->debug.points[found].used = false;
        else
            error = vt_error_create(VT_ERROR_NOT_FOUND, "nothing is watched at %#lx",
                                    (unsigned long)address);
    } else if (found >= 0) {
        error = vt_error_create(VT_ERROR_EXISTS, "%#lx is watched already", (unsigned long)address);
    } else if (room < 0) {
        error = vt_error_create(VT_ERROR_BACKEND,
                                "all %d debug registers of the processor are in use, and under KVM "
                                "every break- or watchpoint needs one: remove another first",
                                KVM_POINTS);
    } else {
        machine->debug.points[room].used = true;
        machine->debug.points[room].kind = kind;
        machine->debug.points[room].address = address;
        machine->debug.points[room].bytes = bytes;
    }
    pthread_mutex_unlock(&machine->lock);
    return error;
}

static struct vt_error *kvm_debug_write(struct machine *base, uint64_t phys, const void *data,
                                        size_t bytes)
{
    memcpy(machine_memory_at(base->memory, phys, bytes), data, bytes);
    return NULL;
}

/* On soft hosts: true if this CPU's next instruction is, or leads to, user code. */
static bool leaves_kernel(const struct kvm_machine *machine, const struct kvm_cpu *cpu)
{
    static const uint8_t ways_out[][3] = {{0x48, 0x0f, 0x07}, {0x48, 0xcf, 0}}; /* sysretq, iretq */
    struct machine_registers registers;

    if (!kvm_read_registers(cpu, &registers) || (registers.cs & 3))
        return true;
    struct kvm_translation where = {.linear_address = registers.rip};
    if (ioctl(cpu->fd, KVM_TRANSLATE, &where) < 0 || !where.valid)
        return false;
    const uint8_t *code = machine_memory_at(machine->base.memory, where.physical_address, 3);
    return code && (memcmp(code, ways_out[0], 3) == 0 || memcmp(code, ways_out[1], 2) == 0);
}

static struct vt_error *kvm_go(struct machine *base, const enum machine_go *go)
{
    struct kvm_machine *machine = kvm_of(base);
    struct vt_error *error = NULL;

    for (unsigned i = 0; i < base->config.cpus && machine->interpreted; i++)
        if (go[i] == MACHINE_GO_STEP && leaves_kernel(machine, &machine->cpus[i]))
            return vt_error_create(VT_ERROR_BACKEND,
                                   "CPU %u runs user code, or is about to: it cannot be stepped, "
                                   "because " NOT_HERE "; continue instead, or use --accel qemu",
                                   i);
    pthread_mutex_lock(&machine->lock);
    if (machine->stopping)
        error = vt_error_create(VT_ERROR_GONE, "the machine has ended");
    for (unsigned i = 0; i < base->config.cpus && !error; i++)
        if (!arm(machine, &machine->cpus[i], go[i] == MACHINE_GO_STEP))
            error = vt_error_system(errno, "KVM cannot watch CPU %u for the debugger", i);
    if (!error) {
        machine->debug.has_event = false;
        for (unsigned i = 0; i < base->config.cpus; i++)
            if (go[i] != MACHINE_GO_STAY || machine->cpus[i].state == KVM_CPU_OFFLINE)
                machine->cpus[i].frozen = false;
        pthread_cond_broadcast(&machine->wake);
    }
    pthread_mutex_unlock(&machine->lock);
    return error;
}

static struct vt_error *kvm_debug_interrupt(struct machine *base)
{
    struct kvm_machine *machine = kvm_of(base);

    pthread_mutex_lock(&machine->lock);
    take_event(machine, (struct machine_debug_event){.reason = MACHINE_DEBUG_INTERRUPTED});
    pthread_mutex_unlock(&machine->lock);
    return NULL;
}

static int kvm_debug_fd(struct machine *base)
{
    return kvm_of(base)->debug.event_fd;
}

static struct machine_debug_event kvm_event(struct machine *base)
{
    struct kvm_machine *machine = kvm_of(base);
    struct machine_debug_event event = {.reason = MACHINE_DEBUG_RUNNING};
    uint64_t count;

    (void)!read(machine->debug.event_fd, &count, sizeof(count));
    pthread_mutex_lock(&machine->lock);
    if (machine->stopping) {
        event.reason = MACHINE_DEBUG_GONE;
    } else if (machine->debug.has_event) {
        while (!all_rest(machine) && !machine->stopping)
            pthread_cond_wait(&machine->changed, &machine->lock);
        event = machine->debug.event;
        machine->debug.has_event = false;
        if (machine->stopping)
            event.reason = MACHINE_DEBUG_GONE;
    }
    pthread_mutex_unlock(&machine->lock);
    return event;
}

const struct machine_debugger kvm_debugger = {
    .start = kvm_debug_start,
    .end = kvm_debug_end,
    .state = kvm_state,
    .set_state = kvm_set_state,
    .point = kvm_point,
    .write = kvm_debug_write,
    .go = kvm_go,
    .interrupt = kvm_debug_interrupt,
    .fd = kvm_debug_fd,
    .event = kvm_event,
};
