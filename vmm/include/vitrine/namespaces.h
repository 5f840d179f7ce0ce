/*
 * vitrine/namespaces.h - the namespaces of the guest (namespaces(7)) and who is in them.
 * guest.h says how such readings behave.
 */
#ifndef VITRINE_NAMESPACES_H
#define VITRINE_NAMESPACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "guest.h"
#include "version.h"

VITRINE_BEGIN

struct vt_namespace {
    uint64_t number;     /* as in the links of /proc/PID/ns */
    uint64_t address;    /* of the kernel's struct namespace */
    const char *kind;    /* "cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts" */
    uint32_t references; /* as the kernel counts them */
    uint32_t tasks;      /* that are in it */
    const int32_t *pids; /* processes with a task in it, ascending; 0 of them: a file or a child
                            namespace holds it */
    size_t pid_count;
    uint32_t uid;                      /* real user id of the first of them; 0 without any */
    char comm[16];                     /* name of that one; "" without any */
    uint32_t level;                    /* PID namespaces: 0 the first one; else 0 */
    int64_t monotonic_ns, boottime_ns; /* time namespaces: what is added to the clocks; else 0 */
};
/* Every namespace, in the order of their making. */
struct vt_error *vt_guest_namespaces(struct vt_guest *guest, struct vt_namespace **ret_namespaces,
                                     size_t *ret_count);

VITRINE_END

#endif
