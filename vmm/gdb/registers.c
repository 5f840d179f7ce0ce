/*
 * vmm/gdb/registers.c - the registers of a task, wherever they are: in a CPU, in the frame that the
 * kernel's stack switch left, or (user view) in the frame of its last entry into the kernel.
 */
#include <stddef.h>
#include <string.h>

#include "vmm/gdb/client.h"

#define KERNEL_CODE  0x08
#define KERNEL_DATA  0x10
#define FLAGS_FIXED  2u
#define FLAGS_USER   0x250dd5ull /* what a program may choose: guest's RFLAGS_USER */
#define FLAGS_ALWAYS 0x202ull
#define FXSAVE_BYTES 512u

bool gdb_register_place(unsigned number, size_t *ret_offset, size_t *ret_bytes)
{
    static const struct {
        unsigned count;
        size_t offset, bytes;
    } groups[] = {
        {16, offsetof(struct gdb_registers, general), 8},
        {1, offsetof(struct gdb_registers, rip), 8},
        {1, offsetof(struct gdb_registers, eflags), 4},
        {6, offsetof(struct gdb_registers, segments), 4},
        {8, offsetof(struct gdb_registers, x87), 10},
        {8, offsetof(struct gdb_registers, x87_control), 4},
        {16, offsetof(struct gdb_registers, xmm), 16},
        {1, offsetof(struct gdb_registers, mxcsr), 4},
        {3, offsetof(struct gdb_registers, original_rax), 8},
    };

    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        if (number < groups[i].count) {
            *ret_offset = groups[i].offset + number * groups[i].bytes;
            *ret_bytes = groups[i].bytes;
            return true;
        }
        number -= groups[i].count;
    }
    return false;
}

bool gdb_registers_live(const struct gdb_client *client, const struct gdb_thread *thread)
{
    return thread->cpu >= 0 &&
           (!client->user_view || gdb_thread_in_user_mode(client, thread) || !thread->context.fpu);
}

static void from_cpu(const struct machine_cpu_state *state, struct gdb_registers *ret)
{
    const struct machine_registers *core = &state->core;
    const uint32_t segments[6] = {core->cs, core->ss, state->ds, state->es, state->fs, state->gs};

    memcpy(ret->general, core->general, sizeof(ret->general));
    ret->rip = core->rip;
    ret->eflags = (uint32_t)core->rflags;
    memcpy(ret->segments, segments, sizeof(segments));
    memcpy(ret->x87, state->x87, sizeof(ret->x87));
    memcpy(ret->x87_control, state->x87_control, sizeof(ret->x87_control));
    memcpy(ret->xmm, state->xmm, sizeof(ret->xmm));
    ret->mxcsr = state->mxcsr;
    ret->original_rax = UINT64_MAX;
    ret->fs_base = core->fs_base;
    ret->gs_base = core->gs_base;
}

/* The format of FXSAVE: Intel SDM volume 1, 10.5.1. */
static void from_fxsave(const uint8_t *area, struct gdb_registers *ret)
{
    uint16_t control, status, opcode;

    memcpy(&control, area, 2);
    memcpy(&status, area + 2, 2);
    memcpy(&opcode, area + 6, 2);
    ret->x87_control[0] = control;
    ret->x87_control[1] = status;
    for (size_t i = 0; i < 8; i++) {
        if (!(area[4] & 1u << i))
            ret->x87_control[2] |= 3u << (2 * i);
        memcpy(ret->x87[i], area + 32 + 16 * i, sizeof(ret->x87[i]));
    }
    ret->x87_control[7] = opcode;
    memcpy(&ret->mxcsr, area + 24, 4);
    memcpy(ret->xmm, area + 160, sizeof(ret->xmm));
}

static bool kernel_bytes(struct gdb_client *client, uint64_t address, void *to, size_t bytes)
{
    size_t done = 0;

    if (address < GUEST_KERNEL_HALF)
        return false;
    vt_error_destroy(guest_read_virtual(client->target->guest, 0, address, to, bytes, &done));
    return done == bytes;
}

static bool from_trap_frame(struct gdb_client *client, const struct gdb_thread *thread,
                            struct gdb_registers *ret)
{
    struct guest_trap_frame frame;

    if (!kernel_bytes(client, thread->context.stack_top - sizeof(frame), &frame, sizeof(frame)))
        return false;
#define FROM_FRAME(index, name) ret->general[index] = frame.name;
    MACHINE_GENERAL_REGISTERS(FROM_FRAME)
    ret->rip = frame.rip;
    ret->eflags = (uint32_t)frame.rflags;
    ret->segments[0] = (uint32_t)frame.cs;
    ret->segments[1] = (uint32_t)frame.ss;
    ret->original_rax = frame.original_rax;
    return (frame.cs & 3) == 3;
}

static bool from_switch_frame(struct gdb_client *client, const struct gdb_thread *thread,
                              struct gdb_registers *ret)
{
    struct guest_switch_frame frame;

    if (!kernel_bytes(client, thread->context.kernel_rsp, &frame, sizeof(frame)))
        return false;
    ret->general[1] = frame.rbx;
    ret->general[6] = frame.rbp;
    ret->general[7] = thread->context.kernel_rsp + sizeof(frame);
    ret->general[12] = frame.r12;
    ret->general[13] = frame.r13;
    ret->general[14] = frame.r14;
    ret->general[15] = frame.r15;
    ret->rip = frame.return_address;
    ret->eflags = FLAGS_FIXED;
    ret->segments[0] = KERNEL_CODE;
    ret->segments[1] = KERNEL_DATA;
    ret->original_rax = UINT64_MAX;
    return true;
}

bool gdb_registers_read(struct gdb_client *client, const struct gdb_thread *thread,
                        struct gdb_registers *ret)
{
    uint8_t area[FXSAVE_BYTES];

    memset(ret, 0, sizeof(*ret));
    if (thread->cpu >= 0)
        from_cpu(&client->states[thread->cpu], ret);
    if (gdb_registers_live(client, thread))
        return true;
    if (thread->cpu >= 0) {
        /* In the kernel, seen as a program: only the frame differs from what the CPU holds. */
        ret->gs_base = client->states[thread->cpu].core.kernel_gs_base;
        return from_trap_frame(client, thread, ret);
    }
    if (!thread->context.stack_top)
        return false;
    ret->fs_base = thread->context.fs_base;
    ret->gs_base = thread->context.gs_base;
    if (thread->context.fpu && kernel_bytes(client, thread->context.fpu, area, sizeof(area)))
        from_fxsave(area, ret);
    if (client->user_view && thread->context.fpu && from_trap_frame(client, thread, ret))
        return true;
    return from_switch_frame(client, thread, ret);
}

static struct vt_error *to_cpu(struct gdb_client *client, unsigned cpu,
                               const struct gdb_registers *registers)
{
    struct machine_cpu_state *state = &client->states[cpu];

    memcpy(state->core.general, registers->general, sizeof(registers->general));
    state->core.rip = registers->rip;
    state->core.rflags = registers->eflags;
    state->core.cs = (uint16_t)registers->segments[0];
    state->core.ss = (uint16_t)registers->segments[1];
    state->ds = (uint16_t)registers->segments[2];
    state->es = (uint16_t)registers->segments[3];
    state->fs = (uint16_t)registers->segments[4];
    state->gs = (uint16_t)registers->segments[5];
    memcpy(state->x87, registers->x87, sizeof(registers->x87));
    memcpy(state->x87_control, registers->x87_control, sizeof(registers->x87_control));
    memcpy(state->xmm, registers->xmm, sizeof(registers->xmm));
    state->mxcsr = registers->mxcsr;
    state->core.fs_base = registers->fs_base;
    state->core.gs_base = registers->gs_base;
    return machine_debug_set_state(client->target->machine, cpu, state);
}

/* The program's general registers, in the frame from which it will return to user mode. */
static struct vt_error *to_trap_frame(struct gdb_client *client, const struct gdb_thread *thread,
                                      const struct gdb_registers *registers)
{
    const uint64_t at = thread->context.stack_top - sizeof(struct guest_trap_frame);
    struct guest_trap_frame frame;

    if (!kernel_bytes(client, at, &frame, sizeof(frame)))
        return vt_error_create(VT_ERROR_NOT_FOUND, "task %d has no user registers",
                               thread->context.task.tid);
#define TO_FRAME(index, name) frame.name = registers->general[index];
    MACHINE_GENERAL_REGISTERS(TO_FRAME)
    frame.original_rax = registers->original_rax;
    frame.error_code |= GUEST_FRAME_REPLACED;
    frame.rip = registers->rip;
    frame.rflags = (registers->eflags & FLAGS_USER) | FLAGS_ALWAYS;
    return gdb_memory_write(client, at, &frame, sizeof(frame));
}

struct vt_error *gdb_registers_write(struct gdb_client *client, const struct gdb_thread *thread,
                                     const struct gdb_registers *registers)
{
    struct gdb_registers old;

    if (gdb_registers_live(client, thread))
        return to_cpu(client, (unsigned)thread->cpu, registers);
    if (!client->user_view || !thread->context.fpu)
        return vt_error_create(
            VT_ERROR_ARGUMENT,
            "task %d sleeps in the kernel: only its user registers can be changed ('monitor user' "
            "shows them)",
            thread->context.task.tid);
    if (!gdb_registers_read(client, thread, &old) || (old.segments[0] & 3) != 3)
        return vt_error_create(VT_ERROR_NOT_FOUND, "task %d has no user registers",
                               thread->context.task.tid);
    if (memcmp(old.x87, registers->x87, sizeof(old.x87)) != 0 ||
        memcmp(old.xmm, registers->xmm, sizeof(old.xmm)) != 0 ||
        old.fs_base != registers->fs_base || old.gs_base != registers->gs_base ||
        old.mxcsr != registers->mxcsr)
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "task %d is in the kernel: only its general registers can be "
                               "changed",
                               thread->context.task.tid);
    return to_trap_frame(client, thread, registers);
}
