/*
 * kernel/fs/tty/pty.h - pseudo-terminals: a tty (the slave, /dev/pts/N) whose other side is a file,
 * the master (/dev/ptmx). What the master writes is typed at the tty; what programs write on the
 * tty, the master reads (pty(7)).
 *
 * Lifetime: one reference for the open master, one per open slave; the number is free again when
 * the master is closed. No process keeps a pty as its controlling terminal after the master is
 * gone: closing it hangs up. Locks: pty_table_lock (RANK_PTY_TABLE) for the numbers, `master_open`
 * and `slaves`; tty.lock for the rest; reading and writing on the master are each serialised by a
 * mutex (RANK_TTY).
 */
#ifndef KERNEL_FS_TTY_PTY_H
#define KERNEL_FS_TTY_PTY_H

#include "kernel/fs/tty/tty.h"

#define PTY_COUNT        256u /* minors of one major number */
#define PTY_SLAVE_MAJOR  136
#define PTY_OUTPUT_BYTES 16384u /* a power of two */

struct pty {
    struct tty tty; /* the slave */
    uint32_t index;
    uint32_t references; /* atomic */
    bool master_open;
    uint32_t slaves;          /* open slave files */
    bool slave_was_open;      /* since then, "no slave" reads as an error on the master */
    bool locked;              /* TIOCSPTLCK: slaves cannot be opened yet */
    bool packet;              /* TIOCPKT */
    struct inode *node;       /* /dev/pts/N; counted */
    uint32_t head, tail;      /* of output[]: what the master has not read yet */
    struct wait_queue master; /* readers of the master, and writers that wait for room */
    struct mutex master_read_lock, master_write_lock;
    uint8_t output[PTY_OUTPUT_BYTES];
};

static inline struct pty *pty_of(struct tty *tty)
{
    return container_of(tty, struct pty, tty);
}

extern const struct file_operations pty_master_operations; /* pty_master.c */

/* Makes a new pair, and `file` (of /dev/ptmx, just opened) its master: 0, -ENOMEM, -ENOSPC. */
int pty_open_master(struct file *file);
/* Makes `file` a slave of that number: 0, -EIO (locked, or no such pty). O_NOCTTY in its flags. */
int pty_open_slave(struct file *file, uint32_t index);
/* The master was closed: hangs up. Gives up its reference. */
void pty_close_master(struct pty *pty);
/* One that somebody uses already: a counted user more (the tty's driver calls). */
void pty_put(struct pty *pty);

/* ---- for device/devpts.c ---- */
/* The node of /dev/pts/N, counted, or NULL. */
struct inode *pty_node(uint32_t index);
/* The smallest number >= from in use, or -1. */
int32_t pty_next(uint32_t from);
/* device/devpts.c: a node for a new pty, counted; NULL when out of memory. */
struct inode *devpts_node_create(uint32_t index);

#endif
