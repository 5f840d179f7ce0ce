/*
 * first.c - the first two processes. PID 1 is the kernel's own: it adopts and reaps orphans and
 * takes no signals. PID 2 is the user's program, leader of its own session and group, with the
 * console as its terminal: it ends by signals like any other process, and the machine ends with it.
 */
#include "arch/layout.h"
#include "kernel/fs/file.h"
#include "kernel/fs/tty/tty.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/panic.h"
#include "kernel/namespace/nsproxy.h"
#include "kernel/observe/done.h"
#include "kernel/process/internal.h"
#include "kernel/process/memory_release.h"
#include "kernel/time/clock.h"
#include "kernel/token/first_token.h"
#include "kernel/token/thread_token.h"
#include "shared/boot.h"

bool aslr_enabled = true;

static const struct boot_info *boot_info(void)
{
    return phys_to_virt(BOOT_INFO_PHYS);
}

static const char *boot_string(uint32_t offset)
{
    const struct boot_info *boot = boot_info();
    if (offset >= boot->strings_bytes || boot->strings_bytes > BOOT_STRINGS_MAX)
        panic("boot page: string at offset %u lies outside the %u bytes of strings", offset,
              boot->strings_bytes);
    return (const char *)phys_to_virt(BOOT_STRINGS_PHYS) + offset;
}

static _Noreturn void program_failed(const char *what, const char *path, int error)
{
    const char *why = error == -ENOENT    ? "no such file in the guest"
                      : error == -EACCES  ? "permission denied (is it executable?)"
                      : error == -ENOEXEC ? "not an x86-64 ELF program or #! script"
                      : error == -ENOMEM  ? "out of memory"
                      : error == -ENOTDIR ? "a part of the path is not a directory"
                      : error == -EISDIR  ? "it is a directory"
                      : error == -EINVAL  ? "it is not one that can be"
                      : error == -E2BIG   ? "arguments and environment are too long"
                                          : "it cannot be used";
    log_line("%s %s: %s (error %d)", what, path, why, -error);
    machine_done(WAIT_STATUS_EXITED(error == -ENOENT || error == -ENOTDIR ? 127 : 126));
}

/* PID 2 before it is a program: in the kernel, as a task of its own, so that it may sleep and open
 * files. */
static void program_start(void *unused)
{
    const struct boot_info *boot = boot_info();
    const char *path = boot_string(boot->program),
               *directory = boot_string(boot->working_directory);
    int error = fs_open_standard_streams(current->files);
    if (error)
        program_failed("standard streams of", path, error);
    tty_make_controlling(console_tty(), current->process);
    if (*directory) {
        error = fs_context_set_cwd(directory);
        if (error)
            program_failed("working directory", directory, error);
    }
    error = first_token_install(boot_string(boot->token));
    if (error)
        program_failed("token of", path, error);
    error = process_exec_packed(
        path, boot->argument_count ? boot_string(boot->arguments) : "", boot->argument_count,
        boot->environment_count ? boot_string(boot->environment) : "", boot->environment_count);
    if (error)
        program_failed("program", path, error);
    arch_enter_user_mode();
}

static void release_task(struct task *task)
{
    if (task->process)
        process_put(task->process);
}

void process_discard_first(struct process *process, struct task *task)
{
    if (task && task->fs)
        fs_context_put(task->fs);
    if (task && task->files)
        file_table_put(task->files);
    if (task) {
        task->fs = NULL;
        task->files = NULL;
        if (task->namespaces)
            nsproxy_put(task->namespaces);
        task->namespaces = NULL;
        task_put(task);
    }
    if (process)
        process_put(process);
}

struct process *process_create_first(const char *name, bool user, struct task **ret_leader)
{
    struct process *process = process_create();
    struct task *task = task_create(user);
    bool complete = process && task;
    if (complete)
        complete = (process->actions = signal_actions_create()) &&
                   (process->token = token_of_new_process(user));
    if (complete && user)
        complete = (task->files = file_table_create()) && (task->fs = fs_context_create());
    if (!complete) {
        process_discard_first(process, task);
        return NULL;
    }
    task->namespaces = nsproxy_get(&initial_nsproxy);
    limits_init(process->rlimits);
    capabilities_fill(&process->credentials.capabilities);
    process->dumpable = true;
    process->start_ns = clock_monotonic_ns();
    task->exit_signal = SIGCHLD;
    task->timer_slack_ns = TIMER_SLACK_DEFAULT_NS;
    task_set_comm(task, name);
    *ret_leader = task;
    return process;
}

void process_start_init(void)
{
    task_released = release_task;
    memory_release_init();
    namespaces_start();
    tokens_start();
    aslr_enabled = !(boot_info()->flags & BOOT_FLAG_NO_ASLR);

    struct task *init, *program;
    if (!(init_process = process_create_first("init", false, &init)) ||
        !(program_process = process_create_first("program", true, &program)))
        panic("no memory for the first processes");

    init_process->kernel = true;
    spin_lock(&family_lock);
    init->tid = pid_take_locked(init);
    program->tid = pid_take_locked(program);
    if (!program->tid)
        panic("no memory for the PID table");
    task_get(init);
    task_get(program);
    process_join_family_locked(init_process, init, NULL, 0, 0);
    /* NOLINTNEXTLINE(readability-suspicious-call-argument): init is the parent */
    process_join_family_locked(program_process, program, init_process, 0, 0);
    object_publish(&init_process->object);
    object_publish(&program_process->object);
    spin_unlock(&family_lock);

    arch_task_start_kernel(init, process_init_thread, NULL);
    arch_task_start_kernel(program, program_start, NULL);
    task_start(init, NULL);
    task_start(program, NULL);
}
