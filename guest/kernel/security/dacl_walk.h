/* kernel/security/dacl_walk.h - one pass over a DACL. Pure: any context, no locks. */
#ifndef KERNEL_SECURITY_DACL_WALK_H
#define KERNEL_SECURITY_DACL_WALK_H

#include "kernel/security/access_rights.h"
#include "kernel/security/identity.h"
#include "kernel/security/object_tree.h"

struct dacl_walk {
    const struct access_request *request;
    const struct descriptor *descriptor;
    const struct identity *identity;
    uint32_t stop_at; /* the walk may end when all of these are decided; 0: it goes to the end */
    struct step_meter *meter;
};

/*
 * The owner's implicit rights (never of the confined identity), then the entries in their order,
 * into `tree`, which keeps what it has decided before. With meter->spent the result is worthless.
 */
void dacl_walk(const struct dacl_walk *walk, const struct object_tree *tree);

#endif
