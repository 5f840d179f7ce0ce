/*
 * vmm/audit/registers.c - what programs will find in their registers lets them do no harm.
 *
 * Reads: the saved user registers on top of each task's kernel stack. Proves: code and stack
 * segment are the user's, interrupts will be on, no flag is set that a program may not have (IOPL,
 * NT, VM), and the next instruction is in the user half. That the values are the program's own is
 * for restoration.c. Cost: none to speak of.
 */
#include "vmm/audit/audit.h"

#define USER_CODE       0x33u
#define USER_DATA       0x2bu
#define FLAG_INTERRUPTS (1u << 9)
#define FLAGS_FORBIDDEN (3u << 12 | 1u << 14 | 1u << 17 | 1u << 19 | 1u << 20)

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    uint32_t bytes = world->layout->trap_frame_bytes;

    for (size_t i = 0; i < world->task_count; i++) {
        const struct audit_task *task = &world->tasks[i];
        bool runs = task->state == TASK_RUNNING &&
                    (task->cpu >= world->cpu_count || !world->cpus[task->cpu].at_rest);

        if (!task->space || !task->published || task->kernel_thread || runs ||
            task->state == TASK_ZOMBIE || task->stack_top < bytes)
            continue;
        const uint8_t *frame = audit_at(world, task->stack_top - bytes, bytes);
        if (!frame)
            continue;
        uint64_t flags = AUDIT_GET(world, frame, trap_rflags);
        if (AUDIT_GET(world, frame, trap_cs) != USER_CODE ||
            AUDIT_GET(world, frame, trap_ss) != USER_DATA || !(flags & FLAG_INTERRUPTS) ||
            flags & FLAGS_FORBIDDEN)
            audit_report(audit,
                         (struct audit_finding){
                             .tid = task->tid, .pid = task->tgid, .object = task->address},
                         "task %d will return to user mode with cs %#lx, ss %#lx, rflags %#lx",
                         task->tid, (unsigned long)AUDIT_GET(world, frame, trap_cs),
                         (unsigned long)AUDIT_GET(world, frame, trap_ss), (unsigned long)flags);
    }
}

const struct audit_invariant invariant_registers = {
    .name = "registers",
    .proves = "saved user registers have the user's segments, interrupts on and no forbidden flag",
    .check = check,
};
