/*
 * kernel/fs/tty/console.c - the terminal that the host's standard streams are, if the host says so:
 * a tty whose driver is the input channel and one output channel. Opens the standard streams of the
 * first program.
 *
 * If only some streams are a terminal, the tty has only these directions: without input it reads
 * end of file, without output it swallows its echo; the other streams are plain ones (stream.c).
 *
 * Locks: the input channel's consumer is whoever holds pump_lock; the output channel's producer
 * holds tty->lock.
 */
#include "arch/cpu.h"
#include "arch/layout.h"
#include "kernel/fs/device/device.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/fs/tty/stream.h"
#include "kernel/fs/tty/tty.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/process/process.h"
#include "shared/boot.h"

static struct tty console;
static bool console_present, console_input, console_output;
static enum glass_channel_index output_channel;

/*
 * Taken inside no lock and around tty->lock, also in interrupts; never held while interrupts are
 * let in. Whoever finds it taken leaves: the holder looks again before it goes.
 */
static uint32_t pump_taken, pump_again;

static bool console_put(struct tty *tty, const uint8_t *bytes, size_t count)
{
    (void)tty;
    if (!console_output || channel_reader_gone(output_channel))
        return true;
    if (channel_room(output_channel) < count)
        return false;
    channel_put(output_channel, bytes, count);
    return true;
}

static size_t console_room(struct tty *tty)
{
    (void)tty;
    if (!console_output || channel_reader_gone(output_channel))
        return CHANNEL_BYTES;
    return channel_room(output_channel);
}

static void console_want_room(struct tty *tty)
{
    (void)tty;
    if (console_output)
        channel_want_room(output_channel, 256);
}

static void pump_once(struct tty *tty)
{
    const uint8_t *bytes;
    size_t count;

    for (;;) {
        while ((count = channel_peek(&bytes))) {
            size_t taken = tty_receive(tty, bytes, count);
            if (taken)
                channel_took(taken);
            if (taken < count)
                return; /* the buffer is full: the next reader pumps again */
        }
        if (!channel_want_bytes())
            return;
        if (channel_ended()) {
            wake_up_all(&tty->read_waiters);
            return;
        }
    }
}

static void console_pump(struct tty *tty)
{
    if (!console_input)
        return;
    __atomic_store_n(&pump_again, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&pump_again, __ATOMIC_SEQ_CST) &&
           !__atomic_exchange_n(&pump_taken, 1, __ATOMIC_SEQ_CST)) {
        __atomic_store_n(&pump_again, 0, __ATOMIC_SEQ_CST);
        pump_once(tty);
        __atomic_store_n(&pump_taken, 0, __ATOMIC_SEQ_CST);
    }
}

static bool console_input_ended(struct tty *tty)
{
    (void)tty;
    return !console_input || (channel_ended() && READ_ONCE(tty->committed) == READ_ONCE(tty->read));
}

static bool console_output_ended(struct tty *tty)
{
    (void)tty;
    return console_output && channel_reader_gone(output_channel);
}

static size_t console_output_pending(struct tty *tty)
{
    (void)tty;
    return console_output ? channel_pending(output_channel) : 0;
}

static const struct tty_driver console_driver = {
    .put = console_put,
    .room = console_room,
    .want_room = console_want_room,
    .pump = console_pump,
    .input_ended = console_input_ended,
    .output_ended = console_output_ended,
    .output_pending = console_output_pending,
};

struct tty *console_tty(void)
{
    return console_present ? &console : NULL;
}

void console_host_notified(void)
{
    if (console_present) {
        console_pump(&console);
        if (console_output && (channel_room(output_channel) || channel_reader_gone(output_channel)))
            wake_up_all(&console.write_waiters);
    }
    channel_host_notified();
}

void console_set_window(uint16_t rows, uint16_t columns)
{
    struct linux_winsize window = {.rows = rows, .columns = columns};

    if (console_present)
        tty_set_window(&console, &window);
}

int console_open(struct file *file)
{
    if (console_present) {
        /* Opening the console never makes it the controlling terminal. */
        return tty_attach(&console, file);
    }
    /* No terminal anywhere: what is read comes from standard input, what is written goes to
     * standard error. */
    stream_attach(file, (file->flags & O_ACCMODE) == O_RDONLY ? CHANNEL_STDIN : CHANNEL_STDERR);
    return 0;
}

int controlling_tty_open(struct file *file)
{
    /* Held before the lock is dropped: a pty goes when its master is closed. */
    spin_lock(&family_lock);
    struct tty *tty = current->process->tty;
    int error = tty ? tty_attach(tty, file) : -ENXIO;
    spin_unlock(&family_lock);
    return error;
}

static void console_init(const struct boot_info *boot)
{
    bool tty_stdout = boot->flags & BOOT_FLAG_TTY_STDOUT,
         tty_stderr = boot->flags & BOOT_FLAG_TTY_STDERR;

    console_input = boot->flags & BOOT_FLAG_TTY_STDIN;
    console_output = tty_stdout || tty_stderr;
    if (!console_input && !console_output)
        return;
    output_channel = tty_stdout ? CHANNEL_STDOUT : CHANNEL_STDERR;
    tty_init(&console, &console_driver, DEVICE_NUMBER(DEVICE_TTYAUX_MAJOR, 1));
    if (boot->flags & BOOT_FLAG_TTY_COOKED)
        console.termios.oflag = (console.termios.oflag & ~(uint32_t)ONLCR) | ONLRET;
    console.window.rows = boot->window_rows;
    console.window.columns = boot->window_columns;
    console_present = true;
    console_pump(&console);
}

/* /dev/console as a place in the tree, so that ttyname() finds it; counted. False: there is none. */
static bool find_console_node(struct path *ret)
{
    *ret = initial_root;
    path_get(ret);
    static const char *const names[] = {"dev", "console"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct dentry *next = NULL;
        if (!inode_is(ret->dentry->inode, S_IFDIR) ||
            dentry_lookup(ret->dentry, names[i], strlen(names[i]), &next))
            next = NULL;
        if (!next || !next->inode) {
            if (next)
                dentry_put(next);
            path_put(ret);
            return false;
        }
        dentry_put(ret->dentry);
        ret->dentry = next;
        path_cross(ret);
    }
    return true;
}

static struct file *console_file_create(void)
{
    struct path node;
    struct file *file;

    if (find_console_node(&node)) {
        file = file_create(&node, node.dentry->inode, O_RDWR, &tty_file_operations, &console);
        path_put(&node);
        return file;
    }
    struct inode *inode = anonymous_inode(S_IFCHR | 0620, "console");
    if (!inode)
        return NULL;
    inode->device = console.device;
    file = file_create(NULL, inode, O_RDWR, &tty_file_operations, &console);
    inode_put(inode);
    return file;
}

static int open_streams(struct file_table *table, int first)
{
    static const uint32_t tty_flags[CHANNEL_COUNT] = {BOOT_FLAG_TTY_STDIN, BOOT_FLAG_TTY_STDOUT,
                                                      BOOT_FLAG_TTY_STDERR};
    const struct boot_info *boot = phys_to_virt(BOOT_INFO_PHYS);
    struct file *terminal = NULL;
    int error = 0;

    for (int fd = first; fd < (int)CHANNEL_COUNT && !error; fd++) {
        struct file *file;
        if (boot->flags & tty_flags[fd]) {
            if (!terminal)
                terminal = console_file_create();
            file = terminal;
            if (file)
                file_get(file);
        } else {
            file = stream_file_create((enum glass_channel_index)fd);
        }
        error = file ? file_table_install_first(table, fd, file) : -ENOMEM;
    }
    if (terminal)
        file_put(terminal);
    return error;
}

int fs_open_standard_streams(struct file_table *table)
{
    console_init(phys_to_virt(BOOT_INFO_PHYS));
    return open_streams(table, CHANNEL_STDIN);
}

int fs_open_output_streams(struct file_table *table)
{
    return open_streams(table, CHANNEL_STDOUT);
}
