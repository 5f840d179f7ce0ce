/*
 * kernel/security/access_check.h - may this token do that to this object? All steps in their order;
 * docs/access.md has the rules in words.
 *
 * Pure: no task, no lock, no allocation, any context; bounded in stack (about 6 KiB) and in steps.
 * Everything that the request points to must stay as it is during the call: what came from a
 * program is copied first.
 */
#ifndef KERNEL_SECURITY_ACCESS_CHECK_H
#define KERNEL_SECURITY_ACCESS_CHECK_H

#include "kernel/security/access_types.h"
#include "kernel/security/object_tree.h"

/* Room for a request with object types: too large for a stack. Contents before do not matter. */
struct access_scratch {
    struct access_node own[ACCESS_NODES_MAX];
    struct access_node second[ACCESS_NODES_MAX];
    struct access_node rule[ACCESS_NODES_MAX];
    uint32_t staged[ACCESS_NODES_MAX];
};

/*
 * Decides. 0: it is decided, see result->allowed. Otherwise the request is refused, and the result
 * grants nothing anywhere:
 * -EACCES  the token is for identification only
 * -EINVAL  descriptor, object types, local claims, mapping or desired mask are malformed, or the
 *          descriptor has no owner
 * -E2BIG   it would take more than ACCESS_STEPS_MAX steps
 * `scratch` may be NULL if request->object_types is.
 */
int access_check(const struct access_request *request, struct access_scratch *scratch,
                 struct access_result *result);

#endif
