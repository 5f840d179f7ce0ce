/* vmm/audit/holders.c - see holders.h. */
#include "vmm/audit/holders.h"

#define TIMERS_MAX 100000u
#define QUEUES_MAX 100000u

struct finding {
    const struct audit_world *world;
    struct audit_tally *tally;
};

static struct vt_error *visit_queue(void *context, uint64_t node)
{
    const struct finding *finding = context;
    const struct audit_layout *l = finding->world->layout;
    const uint8_t *raw =
        audit_at(finding->world, node - l->mqueue_all_link.offset, l->mqueue_bytes);

    if (!raw)
        return vt_error_create(VT_ERROR_CORRUPT, "a POSIX queue lies at no memory");
    audit_tally_hold(finding->tally, audit_get(raw, l->mqueue_told));
    return NULL;
}

static void find_timers(const struct finding *finding, const struct audit_process *process)
{
    const struct audit_layout *l = finding->world->layout;
    uint64_t at = audit_get(process->raw, l->process_timers);

    for (uint32_t steps = 0; at && steps < TIMERS_MAX; steps++) {
        const uint8_t *raw = audit_at(finding->world, at, l->posix_timer_bytes);

        if (!raw)
            return;
        if (audit_get(raw, l->posix_on_cpu_clock)) {
            audit_tally_hold(finding->tally, audit_get(raw, l->posix_clock_process));
            audit_tally_hold(finding->tally, audit_get(raw, l->posix_clock_task));
        }
        at = audit_get(raw, l->posix_next);
    }
}

bool audit_find_holders(const struct audit_world *world, struct audit_tally *ret)
{
    struct finding finding = {.world = world, .tally = ret};
    uint64_t queues = AUDIT_ROOT(world, roots_mqueues);

    for (size_t i = 0; i < world->process_count; i++)
        if (world->processes[i].in_pid_table)
            find_timers(&finding, &world->processes[i]);
    bool whole = !queues || audit_walked(guest_list_walk(world->guest, queues, QUEUES_MAX,
                                                         "POSIX queues", visit_queue, &finding));
    return whole && !ret->out_of_memory;
}
