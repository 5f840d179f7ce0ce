/*
 * vmm/machine/qemu_registers.c - the registers of a CPU under QEMU.
 *
 * QMP has no command for registers; the human monitor's "info registers" has been stable for many
 * years: RAX=0000000000000000 RBX=...   RIP=... RFL=00000246 [---Z-P-] ... CS =0008
 * 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]     CR0=80050033 CR2=... CR3=... CR4=...
 * Every "NAME=" or "NAME =" is looked up, whatever stands around it; what is missing stays 0.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/machine/qemu.h"

static const char *find(const char *text, const char *name)
{
    const size_t length = strlen(name);

    for (const char *at = text; (at = strstr(at, name)); at += length) {
        const char *after = at + length;

        if (at != text && !isspace((unsigned char)at[-1]))
            continue;
        while (*after == ' ')
            after++;
        if (*after == '=')
            return after + 1;
    }
    return NULL;
}

static uint64_t value(const char *text, const char *name)
{
    const char *at = find(text, name);

    return at ? strtoull(at, NULL, 16) : 0;
}

/* "FS =0000 0000000000000000 ...": selector, then base. */
static uint64_t segment_base(const char *text, const char *name)
{
    const char *at = find(text, name);
    char *end;

    if (!at)
        return 0;
    (void)strtoull(at, &end, 16);
    return strtoull(end, NULL, 16);
}

bool qemu_parse_registers(const char *text, struct machine_registers *ret)
{
    static const char *const names[16] = {"RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP",
                                          "R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15"};

    if (!find(text, "RIP"))
        return false;
    for (unsigned i = 0; i < 16; i++)
        ret->general[i] = value(text, names[i]);
    ret->rip = value(text, "RIP");
    ret->rflags = value(text, "RFL");
    ret->cr0 = value(text, "CR0");
    ret->cr2 = value(text, "CR2");
    ret->cr3 = value(text, "CR3");
    ret->cr4 = value(text, "CR4");
    ret->fs_base = segment_base(text, "FS");
    ret->gs_base = segment_base(text, "GS");
    ret->kernel_gs_base = 0; /* QEMU does not print it */
    ret->cs = (uint16_t)value(text, "CS");
    ret->ss = (uint16_t)value(text, "SS");
    return true;
}

struct vt_error *qemu_read_registers(struct qmp *qmp, unsigned cpu, struct machine_registers *ret)
{
    json_t *answer = NULL;
    struct vt_error *error = qmp_execute(
        qmp, "human-monitor-command",
        json_pack("{s:s, s:i}", "command-line", "info registers", "cpu-index", (int)cpu), &answer);
    const char *text = error ? NULL : json_string_value(answer);

    if (!error && (!text || !qemu_parse_registers(text, ret)))
        error = vt_error_create(VT_ERROR_BACKEND,
                                "QEMU gives the registers of CPU %u in an unknown form", cpu);
    json_decref(answer);
    return error;
}
