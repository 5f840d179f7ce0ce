/* kernel/fs/proc/sys_fs.c - /proc/sys/fs: limits and settings of files. */
#include "arch/cpu.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/lease.h"
#include "kernel/fs/notify/inotify.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/proc/proc.h"

static int show_descriptor_limit(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "%u\n", FILE_TABLE_MAX);
    return 0;
}

static int show_pipe_max(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "%u\n", PIPE_MAX_BYTES);
    return 0;
}

#define FILE_SETTING(setting_name, show_function, write_function)                                  \
    {                                                                                              \
        .name = (setting_name), .mode = S_IFREG | 0644, .show = (show_function),                   \
        .write = (write_function)                                                                  \
    }

/* A limit that may be set: 0..INT32_MAX. */
#define NUMBER_SETTING(name, variable)                                                             \
    static int show_##name(struct proc_text *text, const struct proc_target *target)               \
    {                                                                                              \
        (void)target;                                                                              \
        text_print(text, "%u\n", READ_ONCE(variable));                                             \
        return 0;                                                                                  \
    }                                                                                              \
    static int write_##name(const struct proc_target *target, char *text, size_t length)           \
    {                                                                                              \
        uint64_t value;                                                                            \
        int error = proc_one_number(text, INT32_MAX, &value);                                      \
        (void)target;                                                                              \
        (void)length;                                                                              \
        if (!error)                                                                                \
            WRITE_ONCE(variable, (uint32_t)value);                                                 \
        return error;                                                                              \
    }
NUMBER_SETTING(queued_events, inotify_limits.queued_events)
NUMBER_SETTING(instances, inotify_limits.instances)
NUMBER_SETTING(watches, inotify_limits.watches)
NUMBER_SETTING(lease_break_time, lease_break_seconds)

static const struct proc_entry inotify_children[] = {
    FILE_SETTING("max_queued_events", show_queued_events, write_queued_events),
    FILE_SETTING("max_user_instances", show_instances, write_instances),
    FILE_SETTING("max_user_watches", show_watches, write_watches),
    {.name = NULL},
};

const struct proc_entry proc_sys_fs_children[] = {
    PROC_DIRECTORY("inotify", inotify_children),
    FILE_SETTING("lease-break-time", show_lease_break_time, write_lease_break_time),
    PROC_FILE("nr_open", show_descriptor_limit),
    PROC_FILE("file-max", show_descriptor_limit),
    PROC_FILE("pipe-max-size", show_pipe_max),
    {.name = NULL},
};
