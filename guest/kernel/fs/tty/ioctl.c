/*
 * kernel/fs/tty/ioctl.c - settings of a terminal (ioctl_tty(2)).
 */
#include "arch/cpu.h"
#include "arch/user_access.h"
#include "kernel/fs/tty/tty.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/process/process.h"
#include "kernel/time/clock.h"

#define CELL(tty, index) ((tty)->input[(index) & (TTY_INPUT_CELLS - 1)])
#define SPEED_38400      38400u

/* What the flush and flow calls act on. */
#define TCIFLUSH  0
#define TCOFLUSH  1
#define TCIOFLUSH 2
#define TCOOFF    0
#define TCOON     1
#define TCIOFF    2
#define TCION     3

static void flush_input(struct tty *tty)
{
    spin_lock(&tty->lock);
    tty->read = tty->committed = tty->head;
    spin_unlock(&tty->lock);
}

/* Waits until the host has taken everything. 0 or -ERESTARTSYS. */
static int drain_output(struct tty *tty)
{
    /* The host takes the bytes by itself; nobody tells when the last one went, so look again now
     * and then. */
    while (tty->driver->output_pending(tty) && !tty->driver->output_ended(tty)) {
        wait_prepare_alone();
        int error = wait_block(WAIT_CONSOLE_OUTPUT, (uint64_t)tty, WAIT_INTERRUPTIBLE,
                               clock_monotonic_ns() + 1000000);
        if (error && error != -ETIMEDOUT)
            return error;
    }
    return 0;
}

/* What is locked stays as it was. Lock held. */
static void keep_locked(const struct tty *tty, struct linux_termios *termios)
{
    const struct linux_termios *old = &tty->termios, *locked = &tty->locked;

#define KEEP(flags)                                                                                \
    termios->flags = (termios->flags & ~locked->flags) | (old->flags & locked->flags)
    KEEP(iflag);
    KEEP(oflag);
    KEEP(cflag);
    KEEP(lflag);
#undef KEEP
    if (locked->line)
        termios->line = old->line;
    for (int i = 0; i < TERMIOS_CHARACTERS; i++) {
        if (locked->cc[i])
            termios->cc[i] = old->cc[i];
    }
}

static void apply(struct tty *tty, struct linux_termios *termios)
{
    spin_lock(&tty->lock);
    keep_locked(tty, termios);
    bool was_canonical = tty->termios.lflag & ICANON;
    bool is_canonical = termios->lflag & ICANON;
    tty->termios = *termios;
    if (was_canonical && !is_canonical) {
        tty->committed = tty->head; /* the unfinished line can be read now */
    } else if (!was_canonical && is_canonical) {
        if (tty->read != tty->head)
            CELL(tty, tty->head - 1) |= TTY_CELL_DELIMITER; /* what is there counts as a line */
        tty->committed = tty->head;
        tty->line_column = tty->column;
    }
    if (!(termios->iflag & IXON))
        tty->output_stopped = false;
    spin_unlock(&tty->lock);
    wake_up_all(&tty->read_waiters);
    wake_up_all(&tty->write_waiters);
}

/* The old form says nothing about the upper halves and the later characters: they stay. */
static int merge_termio(struct tty *tty, uint64_t address, struct linux_termios *termios)
{
    struct linux_termio old;

    if (get_user(old, address))
        return -EFAULT;
    spin_lock(&tty->lock);
    *termios = tty->termios;
    spin_unlock(&tty->lock);
    termios->iflag = (termios->iflag & ~0xffffu) | old.iflag;
    termios->oflag = (termios->oflag & ~0xffffu) | old.oflag;
    termios->cflag = (termios->cflag & ~0xffffu) | old.cflag;
    termios->lflag = (termios->lflag & ~0xffffu) | old.lflag;
    termios->line = old.line;
    memcpy(termios->cc, old.cc, sizeof(old.cc));
    return 0;
}

static int64_t get_termio(struct tty *tty, uint64_t address)
{
    struct linux_termio old;

    memset(&old, 0, sizeof(old));
    spin_lock(&tty->lock);
    old.iflag = (uint16_t)tty->termios.iflag;
    old.oflag = (uint16_t)tty->termios.oflag;
    old.cflag = (uint16_t)tty->termios.cflag;
    old.lflag = (uint16_t)tty->termios.lflag;
    old.line = tty->termios.line;
    memcpy(old.cc, tty->termios.cc, sizeof(old.cc));
    spin_unlock(&tty->lock);
    return put_user(old, address);
}

/* TCSETS and its relatives; `bytes` says which structure the program has. */
static int64_t set_termios(struct tty *tty, uint64_t address, size_t bytes, bool drain, bool flush)
{
    struct linux_termios2 termios;

    int error = tty_check_change(tty, false);
    if (error)
        return error;
    if (bytes == sizeof(struct linux_termio))
        error = merge_termio(tty, address, &termios.base);
    else if (copy_from_user(&termios, address, bytes))
        error = -EFAULT;
    if (error)
        return error;
    if (drain) {
        error = drain_output(tty);
        if (error)
            return error;
    }
    if (flush)
        flush_input(tty);
    apply(tty, &termios.base);
    return 0;
}

static int64_t get_termios(struct tty *tty, uint64_t address, size_t bytes)
{
    struct linux_termios2 termios;

    spin_lock(&tty->lock);
    termios.base = tty->termios;
    spin_unlock(&tty->lock);
    termios.input_speed = SPEED_38400;
    termios.output_speed = SPEED_38400;
    return copy_to_user(address, &termios, bytes);
}

static int64_t get_locked(struct tty *tty, uint64_t address)
{
    struct linux_termios locked;

    spin_lock(&tty->lock);
    locked = tty->locked;
    spin_unlock(&tty->lock);
    return put_user(locked, address);
}

static int64_t set_locked(struct tty *tty, uint64_t address)
{
    struct linux_termios locked;

    if (!process_has_capability(current->process, CAP_SYS_ADMIN))
        return -EPERM;
    if (get_user(locked, address))
        return -EFAULT;
    spin_lock(&tty->lock);
    tty->locked = locked;
    spin_unlock(&tty->lock);
    return 0;
}

static int64_t flush(struct tty *tty, uint64_t which)
{
    int error = tty_check_change(tty, false);
    if (error)
        return error;
    if (which > TCIOFLUSH)
        return -EINVAL;
    if (which != TCOFLUSH)
        flush_input(tty);
    /* A console's output is in the host's hands at once: there is nothing to drop. */
    if (which != TCIFLUSH && tty->driver->flush_output) {
        spin_lock(&tty->lock);
        tty->driver->flush_output(tty);
        spin_unlock(&tty->lock);
        wake_up_all(&tty->write_waiters);
    }
    return 0;
}

static int64_t flow(struct tty *tty, uint64_t action)
{
    int error = tty_check_change(tty, false);
    if (error)
        return error;
    switch (action) {
    case TCOOFF:
    case TCOON:
        spin_lock(&tty->lock);
        tty->output_stopped = action == TCOOFF;
        spin_unlock(&tty->lock);
        wake_up_all(&tty->write_waiters);
        return 0;
    case TCIOFF:
    case TCION: {
        spin_lock(&tty->lock);
        tty_echo_raw(tty, (const char *)&tty->termios.cc[action == TCIOFF ? VSTOP : VSTART], 1);
        spin_unlock(&tty->lock);
        return 0;
    }
    }
    return -EINVAL;
}

static int64_t set_window(struct tty *tty, uint64_t address)
{
    struct linux_winsize window;

    if (get_user(window, address))
        return -EFAULT;
    tty_set_window(tty, &window);
    return 0;
}

static int64_t get_window(struct tty *tty, uint64_t address)
{
    struct linux_winsize window;

    spin_lock(&tty->lock);
    window = tty->window;
    spin_unlock(&tty->lock);
    return put_user(window, address);
}

/* Bytes that a read would get at once. */
static int64_t input_count(struct tty *tty, uint64_t address)
{
    int32_t count = 0;

    tty->driver->pump(tty);
    spin_lock(&tty->lock);
    for (uint32_t i = tty->read; i != tty->committed; i++)
        count += !(CELL(tty, i) & TTY_CELL_EOF);
    spin_unlock(&tty->lock);
    return put_user(count, address);
}

int64_t tty_ioctl(struct file *file, uint32_t command, uint64_t argument)
{
    struct tty *tty = file->private_data;
    bool hung_up = tty->driver->hold && tty->driver->output_ended(tty);

    return hung_up ? -EIO : tty_ioctl_on(tty, file, command, argument);
}

int64_t tty_ioctl_on(struct tty *tty, struct file *file, uint32_t command, uint64_t argument)
{
    int32_t value;

    switch (command) {
    case TCGETS:
        return get_termios(tty, argument, sizeof(struct linux_termios));
    case TCGETS2:
        return get_termios(tty, argument, sizeof(struct linux_termios2));
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
        return set_termios(tty, argument, sizeof(struct linux_termios), command != TCSETS,
                           command == TCSETSF);
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
        return set_termios(tty, argument, sizeof(struct linux_termios2), command != TCSETS2,
                           command == TCSETSF2);
    case TCGETA:
        return get_termio(tty, argument);
    case TCSETA:
    case TCSETAW:
    case TCSETAF:
        return set_termios(tty, argument, sizeof(struct linux_termio), command != TCSETA,
                           command == TCSETAF);
    case TIOCGLCKTRMIOS:
        return get_locked(tty, argument);
    case TIOCSLCKTRMIOS:
        return set_locked(tty, argument);
    case TCFLSH:
        return flush(tty, argument);
    case TCXONC:
        return flow(tty, argument);
    case TCSBRK:
    case TCSBRKP: {
        int error = tty_check_change(tty, false);
        return error ? error : drain_output(tty); /* there is no line to send a break on */
    }
    case TIOCGWINSZ:
        return get_window(tty, argument);
    case TIOCSWINSZ:
        return set_window(tty, argument);
    case FIONREAD:
        return input_count(tty, argument);
    case TIOCOUTQ:
        value = (int32_t)tty->driver->output_pending(tty);
        return put_user(value, argument);
    case TIOCEXCL:
    case TIOCNXCL:
        WRITE_ONCE(tty->exclusive, command == TIOCEXCL);
        return 0;
    case TIOCGEXCL:
        value = READ_ONCE(tty->exclusive);
        return put_user(value, argument);
    case TIOCGETD:
        value = 0; /* N_TTY, the only discipline */
        return put_user(value, argument);
    case TIOCSETD:
        if (get_user(value, argument))
            return -EFAULT;
        return value ? -EINVAL : 0;
    case TIOCGDEV:
        value = (int32_t)tty->device;
        return put_user(value, argument);
    case TIOCSTI:
        return -EIO; /* as on a Linux with legacy TIOCSTI off */
    default:
        return tty_job_ioctl(tty, file, command, argument);
    }
}
