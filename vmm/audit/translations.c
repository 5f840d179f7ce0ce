/*
 * vmm/audit/translations.c - when page tables have changed, every CPU forgets what it knew of them.
 *
 * Reads: the records that a debug kernel with the option `audit` writes when a task takes rights or
 * pages away, when its CPU wants translations forgotten, when another has done so, and when the
 * first goes on. Proves: who has taken something away wants it forgotten before it does anything
 * else that a record tells of; and between that and going on every other CPU that may hold
 * translations of that address space has forgotten them. That the kernel knows which CPUs may is
 * proved by processors.c from their CR3. Cost: none.
 */
#include "vmm/audit/stream.h"

struct shootdown {
    bool open;
    uint64_t root, mask, served;
};

struct state {
    struct shootdown shootdowns[BOOT_CPUS_MAX];
    uint64_t
        owed[AUDIT_TIDS]; /* root of the tables that the task took something out of; 0 = none */
};

static void *create(void)
{
    return calloc(1, sizeof(struct state));
}

/* Not while an address space is locked: its change is over. Interrupts and preemption are let in
 * there, so what they record in the task's name says nothing. */
static bool change_is_over(const struct trace_record *record)
{
    switch (record->type) {
    case TRACE_AUDIT_FLUSH:
        return record->arg[0] == AUDIT_FLUSH_OWED;
    case TRACE_SWITCH:
        return switch_state(record) == TASK_BLOCKED;
    case TRACE_FORK:
    case TRACE_EXEC:
    case TRACE_EXIT:
    case TRACE_FAULT:
    case TRACE_COMM:
    case TRACE_SYSCALL_ENTER:
    case TRACE_SYSCALL_EXIT:
    case TRACE_AUDIT_MASK:
    case TRACE_AUDIT_BREAK:
        return true;
    default:
        return false;
    }
}

static void follow_debts(struct vt_audit *audit, struct state *state,
                         const struct trace_record *record)
{
    if (!stream_tid_ok(record->tid) || !record->tid)
        return;
    uint64_t *owed = &state->owed[record->tid];
    if (*owed && change_is_over(record)) {
        audit_report(
            audit, (struct audit_finding){.tid = record->tid, .pid = record->tgid, .phys = *owed},
            "task %d changed the page tables %#lx and went on with no CPU having forgotten them",
            record->tid, (unsigned long)*owed);
        *owed = 0;
    }
    if (record->type != TRACE_AUDIT_FLUSH)
        return;
    if (record->arg[0] == AUDIT_FLUSH_OWED)
        *owed = record->arg[1];
    else if (record->arg[0] == AUDIT_FLUSH_BEGIN && record->arg[1] == *owed)
        *owed = 0;
}

static void record(struct vt_audit *audit, const struct trace_record *record)
{
    struct state *state = audit_state(audit);
    struct shootdown *shootdowns = state->shootdowns;

    follow_debts(audit, state, record);
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
