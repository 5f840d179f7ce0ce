/* vmm/audit/class_walk.h - the tasks in the parts of a CPU's run queue, for the invariants about those. */
#ifndef VITRINE_AUDIT_CLASS_WALK_H
#define VITRINE_AUDIT_CLASS_WALK_H

#include "vmm/audit/audit.h"

enum class_queue {
    CLASS_QUEUE_FAIR = 0,    /* normal tasks under the fair policy */
    CLASS_QUEUE_LIST = 1,    /* ... under another one */
    CLASS_QUEUE_SPECIAL = 2, /* the classes above */
    CLASS_QUEUE_THROTTLED = 3,
};

/* `task` is NULL for an entry that is none; its own constness is the world's, not the caller's. */
typedef void class_visit(void *context, const struct audit_world *world,
                         const struct audit_task *task);

/* False: that part is no tree or list. Visits in order. */
bool class_queue_walk(const struct audit_world *world, const struct audit_cpu *cpu,
                      enum class_queue which, class_visit *visit, void *context);

#endif
