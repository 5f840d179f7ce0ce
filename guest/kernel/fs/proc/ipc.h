/* kernel/fs/proc/ipc.h - the entries of ipc.c: /proc/sysvipc, and limits in /proc/sys/kernel. */
#ifndef KERNEL_FS_PROC_IPC_H
#define KERNEL_FS_PROC_IPC_H

#include "kernel/fs/proc/proc.h"

extern const struct proc_entry proc_sysvipc_children[];

#define PROC_IPC_SETTINGS(S)                                                                       \
    S(shmmax)                                                                                      \
    S(shmall) S(shmmni) S(sem) S(msgmax) S(msgmnb) S(msgmni)
#define PROC_IPC_DECLARE(name)                                                                     \
    int proc_show_##name(struct proc_text *text, const struct proc_target *target);                \
    int proc_write_##name(const struct proc_target *target, char *text, size_t length);
PROC_IPC_SETTINGS(PROC_IPC_DECLARE)
#undef PROC_IPC_DECLARE
int proc_show_shm_rmid_forced(struct proc_text *text, const struct proc_target *target);

/* Lines of the table of /proc/sys/kernel. */
#define PROC_IPC_SETTING(setting)                                                                  \
    {.name = #setting,                                                                             \
     .mode = S_IFREG | 0644,                                                                       \
     .show = proc_show_##setting,                                                                  \
     .write = proc_write_##setting},
#define PROC_IPC_LIMITS                                                                            \
    PROC_IPC_SETTINGS(PROC_IPC_SETTING) PROC_FILE("shm_rmid_forced", proc_show_shm_rmid_forced)

#endif
