/* vmm/audit/class_walk.c - see class_walk.h. */
#include "vmm/audit/class_walk.h"

struct walk {
    const struct audit_world *world;
    uint64_t offset; /* of the link in the task */
    class_visit *visit;
    void *context;
};

static struct vt_error *visit_node(void *context, uint64_t node)
{
    const struct walk *walk = context;

    walk->visit(walk->context, walk->world, audit_task_at(walk->world, node - walk->offset));
    return NULL;
}

bool class_queue_walk(const struct audit_world *world, const struct audit_cpu *cpu,
                      enum class_queue which, class_visit *visit, void *context)
{
    const struct audit_layout *l = world->layout;
    bool special = which == CLASS_QUEUE_SPECIAL || which == CLASS_QUEUE_THROTTLED;
    struct walk walk = {.world = world,
                        .offset = special ? l->task_special.offset : l->task_fair.offset,
                        .visit = visit,
                        .context = context};
    uint32_t limit = (uint32_t)world->task_count + 1;
    uint64_t tree = which == CLASS_QUEUE_FAIR      ? l->queue_tree.offset
                    : which == CLASS_QUEUE_SPECIAL ? l->queue_special.offset
                                                   : l->queue_throttled_tree.offset;

    if (which == CLASS_QUEUE_LIST)
        return audit_walked(guest_list_walk(world->guest, cpu->queue_address + l->queue_list.offset,
                                            limit, "a run queue", visit_node, &walk));
    uint64_t lone = which == CLASS_QUEUE_FAIR ? audit_get(cpu->queue, l->queue_lone) : 0;
    if (lone)
        visit_node(&walk, lone);
    return audit_walked(guest_tree_walk(world->guest, cpu->queue_address + tree, limit,
                                        "a run queue", visit_node, &walk));
}
