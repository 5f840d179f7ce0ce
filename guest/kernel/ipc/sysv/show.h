/* kernel/ipc/sysv/show.h - the texts of /proc/sysvipc (proc(5)): all objects of a namespace. */
#ifndef KERNEL_IPC_SYSV_SHOW_H
#define KERNEL_IPC_SYSV_SHOW_H

#include "kernel/ipc/sysv/namespace.h"

struct proc_text;

void ipc_show_shm(struct ipc_namespace *space, struct proc_text *text);
void ipc_show_sem(struct ipc_namespace *space, struct proc_text *text);
void ipc_show_msg(struct ipc_namespace *space, struct proc_text *text);

#endif
