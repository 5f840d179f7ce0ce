#include "kernel/security/descriptor_merge.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/security/claim.h"
#include "kernel/security/sid.h"

#define CLAIM_FLAG_MANDATORY 0x0020u

/* Control bits that go with each list. */
#define DACL_CONTROL                                                                               \
    (DESCRIPTOR_DACL_PRESENT | DESCRIPTOR_DACL_DEFAULTED | DESCRIPTOR_DACL_INHERIT_REQ |           \
     DESCRIPTOR_DACL_INHERITED | DESCRIPTOR_DACL_PROTECTED)
#define SACL_CONTROL                                                                               \
    (DESCRIPTOR_SACL_PRESENT | DESCRIPTOR_SACL_DEFAULTED | DESCRIPTOR_SACL_INHERIT_REQ |           \
     DESCRIPTOR_SACL_INHERITED | DESCRIPTOR_SACL_PROTECTED)

static bool parts_good(uint32_t parts)
{
    return parts && !(parts & ~PARTS_ALL) &&
           (parts & (PART_SACL | PART_LABEL)) != (PART_SACL | PART_LABEL);
}

uint32_t descriptor_read_rights(uint32_t parts)
{
    if (!parts_good(parts))
        return 0;
    uint32_t rights = parts & ~PART_SACL ? ACCESS_READ_CONTROL : 0;
    return rights | (parts & PART_SACL ? ACCESS_SYSTEM_SECURITY : 0);
}

uint32_t descriptor_write_rights(uint32_t parts)
{
    if (!parts_good(parts))
        return 0;
    uint32_t rights = parts & (PART_OWNER | PART_GROUP | PART_LABEL) ? ACCESS_WRITE_OWNER : 0;
    rights |= parts & PART_DACL ? ACCESS_WRITE_DAC : 0;
    return rights | (parts & PART_SACL ? ACCESS_SYSTEM_SECURITY : 0);
}

static bool is_label(const struct ace *ace)
{
    return ace->type == ACE_MANDATORY_LABEL && !(ace->flags & ACE_FLAG_INHERIT_ONLY);
}

static bool find_label(const struct acl *sacl, struct ace *ret)
{
    struct acl_cursor cursor = {0};
    while (sacl->bytes && acl_next(sacl, &cursor, ret))
        if (is_label(ret))
            return true;
    return false;
}

/* The list that was built, or none if it has no entries. */
static struct acl built(struct acl_builder *builder)
{
    struct acl acl = {builder->bytes, acl_end(builder), builder->count};
    return acl.count ? acl : (struct acl){0};
}

int descriptor_select(const struct descriptor *whole, uint32_t parts, struct merge_scratch *scratch,
                      struct descriptor *ret)
{
    struct ace label;
    if (!parts_good(parts))
        return -EINVAL;
    *ret = (struct descriptor){0};
    ret->owner = parts & PART_OWNER ? whole->owner : NULL;
    ret->group = parts & PART_GROUP ? whole->group : NULL;
    if (parts & PART_DACL) {
        ret->dacl = whole->dacl;
        ret->control |= whole->control & DACL_CONTROL;
    }
    if (parts & PART_SACL) {
        ret->sacl = whole->sacl;
        ret->control |= whole->control & SACL_CONTROL;
    }
    if ((parts & PART_LABEL) && find_label(&whole->sacl, &label)) {
        struct acl_builder builder;
        acl_begin(&builder, scratch->sacl, sizeof(scratch->sacl));
        int error = acl_add(&builder, &label);
        if (error)
            return error;
        ret->sacl = built(&builder);
    }
    return 0;
}

static bool may_own(const struct token *token, const struct sid *owner)
{
    if (sid_equal(owner, token->subject.user))
        return true;
    for (uint32_t i = 0; i < token->subject.groups.count; i++)
        if ((token->groups[i].attributes & GROUP_OWNER) && sid_equal(token->groups[i].sid, owner))
            return true;
    return false;
}

static bool has_privilege(const struct token *token, enum privilege privilege)
{
    return token->subject.privileges & token->privileges_present & PRIVILEGE_BIT(privilege);
}

/* All labels of a list that is set, heirs' too: none above the token without SeRelabel. */
static int check_labels(const struct acl *sacl, const struct token *token)
{
    struct acl_cursor cursor = {0};
    struct ace ace;
    uint32_t level;
    while (sacl->bytes && acl_next(sacl, &cursor, &ace)) {
        if (ace.type != ACE_MANDATORY_LABEL)
            continue;
        if (!sid_integrity(ace.sid, &level))
            return -EINVAL;
        if (level > token->subject.integrity && !has_privilege(token, SE_RELABEL))
            return -EPERM;
    }
    return 0;
}

/* Whether the bytes of two entries are the same. */
static bool same_entry(const struct acl *list, const struct ace *ace, const struct acl *other_list,
                       const struct ace *other)
{
    return ace->size == other->size &&
           !memcmp(list->bytes + ace->offset, other_list->bytes + other->offset, ace->size);
}

static bool has_entry(const struct acl *list, const struct acl *from, const struct ace *wanted)
{
    struct acl_cursor cursor = {0};
    struct ace ace;
    while (list->bytes && acl_next(list, &cursor, &ace))
        if (same_entry(list, &ace, from, wanted))
            return true;
    return false;
}

/* The attribute that holds for this name: the first that is not for heirs. */
static bool find_attribute(const struct acl *list, struct byte_span name, struct ace *ret)
{
    struct acl_cursor cursor = {0};
    struct claim claim;
    struct byte_span found;
    while (list->bytes && acl_next(list, &cursor, ret))
        if (ret->type == ACE_RESOURCE_ATTRIBUTE && !(ret->flags & ACE_FLAG_INHERIT_ONLY) &&
            claim_open(ret->data, &claim) && claim_name(&claim, &found) &&
            claim_names_equal(found, name))
            return true;
    return false;
}

/* It is still there, and if it held before, nothing of its name has been put before it. */
static bool attribute_kept(const struct acl *old, const struct ace *attribute,
                           const struct claim *claim, const struct acl *fresh)
{
    struct byte_span name;
    struct ace before, after;
    if (!has_entry(fresh, old, attribute))
        return false;
    if (!claim_name(claim, &name) || !find_attribute(old, name, &before) ||
        before.offset != attribute->offset)
        return true;
    return find_attribute(fresh, name, &after) && same_entry(fresh, &after, old, attribute);
}

/* Attributes that are mandatory stay, byte for byte, and in force. */
static int check_attributes(const struct acl *old, const struct acl *fresh,
                            const struct token *token)
{
    struct acl_cursor cursor = {0};
    struct ace ace;
    struct claim claim;
    if (has_privilege(token, SE_TCB))
        return 0;
    while (old->bytes && acl_next(old, &cursor, &ace))
        if (ace.type == ACE_RESOURCE_ATTRIBUTE && claim_open(ace.data, &claim) &&
            (claim.flags & CLAIM_FLAG_MANDATORY) && !attribute_kept(old, &ace, &claim, fresh))
            return -EPERM;
    return 0;
}

/* Every entry of `from` but labels that are in force. */
static int add_others(struct acl_builder *builder, const struct acl *from)
{
    struct acl_cursor cursor = {0};
    struct ace ace;
    while (from->bytes && acl_next(from, &cursor, &ace)) {
        if (is_label(&ace))
            continue;
        int error = ace.sid ? acl_add(builder, &ace) : acl_add_unknown(builder, from, &ace);
        if (error)
            return error;
    }
    return 0;
}

static int replace_label(const struct descriptor *old, const struct descriptor *fresh,
                         struct merge_scratch *scratch, struct descriptor *ret)
{
    struct acl_builder builder;
    struct ace label;
    acl_begin(&builder, scratch->sacl, sizeof(scratch->sacl));
    if (fresh->sacl.bytes) {
        if (fresh->sacl.count != 1 || !find_label(&fresh->sacl, &label))
            return -EINVAL;
        int error = acl_add(&builder, &label);
        if (error)
            return error;
    }
    int error = add_others(&builder, &old->sacl);
    if (error)
        return error;
    ret->sacl = built(&builder);
    return 0;
}

int descriptor_merge(const struct descriptor *old, const struct descriptor *fresh, uint32_t parts,
                     const struct token *token, bool restoring, struct merge_scratch *scratch,
                     struct descriptor *ret)
{
    if (!parts_good(parts))
        return -EINVAL;
    *ret = *old;
    if (parts & PART_OWNER) {
        if (!fresh->owner)
            return -EINVAL;
        if (!may_own(token, fresh->owner) && !(restoring && has_privilege(token, SE_RESTORE)))
            return -EPERM;
        ret->owner = fresh->owner;
        ret->control &= (uint16_t)~DESCRIPTOR_OWNER_DEFAULTED;
    }
    if (parts & PART_GROUP) {
        ret->group = fresh->group;
        ret->control &= (uint16_t)~DESCRIPTOR_GROUP_DEFAULTED;
    }
    if (parts & PART_DACL) {
        ret->dacl = fresh->dacl;
        ret->control = (uint16_t)((ret->control & ~DACL_CONTROL) | (fresh->control & DACL_CONTROL));
    }
    if (parts & (PART_SACL | PART_LABEL)) {
        int error = check_labels(&fresh->sacl, token);
        if (error)
            return error;
    }
    if (parts & PART_SACL) {
        int error = check_attributes(&old->sacl, &fresh->sacl, token);
        if (error)
            return error;
        ret->sacl = fresh->sacl;
        ret->control = (uint16_t)((ret->control & ~SACL_CONTROL) | (fresh->control & SACL_CONTROL));
    }
    if (parts & PART_LABEL) {
        int error = replace_label(old, fresh, scratch, ret);
        if (error)
            return error;
    }
    return ret->owner ? 0 : -EINVAL;
}
