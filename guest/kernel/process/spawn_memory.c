/*
 * spawn_memory.c - what a spawned child runs: a program in new memory, or a copy of a template's
 * memory. The caller's own memory is only read, for names and strings. See spawn_plan.h.
 */
#include "kernel/fs/file.h"
#include "kernel/fs/fs_context.h"
#include "kernel/fs/inode.h"
#include "kernel/lib/string.h"
#include "kernel/mm/address_space.h"
#include "kernel/mm/object_cache.h"
#include "kernel/observe/trace.h"
#include "kernel/process/loading.h"
#include "kernel/process/spawn_plan.h"
#include "kernel/process/template.h"
#include "kernel/syscall/syscall.h"

/*
 * Names of programs and interpreters are looked up from where the child will stand. The lookups go
 * by the current task's place, so it stands there for a moment; other threads do not.
 */
static struct fs_context *stand_at(struct fs_context *place)
{
    struct task *self = current;
    spin_lock(&self->process->parts_lock);
    struct fs_context *before = self->fs;
    self->fs = place;
    spin_unlock(&self->process->parts_lock);
    return before;
}

/* First code of the child: its program's start is in its frame already, and from here on the trace
 * shows it under its own name. */
static void start_program(void *unused)
{
    struct task *self = current;
    const struct trap_frame *frame = arch_task_frame(&self->arch);
    const struct file *executable = self->address_space->executable;
    uint64_t comm[2];
    memcpy(comm, self->comm, sizeof(comm));
    trace_event(TRACE_EXEC, comm[0], comm[1], executable->inode ? executable->inode->number : 0, 0);
    arch_task_start_user(self, frame->rip, frame->rsp);
    arch_enter_user_mode();
}

static int open_program(struct spawn_plan *plan, char *path, struct file **ret)
{
    const struct spawn_arguments *wanted = &plan->wanted;
    plan->step = SPAWN_STEP_PROGRAM;
    plan->index = 0;
    if (wanted->program) {
        ssize_t length = string_from_user(path, wanted->program, PATH_MAX);
        if (length < 0)
            return (int)length;
        if (!length)
            return -ENOENT;
    } else {
        path[0] = '\0';
    }
    return exec_open(wanted->program_fd, path, wanted->program ? 0 : AT_EMPTY_PATH, ret);
}

static int take_strings(struct spawn_plan *plan, struct exec_strings *strings)
{
    plan->step = SPAWN_STEP_ARGUMENTS;
    int error = exec_strings_append_user(strings, plan->wanted.arguments, &strings->argument_count);
    if (error)
        return error;
    plan->step = SPAWN_STEP_ENVIRONMENT;
    error =
        exec_strings_append_user(strings, plan->wanted.environment, &strings->environment_count);
    if (!error && !strings->argument_count)
        error = exec_strings_replace_first(strings, "", 1, 1); /* as exec_user() */
    return error;
}

int spawn_program(struct spawn_plan *plan)
{
    struct exec_strings strings;
    struct file *file;
    plan->step = SPAWN_STEP_PROGRAM;
    char *path = kmalloc(PATH_MAX);
    if (!path)
        return -ENOMEM;
    int error = exec_strings_init(&strings, exec_strings_limit(plan->process));
    if (error) {
        kfree(path);
        return error;
    }
    struct fs_context *before = stand_at(plan->child->fs);
    error = open_program(plan, path, &file);
    if (!error) {
        error = take_strings(plan, &strings);
        if (error)
            file_put(file);
    }
    if (!error) {
        plan->step = SPAWN_STEP_LOAD;
        error = exec_load(plan->process, file, path, &strings, &plan->loading);
    }
    stand_at(before);
    if (!error) {
        struct task *child = plan->child;
        child->address_space = plan->loading->space;
        plan->loading->space = NULL;
        string_copy(child->comm, exec_name(path), sizeof(child->comm));
        child->alternate_stack_flags = 2; /* SS_DISABLE */
        exec_take_ids(plan->process, plan->loading);
        plan->process->did_exec = true;
        arch_task_start_user(child, plan->loading->start, plan->loading->stack_pointer);
        arch_task_start_kernel(child, start_program, NULL);
        exec_unload(plan->loading);
        plan->loading = NULL;
    }
    exec_strings_deinit(&strings);
    kfree(path);
    return error;
}

/* ---- templates ---- */

/* The message is written into the copy's memory, before anybody can run there. */
static int give_message(struct spawn_plan *plan)
{
    const struct spawn_arguments *wanted = &plan->wanted;
    size_t bytes = wanted->message_bytes;
    plan->step = SPAWN_STEP_MESSAGE;
    if (bytes > plan->template->bytes)
        return -EMSGSIZE;
    if (!bytes)
        return 0;
    void *text = kmalloc(bytes);
    if (!text)
        return -ENOMEM;
    int error = copy_from_user(text, wanted->message, bytes);
    if (!error) {
        ssize_t written = address_space_access(plan->child->address_space, plan->template->buffer,
                                               text, bytes, true);
        error = written < 0 ? (int)written : (size_t)written == bytes ? 0 : -EFAULT;
    }
    kfree(text);
    return error;
}

int spawn_copy(struct spawn_plan *plan)
{
    const struct task *from = plan->template->task;
    struct task *child = plan->child;
    plan->step = SPAWN_STEP_MEMORY;
    plan->index = 0;
    struct address_space *space = task_address_space_get(plan->template->task);
    if (!space)
        return -ESRCH;
    int error = address_space_duplicate(space, &child->address_space);
    address_space_put(space);
    if (!error)
        error = give_message(plan);
    if (error)
        return error;
    memcpy(child->comm, from->comm, TASK_COMM_BYTES);
    child->alternate_stack = from->alternate_stack;
    child->alternate_stack_bytes = from->alternate_stack_bytes;
    child->alternate_stack_flags = from->alternate_stack_flags;
    /* The memory holds what the template's C library knows of its thread: it is told the copy's
     * number where it wanted to be told of the end, as its own fork() would do. */
    child->robust_list = from->robust_list;
    child->clear_child_tid = child->set_child_tid = from->clear_child_tid;
    if (child->set_child_tid)
        child->work |= TASK_WORK_SIGNAL; /* signal_deliver() writes it, as the child */
    child->flags |= TASK_FORKED_NO_EXEC;
    arch_task_copy_state(child, &plan->template->state, (int64_t)plan->wanted.message_bytes);
    return 0;
}
