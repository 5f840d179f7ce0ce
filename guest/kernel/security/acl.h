/*
 * kernel/security/acl.h - access control lists and their entries, read from bytes that anybody may
 * have written, and built.
 *
 * acl_open() looks at every length once; the walk looks again and never leaves the list, whatever
 * became of the bytes. Pure: any context, no locks. Layout: MS-DTYP 2.4.4 and 2.4.5.
 */
#ifndef KERNEL_SECURITY_ACL_H
#define KERNEL_SECURITY_ACL_H

#include "kernel/security/access_types.h"

#define ACL_HEADER_BYTES 8u
#define ACE_HEADER_BYTES 4u

struct acl {
    const uint8_t *bytes; /* NULL: there is none */
    uint32_t length;
    uint32_t count;
};

/* One entry. Of a type that is unknown, only type, flags, offset and size are set; sid is NULL. */
struct ace {
    uint8_t type;
    uint8_t flags;
    uint16_t size;
    uint32_t offset; /* of its header in the ACL */
    uint32_t mask;
    const struct sid *sid;
    const uint8_t *object_type;           /* GUID_BYTES, or NULL */
    const uint8_t *inherited_object_type; /* GUID_BYTES, or NULL */
    struct byte_span data;                /* condition or attribute of types that have one */
};

/*
 * Opens the list that `bytes` begins with. 0, or -EINVAL: a size that does not fit into `available`
 * or is not filled exactly by the entries, an entry that is malformed. NULL bytes are not allowed.
 */
int acl_open(const uint8_t *bytes, size_t available, struct acl *ret);
/* The same for a list that must fill `span` exactly. */
int acl_open_exact(struct byte_span span, struct acl *ret);

/* A walk from the first entry to the last: begin with a zeroed cursor. */
struct acl_cursor {
    uint32_t offset, index;
};
bool acl_next(const struct acl *acl, struct acl_cursor *cursor, struct ace *ret);

/* What an entry of this type is for. */
enum ace_effect {
    ACE_EFFECT_NONE, /* unknown or none of the following */
    ACE_EFFECT_ALLOW,
    ACE_EFFECT_DENY,
    ACE_EFFECT_AUDIT,
    ACE_EFFECT_ALARM,
};
enum ace_effect ace_effect(uint8_t type);
/* Whether the data of an entry of this type is a condition. */
bool ace_is_conditional(uint8_t type);

/* A list in the making, in the caller's memory. */
struct acl_builder {
    uint8_t *bytes;
    size_t room;
    uint32_t length, count;
    bool wide; /* has entries that need ACL_REVISION_DS */
};
void acl_begin(struct acl_builder *builder, uint8_t *bytes, size_t room);
/*
 * Adds an entry; `model` gives type, flags, mask, SID, GUIDs and data. 0, -EINVAL (a type without a
 * known layout), or -E2BIG: no room, or more than an ACL can hold; the list is as before then.
 */
int acl_add(struct acl_builder *builder, const struct ace *model);
/* An entry of `from` whose type is unknown: all of it as it stands there, with the flags of `ace`. */
int acl_add_unknown(struct acl_builder *builder, const struct acl *from, const struct ace *ace);
/* The usual entry: type, mask and SID. */
int acl_add_simple(struct acl_builder *builder, uint8_t type, uint32_t mask, const struct sid *sid);
/* Writes the header; returns the length in bytes, at least ACL_HEADER_BYTES. */
uint32_t acl_end(struct acl_builder *builder);

#endif
