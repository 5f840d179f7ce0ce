/*
 * kernel/fs/proc/proc.h - the inside of /proc. The tree is described by tables of struct
 * proc_entry; what an entry is about (which process, thread, descriptor) is its key. Inodes are
 * made when a name is looked up and hold no process: each operation looks the process up again and
 * says ESRCH if it has gone.
 */
#ifndef KERNEL_FS_PROC_PROC_H
#define KERNEL_FS_PROC_PROC_H

#include "kernel/fs/inode.h"
#include "kernel/fs/proc/text.h"

struct pid_namespace;
struct process;
struct task;

struct proc_key {
    const struct proc_entry *entry;
    int32_t pid; /* 0: not about a process; global, as all numbers in the kernel */
    int32_t tid; /* 0: about the process as a whole; global */
    int32_t fd;  /* -1: not about a descriptor */
    struct pid_namespace *namespace; /* whose numbers this /proc shows; its mount holds it */
};

/* The key's objects, held for the length of one operation. */
struct proc_target {
    const struct proc_key *key;
    struct process *process; /* NULL: not about a process */
    struct task *task;       /* the thread, or the process's leader */
};

enum proc_number { PROC_NO_NUMBERS = 0, PROC_PIDS, PROC_TIDS, PROC_FDS };

struct proc_entry {
    const char *name;
    uint32_t mode; /* type and permissions */
    /* Files: one of the two. 0 or -errno. */
    int (*show)(struct proc_text *text, const struct proc_target *target);
    ssize_t (*read)(const struct proc_target *target, struct io_buffer *buffer, uint64_t position);
    /* Of files that can be written: a NUL-terminated text without its last newline. 0 or -errno. */
    int (*write)(const struct proc_target *target, char *text, size_t length);
    /* Or bytes at a position, like read(). */
    ssize_t (*write_at)(const struct proc_target *target, struct io_buffer *buffer,
                        uint64_t position);
    /* Symbolic links: text, and for links that lead straight to a place, the place. */
    ssize_t (*read_link)(const struct proc_target *target, char *buffer, size_t size);
    int (*follow)(const struct proc_target *target, struct path *ret);
    /* Directories: named children (ends with a NULL name), and one kind of child per number. */
    const struct proc_entry *children;
    const struct proc_entry *number_child;
    enum proc_number numbers;
    bool private;        /* only for who may inspect the process */
    bool position_stays; /* write_at() does not move it */
    bool text_at_open;   /* show() needs locks below a file position's */
};

#define PROC_FILE(file_name, show_function)                                                        \
    {                                                                                              \
        .name = (file_name), .mode = S_IFREG | 0444, .show = (show_function)                       \
    }
#define PROC_DIRECTORY(directory_name, child_table)                                                \
    {                                                                                              \
        .name = (directory_name), .mode = S_IFDIR | 0555, .children = (child_table)                \
    }

extern const struct proc_entry proc_root_entry;
extern const struct proc_entry proc_process_entry; /* /proc/PID */
extern const struct proc_entry proc_sys_children[];
extern const struct proc_entry proc_sys_fs_children[];           /* /proc/sys/fs */
extern const struct proc_entry proc_fd_entry, proc_fdinfo_entry; /* /proc/PID/fd/N, fdinfo/N */

/* 0, -ESRCH if it has gone, -EACCES if it is private and not the current task's to see. */
int proc_target_get(const struct proc_key *key, struct proc_target *ret);
void proc_target_put(struct proc_target *target);
/* May the current task look into the process (ptrace(2), "access mode checking", without
 * capabilities)? */
bool proc_may_inspect(struct process *process);
/* The smallest number >= from that a directory with numbers has, or -1; *ret_global is what it
 * stands for in the kernel: the same, or the global number of a process or thread. */
int32_t proc_next_number(const struct proc_key *key, enum proc_number numbers, int32_t from,
                         int32_t *ret_global);

/* The number that was written into a setting, by whoever may. 0, -EPERM or -EINVAL. (ipc.c) */
int proc_one_number(char *text, uint64_t most, uint64_t *ret);

/* machine.c */
int proc_show_version(struct proc_text *text, const struct proc_target *target);
int proc_show_uptime(struct proc_text *text, const struct proc_target *target);
int proc_show_loadavg(struct proc_text *text, const struct proc_target *target);
int proc_show_meminfo(struct proc_text *text, const struct proc_target *target);
int proc_show_stat(struct proc_text *text, const struct proc_target *target);
int proc_show_vmstat(struct proc_text *text, const struct proc_target *target);
int proc_show_swaps(struct proc_text *text, const struct proc_target *target);
int proc_show_cmdline(struct proc_text *text, const struct proc_target *target);
int proc_show_interrupts(struct proc_text *text, const struct proc_target *target);
int proc_show_partitions(struct proc_text *text, const struct proc_target *target);
int proc_show_nothing(struct proc_text *text, const struct proc_target *target);
/* cpuinfo.c */
int proc_show_cpuinfo(struct proc_text *text, const struct proc_target *target);
/* mounts.c */
int proc_show_mounts(struct proc_text *text, const struct proc_target *target);
int proc_show_mountinfo(struct proc_text *text, const struct proc_target *target);
int proc_show_filesystems(struct proc_text *text, const struct proc_target *target);
/* status.c */
int proc_show_process_stat(struct proc_text *text, const struct proc_target *target);
int proc_show_process_status(struct proc_text *text, const struct proc_target *target);
int proc_show_process_statm(struct proc_text *text, const struct proc_target *target);
int proc_show_limits(struct proc_text *text, const struct proc_target *target);
/* activity.c */
int proc_show_wchan(struct proc_text *text, const struct proc_target *target);
int proc_show_syscall(struct proc_text *text, const struct proc_target *target);
int proc_show_schedstat(struct proc_text *text, const struct proc_target *target);
int proc_show_sched(struct proc_text *text, const struct proc_target *target);
int proc_show_children(struct proc_text *text, const struct proc_target *target);
int proc_show_timer_slack(struct proc_text *text, const struct proc_target *target);
/* token.c */
int proc_show_token(struct proc_text *text, const struct proc_target *target);
/* smaps.c */
int proc_show_smaps(struct proc_text *text, const struct proc_target *target);
int proc_show_smaps_rollup(struct proc_text *text, const struct proc_target *target);
ssize_t proc_read_pagemap(const struct proc_target *target, struct io_buffer *buffer,
                          uint64_t position);
/* memory.c */
struct address_space;
struct vma;
struct maps_walk {
    struct proc_text *text;
    struct address_space *space;
    char *path; /* PATH_MAX */
};
/* The mapping's line in maps, with its newline. */
void proc_show_mapping(struct maps_walk *walk, const struct vma *vma);
int proc_show_maps(struct proc_text *text, const struct proc_target *target);
ssize_t proc_read_command_line(const struct proc_target *target, struct io_buffer *buffer,
                               uint64_t position);
ssize_t proc_read_environment(const struct proc_target *target, struct io_buffer *buffer,
                              uint64_t position);
ssize_t proc_read_memory(const struct proc_target *target, struct io_buffer *buffer,
                         uint64_t position);
ssize_t proc_write_memory(const struct proc_target *target, struct io_buffer *buffer,
                          uint64_t position);
ssize_t proc_read_auxv(const struct proc_target *target, struct io_buffer *buffer,
                       uint64_t position);

#endif
