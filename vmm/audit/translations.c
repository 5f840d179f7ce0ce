/*
 * vmm/audit/translations.c - when page tables have changed, every CPU forgets what it knew of them.
 *
 * Reads: the records that a debug kernel with the option `audit` writes when a CPU wants
 * translations forgotten, when another has done so, and when the first goes on. Proves: between the
 * first and the last of these every other CPU that may hold translations of that address space has
 * forgotten them. That the kernel knows which CPUs may is proved by processors.c from their CR3.
 * Cost: none.
 */
#include "vmm/audit/stream.h"

struct shootdown {
    bool open;
    uint64_t root, mask, served;
};

static void *create(void)
{
    return calloc(BOOT_CPUS_MAX, sizeof(struct shootdown));
}

static void record(struct vt_audit *audit, const struct trace_record *record)
{
    struct shootdown *shootdowns = audit_state(audit);

    if (record->type != TRACE_AUDIT_FLUSH || record->cpu >= BOOT_CPUS_MAX)
        return;
    struct shootdown *own = &shootdowns[record->cpu];
    switch (record->arg[0]) {
    case AUDIT_FLUSH_BEGIN:
        *own = (struct shootdown){
            .open = true, .root = record->arg[1], .mask = record->arg[2] & ~(1ull << record->cpu)};
        break;
    case AUDIT_FLUSH_SERVED:
        for (unsigned i = 0; i < BOOT_CPUS_MAX; i++)
            if (shootdowns[i].open)
                shootdowns[i].served |= 1ull << record->cpu;
        break;
    case AUDIT_FLUSH_END:
        if (own->open && own->mask & ~own->served)
            audit_report(
                audit,
                (struct audit_finding){.tid = record->tid, .pid = record->tgid, .phys = own->root},
                "CPU %u changed the page tables %#lx and went on before CPUs %#lx had "
                "forgotten them",
                record->cpu, (unsigned long)own->root, (unsigned long)(own->mask & ~own->served));
        own->open = false;
        break;
    default:
        break;
    }
}

const struct audit_invariant invariant_translations = {
    .name = "translations",
    .proves = "no CPU keeps translations of page tables that another has changed",
    .record = record,
    .state_create = create,
    .state_destroy = free,
};
