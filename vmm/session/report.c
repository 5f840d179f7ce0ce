/*
 * vmm/session/report.c - the failure report. Everything in it comes from a guest that has just
 * failed: nothing is followed or printed without a check.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/cleanup.h"
#include "vmm/export/event_text.h"
#include "vmm/session/report.h"
#include "vmm/session/symbols.h"

#define LAST_EVENTS 20u
#define LOG_LINES   25u
#define FRAMES_MAX  GLASS_PANIC_FRAMES
#define NO_VECTOR   0xffffu

#define NAME(index, name) [index] = #name,
static const char *const general_names[16] = {MACHINE_GENERAL_REGISTERS(NAME)};

static const char *vector_name(unsigned vector)
{
    static const char *const names[] = {"divide error",
                                        "debug",
                                        "NMI",
                                        "breakpoint",
                                        "overflow",
                                        "bound range",
                                        "invalid opcode",
                                        "device not available",
                                        "double fault",
                                        "coprocessor segment",
                                        "invalid TSS",
                                        "segment not present",
                                        "stack fault",
                                        "general protection",
                                        "page fault",
                                        "reserved",
                                        "x87 error",
                                        "alignment check",
                                        "machine check",
                                        "SIMD error",
                                        "virtualisation",
                                        "control protection"};

    return vector < sizeof(names) / sizeof(names[0]) ? names[vector] : "interrupt";
}

static void write_general(FILE *out, const uint64_t general[16])
{
    for (unsigned i = 0; i < 16; i++)
        fprintf(out, "  %3s %016" PRIx64 "%s", general_names[i], general[i],
                i % 4 == 3 ? "\n" : "");
}

static void write_frame(FILE *out, const struct symbols *symbols, unsigned number, uint64_t address)
{
    char name[128];

    fprintf(out, "  #%-2u %016" PRIx64 " %s\n", number, address,
            symbols_name(symbols, address, name, sizeof(name)));
}

static void write_panic(FILE *out, const struct glass_panic *shared, const struct symbols *symbols)
{
    struct glass_panic panic;

    memcpy(&panic, shared, sizeof(panic));
    panic.message[sizeof(panic.message) - 1] = '\0';
    for (char *c = panic.message; *c; c++)
        if (!isprint((unsigned char)*c))
            *c = '?';
    fprintf(out, "the guest's kernel panicked: %s\n", panic.message);
    fprintf(out, "  CPU %u, task %d", panic.cpu, panic.tid);
    if (panic.vector != NO_VECTOR)
        fprintf(out, ", exception %u (%s), error code %#" PRIx64, panic.vector,
                vector_name(panic.vector), panic.error_code);
    fputs("\nregisters:\n", out);
    write_general(out, panic.registers);
    fprintf(out, "  rip %016" PRIx64 "  rflags %08" PRIx64 "  cs %04" PRIx64 "  ss %04" PRIx64 "\n",
            panic.registers[16], panic.registers[17], panic.registers[18], panic.registers[19]);
    fprintf(out,
            "  cr0 %016" PRIx64 "  cr2 %016" PRIx64 "  cr3 %016" PRIx64 "  cr4 %016" PRIx64 "\n",
            panic.registers[20], panic.registers[21], panic.registers[22], panic.registers[23]);
    fputs("backtrace:\n", out);
    if (panic.frame_count > GLASS_PANIC_FRAMES)
        panic.frame_count = GLASS_PANIC_FRAMES;
    unsigned number = 0;
    bool repeated = panic.frame_count && panic.frames[0] == panic.registers[16];
    if (panic.vector != NO_VECTOR && !repeated)
        write_frame(out, symbols, number++, panic.registers[16]);
    for (unsigned i = 0; i < panic.frame_count; i++)
        write_frame(out, symbols, number++, panic.frames[i]);
}

/* The chain of frame pointers: each points at the caller's pointer and the return address, always
 * upwards. */
static void walk_frames(FILE *out, struct vt_guest *guest, const struct symbols *symbols,
                        const struct machine_registers *registers)
{
    uint64_t frame = registers->general[6];

    write_frame(out, symbols, 0, registers->rip);
    if (!GUEST_LOAD(&guest->ready))
        return;
    for (unsigned i = 1; i < FRAMES_MAX; i++) {
        const uint64_t *words = guest_translate(guest, frame, 16, 8);

        if (!words || words[1] == 0)
            return;
        write_frame(out, symbols, i, words[1]);
        if (words[0] <= frame)
            return;
        frame = words[0];
    }
}

static void write_failure(FILE *out, struct vt_machine *machine, const struct symbols *symbols)
{
    const struct machine_failure *failure = &machine->failure;
    const struct machine_registers *registers = &failure->registers;
    static const char *const kinds[] = {
        [MACHINE_FAILED_TRIPLE_FAULT] = "the guest's kernel met a triple fault",
        [MACHINE_FAILED_INTERNAL] = "the backend cannot go on with the guest",
        [MACHINE_FAILED_BACKEND_GONE] = "the backend ended by itself",
    };
    unsigned kind = failure->kind;

    fprintf(out, "%s (%s, CPU %u)\n",
            kind < sizeof(kinds) / sizeof(kinds[0]) && kinds[kind] ? kinds[kind] : "failure",
            vt_accel_name(machine->config.accel), failure->cpu);
    if (failure->text[0])
        fprintf(out, "  %.*s\n", (int)sizeof(failure->text), failure->text);
    if (!failure->has_registers)
        return;
    fputs("registers:\n", out);
    write_general(out, registers->general);
    fprintf(out, "  rip %016" PRIx64 "  rflags %08" PRIx64 "  cs %04x  ss %04x\n", registers->rip,
            registers->rflags, registers->cs, registers->ss);
    fprintf(out,
            "  cr0 %016" PRIx64 "  cr2 %016" PRIx64 "  cr3 %016" PRIx64 "  cr4 %016" PRIx64 "\n",
            registers->cr0, registers->cr2, registers->cr3, registers->cr4);
    fprintf(out,
            "  fs base %016" PRIx64 "  gs base %016" PRIx64 "  kernel gs base %016" PRIx64 "\n",
            registers->fs_base, registers->gs_base, registers->kernel_gs_base);
    fputs("backtrace:\n", out);
    walk_frames(out, &machine->guest, symbols, registers);
}

static void write_last_events(FILE *out, struct vt_guest *guest)
{
    char *lines[LAST_EVENTS] = {NULL};
    uint64_t count = 0;
    struct vt_trace *trace = NULL;
    struct vt_error *error = vt_trace_open(guest, false, &trace);

    while (!error) {
        struct trace_record record;

        error = vt_trace_next(trace, 0, &record);
        if (error)
            break;
        char *line = NULL;
        size_t bytes;
        FILE *text = open_memstream(&line, &bytes);
        if (!text)
            break;
        event_text_write(text, guest, trace, &record);
        fclose(text);
        free(lines[count % LAST_EVENTS]);
        lines[count++ % LAST_EVENTS] = line;
    }
    vt_error_destroy(error);
    vt_trace_close(trace);
    uint64_t kept = count < LAST_EVENTS ? count : LAST_EVENTS;
    if (kept)
        fprintf(out, "last %" PRIu64 " of %" PRIu64 " recorded events:\n", kept, count);
    for (uint64_t i = count - kept; i < count; i++)
        fprintf(out, "  %s\n", lines[i % LAST_EVENTS]);
    for (unsigned i = 0; i < LAST_EVENTS; i++)
        free(lines[i]);
}

static void write_log_end(FILE *out, struct vt_guest *guest)
{
    CLEANUP_FREE char *text = guest_log_text(guest);
    unsigned lines = 0;

    if (!text || !*text)
        return;
    char *start = text + strlen(text);
    if (start > text && start[-1] == '\n')
        *--start = '\0';
    while (start > text && (start[-1] != '\n' || ++lines < LOG_LINES))
        start--;
    fputs("end of the kernel's log:\n", out);
    for (char *line = strtok(start, "\n"); line; line = strtok(NULL, "\n"))
        fprintf(out, "  %s\n", line);
}

char *report_write(struct vt_machine *machine)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    struct symbols *symbols = symbols_open(machine->kernel.path);
    struct glass *glass =
        guest_memory_at(&machine->guest.memory, machine->guest.glass_phys, sizeof(struct glass));

    if (!out) {
        symbols_close(symbols);
        return NULL;
    }
    bool panicked =
        GUEST_LOAD(&machine->panicked) || (glass && GUEST_LOAD(&glass->state) == GLASS_PANICKED);
    if (panicked && glass)
        write_panic(out, &glass->panic, symbols);
    else if (GUEST_LOAD(&machine->failed_set))
        write_failure(out, machine, symbols);
    else
        fputs("the guest ended with a status that makes no sense\n", out);
    if (GUEST_LOAD(&machine->guest.ready)) {
        write_last_events(out, &machine->guest);
        write_log_end(out, &machine->guest);
    } else {
        fputs("the kernel had not published its glass yet\n", out);
    }
    if (machine->core_note)
        fprintf(out, "%s\n", machine->core_note);
    fclose(out);
    symbols_close(symbols);
    return text;
}
