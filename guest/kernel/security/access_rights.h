/*
 * kernel/security/access_rights.h - what is settled before any list is walked: generic bits,
 * privileges, and the system's labels on the object. Pure: any context, no locks.
 */
#ifndef KERNEL_SECURITY_ACCESS_RIGHTS_H
#define KERNEL_SECURITY_ACCESS_RIGHTS_H

#include "kernel/security/descriptor.h"

static inline uint32_t map_generic(uint32_t mask, const struct generic_mapping *mapping)
{
    uint32_t mapped = mask & 0x0fffffffu;
    mapped |= mask & ACCESS_GENERIC_READ ? mapping->read : 0;
    mapped |= mask & ACCESS_GENERIC_WRITE ? mapping->write : 0;
    mapped |= mask & ACCESS_GENERIC_EXECUTE ? mapping->execute : 0;
    mapped |= mask & ACCESS_GENERIC_ALL ? mapping->all : 0;
    return mapped;
}

/* Privileges that can take part in a decision, and the bits that each gave. */
enum access_privilege {
    BY_SECURITY,
    BY_BACKUP,
    BY_RESTORE,
    BY_TAKE_OWNERSHIP,
    BY_RELABEL,
    ACCESS_PRIVILEGES,
};
uint64_t access_privilege_bit(enum access_privilege privilege);

struct access_rights {
    uint32_t decided, granted;
    uint32_t privileged; /* of granted, those that a privilege gave */
    uint32_t mandatory;  /* of decided, those that a label took */
    uint32_t given[ACCESS_PRIVILEGES];
};

/* What the enabled privileges give; backup and restore only with their intent. */
void access_privileges_apply(const struct access_request *request, uint32_t intent,
                             struct access_rights *rights);

/*
 * Applies the integrity label and the trust label of the descriptor's SACL, and checks every entry
 * there that the decision will rely on. 0 or -EINVAL: one of those is malformed, or there are more
 * than ACCESS_POLICIES_MAX policies.
 */
int access_labels_apply(const struct access_request *request, const struct descriptor *descriptor,
                        struct access_rights *rights);

#endif
