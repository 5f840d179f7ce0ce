/*
 * vmm/cli/audit_log.c - `vitrine audit-log`: what happens to tokens and what they were not enough for, as it
 * happens.
 */
#include <stdio.h>

#include "vmm/cli/cli.h"

int cli_audit_log(int argc, char **argv)
{
    struct look_options options;
    struct vt_guest *guest;
    struct vt_trace *trace;

    cli_parse_look(
        argc, argv,
        "Print what happens to tokens in a running machine, until it ends: which are made, "
        "adjusted, installed and impersonated, which privileges are used for the first "
        "time, and who was denied what.",
        &options);
    struct vt_error *error = cli_look_at(&options, &guest);
    if (error)
        return cli_fail(error);
    if (!options.core)
        error = vt_guest_ask_trace(guest, 1ull << TRACE_SECURITY);
    if (!error)
        error = vt_trace_open(guest, false, &trace);
    if (!error) {
        error = cli_follow(guest, trace, 1ull << TRACE_SECURITY, options.json);
        if (vt_trace_lost(trace))
            fprintf(stderr,
                    "vitrine: %lu events were lost: they came faster than they could be read\n",
                    (unsigned long)vt_trace_lost(trace));
        vt_trace_close(trace);
    }
    vt_guest_detach(guest);
    return error ? cli_fail(error) : 0;
}
