/*
 * vmm/cli/trace.c - `vitrine trace`: the events of a running machine, as they happen, until it
 * ends.
 */
#include <stdio.h>

#include "vmm/cli/cli.h"
#include "vmm/export/event_text.h"

/* Everything but faults and system calls, which come in floods. */
#define WANTED_TYPES                                                                               \
    (1ull << TRACE_SWITCH | 1ull << TRACE_WAKEUP | 1ull << TRACE_FORK | 1ull << TRACE_EXEC |       \
     1ull << TRACE_EXIT | 1ull << TRACE_REAP | 1ull << TRACE_SIGNAL | 1ull << TRACE_MIGRATE |      \
     1ull << TRACE_PROCESS_EXCEPTION | 1ull << TRACE_COMM | 1ull << TRACE_STOP_TASK |              \
     1ull << TRACE_SYSCALL_UNKNOWN | 1ull << TRACE_MARK)
#define FLUSH_MS 20

static struct vt_error *follow(struct vt_guest *guest, struct vt_trace *trace, bool json)
{
    bool unflushed = false;

    for (;;) {
        struct trace_record record;
        struct vt_error *error = vt_trace_next(trace, unflushed ? FLUSH_MS : 1000, &record);

        if (error) {
            enum vt_error_code code = vt_error_code(error);

            if (code != VT_ERROR_TIMEOUT && code != VT_ERROR_GONE)
                return error;
            vt_error_destroy(error);
            if (fflush(stdout) != 0 || code == VT_ERROR_GONE)
                return NULL; /* our reader has gone, or the machine has */
            unflushed = false;
            continue;
        }
        if (json)
            event_json_write(stdout, guest, trace, &record);
        else
            event_text_write(stdout, guest, trace, &record);
        putchar('\n');
        unflushed = true;
    }
}

int cli_trace(int argc, char **argv)
{
    struct look_options options;
    struct vt_guest *guest;
    struct vt_trace *trace;

    cli_parse_look(argc, argv,
                   "Print the events of a running machine as they happen, until it ends.",
                   &options);
    struct vt_error *error = cli_attach(options.name, &guest);
    if (error)
        return cli_fail(error);
    error = vt_guest_ask_trace(guest, WANTED_TYPES);
    if (!error)
        error = vt_trace_open(guest, false, &trace);
    if (!error) {
        error = follow(guest, trace, options.json);
        if (vt_trace_lost(trace))
            fprintf(stderr,
                    "vitrine: %lu events were lost: they came faster than they could be read\n",
                    (unsigned long)vt_trace_lost(trace));
        vt_trace_close(trace);
    }
    vt_guest_detach(guest);
    return error ? cli_fail(error) : 0;
}
