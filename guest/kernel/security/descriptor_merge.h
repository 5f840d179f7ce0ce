/*
 * kernel/security/descriptor_merge.h - parts of a descriptor, asked for or set: what of the object's
 * own stays, and what the one who sets them may not do whatever its rights to the object.
 * Pure: any context, no locks.
 */
#ifndef KERNEL_SECURITY_DESCRIPTOR_MERGE_H
#define KERNEL_SECURITY_DESCRIPTOR_MERGE_H

#include "kernel/security/descriptor.h"
#include "kernel/security/token.h"

#define PART_OWNER 0x01u
#define PART_GROUP 0x02u
#define PART_DACL  0x04u
#define PART_SACL  0x08u
#define PART_LABEL 0x10u /* the integrity label alone; not together with PART_SACL */
#define PARTS_ALL  0x1fu

/* Room for a SACL on the way; too large for a stack. Contents before do not matter. */
struct merge_scratch {
    uint8_t sacl[65536];
};

/* The rights that reading or writing these parts takes; 0: not a combination of parts. */
uint32_t descriptor_read_rights(uint32_t parts);
uint32_t descriptor_write_rights(uint32_t parts);

/* A descriptor with these parts of `whole` only. *ret points into `whole` and `scratch`. */
int descriptor_select(const struct descriptor *whole, uint32_t parts, struct merge_scratch *scratch,
                      struct descriptor *ret);

/*
 * `old` with these parts of `fresh`, as `token` may make it. *ret points into all three. 0; -EINVAL: parts
 * that cannot go together, no owner left, a label part that is not one label; -EPERM: an owner
 * that is neither the user nor a group that can own (unless `restoring`, by SeRestore), a label
 * above the token's level without SeRelabel, or a mandatory attribute of the old SACL missing or
 * changed without SeTcb; -E2BIG.
 */
int descriptor_merge(const struct descriptor *old, const struct descriptor *fresh, uint32_t parts,
                     const struct token *token, bool restoring, struct merge_scratch *scratch,
                     struct descriptor *ret);

#endif
