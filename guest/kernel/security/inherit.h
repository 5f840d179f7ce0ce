/*
 * kernel/security/inherit.h - the descriptor of an object that is made within another: what its
 * maker gave, what the container passes on to its heirs, what the maker's token has for such cases.
 * All at once, when it is made: nobody looks upwards later. Pure: any context, no locks.
 */
#ifndef KERNEL_SECURITY_INHERIT_H
#define KERNEL_SECURITY_INHERIT_H

#include "kernel/security/descriptor.h"

struct inheritance {
    const struct descriptor *container; /* NULL: there is none */
    const struct descriptor *given;     /* by the maker; NULL: nothing */
    const struct sid *owner, *group;    /* of the maker's token */
    struct byte_span default_dacl;      /* of the maker's token; length 0: none */
    const struct generic_mapping *mapping;
    bool is_container;
};

/* Room for both lists on the way; too large for a stack. Contents before do not matter. */
struct inherit_scratch {
    uint8_t lists[65536];
};

/*
 * Writes the new descriptor. CREATOR OWNER and CREATOR GROUP become the new object's owner and group
 * in every entry; generic bits are mapped; entries for a class of objects only are not inherited,
 * since objects here have no class. Its length; -EINVAL: a default DACL that is malformed, a maker that asks
 * for a server's lists, or CREATOR GROUP without a group; -E2BIG: longer than a descriptor can be, or than
 * `room`.
 */
int descriptor_inherit(const struct inheritance *inheritance, struct inherit_scratch *scratch,
                       uint8_t *bytes, size_t room);

#endif
