/*
 * spawn.c - a program that the host starts in the running machine. It is made like the first one
 * (first.c), but belongs to init, and its end is not the machine's.
 */
#include "arch/layout.h"
#include "kernel/fs/file.h"
#include "kernel/fs/file_table.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/process/internal.h"

#define STATUS_NOT_LOADED 127

struct spawn {
    void (*done)(uint64_t token, int64_t result);
    uint64_t token;
    const char *directory, *path, *arguments, *environment; /* in data */
    uint32_t argument_count, environment_count;
    char data[];
};

static const char *skip_strings(const char *text, uint32_t count)
{
    for (; count; count--)
        text += strlen(text) + 1;
    return text;
}

static int open_streams(void)
{
    struct file *nothing;
    int error = fs_open_output_streams(current->files);
    if (!error)
        error = file_open("/dev/null", O_RDONLY, 0, &nothing);
    if (!error)
        error = file_table_install_first(current->files, 0, nothing);
    return error;
}

/* The new task, still in the kernel. */
static void spawn_start(void *argument)
{
    struct spawn *spawn = argument;
    int error = open_streams();
    if (!error && *spawn->directory)
        error = fs_context_set_cwd(spawn->directory);
    if (!error)
        error = process_exec_packed(spawn->path, spawn->arguments, spawn->argument_count,
                                    spawn->environment, spawn->environment_count);
    spawn->done(spawn->token, error ? error : current->tgid);
    kfree(spawn);
    if (error)
        process_exit_group(WAIT_STATUS_EXITED(STATUS_NOT_LOADED));
    arch_enter_user_mode();
}

static struct spawn *copy_request(const char *data, size_t bytes, uint32_t argument_count,
                                  uint32_t environment_count)
{
    struct spawn *spawn = kmalloc(sizeof(*spawn) + bytes);
    if (!spawn)
        return NULL;
    memcpy(spawn->data, data, bytes); /* the host may go on writing: only the copy is looked at */
    uint64_t strings = 0;
    for (size_t i = 0; i < bytes; i++)
        strings += spawn->data[i] == '\0';
    bool good = bytes && spawn->data[bytes - 1] == '\0' && argument_count &&
                strings == 2ull + argument_count + environment_count;
    if (good) {
        spawn->directory = spawn->data;
        spawn->path = skip_strings(spawn->directory, 1);
        spawn->arguments = skip_strings(spawn->path, 1);
        spawn->environment = skip_strings(spawn->arguments, argument_count);
        spawn->argument_count = argument_count;
        spawn->environment_count = environment_count;
    }
    if (!good) {
        kfree(spawn);
        return NULL;
    }
    return spawn;
}

int process_spawn(const char *data, size_t bytes, uint32_t argument_count,
                  uint32_t environment_count, void (*done)(uint64_t token, int64_t result),
                  uint64_t token)
{
    struct task *task;
    struct spawn *spawn = copy_request(data, bytes, argument_count, environment_count);
    if (!spawn)
        return -EINVAL;
    spawn->done = done;
    spawn->token = token;
    struct process *process = process_create_first("spawn", true, &task);
    if (!process) {
        kfree(spawn);
        return -ENOMEM;
    }
    spin_lock(&family_lock);
    task->tid = pid_take_locked(task);
    if (!task->tid) {
        spin_unlock(&family_lock);
        process_discard_first(process, task);
        kfree(spawn);
        return -EAGAIN;
    }
    task_get(task); /* for the PID table */
    process->creator_tid = init_process->pid;
    process_join_family_locked(process, task, init_process, 0, 0);
    object_publish(&process->object);
    spin_unlock(&family_lock);
    arch_task_start_kernel(task, spawn_start, spawn);
    task_start(task, NULL);
    return 0;
}
