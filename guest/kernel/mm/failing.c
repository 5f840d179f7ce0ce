/* kernel/mm/failing.c - see failing.h. */
#include "kernel/mm/failing.h"

#include "arch/cpu.h"
#include "arch/trap_frame.h"
#include "kernel/lib/errno.h"
#include "kernel/sched/task.h"

#define NO_SYSTEM_CALL UINT64_MAX

READ_MOSTLY uint32_t failing_kinds;
static int32_t victim;        /* tid, 0 = any */
static uint32_t first, end;   /* numbers of the allocations that fail */
static uint32_t seen, failed; /* atomic */

static bool is_wanted(const struct task *task)
{
    if (this_cpu()->in_interrupt || !task || (task->flags & TASK_KERNEL_THREAD) ||
        (victim && task->tid != victim))
        return false;
    return arch_task_frame(&task->arch)->original_rax != NO_SYSTEM_CALL;
}

COLD bool allocation_chosen(uint32_t kind)
{
    (void)kind;
    if (!is_wanted(current))
        return false;
    uint32_t number = __atomic_fetch_add(&seen, 1, __ATOMIC_RELAXED);
    if (number - first >= end - first)
        return false;
    __atomic_fetch_add(&failed, 1, __ATOMIC_RELAXED);
    return true;
}

int64_t failing_start(uint32_t kinds, int32_t tid, uint32_t skip, uint32_t count)
{
    if (!kinds || kinds & ~GLASS_FAIL_ALL || tid < 0 || !count || skip > INT32_MAX ||
        count > INT32_MAX)
        return -EINVAL;
    WRITE_ONCE(failing_kinds, 0);
    victim = tid;
    first = skip;
    end = skip + count;
    seen = failed = 0;
    store_release(&failing_kinds, kinds);
    return 0;
}

int64_t failing_end(void)
{
    WRITE_ONCE(failing_kinds, 0);
    return (int64_t)((uint64_t)(failed & INT32_MAX) << 32 | seen);
}
