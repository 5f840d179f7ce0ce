/*
 * kernel/security/default_descriptor.h - what protects tokens and processes that nobody has given a
 * descriptor of its own. Pure: any context, no locks.
 */
#ifndef KERNEL_SECURITY_DEFAULT_DESCRIPTOR_H
#define KERNEL_SECURITY_DEFAULT_DESCRIPTOR_H

#include "kernel/security/access_types.h"

/* Room for any of these. */
#define DEFAULT_DESCRIPTOR_BYTES_MAX 480u

/* Rights to a process. */
#define PROCESS_TERMINATE         0x0001u
#define PROCESS_SIGNAL            0x0002u
#define PROCESS_VM_READ           0x0010u
#define PROCESS_VM_WRITE          0x0020u
#define PROCESS_DUP_HANDLE        0x0040u
#define PROCESS_SET_INFORMATION   0x0200u
#define PROCESS_QUERY_INFORMATION 0x0400u
#define PROCESS_SUSPEND_RESUME    0x0800u
#define PROCESS_QUERY_LIMITED     0x1000u
#define PROCESS_ALL_ACCESS        0x000e1e73u
extern const struct generic_mapping process_mapping;

/*
 * Of a token of `user`, made by `creator`: the user may ask and adjust, but not duplicate or open
 * it to others; the creator, if somebody else, and SYSTEM may do everything. The length; -E2BIG.
 */
int token_default_descriptor(const struct sid *user, const struct sid *creator, uint8_t *bytes,
                             size_t room);
/* Of a process of `user`: he, Administrators and SYSTEM everything, everyone a limited look. */
int process_default_descriptor(const struct sid *user, uint8_t *bytes, size_t room);

#endif
