/*
 * process.c - process objects and the parts that tasks share: making them, counting them, letting
 * them go. Lifetime and locks: process.h.
 */
#include "kernel/fs/file.h"
#include "kernel/lib/guid.h"
#include "kernel/lib/string.h"
#include "kernel/mm/address_space.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/observe/mutant.h"
#include "kernel/process/internal.h"
#include "kernel/token/process_gate.h"
#include "kernel/token/token_object.h"

struct slot_table process_slots = SLOT_TABLE_INIT("process", struct process);
struct process *init_process;
struct process *program_process;

static struct object_cache actions_cache =
    OBJECT_CACHE_INIT("signal_actions", struct signal_actions);

struct process *process_create(void)
{
    struct process *process = slot_allocate(&process_slots);
    if (!process)
        return NULL;
    list_init(&process->children);
    list_init(&process->sibling_link);
    list_init(&process->threads);
    list_init(&process->group_link);
    list_init(&process->session_link);
    list_init(&process->pending_queue);
    list_init(&process->pidfds);
    wait_queue_init(&process->child_events);
    wait_queue_init(&process->thread_events);
    wait_queue_init(&process->signal_waiters);
    spin_init(&process->signal_lock, RANK_SIGNAL);
    spin_init(&process->parts_lock, RANK_TASK_PARTS);
    guid_make(process->guid);
    process->pid_namespace = &initial_pid_namespace;
    return process;
}

void process_get(struct process *process)
{
    __atomic_fetch_add(&process->object.references, 1, __ATOMIC_RELAXED);
}

void process_put(struct process *process)
{
    if (__atomic_sub_fetch(&process->object.references, 1, __ATOMIC_ACQ_REL))
        return;
    if (process->actions)
        signal_actions_put(process->actions);
    if (likely(process->token != NULL) && !MUTANT_EVERY(TOKEN_KEPT, 5))
        token_put(process->token);
    if (unlikely(process->descriptor != NULL))
        descriptor_copy_put(process->descriptor);
    if (unlikely(process->pid_namespace != &initial_pid_namespace))
        namespace_put(&process->pid_namespace->head);
    slot_free(&process_slots, process);
}

/* ---- dispositions ---- */

struct signal_actions *signal_actions_create(void)
{
    struct signal_actions *actions = object_cache_allocate(&actions_cache);
    if (!actions)
        return NULL;
    actions->references = 1;
    spin_init(&actions->lock, RANK_SIGNAL_ACTIONS);
    actions->set.bits = 0;
    actions->ignored.bits = 0;
    actions->caught.bits = 0;
    return actions;
}

/* `keep_handlers` false: as exec wants it, only what is ignored stays. */
struct signal_actions *signal_actions_duplicate(struct signal_actions *source, bool keep_handlers)
{
    struct signal_actions *actions = signal_actions_create();
    if (!actions)
        return NULL;
    spin_lock(&source->lock);
    actions->ignored = source->ignored;
    actions->set = keep_handlers ? source->set : source->ignored;
    actions->caught.bits = keep_handlers ? source->caught.bits : 0;
    for (uint64_t left = actions->set.bits; left; left &= left - 1) {
        unsigned index = (unsigned)__builtin_ctzll(left);
        if (keep_handlers)
            actions->action[index] = source->action[index];
        else
            actions->action[index] = (struct signal_action){.handler = SIG_IGN};
    }
    spin_unlock(&source->lock);
    return actions;
}

void signal_actions_put(struct signal_actions *actions)
{
    if (__atomic_sub_fetch(&actions->references, 1, __ATOMIC_ACQ_REL) == 0)
        object_cache_free(&actions_cache, actions);
}

/* ---- the shared parts of a task ---- */

struct address_space *task_address_space_get(struct task *task)
{
    if (!task->process)
        return NULL;
    spin_lock(&task->process->parts_lock);
    struct address_space *space = task->address_space;
    if (space)
        address_space_get(space);
    spin_unlock(&task->process->parts_lock);
    return space;
}

struct file_table *task_files_get(struct task *task)
{
    if (!task->process)
        return NULL;
    spin_lock(&task->process->parts_lock);
    struct file_table *files = task->files;
    if (files)
        file_table_get(files);
    spin_unlock(&task->process->parts_lock);
    return files;
}

struct fs_context *task_fs_get(struct task *task)
{
    if (!task->process)
        return NULL;
    spin_lock(&task->process->parts_lock);
    struct fs_context *fs = task->fs;
    if (fs)
        fs_context_get(fs);
    spin_unlock(&task->process->parts_lock);
    return fs;
}

struct address_space *task_detach_address_space(struct task *task)
{
    spin_lock(&task->process->parts_lock);
    struct address_space *space = task->address_space;
    task->address_space = NULL;
    spin_unlock(&task->process->parts_lock);
    return space;
}

struct file_table *task_detach_files(struct task *task)
{
    spin_lock(&task->process->parts_lock);
    struct file_table *files = task->files;
    task->files = NULL;
    spin_unlock(&task->process->parts_lock);
    return files;
}

struct fs_context *task_detach_fs(struct task *task)
{
    spin_lock(&task->process->parts_lock);
    struct fs_context *fs = task->fs;
    task->fs = NULL;
    spin_unlock(&task->process->parts_lock);
    return fs;
}

struct task *process_leader_get(struct process *process)
{
    spin_lock(&family_lock);
    struct task *leader = process->leader;
    if (leader)
        task_get(leader);
    spin_unlock(&family_lock);
    return leader;
}
