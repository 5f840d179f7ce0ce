/* vmm/audit/namespace_walk.c - see namespace_walk.h. */
#include "vmm/audit/namespace_walk.h"

#define NAMESPACES_MAX 100000u

struct walk {
    const struct audit_world *world;
    uint32_t kind;
    void (*visit)(void *context, const struct audit_namespace *namespace);
    void *context;
};

static struct vt_error *visit_link(void *context, uint64_t node)
{
    const struct walk *walk = context;
    const struct audit_layout *l = walk->world->layout;
    struct audit_namespace one = {.address = node - l->namespace_link.offset,
                                  .kind = AUDIT_NAMESPACE_KINDS};

    one.raw = audit_at(walk->world, one.address, l->namespace_bytes);
    if (!one.raw)
        return vt_error_create(VT_ERROR_CORRUPT, "a namespace lies at no memory");
    const uint8_t *type =
        audit_at(walk->world, audit_get(one.raw, l->namespace_type), l->namespace_type_bytes);
    uint64_t kind = type ? audit_get(type, l->type_kind) : AUDIT_NAMESPACE_KINDS;
    if (kind < AUDIT_NAMESPACE_KINDS)
        one.kind = (uint32_t)kind;
    if (walk->kind == AUDIT_NAMESPACE_KINDS || walk->kind == one.kind)
        walk->visit(walk->context, &one);
    return NULL;
}

bool audit_each_namespace(const struct audit_world *world, uint32_t kind,
                          void (*visit)(void *context, const struct audit_namespace *namespace),
                          void *context)
{
    struct walk walk = {.world = world, .kind = kind, .visit = visit, .context = context};
    uint64_t list = AUDIT_ROOT(world, roots_namespaces);

    return !list || audit_walked(guest_list_walk(world->guest, list, NAMESPACES_MAX,
                                                 "the list of namespaces", visit_link, &walk));
}
