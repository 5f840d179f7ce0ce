/* vmm/cli/audit_report.c - see audit_report.h. */
#include "vmm/cli/audit_report.h"

#include <inttypes.h>

#define AROUND_SHOWN 6

static void print_violation(const struct vt_violation *violation, FILE *out)
{
    size_t count = violation->around_count;

    fprintf(out, "  %s: %s", violation->invariant, violation->message);
    if (violation->repeats > 1)
        fprintf(out, " (%" PRIu64 " times)", violation->repeats);
    fputc('\n', out);
    for (size_t i = count > AROUND_SHOWN ? count - AROUND_SHOWN : 0; i < count; i++) {
        const struct trace_record *record = &violation->around[i];

        fprintf(out,
                "      cpu %u task %d %s %#" PRIx64 " %#" PRIx64 " %#" PRIx64 " %#" PRIx64 "\n",
                record->cpu, record->tid, vt_trace_type_name((enum trace_type)record->type),
                record->arg[0], record->arg[1], record->arg[2], record->arg[3]);
    }
}

void audit_report_print(const struct vt_audit *audit, FILE *out, bool all)
{
    const struct vt_violation *violations;
    const struct vt_audit_invariant *invariants;
    size_t count = vt_audit_violations(audit, &violations);
    size_t promises = vt_audit_invariants(audit, &invariants);
    struct vt_audit_numbers numbers = vt_audit_numbers(audit);

    fprintf(out,
            "audit: %zu %s in %" PRIu64 " stopped worlds (%" PRIu64 " at rest) and %" PRIu64
            " events, %zu promises\n",
            count, count == 1 ? "violation" : "violations", numbers.checks, numbers.checks_settled,
            numbers.records, promises);
    for (size_t i = 0; i < count; i++)
        print_violation(&violations[i], out);
    for (size_t i = 0; all && i < promises; i++) {
        fprintf(out, "  %-14s %s", invariants[i].name, invariants[i].proves);
        if (!invariants[i].checked)
            fputs(invariants[i].stream ? " (no events followed)" : " (never at rest: not judged)",
                  out);
        fputc('\n', out);
    }
}

static json_t *record_json(const struct trace_record *record)
{
    return json_pack("{s:I,s:i,s:i,s:s,s:[I,I,I,I]}", "tsc", (json_int_t)record->tsc, "cpu",
                     (int)record->cpu, "tid", record->tid, "type",
                     vt_trace_type_name((enum trace_type)record->type), "arguments",
                     (json_int_t)record->arg[0], (json_int_t)record->arg[1],
                     (json_int_t)record->arg[2], (json_int_t)record->arg[3]);
}

/* Addresses are text: readers of JSON take numbers for doubles. */
static void set_address(json_t *object, const char *name, uint64_t value)
{
    char text[24];

    if (!value)
        return;
    snprintf(text, sizeof(text), "%#" PRIx64, value);
    json_object_set_new(object, name, json_string(text));
}

static json_t *violation_json(const struct vt_violation *violation)
{
    json_t *around = json_array();
    json_t *object = json_pack("{s:s,s:s,s:i,s:i,s:I,s:b,s:I}", "invariant", violation->invariant,
                               "message", violation->message, "tid", violation->tid, "pid",
                               violation->pid, "tsc", (json_int_t)violation->tsc, "stream",
                               violation->stream, "repeats", (json_int_t)violation->repeats);

    set_address(object, "object", violation->object);
    set_address(object, "address", violation->address);
    set_address(object, "frame", violation->phys);
    for (size_t i = 0; i < violation->around_count; i++)
        json_array_append_new(around, record_json(&violation->around[i]));
    json_object_set_new(object, "before", around);
    return object;
}

json_t *audit_report_json(const struct vt_audit *audit)
{
    const struct vt_violation *violations;
    const struct vt_audit_invariant *invariants;
    size_t count = vt_audit_violations(audit, &violations);
    size_t promises = vt_audit_invariants(audit, &invariants);
    struct vt_audit_numbers numbers = vt_audit_numbers(audit);
    json_t *found = json_array(), *judged = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(found, violation_json(&violations[i]));
    for (size_t i = 0; i < promises; i++)
        json_array_append_new(judged, json_pack("{s:s,s:s,s:b,s:I,s:I,s:I}", "name",
                                                invariants[i].name, "proves", invariants[i].proves,
                                                "stream", invariants[i].stream, "checked",
                                                (json_int_t)invariants[i].checked, "unsettled",
                                                (json_int_t)invariants[i].unsettled, "violations",
                                                (json_int_t)invariants[i].violations));
    return json_pack("{s:o,s:o,s:I,s:I,s:I,s:I}", "violations", found, "invariants", judged,
                     "worlds", (json_int_t)numbers.checks, "worlds_at_rest",
                     (json_int_t)numbers.checks_settled, "events", (json_int_t)numbers.records,
                     "last_check_ns", (json_int_t)numbers.last_check_ns);
}
