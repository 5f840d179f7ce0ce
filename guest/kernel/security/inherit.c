#include "kernel/security/inherit.h"

#include "kernel/lib/errno.h"
#include "kernel/security/access_rights.h"
#include "kernel/security/sid.h"
#include "kernel/security/well_known.h"

#define HEIRS_FLAGS (ACE_FLAG_OBJECT_INHERIT | ACE_FLAG_CONTAINER_INHERIT)

/* One list of the new object in the making. */
struct heir {
    const struct inheritance *inheritance;
    struct descriptor *parts; /* owner and group are set */
    struct acl_builder builder;
};

/* Who makes an object takes the place of its placeholders. False: there is no group to do so. */
static bool resolve(const struct heir *heir, struct ace *ace)
{
    if (sid_equal(ace->sid, sid_well_known(SID_CREATOR_OWNER)))
        ace->sid = heir->parts->owner;
    else if (sid_equal(ace->sid, sid_well_known(SID_CREATOR_GROUP)))
        ace->sid = heir->parts->group;
    return ace->sid;
}

/* What an entry that is in force on the new object gets: its generic bits settled. */
static void settle(const struct heir *heir, struct ace *ace)
{
    enum ace_effect effect = ace_effect(ace->type);
    if (effect != ACE_EFFECT_NONE)
        ace->mask = map_generic(ace->mask, heir->inheritance->mapping);
}

/* Whether the container's entry arrives at all; *ret: with which flags. */
static bool passes_on(const struct inheritance *inheritance, const struct ace *ace, uint8_t *ret)
{
    uint8_t flags = ace->flags;
    uint8_t kept = flags & (ACE_FLAG_SUCCESS | ACE_FLAG_FAILURE);
    bool to_containers = flags & ACE_FLAG_CONTAINER_INHERIT;
    bool to_objects = flags & ACE_FLAG_OBJECT_INHERIT;
    *ret = kept | ACE_FLAG_INHERITED;
    if (ace->inherited_object_type)
        return false;
    if (!inheritance->is_container)
        return to_objects;
    if (flags & ACE_FLAG_NO_PROPAGATE)
        return to_containers;
    *ret |= flags & HEIRS_FLAGS;
    if (!to_containers)
        *ret |= ACE_FLAG_INHERIT_ONLY; /* for the objects further down */
    return to_containers || to_objects;
}

static int add(struct heir *heir, const struct acl *from, struct ace *ace)
{
    if (!ace->sid)
        return acl_add_unknown(&heir->builder, from, ace);
    if (!resolve(heir, ace))
        return -EINVAL;
    settle(heir, ace);
    return acl_add(&heir->builder, ace);
}

/* The entries that the container passes on. */
static int add_inherited(struct heir *heir, const struct acl *from)
{
    struct acl_cursor cursor = {0};
    struct ace ace;
    while (from->bytes && acl_next(from, &cursor, &ace)) {
        uint8_t flags;
        if (!passes_on(heir->inheritance, &ace, &flags))
            continue;
        ace.flags = flags;
        int error = add(heir, from, &ace);
        if (error)
            return error;
    }
    return 0;
}

/* Entries that somebody wrote out: as they are, but for placeholders and generic bits. */
static int add_explicit(struct heir *heir, const struct acl *from)
{
    struct acl_cursor cursor = {0};
    struct ace ace;
    while (acl_next(from, &cursor, &ace)) {
        int error = add(heir, from, &ace);
        if (error)
            return error;
    }
    return 0;
}

static bool has_heirs(const struct inheritance *inheritance, const struct acl *list)
{
    struct acl_cursor cursor = {0};
    struct ace ace;
    uint8_t flags;
    while (list->bytes && acl_next(list, &cursor, &ace))
        if (passes_on(inheritance, &ace, &flags))
            return true;
    return false;
}

/* What one list has of its own in the control word; those of the SACL stand one higher. */
struct list_flags {
    uint16_t protected, requested, inherited, defaulted;
};
static const struct list_flags dacl_flags = {DESCRIPTOR_DACL_PROTECTED, DESCRIPTOR_DACL_INHERIT_REQ,
                                             DESCRIPTOR_DACL_INHERITED, DESCRIPTOR_DACL_DEFAULTED};
static const struct list_flags sacl_flags = {DESCRIPTOR_SACL_PROTECTED, DESCRIPTOR_SACL_INHERIT_REQ,
                                             DESCRIPTOR_SACL_INHERITED, DESCRIPTOR_SACL_DEFAULTED};

/*
 * One list: the maker's entries, with the container's behind them if the maker asks for those; or
 * the container's alone; or the default. *present is false if it comes to none at all.
 */
static int make_list(struct heir *heir, const struct acl *given, const struct acl *container,
                     struct byte_span fallback, const struct list_flags *flags, bool *present)
{
    uint16_t control = heir->inheritance->given ? heir->inheritance->given->control : 0;
    uint16_t *made = &heir->parts->control;
    struct acl list;
    *present = true;
    if (given->bytes) {
        *made |= control & flags->protected;
        int error = add_explicit(heir, given);
        if (error || (control & flags->protected) || !(control & flags->requested))
            return error;
        *made |= flags->inherited;
        return add_inherited(heir, container);
    }
    if (has_heirs(heir->inheritance, container)) {
        *made |= flags->inherited;
        return add_inherited(heir, container);
    }
    *present = fallback.length != 0;
    if (!*present)
        return 0;
    *made |= flags->defaulted;
    int error = acl_open_exact(fallback, &list);
    return error ? error : add_explicit(heir, &list);
}

static void take(struct heir *heir, bool present, struct acl *ret)
{
    *ret = (struct acl){0};
    if (present) {
        ret->length = acl_end(&heir->builder);
        ret->bytes = heir->builder.bytes;
        ret->count = heir->builder.count;
    }
}

int descriptor_inherit(const struct inheritance *inheritance, struct inherit_scratch *scratch,
                       uint8_t *bytes, size_t room)
{
    static const struct descriptor nothing;
    const struct descriptor *given = inheritance->given ? inheritance->given : &nothing;
    const struct descriptor *container = inheritance->container ? inheritance->container : &nothing;
    const struct byte_span none = {0};
    if (given->control & DESCRIPTOR_SERVER_SECURITY)
        return -EINVAL;
    struct descriptor parts = {
        .owner = given->owner ? given->owner : inheritance->owner,
        .group = given->group ? given->group : inheritance->group,
    };
    parts.control |= given->owner ? 0 : DESCRIPTOR_OWNER_DEFAULTED;
    parts.control |= given->group ? 0 : DESCRIPTOR_GROUP_DEFAULTED;
    struct heir heir = {.inheritance = inheritance, .parts = &parts};
    bool present;
    acl_begin(&heir.builder, scratch->lists, sizeof(scratch->lists));
    int error = make_list(&heir, &given->dacl, &container->dacl, inheritance->default_dacl,
                          &dacl_flags, &present);
    if (error)
        return error;
    take(&heir, present, &parts.dacl);
    size_t used = parts.dacl.length;
    if (used + ACL_HEADER_BYTES > sizeof(scratch->lists))
        return -E2BIG;
    acl_begin(&heir.builder, scratch->lists + used, sizeof(scratch->lists) - used);
    error = make_list(&heir, &given->sacl, &container->sacl, none, &sacl_flags, &present);
    if (error)
        return error;
    take(&heir, present, &parts.sacl);
    return descriptor_build(&parts, bytes, room);
}
