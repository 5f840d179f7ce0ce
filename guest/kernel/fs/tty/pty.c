/*
 * kernel/fs/tty/pty.c - pseudo-terminals as ttys: their numbers, the driver under the line
 * discipline, opening and closing. The master's file operations are in pty_master.c; lifetime and
 * locks: pty.h.
 */
#include "kernel/fs/tty/pty.h"

#include "arch/cpu.h"
#include "kernel/fs/device/device.h"
#include "kernel/fs/inode.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/process/process.h"

static struct spinlock pty_table_lock = SPINLOCK_INIT(RANK_PTY_TABLE);
static struct pty *ptys[PTY_COUNT];

/* ---- the driver: what the line discipline calls ---- */

static uint32_t output_used(const struct pty *pty)
{
    return READ_ONCE(pty->head) - READ_ONCE(pty->tail);
}

static bool master_gone(const struct tty *tty)
{
    return !READ_ONCE(container_of(tty, const struct pty, tty)->master_open);
}

/* tty->lock held. */
static bool pty_put_output(struct tty *tty, const uint8_t *bytes, size_t count)
{
    struct pty *pty = pty_of(tty);
    if (master_gone(tty))
        return true;
    if (PTY_OUTPUT_BYTES - output_used(pty) < count)
        return false;
    for (size_t i = 0; i < count; i++)
        pty->output[(pty->head + i) % PTY_OUTPUT_BYTES] = bytes[i];
    WRITE_ONCE(pty->head, pty->head + (uint32_t)count);
    wake_up_all(&pty->master);
    return true;
}

static size_t pty_room(struct tty *tty)
{
    return PTY_OUTPUT_BYTES - output_used(pty_of(tty));
}

/* The master's read always wakes whoever waits for room. */
static void pty_want_room(struct tty *tty)
{
    (void)tty;
}

/* Somebody read: a master that waits to write may go on. */
static void pty_pump(struct tty *tty)
{
    wake_up_all(&pty_of(tty)->master);
}

static bool pty_input_ended(struct tty *tty)
{
    return master_gone(tty);
}

static bool pty_output_ended(struct tty *tty)
{
    return master_gone(tty);
}

/* What is written has arrived: draining does not wait for the master's reader, as on Linux. */
static size_t pty_output_pending(struct tty *tty)
{
    (void)tty;
    return 0;
}

static void pty_flush_output(struct tty *tty)
{
    struct pty *pty = pty_of(tty);
    WRITE_ONCE(pty->tail, pty->head);
}

static bool pty_slave_hold(struct tty *tty)
{
    struct pty *pty = pty_of(tty);
    spin_lock(&pty_table_lock);
    bool open = pty->master_open;
    if (open) {
        __atomic_fetch_add(&pty->references, 1, __ATOMIC_RELAXED);
        pty->slaves++;
        pty->slave_was_open = true;
    }
    spin_unlock(&pty_table_lock);
    return open;
}

static void pty_slave_drop(struct tty *tty)
{
    struct pty *pty = pty_of(tty);
    spin_lock(&pty_table_lock);
    bool last = --pty->slaves == 0;
    spin_unlock(&pty_table_lock);
    if (last)
        wake_up_all(&pty->master);
    pty_put(pty);
}

static const struct tty_driver pty_driver = {
    .put = pty_put_output,
    .room = pty_room,
    .want_room = pty_want_room,
    .pump = pty_pump,
    .input_ended = pty_input_ended,
    .output_ended = pty_output_ended,
    .output_pending = pty_output_pending,
    .flush_output = pty_flush_output,
    .hold = pty_slave_hold,
    .drop = pty_slave_drop,
};

/* ---- lifetime ---- */

void pty_put(struct pty *pty)
{
    if (__atomic_sub_fetch(&pty->references, 1, __ATOMIC_ACQ_REL))
        return;
    inode_put(pty->node);
    kfree(pty);
}

static struct pty *pty_create(void)
{
    struct pty *pty = kzalloc(sizeof(*pty));
    if (!pty)
        return NULL;
    pty->references = 1;
    pty->master_open = true;
    pty->locked = true;
    wait_queue_init(&pty->master);
    mutex_init(&pty->master_read_lock, RANK_TTY);
    mutex_init(&pty->master_write_lock, RANK_TTY);
    return pty;
}

int pty_open_master(struct file *file)
{
    struct pty *pty = pty_create();
    if (!pty)
        return -ENOMEM;
    uint32_t index = 0;
    spin_lock(&pty_table_lock);
    while (index < PTY_COUNT && ptys[index])
        index++;
    if (index < PTY_COUNT)
        ptys[index] = pty; /* without a node: not there for others yet */
    spin_unlock(&pty_table_lock);
    if (index == PTY_COUNT) {
        kfree(pty);
        return -ENOSPC;
    }
    pty->index = index;
    tty_init(&pty->tty, &pty_driver, DEVICE_NUMBER(PTY_SLAVE_MAJOR, index));
    pty->tty.termios.iflag &= ~(uint32_t)IUTF8;
    struct inode *node = devpts_node_create(index);
    spin_lock(&pty_table_lock);
    if (node)
        pty->node = node;
    else
        ptys[index] = NULL;
    spin_unlock(&pty_table_lock);
    if (!node) {
        kfree(pty);
        return -ENOMEM;
    }
    file->operations = &pty_master_operations;
    file->private_data = pty;
    return 0;
}

void pty_close_master(struct pty *pty)
{
    spin_lock(&pty_table_lock);
    WRITE_ONCE(pty->master_open, false);
    ptys[pty->index] = NULL;
    spin_unlock(&pty_table_lock);
    tty_hang_up(&pty->tty);
    pty_put(pty);
}

int pty_open_slave(struct file *file, uint32_t index)
{
    spin_lock(&pty_table_lock);
    struct pty *pty = index < PTY_COUNT ? ptys[index] : NULL;
    bool good = pty && pty->node && !pty->locked;
    if (good)
        __atomic_fetch_add(&pty->references, 1, __ATOMIC_RELAXED);
    spin_unlock(&pty_table_lock);
    if (!good)
        return -EIO;
    int error = tty_open(&pty->tty, file);
    pty_put(pty);
    return error;
}

/* ---- names ---- */

struct inode *pty_node(uint32_t index)
{
    struct inode *node = NULL;
    spin_lock(&pty_table_lock);
    if (index < PTY_COUNT && ptys[index] && ptys[index]->node) {
        node = ptys[index]->node;
        inode_get(node);
    }
    spin_unlock(&pty_table_lock);
    return node;
}

int32_t pty_next(uint32_t from)
{
    int32_t found = -1;
    spin_lock(&pty_table_lock);
    for (uint32_t index = from; index < PTY_COUNT && found < 0; index++) {
        if (ptys[index] && ptys[index]->node)
            found = (int32_t)index;
    }
    spin_unlock(&pty_table_lock);
    return found;
}
