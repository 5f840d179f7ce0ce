/*
 * kernel/fs/async.h - signals about open files (fcntl(2), "Managing signals"): to whom they go, which
 * one, and O_ASYNC, which sends one whenever something can be read or written.
 *
 * Locks: a mutex of its own (RANK_ASYNC) for what is asked here, a spinlock (RANK_ASYNC_RAISED) for
 * what was raised by wake-ups. Lifetime: an open file that has O_ASYNC is registered on its wait
 * queues; file_destroy() forgets it.
 */
#ifndef KERNEL_FS_ASYNC_H
#define KERNEL_FS_ASYNC_H

#include "kernel/fs/file.h"

/* si_code of such signals. */
#define POLL_CODE_IN  1
#define POLL_CODE_OUT 2
#define POLL_CODE_MSG 3

/* F_SETOWN, F_GETOWN, their _EX forms, F_SETSIG, F_GETSIG. */
int64_t file_owner_call(struct file *file, int command, uint64_t argument);
/* The current process becomes the owner, if there is none. */
void file_owner_default(struct file *file);
/* Tells the owner, with the signal that it chose: code POLL_CODE_*, band POLL*. */
void file_owner_signal(struct file *file, int fd, int code, int64_t band);
bool file_can_be_async(const struct file *file);
/* O_ASYNC was set or cleared. 0 or -ENOMEM. */
int file_async_set(struct file *file, int fd, bool on);
void file_async_forget(struct file *file);
/* Sends what wake-ups have raised. On the way to user mode (TASK_WORK_ASYNC), and by process 1 for
 * those who do not get there soon. May sleep. */
void file_async_run(void);
bool file_async_raised(void);
void file_async_helper(void); /* the current task is the one that wake-ups wake, too */

#endif
