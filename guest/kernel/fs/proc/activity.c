/*
 * kernel/fs/proc/activity.c - what a task does and did: /proc/PID/{wchan,syscall,schedstat,sched,
 * children,timerslack_ns}.
 */
#include "arch/cpu.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/mm/address_space.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/process.h"
#include "kernel/time/clock.h"

static bool asleep(const struct task *task)
{
    uint8_t state = READ_ONCE(task->state);
    return state == TASK_BLOCKED || state == TASK_BLOCKED_HARD || state == TASK_STOPPED;
}

/* What a sleeping task waits for, by our own names; "0" when it does not sleep. */
int proc_show_wchan(struct proc_text *text, const struct proc_target *target)
{
    static const char *const names[WAIT_KINDS] = {[WAIT_NONE] = "0",
                                                  [WAIT_PIPE_READ] = "pipe_read",
                                                  [WAIT_PIPE_WRITE] = "pipe_write",
                                                  [WAIT_CHILD] = "do_wait",
                                                  [WAIT_FUTEX] = "futex_wait",
                                                  [WAIT_SLEEP] = "nanosleep",
                                                  [WAIT_POLL] = "poll",
                                                  [WAIT_SIGNAL] = "sigsuspend",
                                                  [WAIT_CONSOLE_INPUT] = "console_input",
                                                  [WAIT_CONSOLE_OUTPUT] = "console_output",
                                                  [WAIT_MUTEX] = "mutex",
                                                  [WAIT_VFORK] = "vfork",
                                                  [WAIT_KTHREAD] = "kthread",
                                                  [WAIT_FILE_LOCK] = "file_lock",
                                                  [WAIT_SOCKET] = "socket",
                                                  [WAIT_EVENT] = "event",
                                                  [WAIT_EXIT] = "exit",
                                                  [WAIT_SEMAPHORE] = "do_semtimedop",
                                                  [WAIT_MESSAGE_READ] = "do_msgrcv",
                                                  [WAIT_MESSAGE_WRITE] = "do_msgsnd",
                                                  [WAIT_TEMPLATE] = "template"};
    uint8_t kind = READ_ONCE(target->task->wait_kind);
    const char *name = asleep(target->task) && kind < WAIT_KINDS ? names[kind] : "0";

    text_print(text, "%s", name ? name : "0");
    return 0;
}

/* The call that the task sleeps in, its arguments, stack pointer and program counter. */
int proc_show_syscall(struct proc_text *text, const struct proc_target *target)
{
    struct task *task = target->task;
    struct address_space *space = task_address_space_get(task);
    if (!space) {
        text_print(text, "0 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0\n");
        return 0;
    }
    const struct trap_frame *frame = arch_task_frame(&task->arch);
    if (task != current && !asleep(task))
        text_print(text, "running\n");
    else if (frame->original_rax == UINT64_MAX)
        text_print(text, "-1 0x%lx 0x%lx\n", frame->rsp, frame->rip);
    else
        text_print(text, "%lu 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx\n",
                   frame->original_rax, frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8,
                   frame->r9, frame->rsp, frame->rip);
    address_space_put(space);
    return 0;
}

/* Nanoseconds on a CPU and ready without one; how often it got one. */
int proc_show_schedstat(struct proc_text *text, const struct proc_target *target)
{
    const struct task *task = target->task;
    text_print(text, "%lu %lu %lu\n", clock_tsc_to_ns(READ_ONCE(task->exec_tsc)),
               clock_tsc_to_ns(READ_ONCE(task->run_delay_tsc)), task->nvcsw + task->nivcsw);
    return 0;
}

static void line(struct proc_text *text, const char *name, uint64_t value)
{
    text_print(text, "%-45s:%21lu\n", name, value);
}

static void line_ms(struct proc_text *text, const char *name, uint64_t ns)
{
    text_print(text, "%-45s:%14lu.%06lu\n", name, ns / 1000000, ns % 1000000);
}

int proc_show_sched(struct proc_text *text, const struct proc_target *target)
{
    const struct task *task = target->task;
    text_print(text, "%.16s (%d, #threads: %u)\n", task->comm, task->tid,
               READ_ONCE(target->process->task_count));
    text_print(text, "-------------------------------------------------------------------\n");
    line_ms(text, "se.exec_start", clock_tsc_to_ns(READ_ONCE(task->switched_in_tsc)));
    line_ms(text, "se.vruntime", clock_tsc_to_ns(READ_ONCE(task->fair.vruntime)));
    line_ms(text, "se.sum_exec_runtime", clock_tsc_to_ns(READ_ONCE(task->exec_tsc)));
    line(text, "nr_switches", task->nvcsw + task->nivcsw);
    line(text, "nr_voluntary_switches", task->nvcsw);
    line(text, "nr_involuntary_switches", task->nivcsw);
    line(text, "se.load.weight", task->fair.weight);
    line_ms(text, "se.slice", clock_tsc_to_ns(task->fair.slice));
    line(text, "policy", task->policy);
    line(text, "prio", 120 + (uint64_t)(int64_t)task->nice);
    return 0;
}

int proc_show_children(struct proc_text *text, const struct proc_target *target)
{
    const struct process *child;
    spin_lock(&family_lock);
    list_for_each(child, &target->process->children, sibling_link)
    {
        if (child->creator_tid == target->task->tid)
            text_print(text, "%d ", pid_seen_in(target->key->namespace, child->pid));
    }
    spin_unlock(&family_lock);
    return 0;
}

int proc_show_timer_slack(struct proc_text *text, const struct proc_target *target)
{
    text_print(text, "%lu\n", target->task->timer_slack_ns);
    return 0;
}
