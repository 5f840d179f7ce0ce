/*
 * kernel/security/access_evaluate.h - what one descriptor grants: of the object itself, or with the
 * DACL of a central rule in the place of its own. Pure: any context, no locks.
 */
#ifndef KERNEL_SECURITY_ACCESS_EVALUATE_H
#define KERNEL_SECURITY_ACCESS_EVALUATE_H

#include "kernel/security/access_rights.h"
#include "kernel/security/object_tree.h"
#include "kernel/security/step_meter.h"

struct access_evaluation {
    const struct access_request *request;
    const struct descriptor *descriptor;
    uint32_t desired; /* mapped */
    bool maximum;
    uint32_t intent;
    struct step_meter *meter;
    struct object_tree *tree;         /* OUT: granted per node */
    struct access_node *second_nodes; /* room for one pass more over as many nodes */
};

/* 0, or -EINVAL for a malformed SACL. *rights: what privileges gave, for all nodes. */
int access_evaluate(const struct access_evaluation *evaluation, struct access_rights *rights);

#endif
