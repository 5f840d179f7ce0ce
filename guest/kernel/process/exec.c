/*
 * exec.c - a process gets a new program.
 *
 * Everything that can fail happens while the old program is still whole: the new address space is
 * made beside the old one, with segments, stack and strings in it. Then the other threads are sent
 * away (that may fail too, if somebody ends the process meanwhile), and from the point of no return
 * on there are only assignments.
 */
#include "arch/page_table.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/inode.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/mm/address_space.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/nsproxy.h"
#include "kernel/observe/trace.h"
#include "kernel/process/internal.h"
#include "kernel/process/loading.h"
#include "kernel/process/ptrace.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/posix_timer.h"
#include "kernel/token/thread_token.h"
#include "shared/token.h"

#define SCRIPT_DEPTH_MAX  5 /* interpreters that are scripts themselves; then ELOOP, as on Linux */
#define SCRIPT_LINE_BYTES 256 /* BINPRM_BUF_SIZE of execve(2) */

/* ---- the change ---- */

/* Sends every other thread away and takes the leader's place if need be. -EAGAIN: the process ends
 * instead. */
static int become_only_thread(struct task *task)
{
    struct process *process = task->process;
    spin_lock(&process->signal_lock);
    if (process->exiting || process->exec_task) {
        spin_unlock(&process->signal_lock);
        return -EAGAIN;
    }
    if (likely(process->task_count == 1 && process->leader == task)) {
        spin_unlock(&process->signal_lock);
        return 0;
    }
    process->exec_task = task;
    process_kill_threads_signal_locked(process, task);
    spin_unlock(&process->signal_lock);
    int error = wait_event(&process->thread_events, WAIT_EXIT, (uint64_t)process->pid,
                           WAIT_KILLABLE, 0, READ_ONCE(process->task_count) == 1);

    struct task *old = NULL;
    spin_lock(&family_lock);
    spin_lock(&process->signal_lock);
    process->exec_task = NULL;
    if (!error && process->leader != task) {
        /* The leader is a zombie now; its tid is the pid, and the program keeps its pid. */
        old = process->leader;
        list_remove(&old->thread_link);
        process_account_thread_locked(process, old);
        task->exit_signal = old->exit_signal;
        struct process *child;
        list_for_each(child, &process->children, sibling_link)
        {
            if (child->creator_tid == task->tid)
                child->creator_tid = process->pid;
        }
        int32_t former_tid = task->tid;
        pid_drop_task_locked(former_tid);
        pid_set_task_locked(process->pid, task);
        object_write_begin(&task->object);
        task->tid = process->pid;
        task->seen_tid = task->seen_tgid;
        object_write_end(&task->object);
        object_write_begin(&old->object); /* what is left of it: no two tasks have one number */
        old->tid = former_tid;
        object_write_end(&old->object);
        process->leader = task;
        trace_event(TRACE_RENUMBER, trace_pair(former_tid, task->tid), 0, 0, 0);
        if (unlikely(task->flags & TASK_TRACED || old->tracee))
            ptrace_leader_changed_locked(task, old);
    }
    spin_unlock(&process->signal_lock);
    spin_unlock(&family_lock);
    if (old)
        task_put(old);
    return error ? -EAGAIN : 0;
}

static int own_actions(struct process *process)
{
    struct signal_actions *shared = process->actions;
    if (READ_ONCE(shared->references) == 1)
        return 0;
    struct signal_actions *own = signal_actions_duplicate(shared, false);
    if (!own)
        return -ENOMEM;
    spin_lock(&process->signal_lock);
    process->actions = current->actions = own;
    spin_unlock(&process->signal_lock);
    signal_actions_put(shared);
    return 0;
}

/* Handlers are gone with the old program; what is ignored stays ignored (execve(2)). */
static void reset_signals(struct task *task)
{
    struct process *process = task->process;
    struct signal_actions *actions = process->actions;
    spin_lock(&process->signal_lock);
    spin_lock(&actions->lock);
    actions->set.bits = actions->ignored.bits;
    actions->caught.bits = 0;
    for (uint64_t left = actions->ignored.bits; left; left &= left - 1)
        actions->action[__builtin_ctzll(left)] = (struct signal_action){.handler = SIG_IGN};
    spin_unlock(&actions->lock);
    spin_unlock(&process->signal_lock);
    if (unlikely(process->timers))
        posix_timers_end(process);
    task->alternate_stack = task->alternate_stack_bytes = 0;
    task->alternate_stack_flags = 2; /* SS_DISABLE */
    task->restart = NULL;
}

static void replace_memory(struct task *task, struct address_space *space)
{
    struct process *process = task->process;
    struct address_space *old = task->address_space;
    if (old)
        task_release_memory_promises(task);
    task->robust_list = 0;
    task->clear_child_tid = task->set_child_tid = 0;
    task->rseq_area = 0;
    spin_lock(&process->parts_lock);
    task->address_space = space;
    spin_unlock(&process->parts_lock);
    address_space_activate(space);
    process_vfork_done(task);
    if (old) {
        process->max_resident = max(process->max_resident, old->max_resident);
        address_space_put(old);
    }
}

void exec_take_ids(struct process *process, const struct loading *loading)
{
    struct credentials *c = &process->credentials;
    spin_lock(&process->signal_lock);
    process->dumpable = !loading->secure;
    bool gained_id = loading->euid != c->euid || loading->egid != c->egid;
    c->euid = c->suid = c->fsuid = loading->euid;
    c->egid = c->sgid = c->fsgid = loading->egid;
    capabilities_follow_exec(c, gained_id);
    spin_unlock(&process->signal_lock);
}

const char *exec_name(const char *path)
{
    const char *name = path;
    for (const char *at = path; *at; at++) {
        if (*at == '/')
            name = at + 1;
    }
    return name;
}

/* From here on nothing fails. */
static void become_program(struct loading *loading, const char *path)
{
    struct task *task = current;
    struct process *process = task->process;

    replace_memory(task, loading->space);
    loading->space = NULL;
    file_table_close_on_exec(task->files);
    reset_signals(task);
    exec_take_ids(process, loading);
    if (unlikely(task->impersonation != NULL))
        task_revert();
    if (loading->secure)
        task->parent_death_signal = 0;
    process->did_exec = true;
    task->flags &= ~TASK_FORKED_NO_EXEC;
    task->exit_signal = SIGCHLD;

    task_set_comm(task, exec_name(path));
    uint64_t comm[2];
    memcpy(comm, task->comm, sizeof(comm));
    trace_event(TRACE_EXEC, comm[0], comm[1],
                loading->file->inode ? loading->file->inode->number : 0, 0);
    arch_task_start_user(task, loading->start, loading->stack_pointer);
}

static void effective_ids(struct loading *loading)
{
    const struct process *process = loading->process;
    const struct credentials *c = &process->credentials;
    uint32_t mode, uid, gid;
    loading->euid = c->euid;
    loading->egid = c->egid;
    file_set_id_bits(loading->file, &mode, &uid, &gid);
    bool traced = task_is_traced(current) && ptrace_tracer_of(current);
    if (!process->no_new_privileges && !traced) {
        if (mode & S_ISUID)
            loading->euid = uid;
        if (mode & S_ISGID)
            loading->egid = gid;
    }
    loading->secure = loading->euid != c->uid || loading->egid != c->gid;
}

/* ---- scripts ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/*
 * `#! interpreter [argument]`: rewrites the arguments and opens the interpreter, which takes
 * *file's place. `line` holds `size` bytes from the start of the file, and room for a NUL behind
 * them.
 */
static int follow_script(struct file **file, char *line, size_t size, const char *path,
                         struct exec_strings *strings)
{
    size_t end = 2;
    while (end < size && line[end] != '\n' && line[end] != '\0')
        end++;
    bool cut = end == size && size == SCRIPT_LINE_BYTES;
    size_t start = 2;
    while (start < end && is_blank(line[start]))
        start++;
    size_t name_end = start;
    while (name_end < end && !is_blank(line[name_end]))
        name_end++;
    /* A name that may go on beyond what was read is not a name. */
    if (start == end || (cut && name_end == end))
        return -ENOEXEC;
    size_t argument = name_end;
    while (argument < end && is_blank(line[argument]))
        argument++;
    while (end > argument && is_blank(line[end - 1]))
        end--;
    line[name_end] = '\0';
    size_t name_bytes = name_end - start + 1,
           argument_bytes = end > argument ? end - argument + 1 : 0;
    size_t path_bytes = strlen(path) + 1, bytes = name_bytes + argument_bytes + path_bytes;
    if (argument_bytes)
        line[end] = '\0';
    char *text = kmalloc(bytes);
    if (!text)
        return -ENOMEM;
    memcpy(text, line + start, name_bytes);
    memcpy(text + name_bytes, line + argument, argument_bytes);
    memcpy(text + name_bytes + argument_bytes, path, path_bytes);
    int error = exec_strings_replace_first(strings, text, bytes, argument_bytes ? 3 : 2);
    kfree(text);
    if (error)
        return error;
    struct file *interpreter;
    error = file_open_executable(AT_FDCWD, line + start, 0, &interpreter);
    if (error)
        return error;
    file_put(*file);
    *file = interpreter;
    return 0;
}

/* ---- all of it ---- */

/* The first bytes of the file, and what becomes of a script: 0 with an ELF file in *file and its
 * image read. */
static int identify(struct file **file, const char *path, struct exec_strings *strings,
                    struct elf_image *image)
{
    union {
        uint8_t bytes[LOADING_HEADER_BYTES];
        char line[SCRIPT_LINE_BYTES + 1];
    } start;
    char *script = NULL; /* path of the interpreter, for a script below a script */
    int error;
    for (unsigned depth = 0;; depth++) {
        if (depth > SCRIPT_DEPTH_MAX) {
            error = -ELOOP;
            break;
        }
        ssize_t got = file_read_at(*file, start.bytes, sizeof(start.bytes), 0);
        if (got < 2 || start.bytes[0] != '#' || start.bytes[1] != '!') {
            error = got < 0 ? (int)got : loading_read_elf(*file, start.bytes, (size_t)got, image);
            break;
        }
        error = follow_script(file, start.line, min((size_t)got, (size_t)SCRIPT_LINE_BYTES),
                              script ? script : path, strings);
        if (error)
            break;
        kfree(script);
        script = kstrdup(strings->block); /* argument 0 is now the interpreter */
        if (!script) {
            error = -ENOMEM;
            break;
        }
    }
    kfree(script);
    return error;
}

int exec_load(struct process *process, struct file *file, const char *path,
              struct exec_strings *strings, struct loading **ret)
{
    struct loading *loading = kzalloc(sizeof(*loading));
    if (!loading) {
        file_put(file);
        return -ENOMEM;
    }
    loading->process = process;
    int error = identify(&file, path, strings, &loading->image);
    loading->file = file;
    if (!error && unlikely(READ_ONCE(process->mitigations) & MITIGATION_PIE) &&
        !loading->image.position_independent)
        error = -EACCES;
    if (!error) {
        effective_ids(loading);
        loading->space = address_space_create();
        error = loading->space ? loading_map(loading) : -ENOMEM;
    }
    if (!error)
        error = loading_build_stack(loading, path, strings);
    if (error) {
        exec_unload(loading);
        return error;
    }
    file_get(file);
    loading->space->executable = file;
    *ret = loading;
    return 0;
}

void exec_unload(struct loading *loading)
{
    if (loading->space)
        address_space_put(loading->space);
    file_put(loading->file);
    kfree(loading);
}

/* Takes over the reference to the file. */
static int exec_file(struct file *file, const char *path, struct exec_strings *strings)
{
    struct task *task = current;
    struct loading *loading;
    int error = exec_load(task->process, file, path, strings, &loading);
    if (error)
        return error;
    error = become_only_thread(task);
    if (!error)
        error = task_own_files(task);
    if (!error)
        error = own_actions(task->process);
    if (!error)
        error = nsproxy_exec();
    if (!error)
        become_program(loading, path);
    exec_unload(loading);
    return error;
}

size_t exec_strings_limit(const struct process *process)
{
    uint64_t quarter = process_limit(process, RLIMIT_STACK) / 4;
    return min(max(quarter, 32 * PAGE_SIZE), 2ul << 20);
}

int exec_open(int directory_fd, char *path, uint32_t flags, struct file **ret)
{
    int error = file_open_executable(directory_fd, path, flags, ret);
    if (!error && directory_fd != AT_FDCWD && path[0] != '/') {
        char *relative = kstrdup(path);
        if (relative)
            snprintf(path, PATH_MAX, "/dev/fd/%d%s%s", directory_fd, *relative ? "/" : "",
                     relative);
        kfree(relative);
    }
    return error;
}

static int64_t exec_user(int directory_fd, uint64_t path_address, uint64_t arguments,
                         uint64_t environment, int flags)
{
    struct exec_strings strings;
    struct file *file;
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    char *path = kmalloc(PATH_MAX);
    if (!path)
        return -ENOMEM;
    ssize_t length = string_from_user(path, path_address, PATH_MAX);
    int error = length < 0 ? (int)length
                           : exec_strings_init(&strings, exec_strings_limit(current->process));
    if (error) {
        kfree(path);
        return error;
    }
    if (!length && !(flags & AT_EMPTY_PATH))
        error = -ENOENT;
    if (!error)
        error = exec_strings_append_user(&strings, arguments, &strings.argument_count);
    if (!error)
        error = exec_strings_append_user(&strings, environment, &strings.environment_count);
    if (!error && !strings.argument_count) {
        /* A program always has a name (Linux since 5.18), even an empty one. */
        error = exec_strings_replace_first(&strings, "", 1, 1);
    }
    if (!error)
        error = exec_open(directory_fd, path, (uint32_t)flags, &file);
    if (!error) {
        int32_t old_tid = ptrace_number_of(current);
        error = exec_file(file, path, &strings);
        if (!error && task_is_traced(current))
            ptrace_exec(old_tid);
    }
    exec_strings_deinit(&strings);
    kfree(path);
    return error;
}

SYSCALL3(execve, uint64_t, path, uint64_t, arguments, uint64_t, environment)
{
    return exec_user(AT_FDCWD, path, arguments, environment, 0);
}

SYSCALL5(execveat, int, directory_fd, uint64_t, path, uint64_t, arguments, uint64_t, environment,
         int, flags)
{
    return exec_user(directory_fd, path, arguments, environment, flags);
}

static int append_array(struct exec_strings *strings, char *const *array, uint32_t *count)
{
    for (; array && *array; array++, ++*count) {
        int error = exec_strings_append(strings, *array, strlen(*array) + 1);
        if (error)
            return error;
    }
    return 0;
}

int process_exec(struct file *program, const char *path, char *const *argv, char *const *envp)
{
    struct exec_strings strings;
    int error = exec_strings_init(&strings, exec_strings_limit(current->process));
    if (error)
        return error;
    error = append_array(&strings, argv, &strings.argument_count);
    if (!error)
        error = append_array(&strings, envp, &strings.environment_count);
    if (!error) {
        file_get(program);
        error = exec_file(program, path, &strings);
    }
    exec_strings_deinit(&strings);
    return error;
}

static int append_packed(struct exec_strings *strings, const char *text, uint32_t count)
{
    int error = 0;
    for (; count && !error; count--) {
        size_t bytes = strlen(text) + 1;
        error = exec_strings_append(strings, text, bytes);
        text += bytes;
    }
    return error;
}

int process_exec_packed(const char *path, const char *arguments, uint32_t argument_count,
                        const char *environment, uint32_t environment_count)
{
    struct exec_strings strings;
    struct file *file;
    int error = exec_strings_init(&strings, exec_strings_limit(current->process));
    if (error)
        return error;
    strings.argument_count = argument_count;
    strings.environment_count = environment_count;
    error = append_packed(&strings, arguments, argument_count);
    if (!error)
        error = append_packed(&strings, environment, environment_count);
    if (!error)
        error = file_open_executable(AT_FDCWD, path, 0, &file);
    if (!error)
        error = exec_file(file, path, &strings);
    exec_strings_deinit(&strings);
    return error;
}
