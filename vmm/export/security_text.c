/* vmm/export/security_text.c - see security_text.h. */
#include "vmm/export/security_text.h"

#include <inttypes.h>

static const char *privilege_name(uint64_t privilege)
{
    const char *name = privilege < 64 ? vt_privilege_name((unsigned)privilege) : NULL;

    return name ? name : "a privilege that there is not";
}

static const char *origin_name(uint32_t how)
{
    static const char *const names[] = {
        [SECURITY_CREATED] = "created",
        [SECURITY_DUPLICATED] = "duplicated",
        [SECURITY_RESTRICTED] = "restricted",
        [SECURITY_OF_CLIENT] = "of a client",
    };

    return how < sizeof(names) / sizeof(names[0]) && names[how] ? names[how] : "made";
}

static void write_denial(FILE *out, const struct vt_trace *trace, const struct trace_record *record)
{
    static const char *const gates[] = {"?", "filter", "containment", "token", "protection"};
    uint32_t detail = (uint32_t)(record->arg[0] >> 32), gate = detail & 0xff;
    uint64_t target = record->arg[1];

    fprintf(out,
            "DENIED by the %s gate: ", gate < sizeof(gates) / sizeof(gates[0]) ? gates[gate] : "?");
    switch (detail >> 8) {
    case SECURITY_PROCESS:
        fprintf(out, "process %s/%d", vt_trace_comm(trace, (int32_t)target), (int32_t)target);
        break;
    case SECURITY_TOKEN:
        fprintf(out, "token %" PRIu64, target);
        break;
    case SECURITY_PRIVILEGE:
        fputs(privilege_name(target), out);
        break;
    default:
        fputs("something", out);
        break;
    }
    if (detail >> 8 != SECURITY_PRIVILEGE)
        fprintf(out, ", rights %#x asked, %#x granted", (uint32_t)record->arg[2],
                (uint32_t)(record->arg[2] >> 32));
    fprintf(out, " (acts as token %u, is token %u)", (uint32_t)record->arg[3],
            (uint32_t)(record->arg[3] >> 32));
}

void security_text_write(FILE *out, const struct vt_trace *trace, const struct trace_record *record)
{
    static const char *const levels[] = {"anonymously", "to look at", "here", "everywhere"};
    const uint64_t *arg = record->arg;
    uint32_t detail = (uint32_t)(arg[0] >> 32);

    switch ((uint32_t)arg[0]) {
    case SECURITY_TOKEN_MADE:
        fprintf(out, "token %" PRIu64 " %s, logon session %" PRIu64 ", privileges %#" PRIx64,
                arg[1], origin_name(detail), arg[2], arg[3]);
        break;
    case SECURITY_TOKEN_ADJUSTED:
        fprintf(out, "token %" PRIu64 " adjusted: privileges %#" PRIx64 ", enabled %#" PRIx64,
                arg[1], arg[2], arg[3]);
        break;
    case SECURITY_INSTALLED:
        fprintf(out, "is token %" PRIu64 " from now on, was token %" PRIu64, arg[1], arg[2]);
        break;
    case SECURITY_IMPERSONATES:
        fprintf(out, "acts as token %" PRIu64 " (%s)", arg[1], detail < 4 ? levels[detail] : "?");
        break;
    case SECURITY_REVERTED:
        fprintf(out, "acts as itself again, not as token %" PRIu64, arg[1]);
        break;
    case SECURITY_DENIED:
        write_denial(out, trace, record);
        break;
    case SECURITY_PRIVILEGE_USED:
        fprintf(out, "token %" PRIu64 " used %s", arg[1], privilege_name(arg[2]));
        break;
    case SECURITY_SESSION_MADE:
        fprintf(out, "logon session %" PRIu64 " of type %u", arg[1], detail);
        break;
    case SECURITY_SESSION_ENDED:
        fprintf(out, "logon session %" PRIu64 " ended", arg[1]);
        break;
    default:
        fprintf(out, "event %u of tokens", (uint32_t)arg[0]);
        break;
    }
}
