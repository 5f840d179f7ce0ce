/* kernel/process/kthread.c - see kthread.h. */
#include "kernel/process/kthread.h"

#include "arch/context.h"
#include "kernel/mm/object_cache.h"
#include "kernel/process/internal.h"
#include "kernel/sync/refcount.h"

static void put(struct kthread *thread)
{
    if (reference_put(&thread->references))
        kfree(thread);
}

static void thread_main(void *argument)
{
    struct kthread *thread = argument;
    thread->function(thread, thread->argument);
    __atomic_store_n(&thread->ended, true, __ATOMIC_SEQ_CST);
    wake_up_all(&thread->done);
    put(thread);
    process_exit_group(WAIT_STATUS_EXITED(0));
}

/* The task below PID 1, with a number; false: out of numbers. */
static bool join_family(struct process *process, struct task *task)
{
    spin_lock(&family_lock);
    task->tid = pid_take_locked(task);
    bool joined = task->tid != 0;
    if (joined) {
        task_get(task); /* for the PID table */
        process->creator_tid = init_process->pid;
        process_join_family_locked(process, task, init_process, 0, 0);
        object_publish(&process->object);
    }
    spin_unlock(&family_lock);
    return joined;
}

struct kthread *kthread_create(const char *name, int cpu,
                               void (*function)(struct kthread *thread, void *argument),
                               void *argument)
{
    struct task *task;
    struct kthread *thread = kzalloc(sizeof(*thread));
    struct process *process = thread ? process_create_first(name, false, &task) : NULL;
    if (!process) {
        kfree(thread);
        return NULL;
    }
    thread->references = 2;
    thread->function = function;
    thread->argument = argument;
    wait_queue_init(&thread->wake);
    wait_queue_init(&thread->done);
    process->kernel = true;
    if (cpu != KTHREAD_ANY_CPU)
        task->affinity = 1ull << cpu;
    if (!join_family(process, task)) {
        process_discard_first(process, task);
        kfree(thread);
        return NULL;
    }
    arch_task_start_kernel(task, thread_main, thread);
    task_start(task, NULL);
    return thread;
}

void kthread_stop(struct kthread *thread)
{
    __atomic_store_n(&thread->stop, true, __ATOMIC_SEQ_CST);
    kthread_kick(thread);
    wait_event(&thread->done, WAIT_KTHREAD, 0, WAIT_HARD, 0, READ_ONCE(thread->ended));
    put(thread);
}
