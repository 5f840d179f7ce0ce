/*
 * vmm/machine/qemu_debug.c - the debugger's part of the QEMU backend: a client of QEMU's own stub.
 *
 * Only that stub can stop a CPU at an address or set a register. It sits behind a channel that
 * exists from the start; the monitor command `gdbserver` opens it when the first debugger comes,
 * and it stays open. QEMU's threads are its CPUs: thread n is CPU n - 1. Both its kinds of
 * breakpoint are kept beside the translated code and change no guest memory.
 *
 * Facts of QEMU 7.2: any byte that arrives while the guest runs stops it; a packet holds 4096
 * bytes; the layout of its register packet is that of its i386-64bit.xml.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/machine/qemu.h"

#define ANSWER_MS    10000 /* a stub that does not answer for so long is hung */
#define WRITE_MAX    1024u /* bytes in one `M` packet */
#define LAYOUT_BYTES 608u

enum { /* numbers of registers in QEMU's packet */
       NUMBER_RIP = 16,
       NUMBER_EFLAGS = 17,
       NUMBER_SEGMENTS = 18, /* cs ss ds es fs gs */
       NUMBER_FS_BASE = 24,
       NUMBER_GS_BASE = 25,
       NUMBER_X87 = 33,
       NUMBER_X87_CONTROL = 41,
       NUMBER_XMM = 49,
       NUMBER_MXCSR = 65
};

/* What stands at which byte of that packet, in order. */
struct layout {
    uint64_t general[16], rip;
    uint32_t eflags, segments[6];
    uint64_t fs_base, gs_base, kernel_gs_base, cr0, cr2, cr3, cr4, cr8, efer;
    uint8_t x87[8][10];
    uint32_t x87_control[8];
    uint8_t xmm[16][16];
    uint32_t mxcsr;
} __attribute__((packed));

_Static_assert(sizeof(struct layout) == LAYOUT_BYTES, "as QEMU sends it");

static struct vt_error *gone(void)
{
    return vt_error_create(VT_ERROR_GONE, "the machine has ended");
}

void qemu_debug_deinit(struct qemu_debug *debug)
{
    free(debug->stream);
    debug->stream = NULL;
}

/* Sends one command and receives its answer (REMOTE_PACKET_MAX + 1 bytes). */
static struct vt_error *ask(struct qemu_debug *debug, char *answer, const char *command)
{
    size_t bytes;

    if (!remote_send(debug->stream, command, strlen(command)))
        return gone();
    switch (remote_receive(debug->stream, ANSWER_MS, answer, &bytes)) {
    case REMOTE_PACKET:
        return NULL;
    case REMOTE_GONE:
        return gone();
    default:
        return vt_error_create(VT_ERROR_BACKEND, "QEMU's debugging stub does not answer to '%.20s'",
                               command);
    }
}

/* The same for commands that are answered by OK. */
static struct vt_error *tell(struct qemu_debug *debug, const char *command)
{
    char answer[REMOTE_PACKET_MAX + 1];
    struct vt_error *error = ask(debug, answer, command);

    if (error || strcmp(answer, "OK") == 0)
        return error;
    return vt_error_create(VT_ERROR_BACKEND, "QEMU's debugging stub refuses '%.20s': %.20s",
                           command, answer);
}

static struct machine_debug_event parse_stop(const char *packet)
{
    struct machine_debug_event event = {.reason = MACHINE_DEBUG_FAILED};
    const char *thread = strstr(packet, "thread:"), *watch = strstr(packet, "watch:");
    /* Two digits; the letter after them may be one as well. */
    char digits[3] = {packet[1]};

    if (digits[0])
        digits[1] = packet[2];
    unsigned long signal = strtoul(digits, NULL, 16);

    if (packet[0] == 'W' || packet[0] == 'X') {
        event.reason = MACHINE_DEBUG_GONE;
        return event;
    }
    if (thread)
        event.cpu = (unsigned)strtoul(thread + 7, NULL, 16) - 1;
    if (signal == 5)
        event.reason = watch ? MACHINE_DEBUG_WATCH : MACHINE_DEBUG_TRAP;
    else if (signal == 2)
        event.reason = MACHINE_DEBUG_INTERRUPTED;
    if (watch)
        event.address = strtoull(watch + 6, NULL, 16);
    return event;
}

static struct machine_debug_event next_event(struct machine *machine, int timeout_ms)
{
    struct qemu_debug *debug = qemu_debug_of(machine);
    struct machine_debug_event event = {.reason = MACHINE_DEBUG_RUNNING};
    char packet[REMOTE_PACKET_MAX + 1];
    size_t bytes;

    for (;;) {
        switch (remote_receive(debug->stream, timeout_ms, packet, &bytes)) {
        case REMOTE_GONE:
            event.reason = MACHINE_DEBUG_GONE;
            return event;
        case REMOTE_PACKET:
            if (!strchr("TSWX", packet[0]) || !packet[0])
                continue;
            event = parse_stop(packet);
            if (event.cpu >= machine->config.cpus)
                event.cpu = 0;
            debug->running = false;
            return event;
        default:
            return event;
        }
    }
}

static struct machine_debug_event qemu_event(struct machine *machine)
{
    return next_event(machine, 0);
}

static struct vt_error *qemu_interrupt(struct machine *machine)
{
    struct qemu_debug *debug = qemu_debug_of(machine);

    return remote_send_byte(debug->stream, 0x03) ? NULL : gone();
}

static struct vt_error *open_stub(struct qemu_debug *debug)
{
    char description[REMOTE_PACKET_MAX + 1];
    json_t *answer = NULL;
    struct vt_error *error =
        qmp_execute(debug->qmp, "human-monitor-command",
                    json_pack("{s:s}", "command-line", "gdbserver chardev:gdb"), &answer);

    json_decref(answer);
    if (error)
        return error;
    debug->stream = malloc(sizeof(*debug->stream));
    if (!debug->stream)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a debugger");
    remote_stream_init(debug->stream, debug->fd);
    debug->running = false; /* opening it has stopped the guest */
    error = ask(debug, description, "qXfer:features:read:target.xml:0,ffb");
    if (!error)
        error = tell(debug, "Hg1");
    return error ? error : tell(debug, "Qqemu.PhyMemMode:1");
}

/*
 * Every pause leaves a message of the stub once it is open. Nobody reads them while no debugger is
 * there, and a QEMU that cannot write stands still: whoever pauses often takes them.
 */
static void qemu_debug_drain(struct machine *machine)
{
    struct qemu_debug *debug = qemu_debug_of(machine);

    if (!debug->stream || !debug->running)
        return;
    for (enum machine_debug_reason reason = MACHINE_DEBUG_TRAP;
         reason != MACHINE_DEBUG_RUNNING && reason != MACHINE_DEBUG_GONE;)
        reason = next_event(machine, 0).reason;
    debug->running = true;
}

static struct vt_error *qemu_debug_start(struct machine *machine)
{
    struct qemu_debug *debug = qemu_debug_of(machine);
    enum machine_debug_reason reason;
    struct vt_error *error;

    debug->selected = machine->config.cpus;
    if (!debug->stream)
        return open_stub(debug);
    if (!debug->running)
        return NULL;
    /* Each pause since the last debugger has left a message, and until that is taken the stub does
     * not hear an interrupt. */
    while ((reason = next_event(machine, 0).reason) != MACHINE_DEBUG_RUNNING)
        if (reason == MACHINE_DEBUG_GONE)
            return gone();
    debug->running = true;
    error = qemu_interrupt(machine);
    if (error)
        return error;
    reason = next_event(machine, ANSWER_MS).reason;
    if (reason == MACHINE_DEBUG_RUNNING)
        return vt_error_create(VT_ERROR_BACKEND, "QEMU does not stop its CPUs");
    return reason == MACHINE_DEBUG_GONE ? gone() : NULL;
}

static struct vt_error *qemu_go(struct machine *machine, const enum machine_go *go)
{
    struct qemu_debug *debug = qemu_debug_of(machine);
    char command[16 + BOOT_CPUS_MAX * 6];
    size_t used = (size_t)sprintf(command, "vCont");

    for (unsigned cpu = 0; cpu < machine->config.cpus; cpu++)
        if (go[cpu] != MACHINE_GO_STAY)
            used += (size_t)sprintf(command + used, ";%c:%x",
                                    go[cpu] == MACHINE_GO_STEP ? 's' : 'c', cpu + 1);
    debug->selected = machine->config.cpus;
    debug->running = true;
    return remote_send(debug->stream, command, used) ? NULL : gone();
}

static void qemu_debug_end(struct machine *machine)
{
    struct qemu_debug *debug = qemu_debug_of(machine);
    char answer[REMOTE_PACKET_MAX + 1];
    enum machine_go go[BOOT_CPUS_MAX];

    if (!debug->stream || debug->running)
        return;
    /* The question for the reason of a stop is what a new debugger begins with: points go. */
    vt_error_destroy(ask(debug, answer, "?"));
    for (unsigned cpu = 0; cpu < BOOT_CPUS_MAX; cpu++)
        go[cpu] = MACHINE_GO_RUN;
    vt_error_destroy(qemu_go(machine, go));
}

/* Makes the stub's register packets those of this CPU. */
static struct vt_error *select_cpu(struct machine *machine, unsigned cpu)
{
    struct qemu_debug *debug = qemu_debug_of(machine);
    char command[16];

    if (debug->selected == cpu)
        return NULL;
    sprintf(command, "Hg%x", cpu + 1);
    struct vt_error *error = tell(debug, command);
    if (!error)
        debug->selected = cpu;
    return error;
}

static struct vt_error *read_layout(struct machine *machine, unsigned cpu, struct layout *ret)
{
    char answer[REMOTE_PACKET_MAX + 1];
    struct vt_error *error = select_cpu(machine, cpu);

    if (!error)
        error = ask(qemu_debug_of(machine), answer, "g");
    if (!error && (strlen(answer) != 2 * sizeof(*ret) ||
                   remote_from_hex(answer, ret, sizeof(*ret)) != sizeof(*ret)))
        error = vt_error_create(
            VT_ERROR_BACKEND,
            "QEMU gives the registers of CPU %u in an unknown form (%zu bytes, %zu expected)", cpu,
            strlen(answer) / 2, sizeof(*ret));
    return error;
}

static struct vt_error *qemu_state(struct machine *machine, unsigned cpu,
                                   struct machine_cpu_state *ret)
{
    struct layout layout;
    struct vt_error *error = read_layout(machine, cpu, &layout);

    if (error)
        return error;
    /* QEMU's packet has rbx, rcx and rdx in gdb's order, which is ours. */
    *ret = (struct machine_cpu_state){
        .core = {.rip = layout.rip,
                 .rflags = layout.eflags,
                 .cr0 = layout.cr0,
                 .cr2 = layout.cr2,
                 .cr3 = layout.cr3,
                 .cr4 = layout.cr4,
                 .fs_base = layout.fs_base,
                 .gs_base = layout.gs_base,
                 .kernel_gs_base = layout.kernel_gs_base,
                 .cs = (uint16_t)layout.segments[0],
                 .ss = (uint16_t)layout.segments[1]},
        .ds = (uint16_t)layout.segments[2],
        .es = (uint16_t)layout.segments[3],
        .fs = (uint16_t)layout.segments[4],
        .gs = (uint16_t)layout.segments[5],
        .mxcsr = layout.mxcsr,
    };
    memcpy(ret->core.general, layout.general, sizeof(layout.general));
    memcpy(ret->x87, layout.x87, sizeof(ret->x87));
    memcpy(ret->x87_control, layout.x87_control, sizeof(ret->x87_control));
    memcpy(ret->xmm, layout.xmm, sizeof(ret->xmm));
    return NULL;
}

/* Writes one register if it is another than before. */
static struct vt_error *set_register(struct qemu_debug *debug, unsigned number, const void *old,
                                     const void *new, size_t bytes)
{
    char command[64];

    if (memcmp(old, new, bytes) == 0)
        return NULL;
    remote_to_hex(command + sprintf(command, "P%x=", number), new, bytes);
    return tell(debug, command);
}

static struct vt_error *qemu_set_state(struct machine *machine, unsigned cpu,
                                       const struct machine_cpu_state *state)
{
    struct qemu_debug *debug = qemu_debug_of(machine);
    const struct machine_registers *core = &state->core;
    const uint32_t segments[6] = {core->cs, core->ss, state->ds, state->es, state->fs, state->gs};
    const uint32_t eflags = (uint32_t)core->rflags;
    struct layout old;
    struct vt_error *error = read_layout(machine, cpu, &old);

    for (unsigned i = 0; i < 16 && !error; i++)
        error = set_register(debug, i, &old.general[i], &core->general[i], 8);
    if (!error)
        error = set_register(debug, NUMBER_RIP, &old.rip, &core->rip, 8);
    if (!error)
        error = set_register(debug, NUMBER_EFLAGS, &old.eflags, &eflags, 4);
    for (unsigned i = 0; i < 6 && !error; i++)
        error = set_register(debug, NUMBER_SEGMENTS + i, &old.segments[i], &segments[i], 4);
    if (!error)
        error = set_register(debug, NUMBER_FS_BASE, &old.fs_base, &core->fs_base, 8);
    if (!error)
        error = set_register(debug, NUMBER_GS_BASE, &old.gs_base, &core->gs_base, 8);
    for (unsigned i = 0; i < 8 && !error; i++)
        error = set_register(debug, NUMBER_X87 + i, old.x87[i], state->x87[i], 10);
    for (unsigned i = 0; i < 8 && !error; i++)
        error = set_register(debug, NUMBER_X87_CONTROL + i, &old.x87_control[i],
                             &state->x87_control[i], 4);
    for (unsigned i = 0; i < 16 && !error; i++)
        error = set_register(debug, NUMBER_XMM + i, old.xmm[i], state->xmm[i], 16);
    if (!error)
        error = set_register(debug, NUMBER_MXCSR, &old.mxcsr, &state->mxcsr, 4);
    return error;
}

static struct vt_error *qemu_point(struct machine *machine, bool set, enum machine_point_kind kind,
                                   uint64_t address, unsigned bytes)
{
    static const char types[] = {
        [MACHINE_POINT_EXECUTE] = '0', [MACHINE_POINT_WRITE] = '2', [MACHINE_POINT_ACCESS] = '4'};
    char command[64];

    sprintf(command, "%c%c,%" PRIx64 ",%x", set ? 'Z' : 'z', types[kind], address, bytes);
    return tell(qemu_debug_of(machine), command);
}

/* Through QEMU, which then translates anew what it has translated of the old bytes. */
static struct vt_error *qemu_write(struct machine *machine, uint64_t phys, const void *data,
                                   size_t bytes)
{
    const uint8_t *from = data;
    struct vt_error *error = NULL;

    while (bytes > 0 && !error) {
        char command[64 + 2 * WRITE_MAX];
        size_t part = bytes < WRITE_MAX ? bytes : WRITE_MAX;

        remote_to_hex(command + sprintf(command, "M%" PRIx64 ",%zx:", phys, part), from, part);
        error = tell(qemu_debug_of(machine), command);
        from += part;
        phys += part;
        bytes -= part;
    }
    return error;
}

static int qemu_debug_fd(struct machine *machine)
{
    return qemu_debug_of(machine)->fd;
}

const struct machine_debugger qemu_debugger = {
    .start = qemu_debug_start,
    .drain = qemu_debug_drain,
    .end = qemu_debug_end,
    .state = qemu_state,
    .set_state = qemu_set_state,
    .point = qemu_point,
    .write = qemu_write,
    .go = qemu_go,
    .interrupt = qemu_interrupt,
    .fd = qemu_debug_fd,
    .event = qemu_event,
};
