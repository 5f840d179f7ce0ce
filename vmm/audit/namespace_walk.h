/*
 * vmm/audit/namespace_walk.h - the kernel's list of all namespaces, for the invariants about what lives in
 * them.
 */
#ifndef VITRINE_AUDIT_NAMESPACE_WALK_H
#define VITRINE_AUDIT_NAMESPACE_WALK_H

#include "vmm/audit/audit.h"

/* guest/kernel/namespace/namespace.h: enum namespace_kind */
enum audit_namespace_kind {
    AUDIT_NAMESPACE_IPC = 1,
    AUDIT_NAMESPACE_MOUNT = 2,
    AUDIT_NAMESPACE_PID = 4,
    AUDIT_NAMESPACE_TIME = 5,
    AUDIT_NAMESPACE_KINDS = 8,
};

struct audit_namespace {
    uint64_t address; /* of its struct namespace */
    const uint8_t *raw;
    uint32_t kind; /* AUDIT_NAMESPACE_KINDS: it says none */
};

/* Those of one kind (AUDIT_NAMESPACE_KINDS: all), in the order of their making. False: the list could not
 * be walked to its end. */
bool audit_each_namespace(const struct audit_world *world, uint32_t kind,
                          void (*visit)(void *context, const struct audit_namespace *namespace),
                          void *context);

#endif
