/*
 * vmm/cli/audit.c - `vitrine audit`: judges a running machine, whose owner stops it for the moment,
 * or a core file.
 */
#include <stdio.h>

#include "vmm/cli/audit_report.h"
#include "vmm/cli/cli.h"

#define CHECK_MS 2000

int cli_audit(int argc, char **argv)
{
    struct look_options options;
    struct vt_guest *guest;
    struct vt_audit *audit = NULL;
    const struct vt_violation *violations;

    cli_parse_look(
        argc, argv,
        "Prove the kernel's promises on a running machine, from its memory. The machine "
        "stands still for some milliseconds. The exit status is 0, or 125 if a promise is "
        "broken.",
        &options);
    struct vt_error *error = cli_look_at(&options, &guest);
    if (error)
        return cli_fail(error);
    error = vt_audit_create(guest, NULL, &audit);
    if (!error)
        error = options.core ? vt_audit_check(audit, NULL) /* its world stands still */
                             : vt_audit_check_now(audit, CHECK_MS, NULL);
    if (error) {
        vt_audit_destroy(audit);
        vt_guest_detach(guest);
        return cli_fail(error);
    }
    size_t count = vt_audit_violations(audit, &violations);
    if (options.json) {
        json_t *object = audit_report_json(audit);

        json_dumpf(object, stdout, JSON_INDENT(1) | JSON_ENSURE_ASCII);
        putchar('\n');
        json_decref(object);
    } else {
        audit_report_print(audit, stdout, true);
    }
    vt_audit_destroy(audit);
    vt_guest_detach(guest);
    return count ? STATUS_FAILED : 0;
}
