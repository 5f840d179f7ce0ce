/*
 * kernel/security/descriptor.h - self-relative security descriptors: whose an object is, who may do
 * what to it, and the system's own rules for it. Read from hostile bytes, and built.
 * Pure: any context, no locks. Layout: MS-DTYP 2.4.6.
 */
#ifndef KERNEL_SECURITY_DESCRIPTOR_H
#define KERNEL_SECURITY_DESCRIPTOR_H

#include "kernel/security/acl.h"

struct descriptor {
    uint16_t control;                /* DESCRIPTOR_* */
    uint8_t resource_manager;        /* the reserved byte, kept */
    const struct sid *owner, *group; /* NULL: there is none */
    struct acl dacl, sacl;           /* bytes is NULL: there is none */
};

/*
 * 0, or -EINVAL: longer than a descriptor can be, not self-relative, a part that lies outside or is
 * malformed, or a list whose flag and offset do not agree on whether there is one. The parts point
 * into `bytes`.
 */
int descriptor_open(struct byte_span bytes, struct descriptor *ret);

/* Bytes that descriptor_build() needs for these parts; may exceed what a descriptor can have. */
size_t descriptor_size(const struct descriptor *parts);
/*
 * Writes the parts one after the other, with the flags of parts->control; those that say what is
 * present and self-relative are set as it is. The length, or -E2BIG: no room, or over
 * DESCRIPTOR_BYTES_MAX.
 */
int descriptor_build(const struct descriptor *parts, uint8_t *bytes, size_t room);

#endif
