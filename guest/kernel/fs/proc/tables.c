/*
 * kernel/fs/proc/tables.c - what there is in /proc: its root, a process's directory, a thread's
 * directory.
 */
#include "arch/cpu.h"
#include "kernel/fs/proc/ipc.h"
#include "kernel/fs/proc/links.h"
#include "kernel/fs/proc/namespace.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/process/out_of_memory.h"
#include "kernel/process/process.h"

/* ---- small files of a process ---- */

static int show_comm(struct proc_text *text, const struct proc_target *target)
{
    char comm[TASK_COMM_BYTES + 1];

    memcpy(comm, target->task->comm, TASK_COMM_BYTES);
    comm[TASK_COMM_BYTES] = 0;
    text_print(text, "%s\n", comm);
    return 0;
}

static int write_comm(const struct proc_target *target, char *comm, size_t length)
{
    (void)length;
    if (target->process != current->process)
        return -EINVAL;
    comm[TASK_COMM_BYTES - 1] = 0;
    task_set_comm(target->task, comm);
    return 0;
}

static int show_oom_score(struct proc_text *text, const struct proc_target *target)
{
    text_print(text, "%u\n", out_of_memory_score(target->process));
    return 0;
}

static int show_oom_score_adj(struct proc_text *text, const struct proc_target *target)
{
    text_print(text, "%d\n", READ_ONCE(target->process->oom_score_adj));
    return 0;
}

static int write_oom_score_adj(const struct proc_target *target, char *text, size_t length)
{
    bool negative = text[0] == '-';
    int32_t value = 0;

    if (length == (size_t)negative)
        return -EINVAL;
    for (size_t i = negative; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        value = value * 10 + (text[i] - '0');
        if (value > 1000)
            return -EINVAL;
    }
    if (negative)
        value = -value;
    if (value < READ_ONCE(target->process->oom_score_adj) &&
        !process_has_capability(current->process, CAP_SYS_RESOURCE))
        return -EACCES;
    WRITE_ONCE(target->process->oom_score_adj, value);
    return 0;
}

static int show_cgroup(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "0::/\n");
    return 0;
}

static int show_personality(struct proc_text *text, const struct proc_target *target)
{
    text_print(text, "%08x\n", target->process->personality);
    return 0;
}

#define LINK(link_name, text_function, place_function)                                             \
    {                                                                                              \
        .name = (link_name), .mode = S_IFLNK | 0777, .read_link = (text_function),                 \
        .follow = (place_function), .private = true                                                \
    }

const struct proc_entry proc_fd_entry = {
    .mode = S_IFLNK | 0700,
    .read_link = proc_fd_read_link,
    .follow = proc_fd_follow,
    .private = true,
};

const struct proc_entry proc_fdinfo_entry = {
    .mode = S_IFREG | 0400,
    .show = proc_show_fdinfo,
    .private = true,
};

/* What a process and each of its threads have in common. */
#define COMMON_CHILDREN                                                                            \
    PROC_FILE("stat", proc_show_process_stat), PROC_FILE("status", proc_show_process_status),      \
        PROC_FILE("statm", proc_show_process_statm),                                               \
        {.name = "cmdline", .mode = S_IFREG | 0444, .read = proc_read_command_line},               \
        {.name = "mem",                                                                            \
         .mode = S_IFREG | 0600,                                                                   \
         .read = proc_read_memory,                                                                 \
         .write_at = proc_write_memory,                                                            \
         .private = true},                                                                         \
        {.name = "environ",                                                                        \
         .mode = S_IFREG | 0400,                                                                   \
         .read = proc_read_environment,                                                            \
         .private = true},                                                                         \
        {.name = "auxv", .mode = S_IFREG | 0400, .read = proc_read_auxv, .private = true},         \
        {.name = "comm", .mode = S_IFREG | 0644, .show = show_comm, .write = write_comm},          \
        {.name = "maps", .mode = S_IFREG | 0444, .show = proc_show_maps, .private = true},         \
        PROC_FILE("limits", proc_show_limits), PROC_FILE("wchan", proc_show_wchan),                \
        PROC_FILE("schedstat", proc_show_schedstat), PROC_FILE("sched", proc_show_sched),          \
        {.name = "token", .mode = S_IFREG | 0444, .show = proc_show_token, .private = true},       \
        {.name = "syscall", .mode = S_IFREG | 0400, .show = proc_show_syscall, .private = true},   \
        {.name = "smaps", .mode = S_IFREG | 0444, .show = proc_show_smaps, .private = true},       \
        {.name = "smaps_rollup",                                                                   \
         .mode = S_IFREG | 0444,                                                                   \
         .show = proc_show_smaps_rollup,                                                           \
         .private = true},                                                                         \
        {.name = "pagemap", .mode = S_IFREG | 0400, .read = proc_read_pagemap, .private = true},   \
        PROC_FILE("cgroup", show_cgroup), PROC_FILE("oom_score", show_oom_score),                  \
        {.name = "oom_score_adj",                                                                  \
         .mode = S_IFREG | 0644,                                                                   \
         .show = show_oom_score_adj,                                                               \
         .write = write_oom_score_adj},                                                            \
        {.name = "personality",                                                                    \
         .mode = S_IFREG | 0400,                                                                   \
         .show = show_personality,                                                                 \
         .private = true},                                                                         \
        {.name = "mounts",                                                                         \
         .mode = S_IFREG | 0444,                                                                   \
         .show = proc_show_mounts,                                                                 \
         .text_at_open = true},                                                                    \
        {.name = "mountinfo",                                                                      \
         .mode = S_IFREG | 0444,                                                                   \
         .show = proc_show_mountinfo,                                                              \
         .text_at_open = true},                                                                    \
        {.name = "ns",                                                                             \
         .mode = S_IFDIR | 0511,                                                                   \
         .children = proc_namespace_children,                                                      \
         .private = true},                                                                         \
        LINK("exe", proc_exe_read_link, proc_exe_follow),                                          \
        LINK("cwd", proc_cwd_read_link, proc_cwd_follow),                                          \
        LINK("root", proc_root_read_link, proc_root_follow),                                       \
        {.name = "fd",                                                                             \
         .mode = S_IFDIR | 0500,                                                                   \
         .number_child = &proc_fd_entry,                                                           \
         .numbers = PROC_FDS,                                                                      \
         .private = true},                                                                         \
    {                                                                                              \
        .name = "fdinfo", .mode = S_IFDIR | 0500, .number_child = &proc_fdinfo_entry,              \
        .numbers = PROC_FDS, .private = true                                                       \
    }

static const struct proc_entry thread_children[] = {
    COMMON_CHILDREN,
    PROC_FILE("children", proc_show_children),
    {.name = NULL},
};

static const struct proc_entry thread_entry = {.mode = S_IFDIR | 0555, .children = thread_children};

static const struct proc_entry process_children[] = {
    COMMON_CHILDREN,
    {.name = "task", .mode = S_IFDIR | 0555, .number_child = &thread_entry, .numbers = PROC_TIDS},
    PROC_FILE("timerslack_ns", proc_show_timer_slack),
    {.name = "timens_offsets",
     .mode = S_IFREG | 0644,
     .show = proc_show_time_offsets,
     .write_at = proc_write_time_offsets,
     .position_stays = true},
    {.name = NULL},
};

const struct proc_entry proc_process_entry = {.mode = S_IFDIR | 0555, .children = process_children};

static const struct proc_entry root_children[] = {
    {.name = "self", .mode = S_IFLNK | 0777, .read_link = proc_self_read_link},
    {.name = "thread-self", .mode = S_IFLNK | 0777, .read_link = proc_thread_self_read_link},
    {.name = "mounts", .mode = S_IFLNK | 0777, .read_link = proc_mounts_read_link},
    PROC_FILE("version", proc_show_version),
    PROC_FILE("uptime", proc_show_uptime),
    PROC_FILE("loadavg", proc_show_loadavg),
    PROC_FILE("meminfo", proc_show_meminfo),
    PROC_FILE("stat", proc_show_stat),
    PROC_FILE("vmstat", proc_show_vmstat),
    PROC_FILE("swaps", proc_show_swaps),
    PROC_FILE("cpuinfo", proc_show_cpuinfo),
    PROC_FILE("filesystems", proc_show_filesystems),
    PROC_FILE("cmdline", proc_show_cmdline),
    PROC_FILE("interrupts", proc_show_interrupts),
    PROC_FILE("partitions", proc_show_partitions),
    PROC_FILE("diskstats", proc_show_nothing),
    PROC_DIRECTORY("sys", proc_sys_children),
    PROC_DIRECTORY("sysvipc", proc_sysvipc_children),
    {.name = NULL},
};

const struct proc_entry proc_root_entry = {
    .mode = S_IFDIR | 0555,
    .children = root_children,
    .number_child = &proc_process_entry,
    .numbers = PROC_PIDS,
};
