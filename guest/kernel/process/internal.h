/*
 * kernel/process/internal.h - what the files of this folder share with each other and with nobody
 * else. Functions named ..._locked want family_lock held; those named ..._signal_locked the
 * process's signal_lock.
 */
#ifndef KERNEL_PROCESS_INTERNAL_H
#define KERNEL_PROCESS_INTERNAL_H

#include "arch/cpu.h"
#include "kernel/process/clone_flags.h"
#include "kernel/process/pidfd.h"
#include "kernel/process/process.h"

struct pid_numbers;

#define PID_MAX 32767 /* the highest; 1 is the kernel's own, 2 the user's program */

#define WAIT_STATUS_EXITED(code)    (((uint32_t)(code)&0xff) << 8)
#define WAIT_STATUS_STOPPED(signal) ((uint32_t)(signal) << 8 | 0x7f)
#define WAIT_STATUS_CONTINUED       0xffffu

/* ---- pid.c ---- */
/* A free pid, now taken by the task; 0 if there is none (or no memory for the table). */
int32_t pid_take_locked(struct task *task);
/* A certain pid: 0, -EINVAL, -EEXIST or -ENOMEM. */
int pid_take_this_locked(struct task *task, int32_t pid);
/* The task no longer has the pid; the process neither if it is the leader's. */
void pid_drop_task_locked(int32_t pid);
void pid_drop_process_locked(int32_t pid);
void pid_set_task_locked(int32_t pid, struct task *task);
void pid_set_process_locked(int32_t pid, struct process *process);
struct process *process_find_locked(int32_t pid);
struct task *task_find_locked(int32_t tid);
/* Like process_next_get(), without a reference. */
struct process *process_next_locked(int32_t from);
void group_join_locked(struct process *process, int32_t group);
void group_leave_locked(struct process *process);
void session_join_locked(struct process *process, int32_t session);
void session_leave_locked(struct process *process);

/* ---- process.c ---- */
/* A process object with one reference, all defaults, not yet published; NULL when out of memory. */
struct process *process_create(void);
struct signal_actions *signal_actions_create(void); /* all default */
struct signal_actions *signal_actions_duplicate(struct signal_actions *source, bool keep_handlers);
void signal_actions_put(struct signal_actions *actions);
/* The shared parts leave the task; the caller owns what the pointers held. */
struct address_space *task_detach_address_space(struct task *task);
struct file_table *task_detach_files(struct task *task);
struct fs_context *task_detach_fs(struct task *task);

/* ---- first.c ---- */
/*
 * A process that no program forked, with its first task: a place in no table yet, its files and
 * working directory as in a new machine. NULL when out of memory.
 */
struct process *process_create_first(const char *name, bool user, struct task **ret_leader);
/* The same two, never published, go again; NULL is fine for either. */
void process_discard_first(struct process *process, struct task *task);

/* ---- fork.c ---- */
/* RLIMIT_NPROC counts the threads of a real user id; the superuser is exempt. Takes family_lock. */
bool process_too_many_tasks(struct process *process);
/* A new process, in no table, with what a child has of its parent; flags: CLONE_* as far as they
 * matter here. NULL when out of memory. */
struct process *process_duplicate(struct process *parent, uint64_t flags);
/* The memory, files and place of a task that was never started. */
void task_drop_parts(struct task *child);
/* A thread enters its process. signal_lock held too. */
void process_add_thread_locked(struct process *process, struct task *task);
/* A new process enters family, group and session (0 = its own), with its first thread. */
void process_join_family_locked(struct process *process, struct task *leader,
                                struct process *parent, int32_t group, int32_t session);
/*
 * The numbers of a new task in all of its PID namespaces. `numbers` has room for those below the
 * first one (NULL: there are none) and belongs to the global number afterwards; `wanted`, of the
 * innermost first, are the `count` that must be taken. 0: child->tid is the global one; or -errno
 * as pid_numbers_take_locked(), and nothing is taken.
 */
int process_take_numbers_locked(struct task *child, struct pid_numbers *numbers,
                                const int32_t *wanted, uint32_t count);

/* ---- signal.c ---- */
int signal_send_group_locked(int32_t group, int signal, const struct linux_siginfo *info);
/* Sends to a task or (task NULL) to the process. */
int signal_send(struct process *process, struct task *task, int signal,
                const struct linux_siginfo *info);
/* The same with the siginfo of the current process: SI_USER or SI_TKILL. */
int signal_send_user(struct process *process, struct task *task, int signal, int code);
void signal_discard_signal_locked(struct process *process,
                                  uint64_t signals); /* pending ones, all threads */
void signal_flush_task_signal_locked(struct task *task);
void signal_flush_process_signal_locked(struct process *process);
/* Every thread but `except` must go; the reason is in exiting / exec_task. */
void process_kill_threads_signal_locked(struct process *process, struct task *except);
/* Process-directed signals that only the current, exiting thread would have taken go to another
 * one. */
void signal_retarget_signal_locked(struct task *leaving);
/* 0 or -EPERM: may the current process send `signal` to the target? */
int signal_permission(struct process *target, int signal);

/* ---- signal_stop.c ---- */
void signal_stop_begin(int signal, bool only_if_not_orphaned);
void signal_stop_take_part(void);
void signal_stop_thread_gone_locked(struct process *process); /* without signal_lock */
void signal_stop_end_signal_locked(struct process *process);
void signal_tell_continued(struct process *process);

/* ---- exit.c ---- */
/* Takes a zombie out of all tables; its leader goes to process_reap_finish() once the lock is
 * dropped. */
struct task *process_reap_locked(struct process *process);
void process_reap_finish(struct task *leader);
/* SIGCHLD (or what the child has instead) to the parent; true = nobody wants to wait: reap it at
 * once. */
bool process_notify_parent_locked(struct process *process);
void process_vfork_done(struct task *task);
/* The shared memory's promises of a thread that leaves it: robust futexes and the cleared tid. */
void task_release_memory_promises(struct task *task);

/* ---- wait.c ---- */
_Noreturn void process_init_thread(void *unused); /* PID 1: reaps for ever */

/* ---- pidfd.c ---- */
/*
 * A descriptor of the current task for the process, which need not be published yet. flags:
 * O_NONBLOCK or 0. The descriptor or -errno.
 */
int pidfd_create(struct process *process, uint32_t flags);
void pidfd_tell_ended_locked(struct process *process);
void pidfd_cut_off_locked(struct process *process); /* the process leaves all tables */

/* ---- signalfd.c ---- */
/* A signal was queued in a process that has signals_watched. */
void signalfd_wake_signal_locked(struct process *process);

/* ---- unshare.c ---- */
/* The task's table of descriptors is its own from now on: 0 or -ENOMEM. */
int task_own_files(struct task *task);

/* ---- clone_calls.c ---- */
/*
 * A structure that grows at its end, of `size` bytes by its user and `known` by us. 0; -E2BIG if
 * more than a page, or what we do not know is not zero; -EINVAL below `smallest`; -EFAULT.
 */
int struct_from_user(void *to, size_t known, uint64_t address, size_t size, size_t smallest);

/* ---- exec.c ---- */
#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_EMPTY_PATH       0x1000
struct exec_strings;
struct loading;
/*
 * A program for `process`, in memory of its own: nothing of the process is changed. Takes over the
 * reference to the file, on failure too. 0, and exec_unload() drops what is left in *ret; or
 * -errno.
 */
int exec_load(struct process *process, struct file *file, const char *path,
              struct exec_strings *strings, struct loading **ret);
void exec_unload(struct loading *loading);
/* Opens a program by a path in PATH_MAX bytes, which become the name by which the program, or its
 * interpreter, finds it again (execveat(2)). 0 or -errno. */
int exec_open(int directory_fd, char *path, uint32_t flags, struct file **ret);
/* The process has the ids that the program gives it. Takes signal_lock. */
void exec_take_ids(struct process *process, const struct loading *loading);
/* Strings may fill a quarter of the stack that the program may have (execve(2)), within what we can
 * hold. */
size_t exec_strings_limit(const struct process *process);
/* The last name of a path: what a task is called. */
const char *exec_name(const char *path);
/* The current task, which has no program yet: strings follow each other, NUL-terminated. */
int process_exec_packed(const char *path, const char *arguments, uint32_t argument_count,
                        const char *environment, uint32_t environment_count);

/* ---- accounting.c ---- */
void process_account_thread_locked(struct process *process, struct task *task);
void process_account_child_locked(struct process *parent, struct process *child);

/* ---- limits.c ---- */
void limits_init(struct rlimit limits[RLIMIT_COUNT]);
/* `wanted` and `ret_old` may be NULL. The caller may look at and change the target. 0, -EINVAL,
 * -EPERM. */
int limits_change(struct process *target, unsigned resource, const struct rlimit *wanted,
                  struct rlimit *ret_old);
static inline uint64_t process_limit(const struct process *process, enum rlimit_index index)
{
    return READ_ONCE(process->rlimits[index].soft);
}

/* ---- kernel/ipc ---- */
void robust_list_exit(struct task *task);

#endif
